// A plan's bits are the interpreter's, whatever is reused, viewed or carried; running allocates
// nothing.
#include <gradus/base/pool.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/custom.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <message.h>
#include <gradus/gradus.hpp>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

// Sanitizers bring an operator new of their own; allocations are counted without them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GRADUS_SANITIZED
#endif
#endif

namespace {

std::atomic<long> allocations = 0;

}  // namespace

#ifndef GRADUS_SANITIZED
// Not inlined: g++ 12 otherwise sees free() meet operator new and warns.
[[gnu::noinline]] void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
#endif

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, shape), dtype);
}

void expect_plan_equals_interpreter(const PlanFunction& f, const std::vector<Tensor>& args) {
  std::vector<Argument> arguments;
  for (const Tensor& x : args) arguments.push_back({"", x.type()});
  Plan plan = compile(f, arguments);
  const std::vector<Tensor> expected = interpret(plan.graph(), args), eager = f(args);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Tensor> got = plan(args);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(same_bits(got[i], expected[i])) << "output " << i << "\n" << plan.describe();
      EXPECT_TRUE(same_bits(got[i], eager[i])) << "eager output " << i << "\n" << plan.describe();
    }
  }
}

// One random step on values of shape (r, c); always gives that shape back.
Tensor random_step(RandomState& random, const std::vector<Tensor>& pool) {
  const auto any = [&]() -> const Tensor& {
    return pool[static_cast<size_t>(random.randint(0, std::ssize(pool)))];
  };
  const Tensor &x = any(), &y = any();
  const int64_t rows = x.shape()[0], columns = x.shape()[1];
  switch (random.randint(0, 16)) {
    case 0:
      return x + y;
    case 1:
      return x * y;
    case 2:
      return tanh(x);
    case 3:
      return x * flip(x, {0, 1});
    case 4:
      return where(x > y, x, y * 0.5);
    case 5:
      return x - mean(x, {.axis = 0, .keepdims = true});
    case 6:
      return x / (sum(abs(x), {.axis = 1, .keepdims = true}) + 1.0);
    case 7:
      return matmul(x, matmul(transpose(y), x)) * 0.1;
    case 8:
      return transpose(reshape(transpose(x), {columns, rows}));
    case 9:
      return concatenate(
          {slice_axis(y, 0, {0, rows / 2}), slice_axis(x, 0, {rows / 2, slice_end})});
    case 10:
      return softmax(x, -1) + maximum(x, y);
    case 11:
      return cumsum(x, 1) * 0.3;
    case 12:
      return exp(-square(x)) + y;
    case 13:
      return x + slice_axis(y, 0, {0, 1});
    case 14:
      return sort(x, 0);
    default:
      return broadcast_to(max(x), x.shape()) - y;
  }
}

TEST(Plan, equals_the_interpreter_bit_for_bit_on_random_graphs) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomState shapes(seed);
    const Shape shape{shapes.randint(seed % 11 == 0 ? 0 : 1, 20), shapes.randint(1, 40)};
    if (shape[0] == 0) continue;  // max of nothing is an error; zero sizes have their own test
    const PlanFunction f = [seed](std::span<const Tensor> a) {
      RandomState random(seed);
      std::vector<Tensor> pool(a.begin(), a.end());
      for (int i = 0; i < 12; ++i) pool.push_back(random_step(random, pool));
      return std::vector<Tensor>{pool.back(), pool[pool.size() - 3], sum(pool.back())};
    };
    expect_plan_equals_interpreter(f, {drawn(seed, shape), drawn(seed + 1000, shape)});
  }
}

