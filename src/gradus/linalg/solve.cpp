#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/singular.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/core/view.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/matrices.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace gradus {
namespace {

using dense::Scratch;
using dense::Window;
using namespace matrices;

// Kernels. What may raise comes first: threads share the rest.

[[noreturn]] void refuse_pivot(const char* op, const View& v, int64_t batch, int64_t pivot,
                               const char* is) {
  raise_singular(0, std::string(op) + ": " + subject(v, batch) + " is singular, rcond 0: " + is +
                        " " + std::to_string(pivot) +
                        " is 0. Its columns depend on each other. Add a small diagonal, such as "
                        "1e-6 * eye(" +
                        std::to_string(columns_of(v)) + ").");
}

template <class T>
void require_pivots(const char* op, const View& v, int64_t batch, Window<const T> t,
                    const char* is) {
  for (int64_t i = 0; i < columns_of(v); ++i)
    if (t(i, i) == 0) refuse_pivot(op, v, batch, i, is);
}

// x times 2^exponent.
template <class T>
void scale(int exponent, int64_t count, T* x) {
  if (exponent == 0) return;
  for (int64_t i = 0; i < count; ++i) x[i] = std::ldexp(x[i], exponent);
}

template <class T>
void run_lu(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  const bool as_asked = c.attrs->a.size() > 0;  // else for solve and inv, which scale back
  if (as_asked) require_finite<T>("lu", a);
  each_matrix(batch_of(a), a, [&](int64_t b) {
    T* factors = c.out[0].as<T>() + b * n * n;
    if (as_asked)
      load(a, b, factors);
    else
      load_in_range(a, b, factors);
    dense::lu(n, factors, c.out[1].as<int64_t>() + b * n);
  });
}

template <class T>
void run_cholesky(const Call& c) {
  const View& v = c.in[0];
  const int64_t n = columns_of(v), count = batch_of(v);
  if (n == 0) return;
  for (int64_t b = 0; b < count; ++b) {
    require_finite<T>("cholesky", v, b);
    require_symmetric<T>("cholesky", v, b);
  }
  Scratch<int64_t> pivots(count);
  each_matrix(count, v, [&](int64_t b) {
    pivots.data()[b] = dense::cholesky(n, constant_of<T>(v, b), c.out[0].as<T>() + b * n * n);
  });
  for (int64_t b = 0; b < count; ++b) {
    const int64_t pivot = pivots.data()[b];
    if (pivot == n) continue;
    const T is = c.out[0].as<T>()[(b * n + pivot) * n + pivot];
    raise(ErrorKind::numeric,
          "cholesky: " + subject(v, b) + " is not positive definite: pivot " +
              std::to_string(pivot) + " is " + text::significant(static_cast<double>(is), 3) +
              ". Add a small diagonal, such as 1e-6 * eye(" + std::to_string(n) + ").");
  }
}

template <class T>
void run_qr(const Call& c) {
  const View& a = c.in[0];
  const int64_t m = rows_of(a), n = columns_of(a);
  require_finite<T>("qr", a);
  each_matrix(batch_of(a), a, [&](int64_t b) {
    T *q = c.out[0].as<T>() + b * m * n, *r = c.out[1].as<T>() + b * n * n;
    const int exponent = load_in_range(a, b, q);
    dense::qr(m, n, q, r);
    scale(exponent, n * n, r);
  });
}

template <class T>
void run_triangular_solve(const Call& c) {
  const View &a = c.in[0], &b = c.in[1];
  const bool lower = c.attrs->a[0], transposed = c.attrs->a[1], unit = c.attrs->a[2];
  const int64_t n = columns_of(a), k = columns_of(b);
  for (int64_t i = 0; i < batch_of(a); ++i) {
    require_finite<T>("triangular_solve", a, i);
    require_finite<T>("triangular_solve", b, i);
    if (!unit) require_pivots("triangular_solve", a, i, constant_of<T>(a, i), "diagonal element");
  }
  each_matrix(batch_of(a), a, [&](int64_t i) {
    const Window<const T> t = constant_of<T>(a, i);
    T* x = c.out[0].as<T>() + i * n * k;
    load(b, i, x);
    dense::solve_triangle(lower != transposed, unit, n, k, transposed ? t.transposed() : t, x, k);
  });
}

// The factors of matrix `batch` from the inputs of solve and inv: a, those of a 2^-exponent, rows.
template <class T>
struct Factored {
  Window<const T> lu;
  const int64_t* row;
  int64_t stride;
  int exponent;

