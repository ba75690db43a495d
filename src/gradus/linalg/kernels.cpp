#include <gradus/linalg/kernels.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/linalg/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace dense {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Full = hn::ScalableTag<T>;

// Rows and vectors of a tile: accumulators, a row of b and one broadcast fill the registers.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
constexpr int kRows = 6, kVecs = 4;
#else
constexpr int kRows = 4, kVecs = 2;
#endif
constexpr int kGroup = 4;  // rows of a triangle that are finished in registers

// f(d, i) for whole vectors from i on, then for halves of them down to single elements.
template <class D, class F>
HWY_INLINE void each_vector(D d, int64_t i, int64_t n, const F& f) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  for (; i + L <= n; i += L) f(d, i);
  if constexpr (L > 1) {
    if (i < n) each_vector(hn::Half<D>(), i, n, f);
  }
}

// f(d, vectors, j) for strips of columns, the widest first.
template <class D, class F>
HWY_INLINE void each_strip(D d, int64_t n, const F& f) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  int64_t j = 0;
  for (; j + kVecs * L <= n; j += kVecs * L) f(d, std::integral_constant<int, kVecs>(), j);
  if (kVecs > 2 && j + 2 * L <= n) {
    f(d, std::integral_constant<int, 2>(), j);
    j += 2 * L;
  }
  each_vector(d, j, n, [&](auto part, int64_t at) HWY_ATTR {
    f(part, std::integral_constant<int, 1>(), at);
  });
}

// acc -= a (R,k) b, b of V vectors.
template <int R, int V, class D, class T = hn::TFromD<D>>
HWY_INLINE void subtract_products(D d, int64_t k, const T* HWY_RESTRICT a, int64_t a_row,
                                  int64_t a_col, const T* b, int64_t b_row,
                                  hn::Vec<D> (&acc)[R][V]) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  for (int64_t p = 0; p < k; ++p, a += a_col, b += b_row) {
    hn::Vec<D> row[V];
    HWY_UNROLL(8)
    for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * L);
    HWY_UNROLL(8)
    for (int i = 0; i < R; ++i) {
      const auto factor = hn::Set(d, a[i * a_row]);
      HWY_UNROLL(8)
      for (int v = 0; v < V; ++v) acc[i][v] = hn::NegMulAdd(factor, row[v], acc[i][v]);
    }
  }
}

template <int R, int V, class D, class T = hn::TFromD<D>>
HWY_INLINE void load_tile(D d, const T* c, int64_t c_row, hn::Vec<D> (&acc)[R][V]) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  HWY_UNROLL(8)
  for (int i = 0; i < R; ++i) {
    HWY_UNROLL(8)
    for (int v = 0; v < V; ++v) acc[i][v] = hn::LoadU(d, c + i * c_row + v * L);
  }
}

template <int R, int V, class D, class T = hn::TFromD<D>>
HWY_INLINE void store_tile(D d, const hn::Vec<D> (&acc)[R][V], T* c, int64_t c_row) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  HWY_UNROLL(8)
  for (int i = 0; i < R; ++i) {
    HWY_UNROLL(8)
    for (int v = 0; v < V; ++v) hn::StoreU(acc[i][v], d, c + i * c_row + v * L);
  }
}

template <int R, int V, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void update_tile(D d, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                              int64_t b_row, T* c, int64_t c_row) {
  hn::Vec<D> acc[R][V];
  load_tile(d, c, c_row, acc);
  subtract_products(d, k, a, a_row, a_col, b, b_row, acc);
  store_tile(d, acc, c, c_row);
}

template <class T>
void update(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
            int64_t b_row, T* c, int64_t c_row) {
  each_strip(Full<T>(), n, [&](auto d, auto vectors, int64_t j) HWY_ATTR {
    constexpr int V = decltype(vectors)::value;
    int64_t i = 0;
    const auto tile = [&](auto rows) HWY_ATTR {
      constexpr int R = decltype(rows)::value;
      update_tile<R, V>(d, k, a + i * a_row, a_row, a_col, b + j, b_row, c + i * c_row + j, c_row);
      i += R;
    };
    while (i + kRows <= m) tile(std::integral_constant<int, kRows>());
    if (kRows > 4 && m - i >= 4) tile(std::integral_constant<int, 4>());
    if (m - i >= 2) tile(std::integral_constant<int, 2>());
    if (m - i >= 1) tile(std::integral_constant<int, 1>());
  });
}

