// Two-byte floats against hand-worked values and a slow search for the nearest one.
#include <gradus/base/half.h>
#include <gradus/base/random.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace gradus {
namespace {

constexpr std::uint16_t sign_bit = 0x8000;

template <class From, class To>
void expect_round_trips(From widen, To narrow, std::uint16_t infinity) {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float x = widen(bits);
    const std::uint16_t back = narrow(x);
    if ((bits & 0x7FFF) > infinity) {
      EXPECT_TRUE(std::isnan(x)) << i;
      EXPECT_TRUE(std::isnan(widen(back))) << i;
      EXPECT_EQ(back & sign_bit, bits & sign_bit) << i;
    } else {
      EXPECT_EQ(back, bits) << i;
      EXPECT_EQ(narrow(static_cast<double>(x)), bits) << i;
    }
  }
}

TEST(Half, all_65536_patterns_survive_a_round_trip) {
  expect_round_trips(
      f32_from_f16, [](auto x) { return f16_from(x); }, 0x7C00);
  expect_round_trips(
      f32_from_bf16, [](auto x) { return bf16_from(x); }, 0x7F80);
}

TEST(Half, f16_has_its_known_values) {
  const auto rounded = [](auto x) { return f32_from_f16(f16_from(x)); };
  EXPECT_EQ(rounded(65000.0f), 64992.0f);
  EXPECT_EQ(rounded(65504.0f), 65504.0f);
  EXPECT_EQ(rounded(65519.9f), 65504.0f);
  EXPECT_EQ(rounded(65520.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(-70000.0), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(70000.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(f16_from(0x1p-14), 0x0400);  // 6.104e-05, the smallest normal number
  EXPECT_EQ(f16_from(0x1p-24), 0x0001);  // 5.96e-08, the smallest subnormal one
  EXPECT_EQ(f16_from(1.0), 0x3C00);
  EXPECT_EQ(f16_from(-0.0), sign_bit);
  EXPECT_EQ(rounded(std::numeric_limits<double>::denorm_min()), 0.0f);
}

TEST(Half, bf16_has_its_known_values) {
  const auto rounded = [](auto x) { return f32_from_bf16(bf16_from(x)); };
  EXPECT_EQ(rounded(std::numbers::pi), 3.140625f);
  EXPECT_EQ(f32_from_bf16(0x7F7F), 0x1.FEp127f);  // 3.3895e38, the largest
  EXPECT_NEAR(f32_from_bf16(0x7F7F) / 3.3895e38f, 1, 1e-4);
  EXPECT_EQ(rounded(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(1e300), std::numeric_limits<float>::infinity());
  EXPECT_EQ(bf16_from(0x1p-133), 0x0001);
}

TEST(Half, ties_go_to_even) {
  EXPECT_EQ(f16_from(1 + 0x1p-11), 0x3C00);
  EXPECT_EQ(f16_from(1 + 3 * 0x1p-11), 0x3C02);
  EXPECT_EQ(f16_from(0x1p-25), 0x0000);
  EXPECT_EQ(f16_from(3 * 0x1p-25), 0x0002);
  EXPECT_EQ(f16_from(0x1p-14 - 0x1p-25), 0x0400);
  EXPECT_EQ(bf16_from(1 + 0x1p-8), 0x3F80);
  EXPECT_EQ(bf16_from(1 + 3 * 0x1p-8), 0x3F82);
}

TEST(Half, a_double_is_rounded_once) {
  // Through f32 this is the tie 1 + 2^-11, and the tie would go down to 1.
  EXPECT_EQ(f16_from(1 + 0x1p-11 + 0x1p-40), 0x3C01);
  EXPECT_EQ(f16_from(static_cast<float>(1 + 0x1p-11 + 0x1p-40)), 0x3C00);
  EXPECT_EQ(bf16_from(1 + 0x1p-8 + 0x1p-40), 0x3F81);
}

TEST(Half, nan_keeps_its_sign_and_infinity_its_size) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(f16_from(nan), 0x7E00);
  EXPECT_EQ(f16_from(std::copysign(nan, -1.0)), 0xFE00);
  EXPECT_EQ(bf16_from(nan), 0x7FC0);
  // The payload's lowest bit alone: cut off, it must not turn into infinity.
  EXPECT_EQ(f16_from(std::bit_cast<double>(0x7FF0000000000001)), 0x7E00);
  EXPECT_EQ(f16_from(std::numeric_limits<double>::infinity()), 0x7C00);
  EXPECT_EQ(bf16_from(-std::numeric_limits<float>::infinity()), 0xFF80);
}

// The nearest pattern by bisection over the positive finite values; a tie takes the even one.
// Past the largest value the next power of two stands for infinity, as IEEE 754 rounds.
std::uint16_t slow(double x, float (*widen)(std::uint16_t), std::uint16_t infinity) {
  const auto value = [&](std::uint16_t bits) {
    if (bits < infinity) return static_cast<double>(widen(bits));
    const auto last = static_cast<std::uint16_t>(infinity - 1);
    return 2 * static_cast<double>(widen(last)) -
           static_cast<double>(widen(static_cast<std::uint16_t>(last - 1)));
  };
  const double magnitude = std::abs(x);
  std::uint16_t low = 0;
  std::uint16_t high = infinity;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (value(middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - value(low);
  const double above = value(high) - magnitude;
  const bool up = above < below || (above == below && high % 2 == 0);
  return static_cast<std::uint16_t>((up ? high : low) | (std::signbit(x) ? sign_bit : 0));
}

TEST(Half, random_doubles_round_to_the_nearest) {
  std::vector<double> fraction(300'000);
  std::vector<std::int64_t> exponent(fraction.size());
  fill_uniform(key_from_seed(1), 0, fraction);
  fill_integers(key_from_seed(2), 0, 300, exponent);
  for (std::size_t i = 0; i < fraction.size(); ++i) {
    const double x = std::ldexp(4 * fraction[i] - 2, static_cast<int>(exponent[i] % 48) - 28);
    ASSERT_EQ(f16_from(x), slow(x, f32_from_f16, 0x7C00)) << x;
    const double y = std::ldexp(4 * fraction[i] - 2, static_cast<int>(exponent[i]) - 160);
    ASSERT_EQ(bf16_from(y), slow(y, f32_from_bf16, 0x7F80)) << y;
    const auto z = static_cast<float>(x);
    ASSERT_EQ(f16_from(z), slow(z, f32_from_f16, 0x7C00)) << z;
  }
}

TEST(Half, every_midpoint_goes_to_even_and_its_neighbours_to_the_nearest) {
  for (std::uint16_t bits = 0; bits < 0x7BFF; ++bits) {
    const auto next = static_cast<std::uint16_t>(bits + 1);
    const double middle = 0.5 * (static_cast<double>(f32_from_f16(bits)) + f32_from_f16(next));
    EXPECT_EQ(f16_from(middle), bits % 2 == 0 ? bits : next);
    EXPECT_EQ(f16_from(std::nextafter(middle, 0.0)), bits);
    EXPECT_EQ(f16_from(std::nextafter(middle, 1e9)), next);
  }
}

TEST(Half, converts_at_compile_time) {
  static_assert(Float16(1.5).bits == 0x3E00);
  static_assert(static_cast<float>(BFloat16(-2.0f)) == -2.0f);
  static_assert(sizeof(Float16) == 2 && sizeof(BFloat16) == 2);
}

}  // namespace
}  // namespace gradus
