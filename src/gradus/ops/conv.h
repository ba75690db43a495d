// Convolution over one or two axes. Three operations are each other's derivatives: conv, and what
// it asks of its input and of its weights.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op conv, conv_input, conv_weight;
}

// One number for every axis, or one an axis; empty: 1, 0, 1 and 0.
struct ConvOptions {
  Dims stride = {}, padding = {}, dilation = {};
  int64_t groups = 1;
  Dims output_padding =
      {};  // of a transposed convolution alone: places more at the end of each axis
};

// Cross-correlation, as torch.nn.functional.conv2d: the window is not turned round.
//   y[n,o,i,j] = sum over c, p, q of w[o,c,p,q] x[n, c of o's group, i s + p d - pad, j s + q d -
//   pad]
// x (N, C, H, W), w (O, C / groups, kH, kW): (N, O, H', W'), H' = floor((H + 2 pad - d (kH - 1) -
// 1) / s) + 1. x counts as 0 outside. Every element is one fma chain over (c, p, q).
Tensor conv2d(const Tensor& x, const Tensor& w, const ConvOptions& options = {});
// x (N, C, L), w (O, C / groups, k): (N, O, L').
Tensor conv1d(const Tensor& x, const Tensor& w, const ConvOptions& options = {});

// The transpose of conv2d as a linear map, as torch.nn.functional.conv_transpose2d: x (N, C, H, W),
// w (C, O / groups, kH, kW): (N, O, H', W'), H' = (H - 1) s - 2 pad + d (kH - 1) + output_padding
// + 1.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvOptions& options = {});
// x (N, C, L), w (C, O / groups, k): (N, O, L').
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const ConvOptions& options = {});

}  // namespace gradus
