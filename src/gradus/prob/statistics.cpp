#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/special.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/statistics.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <unordered_map>

namespace gradus {
namespace {

constexpr double nan = __builtin_nan("");

// Numbers whose squares would leave the range, times a power of 2 that brings the largest near 1.
class InRange {
 public:
  explicit InRange(Sample x) : numbers_(x) {
    double most = 0;
    for (const double v : x) most = std::max(most, std::fabs(v));
    if (most == 0 || !std::isfinite(most) || (most > 0x1p-400 && most < 0x1p400)) return;
    exponent = std::ilogb(most);
    for (const double v : x) held_.push_back(std::ldexp(v, -exponent));
    numbers_ = held_;
  }
  InRange(const InRange&) = delete;
  InRange& operator=(const InRange&) = delete;
  Sample numbers() const { return numbers_; }
  double back(double result, int power = 1) const { return std::ldexp(result, power * exponent); }
  int exponent = 0;

 private:
  std::vector<double> held_;
  Sample numbers_;
};

DoubleDouble count_of(size_t n) {
  return static_cast<double>(n);
}

DoubleDouble sum_of(Sample x) {
  DoubleDouble s;
  for (const double v : x) s = s + DoubleDouble(v);
  return s;
}

DoubleDouble precise_mean(Sample x) {
  return sum_of(x) / count_of(x.size());
}

// sum (x_i - mx)(y_i - my) over the numbers both have.
DoubleDouble products(Sample x, DoubleDouble mx, Sample y, DoubleDouble my) {
  DoubleDouble s;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    s = s + (DoubleDouble(x[i]) - mx) * (DoubleDouble(y[i]) - my);
  return s;
}

DoubleDouble squares(Sample x, DoubleDouble m) {
  return products(x, m, x, m);
}

// What correlations need of one side.
struct Centred {
  InRange x;
  DoubleDouble mean, length;
  explicit Centred(Sample numbers)
      : x(numbers), mean(precise_mean(x.numbers())), length(sqrt(squares(x.numbers(), mean))) {}
};

double correlation(const Centred& a, const Centred& b) {
  const DoubleDouble below = a.length * b.length;
  const double r =
      static_cast<double>(products(a.x.numbers(), a.mean, b.x.numbers(), b.mean) / below);
  return std::isnan(r) || below.high == 0 ? nan : std::clamp(r, -1.0, 1.0);
}

// The sum over n - ddof.
double over(DoubleDouble sum, size_t n, int64_t ddof) {
  const double left = static_cast<double>(n) - static_cast<double>(ddof);
  return left > 0 ? static_cast<double>(sum / DoubleDouble(left)) : nan;
}

void require_pairs(const char* name, size_t a, size_t b, const char* of_a, const char* of_b) {
  if (a != b)
    raise(ErrorKind::shape, std::string(name) + ": " + std::to_string(a) + " " + of_a + " and " +
                                std::to_string(b) + " " + of_b +
                                ". There must be one of each for every observation.");
}

bool any_nan(Sample x) {
  return std::ranges::any_of(x, [](double v) { return std::isnan(v); });
}

std::vector<double> sorted(Sample x) {
  std::vector<double> s(x.begin(), x.end());
  std::ranges::sort(s);
  return s;
}

// Linear between neighbours; equal infinities stay.
double between(double a, double b, double share) {
  if (a == b || share <= 0) return a;
  if (share >= 1) return b;
  if (!std::isfinite(b - a)) return a * (1 - share) + b * share;
  return share < 0.5 ? a + (b - a) * share : b - (b - a) * (1 - share);
}

// x sorted, without NaN, not empty.
double quantile_of_sorted(Sample x, double p, Quantile method) {
  const auto n = static_cast<double>(x.size());
  const auto at = [&](double place) {
    return x[static_cast<size_t>(std::clamp(place, 0.0, n - 1))];
  };
  // Hyndman and Fan: the place, counted from 0, is n p + alpha + p (1 - alpha - beta) - 1.
  const auto continuous = [&](double alpha, double beta) {
    const double place = std::clamp(n * p + (alpha + p * (1 - alpha - beta)) - 1, 0.0, n - 1);
    const double left = std::floor(place);
    return between(at(left), at(left + 1), place - left);
  };
  const double place = (n - 1) * p;
  switch (method) {
    case Quantile::inverted_cdf:
      return at(std::ceil(n * p) - 1);
    case Quantile::averaged_inverted_cdf: {
      const double above = std::ceil(n * p) - 1;
      return n * p == std::floor(n * p) && p > 0 && p < 1 ? between(at(above), at(above + 1), 0.5)
                                                          : at(above);
    }
    case Quantile::closest_observation: {
      // The nearest of n p, counted from 1; between two, the even one.
      const double from_one = n * p - 0.5, left = std::floor(from_one);
      const bool even_below = from_one == left && std::fmod(left, 2) == 0;
      return at(even_below ? left - 1 : left);
    }
    case Quantile::interpolated_inverted_cdf:
      return continuous(0, 1);
    case Quantile::hazen:
      return continuous(0.5, 0.5);
    case Quantile::weibull:
      return continuous(0, 0);
    case Quantile::linear: {
      const double left = std::floor(place);
      return between(at(left), at(left + 1), place - left);
    }
    case Quantile::median_unbiased:
      return continuous(1.0 / 3, 1.0 / 3);
    case Quantile::normal_unbiased:
      return continuous(3.0 / 8, 3.0 / 8);
    case Quantile::lower:
      return at(std::floor(place));
    case Quantile::higher:
      return at(std::ceil(place));
    case Quantile::midpoint:
      return between(at(std::floor(place)), at(std::ceil(place)), 0.5);
    case Quantile::nearest:
      return at(std::nearbyint(place));
  }
  return nan;
}

constexpr std::string_view names_of_quantiles[] = {"inverted_cdf",
                                                   "averaged_inverted_cdf",
                                                   "closest_observation",
                                                   "interpolated_inverted_cdf",
                                                   "hazen",
                                                   "weibull",
                                                   "linear",
                                                   "median_unbiased",
                                                   "normal_unbiased",
                                                   "lower",
                                                   "higher",
                                                   "midpoint",
                                                   "nearest"};

void require_probability(const char* name, double p) {
  if (!(p >= 0 && p <= 1))
    raise(ErrorKind::domain, std::string(name) + ": " + text::number(p) +
                                 " is no probability. It must lie in [0, 1].");
}

// Ranks are asked for scores, which must compare.
std::vector<size_t> order_of(const char* name, Sample scores, std::span<const int64_t> truth) {
  require_pairs(name, scores.size(), truth.size(), "scores", "classes");
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i]))
      raise(ErrorKind::domain, std::string(name) + ": score [" + std::to_string(i) +
                                   "] is nan. Scores must have an order.");
    if (truth[i] != 0 && truth[i] != 1)
      raise(ErrorKind::domain, std::string(name) + ": class [" + std::to_string(i) + "] is " +
                                   std::to_string(truth[i]) + ". Classes are 0 and 1.");
  }
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace

