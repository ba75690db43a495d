#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace gradus {
namespace {

// bar times the slope; a zero bar stays zero whatever the slope is.
Tensor scaled(const Tensor& bar, const Slope& s, std::span<const Tensor> in, const Tensor& y) {
  if (s.constant == 1) return bar;
  if (s.constant == -1) return -bar;
  if (!s.varies()) return {};
  const Tensor slope = s.at(in, y);
  return s.wins ? zero_product(bar, slope) : strong_product(bar, slope);
}

Tensor total(const Tensor& a, const Tensor& b) {
  return a.is_absent() ? b : b.is_absent() ? a : a + b;
}

// The handles of one step's inputs and outputs. Copied first: rules append to the tape.
struct Ends {
  std::vector<Tensor> in, out;
  Ends(const Tape& tape, const Step& s) {
    for (ValueId id : tape.inputs(s)) in.push_back(tape.tensor(id));
    for (uint16_t o = 0; o < s.outputs; ++o) out.push_back(tape.tensor(s.first_out + o));
  }
};

// Derivatives run through bf16 numbers, which are stored between a cast and a product; their
// cotangents are f32.
constexpr bool is_smooth(DType t) {
  return is_float(t) || t == DType::bf16;
}

// The values a derivative runs through: sources, and later values that depend on one, on a way to
// the output along steps that have a derivative.
class Between {
 public:
  Between(const Tape& tape, std::span<const ValueId> sources, ValueId output)
      : first_(*std::ranges::min_element(sources)) {
    if (output < first_) return;
    const ValueId last = *std::ranges::max_element(sources);
    marks_.resize(output - first_ + 1);
    for (ValueId s : sources)
      if (s <= output && is_smooth(tape.value(s).type.dtype)) marks_[s - first_] = reached;
    for (ValueId id = last + 1; id <= output; ++id) {
      const Step& s = tape.step_of(id);
      if (s.op->kind == Kind::fixed || !is_smooth(tape.value(id).type.dtype)) continue;
      for (ValueId in : tape.inputs(s))
        if (in >= first_ && marks_[in - first_] != 0) marks_[id - first_] = reached;
    }
    if (marks_[output - first_] != 0) marks_[output - first_] = between;
    for (ValueId id = output; id > last; --id)
      if (marks_[id - first_] == between)
        for (ValueId in : tape.inputs(tape.step_of(id)))
          if (in >= first_ && marks_[in - first_] == reached) marks_[in - first_] = between;
  }
  ValueId first() const { return first_; }
  size_t size() const { return marks_.size(); }
  bool has(ValueId id) const {
    return id >= first_ && id - first_ < marks_.size() && marks_[id - first_] == between;
  }

