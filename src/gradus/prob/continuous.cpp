#include <gradus/base/error.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/parts.h>

#include <array>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

constexpr double pi = std::numbers::pi;

// Rank 0 in the type and shape of the parameters together.
Tensor filled(double value, const Tensor& a) {
  return a * 0.0 + value;
}
Tensor filled(double value, const Tensor& a, const Tensor& b) {
  return (a + b) * 0.0 + value;
}

DType type_of(const Tensor& a) {
  return a.dtype();
}

// Uniform in (0, 1): the middle of a cell of random_uniform.
Tensor open_uniform(const Tensor& key, const Shape& shape, DType dtype) {
  return random_uniform(key, shape, dtype) + (dtype == DType::f32 ? 0x1p-25 : 0x1p-54);
}

// log(1 + t^2), where t^2 may overflow.
Tensor log1p_square(const Tensor& t) {
  return where(abs(t) > 1e8, 2.0 * log(abs(t)), log1p(square(t)));
}

}  // namespace

Tensor Distribution::log_cdf(const Tensor& x) const {
  return log_of_tail(cdf(x), sf(x));
}
Tensor Distribution::log_sf(const Tensor& x) const {
  return log_of_tail(sf(x), cdf(x));
}
Tensor Distribution::prob(const Tensor& x) const {
  return exp(log_prob(x));
}
Tensor Distribution::standard_deviation() const {
  return sqrt(variance());
}

Uniform::Uniform(const Tensor& l, const Tensor& h)
    : low(parameter("Uniform", "low", l, Must::be_finite)),
      high(parameter("Uniform", "high", h, Must::be_finite)) {
  parameter("Uniform", "high - low", high - low, Must::be_positive);
}
Tensor Uniform::log_prob(const Tensor& x) const {
  return where(logical_or(x<low, x> high), -infinity, x * 0.0 - log(high - low));
}
Tensor Uniform::cdf(const Tensor& x) const {
  return clip((x - low) / (high - low), 0.0, 1.0);
}
Tensor Uniform::sf(const Tensor& x) const {
  return clip((high - x) / (high - low), 0.0, 1.0);
}
Tensor Uniform::quantile(const Tensor& p) const {
  return low + (high - low) * p;
}
Tensor Uniform::isf(const Tensor& p) const {
  return high - (high - low) * p;
}
Tensor Uniform::entropy() const {
  return log(high - low);
}
Tensor Uniform::mean() const {
  return 0.5 * (low + high);
}
Tensor Uniform::variance() const {
  return square(high - low) / 12.0;
}
Tensor Uniform::skewness() const {
  return filled(0, low, high);
}
Tensor Uniform::excess_kurtosis() const {
  return filled(-1.2, low, high);
}
Tensor Uniform::sample(const Tensor& key, const Shape& size) const {
  return low + (high - low) * random_uniform(key, size, type_of(high));
}

Normal::Normal(const Tensor& m, const Tensor& s)
    : location(parameter("Normal", "location", m, Must::be_finite)),
      scale(parameter("Normal", "scale", s, Must::be_positive)) {}
Tensor Normal::log_prob(const Tensor& x) const {
  const Tensor z = (x - location) / scale;
  return (-0.5 * z) * z - log(scale) - log_root_two_pi;
}
Tensor Normal::cdf(const Tensor& x) const {
  return ndtr((x - location) / scale);
}
Tensor Normal::sf(const Tensor& x) const {
  return ndtr((location - x) / scale);
}
Tensor Normal::log_cdf(const Tensor& x) const {
  return log_ndtr((x - location) / scale);
}
Tensor Normal::log_sf(const Tensor& x) const {
  return log_ndtr((location - x) / scale);
}
Tensor Normal::quantile(const Tensor& p) const {
  return location + scale * ndtri(p);
}
Tensor Normal::isf(const Tensor& p) const {
  return location - scale * ndtri(p);
}
Tensor Normal::entropy() const {
  return location * 0.0 + log(scale) + (log_root_two_pi + 0.5);
}
Tensor Normal::mean() const {
  return location + scale * 0.0;
}
Tensor Normal::variance() const {
  return location * 0.0 + square(scale);
}
Tensor Normal::skewness() const {
  return filled(0, location, scale);
}
Tensor Normal::excess_kurtosis() const {
  return filled(0, location, scale);
}
Tensor Normal::sample(const Tensor& key, const Shape& size) const {
  return location + scale * random_normal(key, size, type_of(scale));
}

