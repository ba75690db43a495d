#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/dense.h>
#include <gradus/ops/gemm.h>
#include <gradus/optim/householder.h>
#include <gradus/regress/gram.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/penalised.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

void need_lambda(const char* op, double lambda) {
  if (!(lambda >= 0) || !std::isfinite(lambda))
    raise(ErrorKind::domain, std::string(op) + ": lambda is " + text::number(lambda) +
                                 ". A penalty is a finite number, 0 or more.");
}

void need_rows(const char* op, const gram::Table& t) {
  if (t.rows < 1 || t.columns < 1)
    raise(ErrorKind::shape, std::string(op) + ": there are " + std::to_string(t.rows) +
                                " rows and " + std::to_string(t.columns) +
                                " columns. A fit needs one of each at least.");
}

double mean_of(const std::vector<double>& y) {
  double sum = 0;
  for (double v : y) sum += v;
  return sum / static_cast<double>(y.size());
}

double squares_around(const std::vector<double>& y, double mean) {
  double sum = 0;
  for (double v : y) sum += (v - mean) * (v - mean);
  return sum;
}

struct Moments {
  std::vector<double> mean, deviation;
};
Moments moments(const gram::Table& t) {
  const auto n = static_cast<double>(t.rows);
  Moments m{std::vector<double>(at(t.columns), 0), std::vector<double>(at(t.columns), 0)};
  for (int64_t i = 0; i < t.rows; ++i)
    for (int64_t j = 0; j < t.columns; ++j) m.mean[at(j)] += t.x[i * t.columns + j];
  for (double& v : m.mean) v /= n;
  for (int64_t i = 0; i < t.rows; ++i)
    for (int64_t j = 0; j < t.columns; ++j) {
      const double d = t.x[i * t.columns + j] - m.mean[at(j)];
      m.deviation[at(j)] += d * d;
    }
  for (double& v : m.deviation) v = std::sqrt(v / n);
  return m;
}

double spread_of(const std::vector<double>& y, bool around_mean) {
  return squares_around(y, around_mean ? mean_of(y) : 0);
}

// Ridge as least squares with a row for every penalty: where the Gram matrix loses too much.
void ridge_by_reflections(PenalisedFit& fit, const gram::Table& t, const std::vector<double>& y,
                          const std::vector<double>& penalty, bool intercept) {
  const int64_t p = static_cast<int64_t>(penalty.size()), m = t.rows + p;
  const int64_t extra = intercept ? 1 : 0;
  std::vector<double> a(at(m * p), 0), b(at(m), 0);
  std::copy(y.begin(), y.end(), b.begin());
  for (int64_t j = 0; j < p; ++j) {
    for (int64_t i = 0; i < t.rows; ++i)
      a[at(j * m + i)] = j < extra ? 1 : t.x[i * t.columns + j - extra];
    a[at(j * m + t.rows + j)] = std::sqrt(penalty[at(j)]);
  }
  std::vector<int64_t> order;
  householder::triangularise(m, p, a.data(), b.data(), &order);
  fit.inverse.assign(at(p * p), 0);
  std::vector<double> coef(at(p), 0);
  for (int64_t c = 0; c < p; ++c) {
    if (a[at(c * m + c)] == 0)
      raise(
          ErrorKind::numeric,
          "fit_ridge: the columns are dependent and lambda is 0. A lambda above 0, or fit_linear, "
          "gives a solution.");
    std::vector<double> e(at(c + 1), 0);
    e[at(c)] = 1;
    householder::solve_upper(c + 1, a.data(), m, e.data());
    for (int64_t i = 0; i <= c; ++i) fit.inverse[at(c * p + order[at(i)])] = e[at(i)];
  }
  householder::solve_upper(p, a.data(), m, b.data());
  for (int64_t i = 0; i < p; ++i) coef[at(order[at(i)])] = b[at(i)];
  if (intercept) fit.intercept = coef[0];
  fit.coef.assign(coef.begin() + static_cast<std::ptrdiff_t>(extra), coef.end());
  double length = 0, inverse_length = 0;
  for (int64_t c = 0; c < p; ++c)
    for (int64_t i = 0; i < p; ++i) {
      if (i <= c) length += a[at(c * m + i)] * a[at(c * m + i)];
      inverse_length += fit.inverse[at(c * p + i)] * fit.inverse[at(c * p + i)];
    }
  fit.condition = std::sqrt(length * inverse_length);
  fit.rss = 0;
  for (int64_t i = 0; i < t.rows; ++i) {
    double r = y[at(i)] - fit.intercept;
    for (int64_t j = 0; j < t.columns; ++j) r -= t.x[i * t.columns + j] * fit.coef[at(j)];
    fit.rss += r * r;
  }
}