double mean(Sample x) {
  const InRange in(x);
  return x.empty() ? nan : in.back(static_cast<double>(precise_mean(in.numbers())));
}

double variance(Sample x, int64_t ddof) {
  if (x.empty()) return nan;
  const InRange in(x);
  return in.back(over(squares(in.numbers(), precise_mean(in.numbers())), x.size(), ddof), 2);
}

double covariance(Sample x, Sample y, int64_t ddof) {
  require_pairs("covariance", x.size(), y.size(), "x", "y");
  if (x.empty()) return nan;
  const InRange a(x), b(y);
  const DoubleDouble sum =
      products(a.numbers(), precise_mean(a.numbers()), b.numbers(), precise_mean(b.numbers()));
  return std::ldexp(over(sum, x.size(), ddof), a.exponent + b.exponent);
}

double correlation(Sample x, Sample y) {
  require_pairs("correlation", x.size(), y.size(), "x", "y");
  return correlation(Centred(x), Centred(y));
}

std::vector<double> correlations(const std::vector<std::vector<double>>& columns) {
  std::deque<Centred> centred;
  for (const std::vector<double>& x : columns) {
    require_pairs("correlations", columns[0].size(), x.size(), "numbers", "of another column");
    centred.emplace_back(x);
  }
  const size_t d = columns.size();
  std::vector<double> r(d * d);
  parallel_for(static_cast<int64_t>(d), [&](int64_t row) {
    const auto i = static_cast<size_t>(row);
    for (size_t j = i; j < d; ++j)
      r[i * d + j] = r[j * d + i] = correlation(centred[i], centred[j]);
  });
  return r;
}

