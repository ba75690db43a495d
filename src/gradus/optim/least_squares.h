// The least sum of squares of a vector of residuals, by Levenberg and Marquardt with automatic
// derivatives. All in f64. Fits of models to tables, with more digits, are in regress/nonlinear.h.
#pragma once

#include <gradus/optim/optimiser.h>

#include <cstdint>
#include <string>

namespace gradus {

struct LeastSquaresOptions {
  // Stop where a step changes the sum of squares, or x, by less than this part of it.
  double tolerance = 1e-14;
  int64_t iterations = 2000;
};

struct LeastSquares {
  Tensor x;          // f64, the shape of x0
  double value = 0;  // the sum of squares
  // The largest cosine between the residuals and a column of the Jacobian: 0 at a minimum.
  double cosine = 0;
  int64_t iterations = 0, evaluations = 0;
  bool converged = false;
  std::string reason;  // one sentence
};

// A local minimum of |r(x)|^2 from x0, r a vector: steps in a region scaled by the columns of the
// Jacobian (More 1978), from a bold and from cautious first regions; the lowest end counts. Raises
// a NumericError where r(x0) or its Jacobian is not finite, a ShapeError where r is no vector.
LeastSquares levenberg_marquardt(const Objective& r, const Tensor& x0,
                                 const LeastSquaresOptions& options = {});

}  // namespace gradus
