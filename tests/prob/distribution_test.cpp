// Laws that hold for every distribution, and the numbers of the requirements.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
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
#include <message.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

namespace gradus {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

using Made = std::unique_ptr<Distribution>;

struct Law {
  const char* name;
  Made (*make)(const Tensor& parameters);  // (k)
  std::vector<double> parameters;
  bool counted = false;

  Made operator()() const { return make(from_vector(parameters)); }
};

Tensor at(const Tensor& p, int64_t i) {
  return element(p, {i});
}

template <class D>
Made one(const Tensor& p) {
  return std::make_unique<D>(at(p, 0));
}
template <class D>
Made two(const Tensor& p) {
  return std::make_unique<D>(at(p, 0), at(p, 1));
}
template <class D>
Made three(const Tensor& p) {
  return std::make_unique<D>(at(p, 0), at(p, 1), at(p, 2));
}

const Law laws[] = {{"uniform", two<Uniform>, {2, 5}},
                    {"normal", two<Normal>, {0.5, 2}},
                    {"lognormal", two<LogNormal>, {0.2, 0.4}},
                    {"exponential", one<Exponential>, {0.7}},
                    {"laplace", two<Laplace>, {0.25, 2}},
                    {"cauchy", two<Cauchy>, {-1, 0.5}},
                    {"gumbel", two<Gumbel>, {1, 1.5}},
                    {"gamma", two<Gamma>, {2.5, 0.8}},
                    {"gamma of a small shape", two<Gamma>, {0.6, 2}},
                    {"gamma of a large shape", two<Gamma>, {300, 3}},
                    {"chi2", one<ChiSquare>, {5}},
                    {"beta", two<Beta>, {2, 3.5}},
                    {"beta, large", two<Beta>, {40, 60}},
                    {"student t", three<StudentT>, {12, 0.5, 2}},
                    {"f", two<FisherF>, {6, 14}},
                    {"f, large", two<FisherF>, {60, 40}},
                    {"bernoulli", one<Bernoulli>, {0.7}, true},
                    {"binomial", two<Binomial>, {30, 0.35}, true},
                    {"poisson", one<Poisson>, {4}, true},
                    {"geometric", one<Geometric>, {0.3}, true}};

double value(const Tensor& x) {
  return number(x);
}

// By quantiles, where the density is smooth: integral f(x(u)) over cells, Simpson in x. Cells are
// those of p = 1e-12 ... 1 - 1e-12.
double total(const Distribution& d, bool counted) {
  if (counted) return value(sum(d.prob(arange(0, 2000))));
  double all = 2e-12;
  const double low = value(d.quantile(1e-12)), high = value(d.isf(1e-12));
  // x = low + (high - low) is cut at quantiles, so that each part is smooth and of moderate size.
  std::vector<double> cuts{low};
  for (double p = 1e-11; p < 0.09; p *= 10) cuts.push_back(value(d.quantile(p)));
  for (int i = 1; i < 20; ++i) cuts.push_back(value(d.quantile(i / 20.0)));
  for (double p = 0.01; p > 0.9e-11; p /= 10) cuts.push_back(value(d.isf(p)));
  cuts.push_back(high);
  std::sort(cuts.begin(), cuts.end());
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const double a = cuts[i], b = cuts[i + 1];
    if (!(b > a)) continue;
    const int64_t n = 2000;
    const Tensor x = linspace(a, b, n + 1), f = d.prob(x);
    const std::vector<double> y = numbers(f);
    double s = 0;
    for (size_t j = 0; j < y.size(); ++j)
      s += y[j] * (j == 0 || j + 1 == y.size() ? 1 : j % 2 == 1 ? 4 : 2);
    all += s * (b - a) / static_cast<double>(3 * n);
  }
  return all;
}

TEST(Distribution, sums_to_1_and_is_never_negative) {
  for (const Law& law : laws) {
    SCOPED_TRACE(law.name);
    const Made d = law();
    // The density of a small shape is infinite at 0: its first cell is taken from the cdf.
    EXPECT_NEAR(total(*d, law.counted), 1, 1e-8);
    for (double x : {-1e300, -3.0, -1e-10, 0.0, 1e-10, 0.5, 1.0, 2.0, 7.0, 1e10, 1e300})
      EXPECT_GE(value(d->prob(x)), 0) << x;
  }
}

