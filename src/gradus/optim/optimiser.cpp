#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
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

// A hyperparameter, the methods that read it (all: no list), and its range [low, below).
struct Hyper {
  std::string_view name;
  std::string_view methods;
  double Config::*number = nullptr;
  bool Config::*flag = nullptr;
  double below = unbounded;
};

constexpr Hyper hypers[] = {
    {"lr", "", &Config::lr},
    {"momentum", "muon rmsprop sgd", &Config::momentum},
    {"dampening", "sgd", &Config::dampening},
    {"nesterov", "muon sgd", nullptr, &Config::nesterov},
    {"alpha", "asgd rmsprop", &Config::alpha, nullptr, 1},
    {"rho", "adadelta", &Config::rho, nullptr, 1},
    {"beta1", "adam adamax adamw nadam radam", &Config::beta1, nullptr, 1},
    {"beta2", "adam adamax adamw nadam radam", &Config::beta2, nullptr, 1},
    {"eps", "adadelta adagrad adam adamax adamw muon nadam radam rmsprop", &Config::eps},
    {"weight_decay", "adadelta adagrad adam adamax adamw asgd muon nadam radam rmsprop sgd",
     &Config::weight_decay},
    {"lr_decay", "adagrad", &Config::lr_decay},
    {"initial_accumulator_value", "adagrad", &Config::initial_accumulator_value},
    {"momentum_decay", "nadam", &Config::momentum_decay},
    {"eta_minus", "rprop", &Config::eta_minus, nullptr, 1},
    {"eta_plus", "rprop", &Config::eta_plus},
    {"step_size_min", "rprop", &Config::step_size_min},
    {"step_size_max", "rprop", &Config::step_size_max},
    {"lambd", "asgd", &Config::lambd},
    {"t0", "asgd", &Config::t0},
    {"ns_steps", "muon", &Config::ns_steps},
    {"centered", "rmsprop", nullptr, &Config::centered},
    {"amsgrad", "adam adamw", nullptr, &Config::amsgrad},
    {"decoupled_weight_decay", "adam nadam radam", nullptr, &Config::decoupled_weight_decay},
    {"maximize", "", nullptr, &Config::maximize},
};

