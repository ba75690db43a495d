// A plan of a random program gives the interpreter's bits, run after run, with one thread and with
// two, and allocates nothing. Programs are 5 to 60 instructions over several tensors, with
// derivatives and batches of parts of themselves inside. 300 programs a run;
// RC_PARAMS="max_success=100000 seed=1" runs more. A failure prints the smallest program line by
// line.
#ifdef GRADUS_HAS_RAPIDCHECK
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/recompute.h>
#include <gtest/gtest.h>
#include <plan/allocations.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <optional>

namespace gradus {
namespace {

// Many choices out of one number: splitmix64 (Steele, Lea and Flood 2014).
class Choices {
 public:
  explicit Choices(uint64_t seed) : state_(seed) {}
  uint64_t word() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(word() % static_cast<uint64_t>(n)); }
  bool once_in(int64_t n) { return below(n) == 0; }
  template <class T, size_t n>
  const T& of(const T (&all)[n]) {
    return all[below(n)];
  }

 private:
  uint64_t state_;
};

bool is_real(const Tensor& x) {
  return is_float(x.dtype());
}
bool is_number(const Tensor& x) {
  return is_float(x.dtype()) || is_integer(x.dtype());
}
bool is_whole(const Tensor& x) {
  return is_integer(x.dtype());
}
bool is_mask(const Tensor& x) {
  return x.dtype() == DType::boolean;
}
bool is_anything(const Tensor&) {
  return true;
}

std::optional<Shape> joined(const Shape& a, const Shape& b) {
  Shape shape = a.size() > b.size() ? a : b;
  for (int i = 1; i <= shape.size(); ++i) {
    const int64_t x = i > a.size() ? 1 : a[a.size() - i], y = i > b.size() ? 1 : b[b.size() - i];
    if (x != y && x != 1 && y != 1) return {};
    shape[shape.size() - i] = x == 1 ? y : x;
  }
  return shape;
}

// The values of a program so far, and the words that are still to run.
struct Machine {
  std::vector<Tensor> values;
  std::vector<std::string> names;
  std::span<const uint32_t> words;
  int64_t most;                 // elements of a value
  int order = 2, maps = 2;      // derivatives and batches that may still open inside
  int most_rank = 4;            // so that batches find room in front
  std::string prefix = "v";     // of names
  bool* derives = nullptr;      // set where a derivative is taken
  std::string* text = nullptr;  // the program, line by line
  std::string line;             // operands and details of the instruction that runs

  bool fits(const Shape& shape) const {
    return shape.size() <= most_rank && element_count(shape) <= most;
  }

  void add(const Tensor& x, std::string_view name) {
    names.push_back(prefix + std::to_string(values.size()));
    values.push_back(x);
    if (text != nullptr)
      *text += "  " + names.back() + " = " + std::string(name) + line + ": " +
               gradus::to_string(x.type()) + "\n";
  }
  void say(const std::string& detail) { line += " " + detail; }

  // A value that will do, mostly a recent one; absent when there is none.
  template <class WillDo>
  Tensor pick(Choices& c, const WillDo& will_do) {
    const int64_t n = std::ssize(values);
    const int64_t from = c.below(c.once_in(3) ? n : std::min<int64_t>(n, 3));
    for (int64_t k = 0; k < n; ++k) {
      const auto at = static_cast<size_t>(n - 1 - (from + k) % n);
      if (!will_do(values[at])) continue;
      say(names[at]);
      return values[at];
    }
    return {};
  }

  void run();
};

// An operand of x: the same kind of number, of a shape that joins with x's.
Tensor partner(Machine& m, Choices& c, const Tensor& x) {
  const int64_t kind = c.below(10);
  if (kind == 0) {
    const double real[] = {0.5, 1, 0, -0.0, -1, 2, 0.1};
    const int64_t i = c.below(std::ssize(real));
    m.say(std::to_string(real[i]));
    return is_real(x) ? Tensor(real[i]) : Tensor(static_cast<int64_t>(2 * real[i]));
  }
  if (kind <= 2 && x.rank() > 0 && x.size() > 0) {
    const int64_t axis = c.below(x.rank()), at = c.below(x.shape()[static_cast<int>(axis)]);
    m.say("its slice " + std::to_string(at) + " of axis " + std::to_string(axis));
    return slice_axis(x, axis, {at, at + 1});
  }
  if (kind == 3 && x.rank() > 0) {
    const int64_t axis = c.below(x.rank());
    m.say("its sum along " + std::to_string(axis));
    return sum(x, {.axis = axis, .keepdims = true});
  }
  const Tensor y = m.pick(c, [&](const Tensor& other) {
    const auto shape = joined(x.shape(), other.shape());
    return is_real(other) == is_real(x) && is_number(other) && shape && m.fits(*shape);
  });
  return y.is_absent() ? x : y;
}

// x brought, mostly, to where the op's derivatives are checked, so that results stay finite.
Tensor tamed(Machine& m, Choices& c, const Op& op, const Tensor& x) {
  const double low = op.checks.low, high = op.checks.high;
  if (c.once_in(5) || !is_real(x)) return x;
  if (low <= -4 && high >= 4) return c.once_in(3) ? tanh(x) : x;
  m.say("tamed");
  return low + (high - low) * sigmoid(x);
}

// Often held by tanh, or numbers would grow until all are infinite.
Tensor held(Machine& m, Choices& c, const Tensor& y) {
  if (!is_real(y) || c.once_in(3)) return y;
  m.say("held");
  return c.once_in(2) ? tanh(y) : y * 0.1;
}

#define OP(n) &op::n,
const Op* const unary[] = {GRADUS_UNARY_WORDS(OP)};
const Op* const binary[] = {GRADUS_BINARY_WORDS(OP)};
const Op* const compare[] = {GRADUS_COMPARE_WORDS(OP)};
const Op* const logic[] = {GRADUS_LOGIC_WORDS(OP)};
const Op* const predicates[] = {GRADUS_PREDICATE_WORDS(OP)};
#undef OP

Tensor one_unary(Machine& m, Choices& c, const Tensor& x) {
  const Op* op = c.of(unary);
  while (is_whole(x) && !op->integers) op = c.of(unary);
  m.say(op->name);
  const Tensor y = apply(*op, {tamed(m, c, *op, x)});
  return op->checks.high >= 4 ? held(m, c, y) : y;
}

Tensor one_binary(Machine& m, Choices& c, const Tensor& x) {
  const Op* op = c.of(binary);
  while (is_whole(x) && !op->integers) op = c.of(binary);
  m.say(op->name);
  Tensor a = x, b = partner(m, c, x);
  if (op == &op::polygamma) a = Tensor(static_cast<double>(1 + c.below(3)));
  if (op == &op::pow && is_real(x)) a = 1.5 + 0.5 * tanh(x);
  const bool swapped = op->checks.low <= -4 && c.once_in(2);
  if (swapped) std::swap(a, b);
  align(*op, a, b);
  return held(m, c, apply(*op, {a, b}));
}

Tensor mask_like(Machine& m, Choices& c, const Tensor& x) {
  if (c.once_in(3)) {
    const Tensor mask = m.pick(c, [&](const Tensor& y) {
      const auto shape = joined(x.shape(), y.shape());
      return is_mask(y) && shape && m.fits(*shape);
    });
    if (!mask.is_absent()) return mask;
  }
  const Op& op = *c.of(compare);
  m.say(op.name);
  Tensor a = x, b = partner(m, c, x);
  align(op, a, b);
  return apply(op, {a, b});
}

Reduce some_axes(Machine& m, Choices& c, const Tensor& x) {
  Reduce over;
  over.keepdims = c.once_in(2);
  if (!c.once_in(3)) {
    Dims axes;
    for (int i = 0; i < x.rank(); ++i)
      if (c.once_in(2)) axes.push_back(c.once_in(4) ? i - x.rank() : i);
    if (axes.empty() && x.rank() > 0) axes.push_back(c.below(x.rank()));
    over.axis = axes;
  }
  m.say("over " + (over.axis.list ? gradus::to_string(*over.axis.list) : "all") +
        (over.keepdims ? " keepdims" : ""));
  return over;
}

int64_t reduced_size(const Tensor& x, const Reduce& over) {
  if (!over.axis.list) return x.size();
  int64_t n = 1;
  for (int64_t axis : *over.axis.list)
    n *= x.shape()[static_cast<int>(axis < 0 ? axis + x.rank() : axis)];
  return n;
}

Tensor one_reduction(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_number);
  if (x.is_absent()) return {};
  const Reduce over = some_axes(m, c, x);
  const bool some = reduced_size(x, over) > 0;
  const auto says = [&](const char* name) { m.say(name); };
  switch (c.below(is_real(x) ? 16 : 8)) {
    case 0:
      says("prod");
      return held(m, c, prod(x, over));
    case 1:
      if (!some) return {};
      says("max");
      return max(x, over);
    case 2:
      if (!some) return {};
      says("min");
      return min(x, over);
    case 3: {
      const int64_t axis = x.rank() == 0 ? 0 : c.below(x.rank());
      if (x.size() == 0) return {};
      says("argmax");
      return x.rank() == 0 || c.once_in(3) ? argmax(x, {}, over.keepdims)
                                           : argmax(x, axis, over.keepdims);
    }
    case 4:
      if (!some) return {};
      says("argmin of all");
      return x.size() == 0 ? Tensor() : argmin(x, {}, over.keepdims);
    case 5:
      says("any");
      return any(x, over);
    case 6:
      says("all");
      return all(x, over);
    case 7:
    case 8:
    case 9:
      says("sum");
      return held(m, c, sum(x, over));
    case 10:
      says("mean");
      return mean(x, over);
    case 11:
      says("var");
      return held(m, c, var(x, over, c.below(2)));
    case 12:
      says("std_dev");
      return std_dev(x, over);
    case 13:
      says("logsumexp");
      return logsumexp(x, over);
    case 14:
      says("norm");
      return norm(x, over);
    default:
      if (!some) return {};
      says("norm_p");
      return norm_p(x, c.once_in(2) ? 3 : std::numeric_limits<double>::infinity(), over);
  }
}

