// Counting, Bayes' rule, conjugate updates, naive Bayes, intervals and maximum likelihood.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/bayes.h>
#include <gradus/prob/fit.h>
#include <gradus/prob/multivariate.h>
#include <gradus/prob/table.h>
#include <gtest/gtest.h>
#include <message.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

double value(const Tensor& x) {
  return number(x);
}

using Outcome = SampleSpace::Outcome;

TEST(SampleSpace, of_dice_gives_the_probabilities_of_counting) {
  const SampleSpace die = SampleSpace::dice(1), two = SampleSpace::dice(2);
  EXPECT_EQ(two.outcomes.size(), 36u);
  const auto even = [](const Outcome& o) { return o[0] % 2 == 0; };
  const auto five = [](const Outcome& o) { return o[0] == 5; };
  EXPECT_NEAR(die.probability([&](const Outcome& o) { return even(o) || five(o); }), 4.0 / 6,
              1e-15);
  EXPECT_NEAR(die.probability(even) + die.probability(five), 4.0 / 6, 1e-15);
  const auto sum_is_8 = [](const Outcome& o) { return o[0] + o[1] == 8; };
  const auto first_is_3 = [](const Outcome& o) { return o[0] == 3; };
  EXPECT_NEAR(two.conditional(sum_is_8, first_is_3), 1.0 / 6, 1e-15);
  EXPECT_NEAR(two.probability(sum_is_8), 5.0 / 36, 1e-15);
  EXPECT_FALSE(two.independent(sum_is_8, first_is_3));
  EXPECT_TRUE(two.independent(first_is_3, [](const Outcome& o) { return o[1] > 2; }));
  const auto face = [](const Outcome& o) { return static_cast<double>(o[0]); };
  EXPECT_NEAR(die.expectation(face), 3.5, 1e-15);
  EXPECT_NEAR(die.variance(face), 35.0 / 12, 1e-14);
  // E[a X + b Y] = a E[X] + b E[Y].
  EXPECT_NEAR(two.expectation([](const Outcome& o) {
    return 2 * static_cast<double>(o[0]) - 3 * static_cast<double>(o[1]);
  }),
              -3.5, 1e-14);
  EXPECT_EQ(message_of([&] { die.conditional(five, [](const Outcome& o) { return o[0] > 6; }); }),
            "conditional: the condition has probability 0. P(a | b) = P(a and b) / P(b) needs one "
            "that can happen.");
  EXPECT_EQ(message_of([] { SampleSpace::dice(20); }),
            "dice: 20 dice of 6 sides. At least one of each, and at most 10^7 outcomes.");
}

TEST(Bayes, of_a_rare_illness_and_a_good_test) {
  const Tensor once = positive_predictive_value(0.01, 0.99, 0.95);
  EXPECT_NEAR(value(once), 0.1667, 5e-5);
  EXPECT_NEAR(value(once), 1.0 / 6, 1e-15);
  EXPECT_NEAR(value(positive_predictive_value(once, 0.99, 0.95)), 0.7984, 5e-5);
  const std::vector<double> three = numbers(bayes_rule({0.5, 0.3, 0.2}, {0.1, 0.2, 0.5}));
  EXPECT_NEAR(three[2], 0.1 / 0.21, 1e-15);
  EXPECT_EQ(message_of([] {
              bayes_rule({1, 0}, {0, 1});
            }),
            "bayes_rule: the data has probability 0 under every hypothesis. One with a positive "
            "prior must allow it.");
}

// A posterior is the prior times the likelihood, up to a constant: two points give the same ratio.
void expect_posterior(const Distribution& prior, const Distribution& posterior, double a, double b,
                      const std::function<double(double)>& log_likelihood) {
  const auto log_joint = [&](double x) { return value(prior.log_prob(x)) + log_likelihood(x); };
  EXPECT_NEAR(value(posterior.log_prob(a)) - value(posterior.log_prob(b)),
              log_joint(a) - log_joint(b), 1e-12);
}

