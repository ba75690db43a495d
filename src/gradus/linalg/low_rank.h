// A matrix by its few largest singular values: truncated, drawn at random, and as the principal
// components of data.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <cstdint>

namespace gradus {

// The nearest matrix of some rank (Eckart and Young 1936).
struct LowRank {
  Tensor u, s, vt;  // (m, rank), (rank), (rank, n)
  Tensor spectrum;  // all singular values
  int64_t rank = 0;
  double error = 0;   // |A - A_rank| in the Frobenius norm
  double energy = 0;  // the share of the sum of squares that is kept
  Tensor matrix() const;
};
LowRank low_rank(const Tensor& a, int64_t rank);
// The smallest rank that keeps this share of the sum of squares, in [0, 1].
LowRank low_rank_by_energy(const Tensor& a, double energy);
// The smallest rank whose error in the Frobenius norm is within the budget.
LowRank low_rank_by_error(const Tensor& a, double budget);
// The rank at the widest gap of the spectrum, s_r / s_r+1 largest: where a signal of few directions
// ends and noise begins. Values below rounding of the largest are no signal.
LowRank low_rank_by_gap(const Tensor& a);

// What a matrix does to lengths: its singular values and what they say of it.
struct Spectrum {
  Tensor values;                                    // descending
  double spectral = 0, frobenius = 0, nuclear = 0;  // norms: the largest, root of squares, sum
  double condition = 0;                             // the largest over the least
  // |A|_F^2 / |A|_2^2 (Rudelson and Vershynin 2007, "Sampling from large matrices"), and e^H of the
  // shares s_i / sum s (Roy and Vetterli 2007, "The effective rank"): how many directions count.
  double stable_rank = 0, effective_rank = 0;
};
Spectrum spectrum(const Tensor& a);

// The `rank` largest singular values of a (m, n) by products with random vectors (Halko, Martinsson
// and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1).
struct RandomizedOptions {
  int64_t extra = 10;  // vectors more than the rank
  int powers = 2;      // of A A^T: more, where singular values fall slowly
  Key key{};
};
struct RandomizedSvd {
  Tensor u, s, vt;
  // With probability 1 - 1e-10 no more than this lies outside of the space that was found, in the
  // spectral norm (ibid. equation 4.3).
  double error_bound = 0;
};
RandomizedSvd randomized_svd(const Tensor& a, int64_t rank, const RandomizedOptions& options = {});

// Principal components of observations x (m, d): directions of the largest variance. The sign of a
// component makes its largest element positive.
struct Pca {
  Tensor mean;        // (d)
  Tensor components;  // (k, d), orthonormal rows
  Tensor variances;   // (k), with m - 1
  Tensor ratios;      // (k), shares of the whole variance

  // (m, d) -> (m, k) and back. Whitened coordinates have variance 1, and 0 along a direction in
  // which the data do not vary.
  Tensor transform(const Tensor& x, bool whiten = false) const;
  Tensor inverse(const Tensor& z, bool whitened = false) const;
};
// k components; all min(m, d) where k is 0.
Pca pca(const Tensor& x, int64_t k = 0);

}  // namespace gradus
