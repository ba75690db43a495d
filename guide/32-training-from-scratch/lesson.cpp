// Training from scratch: the loop with its four parts named, what each trick of convergence is
// worth, and the capstone: a network of nothing but vectors, in six stages, that reads digits.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/nn/mlp.h>
#include <gradus/train/generate.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

// ---------------------------------------------------------------------------- the six stages

using Neuron = double(const Vector&, const Vector&, double);

// [solution scratch-neuron]
// Stage 1. One neuron with a relu: weigh the inputs, add the bias, cut off what is negative.
double scratch_neuron(const std::vector<double>& w, const std::vector<double>& x, double b) {
  // [hole (void)w; (void)x; (void)b; return 0;]
  double z = b;
  for (size_t j = 0; j < x.size(); ++j) z += w[j] * x[j];
  return z > 0 ? z : 0;
  // [end hole]
}
// [end]

using LayerOf = Vector(const Matrix&, const Vector&, const Vector&);

// [solution scratch-layer]
// Stage 2. A layer before its bend: one sum for each row of W.
std::vector<double> scratch_layer(const std::vector<std::vector<double>>& W,
                                  const std::vector<double>& b, const std::vector<double>& x) {
  std::vector<double> z = b;
  // [hole (void)W; (void)x;]
  for (size_t i = 0; i < W.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j) z[i] += W[i][j] * x[j];
  // [end hole]
  return z;
}
// [end]

using LossOf = double(const Vector&, int, Vector&);

// [solution scratch-loss]
// [include <algorithm>]
// Stage 3. Cross-entropy of the scores z when `label` is right. Also fills `slope`, which has the
// size of z, with the slopes of the loss by the scores. Scores of a thousand must not overflow.
double scratch_loss(const std::vector<double>& z, int label, std::vector<double>& slope) {
  const size_t c = static_cast<size_t>(label);
  // [hole (void)z; (void)slope; (void)c; return 0;]
  const double top = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double v : z) sum += std::exp(v - top);
  for (size_t i = 0; i < z.size(); ++i) slope[i] = std::exp(z[i] - top) / sum;
  slope[c] -= 1;
  return std::log(sum) - (z[c] - top);
  // [end hole]
}
// [end]

using Backward = Vector(const Matrix&, const Vector&, const Vector&, Matrix&, Vector&);

// [solution scratch-backward]
// Stage 4. Back through one layer z = W x + b. delta holds the slopes of the loss by z. ADDS the
// slopes by W and b to dW and db, and returns the slopes by x.
std::vector<double> scratch_backward(const std::vector<std::vector<double>>& W,
                                     const std::vector<double>& x, const std::vector<double>& delta,
                                     std::vector<std::vector<double>>& dW,
                                     std::vector<double>& db) {
  std::vector<double> dx(x.size());
  // [hole (void)W; (void)delta; (void)dW; (void)db;]
  for (size_t i = 0; i < delta.size(); ++i) {
    db[i] += delta[i];
    for (size_t j = 0; j < x.size(); ++j) {
      dW[i][j] += delta[i] * x[j];
      dx[j] += W[i][j] * delta[i];
    }
  }
  // [end hole]
  return dx;
}
// [end]

using SlopeOf = std::function<Vector(const Vector&, int)>;
using Loop = Vector(Vector, const SlopeOf&, double, int, int);

// [solution scratch-loop]
// Stage 5. The training loop. slope(w, k) gives the slopes of the loss of batch k at the weights w.
// In each epoch the batches 0, 1, ..., batches - 1 come one after the other, each with one step.
std::vector<double> scratch_loop(
    std::vector<double> w,
    const std::function<std::vector<double>(const std::vector<double>&, int)>& slope, double rate,
    int batches, int epochs) {
  // [hole (void)slope; (void)rate; (void)batches; (void)epochs;]
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (int k = 0; k < batches; ++k) {
      const std::vector<double> g = slope(w, k);
      for (size_t i = 0; i < w.size(); ++i) w[i] -= rate * g[i];
    }
  // [end hole]
  return w;
}
// [end]

using Reader = std::vector<int>(const Matrix&, const std::vector<int>&, const Matrix&);

