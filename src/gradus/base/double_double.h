// A number as the unevaluated sum of two f64, about 32 digits: + - * / and sqrt. After Dekker 1971
// and Hida, Li and Bailey 2001, "Algorithms for quad-double precision floating point arithmetic".
#pragma once

#include <cmath>

namespace gradus {

struct DoubleDouble {
  double high = 0, low = 0;  // |low| <= half a unit in the last place of high

  constexpr DoubleDouble() = default;
  constexpr DoubleDouble(double x) : high(x) {}  // NOLINT: mixes with f64 in formulas
  constexpr DoubleDouble(double h, double l) : high(h), low(l) {}
  constexpr explicit operator double() const { return high + low; }
};

// a + b exactly, |a| >= |b|.
constexpr DoubleDouble quick_sum(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}
constexpr DoubleDouble exact_sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
inline DoubleDouble exact_product(double a, double b) {
  const double p = a * b;
  return {p, std::fma(a, b, -p)};
}

constexpr DoubleDouble operator-(const DoubleDouble& a) {
  return {-a.high, -a.low};
}
constexpr DoubleDouble operator+(const DoubleDouble& a, const DoubleDouble& b) {
  const DoubleDouble s = exact_sum(a.high, b.high), t = exact_sum(a.low, b.low);
  const DoubleDouble u = quick_sum(s.high, s.low + t.high);
  return quick_sum(u.high, u.low + t.low);
}
constexpr DoubleDouble operator-(const DoubleDouble& a, const DoubleDouble& b) {
  return a + -b;
}
inline DoubleDouble operator*(const DoubleDouble& a, const DoubleDouble& b) {
  const DoubleDouble p = exact_product(a.high, b.high);
  return quick_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}
inline DoubleDouble operator/(const DoubleDouble& a, const DoubleDouble& b) {
  const double first = a.high / b.high;
  if (!std::isfinite(first) || !std::isfinite(b.high)) return first;
  DoubleDouble left = a - b * DoubleDouble(first);
  const double second = left.high / b.high;
  left = left - b * DoubleDouble(second);
  return quick_sum(first, second) + DoubleDouble(left.high / b.high);
}
inline DoubleDouble sqrt(const DoubleDouble& a) {
  if (!(a.high > 0) || !std::isfinite(a.high)) return std::sqrt(a.high);
  const double inverse = 1 / std::sqrt(a.high), root = a.high * inverse;
  const double correction = (a - exact_product(root, root)).high * (inverse * 0.5);
  return exact_sum(root, correction);
}

}  // namespace gradus