// Rows i to i + R of a triangular system, V vectors of right sides.
template <int R, int V, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void solve_tile(D d, bool unit, int64_t i, const T* t, int64_t t_row, T* x,
                             int64_t x_row) {
  hn::Vec<D> acc[R][V];
  const T* rows = t + i * t_row;
  load_tile(d, x + i * x_row, x_row, acc);
  subtract_products(d, i, rows, t_row, 1, x, x_row, acc);
  rows += i;
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(8)
    for (int q = 0; q < r; ++q) {
      const auto factor = hn::Set(d, rows[r * t_row + q]);
      HWY_UNROLL(8)
      for (int v = 0; v < V; ++v) acc[r][v] = hn::NegMulAdd(factor, acc[q][v], acc[r][v]);
    }
    if (!unit) {
      const auto end = hn::Set(d, rows[r * t_row + r]);
      HWY_UNROLL(8)
      for (int v = 0; v < V; ++v) acc[r][v] = hn::Div(acc[r][v], end);
    }
  }
  store_tile(d, acc, x + i * x_row, x_row);
}

template <class T>
void solve_lower(bool unit, int64_t n, int64_t k, const T* t, int64_t t_row, T* x, int64_t x_row) {
  each_strip(Full<T>(), k, [&](auto d, auto vectors, int64_t j) HWY_ATTR {
    constexpr int V = decltype(vectors)::value;
    int64_t i = 0;
    for (; i + kGroup <= n; i += kGroup) solve_tile<kGroup, V>(d, unit, i, t, t_row, x + j, x_row);
    for (; i < n; ++i) solve_tile<1, V>(d, unit, i, t, t_row, x + j, x_row);
  });
}

template <class T>
int64_t cholesky(int64_t n, T* a, int64_t a_row) {
  for (int64_t start = 0; start < n; start += kGroup) {
    const int64_t end = std::min<int64_t>(start + kGroup, n);
    T* rows = a + start * a_row + start;
    if (start > 0)
      update(end - start, n - start, start, a + start, 1, a_row, a + start, a_row, rows, a_row);
    for (int64_t i = start; i < end; ++i) {
      T* row = a + i * a_row;
      for (int64_t p = start; p < i; ++p) {
        const T* above = a + p * a_row;
        each_vector(Full<T>(), i, n, [&](auto d, int64_t j) HWY_ATTR {
          hn::StoreU(
              hn::NegMulAdd(hn::Set(d, above[i]), hn::LoadU(d, above + j), hn::LoadU(d, row + j)),
              d, row + j);
        });
      }
      if (!(row[i] > 0)) return i;
      const T root = std::sqrt(row[i]);
      row[i] = root;
      each_vector(Full<T>(), i + 1, n, [&](auto d, int64_t j) HWY_ATTR {
        hn::StoreU(hn::Div(hn::LoadU(d, row + j), hn::Set(d, root)), d, row + j);
      });
    }
  }
  return n;
}

// column -= the products of the columns before it with its own first elements, from row j on.
// Returns the largest absolute value.
template <class T>
T subtract_columns(int64_t m, int64_t j, const T* a, int64_t a_col, T* column) {
  const Full<T> full;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(full));
  auto most = hn::Zero(full);
  int64_t i = j;
  for (; i + 4 * L <= m; i += 4 * L) {
    hn::Vec<Full<T>> acc[1][4];
    load_tile(full, column + i, 0, acc);
    subtract_products(full, j, column, 0, 1, a + i, a_col, acc);
    store_tile(full, acc, column + i, 0);
    HWY_UNROLL(4)
    for (int v = 0; v < 4; ++v) most = hn::Max(most, hn::Abs(acc[0][v]));
  }
  T largest = hn::GetLane(hn::MaxOfLanes(full, most));
  each_vector(full, i, m, [&](auto d, int64_t at) HWY_ATTR {
    hn::Vec<decltype(d)> acc[1][1];
    load_tile(d, column + at, 0, acc);
    subtract_products(d, j, column, 0, 1, a + at, a_col, acc);
    store_tile(d, acc, column + at, 0);
    largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(d, hn::Abs(acc[0][0]))));
  });
  return largest;
}

