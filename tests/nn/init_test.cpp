#include <gradus/linalg/spectral.h>
#include <gradus/nn/attention.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/init.h>
#include <gradus/nn/lsuv.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/vision.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/goodness.h>

#include <cmath>

#include "nn/support.h"

namespace gradus {
namespace {

const Key key = key_from_seed(0);

TEST(Init, he_has_its_standard_deviation) {
  const Tensor w = initial_weight("he", key, 256, 512);
  EXPECT_EQ(to_string(w.type()), "f32[256,512]");
  // 131072 numbers: the standard error of their deviation is 0.0625 / sqrt(2 n) = 1.2e-4.
  EXPECT_NEAR(number(std_dev(w)), 0.0625, 5e-4);
  EXPECT_NEAR(number(mean(w)), 0, 1e-3);
}

TEST(Init, xavier_fills_its_bounds) {
  const Tensor w = initial_weight("xavier", key, 128, 256, DType::f64);
  EXPECT_LE(number(max(abs(w))), 0.125);
  EXPECT_NEAR(number(max(w)), 0.125, 1e-4);
  EXPECT_NEAR(number(min(w)), -0.125, 1e-4);
  EXPECT_NEAR(number(std_dev(w)), 0.125 / std::sqrt(3), 1e-3);
}

TEST(Init, the_other_scales_are_as_stated) {
  const auto spread = [](std::string_view name) {
    return number(std_dev(initial_weight(name, key, 300, 500, DType::f64)));
  };
  EXPECT_NEAR(spread("he_uniform"), std::sqrt(2 / 500.0), 5e-4);
  EXPECT_NEAR(spread("xavier_normal"), std::sqrt(2 / 800.0), 5e-4);
  EXPECT_NEAR(spread("pytorch"), std::sqrt(1 / 1500.0), 5e-4);
  EXPECT_NEAR(spread("normal:0.01"), 0.01, 1e-4);
  EXPECT_EQ(spread("zeros"), 0);
  EXPECT_NEAR(number(std_dev(initial_weight("he", key, 300, 500, DType::f64, 3))),
              3 * std::sqrt(2 / 500.0), 2e-3);
}

TEST(Init, only_pytorchs_has_a_random_bias) {
  EXPECT_EQ(number(max(abs(initial_bias("he", key, 100, 25)))), 0);
  const double largest = number(max(abs(initial_bias("pytorch", key, 1000, 25))));
  EXPECT_LE(largest, 0.2);
  EXPECT_GE(largest, 0.19);
}

TEST(Init, all_singular_values_of_orthogonal_are_one) {
  for (const Shape& s : {Shape{20, 20}, Shape{8, 30}, Shape{30, 8}}) {
    const Tensor w = initial_weight("orthogonal", key, s[0], s[1], DType::f64);
    EXPECT_EQ(w.shape(), s);
    expect_near(svdvals(w), std::vector<double>(static_cast<size_t>(std::min(s[0], s[1])), 1),
                1e-14);
  }
}

TEST(Init, the_largest_singular_value_of_spectral_is_the_gain) {
  EXPECT_NEAR(number(max(svdvals(initial_weight("spectral", key, 12, 30, DType::f64, 1.5)))), 1.5,
              1e-13);
}

TEST(Init, equal_keys_give_equal_bits_and_others_do_not) {
  for (const char* name : {"he", "xavier", "orthogonal", "spectral", "pytorch"}) {
    EXPECT_TRUE(same_bits(initial_weight(name, key, 5, 7), initial_weight(name, key, 5, 7)));
    EXPECT_FALSE(
        same_bits(initial_weight(name, key, 5, 7), initial_weight(name, split(key, 1), 5, 7)));
  }
}

TEST(Init, an_unknown_name_gets_the_nearest) {
  const std::string names =
      "The initialisers are he, he_uniform, xavier, xavier_normal, pytorch, orthogonal, spectral, "
      "zeros, normal:STD, with a number for STD.";
  EXPECT_EQ(message_of([] { check_init("xavir"); }),
            "init: there is no 'xavir'. " + names + " Did you mean 'xavier'?");
  EXPECT_EQ(message_of([] { check_init("normal:x"); }),
            "init: there is no 'normal:x'. " + names + " Did you mean 'normal:STD'?");
  EXPECT_EQ(message_of([] { check_init("normal:0.02"); }), "nothing was raised");
}

// The mean squares of the pre-activations of relu layers, from a batch of mean square 1.
std::vector<double> mean_squares(std::string_view init, double gain, int depth, int64_t width) {
  std::vector<float> batch(static_cast<size_t>(32 * width));
  fill_normal(split(key, 1000), 0, std::span<float>(batch));
  Tensor h = from_vector(batch, {32, width});
  std::vector<double> result;
  for (int k = 0; k < depth; ++k) {
    const Key layer = split(key, static_cast<uint64_t>(k));
    const Tensor z =
        matmul(h, transpose(initial_weight(init, layer, width, width, DType::f32, gain)));
    result.push_back(number(mean(square(cast(z, DType::f64)))));
    h = relu(z);
  }
  return result;
}

TEST(Init, he_keeps_the_signal_where_other_scales_lose_it) {
  // Pre-activations of He keep mean square 2 (times chance), those of N(0, 0.01^2) shrink by
  // 0.01 sqrt(256 / 2) = 0.1131 a layer, those of N(0, 1) grow by 11.31.
  const auto shrinking = mean_squares("normal:0.01", 1, 21, 256),
             growing = mean_squares("normal:1", 1, 21, 256);
  EXPECT_NEAR(std::pow(shrinking[20] / shrinking[0], 0.5 / 20), 0.1131, 0.003);
  EXPECT_NEAR(std::log10(std::sqrt(shrinking[20] / shrinking[0])), std::log10(1.2e-19), 0.3);
  EXPECT_NEAR(std::log10(std::sqrt(growing[20] / growing[0])), std::log10(1.2e21), 0.3);
}

// One draw wanders: the logarithm of its mean square is a random walk with variance near 5 / width
// a layer. The growth of a layer, averaged over 50, does not.
TEST(Init, he_neither_grows_nor_shrinks_the_signal_over_50_layers) {
  const auto levels = mean_squares("he", 1, 50, 512);
  EXPECT_NEAR(levels[0], 2, 0.1);
  EXPECT_NEAR(std::pow(levels[49] / levels[0], 1.0 / 49), 1, 0.03);
}

TEST(Init, fifty_orthogonal_maps_change_no_length) {
  Tensor h = ones({40}, DType::f64);
  for (uint64_t k = 0; k < 50; ++k)
    h = matmul(initial_weight("orthogonal", split(key, k), 40, 40, DType::f64), h);
  EXPECT_NEAR(number(norm(h)), std::sqrt(40), 1e-12);
}

TEST(Lsuv, each_layer_then_gives_variance_one_on_the_batch) {
  MlpSpec spec{.sizes = {20}, .activation = "relu", .init = "orthogonal"};
  for (int k = 0; k < 50; ++k) spec.sizes.push_back(32);
  std::vector<double> batch(64 * 20);
  fill_normal(split(key, 7), 0, std::span<double>(batch));
  const Tensor x = from_vector(batch, {64, 20});
  const Mlp model = lsuv(make_mlp(spec, key, DType::f64), x);
  Tensor h = x;
  for (const Linear& layer : model.layers) {
    const Tensor z = layer(h);
    EXPECT_NEAR(number(var(z)), 1, 1e-12);
    h = relu(z);
  }
}

TEST(Lsuv, scales_convolutions_and_layers_with_biases_of_any_model) {
  const LeNet5 net = lsuv(make_lenet5(key), normal_weight(split(key, 1), {32, 1, 28, 28}, 1));
  const Tensor x = normal_weight(split(key, 1), {32, 1, 28, 28}, 1);
  EXPECT_NEAR(number(std_dev(net.conv1(x))), 1, 1e-3);
  const StateDict before = state_dict(make_lenet5(key)), after = state_dict(net);
  for (size_t i = 0; i < before.size(); ++i) {
    const bool weight = before[i].second.rank() > 1;
    EXPECT_EQ(same_bits(before[i].second, after[i].second), !weight) << before[i].first;
  }
  EXPECT_NEAR(number(std_dev(net(x))), 1, 1e-3);
}

struct Bare {
  Tensor weight;
  Tensor operator()(const Tensor& x) const { return matmul(x, weight); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
  }
};
struct Outer {
  Bare inner;
  Tensor operator()(const Tensor& x) const { return inner(x); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("inner", self.inner);
  }
};

TEST(Lsuv, a_layer_that_computes_nothing_under_its_name_is_named) {
  EXPECT_EQ(message_of([] {
              lsuv(Outer{{ones({3, 3})}}, ones({2, 3}));
            }),
            "lsuv: nothing is computed by layer 'inner' of inner.weight f64[3,3]. Each layer opens "
            "a Scope of its path when it is called.");
}

// How likely draws of the distribution itself lie so far off (Kolmogorov and Smirnov).
double fits(const Tensor& w, const Distribution& d) {
  return kolmogorov_smirnov(reshape(cast(w, DType::f64), {-1}), d).p_value;
}
double fits_uniform(const Tensor& w, double bound) {
  EXPECT_LE(number(max(abs(w))), bound);
  return fits(w, Uniform(-bound, bound));
}

TEST(PytorchDefaults, every_layer_draws_from_the_distribution_that_pytorch_names) {
  constexpr double chance = 0.01;
  // kaiming_uniform(a = sqrt(5)): gain sqrt(2 / 6), times sqrt(3 / fan_in).
  const Linear linear = make_linear(key, 50, 400);
  EXPECT_GT(fits_uniform(linear.weight, std::sqrt(1 / 50.0)), chance);
  EXPECT_GT(fits_uniform(linear.bias, std::sqrt(1 / 50.0)), chance);
  const Conv conv = make_conv(key, 16, 64, {3, 3}, {.groups = 2});
  EXPECT_GT(fits_uniform(conv.weight, std::sqrt(1 / 72.0)), chance);
  EXPECT_GT(fits_uniform(conv.bias, std::sqrt(1 / 72.0)), chance);
  const ConvTranspose turned = make_conv_transpose(key, 16, 64, {3, 3});
  EXPECT_GT(fits_uniform(turned.weight, std::sqrt(1 / 576.0)), chance);
  for (const RecurrentKind kind : {RecurrentKind::tanh, RecurrentKind::lstm, RecurrentKind::gru})
    for (const auto& [name, w] : state_dict(make_recurrent(kind, key, 30, 64, {.layers = 2})))
      EXPECT_GT(fits_uniform(w, 0.125), chance) << name;
  EXPECT_GT(fits(make_embedding(key, 100, 64).weight, Normal(0, 1)), chance);
  const MultiheadAttention attention = make_attention(key, 48, 4);
  EXPECT_GT(fits_uniform(attention.in_proj_weight, std::sqrt(6.0 / (3 * 48 + 48))), chance);
  EXPECT_GT(fits_uniform(attention.out_proj.weight, std::sqrt(1 / 48.0)), chance);
  EXPECT_EQ(number(max(abs(attention.in_proj_bias))), 0);
  EXPECT_EQ(number(max(abs(attention.out_proj.bias))), 0);
  // The check tells a neighbour apart: PyTorch's is no normal of the same deviation.
  EXPECT_LT(fits(linear.weight, Normal(0, std::sqrt(1 / 150.0))), 1e-6);
}

}  // namespace
}  // namespace gradus
