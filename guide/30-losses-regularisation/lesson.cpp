// Losses on the same mistakes, why cross-entropy, penalties, dropout and normalisation, and what
// they do for thirty noisy points.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/activations.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/norm.h>
#include <gradus/train/generate.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Numbers = std::vector<double>;
using Drop = Numbers(const Numbers&, const Numbers&, double);

// [solution inverted-dropout]
// Dropout in training. u holds one number between 0 and 1 for each x, drawn evenly: an x is left
// out where its u is below p. What stays is scaled so that the mean stays, too.
std::vector<double> inverted_dropout(const std::vector<double>& x, const std::vector<double>& u,
                                     double p) {
  std::vector<double> out(x.size());
  // [hole (void)u; (void)p;]
  for (size_t i = 0; i < x.size(); ++i) out[i] = u[i] < p ? 0 : x[i] / (1 - p);
  // [end hole]
  return out;
}
// [end]

// out[i] = one(x[i], whether it stays).
template <class One>
Numbers dropped(const Numbers& x, const Numbers& u, double p, const One& one) {
  Numbers out;
  for (size_t i = 0; i < x.size(); ++i) out.push_back(one(x[i], !(u[i] < p)));
  return out;
}

using Normed = Numbers(const Numbers&, double);

// [solution batch-norm]
// Batch normalisation of one feature in training: x holds its value in each example of the batch.
// No scale and no shift.
std::vector<double> batch_norm(const std::vector<double>& x, double epsilon) {
  std::vector<double> out(x.size());
  // [hole (void)epsilon;]
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  for (size_t i = 0; i < x.size(); ++i) out[i] = (x[i] - mean) / std::sqrt(variance + epsilon);
  // [end hole]
  return out;
}
// [end]

struct Moments {
  double mean = 0, squares = 0, n = 0;  // squares: the sum of squared distances from the mean
};
Moments moments(const Numbers& x) {
  Moments m;
  m.n = static_cast<double>(x.size());
  for (const double v : x) m.mean += v / m.n;
  for (const double v : x) m.squares += (v - m.mean) * (v - m.mean);
  return m;
}
template <class One>
Numbers normed(const Numbers& x, const One& one) {
  const Moments m = moments(x);
  Numbers out;
  for (const double v : x) out.push_back(one(v, m));
  return out;
}

// ---------------------------------------------------------------------------- penalties

// Rows of 20 features, of which the first three decide the class, with noise.
struct Rows {
  Tensor x, y;
};
Rows features(int64_t count) {
  RandomState state(42);
  const Tensor x = from_vector(state.randn(count * 20), {count, 20});
  const Tensor score = 2 * slice_axis(x, 1, {0, 1}) - 1.5 * slice_axis(x, 1, {1, 2}) +
                       slice_axis(x, 1, {2, 3}) + from_vector(state.randn(count), {count, 1});
  return {x, where(score > 0.0, 1.0, 0.0)};
}

// [penalties]
// Logistic regression by descent: l2 joins the loss; l1 shrinks each
// weight by a fixed amount after the step, and stops at 0.
Tensor fitted(const Rows& data, double l1, double l2) {
  const double rate = 0.5;
  Tensor w = zeros({20, 1});
  const auto loss = [&](const Tensor& v) {
    const Tensor z = matmul(data.x, v);
    const Tensor price = l2 / 2 * sum(square(v));
    const auto by = Reduction::mean;
    return price + binary_cross_entropy_with_logits(z, data.y, by);
  };
  for (int step = 0; step < 400; ++step) {
    w = w - rate * grad(loss)(w);
    w = sign(w) * maximum(abs(w) - rate * l1, 0.0);
  }
  return w;
}
// [end]

// ---------------------------------------------------------------------------- what it buys

struct Fit {
  Mlp net;
  double train = 0, fresh = 0;
  int64_t steps = 0;
};

struct Points {
  Tensor x, y;
};
Points moons(int64_t count, uint64_t seed) {
  const Generated g = generate("moons", count, seed, 0.3);
  return {cast(from_vector(g.x, {count, 2}), DType::f64), from_vector(g.y)};
}

