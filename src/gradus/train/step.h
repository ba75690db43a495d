// A training step: forward, backward and update of all parameters as one vector, recorded once and
// run as one plan whose parameters and optimiser state go from each run to the next.
#pragma once

#include <gradus/nn/module.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/average.h>
#include <gradus/optim/gradients.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace gradus {

// Takes (model, x, target, pass) or (model, x, target) to one number, a mean over rows.
template <class Module>
class StepLoss {
 public:
  using Function =
      std::function<Tensor(const Module&, const Tensor& x, const Tensor& target, Pass&)>;
  StepLoss() = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, StepLoss>)
      StepLoss(F f) {  // NOLINT: a lambda is a loss
    if constexpr (std::invocable<F&, const Module&, const Tensor&, const Tensor&, Pass&>)
      of_ = std::move(f);
    else
      of_ = [f = std::move(f)](const Module& model, const Tensor& x, const Tensor& target, Pass&) {
        return f(model, x, target);
      };
  }
  Tensor operator()(const Module& model, const Tensor& x, const Tensor& target, Pass& pass) const {
    return of_(model, x, target, pass);
  }

 private:
  Function of_;
};

// A factor on the loss for gradients that f16 would lose (Micikevicius et al. 2018): it doubles
// after `patience` steps without overflow, and halves with each step that overflows, which changes
// nothing else.
struct LossScale {
  double start = 0;  // 0: none. Mixed precision in f16 usually begins at 2^16
  int64_t patience = 2000;
};

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
  // One more argument, a key i64[2], for what the model draws in this run. Parts of the rows get
  // its children.
  bool takes_key = false;
  LossScale scale = {};
  // Appends further results, behind the loss and what clipping says.
  std::function<void(const StepView<Module>&, std::vector<Tensor>&)> also = {};
};

// Arguments: parameters, state, x, target, then the rate and the key if they are taken. Results:
// the same parameters and state, the loss, whether it was clipped, and what `also` appends. The
// state is the optimiser's; the average of the parameters and the number of updates, if there is
// one; the running statistics of the model; and of a loss scale the factor, the steps since it
// changed and the steps that overflowed.
struct RecordedStep {
  Graph graph;
  std::vector<std::string> names;  // of the arguments
  std::vector<Carry> carries;
  std::vector<Tensor> start;  // parameters and state before the first run
  bool takes_rate = false;
  int x() const { return static_cast<int>(start.size()); }
  int target() const { return x() + 1; }
  int rate() const { return x() + 2; }
  int key() const { return x() + (takes_rate ? 3 : 2); }
  int loss() const { return x(); }
  int clipped() const { return x() + 1; }
};

// Where the parts of the state begin in what a step carries.
struct StateParts {
  size_t average, statistics, scale, end;
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
  for (const Tensor& s : statistics(model)) all.push_back(s);
  if (options.scale.start > 0)
    for (double v : {options.scale.start, 0.0, 0.0}) all.push_back(full({}, v, all[0].dtype()));
  return all;
}

template <class Module>
StateParts parts_of(const Module& model, const StepOptions<Module>& options, size_t carried) {
  StateParts p{};
  p.end = carried;
  p.scale = p.end - (options.scale.start > 0 ? 3 : 0);
  p.statistics = p.scale - statistics(model).size();
  p.average = p.statistics - (options.average.kind != WeightAverage::none ? 2 : 0);
  return p;
}

// What a step finds: the loss, its gradients towards the parameters, the next statistics.
struct StepGradients {
  Tensor value;
  std::vector<Tensor> grads, statistics;
};