TEST(Plan, equals_the_interpreter_on_gradients_of_random_graphs) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Shape shape{3 + seed % 4, 2 + seed % 5};
    const PlanFunction f = [seed](std::span<const Tensor> a) {
      const int wrt[] = {0, 1};
      ValueAndGrads r = value_and_grads(
          [seed](std::span<const Tensor> b) {
            RandomState random(seed);
            std::vector<Tensor> pool(b.begin(), b.end());
            for (int i = 0; i < 8; ++i) pool.push_back(random_step(random, pool));
            return sum(pool.back());
          },
          a, wrt);
      return std::vector<Tensor>{r.value, r.grads[0], r.grads[1]};
    };
    expect_plan_equals_interpreter(
        f, {drawn(seed, shape, DType::f64), drawn(seed + 1000, shape, DType::f64)});
  }
}

TEST(Plan, of_batched_derivatives_and_of_rules_of_the_user_equals_them_bit_for_bit) {
  const auto loss = [](const Tensor& w, const Tensor& x) {
    const auto squeeze = custom_jvp([](const Tensor& z) { return tanh(z); },
                                    [](const Tensor&, const Tensor& y, const Tensor& z_dot) {
                                      return (1.0 - square(y)) * z_dot;
                                    });
    return sum(square(squeeze(matmul(x, w)))) + logsumexp(gather(x, argsort(x)));
  };
  const Tensor w{{0.3, -1}, {0.8, 0.2}, {-0.5, 1.1}}, x{{1, 2, 3}, {-1, 0.5, 2}};
  const PlanFunction f = [&](std::span<const Tensor> a) {
    return std::vector<Tensor>{
        vmap(grad(loss), {.in = {unmapped, 0}})(a[0], a[1]),
        hessian([&](const Tensor& t) { return loss(t, row(a[1], 0)); })(a[0])};
  };
  const Tensor args[] = {w, x};
  const std::vector<Tensor> want = f(args);
  Plan plan = compile(f, {w, x});  // the rule itself is gone by now
  plan.run();
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(same_bits(plan.output_tensor(i), want[static_cast<size_t>(i)]));
}

TEST(Plan, zero_sizes_run) {
  expect_plan_equals_interpreter(
      [](std::span<const Tensor> a) {
        return std::vector<Tensor>{a[0] + 1.0, sum(a[0]), matmul(transpose(a[0]), a[0]),
                                   concatenate({a[0], a[0]})};
      },
      {drawn(1, {0, 3})});
}

TEST(Plan, results_may_be_arguments_views_or_twice_the_same) {
  expect_plan_equals_interpreter(
      [](std::span<const Tensor> a) {
        const Tensor y = a[0] * 2.0;
        return std::vector<Tensor>{a[0],         transpose(a[0]),          y, y, transpose(y),
                                   flip(y, {0}), broadcast_to(sum(y), {4})};
      },
      {drawn(1, {3, 5})});
}

TEST(Plan, exact_rewrites_keep_every_bit) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const Tensor x = from_vector(std::vector<double>{0.0, -0.0, 1.5, -2, inf, -inf, nan, 5e-324});
  expect_plan_equals_interpreter(
      [](std::span<const Tensor> a) {
        return std::vector<Tensor>{a[0] * 1.0,
                                   1.0 * a[0],
                                   a[0] / 1.0,
                                   a[0] - 0.0,
                                   a[0] + 0.0,
                                   pow(a[0], 1.0),
                                   strong_product(a[0], 1.0),
                                   strong_product(1.0, a[0]),
                                   0.0 - a[0]};
      },
      {x});
  Plan plan = compile(
      [](std::span<const Tensor> a) { return std::vector<Tensor>{(a[0] * 1.0 - 0.0) / 1.0}; }, {x});
  ASSERT_EQ(plan.instruction_count(), 1u);
  EXPECT_EQ(plan.notes()[0].ops, "copy");  // of the argument, into the result's place
}

