#include <gradus/base/half_arithmetic.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>

namespace gradus {
namespace {

template <class T>
T half_from_bits(unsigned bits) {
  T x;
  x.bits = static_cast<std::uint16_t>(bits);
  return x;
}

// The half nearest to an exact value, found without its own rounding: long double holds every sum
// and product of two halves of close exponents, and the neighbours are compared as they are.
template <class T>
bool is_nearest(T got, long double exact) {
  if (std::isnan(exact)) return std::isnan(to_f64(got));
  const T limit = half_from_bits<T>(std::is_same_v<T, Float16> ? 0x7BFF : 0x7F7F);
  const long double most = to_f64(limit);
  const long double step =
      most - static_cast<long double>(to_f64(half_from_bits<T>(limit.bits - 1u)));
  if (std::isinf(to_f64(got))) return std::fabs(exact) >= most + step / 2;
  const unsigned magnitude = got.bits & 0x7FFFu, sign = got.bits & 0x8000u;
  const long double here = to_f64(got), gap = std::fabs(exact - here);
  for (const int direction : {-1, 1}) {
    if (magnitude == 0 && direction < 0) continue;
    const T other =
        half_from_bits<T>(sign | static_cast<unsigned>(static_cast<int>(magnitude) + direction));
    const long double there =
        std::isinf(to_f64(other)) ? std::copysign(most + step, here) : to_f64(other);
    const long double far = std::fabs(exact - there);
    if (far < gap || (far == gap && (magnitude & 1) != 0)) return false;
  }
  return true;
}

template <class T>
class Halves : public testing::Test {};
using Both = testing::Types<Float16, BFloat16>;
TYPED_TEST_SUITE(Halves, Both);

// 64 bits hold the exact sum of two f16 and the exact product of any two halves.
TYPED_TEST(Halves, round_every_operation_once_to_the_nearest_even) {
  std::mt19937 draw(7);
  const auto some = [&draw] {
    TypeParam x;
    do x = half_from_bits<TypeParam>(draw() & 0xFFFFu);
    while (!std::isfinite(to_f64(x)));
    return x;
  };
  for (int i = 0; i < 200000; ++i) {
    const TypeParam a = some(), b = some();
    const long double x = to_f64(a), y = to_f64(b);
    ASSERT_TRUE(is_nearest(a * b, x * y)) << a.bits << " * " << b.bits;
    int apart = 0, exponent = 0;
    std::frexp(to_f64(a), &apart);
    std::frexp(to_f64(b), &exponent);
    if (std::abs(apart - exponent) < 40) {
      ASSERT_TRUE(is_nearest(a + b, x + y)) << a.bits << " + " << b.bits;
      ASSERT_TRUE(is_nearest(a - b, x - y)) << a.bits << " - " << b.bits;
    }
    if (y != 0) {
      ASSERT_TRUE(is_nearest(a / b, x / y)) << a.bits << " / " << b.bits;
    }
    if (x >= 0) {
      ASSERT_TRUE(is_nearest(sqrt(a), std::sqrt(x))) << a.bits;
    }
  }
}

TYPED_TEST(Halves, of_far_exponents_give_the_larger_back) {
  const TypeParam one(1.0f), tiny = half_from_bits<TypeParam>(1);
  EXPECT_TRUE(one + tiny == one && one - tiny == one && tiny - one == -one);
}

TEST(HalfArithmetic, knows_infinities_zeros_and_nan) {
  const Float16 most = half_from_bits<Float16>(0x7BFF), zero(0.0f), one(1.0f);
  EXPECT_EQ((most + most).bits, 0x7C00);
  EXPECT_EQ((-most - most).bits, 0xFC00);
  EXPECT_EQ((one / -zero).bits, 0xFC00);
  EXPECT_TRUE(std::isnan(to_f64(zero / zero)));
  EXPECT_TRUE(std::isnan(to_f64(sqrt(-one))));
  EXPECT_TRUE(zero == -zero);
  const Float16 nan = zero / zero;
  EXPECT_FALSE(nan == nan || nan < one || nan >= one);
  EXPECT_TRUE(zero < one && one <= one && one > zero && one >= zero);
  // Half of the smallest subnormal is a tie: to even, which is 0; anything more goes up.
  const Float16 least = half_from_bits<Float16>(1), half(0.5f);
  EXPECT_EQ((least * half).bits, 0);
  EXPECT_EQ((least * Float16(0.5005f)).bits, 1);
}

// E3, E13 and E14 of the errata.
TEST(HalfArithmetic, of_the_guides_numbers) {
  EXPECT_EQ(to_f64(Float16(65000.0)), 64992);
  EXPECT_TRUE(std::isinf(to_f64(Float16(70000.0))));
  EXPECT_EQ(to_f64(half_from_bits<Float16>(1)), 5.9604644775390625e-08);
  EXPECT_LT(to_f64(half_from_bits<Float16>(1)), 6.103515625e-05);
  // A mask of -1e9 is -inf in f16; a row of nothing else has no softmax.
  const Float16 mask(-1e9);
  EXPECT_EQ(to_f64(mask), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(to_f64(mask - mask)));
  EXPECT_EQ(to_f64(BFloat16(-1e9)), -998244352);
  // 2048 + 1 is where f16 stops counting.
  EXPECT_EQ(to_f64(Float16(2048.0) + Float16(1.0)), 2048);
}

TEST(HalfArithmetic, fma_rounds_once) {
  // (1 + 3e)^2 - 1 = 6e + 9e^2, e = 2^-10: the product alone would lose 9e^2, two units here.
  const Float16 a(1 + 0x3p-10), one(1.0f);
  EXPECT_EQ(to_f64(a * a - one), 0x6p-10);
  EXPECT_EQ(to_f64(fma(a, a, -one)), 0x6p-10 + 0x8p-20);
  // The product lies half way between two numbers of bf16; a c 100 binary places below decides.
  const BFloat16 b(1 + 0x1p-4), c(1 + 0x1p-4);  // product 1 + 2^-3 + 2^-8
  EXPECT_EQ(to_f64(b * c), 1.125);
  EXPECT_EQ(to_f64(fma(b, c, BFloat16(0x1p-100))), 1.125 + 0x1p-7);
  EXPECT_EQ(to_f64(fma(b, c, BFloat16(-0x1p-100))), 1.125);
  EXPECT_TRUE(std::isinf(to_f64(fma(BFloat16(0x1p100), BFloat16(0x1p100), BFloat16(-1.0)))));
}

// Against long double where it holds the exact result.
TYPED_TEST(Halves, fma_is_the_nearest_to_the_exact_result) {
  std::mt19937 draw(8);
  std::uniform_int_distribution<int> near(-12, 12);
  for (int i = 0; i < 200000; ++i) {
    const auto some = [&] {
      const int digits = std::is_same_v<TypeParam, Float16> ? 1024 : 128;
      const double fraction = static_cast<double>(draw() % static_cast<unsigned>(digits)) / digits;
      const double x = std::ldexp(1 + fraction, near(draw) / 2);
      return TypeParam((draw() & 1) != 0 ? x : -x);
    };
    const TypeParam a = some(), b = some(), c = some();
    const long double exact =
        static_cast<long double>(to_f64(a)) * to_f64(b) + static_cast<long double>(to_f64(c));
    ASSERT_TRUE(is_nearest(fma(a, b, c), exact)) << a.bits << " " << b.bits << " " << c.bits;
  }
}

}  // namespace
}  // namespace gradus