LogNormal::LogNormal(const Tensor& m, const Tensor& s)
    : location(parameter("LogNormal", "location", m, Must::be_finite)),
      scale(parameter("LogNormal", "scale", s, Must::be_positive)) {}
Tensor LogNormal::log_prob(const Tensor& x) const {
  const Tensor y = log(x);
  return where(x <= 0.0, -infinity, Normal(location, scale).log_prob(y) - y);
}
Tensor LogNormal::cdf(const Tensor& x) const {
  return where(x <= 0.0, 0.0, Normal(location, scale).cdf(log(x)));
}
Tensor LogNormal::sf(const Tensor& x) const {
  return where(x <= 0.0, 1.0, Normal(location, scale).sf(log(x)));
}
Tensor LogNormal::log_cdf(const Tensor& x) const {
  return where(x <= 0.0, -infinity, Normal(location, scale).log_cdf(log(x)));
}
Tensor LogNormal::log_sf(const Tensor& x) const {
  return where(x <= 0.0, 0.0, Normal(location, scale).log_sf(log(x)));
}
Tensor LogNormal::quantile(const Tensor& p) const {
  return exp(Normal(location, scale).quantile(p));
}
Tensor LogNormal::isf(const Tensor& p) const {
  return exp(Normal(location, scale).isf(p));
}
Tensor LogNormal::entropy() const {
  return location + log(scale) + (log_root_two_pi + 0.5);
}
Tensor LogNormal::mean() const {
  return exp(location + 0.5 * square(scale));
}
Tensor LogNormal::variance() const {
  return expm1(square(scale)) * exp(2.0 * location + square(scale));
}
Tensor LogNormal::skewness() const {
  const Tensor v = square(scale) + location * 0.0;
  return (exp(v) + 2.0) * sqrt(expm1(v));
}
Tensor LogNormal::excess_kurtosis() const {
  const Tensor v = square(scale) + location * 0.0;
  return expm1(4.0 * v) + 2.0 * expm1(3.0 * v) + 3.0 * expm1(2.0 * v);
}
Tensor LogNormal::sample(const Tensor& key, const Shape& size) const {
  return exp(Normal(location, scale).sample(key, size));
}

Exponential::Exponential(const Tensor& r)
    : rate(parameter("Exponential", "rate", r, Must::be_positive)) {}
Tensor Exponential::log_prob(const Tensor& x) const {
  return where(x < 0.0, -infinity, log(rate) - rate * x);
}
Tensor Exponential::cdf(const Tensor& x) const {
  return where(x < 0.0, 0.0, -expm1(-(rate * x)));
}
Tensor Exponential::sf(const Tensor& x) const {
  return where(x < 0.0, 1.0, exp(-(rate * x)));
}
Tensor Exponential::log_cdf(const Tensor& x) const {
  return where(x <= 0.0, -infinity, log1mexp(-(rate * x)));
}
Tensor Exponential::log_sf(const Tensor& x) const {
  return where(x < 0.0, 0.0, -(rate * x));
}
Tensor Exponential::quantile(const Tensor& p) const {
  return -log1p(-p) / rate;
}
Tensor Exponential::isf(const Tensor& p) const {
  return -log(p) / rate;
}
Tensor Exponential::entropy() const {
  return 1.0 - log(rate);
}
Tensor Exponential::mean() const {
  return 1.0 / rate;
}
Tensor Exponential::variance() const {
  return 1.0 / square(rate);
}
Tensor Exponential::skewness() const {
  return filled(2, rate);
}
Tensor Exponential::excess_kurtosis() const {
  return filled(6, rate);
}
Tensor Exponential::sample(const Tensor& key, const Shape& size) const {
  return quantile(random_uniform(key, size, type_of(rate)));
}

