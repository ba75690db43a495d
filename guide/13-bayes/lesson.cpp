// Dice by counting, a test by Bayes' rule, a filter that counts words, a line that knows its doubt.
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

using Logs = std::vector<double>;
using Posterior = Logs(const Logs&, const Logs&);

// [solution posterior-from-logs]
// [include <algorithm>]
// P(class | data) for each class, from log P(class) and log P(data | class),
// which may be as small as -10000.
std::vector<double> posterior_from_logs(const std::vector<double>& log_prior,
                                        const std::vector<double>& log_likelihood) {
  // [hole return log_prior;]
  std::vector<double> p(log_prior.size());
  for (size_t i = 0; i < p.size(); ++i) p[i] = log_prior[i] + log_likelihood[i];
  const double largest = *std::max_element(p.begin(), p.end());
  double total = 0;
  for (double& v : p) total += v = std::exp(v - largest);
  for (double& v : p) v /= total;
  return p;
  // [end hole]
}
// [end]

Logs joint_logs(const Logs& prior, const Logs& likelihood) {
  Logs p(prior.size());
  for (size_t i = 0; i < p.size(); ++i) p[i] = prior[i] + likelihood[i];
  return p;
}

Logs shifted_exp(Logs p) {
  const double largest = *std::max_element(p.begin(), p.end());
  for (double& v : p) v = std::exp(v - largest);
  return p;
}

Logs divided_by_sum(Logs p) {
  double total = 0;
  for (const double v : p) total += v;
  for (double& v : p) v /= total;
  return p;
}

struct Mistake {
  const char *misconception, *says;
  Posterior* function;
};

const Mistake mistakes[] = {
    {"prior forgotten",
     "This is what the data alone say. A class that is rare to begin with needs stronger data.",
     [](const Logs&, const Logs& likelihood) { return divided_by_sum(shifted_exp(likelihood)); }},
    {"data forgotten", "This is the prior, unchanged. The data should move it.",
     [](const Logs& prior, const Logs&) { return divided_by_sum(shifted_exp(prior)); }},
    {"exp underflows",
     "Right on paper. But exp(-1000) is 0 for a computer, and 0 / 0 is nothing. What may be added "
     "to all the logarithms without changing the shares?",
     [](const Logs& prior, const Logs& likelihood) {
       Logs p = joint_logs(prior, likelihood);
       for (double& v : p) v = std::exp(v);
       return divided_by_sum(p);
     }},
    {"not divided by the sum",
     "These have the right ratios, but do not add up to 1. What is the chance of the data?",
     [](const Logs& prior, const Logs& likelihood) {
       return shifted_exp(joint_logs(prior, likelihood));
     }},
    {"logarithms as shares",
     "You divided the logarithms by their sum. Shares are made from probabilities: first undo the "
     "logarithm.",
     [](const Logs& prior, const Logs& likelihood) {
       return divided_by_sum(joint_logs(prior, likelihood));
     }},
    {"winner takes all",
     "You gave everything to the most likely class. The question asks how likely each one is.",
     [](const Logs& prior, const Logs& likelihood) {
       Logs p = joint_logs(prior, likelihood);
       const auto best = std::max_element(p.begin(), p.end()) - p.begin();
       std::fill(p.begin(), p.end(), 0.0);
       p[static_cast<size_t>(best)] = 1;
       return p;
     }},
    {"prior divided out",
     "You subtracted the logarithm of the prior. Bayes' rule multiplies by the prior, so its "
     "logarithm is added.",
     [](const Logs& prior, const Logs& likelihood) {
       Logs p(prior.size());
       for (size_t i = 0; i < p.size(); ++i) p[i] = likelihood[i] - prior[i];
       return divided_by_sum(shifted_exp(p));
     }},
    {"logarithms returned", "These are log-probabilities. One exp is missing at the end.",
     [](const Logs& prior, const Logs& likelihood) {
       Logs p = posterior_from_logs(prior, likelihood);
       for (double& v : p) v = std::log(v);
       return p;
     }},
};

std::string list(const Logs& p) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < p.size() && i < 6; ++i) parts.push_back(shown(p[i]));
  return "(" + text::join(parts, ", ") + ")";
}

