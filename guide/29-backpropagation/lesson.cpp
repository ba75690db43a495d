// A 2-2-1 network forward and backward with every product, the same by layers, and what the sweep
// costs and loses.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/diff/trace.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;
using HiddenDelta = Vector(const Matrix&, const Vector&, const Vector&);

// [solution hidden-delta]
// W[k][i] joins hidden unit i to unit k of the next layer, whose deltas are given. h holds the
// outputs of the hidden units, which are sigmoids. Returns the deltas of the hidden units.
std::vector<double> hidden_delta(const std::vector<std::vector<double>>& W,
                                 const std::vector<double>& delta, const std::vector<double>& h) {
  std::vector<double> out(h.size());
  // [hole (void)W; (void)delta;]
  for (size_t i = 0; i < h.size(); ++i) {
    double arriving = 0;
    for (size_t k = 0; k < delta.size(); ++k) arriving += W[k][i] * delta[k];
    out[i] = arriving * h[i] * (1 - h[i]);
  }
  // [end hole]
  return out;
}
// [end]

// The sum over k of W[k][i] delta[k].
double arriving(const Matrix& w, const Vector& delta, size_t i) {
  double s = 0;
  for (size_t k = 0; k < delta.size(); ++k) s += w[k][i] * delta[k];
  return s;
}
template <class One>
Vector each(const Vector& h, const One& one) {
  Vector out;
  for (size_t i = 0; i < h.size(); ++i) out.push_back(one(i));
  return out;
}

using WeightGradient = Vector(const Matrix&, const Matrix&);

// [solution weight-gradient]
// delta[e][k]: the delta of unit k in example e; x[e][j]: input j in example e. Returns the slopes
// of the summed loss by the weights, row after row: all weights of unit 0, then those of unit 1,
// ...
std::vector<double> weight_gradient(const std::vector<std::vector<double>>& delta,
                                    const std::vector<std::vector<double>>& x) {
  std::vector<double> slopes;
  // [hole (void)delta; (void)x;]
  for (size_t k = 0; k < delta[0].size(); ++k)
    for (size_t j = 0; j < x[0].size(); ++j) {
      double sum = 0;
      for (size_t e = 0; e < x.size(); ++e) sum += delta[e][k] * x[e][j];
      slopes.push_back(sum);
    }
  // [end hole]
  return slopes;
}
// [end]

// For every unit k and input j what `one` says.
template <class One>
Vector each_weight(const Matrix& delta, const Matrix& x, const One& one) {
  Vector out;
  for (size_t k = 0; k < delta[0].size(); ++k)
    for (size_t j = 0; j < x[0].size(); ++j) out.push_back(one(k, j));
  return out;
}

// ---------------------------------------------------------------------------- the network

// [layers]
struct Slopes {
  Tensor w1, b1, w2, b2;
};
// Rows of x are examples, rows of w1 and w2 are units. The loss is the
// mean of (a - y)^2.
Slopes by_layers(const Tensor& x, const Tensor& y, const Slopes& net) {
  // Forward: keep what each layer says.
  const Tensor h = sigmoid(matmul(x, transpose(net.w1)) + net.b1);
  const Tensor a = sigmoid(matmul(h, transpose(net.w2)) + net.b2);
  // Backward: the deltas of the output, then those of the hidden layer.
  const auto count = static_cast<double>(y.size());
  const Tensor d2 = 2 / count * (a - y) * a * (1 - a);
  const Tensor d1 = matmul(d2, net.w2) * h * (1 - h);
  const Reduce rows{.axis = 0};
  return {matmul(transpose(d1), x), sum(d1, rows), matmul(transpose(d2), h), sum(d2, rows)};
}
// [end]

constexpr const char* names[] = {"w11", "w12", "w21", "w22", "b1", "b2",
                                 "v1",  "v2",  "c",   "x1",  "x2", "y"};
constexpr size_t parameters_of_net = 9;

// The same with one tensor a number, in the order of `names`.
Tensor loss_of(std::span<const Tensor> p) {
  // One after the other: which operand of a sum comes first is the compiler's choice.
  const auto unit = [](const Tensor& w, const Tensor& x, const Tensor& v, const Tensor& z,
                       const Tensor& b) {
    const Tensor second = v * z;
    const Tensor first = w * x;
    return sigmoid(first + second + b);
  };
  const Tensor h1 = unit(p[0], p[9], p[1], p[10], p[4]);
  const Tensor h2 = unit(p[2], p[9], p[3], p[10], p[5]);
  const Tensor a = unit(p[6], h1, p[7], h2, p[8]);
  return square(a - p[11]);
}

