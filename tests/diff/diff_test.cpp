// Derivatives by hand-worked numbers: nesting, conventions, orders, errors.
#include <gradus/diff/diff.h>

#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

const double inf_ = std::numeric_limits<double>::infinity();

std::string show(const Tensor& x) {
  return to_string(x.type()) + " " + to_string(x);
}

template <class E = Error, class F>
std::string message(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

Tensor num(double x) {
  return scalar(x, DType::f64);
}

// d f / dx at x by reverse, forward, and both once more, all of which must be `want`.
template <class F>
void expect_slope(F f, double x, double want) {
  EXPECT_EQ(number(grad(f)(num(x))), want);
  EXPECT_EQ(number(jvp(f)(num(x), num(1)).derivative), want);
}

// Nested derivatives: the inner one must not see the outer variable as its own.

TEST(Nesting, x_times_the_slope_of_x_plus_y_at_y_1_has_slope_1) {
  const auto inner = [](const Tensor& x) {
    return x * grad([&](const Tensor& y) { return x + y; })(num(1));
  };
  expect_slope(inner, 1, 1);
  const auto forward = [](const Tensor& x) {
    return x * jvp([&](const Tensor& y) { return x + y; })(num(1), num(1)).derivative;
  };
  expect_slope(forward, 1, 1);
}

TEST(Nesting, x_times_the_slope_of_xy_at_y_x_has_slope_2x) {
  const auto f = [](const Tensor& x) {
    return x * grad([&](const Tensor& y) { return x * y; })(x);
  };
  expect_slope(f, 1, 2);
  const auto g = [](const Tensor& x) {
    return x * jvp([&](const Tensor& y) { return x * y; })(x, num(1)).derivative;
  };
  expect_slope(g, 1, 2);
}

TEST(Nesting, x_times_the_slope_of_xyy_at_y_x_has_slope_6xx) {
  expect_slope(
      [](const Tensor& x) { return x * grad([&](const Tensor& y) { return x * y * y; })(x); }, 3,
      54);
}

TEST(Nesting, an_inner_function_that_ignores_its_input_has_slope_0) {
  expect_slope([](const Tensor& x) { return x + grad([&](const Tensor&) { return x * x; })(x); }, 3,
               1);
  expect_slope([](const Tensor& x) { return x * grad([](const Tensor&) { return num(2); })(x); }, 3,
               0);
}

TEST(Nesting, an_inner_function_may_reuse_a_step_made_before_it) {
  const auto f = [](const Tensor& x) {
    const Tensor e = exp(x);
    return e * grad([&](const Tensor& y) { return exp(x) * y + e; })(x);
  };
  EXPECT_NEAR(number(grad(f)(num(0.5))), 2 * std::exp(1.0), 1e-14);
}

TEST(Nesting, derivatives_of_x_cubed_are_3xx_6x_6_and_0) {
  const auto cube = [](std::span<const Tensor> a) { return a[0] * a[0] * a[0]; };
  const double want[] = {8, 12, 12, 6, 0};
  for (int n = 0; n < 5; ++n) EXPECT_EQ(number(nth_derivative(cube, num(2), n)), want[n]) << n;
}

TEST(Nesting, the_third_derivative_of_x_to_the_4_at_2_is_48) {
  const auto f = [](const Tensor& x) { return pow(x, 4.0); };
  EXPECT_EQ(number(grad(grad(grad(f)))(num(2))), 48);
  EXPECT_EQ(number(nth_derivative([&](std::span<const Tensor> a) { return f(a[0]); }, num(2), 3)),
            48);
  EXPECT_EQ(number(nth_derivative([&](std::span<const Tensor> a) { return f(a[0]); }, num(0), 4)),
            24);
}

TEST(Nesting, forward_over_reverse_reverse_over_forward_and_forward_over_forward_agree) {
  const auto f = [](const Tensor& x) { return tanh(exp(x)); };
  const double u = std::exp(0.3), t = std::tanh(u), s = 1 - t * t, want = s * u - 2 * t * s * u * u;
  EXPECT_NEAR(number(grad(grad(f))(num(0.3))), want, 1e-15);
  EXPECT_NEAR(number(jvp(grad(f))(num(0.3), num(1)).derivative), want, 1e-15);
  const auto forward = [&](const Tensor& x) { return jvp(f)(x, num(1)).derivative; };
  EXPECT_NEAR(number(grad(forward)(num(0.3))), want, 1e-15);
  EXPECT_NEAR(number(jvp(forward)(num(0.3), num(1)).derivative), want, 1e-15);
}

TEST(Nesting, three_levels_keep_their_variables_apart) {
  // d/dx [x d/dy [y d/dz (x y z)]] = d/dx [x d/dy (x y^2)] at y = x: d/dx 2x^3 = 6x^2.
  const auto f = [](const Tensor& x) {
    return x * grad([&](const Tensor& y) {
             return y * grad([&](const Tensor& z) { return x * y * z; })(num(7));
           })(x);
  };
  expect_slope(f, 2, 24);
}

TEST(Nesting, a_grad_inside_a_value_dependent_branch_works) {
  const auto f = [](const Tensor& x) { return number(x) > 0 ? square(x) : -x; };
  EXPECT_EQ(number(grad(f)(num(3))), 6);
  EXPECT_EQ(number(grad(f)(num(-3))), -1);
}

// The conventions where there is no derivative.

template <class F>
std::string gradient(F f, const Tensor& x) {
  return to_string(grad(f)(x));
}

TEST(Conventions, kinks_have_slope_0_and_second_derivative_0) {
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(abs(x)); }, Tensor{-2, 0, 3}),
            "[-1.  0.  1.]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(relu(x)); }, Tensor{-1, 0, 2}), "[0. 0. 1.]");
  EXPECT_EQ(
      to_string(hessian([](const Tensor& x) { return sum(square(relu(x))); })(Tensor{-1, 0, 2})),
      "[[0. 0. 0.]\n [0. 0. 0.]\n [0. 0. 2.]]");
  EXPECT_EQ(to_string(hessian([](const Tensor& x) { return sum(abs(x)); })(Tensor{-2, 0})),
            "[[0. 0.]\n [0. 0.]]");
}

