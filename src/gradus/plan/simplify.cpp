#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus {
namespace {

// Equal in value and sign: x - 0 is x for every x, but -0 - (-0) is +0.
bool is_neutral(double number, double neutral) {
  return number == neutral && std::signbit(number) == std::signbit(neutral);
}

// The single number a constant repeats, if it is one.
bool repeats(const Value& v, double& number) {
  if (!v.has_numbers() || !is_float(v.type.dtype) || element_count(v.type.shape) == 0) return false;
  for (int i = 0; i < v.type.shape.size(); ++i)
    if (v.type.shape[i] != 1 && v.buffer.strides[i] != 0) return false;
  number = element_as_double(view_of(v.type, v.buffer), 0);
  return true;
}

// Whether this view swaps the last two axes and does nothing else. Asked of strides that are all
// different, so that axes of size 1 are told apart too.
bool swaps_last_axes(const Step& s, const Attrs& attrs, const Type& in, const Type& out) {
  const int r = in.shape.size();
  if (!s.op->view || r < 2) return false;
  Dims strides;
  for (int i = 0; i < r; ++i) strides.push_back(int64_t{3} << (2 * i));
  Layout layout;
  if (!s.op->view(in, {0, strides}, attrs, out, &layout)) return false;
  Dims shape = in.shape;
  std::swap(shape[r - 1], shape[r - 2]);
  std::swap(strides[r - 1], strides[r - 2]);
  return layout.offset == 0 && out.shape == shape && layout.strides == strides;
}

}  // namespace

Graph simplify(const Graph& graph) {
  Tape tape("simplify", true);
  tape.keep_what(graph);
  std::vector<ValueId> place(graph.value_count(), no_value);
  std::vector<int> readers(graph.value_count());
  for (size_t i = 0; i < graph.step_count(); ++i)
    for (ValueId id : graph.inputs(graph.step(i))) ++readers[id];
  for (ValueId id : graph.output_ids()) ++readers[id];
  std::vector<ValueId> inputs;
  for (ValueId id : graph.input_ids()) {
    place[id] = tape.input(graph.value(id).type, graph.label(id));
    inputs.push_back(place[id]);
  }
  for (size_t i = 0; i < graph.step_count(); ++i) {
    const Step& s = graph.step(i);
    if (place[s.first_out] != no_value) continue;
    const Value& v = graph.value(s.first_out);
    if (s.outputs == 1 && v.has_numbers()) {
      place[s.first_out] = tape.place_constant(Tensor(v.type, v.buffer));
      continue;
    }
    std::vector<ValueId> in;
    for (ValueId id : graph.inputs(s)) in.push_back(place[id]);
    double number = 0;
    const auto neutral = [&](int side) {
      return s.op->inputs == 2 &&
             repeats(graph.value(graph.inputs(s)[static_cast<size_t>(side)]), number) &&
             is_neutral(number, s.op->neutral[side]);
    };
    if (neutral(0) || neutral(1)) {
      place[s.first_out] = in[neutral(0) ? 1 : 0];
      continue;
    }
    ValueId first = no_value;
    if (s.inputs == 1) {
      // (a b)^T is made as b^T a^T, so that nothing is left to turn.
      const ValueId source = graph.inputs(s)[0];
      const Step& product = graph.step_of(source);
      if (product.op->reverses && readers[source] == 1 &&
          swaps_last_axes(s, graph.attrs(s), graph.value(source).type, v.type)) {
        const auto sides = graph.inputs(product);
        const auto turned = [&](ValueId id) {
          return tape.record(*s.op, std::span(&place[id], 1), graph.attrs(s));
        };
        const ValueId right = turned(sides[1]), left = turned(sides[0]);
        first = tape.record(*product.op, std::vector{right, left}, graph.attrs(product));
      }
    }
    if (first == no_value) first = tape.record(*s.op, in, graph.attrs(s));
    for (uint16_t o = 0; o < s.outputs; ++o) {
      place[s.first_out + o] = first + o;
      if (!graph.label(s.first_out + o).empty())
        tape.set_label(first + o, graph.label(s.first_out + o));
    }
  }
  std::vector<ValueId> outputs;
  for (ValueId id : graph.output_ids()) outputs.push_back(place[id]);
  return tape.freeze(inputs, outputs);
}

}  // namespace gradus
