// What is done to gradients and weights around an update, pure and written in tensor ops: clipping,
// accumulation over small batches, and rules of their own for some parameters.
#pragma once

#include <gradus/optim/optimiser.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

// `acted` is one number of the gradients' type, to be added up over steps.
struct Clipped {
  std::vector<Tensor> grads;
  Tensor norm;   // of all gradients together, before
  Tensor acted;  // 1 where something was changed, 0 where not
};
// All gradients times min(1, limit / |g|): the direction stays. limit > 0.
Clipped clip_by_norm(std::span<const Tensor> grads, double limit);
// Every number to [-limit, limit]: the direction changes. limit > 0.
Clipped clip_by_value(std::span<const Tensor> grads, double limit);
// Every row of a matrix, or every vector, so that |g| <= ratio max(|p|, floor) (Brock et al. 2021,
// High-Performance Large-Scale Image Recognition Without Normalization, equation 3).
Clipped clip_adaptive(std::span<const Tensor> params, std::span<const Tensor> grads, double ratio,
                      double floor = 1e-3);

// The gradient of the mean over a large batch, from the means over its parts.
struct Accumulated {
  std::vector<Tensor> sums;
  double examples = 0;
};
Accumulated accumulate(Accumulated so_far, std::span<const Tensor> grads, double examples);
std::vector<Tensor> mean_gradients(const Accumulated& all);

// Parameters that follow a rule of their own, or stay as they are.
struct ParameterGroup {
  OptimiserConfig rule;
  bool frozen = false;
};
struct Grouping {
  std::vector<ParameterGroup> groups;
  std::vector<size_t> group_of;  // for each parameter
};
using GroupState = std::vector<std::vector<Tensor>>;  // for each parameter; none where frozen
struct GroupUpdate {
  std::vector<Tensor> params;
  GroupState state;
};
GroupState initial_state(const Grouping& grouping, std::span<const Tensor> params);
// `rates` has a learning rate for each group, or is empty.
GroupUpdate update(const Grouping& grouping, std::span<const Tensor> params,
                   std::span<const Tensor> grads, const GroupState& state,
                   std::span<const Tensor> rates = {});
// Parameters that nothing depends on: their gradients are 0 throughout. Frozen ones are left out.
std::vector<size_t> unused_parameters(const Grouping& grouping, std::span<const Tensor> grads);

}  // namespace gradus