  Factored(std::span<const View> in, int64_t batch)
      : lu(constant_of<T>(in[1], batch)),
        row(in[2].as<int64_t>() + offset_of(in[2], batch, 1)),
        stride(in[2].strides[in[2].shape.size() - 1]),
        exponent(excess_of(columns_of(in[0]), columns_of(in[0]), constant_of<T>(in[0], batch))) {}
  int64_t row_of(int64_t i) const { return row[i * stride]; }
};

template <class T>
void require_regular(const char* op, std::span<const View> in, int64_t batch) {
  require_finite<T>(op, in[0], batch);
  require_pivots(op, in[0], batch, constant_of<T>(in[1], batch), "pivot");
}

// Whether elimination made numbers so much larger that they lost the digits of a. Row exchanges
// nearly always prevent it, but not for every matrix (Wilkinson 1961).
template <class T>
bool has_grown(int64_t n, Window<const T> a, Window<const T> factors) {
  constexpr int64_t least = 8;  // below, growth is 2^6 at most
  if (n <= least) return false;
  // Random matrices grow by n^(2/3).
  return dense::largest(n, n, factors) > T(16) * static_cast<T>(n) * dense::largest(n, n, a);
}

// A x = b, or A^T x = b, by reflections, which never grow: x (n,k) is b on entry. False where R is
// singular.
template <class T>
bool solve_by_reflections(bool transposed, int64_t n, int64_t k, Window<const T> a, T* x) {
  Scratch<T> q_room(n * n), r_room(n * n), b_room(n * k);
  T *q = q_room.data(), *r = r_room.data(), *b = b_room.data();
  dense::copy(n, n, a, q);
  dense::qr(n, n, q, r);
  for (int64_t i = 0; i < n; ++i)
    if (r[i * n + i] == 0) return false;
  const Window<const T> upper{r, n, 1};
  std::copy(x, x + n * k, b);
  if (transposed) dense::solve_triangle(true, false, n, k, upper.transposed(), b, k);
  std::fill(x, x + n * k, T(0));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const T* from = b + (transposed ? j : i) * k;
      T* to = x + (transposed ? i : j) * k;
      for (int64_t l = 0; l < k; ++l) to[l] += q[i * n + j] * from[l];
    }
  if (!transposed) dense::solve_triangle(false, false, n, k, upper, x, k);
  return true;
}

// A x = b is L U x = P b; A^T x = b is U^T L^T (P x) = b.
template <class T>
void run_solve(const Call& c) {
  const bool transposed = c.attrs->a[0];
  const View& b = c.in[3];
  const int64_t n = rows_of(b), k = columns_of(b);
  for (int64_t i = 0; i < batch_of(b); ++i) {
    require_regular<T>("solve", c.in, i);
    require_finite<T>("solve", b, i);
  }
  each_matrix(batch_of(b), c.in[0], [&](int64_t i) {
    const Factored<T> f(c.in, i);
    const Window<const T> from = constant_of<T>(b, i);
    T* x = c.out[0].as<T>() + i * n * k;
    const Window<const T> a = constant_of<T>(c.in[0], i);
    if (has_grown(n, a, f.lu)) {
      load(b, i, x);
      if (solve_by_reflections(transposed, n, k, a, x)) return;
    }
    if (!transposed) {
      for (int64_t r = 0; r < n; ++r)
        for (int64_t j = 0; j < k; ++j) x[r * k + j] = from(f.row_of(r), j);
      dense::solve_triangle(true, true, n, k, f.lu, x, k);
      dense::solve_triangle(false, false, n, k, f.lu, x, k);
      scale(-f.exponent, n * k, x);
      return;
    }
    Scratch<T> scratch(n * k);
    T* y = scratch.data();
    load(b, i, y);
    dense::solve_triangle(true, false, n, k, f.lu.transposed(), y, k);
    dense::solve_triangle(false, true, n, k, f.lu.transposed(), y, k);
    for (int64_t r = 0; r < n; ++r) std::copy(y + r * k, y + (r + 1) * k, x + f.row_of(r) * k);
    scale(-f.exponent, n * k, x);
  });
}

template <class T>
void run_inv(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  for (int64_t i = 0; i < batch_of(a); ++i) require_regular<T>("inv", c.in, i);
  each_matrix(batch_of(a), a, [&](int64_t i) {
    const Factored<T> f(c.in, i);
    Scratch<int64_t> rows(n);
    for (int64_t r = 0; r < n; ++r) rows.data()[r] = f.row_of(r);
    T* inverse = c.out[0].as<T>() + i * n * n;
    dense::invert(n, f.lu, rows.data(), inverse);
    scale(-f.exponent, n * n, inverse);
  });
}

// Calls f(factors, rows, exponent) for a single regular matrix; the factors are those of A
// 2^-exponent.
template <class T, class F>
void with_factors(const char* op, const View& a, const F& f) {
  const int64_t n = columns_of(a);
  require_finite<T>(op, a, 0);
  Scratch<T> factors(n * n);
  Scratch<int64_t> rows(n);
  const int exponent = load_in_range(a, 0, factors.data());
  dense::lu(n, factors.data(), rows.data());
  const Window<const T> lu{factors.data(), n, 1};
  require_pivots(op, a, 0, lu, "pivot");
  f(lu, rows.data(), exponent);
}

