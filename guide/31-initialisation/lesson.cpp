// Starting weights: equal ones stay equal, small ones lose the signal, large ones blow it up, and
// those whose scale fits keep it over fifty layers.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/lsuv.h>
#include <gradus/nn/metrics.h>
#include <gradus/nn/mlp.h>
#include <gradus/train/generate.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Signal = double(double, int, int);

// [solution signal-after]
// Layers of `width` relu units, weights normal with mean 0 and this standard deviation, no biases.
// By which factor does the root mean square of the signal change over `layers` layers?
double signal_after(double deviation, int width, int layers) {
  // [hole (void)deviation; (void)width; (void)layers; return 0;]
  const double of_one = deviation * std::sqrt(width / 2.0);
  return std::pow(of_one, layers);
  // [end hole]
}
// [end]

using Drawn = std::vector<double>(const std::vector<double>&, int, int);

// [solution xavier-weights]
// u holds numbers drawn evenly between 0 and 1. Returns as many weights, drawn as Xavier's rule
// says for a layer that reads fan_in numbers and says fan_out.
std::vector<double> xavier_weights(const std::vector<double>& u, int fan_in, int fan_out) {
  std::vector<double> w;
  // [hole (void)u; (void)fan_in; (void)fan_out;]
  const double bound = std::sqrt(6.0 / (fan_in + fan_out));
  for (const double v : u) w.push_back(bound * (2 * v - 1));
  // [end hole]
  return w;
}
// [end]

std::vector<double> evenly(const std::vector<double>& u, double low, double high) {
  std::vector<double> w;
  for (const double v : u) w.push_back(low + (high - low) * v);
  return w;
}

// ---------------------------------------------------------------------------- measurements

// [signal]
// The root mean square of the sums of each layer of relu units, for 16
// random inputs.
using Levels = std::vector<double>;
Levels levels(const std::string& init, int depth, int64_t width) {
  const Key key = key_from_seed(7);
  Tensor h = random_normal(key_tensor(split(key, 999)), {16, width});
  Levels all;
  for (int layer = 0; layer < depth; ++layer) {
    const Key own = split(key, static_cast<uint64_t>(layer));
    const Tensor w = initial_weight(init, own, width, width, DType::f64);
    const Tensor z = matmul(h, transpose(w));
    all.push_back(std::sqrt(number(mean(square(z)))));
    h = relu(z);
  }
  return all;
}
// [end]

// LSUV: each layer's weights divided by the deviation of what they give.
std::vector<double> lsuv_levels(int depth, int64_t width) {
  MlpSpec spec{.sizes = {width}, .activation = "relu", .init = "he"};
  spec.sizes.resize(static_cast<size_t>(depth) + 1, width);
  const Tensor x = random_normal(key_tensor(key_from_seed(8)), {16, width});
  const Mlp model = lsuv(make_mlp(spec, key_from_seed(7), DType::f64), x);
  std::vector<double> all;
  Tensor h = x;
  for (const Linear& layer : model.layers) {
    const Tensor z = layer(h);
    all.push_back(number(std_dev(z)));
    h = relu(z);
  }
  return all;
}

// The length of the loss's slope by each layer's weights, over that of the last.
Line gradient_flow(const std::string& init, std::string colour) {
  MlpSpec spec{.sizes = {64}, .activation = "relu", .init = init};
  spec.sizes.resize(21, 64);
  const Mlp net = make_mlp(spec, key_from_seed(3), DType::f64);
  const Tensor x = random_normal(key_tensor(key_from_seed(1)), {16, 64});
  const auto slopes = gradients(net, [&](const Mlp& m) { return mean(square(m(x))); }).grads;
  Line line{.label = init, .x = {}, .y = {}, .colour = std::move(colour)};
  for (size_t layer = 0; layer < 20; ++layer) {
    line.x.push_back(static_cast<double>(layer + 1));
    line.y.push_back(number(norm(slopes[2 * layer])));
  }
  return line;
}

