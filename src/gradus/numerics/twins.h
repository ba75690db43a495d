// The gap between theory and arithmetic: twelve formulas that are right on paper and wrong in f64,
// each beside its twin, equal on paper, that is right in both; and what a problem's own condition
// costs, whatever the formula.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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

// Least squares on a Hilbert matrix of n columns and n + 4 rows whose answer is all ones: digits
// right in the worst coefficient by three ways.
struct Conditioning {
  int64_t columns;
  double condition;  // sigma_max / sigma_min
  double by_normal_equations, by_qr, by_svd;
};
// n from 2 to `largest`, at most 12. The normal equations square the condition, so they lose twice
// as many digits, and fail from condition 1e8 on; QR and SVD lose what the problem itself loses.
std::vector<Conditioning> conditioning(int64_t largest = 12);

}  // namespace gradus
