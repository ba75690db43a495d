// Distributions by name, for the command line: "normal.logpdf" of (x, mean, standard deviation).
#pragma once

#include <gradus/core/tensor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// FAMILY.FUNCTION of its arguments: x or p first, then the parameters in the order of the
// constructor; kl takes those of both distributions. entropy, mean, var and their like take the
// parameters alone; a location may be left out. Functions: pdf and pmf, with log; cdf, sf, logcdf,
// logsf, quantile, isf, entropy, kl, mean, var, std, skewness, kurtosis. Raises an UnsupportedError
// for a name that is not offered, a UsageError for a wrong number of arguments.
Tensor distribution_function(std::string_view name, std::span<const Tensor> args);
// "normal.logpdf", ...: all names there are.
std::vector<std::string> distribution_function_names();

}  // namespace gradus
