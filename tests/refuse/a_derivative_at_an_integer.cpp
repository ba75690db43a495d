// error: derivatives are of float or double: 3\.0, not 3
#include <gradus/scalar/dual.h>

double slope() {
  const auto square = [](auto x) { return x * x; };
#ifndef GRADUS_ALLOWED
  return gradus::scalars::derivative(square, 3);
#endif
  return gradus::scalars::derivative(square, 3.0);
}
