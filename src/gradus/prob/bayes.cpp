#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/bayes.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// One column a class: (n, classes) with a 1 where the row is of it.
Tensor membership(const char* op, const Tensor& x, const Tensor& classes, int64_t count) {
  if (x.rank() != 2 || classes.rank() != 1 || x.shape()[0] != classes.shape()[0])
    raise(ErrorKind::shape, std::string(op) + ": " + to_string(x.type()) + " and classes " +
                                to_string(classes.type()) +
                                " do not fit. They are (n, features) and (n).");
  const std::vector<double> all = numbers(classes);
  std::vector<int64_t> of(static_cast<size_t>(std::max<int64_t>(count, 0)));
  for (double c : all) {
    if (!(c >= 0 && c < static_cast<double>(count)) || c != std::floor(c))
      raise(ErrorKind::domain, std::string(op) + ": class " + text::number(c) +
                                   " is not one of 0 to " + std::to_string(count - 1) + ".");
    ++of[static_cast<size_t>(c)];
  }
  for (size_t c = 0; c < of.size(); ++c)
    if (of[c] == 0)
      raise(ErrorKind::domain, std::string(op) + ": class " + std::to_string(c) +
                                   " has no example. Number the classes without gaps.");
  return one_hot(cast(classes, DType::i64), count, x.dtype());
}

Tensor normalised(const Tensor& joint) {
  return joint - logsumexp(joint, {.axis = -1, .keepdims = true});
}

}  // namespace

SampleSpace SampleSpace::equally_likely(std::vector<Outcome> all) {
  if (all.empty())
    raise(ErrorKind::domain, "equally_likely: a sample space has at least one outcome.");
  const double p = 1 / static_cast<double>(all.size());
  std::vector<double> each(all.size(), p);
  return {std::move(all), std::move(each)};
}

SampleSpace SampleSpace::dice(int64_t count, int64_t sides) {
  if (count < 1 || sides < 1 ||
      std::pow(static_cast<double>(sides), static_cast<double>(count)) > 1e7)
    raise(ErrorKind::domain, "dice: " + std::to_string(count) + " dice of " +
                                 std::to_string(sides) +
                                 " sides. At least one of each, and at most 10^7 outcomes.");
  std::vector<Outcome> all{{}};
  for (int64_t i = 0; i < count; ++i) {
    std::vector<Outcome> longer;
    for (const Outcome& o : all)
      for (int64_t s = 1; s <= sides; ++s) {
        longer.push_back(o);
        longer.back().push_back(s);
      }
    all = std::move(longer);
  }
  return equally_likely(std::move(all));
}

double SampleSpace::expectation(const std::function<double(const Outcome&)>& x) const {
  double total = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) total += probabilities[i] * x(outcomes[i]);
  return total;
}

double SampleSpace::variance(const std::function<double(const Outcome&)>& x) const {
  const double mean = expectation(x);
  return expectation([&](const Outcome& o) { return (x(o) - mean) * (x(o) - mean); });
}

double SampleSpace::probability(const Event& a) const {
  return expectation([&](const Outcome& o) { return a(o) ? 1.0 : 0.0; });
}

double SampleSpace::conditional(const Event& a, const Event& b) const {
  const double given = probability(b);
  if (given == 0)
    raise(ErrorKind::domain,
          "conditional: the condition has probability 0. P(a | b) = P(a and b) / P(b) needs one "
          "that can happen.");
  return probability([&](const Outcome& o) { return a(o) && b(o); }) / given;
}

bool SampleSpace::independent(const Event& a, const Event& b, double tolerance) const {
  const double both = probability([&](const Outcome& o) { return a(o) && b(o); });
  return std::fabs(both - probability(a) * probability(b)) <= tolerance;
}

Tensor bayes_rule(const Tensor& prior, const Tensor& likelihood) {
  const Tensor joint = parameter("bayes_rule", "prior", prior, Must::be_a_probability) *
                       parameter("bayes_rule", "likelihood", likelihood, Must::be_a_weight);
  const Tensor evidence = sum(joint, {.axis = -1, .keepdims = true});
  if (has_numbers(evidence) && number(min(evidence)) == 0)
    raise(ErrorKind::domain,
          "bayes_rule: the data has probability 0 under every hypothesis. One with a positive "
          "prior must allow it.");
  return joint / evidence;
}

