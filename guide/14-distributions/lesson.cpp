// Coins, calls, bell curves, classes and clouds of points: what each distribution says, and how to
// draw from it so that the draw can be repeated.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Draw = int(const std::vector<double>&, double);

// [solution class-from-uniform]
// Turns u, uniform in [0, 1), into a class 0, 1, ... that comes up with the
// probabilities p: class 0 for u below p[0], class 1 for the next p[1], ...
int class_from_uniform(const std::vector<double>& p, double u) {
  // [hole return u < p[0] ? 0 : 1;]
  const int last = static_cast<int>(p.size()) - 1;
  double reached = 0;
  for (int c = 0; c < last; ++c) {
    reached += p[static_cast<size_t>(c)];
    if (u < reached) return c;
  }
  // Rounding may leave the sum a little below 1.
  return last;
  // [end hole]
}
// [end]

struct Mistake {
  const char *misconception, *says;
  Draw* function;
};

const Mistake mistakes[] = {
    {"always the most likely",
     "You return the most likely class. A draw must give the others their share.",
     [](const std::vector<double>& p, double) {
       return static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin());
     }},
    {"all alike", "You cut [0, 1) into equal pieces. The pieces should be as wide as p says.",
     [](const std::vector<double>& p, double u) {
       return static_cast<int>(u * static_cast<double>(p.size()));
     }},
    {"shares not added up",
     "You compare u with each p alone. The second piece begins where the first one ends.",
     [](const std::vector<double>& p, double u) {
       for (size_t c = 0; c < p.size(); ++c)
         if (u < p[c]) return static_cast<int>(c);
       return static_cast<int>(p.size()) - 1;
     }},
    {"compared before adding",
     "You compare before this class's own share is added, so every class comes one too late.",
     [](const std::vector<double>& p, double u) {
       double reached = 0;
       for (size_t c = 0; c < p.size(); ++c) {
         if (u < reached) return static_cast<int>(c);
         reached += p[c];
       }
       return static_cast<int>(p.size()) - 1;
     }},
    {"counted from 1", "The right piece, but its number is one too high: classes begin at 0.",
     [](const std::vector<double>& p, double u) { return class_from_uniform(p, u) + 1; }},
    {"impossible class drawn",
     "u may be exactly 0. With <= it then falls into the first piece, even if that has no width.",
     [](const std::vector<double>& p, double u) {
       double reached = 0;
       for (size_t c = 0; c < p.size(); ++c) {
         reached += p[c];
         if (u <= reached) return static_cast<int>(c);
       }
       return static_cast<int>(p.size()) - 1;
     }},
    {"fell off the end",
     "Ten times 0.1 adds up to a little less than 1, and u can be closer to 1 than that. What do "
     "you return when no piece was found?",
     [](const std::vector<double>& p, double u) {
       double reached = 0;
       for (size_t c = 0; c < p.size(); ++c) {
         reached += p[c];
         if (u < reached) return static_cast<int>(c);
       }
       return static_cast<int>(p.size());
     }},
    {"pieces from the right",
     "You lay the pieces out from the last class to the first. That is a fair draw too, but the "
     "task begins with class 0 at u = 0.",
     [](const std::vector<double>& p, double u) {
       double reached = 0;
       for (size_t c = p.size(); c-- > 1;) {
         reached += p[c];
         if (u < reached) return static_cast<int>(c);
       }
       return 0;
     }},
};

