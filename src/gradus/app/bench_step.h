// Training steps to measure: forward, backward and Adam as one plan, by the names of the
// performance table. `gradus bench step`, `bench growth` and bench/ build them here.
#pragma once

#include <gradus/nn/module.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::app {

struct TrainingStep {
  Plan plan;
  std::vector<Tensor> arguments;  // as the plan's were set: parameters, Adam's state, x, target
  size_t carried;                 // so many of them are replaced by each run
  double flops;                   // multiply-adds of forward and backward, two each; no d loss / dx
};

// Takes (model, x, target) to one number.
template <class Module>
using StepLoss = std::function<Tensor(const Module&, const Tensor&, const Tensor&)>;

template <class Module>
TrainingStep training_step(const Module& model, const StepLoss<Module>& loss, const Tensor& x,
                           const Tensor& target, double flops,
                           const OptimiserConfig& adam = defaults_for("adam")) {
  const std::vector<Tensor> like = parameters(model);
  const Tensor flat = flatten(like);
  std::vector<Tensor> arguments{flat};
  for (const Tensor& s : initial_state(adam, flat)) arguments.push_back(s);
  const size_t carried = arguments.size();
  std::vector<Argument> types{{"parameters", flat.type()}};
  std::vector<Carry> carries{{0, 0}};
  for (size_t i = 1; i < carried; ++i) {
    types.push_back({"state", arguments[i].type()});
    carries.push_back({static_cast<int>(i), static_cast<int>(i)});
  }
  types.push_back({"x", x.type()});
  types.push_back({"target", target.type()});
  arguments.push_back(x);
  arguments.push_back(target);
  Plan plan = compile(
      [&](std::span<const Tensor> a) {
        const Module now = with_parameters(model, unflatten(a[0], like));
        const ValueAndGrads r =
            gradients(now, [&](const Module& m) { return loss(m, a[carried], a[carried + 1]); });
        const Update u = update(adam, a[0], flatten(r.grads),
                                {a.begin() + 1, a.begin() + static_cast<std::ptrdiff_t>(carried)});
        std::vector<Tensor> out{u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        out.push_back(r.value);
        return out;
      },
      types, carries);
  for (size_t i = 0; i < arguments.size(); ++i) plan.set(static_cast<int>(i), arguments[i]);
  return {std::move(plan), std::move(arguments), carried, flops};
}

// A perceptron of these widths on `batch` drawn rows; cross-entropy of classes, or else the mean
// squared error.
TrainingStep perceptron_step(const std::vector<int64_t>& widths, std::string_view activation,
                             bool classes, int64_t batch);

struct StepModel {
  std::string_view name, says;
  TrainingStep (*make)();
};
std::span<const StepModel> step_models();
// Raises a usage error that lists the names there are.
const StepModel& step_model(std::string_view name);

// What a loop of steps took.
struct StepTimes {
  double best = 0, median = 0, p99 = 0;  // us a step; p99 of stretches of 20 us or one step
  int64_t steps = 0, allocations = 0;
};
// Warms up, then runs for about so many seconds.
StepTimes time_steps(Plan& plan, double seconds);

}  // namespace gradus::app
