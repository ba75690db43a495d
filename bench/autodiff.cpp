// Derivatives of tensor functions, called as they are and as plans: gradients, the Hessian of a
// 510-parameter network, Jacobians and per-example gradients, beside the peer autodiff_torch
// (torch.func, eager). f32 unless said; ours and the peer take turns; medians in us.
#include <gradus/base/pool.h>
#include <gradus/nn/losses.h>
#include <gradus/plan/plan.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "peers.h"
#include "rows.h"

namespace {

using namespace gradus;

double time(const std::function<void()>& f, bool quick) {
  return time_call(f, quick, 7, 30'000);
}

Tensor drawn(uint64_t seed, const Shape& shape, double scale = 1, DType dtype = DType::f32) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, shape) * scale, dtype);
}

Tensor rosenbrock(const Tensor& x) {
  const Tensor a = slice(x, {{0, -1}}), b = slice(x, {{1}});
  return sum(100.0 * square(b - square(a)) + square(1.0 - a));
}

// A perceptron of these widths on rows of x, its parameters laid out flat.
Tensor perceptron(const Tensor& p, const Tensor& x, const std::vector<int64_t>& widths,
                  Tensor (*activation)(const Tensor&)) {
  Tensor h = x;
  int64_t at = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const int64_t in = widths[i], out = widths[i + 1];
    const Tensor w = reshape(slice(p, {{at, at + in * out}}), {out, in});
    const Tensor b = slice(p, {{at + in * out, at + in * out + out}});
    at += in * out + out;
    h = matmul(h, transpose(w)) + b;
    if (i + 2 < widths.size()) h = activation(h);
  }
  return h;
}

int64_t parameters_of(const std::vector<int64_t>& widths) {
  int64_t n = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) n += widths[i] * widths[i + 1] + widths[i + 1];
  return n;
}

using Arguments = std::span<const Tensor>;

struct Case {
  std::string name;
  std::function<Tensor(Arguments)> ours;
  std::vector<Tensor> arguments;
  std::vector<std::string> peer;  // the peer's names of the same work: its best counts
  double floor, aim;              // times the peer's speed
};

