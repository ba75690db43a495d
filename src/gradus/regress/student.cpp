#include <gradus/base/special.h>
#include <gradus/regress/student.h>

#include <cmath>
#include <limits>

namespace gradus::student {

double two_sided(double t, double freedom) {
  if (std::isinf(t)) return 0;
  return special::betainc(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double quantile(double p, double freedom) {
  if (p < 0.5) return -quantile(1 - p, freedom);
  if (p >= 1) return std::numeric_limits<double>::infinity();
  // t^2 / (freedom + t^2) has a beta law.
  const double x = special::betainc_c_inv(0.5, freedom / 2, 2 * (1 - p));
  return std::sqrt(freedom * x / (1 - x));
}

double f_tail(double f, double above, double below) {
  if (f <= 0) return 1;
  if (std::isinf(f)) return 0;
  return special::betainc(below / 2, above / 2, below / (below + above * f));
}

}  // namespace gradus::student
