#include <gradus/base/pool.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/kernels.h>
#include <gradus/ops/gemm.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace gradus::dense {
namespace {

constexpr int64_t leaf = 64;        // of triangles: one fills L1
constexpr int64_t narrow = 8;       // columns of L that are found one by one
constexpr int64_t few = 8;          // reflections found one by one
constexpr int64_t small = 1 << 15;  // elements below which threads do not pay
constexpr int64_t strip = 1 << 18;  // elements of a product that wait to be subtracted

constexpr int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}
// About half of n, a multiple of `unit`.
constexpr int64_t half(int64_t n, int64_t unit) {
  return round_up(n / 2, unit);
}
// Strides that are powers of two would put the elements of a column into the same few cache lines.
constexpr int64_t apart(int64_t n) {
  return round_up(n, 8) + 8;
}

// Memory of a thread, taken and given back in turn. Once it was too small, it is replaced by one
// block that would have been enough.
class Pile {
 public:
  static Pile& mine() {
    thread_local Pile pile;
    return pile;
  }
  void* take(size_t size) {
    live_ += size;
    most_ = std::max(most_, live_);
    if (blocks_.empty() || blocks_.back().size - blocks_.back().used < size)
      blocks_.emplace_back(std::max(size, least));
    Block& b = blocks_.back();
    b.used += size;
    return b.bytes.get() + (b.used - size);
  }
  void give(size_t size) {
    live_ -= size;
    blocks_.back().used -= size;
    if (blocks_.back().used == 0 && blocks_.size() > 1) blocks_.pop_back();
    if (live_ > 0 || blocks_[0].size >= most_) return;
    blocks_.clear();
    if (most_ <= kept) blocks_.emplace_back(most_);
    most_ = 0;
  }

 private:
  static constexpr size_t least = size_t{1} << 16, kept = size_t{1} << 28;
  static constexpr std::align_val_t line{64};
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, line); }
  };
  struct Block {
    explicit Block(size_t n) : bytes(static_cast<std::byte*>(::operator new(n, line))), size(n) {}
    std::unique_ptr<std::byte, Free> bytes;
    size_t size, used = 0;
  };
  std::vector<Block> blocks_;
  size_t live_ = 0, most_ = 0;
};

// Calls f(first, count) for bands of [0, n), on all threads where `work` elements are enough.
template <class F>
void each_band(int64_t n, int64_t band, int64_t work, const F& f) {
  if (work < small || n <= band) return f(0, n);
  parallel_for((n + band - 1) / band,
               [&](int64_t i) { f(i * band, std::min(band, n - i * band)); });
}

// Calls f(count, x) for what lies in a row; in any order.
template <class T, class F>
void each_run(int64_t m, int64_t n, Window<const T> a, const F& f) {
  if (a.row == 1 && a.col != 1) std::swap(a.row, a.col), std::swap(m, n);
  if (a.col == 1 && a.row == n) n *= m, m = 1;
  for (int64_t i = 0; i < m; ++i) {
    if (a.col == 1) {
      f(n, &a(i, 0));
    } else {
      for (int64_t j = 0; j < n; ++j) f(1, &a(i, j));
    }
  }
}

// to (n,m) = the transpose of from (m,n).
template <class T>
void transpose(int64_t m, int64_t n, const T* from, int64_t from_row, T* to, int64_t to_row) {
  each_band(n, leaf, m * n, [&](int64_t first, int64_t count) {
    kernels<T>().transpose(m, count, from + first, from_row, to + first * to_row, to_row);
  });
}

