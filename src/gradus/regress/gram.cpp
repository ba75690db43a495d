#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/refuse.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/gemm.h>
#include <gradus/regress/gram.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::gram {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// Columns of a strip of a symmetric product: half of its arithmetic is left out.
constexpr int64_t strip = 8;

// Rows of a block: 512, more where there would be over 64 blocks.
int64_t block_of(int64_t n) {
  return std::max<int64_t>(512, (n + 63) / 64);
}

// Calls f(block, first row, rows) for every block and returns how many there are.
template <class F>
int64_t each_block(int64_t n, const F& f) {
  const int64_t block = block_of(n), count = (n + block - 1) / block;
  parallel_for(count, [&](int64_t i) { f(i, i * block, std::min(block, n - i * block)); });
  return count;
}

// The sum of `count` parts of `size` numbers each, in order, into the first.
void add_up(int64_t count, int64_t size, std::vector<double>& parts) {
  for (int64_t k = 1; k < count; ++k)
    for (int64_t i = 0; i < size; ++i) parts[at(i)] += parts[at(k * size + i)];
  parts.resize(at(size));
}

int64_t blocks(int64_t n) {
  return (n + block_of(n) - 1) / block_of(n);
}

}  // namespace

void upper_square(int64_t n, int64_t d, const double* x, double* square) {
  parallel_for((d + strip - 1) / strip, [&](int64_t s) {
    const int64_t k = s * strip;
    gemm(std::min(strip, d - k), d - k, n, x + k, 1, d, x + k, d, 1, square + k * d + k, d);
  });
}

Table table_of(const std::string& op, const Tensor& x) {
  if (x.rank() != 2)
    raise(ErrorKind::shape, op + ": X is " + to_string(x.type()) +
                                ". It must be a matrix of rows and columns, f64[n,d].");
  if (!is_float(x.dtype()))
    raise(ErrorKind::dtype,
          op + ": X is " + to_string(x.type()) + ". It must hold f32 or f64 numbers; use cast.");
  Table t;
  t.rows = x.shape()[0];
  t.columns = x.shape()[1];
  t.owner = cast(x, DType::f64);
  if (!view_of(t.owner).is_row_major())
    t.owner = from_vector(numbers(t.owner), {t.rows, t.columns});
  t.x = view_of(t.owner).as<const double>();
  if (!dense::finite<double>(t.rows, t.columns, {t.x, t.columns, 1}))
    for (int64_t i = 0; i < t.rows * t.columns; ++i)
      if (!std::isfinite(t.x[i])) refuse_element(op, place_text(i, x.shape()), t.x[i]);
  return t;
}

std::vector<double> response_of(const std::string& op, const Tensor& y, const Tensor& x) {
  if (y.rank() != 1 || y.shape()[0] != x.shape()[0])
    raise(ErrorKind::shape, op + ": X is " + to_string(x.type()) + " and y " + to_string(y.type()) +
                                ". There must be one number of y for each row of X.");
  std::vector<double> values = numbers(y);
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse_element(op, place_text(static_cast<int64_t>(i), y.shape()), values[i]);
  return values;
}

double r2_score(const std::vector<double>& predicted, const std::vector<double>& y) {
  double mean = 0, errors = 0, squares = 0;
  for (double v : y) mean += v / static_cast<double>(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    errors += (y[i] - predicted[i]) * (y[i] - predicted[i]);
    squares += (y[i] - mean) * (y[i] - mean);
  }
  return 1 - errors / squares;
}