TEST(Distribution, cdf_and_sf_are_the_sum_of_what_lies_below_and_above) {
  for (const Law& law : laws) {
    SCOPED_TRACE(law.name);
    const Made d = law();
    for (double p : {1e-9, 0.01, 0.3, 0.5, 0.8, 0.999}) {
      const Tensor x = d->quantile(p);
      EXPECT_NEAR(value(d->cdf(x)) + value(d->sf(x)), 1, 1e-14);
      EXPECT_NEAR(std::exp(value(d->log_cdf(x))), value(d->cdf(x)), 1e-14);
      EXPECT_NEAR(std::exp(value(d->log_sf(x))), value(d->sf(x)), 1e-14);
      if (law.counted) continue;
      // The slope of the cdf is the density.
      const double slope = value(grad([&](const Tensor& v) { return d->cdf(v); })(x));
      EXPECT_NEAR(slope, value(d->prob(x)), 1e-9 * std::fabs(slope) + 1e-300);
    }
  }
}

TEST(Distribution, quantiles_come_back_in_both_tails) {
  for (const Law& law : laws) {
    SCOPED_TRACE(law.name);
    const Made d = law();
    for (double p : {1e-200, 1e-30, 1e-10, 0.02, 0.4, 0.5, 0.6, 0.9}) {
      if (law.counted) {
        const double k = value(d->quantile(p));
        EXPECT_GE(value(d->cdf(k)), p * (1 - 1e-13));
        EXPECT_LT(value(d->cdf(k - 1)), p);
        const double m = value(d->isf(p));
        EXPECT_LE(value(d->sf(m)), p * (1 + 1e-13));
        EXPECT_GT(value(d->sf(m - 1)), p);
        continue;
      }
      // A point is known to a unit of f64, and so is the probability beyond it; some are 0 or 1.
      const double x = value(d->quantile(p)), y = value(d->isf(p));
      const double below = value(d->cdf(x)), above = value(d->sf(y));
      if (below > 0) {
        EXPECT_NEAR(below, p, 1e-12 * p + 4e-16 * std::fabs(x) * value(d->prob(x)));
      }
      if (above > 0) {
        EXPECT_NEAR(above, p, 1e-12 * p + 4e-16 * std::fabs(y) * value(d->prob(y)));
      }
    }
  }
}

TEST(Distribution, moments_and_entropy_are_the_integrals_they_name) {
  for (const Law& law : laws) {
    SCOPED_TRACE(law.name);
    if (std::string(law.name) == "cauchy") continue;
    const Made d = law();
    // Over the middles of 5,000 cells of equal probability, or over all counts.
    const int64_t n = 5'000;
    const Tensor x =
        law.counted
            ? arange(0, 2000)
            : d->quantile((arange(0, static_cast<double>(n)) + 0.5) / static_cast<double>(n));
    const Tensor w = law.counted ? d->prob(x) : full({n}, 1 / static_cast<double>(n));
    const double m = value(sum(w * x)), v = value(sum(w * square(x - m)));
    EXPECT_NEAR(value(d->mean()), m, 5e-4 * std::sqrt(v));
    EXPECT_NEAR(value(d->variance()), v, 1e-2 * v);
    EXPECT_NEAR(value(d->skewness()), value(sum(w * pow(x - m, 3.0))) / std::pow(v, 1.5), 0.15);
    const Tensor l = d->log_prob(x);
    EXPECT_NEAR(value(d->entropy()), -value(sum(where(isinf(l), 0.0, w * l))), 5e-4);
  }
}

TEST(Distribution, has_derivatives_by_x_and_by_its_parameters) {
  for (const Law& law : laws) {
    SCOPED_TRACE(law.name);
    const Tensor p = from_vector(law.parameters);
    const double x = value(law()->quantile(0.3)) + (law.counted ? 0 : 0.01);
    const std::vector<Tensor> args{p, Tensor(x)};
    const bool whole = std::string(law.name) == "binomial";
    const auto check = [&](const char* what, auto f) {
      SCOPED_TRACE(what);
      const Function g = [&, f](std::span<const Tensor> a) {
        // The number of trials is no parameter to differentiate by.
        const Tensor q = whole ? stack({stop_gradient(at(a[0], 0)), at(a[0], 1)}) : a[0];
        return f(*law.make(q), law.counted ? stop_gradient(a[1]) : a[1]);
      };
      if (whole || law.counted) {
        // Counts have no neighbours: only the probability is differentiated.
        const Tensor fixed = args[1];
        const int64_t last = whole ? 1 : 0;
        const Function by_p = [&](std::span<const Tensor> a) {
          return f(*law.make(whole ? stack({Tensor(law.parameters[0]), a[0]}) : stack({a[0]})),
                   fixed);
        };
        const Tensor chance[] = {at(p, last)};
        const GradCheck c = check_grads(by_p, chance, 1, 1e-5);
        EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
        return;
      }
      const GradCheck c = check_grads(g, args, 1, 1e-5);
      EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
    };
    check("log_prob", [](const Distribution& d, const Tensor& v) { return d.log_prob(v); });
    check("cdf", [](const Distribution& d, const Tensor& v) { return d.cdf(v); });
    check("log_sf", [](const Distribution& d, const Tensor& v) { return d.log_sf(v); });
    check("entropy", [](const Distribution& d, const Tensor&) { return d.entropy(); });
  }
}