// c (m,n) -= a (m,k) b (k,n).
template <class T>
void subtract_product(int64_t m, int64_t n, int64_t k, Window<const T> a, Window<const T> b, T* c,
                      int64_t c_row) {
  if (m == 0 || n == 0 || k == 0) return;
  if (b.col == 1 && n <= leaf && k <= leaf)
    return each_band(m, 2 * leaf, m * n * k / few, [&](int64_t first, int64_t count) {
      kernels<T>().update(count, n, k, a.from(first, 0).data, a.row, a.col, b.data, b.row,
                          c + first * c_row, c_row);
    });
  const int64_t most = std::max(leaf, strip / n);
  Scratch<T> scratch(std::min(m, most) * n);
  struct Subtraction {
    const T* product;
    int64_t n;
    T* c;
    int64_t c_row;
    static void run(const void* self, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      const auto& s = *static_cast<const Subtraction*>(self);
      kernels<T>().subtract(rows, columns, s.product + row * s.n + column, s.n,
                            s.c + row * s.c_row + column, s.c_row);
    }
  };
  for (int64_t i = 0; i < m; i += most) {
    const Subtraction s{scratch.data(), n, c + i * c_row, c_row};
    const After after{Subtraction::run, &s};
    gemm(std::min(most, m - i), n, k, a.from(i, 0).data, a.row, a.col, b.data, b.row, b.col,
         scratch.data(), n, &after);
  }
}

// y[j] -= f x[j]
template <class T>
void subtract_row(int64_t n, T f, const T* x, T* y) {
  for (int64_t j = 0; j < n; ++j) y[j] -= f * x[j];
}

template <class T>
void exchange(int64_t count, const int64_t* pivots, int64_t n, T* a, int64_t a_row) {
  each_band(n, 64, count * n, [&](int64_t first, int64_t columns) {
    kernels<T>().exchange(count, pivots, columns, a + first, a_row);
  });
}

// solve_triangle on this thread but for its products.
template <class T>
void substitute(bool lower, bool unit, int64_t n, int64_t k, Window<const T> t, T* x,
                int64_t x_row) {
  if (n <= leaf) {
    if (lower && t.col == 1 && k < leaf)
      return kernels<T>().solve_lower(unit, n, k, t.data, t.row, x, x_row);
    // A row-major copy; an upper triangle read backwards is a lower one.
    Scratch<T> copy(n * n);
    const Window<const T> from = lower ? t : Window<const T>{&t(n - 1, n - 1), -t.row, -t.col};
    if (from.row == 1) {
      kernels<T>().transpose(n, n, from.data, from.col, copy.data(), n);
    } else {
      for (int64_t i = 0; i < n; ++i)
        for (int64_t p = 0; p <= i; ++p) copy.data()[i * n + p] = from(i, p);
    }
    if (!lower) x += (n - 1) * x_row, x_row = -x_row;
    return kernels<T>().solve_lower(unit, n, k, copy.data(), n, x, x_row);
  }
  const int64_t h = half(n, leaf);
  T* rest = x + h * x_row;
  if (lower) {
    substitute(lower, unit, h, k, t, x, x_row);
    subtract_product<T>(n - h, k, h, t.from(h, 0), {x, x_row, 1}, rest, x_row);
    substitute(lower, unit, n - h, k, t.from(h, h), rest, x_row);
  } else {
    substitute(lower, unit, n - h, k, t.from(h, h), rest, x_row);
    subtract_product<T>(h, k, n - h, t.from(0, h), {rest, x_row, 1}, x, x_row);
    substitute(lower, unit, h, k, t, x, x_row);
  }
}

// The first n columns of a (m,n), m >= n, become those of L and U; row i was exchanged with row
// pivots[i].
template <class T>
void factor(int64_t m, int64_t n, T* a, int64_t a_row, int64_t* pivots) {
  if (n <= narrow) {
    const int64_t column = apart(m);
    Scratch<T> columns(n * column);
    transpose(m, n, a, a_row, columns.data(), column);
    kernels<T>().lu(m, n, columns.data(), column, pivots);
    transpose(n, m, columns.data(), column, a, a_row);
    return;
  }
  const int64_t h = half(n, narrow);
  T *right = a + h, *below = a + h * a_row, *rest = below + h;
  factor(m, h, a, a_row, pivots);
  exchange(h, pivots, n - h, right, a_row);
  solve_triangle<T>(true, true, h, n - h, {a, a_row, 1}, right, a_row);
  subtract_product<T>(m - h, n - h, h, {below, a_row, 1}, {right, a_row, 1}, rest, a_row);
  factor(m - h, n - h, rest, a_row, pivots + h);
  exchange(n - h, pivots + h, h, below, a_row);
  for (int64_t i = h; i < n; ++i) pivots[i] += h;
}