Plan plan_of(const Case& c) {
  std::vector<Argument> types;
  for (const Tensor& x : c.arguments) types.push_back({"x", x.type()});
  Plan plan = compile([&](Arguments a) { return std::vector<Tensor>{c.ours(a)}; }, types);
  for (size_t i = 0; i < c.arguments.size(); ++i) plan.set(static_cast<int>(i), c.arguments[i]);
  return plan;
}

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  set_thread_count(options.threads > 0 ? options.threads : 2);
  const std::vector<int64_t> few{9, 25, 10}, wide{784, 256, 128, 10}, middle{64, 32, 10};
  const auto classes = [](uint64_t seed, int64_t n) { return argmax(drawn(seed, {n, 10}), 1); };
  const std::vector<Tensor> small{drawn(1, {10}, 1, DType::f64)},
      large{drawn(2, {1000}, 1, DType::f64)},
      network{drawn(3, {parameters_of(few)}, 0.3), drawn(4, {32, 9}), classes(5, 32)},
      wide_network{drawn(6, {parameters_of(wide)}, 0.05), drawn(7, {128, 784}), classes(8, 128),
                   drawn(9, {parameters_of(wide)})},
      one{drawn(10, {parameters_of(middle)}, 0.2), drawn(11, {64})},
      batch{one[0], drawn(12, {32, 64}), classes(13, 32)};
  const auto loss = [&](Arguments a) {
    return [&few, a](const Tensor& p) {
      return cross_entropy(perceptron(p, a[1], few, tanh), a[2], Reduction::mean);
    };
  };
  const auto wide_loss = [&](Arguments a) {
    return [&wide, a](const Tensor& p) {
      return cross_entropy(perceptron(p, a[1], wide, relu), a[2], Reduction::mean);
    };
  };
  const auto net = [&](Arguments a) {
    return [&middle, a](const Tensor& x) { return perceptron(a[0], x, middle, tanh); };
  };
  const auto example_loss = [&](const Tensor& p, const Tensor& x, const Tensor& y) {
    return cross_entropy(perceptron(p, x, middle, tanh), y, Reduction::mean);
  };

  // Floors and aims: performance.md, section 5, as times of what torch took there.
  const std::vector<Case> cases{
      {"Rosenbrock gradient n=10, f64",
       [](Arguments a) { return grad(rosenbrock)(a[0]); },
       small,
       {"rosenbrock grad n=10 autograd", "rosenbrock grad n=10 torch.func"},
       13,
       13},
      {"Rosenbrock gradient n=1000, f64",
       [](Arguments a) { return grad(rosenbrock)(a[0]); },
       large,
       {"rosenbrock grad n=1000 autograd", "rosenbrock grad n=1000 torch.func"},
       10,
       10},
      {"Rosenbrock Hessian n=10, f64",
       [](Arguments a) { return hessian(rosenbrock)(a[0]); },
       small,
       {"rosenbrock hessian n=10"},
       1030 / 14.0,
       1030 / 14.0},
      {"Rosenbrock Hessian n=1000, f64",
       [](Arguments a) { return hessian(rosenbrock)(a[0]); },
       large,
       {"rosenbrock hessian n=1000"},
       5,
       5},
      {"MLP 9-25-10, b 32: gradient",
       [&](Arguments a) { return grad(loss(a))(a[0]); },
       network,
       {"mlp510 loss grad autograd"},
       7,
       7},
      {"MLP 9-25-10: Hessian 510 x 510",
       [&](Arguments a) { return hessian(loss(a))(a[0]); },
       network,
       {"mlp510 full hessian (jacfwd∘jacrev)", "mlp510 full hessian (jacrev∘jacrev)"},
       4770 / 1100.0,
       4770 / 700.0},
      {"MLP (c): gradient",
       [&](Arguments a) { return grad(wide_loss(a))(a[0]); },
       wide_network,
       {"mlp(c) gradient"},
       536 / 360.0,
       536 / 310.0},
      {"MLP (c): Hessian product",
       [&](Arguments a) { return hvp(wide_loss(a))(a[0], a[3]); },
       wide_network,
       {"mlp(c) hvp reverse-over-reverse", "mlp(c) hvp forward-over-reverse"},
       1.7,
       1.7},
      {"Jacobian 64-32-10, one x",
       [&](Arguments a) { return jacobian(net(a))(a[1]); },
       one,
       {"jacobian 64-32-10 one x (jacrev)", "jacobian 64-32-10 one x (jacfwd)"},
       20,
       20},
      {"Jacobian 64-32-10, batch 32",
       [&](Arguments a) { return vmap(jacobian(net(a)))(a[1]); },
       batch,
       {"jacobian 64-32-10 batch 32 (vmap jacrev)"},
       7,
       7},
      {"per-example gradients, batch 32",
       [&](Arguments a) {
         return vmap(grad(example_loss), {.in = {unmapped, 0, 0}})(a[0], a[1], a[2]);
       },
       batch,
       {"per-sample grads 64-32-10 batch 32"},
       8,
       8},
  };
  std::vector<Plan> plans;
  for (const Case& c : cases) plans.push_back(plan_of(c));
  std::vector<std::vector<double>> called(cases.size()), planned(cases.size()),
      theirs(cases.size());
  const int rounds = options.quick ? 1 : 3;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) {
      called[i].push_back(time([&] { cases[i].ours(cases[i].arguments); }, options.quick));
      planned[i].push_back(time([&] { plans[i].run(); }, options.quick));
    }
    if (options.quick) continue;
    const std::vector<PeerLine> lines = peer_lines("autodiff_torch");
    for (size_t i = 0; i < cases.size(); ++i) {
      double best = not_there;  // of its thread counts too
      for (const std::string& name : cases[i].peer)
        for (const int threads : {1, 2}) best = std::fmin(best, least(lines, name, threads));
      if (std::isfinite(best)) theirs[i].push_back(best);
    }
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    Row row{"autodiff", c.name, thread_count(), "us", median(called[i]), "torch, its best"};
    if (!theirs[i].empty()) row.peer = median(theirs[i]);
    row.floor = c.floor, row.aim = c.aim;
    print(row, options);
    row.name += ", as a plan";
    row.ours = median(planned[i]);
    print(row, options);
  }
}
