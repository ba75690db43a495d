// Levenberg-Marquardt on problems of More, Garbow and Hillstrom 1981 ("Testing unconstrained
// optimization software") at their published minima, and on curves that lead astray.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/least_squares.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

Tensor element(const Tensor& x, int64_t i) {
  return row(x, i);
}

TEST(LevenbergMarquardt, of_a_line_is_the_line_in_one_step) {
  const Tensor x{1, 2, 3, 4, 5}, y{2, 4, 5, 4, 5};
  const auto fit = levenberg_marquardt(
      [&](const Tensor& b) { return element(b, 0) + element(b, 1) * x - y; }, Tensor{0, 0});
  EXPECT_NEAR(numbers(fit.x)[0], 2.2, 1e-14);
  EXPECT_NEAR(numbers(fit.x)[1], 0.6, 1e-14);
  EXPECT_NEAR(fit.value, 2.4, 1e-14);
  EXPECT_TRUE(fit.converged);
  EXPECT_LE(fit.cosine, 1e-12);
}

TEST(LevenbergMarquardt, finds_the_valley_of_rosenbrock) {
  const auto fit = levenberg_marquardt(
      [](const Tensor& x) {
        return stack({10.0 * (element(x, 1) - square(element(x, 0))), 1.0 - element(x, 0)});
      },
      Tensor{-1.2, 1});
  EXPECT_LE(fit.value, 1e-28);
  EXPECT_NEAR(numbers(fit.x)[0], 1, 1e-13);
}

TEST(LevenbergMarquardt, takes_scales_twelve_digits_apart) {
  // Brown, badly scaled: the solution is (1e6, 2e-6).
  const auto fit = levenberg_marquardt(
      [](const Tensor& x) {
        const Tensor a = element(x, 0), b = element(x, 1);
        return stack({a - 1e6, b - 2e-6, a * b - 2.0});
      },
      Tensor{1, 1});
  EXPECT_NEAR(numbers(fit.x)[0], 1e6, 1e-6);
  EXPECT_NEAR(numbers(fit.x)[1], 2e-6, 1e-18);
}

TEST(LevenbergMarquardt, reaches_a_minimum_whose_residuals_stay_large) {
  // Jennrich and Sampson: 124.362 at 0.2578, twice.
  const Tensor i = arange(1, 11);
  const auto fit = levenberg_marquardt(
      [&](const Tensor& x) {
        return 2.0 + 2.0 * i - (exp(i * element(x, 0)) + exp(i * element(x, 1)));
      },
      Tensor{0.3, 0.4});
  EXPECT_NEAR(fit.value, 124.36218235561, 1e-9);
  EXPECT_NEAR(numbers(fit.x)[0], 0.2578252, 1e-6);
}

TEST(LevenbergMarquardt, returns_from_the_plateau_that_a_bold_step_reaches) {
  // NIST's BoxBOD from its first start: far out exp(-b x) is 0 and no derivative leads back.
  const Tensor x{1, 2, 3, 5, 7, 10}, y{109, 149, 149, 191, 213, 224};
  const auto fit = levenberg_marquardt(
      [&](const Tensor& b) { return element(b, 0) * (1.0 - exp(-element(b, 1) * x)) - y; },
      Tensor{1, 1});
  EXPECT_NEAR(numbers(fit.x)[0], 213.80940889, 1e-5);
  EXPECT_NEAR(numbers(fit.x)[1], 0.54723748542, 1e-7);
  EXPECT_NEAR(fit.value, 1168.0088766, 1e-6);
}

TEST(LevenbergMarquardt, keeps_the_shape_of_the_start) {
  const auto fit = levenberg_marquardt(
      [](const Tensor& x) {
        return reshape(x, {4}) - Tensor{1, 2, 3, 4};
      },
      zeros({2, 2}));
  EXPECT_EQ(fit.x.shape(), (Shape{2, 2}));
  EXPECT_LE(fit.value, 1e-28);
}

TEST(LevenbergMarquardt, says_what_it_cannot_take) {
  const auto message = [](const Objective& r, const Tensor& x0) -> std::string {
    try {
      levenberg_marquardt(r, x0);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message([](const Tensor& x) { return log(x); }, Tensor{-1}),
            "levenberg_marquardt: the residuals or their Jacobian are not finite at the start. "
            "Begin where the model can be computed.");
  EXPECT_EQ(message([](const Tensor& x) { return sum(x); }, Tensor{1, 2}),
            "levenberg_marquardt: the residuals are f64[], but their sum of squares is of a "
            "vector, f64[n]. Flatten them with reshape(r, {-1}).");
}

}  // namespace
}  // namespace gradus
