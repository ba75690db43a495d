#include <gradus/base/double_double.h>
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
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
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

// 1 / s, and 0 for values that do not count.
Tensor kept_inverse(const Tensor& s, const Tensor& a, double tolerance) {
  if (s.shape().back() == 0) return s;
  const Tensor none = s <= threshold(s, a, tolerance);
  return where(none, 0.0, 1.0 / where(none, 1.0, s));
}

// a 2^-e and 2^-e, one e for each matrix: 0 unless singular values could leave the range.
struct InRange {
  Tensor a, scale;
};
InRange in_range(const Tensor& a) {
  const double top = a.dtype() == DType::f32 ? 0x1p96 : 0x1p960;
  const Tensor one = cast(Tensor(1.0), a.dtype());
  if (a.size() == 0) return {a, one};
  if (Tape::open() == nullptr && number(max(a)) < top && number(min(a)) > -top) return {a, one};
  const Tensor most = max(abs(a), {.axis = {-2, -1}, .keepdims = true});
  const Tensor scale = cast(where(most >= top, 0x1p-64, 1.0), a.dtype());
  return {a * scale, scale};
}

Tensor column(const Tensor& x) {
  return expand_dims(x, -1);
}

// The op takes a and the finished X, which carries no derivative: a does. Where the rank stays,
// dX = -X dA X + X X^T dA^T (I - A X) + (I - X A) dA^T X^T X (Golub and Pereyra 1973, "The
// differentiation of pseudo-inverses and nonlinear least squares problems"). No singular value
// appears in it, so that they may repeat.
void run_pinv(const Call& c) {
  copy(c.in[1], c.out[0]);
}
Kernel pinv_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_pinv};
}
Type pinv_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[1];
}

// I - A X and I - X A.
struct Beyond {
  Tensor rows, columns;
};
Beyond beyond(const Tensor& a, const Tensor& x) {
  return {eye(a.shape()[a.rank() - 2], a.dtype()) - matmul(a, x),
          eye(a.shape().back(), a.dtype()) - matmul(x, a)};
}

Tensor pinv_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i != 0) return {};
  const Tensor &x = c.out[0], xt = transpose(x), bt = transpose(bar[0]);
  const auto [rows, columns] = beyond(c.in[0], x);
  return matmul(matmul(rows, bt), matmul(x, xt)) + matmul(matmul(xt, x), matmul(bt, columns)) -
         matmul(matmul(xt, bar[0]), xt);
}

Tensor pinv_push(const Context& c, std::span<const Tensor> dot, int) {
  if (dot[0].is_absent()) return {};
  const Tensor &x = c.out[0], xt = transpose(x), dt = transpose(dot[0]);
  const auto [rows, columns] = beyond(c.in[0], x);
  return matmul(matmul(x, xt), matmul(dt, rows)) + matmul(matmul(columns, dt), matmul(xt, x)) -
         matmul(matmul(x, dot[0]), x);
}

}  // namespace

namespace op {
constinit const Op pinv{.name = "pinv",
                        .says = "the pseudo-inverse, from singular values",
                        .math = "A X A = A, X A X = X",
                        .form = "pinv({0})",
                        .kind = Kind::custom,
                        .inputs = 2,
                        .type = pinv_type,
                        .kernel = pinv_kernel,
                        .rule = {.pull = pinv_pull, .push = pinv_push},
                        .batch = batch_leading};
}  // namespace op

double eps_of(DType dtype) {
  return dtype == DType::f32 ? 0x1p-23 : 0x1p-52;
}

Tensor threshold(const Tensor& values, const Tensor& a, double tolerance) {
  const auto size = static_cast<double>(std::max(a.shape()[a.rank() - 2], a.shape().back()));
  const Tensor most = stop_gradient(max(values, {.axis = -1, .keepdims = true}));
  return most * (tolerance < 0 ? size * eps_of(a.dtype()) : tolerance);
}

Tensor matrix_rank(const Tensor& a, double tolerance) {
  refuse_unless_matrix("matrix_rank", a.type());
  const Tensor kept = kept_inverse(svdvals(in_range(stop_gradient(a)).a), a, tolerance);
  return sum(cast(kept > 0.0, DType::i64), {.axis = -1});
}

Tensor pinv(const Tensor& a, double tolerance) {
  return pinv_with_values(a, tolerance).x;
}

Decided pinv_with_values(const Tensor& a, double tolerance) {
  refuse_unless_matrix("pinv", a.type());
  const auto [fixed, scale] = in_range(stop_gradient(a));
  const auto [u, s, vt] = svd(fixed);
  const Tensor x =
      matmul(transpose(vt), column(kept_inverse(s, a, tolerance)) * transpose(u)) * scale;
  return {Tape::open() == nullptr ? x : apply(op::pinv, {a, x}), s};
}

Tensor lstsq(const Tensor& a, const Tensor& b, double tolerance) {
  return lstsq_with_values(a, b, tolerance).x;
}