bool has_rows(const Tensor& x) {
  return is_real(x) && x.rank() > 0 && x.shape().back() > 0;
}

// A row or a column joined with all rows or columns: what layers are made of.
Tensor one_normalisation(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, has_rows);
  if (x.is_absent()) return {};
  const int64_t axis = c.once_in(3) ? c.below(x.rank()) : -1;
  const int at = static_cast<int>(axis < 0 ? axis + x.rank() : axis);
  const Reduce over{.axis = axis, .keepdims = true};
  if (x.shape()[at] == 0) return {};
  m.say("axis " + std::to_string(axis));
  switch (c.below(13)) {
    case 0:
      m.say("softmax");
      return softmax(x, axis);
    case 1:
      m.say("log_softmax");
      return log_softmax(x, axis);
    case 2:
      m.say("standardise");
      return (x - mean(x, over)) / sqrt(var(x, over) + 1e-5);
    case 3: {
      m.say("layer norm, scale and shift");
      const Tensor y = (x - mean(x, over)) / sqrt(var(x, over) + 1e-5) * partner(m, c, x);
      return y + partner(m, c, y);
    }
    case 4:
      m.say("unit norm");
      return x / (norm(x, over) + 0.1);
    case 5:
      m.say("rms");
      return x * rsqrt(mean(square(x), over) + 1e-6);
    case 6:
      m.say("share");
      return x / (sum(abs(x), over) + 1.0);
    case 7:
      m.say("below the largest");
      return x.size() == 0 ? Tensor() : exp(x - max(x, over));
    case 8:
      m.say("cumsum");
      return held(m, c, cumsum(x, axis));
    case 9:
      m.say("cumprod");
      return held(m, c, cumprod(x, axis));
    case 10:
      m.say("scan");
      return held(m, c, scan(0.9 * sigmoid(x), x, axis));
    case 11:
      m.say("layer norm");
      return layer_norm(x, axis);
    default:
      m.say("centre of both");
      return x - mean(x, over) - mean(x);
  }
}

std::optional<Shape> product_shape(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty()) return {};
  const int64_t k = a.back(), k_b = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (k != k_b) return {};
  Shape lead_a = a, lead_b = b;
  lead_a.erase(lead_a.size() - 1);
  lead_b.erase(lead_b.size() - 1);
  if (a.size() > 1) lead_a.erase(lead_a.size() - 1);
  if (b.size() > 1) lead_b.erase(lead_b.size() - 1);
  std::optional<Shape> shape = joined(lead_a, lead_b);
  if (!shape) return {};
  if (a.size() > 1) shape->push_back(a[a.size() - 2]);
  if (b.size() > 1) shape->push_back(b.back());
  return shape;
}

bool may_multiply(const Machine& m, const Tensor& a, const Tensor& b) {
  const auto shape = product_shape(a.shape(), b.shape());
  return shape && m.fits(*shape) && element_count(*shape) * a.shape().back() <= 40 * m.most;
}

// The same numbers seen from elsewhere, under the same shape.
Tensor seen_otherwise(Machine& m, Choices& c, const Tensor& x) {
  if (x.rank() == 0) return x;
  const int64_t axis = c.below(x.rank());
  switch (c.below(8)) {
    case 0:
      m.say("flipped");
      return flip(x, {axis});
    case 1:
      m.say("padded and sliced");
      return slice_axis(concatenate({x, x}, axis), axis, {0, x.shape()[static_cast<int>(axis)]});
    case 2:
      m.say("every second of twice");
      return slice_axis(concatenate({x, x}, axis), axis, {0, slice_end, 2});
    default:
      return x;
  }
}