double autocorrelation(Sample x, int64_t lag) {
  if (lag < 0)
    raise(ErrorKind::domain,
          "autocorrelation: the lag is " + std::to_string(lag) + ". It counts steps: 0 or more.");
  if (x.empty()) return nan;
  const InRange in(x);
  const Sample all = in.numbers();
  const auto step = std::min(static_cast<size_t>(lag), x.size());
  const DoubleDouble m = precise_mean(all), below = squares(all, m);
  return below.high == 0 ? nan
                         : static_cast<double>(products(all, m, all.subspan(step), m) / below);
}

Tensor covariance_matrix(const Tensor& x, int64_t ddof) {
  if (x.rank() < 2)
    raise(ErrorKind::shape, "covariance_matrix: " + to_string(x.type()) +
                                " has no rows of variables. Give (..., n, d): n observations of d "
                                "variables.");
  const Tensor centred = x - mean(x, {.axis = -2, .keepdims = true});
  const double left = static_cast<double>(x.shape()[x.rank() - 2]) - static_cast<double>(ddof);
  return matmul(transpose(centred), centred) / (left > 0 ? left : nan);
}

Tensor correlation_matrix(const Tensor& x) {
  const Tensor c = covariance_matrix(x), sd = sqrt(diagonal(c));
  return clip(c / (expand_dims(sd, -1) * expand_dims(sd, -2)), -1.0, 1.0);
}

Summary summary(Sample x) {
  Summary s;
  s.count = static_cast<int64_t>(x.size());
  if (x.empty() || any_nan(x)) {
    s.mean = s.sd = s.standard_error = s.lag1 = s.skewness = s.excess_kurtosis = nan;
    s.min = s.quartile1 = s.median = s.quartile3 = s.max = s.shared_digits = nan;
    return s;
  }
  const InRange in(x);
  const DoubleDouble m = precise_mean(in.numbers()), n = count_of(x.size());
  DoubleDouble second, third, fourth, neighbours, before;
  bool first = true;
  for (const double v : in.numbers()) {
    const DoubleDouble d = DoubleDouble(v) - m, square = d * d;
    second = second + square;
    third = third + square * d;
    fourth = fourth + square * square;
    if (!first) neighbours = neighbours + before * d;
    first = false;
    before = d;
  }
  s.mean = in.back(static_cast<double>(m));
  const bool spread = second.high > 0;
  s.sd = x.size() > 1 ? in.back(static_cast<double>(sqrt(second / (n - DoubleDouble(1.0))))) : nan;
  s.standard_error = s.sd / std::sqrt(static_cast<double>(x.size()));
  s.lag1 = spread ? static_cast<double>(neighbours / second) : nan;
  const DoubleDouble v = second / n;
  s.skewness = spread ? static_cast<double>(third / n / (v * sqrt(v))) : nan;
  s.excess_kurtosis = spread ? static_cast<double>(fourth / n / (v * v) - DoubleDouble(3.0)) : nan;
  s.shared_digits = std::max(0.0, std::log10(std::fabs(s.mean) / s.sd));
  const std::vector<double> all = sorted(x);
  s.min = all.front();
  s.max = all.back();
  s.quartile1 = quantile_of_sorted(all, 0.25, Quantile::linear);
  s.median = quantile_of_sorted(all, 0.5, Quantile::linear);
  s.quartile3 = quantile_of_sorted(all, 0.75, Quantile::linear);
  return s;
}

void RunningMoments::add(double x) {
  ++count_;
  min_ = count_ == 1 || x < min_ ? x : min_;
  max_ = count_ == 1 || x > max_ ? x : max_;
  const DoubleDouble delta = DoubleDouble(x) - mean_;
  mean_ = mean_ + delta / DoubleDouble(static_cast<double>(count_));
  squares_ = squares_ + delta * (DoubleDouble(x) - mean_);
}

void RunningMoments::add(Sample x) {
  for (const double v : x) add(v);
}

void RunningMoments::merge(const RunningMoments& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  const auto n = static_cast<double>(count_), m = static_cast<double>(other.count_);
  const DoubleDouble delta = other.mean_ - mean_;
  mean_ = mean_ + delta * DoubleDouble(m) / DoubleDouble(n + m);
  squares_ = squares_ + other.squares_ +
             delta * delta * DoubleDouble(n) * DoubleDouble(m) / DoubleDouble(n + m);
  count_ += other.count_;
  min_ = other.min_ < min_ ? other.min_ : min_;
  max_ = other.max_ > max_ ? other.max_ : max_;
}

