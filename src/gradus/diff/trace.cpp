#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

namespace gradus {
namespace {

constexpr int call_binds = 9, power_binds = 5, minus_binds = 4;

// Four decimals; what they would hide is written with a power of ten.
std::string shown(double x) {
  const double size = std::fabs(x);
  if (std::isfinite(x) && size != 0 && (size < 1e-4 || size >= 1e6)) {
    return text::significant(x, 5);
  }
  return text::fixed(x, 4);
}

bool is_mask(const Tensor& x) {
  return x.dtype() == DType::boolean;
}

// One number; or a repeated number, which broadcasting made of one.
bool is_one_number(const Tensor& x) {
  if (x.size() == 0) return false;
  const View v = view_of(x);
  for (int i = 0; i < v.shape.size(); ++i)
    if (v.shape[i] > 1 && v.strides[i] != 0) return false;
  return true;
}

std::string bracketed(const Tensor& x, std::string (*form)(double)) {
  const std::vector<double> all = numbers(x);
  std::string out;
  size_t next = 0;
  const auto write = [&](auto& self, int axis) -> void {  // at most 8 deep
    if (axis == x.rank()) {
      out += is_mask(x) ? (all[next] != 0 ? "true" : "false") : form(all[next]);
      ++next;
      return;
    }
    out += '[';
    for (int64_t i = 0; i < x.shape()[axis]; ++i) {
      if (i > 0) out += ", ";
      self(self, axis + 1);
    }
    out += ']';
  };
  write(write, 0);
  return out;
}

// A constant inside a formula.
std::string literal(const Tensor& x) {
  if (is_one_number(x)) {
    const View v = view_of(x);
    const double value = element_as_double(v, 0);
    return is_mask(x) ? (value != 0 ? "true" : "false") : text::number(value);
  }
  constexpr int64_t short_list = 6;
  return x.size() <= short_list && x.size() > 0 ? bracketed(x, text::number) : to_string(x.type());
}

struct Printed {
  std::string text;
  int binds = call_binds;
};

std::string in_brackets_if(bool wanted, const std::string& s) {
  return wanted ? "(" + s + ")" : s;
}

// Puts operands into a form such as "{0} * {1}", with the brackets that precedence asks for.
std::string fill(const Op& op, std::span<const Printed> in) {
  std::string_view form = op.form;
  std::string out;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '{') {
      out += form[i];
      continue;
    }
    const Printed& p = in[static_cast<size_t>(form[i + 1] - '0')];
    const bool first = i == 0, last = i + 3 == form.size();
    bool brackets = false;
    if (op.binds != call_binds) {
      brackets = p.binds < op.binds;
      // Equal precedence groups from the left; powers group from the right.
      if (first) brackets |= op.binds == power_binds && p.binds == power_binds;
      if (last && !first) brackets |= p.binds == op.binds && op.binds != power_binds;
    }
    out += in_brackets_if(brackets, p.text);
    i += 2;
  }
  return out;
}

class Printer {
 public:
  // The first `inputs` values of the tape are its inputs.
  Printer(const Tape& tape, size_t inputs, ValueId output, ValueId seed)
      : tape_(tape), output_(output) {
    constant_.resize(tape.value_count());
    for (auto id = static_cast<ValueId>(inputs); id < tape.value_count(); ++id)
      constant_[id] = id != seed && std::ranges::all_of(tape.inputs(tape.step_of(id)),
                                                        [&](ValueId in) { return constant_[in]; });
    for (ValueId id = 0; id < inputs; ++id) {
      if (tape.label(id) == own_value_) own_value_.clear();
      if (tape.label(id) == own_bar_) own_bar_ = "adjoint";
    }
  }

  bool is_constant(ValueId id) const { return constant_[id]; }

  // How a forward value is called where it is used.
  void set_name(ValueId id, std::string name) { names_[id] = std::move(name); }