Laplace::Laplace(const Tensor& m, const Tensor& s)
    : location(parameter("Laplace", "location", m, Must::be_finite)),
      scale(parameter("Laplace", "scale", s, Must::be_positive)) {}
Tensor Laplace::log_prob(const Tensor& x) const {
  return -abs((x - location) / scale) - log(scale) - std::numbers::ln2;
}
Tensor Laplace::cdf(const Tensor& x) const {
  const Tensor z = (x - location) / scale;
  return where(z < 0.0, 0.5 * exp(z), 1.0 - 0.5 * exp(-z));
}
Tensor Laplace::sf(const Tensor& x) const {
  const Tensor z = (location - x) / scale;
  return where(z < 0.0, 0.5 * exp(z), 1.0 - 0.5 * exp(-z));
}
Tensor Laplace::log_cdf(const Tensor& x) const {
  const Tensor z = (x - location) / scale;
  return where(z < 0.0, z - std::numbers::ln2, log1p(-0.5 * exp(-z)));
}
Tensor Laplace::log_sf(const Tensor& x) const {
  const Tensor z = (location - x) / scale;
  return where(z < 0.0, z - std::numbers::ln2, log1p(-0.5 * exp(-z)));
}
Tensor Laplace::quantile(const Tensor& p) const {
  // ln(2 p) as log1p(2 p - 1) where that is exact: near the median.
  const auto log_twice = [](const Tensor& q) {
    return where(q > 0.25, log1p(2.0 * q - 1.0), log(q) + std::numbers::ln2);
  };
  return location + scale * where(p < 0.5, log_twice(p), -log_twice(1.0 - p));
}
Tensor Laplace::isf(const Tensor& p) const {
  return 2.0 * location - quantile(p);
}
Tensor Laplace::entropy() const {
  return location * 0.0 + log(scale) + (1 + std::numbers::ln2);
}
Tensor Laplace::mean() const {
  return location + scale * 0.0;
}
Tensor Laplace::variance() const {
  return location * 0.0 + 2.0 * square(scale);
}
Tensor Laplace::skewness() const {
  return filled(0, location, scale);
}
Tensor Laplace::excess_kurtosis() const {
  return filled(3, location, scale);
}
Tensor Laplace::sample(const Tensor& key, const Shape& size) const {
  return quantile(open_uniform(key, size, type_of(scale)));
}

Cauchy::Cauchy(const Tensor& m, const Tensor& s)
    : location(parameter("Cauchy", "location", m, Must::be_finite)),
      scale(parameter("Cauchy", "scale", s, Must::be_positive)) {}
Tensor Cauchy::log_prob(const Tensor& x) const {
  return -log1p_square((x - location) / scale) - log(scale) - std::log(pi);
}
// The angle from the other side: no digit is lost in a tail.
Tensor Cauchy::cdf(const Tensor& x) const {
  return atan2(scale, location - x) / pi;
}
Tensor Cauchy::sf(const Tensor& x) const {
  return atan2(scale, x - location) / pi;
}
Tensor Cauchy::quantile(const Tensor& p) const {
  return location + scale * where(p < 0.25, -1.0 / tan(pi * p),
                                  where(p > 0.75, 1.0 / tan(pi * (1.0 - p)), tan(pi * (p - 0.5))));
}
Tensor Cauchy::isf(const Tensor& p) const {
  return location - scale * Cauchy().quantile(p);
}
Tensor Cauchy::entropy() const {
  return location * 0.0 + log(scale) + std::log(4 * pi);
}
Tensor Cauchy::mean() const {
  return filled(std::nan(""), location, scale);
}
Tensor Cauchy::variance() const {
  return filled(std::nan(""), location, scale);
}
Tensor Cauchy::skewness() const {
  return filled(std::nan(""), location, scale);
}
Tensor Cauchy::excess_kurtosis() const {
  return filled(std::nan(""), location, scale);
}
Tensor Cauchy::sample(const Tensor& key, const Shape& size) const {
  return quantile(open_uniform(key, size, type_of(scale)));
}

Gumbel::Gumbel(const Tensor& m, const Tensor& s)
    : location(parameter("Gumbel", "location", m, Must::be_finite)),
      scale(parameter("Gumbel", "scale", s, Must::be_positive)) {}