 private:
  static constexpr uint8_t reached = 1, between = 2;
  ValueId first_;
  std::vector<uint8_t> marks_;
};

Tensor pull_input(const Op& op, const Context& c, std::span<const Tensor> bars, int i) {
  if (op.kind == Kind::elementwise) return scaled(bars[0], op.rule.slope[i], c.in, c.out[0]);
  return op.rule.pull ? op.rule.pull(c, bars, i) : Tensor();
}

Tensor push_output(const Op& op, const Context& c, std::span<const Tensor> dots, int o) {
  Tensor result;
  switch (op.kind) {
    case Kind::elementwise:
      for (size_t i = 0; i < dots.size(); ++i)
        if (!dots[i].is_absent())
          result = total(result, scaled(dots[i], op.rule.slope[i], c.in, c.out[0]));
      return result;
    case Kind::linear: {
      std::vector<Tensor> in(c.in.begin(), c.in.end());
      for (size_t i = 0; i < in.size(); ++i)
        if (is_smooth(in[i].dtype())) in[i] = dots[i].is_absent() ? zeros_like(in[i]) : dots[i];
      return apply(op, in, c.attrs);
    }
    case Kind::bilinear:
      for (size_t i = 0; i < dots.size(); ++i) {
        if (dots[i].is_absent()) continue;
        std::vector<Tensor> in(c.in.begin(), c.in.end());
        in[i] = dots[i];
        result = total(result, apply(op, in, c.attrs));
      }
      return result;
    case Kind::custom:
      return op.rule.push(c, dots, o);
    case Kind::fixed:
    case Kind::source:
      break;
  }
  return result;
}

void require_one_number(const char* name, const Tensor& y) {
  if (y.rank() != 0)
    raise(ErrorKind::shape, std::string(name) + ": the function returned " + to_string(y.type()) +
                                ", but " + name + " differentiates one number, " +
                                name_of(y.dtype()) +
                                "[]. Take mean(...) or sum(...) first, or ask for jacobian(...).");
  if (!is_float(y.dtype()))
    raise(ErrorKind::dtype, std::string(name) + ": the function returned " + to_string(y.type()) +
                                ", which has no derivative. It must return f32 or f64.");
}

// The argument `place`, which must exist and have derivatives.
const Tensor& float_argument(const char* name, std::span<const Tensor> args, int place) {
  if (place < 0 || static_cast<size_t>(place) >= args.size())
    raise(ErrorKind::usage, std::string(name) + ": argument " + std::to_string(place) + " of " +
                                std::to_string(args.size()) +
                                " does not exist. Arguments are counted from 0.");
  const Tensor& x = args[static_cast<size_t>(place)];
  if (!is_float(x.dtype()))
    raise(ErrorKind::dtype, std::string(name) + ": argument " + std::to_string(place) + " is " +
                                to_string(x.type()) +
                                ". Only f32 and f64 have derivatives. Cast it to f64 first.");
  return x;
}

// Tangents of the arguments, placed before their aliases, so that no derivative runs through them.
std::vector<Tensor> directions(const char* name, std::span<const Tensor> args,
                               std::span<const Tensor> dots) {
  if (dots.size() != args.size())
    raise(ErrorKind::shape, std::string(name) + ": " + std::to_string(dots.size()) +
                                " tangents for " + std::to_string(args.size()) +
                                " arguments. Give one for each.");
  std::vector<Tensor> result;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!dots[i].is_absent() && !(dots[i].shape() == args[i].shape()))
      raise(ErrorKind::shape, std::string(name) + ": argument " + std::to_string(i) + " is " +
                                  to_string(args[i].type()) + ", but its tangent is " +
                                  to_string(dots[i].type()) + ". Both must have one shape.");
    result.push_back(dots[i].is_absent() ? dots[i] : constant(cast(dots[i], args[i].dtype())));
  }
  return result;
}

// One unit vector after the other: (n, type...), n the number of elements.
Tensor units(const Type& type) {
  Shape shape = type.shape;
  const int64_t n = element_count(shape);
  shape.insert(0, n);
  return reshape(eye(n, type.dtype), shape);
}

}  // namespace

std::vector<Tensor> pull_back(Tape& tape, std::span<const ValueId> sources, ValueId output,
                              const Tensor& output_bar, Sweep* sweep) {
  if (sources.empty()) return {};
  const Between between(tape, sources, output);
  const ValueId first = between.first();
  std::vector<Tensor> bars(between.size());
  if (between.has(output)) bars[output - first] = output_bar;
  if (sweep) sweep->bar.assign(output + 1, no_value);

  const ValueId last = *std::ranges::max_element(sources);
  for (ValueId top = output; top > last; --top) {
    const Step s = tape.step_of(top);
    const ValueId end = s.first_out + s.outputs;
    // A step is handled with the last of its outputs.
    if (end - 1 != top && top != output) continue;
    bool any = false;
    std::vector<Tensor> out_bars;
    for (ValueId id = s.first_out; id < end; ++id) {
      out_bars.push_back(id <= output && between.has(id) ? bars[id - first] : Tensor());
      any |= !out_bars.back().is_absent();
    }
    if (!any) continue;
    const Ends ends(tape, s);
    const Attrs attrs = tape.attrs(s);
    const Context context{ends.in, ends.out, attrs, *s.op};
    const std::vector<ValueId> in(tape.inputs(s).begin(), tape.inputs(s).end());
    for (size_t i = 0; i < in.size(); ++i) {
      if (!between.has(in[i])) continue;
      const Tensor part = pull_input(*s.op, context, out_bars, static_cast<int>(i));
      if (part.is_absent()) continue;
      if (sweep) sweep->contributions.push_back({in[i], top, tape.place(part)});
      bars[in[i] - first] = total(bars[in[i] - first], part);
    }
  }
  if (sweep)
    for (ValueId id = first; id <= output; ++id)
      if (!bars[id - first].is_absent()) sweep->bar[id] = tape.place(bars[id - first]);
  std::vector<Tensor> result;
  for (ValueId s : sources) result.push_back(s <= output ? bars[s - first] : Tensor());
  return result;
}

