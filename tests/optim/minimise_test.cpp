#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/line_search.h>
#include <gradus/optim/minimise.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

Tensor bowl(const Tensor& x) {
  return sum(square(x) * Tensor({1, 4}));
}
Tensor rosenbrock(const Tensor& p) {
  const Tensor x = element(p, {0}), y = element(p, {1});
  return 100 * square(y - square(x)) + square(1 - x);
}

TEST(Minimise, every_method_finds_the_bottom_of_rosenbrocks_valley) {
  for (const std::string_view method : minimiser_names()) {
    const bool first_order = method == "steepest";
    const Minimum m = minimise(rosenbrock, Tensor({-1.2, 1}),
                               {.method = std::string(method),
                                .tolerance = first_order ? 1e-4 : 1e-9,
                                .iterations = 20000});
    EXPECT_TRUE(m.converged()) << method << ": " << m.reason;
    const auto x = numbers(m.x);
    EXPECT_NEAR(x[0], 1, first_order ? 1e-3 : 1e-7) << method;
    EXPECT_NEAR(x[1], 1, first_order ? 1e-3 : 1e-7) << method;
    if (!first_order) {
      EXPECT_LT(m.evaluations, 150) << method;
    }
  }
}

TEST(Minimise, newton_needs_one_step_on_a_quadratic) {
  const Minimum m = minimise(bowl, Tensor({3, 3}), {.method = "newton"});
  EXPECT_EQ(m.iterations, 1);
  EXPECT_EQ(m.evaluations, 2);
  EXPECT_EQ(m.products, 2);
  for (double v : numbers(m.x)) EXPECT_NEAR(v, 0, 1e-15);
  EXPECT_NE(m.reason.find(", at most the tolerance 1e-08"), std::string::npos) << m.reason;
}

TEST(Minimise, conjugate_gradients_end_after_as_many_steps_as_a_quadratic_has_curvatures) {
  const Tensor h({1, 10, 100, 1000, 10000});
  const auto f = [&](const Tensor& x) { return 0.5 * sum(h * square(x - 1)); };
  for (const char* method : {"newton-cg", "trust"}) {
    const Minimum m =
        minimise(f, zeros({5}), {.method = method, .tolerance = 1e-10, .radius = 100});
    EXPECT_TRUE(m.converged()) << m.reason;
    EXPECT_LT(m.iterations, 12) << method;
  }
}

TEST(Minimise, leaves_a_saddle_where_the_curvature_is_seen) {
  const auto f = [](const Tensor& p) {
    const Tensor x = element(p, {0}), y = element(p, {1});
    return square(x) - square(y) + square(square(y));
  };
  for (const char* method : {"newton", "newton-cg", "trust", "lbfgs", "cg"}) {
    const Minimum m = minimise(f, Tensor({1, 1e-6}), {.method = method});
    EXPECT_NEAR(m.value, -0.25, 1e-9) << method << ": " << m.reason;
  }
}

TEST(Minimise, says_why_it_stopped) {
  const Minimum few = minimise(rosenbrock, Tensor({3, 3}), {.method = "steepest", .iterations = 9});
  EXPECT_EQ(few.stop, Stop::iterations);
  EXPECT_NE(few.reason.find("9 iterations were not enough: the largest slope is "),
            std::string::npos)
      << few.reason;
  EXPECT_NE(few.reason.find(" more at that pace"), std::string::npos) << few.reason;
  const Minimum kink =
      minimise([](const Tensor& x) { return sum(abs(x)); }, Tensor({1.0}), {.method = "steepest"});
  EXPECT_TRUE(kink.stop == Stop::no_descent || kink.converged()) << kink.reason;
  const Minimum endless = minimise([](const Tensor& x) { return sum(x); }, Tensor({1.0}));
  EXPECT_EQ(endless.stop, Stop::unbounded) << endless.reason;
  const Minimum broken = minimise([](const Tensor& x) { return sum(log(x)); }, Tensor({-1.0}));
  EXPECT_EQ(broken.stop, Stop::not_finite);
  EXPECT_EQ(broken.reason, "f is nan and its largest slope 1: no direction to go");
  const Minimum fine = minimise([](const Tensor& x) { return 1e8 + sum(square(x - 1)); },
                                Tensor({3.0}), {.tolerance = 1e-20});
  EXPECT_TRUE(fine.stop == Stop::precision || fine.converged()) << fine.reason;
}

// Meyer's function (More, Garbow and Hillstrom 1981, problem 10): the last digits of f are noise
// long before the slope is small.
TEST(Minimise, does_not_walk_on_in_the_noise_of_f) {
  const Tensor t = arange(50, 130, 5), y({34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744,
                                          8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872});
  const auto f = [&](const Tensor& x) {
    return sum(square(element(x, {0}) * exp(element(x, {1}) / (t + element(x, {2}))) - y));
  };
  const Minimum m = minimise(f, Tensor({0.02, 4000, 250}), {.tolerance = 1e-9, .iterations = 3000});
  EXPECT_NEAR(m.value, 87.9458, 1e-3) << m.reason;
  EXPECT_EQ(m.stop, Stop::precision) << m.reason;
  EXPECT_LT(m.evaluations, 5000);
}

