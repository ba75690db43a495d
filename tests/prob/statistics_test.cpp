#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/statistics.h>
#include <gtest/gtest.h>
#include <message.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

namespace gradus {
namespace {

using Numbers = std::vector<double>;
constexpr double infinity = std::numeric_limits<double>::infinity();

Numbers normals(uint64_t seed, size_t n) {
  Numbers x(n);
  fill_normal(key_from_seed(seed), 0, std::span(x));
  return x;
}

TEST(Statistics, of_the_guides_pair) {
  const Numbers x{1, 2, 3, 4, 5}, y{2, 4, 5, 4, 5};
  EXPECT_EQ(mean(x), 3);
  EXPECT_EQ(variance(x, 0), 2);
  EXPECT_EQ(variance(x, 1), 2.5);
  EXPECT_EQ(covariance(x, y, 1), 1.5);
  EXPECT_NEAR(correlation(x, y), 0.774597, 5e-7);
  EXPECT_EQ(correlation(x, x), 1);
  EXPECT_EQ(correlation(x, Numbers{5, 4, 3, 2, 1}), -1);
  const std::vector<Numbers> columns = {x, {5, 4, 3, 2, 1}, {2, 7, 1, 8, 2}, {3, 3, 3, 3, 3}};
  const Numbers all = correlations(columns);
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; j < 4; ++j) {
      const double alone = correlation(columns[i], columns[j]);
      EXPECT_TRUE(all[4 * i + j] == alone || (std::isnan(all[4 * i + j]) && std::isnan(alone)));
    }
  EXPECT_EQ(message_of([&] {
              correlations({x, {1, 2}});
            }),
            "correlations: 5 numbers and 2 of another column. There must be one of each for every "
            "observation.");
  EXPECT_EQ(autocorrelation(x, 0), 1);
  EXPECT_DOUBLE_EQ(autocorrelation(x, 1), 0.4);  // (2 - 0 + 0 + 2) / 10
  EXPECT_EQ(autocorrelation(x, 9), 0);
}

TEST(Statistics, of_nothing_and_of_constants_are_nan_not_numbers) {
  const Numbers none, one{3}, same{2, 2, 2}, x{1, 2, 4};
  EXPECT_TRUE(std::isnan(mean(none)) && std::isnan(variance(none, 0)));
  EXPECT_TRUE(std::isnan(variance(one, 1)) && std::isnan(variance(one, 2)));
  EXPECT_EQ(variance(one, 0), 0);
  EXPECT_TRUE(std::isnan(correlation(same, x)) && std::isnan(autocorrelation(same, 1)));
  EXPECT_TRUE(std::isnan(mean(Numbers{1, NAN})) && std::isnan(summary(Numbers{1, NAN}).median));
  EXPECT_TRUE(std::isnan(quantile(none, 0.5)) && std::isnan(quantile(Numbers{NAN}, 0.5)));
  EXPECT_EQ(message_of([&] { covariance(x, one, 1); }),
            "covariance: 3 x and 1 y. There must be one of each for every observation.");
  EXPECT_EQ(message_of([&] { autocorrelation(x, -1); }),
            "autocorrelation: the lag is -1. It counts steps: 0 or more.");
}

TEST(Statistics, are_those_of_exact_arithmetic_where_numbers_share_their_digits) {
  // NIST's NumAcc4 in binary: 1e7 + 1/4 and its neighbours 1/8 away, all exact in f64.
  Numbers x{1e7 + 0.25};
  for (int i = 0; i < 500; ++i) x.insert(x.end(), {1e7 + 0.125, 1e7 + 0.375});
  EXPECT_EQ(mean(x), 1e7 + 0.25);
  EXPECT_EQ(variance(x, 1), 0.015625);
  EXPECT_EQ(summary(x).sd, 0.125);
  EXPECT_EQ(summary(x).lag1, -0.999);
  RunningMoments running;
  running.add(x);
  EXPECT_EQ(running.variance(1), 0.015625);
  const Numbers huge{1e300, -1e300, 3e300};
  EXPECT_DOUBLE_EQ(mean(huge), 1e300);
}

TEST(Statistics, span_the_range_of_f64) {
  const Numbers huge{1e308, -1e308, 1.7e308}, tiny{5e-324, 1e-323, 15e-324};
  EXPECT_DOUBLE_EQ(summary(huge).mean, 1.7e308 / 3);
  EXPECT_NEAR(summary(huge).sd / 1e308, std::sqrt(4.89 / 2 - 2.89 / 6), 1e-14);
  EXPECT_EQ(summary(huge).quartile1, 0);
  EXPECT_NEAR(correlation(huge, Numbers{1, -1, 1.7}), 1, 1e-15);
  EXPECT_EQ(variance(huge, 1), infinity);
  EXPECT_EQ(summary(tiny).sd, 5e-324);
  EXPECT_EQ(correlation(tiny, Numbers{1, 2, 3}), 1);
  const Histogram h = histogram(tiny, 8);
  EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), int64_t{0}), 3);
  EXPECT_TRUE(std::ranges::is_sorted(h.edges));
}

