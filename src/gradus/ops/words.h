// The words of the elementwise ops. A word makes an enumerator, an object and, through its entry
// in elementwise.cpp, a kernel: a word without an entry, or an entry without a word, does not
// compile.
#pragma once

// clang-format off
#define GRADUS_UNARY_WORDS(OP)                                                                     \
  OP(negative) OP(exp) OP(exp2) OP(expm1) OP(log) OP(log2) OP(log10) OP(log1p) OP(sqrt) OP(rsqrt)  \
  OP(square) OP(reciprocal) OP(abs) OP(sign) OP(floor) OP(ceil) OP(round) OP(trunc)                \
  OP(sin) OP(cos) OP(tan) OP(asin) OP(acos) OP(atan) OP(sinh) OP(cosh) OP(tanh)                    \
  OP(asinh) OP(acosh) OP(atanh) OP(sigmoid) OP(log_sigmoid) OP(softplus) OP(relu) OP(gelu)         \
  OP(gelu_tanh) OP(silu) OP(erf) OP(erfc) OP(lgamma) OP(digamma)
#define GRADUS_BINARY_WORDS(OP)                                                                    \
  OP(add) OP(subtract) OP(multiply) OP(divide) OP(pow) OP(maximum) OP(minimum) OP(atan2)           \
  OP(hypot) OP(logaddexp) OP(remainder) OP(floor_divide) OP(polygamma) OP(strong_product) OP(zero_product)
// Special functions: one number at a time, in f64, from base/special.h; their entries are in
// special.cpp. The last lists hold what is there as the derivative of another.
#define GRADUS_SPECIAL_UNARY_WORDS(OP)                                                             \
  OP(gamma) OP(erfcx) OP(erfinv) OP(erfcinv) OP(ndtr) OP(ndtri) OP(log_ndtr) OP(logit)             \
  OP(log1mexp) OP(mish) OP(stirling_error)
#define GRADUS_SPECIAL_BINARY_WORDS(OP)                                                            \
  OP(beta) OP(lbeta) OP(deviance) OP(gammainc_p) OP(gammainc_q) OP(log_gammainc_p)                 \
  OP(log_gammainc_q) OP(gammainc_p_inv) OP(gammainc_q_inv)
#define GRADUS_SPECIAL_TERNARY_WORDS(OP)                                                           \
  OP(betainc) OP(betainc_c) OP(log_betainc) OP(log_betainc_c) OP(betainc_inv) OP(betainc_c_inv)
#define GRADUS_SLOPE_UNARY_WORDS(OP) OP(stirling_slope)
#define GRADUS_SLOPE_BINARY_WORDS(OP) OP(gammainc_by_x) OP(gammainc_by_a) OP(gammainc_by_aa)
#define GRADUS_SLOPE_TERNARY_WORDS(OP)                                                             \
  OP(betainc_by_x) OP(betainc_by_a) OP(betainc_by_b) OP(betainc_by_aa) OP(betainc_by_ab)           \
  OP(betainc_by_bb)
#define GRADUS_COMPARE_WORDS(OP)                                                                   \
  OP(equal) OP(not_equal) OP(less) OP(less_equal) OP(greater) OP(greater_equal)
#define GRADUS_LOGIC_WORDS(OP) OP(logical_and) OP(logical_or) OP(logical_xor)
#define GRADUS_PREDICATE_WORDS(OP) OP(isnan) OP(isinf) OP(isfinite)
// clang-format on