bool reads(std::string_view method, const Hyper& h) {
  std::string_view rest = h.methods;
  if (rest.empty()) return true;
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

// What a rule is told: the rate is lr, or what a schedule gave in its place.
struct Step {
  const Config& c;
  const Tensor &p, &g;
  const State& s;
  Tensor lr;
};

bool is_decoupled(const Config& c) {
  return c.method == "adamw" || c.method == "muon" || c.decoupled_weight_decay;
}

// g + weight_decay p: the gradient of f + weight_decay |p|^2 / 2.
Tensor with_l2(const Step& a) {
  return a.c.weight_decay == 0 || is_decoupled(a.c) ? a.g : a.g + a.c.weight_decay * a.p;
}

// (1 - lr weight_decay) p where the decay is decoupled from the gradient.
Tensor shrunk(const Step& a) {
  if (a.c.weight_decay == 0 || !is_decoupled(a.c)) return a.p;
  if (a.lr.is_literal()) return (1 - a.c.lr * a.c.weight_decay) * a.p;
  return (1 - a.lr * a.c.weight_decay) * a.p;
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
// p -= lr (g_t + momentum b_t); without momentum p -= lr g_t.
Update sgd(const Step& a) {
  const Config& c = a.c;
  Tensor g = with_l2(a);
  State next = {a.s[0] + 1};
  if (c.momentum != 0) {
    // The sign of the step count is 0 at first and 1 from then on.
    const Tensor fresh = c.dampening == 0 ? g : (1 - c.dampening * sign(a.s[0])) * g;
    const Tensor b = c.momentum * a.s[1] + fresh;
    next.push_back(b);
    g = c.nesterov ? g + c.momentum * b : b;
  }
  return {a.p - a.lr * g, next};
}

// RMSProp. v_t = alpha v_{t-1} + (1 - alpha) g_t^2; d = sqrt(v_t) + eps, where centered takes
// v_t - a_t^2 for v_t with a_t = alpha a_{t-1} + (1 - alpha) g_t; p -= lr g_t / d, or with momentum
// b_t = momentum b_{t-1} + g_t / d and p -= lr b_t. No bias is corrected: the first step is
// lr / sqrt(1 - alpha).
Update rmsprop(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a);
  Tensor v = moving(c.alpha, a.s[1], square(g));
  State next = {a.s[0] + 1, v};
  if (c.centered) {
    const Tensor mean = moving(c.alpha, a.s[2], g);
    next.push_back(mean);
    // A variance; rounding could take it below 0.
    v = maximum(v - square(mean), 0.0);
  }
  Tensor direction = g / (sqrt(v) + c.eps);
  if (c.momentum != 0) {
    direction = c.momentum * a.s.back() + direction;
    next.push_back(direction);
  }
  return {a.p - a.lr * direction, next};
}

// Adam (Kingma and Ba 2015). m_t = beta1 m_{t-1} + (1 - beta1) g_t,
// v_t = beta2 v_{t-1} + (1 - beta2) g_t^2,
// p -= lr m^ / (sqrt(v^) + eps), m^ = m_t / (1 - beta1^t), v^ = v_t / (1 - beta2^t).
// amsgrad takes the largest v_t so far in place of v_t. AdamW (Loshchilov and Hutter 2019) adds
// nothing to g_t but first shrinks p by lr weight_decay p.
Update adam(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a), p = shrunk(a);
  const Tensor t = a.s[0] + 1;
  const Tensor m = moving(c.beta1, a.s[1], g);
  const Tensor v = moving(c.beta2, a.s[2], square(g));
  State next = {t, m, v};
  if (c.amsgrad) next.push_back(maximum(a.s[3], v));
  // m^ / (sqrt(v^) + eps) with the corrections drawn out of it: they are one number each, so the
  // long vectors see two operations less.
  const Tensor root = sqrt(bias_correction(c.beta2, t));
  const Tensor rate = a.lr * root / bias_correction(c.beta1, t);
  return {p - rate * (m / (sqrt(next.back()) + c.eps * root)), next};
}

// Adagrad (Duchi, Hazan, Singer 2011). r_t = r_{t-1} + g_t^2,
// p -= lr / (1 + (t - 1) lr_decay) g_t / (sqrt(r_t) + eps).
Update adagrad(const Step& a) {
  const Tensor g = with_l2(a);
  const Tensor r = a.s[1] + square(g);
  const Tensor rate = a.c.lr_decay == 0 ? a.lr : a.lr / (1 + a.c.lr_decay * a.s[0]);
  return {a.p - rate * (g / (sqrt(r) + a.c.eps)), {a.s[0] + 1, r}};
}

// Adadelta (Zeiler 2012). v_t = rho v_{t-1} + (1 - rho) g_t^2,
// d_t = sqrt(u_{t-1} + eps) / sqrt(v_t + eps) g_t, u_t = rho u_{t-1} + (1 - rho) d_t^2,
// p -= lr d_t: the step has the unit of p.
Update adadelta(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a);
  const Tensor v = moving(c.rho, a.s[1], square(g));
  const Tensor d = sqrt(a.s[2] + c.eps) / sqrt(v + c.eps) * g;
  return {a.p - a.lr * d, {a.s[0] + 1, v, moving(c.rho, a.s[2], square(d))}};
}

// Adamax (Kingma and Ba 2015, 7.1). u_t = max(beta2 u_{t-1}, |g_t| + eps),
// p -= lr / (1 - beta1^t) m_t / u_t.
Update adamax(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a);
  const Tensor t = a.s[0] + 1;
  const Tensor m = moving(c.beta1, a.s[1], g);
  const Tensor u = maximum(c.beta2 * a.s[2], abs(g) + c.eps);
  return {a.p - a.lr / bias_correction(c.beta1, t) * (m / u), {t, m, u}};
}

