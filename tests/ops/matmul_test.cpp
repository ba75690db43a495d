#include <gradus/base/pool.h>
#include <gradus/ops/matmul.h>
#include <gtest/gtest.h>

#include <atomic>
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

}  // namespace
}  // namespace gradus
