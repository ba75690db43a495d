// How a model is called: training or evaluating, with which random key, and what it tells about its
// running statistics. Layers that care take a Pass& as their last argument.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

// A running statistic of a layer, such as the mean that batch normalisation keeps. It is saved with
// the parameters; a call in training announces its next value, and gradients leave it alone.
struct Statistic {
  Tensor value;
};

class Pass {
 public:
  // Evaluation: dropout does nothing, and normalisation uses what it has kept.
  Pass() = default;
  // Training. The key, i64[2] (ops/random.h), may be absent where nothing is drawn.
  static Pass training(Tensor key = {});

  bool is_training() const { return training_; }
  // Another child of the key at every call, in the order of the calls. Raises a usage error that
  // names `who` when there is none.
  Tensor next_key(std::string_view who);
  // The value that `statistic` has after this call. The module it belongs to must outlive the pass.
  void update(const Statistic& statistic, Tensor value);
  // What was announced for it last, or its own value.
  const Tensor& after(const Statistic& statistic) const;
  // What was announced for `from` counts for `to` from now on: `from` is a copy that ends.
  void move_update(const Statistic& from, const Statistic& to);

 private:
  bool training_ = false;
  Tensor key_;
  int64_t drawn_ = 0;
  std::vector<std::pair<const Statistic*, Tensor>> updates_;
};

}  // namespace gradus
