// The Levenberg-Marquardt method in any number type: the same loop finds a minimum in f64 and
// sharpens it in double-double. After More 1978, "The Levenberg-Marquardt algorithm: implementation
// and theory": a step of scaled length at most `radius`, scales that only grow.
#pragma once

#include <gradus/optim/householder.h>

#include <functional>
#include <limits>

namespace gradus::levenberg {

template <class T>
struct Problem {
  int64_t residuals = 0, parameters = 0;
  // r(x), and where `jacobian` is given its columns one after the other; false where something is
  // not finite.
  std::function<bool(const T* x, T* r, T* jacobian)> evaluate;
};

struct Options {
  // Stop where the sum of squares falls by less than this part, where the region is smaller than
  // this part of x, or where r is orthogonal to every column of J up to this cosine.
  double value_tolerance = 1e-15, x_tolerance = 1e-15, cosine = 0;
  int64_t iterations = 1000;
  double factor = 100;  // the first radius over the scaled length of x
};

enum class End { value, x, orthogonal, iterations, not_finite };

template <class T>
struct Result {
  std::vector<T> x, r;
  T value = T(0.0);   // r . r
  double cosine = 0;  // largest between r and a column of J, at x
  int64_t iterations = 0, evaluations = 0;
  End end = End::not_finite;
};

template <class T>
class Descent {
 public:
  Descent(const Problem<T>& problem, std::vector<T> x, const Options& options)
      : f_(problem), o_(options), m_(problem.residuals), p_(problem.parameters) {
    result_.x = std::move(x);
    result_.r.resize(at(m_));
    scale_.assign(at(p_), 0);
  }

  Result<T> run() {
    std::vector<T>&x = result_.x, &r = result_.r;
    std::vector<T> jacobian(at(m_ * p_)), trial(at(p_)), trial_r(at(m_));
    if (!evaluate(x, r, jacobian.data())) return result_;
    T value = householder::dot(m_, r.data(), r.data());
    result_.end = End::iterations;
    bool first = true;
    for (; result_.iterations < o_.iterations;) {
      if (!measure(jacobian, static_cast<double>(value))) break;
      double x_length = scaled_length(x);
      if (first) radius_ = o_.factor * (x_length > 0 ? x_length : 1);
      first = false;
      bool moved = false;
      while (!moved && result_.iterations < o_.iterations) {
        ++result_.iterations;
        step();
        const double length = scaled_length(delta_);
        if (result_.iterations == 1) radius_ = std::min(radius_, length);
        for (int64_t j = 0; j < p_; ++j) trial[at(j)] = x[at(j)] - delta_[at(j)];
        const bool finite = evaluate(trial, trial_r, nullptr);
        const T trial_value = finite ? householder::dot(m_, trial_r.data(), trial_r.data())
                                     : T(std::numeric_limits<double>::infinity());
        const auto scale = static_cast<double>(value);
        const double gained = finite ? static_cast<double>(value - trial_value) / scale : -1e300;
        // |J d|^2 + 2 mu |D d|^2, over the value.
        const double bent = curved() / scale, damped = mu_ * length * length / scale;
        const double foreseen = bent + 2 * damped, slope = -(bent + damped);
        const double ratio = foreseen > 0 ? gained / foreseen : 0;
        if (ratio <= 0.25) {
          double shrink = gained >= 0 ? 0.5 : 0.5 * slope / (slope + 0.5 * gained);
          if (gained < -99 || shrink < 0.1 || !std::isfinite(shrink)) shrink = 0.1;
          radius_ = shrink * std::min(radius_, 10 * length);
          mu_ /= shrink;
        } else if (mu_ == 0 || ratio >= 0.75) {
          radius_ = 2 * length;
          mu_ *= 0.5;
        }
        if (ratio >= 1e-4) {
          x.swap(trial);
          r.swap(trial_r);
          value = trial_value;
          x_length = scaled_length(x);
          moved = true;
        }
        if (std::fabs(gained) <= o_.value_tolerance && foreseen <= o_.value_tolerance && ratio <= 2)
          return finish(End::value, value, jacobian, moved);
        if (radius_ <= o_.x_tolerance * x_length || static_cast<double>(value) == 0)
          return finish(End::x, value, jacobian, moved);
      }
      if (moved && !evaluate(x, r, jacobian.data())) {
        result_.end = End::not_finite;
        return result_;
      }
    }
    result_.value = value;
    return result_;
  }

