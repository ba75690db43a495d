#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/nn/mlp.h>
#include <gradus/train/models.h>

namespace gradus {
namespace {

MlpSpec spec_of(const TrainConfig& c) {
  MlpSpec spec = parse_mlp(c.model);
  spec.activation = c.activation;
  spec.init = c.init;
  spec.gain = c.init_gain;
  spec.dropout = c.dropout;
  return spec;
}

}  // namespace

void settle_model(TrainConfig& c, const Dataset& d, int64_t outputs) {
  const bool plane = d.features <= 2;
  if (c.model.empty()) {
    const std::string hidden = plane ? "32-32" : "128";
    c.model = "mlp:" + std::to_string(d.features) + "-" + hidden + "-" + std::to_string(outputs);
  }
  if (c.activation.empty()) c.activation = plane ? "tanh" : "relu";
  if (fits(c, d, outputs)) return;
  const MlpSpec spec = parse_mlp(c.model);
  raise(ErrorKind::usage,
        "train: the model " + c.model + " takes " + std::to_string(spec.sizes.front()) +
            " inputs and gives " + std::to_string(spec.sizes.back()) + " outputs, but " + d.source +
            " has " + std::to_string(d.features) + " features and needs " +
            std::to_string(outputs) + ". Write mlp:" + std::to_string(d.features) + "-...-" +
            std::to_string(outputs) + ".");
}

bool fits(const TrainConfig& c, const Dataset& like, int64_t outputs) {
  const MlpSpec spec = parse_mlp(c.model);
  return spec.sizes.front() == like.features && spec.sizes.back() == outputs;
}

Model make_model(const TrainConfig& c, const Dataset&, Key key) {
  const MlpSpec spec = spec_of(c);
  return {describe(spec), make_mlp(spec, key)};
}

bool draws(const TrainConfig& c) {
  return c.dropout > 0;
}

}  // namespace gradus
