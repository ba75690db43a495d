// error: 'number' is not a member of 'gradus'|no member named 'number' in namespace 'gradus'
#include <gradus/core/op.h>
#include <gradus/ops/elementwise.h>

gradus::Tensor slope(const gradus::Tensor& x) {
#ifndef GRADUS_ALLOWED
  return gradus::number(x) > 0 ? x : -x;
#endif
  return where(x > 0, x, -x);
}
