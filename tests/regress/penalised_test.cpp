// Ridge, lasso and elastic net: scikit-learn 1.9's numbers on the sample, optimality, Bayes.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/optimiser.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/penalised.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sample.h"

namespace gradus {
namespace {

void expect_near(const std::vector<double>& got, std::initializer_list<double> want,
                 double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  size_t j = 0;
  for (double w : want) EXPECT_NEAR(got[j++], w, tolerance);
}

double length(const std::vector<double>& x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return std::sqrt(sum);
}

TEST(Ridge, leaves_the_intercept_unpenalised_as_scikit_learn_does) {
  const Sample s = sample42();
  const PenalisedFit fit = fit_ridge(s.x, s.y, 1);
  expect_near(fit.coef,
              {0.94638086, -2.00318923, 2.95834533, 0.01332738, -0.06475724, 0.03774427, 0.40411873,
               -0.49767246, 0.02700527, -0.0220701},
              5e-9);
  EXPECT_NEAR(fit.intercept, 0.07896885528573147, 1e-14);
}

TEST(Ridge, by_the_normal_equation_without_intercept_is_another_model) {
  const Sample s = sample42();
  const PenalisedFit fit = fit_ridge(s.x, s.y, 1, {.intercept = false});
  expect_near(fit.coef,
              {0.94768769, -2.00337535, 2.95293253, 0.02264979, -0.05889261, 0.03445254, 0.39868086,
               -0.49398305, 0.02656062, -0.01943948},
              5e-9);
  EXPECT_EQ(fit.intercept, 0);
  const Tensor gram = matmul(transpose(s.x), s.x) + eye(10);
  const std::vector<double> direct = numbers(solve(gram, matmul(transpose(s.x), s.y)));
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(fit.coef[j], direct[j], 1e-14);
}

TEST(Ridge, shrinks_with_lambda_and_is_least_squares_without) {
  const Sample s = sample42();
  double before = INFINITY, freedom = 12;
  for (double lambda : {0.0, 0.1, 1.0, 10.0, 100.0, 1e6}) {
    const PenalisedFit fit = fit_ridge(s.x, s.y, lambda);
    EXPECT_LT(length(fit.coef), before);
    EXPECT_LT(fit.freedom, freedom);
    before = length(fit.coef);
    freedom = fit.freedom;
  }
  EXPECT_LT(before, 1e-3);
  const LinearFit plain = fit_linear(s.x, s.y);
  const PenalisedFit none = fit_ridge(s.x, s.y, 0);
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(none.coef[j], plain.coef[j + 1], 1e-13);
  EXPECT_NEAR(none.freedom, 11, 1e-12);
}

TEST(Ridge, is_unique_where_columns_are_dependent) {
  const Tensor x = from_vector<double>({1, 1, 2, 2, 3, 3, 4, 4, 5, 5}, {5, 2});
  const PenalisedFit fit = fit_ridge(x, {2, 4, 5, 4, 5}, 1e-9);
  EXPECT_NEAR(fit.coef[0], 0.3, 1e-6);
  EXPECT_NEAR(fit.coef[1], 0.3, 1e-6);
  try {
    fit_ridge(zeros({3, 1}), {1, 2, 3}, 0);
    FAIL();
  } catch (const NumericError& e) {
    EXPECT_STREQ(e.what(),
                 "fit_ridge: the columns are dependent and lambda is 0. A lambda above 0, or "
                 "fit_linear, gives a solution.");
  }
}

TEST(Ridge, standardised_does_not_see_the_unit_of_a_column) {
  const Sample s = sample42();
  const Tensor units = from_vector<double>({1, 1000, 1, 1, 1e-3, 1, 1, 1, 1, 1});
  const PenaltyOptions o{.standardise = true};
  const PenalisedFit a = fit_ridge(s.x, s.y, 3, o), b = fit_ridge(s.x * units, s.y, 3, o);
  EXPECT_NEAR(a.coef[1], b.coef[1] * 1000, 1e-12);
  EXPECT_NEAR(a.coef[4], b.coef[4] * 1e-3, 1e-12);
  EXPECT_NEAR(a.coef[0], b.coef[0], 1e-12);
}

// The most probable coefficients: where the slope of the log posterior is 0.
TEST(Ridge, is_the_most_probable_under_a_gaussian_prior) {
  const Sample s = sample42();
  const double noise = 0.5, width = 0.8;
  const PenalisedFit fit = fit_ridge(s.x, s.y, ridge_lambda(noise, width), {.intercept = false});
  const auto log_posterior = [&](const Tensor& b) {
    return -sum(square(s.y - matmul(s.x, b))) / (2 * noise * noise) -
           sum(square(b)) / (2 * width * width);
  };
  const std::vector<double> slope = numbers(grad(log_posterior)(from_vector(fit.coef)));
  for (double v : slope) EXPECT_NEAR(v, 0, 1e-10);
  // Its curvature is the inverse of the posterior covariance.
  const Tensor h = hessian(log_posterior)(from_vector(fit.coef));
  const Tensor a = from_vector(fit.inverse, {10, 10});
  const Tensor covariance = matmul(transpose(a), a) * (noise * noise);
  EXPECT_LE(number(max(abs(matmul(covariance, -h) - eye(10)))), 1e-12);
}

TEST(Lasso, of_the_sample_has_five_exact_zeros) {
  const Sample s = sample42();
  const PenalisedFit fit = fit_lasso(s.x, s.y, 0.1);
  expect_near(fit.coef,
              {0.84210587, -1.96129066, 2.8752203, 0, 0, 0, 0.30874572, -0.37763275, 0, 0}, 5e-9);
  EXPECT_NEAR(fit.intercept, 0.06071676243542082, 1e-13);
  EXPECT_EQ(fit.zeros(), 5);
  for (size_t j : {3u, 4u, 5u, 8u, 9u}) EXPECT_EQ(fit.coef[j], 0);
  EXPECT_EQ(fit.freedom, 5);
  EXPECT_TRUE(fit.converged);
  EXPECT_LE(fit.gap, 1e-12);
}

TEST(Lasso, with_ridge_in_it_is_the_elastic_net) {
  const Sample s = sample42();
  const PenalisedFit fit = fit_lasso(s.x, s.y, 0.1, {.l1_ratio = 0.5});
  expect_near(
      fit.coef,
      {0.86671383, -1.90015889, 2.78574388, 0, -0.01258587, 0, 0.35506184, -0.41787566, 0, 0},
      5e-9);
  EXPECT_NEAR(fit.intercept, 0.06087269389991834, 1e-13);
}

TEST(Lasso, without_its_part_is_ridge) {
  const Sample s = sample42();
  const PenalisedFit net = fit_lasso(s.x, s.y, 0.3, {.l1_ratio = 0});
  const PenalisedFit ridge = fit_ridge(s.x, s.y, 0.3 * 100);
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(net.coef[j], ridge.coef[j], 1e-10);
}

// Subgradient: |x_j . r| / n = lambda where b_j is not 0, and at most lambda where it is.
TEST(Lasso, meets_its_optimality_conditions_along_a_path_of_correlated_columns) {
  const int64_t n = 60, d = 150;
  std::vector<double> x(static_cast<size_t>(n * d)), y(static_cast<size_t>(n));
  fill_normal(key_from_seed(7), 0, std::span<double>(x));
  fill_normal(key_from_seed(8), 0, std::span<double>(y));
  for (size_t i = 0; i < 60; ++i) {
    for (size_t j = 1; j < 150; ++j)
      x[i * 150 + j] = 0.8 * x[i * 150 + j - 1] + 0.6 * x[i * 150 + j];
    y[i] += 3 * x[i * 150 + 4] - 2 * x[i * 150 + 90] + 1000;
  }
  const Tensor X = from_vector(x, {n, d}), Y = from_vector(y);
  const double top = largest_lambda(X, Y);
  const auto path = lasso_path(X, Y, lambda_grid(top, 20, 1e-2));
  EXPECT_EQ(path[0].zeros(), d);
  int64_t active = 0;
  for (const PenalisedFit& fit : path) {
    EXPECT_TRUE(fit.converged) << fit.lambda << " gap " << fit.gap;
    const Tensor r = Y - fit.predict(X);
    const std::vector<double> slope = numbers(matmul(r, X) / static_cast<double>(n));
    EXPECT_NEAR(number(mean(r)), 0, 1e-10);
    for (size_t j = 0; j < 150; ++j) {
      if (fit.coef[j] != 0)
        EXPECT_NEAR(slope[j], std::copysign(fit.lambda, fit.coef[j]), 1e-8);
      else
        EXPECT_LE(std::fabs(slope[j]), fit.lambda * (1 + 1e-8));
    }
    active = std::max(active, d - fit.zeros());
  }
  EXPECT_GT(active, 30);
  EXPECT_EQ(d - path[3].zeros() > 0, true);
}

TEST(Lasso, of_columns_far_from_zero_keeps_its_digits) {
  const Sample s = sample42();
  const PenalisedFit plain = fit_lasso(s.x, s.y, 0.1);
  const PenalisedFit far = fit_lasso(s.x + 1e6, s.y, 0.1);
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(far.coef[j], plain.coef[j], 1e-8);
  EXPECT_EQ(far.zeros(), 5);
}

// Laplace prior: exp(-|b| / width) / (2 width). No nearby coefficients are more probable.
TEST(Lasso, is_the_most_probable_under_a_laplace_prior) {
  const Sample s = sample42();
  const double noise = 0.5, width = 0.02;
  const double lambda = lasso_lambda(noise, width, 100);
  EXPECT_NEAR(lambda, 0.125, 1e-16);
  const PenalisedFit fit = fit_lasso(s.x, s.y, lambda, {.intercept = false});
  const auto log_posterior = [&](const std::vector<double>& b) {
    const Tensor r = s.y - matmul(s.x, from_vector(b));
    double size = 0;
    for (double v : b) size += std::fabs(v);
    return -number(sum(square(r))) / (2 * noise * noise) - size / width;
  };
  const double best = log_posterior(fit.coef);
  for (size_t j = 0; j < 10; ++j)
    for (double step : {-1e-3, -1e-4, 1e-4, 1e-3}) {
      std::vector<double> b = fit.coef;
      b[j] += step;
      EXPECT_LT(log_posterior(b), best);
    }
}

TEST(Lasso, says_what_it_cannot_take) {
  const auto message = [](double lambda, double ratio) -> std::string {
    try {
      fit_lasso(eye(2), {1, 2}, lambda, {.l1_ratio = ratio});
    } catch (const DomainError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(-1, 1), "fit_lasso: lambda is -1. A penalty is a finite number, 0 or more.");
  EXPECT_EQ(message(1, 2), "fit_lasso: l1_ratio is 2. It is a share, from 0 (ridge) to 1 (lasso).");
}

TEST(CrossValidation, prefers_a_little_penalty_and_leaves_every_row_out_once) {
  const Sample s = sample42();
  const auto grid = lambda_grid(largest_lambda(s.x, s.y), 30, 1e-4);
  const CrossValidation c = cross_validate_lasso(s.x, s.y, grid, 5, key_from_seed(0));
  EXPECT_EQ(c.error.size(), 30u);
  EXPECT_GT(c.error[0], 5);  // no coefficient: the variance of y
  EXPECT_LT(c.best, 0.2);
  EXPECT_GE(c.simplest, c.best);
  EXPECT_GT(fit_lasso(s.x, s.y, c.simplest).zeros(), 1);
  const CrossValidation r = cross_validate_ridge(s.x, s.y, grid, 100, key_from_seed(0));
  // Leave one out in closed form: residuals over 1 - leverage.
  const LinearFit plain = fit_linear(s.x, s.y);
  double sum = 0;
  for (size_t i = 0; i < 100; ++i) {
    const double e = plain.residuals[i] / (1 - plain.leverage[i]);
    sum += e * e / 100;
  }
  const double none[] = {0.0};
  EXPECT_NEAR(cross_validate_ridge(s.x, s.y, none, 100, key_from_seed(3)).error[0], sum, 1e-12);
  EXPECT_LE(r.error[29], r.error[0]);
  EXPECT_EQ(c.error, cross_validate_lasso(s.x, s.y, grid, 5, key_from_seed(0)).error);
}

// RE-10: the error of gradient descent on the mean squared error shrinks by
// (cond - 1) / (cond + 1) a step, cond that of X^T X.
TEST(GradientDescent, on_the_squared_error_reaches_the_closed_form_at_the_rate_of_the_condition) {
  const Sample s = sample42();
  const LinearFit closed = fit_linear(s.x, s.y, {.intercept = false});
  const Tensor gram = matmul(transpose(s.x), s.x) * (2.0 / 100);
  const std::vector<double> e = numbers(eigvalsh(gram));
  const double rate = 2 / (e.front() + e.back()), cond = e.back() / e.front();
  const auto loss = [&](const Tensor& b) { return mean(square(matmul(s.x, b) - s.y)); };
  const double factor = (cond - 1) / (cond + 1);
  const auto steps =
      static_cast<int64_t>(std::ceil(std::log(1e-6 / length(closed.coef)) / std::log(factor)));
  const auto path = trajectory(loss, zeros({10}), {.method = "sgd", .lr = rate}, steps);
  const auto error = [&](const Tensor& b) {
    std::vector<double> gap = numbers(b);
    for (size_t j = 0; j < 10; ++j) gap[j] -= closed.coef[j];
    return length(gap);
  };
  EXPECT_LE(error(path.back()), 1e-6);
  for (size_t k = 1; k < path.size(); ++k)
    EXPECT_LE(error(path[k]), factor * error(path[k - 1]) * (1 + 1e-6) + 1e-14);
}

}  // namespace
}  // namespace gradus
