#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/gradients.h>
#include <gradus/optim/schedule.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return from_vector(z, shape);
}

TEST(Clip, by_norm_keeps_the_direction_of_all_gradients_together) {
  const std::vector<Tensor> grads = {Tensor({3.0}), Tensor({0.0, 4.0})};
  const Clipped c = clip_by_norm(grads, 1);
  EXPECT_EQ(number(c.norm), 5);
  EXPECT_EQ(number(c.acted), 1);
  EXPECT_NEAR(numbers(c.grads[0])[0], 0.6, 1e-15);
  EXPECT_NEAR(numbers(c.grads[1])[1], 0.8, 1e-15);
  const Clipped none = clip_by_norm(grads, 5);
  EXPECT_EQ(number(none.acted), 0);
  EXPECT_EQ(numbers(none.grads[1]), (std::vector<double>{0, 4}));
  EXPECT_EQ(numbers(clip_by_norm(std::vector{Tensor({0.0})}, 1).grads[0])[0], 0);
}

TEST(Clip, by_value_cuts_each_number) {
  const std::vector<Tensor> grads = {Tensor({3.0, -0.5}), Tensor({-9.0})};
  const Clipped c = clip_by_value(grads, 1);
  EXPECT_EQ(numbers(c.grads[0]), (std::vector<double>{1, -0.5}));
  EXPECT_EQ(numbers(c.grads[1])[0], -1);
  EXPECT_EQ(number(c.acted), 1);
  EXPECT_EQ(number(clip_by_value(grads, 9).acted), 0);
}

TEST(Clip, adaptively_by_the_size_of_each_row) {
  const std::vector<Tensor> p = {Tensor({{3, 4}, {0, 0}}), Tensor({1.0})};
  const std::vector<Tensor> g = {Tensor({{0, 1}, {0.6, 0.8}}), Tensor({0.001})};
  const Clipped c = clip_adaptive(p, g, 0.1, 1e-3);
  const auto rows = numbers(c.grads[0]);
  EXPECT_NEAR(rows[1], 0.5, 1e-15);     // 0.1 of a row as long as 5
  EXPECT_NEAR(rows[2], 0.6e-4, 1e-18);  // 0.1 of the floor
  EXPECT_EQ(numbers(c.grads[1])[0], 0.001);
  EXPECT_EQ(number(c.acted), 1);
}

TEST(Clip, counts_inside_a_plan) {
  Plan plan = compile(
      [](std::span<const Tensor> a) {
        const std::vector<Tensor> grads = {a[0]};
        const Clipped c = clip_by_norm(grads, 1);
        return std::vector<Tensor>{c.grads[0], a[1] + c.acted};
      },
      {Tensor({3.0, 4.0}), scalar(0, DType::f64)}, {{1, 1}});
  for (int i = 0; i < 3; ++i) plan.run();
  plan.set(0, Tensor({0.1, 0.1}));
  plan.run();
  EXPECT_EQ(number(plan.output_tensor(1)), 3);
}

TEST(Clip, says_what_does_not_fit) {
  EXPECT_EQ(message_of([] { clip_by_norm({}, 1); }),
            "clip_by_norm: there are no gradients to clip.");
  EXPECT_EQ(message_of([] { clip_by_value(std::vector{Tensor({1.0})}, 0); }),
            "clip_by_value: the limit is 0. It must be above 0.");
}

TEST(Accumulation, over_parts_of_any_size_is_the_large_batch) {
  const Tensor x = drawn(1, {20, 3}), y = drawn(2, {20}), w = drawn(3, {3});
  const auto slope = [&](Range rows) {
    const Tensor part = slice_axis(x, 0, rows), wanted = slice_axis(y, 0, rows);
    return grad([&](const Tensor& v) { return mean(square(matmul(part, v) - wanted)); })(w);
  };
  Accumulated all;
  for (const auto& [from, to] : {std::pair{0, 7}, {7, 8}, {8, 20}})
    all = accumulate(all, std::vector{slope({from, to})}, to - from);
  const auto got = numbers(mean_gradients(all)[0]), want = numbers(slope({0, 20}));
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(got[i], want[i], 1e-12);
  EXPECT_EQ(message_of([] { mean_gradients({}); }),
            "mean_gradients: 0 examples. A mean needs one at least.");
}

