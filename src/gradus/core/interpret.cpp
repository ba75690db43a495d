#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>

namespace gradus {

std::vector<Tensor> interpret_all(const Graph& graph, std::span<const Tensor> inputs) {
  std::vector<Tensor> values(graph.value_count());
  const std::vector<ValueId>& ids = graph.input_ids();
  if (inputs.size() != ids.size())
    raise(ErrorKind::trace, "interpret: got " + std::to_string(inputs.size()) +
                                " inputs for a graph of " + std::to_string(ids.size()) +
                                ". Give one tensor for each.");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!(graph.value(ids[i]).type == inputs[i].type()))
      raise(ErrorKind::shape,
            "interpret: input " + std::to_string(i) + " is " + to_string(inputs[i].type()) +
                ", but the graph was recorded for " + to_string(graph.value(ids[i]).type) + ".");
    values[ids[i]] = inputs[i];
  }
  for (size_t i = 0; i < graph.step_count(); ++i) {
    const Step& s = graph.step(i);
    if (!values[s.first_out].is_absent()) continue;
    if (s.op->kind == Kind::source) {
      values[s.first_out] = Tensor(graph.value(s.first_out).type, graph.value(s.first_out).buffer);
      continue;
    }
    std::vector<Type> in_types, out_types;
    std::vector<Buffer> in, out(s.outputs);
    for (ValueId id : graph.inputs(s)) {
      in_types.push_back(values[id].type());
      in.push_back(buffer_of(values[id]));
    }
    for (uint16_t o = 0; o < s.outputs; ++o) out_types.push_back(graph.value(s.first_out + o).type);
    run_op(*s.op, in_types, in, graph.attrs(s), out_types, out);
    for (uint16_t o = 0; o < s.outputs; ++o) values[s.first_out + o] = Tensor(out_types[o], out[o]);
  }
  return values;
}

std::vector<Tensor> interpret(const Graph& graph, std::span<const Tensor> inputs) {
  const std::vector<Tensor> values = interpret_all(graph, inputs);
  std::vector<Tensor> outputs;
  for (ValueId id : graph.output_ids()) outputs.push_back(values[id]);
  return outputs;
}

}  // namespace gradus
