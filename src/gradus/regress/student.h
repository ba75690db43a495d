// The laws of t and F that a regression table quotes.
#pragma once

namespace gradus::student {

// The chance that |T| >= |t|, T of Student's law with `freedom` > 0.
double two_sided(double t, double freedom);
// The x with P(T <= x) = p.
double quantile(double p, double freedom);
// The chance that F >= f, F of Fisher's law with these degrees of freedom.
double f_tail(double f, double above, double below);

}  // namespace gradus::student
