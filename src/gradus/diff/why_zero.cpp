#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/steps.h>
#include <gradus/diff/trace.h>
#include <gradus/diff/why_zero.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

int64_t zeros_in(const std::vector<double>& x) {
  return std::ranges::count(x, 0.0);
}

// "is 0.5", "lies in [-3.2, -0.1]".
std::string range_text(const std::vector<double>& x) {
  if (x.empty()) return "is empty";
  const auto [low, high] = std::ranges::minmax_element(x);
  const auto shown = [](double v) { return text::significant(v, 3); };
  return *low == *high ? "is " + shown(*low)
                       : "lies in [" + shown(*low) + ", " + shown(*high) + "]";
}

std::string share_text(int64_t part, int64_t all) {
  if (all == 1) return "its one element";
  return (part == all ? "all " : std::to_string(part) + " of ") + std::to_string(all) + " elements";
}

class Walk {
 public:
  Walk(Tape& tape, size_t inputs, ValueId output, const Sweep& sweep)
      : tape_(tape),
        sweep_(sweep),
        output_(output),
        needed_(needed_for(tape, output)),
        names_(tape, inputs, output, needed_) {}

  bool is_needed(ValueId id) const { return id < needed_.size() && needed_[id]; }

  // Steps from `source` on, in order. `whole`: none of it reached the source, so the walk stops at
  // the first steps that let nothing through; otherwise it collects every loss on the way.
  std::vector<Cut> cuts(ValueId source, bool whole) const {
    std::vector<bool> reached(size_t{output_} + 1);
    reached[source] = true;
    std::vector<Cut> found;
    for (ValueId id = source + 1; id <= output_; ++id) {
      if (!is_needed(id)) continue;
      const Step& s = tape_.step_of(id);
      const auto in = tape_.inputs(s);
      for (size_t i = 0; i < in.size(); ++i) {
        // One value in two places of a step is looked at once.
        if (!reached[in[i]] || std::ranges::find(in.first(i), in[i]) != in.first(i).end()) continue;
        if (blocks(id)) {
          if (whole) found.push_back(blocked(id, in[i]));
          continue;
        }
        const int64_t all = element_count(tape_.value(in[i]).type.shape);
        const std::vector<double> part = contribution(in[i], id);
        const int64_t zeros = part.empty() ? all : zeros_in(part);
        const bool arrives = bar_is_nonzero(id);
        if (arrives && zeros > 0 && (zeros == all || !whole)) {
          Cut c = lost(id, i, zeros);
          if (whole && c.cut == 0)
            c = {names_.whole(id),
                 s.op->name,
                 names_.name(in[i]),
                 "what arrives " + range_text(numbers(value(sweep_.bar[id]))) +
                     ", and its products with the slope are 0 or cancel",
                 all,
                 all};
          if (c.cut > 0) found.push_back(std::move(c));
        }
        // What lets nothing through hides what comes after it. Of single zeros the origin is above
        // only where zeros arrive.
        if (whole ? !(arrives && zeros == all) : !arrives || zeros_arrive(id)) reached[id] = true;
      }
    }
    return found;
  }

  // Contributions to the source that add up to zero: "v3 adds 2, v4 adds -2".
  std::string cancelling(ValueId source) const {
    std::vector<std::string> parts;
    for (const Contribution& c : sweep_.contributions)  // from the output on
      if (c.to == source && zeros_in(numbers(value(c.part))) < value(c.part).size())
        parts.insert(parts.begin(), names_.name(c.from) + " adds " + summary(value(c.part)));
    return parts.size() < 2 ? "" : text::join(parts, ", ");
  }

  std::string last_reader(ValueId source) const {
    for (ValueId id = source + 1; id < tape_.value_count(); ++id)
      for (ValueId in : tape_.inputs(tape_.step_of(id)))
        if (in == source) return tape_.step_of(id).op->name;
    return "";
  }