template <class T>
void lu(int64_t m, int64_t w, T* a, int64_t a_col, int64_t* pivots) {
  for (int64_t j = 0; j < w; ++j) {
    T* column = a + j * a_col;
    for (int64_t p = 0; p + 1 < std::min(j, m); ++p)
      for (int64_t i = p + 1; i < std::min(j, m); ++i)
        column[i] = hn::GetLane(hn::NegMulAdd(hn::Set(hn::CappedTag<T, 1>(), a[p * a_col + i]),
                                              hn::Set(hn::CappedTag<T, 1>(), column[p]),
                                              hn::Set(hn::CappedTag<T, 1>(), column[i])));
    const T largest = subtract_columns(m, j, a, a_col, column);
    int64_t pivot = j;
    while (pivot < m && std::fabs(column[pivot]) != largest) ++pivot;
    if (pivot == m) pivot = j;  // what overflowed may hide the largest
    pivots[j] = pivot;
    if (pivot != j)
      for (int64_t p = 0; p < w; ++p) std::swap(a[p * a_col + j], a[p * a_col + pivot]);
    const T top = column[j];
    if (top == 0) continue;
    each_vector(Full<T>(), j + 1, m, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Div(hn::LoadU(d, column + i), hn::Set(d, top)), d, column + i);
    });
  }
}

// The sums of x y over n elements for R rows y, `y_row` apart.
template <int R, class T>
HWY_INLINE void dots(int64_t n, const T* x, const T* y, int64_t y_row, T (&sums)[R]) {
  const Full<T> full;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(full));
  hn::Vec<Full<T>> acc[R];
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) acc[r] = hn::Zero(full);
  int64_t i = 0;
  for (; i + L <= n; i += L) {
    const auto v = hn::LoadU(full, x + i);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) acc[r] = hn::MulAdd(v, hn::LoadU(full, y + r * y_row + i), acc[r]);
  }
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) sums[r] = hn::GetLane(hn::SumOfLanes(full, acc[r]));
  for (; i < n; ++i)
    for (int r = 0; r < R; ++r) sums[r] += x[i] * y[r * y_row + i];
}

// y -= f x for R rows y.
template <int R, class T>
HWY_INLINE void subtract_multiples(int64_t n, const T (&f)[R], const T* x, T* y, int64_t y_row) {
  each_vector(Full<T>(), 0, n, [&](auto d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      T* row = y + r * y_row + i;
      hn::StoreU(hn::NegMulAdd(hn::Set(d, f[r]), v, hn::LoadU(d, row)), d, row);
    }
  });
}

// The length of x, without overflow on the way.
template <class T>
T length(int64_t n, const T* x) {
  constexpr T low = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  T squares[1];
  dots<1>(n, x, x, 0, squares);
  if (squares[0] >= low && squares[0] <= 1 / low) return std::sqrt(squares[0]);
  T largest = 0, sum = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest == 0) return 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] / largest * (x[i] / largest);
  return largest * std::sqrt(sum);
}

// Applies I - tau v v^T to R columns; `top` is their element where v has its 1.
template <int R, class T>
void reflect(int64_t n, T tau, const T* v, T* top, int64_t a_col) {
  T sums[R];
  dots<R>(n, v, top + 1, a_col, sums);
  for (int r = 0; r < R; ++r) {
    sums[r] = tau * (sums[r] + top[r * a_col]);
    top[r * a_col] -= sums[r];
  }
  subtract_multiples<R>(n, sums, v, top + 1, a_col);
}

