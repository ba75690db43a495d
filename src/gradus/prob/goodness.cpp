#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/prob/goodness.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

// P(sqrt(n) D > t) of many draws (Kolmogorov 1933): the two forms of one theta function, each where
// it needs few terms.
double kolmogorov_sf(double t) {
  if (t <= 0) return 1;
  double sum = 0;
  if (t < 1) {
    const double pi = std::numbers::pi;
    for (int j = 1; j <= 20; j += 2) sum += std::exp(-j * j * pi * pi / (8 * t * t));
    return std::max(0.0, 1 - std::sqrt(2 * pi) / t * sum);
  }
  for (int j = 1; j <= 10; ++j) sum += (j % 2 == 1 ? 2 : -2) * std::exp(-2 * j * j * t * t);
  return sum;
}

}  // namespace

GoodnessOfFit kolmogorov_smirnov(const Tensor& x, const Distribution& d) {
  if (x.rank() != 1 || x.size() == 0)
    raise(ErrorKind::shape,
          "kolmogorov_smirnov: " + to_string(x.type()) + " is not a list of at least one number.");
  const std::vector<double> below = numbers(d.cdf(sort(as_float(x))));
  const auto n = static_cast<double>(below.size());
  double distance = 0;
  for (size_t i = 0; i < below.size(); ++i) {
    const auto rank = static_cast<double>(i);
    distance = std::max({distance, below[i] - rank / n, (rank + 1) / n - below[i]});
  }
  const double root = std::sqrt(n);
  return {distance, kolmogorov_sf((root + 0.12 + 0.11 / root) * distance)};
}

GoodnessOfFit chi_square_test(const Tensor& seen, const Tensor& expected, int64_t removed) {
  const Tensor e = parameter("chi_square_test", "expected", expected, Must::be_positive);
  const int64_t left = e.size() - removed;
  if (seen.shape() != e.shape() || left < 1)
    raise(ErrorKind::shape, "chi_square_test: seen " + to_string(seen.type()) + ", expected " +
                                to_string(e.type()) + " and " + std::to_string(removed) +
                                " removed. The cells are the same, and a degree of freedom is "
                                "left.");
  const double statistic = number(sum(square(as_float(seen) - e) / e));
  return {statistic, number(ChiSquare(static_cast<double>(left)).sf(statistic))};
}

}  // namespace gradus
