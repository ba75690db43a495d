// Means and how far to trust them, variances and what they are divided by, numbers that move
// together.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
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
using OnePass = double(const Numbers&);

// [solution variance-in-one-pass]
// sum (x - mean)^2 / (n - 1) of two or more numbers, each looked at once and
// not kept.
double variance_in_one_pass(const std::vector<double>& x) {
  double n = 0, mean = 0, squares = 0;
  for (const double v : x) {
    n += 1;
    // [hole mean = v; squares = 0;]
    const double before = v - mean;
    mean += before / n;
    squares += before * (v - mean);
    // [end hole]
  }
  return squares / (n - 1);
}
// [end]

double textbook_variance(const Numbers& x) {
  double n = 0, sum = 0, sum_of_squares = 0;
  for (const double v : x) {
    n += 1;
    sum += v;
    sum_of_squares += v * v;
  }
  return (sum_of_squares - sum * sum / n) / (n - 1);
}

struct Mistake {
  const char *misconception, *says;
  OnePass* function;
};

const Mistake mistakes[] = {
    {"divided by n",
     "This is the mean square of the distances, divided by n. The task divides by n - 1.",
     [](const Numbers& x) {
       const double n = static_cast<double>(x.size());
       return variance_in_one_pass(x) * (n - 1) / n;
     }},
    {"squares minus square of the sum",
     "Right on paper. For numbers near 10^9 both terms have 19 digits, a double has 16, and their "
     "difference is noise. Add up distances from the mean so far instead.",
     textbook_variance},
    {"old mean twice",
     "You squared the distance from the mean before the update. One of the two factors must use "
     "the mean after it.",
     [](const Numbers& x) {
       double n = 0, mean = 0, squares = 0;
       for (const double v : x) {
         n += 1;
         const double before = v - mean;
         mean += before / n;
         squares += before * before;
       }
       return squares / (n - 1);
     }},
    {"new mean twice",
     "You squared the distance from the mean after the update. One of the two factors must use the "
     "mean before it.",
     [](const Numbers& x) {
       double n = 0, mean = 0, squares = 0;
       for (const double v : x) {
         n += 1;
         mean += (v - mean) / n;
         squares += (v - mean) * (v - mean);
       }
       return squares / (n - 1);
     }},
    {"sum of squares, not divided", "This grows with every number. Divide by n - 1 at the end.",
     [](const Numbers& x) {
       return variance_in_one_pass(x) * (static_cast<double>(x.size()) - 1);
     }},
    {"root taken", "This is the standard deviation. The variance is its square.",
     [](const Numbers& x) { return std::sqrt(variance_in_one_pass(x)); }},
    {"mean moved the whole way",
     "Your mean jumps to each new number. It should move there by one n-th of the way.",
     [](const Numbers& x) {
       double n = 0, mean = 0, squares = 0;
       for (const double v : x) {
         n += 1;
         squares += (v - mean) * (v - mean);
         mean = v;
       }
       return squares / (n - 1);
     }},
    {"distance from zero",
     "You added up the squares of the numbers themselves. A variance does not change if all "
     "numbers move together.",
     [](const Numbers& x) {
       double squares = 0;
       for (const double v : x) squares += v * v;
       return squares / (static_cast<double>(x.size()) - 1);
     }},
};