// The upper half of c (n,n) -= that of b^T b, b (k,n). What is below may change too.
template <class T>
void subtract_square(int64_t n, int64_t k, const T* b, int64_t b_row, T* c, int64_t c_row) {
  if (n <= leaf) return subtract_product<T>(n, n, k, {b, 1, b_row}, {b, b_row, 1}, c, c_row);
  const int64_t h = half(n, leaf);
  subtract_square(h, k, b, b_row, c, c_row);
  subtract_product<T>(h, n - h, k, {b, 1, b_row}, {b + h, b_row, 1}, c + h, c_row);
  subtract_square(n - h, k, b + h, b_row, c + h * c_row + h, c_row);
}

// The upper half of a (n,n) becomes U, A = U^T U.
template <class T>
int64_t factor_square(int64_t n, T* a, int64_t a_row) {
  if (n <= leaf) return kernels<T>().cholesky(n, a, a_row);
  const int64_t h = half(n, leaf);
  const int64_t pivot = factor_square(h, a, a_row);
  if (pivot < h) return pivot;
  T *right = a + h, *rest = a + h * a_row + h;
  solve_triangle<T>(true, false, h, n - h, {a, 1, a_row}, right, a_row);
  subtract_square(n - h, h, right, a_row, rest, a_row);
  return h + factor_square(n - h, rest, a_row);
}

constexpr int64_t tile = 32;  // rows and columns of what is transposed at once

// Calls f(i, j, height, width) for the tiles of the lower half of (n,n), those on the diagonal
// included.
template <class F>
void each_tile(int64_t n, const F& f) {
  each_band((n + tile - 1) / tile, 1, n * n, [&](int64_t first, int64_t count) {
    for (int64_t i = first * tile; i < std::min(n, (first + count) * tile); i += tile)
      for (int64_t j = 0; j <= i; j += tile) f(i, j, std::min(tile, n - i), std::min(tile, n - j));
  });
}

// The upper half of u (n,n) = the transpose of the lower half of a, which may be u itself.
template <class T>
void raise_lower(int64_t n, Window<const T> a, T* u) {
  each_tile(n, [&](int64_t i0, int64_t j0, int64_t height, int64_t width) {
    const Window<const T> from = a.from(i0, j0);
    T* to = u + j0 * n + i0;
    if (i0 > j0 && a.col == 1)
      return kernels<T>().transpose(height, width, from.data, a.row, to, n);
    for (int64_t j = 0; j < width; ++j)
      for (int64_t i = i0 > j0 ? 0 : j; i < height; ++i) to[j * n + i] = from(i, j);
  });
}

// The lower half of a (n,n) = the transpose of its upper half, which becomes 0.
template <class T>
void lower_upper(int64_t n, T* a) {
  each_tile(n, [&](int64_t i0, int64_t j0, int64_t height, int64_t width) {
    T *lower = a + i0 * n + j0, *upper = a + j0 * n + i0;
    if (i0 > j0) {
      kernels<T>().transpose(width, height, upper, n, lower, n);
      for (int64_t j = 0; j < width; ++j) std::fill_n(upper + j * n, height, T(0));
      return;
    }
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < i; ++j) lower[i * n + j] = std::exchange(upper[j * n + i], T(0));
  });
}