  Tensor value(ValueId id) const { return tape_.detached(tape_.tensor(id)); }

  // A forward step in terms of the values before it.
  std::string step(ValueId id) {
    if (const std::string& label = tape_.label(id); tape_.step_of(id).inputs == 0 && !label.empty())
      return label;
    if (constant_[id]) return literal(value(id));
    std::vector<Printed> in;
    for (ValueId i : tape_.inputs(tape_.step_of(id))) in.push_back(leaf(i));
    return combine(id, in).text;
  }

  // What the rule of step `from` computed for `part`: bar and y are that step's adjoint and value.
  Printed formula(ValueId part, ValueId bar, ValueId from) {
    std::unordered_map<ValueId, Printed> done;
    std::vector<ValueId> waiting{part};
    while (!waiting.empty()) {
      const ValueId id = waiting.back();
      if (done.contains(id)) {
        waiting.pop_back();
        continue;
      }
      if (id == bar) {
        done[id] = {own_bar_, call_binds};
      } else if (id == from) {
        done[id] = own_value_.empty() ? leaf(id) : Printed{own_value_, call_binds};
      } else if (constant_[id] || (id <= output_ && names_.contains(id))) {
        done[id] = leaf(id);
      } else {
        bool ready = true;
        std::vector<Printed> in;
        for (ValueId i : tape_.inputs(tape_.step_of(id))) {
          const auto found = done.find(i);
          if (found == done.end()) {
            waiting.push_back(i);
            ready = false;
          } else {
            in.push_back(found->second);
          }
        }
        if (!ready) continue;
        Printed p = only_shape_changes(id) ? in[0] : combine(id, in);
        // Steps are shared, text is not: a formula could double at every step.
        constexpr size_t longest = 400;
        if (p.text.size() > longest) p = {to_string(tape_.value(id).type), call_binds};
        done[id] = std::move(p);
      }
      waiting.pop_back();
    }
    return done[part];
  }

  // The last operation of `part` with its operands as numbers; empty if there is none to show.
  std::string with_numbers(ValueId part, ValueId bar) {
    const Step& s = tape_.step_of(part);
    if (part == bar || constant_[part] || s.inputs < 2) return {};
    std::vector<Printed> in;
    for (ValueId i : tape_.inputs(s)) {
      std::string text = cell_of(value(i));
      const int binds = text.starts_with('-') ? minus_binds : call_binds;
      in.push_back({std::move(text), binds});
    }
    return combine(part, in).text;
  }

 private:
  Printed leaf(ValueId id) {
    if (const auto found = names_.find(id); found != names_.end())
      return {found->second, call_binds};
    std::string text = literal(value(id));
    const int binds = text.starts_with('-') ? minus_binds : call_binds;
    return {std::move(text), binds};
  }

  // Another shape for the same numbers, as broadcasting gives: a formula reads better without it.
  bool only_shape_changes(ValueId id) const {
    const Step& s = tape_.step_of(id);
    return s.op->view && s.inputs == 1 && tape_.attrs(s).a == tape_.value(id).type.shape;
  }

  Printed combine(ValueId id, std::span<const Printed> in) const {
    const Step& s = tape_.step_of(id);
    const Op& op = *s.op;
    const auto ids = tape_.inputs(s);
    // A choice whose condition is settled is the branch it takes.
    if (op.pointwise && ids.size() == 3 && constant_[ids[0]] && is_mask(value(ids[0])) &&
        is_one_number(value(ids[0])))
      return element_as_double(view_of(value(ids[0])), 0) != 0 ? in[1] : in[2];
    if (op.form) {
      if (std::string_view(op.form) == "{0}") return in[0];
      return {fill(op, in), op.binds};
    }
    std::string out = std::string(op.name) + "(";
    for (size_t i = 0; i < in.size(); ++i) out += (i > 0 ? ", " : "") + in[i].text;
    const Attrs& attrs = tape_.attrs(s);
    for (const Dims* d : {&attrs.a, &attrs.b, &attrs.c})
      if (!d->empty()) out += ", " + to_string(*d);
    return {out + ")", call_binds};
  }