double RunningMoments::mean() const {
  return count_ == 0 ? nan : static_cast<double>(mean_);
}

double RunningMoments::variance(int64_t ddof) const {
  return over(squares_, static_cast<size_t>(count_), ddof);
}

RunningCovariance::RunningCovariance(int64_t variables)
    : d_(static_cast<size_t>(std::max<int64_t>(variables, 0))),
      mean_(d_),
      products_(d_ * d_),
      delta_(d_) {}

void RunningCovariance::add(Sample row) {
  require_pairs("RunningCovariance", row.size(), d_, "numbers in a row", "variables");
  ++count_;
  const DoubleDouble n = static_cast<double>(count_);
  for (size_t j = 0; j < d_; ++j) {
    delta_[j] = DoubleDouble(row[j]) - mean_[j];
    mean_[j] = mean_[j] + delta_[j] / n;
  }
  for (size_t j = 0; j < d_; ++j) {
    const DoubleDouble now = DoubleDouble(row[j]) - mean_[j];
    for (size_t k = 0; k <= j; ++k) products_[j * d_ + k] = products_[j * d_ + k] + delta_[k] * now;
  }
}

void RunningCovariance::merge(const RunningCovariance& other) {
  require_pairs("RunningCovariance", d_, other.d_, "variables", "variables to merge");
  if (other.count_ == 0) return;
  const auto n = static_cast<double>(count_), m = static_cast<double>(other.count_);
  for (size_t j = 0; j < d_; ++j) delta_[j] = other.mean_[j] - mean_[j];
  const DoubleDouble share = DoubleDouble(m) / DoubleDouble(n + m);
  for (size_t j = 0; j < d_; ++j)
    for (size_t k = 0; k <= j; ++k)
      products_[j * d_ + k] = products_[j * d_ + k] + other.products_[j * d_ + k] +
                              delta_[j] * delta_[k] * DoubleDouble(n) * share;
  for (size_t j = 0; j < d_; ++j) mean_[j] = mean_[j] + delta_[j] * share;
  count_ += other.count_;
}

Tensor RunningCovariance::mean() const {
  std::vector<double> m(d_, nan);
  if (count_ > 0)
    for (size_t j = 0; j < d_; ++j) m[j] = static_cast<double>(mean_[j]);
  return from_vector(m);
}

Tensor RunningCovariance::covariance(int64_t ddof) const {
  std::vector<double> c(d_ * d_);
  for (size_t j = 0; j < d_; ++j)
    for (size_t k = 0; k <= j; ++k)
      c[j * d_ + k] = c[k * d_ + j] =
          over(products_[j * d_ + k], static_cast<size_t>(count_), ddof);
  const auto d = static_cast<int64_t>(d_);
  return from_vector(c, {d, d});
}

std::span<const std::string_view> quantile_names() {
  return names_of_quantiles;
}

Quantile quantile_from(std::string_view name) {
  const auto found = std::ranges::find(names_of_quantiles, name);
  if (found == std::end(names_of_quantiles))
    raise(ErrorKind::usage, "quantiles: there is no method '" + std::string(name) + "'. Take " +
                                text::join(names_of_quantiles, ", ") + ".");
  return static_cast<Quantile>(found - std::begin(names_of_quantiles));
}

std::vector<double> quantiles(Sample x, Sample p, Quantile method) {
  for (const double share : p) require_probability("quantiles", share);
  if (x.empty() || any_nan(x)) return std::vector<double>(p.size(), nan);
  const std::vector<double> all = sorted(x);
  std::vector<double> result;
  for (const double share : p) result.push_back(quantile_of_sorted(all, share, method));
  return result;
}

double quantile(Sample x, double p, Quantile method) {
  return quantiles(x, Sample(&p, 1), method)[0];
}

