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
#define GRADUS_COMPARE_WORDS(OP)                                                                   \
  OP(equal) OP(not_equal) OP(less) OP(less_equal) OP(greater) OP(greater_equal)
#define GRADUS_LOGIC_WORDS(OP) OP(logical_and) OP(logical_or) OP(logical_xor)
#define GRADUS_PREDICATE_WORDS(OP) OP(isnan) OP(isinf) OP(isfinite)
// clang-format on
