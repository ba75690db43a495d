// Lanes<D>: one SIMD vector of f32 or f64 that reads like a number, so that one formula,
// [](auto x) { return log1p(exp(-abs(x))) + max(x, 0.0); }, serves whole vectors, tails and
// scalars. No result depends on a lane's position or on the vector's length. Functions are found by
// argument lookup only, so no name here hides another. Include after hwy/foreach_target.h.
#if defined(GRADUS_OPS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_LANES_INL_H_
#undef GRADUS_OPS_LANES_INL_H_
#else
#define GRADUS_OPS_LANES_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// x86 vectors compute a < b ? a : b and a > b ? a : b in one instruction: a NaN b comes through.
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
#define GRADUS_MIN_IS_SELECT 1
#else
#define GRADUS_MIN_IS_SELECT 0
#endif

template <class D>
struct Lanes;
template <class D>
struct LaneMath;

// The answer of a comparison, one bit a lane.
template <class D>
struct LaneMask {
  hn::Mask<D> m;

  friend HWY_INLINE LaneMask operator&(LaneMask a, LaneMask b) { return {hn::And(a.m, b.m)}; }
  friend HWY_INLINE LaneMask operator|(LaneMask a, LaneMask b) { return {hn::Or(a.m, b.m)}; }
  friend HWY_INLINE LaneMask operator^(LaneMask a, LaneMask b) { return {hn::Xor(a.m, b.m)}; }
  friend HWY_INLINE LaneMask operator!(LaneMask a) { return {hn::Not(a.m)}; }
  friend HWY_INLINE bool any(LaneMask a) { return !hn::AllFalse(D(), a.m); }
  friend HWY_INLINE bool all(LaneMask a) { return hn::AllTrue(D(), a.m); }
  friend HWY_INLINE Lanes<D> if_then_else(LaneMask c, Lanes<D> a, Lanes<D> b) {
    return hn::IfThenElse(c.m, a.v, b.v);
  }
};

template <class D>
struct Lanes {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  using M = LaneMask<D>;
  V v;

  HWY_INLINE Lanes(V vector) : v(vector) {}
  HWY_INLINE Lanes(double number) : v(hn::Set(D(), static_cast<T>(number))) {}

  friend HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return hn::Add(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return hn::Sub(a.v, b.v); }
  friend HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return hn::Mul(a.v, b.v); }
  friend HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return hn::Div(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a) { return hn::Neg(a.v); }
  friend HWY_INLINE M operator<(Lanes a, Lanes b) { return {hn::Lt(a.v, b.v)}; }
  friend HWY_INLINE M operator<=(Lanes a, Lanes b) { return {hn::Le(a.v, b.v)}; }
  friend HWY_INLINE M operator>(Lanes a, Lanes b) { return {hn::Gt(a.v, b.v)}; }
  friend HWY_INLINE M operator>=(Lanes a, Lanes b) { return {hn::Ge(a.v, b.v)}; }
  friend HWY_INLINE M operator==(Lanes a, Lanes b) { return {hn::Eq(a.v, b.v)}; }
  friend HWY_INLINE M operator!=(Lanes a, Lanes b) { return {hn::Ne(a.v, b.v)}; }

  friend HWY_INLINE M isnan(Lanes x) { return {hn::IsNaN(x.v)}; }
  friend HWY_INLINE M isinf(Lanes x) { return {hn::IsInf(x.v)}; }
  friend HWY_INLINE M isfinite(Lanes x) { return {hn::IsFinite(x.v)}; }
  // The sign bit is set: true for -0 and for a NaN that carries it.
  friend HWY_INLINE M signbit(Lanes x) { return copysign(1.0, x) < 0.0; }

  // a * b + c: one rounding where the target has FMA (HWY_NATIVE_FMA), else two.
  friend HWY_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) { return hn::MulAdd(a.v, b.v, c.v); }

  // Exact or correctly rounded, all x.
  friend HWY_INLINE Lanes sqrt(Lanes x) { return hn::Sqrt(x.v); }
  friend HWY_INLINE Lanes abs(Lanes x) { return hn::Abs(x.v); }
  friend HWY_INLINE Lanes copysign(Lanes size, Lanes sign) { return hn::CopySign(size.v, sign.v); }
  // Highway's scalar target drops the sign of a zero here.
  friend HWY_INLINE Lanes floor(Lanes x) { return copysign(hn::Floor(x.v), x); }
  friend HWY_INLINE Lanes ceil(Lanes x) { return copysign(hn::Ceil(x.v), x); }
  friend HWY_INLINE Lanes trunc(Lanes x) { return copysign(hn::Trunc(x.v), x); }
  friend HWY_INLINE Lanes round_even(Lanes x) { return copysign(hn::Round(x.v), x); }

  // NaN if either is NaN, as NumPy's minimum and maximum. Of equals, the second.
  friend HWY_INLINE Lanes min(Lanes a, Lanes b) { return if_then_else(isnan(a), a, cap(b, a)); }
  friend HWY_INLINE Lanes max(Lanes a, Lanes b) {
    return if_then_else(isnan(a), a, floor_at(b, a));
  }
  // min(x, high) and max(x, low) for bounds that are not NaN; a NaN x stays.
  friend HWY_INLINE Lanes cap(Lanes x, Lanes high) {
#if GRADUS_MIN_IS_SELECT
    return hn::Min(high.v, x.v);
#else
    return if_then_else(high < x, high, x);
#endif
  }
  friend HWY_INLINE Lanes floor_at(Lanes x, Lanes low) {
#if GRADUS_MIN_IS_SELECT
    return hn::Max(low.v, x.v);
#else
    return if_then_else(low > x, low, x);
#endif
  }

  // Max error 1.5 ulp, all x. The other bounds stand in lanes_math-inl.h.
  friend HWY_INLINE Lanes rsqrt(Lanes x) {
    return 1.0 / sqrt(x);
  }
