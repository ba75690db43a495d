// Solutions differentiated by the implicit function theorem, against closed forms and differences.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/implicit.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

// x^2 = a: x = sqrt(a).
Tensor square_root(const Tensor& a) {
  return root([](const Tensor& x, const Tensor& t) { return square(x) - t; }, Tensor(1.0), a);
}

TEST(Root, of_x_squared_minus_a_is_the_square_root_with_all_its_derivatives) {
  EXPECT_NEAR(number(square_root(2.0)), std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(number(grad(square_root)(2.0)), 0.5 / std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(number(grad(grad(square_root))(2.0)), -0.25 / std::pow(2.0, 1.5), 1e-15);
  EXPECT_NEAR(number(grad(grad(grad(square_root)))(2.0)), 0.375 / std::pow(2.0, 2.5), 1e-14);
  EXPECT_NEAR(number(jvp(square_root)(Tensor(2.0), Tensor(3.0)).derivative), 1.5 / std::sqrt(2.0),
              1e-15);
}

TEST(Root, under_vmap_solves_every_example_at_once) {
  const Tensor a{2, 9, 0.25, 1e6};
  const Tensor roots = vmap(square_root)(a), slopes = vmap(grad(square_root))(a);
  for (int64_t i = 0; i < 4; ++i) {
    const double x = std::sqrt(numbers(a)[static_cast<size_t>(i)]);
    EXPECT_NEAR(number(row(roots, i)), x, 1e-13 * x);
    EXPECT_NEAR(number(row(slopes, i)), 0.5 / x, 1e-13 / x);
  }
}

TEST(Root, of_a_linear_system_is_its_solution) {
  const Tensor A{{3, 1}, {2, 4}}, b{1, 2};
  const auto by_root = [](const Tensor& matrix, const Tensor& right) {
    return sum(square(
        root([](const Tensor& x, const Tensor& m, const Tensor& r) { return matmul(m, x) - r; },
             zeros({2}), matrix, right)));
  };
  const auto by_solve = [](const Tensor& matrix, const Tensor& right) {
    return sum(square(solve(matrix, right)));
  };
  const auto [A_bar, b_bar] = grad<0, 1>(by_root)(A, b);
  const auto [A_want, b_want] = grad<0, 1>(by_solve)(A, b);
  EXPECT_LE(number(max(abs(A_bar - A_want))), 1e-14);
  EXPECT_LE(number(max(abs(b_bar - b_want))), 1e-14);
}

TEST(Root, halves_its_steps_where_a_whole_one_overshoots) {
  // Newton on atan diverges from 3 without that.
  const Tensor x =
      root([](const Tensor& z, const Tensor& t) { return atan(z - t); }, Tensor(3.0), Tensor(0.5));
  EXPECT_NEAR(number(x), 0.5, 1e-12);
}

// Ridge regression: w = (X^T X + a I)^-1 X^T y.
const Tensor X{{1, 2}, {3, -1}, {0.5, 0.5}}, y{1, 2, -1};

Tensor ridge(const Tensor& a) {
  return argmin(
      [](const Tensor& w, const Tensor& penalty) {
        return sum(square(matmul(X, w) - y)) + penalty * sum(square(w));
      },
      zeros({2}), a);
}

Tensor ridge_closed(const Tensor& a) {
  return solve(matmul(transpose(X), X) + a * eye(2), matmul(transpose(X), y));
}

TEST(Argmin, of_ridge_regression_is_the_closed_form_with_its_derivatives) {
  const Tensor a(0.7);
  EXPECT_LE(number(max(abs(ridge(a) - ridge_closed(a)))), 1e-13);
  const Tensor got = jacobian(ridge)(a), want = jacobian(ridge_closed)(a);
  EXPECT_LE(number(max(abs(got - want))), 1e-13);
  const auto total = [](Tensor (*f)(const Tensor&)) {
    return [f](const Tensor& t) { return sum(square(f(t))); };
  };
  EXPECT_NEAR(number(hessian(total(ridge))(a)), number(hessian(total(ridge_closed))(a)), 1e-12);
  const Tensor many{0.1, 1, 10};
  EXPECT_LE(number(max(abs(vmap(ridge)(many) - vmap(ridge_closed)(many)))), 1e-13);
}

TEST(Argmin, leaves_a_region_where_the_hessian_is_not_positive) {
  // (x^2 - a)^2 has a maximum at 0; from 0.1 the Hessian is negative.
  const auto well = [](const Tensor& a) {
    return argmin([](const Tensor& x, const Tensor& t) { return square(square(x) - t); },
                  Tensor(0.1), a);
  };
  EXPECT_NEAR(number(well(Tensor(2.0))), std::sqrt(2.0), 1e-9);
  EXPECT_NEAR(number(grad(well)(2.0)), 0.5 / std::sqrt(2.0), 1e-8);
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Implicit, of_an_empty_batch_and_of_examples_that_are_solved_already) {
  EXPECT_EQ(to_string(vmap(ridge)(zeros({0})).type()), "f64[0,2]");
  EXPECT_EQ(to_string(vmap(square_root)(zeros({0})).type()), "f64[0]");
  // x^2 = 0 stands at its root from the start, where its slope is 0.
  const auto from = [](const Tensor& start) {
    return root([](const Tensor& x, const Tensor& t) { return square(x) - square(t) * x; }, start,
                Tensor(1.0));
  };
  EXPECT_EQ(to_string(vmap(from)(Tensor{0, 3})), "[0. 1.]");
}

TEST(Implicit, says_when_there_is_no_solution) {
  const auto none = [](const Tensor& x, const Tensor& t) { return square(x) + t; };
  EXPECT_EQ(message([&] { root(none, Tensor(1.0), Tensor(1.0)); }),
            "root: df/dx of example 0 is singular where Newton's method stands. Start elsewhere.");
  EXPECT_TRUE(message([&] {
                root(none, Tensor(1.3), Tensor(1.0));
              }).starts_with("root: example 0 is not solved after "));
  EXPECT_TRUE(message([&] {
                root(none, Tensor(std::nan("")), Tensor(-4.0));
              }).starts_with("root: example 0 is not solved after 0 steps: "));
  const auto total = [](const Tensor& x, const Tensor& t) { return sum(x) - t; };
  EXPECT_EQ(message([&] {
              root(total, Tensor{1, 2}, Tensor(1.0));
            }),
            "root: for x f64[1,2] f gives f64[1], the batch axis in front. Both must be f64 of one "
            "shape.");
  const auto hill = [](const Tensor& x, const Tensor& t) { return square(square(x) - t); };
  EXPECT_EQ(
      message([&] { argmin(hill, Tensor(0.0), Tensor(2.0)); }),
      "argmin: example 0 stands where the gradient is 0 but the Hessian has a direction down: "
      "a saddle or a maximum. Start elsewhere.");
  EXPECT_EQ(message([&] { root(none, cast(Tensor{1}, DType::f32), Tensor(1.0)); }),
            "root: the start is f32[1]. A solution is sought in f64, from one number or more.");
}

}  // namespace
}  // namespace gradus