// One call for what lu and solve do, when nothing records them; the right side may be a vector.
template <class T>
void run_solve_at_once(const Call& c) {
  with_factors<T>("solve", c.in[0], [&](Window<const T> lu, const int64_t* rows, int exponent) {
    View b = c.in[1];
    if (b.shape.size() == 1) b.shape.push_back(1), b.strides.push_back(1);
    require_finite<T>("solve", b, 0);
    const Window<T> from = matrix_of<T>(b, 0);
    const int64_t n = rows_of(b), k = columns_of(b);
    T* x = c.out[0].as<T>();
    const Window<const T> a = constant_of<T>(c.in[0], 0);
    if (has_grown(n, a, lu)) {
      load(b, 0, x);
      if (solve_by_reflections(false, n, k, a, x)) return;
    }
    for (int64_t r = 0; r < n; ++r)
      for (int64_t j = 0; j < k; ++j) x[r * k + j] = from(rows[r], j);
    dense::solve_triangle(true, true, n, k, lu, x, k);
    dense::solve_triangle(false, false, n, k, lu, x, k);
    scale(-exponent, n * k, x);
  });
}

template <class T>
void run_inv_at_once(const Call& c) {
  with_factors<T>("inv", c.in[0], [&](Window<const T> lu, const int64_t* rows, int exponent) {
    const int64_t n = columns_of(c.in[0]);
    dense::invert(n, lu, rows, c.out[0].as<T>());
    scale(-exponent, n * n, c.out[0].as<T>());
  });
}

// Calls f(factors, rows, sign, exponent, batch) for every matrix; the factors are those of
// A 2^-exponent.
template <class T, class F>
void each_factored(const char* op, const View& a, F f) {
  const int64_t n = columns_of(a);
  require_finite<T>(op, a);
  each_matrix(batch_of(a), a, [&](int64_t b) {
    Scratch<T> factors(n * n);
    Scratch<int64_t> rows(n);
    const int exponent = load_in_range(a, b, factors.data());
    const int sign = dense::lu(n, factors.data(), rows.data());
    f(factors.data(), rows.data(), sign, exponent, b);
  });
}

template <class T>
void run_cofactors(const Call& c) {
  const int64_t n = columns_of(c.in[0]);
  each_factored<T>("det", c.in[0],
                   [&](const T* factors, const int64_t* rows, int sign, int exponent, int64_t b) {
                     T* to = c.out[0].as<T>() + b * n * n;
                     dense::cofactors(n, factors, rows, sign, to);
                     scale(exponent * static_cast<int>(n - 1), n * n, to);
                   });
}

// a b - c d with one rounding of each product made good (Kahan).
template <class T>
T difference_of_products(T a, T b, T c, T d) {
  const T cd = c * d;
  return std::fma(a, b, -cd) - std::fma(c, d, -cd);
}

template <class T>
T small_det(int64_t n, const Window<T>& a) {
  if (n == 0) return 1;
  if (n == 1) return a(0, 0);
  const auto minor = [&](int64_t p, int64_t q) {
    return difference_of_products(a(n - 2, p), a(n - 1, q), a(n - 2, q), a(n - 1, p));
  };
  if (n == 2) return minor(0, 1);
  return a(0, 0) * minor(1, 2) - a(0, 1) * minor(0, 2) + a(0, 2) * minor(0, 1);
}

template <class T>
void run_det(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  T* out = c.out[0].as<T>();
  if (n <= 3) {
    require_finite<T>("det", a);
    for (int64_t b = 0; b < batch_of(a); ++b) {
      out[b] = small_det(n, matrix_of<T>(a, b));
      if (std::isfinite(out[b])) continue;
      // Its products left the range, but their sum may lie in it.
      T near[9];
      load(a, b, near);
      const int exponent = std::ilogb(dense::largest(n, n, Window<const T>{near, n, 1}));
      scale(-exponent, n * n, near);
      out[b] = std::ldexp(small_det(n, Window<T>{near, n, 1}), exponent * static_cast<int>(n));
    }
    return;
  }
  each_factored<T>("det", a, [&](const T* factors, const int64_t*, int sign, int apart, int64_t b) {
    // Mantissa and exponent apart: the product may leave the range on its way.
    T mantissa = static_cast<T>(sign);
    int64_t exponent = apart * n;
    for (int64_t i = 0; i < n; ++i) {
      int e = 0;
      mantissa = std::frexp(mantissa * factors[i * n + i], &e);
      exponent += e;
    }
    out[b] = std::ldexp(mantissa, static_cast<int>(std::clamp<int64_t>(exponent, -5000, 5000)));
  });
}

template <class T>
void run_slogdet(const Call& c) {
  const int64_t n = columns_of(c.in[0]);
  each_factored<T>(
      "slogdet", c.in[0], [&](const T* factors, const int64_t*, int sign, int apart, int64_t b) {
        T sum = static_cast<T>(static_cast<double>(apart * n) * std::numbers::ln2),
          direction = static_cast<T>(sign);
        for (int64_t i = 0; i < n; ++i) {
          const T pivot = factors[i * n + i];
          sum += std::log(std::fabs(pivot));
          direction = pivot == 0 ? T(0) : pivot < 0 ? -direction : direction;
          if (direction == 0) break;
        }
        c.out[0].as<T>()[b] = direction;
        c.out[1].as<T>()[b] = direction == 0 ? -std::numeric_limits<T>::infinity() : sum;
      });
}