PenalisedFit ridge(const gram::Table& t, const std::vector<double>& y, double lambda,
                   const PenaltyOptions& options) {
  const int64_t extra = options.intercept ? 1 : 0, p = t.columns + extra;
  PenalisedFit fit;
  fit.lambda = lambda;
  std::vector<double> penalty(at(p), lambda);
  if (options.intercept) penalty[0] = 0;
  if (options.standardise) {
    const Moments m = moments(t);
    for (int64_t j = 0; j < t.columns; ++j)
      penalty[at(j + extra)] = lambda * m.deviation[at(j)] * m.deviation[at(j)];
  }
  gram::Solution s =
      gram::solve(t.rows, t.columns, t.x, y.data(), options.intercept, penalty, false);
  if (s.done) {
    if (options.intercept) fit.intercept = s.coef[0];
    fit.coef.assign(s.coef.begin() + static_cast<std::ptrdiff_t>(extra), s.coef.end());
    fit.inverse = std::move(s.inverse);
    fit.rss = s.rss;
    fit.condition = s.condition;
  } else {
    ridge_by_reflections(fit, t, y, penalty, options.intercept);
  }
  // trace(X (X^T X + P)^-1 X^T) = p - trace(P (X^T X + P)^-1).
  fit.freedom = static_cast<double>(p);
  for (int64_t c = 0; c < p; ++c)
    for (int64_t j = 0; j < p; ++j)
      fit.freedom -= penalty[at(j)] * fit.inverse[at(c * p + j)] * fit.inverse[at(c * p + j)];
  fit.r2 = 1 - fit.rss / spread_of(y, options.intercept);
  return fit;
}

// Coordinate descent on covariances: rows of the Gram matrix are made for columns as they come to
// count, many at once, and kept along a path.
class Covariances {
 public:
  Covariances(const char* op, const gram::Table& t, const std::vector<double>& y,
              const PenaltyOptions& options)
      : o_(options), n_(t.rows), d_(t.columns), x_(t.x) {
    if (!(o_.l1_ratio >= 0 && o_.l1_ratio <= 1))
      raise(ErrorKind::domain, std::string(op) + ": l1_ratio is " + text::number(o_.l1_ratio) +
                                   ". It is a share, from 0 (ridge) to 1 (lasso).");
    mean_.assign(at(d_), 0);
    const auto n = static_cast<double>(n_);
    y_mean_ = o_.intercept ? mean_of(y) : 0;
    centred_.resize(y.size());
    for (size_t i = 0; i < y.size(); ++i) centred_[i] = y[i] - y_mean_;
    squares_ = 0;
    for (double v : centred_) squares_ += v * v;
    std::vector<double> ones(y.size(), 1), sum(at(d_), 0);
    if (o_.intercept) {
      gemm(1, d_, n_, ones.data(), n_, 1, x_, d_, 1, sum.data(), d_);
      for (int64_t j = 0; j < d_; ++j) mean_[at(j)] = sum[at(j)] / n;
      // A mean far above the spread would cancel in the sums: then from a centred copy.
      double largest_mean = 0;
      for (double m : mean_) largest_mean = std::max(largest_mean, std::fabs(m));
      if (needs_copy(largest_mean)) {
        copy_.assign(x_, x_ + n_ * d_);
        for (int64_t i = 0; i < n_; ++i)
          for (int64_t j = 0; j < d_; ++j) copy_[at(i * d_ + j)] -= mean_[at(j)];
        x_ = copy_.data();
        shift_.assign(at(d_), 0);
      } else {
        shift_ = mean_;
      }
    } else {
      shift_.assign(at(d_), 0);
    }
    start_.resize(at(d_));
    gemm(1, d_, n_, centred_.data(), n_, 1, x_, d_, 1, start_.data(), d_);
    weight_.assign(at(d_), 1);
    if (o_.standardise) weight_ = moments(t).deviation;
    row_of_.assign(at(d_), -1);
    coef_.assign(at(d_), 0);
    slope_ = start_;
  }

