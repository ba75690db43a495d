// The elementary functions behind Lanes, f32 and f64 from one formula each: reduce the argument,
// a polynomial (coefficients: minimax fits in 160-bit arithmetic), rebuild. Bounds are in units
// in the last place, subnormal results included, and hold with and without FMA. Functions no
// network leans on go lane by lane through libm, f32 in double: slower, never wrong.
#if defined(GRADUS_OPS_LANES_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_LANES_MATH_INL_H_
#undef GRADUS_OPS_LANES_MATH_INL_H_
#else
#define GRADUS_OPS_LANES_MATH_INL_H_
#endif

#include <gradus/base/gamma.h>
#include <gradus/ops/lanes-inl.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

// Constants that differ by type. A split constant x_hi + x_lo is exact to more than one number;
// x_hi ends in enough zero bits for its products below to be exact.
template <class T>
struct MathTable;

template <>
struct MathTable<float> {
  using U = uint32_t;
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr U sqrt_half_bits = 0x3f3504f3, high_half = 0xfffff000;
  // exp of less is 0 even when multiplied by a number of that size; exp of more is infinity.
  static constexpr double exp_low = -110, exp_high = 89;
  static constexpr double expm1_low = -20;
  static constexpr double ln2_hi = 0.693115234375, ln2_lo = 3.194618329871446e-05;
  static constexpr double log2e_hi = 1.4423828125, log2e_lo = 0.00031222839606925845;
  static constexpr double log10e_hi = 0.4342041015625, log10e_lo = 9.038033749675378e-05;
  static constexpr double log10_2_hi = 0.301025390625, log10_2_lo = 4.605039066518657e-06;
  // gelu_tanh: sqrt(8/pi) log2(e), its upper part of 12 bits, and 0.044715 times it.
  static constexpr double gelu1_hi = 2.3017578125, gelu1_lo = 0.0004503856471274048;
  static constexpr double gelu3_hi = 0.10294324159622192, gelu3_lo = -2.016198541454628e-09;
  // Beyond this gelu_tanh(-x) is 0.
  static constexpr double gelu_tanh_limit = 10.9;
  // pi/2 as its nearest number and parts of 11 bits; without FMA parts of 11 bits alone: k < 2^13
  // times such a part is exact.
  static constexpr double half_pi_fma[] = {1.5707963705062866, -4.371395334601402e-08,
                                           2.5632829192545614e-12, 6.123234262925839e-17};
  static constexpr double half_pi[] = {1.5703125, 0.0004837512969970703, 7.549533620476723e-08,
                                       2.5632829192545614e-12, 6.123234262925839e-17};
  static constexpr double trig_limit = 12000;
  // exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2.
  static constexpr float exp_q[] = {0.5f, 0.16666541993618011f, 0.04166628047823906f,
                                    0.008366642519831657f, 0.001394660328514874f};
  // 2^r = 1 + r e(r), |r| <= 1/2.
  static constexpr float exp2_e[] = {0.6931471824645996f,    0.24022650718688965f,
                                     0.05550326406955719f,   0.009618001990020275f,
                                     0.0013400805182754993f, 0.0001547691208543256f};
  // log(1 + f) = f + f^2 r(f), sqrt(1/2) <= 1 + f <= sqrt(2).
  static constexpr float log_r[] = {-0.5f,
                                    0.3333333134651184f,
                                    -0.250008225440979f,
                                    0.20001226663589478f,
                                    -0.16623356938362122f,
                                    0.14201751351356506f,
                                    -0.13160184025764465f,
                                    0.12761621177196503f,
                                    -0.07634547352790833f};
  // sin(r) = r + r z s(z), cos(r) = 1 - z/2 + z^2 c(z), z = r^2, |r| <= pi/4.
  static constexpr float sin_s[] = {-0.1666666716337204f, 0.008333329111337662f,
                                    -0.00019839327433146536f, 2.718236828513909e-06f};
  static constexpr float cos_c[] = {0.0416666679084301f, -0.0013888883404433727f,
                                    2.479951217537746e-05f, -2.720954626056482e-07f};
  // erf(x) = x + x p(x^2), |x| <= 1.
  static constexpr float erf_p[] = {
      0.12837916709551256f,  -0.3761262595653534f,    0.11283575743436813f,  -0.026853354647755623f,
      0.005187366157770157f, -0.0008000940433703363f, 7.820693281246349e-05f};
  // erf(x) = 1 - 2^p(x), 1 <= x <= 4, and 2^r = 1 + r e(r), |r| <= 1/2, as far as erf needs it.
  static constexpr float erf_far_p[] = {-0.0005103320581838489f, -1.6259750127792358f,
                                        -0.920765221118927f,     -0.14865131676197052f,
                                        0.03145832568407059f,    -0.004240930080413818f,
                                        0.00026772377896122634f};
  static constexpr float erf_exp2_e[] = {0.6931472420692444f, 0.24022234976291656f,
                                         0.055503085255622864f, 0.009671875275671482f,
                                         0.0013407259248197079f};
  // exp(a^2) erfc(a) (a + c) = w(t), t = (a - c)/(a + c); in f64 (w0 + t w(t)) (a + c)/(1 + 2 a).
  static constexpr double erfc_c = 2.953125;
  static constexpr double erfc_limit = 10.5, gelu_limit = 14.8;
  static constexpr float erfc_w[] = {1.072487711906433f,       -0.8772181868553162f,
                                     0.5789464712142944f,      -0.2978759706020355f,
                                     0.11000946164131165f,     -0.022033166140317917f,
                                     -0.002544752322137356f,   0.0029429674614220858f,
                                     -0.00025704619474709034f, -0.00029878108762204647f};
};

