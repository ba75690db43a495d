#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus {
namespace {

void require_square(const char* op, const Tensor& a) {
  if (!is_float(a.dtype()))
    raise(ErrorKind::dtype, std::string(op) + ": " + to_string(a.type()) +
                                " is not a floating-point tensor. It computes in f32 or f64. Cast "
                                "to f64 first.");
  refuse_unless_matrix(op, a.type());
  if (a.shape()[a.rank() - 2] != a.shape().back())
    raise(ErrorKind::shape, std::string(op) + ": " + to_string(a.type()) +
                                " is not square. The last two axes must be equal.");
}

}  // namespace

Tensor expm(const Tensor& a) {
  require_square("expm", a);
  if (a.size() == 0) return a;
  // Degree 13 is right to f64 for norms up to this (Higham 2005, table 2.3).
  constexpr double most = 5.371920351148152;
  double norm = 0;
  // In units of 2^64: the sum may be beyond the largest number where no element is.
  const Tensor columns = sum(abs(stop_gradient(a)) * 0x1p-64, {.axis = -2});
  for (const double size : numbers(columns)) {
    if (!std::isfinite(size))
      raise(ErrorKind::domain,
            "expm: " + to_string(a.type()) +
                " has an element that is not finite. Linear algebra needs finite numbers. Find "
                "where it came from, or replace it with where(isfinite(x), x, 0).");
    norm = std::max(norm, size);
  }
  const int halvings = norm > most * 0x1p-64 ? std::ilogb(norm / most) + 65 : 0;
  constexpr double b[] = {64764752532480000,
                          32382376266240000,
                          7771770303897600,
                          1187353796428800,
                          129060195264000,
                          10559470521600,
                          670442572800,
                          33522128640,
                          1323241920,
                          40840800,
                          960960,
                          16380,
                          182,
                          1};
  const Tensor x = a * std::ldexp(1.0, -halvings), one = eye(a.shape().back(), a.dtype());
  const Tensor x2 = matmul(x, x), x4 = matmul(x2, x2), x6 = matmul(x4, x2);
  const Tensor odd = matmul(x, matmul(x6, b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 +
                                   b[5] * x4 + b[3] * x2 + b[1] * one);
  const Tensor even = matmul(x6, b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 +
                      b[2] * x2 + b[0] * one;
  Tensor e = solve(even - odd, even + odd);
  for (int i = 0; i < halvings; ++i) e = matmul(e, e);
  return e;
}

Tensor matrix_power(const Tensor& a, int64_t power) {
  require_square("matrix_power", a);
  Tensor base = power < 0 ? inv(a) : a;
  Tensor result = broadcast_to(eye(a.shape().back(), a.dtype()), a.shape());
  const auto size = static_cast<uint64_t>(power);
  for (uint64_t left = power < 0 ? 0 - size : size; left > 0; left /= 2) {
    if (left % 2 == 1) result = matmul(result, base);
    if (left > 1) base = matmul(base, base);
  }
  return result;
}

}  // namespace gradus
