#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/norm.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

// One number for each channel, beside (N, C, ...).
Tensor by_channel(const Tensor& v, int rank) {
  Shape shape = {v.size()};
  for (int i = 2; i < rank; ++i) shape.push_back(1);
  return reshape(v, shape);
}

void check_last(const std::string& path, const Tensor& x, int64_t features) {
  if (x.rank() == 0 || x.shape().back() != features)
    raise(ErrorKind::shape, path + ": expected features=" + std::to_string(features) + ", got " +
                                to_string(x.type()) + ". The last axis holds the features.");
}

void check_channels(const std::string& path, const Tensor& x, int64_t channels) {
  if (x.rank() < 2 || x.shape()[1] != channels)
    raise(ErrorKind::shape, path + ": expected channels=" + std::to_string(channels) + ", got " +
                                to_string(x.type()) + ". Axis 1 holds the channels, (N, C, ...).");
}

}  // namespace

Tensor LayerNorm::operator()(const Tensor& x) const {
  check_last(path, x, features);
  const Scope scope(path);
  Tensor y = layer_norm(x, -1, epsilon);
  if (!weight.is_absent()) y = y * weight;
  return bias.is_absent() ? y : y + bias;
}

Tensor RMSNorm::operator()(const Tensor& x) const {
  check_last(path, x, weight.size());
  const Scope scope(path);
  return x * rsqrt(mean(square(x), {.axis = -1, .keepdims = true}) + epsilon) * weight;
}

Tensor GroupNorm::operator()(const Tensor& x) const {
  check_channels(path, x, weight.size());
  const Scope scope(path);
  const Tensor y =
      reshape(layer_norm(reshape(x, {x.shape()[0], groups, -1}), -1, epsilon), x.shape());
  return y * by_channel(weight, x.rank()) + by_channel(bias, x.rank());
}

Tensor BatchNorm::operator()(const Tensor& x, Pass& pass) const {
  check_channels(path, x, weight.size());
  const Scope scope(path);
  const int rank = x.rank();
  Tensor centre, spread;
  if (pass.is_training()) {
    const int64_t n = x.size() / std::max<int64_t>(weight.size(), 1);
    if (n < 2)
      raise(ErrorKind::shape, path + ": " + to_string(x.type()) + " has " + std::to_string(n) +
                                  " value" + (n == 1 ? "" : "s") +
                                  " a channel. A variance in training needs two; use a larger "
                                  "batch, or evaluate.");
    Dims axes = {0};
    for (int i = 2; i < rank; ++i) axes.push_back(i);
    centre = mean(x, {.axis = axes});
    spread = mean(square(x - by_channel(centre, rank)), {.axis = axes});
    const auto count = static_cast<double>(n);
    pass.update(running_mean,
                (1 - momentum) * running_mean.value + momentum * stop_gradient(centre));
    pass.update(running_var, (1 - momentum) * running_var.value +
                                 momentum * count / (count - 1) * stop_gradient(spread));
    pass.update(num_batches_tracked, num_batches_tracked.value + 1);
  } else {
    centre = running_mean.value;
    spread = running_var.value;
  }
  const Tensor scale = weight * rsqrt(spread + epsilon);
  return (x - by_channel(centre, rank)) * by_channel(scale, rank) + by_channel(bias, rank);
}

LayerNorm make_layer_norm(int64_t features, double epsilon, DType dtype) {
  return {ones({features}, dtype), zeros({features}, dtype), features, epsilon};
}

RMSNorm make_rms_norm(int64_t features, double epsilon, DType dtype) {
  return {ones({features}, dtype), epsilon};
}

GroupNorm make_group_norm(int64_t groups, int64_t channels, double epsilon, DType dtype) {
  if (groups < 1 || channels % groups != 0)
    raise(ErrorKind::usage, "make_group_norm: " + std::to_string(groups) + " groups of " +
                                std::to_string(channels) +
                                " channels. The groups divide the channels evenly.");
  return {ones({channels}, dtype), zeros({channels}, dtype), groups, epsilon};
}

BatchNorm make_batch_norm(int64_t channels, DType dtype) {
  return {.weight = ones({channels}, dtype),
          .bias = zeros({channels}, dtype),
          .running_mean = {zeros({channels}, dtype)},
          .running_var = {ones({channels}, dtype)},
          .num_batches_tracked = {zeros({}, DType::i64)}};
}

}  // namespace gradus