// A wide network on few noisy points, by Adam. With `stops` it ends with the weights of the best
// loss on `check`.
Fit fit(const Points& few, const Points& check, const Points& fresh, double l2, double drop,
        bool stops) {
  MlpSpec spec = parse_mlp("mlp:2-64-64-2");
  spec.dropout = drop;
  const Mlp net = make_mlp(spec, key_from_seed(6), DType::f64);
  const std::vector<Tensor> like = parameters(net);
  Tensor w = flatten(like), best = w;
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = 0.01;
  std::vector<Tensor> state = initial_state(adam, w);
  const auto loss = [](const Mlp& m, const Points& at) {
    return number(cross_entropy(m(at.x), at.y, Reduction::mean));
  };
  Fit result;
  double lowest = 1e300;
  for (int64_t step = 1; step <= 200; ++step) {
    const Tensor slope = grad([&](const Tensor& v) {
      Pass pass = Pass::training(key_tensor(split(key_from_seed(1), static_cast<uint64_t>(step))));
      const Mlp m = with_parameters(net, unflatten(v, like));
      return cross_entropy(m(few.x, pass), few.y, Reduction::mean) + l2 / 2 * sum(square(v));
    })(w);
    Update u = update(adam, w, slope, state);
    w = u.params;
    state = u.state;
    if (!stops || step % 5) continue;
    const double now = loss(with_parameters(net, unflatten(w, like)), check);
    if (now < lowest) lowest = now, best = w, result.steps = step;
  }
  const Mlp end = with_parameters(net, unflatten(stops ? best : w, like));
  result.train = loss(end, few);
  result.fresh = loss(end, fresh);
  result.net = end;
  return result;
}
// [monte_carlo]
// Dropout left on: how the chance of class 1 at x spreads over passes.
double spread_of_chance(const Mlp& net, const Tensor& x, int64_t passes) {
  const Tensor copies = broadcast_to(x, {passes, 2});
  Pass pass = Pass::training(key_tensor(key_from_seed(3)));
  const Tensor chances = softmax(net(copies, pass));
  return number(std_dev(slice_axis(chances, 1, {1, 2})));
}
// [end]
}  // namespace

