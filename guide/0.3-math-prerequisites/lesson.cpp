#include <gradus/base/random.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution log-of-a-product]
// The natural logarithm of the product of all numbers in x.
double log_of_product(std::span<const double> x) {
  double total = 0;
  for (const double value : x) {
    // [hole (void)value;]
    total += std::log(value);
    // [end hole]
  }
  return total;
}
// [end]

double multiplies_first(std::span<const double> x) {
  double product = 1;
  for (const double value : x) product *= value;
  return std::log(product);
}
double log_of_the_sum(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += value;
  return std::log(sum);
}
double adds_without_log(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += value;
  return sum;
}
double multiplies_the_logs(std::span<const double> x) {
  double product = 1;
  for (const double value : x) product *= std::log(value);
  return product;
}
double counts_powers_of_ten(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += std::log10(value);
  return sum;
}
double keeps_only_the_last(std::span<const double> x) {
  double last = 0;
  for (const double value : x) last = std::log(value);
  return last;
}
double multiplies_into_zero(std::span<const double> x) {
  double total = 0;
  for (const double value : x) total *= std::log(value);
  return total;
}
double takes_the_mean(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += std::log(value);
  return sum / static_cast<double>(x.size());
}

Verdict check_log_of_product(double (*f)(std::span<const double>)) {
  const std::array<double, 3> small = {2, 3, 4};
  const std::string where = "x = 2, 3, 4";
  const double want = 3.1781, got = f(small);
  const auto is = [&](double value) { return std::abs(got - value) < 1e-3; };
  const auto wrong = [&](const char* misconception, const char* says) {
    return Verdict{.where = where,
                   .yours = shown(got),
                   .expected = shown(want),
                   .misconception = misconception,
                   .says = says};
  };
  if (is(0))
    return wrong("total stays zero",
                 "The total is 0 at the end as at the start. What does one round of the loop do to "
                 "it?");
  if (is(2.1972))
    return wrong("logarithm of the sum",
                 "You added the numbers and took the logarithm at the end. Adding belongs after "
                 "the logarithm.");
  if (is(9))
    return wrong("logarithm forgotten",
                 "This is the sum of the numbers themselves. What is added here?");
  if (is(1.0557))
    return wrong("logarithms multiplied",
                 "You multiplied the logarithms. The logarithm turns a product into something "
                 "simpler.");
  if (is(1.3802))
    return wrong("base ten",
                 "These are logarithms to base ten. In this guide log means the natural one.");
  if (is(1.3863))
    return wrong("only the last number",
                 "This is the logarithm of the last number. Each round of the loop must add to the "
                 "total, not replace it.");
  if (is(1.0594))
    return wrong("mean instead of sum",
                 "You divided by how many numbers there are. The logarithm of a product is a sum.");
  if (!is(want)) return {.where = where, .yours = shown(got), .expected = shown(want)};

  const std::vector<double> many(400, 0.1);
  const double long_got = f(many), long_want = -921.034;
  if (std::abs(long_got - long_want) < 1e-2) {
    const double empty = f({});
    if (empty == 0) return Verdict::passed();
    return {.where = "no numbers at all", .yours = shown(empty), .expected = "0"};
  }
  Verdict v{
      .where = "400 numbers, each 0.1", .yours = shown(long_got), .expected = shown(long_want)};
  if (std::isinf(long_got)) {
    v.misconception = "product before logarithm";
    v.says =
        "Right for few numbers. The product of many small ones is rounded to 0, and its logarithm "
        "is lost. Take the logarithms first.";
  }
  return v;
}

Line line(std::string label, const Tensor& x, const Tensor& y, std::string colour) {
  return {.label = std::move(label), .x = numbers(x), .y = numbers(y), .colour = std::move(colour)};
}
}  // namespace

