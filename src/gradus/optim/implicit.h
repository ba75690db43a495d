// Solutions as functions of what they depend on: the x with f(x, theta) = 0, and the x that makes
// f(x, theta) smallest. Their derivatives come from the implicit function theorem and not from the
// iterations that found them, so they are exact at any order, in both modes and under vmap.
#pragma once

#include <gradus/diff/diff.h>

namespace gradus {

struct SolveOptions {
  double tolerance = 1e-10;  // on the largest |f| (for argmin: of the gradient), against 1 + |x|
  int steps = 100;           // Newton steps at most
};

// x with f(x, theta...) = 0, by Newton's method with halved steps from `start`. x, start and the
// value of f are f64 of one shape; `start` has no derivative. All that f depends on and is to be
// differentiated is in theta, not captured. Raises a NumericError where no root is reached or
// df/dx is singular on the way.
//   dx/dtheta = -(df/dx)^-1 df/dtheta
Tensor root(const Function& f, const Tensor& start, std::span<const Tensor> theta,
            SolveOptions options = {});
// A local minimum x of f(x, theta...), one number, by Newton's method with the Hessian shifted
// until it is positive definite (Nocedal and Wright, Numerical Optimization, 3.4). It is
// differentiated where the Hessian is regular.
//   dx/dtheta = -(d2f/dx2)^-1 d2f/dx dtheta
Tensor argmin(const Function& f, const Tensor& start, std::span<const Tensor> theta,
              SolveOptions options = {});

// root(f, start, a, b): f takes x, a and b.
template <class F>
requires(!std::is_same_v<F, Function>) Tensor
    root(F f, const Tensor& start, const TensorLike auto&... theta) {
  const std::vector<Tensor> all{Tensor(theta)...};
  return root(Function(spread<sizeof...(theta) + 1>(f)), start, std::span<const Tensor>(all));
}
template <class F>
requires(!std::is_same_v<F, Function>) Tensor
    argmin(F f, const Tensor& start, const TensorLike auto&... theta) {
  const std::vector<Tensor> all{Tensor(theta)...};
  return argmin(Function(spread<sizeof...(theta) + 1>(f)), start, std::span<const Tensor>(all));
}

}  // namespace gradus
