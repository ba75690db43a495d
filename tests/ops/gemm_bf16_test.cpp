#include <gradus/base/half.h>
#include <gradus/base/pool.h>
#include <gradus/ops/gemm_bf16.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

namespace gradus {
namespace {

// A view of (rows, cols) on memory of exactly its extent, so that a sanitizer sees a stray read.
struct Operand {
  Operand(int64_t rows, int64_t cols, int64_t r, int64_t c, uint32_t seed) : row(r), col(c) {
    int64_t low = 0, high = 0;
    if (rows > 0 && cols > 0) {
      for (int64_t step : {(rows - 1) * row, (cols - 1) * col}) (step < 0 ? low : high) += step;
      ++high;
    }
    memory = std::make_unique<BFloat16[]>(static_cast<size_t>(high - low));
    uint64_t s = seed * 2654435761u + 12345;
    for (int64_t i = 0; i < high - low; ++i) {
      s = s * 6364136223846793005u + 1442695040888963407u;
      memory[static_cast<size_t>(i)] = BFloat16(
          static_cast<double>(static_cast<int64_t>(s >> 33) - (int64_t{1} << 30)) / (1 << 29));
    }
    at = memory.get() - low;
  }
  double operator()(int64_t i, int64_t j) const {
    return static_cast<double>(static_cast<float>(at[i * row + j * col]));
  }
  std::unique_ptr<BFloat16[]> memory;
  BFloat16* at;
  int64_t row, col;
};

// The ways of a product: widened, by pairs, by tiles.
enum class Way { widened, pairs, tiles };
Way way_now = Way::widened;

// gemm_bf16 by the way of the test.
void product(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
             const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
             const After* after = nullptr) {
  const bool by_pairs = way_now == Way::pairs && m > 0 && n > 0 && k > 0;
  (by_pairs ? bf16_ways().pairs : gemm_bf16)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row,
                                             after);
}

void check(int64_t m, int64_t n, int64_t k, const Operand& a, const Operand& b, int64_t pad) {
  const int64_t c_row = n + pad;
  std::vector<float> c(static_cast<size_t>(m * c_row), -7.5f);
  product(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, c.data(), c_row);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double exact = 0, size = 0;  // products of 16 bits: exact but for the last additions
      for (int64_t p = 0; p < k; ++p) {
        exact += a(i, p) * b(p, j);
        size += std::abs(a(i, p) * b(p, j));
      }
      const double bound = static_cast<double>(k) * (0x1p-23 * size + 0x1p-125);
      const float got = c[static_cast<size_t>(i * c_row + j)];
      ASSERT_LE(std::abs(static_cast<double>(got) - exact), bound)
          << m << "x" << k << "x" << n << " strides " << a.row << "," << a.col << " and " << b.row
          << "," << b.col << " at (" << i << "," << j << ")";
    }
    for (int64_t j = n; j < c_row; ++j) ASSERT_EQ(c[static_cast<size_t>(i * c_row + j)], -7.5f);
  }
}

class GemmBf16 : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    way_now = GetParam();
    const Bf16Ways here = bf16_ways();
    if (way_now == Way::pairs && !here.pairs) GTEST_SKIP() << "this processor has no AVX512_BF16";
    if (way_now == Way::tiles && !here.tiles) GTEST_SKIP() << "this processor has no AMX";
    if (way_now == Way::widened) {
      hwy::SetSupportedTargetsForTest(HWY_STATIC_TARGET);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
    ASSERT_EQ(multiplies_bf16(), way_now != Way::widened);
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    set_thread_count(before_);
  }
  const int before_ = thread_count();
};

INSTANTIATE_TEST_SUITE_P(Ways, GemmBf16, testing::Values(Way::widened, Way::pairs, Way::tiles),
                         [](const auto& test) {
                           return test.param == Way::widened ? "widened"
                                  : test.param == Way::pairs ? "pairs"
                                                             : "tiles";
                         });

