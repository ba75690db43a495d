// Slopes of batches, the first steps of four methods, a race in a gorge that is
// then turned, noise and schedules.
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

OptimiserConfig rule_of(const char* method, double rate) {
  OptimiserConfig c = defaults_for(method);
  c.lr = rate;
  return c;
}

// ----------------------------------------------------------------------------
// exercises

using Adam = double(std::span<const double>, double);

// [solution adam-by-hand]
// How far Adam moves a number in all, given the slope at each step.
double adam_by_hand(std::span<const double> slopes, double rate) {
  double x = 0, mean = 0, square = 0;
  int t = 0;
  for (const double g : slopes) {
    ++t;
    // [hole (void)rate; (void)t; mean = g; square = g; x = mean - square;]
    mean = 0.9 * mean + 0.1 * g;
    square = 0.999 * square + 0.001 * g * g;
    const double m = mean / (1 - std::pow(0.9, t));
    const double v = square / (1 - std::pow(0.999, t));
    x -= rate * m / (std::sqrt(v) + 1e-8);
    // [end hole]
  }
  return x;
}
// [end]

// Adam with a step of its own: step(mean, square, t) of the running means.
template <class Step>
double adam_with(std::span<const double> slopes, Step step) {
  double x = 0, mean = 0, square = 0;
  int t = 0;
  for (const double g : slopes) {
    mean = 0.9 * mean + 0.1 * g;
    square = 0.999 * square + 0.001 * g * g;
    x += step(mean, square, ++t);
  }
  return x;
}

struct Mistake {
  const char *misconception, *says;
  Adam* function;
};

const Mistake mistakes[] = {
    {"no correction",
     "Both means start at 0 and are too small at first. Divide each by the "
     "weight it has gathered.",
     [](std::span<const double> g, double rate) {
       return adam_with(g,
                        [=](double m, double v, int) { return -rate * m / (std::sqrt(v) + 1e-8); });
     }},
    {"only the mean corrected", "The mean of squares starts at 0 as well.",
     [](std::span<const double> g, double rate) {
       return adam_with(g, [=](double m, double v, int t) {
         return -rate * m / (1 - std::pow(0.9, t)) / (std::sqrt(v) + 1e-8);
       });
     }},
    {"only the squares corrected", "The mean of slopes starts at 0 as well.",
     [](std::span<const double> g, double rate) {
       return adam_with(g, [=](double m, double v, int t) {
         return -rate * m / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
       });
     }},
    {"corrected as at the first step",
     "You divide by 0.1 and 0.001 at every step. The weight gathered grows "
     "with t.",
     [](std::span<const double> g, double rate) {
       return adam_with(g, [=](double m, double v, int) {
         return -rate * m / 0.1 / (std::sqrt(v / 0.001) + 1e-8);
       });
     }},
    {"uphill", "The slope points up. Subtract.",
     [](std::span<const double> g, double rate) { return -adam_by_hand(g, rate); }},
    {"root forgotten",
     "The second mean holds squares. Divide by its root, or a slope twice as "
     "large makes half the "
     "step.",
     [](std::span<const double> g, double rate) {
       return adam_with(g, [=](double m, double v, int t) {
         return -rate * m / (1 - std::pow(0.9, t)) / (v / (1 - std::pow(0.999, t)) + 1e-8);
       });
     }},
    {"rate forgotten",
     "The steps have the right sign, but each is as long as if the rate were "
     "1.",
     [](std::span<const double> g, double) { return adam_by_hand(g, 1); }},
    {"shares exchanged", "0.9 belongs to the mean of slopes and 0.999 to the mean of squares.",
     [](std::span<const double> g, double rate) {
       double x = 0, mean = 0, square = 0;
       int t = 0;
       for (const double s : g) {
         ++t;
         mean = 0.999 * mean + 0.001 * s;
         square = 0.9 * square + 0.1 * s * s;
         x -= rate * mean / (1 - std::pow(0.999, t)) /
              (std::sqrt(square / (1 - std::pow(0.9, t))) + 1e-8);
       }
       return x;
     }},
    {"last slope instead of the mean",
     "Without the mean of slopes this is RMSProp with a correction. Adam's "
     "step follows the mean.",
     [](std::span<const double> g, double rate) {
       double x = 0, square = 0;
       int t = 0;
       for (const double s : g) {
         square = 0.999 * square + 0.001 * s * s;
         x -= rate * s / (std::sqrt(square / (1 - std::pow(0.999, ++t))) + 1e-8);
       }
       return x;
     }},
};