 private:
  static size_t at(int64_t i) { return static_cast<size_t>(i); }
  bool evaluate(const std::vector<T>& x, std::vector<T>& r, T* jacobian) {
    ++result_.evaluations;
    return f_.evaluate(x.data(), r.data(), jacobian);
  }

  double scaled_length(const std::vector<T>& x) const {
    std::vector<double> scaled(at(p_));
    for (int64_t j = 0; j < p_; ++j) scaled[at(j)] = scale_[at(j)] * static_cast<double>(x[at(j)]);
    return householder::length(p_, scaled.data());
  }

  // Scales, cosines and the triangle of J; false where r is orthogonal to all columns.
  bool measure(const std::vector<T>& jacobian, double value) {
    result_.cosine = 0;
    const double r_length = std::sqrt(value);
    for (int64_t j = 0; j < p_; ++j) {
      const T* column = jacobian.data() + j * m_;
      const auto length = static_cast<double>(householder::length(m_, column));
      if (length > 0 && r_length > 0)
        result_.cosine = std::max(
            result_.cosine,
            std::fabs(static_cast<double>(householder::dot(m_, column, result_.r.data()))) /
                length / r_length);
      double& s = scale_[at(j)];
      s = std::max(s, length);
      if (s == 0) s = 1;
    }
    if (result_.cosine <= o_.cosine) {
      result_.end = End::orthogonal;
      return false;
    }
    std::vector<T> a = jacobian, b = result_.r;
    householder::triangularise(m_, p_, a.data(), b.data());
    triangle_.assign(at(p_ * p_), T(0.0));
    for (int64_t j = 0; j < p_; ++j)
      for (int64_t i = 0; i < std::min(j + 1, m_); ++i)
        triangle_[at(j * p_ + i)] = a[at(j * m_ + i)];
    b.resize(at(std::max(p_, m_)), T(0.0));
    right_.assign(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(p_));
    for (int64_t i = m_; i < p_; ++i) right_[at(i)] = T(0.0);
    return true;
  }

  // |J d|^2 of the step.
  double curved() const {
    double sum = 0;
    for (int64_t i = 0; i < p_; ++i) {
      T row = T(0.0);
      for (int64_t j = i; j < p_; ++j) row = row + triangle_[at(j * p_ + i)] * delta_[at(j)];
      sum += static_cast<double>(row * row);
    }
    return sum;
  }

  // The d that makes |J d - r|^2 + mu |D d|^2 least, and the derivative of |D d| by mu, over |D d|.
  double damped(double mu) {
    std::vector<T> a(at(2 * p_ * p_), T(0.0)), b(at(2 * p_), T(0.0));
    const double root = std::sqrt(mu);
    for (int64_t j = 0; j < p_; ++j) {
      for (int64_t i = 0; i <= j; ++i) a[at(2 * p_ * j + i)] = triangle_[at(j * p_ + i)];
      a[at(2 * p_ * j + p_ + j)] = T(root * scale_[at(j)]);
      b[at(j)] = right_[at(j)];
    }
    householder::triangularise(2 * p_, p_, a.data(), b.data());
    householder::solve_upper(p_, a.data(), 2 * p_, b.data());
    delta_.assign(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(p_));
    return fall(a.data(), 2 * p_);
  }
  // |R^-T D^2 d / |D d||^2
  double fall(const T* r, int64_t apart) const {
    const double length = scaled_length(delta_);
    if (length == 0) return 0;
    std::vector<T> w(at(p_));
    for (int64_t j = 0; j < p_; ++j)
      w[at(j)] = T(scale_[at(j)]) * (T(scale_[at(j)]) * delta_[at(j)] / T(length));
    householder::solve_upper_transposed(p_, r, apart, w.data());
    return static_cast<double>(householder::dot(p_, w.data(), w.data()));
  }