Tensor push_forward(Tape& tape, std::span<const ValueId> sources, std::span<const Tensor> tangents,
                    ValueId output) {
  if (sources.empty()) return {};
  const Between between(tape, sources, output);
  if (!between.has(output)) return {};
  const ValueId first = between.first();
  std::vector<Tensor> dots(between.size());
  for (size_t i = 0; i < sources.size(); ++i)
    if (between.has(sources[i])) dots[sources[i] - first] = tangents[i];

  for (ValueId id = *std::ranges::max_element(sources) + 1; id <= output; ++id) {
    if (!between.has(id)) continue;
    const Step s = tape.step_of(id);
    const Ends ends(tape, s);
    std::vector<Tensor> in_dots;
    bool any = false;
    for (ValueId in : tape.inputs(s)) {
      in_dots.push_back(between.has(in) ? dots[in - first] : Tensor());
      any |= !in_dots.back().is_absent();
    }
    if (!any) continue;
    const Attrs attrs = tape.attrs(s);
    dots[id - first] = push_output(*s.op, {ends.in, ends.out, attrs, *s.op}, in_dots,
                                   static_cast<int>(id - s.first_out));
  }
  return dots[output - first];
}

ValueAndGrads value_and_grads(const Function& f, std::span<const Tensor> args,
                              std::span<const int> wrt, const char* name) {
  for (int w : wrt) float_argument(name, args, w);
  Recorder recorder(name);
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = f(recorder.handles(ids));
  require_one_number(name, y);
  std::vector<Tensor> bars(ids.size());
  if (y.tape_value())
    bars = pull_back(recorder.tape(), ids, recorder.tape().place(y), ones_like(y));
  ValueAndGrads result{recorder.give_back(y), {}};
  for (int w : wrt) {
    const auto place = static_cast<size_t>(w);
    result.grads.push_back(
        recorder.give_back(bars[place].is_absent() ? zeros_like(args[place]) : bars[place]));
  }
  return result;
}

ValueAndGrads vjp(const Function& f, std::span<const Tensor> args, const Tensor& bar) {
  Recorder recorder("vjp");
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = f(recorder.handles(ids));
  if (!(bar.shape() == y.shape()))
    raise(ErrorKind::shape, "vjp: the function returned " + to_string(y.type()) +
                                ", but the cotangent is " + to_string(bar.type()) +
                                ". Both must have one shape.");
  std::vector<Tensor> bars(ids.size());
  if (y.tape_value())
    bars = pull_back(recorder.tape(), ids, recorder.tape().place(y), cast(bar, y.dtype()));
  ValueAndGrads result{recorder.give_back(y), {}};
  for (size_t i = 0; i < args.size(); ++i)
    result.grads.push_back(recorder.give_back(bars[i].is_absent() ? zeros_like(args[i]) : bars[i]));
  return result;
}

Primal jvp(const Function& f, std::span<const Tensor> args, std::span<const Tensor> dots) {
  Recorder recorder("jvp");
  const std::vector<Tensor> tangents = directions("jvp", args, dots);
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = f(recorder.handles(ids));
  Tensor dot;
  if (y.tape_value()) dot = push_forward(recorder.tape(), ids, tangents, recorder.tape().place(y));
  if (dot.is_absent()) dot = zeros_like(y);
  return {recorder.give_back(y), recorder.give_back(dot)};
}