template <>
struct MathTable<double> {
  using U = uint64_t;
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr U sqrt_half_bits = 0x3fe6a09e667f3bcd, high_half = 0xfffffffff8000000;
  static constexpr double exp_low = -760, exp_high = 710;
  static constexpr double expm1_low = -40;
  static constexpr double ln2_hi = 0.6931471805592082, ln2_lo = 7.371002565167799e-13;
  static constexpr double log2e_hi = 1.4426950216293335, log2e_lo = 1.9259629911266175e-08;
  static constexpr double log10e_hi = 0.4342944771051407, log10e_lo = 4.798111141615973e-09;
  static constexpr double log10_2_hi = 0.30102999566361177, log10_2_lo = 3.694239077158931e-13;
  static constexpr double gelu1_hi = 2.302208185195923, gelu1_lo = 1.2948402037571394e-08;
  static constexpr double gelu3_hi = 0.1029432395800235, gelu3_lo = -5.978177400718744e-18;
  static constexpr double gelu_tanh_limit = 21.65;
  // Parts of 33 bits: k < 2^20.
  static constexpr double half_pi_fma[] = {1.5707963267948966, 6.12323399538461e-17,
                                           3.5215598654585e-27, -2.7529965190440717e-37};
  static constexpr double half_pi[] = {1.5707963267341256, 6.077100506303966e-11,
                                       2.0222662487111665e-21, 8.4784276603689e-32};
  static constexpr double trig_limit = 1.6e6;
  static constexpr double exp_q[] = {0.5,
                                     0.16666666666666677,
                                     0.0416666666666667,
                                     0.008333333333321532,
                                     0.0013888888888866527,
                                     0.00019841269886400825,
                                     2.480158736112496e-05,
                                     2.755724391193154e-06,
                                     2.7557242304568766e-07,
                                     2.5109147305019897e-08,
                                     2.0924576206206044e-09};
  static constexpr double exp2_e[] = {
      0.6931471805599453,     0.24022650695910136,    0.05550410866482175,
      0.009618129107592192,   0.0013333558146377564,  0.00015403530459648932,
      1.5252733868957075e-05, 1.3215433979510852e-06, 1.0178045875123552e-07,
      7.074012291739338e-09,  4.4574747781694937e-10};
  // log(1 + f) = 2 s + s z r(z), s = f/(2 + f), z = s^2.
  static constexpr double log_r[] = {0.666666666666674,   0.3999999999937794,  0.28571428751309486,
                                     0.22222197586824094, 0.18183619010447774, 0.15312569390551703,
                                     0.14811544563583556};
  static constexpr double sin_s[] = {-0.16666666666666632,    0.008333333333322326,
                                     -0.00019841269829733074, 2.7557313664235836e-06,
                                     -2.505075353065546e-08,  1.589651671717491e-10};
  static constexpr double cos_c[] = {0.0416666666666666,    -0.0013888888888873992,
                                     2.480158728939547e-05, -2.755731432602218e-07,
                                     2.087571954090161e-09, -1.1359447122434635e-11};
  static constexpr double erf_p[] = {
      0.12837916709551256,     -0.3761263890318375,     0.11283791670954828,
      -0.026866170645067095,   0.005223977624722141,    -0.0008548326975243983,
      0.00012055330905143357,  -1.4925590247895812e-05, 1.6460919156146575e-06,
      -1.6349442757882445e-07, 1.4653877440701641e-08,  -1.1349892150823176e-09,
      5.918103909851503e-11};
  static constexpr double erfc_c = 4;
  static constexpr double erfc_limit = 27.5, gelu_limit = 38.9;
  static constexpr double erfc_w0 = 1.2329951186255526;
  static constexpr double erfc_w[] = {
      -0.13962111684056253,   0.015379652102620073,    0.0680970542546931,
      -0.10103906603632706,   0.09373283499833107,     -0.0663303658116055,
      0.037167515537904705,   -0.01619773406625632,    0.005031969972168655,
      -0.0007577732206823509, -0.00019925664412296049, 0.00015062133982199108,
      -2.439949312213235e-05, -1.1220985578450589e-05, 5.710714034775418e-06,
      2.91802032256568e-07,   -8.276182877902802e-07,  7.685939955565096e-08,
      1.130715060197034e-07,  -1.901568942102742e-08,  -1.6439759704847584e-08,
      1.6929910605111394e-09, 2.0453666556316504e-09,  2.718715434038313e-10};
};