TEST(Conventions, the_slope_of_a_root_at_0_is_infinite) {
  EXPECT_EQ(number(grad([](const Tensor& x) { return sqrt(x); })(num(0))), inf_);
}

TEST(Conventions, ties_share_equally) {
  EXPECT_EQ(gradient([](const Tensor& x) { return max(x); }, Tensor{1, 3, 3, 2}),
            "[0.  0.5 0.5 0. ]");
  EXPECT_EQ(gradient([](const Tensor& x) { return min(x); }, Tensor{1, 1, 1, 2}),
            "[0.33333333 0.33333333 0.33333333 0.        ]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(maximum(x, 2.0)); }, Tensor{1, 2, 3}),
            "[0.  0.5 1. ]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(minimum(x, 2.0)); }, Tensor{1, 2, 3}),
            "[1.  0.5 0. ]");
}

TEST(Conventions, powers_at_0) {
  const auto sum_pow = [](double p) { return [p](const Tensor& x) { return sum(pow(x, p)); }; };
  EXPECT_EQ(gradient(sum_pow(0), Tensor{0, 2}), "[0. 0.]");
  EXPECT_EQ(gradient(sum_pow(1), Tensor{0, -3}), "[1. 1.]");
  EXPECT_EQ(gradient(sum_pow(2), Tensor{0, 1}), "[0. 2.]");
  EXPECT_EQ(to_string(hessian(sum_pow(3))(Tensor{0, -2})), "[[  0.   0.]\n [  0. -12.]]");
  const auto power = [](const Tensor& x, const Tensor& y) { return pow(x, y); };
  for (double y : {0.0, 1.0, 2.0}) {
    const auto g = grad<0, 1>(power)(num(0), num(y));
    EXPECT_EQ(number(g[0]), y == 1 ? 1 : 0);
    EXPECT_EQ(number(g[1]), 0);
  }
  EXPECT_EQ(number(grad(power)(num(-2), num(3))), 12);
}

