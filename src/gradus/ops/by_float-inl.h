// Kernels written once for f32 and f64: their places in a table of the target, and how an op finds
// its own there. Included after hwy/foreach_target.h, again for each target.
#ifndef GRADUS_BY_FLOAT_ONCE
#define GRADUS_BY_FLOAT_ONCE
#include <gradus/core/op.h>

namespace gradus {

// A kernel for f32 and one for f64.
using FloatRuns = Call::Run[2];

// The kernel for the type of the first input, from the table of the target in force.
template <auto table, auto member>
Kernel by_float(const Op&, std::span<const Type> in, const Type&) {
  return {(table()->*member)[static_cast<size_t>(in[0].dtype)]};
}

}  // namespace gradus
#endif

// Some targets have no vectors of f64.
#undef GRADUS_BY_FLOAT
#if HWY_HAVE_FLOAT64
#define GRADUS_BY_FLOAT(run) \
  { run<float>, run<double> }
#else
#define GRADUS_BY_FLOAT(run) \
  { run<float> }
#endif
