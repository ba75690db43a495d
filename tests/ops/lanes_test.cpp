// Sweeps of every lane function on every SIMD target of this machine against libm in long double.
// The bounds are the ones stated in lanes_math-inl.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

// This file is read once per target; these are not.
#ifndef GRADUS_LANES_TEST_TYPES
#define GRADUS_LANES_TEST_TYPES

// clang-format off
// name, bound in ulp for f32, for f64, and the truth for a long double x.
#define UNARY(OP)                                                                  \
  OP(exp, 1.1, 1.1, std::exp(x))                                                       \
  OP(exp2, 1.2, 1.2, std::exp2(x))                                                     \
  OP(expm1, 1.3, 1.3, std::expm1(x))                                                   \
  OP(log, 1, 1, std::log(x))                                                       \
  OP(log2, 1, 1, std::log2(x))                                                     \
  OP(log10, 1, 1, std::log10(x))                                                   \
  OP(log1p, 1.1, 1.1, std::log1p(x))                                                   \
  OP(sin, 1, 1, std::sin(x))                                                       \
  OP(cos, 1, 1, std::cos(x))                                                       \
  OP(tan, 1, 1, std::tan(x))                                                       \
  OP(asin, 1, 1, std::asin(x))                                                     \
  OP(acos, 1, 1, std::acos(x))                                                     \
  OP(atan, 1, 1, std::atan(x))                                                     \
  OP(sinh, 1, 2, std::sinh(x))                                                     \
  OP(cosh, 1, 2, std::cosh(x))                                                     \
  OP(tanh, 2.2, 2.2, std::tanh(x))                                                     \
  OP(asinh, 1, 2, std::asinh(x))                                                   \
  OP(acosh, 1, 2, std::acosh(x))                                                   \
  OP(atanh, 1, 2, std::atanh(x))                                                   \
  OP(erf, 1.5, 1.5, std::erf(x))                                                       \
  OP(erfc, 5.5, 2.1, std::erfc(x))                                                     \
  OP(sigmoid, 2.5, 2.2, 1 / (1 + std::exp(-x)))                                        \
  OP(log_sigmoid, 2, 2, x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x))) \
  OP(softplus, 2, 2, x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x))) \
  OP(gelu, 6, 3, x < -1e4L ? -0.0L : x * std::erfc(-x * std::sqrt(0.5L)) / 2)       \
  OP(gelu_tanh, 3, 3, gelu_tanh_truth(x))                                          \
  OP(silu, 2.75, 2.75, x < -1e5L ? -0.0L : x / (1 + std::exp(-x)))                       \
  OP(sqrt, 0.5, 0.5, std::sqrt(x))                                                 \
  OP(rsqrt, 1.5, 1.5, 1 / std::sqrt(x))                                                \
  OP(abs, 0, 0, std::fabs(x))                                                      \
  OP(floor, 0, 0, std::floor(x))                                                   \
  OP(ceil, 0, 0, std::ceil(x))                                                     \
  OP(trunc, 0, 0, std::trunc(x))                                                   \
  OP(round_even, 0, 0, std::nearbyint(x))
#define BINARY(OP)                                          \
  OP(pow, 1, 1, std::pow(x, y))                             \
  OP(atan2, 1, 1, std::atan2(x, y))                         \
  OP(hypot, 1, 1, std::hypot(x, y))                         \
  OP(fmod, 0, 0, std::fmod(x, y))                           \
  OP(remainder, 0.5, 0.5, remainder_truth(x, y))            \
  OP(min, 0, 0, x != x || y != y ? x + y : x < y ? x : y) \
  OP(max, 0, 0, x != x || y != y ? x + y : x > y ? x : y)
// clang-format on

namespace gradus {
enum class F {
#define OP(f, ulp32, ulp64, truth) f,
  UNARY(OP) BINARY(OP) logaddexp
#undef OP
};
template <class T>
struct Job {
  const T *x, *y;
  T* out;
  size_t n;
  bool one_by_one;
};
}  // namespace gradus

#endif  // GRADUS_LANES_TEST_TYPES

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/lanes_test.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <gradus/ops/lanes-inl.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