Tensor one_product(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, [](const Tensor& v) { return is_real(v) && v.rank() > 0; });
  if (x.is_absent()) return {};
  Tensor a, b;
  const Tensor y = m.pick(c, [&](const Tensor& v) {
    if (!is_real(v)) return false;
    const Tensor x_t = x.rank() > 1 ? transpose(x) : x, v_t = v.rank() > 1 ? transpose(v) : v;
    const Tensor lefts[] = {x, x_t, v, v_t}, rights[] = {v, v_t, x, x_t};
    const int64_t from = c.below(8);
    for (int64_t k = 0; k < 8; ++k) {
      const int64_t i = (from + k) % 8;
      const Tensor& l = lefts[i / 2];
      const Tensor& r = rights[i / 4 * 2 + i % 2];
      if (!may_multiply(m, l, r)) continue;
      a = l, b = r;
      return true;
    }
    return false;
  });
  if (y.is_absent()) return {};
  m.say(gradus::to_string(a.shape()) + " x " + gradus::to_string(b.shape()));
  return held(m, c, matmul(seen_otherwise(m, c, a), seen_otherwise(m, c, b)));
}

Tensor activated(Machine& m, Choices& c, const Tensor& x) {
  switch (c.below(8)) {
    case 0:
      m.say("tanh");
      return tanh(x);
    case 1:
      m.say("relu");
      return relu(x);
    case 2:
      m.say("gelu");
      return gelu(x);
    case 3:
      m.say("silu");
      return silu(x);
    case 4:
      m.say("leaky");
      return where(x > 0.0, x, 0.01 * x);
    case 5:
      m.say("clip");
      return clip(x, -1.0, 1.0);
    case 6:
      m.say("two activations");
      return sigmoid(x) * tanh(x);
    default:
      return x;
  }
}

// One layer: product, bias, activation, and what was there before.
Tensor one_layer(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, [](const Tensor& v) { return has_rows(v); });
  if (x.is_absent()) return {};
  const int64_t in = x.shape().back();
  const Tensor w = m.pick(c, [&](const Tensor& v) {
    return is_real(v) && v.rank() == 2 && v.shape()[1] == in && may_multiply(m, x, transpose(v));
  });
  Tensor weight = w.is_absent() ? Tensor() : transpose(w);
  if (weight.is_absent()) {
    const int64_t out = 1 + c.below(m.most > 10000 ? 70 : 6);
    weight = sin(reshape(iota(in * out, x.dtype()), {in, out}));
    if (!may_multiply(m, x, weight)) return {};
    m.say("sine weights to " + std::to_string(out));
  }
  const Tensor z = matmul(x, weight);
  const Shape bias_shape{z.shape().back()};
  Tensor bias = m.pick(c, [&](const Tensor& v) { return is_real(v) && v.shape() == bias_shape; });
  if (bias.is_absent()) bias = cos(iota(bias_shape[0], z.dtype()));
  Tensor y = activated(m, c, c.once_in(4) ? z : z + bias);
  if (y.shape() == x.shape() && c.once_in(2)) {
    m.say("residual");
    y = x + y;
  }
  return held(m, c, y);
}

Tensor one_loss(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, has_rows);
  if (x.is_absent() || x.size() == 0) return {};
  switch (c.below(3)) {
    case 0:
      m.say("mean square");
      return mean(square(x - partner(m, c, x)));
    case 1: {
      m.say("cross entropy of the least");
      const Tensor targets = one_hot(argmin(x, -1), x.shape().back(), x.dtype());
      return -sum(targets * log_softmax(x)) / static_cast<double>(x.size() / x.shape().back());
    }
    default:
      m.say("cross entropy of places");
      return -mean(take_along_axis(log_softmax(x), argmax(x, -1, true), -1));
  }
}

// A range of an axis of n places; `some` of them at least.
Range some_range(Choices& c, int64_t n, int64_t least) {
  Range r;
  r.step = c.once_in(3) ? 1 + c.below(3) : 1;
  r.start = n > least ? c.below(n - least + 1) : 0;
  r.stop = std::min(n, r.start + least + (n > 0 ? c.below(n) : 0));
  return r;
}

Tensor one_slice(Machine& m, Choices& c, const Tensor& x) {
  if (x.rank() == 0) return {};
  const int64_t axis = c.below(x.rank()), n = x.shape()[static_cast<int>(axis)];
  const Range r = some_range(c, n, c.once_in(20) ? 0 : std::min<int64_t>(n, 1));
  m.say("axis " + std::to_string(axis) + " from " + std::to_string(r.start) + " to " +
        std::to_string(r.stop) + " by " + std::to_string(r.step));
  return slice_axis(x, axis, r);
}

Tensor one_reshape(Machine& m, Choices& c, const Tensor& x) {
  Shape shape = x.shape();
  switch (c.below(5)) {
    case 0:
      shape = {x.size()};
      break;
    case 1:
      shape.insert(static_cast<int>(c.below(x.rank() + 1)), 1);
      break;
    case 2:
      if (x.rank() < 2) return {};
      shape[0] *= shape[1];
      shape.erase(1);
      break;
    case 3: {
      if (x.size() == 0) return {};
      const int64_t divisors[] = {2, 3, 4, 5, 7, 10};
      const int64_t d = c.of(divisors);
      if (x.size() % d != 0) return {};
      shape = {d, x.size() / d};
      if (c.once_in(2)) std::swap(shape[0], shape[1]);
      break;
    }
    default:
      for (int i = 0; i < shape.size(); ++i) shape[i] = x.shape()[shape.size() - 1 - i];
  }
  return m.fits(shape) ? reshape(x, shape) : Tensor();
}

Tensor one_permutation(Machine& m, Choices& c, const Tensor& x) {
  std::vector<int64_t> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[static_cast<size_t>(c.below(static_cast<int64_t>(i) + 1))]);
  const Dims axes(order);
  m.say("axes " + gradus::to_string(axes));
  return permute(x, axes);
}

Tensor one_move(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_anything);
  switch (c.below(10)) {
    case 0:
    case 1:
      m.say("slice");
      return one_slice(m, c, x);
    case 2:
      m.say("permute");
      return one_permutation(m, c, x);
    case 3:
      m.say("flip");
      return x.rank() == 0 ? Tensor() : flip(x, {c.below(x.rank())});
    case 4:
    case 5:
      m.say("reshape");
      return one_reshape(m, c, x);
    case 6: {
      m.say("broadcast");
      Shape shape = x.shape();
      for (int i = 0; i < shape.size(); ++i)
        if (shape[i] == 1 && c.once_in(2)) shape[i] = c.below(5);
      if (c.once_in(2)) shape.insert(0, 1 + c.below(4));
      return m.fits(shape) ? broadcast_to(x, shape) : Tensor();
    }
    case 7: {
      m.say("pad");
      if (x.rank() == 0 || !is_number(x)) return {};
      Shape low = x.shape(), high = x.shape(), shape = x.shape();
      for (int i = 0; i < x.rank(); ++i) {
        low[i] = c.below(3), high[i] = c.below(3);
        shape[i] += low[i] + high[i];
      }
      return m.fits(shape) ? pad(x, low, high) : Tensor();
    }
    case 8:
      m.say("row");
      return x.rank() == 0 || x.shape()[0] == 0 ? Tensor() : row(x, c.below(x.shape()[0]));
    default: {
      m.say("transpose of a slice");
      const Tensor part = one_slice(m, c, x);
      return x.rank() < 2 ? Tensor() : transpose(part);
    }
  }
}

