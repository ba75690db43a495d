// The one order of every reduction: 16 virtual lanes over blocks of 256 numbers, lanes joined as a
// binary tree, blocks joined pairwise. Bits depend neither on layout, nor on the target's width,
// nor on threads.
#if defined(GRADUS_OPS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_REDUCE_INL_H_
#undef GRADUS_OPS_REDUCE_INL_H_
#else
#define GRADUS_OPS_REDUCE_INL_H_
#endif

#include <gradus/base/pool.h>
#include <gradus/core/view.h>
#include <gradus/ops/lanes-inl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

constexpr int64_t virtual_lanes = 16;
constexpr int64_t block = 256;
constexpr int64_t group = 4 * block;     // gathered together
constexpr int64_t segment = 16 * group;  // what a thread takes of a long row
constexpr int64_t worth_threads = 4 * segment;

// Integers wrap around, as elementwise arithmetic does; signed overflow has no meaning in C++.
template <class V, class F>
HWY_INLINE V wrapping(V a, V b, F f) {
  if constexpr (std::is_integral_v<V>) {
    using U = std::make_unsigned_t<V>;
    return static_cast<V>(f(static_cast<U>(a), static_cast<U>(b)));
  } else {
    return f(a, b);
  }
}

// A reduction's start and join, of numbers and of lanes.
template <class T>
struct Sum {
  static constexpr T start = T(0);
  template <class V>
  static HWY_INLINE V join(V a, V b) {
    return wrapping(a, b, [](auto x, auto y) HWY_ATTR { return x + y; });
  }
};
template <class T>
struct Product {
  static constexpr T start = T(1);
  template <class V>
  static HWY_INLINE V join(V a, V b) {
    return wrapping(a, b, [](auto x, auto y) HWY_ATTR { return x * y; });
  }
};
// NaN wins, as in NumPy.
template <class T>
struct Max {
  static constexpr T start = std::numeric_limits<T>::has_infinity
                                 ? -std::numeric_limits<T>::infinity()
                                 : std::numeric_limits<T>::lowest();
  template <class V>
  static HWY_INLINE V join(V a, V b) {
    if constexpr (std::is_arithmetic_v<V>)
      return a != a || a > b ? a : b;
    else
      return max(a, b);
  }
};
template <class T>
struct Min {
  static constexpr T start = std::numeric_limits<T>::has_infinity
                                 ? std::numeric_limits<T>::infinity()
                                 : std::numeric_limits<T>::max();
  template <class V>
  static HWY_INLINE V join(V a, V b) {
    if constexpr (std::is_arithmetic_v<V>)
      return a != a || a < b ? a : b;
    else
      return min(a, b);
  }
};
struct Any {
  static constexpr bool start = false;
  static bool join(bool a, bool b) { return a || b; }
};
struct All {
  static constexpr bool start = true;
  static bool join(bool a, bool b) { return a && b; }
};

// Joins results of equal length pairwise in order, like a binary counter: level k holds 2^k of
// them. Only the last may be shorter.
template <class T, class R>
struct Joiner {
  T level[54];
  uint64_t count = 0;
  void add(T value) {
    int k = 0;
    for (uint64_t b = count; b & 1; b >>= 1, ++k) value = R::join(level[k], value);
    level[k] = value;
    ++count;
  }
  T result() const {
    if (count == 0) return R::start;
    int k = 0;
    while (!((count >> k) & 1)) ++k;
    T value = level[k];
    for (++k; (count >> k) != 0; ++k)
      if ((count >> k) & 1) value = R::join(level[k], value);
    return value;
  }
};

// At most a block of numbers: lane j takes numbers j, j + 16, ...
template <class T, class R>
T reduce_block(const T* x, int64_t n) {
  T lanes[virtual_lanes];
  for (T& l : lanes) l = R::start;
  int64_t i = 0;
  for (; i + virtual_lanes <= n; i += virtual_lanes)
    for (int64_t j = 0; j < virtual_lanes; ++j) lanes[j] = R::join(lanes[j], x[i + j]);
  for (int64_t j = 0; i + j < n; ++j) lanes[j] = R::join(lanes[j], x[i + j]);
  for (int64_t w = virtual_lanes / 2; w > 0; w /= 2)
    for (int64_t j = 0; j < w; ++j) lanes[j] = R::join(lanes[j], lanes[j + w]);
  return lanes[0];
}

// The virtual lanes in vectors of the target.
template <class T, class R>
struct Strip {
  using D = hn::CappedTag<T, virtual_lanes>;
  using L = Lanes<D>;
  static constexpr int64_t width = hn::MaxLanes(D()), vectors = virtual_lanes / width;
  hn::Vec<D> v[vectors];

