// Runs that are cut short, by a stop or by a kill, end in the same bits as one left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <train/runs.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace gradus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Killed {};

// Stands for SIGKILL: nothing is saved after the first epoch that ends at or after `epoch`.
void run_and_kill(const TrainConfig& config, const std::string& out, int64_t epoch) {
  TrainHooks hooks;
  hooks.progress = [&](const Progress& p, bool done) {
    if (done && p.epoch >= epoch) throw Killed();
  };
  EXPECT_THROW(train(config, out, true, hooks), Killed);
}

struct Whole {
  std::vector<double> numbers;
  std::string weights;
};

Whole whole(const Scratch& folder, const TrainConfig& config) {
  const RunRecord r = train(config, folder.path("whole"), false);
  return {numbers_of(r), folder.read("whole/model.safetensors")};
}

TEST(Resume, after_a_kill_goes_on_from_a_checkpoint_within_an_epoch) {
  const Scratch folder;
  TrainConfig config = small_config();
  const Whole expected = whole(folder, config);
  for (int64_t every : {3, 5, 7, 11, 13}) {
    const std::string name = "killed" + std::to_string(every);
    config.checkpoint_every = every;
    run_and_kill(config, folder.path(name), 2);
    EXPECT_EQ(fs::exists(folder.path(name + "/model.safetensors")), false);
    const int64_t newest = 16 / every * every;
    EXPECT_NE(newest % 8, 0);
    EXPECT_TRUE(fs::exists(
        folder.path(name + "/checkpoints/step-" + std::to_string(newest) + ".safetensors")));
    const RunRecord r = train(config, folder.path(name), true);
    EXPECT_EQ(numbers_of(r), expected.numbers) << every;
    EXPECT_EQ(folder.read(name + "/model.safetensors"), expected.weights) << every;
  }
}

TEST(Resume, after_a_kill_before_the_first_checkpoint_starts_anew) {
  const Scratch folder;
  const TrainConfig config = small_config();
  const Whole expected = whole(folder, config);
  run_and_kill(config, folder.path("killed"), 1);
  EXPECT_TRUE(fs::is_empty(folder.path("killed/checkpoints")));
  EXPECT_EQ(numbers_of(train(config, folder.path("killed"), true)), expected.numbers);
  EXPECT_EQ(folder.read("killed/model.safetensors"), expected.weights);
}

TEST(Resume, after_a_stop_between_any_two_epochs_gives_the_same_bits) {
  const Scratch folder;
  const TrainConfig config = small_config();
  const Whole expected = whole(folder, config);
  for (int64_t epochs : {0, 1, 2, 5}) {
    const std::string name = "stopped" + std::to_string(epochs);
    std::atomic<bool> stop = epochs == 0;
    TrainHooks hooks;
    hooks.stop = &stop;
    hooks.progress = [&](const Progress& p, bool) { stop = p.epoch >= epochs; };
    const RunRecord first = train(config, folder.path(name), false, hooks);
    EXPECT_TRUE(first.interrupted);
    EXPECT_EQ(first.steps, 8 * epochs);
    EXPECT_FALSE(fs::exists(folder.path(name + "/model.safetensors")));
    EXPECT_THAT(error_of([&] { load_run(folder.path(name)); }), HasSubstr("--resume"));
    EXPECT_EQ(numbers_of(train(config, folder.path(name), true)), expected.numbers) << epochs;
    EXPECT_EQ(folder.read(name + "/model.safetensors"), expected.weights) << epochs;
  }
}

TEST(Resume, after_stops_at_any_moment_gives_the_same_bits) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.epochs = 60;
  config.optimiser = "momentum";
  const Whole expected = whole(folder, config);
  RunRecord r;
  int stops = 0;
  for (int pause = 1;; ++pause) {
    std::atomic<bool> stop = false;
    std::thread watch;
    TrainHooks hooks;
    hooks.stop = &stop;
    hooks.before = [&](const RunRecord&) {
      watch = std::thread([&stop, pause] {
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        stop = true;
      });
    };
    r = train(config, folder.path("stopped"), true, hooks);
    watch.join();
    if (!r.interrupted) break;
    ++stops;
  }
  RecordProperty("stops", stops);
  EXPECT_EQ(numbers_of(r), expected.numbers) << stops << " stops";
  EXPECT_EQ(folder.read("stopped/model.safetensors"), expected.weights) << stops << " stops";
}

TEST(Resume, with_averages_groups_parts_and_clipping_gives_the_same_bits) {
  const auto set = [](auto change) {
    TrainConfig c = small_config();
    change(c);
    return c;
  };
  const TrainConfig configs[] = {
      set([](TrainConfig& c) { c.average = "ema(0.9)"; }),
      set([](TrainConfig& c) { c.average = "swa(0.2)", c.optimiser = "sgd"; }),
      set([](TrainConfig& c) { c.accumulate = 3, c.clip_value = 0.01; }),
      set([](TrainConfig& c) { c.optimiser = "muon", c.drop_last = true; }),
      set([](TrainConfig& c) { c.precision = "fp16", c.average = "ema"; }),
      set([](TrainConfig& c) { c.dropout = 0.3, c.patience = 100, c.label_smoothing = 0.1; }),
      set([](TrainConfig& c) {
        c.groups = {"bias: weight_decay=0, lr=0.1", "0.weight: frozen", "2: method=momentum"};
        c.optimiser = "adamw", c.schedule = "warmup(5)+cosine", c.average = "ema";
        c.accumulate = 2, c.clip_norm = 0.5;
      })};
  for (size_t i = 0; i < std::size(configs); ++i) {
    const Scratch folder;
    TrainConfig config = configs[i];
    const Whole expected = whole(folder, config);
    config.checkpoint_every = 5;
    run_and_kill(config, folder.path("killed"), 3);
    EXPECT_FALSE(fs::is_empty(folder.path("killed/checkpoints")));
    EXPECT_EQ(numbers_of(train(config, folder.path("killed"), true)), expected.numbers) << i;
    EXPECT_EQ(folder.read("killed/model.safetensors"), expected.weights) << i;
  }
}

