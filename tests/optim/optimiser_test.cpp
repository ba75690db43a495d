#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

// x^2 + 4 y^2
Tensor bowl(const Tensor& x) {
  return sum(square(x) * Tensor({1, 4}));
}

OptimiserConfig with(std::string_view method,
                     std::initializer_list<std::pair<const char*, double>> hypers) {
  OptimiserConfig c = defaults_for(method);
  for (const auto& [name, value] : hypers) set_hyperparameter(c, name, value);
  return c;
}

std::vector<double> last(const std::vector<Tensor>& points) {
  return numbers(points.back());
}

// How far each step goes from 0 when the gradient is 1 for ever.
std::vector<double> steps_at_slope_one(const OptimiserConfig& c, int64_t count) {
  const auto points = trajectory([](const Tensor& x) { return sum(x); }, Tensor({0.0}), c, count);
  std::vector<double> steps;
  double before = 0;
  for (const Tensor& p : points) {
    steps.push_back(before - numbers(p)[0]);
    before = numbers(p)[0];
  }
  return steps;
}

TEST(Descend, gradient_descent_reaches_the_worked_point) {
  const Tensor history = descend(bowl, Tensor({3, 3}), with("sgd", {{"lr", 0.1}}), 50);
  EXPECT_EQ(history.shape(), (Shape{51, 2}));
  const auto h = numbers(history);
  EXPECT_EQ(h[0], 3);
  EXPECT_NEAR(h[100], 4.2817e-5, 5e-10);
  EXPECT_NEAR(h[101] / 3.378e-35, 1, 1e-3);  // 3 * 0.2^50
}

TEST(Descend, a_watcher_sees_every_point_and_can_stop) {
  std::vector<double> seen;
  const auto watch = [&](const Iterate& i) {
    seen.push_back(number(i.value));
    EXPECT_EQ(i.step, static_cast<int64_t>(seen.size()) - 1);
    EXPECT_EQ(numbers(i.grad)[1], 8 * numbers(i.x)[1]);
    return number(i.value) > 1;
  };
  const Tensor history = descend(bowl, Tensor({3, 3}), with("sgd", {{"lr", 0.1}}), 50, watch);
  EXPECT_EQ(seen.size(), static_cast<size_t>(history.shape()[0]));
  EXPECT_EQ(seen.front(), 45);
  EXPECT_LE(seen.back(), 1);

  int calls = 0;
  const auto count = [&](const Iterate&) { return ++calls > 0; };
  EXPECT_EQ(descend(bowl, Tensor({3, 3}), with("sgd", {{"lr", 0.1}}), 7, count).shape()[0], 8);
  EXPECT_EQ(calls, 8);
}

TEST(Sgd, momentum_steps_grow_as_worked_by_hand) {
  const auto steps = steps_at_slope_one(with("momentum", {{"lr", 0.1}}), 3);
  EXPECT_NEAR(steps[0], 0.1, 1e-15);
  EXPECT_NEAR(steps[1], 0.19, 1e-15);
  EXPECT_NEAR(steps[2], 0.271, 1e-15);
}

TEST(Sgd, nesterov_looks_one_step_ahead) {
  const auto steps = steps_at_slope_one(with("nesterov", {{"lr", 0.1}}), 2);
  EXPECT_NEAR(steps[0], 0.19, 1e-15);
  EXPECT_NEAR(steps[1], 0.271, 1e-15);
}

TEST(Sgd, dampening_spares_the_first_gradient) {
  const auto steps = steps_at_slope_one(with("momentum", {{"lr", 0.1}, {"dampening", 0.5}}), 2);
  EXPECT_NEAR(steps[0], 0.1, 1e-15);
  EXPECT_NEAR(steps[1], 0.1 * (0.9 + 0.5), 1e-15);
}

TEST(RmsProp, its_first_step_is_ten_times_adams_because_no_bias_is_corrected) {
  EXPECT_NEAR(steps_at_slope_one(with("rmsprop", {{"lr", 0.01}}), 1)[0], 0.1, 1e-8);
  EXPECT_NEAR(steps_at_slope_one(with("adam", {{"lr", 0.01}}), 1)[0], 0.01, 1e-9);
}