Verdict check_posterior(Posterior* answer) {
  struct Case {
    Logs prior, likelihood;
  };
  const Case cases[] = {{{std::log(0.2), std::log(0.8)}, {std::log(0.5), std::log(0.25)}},
                        {{std::log(0.5), std::log(0.3), std::log(0.2)}, {-2, -1, -3}},
                        {{std::log(0.4), std::log(0.6)}, {-2000, -2001}}};
  const auto same = [](const Logs& a, const Logs& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!(std::abs(a[i] - b[i]) <= 1e-9) && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
    return true;
  };
  for (const Case& c : cases) {
    const Logs want = posterior_from_logs(c.prior, c.likelihood);
    const Logs got = answer(c.prior, c.likelihood);
    if (same(got, want)) continue;
    Verdict v{.where = "log prior " + list(c.prior) + ", log likelihood " + list(c.likelihood),
              .yours = list(got),
              .expected = list(want)};
    for (const Mistake& m : mistakes) {
      if (!same(got, m.function(c.prior, c.likelihood))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- pictures

// The 36 results of two dice: first die down, second across; a mark where the sum is 8, and a frame
// around the row that is left when the first shows 3.
Drawing dice_grid() {
  std::string terminal = "                   second die\n              1   2   3   4   5   6\n";
  std::string marks;
  const auto write = [&](int x, int y, const std::string& words, const char* colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:13px;fill:" + colour + "\">" + words +
             "</text>";
  };
  write(190, 14, "second die", "var(--muted)");
  write(30, 140, "first", "var(--muted)");
  write(30, 156, "die", "var(--muted)");
  for (int first = 1; first <= 6; ++first) {
    const bool kept = first == 3;
    terminal += first == 3 ? "  first    " : first == 4 ? "  die      " : "           ";
    terminal += std::to_string(first) + (kept ? "[" : " ");
    const int y = 20 + 32 * first;
    write(70, y, std::to_string(first), "var(--muted)");
    for (int second = 1; second <= 6; ++second) {
      const int x = 70 + 34 * second;
      if (first == 1) write(x, 32, std::to_string(second), "var(--muted)");
      const bool eight = first + second == 8;
      terminal += eight ? " 8 " : " · ";
      terminal += second < 6 ? " " : "";
      if (eight) {
        marks += "<circle cx=\"" + std::to_string(x) + "\" cy=\"" + std::to_string(y - 5) +
                 "\" r=\"12\" fill=\"none\" stroke=\"var(--accent)\" stroke-width=\"2\"/>";
        write(x, y, "8", "var(--accent)");
      } else {
        write(x, y, "·", "var(--ink)");
      }
    }
    terminal += kept ? "]  the row that is left\n" : "\n";
    if (kept)
      marks += "<rect x=\"86\" y=\"" + std::to_string(y - 21) +
               "\" width=\"206\" height=\"32\" rx=\"6\" fill=\"none\" stroke=\"var(--ink)\"/>";
  }
  std::string alt =
      "A square of 36 results of two dice. Five of them have the sum 8, on a diagonal; a frame "
      "around the row with a first die of 3 holds one of them.";
  std::string svg = "<svg viewBox=\"0 0 310 225\" role=\"img\" aria-label=\"" + escape_html(alt) +
                    "\">" + marks + "</svg>";
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}

std::string below_limit(double off) {
  return off < 1e-8 ? "below 1e-8" : shown(off);
}
}  // namespace

LESSON(page) {
  // Dice.
  using Outcome = SampleSpace::Outcome;
  // [dice]
  const SampleSpace die = SampleSpace::dice(1), two = SampleSpace::dice(2);
  const auto even = [](const Outcome& o) { return o[0] % 2 == 0; };
  const auto five = [](const Outcome& o) { return o[0] == 5; };
  const auto either = [&](const Outcome& o) { return even(o) || five(o); };
  const auto first_is_3 = [](const Outcome& o) { return o[0] == 3; };
  const auto sum_is_8 = [](const Outcome& o) { return o[0] + o[1] == 8; };
  const double even_or_five = die.probability(either);
  const double eight = two.probability(sum_is_8);
  const double eight_given_3 = two.conditional(sum_is_8, first_is_3);
  // [end]
  const auto sum_is_7 = [](const Outcome& o) { return o[0] + o[1] == 7; };
  page.bind("p_even", die.probability(even));
  page.bind("p_five", die.probability(five));
  page.bind("even_or_five", even_or_five);
  std::vector<std::string> favourable;
  for (const Outcome& o : die.outcomes)
    if (either(o)) favourable.push_back(std::to_string(o[0]));
  page.bind("favourable", text::join(favourable, ", "));
  page.bind("results", static_cast<int64_t>(two.outcomes.size()));
  page.bind("eights", static_cast<int64_t>(
                          std::count_if(two.outcomes.begin(), two.outcomes.end(), sum_is_8)));
  page.bind("eight", eight);
  page.bind("eight_given_3", eight_given_3);
  page.bind("three_given_8", two.conditional(first_is_3, sum_is_8));
  page.bind("seven", two.probability(sum_is_7));
  page.bind("seven_given_3", two.conditional(sum_is_7, first_is_3));
  page.bind("seven_independent", two.independent(sum_is_7, first_is_3) ? "yes" : "no");
  page.bind("eight_independent", two.independent(sum_is_8, first_is_3) ? "yes" : "no");
  page.picture("dice", dice_grid());

  // A test.
  const double prevalence = page.set("prevalence", 0.01);
  const double sensitivity = page.set("sensitivity", 0.99);
  const double specificity = page.set("specificity", 0.95);
  // [test]
  const auto positive_after = [&](const Tensor& before) {
    return positive_predictive_value(before, sensitivity, specificity);
  };
  const Tensor once = positive_after(prevalence);
  const Tensor twice = positive_after(once);
  // [end]
  const double people = 10000, ill = people * prevalence, well = people - ill;
  const double true_positive = ill * sensitivity, false_positive = well * (1 - specificity);
  page.bind("people", int64_t{10000});
  page.bind("prevalence", prevalence);
  page.bind("sensitivity", sensitivity);
  page.bind("specificity", specificity);
  page.bind("ill", ill);
  page.bind("well", well);
  page.bind("true_positive", true_positive);
  page.bind("false_positive", false_positive);
  page.bind("positive", true_positive + false_positive);
  page.bind("moral", true_positive < false_positive
                         ? "the illness is rare, and the many well people make more false alarms "
                           "than the few ill ones make true ones"
                         : "with so many ill people, true alarms outnumber the false ones");
  page.bind("once", number(once));
  page.bind("twice", number(twice));
  page.bind("thrice", number(positive_after(twice)));
  page.table("people",
             {{"of 10 000 people", "positive", "negative", "together"},
              {"ill", shown(true_positive), shown(ill - true_positive), shown(ill)},
              {"well", shown(false_positive), shown(well - false_positive), shown(well)}});
  const double ratio = sensitivity / (1 - specificity), odds = prevalence / (1 - prevalence);
  page.bind("ratio", ratio);
  page.bind("odds", odds);
  page.bind("odds_once", odds * ratio);
  page.bind("odds_twice", odds * ratio * ratio);
  Line one{.label = "one positive", .x = {}, .y = {}, .colour = "var(--ink)"};
  Line both{.label = "two positives", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 0; i <= 100; ++i) {
    // Not 0: a test without false alarms would have nothing to divide by.
    const double prior = std::max(1e-6, i / 500.0);
    const Tensor after = positive_after(prior);
    one.x.push_back(prior);
    one.y.push_back(number(after));
    both.x.push_back(prior);
    both.y.push_back(number(positive_after(after)));
  }
  page.picture("posterior", Plot{.id = "posterior",
                                 .title = "Chance of being ill after positive tests, by the chance "
                                          "before",
                                 .x_label = "chance before the test",
                                 .lines = {one, both},
                                 .percent = true});

  // Words.
  // [words]
  // One row a message; columns: free, meeting, prize, report.
  const Tensor counts{{3, 0, 2, 0}, {2, 0, 1, 0}, {1, 1, 3, 0},  // spam
                      {0, 2, 0, 1}, {1, 1, 0, 2},                // not
                      {0, 3, 0, 2}, {0, 1, 0, 1}};
  const Tensor spam_or_not{1, 1, 1, 0, 0, 0, 0};
  const auto filter = MultinomialNaiveBayes::fit(counts, spam_or_not, 2, 1);
  const Tensor message{{1, 0, 1, 1}};  // "free prize report"
  const Tensor chances = exp(filter.log_posterior(message));
  // [end]
  const double spam = number(element(chances, {0, 1}));
  const std::vector<double> in = numbers(exp(filter.log_feature));
  const std::vector<double> seen_ham = numbers(sum(slice(counts, {{3}}), {.axis = 0}));
  const std::vector<double> seen_spam = numbers(sum(slice(counts, {{0, 3}}), {.axis = 0}));
  const char* words[] = {"free", "meeting", "prize", "report"};
  Table table{{"word", "seen in spam", "seen in other mail", "chance in spam", "in other mail"}};
  for (size_t w = 0; w < 4; ++w)
    table.push_back(
        {words[w], shown(seen_spam[w]), shown(seen_ham[w]), shown(in[4 + w]), shown(in[w])});
  page.table("words", table);
  const std::vector<double> prior = numbers(exp(filter.log_prior));
  page.bind("prior_spam", prior[1]);
  page.bind("prior_ham", prior[0]);
  page.bind("product_spam", prior[1] * in[4] * in[6] * in[7], 6);
  page.bind("product_ham", prior[0] * in[0] * in[2] * in[3], 6);
  page.bind("spam", spam);
  const auto raw = MultinomialNaiveBayes::fit(counts, spam_or_not, 2, 0);
  const Tensor shorter{{1, 1, 1, 0}};
  page.bind("sure", number(element(exp(raw.log_posterior(shorter)), {0, 1})));
  page.bind("not_sure", number(element(exp(filter.log_posterior(shorter)), {0, 1})));
  // [fruit]
  // Grams, and softness from 0 to 10. Kind 0 is an orange.
  const Tensor fruit{{150, 7}, {160, 6.5}, {170, 7.5}, {155, 7},
                     {120, 5}, {130, 6},   {140, 5.5}, {125, 6.5}};
  const Tensor kind{0, 0, 0, 0, 1, 1, 1, 1};
  const auto scales = GaussianNaiveBayes::fit(fruit, kind, 2);
  const Tensor orange = exp(scales.log_posterior(Tensor{{145, 6.8}}));
  // [end]
  page.bind("orange", number(element(orange, {0, 0})));
  page.bind("mandarin", number(element(orange, {0, 1})));
  page.bind("fruit_weight", 145);
  page.bind("fruit_soft", 6.8);

  // The three rules, on distributions of the library.
  const Tensor fine = linspace(-12, 12, 4801), positive = linspace(0, 60, 60001);
  const auto area = [](const Tensor& x, const Tensor& density) {
    const double step = number(element(x, {1})) - number(element(x, {0}));
    const double ends = number(element(density, {0})) + number(row(density, density.size() - 1));
    return step * (number(sum(density)) - ends / 2);
  };
  const auto negative = [](const Tensor& p) { return number(min(p)) < 0 ? "yes" : "no"; };
  Table rules{{"distribution", "total", "off by", "ever negative"}};
  const auto add = [&](const char* name, double total, const Tensor& p) {
    rules.push_back({name, shown(total), below_limit(std::abs(total - 1)), negative(p)});
  };
  const Tensor bell = Normal().prob(fine), gamma = Gamma(3.0, 1.0).prob(positive);
  const Tensor ten = Binomial(10, 0.5).prob(iota(11)), rare = Poisson(4.0).prob(iota(120));
  const Tensor wait = Geometric(0.2).prob(iota(400) + 1);
  add("normal", area(fine, bell), bell);
  add("gamma, shape 3", area(positive, gamma), gamma);
  add("binomial, 10 trials", number(sum(ten)), ten);
  add("Poisson, rate 4", number(sum(rare)), rare);
  add("geometric, chance 0.2", number(sum(wait)), wait);
  page.table("rules", rules);

  // A line y = a + b x with a normal prior on a and b: the posterior is normal too (Bishop 3.3).
  // [line]
  const Tensor x{-1, -0.5, 0.2, 0.9}, y{0.3, 0.1, 0.4, 0.5};
  const double noise = 0.2, trust = 1 / (noise * noise);
  const Tensor F = stack({ones({4}), x}, 1);  // a column for a, one for b
  const Tensor precision = eye(2) + trust * matmul(transpose(F), F);
  const Tensor covariance = inv(precision);
  const Tensor pull = trust * matmul(transpose(F), y);
  const Tensor weights = matmul(covariance, pull);
  // [end]
  const std::vector<double> c = numbers(covariance), m = numbers(weights);
  const auto doubt = [&](double at) {
    return std::sqrt(noise * noise + c[0] + 2 * at * c[1] + at * at * c[3]);
  };
  Line middle{.label = "best guess", .x = {}, .y = {}};
  Line low{.label = "", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line high{.label = "two deviations", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = -30; i <= 30; ++i) {
    const double at = i / 5.0, guess = m[0] + m[1] * at;
    for (Line* l : {&middle, &low, &high}) l->x.push_back(at);
    middle.y.push_back(guess);
    low.y.push_back(guess - 2 * doubt(at));
    high.y.push_back(guess + 2 * doubt(at));
  }
  page.picture("doubt", Plot{.id = "doubt",
                             .title = "A line through four points between -1 and 1, and how "
                                      "uncertain it is",
                             .x_label = "x",
                             .lines = {middle, low, high}});
  page.bind("doubt_at_0", doubt(0));
  page.bind("doubt_at_2", doubt(2));
  page.bind("doubt_at_6", doubt(6));

  page.exercise(Predict{
      .name = "positive-again",
      .answer = 0.018 / 0.214,
      .tolerance = 5e-4,
      .wrong = {
          {0.9, "condition turned round",
           "This is P(positive | ill). The question asks for P(ill | positive)."},
          {0.018, "not divided by the chance of the data",
           "This is P(ill and positive). Among whom do you look? Only among the positive."},
          {0.214, "chance of the data alone",
           "This is P(positive), the lower half of the fraction."},
          {0.9 / 1.1, "prior ignored",
           "You compared 0.9 with 0.2 as if as many people were ill as well. How many are ill "
           "before the test?"},
          {0.018 / (0.018 + 0.98 * 0.8), "specificity taken for the false alarms",
           "0.8 is how often a well person tests negative. How often is a well one positive?"},
          {0.018 / 0.196, "odds instead of probability",
           "You divided the ill positives by the well positives. A probability divides by all "
           "positives."},
          {0.196 / 0.214, "the other hypothesis", "This is the chance to be well."},
          {0.018 / 0.218, "share of the well forgotten",
           "The false alarms come from the well, who are 98 of 100: multiply 0.2 by their "
           "share."}}});
  page.exercise(Choose{
      .name = "which-is-independent",
      .answer = "sum-7",
      .choices = {
          {"sum-7", "the sum is 7", "", ""},
          {"sum-8", "the sum is 8", "nearly equal taken for equal",
           "It has chance 5/36 at first, and 6/36 once the first die shows 3. A first die of 1 "
           "would rule it out."},
          {"sum-2", "the sum is 2", "exclusive taken for independent",
           "A first die of 3 rules a sum of 2 out. Events that exclude each other are as dependent "
           "as can be."},
          {"first-odd", "the first die is odd", "contained taken for independent",
           "If the first die shows 3, it is odd for certain."},
          {"product-12", "the product is 12", "possible taken for independent",
           "It can happen with a 3, but it has chance 4/36 at first and 1/6 after."},
          {"two-threes", "both dice show 3", "dice and events confused",
           "The dice are independent, but this event speaks of both of them."},
          {"second-larger", "the second die is larger", "event of both taken for one of the second",
           "A low first die makes this likely. Count: 15/36 at first, 3/6 after."}}});
  page.exercise(Predict{
      .name = "word-never-seen",
      .answer = 1.0 / 13,
      .wrong = {
          {0, "no smoothing", "Then one word could veto everything. Add one to each count first."},
          {0.1, "total not raised",
           "If every count grows by one, the total grows as well. By how much?"},
          {1.0 / 11, "total raised once",
           "One was added to each of the three words, so the total grows by three."},
          {1.0 / 3, "counts ignored", "All words alike: that is the guess before any count."},
          {5.0 / 13, "another word", "This is the word that was seen four times."},
          {1, "count instead of chance", "One is the raised count. Divide by the raised total."},
          {0.25, "messages counted", "Chances are shares of all words of the class."}}});
  std::vector<Fill<Posterior>::Mistake> wrong;
  for (const Mistake& mistake : mistakes)
    wrong.push_back({mistake.misconception, mistake.function});
  page.exercise(Fill<Posterior>{.name = "posterior-from-logs",
                                .solution = posterior_from_logs,
                                .check = check_posterior,
                                .wrong = wrong});
}
