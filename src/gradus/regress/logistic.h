// Logistic and softmax regression: the chance of a class as a function of columns.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

struct LogisticOptions {
  double l2 = 1;  // the penalty l2 |b|^2 / 2 beside the sum of losses; the intercept is free
  bool intercept = true;
  // newton: iteratively reweighted least squares, for two classes; lbfgs: for any number; auto
  // takes newton for two classes and up to 300 columns.
  std::string method = "auto";
  double tolerance = 1e-10;  // on the largest slope of the mean objective
  int64_t iterations = 2000;
};

// Two classes: log(p / (1 - p)) = intercept + X coef, p the chance of the larger label.
// More: the chances are softmax(intercept + X coef^T), a row of coef for each class.
struct LogisticFit {
  std::vector<double> classes;    // the labels, ascending
  int64_t columns = 0;            // d
  std::vector<double> coef;       // (1, d) or (classes, d), row-major
  std::vector<double> intercept;  // 1 or as many as classes; 0 without intercept
  // Two classes without penalty: standard errors from the curvature at the maximum, z = coef / se
  // and its two-sided p; the intercept's come last. Otherwise empty.
  std::vector<double> se, z, p_value;
  double loss = 0;      // mean of -log p of the true class
  double accuracy = 0;  // share of rows whose likeliest class is the true one
  double slope = 0;     // largest |d objective| at the end
  int64_t iterations = 0;
  std::string method;
  bool converged = false;
  bool separable = false;  // the classes are divided without error and nothing holds the weights
  std::string warning;     // one sentence, or empty

  Tensor probabilities(const Tensor& x) const;                // (m, classes)
  Tensor predict(const Tensor& x) const;                      // the likeliest label of each row
  double score(const Tensor& x, const Tensor& labels) const;  // accuracy
};

// X (n,d), labels (n): whole or other numbers, at least two different. On classes that a plane
// divides the likelihood grows without end: without a penalty the fit stops there and says so.
LogisticFit fit_logistic(const Tensor& x, const Tensor& labels,
                         const LogisticOptions& options = {});

}  // namespace gradus
