// Slices of a loss: along and around weights, and on the straight path between two sets of them.
#pragma once

#include <gradus/base/random.h>
#include <gradus/diff/diff.h>

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// A drawn direction whose every filter is as long as that of the weights, so that slices of
// different networks compare: a row of a matrix, or of whatever has several axes. Vectors, such as
// biases, stay where they are (Li et al. 2018, Visualizing the Loss Landscape of Neural Nets).
std::vector<Tensor> filter_normalised(Key key, std::span<const Tensor> params);

// loss(params + t direction) for `count` t, evenly from low to high.
struct LossLine {
  std::vector<double> t, loss;
};
LossLine loss_along(const Function& loss, std::span<const Tensor> params,
                    std::span<const Tensor> direction, double low, double high, int64_t count);

// loss(params + s first + t second); row i is for t[i], from low to high.
struct LossPlane {
  std::vector<double> s, t;
  std::vector<std::vector<double>> loss;
};
LossPlane loss_around(const Function& loss, std::span<const Tensor> params,
                      std::span<const Tensor> first, std::span<const Tensor> second, double reach,
                      int64_t count);

// On the way (1 - t) a + t b: the most that the loss rises above the straight line between its
// values at the ends (Frankle et al. 2020, Linear Mode Connectivity). 0: the minima are connected.
struct Barrier {
  LossLine path;
  double height = 0, at = 0;
};
Barrier barrier_between(const Function& loss, std::span<const Tensor> a, std::span<const Tensor> b,
                        int64_t count);

}  // namespace gradus