template <class D, class Function>
size_t blocks(D d, const Job<hn::TFromD<D>>& r, size_t i, Function f) {
  for (; i + hn::Lanes(d) <= r.n; i += hn::Lanes(d)) {
    const Lanes<D> x = hn::LoadU(d, r.x + i), y = hn::LoadU(d, r.y + i);
    hn::StoreU(f(x, y).v, d, r.out + i);
  }
  return i;
}
template <class T, class Function>
void map(const Job<T>& r, Function f) {
  size_t i = 0;
  if (!r.one_by_one) i = blocks(hn::ScalableTag<T>(), r, i, f);
  blocks(hn::CappedTag<T, 1>(), r, i, f);
}
template <class T>
void apply(F which, const Job<T>& r) {
  switch (which) {
#define OP(f, ulp32, ulp64, truth) \
  case F::f:                       \
    return map(r, [](auto x, auto) { return f(x); });
    UNARY(OP)
#undef OP
#define OP(f, ulp32, ulp64, truth) \
  case F::f:                       \
    return map(r, [](auto x, auto y) { return f(x, y); });
    BINARY(OP)
#undef OP
    case F::logaddexp:
      return map(r, [](auto x, auto y) { return logaddexp(x, y); });
  }
}
void apply_f32(F which, const Job<float>& r) {
  apply(which, r);
}
void apply_f64([[maybe_unused]] F which, [[maybe_unused]] const Job<double>& r) {
#if HWY_HAVE_FLOAT64
  apply(which, r);
#endif
}

