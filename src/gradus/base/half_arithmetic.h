// Arithmetic of float16 and bfloat16 as hardware that has it does it: every + - * / sqrt and fma is
// the exact result rounded once, to nearest even, with subnormals, infinities and NaN. f64 holds
// more than twice the digits plus two, so rounding through it changes nothing (Figueroa 1995); fma
// rounds to odd first (Boldo and Melquiond 2008).
#pragma once

#include <gradus/base/half.h>

#include <bit>
#include <cmath>
#include <concepts>

namespace gradus {

template <class T>
concept HalfFloat = std::same_as<T, Float16> || std::same_as<T, BFloat16>;

template <HalfFloat T>
constexpr double to_f64(T x) {
  return static_cast<double>(static_cast<float>(x));
}

template <HalfFloat T>
constexpr T operator-(T x) {
  x.bits ^= 0x8000u;
  return x;
}
template <HalfFloat T>
constexpr T operator+(T a, T b) {
  return T(to_f64(a) + to_f64(b));
}
template <HalfFloat T>
constexpr T operator-(T a, T b) {
  return T(to_f64(a) - to_f64(b));
}
template <HalfFloat T>
constexpr T operator*(T a, T b) {
  return T(to_f64(a) * to_f64(b));
}
template <HalfFloat T>
constexpr T operator/(T a, T b) {
  return T(to_f64(a) / to_f64(b));
}
template <HalfFloat T>
T sqrt(T x) {
  return T(std::sqrt(to_f64(x)));
}

// a b + c, rounded once.
template <HalfFloat T>
T fma(T a, T b, T c) {
  const double product = to_f64(a) * to_f64(b), addend = to_f64(c);  // the product is exact
  double sum = product + addend;
  if (!std::isfinite(sum)) return T(sum);
  const double t = sum - product;
  const double error = (product - (sum - t)) + (addend - t);
  // To odd: of the two f64 around an inexact sum, the one whose last bit is set. No such number is
  // half way between two halves, so the second rounding sees on which side the sum lies.
  if (error != 0 && (std::bit_cast<std::uint64_t>(sum) & 1) == 0)
    sum = std::nextafter(sum, error > 0 ? __builtin_huge_val() : -__builtin_huge_val());
  return T(sum);
}

// As IEEE 754 compares: NaN is unequal to all, -0 equals 0.
template <HalfFloat T>
constexpr bool operator==(T a, T b) {
  return to_f64(a) == to_f64(b);
}
template <HalfFloat T>
constexpr bool operator<(T a, T b) {
  return to_f64(a) < to_f64(b);
}
template <HalfFloat T>
constexpr bool operator<=(T a, T b) {
  return to_f64(a) <= to_f64(b);
}
template <HalfFloat T>
constexpr bool operator>(T a, T b) {
  return b < a;
}
template <HalfFloat T>
constexpr bool operator>=(T a, T b) {
  return b <= a;
}

}  // namespace gradus
