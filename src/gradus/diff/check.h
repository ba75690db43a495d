// Derivatives against differences: quotients and how wrong they are, the numerical gradient, and a
// check that names the element, the kink, and the step whose rule is wrong. All in f64.
#pragma once

#include <gradus/diff/diff.h>

#include <cmath>
#include <string>

namespace gradus {

struct DifferenceOptions {
  double h = 1e-5;
  bool relative = false;  // h max(1, |x_i|) instead of h
};
// (f(x + h e_i) - f(x - h e_i)) / (2 h) for every element of args[wrt]; f gives one number.
// Gradus has no complex numbers, so no complex step: forward mode, jvp, is its exact form.
Tensor numerical_gradient(const Function& f, std::span<const Tensor> args, int wrt = 0,
                          DifferenceOptions options = {});

// Difference quotients of a function of one number, h = 0.1, 0.01, ..., 1e-15.
struct Quotient {
  double h = 0;
  double forward = 0, central = 0;  // (f(x+h) - f(x)) / h and (f(x+h) - f(x-h)) / (2 h)
  double forward_error = 0, central_error = 0;
};
struct Quotients {
  double value = 0, exact = 0;  // f(x), and f'(x) by forward mode
  std::vector<Quotient> rows;
  size_t best_forward = 0, best_central = 0;  // rows
  // Where truncation and rounding add up to the least: sqrt(2 eps |f / f''|) and
  // cbrt(3/2 eps |f / f'''|); sqrt(eps) and cbrt(eps), times max(1, |x|), where f or that
  // derivative is 0.
  double advised_forward = 0, advised_central = 0;
};
Quotients difference_quotients(const Function& f, const Tensor& x);

// The slope at t = 0 by Richardson's extrapolation of central differences (Ridders 1982).
struct NumericalSlope {
  double slope = 0;
  double bound = 0;     // of its error: what the extrapolation still changed, and rounding
  bool kink = false;    // the slopes on both sides differ however small the step, or g jumps
  bool finite = false;  // false: g is not finite around 0
};
// `scale` is a length on which g changes, `x` the size of the number that t is added to.
NumericalSlope numerical_slope(const std::function<double(double)>& g, double scale = 1,
                               double x = 1);

enum class Verdict : uint8_t {
  agrees,
  differs,
  kink,   // the derivative is a convention there
  unsure  // the difference is not known well enough, or not finite
};
const char* word_of(Verdict verdict);

struct GradcheckOptions {
  std::vector<int> wrt = {};            // empty: every f32 and f64 argument
  std::vector<std::string> names = {};  // of the arguments; empty: x0, x1, ...
  double tolerance = 1e-7;              // of |derivative - difference| / the larger of both
  int64_t most_elements = 1000;         // more: random directions, and the most suspicious
  int64_t directions = 0;               // 0: none up to most_elements, else 8
  int64_t suspects = 10;                // elements looked at one by one beside the directions
  bool steps = false;                   // check the rule of every step, not only when one differs
  uint64_t seed = 0;
  // A gradient worked out by hand for each place in wrt, or absent: a third column.
  std::vector<Tensor> manual = {};
};

struct CheckedSlope {
  std::string name;       // "w[3,4]", or "direction 2"
  double derivative = 0;  // reverse mode
  double difference = 0, bound = 0;
  double manual = std::nan("");
  double error = 0;  // |derivative - difference| / the larger of both; of manual too, the worse
  Verdict verdict = Verdict::agrees;
};

// The rule of one step against differences of that step alone.
struct CheckedStep {
  std::string step;  // "v4 = tanh(v3)"
  std::string op;
  std::string where;  // "at element [3], where it reads 0.7", or "along a random direction"
  std::string mode;   // "its pull" or "its push"
  double rule = 0, difference = 0, error = 0;
};

struct GradReport {
  bool passed = true;
  Tensor value;
  std::vector<Tensor> grads;  // one for each place in wrt
  int64_t elements = 0;       // there are
  int64_t compared = 0;       // one by one
  int64_t directions = 0;     // compared
  int64_t kinks = 0, unsure = 0, differing = 0;
  std::vector<CheckedSlope> rows;  // the worst first
  double worst = 0;                // error, kinks and unsure ones apart
  int64_t steps = 0;               // whose rule was checked
  std::vector<CheckedStep> wrong;  // those that differ
  std::vector<std::string> notes;  // inputs on a kink; steps that stop derivatives
  double forward_gap = 0;          // forward against reverse mode along one direction, relative
  // f32 arguments: their gradient as computed, against the shadow in f64; NaN without any.
  double single_gap = std::nan("");
};

GradReport gradcheck(const Function& f, std::span<const Tensor> args,
                     const GradcheckOptions& options = {});

struct GradReportText {
  size_t rows = 10;
  bool plain = false;
};
std::string to_text(const GradReport& report, const GradReportText& options = {});
std::string to_json(const GradReport& report);

}  // namespace gradus