Tensor positive_predictive_value(const Tensor& prevalence, const Tensor& sensitivity,
                                 const Tensor& specificity) {
  const Tensor p = as_float(prevalence);
  return element(
      bayes_rule(stack({p, 1.0 - p}), stack({as_float(sensitivity), 1.0 - as_float(specificity)})),
      {0});
}

Beta beta_binomial(const Beta& prior, const Tensor& successes, const Tensor& failures) {
  return {prior.a + as_float(successes), prior.b + as_float(failures)};
}

Gamma gamma_poisson(const Gamma& prior, const Tensor& total, const Tensor& count) {
  return Gamma(prior.shape + as_float(total), prior.rate + as_float(count));
}

Normal normal_normal(const Normal& prior, const Tensor& sample_mean, const Tensor& count,
                     const Tensor& sd) {
  // Precisions add, means are weighted by them.
  const Tensor before = 1.0 / square(prior.scale), data = as_float(count) / square(as_float(sd));
  const Tensor after = before + data;
  return Normal((before * prior.location + data * as_float(sample_mean)) / after,
                1.0 / sqrt(after));
}

Dirichlet dirichlet_multinomial(const Dirichlet& prior, const Tensor& counts) {
  return Dirichlet(prior.concentration + as_float(counts));
}

Tensor dirichlet_multinomial_log_prob(const Dirichlet& prior, const Tensor& counts) {
  const Tensor x = as_float(counts), &a = prior.concentration;
  const Tensor n = sum(x, {.axis = -1}), all = sum(a, {.axis = -1});
  return lgamma(n + 1.0) + lgamma(all) - lgamma(n + all) +
         sum(lgamma(x + a) - lgamma(a) - lgamma(x + 1.0), {.axis = -1});
}

Bounds credible_interval(const Distribution& d, double level) {
  if (!(level > 0 && level < 1))
    raise(ErrorKind::domain, "credible_interval: the level lies between 0 and 1, but it is " +
                                 text::number(level) + ".");
  const double out = 0.5 * (1 - level);
  return {d.quantile(out), d.isf(out)};
}

GaussianNaiveBayes GaussianNaiveBayes::fit(const Tensor& data, const Tensor& classes, int64_t count,
                                           double smoothing) {
  const Tensor x = as_float(data);
  const Tensor is = membership("GaussianNaiveBayes::fit", x, classes, count);
  const Tensor n = sum(is, {.axis = 0}), each = expand_dims(n, -1);
  const Tensor m = matmul(transpose(is), x) / each;
  const Tensor off = x - matmul(is, m);
  const Tensor v = matmul(transpose(is), square(off)) / each;
  const Tensor extra = smoothing * max(var(x, {.axis = 0}));
  return {log(n / sum(n)), m,
          parameter("GaussianNaiveBayes::fit", "variance", v + extra, Must::be_positive)};
}

Tensor GaussianNaiveBayes::log_posterior(const Tensor& x) const {
  const Tensor rows = expand_dims(as_float(x), 1);  // (n, 1, features)
  const Tensor log_p = Normal(mean, sqrt(variance)).log_prob(rows);
  return normalised(log_prior + sum(log_p, {.axis = -1}));
}

Tensor GaussianNaiveBayes::predict(const Tensor& x) const {
  return argmax(log_posterior(x), -1);
}

MultinomialNaiveBayes MultinomialNaiveBayes::fit(const Tensor& data, const Tensor& classes,
                                                 int64_t count, double smoothing) {
  if (!(smoothing >= 0))
    raise(ErrorKind::domain, "MultinomialNaiveBayes::fit: smoothing " + text::number(smoothing) +
                                 " is negative. It is added to every count.");
  const Tensor x =
      parameter("MultinomialNaiveBayes::fit", "counts", as_float(data), Must::be_a_weight);
  const Tensor is = membership("MultinomialNaiveBayes::fit", x, classes, count);
  const Tensor n = sum(is, {.axis = 0});
  const Tensor counts = matmul(transpose(is), x) + smoothing;
  return {log(n / sum(n)), log(counts) - log(sum(counts, {.axis = -1, .keepdims = true}))};
}

Tensor MultinomialNaiveBayes::log_posterior(const Tensor& x) const {
  // A word that is not there says nothing, even where its probability is 0.
  const Tensor rows = expand_dims(as_float(x), 1);
  const Tensor said = where(rows == 0.0, 0.0, rows * log_feature);
  return normalised(log_prior + sum(said, {.axis = -1}));
}

Tensor MultinomialNaiveBayes::predict(const Tensor& x) const {
  return argmax(log_posterior(x), -1);
}

}  // namespace gradus