 private:
  Tensor value(ValueId id) const { return tape_.detached(tape_.tensor(id)); }

  static std::string summary(const Tensor& x) {
    const std::string range = range_text(numbers(x));
    return range.starts_with("is ") ? range.substr(3) : "numbers in " + range.substr(8);
  }

  // Whether no derivative can pass, whatever the numbers are.
  bool blocks(ValueId id) const {
    return tape_.step_of(id).op->kind == Kind::fixed || !is_float(tape_.value(id).type.dtype);
  }

  bool bar_is_nonzero(ValueId id) const {
    if (id >= sweep_.bar.size() || sweep_.bar[id] == no_value) return false;
    const std::vector<double> bar = numbers(value(sweep_.bar[id]));
    return zeros_in(bar) < std::ssize(bar);
  }

  bool zeros_arrive(ValueId id) const {
    return sweep_.bar[id] != no_value && zeros_in(numbers(value(sweep_.bar[id]))) > 0;
  }

  // The sum of what step `from` gave to `to`; empty where it gave nothing at all.
  std::vector<double> contribution(ValueId to, ValueId from) const {
    std::vector<double> sum;
    for (const Contribution& c : sweep_.contributions) {
      if (c.to != to || c.from != from) continue;
      const std::vector<double> part = numbers(value(c.part));
      if (sum.empty()) sum.resize(part.size());
      for (size_t i = 0; i < part.size(); ++i) sum[i] += part[i];
    }
    return sum;
  }

  Cut blocked(ValueId id, ValueId input) const {
    const Op& op = *tape_.step_of(id).op;
    const Type& type = tape_.value(id).type;
    const int64_t n = element_count(tape_.value(input).type.shape);
    std::string reason;
    if (op.rule.why)
      reason = op.rule.why;
    else if (!is_float(type.dtype))
      reason = "its result is " + to_string(type) + ", and whole numbers have no derivative";
    else
      reason = "it has no derivative";
    return {names_.whole(id), op.name, names_.name(input), reason, n, n};
  }

