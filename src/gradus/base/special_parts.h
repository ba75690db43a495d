// Gaps that the obvious formulas would lose by cancellation.
#pragma once

namespace gradus::special {

// t - ln(1 + t) >= 0, t > -1.
double log1p_gap(double t);
// t - 1 + e^-t >= 0.
double exp_gap(double t);

}  // namespace gradus::special