TEST(Distribution, under_vmap_is_itself_row_by_row) {
  const Tensor x{0.3, 1.7, 2.2}, s{0.5, 1, 4};
  const Tensor all =
      vmap([](const Tensor& v, const Tensor& k) { return Gamma(k, 2.0).log_prob(v); })(x, s);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(value(at(all, i)), value(Gamma(at(s, i), 2.0).log_prob(at(x, i))));
  const Tensor counts =
      vmap([](const Tensor& p) { return Poisson(4.0).quantile(p); })(Tensor{0.1, 0.5, 0.9});
  EXPECT_EQ(numbers(counts), (std::vector<double>{2, 4, 7}));
}

TEST(Distribution, numbers_of_the_requirements) {
  const Bernoulli coin(0.7);
  EXPECT_NEAR(value(coin.prob(1)), 0.7, 1e-15);
  EXPECT_NEAR(value(coin.prob(0)), 0.3, 1e-15);
  EXPECT_NEAR(value(coin.variance()), 0.21, 1e-15);
  const Binomial b(10, 0.5);
  EXPECT_NEAR(value(b.prob(5)), 0.24609375, 1e-15);
  EXPECT_EQ(value(b.mean()), 5);
  EXPECT_EQ(value(b.variance()), 2.5);
  EXPECT_NEAR(value(Poisson(4.0).prob(2)), 0.1465, 5e-5);
  const Uniform u(2, 5);
  EXPECT_NEAR(value(u.prob(3)), 1.0 / 3, 1e-15);
  EXPECT_EQ(value(u.mean()), 3.5);
  EXPECT_EQ(value(u.variance()), 0.75);
  const Normal z;
  for (const auto& [k, p] : {std::pair{1.0, 0.6827}, {2.0, 0.9545}, {3.0, 0.9973}})
    EXPECT_NEAR(value(z.cdf(k)) - value(z.cdf(-k)), p, 5e-5);
  EXPECT_NEAR(value(z.quantile(0.975)), 1.959964, 5e-7);
  EXPECT_NEAR(value(z.sf(10)), 7.62e-24, 5e-27);
}

