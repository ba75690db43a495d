#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/module.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>

namespace gradus {
namespace {

constexpr size_t most_listed = 8;  // names in one message

std::string listed(const std::vector<std::string>& items) {
  if (items.size() <= most_listed) return text::join(items, ", ");
  return text::join(std::span(items).first(most_listed), ", ") + " and " +
         std::to_string(items.size() - most_listed) + " more";
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

bool converts(DType from, DType to) {
  return from == to ||
         (is_float(to) && (is_float(from) || from == DType::f16 || from == DType::bf16));
}

bool fits(const Tensor& given, const Tensor& own) {
  return given.shape() == own.shape() && converts(given.dtype(), own.dtype());
}

const Tensor* find(const StateDict& dict, std::string_view name) {
  for (const auto& [key, x] : dict)
    if (key == name) return &x;
  return nullptr;
}

StateDict prepared(const StateDict& given, const LoadOptions& options) {
  StateDict result;
  for (const auto& [key, x] : given) {
    const bool strip = key.starts_with(options.strip_prefix);
    result.emplace_back(strip ? key.substr(options.strip_prefix.size()) : key,
                        options.transpose && x.rank() == 2 ? transpose(x) : x);
  }
  return result;
}

bool same_names_and_shapes(const StateDict& own, const StateDict& given) {
  return own.size() == given.size() && std::ranges::all_of(own, [&](const auto& entry) {
           const Tensor* x = find(given, entry.first);
           return x != nullptr && fits(*x, entry.second);
         });
}

// Old files have no such counts: PyTorch did not keep them at first.
bool may_be_missing(const std::string& name) {
  return name.ends_with("num_batches_tracked");
}

// A second name for a matrix that the model has under one: a tied weight.
bool repeats(const Tensor& x, const StateDict& own, const StateDict& given) {
  return x.rank() == 2 && std::ranges::any_of(own, [&](const auto& entry) {
           const Tensor* there = find(given, entry.first);
           return there != nullptr && there->type() == x.type() && same_bits(*there, x);
         });
}

// A prefix behind which the whole model is: '' when there is none.
std::string prefix_that_helps(const StateDict& own, const StateDict& given) {
  for (const auto& [key, x] : given) {
    for (size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
      const std::string prefix = key.substr(0, dot + 1);
      if (prefix + own[0].first != key) continue;
      const bool all = std::ranges::all_of(own, [&](const auto& entry) {
        const Tensor* there = find(given, prefix + entry.first);
        return there != nullptr ? fits(*there, entry.second) : may_be_missing(entry.first);
      });
      if (all) return prefix;
    }
  }
  return "";
}

// The next move, where there is one that works.
std::string rename_hint(const StateDict& own, const StateDict& given, const LoadOptions& options) {
  if (own.empty()) return "";
  if (const std::string prefix = prefix_that_helps(own, given); !prefix.empty()) {
    const auto others = std::ranges::count_if(
        given, [&](const auto& entry) { return !entry.first.starts_with(prefix); });
    return (others == 0 ? " Every key starts with '" : " The model's keys start with '") + prefix +
           "': load with strip_prefix '" + prefix + "'" +
           (others == 0 ? "." : ", and not strict, which leaves out the others.");
  }
  if (own.size() != given.size()) return "";
  if (!options.transpose && same_names_and_shapes(own, prepared(given, {.transpose = true})))
    return " The matrices are stored (in, out): load them with transpose.";
  std::vector<std::string> renames;
  for (size_t i = 0; i < own.size(); ++i) {
    if (!fits(given[i].second, own[i].second)) return "";
    if (given[i].first != own[i].first)
      renames.push_back(quoted(given[i].first) + " to " + quoted(own[i].first));
  }
  return " In their order the shapes agree: rename " + listed(renames) + ".";
}

}  // namespace

Tensor flatten(std::span<const Tensor> tensors) {
  std::vector<Tensor> parts;
  for (const Tensor& x : tensors) parts.push_back(reshape(x, {x.size()}));
  return concatenate(parts);
}

std::vector<Tensor> unflatten(const Tensor& flat, std::span<const Tensor> like) {
  int64_t total = 0;
  for (const Tensor& x : like) total += x.size();
  if (flat.rank() != 1 || flat.size() != total)
    raise(ErrorKind::shape, "unflatten: " + to_string(flat.type()) + " for " +
                                std::to_string(total) +
                                " elements. The flat vector has exactly the elements of all "
                                "tensors.");
  std::vector<Tensor> result;
  int64_t start = 0;
  for (const Tensor& x : like) {
    result.push_back(reshape(slice(flat, {{start, start + x.size()}}), x.shape()));
    start += x.size();
  }
  return result;
}

std::vector<Tensor> matched_state(const StateDict& own, const StateDict& given,
                                  const LoadOptions& options) {
  const StateDict offered = prepared(given, options);
  std::vector<std::string> missing, unexpected, misshapen;
  std::vector<Tensor> result;
  for (const auto& [key, x] : own) {
    const Tensor* found = find(offered, key);
    if (found == nullptr && !may_be_missing(key))
      missing.push_back(quoted(key) + " " + to_string(x.type()));
    else if (found != nullptr && !fits(*found, x))
      misshapen.push_back(quoted(key) + " is " + to_string(found->type()) + " there, " +
                          to_string(x.type()) + " here");
    result.push_back(found != nullptr && fits(*found, x) ? cast(*found, x.dtype()) : x);
  }
  for (const auto& [key, x] : offered)
    if (find(own, key) == nullptr && !repeats(x, own, offered))
      unexpected.push_back(quoted(key) + " " + to_string(x.type()));
  if (misshapen.empty() && (!options.strict || (missing.empty() && unexpected.empty())))
    return result;

  std::vector<std::string> parts;
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty())
      parts.push_back(std::to_string(names.size()) + " " + what + ": " + listed(names));
  };
  if (options.strict) add(missing, "missing");
  if (options.strict) add(unexpected, "unexpected");
  add(misshapen, "of another type");
  raise(ErrorKind::file, "load_state: " + text::join(parts, "; ") +
                             ". Names and shapes must be the model's." +
                             rename_hint(own, offered, options));
}

}  // namespace gradus
