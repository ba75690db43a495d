#include <gradus/base/random.h>
#include <gradus/diff/diff.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/plan.h>

#include <cmath>
#include <limits>

#include "nn/support.h"

namespace gradus {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Reduction by_mean = Reduction::mean, by_sum = Reduction::sum, by_none = Reduction::none;

Tensor classes(std::vector<int64_t> c) {
  return from_vector(c);
}

const Tensor logits({{2, 1, 0.1}, {0.5, -1, 3}, {1, 1, 1}});
const Tensor weights({1, 2, 0.5});

TEST(CrossEntropy, the_worked_example_and_its_gradient_come_out) {
  const auto f = [](const Tensor& z) { return cross_entropy(z, classes({0}), by_mean); };
  const Tensor z({{2, 1, 0.1}});
  EXPECT_NEAR(number(f(z)), 0.417030, 5e-7);
  expect_near(grad(f)(z), {-0.340999, 0.242433, 0.098566}, 5e-7);
}

// NumPy, from the equations.
TEST(CrossEntropy, smoothing_weights_and_ignored_rows_come_out) {
  const Tensor y = classes({0, 2, 1});
  const auto mean_of = [&](const ClassLoss& o) {
    return number(cross_entropy(logits, y, by_mean, o));
  };
  EXPECT_NEAR(mean_of({}), 0.5371055447867751, 1e-15);
  EXPECT_NEAR(mean_of({.weights = weights}), 0.7605976452346411, 1e-15);
  EXPECT_NEAR(mean_of({.label_smoothing = 0.1}), 0.6415499892312196, 1e-15);
  EXPECT_NEAR(mean_of({.label_smoothing = 0.1, .weights = weights}), 0.8663436732850925, 1e-15);
  EXPECT_NEAR(mean_of({.ignore_index = 2}), 0.7578211524729715, 1e-15);
  EXPECT_NEAR(mean_of({.label_smoothing = 0.1, .weights = weights, .ignore_index = 2}),
              0.8759958010543358, 1e-15);
  expect_near(cross_entropy(logits, y, by_none), {0.41703002, 0.09567433, 1.09861229}, 1e-8);
  EXPECT_NEAR(number(cross_entropy(logits, y, by_sum)), 3 * 0.5371055447867751, 1e-14);
  // -100, PyTorch's mark for padding, is no class at all.
  EXPECT_NEAR(number(cross_entropy(logits, classes({0, -100, 1}), by_mean, {.ignore_index = -100})),
              0.7578211524729715, 1e-15);
  EXPECT_TRUE(
      std::isnan(number(cross_entropy(logits, classes({1, 1, 1}), by_mean, {.ignore_index = 1}))));
}

TEST(CrossEntropy, probabilities_are_targets_too) {
  const Tensor t({{0.7, 0.2, 0.1}, {0, 0, 1}, {0.5, 0.5, 0}});
  EXPECT_NEAR(number(cross_entropy(logits, t, by_mean)), 0.6671055447867751, 1e-15);
  EXPECT_NEAR(number(cross_entropy(logits, t, by_mean, {.weights = weights})), 0.8901133721429546,
              1e-15);
  const Tensor y = classes({0, 2, 1});
  EXPECT_TRUE(same_bits(cross_entropy(logits, one_hot(y, 3, DType::f64), by_mean),
                        cross_entropy(logits, y, by_mean)));
  EXPECT_NEAR(number(nll(log_softmax(logits), y, by_mean)), 0.5371055447867751, 1e-15);
}

TEST(CrossEntropy, a_masked_class_that_is_not_the_target_costs_nothing) {
  const Tensor z({{1, -infinity, 0}});
  const auto f = [](const Tensor& x) { return cross_entropy(x, classes({0}), by_mean); };
  EXPECT_NEAR(number(f(z)), std::log1p(std::exp(-1)), 1e-15);
  const double p = 1 / (1 + std::exp(-1));
  expect_near(grad(f)(z), {p - 1, 0, 1 - p}, 1e-15);
}

TEST(CrossEntropy, logits_of_a_thousand_stay_finite) {
  const auto f = [](const Tensor& x) { return cross_entropy(x, classes({1}), by_mean); };
  EXPECT_EQ(number(f(Tensor({{1000, -1000, 0}}))), 2000);
  expect_near(grad(f)(Tensor({{1000, -1000, 0}})), {1, -1, 0}, 0);
}

TEST(CrossEntropy, derivatives_agree_with_differences) {
  const Tensor y = classes({0, 2, 1});
  const Tensor t({{0.7, 0.2, 0.1}, {0, 0, 1}, {0.5, 0.5, 0}});
  const Tensor args[] = {logits};
  for (const ClassLoss& o :
       {ClassLoss{}, ClassLoss{.label_smoothing = 0.1, .weights = weights, .ignore_index = 2}}) {
    EXPECT_TRUE(
        check_grads([&](std::span<const Tensor> a) { return cross_entropy(a[0], y, by_mean, o); },
                    args)
            .passed);
    EXPECT_TRUE(
        check_grads([&](std::span<const Tensor> a) { return cross_entropy(a[0], t, by_sum, o); },
                    args)
            .passed);
  }
}

TEST(CrossEntropy, wrong_targets_are_named) {
  EXPECT_EQ(message_of([] {
              cross_entropy(logits, classes({0, 1}), by_mean);
            }),
            "cross_entropy: logits f64[3,3] and targets i64[2]. Classes are one integer a row, "
            "i64[3]; probabilities have the shape of the logits.");
  EXPECT_EQ(message_of([] {
              cross_entropy(logits, Tensor({0, 1, 2}), by_mean);
            }),
            "cross_entropy: logits f64[3,3] and targets f64[3]. Classes are one integer a row, "
            "i64[3]; probabilities have the shape of the logits.");
  EXPECT_EQ(message_of([] {
              cross_entropy(logits, classes({0, 1, 3}), by_mean);
            }),
            "cross_entropy: class 3 in row 2 of i64[3], but there are 3 logits. Classes run from 0 "
            "to 2.");
  EXPECT_EQ(message_of([] {
              cross_entropy(logits, classes({0, 1, 2}), by_mean, {.label_smoothing = 2});
            }),
            "cross_entropy: label_smoothing 2.000000 is outside [0, 1]. It is the share spread "
            "over all classes.");
}

TEST(CrossEntropy, a_planned_gradient_is_short) {
  const Tensor z = zeros({32, 10}, DType::f32), t = zeros({32, 10}, DType::f32);
  const Argument arguments[] = {{"z", z.type()}, {"t", t.type()}};
  const Plan plan = compile(
      [](std::span<const Tensor> a) -> std::vector<Tensor> {
        const Tensor& target = a[1];
        const Tensor args[] = {a[0]};
        const int first[] = {0};
        const auto r = value_and_grads(
            [&](std::span<const Tensor> x) { return cross_entropy(x[0], target, by_mean); }, args,
            first);
        return {r.value, r.grads[0]};
      },
      arguments);
  EXPECT_LE(plan.instruction_count(), 19u) << plan.describe();
}

TEST(BinaryCrossEntropy, the_five_predictions_cost_what_was_worked) {
  const Tensor p({0.9, 0.1, 0.8, 0.7, 0.2}), y({1, 0, 1, 1, 0});
  EXPECT_NEAR(number(binary_cross_entropy(p, y, by_mean)), 0.202737, 5e-7);
  const Tensor z = log(p / (1 - p));
  EXPECT_NEAR(number(binary_cross_entropy_with_logits(z, y, by_mean)),
              number(binary_cross_entropy(p, y, by_mean)), 1e-15);
}

TEST(BinaryCrossEntropy, certain_answers_cost_nothing_or_everything) {
  expect_near(binary_cross_entropy(Tensor({1, 0}), Tensor({1, 0}), by_none), {0, 0}, 0);
  EXPECT_EQ(number(binary_cross_entropy(Tensor({0.0}), Tensor({1.0}), by_mean)), infinity);
}

TEST(BinaryCrossEntropyWithLogits, it_is_finite_and_exact_far_out) {
  const Tensor z({1000, -1000, 1000, -1000, 50, -50}), y({1, 0, 0, 1, 1, 0});
  expect_near(binary_cross_entropy_with_logits(z, y, by_none),
              {0, 0, 1000, 1000, std::exp(-50), std::exp(-50)}, 1e-36);
  const auto f = [&](const Tensor& x) { return binary_cross_entropy_with_logits(x, y, by_sum); };
  expect_near(grad(f)(z), {0, 0, 1, -1, -std::exp(-50), std::exp(-50)}, 1e-36);
}

TEST(BinaryCrossEntropyWithLogits, soft_targets_and_pos_weight_come_out) {
  const Tensor z({0.3, -2, 1.5}), y({1, 0, 0.25});
  EXPECT_NEAR(number(binary_cross_entropy_with_logits(z, y, by_mean)), 0.6692321778314173, 1e-15);
  EXPECT_NEAR(number(binary_cross_entropy_with_logits(z, y, by_mean, Tensor({3, 3, 3}))),
              1.0723712204742275, 1e-15);
  const Tensor args[] = {z};
  EXPECT_TRUE(check_grads(
                  [&](std::span<const Tensor> a) {
                    return binary_cross_entropy_with_logits(a[0], y, by_mean, 3.0);
                  },
                  args)
                  .passed);
}

TEST(Mse, the_worked_example_comes_out_in_every_reduction) {
  const Tensor y({3, -0.5, 2, 7}), prediction({2.5, 0, 2, 8});
  EXPECT_EQ(number(mse(prediction, y, by_mean)), 0.375);
  EXPECT_EQ(number(mse(prediction, y, by_sum)), 1.5);
  expect_near(mse(prediction, y, by_none), {0.25, 0.25, 0, 1}, 0);
  EXPECT_EQ(number(mse(prediction, y, by_mean, Tensor({1, 1, 1, 5}))), 5.5 / 8);
}

TEST(Mse, a_column_against_a_row_is_refused) {
  EXPECT_EQ(message_of([] {
              mse(zeros({4, 1}), zeros({4}), by_mean);
            }),
            "mse: prediction f64[4,1] and target f64[4] differ. Each prediction has one target. "
            "Reshape the target to [4,1].");
  EXPECT_EQ(message_of([] {
              huber(zeros({4, 2}), zeros({4}), by_mean);
            }),
            "huber: prediction f64[4,2] and target f64[4] differ. Each prediction has one target.");
}

TEST(Mae, it_is_the_mean_distance) {
  EXPECT_EQ(number(mae(Tensor({2.5, 0, 2, 8}), Tensor({3, -0.5, 2, 7}), by_mean)), 0.5);
}

TEST(Huber, it_is_half_a_square_inside_and_a_line_outside) {
  const Tensor d({0, 0.5, -1, 3, -3});
  const auto f = [](const Tensor& x) { return huber(x, zeros_like(x), by_sum); };
  expect_near(huber(d, zeros({5}), by_none), {0, 0.125, 0.5, 2.5, 2.5}, 0);
  expect_near(huber(d, zeros({5}), by_none, 2), {0, 0.125, 0.5, 4, 4}, 0);
  expect_near(grad(f)(d), {0, 0.5, -1, 1, -1}, 0);
  EXPECT_EQ(number(hessian(f)(Tensor({0.0}))), 1);
}

TEST(ChanceLoss, it_is_the_entropy_of_the_classes_or_the_variance_of_the_targets) {
  EXPECT_NEAR(chance_loss("classification", std::vector<double>{50, 50, 50}), std::log(3), 1e-15);
  EXPECT_NEAR(chance_loss("binary", std::vector<double>{0.9, 0.1}), 0.3250829733914482, 1e-15);
  EXPECT_EQ(chance_loss("binary", std::vector<double>{7, 0}), 0);
  EXPECT_EQ(chance_loss("regression", std::vector<double>{1, 3}), 1);
}

TEST(Metrics, classes_are_counted) {
  const auto predicted = predicted_classes(Tensor({{1, 2, 2}, {3, 0, 1}, {0, 0, 9}}));
  EXPECT_EQ(predicted, (std::vector<int64_t>{1, 0, 2}));
  EXPECT_EQ(predicted_classes(reshape(Tensor({-1, 0, 2}), {3, 1})),
            (std::vector<int64_t>{0, 0, 1}));
  const std::vector<int64_t> truth = {1, 0, 0};
  EXPECT_NEAR(accuracy(predicted, truth), 2 / 3.0, 1e-15);
  EXPECT_EQ(confusion(predicted, truth, 3),
            (std::vector<std::vector<int64_t>>{{1, 0, 1}, {0, 1, 0}, {0, 0, 0}}));
  EXPECT_EQ(message_of([&] { confusion(predicted, truth, 2); }),
            "confusion: class 2 in row 2. Classes run from 0 to 1.");
  EXPECT_EQ(message_of([&] { accuracy(predicted, std::vector<int64_t>{1}); }),
            "accuracy: 3 predictions for 1 targets. There is one prediction for each target.");
  EXPECT_EQ(r_squared(std::vector<double>{1, 2, 3}, std::vector<double>{1, 2, 3}), 1);
  EXPECT_EQ(r_squared(std::vector<double>{2, 2, 2}, std::vector<double>{1, 2, 3}), 0);
}

}  // namespace
}  // namespace gradus
