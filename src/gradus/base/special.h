// Special functions of one, two and three numbers in f64. Outside its domain each is NaN. Bounds on
// the errors are those measured in docs/accuracy.md; eps is 2^-52, and "the condition" is the
// relative change of the result when each argument changes by one part in itself.
#pragma once

namespace gradus::special {

// The gamma function; NaN at the negative integers, infinite at 0 with the sign of that 0.
double gamma(double x);
// The beta function Gamma(a) Gamma(b) / Gamma(a + b) and its logarithm, a, b >= 0.
double beta(double a, double b);
double lbeta(double a, double b);
// What Stirling's formula leaves of the logarithm of the gamma function, x > 0:
// lgamma(x) - (x - 1/2) ln x + x - ln(2 pi) / 2 = 1 / 12x - 1 / 360x^3 + ...; and its slope.
double stirling_error(double x);
double stirling_slope(double x);
// x ln(x / m) - x + m >= 0 for x, m >= 0, without cancellation (Loader 2000, "Fast and accurate
// computation of binomial probabilities": there bd0). It is 0 only at x = m.
double deviance(double x, double m);

// exp(x^2) erfc(x), which falls like 1 / (x sqrt(pi)).
double erfcx(double x);
// The y with erf(y) = x, |x| <= 1, and with erfc(y) = x, 0 <= x <= 2.
double erfinv(double x);
double erfcinv(double x);
// The standard normal distribution: P(Z < x), its logarithm and its inverse.
double ndtr(double x);
double log_ndtr(double x);
double ndtri(double p);

// ln(p / (1 - p)), 0 <= p <= 1.
double logit(double p);
// ln(1 - e^x), x <= 0.
double log1mexp(double x);
// x tanh(ln(1 + e^x)).
double mish(double x);

// The regularised incomplete gamma functions, a > 0, x >= 0 (DLMF 8.2.4): P(a, x), the integral of
// t^(a-1) e^-t / Gamma(a) from 0 to x, and Q = 1 - P. The smaller of the two comes from its own
// integral, so that neither cancels; their logarithms reach beyond the range of f64.
double gammainc_p(double a, double x);
double gammainc_q(double a, double x);
double log_gammainc_p(double a, double x);
double log_gammainc_q(double a, double x);
// The x with P(a, x) = p, and with Q(a, x) = q.
double gammainc_p_inv(double a, double p);
double gammainc_q_inv(double a, double q);
// Derivatives of P: the density x^(a-1) e^-x / Gamma(a), dP/da and d2P/da2.
double gammainc_by_x(double a, double x);
double gammainc_by_a(double a, double x);
double gammainc_by_aa(double a, double x);

// The regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1 (DLMF 8.17.2): the
// integral of t^(a-1) (1-t)^(b-1) / B(a, b) from 0 to x; its complement 1 - I; their logarithms.
double betainc(double a, double b, double x);
double betainc_c(double a, double b, double x);
double log_betainc(double a, double b, double x);
double log_betainc_c(double a, double b, double x);
// The x with I_x(a, b) = p, and with 1 - I_x(a, b) = q.
double betainc_inv(double a, double b, double p);
double betainc_c_inv(double a, double b, double q);
// Derivatives of I: the density, towards a and b, and the second ones.
double betainc_by_x(double a, double b, double x);
double betainc_by_a(double a, double b, double x);
double betainc_by_b(double a, double b, double x);
double betainc_by_aa(double a, double b, double x);
double betainc_by_ab(double a, double b, double x);
double betainc_by_bb(double a, double b, double x);

}  // namespace gradus::special
