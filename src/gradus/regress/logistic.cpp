#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/dense.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/gemm.h>
#include <gradus/regress/gram.h>
#include <gradus/regress/logistic.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>

namespace gradus {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

constexpr int64_t block = 256;  // rows whose scores stay in cache

double log1p_exp(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

// e^x of numbers in a row, by the vector kernel.
void exp_all(double* x, int64_t n) {
  static const Call::Row row = [] {
    const Type type{DType::f64, {1}};
    return op::exp.kernel(op::exp, {&type, 1}, type).row;
  }();
  const void* const in[] = {x};
  const bool single[] = {false};
  row(in, single, x, at(n));
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The mean of losses and penalty as a function of theta = (coef (k,d), intercept (k)).
class Likelihood {
 public:
  Likelihood(const gram::Table& t, std::vector<int64_t> label, int64_t classes,
             const LogisticOptions& options)
      : x_(t.x),
        n_(t.rows),
        d_(t.columns),
        k_(classes == 2 ? 1 : classes),
        label_(std::move(label)),
        o_(options),
        turned_(at(d_ * k_)) {}

  int64_t size() const { return k_ * (d_ + 1); }
  int64_t rows() const { return n_; }
  int64_t columns() const { return d_; }
  double loss() const { return loss_; }
  int64_t right() const { return right_; }
  // The least and the largest margin of the true class over the others.
  double margin() const { return margin_; }
  double surest() const { return surest_; }

  // The value and its slope.
  double operator()(const std::vector<double>& theta, std::vector<double>& slope) {
    const int64_t count = (n_ + block - 1) / block, part_size = size() + 4;
    std::vector<double> parts(at(count * part_size), 0);
    // (d,k): rows of X times it are scores.
    for (int64_t c = 0; c < k_; ++c)
      for (int64_t j = 0; j < d_; ++j) turned_[at(j * k_ + c)] = theta[at(c * d_ + j)];
    const double* offsets = theta.data() + k_ * d_;
    parallel_for(count, [&](int64_t i) {
      const int64_t first = i * block, rows = std::min(block, n_ - first);
      dense::Scratch<double> scratch(rows * k_);
      double *scores = scratch.data(), *part = parts.data() + i * part_size;
      double& least = part[size() + 2];
      double& most = part[size() + 3];
      least = std::numeric_limits<double>::infinity();
      most = -least;
      gemm(rows, k_, d_, x_ + first * d_, d_, 1, turned_.data(), k_, 1, scores, k_);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < k_; ++c) scores[r * k_ + c] += offsets[c];
      std::array<double, block> margins;
      if (k_ == 1)
        two(scores, label_.data() + first, rows, margins.data(), part[size()]);
      else
        many(scores, label_.data() + first, rows, margins.data(), part[size()]);
      for (int64_t r = 0; r < rows; ++r) {
        part[size() + 1] += margins[at(r)] > 0 ? 1 : 0;
        least = std::min(least, margins[at(r)]);
        most = std::max(most, margins[at(r)]);
        for (int64_t c = 0; c < k_; ++c) part[k_ * d_ + c] += scores[r * k_ + c];
      }
      gemm(k_, d_, rows, scores, 1, k_, x_ + first * d_, d_, 1, part, d_);
    });
    margin_ = parts[at(size() + 2)];
    surest_ = parts[at(size() + 3)];
    for (int64_t i = 1; i < count; ++i) {
      for (int64_t j = 0; j < size() + 2; ++j) parts[at(j)] += parts[at(i * part_size + j)];
      margin_ = std::min(margin_, parts[at(i * part_size + size() + 2)]);
      surest_ = std::max(surest_, parts[at(i * part_size + size() + 3)]);
    }
    const auto n = static_cast<double>(n_);
    loss_ = parts[at(size())] / n;
    right_ = static_cast<int64_t>(parts[at(size() + 1)]);
    slope.resize(at(size()));
    double squares = 0;
    for (int64_t j = 0; j < k_ * d_; ++j) {
      slope[at(j)] = (parts[at(j)] + o_.l2 * theta[at(j)]) / n;
      squares += theta[at(j)] * theta[at(j)];
    }
    for (int64_t c = 0; c < k_; ++c)
      slope[at(k_ * d_ + c)] = o_.intercept ? parts[at(k_ * d_ + c)] / n : 0;
    return loss_ + 0.5 * o_.l2 * squares / n;
  }

  // Two classes: the curvature of the mean objective, (d + 1, d + 1).
  std::vector<double> curvature(const std::vector<double>& theta) const {
    const int64_t p = d_ + 1, count = (n_ + block - 1) / block;
    std::vector<double> parts(at(count * p * p), 0);
    parallel_for(count, [&](int64_t i) {
      const int64_t first = i * block, rows = std::min(block, n_ - first);
      dense::Scratch<double> scratch(rows * p);
      double* scaled = scratch.data();
      for (int64_t r = 0; r < rows; ++r) {
        const double* row = x_ + (first + r) * d_;
        double score = theta[at(d_)];
        for (int64_t j = 0; j < d_; ++j) score += row[j] * theta[at(j)];
        const double q = std::exp(-std::fabs(score));
        const double root = std::sqrt(q) / (1 + q);
        for (int64_t j = 0; j < d_; ++j) scaled[r * p + j] = root * row[j];
        scaled[r * p + d_] = root;
      }
      gemm(p, p, rows, scaled, 1, p, scaled, p, 1, parts.data() + i * p * p, p);
    });
    for (int64_t i = 1; i < count; ++i)
      for (int64_t j = 0; j < p * p; ++j) parts[at(j)] += parts[at(i * p * p + j)];
    parts.resize(at(p * p));
    for (int64_t j = 0; j < d_; ++j) parts[at(j * p + j)] += o_.l2;
    if (!o_.intercept) {
      for (int64_t j = 0; j < p; ++j) parts[at(d_ * p + j)] = parts[at(j * p + d_)] = 0;
      parts[at(d_ * p + d_)] = static_cast<double>(n_);
    }
    for (double& v : parts) v /= static_cast<double>(n_);
    return parts;
  }

 private:
  // Add the losses of rows, turn their scores into slopes by them and give their margins.
  static void two(double* scores, const int64_t* labels, int64_t rows, double* margins,
                  double& loss) {
    for (int64_t r = 0; r < rows; ++r) {
      const double score = labels[r] == 1 ? scores[r] : -scores[r];
      loss += log1p_exp(-score);
      // p - 1 of the true class, towards the score of the larger label.
      const double miss =
          score > 0 ? std::exp(-score) / (1 + std::exp(-score)) : 1 / (1 + std::exp(score));
      scores[r] = labels[r] == 1 ? -miss : miss;
      margins[r] = score;
    }
  }
  void many(double* scores, const int64_t* labels, int64_t rows, double* margins,
            double& loss) const {
    for (int64_t r = 0; r < rows; ++r) {
      double *s = scores + r * k_, other = -std::numeric_limits<double>::infinity();
      const double own = s[labels[r]];
      s[labels[r]] = other;
      for (int64_t c = 0; c < k_; ++c) other = std::max(other, s[c]);
      s[labels[r]] = own;
      margins[r] = own - other;
      const double largest = std::max(own, other);
      for (int64_t c = 0; c < k_; ++c) s[c] -= largest;
      loss -= own - largest;
    }
    exp_all(scores, rows * k_);
    for (int64_t r = 0; r < rows; ++r) {
      double *s = scores + r * k_, sum = 0;
      for (int64_t c = 0; c < k_; ++c) sum += s[c];
      loss += std::log(sum);
      const double share = 1 / sum;
      for (int64_t c = 0; c < k_; ++c) s[c] *= share;
      s[labels[r]] -= 1;
    }
  }

  const double* x_;
  int64_t n_, d_, k_;
  std::vector<int64_t> label_;
  LogisticOptions o_;
  std::vector<double> turned_;
  double loss_ = 0, margin_ = 0, surest_ = 0;
  int64_t right_ = 0;
};

double steepest(const std::vector<double>& slope) {
  double most = 0;
  for (double v : slope) most = std::max(most, std::fabs(v));
  return most;
}

class Climb {
 public:
  Climb(Likelihood& f, const LogisticOptions& options, LogisticFit& fit)
      : f_(f), o_(options), fit_(fit), theta_(at(f.size()), 0) {}

  std::vector<double> run(bool newton) {
    value_ = f_(theta_, slope_);
    for (fit_.iterations = 0; fit_.iterations < o_.iterations; ++fit_.iterations) {
      fit_.slope = steepest(slope_);
      fit_.converged = fit_.slope <= o_.tolerance;
      // All rows on their side: larger weights are always better.
      fit_.separable = o_.l2 == 0 && f_.margin() > 0;
      if (fit_.converged || fit_.separable) break;
      std::vector<double> direction = newton ? by_curvature() : by_memory();
      double along = dot(direction, slope_);
      if (!(along < 0)) {
        memory_.clear();
        direction = slope_;
        for (double& v : direction) v = -v;
        along = -dot(slope_, slope_);
      }
      if (!move(direction, along, newton || !memory_.empty() ? 1 : 1 / std::sqrt(-along))) {
        // Rounding hides what is left to gain.
        fit_.converged = fit_.slope <= std::max(o_.tolerance, 1e-7);
        break;
      }
    }
    fit_.slope = steepest(slope_);
    return theta_;
  }

 private:
  // The Newton direction, the curvature shifted until it is positive definite.
  std::vector<double> by_curvature() const {
    const auto p = f_.size();
    const std::vector<double> h = f_.curvature(theta_);
    double largest = 0;
    for (int64_t j = 0; j < p; ++j) largest = std::max(largest, h[at(j * p + j)]);
    if (!std::isfinite(largest)) return slope_;  // numbers beyond the range of their squares
    for (double shift = 0; shift <= largest; shift = shift == 0 ? 1e-14 * largest : 100 * shift) {
      std::vector<double> a = h, direction = slope_;
      for (int64_t j = 0; j < p; ++j) a[at(j * p + j)] += shift;
      if (dense::cholesky<double>(p, a.data()) < p) {
        if (largest == 0) break;
        continue;
      }
      dense::solve_triangle<double>(true, false, p, 1, {a.data(), p, 1}, direction.data(), 1);
      dense::solve_triangle<double>(false, false, p, 1, {a.data(), 1, p}, direction.data(), 1);
      for (double& v : direction) v = -v;
      return direction;
    }
    return slope_;
  }

  // The two loops of limited memory BFGS (Nocedal and Wright, Numerical Optimization, 7.4).
  std::vector<double> by_memory() const {
    std::vector<double> q = slope_, alpha(memory_.size());
    for (size_t i = memory_.size(); i-- > 0;) {
      alpha[i] = dot(memory_[i].step, q) / memory_[i].product;
      for (size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * memory_[i].change[j];
    }
    if (!memory_.empty()) {
      const Pair& last = memory_.back();
      const double scale = last.product / dot(last.change, last.change);
      for (double& v : q) v *= scale;
    }
    for (size_t i = 0; i < memory_.size(); ++i) {
      const double beta = dot(memory_[i].change, q) / memory_[i].product;
      for (size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * memory_[i].step[j];
    }
    for (double& v : q) v = -v;
    return q;
  }

  // Halves the step until the value falls enough (Armijo).
  bool move(const std::vector<double>& direction, double along, double length) {
    std::vector<double> next(theta_.size()), slope;
    for (int tries = 0; tries < 40; ++tries) {
      for (size_t j = 0; j < next.size(); ++j) next[j] = theta_[j] + length * direction[j];
      const double value = f_(next, slope);
      if (value <= value_ + 1e-4 * length * along ||
          // Where rounding hides the fall, the slope along the step decides.
          (value <= value_ + 1e-15 * std::fabs(value_) &&
           std::fabs(dot(slope, direction)) < 0.9 * std::fabs(along))) {
        Pair pair;
        pair.step.resize(next.size());
        pair.change.resize(next.size());
        for (size_t j = 0; j < next.size(); ++j) {
          pair.step[j] = next[j] - theta_[j];
          pair.change[j] = slope[j] - slope_[j];
        }
        pair.product = dot(pair.step, pair.change);
        if (pair.product > 1e-300) {
          memory_.push_back(std::move(pair));
          if (memory_.size() > 10) memory_.pop_front();
        }
        theta_.swap(next);
        slope_.swap(slope);
        value_ = value;
        return true;
      }
      length *= 0.5;
    }
    f_(theta_, slope);  // what it last saw is where we stand
    return false;
  }

  struct Pair {
    std::vector<double> step, change;
    double product = 0;
  };
  Likelihood& f_;
  const LogisticOptions& o_;
  LogisticFit& fit_;
  std::vector<double> theta_, slope_;
  double value_ = 0;
  std::deque<Pair> memory_;
};

// Standard errors from the inverse of the curvature of the sum of losses.
void add_errors(LogisticFit& fit, const Likelihood& f, const std::vector<double>& theta,
                bool intercept) {
  const int64_t p = f.size();
  std::vector<double> a = f.curvature(theta);
  if (dense::cholesky<double>(p, a.data()) < p) return;
  std::vector<double> inverse(at(p * p), 0);
  for (int64_t j = 0; j < p; ++j) inverse[at(j * p + j)] = 1;
  dense::solve_triangle<double>(true, false, p, p, {a.data(), p, 1}, inverse.data(), p);
  for (int64_t j = 0; j < p - (intercept ? 0 : 1); ++j) {
    double variance = 0;
    for (int64_t i = j; i < p; ++i) variance += inverse[at(i * p + j)] * inverse[at(i * p + j)];
    fit.se.push_back(std::sqrt(variance / static_cast<double>(f.rows())));
    fit.z.push_back(theta[at(j)] / fit.se.back());
    fit.p_value.push_back(std::erfc(std::fabs(fit.z.back()) / std::sqrt(2.0)));
  }
}

}  // namespace

LogisticFit fit_logistic(const Tensor& x, const Tensor& labels, const LogisticOptions& options) {
  const gram::Table t = gram::table_of("fit_logistic", x);
  const std::vector<double> y = gram::response_of("fit_logistic", labels, x);
  if (!(options.l2 >= 0) || !std::isfinite(options.l2))
    raise(ErrorKind::domain, "fit_logistic: l2 is " + text::number(options.l2) +
                                 ". A penalty is a finite number, 0 or more.");
  LogisticFit fit;
  fit.classes = y;
  std::ranges::sort(fit.classes);
  fit.classes.erase(std::unique(fit.classes.begin(), fit.classes.end()), fit.classes.end());
  const auto classes = static_cast<int64_t>(fit.classes.size());
  if (classes < 2)
    raise(ErrorKind::domain, "fit_logistic: all labels are " +
                                 (y.empty() ? std::string("absent") : text::number(y[0])) +
                                 ". There is nothing to tell apart: it takes two classes.");
  constexpr int64_t most = 1000;
  if (classes > most)
    raise(ErrorKind::domain, "fit_logistic: there are " + std::to_string(classes) +
                                 " different labels. Up to 1000 are classes; a response that is "
                                 "measured belongs to fit_linear.");
  const bool small = classes == 2 && t.columns <= 300;
  if (options.method != "auto" && options.method != "newton" && options.method != "lbfgs")
    raise(ErrorKind::usage, "fit_logistic: there is no method '" + options.method +
                                "'. It is auto, newton or lbfgs.");
  if (options.method == "newton" && classes > 2)
    raise(ErrorKind::unsupported, "fit_logistic: newton is for two classes, and there are " +
                                      std::to_string(classes) + ". Use lbfgs.");
  const bool newton = options.method == "newton" || (options.method == "auto" && small);
  fit.method = newton ? "newton" : "lbfgs";
  std::vector<int64_t> label;
  label.reserve(y.size());
  for (double v : y)
    label.push_back(std::ranges::lower_bound(fit.classes, v) - fit.classes.begin());
  Likelihood f(t, std::move(label), classes, options);
  const std::vector<double> theta = Climb(f, options, fit).run(newton);
  fit.columns = t.columns;
  const int64_t k = classes == 2 ? 1 : classes;
  fit.coef.assign(theta.data(), theta.data() + k * t.columns);
  fit.intercept.assign(theta.data() + k * t.columns, theta.data() + theta.size());
  fit.loss = f.loss();
  fit.accuracy = static_cast<double>(f.right()) / static_cast<double>(t.rows);
  // Some rows lie on the dividing plane and the others are as good as certain.
  if (options.l2 == 0 && f.surest() > 15 && f.margin() > -1e-5 * f.surest()) fit.separable = true;
  if (fit.separable)
    fit.warning =
        std::string(fit.accuracy == 1 ? "the classes can be divided without error"
                                      : "the classes can be divided but for rows on the border") +
        ", so larger coefficients are always more likely and there is no maximum. A penalty makes "
        "the answer finite and unique";
  else if (options.l2 == 0 && f.surest() > 50)
    fit.warning =
        "log odds of " + text::significant(f.surest(), 3) +
        " are beyond what rows can tell: some class is all but divided from the others. A "
        "penalty keeps the coefficients in bounds";
  else if (options.l2 == 0 && k == 1)
    add_errors(fit, f, theta, options.intercept);
  return fit;
}

Tensor LogisticFit::probabilities(const Tensor& x) const {
  const gram::Table t = gram::table_of("probabilities", x);
  if (t.columns != columns)
    raise(ErrorKind::shape, "probabilities: X is " + to_string(x.type()) + ", but the fit has " +
                                std::to_string(columns) + " columns. Their numbers must be equal.");
  const auto c = static_cast<int64_t>(classes.size());
  std::vector<double> p(at(t.rows * c)), scores(at(c));
  for (int64_t i = 0; i < t.rows; ++i) {
    for (int64_t k = 0; k < c; ++k) {
      const int64_t row = c == 2 ? 0 : k;
      double s = intercept[at(row)];
      for (int64_t j = 0; j < columns; ++j) s += t.x[i * columns + j] * coef[at(row * columns + j)];
      scores[at(k)] = c == 2 && k == 0 ? 0 : s;
    }
    const double largest = *std::ranges::max_element(scores);
    double sum = 0;
    for (double& s : scores) sum += s = std::exp(s - largest);
    for (int64_t k = 0; k < c; ++k) p[at(i * c + k)] = scores[at(k)] / sum;
  }
  return from_vector(p, {t.rows, c});
}

Tensor LogisticFit::predict(const Tensor& x) const {
  const std::vector<double> p = numbers(probabilities(x));
  std::vector<double> y;
  for (size_t i = 0; i < p.size(); i += classes.size())
    y.push_back(classes[static_cast<size_t>(
        std::max_element(p.begin() + static_cast<std::ptrdiff_t>(i),
                         p.begin() + static_cast<std::ptrdiff_t>(i + classes.size())) -
        p.begin() - static_cast<std::ptrdiff_t>(i))]);
  return from_vector(y);
}

double LogisticFit::score(const Tensor& x, const Tensor& labels) const {
  const std::vector<double> want = gram::response_of("score", labels, x), got = numbers(predict(x));
  double right = 0;
  for (size_t i = 0; i < got.size(); ++i) right += got[i] == want[i] ? 1 : 0;
  return right / static_cast<double>(got.size());
}

}  // namespace gradus