TEST(Resume, of_a_finished_run_changes_nothing) {
  const Scratch folder;
  const TrainConfig config = small_config();
  const Whole expected = whole(folder, config);
  EXPECT_EQ(numbers_of(train(config, folder.path("whole"), true)), expected.numbers);
  EXPECT_EQ(folder.read("whole/model.safetensors"), expected.weights);
}

TEST(Resume, passes_over_a_broken_newest_checkpoint_with_a_note) {
  const Scratch folder;
  TrainConfig config = small_config();
  const Whole expected = whole(folder, config);
  config.checkpoint_every = 5;
  run_and_kill(config, folder.path("killed"), 2);
  const std::string good = folder.read("killed/checkpoints/step-15.safetensors");
  const auto flipped = [&](size_t at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x04);
    return bad;
  };
  std::vector<std::string> broken{"", "no checkpoint", good.substr(0, good.size() / 2),
                                  good.substr(0, good.size() - 1), good + "x"};
  for (size_t at : {good.size() - 1, good.size() * 3 / 4, good.size() / 2, size_t{1}})
    broken.push_back(flipped(at));
  const size_t config_at = good.find("cross-entropy"), type_at = good.find("\"F32\"");
  ASSERT_NE(config_at, std::string::npos);
  ASSERT_NE(type_at, std::string::npos);
  broken.push_back(flipped(config_at));
  broken.push_back(flipped(type_at + 1));
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string name = "broken" + std::to_string(i);
    fs::copy(folder.path("killed"), folder.path(name), fs::copy_options::recursive);
    folder.write(name + "/checkpoints/step-15.safetensors", broken[i]);
    std::vector<std::string> notes;
    TrainHooks hooks;
    hooks.note = [&](const std::string& line) { notes.push_back(line); };
    EXPECT_EQ(numbers_of(train(config, folder.path(name), true, hooks)), expected.numbers) << i;
    EXPECT_EQ(folder.read(name + "/model.safetensors"), expected.weights) << i;
    ASSERT_EQ(notes.size(), 1u) << i;
    EXPECT_THAT(notes[0], testing::StartsWith("passed over "));
    EXPECT_THAT(notes[0], HasSubstr("step-15.safetensors"));
  }
}

TEST(Resume, keeps_the_two_newest_checkpoints) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.checkpoint_every = 9;
  train(config, folder.path("run"), false);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path("run/checkpoints")))
    names.push_back(entry.path().filename().string());
  EXPECT_THAT(names, testing::UnorderedElementsAre("step-45.safetensors", "step-48.safetensors"));
}

TEST(Resume, with_other_settings_is_refused) {
  const Scratch folder;
  const TrainConfig config = small_config();
  train(config, folder.path("run"), false);
  const std::string weights = folder.read("run/model.safetensors");
  const std::string toml = folder.read("run/run.toml");
  const auto change = [&](auto set) {
    TrainConfig other = config;
    set(other);
    return error_of([&] { train(other, folder.path("run"), true); });
  };
  for (const std::string& message :
       {change([](TrainConfig& c) { c.lr = 0.5; }), change([](TrainConfig& c) { c.seed = 4; }),
        change([](TrainConfig& c) { c.epochs = 7; }),
        change([](TrainConfig& c) { c.model = "mlp:2-9-2"; }),
        change([](TrainConfig& c) { c.optimiser = "sgd"; }),
        change([](TrainConfig& c) { c.val = 0.2; })}) {
    EXPECT_THAT(message, testing::StartsWith("usage: train: "));
    EXPECT_THAT(message, HasSubstr("was made by other settings"));
  }
  EXPECT_EQ(folder.read("run/model.safetensors"), weights);
  EXPECT_EQ(folder.read("run/run.toml"), toml);
}

TEST(Resume, remembers_what_a_plateau_has_seen_and_what_was_clipped) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.schedule = "plateau(0.5,0,0.5)";
  config.clip_norm = 0.5;
  const Whole expected = whole(folder, config);
  config.checkpoint_every = 7;
  run_and_kill(config, folder.path("killed"), 4);
  const RunRecord r = train(config, folder.path("killed"), true);
  EXPECT_EQ(numbers_of(r), expected.numbers);
  EXPECT_EQ(folder.read("killed/model.safetensors"), expected.weights);
}

TEST(Resume, without_data_takes_the_settings_of_the_run) {
  const Scratch folder;
  TrainConfig config = small_config();
  config.lr = 0.02;
  const Whole expected = whole(folder, config);
  config.checkpoint_every = 5;
  run_and_kill(config, folder.path("killed"), 2);
  EXPECT_EQ(numbers_of(train(TrainConfig{}, folder.path("killed"), true)), expected.numbers);
}

}  // namespace
}  // namespace gradus
