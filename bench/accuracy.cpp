// The worst error of every elementwise op in units of the last place, as one Markdown table
// (docs/accuracy.md): bench_accuracy [--exhaustive] [--points N] [op ...]
// f32: functions of one number over every 997th bit pattern, or over all 2^32; the truth is libm's
// in f64, or MPFR's. f64, and functions of two numbers: N drawn points (100000), the special values
// and the neighbours of the hard spots; the truth is MPFR's. The class of a result (NaN, infinity)
// and the sign of a zero must be the truth's. Status 1 where a bound is broken.
#include <gradus/base/pool.h>
#include <gradus/ops/elementwise.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <mpfr.h>

namespace gradus {
namespace {

constexpr mpfr_prec_t precision = 160;

struct Real {
  mpfr_t v;
  Real() { mpfr_init2(v, precision); }
  explicit Real(double x) : Real() { mpfr_set_d(v, x, MPFR_RNDN); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  ~Real() { mpfr_clear(v); }
};

using Exact = void (*)(mpfr_t y, const mpfr_t a, const mpfr_t b);
using Double = double (*)(double);

constexpr auto rn = MPFR_RNDN;

// The scale that the error is measured on where that is more than the result: the parts of which
// the result is the difference.
double no_parts(double, double) {
  return 0;
}
double below_zero(double size, double x) {
  return x < 0 && std::isfinite(x) ? std::max(1.0, size) : 0;
}

struct Reference {
  const Op* op;
  const char* domain;
  Exact exact;
  Double in_double = nullptr;  // enough for f32
  double (*parts)(double a, double b) = no_parts;
  bool zero_has_sign = true;    // else the order of the arguments decides it
  bool first_is_order = false;  // a whole number from 1 to 4, the other number positive
};

void softplus_of(mpfr_t y, const mpfr_t a) {
  if (mpfr_cmp_d(a, 1e4) > 0) {
    mpfr_set(y, a, rn);
  } else {
    mpfr_exp(y, a, rn);
    mpfr_log1p(y, y, rn);
  }
}
// n / (1 + exp(-u)).
void gated(mpfr_t y, const mpfr_t n, const mpfr_t u) {
  Real e;
  mpfr_neg(e.v, u, rn);
  mpfr_exp(e.v, e.v, rn);
  mpfr_add_ui(e.v, e.v, 1, rn);
  mpfr_div(y, n, e.v, rn);
}
// Below this a product with what vanishes faster is its limit, -0.
bool at_minus_infinity(mpfr_t y, const mpfr_t a) {
  if (!(mpfr_cmp_d(a, -1e5) < 0)) return false;
  mpfr_set_zero(y, -1);
  return true;
}
void remainder_of(mpfr_t y, const mpfr_t a, const mpfr_t b) {
  mpfr_fmod(y, a, b, rn);
  if (mpfr_zero_p(y))
    mpfr_setsign(y, y, mpfr_signbit(b), rn);
  else if (!mpfr_nan_p(y) && mpfr_signbit(y) != mpfr_signbit(b))
    mpfr_add(y, y, b, rn);
}
// (-1)^(n+1) n! sum_{k>=0} (x + k)^-(n+1), x > 0: 40 terms, the rest by Euler and Maclaurin.
void polygamma_of(mpfr_t y, unsigned long n, const mpfr_t x) {
  constexpr long bernoulli[][2] = {{1, 6},       {-1, 30},       {1, 42},       {-1, 30},
                                   {5, 66},      {-691, 2730},   {7, 6},        {-3617, 510},
                                   {43867, 798}, {-174611, 330}, {854513, 138}, {-236364091, 2730},
                                   {8553103, 6}};
  Real z, power, term, factor(1);
  mpfr_set(z.v, x, rn);
  mpfr_set_zero(y, 1);
  for (int k = 0; k < 40; ++k) {
    mpfr_pow_ui(power.v, z.v, n + 1, rn);
    mpfr_ui_div(term.v, 1, power.v, rn);
    mpfr_add(y, y, term.v, rn);
    mpfr_add_ui(z.v, z.v, 1, rn);
  }
  mpfr_pow_ui(power.v, z.v, n, rn);  // z^n
  mpfr_ui_div(term.v, 1, power.v, rn);
  mpfr_div_ui(term.v, term.v, n, rn);
  mpfr_add(y, y, term.v, rn);
  mpfr_mul(power.v, power.v, z.v, rn);
  mpfr_ui_div(term.v, 1, power.v, rn);
  mpfr_div_2ui(term.v, term.v, 1, rn);
  mpfr_add(y, y, term.v, rn);
  unsigned long j = 1;
  for (const auto& [top, bottom] : bernoulli) {
    // B_2j / (2j)! (n + 1) ... (n + 2j - 1) z^-(n + 2j)
    mpfr_mul(power.v, power.v, z.v, rn);
    if (j > 1) {
      mpfr_mul_ui(factor.v, factor.v, (n + 2 * j - 2) * (n + 2 * j - 1), rn);
      mpfr_mul(power.v, power.v, z.v, rn);
    } else {
      mpfr_mul_ui(factor.v, factor.v, n + 1, rn);
    }
    mpfr_div_ui(factor.v, factor.v, (2 * j - 1) * 2 * j, rn);
    mpfr_mul_si(term.v, factor.v, top, rn);
    mpfr_div_si(term.v, term.v, bottom, rn);
    mpfr_div(term.v, term.v, power.v, rn);
    mpfr_add(y, y, term.v, rn);
    ++j;
  }
  mpfr_fac_ui(factor.v, n, rn);
  mpfr_mul(y, y, factor.v, rn);
  if (n % 2 == 0) mpfr_neg(y, y, rn);
}
double gelu_in_double(double x) {
  return x < -1e4 ? -0.0 : x * std::erfc(-x * std::sqrt(0.5)) / 2;
}
double gelu_tanh_in_double(double x) {
  constexpr double c = 1.59576912160573071176;  // sqrt(8 / pi)
  return x < -1e4 ? -0.0 : x / (1 + std::exp(-c * x * (1 + 0.044715 * x * x)));
}

#define MPFR_OF(f) [](mpfr_t y, const mpfr_t a, const mpfr_t) { f(y, a, rn); }
#define MPFR_OF_2(f) [](mpfr_t y, const mpfr_t a, const mpfr_t b) { f(y, a, b, rn); }
#define EXACT(...) \
  [](mpfr_t y, [[maybe_unused]] const mpfr_t a, [[maybe_unused]] const mpfr_t b) { __VA_ARGS__; }

const std::vector<Reference>& references() {
  static const std::vector<Reference> all = {
      {&op::negative, "all x", MPFR_OF(mpfr_neg), [](double x) { return -x; }},
      {&op::exp, "all x", MPFR_OF(mpfr_exp), std::exp},
      {&op::exp2, "all x", MPFR_OF(mpfr_exp2), std::exp2},
      {&op::expm1, "all x", MPFR_OF(mpfr_expm1), std::expm1},
      {&op::log, "all x", MPFR_OF(mpfr_log), std::log},
      {&op::log2, "all x", MPFR_OF(mpfr_log2), std::log2},
      {&op::log10, "all x", MPFR_OF(mpfr_log10), std::log10},
      {&op::log1p, "all x", MPFR_OF(mpfr_log1p), std::log1p},
      {&op::sqrt, "all x", MPFR_OF(mpfr_sqrt), std::sqrt},
      {&op::rsqrt, "all x",
       EXACT(mpfr_rec_sqrt(y, a, rn); if (mpfr_zero_p(a)) mpfr_set_inf(y, mpfr_signbit(a) ? -1 : 1)),
       [](double x) { return 1 / std::sqrt(x); }},
      {&op::square, "all x", MPFR_OF(mpfr_sqr), [](double x) { return x * x; }},
      {&op::reciprocal, "all x", EXACT(mpfr_ui_div(y, 1, a, rn)), [](double x) { return 1 / x; }},
      {&op::abs, "all x", MPFR_OF(mpfr_abs), std::fabs},
      {&op::sign, "all x",
       EXACT(mpfr_set(y, a, rn);
             if (!mpfr_nan_p(a) && !mpfr_zero_p(a)) mpfr_set_si(y, mpfr_sgn(a), rn)),
       [](double x) { return x == 0 || std::isnan(x) ? x : std::copysign(1.0, x); }},
      {&op::floor, "all x", EXACT(mpfr_floor(y, a)), std::floor},
      {&op::ceil, "all x", EXACT(mpfr_ceil(y, a)), std::ceil},
      {&op::round, "all x", EXACT(mpfr_roundeven(y, a)), std::nearbyint},
      {&op::trunc, "all x", EXACT(mpfr_trunc(y, a)), std::trunc},
      {&op::sin, "all x", MPFR_OF(mpfr_sin), std::sin},
      {&op::cos, "all x", MPFR_OF(mpfr_cos), std::cos},
      {&op::tan, "all x", MPFR_OF(mpfr_tan), std::tan},
      {&op::asin, "all x", MPFR_OF(mpfr_asin), std::asin},
      {&op::acos, "all x", MPFR_OF(mpfr_acos), std::acos},
      {&op::atan, "all x", MPFR_OF(mpfr_atan), std::atan},
      {&op::sinh, "all x", MPFR_OF(mpfr_sinh), std::sinh},
      {&op::cosh, "all x", MPFR_OF(mpfr_cosh), std::cosh},
      {&op::tanh, "all x", MPFR_OF(mpfr_tanh), std::tanh},
      {&op::asinh, "all x", MPFR_OF(mpfr_asinh), std::asinh},
      {&op::acosh, "all x", MPFR_OF(mpfr_acosh), std::acosh},
      {&op::atanh, "all x", MPFR_OF(mpfr_atanh), std::atanh},
      {&op::sigmoid, "all x", EXACT(Real one(1); gated(y, one.v, a)),
       [](double x) { return 1 / (1 + std::exp(-x)); }},
      {&op::log_sigmoid, "all x",
       EXACT(Real minus; mpfr_neg(minus.v, a, rn); softplus_of(y, minus.v); mpfr_neg(y, y, rn)),
       [](double x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }},
      {&op::softplus, "all x", EXACT(softplus_of(y, a)),
       [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }},
      {&op::relu, "all x", EXACT(if (mpfr_lessequal_p(a, Real(0).v)) mpfr_set_zero(y, 1);
                                 else mpfr_set(y, a, rn)),
       [](double x) { return x <= 0 ? 0 : x; }},
      {&op::gelu, "all x",
       EXACT(if (at_minus_infinity(y, a)) return; Real half(0.5); mpfr_sqrt(y, half.v, rn);
             mpfr_mul(y, y, a, rn); mpfr_neg(y, y, rn); mpfr_erfc(y, y, rn); mpfr_mul(y, y, a, rn);
             mpfr_div_2ui(y, y, 1, rn)),
       gelu_in_double},
      {&op::gelu_tanh, "all x",
       EXACT(if (at_minus_infinity(y, a)) return; Real u; Real c; mpfr_set_str(c.v, "0.044715", 10, rn);
             mpfr_sqr(u.v, a, rn); mpfr_mul(u.v, u.v, c.v, rn); mpfr_add_ui(u.v, u.v, 1, rn);
             mpfr_mul(u.v, u.v, a, rn); mpfr_const_pi(c.v, rn); mpfr_ui_div(c.v, 8, c.v, rn);
             mpfr_sqrt(c.v, c.v, rn); mpfr_mul(u.v, u.v, c.v, rn); gated(y, a, u.v)),
       gelu_tanh_in_double},
      {&op::silu, "all x", EXACT(if (at_minus_infinity(y, a)) return; gated(y, a, a)),
       [](double x) { return x < -1e5 ? -0.0 : x / (1 + std::exp(-x)); }},
      {&op::erf, "all x", MPFR_OF(mpfr_erf), std::erf},
      {&op::erfc, "all x", MPFR_OF(mpfr_erfc), std::erfc},
      {&op::lgamma, "all x; below 0 in ulp of its terms",
       EXACT(int sign; if (mpfr_inf_p(a)) mpfr_set_inf(y, 1); else mpfr_lgamma(y, &sign, a, rn)),
       nullptr, [](double a, double) { return below_zero(std::lgamma(1 - a), a); }},
      {&op::digamma, "all x; below 0 in ulp of its terms",
       EXACT(if (mpfr_inf_p(a) && mpfr_signbit(a)) mpfr_set_nan(y); else mpfr_digamma(y, a, rn)),
       nullptr, [](double a, double) { return below_zero(std::log(1 - a), a); }},
      {&op::add, "pairs", MPFR_OF_2(mpfr_add)},
      {&op::subtract, "pairs", MPFR_OF_2(mpfr_sub)},
      {&op::multiply, "pairs", MPFR_OF_2(mpfr_mul)},
      {&op::divide, "pairs", MPFR_OF_2(mpfr_div)},
      {&op::pow, "pairs", MPFR_OF_2(mpfr_pow)},
      {&op::maximum, "pairs",
       EXACT(if (mpfr_nan_p(a) || mpfr_nan_p(b)) mpfr_set_nan(y); else mpfr_max(y, a, b, rn)),
       nullptr, no_parts, false},
      {&op::minimum, "pairs",
       EXACT(if (mpfr_nan_p(a) || mpfr_nan_p(b)) mpfr_set_nan(y); else mpfr_min(y, a, b, rn)),
       nullptr, no_parts, false},
      {&op::atan2, "pairs", MPFR_OF_2(mpfr_atan2)},
      {&op::hypot, "pairs", MPFR_OF_2(mpfr_hypot)},
      {&op::logaddexp, "pairs; in ulp of the larger argument",
       EXACT(if (mpfr_equal_p(a, b)) {
         mpfr_const_log2(y, rn);
         mpfr_add(y, y, a, rn);
         return;
       } Real gap; mpfr_sub(gap.v, a, b, rn); mpfr_abs(gap.v, gap.v, rn);
             mpfr_neg(gap.v, gap.v, rn); softplus_of(gap.v, gap.v);
             if (mpfr_nan_p(a) || mpfr_nan_p(b)) mpfr_set_nan(y); else mpfr_max(y, a, b, rn);
             mpfr_add(y, y, gap.v, rn)),
       nullptr,
       [](double a, double b) {
         return std::isfinite(a) && std::isfinite(b) ? std::max(std::fabs(a), std::fabs(b)) : 0;
       }},
      {&op::remainder, "pairs", EXACT(remainder_of(y, a, b))},
      {&op::floor_divide, "pairs, quotient below 2^20",
       EXACT(mpfr_div(y, a, b, rn); if (mpfr_inf_p(b) && !mpfr_zero_p(a) && mpfr_signbit(y))
                 mpfr_set_si(y, -1, rn);
             else if (mpfr_number_p(y) && !mpfr_zero_p(y)) mpfr_floor(y, y))},
      {&op::polygamma, "orders 1 to 4 of b > 0",
       EXACT(polygamma_of(y, mpfr_get_ui(a, rn), b)), nullptr, no_parts, true, true},
      {&op::strong_product, "pairs",
       EXACT(if (mpfr_zero_p(a)) mpfr_set(y, a, rn); else mpfr_mul(y, a, b, rn))},
      {&op::zero_product, "pairs",
       EXACT(if (mpfr_zero_p(a)) mpfr_set(y, a, rn); else if (mpfr_zero_p(b)) mpfr_set(y, b, rn);
             else mpfr_mul(y, a, b, rn))},
  };
  return all;
}

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

constexpr double wrong = 1e30;  // the class of the result or the sign of a zero is missed

// One unit in the last place of a number of this size.
template <class T>
int last_place_of(int exponent) {
  using limits = std::numeric_limits<T>;
  return std::max(exponent, limits::min_exponent) - limits::digits;
}

// |got - truth| in ulp, where f64 is exact enough for the truth.
double error_in_ulp(float got, double truth, bool zero_has_sign) {
  if (std::isnan(truth) || std::isnan(got)) return std::isnan(truth) == std::isnan(got) ? 0 : wrong;
  const auto nearest = static_cast<float>(truth);
  if (std::isinf(truth) || std::isinf(nearest)) {
    if (got == nearest) return 0;
    // Half an ulp beyond the largest number is infinity: measure from there.
    if (std::isinf(truth)) return wrong;
  }
  if (got == 0 && zero_has_sign && std::signbit(got) != std::signbit(truth)) return wrong;
  const double value = std::isinf(got) ? std::copysign(0x1p128, got) : static_cast<double>(got);
  const auto biased = static_cast<int>((std::bit_cast<uint64_t>(truth) >> 52) & 0x7ff);
  const int place = last_place_of<float>(biased - 1022);
  return std::fabs(value - truth) *
         std::bit_cast<double>(static_cast<uint64_t>(1023 - place) << 52);
}

template <class T>
double error_in_ulp(T got, const mpfr_t truth, double parts, bool zero_has_sign) {
  using limits = std::numeric_limits<T>;
  if (mpfr_nan_p(truth) || std::isnan(got))
    return (mpfr_nan_p(truth) != 0) == std::isnan(got) ? 0 : wrong;
  const bool negative = mpfr_signbit(truth) != 0;
  if (mpfr_inf_p(truth)) return std::isinf(got) && std::signbit(got) == negative ? 0 : wrong;
  if (got == 0 && zero_has_sign && std::signbit(got) != negative) return wrong;
  Real error;
  if (std::isinf(got)) {
    mpfr_set_si_2exp(error.v, got < 0 ? -1 : 1, limits::max_exponent, rn);
    if (mpfr_cmpabs(truth, error.v) >= 0) return std::signbit(got) == negative ? 0 : wrong;
  } else {
    mpfr_set_d(error.v, static_cast<double>(got), rn);
  }
  mpfr_sub(error.v, error.v, truth, rn);
  int exponent = mpfr_zero_p(truth)
                     ? limits::min_exponent
                     : static_cast<int>(std::clamp<mpfr_exp_t>(mpfr_get_exp(truth), -5000, 5000));
  if (parts > 0) exponent = std::max(exponent, std::ilogb(parts) + 1);
  mpfr_mul_2si(error.v, error.v, -last_place_of<T>(std::min<int>(exponent, limits::max_exponent)),
               rn);
  return std::fabs(mpfr_get_d(error.v, rn));
}

struct Worst {
  double error = 0, a = 0, b = 0;
  void see(double e, double x, double y) {
    if (e > error) error = e, a = x, b = y;
  }
};

struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t operator()() {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
};

// A number of random sign and fraction: of any exponent, or of a moderate one three times in four.
template <class T>
T drawn(Random& random) {
  constexpr int bits = std::numeric_limits<T>::digits - 1;
  constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
  auto u = static_cast<Bits<T>>(random());
  if (random() % 4 != 0) {
    const auto exponent = static_cast<Bits<T>>(bias - 40 + static_cast<int>(random() % 53));
    const Bits<T> fraction = (Bits<T>{1} << bits) - 1, sign = ~(~Bits<T>{0} >> 1);
    u = (u & (fraction | sign)) | (exponent << bits);
  }
  return std::bit_cast<T>(u);
}

template <class T>
std::vector<T> special() {
  using limits = std::numeric_limits<T>;
  std::vector<T> v{limits::quiet_NaN()};
  for (T x : {T(0), limits::denorm_min(), 3 * limits::denorm_min(), limits::min() / 2,
              limits::min(), limits::epsilon(), T(0.5), T(1), T(2), T(3), T(10), T(100),
              limits::max(), limits::infinity()})
    v.push_back(x), v.push_back(-x);
  return v;
}

// The special values and the neighbours of the spots where arguments are reduced or formulas meet.
template <class T>
std::vector<T> hard() {
  std::vector<T> v = special<T>();
  const auto around = [&v](double x) {
    const T t = static_cast<T>(x), up = std::numeric_limits<T>::infinity();
    for (T y : {std::nextafter(t, -up), t, std::nextafter(t, up)}) v.push_back(y), v.push_back(-y);
  };
  for (int k = 1; k < 2000; ++k) around(k * std::acos(0.0)), around((k - 0.5) * std::log(2.0));
  for (int k = 1; k < 1100; ++k) around(k - 0.5), around(k);
  for (int k = -60; k <= 60; ++k) around(std::exp2(k)), around(1 + std::exp2(-std::abs(k)));
  for (double x : {0.6, 0.7, 1.0, 1.35, 4.0, 10.5, 10.9, 14.8, 21.65, 27.5, 38.9, 88.73, 103.98,
                   110.0, 709.79, 745.14, 760.0, 12000.0, 1.6e6})
    around(x);
  return v;
}

template <class T>
Call::Row row_of(const Op& op) {
  const Type type{sizeof(T) == 4 ? DType::f32 : DType::f64, {1}};
  const std::vector<Type> in(static_cast<size_t>(op.inputs), type);
  return op.kernel(op, in, type).row;
}

template <class T>
std::vector<T> computed(const Op& op, const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> y(a.size());
  const void* in[] = {a.data(), b.data()};
  const bool single[] = {false, false};
  row_of<T>(op)(in, single, y.data(), y.size());
  return y;
}

template <class T>
Worst against_mpfr(const Reference& r, const std::vector<T>& a, const std::vector<T>& b) {
  const std::vector<T> y = computed(*r.op, a, b);
  Worst worst;
  Real truth, left, right;
  const bool quotient = r.op == &op::floor_divide;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto x = static_cast<double>(a[i]), z = static_cast<double>(b[i]);
    if (quotient && !(std::fabs(x / z) < 0x1p20)) continue;
    mpfr_set_d(left.v, x, rn), mpfr_set_d(right.v, z, rn);
    r.exact(truth.v, left.v, right.v);
    worst.see(error_in_ulp(y[i], truth.v, r.parts(x, z), r.zero_has_sign), x, z);
  }
  return worst;
}

template <class T>
Worst sampled(const Reference& r, int64_t points) {
  Random random;
  std::vector<T> a, b;
  if (r.op->inputs == 1) {
    a = hard<T>();
    while (static_cast<int64_t>(a.size()) < points) a.push_back(drawn<T>(random));
    return against_mpfr(r, a, a);
  }
  if (!r.first_is_order)
    for (T x : special<T>())
      for (T y : special<T>()) a.push_back(x), b.push_back(y);
  while (static_cast<int64_t>(a.size()) < points) {
    const T x = drawn<T>(random);
    T y = drawn<T>(random);
    if (random() % 4 == 0)
      y = x * static_cast<T>(1 + std::ldexp(1.0, -static_cast<int>(random() % 30)));
    if (!r.first_is_order)
      a.push_back(x), b.push_back(y);
    else if (std::isfinite(x) && x != 0)
      a.push_back(static_cast<T>(1 + random() % 4)), b.push_back(std::fabs(x));
  }
  return against_mpfr(r, a, b);
}

// Every stride-th of the 2^32 patterns, in chunks that threads share.
Worst swept(const Reference& r, uint64_t stride) {
  constexpr int64_t chunk = 1 << 16;
  const auto count = static_cast<int64_t>((0x100000000u + stride - 1) / stride);
  const int64_t chunks = (count + chunk - 1) / chunk;
  std::vector<Worst> worst(static_cast<size_t>(chunks));
  const Call::Row row = row_of<float>(*r.op);
  parallel_for(chunks, [&](int64_t c) {
    constexpr int64_t part = 1024;
    Worst& w = worst[static_cast<size_t>(c)];
    for (int64_t first = c * chunk; first < std::min(count, (c + 1) * chunk); first += part) {
      float x[part], y[part];
      const int64_t n = std::min(part, count - first);
      for (int64_t i = 0; i < n; ++i)
        x[i] =
            std::bit_cast<float>(static_cast<uint32_t>(static_cast<uint64_t>(first + i) * stride));
      const void* in[] = {x};
      const bool single[] = {false};
      row(in, single, y, static_cast<size_t>(n));
      for (int64_t i = 0; i < n; ++i) {
        const auto v = static_cast<double>(x[i]);
        w.see(error_in_ulp(y[i], r.in_double(v), r.zero_has_sign), v, v);
      }
    }
  });
  Worst all;
  for (const Worst& w : worst) all.see(w.error, w.a, w.b);
  return all;
}

std::string shown(const Worst& w, int inputs, const char* digits) {
  if (w.error == wrong) return "wrong class or sign | " + std::to_string(w.a);
  char text[160];
  std::snprintf(text, sizeof text, "%.3f | ", w.error);
  std::string out = text;
  std::snprintf(text, sizeof text, digits, w.a);
  out += w.error == 0 ? "" : text;
  if (inputs == 2 && w.error > 0) {
    std::snprintf(text, sizeof text, digits, w.b);
    out += std::string(", ") + text;
  }
  return out;
}

int run(int argc, char** argv) {
  bool exhaustive = false;
  int64_t points = 100'000;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") return 0;  // it has no row of speed
    if (word == "--exhaustive")
      exhaustive = true;
    else if (word == "--points" && i + 1 < argc)
      points = std::max(1L, std::atol(argv[++i]));
    else
      wanted.push_back(word);
  }
  std::printf(
      "| op | domain | f32 points | worst ulp | at | f64 worst ulp | at | bound | |\n"
      "|---|---|---:|---:|---|---:|---|---:|---|\n");
  bool broken = false;
  for (const Reference& r : references()) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), r.op->name) == wanted.end())
      continue;
    const Worst f32 = r.in_double ? swept(r, exhaustive ? 1 : 997) : sampled<float>(r, points);
    const Worst f64 = sampled<double>(r, points);
    // The f32 truth is rounded to f64 itself.
    const double bound = r.op->checks.ulp, slack = 1e-6;
    const bool holds = std::max(f32.error, f64.error) <= bound + slack;
    broken |= !holds;
    const std::string f32_points = !r.in_double ? std::to_string(points)
                                   : exhaustive ? "all 2^32"
                                                : "1 in 997";
    std::printf("| %s | %s | %s | %s | %s | %g | %s |\n", r.op->name, r.domain, f32_points.c_str(),
                shown(f32, r.op->inputs, "%.9g").c_str(), shown(f64, r.op->inputs, "%.17g").c_str(),
                bound, holds ? "holds" : "BROKEN");
    std::fflush(stdout);
  }
  mpfr_free_cache();
  return broken ? 1 : 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  return gradus::run(argc, argv);
}
