// Forward mode: every function against central differences, hand-worked numbers, kinks, nesting.
#include <gradus/scalar/dual.h>
#include <gradus/scalar/var.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace gradus::scalars {
namespace {

const double inf = std::numeric_limits<double>::infinity();

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// The slope by reverse mode.
template <class F>
double reverse(const F& f, double x) {
  return gradient([&](auto v) { return f(v[0]); }, std::vector{x})[0];
}

// Fourth order: the error is far below the tolerance for the functions here.
template <class F>
double difference(const F& f, double x) {
  const double h = 1e-3 * std::max(1.0, std::abs(x));
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

// Slope and curvature in both modes against differences of the value and of the slope.
template <class F>
void expect_differences(const char* name, const F& f, std::initializer_list<double> points) {
  for (const double x : points) {
    const double slope = derivative(f, x);
    const double tolerance = 1e-8 * (1 + std::abs(slope));
    EXPECT_NEAR(slope, difference(f, x), tolerance) << name << " at " << x;
    EXPECT_NEAR(reverse(f, x), slope, 1e-15 * std::abs(slope)) << name << " at " << x;
    const double curvature = nth_derivative<2>(f, x);
    const double wanted = difference([&](double z) { return derivative(f, z); }, x);
    EXPECT_NEAR(curvature, wanted, 1e-8 * (1 + std::abs(wanted))) << name << " at " << x;
    EXPECT_NEAR(hessian([&](auto v) { return f(v[0]); }, std::vector{x})[0], curvature,
                1e-14 * (1 + std::abs(curvature)))
        << name << " at " << x;
  }
}

#define EXPECT_DIFFERENCES(expression, ...) \
  expect_differences(#expression,           \
                     [](const auto& x) {    \
                       using namespace std; \
                       return expression;   \
                     },                     \
                     {__VA_ARGS__})

TEST(Dual, agrees_with_differences_in_every_function_of_one_number) {
  EXPECT_DIFFERENCES(exp(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(exp2(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(expm1(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(log(x), 0.5, 1, 7);
  EXPECT_DIFFERENCES(log2(x), 0.5, 1, 7);
  EXPECT_DIFFERENCES(log10(x), 0.5, 1, 7);
  EXPECT_DIFFERENCES(log1p(x), -0.5, 0, 7);
  EXPECT_DIFFERENCES(sqrt(x), 0.5, 1, 7);
  EXPECT_DIFFERENCES(cbrt(x), -2, 0.5, 7);
  EXPECT_DIFFERENCES(sin(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(cos(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(tan(x), -1, 0, 0.7);
  EXPECT_DIFFERENCES(asin(x), -0.6, 0, 0.5);
  EXPECT_DIFFERENCES(acos(x), -0.6, 0, 0.5);
  EXPECT_DIFFERENCES(atan(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(sinh(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(cosh(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(tanh(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(asinh(x), -2, 0, 1.5);
  EXPECT_DIFFERENCES(acosh(x), 1.5, 2, 7);
  EXPECT_DIFFERENCES(atanh(x), -0.6, 0, 0.5);
  EXPECT_DIFFERENCES(erf(x), -2, 0, 0.7);
  EXPECT_DIFFERENCES(erfc(x), -2, 0, 0.7);
  EXPECT_DIFFERENCES(tgamma(x), -0.5, 0.7, 3);
  EXPECT_DIFFERENCES(lgamma(x), -0.5, 0.7, 3, 40);
  EXPECT_DIFFERENCES(abs(x), -2, 3);
  EXPECT_DIFFERENCES(fabs(x), -2, 3);
  EXPECT_DIFFERENCES(floor(x) + ceil(x) + trunc(x) + round(x), -2.2, 0.3);
}

TEST(Dual, agrees_with_differences_in_every_function_of_two_numbers) {
  EXPECT_DIFFERENCES(pow(x, 3), -2, 0.5);
  EXPECT_DIFFERENCES(pow(x, -1.5), 0.5, 2);
  EXPECT_DIFFERENCES(pow(1.7, x), -2, 0.5);
  EXPECT_DIFFERENCES(pow(x, x), 0.5, 2);
  EXPECT_DIFFERENCES(hypot(x, 2), -2, 0.5);
  EXPECT_DIFFERENCES(hypot(x * x, 1 / x), 0.5, 2);
  EXPECT_DIFFERENCES(atan2(x, 2), -2, 0.5);
  EXPECT_DIFFERENCES(atan2(sin(x), x), 0.5, 2);
  EXPECT_DIFFERENCES(fmax(x, x * x) + fmin(x, x * x), -2, 0.5);
  EXPECT_DIFFERENCES(fmax(x, 1.0) * fmin(2.0, x), -2, 1.5);
  EXPECT_DIFFERENCES(fdim(x * x, x), 0.5, 2);
  EXPECT_DIFFERENCES(fmod(x * x, 1.5), 0.5, 1.6);
  EXPECT_DIFFERENCES(fmod(10.0, x), 1.6);
  EXPECT_DIFFERENCES(copysign(x * x, x), -2, 0.5);
  EXPECT_DIFFERENCES(fma(x, x, x), -2, 0.5);
}

TEST(Dual, agrees_with_differences_in_arithmetic_with_numbers_of_every_kind) {
  EXPECT_DIFFERENCES(2 * x - x / 3 + 4 / x - 1, -2, 0.5);
  EXPECT_DIFFERENCES(-x * 0.5F + 1L - (x + 1) / (2 + x * x), -1, 0.5);
}

TEST(Dual, carries_its_slope_through_compound_assignments) {
  EXPECT_EQ(derivative(
                [](auto x) {
                  auto y = x;
                  y += 2;
                  y *= x;
                  y -= x;
                  y /= 4;
                  return +y;
                },
                3.0),
            (2 * 3 + 1) / 4.0);
}

TEST(Dual, third_derivative_of_x_to_the_4_at_2_is_48) {
  EXPECT_EQ(nth_derivative<3>([](auto x) { return pow(x, 4); }, 2.0), 48);
  EXPECT_EQ(nth_derivative<3>([](auto x) { return x * x * x * x; }, 2.0), 48);
  EXPECT_EQ(nth_derivative<4>([](auto x) { return pow(x, 4); }, 2.0), 24);
  EXPECT_EQ(nth_derivative<5>([](auto x) { return pow(x, 4); }, 2.0), 0);
}

TEST(Dual, sixth_derivative_of_exp_of_2x_at_0_is_64) {
  EXPECT_DOUBLE_EQ(nth_derivative<6>([](auto x) { return exp(2 * x); }, 0.0), 64);
}

TEST(Dual, of_a_function_that_ignores_its_input_has_slope_0) {
  EXPECT_EQ(derivative([](auto) { return 2; }, 3.0), 0);
}

TEST(Dual, inner_derivatives_do_not_see_the_outer_variable) {
  // d/dx x (d/dy (x + y)) = 1 and d/dx x (d/dy x y at y = x) = 2x.
  EXPECT_EQ(
      derivative(
          [](auto x) { return x * derivative([&](auto y) { return x + y; }, decltype(x)(1)); },
          1.0),
      1);
  EXPECT_EQ(
      derivative([](auto x) { return x * derivative([&](auto y) { return x * y; }, x); }, 3.0), 6);
}

TEST(Dual, takes_several_directions_at_once) {
  using D = Dual<double, 3>;
  const D x(2, {1, 0, 0}), y(3, {0, 1, 0}), z(4, {0, 0, 1});
  const D f = x * y / z + exp(x - 2);
  EXPECT_EQ(f.value, 2.5);
  EXPECT_EQ(f.dot, (std::array{0.75 + 1, 0.5, -0.375}));
}

TEST(Dual, jvp_is_the_slope_along_a_direction) {
  const auto f = [](auto x) { return x[0] * x[1] + x[1] * x[1]; };
  const auto r = jvp(f, std::vector{2.0, 3.0}, std::vector{1.0, -1.0});
  EXPECT_EQ(r.value, 15);
  EXPECT_EQ(r.derivative, 3 - (2 + 6));
}

TEST(Dual, a_direction_of_another_size_is_an_error) {
  const auto f = [](auto x) { return x[0]; };
  EXPECT_EQ(message([&] {
              jvp(f, std::vector{2.0, 3.0}, std::vector{1.0});
            }),
            "jvp: x has 2 numbers, but x_dot has 1. A direction has one number for each variable.");
}

// Conventions where there is no derivative.

TEST(Kink, abs_is_flat_at_0) {
  const auto f = [](auto x) { return abs(x); };
  EXPECT_EQ(derivative(f, 0.0), 0);
  EXPECT_EQ(derivative(f, -0.0), 0);
  EXPECT_EQ(nth_derivative<2>(f, 0.0), 0);
  EXPECT_EQ(reverse(f, 0), 0);
}

TEST(Kink, sqrt_and_cbrt_are_upright_at_0) {
  EXPECT_EQ(derivative([](auto x) { return sqrt(x); }, 0.0), inf);
  EXPECT_EQ(reverse([](auto x) { return sqrt(x); }, 0), inf);
  EXPECT_EQ(derivative([](auto x) { return cbrt(x); }, 0.0), inf);
}

TEST(Kink, powers_at_0_are_those_of_polynomials) {
  for (const auto& [n, order, want] :
       {std::array{0, 1, 0}, {1, 1, 1}, {2, 1, 0}, {0, 2, 0}, {1, 2, 0}, {2, 2, 2}, {3, 2, 0}}) {
    const auto f = [n = n](auto x) { return pow(x, n); };
    EXPECT_EQ(order == 1 ? derivative(f, 0.0) : nth_derivative<2>(f, 0.0), want) << n;
    if (order == 1) {
      EXPECT_EQ(reverse(f, 0), want) << n;
    }
  }
}

TEST(Kink, powers_of_0_are_flat_in_the_exponent) {
  for (const double p : {0.0, 0.5, 3.0}) {
    EXPECT_EQ(derivative([](auto y) { return pow(0.0, y); }, p), 0);
    EXPECT_EQ(reverse([](auto y) { return pow(0.0, y); }, p), 0);
  }
}

TEST(Kink, a_negative_base_has_its_slope_when_the_exponent_is_a_constant_variable) {
  const auto f = [](auto x) { return pow(x, decltype(x)(3)); };
  EXPECT_EQ(derivative(f, -2.0), 12);
  EXPECT_EQ(reverse(f, -2.0), 12);
}

TEST(Kink, equals_share_max_and_min) {
  const auto check = [](auto f) {
    EXPECT_EQ(gradient(f, std::vector{2.0, 2.0}), (std::vector{0.5, 0.5}));
    EXPECT_EQ(jvp(f, std::vector{2.0, 2.0}, std::vector{1.0, 0.0}).derivative, 0.5);
  };
  check([](auto x) { return max(x[0], x[1]); });
  check([](auto x) { return min(x[0], x[1]); });
  check([](auto x) { return fmax(x[0], x[1]); });
  check([](auto x) { return fmin(x[0], x[1]); });
  EXPECT_EQ(
      gradient([](auto x) { return max(x[0], x[1]) - min(x[0], x[1]); }, std::vector{2.0, 5.0}),
      (std::vector{-1.0, 1.0}));
}

TEST(Kink, fmax_and_fmin_pass_over_nan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(derivative([&](auto x) { return fmax(x, nan); }, 2.0), 1);
  EXPECT_EQ(derivative([&](auto x) { return fmin(nan, x); }, 2.0), 1);
}

TEST(Kink, lengths_are_flat_at_0) {
  const std::vector zero{0.0, 0.0};
  EXPECT_EQ(gradient([](auto x) { return hypot(x[0], x[1]); }, zero), zero);
  EXPECT_EQ(gradient([](auto x) { return sqrt(x[0] * x[0] + x[1] * x[1]); }, zero), zero);
  EXPECT_EQ(derivative([](auto x) { return sqrt(x * x); }, 0.0), 0);
  EXPECT_EQ(reverse([](auto x) { return sqrt(x * x); }, 0), 0);
}

TEST(Kink, a_way_that_carries_nothing_contributes_nothing) {
  // 0 log(x) at 0: the slope of log is infinite, what reaches it is 0.
  const auto f = [](auto x) { return x + 0 * log(x); };
  EXPECT_EQ(derivative(f, 0.0), 1);
  EXPECT_EQ(reverse(f, 0), 1);
  const auto masked = [](auto x) { return x[0] * sqrt(x[1]) + x[1]; };
  EXPECT_EQ(gradient(masked, std::vector{0.0, 0.0})[1], 1);
  EXPECT_EQ(jvp(masked, std::vector{0.0, 0.0}, std::vector{0.0, 1.0}).derivative, 1);
}

// What code written for double expects of a number.

TEST(Number, compares_by_value) {
  const Dual<double> two(2, {5}), three = 3;
  EXPECT_TRUE(two < three && two <= 2 && 2 >= two && three > 2.5 && two == 2 && two != three);
  EXPECT_TRUE(isnan(two * std::nan("")) && isinf(two / 0) && isfinite(two) && signbit(-two));
  std::vector<Dual<double>> v{3, 1, two};
  std::sort(v.begin(), v.end());
  EXPECT_EQ(v[1].dot[0], 5);
  EXPECT_EQ(std::max(two, three).value, 3);
  EXPECT_EQ(std::accumulate(v.begin(), v.end(), Dual<double>()).dot[0], 5);
}

TEST(Number, has_the_limits_of_double) {
  EXPECT_EQ(std::numeric_limits<Dual<Dual<double>>>::epsilon(), 0x1p-52);
  EXPECT_EQ(std::numeric_limits<Var<double>>::infinity(), inf);
  EXPECT_TRUE(std::numeric_limits<Var<Dual<float>>>::is_specialized);
  EXPECT_EQ(std::numeric_limits<Var<Dual<float>>>::digits, 24);
}

TEST(Number, can_be_float) {
  EXPECT_EQ(derivative([](auto x) { return x * x * 0.5 + sin(x) / 2; }, 0.0F), 0.5F);
  EXPECT_EQ(gradient([](auto x) { return pow(x[0], 2) * 3; }, std::vector{2.0F})[0], 12.0F);
}

// Abramowitz and Stegun, chapter 6: digamma, trigamma and tetragamma in closed form.

TEST(Polygamma, has_its_known_values) {
  const double pi = std::numbers::pi;
  EXPECT_NEAR(polygamma(0, 1.0), -std::numbers::egamma, 1e-15);
  EXPECT_NEAR(polygamma(0, 0.5), -std::numbers::egamma - 2 * std::numbers::ln2, 1e-15);
  EXPECT_NEAR(polygamma(1, 1.0), pi * pi / 6, 1e-15);
  EXPECT_NEAR(polygamma(1, 0.5), pi * pi / 2, 2e-15);
  EXPECT_NEAR(polygamma(1, -0.5), pi * pi / 2 + 4, 4e-15);
  EXPECT_NEAR(polygamma(2, 1.0), -2 * 1.2020569031595943, 2e-15);
  EXPECT_NEAR(polygamma(3, 1.0), std::pow(pi, 4) / 15, 1e-14);
  EXPECT_NEAR(polygamma(3, 0.5), std::pow(pi, 4), 2e-13);
}

TEST(Polygamma, steps_by_a_power_from_x_to_x_plus_1) {
  for (const double x : {-7.3, -0.2, 0.4, 3.0, 19.5, 200.0})
    for (const int n : {0, 1, 2, 5}) {
      const double step = (n % 2 == 0 ? 1 : -1) * std::tgamma(n + 1.0) / std::pow(x, n + 1);
      EXPECT_NEAR(polygamma(n, x + 1) - polygamma(n, x), step,
                  4e-13 * (1 + std::abs(polygamma(n, x))))
          << n << " at " << x;
    }
}

TEST(Polygamma, is_nan_at_its_poles) {
  EXPECT_TRUE(std::isnan(polygamma(0, 0.0)));
  EXPECT_TRUE(std::isnan(polygamma(1, -3.0)));
  EXPECT_TRUE(std::isnan(polygamma(0, -1e300)));
  EXPECT_TRUE(std::isnan(polygamma(0, std::nan(""))));
  EXPECT_EQ(polygamma(0, inf), inf);
}

}  // namespace
}  // namespace gradus::scalars
