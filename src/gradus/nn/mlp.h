// The multilayer perceptron: h_k = f(h_{k-1} W_k^T + b_k), and logits without f at the end.
// Parameters are named as in PyTorch's nn.Sequential(Linear, ReLU, Linear, ...): "0.weight",
// "0.bias", "2.weight", ...; the odd places are the activations, so such a state_dict loads as is.
#pragma once

#include <gradus/nn/layers.h>
#include <gradus/nn/module.h>

#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct MlpSpec {
  std::vector<int64_t> sizes;  // inputs, hidden widths, outputs
  std::string activation = "relu";
  std::string init = "he";
  double gain = 1;
  bool bias = true;
  double dropout = 0;  // of the hidden units, in training
};

// "mlp:64-128-10": 64 inputs, one hidden layer of 128, 10 outputs.
MlpSpec parse_mlp(std::string_view text);
// "MLP 64-128-10 relu".
std::string describe(const MlpSpec& spec);
// sum over layers of (in + 1) out: 784-128-10 has 101,770.
int64_t parameter_count(const MlpSpec& spec);

struct Mlp {
  std::vector<Linear> layers;
  std::string activation = "relu";
  double dropout = 0;  // the share of hidden units that a call in training leaves out

  // (..., inputs) -> logits (..., outputs).
  Tensor operator()(const Tensor& x, Pass& pass) const;
  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.layers.size(); ++i) visit(std::to_string(2 * i), self.layers[i]);
  }
};

Mlp make_mlp(const MlpSpec& spec, Key key, DType dtype = DType::f32);

}  // namespace gradus