// The mean loss over all rows and its gradients, part by part. Statistics go from part to part. The
// gradients are those of factor * loss.
template <class Module>
StepGradients gradients_by_parts(const Module& model, const StepLoss<Module>& loss, const Tensor& x,
                                 const Tensor& target, int64_t part_rows, const Tensor& key = {},
                                 const Tensor& factor = {}) {
  const int64_t rows = x.shape()[0];
  StepGradients all{{}, {}, statistics(model)};
  const auto of = [&](const Tensor& some, const Tensor& wanted, const Tensor& own_key) {
    Tensor value;
    std::vector<Tensor> next;
    const ValueAndGrads r = gradients(with_statistics(model, all.statistics), [&](const Module& m) {
      Pass pass = Pass::training(own_key);
      value = loss(m, some, wanted, pass);
      next.clear();
      each_statistic(
          m, [&](const std::string&, const Statistic& s) { next.push_back(pass.after(s)); });
      return factor.is_absent() ? value : factor * value;
    });
    all.statistics = std::move(next);
    return ValueAndGrads{value, r.grads};
  };
  if (part_rows <= 0 || part_rows >= rows) {
    ValueAndGrads r = of(x, target, key);
    all.value = r.value;
    all.grads = std::move(r.grads);
    return all;
  }
  Tensor grads, value;
  const auto add = [](Tensor& total, const Tensor& part) {
    // A sum of two rows: plain additions would be fused into one at the end of the step, and keep
    // the gradients of all parts until then.
    total = total.is_absent() ? part : sum(stack({total, part}), {.axis = 0});
  };
  for (int64_t from = 0; from < rows; from += part_rows) {
    const int64_t to = std::min(from + part_rows, rows);
    const ValueAndGrads r = of(slice_axis(x, 0, {from, to}), slice_axis(target, 0, {from, to}),
                               key.is_absent() ? key : split(key, Tensor(from / part_rows)));
    const auto examples = static_cast<double>(to - from);
    add(grads, examples * flatten(r.grads));
    add(value, examples * r.value);
  }
  const auto count = static_cast<double>(rows);
  all.value = value / count;
  all.grads = unflatten(grads / count, parameters(model));
  return all;
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
  step.takes_rate = options.takes_rate;
  const size_t own = step.start.size();
  const StateParts parts = parts_of(model, options, own);
  const bool groups = !options.grouping.groups.empty();
  const GroupState form = groups ? initial_state(options.grouping, like) : GroupState();
  std::vector<Argument> arguments{{"parameters", step.start[0].type()}};
  for (size_t i = 1; i < own; ++i)
    arguments.push_back({"state " + std::to_string(i - 1), step.start[i].type()});
  for (int i = 0; i < step.x(); ++i) step.carries.push_back({i, i});
  arguments.push_back({"x", x});
  arguments.push_back({"target", target});
  if (options.takes_rate) arguments.push_back({"learning rate", {like[0].dtype(), {}}});
  if (options.takes_key) arguments.push_back({"key", {DType::i64, {2}}});
  for (const Argument& a : arguments) step.names.push_back(a.name);
  const auto key_at = static_cast<size_t>(step.key());
  step.graph = record(
      [&](std::span<const Tensor> a) {
        const Module now = with_statistics(with_parameters(model, unflatten(a[0], like)),
                                           a.subspan(parts.statistics));
        const bool scales = parts.scale < parts.end;
        const Tensor factor = scales ? a[parts.scale] : Tensor();
        StepGradients r = gradients_by_parts(now, loss, a[own], a[own + 1], options.part_rows,
                                             options.takes_key ? a[key_at] : Tensor(), factor);
        Tensor fits;  // whether no gradient overflowed
        if (scales) {
          const Tensor flat = flatten(r.grads) / factor;
          fits = all(isfinite(flat));
          r.grads = unflatten(flat, like);
        }
        if (groups)
          for (size_t i = 0; i < r.grads.size(); ++i)
            if (options.grouping.groups[options.grouping.group_of[i]].frozen)
              r.grads[i] = zeros_like(r.grads[i]);
        Clipped clipped{{flatten(r.grads)}, {}, {}};
        if (options.clip_norm > 0) clipped = clip_by_norm(clipped.grads, options.clip_norm);
        if (options.clip_value > 0) clipped = clip_by_value(clipped.grads, options.clip_value);
        const std::span<const Tensor> state = a.subspan(1, parts.average - 1);
        const Tensor rate = options.takes_rate ? a[own + 2] : Tensor();
        const Update u = groups ? grouped_update(options.grouping, form, options.optimiser.lr, like,
                                                 a[0], clipped.grads[0], state, rate)
                                : update(options.optimiser, a[0], clipped.grads[0],
                                         {state.begin(), state.end()}, rate);
        std::vector<Tensor> out{u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        if (parts.average < parts.statistics) {
          const Tensor updates = a[parts.average + 1];
          out.push_back(averaged(options.average, a[parts.average], u.params, updates));
          out.push_back(updates + 1);
        }
        out.insert(out.end(), r.statistics.begin(), r.statistics.end());
        if (scales) {
          for (size_t i = 0; i < out.size(); ++i) out[i] = where(fits, out[i], a[i]);
          const Tensor steady = a[parts.scale + 1] + 1;
          const Tensor grows = greater_equal(steady, static_cast<double>(options.scale.patience));
          out.push_back(where(fits, where(grows, 2 * factor, factor), factor / 2));
          out.push_back(where(logical_and(fits, logical_not(grows)), steady, zeros_like(steady)));
          out.push_back(a[parts.scale + 2] + where(fits, zeros_like(steady), ones_like(steady)));
        }
        out.push_back(r.value);
        if (options.clip_norm > 0 || options.clip_value > 0) out.push_back(clipped.acted);
        if (options.also) options.also({now, r.grads, a[0], out[0]}, out);
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

// The model with the parameters and running statistics that the plan of its step has reached.
template <class Module>
Module trained(const Module& model, const Plan& plan, const StepOptions<Module>& options = {}) {
  const StateParts parts = parts_of(model, options, first_carries(model, options).size());
  std::vector<Tensor> kept;
  for (size_t i = parts.statistics; i < parts.scale; ++i)
    kept.push_back(plan.input_tensor(static_cast<int>(i)));
  return with_statistics(with_parameters(model, unflatten(plan.input_tensor(0), parameters(model))),
                         kept);
}

}  // namespace gradus