Histogram histogram(Sample x, std::optional<int64_t> bins) {
  constexpr int64_t most = 1 << 16;
  for (size_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i]))
      raise(ErrorKind::domain, "histogram: element [" + std::to_string(i) + "] is " +
                                   text::number(x[i]) +
                                   ". Bins have finite edges. Leave such numbers out.");
  if (bins && (*bins < 1 || *bins > most))
    raise(ErrorKind::domain, "histogram: " + std::to_string(*bins) + " bins. There are 1 to " +
                                 std::to_string(most) + ".");
  double low = 0, high = 1;
  if (!x.empty()) {
    const auto [least, largest] = std::ranges::minmax(x);
    low = least == largest ? least - 0.5 : least;
    high = least == largest ? largest + 0.5 : largest;
    if (low == high) high = std::nextafter(low = least, __builtin_huge_val());
  }
  int64_t n = bins.value_or(1);
  // Half the range stays finite where the range does not.
  const double scale = std::isfinite(high - low) ? 1 : 0.5;
  const double range = high * scale - low * scale;
  if (!bins && x.size() > 1) {
    const double quarters[] = {0.25, 0.75};
    const std::vector<double> q = quantiles(x, quarters);
    const auto count = static_cast<double>(x.size());
    const double sturges = range / (std::log2(count) + 1);
    const double freedman = 2 * (q[1] * scale - q[0] * scale) / std::cbrt(count);
    const double width = freedman > 0 ? std::min(sturges, freedman) : sturges;
    n = static_cast<int64_t>(std::clamp(std::ceil(range / width), 1.0, static_cast<double>(most)));
  }
  Histogram h;
  h.counts.assign(static_cast<size_t>(n), 0);
  const auto whole = static_cast<double>(n);
  for (int64_t i = 0; i <= n; ++i) {
    const double share = static_cast<double>(i) / whole;
    h.edges.push_back(i == n ? high : low + range * share + (1 / scale - 1) * range * share);
  }
  for (const double v : x) {
    const double place = (v * scale - low * scale) / range * whole;
    auto bin = static_cast<int64_t>(std::clamp(place, 0.0, whole - 1));
    // Rounding may put a number beside its edge; the edges decide.
    while (bin > 0 && v < h.edges[static_cast<size_t>(bin)]) --bin;
    while (bin < n - 1 && v >= h.edges[static_cast<size_t>(bin) + 1]) ++bin;
    ++h.counts[static_cast<size_t>(bin)];
  }
  return h;
}

Anova anova(Sample y, std::span<const std::string> group) {
  require_pairs("anova", y.size(), group.size(), "numbers", "group labels");
  Anova a;
  std::unordered_map<std::string_view, size_t> index;
  std::vector<size_t> of(y.size());
  std::vector<DoubleDouble> means;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto [place, is_new] = index.try_emplace(group[i], a.groups.size());
    if (is_new) {
      a.groups.push_back(group[i]);
      a.counts.push_back(0);
      means.emplace_back();
    }
    of[i] = place->second;
    ++a.counts[of[i]];
    means[of[i]] = means[of[i]] + DoubleDouble(y[i]);
  }
  const size_t k = a.groups.size();
  if (k < 2)
    raise(ErrorKind::domain, "anova: " + std::to_string(k) + (k == 1 ? " group" : " groups") +
                                 ". Means are compared between two groups or more.");
  if (y.size() == k)
    raise(ErrorKind::domain, "anova: " + std::to_string(k) + " numbers in " + std::to_string(k) +
                                 " groups. Spread within groups needs a group of two or more. Is "
                                 "the column of groups the right one?");
  for (size_t g = 0; g < k; ++g)
    means[g] = means[g] / DoubleDouble(static_cast<double>(a.counts[g]));
  std::vector<DoubleDouble> spread(k);
  for (size_t i = 0; i < y.size(); ++i) {
    const DoubleDouble d = DoubleDouble(y[i]) - means[of[i]];
    spread[of[i]] = spread[of[i]] + d * d;
  }
  const DoubleDouble grand = precise_mean(y);
  DoubleDouble outside, inside;
  for (size_t g = 0; g < k; ++g) {
    const DoubleDouble d = means[g] - grand;
    outside = outside + d * d * DoubleDouble(static_cast<double>(a.counts[g]));
    inside = inside + spread[g];
    a.means.push_back(static_cast<double>(means[g]));
    a.sds.push_back(std::sqrt(over(spread[g], static_cast<size_t>(a.counts[g]), 1)));
  }
  a.df[0] = static_cast<double>(k - 1);
  a.df[1] = static_cast<double>(y.size() - k);
  const DoubleDouble ms[2] = {outside / DoubleDouble(a.df[0]), inside / DoubleDouble(a.df[1])};
  a.ss[0] = static_cast<double>(outside);
  a.ss[1] = static_cast<double>(inside);
  a.ms[0] = static_cast<double>(ms[0]);
  a.ms[1] = static_cast<double>(ms[1]);
  a.f = static_cast<double>(ms[0] / ms[1]);
  a.r2 = static_cast<double>(outside / (outside + inside));
  a.resid_sd = static_cast<double>(sqrt(ms[1]));
  a.p = std::isnan(a.f) ? nan : number(FisherF(a.df[0], a.df[1]).sf(a.f));
  return a;
}