TEST(Minimise, runs_update_rules_and_keeps_the_path) {
  OptimiserConfig gd = defaults_for("sgd");
  gd.lr = 0.1;
  const Minimum m = minimise(bowl, Tensor({3, 3}),
                             {.method = "sgd", .iterations = 50, .rule = gd, .keep_path = true});
  EXPECT_EQ(m.stop, Stop::iterations);
  ASSERT_EQ(m.path.size(), 51u);
  EXPECT_NEAR(m.path.back()[0], 4.2817e-5, 5e-10);
  EXPECT_EQ(m.values.front(), 45);
}

TEST(Minimise, refuses_what_it_cannot_take) {
  EXPECT_EQ(message_of([] {
              minimise(bowl, Tensor({3, 3}), {.method = "lbfg"});
            }).substr(0, 62),
            "minimise: there is no method 'lbfg'. The methods are steepest,");
  EXPECT_EQ(message_of([] {
              minimise(bowl, cast(Tensor({3, 3}), DType::f32));
            }),
            "minimise: the start is f32[2]. A minimum is sought in f64, from one number or more.");
}

TEST(GaussNewton, fits_an_exponential_without_second_derivatives) {
  const Tensor t({0, 1, 2, 3, 4}), y = 2 * exp(-0.5 * t);
  const auto r = [&](const Tensor& p) { return element(p, {0}) * exp(element(p, {1}) * t) - y; };
  const Minimum m = gauss_newton(r, Tensor({1, -0.1}), {.tolerance = 1e-12});
  EXPECT_TRUE(m.converged()) << m.reason;
  EXPECT_LT(m.iterations, 12);
  EXPECT_NEAR(numbers(m.x)[0], 2, 1e-9);
  EXPECT_NEAR(numbers(m.x)[1], -0.5, 1e-9);
  // More unknowns than residuals, and two columns that are equal.
  const auto wide = [](const Tensor& p) { return reshape(sum(p) - 1, {1}); };
  EXPECT_LT(gauss_newton(wide, Tensor({3, 4})).value, 1e-12);
}

// phi(t) = -t / (t^2 + 2), least at sqrt(2) (More and Thuente 1994, first problem with beta 2).
TEST(LineSearch, strong_wolfe_holds_where_it_says_so) {
  const LineFunction phi = [](double t) {
    const double q = t * t + 2;
    return OnLine{t, -t / q, (t * t - 2) / (q * q)};
  };
  const OnLine start = phi(0);
  for (double first : {1e-3, 1e-1, 10.0, 1000.0})
    for (double c2 : {0.1, 0.9}) {
      LineOptions options;
      options.curvature = c2;
      const LineResult r = strong_wolfe(phi, start, first, options);
      EXPECT_TRUE(r.found) << first;
      EXPECT_LE(r.at.value, start.value + 1e-4 * r.at.t * start.slope);
      EXPECT_LE(std::fabs(r.at.slope), c2 * std::fabs(start.slope));
      EXPECT_LT(r.evaluations, 20);
    }
  const LineResult back = armijo(phi, start, 1000);
  EXPECT_TRUE(back.found);
  EXPECT_LE(back.at.value, 1e-4 * back.at.t * start.slope);
}

TEST(Brent, finds_the_share_of_heads_that_ten_throws_say) {
  // The log-likelihood of 7 heads in 10: least negative at 0.7, 6.1086.
  const auto nll = [](double p) { return -7 * std::log(p) - 3 * std::log1p(-p); };
  const ScalarMinimum m = minimise_scalar(nll, 0, 1);
  EXPECT_TRUE(m.converged) << m.reason;
  EXPECT_NEAR(m.x, 0.7, 1e-7);
  EXPECT_NEAR(m.value, 6.1086, 5e-5);
  EXPECT_LT(m.evaluations, 30);
}

TEST(Brent, says_when_the_end_of_the_interval_is_lowest) {
  const ScalarMinimum m = minimise_scalar([](double x) { return x; }, 2, 3);
  EXPECT_EQ(m.x, 2);
  EXPECT_EQ(m.reason, "f is least at an end of the interval: the minimum may lie beyond it");
  EXPECT_EQ(minimise_scalar([](double) { return std::nan(""); }, 0, 1).reason,
            "f is not finite on the interval");
  EXPECT_EQ(minimise_scalar([](double x) { return x * x; }, 1, 1).x, 1);
  EXPECT_EQ(
      message_of([] { minimise_scalar([](double x) { return x; }, 2, 1); }),
      "minimise_scalar: the interval is from 2 to 1. It must be finite, the lower end first.");
}

}  // namespace
}  // namespace gradus