template <class D>
struct LaneMath {
  using L = Lanes<D>;
  using T = hn::TFromD<D>;
  using Table = MathTable<T>;
  using U = typename Table::U;
  using DU = hn::Rebind<U, D>;
  using VU = hn::Vec<DU>;
  static constexpr bool single = sizeof(T) == sizeof(float);
  static constexpr int bits = Table::mantissa_bits;
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double ln2 = 0.6931471805599453, half_root = 0.7071067811865476;
  // 1.5 * 2^mantissa_bits: x + magic is rounded to a whole number, kept in its lowest bits.
  static constexpr double magic = 1.5 * static_cast<double>(U{1} << bits);

  static HWY_INLINE VU to_bits(L x) { return hn::BitCast(DU(), x.v); }
  static HWY_INLINE L from_bits(VU u) { return hn::BitCast(D(), u); }

  // c[0] + c[1] x + c[2] x^2 + ...
  template <size_t n>
  static HWY_INLINE L poly(L x, const T (&c)[n]) {
    return horner(x, c, std::make_index_sequence<n - 1>());
  }
  template <size_t n, size_t... i>
  static HWY_INLINE L horner(L x, const T (&c)[n], std::index_sequence<i...>) {
    L y = static_cast<double>(c[n - 1]);
    ((y = fma(y, x, static_cast<double>(c[n - 2 - i]))), ...);
    return y;
  }

  // The polynomial with coefficients a where `first`, else b.
  template <size_t n>
  static HWY_INLINE L poly_either(LaneMask<D> first, L x, const T (&a)[n], const T (&b)[n]) {
    return horner_either(first, x, a, b, std::make_index_sequence<n - 1>());
  }
  template <size_t n, size_t... i>
  static HWY_INLINE L horner_either(LaneMask<D> first, L x, const T (&a)[n], const T (&b)[n],
                                    std::index_sequence<i...>) {
    const auto c = [&](size_t j) HWY_ATTR {
      return if_then_else(first, L(static_cast<double>(a[j])), L(static_cast<double>(b[j])));
    };
    L y = c(n - 1);
    ((y = fma(y, x, c(n - 2 - i))), ...);
    return y;
  }