std::vector<RocPoint> roc_curve(Sample scores, std::span<const int64_t> truth) {
  const std::vector<size_t> order = order_of("roc_curve", scores, truth);
  const auto positives = static_cast<double>(std::ranges::count(truth, 1));
  const double negatives = static_cast<double>(truth.size()) - positives;
  std::vector<RocPoint> curve{{__builtin_huge_val(), 0, 0}};
  double hits = 0, alarms = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    (truth[order[i]] == 1 ? hits : alarms) += 1;
    const double score = scores[order[i]];
    if (i + 1 < order.size() && scores[order[i + 1]] == score) continue;
    curve.push_back({score, alarms / negatives, hits / positives});
  }
  return curve;
}

double roc_auc(Sample scores, std::span<const int64_t> truth) {
  const std::vector<size_t> order = order_of("roc_auc", scores, truth);
  const auto positives = static_cast<double>(std::ranges::count(truth, 1));
  const double negatives = static_cast<double>(truth.size()) - positives;
  // Twice the pairs won; whole numbers, exact to 2^53.
  double won = 0, above = 0;
  for (size_t i = 0; i < order.size();) {
    double hits = 0, alarms = 0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      (truth[order[i]] == 1 ? hits : alarms) += 1;
    won += alarms * (2 * above + hits);
    above += hits;
  }
  return won / (2 * positives * negatives);
}

ClassScores class_scores(std::span<const std::vector<int64_t>> counts, int64_t of_class) {
  const auto classes = static_cast<int64_t>(counts.size());
  if (of_class < 0 || of_class >= classes)
    raise(ErrorKind::domain, "class_scores: class " + std::to_string(of_class) + " of " +
                                 std::to_string(classes) + ". Classes count from 0.");
  ClassScores s;
  for (int64_t t = 0; t < classes; ++t) {
    const std::vector<int64_t>& row = counts[static_cast<size_t>(t)];
    require_pairs("class_scores", row.size(), counts.size(), "columns", "rows");
    for (int64_t p = 0; p < classes; ++p) {
      int64_t& cell = t == of_class ? (p == of_class ? s.true_positives : s.false_negatives)
                                    : (p == of_class ? s.false_positives : s.true_negatives);
      cell += row[static_cast<size_t>(p)];
    }
  }
  const auto hits = static_cast<double>(s.true_positives);
  s.precision = hits / static_cast<double>(s.true_positives + s.false_positives);
  s.recall = hits / static_cast<double>(s.true_positives + s.false_negatives);
  s.f1 =
      2 * hits / static_cast<double>(2 * s.true_positives + s.false_positives + s.false_negatives);
  return s;
}

Reliability reliability(Sample chance, std::span<const int64_t> happened, int64_t bins) {
  require_pairs("reliability", chance.size(), happened.size(), "chances", "outcomes");
  constexpr int64_t most = 1 << 16;
  if (bins < 1 || bins > most)
    raise(ErrorKind::domain, "reliability: " + std::to_string(bins) + " bins. There are 1 to " +
                                 std::to_string(most) + ".");
  const auto whole = static_cast<double>(bins);
  Reliability r;
  for (int64_t b = 0; b < bins; ++b)
    r.bins.push_back({static_cast<double>(b) / whole, static_cast<double>(b + 1) / whole, 0, 0, 0});
  for (size_t i = 0; i < chance.size(); ++i) {
    require_probability("reliability", chance[i]);
    if (happened[i] != 0 && happened[i] != 1)
      raise(ErrorKind::domain, "reliability: outcome [" + std::to_string(i) + "] is " +
                                   std::to_string(happened[i]) + ". It is 1 or 0.");
    const auto b = std::min(static_cast<int64_t>(chance[i] * whole), bins - 1);
    Reliability::Bin& bin = r.bins[static_cast<size_t>(b)];
    ++bin.count;
    bin.confidence += chance[i];
    bin.frequency += static_cast<double>(happened[i]);
  }
  for (Reliability::Bin& bin : r.bins) {
    const auto n = static_cast<double>(bin.count);
    const double gap = std::fabs(bin.confidence - bin.frequency);
    bin.confidence /= n;
    bin.frequency /= n;
    if (bin.count == 0) continue;
    r.expected_error += gap / static_cast<double>(chance.size());
    r.largest_error = std::max(r.largest_error, gap / n);
  }
  if (chance.empty()) r.expected_error = r.largest_error = nan;
  return r;
}