TEST(RmsProp, a_constant_gradient_has_no_variance_and_still_a_finite_step) {
  const OptimiserConfig c = with("rmsprop", {{"centered", 1}, {"eps", 0.1}});
  for (double step : steps_at_slope_one(c, 2000)) ASSERT_TRUE(std::isfinite(step));
}

TEST(Adam, the_first_step_is_lr_whatever_the_gradient) {
  const auto x = last(trajectory(bowl, Tensor({3, 3}), with("adam", {{"lr", 0.01}}), 1));
  EXPECT_NEAR(x[0], 2.9900000000166667, 1e-15);
  EXPECT_NEAR(x[1], 2.9900000000041667, 1e-15);
}

// Computed with 40 digits from the equations and the f64 values of the constants.
TEST(Adam, it_has_not_converged_after_100_steps) {
  struct {
    double lr;
    int64_t steps;
    double x, y;
  } const cases[] = {{0.01, 100, 2.0624463999764753, 2.0624463987945161},
                     {0.01, 500, 0.19298112588436525, 0.19298112440557474},
                     {0.01, 1000, 0.00089160269586495848, 0.00089160266433178864},
                     {0.1, 100, 0.019344562472187773, 0.019344562412289912}};
  for (const auto& c : cases) {
    const auto x = last(trajectory(bowl, Tensor({3, 3}), with("adam", {{"lr", c.lr}}), c.steps));
    EXPECT_NEAR(x[0], c.x, 1e-12) << c.steps;
    EXPECT_NEAR(x[1], c.y, 1e-12) << c.steps;
  }
}

TEST(Adam, in_f32_the_first_bias_correction_keeps_its_digits) {
  const Tensor p = from_vector(std::vector<float>{1, 1}),
               g = from_vector(std::vector<float>{1, -3});
  const OptimiserConfig c = with("adam", {{"lr", 0.5}});
  const Update u = update(c, p, g, initial_state(c, p));
  EXPECT_EQ(u.params.dtype(), DType::f32);
  for (const Tensor& s : u.state) EXPECT_EQ(s.dtype(), DType::f32);
  EXPECT_NEAR(numbers(u.params)[0], 0.5, 1.2e-7);
  EXPECT_NEAR(numbers(u.params)[1], 1.5, 1.2e-7);
}

TEST(AdamW, it_shrinks_weights_without_a_gradient) {
  const OptimiserConfig c = with("adamw", {{"lr", 0.1}, {"weight_decay", 0.5}});
  const Tensor p({2.0});
  EXPECT_EQ(numbers(update(c, p, Tensor({0.0}), initial_state(c, p)).params)[0], 2 * 0.95);
}

TEST(Optimiser, a_learning_rate_of_zero_moves_nothing) {
  for (const std::string_view method : method_names()) {
    if (method == "muon" || method == "rprop") continue;  // matrices; steps of its own
    const auto x = last(trajectory(bowl, Tensor({3, 0}), with(method, {{"lr", 0}}), 3));
    EXPECT_EQ(x, (std::vector<double>{3, 0})) << method;
  }
}

