#include <gradus/regress/student.h>

#include <cmath>
#include <initializer_list>
#include <limits>

namespace gradus::student {
namespace {

// The regularised incomplete beta function I_x(a, b) by its continued fraction, evaluated from the
// front (Lentz; DLMF 8.17.22).
double incomplete_beta(double a, double b, double x) {
  if (!(x > 0)) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x)) /
                       a;
  constexpr double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < tiny ? tiny : d);
  double y = d;
  for (int m = 1; m < 10'000; ++m) {
    for (const double step : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
      d = 1 + step * d;
      d = 1 / (std::fabs(d) < tiny ? tiny : d);
      c = 1 + step / c;
      if (std::fabs(c) < tiny) c = tiny;
      y *= c * d;
    }
    if (std::fabs(c * d - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return front * y;
}

}  // namespace

double two_sided(double t, double freedom) {
  if (std::isnan(t)) return t;
  if (std::isinf(t)) return 0;
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double quantile(double p, double freedom) {
  if (p == 0.5) return 0;
  if (p < 0.5) return -quantile(1 - p, freedom);
  if (p >= 1) return std::numeric_limits<double>::infinity();
  double low = 0, high = 1;
  while (two_sided(high, freedom) > 2 * (1 - p) && high < 1e300) high *= 2;
  // Newton's steps, kept between the ends; the density is that of Student's law.
  const double scale = std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2)) /
                       std::sqrt(freedom * 3.141592653589793);
  double t = low + (high - low) / 2;
  for (int i = 0; i < 200; ++i) {
    const double excess = two_sided(t, freedom) / 2 - (1 - p);
    (excess > 0 ? low : high) = t;
    const double density = scale * std::pow(1 + t * t / freedom, -(freedom + 1) / 2);
    double next = t + excess / density;
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    if (std::fabs(next - t) <= 1e-15 * t) return next;
    t = next;
  }
  return t;
}

double f_tail(double f, double above, double below) {
  if (std::isnan(f)) return f;
  if (f <= 0) return 1;
  if (std::isinf(f)) return 0;
  return incomplete_beta(below / 2, above / 2, below / (below + above * f));
}

}  // namespace gradus::student