  const Tape& tape_;
  ValueId output_;
  std::vector<bool> constant_;
  std::unordered_map<ValueId, std::string> names_;
  // Words of a rule for its step; an input of that name takes the word away.
  std::string own_value_ = "y", own_bar_ = "bar";
};

// Marks what the output is computed from.
std::vector<bool> needed_for(const Tape& tape, ValueId output) {
  std::vector<bool> needed(output + 1);
  needed[output] = true;
  for (ValueId id = output + 1; id-- > 0;)
    if (needed[id])
      for (ValueId in : tape.inputs(tape.step_of(id))) needed[in] = true;
  return needed;
}

// "layers.0" of "layers.0.weight" or "layers.0/weight".
std::string part_of(const std::string& path) {
  const size_t end = path.find_last_of("./");
  return end == std::string::npos ? std::string() : path.substr(0, end);
}

std::string group_of(const Tape& tape, ValueId id) {
  const std::string& scope = tape.scope(id);
  return scope.empty() ? part_of(tape.label(id)) : scope;
}

// Where lines of an input's adjoint are zero because an elementwise step on the only way to the
// result has slope 0 for that unit, says so.
void explain_zeros(const Trace& t, TraceRow& input) {
  if (input.bar.is_absent() || input.bar.rank() == 0 || input.bar.rank() > 2) return;
  const TraceRow* row = &input;
  const Reason* reason = nullptr;
  while (row->because.size() == 1) {
    reason = &row->because[0];
    if (reason->slope_value.is_absent() || reason->slope_value.size() < 2)
      row = &t.rows[reason->from];
    else
      break;
  }
  if (row->because.size() != 1 || reason == nullptr) return;
  const int64_t units = reason->slope_value.shape().back();
  const std::vector<double> slopes = numbers(reason->slope_value), bar = numbers(input.bar);
  std::vector<bool> dead(static_cast<size_t>(units), true);
  for (size_t i = 0; i < slopes.size(); ++i)
    if (slopes[i] != 0) dead[i % dead.size()] = false;
  const bool columns = input.bar.rank() == 2 && input.bar.shape()[0] != units;
  if (input.bar.shape()[columns ? 1 : 0] != units) return;
  const auto width = static_cast<size_t>(input.bar.rank() == 2 ? input.bar.shape()[1] : 1);
  for (size_t i = 0; i < bar.size(); ++i)
    if (bar[i] != 0) dead[columns ? i % width : i / width] = false;
  constexpr size_t most_listed = 8;
  std::vector<std::string> places;
  size_t count = 0;
  for (size_t u = 0; u < dead.size(); ++u)
    if (dead[u] && ++count <= most_listed)
      places.push_back((columns ? "[:," : "[") + std::to_string(u) + "]");
  if (count == 0) return;
  const TraceRow& unit = t.rows[reason->from];
  std::string which = text::join(places, ", ");
  if (count > most_listed) which += " and " + std::to_string(count - most_listed) + " more";
  input.zero_lines = count;
  input.note = which + (count == 1 ? " is 0: this unit of " : " are 0: these units of ") +
               unit.name + " = " + unit.step + (count == 1 ? " has" : " have") + " slope 0 " +
               (unit.value.size() > units ? "for every example" : "for this input") +
               ", so nothing passes back";
}

constexpr size_t longest_table = 60;  // rows that are read without folding

