#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/optimiser.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

using Config = OptimiserConfig;
using State = std::vector<Tensor>;

constexpr double unbounded = std::numeric_limits<double>::infinity();

// A hyperparameter, the methods that read it, and its range [low, below).
struct Hyper {
  std::string_view name;
  std::string_view methods;
  double Config::*number = nullptr;
  bool Config::*flag = nullptr;
  double below = unbounded;
};

constexpr Hyper hypers[] = {
    {"lr", "adagrad adam adamw rmsprop sgd", &Config::lr},
    {"momentum", "rmsprop sgd", &Config::momentum},
    {"dampening", "sgd", &Config::dampening},
    {"nesterov", "sgd", nullptr, &Config::nesterov},
    {"alpha", "rmsprop", &Config::alpha, nullptr, 1},
    {"beta1", "adam adamw", &Config::beta1, nullptr, 1},
    {"beta2", "adam adamw", &Config::beta2, nullptr, 1},
    {"eps", "adagrad adam adamw rmsprop", &Config::eps},
    {"weight_decay", "adagrad adam adamw rmsprop sgd", &Config::weight_decay},
    {"lr_decay", "adagrad", &Config::lr_decay},
    {"centered", "rmsprop", nullptr, &Config::centered},
    {"amsgrad", "adam adamw", nullptr, &Config::amsgrad},
};

bool reads(std::string_view method, const Hyper& h) {
  std::string_view rest = h.methods;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == method) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

double value_of(const Config& c, const Hyper& h) {
  return h.flag != nullptr ? (c.*h.flag ? 1 : 0) : c.*h.number;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto close = text::nearest(word, candidates);
  return close ? " Did you mean '" + std::string(*close) + "'?" : "";
}

// g + weight_decay p: the gradient of f + weight_decay |p|^2 / 2.
Tensor with_l2(const Config& c, const Tensor& p, const Tensor& g) {
  return c.weight_decay == 0 ? g : g + c.weight_decay * p;
}

// beta average + (1 - beta) x.
Tensor moving(double beta, const Tensor& average, const Tensor& x) {
  return beta * average + (1 - beta) * x;
}

// 1 - beta^t. With expm1 it keeps its digits: in f32, 1 - 0.999^1 has lost four of seven.
Tensor bias_correction(double beta, const Tensor& t) {
  return -expm1(std::log(beta) * t);
}

// SGD. b_t = momentum b_{t-1} + (1 - dampening) g_t, with b_1 = g_1; p -= lr b_t, or with nesterov
// p -= lr (g_t + momentum b_t); without momentum p -= lr g_t. State: step, momentum_buffer.
Update sgd(const Config& c, const Tensor& p, const Tensor& grad, const State& s) {
  Tensor g = with_l2(c, p, grad);
  State next = {s[0] + 1};
  if (c.momentum != 0) {
    // The sign of the step count is 0 at first and 1 from then on.
    const Tensor fresh = c.dampening == 0 ? g : (1 - c.dampening * sign(s[0])) * g;
    const Tensor b = c.momentum * s[1] + fresh;
    next.push_back(b);
    g = c.nesterov ? g + c.momentum * b : b;
  }
  return {p - c.lr * g, next};
}

// RMSProp. v_t = alpha v_{t-1} + (1 - alpha) g_t^2; d = sqrt(v_t) + eps, where centered takes
// v_t - a_t^2 for v_t with a_t = alpha a_{t-1} + (1 - alpha) g_t; p -= lr g_t / d, or with momentum
// b_t = momentum b_{t-1} + g_t / d and p -= lr b_t. No bias is corrected: the first step is
// lr / sqrt(1 - alpha). State: step, square_avg, grad_avg, momentum_buffer.
Update rmsprop(const Config& c, const Tensor& p, const Tensor& grad, const State& s) {
  const Tensor g = with_l2(c, p, grad);
  Tensor v = moving(c.alpha, s[1], square(g));
  State next = {s[0] + 1, v};
  if (c.centered) {
    const Tensor a = moving(c.alpha, s[2], g);
    next.push_back(a);
    // A variance; rounding could take it below 0.
    v = maximum(v - square(a), 0.0);
  }
  Tensor direction = g / (sqrt(v) + c.eps);
  if (c.momentum != 0) {
    direction = c.momentum * s.back() + direction;
    next.push_back(direction);
  }
  return {p - c.lr * direction, next};
}