// Literals on either side, masks and comparisons.
void formula(const float* x, float* out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < 64; i += hn::Lanes(d)) {
    const Lanes<decltype(d)> v = hn::LoadU(d, x + i);
    const auto y = if_then_else(((v > 1) & !(v >= 2.0)) | (0.0 == v), 1 / (v + 0.5), -v);
    hn::StoreU(y.v, d, out + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

HWY_EXPORT(apply_f32);
HWY_EXPORT(apply_f64);
HWY_EXPORT(formula);
void apply(F which, const Job<float>& r) {
  HWY_DYNAMIC_DISPATCH(apply_f32)(which, r);
}
void apply(F which, const Job<double>& r) {
  HWY_DYNAMIC_DISPATCH(apply_f64)(which, r);
}

using Wide = long double;

Wide gelu_tanh_truth(Wide x) {
  if (x < -1e4L) return -0.0L;
  const Wide u = std::sqrt(8 / std::acos(-1.0L)) * x * (1 + 0.044715L * x * x);
  return x / (1 + std::exp(-u));
}
Wide remainder_truth(Wide x, Wide y) {
  const Wide r = std::fmod(x, y);
  if (r == 0) return std::copysign(r, y);
  return (r < 0) != (y < 0) ? r + y : r;
}

// Every target of this machine in turn.
void on_every_target(const std::function<void(const char*)>& f) {
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    f(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t operator()() {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
  double unit() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }
};

template <class T>
std::vector<T> special_values() {
  using limits = std::numeric_limits<T>;
  std::vector<T> v;
  for (T x : {T(0),
              limits::denorm_min(),
              T(3) * limits::denorm_min(),
              limits::min() / 2,
              limits::min(),
              limits::epsilon(),
              T(1e-8),
              T(0.5),
              T(1),
              T(2),
              T(3),
              T(10),
              T(88.5),
              T(103.9),
              T(700),
              T(709.7),
              T(745.1),
              T(1e30),
              limits::max(),
              limits::infinity()}) {
    v.push_back(x);
    v.push_back(-x);
  }
  v.push_back(limits::quiet_NaN());
  return v;
}

// Special values, all bit patterns alike, a dense middle, and neighbours of the hard spots.
template <class T>
std::vector<T> sweep() {
  Random random;
  std::vector<T> v = special_values<T>();
  for (int i = 0; i < 50'000; ++i) v.push_back(std::bit_cast<T>(static_cast<Bits<T>>(random())));
  for (double width : {1.5, 12.0, 120.0, 800.0})
    for (int i = 0; i < 20'000; ++i) v.push_back(static_cast<T>((2 * random.unit() - 1) * width));
  const auto around = [&v](double x) {
    const T t = static_cast<T>(x), up = std::numeric_limits<T>::infinity();
    for (T y : {std::nextafter(t, -up), t, std::nextafter(t, up)}) {
      v.push_back(y);
      v.push_back(-y);
    }
  };
  for (int k = 1; k < 4'000; ++k) around(k * std::acos(0.0));
  for (int k = 0; k < 2'000; ++k) around(std::floor(random.unit() * 2e6) * std::acos(0.0));
  for (int k = 1; k < 2'200; ++k) around((k - 0.5) * std::log(2.0));
  for (int k = 1; k < 2'200; ++k) around(k - 0.5);
  for (int k = -60; k <= 60; ++k) around(std::exp2(k));
  for (int k = 1; k <= 54; ++k) {
    around(1 + std::exp2(-k));
    around(1 - std::exp2(-k));
  }
  for (double x :
       {86.6, 87.3,  88.72, 88.73, 103.27, 103.98, 707.0, 708.39, 709.78, 709.79,  745.13, 745.14,
        9.01, 10.05, 10.06, 14.1,  14.2,   26.5,   27.2,  37.5,   38.4,   12000.0, 1.6e6})
    around(x);
  return v;
}

// |got - truth| in units of the last place of the truth; huge where NaN, infinity or the sign of
// a zero is missed. A number that should have overflowed errs by its distance to infinity's 2^e.
template <class T>
double error_in_ulp(T got, Wide truth) {
  using limits = std::numeric_limits<T>;
  constexpr double wrong = 1e30;
  if (std::isnan(truth) || std::isnan(got)) return std::isnan(truth) && std::isnan(got) ? 0 : wrong;
  const bool overflows = std::isinf(static_cast<T>(truth));
  if (std::isinf(truth) || (overflows && std::isinf(got)))
    return got == static_cast<T>(truth) ? 0 : wrong;
  if (got == 0 && std::signbit(got) != std::signbit(truth)) return wrong;
  const Wide value =
      std::isinf(got) ? std::copysign(std::ldexp(1.0L, limits::max_exponent), got) : got;
  const int exponent = truth == 0 ? limits::min_exponent : std::ilogb(truth) + 1;
  const int last_place = std::max(exponent, limits::min_exponent) - limits::digits;
  return static_cast<double>(std::fabs(value - truth) / std::ldexp(1.0L, last_place));
}

template <class T>
void check(const char* name, F f, double bound, const std::vector<T>& x, const std::vector<T>& y,
           const std::vector<Wide>& truth) {
  on_every_target([&](const char* target) {
    std::vector<T> out(x.size()), alone(x.size());
    apply(f, Job<T>{x.data(), y.data(), out.data(), x.size(), false});
    apply(f, Job<T>{x.data(), y.data(), alone.data(), x.size(), true});
    double worst = 0;
    size_t at = 0, different = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double e = error_in_ulp(out[i], truth[i]);
      if (e > worst) {
        worst = e;
        at = i;
      }
      const bool both_nan = std::isnan(out[i]) && std::isnan(alone[i]);
      different += !both_nan && std::memcmp(&out[i], &alone[i], sizeof(T)) != 0;
    }
    EXPECT_LE(worst, bound) << name << " f" << 8 * sizeof(T) << " on " << target << " at "
                            << std::hexfloat << x[at] << ", " << y[at] << ": " << out[at]
                            << ", not " << truth[at];
    EXPECT_EQ(different, 0u) << name << " on " << target << ": bits differ when alone";
  });
}

template <class T>
void check_unary(const char* name, F f, double bound, Wide (*truth)(Wide)) {
  static const std::vector<T> x = sweep<T>();
  std::vector<Wide> t;
  for (T v : x) t.push_back(truth(v));
  check(name, f, bound, x, x, t);
}
template <class T>
void check_binary(const char* name, F f, double bound, Wide (*truth)(Wide, Wide)) {
  static const auto pairs = [] {
    std::pair<std::vector<T>, std::vector<T>> p;
    std::vector<T> s = special_values<T>();
    for (int k = -6; k <= 6; ++k) s.push_back(static_cast<T>(k));
    for (T a : s)
      for (T b : s) {
        p.first.push_back(a);
        p.second.push_back(b);
      }
    Random random;
    for (int i = 0; i < 100'000; ++i) {
      const double width = i % 2 ? 5 : 100;
      p.first.push_back(static_cast<T>((2 * random.unit() - 1) * width));
      p.second.push_back(static_cast<T>((2 * random.unit() - 1) * width));
    }
    return p;
  }();
  std::vector<Wide> t;
  for (size_t i = 0; i < pairs.first.size(); ++i)
    t.push_back(truth(pairs.first[i], pairs.second[i]));
  check(name, f, bound, pairs.first, pairs.second, t);
}

#define OP(f, ulp32, ulp64, truth)                                              \
  TEST(Lanes, f##_is_within_its_bound_on_every_target_whatever_the_vector) {    \
    check_unary<float>(#f, F::f, ulp32, [](Wide x) -> Wide { return truth; });  \
    check_unary<double>(#f, F::f, ulp64, [](Wide x) -> Wide { return truth; }); \
  }
UNARY(OP)
#undef OP
#define OP(f, ulp32, ulp64, truth)                                                       \
  TEST(Lanes, f##_of_two_is_within_its_bound_on_every_target_whatever_the_vector) {      \
    check_binary<float>(#f, F::f, ulp32, [](Wide x, Wide y) -> Wide { return truth; });  \
    check_binary<double>(#f, F::f, ulp64, [](Wide x, Wide y) -> Wide { return truth; }); \
  }
BINARY(OP)
#undef OP

// Near log(exp(a) + exp(b)) = 0 the error is measured against the summands.
template <class T>
void check_logaddexp() {
  const std::vector<T> s = sweep<T>();
  std::vector<T> x, y, out(s.size()), alone(s.size());
  for (size_t i = 0; i < s.size(); ++i) {
    x.push_back(s[i]);
    y.push_back(i % 2 ? s[i] + static_cast<T>(i % 7) - 3 : s[(i * 31) % s.size()]);
  }
  on_every_target([&](const char* target) {
    apply(F::logaddexp, Job<T>{x.data(), y.data(), out.data(), x.size(), false});
    apply(F::logaddexp, Job<T>{x.data(), y.data(), alone.data(), x.size(), true});
    for (size_t i = 0; i < x.size(); ++i) {
      const Wide a = std::max<Wide>(x[i], y[i]), b = std::min<Wide>(x[i], y[i]);
      const Wide truth = std::isnan(x[i]) || std::isnan(y[i]) ? std::nan("")
                         : a == b                             ? a + std::log(2.0L)
                                                              : a + std::log1p(std::exp(b - a));
      ASSERT_TRUE(std::isnan(alone[i]) ? std::isnan(out[i]) : alone[i] == out[i]);
      if (std::isnan(truth) || std::isinf(static_cast<T>(truth))) {
        ASSERT_LE(error_in_ulp(out[i], truth), 0) << target << ": " << x[i] << ", " << y[i];
        continue;
      }
      const Wide size = std::max({std::fabs(a), std::fabs(b), Wide{1}});
      ASSERT_LE(std::fabs(out[i] - truth), 2 * size * std::numeric_limits<T>::epsilon())
          << target << ": " << x[i] << ", " << y[i];
    }
  });
}
TEST(Lanes, logaddexp_errs_by_at_most_two_ulp_of_its_larger_argument) {
  check_logaddexp<float>();
  check_logaddexp<double>();
}

TEST(Lanes, logarithms_of_exact_powers_are_whole_numbers) {
  on_every_target([](const char* target) {
    std::vector<float> x32, out32(11);
    for (int k = 0; k <= 10; ++k) x32.push_back(static_cast<float>(std::pow(10.0L, k)));
    apply(F::log10, Job<float>{x32.data(), x32.data(), out32.data(), x32.size(), false});
    for (size_t k = 0; k < x32.size(); ++k) EXPECT_EQ(out32[k], static_cast<float>(k)) << target;
    std::vector<double> x, out(23);
    for (int k = 0; k <= 22; ++k) x.push_back(static_cast<double>(std::pow(10.0L, k)));
    apply(F::log10, Job<double>{x.data(), x.data(), out.data(), x.size(), false});
    for (size_t k = 0; k < x.size(); ++k) EXPECT_EQ(out[k], static_cast<double>(k)) << target;
    for (int k = 0; k <= 22; ++k) x[static_cast<size_t>(k)] = std::ldexp(1.0, 100 * k - 1074);
    apply(F::log2, Job<double>{x.data(), x.data(), out.data(), x.size() - 1, false});
    for (int k = 0; k < 21; ++k) EXPECT_EQ(out[static_cast<size_t>(k)], 100 * k - 1074) << target;
  });
}

TEST(Lanes, literals_stand_on_either_side_and_masks_combine) {
  on_every_target([](const char* target) {
    float x[64], out[64];
    for (int i = 0; i < 64; ++i) x[i] = 0.125f * static_cast<float>(i);
    HWY_DYNAMIC_DISPATCH(formula)(x, out);
    for (int i = 0; i < 64; ++i) {
      const bool inside = (x[i] > 1 && x[i] < 2) || x[i] == 0;
      EXPECT_EQ(out[i], inside ? 1 / (x[i] + 0.5f) : -x[i]) << target;
    }
  });
}

}  // namespace
}  // namespace gradus
#endif  // HWY_ONCE
