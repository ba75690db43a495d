#include <gradus/core/buffer.h>
#include <gradus/nn/summary.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace gradus {
namespace {

std::string module_of(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

LayerSummary& layer_at(ModelSummary& s, const std::string& path) {
  const auto found = std::ranges::find(s.layers, path, &LayerSummary::path);
  if (found != s.layers.end()) return *found;
  s.layers.push_back({.path = path});
  return s.layers.back();
}

void add_parameter(ModelSummary& s, const std::string& path, const Tensor& x) {
  layer_at(s, module_of(path)).parameters += x.size();
  s.parameters += x.size();
  s.parameter_bytes += byte_count(x.type());
}

void add_statistic(ModelSummary& s, const std::string& path, const Tensor& x) {
  layer_at(s, module_of(path)).statistics += x.size();
  s.statistics += x.size();
}

bool names_statistic(const std::string& path) {
  return std::ranges::any_of(
      std::initializer_list<const char*>{"running_mean", "running_var", "num_batches_tracked",
                                         "attn.bias", "attn.masked_bias"},
      [&](const char* end) { return path.ends_with(end); });
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (a.rank() < 2 || !(a.type() == b.type())) return false;
  const View x = view_of(a), y = view_of(b);
  return x.is_row_major() && y.is_row_major() &&
         std::memcmp(x.data, y.data, static_cast<size_t>(byte_count(a.type()))) == 0;
}

}  // namespace

ModelSummary summarise(const Model& made, const Type& input) {
  Tape tape("summarise", true);
  std::vector<Tensor> places;  // of the model's tensors: their types alone
  for (const auto& [path, p] : state_dict(made))
    places.push_back(tape.tensor(tape.input(p.type(), path)));
  const Model model = with_state(made, places);
  ModelSummary s{.says = model.says(), .input = input};
  const Tensor x = tape.tensor(tape.input(input, "input"));
  const size_t first = tape.step_count();
  Pass pass;
  const Tensor y = model(x, pass);
  s.output = y.type();

  // Fields by name; a module without steps of its own keeps its place in the list of fields.
  ModelSummary fields;
  each_parameter(model,
                 [&](const std::string& path, const Tensor& p) { add_parameter(fields, path, p); });
  each_statistic(model, [&](const std::string& path, const Statistic& p) {
    add_statistic(fields, path, p.value);
  });

  // A step outside every layer, such as an activation or a sum, counts with the layer before it.
  std::string at, before = "\n";
  for (size_t i = first; i < tape.step_count(); ++i) {
    const Step& step = tape.step(i);
    if (step.op->kind == Kind::source) continue;
    std::vector<Type> in;
    for (const ValueId v : tape.inputs(step)) in.push_back(tape.value(v).type);
    const std::string& scope = tape.scope(step.first_out);
    if (!scope.empty()) at = scope;
    LayerSummary& layer = layer_at(s, at);
    if (at != before) ++layer.calls;
    before = at;
    for (uint16_t o = 0; o < step.outputs; ++o) {
      const Type& out = tape.value(step.first_out + o).type;
      const bool moves = step.op->work == nullptr && !step.op->pointwise;
      if (step.op->work != nullptr)
        layer.flops += step.op->work(in, tape.attrs(step), out);
      else if (step.op->pointwise)
        layer.flops += static_cast<double>(element_count(out.shape));
      if (!moves) layer.activation_bytes += byte_count(out);
      if (!scope.empty() || at.empty()) layer.output = out.shape;
    }
  }
  for (const LayerSummary& f : fields.layers) {
    LayerSummary& layer = layer_at(s, f.path);
    layer.parameters += f.parameters;
    layer.statistics += f.statistics;
  }
  for (const LayerSummary& l : s.layers) {
    s.flops += l.flops;
    s.activation_bytes += l.activation_bytes;
  }
  s.parameters = fields.parameters;
  s.statistics = fields.statistics;
  s.parameter_bytes = fields.parameter_bytes;
  return s;
}

ModelSummary summarise(const StateDict& tensors) {
  ModelSummary s;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [path, x] = tensors[i];
    const bool shared = std::ranges::any_of(std::span(tensors).first(i),
                                            [&](const auto& t) { return same_bytes(t.second, x); });
    if (names_statistic(path))
      add_statistic(s, path, x);
    else if (!shared)
      add_parameter(s, path, x);
  }
  return s;
}

}  // namespace gradus