// Names runs of steps that repeat one pattern, and what remains between them.
void group_runs(Trace& t) {
  constexpr size_t longest_pattern = 32, least_repeats = 4;
  std::vector<size_t> rows;
  std::vector<std::string> shape;  // of each: what it does, from how far back
  for (size_t i = 0; i < t.rows.size(); ++i) {
    const TraceRow& row = t.rows[i];
    if (row.is_input || !row.group.empty()) continue;
    std::string s = to_string(row.value.type());
    const size_t name_end = row.step.find('(');
    if (name_end != std::string::npos) s += row.step.substr(0, name_end);
    for (size_t from : row.from)
      s += t.rows[from].is_input ? " input" : " " + std::to_string(i - from);
    rows.push_back(i);
    shape.push_back(std::move(s));
  }
  const auto name = [&](size_t begin, size_t end) {
    const std::string group = t.rows[rows[begin]].name + "-" + t.rows[rows[end - 1]].name;
    for (size_t i = begin; i < end; ++i) t.rows[rows[i]].group = group;
  };
  size_t between = 0;
  for (size_t i = 0; i <= rows.size();) {
    size_t covered = 0;
    for (size_t p = 1; p <= longest_pattern && i + p * least_repeats <= rows.size(); ++p) {
      size_t end = i + p;
      while (end < rows.size() && shape[end] == shape[end - p]) ++end;
      const size_t whole = (end - i) / p * p;
      if (whole >= p * least_repeats && whole > covered) covered = whole;
    }
    constexpr size_t worth_a_line = 8;
    if (covered < worth_a_line && i < rows.size()) {
      ++i;
      continue;
    }
    if (i - between >= worth_a_line) name(between, i);
    if (i == rows.size()) break;
    name(i, i + covered);
    i += covered;
    between = i;
  }
}

}  // namespace