  // hi + lo: a number of twice the precision.
  struct Pair {
    L hi, lo;
  };
  // a + b exactly; |a| >= |b| or a = 0.
  static HWY_INLINE Pair sum_ordered(L a, L b) {
    const L s = a + b;
    return {s, b - (s - a)};
  }
  static HWY_INLINE Pair sum(L a, L b) {
    const L s = a + b, c = s - a;
    return {s, (a - (s - c)) + (b - c)};
  }
  // a * b exactly, unless something overflows or underflows (Dekker's splitting without FMA).
  static HWY_INLINE Pair product(L a, L b) {
    const L p = a * b;
#if HWY_NATIVE_FMA
    return {p, fma(a, b, -p)};
#else
    const L ah = high_half(a), bh = high_half(b), al = a - ah, bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
#endif
  }
  // a * b + c in two numbers; c has so few bits that c minus a rounded result is exact.
  static HWY_INLINE Pair fma_pair(L a, L b, L c) {
    const L s = fma(a, b, c);
#if HWY_NATIVE_FMA
    return {s, fma(a, b, c - s)};
#else
    const Pair p = product(a, b);
    return {s, (p.hi + (c - s)) + p.lo};
#endif
  }
  static HWY_INLINE L high_half(L x) {
    return from_bits(hn::And(to_bits(x), hn::Set(DU(), Table::high_half)));
  }

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  // m 2^k, rounded once; AVX-512 has an instruction for it.
  static HWY_INLINE L scale(L m, L k) {
    return scale_by(m.v, k.v);
  }
  static HWY_INLINE L scale_down(L m, L k) {
    return scale(m, k);
  }
  static HWY_INLINE L power_of_two(L k) {
    return scale(1.0, k);
  }
  static HWY_INLINE auto scale_by(hn::Vec512<float> m, hn::Vec512<float> k) {
    return hn::Vec512<float>{_mm512_scalef_ps(m.raw, k.raw)};
  }
  static HWY_INLINE auto scale_by(hn::Vec512<double> m, hn::Vec512<double> k) {
    return hn::Vec512<double>{_mm512_scalef_pd(m.raw, k.raw)};
  }
  static HWY_INLINE auto scale_by(hn::Vec256<float> m, hn::Vec256<float> k) {
    return hn::Vec256<float>{_mm256_scalef_ps(m.raw, k.raw)};
  }
  static HWY_INLINE auto scale_by(hn::Vec256<double> m, hn::Vec256<double> k) {
    return hn::Vec256<double>{_mm256_scalef_pd(m.raw, k.raw)};
  }
  template <size_t n>
  static HWY_INLINE auto scale_by(hn::Vec128<float, n> m, hn::Vec128<float, n> k) {
    return hn::Vec128<float, n>{_mm_scalef_ps(m.raw, k.raw)};
  }
  template <size_t n>
  static HWY_INLINE auto scale_by(hn::Vec128<double, n> m, hn::Vec128<double, n> k) {
    return hn::Vec128<double, n>{_mm_scalef_pd(m.raw, k.raw)};
  }
#else
  // 2^k for a whole k <= bias; at least 2^-100, beside which nothing smaller counts.
  static HWY_INLINE L power_of_two(L k) {
    return from_bits(hn::ShiftLeft<bits>(to_bits(floor_at(k, -100.0) + (magic + Table::bias))));
  }
  // m 2^k, rounded once; k may leave the normal exponents, by as much as exp_low allows.
  static HWY_INLINE L scale(L m, L k) {
    constexpr double away = single ? 64 : 128;
    constexpr double back = single ? 0x1p-64 : 0x1p-128;
    const auto grows = k > 0.0;
    const L c = if_then_else(grows, magic + (Table::bias - 1), magic + (Table::bias + away));
    const L p = from_bits(hn::ShiftLeft<bits>(to_bits(k + c)));
    return (m * p) * if_then_else(grows, 2.0, back);
  }
  // The same for k <= 0 and an m that may be as large as it likes where k = 0.
  static HWY_INLINE L scale_down(L m, L k) {
    return if_then_else(k < 0.0, scale(m, k), m);
  }
#endif

  // x = k ln(2) + r + rest, |r| <= ln(2)/2, for a moderate x.
  struct Reduced {
    L k, r, rest;
  };
  static HWY_INLINE Reduced reduce_exp(L x) {
    const L k = fma(x, 1.4426950408889634, magic) - magic;
    const L h = fma(k, -Table::ln2_hi, x);
    const L r = fma(k, -Table::ln2_lo, h);
    return {k, r, fma(k, -Table::ln2_lo, h - r)};
  }
  // exp(x) = (1 + p) 2^k for exp_low <= x <= exp_high. Keeping the 1 apart saves a rounding
  // wherever the exponential is a factor.
  struct Exponential {
    L p, k;
  };
  static HWY_INLINE Exponential exp_parts(L x) {
    const Reduced a = reduce_exp(x);
    return {fma(a.r * a.r, poly(a.r, Table::exp_q), a.r), a.k};
  }
  // The same for x + low, p to its last bit.
  static HWY_INLINE Exponential exp_parts(L x, L low) {
    const Reduced a = reduce_exp(x);
    const L q = fma(a.r * a.r, poly(a.r, Table::exp_q), a.rest);
    return {a.r + fma(low, 1.0 + (a.r + q), q), a.k};
  }

  // Max error 1.1 ulp, all x.
  static HWY_INLINE L exp(L x) {
    const Exponential e = exp_parts(cap(floor_at(x, Table::exp_low), Table::exp_high));
    return scale(e.p + 1.0, e.k);
  }
  // The same for x <= 0.
  static HWY_INLINE L exp_below_0(L x) {
    const Exponential e = exp_parts(floor_at(x, Table::exp_low));
    return scale(e.p + 1.0, e.k);
  }

  // Max error 1.2 ulp, all x.
  static HWY_INLINE L exp2(L x) {
    constexpr double low = single ? -160 : -1100, high = single ? 129 : 1025;
    x = cap(floor_at(x, low), high);
    const L k = (x + magic) - magic, r = x - k;
    return scale(fma(r, poly(r, Table::exp2_e), 1.0), k);
  }

