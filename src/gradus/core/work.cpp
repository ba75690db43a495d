#include <gradus/core/work.h>

namespace gradus {
namespace {

thread_local WorkCounter* current = nullptr;

}  // namespace

double work_of(const Op& op, std::span<const Type> in, const Attrs& attrs,
               std::span<const Type> out) {
  if (op.work) return op.work(in, attrs, out[0]);
  return op.pointwise && is_float(out[0].dtype) ? static_cast<double>(element_count(out[0].shape))
                                                : 0;
}

WorkCounter::WorkCounter() : outer_(current) {
  current = this;
}

WorkCounter::~WorkCounter() {
  current = outer_;
}

void WorkCounter::count(const Op& op, std::span<const Type> in, const Attrs& attrs,
                        std::span<const Type> out) {
  if (current == nullptr) return;
  const double operations = work_of(op, in, attrs, out);
  for (WorkCounter* c = current; c != nullptr; c = c->outer_) {
    ++c->kernels_;
    c->operations_ += operations;
  }
}

}  // namespace gradus
