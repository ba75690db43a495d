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

// A value in the table: a number, a short list, or a type.
std::string cell(const Tensor& x) {
  constexpr int64_t short_list = 4;
  return x.size() <= short_list && x.size() > 0 ? bracketed(x, shown) : to_string(x.type());
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
      std::string text = cell(value(i));
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

}  // namespace

Trace trace(const Function& f, std::span<const Tensor> args, std::span<const std::string> names,
            std::span<const int> wrt, std::string_view result) {
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
  return t;
}

std::string to_text(const Trace& trace, const TraceText& options) {
  constexpr size_t least_step = 14, least_number = 7;
  size_t id_width = 2, step_width = least_step, value_width = least_number,
         bar_width = least_number;
  struct Line {
    std::string step, value, bar, because;
  };
  std::vector<Line> lines;
  for (const TraceRow& row : trace.rows) {
    Line line;
    line.step = row.step;
    if (!row.label.empty() && row.label != row.step) line.step += " = " + row.label;
    line.value = cell(row.value);
    line.bar = row.bar.is_absent() ? "." : cell(row.bar);
    std::vector<std::string> reasons;
    if (!row.bar.is_absent() && row.is_output) reasons.emplace_back("seed");
    for (const Reason& r : row.because) {
      std::string s = trace.rows[r.from].name + ": " + r.formula;
      if (options.numbers) {
        if (!r.numbers.empty() && r.numbers != r.formula) s += " = " + r.numbers;
        s += " = " + cell(r.part);
      }
      reasons.push_back(std::move(s));
    }
    if (reasons.empty() && !row.bar.is_absent())
      reasons.emplace_back("no step leads to the result");
    line.because = text::join(reasons, "; ");
    id_width = std::max(id_width, row.name.size());
    step_width = std::max(step_width, text::width(line.step));
    value_width = std::max(value_width, line.value.size());
    bar_width = std::max(bar_width, line.bar.size());
    lines.push_back(std::move(line));
  }
  const std::string gap = "   ";
  std::string out;
  const auto write = [&](const std::string& id, const Line& l) {
    // Numbers end together; words start where a number without a sign does.
    const auto number = [](const std::string& s, size_t width) {
      const bool digits = s.back() >= '0' && s.back() <= '9';
      return digits ? text::pad_left(s, width)
                    : text::pad_right(s.starts_with('[') ? s : " " + s, width);
    };
    std::string line = "  " + text::pad_right(id, id_width) + "  " +
                       text::pad_right(l.step, step_width) + gap + number(l.value, value_width) +
                       gap + number(l.bar, bar_width) + gap + l.because;
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  write("id", {"step", "value", "bar", "because"});
  for (size_t i = 0; i < lines.size(); ++i) write(trace.rows[i].name, lines[i]);
  return out;
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

std::string to_json(const Trace& trace) {
  std::string out = "{\"value\":" + to_json(trace.value) + ",\"rows\":[";
  for (size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& row = trace.rows[i];
    if (i > 0) out += ',';
    out += "{\"id\":" + text::quote_json(row.name) + ",\"step\":" + text::quote_json(row.step);
    if (!row.label.empty()) out += ",\"label\":" + text::quote_json(row.label);
    out += ",\"type\":" + text::quote_json(to_string(row.value.type())) +
           ",\"value\":" + to_json(row.value);
    if (!row.bar.is_absent()) out += ",\"bar\":" + to_json(row.bar);
    if (row.is_output && !row.bar.is_absent()) out += ",\"seed\":true";
    out += ",\"because\":[";
    for (size_t k = 0; k < row.because.size(); ++k) {
      const Reason& r = row.because[k];
      if (k > 0) out += ',';
      out += "{\"from\":" + text::quote_json(trace.rows[r.from].name) +
             ",\"formula\":" + text::quote_json(r.formula) + ",\"part\":" + to_json(r.part);
      if (!r.slope.empty())
        out += ",\"slope\":" + text::quote_json(r.slope) +
               ",\"slope_value\":" + to_json(r.slope_value);
      out += '}';
    }
    out += "]}";
  }
  return out + "]}";
}

}  // namespace gradus