// Reflections of the columns of A, held as rows so that each is contiguous. Those of a group j to
// j + w are Q_w = I - V S V^T (Schreiber and Van Loan 1989); the rows of `v` become V^T.
template <class T>
struct Reflections {
  int64_t m, n, apart, panel;
  T* v;    // (n,m): A^T, then V^T with its ones and zeros
  T* s;    // (n,panel): the upper triangles S, one under the other
  T* r;    // (n,n)
  T* tau;  // (few)

  T* group(int64_t j) const { return v + j * apart + j; }
  // Element (j, j) of the triangle of its panel.
  T* triangle(int64_t j) const { return s + j * panel + j % panel; }

  // The rows of c (count, m - j) become those of C Q_w, or of C Q_w^T.
  void apply(int64_t j, int64_t w, bool transposed, int64_t count, T* c) const {
    if (count == 0) return;
    Scratch<T> along(count * w), turned(count * w);
    const int64_t s_row = transposed ? 1 : panel, s_col = transposed ? panel : 1;
    gemm(count, w, m - j, c, apart, 1, group(j), 1, apart, along.data(), w);
    gemm(count, w, w, along.data(), w, 1, triangle(j), s_row, s_col, turned.data(), w);
    subtract_product<T>(count, m - j, w, {turned.data(), w, 1}, {group(j), apart, 1}, c, apart);
  }

  void factor(int64_t j, int64_t w) const {
    if (w <= few) return factor_few(j, w);
    const int64_t h = half(w, few), next = j + h, rest = w - h;
    factor(j, h);
    apply(j, h, false, rest, v + next * apart + j);
    factor(next, rest);
    // The corner of S: -S_1 V_1^T V_2 S_2.
    Scratch<T> cross(h * rest), left(h * rest);
    gemm(h, rest, m - next, group(j) + h, apart, 1, group(next), 1, apart, cross.data(), rest);
    gemm(h, rest, h, triangle(j), panel, 1, cross.data(), rest, 1, left.data(), rest);
    for (int64_t i = 0; i < h * rest; ++i) left.data()[i] = -left.data()[i];
    gemm(h, rest, rest, left.data(), rest, 1, triangle(next), panel, 1, triangle(j) + h, panel);
  }

  void factor_few(int64_t j, int64_t w) const {
    T *rows = group(j), *upper = triangle(j);
    kernels<T>().qr(m - j, w, rows, apart, tau);
    for (int64_t i = 0; i < j + w; ++i)
      for (int64_t c = std::max<int64_t>(0, i - j); c < w; ++c)
        r[i * n + j + c] = v[(j + c) * apart + i];
    for (int64_t c = 0; c < w; ++c) {
      std::fill(rows + c * apart - j % panel, rows + c * apart + c, T(0));
      rows[c * apart + c] = 1;
    }
    Scratch<T> products(w * w);
    gemm(w, w, m - j, rows, apart, 1, rows, 1, apart, products.data(), w);
    for (int64_t c = 0; c < w; ++c) {
      for (int64_t p = 0; p < c; ++p) {
        T sum = 0;
        for (int64_t k = p; k < c; ++k) sum += upper[p * panel + k] * products.data()[k * w + c];
        upper[p * panel + c] = -tau[c] * sum;
      }
      upper[c * panel + c] = tau[c];
    }
  }
};

}  // namespace

template <class T>
Scratch<T>::Scratch(int64_t n)
    : size_((static_cast<size_t>(n) * sizeof(T) + 63) / 64 * 64),
      at_(static_cast<T*>(Pile::mine().take(size_))) {}
template <class T>
Scratch<T>::~Scratch() {
  Pile::mine().give(size_);
}

template <class T>
bool finite(int64_t m, int64_t n, Window<const T> a) {
  bool all = true;
  each_run(m, n, a, [&](int64_t count, const T* x) { all = all && kernels<T>().finite(count, x); });
  return all;
}

