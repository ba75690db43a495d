// The training loop: split, scaling, tasks, refusals, and a folder that says what was done.
#include <gmock/gmock.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/train/reading.h>
#include <gtest/gtest.h>
#include <train/runs.h>

#include <algorithm>
#include <bit>
#include <map>

namespace gradus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Row i holds 2^i, so a sum of rows names them all.
constexpr int rows = 20;
std::string powers_csv() {
  std::string text = "power,constant,label\n";
  for (int i = 0; i < rows; ++i)
    text += std::to_string(1 << i) + ",7," + (i % 3 == 0 ? "a" : "b") + "\n";
  return text;
}

TrainConfig powers_config(const Scratch& folder) {
  TrainConfig c;
  c.data = folder.write("powers.csv", powers_csv());
  c.val = 0.3;
  c.epochs = 0;
  return c;
}

TEST(Split, is_disjoint_whole_and_drawn_from_the_seed) {
  const Scratch folder;
  TrainConfig config = powers_config(folder);
  std::vector<unsigned> masks;
  for (uint64_t seed : {0u, 0u, 1u, 2u}) {
    config.seed = seed;
    const std::string out = folder.path("run" + std::to_string(masks.size()));
    const RunRecord r = train(config, out, false);
    EXPECT_EQ(r.val_count, 6);
    EXPECT_EQ(r.train_count, 14);
    const auto mask = static_cast<unsigned>(std::lround(load_run(out).scaling.mean[0] * 14));
    EXPECT_EQ(std::popcount(mask), 14);
    masks.push_back(mask);
    for (const Mistake& m : r.mistakes) EXPECT_EQ(mask & static_cast<unsigned>(m.x[0]), 0u);
    const std::vector<int64_t> order = permutation(split(key_from_seed(seed), uint64_t{1}), rows);
    unsigned by_hand = 0;
    for (size_t i = 6; i < order.size(); ++i) by_hand |= 1u << order[i];
    EXPECT_EQ(mask, by_hand);
  }
  EXPECT_EQ(masks[0], masks[1]);
  EXPECT_NE(masks[0], masks[2]);
  EXPECT_NE(masks[2], masks[3]);
}

TEST(Standardisation, looks_at_the_training_rows_only) {
  const Scratch folder;
  const TrainConfig config = powers_config(folder);
  train(config, folder.path("run"), false);
  const Scaling got = load_run(folder.path("run")).scaling;
  const auto mask = static_cast<unsigned>(std::lround(got.mean[0] * 14));
  double mean = 0, square = 0;
  for (int i = 0; i < rows; ++i)
    if (mask >> i & 1) mean += std::ldexp(1.0, i) / 14;
  for (int i = 0; i < rows; ++i)
    if (mask >> i & 1) square += std::pow(std::ldexp(1.0, i) - mean, 2) / 14;
  EXPECT_NEAR(got.mean[0] / mean, 1, 1e-14);
  EXPECT_NEAR(got.scale[0] / std::sqrt(square), 1, 1e-14);
  EXPECT_EQ(got.mean[1], 7);
  EXPECT_EQ(got.scale[1], 1);  // a constant column is only moved to 0

  Dataset d;
  d.examples = 2;
  d.features = 2;
  d.x = {1, 5, 3, 5};
  scaling_of(d).apply(d);
  EXPECT_THAT(d.x, testing::ElementsAre(-1, 0, 1, 0));
}

TEST(Standardisation, can_be_left_out) {
  const Scratch folder;
  TrainConfig config = powers_config(folder);
  config.standardise = false;
  train(config, folder.path("run"), false);
  EXPECT_TRUE(load_run(folder.path("run")).scaling.mean.empty());
}

TEST(Train, refuses_a_folder_that_is_not_empty_and_leaves_it_alone) {
  const Scratch folder;
  fs::create_directory(folder.path("mine"));
  folder.write("mine/letter.txt", "dear");
  EXPECT_THAT(error_of([&] { train(small_config(), folder.path("mine"), false); }),
              HasSubstr("is not empty. A run is never overwritten."));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("mine")), {}), 1);
  EXPECT_THAT(error_of([&] { train(small_config(), folder.path("mine/letter.txt"), false); }),
              HasSubstr("it is not a folder"));
  fs::create_directory(folder.path("empty"));
  EXPECT_EQ(train(small_config(), folder.path("empty"), true).steps, 48);
}

