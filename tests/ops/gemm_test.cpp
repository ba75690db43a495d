#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace gradus {
namespace {

// Whether the target in force multiplies and adds with one rounding.
bool has_fma(int64_t target) {
  return target <= HWY_AVX2;
}

template <class T>
T chain_step(T a, T b, T acc, bool fused) {
  if (fused) return std::fma(a, b, acc);
  const volatile T product = a * b;
  return product + acc;
}

// Numbers whose products round, from a small generator.
template <class T>
std::vector<T> numbers(int64_t n, uint32_t seed) {
  std::vector<T> x(static_cast<size_t>(n));
  uint64_t s = seed * 2654435761u + 12345;
  for (T& v : x) {
    s = s * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<T>(static_cast<int64_t>(s >> 33) - (int64_t{1} << 30)) /
        static_cast<T>(1 << 29);
  }
  return x;
}

template <class T>
bool same_bits(T x, T y) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  return (std::isnan(x) && std::isnan(y)) || std::bit_cast<Bits>(x) == std::bit_cast<Bits>(y);
}

// A view of (rows, cols) on memory of exactly its extent, so that a sanitizer sees a stray read.
template <class T>
struct Operand {
  Operand(int64_t rows, int64_t cols, int64_t r, int64_t c, uint32_t seed) : row(r), col(c) {
    int64_t low = 0, high = 0;
    if (rows > 0 && cols > 0) {
      for (int64_t step : {(rows - 1) * row, (cols - 1) * col}) (step < 0 ? low : high) += step;
      ++high;
    }
    const std::vector<T> values = numbers<T>(high - low, seed);
    memory = std::make_unique<T[]>(static_cast<size_t>(high - low));
    std::copy(values.begin(), values.end(), memory.get());
    at = memory.get() - low;
  }
  std::unique_ptr<T[]> memory;
  T* at;
  int64_t row, col;
};

template <class T>
void check(int64_t m, int64_t n, int64_t k, const Operand<T>& a, const Operand<T>& b, int64_t pad,
           int64_t target) {
  const int64_t c_row = n + pad;
  const T untouched = T(-7.5);
  std::vector<T> c(static_cast<size_t>(m > 0 ? (m - 1) * c_row + n : 0), untouched);
  gemm(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, c.data(), c_row);
  const bool fused = has_fma(target);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      T acc = 0;
      for (int64_t p = 0; p < k; ++p) {
        acc = chain_step(a.at[i * a.row + p * a.col], b.at[p * b.row + j * b.col], acc, fused);
      }
      const T got = c[static_cast<size_t>(i * c_row + j)];
      ASSERT_TRUE(same_bits(got, acc))
          << hwy::TargetName(target) << " (" << m << "," << k << ") strides " << a.row << ","
          << a.col << " x (" << k << "," << n << ") strides " << b.row << "," << b.col << ", at ("
          << i << "," << j << "): " << got << " and not " << acc;
    }
    for (int64_t j = n; j < c_row && i + 1 < m; ++j) {
      ASSERT_EQ(c[static_cast<size_t>(i * c_row + j)], untouched);
    }
  }
}

