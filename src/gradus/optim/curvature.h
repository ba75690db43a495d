// Learning rates from curvature, and convergence foretold: how far a step may go, by which factor
// the error shrinks, and what stands in the way where it does not.
#pragma once

#include <gradus/optim/optimiser.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

struct CurvatureEstimate {
  double largest = 0;  // the largest eigenvalue of the Hessian
  // |H v - largest v| of the unit vector v that was found: some eigenvalue is no farther away.
  double residual = 0;
  int64_t products = 0;  // Hessian-vector products
  bool settled = false;  // the residual is below the tolerance
  Tensor direction;
};
struct CurvatureOptions {
  double tolerance = 1e-6;  // of the residual, against the largest |eigenvalue|
  int64_t products = 1000;
  uint64_t seed = 0;
};
// Of f at x, by power iteration on Hessian-vector products from a drawn start; once more on a
// shifted Hessian where the largest in size is negative.
CurvatureEstimate largest_curvature(const Objective& f, const Tensor& x,
                                    const CurvatureOptions& = {});

// Gradient descent on a quadratic is stable for rates below this: 2 / largest.
double stable_rate(double largest);
// The fixed rate that shrinks the error fastest, 2 / (smallest + largest), and its factor a step,
// (largest - smallest) / (largest + smallest).
double best_rate(double smallest, double largest);

// By which factor a step of sgd shrinks the error on a quadratic with these curvatures, in the long
// run: the largest root, in size, of
//   z^2 - (1 + momentum - rate h) z + momentum, or for nesterov
//   z^2 - (1 - rate h) ((1 + momentum) z - momentum), over the curvatures h.
// Without momentum |1 - rate h|. The dampening multiplies the rate.
double contraction_factor(const OptimiserConfig& sgd, std::span<const double> curvatures);
// The factor a step between the errors of a run, from its second half: the slope of a line through
// their logarithms. Errors are distances, f - f*, or slopes; those that are 0 end the run.
double measured_factor(std::span<const double> errors);

// Why a run stands where it stands.
enum class Stand {
  minimum,   // the slope is 0 and every direction goes up
  saddle,    // the slope is 0 or small, and a direction goes down
  flat,      // slope and curvature are both small: a plateau
  too_fast,  // the rate is above 2 / largest
  too_slow,  // the rate is so far below that the steps are much shorter than they could be
  narrow,    // the curvatures differ so much that no single rate suits all
  underway,  // nothing is wrong: more steps
  stuck,     // the slope is not 0, but no step within reach makes it so: x is too coarse, or a kink
  not_finite  // f or its slope is not a number
};
struct Standing {
  Stand stand = Stand::underway;
  double value = 0, slope = 0;       // f and |gradient|
  double smallest = 0, largest = 0;  // eigenvalues of the Hessian
  std::string reason;                // one sentence, with what to do
};
// Of f at x, where gradient descent with this rate goes on. The whole Hessian is looked at: for up
// to a few hundred numbers.
Standing standing(const Objective& f, const Tensor& x, double rate);

// What a range test read: losses while the rate grows a little with every step (Smith 2017). The
// smoothed loss is a line through the steps around, up to the first loss that is not finite.
struct RangeTest {
  std::vector<double> rates, losses, smoothed;
  double suggested = 0;      // where the smoothed loss falls fastest; 0: nowhere
  double low = 0, high = 0;  // the same for weaker and stronger smoothing: how sure that is
  double diverges = 0;       // the first rate with half of the gain lost again; 0: none
  std::string reason;        // one sentence
};
// `count` rates from low to high, each the same factor above the one before.
std::vector<double> range_rates(double low, double high, int64_t count);
// At least eight losses.
RangeTest read_range(std::span<const double> rates, std::span<const double> losses);
// Runs the rule from x0, a step for each rate, on the loss that f(step) gives.
RangeTest range_test(const std::function<Objective(int64_t step)>& f, const Tensor& x0,
                     const OptimiserConfig& rule, std::span<const double> rates);

}  // namespace gradus
