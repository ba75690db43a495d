// Steps for penalties that have a kink: the proximal map in place of a gradient (Parikh and Boyd
// 2014, Proximal Algorithms).
#pragma once

#include <gradus/core/tensor.h>

namespace gradus {

// sign(x) max(|x| - by, 0), the minimum over z of by |z| + (z - x)^2 / 2: what a gradient step with
// rate lr is followed by for a penalty l1 |x|, by = lr l1. Numbers within `by` of 0 become 0
// exactly, where a subgradient leaves them on either side. by >= 0, a number or one for each place.
Tensor soft_threshold(const Tensor& x, const Tensor& by);

}  // namespace gradus
