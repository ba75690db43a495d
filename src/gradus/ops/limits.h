// What this machine does at best, measured: fused multiply-adds and memory. A kernel's speed is
// read as a share of these.
#pragma once

#include <cstdint>

namespace gradus {

// Bytes a second of the arrays that the source names: a copy moves two, a = b + s c three.
struct MemoryLimit {
  int64_t bytes = 0;  // how much this level holds for one thread; the last level holds everything
  double read = 0, copy = 0, triad = 0;
};

struct Limits {
  int threads = 1;                      // all rates below are of so many together
  double flops_f32 = 0, flops_f64 = 0;  // operations a second; a multiply-add is two
  double clock = 0;                     // cycles a second of one thread; 0: not known
  MemoryLimit l1, l2, l3, memory;

  // The smallest level that holds a working set of so many bytes.
  const MemoryLimit& level(int64_t working_set) const;
};

// Takes 0.1 to 0.3 s, most of it fresh memory; thorough, about 2 s. The threads are the pool's.
enum class Effort { quick, thorough };
Limits measure_limits(Effort effort);
// Only the multiply-adds, in about 10 ms: what GFLOP/s are compared with.
Limits measure_flops();

// Measured quickly when first asked for, with the threads of that moment, and kept.
const Limits& machine_limits();

}  // namespace gradus
