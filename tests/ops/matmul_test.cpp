#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

namespace gradus {
namespace {

View view(std::vector<float>& x, Shape shape, Dims strides) {
  return {reinterpret_cast<std::byte*>(x.data()), DType::f32, shape, strides};
}

struct Rows {
  std::vector<std::atomic<int>> visits;
  std::atomic<int> wrong = 0;
  const float* c;
  int64_t n;
  float want;

  static void run(const void* self, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    auto& r = *static_cast<Rows*>(const_cast<void*>(self));
    for (int64_t i = row; i < row + rows; ++i) {
      for (int64_t j = column; j < column + columns; ++j) {
        ++r.visits[static_cast<size_t>(i * r.n + j)];
        if (r.c[i * r.n + j] != r.want) ++r.wrong;
      }
    }
  }
};

TEST(Matmul, after_counts_rows_over_all_batches) {
  const int before = thread_count();
  const int64_t m = 5, n = 7, k = 3;
  for (int threads : {1, 2}) {
    set_thread_count(threads);
    for (int64_t batches : {0, 1, 4, 6000}) {
      std::vector<float> a(static_cast<size_t>(batches * m * k), 2),
          b(static_cast<size_t>(k * n), 4), c(static_cast<size_t>(batches * m * n), -1);
      const View in[] = {view(a, {batches, m, k}, {m * k, k, 1}),
                         view(b, {batches, k, n}, {0, n, 1})};
      const View out[] = {view(c, {batches, m, n}, {m * n, n, 1})};
      const std::vector<Type> types = {{DType::f32, in[0].shape}, {DType::f32, in[1].shape}};
      for (bool whole_rows : {false, true}) {
        Rows rows{std::vector<std::atomic<int>>(c.size()), 0, c.data(), n, 24};
        const After after{Rows::run, &rows, whole_rows};
        const Kernel kernel = op::matmul.kernel(op::matmul, types, {DType::f32, out[0].shape});
        kernel.run({.run = kernel.run, .in = in, .out = out, .after = &after});
        EXPECT_EQ(rows.wrong, 0);
        for (const auto& visits : rows.visits) ASSERT_EQ(visits, 1);
      }
    }
  }
  set_thread_count(before);
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Tensor bf16(const Tensor& x) {
  return cast(x, DType::bf16);
}

TEST(Matmul, of_two_bf16_sides_is_f32) {
  const Tensor a{{1, 2}, {3, -4}}, b{{5, -6}, {7, 8}};
  const Tensor c = matmul(bf16(a), bf16(b));
  EXPECT_EQ(to_string(c.type()), "f32[2,2]");
  EXPECT_EQ(numbers(c), (std::vector<double>{19, 10, -13, -50}));
  EXPECT_EQ(numbers(matmul(bf16(a), transpose(bf16(b)))), (std::vector<double>{-7, 23, 39, -11}));
  EXPECT_EQ(numbers(matmul(bf16(a), bf16(Tensor{1, 2}))), (std::vector<double>{5, -5}));
  EXPECT_EQ(to_string(matmul(bf16(zeros({2, 3, 0})), bf16(zeros({0, 4}))).type()), "f32[2,3,4]");
  EXPECT_EQ(to_string(matmul(bf16(ones({3, 1, 2, 4})), bf16(ones({5, 4, 6}))).type()),
            "f32[3,5,2,6]");
}

TEST(Matmul, of_bf16_rounds_the_sides_and_not_the_result) {
  // 1 + 1/256 is halfway between two bf16 numbers and goes to the even one, 1.
  EXPECT_EQ(numbers(matmul(bf16(Tensor{{1.00390625, 1.0}}), bf16(Tensor{{256.0}, {1.0}}))),
            (std::vector<double>{257}));
}

TEST(Matmul, of_bf16_has_cotangents_in_f32) {
  const Tensor a = bf16(Tensor{{1, 2}, {3, -4}}), b = bf16(Tensor{{5, -6}, {7, 8}});
  const std::vector<Tensor> in = {a, b}, out = {matmul(a, b)};
  const Attrs attrs;
  const Context context{in, out, attrs, op::matmul};
  const std::vector<Tensor> bar = {cast(Tensor{{1, 0}, {2, 1}}, DType::f32)};
  const Tensor a_bar = op::matmul.rule.pull(context, bar, 0);
  const Tensor b_bar = op::matmul.rule.pull(context, bar, 1);
  EXPECT_EQ(to_string(a_bar.type()), "f32[2,2]");
  EXPECT_EQ(numbers(a_bar), (std::vector<double>{5, 7, 4, 22}));
  EXPECT_EQ(numbers(b_bar), (std::vector<double>{7, 3, -6, -4}));
}

TEST(Matmul, refuses_one_bf16_side) {
  EXPECT_EQ(message([] {
              matmul(bf16(ones({2, 3})), cast(ones({3, 2}), DType::f32));
            }),
            "matmul: bf16[2,3] x f32[3,2]: one side is bf16. Either both are, and the product is "
            "f32, or none. Cast one of them.");
  EXPECT_EQ(message([] {
              matmul(bf16(ones({2, 3})), bf16(ones({2, 3})));
            }),
            "matmul: bf16[2,3] x bf16[2,3]: inner sizes 3 and 2 differ. The last axis of the left "
            "must equal the first axis of the right.");
}

}  // namespace
}  // namespace gradus
