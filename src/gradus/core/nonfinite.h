// What to do when an operation on finite numbers gives NaN or an infinity: nothing, tell, or stop.
// The report names the operation that made it, not those that passed it on: which one it was since
// the guard began, the first bad element, and of each input its range and how much of it is finite.
#pragma once

#include <gradus/core/op.h>

#include <functional>

namespace gradus {

enum class NonFinite { ignore, warn, raise };

// The policy of this thread for as long as the guard lives; guards nest. It looks at operations
// that compute at once or while recording with numbers. A plan that runs under it is interpreted
// first, with the same bits: that is where it looks, at twice the price and more.
class NonFiniteGuard {
 public:
  // `tell` gets one line for each report of NonFinite::warn; without it they go to standard error.
  // Infinities count unless switched off.
  explicit NonFiniteGuard(NonFinite policy, bool infinities = true,
                          std::function<void(const std::string&)> tell = {});
  ~NonFiniteGuard();
  NonFiniteGuard(const NonFiniteGuard&) = delete;
  NonFiniteGuard& operator=(const NonFiniteGuard&) = delete;

  static const NonFiniteGuard* current();
  bool watches() const { return policy_ != NonFinite::ignore; }
  // Called after every operation while a guard lives.
  void look(const Op& op, std::span<const View> in, std::span<const View> out) const;

 private:
  NonFinite policy_;
  bool infinities_;
  std::function<void(const std::string&)> tell_;
  const NonFiniteGuard* outer_;
  mutable int64_t operations_ = 0;  // looked at so far
};

}  // namespace gradus
