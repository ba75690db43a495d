#include <gradus/ops/masks.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/masks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#define COMPARISON(Name, vectors, numbers)       \
  struct Name {                                  \
    template <class V>                           \
    HWY_INLINE auto operator()(V a, V b) const { \
      return hn::vectors(a, b);                  \
    }                                            \
    template <class T>                           \
    static bool of(T a, T b) {                   \
      return a numbers b;                        \
    }                                            \
  }
COMPARISON(Equal, Eq, ==);
COMPARISON(Less, Lt, <);
COMPARISON(LessEqual, Le, <=);
COMPARISON(Greater, Gt, >);
COMPARISON(GreaterEqual, Ge, >=);
#undef COMPARISON
// NaN differs from every number, itself among them; Highway's Ne says no there on x86.
struct NotEqual {
  template <class V>
  HWY_INLINE auto operator()(V a, V b) const {
    return hn::Not(hn::Eq(a, b));
  }
  template <class T>
  static bool of(T a, T b) {
    return a != b;
  }
};

template <class T, class F>
void compare(const void* const in[], const bool single[], void* out, size_t n) {
  const hn::ScalableTag<T> d;
  const hn::RebindToUnsigned<decltype(d)> words;
  const hn::Rebind<uint8_t, decltype(d)> bytes;
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  bool* y = static_cast<bool*>(out);
  if (single[0] && single[1]) return static_cast<void>(std::fill(y, y + n, F::of(*a, *b)));
  const size_t L = hn::Lanes(d);
  size_t i = 0;
  if (n >= L) {
    const auto left = hn::Set(d, *a), right = hn::Set(d, *b);
    const auto one = hn::Set(words, 1);
    for (; i + L <= n; i += L) {
      const auto mask =
          F{}(single[0] ? left : hn::LoadU(d, a + i), single[1] ? right : hn::LoadU(d, b + i));
      const auto bits = hn::And(hn::BitCast(words, hn::VecFromMask(d, mask)), one);
      hn::StoreU(hn::TruncateTo(bytes, bits), bytes, reinterpret_cast<uint8_t*>(y + i));
    }
  }
  for (; i < n; ++i) y[i] = F::of(a[single[0] ? 0 : i], b[single[1] ? 0 : i]);
}

void ones(const void* const in[], const bool single[], void* out, size_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> words;
  const hn::Rebind<uint8_t, decltype(d)> bytes;
  const bool* x = static_cast<const bool*>(in[0]);
  float* y = static_cast<float*>(out);
  if (single[0]) return static_cast<void>(std::fill(y, y + n, *x ? 1.0f : 0.0f));
  const size_t L = hn::Lanes(d);
  size_t i = 0;
  for (; i + L <= n; i += L) {
    const auto some = hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(x + i));
    hn::StoreU(hn::ConvertTo(d, hn::PromoteTo(words, some)), d, y + i);
  }
  for (; i < n; ++i) y[i] = x[i] ? 1.0f : 0.0f;
}

const MaskKernels* kernels() {
#if HWY_HAVE_FLOAT64
#define BOTH(F) \
  { compare<float, F>, compare<double, F> }
#else
#define BOTH(F) \
  { compare<float, F> }
#endif
  static constexpr MaskKernels k{BOTH(Equal),   BOTH(NotEqual),     BOTH(Less), BOTH(LessEqual),
                                 BOTH(Greater), BOTH(GreaterEqual), ones};
#undef BOTH
  return &k;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
HWY_EXPORT(kernels);
const MaskKernels& mask_kernels() {
  return *HWY_DYNAMIC_DISPATCH(kernels)();
}
}  // namespace gradus
#endif
