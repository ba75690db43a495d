// A training step: forward, backward and update of all parameters as one vector, recorded once and
// run as one plan whose parameters and optimiser state go from each run to the next.
#pragma once

#include <gradus/nn/module.h>
#include <gradus/optim/gradients.h>
#include <gradus/plan/plan.h>

#include <functional>
#include <string>
#include <vector>

namespace gradus {

// Takes (model, x, target) to one number.
template <class Module>
using StepLoss = std::function<Tensor(const Module&, const Tensor& x, const Tensor& target)>;

// What further results of a step may look at.
template <class Module>
struct StepView {
  const Module& model;  // before the update
  std::span<const Tensor> grads;
  const Tensor &before, &after;  // all parameters as one vector
};

template <class Module>
struct StepOptions {
  OptimiserConfig optimiser = defaults_for("adam");
  // One more argument, the learning rate of this run, in place of the optimiser's.
  bool takes_rate = false;
  // Above 0: the gradient is clipped to this norm, and one more result says 0 or 1, whether it was.
  double clip_norm = 0;
  // Appends further results, behind the loss and what clipping says.
  std::function<void(const StepView<Module>&, std::vector<Tensor>&)> also = {};
};

// Arguments: parameters, state, x, target, and the rate if it is taken. Results: the same
// parameters and state, the loss, whether it was clipped, and what `also` appends.
struct RecordedStep {
  Graph graph;
  std::vector<std::string> names;  // of the arguments
  std::vector<Carry> carries;
  std::vector<Tensor> start;  // parameters and state before the first run
  int x() const { return static_cast<int>(start.size()); }
  int target() const { return x() + 1; }
  int rate() const { return x() + 2; }
  int loss() const { return x(); }
  int clipped() const { return x() + 1; }
};

template <class Module>
RecordedStep record_step(const Module& model, const StepLoss<Module>& loss, const Type& x,
                         const Type& target, const StepOptions<Module>& options = {}) {
  const std::vector<Tensor> like = parameters(model);
  RecordedStep step;
  step.start.push_back(flatten(like));
  for (const Tensor& s : initial_state(options.optimiser, step.start[0])) step.start.push_back(s);
  const size_t own = step.start.size();
  std::vector<Argument> arguments{{"parameters", step.start[0].type()}};
  for (size_t i = 1; i < own; ++i)
    arguments.push_back({"state " + std::to_string(i - 1), step.start[i].type()});
  for (int i = 0; i < step.x(); ++i) step.carries.push_back({i, i});
  arguments.push_back({"x", x});
  arguments.push_back({"target", target});
  if (options.takes_rate) arguments.push_back({"learning rate", {like[0].dtype(), {}}});
  for (const Argument& a : arguments) step.names.push_back(a.name);
  step.graph = record(
      [&](std::span<const Tensor> a) {
        const Module now = with_parameters(model, unflatten(a[0], like));
        const ValueAndGrads r =
            gradients(now, [&](const Module& m) { return loss(m, a[own], a[own + 1]); });
        Clipped all{{flatten(r.grads)}, {}, {}};
        if (options.clip_norm > 0) all = clip_by_norm(all.grads, options.clip_norm);
        const Update u = update(options.optimiser, a[0], all.grads[0],
                                {a.begin() + 1, a.begin() + static_cast<std::ptrdiff_t>(own)},
                                options.takes_rate ? a[own + 2] : Tensor());
        std::vector<Tensor> out{u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        out.push_back(r.value);
        if (options.clip_norm > 0) out.push_back(all.acted);
        if (options.also) options.also({now, r.grads, a[0], u.params}, out);
        return out;
      },
      arguments);
  return step;
}

// The plan of a recorded step, at its start.
inline Plan plan_of(RecordedStep step) {
  Plan plan(std::move(step.graph), std::move(step.names), step.carries);
  for (int i = 0; i < step.x(); ++i) plan.set(i, step.start[static_cast<size_t>(i)]);
  return plan;
}

}  // namespace gradus
