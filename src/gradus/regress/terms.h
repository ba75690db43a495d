// The columns of a design matrix, written as products of powers: "1,x,x^2,x*z". Powers are computed
// in double-double, so that x^10 is right to f64's last place however many steps it takes.
#pragma once

#include <gradus/base/double_double.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// What a fit reads: columns of one length, each with a name.
struct NamedColumns {
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;

  int64_t rows() const { return values.empty() ? 0 : static_cast<int64_t>(values[0].size()); }
  // Raises a usage error with the nearest name where there is none.
  const std::vector<double>& column(std::string_view name, std::string_view op) const;
};

// A product of columns raised to whole powers; without factors it is the intercept, 1.
struct Term {
  struct Factor {
    std::string column;
    int64_t power = 1;
  };
  std::string text;
  std::vector<Factor> factors;
};
// "1,x,x^2,x*z": raises a usage error for what is no such product.
std::vector<Term> parse_terms(std::string_view text);

// (rows, terms), one column after the other.
std::vector<DoubleDouble> design(const std::vector<Term>& terms, const NamedColumns& columns);

}  // namespace gradus
