#include <gradus/ops/batching.h>
#include <gradus/ops/shaping.h>

namespace gradus {

Tensor with_batch_axis(const Batching& b, size_t i) {
  if (b.batched[i]) return b.in[i];
  Shape shape = b.in[i].shape();
  shape.insert(0, b.size);
  return broadcast_to(b.in[i], shape);
}

std::vector<Tensor> batch_leading(const Op& op, const Batching& b) {
  std::vector<Tensor> in;
  for (size_t i = 0; i < b.in.size(); ++i) in.push_back(with_batch_axis(b, i));
  return apply_many(op, in, b.attrs);
}

}  // namespace gradus