TEST(Train, gives_the_same_file_for_any_folder_and_thread_count) {
  const Scratch folder;
  TrainConfig config;
  config.data = "digits";
  config.examples = 1500;
  config.epochs = 2;
  config.batch = 256;
  const int before = thread_count();
  std::vector<std::string> weights;
  for (int threads : {1, 2, 2, 5}) {
    set_thread_count(threads);
    const std::string name = "run" + std::to_string(weights.size());
    train(config, folder.path(name), false);
    weights.push_back(folder.read(name + "/model.safetensors"));
  }
  set_thread_count(before);
  EXPECT_GT(weights[0].size(), 30000u);
  EXPECT_THAT(weights, testing::Each(weights[0]));
  EXPECT_EQ(weights[0].find(folder.path("")), std::string::npos);
}

TEST(Train, ends_with_the_same_weights_when_values_are_computed_again) {
  const Scratch scratch;
  const auto weights = [&](const std::string& recompute) {
    TrainConfig c = small_config();
    c.model = "mlp:2-16-16-16-16-2";
    c.recompute = recompute;
    const std::string out = scratch.path("run-" + recompute);
    train(c, out, false);
    return scratch.read("run-" + recompute + "/model.safetensors");
  };
  const auto plain = weights("");
  EXPECT_EQ(weights("sqrt"), plain);
  EXPECT_EQ(weights("1000000"), plain);
}

TEST(Train, records_a_run_that_diverged) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.optimiser = "sgd";
  config.lr = 1e6;
  config.loss = "mse";
  config.model = "mlp:2-8-1";
  config.activation = "relu";
  const RunRecord r = train(config, folder.path("run"), false);
  EXPECT_TRUE(r.diverged);
  EXPECT_FALSE(r.interrupted);
  EXPECT_EQ(r.steps, r.diverged_step);
  EXPECT_LT(r.steps, 48);
  EXPECT_FALSE(std::isfinite(r.step_loss.back()));
  EXPECT_EQ(read_run(r).level, Level::bad);
  EXPECT_THAT(folder.read("run/metrics.jsonl"), HasSubstr("\"train_loss\":null"));
  EXPECT_THAT(folder.read("run/metrics.jsonl"), testing::Not(HasSubstr("nan")));
  const RunRecord again = train(config, folder.path("run"), true);
  EXPECT_TRUE(again.diverged);
  EXPECT_EQ(again.diverged_step, r.diverged_step);
  EXPECT_EQ(numbers_of(again), numbers_of(r));
}

TEST(Train, fits_amounts) {
  const Scratch folder;
  std::string text = "a,b,y\n";
  for (int i = 0; i < 150; ++i) {
    const double a = std::sin(i * 1.7), b = std::cos(i * 0.9);
    text += std::to_string(a) + "," + std::to_string(b) + "," + std::to_string(3 * a - 2 * b + 1) +
            "\n";
  }
  TrainConfig config;
  config.data = folder.write("plane.csv", text);
  config.epochs = 60;
  config.batch = 16;
  const RunRecord r = train(config, folder.path("run"), false);
  EXPECT_EQ(r.task, "regression");
  EXPECT_EQ(r.loss_name, "mse");
  EXPECT_GT(r.chance_loss, 1);
  EXPECT_LT(r.val_loss, 0.02 * r.chance_loss);
  TrainedRun run = load_run(folder.path("run"));
  EXPECT_EQ(run.like.task, Task::regression);
  Dataset all = load_dataset(run.config, config.data, 0, &run.like);
  run.scaling.apply(all);
  EXPECT_GT(evaluate(run.model, all, run.loss).r_squared, 0.98);
}

TEST(Train, tells_two_classes_apart_with_one_logit) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.loss = "bce";
  config.model = "";
  config.examples = 600;
  config.epochs = 30;
  const RunRecord r = train(config, folder.path("run"), false);
  EXPECT_EQ(r.task, "binary");
  EXPECT_EQ(r.model, "MLP 2-32-32-1 tanh");
  EXPECT_NEAR(r.chance_loss, std::log(2.0), 1e-3);
  EXPECT_GT(r.val_accuracy, 0.9);
  ASSERT_EQ(r.confusion.size(), 2u);
  EXPECT_EQ(r.confusion[0][0] + r.confusion[0][1] + r.confusion[1][0] + r.confusion[1][1], 60);
}