Verdict check_one_pass(OnePass* answer) {
  const Numbers cases[] = {
      {2, 4, 4, 4, 5, 5, 7, 9}, {1, 2, 3, 4, 5}, {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}};
  for (const Numbers& x : cases) {
    const double want = variance_in_one_pass(x), got = answer(x);
    const auto near = [&](double a) { return std::abs(got - a) <= 1e-6 * std::abs(a); };
    if (near(want)) continue;
    std::vector<std::string> parts;
    for (const double v : x) parts.push_back(v > 1e8 ? "10^9 + " + shown(v - 1e9) : shown(v));
    Verdict v{.where = "x = (" + text::join(parts, ", ") + ")",
              .yours = shown(got),
              .expected = shown(want)};
    for (const Mistake& m : mistakes) {
      if (!near(m.function(x))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

std::vector<std::string> cells(std::string name, std::initializer_list<double> values,
                               int decimals = 4) {
  std::vector<std::string> row{std::move(name)};
  for (const double v : values) row.push_back(shown(v, decimals));
  return row;
}
}  // namespace

LESSON(page) {
  // One die, two dice.
  using Outcome = SampleSpace::Outcome;
  // [die]
  const SampleSpace die = SampleSpace::dice(1), two = SampleSpace::dice(2);
  const auto face = [](const Outcome& o) { return double(o[0]); };
  const auto both = [](const Outcome& o) { return double(o[0] + o[1]); };
  const double middle = die.expectation(face), spread = die.variance(face);
  // [end]
  const auto turned = [](const Outcome& o) { return 2.0 * static_cast<double>(o[0]) + 3; };
  const auto square_of = [](const Outcome& o) { return static_cast<double>(o[0] * o[0]); };
  const auto opposite = [](const Outcome& o) { return static_cast<double>(o[0] + (7 - o[0])); };
  page.bind("die_mean", middle);
  page.bind("die_variance", spread);
  page.bind("die_sd", std::sqrt(spread));
  page.bind("two_mean", two.expectation(both));
  page.bind("two_variance", two.variance(both));
  page.bind("turned_mean", die.expectation(turned));
  page.bind("turned_variance", die.variance(turned));
  page.bind("square_mean", die.expectation(square_of));
  page.bind("mean_square", middle * middle);
  page.bind("opposite_mean", die.expectation(opposite));
  const double constant_sum = die.variance(opposite);
  page.bind("opposite_variance", constant_sum < 1e-15 ? 0.0 : constant_sum);

  // Throws.
  const double seed = page.set("seed", 5.0);
  const Key key = key_from_seed(seed >= 0 && seed < 1e9 ? static_cast<std::uint64_t>(seed) : 0);
  const auto throws = [&](const Shape& shape) {
    return cast(random_integers(key_tensor(key), 6, shape), DType::f64) + 1.0;
  };
  Table trials{{"throws", "mean", "error bar", "in truth off by"}};
  for (const int64_t n : {10, 100, 1000, 10000, 100000}) {
    // [error]
    const std::vector<double> x = numbers(throws({n}));
    const double estimate = mean(x);
    const double error = std::sqrt(variance(x, 1) / double(n));
    // [end]
    trials.push_back(
        {text::grouped(n), shown(estimate), shown(2 * error, 3), shown(estimate - middle, 3)});
  }
  page.table("trials", trials);
  page.bind("seed", seed);
  const Tensor many = throws({1000, 100});
  const Tensor means = mean(many, {.axis = 1});
  const Tensor bars = 2.0 * std_dev(many, {.axis = 1}, 1) / 10.0;
  const double covered = number(mean(cast(less_equal(abs(means - middle), bars), DType::f64)));
  page.bind("repeats", int64_t{1000});
  page.bind("each", 100);
  page.bind("covered", covered, 3);
  Line walk{.label = "mean so far", .x = {}, .y = {}};
  Line low{.label = "", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line high{.label = "two errors", .x = {}, .y = {}, .colour = "var(--accent)"};
  RunningMoments so_far;
  const std::vector<double> first = numbers(throws({600}));
  for (size_t i = 0; i < first.size(); ++i) {
    so_far.add(first[i]);
    if (i < 4) continue;
    const double n = static_cast<double>(i + 1), bar = 2 * std::sqrt(spread / n);
    walk.x.push_back(n);
    walk.y.push_back(so_far.mean());
    low.x.push_back(n);
    low.y.push_back(middle - bar);
    high.x.push_back(n);
    high.y.push_back(middle + bar);
  }
  page.picture("walk", Plot{.id = "walk",
                            .title = "The mean of the first n throws, and the band in which it "
                                     "should lie 19 times in 20",
                            .x_label = "throws",
                            .lines = {low, high, walk}});

  // What to divide by.
  // [ddof]
  const Tensor five{1, 2, 3, 4, 5};
  const double own = number(var(five, {}, 0));       // divided by n
  const double estimate = number(var(five, {}, 1));  // divided by n - 1
  // [end]
  const std::vector<double> far{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
  page.bind("own", own);
  page.bind("estimate", estimate);
  const auto of_pair = [](int64_t ddof) {
    return [=](const Outcome& o) {
      const double pair[] = {static_cast<double>(o[0]), static_cast<double>(o[1])};
      return variance(pair, ddof);
    };
  };
  page.bind("pairs", static_cast<int64_t>(two.outcomes.size()));
  page.bind("by_n", two.expectation(of_pair(0)));
  page.bind("by_n_minus_1", two.expectation(of_pair(1)));
  page.bind("far_true", variance(far, 1));
  page.bind("far_textbook", textbook_variance(far));
  page.bind("billion", text::grouped(1000000000));

  // Together.
  // [together]
  const std::vector<double> x{1, 2, 3, 4, 5}, y{2, 4, 5, 4, 5};
  const double joint = covariance(x, y, 1);
  const double r = correlation(x, y);
  const Tensor table = stack({from_vector(x), from_vector(y)}, 1);
  const Tensor C = covariance_matrix(table);
  const Tensor eigenvalues = eigvalsh(C);
  // [end]
  Table products{{"x", "y", "x from its mean", "y from its mean", "product"}};
  double total = 0;
  for (size_t i = 0; i < 5; ++i) {
    const double dx = x[i] - mean(x), dy = y[i] - mean(y);
    total += dx * dy;
    products.push_back(cells(shown(x[i]), {y[i], dx, dy, dx * dy}));
  }
  page.table("products", products);
  const std::vector<double> c = numbers(C);
  page.bind("mean_x", mean(x));
  page.bind("mean_y", mean(y));
  page.bind("total", total);
  page.bind("joint", joint);
  page.bind("r", r, 6);
  page.bind("sd_x", std::sqrt(c[0]));
  page.bind("sd_y", std::sqrt(c[3]));
  page.bind("c11", c[0]);
  page.bind("c12", c[1]);
  page.bind("c21", c[2]);
  page.bind("c22", c[3]);
  page.bind("grams", correlation(std::vector<double>{1000, 2000, 3000, 4000, 5000}, y), 6);
  std::vector<double> sums;
  for (size_t i = 0; i < 5; ++i) sums.push_back(x[i] + y[i]);
  page.bind("var_sum", variance(sums, 1));
  const std::vector<double> steps{-2, -1, 0, 1, 2}, squares{4, 1, 0, 1, 4};
  page.bind("bent", correlation(steps, squares));
  page.bind("constant", text::number(correlation(x, std::vector<double>(5, 2.0))));
  page.bind("eigen_small", number(element(eigenvalues, {0})));
  page.bind("eigen_large", number(element(eigenvalues, {1})));
  Line points{.label = "", .x = x, .y = y};
  Line straight{.label = "y by x", .x = {1, 5}, .y = {}, .colour = "var(--accent)"};
  for (const double at : straight.x) straight.y.push_back(mean(y) + joint / c[0] * (at - mean(x)));
  page.picture("points", Plot{.id = "points",
                              .title = "Five points, the mean of y, and the line of slope "
                                       "covariance over variance",
                              .x_label = "x",
                              .lines = {points, straight},
                              .rules = {{"mean", mean(y)}},
                              .dots = true});
  page.bind("slope", joint / c[0]);

  // In one pass.
  // [stream]
  RunningCovariance morning(2), evening(2);
  for (size_t i = 0; i < 2; ++i) morning.add(std::vector{x[i], y[i]});
  for (size_t i = 2; i < 5; ++i) evening.add(std::vector{x[i], y[i]});
  morning.merge(evening);
  const Tensor merged = morning.covariance(1);
  // [end]
  page.output("merged", to_string(merged));

  page.exercise(Predict{
      .name = "variance-of-a-difference",
      .answer = 13,
      .wrong = {
          {37, "sign of the covariance",
           "The weights are 2 and -1, so their product is negative: numbers that move together "
           "cancel in a difference."},
          {25, "covariance forgotten", "That would be right if the covariance were 0."},
          {5, "weight not squared",
           "A variance is a mean of squares: doubling X makes it 4 times."},
          {19, "covariance counted once",
           "The mixed term comes twice: 2 times 2 times -1 times 3."},
          {22, "weights of the covariance forgotten",
           "The mixed term carries both weights and a 2."},
          {-5, "variances subtracted",
           "A negative variance cannot be. The weight -1 is squared: the variance of Y is added."},
          {7, "variances subtracted, covariance forgotten",
           "Noise does not cancel in a difference of independent numbers: their variances add."}}});
  page.exercise(Choose{
      .name = "always-true",
      .answer = "sum",
      .choices = {
          {"sum", "The mean of X + Y is the mean of X plus the mean of Y.", "", ""},
          {"product", "The mean of X Y is the product of the means.", "product of means",
           "For X = Y, a die, compare 15.1667 with 3.5 times 3.5. It needs a covariance of 0."},
          {"variances", "The variance of X + Y is the sum of the variances.",
           "variances always add", "For X = Y the sum is 2 X, with 4 times the variance."},
          {"square", "The mean of the square is the square of the mean.",
           "mean passed through a function", "The difference of the two is the variance."},
          {"inverse", "The mean of 1 / X is 1 over the mean of X.", "mean through a quotient",
           "A fair choice of 1 and 3: the mean of the inverses is 0.6667, not 0.5."},
          {"possible", "The mean is a value that can occur.", "mean taken for a typical value",
           "No die shows 3.5."},
          {"uncorrelated", "If the correlation is 0, X and Y are independent.",
           "zero correlation taken for independence",
           "Correlation sees straight lines only. Take Y = X^2 with X symmetric around 0."}}});
  page.exercise(Predict{
      .name = "correlation-by-hand",
      .answer = 0.5,
      .wrong = {
          {1, "covariance", "This is the covariance. Divide by both standard deviations."},
          {2.0 / 3, "covariance divided by n",
           "This is the covariance with n. Divide by both standard deviations."},
          {0.25, "divided by the variances",
           "Divide by the standard deviations, not by the variances: the units must cancel."},
          {0.75, "n - 1 above, n below", "Use n - 1 in all three places, or n in all three."},
          {1.0 / 3, "n above, n - 1 below",
           "The covariance is divided by n, the deviations by n - 1. Take one of the two for all "
           "three."},
          {2, "sum of the products", "This is not divided by anything yet."},
          {-0.5, "sign",
           "The smallest x stands beside the smallest y: both distances are negative, and their "
           "product is not."}}});
  std::vector<Fill<OnePass>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<OnePass>{.name = "variance-in-one-pass",
                              .solution = variance_in_one_pass,
                              .check = check_one_pass,
                              .wrong = wrong});
}