Trace trace(const Function& f, std::span<const Tensor> args, std::span<const std::string> names,
            std::span<const int> wrt, std::string_view result) {
  if (names.size() != args.size())
    raise(ErrorKind::usage, "trace: " + std::to_string(names.size()) + " names for " +
                                std::to_string(args.size()) + " arguments. Give one for each.");
  Tape tape("trace");
  std::vector<ValueId> inputs;
  std::vector<Tensor> handles;
  for (size_t i = 0; i < args.size(); ++i) {
    inputs.push_back(tape.input(literal_as(args[i], args[i].dtype()), names[i]));
    handles.push_back(tape.tensor(inputs.back()));
  }
  const Tensor y = f(handles);
  const ValueId output = tape.place(y);
  const bool is_input = std::ranges::find(inputs, output) != inputs.end();
  if (!result.empty() && !is_input) tape.set_label(output, result);

  Sweep sweep;
  std::vector<Tensor> bars;
  ValueId seed = no_value;
  if (!wrt.empty()) {
    if (y.rank() != 0)
      raise(ErrorKind::shape, "trace: the function returned " + to_string(y.type()) +
                                  ", but trace differentiates one number, " + name_of(y.dtype()) +
                                  "[]. Take mean(...) or sum(...) first.");
    if (!is_float(y.dtype()))
      raise(ErrorKind::dtype, "trace: the function returned " + to_string(y.type()) +
                                  ", which has no derivative. It must return f32 or f64.");
    std::vector<ValueId> sources;
    for (int w : wrt) sources.push_back(inputs[static_cast<size_t>(w)]);
    // An alias is never shared, so this 1 is not taken for another 1 of the formulas.
    seed = tape.alias(tape.place(ones_like(y)));
    bars = pull_back(tape, sources, output, tape.tensor(seed), &sweep);
  }

  Printer printer(tape, inputs.size(), output, seed);
  const std::vector<bool> needed = needed_for(tape, output);
  Trace t;
  t.value = tape.detached(y);
  for (size_t i = 0; i < bars.size(); ++i) {
    const Tensor& x = args[static_cast<size_t>(wrt[i])];
    t.grads.push_back(bars[i].is_absent() ? zeros_like(x) : tape.detached(bars[i]));
  }
  std::vector<size_t> row_of(output + 1);
  for (ValueId id = 0; id <= std::max(output, inputs.empty() ? 0 : inputs.back()); ++id) {
    const bool input = id < inputs.size();
    if (!input && (id > output || !needed[id] || (printer.is_constant(id) && id != output)))
      continue;
    TraceRow row;
    row.name = "v" + std::to_string(t.rows.size());
    row.label = tape.label(id);
    row.step = printer.step(id);
    row.value = printer.value(id);
    row.is_input = input;
    row.is_output = id == output;
    row.group = group_of(tape, id);
    for (ValueId in : tape.inputs(tape.step_of(id)))
      if (!printer.is_constant(in)) row.from.push_back(row_of[in]);
    row.is_held =
        input && !wrt.empty() && std::ranges::find(wrt, static_cast<int>(id)) == wrt.end();
    printer.set_name(id, row.label.empty() || (id == output && !input) ? row.name : row.label);
    if (id <= output) row_of[id] = t.rows.size();
    if (id < sweep.bar.size() && sweep.bar[id] != no_value) row.bar = printer.value(sweep.bar[id]);
    t.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < t.grads.size(); ++i) {
    TraceRow& row = t.rows[static_cast<size_t>(wrt[i])];
    if (row.bar.is_absent()) row.bar = t.grads[i];
  }
  for (const Contribution& c : sweep.contributions) {
    if (printer.is_constant(c.to)) continue;
    const ValueId bar = sweep.bar[c.from];
    Reason reason;
    reason.from = row_of[c.from];
    reason.part = printer.value(c.part);
    reason.formula = printer.formula(c.part, bar, c.from).text;
    reason.numbers = printer.with_numbers(c.part, bar);
    const Step& from = tape.step_of(c.from);
    if (from.op->kind == Kind::elementwise) {
      const auto in = tape.inputs(from);
      for (size_t i = 0; i < in.size(); ++i) {
        if (in[i] != c.to) continue;
        const int constant = from.op->rule.slope[i].constant;
        const Step& last = tape.step_of(c.part);
        if (constant != 0 && (c.part == bar) == (constant == 1)) {
          reason.slope = std::to_string(constant);
          reason.slope_value = scalar(constant, DType::f64);
          break;
        }
        // The rule multiplied bar by the slope.
        if (constant == 0 && last.inputs == 2 && last.in[0] == bar) {
          reason.slope = printer.formula(last.in[1], no_value, c.from).text;
          reason.slope_value = printer.value(last.in[1]);
          break;
        }
      }
    }
    t.rows[row_of[c.to]].because.push_back(std::move(reason));
  }
  for (TraceRow& row : t.rows)
    if (row.is_input) explain_zeros(t, row);
  if (wants_folding(t)) group_runs(t);
  return t;
}

std::string cell_of(const Tensor& x) {
  constexpr int64_t short_list = 4;
  return x.size() <= short_list && x.size() > 0 ? bracketed(x, shown) : to_string(x.type());
}

std::string step_of(const TraceRow& row) {
  return row.label.empty() || row.label == row.step ? row.step : row.step + " = " + row.label;
}

std::string because_of(const Trace& trace, const TraceRow& row, bool numbers) {
  if (row.bar.is_absent()) return {};
  std::vector<std::string> reasons;
  if (row.is_output) reasons.emplace_back("seed");
  for (const Reason& r : row.because) {
    std::string s = trace.rows[r.from].name + ": " + r.formula;
    if (numbers) {
      if (!r.numbers.empty() && r.numbers != r.formula) s += " = " + r.numbers;
      s += " = " + cell_of(r.part);
    }
    reasons.push_back(std::move(s));
  }
  if (reasons.empty()) reasons.emplace_back("no step leads to the result");
  if (!row.note.empty()) reasons.push_back(row.note);
  return text::join(reasons, "; ");
}

double norm_of(const Tensor& x) {
  double sum = 0;
  for (double v : numbers(x)) sum += v * v;
  return std::sqrt(sum);
}

