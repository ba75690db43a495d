#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/jacobi.h>
#include <gradus/linalg/refuse.h>
#include <gradus/ops/reduce.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace gradus {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr int most_sweeps = 60;  // 6 to 10 are usual

// c = cos, s = sin of the angle that makes a symmetric 2 x 2 matrix diagonal; t = s / c, |t| <= 1.
struct Rotation {
  double c, s, t;
};

// For the matrix [[alpha, gamma], [gamma, beta]].
Rotation rotation(double alpha, double beta, double gamma) {
  const double zeta = (beta - alpha) / (2 * gamma);
  // An overflowing zeta gives t = 0, its limit.
  const double t = std::copysign(1.0, zeta) / (std::fabs(zeta) + std::hypot(1.0, zeta));
  const double c = 1 / std::sqrt(1 + t * t);
  return {c, c * t, t};
}

// Four running sums: the processor adds them side by side.
double dot(const double* x, const double* y, size_t n) {
  double s[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t k = 0; k < 4; ++k) s[k] += x[i + k] * y[i + k];
  for (; i < n; ++i) s[0] += x[i] * y[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// The numbers of `a` in row-major order, all finite.
std::vector<double> finite_numbers(const char* name, const Tensor& a) {
  const std::string op = name;
  if (!is_float(a.dtype()))
    raise(ErrorKind::dtype, op + ": " + to_string(a.type()) +
                                " is not a floating-point tensor. It computes in f32 or f64. Cast "
                                "to f64 first.");
  refuse_unless_matrix(op, a.type());
  std::vector<double> x = numbers(a);
  for (size_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i]))
      refuse_element(op, place_text(static_cast<int64_t>(i), a.shape()), x[i]);
  return x;
}

// The exponent that brings the largest of x to 2^`to`; 0 for zeros alone.
int exponent_to(std::span<const double> x, int to) {
  double top = 0;
  for (double v : x) top = std::max(top, std::fabs(v));
  return top == 0 ? 0 : to - std::ilogb(top);
}

[[noreturn]] void not_converged(const char* name, const Tensor& a) {
  raise(ErrorKind::numeric, std::string(name) + ": " + to_string(a.type()) + " did not settle in " +
                                std::to_string(most_sweeps) + " sweeps of rotations.");
}

// `w` holds `count` columns of `length` numbers, one after the other. Rotates until they are
// orthogonal; false if they do not settle.
bool orthogonalise(std::span<double> w, size_t length, size_t count) {
  std::vector<double> squares(count);
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (size_t j = 0; j < count; ++j) squares[j] = dot(&w[j * length], &w[j * length], length);
    for (size_t p = 0; p + 1 < count; ++p) {
      // De Rijk's pivoting, the longest column first, saves sweeps.
      size_t longest = p;
      for (size_t j = p + 1; j < count; ++j)
        if (squares[j] > squares[longest]) longest = j;
      if (longest != p) {
        std::swap_ranges(&w[p * length], &w[p * length] + length, &w[longest * length]);
        std::swap(squares[p], squares[longest]);
      }
      for (size_t q = p + 1; q < count; ++q) {
        double* x = &w[p * length];
        double* y = &w[q * length];
        const double gamma = dot(x, y, length);
        const double bound = eps * std::sqrt(squares[p]) * std::sqrt(squares[q]);
        if (!(std::fabs(gamma) > bound * std::sqrt(static_cast<double>(length)))) continue;
        const Rotation r = rotation(squares[p], squares[q], gamma);
        if (r.t == 0) continue;  // beyond the range of f64: nothing changes
        rotated = true;
        for (size_t i = 0; i < length; ++i) {
          const double u = x[i], v = y[i];
          x[i] = r.c * u - r.s * v;
          y[i] = r.s * u + r.c * v;
        }
        const double p_before = squares[p], q_before = squares[q];
        squares[p] -= r.t * gamma;
        squares[q] += r.t * gamma;
        // Where the update cancels, only the column itself knows its length.
        if (squares[p] < 0.1 * p_before) squares[p] = dot(x, x, length);
        if (squares[q] < 0.1 * q_before) squares[q] = dot(y, y, length);
      }
    }
    if (!rotated) return true;
  }
  return false;
}

