// Recipes: what each trains, the same bits with any number of threads and after a kill.
#include <gmock/gmock.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gtest/gtest.h>
#include <train/runs.h>

namespace gradus {
namespace {

TEST(Recipes, have_names_of_their_own_and_say_what_they_are) {
  for (const Recipe& r : recipes()) {
    EXPECT_EQ(find_recipe(r.name), &r);
    EXPECT_GT(r.says.size(), 10u) << r.name;
    TrainConfig c;
    r.defaults(c);
    EXPECT_FALSE(c.data.empty()) << r.name;
  }
  EXPECT_EQ(find_recipe("lenet"), nullptr);
}

TEST(Recipes, of_the_perceptron_are_no_descent) {
  const Scratch folder;
  EXPECT_EQ(
      error_of([&] { train(config_of("perceptron-and"), folder.path("run"), false); }),
      "usage: train: perceptron-and is no descent of a loss. gradus train perceptron-and runs "
      "it.");
}

// Running statistics, augmentation, an average, the last smaller batch.
TrainConfig small_resnet() {
  TrainConfig c = config_of("resnet20");
  c.model = "resnet8";
  c.examples = 44;
  c.epochs = 2;
  c.batch = 16;
  c.average = "ema(0.9)";
  return c;
}

TEST(Recipes, of_residual_networks_give_the_same_bits_with_any_number_of_threads) {
  const Scratch folder;
  const int before = thread_count();
  std::vector<std::string> weights;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const std::string name = "run" + std::to_string(threads);
    train(small_resnet(), folder.path(name), false);
    weights.push_back(folder.read(name + "/model.safetensors"));
  }
  set_thread_count(before);
  EXPECT_THAT(weights, testing::Each(weights[0]));
}

struct Killed {};

TEST(Recipes, go_on_after_a_kill_with_running_statistics_and_augmentation) {
  const Scratch folder;
  TrainConfig c = small_resnet();
  const RunRecord whole = train(c, folder.path("whole"), false);
  EXPECT_EQ(whole.steps, 6);
  for (int64_t at : {1, 2, 3, 5}) {
    const std::string name = "killed" + std::to_string(at);
    c.checkpoint_every = 1;
    TrainHooks hooks;
    hooks.step = [&](int64_t step, double) {
      if (step == at + 1) throw Killed();
    };
    EXPECT_THROW(train(c, folder.path(name), true, hooks), Killed);
    EXPECT_EQ(numbers_of(train(c, folder.path(name), true)), numbers_of(whole)) << at;
    EXPECT_EQ(folder.read(name + "/model.safetensors"), folder.read("whole/model.safetensors"))
        << at;
  }
}

TEST(Recipes, save_running_statistics_beside_the_weights) {
  const Scratch folder;
  train(small_resnet(), folder.path("run"), false);
  const Model model = load_run(folder.path("run")).model;
  ASSERT_GT(statistics(model).size(), 0u);
  double moved = 0;
  for (const auto& [name, x] : state_dict(model))
    if (name == "bn1.running_mean")
      for (double v : numbers(x)) moved += std::abs(v);
  EXPECT_GT(moved, 0) << "the mean began at 0";
}

TEST(Recipes, refuse_pictures_that_do_not_fit) {
  const Scratch folder;
  TrainConfig c = config_of("lenet5");
  c.data = "digits";
  EXPECT_EQ(
      error_of([&] { train(c, folder.path("run"), false); }),
      "usage: train: the model lenet5 takes grey pictures of 28x28, but digits has 1 planes of "
      "8x8. Choose another --model.");
  c.data = "moons";
  EXPECT_EQ(
      error_of([&] { train(c, folder.path("run"), false); }),
      "usage: train: the model lenet5 takes grey pictures of 28x28, but moons has 2 features. "
      "Choose another --model.");
  TrainConfig m = small_config();
  m.augment = "flip";
  EXPECT_EQ(
      error_of([&] { train(m, folder.path("run"), false); }),
      "usage: train: --augment changes pictures, but the examples of moons are none. Leave it "
      "out.");
}

}  // namespace
}  // namespace gradus