TEST(RunningMoments, of_parts_merge_to_those_of_the_whole) {
  const Numbers x = normals(1, 1000);
  RunningMoments parts[3], none;
  for (size_t i = 0; i < x.size(); ++i) parts[i < 10 ? 0 : i < 500 ? 1 : 2].add(x[i]);
  parts[0].merge(parts[1]);
  parts[0].merge(none);
  none.merge(parts[2]);
  parts[0].merge(none);
  EXPECT_EQ(parts[0].count(), 1000);
  EXPECT_DOUBLE_EQ(parts[0].mean(), mean(x));
  EXPECT_DOUBLE_EQ(parts[0].variance(1), variance(x, 1));
  EXPECT_EQ(parts[0].min(), *std::ranges::min_element(x));
  EXPECT_EQ(parts[0].max(), *std::ranges::max_element(x));
  EXPECT_TRUE(std::isnan(RunningMoments().mean()) && std::isnan(RunningMoments().min()));
}

TEST(RunningCovariance, of_parts_merges_to_that_of_the_whole) {
  const Numbers x = normals(2, 300);
  RunningCovariance whole(3), left(3), right(3);
  for (size_t i = 0; i < 100; ++i) {
    const Sample row = Sample(x).subspan(3 * i, 3);
    whole.add(row);
    (i < 30 ? left : right).add(row);
  }
  left.merge(right);
  const Tensor direct = covariance_matrix(from_vector(x, {100, 3}));
  for (const RunningCovariance* c : {&whole, &left})
    EXPECT_LT(number(max(abs(c->covariance(1) - direct))), 1e-15);
  EXPECT_LT(number(max(abs(left.mean() - mean(from_vector(x, {100, 3}), {.axis = 0})))), 1e-16);
  EXPECT_EQ(message_of([&] {
              left.add(Numbers{1, 2});
            }),
            "RunningCovariance: 2 numbers in a row and 3 variables. There must be one of each for "
            "every observation.");
}

TEST(CovarianceMatrix, is_symmetric_positive_and_batched) {
  const Tensor x = reshape(from_vector(normals(3, 120)), {2, 20, 3});
  const Tensor c = covariance_matrix(x);
  EXPECT_EQ(to_string(c.type()), "f64[2,3,3]");
  EXPECT_EQ(number(max(abs(c - transpose(c)))), 0);
  const Tensor v({1, -2, 0.5});
  EXPECT_GT(number(sum(row(c, 1) * reshape(v, {3, 1}) * v)), 0);
  const Numbers first = numbers(slice(row(x, 0), {{}, {0, 1}}));
  const Numbers second = numbers(slice(row(x, 0), {{}, {1, 2}}));
  EXPECT_NEAR(number(element(c, {0, 0, 1})), covariance(first, second, 1), 1e-15);
  EXPECT_NEAR(number(element(correlation_matrix(x), {0, 0, 1})), correlation(first, second), 1e-15);
  const Tensor args[] = {x};
  const auto f = [](std::span<const Tensor> a) { return sum(square(covariance_matrix(a[0]))); };
  EXPECT_TRUE(check_grads(f, args).passed);
  EXPECT_EQ(message_of([] {
              covariance_matrix(Tensor({1, 2}));
            }),
            "covariance_matrix: f64[2] has no rows of variables. Give (..., n, d): n observations "
            "of d variables.");
  EXPECT_TRUE(std::isnan(number(element(covariance_matrix(Tensor({{1, 2}, {2, 5}}), 3), {0, 0}))));
  const Tensor constant({{1, 2}, {1, 3}, {1, 5}});
  EXPECT_TRUE(std::isnan(number(element(correlation_matrix(constant), {0, 1}))));
  EXPECT_EQ(number(element(correlation_matrix(constant), {1, 1})), 1);
}