std::string summary_of(const Tensor& x) {
  constexpr size_t shown_first = 3;
  const std::vector<double> all = numbers(x);
  if (all.empty()) return "no numbers";
  double low = all[0], high = all[0], sum = 0;
  for (double v : all) {
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v;
  }
  std::vector<std::string> first;
  for (size_t i = 0; i < std::min(shown_first, all.size()); ++i)
    first.push_back(text::significant(all[i], 4));
  return "min " + text::significant(low, 4) + ", mean " +
         text::significant(sum / static_cast<double>(all.size()), 4) + ", max " +
         text::significant(high, 4) + ", norm " + text::significant(norm_of(x), 4) + ", first " +
         text::join(first, ", ");
}

bool wants_folding(const Trace& trace) {
  return trace.rows.size() > longest_table;
}

std::vector<TraceGroup> groups_of(const Trace& trace, bool folded) {
  std::vector<TraceGroup> groups;
  std::unordered_map<std::string, size_t> known;
  const auto add = [&](size_t i) {
    const TraceRow& row = trace.rows[i];
    if (!folded || row.group.empty()) {
      groups.push_back({row.label.empty() || !row.is_input ? row.name : row.label, {i}, i});
      return;
    }
    const auto [at, fresh] = known.emplace(row.group, groups.size());
    if (fresh) groups.push_back({row.group, {}, i});
    TraceGroup& g = groups[at->second];
    g.rows.push_back(i);
    if (!row.is_input || trace.rows[g.result].is_input) g.result = i;
  };
  // A group stands where its first result does; its inputs go first within it.
  for (size_t i = 0; i < trace.rows.size(); ++i)
    if (!folded || !trace.rows[i].is_input || trace.rows[i].group.empty()) add(i);
  if (folded)
    for (size_t i = 0; i < trace.rows.size(); ++i)
      if (trace.rows[i].is_input && !trace.rows[i].group.empty()) add(i);
  for (TraceGroup& g : groups) std::ranges::sort(g.rows);
  return groups;
}

namespace {

// Columns line up; numbers end together, words start where a number without a sign does.
std::vector<std::string> lined_up(const std::vector<std::vector<std::string>>& lines,
                                  std::span<const size_t> least, std::span<const bool> is_number) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto as_cell = [&](size_t i, const std::string& s) {
    const bool word = is_number[i] && !s.empty() && !is_digit(s.back()) && !s.starts_with('[');
    return word ? " " + s : s;
  };
  std::vector<size_t> widths(least.begin(), least.end());
  for (const auto& line : lines)
    for (size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], text::width(as_cell(i, line[i])));
  std::vector<std::string> out;
  for (const auto& cells : lines) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += i < 2 ? "  " : "   ";
      if (i >= widths.size()) {
        line += cells[i];
        continue;
      }
      const std::string s = as_cell(i, cells[i]);
      line += is_number[i] && !s.empty() && is_digit(s.back()) ? text::pad_left(s, widths[i])
                                                               : text::pad_right(s, widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.push_back(line + "\n");
  }
  return out;
}

std::string table_of(const Trace& trace, std::span<const size_t> rows, bool numbers) {
  constexpr int64_t short_list = 4;
  std::vector<std::vector<std::string>> cells{{"id", "step", "value", "bar", "because"}};
  std::vector<std::string> more{""};  // what large tensors hold
  for (size_t i : rows) {
    const TraceRow& row = trace.rows[i];
    cells.push_back({row.name, step_of(row), cell_of(row.value),
                     row.bar.is_absent() ? "." : cell_of(row.bar),
                     because_of(trace, row, numbers)});
    more.emplace_back();
    if (!numbers || row.value.size() <= short_list) continue;
    const std::string indent(8, ' ');
    more.back() = indent + "value: " + summary_of(row.value) + "\n";
    if (!row.bar.is_absent()) more.back() += indent + "bar:   " + summary_of(row.bar) + "\n";
  }
  constexpr size_t least[] = {2, 14, 7, 7};
  constexpr bool is_number[] = {false, false, true, true};
  const std::vector<std::string> lines = lined_up(cells, least, is_number);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) out += lines[i] + more[i];
  return out;
}