struct Points {
  Tensor x, y;
};
Points moons(int64_t count, uint64_t seed) {
  const Generated g = generate("moons", count, seed);
  const Tensor x = cast(from_vector(g.x, {count, 2}), DType::f64);
  const Reduce rows{.axis = 0};
  return {(x - mean(x, rows)) / std_dev(x, rows), from_vector(g.y)};
}

struct Trained {
  double before = 0, after = 0, right = 0;  // right: the share of new points
};
Trained train(const Points& data, const Points& fresh, const std::string& init, double gain) {
  MlpSpec spec{.sizes = {2}, .activation = "relu", .init = init, .gain = gain};
  spec.sizes.resize(9, 16);
  spec.sizes.push_back(2);
  const Mlp net = make_mlp(spec, key_from_seed(5), DType::f64);
  StepOptions<Mlp> options;
  options.optimiser.lr = 0.003;
  const RecordedStep step = record_step<Mlp>(
      net,
      [](const Mlp& m, const Tensor& x, const Tensor& y) {
        return cross_entropy(m(x), y, Reduction::mean);
      },
      data.x.type(), data.y.type(), options);
  Plan plan = plan_of(step);
  plan.set(step.x(), data.x);
  plan.set(step.target(), data.y);
  Trained t;
  for (int i = 0; i < 150; ++i) {
    plan.run();
    (i == 0 ? t.before : t.after) = number(plan.output_tensor(step.loss()));
  }
  const Mlp end = with_parameters(net, unflatten(plan.input_tensor(0), parameters(net)));
  const std::vector<double> truth = numbers(fresh.y);
  t.right =
      accuracy(predicted_classes(end(fresh.x)), std::vector<int64_t>(truth.begin(), truth.end()));
  return t;
}
}  // namespace

