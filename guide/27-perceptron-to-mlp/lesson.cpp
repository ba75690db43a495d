// One neuron, the perceptron's rule on AND and XOR, two layers that do XOR, and a sine built from
// 32 neurons.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/diff/trace.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/perceptron.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

constexpr double pi = std::numbers::pi;

// ---------------------------------------------------------------------------- exercises

using RuleStep = std::vector<double>(const std::vector<double>&, const std::vector<double>&, int);

// [solution perceptron-step]
// One example passes by. `wb` holds the weights and, last, the bias; `label` is +1 or -1. Returns
// the weights and the bias after the perceptron's rule.
std::vector<double> perceptron_step(const std::vector<double>& wb, const std::vector<double>& x,
                                    int label) {
  std::vector<double> next = wb;
  // [hole (void)x; (void)label;]
  double z = wb.back();
  for (size_t i = 0; i < x.size(); ++i) z += wb[i] * x[i];
  const int answer = z > 0 ? 1 : -1;
  if (answer != label) {
    for (size_t i = 0; i < x.size(); ++i) next[i] += label * x[i];
    next.back() += label;
  }
  // [end hole]
  return next;
}
// [end]

double sum_of(const std::vector<double>& wb, const std::vector<double>& x, double bias) {
  double z = bias;
  for (size_t i = 0; i < x.size(); ++i) z += wb[i] * x[i];
  return z;
}
// wb moved by `size` times x, the bias by `bias`.
std::vector<double> moved(std::vector<double> wb, const std::vector<double>& x, double size,
                          double bias) {
  for (size_t i = 0; i < x.size(); ++i) wb[i] += size * x[i];
  wb.back() += bias;
  return wb;
}
int answer_of(double z) {
  return z > 0 ? 1 : -1;
}

using Count = double(const std::vector<int>&);

// [solution count-parameters]
// The weights and biases of a network with these sizes: inputs, hidden layers, outputs.
double count_parameters(const std::vector<int>& sizes) {
  double count = 0;
  // [hole (void)sizes;]
  for (size_t i = 0; i + 1 < sizes.size(); ++i) count += (sizes[i] + 1.0) * sizes[i + 1];
  // [end hole]
  return count;
}
// [end]

// ---------------------------------------------------------------------------- pictures

using Plane = std::function<double(double, double)>;

// Where f is above 0 around the four corners; the corners show their class.
Drawing regions(const Plane& f, const int (&classes)[4], std::string alt) {
  constexpr int columns = 45, rows = 17, cell = 8;
  constexpr double low = -0.5, high = 1.5;
  const auto place = [&](int i, int n) { return low + (high - low) * i / (n - 1); };
  std::string marks, text;
  for (int r = 0; r < rows; ++r) {
    const double y = place(rows - 1 - r, rows);
    for (int c = 0; c < columns; ++c) {
      const bool above = f(place(c, columns), y) > 0;
      text += above ? '#' : '.';
      if (above)
        marks += "<rect x=\"" + std::to_string(c * cell) + "\" y=\"" +
                 std::to_string(r * 2 * cell) +
                 "\" width=\"8\" height=\"16\" fill=\"var(--accent)\" fill-opacity=\"0.25\"/>";
    }
    text += '\n';
  }
  for (int i = 0; i < 4; ++i) {
    const int x = i / 2, y = i % 2;
    const int c = (columns - 1) / 4 + x * (columns - 1) / 2,
              r = rows - 1 - (rows - 1) / 4 - y * (rows - 1) / 2;
    text[static_cast<size_t>(r * (columns + 1) + c)] = static_cast<char>('0' + classes[i]);
    text[static_cast<size_t>(r * (columns + 1) + c - 1)] = ' ';
    text[static_cast<size_t>(r * (columns + 1) + c + 1)] = ' ';
    marks += "<text x=\"" + std::to_string(c * cell + 4) + "\" y=\"" +
             std::to_string(r * 2 * cell + 13) +
             "\" style=\"text-anchor:middle;font-size:16px;font-weight:bold;fill:var(--ink)\">" +
             std::to_string(classes[i]) + "</text>";
  }
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(columns * cell) + " " +
                    std::to_string(rows * 2 * cell) + "\" role=\"img\" aria-label=\"" +
                    escape_html(alt) + "\">" + marks + "</svg>";
  return {.terminal = text, .svg = svg, .alt = std::move(alt)};
}

// ---------------------------------------------------------------------------- a sum of bumps

