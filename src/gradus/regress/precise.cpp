#include <gradus/regress/precise.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace gradus::precise {
namespace {

double high(const DoubleDouble& x) {
  return static_cast<double>(x);
}

// e^r - 1 for |r| <= 0.0007: nine terms leave 1e-35.
DoubleDouble small_expm1(const DoubleDouble& r) {
  DoubleDouble sum = r, term = r;
  for (int k = 2; k <= 10; ++k) {
    term = term * r / DoubleDouble(k);
    sum = sum + term;
  }
  return sum;
}

// For |r| <= pi / 4.
SinCos small_sin_cos(const DoubleDouble& r) {
  const DoubleDouble square = r * r;
  DoubleDouble s = r, c = DoubleDouble(1.0), term = r;
  for (int k = 3; k <= 29; k += 2) {
    term = DoubleDouble(0.0) - term * square / DoubleDouble(static_cast<double>(k * (k - 1)));
    s = s + term;
  }
  term = DoubleDouble(1.0);
  for (int k = 2; k <= 28; k += 2) {
    term = DoubleDouble(0.0) - term * square / DoubleDouble(static_cast<double>(k * (k - 1)));
    c = c + term;
  }
  return {s, c};
}

}  // namespace

DoubleDouble exp(const DoubleDouble& x) {
  const double h = high(x);
  if (!(h < 709.7)) return DoubleDouble(h > 0 ? std::numeric_limits<double>::infinity() : h);
  if (h < -744) return DoubleDouble(0.0);
  // ln 2 in two parts; 2^k e^r, and e^r by nine doublings from r / 512.
  const DoubleDouble ln2 =
      DoubleDouble(0.69314718055994528623) + DoubleDouble(2.3190468138462995584e-17);
  const double k = std::nearbyint(h / 0.69314718055994528623);
  DoubleDouble e = small_expm1((x - ln2 * DoubleDouble(k)) / DoubleDouble(512.0));
  for (int i = 0; i < 9; ++i) e = e + e + e * e;
  const int half = static_cast<int>(k) / 2;
  return (e + DoubleDouble(1.0)) * DoubleDouble(std::ldexp(1.0, half)) *
         DoubleDouble(std::ldexp(1.0, static_cast<int>(k) - half));
}

DoubleDouble log(const DoubleDouble& x) {
  const double start = std::log(high(x));
  if (!std::isfinite(start)) return DoubleDouble(start);
  const DoubleDouble y = DoubleDouble(start), e = exp(y);
  return y + DoubleDouble(2.0) * (x - e) / (x + e);
}

SinCos sin_cos(const DoubleDouble& x) {
  const double h = high(x);
  if (!std::isfinite(h)) return {DoubleDouble(std::nan("")), DoubleDouble(std::nan(""))};
  // pi / 2 in three parts.
  const double k = std::nearbyint(h / (pi_high / 2));
  DoubleDouble r = x - DoubleDouble(pi_high / 2) * DoubleDouble(k);
  r = r - DoubleDouble(pi_low / 2) * DoubleDouble(k);
  r = r + DoubleDouble(2.9947698097183396659e-33 / 2) * DoubleDouble(k);
  const SinCos y = small_sin_cos(r);
  const DoubleDouble minus_sin = DoubleDouble(0.0) - y.sin, minus_cos = DoubleDouble(0.0) - y.cos;
  switch (static_cast<int>(k - 4 * std::floor(k / 4))) {
    case 0:
      return y;
    case 1:
      return {y.cos, minus_sin};
    case 2:
      return {minus_sin, minus_cos};
    default:
      return {minus_cos, y.sin};
  }
}

DoubleDouble atan(const DoubleDouble& x) {
  const double h = high(x);
  if (std::isnan(h)) return x;
  if (std::isinf(h)) {
    const double sign = std::copysign(0.5, h);
    return DoubleDouble(pi_high * sign) + DoubleDouble(pi_low * sign);
  }
  // atan x = a + atan z with a from f64 and a small z.
  const DoubleDouble a = DoubleDouble(std::atan(h));
  const SinCos t = sin_cos(a);
  const DoubleDouble z = (x * t.cos - t.sin) / (t.cos + x * t.sin);
  return a + z - z * z * z / DoubleDouble(3.0);
}

DoubleDouble power(DoubleDouble x, int64_t n) {
  DoubleDouble y = DoubleDouble(1.0);
  for (uint64_t left = n < 0 ? ~static_cast<uint64_t>(n) + 1 : static_cast<uint64_t>(n); left > 0;
       left >>= 1) {
    if (left & 1) y = y * x;
    if (left > 1) x = x * x;
  }
  return n < 0 ? DoubleDouble(1.0) / y : y;
}

DoubleDouble power(const DoubleDouble& x, const DoubleDouble& y) {
  const double exponent = high(y), base = high(x);
  if (exponent == std::nearbyint(exponent) && std::fabs(exponent) <= 1024 &&
      high(y - DoubleDouble(exponent)) == 0)
    return power(x, static_cast<int64_t>(exponent));
  if (base == 0) return DoubleDouble(std::pow(0.0, exponent));
  if (!(base > 0)) return DoubleDouble(std::nan(""));
  return exp(y * log(x));
}

}  // namespace gradus::precise
