// The last step of run_op and apply, which find operands in different places.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

// Runs op's kernel on views, those of the inputs first; a pointwise op collapses them.
void run_kernel(const Op& op, std::span<const Type> in_types, std::span<View> views,
                const Attrs& attrs, std::span<const Type> out_types);

}  // namespace gradus
