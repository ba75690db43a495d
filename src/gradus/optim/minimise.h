// Minima of functions with automatic derivatives: one call, a choice of methods, and an answer that
// says why it stopped. All in f64.
#pragma once

#include <gradus/diff/diff.h>
#include <gradus/optim/optimiser.h>
#include <gradus/optim/schedule.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// The methods of `minimise`; pages are of Nocedal and Wright, Numerical Optimization, 2nd ed.
//   steepest    steepest descent with Armijo's rule
//   cg          nonlinear conjugate gradients, Polak-Ribiere+ (5.2), strong Wolfe steps
//   hager-zhang conjugate gradients with the update of Hager and Zhang 2005
//   lbfgs       limited memory BFGS (7.2), strong Wolfe steps
//   newton      the Hessian, shifted until it is positive definite (3.4), Armijo's rule
//   newton-cg   Newton's equation by conjugate gradients on Hessian-vector products (7.1)
//   trust       the same inside a trust region (Steihaug 1983; 4.1 and 7.1)
// and the update rules of method_names(), run for `iterations` steps of `rule`.
std::vector<std::string_view> minimiser_names();

struct MinimiseOptions {
  std::string method = "lbfgs";
  // Stop where the largest |gradient| is at most tolerance (1 + |f|), or (1 + its first value) if
  // that is less.
  double tolerance = 1e-8;
  int64_t iterations = 1000;
  int64_t memory = 10;  // lbfgs: pairs kept
  double radius = 1;    // trust: the first region
  // Where the method is an update rule: its hyperparameters, and what multiplies the rate.
  OptimiserConfig rule = {};
  Schedule schedule = {};
  bool keep_path = false;
};

enum class Stop {
  converged,   // the gradient is small
  iterations,  // no more were allowed
  precision,   // rounding of f hides what is left to gain
  no_descent,  // no step along the direction lowers f
  unbounded,   // f falls without end
  not_finite   // f or its gradient is not a finite number
};

struct Minimum {
  Tensor x;
  double value = 0, gradient_norm = 0;  // the largest |gradient|
  int64_t iterations = 0;
  int64_t evaluations = 0;  // of f with its gradient
  int64_t products = 0;     // Hessian-vector products; a Hessian counts as one for each number
  Stop stop = Stop::converged;
  std::string reason;  // one sentence
  bool converged() const { return stop == Stop::converged; }
  // With keep_path: points, values and largest |gradient|, the start first.
  std::vector<std::vector<double>> path;
  std::vector<double> values, gradient_norms;
};

// A local minimum of f, one number, from x0. Raises a usage error for a method that is not there.
Minimum minimise(const Objective& f, const Tensor& x0, const MinimiseOptions& options = {});

// The least sum of squares of r(x), a vector, by Gauss and Newton: the step solves J d = -r in the
// least squares sense and is shortened by Armijo's rule. It needs no second derivatives, and is
// Newton's method where the residuals vanish. `value` is the sum of squares.
Minimum gauss_newton(const Objective& r, const Tensor& x0, const MinimiseOptions& options = {});

struct ScalarMinimum {
  double x = 0, value = 0;
  int64_t evaluations = 0;
  bool converged = false;
  std::string reason;
};
// A minimum on [low, high] by golden sections and parabolas (Brent 1973, Algorithms for
// Minimization without Derivatives, chapter 5). `tolerance` on x, against 1e-12 + |x|;
// below 1.5e-8, the square root of the rounding, values cannot tell points apart.
ScalarMinimum minimise_scalar(const std::function<double(double)>& f, double low, double high,
                              double tolerance = 1.5e-8, int64_t iterations = 200);

}  // namespace gradus
