// Elementwise mathematics: NumPy's names, NumPy's broadcasting.
// What each one computes stands in its entry, in elementwise.cpp, special.cpp and
// select.cpp.
#pragma once

#include <gradus/core/op.h>
#include <gradus/ops/words.h>

namespace gradus {

#define OP(n)                \
  Tensor n(const Tensor& x); \
  namespace op {             \
  extern const Op n;         \
  }
GRADUS_UNARY_WORDS(OP)
GRADUS_SPECIAL_UNARY_WORDS(OP)
GRADUS_SLOPE_UNARY_WORDS(OP)
GRADUS_PREDICATE_WORDS(OP)
OP(logical_not)
#undef OP

#define OP(n)                                 \
  Tensor n(const Tensor& a, const Tensor& b); \
  namespace op {                              \
  extern const Op n;                          \
  }
GRADUS_BINARY_WORDS(OP)
GRADUS_SPECIAL_BINARY_WORDS(OP)
GRADUS_SLOPE_BINARY_WORDS(OP)
GRADUS_COMPARE_WORDS(OP)
GRADUS_LOGIC_WORDS(OP)
#undef OP

#define OP(n)                                                  \
  Tensor n(const Tensor& a, const Tensor& b, const Tensor& x); \
  namespace op {                                               \
  extern const Op n;                                           \
  }
GRADUS_SPECIAL_TERNARY_WORDS(OP)
GRADUS_SLOPE_TERNARY_WORDS(OP)
#undef OP
// polygamma(1, x).
Tensor trigamma(const Tensor& x);

namespace op {
extern const Op where, cast;
}

// a where the condition holds, else b. A branch not taken contributes nothing to a derivative.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
// x with numbers of another type: floats round to nearest even, floats to integers truncate.
Tensor cast(const Tensor& x, DType dtype);
// x held between low and high.
Tensor clip(const Tensor& x, const Tensor& low, const Tensor& high);
// x itself; derivatives do not pass.
Tensor stop_gradient(const Tensor& x);

inline Tensor operator-(const Tensor& x) {
  return negative(x);
}
inline Tensor operator+(const Tensor& a, const Tensor& b) {
  return add(a, b);
}
inline Tensor operator-(const Tensor& a, const Tensor& b) {
  return subtract(a, b);
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return multiply(a, b);
}
inline Tensor operator/(const Tensor& a, const Tensor& b) {
  return divide(a, b);
}
inline Tensor operator<(const Tensor& a, const Tensor& b) {
  return less(a, b);
}
inline Tensor operator<=(const Tensor& a, const Tensor& b) {
  return less_equal(a, b);
}
inline Tensor operator>(const Tensor& a, const Tensor& b) {
  return greater(a, b);
}
inline Tensor operator>=(const Tensor& a, const Tensor& b) {
  return greater_equal(a, b);
}
inline Tensor operator==(const Tensor& a, const Tensor& b) {
  return equal(a, b);
}
inline Tensor operator!=(const Tensor& a, const Tensor& b) {
  return not_equal(a, b);
}

// Gives both one type and one shape, by cast and broadcast steps. `between` joins them in an error.
void align(const Op& op, Tensor& a, Tensor& b);
// Raises a DTypeError unless x computes in floating point, or is a number at all.
void require_float(const Op& op, const Type& x);
void require_number(const Op& op, const Type& x);

}  // namespace gradus
