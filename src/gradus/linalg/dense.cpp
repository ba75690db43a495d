#include <gradus/linalg/dense.h>
#include <gradus/ops/gemm.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus::dense {
namespace {

constexpr int64_t block = 64;

// c (m,n) -= a (m,k) b (k,n), a strip of rows at a time.
template <class T>
void subtract_product(int64_t m, int64_t n, int64_t k, Window<const T> a, Window<const T> b, T* c,
                      int64_t c_row) {
  if (m == 0 || n == 0 || k == 0) return;
  Scratch<T> scratch(std::min(m, block) * n);
  T* product = scratch.data();
  for (int64_t i = 0; i < m; i += block) {
    const int64_t height = std::min(block, m - i);
    gemm(height, n, k, a.from(i, 0).data, a.row, a.col, b.data, b.row, b.col, product, n);
    for (int64_t r = 0; r < height; ++r)
      for (int64_t j = 0; j < n; ++j) c[(i + r) * c_row + j] -= product[r * n + j];
  }
}

// y[j] -= f x[j]
template <class T>
void subtract_row(int64_t n, T f, const T* x, T* y) {
  for (int64_t j = 0; j < n; ++j) y[j] -= f * x[j];
}

// The first `width` columns of a (m rows, a_row apart) become those of L and U; `whole` rows of
// width a_row are swapped. Returns the sign of the swaps.
template <class T>
int factor_panel(int64_t m, int64_t width, T* a, int64_t a_row, T* whole, int64_t* rows) {
  int sign = 1;
  for (int64_t j = 0; j < width; ++j) {
    int64_t pivot = j;
    for (int64_t i = j + 1; i < m; ++i)
      if (std::fabs(a[i * a_row + j]) > std::fabs(a[pivot * a_row + j])) pivot = i;
    if (pivot != j) {
      std::swap_ranges(whole + j * a_row, whole + (j + 1) * a_row, whole + pivot * a_row);
      std::swap(rows[j], rows[pivot]);
      sign = -sign;
    }
    const T* top = a + j * a_row;
    if (top[j] == 0) continue;
    for (int64_t i = j + 1; i < m; ++i) {
      T* row = a + i * a_row;
      row[j] /= top[j];
      subtract_row(width - j - 1, row[j], top + j + 1, row + j + 1);
    }
  }
  return sign;
}

// H_1 ... H_w = I - V S V^T of w reflections I - tau v v^T, whose v lie below the diagonal of a
// (m rows): v (m,w) gets V, s (w,w) the upper triangle S (Schreiber and Van Loan, 1989).
template <class T>
void gather_reflections(int64_t m, int64_t w, const T* a, int64_t a_row, const T* tau, T* v, T* s) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < w; ++j) v[i * w + j] = i > j ? a[i * a_row + j] : T(i == j);
  std::fill(s, s + w * w, T(0));
  for (int64_t j = 0; j < w; ++j) {
    T* column = s + j;
    for (int64_t i = j; i < m; ++i)
      for (int64_t p = 0; p < j; ++p) column[p * w] += v[i * w + p] * v[i * w + j];
    for (int64_t p = 0; p < j; ++p) {
      T sum = 0;
      for (int64_t k = p; k < j; ++k) sum += s[p * w + k] * column[k * w];
      column[p * w] = -tau[j] * sum;
    }
    column[j * w] = tau[j];
  }
}

// C -= V S V^T C, or with S^T; c has m rows and n columns.
template <class T>
void reflect(int64_t m, int64_t n, int64_t w, const T* v, Window<const T> s, T* c, int64_t c_row) {
  if (n == 0) return;
  Scratch<T> first(w * n), second(w * n);
  gemm(w, n, m, v, 1, w, c, c_row, 1, first.data(), n);
  gemm(w, n, w, s.data, s.row, s.col, first.data(), n, 1, second.data(), n);
  subtract_product<T>(m, n, w, {v, w, 1}, {second.data(), n, 1}, c, c_row);
}

// Reflects column j of a (m rows, n columns) onto its place j and applies the same to the columns
// after it. Returns tau; v stays below the diagonal, R_jj on it.
template <class T>
T reflect_column(int64_t m, int64_t n, int64_t j, T* a, int64_t a_row, T* sums) {
  T largest = 0, squares = 0;
  for (int64_t i = j; i < m; ++i) largest = std::max(largest, std::fabs(a[i * a_row + j]));
  if (largest == 0) return 0;
  for (int64_t i = j; i < m; ++i) {
    const T x = a[i * a_row + j] / largest;
    squares += x * x;
  }
  const T head = a[j * a_row + j];
  const T end = -std::copysign(largest * std::sqrt(squares), head);
  for (int64_t i = j + 1; i < m; ++i) a[i * a_row + j] /= head - end;
  const T tau = (end - head) / end;
  a[j * a_row + j] = end;
  const int64_t rest = n - j - 1;
  if (rest == 0) return tau;
  const T* top = a + j * a_row + j + 1;
  std::copy(top, top + rest, sums);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(rest, -a[i * a_row + j], a + i * a_row + j + 1, sums);
  subtract_row(rest, tau, sums, a + j * a_row + j + 1);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(rest, tau * a[i * a_row + j], sums, a + i * a_row + j + 1);
  return tau;
}

}  // namespace

