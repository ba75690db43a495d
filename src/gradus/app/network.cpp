#include <gradus/app/network.h>
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <filesystem>

namespace gradus::app {
namespace {

Function loss_of(const Model& model, const std::string& loss, const Tensor& x, const Tensor& y) {
  return [=](std::span<const Tensor> parameters) {
    const DType type = parameters[0].dtype();
    const Tensor z = with_parameters(model, parameters)(cast(x, type));
    if (loss == "mse") return mse(z, cast(y, type), Reduction::mean);
    if (loss == "bce") return binary_cross_entropy_with_logits(z, cast(y, type), Reduction::mean);
    return cross_entropy(z, y, Reduction::mean);
  };
}

Network network_of(const Model& model, const std::string& loss, const Tensor& x, const Tensor& y,
                   const std::string& data) {
  Network n;
  for (const auto& [name, tensor] : named_parameters(model)) {
    n.names.push_back(name);
    n.parameters.push_back(tensor);
  }
  n.says = model.says() + ", " + loss + " on " + data;
  n.loss = loss_of(model, loss, x, y);
  return n;
}

Network of_run(const std::string& folder, const NetworkOptions& options) {
  const TrainedRun run = load_run(folder);
  TrainConfig config = run.config;
  const std::string source = options.data.empty() ? config.data : options.data;
  Dataset data = load_dataset(config, source, config.seed, &run.like);
  std::vector<int64_t> first;
  for (int64_t i = 0; i < std::min(options.examples, data.examples); ++i) first.push_back(i);
  data = pick(data, first);
  run.scaling.apply(data);
  const Tensor x = from_vector(data.x, {data.examples, data.features});
  Tensor y = from_vector(data.y);
  if (run.loss == "mse" && !data.target.empty()) y = from_vector(data.target);
  if (run.loss != "cross-entropy")
    y = cast(from_span<double>(numbers(y), {data.examples, 1}), DType::f32);
  return network_of(run.model, run.loss, x, y,
                    std::to_string(data.examples) + " examples of " + source +
                        (data.left_out.empty() ? "" : " without " + data.left_out));
}

// Layers named as in PyTorch's Sequential: "0.weight" (out, in), "0.bias", "2.weight", ...
Network of_weights(const std::string& path, const NetworkOptions& options, uint64_t seed) {
  const SafeTensors file = read_safetensors(path);
  MlpSpec spec{.bias = false};
  if (!options.activation.empty()) spec.activation = options.activation;
  for (const auto& [name, x] : file.tensors) spec.bias |= name == "0.bias";
  for (size_t layer = 0;; ++layer) {
    const std::string wanted = std::to_string(2 * layer) + ".weight";
    const auto found = std::ranges::find_if(
        file.tensors, [&](const auto& named_tensor) { return named_tensor.first == wanted; });
    if (found == file.tensors.end()) break;
    const Shape& shape = found->second.shape();
    if (shape.size() != 2 || (layer > 0 && shape[1] != spec.sizes.back()))
      raise(ErrorKind::file, path + ": '" + wanted + "' is " + to_string(found->second.type()) +
                                 ", which does not continue a chain of layers (out, in)");
    if (layer == 0) spec.sizes.push_back(shape[1]);
    spec.sizes.push_back(shape[0]);
  }
  if (spec.sizes.size() < 2)
    raise(ErrorKind::file, path +
                               ": there is no '0.weight'. Only a perceptron's weights, named "
                               "0.weight, 0.bias, 2.weight, ..., can be run without a run "
                               "folder.");
  for (int64_t n : spec.sizes)
    if (n < 1) raise(ErrorKind::file, path + ": a layer of size 0 computes nothing");
  const Model model(describe(spec), load_state(make_mlp(spec, key_from_seed(0)), file.tensors));
  const int64_t rows = options.examples, inputs = spec.sizes.front(), outputs = spec.sizes.back();
  const Key key = key_from_seed(seed);
  std::vector<float> x(static_cast<size_t>(rows * inputs));
  fill_normal(split(key, 0), 0, std::span<float>(x));
  std::vector<int64_t> classes(static_cast<size_t>(rows));
  fill_integers(split(key, 1), 0, std::max<int64_t>(outputs, 2), std::span<int64_t>(classes));
  Tensor y = from_vector(classes);
  if (outputs == 1) y = cast(from_span<double>(numbers(y), {rows, 1}), DType::f32);
  return network_of(model, outputs == 1 ? "mse" : "cross-entropy", from_vector(x, {rows, inputs}),
                    y, std::to_string(rows) + " random examples");
}

}  // namespace

bool names_network(const std::string& word) {
  std::error_code failed;
  constexpr const char* in_paths =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
  const bool path =
      word.find('/') != std::string::npos && word.find_first_not_of(in_paths) == std::string::npos;
  return path || word.ends_with(".safetensors") || std::filesystem::exists(word, failed);
}

Network load_network(const std::string& path, const NetworkOptions& options, uint64_t seed) {
  constexpr int64_t most = 1'000'000;
  if (options.examples < 1 || options.examples > most)
    raise(ErrorKind::usage,
          "--examples lies in 1 to 1 000 000, but is " + std::to_string(options.examples));
  if (!std::filesystem::exists(path))
    raise(ErrorKind::file, path +
                               ": there is no such run or file. An expression needs values, as in "
                               "--at x=1.");
  return std::filesystem::is_directory(path) ? of_run(path, options)
                                             : of_weights(path, options, seed);
}

}  // namespace gradus::app