TEST(Conventions, products_with_zeros_are_exact_in_first_and_second_order) {
  const auto f = [](const Tensor& x) { return prod(x); };
  EXPECT_EQ(gradient(f, Tensor{2, 0, 3, 4}), "[ 0. 24.  0.  0.]");
  EXPECT_EQ(gradient(f, Tensor{2, 0, 0, 4}), "[0. 0. 0. 0.]");
  EXPECT_EQ(to_string(hessian(f)(Tensor{2, 0, 0})), "[[0. 0. 0.]\n [0. 0. 2.]\n [0. 2. 0.]]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(cumprod(x)); }, Tensor{2, 0, 0, 3}),
            "[1. 2. 0. 0.]");
}

TEST(Conventions, a_branch_not_taken_contributes_nothing) {
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(where(x > 0.0, sqrt(x), 0.0 * x)); },
                     Tensor{0, -4, 4}),
            "[0.   0.   0.25]");
  EXPECT_EQ(
      gradient([](const Tensor& x) { return sum(where(x > 0.0, sqrt(x), x)); }, Tensor{-1, -4}),
      "[1. 1.]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(where(x > 0.0, log(x), 0.0 * x)); },
                     Tensor{0, -1, 2}),
            "[0.  0.  0.5]");
  EXPECT_EQ(
      gradient([](const Tensor& x) { return sum(where(x != 0.0, 1.0 / x, x)); }, Tensor{0, 2}),
      "[ 1.   -0.25]");
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(where(x < 100.0, x, exp(x) * exp(x))); },
                     Tensor{1, 99}),
            "[1. 1.]");
  const auto f = [](const Tensor& x) { return sum(where(x > 0.0, x * sqrt(x), square(x))); };
  EXPECT_EQ(to_string(hessian(f)(Tensor{0, -1, 4})),
            "[[2.    0.    0.   ]\n [0.    2.    0.   ]\n [0.    0.    0.375]]");
  EXPECT_EQ(to_string(jvp([](const Tensor& x) { return where(x > 0.0, sqrt(x), 0.0 * x); })(
                          Tensor{0, 4}, Tensor{1, 1})
                          .derivative),
            "[0.   0.25]");
}

TEST(Conventions, the_gradient_of_a_norm_at_0_is_0) {
  EXPECT_EQ(gradient([](const Tensor& x) { return norm(x); }, Tensor{0, 0}), "[0. 0.]");
  EXPECT_EQ(gradient([](const Tensor& x) { return square(norm(x)); }, Tensor{0, 0}), "[0. 0.]");
  EXPECT_EQ(gradient([](const Tensor& x) { return norm(x); }, Tensor{3e200, 4e200}), "[0.6 0.8]");
  for (double p : {1.0, 1.5, 2.0, 3.0, inf_})
    EXPECT_EQ(gradient([p](const Tensor& x) { return norm_p(x, p); }, Tensor{0, 0}), "[0. 0.]")
        << p;
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(hypot(x, 0.0 * x)); }, Tensor{0, 3}),
            "[0. 1.]");
}

TEST(Conventions, the_gradient_of_a_logsumexp_of_nothing_but_minus_infinity_is_0) {
  const auto f = [](const Tensor& x) { return logsumexp(x); };
  EXPECT_EQ(gradient(f, Tensor{-inf_, -inf_}), "[0. 0.]");
  EXPECT_EQ(gradient(f, Tensor{-inf_, 0}), "[0. 1.]");
  EXPECT_EQ(gradient(f, Tensor{-10000, -10000}), "[0.5 0.5]");
  const auto first = [](const Tensor& x) { return element(softmax(x), {0}); };
  EXPECT_EQ(gradient(first, Tensor{-inf_, 0, 0}), "[0. 0. 0.]");
  for (double v : numbers(grad(first)(Tensor{10000, -10000}))) EXPECT_EQ(v, 0);
}