TEST(Optimiser, defaults_are_pytorchs) {
  EXPECT_EQ(hyperparameters(defaults_for("adamw")),
            (std::vector<std::pair<std::string, double>>{{"lr", 1e-3},
                                                         {"beta1", 0.9},
                                                         {"beta2", 0.999},
                                                         {"eps", 1e-8},
                                                         {"weight_decay", 1e-2},
                                                         {"amsgrad", 0},
                                                         {"maximize", 0}}));
  EXPECT_EQ(hyperparameters(defaults_for("rmsprop")),
            (std::vector<std::pair<std::string, double>>{{"lr", 1e-2},
                                                         {"momentum", 0},
                                                         {"alpha", 0.99},
                                                         {"eps", 1e-8},
                                                         {"weight_decay", 0},
                                                         {"centered", 0},
                                                         {"maximize", 0}}));
  EXPECT_EQ(hyperparameters(defaults_for("nesterov")),
            (std::vector<std::pair<std::string, double>>{{"lr", 1e-3},
                                                         {"momentum", 0.9},
                                                         {"dampening", 0},
                                                         {"nesterov", 1},
                                                         {"weight_decay", 0},
                                                         {"maximize", 0}}));
  const struct {
    const char* method;
    double lr, eps, weight_decay;
  } others[] = {{"adagrad", 1e-2, 1e-10, 0}, {"adadelta", 1, 1e-6, 0}, {"adamax", 2e-3, 1e-8, 0},
                {"nadam", 2e-3, 1e-8, 0},    {"radam", 1e-3, 1e-8, 0}, {"muon", 1e-3, 1e-7, 0.1}};
  for (const auto& o : others) {
    EXPECT_EQ(defaults_for(o.method).lr, o.lr) << o.method;
    EXPECT_EQ(defaults_for(o.method).eps, o.eps) << o.method;
    EXPECT_EQ(defaults_for(o.method).weight_decay, o.weight_decay) << o.method;
  }
  EXPECT_EQ(defaults_for("asgd").alpha, 0.75);
  EXPECT_EQ(defaults_for("rprop").eta_plus, 1.2);
}