Tensor one_join(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, [](const Tensor& v) { return v.rank() > 0; });
  if (x.is_absent()) return {};
  const int axis = static_cast<int>(c.below(x.rank()));
  const bool stacked = c.once_in(3);
  std::vector<Tensor> parts{x};
  for (int64_t i = 0; i < 1 + c.below(3); ++i) {
    const Tensor y = m.pick(c, [&](const Tensor& v) {
      if (v.dtype() != x.dtype() || v.rank() != x.rank()) return false;
      for (int k = 0; k < x.rank(); ++k)
        if ((stacked || k != axis) && v.shape()[k] != x.shape()[k]) return false;
      return true;
    });
    const Tensor part = y.is_absent() ? x : y;
    parts.push_back(is_real(part) && c.once_in(4) ? tanh(part) : part);
  }
  m.say(stacked ? "stacked" : "joined along " + std::to_string(axis));
  int64_t total = 0;
  for (const Tensor& p : parts) total += p.size();
  if (total > m.most || (stacked && x.rank() >= m.most_rank)) return {};
  return stacked ? stack(parts, c.below(x.rank() + 1)) : concatenate(parts, axis);
}

// As training does with parameters: one vector of all, something done to it, and back.
Tensor one_flat(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_real);
  if (x.is_absent()) return {};
  std::vector<Tensor> all{x};
  for (int64_t i = 0; i < 1 + c.below(4); ++i)
    all.push_back(m.pick(c, [&](const Tensor& v) { return v.dtype() == x.dtype(); }));
  std::vector<Tensor> flat;
  int64_t total = 0;
  for (const Tensor& v : all) {
    flat.push_back(reshape(v, {v.size()}));
    total += v.size();
  }
  if (total > m.most) return {};
  Tensor joint = concatenate(flat);
  if (c.once_in(2)) joint = activated(m, c, joint * 0.9 - 0.1 * tanh(joint));
  const auto chosen = static_cast<size_t>(c.below(std::ssize(all)));
  int64_t from = 0;
  for (size_t i = 0; i < chosen; ++i) from += all[i].size();
  m.add(joint, "flat");
  m.say("part " + std::to_string(chosen));
  return reshape(slice(joint, {{from, from + all[chosen].size()}}), all[chosen].shape());
}

// Whole numbers in [0, n), at most `most` of them.
Tensor places_below(Machine& m, Choices& c, int64_t n, int64_t most) {
  if (c.once_in(3)) {
    const int64_t count = c.below(std::min<int64_t>(most, 6) + 1);
    m.say("places of " + std::to_string(count));
    return remainder(iota(count) * static_cast<int64_t>(3 + c.below(5)) + 1, Tensor(n));
  }
  const Tensor x = m.pick(c, [&](const Tensor& v) {
    return is_number(v) && v.size() <= most && v.rank() < m.most_rank;
  });
  if (x.is_absent()) return remainder(iota(std::min<int64_t>(most, 3)), Tensor(n));
  const Tensor whole = is_whole(x) ? x : cast(3.0 * x, c.once_in(2) ? DType::i64 : DType::i32);
  return remainder(whole, Tensor(n));
}

Tensor one_index(Machine& m, Choices& c) {
  const Tensor x =
      m.pick(c, [](const Tensor& v) { return is_number(v) && v.rank() > 0 && v.shape()[0] > 0; });
  if (x.is_absent()) return {};
  const int64_t rows = x.shape()[0], wide = std::max<int64_t>(x.size() / rows, 1);
  switch (c.below(9)) {
    case 0:
    case 1: {
      m.say("gather");
      const Tensor places = places_below(m, c, rows, m.most / wide);
      return places.rank() + x.rank() - 1 > m.most_rank ? Tensor() : gather(x, places);
    }
    case 2: {
      m.say("scatter_add");
      const int64_t n = 1 + c.below(6);
      if (n * wide > m.most) return {};
      return held(m, c, scatter_add(remainder(iota(rows) * int64_t{5}, Tensor(n)), x, n));
    }
    case 3: {
      const int64_t axis = c.below(x.rank()), n = x.shape()[static_cast<int>(axis)];
      if (n == 0) return {};
      m.say("take axis " + std::to_string(axis));
      const Tensor places =
          places_below(m, c, n, std::max<int64_t>(m.most / std::max<int64_t>(x.size() / n, 1), 1));
      return places.rank() + x.rank() - 1 > m.most_rank ? Tensor() : take(x, places, axis);
    }
    case 4: {
      m.say("one_hot");
      const int64_t n = 1 + c.below(5);
      const Tensor places = places_below(m, c, n, m.most / n);
      return one_hot(places, n, c.once_in(2) ? DType::f32 : DType::f64);
    }
    case 5:
      m.say("sort");
      return sort(x, c.below(x.rank()));
    case 6:
      m.say("argsort");
      return argsort(x, c.below(x.rank()));
    case 7: {
      const int64_t axis = c.below(x.rank()), n = x.shape()[static_cast<int>(axis)];
      const int64_t k = std::min(n, c.below(4));
      m.say("top " + std::to_string(k) + " of axis " + std::to_string(axis));
      const TopK top = top_k(x, k, axis);
      m.add(top.places, "places");
      return top.values;
    }
    default: {
      const int64_t axis = c.below(x.rank());
      m.say("along its order of axis " + std::to_string(axis));
      return take_along_axis(x, argsort(x, axis), axis);
    }
  }
}

Tensor one_matrix(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, [](const Tensor& v) { return is_real(v) && v.rank() >= 1; });
  if (x.is_absent()) return {};
  const int64_t n = x.shape().back();
  switch (c.below(6)) {
    case 0:
      if (x.rank() < 2 || x.shape()[x.rank() - 2] != n) return {};
      m.say("diagonal");
      return diagonal(x);
    case 1:
      if (x.rank() != 1 || n * n > m.most) return {};
      m.say("diag");
      return diag(x);
    case 2:
      if (x.rank() != 1 || n * n > m.most) return {};
      m.say("outer");
      return outer(x, activated(m, c, x));
    case 3:
      m.say("vecdot");
      return vecdot(x, activated(m, c, x));
    case 4:
      if (x.rank() != 2 || n * n > m.most || 2 * x.size() * n > 40 * m.most) return {};
      m.say("einsum ij,ik->jk");
      return held(m, c, einsum("ij,ik->jk", {x, activated(m, c, x)}));
    default:
      if (x.rank() != 2 || 4 * x.size() > m.most) return {};
      m.say("kron");
      return kron(eye(2, x.dtype()), x);
  }
}

