// error: no match for 'operator\+='|no viable overloaded '\+='
#include <gradus/core/tensor.h>
#include <gradus/ops/elementwise.h>

gradus::Tensor twice(gradus::Tensor x) {
#ifndef GRADUS_ALLOWED
  x += x;
#endif
  return x + x;
}
