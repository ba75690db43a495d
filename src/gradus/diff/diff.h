// Derivatives as values: functions in, functions out, any order, nested in any way.
// Reverse mode is one backward loop over the tape; it appends ordinary steps, so it can be swept
// again.
#pragma once

#include <gradus/batch/vmap.h>

#include <algorithm>
#include <array>

namespace gradus {

struct ValueAndGrads {
  Tensor value;
  std::vector<Tensor> grads;  // one for each place in wrt
};

struct Primal {
  Tensor value, derivative;
};
template <>
struct Results<Primal> {
  static std::vector<Tensor> list(const Primal& x) { return {x.value, x.derivative}; }
  static Primal from(std::span<const Tensor> x) { return {x[0], x[1]}; }
};

// One reverse contribution: step `from` adds `part` to the cotangent of `to`.
struct Contribution {
  ValueId to, from, part;
};

// Everything a sweep did, by value id: cotangents (no_value where none) and their contributions.
struct Sweep {
  std::vector<ValueId> bar;
  std::vector<Contribution> contributions;
};

// Appends to the open tape the cotangents of `sources`, given output_bar for `output`. Visits only
// steps after the last source that depend on one; absent where no step leads there.
std::vector<Tensor> pull_back(Tape& tape, std::span<const ValueId> sources, ValueId output,
                              const Tensor& output_bar, Sweep* sweep = nullptr);
// Appends the tangent of `output`, given those of `sources`; absent when it depends on none.
Tensor push_forward(Tape& tape, std::span<const ValueId> sources, std::span<const Tensor> tangents,
                    ValueId output);

// The value of f, one number, and its gradients towards the arguments in wrt.
ValueAndGrads value_and_grads(const Function& f, std::span<const Tensor> args,
                              std::span<const int> wrt, const char* name = "grad");
// f(args) and (df/dargs)^T bar for every argument.
ValueAndGrads vjp(const Function& f, std::span<const Tensor> args, const Tensor& bar);
// f(args) and (df/dargs) dots.
Primal jvp(const Function& f, std::span<const Tensor> args, std::span<const Tensor> dots);

enum class Mode { automatic, forward, reverse };
struct JacobianOptions {
  Mode mode = Mode::automatic;  // automatic takes the one with fewer sweeps
};
// J[out..., in...] = d f(args)[out...] / d args[wrt][in...].
Tensor jacobian(const Function& f, std::span<const Tensor> args, int wrt = 0,
                JacobianOptions options = {});
// H[in..., in...] of f, one number, by args[wrt].
Tensor hessian(const Function& f, std::span<const Tensor> args, int wrt = 0);
// H v without H, forward over reverse: about the cost of two gradients.
Tensor hvp(const Function& f, std::span<const Tensor> args, const Tensor& v, int wrt = 0);
// H v by all arguments at once: one direction and one result for each.
std::vector<Tensor> hvp(const Function& f, std::span<const Tensor> args, std::span<const Tensor> v);
// G v with G = J^T H J: J of the model's output by its arguments, H the Hessian of the loss, one
// number, by that output. It is the Hessian of loss(model) without the model's curvature, and
// positive semi-definite for a convex loss (Schraudolph 2002, Fast curvature matrix-vector
// products).
std::vector<Tensor> gauss_newton_product(const Function& model, const Function& loss,
                                         std::span<const Tensor> args, std::span<const Tensor> v);
// F v with F = (1/B) sum_b g_b g_b^T: g_b the gradient of log_probs(args)[b]. The Fisher matrix
// where the B outcomes are drawn from the model; with the outcomes of a data set, its empirical
// form.
std::vector<Tensor> fisher_product(const Function& log_probs, std::span<const Tensor> args,
                                   std::span<const Tensor> v);
// The n-th derivative of a function of one number.
Tensor nth_derivative(const Function& f, const Tensor& x, int n);

struct GradCheck {
  double worst = 0;   // largest |derivative - difference| / (1 + |difference|)
  std::string where;  // mode, order and argument of the worst
  bool passed = true;
};
// Compares forward and reverse mode with central differences in f64, and again on the derivative,
// up to `order`, along directions drawn from `seed`.
GradCheck check_grads(const Function& f, std::span<const Tensor> args, int order = 2,
                      double tolerance = 1e-6, uint64_t seed = 0);

// grad(f)(x, ...) is df/dx for the first argument; grad<0, 2>(f) gives an array for those named.
template <int... wrt, class F>
auto grad(F f) {
  return [f](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    if constexpr (sizeof...(wrt) == 0) {
      const int first[] = {0};
      return value_and_grads(spread<sizeof...(x)>(f), args, first).grads[0];
    } else {
      const int places[] = {wrt...};
      auto all = value_and_grads(spread<sizeof...(x)>(f), args, places).grads;
      std::array<Tensor, sizeof...(wrt)> result;
      std::ranges::move(all, result.begin());
      return result;
    }
  };
}

// value_and_grad(f)(x, ...): f and df/dx for the first argument.
template <class F>
auto value_and_grad(F f) {
  return [f](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    const int first[] = {0};
    auto r = value_and_grads(spread<sizeof...(x)>(f), args, first);
    return Primal{r.value, r.grads[0]};
  };
}

// jacobian(f)(x, ...) by the first argument.
template <class F>
auto jacobian(F f, JacobianOptions options = {}) {
  return [f, options](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    return jacobian(spread<sizeof...(x)>(f), std::span<const Tensor>(args), 0, options);
  };
}

// hessian(f)(x, ...) by the first argument.
template <class F>
auto hessian(F f) {
  return [f](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    return hessian(spread<sizeof...(x)>(f), std::span<const Tensor>(args), 0);
  };
}

// jvp(f)(x, x_dot) and vjp(f)(x, y_bar), hvp(f)(x, v): one argument and one direction.
template <class F>
auto jvp(F f) {
  return [f](const Tensor& x, const Tensor& x_dot) {
    const Tensor args[] = {x}, dots[] = {x_dot};
    return jvp(spread<1>(f), args, dots);
  };
}

template <class F>
auto vjp(F f) {
  return [f](const Tensor& x, const Tensor& y_bar) {
    const Tensor args[] = {x};
    auto r = vjp(spread<1>(f), args, y_bar);
    return Primal{r.value, r.grads[0]};
  };
}

template <class F>
auto hvp(F f) {
  return [f](const Tensor& x, const Tensor& v) {
    const Tensor args[] = {x};
    return hvp(spread<1>(f), std::span<const Tensor>(args), v);
  };
}

}  // namespace gradus