struct AdamCase {
  const char* where;
  std::vector<double> slopes;
  double rate;
};
const AdamCase adam_cases[] = {{"slope 4, rate 0.1", {4}, 0.1},
                               {"slopes 1, 1, 1, rate 0.01", {1, 1, 1}, 0.01},
                               {"slopes 1, -2, 3, 0.5, rate 0.1", {1, -2, 3, 0.5}, 0.1},
                               {"slopes 0.001, 0.002, rate 0.5", {0.001, 0.002}, 0.5}};

Verdict check_adam(Adam* f) {
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-7 * (1 + std::abs(b)); };
  for (const AdamCase& c : adam_cases) {
    const double want = adam_by_hand(c.slopes, c.rate), got = f(c.slopes, c.rate);
    if (near(got, want)) continue;
    Verdict v{.where = c.where, .yours = shown(got, 6), .expected = shown(want, 6)};
    for (const Mistake& m : mistakes)
      if (std::ranges::all_of(adam_cases, [&](const AdamCase& other) {
            return near(f(other.slopes, other.rate), m.function(other.slopes, other.rate));
          })) {
        v.misconception = m.misconception;
        v.says = m.says;
        break;
      }
    return v;
  }
  return Verdict::passed();
}

// ----------------------------------------------------------------------------
// the race

struct Racer {
  const char *label, *method, *remembers;
};
constexpr Racer racers[] = {{"SGD", "sgd", "nothing"},
                            {"momentum 0.9", "momentum", "a sum of slopes"},
                            {"Nesterov 0.9", "nesterov", "a sum of slopes"},
                            {"Adagrad", "adagrad", "a sum of squares"},
                            {"RMSProp", "rmsprop", "a mean of squares"},
                            {"Adam", "adam", "both means"}};
constexpr double race_rates[] = {1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001};
constexpr int64_t race_steps = 600;
constexpr double goal = 1e-6;

struct Result {
  double rate = 0;
  int64_t steps = -1;  // to the goal; -1: not reached
  double lowest = std::numeric_limits<double>::infinity();
};

// The best of the rates: the fewest steps, and if none arrives the lowest
// height.
Result race(const Objective& f, const Tensor& start, const char* method) {
  Result best;
  for (const double rate : race_rates) {
    Result r{.rate = rate};
    const int64_t most = best.steps >= 0 ? best.steps - 1 : race_steps;
    trajectory(f, start, rule_of(method, rate), most, [&](const Iterate& at) {
      const double height = number(at.value);
      if (std::isfinite(height)) r.lowest = std::min(r.lowest, height);
      if (height <= goal) r.steps = at.step;
      return r.steps < 0 && at.step < most && std::isfinite(height) && height < 1e8;
    });
    if (r.steps >= 0 || (best.steps < 0 && r.lowest < best.lowest)) best = r;
  }
  return best;
}

std::string arrival(const Result& r) {
  return r.steps >= 0 ? std::to_string(r.steps) : "not there: down to " + shown(r.lowest, 1);
}

// A line at one height of x^2 + c y^2, seen from above.
Line contour(double level, double c) {
  Line line{.x = {}, .y = {}, .faint = true};
  for (int i = 0; i <= 72; ++i) {
    const double t = i * std::numbers::pi / 36;
    line.x.push_back(std::sqrt(level) * std::cos(t));
    line.y.push_back(std::sqrt(level / c) * std::sin(t));
  }
  return line;
}

struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<double>& x) {
  Spread s;
  for (const double v : x) s.mean += v / static_cast<double>(x.size());
  for (const double v : x) s.deviation += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(s.deviation / static_cast<double>(x.size()));
  return s;
}
}  // namespace

