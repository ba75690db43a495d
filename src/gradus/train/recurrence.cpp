// What recurrent layers can and cannot learn: gradients over a distance, symbols over a delay, and
// the order of what comes in.
#include <gradus/base/text.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/init.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/recurrent.h>
#include <gradus/ops/matmul.h>
#include <gradus/train/experiments.h>
#include <gradus/train/run.h>
#include <gradus/train/study.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

std::string share(double p) {
  return text::fixed(100 * p, 1) + " %";
}

// ------------------------------------------------------------------------------------- distance

struct Spectrum {
  std::vector<double> re, im;
  double radius = 0;
};
Spectrum spectrum_of(const Tensor& w) {
  const Eigvals e = eigvals(w);
  Spectrum s{numbers(e.re), numbers(e.im)};
  for (size_t i = 0; i < s.re.size(); ++i)
    s.radius = std::max(s.radius, std::hypot(s.re[i], s.im[i]));
  return s;
}

// The root mean square over rows of |dL/dx_t| by T - t, L = sum over rows of v . h_T with |v| = 1.
std::vector<double> gradient_norms(const Tensor& w, const Tensor& x, const Tensor& v) {
  const int64_t n = w.shape()[0];
  // What comes in is added as it is, so the gradient by x_t is that by the step's own sum.
  const Recurrent layer{.kind = RecurrentKind::tanh, .weights = {{eye(n, DType::f64), w, {}, {}}}};
  const Tensor args[] = {x};
  const int wrt[] = {0};
  const Tensor grad = value_and_grads(
                          [&](std::span<const Tensor> a) {
                            Pass pass;
                            const Tensor last = row(layer(a[0], pass).last.h, 0);
                            return sum(last * constant(v));
                          },
                          args, wrt)
                          .grads[0];
  std::vector<double> norms =
      numbers(sqrt(mean(sum(square(grad), {.axis = 2}), {.axis = 0})));  // by t
  std::ranges::reverse(norms);
  return norms;
}

double growth_of(const std::vector<double>& norms) {
  const size_t half = norms.size() / 2, last = norms.size() - 1;
  return std::pow(norms[last] / norms[half], 1 / static_cast<double>(last - half));
}

// ----------------------------------------------------------------------------------------- copy

constexpr int64_t copied = 3, alphabet = 8, copy_hidden = 32;
constexpr int64_t blank = 0, go = 1, first_of_alphabet = 2;  // tokens

// Reads symbols, blanks, "go" and blanks; says the symbols from "go" on.
struct Copier {
  Embedding embedding;
  Recurrent recurrent;
  Linear head;

  // i64 (N, T) -> logits (N, copied, alphabet).
  Tensor operator()(const Tensor& x, Pass& pass) const {
    return head(slice_axis(recurrent(embedding(x), pass).output, 1, {-copied, slice_end}));
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("recurrent", self.recurrent);
    visit("head", self.head);
  }
};

// Both begin as long memories should: the plain layer with an orthogonal recurrent matrix, the LSTM
// with forget gates whose times of decay spread over the delay, b_f = ln(1 + u T), b_i = -b_f
// (Tallec and Ollivier 2018).
Copier make_copier(RecurrentKind kind, Key key, int64_t delay) {
  Copier m{make_embedding(split(key, 0), first_of_alphabet + alphabet, copy_hidden),
           make_recurrent(kind, split(key, 1), copy_hidden, copy_hidden),
           make_linear(split(key, 2), copy_hidden, alphabet)};
  Recurrent::Weights& w = m.recurrent.weights[0];
  if (kind != RecurrentKind::lstm) {
    w.hh = initial_weight("orthogonal", split(key, 3), copy_hidden, copy_hidden);
    return with_paths(std::move(m));
  }
  const auto n = static_cast<size_t>(copy_hidden);
  std::vector<double> u(n);
  fill_uniform(split(key, 3), 0, std::span<double>(u));
  std::vector<float> bias(4 * n, 0);
  for (size_t i = 0; i < n; ++i) {
    bias[n + i] =
        static_cast<float>(std::log(1 + u[i] * static_cast<double>(delay + 2 * copied - 2)));
    bias[i] = -bias[n + i];
  }
  w.bias_ih = from_vector(bias, {4 * copy_hidden});
  w.bias_hh = zeros({4 * copy_hidden}, DType::f32);
  return with_paths(std::move(m));
}

