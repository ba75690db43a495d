// Probability by counting and by Bayes' rule: finite sample spaces, tables, conjugate updates,
// naive Bayes, and intervals for what is not known.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/multivariate.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gradus {

// Outcomes that can be listed, with probabilities of sum 1. An event is a set of them, given by
// what is true of its outcomes.
struct SampleSpace {
  using Outcome = std::vector<int64_t>;
  using Event = std::function<bool(const Outcome&)>;
  std::vector<Outcome> outcomes;
  std::vector<double> probabilities;

  // All results of `count` fair dice, in order: {1, 1}, {1, 2}, ...
  static SampleSpace dice(int64_t count, int64_t sides = 6);
  static SampleSpace equally_likely(std::vector<Outcome> outcomes);

  double probability(const Event& a) const;
  // P(a | b) = P(a and b) / P(b). Raises a DomainError where P(b) is 0.
  double conditional(const Event& a, const Event& b) const;
  bool independent(const Event& a, const Event& b, double tolerance = 1e-12) const;
  double expectation(const std::function<double(const Outcome&)>& x) const;
  double variance(const std::function<double(const Outcome&)>& x) const;
};

// P(h | data) from the prior P(h) (k) and the likelihoods P(data | h) (k). Raises a DomainError
// where no hypothesis allows the data.
Tensor bayes_rule(const Tensor& prior, const Tensor& likelihood);
// P(ill | positive), from P(ill), P(positive | ill) and P(negative | well).
Tensor positive_predictive_value(const Tensor& prevalence, const Tensor& sensitivity,
                                 const Tensor& specificity);

// Posteriors where prior and likelihood belong together. Rates as in Gamma.
Beta beta_binomial(const Beta& prior, const Tensor& successes, const Tensor& failures);
Gamma gamma_poisson(const Gamma& prior, const Tensor& total, const Tensor& count);
Normal normal_normal(const Normal& prior, const Tensor& sample_mean, const Tensor& count,
                     const Tensor& sd);  // of one observation, known
Dirichlet dirichlet_multinomial(const Dirichlet& prior, const Tensor& counts);
// P(counts) with the probabilities integrated out.
Tensor dirichlet_multinomial_log_prob(const Dirichlet& prior, const Tensor& counts);

// The middle `level` of a distribution: as much is left out on either side.
Bounds credible_interval(const Distribution& d, double level = 0.95);

// Classes from features that are taken as independent given the class. All in logarithms.
struct GaussianNaiveBayes {
  Tensor log_prior, mean, variance;  // (classes), (classes, features) twice
  // x (n, features), classes (n) integers below `count`. `smoothing` times the largest variance of
  // a feature is added to all variances.
  static GaussianNaiveBayes fit(const Tensor& x, const Tensor& classes, int64_t count,
                                double smoothing = 1e-9);
  Tensor log_posterior(const Tensor& x) const;  // (n, classes)
  Tensor predict(const Tensor& x) const;        // (n) i64
};
struct MultinomialNaiveBayes {
  Tensor log_prior, log_feature;  // (classes), (classes, features)
  // Counts x (n, features); `smoothing` is added to every count (Laplace: 1).
  static MultinomialNaiveBayes fit(const Tensor& x, const Tensor& classes, int64_t count,
                                   double smoothing = 1);
  Tensor log_posterior(const Tensor& x) const;
  Tensor predict(const Tensor& x) const;
};

}  // namespace gradus
