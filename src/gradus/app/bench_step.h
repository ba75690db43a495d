// Training steps to measure: forward, backward and Adam as one plan, by the names of the
// performance table. `gradus bench step`, `bench growth` and bench/ build them here.
#pragma once

#include <gradus/train/step.h>

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

template <class Module>
TrainingStep training_step(const Module& model, const StepLoss<Module>& loss, const Tensor& x,
                           const Tensor& target, double flops,
                           const OptimiserConfig& adam = defaults_for("adam")) {
  RecordedStep step =
      record_step<Module>(model, loss, x.type(), target.type(), {.optimiser = adam});
  std::vector<Tensor> arguments = step.start;
  const size_t carried = arguments.size();
  arguments.push_back(x);
  arguments.push_back(target);
  Plan plan = plan_of(std::move(step));
  plan.set(static_cast<int>(carried), x);
  plan.set(static_cast<int>(carried) + 1, target);
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