TEST(Conventions, gradients_of_broadcast_inputs_are_summed_back) {
  const auto f = [](const Tensor& x, const Tensor& y) { return sum(x + y); };
  const auto g = grad<0, 1>(f)(reshape(Tensor{1, 2}, {2, 1}), Tensor{10, 20, 30});
  EXPECT_EQ(show(g[0]), "f64[2,1] [[3.]\n [3.]]");
  EXPECT_EQ(show(g[1]), "f64[3] [2. 2. 2.]");
}

TEST(Conventions, an_input_that_is_not_used_has_gradient_0) {
  const auto g = grad<0, 1>([](const Tensor& x, const Tensor&) { return sum(x); })(
      Tensor{1, 2}, Tensor{{1, 2}, {3, 4}});
  EXPECT_EQ(show(g[1]), "f64[2,2] [[0. 0.]\n [0. 0.]]");
  EXPECT_EQ(number(grad([](const Tensor&) { return num(3); })(num(1))), 0);
  EXPECT_EQ(number(grad([](const Tensor& x) { return stop_gradient(x) * x; })(num(3))), 3);
}

TEST(Conventions, saturated_functions_have_finite_slopes) {
  EXPECT_EQ(number(grad([](const Tensor& x) { return softplus(x); })(num(1000))), 1);
  EXPECT_EQ(number(grad([](const Tensor& x) { return silu(x); })(num(-1000))), 0);
  EXPECT_EQ(number(grad([](const Tensor& x) { return log(sigmoid(x)); })(num(0))), 0.5);
  EXPECT_EQ(number(grad([](const Tensor& x) { return log_sigmoid(x); })(num(-1000))), 1);
  EXPECT_EQ(number(grad([](const Tensor& x) { return x * x * sqrt(x) / sqrt(x); })(num(4))), 8);
  EXPECT_NEAR(numbers(grad([](const Tensor& x) { return pow(prod(x), 0.5); })(Tensor{4, 9}))[1],
              1.0 / 3, 1e-16);
  EXPECT_EQ(gradient([](const Tensor& x) { return sum(x / x); }, Tensor{2, 5}), "[0. 0.]");
}

// Numbers of the books.

TEST(Grad, sigmoid_tanh_and_the_rules_of_calculus) {
  EXPECT_NEAR(number(sigmoid(num(2))), 0.880797, 5e-7);
  EXPECT_NEAR(number(grad([](const Tensor& x) { return sigmoid(x); })(num(2))), 0.104994, 5e-7);
  EXPECT_NEAR(number(grad([](const Tensor& x) { return tanh(x); })(num(1))), 0.419974, 5e-7);
}

TEST(Grad, power_sum_product_quotient_and_chain_rule_hold_at_100_points) {
  for (int i = 0; i < 100; ++i) {
    const double x = 0.3 + 0.037 * i, s = std::sin(x), c = std::cos(x);
    const auto close = [&](auto f, double want) {
      EXPECT_NEAR(number(grad(f)(num(x))), want, 1e-13 * (1 + std::fabs(want))) << x;
    };
    close([](const Tensor& v) { return pow(v, 3.0); }, 3 * x * x);
    close([](const Tensor& v) { return v * v + sin(v); }, 2 * x + c);
    close([](const Tensor& v) { return v * sin(v); }, s + x * c);
    close([](const Tensor& v) { return sin(v) / v; }, (x * c - s) / (x * x));
    close([](const Tensor& v) { return exp(sin(v)); }, std::exp(s) * c);
  }
}

TEST(Grad, a_literal_argument_is_a_number) {
  EXPECT_EQ(number(grad([](const Tensor& x) { return x * x; })(3.0)), 6);
}

TEST(Grad, value_and_grad_gives_both) {
  const auto r = value_and_grad([](const Tensor& x) { return sum(square(x)); })(Tensor{1, 2});
  EXPECT_EQ(number(r.value), 5);
  EXPECT_EQ(to_string(r.derivative), "[2. 4.]");
}