std::string product(double a, double b) {
  const auto in = [](double v) { return v < 0 ? "(" + shown(v) + ")" : shown(v); };
  return in(a) + " × " + in(b);
}

// ---------------------------------------------------------------------------- the picture

struct Unit {
  std::string name;
  double z, a, delta;
};

Drawing network(double x1, double x2, const Unit& h1, const Unit& h2, const Unit& out, double loss,
                std::string alt) {
  const auto cell = [](const std::string& s) { return text::pad_right(s, 16); };
  const auto line = [&](const std::string& left, const Unit& u, const char* join) {
    return cell(left) + "──▶ " + cell(u.name + " = " + shown(u.a)) + join + "\n";
  };
  const auto under = [&](const Unit& u, const std::string& rest) {
    return std::string(16, ' ') + "◀── " + cell("δ = " + shown(u.delta)) + rest + "\n";
  };
  std::string t = line("x1 = " + shown(x1), h1, "──┐");
  t += under(h1, "  ├──▶ " + out.name + " = " + shown(out.a) + "  ──▶ L = " + shown(loss));
  t += line("x2 = " + shown(x2), h2, "──┘");
  t += under(h2, "  ◀─── δ = " + shown(out.delta));
  std::string marks;
  const auto write = [&](int x, int y, const std::string& words, const char* colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:13px;fill:" + colour + "\">" +
             escape_html(words) + "</text>";
  };
  const auto join = [&](int x1_, int y1, int x2_, int y2) {
    marks += "<path d=\"M" + std::to_string(x1_) + " " + std::to_string(y1) + "L" +
             std::to_string(x2_) + " " + std::to_string(y2) +
             "\" fill=\"none\" stroke=\"var(--muted)\"/>";
  };
  const auto node = [&](int x, int y, const std::string& name, const std::string& delta) {
    marks += "<rect x=\"" + std::to_string(x - 48) + "\" y=\"" + std::to_string(y - 16) +
             "\" width=\"96\" height=\"24\" rx=\"6\" fill=\"none\" stroke=\"var(--line)\"/>";
    write(x, y, name, "var(--ink)");
    if (!delta.empty()) write(x, y + 24, delta, "var(--accent)");
  };
  for (const int from : {30, 120})
    for (const int to : {30, 120}) join(98, from - 4, 152, to - 4);
  join(248, 26, 292, 70);
  join(248, 116, 292, 76);
  join(388, 71, 412, 71);
  node(50, 30, "x1 = " + shown(x1), "");
  node(50, 120, "x2 = " + shown(x2), "");
  node(200, 30, h1.name + " = " + shown(h1.a), "δ = " + shown(h1.delta));
  node(200, 120, h2.name + " = " + shown(h2.a), "δ = " + shown(h2.delta));
  node(340, 75, out.name + " = " + shown(out.a), "δ = " + shown(out.delta));
  node(460, 75, "L = " + shown(loss), "");
  std::string svg = "<svg viewBox=\"0 0 512 160\" role=\"img\" aria-label=\"" + escape_html(alt) +
                    "\">" + marks + "</svg>";
  return {.terminal = t, .svg = svg, .alt = std::move(alt)};
}

// "less than 1e-7" rather than digits that rounding decides.
std::string bounded(double apart, double bound) {
  return apart < bound ? "less than " + shown(bound) : shown(apart, 1);
}
}  // namespace

