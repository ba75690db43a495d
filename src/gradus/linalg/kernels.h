// The innermost loops of the factorisations, compiled once for each SIMD target. They work on
// blocks that stay in cache, allocate nothing and use one thread. Every element is one chain of
// fused multiply-adds in the order of the sum, whatever the width of the vectors; sums of a
// reflection run in as many lanes as the target has.
#pragma once

#include <cstdint>

namespace gradus::dense {

template <class T>
struct Kernels {
  bool (*finite)(int64_t n, const T* x);
  T (*largest)(int64_t n, const T* x);  // absolute value
  // Whether all |x - y| <= tolerance.
  bool (*close)(int64_t n, const T* x, const T* y, T tolerance);
  // to (n,m) = the transpose of from (m,n).
  void (*transpose)(int64_t m, int64_t n, const T* from, int64_t from_row, T* to, int64_t to_row);
  // to -= from, (rows, columns).
  void (*subtract)(int64_t rows, int64_t columns, const T* from, int64_t from_row, T* to,
                   int64_t to_row);
  // Exchanges row i of a (any rows, n) with row pivots[i], one after the other.
  void (*exchange)(int64_t count, const int64_t* pivots, int64_t n, T* a, int64_t a_row);
  // c (m,n) -= a (m,k) b (k,n) without packing: for what fits in L1.
  void (*update)(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col,
                 const T* b, int64_t b_row, T* c, int64_t c_row);
  // T X = B in place, T (n,n) the lower half of t; x is (n,k).
  void (*solve_lower)(bool unit, int64_t n, int64_t k, const T* t, int64_t t_row, T* x,
                      int64_t x_row);
  // A = U^T U of the upper half of a (n,n), in place; the rest is not touched. Returns the first
  // pivot that is not positive, which stays on the diagonal, or n.
  int64_t (*cholesky)(int64_t n, T* a, int64_t a_row);
  // P A = L U of m rows and w columns, each column contiguous and `a_col` apart. Row j was
  // exchanged with row pivots[j] >= j.
  void (*lu)(int64_t m, int64_t w, T* a, int64_t a_col, int64_t* pivots);
  // w <= m reflections I - tau v v^T that make the columns of a (m,w), stored as for `lu`,
  // triangular: R on and above the diagonal, v without its leading 1 below.
  void (*qr)(int64_t m, int64_t w, T* a, int64_t a_col, T* tau);
  // The product of those reflections: its first w columns, in their place.
  void (*reflected)(int64_t m, int64_t w, T* a, int64_t a_col, const T* tau);
};

// Of the best target this machine has.
template <class T>
const Kernels<T>& kernels();

}  // namespace gradus::dense