// [solution scratch-digits]
// [include <algorithm>]
// [include <random>]
// Stage 6. Put it together. images holds 8 by 8 pixels a row, from 0 to 1, and labels their digits.
// Train on them, and return a digit for each of the unseen images. Above 95 percent must be right.
std::vector<int> scratch_digits(const std::vector<std::vector<double>>& images,
                                const std::vector<int>& labels,
                                const std::vector<std::vector<double>>& unseen) {
  using Vector = std::vector<double>;
  using Matrix = std::vector<Vector>;
  std::vector<int> answers(unseen.size());
  // [hole (void)images; (void)labels;]
  const size_t pixels = images[0].size(), hidden = 32, classes = 10;
  std::mt19937 random(1);
  const auto drawn = [&](size_t rows, size_t columns) {
    std::normal_distribution<double> normal(0, std::sqrt(2.0 / static_cast<double>(columns)));
    Matrix w(rows, Vector(columns));
    for (Vector& row : w)
      for (double& v : row) v = normal(random);
    return w;
  };
  Matrix W1 = drawn(hidden, pixels), W2 = drawn(classes, hidden);
  Vector b1(hidden), b2(classes), h(hidden), z(classes);
  const auto forward = [&](const Vector& x) {
    for (size_t i = 0; i < hidden; ++i) {
      const Vector& row = W1[i];
      double sum = b1[i];
      for (size_t j = 0; j < pixels; ++j) sum += row[j] * x[j];
      h[i] = std::max(sum, 0.0);
    }
    for (size_t i = 0; i < classes; ++i) {
      z[i] = b2[i];
      for (size_t j = 0; j < hidden; ++j) z[i] += W2[i][j] * h[j];
    }
  };
  std::vector<size_t> order(images.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const int epochs = 6;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    const double rate = 0.08 * (1 - static_cast<double>(epoch) / epochs);
    for (const size_t example : order) {
      const Vector& x = images[example];
      forward(x);
      // The slopes of the loss by the scores, then by the hidden sums.
      const double top = *std::max_element(z.begin(), z.end());
      double sum = 0;
      Vector delta(classes), back(hidden);
      for (size_t i = 0; i < classes; ++i) sum += delta[i] = std::exp(z[i] - top);
      for (double& d : delta) d /= sum;
      delta[static_cast<size_t>(labels[example])] -= 1;
      for (size_t i = 0; i < classes; ++i)
        for (size_t j = 0; j < hidden; ++j) {
          back[j] += W2[i][j] * delta[i];
          W2[i][j] -= rate * delta[i] * h[j];
        }
      for (size_t i = 0; i < classes; ++i) b2[i] -= rate * delta[i];
      for (size_t i = 0; i < hidden; ++i) {
        if (h[i] <= 0) continue;
        Vector& row = W1[i];
        const double step = rate * back[i];
        b1[i] -= step;
        for (size_t j = 0; j < pixels; ++j) row[j] -= step * x[j];
      }
    }
  }
  for (size_t i = 0; i < unseen.size(); ++i) {
    forward(unseen[i]);
    answers[i] = static_cast<int>(std::max_element(z.begin(), z.end()) - z.begin());
  }
  // [end hole]
  return answers;
}
// [end]

// ---------------------------------------------------------------------------- data

struct Pictures {
  Matrix images;
  std::vector<int> labels;
};
// Without noise, so that five thousand are enough for a learner's second of computing.
Pictures pictures(int64_t count, uint64_t seed) {
  const Generated g = generate("digits", count, seed, 0.0);
  Pictures p;
  for (int64_t i = 0; i < count; ++i) {
    p.images.emplace_back(g.x.begin() + 64 * i, g.x.begin() + 64 * (i + 1));
    p.labels.push_back(static_cast<int>(g.y[static_cast<size_t>(i)]));
  }
  return p;
}

double share_right(const std::vector<int>& answers, const std::vector<int>& truth) {
  double right = 0;
  for (size_t i = 0; i < truth.size(); ++i) right += answers[i] == truth[i];
  return right / static_cast<double>(truth.size());
}

