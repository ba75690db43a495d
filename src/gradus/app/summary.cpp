// gradus summary NAME|FILE: the layers of a model, their shapes, parameters, operations and memory.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/init.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/models.h>
#include <gradus/nn/summary.h>
#include <gradus/train/progress.h>
#include <gradus/train/recipes.h>

#include <algorithm>
#include <filesystem>

namespace gradus::app {
namespace {

namespace fs = std::filesystem;

struct SummaryWords {
  std::string what;
  std::string input;
  int64_t batch = 1;
};

// 61706 -> "61 706"; 4089184 -> "4.09 M".
std::string amount(double x) {
  if (x < 1e6) return text::grouped(static_cast<int64_t>(x));
  const char* units[] = {" M", " G", " T", " P"};
  int unit = 0;
  for (x /= 1e6; x >= 1000 && unit < 3; ++unit) x /= 1000;
  return text::fixed(x, x < 10 ? 2 : x < 100 ? 1 : 0) + units[unit];
}

// "5x5"; "5" where both axes agree.
std::string along_axes(const int64_t (&n)[2]) {
  return n[0] == n[1] ? std::to_string(n[0]) : std::to_string(n[0]) + "x" + std::to_string(n[1]);
}

// "3x64x64" as the shape of an example; one axis fewer than that of the model, which has the batch.
Shape parse_shape(const std::string& word, int axes) {
  Shape shape;
  bool right = true;
  for (size_t from = 0, end; right && from <= word.size(); from = end + 1) {
    end = std::min(word.find('x', from), word.size());
    const auto n = text::parse_int64(std::string_view(word).substr(from, end - from));
    right = n && *n >= 1 && *n <= 8192 && shape.size() < axes;
    if (right) shape.push_back(*n);
  }
  if (!right || shape.size() != axes)
    raise(ErrorKind::usage,
          "summary: --input is '" + word + "'. It is the shape of one example, here " +
              (axes == 1 ? "1 number" : std::to_string(axes) + " numbers with x between them") +
              ", from 1 to 8192.");
  return shape;
}

ModelSummary of_model(const NamedModel& m, const SummaryWords& w) {
  Type input = m.input;
  if (!w.input.empty()) {
    const Shape one = parse_shape(w.input, input.shape.size() - 1);
    for (int i = 0; i < one.size(); ++i) input.shape[i + 1] = one[i];
  }
  input.shape[0] = w.batch;
  return summarise(m.make({}), input);
}

void shape_is_settled(const SummaryWords& w) {
  if (!w.input.empty())
    raise(ErrorKind::usage, "summary: --input is '" + w.input +
                                "', and only known models and files of them take it.");
}

// Whose names and shapes are those of a known model is described as that model.
ModelSummary of_file(const std::string& path, const SummaryWords& w) {
  const StateDict tensors = read_safetensors(path).tensors;
  const NamedModel* known = model_of(tensors);
  if (known == nullptr) shape_is_settled(w);
  ModelSummary s = known != nullptr ? of_model(*known, w) : summarise(tensors);
  s.says = fs::path(path).filename().string() + (known != nullptr ? ": " + s.says : "");
  return s;
}

ModelSummary of_mlp(const std::string& word, int64_t batch) {
  const MlpSpec spec = parse_mlp(word);
  return summarise(Model(describe(spec), make_mlp(spec, {})),
                   {DType::f32, {batch, spec.sizes.front()}});
}

ModelSummary of_recipe(const Recipe& recipe, int64_t batch) {
  TrainConfig config;
  recipe.defaults(config);
  const auto assignment = recipe.assign(config);
  return summarise(assignment->model, assignment->training->x(batch));
}

[[noreturn]] void refuse(const std::string& what) {
  std::vector<std::string_view> names;
  for (const NamedModel& m : named_models()) names.push_back(m.name);
  for (const Recipe& r : recipes())
    if (r.assign != nullptr && std::ranges::find(names, r.name) == names.end())
      names.push_back(r.name);
  auto close = text::nearest(what, names);
  if (const auto longer = std::ranges::find_if(
          names, [&](std::string_view n) { return !what.empty() && n.starts_with(what); });
      !close && longer != names.end())
    close = *longer;
  raise(ErrorKind::usage, "summary: there is no model and no file '" + what + "'. Models are " +
                              text::join(names, ", ") + " and such as mlp:784-128-10." +
                              (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

ModelSummary summary_of(const SummaryWords& w) {
  if (w.batch < 1 || w.batch > 1 << 20)
    raise(ErrorKind::usage,
          "summary: --batch is " + std::to_string(w.batch) + ". It must be from 1 to 1048576.");
  const Undrawn shapes_alone;
  if (const NamedModel* m = find_model(w.what)) return of_model(*m, w);
  if (w.what.starts_with("mlp:")) return shape_is_settled(w), of_mlp(w.what, w.batch);
  if (const Recipe* r = find_recipe(w.what); r != nullptr && r->assign != nullptr)
    return shape_is_settled(w), of_recipe(*r, w.batch);
  const fs::path path = w.what;
  if (fs::is_directory(path)) return of_file((path / "model.safetensors").string(), w);
  if (fs::exists(path)) return of_file(w.what, w);
  refuse(w.what);
}

std::string shape_text(const Shape& shape) {
  return shape.empty() ? "" : to_string(shape);
}

// Whether a layer sees more than a pixel.
bool has_maps(const ModelSummary& s) {
  return std::ranges::any_of(
      s.layers, [](const LayerSummary& l) { return l.field && *l.field != ReceptiveField{}; });
}

std::string table(const ModelSummary& s) {
  const bool computed = s.flops > 0;
  const bool maps = has_maps(s);
  std::vector<std::vector<std::string>> rows = {{"layer"}};
  if (computed) rows[0].push_back("output");
  if (maps) rows[0].insert(rows[0].end(), {"sees", "stride"});
  rows[0].push_back("parameters");
  if (computed) rows[0].push_back("FLOPs");
  for (const LayerSummary& l : s.layers) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(l.path.empty() ? "(model)" : l.path);
    if (computed) row.push_back(shape_text(l.output));
    if (maps) {
      row.push_back(l.field ? along_axes(l.field->size) : "");
      row.push_back(l.field ? along_axes(l.field->stride) : "");
    }
    row.push_back(l.parameters ? text::grouped(l.parameters) : "");
    if (computed) row.push_back(l.flops > 0 ? amount(l.flops) : "");
  }
  std::vector<size_t> widths(rows[0].size());
  for (const auto& r : rows)
    for (size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], text::width(r[i]));
  std::string out = s.says + "\n\n";
  for (const auto& r : rows) {
    std::string line;
    for (size_t i = 0; i < r.size(); ++i) {
      const bool words = i == 0 || (computed && i == 1);
      line += (i ? "  " : "") +
              (words ? text::pad_right(r[i], widths[i]) : text::pad_left(r[i], widths[i]));
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  out += "\nparameters  " + text::grouped(s.parameters) + ", " +
         bytes_text(static_cast<double>(s.parameter_bytes)) + "\n";
  if (s.statistics > 0) out += "statistics  " + text::grouped(s.statistics) + "\n";
  if (!computed) return out;
  return out + "forward     " + amount(s.flops) + (s.flops < 1e6 ? " " : "") + "FLOPs for " +
         to_string(s.input) + " -> " + to_string(s.output) + "\n" + "activations " +
         bytes_text(static_cast<double>(s.activation_bytes)) + "\ntraining    " +
         bytes_text(static_cast<double>(s.training_bytes())) +
         " with gradients, Adam and all activations\n" +
         (maps ? "sees        pixels across that can change one element of a map; stride, pixels "
                 "between neighbours\n"
               : "");
}

std::string to_json(const ModelSummary& s) {
  const auto number = [](double x) { return text::number17(x); };
  std::string out = "{\"model\":" + text::quote_json(s.says) +
                    ",\"parameters\":" + std::to_string(s.parameters) +
                    ",\"statistics\":" + std::to_string(s.statistics) +
                    ",\"parameter_bytes\":" + std::to_string(s.parameter_bytes);
  if (s.flops > 0)
    out += ",\"input\":" + text::quote_json(to_string(s.input)) +
           ",\"output\":" + text::quote_json(to_string(s.output)) +
           ",\"flops\":" + number(s.flops) +
           ",\"activation_bytes\":" + std::to_string(s.activation_bytes) +
           ",\"training_bytes\":" + std::to_string(s.training_bytes());
  out += ",\"layers\":[";
  for (size_t i = 0; i < s.layers.size(); ++i) {
    const LayerSummary& l = s.layers[i];
    out += std::string(i ? "," : "") + "{\"path\":" + text::quote_json(l.path) +
           ",\"parameters\":" + std::to_string(l.parameters);
    if (s.flops > 0) {
      out += ",\"output\":[";
      for (int a = 0; a < l.output.size(); ++a) out += (a ? "," : "") + std::to_string(l.output[a]);
      out += "],\"flops\":" + number(l.flops);
      const auto pair = [](const int64_t(&n)[2]) {
        return "[" + std::to_string(n[0]) + "," + std::to_string(n[1]) + "]";
      };
      if (l.field)
        out +=
            ",\"receptive_field\":" + pair(l.field->size) + ",\"stride\":" + pair(l.field->stride);
    }
    out += "}";
  }
  return out + "]}\n";
}

}  // namespace

void add_summary(Command& command, const Settings& settings) {
  const auto w = std::make_shared<SummaryWords>();
  command.word("NAME|FILE", w->what,
               "a model (lenet5, resnet18, vit-b16, gpt2, mlp:784-128-10), a recipe of train, a "
               "safetensors file or a run folder");
  command.option("--input", w->input, "shape of one example for a model of pictures: 3x64x64");
  command.option("--batch", w->batch, "examples at once");
  command.example("gradus summary resnet18");
  command.example("gradus summary gpt2 --json");
  command.example("gradus summary resnet50 --input 3x160x160 --batch 32");
  command.runs([w, &settings] {
    const ModelSummary s = summary_of(*w);
    print(settings.json ? to_json(s) : table(s));
    return static_cast<int>(done);
  });
}

}  // namespace gradus::app
