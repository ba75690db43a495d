// The gap between theory and arithmetic: twelve formulas that are right on paper and wrong in f64,
// each beside its twin, equal on paper, that is right in both.
#pragma once

#include <span>

namespace gradus {

struct Twin {
  const char* what;
  const char *unstable, *stable;  // formulas
  double x;                       // where the first one fails
  double (*naive)(double);        // computes `unstable` as it stands
  double (*careful)(double);      // computes `stable`
  double exact;                   // to the last digit of f64
  const char* why;                // one sentence
};
// The naive ones are wrong at x by half of the digits or more; the careful ones by 4 units in the
// last place at most.
std::span<const Twin> unstable_twins();

// Decimal digits of `got` that are right, 0 to 15.95; all of them where both are equal.
double correct_digits(double got, double exact);

}  // namespace gradus
