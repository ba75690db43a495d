#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/multivariate.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

const Reduce along_last{.axis = -1};

// L^-1 v for vectors v (..., n).
Tensor whiten(const Tensor& l, const Tensor& v) {
  return squeeze(triangular_solve(l, expand_dims(v, -1)), -1);
}

Tensor log_det(const Tensor& l) {
  return 2.0 * sum(log(diagonal(l)), along_last);
}

Shape joined(const Shape& a, const Shape& b) {
  Shape all = a;
  for (int64_t n : b) all.push_back(n);
  return all;
}

Tensor index_of(std::span<const int64_t> places) {
  return from_vector(std::vector<int64_t>(places.begin(), places.end()));
}

void require_places(const char* op, std::span<const int64_t> places, int64_t n) {
  for (int64_t i : places)
    if (i < 0 || i >= n)
      raise(ErrorKind::domain, std::string(op) + ": there is no component " + std::to_string(i) +
                                   " among " + std::to_string(n) + ". They count from 0.");
}

// Element `at` of the last axis of x, which classes (...) name.
Tensor pick(const Tensor& x, const Tensor& classes) {
  Shape shape = x.shape();
  shape.erase(shape.size() - 1);
  const Shape both = broadcast_shape(op::add, {x.dtype(), shape}, {x.dtype(), classes.shape()});
  Shape wide = both;
  wide.push_back(x.shape().back());
  const Tensor places = expand_dims(broadcast_to(cast(classes, DType::i64), both), -1);
  return squeeze(take_along_axis(broadcast_to(x, wide), places, -1), -1);
}

// The sum of x (..., k) less 1, x in [0, 1]: in whole steps of 2^-26, whose sum is exact, and the
// rest, whose sum is small.
Tensor excess(const Tensor& x) {
  const Tensor y = as_float(x), steps = floor(y * 0x1p26 + 0.5) * 0x1p-26;
  return (sum(steps, along_last) - 1.0) + sum(y - steps, along_last);
}

}  // namespace

MultivariateNormal::MultivariateNormal(const Tensor& m, const Tensor& c)
    : location(parameter("MultivariateNormal", "location", m, Must::be_finite)),
      covariance(as_float(c)) {
  const Shape& s = covariance.shape();
  if (s.size() < 2 || s[s.size() - 2] != s.back() || location.rank() < 1 ||
      location.shape().back() != s.back())
    raise(ErrorKind::shape, "MultivariateNormal: location " + to_string(location.type()) +
                                " and covariance " + to_string(covariance.type()) +
                                " do not fit. They are (..., n) and (..., n, n).");
  cholesky = gradus::cholesky(covariance);
}

Tensor MultivariateNormal::log_prob(const Tensor& x) const {
  const auto n = static_cast<double>(location.shape().back());
  const Tensor z = whiten(cholesky, x - location);
  return -0.5 * (sum(square(z), along_last) + log_det(cholesky)) - n * log_root_two_pi;
}

Tensor MultivariateNormal::entropy() const {
  const auto n = static_cast<double>(location.shape().back());
  return 0.5 * log_det(cholesky) + n * (log_root_two_pi + 0.5);
}

Tensor MultivariateNormal::sample(const Tensor& key, const Shape& size) const {
  const Tensor z = random_normal(key, joined(size, location.shape()), location.dtype());
  return location + squeeze(matmul(cholesky, expand_dims(z, -1)), -1);
}

MultivariateNormal MultivariateNormal::marginal(std::span<const int64_t> keep) const {
  require_places("marginal", keep, location.shape().back());
  const Tensor at = index_of(keep);
  return {take(location, at, -1), take(take(covariance, at, -1), at, -2)};
}

MultivariateNormal MultivariateNormal::conditional(std::span<const int64_t> known,
                                                   const Tensor& values) const {
  const int64_t n = location.shape().back();
  require_places("conditional", known, n);
  std::vector<int64_t> open;
  for (int64_t i = 0; i < n; ++i)
    if (std::ranges::find(known, i) == known.end()) open.push_back(i);
  const Tensor a = index_of(open), b = index_of(known);
  const auto block = [&](const Tensor& rows, const Tensor& columns) {
    return take(take(covariance, columns, -1), rows, -2);
  };
  // gain = S_ab S_bb^-1
  const Tensor gain = transpose(solve(block(b, b), block(b, a)));
  const Tensor surprise = as_float(values) - take(location, b, -1);
  const Tensor rest = block(a, a) - matmul(gain, block(b, a));
  return {take(location, a, -1) + squeeze(matmul(gain, expand_dims(surprise, -1)), -1),
          0.5 * (rest + transpose(rest))};
}

Tensor kl_divergence(const MultivariateNormal& p, const MultivariateNormal& q) {
  const auto n = static_cast<double>(p.location.shape().back());
  const Tensor z = whiten(q.cholesky, p.location - q.location);
  const Tensor m = triangular_solve(q.cholesky, p.cholesky);
  return 0.5 * (sum(square(m), {.axis = {-1, -2}}) - n + sum(square(z), along_last) +
                log_det(q.cholesky) - log_det(p.cholesky));
}