// Kernels of more than one result, and with scratch of their own.
Tensor one_system(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, [](const Tensor& v) {
    return is_real(v) && v.rank() >= 2 && v.shape().back() == v.shape()[v.rank() - 2] &&
           v.shape().back() <= 6;
  });
  if (x.is_absent()) return {};
  const Tensor finite = tanh(where(isfinite(x), x, 0.0));
  // Its diagonal outweighs the rest of each row.
  const Tensor a =
      0.5 * finite + static_cast<double>(x.shape().back()) * eye(x.shape().back(), x.dtype());
  switch (c.below(4)) {
    case 0:
      m.say("solve");
      return solve(a, finite);
    case 1:
      m.say("inv");
      return inv(a);
    case 2:
      m.say("slogdet");
      return slogdet(a).log;
    default:
      m.say("qr");
      return x.size() == 0 ? Tensor() : qr(a).r;
  }
}

Tensor one_draw(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_real);
  if (x.is_absent()) return {};
  const Tensor whole =
      m.pick(c, [](const Tensor& v) { return v.dtype() == DType::i64 && v.shape() == Shape{2}; });
  const Tensor parent = whole.is_absent() || c.once_in(2)
                            ? constant(key_tensor(key_from_seed(c.word())))
                            : remainder(whole, Tensor(int64_t{1} << 32));
  const Tensor key = split(parent, Tensor(c.below(5)));
  m.add(key, "key");
  switch (c.below(4)) {
    case 0:
      m.say("uniform");
      return random_uniform(key, x.shape(), x.dtype());
    case 1:
      m.say("integers");
      return random_integers(key, 7, x.shape());
    case 2:
      m.say("dropout");
      return where(bernoulli(key, 0.7, x.shape()), x / 0.7, 0.0);
    default:
      m.say("normal");
      return random_normal(key, x.shape(), x.dtype());
  }
}

Tensor one_choice(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_number);
  if (x.is_absent()) return {};
  const Tensor mask = mask_like(m, c, x);
  switch (c.below(5)) {
    case 0:
      m.say("the mask");
      return mask;
    case 1: {
      const Op& op = *c.of(logic);
      m.say(op.name);
      Tensor a = mask, b = logical_not(mask_like(m, c, x));
      const auto shape = joined(a.shape(), b.shape());
      if (!shape || !m.fits(*shape)) return {};
      align(op, a, b);
      return apply(op, {a, b});
    }
    case 2:
      if (!is_real(x)) return {};
      m.say("masked branch");
      return where(x > 0.0, sqrt(x), 0.0 * x);
    default: {
      m.say("where");
      const Tensor b = partner(m, c, x);
      const auto values = joined(x.shape(), b.shape());
      if (!values) return {};
      const auto shape = joined(*values, mask.shape());
      if (!shape || !m.fits(*shape)) return {};
      return c.once_in(2) ? where(mask, x, b) : where(mask, b, x);
    }
  }
}

Tensor one_cast(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_anything);
  switch (c.below(6)) {
    case 0:
      return cast(x, DType::f32);
    case 1:
      return cast(x, DType::f64);
    case 2:
      return cast(x, c.once_in(2) ? DType::i32 : DType::i64);
    case 3:
      return cast(x, DType::boolean);
    case 4:
      m.say("through bf16");
      return is_real(x) ? cast(cast(x, DType::bf16), x.dtype()) : Tensor();
    default: {
      if (!is_real(x)) return {};
      const Op& op = *c.of(predicates);
      m.say(op.name);
      return apply(op, {x});
    }
  }
}

// What depends on no argument.
Tensor one_source(Machine& m, Choices& c) {
  const Tensor x = m.pick(c, is_real);
  if (x.is_absent()) return {};
  switch (c.below(6)) {
    case 0:
      return zeros_like(x);
    case 1:
      return ones_like(x);
    case 2:
      return full(x.shape(), 0.25, x.dtype());
    case 3:
      m.say("iota");
      return iota(1 + c.below(6), c.once_in(2) ? DType::i64 : x.dtype());
    case 4:
      m.say("eye");
      return eye(1 + c.below(5), x.dtype());
    default: {
      m.say("a constant of that shape");
      std::vector<double> z(static_cast<size_t>(x.size()));
      fill_normal(key_from_seed(c.word()), 0, std::span<double>(z));
      const std::vector<float> narrow(z.begin(), z.end());
      return constant(x.dtype() == DType::f64 ? from_vector(z, x.shape())
                                              : from_vector(narrow, x.shape()));
    }
  }
}

// A chain of elementwise ops, as long as fusion may like.
Tensor one_chain(Machine& m, Choices& c) {
  Tensor x = m.pick(c, is_number);
  if (x.is_absent()) return {};
  const int64_t length = 2 + c.below(7);
  for (int64_t i = 0; i < length; ++i) x = c.once_in(2) ? one_unary(m, c, x) : one_binary(m, c, x);
  return x;
}

// The next words of the program as a function of its arguments and of some values outside. Its
// result is the last value with real numbers; `as_number` makes one number of it.
Function body(Machine& m, Choices& c, int order, int maps, int64_t share, bool as_number) {
  const size_t count =
      std::min(m.words.size(), static_cast<size_t>(1 + c.below(c.once_in(4) ? 12 : 5)));
  Machine inner;
  inner.words = m.words.first(count);
  inner.most = std::max<int64_t>(m.most / share, 1);
  inner.order = order, inner.maps = maps;
  inner.derives = m.derives;
  inner.most_rank = 3;
  inner.prefix = m.prefix + std::to_string(m.values.size()) + ".";
  m.words = m.words.subspan(count);
  std::vector<std::pair<Tensor, std::string>> captured;
  for (int64_t i = c.below(3); i > 0; --i) {
    const std::string before = std::exchange(m.line, {});
    const Tensor x = m.pick(c, [&](const Tensor& v) { return inner.fits(v.shape()); });
    if (!x.is_absent()) captured.emplace_back(x, m.line);
    m.line = before;
  }
  const auto listed = std::make_shared<bool>(false);
  std::string* const text = m.text;
  const bool always_first = c.once_in(2);
  return [=](std::span<const Tensor> args) {
    Machine here = inner;
    here.text = *listed ? nullptr : text;
    *listed = true;
    for (const auto& [x, name] : captured) here.add(x, "outer" + name);
    for (const Tensor& x : args) here.add(x, "argument");
    here.run();
    Choices last(0);
    const Tensor found = here.pick(last, is_real), first = args[0];
    Tensor y = found.is_absent() ? first : found;
    if (as_number) {
      y = sum(tanh(y));
      if (always_first) y = y + cast(sum(sin(first)), y.dtype());
    }
    return y;
  };
}

