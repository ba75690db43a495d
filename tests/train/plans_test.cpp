// The weights that training ends with are those of a plain loop that plans nothing: gradients and
// update on numbers, in the order of the same seed, bit for bit.
#include <gmock/gmock.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/average.h>
#include <gradus/optim/schedule.h>
#include <gtest/gtest.h>
#include <train/runs.h>

#include <atomic>

namespace gradus {
namespace {

// Branches of the seed, as in the trainer.
constexpr uint64_t split_stream = 1, init_stream = 2, order_stream = 3;

Tensor rows_of(const Dataset& d, std::span<const int64_t> order) {
  const Dataset part = pick(d, order);
  return from_vector(part.x, {part.examples, part.features});
}

Tensor targets_of(const Dataset& d, std::span<const int64_t> order, const std::string& loss) {
  const Dataset part = pick(d, order);
  if (loss == "cross-entropy") return one_hot(from_vector(part.y), part.classes());
  std::vector<float> amounts(part.y.begin(), part.y.end());
  if (!part.target.empty()) amounts = part.target;
  return from_vector(amounts, {part.examples, 1});
}

Tensor loss_of(const std::string& loss, const Tensor& scores, const Tensor& target) {
  if (loss == "mse") return mse(scores, target, Reduction::mean);
  if (loss == "bce") return binary_cross_entropy_with_logits(scores, target, Reduction::mean);
  return cross_entropy(scores, target, Reduction::mean);
}

// config names its data, model, activation, loss and learning rate.
std::vector<Tensor> trained_plainly(const TrainConfig& config) {
  const Key key = key_from_seed(config.seed);
  const Dataset all = load_dataset(config, config.data, config.seed);
  const std::vector<int64_t> shuffled = permutation(split(key, split_stream), all.examples);
  const auto held =
      static_cast<size_t>(std::llround(config.val * static_cast<double>(all.examples)));
  Dataset training = pick(all, std::span(shuffled).subspan(held));
  if (config.standardise) scaling_of(training).apply(training);

  MlpSpec spec = parse_mlp(config.model);
  spec.activation = config.activation;
  spec.init = config.init;
  const Mlp model = make_mlp(spec, split(key, init_stream));
  const std::vector<Tensor> like = parameters(model);
  const OptimiserConfig optimiser = optimiser_of(config);
  const Grouping grouping = grouping_of(config, state_dict(model));
  const bool groups = !grouping.groups.empty();
  Tensor params = flatten(like), average;
  std::vector<Tensor> state;
  if (!groups) state = initial_state(optimiser, params);
  GroupState group_state = groups ? initial_state(grouping, like) : GroupState();
  const int64_t whole = config.batch * config.accumulate,
                used = config.drop_last ? training.examples - training.examples % config.batch
                                        : training.examples,
                steps = (used + whole - 1) / whole * config.epochs;
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < config.epochs; ++epoch) {
    const std::vector<int64_t> order = permutation(
        split(split(key, order_stream), static_cast<uint64_t>(epoch)), training.examples);
    for (int64_t from = 0; from < used; from += whole) {
      Accumulated sums;
      std::vector<Tensor> grads;
      for (int64_t at = from; at < std::min(from + whole, used); at += config.batch) {
        const auto rows = std::span(order).subspan(
            static_cast<size_t>(at), static_cast<size_t>(std::min(config.batch, used - at)));
        const Tensor x = rows_of(training, rows), y = targets_of(training, rows, config.loss);
        grads = gradients(with_parameters(model, unflatten(params, like)), [&](const Mlp& m) {
                  return loss_of(config.loss, m(x), y);
                }).grads;
        if (config.accumulate > 1)
          sums = accumulate(std::move(sums), grads, static_cast<double>(rows.size()));
      }
      // A step of a single part takes its gradient as it is.
      if (config.accumulate > 1 && std::min(whole, used - from) > config.batch)
        grads = mean_gradients(sums);
      Tensor gradient = flatten(grads), rate;
      if (config.clip_norm > 0)
        gradient = clip_by_norm(std::vector{gradient}, config.clip_norm).grads[0];
      if (config.clip_value > 0)
        gradient = clip_by_value(std::vector{gradient}, config.clip_value).grads[0];
      if (!config.schedule.empty())
        rate =
            scalar(optimiser.lr * parse_schedule(config.schedule, steps).factor(step), DType::f32);
      if (groups) {
        std::vector<Tensor> rates;
        for (const ParameterGroup& g : grouping.groups)
          if (!rate.is_absent())
            rates.push_back(g.rule.lr == optimiser.lr ? rate : rate * (g.rule.lr / optimiser.lr));
        GroupUpdate next = update(grouping, unflatten(params, like), unflatten(gradient, like),
                                  group_state, rates);
        params = flatten(next.params);
        group_state = std::move(next.state);
      } else {
        const Update next = update(optimiser, params, gradient, state, rate);
        params = next.params;
        state = next.state;
      }
      if (!config.average.empty())
        average = averaged(parse_average(config.average, steps), step == 0 ? params : average,
                           params, scalar(static_cast<double>(step), DType::f32));
      ++step;
    }
  }
  return unflatten(config.average.empty() ? params : average, like);
}

std::vector<std::string> names_of_different(const Model& got, const std::vector<Tensor>& wanted) {
  std::vector<std::string> names;
  const StateDict dict = state_dict(got);
  EXPECT_EQ(dict.size(), wanted.size());
  for (size_t i = 0; i < std::min(dict.size(), wanted.size()); ++i)
    if (!same_bits(dict[i].second, wanted[i])) names.push_back(dict[i].first);
  return names;
}

// Trains with one thread, with two, and with two until a stop and then with one.
void expect_plain_weights(const TrainConfig& config) {
  SCOPED_TRACE(config_json(config));
  const Scratch folder;
  const int before = thread_count();
  set_thread_count(1);
  const std::vector<Tensor> wanted = trained_plainly(config);
  const auto expect_wanted = [&](const std::string& name) {
    EXPECT_THAT(names_of_different(load_run(folder.path(name)).model, wanted), testing::IsEmpty())
        << name;
  };
  train(config, folder.path("one thread"), false);
  expect_wanted("one thread");
  set_thread_count(2);
  train(config, folder.path("two threads"), false);
  expect_wanted("two threads");
  std::atomic<bool> stop = false;
  TrainHooks hooks;
  hooks.stop = &stop;
  hooks.progress = [&](const Progress& p, bool) { stop = p.epoch >= config.epochs / 2; };
  EXPECT_TRUE(train(config, folder.path("resumed"), false, hooks).interrupted);
  set_thread_count(1);
  train(config, folder.path("resumed"), true);
  expect_wanted("resumed");
  set_thread_count(before);
}

// Seven batches of 25 rows an epoch and one of 5.
TrainConfig moons() {
  TrainConfig c = small_config();
  c.activation = "tanh";
  c.loss = "cross-entropy";
  c.lr = 0.01;
  return c;
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_for_every_optimiser) {
  for (const std::string_view optimiser : method_names()) {
    TrainConfig config = moons();
    config.optimiser = optimiser;
    expect_plain_weights(config);
  }
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_under_a_schedule_and_clipped) {
  for (const char* optimiser : {"sgd", "adamw", "nadam"}) {
    TrainConfig config = moons();
    config.optimiser = optimiser;
    config.schedule = "warmup(10)+cosine";
    config.clip_norm = 0.3;
    expect_plain_weights(config);
  }
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_with_groups_averages_and_parts) {
  TrainConfig config = moons();
  config.clip_value = 0.05;
  expect_plain_weights(config);
  config.drop_last = true;
  config.average = "ema(0.9)";
  expect_plain_weights(config);
  config.average = "swa(0.5)";
  config.accumulate = 3;
  config.schedule = "cosine";
  config.optimiser = "adamw";
  config.groups = {"bias: weight_decay=0, lr=0.1", "2: method=sgd, momentum=0.9"};
  expect_plain_weights(config);
  config.drop_last = false;
  config.groups = {"0: frozen"};
  expect_plain_weights(config);
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_for_every_loss) {
  for (const char* loss : {"bce", "mse"})
    for (const char* activation : {"relu", "gelu"}) {
      TrainConfig config = moons();
      config.model = "mlp:2-16-8-1";
      config.loss = loss;
      config.activation = activation;
      expect_plain_weights(config);
    }
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_for_batches_of_one) {
  TrainConfig config = moons();
  config.examples = 60;
  config.epochs = 2;
  config.batch = 1;
  expect_plain_weights(config);
}

TEST(PlannedTraining, ends_with_the_weights_of_a_plain_loop_where_products_are_large) {
  TrainConfig config;
  config.data = "digits";
  config.examples = 700;
  config.model = "mlp:64-128-64-10";
  config.activation = "relu";
  config.loss = "cross-entropy";
  config.optimiser = "adamw";
  config.lr = 0.003;
  config.weight_decay = 0.01;
  config.batch = 256;
  config.epochs = 4;
  expect_plain_weights(config);
}

}  // namespace
}  // namespace gradus