  // Why step `id` passed zero to elements of its input `place`.
  Cut lost(ValueId id, size_t place, int64_t zeros) const {
    const Step& s = tape_.step_of(id);
    const Op& op = *s.op;
    const auto ids = tape_.inputs(s);
    const int64_t all = element_count(tape_.value(ids[place]).type.shape);
    Cut cut{names_.whole(id), op.name, names_.name(ids[place]), "", all, zeros};
    std::vector<Tensor> in;
    for (ValueId i : ids) in.push_back(value(i));
    const std::vector<double> x = numbers(in[place]);
    const std::string of = zeros == all
                               ? share_text(all, all)
                               : std::to_string(zeros) + " of " + std::to_string(all) + " elements";
    if (op.kind == Kind::elementwise) {
      const Slope& slope = op.rule.slope[place];
      if (!slope.varies() && slope.constant == 0) {
        cut.reason = "its slope is 0 everywhere: it is made of flat steps";
        return cut;
      }
      if (slope.constant != 0) return {};  // passes what arrives; zeros came from above
      const std::vector<double> slopes = numbers(slope.at(in, value(id)));
      const int64_t flat = zeros_in(slopes);
      if (flat == 0) return {};
      cut.cut = flat;
      std::vector<double> there;
      for (size_t i = 0; i < slopes.size(); ++i)
        if (slopes[i] == 0) there.push_back(x[i]);
      const std::string share = share_text(flat, all);
      const size_t other = 1 - std::min<size_t>(place, 1);
      if (in.size() == 2 && slopes == numbers(in[other])) {
        cut.reason = "it multiplies by " + names_.name(ids[other]) + ", which is 0 for " + share;
        return cut;
      }
      cut.reason = "its slope is 0 for " + share +
                   columns_text(slopes, tape_.value(id).type.shape) + ": " +
                   names_.name(ids[place]) + " " + range_text(there) + " there";
      if (in.size() == 1) {
        if (!op.checks.kinks.empty())
          cut.reason += kinks_text(op);
        else
          cut.reason += flat_near(op, there, in[place].dtype())
                            ? ", so far out that it is saturated"
                            : ", where it is level";
      } else if (in.size() == 2) {
        std::vector<double> beside;
        const std::vector<double> b = numbers(in[other]);
        for (size_t i = 0; i < slopes.size(); ++i)
          if (slopes[i] == 0) beside.push_back(b[i]);
        cut.reason += " and " + names_.name(ids[other]) + " " + range_text(beside);
      }
      return cut;
    }
    // What moves numbers or adds them up passes on what arrives; what it leaves out gets nothing.
    if (op.pointwise && in.size() == 3 && in[0].dtype() == DType::boolean) {
      const std::vector<double> chosen = numbers(in[0]);
      const double wanted = place == 1 ? 1 : 0;
      const int64_t other = std::ranges::count_if(chosen, [&](double c) { return c != wanted; });
      if (other == 0) return {};
      cut.cut = other;
      cut.reason = "it takes the other branch for " + share_text(other, std::ssize(chosen)) +
                   ": the condition " + names_.name(ids[0]) + " is " +
                   (wanted == 1 ? "false" : "true") + " there";
      return cut;
    }
    // What a cotangent of ones does not reach gets nothing, whatever arrives.
    const bool bilinear = op.kind == Kind::bilinear;
    const size_t other = 1 - std::min<size_t>(place, 1);
    if (bilinear) in[other] = abs(in[other]);
    std::vector<Tensor> out, ones;
    for (uint16_t o = 0; o < s.outputs; ++o) {
      out.push_back(value(s.first_out + o));
      ones.push_back(ones_like(out.back()));
    }
    const Attrs& attrs = tape_.attrs(s);
    const Tensor pulled =
        op.rule.pull ? op.rule.pull({in, out, attrs, op}, ones, static_cast<int>(place)) : Tensor();
    cut.cut = pulled.is_absent() ? all : zeros_in(numbers(pulled));
    if (cut.cut == 0) return {};
    const std::string share = share_text(cut.cut, all);
    if (bilinear)
      cut.reason = "it multiplies " + share + " by zeros of " + names_.name(ids[other]);
    else if (op.kind == Kind::linear)
      cut.reason = "it leaves out " + share + " of " + names_.name(ids[place]) + " " +
                   to_string(in[place].type()) + ": its result is " +
                   to_string(tape_.value(id).type);
    else
      cut.reason = "its rule gives nothing to " + share + ": " + names_.name(ids[place]) + " " +
                   range_text(x) + ", and its result " + range_text(numbers(value(id)));
    return cut;
  }

  // ", columns 3, 7 of 16 wholly": places of the last axis where all slopes are 0.
  static std::string columns_text(const std::vector<double>& slopes, const Shape& shape) {
    if (shape.size() < 2) return "";
    const auto n = static_cast<size_t>(shape.back());
    std::vector<bool> alive(n);
    for (size_t i = 0; i < slopes.size(); ++i)
      if (slopes[i] != 0) alive[i % n] = true;
    std::vector<std::string> dead;
    for (size_t k = 0; k < n; ++k)
      if (!alive[k]) dead.push_back(std::to_string(k));
    if (dead.empty() || dead.size() == n) return "";
    constexpr size_t most = 12;
    const size_t count = dead.size();
    if (count > most) dead.resize(most);
    return ", column" + std::string(count > 1 ? "s " : " ") + text::join(dead, ", ") +
           (count > most ? ", ..." : "") + " of " + std::to_string(n) + " wholly";
  }

  static std::string kinks_text(const Op& op) {
    std::vector<std::string> places;
    for (double k : op.checks.kinks) places.push_back(text::number(k));
    return (places.size() == 1 ? ", and its kink is at " : ", and its kinks are at ") +
           text::join(places, " and ");
  }

