// Products of rounded numbers: what mixed precision makes of a graph, and what it leaves alone.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/precision.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

// f as a graph, rounded, as a plan.
std::vector<Tensor> rounded(const PlanFunction& f, DType narrow, std::vector<Tensor> args) {
  std::vector<Argument> arguments;
  for (const Tensor& x : args) arguments.push_back({"", x.type()});
  return Plan(with_precision(record(f, arguments), narrow))(args);
}

Tensor to_narrow_and_back(const Tensor& x, DType narrow) {
  return cast(cast(x, narrow), DType::f32);
}

TEST(Precision, bf16_multiplies_rounded_operands_and_sums_in_f32) {
  const Tensor a = drawn(1, {9, 33}), b = drawn(2, {33, 17});
  const PlanFunction f = [](std::span<const Tensor> x) {
    return std::vector<Tensor>{matmul(x[0], x[1]) + 1};
  };
  const Tensor got = rounded(f, DType::bf16, {a, b})[0];
  EXPECT_EQ(got.dtype(), DType::f32);
  EXPECT_TRUE(same_bits(got, matmul(cast(a, DType::bf16), cast(b, DType::bf16)) + 1));
  EXPECT_FALSE(same_bits(got, f(std::vector{a, b})[0]));
}

TEST(Precision, f16_rounds_operands_and_results) {
  const Tensor a = drawn(1, {4, 5}), b = drawn(2, {5, 3});
  const PlanFunction f = [](std::span<const Tensor> x) {
    return std::vector<Tensor>{matmul(x[0], x[1])};
  };
  const Tensor expected = to_narrow_and_back(
      matmul(to_narrow_and_back(a, DType::f16), to_narrow_and_back(b, DType::f16)), DType::f16);
  EXPECT_TRUE(same_bits(rounded(f, DType::f16, {a, b})[0], expected));
  // 300 * 300 is above 65504, the largest number of f16; 1e-8 is below its smallest.
  const Tensor large = full({1, 1}, 300, DType::f32), small = full({1, 1}, 1e-8, DType::f32);
  EXPECT_TRUE(std::isinf(number(rounded(f, DType::f16, {large, large})[0])));
  EXPECT_EQ(number(rounded(f, DType::f16, {small, large})[0]), 0);
}

TEST(Precision, leaves_everything_but_products_of_f32_alone) {
  const Tensor x = drawn(3, {7, 5});
  const PlanFunction sums = [](std::span<const Tensor> a) {
    return std::vector<Tensor>{logsumexp(tanh(a[0]) * a[0], {.axis = 1}), std_dev(a[0])};
  };
  const std::vector<Tensor> got = rounded(sums, DType::bf16, {x}), plain = sums(std::vector{x});
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(got[i], plain[i]));
  const Tensor wide = cast(x, DType::f64);
  const PlanFunction product = [](std::span<const Tensor> a) {
    return std::vector<Tensor>{matmul(a[0], transpose(a[0]))};
  };
  EXPECT_TRUE(same_bits(rounded(product, DType::f16, {wide})[0], product(std::vector{wide})[0]));
}

TEST(Precision, of_convolutions_is_f16_alone) {
  const Tensor x = drawn(6, {2, 3, 5, 5}), w = drawn(7, {4, 3, 3, 3});
  const PlanFunction f = [](std::span<const Tensor> a) {
    return std::vector<Tensor>{conv2d(a[0], a[1])};
  };
  const Tensor plain = f(std::vector{x, w})[0];
  EXPECT_TRUE(same_bits(rounded(f, DType::bf16, {x, w})[0], plain));
  const Tensor narrow = rounded(f, DType::f16, {x, w})[0];
  EXPECT_FALSE(same_bits(narrow, plain));
  EXPECT_LT(number(max(abs(narrow - plain))), 0.05);
}

TEST(Precision, rounds_a_matrix_once_however_often_it_is_multiplied) {
  // Forward W x, backward W^T y and y x^T: three matrices are rounded, W, x and y.
  const Tensor w = drawn(4, {6, 8}), x = drawn(5, {8, 3});
  const Argument arguments[] = {{"w", w.type()}, {"x", x.type()}};
  const PlanFunction step = [](std::span<const Tensor> a) {
    const int all[] = {0, 1};
    return value_and_grads(
               [](std::span<const Tensor> b) { return sum(square(matmul(b[0], b[1]))); }, a, all)
        .grads;
  };
  const Graph g = with_precision(record(step, arguments), DType::bf16);
  int casts = 0;
  for (size_t i = 0; i < g.step_count(); ++i) casts += std::strcmp(g.step(i).op->name, "cast") == 0;
  EXPECT_EQ(casts, 3);
}

TEST(Precision, names_the_types_it_can_round_to) {
  const Argument argument[] = {{"x", {DType::f32, {2}}}};
  const Graph g =
      record([](std::span<const Tensor> a) { return std::vector<Tensor>{a[0] + 1}; }, argument);
  try {
    with_precision(g, DType::i8);
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_STREQ(e.what(), "with_precision: products cannot be rounded to i8. Choose bf16 or f16.");
  }
}

}  // namespace
}  // namespace gradus
