// One function, three ways to its derivatives: Dual, Var and the tensors' grad agree.
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/scalar/var.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace gradus {
namespace {

Tensor num(double x) {
  return scalar(x, DType::f64);
}

void expect_near(double got, double want, const char* what, double x) {
  EXPECT_NEAR(got, want, 1e-12 * (1 + std::abs(want))) << what << " at " << x;
}

// First and second derivative of f at points drawn from (low, high).
template <class F>
void expect_agreement(const char* name, const F& f, double low, double high) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<double> draw(low, high);
  for (int i = 0; i < 20; ++i) {
    const double x = draw(engine);
    const double slope = number(grad(f)(num(x)));
    expect_near(scalars::derivative(f, x), slope, name, x);
    const auto of_one = [&](auto v) { return f(v[0]); };
    expect_near(scalars::gradient(of_one, std::vector{x})[0], slope, name, x);
    const double curvature = number(grad(grad(f))(num(x)));
    expect_near(scalars::nth_derivative<2>(f, x), curvature, name, x);
    expect_near(scalars::hessian(of_one, std::vector{x})[0], curvature, name, x);
  }
}

#define EXPECT_AGREEMENT(expression, low, high) \
  expect_agreement(                             \
      #expression, [](const auto& x) { return expression; }, low, high)

TEST(Scalars, agree_with_tensors_in_functions_of_one_number) {
  EXPECT_AGREEMENT(exp(x), -3, 3);
  EXPECT_AGREEMENT(exp2(x), -3, 3);
  EXPECT_AGREEMENT(expm1(x), -3, 3);
  EXPECT_AGREEMENT(log(x), 0.1, 9);
  EXPECT_AGREEMENT(log2(x), 0.1, 9);
  EXPECT_AGREEMENT(log10(x), 0.1, 9);
  EXPECT_AGREEMENT(log1p(x), -0.9, 9);
  EXPECT_AGREEMENT(sqrt(x), 0.1, 9);
  EXPECT_AGREEMENT(abs(x), -3, 3);
  EXPECT_AGREEMENT(floor(x) + ceil(x) + trunc(x), -3, 3);
  EXPECT_AGREEMENT(sin(x), -3, 3);
  EXPECT_AGREEMENT(cos(x), -3, 3);
  EXPECT_AGREEMENT(tan(x), -1.3, 1.3);
  EXPECT_AGREEMENT(asin(x), -0.9, 0.9);
  EXPECT_AGREEMENT(acos(x), -0.9, 0.9);
  EXPECT_AGREEMENT(atan(x), -3, 3);
  EXPECT_AGREEMENT(sinh(x), -3, 3);
  EXPECT_AGREEMENT(cosh(x), -3, 3);
  EXPECT_AGREEMENT(tanh(x), -3, 3);
  EXPECT_AGREEMENT(asinh(x), -3, 3);
  EXPECT_AGREEMENT(acosh(x), 1.1, 9);
  EXPECT_AGREEMENT(atanh(x), -0.9, 0.9);
  EXPECT_AGREEMENT(erf(x), -3, 3);
  EXPECT_AGREEMENT(erfc(x), -3, 3);
  EXPECT_AGREEMENT(lgamma(x), 0.2, 9);
}

TEST(Scalars, agree_with_tensors_in_compositions) {
  EXPECT_AGREEMENT(exp(sin(x)) * x / (1.0 + x * x) - 2.0 * x, -3, 3);
  EXPECT_AGREEMENT(pow(x, 3.0) + pow(2.0, x) + pow(x, x), 0.2, 3);
  EXPECT_AGREEMENT(hypot(x, sin(x)) + atan2(x, x * x), 0.2, 3);
  EXPECT_AGREEMENT(log(1.0 + exp(-x)) * tanh(x * x), -3, 3);
}

TEST(Scalars, agree_with_tensors_at_kinks) {
  const auto expect_slope = [](auto f, double want) {
    EXPECT_EQ(number(grad(f)(num(0))), want);
    EXPECT_EQ(scalars::derivative(f, 0.0), want);
    EXPECT_EQ(scalars::gradient([&](auto v) { return f(v[0]); }, std::vector{0.0})[0], want);
  };
  expect_slope([](const auto& x) { return abs(x); }, 0);
  expect_slope([](const auto& x) { return sqrt(x); }, std::numeric_limits<double>::infinity());
  expect_slope([](const auto& x) { return pow(x, 0.0); }, 0);
  expect_slope([](const auto& x) { return pow(x, 1.0); }, 1);
  expect_slope([](const auto& x) { return pow(0.0, x); }, 0);
  expect_slope([](const auto& x) { return hypot(x, 0.0 * x); }, 0);
  expect_slope([](const auto& x) { return x + 0.0 * sqrt(x); }, 1);
}

TEST(Scalars, agree_with_tensors_in_functions_of_two_numbers) {
  const auto f = [](const auto& x, const auto& y) {
    return pow(x, y) * hypot(x, y) / (1.0 + exp(-x * y)) + atan2(x, y) * log(x + y);
  };
  std::mt19937 engine(2);
  std::uniform_real_distribution<double> draw(0.2, 3);
  for (int i = 0; i < 50; ++i) {
    const double x = draw(engine), y = draw(engine);
    const auto want = grad<0, 1>(f)(num(x), num(y));
    const auto of_both = [&](auto v) { return f(v[0], v[1]); };
    const std::vector<double> got = scalars::gradient(of_both, std::vector{x, y});
    const double along =
        scalars::jvp(of_both, std::vector{x, y}, std::vector{2.0, -1.0}).derivative;
    expect_near(got[0], number(want[0]), "by x", x);
    expect_near(got[1], number(want[1]), "by y", y);
    expect_near(along, 2 * number(want[0]) - number(want[1]), "along (2, -1)", x);
  }
}

}  // namespace
}  // namespace gradus
