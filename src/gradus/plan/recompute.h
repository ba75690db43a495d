// A graph that needs less memory: values that wait long for a late reader are computed again just
// before it (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost). The pass knows
// nothing of networks: who reads what, and when, is all it looks at.
#pragma once

#include <gradus/plan/plan.h>

#include <optional>

namespace gradus {

// The most bytes that are live at once when the steps run in recorded order: arguments for the
// whole run, a value from the step that computes it to its last reader, a result to the end. Views
// share the memory they look at, a carried result that of its argument when nobody reads that
// later; constants are not counted. A plan needs less where it works in place, fuses or finds a
// better order, and more where gaps are left.
size_t peak_bytes(const Graph& graph, std::span<const Carry> carries = {});

struct RecomputePolicy {
  // Bytes that may be live at once, as peak_bytes counts; the least recomputation that was found
  // to get there. Left out: the square-root policy. It cuts what waits at the peak into segments of
  // about the square root of the whole, keeps what crosses a cut and computes the rest again, each
  // value once at most; so it adds at most one forward pass.
  std::optional<size_t> budget = {};
};

// A graph with the results of this one, bit for bit: a recorded step, forward and backward. Never
// computed again are arguments, constants, draws, and what custom kernels make (decompositions,
// sorts, functions of the user). What is computed again reads fresh aliases, so that sharing does
// not undo it. Raises a PlanError where no recomputation that was found gets under the budget.
Graph recompute(const Graph& graph, const RecomputePolicy& policy = {},
                std::span<const Carry> carries = {});

}  // namespace gradus
