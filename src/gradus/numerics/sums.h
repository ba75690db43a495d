// Sums and dot products by the textbook's ways, each in the type it is given: to compare, and for
// when the last digit counts. sum() of ops/reduce.h is pairwise over 16 lanes and does for all
// else.
#pragma once

#include <span>

namespace gradus {

// One accumulator, left to right: the error grows with n, and in f32 16777216 + 1 goes nowhere.
float naive_sum(std::span<const float> x);
double naive_sum(std::span<const double> x);

// Halves first: the error grows with log n.
float pairwise_sum(std::span<const float> x);
double pairwise_sum(std::span<const double> x);

// Carries what each addition loses (Kahan 1965, as Neumaier 1974 has it, for numbers larger than
// the sum too): about one rounding, whatever n, unless the numbers cancel to nearly nothing.
float kahan_sum(std::span<const float> x);
double kahan_sum(std::span<const double> x);

// sum x_i y_i as if in twice the digits, then rounded (Ogita, Rump and Oishi 2005, Dot2).
float compensated_dot(std::span<const float> x, std::span<const float> y);
double compensated_dot(std::span<const double> x, std::span<const double> y);

}  // namespace gradus
