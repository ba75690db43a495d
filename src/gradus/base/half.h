// float16 and bfloat16: two-byte storage, converted by hand; arithmetic happens in f32.
// IEEE 754 binary16 is 1 sign, 5 exponent, 10 fraction bits; bfloat16 is 1, 8, 7.
#pragma once

#include <bit>
#include <cstdint>

namespace gradus {

// Rounds to nearest, ties to even, in one step from 53 bits. Too large becomes infinity, too small
// a subnormal or zero; a NaN stays a NaN of the same sign, quiet.
template <int exponent_bits, int fraction_bits>
constexpr std::uint16_t narrow_float(double x) {
  constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  constexpr std::uint64_t infinity = ((std::uint64_t{1} << exponent_bits) - 1) << fraction_bits;
  constexpr std::uint64_t infinity64 = std::uint64_t{0x7FF} << 52;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t sign = bits >> 63 << 15;
  const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63);

  std::uint64_t kept = infinity;
  if (magnitude > infinity64) {
    constexpr std::uint64_t quiet = std::uint64_t{1} << (fraction_bits - 1);
    kept |= quiet | ((magnitude >> (52 - fraction_bits)) & (2 * quiet - 1));
  } else if (magnitude < infinity64) {
    const int exponent = static_cast<int>(magnitude >> 52) - 1023;
    int shift = 52 - fraction_bits;
    std::uint64_t wide = 0;
    if (exponent >= 1 - bias) {
      // Exponent and fraction lie side by side, so a carry out of the fraction is right.
      wide = magnitude - (static_cast<std::uint64_t>(1023 - bias) << 52);
    } else {
      shift += 1 - bias - exponent;
      wide = (magnitude & ((std::uint64_t{1} << 52) - 1)) | (std::uint64_t{1} << 52);
    }
    if (shift > 53) {
      kept = 0;  // below half of the smallest subnormal
    } else {
      const std::uint64_t odd = (wide >> shift) & 1;
      kept = (wide + (std::uint64_t{1} << (shift - 1)) - 1 + odd) >> shift;
      if (kept > infinity) kept = infinity;
    }
  }
  return static_cast<std::uint16_t>(sign | kept);
}

constexpr std::uint16_t f16_from(double x) {
  return narrow_float<5, 10>(x);
}
constexpr std::uint16_t f16_from(float x) {
  return narrow_float<5, 10>(x);
}
constexpr std::uint16_t bf16_from(double x) {
  return narrow_float<8, 7>(x);
}
constexpr std::uint16_t bf16_from(float x) {
  return narrow_float<8, 7>(x);
}

constexpr float f32_from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

constexpr float f32_from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
  const std::uint32_t fraction = bits & 0x3FFu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide_exponent = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  constexpr explicit Float16(float x) : bits(f16_from(x)) {}
  constexpr explicit Float16(double x) : bits(f16_from(x)) {}
  constexpr explicit operator float() const { return f32_from_f16(bits); }
};

struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  constexpr explicit BFloat16(float x) : bits(bf16_from(x)) {}
  constexpr explicit BFloat16(double x) : bits(bf16_from(x)) {}
  constexpr explicit operator float() const { return f32_from_bf16(bits); }
};

}  // namespace gradus
