// Normalisation layers, with PyTorch's names, defaults and formulas.
#pragma once

#include <gradus/nn/pass.h>

#include <string>

namespace gradus {

// y = (x - mean) / sqrt(var + epsilon) * weight + bias over the last axis (Ba 2016).
struct LayerNorm {
  Tensor weight, bias;  // (features); absent: 1 and 0
  int64_t features = 0;
  double epsilon = 1e-5;
  std::string path = "layer_norm";

  Tensor operator()(const Tensor& x) const;  // (..., features) -> the same

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

// y = x / sqrt(mean(x^2) + epsilon) * weight over the last axis (Zhang and Sennrich 2019).
struct RMSNorm {
  Tensor weight;  // (features)
  double epsilon = 1e-6;
  std::string path = "rms_norm";

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
  }
};

// Layer normalisation of each group of channels of (N, C, ...) together with all places (Wu and He
// 2018); then weight and bias of each channel. groups = C is instance normalisation.
struct GroupNorm {
  Tensor weight, bias;  // (C)
  int64_t groups = 1;
  double epsilon = 1e-5;
  std::string path = "group_norm";

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

// Each channel of (N, C) or (N, C, ...) with mean 0 and variance 1 over the batch and all places
// (Ioffe and Szegedy 2015), then weight and bias. A training pass takes the batch's own mean and
// variance (divided by n), and announces running_mean and running_var (divided by n - 1) moved
// towards them by `momentum`; evaluation takes the running ones.
struct BatchNorm {
  Tensor weight, bias;                  // (C)
  Statistic running_mean, running_var;  // (C)
  Statistic num_batches_tracked;        // i64[]
  double momentum = 0.1, epsilon = 1e-5;
  std::string path = "batch_norm";

  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
    visit("running_mean", self.running_mean);
    visit("running_var", self.running_var);
    visit("num_batches_tracked", self.num_batches_tracked);
  }
};

LayerNorm make_layer_norm(int64_t features, double epsilon = 1e-5, DType dtype = DType::f32);
RMSNorm make_rms_norm(int64_t features, double epsilon = 1e-6, DType dtype = DType::f32);
GroupNorm make_group_norm(int64_t groups, int64_t channels, double epsilon = 1e-5,
                          DType dtype = DType::f32);
BatchNorm make_batch_norm(int64_t channels, DType dtype = DType::f32);

}  // namespace gradus
