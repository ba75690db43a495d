// The data of the guide's regression rows: numpy.random.RandomState(42), 100 rows of 10 columns, of
// which five count, and noise of 0.5.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/buffer.h>

#include <vector>

namespace gradus {

struct Sample {
  Tensor x, y;
};

inline Sample sample42() {
  constexpr double truth[] = {1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  RandomState state(42);
  const std::vector<double> x = state.randn(1000), noise = state.randn(100);
  std::vector<double> y;
  for (size_t i = 0; i < 100; ++i) {
    double sum = 0.5 * noise[i];
    for (size_t j = 0; j < 10; ++j) sum += x[i * 10 + j] * truth[j];
    y.push_back(sum);
  }
  return {from_vector(x, {100, 10}), from_vector(y)};
}

}  // namespace gradus
