// Every number of a computation, forward and backward, with the reason of each adjoint.
// A reason is the printed form of the very steps that the derivative rule appended, so it cannot
// say anything else than what was computed.
#pragma once

#include <gradus/diff/diff.h>

#include <string>

namespace gradus {

// One contribution to an adjoint.
struct Reason {
  size_t from = 0;      // the row whose rule made it
  std::string formula;  // "bar * (1 - y^2)": bar and y are the adjoint and the value of that row
  Tensor part;          // what it adds
  std::string numbers;  // the last operation with its numbers, "0.7864 * 0.5000"; or empty
  // Where that row is elementwise, part = bar times this: its local derivative.
  std::string slope;
  Tensor slope_value;
};

struct TraceRow {
  std::string name;   // "v3"
  std::string step;   // "w * x"
  std::string label;  // the name it was given, or empty
  Tensor value;
  Tensor bar;  // the adjoint; absent where it was not asked for
  bool is_input = false, is_output = false;
  std::vector<Reason> because;
};

struct Trace {
  std::vector<TraceRow> rows;
  Tensor value;
  std::vector<Tensor> grads;  // one for each place in wrt
};

// Runs f once on its named arguments and sweeps back once, from one number to those in wrt. With
// none in wrt it only runs forward, and f may return any tensor. `result` names the output.
Trace trace(const Function& f, std::span<const Tensor> args, std::span<const std::string> names,
            std::span<const int> wrt, std::string_view result = {});

struct TraceText {
  bool numbers = false;  // also the numbers behind each reason
};
// A table: id, step, value, bar, because.
std::string to_text(const Trace& trace, const TraceText& options = {});
// {"value":..,"rows":[{"id":..,"step":..,"value":..,"bar":..,"because":[..]},..]}
std::string to_json(const Trace& trace);

// Numbers as JSON, 17 digits, nested by axis; what JSON has no number for is a string ("inf").
std::string to_json(const Tensor& x);

}  // namespace gradus