// NAdam (Dozat 2016). mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t,
// p -= lr ((1 - mu_t) / (1 - M_t) g_t + mu_{t+1} / (1 - M_{t+1}) m_t) / (sqrt(v^) + eps).
Update nadam(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a), p = shrunk(a);
  const Tensor t = a.s[0] + 1;
  const auto mu_at = [&](const Tensor& step) {
    return c.beta1 * (1 - 0.5 * exp(std::log(0.96) * c.momentum_decay * step));
  };
  const Tensor mu = mu_at(t), ahead = mu_at(t + 1), product = a.s[1] * mu;
  const Tensor m = moving(c.beta1, a.s[2], g);
  const Tensor v = moving(c.beta2, a.s[3], square(g));
  const Tensor root = sqrt(bias_correction(c.beta2, t));
  const Tensor now = a.lr * root * (1 - mu) / (1 - product),
               later = a.lr * root * ahead / (1 - product * ahead);
  return {p - (now * g + later * m) / (sqrt(v) + c.eps * root), {t, product, m, v}};
}

// RAdam (Liu et al. 2020). rho_inf = 2 / (1 - beta2) - 1, rho_t = rho_inf - 2 t beta2^t /
// (1 - beta2^t); p -= lr m^ while rho_t <= 5, where the variance of v_t has no bound, then
// p -= lr m^ r_t sqrt(1 - beta2^t) / (sqrt(v_t) + eps) with
// r_t^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t).
Update radam(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a), p = shrunk(a);
  const Tensor t = a.s[0] + 1;
  const Tensor m = moving(c.beta1, a.s[1], g);
  const Tensor v = moving(c.beta2, a.s[2], square(g));
  const Tensor left = bias_correction(c.beta2, t);
  const double limit = 2 / (1 - c.beta2) - 1;
  const Tensor rho = limit - 2 * t * (1 - left) / left;
  const Tensor known = rho > 5;
  // 5 in place of what is not used keeps the root real.
  const Tensor safe = maximum(rho, 5.0);
  const Tensor r =
      sqrt((safe - 4) * (safe - 2) * (limit / ((limit - 4) * (limit - 2))) / safe) * sqrt(left);
  const Tensor rate = a.lr / bias_correction(c.beta1, t) * where(known, r, 1.0);
  return {p - rate * (m / where(known, sqrt(v) + c.eps, 1.0)), {t, m, v}};
}

// ASGD (Polyak and Juditsky 1992). eta_t = lr / (1 + lambd lr (t - 1))^alpha,
// p = (1 - lambd eta_t) p - eta_t g_t; ax averages p from step t0 on.
Update asgd(const Step& a) {
  const Config& c = a.c;
  const Tensor g = with_l2(a), &before = a.s[0];
  const Tensor eta = a.lr / pow(1 + a.lr * (c.lambd * before), c.alpha);
  const Tensor p = (1 - c.lambd * eta) * a.p - eta * g;
  const Tensor mu = 1 / maximum(before - c.t0, 1.0);
  return {p, {before + 1, a.s[1] + mu * (p - a.s[1])}};
}

// Rprop (Riedmiller and Braun 1993). Every number has a step of its own: longer by eta_plus where
// the slope kept its sign, shorter by eta_minus where it changed, and then it rests once.
Update rprop(const Step& a) {
  const Config& c = a.c;
  const Tensor same = a.g * a.s[1];
  const Tensor factor = where(same > 0, c.eta_plus, where(same < 0, c.eta_minus, ones_like(same)));
  const Tensor size = clip(a.s[2] * factor, c.step_size_min, c.step_size_max);
  const Tensor g = where(same < 0, zeros_like(same), a.g);
  return {a.p - sign(g) * size, {a.s[0] + 1, g, size}};
}

