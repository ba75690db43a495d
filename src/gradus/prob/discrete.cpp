#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

Tensor not_whole(const Tensor& x) {
  return x != floor(x);
}

// -sum P(k) log P(k) over 0 ... last.
Tensor summed_entropy(const Distribution& d, const Tensor& parameters, int64_t last) {
  Shape one_more = parameters.shape();
  one_more.insert(0, 1);
  Shape column{last + 1};
  for (int i = 0; i < parameters.rank(); ++i) column.push_back(1);
  const Tensor log_p = d.log_prob(reshape(iota(last + 1, parameters.dtype()), column));
  return sum(where(isinf(log_p), 0.0, -exp(log_p) * log_p), {.axis = 0});
}

}  // namespace

Bernoulli::Bernoulli(const Tensor& chance)
    : p(parameter("Bernoulli", "p", chance, Must::be_a_probability)) {}
Tensor Bernoulli::log_prob(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x == 1.0, log(p), where(x == 0.0, log1p(-p), -infinity));
}
Tensor Bernoulli::cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, 0.0, where(x < 1.0, 1.0 - p, 1.0));
}
Tensor Bernoulli::sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, 1.0, where(x < 1.0, p, 0.0));
}
Tensor Bernoulli::quantile(const Tensor& q) const {
  return cast(as_float(q) > 1.0 - p, p.dtype());
}
Tensor Bernoulli::isf(const Tensor& q) const {
  return cast(as_float(q) < p, p.dtype());
}
Tensor Bernoulli::entropy() const {
  return -(x_log_y(p, p) + x_log1p_y(1.0 - p, -p));
}
Tensor Bernoulli::mean() const {
  return p;
}
Tensor Bernoulli::variance() const {
  return p * (1.0 - p);
}
Tensor Bernoulli::skewness() const {
  return (1.0 - 2.0 * p) / sqrt(p * (1.0 - p));
}
Tensor Bernoulli::excess_kurtosis() const {
  return 1.0 / (p * (1.0 - p)) - 6.0;
}
Tensor Bernoulli::sample(const Tensor& key, const Shape& size) const {
  return cast(bernoulli(key, p, size), p.dtype());
}

Tensor bernoulli_log_prob(const Tensor& x, const Tensor& logits) {
  const Tensor logit = as_float(logits);
  return where(x == 1.0, log_sigmoid(logit), where(x == 0.0, log_sigmoid(-logit), -infinity));
}

// Loader's saddle-point form: no part of it is larger than what is left, at any n.
Binomial::Binomial(const Tensor& trials, const Tensor& chance)
    : n(parameter("Binomial", "n", trials, Must::be_a_count)),
      p(parameter("Binomial", "p", chance, Must::be_a_probability)) {}
Tensor Binomial::log_prob(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor q = 1.0 - p, all = n + 0.0 * x;
  const Tensor inner = logical_and(x > 0.0, x < n);
  const Tensor k = where(inner, x, 1.0), m = where(inner, all, 2.0), rest = m - k;
  const Tensor middle = stirling_error(m) - stirling_error(k) - stirling_error(rest) -
                        (deviance(k, m * p) + deviance(rest, m * q)) +
                        (-0.5 * (log(k) + log1p(-k / m)) - log_root_two_pi);
  const Tensor edge = where(x == 0.0, x_log1p_y(all, -p), x_log_y(all, p));
  return where(logical_or(logical_or(x<0.0, x> n), not_whole(x)), -infinity,
               where(inner, middle, edge));
}
Tensor Binomial::cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor k = floor(x), inner = logical_and(k >= 0.0, k < n);
  const Tensor a = where(inner, k + 1.0, 1.0), b = where(inner, n - k, 1.0);
  return where(inner, betainc_c(a, b, p), cast(k >= n, p.dtype()));
}
Tensor Binomial::sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor k = floor(x), inner = logical_and(k >= 0.0, k < n);
  const Tensor a = where(inner, k + 1.0, 1.0), b = where(inner, n - k, 1.0);
  return where(inner, betainc(a, b, p), cast(k < 0.0, p.dtype()));
}
Tensor Binomial::log_cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor k = floor(x), inner = logical_and(k >= 0.0, k < n);
  const Tensor a = where(inner, k + 1.0, 1.0), b = where(inner, n - k, 1.0);
  return where(inner, log_betainc_c(a, b, p), where(k >= n, 0.0 * p, -infinity));
}
Tensor Binomial::log_sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor k = floor(x), inner = logical_and(k >= 0.0, k < n);
  const Tensor a = where(inner, k + 1.0, 1.0), b = where(inner, n - k, 1.0);
  return where(inner, log_betainc(a, b, p), where(k < 0.0, 0.0 * p, -infinity));
}
Tensor Binomial::quantile(const Tensor& q) const {
  return binomial_quantile(q, n, p, false);
}
Tensor Binomial::isf(const Tensor& q) const {
  return binomial_quantile(q, n, p, true);
}
// Edgeworth's series where the sum would be long: below 1e-15 from it at a variance of 10^5. With
// its first terms, p and 1 - p have one entropy, and the sum runs over the rarer outcome.
Tensor Binomial::entropy() const {
  constexpr double many = 1e5;
  const Tensor rare = minimum(p, 1.0 - p), pq = p * (1.0 - p), v = n * pq;
  const Tensor series = 0.5 * log(v) + (log_root_two_pi + 0.5) + (4.0 * pq - 1.0) / (12.0 * v) +
                        (4.0 * pq - 2.0 * square(pq) - 1.0) / (24.0 * square(v));
  if (!has_numbers(v) || number(min(v)) > many) return series;
  const Tensor few = where(v > many, 1.0, n + 0.0 * p);
  const Tensor last = minimum(few, few * rare + 12.0 * sqrt(few * rare) + 40.0);
  const Tensor summed =
      summed_entropy(Binomial(few, rare), v, static_cast<int64_t>(number(max(last))));
  return where(v > many, series, summed);
}
Tensor Binomial::mean() const {
  return n * p;
}
Tensor Binomial::variance() const {
  return n * p * (1.0 - p);
}
Tensor Binomial::skewness() const {
  return (1.0 - 2.0 * p) / sqrt(n * p * (1.0 - p));
}
Tensor Binomial::excess_kurtosis() const {
  return (1.0 - 6.0 * p * (1.0 - p)) / (n * p * (1.0 - p));
}
Tensor Binomial::sample(const Tensor& key, const Shape& size) const {
  return random_binomial(key, n, p, size);
}

