// Comparisons of floating-point numbers, and masks as numbers, by vectors.
#pragma once

#include <gradus/core/view.h>

namespace gradus {

struct MaskKernels {
  // f32 and f64.
  Call::Row equal[2], not_equal[2], less[2], less_equal[2], greater[2], greater_equal[2];
  Call::Row ones;  // bool to f32: 0 and 1
};

// The kernels of the best target this machine has.
const MaskKernels& mask_kernels();

}  // namespace gradus
