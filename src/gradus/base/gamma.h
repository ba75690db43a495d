// The logarithm of the gamma function and its derivatives, one number at a time.
#pragma once

namespace gradus::gamma_function {

// ln |Gamma(x)|. Infinite at 0 and the negative integers. Max error 4.5 ulp for x >= 0; below 0,
// where it has zeros beside every pole, 4.5 ulp of the largest of the result, lgamma(1 - x) and 1.
double lgamma(double x);

// lgamma(1 + x), |x| <= 1/2, with the digits of a small x.
double lgamma1p(double x);

// Its slope. NaN at the negative integers; at 0 infinite, against the sign of that 0. Max error
// 4 ulp for x >= 0; below 0, 4 ulp of the largest of the result, digamma(1 - x) and 1.
double digamma(double x);

// The n-th derivative of digamma. NaN unless n is a whole number, 0 <= n < 2^52. Poles of an odd
// order are +inf, those of an even one have no sign: NaN. Max error 8 ulp for x >= 0 and n <= 22;
// each further order adds half a unit; from 171 on, where n! leaves f64, about n ln(n) units. Below
// 0: of the sum of the sizes of the two sides of x, for between poles those of an even order
// cancel.
double polygamma(double n, double x);

}  // namespace gradus::gamma_function
