// Gradient descent on bowls: the factor of each direction, the limit of the
// rate, a rate from curvature, and a run that was said to have converged.
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <array>
#include <cmath>
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

Tensor rosenbrock(const Tensor& p) {
  const Tensor x = row(p, 0), y = row(p, 1);
  return 100.0 * square(y - square(x)) + square(1.0 - x);
}

// ----------------------------------------------------------------------------
// exercises

using Pace = double(double, std::span<const double>);

// [solution pace-of-descent]
// [include <algorithm>]
// The factor by which a step of gradient descent multiplies the error in the
// long run, when the surface bends by these curvatures.
double pace_of_descent(double rate, std::span<const double> curvatures) {
  // [hole (void)rate; (void)curvatures; return 0;]
  double slowest = 0;
  for (const double h : curvatures) slowest = std::max(slowest, std::fabs(1 - rate * h));
  return slowest;
  // [end hole]
}
// [end]

struct Mistake {
  const char *misconception, *says;
  Pace* function;
};

const Mistake mistakes[] = {
    {"sign of the factor kept",
     "A factor of -0.9 shrinks as slowly as 0.9, and -1.1 grows. Compare "
     "sizes.",
     [](double rate, std::span<const double> hs) {
       double worst = -1e300;
       for (const double h : hs) worst = std::max(worst, 1 - rate * h);
       return worst;
     }},
    {"fastest direction",
     "This is the direction that is done first. You wait for the one that is "
     "done last.",
     [](double rate, std::span<const double> hs) {
       double best = 1e300;
       for (const double h : hs) best = std::min(best, std::fabs(1 - rate * h));
       return best;
     }},
    {"only the sharpest direction",
     "The largest curvature limits the rate. It need not be the slowest at "
     "this rate.",
     [](double rate, std::span<const double> hs) {
       return std::fabs(1 - rate * std::ranges::max(hs));
     }},
    {"only the flattest direction",
     "The smallest curvature is slow, but at a high rate the sharpest one "
     "swings.",
     [](double rate, std::span<const double> hs) {
       return std::fabs(1 - rate * std::ranges::min(hs));
     }},
    {"factors averaged", "Directions do not share their progress. The slowest one is left over.",
     [](double rate, std::span<const double> hs) {
       double sum = 0;
       for (const double h : hs) sum += std::fabs(1 - rate * h);
       return sum / static_cast<double>(hs.size());
     }},
    {"factors multiplied", "Each direction has its own error; their factors never meet.",
     [](double rate, std::span<const double> hs) {
       double product = 1;
       for (const double h : hs) product *= std::fabs(1 - rate * h);
       return product;
     }},
    {"best rate used", "This is the factor of the best rate. The question gives you a rate.",
     [](double, std::span<const double> hs) {
       const double low = std::ranges::min(hs), high = std::ranges::max(hs);
       return (high - low) / (high + low);
     }},
    {"what is taken, not what is left",
     "Rate times curvature is the share that a step takes away. How much is "
     "left?",
     [](double rate, std::span<const double> hs) { return rate * std::ranges::max(hs); }},
};

struct PaceCase {
  double rate;
  std::array<double, 3> curvatures;
};
constexpr PaceCase pace_cases[] = {
    {0.1, {2, 8, 5}}, {0.24, {2, 8, 4}}, {0.26, {8, 4, 2}}, {0.05, {1, 3, 10}}, {0.6, {2, 4, 3}}};

Verdict check_pace(Pace* f) {
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-9; };
  for (const PaceCase& c : pace_cases) {
    const double want = pace_of_descent(c.rate, c.curvatures), got = f(c.rate, c.curvatures);
    if (near(got, want)) continue;
    Verdict v{.where = "rate " + shown(c.rate) + ", curvatures " + shown(c.curvatures[0]) + ", " +
                       shown(c.curvatures[1]) + ", " + shown(c.curvatures[2]),
              .yours = shown(got),
              .expected = shown(want)};
    for (const Mistake& m : mistakes)
      if (std::ranges::all_of(pace_cases, [&](const PaceCase& other) {
            return near(f(other.rate, other.curvatures), m.function(other.rate, other.curvatures));
          })) {
        v.misconception = m.misconception;
        v.says = m.says;
        break;
      }
    return v;
  }
  return Verdict::passed();
}

double coordinate(const Tensor& path, int64_t step, int64_t axis) {
  return number(element(path, {step, axis}));
}
}  // namespace