TEST(Optimiser, state_has_pytorchs_names) {
  EXPECT_EQ(state_names(with("adam", {{"amsgrad", 1}})),
            (std::vector<std::string>{"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}));
  EXPECT_EQ(state_names(with("rmsprop", {{"centered", 1}, {"momentum", 0.9}})),
            (std::vector<std::string>{"step", "square_avg", "grad_avg", "momentum_buffer"}));
  EXPECT_EQ(state_names(defaults_for("sgd")), std::vector<std::string>{"step"});
  EXPECT_EQ(state_names(defaults_for("nadam")),
            (std::vector<std::string>{"step", "mu_product", "exp_avg", "exp_avg_sq"}));
  EXPECT_EQ(state_names(defaults_for("adadelta")),
            (std::vector<std::string>{"step", "square_avg", "acc_delta"}));
  EXPECT_EQ(state_names(defaults_for("adamax")),
            (std::vector<std::string>{"step", "exp_avg", "exp_inf"}));
}

TEST(Optimiser, wrong_words_and_numbers_are_named) {
  EXPECT_EQ(
      message_of([] { defaults_for("adamm"); }),
      "optimiser: there is no method 'adamm'. The methods are adadelta, adagrad, adam, adamax, "
      "adamw, asgd, momentum, muon, nadam, nesterov, radam, rmsprop, rprop, sgd. Did you mean "
      "'adam'?");
  OptimiserConfig c = defaults_for("adam");
  EXPECT_EQ(message_of([&] { set_hyperparameter(c, "beta3", 1); }),
            "adam: there is no hyperparameter 'beta3'. It has lr, beta1, beta2, eps, weight_decay, "
            "amsgrad, decoupled_weight_decay, maximize. Did you mean 'beta1'?");
  EXPECT_EQ(message_of([&] { set_hyperparameter(c, "momentum", 1); }),
            "adam: there is no hyperparameter 'momentum'. It has lr, beta1, beta2, eps, "
            "weight_decay, amsgrad, decoupled_weight_decay, maximize.");
  EXPECT_EQ(
      message_of([] {
        initial_state(with("rprop", {{"step_size_min", 2}, {"step_size_max", 1}}), Tensor({1.0}));
      }),
      "rprop: step_size_min 2 is above step_size_max 1.");
  EXPECT_EQ(message_of([] {
              initial_state(defaults_for("muon"), Tensor({1.0, 2.0}));
            }),
            "muon: parameters f64[2] are no matrix. It makes the rows of a weight matrix "
            "orthogonal. Let another method move them, such as adamw.");
  EXPECT_EQ(message_of([&] {
              update(c, Tensor({1.0}), Tensor({1.0}), initial_state(c, Tensor({1.0})),
                     Tensor({0.1, 0.2}));
            }),
            "adam: rate f64[2] for parameters f64[1]. A learning rate is one number of their "
            "kind.");
  EXPECT_EQ(message_of([] {
              initial_state(with("adam", {{"beta2", 1}}), Tensor({1.0}));
            }),
            "adam: beta2 is 1. It must be at least 0 and below 1.");
  EXPECT_EQ(message_of([] {
              initial_state(with("sgd", {{"lr", -1}}), Tensor({1.0}));
            }),
            "sgd: lr is -1. It must be at least 0 and finite.");
  EXPECT_EQ(message_of([] {
              initial_state(with("nesterov", {{"momentum", 0}}), Tensor({1.0}));
            }),
            "sgd: nesterov with momentum 0 and dampening 0. It looks ahead along the momentum, "
            "undamped. Set momentum = 0.9 and dampening = 0.");
  EXPECT_EQ(message_of([&] { initial_state(c, iota(3)); }),
            "adam: parameters i64[3] cannot move by fractions. They must be f32 or f64.");
  EXPECT_EQ(
      message_of([&] {
        update(c, Tensor({1, 2}), Tensor({1.0}), initial_state(c, Tensor({1, 2})));
      }),
      "adam: gradient f64[1] for parameters f64[2]. Each parameter has one slope of its own type.");
  EXPECT_EQ(message_of([&] { update(c, Tensor({1.0}), Tensor({1.0}), {}); }),
            "adam: a state of 0 tensors, but with these settings it has 3. A state belongs to one "
            "configuration. Start from initial_state(config, params).");
}

// With a slope of 1 for ever the equations can be followed by hand.
TEST(AdaDelta, its_first_step_needs_no_rate) {
  // sqrt(eps) / sqrt(0.1 + eps): 1e-3 / 0.316229.
  EXPECT_NEAR(steps_at_slope_one(defaults_for("adadelta"), 1)[0], 3.162261848899343e-3, 1e-15);
}

TEST(AdaMax, every_step_at_a_steady_slope_is_the_rate) {
  for (double step : steps_at_slope_one(with("adamax", {{"lr", 0.02}}), 50))
    EXPECT_NEAR(step, 0.02, 1e-9);
}

TEST(RAdam, it_begins_as_momentum_and_turns_adaptive_at_the_sixth_step) {
  // rho_t is 1, 2.0, 3.0, ... 4.996, 5.994: only the last exceeds 5.
  const OptimiserConfig c = with("radam", {{"lr", 0.1}});
  const auto at = [&](double slope) {
    const auto points =
        trajectory([&](const Tensor& x) { return sum(slope * x); }, Tensor({0.0}), c, 6);
    std::vector<double> steps;
    double before = 0;
    for (const Tensor& p : points) steps.push_back(before - numbers(p)[0]), before = numbers(p)[0];
    return steps;
  };
  const auto one = at(1), ten = at(10);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(one[i], 0.1, 1e-14);
    EXPECT_NEAR(ten[i], 1, 1e-13);
  }
  EXPECT_NEAR(one[5], ten[5], 1e-9);
  EXPECT_LT(one[5], 0.01);
}

TEST(Rprop, a_step_grows_shrinks_and_rests) {
  const OptimiserConfig c = with("rprop", {{"lr", 0.1}});
  const Tensor p({0.0});
  std::vector<Tensor> state = initial_state(c, p);
  std::vector<double> moved;
  Tensor x = p;
  for (double slope : {3.0, 5.0, -1.0, -1.0, -1.0}) {
    const Update u = update(c, x, Tensor({slope}), state);
    moved.push_back(numbers(u.params)[0] - numbers(x)[0]);
    x = u.params;
    state = u.state;
  }
  const double want[] = {-0.1, -0.12, 0, 0.06, 0.072};
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(moved[i], want[i], 1e-15) << i;
}

TEST(Asgd, it_averages_from_t0_on) {
  const OptimiserConfig c = with("asgd", {{"lr", 0.1}, {"lambd", 0}, {"t0", 1}});
  Tensor x({0.0});
  std::vector<Tensor> state = initial_state(c, x);
  for (int i = 0; i < 4; ++i) {
    Update u = update(c, x, Tensor({1.0}), state);
    x = u.params;
    state = u.state;
  }
  EXPECT_NEAR(numbers(x)[0], -0.4, 1e-15);
  // x_1 to x_3 replace the average; then half of x_4 joins.
  EXPECT_NEAR(numbers(state[1])[0], -0.35, 1e-15);
}

TEST(Muon, moves_every_direction_of_a_matrix_by_about_the_rate) {
  const Tensor g =
      outer(Tensor({1, 2, 3}), Tensor({1, -1})) + 0.01 * outer(Tensor({3, 0, -1}), Tensor({1, 1}));
  const std::vector<double> s = numbers(svdvals(orthogonalised(g)));
  for (double v : s) {
    EXPECT_GT(v, 0.6);
    EXPECT_LT(v, 1.25);
  }
  const OptimiserConfig c = with("muon", {{"lr", 0.1}, {"weight_decay", 0}});
  const Tensor p = zeros({3, 2});
  const Update u = update(c, p, g, initial_state(c, p));
  for (double v : numbers(svdvals(u.params))) EXPECT_NEAR(v, 0.1 * std::sqrt(1.5), 0.05);
  EXPECT_EQ(message_of([] {
              orthogonalised(Tensor({1, 2}));
            }),
            "orthogonalised: f64[2] is no matrix. Rows and columns are what it works on.");
}

TEST(Optimiser, maximize_goes_up) {
  for (const std::string_view method : method_names()) {
    if (method == "muon") continue;
    const auto up = [](const Tensor& x) { return -sum(square(x - 1)); };
    const auto down = [](const Tensor& x) { return sum(square(x - 1)); };
    EXPECT_EQ(last(trajectory(up, Tensor({3, 0}), with(method, {{"maximize", 1}}), 4)),
              last(trajectory(down, Tensor({3, 0}), defaults_for(method), 4)))
        << method;
  }
}

TEST(Optimiser, a_rate_takes_the_place_of_lr) {
  for (const std::string_view method : method_names()) {
    const Tensor p({{1, 2}, {3, -4}}), g({{0.5, -1}, {2, 0.25}});
    OptimiserConfig c = with(method, {{"lr", 0.3}});
    const std::vector<Tensor> state = initial_state(c, p);
    const auto want = numbers(update(c, p, g, state).params);
    if (method != "rprop") c.lr = 100;
    const auto got = numbers(update(c, p, g, state, scalar(0.3, DType::f64)).params);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], 1e-15) << method;
  }
}

