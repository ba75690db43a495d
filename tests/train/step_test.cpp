// Whole training steps as plans: forward, backward and update of perceptrons of many kinds, with
// parameters and state carried. Ten steps give the bits of the interpreter, with one thread and
// with two, and allocate nothing.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/nn/activations.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <plan/allocations.h>

#include <cmath>

namespace gradus {
namespace {

struct Setting {
  std::vector<int64_t> sizes;
  std::string activation = "relu", loss = "classes";
  OptimiserConfig optimiser = defaults_for("adam");
  int64_t batch = 32;
  DType dtype = DType::f32;
  bool flat = false;  // parameters and state in one vector, as gradus train has them
  bool bias = true;
};

std::string describe(const Setting& s) {
  std::string text = "mlp";
  for (int64_t n : s.sizes) text += " " + std::to_string(n);
  text += ", " + s.activation + ", " + s.loss + ", " + s.optimiser.method;
  for (const auto& [name, value] : hyperparameters(s.optimiser))
    text += " " + name + " " + std::to_string(value);
  return text + ", batch " + std::to_string(s.batch) + ", " + name_of(s.dtype) +
         (s.flat ? ", flat" : "") + (s.bias ? "" : ", no bias");
}

Tensor drawn(uint64_t seed, const Type& type) {
  std::vector<double> z(static_cast<size_t>(element_count(type.shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, type.shape), type.dtype);
}

Tensor class_targets(uint64_t seed, int64_t batch, int64_t classes) {
  std::vector<int64_t> y(static_cast<size_t>(batch));
  fill_integers(key_from_seed(seed), 0, classes, y);
  return from_vector(y);
}

Tensor target_of(const Setting& s, uint64_t seed) {
  const int64_t outputs = s.sizes.back();
  if (s.loss == "classes" || s.loss == "weighted classes")
    return class_targets(seed, s.batch, outputs);
  if (s.loss == "one-hot" || s.loss == "smoothed")
    return one_hot(class_targets(seed, s.batch, outputs), outputs, s.dtype);
  if (s.loss == "binary")
    return cast(greater(drawn(seed, {s.dtype, {s.batch, outputs}}), 0.0), s.dtype);
  return drawn(seed, {s.dtype, {s.batch, outputs}});
}

Tensor loss_of(const Setting& s, const Tensor& scores, const Tensor& target) {
  if (s.loss == "classes" || s.loss == "one-hot")
    return cross_entropy(scores, target, Reduction::mean);
  if (s.loss == "smoothed")
    return cross_entropy(scores, target, Reduction::sum, {.label_smoothing = 0.1});
  if (s.loss == "weighted classes") {
    const Tensor weights = 0.5 + iota(s.sizes.back(), s.dtype);
    return cross_entropy(scores, target, Reduction::mean, {.weights = weights, .ignore_index = 0});
  }
  if (s.loss == "binary") return binary_cross_entropy_with_logits(scores, target, Reduction::mean);
  if (s.loss == "absolute") return mae(scores, target, Reduction::mean);
  if (s.loss == "huber") return huber(scores, target, Reduction::sum, 0.7);
  return mse(scores, target, Reduction::mean);
}

// The arguments before the first step: parameters, state, x, target; and the step itself.
struct StepFunction {
  std::vector<Tensor> args;
  std::vector<Carry> carries;
  PlanFunction function;
};

StepFunction step_of(const Setting& s) {
  const Mlp model = make_mlp({.sizes = s.sizes, .activation = s.activation, .bias = s.bias},
                             key_from_seed(7), s.dtype);
  const std::vector<Tensor> like = parameters(model);
  std::vector<Tensor> params = s.flat ? std::vector<Tensor>{flatten(like)} : like;
  StepFunction step{params, {}, {}};
  size_t states = 0;
  for (const Tensor& p : params)
    for (const Tensor& x : initial_state(s.optimiser, p)) {
      step.args.push_back(x);
      ++states;
    }
  const size_t own = step.args.size(), each = states / params.size(), count = params.size();
  for (size_t i = 0; i < own; ++i)
    step.carries.push_back({static_cast<int>(i), static_cast<int>(i)});
  step.args.push_back(drawn(1, {s.dtype, {s.batch, s.sizes.front()}}));
  step.args.push_back(target_of(s, 2));
  step.function = [=](std::span<const Tensor> a) {
    const std::vector<Tensor> now =
        s.flat ? unflatten(a[0], like)
               : std::vector<Tensor>(a.begin(), a.begin() + static_cast<int64_t>(count));
    const ValueAndGrads r = gradients(with_parameters(model, now), [&](const Mlp& m) {
      return loss_of(s, m(a[own]), a[own + 1]);
    });
    const std::vector<Tensor> grads = s.flat ? std::vector<Tensor>{flatten(r.grads)} : r.grads;
    std::vector<Tensor> out, state;
    for (size_t i = 0; i < count; ++i) {
      const auto from = a.begin() + static_cast<int64_t>(count + i * each);
      const Update u =
          update(s.optimiser, a[i], grads[i], {from, from + static_cast<int64_t>(each)});
      out.push_back(u.params);
      state.insert(state.end(), u.state.begin(), u.state.end());
    }
    out.insert(out.end(), state.begin(), state.end());
    out.push_back(r.value);
    return out;
  };
  return step;
}

int64_t bytes_of_all(const Graph& g, std::span<const ValueId> ids) {
  int64_t bytes = 0;
  for (ValueId id : ids) bytes += byte_count(g.value(id).type);
  return bytes;
}

void expect_ten_steps(const Setting& s) {
  SCOPED_TRACE(describe(s));
  const StepFunction step = step_of(s);
  std::vector<Argument> arguments;
  for (size_t i = 0; i < step.args.size(); ++i)
    arguments.push_back({std::to_string(i), step.args[i].type()});
  Plan plan = compile(step.function, arguments, step.carries);
  const Graph& g = plan.graph();

  std::vector<ValueId> all(g.value_count());
  for (ValueId id = 0; id < g.value_count(); ++id) all[id] = id;
  EXPECT_GE(static_cast<int64_t>(plan.arena_bytes()), bytes_of_all(g, g.input_ids()));
  EXPECT_LE(static_cast<int64_t>(plan.arena_bytes()),
            bytes_of_all(g, all) + bytes_of_all(g, g.output_ids()) +
                static_cast<int64_t>(alignment) * g.value_count());

  constexpr size_t steps = 10;
  const size_t x = step.args.size() - 2, target = x + 1, loss = step.carries.size();
  std::vector<Tensor> xs, targets;
  std::vector<std::vector<Tensor>> wanted;
  set_thread_count(1);
  std::vector<Tensor> now = step.args;
  for (size_t i = 0; i < steps; ++i) {
    xs.push_back(drawn(100 + i, step.args[x].type()));
    targets.push_back(target_of(s, 200 + i));
    now[x] = xs[i], now[target] = targets[i];
    wanted.push_back(interpret(g, now));
    for (const Carry& c : step.carries)
      now[static_cast<size_t>(c.to)] = wanted[i][static_cast<size_t>(c.from)];
  }
  EXPECT_TRUE(std::isfinite(number(wanted.back()[loss])));
  EXPECT_FALSE(same_bits(wanted.back()[0], step.args[0]));

  for (int threads : {1, 2}) {
    set_thread_count(threads);
    for (size_t i = 0; i < step.args.size(); ++i) plan.set(static_cast<int>(i), step.args[i]);
    for (size_t i = 0; i < steps; ++i) {
      plan.set(static_cast<int>(x), xs[i]);
      plan.set(static_cast<int>(target), targets[i]);
      // A worker may meet its first product at any time, and makes room for it then.
      const long before = threads == 1 ? all_allocations.load() : allocations_of_thread;
      plan.run();
      const long after = threads == 1 ? all_allocations.load() : allocations_of_thread;
      EXPECT_TRUE(i == 0 || after == before) << after - before << " allocations in step " << i;
      for (size_t o = 0; o < wanted[i].size(); ++o)
        ASSERT_TRUE(same_bits(plan.output_tensor(static_cast<int>(o)), wanted[i][o]))
            << "output " << o << " of step " << i << ", " << threads << " threads\n"
            << plan.describe();
      for (const Carry& c : step.carries)
        ASSERT_TRUE(same_bits(plan.input_tensor(c.to), wanted[i][static_cast<size_t>(c.from)]))
            << "argument " << c.to << " after step " << i << ", " << threads << " threads\n"
            << plan.describe();
    }
  }
}

class TrainingStep : public testing::Test {
  void TearDown() override { set_thread_count(threads_); }
  int threads_ = thread_count();
};

std::vector<OptimiserConfig> optimisers() {
  std::vector<OptimiserConfig> all;
  for (const char* name : {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad",
                           "adadelta", "adamax", "nadam", "radam", "asgd", "rprop"})
    all.push_back(defaults_for(name));
  const auto with = [&](const char* name, auto set) {
    OptimiserConfig c = defaults_for(name);
    set(c);
    all.push_back(c);
  };
  with("momentum", [](OptimiserConfig& c) { c.dampening = 0.2, c.weight_decay = 0.01; });
  with("adam", [](OptimiserConfig& c) { c.amsgrad = true, c.weight_decay = 0.01; });
  with("adamw", [](OptimiserConfig& c) { c.amsgrad = true; });
  with("rmsprop", [](OptimiserConfig& c) { c.centered = true, c.momentum = 0.9; });
  with("nadam", [](OptimiserConfig& c) {
    c.decoupled_weight_decay = true, c.weight_decay = 0.01, c.maximize = true;
  });
  with("adagrad", [](OptimiserConfig& c) { c.lr_decay = 0.1, c.weight_decay = 0.01; });
  return all;
}

const char* const losses[] = {"classes", "one-hot",  "smoothed", "weighted classes",
                              "binary",  "absolute", "huber",    "mse"};
constexpr int64_t batches[] = {32, 1, 7, 64, 3, 33, 16};
const std::vector<int64_t> sizes[] = {{5, 7, 3},    {3, 2},    {17, 33, 31, 10},
                                      {64, 32, 10}, {1, 8, 2}, {8, 16, 16, 16, 2}};

TEST_F(TrainingStep, of_every_optimiser_gives_the_bits_of_the_interpreter) {
  size_t i = 0;
  for (const OptimiserConfig& optimiser : optimisers())
    for (bool flat : {false, true}) {
      expect_ten_steps({.sizes = sizes[i % std::size(sizes)],
                        .activation = i % 3 == 0 ? "tanh" : "relu",
                        .loss = losses[i % std::size(losses)],
                        .optimiser = optimiser,
                        .batch = batches[i % std::size(batches)],
                        .dtype = i % 4 == 3 ? DType::f64 : DType::f32,
                        .flat = flat});
      ++i;
    }
}

TEST_F(TrainingStep, of_every_activation_and_loss_gives_the_bits_of_the_interpreter) {
  const std::vector<OptimiserConfig> all = optimisers();
  size_t i = 0;
  for (std::string_view activation : activation_names())
    for (const char* loss : losses) {
      expect_ten_steps({.sizes = i % 2 == 0 ? std::vector<int64_t>{6, 9, 5, 4} : sizes[i % 4],
                        .activation = std::string(activation),
                        .loss = loss,
                        .optimiser = all[i % all.size()],
                        .batch = batches[i % std::size(batches)],
                        .dtype = i % 5 == 4 ? DType::f64 : DType::f32,
                        .flat = i % 2 == 1,
                        .bias = i % 7 != 6});
      ++i;
    }
}

TEST_F(TrainingStep, of_networks_that_fill_threads_and_tiles_gives_the_bits_of_the_interpreter) {
  expect_ten_steps({.sizes = {784, 128, 10}, .batch = 128, .flat = true});
  expect_ten_steps(
      {.sizes = {784, 128, 64, 10}, .activation = "gelu", .loss = "one-hot", .batch = 65});
  expect_ten_steps({.sizes = {100, 300, 300, 1},
                    .activation = "silu",
                    .loss = "mse",
                    .optimiser = defaults_for("momentum"),
                    .batch = 257,
                    .flat = true});
  expect_ten_steps(
      {.sizes = {2, 1025, 3}, .activation = "tanh", .batch = 100, .dtype = DType::f64});
}

TEST_F(TrainingStep, of_a_deep_network_gives_the_bits_of_the_interpreter) {
  std::vector<int64_t> deep(21, 24);
  deep.back() = 5;
  for (bool flat : {false, true})
    expect_ten_steps(
        {.sizes = deep, .activation = flat ? "relu" : "tanh", .batch = 9, .flat = flat});
}

}  // namespace
}  // namespace gradus