TEST(Train, refuses_what_does_not_fit_together) {
  const Scratch folder;
  const auto message = [&](auto set) {
    TrainConfig c = small_config();
    set(c);
    return error_of([&] { train(c, folder.path("run"), false); });
  };
  EXPECT_THAT(message([](TrainConfig& c) { c.model = "mlp:3-2"; }), HasSubstr("mlp:2-...-2"));
  EXPECT_THAT(message([](TrainConfig& c) { c.loss = "hinge"; }), HasSubstr("'hinge' is unknown"));
  EXPECT_EQ(message([](TrainConfig& c) { c.batch = 0; }),
            "usage: train: --batch is 0. The batch is at least 1.");
  EXPECT_EQ(message([](TrainConfig& c) { c.epochs = 1'000'000'001; }),
            "usage: train: --epochs is 1000000001. It is a number of epochs from 0 to 10^9.");
  EXPECT_EQ(message([](TrainConfig& c) { c.val = 1; }),
            "usage: train: --val is 1. It is the share held out, in [0, 1).");
  EXPECT_EQ(message([](TrainConfig& c) { c.val = -1; }),
            "usage: train: --val is -1. It is the share held out, in [0, 1).");
  EXPECT_THAT(message([](TrainConfig& c) { c.recompute = "some"; }), HasSubstr("It takes sqrt"));
  EXPECT_THAT(message([](TrainConfig& c) { c.epochs = INT64_MAX; }), HasSubstr("0 to 10^9"));
  EXPECT_THAT(message([](TrainConfig& c) { c.val = std::nan(""); }), HasSubstr("--val is nan"));
  EXPECT_THAT(message([](TrainConfig& c) { c.data = "monns"; }), HasSubstr("moons"));
  EXPECT_THAT(message([](TrainConfig& c) { c.data = "no/such.csv"; }), HasSubstr("no such file"));
  EXPECT_THAT(message([](TrainConfig& c) {
                c.data = "digits";
                c.loss = "bce";
                c.model = "";
              }),
              HasSubstr("needs two classes"));
  EXPECT_FALSE(fs::exists(folder.path("run/run.toml")));
}

TEST(Train, counts_the_steps_that_were_clipped) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.clip_norm = 1e9;
  EXPECT_EQ(train(config, folder.path("never"), false).clipped_steps, 0);
  config.clip_norm = 1e-9;
  const RunRecord always = train(config, folder.path("always"), false);
  EXPECT_EQ(always.clipped_steps, always.steps);
  EXPECT_EQ(train(small_config(), folder.path("off"), false).clipped_steps, -1);
  EXPECT_GT(always.peak_bytes, 0);
}

TEST(Train, groups_change_the_rules_of_the_parameters_at_their_place_one_after_the_other) {
  TrainConfig config = small_config();
  config.optimiser = "adamw";
  config.lr = 0.5;
  const StateDict parameters = state_dict(make_mlp(parse_mlp("mlp:2-8-2"), key_from_seed(0)));
  EXPECT_TRUE(grouping_of(config, parameters).groups.empty());
  config.groups = {"bias: weight_decay=0", "2: lr=0.1", "0.weight: frozen"};
  const Grouping g = grouping_of(config, parameters);
  const auto of = [&](size_t i) { return g.groups[g.group_of[i]]; };  // 0.weight, 0.bias, 2....
  const double decays[] = {0.01, 0, 0.01, 0}, rates[] = {0.5, 0.5, 0.1, 0.1};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(of(i).rule.weight_decay, decays[i]) << i;
    EXPECT_EQ(of(i).rule.lr, rates[i]) << i;
    EXPECT_EQ(of(i).frozen, i == 0) << i;
  }
  config.optimiser = "muon";
  config.groups = {"bias: lr=0.25"};
  const Grouping m = grouping_of(config, parameters);
  EXPECT_EQ(m.groups[m.group_of[2]].rule.method, "muon");
  EXPECT_EQ(m.groups[m.group_of[3]].rule.method, "adamw");
  EXPECT_EQ(m.groups[m.group_of[3]].rule.lr, 0.25);
  EXPECT_EQ(m.groups[m.group_of[3]].rule.weight_decay, 0);
}

