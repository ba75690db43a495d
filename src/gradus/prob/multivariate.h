// Distributions of vectors and of classes. The last axis is the vector; axes before it are a batch.
#pragma once

#include <gradus/core/tensor.h>

#include <span>
#include <vector>

namespace gradus {

// location (..., n) and covariance (..., n, n), which must be symmetric and positive definite.
struct MultivariateNormal {
  Tensor location, covariance, cholesky;  // covariance = cholesky cholesky^T
  MultivariateNormal(const Tensor& location, const Tensor& covariance);

  Tensor log_prob(const Tensor& x) const;  // x (..., n) gives (...)
  Tensor entropy() const;
  Tensor mean() const { return location; }
  // Draws (size..., n), reparameterised.
  Tensor sample(const Tensor& key, const Shape& size) const;
  // Of the components `keep`, whatever the others are.
  MultivariateNormal marginal(std::span<const int64_t> keep) const;
  // Of the components not in `known`, when those are `values` (..., known).
  MultivariateNormal conditional(std::span<const int64_t> known, const Tensor& values) const;
};
Tensor kl_divergence(const MultivariateNormal& p, const MultivariateNormal& q);

// Positive numbers of sum 1: prod x_i^(concentration_i - 1) / B(concentration).
struct Dirichlet {
  Tensor concentration;  // (..., k)
  explicit Dirichlet(const Tensor& concentration);
  Tensor log_prob(const Tensor& x) const;
  Tensor entropy() const;
  Tensor mean() const;
  Tensor variance() const;
  Tensor sample(const Tensor& key, const Shape& size) const;  // (size..., k)
};
Tensor kl_divergence(const Dirichlet& p, const Dirichlet& q);

// A class 0, 1, ..., k - 1 with probabilities softmax(logits).
struct Categorical {
  Tensor logits;  // (..., k); of any size, only differences matter
  explicit Categorical(const Tensor& logits);
  static Categorical from_probs(const Tensor& probs);  // >= 0; scaled to sum 1

  Tensor log_probs() const;                // (..., k)
  Tensor log_prob(const Tensor& x) const;  // classes (...), integers
  Tensor entropy() const;
  // i64 (size...) for logits (k), else (size..., ...): the class whose logit plus Gumbel noise is
  // the largest.
  Tensor sample(const Tensor& key, const Shape& size) const;
  // As language models are sampled from: logits over a temperature > 0; only the k most likely
  // classes; only the fewest likely ones whose probabilities reach p. What is left out has
  // probability 0.
  Categorical with_temperature(double temperature) const;
  Categorical top_k(int64_t k) const;
  Categorical top_p(double p) const;
};
Tensor kl_divergence(const Categorical& p, const Categorical& q);

// Counts of n draws from a categorical distribution with these probabilities (..., k).
struct Multinomial {
  Tensor n, probs;
  Multinomial(const Tensor& n, const Tensor& probs);
  Tensor log_prob(const Tensor& counts) const;                // (..., k)
  Tensor mean() const;                                        // (..., k)
  Tensor covariance() const;                                  // (..., k, k)
  Tensor sample(const Tensor& key, const Shape& size) const;  // (size..., k); n of rank 0
};

// Walker's table (Vose 1991): draws from one categorical distribution in constant time, from one
// uniform number each. The draw of a place depends on the key and that place alone.
class AliasTable {
 public:
  explicit AliasTable(const Tensor& probs);                   // (k); scaled to sum 1
  Tensor sample(const Tensor& key, const Shape& size) const;  // i64

 private:
  std::vector<double> keep_;    // how much of bucket b is its own class
  std::vector<int64_t> class_;  // 2 b: its other class, 2 b + 1: its own
};

}  // namespace gradus
