#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/metrics.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

namespace gradus {
namespace {

void require_pairs(const char* metric, size_t predicted, size_t truth) {
  if (predicted != truth)
    raise(ErrorKind::shape, std::string(metric) + ": " + std::to_string(predicted) +
                                " predictions for " + std::to_string(truth) +
                                " targets. There is one prediction for each target.");
}

}  // namespace

std::vector<int64_t> predicted_classes(const Tensor& logits) {
  if (logits.rank() == 0)
    raise(ErrorKind::shape, "predicted_classes: " + to_string(logits.type()) +
                                " has no axis of classes. Logits are (rows, classes).");
  if (logits.shape().back() == 1) return values<int64_t>(cast(logits > 0.0, DType::i64));
  return values<int64_t>(argmax(logits, -1));
}

double accuracy(std::span<const int64_t> predicted, std::span<const int64_t> truth) {
  require_pairs("accuracy", predicted.size(), truth.size());
  int64_t right = 0;
  for (size_t i = 0; i < truth.size(); ++i) right += predicted[i] == truth[i];
  return static_cast<double>(right) / static_cast<double>(truth.size());
}

std::vector<std::vector<int64_t>> confusion(std::span<const int64_t> predicted,
                                            std::span<const int64_t> truth, int64_t classes) {
  require_pairs("confusion", predicted.size(), truth.size());
  std::vector counts(static_cast<size_t>(classes),
                     std::vector<int64_t>(static_cast<size_t>(classes)));
  for (size_t i = 0; i < truth.size(); ++i) {
    for (int64_t c : {truth[i], predicted[i]})
      if (c < 0 || c >= classes)
        raise(ErrorKind::domain, "confusion: class " + std::to_string(c) + " in row " +
                                     std::to_string(i) + ". Classes run from 0 to " +
                                     std::to_string(classes - 1) + ".");
    ++counts[static_cast<size_t>(truth[i])][static_cast<size_t>(predicted[i])];
  }
  return counts;
}

double r_squared(std::span<const double> prediction, std::span<const double> target) {
  require_pairs("r_squared", prediction.size(), target.size());
  double mean = 0;
  for (double y : target) mean += y / static_cast<double>(target.size());
  double missed = 0, spread = 0;
  for (size_t i = 0; i < target.size(); ++i) {
    missed += (target[i] - prediction[i]) * (target[i] - prediction[i]);
    spread += (target[i] - mean) * (target[i] - mean);
  }
  return 1 - missed / spread;
}

}  // namespace gradus