Rows copy_rows(int64_t count, int64_t delay, Key key) {
  const int64_t steps = copied + delay + copied;
  std::vector<int64_t> symbols(static_cast<size_t>(count * copied)),
      x(static_cast<size_t>(count * steps), blank);
  fill_integers(key, 0, alphabet, symbols);
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t i = 0; i < copied; ++i)
      x[static_cast<size_t>(r * steps + i)] =
          first_of_alphabet + symbols[static_cast<size_t>(r * copied + i)];
    x[static_cast<size_t>(r * steps + copied + delay)] = go;
  }
  return {from_vector(x, {count, steps}), from_vector(symbols, {count, copied})};
}

// ---------------------------------------------------------------------------------------- order

constexpr int64_t order_places = 10, order_tokens = 12, order_width = 16;

struct BagOrRecurrent {
  Embedding embedding;
  Recurrent recurrent;  // without weights: a bag, the mean over places
  Linear head;

  // i64 (N, places) -> logits (N, 2).
  Tensor operator()(const Tensor& x, Pass& pass) const {
    const Tensor e = embedding(x);
    if (recurrent.weights.empty()) return head(mean(e, {.axis = 1}));
    return head(row(recurrent(e, pass).last.h, 0));
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("recurrent", self.recurrent);
    visit("head", self.head);
  }
};

BagOrRecurrent make_order_model(Key key, bool bag) {
  BagOrRecurrent m{make_embedding(split(key, 0), order_tokens, order_width),
                   {},
                   make_linear(split(key, 2), order_width, 2)};
  if (!bag)
    m.recurrent = make_recurrent(RecurrentKind::tanh, split(key, 1), order_width, order_width);
  return with_paths(std::move(m));
}

// Rows hold token 0 and token 1 once each, among others; the class is 1 where 0 comes first.
Rows order_rows(int64_t count, Key key) {
  std::vector<int64_t> x(static_cast<size_t>(count * order_places)), y(static_cast<size_t>(count)),
      at(static_cast<size_t>(count));
  fill_integers(split(key, 0), 0, order_tokens - 2, x);
  for (int64_t& token : x) token += 2;
  fill_integers(split(key, 1), 0, order_places * (order_places - 1), at);
  for (int64_t r = 0; r < count; ++r) {
    const int64_t drawn = at[static_cast<size_t>(r)], a = drawn / (order_places - 1);
    int64_t b = drawn % (order_places - 1);
    b += b >= a ? 1 : 0;
    x[static_cast<size_t>(r * order_places + a)] = 0;
    x[static_cast<size_t>(r * order_places + b)] = 1;
    y[static_cast<size_t>(r)] = a < b ? 1 : 0;
  }
  return {from_vector(x, {count, order_places}), from_vector(y, {count})};
}

template <class Module>
double right_share(const Module& model, const Rows& rows) {
  Pass pass;
  return number(mean(cast(equal(argmax(model(rows.x, pass), -1), rows.target), DType::f64)));
}

template <class Module>
StepLoss<Module> class_loss() {
  return [](const Module& m, const Tensor& x, const Tensor& y, Pass& pass) {
    return cross_entropy(m(x, pass), y, Reduction::mean, {});
  };
}

}  // namespace

Verdict distance_verdict(std::span<const DistanceCurve> curves) {
  constexpr double close = 0.02;
  std::vector<std::string> radii, factors, driven, ends;
  bool follows = true, all_vanish = true;
  for (const DistanceCurve& c : curves) {
    radii.push_back(text::number(c.radius));
    factors.push_back(text::fixed(c.small_growth, 3));
    driven.push_back(text::fixed(c.driven_growth, 3));
    ends.push_back(brief(c.small.back()));
    follows = follows && std::abs(c.small_growth / c.radius - 1) < close;
    all_vanish = all_vanish && c.driven_growth < 1;
  }
  const std::string distance = std::to_string(curves.front().small.size() - 1);
  return {follows,
          "With spectral radii of " + listed(radii) + " the gradient changes by factors of " +
              listed(factors) + " a step, to " + listed(ends) + " over " + distance +
              " steps: " + (follows ? "the radius at every step" : "not the radius at every step") +
              ". With inputs of size 1, which bend tanh, the factors are " + listed(driven) +
              (all_vanish ? ": it vanishes at every radius." : ".")};
}