  // 2^k ((1 - 2^-k) + r + r^2 q(r)), the middle sum kept in two numbers. Max error 1.3 ulp, all x.
  static HWY_INLINE L expm1(L x) {
    const Reduced a = reduce_exp(cap(floor_at(x, Table::expm1_low), Table::exp_high));
    const L tail = fma(a.r * a.r, poly(a.r, Table::exp_q), a.rest);
    const L one = 1.0 - power_of_two(-a.k);
    const Pair s = sum_ordered(one, a.r);
    return copysign(scale(s.hi + (s.lo + tail), a.k), x);
  }

  // x = 2^e m, m in [sqrt(1/2), sqrt(2)); for a normal x > 0.
  struct Split {
    L e, m;
  };
  static HWY_INLINE Split split(L x) {
    constexpr U one = U{Table::bias} << bits, fraction = (U{1} << bits) - 1;
    // Adding the exponent to the bits of 2^mantissa_bits makes a float of it.
    constexpr double base = static_cast<double>(U{1} << bits);
    const VU u = hn::Add(to_bits(x), hn::Set(DU(), one - Table::sqrt_half_bits));
    const VU e = hn::Or(hn::ShiftRight<bits>(u), to_bits(base));
    const VU m = hn::Add(hn::And(u, hn::Set(DU(), fraction)), hn::Set(DU(), Table::sqrt_half_bits));
    return {from_bits(e) - (base + Table::bias), from_bits(m)};
  }
  // log(1 + f) - f, sqrt(1/2) <= 1 + f <= sqrt(2).
  static HWY_INLINE L log_rest(L f) {
    if constexpr (single) return (f * f) * poly(f, Table::log_r);
    const L half = 0.5 * f * f, s = f / (f + 2.0), z = s * s;
    return s * fma(z, poly(z, Table::log_r), half) - half;
  }
  // e log(2) + f + rest.
  static HWY_INLINE L log_sum(L e, L f, L rest) {
    return fma(e, Table::ln2_hi, f + fma(e, Table::ln2_lo, rest));
  }

  // function(x, shift) is a logarithm of 2^shift x for a normal x > 0; this is it for all x.
  template <class Function>
  static HWY_INLINE L logarithm(L x, Function function) {
    const L y = function(x, 0.0);
    const auto usual = (x >= static_cast<double>(std::numeric_limits<T>::min())) & (x < infinity);
    if (HWY_LIKELY(all(usual))) return y;
    return if_then_else(usual, y, log_edge(x, function));
  }
  template <class Function>
  static HWY_NOINLINE L log_edge(L x, Function function) {
    constexpr double lift = single ? 0x1p25 : 0x1p54, by = single ? 25 : 54;
    const L edge = if_then_else(x > 0.0, x, std::numeric_limits<double>::quiet_NaN());
    const L finite = function(x * lift, -by);
    return if_then_else((x > 0.0) & (x < infinity), finite,
                        if_then_else(x == 0.0, -infinity, edge));
  }
  // Max error 1 ulp, all x.
  static HWY_INLINE L log(L x) {
    return logarithm(x, [](L t, L shift) {
      const Split s = split(t);
      const L f = s.m - 1.0;
      return log_sum(s.e + shift, f, log_rest(f));
    });
  }
  // e * unit + log(m) * factor, both constants split, with one final rounding.
  static HWY_INLINE L log_base(L x, double unit_hi, double unit_lo, double hi, double lo) {
    return logarithm(x, [=](L t, L shift) {
      const Split s = split(t);
      const L e = s.e + shift, f = s.m - 1.0, rest = log_rest(f);
      const L h = high_half(f + rest), l = (f - h) + rest;
      const L low = fma(l, hi + lo, fma(h, lo, e * unit_lo));
      const Pair y = sum_ordered(e * unit_hi, h * hi);
      return y.hi + (y.lo + low);
    });
  }
  // Max error 1 ulp, all x; exact for powers of two.
  static HWY_INLINE L log2(L x) {
    return log_base(x, 1, 0, Table::log2e_hi, Table::log2e_lo);
  }
  // Max error 1 ulp, all x; exact for the powers of ten that are exact themselves.
  static HWY_INLINE L log10(L x) {
    return log_base(x, Table::log10_2_hi, Table::log10_2_lo, Table::log10e_hi, Table::log10e_lo);
  }

