// The parts an elementwise entry is written from. Everything about an op follows from its entry.
#pragma once

#include <gradus/ops/elementwise.h>

namespace gradus {

enum class Word : uint8_t {
#define OP(n) n,
  GRADUS_UNARY_WORDS(OP) unary_count,
  before_binary = unary_count - 1,
  GRADUS_BINARY_WORDS(OP) count
#undef OP
};

// Row kernels by word: f32 and f64, and i32 and i64 where the entry admits integers.
struct RowKernels {
  Call::Row f32 = nullptr, f64 = nullptr, i32 = nullptr, i64 = nullptr;
};

namespace entries {

struct says {
  const char* text;
};
struct math_is {
  const char* text;
};
struct prints {
  const char* form = nullptr;
  int binds = 9;
};
// The scalar function; sees lanes of one SIMD target, so literals and named functions work.
template <class F>
struct value : F {
  using F::operator();
};
template <class F>
value(F) -> value<F>;
struct none_t {};
inline constexpr none_t none;  // the slope is zero wherever it exists
struct plus_one_t {};
inline constexpr plus_one_t plus_one;
struct minus_one_t {};
inline constexpr minus_one_t minus_one;
template <class A, class B = none_t>
struct slope {
  A a;
  B b{};
};
template <class A>
slope(A) -> slope<A>;
template <class A, class B>
slope(A, B) -> slope<A, B>;
// A slope that is itself a cotangent or tangent: where it is 0, nothing passes.
template <class F>
struct winning {
  F f;
};
template <class F>
winning(F) -> winning<F>;
struct ulp {
  double bound;
};
// The numbers that change nothing, bit for bit, on the left and on the right.
struct neutral {
  double left = __builtin_nan(""), right = __builtin_nan("");
};
// For integers too, with wrapping arithmetic.
struct integers {
  bool yes = true;
};
struct at {
  double x, y;
};
struct at2 {
  double a, b, y;
};

// The error bound, where differences are taken, known answers and places where the slope is a
// convention: in any order.
struct between {
  double low, high;
};
struct kink {
  double x;
};
struct checks {
  double ulp_bound = 0.5;
  double low = -3, high = 3;
  Known known[6] = {};
  size_t known_count = 0;
  double kinks[2] = {};
  size_t kink_count = 0;

  template <class... Parts>
  constexpr checks(Parts... parts) {
    (add(parts), ...);
  }

 private:
  constexpr void add(ulp u) { ulp_bound = u.bound; }
  constexpr void add(between b) { low = b.low, high = b.high; }
  constexpr void add(at k) { known[known_count++] = {{k.x, 0}, k.y}; }
  constexpr void add(at2 k) { known[known_count++] = {{k.a, k.b}, k.y}; }
  constexpr void add(kink k) { kinks[kink_count++] = k.x; }
};

template <class V, class A, class B>
struct Entry {
  says s;
  math_is m;
  value<V> v;
  slope<A, B> d;
  checks c;
  prints p;
  bool integers;
  neutral n;
};

template <class V, class A, class B>
constexpr Entry<V, A, B> define(says s, math_is m, value<V> v, slope<A, B> d, checks c,
                                prints p = {}, integers i = {false}, neutral n = {}) {
  return {s, m, v, d, c, p, i.yes, n};
}

template <class S>
constexpr Slope unary_slope(const S& s) {
  if constexpr (std::is_same_v<S, plus_one_t>) return {.constant = 1};
  if constexpr (std::is_same_v<S, minus_one_t>) return {.constant = -1};
  if constexpr (std::is_convertible_v<S, Slope::Unary>) return {.unary = s};
  return {};
}

template <class S>
constexpr Slope binary_slope(const S& s) {
  if constexpr (std::is_same_v<S, plus_one_t>) return {.constant = 1};
  if constexpr (std::is_same_v<S, minus_one_t>) return {.constant = -1};
  if constexpr (std::is_convertible_v<S, Slope::Binary>) return {.binary = s};
  if constexpr (requires { s.f; }) return {.binary = s.f, .wins = true};
  return {};
}

}  // namespace entries
}  // namespace gradus