// Rotates rows and columns p, q of the symmetric `m` (n x n) until the rest is negligible.
bool diagonalise(std::span<double> m, size_t n) {
  const auto at = [&](size_t i, size_t j) -> double& { return m[i * n + j]; };
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (size_t p = 0; p + 1 < n; ++p) {
      for (size_t q = p + 1; q < n; ++q) {
        const double gamma = at(p, q);
        // Relative to both diagonal elements: small eigenvalues keep their digits.
        const double bound = eps * std::sqrt(std::fabs(at(p, p))) * std::sqrt(std::fabs(at(q, q)));
        if (!(std::fabs(gamma) > bound)) continue;
        const Rotation r = rotation(at(p, p), at(q, q), gamma);
        if (r.t == 0) continue;
        rotated = true;
        at(p, p) -= r.t * gamma;
        at(q, q) += r.t * gamma;
        at(p, q) = at(q, p) = 0;
        for (size_t i = 0; i < n; ++i) {
          if (i == p || i == q) continue;
          const double u = at(i, p), v = at(i, q);
          at(i, p) = at(p, i) = r.c * u - r.s * v;
          at(i, q) = at(q, i) = r.s * u + r.c * v;
        }
      }
    }
    if (!rotated) return true;
  }
  return false;
}

Tensor as_result(const std::vector<double>& values, const Tensor& a, int64_t count) {
  Shape shape = a.shape();
  shape.erase(shape.size() - 1);
  shape[shape.size() - 1] = count;
  if (a.dtype() == DType::f64) return from_vector(values, shape);
  return from_vector(std::vector<float>(values.begin(), values.end()), shape);
}

}  // namespace

Tensor svdvals(const Tensor& a) {
  const std::vector<double> x = finite_numbers("svdvals", a);
  const auto m = static_cast<size_t>(a.shape()[a.rank() - 2]);
  const auto n = static_cast<size_t>(a.shape().back());
  const size_t count = std::min(m, n), length = std::max(m, n);
  std::vector<double> result, w(m * n);
  for (size_t first = 0; count > 0 && first < x.size(); first += m * n) {
    const std::span<const double> matrix(&x[first], m * n);
    // Squares up to 2^960 add without overflow, and columns 2^-980 times the longest still count.
    const int up = exponent_to(matrix, 480);
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j)
        w[m >= n ? j * m + i : i * n + j] = std::ldexp(matrix[i * n + j], up);
    if (!orthogonalise(w, length, count)) not_converged("svdvals", a);
    const size_t done = result.size();
    for (size_t j = 0; j < count; ++j) {
      const double* column = &w[j * length];
      result.push_back(std::ldexp(std::sqrt(dot(column, column, length)), -up));
    }
    std::sort(result.begin() + static_cast<std::ptrdiff_t>(done), result.end(), std::greater<>());
  }
  return as_result(result, a, static_cast<int64_t>(count));
}

Tensor eigvalsh(const Tensor& a) {
  const std::vector<double> x = finite_numbers("eigvalsh", a);
  const int64_t size = a.shape().back();
  if (a.shape()[a.rank() - 2] != size)
    raise(ErrorKind::shape, "eigvalsh: " + to_string(a.type()) +
                                " is not square. Eigenvalues need as many rows as columns. Use "
                                "svdvals for other shapes.");
  const auto n = static_cast<size_t>(size);
  // Halves computed in another order differ by rounding: by less than the root of eps.
  const double tolerance = a.dtype() == DType::f32 ? 3.5e-4 : 1.5e-8;
  std::vector<double> result, w(n * n);
  for (size_t first = 0; n > 0 && first < x.size(); first += n * n) {
    const std::span<const double> matrix(&x[first], n * n);
    const int up = exponent_to(matrix, 0);
    for (size_t i = 0; i < n * n; ++i) w[i] = std::ldexp(matrix[i], up);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < i; ++j) {
        double &low = w[i * n + j], &high = w[j * n + i];
        if (!(std::fabs(low - high) <= tolerance))
          raise(ErrorKind::domain,
                "eigvalsh: " + to_string(a.type()) + " is not symmetric: element " +
                    place_text(static_cast<int64_t>(first + i * n + j), a.shape()) + " is " +
                    text::significant(matrix[i * n + j], 9) + ", but element " +
                    place_text(static_cast<int64_t>(first + j * n + i), a.shape()) + " is " +
                    text::significant(matrix[j * n + i], 9) +
                    ". Both halves must be equal. Take (a + transpose(a)) / 2 if they should be.");
        low = high = low + (high - low) / 2;
      }
    }
    if (!diagonalise(w, n)) not_converged("eigvalsh", a);
    const size_t done = result.size();
    for (size_t i = 0; i < n; ++i) result.push_back(std::ldexp(w[i * n + i], -up));
    std::sort(result.begin() + static_cast<std::ptrdiff_t>(done), result.end());
  }
  return as_result(result, a, size);
}

Tensor spectral_norm(const Tensor& a) {
  return max(svdvals(a), {.axis = -1});
}

Tensor nuclear_norm(const Tensor& a) {
  return sum(svdvals(a), {.axis = -1});
}

}  // namespace gradus