  // Whether the op gives the same number a little beside these: saturated, not just level.
  static bool flat_near(const Op& op, const std::vector<double>& x, DType dtype) {
    std::vector<double> beside = x;
    for (double& v : beside) v *= 1.001;
    const auto apply_to = [&](const std::vector<double>& at) {
      const Tensor in[] = {cast(from_vector(at), dtype)};
      return numbers(apply(op, in));
    };
    return std::ranges::none_of(x, [](double v) { return v == 0; }) &&
           apply_to(x) == apply_to(beside);
  }

  Tape& tape_;
  const Sweep& sweep_;
  ValueId output_;
  std::vector<bool> needed_;
  NamedSteps names_;
};

}  // namespace

WhyZero why_zero(const Function& f, std::span<const Tensor> args,
                 std::span<const std::string> names, int wrt) {
  if (wrt < 0 || static_cast<size_t>(wrt) >= args.size())
    raise(ErrorKind::usage, "why_zero: argument " + std::to_string(wrt) + " of " +
                                std::to_string(args.size()) +
                                " does not exist. Arguments are counted from 0.");
  if (names.size() != args.size())
    raise(ErrorKind::usage, "why_zero: " + std::to_string(names.size()) + " names for " +
                                std::to_string(args.size()) + " arguments. Give one for each.");
  Tape tape("why_zero");
  std::vector<ValueId> inputs;
  std::vector<Tensor> handles;
  for (size_t i = 0; i < args.size(); ++i) {
    inputs.push_back(tape.input(literal_as(args[i], args[i].dtype()), names[i]));
    handles.push_back(tape.tensor(inputs.back()));
  }
  const Tensor y = f(handles);
  const ValueId output = tape.place(y), source = inputs[static_cast<size_t>(wrt)];
  if (y.rank() != 0)
    raise(ErrorKind::shape, "why_zero: the function returned " + to_string(y.type()) +
                                ", but a gradient is of one number, " + name_of(y.dtype()) +
                                "[]. Take mean(...) or sum(...) first.");
  WhyZero why;
  why.value = tape.detached(y);
  Sweep sweep;
  const ValueId sources[] = {source};
  const bool smooth = is_float(y.dtype()) && is_float(tape.value(source).type.dtype);
  if (smooth) {
    const ValueId seed = tape.alias(tape.place(ones_like(y)));
    const Tensor bar = pull_back(tape, sources, output, tape.tensor(seed), &sweep)[0];
    if (!bar.is_absent()) why.grad = tape.detached(bar);
  }
  if (sweep.bar.empty()) sweep.bar.assign(size_t{output} + 1, no_value);
  const Tensor& x = args[static_cast<size_t>(wrt)];
  if (why.grad.is_absent()) why.grad = zeros_like(x);
  const std::vector<double> g = numbers(why.grad);
  why.elements = std::ssize(g);
  why.zeros = zeros_in(g);
  if (x.rank() == 2) {
    const int64_t rows = x.shape()[0], columns = x.shape()[1];
    const auto at = [&](int64_t i, int64_t j) { return g[static_cast<size_t>(i * columns + j)]; };
    std::vector<bool> column_has(static_cast<size_t>(columns));
    for (int64_t i = 0; i < rows; ++i) {
      bool any = false;
      for (int64_t j = 0; j < columns; ++j)
        if (at(i, j) != 0) any = column_has[static_cast<size_t>(j)] = true;
      if (!any) why.zero_rows.push_back(i);
    }
    for (int64_t j = 0; j < columns; ++j)
      if (!column_has[static_cast<size_t>(j)]) why.zero_columns.push_back(j);
  }

  const Walk walk(tape, inputs.size(), output, sweep);
  const std::string& name = names[static_cast<size_t>(wrt)];
  const bool whole = why.zeros == why.elements;
  if (why.elements == 0) {
    why.reason = "it has no elements";
  } else if (why.zeros == 0) {
    why.reason = "it is not zero: every element is different from 0";
  } else if (!is_float(tape.value(source).type.dtype)) {
    why.reason = "'" + name + "' is " + to_string(tape.value(source).type) +
                 ", and whole numbers have no derivative";
  } else if (source != output && !walk.is_needed(source)) {
    const std::string reader = walk.last_reader(source);
    why.reason = reader.empty() ? "nothing reads '" + name + "'"
                                : "the result does not need '" + name + "': only " + reader +
                                      " reads it, and what that gives is not used";
  } else {
    why.cuts = walk.cuts(source, whole);
    const std::string cancel = whole ? walk.cancelling(source) : "";
    if (!why.cuts.empty())
      why.reason = why.cuts[0].op + (whole ? " lets nothing through: " : " cuts some: ") +
                   why.cuts[0].reason;
    else if (!cancel.empty())
      why.reason = "what arrives cancels: " + cancel;
    else
      why.reason = "products of small numbers became 0 on the way";
  }
  return why;
}

