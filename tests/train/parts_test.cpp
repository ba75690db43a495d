// A step whose gradient is taken part by part: the gradient of the whole in the memory of a part.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/train/step.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return from_vector(z, shape);
}

RecordedStep step_of(const Mlp& model, int64_t rows, int64_t part_rows) {
  return record_step<Mlp>(model,
                          [](const Mlp& m, const Tensor& x, const Tensor& target) {
                            return mse(m(x), target, Reduction::mean);
                          },
                          {DType::f64, {rows, 16}}, {DType::f64, {rows, 2}},
                          {.optimiser = defaults_for("momentum"), .part_rows = part_rows});
}

std::vector<double> run(RecordedStep step, const Tensor& x, const Tensor& target) {
  const int at_x = step.x(), at_target = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));
  plan.set(at_x, x);
  plan.set(at_target, target);
  std::vector<double> all;
  for (int i = 0; i < 5; ++i) {
    plan.run();
    all.push_back(plan.output<double>(loss)[0]);
  }
  const std::vector<double> params = numbers(plan.input_tensor(0));
  all.insert(all.end(), params.begin(), params.end());
  return all;
}

TEST(Parts, of_any_size_give_the_step_of_the_whole) {
  const Mlp model =
      make_mlp({.sizes = {16, 32, 2}, .activation = "tanh"}, key_from_seed(1), DType::f64);
  const Tensor x = drawn(2, {60, 16}), target = drawn(3, {60, 2});
  const std::vector<double> whole = run(step_of(model, 60, 0), x, target);
  for (int64_t part : {1, 7, 30, 59, 60, 100}) {
    const std::vector<double> parts = run(step_of(model, 60, part), x, target);
    ASSERT_EQ(parts.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(parts[i], whole[i], 1e-12) << part;
  }
}

TEST(Parts, need_the_memory_of_a_part) {
  const Mlp model =
      make_mlp({.sizes = {16, 256, 256, 2}, .activation = "tanh"}, key_from_seed(1), DType::f64);
  const size_t whole = plan_of(step_of(model, 4096, 0)).arena_bytes(),
               parts = plan_of(step_of(model, 4096, 256)).arena_bytes();
  EXPECT_LT(parts, whole / 3);
}

}  // namespace
}  // namespace gradus
