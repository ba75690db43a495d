#include <gradus/base/error.h>
#include <gradus/numerics/sums.h>
#include <gradus/numerics/twins.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace gradus {
namespace {

TEST(Sums, of_two_to_the_25_ones_stick_only_with_one_accumulator) {
  const std::vector<float> ones(size_t{1} << 25, 1.0f);
  EXPECT_EQ(naive_sum(ones), 16777216.0f);
  EXPECT_EQ(pairwise_sum(ones), 33554432.0f);
  EXPECT_EQ(kahan_sum(ones), 33554432.0f);
}

TEST(Sums, by_kahan_keep_what_larger_numbers_push_out) {
  EXPECT_EQ(naive_sum(std::vector<double>{1, 1e100, 1, -1e100}), 0);
  EXPECT_EQ(kahan_sum(std::vector<double>{1, 1e100, 1, -1e100}), 2);
  const std::vector<double> tenths(10'000'000, 0.1);
  EXPECT_NE(naive_sum(tenths), 1e6);
  EXPECT_EQ(kahan_sum(tenths), 1e6);
  EXPECT_NEAR(pairwise_sum(tenths), 1e6, 1e-9);
  EXPECT_TRUE(std::isinf(kahan_sum(std::vector<double>{1e308, 1e308})));
  EXPECT_TRUE(std::isnan(kahan_sum(std::vector<double>{INFINITY, -INFINITY})));
  EXPECT_EQ(kahan_sum(std::vector<float>{}), 0);
}

TEST(CompensatedDot, is_right_where_products_cancel) {
  const std::vector<double> x{1e10, 1, -1e10}, y{1e10, 1, 1e10};
  EXPECT_EQ(compensated_dot(x, y), 1);
  const std::vector<float> a{1 + 0x1p-20f, 1}, b{1 - 0x1p-20f, -1};
  EXPECT_EQ(compensated_dot(a, b), -0x1p-40f);  // (1 + e)(1 - e) - 1
  EXPECT_EQ(compensated_dot(std::vector<double>{3, 4}, std::vector<double>{1, 2}), 11);
  try {
    compensated_dot(x, std::vector<double>{1});
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(),
                 "compensated_dot: 3 and 1 numbers. Both sides must have the same length.");
  }
}

TEST(Twins, are_twelve_and_each_fails_where_its_twin_holds) {
  std::set<std::string> names;
  for (const Twin& t : unstable_twins()) {
    names.insert(t.what);
    EXPECT_LT(correct_digits(t.naive(t.x), t.exact), 8) << t.what << " " << t.naive(t.x);
    EXPECT_NEAR(t.careful(t.x) / t.exact, 1, 4 * 0x1p-52) << t.what;
  }
  EXPECT_EQ(names.size(), 12u);
}

// Where both can compute, they are the same function.
TEST(Twins, agree_on_ordinary_numbers) {
  for (const Twin& t : unstable_twins()) {
    const double x = t.x < 0 ? -2.5 : 2.5;
    EXPECT_NEAR(t.naive(x), t.careful(x), 1e-12 * (1 + std::fabs(t.careful(x)))) << t.what;
  }
}

TEST(CorrectDigits, go_from_none_to_all_that_f64_has) {
  EXPECT_NEAR(correct_digits(1, 1), 15.95, 0.01);
  EXPECT_NEAR(correct_digits(1.001, 1), 3, 1e-9);
  EXPECT_EQ(correct_digits(NAN, 1), 0);
  EXPECT_EQ(correct_digits(INFINITY, 1), 0);
  EXPECT_EQ(correct_digits(-5, 1), 0);
  EXPECT_EQ(correct_digits(1e-30, 0), 0);
}

}  // namespace
}  // namespace gradus