template <class T>
T largest(int64_t m, int64_t n, Window<const T> a) {
  T most = 0;
  each_run(m, n, a, [&](int64_t count, const T* x) {
    most = std::max(most, kernels<T>().largest(count, x));
  });
  return most;
}

template <class T>
int64_t first_asymmetry(int64_t n, Window<const T> a, T tolerance) {
  // Both halves of the transpose are the same: its rows may be contiguous.
  const Window<const T> x = a.row == 1 ? a.transposed() : a;
  const auto differ = [&](int64_t i, int64_t j) {
    return !(std::fabs(a(i, j) - a(j, i)) <= tolerance);
  };
  Scratch<int64_t> found((n + tile - 1) / tile);
  std::fill_n(found.data(), (n + tile - 1) / tile, int64_t{0});
  each_tile(n, [&](int64_t i0, int64_t j0, int64_t height, int64_t width) {
    int64_t& any = found.data()[i0 / tile];
    if (x.col == 1 && i0 > j0) {
      T turned[tile * tile];
      kernels<T>().transpose(width, height, &x(j0, i0), x.row, turned, width);
      for (int64_t i = 0; i < height; ++i)
        any |= !kernels<T>().close(width, &x(i0 + i, j0), turned + i * width, tolerance);
      return;
    }
    for (int64_t i = i0; i < i0 + height; ++i)
      for (int64_t j = j0; j < std::min(j0 + width, i); ++j) any |= differ(i, j);
  });
  for (int64_t i = 0; i < n; ++i)
    if (found.data()[i / tile] != 0)
      for (int64_t j = 0; j < i; ++j)
        if (differ(i, j)) return i * n + j;
  return n * n;
}

template <class T>
void copy(int64_t m, int64_t n, Window<const T> a, T* to) {
  if (a.row == 1 && a.col != 1) return transpose(n, m, a.data, a.col, to, n);
  each_band(m, 64, m * n, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) {
      if (a.col == 1) {
        std::copy_n(&a(i, 0), n, to + i * n);
      } else {
        for (int64_t j = 0; j < n; ++j) to[i * n + j] = a(i, j);
      }
    }
  });
}

template <class T>
int lu(int64_t n, T* a, int64_t* rows) {
  Scratch<int64_t> pivots(n);
  factor(n, n, a, n, pivots.data());
  for (int64_t i = 0; i < n; ++i) rows[i] = i;
  int sign = 1;
  for (int64_t i = 0; i < n; ++i) {
    if (pivots.data()[i] == i) continue;
    std::swap(rows[i], rows[pivots.data()[i]]);
    sign = -sign;
  }
  return sign;
}

template <class T>
int64_t cholesky(int64_t n, Window<const T> a, T* l) {
  raise_lower(n, a, l);
  const int64_t pivot = factor_square(n, l, n);
  if (pivot == n) lower_upper(n, l);
  return pivot;
}

template <class T>
void qr(int64_t m, int64_t n, T* q, T* r) {
  const int64_t column = apart(m);
  Scratch<T> columns(n * column);
  T* c = columns.data();
  if (n <= 2 * few) {
    Scratch<T> tau(n);
    transpose(m, n, q, n, c, column);
    kernels<T>().qr(m, n, c, column, tau.data());
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i <= j; ++i) r[i * n + j] = c[j * column + i];
    kernels<T>().reflected(m, n, c, column, tau.data());
  } else {
    const int64_t panel = n <= 256 ? 16 : 48;  // reflections applied at once
    Scratch<T> v(n * column), s(n * panel), tau(few);
    const Reflections<T> h{m, n, column, panel, v.data(), s.data(), r, tau.data()};
    std::fill_n(s.data(), n * panel, T(0));
    transpose(m, n, q, n, h.v, column);
    for (int64_t j = 0; j < n; j += panel) {
      const int64_t w = std::min(panel, n - j);
      h.factor(j, w);
      h.apply(j, w, false, n - j - w, h.v + (j + w) * column + j);
    }
    std::fill_n(c, n * column, T(0));
    for (int64_t i = 0; i < n; ++i) c[i * column + i] = 1;
    for (int64_t j = (n - 1) / panel * panel; j >= 0; j -= panel)
      h.apply(j, std::min(panel, n - j), true, n - j, c + j * column + j);
  }
  for (int64_t i = 0; i < n; ++i) {
    std::fill_n(r + i * n, i, T(0));
    if (!(r[i * n + i] < 0)) continue;
    for (int64_t j = i; j < n; ++j) r[i * n + j] = -r[i * n + j];
    for (int64_t k = 0; k < m; ++k) c[i * column + k] = -c[i * column + k];
  }
  transpose(n, m, c, column, q, n);
}

