// A model and its derivatives by its parameters in double-double, row by row: forward mode over the
// nodes of an expression.
#pragma once

#include <gradus/expr/parse.h>
#include <gradus/regress/terms.h>

#include <vector>

namespace gradus {

class PreciseModel {
 public:
  // Parameters by their place in `parameters`; all other names are columns or pi, e.
  PreciseModel(const Expression& model, const std::vector<std::string>& parameters,
               const NamedColumns& columns);
  // Whether all functions of the model are known here.
  bool possible() const { return possible_; }
  // The values (rows), and where given the derivatives, one column a parameter; false where one is
  // not finite.
  bool operator()(const DoubleDouble* x, DoubleDouble* values, DoubleDouble* jacobian) const;

 private:
  enum class What : uint8_t {
    number,
    parameter,
    column,
    add,
    subtract,
    multiply,
    divide,
    pow,
    negative,
    square,
    exp,
    log,
    sin,
    cos,
    tan,
    atan,
    tanh,
    sqrt
  };
  struct Step {
    What what;
    size_t place = 0;  // of the parameter or column
    DoubleDouble number = DoubleDouble(0.0);
  };
  std::vector<Step> steps_;
  std::vector<const std::vector<double>*> columns_;
  size_t rows_ = 0, parameters_ = 0;
  bool possible_ = true;
};

}  // namespace gradus