namespace {

// The statistic of resamples drawn with replacement.
std::vector<double> resampled(const std::string& op, Sample x,
                              const std::function<double(Sample)>& statistic, double level,
                              int64_t resamples, Key key) {
  if (!(level > 0 && level < 1))
    raise(ErrorKind::domain, op + ": the level is " + text::number(level) +
                                 ". It lies between 0 and 1: 0.95 leaves out 2.5 % on each side.");
  if (resamples < 1)
    raise(ErrorKind::domain, op + ": " + std::to_string(resamples) +
                                 " resamples. There must be one or more; 2000 or so are usual.");
  if (x.empty() || std::ranges::any_of(x, [](double v) { return std::isnan(v); })) return {nan};
  std::vector<double> drawn(x.size()), found;
  std::vector<int64_t> places(x.size());
  for (int64_t i = 0; i < resamples; ++i) {
    fill_integers(split(key, static_cast<uint64_t>(i)), 0, static_cast<int64_t>(x.size()), places);
    for (size_t k = 0; k < places.size(); ++k) drawn[k] = x[static_cast<size_t>(places[k])];
    found.push_back(statistic(drawn));
  }
  std::erase_if(found, [](double v) { return std::isnan(v); });
  return found.empty() ? std::vector<double>{nan} : found;
}

Interval between(const std::vector<double>& found, double low, double high) {
  const double shares[] = {low, high};
  const std::vector<double> q = quantiles(found, shares);
  return {q[0], q[1]};
}

// How fast the spread of the statistic grows with what it estimates: from its values without one
// number each, or without one of 512 parts that many numbers are dealt to.
double acceleration(Sample x, const std::function<double(Sample)>& statistic, Key key) {
  constexpr size_t most = 512;
  const size_t parts = std::min(x.size(), most);
  const std::vector<int64_t> dealt = permutation(key, static_cast<int64_t>(x.size()));
  std::vector<double> without;
  for (size_t i = 0; i < parts; ++i) {
    const size_t from = i * x.size() / parts, to = (i + 1) * x.size() / parts;
    std::vector<double> rest;
    for (size_t k = 0; k < x.size(); ++k)
      if (k < from || k >= to) rest.push_back(x[static_cast<size_t>(dealt[k])]);
    without.push_back(statistic(rest));
  }
  const double center = mean(without);
  double squares = 0, cubes = 0;
  for (const double v : without) {
    const double off = center - v;
    squares += off * off;
    cubes += off * off * off;
  }
  return squares > 0 ? cubes / (6 * squares * std::sqrt(squares)) : 0;
}

}  // namespace

Interval bootstrap_interval(Sample x, const std::function<double(Sample)>& statistic, double level,
                            int64_t resamples, Key key) {
  return between(resampled("bootstrap_interval", x, statistic, level, resamples, key),
                 (1 - level) / 2, (1 + level) / 2);
}

BootstrapIntervals bootstrap_intervals(Sample x, const std::function<double(Sample)>& statistic,
                                       double level, int64_t resamples, Key key) {
  const std::vector<double> found =
      resampled("bootstrap_intervals", x, statistic, level, resamples, key);
  const Interval percentile = between(found, (1 - level) / 2, (1 + level) / 2);
  if (x.size() < 2) return {percentile, percentile};
  const double estimate = statistic(x), count = static_cast<double>(found.size());
  double below = 0;
  for (const double v : found) below += v < estimate ? 1 : v == estimate ? 0.5 : 0;
  const double bias = special::ndtri(std::clamp(below / count, 0.5 / count, 1 - 0.5 / count));
  constexpr uint64_t beyond = uint64_t{1} << 62;  // no resample has this child
  const double a = acceleration(x, statistic, split(key, beyond));
  const auto share = [&](double p) {
    const double z = bias + special::ndtri(p);
    return special::ndtr(bias + z / std::max(1 - a * z, 0x1p-10));
  };
  const double low = share((1 - level) / 2), high = share((1 + level) / 2);
  if (std::isnan(low) || std::isnan(high)) return {percentile, {nan, nan}};
  return {percentile, between(found, low, high)};
}

}  // namespace gradus