Tensor one_derivative(Machine& m, Choices& c) {
  if (m.order == 0 || m.words.empty()) return {};
  *m.derives = true;
  const auto usable = [&](const Tensor& v) { return is_real(v) && v.rank() <= 3; };
  const Tensor x = m.pick(c, usable);
  if (x.is_absent()) return {};
  const auto along = [&](const Tensor& like) {
    const Tensor dot = m.pick(c, [&](const Tensor& v) { return v.type() == like.type(); });
    return dot.is_absent() || c.once_in(2) ? cos(like) : dot;
  };
  switch (c.below(7)) {
    case 0:
    case 1: {
      m.say("grad");
      Function f = body(m, c, m.order - 1, m.maps, 1, true);
      if (c.once_in(3)) {
        m.say("of a checkpoint");
        f = [f](std::span<const Tensor> a) { return checkpoint(f, a); };
      }
      const int wrt[] = {0};
      const ValueAndGrads r = value_and_grads(f, std::array{x}, wrt);
      m.add(r.value, "value of");
      return r.grads[0];
    }
    case 2: {
      m.say("grad of two");
      const Tensor y = m.pick(c, usable);
      const Function f = body(m, c, m.order - 1, m.maps, 1, true);
      const int wrt[] = {0, 1};
      const ValueAndGrads r = value_and_grads(f, std::array{x, y}, wrt);
      m.add(r.grads[1], "second");
      return r.grads[0];
    }
    case 3: {
      m.say("jvp");
      const Tensor x_dot = along(x);
      const Function f = body(m, c, m.order - 1, m.maps, 1, false);
      return jvp(f, std::array{x}, std::array{x_dot}).derivative;
    }
    case 4: {
      m.say("vjp");
      const Function f = body(m, c, m.order - 1, m.maps, 1, false);
      const Tensor y = f(std::array{x});
      return vjp(f, std::array{x}, cos(y)).grads[0];
    }
    case 5: {
      if (m.order < 2) return {};
      m.say("hvp");
      const Tensor v = along(x);
      const Function f = body(m, c, m.order - 2, m.maps, 1, true);
      return hvp(f, std::array{x}, v);
    }
    default: {
      if (m.maps == 0 || x.size() > 6 || x.rank() > 1) return {};
      m.say("jacobian");
      const Function f = body(m, c, m.order - 1, m.maps - 1, 6, false);
      const Function few = [f](std::span<const Tensor> a) {
        const Tensor y = f(a);
        return slice(reshape(y, {y.size()}), {{0, 4}});
      };
      return jacobian(few, std::array{x}, 0,
                      {.mode = c.once_in(2) ? Mode::forward : Mode::reverse});
    }
  }
}

Tensor one_batch(Machine& m, Choices& c) {
  if (m.maps == 0 || m.words.empty()) return {};
  const Tensor x = m.pick(c, [&](const Tensor& v) { return v.rank() > 0; });
  if (x.is_absent()) return {};
  const int64_t axis = c.below(x.rank()), n = x.shape()[static_cast<int>(axis)];
  VmapAxes axes{.in = {axis}, .out = {}};
  std::vector<Tensor> args{x};
  m.say("vmap axis " + std::to_string(axis));
  const Tensor y = m.pick(c, is_anything);
  if (c.once_in(2)) {
    Axis at = unmapped;
    for (int i = 0; i < y.rank(); ++i)
      if (y.shape()[i] == n && !c.once_in(3)) at = i;
    m.say(at ? "and axis " + std::to_string(*at) : "and all of it");
    args.push_back(y);
    axes.in.push_back(at);
  }
  const bool with_grad = m.order > 0 && is_real(x) && c.once_in(3);
  if (with_grad) {
    m.say("of grad");
  }
  const Function f =
      body(m, c, m.order - (with_grad ? 1 : 0), m.maps - 1, std::max<int64_t>(n, 1), with_grad);
  const bool back = c.once_in(3);
  const ManyFunction one = [&](std::span<const Tensor> a) {
    const int wrt[] = {0};
    return std::vector<Tensor>{with_grad ? value_and_grads(f, a, wrt).grads[0] : f(a)};
  };
  axes.out = {back ? -1 : 0};
  return vmap(one, args, axes)[0];
}

Shape twice(Shape shape) {
  shape.insert(0, 2);
  return shape;
}

struct Instruction {
  int weight;
  const char* name;
  Tensor (*run)(Machine& m, Choices& c);
};

const Instruction instructions[] = {
    {1, "nothing", [](Machine&, Choices&) { return Tensor(); }},  // what a word shrinks to
    {12, "unary",
     [](Machine& m, Choices& c) {
       const Tensor x = m.pick(c, is_number);
       return x.is_absent() ? x : one_unary(m, c, x);
     }},
    {14, "binary",
     [](Machine& m, Choices& c) {
       const Tensor x = m.pick(c, is_number);
       return x.is_absent() ? x : one_binary(m, c, x);
     }},
    {6, "chain", one_chain},
    {4, "choice", one_choice},
    {3, "cast", one_cast},
    {8, "reduce", one_reduction},
    {6, "normalise", one_normalisation},
    {7, "matmul", one_product},
    {6, "layer", one_layer},
    {2, "loss", one_loss},
    {9, "move", one_move},
    {5, "join", one_join},
    {2, "flat", one_flat},
    {5, "index", one_index},
    {2, "matrix", one_matrix},
    {2, "source", one_source},
    {1, "system", one_system},
    {2, "draw", one_draw},
    {4, "derive", one_derivative},
    {3, "batch", one_batch},
};

void Machine::run() {
  static const uint32_t total = [] {
    int all = 0;
    for (const Instruction& i : instructions) all += i.weight;
    return static_cast<uint32_t>(all);
  }();
  while (!words.empty()) {
    const uint32_t word = words[0];
    words = words.subspan(1);
    int at = static_cast<int>(word % total);
    const Instruction* i = instructions;
    while (at >= i->weight) at -= i++->weight;
    line.clear();
    Choices c(word / total);
    const Tensor y = i->run(*this, c);
    if (!y.is_absent() && fits(y.shape())) add(y, i->name);
  }
}

Tensor drawn(Choices& c, const Type& type) {
  const auto n = static_cast<size_t>(element_count(type.shape));
  std::vector<double> z(n);
  fill_normal(key_from_seed(c.word()), 0, std::span<double>(z));
  if (c.once_in(12)) {
    const double inf = std::numeric_limits<double>::infinity();
    const double odd[] = {0, -0.0, inf, -inf, std::nan(""), 1e-310, 1e-42, 1e300, 1e38, 1};
    for (double& v : z)
      if (c.once_in(4)) v = c.of(odd);
  }
  if (!is_float(type.dtype))
    for (double& v : z) v = std::isfinite(v) && std::fabs(v) < 1e9 ? std::nearbyint(2 * v) : 0;
  return cast(from_vector(z, type.shape), type.dtype);
}

// A program as rapidcheck makes it, and all that follows from it.
struct Program {
  std::vector<uint32_t> words;
  uint32_t seed = 0;

  std::vector<Tensor> args;
  int64_t most = 400;
  bool derives = false;

