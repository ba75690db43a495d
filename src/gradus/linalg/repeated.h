// Derivatives where eigenvalues or singular values repeat. The vectors of values that are equal up
// to rounding may turn among themselves; a derivative counts that turn as none. So it is right for
// what the values alone determine, to first order, and for what does not change with the turn:
// whether anything else depends on it cannot be seen where vectors meet values. A derivative that
// runs through such vectors is therefore told of.
#pragma once

#include <gradus/core/tensor.h>

#include <functional>
#include <string>

namespace gradus {

enum class Repeated { ignore, warn, raise };

// The policy of this thread for as long as the guard lives; guards nest. Without one it is warn.
class RepeatedGuard {
 public:
  // `tell` gets one line for each report of Repeated::warn; without it they go to standard error.
  // Repeated::raise makes it a NumericError.
  explicit RepeatedGuard(Repeated policy, std::function<void(const std::string&)> tell = {});
  ~RepeatedGuard();
  RepeatedGuard(const RepeatedGuard&) = delete;
  RepeatedGuard& operator=(const RepeatedGuard&) = delete;

  static void report(const std::string& line);

 private:
  Repeated policy_;
  std::function<void(const std::string&)> tell_;
  const RepeatedGuard* outer_;
};

// m / d, element by element of the last two axes, and 0 where d is rounding of `scale` (...), one
// number a matrix: there an element of m that is not rounding itself is reported. With `pairs`,
// element (i, j) of d compares values i and j, and the diagonal nothing.
Tensor quotient(const Tensor& m, const Tensor& d, const Tensor& scale, bool pairs);

}  // namespace gradus
