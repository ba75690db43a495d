#include <gradus/base/error.h>
#include <gradus/ops/elementwise.h>
#include <gradus/plan/precision.h>

namespace gradus {
namespace {

class Narrowing {
 public:
  Narrowing(const Graph& graph, DType narrow)
      : graph_(graph),
        narrow_(narrow),
        tape_("with_precision", true),
        at_(graph.value_count()),
        is_input_(graph.value_count()) {
    tape_.keep_what(graph);
  }

  Graph run() {
    std::vector<ValueId> inputs, outputs;
    for (ValueId id : graph_.input_ids()) {
      at_[id] = tape_.input(graph_.value(id).type, graph_.label(id));
      is_input_[id] = true;
      inputs.push_back(at_[id]);
    }
    for (size_t i = 0; i < graph_.step_count(); ++i) step(graph_.step(i));
    for (ValueId id : graph_.output_ids()) outputs.push_back(at_[id]);
    return tape_.freeze(inputs, outputs);
  }

 private:
  void step(const Step& s) {
    if (is_input_[s.first_out]) return;
    const Value& v = graph_.value(s.first_out);
    if (s.outputs == 1 && v.has_numbers()) {
      at_[s.first_out] = tape_.place_constant(Tensor(v.type, v.buffer));
      return;
    }
    const auto sides = graph_.inputs(s);
    std::vector<ValueId> in;
    for (ValueId id : sides) in.push_back(at_[id]);
    const bool product = is_product(s) && (narrow_ == DType::f16 || takes_narrow(s));
    if (product) {
      for (size_t i = 0; i < in.size(); ++i) {
        in[i] = narrowed(sides[i]);
        if (narrow_ == DType::f16) in[i] = cast_to(in[i], DType::f32);
      }
    }
    const ValueId first = tape_.record(*s.op, in, graph_.attrs(s));
    for (uint16_t o = 0; o < s.outputs; ++o) {
      const ValueId from = s.first_out + o;
      at_[from] = first + o;
      if (product && narrow_ == DType::f16)
        at_[from] = cast_to(cast_to(at_[from], narrow_), DType::f32);
      if (!graph_.label(from).empty()) tape_.set_label(at_[from], graph_.label(from));
    }
  }

  bool is_product(const Step& s) const {
    if (s.op->kind != Kind::bilinear) return false;
    for (ValueId id : graph_.inputs(s))
      if (graph_.value(id).type.dtype != DType::f32) return false;
    return true;
  }
  // Whether the op itself multiplies such numbers and sums in f32.
  bool takes_narrow(const Step& s) const {
    std::vector<Type> types;
    for (ValueId id : graph_.inputs(s)) types.push_back({narrow_, graph_.value(id).type.shape});
    return s.op->type(*s.op, types, graph_.attrs(s), 0).dtype == DType::f32;
  }

  // Whether it is a view of no more than it shows, or of an argument, such as all parameters.
  bool looks(const Step& s, ValueId id) const {
    if (!s.op->view || s.inputs != 1 || s.outputs != 1 || graph_.value(id).has_numbers())
      return false;
    const ValueId source = graph_.inputs(s)[0];
    const Type& type = graph_.value(source).type;
    return type.dtype == DType::f32 &&
           (is_input_[source] ||
            element_count(type.shape) <= element_count(graph_.value(id).type.shape));
  }
  // The value rounded: where it is a view, the view of what it looks at, so that a matrix and its
  // transpose are rounded once.
  ValueId narrowed(ValueId id) {
    const Step& s = graph_.step_of(id);
    if (!looks(s, id)) return cast_to(at_[id], narrow_);
    const ValueId source = narrowed(graph_.inputs(s)[0]);
    return tape_.record(*s.op, std::span(&source, 1), graph_.attrs(s));
  }

  ValueId cast_to(ValueId id, DType type) { return tape_.place(cast(tape_.tensor(id), type)); }

  const Graph& graph_;
  DType narrow_;
  Tape tape_;
  std::vector<ValueId> at_;     // of each value, here
  std::vector<bool> is_input_;  // inputs of the graph
};

}  // namespace

Graph with_precision(const Graph& graph, DType narrow) {
  if (narrow != DType::bf16 && narrow != DType::f16)
    raise(ErrorKind::dtype, "with_precision: products cannot be rounded to " +
                                std::string(name_of(narrow)) + ". Choose bf16 or f16.");
  return Narrowing(graph, narrow).run();
}

}  // namespace gradus
