// Derivatives of tensor functions before any plan: gradients, the Hessian of a 510-parameter
// network, Jacobians and per-example gradients, beside the peer autodiff_torch (torch.func, eager).
// f32 unless said; ours and the peer take turns; medians in us.
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "peers.h"

namespace {

using namespace gradus;

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Microseconds a call: the median of 7 stretches of about 30 ms.
double time(const std::function<void()>& f) {
  using clock = std::chrono::steady_clock;
  f();
  std::vector<double> all;
  long calls = 1;
  while (all.size() < 7) {
    const auto start = clock::now();
    for (long i = 0; i < calls; ++i) f();
    const double us = std::chrono::duration<double, std::micro>(clock::now() - start).count();
    if (us > 20'000 || calls > 100'000)
      all.push_back(us / static_cast<double>(calls));
    else
      calls = std::max(calls + 1, static_cast<long>(static_cast<double>(calls) * 30'000 / us));
  }
  return median(all);
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

struct Row {
  const char* name;
  std::function<void()> ours;
  std::vector<std::string> peer;  // the peer's names of the same work: its best counts
};

}  // namespace

int main() {
  const Tensor small = drawn(1, {10}, 1, DType::f64), large = drawn(2, {1000}, 1, DType::f64);
  const std::vector<int64_t> wide{784, 256, 128, 10}, few{9, 25, 10}, middle{64, 32, 10};
  const auto classes = [](uint64_t seed, int64_t n) { return argmax(drawn(seed, {n, 10}), 1); };
  const Tensor p = drawn(3, {parameters_of(few)}, 0.3), X = drawn(4, {32, 9}), Y = classes(5, 32);
  const auto loss = [&](const Tensor& q) {
    return cross_entropy(perceptron(q, X, few, tanh), Y, Reduction::mean);
  };
  const Tensor q = drawn(6, {parameters_of(wide)}, 0.05), X2 = drawn(7, {128, 784}),
               Y2 = classes(8, 128), v = drawn(9, {parameters_of(wide)});
  const auto wide_loss = [&](const Tensor& w) {
    return cross_entropy(perceptron(w, X2, wide, relu), Y2, Reduction::mean);
  };
  const Tensor r = drawn(10, {parameters_of(middle)}, 0.2), x = drawn(11, {64}),
               X3 = drawn(12, {32, 64}), Y3 = classes(13, 32);
  const auto net = [&](const Tensor& one) { return perceptron(r, one, middle, tanh); };
  const auto example_loss = [&](const Tensor& w, const Tensor& one, const Tensor& y) {
    return cross_entropy(perceptron(w, one, middle, tanh), y, Reduction::mean);
  };

  const std::vector<Row> rows{
      {"Rosenbrock gradient n=10, f64",
       [&] { grad(rosenbrock)(small); },
       {"rosenbrock grad n=10 autograd", "rosenbrock grad n=10 torch.func"}},
      {"Rosenbrock gradient n=1000, f64",
       [&] { grad(rosenbrock)(large); },
       {"rosenbrock grad n=1000 autograd", "rosenbrock grad n=1000 torch.func"}},
      {"Rosenbrock Hessian n=10, f64",
       [&] { hessian(rosenbrock)(small); },
       {"rosenbrock hessian n=10"}},
      {"Rosenbrock Hessian n=1000, f64",
       [&] { hessian(rosenbrock)(large); },
       {"rosenbrock hessian n=1000"}},
      {"MLP 9-25-10, b 32: gradient", [&] { grad(loss)(p); }, {"mlp510 loss grad autograd"}},
      {"MLP 9-25-10: Hessian 510 x 510",
       [&] { hessian(loss)(p); },
       {"mlp510 full hessian (jacfwd∘jacrev)", "mlp510 full hessian (jacrev∘jacrev)"}},
      {"MLP 784-256-128-10, b 128: gradient", [&] { grad(wide_loss)(q); }, {"mlp(c) gradient"}},
      {"MLP 784-256-128-10: Hessian product",
       [&] { hvp(wide_loss)(q, v); },
       {"mlp(c) hvp reverse-over-reverse", "mlp(c) hvp forward-over-reverse"}},
      {"Jacobian 64-32-10, one x",
       [&] { jacobian(net)(x); },
       {"jacobian 64-32-10 one x (jacrev)", "jacobian 64-32-10 one x (jacfwd)"}},
      {"Jacobian 64-32-10, batch 32",
       [&] { vmap(jacobian(net))(X3); },
       {"jacobian 64-32-10 batch 32 (vmap jacrev)"}},
      {"per-example gradients, batch 32",
       [&] {
         vmap(grad(example_loss), {.in = {unmapped, 0, 0}})(r, X3, Y3);
       },
       {"per-sample grads 64-32-10 batch 32"}},
  };
  std::map<std::string, std::vector<double>> ours, theirs;
  constexpr int rounds = 3;
  for (int round = 0; round < rounds; ++round) {
    for (const Row& row : rows) ours[row.name].push_back(time(row.ours));
    const auto numbers = run_peer("autodiff_torch");
    for (const Row& row : rows) {
      double best = 0;
      for (const std::string& name : row.peer)
        if (const auto it = numbers.find(name); it != numbers.end())
          best = best == 0 ? it->second : std::min(best, it->second);
      if (best > 0) theirs[row.name].push_back(best);
    }
  }
  std::printf("%-38s %10s %16s\n", "us, medians", "gradus", "torch, its best");
  for (const Row& row : rows) {
    const double us = median(ours[row.name]);
    std::printf("%-38s %10.1f", row.name, us);
    if (theirs[row.name].empty())
      std::printf(" %16s\n", "not installed");
    else
      std::printf(" %8.1f (%4.1fx)\n", median(theirs[row.name]), median(theirs[row.name]) / us);
  }
}
