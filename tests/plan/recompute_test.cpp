// Less memory for the same bits: the recomputing pass and checkpoints, in plans.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/core/work.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/plan.h>
#include <gradus/plan/recompute.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, shape), DType::f32);
}

Graph recorded(const PlanFunction& f, std::span<const Tensor> args) {
  Tape tape("compile", true);
  std::vector<ValueId> in, out;
  std::vector<Tensor> handles;
  for (const Tensor& x : args) {
    in.push_back(tape.input(x.type()));
    handles.push_back(tape.tensor(in.back()));
  }
  for (const Tensor& y : f(handles)) out.push_back(tape.place_constant(y));
  return tape.freeze(in, out);
}

using Activation = Tensor (*)(const Tensor&);
const std::vector<std::pair<const char*, Activation>> activations = {
    {"tanh", [](const Tensor& x) { return tanh(x); }},
    {"relu", [](const Tensor& x) { return relu(x); }},
    {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
    {"x times sigmoid", [](const Tensor& x) { return x * sigmoid(x); }},
    {"residual", [](const Tensor& x) { return x + 0.5 * sin(x); }}};

// A training step of a perceptron: (weights and biases..., x, target) to the loss and the new
// weights and biases. Hidden layers are checkpoints of `block` layers each, or none.
PlanFunction step_of(size_t layers, Activation f, size_t block = 0) {
  return [=](std::span<const Tensor> a) {
    const Tensor x = a[2 * layers], target = a[2 * layers + 1];
    const std::span<const Tensor> params = a.first(2 * layers);
    std::vector<int> wrt;
    for (size_t i = 0; i < 2 * layers; ++i) wrt.push_back(static_cast<int>(i));
    const auto run = [f](std::span<const Tensor> b) {
      Tensor h = b[0];
      for (size_t i = 1; i < b.size(); i += 2) h = f(matmul(h, b[i]) + b[i + 1]);
      return h;
    };
    const auto loss = [&](std::span<const Tensor> p) {
      Tensor h = x;
      const size_t stride = block == 0 ? 2 * layers : 2 * block;
      for (size_t from = 0; from < p.size(); from += stride) {
        std::vector<Tensor> b{h};
        const auto part = p.subspan(from, std::min(stride, p.size() - from));
        b.insert(b.end(), part.begin(), part.end());
        h = block == 0 ? run(b) : checkpoint(run, b);
      }
      return mean(square(h - target));
    };
    const ValueAndGrads r = value_and_grads(loss, params, wrt);
    std::vector<Tensor> out{r.value};
    for (size_t i = 0; i < params.size(); ++i) out.push_back(params[i] - 0.1 * r.grads[i]);
    return out;
  };
}

std::vector<Tensor> arguments_of(uint64_t seed, size_t layers, int64_t width, int64_t batch) {
  std::vector<Tensor> args;
  for (size_t i = 0; i < layers; ++i) {
    args.push_back(drawn(seed * 1000 + i, {width, width}) *
                   cast(Tensor(1.1 / std::sqrt(static_cast<double>(width))), DType::f32));
    args.push_back(drawn(seed * 1000 + 500 + i, {width}));
  }
  args.push_back(drawn(seed, {batch, width}));
  args.push_back(drawn(seed + 1, {batch, width}));
  return args;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bits(a[i], b[i])) << "result " << i;
}

double operations(const Graph& g, std::span<const Tensor> args) {
  const WorkCounter counter;
  interpret(g, args);
  return counter.operations();
}