TEST(Conjugate, posteriors_are_prior_times_likelihood) {
  const Beta p(2, 3);
  expect_posterior(p, beta_binomial(p, 7, 3), 0.3, 0.8,
                   [](double x) { return value(Binomial(10, x).log_prob(7)); });
  const Gamma g(2, 1.5);
  expect_posterior(g, gamma_poisson(g, 9, 3), 0.7, 4, [](double x) {
    double sum = 0;
    for (double k : {2, 3, 4}) sum += value(Poisson(x).log_prob(k));
    return sum;
  });
  const Normal n(1, 2);
  expect_posterior(n, normal_normal(n, 2.5, 2, 0.7), 0, 3, [](double x) {
    return value(Normal(x, 0.7).log_prob(2)) + value(Normal(x, 0.7).log_prob(3));
  });
  const Dirichlet d({1, 2, 3});
  EXPECT_EQ(numbers(dirichlet_multinomial(d, {4, 0, 1}).concentration),
            (std::vector<double>{5, 2, 4}));
  // All compositions of 4 into 3 have total probability 1.
  double all = 0;
  for (int i = 0; i <= 4; ++i)
    for (int j = 0; i + j <= 4; ++j)
      all += std::exp(value(dirichlet_multinomial_log_prob(d, {i, j, 4 - i - j})));
  EXPECT_NEAR(all, 1, 1e-13);
}

TEST(Interval, is_the_middle_of_the_posterior) {
  const Bounds i = credible_interval(Normal(3, 2), 0.95);
  EXPECT_NEAR(value(i.low), 3 - 2 * 1.959963984540054, 1e-14);
  EXPECT_NEAR(value(i.high), 3 + 2 * 1.959963984540054, 1e-14);
  EXPECT_EQ(message_of([] { credible_interval(Normal(), 1); }),
            "credible_interval: the level lies between 0 and 1, but it is 1.");
}

// By hand: class 0 holds 1, 2, 3; class 1 holds 7, 9. At 4 the variances decide.
TEST(NaiveBayes, gaussian_is_a_product_of_normal_densities) {
  const Tensor x{{1}, {2}, {3}, {7}, {9}};
  const auto m = GaussianNaiveBayes::fit(x, {0, 0, 0, 1, 1}, 2, 0);
  EXPECT_EQ(numbers(m.mean), (std::vector<double>{2, 8}));
  EXPECT_NEAR(numbers(m.variance)[0], 2.0 / 3, 1e-15);
  EXPECT_NEAR(numbers(m.variance)[1], 1, 1e-15);
  const double a = 0.6 * value(Normal(2, std::sqrt(2.0 / 3)).prob(4)),
               b = 0.4 * value(Normal(8, 1).prob(4));
  EXPECT_NEAR(std::exp(value(element(m.log_posterior({{4}}), {0, 0}))), a / (a + b), 1e-14);
  EXPECT_EQ(numbers(m.predict({{0}, {6}, {100}})), (std::vector<double>{0, 1, 1}));
  EXPECT_EQ(message_of([&] {
              GaussianNaiveBayes::fit(x, {0, 0, 0, 1, 2}, 2);
            }),
            "GaussianNaiveBayes::fit: class 2 is not one of 0 to 1.");
  EXPECT_EQ(message_of([&] {
              GaussianNaiveBayes::fit(x, {0, 0, 0, 1, 1}, 3);
            }),
            "GaussianNaiveBayes::fit: class 2 has no example. Number the classes without gaps.");
}

TEST(NaiveBayes, multinomial_counts_with_smoothing_and_without_underflow) {
  const Tensor x{{3, 0, 1}, {2, 1, 0}, {0, 4, 2}};
  const auto m = MultinomialNaiveBayes::fit(x, {0, 0, 1}, 2);
  EXPECT_NEAR(std::exp(numbers(m.log_feature)[0]), 6.0 / 10, 1e-15);
  EXPECT_NEAR(std::exp(numbers(m.log_feature)[3]), 1.0 / 9, 1e-15);
  const double a = 2.0 / 3 * std::pow(0.6, 2) * 0.2, b = 1.0 / 3 * std::pow(1.0 / 9, 2) * 5 / 9;
  EXPECT_NEAR(std::exp(value(element(m.log_posterior({{2, 1, 0}}), {0, 0}))), a / (a + b), 1e-14);
  const Tensor long_text{{100'000, 90'000, 3}};
  EXPECT_TRUE(std::isfinite(value(max(m.log_posterior(long_text)))));
  EXPECT_EQ(numbers(m.predict(long_text)), (std::vector<double>{0}));
}

TEST(Likelihood, of_a_product_underflows_where_its_logarithm_does_not) {
  const Tensor x = Normal().sample(key_tensor(Key{71}), {1000});
  const auto likelihood = [&](double m) { return value(prod(Normal(m, 1).prob(x))); };
  const auto log_likelihood = [&](double m) { return value(sum(Normal(m, 1).log_prob(x))); };
  EXPECT_EQ(likelihood(0), 0);
  EXPECT_NEAR(log_likelihood(0), -1400, 100);
  // Where both are there, they have one maximum.
  const Tensor few = slice(x, {{0, 20}});
  double best = -1, best_log = -1e300, at = 0, at_log = 0;
  for (double m = -1; m <= 1; m += 0.01) {
    const double l = value(prod(Normal(m, 1).prob(few))),
                 g = value(sum(Normal(m, 1).log_prob(few)));
    if (l > best) best = l, at = m;
    if (g > best_log) best_log = g, at_log = m;
  }
  EXPECT_EQ(at, at_log);
}

