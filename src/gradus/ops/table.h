// Every op there is, for docs, checks and `gradus ops`.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

// The elementwise ops in the order of words.h, then the others by subject; each once.
std::span<const Op* const> all_ops();

}  // namespace gradus