#define KERNEL(run) by_type<run<float>, run<double>>

// Types.

Type same_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}
Type type_of_last(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in.back();
}
Type lu_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  if (output == 0) return in[0];
  Type rows{DType::i64, in[0].shape};
  rows.shape.erase(rows.shape.size() - 1);
  return rows;
}
Type qr_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  Type type = in[0];
  if (output == 1) type.shape[type.shape.size() - 2] = type.shape.back();
  return type;
}
Type number_a_matrix(const Op&, std::span<const Type> in, const Attrs&, int) {
  Type type = in[0];
  type.shape.erase(type.shape.size() - 1);
  type.shape.erase(type.shape.size() - 1);
  return type;
}

// Floating-point operations to leading order: thirds of the elements of the first input, or of the
// output, times its width.
template <int thirds>
double by_matrix(std::span<const Type> in, const Attrs&, const Type&) {
  return thirds / 3.0 * static_cast<double>(element_count(in[0].shape)) *
         static_cast<double>(in[0].shape.back());
}
template <int thirds>
double by_column(std::span<const Type> in, const Attrs&, const Type& out) {
  return thirds / 3.0 * static_cast<double>(element_count(out.shape)) *
         static_cast<double>(in[0].shape.back());
}

// Factors, then two triangles.
double by_solution(std::span<const Type> in, const Attrs& attrs, const Type& out) {
  return by_matrix<2>(in, attrs, out) + by_column<6>(in, attrs, out);
}

// Parts of matrices.

// (n, 1) and (n): their comparison is a mask of a triangle.
Tensor row_numbers(int64_t n) {
  return reshape(iota(n), {n, 1});
}
// Elements with column - row <= k (lower) or >= k (upper).
Tensor lower_part(const Tensor& a, int64_t k = 0) {
  return where(iota(a.shape().back()) - row_numbers(a.shape()[a.rank() - 2]) <= k, a, 0.0);
}
Tensor upper_part(const Tensor& a, int64_t k = 0) {
  return where(iota(a.shape().back()) - row_numbers(a.shape()[a.rank() - 2]) >= k, a, 0.0);
}
Tensor symmetric_part(const Tensor& a) {
  return 0.5 * (a + transpose(a));
}
// The lower half with half the diagonal: what a lower triangular L makes of L + L^T.
Tensor half_lower(const Tensor& a) {
  return 0.5 * (lower_part(a) + lower_part(a, -1));
}
Tensor total(const Tensor& a) {
  return sum(a, {.axis = {-2, -1}});
}
// One number a matrix, repeated over it.
Tensor over_matrix(const Tensor& x, const Shape& shape) {
  return broadcast_to(expand_dims(expand_dims(x, -1), -1), shape);
}
// b T^-1 and b T^-T.
Tensor solve_right(const Tensor& b, const Tensor& t, Triangle how) {
  how.transposed = !how.transposed;
  return transpose(triangular_solve(t, transpose(b), how));
}

// Derivatives. x_bar is the cotangent of x, x_dot its tangent.

Tensor permutation(const Tensor& rows, DType dtype) {
  return one_hot(rows, rows.shape().back(), dtype);
}

struct Factors {
  Tensor p, l, u;
};
Factors factors_of(const Context& c) {
  const Tensor& packed = c.out[0];
  const int64_t n = packed.shape().back();
  return {permutation(c.out[1], packed.dtype()), lower_part(packed, -1) + eye(n, packed.dtype()),
          upper_part(packed)};
}

constexpr Triangle unit_lower{.lower = true, .unit = true};
constexpr Triangle upper{.lower = false};

Tensor lu_pull(const Context& c, std::span<const Tensor> bar, int) {
  if (bar[0].is_absent()) return {};
  const auto [p, l, u] = factors_of(c);
  const Tensor inner = lower_part(matmul(transpose(l), lower_part(bar[0], -1)), -1) +
                       upper_part(matmul(upper_part(bar[0]), transpose(u)));
  const Tensor left = triangular_solve(l, inner, {.lower = true, .transposed = true, .unit = true});
  return matmul(transpose(p), solve_right(left, u, {.lower = false, .transposed = true}));
}

Tensor lu_push(const Context& c, std::span<const Tensor> dot, int output) {
  if (output == 1) return {};
  const auto [p, l, u] = factors_of(c);
  const Tensor m = solve_right(triangular_solve(l, matmul(p, dot[0]), unit_lower), u, upper);
  return matmul(l, lower_part(m, -1)) + matmul(upper_part(m), u);
}

Tensor cholesky_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor& l = c.out[0];
  const Tensor inner = half_lower(matmul(transpose(l), bar[0]));
  return symmetric_part(solve_right(triangular_solve(l, inner, {.transposed = true}), l, {}));
}

