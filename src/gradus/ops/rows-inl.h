// Rows: an entry's scalar function over n numbers, with the lanes of one SIMD target.
#if defined(GRADUS_OPS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_ROWS_INL_H_
#undef GRADUS_OPS_ROWS_INL_H_
#else
#define GRADUS_OPS_ROWS_INL_H_
#endif

#include <gradus/ops/lanes-inl.h>

#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
Lanes<D> sign(Lanes<D> x) {
  return if_then_else(x == 0.0, x, if_then_else(isnan(x), x, copysign(Lanes<D>(1.0), x)));
}
template <class D>
Lanes<D> relu(Lanes<D> x) {
  return if_then_else(x <= 0.0, Lanes<D>(0.0), x);
}
// NaN wins, as in NumPy.
template <class D>
Lanes<D> maximum(Lanes<D> a, Lanes<D> b) {
  return if_then_else(isnan(a), a, if_then_else(a > b, a, b));
}
template <class D>
Lanes<D> minimum(Lanes<D> a, Lanes<D> b) {
  return if_then_else(isnan(a), a, if_then_else(a < b, a, b));
}
template <class D>
Lanes<D> strong_product(Lanes<D> a, Lanes<D> b) {
  return if_then_else(a == 0.0, a, a * b);
}
template <class D>
Lanes<D> zero_product(Lanes<D> a, Lanes<D> b) {
  return if_then_else(a == 0.0, a, if_then_else(b == 0.0, b, a * b));
}
template <class D>
Lanes<D> floor_divide(Lanes<D> a, Lanes<D> b) {
  // Through fmod: floor(a / b) alone can round up to the next integer.
  const Lanes<D> left = fmod(a, b), whole = round_even((a - left) / b), q = a / b;
  const auto down = (left != 0.0) & ((left < 0.0) ^ (b < 0.0));
  return if_then_else(b == 0.0, q, copysign(if_then_else(down, whole - 1.0, whole), q));
}

// Flattened: a function called once a vector would load its constants anew each time.
// The last n < N elements go through a whole vector too, so a number's bits do not depend on its
// place in the row, and nothing beyond the row is touched.
template <class T, class F>
HWY_FLATTEN void row_1(const void* const in[], const bool single[], void* out, size_t n) {
  const hn::ScalableTag<T> d;
  using L = Lanes<hn::ScalableTag<T>>;
  const size_t lanes = hn::Lanes(d);
  constexpr F f{};
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  if (single[0]) {
    constexpr bool whole[] = {false};
    T value;
    row_1<T, F>(in, whole, &value, 1);
    for (size_t i = 0; i < n; ++i) y[i] = value;
    return;
  }
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(L(hn::LoadU(d, x + i))).v, d, y + i);
  if (i < n) store_some(d, f(L(load_some(d, x + i, n - i))).v, y + i, n - i);
}

template <class T, class F>
HWY_FLATTEN void row_2(const void* const in[], const bool single[], void* out, size_t n) {
  const hn::ScalableTag<T> d;
  using L = Lanes<hn::ScalableTag<T>>;
  const size_t lanes = hn::Lanes(d);
  constexpr F f{};
  // One number for all is laid out in a vector, so that all loads are alike.
  HWY_ALIGN T room[2][HWY_MAX_BYTES / sizeof(T)];
  const T* x[2];
  size_t step[2];
  for (int k = 0; k < 2; ++k) {
    x[k] = static_cast<const T*>(in[k]);
    step[k] = single[k] ? 0 : 1;
    if (!single[k]) continue;
    hn::Store(hn::Set(d, *x[k]), d, room[k]);
    x[k] = room[k];
  }
  T* y = static_cast<T*>(out);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(f(L(hn::LoadU(d, x[0] + i * step[0])), L(hn::LoadU(d, x[1] + i * step[1]))).v, d,
               y + i);
  if (i == n) return;
  const auto rest = [&](int k) HWY_ATTR {
    return L(single[k] ? hn::Load(d, x[k]) : load_some(d, x[k] + i, n - i));
  };
  store_some(d, f(rest(0), rest(1)).v, y + i, n - i);
}

// An integer with wrapping arithmetic and the functions that entries admitting integers use.
template <class T>
struct Whole {
  using U = std::make_unsigned_t<T>;
  T v;
  friend Whole operator+(Whole a, Whole b) {
    return {static_cast<T>(static_cast<U>(a.v) + static_cast<U>(b.v))};
  }
  friend Whole operator-(Whole a, Whole b) {
    return {static_cast<T>(static_cast<U>(a.v) - static_cast<U>(b.v))};
  }
  friend Whole operator*(Whole a, Whole b) {
    return {static_cast<T>(static_cast<U>(a.v) * static_cast<U>(b.v))};
  }
  friend Whole operator-(Whole a) { return {static_cast<T>(U{0} - static_cast<U>(a.v))}; }
  friend Whole abs(Whole a) { return a.v < 0 ? -a : a; }
  friend Whole sign(Whole a) { return {static_cast<T>((a.v > 0) - (a.v < 0))}; }
  friend Whole maximum(Whole a, Whole b) { return a.v > b.v ? a : b; }
  friend Whole minimum(Whole a, Whole b) { return a.v < b.v ? a : b; }
  // NumPy's answers: 0 for division by zero, and the one quotient that overflows wraps.
  friend Whole floor_divide(Whole a, Whole b) {
    if (b.v == 0) return {0};
    if (b.v == -1) return -a;
    const T q = a.v / b.v;
    return {static_cast<T>(q - ((a.v % b.v != 0) && ((a.v < 0) != (b.v < 0))))};
  }
  friend Whole remainder(Whole a, Whole b) {
    if (b.v == 0) return {0};
    return a - floor_divide(a, b) * b;
  }
};

template <class T, class F>
void integer_row_1(const void* const in[], const bool single[], void* out, size_t n) {
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  for (size_t i = 0; i < n; ++i) y[i] = F{}(Whole<T>{x[single[0] ? 0 : i]}).v;
}

template <class T, class F>
void integer_row_2(const void* const in[], const bool single[], void* out, size_t n) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  T* y = static_cast<T*>(out);
  for (size_t i = 0; i < n; ++i)
    y[i] = F{}(Whole<T>{a[single[0] ? 0 : i]}, Whole<T>{b[single[1] ? 0 : i]}).v;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#endif