  // max_j |x_j . y| / (n l1_ratio weight_j)
  double largest_lambda() const {
    double most = 0;
    for (int64_t j = 0; j < d_; ++j)
      if (weight_[at(j)] > 0) most = std::max(most, std::fabs(start_[at(j)]) / weight_[at(j)]);
    return most / static_cast<double>(n_) / std::max(o_.l1_ratio, 1e-3);
  }

  PenalisedFit fit(double lambda) {
    PenalisedFit f;
    f.lambda = lambda;
    l1_ = lambda * o_.l1_ratio * static_cast<double>(n_);
    l2_ = lambda * (1 - o_.l1_ratio) * static_cast<double>(n_);
    // So far below the first coefficient most of them come to count.
    dense_ = d_ <= n_ && 50 * lambda < largest_lambda();
    for (;;) {
      const bool settled = descend(f.sweeps);
      refresh();
      f.gap = gap();
      const bool grew = take_violators();
      f.converged = settled && !grew && f.gap <= o_.tolerance * squares_;
      // A descent that settled leaves what rounding leaves.
      if ((settled && !grew) || f.sweeps >= o_.sweeps) break;
    }
    f.gap /= static_cast<double>(n_);
    f.coef = coef_;
    f.intercept = y_mean_;
    for (int64_t j = 0; j < d_; ++j) {
      f.intercept -= mean_[at(j)] * coef_[at(j)];
      f.freedom += coef_[at(j)] != 0 ? 1 : 0;
    }
    f.rss = std::max(left_squares(), 0.0);
    f.r2 = 1 - f.rss / squares_;
    return f;
  }

 private:
  // Whether the mean of some column is over 100 of its standard deviations, judged by a few rows.
  bool needs_copy(double largest_mean) const {
    if (largest_mean == 0) return false;
    const int64_t rows = std::min<int64_t>(n_, 32);
    for (int64_t j = 0; j < d_; ++j) {
      double squares = 0;
      for (int64_t i = 0; i < rows; ++i) {
        const double v = x_[i * d_ + j] - mean_[at(j)];
        squares += v * v;
      }
      if (mean_[at(j)] * mean_[at(j)] * static_cast<double>(rows) > 1e4 * squares) return true;
    }
    return false;
  }

  double gram(int64_t i, int64_t k) const { return rows_[at(row_of_[at(i)] * d_ + k)]; }

  // Gram rows for these columns, or for all at once.
  void add_rows(std::vector<int64_t> columns) {
    const auto first = static_cast<int64_t>(active_.size());
    const auto n = static_cast<double>(n_);
    if (first == 0 && dense_) {
      rows_.resize(at(d_ * d_));
      gram::upper_square(n_, d_, x_, rows_.data());
      for (int64_t i = 0; i < d_; ++i) {
        for (int64_t j = 0; j < i; ++j) rows_[at(i * d_ + j)] = rows_[at(j * d_ + i)];
        if (const double m = n * shift_[at(i)]; m != 0)
          for (int64_t j = i; j < d_; ++j) rows_[at(i * d_ + j)] -= m * shift_[at(j)];
        row_of_[at(i)] = i;
        active_.push_back(i);
      }
      return;
    }
    const auto count = static_cast<int64_t>(columns.size());
    std::vector<double> some(at(count * n_));
    for (int64_t i = 0; i < n_; ++i)
      for (int64_t k = 0; k < count; ++k) some[at(k * n_ + i)] = x_[i * d_ + columns[at(k)]];
    rows_.resize(at((first + count) * d_));
    double* to = rows_.data() + first * d_;
    gemm(count, d_, n_, some.data(), n_, 1, x_, d_, 1, to, d_);
    for (int64_t k = 0; k < count; ++k) {
      if (const double m = n * shift_[at(columns[at(k)])]; m != 0)
        for (int64_t j = 0; j < d_; ++j) to[k * d_ + j] -= m * shift_[at(j)];
      row_of_[at(columns[at(k)])] = first + k;
      active_.push_back(columns[at(k)]);
    }
  }