Tensor cholesky_push(const Context& c, std::span<const Tensor> dot, int) {
  const Tensor& l = c.out[0];
  const Tensor left = triangular_solve(l, symmetric_part(dot[0]));
  return matmul(l, half_lower(solve_right(left, l, {.transposed = true})));
}

Tensor qr_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor &q = c.out[0], &r = c.out[1];
  Tensor m = zeros_like(r);
  if (!bar[1].is_absent()) m = matmul(r, transpose(upper_part(bar[1])));
  if (!bar[0].is_absent()) m = m - matmul(transpose(bar[0]), q);
  Tensor inner = matmul(q, lower_part(m) + transpose(lower_part(m, -1)));
  if (!bar[0].is_absent()) inner = bar[0] + inner;
  return solve_right(inner, r, {.lower = false, .transposed = true});
}

Tensor qr_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Tensor &q = c.out[0], &r = c.out[1];
  const Tensor w = solve_right(dot[0], r, upper), inside = matmul(transpose(q), w);
  // Q^T Q_dot is skew: what is below the diagonal of Q^T A_dot R^-1 fixes it.
  const Tensor below = lower_part(inside, -1), rest = inside - (below - transpose(below));
  return output == 1 ? matmul(rest, r) : w - matmul(q, rest);
}

Triangle triangle_of(const Attrs& attrs) {
  return {.lower = attrs.a[0] != 0, .transposed = attrs.a[1] != 0, .unit = attrs.a[2] != 0};
}
// The part of a that triangular_solve reads.
Tensor read_part(const Tensor& a, const Triangle& how) {
  const int64_t k = how.unit ? 1 : 0;
  return how.lower ? lower_part(a, -k) : upper_part(a, k);
}

Tensor triangular_pull(const Context& c, std::span<const Tensor> bar, int i) {
  Triangle how = triangle_of(c.attrs), back = how;
  back.transposed = !how.transposed;
  const Tensor b_bar = triangular_solve(c.in[0], bar[0], back);
  if (i == 1) return b_bar;
  const Tensor& x = c.out[0];
  return -read_part(how.transposed ? matmul(x, transpose(b_bar)) : matmul(b_bar, transpose(x)),
                    how);
}

Tensor triangular_push(const Context& c, std::span<const Tensor> dot, int) {
  const Triangle how = triangle_of(c.attrs);
  Tensor b_dot = dot[1].is_absent() ? zeros_like(c.in[1]) : dot[1];
  if (!dot[0].is_absent()) {
    const Tensor t_dot = read_part(dot[0], how);
    b_dot = b_dot - matmul(how.transposed ? transpose(t_dot) : t_dot, c.out[0]);
  }
  return triangular_solve(c.in[0], b_dot, how);
}

// Inputs a, factors, rows, b: the factors carry no derivative, a does.
Tensor solve_again(const Context& c, const Tensor& b, bool transposed) {
  Attrs attrs;
  attrs.a = {transposed};
  return apply(op::solve, {c.in[0], c.in[1], c.in[2], b}, attrs);
}

Tensor solve_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i == 1 || i == 2) return {};
  const bool transposed = c.attrs.a[0];
  const Tensor b_bar = solve_again(c, bar[0], !transposed);
  if (i == 3) return b_bar;
  const Tensor& x = c.out[0];
  return -(transposed ? matmul(x, transpose(b_bar)) : matmul(b_bar, transpose(x)));
}

Tensor solve_push(const Context& c, std::span<const Tensor> dot, int) {
  const bool transposed = c.attrs.a[0];
  Tensor b_dot = dot[3].is_absent() ? zeros_like(c.in[3]) : dot[3];
  if (!dot[0].is_absent())
    b_dot = b_dot - matmul(transposed ? transpose(dot[0]) : dot[0], c.out[0]);
  return solve_again(c, b_dot, transposed);
}

Tensor inv_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i != 0) return {};
  const Tensor y = transpose(c.out[0]);
  return -matmul(matmul(y, bar[0]), y);
}

Tensor inv_push(const Context& c, std::span<const Tensor> dot, int) {
  if (dot[0].is_absent()) return {};
  return -matmul(matmul(c.out[0], dot[0]), c.out[0]);
}

Tensor det_pull(const Context& c, std::span<const Tensor> bar, int) {
  return over_matrix(bar[0], c.in[0].shape()) * cofactors(c.in[0]);
}

Tensor det_push(const Context& c, std::span<const Tensor> dot, int) {
  return total(dot[0] * cofactors(c.in[0]));
}

// Up to here a cofactor is differentiated as the determinant of its minor, which is right for every
// matrix; n^2 of them are too many for larger ones.
constexpr int64_t most_by_minors = 6;