Sums sums(int64_t n, int64_t d, const double* x, const double* y, bool intercept) {
  const int64_t extra = intercept ? 1 : 0, p = d + extra;
  // A block's part: X^T X (d,d), X^T y (d), X^T 1 (d), y . 1.
  const int64_t size = d * d + 2 * d + 1;
  std::vector<double> parts(at(blocks(n) * size), 0);
  const std::vector<double> ones(at(block_of(n)), 1);
  const int64_t count = each_block(n, [&](int64_t block, int64_t first, int64_t rows) {
    double* part = parts.data() + block * size;
    const double* from = x + first * d;
    upper_square(rows, d, from, part);
    gemm(1, d, rows, y + first, rows, 1, from, d, 1, part + d * d, d);
    if (!intercept) return;
    gemm(1, d, rows, ones.data(), rows, 1, from, d, 1, part + d * d + d, d);
    for (int64_t i = 0; i < rows; ++i) part[d * d + 2 * d] += y[first + i];
  });
  add_up(count, size, parts);
  Sums s;
  s.square.resize(at(p * p));
  s.right.resize(at(p));
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j)
      s.square[at((i + extra) * p + j + extra)] = parts[at(std::min(i, j) * d + std::max(i, j))];
    s.right[at(i + extra)] = parts[at(d * d + i)];
    if (intercept) s.square[at(i + 1)] = s.square[at((i + 1) * p)] = parts[at(d * d + d + i)];
  }
  if (intercept) {
    s.square[0] = static_cast<double>(n);
    s.right[0] = parts[at(d * d + 2 * d)];
  }
  return s;
}

Residual residual(int64_t n, int64_t d, const double* x, const double* y, bool intercept,
                  const std::vector<double>& b, double* r) {
  const int64_t extra = intercept ? 1 : 0, size = d + 2;
  std::vector<double> parts(at(blocks(n) * size), 0);
  const double constant = intercept ? b[0] : 0;
  const int64_t count = each_block(n, [&](int64_t block, int64_t first, int64_t rows) {
    dense::Scratch<double> scratch(rows);
    double* left = scratch.data();
    double* part = parts.data() + block * size;
    const double* from = x + first * d;
    gemm(rows, 1, d, from, d, 1, b.data() + extra, 1, 1, left, 1);
    for (int64_t i = 0; i < rows; ++i) {
      left[i] = y[first + i] - constant - left[i];
      part[d] += left[i] * left[i];
      part[d + 1] += left[i];
    }
    gemm(1, d, rows, left, rows, 1, from, d, 1, part, d);
    if (r) std::copy(left, left + rows, r + first);
  });
  add_up(count, size, parts);
  Residual out;
  out.square = parts[at(d)];
  out.right.resize(at(d + extra));
  if (intercept) out.right[0] = parts[at(d + 1)];
  for (int64_t j = 0; j < d; ++j) out.right[at(j + extra)] = parts[at(j)];
  return out;
}

std::vector<double> squares_around_mean(int64_t n, int64_t d, const double* x,
                                        const std::vector<double>& y, bool intercept, bool within) {
  // The first row stands for the mean: a large one does not eat the digits of the spread.
  const int64_t size = 2 * d;
  std::vector<double> parts(at(blocks(n) * size), 0);
  const int64_t count = each_block(n, [&](int64_t block, int64_t first, int64_t rows) {
    double *sum = parts.data() + block * size, *squares = sum + d;
    for (int64_t i = 0; i < rows; ++i) {
      const double* row = x + (first + i) * d;
      for (int64_t j = 0; j < d; ++j) {
        const double v = intercept ? row[j] - x[j] : row[j];
        sum[j] += v;
        squares[j] += v * v;
      }
    }
  });
  add_up(count, size, parts);
  double y_sum = 0, y_squares = 0;
  for (double v : y) {
    const double e = intercept ? v - y[0] : v;
    y_sum += e;
    y_squares += e * e;
  }
  const auto rows = static_cast<double>(n);
  const auto around = [&](double sum, double squares) {
    return intercept ? squares - sum * sum / rows : squares;
  };
  std::vector<double> out{around(y_sum, y_squares)};
  if (intercept && !within) out.push_back(0);
  for (int64_t j = 0; j < d; ++j) out.push_back(around(parts[at(j)], parts[at(d + j)]));
  return out;
}

