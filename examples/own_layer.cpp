// A layer, a loss and an operation of your own: gradients come free, and are checked.
#include <gradus/diff/check.h>
#include <gradus/diff/custom.h>
#include <gradus/nn/module.h>
#include <gradus/gradus.hpp>

#include <cstdio>

using namespace gradus;

// y = x + gate * tanh(x W): a residual layer whose gate is learnt.
struct GatedResidual {
  Tensor weight;  // (n, n)
  Tensor gate;    // (n)
  Tensor operator()(const Tensor& x) const { return x + gate * tanh(matmul(x, weight)); }

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("gate", self.gate);
  }
};

// log cosh(prediction - target): square near 0, absolute far away.
Tensor log_cosh(const Tensor& prediction, const Tensor& target) {
  const Tensor d = prediction - target;
  return mean(softplus(-2.0 * d) + d - 0.693147180559945309);
}

// Rounds, and lets the gradient straight through.
const auto straight_round =
    custom_vjp([](const Tensor& x) { return round(x); },
               [](const Tensor&, const Tensor&, const Tensor& y_bar) { return y_bar; },
               {.name = "straight_round", .exact = false});

int main() {
  const GatedResidual layer{{{0.5, -1}, {0.3, 0.8}}, {0.1, 2}};
  const Tensor x{{1, 2}, {-0.5, 0.4}}, target{{0, 3}, {1, 1}};
  const auto loss = [&](const GatedResidual& l) { return log_cosh(l(x), target); };
  const ValueAndGrads r = gradients(layer, loss);
  std::printf("loss %.6f\n", number(r.value));
  const Function f = [&](std::span<const Tensor> p) { return loss(with_parameters(layer, p)); };
  const GradReport report = gradcheck(f, parameters(layer), {.names = {"weight", "gate"}});
  std::printf("gradcheck %s, %lld elements\n", report.passed ? "passed" : "failed",
              static_cast<long long>(report.elements));
  std::printf("through round %s\n", to_string(grad([](const Tensor& v) {
                                      return sum(square(straight_round(v)));
                                    })(Tensor{0.6, 2.4}))
                                        .c_str());
}