TEST(Grad, f32_in_f32_out) {
  const Tensor x = cast(Tensor{1, 2}, DType::f32);
  EXPECT_EQ(show(grad([](const Tensor& v) { return sum(2.0 * square(v)); })(x)), "f32[2] [4. 8.]");
  EXPECT_EQ(show(grad([](const Tensor& v) {
              return sum(square(v) * Tensor{1, 1});
            })(x)),
            "f32[2] [2. 4.]");
}

TEST(Grad, the_same_value_used_twice_counts_twice) {
  EXPECT_EQ(to_string(hessian([](const Tensor& x) { return sum(x * x); })(Tensor{1, 2})),
            "[[2. 0.]\n [0. 2.]]");
}

TEST(Jacobian, of_polar_coordinates_has_determinant_r) {
  const auto polar = [](const Tensor& p) {
    return stack({row(p, 0) * cos(row(p, 1)), row(p, 0) * sin(row(p, 1))});
  };
  const double r = 2, a = 0.5;
  for (Mode mode : {Mode::automatic, Mode::forward, Mode::reverse}) {
    const auto J = numbers(jacobian(polar, JacobianOptions{mode})(Tensor{r, a}));
    const double want[] = {std::cos(a), -r * std::sin(a), std::sin(a), r * std::cos(a)};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(J[i], want[i], 1e-15);
    EXPECT_NEAR(J[0] * J[3] - J[1] * J[2], r, 1e-15);
  }
}

TEST(Jacobian, of_a_composition_is_the_product_of_jacobians) {
  const Tensor A{{1, 2}, {3, -1}, {0.5, 0.25}};
  const auto g = [&](const Tensor& x) { return tanh(matmul(A, x)); };
  const auto f = [](const Tensor& u) { return stack({sum(square(u)), prod(u)}); };
  const Tensor x{0.3, -0.2};
  const auto whole = numbers(jacobian([&](const Tensor& v) { return f(g(v)); })(x));
  const auto product = numbers(matmul(jacobian(f)(g(x)), jacobian(g)(x)));
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(whole[i], product[i], 1e-15);
}

TEST(Jacobian, has_the_axes_of_the_output_then_those_of_the_input) {
  const auto J = jacobian([](const Tensor& x) { return matmul(x, Tensor{1, 2, 3}); })(ones({2, 3}));
  EXPECT_EQ(show(J), "f64[2,2,3] [[[1. 2. 3.]\n  [0. 0. 0.]]\n\n [[0. 0. 0.]\n  [1. 2. 3.]]]");
}

Tensor rosenbrock(const Tensor& x) {
  const Tensor a = row(x, 0), b = row(x, 1);
  return square(1.0 - a) + 100.0 * square(b - square(a));
}

TEST(Hessian, of_rosenbrock_at_its_minimum) {
  EXPECT_EQ(to_string(grad(rosenbrock)(Tensor{1, 1})), "[0. 0.]");
  EXPECT_EQ(to_string(hessian(rosenbrock)(Tensor{1, 1})), "[[ 802. -400.]\n [-400.  200.]]");
  EXPECT_EQ(to_string(hessian(rosenbrock)(Tensor{-1.2, 1})), "[[1330.  480.]\n [ 480.  200.]]");
}

TEST(Hvp, equals_the_hessian_times_v_in_both_orders_of_modes) {
  const Tensor x{-1.2, 1}, v{0.5, -2};
  const auto want = numbers(matmul(hessian(rosenbrock)(x), v));
  const auto forward_over_reverse = numbers(hvp(rosenbrock)(x, v));
  const auto reverse_over_reverse =
      numbers(grad([&](const Tensor& y) { return dot(grad(rosenbrock)(y), v); })(x));
  const auto reverse_over_forward =
      numbers(grad([&](const Tensor& y) { return jvp(rosenbrock)(y, v).derivative; })(x));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(forward_over_reverse[i], want[i], 1e-12);
    EXPECT_NEAR(reverse_over_reverse[i], want[i], 1e-12);
    EXPECT_NEAR(reverse_over_forward[i], want[i], 1e-12);
  }
}