// Places in the flattened matrix of the minor without row i and column j: (n, n, n-1, n-1).
Tensor minor_places(int64_t n) {
  const Tensor left = iota(n - 1);
  const Tensor line = left + cast(left >= row_numbers(n), DType::i64);  // (n, n-1)
  return reshape(line, {n, 1, n - 1, 1}) * n + reshape(line, {n, 1, n - 1});
}
// 1 and -1 in turns.
Tensor checkerboard(int64_t n, DType dtype) {
  return cast(1 - 2 * remainder(row_numbers(n) + iota(n), 2), dtype);
}
// (batch, n, n, n-1, n-1)
Tensor minors_of(const Tensor& a) {
  const int64_t n = a.shape().back();
  const Tensor table = transpose(reshape(a, {element_count(a.shape()) / (n * n), n * n}));
  return move_axis(gather(table, minor_places(n)), -1, 0);
}
// Its transpose.
Tensor gather_minors(const Tensor& minors, const Shape& shape) {
  const int64_t n = shape.back();
  const Tensor rows = move_axis(minors, 0, -1);
  return reshape(transpose(scatter_add(minor_places(n), rows, n * n)), shape);
}
// The cofactors c_bar or the like as (batch, n, n).
Tensor flat_batch(const Tensor& a) {
  const int64_t n = a.shape().back();
  return reshape(a, {element_count(a.shape()) / (n * n), n, n});
}

Tensor cofactors_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor& a = c.in[0];
  const int64_t n = a.shape().back();
  if (n < 2 || a.size() == 0) return {};
  if (n <= most_by_minors) {
    const Tensor signed_bar = flat_batch(bar[0] * checkerboard(n, a.dtype()));
    const Tensor inner = cofactors(minors_of(a));
    return gather_minors(over_matrix(signed_bar, inner.shape()) * inner, a.shape());
  }
  // C = det(A) A^-T: C_dot = tr(A^-1 A_dot) C - C A_dot^T A^-T.
  const Tensor& cof = c.out[0];
  const Tensor scale = over_matrix(total(bar[0] * cof), a.shape()) * eye(n, a.dtype());
  return solve(transpose(a), scale - matmul(transpose(bar[0]), cof));
}

Tensor cofactors_push(const Context& c, std::span<const Tensor> dot, int) {
  const Tensor& a = c.in[0];
  const int64_t n = a.shape().back();
  if (n < 2 || a.size() == 0) return {};
  if (n <= most_by_minors) {
    const Tensor inner = total(cofactors(minors_of(a)) * minors_of(dot[0]));
    return reshape(inner, a.shape()) * checkerboard(n, a.dtype());
  }
  const Tensor& cof = c.out[0];
  const Tensor moved = solve(a, dot[0]);
  return over_matrix(trace(moved), a.shape()) * cof - matmul(cof, transpose(moved));
}

Tensor slogdet_pull(const Context& c, std::span<const Tensor> bar, int) {
  if (bar[1].is_absent()) return {};
  return over_matrix(bar[1], c.in[0].shape()) * transpose(inv(c.in[0]));
}

Tensor slogdet_push(const Context& c, std::span<const Tensor> dot, int output) {
  if (output == 0) return {};
  return total(dot[0] * transpose(inv(c.in[0])));
}

// Inputs.

void require_matrix(const Op& op, const Tensor& a, bool square = true) {
  require_float(op, a.type());
  refuse_unless_matrix(op.name, a.type());
  if (square && a.shape()[a.rank() - 2] != a.shape().back())
    raise(ErrorKind::shape, std::string(op.name) + ": " + to_string(a.type()) +
                                " is not square. The last two axes must be equal.");
}

// a and b of a system with one type and equal leading axes; b as columns.
struct System {
  Tensor a, b;
  bool vector;
  Shape lead;

  System(const Op& op, const Tensor& left, const Tensor& right) : a(left), b(right) {
    const auto clash = [&](const std::string& why) {
      raise(ErrorKind::shape, std::string(op.name) + ": " + to_string(left.type()) + " and " +
                                  to_string(right.type()) + ": " + why);
    };
    require_float(op, a.type());
    require_float(op, b.type());
    if (a.dtype() != b.dtype()) a = cast(a, DType::f64), b = cast(b, DType::f64);
    require_matrix(op, a);
    if (b.rank() == 0) clash("the right side has no axis. It is a vector or has columns.");
    vector = b.rank() == 1;
    if (vector) b = expand_dims(b, 1);
    if (a.shape().back() != b.shape()[b.rank() - 2])
      clash(std::to_string(a.shape().back()) + " unknowns, but " +
            std::to_string(b.shape()[b.rank() - 2]) +
            " rows on the right. The right side is a vector (n) or has columns (..., n, k).");
    const Type p = lead_of(a), q = lead_of(b);
    for (int i = 1; i <= std::min(p.shape.size(), q.shape.size()); ++i) {
      const int64_t m = p.shape[p.shape.size() - i], n = q.shape[q.shape.size() - i];
      if (m != n && m != 1 && n != 1)
        clash("leading axes " + to_string(p.shape) + " and " + to_string(q.shape) +
              " do not broadcast. They line up from the right, and only size 1 repeats.");
    }
    lead = broadcast_shape(op, p, q);
  }

