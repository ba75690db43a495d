// Recipes that learn what they are made for.
#include <gmock/gmock.h>
#include <gradus/train/sequences.h>
#include <gtest/gtest.h>
#include <train/runs.h>

namespace gradus {
namespace {

TEST(Recipes, lenet5_learns_drawn_digits) {
  const Scratch folder;
  TrainConfig c = config_of("lenet5");
  c.examples = 2500;
  c.epochs = 5;
  const RunRecord r = train(c, folder.path("run"), false);
  EXPECT_EQ(r.parameters, 61706);
  EXPECT_EQ(r.model, "LeNet-5");
  EXPECT_THAT(r.layer_names, testing::ElementsAre("conv1", "conv2", "fc1", "fc2", "fc3"));
  EXPECT_GT(r.val_accuracy, 0.93);
  const TrainedRun run = load_run(folder.path("run"));
  Dataset fresh = load_dataset(run.config, "digits28", 99, &run.like);
  std::vector<int64_t> rows(500);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  fresh = pick(fresh, rows);
  run.scaling.apply(fresh);
  EXPECT_GT(evaluate(run.model, fresh, run.loss).accuracy, 0.93);
}

TEST(Recipes, a_small_transformer_learns_to_copy_and_a_run_answers) {
  const Scratch folder;
  TrainConfig c = config_of("seq2seq-copy");
  c.model = "transformer:1-2-32";
  c.examples = 3000, c.epochs = 6, c.lr = 5e-3;
  const RunRecord run = train(c, folder.path("run"), false);
  EXPECT_LT(run.val_loss, run.chance_loss / 2);
  const auto found = transform(folder.path("run"), "314", 3);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_GE(found[0].second, found[1].second);
  EXPECT_LE(found[0].second, 0);
}

}  // namespace
}  // namespace gradus
