// Why a gradient is zero: walks the tape from the input to the output and names the operations
// that let nothing through, with the numbers that show it.
#pragma once

#include <gradus/diff/diff.h>

#include <string>
#include <string_view>

namespace gradus {

// A step that passes no derivative to some elements of its input although one arrives from above.
struct Cut {
  std::string step;   // "v4 = relu(v3) 'h'"
  std::string op;     // "relu"
  std::string input;  // the input that gets nothing: "v3", or its label
  // "its slope is 0 at all 32 inputs: they lie in [-3.2, -0.1], and its kink is at 0"
  std::string reason;
  int64_t elements = 0, cut = 0;  // of that input
};

struct WhyZero {
  Tensor value, grad;
  int64_t elements = 0, zeros = 0;  // of the gradient
  std::string reason;               // one sentence: the gradient is not zero, or why it is
  std::vector<Cut> cuts;            // those nearest to the input first
  // Of a matrix: rows and columns of the gradient that are all zero.
  std::vector<int64_t> zero_rows, zero_columns;
};

// f gives one number; `names` names its arguments.
WhyZero why_zero(const Function& f, std::span<const Tensor> args,
                 std::span<const std::string> names, int wrt);

std::string to_text(const WhyZero& why, std::string_view name);
std::string to_json(const WhyZero& why);

}  // namespace gradus
