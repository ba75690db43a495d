// What stands on the decision which singular values count as zero; leading axes are a batch. A
// tolerance is relative to the largest singular value; below 0 it is eps max(m, n).
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op pinv;
}

// How many singular values exceed the tolerance, i64.
Tensor matrix_rank(const Tensor& a, double tolerance = -1);
// The pseudo-inverse (..., n, m): values up to the tolerance count as 0.
Tensor pinv(const Tensor& a, double tolerance = -1);
// The shortest x that makes |A x - b| least, b (m) or (..., m, k). Any shape, any rank.
Tensor lstsq(const Tensor& a, const Tensor& b, double tolerance = -1);

enum class CondNorm { two, one, inf, frobenius };
// |A| |A^-1|, infinite where A is singular: about log10 of it digits are lost in solving with A.
// `two` takes any shape, the others square ones.
Tensor cond(const Tensor& a, CondNorm norm = CondNorm::two);

// Whether a matrix (n,n) is singular when its numbers are taken as exact: elimination with 32
// digits leaves a pivot below 1e-28 of the largest element. In f64 such a pivot is rounding and
// passes.
bool is_singular(const Tensor& a);

}  // namespace gradus