// Muon (Jordan et al. 2024), for matrices. b_t = momentum b_{t-1} + (1 - momentum) g_t, with
// nesterov u = (1 - momentum) g_t + momentum b_t, otherwise u = b_t;
// p -= lr sqrt(max(1, rows / columns)) orthogonalised(u).
Update muon(const Step& a) {
  const Config& c = a.c;
  const Tensor b = moving(c.momentum, a.s[1], a.g);
  const Tensor u = c.nesterov ? moving(1 - c.momentum, b, a.g) : b;
  const auto rows = static_cast<double>(a.p.shape()[0]),
             columns = static_cast<double>(a.p.shape()[1]);
  const double scale = std::sqrt(std::max(1.0, rows / columns));
  return {shrunk(a) - a.lr * (scale * orthogonalised(u, static_cast<int>(c.ns_steps))),
          {a.s[0] + 1, b}};
}

// What a method remembers besides the step count: PyTorch's name, the first value, and whether it
// is one number.
struct Slot {
  std::string_view name;
  double first = 0;
  bool one = false;
};
using Slots = std::vector<Slot>;

Slots sgd_state(const Config& c) {
  return c.momentum == 0 ? Slots{} : Slots{{"momentum_buffer"}};
}

Slots rmsprop_state(const Config& c) {
  Slots slots = {{"square_avg"}};
  if (c.centered) slots.push_back({"grad_avg"});
  if (c.momentum != 0) slots.push_back({"momentum_buffer"});
  return slots;
}

Slots adam_state(const Config& c) {
  Slots slots = {{"exp_avg"}, {"exp_avg_sq"}};
  if (c.amsgrad) slots.push_back({"max_exp_avg_sq"});
  return slots;
}

Slots adagrad_state(const Config& c) {
  return {{"sum", c.initial_accumulator_value}};
}
Slots adadelta_state(const Config&) {
  return {{"square_avg"}, {"acc_delta"}};
}
Slots adamax_state(const Config&) {
  return {{"exp_avg"}, {"exp_inf"}};
}
Slots nadam_state(const Config&) {
  return {{"mu_product", 1, true}, {"exp_avg"}, {"exp_avg_sq"}};
}
Slots asgd_state(const Config&) {
  return {{"ax"}};
}
Slots rprop_state(const Config& c) {
  return {{"prev"}, {"step_size", c.lr}};
}
Slots muon_state(const Config&) {
  return {{"momentum_buffer"}};
}

// What --optimiser takes: a rule, and where its defaults are not those of OptimiserConfig. A preset
// is a rule with other defaults.
struct Method {
  std::string_view name, rule;
  double lr;
  void (*defaults)(Config&);
  Update (*step)(const Step&);
  Slots (*state)(const Config&);
};

constexpr void (*usual)(Config&) = [](Config&) {};

constexpr Method methods[] = {
    {"adadelta", "adadelta", 1, [](Config& c) { c.eps = 1e-6; }, adadelta, adadelta_state},
    {"adagrad", "adagrad", 1e-2, [](Config& c) { c.eps = 1e-10; }, adagrad, adagrad_state},
    {"adam", "adam", 1e-3, usual, adam, adam_state},
    {"adamax", "adamax", 2e-3, usual, adamax, adamax_state},
    {"adamw", "adamw", 1e-3, [](Config& c) { c.weight_decay = 1e-2; }, adam, adam_state},
    {"asgd", "asgd", 1e-2, [](Config& c) { c.alpha = 0.75; }, asgd, asgd_state},
    {"momentum", "sgd", 1e-3, [](Config& c) { c.momentum = 0.9; }, sgd, sgd_state},
    {"muon", "muon", 1e-3,
     [](Config& c) { c.momentum = 0.95, c.nesterov = true, c.weight_decay = 0.1, c.eps = 1e-7; },
     muon, muon_state},
    {"nadam", "nadam", 2e-3, usual, nadam, nadam_state},
    {"nesterov", "sgd", 1e-3, [](Config& c) { c.momentum = 0.9, c.nesterov = true; }, sgd,
     sgd_state},
    {"radam", "radam", 1e-3, usual, radam, adam_state},
    {"rmsprop", "rmsprop", 1e-2, usual, rmsprop, rmsprop_state},
    {"rprop", "rprop", 1e-2, usual, rprop, rprop_state},
    {"sgd", "sgd", 1e-3, usual, sgd, sgd_state},
};