// Applies the reflection of column j to the columns after it.
template <class T>
void reflect_after(int64_t m, int64_t w, int64_t j, T* a, int64_t a_col, T tau) {
  const T* v = a + j * a_col + j + 1;
  int64_t c = j + 1;
  for (; c + 4 <= w; c += 4) reflect<4>(m - j - 1, tau, v, a + c * a_col + j, a_col);
  for (; c < w; ++c) reflect<1>(m - j - 1, tau, v, a + c * a_col + j, a_col);
}

template <class T>
void qr(int64_t m, int64_t w, T* a, int64_t a_col, T* tau) {
  for (int64_t j = 0; j < w; ++j) {
    T* head = a + j * a_col + j;
    const int64_t rest = m - j - 1;
    const T size = length(rest + 1, head);
    tau[j] = 0;
    if (size == 0) continue;
    const T end = -std::copysign(size, *head), divisor = *head - end;
    tau[j] = (end - *head) / end;
    *head = end;
    each_vector(Full<T>(), 1, rest + 1, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Div(hn::LoadU(d, head + i), hn::Set(d, divisor)), d, head + i);
    });
    reflect_after(m, w, j, a, a_col, tau[j]);
  }
}

template <class T>
void reflected(int64_t m, int64_t w, T* a, int64_t a_col, const T* tau) {
  for (int64_t j = w; j-- > 0;) {
    T* column = a + j * a_col;
    reflect_after(m, w, j, a, a_col, tau[j]);
    std::fill_n(column, j, T(0));
    column[j] = 1 - tau[j];
    each_vector(Full<T>(), j + 1, m, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::Set(d, -tau[j]), hn::LoadU(d, column + i)), d, column + i);
    });
  }
}

template <class T>
void subtract(int64_t rows, int64_t columns, const T* from, int64_t from_row, T* to,
              int64_t to_row) {
  for (int64_t r = 0; r < rows; ++r, from += from_row, to += to_row)
    each_vector(Full<T>(), 0, columns, [&](auto d, int64_t j) HWY_ATTR {
      hn::StoreU(hn::Sub(hn::LoadU(d, to + j), hn::LoadU(d, from + j)), d, to + j);
    });
}

template <class T>
void exchange(int64_t count, const int64_t* pivots, int64_t n, T* a, int64_t a_row) {
  for (int64_t i = 0; i < count; ++i) {
    if (pivots[i] == i) continue;
    T *x = a + i * a_row, *y = a + pivots[i] * a_row;
    each_vector(Full<T>(), 0, n, [&](auto d, int64_t j) HWY_ATTR {
      const auto held = hn::LoadU(d, x + j);
      hn::StoreU(hn::LoadU(d, y + j), d, x + j);
      hn::StoreU(held, d, y + j);
    });
  }
}

// x * 0 is NaN exactly where x is not finite.
template <class T>
bool finite(int64_t n, const T* x) {
  const Full<T> full;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(full));
  auto sum0 = hn::Zero(full), sum1 = sum0;
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    sum0 = hn::MulAdd(hn::LoadU(full, x + i), hn::Zero(full), sum0);
    sum1 = hn::MulAdd(hn::LoadU(full, x + i + L), hn::Zero(full), sum1);
  }
  T sum = hn::GetLane(hn::SumOfLanes(full, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += x[i] * 0;
  return sum == 0;
}

template <class T>
bool close(int64_t n, const T* x, const T* y, T tolerance) {
  bool all = true;
  each_vector(Full<T>(), 0, n, [&](auto d, int64_t i) HWY_ATTR {
    const auto off = hn::Abs(hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, y + i)));
    all = all && hn::AllTrue(d, hn::Le(off, hn::Set(d, tolerance)));
  });
  return all;
}

#if HWY_TARGET != HWY_SCALAR
// Lanes of the 128-bit block q from p + q * step.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* p, int64_t step) {
  constexpr int64_t B = 16 / static_cast<int64_t>(sizeof(T));
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  if constexpr (L > B) {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, p + L / B / 2 * step, step),
                       load_blocks(half, p, step));
  } else {
    return hn::LoadU(d, p);
  }
}
#endif

