// Pooling: one number of each window, over the last one or two axes. Any axes may lead.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op max_pool, take_places, put_places, avg_pool, avg_unpool;
}

// One number for every axis, or one an axis; empty: stride is size, padding 0. padding is at most
// half of size. ceil_mode keeps a last window that begins inside x or its padding in front and ends
// beyond; count_include_pad lets an average count the zeros of the padding.
struct PoolOptions {
  Dims size = {}, stride = {}, padding = {};
  bool ceil_mode = false;
  bool count_include_pad = true;  // of averages
};

// As torch.nn.functional: x (..., H, W) gives (..., H', W'), H' = floor((H + 2 pad - size) /
// stride)
// + 1, rounded up in ceil_mode. NaN wins; among equal numbers the first in row-major order is
// taken, and the whole derivative goes to it.
Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
Tensor max_pool1d(const Tensor& x, const PoolOptions& options);
// The sum of a window, added up in row-major order, over its count.
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options);

// out (H', W') windows that cover x: window i is [floor(i H / H'), ceil((i + 1) H / H')).
Tensor adaptive_avg_pool2d(const Tensor& x, const Dims& out);
Tensor adaptive_max_pool2d(const Tensor& x, const Dims& out);
// The mean and the largest of the last two axes, which stay with size 1.
Tensor global_avg_pool2d(const Tensor& x);
Tensor global_max_pool2d(const Tensor& x);

}  // namespace gradus