  // The damping whose step has the length of the radius, to a tenth (More 1978, section 5).
  void step() {
    double least_diagonal = std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < p_; ++j)
      least_diagonal =
          std::min(least_diagonal,
                   std::fabs(static_cast<double>(triangle_[at(j * p_ + j)])) / scale_[at(j)]);
    const bool regular =
        least_diagonal > static_cast<double>(p_) * 1e-2 * static_cast<double>(rounding());
    double low = 0, excess = 0;
    if (regular) {
      delta_ = right_;
      householder::solve_upper(p_, triangle_.data(), p_, delta_.data());
      const double length = scaled_length(delta_);
      excess = length - radius_;
      if (excess <= 0.1 * radius_) {
        mu_ = 0;
        return;
      }
      const double steep = fall(triangle_.data(), p_);
      if (steep > 0 && std::isfinite(steep)) low = excess / radius_ / steep;
    }
    std::vector<double> gradient(at(p_));
    for (int64_t j = 0; j < p_; ++j)
      gradient[at(j)] =
          static_cast<double>(householder::dot(j + 1, triangle_.data() + j * p_, right_.data())) /
          scale_[at(j)];
    const double slope = householder::length(p_, gradient.data());
    double high = slope / radius_;
    if (!(high > 0)) high = std::numeric_limits<double>::min() / std::min(radius_, 0.1);
    mu_ = std::clamp(mu_, low, std::max(low, high));
    if (mu_ == 0) mu_ = slope / std::max(regular ? excess + radius_ : radius_, 1e-300);
    for (int i = 0; i < 10; ++i) {
      if (mu_ == 0) mu_ = std::max(std::numeric_limits<double>::min(), 0.001 * high);
      const double steep = damped(mu_), previous = excess;
      excess = scaled_length(delta_) - radius_;
      if (std::fabs(excess) <= 0.1 * radius_ || (low == 0 && excess <= previous && previous < 0))
        return;
      if (excess > 0) low = std::max(low, mu_);
      if (excess < 0) high = std::min(high, mu_);
      mu_ = std::max(low, mu_ + (steep > 0 ? excess / radius_ / steep : 0));
    }
  }

  // The distance from 1 to the next T.
  static T rounding() {
    T unit = T(1.0);
    const T half = T(0.5);
    for (int i = 0; i < 200; ++i) {
      const T next = unit * half;
      if (!(static_cast<double>((T(1.0) + next) - T(1.0)) > 0)) break;
      unit = next;
      if (i > 104) break;
    }
    return unit;
  }

  Result<T> finish(End end, const T& value, std::vector<T>& jacobian, bool moved) {
    result_.end = end;
    result_.value = value;
    if (moved && !evaluate(result_.x, result_.r, jacobian.data())) {
      result_.end = End::not_finite;
      return result_;
    }
    if (static_cast<double>(value) > 0) {
      measure(jacobian, static_cast<double>(value));
      result_.end = end;
    } else {
      result_.cosine = 0;
    }
    return result_;
  }

  const Problem<T>& f_;
  const Options o_;
  const int64_t m_, p_;
  Result<T> result_;
  std::vector<double> scale_;
  std::vector<T> triangle_, right_, delta_;
  double radius_ = 0, mu_ = 0;
};

template <class T>
Result<T> descend(const Problem<T>& problem, std::vector<T> x, const Options& options) {
  return Descent<T>(problem, std::move(x), options).run();
}

// Descents from one start with first radii from bold to cautious: a bold one can jump over the
// valley onto a plateau where r no longer depends on x. The lowest end counts, the boldest among
// equals.
template <class T>
Result<T> lowest(const Problem<T>& problem, const std::vector<T>& x, Options options) {
  Result<T> best;
  int64_t evaluations = 0, iterations = 0;
  for (double factor : {100.0, 1.0, 0.1, 0.01}) {
    options.factor = factor;
    Result<T> next = descend(problem, x, options);
    evaluations += next.evaluations;
    iterations += next.iterations;
    if (next.end == End::not_finite) continue;
    const bool better =
        best.end == End::not_finite ||
        static_cast<double>(next.value) < (1 - 1e-6) * static_cast<double>(best.value);
    if (better) best = std::move(next);
    if (static_cast<double>(best.value) == 0) break;
  }
  best.evaluations = evaluations;
  best.iterations = iterations;
  return best;
}

}  // namespace gradus::levenberg
