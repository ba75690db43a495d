#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/init.h>
#include <gradus/nn/layers.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>

namespace gradus {

Tensor Linear::operator()(const Tensor& x) const {
  if (x.rank() == 0 || x.shape().back() != inputs())
    raise(ErrorKind::shape, path + ": expected in=" + std::to_string(inputs()) + ", got " +
                                to_string(x.type()) + " for weight " + to_string(weight.type()) +
                                ". The last axis of the input holds the features.");
  const Scope scope(path);
  const Tensor z = matmul(x, transpose(weight));
  return bias.is_absent() ? z : z + bias;
}

Linear make_linear(Key key, int64_t inputs, int64_t outputs, const LinearOptions& options) {
  Linear layer;
  layer.weight =
      initial_weight(options.init, split(key, 0), outputs, inputs, options.dtype, options.gain);
  if (options.bias)
    layer.bias = initial_bias(options.init, split(key, 1), outputs, inputs, options.dtype);
  return layer;
}

Linear linear_from_columns(const Tensor& w, const Tensor& b) {
  if (w.rank() != 2 || (!b.is_absent() && !(b.shape() == Shape{w.shape()[1]})))
    raise(ErrorKind::shape, "linear_from_columns: W " + to_string(w.type()) + " and b " +
                                (b.is_absent() ? "absent" : to_string(b.type())) +
                                ". W is (in, out), and b has one number for each of its columns.");
  return {transpose(w), b};
}

}  // namespace gradus
