// Closed forms of KL divergences, written so that parameters close together keep their digits:
// deviance(x, m) = x log(x / m) - x + m and lgamma_divergence are never sums that cancel.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/parts.h>

#include <cmath>

namespace gradus {
namespace {

// log(b / a) + a / b - 1.
Tensor ratio_gap(const Tensor& a, const Tensor& b) {
  return deviance(b, a) / b;
}

Tensor bernoulli_kl(const Tensor& p, const Tensor& q) {
  return deviance(p, q) + deviance(1.0 - p, 1.0 - q);
}

}  // namespace

Tensor kl_divergence(const Uniform& p, const Uniform& q) {
  const Tensor inside = logical_and(q.low <= p.low, p.high <= q.high);
  return where(inside, log((q.high - q.low) / (p.high - p.low)), infinity);
}

Tensor kl_divergence(const Normal& p, const Normal& q) {
  const Tensor z = (p.location - q.location) / q.scale, t = (p.scale - q.scale) / q.scale;
  return 0.5 * (square(z) + square(t)) + ratio_gap(p.scale, q.scale);
}

Tensor kl_divergence(const LogNormal& p, const LogNormal& q) {
  return kl_divergence(Normal(p.location, p.scale), Normal(q.location, q.scale));
}

Tensor kl_divergence(const Exponential& p, const Exponential& q) {
  return ratio_gap(q.rate, p.rate);
}

Tensor kl_divergence(const Laplace& p, const Laplace& q) {
  const Tensor u = abs(p.location - q.location) / p.scale;
  return ratio_gap(p.scale, q.scale) + p.scale / q.scale * exp_gap(u);
}

Tensor kl_divergence(const Cauchy& p, const Cauchy& q) {
  const Tensor s = 4.0 * p.scale * q.scale;
  return log1p((square(p.scale - q.scale) + square(p.location - q.location)) / s);
}

// With r the ratio of the scales and d the distance in scales of q, Gamma(1 + r) e^-d = e^-v.
Tensor kl_divergence(const Gumbel& p, const Gumbel& q) {
  const Tensor r = p.scale / q.scale, d = (p.location - q.location) / q.scale;
  return ratio_gap(p.scale, q.scale) + lgamma_divergence(1.0 + r, 2.0) +
         exp_gap(d - lgamma(1.0 + r));
}

Tensor kl_divergence(const Gamma& p, const Gamma& q) {
  return deviance(q.shape, p.shape * (q.rate / p.rate)) + stirling_divergence(q.shape, p.shape);
}

Tensor kl_divergence(const Beta& p, const Beta& q) {
  const Tensor n = p.a + p.b, m = q.a + q.b;
  return deviance(q.a, m * (p.a / n)) + deviance(q.b, m * (p.b / n)) +
         (stirling_divergence(q.a, p.a) + stirling_divergence(q.b, p.b) -
          stirling_divergence(m, n));
}

Tensor kl_divergence(const Bernoulli& p, const Bernoulli& q) {
  return bernoulli_kl(p.p, q.p);
}

Tensor kl_divergence(const Binomial& p, const Binomial& q) {
  return where(p.n == q.n, p.n * bernoulli_kl(p.p, q.p), where(p.n < q.n, std::nan(""), infinity));
}

Tensor kl_divergence(const Poisson& p, const Poisson& q) {
  return deviance(p.rate, q.rate);
}

Tensor kl_divergence(const Geometric& p, const Geometric& q) {
  return bernoulli_kl(p.p, q.p) / p.p;
}

Estimate kl_by_sampling(const Distribution& p, const Distribution& q, const Tensor& key,
                        int64_t count) {
  if (count < 2)
    raise(ErrorKind::domain,
          "kl_by_sampling: " + std::to_string(count) + " draws have no spread. Take at least two.");
  const Tensor x = p.sample(key, {count});
  const Tensor gain = p.log_prob(x) - q.log_prob(x);
  return {mean(gain), std_dev(gain, {}, 1) / std::sqrt(static_cast<double>(count))};
}

}  // namespace gradus
