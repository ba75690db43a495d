// The specification of what a graph computes: one step after the other, every number kept.
#pragma once

#include <gradus/core/tape.h>

namespace gradus {

// The values of all ids of the graph, given its inputs.
std::vector<Tensor> interpret_all(const Graph& graph, std::span<const Tensor> inputs);
// The outputs alone.
std::vector<Tensor> interpret(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace gradus
