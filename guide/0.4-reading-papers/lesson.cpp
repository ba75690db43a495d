#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution cross-entropy-by-hand]
// The cross-entropy of q under p, in nats. A class with p = 0 contributes nothing.
double cross_entropy_of(std::span<const double> p, std::span<const double> q) {
  double total = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    // [hole (void)q;]
    if (p[i] > 0) total -= p[i] * std::log(q[i]);
    // [end hole]
  }
  return total;
}
// [end]

double forgets_the_minus(std::span<const double> p, std::span<const double> q) {
  return -cross_entropy_of(p, q);
}
double counts_in_bits(std::span<const double> p, std::span<const double> q) {
  return cross_entropy_of(p, q) / std::log(2.0);
}
double reads_p_twice(std::span<const double> p, std::span<const double>) {
  return cross_entropy_of(p, p);
}
double swaps_both(std::span<const double> p, std::span<const double> q) {
  return cross_entropy_of(q, p);
}
double divides_by_the_count(std::span<const double> p, std::span<const double> q) {
  return cross_entropy_of(p, q) / static_cast<double>(p.size());
}
double adds_nothing(std::span<const double>, std::span<const double>) {
  return 0;
}
double forgets_the_weight(std::span<const double>, std::span<const double> q) {
  double total = 0;
  for (const double value : q) total -= std::log(value);
  return total;
}
double trusts_zero_times_infinity(std::span<const double> p, std::span<const double> q) {
  double total = 0;
  for (size_t i = 0; i < p.size(); ++i) total -= p[i] * std::log(q[i]);
  return total;
}

Verdict check_cross_entropy(double (*f)(std::span<const double>, std::span<const double>)) {
  const std::array<double, 3> p = {0.5, 0.25, 0.25}, q = {0.2, 0.3, 0.5};
  const double want = 1.2790, got = f(p, q);
  Verdict v{.where = "p = 0.5, 0.25, 0.25 and q = 0.2, 0.3, 0.5",
            .yours = shown(got),
            .expected = shown(want)};
  const auto is = [&](double value) { return std::abs(got - value) < 1e-3; };
  const auto because = [&](const char* misconception, const char* says) {
    v.misconception = misconception;
    v.says = says;
    return v;
  };
  if (is(0))
    return because("total stays zero",
                   "The total is 0 at the end as at the start. What does one class add to it?");
  if (is(-1.2790))
    return because(
        "minus forgotten",
        "The size is right. The logarithm of a probability is never positive, and a cost "
        "is never negative.");
  if (is(1.8452))
    return because("bits instead of nats",
                   "This is the right amount in bits. The formula has the natural logarithm.");
  if (is(1.0397))
    return because("p under the logarithm",
                   "This is the entropy of p. Which of the two did the network say?");
  if (is(1.2477))
    return because("p and q swapped",
                   "You weighed by what the network says. The weight is what is true.");
  if (is(0.4263))
    return because("mean instead of sum",
                   "You divided by the number of classes. The weights p already add up to 1.");
  if (is(3.5066))
    return because("weight forgotten",
                   "Every class counted in full. What stands between the sum and the logarithm?");
  if (!is(want)) return v;

  const std::array<double, 2> sure = {1, 0};
  const double certain = f(sure, sure);
  if (std::abs(certain) < 1e-12) return Verdict::passed();
  v = {.where = "p = 1, 0 and q = 1, 0", .yours = shown(certain), .expected = "0"};
  if (std::isnan(certain))
    return because(
        "zero times infinity",
        "Right until a class has p = 0 and q = 0. Zero times the logarithm of 0 is not a "
        "number for the computer. What should such a class add?");
  return v;
}

// A formula with a line from each part down to what it is.
Drawing anatomy() {
  struct Part {
    const char *text, *mark, *says;
    int column, x;
  };
  const std::vector<Part> parts = {
      {"L", "L", "the loss: one number, small is good", 2, 20},
      {"-", "\u2212", "turns the sign: a cost is positive", 8, 84},
      {"sum_i", "\u03a3", "add what follows for every class i", 11, 126},
      {"p_i", "p\u1d62", "the truth: 1 for the right class, else 0", 18, 186},
      {"log", "log", "0 if sure, far below 0 if unlikely", 23, 236},
      {"q_i", "q\u1d62", "what the network says about class i", 28, 292},
  };
  Drawing d{.alt =
                "The formula of cross-entropy, with a line from each of its six parts to what the "
                "part means."};
  std::string top(34, ' '), bars(34, ' ');
  for (const Part& part : parts) {
    top.replace(static_cast<size_t>(part.column), std::string(part.text).size(), part.text);
    bars[static_cast<size_t>(part.column)] = '|';
  }
  top[5] = '=';
  d.terminal = top + "\n" + bars + "\n";
  d.svg =
      "<svg viewBox=\"0 0 590 210\" role=\"img\" font-size=\"13\" font-family=\"inherit\">"
      "<text x=\"48\" y=\"30\" font-size=\"20\" fill=\"var(--ink)\">=</text>";
  for (size_t k = parts.size(); k-- > 0;) {
    std::string row = bars.substr(0, static_cast<size_t>(parts[k].column));
    d.terminal += row + "+" + std::string(31 - row.size(), '-') + " " + parts[k].says + "\n";
    const int y = 190 - 26 * static_cast<int>(k);
    const std::string x = std::to_string(parts[k].x + 6), level = std::to_string(y - 4);
    d.svg += "<text x=\"" + std::to_string(parts[k].x) + "\" y=\"30\" font-size=\"20\" fill=\"" +
             "var(--ink)\">" + parts[k].mark + "</text><path d=\"M" + x + " 38V" + level +
             "H330\" fill=\"none\" stroke=\"var(--line)\"/><text x=\"336\" y=\"" +
             std::to_string(y) + "\" fill=\"var(--ink)\">" + parts[k].says + "</text>";
  }
  d.svg += "</svg>";
  return d;
}
}  // namespace