Dirichlet::Dirichlet(const Tensor& alpha)
    : concentration(parameter("Dirichlet", "concentration", alpha, Must::be_positive)) {
  if (concentration.rank() < 1)
    raise(ErrorKind::shape, "Dirichlet: concentration " + to_string(concentration.type()) +
                                " has no axis. It is (..., k).");
}

// As Gamma, Loader's form for the large parts, x^(a - 1) for the small ones.
Tensor Dirichlet::log_prob(const Tensor& at) const {
  const Tensor &a = concentration, x = as_float(at);
  const Tensor n = sum(a, {.axis = -1, .keepdims = true}), whole = sum(a, along_last);
  const Tensor power = x_log_y(a - 1.0, x) - lgamma(a);
  const Tensor loader =
      -(stirling_error(a) + deviance(a, n * x)) + (0.5 * log(a) - log(x) - log_root_two_pi);
  const Tensor mixed = sum(where(a < 10.0, power + (a * log(n) - n * x), loader), along_last) +
                       (stirling_error(whole) - 0.5 * log(whole) + log_root_two_pi) +
                       whole * excess(x);
  return where(max(a, along_last) < 10.0, sum(power, along_last) + lgamma(whole), mixed);
}

Tensor Dirichlet::entropy() const {
  const Tensor& a = concentration;
  const Tensor n = sum(a, along_last);
  const auto k = static_cast<double>(a.shape().back());
  const Tensor parts = 0.5 * log(a) + stirling_error(a) + (a - 1.0) * digamma_gap(a);
  return sum(parts, along_last) + (0.5 - k) * log(n) - stirling_error(n) -
         (n - k) * digamma_gap(n) + (k - 1) * log_root_two_pi;
}

Tensor Dirichlet::mean() const {
  return concentration / sum(concentration, {.axis = -1, .keepdims = true});
}

Tensor Dirichlet::variance() const {
  const Tensor m = mean();
  return m * (1.0 - m) / (sum(concentration, {.axis = -1, .keepdims = true}) + 1.0);
}

Tensor Dirichlet::sample(const Tensor& key, const Shape& size) const {
  const Tensor g = random_gamma(key, concentration, joined(size, concentration.shape()));
  return g / sum(g, {.axis = -1, .keepdims = true});
}

Tensor kl_divergence(const Dirichlet& p, const Dirichlet& q) {
  const Tensor &a = p.concentration, &b = q.concentration;
  const Tensor n = sum(a, {.axis = -1, .keepdims = true}),
               m = sum(b, {.axis = -1, .keepdims = true});
  return sum(deviance(b, m * (a / n)) + stirling_divergence(b, a), along_last) -
         squeeze(stirling_divergence(m, n), -1);
}

Categorical::Categorical(const Tensor& l) : logits(as_float(l)) {
  if (logits.rank() < 1 || logits.shape().back() == 0)
    raise(ErrorKind::shape,
          "Categorical: logits " + to_string(logits.type()) + " have no class. They are (..., k).");
}

Categorical Categorical::from_probs(const Tensor& probs) {
  return Categorical(log(parameter("Categorical", "probs", probs, Must::be_a_weight)));
}

Tensor Categorical::log_probs() const {
  return log_softmax(logits);
}

Tensor Categorical::log_prob(const Tensor& x) const {
  return pick(log_probs(), x);
}

Tensor Categorical::entropy() const {
  const Tensor l = log_probs();
  return -sum(where(isinf(l), 0.0, exp(l) * l), along_last);
}

Tensor Categorical::sample(const Tensor& key, const Shape& size) const {
  const Shape shape = joined(size, logits.shape());
  const Tensor noise = Gumbel().sample(key, shape);
  return argmax(logits + cast(noise, logits.dtype()), -1);
}

Categorical Categorical::with_temperature(double temperature) const {
  if (!(temperature > 0))
    raise(ErrorKind::domain, "with_temperature: the temperature must be positive, but it is " +
                                 to_string(Tensor(temperature)) +
                                 ". Take argmax(logits) for the limit at 0.");
  return Categorical(logits / temperature);
}

Categorical Categorical::top_k(int64_t k) const {
  const int64_t n = logits.shape().back();
  if (k < 1)
    raise(ErrorKind::domain,
          "top_k: " + std::to_string(k) + " classes are none. Keep at least one.");
  // A stable order: of equal logits the first are kept.
  const Tensor rank = argsort(argsort(-logits));
  return Categorical(where(rank < cast(Tensor(std::min(k, n)), DType::i64), logits, -infinity));
}

Categorical Categorical::top_p(double p) const {
  if (!(p > 0 && p <= 1))
    raise(ErrorKind::domain, "top_p: the probability to reach lies in (0, 1], but it is " +
                                 to_string(Tensor(p)) + ".");
  const Tensor order = argsort(-logits), sorted = exp(take_along_axis(log_probs(), order, -1));
  // A class stays while those before it have not reached p.
  const Tensor before = cumsum(sorted, -1) - sorted;
  const Tensor stays = take_along_axis(before, argsort(order), -1) < p;
  return Categorical(where(stays, logits, -infinity));
}