  // Max error 1.1 ulp, all x.
  static HWY_INLINE L log1p(L x) {
    // 1 + x = u + c; log(u + c) = log(u) + c/u.
    const Pair u = sum(1.0, x);
    const Split s = split(u.hi);
    const L f = s.m - 1.0;
    const L y = log_sum(s.e, f, log_rest(f) + u.lo / u.hi);
    const L nan = std::numeric_limits<double>::quiet_NaN();
    const L edge = if_then_else(x == -1.0, -infinity, if_then_else(x > 0.0, x, nan));
    const L inside = if_then_else((x > -1.0) & (x < infinity), y, edge);
    // log1p(0) keeps its sign.
    return if_then_else(x == 0.0, x, inside);
  }
  // log(1 + x), 0 <= x <= 1.
  static HWY_INLINE L log1p_unit(L x) {
    const auto upper = x > 0.41421356;
    const L f = if_then_else(upper, 0.5 * x - 0.5, x);
    return log_sum(if_then_else(upper, 1.0, 0.0), f, log_rest(f));
  }

  // For quotients f64 pays for the last bit of p, f32 does not.
  static HWY_INLINE Exponential exp_quotient(L x) {
    if constexpr (single) return exp_parts(x);
    return exp_parts(x, 0.0);
  }
  // (1 - e) / (1 + e), e = exp(-2 |x|). Max error 2.2 ulp, all x.
  static HWY_INLINE L tanh(L x) {
    const L y = floor_at(-2.0 * abs(x), Table::expm1_low);
    const Exponential e = exp_quotient(y);
    const L s = power_of_two(e.k);
    return copysign(fma(-s, e.p, 1.0 - s) / fma(s, e.p, 1.0 + s), x);
  }

  // n / (1 + exp(y)), y between exp_low and -exp_low. What is small is scaled last: no digit of a
  // tail is lost before it is rounded.
  static HWY_INLINE L over_one_plus(L n, Exponential e) {
    const L down = -abs(e.k), s = power_of_two(down);
    const auto tail = e.k > 0.0;
    const L d = fma(if_then_else(tail, 1.0, s), e.p, 1.0 + s);
    return scale_down(n / d, if_then_else(tail, down, 0.0));
  }
  // 1 / (1 + exp(-x)). Max error 2.5 ulp for f32, 2.2 for f64, all x.
  static HWY_INLINE L sigmoid(L x) {
    return over_one_plus(1.0, exp_quotient(cap(floor_at(-x, Table::exp_low), -Table::exp_low)));
  }
  // log(1 + exp(x)). Max error 2 ulp, all x.
  static HWY_INLINE L softplus(L x) {
    const Exponential e = exp_parts(floor_at(-abs(x), Table::exp_low));
    return max(x, 0.0) + log1p_unit(scale(e.p + 1.0, e.k));
  }
  // log(sigmoid(x)). Max error 2 ulp, all x; log_sigmoid(inf) is the limit, -0.
  static HWY_INLINE L log_sigmoid(L x) {
    return -softplus(-x);
  }

  // x sigmoid(x). Max error 2.75 ulp, all x; silu(-inf) is the limit, -0.
  static HWY_INLINE L silu(L x) {
    const L n = floor_at(x, Table::exp_low);
    return over_one_plus(n, exp_parts(-cap(n, -Table::exp_low), 0.0));
  }
  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Max error 3 ulp, all x; at -inf the limit, -0.
  static HWY_INLINE L gelu_tanh(L x) {
    // 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2 u)) = 1 / (1 + 2^y), y = -x (g1 + g3 x^2) in two numbers.
    const L n = floor_at(x, -Table::gelu_tanh_limit), a = cap(n, Table::gelu_tanh_limit);
    const Pair z = product(a, a);
    const Pair g = fma_pair(z.hi, Table::gelu3_hi, Table::gelu1_hi);
    const L low = g.lo + fma(z.lo, Table::gelu3_hi, fma(z.hi, Table::gelu3_lo, Table::gelu1_lo));
    const Pair slope = sum_ordered(g.hi, low), y = product(-a, slope.hi);
    const L k = (y.hi + magic) - magic, r = (y.hi - k) + fma(-a, slope.lo, y.lo);
    return over_one_plus(n, {r * poly(r, Table::exp2_e), k});
  }