// Adam (Kingma and Ba 2015). m_t = beta1 m_{t-1} + (1 - beta1) g_t,
// v_t = beta2 v_{t-1} + (1 - beta2) g_t^2,
// p -= lr m^ / (sqrt(v^) + eps), m^ = m_t / (1 - beta1^t), v^ = v_t / (1 - beta2^t).
// amsgrad takes the largest v_t so far in place of v_t. AdamW (Loshchilov and Hutter 2019) adds
// nothing to g_t but first shrinks p by lr weight_decay p.
// State: step, exp_avg, exp_avg_sq, max_exp_avg_sq.
Update adam(const Config& c, const Tensor& params, const Tensor& grad, const State& s) {
  const bool decoupled = c.method == "adamw";
  const Tensor g = decoupled ? grad : with_l2(c, params, grad);
  const Tensor p = decoupled && c.weight_decay != 0 ? (1 - c.lr * c.weight_decay) * params : params;
  const Tensor t = s[0] + 1;
  const Tensor m = moving(c.beta1, s[1], g);
  const Tensor v = moving(c.beta2, s[2], square(g));
  State next = {t, m, v};
  if (c.amsgrad) next.push_back(maximum(s[3], v));
  // m^ / (sqrt(v^) + eps) with the corrections drawn out of it: they are one number each, so the
  // long vectors see two operations less.
  const Tensor root = sqrt(bias_correction(c.beta2, t));
  const Tensor rate = c.lr * root / bias_correction(c.beta1, t);
  return {p - rate * (m / (sqrt(next.back()) + c.eps * root)), next};
}

// Adagrad (Duchi, Hazan, Singer 2011). r_t = r_{t-1} + g_t^2,
// p -= lr / (1 + (t - 1) lr_decay) g_t / (sqrt(r_t) + eps). State: step, sum.
Update adagrad(const Config& c, const Tensor& p, const Tensor& grad, const State& s) {
  const Tensor g = with_l2(c, p, grad);
  const Tensor r = s[1] + square(g);
  const Tensor rate = c.lr_decay == 0 ? Tensor(c.lr) : c.lr / (1 + c.lr_decay * s[0]);
  return {p - rate * (g / (sqrt(r) + c.eps)), {s[0] + 1, r}};
}

std::vector<std::string> sgd_state(const Config& c) {
  if (c.momentum == 0) return {"step"};
  return {"step", "momentum_buffer"};
}

std::vector<std::string> rmsprop_state(const Config& c) {
  std::vector<std::string> names = {"step", "square_avg"};
  if (c.centered) names.emplace_back("grad_avg");
  if (c.momentum != 0) names.emplace_back("momentum_buffer");
  return names;
}

std::vector<std::string> adam_state(const Config& c) {
  std::vector<std::string> names = {"step", "exp_avg", "exp_avg_sq"};
  if (c.amsgrad) names.emplace_back("max_exp_avg_sq");
  return names;
}

std::vector<std::string> adagrad_state(const Config&) {
  return {"step", "sum"};
}

// What --optimiser takes. A preset is a rule with other defaults.
struct Method {
  std::string_view name, rule;
  double lr, eps, weight_decay, momentum;
  bool nesterov;
  Update (*step)(const Config&, const Tensor&, const Tensor&, const State&);
  std::vector<std::string> (*state)(const Config&);
};

constexpr Method methods[] = {
    {"adagrad", "adagrad", 1e-2, 1e-10, 0, 0, false, adagrad, adagrad_state},
    {"adam", "adam", 1e-3, 1e-8, 0, 0, false, adam, adam_state},
    {"adamw", "adamw", 1e-3, 1e-8, 1e-2, 0, false, adam, adam_state},
    {"momentum", "sgd", 1e-3, 1e-8, 0, 0.9, false, sgd, sgd_state},
    {"nesterov", "sgd", 1e-3, 1e-8, 0, 0.9, true, sgd, sgd_state},
    {"rmsprop", "rmsprop", 1e-2, 1e-8, 0, 0, false, rmsprop, rmsprop_state},
    {"sgd", "sgd", 1e-3, 1e-8, 0, 0, false, sgd, sgd_state},
};

const Method& method_of(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Method& m : methods) {
    if (m.name == name) return m;
    names.push_back(m.name);
  }
  raise(ErrorKind::usage, "optimiser: there is no method '" + std::string(name) +
                              "'. The methods are " + text::join(names, ", ") + "." +
                              did_you_mean(name, names));
}