namespace {

std::string places_text(const std::vector<int64_t>& places, int64_t all, const char* noun) {
  constexpr size_t most = 12;
  std::string out = std::to_string(places.size()) + " of " + std::to_string(all) + " " + noun + ":";
  for (size_t i = 0; i < std::min(places.size(), most); ++i)
    out += (i > 0 ? ", " : " ") + std::to_string(places[i]);
  return out + (places.size() > most ? ", ..." : "");
}

}  // namespace

std::string to_text(const WhyZero& why, std::string_view name) {
  std::string out = "gradient   of '" + std::string(name) + "' " + to_string(why.grad.type()) +
                    ": " + std::to_string(why.zeros) + " of " + std::to_string(why.elements) +
                    (why.elements == 1 ? " element is 0\n" : " elements are 0\n");
  if (why.zeros > 0 && why.zeros < why.elements) {
    if (!why.zero_rows.empty())
      out +=
          "rows       all 0 in " + places_text(why.zero_rows, why.grad.shape()[0], "rows") + "\n";
    if (!why.zero_columns.empty())
      out += "columns    all 0 in " +
             places_text(why.zero_columns, why.grad.shape()[1], "columns") + "\n";
  }
  if (why.cuts.empty()) return out + "because    " + why.reason + "\n";
  constexpr size_t most = 12;
  for (size_t i = 0; i < std::min(why.cuts.size(), most); ++i)
    out += (i == 0 ? "because    " : "           ") + why.cuts[i].step + "\n             " +
           why.cuts[i].reason + "\n";
  if (why.cuts.size() > most)
    out += "           and " + std::to_string(why.cuts.size() - most) + " more steps\n";
  return out;
}

std::string to_json(const WhyZero& why) {
  const auto quoted = [](const std::string& s) { return text::quote_json(s); };
  const auto list = [](const std::vector<int64_t>& places) {
    std::string out = "[";
    for (int64_t p : places) out += (out.size() > 1 ? "," : "") + std::to_string(p);
    return out + "]";
  };
  std::string out = "{\"value\":" + to_json(why.value) +
                    ",\"elements\":" + std::to_string(why.elements) +
                    ",\"zeros\":" + std::to_string(why.zeros) +
                    ",\"reason\":" + quoted(why.reason) + ",\"zero_rows\":" + list(why.zero_rows) +
                    ",\"zero_columns\":" + list(why.zero_columns) + ",\"cuts\":[";
  for (size_t i = 0; i < why.cuts.size(); ++i) {
    const Cut& c = why.cuts[i];
    out += (i > 0 ? ",{" : "{") + std::string("\"step\":") + quoted(c.step) +
           ",\"op\":" + quoted(c.op) + ",\"input\":" + quoted(c.input) +
           ",\"reason\":" + quoted(c.reason) + ",\"elements\":" + std::to_string(c.elements) +
           ",\"cut\":" + std::to_string(c.cut) + "}";
  }
  return out + "]}";
}

}  // namespace gradus