std::vector<Carry> carries_of(size_t layers) {
  std::vector<Carry> carries;
  for (int i = 0; i < static_cast<int>(2 * layers); ++i) carries.push_back({i + 1, i});
  return carries;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(PeakBytes, counts_arguments_results_and_what_waits) {
  const std::vector<Tensor> args = {drawn(1, {100})};  // 400 bytes
  const auto of = [&](const PlanFunction& f) { return peak_bytes(recorded(f, args)); };
  EXPECT_EQ(of([](std::span<const Tensor> a) { return std::vector{a[0]}; }), 400);
  // The argument, two links of the chain.
  EXPECT_EQ(of([](std::span<const Tensor> a) { return std::vector{exp(sin(cos(a[0])))}; }), 1200);
  // sin(x) waits while the chain goes on.
  EXPECT_EQ(of([](std::span<const Tensor> a) {
              const Tensor s = sin(a[0]);
              return std::vector{exp(cos(s)) * s};
            }),
            1600);
  // Views share the memory of what they look at.
  EXPECT_EQ(of([](std::span<const Tensor> a) {
              return std::vector{exp(flip(reshape(sin(a[0]), {10, 10}), {0}))};
            }),
            1200);
  EXPECT_EQ(of([](std::span<const Tensor>) { return std::vector<Tensor>{}; }), 400);
}

TEST(Recompute, gives_the_same_bits_on_random_perceptrons) {
  uint64_t seed = 1;
  for (const auto& [name, f] : activations)
    for (size_t layers : {1, 2, 5, 12}) {
      SCOPED_TRACE(std::string(name) + ", " + std::to_string(layers) + " layers");
      const auto width = static_cast<int64_t>(3 + seed % 5);
      const std::vector<Tensor> args = arguments_of(++seed, layers, width, 40);
      const Graph g = simplify(recorded(step_of(layers, f), args));
      const std::vector<Tensor> expected = interpret(g, args);
      const auto check = [&](const RecomputePolicy& policy) {
        const Graph r = recompute(g, policy);
        EXPECT_LE(peak_bytes(r), policy.budget.value_or(peak_bytes(g)));
        expect_same(interpret(r, args), expected);
        Plan plan(r);
        expect_same(plan(args), expected);
      };
      check({});
      for (size_t percent : {100, 90, 80}) {
        const size_t budget = peak_bytes(g) * percent / 100;
        if (layers > 5) check({budget});
      }
      expect_same(interpret(simplify(recorded(step_of(layers, f, 3), args)), args), expected);
    }
}

TEST(Recompute, halves_the_memory_of_a_deep_perceptron) {
  for (const auto& [name, f] : activations) {
    SCOPED_TRACE(name);
    const size_t layers = 64;
    const std::vector<Tensor> args = arguments_of(1, layers, 64, 256);
    const std::vector<Carry> carries = carries_of(layers);
    const Graph plain = simplify(recorded(step_of(layers, f), args));
    const Graph ours = recompute(plain), blocks = simplify(recorded(step_of(layers, f, 8), args));
    const size_t before = Plan(plain, {}, carries).arena_bytes();
    EXPECT_LE(2 * Plan(ours, {}, carries).arena_bytes(), before);
    EXPECT_LE(2 * Plan(blocks, {}, carries).arena_bytes(), before);

    // A forward pass is a third of the work of the products.
    const double work = operations(plain, args);
    EXPECT_LE(operations(ours, args), 1.34 * work);
    EXPECT_LE(operations(blocks, args), 1.34 * work);
    expect_same(interpret(ours, args), interpret(plain, args));
    expect_same(interpret(blocks, args), interpret(plain, args));
  }
}

TEST(Recompute, keeps_a_budget_with_little_work) {
  const size_t layers = 32;
  const std::vector<Tensor> args = arguments_of(2, layers, 16, 128);
  const Graph plain = simplify(recorded(step_of(layers, activations[0].second), args));
  double before = operations(plain, args);
  for (size_t percent : {90, 75, 60, 45}) {
    const size_t budget = peak_bytes(plain) * percent / 100;
    const Graph ours = recompute(plain, {budget});
    EXPECT_LE(peak_bytes(ours), budget);
    const double work = operations(ours, args);
    EXPECT_GT(work, before) << "less memory for less work at " << percent << " %";
    before = work;
  }
  EXPECT_LE(before, 1.4 * operations(plain, args));
}

TEST(Recompute, leaves_a_graph_as_it_is_where_nothing_is_asked) {
  const std::vector<Tensor> args = arguments_of(3, 6, 4, 16);
  const Graph g = simplify(recorded(step_of(6, activations[0].second), args));
  EXPECT_EQ(recompute(g, {peak_bytes(g)}).step_count(), g.step_count());
  const Graph chain =
      recorded([](std::span<const Tensor> a) { return std::vector{exp(sin(cos(a[0])))}; }, args);
  EXPECT_EQ(recompute(chain).step_count(), chain.step_count());
}

TEST(Recompute, refuses_a_budget_that_nothing_reaches) {
  const std::vector<Tensor> args = {drawn(1, {100})};
  const Graph g =
      recorded([](std::span<const Tensor> a) { return std::vector{exp(sin(a[0]))}; }, args);
  EXPECT_EQ(
      message_of([&] { recompute(g, {1000}); }),
      "recompute: the budget is 1000 bytes, but computing values again reaches 1200, of which "
      "arguments and results are 800. They stay, and an operation needs what it reads and writes. "
      "Give 1200 bytes, or take a smaller batch.");
  EXPECT_THROW(recompute(g, {0}), PlanError);
}

TEST(Recompute, never_repeats_decompositions_sorts_and_the_like) {
  const std::vector<Tensor> args = {drawn(1, {64, 64})};
  const auto f = [](std::span<const Tensor> a) {
    Tensor h = a[0], back = ones_like(a[0]);
    std::vector<Tensor> all;
    for (int i = 0; i < 12; ++i) all.push_back(h = cumprod(sort(tanh(h), 1), 1));
    for (int i = 12; i-- > 0;) back = back * all[static_cast<size_t>(i)] + sin(back);
    return std::vector{back};
  };
  const Graph g = simplify(recorded(f, args));
  const Graph r = recompute(g);
  const auto count = [](const Graph& graph, Kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < graph.step_count(); ++i)
      n += graph.step(i).op->kind == kind && !graph.step(i).op->view;
    return n;
  };
  EXPECT_EQ(count(r, Kind::custom), count(g, Kind::custom));
  expect_same(interpret(r, args), interpret(g, args));
}

TEST(Recompute, takes_graphs_with_checkpoints_and_its_own_results) {
  const size_t layers = 16;
  const std::vector<Tensor> args = arguments_of(4, layers, 8, 128);
  const Graph plain = simplify(recorded(step_of(layers, activations[3].second), args)),
              blocks = simplify(recorded(step_of(layers, activations[3].second, 8), args));
  const std::vector<Tensor> expected = interpret(plain, args);
  const Graph once = recompute(blocks), twice = recompute(once);
  EXPECT_LT(peak_bytes(once), peak_bytes(blocks));
  EXPECT_LE(peak_bytes(twice), peak_bytes(once));
  expect_same(interpret(once, args), expected);
  expect_same(interpret(twice, args), expected);
  // Sharing finds nothing to merge.
  EXPECT_EQ(simplify(once).step_count(), once.step_count());
}

}  // namespace
}  // namespace gradus