Verdict check_draw(Draw* answer) {
  struct Case {
    std::vector<double> p;
    double u;
  };
  const std::vector<double> tenths(10, 0.1);
  const Case cases[] = {{{0.1, 0.2, 0.7}, 0.05}, {{0.1, 0.2, 0.7}, 0.15}, {{0.1, 0.2, 0.7}, 0.4},
                        {{0.5, 0.3, 0.2}, 0.4},  {{0.5, 0.3, 0.2}, 0.6},  {{0.5, 0.3, 0.2}, 0.9},
                        {{0, 0.5, 0.5}, 0},      {tenths, 1 - 0x1p-53}};
  std::vector<int> got;
  for (const Case& c : cases) got.push_back(answer(c.p, c.u));
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases[i];
    const int want = class_from_uniform(c.p, c.u);
    if (got[i] == want) continue;
    std::vector<std::string> shares;
    for (const double p : c.p) shares.push_back(shown(p));
    Verdict v{.where = "p = (" + text::join(shares, ", ") +
                       "), u = " + (c.u > 0.99 ? "the largest below 1" : shown(c.u)),
              .yours = std::to_string(got[i]),
              .expected = std::to_string(want)};
    for (const Mistake& m : mistakes) {
      bool same = true;
      for (size_t k = 0; k < got.size(); ++k) same &= got[k] == m.function(cases[k].p, cases[k].u);
      if (!same) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- pictures

// Points (n, 2) between -3 and 3.
Drawing cloud(const Tensor& points, std::string alt) {
  constexpr int columns = 49, lines = 19;
  std::vector<std::string> cells(static_cast<size_t>(columns * lines), " ");
  std::string marks = "<path d=\"M20 150H280M150 20V280\" fill=\"none\" stroke=\"var(--line)\"/>";
  const std::vector<double> v = numbers(points);
  for (int c = 0; c < columns; ++c) cells[static_cast<size_t>(lines / 2 * columns + c)] = "─";
  for (int l = 0; l < lines; ++l) cells[static_cast<size_t>(l * columns + columns / 2)] = "│";
  cells[static_cast<size_t>(lines / 2 * columns + columns / 2)] = "┼";
  for (size_t i = 0; i + 1 < v.size(); i += 2) {
    const double x = v[i], y = v[i + 1];
    if (!(std::abs(x) < 3) || !(std::abs(y) < 3)) continue;
    const int c = static_cast<int>((x + 3) / 6 * columns),
              l = static_cast<int>((3 - y) / 6 * lines);
    cells[static_cast<size_t>(l * columns + c)] = "•";
    marks += "<circle cx=\"" + text::fixed(150 + 43 * x, 1) + "\" cy=\"" +
             text::fixed(150 - 43 * y, 1) + "\" r=\"2.5\" fill=\"var(--accent)\"/>";
  }
  std::string terminal;
  for (size_t l = 0; l < lines; ++l) {
    std::string line = "      ";
    for (size_t c = 0; c < columns; ++c) line += cells[l * columns + c];
    line.erase(line.find_last_not_of(' ') + 1);
    terminal += line + "\n";
  }
  std::string svg = "<svg viewBox=\"0 0 300 300\" role=\"img\" aria-label=\"" + escape_html(alt) +
                    "\">" + marks + "</svg>";
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}

std::vector<std::string> row_of(const std::string& name, const Tensor& values, int decimals = 4) {
  std::vector<std::string> cells{name};
  for (const double v : numbers(values)) cells.push_back(shown(v, decimals));
  return cells;
}
}  // namespace

LESSON(page) {
  // Counting successes.
  // [coins]
  const Bernoulli coin(0.7);
  const Binomial ten(10, 0.5);
  const double five = number(ten.prob(5));
  const double half_a_million = number(Binomial(1e6, 0.5).prob(5e5));
  // [end]
  page.bind("coin_1", number(coin.prob(1)));
  page.bind("coin_0", number(coin.prob(0)));
  page.bind("coin_mean", number(coin.mean()));
  page.bind("coin_variance", number(coin.variance()));
  page.bind("coin_logit", number(logit(0.7)));
  page.bind("from_logit", number(exp(bernoulli_log_prob(1, logit(0.7)))));
  page.bind("ways", int64_t{252});
  page.bind("sequences", int64_t{1024});
  page.bind("tosses", 10);
  page.bind("five", five);
  page.bind("ten_mean", number(ten.mean()));
  page.bind("ten_variance", number(ten.variance()));
  page.bind("ten_sd", number(ten.standard_deviation()));
  page.bind("million", int64_t{1000000});
  page.bind("half_a_million", half_a_million, 6);

  // Counting events.
  const double rate = page.set("rate", 4.0);
  // [calls]
  const Poisson calls(rate);
  const double two = number(calls.prob(2));
  const double at_most_two = number(calls.cdf(2));
  const Tensor hours = calls.sample(key_tensor(key_from_seed(1)), {10});
  // [end]
  const Tensor many_hours = calls.sample(key_tensor(key_from_seed(1)), {10000});
  page.bind("rate", rate);
  page.bind("two", two);
  page.bind("at_most_two", at_most_two);
  page.bind("callers", 1000);
  page.bind("rare", number(Binomial(1000, rate / 1000).prob(2)));
  page.bind("hours", to_string(cast(hours, DType::i64)));
  page.bind("hours_mean", number(mean(cast(many_hours, DType::f64))), 2);
  page.bind("many_hours", int64_t{10000});
  Line of_ten{.label = "10 coins", .x = {}, .y = {}};
  Line of_calls{.label = "calls", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int k = 0; k <= 12; ++k) {
    of_ten.x.push_back(k);
    of_ten.y.push_back(k <= 10 ? number(ten.prob(k)) : 0);
    of_calls.x.push_back(k);
    of_calls.y.push_back(number(calls.prob(k)));
  }
  page.picture("counts", Plot{.id = "counts",
                              .title = "Chance of each count: heads of ten coins, and calls in an "
                                       "hour",
                              .x_label = "count",
                              .lines = {of_ten, of_calls},
                              .percent = true,
                              .dots = true});

  // Flat and bell-shaped.
  // [bell]
  const Uniform flat(2, 5);
  const Normal z;
  const Tensor sigmas{1, 2, 3};
  const Tensor inside = z.cdf(sigmas) - z.cdf(-sigmas);
  const double middle_95 = number(z.quantile(0.975));
  const double far = number(z.sf(10.0)), lost = number(1.0 - z.cdf(10.0));
  // [end]
  page.bind("flat_density", number(flat.prob(3.0)));
  page.bind("flat_mean", number(flat.mean()));
  page.bind("flat_variance", number(flat.variance()));
  page.bind("flat_low", 2);
  page.bind("flat_high", 5);
  page.table("sigmas",
             {{"within", "1 deviation", "2 deviations", "3 deviations"}, row_of("chance", inside)});
  page.bind("percent", 95);
  page.bind("middle_95", middle_95, 6);
  page.bind("ten_sigma", 10);
  page.bind("far", text::significant(far, 3));
  page.bind("lost", lost);
  page.bind("narrow_peak", number(Normal(0, 0.1).prob(0.0)), 2);
  page.bind("narrow", 0.1);

  // Means of many waiting times.
  // [clt]
  // The sum of n waiting times of mean 1 is a gamma number of shape n.
  const auto cdf_of_mean = [](double n, const Tensor& deviations) {
    return Gamma(n).cdf(n + deviations * std::sqrt(n));
  };
  // [end]
  const Tensor grid = linspace(-4, 4, 1601);
  Table means{{"numbers averaged", "distance from the bell, exact", "of 4000 sampled means"}};
  for (const int64_t n : {1, 4, 16, 64, 256}) {
    const Tensor exact = cdf_of_mean(static_cast<double>(n), grid);
    const Tensor waits = Exponential().sample(key_tensor(key_from_seed(2)), {4000, n});
    const Tensor standard = (mean(waits, {.axis = 1}) - 1.0) * std::sqrt(static_cast<double>(n));
    means.push_back({std::to_string(n), shown(number(max(abs(exact - z.cdf(grid)))), 3),
                     shown(kolmogorov_smirnov(standard, z).statistic, 2)});
  }
  page.table("means", means);
  Plot clt{.id = "clt",
           .title =
               "Means of 1, 4 and 16 waiting times, in deviations from their mean, and the "
               "bell curve",
           .x_label = "deviations from the mean",
           .lines = {}};
  size_t shade = 0;
  for (const double n : {1.0, 4.0, 16.0}) {
    Line line{.label = "", .x = {}, .y = {}, .colour = ramp_colour(++shade, 5)};
    for (int i = -60; i <= 60; ++i) {
      const double at = i / 20.0, sum = n + at * std::sqrt(n);
      line.x.push_back(at);
      line.y.push_back(sum > 0 ? number(Gamma(n).prob(sum)) * std::sqrt(n) : 0);
    }
    line.label = n == 1 ? "1" : n == 4 ? "4" : "16";
    clt.lines.push_back(line);
  }
  Line bell{.label = "bell", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = -60; i <= 60; ++i) {
    bell.x.push_back(i / 20.0);
    bell.y.push_back(number(z.prob(i / 20.0)));
  }
  clt.lines.push_back(bell);
  page.picture("clt", clt);

  // Two numbers that hang together.
  const double rho = page.set("rho", 0.7);
  // [pair]
  const MultivariateNormal pair({0, 0}, {{1, rho}, {rho, 1}});
  const double at_0 = number(pair.log_prob({0, 0}));
  const Tensor key = key_tensor(key_from_seed(42));
  const Tensor draws = pair.sample(key, {1000});
  const int64_t known[] = {0};
  const auto second = pair.conditional(known, Tensor{1.5});
  // [end]
  const std::vector<double> root = numbers(pair.cholesky);
  const std::vector<double> seen = numbers(covariance_matrix(draws));
  page.bind("rho", rho);
  page.bind("at_0", at_0, 6);
  page.bind("c11", root[0], 6);
  page.bind("c12", root[1], 6);
  page.bind("c21", root[2], 6);
  page.bind("c22", root[3], 6);
  page.bind("draws_shape",
            "(" + std::to_string(draws.shape()[0]) + ", " + std::to_string(draws.shape()[1]) + ")");
  page.bind("draws_mean", mean(draws, {.axis = 0}), 2);
  page.bind("draws_variance", seen[0], 2);
  page.bind("draws_covariance", seen[1], 2);
  page.bind("known", 1.5);
  page.bind("second_mean", number(second.location));
  page.bind("second_sd", std::sqrt(number(second.covariance)));
  page.picture("cloud", cloud(slice(draws, {{0, 400}}),
                              "400 draws of two numbers with correlation 0.7: a cloud that is "
                              "stretched along the diagonal."));

  // Classes.
  const double temperature = page.set("temperature", 2.0);
  // [classes]
  const Categorical next(Tensor{2, 1, 0.1});
  const Tensor drawn = next.sample(key, {10000});
  const auto bolder = next.with_temperature(temperature);
  const auto safer = next.with_temperature(0.5);
  const auto two_left = next.top_k(2);
  const auto most = next.top_p(0.6);
  // [end]
  const Tensor shares = mean(cast(one_hot(drawn, 3), DType::f64), {.axis = 0});
  const auto chances = [](const Categorical& c) { return exp(c.log_probs()); };
  page.table("classes", {{"", "class 0", "class 1", "class 2"},
                         row_of("logits", next.logits),
                         row_of("chances", chances(next)),
                         row_of("shares of 10 000 draws", shares, 3),
                         row_of("temperature 0.5", chances(safer)),
                         row_of("temperature " + shown(temperature), chances(bolder)),
                         row_of("top-k, k = 2", chances(two_left)),
                         row_of("top-p, p = 0.6", chances(most))});
  page.bind("temperature", temperature);

  // Random numbers.
  // [replay]
  RandomState state(42);
  const std::vector<double> numpy = state.randn(4);
  // [end]
  std::vector<std::string> words;
  for (const double v : numpy) words.push_back(text::fixed(v, 8));
  page.bind("numpy", text::join(words, ", "));
  // [counter]
  const Tensor few = random_normal(key, {3});
  const Tensor lots = random_normal(key, {1000});
  const bool same = number(all(few == slice(lots, {{0, 3}}))) == 1;
  // [end]
  page.bind("few", few);
  page.bind("same", same ? "the same three numbers" : "three other numbers");

  page.exercise(Predict{
      .name = "two-of-five",
      .answer = 0.2048,
      .tolerance = 5e-4,
      .wrong = {
          {0.02048, "order forgotten",
           "This is the chance of one order, such as two hits and then three misses. How many "
           "orders are there?"},
          {0.4, "misses forgotten",
           "Two hits are not enough: the other three must miss, each with chance 0.8."},
          {0.0512, "hits and misses exchanged", "This is the chance of two misses."},
          {0.94208, "at most instead of exactly", "This adds the chances of 0 and 1 hits."},
          {0.26272, "at least instead of exactly", "This adds the chances of 3, 4 and 5 hits."},
          {0.4096, "orders counted twice",
           "The two hits are alike: exchanging them gives no new order. 5 times 4, over 2."},
          {1, "mean instead of chance", "This is how many hits to expect."},
          {0.04, "first two only", "This is the chance that two given shots hit."}}});
  page.exercise(Choose{
      .name = "which-distribution",
      .answer = "poisson",
      .choices = {
          {"poisson", "Poisson with rate 4", "", ""},
          {"binomial", "binomial with n = 4", "rate taken for a number of trials",
           "Then more than 4 calls could never come. 4 is what is expected, not what is possible."},
          {"bernoulli", "Bernoulli with p = 0.4", "count taken for a yes or no",
           "A Bernoulli number is 0 or 1. Here 7 is possible."},
          {"uniform", "uniform on 0 to 8", "no knowledge taken for equal chances",
           "Then 8 calls would be as likely as 4, and 9 impossible."},
          {"normal", "normal with mean 4 and variance 4", "limit taken for the thing",
           "It is close for large rates. Here it gives a chance to -1 calls and to 2.5 calls."},
          {"exponential", "exponential with rate 4", "waiting time taken for the count",
           "That is how long one waits for the next call, and it is no whole number."},
          {"geometric", "geometric with p = 0.25", "trials until a success",
           "That counts trials up to the first success. Nothing is tried here until it "
           "succeeds."}}});
  page.exercise(Predict{
      .name = "above-130",
      .answer = 0.0227501,
      .tolerance = 3e-4,
      .wrong = {{0.0455003, "both tails",
                 "This is the share outside of 70 to 130. Only one side was asked."},
                {0.9772499, "below instead of above", "This is the share below 130."},
                {0.9544997, "inside instead of above", "This is the share between 70 and 130."},
                {0.1586553, "one deviation",
                 "This is the share above 115. How many deviations is 130 away?"},
                {0.0013499, "three deviations", "This is the share above 145."},
                {0.4772499, "from the mean", "This is the share between 100 and 130."},
                {0.05, "two deviations taken for 5 percent",
                 "About 5 percent lie outside, on both sides together."},
                {0, "variance taken for the deviation",
                 "15 is the standard deviation already. Do not take its root."}}});
  std::vector<Fill<Draw>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Draw>{.name = "class-from-uniform",
                           .solution = class_from_uniform,
                           .check = check_draw,
                           .wrong = wrong});
}