Experiment run_distance(const ExperimentOptions& options) {
  const int64_t n = options.quick ? 24 : 128, steps = options.quick ? 60 : 101,
                rows = options.quick ? 8 : 32;
  const Key key = key_from_seed(options.seed);
  const auto normal = [&](uint64_t part, const Shape& shape, double size) {
    return normal_weight(split(key, part), shape, size, DType::f64);
  };
  const Tensor drawn = normal(0, {n, n}, 1 / std::sqrt(static_cast<double>(n)));
  const Spectrum of_drawn = spectrum_of(drawn);
  const Tensor v = normal(1, {rows, n}, 1),
               unit = v / sqrt(sum(square(v), {.axis = 1, .keepdims = true}));
  std::vector<DistanceCurve> curves;
  for (const double radius : {0.9, 1.0, 1.1}) {
    const Tensor w = drawn * (radius / of_drawn.radius);
    DistanceCurve c{.radius = radius};
    c.small = gradient_norms(w, normal(2, {rows, steps, n}, 1e-8), unit);
    c.driven = gradient_norms(w, normal(2, {rows, steps, n}, 1), unit);
    for (auto* curve : {&c.small, &c.driven}) {
      const double here = curve->front();
      for (double& g : *curve) g /= here;
    }
    c.small_growth = growth_of(c.small), c.driven_growth = growth_of(c.driven);
    options.note("radius " + text::number(radius) + ": factor " + text::fixed(c.small_growth, 4) +
                 " a step");
    curves.push_back(std::move(c));
  }

  Experiment e;
  e.name = "distance";
  e.title = "Gradients over a distance";
  e.what = "A plain recurrent layer of " + std::to_string(n) +
           " numbers whose recurrent matrix is normal and scaled to a spectral radius; the length "
           "of the gradient of its last state by the input so many steps before, over " +
           std::to_string(rows) + " sequences and directions, in f64.";
  e.verdict = distance_verdict(curves);
  e.table = {{"radius", "factor a step", "after " + std::to_string(steps - 1) + " steps",
              "radius^distance", "factor, inputs of size 1"}};
  Plot small{
      .id = "small", .title = "Gradient norm by distance", .x_label = "steps back", .log = true},
      driven = small;
  driven.id = "driven";
  for (size_t i = 0; i < curves.size(); ++i) {
    const DistanceCurve& c = curves[i];
    const std::string colour = ramp_colour(i + 1, curves.size() + 1);
    std::vector<double> power;
    for (size_t k = 0; k < c.small.size(); ++k)
      power.push_back(std::pow(c.radius, static_cast<double>(k)));
    e.table.push_back({text::number(c.radius), text::fixed(c.small_growth, 4),
                       brief(c.small.back()), brief(power.back()),
                       text::fixed(c.driven_growth, 4)});
    Line line = numbered_line("", power, "var(--muted)", 0);
    line.faint = true;
    for (Plot* plot : {&small, &driven}) plot->lines.push_back(line);
    small.lines.push_back(numbered_line(text::number(c.radius), c.small, colour, 0));
    driven.lines.push_back(numbered_line(text::number(c.radius), c.driven, colour, 0));
  }
  const Spectrum eigen = spectrum_of(drawn * (1 / of_drawn.radius));
  Plot plane{.id = "eigenvalues",
             .title = "Eigenvalues of the recurrent matrix of radius 1",
             .x_label = "real part",
             .dots = true};
  plane.width = 330, plane.height = 330;
  Line circle{.colour = "var(--muted)", .faint = true}, points{.colour = "var(--accent)"};
  constexpr int corners = 120;
  for (int i = 0; i <= corners; ++i) {
    const double angle = 2 * std::numbers::pi * i / corners;
    circle.x.push_back(std::cos(angle)), circle.y.push_back(std::sin(angle));
  }
  for (size_t i = 0; i < eigen.re.size(); ++i) {
    points.x.insert(points.x.end(), {eigen.re[i], not_measured});  // dots, no line between them
    points.y.insert(points.y.end(), {eigen.im[i], not_measured});
  }
  plane.lines = {circle, points};
  e.figures = {
      {"Where tanh is straight",
       "Inputs of size 1e-8; logarithmic. Faint: the radius to the power of the distance.", small},
      {"Inputs of size 1", "The same matrices. A state far from 0 lets less through.", driven},
      {"Eigenvalues",
       "Of the matrix of radius 1, with the unit circle: the largest decides "
       "what is left after many steps.",
       plane}};
  return e;
}

