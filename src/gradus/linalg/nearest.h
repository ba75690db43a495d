// Rows of a matrix that point the way a vector points: the nearest neighbours by cosine.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>

namespace gradus {

// The rows, the nearest first, and their cosines.
struct Nearest {
  Tensor rows;     // i64 (k) or (m, k)
  Tensor cosines;  // of the type of what was compared, in [-1, 1]
};
// For each query, (d) or (m, d), the k rows of (n, d) with the largest cosine; all n where k is
// more. Of equal cosines the smaller row comes first; the cosine beside a zero vector is 0. Raises
// a domain error that names the first NaN or infinity. Works on numbers, not while compiling.
Nearest cosine_top_k(const Tensor& queries, const Tensor& rows, int64_t k);

}  // namespace gradus