std::string folded_table(const Trace& trace, std::span<const TraceGroup> groups) {
  const auto size_cell = [](const Tensor& x) {
    return x.is_absent() ? std::string(".") : text::significant(norm_of(x), 4);
  };
  std::vector<std::vector<std::string>> lines{
      {"part", "result", "value", "|value|", "|bar|", "steps", "its parameters: |bar|"}};
  for (const TraceGroup& g : groups) {
    const TraceRow& result = trace.rows[g.result];
    std::vector<std::string> parameters;
    for (size_t i : g.rows) {
      const TraceRow& row = trace.rows[i];
      if (!row.is_input || i == g.result) continue;
      std::string label = row.label;
      if (label.starts_with(g.name)) label.erase(0, g.name.size() + 1);
      std::string words = label + " " + to_string(row.value.type()) + ": " + size_cell(row.bar);
      if (row.zero_lines > 0) words += ", " + std::to_string(row.zero_lines) + " lines 0";
      parameters.push_back(std::move(words));
    }
    std::string step = result.step;
    constexpr size_t widest_step = 28;
    if (text::width(step) > widest_step) step = "...";
    lines.push_back({g.name, result.name + "  " + step, cell_of(result.value),
                     size_cell(result.value), size_cell(result.bar),
                     std::to_string(g.rows.size() - parameters.size()),
                     text::join(parameters, "; ")});
  }
  constexpr size_t least[] = {4, 6, 5, 7, 5, 5};
  constexpr bool is_number[] = {false, false, false, true, true, true};
  std::string out = text::join(lined_up(lines, least, is_number), "");
  std::vector<std::pair<std::string, std::string>> notes;  // note, labels
  for (const TraceRow& row : trace.rows) {
    if (row.note.empty()) continue;
    if (!notes.empty() && notes.back().first == row.note)
      notes.back().second += ", " + row.label;
    else
      notes.emplace_back(row.note, row.label);
  }
  constexpr size_t few = 2;
  if (notes.size() > few)
    return out +
           "  lines 0: units that have slope 0 here, so nothing passes back; their part says "
           "which.\n";
  for (const auto& [words, labels] : notes) out += "  " + labels + ": " + words + "\n";
  return out;
}

}  // namespace

std::string to_text(const Trace& trace, const TraceText& options) {
  std::vector<size_t> every(trace.rows.size());
  for (size_t i = 0; i < every.size(); ++i) every[i] = i;
  if (options.all || !(options.fold || wants_folding(trace)))
    return table_of(trace, every, options.numbers);
  const std::vector<TraceGroup> groups = groups_of(trace, true);
  for (const std::string& name : options.open)
    if (std::ranges::find(groups, name, &TraceGroup::name) == groups.end()) {
      std::vector<std::string_view> known;
      for (const TraceGroup& g : groups) known.push_back(g.name);
      const auto near = text::nearest(name, known);
      raise(ErrorKind::usage, "trace: there is no part '" + name + "'" +
                                  (near ? "; did you mean " + std::string(*near) + "?"
                                        : ". The first column of the table names the parts."));
    }
  std::string out = folded_table(trace, groups);
  for (const TraceGroup& g : groups)
    if (std::ranges::find(options.open, g.name) != options.open.end())
      out += "\n" + g.name + "\n" + table_of(trace, g.rows, options.numbers);
  return out;
}

