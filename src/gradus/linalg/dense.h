// Factorisations and triangular systems on plain row-major memory, f32 and f64. Blocks of 64 keep
// most of the arithmetic in matrix products. After Golub and Van Loan, "Matrix Computations", 4th
// ed.: LU 3.4, Cholesky 4.2, Householder 5.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus::dense {

// Room for n numbers: on the stack while they are few.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n) {
    if (static_cast<size_t>(n) > few_.size()) many_.resize(static_cast<size_t>(n));
  }
  T* data() { return many_.empty() ? few_.data() : many_.data(); }

 private:
  std::array<T, 256> few_;
  std::vector<T> many_;
};

// A window with any strides, in elements.
template <class T>
struct Window {
  T* data;
  int64_t row, col;
  T& operator()(int64_t i, int64_t j) const { return data[i * row + j * col]; }
  Window from(int64_t i, int64_t j) const { return {&(*this)(i, j), row, col}; }
  Window transposed() const { return {data, col, row}; }
};

// P A = L U with the largest pivot of each column: a (n,n) becomes L, whose diagonal of ones is not
// stored, and U. Row i of P A is row rows[i] of A. Returns the sign of P. A zero pivot stays.
template <class T>
int lu(int64_t n, T* a, int64_t* rows);

// A = L L^T: a (n,n), of which only the lower half is read, becomes L with zeros above. Returns the
// place of the first pivot that is not positive, with that pivot on the diagonal, or n.
template <class T>
int64_t cholesky(int64_t n, T* a);

// A = Q R, m >= n: q (m,n), A on entry, becomes Q with orthonormal columns; r (n,n) is upper
// triangular with a diagonal >= 0.
template <class T>
void qr(int64_t m, int64_t n, T* q, T* r);

// Solves T X = B in place: x (n,k) is B on entry; its rows are x_row apart. Only one half of t is
// read; `unit` takes its diagonal for ones. No diagonal element may be 0.
template <class T>
void solve_triangle(bool lower, bool unit, int64_t n, int64_t k, Window<const T> t, T* x,
                    int64_t x_row);

// The matrix of cofactors, det(A) A^-T where A is regular, from P A = L U: without a division by a
// pivot, so that it is right for every A. out is (n,n).
template <class T>
void cofactors(int64_t n, const T* factors, const int64_t* rows, int sign, T* out);

}  // namespace gradus::dense
