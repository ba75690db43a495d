// Ridge, lasso and the elastic net, with paths over the strength of the penalty and the choice of
// it by cross-validation. The intercept is never penalised.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

struct PenaltyOptions {
  bool intercept = true;
  // Penalise the coefficients of columns divided by their standard deviation (1/n): then the unit
  // in which a column is measured does not matter. Coefficients come back in the column's unit.
  bool standardise = false;
  // lasso: the share of |b|_1 in the penalty; the rest is |b|^2 / 2. Between 0 and 1.
  double l1_ratio = 1;
  double tolerance = 1e-10;  // lasso: of the duality gap, against |y - mean|^2
  int64_t sweeps = 100'000;  // lasso: over the coefficients
};

// y is about intercept + X coef.
struct PenalisedFit {
  double lambda = 0, intercept = 0;
  std::vector<double> coef;
  double rss = 0, r2 = 0;
  // ridge: A (columns, columns), column-major, the intercept first where there is one:
  // (X^T X + lambda I)^-1 = A A^T. Times the noise's variance, the posterior covariance.
  std::vector<double> inverse;
  double freedom = 0;    // ridge: the trace of the hat matrix, effective coefficients; lasso: how
                         // many are not 0, which estimates the same (Zou, Hastie, Tibshirani 2007)
  double condition = 1;  // ridge: of the penalised system, up to the number of columns too large
  double gap = 0;        // lasso: the primal value is at most so far above the least
  int64_t sweeps = 0;    // lasso
  bool converged = true;

  int64_t zeros() const;  // coefficients that are exactly 0
  Tensor predict(const Tensor& x) const;
  double score(const Tensor& x, const Tensor& y) const;  // R2
};

// The b and c that make |y - X b - c|^2 + lambda |b|^2 least, lambda >= 0. X (n,d), y (n).
PenalisedFit fit_ridge(const Tensor& x, const Tensor& y, double lambda,
                       const PenaltyOptions& options = {});
// |y - X b - c|^2 / (2 n) + lambda (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2) least, by coordinate
// descent on the covariances of the columns that count (Friedman, Hastie, Tibshirani 2010,
// "Regularization paths for generalized linear models via coordinate descent"), finished by the
// linear system of the coefficients that are not 0.
PenalisedFit fit_lasso(const Tensor& x, const Tensor& y, double lambda,
                       const PenaltyOptions& options = {});
// A fit for every lambda, each from the one before: largest first is quickest.
std::vector<PenalisedFit> lasso_path(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas,
                                     const PenaltyOptions& options = {});
// The smallest lambda whose lasso has no coefficient: max_j |x_j . y| / (n l1_ratio), centred.
double largest_lambda(const Tensor& x, const Tensor& y, const PenaltyOptions& options = {});
// `count` lambdas from `largest` down to `ratio` times it, each the same factor below.
std::vector<double> lambda_grid(double largest, int64_t count = 100, double ratio = 1e-3);

struct CrossValidation {
  std::vector<double> lambdas, error, error_se;  // mean squared error on rows left out, its spread
  double best = 0;                               // the lambda with the least error
  // The largest lambda whose error is within one standard error of the least: the simplest model
  // that is about as good.
  double simplest = 0;
};
// Folds are drawn from the key; every row is left out once.
CrossValidation cross_validate_ridge(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas, int64_t folds, Key key,
                                     const PenaltyOptions& options = {});
CrossValidation cross_validate_lasso(const Tensor& x, const Tensor& y,
                                     std::span<const double> lambdas, int64_t folds, Key key,
                                     const PenaltyOptions& options = {});

// Bayes' reading. With noise N(0, noise^2), a prior N(0, width^2) on every coefficient makes the
// ridge with this lambda the most probable one, and a prior Laplace(0, width) the lasso.
double ridge_lambda(double noise, double width);
double lasso_lambda(double noise, double width, int64_t rows);

}  // namespace gradus