TEST(Train, leaves_frozen_parameters_as_they_were_drawn) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.groups = {"0: frozen"};
  train(config, folder.path("run"), false);
  const StateDict after = state_dict(load_run(folder.path("run")).model);
  config.epochs = 0;
  train(config, folder.path("start"), false);
  const StateDict before = state_dict(load_run(folder.path("start")).model);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(same_bits(after[i].second, before[i].second), i < 2) << after[i].first;
}

TEST(Train, drops_the_last_smaller_batch_when_asked) {
  const Scratch folder;
  TrainConfig config = small_config();  // 180 rows in batches of 25
  EXPECT_EQ(train(config, folder.path("all"), false).steps, 8 * 6);
  config.drop_last = true;
  EXPECT_EQ(train(config, folder.path("whole"), false).steps, 7 * 6);
  config.accumulate = 3;
  EXPECT_EQ(train(config, folder.path("parts"), false).steps, 3 * 6);
}

TEST(Train, on_accumulated_batches_is_training_on_large_ones) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.optimiser = "momentum";
  config.lr = 0.05;
  config.batch = 100;
  train(config, folder.path("large"), false);
  config.batch = 25;
  config.accumulate = 4;
  train(config, folder.path("parts"), false);
  const StateDict large = state_dict(load_run(folder.path("large")).model),
                  parts = state_dict(load_run(folder.path("parts")).model);
  for (size_t i = 0; i < large.size(); ++i) {
    const std::vector<double> a = numbers(large[i].second), b = numbers(parts[i].second);
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 2e-6) << large[i].first;
  }
}

TEST(Train, with_averaged_weights_reports_and_saves_the_average) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.average = "swa(0)";
  config.epochs = 1;
  const RunRecord r = train(config, folder.path("average"), false);
  const TrainedRun run = load_run(folder.path("average"));
  config.average = "";
  train(config, folder.path("last"), false);
  const auto first = [](const TrainedRun& of) { return parameters(of.model)[0]; };
  EXPECT_FALSE(same_bits(first(run), first(load_run(folder.path("last")))));
  EXPECT_EQ(r.epochs.back().val_loss, r.val_loss);
}

TEST(Train, by_muon_learns_moons) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.model = "mlp:2-32-32-2";
  config.optimiser = "muon";
  config.lr = 0.02;
  EXPECT_GT(train(config, folder.path("run"), false).train_accuracy, 0.9);
}

TEST(Train, refuses_schedules_limits_and_methods_that_it_cannot_follow) {
  const Scratch folder;
  const auto message = [&](auto set) {
    TrainConfig c = small_config();
    set(c);
    return error_of([&] { train(c, folder.path("run"), false); });
  };
  EXPECT_THAT(message([](TrainConfig& c) { c.schedule = "cosin"; }),
              HasSubstr("schedule: 'cosin': there is no such piece."));
  EXPECT_THAT(message([](TrainConfig& c) { c.clip_norm = -1; }),
              HasSubstr("train: --clip-norm is -1. It is a length above 0, or 0 for none."));
  EXPECT_THAT(message([](TrainConfig& c) { c.clip_value = -1; }),
              HasSubstr("train: --clip-value is -1. It is a size above 0, or 0 for none."));
  EXPECT_THAT(message([](TrainConfig& c) { c.clip_norm = c.clip_value = 1; }),
              HasSubstr("train: --clip-norm and --clip-value are both set. A gradient is clipped "
                        "one way."));
  EXPECT_THAT(message([](TrainConfig& c) { c.accumulate = 0; }),
              HasSubstr("train: --accumulate is 0. It is a number of batches from 1 to 1024."));
  for (const char* average : {"mean", "ema(1)", "ema(", "swa(x)", "swa(-0.1)", "ema()"})
    EXPECT_THAT(message([&](TrainConfig& c) { c.average = average; }),
                HasSubstr("average: '" + std::string(average) +
                          "'. It is ema or ema(DECAY), or swa or swa(SHARE) with the share of the "
                          "run that passes first; both numbers lie in [0, 1)."));
  const auto group = [&](const char* words) {
    return message([&](TrainConfig& c) { c.groups = {words}; });
  };
  const std::string form =
      ". Write PLACE: SETTING, ..., such as 'bias: weight_decay=0' or '0: frozen'.";
  EXPECT_THAT(group("bias"), HasSubstr("train: the group 'bias': it has no colon" + form));
  EXPECT_THAT(group(": lr=1"), HasSubstr("it names no parameters" + form));
  EXPECT_THAT(group("bias: cold"), HasSubstr("'cold' is neither frozen nor NAME=VALUE" + form));
  EXPECT_THAT(group("bias: lr=fast"), HasSubstr("'fast' is no number" + form));
  EXPECT_THAT(group("biases: lr=1"),
              HasSubstr("train: no parameter is at 'biases'. There are 0.weight, 0.bias, 2.weight, "
                        "2.bias."));
  EXPECT_THAT(group("bias: rho=1"), HasSubstr("adam: there is no hyperparameter 'rho'"));
  EXPECT_THAT(group("bias: method=adan"), HasSubstr("there is no method 'adan'"));
  EXPECT_THAT(group("bias: method=muon"), HasSubstr("muon: parameters f32[8] are no matrix"));
  EXPECT_FALSE(fs::exists(folder.path("run/run.toml")));
}