LESSON(page) {
  // Losses.
  const Tensor truth{3, -0.5, 2, 7}, guess = page.set("guess", Tensor{2.5, 0, 2, 8});
  const auto mean_of = Reduction::mean;
  page.bind("truth", truth);
  page.bind("guess", guess);
  // [losses]
  const double squared = number(mse(guess, truth, Reduction::mean));
  const double absolute = number(mae(guess, truth, Reduction::mean));
  const double between = number(huber(guess, truth, Reduction::mean));
  // [end]
  page.bind("mse", squared);
  page.bind("mae", absolute);
  page.bind("huber", between);
  Table pulls = {{"distance", "slope of mse", "slope of mae", "slope of huber"}};
  for (const double d : {0.1, 0.5, 1.0, 3.0, 100.0}) {
    const auto slope = [&](const auto& f) { return shown(number(grad(f)(Tensor(d)))); };
    const Tensor zero(0.0);
    pulls.push_back({shown(d), slope([&](const Tensor& v) { return mse(v, zero, mean_of); }),
                     slope([&](const Tensor& v) { return mae(v, zero, mean_of); }),
                     slope([&](const Tensor& v) { return huber(v, zero, mean_of); })});
  }
  page.table("pulls", pulls);
  const Tensor logits{{2, 1, 0.1}}, first = zeros({1}, DType::i64);
  const Tensor p{0.5, 0.3, 0.2}, q{0.4, 0.4, 0.2};
  page.table(
      "others",
      {{"loss", "of", "value"},
       {"cross-entropy", "scores 2, 1, 0.1, class 0",
        shown(number(cross_entropy(logits, first, mean_of)), 6)},
       {"nll", "the same from log-probabilities",
        shown(number(nll(log_softmax(logits), first, mean_of)), 6)},
       {"binary cross-entropy", "chance 0.9, answer 1",
        shown(number(binary_cross_entropy(Tensor(0.9), Tensor(1.0), mean_of)), 6)},
       {"KL divergence", "0.5, 0.3, 0.2 from 0.4, 0.4, 0.2",
        shown(number(kl_div(log(q), p, Reduction::sum)), 6)},
       {"hinge", "score 0.3, answer 1", shown(number(hinge(Tensor(0.3), Tensor(1.0), mean_of)), 6)},
       {"cosine", "(1, 0) and (1, 1), a pair",
        shown(number(cosine_embedding(Tensor{{1, 0}}, Tensor{{1, 1}}, Tensor{1}, mean_of)), 6)},
       {"triplet", "0 near 1, far from 1.5, margin 1",
        shown(number(triplet_margin(Tensor{{0.0}}, Tensor{{1.0}}, Tensor{{1.5}}, mean_of)), 4)}});

  // Softmax head.
  const Tensor scores = page.set("scores", Tensor{2, 1, 0.1});
  // [head]
  const Tensor chances = probabilities(scores);
  const Tensor slope = chances - Tensor{1, 0, 0};
  // [end]
  page.bind("scores", scores);
  page.bind("chances", chances, 6);
  page.bind("chance_sum", number(sum(chances)), 6);
  page.bind("head_slope", slope, 6);
  page.bind("warm", 2);
  page.bind("warm_chances", probabilities(scores, 2), 4);
  page.bind("cold", 0.5);
  page.bind("cold_chances", probabilities(scores, 0.5), 4);

  // Why cross-entropy.
  const double z = std::clamp(page.set("z", -5.0), -30.0, -0.5);
  // [why]
  const auto entropy = [](const Tensor& v) {
    return binary_cross_entropy_with_logits(v, 1.0, Reduction::mean);
  };
  const auto square_of_chance = [](const Tensor& v) {
    const Tensor chance = sigmoid(v);
    return square(chance - 1.0);
  };
  const double by_entropy = number(grad(entropy)(Tensor(z)));
  const double by_square = number(grad(square_of_chance)(Tensor(z)));
  // [end]
  page.bind("z", z);
  page.bind("z_chance", number(sigmoid(Tensor(z))));
  page.bind("by_entropy", by_entropy);
  page.bind("by_square", by_square);
  page.bind("times", by_entropy / by_square, 0);
  const Tensor range = linspace(-6, 4, 101);
  const auto line = [&](const char* label, const Tensor& y, const char* colour) {
    return Line{.label = label, .x = numbers(range), .y = numbers(y), .colour = colour};
  };
  page.picture("why",
               Plot{.id = "why",
                    .title = "Loss by the score z when the answer is yes",
                    .x_label = "z",
                    .lines = {line("cross-entropy", softplus(-range), "var(--accent)"),
                              line("squared error", square(sigmoid(range) - 1.0), "var(--ink)")},
                    .from_zero = true});

  // Penalties.
  const double strength = page.set("strength", 0.05);
  const Rows data = features(80);
  const Tensor plain = fitted(data, 0, 0), ridge = fitted(data, 0, strength),
               lasso = fitted(data, strength, 0);
  page.bind("strength", strength);
  page.bind("features", 20);
  page.bind("useful", 3);
  page.bind("rows", 80);
  Table sizes = {{"size of a weight", "no penalty", "L2", "L1"}};
  const struct {
    const char* label;
    double low, high;
  } bins[] = {{"exactly 0", -1, 0},
              {"up to 0.1", 0, 0.1},
              {"up to 0.5", 0.1, 0.5},
              {"above 0.5", 0.5, 1e300}};
  for (const auto& b : bins) {
    std::vector<std::string> row = {b.label};
    for (const Tensor* w : {&plain, &ridge, &lasso}) {
      const std::vector<double> all = numbers(*w);
      row.push_back(std::to_string(std::ranges::count_if(
          all, [&](double v) { return std::abs(v) > b.low && std::abs(v) <= b.high; })));
    }
    sizes.push_back(row);
  }
  page.table("sizes", sizes);
  const auto sorted = [&](const char* label, const Tensor& w, const char* colour) {
    std::vector<double> v = numbers(abs(w));
    std::ranges::sort(v, std::greater<>());
    Line l{.label = label, .x = {}, .y = v, .colour = colour};
    for (size_t i = 0; i < v.size(); ++i) l.x.push_back(static_cast<double>(i + 1));
    return l;
  };
  page.picture("sizes", Plot{.id = "sizes",
                             .title = "Sizes of the 20 weights, largest first",
                             .x_label = "rank",
                             .lines = {sorted("none", plain, "var(--muted)"),
                                       sorted("L2", ridge, "var(--ink)"),
                                       sorted("L1", lasso, "var(--accent)")},
                             .from_zero = true});

  // Dropout.
  const double drop = std::clamp(page.set("p", 0.5), 0.0, 0.95);
  const Tensor many = ones({100000});
  // [dropout]
  Pass training = Pass::training(key_tensor(key_from_seed(0)));
  const Tensor left = dropout(many, drop, training);
  Pass evaluation;
  const Tensor same = dropout(many, drop, evaluation);
  // [end]
  page.bind("p", drop);
  page.bind("many", 100000);
  page.bind("left_mean", number(mean(left)), 3);
  page.bind("left_zero", 100 * number(mean(where(left > 0.0, 0.0, 1.0))), 1);
  page.bind("left_scale", number(max(left)));
  page.bind("same_mean", number(mean(same)));
  Pass none = Pass::training(key_tensor(key_from_seed(0))),
       everything = Pass::training(key_tensor(key_from_seed(0)));
  page.bind("p_none", number(mean(dropout(many, 0, none))));
  page.bind("p_all", number(max(abs(dropout(many, 1, everything)))));

  // Normalisation.
  const Tensor batch = page.set("batch", Tensor{1, 2, 3, 4});
  // [norm]
  BatchNorm norm = make_batch_norm(1, DType::f64);
  Pass step = Pass::training();
  const Tensor column = reshape(batch, {4, 1});
  const Tensor centred = norm(column, step);
  const Tensor kept_mean = step.after(norm.running_mean);
  const Tensor kept_var = step.after(norm.running_var);
  // [end]
  page.bind("batch", batch);
  page.bind("centred", reshape(centred, {4}), 6);
  page.bind("kept_mean", number(reshape(kept_mean, {})));
  page.bind("kept_var", number(reshape(kept_var, {})), 4);
  page.bind("momentum", norm.momentum);
  try {
    Pass lonely = Pass::training();
    norm(Tensor{{1.0}}, lonely);
  } catch (const Error& e) {
    page.bind("lonely", e.what());
  }
  const Tensor row{{1, 2, 3, 4}};
  page.table("norms", {{"layer", "what is averaged", "(1, 2, 3, 4) becomes"},
                       {"batch norm", "one feature, over the examples", listed(numbers(centred))},
                       {"layer norm", "one example, over its features",
                        listed(numbers(make_layer_norm(4, 1e-5, DType::f64)(row)))},
                       {"group norm, 2 groups", "one example, over a group",
                        listed(numbers(make_group_norm(2, 4, 1e-5, DType::f64)(row)))},
                       {"rms norm", "as layer norm, without the mean",
                        listed(numbers(make_rms_norm(4, 1e-6, DType::f64)(row)))}});

  // What it buys.
  const Points few = moons(30, 1), check = moons(100, 2), fresh = moons(400, 3);
  Table buys = {{"training", "loss on the 30 points", "loss on new points"}};
  const Fit bare = fit(few, check, fresh, 0, 0, false),
            decayed = fit(few, check, fresh, 0.01, 0, false),
            dropped_out = fit(few, check, fresh, 0, 0.5, false),
            stopped = fit(few, check, fresh, 0, 0, true);
  const auto add = [&](const std::string& name, const Fit& f) {
    buys.push_back({name, shown(f.train, 3), shown(f.fresh, 3)});
  };
  add("200 steps, nothing else", bare);
  add("L2, 0.01", decayed);
  add("dropout, one half", dropped_out);
  add("stopped early, at step " + std::to_string(stopped.steps), stopped);
  page.table("buys", buys);
  page.bind("passes", 500);
  page.bind("inside", spread_of_chance(dropped_out.net, Tensor{{0, 1}}, 500), 2);
  page.bind("between", spread_of_chance(dropped_out.net, Tensor{{0.5, 0.25}}, 500), 2);
  page.bind("points", 30);
  page.bind("weights", parameter_count(parse_mlp("mlp:2-64-64-2")));
  page.bind("bare_train", bare.train, 3);
  page.bind("bare_fresh", bare.fresh, 2);
  page.bind("ln2", std::log(2.0));

  // Exercises.
  page.exercise(Predict{
      .name = "slope-of-entropy",
      .answer = 0.880797,
      .tolerance = 1e-4,
      .wrong = {
          {-0.119203, "other answer", "This is the slope when the answer is yes, y = 1."},
          {0.104994, "slope of the sigmoid", "In cross-entropy the slope of the sigmoid cancels."},
          {0.184956, "slope of the squared error",
           "This is the slope of (p - y)², with the factor that kills gradients."},
          {2.126928, "loss instead of slope", "This is the loss, -log(1 - p)."},
          {-0.880797, "wrong sign", "The answer is no: raising the score makes the loss worse."},
          {2, "score instead of chance", "First make a chance of the score: p = sigmoid(2)."},
          {0.5, "score forgotten", "That would be the slope at z = 0."}}});
  page.exercise(Choose{
      .name = "which-loss",
      .answer = "huber",
      .choices = {{"huber", "huber: a parabola near 0, straight lines further out", "", ""},
                  {"mse", "mse", "outliers squared",
                   "A price that is wrong by 1000 would pull a million times as hard as one that "
                   "is wrong by 1... squared, and its slope a thousand times."},
                  {"hinge", "hinge", "a loss for classes", "Hinge wants labels +1 and -1."},
                  {"entropy", "cross-entropy", "cross-entropy for numbers",
                   "Cross-entropy compares chances of classes."},
                  {"delete", "mse, on the rows whose loss is small", "data thrown away by the loss",
                   "Rows would be chosen by the very model that is to be judged."},
                  {"triplet", "triplet margin", "a loss for distances",
                   "It compares an anchor with two others."},
                  {"kl", "KL divergence", "a loss for distributions",
                   "Prices are no distributions over one set of classes."}}});
  struct DropCase {
    Numbers x, u;
    double p;
  };
  static const DropCase drops[] = {{{1, -2, 3, 4}, {0.1, 0.5, 0.29, 0.9}, 0.3},
                                   {{5, 5}, {0.2, 0.7}, 0},
                                   {{2, -1, 1}, {0.85, 0.1, 0.7}, 0.8}};
  page.exercise(lessons::fill(Numeric<Drop>{
      .name = "inverted-dropout",
      .solution = inverted_dropout,
      .cases = 3,
      .call = [](Drop* f, int i) { return f(drops[i].x, drops[i].u, drops[i].p); },
      .where =
          [](int i) {
            return "x = " + listed(drops[i].x) + "; u = " + listed(drops[i].u) +
                   "; p = " + shown(drops[i].p);
          },
      .mistakes =
          {{"not scaled", "The mean falls to the share that stays. What makes up for it?",
            [](const Numbers& x, const Numbers& u, double p) {
              return dropped(x, u, p, [](double v, bool stays) { return stays ? v : 0; });
            }},
           {"scaled down", "What stays must grow, not shrink: divide by 1 - p.",
            [](const Numbers& x, const Numbers& u, double p) {
              return dropped(x, u, p,
                             [p](double v, bool stays) { return stays ? v * (1 - p) : 0; });
            }},
           {"divided by p", "The share that stays is 1 - p.",
            [](const Numbers& x, const Numbers& u, double p) {
              return dropped(x, u, p, [p](double v, bool stays) { return stays ? v / p : 0; });
            }},
           {"the others kept", "You kept those that should go: an x goes where u is below p.",
            [](const Numbers& x, const Numbers& u, double p) {
              return dropped(x, u, p,
                             [p](double v, bool stays) { return stays ? 0 : v / (1 - p); });
            }},
           {"everything scaled", "Scaled, but nothing was left out.",
            [](const Numbers& x, const Numbers& u, double p) {
              return dropped(x, u, p, [p](double v, bool) { return v / (1 - p); });
            }},
           {"nothing done", "This is what evaluation does. In training some are left out.",
            [](const Numbers& x, const Numbers&, double) { return x; }},
           {"scaled by the count",
            "You divided by the share that happened to stay. The scale is fixed, 1 over 1 - p.",
            [](const Numbers& x, const Numbers& u, double p) {
              double n = 0;
              for (const double v : u) n += !(v < p);
              return dropped(x, u, p, [&](double v, bool stays) {
                return stays ? v * static_cast<double>(x.size()) / n : 0;
              });
            }},
           {"mask multiplied by u", "u only decides. It is not a factor.",
            [](const Numbers& x, const Numbers& u, double p) {
              Numbers out = inverted_dropout(x, u, p);
              for (size_t i = 0; i < x.size(); ++i) out[i] *= u[i];
              return out;
            }}}}));
  struct NormCase {
    Numbers x;
    double epsilon;
  };
  static const NormCase norm_cases[] = {{{1, 2, 3, 4}, 1e-5}, {{5, 5, 5}, 0.01}, {{-1, 0, 4}, 0.5}};
  page.exercise(lessons::fill(Numeric<Normed>{
      .name = "batch-norm",
      .solution = batch_norm,
      .cases = 3,
      .call = [](Normed* f, int i) { return f(norm_cases[i].x, norm_cases[i].epsilon); },
      .where =
          [](int i) {
            return "x = " + listed(norm_cases[i].x) + "; epsilon = " + shown(norm_cases[i].epsilon);
          },
      .mistakes = {{"divided by n - 1",
                    "Batch normalisation divides by n. Only the running variance takes n - 1.",
                    [](const Numbers& x, double e) {
                      return normed(x, [e](double v, const Moments& m) {
                        return (v - m.mean) / std::sqrt(m.squares / (m.n - 1) + e);
                      });
                    }},
                   {"epsilon outside the root", "Epsilon is added to the variance, under the root.",
                    [](const Numbers& x, double e) {
                      return normed(x, [e](double v, const Moments& m) {
                        return (v - m.mean) / (std::sqrt(m.squares / m.n) + e);
                      });
                    }},
                   {"mean kept", "Subtract the mean first.",
                    [](const Numbers& x, double e) {
                      return normed(x, [e](double v, const Moments& m) {
                        return v / std::sqrt(m.squares / m.n + e);
                      });
                    }},
                   {"root forgotten", "You divided by the variance. Divide by its root.",
                    [](const Numbers& x, double e) {
                      return normed(x, [e](double v, const Moments& m) {
                        return (v - m.mean) / (m.squares / m.n + e);
                      });
                    }},
                   {"epsilon forgotten", "Without epsilon a constant feature divides 0 by 0.",
                    [](const Numbers& x, double) {
                      return normed(x, [](double v, const Moments& m) {
                        return (v - m.mean) / std::sqrt(m.squares / m.n);
                      });
                    }},
                   {"only centred", "The mean is 0 now. The variance should become 1.",
                    [](const Numbers& x, double) {
                      return normed(x, [](double v, const Moments& m) { return v - m.mean; });
                    }},
                   {"rms norm",
                    "You divided by the root of the mean square of x itself, and kept the mean.",
                    [](const Numbers& x, double e) {
                      return normed(x, [e](double v, const Moments& m) {
                        return v / std::sqrt(m.squares / m.n + m.mean * m.mean + e);
                      });
                    }}}}));
}
