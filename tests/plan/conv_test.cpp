// Plans of convolutional networks give the interpreter's bits, on one thread and on two.
#include <gradus/base/pool.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/pool.h>
#include <gtest/gtest.h>
#include <plan/passes.h>

namespace gradus {
namespace {

using namespace test;

void expect_plan_equals_interpreter(const PlanFunction& f, std::initializer_list<Tensor> args) {
  const int before = thread_count();
  Plan plan = compile(f, args);
  const std::vector<Tensor> want = interpret(plan.graph(), {args.begin(), args.size()});
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    plan.run();
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_TRUE(same_bits(plan.output_tensor(static_cast<int>(i)), want[i])) << "result " << i;
  }
  set_thread_count(before);
}

// Two layers as in LeNet-5 and a strided one beside a pooled one.
Tensor loss(Args a) {
  const Tensor h =
      tanh(conv2d(a[0], a[1], {.padding = {2}}) + reshape(a[2], {1, a[2].size(), 1, 1}));
  const Tensor pooled = max_pool2d(h, {.size = {2}});
  const Tensor y = relu(conv2d(pooled, a[3]));
  return sum(square(avg_pool2d(y, {.size = {2}})) - conv2d(pooled, a[3], {.stride = {2}}));
}

TEST(ConvPlan, gradients_of_a_small_network_are_the_interpreters) {
  expect_plan_equals_interpreter(
      [](Args a) {
        const int wrt[] = {1, 2, 3};
        ValueAndGrads r = value_and_grads(loss, a, wrt);
        return std::vector<Tensor>{r.value, r.grads[0], r.grads[1], r.grads[2]};
      },
      {drawn(1, {9, 1, 28, 28}), drawn(2, {6, 1, 5, 5}), drawn(3, {6}), drawn(4, {16, 6, 5, 5})});
}

TEST(ConvPlan, gradients_of_each_example_are_the_interpreters) {
  expect_plan_equals_interpreter(
      [](Args a) {
        const auto one = [&](const Tensor& w, const Tensor& x) {
          const Tensor batch = expand_dims(x, 0);
          return loss(std::vector<Tensor>{batch, w, a[2], a[3]});
        };
        return std::vector<Tensor>{vmap(grad(one), {.in = {unmapped, 0}})(a[1], a[0])};
      },
      {drawn(1, {3, 1, 12, 12}), drawn(2, {2, 1, 5, 5}), drawn(3, {2}), drawn(4, {3, 2, 3, 3})});
}

}  // namespace
}  // namespace gradus
