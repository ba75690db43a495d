#include <gradus/ops/gemm.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

template <class V>
HWY_INLINE V multiply_add(V a, V b, V acc) {
  return hwy::HWY_NAMESPACE::MulAdd(a, b, acc);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#include <gradus/ops/gemm-inl.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

const GemmKernels* kernels() {
#if HWY_HAVE_FLOAT64
  static constexpr GemmKernels k{gemm<float>, gemm<double>};
#else
  static constexpr GemmKernels k{gemm<float>, nullptr};
#endif
  return &k;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
HWY_EXPORT(kernels);
const GemmKernels& gemm_kernels() {
  return *HWY_DYNAMIC_DISPATCH(kernels)();
}
}  // namespace gradus
#endif