TEST(Plan, carried_results_become_the_next_arguments_even_when_they_swap) {
  Plan plan = compile(
      [](std::span<const Tensor> a) {
        return std::vector<Tensor>{a[1] + 0.0, a[0] + 0.0};
      },
      {Tensor({1, 2}), Tensor({3, 4})}, {{0, 0}, {1, 1}});
  plan.run();
  EXPECT_EQ(numbers(plan.input_tensor(0)), (std::vector<double>{3, 4}));
  EXPECT_EQ(numbers(plan.input_tensor(1)), (std::vector<double>{1, 2}));
  Plan plain = compile(
      [](std::span<const Tensor> a) {
        return std::vector<Tensor>{a[1], a[0]};
      },
      {Tensor({1, 2}), Tensor({3, 4})}, {{0, 0}, {1, 1}});
  plain.run();
  EXPECT_EQ(numbers(plain.input_tensor(0)), (std::vector<double>{3, 4}));
  EXPECT_EQ(numbers(plain.input_tensor(1)), (std::vector<double>{1, 2}));
}

std::vector<Tensor> training_step(std::span<const Tensor> a) {
  const int wrt[] = {0, 1};
  const ValueAndGrads r = value_and_grads(
      [](std::span<const Tensor> b) {
        return mean(square(matmul(tanh(matmul(b[2], b[0])), b[1]) - b[3]));
      },
      std::array<Tensor, 4>{a[0], a[1], a[2], a[3]}, wrt);
  const OptimiserConfig adam = defaults_for("adam");
  const Update u = update(adam, a[0], r.grads[0], {a[4], a[5], a[6]});
  return {u.params, a[1] - 0.1 * r.grads[1], u.state[0], u.state[1], u.state[2], r.value};
}

TEST(Plan, a_training_step_allocates_nothing_and_matches_eager_steps) {
  std::vector<Tensor> args{drawn(1, {4, 8}), drawn(2, {8, 2}), drawn(3, {16, 4}),
                           drawn(4, {16, 2})};
  for (const Tensor& s : initial_state(defaults_for("adam"), args[0])) args.push_back(s);
  std::vector<Argument> arguments;
  for (const Tensor& x : args) arguments.push_back({"", x.type()});
  const Carry carries[] = {{0, 0}, {1, 1}, {2, 4}, {3, 5}, {4, 6}};
  Plan plan = compile(training_step, arguments, carries);
  for (size_t i = 0; i < args.size(); ++i) plan.set(static_cast<int>(i), args[i]);
  for (int step = 0; step < 20; ++step) {
    const std::vector<Tensor> eager = training_step(args);
    args[0] = eager[0], args[1] = eager[1], args[4] = eager[2], args[5] = eager[3],
    args[6] = eager[4];
    const long before = allocations;
    plan.run();
    EXPECT_EQ(allocations - before,
              step == 0 ? allocations - before : 0);  // the first run may make packing buffers
    EXPECT_TRUE(same_bits(plan.input_tensor(0), args[0])) << "step " << step;
    EXPECT_TRUE(same_bits(plan.input_tensor(1), args[1])) << "step " << step;
    EXPECT_TRUE(same_bits(plan.output_tensor(5), eager[5])) << "step " << step;
  }
}

TEST(Plan, gives_the_same_bits_with_one_and_two_threads) {
  const Tensor x = drawn(1, {300, 400}), y = drawn(2, {400, 300});
  const PlanFunction f = [](std::span<const Tensor> a) {
    return std::vector<Tensor>{matmul(a[0], a[1]), exp(a[0]) * 3.0, sum(a[0]),
                               sum(a[0], {.axis = 0}), softmax(a[1])};
  };
  Plan plan = compile(f, {x, y});
  const Tensor args[] = {x, y};
  const int before = thread_count();
  set_thread_count(1);
  const std::vector<Tensor> one = plan(args);
  set_thread_count(2);
  const std::vector<Tensor> two = plan(args);
  set_thread_count(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], two[i])) << i;
}

