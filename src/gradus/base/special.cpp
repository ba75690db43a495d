// The gamma and beta functions, the parts of Stirling's formula, the error function's relatives.
#include <gradus/base/gamma.h>
#include <gradus/base/special.h>
#include <gradus/base/special_parts.h>

#include <cmath>
#include <limits>

namespace gradus::special {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.141592653589793238463;
constexpr double root_two_pi = 2.50662827463100050242;
constexpr double log_root_two_pi = 0.91893853320467274178;  // ln(2 pi) / 2
constexpr double root_half = 0.707106781186547524401, root_half_rest = -4.83364665672645672e-17;
constexpr double root_pi = 1.77245385090551602730;

// Gamma(x) times `scale`, a power of two that keeps a result beyond f64 in reach; 1 <= x < 200.
double scaled_gamma(double x, double scale) {
  if (x < 12) {
    double product = scale;
    while (x > 3) product *= x -= 1;
    return product * std::exp(gamma_function::lgamma(x));
  }
  const double half = std::pow(x, 0.5 * x);
  return half * (root_two_pi / std::sqrt(x) * std::exp(stirling_error(x)) * std::exp(-x) * scale) *
         half;
}

// exp(x^2) with the part of x^2 that does not fit, and its reciprocal.
double exp_square(double x, double sign) {
  const double square = x * x, rest = std::fma(x, x, -square);
  const double e = std::exp(sign * square);
  return e + e * (sign * rest);
}

}  // namespace

double log1p_gap(double t) {
  if (!(std::fabs(t) <= 0.5)) return t - std::log1p(t);
  // ln(1 + t) = 2 artanh(s), s = t / (2 + t), and t - 2 s = t s.
  const double s = t / (2 + t), s2 = s * s;
  double sum = 0;
  for (int k = std::fabs(t) < 0.1 ? 13 : 33; k >= 3; k -= 2) sum = sum * s2 + 1.0 / k;
  return t * s - 2 * s * s2 * sum;
}

double exp_gap(double t) {
  if (!(std::fabs(t) <= 0.5)) return t + std::expm1(-t);
  double sum = 0;  // t^2 (1/2! - t/3! + t^2/4! - ...)
  for (int k = std::fabs(t) < 0.02 ? 9 : 16; k >= 2; --k) sum = (1 - sum * t) / k;
  return sum * t * t;
}

double log_gamma_ratio(double a, double b) {
  const double t = a / b;
  return b * log1p_gap(t) + 0.5 * std::log1p(t) + (stirling_error(b) - stirling_error(a + b));
}

double gamma(double x) {
  if (std::isnan(x) || x == -infinity) return not_a_number;
  if (x == 0) return 1 / x;
  if (x > 171.7) return infinity;
  if (x >= 1) return scaled_gamma(x, 1);
  if (std::fabs(x) < 0x1p-60) return 1 / x;
  if (x > 0) return scaled_gamma(1 + x, 1) / x;
  const double r = x - std::round(x);
  if (r == 0) return not_a_number;
  if (x < -190) return std::fmod(std::floor(x), 2) == 0 ? 0.0 : -0.0;
  // pi / (sin(pi x) Gamma(1 - x)) with 1 - x = -x + 1, so that no digit of x is lost.
  const double sine = std::fmod(std::round(x), 2) == 0 ? std::sin(pi * r) : -std::sin(pi * r);
  if (x > -1) return pi / (sine * (-x * scaled_gamma(1 - x, 1) / -x));
  const double scale = x < -150 ? 0x1p-200 : 1;
  return pi / (sine * (-x * scaled_gamma(-x, scale))) * scale;
}