Verdict check_digits(Reader* answer) {
  static const Pictures train = pictures(5000, 11), fresh = pictures(500, 12);
  const std::vector<int> got = answer(train.images, train.labels, fresh.images);
  Verdict v{.where = "5000 images to learn from, 500 unseen"};
  v.expected = "500 digits, more than 95 percent of them right";
  if (got.size() != fresh.labels.size()) {
    v.yours = std::to_string(got.size()) + " answers";
    v.misconception = "another number of answers";
    v.says =
        "One digit for each unseen image, in their order. Did you answer for the images you "
        "trained on?";
    return v;
  }
  const double right = share_right(got, fresh.labels);
  if (right > 0.95) return Verdict::passed();
  v.yours = shown(100 * right, 1) + " percent right";
  const auto [low, high] = std::ranges::minmax(got);
  std::vector<int> shifted;
  for (const int digit : got) shifted.push_back(digit - 1);
  const auto name = [&](const char* misconception, const char* says) {
    v.misconception = misconception;
    v.says = says;
    return v;
  };
  if (share_right(shifted, fresh.labels) > 0.5)
    return name("counted from one", "Your answers are one too high: class 0 is the digit 0.");
  if (low < 0 || high > 9) return name("no digit", "Some answers are no digits from 0 to 9.");
  if (low == high)
    return name("one answer for all",
                "Every image gets the same digit. Do the weights move, and does the answer depend "
                "on the image? Rates that are too large can kill all hidden units.");
  if (right < 0.05)
    return name("learns the opposite",
                "Worse than guessing: your steps go up the loss. The update subtracts.");
  if (right < 0.3)
    return name("no better than guessing",
                "About one in ten is what chance gives. Are labels and images matched, and are the "
                "weights changed by the loop?");
  return name("not trained enough",
              "It learns, but not enough: more epochs, a hidden layer, another rate, or a shuffle "
              "before each epoch.");
}

// A linear model trained by one short epoch.
std::vector<int> barely(const Matrix& images, const std::vector<int>& labels, const Matrix& unseen,
                        double rate) {
  Matrix w(10, Vector(64));
  const auto scores = [&](const Vector& x) {
    Vector z(10);
    for (size_t i = 0; i < 10; ++i)
      for (size_t j = 0; j < 64; ++j) z[i] += w[i][j] * x[j];
    return z;
  };
  for (size_t e = 0; e < images.size() / 4; ++e) {
    Vector z = scores(images[e]), slope(10);
    scratch_loss(z, labels[e], slope);
    for (size_t i = 0; i < 10; ++i)
      for (size_t j = 0; j < 64; ++j) w[i][j] -= rate * slope[i] * images[e][j];
  }
  std::vector<int> out;
  for (const Vector& x : unseen) {
    const Vector z = scores(x);
    out.push_back(static_cast<int>(std::ranges::max_element(z) - z.begin()));
  }
  return out;
}

// ---------------------------------------------------------------------------- the loop

struct Digits {
  Tensor x, y;
};
Digits digits(int64_t count, uint64_t seed, bool standardise) {
  const Generated g = generate("digits", count, seed);
  Tensor x = cast(from_vector(g.x, {count, 64}), DType::f64);
  if (standardise) x = (x - 0.25) / 0.35;
  return {x, from_vector(g.y)};
}

struct Choice {
  std::string name;
  std::string init = "he";
  double rate = 0.1, momentum = 0.9;
  int64_t batch = 50;
  bool standardise = true, shuffle = true, decay = true;
};
struct Result {
  double loss = 0, right = 0;
};

constexpr int64_t train_rows = 2000, epochs_of_loop = 6;