Tensor Gumbel::log_prob(const Tensor& x) const {
  const Tensor z = (x - location) / scale;
  return -(z + exp(-z)) - log(scale);
}
Tensor Gumbel::cdf(const Tensor& x) const {
  return exp(log_cdf(x));
}
Tensor Gumbel::sf(const Tensor& x) const {
  return -expm1(log_cdf(x));
}
Tensor Gumbel::log_cdf(const Tensor& x) const {
  return -exp((location - x) / scale);
}
Tensor Gumbel::log_sf(const Tensor& x) const {
  const Tensor z = (x - location) / scale;
  return where(z > 40.0, -z, log1mexp(-exp(-z)));
}
Tensor Gumbel::quantile(const Tensor& p) const {
  return location - scale * log(where(p < 0.5, -log(p), -log1p(p - 1.0)));
}
Tensor Gumbel::isf(const Tensor& p) const {
  return location - scale * log(-log1p(-p));
}
Tensor Gumbel::entropy() const {
  return location * 0.0 + log(scale) + (1 + euler);
}
Tensor Gumbel::mean() const {
  return location + euler * scale;
}
Tensor Gumbel::variance() const {
  return location * 0.0 + (pi * pi / 6) * square(scale);
}
Tensor Gumbel::skewness() const {
  return filled(1.1395470994046486575, location, scale);
}
Tensor Gumbel::excess_kurtosis() const {
  return filled(2.4, location, scale);
}
Tensor Gumbel::sample(const Tensor& key, const Shape& size) const {
  return quantile(open_uniform(key, size, type_of(scale)));
}

// y^shape e^-y / Gamma(shape) / x, y = rate x; or Loader's form (2000, "Fast and accurate
// computation of binomial probabilities"), which is better near the mean of a large shape. At 0 and
// at infinity it has no value.
Gamma::Gamma(const Tensor& k, const Tensor& r)
    : shape(parameter("Gamma", "shape", k, Must::be_positive)),
      rate(parameter("Gamma", "rate", r, Must::be_positive)) {}
Tensor Gamma::log_prob(const Tensor& x) const {
  const Tensor y = rate * x;
  const Tensor plain[] = {x_log_y(shape - 1.0, y), -y, log(rate), -lgamma(shape)};
  const Tensor loader[] = {-stirling_error(shape), -deviance(shape, y), 0.5 * log(shape), -log(x),
                           -log_root_two_pi};
  return where(logical_or(x < 0.0, y == infinity), -infinity, smaller_parts(loader, plain));
}
Tensor Gamma::cdf(const Tensor& x) const {
  return where(x <= 0.0, 0.0, gammainc_p(shape, maximum(rate * x, 0.0)));
}
Tensor Gamma::sf(const Tensor& x) const {
  return where(x <= 0.0, 1.0, gammainc_q(shape, maximum(rate * x, 0.0)));
}
Tensor Gamma::log_cdf(const Tensor& x) const {
  return where(x <= 0.0, -infinity, log_gammainc_p(shape, maximum(rate * x, 0.0)));
}
Tensor Gamma::log_sf(const Tensor& x) const {
  return where(x <= 0.0, 0.0, log_gammainc_q(shape, maximum(rate * x, 0.0)));
}
namespace {
// (p Gamma(k + 1))^(1/k), the quantile of a p so small that x^k / Gamma(k + 1) is the cdf. The
// exponent is taken in two parts: its rounding alone would cost log(p) / k units.
Tensor gamma_power(const Tensor& k, const Tensor& p) {
  const Tensor y = p * gamma(k + 1.0), r = floor(0x1p26 / k + 0.5) * 0x1p-26;
  const Tensor high = floor(k * 0x1p16 + 0.5) * 0x1p-16;
  const Tensor rest = ((1.0 - high * r) - (k - high) * r) / k;
  return pow(y, r) * exp(rest * log(y));
}
}  // namespace
Tensor Gamma::quantile(const Tensor& chance) const {
  const Tensor p = as_float(chance), x = gammainc_p_inv(shape, p);
  const Tensor tiny = logical_and(logical_and(x<1e-17, x> 0.0), shape < 100.0);
  return where(tiny, gamma_power(where(tiny, shape, 1.0), where(tiny, p, 0.5)), x) / rate;
}
Tensor Gamma::isf(const Tensor& p) const {
  return gammainc_q_inv(shape, p) / rate;
}
// shape - log(rate) + lgamma(shape) + (1 - shape) digamma(shape), without the large parts that
// cancel.
Tensor Gamma::entropy() const {
  return 0.5 * log(shape) - log(rate) + stirling_error(shape) + (shape - 1.0) * digamma_gap(shape) +
         log_root_two_pi;
}
Tensor Gamma::mean() const {
  return shape / rate;
}
Tensor Gamma::variance() const {
  return shape / square(rate);
}
Tensor Gamma::skewness() const {
  return 2.0 / sqrt(shape) + rate * 0.0;
}
Tensor Gamma::excess_kurtosis() const {
  return 6.0 / shape + rate * 0.0;
}
Tensor Gamma::sample(const Tensor& key, const Shape& size) const {
  return random_gamma(key, shape, size) / rate;
}

