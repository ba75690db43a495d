// Activations by name. Derivatives at a kink follow the elementwise table: relu'(0) = 0, and the
// leaky kinds take the slope of their negative side there, as PyTorch does.
#pragma once

#include <gradus/core/tensor.h>

#include <string_view>
#include <vector>

namespace gradus {

// x where positive, else slope x.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
// leaky_relu with a learned slope: one number, or one for each place of the last axis.
Tensor prelu(const Tensor& x, const Tensor& slope);
// x where positive, else alpha (e^x - 1).
Tensor elu(const Tensor& x, double alpha = 1);
Tensor identity(const Tensor& x);

using Activation = Tensor (*)(const Tensor&);
// relu, tanh, sigmoid, gelu, gelu_tanh, silu, leaky_relu, elu, softplus or identity.
Activation activation(std::string_view name);
const std::vector<std::string_view>& activation_names();

// P(class given x) = softmax(logits / temperature) over the last axis: above 1 it hesitates more,
// below 1 less.
Tensor probabilities(const Tensor& logits, double temperature = 1);

}  // namespace gradus
