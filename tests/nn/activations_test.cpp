#include <gradus/diff/diff.h>
#include <gradus/nn/activations.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

#include <cmath>

#include "nn/support.h"

namespace gradus {
namespace {

double at(std::string_view name, double x) {
  return number(activation(name)(Tensor({x})));
}
double slope(std::string_view name, double x) {
  return number(grad([&](const Tensor& v) { return sum(activation(name)(v)); })(Tensor({x})));
}

TEST(Activations, worked_values_come_out) {
  EXPECT_NEAR(at("gelu", 1), 0.841345, 5e-7);
  EXPECT_NEAR(at("gelu_tanh", 1), 0.841192, 5e-7);
  EXPECT_NEAR(at("gelu", -1), -0.158655, 5e-7);
  EXPECT_NEAR(at("silu", -1), -0.268941, 5e-7);
  EXPECT_NEAR(at("sigmoid", 2.4), 0.916827, 5e-7);
  EXPECT_NEAR(at("tanh", 1), 0.761594155955765, 1e-15);
  EXPECT_NEAR(at("softplus", 0), 0.693147180559945, 1e-15);
  EXPECT_EQ(at("relu", -2), 0);
  EXPECT_EQ(at("leaky_relu", -2), -0.02);
  EXPECT_NEAR(at("elu", -1), std::exp(-1) - 1, 1e-15);
  EXPECT_EQ(at("elu", 1000), 1000);
  EXPECT_EQ(at("identity", -2), -2);
}

TEST(Activations, slopes_at_the_kink_are_the_conventions) {
  EXPECT_EQ(slope("relu", 0), 0);
  EXPECT_EQ(slope("leaky_relu", 0), 0.01);
  EXPECT_EQ(slope("elu", 0), 1);
}

TEST(Activations, elu_has_a_finite_slope_where_the_other_branch_overflows) {
  EXPECT_EQ(slope("elu", 1000), 1);
  EXPECT_EQ(slope("elu", -1000), 0);
}

TEST(Activations, prelu_learns_its_slope) {
  const auto f = [](const Tensor& x, const Tensor& a) { return sum(prelu(x, a)); };
  const Tensor x({{-2, 3}, {-1, -4}}), a({0.25, 0.5});
  expect_near(prelu(x, a), {-0.5, 3, -0.25, -2}, 0);
  expect_near(grad<1>(f)(x, a)[0], {-3, -4}, 0);
}

TEST(Activations, every_one_passes_the_derivative_check_twice) {
  const Tensor args[] = {Tensor({-2.1, -0.4, 0.3, 1.7})};
  for (std::string_view name : activation_names()) {
    const GradCheck r = check_grads(
        [&](std::span<const Tensor> a) { return sum(activation(name)(a[0])); }, args, 2);
    EXPECT_TRUE(r.passed) << name << ": " << r.where;
  }
}

TEST(Activations, an_unknown_name_gets_the_nearest) {
  EXPECT_EQ(message_of([] { activation("rulu"); }),
            "activation: there is no 'rulu'. The activations are relu, tanh, sigmoid, gelu, "
            "gelu_tanh, silu, leaky_relu, elu, softplus, identity. Did you mean 'relu'?");
}

TEST(Probabilities, they_sum_to_one_and_heat_levels_them) {
  const Tensor z({{2, 1, 0.1}, {1000, 0, -1000}});
  expect_near(sum(probabilities(z), {.axis = 1}), {1, 1}, 1e-15);
  expect_near(probabilities(Tensor({2, 1, 0.1})), {0.659001, 0.242433, 0.098566}, 5e-7);
  expect_near(probabilities(Tensor({2, 1, 0.1}), 1e9), {1 / 3.0, 1 / 3.0, 1 / 3.0}, 1e-9);
  expect_near(probabilities(Tensor({2, 1, 0.1}), 1e-3), {1, 0, 0}, 1e-15);
  EXPECT_EQ(
      message_of([&] { probabilities(z, 0); }),
      "probabilities: temperature 0 is not positive. Logits are divided by it. Use argmax for "
      "the limit 0.");
}

TEST(Probabilities, the_softmax_jacobian_row_is_the_worked_one) {
  const Tensor j = jacobian([](const Tensor& z) { return probabilities(z); })(Tensor({2, 1, 0.1}));
  const auto all = numbers(j);
  EXPECT_NEAR(all[0], 0.224719, 5e-7);
  EXPECT_NEAR(all[1], -0.159764, 5e-7);
  EXPECT_NEAR(all[2], -0.064955, 5e-7);
}

}  // namespace
}  // namespace gradus