TEST(Fit, normal_on_1_to_5_has_the_variance_of_one_nth) {
  const Likeliest f = fit_normal({1, 2, 3, 4, 5});
  EXPECT_EQ(numbers(f.estimate)[0], 3);
  EXPECT_NEAR(std::pow(numbers(f.estimate)[1], 2), 2.0, 1e-15);
  EXPECT_NEAR(numbers(f.standard_error)[0], std::sqrt(2.0 / 5), 1e-15);
  EXPECT_NEAR(numbers(f.standard_error)[1], std::sqrt(2.0 / 10), 1e-15);
  const Bounds b = confidence_interval(f, 0.95);
  EXPECT_NEAR(numbers(b.low)[0], 3 - 1.959963984540054 * std::sqrt(0.4), 1e-14);
  EXPECT_NEAR(numbers(b.high)[0], 3 + 1.959963984540054 * std::sqrt(0.4), 1e-14);
}

TEST(Fit, bernoulli_on_seven_of_ten_is_0_7) {
  const Tensor x{1, 1, 0, 1, 1, 1, 0, 1, 0, 1};
  const Likeliest f = fit_bernoulli(x);
  EXPECT_NEAR(value(f.estimate), 0.70, 1e-15);
  EXPECT_NEAR(-f.log_likelihood, 6.1086, 5e-5);
  EXPECT_NEAR(value(f.standard_error), std::sqrt(0.7 * 0.3 / 10), 1e-15);
  // The same by search.
  const Likeliest n = maximise_likelihood(
      [&](const Tensor& p) { return sum(Bernoulli(p).log_prob(x)); }, Tensor(0.5));
  EXPECT_NEAR(value(n.estimate), 0.7, 1e-10);
  EXPECT_NEAR(value(n.standard_error), value(f.standard_error), 1e-8);
}

