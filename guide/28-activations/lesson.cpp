// Activations: their values and slopes, what saturates and what dies, and one deep network with
// each of five.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/activations.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/train/generate.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using OneNumber = double(double);

// [solution gelu-slope]
// The derivative of gelu(x) = x P(x), where P(x) = (1 + erf(x / sqrt 2)) / 2 is the chance that a
// standard normal number is below x.
double gelu_slope(double x) {
  const double pi = std::acos(-1.0);
  // [hole (void)x; (void)pi; return 0;]
  const double below = (1 + std::erf(x / std::sqrt(2.0))) / 2;
  const double density = std::exp(-x * x / 2) / std::sqrt(2 * pi);
  return below + x * density;
  // [end hole]
}
// [end]

double chance_below(double x) {
  return (1 + std::erf(x / std::numbers::sqrt2)) / 2;
}
double density(double x) {
  return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
}

using Rows = std::vector<std::vector<double>>;
using Share = double(const Rows&);

// [solution dead-share]
// z[example][unit] holds the sums before a relu. Returns the share of the units that are dead:
// whose output is 0 for every example.
double dead_share(const std::vector<std::vector<double>>& z) {
  double dead = 0;
  // [hole (void)z;]
  for (size_t unit = 0; unit < z[0].size(); ++unit) {
    bool speaks = false;
    for (const std::vector<double>& example : z) speaks = speaks || example[unit] > 0;
    if (!speaks) dead += 1;
  }
  dead /= static_cast<double>(z[0].size());
  // [end hole]
  return dead;
}
// [end]

// The share of units whose column of z passes.
template <class Test>
double share_of_units(const Rows& z, const Test& passes) {
  double count = 0;
  for (size_t unit = 0; unit < z[0].size(); ++unit) {
    std::vector<double> column;
    for (const auto& row : z) column.push_back(row[unit]);
    count += passes(column);
  }
  return count / static_cast<double>(z[0].size());
}

// ---------------------------------------------------------------------------- measurements

double slope_at(Activation f, double x) {
  return number(grad([f](const Tensor& v) { return f(v); })(Tensor(x)));
}

// Points of two moons, standardised, and their classes.
struct Points {
  Tensor x, y;
};
Points moons(int64_t count) {
  const Generated g = generate("moons", count, 3);
  const Tensor x = cast(from_vector(g.x, {count, 2}), DType::f64);
  const Reduce rows{.axis = 0};
  return {(x - mean(x, rows)) / std_dev(x, rows), from_vector(g.y)};
}

struct Trial {
  double ratio = 0, signal = 0, first = 0, last = 0;
};

// [trial]
// One network, one start, one set of points: only the bend differs.
Trial run(const Points& data, const char* bend, size_t depth, double lr) {
  MlpSpec spec{.sizes = {2}, .activation = bend};
  spec.sizes.resize(1 + depth, 16);
  spec.sizes.push_back(2);
  const Mlp net = make_mlp(spec, key_from_seed(5), DType::f64);
  const auto loss = [](const Mlp& m, const Tensor& x, const Tensor& y) {
    return cross_entropy(m(x), y, Reduction::mean);
  };
  const auto here = [&](const Mlp& m) { return loss(m, data.x, data.y); };
  const auto [value, grads] = gradients(net, here);
  // [end]
  StepOptions<Mlp> options;
  options.optimiser.lr = lr;
  Trial t;
  t.first = number(value);
  // Weights and biases alternate.
  t.ratio = number(norm(grads[0])) / number(norm(grads[grads.size() - 2]));
  t.signal = number(norm(grads[0]));
  const RecordedStep step = record_step<Mlp>(net, loss, data.x.type(), data.y.type(), options);
  const int at = step.loss(), x = step.x(), y = step.target();
  Plan plan = plan_of(step);
  plan.set(x, data.x);
  plan.set(y, data.y);
  for (int i = 0; i < 200; ++i) plan.run();
  t.last = number(plan.output_tensor(at));
  return t;
}

