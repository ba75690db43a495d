// Counts what the program asks operator new for.
#pragma once

#include <cstdint>

namespace gradus::app {

int64_t allocations_made();

}  // namespace gradus::app
