// Singular values and eigenvalues by plane rotations: slow for large matrices, short, and accurate
// even for the small ones. Computed in f64. Plain numbers come out: no derivative passes.
#pragma once

#include <gradus/core/tensor.h>

namespace gradus {

// (..., m, n) -> (..., min(m, n)), largest first. One-sided Jacobi: columns are rotated in pairs
// until all are orthogonal; their lengths are the singular values. A matrix whose columns differ
// only in scale keeps full relative accuracy (Demmel and Veselic, "Jacobi's method is more accurate
// than QR", 1992). An element that is NaN or infinite is a DomainError.
Tensor svdvals(const Tensor& a);
// (..., n, n) symmetric -> (..., n), smallest first, by cyclic two-sided Jacobi (Golub and Van Loan
// 8.5). The halves may differ by rounding; more is a DomainError.
Tensor eigvalsh(const Tensor& a);

// The largest singular value: how far the matrix can stretch a vector.
Tensor spectral_norm(const Tensor& a);
// The sum of the singular values.
Tensor nuclear_norm(const Tensor& a);

}  // namespace gradus
