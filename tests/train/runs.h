// Small runs for the tests of training: where they write, what they give.
#pragma once

#include <gradus/train/recipes.h>
#include <gradus/train/trainer.h>
#include <gtest/gtest.h>
#include <io/scratch.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// Eight steps an epoch: seven of 25 rows and one of 5, so every plan is used.
inline TrainConfig small_config() {
  TrainConfig c;
  c.data = "moons";
  c.examples = 200;
  c.epochs = 6;
  c.batch = 25;
  c.model = "mlp:2-8-2";
  c.seed = 3;
  return c;
}

inline TrainConfig config_of(std::string_view recipe) {
  TrainConfig c;
  const Recipe* r = find_recipe(recipe);
  EXPECT_NE(r, nullptr) << recipe;
  c.recipe = recipe;
  r->defaults(c);
  return c;
}

// What must not depend on how a run got to its end: NaN counts as equal to NaN.
inline std::vector<double> numbers_of(const RunRecord& r) {
  std::vector<double> all{r.start_loss,
                          r.chance_loss,
                          r.val_loss,
                          r.val_accuracy,
                          r.train_loss,
                          r.train_accuracy,
                          static_cast<double>(r.steps)};
  for (const EpochRecord& e : r.epochs) {
    for (double v : {static_cast<double>(e.epoch), static_cast<double>(e.step), e.train_loss,
                     e.train_accuracy, e.val_loss, e.val_accuracy, e.update_ratio})
      all.push_back(v);
    all.insert(all.end(), e.grad_norm.begin(), e.grad_norm.end());
  }
  all.insert(all.end(), r.step_loss.begin(), r.step_loss.end());
  for (double& v : all)
    if (std::isnan(v)) v = -12345;
  return all;
}

}  // namespace gradus
