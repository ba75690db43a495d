// Draws that are more than a formula of uniform and normal numbers. Private to this room.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

namespace gradus {

// Gamma numbers of rate 1 by Marsaglia and Tsang (2000), "A simple method for generating gamma
// variables", with the normal and uniform numbers of the key: element i depends on the key, its
// shape and i alone. shape (...) broadcasts to size. Derivatives pass to the shape implicitly
// (Figurnov, Mohamed and Mnih 2018).
Tensor random_gamma(const Tensor& key, const Tensor& shape, const Shape& size);

// Counts: inversion where few are expected, Hörmann's transformed rejection (1993) else. Element i
// depends on the key, its parameters and i alone. No derivatives. Parameters broadcast to size.
Tensor random_poisson(const Tensor& key, const Tensor& rate, const Shape& size);
Tensor random_binomial(const Tensor& key, const Tensor& n, const Tensor& p, const Shape& size);

// The smallest count with cdf >= p, or with sf <= p for `upper`; rounding of p and cdf, 64 units,
// is forgiven. Not differentiable.
Tensor poisson_quantile(const Tensor& p, const Tensor& rate, bool upper);
Tensor binomial_quantile(const Tensor& p, const Tensor& n, const Tensor& chance, bool upper);

}  // namespace gradus