LESSON(page) {
  // Slopes of batches. The loss of example i at the weight w is (w x_i -
  // y_i)^2.
  constexpr int64_t examples = 256;
  RandomState draws(7);
  const std::vector<double> x = draws.randn(examples), noise = draws.randn(examples);
  std::vector<double> y;
  for (size_t i = 0; i < x.size(); ++i) y.push_back(2 * x[i] + noise[i]);
  const auto slope_at = [&](double w, const std::vector<int64_t>& batch) {
    double sum = 0;
    for (const int64_t k : batch) {
      const auto i = static_cast<size_t>(k);
      sum += 2 * (w * x[i] - y[i]) * x[i];
    }
    return sum / static_cast<double>(batch.size());
  };
  std::vector<double> single;
  for (int64_t i = 0; i < examples; ++i) single.push_back(slope_at(0, {i}));
  const Spread all = spread_of(single);
  page.bind("examples", examples);
  page.bind("full", all.mean);
  Table batches = {{"examples in a batch", "mean of their slopes", "spread", "foretold spread"}};
  for (const int64_t size : {1, 4, 16, 64}) {
    std::vector<double> slopes;
    for (int i = 0; i < 4000; ++i) slopes.push_back(slope_at(0, draws.choice(examples, size)));
    const Spread s = spread_of(slopes);
    batches.push_back({std::to_string(size), shown(s.mean, 2), shown(s.deviation, 3),
                       shown(all.deviation / std::sqrt(static_cast<double>(size)), 3)});
  }
  page.table("batches", batches);
  const std::vector<int64_t> order = draws.permutation(examples);
  double epoch = 0;
  constexpr int64_t part = 16;
  for (int64_t at = 0; at < examples; at += part)
    epoch += slope_at(0, {order.begin() + at, order.begin() + at + part}) * part / examples;
  const double gap = std::fabs(epoch - all.mean);
  page.bind("epoch_gap", gap < 1e-12 ? std::string("less than 1e-12") : shown(gap));

  // The first three steps.
  const double large = page.set("large", 1000.0);
  const double rate = page.set("momentum_rate", 0.1), share = page.set("momentum", 0.9);
  // [first]
  const auto first_steps = [](const OptimiserConfig& rule, double slope) {
    const auto f = [slope](const Tensor& p) { return slope * sum(p); };
    const Tensor path = descend(f, Tensor({0}), rule, 3);
    const std::vector<double> at = numbers(path);
    return std::vector{at[0] - at[1], at[1] - at[2], at[2] - at[3]};
  };
  OptimiserConfig momentum = defaults_for("momentum");
  momentum.lr = rate;
  momentum.momentum = share;
  const std::vector<double> rolling = first_steps(momentum, 1);
  // [end]
  const OptimiserConfig rms = rule_of("rmsprop", 0.01), adam = rule_of("adam", 0.01);
  Table first = {{"method", "rate", "three steps, slope 1", "three steps, slope " + shown(large)}};
  for (const auto& [label, rule] : {std::pair{"SGD", rule_of("sgd", rate)},
                                    {"momentum", momentum},
                                    {"RMSProp", rms},
                                    {"Adam", adam}}) {
    std::string words[2];
    for (size_t i = 0; i < 2; ++i)
      for (const double s : first_steps(rule, i == 0 ? 1 : large))
        words[i] += (words[i].empty() ? "" : ", ") + shown(s);
    first.push_back({label, shown(rule.lr), words[0], words[1]});
  }
  page.table("first", first);
  page.bind("large", large);
  page.bind("momentum_rate", rate);
  page.bind("momentum", share);
  page.bind("m1", rolling[0]);
  page.bind("m2", rolling[1]);
  page.bind("m3", rolling[2]);
  page.bind("rms_rate", rms.lr);
  page.bind("rms_first", first_steps(rms, 1)[0]);
  page.bind("adam_first", first_steps(adam, 1)[0]);
  const auto bowl = [](const Tensor& p) { return sum(Tensor{1, 4} * square(p)); };
  const Tensor corner{3, 3};
  page.bind("start", corner);
  page.bind("four", 4);
  page.bind("adam_point", row(descend(bowl, corner, adam, 1), 1));

  // The race.
  const double c = std::clamp(page.set("c", 50.0), 1.0, 1000.0);
  const Tensor start{3, 1};
  // [race]
  const auto gorge = [c](const Tensor& p) {
    const Tensor weights{1, c};
    return sum(weights * square(p));
  };
  OptimiserConfig rule = defaults_for("adam");
  rule.lr = 0.3;
  const Tensor path = descend(gorge, start, rule, 40);
  // [end]
  page.bind("c", c);
  page.bind("race_start", start);
  page.bind("rate_low", *std::ranges::min_element(race_rates));
  page.bind("rate_high", *std::ranges::max_element(race_rates));
  page.bind("goal", goal);
  const double angle = std::numbers::pi / 6;
  page.bind("angle", 30);
  const Tensor turn{{std::cos(angle), std::sin(angle)}, {-std::sin(angle), std::cos(angle)}};
  const auto turned = [&](const Tensor& p) { return gorge(matmul(turn, p)); };
  const Tensor turned_start = matmul(transpose(turn), start);
  Table straight = {{"method", "what it remembers", "best rate", "steps"}};
  Table oblique = {{"method", "steps, straight", "steps, turned"}};
  for (const Racer& r : racers) {
    const Result one = race(gorge, start, r.method), other = race(turned, turned_start, r.method);
    straight.push_back({r.label, r.remembers, shown(one.rate), arrival(one)});
    oblique.push_back({r.label, arrival(one), arrival(other)});
  }
  for (const auto& [label, method, remembers] :
       {Racer{"L-BFGS", "lbfgs", "ten pairs of steps and slopes"},
        Racer{"Newton", "newton", "nothing; takes the Hessian"}}) {
    const Minimum one = minimise(gorge, start, {.method = method});
    const Minimum other = minimise(turned, turned_start, {.method = method});
    straight.push_back({label, remembers, "none needed", std::to_string(one.iterations)});
    oblique.push_back({label, std::to_string(one.iterations), std::to_string(other.iterations)});
  }
  page.table("race", straight);
  page.table("turned", oblique);
  Plot paths{.id = "paths",
             .title = "The first 40 steps of three methods over lines of equal height",
             .x_label = "x"};
  for (const double part_of : {1.0, 0.4, 0.1})
    paths.lines.push_back(contour(part_of * number(gorge(start)), c));
  const auto track = [&](const char* label, const Tensor& way, const char* colour) {
    Line line{.label = label, .x = {}, .y = {}, .colour = colour};
    for (int64_t k = 0; k < way.shape()[0]; ++k) {
      line.x.push_back(number(element(way, {k, 0})));
      line.y.push_back(number(element(way, {k, 1})));
    }
    paths.lines.push_back(line);
  };
  track("SGD", descend(gorge, start, rule_of("sgd", 0.8 / c), 40), "var(--muted)");
  track("momentum", descend(gorge, start, rule_of("momentum", 0.25 / c), 40), "var(--ink)");
  track("Adam", path, "var(--accent)");
  page.picture("paths", paths);

  // Noise and schedules.
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) xx += x[i] * x[i], xy += x[i] * y[i];
  const double target = xy / xx;
  constexpr int64_t noise_batch = 8, noise_steps = 1000;
  page.bind("noise_batch", noise_batch);
  page.bind("noise_steps", noise_steps);
  const auto mean_miss = [&](double top, const Schedule& schedule) {
    RandomState own(11);
    double w = 0, miss = 0;
    for (int64_t t = 0; t < noise_steps; ++t) {
      const double factor = schedule.empty() ? 1 : schedule.factor(t);
      w -= top * factor * slope_at(w, own.choice(examples, noise_batch));
      if (t >= noise_steps * 9 / 10) miss += std::fabs(w - target) / (noise_steps / 10);
    }
    return miss;
  };
  const Schedule cosine = parse_schedule("cosine(1000)");
  page.table("floor", {{"rate", "mean distance from the best weight"},
                       {"0.2 throughout", shown(mean_miss(0.2, {}), 3)},
                       {"0.001 throughout", shown(mean_miss(0.001, {}), 3)},
                       {"from 0.2 along a cosine to 0", shown(mean_miss(0.2, cosine), 3)}});
  // [schedule]
  const Schedule usual = parse_schedule("warmup(100)+cosine(900)");
  const auto rate_at = [&](int64_t k) { return 1e-3 * usual.factor(k); };
  // [end]
  Line course{.label = "rate", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int64_t step = 0; step <= 1000; step += 10) {
    course.x.push_back(static_cast<double>(step));
    course.y.push_back(rate_at(step));
  }
  page.picture("schedule", Plot{.id = "schedule",
                                .title = "Learning rate by step: warm-up, then a cosine",
                                .x_label = "step",
                                .lines = {course},
                                .from_zero = true});
  page.bind("top", 1e-3);
  page.bind("total", 1000);
  int place = 0;
  for (const int64_t step : {50, 100, 550, 1000}) {
    const std::string n = std::to_string(++place);
    page.bind("s" + n, step);
    page.bind("r" + n, shown(std::fabs(rate_at(step)) < 1e-15 ? 0 : rate_at(step)));
  }

  // Two ways to decay.
  const auto after_one = [](const char* method, double decay, bool decoupled) {
    OptimiserConfig o = rule_of(method, 0.1);
    o.weight_decay = decay;
    o.decoupled_weight_decay = decoupled;
    const Tensor p({2.0});
    return number(update(o, p, Tensor({0.3}), initial_state(o, p)).params);
  };
  page.bind("decay_from", 2);
  page.bind("decay_slope", 0.3);
  page.bind("decay_rate", 0.1);
  page.bind("decay", 0.05);
  page.table("decay", {{"method", "weight after the step"},
                       {"SGD, no decay", shown(after_one("sgd", 0, false))},
                       {"SGD, L2", shown(after_one("sgd", 0.05, false))},
                       {"Adam, no decay", shown(after_one("adam", 0, false))},
                       {"Adam, L2", shown(after_one("adam", 0.05, false))},
                       {"AdamW", shown(after_one("adam", 0.05, true))}});

  // Exercises.
  page.exercise(Predict{
      .name = "third-step",
      .answer = 0.35,
      .wrong = {
          {0.2, "no memory", "This is the first step, and every step without momentum."},
          {0.3, "one step early", "This is the second step. Update the buffer once more."},
          {0.85, "whole way", "This is how far the point has come after three steps."},
          {0.4, "the limit", "The steps grow towards this, but reach it only in the long run."},
          {1.75, "rate forgotten", "This is the buffer. The step is the buffer times the rate."},
          {0.05, "only the oldest slope",
           "This is what is left of the first slope. The later ones count as "
           "well."},
          {0.175, "running mean",
           "You weighed the new slope with one minus the share, as Adam does. "
           "Momentum adds all of "
           "it."},
          {0.6, "nothing forgotten", "You added three whole slopes. Older ones are halved."}}});
  page.exercise(Predict{
      .name = "batch-for-quiet",
      .answer = 256,
      .wrong = {
          {64, "deviation taken for variance",
           "Four times as many examples quarter the variance. The deviation "
           "then only halves."},
          {4, "wrong direction", "Smaller batches are noisier."},
          {1, "wrong direction, squared",
           "A sixteenth of the batch has four times the deviation. Go the other way."},
          {32, "root of the root", "Twice the examples lower the deviation by the root of 2 only."},
          {1024, "one square too many",
           "The deviation falls to a quarter, so the variance to a sixteenth. "
           "Once is enough."},
          {240, "examples added",
           "You need 16 times as many, which is 240 more. The question is how "
           "many in all."}}});
  std::vector<Fill<Adam>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Adam>{
      .name = "adam-by-hand", .solution = adam_by_hand, .check = check_adam, .wrong = wrong});
}