  Program(std::vector<uint32_t> w, uint32_t s) : words(std::move(w)), seed(s) {
    Choices c(seed);
    // Plans fuse from a few thousand elements on, and threads share from more.
    using Pair = std::array<int64_t, 2>;
    const Pair fused[] = {{70, 60},  {1000, 4}, {4, 1200}, {333, 13}, {64, 64},  {2100, 2},
                          {1, 4097}, {5, 1031}, {130, 37}, {3000, 1}, {16, 300}, {2, 2500}};
    const Pair shared[] = {{70, 130},  {1000, 33}, {3, 5000}, {1, 20000}, {64, 784},  {257, 255},
                           {20, 3000}, {7, 10000}, {513, 17}, {2, 16384}, {300, 200}, {33, 64}};
    std::vector<int64_t> sizes;
    const int64_t kind = c.below(50);
    if (kind < 10) {
      const Pair& pair = kind < 2 ? c.of(shared) : c.of(fused);
      sizes = {pair[0], pair[1], 1 + c.below(40)};
      most = kind < 2 ? 70000 : 12000;
      if (words.size() > 25) words.resize(25);
    } else {
      const int64_t largest = kind < 20 ? 40 : 5;
      for (int i = 0; i < 3; ++i) sizes.push_back(c.once_in(40) ? 0 : 1 + c.below(largest));
      if (largest == 40) most = 2000;
    }
    const DType usual = c.once_in(3) ? DType::f64 : DType::f32;
    const int64_t count = 1 + c.below(5);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t a = sizes[static_cast<size_t>(c.below(3))],
                    b = sizes[static_cast<size_t>(c.below(3))];
      const Shape shapes[] = {{},
                              {a},
                              {a, b},
                              {a, b},
                              {sizes[0], sizes[1]},
                              {sizes[0], sizes[1]},
                              {sizes[1], sizes[2]},
                              {1, a},
                              {a, 1},
                              {2, a, b},
                              {a, a}};
      Shape shape = c.of(shapes);
      if (element_count(shape) > most || (kind < 10 && (i == 0 || c.once_in(2))))
        shape = {sizes[0], sizes[1]};
      const DType others[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean};
      if (i == 4) {
        args.push_back(key_tensor(key_from_seed(c.word())));
        continue;
      }
      args.push_back(drawn(c, {i == 0 || !c.once_in(4) ? usual : c.of(others), shape}));
    }
  }

  // The outputs; with `text`, the program as it is written down.
  std::vector<Tensor> operator()(std::span<const Tensor> a, std::string* text = nullptr) {
    Machine m;
    m.derives = &derives;
    m.most = most;
    m.text = text;
    m.words = words;
    for (const Tensor& x : a) m.add(x, "argument");
    m.run();
    Choices c(seed ^ 0x5eedu);
    std::vector<Tensor> out;
    const auto give = [&](const Tensor& x, const std::string& what) {
      if (text != nullptr)
        *text += "  output " + std::to_string(out.size()) + " =" + m.line + " " + what + ": " +
                 gradus::to_string(x.type()) + "\n";
      m.line.clear();
      out.push_back(x);
    };
    m.line.clear();
    m.say(m.names.back());
    give(m.values.back(), "");
    for (int64_t i = c.below(4); i > 0; --i) {
      const Tensor x = m.pick(c, is_anything);
      switch (c.below(8)) {
        case 0:
          if (x.rank() > 1) {
            give(transpose(x), "transposed");
            break;
          }
          [[fallthrough]];
        case 1:
          if (x.rank() > 0) {
            give(flip(x, {0}), "flipped");
            break;
          }
          [[fallthrough]];
        case 2:
          give(broadcast_to(x, twice(x.shape())), "twice");
          break;
        case 3: {
          const Tensor arg = a[static_cast<size_t>(c.below(std::ssize(a)))];
          m.line.clear();
          give(arg.rank() > 1 && c.once_in(2) ? transpose(arg) : arg, "an argument");
          break;
        }
        case 4:
          give(c.once_in(2) ? out.back() : full({2, 3}, 7.0), "the same or a constant");
          break;
        default:
          give(x, "");
      }
    }
    // The next values of some arguments: an update, another value of that type, or another
    // argument.
    for (size_t i = 0; i < a.size(); ++i) {
      const Tensor& x = a[i];
      if (!c.once_in(2)) continue;
      const Tensor y = m.pick(c, [&](const Tensor& v) { return v.type() == x.type(); });
      switch (c.below(4)) {
        case 0:
          if (is_real(x)) {
            give(x * 0.9 + 0.1 * tanh(y), "update of " + m.names[i]);
            break;
          }
          [[fallthrough]];
        case 1:
          if (x.rank() > 0) {
            give(flip(y, {0}), "flipped for " + m.names[i]);
            break;
          }
          [[fallthrough]];
        case 2:
          give(a[static_cast<size_t>(c.below(std::ssize(a)))], "perhaps for " + m.names[i]);
          break;
        default:
          give(y, "for " + m.names[i]);
      }
    }
    return out;
  }

  // Most arguments that an output fits are carried.
  std::vector<Carry> carries(std::span<const Tensor> outputs) const {
    Choices c(seed ^ 0xCA44u);
    std::vector<Carry> all;
    for (size_t i = 0; i < args.size(); ++i) {
      if (c.once_in(4)) continue;
      const int64_t n = std::ssize(outputs), from = c.below(n);
      for (int64_t k = 0; k < n; ++k) {
        const int64_t j = (from + k) % n;
        if (!(outputs[static_cast<size_t>(j)].type() == args[i].type())) continue;
        all.push_back({static_cast<int>(j), static_cast<int>(i)});
        break;
      }
    }
    return all;
  }

  std::string listing() {
    std::string text;
    (*this)(args, &text);
    return text;
  }
};

std::string printed(const std::vector<Tensor>& all) {
  std::string text;
  for (const Tensor& x : all) text += " " + to_string(x.type());
  return text;
}

// Where got is not wanted, or nothing. NaNs are equal, whatever their sign and payload.
std::string difference(const Tensor& got, const Tensor& wanted) {
  if (same_bits(got, wanted)) return {};
  if (!(got.type() == wanted.type()))
    return to_string(got.type()) + " instead of " + to_string(wanted.type());
  const std::vector<double> a = numbers(got), b = numbers(wanted);
  const std::vector<std::byte> a_bytes = bytes_of(got), b_bytes = bytes_of(wanted);
  const auto each = static_cast<size_t>(size_of(got.dtype()));
  size_t count = 0, first = 0;
  for (size_t i = a.size(); i-- > 0;) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::equal(&a_bytes[i * each], &a_bytes[i * each] + each, &b_bytes[i * each])) continue;
    first = i;
    ++count;
  }
  if (count == 0) return {};
  char text[160];
  std::snprintf(text, sizeof text, "%zu of %zu elements differ, first [%zu]: %.17g, not %.17g",
                count, a.size(), first, a[first], b[first]);
  return text;
}

// Equal to some digits of the largest element, NaNs and infinities in the same places.
bool close(const Tensor& got, const Tensor& wanted) {
  if (!is_real(got)) return same_bits(got, wanted);
  const std::vector<double> a = numbers(got), b = numbers(wanted);
  double largest = 1;
  for (double v : b)
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i])) &&
        !(std::fabs(a[i] - b[i]) <= 1e-3 * largest))
      return false;
  return true;
}

struct Tally {
  int programs = 0, apart = 0, values = 0, finite = 0, carried = 0;
  std::map<std::string, int> refused;  // programs that are not valid, by message
};