  // erfc(a) = m 2^k for 0 <= a <= erfc_limit; square = a^2 in two numbers.
  struct Scaled {
    L m, k;
  };
  static HWY_INLINE Scaled erfc_scaled(L a, Pair square) {
    const Exponential e = exp_parts(-square.hi, -square.lo);
    if constexpr (single) {
      const L u = 1.0 / (a + Table::erfc_c);
      const L q = poly((a - Table::erfc_c) * u, Table::erfc_w) * u;
      return {fma(q, e.p, q), e.k};
    } else {
      const L t = (a - Table::erfc_c) / (a + Table::erfc_c);
      const L w = poly(t, Table::erfc_w);
      // f64 carries the errors of sum and quotient along.
      const Pair v = sum_ordered(Table::erfc_w0, t * w), d = sum(1.0, 2.0 * a);
      const L inverse = 1.0 / d.hi, q = v.hi * inverse;
      const Pair back = product(q, d.hi);
      const L low = inverse * (((v.hi - back.hi) - back.lo) + fma(-q, d.lo, v.lo));
      return {q + fma(q, e.p, fma(low, e.p, low)), e.k};
    }
  }
  // Max error 1.5 ulp, all x.
  static HWY_INLINE L erf(L x) {
    if constexpr (single) {
      const L a = cap(abs(x), 4.0);
      const auto near = a < 1.0;
      const L p = poly_either(near, if_then_else(near, a * a, a), Table::erf_p, Table::erf_far_p);
      const L k = (p + magic) - magic, r = p - k;
      const L far = 1.0 - scale(fma(r, poly(r, Table::erf_exp2_e), 1.0), k);
      return copysign(if_then_else(near, fma(a, p, a), far), x);
    } else {
      const L a = cap(abs(x), 8.0);
      const Scaled c = erfc_scaled(a, product(a, a));
      const L near = fma(x, poly(a * a, Table::erf_p), x);
      return if_then_else(a < 1.0, near, copysign(1.0 - scale(c.m, c.k), x));
    }
  }
  // Max error 5.5 ulp for f32, 2.1 for f64, all x.
  static HWY_INLINE L erfc(L x) {
    const L a = cap(abs(x), Table::erfc_limit);
    const Scaled c = erfc_scaled(a, product(a, a));
    const L y = scale(c.m, c.k);
    const L near = 1.0 - fma(x, poly(a * a, Table::erf_p), x);
    return if_then_else(a < 0.7, near, if_then_else(x < 0.0, 2.0 - y, y));
  }
  // x Phi(x), Phi(x) = erfc(-x / sqrt(2)) / 2; the tail is scaled last.
  // Max error 6 ulp for f32, 3 for f64, all x; gelu(-inf) is the limit, -0.
  static HWY_INLINE L gelu(L x) {
    const L a = cap(abs(x), Table::gelu_limit);
    const Pair z = product(a, a);
    const L s = a * half_root;
    const Scaled c = erfc_scaled(s, {0.5 * z.hi, 0.5 * z.lo});
    const L half = 0.5 * c.m;
    const auto negative = x < 0.0;
    const L h = 0.5 * half_root * x;
    const L near = x * (0.5 + fma(h, poly(0.5 * z.hi, Table::erf_p), h));
    const L y =
        floor_at(x, -Table::gelu_limit) * if_then_else(negative, half, 1.0 - scale(half, c.k));
    return if_then_else(a < 1.0, near, if_then_else(negative, scale(y, c.k), y));
  }

  // x = k pi/2 + hi + lo, |hi| <= pi/4; quadrant holds k in its lowest bits.
  struct Angle {
    L hi, lo;
    VU quadrant;
  };
  static HWY_INLINE Angle reduce(L x) {
    const L turn = fma(x, 0.6366197723675814, magic);
    const L k = turn - magic;
#if HWY_NATIVE_FMA
    // The first difference is exact, and what the second one rounds away is too.
    const L first = fma(k, -Table::half_pi_fma[0], x);
    const L r = fma(k, -Table::half_pi_fma[1], first);
    L low = fma(k, -Table::half_pi_fma[1], first - r);
    low = fma(k, -Table::half_pi_fma[2], low);
    low = fma(k, -Table::half_pi_fma[3], low);
#else
    constexpr size_t parts = sizeof(Table::half_pi) / sizeof(double);
    L r = fma(k, -Table::half_pi[0], x);
    L low = 0.0;
    for (size_t i = 1; i + 1 < parts; ++i) {
      const Pair s = sum(r, k * -Table::half_pi[i]);
      r = s.hi;
      low = low + s.lo;
    }
    low = fma(k, -Table::half_pi[parts - 1], low);
#endif
    const L hi = r + low;
    return {hi, low - (hi - r), to_bits(turn)};
  }
  // sin(x + shift pi/2).
  static HWY_INLINE L sine(L x, U shift) {
    const Angle a = reduce(x);
    const VU q = hn::Add(a.quadrant, hn::Set(DU(), shift));
    const L z = a.hi * a.hi;
    const L s = a.hi + fma(a.hi * z, poly(z, Table::sin_s), a.lo * fma(z, -0.5, 1.0));
    const L half = 0.5 * z, w = 1.0 - half;
    const L c = w + (((1.0 - w) - half) + fma(z * z, poly(z, Table::cos_c), -(a.hi * a.lo)));
    const VU one = hn::Set(DU(), U{1});
    const auto even = hn::Eq(hn::And(q, one), hn::Zero(DU()));
    const L y = hn::IfThenElse(hn::RebindMask(D(), even), s.v, c.v);
    const VU sign = hn::ShiftLeft<8 * sizeof(T) - 2>(hn::And(q, hn::Set(DU(), U{2})));
    return from_bits(hn::Xor(to_bits(y), sign));
  }
  // Max error 1 ulp, all x; through libm beyond trig_limit.
  static HWY_INLINE L sin(L x) {
    L y = sine(x, 0);
    const auto far = abs(x) > Table::trig_limit;
    if (HWY_UNLIKELY(any(far)))
      y = if_then_else(far, by_lane(x, [](double t) { return std::sin(t); }), y);
    return if_then_else(x == 0.0, x, y);
  }
  // Max error 1 ulp, all x; through libm beyond trig_limit.
  static HWY_INLINE L cos(L x) {
    const L y = sine(x, 1);
    const auto far = abs(x) > Table::trig_limit;
    if (HWY_LIKELY(!any(far))) return y;
    return if_then_else(far, by_lane(x, [](double t) { return std::cos(t); }), y);
  }