std::vector<std::string> to_steps(const Trace& trace) {
  std::vector<std::string> steps;
  size_t width = 0;
  for (const TraceRow& row : trace.rows) width = std::max(width, row.name.size());
  const auto begin = [&](const TraceRow& row) { return text::pad_right(row.name, width) + "  "; };
  for (const TraceRow& row : trace.rows)
    steps.push_back(begin(row) + step_of(row) + " = " + cell_of(row.value) +
                    (row.is_held ? "   held constant" : ""));
  for (size_t i = trace.rows.size(); i-- > 0;)
    if (const TraceRow& row = trace.rows[i]; !row.bar.is_absent())
      steps.push_back(begin(row) + "bar = " + cell_of(row.bar) + "   " +
                      because_of(trace, row, true));
  return steps;
}

std::string to_json(const Tensor& x) {
  const std::vector<double> all = numbers(x);
  std::string out;
  size_t next = 0;
  const auto write = [&](auto& self, int axis) -> void {  // at most 8 deep
    if (axis == x.rank()) {
      const double v = all[next++];
      if (is_mask(x))
        out += v != 0 ? "true" : "false";
      else
        out += std::isfinite(v) ? text::number17(v) : text::quote_json(text::number(v));
      return;
    }
    out += '[';
    for (int64_t i = 0; i < x.shape()[axis]; ++i) {
      if (i > 0) out += ',';
      self(self, axis + 1);
    }
    out += ']';
  };
  write(write, 0);
  return out;
}

std::string to_json(const Trace& trace, int64_t most) {
  const auto json = [most](const Tensor& x) {
    if (x.size() <= most) return to_json(x);
    constexpr int64_t first = 8;
    const std::vector<double> all = numbers(x);
    const auto [low, high] = std::ranges::minmax(all);
    double sum = 0;
    for (double v : all) sum += v;
    const auto word = [](double v) { return to_json(scalar(v, DType::f64)); };
    return "{\"type\":" + text::quote_json(to_string(x.type())) + ",\"min\":" + word(low) +
           ",\"mean\":" + word(sum / static_cast<double>(all.size())) + ",\"max\":" + word(high) +
           ",\"norm\":" + word(norm_of(x)) + ",\"first\":" +
           to_json(from_vector(std::vector<double>(all.begin(), all.begin() + first))) + "}";
  };
  std::string out = "{\"value\":" + json(trace.value) + ",\"rows\":[";
  for (size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& row = trace.rows[i];
    if (i > 0) out += ',';
    out += "{\"id\":" + text::quote_json(row.name) + ",\"step\":" + text::quote_json(row.step);
    if (!row.label.empty()) out += ",\"label\":" + text::quote_json(row.label);
    if (!row.group.empty()) out += ",\"group\":" + text::quote_json(row.group);
    if (row.is_held) out += ",\"held_constant\":true";
    out += ",\"type\":" + text::quote_json(to_string(row.value.type())) +
           ",\"value\":" + json(row.value);
    if (!row.bar.is_absent()) out += ",\"bar\":" + json(row.bar);
    if (row.is_output && !row.bar.is_absent()) out += ",\"seed\":true";
    if (!row.note.empty()) out += ",\"note\":" + text::quote_json(row.note);
    if (!row.from.empty()) {
      out += ",\"from\":[";
      for (size_t k = 0; k < row.from.size(); ++k)
        out += (k > 0 ? "," : "") + text::quote_json(trace.rows[row.from[k]].name);
      out += "]";
    }
    out += ",\"because\":[";
    for (size_t k = 0; k < row.because.size(); ++k) {
      const Reason& r = row.because[k];
      if (k > 0) out += ',';
      out += "{\"from\":" + text::quote_json(trace.rows[r.from].name) +
             ",\"formula\":" + text::quote_json(r.formula) + ",\"part\":" + json(r.part);
      if (!r.slope.empty())
        out +=
            ",\"slope\":" + text::quote_json(r.slope) + ",\"slope_value\":" + json(r.slope_value);
      out += '}';
    }
    out += "]}";
  }
  return out + "]}";
}

}  // namespace gradus
