#include <gradus/base/error.h>
#include <gradus/nn/pass.h>
#include <gradus/ops/random.h>

#include <algorithm>
#include <string>

namespace gradus {

Pass Pass::training(Tensor key) {
  Pass pass;
  pass.training_ = true;
  pass.key_ = std::move(key);
  return pass;
}

Tensor Pass::next_key(std::string_view who) {
  if (key_.is_absent())
    raise(ErrorKind::usage, std::string(who) +
                                ": training without a random key. What a layer draws depends on a "
                                "key alone; give Pass::training(key_tensor(key)).");
  return split(key_, Tensor(drawn_++));
}

void Pass::update(const Statistic& statistic, Tensor value) {
  const auto found = std::ranges::find(updates_, &statistic, [](const auto& u) { return u.first; });
  if (found != updates_.end())
    found->second = std::move(value);
  else
    updates_.emplace_back(&statistic, std::move(value));
}

const Tensor& Pass::after(const Statistic& statistic) const {
  const auto found = std::ranges::find(updates_, &statistic, [](const auto& u) { return u.first; });
  return found != updates_.end() ? found->second : statistic.value;
}

void Pass::move_update(const Statistic& from, const Statistic& to) {
  const auto found = std::ranges::find(updates_, &from, [](const auto& u) { return u.first; });
  if (found != updates_.end()) found->first = &to;
}

}  // namespace gradus
