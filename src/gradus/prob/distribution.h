// Distributions of one number: parameters are tensors, and every function is a composition of ops,
// so values broadcast, and derivatives towards x and the parameters follow. Logarithms are natural.
// A parameter outside its range is a DomainError that names the element.
#pragma once

#include <gradus/core/tensor.h>

namespace gradus {

// What all of them offer. x outside the support has log_prob -inf; where a moment does not exist it
// is NaN or infinite, as its integral is.
class Distribution {
 public:
  virtual ~Distribution() = default;

  // The logarithm of the density, or of the probability where values are counted.
  virtual Tensor log_prob(const Tensor& x) const = 0;
  // P(X <= x) and P(X > x), each with its own relative precision; and their logarithms, which do
  // not underflow.
  virtual Tensor cdf(const Tensor& x) const = 0;
  virtual Tensor sf(const Tensor& x) const = 0;
  virtual Tensor log_cdf(const Tensor& x) const;
  virtual Tensor log_sf(const Tensor& x) const;
  // The smallest x with cdf(x) >= p, and the smallest with sf(x) <= p. For counted values they have
  // no derivative.
  virtual Tensor quantile(const Tensor& p) const = 0;
  virtual Tensor isf(const Tensor& p) const = 0;
  virtual Tensor entropy() const = 0;
  virtual Tensor mean() const = 0;
  virtual Tensor variance() const = 0;
  virtual Tensor skewness() const = 0;
  virtual Tensor excess_kurtosis() const = 0;  // 0 for the normal distribution
  // Draws of this shape, against which the parameters broadcast; `key` is i64[2] (ops/random.h).
  // Where x depends smoothly on the parameters, derivatives pass: the draw is reparameterised.
  virtual Tensor sample(const Tensor& key, const Shape& shape) const = 0;

  Tensor prob(const Tensor& x) const;
  Tensor standard_deviation() const;
};

#define GRADUS_DISTRIBUTION                        \
  Tensor log_prob(const Tensor& x) const override; \
  Tensor cdf(const Tensor& x) const override;      \
  Tensor sf(const Tensor& x) const override;       \
  Tensor quantile(const Tensor& p) const override; \
  Tensor isf(const Tensor& p) const override;      \
  Tensor entropy() const override;                 \
  Tensor mean() const override;                    \
  Tensor variance() const override;                \
  Tensor skewness() const override;                \
  Tensor excess_kurtosis() const override;         \
  Tensor sample(const Tensor& key, const Shape& shape) const override;
#define GRADUS_LOG_TAILS                          \
  Tensor log_cdf(const Tensor& x) const override; \
  Tensor log_sf(const Tensor& x) const override;

// All values from low to high alike, low < high.
struct Uniform : Distribution {
  Tensor low, high;
  explicit Uniform(const Tensor& low = 0.0, const Tensor& high = 1.0);
  GRADUS_DISTRIBUTION
};

// Scale is the standard deviation, > 0.
struct Normal : Distribution {
  Tensor location, scale;
  explicit Normal(const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// exp of a normal number with these parameters.
struct LogNormal : Distribution {
  Tensor location, scale;
  explicit LogNormal(const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// rate e^(-rate x), x >= 0.
struct Exponential : Distribution {
  Tensor rate;
  explicit Exponential(const Tensor& rate = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// e^(-|x - location| / scale) / (2 scale).
struct Laplace : Distribution {
  Tensor location, scale;
  explicit Laplace(const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// scale / (pi (scale^2 + (x - location)^2)): no moment exists.
struct Cauchy : Distribution {
  Tensor location, scale;
  explicit Cauchy(const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION
};

// Of the largest of many: cdf exp(-exp(-(x - location) / scale)).
struct Gumbel : Distribution {
  Tensor location, scale;
  explicit Gumbel(const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// rate^shape x^(shape - 1) e^(-rate x) / Gamma(shape), x >= 0. Mean shape / rate.
struct Gamma : Distribution {
  Tensor shape, rate;
  explicit Gamma(const Tensor& shape, const Tensor& rate = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// The sum of dof squared standard normal numbers.
struct ChiSquare : Gamma {
  explicit ChiSquare(const Tensor& dof);
};

// x^(a - 1) (1 - x)^(b - 1) / B(a, b), 0 <= x <= 1.
struct Beta : Distribution {
  Tensor a, b;
  Beta(const Tensor& a, const Tensor& b);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// A standard normal number over the root of an independent chi-square one over dof, scaled, moved.
struct StudentT : Distribution {
  Tensor dof, location, scale;
  explicit StudentT(const Tensor& dof, const Tensor& location = 0.0, const Tensor& scale = 1.0);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// The ratio of two independent chi-square numbers, each over its degrees of freedom.
struct FisherF : Distribution {
  Tensor dof1, dof2;
  FisherF(const Tensor& dof1, const Tensor& dof2);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// 1 with probability p, else 0.
struct Bernoulli : Distribution {
  Tensor p;
  explicit Bernoulli(const Tensor& p);
  GRADUS_DISTRIBUTION
};

// How many of n independent trials succeed.
struct Binomial : Distribution {
  Tensor n, p;
  Binomial(const Tensor& n, const Tensor& p);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// Events of a time in which `rate` are expected.
struct Poisson : Distribution {
  Tensor rate;
  explicit Poisson(const Tensor& rate);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

// Trials up to and with the first success: 1, 2, ...
struct Geometric : Distribution {
  Tensor p;
  explicit Geometric(const Tensor& p);
  GRADUS_DISTRIBUTION GRADUS_LOG_TAILS
};

#undef GRADUS_DISTRIBUTION
#undef GRADUS_LOG_TAILS

// log P(x) of a Bernoulli number from its log-odds: exact for logits of any size.
Tensor bernoulli_log_prob(const Tensor& x, const Tensor& logit);

// KL(p || q) = E_p[log p(x) - log q(x)] in closed form, without cancellation where p is close to q;
// infinite where q lacks a part of the support of p.
Tensor kl_divergence(const Uniform& p, const Uniform& q);
Tensor kl_divergence(const Normal& p, const Normal& q);
Tensor kl_divergence(const LogNormal& p, const LogNormal& q);
Tensor kl_divergence(const Exponential& p, const Exponential& q);
Tensor kl_divergence(const Laplace& p, const Laplace& q);
Tensor kl_divergence(const Cauchy& p, const Cauchy& q);
Tensor kl_divergence(const Gumbel& p, const Gumbel& q);
Tensor kl_divergence(const Gamma& p, const Gamma& q);
Tensor kl_divergence(const Beta& p, const Beta& q);
Tensor kl_divergence(const Bernoulli& p, const Bernoulli& q);
Tensor kl_divergence(const Binomial& p, const Binomial& q);  // of one n
Tensor kl_divergence(const Poisson& p, const Poisson& q);
Tensor kl_divergence(const Geometric& p, const Geometric& q);

// Two ends of an interval.
struct Bounds {
  Tensor low, high;
};

// The mean of log p(x) - log q(x) over `count` draws from p, and its standard error: for pairs
// without a closed form, and as its check. Both of rank 0; parameters must be single numbers.
struct Estimate {
  Tensor value, standard_error;
};
Estimate kl_by_sampling(const Distribution& p, const Distribution& q, const Tensor& key,
                        int64_t count);

}  // namespace gradus