// Every way of laying out both operands.
template <class T>
void check_layouts(int64_t m, int64_t n, int64_t k, int64_t target) {
  const auto layouts = [](int64_t rows, int64_t cols) {
    return std::vector<std::pair<int64_t, int64_t>>{
        {cols, 1}, {1, rows},  {cols + 3, 1}, {1, rows + 5}, {2 * cols, 2}, {0, 1},
        {1, 0},    {-cols, 1}, {cols, -1},    {-1, -rows},   {0, 0},        {3, 3 * rows}};
  };
  const auto of_a = layouts(m, k), of_b = layouts(k, n);
  for (size_t i = 0; i < of_a.size(); ++i) {
    const Operand<T> a(m, k, of_a[i].first, of_a[i].second, 1);
    for (size_t j = 0; j < of_b.size(); ++j) {
      // Beyond the first few, one partner in three keeps the run short.
      if (i > 2 && j > 2 && (i + j) % 3 != 0) continue;
      const Operand<T> b(k, n, of_b[j].first, of_b[j].second, 2);
      check(m, n, k, a, b, static_cast<int64_t>(i + j) % 2 * 3, target);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

class GemmOnTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

std::vector<int64_t> targets_here() {
  std::vector<int64_t> list;
  for (int64_t all = hwy::SupportedTargets() & HWY_TARGETS; all != 0; all &= all - 1) {
    list.push_back(all & -all);
  }
  return list;
}

INSTANTIATE_TEST_SUITE_P(Targets, GemmOnTarget, testing::ValuesIn(targets_here()),
                         [](const auto& test) { return hwy::TargetName(test.param); });

TEST_P(GemmOnTarget, every_small_shape_is_the_naive_chain_bit_for_bit) {
  for (int64_t m : {0, 1, 2, 3, 5, 7, 12, 13, 25}) {
    for (int64_t n : {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 50}) {
      for (int64_t k : {0, 1, 2, 3, 4, 5, 16, 19}) {
        check_layouts<float>(m, n, k, GetParam());
        check_layouts<double>(m, n, k, GetParam());
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(GemmOnTarget, deep_and_wide_shapes_are_the_naive_chain_bit_for_bit) {
  const int64_t shapes[][3] = {{1, 300, 40},  {2, 131, 300}, {3, 200, 17},
                               {40, 70, 260}, {300, 1, 50},  {1, 1, 700},
                               {130, 270, 9}, {30, 300, 30}, {300, 10, 40}};
  for (const auto& s : shapes) {
    check_layouts<float>(s[0], s[1], s[2], GetParam());
    check_layouts<double>(s[0], s[1], s[2], GetParam());
    if (HasFatalFailure()) return;
  }
}

TEST_P(GemmOnTarget, far_rows_of_b_are_the_naive_chain_bit_for_bit) {
  const int64_t m = 50, n = 310, k = 300;
  for (const auto& [row, col] : {std::pair<int64_t, int64_t>{k, 1}, {1, m}}) {
    check(m, n, k, Operand<float>(m, k, row, col, 1), Operand<float>(k, n, 2000, 1, 2), 0,
          GetParam());
    check(m, n, k, Operand<double>(m, k, row, col, 1), Operand<double>(k, n, 2000, 1, 2), 3,
          GetParam());
  }
}

TEST_P(GemmOnTarget, long_sums_of_two_matrices_read_along_their_rows_are_the_naive_chain) {
  const int64_t m = 150, n = 66, k = 1100;
  check(m, n, k, Operand<float>(m, k, 1, m, 1), Operand<float>(k, n, n, 1, 2), 0, GetParam());
  check(m, n, k, Operand<double>(m, k, 1, m + 5, 1), Operand<double>(k, n, n, 1, 2), 3, GetParam());
}

template <class T>
void check_threads(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed) {
  const Operand<T> a(m, k, a_transposed ? 1 : k, a_transposed ? m : 1, 3);
  const Operand<T> b(k, n, b_transposed ? 1 : n, b_transposed ? k : 1, 4);
  const int before = thread_count();
  std::vector<T> results[3];
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    std::vector<T>& c = results[threads - 1];
    c.resize(static_cast<size_t>(m * n));
    gemm(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, c.data(), n);
  }
  set_thread_count(before);
  const size_t bytes = results[0].size() * sizeof(T);
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), bytes), 0);
  EXPECT_EQ(std::memcmp(results[0].data(), results[2].data(), bytes), 0);
}

TEST(Gemm, one_two_and_three_threads_give_the_same_bits) {
  for (bool a : {false, true}) {
    for (bool b : {false, true}) {
      check_threads<float>(200, 300, 310, a, b);
      check_threads<float>(50, 1200, 100, a, b);
      check_threads<float>(150, 70, 1100, a, b);
      check_threads<double>(200, 300, 310, a, b);
      check_threads<float>(1, 2000, 1500, a, b);
      check_threads<float>(2000, 1, 1500, a, b);
      check_threads<float>(20, 3000, 50, a, b);
      check_threads<float>(3000, 20, 50, a, b);
    }
  }
}

TEST(Gemm, products_of_several_stripes_are_the_naive_chain) {
  // 700 x 9000 is more of b than is packed at once; its stride of two forces packing.
  const int64_t m = 7, n = 700, k = 9000;
  const Operand<float> a(m, k, k, 1, 5);
  const Operand<float> b(k, n, 2 * n, 2, 6);
  check(m, n, k, a, b, 0, targets_here().front());
}

TEST(Gemm, nan_and_infinity_come_through) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float a[] = {1, 0, nan, 0, inf, 1};
  const float b[] = {inf, 2, inf, 3, 0, -1};
  float c[4];
  gemm(2, 2, 3, a, 3, 1, b, 2, 1, c, 2);  // row 0: 1 0 nan; row 1: 0 inf 1
  for (float v : {c[0], c[1], c[2]}) EXPECT_TRUE(std::isnan(v));
  EXPECT_EQ(c[3], inf);
}

TEST(Gemm, no_terms_give_zero) {
  float c[6] = {1, 2, 3, 4, 5, 6};
  gemm(2, 2, 0, c, 1, 1, c, 1, 1, c, 3);
  EXPECT_EQ(c[0] + c[1] + c[3] + c[4], 0.0f);
  EXPECT_EQ(c[2], 3.0f);
}

// Counts the visits of every element and asks for its final value at each.
struct Visits {
  int64_t n, c_row;
  const float *c, *want;
  bool whole_rows;
  std::vector<std::atomic<int>> count;
  std::atomic<int> wrong = 0;

  static void run(const void* self, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    auto& v = *static_cast<Visits*>(const_cast<void*>(self));
    if (v.whole_rows && (column != 0 || columns != v.n)) ++v.wrong;
    for (int64_t i = row; i < row + rows; ++i) {
      for (int64_t j = column; j < column + columns; ++j) {
        ++v.count[static_cast<size_t>(i * v.n + j)];
        if (!same_bits(v.c[i * v.c_row + j], v.want[i * v.n + j])) ++v.wrong;
      }
    }
  }
};

void check_visits(int64_t m, int64_t n, int64_t k, int64_t pad) {
  for (int layout = 0; layout < 4; ++layout) {
    const bool at = layout % 2 != 0, bt = layout / 2 != 0;
    const Operand<float> a(m, k, at ? 1 : k, at ? m : 1, 7), b(k, n, bt ? 1 : n, bt ? k : 1, 8);
    std::vector<float> want(static_cast<size_t>(m * n));
    gemm(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, want.data(), n);
    for (bool whole_rows : {false, true}) {
      std::vector<float> c(static_cast<size_t>(m * (n + pad)), -7.5f);
      Visits v{n,           n + pad,    c.data(),
               want.data(), whole_rows, std::vector<std::atomic<int>>(want.size())};
      const After after{Visits::run, &v, whole_rows};
      gemm(m, n, k, a.at, a.row, a.col, b.at, b.row, b.col, c.data(), n + pad, &after);
      EXPECT_EQ(v.wrong, 0) << m << "x" << k << "x" << n << " layout " << layout;
      for (const auto& count : v.count) {
        ASSERT_EQ(count, 1) << m << "x" << k << "x" << n << " layout " << layout
                            << (whole_rows ? ", whole rows" : "");
      }
    }
  }
}

TEST_P(GemmOnTarget, after_visits_every_element_once_when_it_has_its_final_value) {
  const int before = thread_count();
  for (int threads : {1, 2}) {
    set_thread_count(threads);
    for (int64_t m : {0, 1, 2, 13, 40, 300}) {
      for (int64_t n : {0, 1, 3, 17, 64, 280}) {
        for (int64_t k : {0, 1, 30, 300}) check_visits(m, n, k, 0);
        check_visits(m, n, 20, 3);
      }
    }
    check_visits(1, 2000, 1000, 0);
    check_visits(2000, 1, 1000, 0);
    check_visits(2000, 1, 1000, 2);
    check_visits(20, 1500, 3000, 0);  // several stripes of packed columns
    check_visits(1500, 20, 3000, 0);
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace gradus
