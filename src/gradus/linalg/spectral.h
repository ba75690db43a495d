// Eigenvalues, eigenvectors and singular values of the last two axes; leading axes are a batch.
// Small matrices take the short methods of textbook.h, larger ones LAPACK where it is installed.
// An element that is NaN or infinite is a DomainError, an iteration that does not settle a
// NumericError. Derivatives of any order in both modes; where values repeat, see repeated.h.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op eigh, eigvalsh, svd, svdvals, eig, eigvals;
}

// A = V diag(w) V^T of a symmetric A (..., n, n): w (..., n) ascends, column j of V belongs to w_j.
// The halves may differ by rounding; more is a DomainError.
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a);
// The values alone, in a third of the time. Their derivative finds the vectors when it is asked
// for.
Tensor eigvalsh(const Tensor& a);

// A = U diag(s) V^T of A (..., m, n): s (..., k) descends, k = min(m, n). Thin: U (..., m, k),
// vt (..., k, n); full: U (..., m, m), vt (..., n, n). Derivatives of the thin parts (Townsend
// 2016, "Differentiating the singular value decomposition").
struct Svd {
  Tensor u, s, vt;
};
enum class SvdShape { thin, full };
Svd svd(const Tensor& a, SvdShape shape = SvdShape::thin);
// The values alone, (..., k).
Tensor svdvals(const Tensor& a);

// The largest singular value: how far the matrix can stretch a vector.
Tensor spectral_norm(const Tensor& a);
// The sum of the singular values.
Tensor nuclear_norm(const Tensor& a);

// A v_j = w_j v_j of any square A: complex numbers as pairs of real tensors, w (..., n) in the
// order of the method, conjugate pairs together, V (..., n, n) with columns of length 1, of which a
// largest component is real. A defective matrix has vectors that coincide: cond(vectors) tells.
// Derivatives (Boeddeker et al. 2017, "On the computation of complex-valued gradients") keep length
// and that component; a defective matrix has none.
struct Eig {
  Tensor re, im;  // values
  Tensor vectors_re, vectors_im;
};
Eig eig(const Tensor& a);
// The values alone.
struct Eigvals {
  Tensor re, im;
};
Eigvals eigvals(const Tensor& a);

}  // namespace gradus
