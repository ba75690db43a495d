// Sums over rows that regression needs, X row-major (n,d) and perhaps a column of ones in front:
// blocks of rows are shared by threads, and their bounds depend on n alone.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::gram {

// Row-major f64 numbers of a matrix: the tensor's own where they already are, else a copy.
struct Table {
  const double* x = nullptr;
  int64_t rows = 0, columns = 0;
  Tensor owner;
};
// Raises a ShapeError where x is no matrix, a DTypeError where it holds no floating numbers, a
// DomainError that names the first element that is not finite.
Table table_of(const std::string& op, const Tensor& x);
// The numbers of y (n), one for each row of x.
std::vector<double> response_of(const std::string& op, const Tensor& y, const Tensor& x);

// 1 - (sum of squared errors) / (sum of squares around the mean).
double r2_score(const std::vector<double>& predicted, const std::vector<double>& y);

// The upper half of X^T X (d,d), row-major; a few numbers below its diagonal change too.
void upper_square(int64_t n, int64_t d, const double* x, double* square);

struct Sums {
  std::vector<double> square;  // X^T X, row-major
  std::vector<double> right;   // X^T y
};
Sums sums(int64_t n, int64_t d, const double* x, const double* y, bool intercept);

struct Residual {
  std::vector<double> right;  // X^T r
  double square = 0;          // r . r
};
// r = y - X b, into `r` too where it is given.
Residual residual(int64_t n, int64_t d, const double* x, const double* y, bool intercept,
                  const std::vector<double>& b, double* r = nullptr);

// The squares of y and of every column of X, around their means where there is an intercept, which
// is a column of its own (all its squares are 0) unless X holds it.
std::vector<double> squares_around_mean(int64_t n, int64_t d, const double* x,
                                        const std::vector<double>& y, bool intercept,
                                        bool within = false);

// The diagonal of (X inverse)(X inverse)^T; inverse (columns, rank), column-major.
std::vector<double> leverage(int64_t n, int64_t d, const double* x, bool intercept, int64_t rank,
                             const std::vector<double>& inverse);

// The b that makes |X b - y|^2 + sum_j penalty[j] b_j^2 least, from the Gram matrix and one
// correction with its residuals. Not `done` where the columns are too dependent for that.
struct Solution {
  bool done = false;
  std::vector<double> coef, residuals;
  std::vector<double> inverse;  // A (columns, columns), column-major: (X^T X + P)^-1 = A A^T
  double rss = 0;
  double condition = 1;  // of X with columns of length 1; up to their number too large
};
Solution solve(int64_t n, int64_t d, const double* x, const double* y, bool intercept,
               const std::vector<double>& penalty, bool want_residuals = true);

}  // namespace gradus::gram
