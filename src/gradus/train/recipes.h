// What can be trained by name: a recipe makes, from a configuration alone, the model, its data, the
// loss and what is counted. The loop in trainer.cpp knows nothing else of what it trains.
#pragma once

#include <gradus/nn/model.h>
#include <gradus/train/config.h>
#include <gradus/train/examples.h>
#include <gradus/train/run.h>
#include <gradus/train/step.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// How a model does on some rows.
struct Measured {
  double loss = not_measured;
  double accuracy = not_measured;  // a share
  std::vector<double> more;        // one for each of Assignment::metrics
};

// The means over the first rows, `most` at most; `of` gives those of one batch of `at_once` rows.
Measured mean_over(const Examples& rows, int64_t most, int64_t at_once,
                   const std::function<Measured(const Rows& batch)>& of);

// KIND:N-N-N, as --model names what has sizes.
struct ModelWord {
  std::string kind;
  std::vector<int64_t> sizes;
};
// No sizes where one of them is no whole number from 1 to `most`.
ModelWord parse_model_word(std::string_view text, int64_t most);

// One thing to train.
class Assignment {
 public:
  virtual ~Assignment() = default;

  Model model;  // before the first step
  std::shared_ptr<const Examples> training;
  std::shared_ptr<const Examples> validation;  // null when nothing is held out
  StepLoss<Model> loss;                        // a mean over rows
  bool draws = false;                          // a call in training takes a random key
  std::vector<std::string> metrics;            // beside loss and accuracy: "perplexity"
  std::vector<std::string> notes;              // lines about something passed over

  // On up to so many rows, evaluating. As it stands: the loss in batches, and nothing more.
  virtual Measured measure(const Model& model, const Examples& rows, int64_t most) const;
  // Task, names of classes, chance: whatever the record of the run says of them.
  virtual void describe(RunRecord&) const {}
  // After training: the confusion matrix, the worst mistakes.
  virtual void conclude(const Model&, RunRecord&) const {}
  // What run.toml keeps for those who use the run, under "resolved." or "scaling.".
  virtual TomlEntries resolved() const { return {}; }
};

// What a recipe learns from: two inputs of 0 or 1, a table or pictures, a text letter by letter,
// its words, or pairs of sequences.
enum class Material { truth_table, examples, text, words, pairs };

struct Recipe {
  std::string_view name, says;
  Material material;
  // Sets its own data, model, optimiser, epochs; flags are laid over it.
  void (*defaults)(TrainConfig&);
  // Settles what the configuration leaves open. The same for equal configurations. Null: it is no
  // descent of a loss, and the program runs it whole.
  std::unique_ptr<Assignment> (*assign)(TrainConfig&);
};

// To add a recipe: a line in recipes.cpp.
std::span<const Recipe> recipes();
// Null when there is none of this name.
const Recipe* find_recipe(std::string_view name);

}  // namespace gradus
