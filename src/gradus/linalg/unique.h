// The different values of a tensor. How many there are depends on the numbers, so this reads them:
// it works on numbers, not while compiling.
#pragma once

#include <gradus/core/tensor.h>

namespace gradus {

struct Unique {
  Tensor values;  // (k), ascending, NaN last and once
  Tensor counts;  // i64 (k)
};
Unique unique(const Tensor& x);

}  // namespace gradus
