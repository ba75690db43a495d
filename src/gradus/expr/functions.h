// The functions an expression may call: one table from name to function over tensors.
// Numbers are f64; masks and integers become f64 where a number is wanted. Axes are trailing
// integers. Distributions have dotted names, as in normal.logpdf(x, mean, deviation): prob/table.h.
#pragma once

#include <gradus/core/tensor.h>

#include <span>
#include <string_view>

namespace gradus {

struct ExprFunction {
  const char* name;
  int least, most;                               // arguments
  Tensor (*call)(std::span<const Tensor> args);  // or else call_named
  Tensor (*call_named)(std::string_view name, std::span<const Tensor> args) = nullptr;

  Tensor operator()(std::span<const Tensor> args) const {
    return call_named ? call_named(name, args) : call(args);
  }
};

// All but those of distributions, in the order of the library: operators first (add is +, power is
// ^).
std::span<const ExprFunction> expr_functions();
const ExprFunction* find_function(std::string_view name);
// The function with the nearest name, or null.
const ExprFunction* nearest_function(std::string_view name);

}  // namespace gradus
