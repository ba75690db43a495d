// Differences that the obvious formulas would lose by cancellation.
#pragma once

namespace gradus::special {

// t - ln(1 + t) >= 0, t > -1.
double log1p_gap(double t);
// t - 1 + e^-t >= 0.
double exp_gap(double t);
// ln Gamma(b) - ln Gamma(a + b) + a ln(a + b), b >= 10.
double log_gamma_ratio(double a, double b);

}  // namespace gradus::special
