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
  std::string name;          // "v3"
  std::string step;          // "w * x"
  std::string label;         // the name it was given, or empty
  std::string group;         // the part of the model or the run of steps it belongs to, or empty
  std::vector<size_t> from;  // the rows it is computed from
  Tensor value;
  Tensor bar;  // the adjoint; absent where it was not asked for
  bool is_input = false, is_output = false;
  bool is_held = false;  // an input that is held constant while others vary
  std::vector<Reason> because;
  std::string note;       // what zeros in the adjoint mean, or empty
  size_t zero_lines = 0;  // how many of its rows or columns that is
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

// The rows of one line of a folded table. A row that belongs to no group stands alone.
struct TraceGroup {
  std::string name;
  std::vector<size_t> rows;
  size_t result = 0;  // the last row that is no input
};
// Folded, rows of one group stand together, in the order of their first results.
std::vector<TraceGroup> groups_of(const Trace& trace, bool folded);
// Whether a table is too long to be read whole.
bool wants_folding(const Trace& trace);

struct TraceText {
  bool numbers = false;           // also the numbers behind each reason
  bool fold = false;              // one line a group, even where the table is short
  bool all = false;               // never folds
  std::vector<std::string> open;  // groups that are shown whole
};
// A table: id, step, value, bar, because. Long ones are folded to a line for each group.
std::string to_text(const Trace& trace, const TraceText& options = {});
// One text for each step: forward through all rows, then back through those with an adjoint.
std::vector<std::string> to_steps(const Trace& trace);
// "w * x = z", a cell of the table: a number, a short list or a type, and one line of because.
std::string step_of(const TraceRow& row);
std::string cell_of(const Tensor& x);
std::string because_of(const Trace& trace, const TraceRow& row, bool numbers);
// "min -0.12, mean 0.01, max 0.2, norm 3.4, first 0.1, 0.2, 0.3".
std::string summary_of(const Tensor& x);
// The square root of the sum of squares.
double norm_of(const Tensor& x);
// {"value":..,"rows":[{"id":..,"step":..,"value":..,"bar":..,"because":[..]},..]}
// Tensors of more than `most` numbers are summarised: type, min, mean, max, norm, first.
std::string to_json(const Trace& trace, int64_t most = 4096);

// Numbers as JSON, 17 digits, nested by axis; what JSON has no number for is a string ("inf").
std::string to_json(const Tensor& x);

}  // namespace gradus