Tensor kl_divergence(const Categorical& p, const Categorical& q) {
  const Tensor a = p.log_probs(), b = q.log_probs();
  return sum(where(isinf(a), exp(b), deviance(exp(a), exp(b))), along_last);
}

Multinomial::Multinomial(const Tensor& trials, const Tensor& chances)
    : n(parameter("Multinomial", "n", trials, Must::be_a_count)),
      probs(parameter("Multinomial", "probs", chances, Must::be_a_probability)) {}

// As Binomial, the errors of Stirling's formula beside deviances.
Tensor Multinomial::log_prob(const Tensor& counts) const {
  const Tensor x = as_float(counts), some = x > 0.0, k = where(some, x, 1.0);
  const Tensor expected = expand_dims(n, -1) * probs;
  const Tensor parts =
      where(some, -(stirling_error(k) + deviance(k, expected)) - 0.5 * log(k) - log_root_two_pi,
            -expected);
  const Tensor m = maximum(n, 1.0);
  const Tensor whole = where(n > 0.0, stirling_error(m) + 0.5 * log(m) + log_root_two_pi, 0.0);
  const Tensor fits =
      logical_and(sum(x, along_last) == n, all(logical_and(x >= 0.0, x == floor(x)), along_last));
  return where(fits, sum(parts, along_last) + whole + n * excess(probs), -infinity);
}

Tensor Multinomial::mean() const {
  return expand_dims(n, -1) * probs;
}

Tensor Multinomial::covariance() const {
  const Tensor p = expand_dims(probs, -1);
  const Tensor identity = eye(probs.shape().back(), probs.dtype());
  return expand_dims(expand_dims(n, -1), -1) * (p * identity - p * transpose(p));
}

Tensor Multinomial::sample(const Tensor& key, const Shape& size) const {
  // One binomial draw a class, of what the classes before it left.
  const int64_t k = probs.shape().back();
  const Tensor keys = split(key, iota(k));
  Tensor left = broadcast_to(n, size), mass = Tensor(1.0);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < k; ++i) {
    const Tensor p = row(probs, i);
    const Tensor share = i + 1 == k ? Tensor(1.0) : clip(p / maximum(mass, 0x1p-1000), 0.0, 1.0);
    const Tensor x = random_binomial(row(keys, i), left, share, size);
    parts.push_back(x);
    left = left - x;
    mass = mass - p;
  }
  return move_axis(stack(parts), 0, -1);
}

AliasTable::AliasTable(const Tensor& probs) {
  const std::vector<double> p = numbers(parameter("AliasTable", "probs", probs, Must::be_a_weight));
  double total = 0;
  for (double x : p) total += x;
  if (p.empty() || !(total > 0))
    raise(ErrorKind::domain, "AliasTable: no class has a probability. Give one that is positive.");
  const size_t n = p.size();
  keep_.resize(n);
  class_.resize(2 * n);
  std::vector<size_t> poor, rich;
  for (size_t i = 0; i < n; ++i) {
    keep_[i] = p[i] / total * static_cast<double>(n);
    class_[2 * i] = class_[2 * i + 1] = static_cast<int64_t>(i);
    (keep_[i] < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const size_t a = poor.back(), b = rich.back();
    poor.pop_back();
    class_[2 * a] = static_cast<int64_t>(b);
    keep_[b] -= 1 - keep_[a];
    if (keep_[b] < 1) {
      rich.pop_back();
      poor.push_back(b);
    }
  }
  for (size_t i : poor) keep_[i] = 1;
  for (size_t i : rich) keep_[i] = 1;
}

Tensor AliasTable::sample(const Tensor& key, const Shape& size) const {
  const std::vector<int64_t> words = values<int64_t>(key);
  const auto word = [](int64_t x) { return uint64_t{static_cast<uint32_t>(x)}; };
  const Key k{word(words.at(1)) << 32 | word(words.at(0))};
  const Tensor out = empty({DType::i64, size});
  int64_t* to = view_of(out).as<int64_t>();
  const auto n = static_cast<double>(keep_.size());
  const double* keep = keep_.data();
  const int64_t* classes = class_.data();
  constexpr int64_t chunk = 4096;
  const int64_t all = element_count(size);
  parallel_for((all + chunk - 1) / chunk, [&](int64_t c) {
    double u[chunk];
    const int64_t begin = c * chunk, count = std::min(chunk, all - begin);
    fill_uniform(k, static_cast<uint64_t>(begin), std::span<double>(u, static_cast<size_t>(count)));
    for (int64_t i = 0; i < count; ++i) {
      // The bucket, and where in it: at most 53 - log2(n) bits decide between its two classes.
      const double at = u[i] * n;
      const auto b = static_cast<size_t>(at);
      const size_t own = at - static_cast<double>(b) < keep[b];
      to[begin + i] = classes[2 * b + own];
    }
  });
  return out;
}

}  // namespace gradus