double stirling_error(double x) {
  if (!(x >= 0)) return not_a_number;
  if (x == 0) return infinity;
  if (x < 0.5) return gamma_function::lgamma(x) - (x - 0.5) * std::log(x) + x - log_root_two_pi;
  double sum = 0;
  // From x to x + 1 it falls by (x + 1/2) ln(1 + 1/x) - 1 = s^2/3 + s^4/5 + ..., s = 1 / (2x + 1).
  for (; x < 16; x += 1) {
    const double s = 1 / (2 * x + 1), s2 = s * s;
    double power = s2, step = 0;
    for (int k = 3; power > 0x1p-60 * step; k += 2, power *= s2) step += power / k;
    sum += step;
  }
  // sum B_2k / (2k (2k - 1) x^(2k-1)), DLMF 5.11.1.
  constexpr double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                          1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  const double z = 1 / x;
  double tail = 0;
  for (int i = 6; i >= 0; --i) tail = tail * (z * z) + c[i];
  return tail * z + sum;
}

double stirling_slope(double x) {
  if (!(x >= 0)) return not_a_number;
  if (x == 0) return -infinity;
  // digamma(x) - ln x + 1 / 2x; from x to x + 1 it grows by 1/x - 1/2x - 1/2(x+1) - ... as above.
  if (x < 0.5) return gamma_function::digamma(x) - std::log(x) + 0.5 / x;
  double sum = 0;
  // The slope of s^2/3 + s^4/5 + ..., s' = -2 s^2.
  for (; x < 16; x += 1) {
    const double s = 1 / (2 * x + 1), s2 = s * s;
    double power = s * s2, step = 0;
    for (int k = 3; power > 0x1p-60 * step; k += 2, power *= s2) step += power * (k - 1) / k;
    sum += 2 * step;
  }
  // sum B_2k / (2k x^2k), DLMF 5.11.2.
  constexpr double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                          1.0 / 132, -691.0 / 32760, 1.0 / 12};
  const double z2 = 1 / x / x;
  double tail = 0;
  for (int i = 6; i >= 0; --i) tail = tail * z2 + c[i];
  return -(tail * z2 + sum);
}

double deviance(double x, double m) {
  if (!(x >= 0) || !(m >= 0)) return not_a_number;
  if (x == m) return std::isinf(x) ? not_a_number : 0.0;
  if (x == 0) return m;
  if (m == 0 || std::isinf(x) || std::isinf(m)) return infinity;
  const double v = (x - m) / (x + m);
  if (std::fabs(v) < 0.8) {
    // x ln((1 + v) / (1 - v)) - (x - m) = (x - m) v + 2 x (v^3/3 + v^5/5 + ...)
    const double v2 = v * v;
    double power = v * v2, sum = 0;
    for (int k = 3; std::fabs(power) > 0x1p-60 * std::fabs(sum); k += 2, power *= v2)
      sum += power / k;
    return (x - m) * v + 2 * x * sum;
  }
  const double ratio = x / m;
  const double log_ratio =
      ratio > 0x1p-1000 && ratio < 0x1p1000 ? std::log(ratio) : std::log(x) - std::log(m);
  return x * log_ratio - x + m;
}

double lbeta(double a, double b) {
  if (!(a >= 0) || !(b >= 0)) return not_a_number;
  if (a > b) std::swap(a, b);
  if (a == 0) return std::isinf(b) ? not_a_number : infinity;
  if (std::isinf(b)) return -infinity;
  using gamma_function::lgamma;
  if (a < 0x1p-500 && b < 1) return std::log1p(a / b) - std::log(a);
  if (b < 10) return lgamma(a) + lgamma(b) - lgamma(a + b);
  if (a < 10) return lgamma(a) - a * std::log(a + b) + log_gamma_ratio(a, b);
  const double t = a / b;
  return log_root_two_pi - 0.5 * std::log(b) +
         (stirling_error(a) + stirling_error(b) - stirling_error(a + b)) -
         (a - 0.5) * std::log1p(b / a) - b * std::log1p(t);
}

