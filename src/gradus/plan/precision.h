// Mixed precision (Micikevicius et al. 2018, Mixed Precision Training) as a rewrite of a recorded
// step: what is multiplied is rounded to 16 bits, forward and backward. Parameters, sums, losses,
// normalisation and updates stay f32, and no layer knows of it.
#pragma once

#include <gradus/plan/plan.h>

namespace gradus {

// The graph with the f32 operands of every bilinear op rounded to `narrow`.
//   bf16  Where the op multiplies bf16 and gives f32, as matmul does, it is given bf16, and the
//         processor's own instruction is used (ops/gemm_bf16.h); else the rounded numbers as f32.
//   f16   Emulated: operands and results of products are rounded to f16, so that they overflow
//         above 65504 and lose what is below 2^-24, as on a processor that has them.
// Raises a DTypeError for any other type.
Graph with_precision(const Graph& graph, DType narrow);

}  // namespace gradus