  HWY_INLINE Strip() {
    HWY_UNROLL(16)
    for (int64_t k = 0; k < vectors; ++k) v[k] = hn::Set(D(), R::start);
  }
  // Takes 16 more, each vector of them from f(its first index).
  template <class F>
  HWY_INLINE void take(int64_t i, const F& f) {
    HWY_UNROLL(16)
    for (int64_t k = 0; k < vectors; ++k) v[k] = R::join(L(v[k]), f(i + k * width)).v;
  }
  // Takes the first n of a last vector.
  HWY_INLINE void take_some(int64_t k, L x, int64_t n) {
    const LaneMask<D> some{hn::FirstN(D(), static_cast<size_t>(n))};
    v[k] = if_then_else(some, R::join(L(v[k]), x), L(v[k])).v;
  }
  HWY_INLINE T total() const {
    hn::Vec<D> w[vectors];
    HWY_UNROLL(16)
    for (int64_t k = 0; k < vectors; ++k) w[k] = v[k];
    HWY_UNROLL(4)
    for (int64_t half = vectors / 2; half > 0; half /= 2)
      for (int64_t k = 0; k < half; ++k) w[k] = R::join(L(w[k]), L(w[k + half])).v;
    return across(D(), w[0]);
  }
  template <class E>
  static HWY_INLINE T across(E, hn::Vec<E> x) {
#if HWY_TARGET != HWY_SCALAR
    if constexpr (hn::MaxLanes(E()) > 1) {
      const hn::Half<E> h;
      using H = Lanes<hn::Half<E>>;
      return across(h, R::join(H(hn::LowerHalf(h, x)), H(hn::UpperHalf(h, x))).v);
    }
#endif
    return hn::GetLane(x);
  }
};

// The reduction of f(0), f(1), ... f(n - 1), where f(i) gives a vector of them from i on, and
// f(i, count) the last vector, of which only `count` are taken.
template <class T, class R, class F>
HWY_NOINLINE T reduce_lanes(int64_t n, const F& f) {
  using S = Strip<T, R>;
  const auto some = [&](int64_t first, int64_t end) HWY_ATTR {
    S s;
    int64_t k = first;
    for (; k + virtual_lanes <= end; k += virtual_lanes) s.take(k, f);
    for (int64_t v = 0; k < end; k += S::width, ++v)
      s.take_some(v, f(k, std::min(S::width, end - k)), std::min(S::width, end - k));
    return s.total();
  };
  if (n > 0 && n <= block) return some(0, n);
  Joiner<T, R> joiner;
  int64_t i = 0;
  // Strictly in order of memory, by few instructions: the processor's prefetcher learns a stride
  // for each of them, and additions of several blocks overlap all the same.
  if constexpr (S::vectors <= 2)  // with more, the loop would be longer and no faster
    for (; i + block <= n; i += block) {
      S s;
      for (int64_t k = i; k < i + block; k += 4 * virtual_lanes) {
        s.take(k, f);
        s.take(k + virtual_lanes, f);
        s.take(k + 2 * virtual_lanes, f);
        s.take(k + 3 * virtual_lanes, f);
      }
      joiner.add(s.total());
    }
  for (; i < n; i += block) joiner.add(some(i, std::min(n, i + block)));
  return joiner.result();
}

// f over vectors of x.
template <class T, class F>
struct Mapped {
  const T* x;
  F f;
  using D = hn::CappedTag<T, virtual_lanes>;
  HWY_INLINE Lanes<D> operator()(int64_t i) const { return f(Lanes<D>(hn::LoadU(D(), x + i))); }
  HWY_INLINE Lanes<D> operator()(int64_t i, int64_t n) const {
    return f(Lanes<D>(load_some(D(), x + i, static_cast<size_t>(n))));
  }
};
template <class T, class R, class F>
HWY_INLINE T reduce_mapped(const T* x, int64_t n, F f) {
  return reduce_lanes<T, R>(n, Mapped<T, F>{x, f});
}

// f64 vectors are missing on some targets; integers and masks have no lanes.
template <class T>
constexpr bool has_lanes = std::is_same_v<T, float> ||
                           (std::is_same_v<T, double> && HWY_HAVE_FLOAT64);

// At most a group of consecutive numbers of a row, gathered when its stride is not 1.
template <class T>
HWY_INLINE const T* gathered(const T* x, int64_t stride, int64_t n, T* room) {
  if (stride == 1) return x;
  for (int64_t k = 0; k < n; ++k) room[k] = x[k * stride];
  return room;
}

