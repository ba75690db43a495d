#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/activations.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/init.h>
#include <gradus/nn/mlp.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

#include <limits>

namespace gradus {
namespace {

constexpr std::string_view prefix = "mlp:";
constexpr int64_t most_parameters = int64_t{1} << 30;  // 4 GiB in f32, before any optimiser

std::string sizes_of(const MlpSpec& spec) {
  std::vector<std::string> words;
  for (int64_t n : spec.sizes) words.push_back(std::to_string(n));
  return text::join(words, "-");
}

[[noreturn]] void model_error(std::string_view text, const std::string& why) {
  raise(ErrorKind::usage, "model: '" + std::string(text) + "' " + why);
}

}  // namespace

MlpSpec parse_mlp(std::string_view text) {
  if (!text.starts_with(prefix))
    model_error(text, "is no model. Models are written mlp:64-128-10.");
  MlpSpec spec;
  std::string_view rest = text.substr(prefix.size());
  for (bool more = true; more;) {
    const size_t end = rest.find('-');
    more = end != std::string_view::npos;
    const std::string_view word = rest.substr(0, end);
    const auto size = text::parse_int64(word);
    if (!size || *size < 1 || *size > most_parameters)
      model_error(text, "has the size '" + std::string(word) +
                            "'. Sizes are whole numbers from 1 on, joined by '-'.");
    spec.sizes.push_back(*size);
    if (more) rest.remove_prefix(end + 1);
  }
  if (spec.sizes.size() < 2)
    model_error(text, "has one size. Give the inputs and the outputs at least, as mlp:64-10.");
  if (parameter_count(spec) > most_parameters)
    model_error(text, "has more than 2^30 parameters. Choose smaller layers.");
  return spec;
}

std::string describe(const MlpSpec& spec) {
  return "MLP " + sizes_of(spec) + " " + spec.activation + (spec.bias ? "" : ", no bias") +
         (spec.dropout > 0 ? ", dropout " + text::number(spec.dropout) : "");
}

int64_t parameter_count(const MlpSpec& spec) {
  int64_t count = 0;
  for (size_t i = 1; i < spec.sizes.size(); ++i) {
    int64_t layer;
    if (__builtin_mul_overflow(spec.sizes[i - 1] + (spec.bias ? 1 : 0), spec.sizes[i], &layer) ||
        __builtin_add_overflow(count, layer, &count))
      return std::numeric_limits<int64_t>::max();
  }
  return count;
}

Tensor Mlp::operator()(const Tensor& x) const {
  Pass pass;
  return (*this)(x, pass);
}

Tensor Mlp::operator()(const Tensor& x, Pass& pass) const {
  const Activation f = gradus::activation(activation);
  Tensor h = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    h = layers[i](h);
    if (i + 1 == layers.size()) break;
    const Scope scope(layers[i].path);
    h = f(h);
    if (dropout > 0) h = gradus::dropout(h, dropout, pass, layers[i].path);
  }
  return h;
}

Mlp make_mlp(const MlpSpec& spec, Key key, DType dtype) {
  activation(spec.activation);  // raises now rather than at the first call
  Mlp model;
  model.activation = spec.activation;
  model.dropout = spec.dropout;
  for (size_t i = 0; i + 1 < spec.sizes.size(); ++i) {
    Linear layer = make_linear(split(key, i), spec.sizes[i], spec.sizes[i + 1],
                               {spec.init, spec.gain, spec.bias, dtype});
    layer.path = std::to_string(2 * i);
    model.layers.push_back(std::move(layer));
  }
  return model;
}

}  // namespace gradus
