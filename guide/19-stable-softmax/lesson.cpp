// Formulas that are equal on paper: softmax and its logarithm, losses of certain mistakes, masks,
// small divisors, and the twins of twelve formulas that fail.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

constexpr double infinity = std::numeric_limits<double>::infinity();

// ---------------------------------------------------------------------------- exercises

template <class F>
struct Slip {
  const char* name;
  const char* says;
  F* function;
};

bool same(double a, double b) {
  return a == b || std::abs(a - b) < 1e-9 || (std::isnan(a) && std::isnan(b));
}

std::string listed(const std::vector<double>& v) {
  std::vector<std::string> parts;
  for (const double x : v) parts.push_back(shown(x));
  return "(" + text::join(parts, ", ") + ")";
}

using List = std::vector<double>;
using Number = double(const List&);

// log(sum exp(z - away)) + away.
double moved(const List& z, double away) {
  double total = 0;
  for (const double x : z) total += std::exp(x - away);
  return std::log(total) + away;
}

// [solution log-of-a-sum]
// log(exp(z[0]) + exp(z[1]) + ...), finite wherever the answer is. Entries may be
// minus infinity; if all of them are, so is the answer. z is not empty.
double log_of_a_sum(const std::vector<double>& z) {
  // [hole return 0;]
  double largest = z[0];
  for (const double x : z) largest = std::fmax(largest, x);
  if (std::isinf(largest)) return largest;
  double total = 0;
  for (const double x : z) total += std::exp(x - largest);
  return largest + std::log(total);
  // [end hole]
}
// [end]

const Slip<Number> sum_slips[] = {
    {"largest not taken off", "exp(1000) is infinite. Take something off every entry first.",
     [](const List& z) { return moved(z, 0); }},
    {"largest not put back",
     "You took the largest off inside. The logarithm has to get it back outside.",
     [](const List& z) {
       const double largest = *std::max_element(z.begin(), z.end());
       return std::isinf(largest) ? largest : moved(z, largest) - largest;
     }},
    {"mean taken off",
     "The mean is not enough: the largest entry may lie far above it. Which number makes every "
     "exp at most 1?",
     [](const List& z) {
       return moved(z, std::accumulate(z.begin(), z.end(), 0.0) / static_cast<double>(z.size()));
     }},
    {"first entry taken off", "The first entry need not be the largest one. Look at all of them.",
     [](const List& z) { return moved(z, z[0]); }},
    {"largest size taken off",
     "Here -1000 counts as 1000, and every exp becomes 0. The largest number counts, not the "
     "largest size.",
     [](const List& z) {
       double size = 0;
       for (const double x : z) size = std::max(size, std::abs(x));
       return moved(z, size);
     }},
    {"only the largest",
     "The largest entry alone is close when it stands out. Equal entries count as well.",
     [](const List& z) { return *std::max_element(z.begin(), z.end()); }},
    {"logarithm moved into the sum",
     "The logarithm of a sum is not the sum of the logarithms: that would be a product.",
     [](const List& z) { return std::accumulate(z.begin(), z.end(), 0.0); }},
    {"infinity minus itself",
     "Where all entries are minus infinity, taking off the largest gives NaN. Answer before that.",
     [](const List& z) { return moved(z, *std::max_element(z.begin(), z.end())); }},
};

