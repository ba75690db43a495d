// Derivatives that are ops of their own, where a chain of ops would be a dozen passes over memory.
// Each has both modes of any order, written in ops.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op gelu_tanh_slope, layer_norm_grad;
}

// The slope of gelu_tanh, element by element: s (1 + v' x (1 - s)), where gelu_tanh(x) = x s and
// s = 1 / (1 + e^-v), v = sqrt(8/pi) (x + 0.044715 x^3).
Tensor gelu_tanh_slope(const Tensor& x);

// The Jacobian of layer_norm along the last axis at x, which is symmetric, times d of the same
// shape: (d - mean(d) - y mean(d y)) / sqrt(var(x) + epsilon), y = layer_norm(x).
Tensor layer_norm_grad(const Tensor& x, const Tensor& d, double epsilon);

}  // namespace gradus
