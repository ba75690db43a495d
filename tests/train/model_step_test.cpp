// Steps of models that draw numbers, keep running statistics or scale their loss.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/model.h>
#include <gradus/ops/random.h>
#include <gradus/train/step.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

// y = x * weight with half of the elements dropped; keeps a running mean of x.
struct Leaky {
  Tensor weight;
  Statistic mean;
  bool draws = false;

  Tensor operator()(const Tensor& x, Pass& pass) const {
    if (pass.is_training())
      pass.update(mean, 0.5 * mean.value + 0.5 * gradus::mean(x, {.axis = 0}));
    const Tensor y = x * weight;
    return draws ? where(bernoulli(pass.next_key("leaky"), Tensor(0.5), x.shape()), y, 0.0) : y;
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("mean", self.mean);
  }
};

Model leaky(bool draws) {
  return {"leaky", Leaky{cast(Tensor({1, 2}), DType::f32), {zeros({2}, DType::f32)}, draws}};
}

Tensor total(const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
  return sum(mean(m(x, pass) * target, {.axis = 0}));
}

struct Steps {
  Plan plan;
  int key, loss;
};

Steps run_of(const Model& model, const StepOptions<Model>& options, const Tensor& x) {
  RecordedStep step = record_step<Model>(model, total, x.type(), x.type(), options);
  const int at = step.x(), key = step.key(), loss = step.loss();
  Steps run{plan_of(std::move(step)), key, loss};
  run.plan.set(at, x);
  run.plan.set(at + 1, ones_like(x));
  return run;
}

// It carries the count of its steps, behind the parameters.
const OptimiserConfig plain{.method = "sgd", .lr = 0.5};

TEST(ModelStep, carries_running_statistics_from_run_to_run) {
  const Tensor x = cast(Tensor{{2, 0}, {6, 8}}, DType::f32);
  Steps r = run_of(leaky(false), {.optimiser = plain}, x);
  for (int i = 0; i < 3; ++i) r.plan.run();
  // The mean (4, 4) closes in by half a run; d loss / d weight is (4, 4).
  EXPECT_EQ(to_string(r.plan.input_tensor(2)), "[3.5 3.5]");
  EXPECT_EQ(to_string(r.plan.input_tensor(0)), "[-5. -4.]");
}

TEST(ModelStep, leaves_a_trained_model_with_its_statistics) {
  const Tensor x = cast(Tensor{{2, 0}, {6, 8}}, DType::f32);
  const Model model = leaky(false);
  const StepOptions<Model> options{
      .optimiser = plain, .average = parse_average("ema"), .scale = {4, 10}};
  Steps r = run_of(model, options, x);
  for (int i = 0; i < 3; ++i) r.plan.run();
  const StateDict now = state_dict(trained(model, r.plan, options));
  EXPECT_EQ(to_string(now[0].second), "[-5. -4.]");
  EXPECT_EQ(now[1].first, "mean");
  EXPECT_EQ(to_string(now[1].second), "[3.5 3.5]");
}

TEST(ModelStep, hands_statistics_from_part_to_part) {
  const Tensor x = cast(Tensor{{2, 0}, {6, 8}}, DType::f32);
  Steps r = run_of(leaky(false), {.optimiser = plain, .part_rows = 1}, x);
  r.plan.run();
  // 0 -> (1, 0) -> ((1 + 6) / 2, (0 + 8) / 2); the gradient is that of the whole.
  EXPECT_EQ(to_string(r.plan.input_tensor(2)), "[3.5 4. ]");
  EXPECT_EQ(to_string(r.plan.input_tensor(0)), "[-1.  0.]");
}

TEST(ModelStep, draws_what_its_key_says) {
  const Tensor x = ones({320, 2}, DType::f32);
  const Model model = leaky(true);
  const auto loss_with = [&](int64_t part_rows, Key key) {
    Steps r = run_of(model, {.optimiser = plain, .part_rows = part_rows, .takes_key = true}, x);
    r.plan.set(r.key, key_tensor(key));
    r.plan.run();
    return r.plan.output<float>(r.loss)[0];
  };
  const auto alone = [&](const Tensor& rows, const Tensor& key) {
    Pass pass = Pass::training(key);
    return static_cast<float>(number(total(model, rows, ones_like(rows), pass)));
  };
  const Tensor key = key_tensor(key_from_seed(9));
  EXPECT_EQ(loss_with(0, key_from_seed(9)), alone(x, key));
  EXPECT_NE(loss_with(0, key_from_seed(9)), loss_with(0, key_from_seed(8)));
  // Parts draw by children of the key: otherwise each would drop the same elements.
  const Tensor half = ones({160, 2}, DType::f32);
  EXPECT_NE(alone(half, split(key, Tensor(0))), alone(half, split(key, Tensor(1))));
  EXPECT_FLOAT_EQ(loss_with(160, key_from_seed(9)),
                  (alone(half, split(key, Tensor(0))) + alone(half, split(key, Tensor(1)))) / 2);
}

TEST(ModelStep, without_a_key_says_who_draws) {
  try {
    run_of(leaky(true), {.optimiser = plain}, ones({2, 2}, DType::f32));
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_EQ(std::string(e.what()),
              "leaky: training without a random key. What a layer draws depends on a key alone; "
              "give Pass::training(key_tensor(key)).");
  }
}

TEST(LossScale, changes_neither_the_loss_nor_the_step) {
  const Tensor x = cast(Tensor{{2, 0}, {6, 8}}, DType::f32);
  Steps r = run_of(leaky(false), {.optimiser = plain, .scale = {65536, 2000}}, x);
  r.plan.run();
  EXPECT_EQ(r.plan.output<float>(r.loss)[0], 12.0f);
  EXPECT_EQ(to_string(r.plan.input_tensor(0)), "[-1.  0.]");
  EXPECT_EQ(to_string(r.plan.input_tensor(2)), "[2. 2.]");
}

TEST(LossScale, halves_when_gradients_overflow_and_leaves_all_else) {
  const Tensor x = full({2, 2}, 1e35, DType::f32);
  Steps r = run_of(leaky(false), {.optimiser = plain, .scale = {65536, 2000}}, x);
  r.plan.run();
  EXPECT_EQ(to_string(r.plan.input_tensor(0)), "[1. 2.]");
  EXPECT_EQ(to_string(r.plan.input_tensor(2)), "[0. 0.]");
  EXPECT_EQ(number(r.plan.input_tensor(3)), 32768);
  EXPECT_EQ(number(r.plan.input_tensor(5)), 1) << "one step was passed over";
  // 1e35 * 2^11 is below the largest f32, 3.4e38: five halvings later a step counts.
  for (int i = 0; i < 5; ++i) r.plan.run();
  EXPECT_EQ(number(r.plan.input_tensor(3)), 2048);
  EXPECT_EQ(number(r.plan.input_tensor(4)), 1) << "steady steps";
  EXPECT_EQ(number(r.plan.input_tensor(5)), 5);
  EXPECT_EQ(numbers(r.plan.input_tensor(0))[0], static_cast<double>(1.0f - 0.5f * 1e35f));
}

TEST(LossScale, doubles_after_steps_without_overflow) {
  Steps r = run_of(leaky(false), {.optimiser = plain, .scale = {4, 3}}, ones({2, 2}, DType::f32));
  std::vector<double> scales;
  for (int i = 0; i < 7; ++i) {
    r.plan.run();
    scales.push_back(number(r.plan.input_tensor(3)));
  }
  EXPECT_EQ(scales, (std::vector<double>{4, 4, 8, 8, 8, 16, 16}));
}

}  // namespace
}  // namespace gradus