  // slope = X^T (y - X b) over all columns.
  void refresh() {
    slope_ = start_;
    for (int64_t j : active_)
      if (const double b = coef_[at(j)]; b != 0) {
        const double* row = rows_.data() + row_of_[at(j)] * d_;
        for (int64_t k = 0; k < d_; ++k) slope_[at(k)] -= b * row[k];
      }
  }

  // Columns whose slope exceeds the penalty while their coefficient is 0, the steepest first.
  bool take_violators() {
    std::vector<int64_t> found;
    for (int64_t j = 0; j < d_; ++j)
      if (row_of_[at(j)] < 0 && std::fabs(slope_[at(j)]) > l1_ * weight_[at(j)] * (1 + 1e-12) &&
          weight_[at(j)] > 0)
        found.push_back(j);
    if (found.empty()) return false;
    const size_t most = std::max<size_t>(32, 2 * active_.size());
    if (found.size() > most && !dense_) {
      std::ranges::sort(found, [&](int64_t a, int64_t b) {
        return std::fabs(slope_[at(a)]) / weight_[at(a)] >
               std::fabs(slope_[at(b)]) / weight_[at(b)];
      });
      found.resize(most);
      std::ranges::sort(found);
    }
    add_rows(found);
    return true;
  }

  // Sweeps over the active columns until the signs stay; then the system of those that are not 0.
  bool descend(int64_t& sweeps) {
    const auto k = static_cast<int64_t>(active_.size());
    if (k == 0) return true;
    dense::Scratch<double> scratch(k * k);
    double* square = scratch.data();
    std::vector<double> slope(at(k));
    for (int64_t a = 0; a < k; ++a) {
      slope[at(a)] = slope_[at(active_[at(a)])];
      for (int64_t b = 0; b < k; ++b) square[a * k + b] = gram(active_[at(a)], active_[at(b)]);
    }
    std::vector<int> signs(at(k), 2), next(at(k));
    int64_t wait = 2, left = wait;
    while (sweeps < o_.sweeps) {
      ++sweeps;
      double moved = 0;
      for (int64_t a = 0; a < k; ++a) {
        double& b = coef_[at(active_[at(a)])];
        const double w = weight_[at(active_[at(a)])], g = square[a * k + a];
        const double pull = slope[at(a)] + g * b, limit = l1_ * w;
        double fresh = 0;
        if (g > 0 && std::fabs(pull) > limit)
          fresh = std::copysign(std::fabs(pull) - limit, pull) / (g + l2_ * w * w);
        if (const double step = fresh - b; step != 0) {
          for (int64_t c = 0; c < k; ++c) slope[at(c)] -= step * square[a * k + c];
          b = fresh;
          moved = std::max(moved, step * step * g);
        }
        next[at(a)] = (fresh > 0) - (fresh < 0);
      }
      if (moved <= 1e-30 * squares_) return true;
      // Few signs still change: those of the solution are near.
      int64_t changed = 0;
      for (int64_t a = 0; a < k; ++a) changed += next[at(a)] != signs[at(a)] ? 1 : 0;
      signs = next;
      if (8 * changed <= k && --left <= 0) {
        if (finish(square, signs)) return true;
        left = wait *= 2;
      }
    }
    return false;
  }