TEST(Train, refuses_numbers_that_mean_nothing) {
  const Scratch folder;
  const auto message = [&](auto set) {
    TrainConfig c = small_config();
    set(c);
    return error_of([&] { train(c, folder.path("run"), false); });
  };
  const double nan = std::nan("");
  EXPECT_EQ(message([&](TrainConfig& c) { c.momentum = nan; }),
            "usage: train: --momentum is nan. It is a finite number. Give one from 0, or leave it "
            "out for the method's own.");
  EXPECT_EQ(message([&](TrainConfig& c) { c.weight_decay = nan; }),
            "usage: train: --weight-decay is nan. It is a finite number. Give one from 0, or leave "
            "it out for the method's own.");
  EXPECT_EQ(message([](TrainConfig& c) { c.examples = -1; }),
            "usage: train: --examples is -1. It is a count. Give one above 0, or 0 for the usual "
            "one.");
  EXPECT_EQ(message([](TrainConfig& c) { c.checkpoint_every = -1; }),
            "usage: train: --checkpoint-every is -1. It is a number of steps. Give one above 0, or "
            "0 for a checkpoint at the end only.");
  EXPECT_EQ(message([](TrainConfig& c) { c.dropout = 1; }),
            "usage: train: --dropout is 1. It is a share in [0, 1), 0 for none.");
  EXPECT_EQ(message([](TrainConfig& c) { c.l1 = -1; }),
            "usage: train: --l1 is -1. It is a number from 0, 0 for none.");
  EXPECT_EQ(message([](TrainConfig& c) { c.patience = -1; }),
            "usage: train: --patience is -1. It is a number of epochs, 0 for any.");
  EXPECT_EQ(message([](TrainConfig& c) { c.precision = "int8"; }),
            "usage: train: --precision is 'int8'. It is f32, bf16 or fp16.");
  EXPECT_EQ(message([](TrainConfig& c) { c.recipe = "lenet"; }).substr(0, 41),
            "usage: train: there is no recipe 'lenet'.");
  EXPECT_FALSE(fs::exists(folder.path("run/run.toml")));
}

TEST(Train, leaves_what_other_tools_read) {
  const Scratch folder;
  TrainHooks hooks;
  int64_t steps = 0;
  hooks.step = [&](int64_t step, double loss) {
    EXPECT_EQ(step, ++steps);
    EXPECT_TRUE(std::isfinite(loss));
  };
  const RunRecord r = train(small_config(), folder.path("run"), false, hooks);
  EXPECT_EQ(steps, r.steps);
  const std::string events = folder.read("run/events.out.tfevents.0.gradus");
  EXPECT_THAT(events, HasSubstr("brain.Event:2"));
  EXPECT_THAT(events, HasSubstr("validation/accuracy"));
  EXPECT_EQ(std::ranges::count(folder.read("run/metrics.jsonl"), '\n'), 6);
}