TEST(CheckGrads, passes_what_is_right_to_order_3_and_catches_what_is_wrong) {
  const Function right = [](std::span<const Tensor> a) {
    return tanh(matmul(a[0], a[1])) * exp(a[1]);
  };
  const Tensor args[] = {Tensor{{0.5, -0.25}, {1, 0.75}}, Tensor{0.3, -0.6}};
  const GradCheck good = check_grads(right, args, 3, 1e-5);
  EXPECT_TRUE(good.passed) << good.where;
  const Function wrong = [](std::span<const Tensor> a) {
    return square(a[0]) + stop_gradient(a[0]);
  };
  const GradCheck bad = check_grads(wrong, std::span<const Tensor>(args, 1), 1);
  EXPECT_FALSE(bad.passed);
  EXPECT_NE(bad.where.find("order 1"), std::string::npos);
}

// Errors.

TEST(Errors, a_function_that_returns_no_number_is_refused_word_for_word) {
  EXPECT_EQ(message<ShapeError>(
                [] { grad([](const Tensor& x) { return cast(x, DType::f32); })(ones({32})); }),
            "grad: the function returned f32[32], but grad differentiates one number, f32[]. Take "
            "mean(...) or sum(...) first, or ask for jacobian(...).");
  EXPECT_EQ(
      message<DTypeError>([] { grad([](const Tensor& x) { return x > 0.0; })(num(1)); }),
      "grad: the function returned bool[], which has no derivative. It must return f32 or f64.");
  EXPECT_EQ(message<ShapeError>([] { hessian([](const Tensor& x) { return x; })(ones({2})); }),
            "hessian: the function returned f64[2], but hessian differentiates one number, f64[]. "
            "Take mean(...) or sum(...) first, or ask for jacobian(...).");
}

TEST(Errors, an_integer_argument_is_refused_word_for_word) {
  EXPECT_EQ(message<DTypeError>([] { grad([](const Tensor& x) { return sum(x); })(iota(3)); }),
            "grad: argument 0 is i64[3]. Only f32 and f64 have derivatives. Cast it to f64 first.");
  EXPECT_EQ(
      message<DTypeError>([] { jacobian([](const Tensor& x) { return x; })(iota(3)); }),
      "jacobian: argument 0 is i64[3]. Only f32 and f64 have derivatives. Cast it to f64 first.");
}

TEST(Errors, directions_of_another_shape_are_refused_word_for_word) {
  EXPECT_EQ(
      message<ShapeError>([] { jvp([](const Tensor& x) { return x; })(ones({2}), ones({3})); }),
      "jvp: argument 0 is f64[2], but its tangent is f64[3]. Both must have one shape.");
  EXPECT_EQ(
      message<ShapeError>(
          [] { vjp([](const Tensor& x) { return sum(x); })(ones({2}), ones({2})); }),
      "vjp: the function returned f64[], but the cotangent is f64[2]. Both must have one shape.");
}

TEST(Errors, a_value_that_outlives_its_recording_says_so) {
  Tensor escaped;
  grad([&](const Tensor& x) { return escaped = x * x; })(num(2));
  const std::string want =
      "tensor: a value f64[] of a recording that has ended was used. Values made inside grad, vjp, "
      "jvp or compile end with the call. Return it from the function instead.";
  EXPECT_EQ(message<TraceError>([&] { number(escaped); }), want);
  EXPECT_EQ(message<TraceError>([&] { escaped + 1.0; }), want);
  EXPECT_EQ(
      message<TraceError>([&] { grad([&](const Tensor& x) { return x * escaped; })(num(2)); }),
      "grad: a value f64[] of a recording that has ended was used. Values end with the call that "
      "made them. Return it from that function instead.");
  EXPECT_EQ(to_string(escaped), "f64[]");
}

TEST(Errors, leave_no_recording_open) {
  for (int i = 0; i < 3; ++i)
    EXPECT_NE(
        message([] {
          grad([](const Tensor& x) {
            return grad([&](const Tensor& y) { return sum(x + ones({2}) + ones({3}) + y); })(x);
          })(num(1));
        }),
        "no error");
  EXPECT_EQ(Tape::open(), nullptr);
  EXPECT_EQ(number(grad([](const Tensor& x) { return x * x; })(num(3))), 6);
}