LESSON(page) {
  const Tensor w1 = page.set("w1", Tensor{{0.1, 0.4}, {-0.3, 0.2}}),
               b1 = page.set("b1", Tensor{0.1, -0.1}), w2 = page.set("w2", Tensor{0.6, -0.5}),
               x = page.set("x", Tensor{1, 0.5});
  const double c = page.set("c", 0.2), y = page.set("y", 1.0);
  const Vector w = numbers(w1), b = numbers(b1), v = numbers(w2), in = numbers(x);
  page.bind("x", x);
  page.bind("y", y);
  page.bind("w1", w1);
  page.bind("b1", b1);
  page.bind("w2", w2);
  page.bind("c", c);

  // Forward, product by product.
  const auto bend = [](double z) { return 1 / (1 + std::exp(-z)); };
  const double z1 = w[0] * in[0] + w[1] * in[1] + b[0], z2 = w[2] * in[0] + w[3] * in[1] + b[1],
               h1 = bend(z1), h2 = bend(z2), z = v[0] * h1 + v[1] * h2 + c, a = bend(z),
               loss = (a - y) * (a - y);
  const auto sum_text = [](double p, double q, double bias) {
    return shown(p) + " + " + shown(q) + " + " + shown(bias);
  };
  page.table("forward",
             {{"number", "how", "with numbers", "value"},
              {"first product", "w11 x1", product(w[0], in[0]), shown(w[0] * in[0])},
              {"second product", "w12 x2", product(w[1], in[1]), shown(w[1] * in[1])},
              {"z1", "their sum + b1", sum_text(w[0] * in[0], w[1] * in[1], b[0]), shown(z1)},
              {"h1", "σ(z1)", "σ(" + shown(z1) + ")", shown(h1, 6)},
              {"first product", "w21 x1", product(w[2], in[0]), shown(w[2] * in[0])},
              {"second product", "w22 x2", product(w[3], in[1]), shown(w[3] * in[1])},
              {"z2", "their sum + b2", sum_text(w[2] * in[0], w[3] * in[1], b[1]), shown(z2)},
              {"h2", "σ(z2)", "σ(" + shown(z2) + ")", shown(h2, 6)},
              {"first product", "v1 h1", product(v[0], h1), shown(v[0] * h1, 6)},
              {"second product", "v2 h2", product(v[1], h2), shown(v[1] * h2, 6)},
              {"z", "their sum + c", sum_text(v[0] * h1, v[1] * h2, c), shown(z, 6)},
              {"a", "σ(z)", "σ(" + shown(z) + ")", shown(a, 6)},
              {"L", "(a - y)²", "(" + shown(a - y) + ")²", shown(loss, 6)}});
  // Backward.
  const double by_a = 2 * (a - y), d = by_a * a * (1 - a), d1 = d * v[0] * h1 * (1 - h1),
               d2 = d * v[1] * h2 * (1 - h2);
  const auto slope_text = [](double h) { return shown(h) + " × " + shown(1 - h); };
  page.table("backward",
             {{"slope by", "how", "with numbers", "value"},
              {"a", "2 (a - y)", product(2, a - y), shown(by_a, 6)},
              {"z: δ", "times a (1 - a)", product(by_a, a * (1 - a)), shown(d, 6)},
              {"v1", "δ h1", product(d, h1), shown(d * h1, 6)},
              {"v2", "δ h2", product(d, h2), shown(d * h2, 6)},
              {"c", "δ", shown(d), shown(d, 6)},
              {"h1", "δ v1", product(d, v[0]), shown(d * v[0], 6)},
              {"z1: δ1", "times h1 (1 - h1)", product(d * v[0], h1 * (1 - h1)), shown(d1, 6)},
              {"w11", "δ1 x1", product(d1, in[0]), shown(d1 * in[0], 6)},
              {"w12", "δ1 x2", product(d1, in[1]), shown(d1 * in[1], 6)},
              {"b1", "δ1", shown(d1), shown(d1, 6)},
              {"h2", "δ v2", product(d, v[1]), shown(d * v[1], 6)},
              {"z2: δ2", "times h2 (1 - h2)", product(d * v[1], h2 * (1 - h2)), shown(d2, 6)},
              {"w21", "δ2 x1", product(d2, in[0]), shown(d2 * in[0], 6)},
              {"w22", "δ2 x2", product(d2, in[1]), shown(d2 * in[1], 6)},
              {"b2", "δ2", shown(d2), shown(d2, 6)}});
  page.bind("d", d, 6);
  page.bind("slope_a", slope_text(a));
  page.picture("net",
               network(in[0], in[1], {"h1", z1, h1, d1}, {"h2", z2, h2, d2}, {"a", z, a, d}, loss,
                       "Two inputs, two hidden units and one output: values run to the "
                       "right, deltas run back to the left."));

  // The engine's trace, and three columns.
  // [trace]
  const Vector all_numbers{w[0], w[1], w[2], w[3], b[0], b[1], v[0], v[1], c, in[0], in[1], y};
  const std::vector<Tensor> args(all_numbers.begin(), all_numbers.end());
  const std::vector<std::string> words(std::begin(names), std::end(names));
  const std::vector<int> all{0, 1, 2, 3, 4, 5, 6, 7, 8};
  const Trace sweep = trace(loss_of, args, words, all, "L");
  const ValueAndGrads automatic = value_and_grads(loss_of, args, all);
  // [end]
  // Without the two columns of margin, so that 80 are enough.
  std::string rows;
  std::istringstream table(to_text(sweep, {.all = true}));
  for (std::string row; std::getline(table, row);)
    rows += row.substr(std::min<size_t>(2, row.size())) + "\n";
  page.output("trace", rows);
  int equal = 0;
  for (size_t i = 0; i < parameters_of_net; ++i)
    equal += same_bits(sweep.grads[i], automatic.grads[i]);
  page.bind("equal", equal);
  page.bind("nine", static_cast<int64_t>(parameters_of_net));
  const Vector pencil{d1 * in[0], d1 * in[1], d2 * in[0], d2 * in[1], d1, d2, d * h1, d * h2, d};
  Table columns = {{"parameter", "by hand", "automatic", "differences"}};
  double hand_apart = 0, difference_apart = 0;
  for (size_t i = 0; i < parameters_of_net; ++i) {
    const double h = 1e-5, at = number(args[i]);
    const auto value = [&](double p) {
      std::vector<Tensor> moved = args;
      moved[i] = p;
      return number(loss_of(moved));
    };
    const double measured = (value(at + h) - value(at - h)) / (2 * h),
                 exact = number(automatic.grads[i]);
    const auto relative = [&](double s) {
      return exact == 0 ? std::abs(s) : std::abs(s - exact) / std::abs(exact);
    };
    hand_apart = std::max(hand_apart, relative(pencil[i]));
    difference_apart = std::max(difference_apart, relative(measured));
    columns.push_back({names[i], shown(pencil[i], 8), shown(exact, 8), shown(measured, 8)});
  }
  page.table("columns", columns);
  page.bind("hand_apart", bounded(hand_apart, 1e-14));
  page.bind("difference_apart", bounded(difference_apart, 1e-7));

  // By layers.
  const Slopes net{w1, b1, reshape(w2, {1, 2}), Tensor({c})};
  const Slopes once = by_layers(reshape(x, {1, 2}), Tensor({{y}}), net);
  page.bind("layer_w1", once.w1, 6);
  page.bind("layer_w2", once.w2, 6);
  const Tensor batch_x{{1, 0.5}, {-1, 2}, {0, 1}}, batch_y{{1}, {0}, {1}};
  const auto batch_loss = [&](std::span<const Tensor> p) {
    const Tensor h = sigmoid(matmul(batch_x, transpose(p[0])) + p[1]);
    return mean(square(sigmoid(matmul(h, transpose(p[2])) + p[3]) - batch_y));
  };
  const Tensor four[] = {net.w1, net.b1, net.w2, net.b2};
  const int each_of_four[] = {0, 1, 2, 3};
  const std::vector<Tensor> whole = value_and_grads(batch_loss, four, each_of_four).grads;
  const Slopes layered = by_layers(batch_x, batch_y, net);
  const Tensor* mine[] = {&layered.w1, &layered.b1, &layered.w2, &layered.b2};
  double apart = 0;
  for (size_t i = 0; i < 4; ++i) apart = std::max(apart, number(max(abs(*mine[i] - whole[i]))));
  page.bind("batch", 3);
  page.bind("large", "784-128-10");
  page.bind("batch_apart", bounded(apart, 1e-15));

  // One step.
  const double rate = page.set("rate", 0.5);
  double length = 0;
  std::vector<Tensor> stepped = args;
  for (size_t i = 0; i < parameters_of_net; ++i) {
    length += number(automatic.grads[i]) * number(automatic.grads[i]);
    stepped[i] = number(args[i]) - rate * number(automatic.grads[i]);
  }
  page.bind("rate", rate);
  page.bind("loss", loss, 6);
  page.bind("foretold", loss - rate * length, 6);
  page.bind("after", number(loss_of(stepped)), 6);

  // What it costs, and what it loses.
  // [cost]
  const Mlp large = make_mlp(parse_mlp("mlp:784-128-10"), key_from_seed(0));
  const Tensor image = ones({1, 784}, DType::f32);
  const Tensor digit = zeros({1}, DType::i64);
  const auto loss_at = [&](const Mlp& m) {
    return cross_entropy(m(image), digit, Reduction::mean);
  };
  const auto cost_of = [](const auto& run) {
    const WorkCounter work;
    run();
    return work.operations();
  };
  const double forward = cost_of([&] { loss_at(large); });
  const double both = cost_of([&] { gradients(large, loss_at); });
  // [end]
  page.bind("parameters", parameter_count(large));
  page.bind("forward_cost", static_cast<int64_t>(forward));
  page.bind("both_cost", static_cast<int64_t>(both));
  page.bind("cost_ratio", both / forward, 2);
  page.bind("differences_cost", 2 * static_cast<double>(parameter_count(large)) * forward, 2);
  Line first{.label = "sigmoid", .x = {}, .y = {}, .colour = "var(--accent)"},
      second{.label = "relu", .x = {}, .y = {}, .colour = "var(--ink)"};
  double lost = 0, kept = 0;
  for (const bool relu_net : {false, true}) {
    MlpSpec spec{.sizes = {8}, .activation = relu_net ? "relu" : "sigmoid"};
    spec.sizes.resize(22, 32);
    const Mlp deep = make_mlp(spec, key_from_seed(4), DType::f64);
    const Tensor row = random_normal(key_tensor(key_from_seed(9)), {16, 8});
    const auto slopes = gradients(deep, [&](const Mlp& m) { return mean(square(m(row))); }).grads;
    const double last = number(norm(slopes[40]));
    for (int layer = 0; layer <= 20; ++layer) {
      Line& line = relu_net ? second : first;
      line.x.push_back(layer + 1);
      line.y.push_back(number(norm(slopes[static_cast<size_t>(2 * layer)])) / last);
    }
    (relu_net ? kept : lost) = (relu_net ? second : first).y[0];
  }
  page.picture("curse", Plot{.id = "curse",
                             .title = "Length of each layer's gradient over that of the last",
                             .x_label = "layer",
                             .lines = {first, second},
                             .log = true});
  page.bind("deep", 21);
  page.bind("lost", lost, 1);
  page.bind("kept", kept, 2);

  // Exercises.
  page.exercise(Predict{
      .name = "output-delta",
      .answer = -0.064,
      .tolerance = 1e-4,
      .wrong = {{0.064, "wrong sign",
                 "The output is below its target, so turning the sum up must lower the loss."},
                {-0.4, "slope of the sigmoid forgotten",
                 "This is the slope by a. From a to z one more factor lies on the way."},
                {-0.032, "slope of the square without its 2",
                 "The slope of the square is twice the difference."},
                {-0.2, "slope of cross-entropy",
                 "a - y is the delta of cross-entropy. Here the loss is a square."},
                {0.16, "slope of the sigmoid alone",
                 "This is a (1 - a). Multiply by the slope of the square."},
                {0.04, "loss instead of slope", "This is L itself."},
                {-0.24, "slopes added", "Along one path slopes multiply."}}});
  page.exercise(Choose{
      .name = "shapes-of-backprop",
      .answer = "xt-delta",
      .choices = {{"xt-delta", "X transposed, times δ", "", ""},
                  {"delta-xt", "δ times X transposed", "order turned round",
                   "That is 32 by 32: it pairs examples with examples. The sum must run over the "
                   "examples."},
                  {"x-delta", "X times δ", "nothing transposed", "5 columns do not meet 32 rows."},
                  {"delta-w", "δ times W transposed", "slope by the inputs",
                   "This is the slope by X: 32 by 5, what goes on to the layer below."},
                  {"sum", "δ, summed over the examples", "slope by the bias",
                   "This has one number for each unit: the slope by b."},
                  {"w-delta", "W times δ transposed", "weights in their own slope",
                   "Z is linear in W, so its slope by W does not contain W."},
                  {"delta-x", "δ transposed, times X", "the other layout",
                   "Right numbers, but 3 by 5: that is for weights stored one row a unit. Here W "
                   "has 5 rows."}}});
  struct Layer {
    Matrix w;
    Vector delta, h;
  };
  static const Layer layers[] = {{{{0.5, -1}, {2, 0.25}}, {0.3, -0.2}, {0.6, 0.1}},
                                 {{{1, -2, 0.5}}, {0.4}, {0.5, 0.9, 0.2}}};
  page.exercise(fill(Numeric<HiddenDelta>{
      .name = "hidden-delta",
      .solution = hidden_delta,
      .cases = 2,
      .call =
          [](HiddenDelta* f, int i) {
            const Layer& l = layers[i];
            return f(l.w, l.delta, l.h);
          },
      .where =
          [](int i) {
            return "deltas " + listed(layers[i].delta) + "; h = " + listed(layers[i].h);
          },
      .mistakes =
          {{"slope of the bend forgotten",
            "You stopped at the outputs h. The deltas belong to the sums: one more factor each.",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) { return arriving(w, d, i); });
            }},
           {"slope taken at the slope", "You squared h (1 - h). Each unit bends once.",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) {
                return arriving(w, d, i) * h[i] * (1 - h[i]) * h[i] * (1 - h[i]);
              });
            }},
           {"sigmoid applied again",
            "h is already the output of the sigmoid: its slope is h (1 - h).",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) {
                const double s = 1 / (1 + std::exp(-h[i]));
                return arriving(w, d, i) * s * (1 - s);
              });
            }},
           {"slope of the tanh", "1 - h² is the slope of a tanh. These units are sigmoids.",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) { return arriving(w, d, i) * (1 - h[i] * h[i]); });
            }},
           {"only one way",
            "Each hidden unit reaches every unit of the next layer. Where paths meet, add.",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) { return w.back()[i] * d.back() * h[i] * (1 - h[i]); });
            }},
           {"weights left out", "Deltas come back through the weights: times W[k][i].",
            [](const Matrix&, const Vector& d, const Vector& h) {
              double s = 0;
              for (const double v : d) s += v;
              return each(h, [&](size_t i) { return s * h[i] * (1 - h[i]); });
            }},
           {"multiplied by the output",
            "That is a slope by a weight. For a delta the factor is the slope of the bend.",
            [](const Matrix& w, const Vector& d, const Vector& h) {
              return each(h, [&](size_t i) { return arriving(w, d, i) * h[i]; });
            }}}}));
  struct Batch {
    Matrix delta, x;
  };
  static const Batch batches[] = {{{{0.5, -1}, {2, 0.25}}, {{1, 2, -1}, {0.5, -3, 4}}},
                                  {{{0.3}}, {{2, -1}}}};
  page.exercise(fill(Numeric<WeightGradient>{
      .name = "weight-gradient",
      .solution = weight_gradient,
      .cases = 2,
      .call = [](WeightGradient* f, int i) { return f(batches[i].delta, batches[i].x); },
      .where =
          [](int i) {
            return std::to_string(batches[i].x.size()) + " examples; deltas of the first " +
                   listed(batches[i].delta[0]) + ", inputs " + listed(batches[i].x[0]);
          },
      .mistakes =
          {{"last example only", "Each example adds its share: add, do not overwrite.",
            [](const Matrix& d, const Matrix& x) {
              return each_weight(d, x,
                                 [&](size_t k, size_t j) { return d.back()[k] * x.back()[j]; });
            }},
           {"first example only", "The loss is a sum over all examples.",
            [](const Matrix& d, const Matrix& x) {
              return each_weight(d, x, [&](size_t k, size_t j) { return d[0][k] * x[0][j]; });
            }},
           {"mean instead of sum", "Right for the mean of the losses. Here the sum is asked for.",
            [](const Matrix& d, const Matrix& x) {
              Vector g = weight_gradient(d, x);
              for (double& v : g) v /= static_cast<double>(x.size());
              return g;
            }},
           {"columns first", "All weights of unit 0 come first. You went through the units inside.",
            [](const Matrix& d, const Matrix& x) { return weight_gradient(x, d); }},
           {"inputs left out",
            "This is the slope by the bias. A weight moves the sum by its input.",
            [](const Matrix& d, const Matrix& x) {
              return each_weight(d, x, [&](size_t k, size_t) {
                double s = 0;
                for (const auto& e : d) s += e[k];
                return s;
              });
            }},
           {"sums multiplied", "Multiply within each example, then add. You added first.",
            [](const Matrix& d, const Matrix& x) {
              return each_weight(d, x, [&](size_t k, size_t j) {
                double s = 0, t = 0;
                for (size_t e = 0; e < x.size(); ++e) {
                  s += d[e][k];
                  t += x[e][j];
                }
                return s * t;
              });
            }},
           {"wrong sign", "Right size. The slope itself is asked for, not the step.",
            [](const Matrix& d, const Matrix& x) {
              Vector g = weight_gradient(d, x);
              for (double& v : g) v = -v;
              return g;
            }}}}));
}