TEST(Train, ends_early_with_the_best_weights_when_patience_runs_out) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.examples = 60;
  config.lr = 0.3;  // far too fast: the loss on what is held out goes up and down
  config.epochs = 200;
  config.patience = 4;
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.epoch = [&](const EpochRecord& e, const Model&) { losses.push_back(e.val_loss); };
  const RunRecord r = train(config, folder.path("run"), false, hooks);
  const auto best = std::ranges::min_element(losses);
  EXPECT_EQ(r.best_epoch, best - losses.begin() + 1);
  EXPECT_EQ(std::ssize(losses), r.best_epoch + 4) << "four epochs brought nothing better";
  EXPECT_LT(std::ssize(losses), 200);
  EXPECT_EQ(r.val_loss, *best);
  // The weights are those of a run that ends with that epoch.
  config.epochs = r.best_epoch;
  config.patience = 0;
  train(config, folder.path("short"), false);
  const auto weights = [&](const std::string& name) {
    return flatten(parameters(load_run(folder.path(name)).model));
  };
  EXPECT_TRUE(same_bits(weights("run"), weights("short")));
}

TEST(Train, in_half_precision_learns_as_well_as_in_f32) {
  const Scratch folder;
  TrainConfig config;
  config.data = "digits";
  config.examples = 6000;
  config.epochs = 10;
  config.lr = 5e-3;
  config.val = 1.0 / 3;
  std::map<std::string, RunRecord> runs;
  for (const char* precision : {"f32", "bf16", "fp16"}) {
    config.precision = precision;
    runs[precision] = train(config, folder.path(precision), false);
  }
  const double right = runs["f32"].val_accuracy;
  EXPECT_GT(right, 0.94);
  for (const char* precision : {"bf16", "fp16"}) {
    EXPECT_NEAR(runs[precision].val_accuracy, right, 0.005) << precision;
    EXPECT_NE(runs[precision].train_loss, runs["f32"].train_loss) << precision;
    EXPECT_NE(runs[precision].val_loss, runs["f32"].val_loss) << precision;
  }
  EXPECT_EQ(runs["bf16"].loss_scale, 0);
  EXPECT_EQ(runs["fp16"].loss_scale,
            std::ldexp(65536.0, -static_cast<int>(runs["fp16"].skipped_steps)));
}

TEST(Train, in_half_precision_ends_when_numbers_overflow_whatever_the_scale) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.precision = "fp16";
  config.init_gain = 1e6;
  const RunRecord r = train(config, folder.path("run"), false);
  EXPECT_TRUE(r.diverged);
  EXPECT_EQ(r.steps, 17) << "2^16 halved below 1";
}

TEST(Train, with_penalties_and_dropout_does_what_their_formulas_say) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.epochs = 1;
  config.batch = 180;
  config.optimiser = "sgd";
  config.lr = 0.5;
  const auto weights = [&](const std::string& name, auto set) {
    TrainConfig c = config;
    set(c);
    train(c, folder.path(name), false);
    std::vector<std::vector<double>> all;
    for (const Tensor& p : parameters(load_run(folder.path(name)).model)) all.push_back(numbers(p));
    return all;
  };
  const auto start = weights("start", [](TrainConfig&c) { c.epochs = 0; }),
             plain = weights("plain", [](TrainConfig&) {}),
             l1 = weights("l1", [](TrainConfig&c) { c.l1 = 0.01; }),
             l2 = weights("l2", [](TrainConfig&c) { c.l2 = 0.01; }),
             dropped = weights("dropped", [](TrainConfig&c) { c.dropout = 0.5; });
  for (size_t p = 0; p < plain.size(); ++p)
    for (size_t i = 0; i < plain[p].size(); ++i) {
      const double w = start[p][i], matrix = p % 2 == 0;
      EXPECT_NEAR(l1[p][i], plain[p][i] - 0.5 * 0.01 * (w > 0 ? 1 : -1) * matrix, 1e-6);
      EXPECT_NEAR(l2[p][i], plain[p][i] - 0.5 * 0.01 * w * matrix, 1e-6);
    }
  EXPECT_NE(dropped, plain);
}

TEST(Train, says_where_no_folder_can_be_made) {
  EXPECT_EQ(error_of([] { train(small_config(), "/proc/x", false); }),
            "file: /proc/x: the folder cannot be made: No such file or directory. Choose another "
            "--out.");
}