double beta(double a, double b) {
  if (!(a >= 0) || !(b >= 0)) return not_a_number;
  if (a > b) std::swap(a, b);
  if (a == 0) return std::isinf(b) ? not_a_number : infinity;
  if (std::isinf(b)) return 0;
  if (b < 1) {
    // Gamma(1 + a) Gamma(1 + b) / Gamma(1 + a + b) (a + b) / (a b): it never overflows on the way.
    return scaled_gamma(1 + a, 1) * scaled_gamma(1 + b, 1) / scaled_gamma(1 + a + b, 1) *
           ((1 + a / b) / a);
  }
  if (b < 10) return gamma(a) * (gamma(b) / gamma(a + b));
  if (a < 10) return gamma(a) * std::pow(a + b, -a) * std::exp(log_gamma_ratio(a, b));
  return std::exp(lbeta(a, b));
}

double erfcx(double x) {
  if (x < 0) return x < -27 ? infinity : exp_square(x, 1) * std::erfc(x);
  if (!(x >= 25)) return exp_square(x, 1) * std::erfc(x);
  // The next term is 2e6 z^8, below 4e-19.
  const double z = 0.5 / x / x;
  return (1 - z * (1 - z * (3 - z * (15 - z * (105 - z * (945 - z * (10395 - z * 135135))))))) / x /
         root_pi;
}

double erfinv(double x) {
  const double size = std::fabs(x);
  if (!(size <= 1)) return not_a_number;
  if (size > 0.5) return std::copysign(erfcinv(1 - size), x);
  if (size < 1e-9) return x * (root_pi / 2);
  double y = x * (root_pi / 2) * (1 + pi / 12 * x * x);
  for (int i = 0; i < 4; ++i) {
    const double step = (std::erf(y) - x) * (root_pi / 2) * std::exp(y * y);
    y -= step / (1 + step * y);  // Halley
    if (std::fabs(step) < 1e-9 * size) break;
  }
  return y;
}

double erfcinv(double x) {
  if (!(x >= 0 && x <= 2)) return not_a_number;
  if (x == 0) return infinity;
  if (x == 2) return -infinity;
  if (x > 1.5) return -erfcinv(2 - x);
  if (x >= 0.5) return erfinv(1 - x);
  // ln erfc is concave: Newton's steps on it come from one side and never pass the root.
  const double target = std::log(x);
  double y = std::sqrt(-target);
  for (int i = 0; i < 30; ++i) {
    const double e = erfcx(y);
    const double step = ((std::log(e) - target) - y * y) * (root_pi / 2) * e;
    y += step;
    if (std::fabs(step) < 1e-9 * y) break;
  }
  return y;
}

double ndtr(double x) {
  // x sqrt(1/2) with the part that does not fit: the slope of erfc is -2 exp(-y^2) / sqrt(pi).
  const double y = -x * root_half;
  if (!(std::fabs(y) < 30)) return 0.5 * std::erfc(y);
  const double rest = std::fma(-x, root_half, -y) - x * root_half_rest;
  return 0.5 * (std::erfc(y) - 2 / root_pi * std::exp(-y * y) * rest);
}

double log_ndtr(double x) {
  if (x > -1) return std::log1p(-ndtr(-x));
  return std::log(0.5 * erfcx(-x * root_half)) - 0.5 * x * x;
}

double ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return not_a_number;
  const double y = p < 0.25 ? -erfcinv(2 * p) : p > 0.75 ? erfcinv(2 * (1 - p)) : erfinv(2 * p - 1);
  return y / root_half;
}

double logit(double p) {
  if (!(p >= 0 && p <= 1)) return not_a_number;
  if (p > 0.3 && p < 0.7) return std::log1p((2 * p - 1) / (1 - p));
  return std::log(p) - std::log1p(-p);
}

double log1mexp(double x) {
  return x > -0.693147180559945309417 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

double mish(double x) {
  if (x > 40) return x;
  if (x < -800) return -0.0;
  // tanh(ln(1 + e^x)) = n / (n + 2), n = (1 + e^x)^2 - 1.
  const double e = std::exp(x), n = e * (e + 2);
  return x * (n / (n + 2));
}

}  // namespace gradus::special
