// gradus convert RUN|FILE OUT: weights as another program loads them.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/torch_names.h>
#include <gradus/train/checkpoint.h>
#include <gradus/train/run_files.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <filesystem>
#include <memory>

namespace gradus::app {
namespace {

namespace fs = std::filesystem;

struct ConvertWords {
  std::string source, to = "torch-names", file;
};

struct Source {
  SafeTensors weights;
  bool is_scaled = false;  // a run that scales what goes in
};

Source load(const std::string& path) {
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) {
    const RunFiles run = read_run(path);
    const bool is_scaled = std::ranges::any_of(run.entries, [](const TomlEntry& e) {
      const auto* mean = std::get_if<std::vector<double>>(&e.value);
      return e.key == "scaling.mean" && mean != nullptr && !mean->empty();
    });
    return {read_safetensors((fs::path(path) / "model.safetensors").string()), is_scaled};
  }
  SafeTensors file = read_safetensors(path);
  if (metadata_of(file, "format") == "gradus checkpoint") file.tensors = weights_at(path);
  return {std::move(file), false};
}

std::string list_of_names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& n : names) list += (list.empty() ? "" : ",") + text::quote_json(n);
  return "[" + list + "]";
}

int run(const ConvertWords& w, const Settings& settings) {
  if (fs::path(w.file).extension() != ".safetensors")
    raise(ErrorKind::usage, "convert: the file to write is '" + w.file +
                                "'. torch-names are written as safetensors. Give it a name that "
                                "ends with .safetensors.");
  Source source = load(w.source);
  TorchState state = torch_state(source.weights.tensors);
  // transformers refuses files whose format is not that of a framework it knows.
  std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}};
  for (auto& entry : source.weights.metadata)
    if (entry.first != "format" && entry.first != "sha256") metadata.push_back(std::move(entry));
  int64_t numbers = 0;
  for (const auto& [name, x] : state.tensors) numbers += x.size();
  const size_t count = state.tensors.size();
  write_safetensors(w.file, {std::move(state.tensors), std::move(metadata)});
  if (settings.json) {
    print("{\"file\":" + text::quote_json(w.file) + ",\"to\":" + text::quote_json(w.to) +
          ",\"tensors\":" + std::to_string(count) + ",\"numbers\":" + std::to_string(numbers) +
          ",\"added\":" + list_of_names(state.added) +
          ",\"dropped\":" + list_of_names(state.dropped) + "}\n");
    return done;
  }
  std::string out = "wrote    " + w.file + ": " + std::to_string(count) + " tensors, " +
                    text::grouped(numbers) + " numbers\n";
  if (!state.added.empty()) out += "added    " + text::join(state.added, ", ") + "\n";
  if (!state.dropped.empty()) out += "dropped  " + text::join(state.dropped, ", ") + "\n";
  out += "load     model.load_state_dict(safetensors.torch.load_file(" + text::quote_json(w.file) +
         "))\n";
  if (source.is_scaled)
    out += "inputs   (x - mean) / scale, with scaling.mean and scaling.scale of " +
           (fs::path(w.source) / "run.toml").string() + "\n";
  print(out);
  return done;
}

}  // namespace

void add_convert(Command& command, const Settings& settings) {
  const auto w = std::make_shared<ConvertWords>();
  command.word("RUN|FILE", w->source,
               "a run of train, one of its checkpoints, or a safetensors file");
  command.word("OUT", w->file, "the file to write, .safetensors");
  command.choice("--to", w->to,
                 "torch-names: what load_state_dict of the same architecture in PyTorch takes",
                 {"torch-names"});
  command.example("gradus convert runs/0001-lenet5 --to torch-names lenet5.safetensors");
  command.example("gradus convert runs/0001-gpt/checkpoints/step-200.safetensors gpt.safetensors");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