LESSON(page) {
  page.picture("anatomy", anatomy());

  const Tensor q = page.set("q", Tensor{0.7, 0.2, 0.1});
  // [cross-entropy]
  const Tensor p{1, 0, 0};
  const Tensor costs = -log(q);
  const Tensor loss = sum(strong_product(p, costs));
  // [end]
  page.bind("p", p);
  page.bind("q", q);
  page.bind("costs", costs);
  page.bind("q1", number(row(q, 0)));
  page.bind("loss", number(loss));
  const Tensor said{0.99, 0.5, 0.1, 0.01};
  Table cost = {{"said about the right class", "cost"}};
  for (const double s : numbers(said)) cost.push_back({shown(s), shown(-std::log(s))});
  page.table("cost", cost);
  const Tensor grid = linspace(0.01, 1, 100);
  page.picture("cost", Plot{.id = "cost",
                            .title = "The cost of giving the right class a probability",
                            .unit = "cost",
                            .x_label = "probability given to the right class",
                            .lines = {{.label = "-log q",
                                       .x = numbers(grid),
                                       .y = numbers(-log(grid)),
                                       .colour = "var(--r4)"}},
                            .from_zero = true});

  const double rate = page.set("rate", 0.1);
  // [step]
  const Tensor c{1, 4};
  const auto bowl = [&](const Tensor& t) { return sum(c * square(t)); };
  const Tensor theta{3, 3};
  const Tensor slope = grad(bowl)(theta);
  const Tensor next = theta - rate * slope;
  // [end]
  page.bind("rate", rate);
  page.bind("theta", theta);
  page.bind("slope", slope);
  page.bind("step", rate * slope);
  page.bind("next", next);
  page.bind("before", number(bowl(theta)));
  page.bind("after", number(bowl(next)));
  page.bind("first-old", number(row(theta, 0)));
  page.bind("first-step", rate * number(row(slope, 0)));
  page.bind("first-new", number(row(next, 0)));

  // [attention]
  const Tensor Q{{2, 0, 0, 0}, {0, 2, 0, 0}};
  const Tensor K{{2, 0, 0, 0}, {0, 2, 0, 0}, {1, 1, 1, 1}};
  const Tensor V{{1, 0}, {0, 1}, {5, 5}};
  const Tensor scores = matmul(Q, transpose(K));
  const Tensor scaled = scores / sqrt(Tensor(4.0));
  const Tensor weights = softmax(scaled);
  const Tensor output = matmul(weights, V);
  // [end]
  Table attention = {{"symbol", "shape", "row one", "row two"}};
  const auto add_row = [&](const char* name, const Tensor& x) {
    Page words;
    words.bind("one", row(x, 0));
    words.bind("two", row(x, 1));
    std::string shape;
    for (const int64_t size : x.shape())
      shape += (shape.empty() ? "" : " x ") + std::to_string(size);
    attention.push_back({name, shape, words.texts["one"], words.texts["two"]});
  };
  add_row("Q", Q);
  add_row("Q K^T", scores);
  add_row("divided", scaled);
  add_row("softmax", weights);
  add_row("times V", output);
  page.table("attention", attention);
  page.bind("width", 4);
  page.bind("root", 2);
  page.bind("queries", 2);
  page.bind("keys", 3);
  page.bind("weights", row(weights, 0));
  page.bind("weights-sum", number(sum(row(weights, 0))));
  page.bind("output", row(output, 0));
  page.bind("unscaled", row(softmax(scores), 0));

  // [loose]
  const Tensor A{{0.9, 5}, {0, 0.9}};
  const Tensor singular = svdvals(A);
  const Tensor condition = row(singular, 0) / row(singular, 1);
  std::vector<double> sizes;
  Tensor power = eye(2);
  for (int k = 0; k <= 100; ++k) {
    sizes.push_back(number(norm(power)));
    power = matmul(power, A);
  }
  // [end]
  size_t peak = 0;
  for (size_t k = 0; k < sizes.size(); ++k)
    if (sizes[k] > sizes[peak]) peak = k;
  page.bind("A", A);
  page.bind("eigen", 0.9);
  page.bind("eigen-ratio", 1);
  page.bind("singular", singular);
  page.bind("condition", number(condition), 2);
  page.bind("peak", sizes[peak], 2);
  page.bind("peak-at", static_cast<int64_t>(peak));
  page.bind("late", sizes[100]);
  page.bind("late-at", 100);
  Line growth{.label = "size of A^k", .x = {}, .y = sizes, .colour = "var(--r4)"};
  for (size_t k = 0; k < sizes.size(); ++k) growth.x.push_back(static_cast<double>(k));
  page.picture("growth", Plot{.id = "growth",
                              .title = "The size of the powers of a matrix with eigenvalues 0.9",
                              .unit = "size",
                              .x_label = "power k",
                              .lines = {growth},
                              .from_zero = true});

  const Tensor share{0.5, 0.25, 0.25};
  page.bind("share", share);
  page.bind("bits", number(-sum(share * log2(share))));
  page.bind("nats", number(-sum(share * log(share))));
  page.bind("bit-in-nats", std::log(2.0));

  const Tensor guess{1, 2, 6}, truth{2, 0, 3};
  page.bind("errors", guess - truth);
  page.bind("error-sum", number(mse(guess, truth, Reduction::sum)));
  page.bind("error-mean", number(mse(guess, truth, Reduction::mean)));
  page.bind("error-half", 0.5 * number(mse(guess, truth, Reduction::sum)));

  page.exercise(Predict{
      .name = "one-step",
      .answer = 1.4,
      .wrong = {
          {2.6, "step taken uphill", "You added the step. Which sign stands in the formula?"},
          {-4, "rate forgotten", "You went the whole slope. What stands before it?"},
          {0.6, "step instead of place", "This is the length of the step. Where does it lead?"},
          {11.4, "brackets that are not there",
           "You subtracted first. Multiplication comes before subtraction."},
          {1.9, "slope forgotten", "You subtracted the rate alone. What multiplies it?"},
          {-0.6, "start forgotten", "This is the step with its sign. From where is it taken?"},
      }});

  page.exercise(Predict{
      .name = "attention-shape",
      .answer = 15,
      .wrong = {
          {35, "stopped at the weights",
           "These are the weights: one for each query and key. They are then multiplied with V."},
          {40, "shape of Q", "This is the size of Q. What is summed over, and what remains?"},
          {21, "shape of V",
           "This is the size of V. The result has a row for each query, not for "
           "each key."},
          {24, "width of the keys kept",
           "You kept the width of the keys. It is summed over in the first product."},
          {25, "queries taken for keys",
           "You made a table of queries by queries. The keys and the width of V count too."},
          {56, "shape of K", "This is the size of K. It is used up in the first product."},
          {8, "sizes added", "The right sizes, 5 and 3, but a table holds their product."},
      }});

  page.exercise(Choose{
      .name = "which-log",
      .answer = "base2",
      .choices = {
          {"base2", "logarithms to base 2: the unit is bits", "", ""},
          {"natural", "natural logarithms: the unit is nats", "natural logarithm assumed",
           "Calculate it with the natural logarithm. The worked example has the result."},
          {"base10", "logarithms to base ten", "digits assumed",
           "To base ten, the logarithm of a half is -0.301. Then the sum is about 0.45."},
          {"none", "no logarithm: it is a probability", "entropy taken for a probability",
           "A probability is at most 1. This number is larger."},
          {"percent", "it is a percentage", "entropy taken for a percentage",
           "A percentage needs a whole that it is a share of. What would that be here?"},
          {"unclear", "one cannot find out", "no number to test",
           "You have the probabilities. Calculate the entropy with each logarithm and compare."},
      }});

  page.exercise(Choose{
      .name = "same-loss",
      .answer = "ask",
      .choices = {
          {"ask", "nothing yet: ask how each of the two is counted", "", ""},
          {"first", "the first network is better, its loss is smaller", "numbers without units",
           "Is it the same loss? Sum, mean and half of the sum differ for the same errors."},
          {"second", "the second network is better, its loss is larger", "larger is better",
           "A loss says how wrong a network is. And is it the same loss?"},
          {"equal", "both are equally good, because 14 is three times 4.67",
           "coincidence taken for proof",
           "It may be so. With other data the factor would be another one. What must you ask "
           "first?"},
          {"rate", "the first used a smaller learning rate", "cause invented",
           "Nothing is said about learning rates. Look at the words of the two papers again."},
          {"bug", "one of the two papers has a mistake", "difference taken for mistake",
           "Both may be right about what they call squared error. What did each of them count?"},
      }});

  page.exercise(Fill<double(std::span<const double>, std::span<const double>)>{
      .name = "cross-entropy-by-hand",
      .solution = cross_entropy_of,
      .check = check_cross_entropy,
      .wrong = {{"minus forgotten", forgets_the_minus},
                {"bits instead of nats", counts_in_bits},
                {"p under the logarithm", reads_p_twice},
                {"p and q swapped", swaps_both},
                {"mean instead of sum", divides_by_the_count},
                {"weight forgotten", forgets_the_weight},
                {"total stays zero", adds_nothing},
                {"zero times infinity", trusts_zero_times_infinity}}});
}
