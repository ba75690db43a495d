// Factorisations, systems, inverses and determinants of the last two axes; leading axes are a
// batch. Every function has derivatives of any order in both modes. An element that is NaN or
// infinite is a DomainError, a matrix that is singular where it must not be a SingularMatrixError
// with the place of the pivot, counted from 0.
#pragma once

#include <gradus/base/singular.h>
#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op lu, cholesky, qr, triangular_solve, solve, inv, cofactors, det, slogdet;
}

// All ops of this room.
std::span<const Op* const> linalg_ops();

// P A = L U of A (..., m, n): P (..., m, m) is a permutation that brings the largest pivot of each
// column up, L (..., m, k), U (..., k, n), k = min(m, n). The derivative holds P constant and needs
// m <= n and the first m columns independent.
struct LU {
  Tensor p, l, u;
};
LU lu(const Tensor& a);

// A = L L^T, L lower triangular with a positive diagonal, A symmetric up to rounding: only its
// lower half counts. The derivative is the symmetric one (Murray 2016, "Differentiation of the
// Cholesky decomposition").
Tensor cholesky(const Tensor& a);

// A = Q R, thin: (..., m, n) -> Q (..., m, k), R (..., k, n), k = min(m, n), by Householder
// reflections. The diagonal of R is >= 0, which makes the pair unique where the first k columns are
// independent; the derivative needs that (Walter and Lehmann 2018, "Algorithmic differentiation of
// linear algebra functions").
struct QR {
  Tensor q, r;
};
QR qr(const Tensor& a);

struct Triangle {
  bool lower = true, transposed = false, unit = false;
};
// The x with T x = b, or T^T x = b, T one half of a; `unit` takes the diagonal for ones. b is a
// vector (n), or (..., n, k).
Tensor triangular_solve(const Tensor& a, const Tensor& b, const Triangle& how = {});

// The x with A x = b, b a vector (n) or (..., n, k); leading axes broadcast.
Tensor solve(const Tensor& a, const Tensor& b);
// Prefer solve(a, b) to inv(a) @ b: it is faster and more accurate.
Tensor inv(const Tensor& a);

// Exact for small integers up to 3 x 3. Its gradient, the matrix of cofactors, is right for
// singular matrices too; derivatives beyond the first are right there up to 6 x 6, and raise for
// larger ones.
Tensor det(const Tensor& a);
// C with C_ij = d det(A) / d A_ij.
Tensor cofactors(const Tensor& a);
// The sign of the determinant, or 0, and log|det|: no overflow. The derivative needs a regular A.
struct SignLogDet {
  Tensor sign, log;
};
SignLogDet slogdet(const Tensor& a);
// log(det(a)) without overflow: -inf where det is 0, NaN where it is negative.
Tensor logdet(const Tensor& a);

}  // namespace gradus