LESSON(page) {
  const Tensor start = page.set("start", Tensor{3, 3});
  const double rate = page.set("rate", 0.1);
  // The words of the page have y as the steep direction.
  const double c = std::clamp(page.set("c", 4.0), 1.01, 1e4);
  const auto steps = static_cast<int64_t>(std::clamp(page.set("steps", 50.0), 1.0, 1000.0));
  // [descent]
  const auto valley = [c](const Tensor& p) {
    const Tensor weights{1, c};
    return sum(weights * square(p));
  };
  OptimiserConfig descent = defaults_for("sgd");
  descent.lr = rate;
  const Tensor path = descend(valley, start, descent, steps);
  // [end]
  const double low = std::min(2.0, 2 * c), high = std::max(2.0, 2 * c);
  const std::vector<double> from = numbers(start);
  page.bind("c", c);
  page.bind("start", start);
  page.bind("rate", rate);
  page.bind("steps", steps);
  page.bind("low", 2.0);
  page.bind("high", 2 * c);
  page.bind("factor_x", 1 - 2 * rate);
  page.bind("factor_y", 1 - 2 * c * rate);
  page.bind("points", path.shape()[0]);
  const double end_x = coordinate(path, steps, 0);
  page.bind("end", "(" + shown(end_x, 5) + ", " + shown(coordinate(path, steps, 1), 2) + ")");
  page.bind("told_x", from[0] * std::pow(1 - 2 * rate, static_cast<double>(steps)), 5);
  page.bind("told_y", from[1] * std::pow(1 - 2 * c * rate, static_cast<double>(steps)), 2);
  const double end_y = coordinate(path, steps, 1);
  const bool hidden = end_y != 0 && std::abs(end_y) < 0.005 && std::abs(end_y) < std::abs(end_x);
  page.bind("two_digits", shown(end_x, 2) + " and " + (hidden ? "0" : shown(end_y, 2)));
  page.bind("two_says",
            hidden ? "That second number is not zero, it is only done long before the first"
                   : "Two digits hide how far along a run is");
  Table table = {{"step", "x", "y", "height", "length of the slope"}};
  for (const int64_t k : {0, 1, 2, 5, 10, 20, 50, 100, 1000}) {
    if (k > steps) break;
    const Tensor p = row(path, k);
    table.push_back({std::to_string(k), shown(coordinate(path, k, 0), 4),
                     shown(coordinate(path, k, 1), 3), shown(number(valley(p)), 3),
                     shown(number(norm(grad(valley)(p))), 3)});
  }
  page.table("descent", table);

  // Every rate.
  // [rates]
  const double limit = stable_rate(high);
  const double best = best_rate(low, high);
  const double curvatures[] = {low, high};
  OptimiserConfig at_best = defaults_for("sgd");
  at_best.lr = best;
  const double best_factor = contraction_factor(at_best, curvatures);
  // [end]
  Line of_x{.label = "x", .x = {}, .y = {}, .colour = "var(--ink)"};
  Line of_y{.label = "y", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 0; i <= 60; ++i) {
    const double r = 1.2 * limit * i / 60;
    of_x.x.push_back(r);
    of_x.y.push_back(std::fabs(1 - 2 * r));
    of_y.x.push_back(r);
    of_y.y.push_back(std::fabs(1 - 2 * c * r));
  }
  page.picture("factors", Plot{.id = "factors",
                               .title = "Size of the factor of a step, by learning rate",
                               .x_label = "rate",
                               .lines = {of_x, of_y},
                               .rules = {{"no progress", 1}},
                               .from_zero = true});
  page.bind("one_hop", 1 / (2 * c));
  page.bind("best", best);
  page.bind("best_factor", best_factor);
  page.bind("limit", limit);
  const double over = 1.04 * limit;
  page.bind("over", over);
  page.bind("over_factor", std::fabs(1 - high * over));
  const Tensor swinging = descend(valley, start, rule_of("sgd", limit), 300);
  page.bind("swing_a", coordinate(swinging, 299, 1));
  page.bind("swing_b", coordinate(swinging, 300, 1));
  Table rates = {{"rate", "factor of x", "factor of y", "pace", "steps to a height of 1e-6"}};
  Plot race{.id = "race",
            .title = "Height after each step for four rates",
            .x_label = "step",
            .log = true};
  constexpr int64_t most = 2000;
  const double shares[] = {0.04, 0.4, 0.8, 0.96, 1, 1.04};
  for (size_t i = 0; i < std::size(shares); ++i) {
    const double r = shares[i] * limit;
    int64_t taken = -1;
    Line line{.label = shown(r), .x = {}, .y = {}, .colour = ramp_colour(i, std::size(shares))};
    trajectory(valley, start, rule_of("sgd", r), most, [&](const Iterate& at) {
      const double height = number(at.value);
      if (at.step <= 60) {
        line.x.push_back(static_cast<double>(at.step));
        line.y.push_back(std::max(height, 1e-8));
      }
      if (taken < 0 && height <= 1e-6) taken = at.step;
      return at.step < most && std::isfinite(height) && (at.step <= 60 || taken < 0);
    });
    const double pace = contraction_factor(rule_of("sgd", r), curvatures);
    rates.push_back({shown(r), shown(1 - 2 * r), shown(1 - 2 * c * r), shown(pace),
                     taken >= 0       ? std::to_string(taken)
                     : shares[i] > 1  ? "never: it grows"
                     : shares[i] == 1 ? "never: it swings"
                                      : "more than " + std::to_string(most)});
    if (i != 1 && i != 4) race.lines.push_back(line);
  }
  page.table("rates", rates);
  page.picture("race", race);

  // A rate from curvature.
  // [curvature]
  const Tensor bottom{1, 1};
  const CurvatureEstimate sharpest = largest_curvature(rosenbrock, bottom);
  const double rosenbrock_limit = stable_rate(sharpest.largest);
  // [end]
  page.bind("products", sharpest.products);
  page.bind("curvature", sharpest.largest, 2);
  page.bind("curvature_limit", rosenbrock_limit, 6);
  const Tensor near{0.98, 0.97};
  page.bind("near", near);
  constexpr int64_t long_run = 1000;
  Table sides = {
      {"rate", "share of the limit", "height at the start", "after 100 steps", "after 1000 steps"}};
  for (const double share : {0.95, 1.05}) {
    const Tensor way =
        descend(rosenbrock, near, rule_of("sgd", share * rosenbrock_limit), long_run);
    sides.push_back({shown(share * rosenbrock_limit, 5), shown(share),
                     shown(number(rosenbrock(near))), shown(number(rosenbrock(row(way, 100))), 2),
                     shown(number(rosenbrock(row(way, long_run))), 2)});
  }
  page.table("rosenbrock", sides);
  const std::vector<double> bends = numbers(eigvalsh(hessian(rosenbrock)(bottom)));
  page.bind("rosenbrock_condition", bends.back() / bends.front(), 0);
  page.bind("rosenbrock_steps", long_run);
  page.bind("floor_left", 100 * std::pow(1 - 0.95 * rosenbrock_limit * bends.front(), long_run), 0);

  // Stopped, but not arrived.
  const auto bowl = [](const Tensor& p) { return sum(Tensor{1, 4} * square(p)); };
  const Tensor corner{3, 3};
  const Tensor slow = descend(bowl, corner, rule_of("adam", 0.01), 1000);
  const Tensor quick = descend(bowl, corner, rule_of("adam", 0.1), 100);
  page.bind("adam_rate", 0.01);
  page.bind("adam_steps", 100);
  page.bind("adam_way", 3);
  page.bind("adam_end", row(slow, 100), 6);
  page.bind("adam_slope", number(norm(grad(bowl)(row(slow, 100)))), 2);
  Table walk = {{"rate", "steps", "x", "y", "length of the slope"}};
  const auto add = [&](const char* word, const Tensor& way, int64_t k, int decimals) {
    const Tensor p = row(way, k);
    walk.push_back({word, std::to_string(k), shown(coordinate(way, k, 0), decimals),
                    shown(coordinate(way, k, 1), decimals), shown(number(norm(grad(bowl)(p))), 3)});
  };
  add("0.01", slow, 1, 6);
  add("0.01", slow, 100, 6);
  add("0.01", slow, 500, 5);
  add("0.01", slow, 1000, 4);
  add("0.1", quick, 100, 6);
  page.table("adam", walk);

  constexpr double kappa = 1000;
  page.bind("kappa_large", kappa);
  page.bind("near_limit", best_rate(1, kappa) / stable_rate(kappa), 3);

  // Exercises.
  page.exercise(
      Predict{.name = "curvature-from-a-log",
              .answer = 5,
              .wrong = {{0.75, "factor taken for curvature",
                         "This is the factor of a step. It is one minus rate times "
                         "curvature."},
                        {0.25, "share taken for curvature",
                         "A quarter is taken away with each step. That share is rate times "
                         "curvature."},
                        {15, "one forgotten",
                         "You divided the factor by the rate. What is one minus the factor?"},
                        {35, "sign turned round",
                         "With this curvature the gradient would change its sign at each "
                         "step, and it does not."},
                        {40, "limit of stability",
                         "At two over the rate the length would stay the same. Here it "
                         "shrinks."},
                        {20, "one step to the bottom",
                         "At one over the rate the first step would arrive. Here three "
                         "quarters are left."},
                        {0.0125, "multiplied by the rate",
                         "A quarter is rate times curvature. Which way does the rate go?"}}});
  page.exercise(Choose{
      .name = "read-the-run",
      .answer = "over",
      .choices = {
          {"over", "the rate is 4 percent above the limit of the second direction", "", ""},
          {"double", "the rate is twice the limit of the second direction", "growth not computed",
           "Then each step would multiply the coordinate by 3 and the loss by "
           "9."},
          {"sign", "the gradient has the wrong sign", "climbing taken for swinging",
           "With a wrong sign the loss rises from the first step, and no "
           "coordinate changes sides."},
          {"slow", "the rate is far too small", "slow taken for unstable",
           "A rate that is too small makes the loss fall slowly. It never "
           "makes it rise."},
          {"local", "it fell into a local minimum", "minimum that explodes",
           "In a minimum the loss stops falling. It does not grow by a "
           "constant factor."},
          {"noise", "the gradients are noisy", "order taken for chance",
           "Noise has no rhythm. Here every step changes the sign and grows by "
           "one factor."},
          {"first", "the rate is above the limit of the first direction", "wrong direction blamed",
           "The coordinate that changes its sign at every step is the second "
           "one."}}});
  std::vector<Fill<Pace>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Pace>{
      .name = "pace-of-descent", .solution = pace_of_descent, .check = check_pace, .wrong = wrong});
}
