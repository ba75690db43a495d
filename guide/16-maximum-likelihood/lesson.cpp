// The parameters that make the data least surprising: by hand, by Brent and by Newton; and the same
// thing under its other name, cross-entropy.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
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
using FitBell = Numbers(const Numbers&);

// [solution likeliest-bell]
// The mean and the standard deviation under which the numbers x are most
// likely, if they come from a normal distribution.
std::vector<double> likeliest_bell(const std::vector<double>& x) {
  const double n = static_cast<double>(x.size());
  // [hole return {n, n};]
  double mean = 0, squares = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / n)};
  // [end hole]
}
// [end]

double middle_of(Numbers x) {
  std::sort(x.begin(), x.end());
  const size_t half = x.size() / 2;
  return x.size() % 2 == 1 ? x[half] : (x[half - 1] + x[half]) / 2;
}

struct Mistake {
  const char *misconception, *says;
  FitBell* function;
};

const Mistake mistakes[] = {
    {"divided by n - 1",
     "This is the unbiased way, and a good habit. But it is not the maximum: write down the slope "
     "of the log-likelihood by the deviation and set it to 0.",
     [](const Numbers& x) {
       const double n = static_cast<double>(x.size());
       Numbers fit = likeliest_bell(x);
       fit[1] *= std::sqrt(n / (n - 1));
       return fit;
     }},
    {"variance for the deviation", "The second number is the variance. Take its root.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       fit[1] *= fit[1];
       return fit;
     }},
    {"mean distance for the deviation",
     "You averaged the distances without squaring them. That is right for Laplace's distribution, "
     "whose log falls with the distance; the normal one falls with its square.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       double total = 0;
       for (const double v : x) total += std::abs(v - fit[0]);
       fit[1] = total / static_cast<double>(x.size());
       return fit;
     }},
    {"median for the mean",
     "The middle number makes the sum of distances least. Squares are least at the mean.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       fit[0] = middle_of(x);
       return fit;
     }},
    {"distance from zero", "Measure the distances from the mean, not from 0.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       fit[1] = std::sqrt(fit[1] * fit[1] + fit[0] * fit[0]);
       return fit;
     }},
    {"standard error for the deviation",
     "You divided by the root of n once more. That is how far the mean is off, not how wide the "
     "bell is.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       fit[1] /= std::sqrt(static_cast<double>(x.size()));
       return fit;
     }},
    {"sum not divided", "The squares are added up and not yet divided by n.",
     [](const Numbers& x) {
       Numbers fit = likeliest_bell(x);
       fit[1] *= std::sqrt(static_cast<double>(x.size()));
       return fit;
     }},
};

std::string pair_of(const Numbers& fit) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < fit.size() && i < 4; ++i) parts.push_back(shown(fit[i]));
  return "(" + text::join(parts, ", ") + ")";
}