ChiSquare::ChiSquare(const Tensor& dof)
    : Gamma(0.5 * parameter("ChiSquare", "dof", dof, Must::be_positive), 0.5) {}

Beta::Beta(const Tensor& first, const Tensor& second)
    : a(parameter("Beta", "a", first, Must::be_positive)),
      b(parameter("Beta", "b", second, Must::be_positive)) {}
namespace {
// The parts of the log-density of a beta number at x = 1 - y in Loader's form.
std::array<Tensor, 8> loader_of_beta(const Tensor& a, const Tensor& b, const Tensor& x,
                                     const Tensor& y, const Tensor& measure) {
  const Tensor n = a + b;
  return {stirling_error(n),
          -stirling_error(a),
          -stirling_error(b),
          -deviance(a, n * x),
          -deviance(b, n * y),
          0.5 * (log(a) + log(b / n)),
          measure,
          -log_root_two_pi};
}
}  // namespace
Tensor Beta::log_prob(const Tensor& x) const {
  const Tensor plain[] = {x_log_y(a - 1.0, x), x_log1p_y(b - 1.0, -x), -lbeta(a, b)};
  return where(logical_or(x<0.0, x> 1.0), -infinity,
               smaller_parts(loader_of_beta(a, b, x, 1.0 - x, -log(x) - log1p(-x)), plain));
}
Tensor Beta::cdf(const Tensor& x) const {
  return betainc(a, b, clip(x, 0.0, 1.0));
}
Tensor Beta::sf(const Tensor& x) const {
  return betainc_c(a, b, clip(x, 0.0, 1.0));
}
Tensor Beta::log_cdf(const Tensor& x) const {
  return log_betainc(a, b, clip(x, 0.0, 1.0));
}
Tensor Beta::log_sf(const Tensor& x) const {
  return log_betainc_c(a, b, clip(x, 0.0, 1.0));
}
Tensor Beta::quantile(const Tensor& p) const {
  return betainc_inv(a, b, p);
}
Tensor Beta::isf(const Tensor& p) const {
  return betainc_c_inv(a, b, p);
}
// lbeta(a, b) - (a - 1) digamma(a) - (b - 1) digamma(b) + (n - 2) digamma(n), n = a + b, without
// the large parts that cancel.
Tensor Beta::entropy() const {
  const Tensor n = a + b;
  const auto part = [](const Tensor& k, double off) {
    return stirling_error(k) + (k - off) * digamma_gap(k);
  };
  return 0.5 * (log(a) + log(b)) - 1.5 * log(n) + part(a, 1) + part(b, 1) - part(n, 2) +
         log_root_two_pi;
}
Tensor Beta::mean() const {
  return a / (a + b);
}
Tensor Beta::variance() const {
  const Tensor n = a + b;
  return (a / n) * (b / n) / (n + 1.0);
}
Tensor Beta::skewness() const {
  const Tensor n = a + b;
  return 2.0 * (b - a) * sqrt(n + 1.0) / ((n + 2.0) * sqrt(a * b));
}
Tensor Beta::excess_kurtosis() const {
  const Tensor n = a + b;
  return 6.0 * (square(a - b) * (n + 1.0) - a * b * (n + 2.0)) / (a * b * (n + 2.0) * (n + 3.0));
}
Tensor Beta::sample(const Tensor& key, const Shape& size) const {
  const Tensor keys = split(key, iota(2));
  const Tensor x = random_gamma(row(keys, 0), a + 0.0 * b, size),
               y = random_gamma(row(keys, 1), b + 0.0 * a, size);
  return x / (x + y);
}

