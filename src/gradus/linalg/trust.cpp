#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/trust.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

double longest_side(const Tensor& a) {
  return static_cast<double>(std::max({a.shape()[0], a.shape()[1], int64_t{1}}));
}

// The exponent of the largest element: 2^-it brings products into range.
int exponent_of(const Tensor& x) {
  const double top = x.size() == 0 ? 0 : number(max(abs(x)));
  return top == 0 ? 0 : std::ilogb(top);
}
Tensor scaled(const Tensor& x, int exponent) {
  const int half = exponent / 2;  // 2^1074 is infinite
  return cast(x, DType::f64) * std::ldexp(1.0, -half) * std::ldexp(1.0, half - exponent);
}

// Whether the singular values are below the largest number, however many there are.
bool is_in_range(const Tensor& a) {
  return exponent_of(a) < (a.dtype() == DType::f32 ? 96 : 960);
}

double share(double part, double whole) {
  return part == 0 ? 0 : whole == 0 ? std::numeric_limits<double>::infinity() : part / whole;
}

// A, x and b of one system, scaled to the range of their products.
struct Scaled {
  Tensor a, x, b;
  Scaled(const Tensor& a_, const Tensor& x_, const Tensor& b_) {
    const int of_a = exponent_of(a_), of_x = exponent_of(x_);
    a = scaled(a_, of_a);
    x = scaled(x_, of_x);
    b = scaled(scaled(b_, of_a), of_x);
  }
  Tensor left() const { return matmul(a, x) - b; }
  double size() const { return frobenius_norm(a) * frobenius_norm(x) + frobenius_norm(b); }
};

}  // namespace

RankDecision rank_decision(const Tensor& a, double tolerance) {
  require_one_matrix("rank_decision", a.type());
  return trust_in(a, 0, tolerance).rank;
}

RankDecision rank_decision(const Tensor& a, const Tensor& values, double tolerance) {
  require_one_matrix("rank_decision", a.type());
  const std::vector<double> s = numbers(values);
  RankDecision r;
  r.full = static_cast<int64_t>(s.size());
  r.threshold = s.empty() ? 0 : number(threshold(values, a, tolerance));
  for (const double value : s) {
    if (value > r.threshold) {
      ++r.rank;
      r.least_kept = value;
    } else {
      r.largest_dropped = value;
      break;
    }
  }
  return r;
}

double roundings_of(const Tensor& a, double residual) {
  require_one_matrix("roundings_of", a.type());
  return residual / (longest_side(a) * eps_of(a.dtype()));
}

Trust trust_in(const Tensor& a, double residual, double tolerance) {
  require_one_matrix("trust_in", a.type());
  // Values of a matrix near the largest number are beyond it; their ratios are not.
  const int size = exponent_of(a);
  if (is_in_range(a)) return trust_in(a, svdvals(a), residual, tolerance);
  const Tensor near = cast(scaled(a, size), a.dtype());
  Trust t = trust_in(near, svdvals(near), residual, tolerance);
  for (double* x : {&t.rank.threshold, &t.rank.least_kept, &t.rank.largest_dropped})
    *x = std::ldexp(*x, size);
  return t;
}

Trust trust_in(const Tensor& a, const Tensor& values, double residual, double tolerance) {
  require_one_matrix("trust_in", a.type());
  Trust t;
  t.residual = residual;
  t.roundings = roundings_of(a, residual);
  t.condition = number(condition_of(cast(values, DType::f64)));
  t.digits = -std::log10(eps_of(a.dtype()) / 2);
  t.digits_lost = std::clamp(std::log10(t.condition), 0.0, t.digits);
  t.rank = rank_decision(a, values, tolerance);
  return t;
}

double frobenius_norm(const Tensor& x) {
  return x.size() == 0 ? 0 : number(norm(cast(x, DType::f64)));
}

double misfit(const Tensor& got, const Tensor& want, const Tensor& of) {
  const int size = exponent_of(of);
  return share(frobenius_norm(scaled(got, size) - scaled(want, size)),
               frobenius_norm(scaled(of, size)));
}

double backward_error(const Tensor& a, const Tensor& x, const Tensor& b) {
  const Scaled s(a, x, b);
  return share(frobenius_norm(s.left()), s.size());
}

Solution solve_with_report(const Tensor& a, const Tensor& b) {
  require_one_matrix("solve_with_report", a.type());
  const Tensor x = solve(a, b);
  return {x, trust_in(a, backward_error(a, x, b))};
}

Solution inv_with_report(const Tensor& a) {
  require_one_matrix("inv_with_report", a.type());
  const Tensor x = inv(a);
  return {x, trust_in(a, backward_error(a, x, eye(a.shape().back())))};
}

Solution lstsq_with_report(const Tensor& a, const Tensor& b, double tolerance) {
  require_one_matrix("lstsq_with_report", a.type());
  const auto [x, values] = lstsq_with_values(a, b, tolerance);
  const Scaled s(a, x, b);
  const double left = frobenius_norm(matmul(transpose(s.a), s.left()));
  const double residual = share(left, frobenius_norm(s.a) * s.size());
  return {x, is_in_range(a) ? trust_in(a, values, residual, tolerance)
                            : trust_in(a, residual, tolerance)};
}

Solution pinv_with_report(const Tensor& a, double tolerance) {
  require_one_matrix("pinv_with_report", a.type());
  const auto [x, values] = pinv_with_values(a, tolerance);
  const int size = exponent_of(a);
  const Tensor near = scaled(a, size), inverse = scaled(x, -size);
  const double left = frobenius_norm(matmul(matmul(near, inverse), near) - near);
  const double whole = frobenius_norm(near) * frobenius_norm(near) * frobenius_norm(inverse);
  return {x, is_in_range(a) ? trust_in(a, values, share(left, whole), tolerance)
                            : trust_in(a, share(left, whole), tolerance)};
}

}  // namespace gradus