TEST_P(GemmBf16, stays_within_its_bound_in_every_layout) {
  const int64_t shapes[][3] = {{0, 3, 4},     {3, 0, 4},    {1, 1, 1},   {1, 17, 2},
                               {2, 3, 5},     {5, 7, 9},    {13, 33, 8}, {12, 32, 64},
                               {1, 40, 301},  {40, 1, 300}, {30, 50, 0}, {50, 70, 77},
                               {70, 10, 600}, {9, 300, 33}, {64, 64, 64}};
  for (const auto& s : shapes) {
    const int64_t m = s[0], n = s[1], k = s[2];
    const std::pair<int64_t, int64_t> of_a[] = {{k, 1},     {1, m}, {k + 1, 1}, {1, m + 5},
                                                {2 * k, 2}, {0, 1}, {-k, 1},    {k, -1}};
    const std::pair<int64_t, int64_t> of_b[] = {{n, 1},     {1, k}, {n + 3, 1}, {1, k + 1},
                                                {2 * n, 2}, {1, 0}, {-n, 1},    {-1, -k}};
    for (const auto& x : of_a) {
      for (const auto& y : of_b) {
        check(m, n, k, Operand(m, k, x.first, x.second, 1), Operand(k, n, y.first, y.second, 2),
              x.first % 2 != 0 ? 3 : 0);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(GemmBf16, of_small_whole_numbers_is_exact) {
  const BFloat16 a[] = {BFloat16(1.0f), BFloat16(2.0f), BFloat16(3.0f), BFloat16(-4.0f)};
  const BFloat16 b[] = {BFloat16(5.0f), BFloat16(-6.0f), BFloat16(7.0f), BFloat16(8.0f)};
  float c[4];
  product(2, 2, 2, a, 2, 1, b, 2, 1, c, 2);
  EXPECT_EQ(c[0], 19.0f);
  EXPECT_EQ(c[1], 10.0f);
  EXPECT_EQ(c[2], -13.0f);
  EXPECT_EQ(c[3], -50.0f);
}

TEST_P(GemmBf16, gives_an_element_the_same_bits_wherever_it_stands) {
  // Rows and columns of a large product, alone and in small products of odd sizes.
  const int64_t m = 70, n = 75, k = 333;
  const Operand a(m, k, k, 1, 3), b(k, n, n, 1, 4);
  std::vector<float> whole(static_cast<size_t>(m * n));
  product(m, n, k, a.at, k, 1, b.at, n, 1, whole.data(), n);
  for (const auto& [row, col, rows, cols] :
       {std::array<int64_t, 4>{0, 0, 1, 1}, {69, 74, 1, 1}, {5, 9, 17, 3}, {33, 1, 2, 40}}) {
    std::vector<float> part(static_cast<size_t>(rows * cols));
    product(rows, cols, k, a.at + row * k, k, 1, b.at + col, n, 1, part.data(), cols);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        ASSERT_EQ(part[static_cast<size_t>(i * cols + j)],
                  whole[static_cast<size_t>((row + i) * n + col + j)]);
  }
}

TEST_P(GemmBf16, lets_nan_and_infinity_through) {
  const float inf = std::numeric_limits<float>::infinity();
  const BFloat16 a[] = {BFloat16(1.0f), BFloat16(0.0f), BFloat16(inf)};
  const BFloat16 b[] = {BFloat16(inf),  BFloat16(2.0f), BFloat16(inf),
                        BFloat16(3.0f), BFloat16(1.0f), BFloat16(-1.0f)};
  float c[2];
  product(1, 2, 3, a, 3, 1, b, 2, 1, c, 2);
  EXPECT_TRUE(std::isnan(c[0]));  // 0 * inf
  EXPECT_EQ(c[1], -inf);
}

TEST_P(GemmBf16, has_the_same_bits_with_one_two_and_three_threads_and_in_every_layout) {
  const int64_t m = 150, n = 200, k = 310;
  const Operand plain_a(m, k, k, 1, 3), plain_b(k, n, n, 1, 4);
  Operand turned_a(m, k, 1, m, 3), turned_b(k, n, 1, k, 4);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) turned_a.at[i + p * m] = plain_a.at[i * k + p];
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j) turned_b.at[p + j * k] = plain_b.at[p * n + j];
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    for (const Operand* a : {&plain_a, const_cast<const Operand*>(&turned_a)}) {
      for (const Operand* b : {&plain_b, const_cast<const Operand*>(&turned_b)}) {
        std::vector<float> c(static_cast<size_t>(m * n));
        product(m, n, k, a->at, a->row, a->col, b->at, b->row, b->col, c.data(), n);
        if (first.empty()) first = c;
        EXPECT_EQ(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)), 0);
      }
    }
  }
}

TEST_P(GemmBf16, after_visits_every_element_once) {
  struct Visits {
    int64_t n;
    std::vector<std::atomic<int>> count;
    static void run(const void* self, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      auto& v = *static_cast<Visits*>(const_cast<void*>(self));
      for (int64_t i = row; i < row + rows; ++i)
        for (int64_t j = column; j < column + columns; ++j)
          ++v.count[static_cast<size_t>(i * v.n + j)];
    }
  };
  for (int64_t k : {0, 1, 300}) {
    const int64_t m = 130, n = 150;
    Visits v{n, std::vector<std::atomic<int>>(static_cast<size_t>(m * n))};
    const Operand a(m, k, k, 1, 5), b(k, n, 1, k, 6);
    std::vector<float> c(static_cast<size_t>(m * n));
    int visits = 0;
    for (bool whole_rows : {false, true}) {
      const After after{Visits::run, &v, whole_rows};
      product(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, c.data(), n, &after);
      ++visits;
      for (const auto& count : v.count) ASSERT_EQ(count, visits);
    }
  }
}

}  // namespace
}  // namespace gradus
