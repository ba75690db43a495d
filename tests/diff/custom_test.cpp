// Rules that users give: both modes from one, any order, under vmap, checked against differences.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

// x^3 whose reverse rule has a factor 10 that mathematics does not ask for: it shows which rule
// ran.
const auto ten_times = custom_vjp([](const Tensor& x) { return x * x * x; },
                                  [](const Tensor& x, const Tensor&, const Tensor& y_bar) {
                                    return 10.0 * (3.0 * square(x) * y_bar);
                                  },
                                  {.exact = false});

TEST(CustomVjp, replaces_the_derivative_of_its_function) {
  EXPECT_EQ(number(ten_times(Tensor(2.0))), 8);
  EXPECT_EQ(number(grad(ten_times)(2.0)), 120);
}

TEST(CustomVjp, gives_the_forward_mode_too) {
  EXPECT_EQ(number(jvp(ten_times)(Tensor(2.0), Tensor(0.5)).derivative), 60);
}

TEST(CustomVjp, is_differentiated_again_by_the_steps_of_its_rule) {
  EXPECT_EQ(number(grad(grad(ten_times))(2.0)), 120);  // (30 x^2)' = 60 x
  EXPECT_EQ(number(grad(grad(grad(ten_times)))(2.0)), 60);
  EXPECT_EQ(number(hvp(ten_times)(Tensor(2.0), Tensor(1.0))), 120);
}

// log(1 + e^x) with the stable slope, by its forward rule.
const auto log1pexp = custom_jvp(
    [](const Tensor& x) { return log(exp(x) + 1.0); },
    [](const Tensor& x, const Tensor&, const Tensor& x_dot) { return sigmoid(x) * x_dot; });

TEST(CustomJvp, gives_both_modes_and_any_order) {
  EXPECT_NEAR(number(grad(log1pexp)(0.5)), 0.622459331201854635, 1e-15);
  EXPECT_NEAR(number(jvp(log1pexp)(Tensor(0.5), Tensor(2.0)).derivative), 1.24491866240370927,
              1e-15);
  EXPECT_NEAR(number(grad(grad(log1pexp))(0.5)), 0.235003712201594489, 1e-15);
  EXPECT_EQ(number(grad(log1pexp)(800.0)), 1);  // the plain steps give inf / inf here
}

TEST(CustomJvp, of_two_arguments_differentiates_by_each) {
  const auto scaled =
      custom_jvp<2>([](const Tensor& a, const Tensor& x) { return a * sin(x); },
                    [](const Tensor& a, const Tensor& x, const Tensor&, const Tensor& a_dot,
                       const Tensor& x_dot) { return a_dot * sin(x) + a * cos(x) * x_dot; });
  const auto [a_bar, x_bar] = grad<0, 1>(scaled)(2.0, 1.0);
  EXPECT_NEAR(number(a_bar), std::sin(1.0), 1e-15);
  EXPECT_NEAR(number(x_bar), 2 * std::cos(1.0), 1e-15);
}

TEST(CustomRules, are_the_same_under_vmap_as_in_a_loop) {
  // Row times matrix with a rule that scales the cotangent of the matrix by 3.
  const auto product = custom_vjp<2>(
      [](const Tensor& x, const Tensor& w) { return matmul(x, w); },
      [](const Tensor& x, const Tensor& w, const Tensor&, const Tensor& y_bar) {
        return std::array<Tensor, 2>{matmul(y_bar, transpose(w)), 3.0 * outer(x, y_bar)};
      },
      {.exact = false});
  const Tensor x{{1, 2}, {3, -1}, {0.5, 4}}, w{{1, -1, 2}, {0.5, 3, -2}};
  const auto loss = [&](const Tensor& one, const Tensor& matrix) {
    return sum(square(product(one, matrix)));
  };
  const auto each = [&](const Tensor& one, const Tensor& matrix) {
    return grad<0, 1>(loss)(one, matrix);
  };
  const auto [x_bars, w_bars] = vmap(each, {.in = {0, unmapped}})(x, w);
  for (int64_t i = 0; i < 3; ++i) {
    const auto [x_bar, w_bar] = each(row(x, i), w);
    EXPECT_TRUE(same_bits(row(x_bars, i), x_bar));
    EXPECT_TRUE(same_bits(row(w_bars, i), w_bar));
  }
  // The gradient of the whole batch by the unmapped matrix is the sum over the examples.
  const auto whole = [&](const Tensor& matrix) {
    return sum(vmap(loss, {.in = {0, unmapped}})(x, matrix));
  };
  const Tensor gap = max(abs(grad(whole)(w) - sum(w_bars, {.axis = 0})));
  EXPECT_LE(number(gap), 1e-12);
  // Forward mode by the same rule.
  const Tensor batched =
      vmap([&](const Tensor& one) { return jvp(log1pexp)(one, one).derivative; })(x);
  EXPECT_TRUE(same_bits(row(batched, 1), jvp(log1pexp)(row(x, 1), row(x, 1)).derivative));
}

