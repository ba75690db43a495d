// Eigenvalues and singular values by the short methods of textbooks, in f64 on plain row-major
// memory: what the browser runs, what small matrices take, and the oracle of LAPACK's. Each returns
// whether it settled, and finds values alone where the place of the first vectors is null. Matrices
// are scaled by a power of two first, so that nothing overflows.
#pragma once

#include <cstdint>

namespace gradus::textbook {

// A = V diag(w) V^T of a symmetric a (n,n), destroyed: cyclic Jacobi rotations (Golub and Van Loan,
// "Matrix Computations", 4th ed., 8.5). w (n) ascends, the columns of v (n,n) are its vectors.
bool eigh(int64_t n, double* a, double* w, double* v);

// A = U diag(s) V^T, thin: u (m,k), s (k) descending, vt (k,n), k = min(m, n), by one-sided Jacobi
// rotations (ibid. 8.6.3).
bool svd(int64_t m, int64_t n, const double* a, double* u, double* s, double* vt);

// A v = w v of a (n,n), destroyed: balancing, Hessenberg form, then the double-shift QR of Francis
// with the real Schur form's vectors (ibid. 7.4, 7.5). Element (i,j) of the vectors is component i
// of vector j, of length 1. Conjugate pairs stand together, the positive imaginary part first.
bool eig(int64_t n, double* a, double* re, double* im, double* v_re, double* v_im);

}  // namespace gradus::textbook