Tensor jacobian(const Function& f, std::span<const Tensor> args, int wrt, JacobianOptions options) {
  const Type x_type = float_argument("jacobian", args, wrt).type();
  const auto place = static_cast<size_t>(wrt);
  Recorder recorder("jacobian");
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = f(recorder.handles(ids));
  Shape shape = y.shape();
  for (int64_t d : x_type.shape) shape.push_back(d);
  const ValueId output = recorder.tape().place(y);
  if (y.size() == 0 || element_count(x_type.shape) == 0)
    return recorder.give_back(zeros(shape, y.dtype()));
  const bool reverse = options.mode == Mode::reverse ||
                       (options.mode == Mode::automatic && y.size() <= element_count(x_type.shape));
  // One sweep for all unit vectors at once.
  const Tensor all[] = {units(reverse ? y.type() : x_type)};
  const ManyFunction sweep = [&](std::span<const Tensor> unit) -> std::vector<Tensor> {
    Tensor d;
    if (reverse) {
      d = pull_back(recorder.tape(), ids, output, unit[0])[place];
      return {d.is_absent() ? zeros(x_type.shape, x_type.dtype) : d};
    }
    std::vector<Tensor> dots(args.size());
    dots[place] = unit[0];
    d = push_forward(recorder.tape(), ids, dots, output);
    return {d.is_absent() ? zeros_like(y) : d};
  };
  const Tensor table = vmap(sweep, all, {.out = {reverse ? 0 : -1}}, recorder.owns())[0];
  return recorder.give_back(
      cast(reshape(table, shape), is_float(y.dtype()) ? y.dtype() : x_type.dtype));
}

Tensor hessian(const Function& f, std::span<const Tensor> args, int wrt) {
  const int places[] = {wrt};
  return jacobian(
      [&](std::span<const Tensor> a) { return value_and_grads(f, a, places, "hessian").grads[0]; },
      args, wrt, {.mode = Mode::forward});
}

Tensor hvp(const Function& f, std::span<const Tensor> args, const Tensor& v, int wrt) {
  float_argument("hvp", args, wrt);
  const int places[] = {wrt};
  std::vector<Tensor> dots(args.size());
  dots[static_cast<size_t>(wrt)] = v;
  return jvp(
             [&](std::span<const Tensor> a) {
               return value_and_grads(f, a, places, "hvp").grads[0];
             },
             args, dots)
      .derivative;
}

std::vector<Tensor> hvp(const Function& f, std::span<const Tensor> args,
                        std::span<const Tensor> v) {
  std::vector<int> wrt;
  for (size_t i = 0; i < args.size(); ++i) {
    wrt.push_back(static_cast<int>(i));
    float_argument("hvp", args, wrt.back());
  }
  Recorder recorder("hvp");
  const std::vector<Tensor> dots = directions("hvp", args, v);
  const std::vector<ValueId> ids = recorder.aliases(args);
  const std::vector<Tensor> gradients = value_and_grads(f, recorder.handles(ids), wrt, "hvp").grads;
  std::vector<Tensor> result;
  for (size_t i = 0; i < args.size(); ++i) {
    const Tensor d = push_forward(recorder.tape(), ids, dots, recorder.tape().place(gradients[i]));
    result.push_back(recorder.give_back(d.is_absent() ? zeros_like(args[i]) : d));
  }
  return result;
}

namespace {

// J^T middle(J v) of the model at args.
std::vector<Tensor> squeezed(
    const char* name, const Function& model, std::span<const Tensor> args,
    std::span<const Tensor> v,
    const std::function<Tensor(const Tensor& y, const Tensor& y_dot)>& middle) {
  for (size_t i = 0; i < args.size(); ++i) float_argument(name, args, static_cast<int>(i));
  Recorder recorder(name);
  const std::vector<Tensor> dots = directions(name, args, v);
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = model(recorder.handles(ids));
  const ValueId output = recorder.tape().place(y);
  const Tensor y_dot = push_forward(recorder.tape(), ids, dots, output);
  std::vector<Tensor> result(args.size());
  if (!y_dot.is_absent()) result = pull_back(recorder.tape(), ids, output, middle(y, y_dot));
  for (size_t i = 0; i < args.size(); ++i)
    result[i] = recorder.give_back(result[i].is_absent() ? zeros_like(args[i]) : result[i]);
  return result;
}

}  // namespace

