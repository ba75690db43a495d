#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/fit.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

Tensor data_of(const char* op, const Tensor& x, size_t least) {
  if (x.rank() != 1 || x.size() < static_cast<int64_t>(least))
    raise(ErrorKind::shape, std::string(op) + ": " + to_string(x.type()) +
                                " is not a list of at least " + std::to_string(least) +
                                (least == 1 ? " number." : " numbers."));
  return parameter(op, "data", x, Must::be_finite);
}

void require_between(const char* op, const Tensor& x, double low, double high, const char* rule) {
  const std::vector<double> all = numbers(x);
  for (size_t i = 0; i < all.size(); ++i)
    if (!(all[i] > low && all[i] < high))
      raise(ErrorKind::domain, std::string(op) + ": data must " + rule + ", but element [" +
                                   std::to_string(i) + "] is " + text::number(all[i]) + ".");
}

// Independent parameters: the information is diagonal.
Likeliest with_information(const Tensor& estimate, const Tensor& information, double likelihood) {
  return {estimate, 1.0 / sqrt(information), estimate.rank() == 0 ? information : diag(information),
          likelihood};
}

double total(const Tensor& log_p) {
  return number(sum(log_p));
}

double count_of(const Tensor& x) {
  return static_cast<double>(x.size());
}

}  // namespace

Bounds confidence_interval(const Likeliest& fit, double level) {
  if (!(level > 0 && level < 1))
    raise(ErrorKind::domain, "confidence_interval: the level lies between 0 and 1, but it is " +
                                 text::number(level) + ".");
  const Tensor half = Normal().isf(0.5 * (1 - level)) * fit.standard_error;
  return {fit.estimate - half, fit.estimate + half};
}

Likeliest fit_normal(const Tensor& data) {
  const Tensor x = data_of("fit_normal", data, 2), m = mean(x), v = var(x);
  const Tensor s = sqrt(v);
  const Normal fitted(m, parameter("fit_normal", "the spread of the data", s, Must::be_positive));
  const double n = count_of(x);
  return with_information(stack({m, s}), stack({n / v, 2 * n / v}), total(fitted.log_prob(x)));
}

Likeliest fit_lognormal(const Tensor& data) {
  const Tensor x = data_of("fit_lognormal", data, 2);
  require_between("fit_lognormal", x, 0, infinity, "be positive");
  Likeliest fit = fit_normal(log(x));
  fit.log_likelihood -= total(log(x));
  return fit;
}

Likeliest fit_exponential(const Tensor& data) {
  const Tensor x = data_of("fit_exponential", data, 1);
  require_between("fit_exponential", x, -0x1p-1074, infinity, "not be negative");
  const Tensor rate = 1.0 / mean(x);
  const Exponential fitted(rate);
  return with_information(rate, count_of(x) / square(rate), total(fitted.log_prob(x)));
}

Likeliest fit_laplace(const Tensor& data) {
  const Tensor x = data_of("fit_laplace", data, 2);
  std::vector<double> all = numbers(x);
  std::sort(all.begin(), all.end());
  const size_t n = all.size();
  const double median = 0.5 * (all[(n - 1) / 2] + all[n / 2]);
  const Tensor s = mean(abs(x - median));
  const Laplace fitted(median,
                       parameter("fit_laplace", "the spread of the data", s, Must::be_positive));
  const Tensor information = count_of(x) / square(s);
  return with_information(stack({Tensor(median) + 0.0 * s, s}), stack({information, information}),
                          total(fitted.log_prob(x)));
}

Likeliest fit_bernoulli(const Tensor& data) {
  const Tensor x =
      parameter("fit_bernoulli", "data", data_of("fit_bernoulli", data, 1), Must::be_a_count);
  require_between("fit_bernoulli", x, -1, 2, "be 0 or 1");
  const Tensor p = mean(x);
  return with_information(p, count_of(x) / (p * (1.0 - p)), total(Bernoulli(p).log_prob(x)));
}

Likeliest fit_poisson(const Tensor& data) {
  const Tensor x =
      parameter("fit_poisson", "data", data_of("fit_poisson", data, 1), Must::be_a_count);
  const Tensor rate = mean(x);
  return with_information(rate, count_of(x) / rate, total(Poisson(rate).log_prob(x)));
}

Likeliest fit_geometric(const Tensor& data) {
  const Tensor x =
      parameter("fit_geometric", "data", data_of("fit_geometric", data, 1), Must::be_a_count);
  require_between("fit_geometric", x, 0, infinity, "be at least 1");
  const Tensor p = 1.0 / mean(x);
  return with_information(p, count_of(x) / (square(p) * (1.0 - p)),
                          total(Geometric(p).log_prob(x)));
}