template <class T>
void solve_triangle(bool lower, bool unit, int64_t n, int64_t k, Window<const T> t, T* x,
                    int64_t x_row) {
  if (n == 0 || k == 0) return;
  each_band(k, 2 * leaf, n * n * k / leaf, [&](int64_t first, int64_t count) {
    substitute(lower, unit, n, count, t, x + first, x_row);
  });
}

template <class T>
void invert(int64_t n, Window<const T> factors, const int64_t* rows, T* out) {
  // L Y = I, U Z = Y, A^-1 = Z P, some columns at a time. Y is lower triangular.
  each_band(n, n < 8 * 2 * leaf ? leaf : 2 * leaf, n * n, [&](int64_t first, int64_t count) {
    Scratch<T> scratch(n * count);
    T *x = scratch.data(), *corner = x + first * count;
    std::fill_n(x, n * count, T(0));
    for (int64_t j = 0; j < count; ++j) corner[j * count + j] = 1;
    substitute(true, true, n - first, count, factors.from(first, first), corner, count);
    substitute(false, false, n, count, factors, x, count);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < count; ++j) out[i * n + rows[first + j]] = x[i * count + j];
  });
}

template <class T>
void cofactors(int64_t n, const T* factors, const int64_t* rows, int sign, T* out) {
  // adj(A) = sign adj(U) L^-1 P. With U = [[V, u], [0, d]],
  // adj(U) = [[d adj(V), -adj(V) u], [0, det V]]; x (n,n) is its transpose.
  Scratch<T> scratch(n * n);
  T* x = scratch.data();
  std::fill(x, x + n * n, T(0));
  T product = 1;
  for (int64_t k = 0; k < n; ++k) {
    T* last = x + k * n;
    for (int64_t p = 0; p < k; ++p) subtract_row(p + 1, factors[p * n + k], x + p * n, last);
    const T d = factors[k * n + k];
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j <= p; ++j) x[p * n + j] *= d;
    last[k] = product;
    product *= d;
  }
  solve_triangle<T>(false, true, n, n, Window<const T>{factors, n, 1}.transposed(), x, n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) out[rows[i] * n + j] = static_cast<T>(sign) * x[i * n + j];
}

#define FOR(T)                                                                              \
  template class Scratch<T>;                                                                \
  template bool finite(int64_t, int64_t, Window<const T>);                                  \
  template T largest(int64_t, int64_t, Window<const T>);                                    \
  template int64_t first_asymmetry(int64_t, Window<const T>, T);                            \
  template void copy(int64_t, int64_t, Window<const T>, T*);                                \
  template int lu(int64_t, T*, int64_t*);                                                   \
  template int64_t cholesky(int64_t, Window<const T>, T*);                                  \
  template void qr(int64_t, int64_t, T*, T*);                                               \
  template void solve_triangle(bool, bool, int64_t, int64_t, Window<const T>, T*, int64_t); \
  template void invert(int64_t, Window<const T>, const int64_t*, T*);                       \
  template void cofactors(int64_t, const T*, const int64_t*, int, T*);
FOR(float)
FOR(double)
#undef FOR
template class Scratch<int64_t>;

}  // namespace gradus::dense
