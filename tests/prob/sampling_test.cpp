// A million draws of each distribution against its exact law, with fixed seeds.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/multivariate.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

constexpr int64_t count = 1'000'000;

double value(const Tensor& x) {
  return number(x);
}

// Mean and variance of the draws within 4.5 standard errors.
void expect_moments(const Distribution& d, const Tensor& x) {
  const auto n = static_cast<double>(x.size());
  const double m = value(d.mean()), v = value(d.variance()), k = value(d.excess_kurtosis());
  EXPECT_NEAR(value(mean(x)), m, 4.5 * std::sqrt(v / n));
  EXPECT_NEAR(value(var(x)), v, 4.5 * v * std::sqrt((k + 2) / n));
}

// The largest distance between the draws' distribution and the law, by cells of 1/512; sqrt(n)
// times it exceeds 1.95 once in a thousand seeds (Kolmogorov).
void expect_law(const Distribution& d, const Tensor& draws) {
  std::vector<double> x = numbers(draws);
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double worst = 0;
  for (int i = 1; i < 512; ++i) {
    const double p = i / 512.0, at = value(d.quantile(p));
    const auto below = static_cast<double>(std::upper_bound(x.begin(), x.end(), at) - x.begin());
    worst = std::max(worst, std::fabs(below / n - value(d.cdf(at))));
  }
  EXPECT_LT(worst * std::sqrt(n), 1.95);
}

// Pearson's chi-square over the counts that are expected 10 times at least.
void expect_counts(const Distribution& d, const Tensor& draws) {
  std::vector<double> seen(4096);
  for (double x : numbers(draws)) {
    ASSERT_TRUE(x >= 0 && x < 4096 && x == std::floor(x));
    seen[static_cast<size_t>(x)] += 1;
  }
  const std::vector<double> p = numbers(d.prob(arange(0, 4096)));
  const auto n = static_cast<double>(draws.size());
  double chi2 = 0, rest_seen = 0, rest = 0, cells = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected = n * p[i];
    if (expected < 10) {
      rest += expected, rest_seen += seen[i];
    } else {
      chi2 += (seen[i] - expected) * (seen[i] - expected) / expected, cells += 1;
    }
  }
  if (rest > 1) chi2 += (rest_seen - rest) * (rest_seen - rest) / rest, cells += 1;
  EXPECT_GT(value(ChiSquare(cells - 1).sf(chi2)), 1e-4) << chi2 << " of " << cells;
}

void expect_continuous(const char* name, const Distribution& d, uint64_t seed,
                       bool moments = true) {
  SCOPED_TRACE(name);
  const Tensor x = d.sample(key_tensor(Key{seed}), {count});
  if (moments) expect_moments(d, x);
  expect_law(d, x);
}

TEST(Sampling, of_continuous_distributions_follows_their_law) {
  expect_continuous("uniform", Uniform(2, 5), 1);
  expect_continuous("normal", Normal(0.5, 2), 2);
  expect_continuous("lognormal", LogNormal(0.2, 0.4), 3);
  expect_continuous("exponential", Exponential(0.7), 4);
  expect_continuous("laplace", Laplace(0.25, 2), 5);
  expect_continuous("cauchy", Cauchy(-1, 0.5), 6, false);
  expect_continuous("gumbel", Gumbel(1, 1.5), 7);
  expect_continuous("gamma", Gamma(2.5, 0.8), 8);
  expect_continuous("gamma below 1", Gamma(0.3, 2.0), 9);
  expect_continuous("gamma, large", Gamma(300, 3), 10);
  expect_continuous("chi2", ChiSquare(5.0), 11);
  expect_continuous("beta", Beta(2, 3.5), 12);
  expect_continuous("beta below 1", Beta(0.5, 0.7), 13);
  expect_continuous("student t", StudentT(12.0, 0.5, 2.0), 14);
  expect_continuous("f", FisherF(6, 14), 15);
}

void expect_discrete(const char* name, const Distribution& d, uint64_t seed) {
  SCOPED_TRACE(name);
  const Tensor x = d.sample(key_tensor(Key{seed}), {count});
  expect_moments(d, x);
  expect_counts(d, x);
}

TEST(Sampling, of_counts_follows_their_law) {
  expect_discrete("bernoulli", Bernoulli(0.7), 21);
  expect_discrete("binomial", Binomial(30, 0.35), 22);
  expect_discrete("binomial, many", Binomial(3000, 0.1), 23);
  expect_discrete("binomial, mostly successes", Binomial(40, 0.8), 27);
  expect_discrete("binomial, nearly all", Binomial(40, 0.97), 28);
  expect_discrete("binomial, the first that are rejected", Binomial(60, 0.5), 29);
  expect_discrete("binomial, one trial", Binomial(1, 0.25), 30);
  expect_discrete("poisson", Poisson(4.0), 24);
  expect_discrete("poisson, rare", Poisson(0.01), 20);
  expect_discrete("poisson, the last that are inverted", Poisson(29.9), 19);
  expect_discrete("poisson, the first that are rejected", Poisson(30.0), 18);
  expect_discrete("poisson, large", Poisson(400.0), 25);
  expect_discrete("geometric", Geometric(0.3), 26);
}

