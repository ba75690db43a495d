// Nonlinear least squares: a model written as an expression of parameters and columns. Levenberg
// and Marquardt find the minimum in f64 with automatic derivatives; where the model is made of
// + - * / ^ exp log sin cos tan atan tanh sqrt, the same loop then sharpens it in double-double.
#pragma once

#include <gradus/expr/parse.h>
#include <gradus/regress/terms.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

struct NonlinearOptions {
  int64_t iterations = 2000;  // of each descent
  double confidence = 0.95;
};

struct NonlinearFit {
  std::vector<std::string> names;  // of the parameters
  std::vector<double> coef, se;    // se from the Jacobian at the minimum
  std::vector<double> t, p_value, low, high;
  double rss = 0, resid_sd = 0;
  double r2 = 0;  // around the mean
  std::vector<double> fitted, residuals;
  double condition = 1;  // of the Jacobian with columns of length 1
  double cosine = 0;     // largest between the residuals and a column of the Jacobian
  int64_t rows = 0, iterations = 0, evaluations = 0;
  bool sharpened = false;  // in double-double
  bool converged = false;
  std::string reason;  // one sentence
  int64_t freedom() const { return rows - static_cast<int64_t>(coef.size()); }
};

// The parameters with the least sum of (response - model)^2 near `start`. Raises a usage error
// where the model reads a name that is neither parameter nor column, a NumericError where it is not
// finite at the start or the data do not determine a parameter.
NonlinearFit fit_nonlinear(const Expression& model, const NamedColumns& columns,
                           std::string_view response, const Bindings& start,
                           const NonlinearOptions& options = {});

}  // namespace gradus
