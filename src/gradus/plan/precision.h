// Mixed precision (Micikevicius et al. 2018, Mixed Precision Training) as a rewrite of a recorded
// step: what is multiplied is rounded to 16 bits, forward and backward. Parameters, sums, losses,
// normalisation and updates stay f32, and no layer knows of it.
#pragma once

#include <gradus/plan/plan.h>

namespace gradus {

// The graph with the f32 operands of bilinear ops rounded to `narrow`.
//   bf16  Of the ops that multiply bf16 and give f32, as matmul does by the processor's own
//         instructions (ops/gemm_bf16.h). The others gain nothing from it, and stay as they are.
//   f16   Emulated: operands and results of all are rounded to f16, so that they overflow above
//         65504 and lose what is below 2^-24, as on a processor that has them.
// Raises a DTypeError for any other type.
Graph with_precision(const Graph& graph, DType narrow);

}  // namespace gradus
