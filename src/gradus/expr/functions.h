// The functions an expression may call: one table from name to function over tensors.
// Numbers are f64; masks and integers become f64 where a number is wanted. Axes are trailing
// integers.
#pragma once

#include <gradus/core/tensor.h>

#include <span>
#include <string_view>

namespace gradus {

struct ExprFunction {
  const char* name;
  int least, most;  // arguments
  // Null: a known name that this library does not offer.
  Tensor (*call)(std::span<const Tensor> args);
};

// All of them, in the order of the library: operators first (add is +, power is ^).
std::span<const ExprFunction> expr_functions();
const ExprFunction* find_function(std::string_view name);
// The function with the nearest name, or null.
const ExprFunction* nearest_function(std::string_view name);

}  // namespace gradus