LESSON(page) {
  const double a = page.set("a", 1.0), b = page.set("b", 3.0);
  // [slope]
  const auto f = [](const Tensor& x) { return square(x); };
  const auto slope_between = [&](double from, double to) {
    return number((f(to) - f(from)) / (Tensor(to) - from));
  };
  // [end]
  page.bind("a", a);
  page.bind("b", b);
  page.bind("fa", number(f(a)));
  page.bind("fb", number(f(b)));
  page.bind("rise", number(f(b) - f(a)));
  page.bind("run", b - a);
  page.bind("slope", slope_between(a, b));
  Table slopes = {{"first place", "second place", "slope between"}};
  for (const double run : {2.0, 1.0, 0.1, 0.01, 0.001})
    slopes.push_back({shown(a), shown(a + run), shown(slope_between(a, a + run))});
  page.table("slopes", slopes);
  page.bind("limit", number(grad(f)(a)));
  const Tensor grid = linspace(a - 1.5, a + 2.5, 81), ends{a - 0.5, a + 2.25};
  const auto secant = [&](double run) { return f(a) + slope_between(a, a + run) * (ends - a); };
  page.picture("secants", Plot{.id = "secants",
                               .title = "Lines through two points of the curve x squared",
                               .unit = "f(x)",
                               .x_label = "x",
                               .lines = {line("x^2", grid, f(grid), "var(--ink)"),
                                         line("2 apart", ends, secant(2), "var(--r1)"),
                                         line("1 apart", ends, secant(1), "var(--r3)"),
                                         line("0.001 apart", ends, secant(0.001), "var(--r5)")}});

  const Tensor v = page.set("v", Tensor{1, 0, 2});
  // [matrix]
  const Tensor W{{1, 2, 3}, {4, 5, 6}};
  const Tensor y = matmul(W, v);
  // [end]
  page.bind("W", W);
  page.bind("v", v);
  page.bind("y", y);
  page.bind("W-rows", 2);
  page.bind("W-columns", 3);
  page.bind("v1", number(row(v, 0)));
  page.bind("v2", number(row(v, 1)));
  page.bind("v3", number(row(v, 2)));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j)
      page.bind("W" + std::to_string(i + 1) + std::to_string(j + 1), number(element(W, {i, j})));
  page.bind("y1", number(row(y, 0)));
  page.bind("y2", number(row(y, 1)));
  page.bind("W-type", to_string(W.type()));
  page.bind("v-type", to_string(v.type()));
  page.bind("y-type", to_string(y.type()));

  // [sums]
  const Tensor x{3, 1, 4};
  const Tensor total = sum(x), squares = sum(square(x)), product = prod(x);
  const Tensor with_zero{2, 3, 0, 4};
  const auto product_of = [](const Tensor& of) { return prod(of); };
  const Tensor answer = grad(product_of)(with_zero);
  const Tensor shortcut = prod(with_zero) / with_zero;
  // [end]
  page.bind("x", x);
  page.bind("x1", number(row(x, 0)));
  page.bind("x2", number(row(x, 1)));
  page.bind("x3", number(row(x, 2)));
  page.bind("sum", number(total));
  page.bind("squares", number(squares));
  page.bind("square-of-sum", number(square(total)));
  page.bind("prod", number(product));
  page.bind("with-zero", with_zero);
  page.bind("zero-prod", number(prod(with_zero)));
  page.bind("zero-grad", answer);
  page.bind("sum-grad", grad([](const Tensor& of) { return sum(of); })(with_zero));
  page.bind("zero-third", number(row(answer, 2)));
  page.bind("zero-shortcut", shortcut);

  const double p = page.set("p", 2.0), q = page.set("q", 8.0);
  // [logs]
  const Tensor of_product = log(Tensor(p) * q);
  const Tensor sum_of_logs = log(Tensor(p)) + log(Tensor(q));
  const Tensor small = full({400}, 0.1);
  const Tensor lost = prod(small), kept = sum(log(small));
  // [end]
  page.bind("p", p);
  page.bind("q", q);
  page.bind("pq", p * q);
  page.bind("log-p", number(log(Tensor(p))));
  page.bind("log-q", number(log(Tensor(q))));
  page.bind("log-pq", number(of_product));
  page.bind("log-sum", number(sum_of_logs));
  page.bind("e", std::exp(1.0));
  page.bind("many", 400);
  page.bind("tenth", 0.1);
  page.bind("lost", number(lost));
  page.bind("kept", number(kept));
  Table powers = {{"x", "e^x", "log of e^x"}};
  for (const double at : {-2.0, -1.0, 0.0, 1.0, 2.0, 10.0})
    powers.push_back(
        {shown(at), shown(number(exp(Tensor(at)))), shown(number(log(exp(Tensor(at)))))});
  page.table("powers", powers);

  // [die]
  const Tensor faces{1, 2, 3, 4, 5, 6};
  const Tensor chance = full({6}, 1.0 / 6);
  const Tensor expected = sum(chance * faces);
  const Tensor spread = sum(chance * square(faces - expected));

  std::vector<int64_t> thrown(1000);
  fill_integers(key_from_seed(1), 0, 6, thrown);
  const Tensor throws = 1.0 + cast(from_vector(thrown), DType::f64);
  const Tensor running = cumsum(throws) / arange(1, 1001);
  // [end]
  page.bind("die-chance", 1.0 / 6);
  page.bind("die-mean", number(expected));
  page.bind("die-variance", number(spread));
  page.bind("die-std", std::sqrt(number(spread)));
  page.bind("die-sides", 6);
  page.bind("favourable", 4);
  page.bind("even-or-five", 4.0 / 6);
  page.bind("die-throws", 1000);
  page.bind("mean-ten", number(row(running, 9)));
  page.bind("mean-hundred", number(row(running, 99)));
  page.bind("mean-thousand", number(row(running, 999)));
  page.picture("die", Plot{.id = "die",
                           .title = "The mean of all throws of a die so far",
                           .unit = "mean",
                           .x_label = "throws",
                           .lines = {line("mean so far", arange(1, 1001), running, "var(--r4)")},
                           .rules = {{"expected", number(expected)}},
                           .y_low = 1,
                           .y_high = 6});

  page.exercise(Predict{
      .name = "slope-between",
      .answer = 5,
      .wrong = {
          {15, "run forgotten",
           "This is the rise. A slope is the rise for each step to the right."},
          {0.2, "run over rise",
           "You divided the run by the rise. Steep must give a large number."},
          {4, "one factor counted as slope",
           "You divided one by the other. A slope compares differences."},
          {8, "slope at the end",
           "This is the slope of the curve at 4. The question is about the line between two "
           "points."},
          {2, "slope at the start",
           "This is the slope of the curve at 1. The question is about the line between two "
           "points."},
          {3, "rise forgotten",
           "This is the run, 4 minus 1. How much does the function rise there?"},
          {3.4, "sums instead of differences",
           "You added where a slope takes differences, above and below."},
      }});

  page.exercise(Predict{
      .name = "sum-notation",
      .answer = 16,
      .wrong = {
          {7, "last term only",
           "This is the term for i = 4. The sign says: add the terms of all i."},
          {19, "constant counted once",
           "You took away 1 once. The brackets belong to each of the terms."},
          {20, "constant dropped", "This is the sum of 2i. Each term is smaller by 1."},
          {9, "one term short", "You stopped before 4. The number on top is included."},
          {15, "started at zero", "You began with i = 0. The number below the sign says where."},
          {105, "product instead of sum",
           "You multiplied the terms. This sign asks for a sum; the other one is a large pi."},
      }});

  page.exercise(Predict{
      .name = "shape-of-a-product",
      .answer = 10,
      .wrong = {
          {15, "size of the first factor",
           "This is how many numbers the first matrix has. The result has another shape."},
          {6, "size of the second factor",
           "This is how many numbers the second matrix has. The result has another shape."},
          {30, "inner size kept",
           "You kept all three sizes. The size that both share is summed over and disappears."},
          {9, "outer sizes dropped", "You kept the inner sizes. They are the ones that disappear."},
          {90, "counts multiplied",
           "You multiplied the counts of both. Write the two shapes side "
           "by side and look which sizes remain."},
          {7, "sizes added", "The right sizes, but a table of 5 rows and 2 columns holds more."},
      }});

  page.exercise(Predict{
      .name = "expected-win",
      .answer = 1.2,
      .wrong = {
          {4.5, "chances ignored",
           "This is the middle between the two amounts. Each must count as often as it happens."},
          {2, "loss left out", "This is the win alone. In the other cases something is lost."},
          {2.8, "sign lost", "You added the loss. It is a negative amount."},
          {9, "amounts added", "You added the amounts. Each must first be weighed by its chance."},
          {10, "the best case", "This is the best case. The mean looks at all cases."},
          {-1, "the likeliest case",
           "This is what happens most often. The mean looks at all cases."},
          {7.8, "chances swapped",
           "You gave the win the larger chance. Which of the two happens 80 times in 100?"},
      }});

  page.exercise(Fill<double(std::span<const double>)>{
      .name = "log-of-a-product",
      .solution = log_of_product,
      .check = check_log_of_product,
      .wrong = {{"product before logarithm", multiplies_first},
                {"logarithm of the sum", log_of_the_sum},
                {"logarithm forgotten", adds_without_log},
                {"logarithms multiplied", multiplies_the_logs},
                {"base ten", counts_powers_of_ten},
                {"only the last number", keeps_only_the_last},
                {"total stays zero", multiplies_into_zero},
                {"mean instead of sum", takes_the_mean}}});
}
