// Forward mode for any templated C++ code: a Dual is a value and its derivatives along n directions
// at once, a + b e with e^2 = 0. Nested, Dual<Dual<double>>, it gives second derivatives, and so
// on.
#pragma once

#include <gradus/base/error.h>
#include <gradus/scalar/functions.h>

#include <array>
#include <limits>
#include <span>
#include <vector>

namespace gradus::scalars {

template <class T, int n = 1>
struct Dual {
  static_assert(std::is_floating_point_v<base_t<T>>,
                "derivatives are of float or double: 3.0, not 3");
  using Number = T;

  T value{};
  std::array<T, n> dot{};

  Dual() = default;
  template <class P>
  requires(std::is_convertible_v<P, T> && !std::is_same_v<P, Dual>) Dual(const P& constant)
      : value(lowered<Dual>(constant)) {}
  Dual(const T& x, const std::array<T, n>& x_dot) : value(x), dot(x_dot) {}

  template <class S>
  Dual through(const T& y, const S& slope) const {
    Dual r;
    r.value = y;
    for (size_t i = 0; i < n; ++i) r.dot[i] = strong(dot[i], slope);
    return r;
  }
  template <class A, class B>
  static Dual join(const Dual& a, const Dual& b, const T& y, const A& slope_a, const B& slope_b) {
    Dual r;
    r.value = y;
    for (size_t i = 0; i < n; ++i) r.dot[i] = strong(a.dot[i], slope_a) + strong(b.dot[i], slope_b);
    return r;
  }
};

template <class T, int n>
inline constexpr int depth_of<Dual<T, n>> = depth_of<T> + 1;

template <class T, int n>
bool has_nan(const Dual<T, n>& x) {
  bool any = has_nan(x.value);
  for (const T& d : x.dot) any |= has_nan(d);
  return any;
}

// f'(x) of a function of one number. f is called with a Dual.
template <class F, class T>
T derivative(const F& f, const T& x) {
  const Dual<T> y = f(Dual<T>(x, {T(1)}));
  return y.dot[0];
}

// The n-th derivative of f at x, by n nested Duals: 2^n numbers.
template <int n, class F, class T>
T nth_derivative(const F& f, const T& x) {
  if constexpr (n == 0)
    return T(f(x));
  else
    return nth_derivative<n - 1>([&](const auto& z) { return derivative(f, z); }, x);
}

template <class T>
struct ValueAndDerivative {
  T value, derivative;
};

// f(x) and its derivative along x_dot. f is called with a span of Duals.
template <class F, class X, class V>
auto jvp(const F& f, const X& x, const V& x_dot) {
  const std::span at(x), along(x_dot);
  using T = typename decltype(at)::value_type;
  if (at.size() != along.size())
    raise(ErrorKind::shape, "jvp: x has " + std::to_string(at.size()) + " numbers, but x_dot has " +
                                std::to_string(along.size()) +
                                ". A direction has one number for each variable.");
  std::vector<Dual<T>> duals;
  duals.reserve(at.size());
  for (size_t i = 0; i < at.size(); ++i) duals.push_back({at[i], {along[i]}});
  const Dual<T> y = f(std::span<const Dual<T>>(duals));
  return ValueAndDerivative<T>{y.value, y.dot[0]};
}

}  // namespace gradus::scalars

template <class T, int n>
struct std::numeric_limits<gradus::scalars::Dual<T, n>> : std::numeric_limits<T> {};
