// How far to go along a direction, from values and slopes of phi(t) = f(x + t d).
#pragma once

#include <functional>

namespace gradus {

struct OnLine {
  double t = 0, value = 0, slope = 0;
};
// phi at t. What is not finite counts as too far.
using LineFunction = std::function<OnLine(double t)>;

struct LineOptions {
  double decrease = 1e-4;  // c1: phi(t) <= phi(0) + c1 t phi'(0)
  double curvature = 0.9;  // c2: |phi'(t)| <= c2 |phi'(0)|
  int evaluations = 40;
};

struct LineResult {
  OnLine at;
  bool found = false;  // the conditions hold; where not, `at` is the lowest point seen
  int evaluations = 0;
};

// Shortens from `first` until the decrease suffices (Armijo 1966), by the minimum of the parabola
// through what is known, within a tenth and a half of the last step. The slope at `start` is
// negative.
LineResult armijo(const LineFunction& phi, const OnLine& start, double first,
                  const LineOptions& options = {});
// The strong Wolfe conditions, by expansion and then safeguarded cubic interpolation (Nocedal and
// Wright, Numerical Optimization, 3.5 and 3.6). Where rounding hides the decrease of the value, the
// slopes decide (Hager and Zhang 2005, the approximate Wolfe conditions).
LineResult strong_wolfe(const LineFunction& phi, const OnLine& start, double first,
                        const LineOptions& options = {});

}  // namespace gradus
