// One operation, complete: shape rule, kernel, derivative, words and checks in one object.
// Passes ask an op about its kind and fields; no file asks which op it is.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/core/view.h>

#include <span>
#include <string_view>

namespace gradus {

enum class Kind : uint8_t {
  elementwise,  // rule.slope: both modes multiply by it
  linear,       // forward mode is the op itself; rule.pull is the transpose
  bilinear,     // linear in each float input; rule.pull per side
  custom,       // rule.pull and rule.push
  fixed,        // no derivative: rule.why says why
  source        // inputs and constants of a recording
};

struct Op;

struct Context {
  std::span<const Tensor> in, out;
  const Attrs& attrs;
  const Op& op;
};

// The inputs of a step under vmap: one that is batched has the batch axis in front, the others are
// as they were.
struct Batching {
  std::span<const Tensor> in;
  std::span<const bool> batched;  // one for each input, at least one of them true
  int64_t size;                   // of the batch axis
  const Attrs& attrs;
};

// The slope of an elementwise op towards one input, written in ops.
struct Slope {
  using Unary = Tensor (*)(Tensor x, Tensor y);
  using Binary = Tensor (*)(Tensor a, Tensor b, Tensor y);
  using Ternary = Tensor (*)(Tensor a, Tensor b, Tensor c, Tensor y);
  Unary unary = nullptr;
  Binary binary = nullptr;
  Ternary ternary = nullptr;
  int constant = 0;   // +1 or -1 where the slope is just that
  bool wins = false;  // an exactly zero slope gives 0 even times an infinite tangent

  bool varies() const { return unary || binary || ternary; }
  // The slope where the inputs give y; it varies.
  Tensor at(std::span<const Tensor> in, const Tensor& y) const {
    return unary    ? unary(in[0], y)
           : binary ? binary(in[0], in[1], y)
                    : ternary(in[0], in[1], in[2], y);
  }
};

struct Rule {
  Slope slope[3] = {};
  // The cotangent of input i; absent when it is zero.
  Tensor (*pull)(const Context&, std::span<const Tensor> out_bar, int i) = nullptr;
  // The tangent of output o from those of the inputs, absent where zero.
  Tensor (*push)(const Context&, std::span<const Tensor> in_dot, int o) = nullptr;
  const char* why = nullptr;
};

// A known answer: value(x[0], x[1], x[2]) == y.
struct Known {
  double x[3] = {0, 0, 0};
  double y = 0;
};

// What the generated checks need to know about an op.
struct Checks {
  double ulp = 0.5;           // bound on the error of the kernel, f32 and f64
  double low = -4, high = 4;  // where differences are taken
  std::span<const Known> known = {};
  std::span<const double> kinks = {};  // the derivative is a convention there
};

struct Op {
  const char* name;
  const char* says;  // one sentence
  const char* math;
  // How a step prints: "{0} + {1}", "{0}^2". Null prints name(inputs, attributes).
  const char* form = nullptr;
  int binds = 9;  // precedence of form: 1 comparison, 2 +, 3 *, 4 unary -, 5 ^, 9 call
  Kind kind = Kind::fixed;
  int inputs = 1;  // -1: any number
  int outputs = 1;
  bool pointwise = false;  // all operands have one shape, and element i needs only elements i
  Type (*type)(const Op&, std::span<const Type> in, const Attrs&, int output) = nullptr;
  // The kernel for these inputs. Outputs are row-major; inputs may have any strides.
  Kernel (*kernel)(const Op&, std::span<const Type> in, const Type& out) = nullptr;
  // Where the output lies when it can share the input's memory; false if it must be computed.
  bool (*view)(const Type& in, const Layout&, const Attrs&, const Type& out, Layout*) = nullptr;
  // Where input i lies in the output of an op that only puts its inputs side by side.
  Layout (*part)(std::span<const Type> in, const Attrs&, const Type& out, int i) = nullptr;
  Rule rule = {};
  // Emits the steps of the same op for a whole batch; every output has the batch axis in front.
  std::vector<Tensor> (*batch)(const Op&, const Batching&) = nullptr;
  // Floating-point operations of one output, each arithmetic operation and elementary function
  // counted as one. Null: one an element where the op is pointwise, none where it only moves.
  double (*work)(std::span<const Type> in, const Attrs&, const Type& out) = nullptr;
  Checks checks = {};
  // op(neutral[0], x) and op(x, neutral[1]) are x, bit for bit; NaN where there is no such number.
  double neutral[2] = {__builtin_nan(""), __builtin_nan("")};
  int word = -1;             // index into the elementwise kernel tables
  bool integers = false;     // computes in i32 and i64 too
  bool takes_after = false;  // the kernel runs Call::after
  bool reverses = false;     // op(a, b) transposed is op(b transposed, a transposed), bit for bit
  // Rows of the last axis are worked on alone: the kernel may be given any range of them.
  bool by_rows = false;
};

// Computes op on numbers, or records it on the open tape. One output.
Tensor apply(const Op& op, std::span<const Tensor> in, const Attrs& attrs = {});
inline Tensor apply(const Op& op, std::initializer_list<Tensor> in, const Attrs& attrs = {}) {
  return apply(op, std::span<const Tensor>(in.begin(), in.size()), attrs);
}
std::vector<Tensor> apply_many(const Op& op, std::span<const Tensor> in, const Attrs& attrs = {});

// The C++ number x as a tensor of this type; x itself when it is not a literal.
Tensor literal_as(const Tensor& x, DType dtype);

namespace op {
extern const Op input, constant, alias;
}

}  // namespace gradus