Likeliest fit_categorical(const Tensor& classes, int64_t count) {
  if (classes.rank() != 1 || classes.size() == 0 || count < 1)
    raise(ErrorKind::shape, "fit_categorical: " + to_string(classes.type()) + " and " +
                                std::to_string(count) +
                                " classes. It takes a list of at least one class number.");
  const Tensor p = mean(one_hot(cast(classes, DType::i64), count, DType::f64), {.axis = 0});
  const double n = count_of(classes);
  const Tensor seen = where(p > 0.0, p * log(p), 0.0);
  return with_information(p, n / (p * (1.0 - p)), n * total(seen));
}

Likeliest maximise_likelihood(const std::function<Tensor(const Tensor&)>& log_likelihood,
                              const Tensor& start) {
  const auto one = [&](const Tensor& x) { return log_likelihood(x); };
  Tensor x = as_float(start);
  double height = number(one(x));
  if (!std::isfinite(height))
    raise(ErrorKind::numeric, "maximise_likelihood: the log-likelihood of the start is " +
                                  text::number(height) + ". Begin where it is finite.");
  for (int step = 0; step < 100; ++step) {
    const Tensor slope = grad(one)(x), information = -hessian(one)(x);
    Tensor move = x.rank() == 0 ? slope / information : solve(information, slope);
    // Where the likelihood is not concave, uphill along the slope.
    if (number(sum(move * slope)) < 0) move = slope / maximum(norm(slope), 1.0);
    double taken = 0, reached = height;
    Tensor next = x;
    for (double t = 1; t > 1e-12; t /= 2) {
      next = x + t * move;
      reached = number(one(next));
      if (reached >= height - 1e-13 * std::fabs(height)) {
        taken = t;
        break;
      }
    }
    const double moved = number(norm(next - x)), size = number(norm(x));
    if (taken > 0) x = next, height = reached;
    if (taken == 0 || moved <= 1e-13 * (size + 1e-300)) {
      const Tensor at = -hessian(one)(x);
      const Tensor variance = x.rank() == 0 ? 1.0 / at : diagonal(inv(at));
      return {x, sqrt(variance), at, height};
    }
  }
  raise(ErrorKind::numeric,
        "maximise_likelihood: no maximum within 100 steps. Begin nearer, or check that the "
        "likelihood has one.");
}

namespace {

// Of positive parameters: sought as exp(phi), which cannot leave their range.
Likeliest fit_positive(const std::function<Tensor(const Tensor&)>& log_likelihood,
                       const Tensor& start) {
  const Likeliest of_log =
      maximise_likelihood([&](const Tensor& phi) { return log_likelihood(exp(phi)); }, log(start));
  const Tensor x = exp(of_log.estimate);
  const Tensor information = -hessian([&](const Tensor& p) { return log_likelihood(p); })(x);
  return {x, sqrt(diagonal(inv(information))), information, of_log.log_likelihood};
}

}  // namespace

// Started by Minka's closed form (2002), "Estimating a Gamma distribution".
Likeliest fit_gamma(const Tensor& data) {
  const Tensor x = data_of("fit_gamma", data, 2);
  require_between("fit_gamma", x, 0, infinity, "be positive");
  const Tensor m = mean(x), s = parameter("fit_gamma", "the spread of the data",
                                          log(m) - mean(log(x)), Must::be_positive);
  const Tensor shape = (3.0 - s + sqrt(square(s - 3.0) + 24.0 * s)) / (12.0 * s);
  return fit_positive(
      [&](const Tensor& p) { return sum(Gamma(element(p, {0}), element(p, {1})).log_prob(x)); },
      stack({shape, shape / m}));
}

// Started by the moments.
Likeliest fit_beta(const Tensor& data) {
  const Tensor x = data_of("fit_beta", data, 2);
  require_between("fit_beta", x, 0, 1, "lie between 0 and 1");
  const Tensor m = mean(x),
               v = parameter("fit_beta", "the spread of the data", var(x), Must::be_positive);
  const Tensor n = maximum(m * (1.0 - m) / v - 1.0, 0.1);
  return fit_positive(
      [&](const Tensor& p) { return sum(Beta(element(p, {0}), element(p, {1})).log_prob(x)); },
      stack({m * n, (1.0 - m) * n}));
}

}  // namespace gradus
