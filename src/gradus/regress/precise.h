// Elementary functions of double-double numbers, to about 30 digits: what a model needs whose fit
// is sharpened beyond f64.
#pragma once

#include <gradus/base/double_double.h>

namespace gradus::precise {

inline constexpr double pi_high = 3.141592653589793116, pi_low = 1.2246467991473532072e-16;

DoubleDouble exp(const DoubleDouble& x);
DoubleDouble log(const DoubleDouble& x);
struct SinCos {
  DoubleDouble sin, cos;
};
// Arguments up to about 1e9 keep their digits.
SinCos sin_cos(const DoubleDouble& x);
DoubleDouble atan(const DoubleDouble& x);
// x^n by squaring; n of any sign.
DoubleDouble power(DoubleDouble x, int64_t n);
// x^y: whole y for any x, otherwise x >= 0; NaN where it is undefined.
DoubleDouble power(const DoubleDouble& x, const DoubleDouble& y);

}  // namespace gradus::precise
