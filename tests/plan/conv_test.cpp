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

TEST(ConvPlan, what_follows_a_convolution_block_by_block_is_the_interpreters) {
  // Several bands of rows, strides, groups and channels of which several make a row.
  for (const auto& [x, w, how] : std::vector<std::tuple<Shape, Shape, ConvOptions>>{
           {{1, 8, 90, 40}, {6, 8, 3, 3}, {.padding = {1}}},
           {{5, 8, 9, 9}, {6, 4, 3, 3}, {.stride = {2}, .groups = 2}},
           {{9, 40, 8, 8}, {12, 40, 3, 3}, {.padding = {1}}}}) {
    const Tensor y = conv2d(zeros(x, DType::f32), zeros(w, DType::f32), how);
    const Tensor bias = drawn(3, {w[0], 1, 1});
    expect_plan_equals_interpreter(
        [how = how](Args a) {
          const Tensor z = relu(conv2d(a[0], a[1], how) + a[2]);
          return std::vector<Tensor>{z, exp(z * a[2])};
        },
        {drawn(1, x), drawn(2, w), bias});
    ConvOptions back = how;
    back.padding = {};
    expect_plan_equals_interpreter(
        [back](Args a) {
          const Tensor z = conv_transpose2d(a[0], a[1], back);
          return std::vector<Tensor>{z * z + exp(z)};
        },
        {drawn(4, y.shape()), drawn(2, w)});
  }
}

TEST(ConvPlan, sums_of_a_channel_wait_for_all_of_its_rows) {
  // One example, so that its rows are shared out in bands: on one thread and on two.
  for (const int64_t examples : {1, 3}) {
    const auto f = [](Args a) {
      const Tensor y = conv2d(a[0], a[1], {.padding = {1}});
      const Tensor z = relu(y * a[2]);
      return std::vector<Tensor>{sum(y, {.axis = {2, 3}}), sum(z, {.axis = {2, 3}}),
                                 sum(z * z, {.axis = {2, 3}}), z};
    };
    const auto args = {drawn(1, {examples, 16, 32, 32}), drawn(2, {16, 16, 3, 3}),
                       drawn(3, {16, 1, 1})};
    expect_plan_equals_interpreter(f, args);
    // What is tested is that the sums are part of the convolution's unit.
    EXPECT_NE(compile(f, args).notes()[0].ops.find("sum"), std::string::npos);
  }
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
