// Derivatives of ln gamma: polygamma(0, x) is digamma, (ln gamma)'; polygamma(n, x) its n-th
// derivative. By recurrence up to 20, there by the asymptotic series (Abramowitz and
// Stegun 6.4.11).
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>
#include <vector>

namespace gradus::scalars {

namespace detail {

// The n-th derivative of pi cot(pi x), from c = cot(pi x): each one is a polynomial in c, and
// dc/dx = -pi (1 + c^2).
inline double cotangent_derivative(int n, double c) {
  std::vector<double> p{0, 1};
  for (int k = 0; k < n; ++k) {
    std::vector<double> next(p.size() + 1);
    for (size_t i = 1; i < p.size(); ++i) {
      next[i - 1] -= static_cast<double>(i) * p[i];
      next[i + 1] -= static_cast<double>(i) * p[i];
    }
    p = next;
  }
  double sum = 0;
  for (size_t i = p.size(); i-- > 0;) sum = sum * c + p[i];
  return std::pow(std::numbers::pi, n + 1) * sum;
}

}  // namespace detail

inline double polygamma(int n, double x) {
  const double sign = n % 2 == 0 ? -1 : 1;
  if (x <= 0) {  // reflection; a pole at every integer
    if (x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
    const double part = x - std::round(x);
    return -sign * polygamma(n, 1 - x) -
           detail::cotangent_derivative(n, 1 / std::tan(std::numbers::pi * part));
  }
  double sum = 0, factorial = std::tgamma(n + 1.0);
  for (; x < 20 + n; ++x) sum += sign * factorial / std::pow(x, n + 1);
  // Bernoulli numbers B2, B4, ...
  constexpr std::array b{1. / 6,  -1. / 30,      1. / 42, -1. / 30,
                         5. / 66, -691. / 2730., 7. / 6,  -3617. / 510};
  double series = n == 0 ? -std::log(x) : factorial / n / std::pow(x, n);
  series += factorial / (2 * std::pow(x, n + 1));
  for (size_t k = 1; k <= b.size(); ++k) {
    const double m = 2 * static_cast<double>(k);
    series += b[k - 1] * std::tgamma(m + n) / std::tgamma(m + 1) / std::pow(x, m + n);
  }
  return sum + sign * series;
}

inline float polygamma(int n, float x) {
  return static_cast<float>(polygamma(n, static_cast<double>(x)));
}

}  // namespace gradus::scalars