// [bumps]
// Equal cells around evenly spaced points, and a tanh neuron at each
// border between two cells. It adds half of what f has more in the cell
// on its right, so that in a cell the sum is about f at its point.
struct Bumps {
  Tensor borders, weights;  // (units)
  double bias = 0, steepness = 0;
  Tensor operator()(const Tensor& x) const {
    const Tensor z = steepness * (expand_dims(x, -1) - borders);
    return matmul(tanh(z), weights) + bias;
  }
};
using Curve = std::function<double(double)>;
Bumps build(const Curve& f, int64_t units, double steep) {
  const double cell = 2 * pi / static_cast<double>(units);
  std::vector<double> borders, weights;
  double point = -pi;
  for (int64_t i = 0; i < units; ++i, point += cell) {
    borders.push_back(point + cell / 2);
    weights.push_back((f(point + cell) - f(point)) / 2);
  }
  const double bias = (f(-pi) + f(pi)) / 2;
  return {from_vector(borders), from_vector(weights), bias, steep / cell};
}
// [end]

double largest(const Tensor& x) {
  return number(max(abs(x)));
}

// The same neurons, their weights and one bias by least squares.
double fitted_error(const Bumps& net, const Tensor& x, const Tensor& y) {
  const Tensor h = tanh(net.steepness * (expand_dims(x, -1) - net.borders));
  const Tensor design = concatenate({h, ones({x.size(), 1})}, 1);
  return largest(matmul(design, lstsq(design, y)) - y);
}

Line curve(std::string label, const Tensor& x, const Tensor& y, std::string colour,
           double width = 1.8) {
  return {.label = std::move(label),
          .x = numbers(x),
          .y = numbers(y),
          .colour = std::move(colour),
          .width = width};
}
}  // namespace