const Method& method_of(std::string_view name) {
  for (const Method& m : methods)
    if (m.name == name) return m;
  const std::vector<std::string_view> names = method_names();
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
  if (c.method == "rprop" && c.step_size_min > c.step_size_max)
    raise(ErrorKind::usage, "rprop: step_size_min " + text::number(c.step_size_min) +
                                " is above step_size_max " + text::number(c.step_size_max) + ".");
  if (c.method == "sgd" && c.nesterov && (c.momentum == 0 || c.dampening != 0))
    raise(ErrorKind::usage, "sgd: nesterov with momentum " + text::number(c.momentum) +
                                " and dampening " + text::number(c.dampening) +
                                ". It looks ahead along the momentum, undamped. "
                                "Set momentum = 0.9 and dampening = 0.");
}

}  // namespace

std::vector<std::string_view> method_names() {
  std::vector<std::string_view> names;
  for (const Method& m : methods) names.push_back(m.name);
  return names;
}

OptimiserConfig defaults_for(std::string_view name) {
  const Method& m = method_of(name);
  OptimiserConfig c;
  c.method = m.rule;
  c.lr = m.lr;
  m.defaults(c);
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
  std::vector<std::string> names = {"step"};
  for (const Slot& slot : method_of(config.method).state(config)) names.emplace_back(slot.name);
  return names;
}

std::vector<Tensor> initial_state(const OptimiserConfig& config, const Tensor& params) {
  const Method& m = method_of(config.method);
  check(config);
  if (!is_float(params.dtype()))
    raise(ErrorKind::dtype, config.method + ": parameters " + to_string(params.type()) +
                                " cannot move by fractions. They must be f32 or f64.");
  if (config.method == "muon" && params.rank() != 2)
    raise(ErrorKind::shape, "muon: parameters " + to_string(params.type()) +
                                " are no matrix. It makes the rows of a weight matrix orthogonal. "
                                "Let another method move them, such as adamw.");
  State state = {zeros({}, params.dtype())};
  for (const Slot& slot : m.state(config))
    state.push_back(full(slot.one ? Shape{} : params.shape(), slot.first, params.dtype()));
  return state;
}

Update update(const OptimiserConfig& config, const Tensor& params, const Tensor& grad,
              const std::vector<Tensor>& state, const Tensor& rate) {
  const Method& m = method_of(config.method);
  const size_t count = m.state(config).size() + 1;
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
  if (!rate.is_absent() && !rate.is_literal() &&
      !(rate.rank() == 0 && rate.dtype() == params.dtype()))
    raise(ErrorKind::shape, config.method + ": rate " + to_string(rate.type()) +
                                " for parameters " + to_string(params.type()) +
                                ". A learning rate is one number of their kind.");
  return m.step({config, params, config.maximize ? -grad : grad, state,
                 rate.is_absent() ? Tensor(config.lr) : rate});
}

Tensor orthogonalised(const Tensor& m, int steps) {
  if (m.rank() != 2)
    raise(ErrorKind::shape, "orthogonalised: " + to_string(m.type()) +
                                " is no matrix. Rows and columns are what it works on.");
  const bool tall = m.shape()[0] > m.shape()[1];
  Tensor x = tall ? transpose(m) : m;
  x = x / (norm(x) + 1e-7);
  for (int i = 0; i < steps; ++i) {
    const Tensor square_of = matmul(x, transpose(x));
    x = 3.4445 * x + matmul(-4.775 * square_of + 2.0315 * matmul(square_of, square_of), x);
  }
  return tall ? transpose(x) : x;
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