LESSON(page) {
  // Equal weights.
  // [equal]
  const MlpSpec form = parse_mlp("mlp:2-3-1");
  const Mlp equal = make_mlp(form, key_from_seed(0), DType::f64);
  const std::vector<Tensor> like = parameters(equal);
  Tensor w = full({parameter_count(form)}, 0.5);
  const Tensor corners{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const Tensor targets{{0}, {1}, {1}, {0}};
  const auto loss = [&](const Tensor& flat) {
    const Mlp net = with_parameters(equal, unflatten(flat, like));
    return mean(square(net(corners) - targets));
  };
  for (int step = 0; step < 200; ++step) w = w - 0.1 * grad(loss)(w);
  // [end]
  page.bind("same", 0.5);
  page.bind("same_steps", 200);
  page.bind("same_units", unflatten(w, like)[0], 4);
  page.bind("same_loss", number(loss(w)));
  page.bind("mean_loss", 0.25);
  page.bind("three", 3);

  // Scales by rule.
  const Key key = key_from_seed(0);
  // [rules]
  const Tensor he = initial_weight("he", key, 256, 512, DType::f64);
  const Tensor xavier = initial_weight("xavier", key, 128, 256, DType::f64);
  // [end]
  page.bind("he_std", std::sqrt(2.0 / 512));
  page.bind("he_measured", number(std_dev(he)), 3);
  page.bind("xavier_bound", std::sqrt(6.0 / 384));
  page.bind("xavier_largest", number(max(abs(xavier))), 3);
  page.bind("in512", 512);
  page.bind("in256", 256);
  page.bind("out128", 128);
  Table rules = {{"name", "deviation", "largest number", "largest singular value", "smallest"}};
  for (const char* name :
       {"he", "he_uniform", "xavier", "xavier_normal", "pytorch", "orthogonal", "spectral"}) {
    const Tensor m = initial_weight(name, key, 64, 64, DType::f64);
    const Tensor s = svdvals(m);
    rules.push_back({name, shown(number(std_dev(m)), 3), shown(number(max(abs(m))), 3),
                     shown(number(max(s)), 2), shown(number(min(s)), 2)});
  }
  page.table("rules", rules);
  page.bind("square", 64);

  // The signal.
  const double small = page.set("std", 0.01);
  const auto width = static_cast<int64_t>(std::clamp(page.set("width", 256.0), 2.0, 512.0));
  const auto layers = static_cast<int>(std::clamp(page.set("layers", 20.0), 1.0, 50.0));
  const double large = 1;
  const auto factor = [&](double deviation) {
    return deviation * std::sqrt(static_cast<double>(width) / 2);
  };
  page.bind("std", small);
  page.bind("width", width);
  page.bind("layers", layers);
  page.bind("large", large);
  page.bind("small_factor", factor(small));
  page.bind("small_end", std::pow(factor(small), layers), 2);
  page.bind("large_factor", factor(large), 2);
  page.bind("large_end", std::pow(factor(large), layers), 2);
  const auto small_levels = levels("normal:" + text::number(small), layers + 1, width),
             large_levels = levels("normal:1", layers + 1, width),
             he_levels = levels("he", layers + 1, width);
  const auto change = [&](const std::vector<double>& l) { return l.back() / l.front(); };
  page.table("signal",
             {{"weights", "a layer, foretold", "over " + std::to_string(layers) + ", foretold",
               "over " + std::to_string(layers) + ", measured"},
              {"normal, " + shown(small), shown(factor(small)),
               shown(std::pow(factor(small), layers), 2), shown(change(small_levels), 2)},
              {"normal, 1", shown(factor(1)), shown(std::pow(factor(1), layers), 2),
               shown(change(large_levels), 2)},
              {"he", "1", "1", shown(change(he_levels), 2)}});
  const auto line_of = [](std::string label, const std::vector<double>& y, std::string colour) {
    Line line{.label = std::move(label), .x = {}, .y = y, .colour = std::move(colour)};
    for (size_t i = 0; i < y.size(); ++i) line.x.push_back(static_cast<double>(i + 1));
    return line;
  };
  page.picture("signal", Plot{.id = "signal",
                              .title = "Root mean square of the sums, by layer",
                              .x_label = "layer",
                              .lines = {line_of(shown(small), small_levels, "var(--muted)"),
                                        line_of("he", he_levels, "var(--accent)"),
                                        line_of("1", large_levels, "var(--ink)")},
                              .log = true});

  // Fifty layers.
  constexpr int64_t wide = 256;
  const auto of_he = levels("he", 50, wide), of_lsuv = lsuv_levels(50, wide);
  Table fifty = {{"weights", "lowest variance", "highest", "last"}};
  const auto range = [&](const char* name, const std::vector<double>& l) {
    std::vector<double> v;
    for (const double level : l) v.push_back(level * level / (l[0] * l[0]));
    fifty.push_back(
        {name, shown(std::ranges::min(v), 2), shown(std::ranges::max(v), 2), shown(v.back(), 2)});
    return v;
  };
  const auto he_variance = range("he", of_he), lsuv_variance = range("lsuv", of_lsuv);
  page.table("fifty", fifty);
  page.bind("fifty", 50);
  page.bind("wide", wide);
  page.bind("walk", std::sqrt(50 * 5.0 / wide), 1);
  page.picture("fifty", Plot{.id = "fifty",
                             .title = "Variance of the sums over that of the first layer",
                             .x_label = "layer",
                             .lines = {line_of("he", he_variance, "var(--accent)"),
                                       line_of("lsuv", lsuv_variance, "var(--ink)")},
                             .from_zero = true});

  // Gradient flow.
  const Line tiny_flow = gradient_flow("normal:0.01", "var(--muted)"),
             he_flow = gradient_flow("he", "var(--accent)"),
             huge_flow = gradient_flow("normal:1", "var(--ink)");
  page.picture("flow", Plot{.id = "flow",
                            .title = "Length of the gradient of each layer's weights",
                            .x_label = "layer",
                            .lines = {tiny_flow, he_flow, huge_flow},
                            .log = true});
  page.bind("tiny_gradient", tiny_flow.y[0], 1);
  page.bind("he_gradient", he_flow.y[0], 1);
  page.bind("huge_gradient", huge_flow.y[0], 1);

  // Does it learn?
  const Points data = moons(100, 3), fresh = moons(500, 4);
  Table learned = {{"weights", "loss before", "loss after 150 steps", "new points right"}};
  const struct {
    const char *label, *init;
    double gain;
  } starts[] = {{"zeros", "zeros", 1},
                {"normal, 0.01", "normal:0.01", 1},
                {"normal, 1", "normal:1", 1},
                {"pytorch", "pytorch", 1},
                {"xavier", "xavier", 1},
                {"he", "he", 1},
                {"orthogonal, gain √2", "orthogonal", std::sqrt(2.0)}};
  for (const auto& s : starts) {
    const Trained t = train(data, fresh, s.init, s.gain);
    learned.push_back({s.label, shown(t.before, 3),
                       t.after < 1e-6 ? std::string("below 1e-6") : shown(t.after, 2),
                       shown(100 * t.right, 1) + " percent"});
  }
  page.table("learned", learned);
  page.bind("ln2", std::log(2.0));
  page.bind("eight", 8);
  page.bind("fresh", 500);

  // Exercises.
  page.exercise(Predict{
      .name = "he-deviation",
      .answer = 0.1,
      .tolerance = 1e-4,
      .wrong = {{0.01, "variance instead of deviation",
                 "This is the variance, 2 over the inputs. The deviation is its root."},
                {0.0707107, "half of the units forgotten",
                 "ReLU keeps only half of the mean square; that is what the 2 makes up for."},
                {0.173205, "bound of the uniform form",
                 "This is where even numbers would end. Asked for is the deviation."},
                {0.1414214, "outputs counted", "He's rule counts the inputs of a unit."},
                {0.0816497, "both sides counted",
                 "This is Xavier's deviation. He's rule counts only the inputs."},
                {0.05, "root of the inputs turned round", "It is the root of 2 over the inputs."},
                {10, "upside down", "More inputs, smaller weights: the inputs stand below."}}});
  page.exercise(Choose{
      .name = "equal-start",
      .answer = "one-unit",
      .choices = {
          {"one-unit", "all hidden units stay equal: it learns as with one unit", "", ""},
          {"nothing", "nothing moves, all slopes are 0", "equal taken for zero",
           "Slopes are not 0 when the weights are 0.5. They are merely the same for all units."},
          {"fine", "training soon makes them different", "hope for noise",
           "Same inputs, same weights, same delta: the slopes are equal at every step, so the "
           "units are."},
          {"slow", "it learns the same, only slower", "symmetry taken for a rate",
           "No number of steps breaks the tie."},
          {"explodes", "the sums grow from layer to layer", "scale taken for symmetry",
           "They may, but that is another fault: it would come with large random weights, too."},
          {"biases", "random biases do not help either, nothing can", "biases cannot break the tie",
           "They can: different biases make different outputs. The question has equal ones."},
          {"last", "only the last layer learns", "zeros taken for equal numbers",
           "That happens with zeros. With 0.5 everywhere the hidden layer moves, as one."}}});
  struct SignalCase {
    double deviation;
    int width, layers;
  };
  static const SignalCase signals[] = {{0.05, 200, 3}, {0.01, 256, 20}, {0.2, 50, 2}};
  page.exercise(fill(Numeric<Signal>{
      .name = "signal-after",
      .solution = signal_after,
      .cases = 3,
      .call =
          [](Signal* f, int i) {
            return std::vector<double>{
                std::log(std::abs(f(signals[i].deviation, signals[i].width, signals[i].layers)))};
          },
      .where =
          [](int i) {
            return "deviation " + shown(signals[i].deviation) + ", width " +
                   std::to_string(signals[i].width) + ", " + std::to_string(signals[i].layers) +
                   " layers (logarithms)";
          },
      .mistakes = {{"relu forgotten",
                    "A relu keeps only half of the mean square: divide the width by 2.",
                    [](double d, int n, int l) { return std::pow(d * std::sqrt(n), l); }},
                   {"root forgotten",
                    "Variances add up, so the mean square grows with the width, and its root with "
                    "the root.",
                    [](double d, int n, int l) { return std::pow(d * n / 2.0, l); }},
                   {"mean square instead of its root",
                    "This is the factor of the mean square. The root is asked for.",
                    [](double d, int n, int l) { return std::pow(d * d * n / 2.0, l); }},
                   {"layers multiplied",
                    "Each layer multiplies what the one before left: a power, not a product.",
                    [](double d, int n, int l) { return d * std::sqrt(n / 2.0) * l; }},
                   {"one layer only", "This is the factor of a single layer.",
                    [](double d, int n, int) { return d * std::sqrt(n / 2.0); }},
                   {"width forgotten", "Each unit adds up `width` products.",
                    [](double d, int, int l) { return std::pow(d / std::sqrt(2.0), l); }},
                   {"half taken outside the root",
                    "Half of the mean square is left, not half of its root.",
                    [](double d, int n, int l) { return std::pow(d * std::sqrt(n) / 2, l); }}}}));
  static const std::vector<double> even{0, 0.25, 0.9};
  page.exercise(fill(Numeric<Drawn>{
      .name = "xavier-weights",
      .solution = xavier_weights,
      .cases = 2,
      .call = [](Drawn* f, int i) { return i == 0 ? f(even, 256, 128) : f(even, 3, 9); },
      .where =
          [](int i) {
            return std::string(i == 0 ? "fan_in 256, fan_out 128" : "fan_in 3, fan_out 9") +
                   ", u = " + listed(even);
          },
      .mistakes = {{"only positive weights",
                    "The numbers lie between 0 and the bound. They should lie around 0.",
                    [](const std::vector<double>& u, int i, int o) {
                      return evenly(u, 0, std::sqrt(6.0 / (i + o)));
                    }},
                   {"deviation taken for the bound",
                    "The root of 2 / (fan_in + fan_out) is the deviation. An even draw with that "
                    "deviation reaches further.",
                    [](const std::vector<double>& u, int i, int o) {
                      const double b = std::sqrt(2.0 / (i + o));
                      return evenly(u, -b, b);
                    }},
                   {"only the inputs counted",
                    "Xavier's rule looks at both directions: fan_in + fan_out.",
                    [](const std::vector<double>& u, int i, int) {
                      const double b = std::sqrt(6.0 / i);
                      return evenly(u, -b, b);
                    }},
                   {"root forgotten", "That is the square of the bound.",
                    [](const std::vector<double>& u, int i, int o) {
                      const double b = 6.0 / (i + o);
                      return evenly(u, -b, b);
                    }},
                   {"half the bound", "2u - 1 runs from -1 to 1. You used u minus one half.",
                    [](const std::vector<double>& u, int i, int o) {
                      const double b = std::sqrt(6.0 / (i + o)) / 2;
                      return evenly(u, -b, b);
                    }},
                   {"integers divided",
                    "6 / (fan_in + fan_out) divides whole numbers and drops the rest. Write 6.0.",
                    [](const std::vector<double>& u, int i, int o) {
                      const double b = std::sqrt(6 / (i + o));
                      return evenly(u, -b, b);
                    }},
                   {"product instead of sum", "The two sizes are added, not multiplied.",
                    [](const std::vector<double>& u, int i, int o) {
                      const double b = std::sqrt(6.0 / (i * o));
                      return evenly(u, -b, b);
                    }}}}));
}
