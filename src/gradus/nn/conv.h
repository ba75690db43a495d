// Convolution and pooling layers over ops/conv.h and ops/pool.h: PyTorch's names, layout, defaults.
#pragma once

#include <gradus/base/random.h>
#include <gradus/nn/norm.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/pool.h>

#include <string>

namespace gradus {

// (N, C, L) -> (N, O, L'), (N, C, H, W) -> (N, O, H', W'): as many axes as the weight has.
struct Conv {
  Tensor weight;  // (O, C / groups, k) or (O, C / groups, kH, kW)
  Tensor bias;    // (O), or absent
  ConvOptions options;
  std::string path = "conv";

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

struct ConvTranspose {
  Tensor weight;  // (C, O / groups, k) or (C, O / groups, kH, kW)
  Tensor bias;    // (O), or absent
  ConvOptions options;
  std::string path = "conv_transpose";

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

struct ConvInit {
  bool bias = true;
  DType dtype = DType::f32;
};
// Weight and bias uniform in +-1 / sqrt(fan_in). `size` has one number an axis of the window.
Conv make_conv(Key key, int64_t in, int64_t out, const Dims& size, const ConvOptions& options = {},
               const ConvInit& init = {});
ConvTranspose make_conv_transpose(Key key, int64_t in, int64_t out, const Dims& size,
                                  const ConvOptions& options = {}, const ConvInit& init = {});

// The one convolution that gives what norm(conv(x)) gives in evaluation.
Conv fold_batch_norm(const Conv& conv, const BatchNorm& norm);

}  // namespace gradus