Verdict check_bell(FitBell* answer) {
  const Numbers cases[] = {{1, 2, 3, 4, 10}, {-3, 0, 1, 6}};
  for (const Numbers& x : cases) {
    const Numbers want = likeliest_bell(x), got = answer(x);
    const auto near = [&](const Numbers& a) {
      return got.size() == 2 && std::abs(got[0] - a[0]) <= 1e-9 && std::abs(got[1] - a[1]) <= 1e-9;
    };
    if (near(want)) continue;
    Verdict v{.where = "x = " + (x.size() == 5 ? std::string("(1, 2, 3, 4, 10)") : "(-3, 0, 1, 6)"),
              .yours = pair_of(got),
              .expected = pair_of(want)};
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

std::string tiny(double difference) {
  return std::abs(difference) < 1e-12 ? "below 1e-12" : shown(difference);
}
}  // namespace

LESSON(page) {
  // A coin.
  // [coin]
  const Tensor flips{1, 1, 0, 1, 1, 1, 0, 1, 0, 1};
  const auto surprise = [&](double p) {
    const Tensor logs = Bernoulli(p).log_prob(flips);
    return -number(sum(logs));
  };
  const Likeliest share = fit_bernoulli(flips);
  const ScalarMinimum brent = minimise_scalar(surprise, 0.001, 0.999);
  // [end]
  // [newton]
  const auto log_likelihood = [&](const Tensor& p) {
    const Tensor logs = Bernoulli(p).log_prob(flips);
    return sum(logs);
  };
  const Likeliest newton = maximise_likelihood(log_likelihood, Tensor(0.5));
  // [end]
  // [logit]
  const auto loss = [&](const Tensor& logit) {
    const Tensor logs = bernoulli_log_prob(flips, logit);
    return -sum(logs);
  };
  const Minimum by_logit = minimise(loss, Tensor{0});
  const double from_logit = number(sigmoid(by_logit.x));
  // [end]
  const Bounds sure = confidence_interval(share);
  page.bind("flips", to_string(cast(flips, DType::i64)));
  page.bind("ones", 7);
  page.bind("tosses", 10);
  page.bind("zeros", 3);
  page.bind("half", 0.5);
  page.bind("at_half", std::exp(-surprise(0.5)), 6);
  page.bind("at_best", std::exp(-surprise(0.7)), 6);
  page.bind("share", number(share.estimate));
  page.bind("brent", text::fixed(brent.x, 4));
  page.bind("brent_evaluations", brent.evaluations);
  page.bind("newton", text::fixed(number(newton.estimate), 4));
  page.bind("from_logit", text::fixed(from_logit, 4));
  page.bind("logit", number(by_logit.x));
  page.bind("surprise", surprise(0.7));
  page.bind("information", number(share.information));
  page.bind("share_error", number(share.standard_error));
  page.bind("share_low", number(sure.low));
  page.bind("share_high", number(sure.high));
  Plot hills{.id = "hills",
             .title =
                 "Log-likelihood below its maximum, by the chance of heads: 7 of 10, and 70 "
                 "of 100",
             .x_label = "chance of heads",
             .lines = {},
             .y_low = -8,
             .y_high = 0};
  for (const double n : {10.0, 100.0}) {
    Line line{.label = n == 10 ? "7 of 10" : "70 of 100",
              .x = {},
              .y = {},
              .colour = n == 10 ? "var(--ink)" : "var(--accent)"};
    for (int i = 30; i <= 95; ++i) {
      const double p = i / 100.0, y = -n / 10 * (surprise(p) - surprise(0.7));
      line.x.push_back(p);
      line.y.push_back(y < -8 ? std::nan("") : y);
    }
    hills.lines.push_back(line);
  }
  page.picture("hills", hills);

  // A thousand numbers.
  RandomState state(42);
  const Tensor all = from_vector(state.randn(1000));
  Table underflow{
      {"numbers", "product at 0", "product at 1", "log at 0", "log at 1", "best by log"}};
  for (const int64_t n : {10, 100, 1000}) {
    const Tensor x = slice(all, {{0, n}});
    // [product]
    const auto product = [&](double mu) {
      const Tensor densities = Normal(mu, 1).prob(x);
      return number(prod(densities));
    };
    const auto logs = [&](double mu) {
      const Tensor each = Normal(mu, 1).log_prob(x);
      return number(sum(each));
    };
    // [end]
    const double best = minimise_scalar([&](double mu) { return -logs(mu); }, -3, 3).x;
    const auto short_form = [](double v) { return v == 0 ? "0" : text::significant(v, 2); };
    underflow.push_back({std::to_string(n), short_form(product(0)), short_form(product(1)),
                         shown(logs(0), 1), shown(logs(1), 1), shown(best, 3)});
  }
  page.table("underflow", underflow);
  page.bind("thousand_mean", number(mean(all)), 3);
  page.bind("smallest", text::significant(5e-324, 1));
  const Tensor ten = slice(all, {{0, 10}});
  double best_product = 0, best_log = 0;
  const auto of_ten = [&](double mu) { return number(sum(Normal(mu, 1).log_prob(ten))); };
  for (int i = -200; i <= 200; ++i) {
    const double mu = i / 100.0;
    if (std::exp(of_ten(mu)) > std::exp(of_ten(best_product))) best_product = mu;
    if (of_ten(mu) > of_ten(best_log)) best_log = mu;
  }
  page.bind("best_product", best_product);
  page.bind("best_log", best_log);

  // A bell through five numbers.
  // [bell]
  const Tensor five{1, 2, 3, 4, 5};
  const Likeliest bell = fit_normal(five);
  const Bounds interval = confidence_interval(bell, 0.95);
  // [end]
  const double mu = number(element(bell.estimate, {0})),
               sigma = number(element(bell.estimate, {1}));
  page.bind("mu", mu);
  page.bind("sigma", sigma);
  page.bind("variance", sigma * sigma);
  page.bind("unbiased", number(var(five, {}, 1)));
  page.bind("bell_log", bell.log_likelihood);
  const double wider = number(sum(Normal(mu, std::sqrt(2.5)).log_prob(five)));
  page.bind("wider_log", wider);
  page.bind("mu_error", number(element(bell.standard_error, {0})));
  page.bind("mu_low", number(element(interval.low, {0})));
  page.bind("mu_high", number(element(interval.high, {0})));

  // A classifier.
  // [classes]
  const Tensor logits{{2, 1, 0.1}, {0.5, 2.5, 0}, {1, 1, 1}};
  const Tensor truth = cast(Tensor{0, 1, 2}, DType::i64);
  const Tensor as_loss = cross_entropy(logits, truth, Reduction::mean);
  const Tensor as_likelihood = -mean(Categorical(logits).log_prob(truth));
  // [end]
  const std::vector<double> chances = numbers(exp(Categorical(logits).log_prob(truth)));
  const std::vector<double> rows = numbers(cross_entropy(logits, truth, Reduction::none));
  Table each{{"example", "true class", "its chance", "minus its log"}};
  for (size_t i = 0; i < 3; ++i)
    each.push_back({std::to_string(i + 1), std::to_string(i), shown(chances[i]), shown(rows[i])});
  page.table("each", each);
  page.bind("ce", number(as_loss), 6);
  page.bind("nll", number(as_likelihood), 6);
  page.bind("ce_apart", tiny(number(as_loss) - number(as_likelihood)));
  page.bind("joint", chances[0] * chances[1] * chances[2], 6);
  page.bind("back", std::exp(-3 * number(as_loss)), 6);
  const Tensor z = full({10}, 0.4);
  page.bind("bce_apart", tiny(number(binary_cross_entropy_with_logits(z, flips, Reduction::sum)) +
                              number(sum(Bernoulli(sigmoid(0.4)).log_prob(flips)))));
  // [squares]
  const Tensor guess{1.5, 2.5, 2.5, 4, 4.5};
  const Tensor squares = mse(guess, five, Reduction::mean);
  const Tensor as_bell = -mean(Normal(guess, 1).log_prob(five));
  // [end]
  page.bind("mse", number(squares));
  page.bind("as_bell", number(as_bell), 6);
  page.bind("bell_constant", number(as_bell - squares / 2.0), 6);
  const Tensor other = five + 0.3;
  page.bind(
      "other_constant",
      number(-mean(Normal(other, 1).log_prob(five)) - mse(other, five, Reduction::mean) / 2.0), 6);
  Line cost{.label = "-log p", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 1; i <= 100; ++i) {
    cost.x.push_back(i / 100.0);
    cost.y.push_back(-std::log(i / 100.0));
  }
  page.picture("cost", Plot{.id = "cost",
                            .title = "The loss of one example, by the chance that was given to its "
                                     "true class",
                            .unit = "nats",
                            .x_label = "chance given to the truth",
                            .lines = {cost},
                            .from_zero = true});

  page.exercise(Predict{
      .name = "likeliest-rate",
      .answer = 0.2,
      .wrong = {
          {5, "mean for the rate", "This is the mean waiting time. A rate is events a minute."},
          {0.2870, "mean of the inverses",
           "You averaged the three rates. Set the slope of the log-likelihood to 0 instead."},
          {0.25, "inverse of the median", "The exponential log-likelihood sees the sum only."},
          {1.0 / 15, "number of waits forgotten",
           "Each wait gives one log of the rate: there are three of them."},
          {15, "sum of the waits", "This is all the time. How many events came in it?"},
          {45, "multiplied for divided", "The slope is 3 / rate - 15. Set it to 0."},
          {1.0 / 3, "waits ignored", "The waiting times must come in."}}});
  page.exercise(Predict{
      .name = "loss-of-three",
      .answer = std::log(10.0) / 3,
      .wrong = {
          {std::log(10.0), "sum for the mean",
           "This is the sum over the batch. The mean was asked."},
          {0.1, "likelihood for its log",
           "This is the product of the chances. Take minus its log."},
          {-std::log(10.0) / 3, "sign", "A log of a chance is negative; the loss is minus that."},
          {1.0 / 3, "logarithm of base 10", "Losses use the natural logarithm."},
          {std::log2(10.0) / 3, "logarithm of base 2", "These are bits. Losses are in nats."},
          {-std::log(1.55 / 3), "log of the mean",
           "You averaged first. Take each logarithm, then average: a small chance counts more."},
          {1 - 1.55 / 3, "mean mistake", "One minus the mean chance is not a log-likelihood."},
          {1.55 / 3, "mean chance", "This is how much chance the truth got. Where is the log?"}}});
  page.exercise(Choose{
      .name = "which-noise",
      .answer = "normal",
      .choices = {
          {"normal", "normal, with the same width everywhere", "", ""},
          {"laplace", "Laplace's, e to minus the distance", "absolute error",
           "Its negative log is the distance, not the square: that loss is the mean absolute "
           "error."},
          {"bernoulli", "Bernoulli", "cross-entropy",
           "Its negative log is the binary "
           "cross-entropy, for answers yes or no."},
          {"categorical", "categorical", "cross-entropy of classes",
           "That gives the cross-entropy, for one class of several."},
          {"uniform", "uniform in a band", "every error alike",
           "Its log is the same for all errors inside and minus infinity outside."},
          {"poisson", "Poisson", "counts",
           "Its negative log is prediction - y log(prediction), for counts."},
          {"any", "any: it is only a way to measure mistakes", "loss taken for a matter of taste",
           "A loss is a claim about the noise. One large error costs 100 times as much as one of a "
           "tenth: which bell says so?"}}});
  std::vector<Fill<FitBell>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<FitBell>{
      .name = "likeliest-bell", .solution = likeliest_bell, .check = check_bell, .wrong = wrong});
}
