// Penalties in training: what each does to weights that the data do not need.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/proximal.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus {
namespace {

TEST(SoftThreshold, moves_towards_zero_and_stops_there) {
  EXPECT_EQ(numbers(soft_threshold(Tensor({3, 1, 0.5, 0, -0.5, -1, -3}), 1.0)),
            (std::vector<double>{2, 0, 0, 0, 0, 0, -2}));
}

TEST(SoftThreshold, is_the_minimum_of_its_penalty_and_half_the_squared_distance) {
  for (const double x : {-1.7, -0.3, 0.2, 0.9}) {
    const double z = number(soft_threshold(Tensor(x), 0.4));
    const auto cost = [&](double at) { return 0.4 * std::abs(at) + (at - x) * (at - x) / 2; };
    for (int k = -300; k <= 300; ++k) EXPECT_LE(cost(z), cost(k / 100.0) + 1e-15);
  }
}

// 20 features of which the first 5 matter, with weight 1; mean squared error and one penalty.
class Penalty : public testing::Test {
 protected:
  static constexpr int64_t features = 20;
  static constexpr double rate = 0.05, strength = 0.1;

  std::vector<double> trained(const std::function<Tensor(const Tensor&)>& penalty,
                              const std::function<Tensor(const Tensor&)>& after = {}) const {
    const Tensor key = key_tensor(key_from_seed(3));
    const Tensor x = random_normal(key, {200, features}),
                 truth = cast(less(iota(features), 5), DType::f64), y = matmul(x, truth);
    Tensor w = random_normal(key_tensor(key_from_seed(4)), {features}) * 0.5;
    for (int step = 0; step < 500; ++step) {
      const Tensor g = grad([&](const Tensor& now) {
        const Tensor loss = mean(square(matmul(x, now) - y)) / 2;
        return penalty ? loss + penalty(now) : loss;
      })(w);
      w = w - rate * g;
      if (after) w = after(w);
    }
    return numbers(w);
  }
  static int64_t zeros_in(const std::vector<double>& w) { return std::ranges::count(w, 0.0); }
};

TEST_F(Penalty, of_l1_by_its_proximal_step_makes_what_is_not_needed_exactly_zero) {
  const auto w = trained({}, [](const Tensor& x) { return soft_threshold(x, rate * strength); });
  EXPECT_EQ(zeros_in(w), 15);
  // What matters is kept, each about `strength` too small.
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(w[i], 1 - strength, 0.05) << i;
}

TEST_F(Penalty, of_l1_by_its_subgradient_leaves_small_numbers_but_no_zeros) {
  const auto w = trained([](const Tensor& x) { return strength * sum(abs(x)); });
  EXPECT_EQ(zeros_in(w), 0);
  for (size_t i = 5; i < w.size(); ++i) EXPECT_LT(std::abs(w[i]), 2 * rate * strength) << i;
}

TEST_F(Penalty, of_l2_shrinks_every_weight_in_proportion_and_zeroes_none) {
  const auto w = trained([](const Tensor& x) { return strength / 2 * sum(square(x)); });
  EXPECT_EQ(zeros_in(w), 0);
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(w[i], 1 / (1 + strength), 0.05) << i;
}

}  // namespace
}  // namespace gradus