TEST(PlanErrors, a_captured_tensor_is_named) {
  const Tensor w2 = drawn(1, {128, 10});
  EXPECT_EQ(message_of([&] {
              compile(
                  [&](std::span<const Tensor> a) { return std::vector<Tensor>{matmul(a[0], w2)}; },
                  {drawn(2, {3, 128})});
            }),
            "compile: the function reads f32[128,10], which is not one of its arguments. The plan "
            "would keep today's value for ever. "
            "Pass it in, or write constant(x) if that is what you mean.");
  Plan plan = compile(
      [&](std::span<const Tensor> a) { return std::vector<Tensor>{matmul(a[0], constant(w2))}; },
      {drawn(2, {3, 128})});
  plan.run();
  EXPECT_EQ(Tape::open(), nullptr);
}

TEST(PlanErrors, a_value_is_asked_for_while_compiling) {
  EXPECT_EQ(message_of([] {
              compile(
                  [](std::span<const Tensor> a) {
                    const Tensor h1 = named(tanh(a[0]), "h1");
                    return std::vector<Tensor>{number(h1) > 0 ? h1 : -h1};
                  },
                  {cast(Tensor({1}), DType::f32)});
            }),
            "compile: 'if' needs a number, but tanh 'h1' f32[1] has only a shape while compiling. "
            "Use where(condition, a, b), or call grad "
            "without compile.");
  EXPECT_EQ(Tape::open(), nullptr);
}

TEST(PlanErrors, another_shape_than_planned) {
  const Argument arguments[] = {{"x", {DType::f32, {32, 784}}}};
  Plan plan =
      compile([](std::span<const Tensor> a) { return std::vector<Tensor>{sum(a[0])}; }, arguments);
  EXPECT_EQ(message_of([&] {
              plan.set(0, drawn(1, {31, 784}));
            }),
            "Plan::run: argument 'x' is f32[31,784], but this plan was made for f32[32,784]. Make "
            "a second plan for the last batch, or drop it.");
}

TEST(Simplify, keeps_the_subtraction_of_minus_zero) {
  Plan plan =
      compile([](std::span<const Tensor> a) { return std::vector<Tensor>{a[0] - Tensor(-0.0)}; },
              {Tensor{-0.0, 1.0}});
  plan.run();
  EXPECT_TRUE(same_bits(plan.output_tensor(0), Tensor{0.0, 1.0}));
}

TEST(Plan, refuses_places_that_do_not_exist) {
  const PlanFunction f = [](std::span<const Tensor> a) { return std::vector<Tensor>{-a[0]}; };
  EXPECT_THROW(compile(f, {Tensor{1, 2}}, {{0, 1}}), PlanError);
  EXPECT_THROW(compile(f, {Tensor{1, 2}}).set(1, Tensor{1, 2}), PlanError);
}

TEST(Plans, make_one_plan_for_each_shape_and_carry_state_between_them) {
  // A running sum of row sums, whatever the number of rows.
  Plans total([](std::span<const Tensor> a) { return std::vector<Tensor>{a[0] + sum(a[1])}; },
              {{0, 0}});
  const auto step = [&](int64_t rows) {
    const Argument arguments[] = {{"total", {DType::f32, {}}}, {"x", {DType::f32, {rows, 2}}}};
    Plan& plan = total.of(arguments);
    plan.set(1, ones({rows, 2}, DType::f32));
    plan.run();
    return plan.output<float>(0)[0];
  };
  EXPECT_EQ(step(3), 6);
  EXPECT_EQ(step(3), 12);
  EXPECT_EQ(step(1), 14);
  EXPECT_EQ(step(3), 20);
  EXPECT_EQ(total.size(), 2u);
}

TEST(Plans, of_a_function_take_any_shape) {
  Plans f = compile([](std::span<const Tensor> a) { return std::vector<Tensor>{2.0 * a[0]}; });
  EXPECT_TRUE(same_bits(f({Tensor{1, 2}})[0], Tensor{2, 4}));
  EXPECT_TRUE(same_bits(f({Tensor{{3}}})[0], Tensor{{6}}));
  EXPECT_EQ(f.size(), 2u);
}

}  // namespace
}  // namespace gradus