StudentT::StudentT(const Tensor& n, const Tensor& m, const Tensor& s)
    : dof(parameter("StudentT", "dof", n, Must::be_positive)),
      location(parameter("StudentT", "location", m, Must::be_finite)),
      scale(parameter("StudentT", "scale", s, Must::be_positive)) {}
// The constant Gamma((dof + 1) / 2) / (sqrt(dof pi) Gamma(dof / 2)) by the errors of Stirling's
// formula: the large parts are gone before they cancel.
Tensor StudentT::log_prob(const Tensor& x) const {
  const Tensor z = (x - location) / scale, h = 0.5 * dof;
  const Tensor constant = h * log1p(0.5 / h) - 0.5 + stirling_error(h + 0.5) - stirling_error(h);
  return constant - (h + 0.5) * log1p_square(z / sqrt(dof)) - log(scale) - log_root_two_pi;
}
namespace {
// P(|T| > t) / 2 for t >= 0. The incomplete beta function is given the smaller of y = t^2 / (dof +
// t^2) and 1 - y; far out its first term is all, and 1 - y would underflow.
Tensor student_tail(const Tensor& dof, const Tensor& t) {
  const Tensor r = t / sqrt(dof), h = 0.5 * dof;
  const Tensor inner = square(where(r < 1.0, r, 0.5)), outer = square(where(r < 1.0, 2.0, r));
  const Tensor near = betainc_c(0.5, h, inner / (1.0 + inner));
  const Tensor far = betainc(h, 0.5, 1.0 / (1.0 + outer));
  const Tensor first = pow(where(r > 1e10, r, 1.0), -dof) / (dof * exp(lbeta(h, 0.5)));
  return where(r < 1.0, 0.5 * near, where(r > 1e10, first, 0.5 * far));
}
// The t >= 0 whose tail is p, 0 < p <= 1/2.
Tensor student_isf(const Tensor& dof, const Tensor& p) {
  const Tensor h = 0.5 * dof, both = 2.0 * p;
  const Tensor central = 1.0 - both;  // exact where it is used
  const Tensor y = where(p > 0.25, betainc_inv(0.5, h, central), betainc_c_inv(0.5, h, both));
  const Tensor x = betainc_inv(h, 0.5, both);
  const Tensor near = sqrt(y / (1.0 - y)), far = sqrt((1.0 - x) / x);
  const Tensor first = pow(p * dof * exp(lbeta(h, 0.5)), -1.0 / dof);
  return sqrt(dof) * where(y < 0.5, near, where(x < 1e-20, first, far));
}
}  // namespace
namespace {
Tensor student_log_tail(const Tensor& dof, const Tensor& t) {
  const Tensor r = t / sqrt(dof), h = 0.5 * dof, outer = square(where(r < 1e10, r, 1.0));
  const Tensor first = -dof * log(where(r > 1e10, r, 1.0)) - log(dof) - lbeta(h, 0.5);
  const Tensor far = log_betainc(h, 0.5, 1.0 / (1.0 + outer)) - std::numbers::ln2;
  return where(r < 1.0, log(student_tail(dof, t)), where(r > 1e10, first, far));
}
// At 0 the incomplete beta function has no slope by t^2: there the density is all.
struct Center {
  Tensor is, below, away;  // where it is, P(T < z) there, and z elsewhere
};
Center center_of(const Tensor& dof, const Tensor& z) {
  const Tensor is = square(z) * (1.0 + 1.0 / dof) < 1e-17;
  return {is, 0.5 + z * exp(StudentT(dof).log_prob(0.0)), where(is, 1.0, z)};
}
}  // namespace
Tensor StudentT::cdf(const Tensor& x) const {
  const auto [is, below, z] = center_of(dof, (x - location) / scale);
  const Tensor tail = student_tail(dof, abs(z));
  return where(is, below, where(z < 0.0, tail, 1.0 - tail));
}
Tensor StudentT::sf(const Tensor& x) const {
  return StudentT(dof).cdf((location - x) / scale);
}
Tensor StudentT::log_cdf(const Tensor& x) const {
  const auto [is, below, z] = center_of(dof, (x - location) / scale);
  return where(is, log(below),
               where(z < 0.0, student_log_tail(dof, abs(z)), log1p(-student_tail(dof, abs(z)))));
}
Tensor StudentT::log_sf(const Tensor& x) const {
  return StudentT(dof).log_cdf((location - x) / scale);
}
Tensor StudentT::quantile(const Tensor& p) const {
  const Tensor q = as_float(p);
  return location + scale * where(q < 0.5, -student_isf(dof, q), student_isf(dof, 1.0 - q));
}
Tensor StudentT::isf(const Tensor& p) const {
  return location - scale * StudentT(dof).quantile(p);
}
Tensor StudentT::entropy() const {
  const Tensor h = 0.5 * dof, n = h + 0.5;
  const Tensor rise = n * (log1p(0.5 / h) + (digamma_gap(h) - digamma_gap(n)));
  const Tensor constant = 0.5 - h * log1p(0.5 / h) - (stirling_error(n) - stirling_error(h));
  return location * 0.0 + log(scale) + (rise + constant) + log_root_two_pi;
}
Tensor StudentT::mean() const {
  return where(dof > 1.0, location + scale * 0.0, std::nan(""));
}
Tensor StudentT::variance() const {
  const Tensor v = square(scale) * dof / (dof - 2.0) + location * 0.0;
  return where(dof > 2.0, v, where(dof > 1.0, infinity, v * std::nan("")));
}
Tensor StudentT::skewness() const {
  return where(dof > 3.0, filled(0, location, scale), std::nan(""));
}
Tensor StudentT::excess_kurtosis() const {
  const Tensor k = 6.0 / (dof - 4.0) + (location + scale) * 0.0;
  return where(dof > 4.0, k, where(dof > 2.0, infinity, k * std::nan("")));
}
Tensor StudentT::sample(const Tensor& key, const Shape& size) const {
  const Tensor keys = split(key, iota(2));
  const Tensor z = random_normal(row(keys, 0), size, type_of(dof));
  const Tensor g = random_gamma(row(keys, 1), 0.5 * dof, size);
  return location + scale * z * sqrt(0.5 * dof / g);
}

