// Learns XOR: a planned training step of a 2-8-1 network with Adam. Strips to well under 2 MB.
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gradus/gradus.hpp>

#include <cstdio>

int main() {
  using namespace gradus;
  MlpSpec spec = parse_mlp("mlp:2-8-1");
  spec.activation = "tanh";
  spec.init = "xavier";
  const Mlp model = make_mlp(spec, key_from_seed(0), DType::f64);
  const std::vector<Tensor> like = parameters(model);
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = 0.05;

  const Tensor x{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const Tensor y = reshape(Tensor{0, 1, 1, 0}, {4, 1});
  const Tensor flat = flatten(like);
  const std::vector<Tensor> state = initial_state(adam, flat);
  Plan step = compile(
      [&](std::span<const Tensor> a) {
        const auto r = gradients(with_parameters(model, unflatten(a[0], like)), [&](const Mlp& m) {
          return binary_cross_entropy_with_logits(m(a[4]), a[5], Reduction::mean);
        });
        const Update u = update(adam, a[0], flatten(r.grads), {a[1], a[2], a[3]});
        return std::vector<Tensor>{u.params, u.state[0], u.state[1], u.state[2], r.value};
      },
      {flat, state[0], state[1], state[2], x, y}, {{0, 0}, {1, 1}, {2, 2}, {3, 3}});
  for (int i = 0; i < 300; ++i) step.run();

  const Mlp trained = with_parameters(model, unflatten(step.input_tensor(0), like));
  std::printf("loss %.4f\n%s\n", step.output<double>(4)[0],
              to_string(round(sigmoid(trained(x)))).c_str());
}
