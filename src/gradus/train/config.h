// Everything that decides a training run, as flags give it and run.toml keeps it.
#pragma once

#include <gradus/io/toml.h>
#include <gradus/nn/mlp.h>
#include <gradus/optim/optimiser.h>

namespace gradus {

struct TrainConfig {
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
  std::string optimiser = "adam";
  double lr = 0;                            // 0: the method's own default
  double momentum = -1, weight_decay = -1;  // below 0: the method's own default
  std::string schedule;                     // what multiplies lr, as parse_schedule reads it
  double clip_norm = 0;                     // 0: gradients are not clipped
  int64_t epochs = 20, batch = 64;
  uint64_t seed = 0;
  int64_t checkpoint_every = 1000;  // steps; 0: only at the end
  std::string recompute;  // sqrt or bytes: values of a step are computed again rather than kept
  bool shuffle_labels = false;  // trains on labels in random order: a control experiment
};

// Dotted keys and values, in print order. `paths` leaves out what may differ between equal runs.
TomlEntries entries_of(const TrainConfig& config, bool paths = true);
// Sets what the entries name; raises an error that names an unknown or misplaced key.
void apply_entries(TrainConfig& config, const TomlEntries& entries, const std::string& file);
OptimiserConfig optimiser_of(const TrainConfig& config);
// One JSON object of everything that decides the weights, without paths: the same for equal runs.
std::string config_json(const TrainConfig& config);

}  // namespace gradus
