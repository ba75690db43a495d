// Convex and not, a saddle and how it is left, why saddles are many, what
// curvature costs each method, and minima of narrow and wide networks.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/optim/critical.h>
#include <gradus/optim/landscape.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
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

using Count = int(double, double, double);

// [solution hessian-and-difficulty]
// Steps of descent with momentum on x^2 + k y^2 from (1, 1) until the height
// is at most 1e-6; 100000 when it does not get there.
int hessian_and_difficulty(double k, double rate, double share) {
  // [hole (void)k; (void)rate; (void)share; return 0;]
  double x = 1, y = 1, bx = 0, by = 0;
  int n = 0;
  while (n < 100000 && x * x + k * y * y > 1e-6) {
    bx = share * bx + 2 * x;
    by = share * by + 2 * k * y;
    x -= rate * bx;
    y -= rate * by;
    ++n;
    if (!std::isfinite(x) || !std::isfinite(y)) return 100000;
  }
  return n;
  // [end hole]
}
// [end]

// The same walk with a slope, a weight of the new slope and an end of its own.
template <class Slope, class End>
int walk(double share, double rate, double fresh, Slope slope, End end) {
  double x = 1, y = 1, bx = 0, by = 0;
  for (int n = 0; n < 100000; ++n) {
    if (end(x, y)) return n;
    const auto [gx, gy] = slope(x, y);
    bx = share * bx + fresh * gx;
    by = share * by + fresh * gy;
    x -= rate * bx;
    y -= rate * by;
    if (!std::isfinite(x) || !std::isfinite(y)) return 100000;
  }
  return 100000;
}

auto slopes_of(double k) {
  return [k](double x, double y) { return std::pair{2 * x, 2 * k * y}; };
}
auto low_enough(double k) {
  return [k](double x, double y) { return x * x + k * y * y <= 1e-6; };
}

struct Mistake {
  const char *misconception, *says;
  Count* function;
};

const Mistake mistakes[] = {
    {"slope of the square halved", "The slope of x^2 is 2x, and that of k y^2 is 2k y.",
     [](double k, double rate, double share) {
       return walk(
           share, rate, 1,
           [k](double x, double y) {
             return std::pair{x, k * y};
           },
           low_enough(k));
     }},
    {"k forgotten in the slope", "The factor k stands in the slope along y as well.",
     [](double k, double rate, double share) {
       return walk(share, rate, 1, slopes_of(1), low_enough(k));
     }},
    {"k forgotten in the height", "The height is x^2 + k y^2; you stop when x^2 + y^2 is small.",
     [](double k, double rate, double share) {
       return walk(share, rate, 1, slopes_of(k), low_enough(1));
     }},
    {"running mean",
     "You weigh the new slope with one minus the share, as Adam does. Here all "
     "of it is added.",
     [](double k, double rate, double share) {
       return walk(share, rate, 1 - share, slopes_of(k), low_enough(k));
     }},
    {"momentum left out", "The share is never used. The buffer carries the old slopes along.",
     [](double k, double rate, double) { return walk(0, rate, 1, slopes_of(k), low_enough(k)); }},
    {"slope instead of height",
     "You stop when the slope is short. The task asks for a height of at most "
     "1e-6.",
     [](double k, double rate, double share) {
       return walk(share, rate, 1, slopes_of(k),
                   [k](double x, double y) { return std::hypot(2 * x, 2 * k * y) <= 1e-6; });
     }},
    {"only x watched", "The height has a part along y as well.",
     [](double k, double rate, double share) {
       return walk(share, rate, 1, slopes_of(k), [](double x, double) { return x * x <= 1e-6; });
     }},
    {"one step too many", "You count the look at the end as a step. Count where the point moves.",
     [](double k, double rate, double share) {
       return std::min(100000, hessian_and_difficulty(k, rate, share) + 1);
     }},
    {"uphill", "Your points climb until you give up. Subtract rate times buffer.",
     [](double, double, double) { return 100000; }},
};