  // (G + l2) b = X^T y - l1 sign over the coefficients that are not 0: right where the signs of
  // the solution are those. A few that are wrong are mended on the way.
  bool finish(const double* square, std::vector<int> signs) {
    const auto k = static_cast<int64_t>(active_.size());
    for (int tries = 0; tries < 6; ++tries) {
      std::vector<int64_t> in;
      for (int64_t a = 0; a < k; ++a)
        if (signs[at(a)] != 0) in.push_back(a);
      const auto m = static_cast<int64_t>(in.size());
      dense::Scratch<double> scratch(m * m);
      double* system = scratch.data();
      std::vector<double> b(at(m));
      for (int64_t i = 0; i < m; ++i) {
        const int64_t j = active_[at(in[at(i)])];
        const double w = weight_[at(j)];
        const double* row = square + in[at(i)] * k;
        for (int64_t c = 0; c <= i; ++c) system[i * m + c] = row[in[at(c)]];
        system[i * m + i] += l2_ * w * w;
        b[at(i)] = start_[at(j)] - l1_ * w * signs[at(in[at(i)])];
      }
      if (dense::cholesky<double>(m, system) < m) return false;
      dense::solve_triangle<double>(true, false, m, 1, {system, m, 1}, b.data(), 1);
      dense::solve_triangle<double>(false, false, m, 1, {system, 1, m}, b.data(), 1);
      bool right = true;
      for (int64_t i = 0; i < m; ++i)
        if (!(b[at(i)] * signs[at(in[at(i)])] > 0)) {
          signs[at(in[at(i)])] = 0;
          right = false;
        }
      if (!right) continue;
      // The slopes of the active zeros must stay within the penalty.
      std::vector<double> slope(at(k));
      for (int64_t a = 0; a < k; ++a) slope[at(a)] = start_[at(active_[at(a)])];
      for (int64_t i = 0; i < m; ++i) {
        const double* row = square + in[at(i)] * k;
        for (int64_t a = 0; a < k; ++a) slope[at(a)] -= row[a] * b[at(i)];
      }
      for (int64_t a = 0; a < k; ++a) {
        const double limit = l1_ * weight_[at(active_[at(a)])] * (1 + 1e-12);
        if (signs[at(a)] != 0 || std::fabs(slope[at(a)]) <= limit) continue;
        signs[at(a)] = slope[at(a)] > 0 ? 1 : -1;
        right = false;
      }
      if (!right) continue;
      for (int64_t a = 0; a < k; ++a) coef_[at(active_[at(a)])] = 0;
      for (int64_t i = 0; i < m; ++i) coef_[at(active_[at(in[at(i)])])] = b[at(i)];
      return true;
    }
    return false;
  }

  // |y - X b|^2 = y.y - b . (X^T y + slope), of which rounding may leave less than 0.
  double left_squares() const {
    double sum = squares_;
    for (int64_t j : active_) sum -= coef_[at(j)] * (start_[at(j)] + slope_[at(j)]);
    return sum;
  }

  // Primal minus dual value, n times that of the objective (Kim et al. 2007, "An interior-point
  // method for large-scale l1-regularized least squares").
  double gap() const {
    double steepest = 0, l1 = 0, l2 = 0, along = squares_;
    for (int64_t j = 0; j < d_; ++j) {
      const double w = weight_[at(j)], b = coef_[at(j)];
      if (w > 0) steepest = std::max(steepest, std::fabs(slope_[at(j)] - l2_ * w * w * b) / w);
      l1 += w * std::fabs(b);
      l2 += w * w * b * b;
      along -= b * start_[at(j)];
    }
    const double squares = std::max(left_squares(), 0.0);
    const double scale = steepest > l1_ ? l1_ / steepest : 1;
    const double bound = std::max(0.0, 0.5 * squares * (1 + scale * scale) + l1_ * l1 -
                                           scale * along + 0.5 * l2_ * (1 + scale * scale) * l2);
    return l2_ > 0 ? std::min(bound, conjugate_gap()) : bound;
  }