int64_t bridged_delay(const CopyCurve& curve) {
  constexpr double bridged = 0.9;
  int64_t longest = -1;
  for (size_t i = 0; i < curve.right.size() && curve.right[i] >= bridged; ++i)
    longest = curve.delays[i];
  return longest;
}

Verdict copy_verdict(const CopyCurve& plain, const CopyCurve& lstm, double chance) {
  const auto reach = [](const CopyCurve& c) {
    const int64_t longest = bridged_delay(c);
    return longest < 0 ? "no delay" : "delays up to " + std::to_string(longest);
  };
  double gain = 0;
  for (size_t i = 0; i < plain.right.size(); ++i) gain += lstm.right[i] - plain.right[i];
  gain /= static_cast<double>(plain.right.size());
  constexpr double matters = 0.05;
  const bool better = gain > matters;
  return {better, "The plain layer bridges " + reach(plain) + " (at least 90 % right), the LSTM " +
                      reach(lstm) + "; after " + std::to_string(plain.delays.back()) + " steps " +
                      share(plain.right.back()) + " and " + share(lstm.right.back()) +
                      " are right, where guessing gives " + share(chance) + ": " +
                      (better ? "the LSTM remembers longer, " + text::fixed(100 * gain, 0) +
                                    " points more on average."
                              : "the LSTM does not remember longer here; its mean gain is " +
                                    text::fixed(100 * gain, 0) + " points.")};
}

Experiment run_copy(const ExperimentOptions& options) {
  const std::vector<int64_t> delays =
      options.quick ? std::vector<int64_t>{5, 20} : std::vector<int64_t>{5, 10, 20, 40, 80};
  const int64_t steps = options.quick ? 1000 : 3000, batch = options.quick ? 32 : 64,
                tests = options.quick ? 200 : 1000;
  const Key key = key_from_seed(options.seed);
  CopyCurve curves[] = {{"plain", delays, {}}, {"LSTM", delays, {}}};
  for (const int64_t delay : delays)
    for (size_t k = 0; k < 2; ++k) {
      const RecurrentKind kind = k == 0 ? RecurrentKind::tanh : RecurrentKind::lstm;
      const auto after = studied<Copier>(
          make_copier(kind, split(split(key, k), static_cast<uint64_t>(delay)), delay),
          class_loss<Copier>(),
          [&](int64_t step) {
            return copy_rows(batch, delay, split(split(key, 2), static_cast<uint64_t>(step)));
          },
          {.steps = steps, .rate = 0.005, .note = [&](int64_t step, double value) {
             options.note(curves[k].layer + ", delay " + std::to_string(delay) + ": step " +
                          std::to_string(step) + ", loss " + text::significant(value, 3));
           }});
      curves[k].right.push_back(right_share(after, copy_rows(tests, delay, split(key, 3))));
    }

  const double chance = 1.0 / static_cast<double>(alphabet);
  Experiment e;
  e.name = "copy";
  e.title = "Symbols over a delay";
  e.what = std::to_string(copied) + " of " + std::to_string(alphabet) +
           " symbols, a delay of blanks, then all of them again. A layer of " +
           std::to_string(copy_hidden) + " numbers is trained for each delay on " +
           text::grouped(steps) + " batches of " + std::to_string(batch) +
           ". The plain one begins with an orthogonal recurrent matrix, the LSTM with forget gates "
           "that stay open over the delay.";
  e.verdict = copy_verdict(curves[0], curves[1], chance);
  e.table = {{"delay", "plain", "LSTM"}};
  Plot plot{.id = "copy",
            .title = "Share of symbols right, by delay",
            .x_label = "delay in steps",
            .percent = true,
            .from_zero = true,
            .dots = true};
  plot.y_low = 0, plot.y_high = 1;
  plot.rules = {{"guessing", chance}};
  for (size_t k = 0; k < 2; ++k) {
    Line line{.label = curves[k].layer, .y = curves[k].right};
    for (const int64_t delay : delays) line.x.push_back(static_cast<double>(delay));
    if (k == 1) line.colour = "var(--accent)";
    plot.lines.push_back(std::move(line));
  }
  for (size_t i = 0; i < delays.size(); ++i)
    e.table.push_back(
        {std::to_string(delays[i]), share(curves[0].right[i]), share(curves[1].right[i])});
  e.figures = {{"What comes back", "New sequences; one layer is trained for each delay.", plot}};
  return e;
}