// NumPy 2.4.
TEST(Quantiles, follow_numpys_thirteen_rules) {
  const Numbers x{3.5, -1.25, 7, 2, 2, 9.75, 0.5, 4, 11, -3};
  const Numbers p{0, 0.05, 0.25, 0.35, 0.5, 0.6, 0.9, 1};
  const std::vector<Numbers> want{
      {-3.0, -3.0, 0.5, 2.0, 2.0, 3.5, 9.75, 11.0},
      {-3.0, -3.0, 0.5, 2.0, 2.75, 3.75, 10.375, 11.0},
      {-3.0, -3.0, -1.25, 2.0, 2.0, 3.5, 9.75, 11.0},
      {-3.0, -3.0, -0.375, 1.25, 2.0, 3.5, 9.75, 11.0},
      {-3.0, -3.0, 0.5, 2.0, 2.75, 3.75, 10.375, 11.0},
      {-3.0, -3.0, 0.0625, 1.7750000000000001, 2.75, 3.8, 10.875, 11.0},
      {-3.0, -2.2125, 0.875, 2.0, 2.75, 3.6999999999999997, 9.875, 11.0},
      {-3.0, -3.0, 0.3541666666666664, 1.9250000000000003, 2.75, 3.7666666666666666,
       10.541666666666666, 11.0},
      {-3.0, -3.0, 0.390625, 1.9437499999999999, 2.75, 3.7625, 10.5, 11.0},
      {-3.0, -3.0, 0.5, 2.0, 2.0, 3.5, 9.75, 11.0},
      {-3.0, -1.25, 2.0, 2.0, 3.5, 4.0, 11.0, 11.0},
      {-3.0, -2.125, 1.25, 2.0, 2.75, 3.75, 10.375, 11.0},
      {-3.0, -3.0, 0.5, 2.0, 2.0, 3.5, 9.75, 11.0}};
  ASSERT_EQ(quantile_names().size(), want.size());
  for (size_t m = 0; m < want.size(); ++m) {
    const Numbers got = quantiles(x, p, quantile_from(quantile_names()[m]));
    for (size_t i = 0; i < p.size(); ++i)
      EXPECT_NEAR(got[i], want[m][i], 4e-15) << quantile_names()[m] << " " << p[i];
  }
  EXPECT_EQ(quantile(Numbers{-infinity, infinity, infinity}, 0.75), infinity);
  EXPECT_EQ(message_of([&] { quantile(x, 1.5); }),
            "quantiles: 1.5 is no probability. It must lie in [0, 1].");
  EXPECT_EQ(message_of([] { quantile_from("cubic"); }),
            "quantiles: there is no method 'cubic'. Take inverted_cdf, averaged_inverted_cdf, "
            "closest_observation, interpolated_inverted_cdf, hazen, weibull, linear, "
            "median_unbiased, normal_unbiased, lower, higher, midpoint, nearest.");
}