void check(const Config& c) {
  for (const Hyper& h : hypers) {
    if (h.number == nullptr || !reads(c.method, h)) continue;
    const double x = c.*h.number;
    if (x >= 0 && x < h.below) continue;
    raise(ErrorKind::usage, c.method + ": " + std::string(h.name) + " is " + text::number(x) +
                                ". It must be at least 0 and " +
                                (h.below == unbounded ? "finite" : "below 1") + ".");
  }
  if (c.method == "sgd" && c.nesterov && (c.momentum == 0 || c.dampening != 0))
    raise(ErrorKind::usage, "sgd: nesterov with momentum " + text::number(c.momentum) +
                                " and dampening " + text::number(c.dampening) +
                                ". It looks ahead along the momentum, undamped. "
                                "Set momentum = 0.9 and dampening = 0.");
}

}  // namespace

OptimiserConfig defaults_for(std::string_view name) {
  const Method& m = method_of(name);
  OptimiserConfig c;
  c.method = m.rule;
  c.lr = m.lr;
  c.eps = m.eps;
  c.weight_decay = m.weight_decay;
  c.momentum = m.momentum;
  c.nesterov = m.nesterov;
  return c;
}

void set_hyperparameter(OptimiserConfig& config, std::string_view name, double value) {
  std::vector<std::string_view> names;
  for (const Hyper& h : hypers) {
    if (!reads(config.method, h)) continue;
    names.push_back(h.name);
    if (h.name != name) continue;
    if (h.flag != nullptr)
      config.*h.flag = value != 0;
    else
      config.*h.number = value;
    return;
  }
  raise(ErrorKind::usage, config.method + ": there is no hyperparameter '" + std::string(name) +
                              "'. It has " + text::join(names, ", ") + "." +
                              did_you_mean(name, names));
}

std::vector<std::pair<std::string, double>> hyperparameters(const OptimiserConfig& config) {
  std::vector<std::pair<std::string, double>> result;
  for (const Hyper& h : hypers)
    if (reads(config.method, h)) result.emplace_back(h.name, value_of(config, h));
  return result;
}

std::vector<std::string> state_names(const OptimiserConfig& config) {
  return method_of(config.method).state(config);
}

std::vector<Tensor> initial_state(const OptimiserConfig& config, const Tensor& params) {
  const Method& m = method_of(config.method);
  check(config);
  if (!is_float(params.dtype()))
    raise(ErrorKind::dtype, config.method + ": parameters " + to_string(params.type()) +
                                " cannot move by fractions. They must be f32 or f64.");
  State state = {zeros({}, params.dtype())};
  const size_t count = m.state(config).size();
  while (state.size() < count) state.push_back(zeros_like(params));
  return state;
}

Update update(const OptimiserConfig& config, const Tensor& params, const Tensor& grad,
              const std::vector<Tensor>& state) {
  const Method& m = method_of(config.method);
  const size_t count = m.state(config).size();
  if (state.size() != count)
    raise(ErrorKind::usage, config.method + ": a state of " + std::to_string(state.size()) +
                                " tensors, but with these settings it has " +
                                std::to_string(count) +
                                ". A state belongs to one configuration. Start from "
                                "initial_state(config, params).");
  if (!(grad.type() == params.type()))
    raise(ErrorKind::shape, config.method + ": gradient " + to_string(grad.type()) +
                                " for parameters " + to_string(params.type()) +
                                ". Each parameter has one slope of its own type.");
  return m.step(config, params, grad, state);
}

std::vector<Tensor> trajectory(const Objective& f, const Tensor& x0, const OptimiserConfig& config,
                               int64_t steps, const Watch& watch) {
  const Function of_one = [&f](std::span<const Tensor> a) { return f(a[0]); };
  const int first[] = {0};
  std::vector<Tensor> points;
  Tensor x = x0;
  State state = initial_state(config, x0);
  for (int64_t step = 0; step < steps || watch; ++step) {
    const Tensor args[] = {x};
    const ValueAndGrads at = value_and_grads(of_one, args, first, "descend");
    if (watch && !watch({step, x, at.value, at.grads[0]})) break;
    if (step == steps) break;
    Update next = update(config, x, at.grads[0], state);
    x = next.params;
    state = std::move(next.state);
    points.push_back(x);
  }
  return points;
}

Tensor descend(const Objective& f, const Tensor& x0, const OptimiserConfig& config, int64_t steps,
               const Watch& watch) {
  std::vector<Tensor> points = trajectory(f, x0, config, steps, watch);
  points.insert(points.begin(), x0);
  return stack(points);
}

}  // namespace gradus