  // x with the common leading axes before its last `own`.
  Tensor spread(const Tensor& x, int own = 2) const {
    Shape shape = lead;
    for (int i = x.rank() - own; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
    return broadcast_to(x, shape);
  }
  Tensor result(const Tensor& x) const { return vector ? squeeze(x, -1) : x; }

 private:
  static Type lead_of(const Tensor& x) {
    Type type = x.type();
    type.shape.erase(type.shape.size() - 1);
    type.shape.erase(type.shape.size() - 1);
    return type;
  }
};

// One matrix, and no recording that would want its factors.
bool at_once(const Tensor& a) {
  return Tape::open() == nullptr && a.rank() == 2;
}

// apply() on numbers outside a recording, without its lists on the heap: a small matrix takes less
// time than they do.
template <class... Inputs>
Tensor compute(const Op& op, const Inputs&... in) {
  if (Tape::open() != nullptr) return apply(op, {in...});
  const std::array types{in.type()...};
  const std::array buffers{buffer_of(in)...};
  const Attrs attrs;
  const Type type = op.type(op, types, attrs, 0);
  Buffer out;
  run_op(op, types, buffers, attrs, {&type, 1}, {&out, 1});
  return {type, std::move(out)};
}

// The factors of a, for ops that differentiate by a itself.
std::vector<Tensor> fixed_factors(const Tensor& a) {
  std::vector<Tensor> f = apply_many(op::lu, std::span(&a, 1));
  f[0] = stop_gradient(f[0]);
  return f;
}

}  // namespace

namespace op {
constinit const Op lu{.name = "lu",
                      .says = "triangular factors by elimination with row exchanges",
                      .math = "P A = L U",
                      .kind = Kind::custom,
                      .outputs = 2,
                      .type = lu_type,
                      .kernel = KERNEL(run_lu),
                      .rule = {.pull = lu_pull, .push = lu_push},
                      .batch = batch_leading,
                      .work = by_matrix<2>};
constinit const Op cholesky{.name = "cholesky",
                            .says = "the triangular root of a positive definite matrix",
                            .math = "A = L L^T",
                            .kind = Kind::custom,
                            .type = same_type,
                            .kernel = KERNEL(run_cholesky),
                            .rule = {.pull = cholesky_pull, .push = cholesky_push},
                            .batch = batch_leading,
                            .work = by_matrix<1>};
constinit const Op qr{.name = "qr",
                      .says = "orthonormal columns times a triangle",
                      .math = "A = Q R, Q^T Q = I",
                      .kind = Kind::custom,
                      .outputs = 2,
                      .type = qr_type,
                      .kernel = KERNEL(run_qr),
                      .rule = {.pull = qr_pull, .push = qr_push},
                      .batch = batch_leading,
                      .work = by_matrix<8>};
constinit const Op triangular_solve{.name = "triangular_solve",
                                    .says = "solves a triangular system",
                                    .math = "T x = b",
                                    .kind = Kind::custom,
                                    .inputs = 2,
                                    .type = type_of_last,
                                    .kernel = KERNEL(run_triangular_solve),
                                    .rule = {.pull = triangular_pull, .push = triangular_push},
                                    .batch = batch_leading,
                                    .work = by_column<3>};
constinit const Op solve{.name = "solve",
                         .says = "solves a system of linear equations from its factors",
                         .math = "A x = b",
                         .form = "solve({0}, {3})",
                         .kind = Kind::custom,
                         .inputs = 4,
                         .type = type_of_last,
                         .kernel = KERNEL(run_solve),
                         .rule = {.pull = solve_pull, .push = solve_push},
                         .batch = batch_leading,
                         .work = by_column<6>};
constinit const Op inv{.name = "inv",
                       .says = "the inverse matrix, from its factors",
                       .math = "A A^-1 = I",
                       .form = "inv({0})",
                       .kind = Kind::custom,
                       .inputs = 3,
                       .type = same_type,
                       .kernel = KERNEL(run_inv),
                       .rule = {.pull = inv_pull, .push = inv_push},
                       .batch = batch_leading,
                       .work = by_column<6>};
constinit const Op cofactors{.name = "cofactors",
                             .says = "the gradient of the determinant, singular matrices included",
                             .math = "C_ij = d det(A) / d A_ij",
                             .kind = Kind::custom,
                             .type = same_type,
                             .kernel = KERNEL(run_cofactors),
                             .rule = {.pull = cofactors_pull, .push = cofactors_push},
                             .batch = batch_leading,
                             .work = by_matrix<6>};
constinit const Op det{.name = "det",
                       .says = "the determinant: how the map scales volume",
                       .math = "det(A) = det(P) prod U_ii",
                       .kind = Kind::custom,
                       .type = number_a_matrix,
                       .kernel = KERNEL(run_det),
                       .rule = {.pull = det_pull, .push = det_push},
                       .batch = batch_leading,
                       .work = by_matrix<2>};
constinit const Op slogdet{.name = "slogdet",
                           .says = "sign and logarithm of the size of the determinant",
                           .math = "det(A) = sign e^log",
                           .kind = Kind::custom,
                           .outputs = 2,
                           .type = number_a_matrix,
                           .kernel = KERNEL(run_slogdet),
                           .rule = {.pull = slogdet_pull, .push = slogdet_push},
                           .batch = batch_leading,
                           .work = by_matrix<2>};
}  // namespace op