TEST(RunToml, brings_every_setting_back) {
  TrainConfig c;
  c.data = "a \"b\".csv", c.labels = "l", c.label = "3", c.ignore = {"id", "x y"};
  c.missing = "mean", c.validation = "v", c.examples = 17, c.val = 0.1 + 0.2;
  c.standardise = false, c.model = "mlp:1-2", c.activation = "gelu", c.init = "normal:0.1";
  c.loss = "bce", c.init_gain = 1e-300, c.optimiser = "sgd", c.lr = 1.0 / 3, c.momentum = 0.5;
  c.weight_decay = 0, c.epochs = 9, c.batch = 8, c.seed = ~uint64_t{0}, c.checkpoint_every = 0;
  c.shuffle_labels = true, c.recompute = "sqrt", c.schedule = "step(3)", c.clip_norm = 0.5;
  c.clip_value = 2, c.groups = {"bias: lr=1"}, c.average = "swa", c.accumulate = 4;
  c.drop_last = true, c.recipe = "mlp-digits", c.dropout = 0.5, c.label_smoothing = 0.1;
  c.mixup = 0.2, c.l1 = 1e-5, c.l2 = 1e-4, c.augment = "flip", c.patience = 3;
  c.precision = "bf16";
  TrainConfig back;
  apply_entries(back, read_toml(toml_text(entries_of(c)), "run.toml"), "run.toml");
  const TomlEntries want = entries_of(c), got = entries_of(back), usual = entries_of(TrainConfig{});
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].value, want[i].value) << want[i].key;
    EXPECT_NE(want[i].value, usual[i].value) << want[i].key << " is not tried";
  }
  EXPECT_THAT(error_of([&] {
                apply_entries(back, read_toml("[optimiser]\nlearning = 1", "f.toml"), "f.toml");
              }),
              HasSubstr("f.toml:2:"));
  EXPECT_THAT(error_of([&] {
                apply_entries(back, read_toml("[training]\nepochs = \"x\"", "f.toml"), "f.toml");
              }),
              HasSubstr("'training.epochs' must be a whole number"));
}

TEST(RunToml, of_one_run_makes_another_with_the_same_bits) {
  const Scratch folder;
  train(small_config(), folder.path("first"), false);
  TrainConfig again;
  apply_entries(again, read_toml(folder.path("first/run.toml")), "run.toml");
  train(again, folder.path("second"), false);
  EXPECT_EQ(folder.read("first/model.safetensors"), folder.read("second/model.safetensors"));
  EXPECT_EQ(folder.read("first/run.toml"), folder.read("second/run.toml"));
}

TEST(LoadRun, measures_what_the_record_says) {
  const Scratch folder;
  const TrainConfig config = small_config();
  const RunRecord r = train(config, folder.path("run"), false);
  const TrainedRun run = load_run(folder.path("run"));
  const Dataset all = load_dataset(run.config, "moons", config.seed, &run.like);
  const std::vector<int64_t> order =
      permutation(split(key_from_seed(config.seed), uint64_t{1}), all.examples);
  Dataset held = pick(all, std::span(order).first(20));
  run.scaling.apply(held);
  const Evaluation e = evaluate(run.model, held, run.loss);
  EXPECT_EQ(e.examples, r.val_count);
  EXPECT_EQ(e.loss, r.val_loss);
  EXPECT_EQ(e.accuracy, r.val_accuracy);
  EXPECT_EQ(r.epochs.back().val_loss, r.val_loss);
}

TEST(LoadRun, names_what_is_wrong_with_a_folder) {
  const Scratch folder;
  const auto message = [&] { return error_of([&] { load_run(folder.path("run")); }); };
  EXPECT_THAT(message(), HasSubstr("it is not a run folder: run.toml is missing"));
  train(small_config(), folder.path("run"), false);
  const std::string toml = folder.read("run/run.toml"),
                    weights = folder.read("run/model.safetensors");
  folder.write("run/model.safetensors", weights.substr(0, 100));
  EXPECT_THAT(message(), HasSubstr("model.safetensors"));
  folder.write("run/model.safetensors", weights);
  std::string other = toml;
  other.replace(other.find("mlp:2-8-2"), 9, "mlp:3-8-2");
  folder.write("run/run.toml", other);
  EXPECT_THAT(message(), HasSubstr("do not fit together"));
  folder.write("run/run.toml", toml.substr(0, toml.size() / 2) + "\n[[");
  EXPECT_THAT(message(), testing::StartsWith("file: "));
}

}  // namespace
}  // namespace gradus