  // The same with l2 > 0, where every residual is feasible for the dual: what the penalty of each
  // coefficient and its conjugate exceed b slope by, 0 at the solution (Fenchel and Young).
  double conjugate_gap() const {
    double sum = 0;
    for (int64_t j = 0; j < d_; ++j) {
      const double w = weight_[at(j)], b = coef_[at(j)], s = slope_[at(j)];
      if (!(w > 0)) continue;
      const double beyond = std::max(std::fabs(s) - l1_ * w, 0.0) / w;
      sum += std::max(0.0, l1_ * w * std::fabs(b) + 0.5 * l2_ * w * w * b * b +
                               0.5 * beyond * beyond / l2_ - b * s);
    }
    return sum;
  }

  const PenaltyOptions o_;
  const int64_t n_, d_;
  const double* x_;
  double y_mean_ = 0, squares_ = 0, l1_ = 0, l2_ = 0;
  bool dense_ = false;
  std::vector<double> mean_, shift_, copy_, centred_, weight_;
  std::vector<double> start_;             // X^T y, centred
  std::vector<double> rows_;              // of the Gram matrix, (active, d)
  std::vector<int64_t> active_, row_of_;  // -1: none
  std::vector<double> coef_, slope_;
};

// The rows of a fold and the others.
struct Split {
  Tensor x, left_x;
  std::vector<double> y, left_y;
};
Split split(const gram::Table& t, const std::vector<double>& y, const std::vector<int64_t>& order,
            int64_t from, int64_t to) {
  std::vector<double> x, left;
  Split s;
  for (int64_t k = 0; k < t.rows; ++k) {
    const int64_t i = order[at(k)];
    const bool out = k >= from && k < to;
    auto& rows = out ? left : x;
    rows.insert(rows.end(), t.x + i * t.columns, t.x + (i + 1) * t.columns);
    (out ? s.left_y : s.y).push_back(y[at(i)]);
  }
  s.x = from_vector(x, {static_cast<int64_t>(s.y.size()), t.columns});
  s.left_x = from_vector(left, {static_cast<int64_t>(s.left_y.size()), t.columns});
  return s;
}

using Fits = std::function<std::vector<PenalisedFit>(const Tensor& x, const Tensor& y)>;

CrossValidation cross_validate(const char* op, const Tensor& x, const Tensor& y,
                               std::span<const double> lambdas, int64_t folds, Key key,
                               const Fits& fits) {
  const gram::Table t = gram::table_of(op, x);
  const std::vector<double> right = gram::response_of(op, y, x);
  if (folds < 2 || folds > t.rows)
    raise(ErrorKind::usage, std::string(op) + ": " + std::to_string(folds) + " folds of " +
                                std::to_string(t.rows) +
                                " rows. There are at least 2, and a row in each.");
  if (lambdas.empty())
    raise(ErrorKind::usage, std::string(op) + ": there is no lambda to choose from.");
  const std::vector<int64_t> order = permutation(key, t.rows);
  CrossValidation c;
  c.lambdas.assign(lambdas.begin(), lambdas.end());
  std::vector<std::vector<double>> errors(lambdas.size());
  for (int64_t k = 0; k < folds; ++k) {
    const Split s = split(t, right, order, t.rows * k / folds, t.rows * (k + 1) / folds);
    const std::vector<PenalisedFit> all = fits(s.x, from_vector(s.y));
    for (size_t l = 0; l < lambdas.size(); ++l) {
      const std::vector<double> guess = numbers(all[l].predict(s.left_x));
      double sum = 0;
      for (size_t i = 0; i < guess.size(); ++i)
        sum += (guess[i] - s.left_y[i]) * (guess[i] - s.left_y[i]);
      errors[l].push_back(sum / static_cast<double>(guess.size()));
    }
  }
  size_t best = 0;
  for (size_t l = 0; l < lambdas.size(); ++l) {
    const double mean = mean_of(errors[l]);
    c.error.push_back(mean);
    const auto k = static_cast<double>(folds);
    c.error_se.push_back(std::sqrt(squares_around(errors[l], mean) / (k - 1) / k));
    if (mean < c.error[best]) best = l;
  }
  c.best = c.simplest = c.lambdas[best];
  for (size_t l = 0; l < lambdas.size(); ++l)
    if (c.error[l] <= c.error[best] + c.error_se[best])
      c.simplest = std::max(c.simplest, c.lambdas[l]);
  return c;
}

}  // namespace

