// Products of two matrices, one operand possibly a row, a column or a transposed view.
// Each element is the chain acc = fma(a[i,p], b[p,j], acc), p = 0..k-1, from 0 (multiply, then add
// where the target has no fma): its bits depend on no layout, size, place, tile or thread count.
#pragma once

#include <gradus/core/view.h>

#include <cstdint>

namespace gradus {

// c (m,n) = a (m,k) b (k,n). Strides are in elements; those of a and b may be anything, also 0 or
// negative. The rows of c are contiguous and do not overlap with a, b or each other. `after`, where
// given, runs on disjoint blocks that cover c; it makes no product itself.
template <class T>
using Gemm = void (*)(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col,
                      const T* b, int64_t b_row, int64_t b_col, T* c, int64_t c_row,
                      const After* after);

struct GemmKernels {
  Gemm<float> f32;
  Gemm<double> f64;
};

// The kernels of the best target this machine has. A plan fetches them once.
const GemmKernels& gemm_kernels();

inline void gemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_col,
                 const float* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
                 const After* after = nullptr) {
  gemm_kernels().f32(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, after);
}

inline void gemm(int64_t m, int64_t n, int64_t k, const double* a, int64_t a_row, int64_t a_col,
                 const double* b, int64_t b_row, int64_t b_col, double* c, int64_t c_row,
                 const After* after = nullptr) {
  gemm_kernels().f64(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, after);
}

}  // namespace gradus