// As many rows as lanes, as many columns as a 128-bit block has.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void transpose_tile(D d, const T* from, [[maybe_unused]] int64_t from_row, T* to,
                               [[maybe_unused]] int64_t to_row) {
#if HWY_TARGET == HWY_SCALAR
  hn::StoreU(hn::LoadU(d, from), d, to);
#else
  constexpr int B = 16 / static_cast<int>(sizeof(T));
  hn::Vec<D> v[B];
  HWY_UNROLL(4)
  for (int r = 0; r < B; ++r) v[r] = load_blocks(d, from + r * from_row, B * from_row);
  if constexpr (B == 2) {
    hn::StoreU(hn::InterleaveLower(d, v[0], v[1]), d, to);
    hn::StoreU(hn::InterleaveUpper(d, v[0], v[1]), d, to + to_row);
  } else {
    const hn::RepartitionToWide<D> pairs;
    const auto low_01 = hn::BitCast(pairs, hn::InterleaveLower(d, v[0], v[1]));
    const auto low_23 = hn::BitCast(pairs, hn::InterleaveLower(d, v[2], v[3]));
    const auto high_01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[0], v[1]));
    const auto high_23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2], v[3]));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low_01, low_23)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low_01, low_23)), d, to + to_row);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high_01, high_23)), d, to + 2 * to_row);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high_01, high_23)), d, to + 3 * to_row);
  }
#endif
}

template <class T>
void transpose(int64_t m, int64_t n, const T* from, int64_t from_row, T* to, int64_t to_row) {
  const Full<T> full;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(full));
  constexpr int64_t B = HWY_TARGET == HWY_SCALAR ? 1 : 16 / static_cast<int64_t>(sizeof(T));
  const int64_t rows = m - m % L, columns = n - n % B;
  for (int64_t i = 0; i < rows; i += L)
    for (int64_t j = 0; j < columns; j += B)
      transpose_tile(full, from + i * from_row + j, from_row, to + j * to_row + i, to_row);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = i < rows ? columns : 0; j < n; ++j)
      to[j * to_row + i] = from[i * from_row + j];
}

template <class T>
T largest(int64_t n, const T* x) {
  const Full<T> full;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(full));
  auto most0 = hn::Zero(full), most1 = most0;
  int64_t from = 0;
  for (; from + 2 * L <= n; from += 2 * L) {
    most0 = hn::Max(most0, hn::Abs(hn::LoadU(full, x + from)));
    most1 = hn::Max(most1, hn::Abs(hn::LoadU(full, x + from + L)));
  }
  T most = hn::GetLane(hn::MaxOfLanes(full, hn::Max(most0, most1)));
  each_vector(full, from, n, [&](auto d, int64_t i) HWY_ATTR {
    most = std::max(most, hn::GetLane(hn::MaxOfLanes(d, hn::Abs(hn::LoadU(d, x + i)))));
  });
  return most;
}

template <class T>
const Kernels<T>* table() {
  static constexpr Kernels<T> k{finite<T>,   largest<T>,  close<T>,  transpose<T>,
                                subtract<T>, exchange<T>, update<T>, solve_lower<T>,
                                cholesky<T>, lu<T>,       qr<T>,     reflected<T>};
  return &k;
}
const Kernels<float>* table_f32() {
  return table<float>();
}
const Kernels<double>* table_f64() {
#if HWY_HAVE_FLOAT64
  return table<double>();
#else
  return nullptr;
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace dense
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus::dense {
HWY_EXPORT(table_f32);
HWY_EXPORT(table_f64);
template <>
const Kernels<float>& kernels() {
  static const Kernels<float>& k = *HWY_DYNAMIC_DISPATCH(table_f32)();
  return k;
}
template <>
const Kernels<double>& kernels() {
  static const Kernels<double>& k = *HWY_DYNAMIC_DISPATCH(table_f64)();
  return k;
}
}  // namespace gradus::dense
#endif