Poisson::Poisson(const Tensor& r) : rate(parameter("Poisson", "rate", r, Must::be_positive)) {}
Tensor Poisson::log_prob(const Tensor& count) const {
  const Tensor x = as_float(count);
  const Tensor k = where(x > 0.0, x + 0.0 * rate, 1.0);
  const Tensor many = -(stirling_error(k) + deviance(k, rate)) - 0.5 * log(k) - log_root_two_pi;
  return where(logical_or(x < 0.0, not_whole(x)), -infinity, where(x == 0.0, -rate, many));
}
Tensor Poisson::cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, 0.0, gammainc_q(maximum(floor(x), 0.0) + 1.0, rate));
}
Tensor Poisson::sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, 1.0, gammainc_p(maximum(floor(x), 0.0) + 1.0, rate));
}
Tensor Poisson::log_cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, -infinity, log_gammainc_q(maximum(floor(x), 0.0) + 1.0, rate));
}
Tensor Poisson::log_sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 0.0, 0.0, log_gammainc_p(maximum(floor(x), 0.0) + 1.0, rate));
}
Tensor Poisson::quantile(const Tensor& q) const {
  return poisson_quantile(q, rate, false);
}
Tensor Poisson::isf(const Tensor& q) const {
  return poisson_quantile(q, rate, true);
}
// Evans, Boersma, Blachman and Jagers (1988), "The entropy of a Poisson distribution", where the
// sum would be long.
Tensor Poisson::entropy() const {
  constexpr double many = 1000;
  const Tensor r = 1.0 / rate;
  const Tensor series =
      0.5 * log(rate) + (log_root_two_pi + 0.5) -
      r * (1.0 / 12 + r * (1.0 / 24 + r * (19.0 / 360 + r * (9.0 / 80 + r * (863.0 / 2520)))));
  if (!has_numbers(rate) || number(min(rate)) > many) return series;
  const double largest = std::min(number(max(rate)), many);
  const Tensor few = minimum(rate, many);
  const Tensor summed = summed_entropy(
      Poisson(few), few, static_cast<int64_t>(largest + 12 * std::sqrt(largest) + 40));
  return where(rate > many, series, summed);
}
Tensor Poisson::mean() const {
  return rate;
}
Tensor Poisson::variance() const {
  return rate;
}
Tensor Poisson::skewness() const {
  return 1.0 / sqrt(rate);
}
Tensor Poisson::excess_kurtosis() const {
  return 1.0 / rate;
}
Tensor Poisson::sample(const Tensor& key, const Shape& size) const {
  return random_poisson(key, rate, size);
}

Geometric::Geometric(const Tensor& chance)
    : p(parameter("Geometric", "p", chance, Must::be_a_probability)) {
  parameter("Geometric", "p", chance, Must::be_positive);
}
Tensor Geometric::log_prob(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(logical_or(x < 1.0, not_whole(x)), -infinity, x_log1p_y(x - 1.0, -p) + log(p));
}
Tensor Geometric::cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 1.0, 0.0, -expm1(log_sf(x)));
}
Tensor Geometric::sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return exp(log_sf(x));
}
Tensor Geometric::log_cdf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return where(x < 1.0, -infinity, log1mexp(log_sf(x)));
}
Tensor Geometric::log_sf(const Tensor& count) const {
  const Tensor x = as_float(count);
  return x_log1p_y(maximum(floor(x), 0.0), -p);
}
namespace {
// The smallest k >= 1 with (1 - p)^k <= e^log_q, rounding forgiven.
Tensor geometric_count(const Tensor& log_q, const Tensor& p) {
  const Tensor k = log_q / log1p(-p);
  return where(p == 1.0, 1.0, maximum(ceil(k - 1e-14 * k), 1.0));
}
}  // namespace
Tensor Geometric::quantile(const Tensor& q) const {
  return geometric_count(log1p(-as_float(q)), p);
}
Tensor Geometric::isf(const Tensor& q) const {
  return geometric_count(log(q), p);
}
Tensor Geometric::entropy() const {
  return -(x_log1p_y(1.0 - p, -p) / p + log(p));
}
Tensor Geometric::mean() const {
  return 1.0 / p;
}
Tensor Geometric::variance() const {
  return (1.0 - p) / square(p);
}
Tensor Geometric::skewness() const {
  return (2.0 - p) / sqrt(1.0 - p);
}
Tensor Geometric::excess_kurtosis() const {
  return 6.0 + square(p) / (1.0 - p);
}
Tensor Geometric::sample(const Tensor& key, const Shape& size) const {
  return quantile(random_uniform(key, size, p.dtype()));
}

}  // namespace gradus