// Gradients of mini-batches drawn without replacement: their mean is the gradient, and B times
// their variance is that of one example, but for the share (N - B) / (N - 1) that is left to draw.
TEST(MiniBatches, are_unbiased_and_vary_like_one_over_their_size) {
  constexpr int64_t n = 400, draws = 4000;
  const std::vector<double> x = numbers(drawn(1, {n})), y = numbers(drawn(2, {n}));
  std::vector<double> slopes;
  double whole = 0, spread = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    slopes.push_back(2 * (0.5 * x[i] - y[i]) * x[i]);
    whole += slopes.back() / n;
  }
  for (double s : slopes) spread += (s - whole) * (s - whole) / n;
  for (const int64_t batch : {1, 4, 16, 64}) {
    double mean = 0, variance = 0;
    for (int64_t k = 0; k < draws; ++k) {
      const auto order = permutation(split(key_from_seed(7), static_cast<uint64_t>(k)), n);
      double g = 0;
      for (int64_t i = 0; i < batch; ++i)
        g +=
            slopes[static_cast<size_t>(order[static_cast<size_t>(i)])] / static_cast<double>(batch);
      mean += g / draws;
      variance += (g - whole) * (g - whole) / draws;
    }
    const double wanted = spread / static_cast<double>(batch) * static_cast<double>(n - batch) /
                          static_cast<double>(n - 1);
    EXPECT_NEAR(variance / wanted, 1, 0.15) << batch;
    EXPECT_NEAR(mean, whole, 4 * std::sqrt(wanted / draws)) << batch;
  }
}

TEST(Groups, have_rules_rates_and_frozen_members) {
  OptimiserConfig fast = defaults_for("sgd"), slow = defaults_for("momentum");
  fast.lr = 1, slow.lr = 0.1;
  const Grouping grouping{{{fast}, {slow}, {fast, true}}, {0, 1, 2, 1}};
  const std::vector<Tensor> p = {Tensor({1.0}), Tensor({1.0}), Tensor({1.0}), Tensor({1.0})};
  const std::vector<Tensor> g = {Tensor({0.5}), Tensor({0.5}), Tensor({0.5}), Tensor({0.0})};
  GroupUpdate u{p, initial_state(grouping, p)};
  for (int i = 0; i < 2; ++i) u = update(grouping, u.params, g, u.state);
  EXPECT_EQ(numbers(u.params[0])[0], 0);
  EXPECT_NEAR(numbers(u.params[1])[0], 1 - 0.05 - 0.095, 1e-15);
  EXPECT_EQ(numbers(u.params[2])[0], 1);
  EXPECT_TRUE(u.state[2].empty());
  EXPECT_EQ(unused_parameters(grouping, g), std::vector<size_t>{3});
  const std::vector<Tensor> rates = {Tensor(0.0), Tensor(1.0), Tensor(0.0)};
  u = update(grouping, p, g, initial_state(grouping, p), rates);
  EXPECT_EQ(numbers(u.params[0])[0], 1);
  EXPECT_EQ(numbers(u.params[1])[0], 0.5);
  EXPECT_EQ(message_of([&] { update(grouping, p, {}, {}); }),
            "groups: 4 parameters, 4 places in 3 groups, 0 gradients. Every parameter has one of "
            "each.");
}

TEST(Groups, keep_their_rates_apart_under_a_schedule_as_worked_by_hand) {
  OptimiserConfig fast = defaults_for("sgd"), slow = defaults_for("sgd");
  fast.lr = 0.1, slow.lr = 0.01;
  const Grouping grouping{{{fast}, {slow}}, {0, 1}};
  // Factors 0, 1/2, then 1, 3/4, 1/2, 1/4 and 0: they add up to 3.
  const Schedule schedule = parse_schedule("warmup(2)+linear(4)");
  GroupUpdate u{{Tensor({1.0}), Tensor({1.0})}, {}};
  u.state = initial_state(grouping, u.params);
  const std::vector<Tensor> g = {Tensor({2.0}), Tensor({2.0})};
  for (int64_t step = 0; step < 7; ++step) {
    const double factor = schedule.factor(step);
    const std::vector<Tensor> rates = {Tensor(fast.lr * factor), Tensor(slow.lr * factor)};
    u = update(grouping, u.params, g, u.state, rates);
  }
  EXPECT_NEAR(numbers(u.params[0])[0], 1 - 0.1 * 2 * 3, 1e-15);
  EXPECT_NEAR(numbers(u.params[1])[0], 1 - 0.01 * 2 * 3, 1e-15);
}

}  // namespace
}  // namespace gradus
