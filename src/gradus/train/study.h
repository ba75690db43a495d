// Training for experiments: fresh rows at every step, a rate that falls along half a cosine.
#pragma once

#include <gradus/core/buffer.h>
#include <gradus/train/examples.h>
#include <gradus/train/step.h>

#include <cmath>
#include <functional>
#include <numbers>

namespace gradus {

struct StudyOptions {
  int64_t steps = 1000;
  double rate = 0.01;  // of Adam, at the start
  // After the first step and each tenth of them: steps done, and the loss of the last.
  std::function<void(int64_t, double)> note = [](int64_t, double) {};
};

// rows(i) are those of step i, of one shape for all; gradients are clipped to the norm 1.
template <class Module>
Module studied(const Module& start, const StepLoss<Module>& loss,
               const std::function<Rows(int64_t)>& rows, const StudyOptions& options) {
  StepOptions<Module> how;
  how.optimiser.lr = options.rate;
  how.clip_norm = 1;
  how.takes_rate = true;
  const Rows first = rows(0);
  const RecordedStep step = record_step(start, loss, first.x.type(), first.target.type(), how);
  Plan plan = plan_of(step);
  const DType type = parameters(start).front().dtype();
  for (int64_t i = 0; i < options.steps; ++i) {
    const Rows some = rows(i);
    const double done = static_cast<double>(i) / static_cast<double>(options.steps);
    plan.set(step.x(), some.x);
    plan.set(step.target(), some.target);
    plan.set(step.rate(),
             full({}, options.rate * (1 + std::cos(std::numbers::pi * done)) / 2, type));
    plan.run();
    if (i == 0 || (i + 1) % std::max<int64_t>(1, options.steps / 10) == 0)
      options.note(i + 1, number(plan.output_tensor(step.loss())));
  }
  return trained(start, plan, how);
}

}  // namespace gradus
