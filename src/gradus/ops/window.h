// Which elements of its input an element of an output looks at: the windows of convolution and
// pooling.
#pragma once

#include <gradus/core/op.h>

#include <optional>

namespace gradus {

// Along the last two axes, in elements of the input.
struct WindowShape {
  int64_t size[2], stride[2];
};

// Absent where the op has no windows of one size. A dilated window counts from its first element to
// its last.
std::optional<WindowShape> window_of(const Op& op, std::span<const Type> in, const Attrs& attrs);

}  // namespace gradus