bool all_finite(const Tensor& x) {
  const std::vector<double> all = numbers(x);
  return std::ranges::all_of(all, [](double v) { return std::isfinite(v); });
}

// What is wrong with the plan of this program, or nothing.
std::string fault(Program p, Tally& tally) {
  constexpr size_t runs = 3;
  set_thread_count(2);
  std::vector<Tensor> eager;
  try {
    eager = p(p.args);
  } catch (const Error& e) {
    ++tally.refused[e.what()];
    return {};
  }
  ++tally.programs;
  for (const Tensor& x : eager) {
    ++tally.values;
    tally.finite += all_finite(x);
  }
  const std::vector<Carry> carries = p.carries(eager);
  tally.carried += static_cast<int>(carries.size());
  std::vector<Argument> arguments;
  for (size_t i = 0; i < p.args.size(); ++i)
    arguments.push_back({"v" + std::to_string(i), p.args[i].type()});
  Choices c(p.seed ^ 0xF00Du);
  std::optional<size_t> reset;  // an argument that is set anew before the last run
  for (size_t i = 0; i < p.args.size(); ++i)
    if (c.once_in(3)) reset = i;
  const bool again = c.once_in(6);
  const auto say = [&](const std::string& what, const Plan* plan) {
    std::string text = what + "\n" + p.listing();
    for (const Carry& carry : carries)
      text += "  carry output " + std::to_string(carry.from) + " to v" + std::to_string(carry.to) +
              "\n";
    if (again) text += "  recomputed\n";
    if (plan != nullptr) text += plan->describe();
    return text;
  };
  try {
    const Graph graph = record([&](std::span<const Tensor> a) { return p(a); }, arguments);
    Plan plan(again ? recompute(graph, {}, carries) : graph, {}, carries);

    // What every run must give, and what it must leave in the arguments.
    set_thread_count(1);
    std::vector<std::vector<Tensor>> states{p.args}, wanted;
    for (size_t run = 0; run < runs; ++run) {
      try {
        wanted.push_back(interpret(graph, states.back()));
      } catch (const Error& e) {  // a carried NaN in linear algebra
        ++tally.refused[e.what()];
        return {};
      }
      std::vector<Tensor> next = states.back();
      for (const Carry& carry : carries)
        next[static_cast<size_t>(carry.to)] = wanted.back()[static_cast<size_t>(carry.from)];
      states.push_back(next);
      if (run + 2 == runs && reset) states.back()[*reset] = p.args[*reset];
    }
    // With numbers, two equal arrays are two constants, compiled they are one step; the parts of a
    // cotangent then add up in another order.
    bool apart = false;
    for (size_t i = 0; i < eager.size(); ++i) {
      const std::string d = difference(wanted[0][i], eager[i]);
      apart |= !d.empty();
      if (!d.empty() && !(p.derives && close(wanted[0][i], eager[i])))
        return say("interpreter against eager, output " + std::to_string(i) + ": " + d, &plan);
    }
    tally.apart += apart;

    for (const int threads : {1, 2}) {
      set_thread_count(threads);
      for (size_t i = 0; i < p.args.size(); ++i) plan.set(static_cast<int>(i), p.args[i]);
      for (size_t run = 0; run < runs; ++run) {
        const std::string when =
            "run " + std::to_string(run) + ", " + std::to_string(threads) + " threads: ";
        if (run + 1 == runs && reset) plan.set(static_cast<int>(*reset), p.args[*reset]);
        // A worker may meet its first product at any time, and makes room for it then.
        const long before = threads == 1 ? all_allocations.load() : allocations_of_thread;
        plan.run();
        const long after = threads == 1 ? all_allocations.load() : allocations_of_thread;
        if (run > 0 && after != before)
          return say(when + std::to_string(after - before) + " allocations", &plan);
        for (size_t i = 0; i < eager.size(); ++i)
          if (const std::string d =
                  difference(plan.output_tensor(static_cast<int>(i)), wanted[run][i]);
              !d.empty())
            return say(when + "output " + std::to_string(i) + ": " + d, &plan);
        if (run + 2 == runs && reset) continue;
        for (size_t i = 0; i < p.args.size(); ++i)
          if (const std::string d =
                  difference(plan.input_tensor(static_cast<int>(i)), states[run + 1][i]);
              !d.empty())
            return say(when + "argument v" + std::to_string(i) + " after it: " + d, &plan);
      }
    }
    if (const std::vector<Tensor> called = plan(p.args); printed(called) != printed(wanted[0]))
      return say("called: " + printed(called), &plan);
    else
      for (size_t i = 0; i < called.size(); ++i)
        if (const std::string d = difference(called[i], wanted[0][i]); !d.empty())
          return say("called, output " + std::to_string(i) + ": " + d, &plan);
  } catch (const Error& e) {
    return say("raised " + std::string(e.what()), nullptr);
  }
  return {};
}

#ifdef GRADUS_COUNTS_ALLOCATIONS
TEST(Allocations, of_every_kind_are_counted) {
  const long before = all_allocations, of_thread = allocations_of_thread;
  volatile void* kept[] = {std::malloc(3), std::calloc(2, 3), std::aligned_alloc(64, 64),
                           ::operator new(3), ::operator new(64, std::align_val_t(64))};
  EXPECT_EQ(all_allocations - before, 5);
  EXPECT_EQ(allocations_of_thread - of_thread, 5);
  for (int i = 0; i < 3; ++i) std::free(const_cast<void*>(kept[i]));
  ::operator delete(const_cast<void*>(kept[3]));
  ::operator delete(const_cast<void*>(kept[4]), std::align_val_t(64));
}
#endif

TEST(RandomPlans, give_the_bits_of_the_interpreter_and_allocate_nothing) {
  setenv("RC_PARAMS", "max_success=300 seed=20261125", 0);
  const auto words =
      rc::gen::resize(100, rc::gen::mapcat(rc::gen::inRange(5, 61), [](int count) {
                        return rc::gen::container<std::vector<uint32_t>>(
                            static_cast<size_t>(count), rc::gen::inRange<uint32_t>(0, 1u << 31));
                      }));
  Tally tally;
  const int threads = thread_count();
  const bool passed = rc::check("random plans", [&] {
    const auto program = *words;
    const auto seed = *rc::gen::resize(100, rc::gen::inRange<uint32_t>(0, 1u << 30));
    const std::string found = fault(Program(program, seed), tally);
    if (!found.empty()) RC_FAIL(found);
  });
  set_thread_count(threads);
  EXPECT_TRUE(passed);
  std::printf("%d programs, %d outputs, %d of them finite, %d carried, %d apart from eager\n",
              tally.programs, tally.values, tally.finite, tally.carried, tally.apart);
  int refused = 0;
  for (const auto& [message, count] : tally.refused) {
    refused += count;
    if (refused < 10) std::printf("%d refused: %s\n", count, message.c_str());
  }
  EXPECT_LE(refused, tally.programs / 50);
  EXPECT_LE(tally.apart, 1 + tally.programs / 1000);
  EXPECT_GE(tally.finite, tally.values / 2);
}

}  // namespace
}  // namespace gradus
#endif
