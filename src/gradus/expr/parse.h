// Text to a function of tensors. Numbers, names, + - * / @ ^ (right associative, above unary
// minus), comparisons, calls, parentheses, lists [[1, 2], [3, 4]], and `name =` in front.
// Neither reading nor computing recurses, so no input is too deep.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct ExprFunction;

// A number, name, list or operation of an expression, as bytes of its text.
struct ExpressionPart {
  size_t from = 0, to = 0;  // the whole, without the brackets around it
  size_t at = 0;            // its sign, or where its name begins
  bool is_number = false;
};

class Expression {
 public:
  // Called before a part is computed, with no value, and again with its value.
  using Watch = std::function<void(const ExpressionPart&, const Tensor* value)>;
  enum class Kind : uint8_t { number, name, list, call };
  struct Node {
    Kind kind;
    uint32_t count = 0;  // arguments, or the place in names()
    double number = 0;
    const ExprFunction* function = nullptr;
    uint32_t from = 0, to = 0, at = 0;  // ExpressionPart
  };

  // The names it reads, in order of appearance; pi, e, inf and nan stand for themselves.
  const std::vector<std::string>& names() const { return names_; }
  // The sizes written behind each name, where sizes are read.
  const std::vector<std::optional<Shape>>& shapes() const { return shapes_; }
  // In the order of computing: a list or a call takes its arguments from the values before it. For
  // those who compute in other numbers.
  const std::vector<Node>& nodes() const { return nodes_; }
  // What stands before `=`, or nothing.
  const std::string& result() const { return result_; }
  // The value where names[i] is values[i]. Operations on recorded values are recorded.
  Tensor operator()(std::span<const std::string> names, std::span<const Tensor> values,
                    const Watch& watch = {}) const;

 private:
  friend class ExpressionParser;
  std::vector<Node> nodes_;
  std::vector<std::string> names_;
  std::vector<std::optional<Shape>> shapes_;
  std::string result_;
};

struct ParseOptions {
  bool sizes = false;  // X[32,784] is the name X with sizes, b[] one number
};
// Raises an Error `expression: column C: reason` of kind usage, or unsupported for a function that
// is not there.
Expression parse_expression(std::string_view text, ParseOptions options = {});

// pi, e, inf and nan.
bool is_known_constant(std::string_view name);

struct Bindings {
  std::vector<std::string> names;
  std::vector<Tensor> values;
};
// "x=1, y=[1, 2], z=2*x" in f64; each may use those before it. Adds to `known`.
void parse_bindings(std::string_view text, Bindings& known);

}  // namespace gradus
