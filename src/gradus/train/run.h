// The record of one training run: what `gradus train` writes down, and everything that the
// report, the reading and the terminal's tables know about it. NaN means "not measured".
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

// One line of metrics.jsonl. Losses are means per example; accuracies are shares, 0 to 1.
struct EpochRecord {
  int64_t epoch = 0, step = 0;  // both counted from 1: epochs and steps finished
  double train_loss = not_measured, train_accuracy = not_measured;
  double val_loss = not_measured, val_accuracy = not_measured;
  std::vector<double> train_more, val_more;  // of RunRecord::metrics
  std::vector<double> grad_norm;             // per layer, input first; mean over the epoch's steps
  double update_ratio = not_measured;        // |change of the weights in a step| / |weights|, mean
  double seconds = 0;                        // since training began
};

// Singular values of one weight matrix, largest first.
struct LayerSpectrum {
  std::string name;
  std::vector<double> before, after;
};

// A validation example that the network got wrong.
struct Mistake {
  int64_t index = 0;  // row in the validation set
  int64_t label = 0, predicted = 0;
  double confidence = not_measured;  // probability given to `predicted`
  std::vector<float> x;              // features as they were read, before any scaling
};

struct RunRecord {
  std::string name;
  std::string task;  // classification, binary or regression
  std::string data_source, model, activation, loss_name, optimiser;
  std::string unit = "examples";     // what speed is counted in
  std::vector<std::string> metrics;  // what is counted beside loss and accuracy
  // Everything resolved, in print order. The keys lr, batch, epochs, threads, simd and version
  // are looked up by name where a sentence needs them.
  std::vector<std::pair<std::string, std::string>> config;
  std::string command;  // what to type to run it again; may be empty
  uint64_t seed = 0;
  int64_t parameters = 0, train_count = 0, val_count = 0, classes = 0;
  double start_loss = not_measured;  // on training data, before the first step
  // Of the best constant answer: the entropy of the classes (ln k where they are even), or the
  // variance of the targets.
  double chance_loss = not_measured;
  double seconds = 0;
  int64_t steps = 0;
  std::vector<std::string> layer_names;  // of EpochRecord::grad_norm
  std::vector<EpochRecord> epochs;
  std::vector<double> step_loss;  // every step, or evenly thinned to at most 2000
  std::vector<LayerSpectrum> spectra;
  std::vector<std::vector<int64_t>> confusion;  // [true][predicted], on validation data
  std::vector<std::string> class_names;
  std::vector<Mistake> mistakes;           // the most confident first
  int64_t image_rows = 0, image_cols = 0;  // 0 where an example is not a picture
  bool diverged = false;
  int64_t diverged_step = -1;  // counted from 1
  bool interrupted = false;
  int64_t clipped_steps = -1;  // below 0: gradients were not clipped
  int64_t best_epoch = 0;      // above 0: an early stop went back to its weights
  double loss_scale = 0;       // above 0: where f16's ended
  int64_t skipped_steps = 0;   // whose gradients overflowed f16
  double units_per_second = not_measured;
  double peak_share = not_measured;  // of the machine's measured multiply-adds
  int64_t peak_bytes = 0;            // the most that tensors and plans of the process held
  // Of the validation accuracy, a 95 % interval; of its confidence, the expected calibration error.
  double accuracy_low = not_measured, accuracy_high = not_measured;
  double calibration_error = not_measured;
  // With the final weights.
  double val_loss = not_measured, val_accuracy = not_measured;
  double train_loss = not_measured, train_accuracy = not_measured;
};

// The value of a configuration key, or an empty text.
std::string_view setting(const RunRecord& run, std::string_view key);
// The class's name, or its number where it has none.
std::string class_name(const RunRecord& run, int64_t label);
// The name of a row of EpochRecord::grad_norm; a bare number becomes "layer 2".
std::string layer_name(const RunRecord& run, std::size_t i);

// Numbers as people read them: three significant digits ("2.31", "0.041", "1.2e-07").
std::string brief(double x);
// A share as a percentage with one decimal: "98.7 %"; below 0.1 % with two significant digits.
std::string percent(double share);
// "1 epoch", "1 200 steps".
std::string counted(int64_t n, std::string_view noun);
// 0:02, 12:30, 1:02:03.
std::string clock_time(double seconds);

}  // namespace gradus