// L2 and decoupled decay are one thing for sgd; Adam divides the former by the size of the
// gradient.
TEST(WeightDecay, decoupled_differs_from_l2_for_adam_and_not_for_sgd) {
  const Tensor p({2.0, -1.0}), g({0.3, 100.0});
  const auto step = [&](const OptimiserConfig& c) {
    return numbers(update(c, p, g, initial_state(c, p)).params);
  };
  const double lr = 0.1, decay = 0.05;
  const auto sgd = step(with("sgd", {{"lr", lr}, {"weight_decay", decay}}));
  EXPECT_NEAR(sgd[0], (1 - lr * decay) * 2 - lr * 0.3, 1e-15);
  EXPECT_NEAR(sgd[1], (1 - lr * decay) * -1 - lr * 100, 1e-14);
  const auto l2 = step(with("adam", {{"lr", lr}, {"weight_decay", decay}})),
             plain = step(with("adam", {{"lr", lr}})),
             decoupled = step(with("adamw", {{"lr", lr}, {"weight_decay", decay}})),
             same = step(with(
                 "adam", {{"lr", lr}, {"weight_decay", decay}, {"decoupled_weight_decay", 1}}));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(l2[i], plain[i], 1e-8);  // the first step is lr whatever the gradient
    EXPECT_EQ(decoupled[i], same[i]);
  }
  EXPECT_NEAR(decoupled[0] - plain[0], -lr * decay * 2, 1e-15);
  EXPECT_NEAR(decoupled[1] - plain[1], lr * decay * 1, 1e-15);
}

