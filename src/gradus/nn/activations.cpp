#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/nn/activations.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

namespace gradus {
namespace {

struct Named {
  std::string_view name;
  Activation f;
};

constexpr Named activations[] = {
    {"relu", relu},
    {"tanh", tanh},
    {"sigmoid", sigmoid},
    {"gelu", gelu},
    {"gelu_tanh", gelu_tanh},
    {"silu", silu},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
    {"elu", [](const Tensor& x) { return elu(x); }},
    {"softplus", softplus},
    {"identity", identity},
};

}  // namespace

Tensor leaky_relu(const Tensor& x, double slope) {
  return where(x > 0.0, x, slope * x);
}

Tensor prelu(const Tensor& x, const Tensor& slope) {
  return where(x > 0.0, x, slope * x);
}

Tensor elu(const Tensor& x, double alpha) {
  return where(x > 0.0, x, alpha * expm1(x));
}

Tensor identity(const Tensor& x) {
  return x;
}

const std::vector<std::string_view>& activation_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Named& a : activations) all.push_back(a.name);
    return all;
  }();
  return names;
}

Activation activation(std::string_view name) {
  for (const Named& a : activations)
    if (a.name == name) return a.f;
  const auto& names = activation_names();
  const auto close = text::nearest(name, names);
  raise(ErrorKind::usage, "activation: there is no '" + std::string(name) +
                              "'. The activations are " + text::join(names, ", ") + "." +
                              (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

Tensor probabilities(const Tensor& logits, double temperature) {
  if (!(temperature > 0))
    raise(ErrorKind::domain, "probabilities: temperature " + text::number(temperature) +
                                 " is not positive. Logits are divided by it. Use argmax for the "
                                 "limit 0.");
  return softmax(temperature == 1 ? logits : logits / temperature);
}

}  // namespace gradus