TEST(Errors, an_error_caught_inside_leaves_the_recording_usable) {
  const auto f = [](const Tensor& x) {
    message([&] { grad([&](const Tensor& y) { return x * y + ones({2}); })(x); });
    message([&] { gather(Tensor{1, 2}, cast(x, DType::i64) + 100); });
    return x * x;
  };
  EXPECT_EQ(number(grad(f)(num(3))), 6);
}

TEST(Sweep, says_which_step_contributed_what) {
  Tape tape("trace");
  const ValueId x = tape.input(num(3));
  const Tensor h = tape.tensor(tape.alias(x));
  const Tensor y = h * h + h;
  const ValueId sources[] = {h.tape_value()->id};
  Sweep sweep;
  pull_back(tape, sources, y.tape_value()->id, num(1), &sweep);
  EXPECT_EQ(number(tape.tensor(sweep.bar[sources[0]])), 7);
  std::vector<double> parts;
  for (const Contribution& c : sweep.contributions)
    if (c.to == sources[0]) parts.push_back(number(tape.tensor(c.part)));
  EXPECT_EQ(parts, (std::vector<double>{1, 3, 3}));
}

TEST(Grad, of_a_generic_function_passes_every_argument) {
  const auto product = [](const auto&... x) { return (x * ...); };
  const auto [a, b] = grad<0, 1>(product)(Tensor(2.0), Tensor(3.0));
  EXPECT_EQ(number(a), 3);
  EXPECT_EQ(number(b), 2);
}

TEST(Derivatives, do_not_pass_through_integers) {
  const Tensor x{1.5, 2.5}, whole = cast(x, DType::i64);
  const auto steps = [](const Tensor& t) { return cast(t, DType::i64); };
  EXPECT_EQ(to_string(vjp(steps)(x, Tensor{1, 1}).derivative), "[0. 0.]");
  const auto doubled = [](const Tensor& t) { return 2.0 * cast(t, DType::f64); };
  EXPECT_EQ(to_string(jvp(doubled)(whole, Tensor{1, 1}).derivative), "[0. 0.]");
}

TEST(Derivatives, refuse_arguments_and_orders_that_do_not_exist) {
  const Function f = [](std::span<const Tensor> a) { return square(a[0]); };
  const Tensor args[] = {Tensor(2.0)};
  const int second[] = {1};
  EXPECT_EQ(message([&] { value_and_grads(f, args, second); }),
            "grad: argument 1 of 1 does not exist. Arguments are counted from 0.");
  EXPECT_EQ(message([&] { hvp(f, args, Tensor(1.0), -1); }),
            "hvp: argument -1 of 1 does not exist. Arguments are counted from 0.");
  EXPECT_EQ(message([&] { nth_derivative(f, Tensor(2.0), -1); }),
            "derivative: order -1 does not exist. The order is 0 or more.");
}

TEST(Grad, runs_through_bf16_numbers_as_if_they_were_not_rounded) {
  // Whole numbers that bf16 holds, so that nothing is rounded.
  const Tensor w = cast(Tensor{{5, -6}, {7, 8}}, DType::f32),
               x0 = cast(Tensor{{1, 2}, {3, -4}}, DType::f32);
  const auto stored = [](const Tensor& x) { return cast(x, DType::bf16); };
  const auto f = [&](const Tensor& x) {
    return sum(matmul(stored(x), transpose(stored(w))) * x0) + sum(matmul(stored(x), stored(x)));
  };
  const auto plain = [&](const Tensor& x) {
    return sum(matmul(x, transpose(w)) * x0) + sum(matmul(x, x));
  };
  EXPECT_EQ(numbers(grad(f)(x0)), numbers(grad(plain)(x0)));
  EXPECT_EQ(numbers(jvp(f)(x0, w).derivative), numbers(jvp(plain)(x0, w).derivative));
  EXPECT_EQ(numbers(hvp(f)(x0, w)), numbers(hvp(plain)(x0, w)));
}

}  // namespace
}  // namespace gradus