LESSON(page) {
  // One neuron.
  const Tensor w = page.set("w", Tensor{0.5, -0.3, 0.8}), x = page.set("x", Tensor{1, 2, 3});
  const double b = page.set("b", 0.1);
  // [neuron]
  const Tensor z = sum(w * x) + b;
  const Tensor a = sigmoid(z);
  // [end]
  page.bind("w", w);
  page.bind("x", x);
  page.bind("b", b);
  page.bind("products", w * x);
  page.bind("z", number(z), 6);
  page.bind("a", number(a), 6);
  const std::vector<double> ws = numbers(w), xs = numbers(x);
  const Tensor args[] = {ws[0], ws[1], ws[2], xs[0], xs[1], xs[2], b};
  const std::string names[] = {"w1", "w2", "w3", "x1", "x2", "x3", "b"};
  page.output("trace", to_text(trace(
                           [](std::span<const Tensor> v) {
                             const Tensor p1 = v[0] * v[3], p2 = v[1] * v[4], p3 = v[2] * v[5];
                             return sigmoid(p1 + p2 + p3 + v[6]);
                           },
                           args, names, {}, "a")));

  // The perceptron's rule.
  // [rule]
  const std::vector<double> corners{0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<int> and_labels{-1, -1, -1, 1};
  const std::vector<int> xor_labels{-1, 1, 1, -1};
  std::vector<PerceptronEpoch> epochs;
  const auto keep = [&](const PerceptronEpoch& e) { epochs.push_back(e); };
  constexpr int most = 1000;
  const auto on_and = learn_perceptron(corners, and_labels, most, keep);
  const auto on_xor = learn_perceptron(corners, xor_labels);
  // [end]
  Table rule = {{"epoch", "mistakes", "w1", "w2", "b"}};
  for (const PerceptronEpoch& e : epochs)
    rule.push_back({std::to_string(e.epoch), std::to_string(e.mistakes), shown(e.after.weights[0]),
                    shown(e.after.weights[1]), shown(e.after.bias)});
  page.table("rule", rule);
  page.bind("and_epochs", on_and.epochs);
  page.bind("and_w", from_vector(on_and.learned.weights));
  page.bind("and_b", on_and.learned.bias);
  page.bind("xor_epochs", on_xor.epochs);
  page.bind("xor_same", on_xor.same_as);
  page.bind("xor_verdict", "not linearly separable (" + std::to_string(on_xor.epochs) + " epochs)");
  page.picture("and", regions(
                          [&](double p, double q) {
                            return on_and.learned.weights[0] * p + on_and.learned.weights[1] * q +
                                   on_and.learned.bias;
                          },
                          {0, 0, 0, 1},
                          "AND: a straight line parts the corner (1, 1) from the other three."));

  // Two layers by hand.
  // [xor]
  const auto step = [](double v) { return v > 0 ? 1.0 : 0.0; };
  const auto exclusive_or = [&](double p, double q) {
    const double either = step(p + q - 0.5), both = step(p + q - 1.5);
    return either - 2 * both - 0.5;
  };
  // [end]
  Table by_hand = {{"x1", "x2", "either", "both", "sum", "answer"}};
  for (int i = 0; i < 4; ++i) {
    const double p = i / 2, q = i % 2, s = exclusive_or(p, q);
    by_hand.push_back({shown(p), shown(q), shown(step(p + q - 0.5)), shown(step(p + q - 1.5)),
                       shown(s), shown(step(s))});
  }
  page.table("by_hand", by_hand);
  page.bind("half", 0.5);
  page.bind("more", 1.5);

  // Two layers learned.
  const auto hidden = static_cast<int64_t>(std::clamp(page.set("hidden", 4.0), 1.0, 32.0));
  // [learned]
  MlpSpec spec = parse_mlp("mlp:2-" + std::to_string(hidden) + "-1");
  spec.activation = "tanh";
  spec.init = "xavier";
  const Mlp start = make_mlp(spec, key_from_seed(1), DType::f64);
  const std::vector<Tensor> like = parameters(start);
  const Tensor points{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const Tensor targets{{-1}, {1}, {1}, {-1}};
  const auto loss = [&](const Tensor& flat) {
    const Mlp net = with_parameters(start, unflatten(flat, like));
    return mean(square(net(points) - targets));
  };
  const Minimum best = minimise(loss, flatten(like), {.tolerance = 1e-6});
  const Mlp learned = with_parameters(start, unflatten(best.x, like));
  // [end]
  page.bind("hidden", hidden);
  page.bind("xor_parameters", parameter_count(learned));
  page.bind("xor_iterations", best.iterations);
  page.bind("xor_loss", best.value < 1e-6 ? std::string("below one millionth") : shown(best.value));
  page.bind("xor_outputs", reshape(learned(points), {4}), 3);
  int right = 0;
  for (int i = 0; i < 4; ++i)
    right += (number(element(learned(points), {i, 0})) > 0) == (i == 1 || i == 2);
  page.bind("xor_right", right == 4 ? std::string("all four") : std::to_string(right) + " of four");
  page.picture("xor", regions(
                          [&](double p, double q) {
                            return number(learned(Tensor{{p, q}}));
                          },
                          {0, 1, 1, 0},
                          "XOR: a band along the diagonal parts (0, 1) and (1, 0) from the rest."));
  page.bind("mlp_hidden", int64_t{784 + 1} * 128);
  page.bind("mlp_output", int64_t{128 + 1} * 10);
  page.bind("mlp_all", parameter_count(parse_mlp("mlp:784-128-10")));

  // A sine from bumps.
  const auto width = static_cast<int64_t>(std::clamp(page.set("width", 32.0), 3.0, 512.0));
  const double steep = std::clamp(page.set("steep", 2.2), 0.1, 100.0);
  const auto sine = [](double v) { return std::sin(v); };
  const Tensor grid = linspace(-pi, pi, 2001), wave = sin(grid);
  // [sine]
  const Bumps net = build(sine, width, steep);
  const double error = largest(net(grid) - wave);
  // [end]
  page.bind("width", width);
  page.bind("bumps", width - 1);
  page.bind("error", error);
  page.bind("beside_goal", error < 0.05 ? "below" : "above");
  page.bind("goal", 0.05);
  const Tensor some = linspace(-pi, pi, 141);
  {
    const Bumps few = build(sine, 9, 4);
    Plot plot{.id = "bumps", .title = "Eight bumps and their sum, beside a sine", .x_label = "x"};
    const std::vector<double> weights = numbers(few.weights), borders = numbers(few.borders);
    double height = 0;
    for (size_t i = 0; i + 1 < weights.size(); ++i) {
      height += 2 * weights[i];
      const Tensor one = height / 2 *
                         (tanh(few.steepness * (some - borders[i])) -
                          tanh(few.steepness * (some - borders[i + 1])));
      plot.lines.push_back({.label = "",
                            .x = numbers(some),
                            .y = numbers(one),
                            .colour = "var(--muted)",
                            .width = 1,
                            .faint = true});
    }
    plot.lines.push_back(curve("sum", some, few(some), "var(--accent)"));
    plot.lines.push_back(curve("sine", some, sin(some), "var(--ink)"));
    page.picture("bumps", plot);
  }
  Table widths = {{"neurons", "largest error, built", "largest error, weights fitted"}};
  for (const int64_t n : {4, 8, 16, 32, 64}) {
    const Bumps of_n = build(sine, n, steep);
    widths.push_back({std::to_string(n), shown(largest(of_n(grid) - wave)),
                      shown(fitted_error(of_n, grid, wave), 2)});
  }
  page.table("widths", widths);
  page.picture("net", Plot{.id = "net",
                           .title = "The network of " + std::to_string(width) +
                                    " neurons beside a sine, inside and outside the interval",
                           .x_label = "x",
                           .lines = {curve("sine", linspace(-2 * pi, 2 * pi, 161),
                                           sin(linspace(-2 * pi, 2 * pi, 161)), "var(--ink)"),
                                     curve("network", linspace(-2 * pi, 2 * pi, 161),
                                           net(linspace(-2 * pi, 2 * pi, 161)), "var(--accent)")}});
  page.bind("outside_at", 1.5 * pi);
  page.bind("outside_sine", std::sin(1.5 * pi));
  page.bind("outside_net", number(row(net(Tensor{1.5 * pi}), 0)), 3);
  // A jump.
  const auto jump = [](double v) { return v > 0 ? 1.0 : -1.0; };
  const Tensor sides = where(greater(grid, 0), 1.0, -1.0);
  Table jumps = {{"neurons", "largest error on a jump"}};
  for (const int64_t n : {9, 33, 129})
    jumps.push_back(
        {std::to_string(n), shown(largest(build(jump, n, steep)(slice(grid, {{200, 1801}})) -
                                          slice(sides, {{200, 1801}})),
                                  2)});
  page.table("jumps", jumps);
  // Found by descent.
  const auto found = [&](uint64_t seed, int64_t steps) {
    MlpSpec s{.sizes = {1, 32, 1}, .activation = "tanh", .init = "xavier"};
    const Mlp from = make_mlp(s, key_from_seed(seed), DType::f64);
    const std::vector<Tensor> shape = parameters(from);
    const Tensor at = reshape(linspace(-pi, pi, 65), {65, 1});
    OptimiserConfig adam = defaults_for("adam");
    adam.lr = 0.01;
    const Tensor path =
        trajectory(
            [&](const Tensor& p) {
              return mean(square(with_parameters(from, unflatten(p, shape))(at) - sin(at)));
            },
            flatten(shape), adam, steps)
            .back();
    const Mlp end = with_parameters(from, unflatten(path, shape));
    return largest(end(reshape(grid, {2001, 1})) - reshape(wave, {2001, 1}));
  };
  page.bind("adam_few", 100);
  page.bind("adam_many", 1500);
  page.bind("found_few", found(0, 100), 2);
  page.bind("found_many", found(0, 1500), 3);
  page.bind("inputs", 10);
  page.bind("cells", 31);
  page.bind("cells_all", std::pow(31.0, 10.0), 2);

  // Exercises.
  page.exercise(Predict{
      .name = "neuron-by-hand",
      .answer = 1.5,
      .wrong = {
          {1, "bias forgotten", "Right up to the last step: the bias is added to the sum."},
          {0.5, "bias subtracted", "The bias is added: z = w1 x1 + w2 x2 + b."},
          {5.5, "sign of a weight lost", "The second weight is -2: its product pulls down."},
          {-4.5, "inputs exchanged", "Weight 1 goes with input 1, and weight 2 with input 2."},
          {0.817574, "activation included",
           "This is the sigmoid of the answer. Asked for is the sum before it."},
          {-6, "products multiplied", "The products are added, not multiplied."},
          {-5.5, "product of the bias", "The bias has no input: it is not multiplied."}}});
  page.exercise(Choose{
      .name = "one-line-is-not-enough",
      .answer = "equal",
      .choices = {
          {"and", "1 where both bits are 1", "AND taken for impossible",
           "The line x1 + x2 = 1.5 parts (1, 1) from the rest."},
          {"or", "1 where at least one bit is 1", "OR taken for impossible",
           "The line x1 + x2 = 0.5 parts (0, 0) from the rest."},
          {"nand", "1 unless both bits are 1", "a function taken for harder than its opposite",
           "It is AND with all signs turned: the same line, the other side."},
          {"equal", "1 where the two bits are equal", "", ""},
          {"implies", "1 unless the first bit is 1 and the second 0",
           "three ones taken for a curve", "One corner alone can always be cut off by a line."},
          {"first", "1 where the first bit is 1", "an ignored input taken for impossible",
           "A weight of 0 ignores the second bit; the line is x1 = 0.5."},
          {"never", "always 0", "constant taken for impossible",
           "Zero weights and a negative bias do it."}}});
  struct Example {
    std::vector<double> wb, x;
    int label;
  };
  static const std::vector<Example> examples = {{{1, -2, 0.5}, {2, 1}, 1},
                                                {{1, -2, 0.5}, {3, 1}, -1},
                                                {{0, 0, 0}, {2, -3}, 1},
                                                {{2, 1, -1}, {-1, 0.5}, 1}};
  page.exercise(fill(Numeric<RuleStep>{
      .name = "perceptron-step",
      .solution = perceptron_step,
      .cases = static_cast<int>(examples.size()),
      .call =
          [](RuleStep* f, int i) {
            const Example& e = examples[static_cast<size_t>(i)];
            return f(e.wb, e.x, e.label);
          },
      .where =
          [](int i) {
            const Example& e = examples[static_cast<size_t>(i)];
            return "weights and bias " + listed(e.wb) + "; x = " + listed(e.x) + "; label " +
                   std::to_string(e.label);
          },
      .mistakes =
          {{"learns from right answers too", "This example was answered rightly, so nothing moves.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              return moved(wb, x, t, t);
            }},
           {"moves away from the label", "The sign is the other way: towards the label, w + t x.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              return answer_of(sum_of(wb, x, wb.back())) == t ? wb : moved(wb, x, -t, -t);
            }},
           {"bias stays", "The bias moves too: it is a weight whose input is always 1.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              return answer_of(sum_of(wb, x, wb.back())) == t ? wb : moved(wb, x, t, 0);
            }},
           {"label forgotten",
            "A wrong answer +1 must push the sum down. Where does the label come in?",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              return answer_of(sum_of(wb, x, wb.back())) == t ? wb : moved(wb, x, 1, 1);
            }},
           {"only right answers teach",
            "The comparison is turned round: it is a wrong answer that moves the weights.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              return answer_of(sum_of(wb, x, wb.back())) != t ? wb : moved(wb, x, t, t);
            }},
           {"step by the sum",
            "You moved by label minus sum. This rule looks only at the answer, +1 or -1.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              const double e = t - sum_of(wb, x, wb.back());
              return moved(wb, x, e, e);
            }},
           {"two steps in one",
            "You moved by label minus answer, which is 2 here. The rule adds the label once.",
            [](const std::vector<double>& wb, const std::vector<double>& x, int t) {
              const double e = t - answer_of(sum_of(wb, x, wb.back()));
              return moved(wb, x, e, e);
            }}}}));
  static const std::vector<std::vector<int>> shapes = {{3, 4, 2}, {784, 128, 10}, {5, 1}};
  page.exercise(fill(Numeric<Count>{
      .name = "count-parameters",
      .solution = count_parameters,
      .cases = static_cast<int>(shapes.size()),
      .call = [](Count* f,
                 int i) { return std::vector<double>{f(shapes[static_cast<size_t>(i)])}; },
      .where =
          [](int i) {
            const auto& s = shapes[static_cast<size_t>(i)];
            return "sizes " + listed({s.begin(), s.end()});
          },
      .mistakes =
          {{"biases forgotten", "These are the weights. Each neuron also has one bias.",
            [](const std::vector<int>& s) {
              double n = 0;
              for (size_t i = 0; i + 1 < s.size(); ++i) n += s[i] * s[i + 1];
              return n;
            }},
           {"a bias for each input",
            "Biases belong to the neurons of the next layer, not to the inputs.",
            [](const std::vector<int>& s) {
              double n = 0;
              for (size_t i = 0; i + 1 < s.size(); ++i) n += s[i] * (s[i + 1] + 1.0);
              return n;
            }},
           {"neurons counted",
            "This is the number of neurons. Each has one weight for every input.",
            [](const std::vector<int>& s) {
              double n = 0;
              for (size_t i = 1; i < s.size(); ++i) n += s[i];
              return n;
            }},
           {"one bias a layer", "Each neuron of a layer has a bias of its own.",
            [](const std::vector<int>& s) {
              double n = 0;
              for (size_t i = 0; i + 1 < s.size(); ++i) n += s[i] * s[i + 1] + 1.0;
              return n;
            }},
           {"sizes multiplied", "Only neighbouring layers are joined: multiply in pairs and add.",
            [](const std::vector<int>& s) {
              double n = 1;
              for (const int v : s) n *= v;
              return n;
            }},
           {"first layer only", "The later layers have weights, too.",
            [](const std::vector<int>& s) { return (s[0] + 1.0) * s[1]; }},
           {"last layer only", "The earlier layers have weights, too.",
            [](const std::vector<int>& s) { return (s[s.size() - 2] + 1.0) * s.back(); }}}}));
}
