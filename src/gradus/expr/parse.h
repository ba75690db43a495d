// Text to a function of tensors. Numbers, names, + - * / @ ^ (right associative, above unary
// minus), comparisons, calls, parentheses, lists [[1, 2], [3, 4]], and `name =` in front.
// Neither reading nor computing recurses, so no input is too deep.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct ExprFunction;

class Expression {
 public:
  // The names it reads, in order of appearance; pi, e, inf and nan stand for themselves.
  const std::vector<std::string>& names() const { return names_; }
  // What stands before `=`, or nothing.
  const std::string& result() const { return result_; }
  // The value where names[i] is values[i]. Operations on recorded values are recorded.
  Tensor operator()(std::span<const std::string> names, std::span<const Tensor> values) const;

 private:
  friend class ExpressionParser;
  enum class Kind : uint8_t { number, name, list, call };
  // In the order of computing: a list or a call takes its arguments from the values before it.
  struct Node {
    Kind kind;
    uint32_t count = 0;  // arguments, or the place in names_
    double number = 0;
    const ExprFunction* function = nullptr;
  };
  std::vector<Node> nodes_;
  std::vector<std::string> names_;
  std::string result_;
};

// Raises an Error `expression: column C: reason` of kind usage, or unsupported for a function that
// is not there.
Expression parse_expression(std::string_view text);

struct Bindings {
  std::vector<std::string> names;
  std::vector<Tensor> values;
};
// "x=1, y=[1, 2], z=2*x" in f64; each may use those before it. Adds to `known`.
void parse_bindings(std::string_view text, Bindings& known);

}  // namespace gradus