std::vector<Tensor> gauss_newton_product(const Function& model, const Function& loss,
                                         std::span<const Tensor> args, std::span<const Tensor> v) {
  return squeezed("gauss_newton_product", model, args, v,
                  [&](const Tensor& y, const Tensor& y_dot) {
                    const Tensor at[] = {y};
                    return hvp(loss, at, y_dot);
                  });
}

std::vector<Tensor> fisher_product(const Function& log_probs, std::span<const Tensor> args,
                                   std::span<const Tensor> v) {
  return squeezed("fisher_product", log_probs, args, v, [](const Tensor& y, const Tensor& y_dot) {
    return y_dot / static_cast<double>(y.size());
  });
}

Tensor nth_derivative(const Function& f, const Tensor& x, int n) {
  if (n < 0)
    raise(ErrorKind::domain,
          "derivative: order " + std::to_string(n) + " does not exist. The order is 0 or more.");
  const Tensor args[] = {x};
  if (n == 0) return f(args);
  const int first[] = {0};
  return value_and_grads([&](std::span<const Tensor> a) { return nth_derivative(f, a[0], n - 1); },
                         args, first, "derivative")
      .grads[0];
}

namespace {

// eps^(1/3), which balances truncation against rounding where x is about 1.
constexpr double step = 6e-6;

// The central difference of sum(weight * f) along a direction.
double along(const Function& f, std::span<const Tensor> args, std::span<const Tensor> dots,
             const Tensor& weight) {
  std::vector<Tensor> up, down;
  for (size_t i = 0; i < args.size(); ++i) {
    up.push_back(dots[i].is_absent() ? args[i] : args[i] + step * dots[i]);
    down.push_back(dots[i].is_absent() ? args[i] : args[i] - step * dots[i]);
  }
  return number(sum(weight * (f(up) - f(down)))) / (2 * step);
}

}  // namespace

GradCheck check_grads(const Function& f, std::span<const Tensor> args, int order, double tolerance,
                      uint64_t seed) {
  GradCheck result;
  Key key = key_from_seed(seed);
  const auto draw = [&](const Type& type) {
    std::vector<double> z(static_cast<size_t>(element_count(type.shape)));
    key = split(key, 1);
    fill_normal(key, 0, std::span<double>(z));
    return from_vector(z, type.shape);
  };
  std::vector<Tensor> dots;
  for (const Tensor& x : args) dots.push_back(x.dtype() == DType::f64 ? draw(x.type()) : Tensor());
  const Primal forward = jvp(f, args, dots);
  const Tensor weight = draw(forward.value.type());
  const double difference = along(f, args, dots, weight);
  const auto compare = [&](double got, const std::string& what) {
    const double error = std::fabs(got - difference) / (1 + std::fabs(difference));
    if (!(error <= result.worst)) {
      result.worst = error;
      result.where = what + ": " + text::significant(got, 9) + " against the difference " +
                     text::significant(difference, 9);
    }
    result.passed &= error <= tolerance;
  };
  compare(number(sum(weight * forward.derivative)), "forward mode, order 1");
  const ValueAndGrads back = vjp(f, args, weight);
  double reverse = 0;
  for (size_t i = 0; i < args.size(); ++i)
    if (!dots[i].is_absent()) reverse += number(sum(back.grads[i] * dots[i]));
  compare(reverse, "reverse mode, order 1");
  if (order > 1 && result.passed) {
    // One number whose gradient holds every second derivative along the drawn direction.
    const Function next = [&](std::span<const Tensor> a) {
      return sum(weight * jvp(f, a, dots).derivative);
    };
    GradCheck deeper = check_grads(next, args, order - 1, tolerance, seed + 1);
    if (deeper.worst > result.worst || !deeper.passed) {
      result = deeper;
      result.where = "derivative of " + deeper.where;
    }
  }
  return result;
}

}  // namespace gradus