Decided lstsq_with_values(const Tensor& a, const Tensor& b, double tolerance) {
  refuse_unless_matrix("lstsq", a.type());
  const bool vector = b.rank() == 1;
  if (b.rank() == 0 || b.shape()[vector ? 0 : b.rank() - 2] != a.shape()[a.rank() - 2])
    raise(ErrorKind::shape, "lstsq: " + to_string(a.type()) + " and " + to_string(b.type()) +
                                ": the right side needs one number a row. It is a vector (m) or "
                                "has columns (..., m, k).");
  const Tensor right = vector ? column(b) : b;
  const auto [fixed, scale] = in_range(stop_gradient(a));
  const Tensor fixed_right = stop_gradient(right);
  // Of a tall matrix the triangle has the values: U is Q times its own, and never made.
  const bool tall = a.shape()[a.rank() - 2] >= 2 * a.shape().back();
  const QR f = tall ? qr(fixed) : QR{{}, fixed};
  const auto [u, s, vt] = svd(f.r);
  const Tensor inverse = column(kept_inverse(s, a, tolerance));
  const auto best = [&](const Tensor& r) {
    const Tensor inside = matmul(transpose(u), tall ? matmul(transpose(f.q), r) : r);
    return matmul(transpose(vt), inverse * inside);
  };
  const Tensor first = best(fixed_right);
  // What is left once more: the digits that the first pass lost.
  Tensor x = (first + best(fixed_right - matmul(fixed, first))) * scale;
  if (Tape::open() != nullptr) {
    // The derivative of the product, and nothing of its value.
    const Tensor moves = matmul(pinv(a, tolerance), right);
    x = x + (moves - stop_gradient(moves));
  }
  return {vector ? squeeze(x, -1) : x, s};
}

Tensor condition_of(const Tensor& values) {
  if (values.shape().back() == 0) return sum(values, {.axis = -1}) + 1.0;
  const Tensor least = min(values, {.axis = -1}), singular = least == 0.0;
  return where(singular, std::numeric_limits<double>::infinity(),
               max(values, {.axis = -1}) / where(singular, 1.0, least));
}

Tensor cond(const Tensor& a, CondNorm norm) {
  refuse_unless_matrix("cond", a.type());
  if (a.shape().back() == 0 || a.shape()[a.rank() - 2] == 0)
    raise(ErrorKind::shape, "cond: " + to_string(a.type()) +
                                " has no element. A condition number needs at least one row and "
                                "one column.");
  const bool square_shape = a.shape()[a.rank() - 2] == a.shape().back();
  if (norm != CondNorm::two && !square_shape)
    raise(ErrorKind::shape, "cond: " + to_string(a.type()) +
                                " is not square. Only the condition in the 2-norm takes other "
                                "shapes.");
  const Tensor s = svdvals(a);
  if (norm == CondNorm::two) return condition_of(s);
  const auto size = [&](const Tensor& x) {
    if (norm == CondNorm::frobenius) return sqrt(sum(square(x), {.axis = {-2, -1}}));
    return max(sum(abs(x), {.axis = norm == CondNorm::one ? -2 : -1}), {.axis = -1});
  };
  return where(min(s, {.axis = -1}) == 0.0, std::numeric_limits<double>::infinity(),
               size(a) * size(pinv(a, 0)));
}

bool is_singular(const Tensor& a) {
  refuse_unless_matrix("is_singular", a.type());
  if (a.rank() != 2 || a.shape()[0] != a.shape()[1])
    raise(ErrorKind::shape, "is_singular: " + to_string(a.type()) +
                                " is not one square matrix. It decides one at a time.");
  const auto n = static_cast<size_t>(a.shape().back());
  const std::vector<double> x = numbers(a);
  // Rows, then columns, times powers of 2, which are exact: the largest of each is near 1.
  std::vector<double> even = x;
  for (const bool rows : {true, false})
    for (size_t i = 0; i < n; ++i) {
      const auto at = [&](size_t j) -> double& { return even[rows ? i * n + j : j * n + i]; };
      double largest = 0;
      for (size_t j = 0; j < n; ++j) largest = std::max(largest, std::fabs(at(j)));
      if (largest == 0) return true;
      for (size_t j = 0; j < n; ++j) at(j) = std::ldexp(at(j), -std::ilogb(largest));
    }
  // An element is 0 where it is less than the digits of what it was computed from: `from`, the
  // largest of those.
  std::vector<DoubleDouble> m(n * n);
  std::vector<double> from(n * n);
  for (size_t i = 0; i < n * n; ++i) m[i] = even[i], from[i] = std::fabs(even[i]);
  const auto size = [&](size_t i) { return std::fabs(m[i].high); };
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (size(i * n + k) > size(pivot * n + k)) pivot = i;
    if (size(pivot * n + k) == 0) return true;
    for (size_t j = k; j < n; ++j) {
      std::swap(m[k * n + j], m[pivot * n + j]);
      std::swap(from[k * n + j], from[pivot * n + j]);
    }
    for (size_t i = k + 1; i < n; ++i) {
      const DoubleDouble factor = m[i * n + k] / m[k * n + k];
      for (size_t j = k + 1; j < n; ++j) {
        const size_t to = i * n + j;
        m[to] = m[to] - factor * m[k * n + j];
        from[to] = std::max(from[to], std::fabs(factor.high) * from[k * n + j]);
        if (!(size(to) > 1e-28 * from[to])) m[to] = 0.0;
      }
    }
  }
  return false;
}

}  // namespace gradus