struct CountCase {
  double k, rate, share;
};
constexpr CountCase count_cases[] = {
    {1, 0.5, 0}, {10, 0.05, 0}, {100, 0.0099, 0}, {10, 0.05, 0.5}, {100, 0.0165, 0.669}};

Verdict check_count(Count* f) {
  for (const CountCase& c : count_cases) {
    const int want = hessian_and_difficulty(c.k, c.rate, c.share), got = f(c.k, c.rate, c.share);
    if (got == want) continue;
    Verdict v{
        .where = "k = " + shown(c.k) + ", rate " + shown(c.rate) + ", share " + shown(c.share),
        .yours = std::to_string(got) + " steps",
        .expected = std::to_string(want) + " steps"};
    for (const Mistake& m : mistakes)
      if (std::ranges::all_of(count_cases, [&](const CountCase& other) {
            return f(other.k, other.rate, other.share) ==
                   m.function(other.k, other.rate, other.share);
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
// saddle

Tensor pass(const Tensor& p) {
  return sum(Tensor{1, -1} * square(p));
}

constexpr double tiny = 1e-6;

struct Escape {
  int64_t stalled = -1, escaped = -1;
  Line slope;
};

// [escape]
// Descends until |y| > 1. A push moves both numbers once, where the
// slope is small for the first time.
Escape escape(const OptimiserConfig& rule, double small, double push) {
  Escape e;
  Tensor x{1, tiny};
  std::vector<Tensor> state = initial_state(rule, x);
  for (int64_t step = 0; step <= 200 && e.escaped < 0; ++step) {
    Tensor g = grad(pass)(x);
    e.slope.x.push_back(static_cast<double>(step));
    e.slope.y.push_back(number(norm(g)));
    if (e.stalled < 0 && number(norm(g)) < small) {
      e.stalled = step;
      x = x + Tensor{push, push};
      g = grad(pass)(x);
    }
    if (std::fabs(number(row(x, 1))) > 1) e.escaped = step;
    Update next = update(rule, x, g, state);
    x = next.params;
    state = next.state;
  }
  return e;
}
// [end]

// ----------------------------------------------------------------------------
// difficulty

constexpr double goal = 1e-6;

// [difficulty]
int64_t steps_to_goal(double k, const OptimiserConfig& rule) {
  const auto valley = [k](const Tensor& p) {
    const Tensor weights{1, k};
    return sum(weights * square(p));
  };
  int64_t steps = 0;
  trajectory(valley, Tensor{1, 1}, rule, 20000, [&](const Iterate& at) {
    steps = at.step;
    return number(at.value) > goal && at.step < 20000;
  });
  return steps;
}
// [end]

// The fastest pair for curvatures 2 and 2k (Polyak 1964).
OptimiserConfig best_momentum(double k) {
  const double root = std::sqrt(k), q = (root - 1) / (root + 1);
  OptimiserConfig c = rule_of("sgd", 2 / ((1 + root) * (1 + root)));
  c.momentum = q * q;
  return c;
}

// ----------------------------------------------------------------------------
// networks

// [network]
// The mean squared miss of `width` tanh units on the exclusive or.
Objective exclusive_or(int64_t width) {
  return [width](const Tensor& p) {
    const Tensor x{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    const Tensor target{-1, 1, 1, -1};
    const Tensor w = reshape(slice(p, {{0, 2 * width}}), {2, width});
    const Tensor b = slice(p, {{2 * width, 3 * width}});
    const Tensor v = slice(p, {{3 * width, 4 * width}});
    const Tensor hidden = tanh(matmul(x, w) + b);
    const Tensor out = matmul(hidden, v) + row(p, 4 * width);
    return mean(square(out - target));
  };
}
// [end]
}  // namespace

LESSON(page) {
  // One lake or two.
  constexpr int starts = 20;
  const auto start_of = [](int i) { return -2.0 + 0.21 * i; };
  const auto convex = [](const Tensor& x) { return square(x) + exp(x); };
  const auto two = [](const Tensor& x) { return square(square(x) - 1.0); };
  page.bind("starts", starts);
  page.bind("from", start_of(0));
  page.bind("to", start_of(starts - 1));
  Table lakes = {{"function", "ends", "runs that end there"}};
  Plot lake_plot{.id = "lakes", .title = "A convex function and one that is not", .x_label = "x"};
  const struct {
    const char* label;
    Objective f;
  } functions[] = {{"x^2 + e^x", convex}, {"(x^2 - 1)^2", two}};
  for (const auto& [label, f] : functions) {
    std::vector<double> ends;
    for (int i = 0; i < starts; ++i) ends.push_back(number(minimise(f, Tensor(start_of(i))).x));
    std::ranges::sort(ends);
    if (lakes.size() == 1) {
      const double spread = ends.back() - ends.front();
      page.bind("spread_convex", spread < 1e-6 ? std::string("one millionth") : shown(spread));
    }
    std::vector<std::string> places, counts;
    for (size_t i = 0; i < ends.size();) {
      size_t next = i;
      while (next < ends.size() && ends[next] - ends[i] < 1e-3) ++next;
      places.push_back(shown(ends[i]));
      counts.push_back(std::to_string(next - i));
      i = next;
    }
    lakes.push_back({label, text::join(places, " and "), text::join(counts, " and ")});
    Line line{.label = label,
              .x = {},
              .y = {},
              .colour = lake_plot.lines.empty() ? "var(--ink)" : "var(--accent)"};
    for (int i = -32; i <= 30; ++i) {
      line.x.push_back(i / 20.0);
      line.y.push_back(number(f(Tensor(i / 20.0))));
    }
    lake_plot.lines.push_back(line);
  }
  page.table("lakes", lakes);
  page.picture("lakes", lake_plot);

  // The pass.
  const double rate = page.set("rate", 0.2), small = 1e-3, push = 0.01;
  OptimiserConfig momentum = rule_of("momentum", rate);
  momentum.momentum = 0.5;
  Escape plain = escape(rule_of("sgd", rate), small, 0);
  Escape rolling = escape(momentum, small, 0);
  Escape pushed = escape(rule_of("sgd", rate), small, push);
  page.bind("rate", rate);
  page.bind("start", "(1, " + shown(tiny) + ")");
  page.bind("small", small);
  page.bind("tiny", tiny);
  page.bind("push", push);
  page.bind("growth", 1 + 2 * rate);
  page.bind("stalled", plain.stalled);
  page.bind("escaped", plain.escaped);
  page.bind("pushed", static_cast<int64_t>(std::ceil(std::log(1 / push) / std::log(1 + 2 * rate))));
  page.table(
      "escape",
      {{"method", "slope below " + shown(small), "gone at step"},
       {"descent", std::to_string(plain.stalled), std::to_string(plain.escaped)},
       {"momentum 0.5",
        rolling.stalled < 0 ? std::string("never") : std::to_string(rolling.stalled),
        std::to_string(rolling.escaped)},
       {"descent with a push", std::to_string(pushed.stalled), std::to_string(pushed.escaped)}});
  plain.slope.label = "descent";
  rolling.slope.label = "momentum";
  rolling.slope.colour = "var(--muted)";
  pushed.slope.label = "push";
  pushed.slope.colour = "var(--accent)";
  page.picture("escape", Plot{.id = "escape",
                              .title = "Length of the slope near a saddle, by step",
                              .x_label = "step",
                              .lines = {plain.slope, rolling.slope, pushed.slope},
                              .rules = {{"small", small}},
                              .log = true});
  // [kinds]
  const auto kind_of = [](const VectorFunction& f) {
    const Tensor origin{0, 0};
    return classify_critical(f, origin);
  };
  // [end]
  Table kinds = {{"function", "eigenvalues", "the point is"}};
  const struct {
    const char* label;
    VectorFunction f;
  } points[] = {
      {"-x^2 - y^2", [](const Tensor& p) { return -sum(square(p)); }},
      {"x^2 - y^2", pass},
      {"x^2 + y^2", [](const Tensor& p) { return sum(square(p)); }},
      {"x^2 + y^4", [](const Tensor& p) { return square(row(p, 0)) + square(square(row(p, 1))); }}};
  for (const auto& [label, f] : points) {
    const CriticalPoint point = kind_of(f);
    std::vector<std::string> values;
    for (const double e : point.eigenvalues) values.push_back(shown(e));
    kinds.push_back({label, text::join(values, ", "), word_of(point.kind)});
  }
  page.table("kinds", kinds);

  // Random symmetric matrices.
  constexpr int draws = 1000, n_index = 10;
  RandomState state(5);
  const auto index_of = [&](int64_t n) {
    const Tensor a = from_vector(state.randn(n * n), {n, n});
    int64_t negative = 0;
    for (const double e : numbers(eigvalsh(a + transpose(a)))) negative += e < 0;
    return negative;
  };
  page.bind("draws", draws);
  Table share = {{"rows", "all eigenvalues positive"}};
  for (const int64_t n : {1, 2, 3, 4, 5}) {
    int bowls = 0;
    for (int i = 0; i < draws; ++i) bowls += index_of(n) == 0;
    share.push_back({std::to_string(n), shown(100.0 * bowls / draws, 1) + " percent"});
  }
  page.table("share", share);
  std::vector<double> histogram(n_index + 1);
  for (int i = 0; i < draws; ++i) histogram[static_cast<size_t>(index_of(n_index))] += 1;
  Line index{.label = "", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 0; i <= n_index; ++i) {
    index.x.push_back(i);
    index.y.push_back(histogram[static_cast<size_t>(i)] / draws);
  }
  page.bind("n_index", n_index);
  page.picture("index", Plot{.id = "index",
                             .title = "Share of random symmetric matrices by index",
                             .x_label = "negative eigenvalues of 10",
                             .lines = {index},
                             .percent = true,
                             .dots = true});

  // Difficulty.
  const double adam_rate = page.set("adam_rate", 0.1);
  page.bind("race_start", Tensor{1, 1});
  page.bind("goal", goal);
  page.bind("adam_rate", adam_rate);
  Table difficulty = {{"k", "descent", "momentum", "Adam", "Newton"}};
  const char* names[] = {"descent", "momentum", "Adam", "Newton"};
  Plot growth{.id = "difficulty",
              .title = "Steps to the goal by k",
              .x_label = "zeros of k",
              .log = true,
              .dots = true};
  for (size_t i = 0; i < 4; ++i)
    growth.lines.push_back({.label = names[i], .x = {}, .y = {}, .colour = ramp_colour(i + 1, 5)});
  std::vector<std::vector<double>> steps;
  for (const double k : {1.0, 10.0, 100.0, 1000.0}) {
    const auto valley = [k](const Tensor& p) { return sum(Tensor{1, k} * square(p)); };
    const int64_t all[] = {steps_to_goal(k, rule_of("sgd", best_rate(2, 2 * k))),
                           steps_to_goal(k, best_momentum(k)),
                           steps_to_goal(k, rule_of("adam", adam_rate)),
                           minimise(valley, Tensor{1, 1}, {.method = "newton"}).iterations};
    std::vector<std::string> cells = {shown(k)};
    steps.emplace_back();
    for (size_t i = 0; i < 4; ++i) {
      cells.push_back(std::to_string(all[i]));
      growth.lines[i].x.push_back(std::log10(k));
      growth.lines[i].y.push_back(static_cast<double>(all[i]));
      steps.back().push_back(static_cast<double>(all[i]));
    }
    difficulty.push_back(cells);
  }
  page.table("difficulty", difficulty);
  page.picture("difficulty", growth);
  page.bind("k_low", 100);
  page.bind("k_high", 1000);
  page.bind("descent_ratio", steps[3][0] / steps[2][0], 1);
  page.bind("momentum_ratio", steps[3][1] / steps[2][1], 1);
  page.bind("root", std::sqrt(10.0), 1);
  page.bind("newton", static_cast<int64_t>(steps[3][3]));

  // Minima of narrow and wide networks.
  constexpr int seeds = 50;
  page.bind("seeds", seeds);
  Table widths = {{"hidden units", "runs below 0.001", "lowest loss", "highest loss"}};
  Tensor solutions[2];
  for (const int64_t width : {2, 16}) {
    const Objective loss = exclusive_or(width);
    std::vector<double> ends;
    int solved = 0;
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      RandomState own(seed);
      const Minimum end = minimise(loss, from_vector(own.randn(4 * width + 1), {4 * width + 1}),
                                   {.tolerance = 1e-6, .iterations = 200});
      ends.push_back(end.value);
      solved += end.value < 1e-3;
      if (width == 16 && seed < 2) solutions[seed] = end.x;
    }
    if (width == 2) page.bind("stuck", seeds - solved);
    const auto word = [](double v) { return v < 1e-3 ? std::string("below 0.001") : shown(v, 3); };
    widths.push_back({std::to_string(width),
                      std::to_string(solved) + " of " + std::to_string(seeds),
                      word(std::ranges::min(ends)), word(std::ranges::max(ends))});
  }
  page.table("widths", widths);
  // [barrier]
  const Objective f = exclusive_or(16);
  const Function wide = [&](std::span<const Tensor> p) { return f(p[0]); };
  const Tensor a[] = {solutions[0]}, b[] = {solutions[1]};
  const Barrier between = barrier_between(wide, a, b, 41);
  // [end]
  page.bind("barrier", between.height, 2);
  page.picture("barrier", Plot{.id = "barrier",
                               .title = "Loss on the straight way between two solutions",
                               .x_label = "share of the way",
                               .lines = {{.label = "",
                                          .x = between.path.t,
                                          .y = between.path.loss,
                                          .colour = "var(--accent)"}},
                               .from_zero = true});

  // Exercises.
  page.exercise(Predict{
      .name = "leave-the-saddle",
      .answer = 20,
      .wrong = {{1000000, "growth taken for steps of one length",
                 "The steps grow with y. It is multiplied, not added to."},
                {35, "slope of the square halved",
                 "The slope of y^2 is 2y, so a step adds all of y to y."},
                {14, "factor e", "A step multiplies by 2, not by 2.718."},
                {6, "factor ten", "Six powers of ten, but a step multiplies by 2 only."},
                {19, "one step short", "Two to the 19th is 524288: not yet a million."},
                {10, "slope taken for the factor",
                 "A step multiplies by one plus rate times 2, not by 4."},
                {42, "other rate", "That is the answer for the rate 0.2. Here the rate is 0.5."}}});
  page.exercise(Choose{
      .name = "why-it-stands",
      .answer = "saddle",
      .choices = {{"saddle", "a saddle: it will go on down, sooner with a push", "", ""},
                  {"minimum", "a minimum: training is done", "small slope taken for a minimum",
                   "A minimum bends up in every direction. One eigenvalue here "
                   "is negative."},
                  {"maximum", "a maximum: the sign of the loss is wrong",
                   "any negative eigenvalue taken for a maximum",
                   "A maximum bends down in every direction. The largest "
                   "eigenvalue here is positive."},
                  {"fast", "the rate is too large and it swings", "limit not computed",
                   "Two over the largest eigenvalue is 0.4, and the rate is "
                   "below. A run that swings has a "
                   "long slope, too."},
                  {"plateau", "a plateau: all curvatures are near zero", "curvature not read",
                   "The eigenvalues run from -0.3 to 5. That is not flat."},
                  {"unknown", "it cannot be told: the test is inconclusive",
                   "mixed signs taken for no answer",
                   "The test has no answer where an eigenvalue is zero beside "
                   "one sign. Mixed signs are an "
                   "answer."},
                  {"local", "a bad local minimum: start from another seed",
                   "every standstill taken for a local minimum",
                   "There is a direction that leads down from here, and the "
                   "Hessian names it."}}});
  std::vector<Fill<Count>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Count>{.name = "hessian-and-difficulty",
                            .solution = hessian_and_difficulty,
                            .check = check_count,
                            .wrong = wrong});
}
