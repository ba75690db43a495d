// Double-double functions against digits from tables and against identities.
#include <gradus/regress/precise.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus::precise {
namespace {

// `want` as two f64: digits beyond the first sixteen are in `rest`.
void expect_digits(const DoubleDouble& got, double want, double rest) {
  const DoubleDouble gap = got - DoubleDouble(want) - DoubleDouble(rest);
  EXPECT_LE(std::fabs(static_cast<double>(gap)), 1e-30 * std::fabs(want));
}
void expect_equal(const DoubleDouble& a, const DoubleDouble& b, double tolerance = 1e-30) {
  EXPECT_LE(std::fabs(static_cast<double>(a - b)),
            tolerance * std::max(1e-300, std::fabs(static_cast<double>(b))));
}

TEST(Precise, constants_have_thirty_digits) {
  // e, ln 2, pi / 4, sin 1, each split into the nearest f64 and the rest.
  expect_digits(exp(DoubleDouble(1.0)), 2.718281828459045, 1.4456468917292502e-16);
  expect_digits(log(DoubleDouble(2.0)), 0.6931471805599453, 2.3190468138462996e-17);
  expect_digits(atan(DoubleDouble(1.0)), 0.7853981633974483, 3.061616997868383e-17);
  const SinCos one = sin_cos(DoubleDouble(1.0));
  expect_digits(one.sin, 0.8414709848078965, 1.776845092935536e-18);
}

TEST(Precise, functions_undo_each_other) {
  for (double x : {1e-8, 0.1, 0.7, 1.0, 3.5, 42.0, 700.0}) {
    const DoubleDouble third = DoubleDouble(x) / DoubleDouble(3.0);
    expect_equal(log(exp(third)), third, 1e-29 / std::min(1.0, x));
    expect_equal(exp(log(third)), third, 1e-29);
    const SinCos t = sin_cos(third);
    expect_equal(t.sin * t.sin + t.cos * t.cos, DoubleDouble(1.0));
    const DoubleDouble small = DoubleDouble(std::fmod(x, 1.5)) / DoubleDouble(3.0);
    const SinCos s = sin_cos(small);
    expect_equal(atan(s.sin / s.cos), small, 1e-29);
    expect_equal(exp(DoubleDouble(0.0) - third) * exp(third), DoubleDouble(1.0));
  }
}

TEST(Precise, angles_keep_their_quarter) {
  for (int k = -8; k <= 8; ++k) {
    const double x = 0.3 + 1.5 * k;
    const SinCos t = sin_cos(DoubleDouble(x));
    EXPECT_NEAR(static_cast<double>(t.sin), std::sin(x), 1e-15);
    EXPECT_NEAR(static_cast<double>(t.cos), std::cos(x), 1e-15);
    EXPECT_NEAR(static_cast<double>(atan(DoubleDouble(x))), std::atan(x), 1e-15);
  }
}

TEST(Precise, powers_are_whole_or_of_positive_numbers) {
  expect_equal(power(DoubleDouble(-3.0), DoubleDouble(5.0)), DoubleDouble(-243.0));
  expect_equal(power(DoubleDouble(2.0), DoubleDouble(-3.0)), DoubleDouble(0.125));
  expect_equal(power(DoubleDouble(2.0), DoubleDouble(0.5)) * sqrt(DoubleDouble(2.0)),
               DoubleDouble(2.0), 1e-29);
  EXPECT_EQ(static_cast<double>(power(DoubleDouble(0.0), DoubleDouble(0.5))), 0);
  EXPECT_EQ(static_cast<double>(power(DoubleDouble(7.0), DoubleDouble(0.0))), 1);
  EXPECT_TRUE(std::isnan(static_cast<double>(power(DoubleDouble(-2.0), DoubleDouble(0.5)))));
}

TEST(Precise, ends_are_those_of_f64) {
  EXPECT_EQ(static_cast<double>(exp(DoubleDouble(-800.0))), 0);
  EXPECT_TRUE(std::isinf(static_cast<double>(exp(DoubleDouble(800.0)))));
  EXPECT_TRUE(std::isinf(static_cast<double>(log(DoubleDouble(0.0)))));
  EXPECT_TRUE(std::isnan(static_cast<double>(log(DoubleDouble(-1.0)))));
  EXPECT_NEAR(static_cast<double>(exp(DoubleDouble(-740.0))), std::exp(-740.0), 1e-323);
}

}  // namespace
}  // namespace gradus::precise
