#include <gradus/core/buffer.h>
#include <gradus/nn/summary.h>
#include <gradus/ops/window.h>

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

using Field = std::optional<ReceptiveField>;

bool is_map(const Type& type) {
  return type.shape.size() == 4 && is_float(type.dtype);
}

// Of the map that a step writes. Steps of several maps see what the widest sees; one that only
// moves elements may thin the map out. What is no map, and what is made of something else, has
// none.
Field field_of(const Step& step, std::span<const Type> in, std::span<const Field> from,
               const Attrs& attrs, const Type& out) {
  if (!is_map(out)) return {};
  Field field;
  size_t widest = 0;
  for (size_t i = 0; i < in.size(); ++i)
    if (from[i] &&
        (!field || from[i]->size[0] * from[i]->size[1] > field->size[0] * field->size[1])) {
      field = from[i];
      widest = i;
    }
  if (!field) return {};
  const auto window = window_of(*step.op, in, attrs);
  const Shape& before = in[widest].shape;
  const bool maps = window || step.op->work == nullptr ||
                    (before.size() == 4 && before[2] == out.shape[2] && before[3] == out.shape[3]);
  if (!maps) return {};
  for (int a = 0; a < 2; ++a) {
    if (window) {
      field->size[a] += (window->size[a] - 1) * field->stride[a];
      field->stride[a] *= window->stride[a];
    } else if (out.shape[2 + a] > 0) {
      const int64_t had = before[before.size() - 2 + a], has = out.shape[2 + a];
      if (before.size() == 4 && has < had) field->stride[a] *= (had + has / 2) / has;
    }
  }
  return field;
}

}  // namespace

ModelSummary summarise(const Model& made, const Type& input) {
  Tape tape("summarise", true);
  std::vector<Tensor> places;  // of the model's tensors: their types alone
  for (const auto& [path, p] : state_dict(made))
    places.push_back(tape.tensor(tape.input(p.type(), path)));
  const Model model = with_state(made, places);
  ModelSummary s{.says = model.says(), .input = input};
  const ValueId input_id = tape.input(input, "input");
  const Tensor x = tape.tensor(input_id);
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

  // What a layer gives to others, such as every state of a recurrent one rather than its last.
  std::vector<char> read(tape.value_count(), false);
  for (size_t i = first; i < tape.step_count(); ++i)
    for (const ValueId v : tape.inputs(tape.step(i)))
      if (tape.scope(v) != tape.scope(tape.step(i).first_out)) read[v] = true;
  read.back() = true;
  std::vector<Field> seen(tape.value_count());
  if (is_float(input.dtype)) seen[input_id] = ReceptiveField{};

  // A step outside every layer, such as an activation or a sum, counts with the layer before it.
  std::string at, before = "\n";
  for (size_t i = first; i < tape.step_count(); ++i) {
    const Step& step = tape.step(i);
    if (step.op->kind == Kind::source) continue;
    std::vector<Type> in;
    std::vector<Field> from;
    for (const ValueId v : tape.inputs(step)) {
      in.push_back(tape.value(v).type);
      from.push_back(seen[v]);
    }
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
      seen[step.first_out + o] = field_of(step, in, from, tape.attrs(step), out);
      const bool given = read[step.first_out + o] || layer.output.empty();
      if (given && (!scope.empty() || at.empty())) {
        layer.output = out.shape;
        layer.field = seen[step.first_out + o];
      }
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