// The estimates solve the equations of the likelihood, and find the parameters of their own draws.
TEST(Fit, finds_the_parameters_of_its_draws) {
  const Tensor key = key_tensor(Key{81});
  const auto expect_found = [&](const Likeliest& f, std::vector<double> truth) {
    const std::vector<double> got = numbers(f.estimate), error = numbers(f.standard_error);
    for (size_t i = 0; i < truth.size(); ++i) {
      EXPECT_NEAR(got[i], truth[i], 4 * error[i]) << i;
      EXPECT_LT(error[i], 0.1 * std::fabs(truth[i])) << i;
    }
  };
  const Shape n{20'000};
  expect_found(fit_normal(Normal(3, 2).sample(key, n)), {3, 2});
  expect_found(fit_lognormal(LogNormal(1, 0.5).sample(key, n)), {1, 0.5});
  expect_found(fit_exponential(Exponential(0.7).sample(key, n)), {0.7});
  expect_found(fit_laplace(Laplace(2, 0.5).sample(key, n)), {2, 0.5});
  expect_found(fit_gamma(Gamma(2.5, 0.8).sample(key, n)), {2.5, 0.8});
  expect_found(fit_beta(Beta(2, 3.5).sample(key, n)), {2, 3.5});
  expect_found(fit_poisson(Poisson(4.0).sample(key, n)), {4});
  expect_found(fit_geometric(Geometric(0.3).sample(key, n)), {0.3});
  expect_found(fit_categorical(Categorical::from_probs({0.2, 0.3, 0.5}).sample(key, n), 3),
               {0.2, 0.3, 0.5});
  EXPECT_EQ(message_of([] {
              fit_gamma({1, -2});
            }),
            "fit_gamma: data must be positive, but element [1] is -2.");
  EXPECT_EQ(message_of([] {
              fit_normal({2, 2});
            }),
            "fit_normal: the spread of the data must be positive, but it is 0.");
  EXPECT_EQ(message_of([] {
              fit_normal({{2, 2}});
            }),
            "fit_normal: f64[1,2] is not a list of at least 2 numbers.");
}

TEST(MultivariateNormal, of_the_guide_and_its_parts) {
  const MultivariateNormal d({0, 0}, {{1, 0.7}, {0.7, 1}});
  EXPECT_NEAR(value(d.log_prob({0, 0})), -1.501205, 5e-7);
  EXPECT_NEAR(value(element(d.cholesky, {1, 1})), 0.714143, 5e-7);
  // Chain rule: p(x, y) = p(x) p(y | x).
  const int64_t first[] = {0}, second[] = {1};
  const Tensor x{0.3, -1.2};
  const double joint = value(d.log_prob(x));
  const double parts = value(d.marginal(first).log_prob(Tensor{0.3})) +
                       value(d.conditional(first, Tensor{0.3}).log_prob(Tensor{-1.2}));
  EXPECT_NEAR(joint, parts, 1e-14);
  EXPECT_NEAR(value(element(d.conditional(second, Tensor{2}).location, {0})), 1.4, 1e-15);
  EXPECT_NEAR(value(element(d.conditional(second, Tensor{2}).covariance, {0, 0})), 0.51, 1e-15);
  // A batch of points, and derivatives by all three.
  EXPECT_EQ(d.log_prob(zeros({4, 2})).shape(), (Shape{4}));
  const Tensor args[] = {x, Tensor{0.1, 0.2}, Tensor{{1.5, 0.4}, {0.4, 0.8}}};
  const Function f = [](std::span<const Tensor> a) {
    const Tensor symmetric = 0.5 * (a[2] + transpose(a[2]));
    return MultivariateNormal(a[1], symmetric).log_prob(a[0]);
  };
  const GradCheck c = check_grads(f, args, 2, 1e-5);
  EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
  EXPECT_EQ(message_of([] {
              MultivariateNormal({0, 0}, {{1, 2}, {2, 1}});
            }).substr(0, 42),
            "cholesky: f64[2,2] is not positive definit");
  EXPECT_EQ(message_of([] {
              MultivariateNormal({0, 0, 0}, {{1, 0}, {0, 1}});
            }),
            "MultivariateNormal: location f64[3] and covariance f64[2,2] do not fit. They are "
            "(..., n) and (..., n, n).");
}

TEST(Dirichlet, of_two_is_beta_and_multinomial_of_two_is_binomial) {
  for (const auto& [a, b] : {std::pair{0.3, 2.0}, {2.0, 3.0}, {50.0, 80.0}, {1e6, 2e6}}) {
    const Dirichlet d(stack({Tensor(a), Tensor(b)}));
    const Beta e(a, b);
    const double x = value(e.quantile(0.3));
    EXPECT_NEAR(value(d.log_prob(stack({Tensor(x), Tensor(1 - x)}))), value(e.log_prob(x)), 1e-8)
        << a;
    EXPECT_NEAR(value(d.entropy()), value(e.entropy()), 1e-12);
    const Dirichlet q(stack({Tensor(a * 1.1), Tensor(b)}));
    EXPECT_NEAR(value(kl_divergence(d, q)), value(kl_divergence(e, Beta(a * 1.1, b))), 1e-9);
  }
  const Multinomial m(30, {0.35, 0.65});
  for (int k : {0, 1, 12, 30})
    EXPECT_NEAR(value(m.log_prob({k, 30 - k})), value(Binomial(30, 0.35).log_prob(k)), 1e-12);
  EXPECT_EQ(value(exp(m.log_prob({3, 4}))), 0);
}

TEST(Table, gives_every_function_by_name) {
  const std::vector<std::string> names = distribution_function_names();
  EXPECT_GT(names.size(), 250u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  const auto call = [](std::string_view name, std::vector<Tensor> args) {
    return value(distribution_function(name, args));
  };
  EXPECT_NEAR(call("normal.logpdf", {1.0, 0.0, 1.0}), -1.4189385332046727, 1e-15);
  EXPECT_NEAR(call("normal.entropy", {2.0}), call("normal.entropy", {5.0, 2.0}), 0);
  EXPECT_NEAR(call("binomial.kl", {10.0, 0.3, 0.5}), 10 * call("bernoulli.kl", {0.3, 0.5}), 1e-15);
  EXPECT_NEAR(call("cauchy.quantile", {0.75, 1.0, 2.0}), 3, 1e-15);
  EXPECT_NEAR(call("chi2.mean", {5.0}), 5, 0);
  EXPECT_NEAR(call("gumbel.isf", {0.1, 0.0, 1.0}), -std::log(-std::log(0.9)), 1e-14);
  EXPECT_EQ(message_of([&] { call("normal.mode", {1.0}); }),
            "the function normal.mode is not offered");
  EXPECT_EQ(message_of([&] { call("normal.cdf", {1.0}); }),
            "normal.cdf: 1 arguments do not fit. It takes 3.");
}

}  // namespace
}  // namespace gradus
