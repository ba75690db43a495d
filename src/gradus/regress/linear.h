// Ordinary least squares: coefficients with what can be said of them. Small problems are solved by
// Householder reflections in double-double, so the digits that come out are those of the data;
// large ones from the Gram matrix with a corrected step where it is well conditioned (Bjorck 1987,
// "Stability analysis of the method of seminormal equations"), else by reflections in f64.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/regress/terms.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

struct LinearFitOptions {
  bool intercept = true;     // a first column of ones (of X; terms say it themselves)
  double confidence = 0.95;  // of the intervals
  bool influence = true;     // leverage too: about the cost of the fit once more
};

struct LinearFit {
  std::vector<std::string> names;  // of the columns; the intercept is "1"
  std::vector<double> coef, se;    // standard errors
  // Of the hypothesis that a coefficient is 0, and the interval that holds it.
  std::vector<double> t, p_value, low, high;
  double rss = 0;                  // sum of squared residuals
  double resid_sd = 0;             // sqrt(rss / (rows - rank))
  double r2 = 0, adjusted_r2 = 0;  // around the mean with an intercept, else around 0
  double f = 0, f_p_value = 0;     // of the hypothesis that only the intercept counts
  std::vector<double> residuals;   // y - X coef
  std::vector<double> leverage;    // diagonal of X (X^T X)^-1 X^T: how far a row pulls on its fit
  std::vector<double> vif;         // how often the variance of a coefficient is blown up
                                   // by the other columns; NaN for the intercept
  std::vector<double> inverse;     // R^-1 (columns, rank): (X^T X)^-1 = inverse inverse^T
  double condition = 1;            // of X with columns of length 1, in the 2-norm
  int64_t rows = 0, rank = 0;
  bool intercept = false;  // one of the columns is 1
  std::string warning;     // one sentence where the columns are dependent, else empty

  int64_t freedom() const { return rows - rank; }
  // How many of 16 digits the columns can eat.
  double digits_lost() const;
  // X coef, X (m, columns) without the column of ones that options.intercept added.
  Tensor predict(const Tensor& x) const;
  // R2 on other data.
  double score(const Tensor& x, const Tensor& y) const;
};

// X (n,d), y (n), both f32 or f64 and finite: a DomainError names the first element that is not.
// Dependent columns get the solution of least length and a warning.
LinearFit fit_linear(const Tensor& x, const Tensor& y, const LinearFitOptions& options = {});
// The response as a sum of terms.
LinearFit fit_linear(const std::vector<Term>& terms, const NamedColumns& columns,
                     std::string_view response, const LinearFitOptions& options = {});

// Three ways to one solution, in plain f64: what each makes of the digits (NU-12). Errors against
// the solution in double-double, relative to its length.
struct Conditioning {
  double condition = 0;  // of X, in the 2-norm
  double normal = 0;     // X^T X b = X^T y by Cholesky, or infinite where that fails
  double reflections = 0;
  double singular = 0;  // the decomposition U S V^T by one-sided Jacobi rotations
};
Conditioning compare_solvers(const Tensor& x, const Tensor& y);

}  // namespace gradus
