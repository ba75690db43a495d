#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/solve.h>
#include <gradus/numerics/sums.h>
#include <gradus/numerics/twins.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus {
namespace {

using Numbers = std::vector<double>;
using Columns = std::vector<Numbers>;

double dot_of(const Numbers& a, const Numbers& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

// A^T A x = A^T b by Cholesky; no answer where rounding has made a pivot 0 or less.
Numbers normal_equations(const Columns& a, const Numbers& b) {
  const size_t n = a.size();
  Columns l(n, Numbers(n));
  Numbers x(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double s = dot_of(a[i], a[j]);
      for (size_t k = 0; k < j; ++k) s -= l[i][k] * l[j][k];
      if (i == j && !(s > 0)) return Numbers(n, std::nan(""));
      l[i][j] = i == j ? std::sqrt(s) : s / l[j][j];
    }
    double s = dot_of(a[i], b);
    for (size_t k = 0; k < i; ++k) s -= l[i][k] * x[k];
    x[i] = s / l[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) x[i] -= l[k][i] * x[k];
    x[i] /= l[i][i];
  }
  return x;
}

struct Decomposed {
  Columns u, v;  // U S and V
  double condition;
};

// One-sided Jacobi: columns are turned in pairs until all are orthogonal (Golub and Van Loan 8.6).
Decomposed jacobi(Columns u) {
  const size_t n = u.size();
  Columns v(n, Numbers(n));
  for (size_t i = 0; i < n; ++i) v[i][i] = 1;
  bool turned = true;
  for (int sweep = 0; turned && sweep < 60; ++sweep) {
    turned = false;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        const double a = dot_of(u[p], u[p]), b = dot_of(u[q], u[q]), c = dot_of(u[p], u[q]);
        if (std::fabs(c) <= 1e-16 * std::sqrt(a * b)) continue;
        turned = true;
        const double zeta = (b - a) / (2 * c);
        const double t = std::copysign(1 / (std::fabs(zeta) + std::hypot(1, zeta)), zeta);
        const double cosine = 1 / std::hypot(1, t), sine = cosine * t;
        for (Columns* m : {&u, &v})
          for (size_t i = 0; i < (*m)[p].size(); ++i) {
            double &x = (*m)[p][i], &y = (*m)[q][i];
            const double turned_x = cosine * x - sine * y;
            y = sine * x + cosine * y;
            x = turned_x;
          }
      }
  }
  double least = __builtin_huge_val(), largest = 0;
  for (const Numbers& column : u) {
    const double sigma = std::sqrt(dot_of(column, column));
    least = std::min(least, sigma);
    largest = std::max(largest, sigma);
  }
  return {u, v, largest / least};
}

Numbers by_svd_of(const Decomposed& d, const Numbers& b) {
  Numbers x(d.v.size());
  for (size_t k = 0; k < d.u.size(); ++k) {
    const double share = dot_of(d.u[k], b) / dot_of(d.u[k], d.u[k]);
    for (size_t i = 0; i < x.size(); ++i) x[i] += share * d.v[k][i];
  }
  return x;
}

double digits_of_ones(const Numbers& x) {
  double worst = correct_digits(1, 1);
  for (const double v : x) worst = std::min(worst, correct_digits(v, 1));
  return worst;
}

}  // namespace

std::vector<Conditioning> conditioning(int64_t largest) {
  constexpr int64_t most = 12;
  if (largest < 2 || largest > most)
    raise(ErrorKind::domain, "conditioning: " + std::to_string(largest) +
                                 " columns. They go from 2 to 12, where f64 ends.");
  std::vector<Conditioning> rows;
  for (int64_t n = 2; n <= largest; ++n) {
    const int64_t m = n + 4;
    Columns a(static_cast<size_t>(n), Numbers(static_cast<size_t>(m)));
    Numbers b(static_cast<size_t>(m)), flat;
    for (size_t i = 0; i < b.size(); ++i) {
      Numbers row;
      for (size_t j = 0; j < a.size(); ++j)
        row.push_back(a[j][i] = 1 / static_cast<double>(i + j + 1));
      b[i] = kahan_sum(row);
      flat.insert(flat.end(), row.begin(), row.end());
    }
    const auto [q, r] = qr(from_vector(flat, {m, n}));
    const Tensor solved =
        triangular_solve(r, matmul(transpose(q), from_vector(b)), {.lower = false});
    const Decomposed d = jacobi(a);
    rows.push_back({n, d.condition, digits_of_ones(normal_equations(a, b)),
                    digits_of_ones(numbers(solved)), digits_of_ones(by_svd_of(d, b))});
  }
  return rows;
}

}  // namespace gradus