// The reduction of part(first, count) over segments of a row; long rows are shared by threads.
template <class T, class R, class F>
T reduce_segments(int64_t n, const F& part) {
  if (n <= segment) return part(0, n);
  Joiner<T, R> joiner;
  constexpr int64_t most = 256;
  T parts[most];
  const int64_t segments = (n + segment - 1) / segment;
  for (int64_t s = 0; s < segments; s += most) {
    const int64_t now = std::min(most, segments - s);
    const auto one = [&](int64_t i) {
      const int64_t first = (s + i) * segment;
      parts[i] = part(first, std::min(segment, n - first));
    };
    if (n < worth_threads)
      for (int64_t i = 0; i < now; ++i) one(i);
    else
      parallel_for(now, one);
    for (int64_t i = 0; i < now; ++i) joiner.add(parts[i]);
  }
  return joiner.result();
}

// The reduction of f(x) over a row of any stride; f works on lanes and, without them, on numbers.
template <class T, class R, class F>
T reduce_row(const T* x, int64_t stride, int64_t n, F f) {
  return reduce_segments<T, R>(n, [&](int64_t first, int64_t count) HWY_ATTR {
    if constexpr (has_lanes<T>)
      if (stride == 1) return reduce_mapped<T, R>(x + first, count, f);
    Joiner<T, R> joiner;
    HWY_ALIGN T room[group];
    const int64_t step = has_lanes<T> ? group : block;
    for (int64_t i = 0; i < count; i += step) {
      const int64_t now = std::min(step, count - i);
      const T* p = gathered(x + (first + i) * stride, stride, now, room);
      if constexpr (has_lanes<T>) {
        joiner.add(reduce_mapped<T, R>(p, now, f));
      } else {
        if (p != room) std::copy(p, p + now, room);
        for (int64_t k = 0; k < now; ++k) room[k] = f(room[k]);
        joiner.add(reduce_block<T, R>(room, now));
      }
    }
    return joiner.result();
  });
}
template <class T, class R>
T reduce_row(const T* x, int64_t stride, int64_t n) {
  if constexpr (has_lanes<T>) {
    return reduce_row<T, R>(x, stride, n, [](auto v) HWY_ATTR { return v; });
  } else {
    return reduce_segments<T, R>(n, [&](int64_t first, int64_t count) {
      Joiner<T, R> joiner;
      T room[block];
      for (int64_t i = 0; i < count; i += block) {
        const int64_t now = std::min(block, count - i);
        joiner.add(reduce_block<T, R>(gathered(x + (first + i) * stride, stride, now, room), now));
      }
      return joiner.result();
    });
  }
}

// The largest number, in fewer instructions than Max; with a NaN, anything.
template <class T>
struct Top {
  static constexpr T start = Max<T>::start;
  template <class V>
  static HWY_INLINE V join(V a, V b) {
    if constexpr (std::is_arithmetic_v<V>)
      return a > b ? a : b;
    else
      return floor_at(b, a);
  }
};
// The largest number; where that is finite a NaN may have been passed over, which then makes the
// sum of the exponentials NaN.
template <class T>
double top_of(const T* x, int64_t stride, int64_t n) {
  const T top = reduce_row<T, Top<T>>(x, stride, n);
  return static_cast<double>(std::isfinite(top) ? top : reduce_row<T, Max<T>>(x, stride, n));
}
// exp(v - top) for v <= top.
struct ExpBelow {
  double top;
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> v) const {
    return LaneMath<D>::exp_below_0(v - Lanes<D>(top));
  }
};

// Calls f(pointer to the row, its number) for the rows from `first` to before `last` along the last
// axis.
template <class T, class F>
void rows_between(const View& x, int64_t first, int64_t last, const F& f) {
  if (first == last) return;
  const int kept = x.shape.size() - 1;
  Dims at = x.shape;
  const T* from = x.as<T>();
  int64_t rest = first;
  for (int i = kept - 1; i >= 0; --i) {
    at[i] = rest % x.shape[i];
    rest /= x.shape[i];
    from += at[i] * x.strides[i];
  }
  for (int64_t r = first; r < last; ++r) {
    f(from, r);
    for (int i = kept - 1; i >= 0; --i) {
      from += x.strides[i];
      if (++at[i] < x.shape[i]) break;
      from -= at[i] * x.strides[i];
      at[i] = 0;
    }
  }
}

// The same for all rows; short rows are shared by threads here, long ones within f.
template <class T, class F>
void each_row(const View& x, const F& f) {
  const int kept = x.shape.size() - 1;
  int64_t rows = 1;
  for (int i = 0; i < kept; ++i) rows *= x.shape[i];
  const int64_t n = x.shape[kept];
  if (rows == 1 || n >= worth_threads || rows * n < worth_threads)
    return rows_between<T>(x, 0, rows, f);
  const int64_t each = std::max<int64_t>(segment / n, 1);
  parallel_for((rows + each - 1) / each,
               [&](int64_t c) { rows_between<T>(x, c * each, std::min((c + 1) * each, rows), f); });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
