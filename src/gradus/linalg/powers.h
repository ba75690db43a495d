// Powers of square matrices and their exponential; leading axes are a batch.
#pragma once

#include <gradus/core/tensor.h>

namespace gradus {

// e^A by scaling and squaring around the Pade approximant of degree 13 (Higham 2005, "The scaling
// and squaring method for the matrix exponential revisited"). Works on numbers, not while
// compiling: how often it squares depends on them.
Tensor expm(const Tensor& a);
// A^power, by squaring; a negative power inverts first.
Tensor matrix_power(const Tensor& a, int64_t power);

}  // namespace gradus