// The same network and the same number of epochs.
Result train(const Choice& c, std::vector<double>* curve) {
  const Digits unordered = digits(train_rows, 1, c.standardise);
  Digits all = unordered;
  const Digits fresh = digits(1000, 2, c.standardise);
  MlpSpec spec = parse_mlp("mlp:64-32-10");
  spec.init = c.init;
  const Mlp net = make_mlp(spec, key_from_seed(0), DType::f64);
  StepOptions<Mlp> options;
  options.optimiser = defaults_for("sgd");
  options.optimiser.lr = c.rate;
  options.optimiser.momentum = c.momentum;
  options.takes_rate = true;
  const Type rows{DType::f64, {c.batch, 64}}, targets{DType::i64, {c.batch}};
  const RecordedStep step = record_step<Mlp>(
      net,
      [](const Mlp& m, const Tensor& x, const Tensor& y) {
        return cross_entropy(m(x), y, Reduction::mean);
      },
      rows, targets, options);
  Plan plan = plan_of(step);
  std::vector<int64_t> by_class(static_cast<size_t>(train_rows));
  for (size_t i = 0; i < by_class.size(); ++i) by_class[i] = static_cast<int64_t>(i);
  const std::vector<double> labels = numbers(all.y);
  std::ranges::stable_sort(by_class, {}, [&](int64_t i) { return labels[static_cast<size_t>(i)]; });
  const int64_t batches = train_rows / c.batch, steps = batches * epochs_of_loop;
  double seen = 0;
  for (int64_t s = 0; s < steps; ++s) {
    if (s % batches == 0) {
      const std::vector<int64_t> order =
          c.shuffle ? permutation(split(key_from_seed(3), static_cast<uint64_t>(s)), train_rows)
                    : by_class;
      const Tensor places = from_vector(order);
      all = {gather(unordered.x, places), gather(unordered.y, places)};
    }
    const int64_t from = s % batches * c.batch;
    plan.set(step.x(), slice_axis(all.x, 0, {from, from + c.batch}));
    plan.set(step.target(), slice_axis(all.y, 0, {from, from + c.batch}));
    const double share = static_cast<double>(s) / static_cast<double>(steps);
    plan.set(step.rate(),
             Tensor(c.rate * (c.decay ? (1 + std::cos(3.14159265358979 * share)) / 2 : 1)));
    plan.run();
    seen = number(plan.output_tensor(step.loss()));
    if (curve) curve->push_back(seen);
  }
  const Mlp end = with_parameters(net, unflatten(plan.input_tensor(0), parameters(net)));
  const std::vector<double> truth = numbers(fresh.y);
  return {
      number(cross_entropy(end(fresh.x), fresh.y, Reduction::mean)),
      accuracy(predicted_classes(end(fresh.x)), std::vector<int64_t>(truth.begin(), truth.end()))};
}
}  // namespace

