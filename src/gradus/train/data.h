// A data set in memory, from a generator or a file: rows of features and what to predict.
#pragma once

#include <gradus/train/config.h>

namespace gradus {

enum class Task { classification, regression };

struct Dataset {
  std::string source;
  Task task = Task::classification;
  int64_t examples = 0, features = 0;
  std::vector<float> x;       // examples rows of features
  std::vector<int64_t> y;     // classes
  std::vector<float> target;  // regression
  std::vector<std::string> feature_names, class_names;
  std::string label_name;  // of a CSV with a header; then feature_names are its names too
  std::string left_out;    // "'age', 'pay'": columns of a CSV that were not there in training
  int64_t incomplete = 0;  // rows of a CSV left out because they lack a value
  int64_t image_rows = 0, image_cols = 0;  // 0 where an example is not a picture

  // Planes of a picture: 1 grey, 3 red, green and blue.
  int64_t channels() const { return image_rows > 0 ? features / (image_rows * image_cols) : 0; }
  int64_t classes() const { return static_cast<int64_t>(class_names.size()); }
  std::span<const float> row(int64_t i) const {
    return {x.data() + i * features, static_cast<size_t>(features)};
  }
};

// Reads config.data. When `like` is given, its columns, classes and task are used: a validation
// file, or data for eval and predict. Columns of a CSV with a header are those of the same names,
// wherever they stand; what else there is, is left out. `labelled` false reads no labels from it.
Dataset load_dataset(const TrainConfig& config, const std::string& source, uint64_t seed,
                     const Dataset* like = nullptr, bool labelled = true);

// These rows, in this order.
Dataset pick(const Dataset& data, std::span<const int64_t> rows);

// (x - mean) / scale for each feature; scale is the standard deviation, or 1 where that is 0.
struct Scaling {
  std::vector<double> mean, scale;
  void apply(Dataset& data) const;
};
// Of pictures `by_plane`, one mean and one scale for all pixels of a plane.
Scaling scaling_of(const Dataset& data, bool by_plane = false);

}  // namespace gradus
