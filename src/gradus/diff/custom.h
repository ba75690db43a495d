// Operations of your own: a function with a derivative rule that you give. One rule serves both
// modes, since each is the transpose of the other, at any order and under vmap.
#pragma once

#include <gradus/diff/diff.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>

#include <memory>
#include <string>

namespace gradus {

// A function and one of its two rules, written in tensors.
struct CustomRule {
  std::string name;
  Function value;
  // The cotangents of x from that of y; an absent one is zero.
  std::function<std::vector<Tensor>(std::span<const Tensor> x, const Tensor& y,
                                    const Tensor& y_bar)>
      pull = {};
  // The tangent of y from those of x.
  std::function<Tensor(std::span<const Tensor> x, const Tensor& y, std::span<const Tensor> x_dot)>
      push = {};
  // Where set, `value` is no composition of ops: it runs on numbers, unrecorded, when its step is
  // computed, and gives a result of this type.
  std::function<Type(std::span<const Type> x)> type = {};
  // Then also: `value` of a whole batch, where batched[i] says which arguments have the batch axis
  // in front; the result has it.
  std::function<Function(const std::vector<bool>& batched)> batched_value = {};
};

// value(x); derivatives go by the rule and never through the steps of `value`.
Tensor apply_custom(const std::shared_ptr<const CustomRule>& rule, std::span<const Tensor> x);
// Compares the rule with central differences in f64; raises a DomainError that shows both. Does
// nothing where x has no numbers yet. Debug builds call it at the first use of every rule.
void check_custom(const CustomRule& rule, std::span<const Tensor> x);

struct CustomOptions {
  std::string name = "custom";
  // Whether the rule is the derivative of the function. A straight-through estimator is not.
  bool exact = true;
};

namespace detail {

// A rule as a function of tensors; debug builds check an exact one once.
template <size_t count>
auto custom_function(CustomRule rule, [[maybe_unused]] bool exact) {
  return [rule = std::make_shared<const CustomRule>(std::move(rule)),
          checked = std::make_shared<bool>(!exact)](const TensorLike auto&... x) {
    static_assert(sizeof...(x) == count, "as many arguments as the rule was made for");
    const Tensor args[] = {Tensor(x)...};
#ifndef NDEBUG
    if (!*checked) {
      *checked = true;
      check_custom(*rule, args);
    }
#endif
    return apply_custom(rule, args);
  };
}

// Kernels of a captureless double(double).
template <class Value>
struct UserKernels {
  template <class T>
  static void row(const void* const in[], const bool single[], void* out, size_t n) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out);
    for (size_t i = 0; i < n; ++i)
      y[i] = static_cast<T>(Value{}(static_cast<double>(x[single[0] ? 0 : i])));
  }
  static Kernel of(const Op&, std::span<const Type> in, const Type&) {
    return {run_rows, in[0].dtype == DType::f32 ? row<float> : row<double>};
  }
  static Type type(const Op&, std::span<const Type> in, const Attrs&, int) { return in[0]; }
};

}  // namespace detail

// f of `count` tensors whose reverse rule is pull(x..., y, y_bar), a tensor or an array of them.
template <size_t count = 1, class F, class Pull>
auto custom_vjp(F f, Pull pull, const CustomOptions& options = {}) {
  return detail::custom_function<count>(
      {.name = options.name,
       .value = spread<count>(f),
       .pull =
           [pull](std::span<const Tensor> x, const Tensor& y, const Tensor& y_bar) {
             std::vector<Tensor> all(x.begin(), x.end());
             all.insert(all.end(), {y, y_bar});
             const auto bars = spread<count + 2>(pull)(all);
             return Results<std::remove_const_t<decltype(bars)>>::list(bars);
           }},
      options.exact);
}

// f of `count` tensors whose forward rule is push(x..., y, x_dot...).
template <size_t count = 1, class F, class Push>
auto custom_jvp(F f, Push push, const CustomOptions& options = {}) {
  return detail::custom_function<count>(
      {.name = options.name,
       .value = spread<count>(f),
       .push =
           [push](std::span<const Tensor> x, const Tensor& y, std::span<const Tensor> x_dot) {
             std::vector<Tensor> all(x.begin(), x.end());
             all.push_back(y);
             all.insert(all.end(), x_dot.begin(), x_dot.end());
             return Tensor(spread<2 * count + 1>(push)(all));
           }},
      options.exact);
}

// A new elementwise operation from C++ arithmetic: value is a captureless double(double), slope a
// captureless Tensor(Tensor x, Tensor y) written in ops. f32 is computed in f64 and rounded. It has
// both modes, any order, vmap and plans, like every op of the table.
template <class Value, class Slope>
auto elementwise_op(const char* name, Value, Slope slope_of) {
  // One op for each pair of types: only lambdas have a type of their own.
  static_assert(std::is_empty_v<Value> && std::is_empty_v<Slope>,
                "elementwise_op takes captureless lambdas");
  using Kernels = detail::UserKernels<Value>;
  static const Op op{.name = name,
                     .says = "an operation made at run time",
                     .math = name,
                     .kind = Kind::elementwise,
                     .pointwise = true,
                     .type = Kernels::type,
                     .kernel = Kernels::of,
                     .rule = {.slope = {{.unary = slope_of}}},
                     .batch = batch_leading};
  return [](const Tensor& x) {
    require_float(op, x.type());
    return apply(op, {x});
  };
}

}  // namespace gradus