#define GRADUS_LANES_UNARY(f)          \
  friend HWY_INLINE Lanes f(Lanes x) { \
    return LaneMath<D>::f(x);          \
  }
  GRADUS_LANES_UNARY(exp)
  GRADUS_LANES_UNARY(exp2)
  GRADUS_LANES_UNARY(expm1)
  GRADUS_LANES_UNARY(log)
  GRADUS_LANES_UNARY(log2)
  GRADUS_LANES_UNARY(log10)
  GRADUS_LANES_UNARY(log1p)
  GRADUS_LANES_UNARY(sin)
  GRADUS_LANES_UNARY(cos)
  GRADUS_LANES_UNARY(tan)
  GRADUS_LANES_UNARY(asin)
  GRADUS_LANES_UNARY(acos)
  GRADUS_LANES_UNARY(atan)
  GRADUS_LANES_UNARY(sinh)
  GRADUS_LANES_UNARY(cosh)
  GRADUS_LANES_UNARY(tanh)
  GRADUS_LANES_UNARY(asinh)
  GRADUS_LANES_UNARY(acosh)
  GRADUS_LANES_UNARY(atanh)
  GRADUS_LANES_UNARY(erf)
  GRADUS_LANES_UNARY(erfc)
  GRADUS_LANES_UNARY(lgamma)
  GRADUS_LANES_UNARY(digamma)
  GRADUS_LANES_UNARY(sigmoid)
  GRADUS_LANES_UNARY(log_sigmoid)
  GRADUS_LANES_UNARY(softplus)
  GRADUS_LANES_UNARY(gelu)
  GRADUS_LANES_UNARY(gelu_tanh)
  GRADUS_LANES_UNARY(silu)
#undef GRADUS_LANES_UNARY
#define GRADUS_LANES_BINARY(f)                  \
  friend HWY_INLINE Lanes f(Lanes a, Lanes b) { \
    return LaneMath<D>::f(a, b);                \
  }
  GRADUS_LANES_BINARY(pow)
  GRADUS_LANES_BINARY(atan2)
  GRADUS_LANES_BINARY(hypot)
  GRADUS_LANES_BINARY(logaddexp)
  GRADUS_LANES_BINARY(polygamma)
  GRADUS_LANES_BINARY(fmod)
  GRADUS_LANES_BINARY(remainder)
#undef GRADUS_LANES_BINARY
};

// The first n < N of a vector from memory, 0 in the others; nothing beyond is touched.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_some(D d, const T* x, size_t n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, n), d, x);
#else
  HWY_ALIGN T rest[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < n; ++i) rest[i] = x[i];
  return hn::Load(d, rest);
#endif
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_some(D d, hn::Vec<D> v, T* y, size_t n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, n), d, y);
#else
  HWY_ALIGN T rest[hn::MaxLanes(D())];
  hn::Store(v, d, rest);
  for (size_t i = 0; i < n; ++i) y[i] = rest[i];
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#undef GRADUS_MIN_IS_SELECT

#include <gradus/ops/lanes_math-inl.h>

#endif  // per-target guard
