#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/information.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>
#include <numbers>

namespace gradus {
namespace {

constexpr LogBase bits = LogBase::two, nats = LogBase::e, bans = LogBase::ten;
constexpr double infinite = std::numeric_limits<double>::infinity();

Tensor normals(uint64_t seed, int64_t n) {
  std::vector<double> x(static_cast<size_t>(n));
  fill_normal(key_from_seed(seed), 0, std::span(x));
  return from_vector(x);
}

TEST(Entropy, of_the_guides_examples_in_every_unit) {
  EXPECT_EQ(number(entropy({0.25, 0.25, 0.25, 0.25}, bits)), 2);
  EXPECT_NEAR(number(entropy({0.97, 0.01, 0.01, 0.01}, bits)), 0.2419, 5e-5);
  EXPECT_EQ(number(entropy({1, 0, 0}, bits)), 0);
  EXPECT_FALSE(std::signbit(number(entropy({1, 0, 0}, bits))));
  EXPECT_DOUBLE_EQ(number(entropy({0.5, 0.5}, nats)), std::numbers::ln2);
  EXPECT_DOUBLE_EQ(number(entropy({0.5, 0.5}, bans)), std::log10(2.0));
  EXPECT_STREQ(unit_of(bits), "bits");
  EXPECT_STREQ(unit_of(nats), "nats");
  EXPECT_STREQ(unit_of(bans), "bans");
}

TEST(Entropy, runs_over_a_batch_along_any_axis) {
  const Tensor p({{0.5, 1}, {0.5, 0}});
  EXPECT_EQ(numbers(entropy(p, bits, 0)), (std::vector<double>{1, 0}));
  EXPECT_EQ(numbers(entropy(transpose(p), bits)), (std::vector<double>{1, 0}));
}

TEST(Entropy, from_logits_is_that_of_their_softmax_and_finite_for_huge_ones) {
  const Tensor z({2, 1, 0.1});
  EXPECT_NEAR(number(entropy_from_logits(z, nats)), number(entropy(softmax(z), nats)), 1e-15);
  EXPECT_EQ(number(entropy_from_logits({5000, 0, -infinite}, bits)), 0);
  EXPECT_DOUBLE_EQ(number(entropy_from_logits({1e4, 1e4}, bits)), 1);
}

TEST(Information, of_probabilities_that_are_none_is_an_error) {
  EXPECT_EQ(message_of([] {
              entropy(Tensor({0.5, 0.4}), bits);
            }),
            "entropy: the probabilities along axis -1 sum to 0.9, not 1. Divide them by their sum; "
            "scores become probabilities by softmax.");
  EXPECT_EQ(message_of([] {
              kl_divergence(Tensor({0.5, 0.5}), Tensor({1.5, -0.5}), nats);
            }),
            "kl_divergence: element 1 of f64[2] is -0.5. Probabilities are 0 or more.");
  EXPECT_EQ(message_of([] {
              mutual_information(Tensor({{1, 0}, {0, 1}}), nats);
            }),
            "mutual_information: the probabilities along axis [-2,-1] sum to 2, not 1. Divide them "
            "by their sum; scores become probabilities by softmax.");
  EXPECT_EQ(message_of([] {
              entropy(Tensor({NAN, 1}), bits);
            }),
            "entropy: element 0 of f64[2] is nan. Probabilities are 0 or more.");
}

const Tensor truth({0.4, 0.3, 0.2, 0.1}), model({0.35, 0.35, 0.15, 0.15});

TEST(KlDivergence, of_the_guides_pair) {
  EXPECT_NEAR(number(entropy(truth, nats)), 1.279854, 5e-7);
  EXPECT_NEAR(number(cross_entropy(truth, model, nats)), 1.304011, 5e-7);
  EXPECT_NEAR(number(kl_divergence(truth, model, nats)), 0.024157, 5e-7);
  EXPECT_NEAR(number(kl_divergence(truth, model, bits)), 0.034852, 5e-7);
  EXPECT_NEAR(number(kl_divergence(model, truth, nats)), 0.024884, 5e-7);
}

TEST(KlDivergence, is_the_difference_of_cross_entropy_and_entropy) {
  for (const LogBase base : {bits, nats, bans})
    EXPECT_NEAR(number(cross_entropy(truth, model, base)),
                number(entropy(truth, base)) + number(kl_divergence(truth, model, base)), 1e-15);
}

// E17: no distance. From 0.5 to 0.1 by way of 0.3 is shorter than at once.
TEST(KlDivergence, is_neither_symmetric_nor_a_distance) {
  EXPECT_NE(number(kl_divergence(truth, model, nats)), number(kl_divergence(model, truth, nats)));
  const auto coin = [](double p) { return Tensor({p, 1 - p}); };
  const auto d = [&](double p, double q) { return number(kl_divergence(coin(p), coin(q), nats)); };
  EXPECT_GT(d(0.5, 0.1), d(0.5, 0.3) + d(0.3, 0.1));
}

TEST(KlDivergence, is_zero_only_of_equals_and_infinite_where_the_model_forbids) {
  EXPECT_EQ(number(kl_divergence(truth, truth, bits)), 0);
  EXPECT_EQ(number(kl_divergence({0.5, 0.5}, {1, 0}, nats)), infinite);
  EXPECT_DOUBLE_EQ(number(kl_divergence({1, 0}, {0.5, 0.5}, bits)), 1);
  EXPECT_EQ(number(kl_divergence({0, 1}, {0, 1}, nats)), 0);
  EXPECT_EQ(number(cross_entropy({0.5, 0.5}, {1, 0}, nats)), infinite);
}

// p = (1 +- e)/2 beside 1/2: e^2/2 + e^4/12 + ...
TEST(KlDivergence, of_neighbours_keeps_its_relative_precision) {
  for (const double e : {0x1p-4, 0x1p-10, 0x1p-20, 0x1p-26}) {
    const double want = e * e / 2 + std::pow(e, 4) / 12 + std::pow(e, 6) / 30 +
                        std::pow(e, 8) / 56 + std::pow(e, 10) / 90 + std::pow(e, 12) / 132;
    const Tensor p({0.5 + e / 2, 0.5 - e / 2}), q({0.5, 0.5});
    EXPECT_NEAR(number(kl_divergence(p, q, nats)) / want, 1, 2e-13 * e + 1e-15) << e;
    EXPECT_GT(number(kl_divergence(q, p, nats)), 0);
  }
}

TEST(KlDivergence, spans_the_range_of_its_type) {
  const double tiny = 5e-324;
  EXPECT_NEAR(number(kl_divergence({tiny, 1}, {1, tiny}, nats)), 744.4400719213812, 1e-12);
  EXPECT_NEAR(number(kl_divergence({tiny, 1}, {0.5, 0.5}, nats)), std::numbers::ln2, 1e-15);
}

TEST(KlDivergence, differentiates_as_its_sum_of_products) {
  const auto by_p = [](const Tensor& p) { return kl_divergence(p, model, nats); };
  const Tensor want = log(truth / model) + 1.0;
  EXPECT_LT(number(max(abs(grad(by_p)(truth) - want))), 1e-15);
  const auto by_q = [](const Tensor& q) { return kl_divergence(truth, q, nats); };
  EXPECT_LT(number(max(abs(grad(by_q)(model) + truth / model))), 2e-15);
  const auto by_logits = [](const Tensor& z) { return kl_divergence(truth, softmax(z), nats); };
  const Tensor z({0.3, -1, 0.5, 0});
  EXPECT_LT(number(max(abs(grad(by_logits)(z) - (softmax(z) - truth)))), 1e-15);
}

TEST(KlDivergence, from_logits_needs_no_probabilities) {
  const Tensor a({2, 1, 0.1}), b({1, 1, 3});
  EXPECT_NEAR(number(kl_divergence_from_logits(a, b, bits)),
              number(kl_divergence(softmax(a), softmax(b), bits)), 1e-14);
  EXPECT_EQ(number(kl_divergence_from_logits({0, -5000}, {0, 0}, bits)), 1);
  EXPECT_EQ(number(kl_divergence_from_logits({0, 0}, {0, -5000}, nats)), 2500 - std::numbers::ln2);
  EXPECT_EQ(number(kl_divergence_from_logits({0, -infinite}, {0, -infinite}, nats)), 0);
}

TEST(JsDivergence, is_symmetric_and_at_most_one_bit) {
  EXPECT_NEAR(number(js_divergence(truth, model, nats)), 0.006105, 5e-7);
  EXPECT_EQ(number(js_divergence(truth, model, nats)), number(js_divergence(model, truth, nats)));
  EXPECT_DOUBLE_EQ(number(js_divergence({1, 0, 0}, {0, 0, 1}, bits)), 1);
  EXPECT_EQ(number(js_divergence(truth, truth, bits)), 0);
  const Tensor half = (truth + model) * 0.5;
  EXPECT_NEAR(
      number(js_divergence(truth, model, nats)),
      (number(kl_divergence(truth, half, nats)) + number(kl_divergence(model, half, nats))) / 2,
      1e-17);
}

TEST(JsDivergence, of_neighbours_keeps_its_relative_precision) {
  const double e = 0x1p-20;
  // Both are (1 +- e)/2 about 1/2: e^2/2 each.
  EXPECT_NEAR(number(js_divergence({0.5 + e / 2, 0.5 - e / 2}, {0.5 - e / 2, 0.5 + e / 2}, nats)) /
                  (e * e / 2),
              1, 1e-11);
}

TEST(MutualInformation, of_the_guides_table_and_of_independence) {
  const Tensor joint({{0.4, 0.1}, {0.1, 0.4}});
  EXPECT_NEAR(number(mutual_information(joint, bits)), 0.2781, 5e-5);
  EXPECT_EQ(number(mutual_information({{0.25, 0.25}, {0.25, 0.25}}, bits)), 0);
  EXPECT_NEAR(number(mutual_information({{0.06, 0.14}, {0.24, 0.56}}, bits)), 0, 1e-30);
  EXPECT_DOUBLE_EQ(number(mutual_information({{0.5, 0}, {0, 0.5}}, bits)), 1);
  EXPECT_EQ(numbers(mutual_information(stack({joint, transpose(joint)}), bits)).size(), 2u);
  // I(X; Y) = H(Y) - H(Y | X).
  EXPECT_NEAR(number(mutual_information(joint, bits)), 1 - number(conditional_entropy(joint, bits)),
              1e-15);
  EXPECT_EQ(number(conditional_entropy({{0.5, 0}, {0, 0.5}}, bits)), 0);
  EXPECT_EQ(number(conditional_entropy({{0.5, 0.5}, {0, 0}}, bits)), 1);
}

// [[1 + e, 1 - e], [1 - e, 1 + e]] / 4: e^2/2 + e^4/12 + ...
TEST(MutualInformation, of_almost_independent_tables_keeps_its_relative_precision) {
  const double e = 0x1p-24, p = 0.25 + e / 4, q = 0.25 - e / 4;
  EXPECT_NEAR(number(mutual_information({{p, q}, {q, p}}, nats)) / (e * e / 2), 1, 1e-13);
}

TEST(MutualInformation, differentiates) {
  const auto f = [](std::span<const Tensor> a) {
    return mutual_information(reshape(softmax(reshape(a[0], {6})), {2, 3}), nats);
  };
  const Tensor at[] = {Tensor({{0.1, -1, 0.4}, {2, 0.3, 0.2}})};
  const GradCheck check = check_grads(f, at);
  EXPECT_TRUE(check.passed) << check.where << " " << check.worst;
}

TEST(Perplexity, of_a_uniform_vocabulary_is_its_size) {
  const Tensor uniform = full({50}, 0.02);
  for (const LogBase base : {bits, nats, bans})
    EXPECT_NEAR(number(perplexity(cross_entropy(uniform, uniform, base), base)), 50, 1e-12);
}

// -ln(1 - r^2) / 2 of two normal numbers with correlation r.
TEST(MutualInformation, of_samples_comes_near_the_truth_by_either_estimator) {
  const int64_t n = 4000;
  const Tensor x = normals(1, n), noise = normals(2, n);
  for (const double r : {0.0, 0.5, 0.9}) {
    const std::vector<double> a = numbers(x), b = numbers(x * r + noise * std::sqrt(1 - r * r));
    const double want = -std::log1p(-r * r) / 2;
    EXPECT_NEAR(mutual_information_nearest(a, b, 3, nats), want, 0.05) << r;
    EXPECT_NEAR(mutual_information_binned(a, b, 12, nats), want, 0.08) << r;
  }
  const std::vector<double> a = numbers(x), squared = numbers(square(x));
  EXPECT_GT(mutual_information_nearest(a, squared, 3, bits), 3);
}

TEST(MutualInformation, of_samples_that_repeat_is_that_of_their_table) {
  std::vector<double> x, y;
  for (int i = 0; i < 400; ++i) {
    x.push_back(i % 2);
    y.push_back(i % 10 < 8 ? i % 2 : 1 - i % 2);
  }
  const double want = number(mutual_information({{0.4, 0.1}, {0.1, 0.4}}, bits));
  EXPECT_NEAR(mutual_information_nearest(x, y, 3, bits), want, 0.01);
  EXPECT_NEAR(mutual_information_binned(x, y, 2, bits), want, 0.01);
  EXPECT_EQ(message_of([&] { mutual_information_nearest(x, y, 400, bits); }),
            "mutual_information_nearest: k is 400 of 400 pairs. There must be more pairs than "
            "neighbours; 3 are usual.");
  EXPECT_EQ(message_of([&] { mutual_information_binned(x, y, 0, bits); }),
            "mutual_information_binned: 0 bins. There are 1 to 1048576; the cube root of the count "
            "is a fair number.");
  y.pop_back();
  EXPECT_EQ(message_of([&] { mutual_information_nearest(x, y, 3, bits); }),
            "mutual_information_nearest: 400 x and 399 y. There must be one of each for every "
            "observation.");
}

// The guide's regression data: the weights are 1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0.
TEST(RankFeatures, puts_those_that_count_first) {
  constexpr double weights[] = {1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  RandomState state(42);
  const std::vector<double> x = state.randn(1000), noise = state.randn(100);
  std::vector<double> y;
  for (size_t i = 0; i < 100; ++i) {
    double sum = 0.5 * noise[i];
    for (size_t j = 0; j < 10; ++j) sum += x[i * 10 + j] * weights[j];
    y.push_back(sum);
  }
  const std::vector<RankedFeature> ranked = rank_features(from_vector(x, {100, 10}), y, 3, nats);
  ASSERT_EQ(ranked.size(), 10u);
  EXPECT_EQ(ranked[0].column, 2);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_NE(weights[ranked[i].column], 0) << ranked[i].column << " " << ranked[i].information;
  // scikit-learn 1.7's mutual_info_regression: the same estimator with noise of 1e-10.
  EXPECT_NEAR(ranked[0].information, 0.36897445, 1e-6);
  EXPECT_EQ(message_of([&] {
              rank_features(Tensor({1, 2}), y, 3, nats);
            }),
            "rank_features: f64[2] is no table. Give (n, d): n observations of d features.");
}

TEST(SelectFeatures, finds_weak_features_that_strong_ones_drown) {
  constexpr double weights[] = {1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  RandomState state(42);
  const std::vector<double> x = state.randn(1000), noise = state.randn(100);
  std::vector<double> y;
  for (size_t i = 0; i < 100; ++i) {
    double sum = 0.5 * noise[i];
    for (size_t j = 0; j < 10; ++j) sum += x[i * 10 + j] * weights[j];
    y.push_back(sum);
  }
  for (const int64_t k : {3, 5, 8}) {
    const std::vector<RankedFeature> s = select_features(from_vector(x, {100, 10}), y, k, bits);
    ASSERT_EQ(s.size(), 10u);
    EXPECT_EQ(s[0].column, 2);
    EXPECT_EQ(s[1].column, 1);
    EXPECT_EQ(s[2].column, 0);
    EXPECT_EQ(s[3].column + s[4].column, 6 + 7) << k;
    EXPECT_GT(s[4].information, 2 * s[5].information) << k;
  }
}

TEST(SelectFeatures, counts_what_two_columns_both_say_once) {
  std::vector<double> signal(300), other(300), y(300), x;
  fill_normal(key_from_seed(1), 0, std::span<double>(signal));
  fill_normal(key_from_seed(2), 0, std::span<double>(other));
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = 2 * signal[i] + 0.5 * other[i];
    x.insert(x.end(), {signal[i], -3 * signal[i] + 1, other[i], 7});
  }
  const std::vector<RankedFeature> s = select_features(from_vector(x, {300, 4}), y, 3, bits);
  EXPECT_EQ(s[0].column, 0);
  EXPECT_EQ(s[1].column, 2);
  EXPECT_EQ(s[2].information, 0);  // the copy and the constant
  EXPECT_EQ(s[3].information, 0);
  EXPECT_EQ(message_of([&] {
              select_features(Tensor({{1, NAN}, {2, 3}}), std::vector<double>{1, 2}, 1, bits);
            }),
            "select_features: nan is among the numbers. They must be finite.");
}

}  // namespace
}  // namespace gradus