Verdict order_verdict(const OrderResult& r) {
  constexpr double rounding = 1e-5, matters = 1e-2, guess = 0.55, learned = 0.9;
  const bool moves = r.bag_moves < rounding && r.recurrent_moves > matters,
             answers = r.bag_right < guess && r.recurrent_right > learned;
  return {moves && answers,
          "In another order the inputs move the outputs of the bag by " + brief(r.bag_moves) +
              ", of the recurrent layer by " + brief(r.recurrent_moves) +
              "; asked which of two came first, the bag is right in " + share(r.bag_right) +
              ", the recurrent layer in " + share(r.recurrent_right) + ": " +
              (moves && answers ? "only the recurrent layer knows of order."
               : moves          ? "the outputs behave as they should, what was learned does not."
                                : "order does not matter as it should.")};
}

Experiment run_order(const ExperimentOptions& options) {
  const int64_t steps = options.quick ? 2000 : 6000, batch = 64, tests = 2000;
  const Key key = key_from_seed(options.seed);
  const Rows asked = order_rows(tests, split(key, 4));
  const Tensor turned = flip(asked.x, {1});
  OrderResult r;
  Plot plot{.id = "order", .title = "Loss while training", .x_label = "step", .from_zero = true};
  plot.rules = {{"guessing", std::log(2.0)}};
  for (const bool bag : {true, false}) {
    const BagOrRecurrent net = make_order_model(split(key, bag ? 0 : 1), bag);
    Pass pass;
    const double moved = number(cast(max(abs(net(asked.x, pass) - net(turned, pass))), DType::f64));
    Line line{.label = bag ? "bag" : "recurrent"};
    if (!bag) line.colour = "var(--accent)";
    const std::string name = line.label;
    const BagOrRecurrent after = studied<BagOrRecurrent>(
        net, class_loss<BagOrRecurrent>(),
        [&](int64_t step) {
          return order_rows(batch, split(split(key, 3), static_cast<uint64_t>(step)));
        },
        {.steps = steps, .rate = 0.005, .note = [&](int64_t step, double value) {
           options.note(name + ": step " + std::to_string(step) + ", loss " +
                        text::significant(value, 3));
           line.x.push_back(static_cast<double>(step));
           line.y.push_back(value);
         }});
    plot.lines.push_back(std::move(line));
    (bag ? r.bag_moves : r.recurrent_moves) = moved;
    (bag ? r.bag_right : r.recurrent_right) = right_share(after, asked);
  }
  Experiment e;
  e.name = "order";
  e.title = "Why order matters";
  e.what = std::to_string(order_places) + " tokens of " + std::to_string(order_tokens) +
           ", two of them marked: which came first? A bag takes the mean of their embeddings, a "
           "plain recurrent layer reads one after the other. Both have " +
           std::to_string(order_width) + " numbers and are trained on " + text::grouped(steps) +
           " batches of " + std::to_string(batch) + ".";
  e.verdict = order_verdict(r);
  e.table = {{"model", "outputs move by", "right"},
             {"bag", brief(r.bag_moves), share(r.bag_right)},
             {"recurrent", brief(r.recurrent_moves), share(r.recurrent_right)}};
  e.figures = {{"Which came first", "Loss of a batch; half of all guesses are right.", plot}};
  return e;
}

}  // namespace gradus
