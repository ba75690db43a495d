// Layers: structs of tensors with a const call operator.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <string>
#include <string_view>

namespace gradus {

// y = x W^T + b on the last axis: (..., in) -> (..., out). The weight is stored (out, in), one row
// a neuron, as PyTorch does. Books that write Z = X W + b store the transpose; those that write
// y = W x + b mean this one, with x a column.
struct Linear {
  Tensor weight;                // (out, in)
  Tensor bias;                  // (out), or absent
  std::string path = "linear";  // where it stands in its model; errors begin with it

  int64_t inputs() const { return weight.shape()[1]; }
  int64_t outputs() const { return weight.shape()[0]; }
  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

struct LinearOptions {
  std::string_view init = "pytorch";  // see init.h
  double gain = 1;
  bool bias = true;
  DType dtype = DType::f32;
};
Linear make_linear(Key key, int64_t inputs, int64_t outputs, const LinearOptions& options = {});
// The same layer from W (in, out) of Z = X W + b; b may be absent.
Linear linear_from_columns(const Tensor& w, const Tensor& b);

}  // namespace gradus