template <class T>
int lu(int64_t n, T* a, int64_t* rows) {
  for (int64_t i = 0; i < n; ++i) rows[i] = i;
  int sign = 1;
  for (int64_t j = 0; j < n; j += block) {
    const int64_t width = std::min(block, n - j), rest = n - j - width;
    T* corner = a + j * n + j;
    sign *= factor_panel(n - j, width, corner, n, a + j * n, rows + j);
    if (rest == 0) break;
    T* right = corner + width;
    solve_triangle<T>(true, true, width, rest, {corner, n, 1}, right, n);
    subtract_product<T>(rest, rest, width, {corner + width * n, n, 1}, {right, n, 1},
                        right + width * n, n);
  }
  return sign;
}

template <class T>
int64_t cholesky(int64_t n, T* a) {
  for (int64_t j = 0; j < n; j += block) {
    const int64_t end = std::min(j + block, n);
    // The block column: the square on the diagonal, then the rows below it.
    for (int64_t i = j; i < n; ++i) {
      T* row = a + i * n;
      for (int64_t k = j; k < std::min(i + 1, end); ++k) {
        const T* other = a + k * n;
        T x = row[k];
        for (int64_t p = j; p < k; ++p) x -= row[p] * other[p];
        row[k] = x;
        if (k < i) {
          row[k] /= other[k];
        } else {
          if (!(x > 0)) return i;
          row[k] = std::sqrt(x);
        }
      }
    }
    // Only the lower half of what is left.
    for (int64_t i = end; i < n; i += block) {
      const int64_t height = std::min(block, n - i);
      subtract_product<T>(height, i + height - end, end - j, {a + i * n + j, n, 1},
                          {a + end * n + j, 1, n}, a + i * n + end, n);
    }
  }
  for (int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return n;
}

template <class T>
void qr(int64_t m, int64_t n, T* q, T* r) {
  constexpr int64_t panel = 32;
  Scratch<T> work(m * n), tau(n), sums(n), v(m * std::min(panel, n)), s(panel * panel);
  T* a = work.data();
  std::copy(q, q + m * n, a);
  const auto gather = [&](int64_t j, int64_t width) {
    gather_reflections(m - j, width, a + j * n + j, n, tau.data() + j, v.data(), s.data());
  };
  for (int64_t j = 0; j < n; j += panel) {
    const int64_t width = std::min(panel, n - j);
    T* corner = a + j * n + j;
    for (int64_t k = 0; k < width; ++k)
      tau.data()[j + k] = reflect_column(m - j, width, k, corner, n, sums.data());
    if (j + width == n) break;
    gather(j, width);
    reflect<T>(m - j, n - j - width, width, v.data(), {s.data(), 1, width}, corner + width, n);
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) q[i * n + j] = T(i == j);
  for (int64_t j = n == 0 ? -1 : (n - 1) / panel * panel; j >= 0; j -= panel) {
    const int64_t width = std::min(panel, n - j);
    gather(j, width);
    reflect<T>(m - j, n - j, width, v.data(), {s.data(), width, 1}, q + j * n + j, n);
  }
  for (int64_t i = 0; i < n; ++i) {
    const T sign = a[i * n + i] < 0 ? T(-1) : T(1);
    for (int64_t j = 0; j < n; ++j) r[i * n + j] = j < i ? T(0) : sign * a[i * n + j];
    for (int64_t k = 0; k < m; ++k) q[k * n + i] *= sign;
  }
}

template <class T>
void solve_triangle(bool lower, bool unit, int64_t n, int64_t k, Window<const T> t, T* x,
                    int64_t x_row) {
  const auto row = [&](int64_t i) { return x + i * x_row; };
  const auto finish = [&](int64_t i) {
    if (!unit)
      for (int64_t j = 0; j < k; ++j) row(i)[j] /= t(i, i);
  };
  if (lower) {
    for (int64_t start = 0; start < n; start += block) {
      const int64_t end = std::min(start + block, n);
      subtract_product<T>(end - start, k, start, t.from(start, 0), {x, x_row, 1}, row(start),
                          x_row);
      for (int64_t i = start; i < end; ++i) {
        for (int64_t p = start; p < i; ++p) subtract_row(k, t(i, p), row(p), row(i));
        finish(i);
      }
    }
    return;
  }
  for (int64_t end = n; end > 0; end -= std::min(block, end)) {
    const int64_t start = std::max<int64_t>(end - block, 0);
    if (end < n)
      subtract_product<T>(end - start, k, n - end, t.from(start, end), {row(end), x_row, 1},
                          row(start), x_row);
    for (int64_t i = end; i-- > start;) {
      for (int64_t p = i + 1; p < end; ++p) subtract_row(k, t(i, p), row(p), row(i));
      finish(i);
    }
  }
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
  template int lu(int64_t, T*, int64_t*);                                                   \
  template int64_t cholesky(int64_t, T*);                                                   \
  template void qr(int64_t, int64_t, T*, T*);                                               \
  template void solve_triangle(bool, bool, int64_t, int64_t, Window<const T>, T*, int64_t); \
  template void cofactors(int64_t, const T*, const int64_t*, int, T*);
FOR(float)
FOR(double)
#undef FOR

}  // namespace gradus::dense
