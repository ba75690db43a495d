// What data say about themselves. Sums run in double-double, so the results of plain numbers are
// those of exact arithmetic on the numbers given, rounded once, for any sensible length.
// NaN in gives NaN out; what cannot be computed from so few numbers is NaN too.
#pragma once

#include <gradus/base/double_double.h>
#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

using Sample = std::span<const double>;

double mean(Sample x);
// sum (x - mean)^2 / (n - ddof). ddof is said, never assumed: 1 estimates a population, 0 is the
// data's own.
double variance(Sample x, int64_t ddof);
double covariance(Sample x, Sample y, int64_t ddof);
// Pearson's, in [-1, 1]; NaN where one side is constant.
double correlation(Sample x, Sample y);
// The same of every two of d columns of one length, row-major (d,d).
std::vector<double> correlations(const std::vector<std::vector<double>>& columns);
// sum_i (x_i - m)(x_{i+lag} - m) / sum_i (x_i - m)^2: NIST's definition, and Box and Jenkins's.
double autocorrelation(Sample x, int64_t lag);

// Of the columns of x (..., n, d), n observations of d variables: (..., d, d). NumPy's cov takes
// variables as rows. A composition of ops, in the type of x.
Tensor covariance_matrix(const Tensor& x, int64_t ddof = 1);
// The row and column of a constant variable are NaN.
Tensor correlation_matrix(const Tensor& x);

struct Summary {
  int64_t count = 0;
  double mean = 0;
  double sd = 0;  // with n - 1
  double standard_error = 0;
  double lag1 = 0;                           // autocorrelation
  double skewness = 0, excess_kurtosis = 0;  // moments with n, 0 for the normal law
  double min = 0, quartile1 = 0, median = 0, quartile3 = 0, max = 0;
  // log10(|mean| / sd): the leading digits that the numbers share, which sums in f64 lose twice.
  double shared_digits = 0;
};
Summary summary(Sample x);

// One pass, constant memory, two halves can be merged: Welford 1962, Chan, Golub and LeVeque 1979.
class RunningMoments {
 public:
  void add(double x);
  void add(Sample x);
  void merge(const RunningMoments& other);
  int64_t count() const { return count_; }
  double mean() const;
  double variance(int64_t ddof) const;
  double min() const { return min_; }
  double max() const { return max_; }

 private:
  int64_t count_ = 0;
  DoubleDouble mean_, squares_;
  double min_ = __builtin_nan(""), max_ = __builtin_nan("");
};

// The same for the covariance matrix of d variables.
class RunningCovariance {
 public:
  explicit RunningCovariance(int64_t variables);
  void add(Sample row);  // one number for each variable
  void merge(const RunningCovariance& other);
  int64_t count() const { return count_; }
  Tensor mean() const;                    // (d)
  Tensor covariance(int64_t ddof) const;  // (d, d)

 private:
  size_t d_;
  int64_t count_ = 0;
  std::vector<DoubleDouble> mean_, products_, delta_;
};

// Hyndman and Fan 1996, types 1 to 9 in their order, and NumPy's other four; the names are NumPy's.
enum class Quantile {
  inverted_cdf,
  averaged_inverted_cdf,
  closest_observation,
  interpolated_inverted_cdf,
  hazen,
  weibull,
  linear,
  median_unbiased,
  normal_unbiased,
  lower,
  higher,
  midpoint,
  nearest
};
// The names above, as text.
std::span<const std::string_view> quantile_names();
Quantile quantile_from(std::string_view name);
// One for each p in [0, 1]. NaN of no numbers.
std::vector<double> quantiles(Sample x, Sample p, Quantile method = Quantile::linear);
double quantile(Sample x, double p, Quantile method = Quantile::linear);

// Equal bins over [low, high]; each holds its left edge, the last its right one too.
struct Histogram {
  std::vector<double> edges;  // bins + 1
  std::vector<int64_t> counts;
};
// Without `bins`, NumPy's "auto": the narrower of the widths of Freedman and Diaconis
// (2 iqr n^(-1/3)) and of Sturges (range / (log2 n + 1)). At most 2^16 bins.
Histogram histogram(Sample x, std::optional<int64_t> bins = {});

// One-way analysis of variance: does the mean of y differ between groups? [0] is between, [1]
// within.
struct Anova {
  std::vector<std::string> groups;  // in order of appearance
  std::vector<int64_t> counts;
  std::vector<double> means, sds;
  double df[2] = {}, ss[2] = {}, ms[2] = {};
  double f = 0, r2 = 0, resid_sd = 0;
  double p = 0;  // the chance of an F as large or larger, were all means the same
};
// The group of y[i] is group[i]. Fewer than two groups, or no number more than groups, is a
// DomainError.
Anova anova(Sample y, std::span<const std::string> group);

// The chance that a score of class 1 lies above one of class 0, ties half: Mann and Whitney.
// NaN unless both classes are there.
double roc_auc(Sample scores, std::span<const int64_t> truth);
struct RocPoint {
  double threshold, false_positive_rate, true_positive_rate;
};
// From (0, 0), threshold infinity, to (1, 1): one point for each different score.
std::vector<RocPoint> roc_curve(Sample scores, std::span<const int64_t> truth);

// Of one class against all others. 0/0 is NaN, not 0: nothing was said, or there was nothing to
// say.
struct ClassScores {
  int64_t true_positives = 0, false_positives = 0, false_negatives = 0, true_negatives = 0;
  double precision = 0, recall = 0, f1 = 0;
};
// counts[true][predicted], as confusion() gives it.
ClassScores class_scores(std::span<const std::vector<int64_t>> counts, int64_t of_class);

// Predicted chances beside what happened, in equal bins of the chance.
struct Reliability {
  struct Bin {
    double low, high;
    int64_t count;
    double confidence, frequency;  // means; NaN in an empty bin
  };
  std::vector<Bin> bins;
  double expected_error = 0;  // ECE: sum count / n |frequency - confidence| (Guo et al. 2017)
  double largest_error = 0;
};
// chance[i] in [0, 1] was given to what happened (1) or did not (0).
Reliability reliability(Sample chance, std::span<const int64_t> happened, int64_t bins = 10);

struct Interval {
  double low, high;
};
// Percentiles of the statistic over resamples drawn with replacement (Efron 1979); those of which
// it is NaN do not count. The same key gives the same interval.
Interval bootstrap_interval(Sample x, const std::function<double(Sample)>& statistic, double level,
                            int64_t resamples, Key key);
// Beside it BCa, Efron's (1987, "Better bootstrap confidence intervals"): shares moved by the bias
// of the resamples and by how the spread grows with the value, so that skew statistics are covered
// as often as the level says.
struct BootstrapIntervals {
  Interval percentile, bca;
};
BootstrapIntervals bootstrap_intervals(Sample x, const std::function<double(Sample)>& statistic,
                                       double level, int64_t resamples, Key key);

}  // namespace gradus
