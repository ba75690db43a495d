// Whether draws look like a distribution: Kolmogorov and Smirnov's distance, Pearson's chi-square.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/prob/distribution.h>

namespace gradus {

struct GoodnessOfFit {
  double statistic = 0;
  double p_value = 1;  // how often draws of the distribution itself would be at least so far off
};
// The largest distance of the share of x (n) below a point from the cdf there. The p-value is that
// of many draws, corrected for their number (Stephens 1970): within 0.003 from n = 5 on. For
// distributions with a density.
GoodnessOfFit kolmogorov_smirnov(const Tensor& x, const Distribution& d);
// sum (seen - expected)^2 / expected over cells (k), expected > 0; fitted parameters and a total
// that was taken from the data each remove a degree of freedom from k.
GoodnessOfFit chi_square_test(const Tensor& seen, const Tensor& expected, int64_t removed = 1);

}  // namespace gradus