namespace {
// Never recorded, so they are in no list and have no derivative.
constinit const Op solve_at_once{.name = "solve",
                                 .says = "solves a system of linear equations",
                                 .math = "A x = b",
                                 .inputs = 2,
                                 .type = type_of_last,
                                 .kernel = KERNEL(run_solve_at_once),
                                 .work = by_solution};
constinit const Op inv_at_once{.name = "inv",
                               .says = "the inverse matrix",
                               .math = "A A^-1 = I",
                               .type = same_type,
                               .kernel = KERNEL(run_inv_at_once),
                               .work = by_matrix<8>};
}  // namespace

std::span<const Op* const> linalg_ops() {
  static constexpr const Op* ops[] = {
      &op::lu,      &op::cholesky, &op::qr,       &op::triangular_solve,
      &op::solve,   &op::inv,      &op::det,      &op::cofactors,
      &op::slogdet, &op::eigh,     &op::eigvalsh, &op::svd,
      &op::svdvals, &op::eig,      &op::eigvals,  &op::pinv};
  return ops;
}

LU lu(const Tensor& a) {
  require_matrix(op::lu, a, false);
  const int64_t m = a.shape()[a.rank() - 2], n = a.shape().back(), k = std::min(m, n);
  Tensor square = slice_axis(a, -1, {0, k});
  if (m > n) {
    Shape rest = a.shape();
    rest[rest.size() - 1] = m - n;
    square = concatenate({a, zeros(rest, a.dtype())}, -1);
  }
  Attrs checked;
  checked.a = {1};
  const std::vector<Tensor> f = apply_many(op::lu, std::span(&square, 1), checked);
  LU r{permutation(f[1], a.dtype()), lower_part(f[0], -1) + eye(m, a.dtype()), upper_part(f[0])};
  if (m > n) {
    r.l = slice_axis(r.l, -1, {0, n});
    r.u = slice_axis(slice_axis(r.u, -1, {0, n}), -2, {0, n});
  } else if (m < n) {
    const Tensor rest = matmul(r.p, slice_axis(a, -1, {m, n}));
    r.u = concatenate({r.u, triangular_solve(r.l, rest, unit_lower)}, -1);
  }
  return r;
}

Tensor cholesky(const Tensor& a) {
  require_matrix(op::cholesky, a);
  return compute(op::cholesky, a);
}

QR qr(const Tensor& a) {
  require_matrix(op::qr, a, false);
  const int64_t m = a.shape()[a.rank() - 2], n = a.shape().back();
  const Tensor square = slice_axis(a, -1, {0, std::min(m, n)});
  const std::vector<Tensor> f = apply_many(op::qr, std::span(&square, 1));
  if (m >= n) return {f[0], f[1]};
  const Tensor rest = slice_axis(a, -1, {m, n});
  return {f[0], concatenate({f[1], matmul(transpose(f[0]), rest)}, -1)};
}

Tensor triangular_solve(const Tensor& a, const Tensor& b, const Triangle& how) {
  const System s(op::triangular_solve, a, b);
  Attrs attrs;
  attrs.a = {how.lower, how.transposed, how.unit};
  return s.result(apply(op::triangular_solve, {s.spread(s.a), s.spread(s.b)}, attrs));
}

Tensor solve(const Tensor& a, const Tensor& b) {
  const auto n = [&] { return a.shape().back(); };
  if (at_once(a) && is_float(a.dtype()) && b.dtype() == a.dtype() && a.shape()[0] == n() &&
      (b.rank() == 1 || b.rank() == 2) && b.shape()[0] == n())
    return compute(solve_at_once, a, b);
  const System s(op::solve, a, b);
  const std::vector<Tensor> f = fixed_factors(s.a);
  Attrs attrs;
  attrs.a = {0};
  return s.result(
      apply(op::solve, {s.spread(s.a), s.spread(f[0]), s.spread(f[1], 1), s.spread(s.b)}, attrs));
}

Tensor inv(const Tensor& a) {
  require_matrix(op::inv, a);
  if (at_once(a)) return compute(inv_at_once, a);
  const std::vector<Tensor> f = fixed_factors(a);
  return apply(op::inv, {a, f[0], f[1]});
}

Tensor det(const Tensor& a) {
  require_matrix(op::det, a);
  return compute(op::det, a);
}

Tensor cofactors(const Tensor& a) {
  require_matrix(op::cofactors, a);
  return apply(op::cofactors, {a});
}

SignLogDet slogdet(const Tensor& a) {
  require_matrix(op::slogdet, a);
  const std::vector<Tensor> r = apply_many(op::slogdet, std::span(&a, 1));
  return {r[0], r[1]};
}

Tensor logdet(const Tensor& a) {
  const SignLogDet d = slogdet(a);
  return where(d.sign < 0.0, std::numeric_limits<double>::quiet_NaN(), d.log);
}

}  // namespace gradus
