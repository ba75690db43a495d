// What can be known of a matrix from its products with vectors: the matrix itself is a function.
// Numbers come out with how far to trust them; no derivative passes.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace gradus {

// x (n) -> A x (n), f64.
using LinearMap = std::function<Tensor(const Tensor&)>;

struct IterationOptions {
  double tolerance = 1e-10;  // of the residual, relative
  int64_t most = 1000;       // products
  Key key{};                 // of the first vector
};

// The eigenvalue largest in absolute value, by x <- A x / |A x| (Golub and Van Loan, "Matrix
// Computations", 4th ed., 7.3.1). A pair of equal size and opposite sign, or a complex one, does
// not settle.
struct PowerIteration {
  double value = 0;
  Tensor vector;  // (n), of length 1
  // By what the error shrinks a step: |w2 / w1|, or its square for a symmetric A.
  double rate = 0;
  double residual = 0;  // |A x - w x| / |w|
  int64_t steps = 0;
  bool converged = false;
};
PowerIteration power_iteration(const LinearMap& a, int64_t n, const IterationOptions& options = {});

// k eigenpairs at an end of the spectrum of a symmetric A, by Lanczos vectors that are made
// orthogonal twice (ibid. 10.1, 10.3). A value that repeats is found once.
enum class SpectrumEnd { largest, smallest };
struct Lanczos {
  std::vector<double> values;  // from the end inwards
  Tensor vectors;              // (n, k)
  // |A v - w v| of each, which bounds the distance to an eigenvalue.
  std::vector<double> residuals;
  int64_t steps = 0;
  bool converged = false;
};
Lanczos lanczos(const LinearMap& a, int64_t n, int64_t k, SpectrumEnd end = SpectrumEnd::largest,
                const IterationOptions& options = {});

// The x with A x = b, A symmetric and positive definite (ibid. 11.3). A direction in which A is not
// positive is a NumericError.
struct ConjugateGradient {
  Tensor x;
  double residual = 0;  // |b - A x| / |b|
  int64_t steps = 0;
  bool converged = false;
};
ConjugateGradient conjugate_gradient(const LinearMap& a, const Tensor& b,
                                     const IterationOptions& options = {});

}  // namespace gradus
