// Everything that decides a training run, as flags give it and run.toml keeps it.
#pragma once

#include <gradus/io/toml.h>
#include <gradus/nn/mlp.h>
#include <gradus/optim/gradients.h>

namespace gradus {

struct TrainConfig {
  std::string recipe;  // a name of recipes.h; empty: a table of rows
  // Data: a generator's name, or a file.
  std::string data;
  std::string labels;               // IDX or npy: the file of labels
  std::string label;                // CSV: the label column by name or place; npz: its array
  std::vector<std::string> ignore;  // CSV columns left out
  std::string missing = "error";    // error, drop (the rows) or mean (of the column)
  std::string validation;           // a file of its own instead of a part of the data
  int64_t examples = 0;             // from a generator; 0: its usual count
  double val = 0.1;                 // the share held out
  bool standardise = true;
  // Model and loss; empty: chosen for the data.
  std::string model, activation, init = "he", loss;
  double init_gain = 1;
  double dropout = 0;  // the share of hidden units left out of a step
  std::string optimiser = "adam";
  double lr = 0;                            // 0: the method's own default
  double momentum = -1, weight_decay = -1;  // below 0: the method's own default
  std::string schedule;                     // what multiplies lr, as parse_schedule reads it
  double clip_norm = 0, clip_value = 0;     // 0: gradients are not clipped
  // Rules of their own for some parameters, as grouping_of reads them.
  std::vector<std::string> groups;
  std::string average;     // of the weights, as parse_average reads it; empty: none
  int64_t accumulate = 1;  // batches whose gradients make one step
  bool drop_last = false;  // leave out the last batch of an epoch where it is smaller
  int64_t epochs = 20, batch = 64;
  uint64_t seed = 0;
  int64_t checkpoint_every = 1000;  // steps; 0: only at the end
  std::string recompute;  // sqrt or bytes: values of a step are computed again rather than kept
  bool shuffle_labels = false;  // trains on labels in random order: a control experiment
  // Against overfitting. Penalties are l1 sum |w| + l2/2 sum w^2 over weights that are no vectors.
  double label_smoothing = 0, mixup = 0, l1 = 0, l2 = 0;
  std::string augment;   // of pictures, as parse_augmentation reads it
  int64_t patience = 0;  // epochs without a better validation loss before a run ends; 0: any
  std::string precision = "f32";  // of the products of a step: f32, bf16 or fp16
};

// Dotted keys and values, in print order. `paths` leaves out what may differ between equal runs.
TomlEntries entries_of(const TrainConfig& config, bool paths = true);
// The same without rare settings that are at their defaults.
TomlEntries said_entries(const TrainConfig& config, bool paths = true);
// Sets what the entries name; raises an error that names an unknown or misplaced key.
void apply_entries(TrainConfig& config, const TomlEntries& entries, const std::string& file);
OptimiserConfig optimiser_of(const TrainConfig& config);
// The rule of each parameter. A group is "PLACE: SETTING, ...": the place is the beginning or the
// end of parameter names ("2", "bias", "0.weight"), a setting is frozen, method=NAME or a
// hyperparameter, such as lr=0.01; a later group changes what the earlier ones left. muon moves
// matrices, and vectors are left to adamw without decay. No groups: one rule for all.
Grouping grouping_of(const TrainConfig& config, const StateDict& parameters);
// One JSON object of everything that decides the weights, without paths: the same for equal runs.
std::string config_json(const TrainConfig& config);

}  // namespace gradus