Plan planned(const OptimiserConfig& c, const Tensor& p, const Tensor& g) {
  std::vector<Argument> args = {{"params", p.type()}, {"grad", g.type()}};
  for (const Tensor& s : initial_state(c, p)) args.push_back({"state", s.type()});
  return compile(
      [&c](std::span<const Tensor> a) {
        Update u = update(c, a[0], a[1], {a.begin() + 2, a.end()});
        u.state.insert(u.state.begin(), u.params);
        return u.state;
      },
      args);
}

TEST(Optimiser, a_planned_update_has_the_bits_of_the_computed_one) {
  std::vector<float> start, slope;
  for (int i = 0; i < 37; ++i) {
    start.push_back(std::sin(static_cast<float>(i)));
    slope.push_back(std::cos(3 * static_cast<float>(i)));
  }
  const Tensor g = from_vector(slope);
  const OptimiserConfig configs[] = {
      defaults_for("sgd"),
      with("momentum", {{"dampening", 0.3}, {"weight_decay", 0.1}}),
      defaults_for("nesterov"),
      with("rmsprop", {{"centered", 1}, {"momentum", 0.5}}),
      with("adam", {{"amsgrad", 1}, {"weight_decay", 0.1}}),
      defaults_for("adamw"),
      with("adagrad", {{"lr_decay", 0.1}, {"initial_accumulator_value", 0.5}}),
      defaults_for("adadelta"),
      with("adamax", {{"weight_decay", 0.1}}),
      with("nadam", {{"weight_decay", 0.1}, {"decoupled_weight_decay", 1}}),
      with("radam", {{"beta2", 0.9}}),
      with("asgd", {{"t0", 1}, {"maximize", 1}}),
      defaults_for("rprop"),
  };
  for (const OptimiserConfig& c : configs) {
    Tensor p = from_vector(start);
    std::vector<Tensor> state = initial_state(c, p);
    Plan plan = planned(c, p, g);
    for (int step = 0; step < 8; ++step) {
      std::vector<Tensor> args = {p, g};
      args.insert(args.end(), state.begin(), state.end());
      const std::vector<Tensor> got = plan(args);
      const Update want = update(c, p, g, state);
      EXPECT_TRUE(same_bits(got[0], want.params)) << c.method << step;
      for (size_t i = 0; i < state.size(); ++i)
        EXPECT_TRUE(same_bits(got[i + 1], want.state[i])) << c.method << step;
      p = want.params;
      state = want.state;
    }
  }
}

// Instructions over the whole parameter vector: what an update costs on a large model.
TEST(Optimiser, planned_updates_are_short) {
  const Tensor p = zeros({1000}, DType::f32), g = zeros({1000}, DType::f32);
  const auto long_ones = [&](const OptimiserConfig& c) {
    const Plan plan = planned(c, p, g);
    int count = 0;
    const Graph& graph = plan.graph();
    for (size_t i = 0; i < graph.step_count(); ++i) {
      const Step& s = graph.step(i);
      count += s.op->pointwise && graph.value(s.first_out).type.shape.size() == 1;
    }
    return count;
  };
  EXPECT_EQ(long_ones(defaults_for("sgd")), 2);
  EXPECT_EQ(long_ones(defaults_for("momentum")), 4);
  EXPECT_EQ(long_ones(defaults_for("rmsprop")), 9);
  EXPECT_EQ(long_ones(defaults_for("adam")), 12);
  EXPECT_EQ(long_ones(defaults_for("adamw")), 13);
  EXPECT_EQ(long_ones(defaults_for("nadam")), 14);
  EXPECT_EQ(long_ones(defaults_for("adamax")), 10);
}

}  // namespace
}  // namespace gradus
