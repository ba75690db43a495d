// Starting weights by name. Each is drawn from an explicit key, element by element from a counter,
// so the same seed gives the same bits whatever the thread count.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <string_view>

namespace gradus {

// The weight (fan_out, fan_in) of a layer y = W x, multiplied by gain. By name:
//   he              normal, std sqrt(2 / fan_in): keeps the mean square through relu (He 2015)
//   he_uniform      uniform in +-sqrt(6 / fan_in)
//   xavier          uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)
//   xavier_normal   normal, std sqrt(2 / (fan_in + fan_out))
//   pytorch         uniform in +-1 / sqrt(fan_in): torch.nn.Linear's default, for the bias too
//   orthogonal      all singular values 1 (Saxe 2013), uniformly distributed
//   spectral        normal, scaled so that the largest singular value is 1
//   normal:STD      normal with this standard deviation
//   zeros
Tensor initial_weight(std::string_view init, Key key, int64_t fan_out, int64_t fan_in,
                      DType dtype = DType::f32, double gain = 1);
// The bias beside it: zero, except for pytorch.
Tensor initial_bias(std::string_view init, Key key, int64_t fan_out, int64_t fan_in,
                    DType dtype = DType::f32);
// Uniform in [-bound, bound), and normal with this standard deviation, of any shape. PyTorch's
// defaults: Linear, Conv and their biases bound 1 / sqrt(fan_in); RNN, LSTM, GRU 1 / sqrt(hidden);
// Embedding normal with 1.
Tensor uniform_weight(Key key, const Shape& shape, double bound, DType dtype = DType::f32);
Tensor normal_weight(Key key, const Shape& shape, double std_dev, DType dtype = DType::f32);
// While it lives, starting weights of this thread are not drawn: each is zero everywhere and takes
// the memory of one number. For what only looks at shapes.
class Undrawn {
 public:
  Undrawn();
  ~Undrawn();
  Undrawn(const Undrawn&) = delete;
  Undrawn& operator=(const Undrawn&) = delete;

 private:
  bool outer_;
};
// Raises a usage error unless `init` is one of the names above.
void check_init(std::string_view init);

}  // namespace gradus