Verdict check_sum(Number* answer) {
  const List cases[] = {
      {1, 2, 3},      {1000, 1000},          {0, 3000}, {-1000, 0, 300}, {-1000, -1000},
      {-infinity, 0}, {-infinity, -infinity}};
  List got;
  for (const List& z : cases) got.push_back(answer(z));
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = log_of_a_sum(cases[i]);
    if (same(got[i], want)) continue;
    Verdict v{.where = "z = " + listed(cases[i]), .yours = shown(got[i]), .expected = shown(want)};
    for (const auto& s : sum_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k) all &= same(got[k], s.function(cases[k]));
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

using Shares = List(const List&, const std::vector<int>&);

// [solution masked-shares]
// The softmax of the scores that are allowed (allowed[i] is 1); the others get a
// share of 0. If none is allowed, all shares are 0.
std::vector<double> masked_shares(const std::vector<double>& z, const std::vector<int>& allowed) {
  std::vector<double> shares(z.size(), 0);
  // [hole return shares;]
  double largest = -1e308, total = 0;
  for (size_t i = 0; i < z.size(); ++i)
    if (allowed[i] != 0) largest = std::fmax(largest, z[i]);
  for (size_t i = 0; i < z.size(); ++i)
    if (allowed[i] != 0) total += shares[i] = std::exp(z[i] - largest);
  if (total > 0)
    for (double& s : shares) s /= total;
  return shares;
  // [end hole]
}
// [end]

// exp(scores - away) over its sum, zeros where the sum is 0.
List shares_of(const List& scores, double away) {
  List e;
  double total = 0;
  for (const double z : scores) total += e.emplace_back(std::exp(z - away));
  for (double& x : e) x = total == 0 ? 0 : x / total;
  return e;
}

double largest_of(const List& z) {
  return *std::max_element(z.begin(), z.end());
}

List replaced(const List& z, const std::vector<int>& allowed, double by) {
  List out = z;
  for (size_t i = 0; i < z.size(); ++i)
    if (allowed[i] == 0) out[i] = by;
  return out;
}

const Slip<Shares> mask_slips[] = {
    {"masked after the softmax",
     "Your shares do not add up to one: what you cut away was part of the sum.",
     [](const List& z, const std::vector<int>& allowed) {
       return replaced(shares_of(z, largest_of(z)), allowed, 0);
     }},
    {"large negative number",
     "With -1e9 everywhere, a row of which nothing is allowed becomes evenly spread. It should be "
     "0.",
     [](const List& z, const std::vector<int>& allowed) {
       const List scores = replaced(z, allowed, -1e9);
       return shares_of(scores, largest_of(scores));
     }},
    {"minus infinity everywhere",
     "Where nothing is allowed, minus infinity minus itself is NaN. Answer such a row first.",
     [](const List& z, const std::vector<int>& allowed) {
       const List scores = replaced(z, allowed, -infinity);
       return shares_of(scores, largest_of(scores));
     }},
    {"mask turned round", "You kept what is forbidden. allowed[i] is 1 where a score counts.",
     [](const List& z, const std::vector<int>& allowed) {
       std::vector<int> other = allowed;
       for (int& a : other) a = 1 - a;
       return masked_shares(z, other);
     }},
    {"scores multiplied by the mask",
     "A score of 0 is no absence: exp(0) is 1. A forbidden score must leave the sum.",
     [](const List& z, const std::vector<int>& allowed) {
       const List scores = replaced(z, allowed, 0);
       return shares_of(scores, largest_of(scores));
     }},
    {"largest of all taken off",
     "A forbidden score was the largest one, and all allowed exp became 0. Only allowed scores "
     "count.",
     [](const List& z, const std::vector<int>& allowed) {
       return shares_of(replaced(z, allowed, -infinity), largest_of(z));
     }},
    {"largest not taken off", "exp(1000) is infinite, and infinity over infinity is NaN.",
     [](const List& z, const std::vector<int>& allowed) {
       return shares_of(replaced(z, allowed, -infinity), 0);
     }},
};

Verdict check_mask(Shares* answer) {
  struct Case {
    List z;
    std::vector<int> allowed;
  };
  const Case cases[] = {{{1, 2, 3}, {1, 1, 0}},
                        {{1000, 1001, 5}, {1, 1, 1}},
                        {{-1000, -1001, 500}, {1, 1, 0}},
                        {{1, 2}, {0, 0}}};
  const auto equal = [](const List& a, const List& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  };
  std::vector<List> got;
  for (const Case& c : cases) got.push_back(answer(c.z, c.allowed));
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases[i];
    const List want = masked_shares(c.z, c.allowed);
    if (equal(got[i], want)) continue;
    Verdict v{.where = "scores " + listed(c.z) + ", allowed " +
                       listed(List(c.allowed.begin(), c.allowed.end())),
              .yours = listed(got[i]),
              .expected = listed(want)};
    for (const auto& s : mask_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= equal(got[k], s.function(cases[k].z, cases[k].allowed));
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

std::vector<std::string> row_of(const std::string& name, const Tensor& values, int decimals = 4) {
  std::vector<std::string> cells{name};
  for (const double v : numbers(values)) cells.push_back(shown(v, decimals));
  return cells;
}

std::string four_digits(const Tensor& values) {
  std::vector<std::string> parts;
  for (const double v : numbers(values)) parts.push_back(text::fixed(v, 4));
  return "(" + text::join(parts, ", ") + ")";
}

std::string digits(double got, double exact) {
  return text::fixed(std::round(correct_digits(got, exact)), 0);
}

// [masked]
// Shares of the scores where the mask holds; a row without any is 0.
Tensor masked_softmax(const Tensor& scores, const Tensor& mask) {
  const double lowest = std::numeric_limits<double>::lowest();
  return where(mask, softmax(where(mask, scores, lowest)), 0.0);
}
// [end]
}  // namespace

LESSON(page) {
  // Softmax.
  const Tensor z = page.set("z", Tensor{1000, 2000, 3000});
  // [softmax]
  const auto as_written = [](const Tensor& scores) { return exp(scores) / sum(exp(scores)); };
  const auto moved_first = [&](const Tensor& scores) { return as_written(scores - max(scores)); };
  // [end]
  const Tensor small{1, 2, 3};
  page.bind("small", small);
  page.bind("small_shares", four_digits(as_written(small)));
  page.bind("z", z);
  Table softmaxes{{"", "first", "second", "third"},
                  row_of("scores", z),
                  row_of("exp", exp(z)),
                  row_of("shares, as written", as_written(z)),
                  row_of("largest taken off", z - max(z)),
                  row_of("exp of these", exp(z - max(z))),
                  row_of("shares", moved_first(z))};
  page.table("softmax", softmaxes);
  page.bind("over_f64", std::log(std::numeric_limits<double>::max()), 1);
  page.bind("over_f32", std::log(static_cast<double>(std::numeric_limits<float>::max())), 1);
  page.bind("over_f16", std::log(65504.0), 1);
  // [slope]
  const auto loss = [](const Tensor& logits) {
    return cross_entropy(logits, Tensor(0), Reduction::mean);
  };
  const auto [value, slope] = value_and_grad(loss)(z);
  const auto by_hand = [&](const Tensor& logits) { return -log(row(as_written(logits), 0)); };
  const Tensor broken_slope = grad(by_hand)(z);
  // [end]
  page.bind("loss", number(value));
  page.bind("slope", slope);
  page.bind("broken_slope", broken_slope);

  // Logarithms.
  // [logs]
  const Tensor logits{2, 1, 0.1};
  const Tensor of_three = log_softmax(logits);
  const Tensor far_apart{0, 1000};
  const Tensor one_by_one = log(softmax(far_apart)), together = log_softmax(far_apart);
  const Tensor two_thousands = logsumexp(Tensor{1000, 1000});
  const Tensor with_nothing = logsumexp(Tensor{-infinity, 0});
  // [end]
  page.bind("logits", logits);
  page.bind("of_three", four_digits(of_three));
  page.bind("far_apart", far_apart);
  page.bind("one_by_one", one_by_one);
  page.bind("together", together);
  page.bind("two_thousands", number(two_thousands));
  page.bind("thousand", 1000);
  page.bind("with_nothing", number(with_nothing));

  // Sigmoids and their kin.
  // [kin]
  const auto plain_sigmoid = [](double t) { return std::exp(t) / (1 + std::exp(t)); };
  const auto plain_softplus = [](double t) { return std::log(1 + std::exp(t)); };
  const auto plain_loss = [](double t) { return -std::log(1 - 1 / (1 + std::exp(-t))); };
  const auto plain_length = [](double a, double b) { return std::sqrt(a * a + b * b); };
  const double surely_wrong =
      number(binary_cross_entropy_with_logits(Tensor{1000}, Tensor{0}, Reduction::mean));
  // [end]
  page.table(
      "kin",
      {{"", "as written", "library"},
       {"sigmoid(1000)", shown(plain_sigmoid(1000)), shown(number(sigmoid(Tensor(1000.0))))},
       {"softplus(1000)", shown(plain_softplus(1000)), shown(number(softplus(Tensor(1000.0))))},
       {"log_sigmoid(-1000)", shown(-plain_softplus(1000)),
        shown(number(log_sigmoid(Tensor(-1000.0))))},
       {"loss of logit 1000, truth 0", shown(plain_loss(1000)), shown(surely_wrong)},
       {"hypot(3e200, 4e200)", shown(plain_length(3e200, 4e200)),
        shown(number(hypot(Tensor(3e200), Tensor(4e200))))}});
  Line naive_loss{.label = "as written", .x = {}, .y = {}};
  Line stable_loss{.label = "stable", .x = {}, .y = {}, .colour = "var(--accent)", .faint = true};
  for (int i = 0; i <= 50; ++i) {
    naive_loss.x.push_back(i);
    naive_loss.y.push_back(plain_loss(i));
    stable_loss.x.push_back(i);
    stable_loss.y.push_back(number(
        binary_cross_entropy_with_logits(Tensor(static_cast<double>(i)), 0.0, Reduction::mean)));
  }
  page.picture("loss", Plot{.id = "loss",
                            .title = "Loss of a growing logit where the truth is 0: the formula as "
                                     "written ends in infinity at 37, the stable one goes on",
                            .x_label = "logit",
                            .lines = {stable_loss, naive_loss}});
  page.bind("last_finite", 36);
  page.bind("mistake_f64", 37);

  // Twins.
  Line lost{.label = "log(1 + x)", .x = {}, .y = {}};
  Line kept{.label = "log1p(x)", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = -18; i <= 0; ++i) {
    const double x = std::pow(10.0, i);
    const auto exact = static_cast<double>(std::log1p(static_cast<long double>(x)));
    lost.x.push_back(i);
    lost.y.push_back(std::round(correct_digits(std::log(1 + x), exact)));
    kept.x.push_back(i);
    kept.y.push_back(std::round(correct_digits(std::log1p(x), exact)));
  }
  page.picture("digits", Plot{.id = "digits",
                              .title = "Right digits of log(1 + x) in f64 for x from 1e-18 to 1: "
                                       "one digit is lost for each power of ten, and log1p loses "
                                       "none",
                              .x_label = "x, as a power of ten",
                              .lines = {lost, kept},
                              .from_zero = true});
  // [twins]
  Table twins{{"as written", "right", "its twin", "right"}};
  for (const Twin& t : unstable_twins())
    twins.push_back(
        {t.unstable, digits(t.naive(t.x), t.exact), t.stable, digits(t.careful(t.x), t.exact)});
  // [end]
  page.table("twins", twins);
  page.bind("twin_count", static_cast<int64_t>(unstable_twins().size()));
  page.bind("all_digits", 16);

  // Masks.
  // [masks]
  const Tensor scores{{1, 2, 3}, {1, 2, 3}};
  const Tensor mask = Tensor{{1, 1, 0}, {0, 0, 0}} > 0.0;
  const Tensor by_number = softmax(where(mask, cast(scores, DType::f32), -1e9));
  const Tensor by_infinity = softmax(where(mask, scores, -infinity));
  const Tensor by_policy = masked_softmax(scores, mask);
  const Tensor answered = any(mask, {.axis = 1});
  // [end]
  const auto cell = [](const Tensor& shares, int64_t i) {
    std::vector<std::string> parts;
    for (const double v : numbers(row(shares, i))) parts.push_back(shown(v, 3));
    return text::join(parts, ", ");
  };
  Table masks{{"forbidden scores become", "two allowed", "none allowed"}};
  for (const auto& [name, shares] : {std::pair{"-1e9, in f32", by_number},
                                     {"minus infinity", by_infinity},
                                     {"0 after the softmax", by_policy}})
    masks.push_back({name, cell(shares, 0), cell(shares, 1)});
  page.table("masks", masks);
  page.bind("mask_number", "-1e9");
  page.bind("mask_f16", to_f64(Float16(-1e9)));
  page.bind("lowest_f16", -65504.0);
  const std::vector<double> flags = numbers(cast(answered, DType::f64));
  page.bind("flag_first", flags[0] != 0 ? "yes" : "no");
  page.bind("flag_second", flags[1] != 0 ? "yes" : "no");

  // Small divisors.
  // [epsilon]
  const double eps = 1e-8;
  const auto outside = [&](double v) { return number(sqrt(Tensor(v)) + eps); };
  const auto inside = [&](double v) { return number(sqrt(Tensor(v) + eps)); };
  // [end]
  Table divisors{
      {"gradient g", "v = g^2", "sqrt(v) + eps", "sqrt(v + eps)", "step outside", "step inside"}};
  for (const double g : {0.0, 1e-8, 1e-6, 1e-4, 1.0})
    divisors.push_back({text::number(g), text::significant(g * g, 3),
                        text::significant(outside(g * g), 3), text::significant(inside(g * g), 3),
                        text::significant(g / outside(g * g), 3),
                        text::significant(g / inside(g * g), 3)});
  page.table("divisors", divisors);
  page.bind("eps", text::number(eps));
  page.bind("at_zero_outside", text::significant(outside(0), 3));
  page.bind("at_zero_inside", text::significant(inside(0), 3));
  // [zeros]
  const Tensor zero_over_zero = Tensor(0.0) / Tensor(0.0);
  const Tensor slope_of_length = grad([](const Tensor& v) { return norm(v); })(Tensor{0, 0});
  const Tensor flat_row = layer_norm(Tensor{5, 5, 5});
  // [end]
  page.bind("zero_over_zero", number(zero_over_zero));
  page.bind("slope_of_length", slope_of_length);
  page.bind("flat_row", flat_row);
  page.bind("row_of_fives", Tensor{5, 5, 5});

  page.exercise(Predict{
      .name = "log-of-a-tiny-share",
      .answer = -1000,
      .tolerance = 1e-6,
      .wrong = {{0, "the other class", "This is the logarithm of the second share, which is 1."},
                {1000, "sign turned round",
                 "A share is at most 1, so its logarithm is not above "
                 "0."},
                {-0.6931472, "scores ignored", "This would be right for two equal scores."},
                {-745.1332, "stopped at the smallest number",
                 "This is the logarithm of the smallest number of f64. The true share is smaller, "
                 "and log_softmax never computes it."},
                {-27.6310211, "clipped at 1e-12",
                 "This is what adding 1e-12 to the share gives. It is not the answer."},
                {-1000.6931472, "both scores large",
                 "This subtracts the log of a sum of two equal terms. Here one term is 1 and the "
                 "other 0."}}});
  page.exercise(Choose{
      .name = "repair-the-loss",
      .answer = "log_softmax",
      .choices = {
          {"log_softmax", "give the logits to one function that computes log_softmax", "", ""},
          {"epsilon", "log(p + 1e-8)", "epsilon as a repair",
           "The loss then ends at 18.4 and its slope at 0: the worst mistakes teach nothing."},
          {"clip", "clip p to 1e-7 and more", "clipping as a repair",
           "Where the clip acts, the slope is exactly 0. The example is lost for learning."},
          {"f64", "compute the loss in f64", "more digits as a repair",
           "f64 moves the wall from a logit of 104 to 745. Logits can be larger, and speed "
           "halves."},
          {"rate", "lower the learning rate", "arithmetic taken for instability",
           "The loss is infinite at the first step. No step has been taken yet."},
          {"skip", "skip batches whose loss is infinite", "hiding what fails",
           "Those are the batches with the worst mistakes: just what should be learned from."},
          {"scale", "divide the logits by their largest", "another function",
           "Softmax may be shifted, not scaled: other logits, other chances."}}});
  Fill<Number> sum_fill{.name = "log-of-a-sum", .solution = log_of_a_sum, .check = check_sum};
  for (const auto& s : sum_slips) sum_fill.wrong.push_back({s.name, s.function});
  page.exercise(std::move(sum_fill));
  Fill<Shares> mask_fill{.name = "masked-shares", .solution = masked_shares, .check = check_mask};
  for (const auto& s : mask_slips) mask_fill.wrong.push_back({s.name, s.function});
  page.exercise(std::move(mask_fill));
}
