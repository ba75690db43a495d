// Factorisations and triangular systems on plain row-major memory, f32 and f64: halves of halves,
// so that most of the arithmetic is in matrix products. After Golub and Van Loan, "Matrix
// Computations", 4th ed.: LU 3.4, Cholesky 4.2, Householder 5.2; and Toledo 1997, Elmroth and
// Gustavson 2000 for the halves. Threads share the products; results do not depend on their number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus::dense {

// Room for n numbers, uninitialised, from memory of the thread that grows and stays. The last one
// made is the first to go.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return at_; }

 private:
  size_t size_;
  T* at_;
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

// Whether all elements of a (m,n) are finite.
template <class T>
bool finite(int64_t m, int64_t n, Window<const T> a);

// The largest absolute value of a (m,n), all finite; 0 where there is none.
template <class T>
T largest(int64_t m, int64_t n, Window<const T> a);

// A row-major copy of a (m,n).
template <class T>
void copy(int64_t m, int64_t n, Window<const T> a, T* to);

// P A = L U with the largest pivot of each column: a (n,n) becomes L, whose diagonal of ones is not
// stored, and U. Row i of P A is row rows[i] of A. Returns the sign of P. A zero pivot stays.
template <class T>
int lu(int64_t n, T* a, int64_t* rows);

// A = L L^T: of a (n,n) the lower half counts, l (n,n) gets zeros above. Returns the place of the
// first pivot that is not positive, with that pivot on the diagonal, or n. l may be a itself.
template <class T>
int64_t cholesky(int64_t n, Window<const T> a, T* l);
template <class T>
int64_t cholesky(int64_t n, T* a) {
  return cholesky(n, Window<const T>{a, n, 1}, a);
}

// The first place i * n + j of a (n,n), j < i, where a(i,j) and a(j,i) are not within `tolerance`
// of each other, or n * n.
template <class T>
int64_t first_asymmetry(int64_t n, Window<const T> a, T tolerance);

// A = Q R, m >= n: q (m,n), A on entry, becomes Q with orthonormal columns; r (n,n) is upper
// triangular with a diagonal >= 0.
template <class T>
void qr(int64_t m, int64_t n, T* q, T* r);

// Solves T X = B in place: x (n,k) is B on entry; its rows are x_row apart. Only one half of t is
// read; `unit` takes its diagonal for ones. No diagonal element may be 0.
template <class T>
void solve_triangle(bool lower, bool unit, int64_t n, int64_t k, Window<const T> t, T* x,
                    int64_t x_row);

// A^-1 (n,n) from P A = L U, whose pivots are not 0; `rows` as `lu` gives them.
template <class T>
void invert(int64_t n, Window<const T> factors, const int64_t* rows, T* out);

// The matrix of cofactors, det(A) A^-T where A is regular, from P A = L U: without a division by a
// pivot, so that it is right for every A. out is (n,n).
template <class T>
void cofactors(int64_t n, const T* factors, const int64_t* rows, int sign, T* out);

}  // namespace gradus::dense
