#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/init.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <cmath>

namespace gradus {
namespace {

void check_input(const std::string& path, const Tensor& x, const Tensor& weight, int64_t channels) {
  if (x.rank() != weight.rank() || x.shape()[1] != channels)
    raise(ErrorKind::shape, path + ": expected in=" + std::to_string(channels) + ", got " +
                                to_string(x.type()) + " for weight " + to_string(weight.type()) +
                                ". The input is (N, C, " + (weight.rank() == 3 ? "L" : "H, W") +
                                ").");
}

Tensor with_bias(const Tensor& y, const Tensor& bias) {
  if (bias.is_absent()) return y;
  return y + reshape(bias, y.rank() == 3 ? Shape{bias.size(), 1} : Shape{bias.size(), 1, 1});
}

Shape with_window(int64_t first, int64_t second, const Dims& size, const char* who) {
  if (size.size() != 1 && size.size() != 2)
    raise(ErrorKind::usage, std::string(who) + ": a window of " + std::to_string(size.size()) +
                                " axes. It has one axis, or two.");
  Shape shape = {first, second};
  for (int64_t n : size) shape.push_back(n);
  return shape;
}

void check_groups(const char* who, int64_t in, int64_t out, int64_t groups) {
  if (groups < 1 || in % groups != 0 || out % groups != 0)
    raise(ErrorKind::usage, std::string(who) + ": " + std::to_string(groups) + " groups for " +
                                std::to_string(in) + " channels in and " + std::to_string(out) +
                                " out. The groups divide both evenly.");
}

}  // namespace

Tensor Conv::operator()(const Tensor& x) const {
  check_input(path, x, weight, weight.shape()[1] * options.groups);
  const Scope scope(path);
  return with_bias(weight.rank() == 3 ? conv1d(x, weight, options) : conv2d(x, weight, options),
                   bias);
}

Tensor ConvTranspose::operator()(const Tensor& x) const {
  check_input(path, x, weight, weight.shape()[0]);
  const Scope scope(path);
  return with_bias(weight.rank() == 3 ? conv_transpose1d(x, weight, options)
                                      : conv_transpose2d(x, weight, options),
                   bias);
}

Conv make_conv(Key key, int64_t in, int64_t out, const Dims& size, const ConvOptions& options,
               const ConvInit& init) {
  check_groups("make_conv", in, out, options.groups);
  Conv layer{.weight = {}, .bias = {}, .options = options};
  const Shape shape = with_window(out, in / options.groups, size, "make_conv");
  const double bound = 1 / std::sqrt(static_cast<double>(element_count(shape) / out));
  layer.weight = uniform_weight(split(key, 0), shape, bound, init.dtype);
  if (init.bias) layer.bias = uniform_weight(split(key, 1), {out}, bound, init.dtype);
  return layer;
}

ConvTranspose make_conv_transpose(Key key, int64_t in, int64_t out, const Dims& size,
                                  const ConvOptions& options, const ConvInit& init) {
  check_groups("make_conv_transpose", in, out, options.groups);
  ConvTranspose layer{.weight = {}, .bias = {}, .options = options};
  const Shape shape = with_window(in, out / options.groups, size, "make_conv_transpose");
  // PyTorch takes axis 1 for the fan in here too.
  const double bound = 1 / std::sqrt(static_cast<double>(element_count(shape) / in));
  layer.weight = uniform_weight(split(key, 0), shape, bound, init.dtype);
  if (init.bias) layer.bias = uniform_weight(split(key, 1), {out}, bound, init.dtype);
  return layer;
}

Conv fold_batch_norm(const Conv& conv, const BatchNorm& norm) {
  if (conv.weight.shape()[0] != norm.weight.size())
    raise(ErrorKind::shape, "fold_batch_norm: weight " + to_string(conv.weight.type()) +
                                " and a normalisation of " + std::to_string(norm.weight.size()) +
                                " channels. It follows the convolution, channel by channel.");
  const Tensor scale = norm.weight * rsqrt(norm.running_var.value + norm.epsilon);
  Conv folded = conv;
  folded.weight = reshape(reshape(conv.weight, {scale.size(), -1}) * expand_dims(scale, 1),
                          conv.weight.shape());
  const Tensor before = conv.bias.is_absent() ? zeros_like(scale) : conv.bias;
  folded.bias = (before - norm.running_mean.value) * scale + norm.bias;
  return folded;
}

}  // namespace gradus