  template <class F>
  static HWY_NOINLINE L by_lane(L x, F f) {
    HWY_ALIGN T t[hn::MaxLanes(D())];
    hn::Store(x.v, D(), t);
    for (size_t i = 0; i < hn::Lanes(D()); ++i) t[i] = static_cast<T>(f(t[i]));
    return hn::Load(D(), t);
  }
  template <class F>
  static HWY_NOINLINE L by_lane(L a, L b, F f) {
    HWY_ALIGN T s[hn::MaxLanes(D())];
    HWY_ALIGN T t[hn::MaxLanes(D())];
    hn::Store(a.v, D(), s);
    hn::Store(b.v, D(), t);
    for (size_t i = 0; i < hn::Lanes(D()); ++i) s[i] = static_cast<T>(f(s[i], t[i]));
    return hn::Load(D(), s);
  }

  // Max error 1 ulp, all x: libm's own.
  static L tan(L x) {
    return by_lane(x, [](double t) { return std::tan(t); });
  }
  static L asin(L x) {
    return by_lane(x, [](double t) { return std::asin(t); });
  }
  static L acos(L x) {
    return by_lane(x, [](double t) { return std::acos(t); });
  }
  static L atan(L x) {
    return by_lane(x, [](double t) { return std::atan(t); });
  }
  // Max error 1 ulp for f32, 2 for f64, all x: glibc's own.
  static L sinh(L x) {
    return by_lane(x, [](double t) { return std::sinh(t); });
  }
  static L cosh(L x) {
    return by_lane(x, [](double t) { return std::cosh(t); });
  }
  static L asinh(L x) {
    return by_lane(x, [](double t) { return std::asinh(t); });
  }
  static L acosh(L x) {
    return by_lane(x, [](double t) { return std::acosh(t); });
  }
  static L atanh(L x) {
    return by_lane(x, [](double t) { return std::atanh(t); });
  }

  // Bounds stand in gamma.h.
  static L lgamma(L x) {
    return by_lane(x, [](double t) { return gamma_function::lgamma(t); });
  }
  static L digamma(L x) {
    return by_lane(x, [](double t) { return gamma_function::digamma(t); });
  }
  static L polygamma(L n, L x) {
    return by_lane(n, x, [](double s, double t) { return gamma_function::polygamma(s, t); });
  }

  // C's pow, infinities and signed zeros included. Max error 1 ulp, all a and b.
  static L pow(L a, L b) {
    return by_lane(a, b, [](double s, double t) { return std::pow(s, t); });
  }
  // Max error 1 ulp, all y and x, here and in hypot.
  static L atan2(L y, L x) {
    return by_lane(y, x, [](double s, double t) { return std::atan2(s, t); });
  }
  static L hypot(L a, L b) {
    return by_lane(a, b, [](double s, double t) { return std::hypot(s, t); });
  }
  // log(exp(a) + exp(b)); equal infinities do not cancel. Max error 2 ulp of the largest of
  // |a|, |b| and 1: the sum itself can cancel.
  static HWY_INLINE L logaddexp(L a, L b) {
    const L gap = if_then_else(a == b, 0.0, abs(a - b));
    return max(a, b) + log1p_unit(exp(-gap));
  }
  // C's fmod: the sign of a. Exact.
  static L fmod(L a, L b) {
    return by_lane(a, b, [](double s, double t) { return std::fmod(s, t); });
  }
  // Python's a % b: the sign of b. One rounding.
  static L remainder(L a, L b) {
    const L r = fmod(a, b);
    const L moved = if_then_else((r < 0.0) ^ (b < 0.0), r + b, r);
    return if_then_else(r == 0.0, copysign(r, b), moved);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