TEST(CustomRules, that_are_wrong_are_found_with_both_numbers) {
  const CustomRule wrong{
      .name = "cube",
      .value = [](std::span<const Tensor> x) { return x[0] * x[0] * x[0]; },
      .pull = [](std::span<const Tensor> x, const Tensor&,
                 const Tensor& y_bar) { return std::vector<Tensor>{2.0 * square(x[0]) * y_bar}; }};
  const Tensor args[] = {Tensor(2.0)};
  try {
    check_custom(wrong, args);
    FAIL() << "the wrong rule passed";
  } catch (const DomainError& e) {
    const std::string said = e.what();
    EXPECT_TRUE(said.starts_with("cube: the rule does not fit the function. ")) << said;
    EXPECT_NE(said.find("against the difference"), std::string::npos) << said;
  }
}

TEST(CustomRules, of_another_shape_are_refused) {
  const auto bad =
      custom_vjp([](const Tensor& x) { return sum(x); },
                 [](const Tensor&, const Tensor&, const Tensor& y_bar) { return y_bar; },
                 {.name = "total", .exact = false});
  try {
    grad(bad)(Tensor{1, 2});
    FAIL() << "the shape passed";
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(),
                 "total: argument 0 is f64[2], but the rule gave its cotangent f64[]. Both must "
                 "have one shape.");
  }
}

TEST(CustomRules, without_a_function_or_a_rule_say_so) {
  const Tensor args[] = {Tensor(2.0)};
  const auto said = [&](const CustomRule& rule) -> std::string {
    const Function f = [&](std::span<const Tensor> a) {
      return apply_custom(std::make_shared<const CustomRule>(rule), a);
    };
    const int wrt[] = {0};
    try {
      value_and_grads(f, args, wrt);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(said({}), "custom: the rule has no function. Set its value.");
  EXPECT_EQ(said({.name = "half", .value = [](std::span<const Tensor> a) { return 0.5 * a[0]; }}),
            "half: the rule has neither pull nor push. Give one of them; it serves both modes.");
}

// sin(x) / x as a new operation.
const auto sinc = elementwise_op(
    "sinc", [](double x) { return x == 0 ? 1.0 : std::sin(x) / x; },
    [](Tensor x, Tensor y) {
      return where(x == 0.0, 0.0, (cos(x) - y) / where(x == 0.0, 1.0, x));
    });

TEST(ElementwiseOp, made_by_a_user_has_values_derivatives_and_vmap) {
  const Tensor x{0.5, -2, 3};
  EXPECT_NEAR(numbers(sinc(x))[0], 0.958851077208406, 1e-15);
  const Tensor args[] = {x};
  const GradCheck check =
      check_grads([](std::span<const Tensor> a) { return sinc(a[0]); }, args, 3);
  EXPECT_TRUE(check.passed) << check.where;
  EXPECT_TRUE(same_bits(vmap(sinc)(x), sinc(x)));
  EXPECT_EQ(number(grad(sinc)(0.0)), 0);
  EXPECT_EQ(values<float>(sinc(cast(x, DType::f32)))[1], static_cast<float>(std::sin(2.0) / 2));
}

}  // namespace
}  // namespace gradus
