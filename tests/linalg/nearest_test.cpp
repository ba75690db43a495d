// Neighbours by cosine: the order, ties, and what is refused.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/nearest.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

const Tensor rows{{3, 4}, {1, 0}, {-2, 0}, {0, 0}, {0, 1}, {30, 40}};

TEST(Nearest, rows_come_by_cosine_whatever_their_length_and_ties_by_place) {
  // Against (1, 0): 0.6, 1, -1, 0 (a zero vector), 0, 0.6.
  const Nearest found = cosine_top_k(Tensor({2, 0}), rows, 6);
  EXPECT_EQ(values<int64_t>(found.rows), (std::vector<int64_t>{1, 0, 5, 3, 4, 2}));
  const std::vector<double> cosines = numbers(found.cosines), want = {1, 0.6, 0.6, 0, 0, -1};
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(cosines[i], want[i], 1e-15) << i;
}

TEST(Nearest, no_more_rows_come_than_there_are) {
  EXPECT_EQ(cosine_top_k(Tensor({2, 0}), rows, 100).rows.shape(), (Shape{6}));
  EXPECT_EQ(values<int64_t>(cosine_top_k(Tensor({2, 0}), rows, 1).rows), (std::vector<int64_t>{1}));
  EXPECT_EQ(cosine_top_k(Tensor({2, 0}), rows, 0).rows.shape(), (Shape{0}));
  EXPECT_EQ(cosine_top_k(zeros({0, 2}), rows, 3).cosines.shape(), (Shape{0, 3}));
  EXPECT_EQ(cosine_top_k(zeros({4, 2}), zeros({0, 2}), 3).rows.shape(), (Shape{4, 0}));
}

TEST(Nearest, many_queries_are_each_answered_as_alone) {
  const Tensor all = random_normal(key_tensor(key_from_seed(1)), {500, 7}, DType::f32);
  const Tensor queries = slice_axis(all, 0, {0, 50});
  const Nearest found = cosine_top_k(queries, all, 4);
  EXPECT_EQ(found.rows.shape(), (Shape{50, 4}));
  EXPECT_EQ(found.cosines.dtype(), DType::f32);
  for (int64_t q = 0; q < 50; ++q) {
    const Nearest one = cosine_top_k(row(queries, q), all, 4);
    EXPECT_TRUE(same_bits(one.rows, row(found.rows, q)));
    EXPECT_TRUE(same_bits(one.cosines, row(found.cosines, q)));
    EXPECT_EQ(values<int64_t>(one.rows)[0], q) << "a row is nearest to itself";
  }
}

TEST(Nearest, a_long_double_search_through_all_pairs_finds_the_same) {
  const Tensor all = random_normal(key_tensor(key_from_seed(2)), {200, 5}, DType::f64);
  const std::vector<double> v = numbers(all);
  const auto cosine = [&](size_t a, size_t b) {
    long double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < 5; ++i) {
      const long double x = v[a * 5 + i], y = v[b * 5 + i];
      ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / std::sqrt(aa * bb);
  };
  const Nearest found = cosine_top_k(all, all, 2);
  for (size_t q = 0; q < 200; ++q) {
    size_t best = q == 0 ? 1 : 0;
    for (size_t i = 0; i < 200; ++i)
      if (i != q && cosine(q, i) > cosine(q, best)) best = i;
    EXPECT_EQ(values<int64_t>(found.rows)[2 * q + 1], static_cast<int64_t>(best));
    EXPECT_NEAR(numbers(found.cosines)[2 * q + 1], static_cast<double>(cosine(q, best)), 1e-14);
  }
}

TEST(Nearest, messages_show_both_sides) {
  EXPECT_EQ(message_of([] {
              cosine_top_k(Tensor({1, 2, 3}), rows, 1);
            }),
            "cosine_top_k: queries f64[3], rows f64[6,2]. Queries are (d) or (m,d), and rows (n,d) "
            "have as many numbers each. Use reshape or transpose.");
  EXPECT_EQ(message_of([] {
              cosine_top_k(cast(Tensor({1, 2}), DType::i64), rows, 1);
            }),
            "cosine_top_k: queries i64[2], rows f64[6,2]. Directions are computed in f32 or f64. "
            "Cast them.");
  EXPECT_EQ(message_of([] {
              cosine_top_k(Tensor({1, 2}), rows, -1);
            }),
            "cosine_top_k: k is -1. It counts rows, 0 or more.");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of([&] {
              cosine_top_k(Tensor({1, nan}), rows, 1);
            }),
            "cosine_top_k: element [1] of the queries is nan. Linear algebra needs finite numbers. "
            "Find where it came from, or replace it with where(isfinite(x), x, 0).");
  EXPECT_EQ(message_of([&] {
              cosine_top_k(Tensor({1, 0}), Tensor({{1, 2}, {-HUGE_VAL, nan}}), 1);
            }),
            "cosine_top_k: element [1,0] of the rows is -inf. Linear algebra needs finite numbers. "
            "Find where it came from, or replace it with where(isfinite(x), x, 0).");
}

}  // namespace
}  // namespace gradus
