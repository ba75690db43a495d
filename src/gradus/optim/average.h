// Averages of the weights that go along with a run: what a run is judged by and leaves behind.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <string_view>

namespace gradus {

// The exponential moving average, or stochastic weight averaging (Izmailov et al. 2018). The first
// value is the first point.
struct WeightAverage {
  enum Kind { none, ema, swa } kind = none;
  // ema: at most this; (n + 1) / (n + 10) after n updates, so that a short run forgets its start.
  double decay = 0.999;
  int64_t from = 0;  // swa: updates before the first point that counts
};
// The average after the update that gave `params`, where `count`, one number of their type, is the
// updates before it.
Tensor averaged(const WeightAverage& rule, const Tensor& average, const Tensor& params,
                const Tensor& count);
// "ema", "ema(0.99)", "swa" or "swa(0.5)", the last with the share of `total` updates that pass
// before it begins, 0.75 if none is named. Raises a usage error.
WeightAverage parse_average(std::string_view word, int64_t total = 0);

}  // namespace gradus
