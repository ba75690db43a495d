// The rule of ops whose leading axes are free: reductions over the last axis, pointwise ops,
// decompositions of the last two.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

// x with the batch axis in front, repeated where x is not batched: (size, ...).
Tensor with_batch_axis(const Batching& b, size_t i);

// Gives every input the batch axis in front, then applies the op as it is.
std::vector<Tensor> batch_leading(const Op& op, const Batching& b);

}  // namespace gradus
