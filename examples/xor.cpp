// Learns XOR: a planned training step of a 2-8-1 network with Adam. Strips to well under 2 MB.
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/module.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gradus/gradus.hpp>

#include <cstdio>

using namespace gradus;

struct Net {
  Linear hidden, output;
  Tensor operator()(const Tensor& x) const { return output(tanh(hidden(x))); }

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("hidden", self.hidden);
    visit("output", self.output);
  }
};

int main() {
  const LinearOptions xavier{.init = "xavier", .dtype = DType::f64};
  const Key key = key_from_seed(0);
  const Net model{make_linear(split(key, 0), 2, 8, xavier),
                  make_linear(split(key, 1), 8, 1, xavier)};
  const std::vector<Tensor> like = parameters(model);
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = 0.05;

  const Tensor x{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const Tensor y = reshape(Tensor{0, 1, 1, 0}, {4, 1});
  const Tensor flat = flatten(like);
  const std::vector<Tensor> state = initial_state(adam, flat);
  Plan step = compile(
      [&](std::span<const Tensor> a) {
        const auto r = gradients(with_parameters(model, unflatten(a[0], like)), [&](const Net& m) {
          return binary_cross_entropy_with_logits(m(a[4]), a[5], Reduction::mean);
        });
        const Update u = update(adam, a[0], flatten(r.grads), {a[1], a[2], a[3]});
        return std::vector<Tensor>{u.params, u.state[0], u.state[1], u.state[2], r.value};
      },
      {flat, state[0], state[1], state[2], x, y}, {{0, 0}, {1, 1}, {2, 2}, {3, 3}});
  for (int i = 0; i < 300; ++i) step.run();

  const Net trained = with_parameters(model, unflatten(step.input_tensor(0), like));
  std::printf("loss %.4f\n%s\n", step.output<double>(4)[0],
              to_string(round(sigmoid(trained(x)))).c_str());
}
