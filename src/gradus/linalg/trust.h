// How far an answer of linear algebra can be trusted: what it leaves, what its conditioning may
// have cost, and which singular values were taken for zero. One matrix at a time.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>

namespace gradus {

// Which singular values of a matrix count.
struct RankDecision {
  int64_t rank = 0, full = 0;  // of min(m, n)
  double threshold = 0;        // what exceeds it counts
  double least_kept = 0;       // 0 where none is
  double largest_dropped = 0;  // 0 where none is
};
// The decision of matrix_rank, pinv and lstsq.
RankDecision rank_decision(const Tensor& a, double tolerance = -1);
// On singular values of `a` that are known.
RankDecision rank_decision(const Tensor& a, const Tensor& values, double tolerance = -1);

struct Trust {
  // How much of the answer's own matrix is missing, and the same as roundings_of counts it.
  double residual = 0, roundings = 0;
  // |A| |A^-1| in the 2-norm, and by it how many of the decimal digits of the type a rounding of A
  // may cost: its logarithm.
  double condition = 0, digits = 0, digits_lost = 0;
  RankDecision rank;
};
// A residual in units of n eps, LAPACK's test ratio: up to about 10 is rounding alone.
double roundings_of(const Tensor& a, double residual);
Trust trust_in(const Tensor& a, double residual, double tolerance = -1);
Trust trust_in(const Tensor& a, const Tensor& values, double residual, double tolerance = -1);

// |x| in the Frobenius norm, as are all below; 0 of nothing.
double frobenius_norm(const Tensor& x);
// |got - want| / |of|: what a factorisation of `of` leaves.
double misfit(const Tensor& got, const Tensor& want, const Tensor& of);
// |A x - b| / (|A| |x| + |b|): x solves a system that is so near (Rigal and Gaches 1967).
double backward_error(const Tensor& a, const Tensor& x, const Tensor& b);

struct Solution {
  Tensor x;
  Trust trust;
};
// solve, inv, lstsq and pinv with their report. The residual of solve and inv is the backward
// error, of lstsq |A^T (A x - b)| / (|A|^2 |x| + |A| |b|), because what no x explains is no error,
// and of pinv |A X A - A| / (|A|^2 |X|).
Solution solve_with_report(const Tensor& a, const Tensor& b);
Solution inv_with_report(const Tensor& a);
Solution lstsq_with_report(const Tensor& a, const Tensor& b, double tolerance = -1);
Solution pinv_with_report(const Tensor& a, double tolerance = -1);

}  // namespace gradus
