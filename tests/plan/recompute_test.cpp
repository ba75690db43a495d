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
#include <message.h>

#include <cmath>
#include <utility>

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

// The results and the operations they take.
std::pair<std::vector<Tensor>, double> counted(const Graph& g, std::span<const Tensor> args) {
  const WorkCounter counter;
  std::vector<Tensor> results = interpret(g, args);
  return {std::move(results), counter.operations()};
}

std::vector<Carry> carries_of(size_t layers) {
  std::vector<Carry> carries;
  for (int i = 0; i < static_cast<int>(2 * layers); ++i) carries.push_back({i + 1, i});
  return carries;
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
  // A carried result takes the place of its argument, unless that is read later.
  const Carry carries[] = {{0, 0}};
  const auto carried = [&](const PlanFunction& f) {
    return peak_bytes(recorded(f, args), carries);
  };
  EXPECT_EQ(carried([](std::span<const Tensor> a) { return std::vector{a[0] + 1.0}; }), 400);
  EXPECT_EQ(carried([](std::span<const Tensor> a) {
              const Tensor next = exp(a[0]);
              return std::vector{next, sin(next) * a[0]};
            }),
            1600);
  const Carry none[] = {{1, 0}, {0, 1}, {-1, 0}};
  EXPECT_EQ(
      peak_bytes(recorded([](std::span<const Tensor> a) { return std::vector{exp(a[0])}; }, args),
                 none),
      800);
}

TEST(Recompute, gives_the_same_bits_on_random_perceptrons) {
  uint64_t seed = 1;
  for (const auto& [name, f] : activations)
    for (size_t layers : {1u, 2u, 5u, 12u}) {
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
      for (size_t percent : {100u, 90u, 80u}) {
        const size_t budget = peak_bytes(g) * percent / 100;
        if (layers > 5) check({budget});
      }
      expect_same(interpret(simplify(recorded(step_of(layers, f, 3), args)), args), expected);
    }
}

// One random step on values of shape (r, c); gives that shape back.
Tensor random_step(RandomState& random, const std::vector<Tensor>& pool) {
  const auto any = [&]() -> const Tensor& {
    return pool[static_cast<size_t>(random.randint(0, std::ssize(pool)))];
  };
  const Tensor &x = any(), &y = any();
  switch (random.randint(0, 12)) {
    case 0:
      return x + y;
    case 1:
      return tanh(x) * y;
    case 2:
      return where(x > y, sin(x), y);
    case 3:
      return flip(x, {0}) - mean(x, {.axis = 0, .keepdims = true});
    case 4:
      return matmul(x, matmul(transpose(y), x)) * 0.1;
    case 5:
      return softmax(x, -1) + sort(y, 0);
    case 6:
      return cumsum(x, 1) * 0.3;
    case 7:
      return transpose(reshape(transpose(x), {x.shape()[1], x.shape()[0]}));
    case 8:
      return concatenate({slice_axis(y, 0, {0, 1}), slice_axis(x, 0, {1, slice_end})});
    case 9:
      return x / (1.0 + max(abs(x)));
    case 10:
      return checkpoint([](const Tensor& a, const Tensor& b) { return tanh(a * sigmoid(b)); })(x,
                                                                                               y);
    default:
      return logsumexp(x) * exp(-square(y));
  }
}