std::vector<double> leverage(int64_t n, int64_t d, const double* x, bool intercept, int64_t rank,
                             const std::vector<double>& inverse) {
  const int64_t extra = intercept ? 1 : 0, p = d + extra;
  std::vector<double> h(at(n), 0);
  each_block(n, [&](int64_t, int64_t first, int64_t rows) {
    dense::Scratch<double> scratch(rows * rank);
    double* q = scratch.data();
    gemm(rows, rank, d, x + first * d, d, 1, inverse.data() + extra, 1, p, q, rank);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t c = 0; c < rank; ++c) {
        const double v = q[i * rank + c] + (intercept ? inverse[at(c * p)] : 0);
        h[at(first + i)] += v * v;
      }
  });
  return h;
}

Solution solve(int64_t n, int64_t d, const double* x, const double* y, bool intercept,
               const std::vector<double>& penalty, bool want_residuals) {
  Solution s;
  const int64_t p = d + (intercept ? 1 : 0);
  const Sums sum = sums(n, d, x, y, intercept);
  std::vector<double> scale(at(p)), g(at(p * p));
  for (int64_t j = 0; j < p; ++j) {
    const double square = sum.square[at(j * p + j)] + penalty[at(j)];
    if (!(square > 0) || !std::isfinite(square)) return s;
    scale[at(j)] = 1 / std::sqrt(square);
  }
  for (int64_t i = 0; i < p; ++i)
    for (int64_t j = 0; j < p; ++j)
      g[at(i * p + j)] =
          (sum.square[at(i * p + j)] + (i == j ? penalty[at(i)] : 0)) * scale[at(i)] * scale[at(j)];
  if (dense::cholesky<double>(p, g.data()) < p) return s;
  std::vector<double> inverse(at(p * p), 0);
  for (int64_t j = 0; j < p; ++j) inverse[at(j * p + j)] = 1;
  dense::solve_triangle<double>(true, false, p, p, {g.data(), p, 1}, inverse.data(), p);
  double l = 0, l_inverse = 0;
  for (double v : g) l += v * v;
  for (double v : inverse) l_inverse += v * v;
  s.condition = std::sqrt(l * l_inverse);
  // The correction works while condition^2 eps is small.
  if (!(s.condition < 1e6)) return s;
  const auto apply = [&](const std::vector<double>& b) {
    std::vector<double> half(at(p), 0), out(at(p), 0);
    for (int64_t i = 0; i < p; ++i) {
      for (int64_t j = 0; j <= i; ++j)
        half[at(i)] += inverse[at(i * p + j)] * b[at(j)] * scale[at(j)];
      for (int64_t j = 0; j <= i; ++j) out[at(j)] += inverse[at(i * p + j)] * half[at(i)];
    }
    for (int64_t j = 0; j < p; ++j) out[at(j)] *= scale[at(j)];
    return out;
  };
  s.coef = apply(sum.right);
  Residual left = residual(n, d, x, y, intercept, s.coef);
  std::vector<double> slope = left.right;
  for (int64_t j = 0; j < p; ++j) slope[at(j)] -= penalty[at(j)] * s.coef[at(j)];
  const std::vector<double> step = apply(slope);
  s.rss = left.square;
  for (int64_t j = 0; j < p; ++j) {
    s.coef[at(j)] += step[at(j)];
    s.rss -= 2 * step[at(j)] * left.right[at(j)];
  }
  if (want_residuals) {
    s.residuals.resize(at(n));
    s.rss = residual(n, d, x, y, intercept, s.coef, s.residuals.data()).square;
  }
  s.inverse.resize(at(p * p));
  for (int64_t c = 0; c < p; ++c)
    for (int64_t j = 0; j < p; ++j)
      s.inverse[at(c * p + j)] = inverse[at(c * p + j)] * scale[at(j)];
  s.done = true;
  return s;
}

}  // namespace gradus::gram