// NumPy 2.4.
TEST(Histogram, chooses_numpys_bins_and_counts_the_last_edge) {
  const Histogram four = histogram(Numbers{3.5, -1.25, 7, 2, 2, 9.75, 0.5, 4, 11, -3}, 4);
  EXPECT_EQ(four.counts, (std::vector<int64_t>{2, 4, 2, 2}));
  EXPECT_EQ(four.edges, (Numbers{-3, 0.5, 4, 7.5, 11}));
  RandomState state(7);
  const Histogram chosen = histogram(state.randn(500));
  EXPECT_EQ(chosen.counts, (std::vector<int64_t>{3, 1, 5, 9, 18, 28, 29, 54, 57, 72, 52, 59, 44, 32,
                                                 13, 16, 4, 2, 2}));
  EXPECT_NEAR(chosen.edges[1], -2.769685189062902, 1e-14);
  EXPECT_EQ(histogram(Numbers{}).counts, std::vector<int64_t>{0});
  EXPECT_EQ(histogram(Numbers{5, 5}, 2).counts, (std::vector<int64_t>{0, 2}));
  const Histogram wide = histogram(Numbers{-1.5e308, 0, 1.5e308}, 3);
  EXPECT_EQ(wide.counts, (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(message_of([] {
              histogram(Numbers{1, infinity});
            }),
            "histogram: element [1] is inf. Bins have finite edges. Leave such numbers out.");
  EXPECT_EQ(message_of([] { histogram(Numbers{1}, 0); }),
            "histogram: 0 bins. There are 1 to 65536.");
}

TEST(Histogram, bins_hold_exactly_what_lies_between_their_edges) {
  Numbers x = normals(4, 2000);
  for (const int64_t bins : {1, 7, 10, 100}) {
    const Histogram h = histogram(x, bins);
    for (size_t b = 0; b < h.counts.size(); ++b) {
      const bool last = b + 1 == h.counts.size();
      EXPECT_EQ(h.counts[b], std::ranges::count_if(x, [&](double v) {
                  return v >= h.edges[b] && (last ? v <= h.edges[b + 1] : v < h.edges[b + 1]);
                }));
    }
  }
}

// SciPy: f_oneway([6,8,4,5,3,4], [8,12,9,11,6,8], [13,9,11,8,7,12]).
TEST(Anova, of_the_textbooks_three_groups) {
  const Numbers y{6, 8, 4, 5, 3, 4, 8, 12, 9, 11, 6, 8, 13, 9, 11, 8, 7, 12};
  std::vector<std::string> g(6, "a");
  g.resize(12, "b");
  g.resize(18, "c");
  const Anova a = anova(y, g);
  EXPECT_EQ(a.groups, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(a.means, (Numbers{5, 9, 10}));
  EXPECT_EQ(a.df[0], 2);
  EXPECT_EQ(a.df[1], 15);
  EXPECT_DOUBLE_EQ(a.ss[0], 84);
  EXPECT_DOUBLE_EQ(a.ss[1], 68);
  EXPECT_DOUBLE_EQ(a.ms[0], 42);
  EXPECT_DOUBLE_EQ(a.f, 9.264705882352942);
  EXPECT_NEAR(a.p, 0.0023987773293929083, 1e-17);
  EXPECT_DOUBLE_EQ(a.r2, 84.0 / 152);
  EXPECT_DOUBLE_EQ(a.resid_sd, std::sqrt(68.0 / 15));
  EXPECT_EQ(message_of([&] {
              anova(Numbers{1, 2}, std::vector<std::string>{"a", "a"});
            }),
            "anova: 1 group. Means are compared between two groups or more.");
  EXPECT_EQ(message_of([&] {
              anova(Numbers{1, 2}, std::vector<std::string>{"a", "b"});
            }),
            "anova: 2 numbers in 2 groups. Spread within groups needs a group of two or more. Is "
            "the column of groups the right one?");
}

// scikit-learn 1.7.
TEST(RocAuc, counts_pairs_and_halves_ties) {
  const Numbers s{0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.2};
  const std::vector<int64_t> t{0, 0, 1, 1, 1, 1, 0};
  EXPECT_EQ(roc_auc(s, t), 0.875);
  const std::vector<RocPoint> curve = roc_curve(s, t);
  ASSERT_EQ(curve.size(), 7u);
  EXPECT_EQ(curve[0].threshold, infinity);
  EXPECT_EQ(curve[3].threshold, 0.4);
  EXPECT_DOUBLE_EQ(curve[3].false_positive_rate, 1.0 / 3);
  EXPECT_EQ(curve[3].true_positive_rate, 0.75);
  double area = 0;
  for (size_t i = 1; i < curve.size(); ++i)
    area += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) *
            (curve[i].true_positive_rate + curve[i - 1].true_positive_rate) / 2;
  EXPECT_NEAR(area, 0.875, 1e-15);
  EXPECT_TRUE(std::isnan(roc_auc(Numbers{1, 2}, std::vector<int64_t>{1, 1})));
  EXPECT_EQ(message_of([&] { roc_auc(Numbers{NAN}, std::vector<int64_t>{1}); }),
            "roc_auc: score [0] is nan. Scores must have an order.");
  EXPECT_EQ(message_of([&] { roc_auc(Numbers{1}, std::vector<int64_t>{2}); }),
            "roc_auc: class [0] is 2. Classes are 0 and 1.");
}

TEST(ClassScores, come_from_the_confusion_matrix) {
  const std::vector<std::vector<int64_t>> counts{{50, 10}, {5, 35}};
  const ClassScores one = class_scores(counts, 1);
  EXPECT_DOUBLE_EQ(one.precision, 35.0 / 45);
  EXPECT_DOUBLE_EQ(one.recall, 35.0 / 40);
  EXPECT_DOUBLE_EQ(one.f1, 70.0 / 85);
  EXPECT_EQ(class_scores(counts, 0).true_negatives, 35);
  const std::vector<std::vector<int64_t>> silent{{3, 0}, {2, 0}};
  EXPECT_TRUE(std::isnan(class_scores(silent, 1).precision));
  EXPECT_EQ(class_scores(silent, 1).recall, 0);
  EXPECT_EQ(message_of([&] { class_scores(counts, 2); }),
            "class_scores: class 2 of 2. Classes count from 0.");
}

TEST(Reliability, of_chances_worked_by_hand) {
  const Numbers chance{0.05, 0.15, 0.95, 0.85, 0.15, 1};
  const std::vector<int64_t> happened{0, 1, 1, 1, 0, 1};
  const Reliability r = reliability(chance, happened);
  EXPECT_EQ(r.bins[1].count, 2);
  EXPECT_EQ(r.bins[1].frequency, 0.5);
  EXPECT_EQ(r.bins[9].count, 2);
  EXPECT_TRUE(std::isnan(r.bins[5].confidence));
  // |0.05 - 0| + |0.3 - 1| + |0.85 - 1| + |1.95 - 2| = 0.95, over 6.
  EXPECT_NEAR(r.expected_error, 0.95 / 6, 1e-15);
  EXPECT_NEAR(r.largest_error, 0.35, 1e-15);
  EXPECT_EQ(message_of([] { reliability(Numbers{2}, std::vector<int64_t>{1}); }),
            "reliability: 2 is no probability. It must lie in [0, 1].");
}

TEST(BootstrapInterval, of_the_mean_is_about_students_and_depends_on_its_key_alone) {
  const Numbers x = normals(5, 400);
  const auto of_mean = [](Sample s) { return mean(s); };
  const Interval i = bootstrap_interval(x, of_mean, 0.95, 2000, key_from_seed(1));
  const double error = std::sqrt(variance(x, 1) / 400);
  EXPECT_NEAR(i.low, mean(x) - 1.96 * error, 0.15 * error);
  EXPECT_NEAR(i.high, mean(x) + 1.96 * error, 0.15 * error);
  const Interval again = bootstrap_interval(x, of_mean, 0.95, 2000, key_from_seed(1));
  EXPECT_EQ(i.low, again.low);
  EXPECT_EQ(message_of([&] { bootstrap_interval(x, of_mean, 95, 10, {}); }),
            "bootstrap_interval: the level is 95. It lies between 0 and 1: 0.95 leaves out 2.5 % "
            "on each side.");
}

// An exponential law's variance: its interval lies to the right of the percentiles', by SciPy's bca
// of 200,000 resamples too.
TEST(BootstrapIntervals, follow_the_skew_of_the_statistic) {
  Numbers x;
  for (int i = 0; i < 40; ++i) x.push_back(-std::log((i + 0.5) / 40));
  const auto of_variance = [](Sample s) { return variance(s, 1); };
  const BootstrapIntervals i = bootstrap_intervals(x, of_variance, 0.95, 20'000, key_from_seed(1));
  EXPECT_LT(i.percentile.low, i.bca.low);
  EXPECT_LT(i.percentile.high, i.bca.high);
  EXPECT_EQ(i.percentile.low,
            bootstrap_interval(x, of_variance, 0.95, 20'000, key_from_seed(1)).low);
  // Of the mean of a symmetric sample the two are close.
  const Numbers y = normals(5, 401);
  const auto of_mean = [](Sample s) { return mean(s); };
  const BootstrapIntervals m = bootstrap_intervals(y, of_mean, 0.9, 4000, key_from_seed(2));
  const double error = std::sqrt(variance(y, 1) / 401);
  EXPECT_NEAR(m.bca.low, m.percentile.low, 0.2 * error);
  EXPECT_NEAR(m.bca.high, m.percentile.high, 0.2 * error);
  EXPECT_EQ(message_of([&] { bootstrap_intervals(x, of_variance, 0.9, 0, {}); }),
            "bootstrap_intervals: 0 resamples. There must be one or more; 2000 or so are usual.");
  EXPECT_EQ(bootstrap_intervals(Numbers{3}, of_mean, 0.9, 10, {}).bca.low, 3);
  EXPECT_TRUE(std::isnan(bootstrap_intervals(Numbers{3, NAN}, of_mean, 0.9, 10, {}).bca.low));
  EXPECT_EQ(bootstrap_intervals(Numbers{3, 3, 3}, of_mean, 0.9, 10, {}).bca.high, 3);
}

// NIST's Statistical Reference Datasets: certified values, and the goals of their README: one digit
// below what exact arithmetic reaches on the data as f64 stores them.
struct Certified {
  Numbers y;
  std::vector<std::string> group;
  Numbers values;
};

double last_number(const std::string& line) {
  std::istringstream in(line);
  double found = NAN;
  for (std::string word; in >> word;) {
    char* end = nullptr;
    const double x = std::strtod(word.c_str(), &end);
    if (*end == 0) found = x;
  }
  return found;
}

double digits(double got, double want) {
  const double error = want == 0 ? std::fabs(got) : std::fabs((got - want) / want);
  return error == 0 ? 15 : std::min(15.0, -std::log10(error));
}

TEST(Nist, univariate_sets_reach_their_goals) {
  const std::pair<const char*, double> sets[] = {
      {"Lottery", 14}, {"Michelso", 12.8}, {"NumAcc1", 14}, {"NumAcc2", 14}, {"NumAcc3", 9}};
  for (const auto& [name, goal] : sets) {
    std::ifstream in(std::string(GRADUS_SHARED_DIR) + "/data/nist/" + name + ".dat");
    if (!in) GTEST_SKIP() << "no reference data";
    Certified c;
    bool data = false;
    for (std::string line; std::getline(in, line);) {
      if (line.find("Sample Mean") == 0 || line.find("Sample Standard") == 0 ||
          line.find("Sample Autocorrelation") == 0) {
        const size_t colon = line.rfind(':');
        c.values.push_back(last_number(colon == std::string::npos ? line : line.substr(colon + 1)));
        if (std::isnan(c.values.back())) c.values.back() = last_number(line);
      } else if (line.find("-----") == 0) {
        data = true;
      } else if (data && !std::isnan(last_number(line))) {
        c.y.push_back(last_number(line));
      }
    }
    ASSERT_EQ(c.values.size(), 3u) << name;
    const Summary s = summary(c.y);
    EXPECT_GE(digits(s.mean, c.values[0]), goal) << name << " " << s.mean;
    EXPECT_GE(digits(s.sd, c.values[1]), goal) << name << " " << s.sd;
    EXPECT_GE(digits(s.lag1, c.values[2]), goal) << name << " " << s.lag1;
  }
}

TEST(Nist, analyses_of_variance_reach_their_goals) {
  const std::pair<const char*, double> sets[] = {
      {"SiRstvt", 12}, {"SmLs01t", 13}, {"SmLs02t", 13}, {"SmLs06t", 9.2}, {"SmLs07t", 3.4}};
  for (const auto& [name, goal] : sets) {
    std::ifstream in(std::string(GRADUS_SHARED_DIR) + "/data/nist/" + name + ".dat");
    if (!in) GTEST_SKIP() << "no reference data";
    Certified c;
    bool data = false;
    double f = 0, ss = 0;
    for (std::string line; std::getline(in, line);) {
      if (line.find("Between ") == 0) f = last_number(line);
      if (line.find("Within ") == 0) {
        std::istringstream words(line.substr(line.find_first_of("0123456789")));
        words >> ss >> ss;
      }
      if (line.find("Data:") == 0 && f != 0) data = true;
      if (!data) continue;
      std::istringstream words(line);
      Numbers row;
      for (double x; words >> x;) row.push_back(x);
      const bool counts_columns = !row.empty() && std::ranges::is_sorted(row) && row[0] == 1 &&
                                  row.back() == static_cast<double>(row.size());
      if (counts_columns || !words.eof()) continue;
      for (size_t g = 0; g < row.size(); ++g) {
        c.y.push_back(row[g]);
        c.group.push_back(std::to_string(g + 1));
      }
    }
    const Anova a = anova(c.y, c.group);
    EXPECT_GE(digits(a.f, f), goal) << name << " " << a.f << " " << f;
    EXPECT_GE(digits(a.ss[1], ss), std::min(goal, 9.2)) << name << " " << a.ss[1];
  }
}

}  // namespace
}  // namespace gradus
