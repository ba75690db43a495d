// Counts kernel calls and floating-point operations, so that a cost is a number and not a timing.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

// Floating-point operations of one step.
double work_of(const Op& op, std::span<const Type> in, const Attrs& attrs,
               std::span<const Type> out);

// Counts what this thread computes, at once or while recording with numbers, for as long as it
// lives; counters nest, and each sees everything within it. Views cost nothing and are not counted.
class WorkCounter {
 public:
  WorkCounter();
  ~WorkCounter();
  WorkCounter(const WorkCounter&) = delete;
  WorkCounter& operator=(const WorkCounter&) = delete;

  uint64_t kernels() const { return kernels_; }
  double operations() const { return operations_; }

  // Called after every kernel.
  static void count(const Op& op, std::span<const Type> in, const Attrs& attrs,
                    std::span<const Type> out);

 private:
  uint64_t kernels_ = 0;
  double operations_ = 0;
  WorkCounter* outer_;
};

}  // namespace gradus