// With B of Beta(dof1 / 2, dof2 / 2), F = (dof2 / dof1) B / (1 - B).
FisherF::FisherF(const Tensor& first, const Tensor& second)
    : dof1(parameter("FisherF", "dof1", first, Must::be_positive)),
      dof2(parameter("FisherF", "dof2", second, Must::be_positive)) {}
namespace {
// r = dof1 x / dof2 as the Beta number r / (1 + r) and the rest to 1, each precise.
struct Share {
  Tensor y, rest;
};
Share share_of(const Tensor& r) {
  return {where(r < 1.0, r / (1.0 + r), 1.0 / (1.0 + 1.0 / r)), 1.0 / (1.0 + r)};
}
}  // namespace
Tensor FisherF::log_prob(const Tensor& x) const {
  const Tensor a = 0.5 * dof1, b = 0.5 * dof2, r = dof1 / dof2 * x;
  const auto [y, rest] = share_of(r);
  const Tensor log_y = where(r < 1.0, log(r) - log1p(r), -log1p(1.0 / r));
  const Tensor plain[] = {where(a == 1.0, 0.0, (a - 1.0) * log_y), -(b + 1.0) * log1p(r),
                          log(dof1 / dof2), -lbeta(a, b)};
  return where(x < 0.0, -infinity, smaller_parts(loader_of_beta(a, b, y, rest, -log(x)), plain));
}
Tensor FisherF::cdf(const Tensor& x) const {
  const auto [y, rest] = share_of(dof1 / dof2 * maximum(as_float(x), 0.0));
  return where(y < 0.5, betainc(0.5 * dof1, 0.5 * dof2, y),
               betainc_c(0.5 * dof2, 0.5 * dof1, rest));
}
Tensor FisherF::sf(const Tensor& x) const {
  const auto [y, rest] = share_of(dof1 / dof2 * maximum(as_float(x), 0.0));
  return where(y < 0.5, betainc_c(0.5 * dof1, 0.5 * dof2, y),
               betainc(0.5 * dof2, 0.5 * dof1, rest));
}
Tensor FisherF::log_cdf(const Tensor& x) const {
  const auto [y, rest] = share_of(dof1 / dof2 * maximum(as_float(x), 0.0));
  return where(y < 0.5, log_betainc(0.5 * dof1, 0.5 * dof2, y),
               log_betainc_c(0.5 * dof2, 0.5 * dof1, rest));
}
Tensor FisherF::log_sf(const Tensor& x) const {
  const auto [y, rest] = share_of(dof1 / dof2 * maximum(as_float(x), 0.0));
  return where(y < 0.5, log_betainc_c(0.5 * dof1, 0.5 * dof2, y),
               log_betainc(0.5 * dof2, 0.5 * dof1, rest));
}
Tensor FisherF::quantile(const Tensor& p) const {
  const Tensor y = betainc_inv(0.5 * dof1, 0.5 * dof2, p),
               rest = betainc_c_inv(0.5 * dof2, 0.5 * dof1, p);
  return dof2 / dof1 * where(y < 0.5, y / (1.0 - y), (1.0 - rest) / rest);
}
Tensor FisherF::isf(const Tensor& p) const {
  const Tensor y = betainc_c_inv(0.5 * dof1, 0.5 * dof2, p),
               rest = betainc_inv(0.5 * dof2, 0.5 * dof1, p);
  return dof2 / dof1 * where(y < 0.5, y / (1.0 - y), (1.0 - rest) / rest);
}
Tensor FisherF::entropy() const {
  const Tensor a = 0.5 * dof1, b = 0.5 * dof2, n = a + b;
  const auto part = [](const Tensor& k, double off) {
    return stirling_error(k) + (k - off) * digamma_gap(k);
  };
  return 0.5 * (log(n / b) - log(a)) + part(a, 1) + part(b, -1) - part(n, 0) + log_root_two_pi;
}
Tensor FisherF::mean() const {
  return where(dof2 > 2.0, dof2 / (dof2 - 2.0) + dof1 * 0.0, infinity);
}
Tensor FisherF::variance() const {
  const Tensor v = 2.0 * square(dof2 / (dof2 - 2.0)) * (dof1 + dof2 - 2.0) / (dof1 * (dof2 - 4.0));
  return where(dof2 > 4.0, v, where(dof2 > 2.0, infinity, v * std::nan("")));
}
Tensor FisherF::skewness() const {
  const Tensor s = (2.0 * dof1 + dof2 - 2.0) * sqrt(8.0 * (dof2 - 4.0)) /
                   ((dof2 - 6.0) * sqrt(dof1 * (dof1 + dof2 - 2.0)));
  return where(dof2 > 6.0, s, s * std::nan(""));
}
Tensor FisherF::excess_kurtosis() const {
  const Tensor m = dof1 + dof2 - 2.0;
  const Tensor k = 12.0 * (dof1 * (5.0 * dof2 - 22.0) * m + (dof2 - 4.0) * square(dof2 - 2.0)) /
                   (dof1 * (dof2 - 6.0) * (dof2 - 8.0) * m);
  return where(dof2 > 8.0, k, k * std::nan(""));
}
Tensor FisherF::sample(const Tensor& key, const Shape& size) const {
  const Tensor keys = split(key, iota(2));
  const Tensor x = random_gamma(row(keys, 0), 0.5 * dof1 + 0.0 * dof2, size),
               y = random_gamma(row(keys, 1), 0.5 * dof2 + 0.0 * dof1, size);
  return (x / (0.5 * dof1)) / (y / (0.5 * dof2));
}

}  // namespace gradus