// [dead]
// The share of hidden units that are 0 for all points, before each step.
using Shares = std::vector<double>;
Shares dead_during(const Points& data, const char* bend, double rate) {
  MlpSpec spec = parse_mlp("mlp:2-64-2");
  spec.activation = bend;
  Mlp net = make_mlp(spec, key_from_seed(2), DType::f64);
  const auto loss = [&](const Mlp& m) {
    const Tensor scores = m(data.x);
    return cross_entropy(scores, data.y, Reduction::mean);
  };
  Shares dead;
  for (int step = 0; step < 30; ++step) {
    const Tensor highest = max(net.layers[0](data.x), {.axis = 0});
    dead.push_back(number(mean(where(highest > 0.0, 0.0, 1.0))));
    const std::vector<Tensor> slopes = gradients(net, loss).grads;
    const Tensor w = flatten(parameters(net)) - rate * flatten(slopes);
    net = with_parameters(net, unflatten(w, slopes));
  }
  return dead;
}
// [end]

constexpr const char* five[] = {"sigmoid", "tanh", "relu", "gelu", "silu"};
}  // namespace

LESSON(page) {
  // Values and slopes.
  Table values = {{"activation", "at -5", "at -1", "at 0", "at 1", "at 5"}}, slopes = values;
  slopes[0][0] = "slope of";
  for (const char* name :
       {"sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu"}) {
    const Activation f = activation(name);
    std::vector<std::string> row = {name}, slope_row = {name};
    for (const double at : {-5.0, -1.0, 0.0, 1.0, 5.0}) {
      row.push_back(shown(number(f(Tensor(at)))));
      slope_row.push_back(shown(slope_at(f, at)));
    }
    values.push_back(row);
    slopes.push_back(slope_row);
  }
  page.table("values", values);
  page.table("slopes", slopes);
  Plot curves{.id = "curves", .title = "Five activations", .x_label = "z"};
  Plot slope_plot{.id = "slopes", .title = "Their slopes", .x_label = "z", .from_zero = true};
  for (size_t i = 0; i < 5; ++i) {
    const Activation f = activation(five[i]);
    const Tensor x = linspace(-4, 2, 121);
    const auto line = [&](const Tensor& y) {
      return Line{.label = five[i], .x = numbers(x), .y = numbers(y), .colour = ramp_colour(i, 5)};
    };
    curves.lines.push_back(line(f(x)));
    slope_plot.lines.push_back(line(grad([f](const Tensor& v) { return sum(f(v)); })(x)));
  }
  page.picture("curves", curves);
  page.picture("slope_curves", slope_plot);

  // [exact]
  const double smooth = number(gelu(Tensor(1.0)));
  const double fast = number(gelu_tanh(Tensor(1.0)));
  // [end]
  page.bind("gelu_one", smooth, 6);
  page.bind("gelu_tanh_one", fast, 6);
  page.bind("gelu_minus", number(gelu(Tensor(-1.0))), 6);
  page.bind("silu_minus", number(silu(Tensor(-1.0))), 6);
  const double z = page.set("z", 5.0);
  page.bind("z", z);
  const double s = number(sigmoid(Tensor(z)));
  page.bind("saturated_value", s, 6);
  page.bind("saturated_rest", 1 - s, 6);
  page.bind("saturated", slope_at(sigmoid, z), 6);
  page.bind("steepest", slope_at(sigmoid, 0));
  page.bind("ten", 10);
  page.bind("chain", std::pow(0.25, 10), 3);
  page.bind("tanh_z", slope_at(tanh, z), 6);

  // Softmax.
  const Tensor logits = page.set("logits", Tensor{2, 1, 0.1});
  // [softmax]
  const Tensor p = softmax(logits);
  const auto shares = [](const Tensor& v) { return softmax(v); };
  const Tensor table = jacobian(shares)(logits);
  // [end]
  page.bind("logits", logits);
  page.bind("p", p, 6);
  page.bind("jacobian_row", row(table, 0), 6);
  page.bind("jacobian_sum", std::abs(number(sum(row(table, 0)))) < 1e-12
                                ? std::string("0")
                                : shown(number(sum(row(table, 0)))));

  // Five activations.
  const auto depth = static_cast<size_t>(std::clamp(page.set("depth", 8.0), 1.0, 30.0));
  const double rate = page.set("rate", 0.003);
  const Points data = moons(100);
  page.bind("depth", static_cast<int64_t>(depth));
  page.bind("rate", rate);
  page.bind("width", 16);
  page.bind("points", 100);
  page.bind("steps", 200);
  page.bind("ln2", std::log(2.0));
  Table race = {
      {"activation", "slope, first layer", "first over last", "loss before", "loss after"}};
  double ratios[5];
  for (size_t i = 0; i < 5; ++i) {
    const Trial t = run(data, five[i], depth, rate);
    ratios[i] = t.ratio;
    race.push_back(
        {five[i], shown(t.signal, 2), shown(t.ratio, 2), shown(t.first), shown(t.last, 2)});
  }
  page.table("race", race);
  page.bind("sigmoid_ratio", ratios[0], 2);
  page.bind("relu_ratio", ratios[2], 2);

  // Units that die.
  const double gentle = 0.1, rough = page.set("rough", 8.0);
  const Shares calm = dead_during(data, "relu", gentle), wild = dead_during(data, "relu", rough),
               leaky = dead_during(data, "leaky_relu", rough);
  Table dead = {{"before step", "relu, rate " + shown(gentle), "relu, rate " + shown(rough),
                 "leaky_relu, rate " + shown(rough)}};
  for (const size_t i : {0u, 1u, 2u, 5u, 10u, 29u}) {
    const auto percent = [&](const Shares& d) { return shown(100 * d[i], 1) + " percent"; };
    dead.push_back({std::to_string(i), percent(calm), percent(wild), percent(leaky)});
  }
  page.table("dead", dead);
  page.bind("units", 64);
  page.bind("rough", rough);
  page.bind("leak", 0.01);
  page.bind("dead_end", 100 * wild.back(), 1);

  // Exercises.
  page.exercise(Predict{
      .name = "saturated-slope",
      .answer = 0.00664806,
      .tolerance = 2e-5,
      .wrong = {
          {0.99330715, "value instead of slope",
           "This is the sigmoid itself. How fast does it still rise?"},
          {0.25, "slope at zero", "That is the slope where the curve is steepest, at z = 0."},
          {0.00669285, "one factor forgotten",
           "This is 1 minus the value. The slope is the value times that."},
          {0.98665907, "value squared",
           "The two factors are the value and 1 minus the value, not the value twice."},
          {0.00018158, "slope of the tanh",
           "This is the slope of the tanh at 5. The sigmoid is a tanh at half the speed."},
          {-0.00664806, "wrong sign", "The sigmoid rises everywhere."},
          {0.5, "slope by thirds", "Compute it: the value is 0.993307; what is left to 1?"}}});
  page.exercise(Choose{
      .name = "which-activation",
      .answer = "swap",
      .choices = {
          {"swap", "hidden relu or gelu with He weights, the sigmoid only at the end", "", ""},
          {"rate", "a learning rate a thousand times as high", "rate against vanishing",
           "It would blow up the last layers long before the first ones move: their slopes differ "
           "by twelve powers of ten."},
          {"wider", "more units in each layer", "width against vanishing",
           "Width does not change the slope of the bend, and that is the factor which repeats."},
          {"deeper", "more layers of the same kind", "depth against vanishing",
           "Each further layer multiplies by at most a quarter once more."},
          {"linear", "no activation in the hidden layers", "bend thrown away",
           "Slopes would pass, but the layers would collapse into one linear map."},
          {"softmax", "softmax after each hidden layer", "softmax taken for a bend",
           "It makes shares that add up to 1: small numbers, and smaller slopes than the "
           "sigmoid's."},
          {"data", "more examples", "data against vanishing",
           "The slope of the first layer is lost on the way back, whatever the examples are."}}});
  static const double at[] = {0.7, -1.3, 0, 2.5, -0.2};
  page.exercise(fill(Numeric<OneNumber>{
      .name = "gelu-slope",
      .solution = gelu_slope,
      .cases = 5,
      .call = [](OneNumber* f, int i) { return std::vector<double>{f(at[i])}; },
      .where = [](int i) { return "x = " + shown(at[i]); },
      .mistakes =
          {{"only the gate",
            "You took the slope of x and kept P. By the product rule P moves with x, too.",
            [](double x) { return chance_below(x); }},
           {"only the density",
            "You took the slope of P and kept x. The other half of the product rule is missing.",
            [](double x) { return x * density(x); }},
           {"value instead of slope", "This is gelu(x) itself.",
            [](double x) { return x * chance_below(x); }},
           {"slopes multiplied",
            "The product rule adds: u' v + u v'. You multiplied the two slopes.",
            [](double x) { return density(x); }},
           {"density without its constant",
            "The density of the normal law has the factor 1 / sqrt(2 pi).",
            [](double x) { return chance_below(x) + x * std::exp(-x * x / 2); }},
           {"slope of a relu", "GELU is smooth: its slope is not just 0 or 1.",
            [](double x) { return x > 0 ? 1.0 : 0.0; }},
           {"root of 2 forgotten", "Inside erf stands x divided by the root of 2.",
            [](double x) { return (1 + std::erf(x)) / 2 + x * density(x); }},
           {"wrong sign of the second part", "The density is added: P grows with x.",
            [](double x) { return chance_below(x) - x * density(x); }}}}));
  static const Rows sums[] = {
      {{1, -2, 0, -1}, {-3, -1, 0, 2}, {2, -5, -1, -1}}, {{-1, -1}, {-2, -3}}, {{3, 4, -1}}};
  page.exercise(fill(Numeric<Share>{
      .name = "dead-share",
      .solution = dead_share,
      .cases = 3,
      .call = [](Share* f, int i) { return std::vector<double>{f(sums[i])}; },
      .where =
          [](int i) {
            return std::to_string(sums[i].size()) +
                   " examples, sums of the first: " + listed(sums[i][0]);
          },
      .mistakes =
          {{"zeros counted",
            "This is the share of zero outputs. A unit that is silent for some examples is alive.",
            [](const Rows& z) {
              double n = 0, all = 0;
              for (const auto& r : z)
                for (const double v : r) {
                  n += v <= 0;
                  all += 1;
                }
              return n / all;
            }},
           {"silent once",
            "You counted units that are 0 for some example. Dead means: for every one.",
            [](const Rows& z) {
              return share_of_units(z, [](const auto& c) { return std::ranges::min(c) <= 0; });
            }},
           {"share of the living", "This is the share of units that speak. What is left?",
            [](const Rows& z) {
              return share_of_units(z, [](const auto& c) { return std::ranges::max(c) > 0; });
            }},
           {"zero taken for speaking",
            "A sum of exactly 0 gives the output 0, and slope 0 as well.",
            [](const Rows& z) {
              return share_of_units(z, [](const auto& c) { return std::ranges::max(c) < 0; });
            }},
           {"units counted", "This is the number of dead units. Divide by the number of units.",
            [](const Rows& z) {
              return share_of_units(z, [](const auto& c) { return std::ranges::max(c) <= 0; }) *
                     static_cast<double>(z[0].size());
            }},
           {"divided by the examples", "The share is of the units, not of the examples.",
            [](const Rows& z) {
              return share_of_units(z, [](const auto& c) { return std::ranges::max(c) <= 0; }) *
                     static_cast<double>(z[0].size()) / static_cast<double>(z.size());
            }},
           {"examples instead of units",
            "You looked for examples that no unit answers. Go down the columns, not along the "
            "rows.",
            [](const Rows& z) {
              double n = 0;
              for (const auto& r : z) n += std::ranges::max(r) <= 0;
              return n / static_cast<double>(z.size());
            }}}}));
}