// n = 1e15: the sum of the largest terms is known to be 1 by the integral of the normal density.
TEST(Binomial, of_very_many_trials_neither_overflows_nor_loses_its_digits) {
  EXPECT_TRUE(std::isfinite(value(Binomial(1e6, 0.5).log_prob(500'000))));
  for (double n : {1e9, 1e12, 1e15}) {
    // P(n/2) = sqrt(2 / (pi n)) (1 - 1/(4n) + ...).
    const double want = 0.5 * std::log(2 / (std::numbers::pi * n)) - 1 / (4 * n);
    EXPECT_NEAR(value(Binomial(n, 0.5).log_prob(n / 2)), want, 1e-14 * std::fabs(want));
  }
}

TEST(Normal, far_tails_are_there_as_logarithms) {
  EXPECT_NEAR(value(Normal().log_cdf(-100)), -5005.5242086942050886, 1e-11);
  EXPECT_NEAR(value(Normal().log_sf(40)), -804.608442013754, 1e-11);
  EXPECT_EQ(value(Normal().quantile(0.0)), -infinity);
  EXPECT_EQ(value(Normal().quantile(1.0)), infinity);
}

TEST(StudentT, tails_follow_the_power_law) {
  // dof 1 is Cauchy's distribution.
  for (double x : {-1e200, -1e9, -3.0, 0.1, 40.0, 1e200}) {
    EXPECT_NEAR(value(StudentT(1.0).cdf(x)) / value(Cauchy().cdf(x)), 1, 1e-14) << x;
    EXPECT_NEAR(value(StudentT(1.0).log_prob(x)) - value(Cauchy().log_prob(x)), 0,
                1e-13 * std::fabs(value(Cauchy().log_prob(x))));
  }
  EXPECT_NEAR(value(StudentT(1.0).quantile(1e-300)) / value(Cauchy().quantile(1e-300)), 1, 1e-12);
  // and of very many degrees the normal one.
  EXPECT_NEAR(value(StudentT(1e15).sf(5)) / value(Normal().sf(5)), 1, 1e-12);
  EXPECT_NEAR(value(StudentT(1e12).log_prob(2)), value(Normal().log_prob(2)), 1e-11);
}

TEST(Entropy, of_huge_parameters_is_that_of_the_normal_limit) {
  const auto normal = [](double variance) {
    return 0.5 * std::log(2 * std::numbers::pi * std::numbers::e * variance);
  };
  EXPECT_NEAR(value(Gamma(1e10, 1.0).entropy()), normal(1e10), 1e-9);
  EXPECT_NEAR(value(Beta(1e10, 1e10).entropy()), normal(1 / 8e10), 1e-9);
  EXPECT_NEAR(value(StudentT(1e12).entropy()), normal(1), 1e-11);
  EXPECT_NEAR(value(Poisson(1e6).entropy()), normal(1e6) - 1 / 12e6, 1e-12);
  // mpmath, the sum over all counts in 30 digits.
  EXPECT_NEAR(value(Binomial(2000, 0.1).entropy()), normal(180) - 0.0002971453668, 1e-12);
  EXPECT_NEAR(value(Binomial(2000, 0.9).entropy()), normal(180) - 0.0002971453668, 1e-12);
  EXPECT_NEAR(value(Binomial(1e15, 4e-15).entropy()), value(Poisson(4.0).entropy()), 1e-13);
  EXPECT_NEAR(value(Binomial(400'010, 0.5).entropy()),
              value(Binomial(399'990, 0.5).entropy()) + 0.5 * std::log(400'010.0 / 399'990), 1e-13);
  // The sum and the series meet.
  EXPECT_NEAR(value(Poisson(999.0).entropy()), value(Poisson(1001.0).entropy()) - 1.0005e-3, 1e-5);
  EXPECT_NEAR(value(Poisson(1000.0).entropy()),
              normal(1000) - 1 / 12e3 - 1 / 24e6 - 19 / 360e9 - 9 / 80e12, 1e-12);
}

struct Pair {
  const char* name;
  Made p, q;
  Tensor kl;
};

template <class D>
Pair pair_of(const char* name, const D& p, const D& q) {
  return {name, std::make_unique<D>(p), std::make_unique<D>(q), kl_divergence(p, q)};
}

TEST(Divergence, closed_forms_agree_with_sampling) {
  std::vector<Pair> pairs;
  pairs.push_back(pair_of("uniform", Uniform(1, 2), Uniform(0, 5)));
  pairs.push_back(pair_of("normal", Normal(0, 1), Normal(1, 2)));
  pairs.push_back(pair_of("lognormal", LogNormal(0, 1), LogNormal(1, 2)));
  pairs.push_back(pair_of("exponential", Exponential(1.0), Exponential(3.0)));
  pairs.push_back(pair_of("laplace", Laplace(0, 1), Laplace(2, 1.5)));
  pairs.push_back(pair_of("cauchy", Cauchy(0, 1), Cauchy(2, 1.5)));
  pairs.push_back(pair_of("gumbel", Gumbel(0, 1), Gumbel(1, 1.7)));
  pairs.push_back(pair_of("gamma", Gamma(2, 1), Gamma(3.5, 2)));
  pairs.push_back(pair_of("beta", Beta(2, 3), Beta(4, 2)));
  pairs.push_back(pair_of("bernoulli", Bernoulli(0.3), Bernoulli(0.6)));
  pairs.push_back(pair_of("binomial", Binomial(9, 0.3), Binomial(9, 0.5)));
  pairs.push_back(pair_of("poisson", Poisson(4.0), Poisson(6.0)));
  pairs.push_back(pair_of("geometric", Geometric(0.3), Geometric(0.4)));
  for (const Pair& p : pairs) {
    SCOPED_TRACE(p.name);
    const Estimate e = kl_by_sampling(*p.p, *p.q, key_tensor(Key{17}), 50'000);
    EXPECT_NEAR(value(p.kl), value(e.value), 4 * value(e.standard_error) + 1e-12);
  }
}

// KL(p || q) of parameters 1 and 1 + h is I h^2 / 2 with Fisher's information I, whatever is lost
// when large numbers are subtracted.
TEST(Divergence, of_nearly_equal_parameters_is_half_the_information_times_their_distance_squared) {
  const double h = 0x1p-26;
  const auto near = [&](const Tensor& kl, double information, const char* name) {
    EXPECT_NEAR(value(kl) / (0.5 * information * h * h), 1, 2e-7) << name;
  };
  near(kl_divergence(Normal(0, 1), Normal(h, 1)), 1, "normal, location");
  near(kl_divergence(Normal(0, 1), Normal(0, 1 + h)), 2, "normal, scale");
  near(kl_divergence(Exponential(1.0), Exponential(1 + h)), 1, "exponential");
  near(kl_divergence(Laplace(0, 1), Laplace(h, 1)), 1, "laplace");
  near(kl_divergence(Cauchy(0, 1), Cauchy(h, 1)), 0.5, "cauchy");
  near(kl_divergence(Gamma(1, 1), Gamma(1 + h, 1)), 1.6449340668482264, "gamma, shape");
  near(kl_divergence(Gamma(1000, 1), Gamma(1000 + h, 1)), 1.0005001666666333e-3, "gamma, large");
  near(kl_divergence(Poisson(1.0), Poisson(1 + h)), 1, "poisson");
  near(kl_divergence(Gumbel(0, 1), Gumbel(h, 1)), 1, "gumbel");
  near(kl_divergence(Beta(1, 1), Beta(1 + h, 1)), 1, "beta");
  EXPECT_EQ(value(kl_divergence(Beta(2, 3), Beta(2, 3))), 0);
  EXPECT_EQ(value(kl_divergence(Uniform(0, 2), Uniform(0, 1))), infinity);
}

// mpmath, 60 digits.
TEST(Distribution, densities_keep_their_digits_where_large_parts_cancel) {
  constexpr double unit = 0x1p-52;
  const auto near = [&](const Distribution& d, double x, double expected, double units) {
    EXPECT_NEAR(value(d.log_prob(x)), expected, units * unit * std::fabs(expected)) << x;
  };
  near(FisherF(11.8171, 297.533), 0.837325, 0.028369130622861364321, 200);
  near(FisherF(3.5, 40.5), 1.25, -0.99389137407515639078, 16);
  near(Beta(3.25, 5.5), 0.25, 0.76580370240102978031, 8);
  near(Gamma(9, 11.5), 0.6875, 0.47272282004630365523, 8);
  EXPECT_EQ(value(Gamma(2.5, 1.0).log_prob(infinity)), -infinity);
  EXPECT_EQ(value(Gamma(12.0, 10.0).log_prob(1e308)), -infinity);  // rate x is beyond numbers
  EXPECT_EQ(value(Gamma(1.0, 2.0).log_prob(0.0)), std::log(2.0));
  EXPECT_EQ(value(Gamma(12.0, 1.0).log_prob(0.0)), -infinity);
  EXPECT_EQ(value(Beta(2.0, 1.0).log_prob(1.0)), std::log(2.0));
}

TEST(Distribution, counts_are_found_where_their_probability_underflows) {
  EXPECT_EQ(value(Poisson(1000.0).quantile(1e-300)), 93);
  for (double p : {1e-300, 1e-100, 1e-20}) {
    const Binomial d(100'000, 0.5);
    const double k = value(d.quantile(p));
    EXPECT_GE(value(d.cdf(k)), p * (1 - 1e-12)) << p;
    EXPECT_LT(value(d.cdf(k - 1)), p * (1 + 1e-12)) << p;
    EXPECT_EQ(value(d.isf(p)), 100'000 - k) << p;
  }
}

TEST(Distribution, refuses_parameters_that_are_none) {
  EXPECT_EQ(message_of([] {
              Normal(0.0, Tensor{1, 2, 3, 1, -0.3});
            }),
            "Normal: scale must be positive, but element [4] is -0.3.");
  EXPECT_EQ(message_of([] { Normal(0.0, 0.0); }), "Normal: scale must be positive, but it is 0.");
  EXPECT_EQ(message_of([] { Normal(infinity, 1.0); }),
            "Normal: location must be finite, but it is inf.");
  EXPECT_EQ(message_of([] { Uniform(2, 1); }),
            "Uniform: high - low must be positive, but it is -1.");
  EXPECT_EQ(message_of([] { Bernoulli(1.5); }), "Bernoulli: p must lie in [0, 1], but it is 1.5.");
  EXPECT_EQ(message_of([] { Binomial(2.5, 0.5); }),
            "Binomial: n must be a whole number, 0 or more, but it is 2.5.");
  EXPECT_EQ(message_of([] {
              Gamma(Tensor{{1, -1}}, 1.0);
            }),
            "Gamma: shape must be positive, but element [0,1] is -1.");
  EXPECT_EQ(message_of([] { Poisson(std::nan("")); }),
            "Poisson: rate must be positive, but it is nan.");
  EXPECT_EQ(message_of([] { kl_by_sampling(Normal(), Normal(), key_tensor(Key{1}), 1); }),
            "kl_by_sampling: 1 draws have no spread. Take at least two.");
}

}  // namespace
}  // namespace gradus
