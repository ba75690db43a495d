// Parameters from data by maximum likelihood. x (n) holds independent draws.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/prob/distribution.h>

#include <functional>

namespace gradus {

// One parameter, or several in a vector: the estimate, its standard error by the observed Fisher
// information (minus the second derivative of the log-likelihood there), and the log-likelihood.
struct Likeliest {
  Tensor estimate, standard_error, information;
  double log_likelihood = 0;
};
// estimate -+ z standard_error, z the normal quantile of the level: Wald's interval.
Bounds confidence_interval(const Likeliest& fit, double level = 0.95);

// Estimates are the parameters in the order of the constructor: (location, scale), (shape, rate).
Likeliest fit_normal(const Tensor& x);
Likeliest fit_lognormal(const Tensor& x);
Likeliest fit_exponential(const Tensor& x);
Likeliest fit_laplace(const Tensor& x);  // its standard errors are those of large samples
Likeliest fit_gamma(const Tensor& x);
Likeliest fit_beta(const Tensor& x);
Likeliest fit_bernoulli(const Tensor& x);
Likeliest fit_poisson(const Tensor& x);
Likeliest fit_geometric(const Tensor& x);
Likeliest fit_categorical(const Tensor& classes, int64_t count);  // probabilities (count)

// Any family: the parameters (k) that maximise log_likelihood(parameters), one number, found by
// Newton's method from `start`, backtracking while the likelihood falls or is not finite. Raises a
// NumericError where it does not settle within 100 steps or the information is singular there.
Likeliest maximise_likelihood(const std::function<Tensor(const Tensor&)>& log_likelihood,
                              const Tensor& start);

}  // namespace gradus
