// Update rules, pure: (parameters, gradient, state) -> (parameters, state). Everything is written
// in tensor ops, so an update runs on numbers and inside a recording alike. The equations, names
// and defaults are PyTorch's (torch.optim documentation); each rule states its own.
#pragma once

#include <gradus/core/tensor.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

struct OptimiserConfig {
  std::string method = "adam";  // one of method_names()
  double lr = 1e-3;
  double momentum = 0;                // sgd, rmsprop, muon
  double dampening = 0;               // sgd
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw, adamax, nadam, radam
  double alpha = 0.99;                // rmsprop: of the average; asgd: power of the decay
  double rho = 0.9;                   // adadelta
  double eps = 1e-8;                  // keeps a divisor from 0
  double weight_decay = 0;  // L2: adds weight_decay p to the gradient; decoupled: shrinks p itself
  double lr_decay = 0;      // adagrad
  double initial_accumulator_value = 0;             // adagrad
  double momentum_decay = 4e-3;                     // nadam
  double eta_minus = 0.5, eta_plus = 1.2;           // rprop: a step shrinks and grows by these
  double step_size_min = 1e-6, step_size_max = 50;  // rprop
  double lambd = 1e-4, t0 = 1e6;  // asgd: decay, and the step that averaging starts at
  double ns_steps = 5;            // muon: Newton-Schulz iterations
  bool nesterov = false, amsgrad = false, centered = false;
  bool decoupled_weight_decay = false;  // adam, nadam, radam; adamw and muon always
  bool maximize = false;                // go up instead of down
};

// What `defaults_for` takes, in alphabetical order.
std::vector<std::string_view> method_names();
// PyTorch's defaults for a method. "momentum" and "nesterov" name sgd with momentum 0.9.
OptimiserConfig defaults_for(std::string_view method);
// Sets one hyperparameter by its name above, a switch by 0 or 1. Raises when the method has none of
// that name, or when the value is out of range.
void set_hyperparameter(OptimiserConfig& config, std::string_view name, double value);
// The hyperparameters that the method reads, in print order.
std::vector<std::pair<std::string, double>> hyperparameters(const OptimiserConfig& config);

struct Update {
  Tensor params;
  std::vector<Tensor> state;
};

// The state before the first step: the step count, a scalar of the parameters' type, then what the
// method remembers, scalars or of the parameters' shape. f32 counts exactly to 2^24; no bias is
// left to correct then.
std::vector<Tensor> initial_state(const OptimiserConfig& config, const Tensor& params);
// What the state holds, by PyTorch's names: "step", "exp_avg", "exp_avg_sq".
std::vector<std::string> state_names(const OptimiserConfig& config);
// One step against the gradient; with a `rate`, one number of the parameters' type, in place of lr,
// as a schedule gives it.
Update update(const OptimiserConfig& config, const Tensor& params, const Tensor& grad,
              const std::vector<Tensor>& state, const Tensor& rate = {});

// The nearest matrix with orthonormal rows (or columns, of which there are fewer), roughly:
// singular values between 0.7 and 1.2 after five steps of the Newton-Schulz iteration of Jordan et
// al. 2024, "Muon: An optimizer for hidden layers in neural networks". m is a matrix.
Tensor orthogonalised(const Tensor& m, int steps = 5);

// A function of one tensor that returns one number.
using Objective = std::function<Tensor(const Tensor&)>;
struct Iterate {
  int64_t step;  // 0 at the start
  Tensor x, value, grad;
};
// Sees every point, the last one too, and returns whether to go on.
using Watch = std::function<bool(const Iterate&)>;

// The points after each step from x0; fewer than `steps` when `watch` stops.
std::vector<Tensor> trajectory(const Objective& f, const Tensor& x0, const OptimiserConfig& config,
                               int64_t steps, const Watch& watch = {});
// The same as one tensor (steps + 1, ...) that begins with x0.
Tensor descend(const Objective& f, const Tensor& x0, const OptimiserConfig& config, int64_t steps,
               const Watch& watch = {});

}  // namespace gradus
