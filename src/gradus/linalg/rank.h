// What stands on the decision which singular values count as zero; leading axes are a batch. A
// tolerance is relative to the largest singular value; below 0 it is eps max(m, n).
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op pinv;
}

// The step from 1 to the next number of a type: 2^-23 or 2^-52.
double eps_of(DType dtype);
// What a singular value of `a` must exceed to count, of all of them (..., k) with k > 0: (..., 1).
Tensor threshold(const Tensor& values, const Tensor& a, double tolerance = -1);

// How many singular values exceed the tolerance, i64.
Tensor matrix_rank(const Tensor& a, double tolerance = -1);
// The pseudo-inverse (..., n, m): values up to the tolerance count as 0.
Tensor pinv(const Tensor& a, double tolerance = -1);
// The shortest x that makes |A x - b| least, b (m) or (..., m, k). Any shape, any rank.
Tensor lstsq(const Tensor& a, const Tensor& b, double tolerance = -1);
// Both with the singular values that were decided on, (..., k).
struct Decided {
  Tensor x, values;
};
Decided pinv_with_values(const Tensor& a, double tolerance = -1);
Decided lstsq_with_values(const Tensor& a, const Tensor& b, double tolerance = -1);

enum class CondNorm { two, one, inf, frobenius };
// |A| |A^-1|, infinite where A is singular: about log10 of it digits are lost in solving with A.
// `two` takes any shape, the others square ones.
Tensor cond(const Tensor& a, CondNorm norm = CondNorm::two);
// That of `two` from the singular values (..., k): the largest over the least; 1 of none.
Tensor condition_of(const Tensor& values);

// Whether a matrix (n,n) is singular when its numbers are taken as exact: elimination with 32
// digits leaves a pivot below 1e-28 of the largest element. In f64 such a pivot is rounding and
// passes.
bool is_singular(const Tensor& a);

}  // namespace gradus