LESSON(page) {
  // Four parts, three steps.
  const double rate = page.set("rate", 0.1);
  Table steps = {{"step", "forward: right", "loss", "backward: |slopes|", "update: |change|"}};
  // [loop]
  const Digits data = digits(50, 1, true);
  const MlpSpec form = parse_mlp("mlp:64-32-10");
  Mlp net = make_mlp(form, key_from_seed(0), DType::f64);
  for (int step = 1; step <= 5; ++step) {
    // Forward.
    const Tensor scores = net(data.x);
    // Loss.
    const auto loss = [&](const Mlp& m) {
      return cross_entropy(m(data.x), data.y, Reduction::mean);
    };
    // Backward.
    const auto [value, grads] = gradients(net, loss);
    // Update.
    const Tensor slopes = flatten(grads);
    const Tensor after = flatten(parameters(net)) - rate * slopes;
    net = with_parameters(net, unflatten(after, grads));
    // [end]
    const std::vector<double> truth = numbers(data.y);
    steps.push_back({std::to_string(step),
                     shown(50 * accuracy(predicted_classes(scores),
                                         std::vector<int64_t>(truth.begin(), truth.end())),
                           0) +
                         " of 50",
                     shown(number(value)), shown(number(norm(slopes)), 3),
                     shown(rate * number(norm(slopes)), 3)});
  }
  page.table("steps", steps);
  page.bind("rate", rate);
  page.bind("batch", 50);
  page.bind("ln10", std::log(10.0));
  page.bind("classes", 10);
  page.bind("weights", parameter_count(parse_mlp("mlp:64-32-10")));

  // Tricks.
  std::vector<double> curve;
  Table tricks = {{"training", "loss on new digits", "right"}};
  const Choice choices[] = {{.name = "all of them"},
                            {.name = "no standardising", .standardise = false},
                            {.name = "no shuffling, digits in order", .shuffle = false},
                            {.name = "no momentum", .momentum = 0},
                            {.name = "no decay of the rate", .decay = false},
                            {.name = "starting weights of 0.001", .init = "normal:0.001"},
                            {.name = "all examples in one batch", .batch = train_rows},
                            {.name = "a rate ten times as high", .rate = 1}};
  double best = 0;
  for (const Choice& c : choices) {
    const Result r = train(c, &c == choices ? &curve : nullptr);
    if (&c == choices) best = r.right;
    tricks.push_back({c.name, std::isfinite(r.loss) ? shown(r.loss, 2) : "not a number",
                      shown(100 * r.right, 1) + " percent"});
  }
  page.table("tricks", tricks);
  page.bind("best", 100 * best, 1);
  page.bind("train_rows", train_rows);
  page.bind("epochs", epochs_of_loop);
  page.bind("fresh", 1000);
  page.bind("hidden", 32);
  page.bind("one_batch_steps", epochs_of_loop);
  page.bind("many_steps", epochs_of_loop * train_rows / 50);
  Line line{.label = "", .x = {}, .y = curve, .colour = "var(--accent)"};
  for (size_t i = 0; i < curve.size(); ++i) line.x.push_back(static_cast<double>(i + 1));
  page.picture("curve", Plot{.id = "curve",
                             .title = "Loss of each batch, step by step",
                             .x_label = "step",
                             .lines = {line},
                             .from_zero = true});

  // From vectors.
  const Pictures unseen = pictures(500, 12);
  Table growing = {{"digits to learn from", "right"}};
  for (const int64_t count : {500, 5000}) {
    const Pictures few = pictures(count, 11);
    // [scratch]
    const std::vector<int> answers = scratch_digits(few.images, few.labels, unseen.images);
    // [end]
    growing.push_back(
        {std::to_string(count), shown(100 * share_right(answers, unseen.labels), 1) + " percent"});
  }
  page.table("growing", growing);
  page.bind("unseen", 500);
  page.bind("goal", 95);

  // Exercises, stage by stage.
  struct NeuronCase {
    Vector w, x;
    double b;
  };
  static const NeuronCase neurons[] = {
      {{0.5, -1, 2}, {4, 1, 1}, 0.25}, {{0.5, -1}, {1, 3}, 0.25}, {{2}, {3}, -10}};
  page.exercise(lessons::fill(Numeric<Neuron>{
      .name = "scratch-neuron",
      .solution = scratch_neuron,
      .cases = 3,
      .call = [](Neuron* f, int i) { return Vector{f(neurons[i].w, neurons[i].x, neurons[i].b)}; },
      .where =
          [](int i) {
            return "w = " + listed(neurons[i].w) + "; x = " + listed(neurons[i].x) +
                   "; b = " + shown(neurons[i].b);
          },
      .mistakes =
          {{"bend forgotten", "Right sum. What does a relu do with a negative one?",
            [](const Vector& w, const Vector& x, double b) {
              return scratch_layer({w}, {b}, x)[0];
            }},
           {"bias forgotten", "The bias belongs to the sum.",
            [](const Vector& w, const Vector& x, double) { return scratch_neuron(w, x, 0); }},
           {"bias after the bend", "Add the bias before you cut off.",
            [](const Vector& w, const Vector& x, double b) { return scratch_neuron(w, x, 0) + b; }},
           {"size instead of relu", "A relu sets negative sums to 0. It does not turn them.",
            [](const Vector& w, const Vector& x, double b) {
              return std::abs(scratch_layer({w}, {b}, x)[0]);
            }},
           {"each product bent", "Sum first, bend once.",
            [](const Vector& w, const Vector& x, double b) {
              double z = b;
              for (size_t j = 0; j < x.size(); ++j) z += std::max(0.0, w[j] * x[j]);
              return std::max(0.0, z);
            }},
           {"first input only", "All inputs count.",
            [](const Vector& w, const Vector& x, double b) {
              return std::max(0.0, w[0] * x[0] + b);
            }}}}));
  struct LayerCase {
    Matrix w;
    Vector b, x;
  };
  static const LayerCase layer_cases[] = {{{{1, 2}, {-3, 0.5}}, {0.1, -0.2}, {2, -1}},
                                          {{{1, 2, 3}}, {0.5}, {1, -1, 2}},
                                          {{{1}, {2}, {-1}}, {0, 1, 2}, {4}}};
  page.exercise(lessons::fill(Numeric<LayerOf>{
      .name = "scratch-layer",
      .solution = scratch_layer,
      .cases = 3,
      .call = [](LayerOf* f,
                 int i) { return f(layer_cases[i].w, layer_cases[i].b, layer_cases[i].x); },
      .where =
          [](int i) {
            return "first row of W " + listed(layer_cases[i].w[0]) +
                   "; b = " + listed(layer_cases[i].b) + "; x = " + listed(layer_cases[i].x);
          },
      .mistakes = {{"bias forgotten", "Each sum starts with its bias.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      return scratch_layer(w, Vector(b.size()), x);
                    }},
                   {"bent too early",
                    "Only the sums are asked for; the bend comes later, and not in the last layer.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      Vector z = scratch_layer(w, b, x);
                      for (double& v : z) v = std::max(v, 0.0);
                      return z;
                    }},
                   {"bias once an input", "The bias is added once, not with every product.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      Vector z = scratch_layer(w, b, x);
                      for (size_t i = 0; i < z.size(); ++i)
                        z[i] += b[i] * static_cast<double>(x.size() - 1);
                      return z;
                    }},
                   {"only the last product", "Add the products; do not overwrite.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      Vector z = b;
                      for (size_t i = 0; i < w.size(); ++i) z[i] += w[i].back() * x.back();
                      return z;
                    }},
                   {"first row for all", "Each unit has a row of its own.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      Vector z = b;
                      for (size_t i = 0; i < w.size(); ++i)
                        z[i] += scratch_layer({w[0]}, {0}, x)[0];
                      return z;
                    }},
                   {"bias subtracted", "The bias is added.",
                    [](const Matrix& w, const Vector& b, const Vector& x) {
                      Vector z = scratch_layer(w, b, x);
                      for (size_t i = 0; i < z.size(); ++i) z[i] -= 2 * b[i];
                      return z;
                    }}}}));
  struct LossCase {
    Vector z;
    int label;
  };
  static const LossCase loss_cases[] = {{{2, 1, 0.1}, 0}, {{0.5, -1}, 1}, {{1000, 998, 1001}, 1}};
  page.exercise(lessons::fill(Numeric<LossOf>{
      .name = "scratch-loss",
      .solution = scratch_loss,
      .cases = 3,
      .call =
          [](LossOf* f, int i) {
            Vector slope(loss_cases[i].z.size());
            const double loss = f(loss_cases[i].z, loss_cases[i].label, slope);
            slope.insert(slope.begin(), loss);
            return slope;
          },
      .where =
          [](int i) {
            return "scores " + listed(loss_cases[i].z) + ", right is " +
                   std::to_string(loss_cases[i].label) + " (loss, then slopes)";
          },
      .mistakes =
          {{"overflow",
            "e to the thousandth is infinite. Subtract the largest score first: the shares stay "
            "the same.",
            [](const Vector& z, int c, Vector& s) {
              double sum = 0;
              for (const double v : z) sum += std::exp(v);
              for (size_t i = 0; i < z.size(); ++i) s[i] = std::exp(z[i]) / sum;
              const double p = s[static_cast<size_t>(c)];
              s[static_cast<size_t>(c)] -= 1;
              return -std::log(p);
            }},
           {"truth not subtracted", "These are the chances. The slope is chance minus truth.",
            [](const Vector& z, int c, Vector& s) {
              const double l = scratch_loss(z, c, s);
              s[static_cast<size_t>(c)] += 1;
              return l;
            }},
           {"wrong sign of the slopes",
            "Raising the right score lowers the loss: its slope is negative.",
            [](const Vector& z, int c, Vector& s) {
              const double l = scratch_loss(z, c, s);
              for (double& v : s) v = -v;
              return l;
            }},
           {"wrong sign of the loss",
            "The logarithm of a chance is negative, so the loss needs a minus.",
            [](const Vector& z, int c, Vector& s) { return -scratch_loss(z, c, s); }},
           {"chance instead of its logarithm",
            "The loss is the surprise, minus the logarithm of the chance.",
            [](const Vector& z, int c, Vector& s) { return std::exp(-scratch_loss(z, c, s)); }},
           {"slopes left empty", "The loss is right. Fill `slope`, too.",
            [](const Vector& z, int c, Vector& s) {
              const double l = scratch_loss(z, c, s);
              for (double& v : s) v = 0;
              return l;
            }},
           {"logarithm to base 2", "That is the loss in bits. Use the natural logarithm.",
            [](const Vector& z, int c, Vector& s) {
              return scratch_loss(z, c, s) / std::log(2.0);
            }}}}));
  struct BackCase {
    Matrix w;
    Vector x, delta;
    double before;  // what dW and db hold already
  };
  static const BackCase back_cases[] = {{{{1, 2, -1}, {0.5, -3, 4}}, {2, -1, 3}, {0.5, -2}, 0},
                                        {{{1, 2}, {-1, 0.5}}, {1, 4}, {0.1, 0.3}, 10}};
  page.exercise(lessons::fill(Numeric<Backward>{
      .name = "scratch-backward",
      .solution = scratch_backward,
      .cases = 2,
      .call =
          [](Backward* f, int i) {
            const BackCase& c = back_cases[i];
            Matrix dw(c.w.size(), Vector(c.x.size(), c.before));
            Vector db(c.w.size(), c.before), all = f(c.w, c.x, c.delta, dw, db);
            for (const Vector& row : dw) all.insert(all.end(), row.begin(), row.end());
            all.insert(all.end(), db.begin(), db.end());
            return all;
          },
      .where =
          [](int i) {
            return "x = " + listed(back_cases[i].x) + "; delta = " + listed(back_cases[i].delta) +
                   "; dW and db hold " + shown(back_cases[i].before) + " (dx, then dW, then db)";
          },
      .mistakes = {{"overwritten", "Add to dW and db: the examples of a batch share them.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix& dw, Vector& db) {
                      for (Vector& row : dw) std::ranges::fill(row, 0.0);
                      std::ranges::fill(db, 0.0);
                      return scratch_backward(w, x, d, dw, db);
                    }},
                   {"bias forgotten", "The bias has a slope, too: the delta itself.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix& dw, Vector&) {
                      Vector none(d.size());
                      return scratch_backward(w, x, d, dw, none);
                    }},
                   {"weights forgotten", "dW did not change. A weight moves its sum by its input.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix&, Vector& db) {
                      Matrix none(d.size(), Vector(x.size()));
                      return scratch_backward(w, x, d, none, db);
                    }},
                   {"nothing handed back",
                    "The layer below needs dx: the deltas, back through the weights.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix& dw, Vector& db) {
                      scratch_backward(w, x, d, dw, db);
                      return Vector(x.size());
                    }},
                   {"delta without input", "The slope by a weight is delta times its input.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix& dw, Vector& db) {
                      Matrix none(d.size(), Vector(x.size()));
                      const Vector dx = scratch_backward(w, x, d, none, db);
                      for (size_t i = 0; i < d.size(); ++i)
                        for (double& v : dw[i]) v += d[i];
                      return dx;
                    }},
                   {"wrong sign", "Slopes are asked for, not steps.",
                    [](const Matrix& w, const Vector& x, const Vector& d, Matrix& dw, Vector& db) {
                      Vector minus;
                      for (const double v : d) minus.push_back(-v);
                      return scratch_backward(w, x, minus, dw, db);
                    }}}}));
  static const SlopeOf bowl = [](const Vector& w, int k) {
    Vector g;
    for (size_t i = 0; i < w.size(); ++i)
      g.push_back((w[i] - 3 * k) * (1 + static_cast<double>(i)));
    return g;
  };
  page.exercise(lessons::fill(Numeric<Loop>{
      .name = "scratch-loop",
      .solution = scratch_loop,
      .cases = 2,
      .call =
          [](Loop* f, int i) {
            return i == 0 ? f({1, -2}, bowl, 0.1, 3, 2) : f({5}, bowl, 0.25, 2, 4);
          },
      .where =
          [](int i) {
            return std::string(i == 0 ? "rate 0.1, 3 batches, 2 epochs"
                                      : "rate 0.25, 2 batches, 4 epochs");
          },
      .mistakes =
          {{"uphill", "Against the slope: subtract.",
            [](Vector w, const SlopeOf& s, double r, int b, int e) {
              return scratch_loop(std::move(w), s, -r, b, e);
            }},
           {"one epoch only", "Go through all batches again in each epoch.",
            [](Vector w, const SlopeOf& s, double r, int b, int) {
              return scratch_loop(std::move(w), s, r, b, 1);
            }},
           {"first batch only", "Each batch has a number: slope(w, k).",
            [](Vector w, const SlopeOf& s, double r, int b, int e) {
              return scratch_loop(
                  std::move(w), [&](const Vector& v, int) { return s(v, 0); }, r, b, e);
            }},
           {"slopes at the start",
            "After each step the weights are others. Ask for the slope again.",
            [](Vector w, const SlopeOf& s, double r, int b, int e) {
              const Vector start = w;
              return scratch_loop(
                  std::move(w), [&](const Vector&, int k) { return s(start, k); }, r, b, e);
            }},
           {"one step an epoch",
            "You added up all batches and stepped once. Each batch takes a step of its own.",
            [](Vector w, const SlopeOf& s, double r, int b, int e) {
              for (int i = 0; i < e; ++i) {
                const Vector at = w;
                for (int k = 0; k < b; ++k) {
                  const Vector g = s(at, k);
                  for (size_t j = 0; j < w.size(); ++j) w[j] -= r * g[j];
                }
              }
              return w;
            }},
           {"rate forgotten", "The step is the rate times the slope.",
            [](Vector w, const SlopeOf& s, double, int b, int e) {
              return scratch_loop(std::move(w), s, 1, b, e);
            }},
           {"all epochs of a batch at once", "The epochs are the outer loop.",
            [](Vector w, const SlopeOf& s, double r, int b, int e) {
              for (int k = 0; k < b; ++k)
                w = scratch_loop(
                    std::move(w), [&](const Vector& v, int) { return s(v, k); }, r, 1, e);
              return w;
            }}}}));
  page.exercise(Fill<Reader>{
      .name = "scratch-digits",
      .solution = scratch_digits,
      .check = check_digits,
      .wrong = {{"another number of answers", [](const Matrix&, const std::vector<int>& labels,
                                                 const Matrix&) { return labels; }},
                {"one answer for all",
                 [](const Matrix&, const std::vector<int>&, const Matrix& unseen) {
                   return std::vector<int>(unseen.size(), 3);
                 }},
                {"no digit",
                 [](const Matrix&, const std::vector<int>&, const Matrix& unseen) {
                   std::vector<int> out;
                   for (size_t i = 0; i < unseen.size(); ++i) out.push_back(static_cast<int>(i));
                   return out;
                 }},
                {"counted from one",
                 [](const Matrix& images, const std::vector<int>& labels, const Matrix& unseen) {
                   std::vector<int> out = barely(images, labels, unseen, 0.1);
                   for (int& d : out) ++d;
                   return out;
                 }},
                {"learns the opposite",
                 [](const Matrix& images, const std::vector<int>& labels, const Matrix& unseen) {
                   return barely(images, labels, unseen, -0.0003);
                 }},
                {"no better than guessing",
                 [](const Matrix&, const std::vector<int>&, const Matrix& unseen) {
                   std::vector<int> out;
                   for (size_t i = 0; i < unseen.size(); ++i)
                     out.push_back(static_cast<int>(i * 7 % 10));
                   return out;
                 }},
                {"not trained enough",
                 [](const Matrix& images, const std::vector<int>& labels, const Matrix& unseen) {
                   return barely(images, labels, unseen, 0.1);
                 }}}});
}
