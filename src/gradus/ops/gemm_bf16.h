// Products of bfloat16 matrices, accumulated in f32: c (m,n) f32 = a (m,k) b (k,n).
//
// With the processor's own instruction (AVX512_BF16, vdpbf16ps) the terms of an element are added
// two at a time in the order of k, subnormal operands and results count as zero, and rounding is to
// nearest even whatever the mode. Elsewhere a and b are widened, which is exact, and the product is
// the f32 one of gemm.h. On both ways |c - exact| <= k 2^-23 sum |a b| + k 2^-125, and the bits
// depend on no layout, size, place, tile or thread count; between the two ways they differ.
#pragma once

#include <gradus/base/half.h>
#include <gradus/core/view.h>

namespace gradus {

// Strides, c and `after` as for gemm.
void gemm_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
               const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
               const After* after = nullptr);

// Whether this machine has the instruction.
bool multiplies_bf16();

}  // namespace gradus
