#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>

namespace gradus {
namespace {

using Tensors = std::span<const Tensor>;

// The op of a sealed value: its first input is the value, the others are what it came from. The
// value passes unchanged; cotangents and tangents go between it and the others by the rule.
struct CustomOp : Op {
  explicit CustomOp(CustomRule of);
  CustomRule custom;
};

const CustomRule& rule_of(const Op& op) {
  return static_cast<const CustomOp&>(op).custom;
}

Tensor or_zeros(const Tensor& x, const Tensor& like) {
  return x.is_absent() ? zeros_like(like) : x;
}

// The cotangents of `sources` from that of y, both on the open tape.
std::vector<Tensor> cotangents(std::span<const ValueId> sources, const Tensor& y,
                               const Tensor& y_bar) {
  Tape& tape = *Tape::open();
  return pull_back(tape, sources, tape.place(y), y_bar);
}

// A fresh zero to differentiate by. The rule is linear in it, so its value does not matter.
ValueId fresh_zero(const Tensor& like) {
  Tape& tape = *Tape::open();
  return tape.alias(tape.place(zeros_like(like)));
}

// The tangent by the user's forward rule.
Tensor pushed(const CustomRule& rule, Tensors x, const Tensor& y, Tensors x_dot) {
  if (!rule.push)
    raise(ErrorKind::usage,
          rule.name +
              ": the rule has neither pull nor push. Give one of them; it serves both modes.");
  const Tensor dot = rule.push(x, y, x_dot);
  if (!(dot.shape() == y.shape()))
    raise(ErrorKind::shape, rule.name + ": the result is " + to_string(y.type()) +
                                ", but the rule gave its tangent " + to_string(dot.type()) +
                                ". Both must have one shape.");
  return is_float(y.dtype()) ? cast(dot, y.dtype()) : dot;
}

std::vector<Tensor> pull(const CustomRule& rule, Tensors x, const Tensor& y, const Tensor& y_bar) {
  if (rule.pull) {
    std::vector<Tensor> bars = rule.pull(x, y, y_bar);
    if (bars.size() != x.size())
      raise(ErrorKind::shape, rule.name + ": the rule gave " + std::to_string(bars.size()) +
                                  " cotangents for " + std::to_string(x.size()) +
                                  " arguments. Give one for each.");
    for (size_t i = 0; i < x.size(); ++i)
      if (!bars[i].is_absent() && !(bars[i].shape() == x[i].shape()))
        raise(ErrorKind::shape, rule.name + ": argument " + std::to_string(i) + " is " +
                                    to_string(x[i].type()) + ", but the rule gave its cotangent " +
                                    to_string(bars[i].type()) + ". Both must have one shape.");
    for (size_t i = 0; i < x.size(); ++i)
      if (!bars[i].is_absent() && is_float(x[i].dtype())) bars[i] = cast(bars[i], x[i].dtype());
    return bars;
  }
  std::vector<ValueId> sources;
  std::vector<Tensor> dots;
  for (const Tensor& t : x) {
    sources.push_back(fresh_zero(t));
    dots.push_back(Tape::open()->tensor(sources.back()));
  }
  return cotangents(sources, pushed(rule, x, y, dots), y_bar);
}

Tensor push(const CustomRule& rule, Tensors x, const Tensor& y, Tensors x_dot) {
  std::vector<Tensor> dots;
  for (size_t i = 0; i < x.size(); ++i) dots.push_back(or_zeros(x_dot[i], x[i]));
  if (rule.push) return pushed(rule, x, y, dots);
  const ValueId source = fresh_zero(y);
  const std::vector<Tensor> bars = pull(rule, x, y, Tape::open()->tensor(source));
  Tensor total;
  for (size_t i = 0; i < bars.size(); ++i) {
    if (bars[i].is_absent() || !is_float(x[i].dtype())) continue;
    const Tensor part = sum(bars[i] * dots[i]);
    total = total.is_absent() ? part : total + part;
  }
  if (total.is_absent()) return zeros_like(y);
  return or_zeros(cotangents({{source}}, total, ones_like(total))[0], y);
}

// The rule of one example as that of a batch: `batched` says which arguments have its axis.
CustomRule batched_rule(const CustomRule& rule, std::vector<bool> batched) {
  CustomRule all{.name = rule.name};
  const auto axes = [batched](size_t times) {
    VmapAxes a;
    for (size_t k = 0; k < times; ++k)
      for (bool b : batched) a.in.push_back(b ? Axis(0) : unmapped);
    return a;
  };
  if (rule.pull)
    all.pull = [rule, batched, axes](Tensors x, const Tensor& y, const Tensor& y_bar) {
      VmapAxes a = axes(1);
      a.in.insert(a.in.end(), {0, 0});
      std::vector<Tensor> in(x.begin(), x.end());
      in.insert(in.end(), {y, y_bar});
      const size_t n = x.size();
      std::vector<Tensor> bars = vmap(
          [&rule, n](Tensors one) {
            std::vector<Tensor> given = pull(rule, one.first(n), one[n], one[n + 1]);
            for (size_t i = 0; i < n; ++i) given[i] = or_zeros(given[i], one[i]);
            return given;
          },
          in, a);
      for (size_t i = 0; i < n; ++i)
        if (!batched[i]) bars[i] = sum(bars[i], {.axis = 0});
      return bars;
    };
  if (rule.push)
    all.push = [rule, axes](Tensors x, const Tensor& y, Tensors x_dot) {
      VmapAxes a = axes(1);
      a.in.push_back(0);
      const VmapAxes again = axes(1);
      a.in.insert(a.in.end(), again.in.begin(), again.in.end());
      std::vector<Tensor> in(x.begin(), x.end());
      in.push_back(y);
      in.insert(in.end(), x_dot.begin(), x_dot.end());
      const size_t n = x.size();
      return vmap(
          [&rule, n](Tensors one) {
            return std::vector<Tensor>{push(rule, one.first(n), one[n], one.subspan(n + 1))};
          },
          in, a)[0];
    };
  return all;
}

Type own_type(const Op& op, std::span<const Type> in, const Attrs&, int) {
  return rule_of(op).type(in);
}

// The op is at hand by its address, in attrs.c.
void run_value(const Call& c) {
  const Unrecorded guard;
  const auto* op = reinterpret_cast<const CustomOp*>(static_cast<intptr_t>(c.attrs->c[0]));
  std::vector<Tensor> x;
  for (const View& v : c.in) x.push_back(from_bytes({v.dtype, v.shape}, bytes_of_view(v)));
  const Tensor y = op->custom.value(x);
  const View& out = c.out[0];
  if (!(y.type() == Type{out.dtype, out.shape}))
    raise(ErrorKind::shape, op->custom.name + ": the function gave " + to_string(y.type()) +
                                ", but its rule says " + to_string(Type{out.dtype, out.shape}) +
                                ".");
  copy(view_of(y), out);
}

Kernel value_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_value};
}

