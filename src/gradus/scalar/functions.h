// Arithmetic and <cmath> for numbers that carry derivatives. Each function states its value and its
// slopes once; Dual (forward) and Var (reverse) say what becomes of them: x.through(y, slope) is
// y = f(x), X::join(a, b, y, slope_a, slope_b) is y = f(a, b). Numbers nest: Var<Dual<double>>.
#pragma once

#include <gradus/scalar/polygamma.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <numbers>
#include <type_traits>

namespace gradus::scalars {

// How many derivative numbers are nested in T: 0 for double.
template <class T>
inline constexpr int depth_of = 0;

template <class X>
concept Active = (depth_of<X> > 0);

// What X mixes with as a constant: plain numbers, and the numbers X is made of.
template <class P, class X>
concept Below = Active<X> &&
    (depth_of<P> < depth_of<X>)&&std::is_convertible_v<P, typename X::Number>;

template <class P, class X>
concept UpTo = std::same_as<P, X> || Below<P, X>;

template <class T>
struct BaseOf {
  using type = T;
};
template <Active X>
struct BaseOf<X> : BaseOf<typename X::Number> {};
template <class T>
using base_t = typename BaseOf<T>::type;

template <class X, class P>
constexpr auto lowered(const P& p) {
  if constexpr (std::is_arithmetic_v<P>)
    return static_cast<base_t<X>>(p);
  else
    return p;
}

// Slopes 1 and -1 of sums, known while compiling.
struct Plus {};
struct Minus {};

// a * b, but an exact zero stays zero whatever it meets: a way that carries nothing contributes
// nothing, even along an infinite slope.
template <std::floating_point T>
inline T strong(T a, T b) {
  const T product = a * b;
  if (product != product) [[unlikely]]
    return a == 0 || b == 0 ? T(0) : product;
  return product;
}
template <class T>
inline T strong(const T& a, Plus) {
  return a;
}
template <class T>
inline T strong(const T& a, Minus) {
  return -a;
}
template <Active X>
inline X strong(const X& a, const X& b) {
  return X::join(a, b, strong(a.value, b.value), b.value, a.value);
}
template <Active X, Below<X> P>
inline X strong(const X& a, const P& p) {
  return a.through(strong(a.value, p), p);
}

template <std::floating_point T>
inline bool has_nan(T x) {
  return x != x;
}

// ---- arithmetic ----

template <Active X>
inline X operator+(const X& a) {
  return a;
}
template <Active X>
inline X operator-(const X& a) {
  return a.through(-a.value, Minus{});
}

template <Active X>
inline X operator+(const X& a, const X& b) {
  return X::join(a, b, a.value + b.value, Plus{}, Plus{});
}
template <Active X, Below<X> P>
inline X operator+(const X& a, const P& p) {
  return a.through(a.value + lowered<X>(p), Plus{});
}
template <Active X, Below<X> P>
inline X operator+(const P& p, const X& a) {
  return a.through(lowered<X>(p) + a.value, Plus{});
}

template <Active X>
inline X operator-(const X& a, const X& b) {
  return X::join(a, b, a.value - b.value, Plus{}, Minus{});
}
template <Active X, Below<X> P>
inline X operator-(const X& a, const P& p) {
  return a.through(a.value - lowered<X>(p), Plus{});
}
template <Active X, Below<X> P>
inline X operator-(const P& p, const X& a) {
  return a.through(lowered<X>(p) - a.value, Minus{});
}

template <Active X>
inline X operator*(const X& a, const X& b) {
  return X::join(a, b, a.value * b.value, b.value, a.value);
}
template <Active X, Below<X> P>
inline X operator*(const X& a, const P& p) {
  const auto c = lowered<X>(p);
  return a.through(a.value * c, c);
}
template <Active X, Below<X> P>
inline X operator*(const P& p, const X& a) {
  const auto c = lowered<X>(p);
  return a.through(c * a.value, c);
}

template <Active X>
inline X operator/(const X& a, const X& b) {
  const auto y = a.value / b.value;
  const auto slope = 1 / b.value;
  return X::join(a, b, y, slope, -y * slope);
}
template <Active X, Below<X> P>
inline X operator/(const X& a, const P& p) {
  const auto c = lowered<X>(p);
  return a.through(a.value / c, 1 / c);
}
template <Active X, Below<X> P>
inline X operator/(const P& p, const X& a) {
  const auto y = lowered<X>(p) / a.value;
  return a.through(y, -y / a.value);
}

template <Active X, UpTo<X> P>
inline X& operator+=(X& a, const P& p) {
  return a = a + p;
}
template <Active X, UpTo<X> P>
inline X& operator-=(X& a, const P& p) {
  return a = a - p;
}
template <Active X, UpTo<X> P>
inline X& operator*=(X& a, const P& p) {
  return a = a * p;
}
template <Active X, UpTo<X> P>
inline X& operator/=(X& a, const P& p) {
  return a = a / p;
}

// ---- comparisons: by value ----

#define GRADUS_SCALAR_COMPARE(op)                      \
  template <Active X>                                  \
  constexpr bool operator op(const X& a, const X& b) { \
    return a.value op b.value;                         \
  }                                                    \
  template <Active X, Below<X> P>                      \
  constexpr bool operator op(const X& a, const P& p) { \
    return a.value op lowered<X>(p);                   \
  }                                                    \
  template <Active X, Below<X> P>                      \
  constexpr bool operator op(const P& p, const X& a) { \
    return lowered<X>(p) op a.value;                   \
  }
GRADUS_SCALAR_COMPARE(==)
GRADUS_SCALAR_COMPARE(!=)
GRADUS_SCALAR_COMPARE(<)
GRADUS_SCALAR_COMPARE(<=)
GRADUS_SCALAR_COMPARE(>)
GRADUS_SCALAR_COMPARE(>=)
#undef GRADUS_SCALAR_COMPARE

// Plain numbers go to <cmath>; the overloads for the others follow.
using std::abs, std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atan2, std::atanh,
    std::cbrt, std::ceil, std::copysign, std::cos, std::cosh, std::erf, std::erfc, std::exp,
    std::exp2, std::expm1, std::fabs, std::fdim, std::floor, std::fma, std::fmax, std::fmin,
    std::fmod, std::hypot, std::isfinite, std::isinf, std::isnan, std::lgamma, std::log, std::log10,
    std::log1p, std::log2, std::max, std::min, std::pow, std::round, std::signbit, std::sin,
    std::sinh, std::sqrt, std::tan, std::tanh, std::tgamma, std::trunc;

#define GRADUS_SCALAR_PREDICATE(name) \
  template <Active X>                 \
  inline bool name(const X& x) {      \
    return name(x.value);             \
  }
GRADUS_SCALAR_PREDICATE(isnan)
GRADUS_SCALAR_PREDICATE(isinf)
GRADUS_SCALAR_PREDICATE(isfinite)
GRADUS_SCALAR_PREDICATE(signbit)
#undef GRADUS_SCALAR_PREDICATE

// ---- functions of one number ----

// The sign of x, 0 at 0: slope of abs there.
template <class T>
inline T sign(const T& x) {
  return T(x > 0 ? 1 : x < 0 ? -1 : 0);
}

template <Active X>
inline X polygamma(int order, const X& x) {
  return x.through(polygamma(order, x.value), polygamma(order + 1, x.value));
}

// The slope of f at x where y = f(x); `real` is the plain number below.
#define GRADUS_SCALAR_UNARY(f, ...)           \
  template <Active X>                         \
  inline X f(const X& active) {               \
    using T = typename X::Number;             \
    using real [[maybe_unused]] = base_t<X>;  \
    const T& x = active.value;                \
    const T y = f(x);                         \
    return active.through(y, T(__VA_ARGS__)); \
  }
GRADUS_SCALAR_UNARY(exp, y)
GRADUS_SCALAR_UNARY(exp2, y* std::numbers::ln2_v<real>)
GRADUS_SCALAR_UNARY(expm1, exp(x))
GRADUS_SCALAR_UNARY(log, 1 / x)
GRADUS_SCALAR_UNARY(log2, 1 / (x * std::numbers::ln2_v<real>))
GRADUS_SCALAR_UNARY(log10, 1 / (x * std::numbers::ln10_v<real>))
GRADUS_SCALAR_UNARY(log1p, 1 / (1 + x))
GRADUS_SCALAR_UNARY(sqrt, 1 / (2 * y))
GRADUS_SCALAR_UNARY(cbrt, 1 / (3 * y * y))
GRADUS_SCALAR_UNARY(sin, cos(x))
GRADUS_SCALAR_UNARY(cos, -sin(x))
GRADUS_SCALAR_UNARY(tan, 1 + y * y)
GRADUS_SCALAR_UNARY(asin, 1 / sqrt((1 - x) * (1 + x)))
GRADUS_SCALAR_UNARY(acos, -1 / sqrt((1 - x) * (1 + x)))
GRADUS_SCALAR_UNARY(atan, 1 / (1 + x * x))
GRADUS_SCALAR_UNARY(sinh, cosh(x))
GRADUS_SCALAR_UNARY(cosh, sinh(x))
// 1 - y^2 would lose every digit from x = 20 on.
GRADUS_SCALAR_UNARY(tanh, 1 / cosh(x) / cosh(x))
GRADUS_SCALAR_UNARY(asinh, 1 / hypot(x, T(1)))
GRADUS_SCALAR_UNARY(acosh, 1 / (sqrt(x - 1) * sqrt(x + 1)))
GRADUS_SCALAR_UNARY(atanh, 1 / ((1 - x) * (1 + x)))
GRADUS_SCALAR_UNARY(erf, 2 * std::numbers::inv_sqrtpi_v<real> * exp(-x * x))
GRADUS_SCALAR_UNARY(erfc, -2 * std::numbers::inv_sqrtpi_v<real> * exp(-x * x))
GRADUS_SCALAR_UNARY(lgamma, polygamma(0, x))
GRADUS_SCALAR_UNARY(tgamma, y* polygamma(0, x))
GRADUS_SCALAR_UNARY(abs, sign(x))
GRADUS_SCALAR_UNARY(fabs, sign(x))
GRADUS_SCALAR_UNARY(floor, 0)
GRADUS_SCALAR_UNARY(ceil, 0)
GRADUS_SCALAR_UNARY(trunc, 0)
GRADUS_SCALAR_UNARY(round, 0)
#undef GRADUS_SCALAR_UNARY

// ---- functions of two numbers ----

// d/dx x^p. x^0 is 1 everywhere, so flat at 0 too.
template <class T, class P>
inline T slope_by_base(const T& x, const P& p) {
  return x == 0 && p == 0 ? T(0) : T(p * pow(x, p - 1));
}
// d/dp x^p, where y = x^p. 0^p is 0 for p > 0, so flat there.
template <class T, class X, class P>
inline T slope_by_exponent(const X& x, const P& p, const T& y) {
  return x == 0 && p >= 0 ? T(0) : T(y * log(x));
}

template <Active X>
inline X pow(const X& a, const X& b) {
  const auto y = pow(a.value, b.value);
  return X::join(a, b, y, slope_by_base(a.value, b.value), slope_by_exponent(a.value, b.value, y));
}
template <Active X, Below<X> P>
inline X pow(const X& a, const P& p) {
  const auto c = lowered<X>(p);
  return a.through(pow(a.value, c), slope_by_base(a.value, c));
}
template <Active X, Below<X> P>
inline X pow(const P& p, const X& b) {
  const auto c = lowered<X>(p);
  const typename X::Number y = pow(c, b.value);
  return b.through(y, slope_by_exponent(c, b.value, y));
}

// The slopes of f by a and by b where y = f(a, b).
#define GRADUS_SCALAR_BINARY(f, slope_a, slope_b)           \
  template <Active X>                                       \
  inline X f(const X& left, const X& right) {               \
    using T = typename X::Number;                           \
    const T &a = left.value, &b = right.value;              \
    const T y = f(a, b);                                    \
    return X::join(left, right, y, T(slope_a), T(slope_b)); \
  }                                                         \
  template <Active X, Below<X> P>                           \
  inline X f(const X& left, const P& right) {               \
    return f(left, X(lowered<X>(right)));                   \
  }                                                         \
  template <Active X, Below<X> P>                           \
  inline X f(const P& left, const X& right) {               \
    return f(X(lowered<X>(left)), right);                   \
  }
// The length of a vector is taken to be flat at 0.
GRADUS_SCALAR_BINARY(hypot, y == 0 ? T(0) : T(a / y), y == 0 ? T(0) : T(b / y))
GRADUS_SCALAR_BINARY(atan2, b / hypot(a, b) / hypot(a, b), -a / hypot(a, b) / hypot(a, b))
GRADUS_SCALAR_BINARY(max, a == b ? 0.5 : a < b ? 0 : 1, a == b ? 0.5 : a < b ? 1 : 0)
GRADUS_SCALAR_BINARY(min, a == b ? 0.5 : b < a ? 0 : 1, a == b ? 0.5 : b < a ? 1 : 0)
// fmax and fmin pass over NaN.
GRADUS_SCALAR_BINARY(fmax,
                     a == b              ? 0.5
                     : a > b || isnan(b) ? 1
                                         : 0,
                     a == b              ? 0.5
                     : a > b || isnan(b) ? 0
                                         : 1)
GRADUS_SCALAR_BINARY(fmin,
                     a == b              ? 0.5
                     : a < b || isnan(b) ? 1
                                         : 0,
                     a == b              ? 0.5
                     : a < b || isnan(b) ? 0
                                         : 1)
GRADUS_SCALAR_BINARY(fdim, a > b ? 1 : 0, a > b ? -1 : 0)
GRADUS_SCALAR_BINARY(fmod, 1, -trunc(a / b))
GRADUS_SCALAR_BINARY(copysign, a == 0 ? 0 : signbit(a) == signbit(b) ? 1 : -1, 0)
#undef GRADUS_SCALAR_BINARY

// Rounds twice, unlike std::fma.
template <Active X>
inline X fma(const X& a, const X& b, const X& c) {
  return a * b + c;
}

}  // namespace gradus::scalars
