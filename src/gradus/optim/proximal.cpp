#include <gradus/ops/elementwise.h>
#include <gradus/optim/proximal.h>

namespace gradus {

Tensor soft_threshold(const Tensor& x, const Tensor& by) {
  return sign(x) * maximum(abs(x) - by, 0);
}

}  // namespace gradus