TEST(Recompute, gives_the_same_bits_on_random_graphs) {
  size_t refused = 0, lowered = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomState shapes(seed);
    const Shape shape{shapes.randint(1, 12), shapes.randint(1, 9)};
    const std::vector<Tensor> args = {drawn(seed, shape), drawn(seed + 500, shape)};
    const int wrt[] = {0, 1};
    const PlanFunction f = [&](std::span<const Tensor> a) {
      ValueAndGrads r = value_and_grads(
          [&](std::span<const Tensor> b) {
            RandomState random(seed);
            std::vector<Tensor> pool(b.begin(), b.end());
            for (int i = 0; i < 25; ++i) pool.push_back(random_step(random, pool));
            return sum(pool.back() * pool[pool.size() - 4]);
          },
          a, wrt);
      return std::vector<Tensor>{r.value, r.grads[0], r.grads[1]};
    };
    const Graph g = simplify(recorded(f, args));
    const std::vector<Tensor> expected = interpret(g, args);
    const size_t before = peak_bytes(g);
    std::vector<RecomputePolicy> policies{{}};
    for (size_t percent : {95u, 80u, 60u}) policies.push_back({before * percent / 100});
    for (const RecomputePolicy& policy : policies) {
      try {
        const Graph r = recompute(g, policy);
        EXPECT_LE(peak_bytes(r), policy.budget.value_or(before));
        lowered += peak_bytes(r) < before;
        expect_same(interpret(r, args), expected);
        Plan plan(r);
        expect_same(plan(args), expected);
      } catch (const PlanError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(lowered, 150);
  EXPECT_LT(refused, 300);
}

TEST(Recompute, halves_the_memory_of_a_deep_perceptron) {
  for (const auto& [name, f] : activations) {
    SCOPED_TRACE(name);
    const size_t layers = 64;
    const std::vector<Tensor> args = arguments_of(1, layers, 32, 256);
    const std::vector<Carry> carries = carries_of(layers);
    const Graph plain = simplify(recorded(step_of(layers, f), args));
    const Graph ours = recompute(plain, {}, carries),
                blocks = simplify(recorded(step_of(layers, f, 8), args));
    const size_t before =
        std::min(Plan(plain, {}, carries).arena_bytes(), peak_bytes(plain, carries));
    EXPECT_LE(2 * Plan(ours, {}, carries).arena_bytes(), before);
    EXPECT_LE(2 * Plan(blocks, {}, carries).arena_bytes(), before);

    // A forward pass is a third of the work of the products.
    const auto [expected, work] = counted(plain, args);
    for (const Graph* g : {&ours, &blocks}) {
      const auto [results, more] = counted(*g, args);
      expect_same(results, expected);
      EXPECT_LE(more, 1.34 * work);
    }
  }
}

TEST(Recompute, keeps_a_budget_with_little_work) {
  const size_t layers = 32;
  const std::vector<Tensor> args = arguments_of(2, layers, 16, 128);
  const Graph plain = simplify(recorded(step_of(layers, activations[0].second), args));
  double before = counted(plain, args).second;
  for (size_t percent : {90u, 75u, 60u, 45u}) {
    const size_t budget = peak_bytes(plain) * percent / 100;
    const Graph ours = recompute(plain, {budget});
    EXPECT_LE(peak_bytes(ours), budget);
    const double work = counted(ours, args).second;
    EXPECT_GT(work, before) << "less memory for less work at " << percent << " %";
    before = work;
  }
  EXPECT_LE(before, 1.4 * counted(plain, args).second);
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

TEST(Checkpoint, saves_the_memory_of_what_is_inside_in_a_plan) {
  const size_t layers = 48;
  const Tensor w = drawn(1, {16, 16}) * 0.3, x = drawn(2, {256, 16});
  const auto run = [](size_t n) {
    return [n](const Tensor& h, const Tensor& v) {
      Tensor y = h;
      for (size_t i = 0; i < n; ++i) y = sin(matmul(y, v)) + y;
      return y;
    };
  };
  const auto repeated = [](auto f, size_t times) {
    return [=](const Tensor& h, const Tensor& v) {
      Tensor y = h;
      for (size_t i = 0; i < times; ++i) y = f(y, v);
      return y;
    };
  };
  const auto compiled = [&](auto f) {
    return compile(
        [=](std::span<const Tensor> a) {
          return std::vector{grad([&](const Tensor& v) { return sum(f(a[0], v)); })(a[1])};
        },
        {x, w});
  };
  Plan plain = compiled(run(layers)), blocks = compiled(repeated(checkpoint(run(8)), layers / 8)),
       nested = compiled(repeated(checkpoint(repeated(checkpoint(run(4)), 4)), layers / 16));
  plain.run();
  blocks.run();
  nested.run();
  EXPECT_TRUE(same_bits(plain.output_tensor(0), blocks.output_tensor(0)));
  EXPECT_TRUE(same_bits(plain.output_tensor(0), nested.output_tensor(0)));
  EXPECT_LT(3 * blocks.arena_bytes(), plain.arena_bytes());
  EXPECT_LT(nested.arena_bytes(), blocks.arena_bytes());
}

TEST(Checkpoint, has_the_second_derivatives_of_its_function_in_a_plan) {
  const Tensor x = drawn(3, {8, 8}), v = drawn(4, {8, 8});
  const auto f = [](const Tensor& a) { return tanh(matmul(a, sin(a))); };
  const auto compiled = [&](auto g) {
    return compile(
        [=](std::span<const Tensor> a) {
          return std::vector{hvp([&](const Tensor& b) { return sum(g(g(b))); })(a[0], a[1])};
        },
        {x, v});
  };
  Plan plain = compiled(f), ours = compiled(checkpoint(f));
  plain.run();
  ours.run();
  EXPECT_TRUE(same_bits(plain.output_tensor(0), ours.output_tensor(0)));
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
