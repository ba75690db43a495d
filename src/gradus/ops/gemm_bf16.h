// Products of bfloat16 matrices, accumulated in f32: c (m,n) f32 = a (m,k) b (k,n).
//
// With the processor's own instructions (AVX512_BF16, vdpbf16ps, in pairs; AMX, tdpbf16ps, in
// tiles, where the system allows it) the terms of an element are added in a fixed order, subnormal
// operands and results count as zero, and rounding is to nearest even whatever the mode. Elsewhere
// a and b are widened, which is exact, and the product is the f32 one of gemm.h. On every way |c -
// exact| <= k 2^-23 sum |a b| + k 2^-125, and the bits depend on no layout, size, place, tile or
// thread count; between the ways they differ.
#pragma once

#include <gradus/base/half.h>
#include <gradus/core/view.h>

namespace gradus {

// Strides, c and `after` as for gemm.
void gemm_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
               const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
               const After* after = nullptr);

// Whether this machine has an instruction for it.
bool multiplies_bf16();

// The ways there are here, for k > 0, m > 0, n > 0; null where there is none. gemm_bf16 takes tiles
// before pairs.
struct Bf16Ways {
  decltype(&gemm_bf16) pairs = nullptr, tiles = nullptr;
};
Bf16Ways bf16_ways();

}  // namespace gradus