Type first_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

bool first_layout(const Type&, const Layout& in, const Attrs&, const Type&, Layout* out) {
  *out = in;
  return true;
}

// How many inputs stand before the arguments: the sealed value, or none.
size_t before(const Op& op) {
  return rule_of(op).type ? 0 : 1;
}

Tensor custom_pull(const Context& c, Tensors y_bar, int i) {
  const auto place = static_cast<size_t>(i), skip = before(c.op);
  if (place < skip) return {};
  return pull(rule_of(c.op), c.in.subspan(skip), c.out[0], y_bar[0])[place - skip];
}

Tensor custom_push(const Context& c, Tensors dots, int) {
  const size_t skip = before(c.op);
  return push(rule_of(c.op), c.in.subspan(skip), c.out[0], dots.subspan(skip));
}

// The value of x as a step with this rule. Steps of a recorded value y are behind a stop, so no
// derivative runs through them.
Tensor seal(CustomRule rule, const Tensor& y, Tensors x) {
  const auto op = std::make_shared<const CustomOp>(std::move(rule));
  Tape::open()->keep(op);
  Attrs attrs;
  std::vector<Tensor> in(x.begin(), x.end());
  if (op->custom.type)
    attrs.c = {reinterpret_cast<intptr_t>(op.get())};
  else
    in.insert(in.begin(), stop_gradient(y));
  return gradus::apply(*op, in, attrs);
}

std::vector<Tensor> custom_batch(const Op& op, const Batching& b) {
  const size_t skip = before(op);
  const std::vector<bool> batched(b.batched.begin() + static_cast<long>(skip), b.batched.end());
  CustomRule rule = batched_rule(rule_of(op), batched);
  if (skip == 1) return {seal(std::move(rule), with_batch_axis(b, 0), b.in.subspan(1))};
  const CustomRule& one = rule_of(op);
  if (!one.batched_value)
    raise(ErrorKind::unsupported,
          one.name +
              ": vmap needs to know how a whole batch is computed. Give the rule a "
              "batched_value.");
  rule.value = one.batched_value(batched);
  rule.type = [type = one.type, batched, size = b.size](std::span<const Type> in) {
    std::vector<Type> each(in.begin(), in.end());
    for (size_t i = 0; i < each.size(); ++i)
      if (batched[i]) each[i].shape.erase(0);
    Type result = type(each);
    result.shape.insert(0, size);
    return result;
  };
  return {seal(std::move(rule), {}, b.in)};
}

CustomOp::CustomOp(CustomRule of) : custom(std::move(of)) {
  name = custom.name.c_str();
  says = "a function with a derivative rule of its own";
  math = name;
  kind = Kind::custom;
  inputs = -1;
  if (custom.type) {
    type = own_type;
    kernel = value_kernel;
  } else {
    type = first_type;
    view = first_layout;
  }
  gradus::Rule both;
  both.pull = custom_pull;
  both.push = custom_push;
  this->rule = both;
  batch = custom_batch;
}

}  // namespace

Tensor apply_custom(const std::shared_ptr<const CustomRule>& rule, std::span<const Tensor> x) {
  if (!rule || !rule->value)
    raise(ErrorKind::usage, "custom: the rule has no function. Set its value.");
  const bool recorded = Tape::open() != nullptr &&
                        std::ranges::any_of(x, [](const Tensor& t) { return t.tape_value(); });
  if (rule->type) {
    if (recorded) return seal(*rule, {}, x);
    const Unrecorded guard;
    return rule->value(x);
  }
  const Tensor y = rule->value(x);
  return recorded ? seal(*rule, y, x) : y;
}

void check_custom(const CustomRule& rule, std::span<const Tensor> x) {
  const Tape* tape = Tape::open();
  std::vector<Tensor> args;
  for (const Tensor& t : x) {
    const Tensor plain = tape ? tape->detached(t) : t;
    if (plain.tape_value()) return;
    args.push_back(is_float(plain.dtype()) ? cast(plain, DType::f64) : plain);
  }
  const auto shared = std::make_shared<const CustomRule>(rule);
  const GradCheck check =
      check_grads([&](std::span<const Tensor> a) { return apply_custom(shared, a); }, args, 1);
  if (!check.passed)
    raise(ErrorKind::domain, rule.name + ": the rule does not fit the function. " + check.where +
                                 ". Check its signs and factors.");
}

}  // namespace gradus
