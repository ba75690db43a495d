// Plans with random keys: an argument that is set, carried, or split by a count that is carried.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/random.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <gradus/gradus.hpp>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

// Dropout: each number is 0 with probability 1/4, or divided by 3/4.
Tensor dropout(const Tensor& key, const Tensor& x) {
  return where(bernoulli(key, 0.75, x.shape()), x / 0.75, 0.0);
}

TEST(PlanOfDraws, gives_the_numbers_of_the_key_that_is_set) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{dropout(a[0], a[1]) + random_normal(a[0], {3, 50}, DType::f32)};
  };
  const Tensor x = cast(reshape(iota(150), {3, 50}), DType::f32);
  Plan plan = compile(f, {key_tensor(Key{1}), x});
  std::vector<Tensor> seen;
  for (uint64_t seed : {1u, 2u, 1u}) {
    plan.set(0, key_tensor(Key{seed}));
    plan.run();
    const Tensor args[] = {key_tensor(Key{seed}), x};
    seen.push_back(plan.output_tensor(0));
    EXPECT_TRUE(same_bits(seen.back(), f(args)[0]));
    EXPECT_TRUE(same_bits(seen.back(), interpret(plan.graph(), args)[0]));
  }
  EXPECT_FALSE(same_bits(seen[0], seen[1]));
  EXPECT_TRUE(same_bits(seen[0], seen[2]));
}

TEST(PlanOfDraws, gives_fresh_numbers_each_run_from_a_key_that_is_carried) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{split(a[0], 0), random_uniform(split(a[0], 1), {4})};
  };
  Plan plan = compile(f, {key_tensor(Key{3})}, {Carry{0, 0}});
  Key key{3};
  for (int run = 0; run < 5; ++run) {
    plan.run();
    EXPECT_TRUE(same_bits(plan.output_tensor(1), random_uniform(key_tensor(split(key, 1)), {4})));
    key = split(key, 0);
  }
}

TEST(PlanOfDraws, gives_fresh_numbers_each_run_from_a_count_that_is_carried) {
  const PlanFunction f = [](Args a) {
    const Tensor next = a[1] + 1;
    return std::vector<Tensor>{next, random_uniform(split(a[0], a[1]), {4})};
  };
  Plan plan = compile(f, {key_tensor(Key{3}), Tensor(int64_t{0})}, {Carry{0, 1}});
  for (int64_t run = 0; run < 5; ++run) {
    plan.run();
    EXPECT_TRUE(
        same_bits(plan.output_tensor(1), random_uniform(split(key_tensor(Key{3}), run), {4})));
  }
}

TEST(PlanOfDraws, has_the_gradient_of_the_numbers_it_dropped) {
  const PlanFunction f = [](Args a) {
    const Tensor key = a[0];
    return std::vector<Tensor>{
        grad([&](const Tensor& x) { return sum(square(dropout(key, x))); })(a[1])};
  };
  const Tensor x = cast(iota(100000), DType::f32) + 1.0, key = key_tensor(Key{5});
  const Tensor mask = cast(bernoulli(key, 0.75, {100000}), DType::f32);
  const int before = thread_count();
  for (int threads : {1, 2}) {
    set_thread_count(threads);
    Plan plan = compile(f, {key, x});
    const Tensor args[] = {key, x};
    const std::vector<double> g = numbers(plan(args)[0]), kept = numbers(mask);
    for (size_t i = 0; i < g.size(); ++i)
      EXPECT_NEAR(g[i], kept[i] * 2 * static_cast<double>(i + 1) / 0.5625, 1e-6 * g[i]);
  }
  set_thread_count(before);
}

TEST(PlanOfDraws, refuses_a_key_that_is_captured) {
  const Tensor key = key_tensor(Key{1});
  try {
    compile([&](Args) { return std::vector<Tensor>{random_uniform(key, {2})}; }, {Tensor(1.0)});
    FAIL();
  } catch (const TraceError& e) {
    EXPECT_STREQ(e.what(),
                 "compile: the function reads i64[2], which is not one of its arguments. The plan "
                 "would keep today's value for ever. Pass it in, or write constant(x) if that is "
                 "what you mean.");
  }
}

}  // namespace
}  // namespace gradus
