// Whole training steps as plans: microseconds, instructions, arena and allocations, and whether the
// bits are the interpreter's. The models (a), (b), (c) of the performance table: forward, backward,
// Adam.
#include <gradus/core/interpret.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

long allocations = 0;

}  // namespace

// Not inlined: g++ 12 otherwise sees free() meet operator new and warns.
[[gnu::noinline]] void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n)) return p;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace {

using namespace gradus;

struct Case {
  const char* name;
  const char* model;
  const char* activation;
  bool classes;
  int64_t batch;
};

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

void run(const Case& c) {
  MlpSpec spec = parse_mlp(c.model);
  spec.activation = c.activation;
  spec.init = "xavier";
  const Mlp model = make_mlp(spec, key_from_seed(1));
  const std::vector<Tensor> like = parameters(model);
  const OptimiserConfig adam = defaults_for("adam");
  const Tensor flat = flatten(like);
  const std::vector<Tensor> state = initial_state(adam, flat);
  const int64_t inputs = spec.sizes.front(), outputs = spec.sizes.back();
  const Tensor x = drawn(2, {c.batch, inputs});
  const Tensor target = c.classes ? one_hot(argmax(drawn(3, {c.batch, outputs}), 1), outputs)
                                  : drawn(3, {c.batch, outputs});

  std::vector<Argument> arguments{{"parameters", flat.type()}};
  std::vector<Carry> carries{{0, 0}};
  for (const Tensor& s : state) {
    const int i = static_cast<int>(arguments.size());
    arguments.push_back({"state", s.type()});
    carries.push_back({i, i});
  }
  arguments.push_back({"x", x.type()});
  arguments.push_back({"target", target.type()});
  const size_t states = state.size();
  const auto start = std::chrono::steady_clock::now();
  Plan plan = compile(
      [&](std::span<const Tensor> a) {
        const Mlp now = with_parameters(model, unflatten(a[0], like));
        const ValueAndGrads r = gradients(now, [&](const Mlp& m) {
          const Tensor y = m(a[states + 1]);
          return c.classes ? cross_entropy(y, a[states + 2], Reduction::mean)
                           : mse(y, a[states + 2], Reduction::mean);
        });
        Update u = update(adam, a[0], flatten(r.grads),
                          {a.begin() + 1, a.begin() + 1 + static_cast<long>(states)});
        std::vector<Tensor> out{u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        out.push_back(r.value);
        return out;
      },
      arguments, carries);
  const double planning =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();

  std::vector<Tensor> args{flat};
  args.insert(args.end(), state.begin(), state.end());
  args.push_back(x);
  args.push_back(target);
  for (size_t i = 0; i < args.size(); ++i) plan.set(static_cast<int>(i), args[i]);
  bool same = true;
  for (int i = 0; i < 10; ++i) {
    const std::vector<Tensor> expected = interpret(plan.graph(), args);
    plan.run();
    for (size_t o = 0; o < expected.size(); ++o)
      same &= same_bits(expected[o], plan.output_tensor(static_cast<int>(o)));
    std::copy(expected.begin(), expected.begin() + 1 + static_cast<long>(states), args.begin());
  }

  constexpr int rounds = 31;
  std::vector<double> times;
  const long before = allocations;
  times.reserve(rounds);
  const long own = allocations - before;
  const int64_t steps = std::max<int64_t>(20, 40'000'000 / (c.batch * parameter_count(spec)));
  for (int r = 0; r < rounds; ++r) {
    const auto t = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < steps; ++i) plan.run();
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - t).count() /
        static_cast<double>(steps));
  }
  const long made = allocations - before - own;
  std::sort(times.begin(), times.end());
  std::printf("%-24s %9.2f %9.2f %6zu %9zu %6ld  %-4s %9.0f\n", c.name, times[0], times[rounds / 2],
              plan.instruction_count(), plan.arena_bytes(), made, same ? "yes" : "NO", planning);
}

}  // namespace

int main() {
  std::printf("%-24s %9s %9s %6s %9s %6s  %-4s %9s\n", "training step", "best us", "median",
              "calls", "arena B", "allocs", "bits", "plan us");
  for (const Case& c : {Case{"(a) 2-16-16-1, b 32", "mlp:2-16-16-1", "tanh", false, 32},
                        Case{"(b) 64-32-10, b 32", "mlp:64-32-10", "relu", true, 32},
                        Case{"(c) 784-256-128-10, b 128", "mlp:784-256-128-10", "relu", true, 128}})
    run(c);
}
