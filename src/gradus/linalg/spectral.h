// Eigenvalues, eigenvectors and singular values of the last two axes; leading axes are a batch.
// Small matrices take the short methods of textbook.h, larger ones LAPACK where it is installed.
// An element that is NaN or infinite is a DomainError, an iteration that does not settle a
// NumericError.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

// A = V diag(w) V^T of a symmetric A (..., n, n): w (..., n) ascends, column j of V belongs to w_j.
// The halves may differ by rounding; more is a DomainError. Derivatives in both modes. Where values
// repeat their vectors may turn among themselves: that turn counts as none, which is right for the
// values and for what does not depend on the choice of the vectors, to first order.
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a);

// A = U diag(s) V^T of A (..., m, n): s (..., k) descends, k = min(m, n). Thin: U (..., m, k),
// vt (..., k, n); full: U (..., m, m), vt (..., n, n). Derivatives as for eigh, of the thin parts
// (Townsend 2016, "Differentiating the singular value decomposition").
struct Svd {
  Tensor u, s, vt;
};
enum class SvdShape { thin, full };
Svd svd(const Tensor& a, SvdShape shape = SvdShape::thin);

// A v_j = w_j v_j of any square A: complex numbers as pairs of real tensors, w (..., n) in the
// order of the method, conjugate pairs together, V (..., n, n) with columns of length 1. A
// defective matrix has vectors that coincide: cond(vectors) tells. No derivative passes.
struct Eig {
  Tensor re, im;  // values
  Tensor vectors_re, vectors_im;
};
Eig eig(const Tensor& a);

}  // namespace gradus