int64_t PenalisedFit::zeros() const {
  return std::ranges::count(coef, 0.0);
}

Tensor PenalisedFit::predict(const Tensor& x) const {
  const gram::Table t = gram::table_of("predict", x);
  if (t.columns != static_cast<int64_t>(coef.size()))
    raise(ErrorKind::shape, "predict: X is " + to_string(x.type()) + ", but the fit has " +
                                std::to_string(coef.size()) +
                                " columns. Their numbers must be equal.");
  std::vector<double> y(at(t.rows), intercept);
  for (int64_t i = 0; i < t.rows; ++i)
    for (int64_t j = 0; j < t.columns; ++j) y[at(i)] += t.x[i * t.columns + j] * coef[at(j)];
  return from_vector(y);
}

double PenalisedFit::score(const Tensor& x, const Tensor& y) const {
  return gram::r2_score(numbers(predict(x)), gram::response_of("score", y, x));
}

PenalisedFit fit_ridge(const Tensor& x, const Tensor& y, double lambda,
                       const PenaltyOptions& options) {
  need_lambda("fit_ridge", lambda);
  const gram::Table t = gram::table_of("fit_ridge", x);
  need_rows("fit_ridge", t);
  return ridge(t, gram::response_of("fit_ridge", y, x), lambda, options);
}

PenalisedFit fit_lasso(const Tensor& x, const Tensor& y, double lambda,
                       const PenaltyOptions& options) {
  return lasso_path(x, y, std::span(&lambda, 1), options)[0];
}

std::vector<PenalisedFit> lasso_path(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas,
                                     const PenaltyOptions& options) {
  for (double lambda : lambdas) need_lambda("fit_lasso", lambda);
  const gram::Table t = gram::table_of("fit_lasso", x);
  need_rows("fit_lasso", t);
  Covariances covariances("fit_lasso", t, gram::response_of("fit_lasso", y, x), options);
  std::vector<PenalisedFit> path;
  for (double lambda : lambdas) path.push_back(covariances.fit(lambda));
  return path;
}

double largest_lambda(const Tensor& x, const Tensor& y, const PenaltyOptions& options) {
  const gram::Table t = gram::table_of("largest_lambda", x);
  need_rows("largest_lambda", t);
  return Covariances("largest_lambda", t, gram::response_of("largest_lambda", y, x), options)
      .largest_lambda();
}

std::vector<double> lambda_grid(double largest, int64_t count, double ratio) {
  std::vector<double> grid;
  for (int64_t k = 0; k < count; ++k)
    grid.push_back(
        largest *
        std::pow(ratio, count > 1 ? static_cast<double>(k) / static_cast<double>(count - 1) : 0));
  return grid;
}

CrossValidation cross_validate_ridge(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas, int64_t folds, Key key,
                                     const PenaltyOptions& options) {
  return cross_validate("cross_validate_ridge", x, y, lambdas, folds, key,
                        [&](const Tensor& rows, const Tensor& right) {
                          std::vector<PenalisedFit> all;
                          for (double lambda : lambdas)
                            all.push_back(fit_ridge(rows, right, lambda, options));
                          return all;
                        });
}

CrossValidation cross_validate_lasso(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas, int64_t folds, Key key,
                                     const PenaltyOptions& options) {
  return cross_validate("cross_validate_lasso", x, y, lambdas, folds, key,
                        [&](const Tensor& rows, const Tensor& right) {
                          return lasso_path(rows, right, lambdas, options);
                        });
}

double ridge_lambda(double noise, double width) {
  return noise * noise / (width * width);
}

double lasso_lambda(double noise, double width, int64_t rows) {
  return noise * noise / (width * static_cast<double>(rows));
}

}  // namespace gradus