// Of one law a table is searched, of a law an element each finds its own way.
TEST(Sampling, of_counts_is_the_same_for_one_law_and_for_a_law_an_element) {
  const Tensor key = key_tensor(Key{71});
  for (double rate : {0.3, 7.5, 29.9, 30.0, 250.0})
    EXPECT_TRUE(same_bits(Poisson(rate).sample(key, {10'000}),
                          Poisson(full({10'000}, rate)).sample(key, {10'000})))
        << rate;
  for (double p : {0.01, 0.2, 0.6, 0.9})
    EXPECT_TRUE(same_bits(Binomial(70, p).sample(key, {10'000}),
                          Binomial(full({10'000}, 70), p).sample(key, {10'000})))
        << p;
}

TEST(Sampling, of_counts_with_a_law_an_element_follows_each) {
  const Tensor rates = broadcast_to(Tensor{2, 30, 800}, {count / 4, 3});
  const Tensor x = Poisson(rates).sample(key_tensor(Key{72}), {count / 4, 3});
  const Tensor ns = broadcast_to(Tensor{8, 100, 5000}, {count / 4, 3});
  const Tensor y = Binomial(ns, 0.4).sample(key_tensor(Key{73}), {count / 4, 3});
  const auto column = [](const Tensor& t, int64_t i) { return row(transpose(t), i); };
  for (int64_t i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    const Poisson p(number(element(rates, {0, i})));
    expect_moments(p, column(x, i));
    expect_counts(p, column(x, i));
    const Binomial b(number(element(ns, {0, i})), 0.4);
    expect_moments(b, column(y, i));
    expect_counts(b, column(y, i));
  }
}

TEST(Sampling, of_counts_holds_at_the_ends) {
  const Tensor key = key_tensor(Key{74});
  EXPECT_EQ(value(max(Binomial(7, 0.0).sample(key, {1000}))), 0);
  EXPECT_EQ(value(min(Binomial(7, 1.0).sample(key, {1000}))), 7);
  EXPECT_EQ(value(max(Binomial(0, 0.5).sample(key, {1000}))), 0);
  // Far beyond where a sum of probabilities or the gamma function reaches.
  for (double rate : {1e9, 1e15}) {
    const Tensor z = (Poisson(rate).sample(key, {100'000}) - rate) / std::sqrt(rate);
    EXPECT_NEAR(value(mean(z)), 0, 0.015);
    EXPECT_NEAR(value(var(z)), 1, 0.02);
  }
  const Tensor z = (Binomial(1e12, 0.3).sample(key, {100'000}) - 3e11) / std::sqrt(2.1e11);
  EXPECT_NEAR(value(mean(z)), 0, 0.015);
  EXPECT_NEAR(value(var(z)), 1, 0.02);
}

TEST(Sampling, of_classes_follows_their_probabilities) {
  const Tensor p{0.1, 0.2, 0.05, 0.4, 0.25};
  const std::vector<double> ps = numbers(p);
  const auto expect_shares = [&](const Tensor& draws) {
    std::vector<double> seen(5);
    for (double c : numbers(draws)) seen.at(static_cast<size_t>(c)) += 1;
    double chi2 = 0;
    for (size_t i = 0; i < 5; ++i) {
      const double expected = ps[i] * static_cast<double>(draws.size());
      chi2 += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    EXPECT_GT(value(ChiSquare(4.0).sf(chi2)), 1e-4) << chi2;
  };
  expect_shares(Categorical::from_probs(p).sample(key_tensor(Key{31}), {count}));
  expect_shares(Categorical(log(p) + 1000.0).sample(key_tensor(Key{32}), {count}));
  expect_shares(AliasTable(3.0 * p).sample(key_tensor(Key{33}), {count}));
  // Multinomial counts have the mean and covariance they say.
  const Multinomial m(20, p);
  const Tensor x = m.sample(key_tensor(Key{34}), {10'000});
  EXPECT_EQ(value(max(abs(sum(x, {.axis = -1}) - 20.0))), 0);
  EXPECT_LT(value(max(abs(mean(x, {.axis = 0}) - m.mean()))), 0.09);
  const Tensor off = x - mean(x, {.axis = 0});
  EXPECT_LT(value(max(abs(matmul(transpose(off), off) / 1e4 - m.covariance()))), 0.3);
}

TEST(Sampling, of_vectors_has_their_mean_and_covariance) {
  const MultivariateNormal d({1, -2}, {{1, 0.7}, {0.7, 1}});
  const Tensor x = d.sample(key_tensor(Key{41}), {count});
  EXPECT_EQ(x.shape(), (Shape{count, 2}));
  const Tensor off = x - d.mean();
  EXPECT_LT(value(max(abs(mean(off, {.axis = 0})))), 0.0045);
  EXPECT_LT(
      value(max(abs(matmul(transpose(off), off) / static_cast<double>(count) - d.covariance))),
      0.0065);
  const Dirichlet e({0.5, 2, 4});
  const Tensor y = e.sample(key_tensor(Key{42}), {count});
  EXPECT_LT(value(max(abs(sum(y, {.axis = -1}) - 1.0))), 1e-15);
  EXPECT_LT(value(max(abs(mean(y, {.axis = 0}) - e.mean()))), 1e-3);
  EXPECT_LT(value(max(abs(var(y, {.axis = 0}) - e.variance()))), 3e-4);
}

TEST(Sampling, gives_the_same_numbers_on_any_number_of_threads) {
  const int before = thread_count();
  const Tensor key = key_tensor(Key{51});
  const auto all = [&] {
    return std::vector<Tensor>{Gamma(0.4, 1.0).sample(key, {100'000}),
                               Gamma(7.0, 1.0).sample(key, {100'000}),
                               Poisson(30.0).sample(key, {20'000}),
                               Binomial(90, exp(-0.1 * arange(0, 5))).sample(key, {20'000, 5}),
                               AliasTable(Tensor{1, 2, 3}).sample(key, {100'000})};
  };
  set_thread_count(1);
  const std::vector<Tensor> alone = all();
  set_thread_count(4);
  const std::vector<Tensor> shared = all();
  set_thread_count(before);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(same_bits(alone[i], shared[i])) << i;
  // A longer draw begins with the shorter one.
  const Tensor longer = Gamma(7.0, 1.0).sample(key, {100'001});
  EXPECT_TRUE(same_bits(slice(longer, {{0, 100'000}}), alone[1]));
}

TEST(Sampling, is_reparameterised) {
  const Tensor key = key_tensor(Key{61});
  // d E[x] / d parameter over draws is the derivative of the mean.
  const auto slope = [&](auto make, double at) {
    return value(
        grad([&](const Tensor& p) { return mean(make(p).sample(key, {20'000})); })(Tensor(at)));
  };
  EXPECT_NEAR(slope([](const Tensor& p) { return Normal(p, 2.0); }, 1), 1, 1e-12);
  EXPECT_NEAR(slope([](const Tensor& p) { return Exponential(p); }, 2), -0.25, 5e-3);
  EXPECT_NEAR(slope([](const Tensor& p) { return Gamma(p, 1.0); }, 3), 1, 0.01);
  EXPECT_NEAR(slope([](const Tensor& p) { return Gamma(p, 1.0); }, 0.5), 1, 0.03);
  EXPECT_NEAR(slope([](const Tensor& p) { return Beta(p, 2.0); }, 2), 0.125, 0.003);
  // vmap over keys draws for each.
  const Tensor keys = split(key, iota(3));
  const Tensor rows = vmap([](const Tensor& k) { return Gamma(2.0, 1.0).sample(k, {4}); })(keys);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(same_bits(row(rows, i), Gamma(2.0, 1.0).sample(row(keys, i), {4})));
}

TEST(Categorical, filters_what_is_sampled_from) {
  const Categorical c = Categorical::from_probs({0.5, 0.25, 0.15, 0.1});
  const auto probs = [](const Categorical& d) { return numbers(exp(d.log_probs())); };
  const std::vector<double> two = probs(c.top_k(2));
  EXPECT_NEAR(two[0], 2.0 / 3, 1e-15);
  EXPECT_EQ(two[2], 0);
  const std::vector<double> most = probs(c.top_p(0.8));
  EXPECT_NEAR(most[2], 0.15 / 0.9, 1e-15);
  EXPECT_EQ(most[3], 0);
  EXPECT_NEAR(probs(c.top_p(1e-9))[0], 1, 1e-15);
  EXPECT_NEAR(probs(c.with_temperature(0.5))[0], 0.25 / 0.345, 1e-15);
  EXPECT_NEAR(value(c.with_temperature(1e9).entropy()), std::log(4), 1e-9);
  EXPECT_NEAR(value(c.log_prob(Tensor(int64_t{2}))), std::log(0.15), 1e-15);
  EXPECT_NEAR(value(kl_divergence(c, c.with_temperature(1))), 0, 1e-16);
}

}  // namespace
}  // namespace gradus
