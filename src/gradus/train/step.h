// A training step: forward, backward and update of all parameters as one vector, recorded once and
// run as one plan whose parameters and optimiser state go from each run to the next.
#pragma once

#include <gradus/nn/module.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/average.h>
#include <gradus/optim/gradients.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
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
  // With groups: the rule of each parameter, in place of `optimiser`, whose rate stays the base.
  Grouping grouping = {};
  // One more argument, the learning rate of this run, in place of the optimiser's. A group's rate
  // changes in the same proportion.
  bool takes_rate = false;
  // One of them above 0: the gradient is clipped to this norm, or its numbers to this size, and one
  // more result says 0 or 1, whether something was changed.
  double clip_norm = 0, clip_value = 0;
  // Above 0: gradients are taken over so many rows at a time and added up, which gives the gradient
  // of all rows in the memory of a part. The loss is a mean over rows.
  int64_t part_rows = 0;
  // Carries an average of the parameters along, behind the optimiser's state.
  WeightAverage average = {};
  // Appends further results, behind the loss and what clipping says.
  std::function<void(const StepView<Module>&, std::vector<Tensor>&)> also = {};
};

// Arguments: parameters, state, x, target, and the rate if it is taken. Results: the same
// parameters and state, the loss, whether it was clipped, and what `also` appends. The state ends
// with the average of the parameters and the number of updates, if there is one.
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

// Parameters as one vector, and all that a step carries along with it, before the first run.
template <class Module>
std::vector<Tensor> first_carries(const Module& model, const StepOptions<Module>& options) {
  const std::vector<Tensor> like = parameters(model);
  std::vector<Tensor> all{flatten(like)};
  if (options.grouping.groups.empty()) {
    for (const Tensor& s : initial_state(options.optimiser, all[0])) all.push_back(s);
  } else {
    for (const std::vector<Tensor>& own : initial_state(options.grouping, like))
      all.insert(all.end(), own.begin(), own.end());
  }
  if (options.average.kind != WeightAverage::none) {
    const Tensor params = all[0];
    all.push_back(params);
    all.push_back(zeros({}, params.dtype()));
  }
  return all;
}

// The mean loss over all rows and its gradients, part by part.
template <class Module>
ValueAndGrads gradients_by_parts(const Module& model, const StepLoss<Module>& loss, const Tensor& x,
                                 const Tensor& target, int64_t part_rows) {
  const int64_t rows = x.shape()[0];
  const auto of = [&](const Tensor& some, const Tensor& wanted) {
    return gradients(model, [&](const Module& m) { return loss(m, some, wanted); });
  };
  if (part_rows <= 0 || part_rows >= rows) return of(x, target);
  Tensor grads, value;
  const auto add = [](Tensor& total, const Tensor& part) {
    // A sum of two rows: plain additions would be fused into one at the end of the step, and keep
    // the gradients of all parts until then.
    total = total.is_absent() ? part : sum(stack({total, part}), {.axis = 0});
  };
  for (int64_t from = 0; from < rows; from += part_rows) {
    const int64_t to = std::min(from + part_rows, rows);
    const ValueAndGrads r = of(slice_axis(x, 0, {from, to}), slice_axis(target, 0, {from, to}));
    const auto examples = static_cast<double>(to - from);
    add(grads, examples * flatten(r.grads));
    add(value, examples * r.value);
  }
  const auto all = static_cast<double>(rows);
  return {value / all, unflatten(grads / all, parameters(model))};
}

// One update of the parameters in one vector by rules of their own. `own` has the form of `state`.
inline Update grouped_update(const Grouping& grouping, GroupState own, double base_rate,
                             std::span<const Tensor> like, const Tensor& params, const Tensor& grad,
                             std::span<const Tensor> state, const Tensor& rate) {
  for (std::vector<Tensor>& of_one : own)
    for (Tensor& s : of_one) {
      s = state.front();
      state = state.subspan(1);
    }
  std::vector<Tensor> rates;
  if (!rate.is_absent())
    for (const ParameterGroup& g : grouping.groups)
      rates.push_back(g.rule.lr == base_rate ? rate : rate * (g.rule.lr / base_rate));
  const GroupUpdate u =
      update(grouping, unflatten(params, like), unflatten(grad, like), own, rates);
  Update result{flatten(u.params), {}};
  for (const std::vector<Tensor>& of_one : u.state)
    result.state.insert(result.state.end(), of_one.begin(), of_one.end());
  return result;
}

template <class Module>
RecordedStep record_step(const Module& model, const StepLoss<Module>& loss, const Type& x,
                         const Type& target, const StepOptions<Module>& options = {}) {
  const std::vector<Tensor> like = parameters(model);
  RecordedStep step;
  step.start = first_carries(model, options);
  const size_t own = step.start.size();
  const bool averages = options.average.kind != WeightAverage::none;
  const bool groups = !options.grouping.groups.empty();
  const GroupState form = groups ? initial_state(options.grouping, like) : GroupState();
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
        ValueAndGrads r = gradients_by_parts(now, loss, a[own], a[own + 1], options.part_rows);
        if (groups)
          for (size_t i = 0; i < r.grads.size(); ++i)
            if (options.grouping.groups[options.grouping.group_of[i]].frozen)
              r.grads[i] = zeros_like(r.grads[i]);
        Clipped all{{flatten(r.grads)}, {}, {}};
        if (options.clip_norm > 0) all = clip_by_norm(all.grads, options.clip_norm);
        if (options.clip_value > 0) all = clip_by_value(all.grads, options.clip_value);
        const std::span<const Tensor> state = a.subspan(1, own - 1 - (averages ? 2 : 0));
        const Tensor rate = options.takes_rate ? a[own + 2] : Tensor();
        const Update u = groups ? grouped_update(options.grouping, form, options.optimiser.lr, like,
                                                 a[0], all.grads[0], state, rate)
                                : update(options.optimiser, a[0], all.grads[0],
                                         {state.begin(), state.end()}, rate);
        std::vector<Tensor> out{u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        if (averages) {
          out.push_back(averaged(options.average, a[own - 2], u.params, a[own - 1]));
          out.push_back(a[own - 1] + 1);
        }
        out.push_back(r.value);
        if (options.clip_norm > 0 || options.clip_value > 0) out.push_back(all.acted);
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
