// Rows of a data set as something to train on: classes, yes or no, or amounts from numbers or
// pictures; what a trained run answers, and how good its answers are.
#pragma once

#include <gradus/train/augment.h>
#include <gradus/train/data.h>
#include <gradus/train/recipes.h>

namespace gradus {

// What is done to rows in training alone.
struct RowChanges {
  Augmentation augmentation = {};   // of pictures
  std::vector<float> outside = {};  // what lies beyond the edge of each plane
  // Above 0, mixup (Zhang et al. 2018): all rows of a batch become l row + (1 - l) other row,
  // targets too, the others being the batch shuffled; l is drawn from Beta(mixup, mixup).
  double mixup = 0;
};

// The rows of a data set. x is f32 (rows, features); targets are one-hot classes, one probability,
// or the amount.
class DataRows : public Examples {
 public:
  DataRows(Dataset data, std::string loss, RowChanges changes = {});
  int64_t count() const override { return data_.examples; }
  Type x(int64_t rows) const override { return {DType::f32, {rows, data_.features}}; }
  Type target(int64_t rows) const override { return {DType::f32, {rows, outputs_}}; }
  void fill(std::span<const int64_t> rows, std::span<std::byte> x, std::span<std::byte> target,
            std::optional<Key> key) const override;
  const Dataset& data() const { return data_; }

 private:
  Dataset data_;
  std::string loss_;
  int64_t outputs_;
  RowChanges changes_;
};

// Training on config.data with config.model.
std::unique_ptr<Assignment> assign_table(TrainConfig& config);

// A trained model with what its data must look like.
struct TrainedRun {
  TrainConfig config;
  Dataset like;  // no rows: columns, classes and task
  Scaling scaling;
  Model model;
  std::string loss;
};
// Reads DIR/run.toml and DIR/model.safetensors.
TrainedRun load_run(const std::string& folder);
// The mean loss as training takes it.
Tensor table_loss(std::string_view loss, const Tensor& scores, const Tensor& target,
                  double label_smoothing = 0);
// Scores of scaled rows: logits, one row an example.
Tensor scores(const Model& model, const Dataset& data);
// The features as one row an example, and the mean loss of these rows as training takes it.
Tensor feature_tensor(const Dataset& data);
Tensor loss_on(const Model& model, const Tensor& features, const Dataset& data,
               std::string_view loss);

struct Evaluation {
  double loss = not_measured, accuracy = not_measured, r_squared = not_measured;
  int64_t examples = 0;
  std::vector<int64_t> predicted;     // classes
  std::vector<double> probabilities;  // of every class, a row an example
  std::vector<double> confidence;     // of the predicted class
  std::vector<float> values;          // regression
};
Evaluation evaluate(const Model& model, const Dataset& data, std::string_view loss);

// How sure one may be of an evaluation of classes.
struct Certainty {
  // Expected calibration error: how far the confidence is from the share that is right, on average.
  double calibration_error = not_measured;
  // Of the accuracy: 95 % of resamples of the examples lie between; Wilson's 95 % interval where
  // all answers are right, or none. Not measured where a confidence is no number.
  double low = not_measured, high = not_measured;
};
Certainty certainty(const Evaluation& e, std::span<const int64_t> truth, Key key);

}  // namespace gradus
