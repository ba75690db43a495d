#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/curvature.h>
#include <gradus/optim/minimise.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

// x^2 + k y^2
Objective valley(double k) {
  return [k](const Tensor& x) { return sum(square(x) * Tensor({1.0, k})); };
}
OptimiserConfig sgd(double lr, double momentum = 0) {
  OptimiserConfig c = defaults_for("sgd");
  c.lr = lr, c.momentum = momentum;
  return c;
}
// f - f* along a run; the least is 0.
std::vector<double> values_of(const Objective& f, const OptimiserConfig& rule, int64_t steps) {
  return minimise(f, Tensor({3, 3}),
                  {.method = rule.method,
                   .tolerance = 0,
                   .iterations = steps,
                   .rule = rule,
                   .keep_path = true})
      .values;
}
int64_t steps_until(const Objective& f, const std::string& method, const OptimiserConfig& rule) {
  const Minimum m = minimise(
      f, Tensor({1, 1}),
      {.method = method, .tolerance = 0, .iterations = 20000, .rule = rule, .keep_path = true});
  for (size_t i = 0; i < m.values.size(); ++i)
    if (m.values[i] <= 1e-6) return static_cast<int64_t>(i);
  return -1;
}

TEST(Curvature, the_largest_gives_the_bound_of_the_rate) {
  const CurvatureEstimate c = largest_curvature(valley(4), Tensor({3, 3}));
  EXPECT_TRUE(c.settled);
  EXPECT_NEAR(c.largest, 8, 1e-9);
  EXPECT_NEAR(stable_rate(c.largest), 0.25, 1e-9);
  EXPECT_DOUBLE_EQ(best_rate(2, 8), 0.2);
}

TEST(Curvature, of_a_saddle_is_the_upward_one) {
  const auto f = [](const Tensor& x) { return sum(square(x) * Tensor({1, -4})); };
  const CurvatureEstimate c = largest_curvature(f, Tensor({0.3, 0.2}));
  EXPECT_NEAR(c.largest, 2, 1e-4);
  const Tensor m = from_vector(
      [] {
        std::vector<double> z(36);
        fill_normal(key_from_seed(5), 0, std::span<double>(z));
        return z;
      }(),
      {6, 6});
  const Tensor h = m + transpose(m);
  const CurvatureEstimate any =
      largest_curvature([&](const Tensor& x) { return 0.5 * sum(x * matmul(h, x)); }, zeros({6}));
  const std::vector<double> all = numbers(eigvalsh(h));
  double nearest = 1e9;
  for (double v : all) nearest = std::min(nearest, std::fabs(v - any.largest));
  EXPECT_LE(nearest, any.residual + 1e-12);
  EXPECT_NEAR(any.largest, all.back(), 1e-4);
}

TEST(GradientDescent, is_stable_below_the_bound_oscillates_on_it_and_diverges_above) {
  EXPECT_LT(values_of(valley(4), sgd(0.24), 300).back(), 1e-6);
  const auto edge = values_of(valley(4), sgd(0.25), 300);
  EXPECT_NEAR(edge.back(), 36, 1e-9);  // y stays at 3 or -3
  EXPECT_GT(values_of(valley(4), sgd(0.26), 300).back(), 1e6);
}

TEST(Contraction, of_gradient_descent_is_best_at_a_fifth) {
  const double h[] = {2, 8};
  EXPECT_NEAR(contraction_factor(sgd(0.2), h), 0.6, 1e-15);
  for (double lr : {0.01, 0.1, 0.19, 0.21, 0.24})
    EXPECT_GT(contraction_factor(sgd(lr), h), 0.6) << lr;
}

TEST(Contraction, foretold_is_contraction_measured) {
  const double h[] = {2, 8};
  OptimiserConfig nesterov = sgd(0.1, 0.5);
  nesterov.nesterov = true;
  OptimiserConfig damped = sgd(0.2, 0.5);
  damped.dampening = 0.5;
  for (const OptimiserConfig& c :
       {sgd(0.1), sgd(0.2), sgd(0.24), sgd(0.1, 0.9), nesterov, damped}) {
    const auto values = values_of(valley(4), c, 200);
    // The value is the square of the distance.
    EXPECT_NEAR(std::sqrt(measured_factor(values)), contraction_factor(c, h), 0.01)
        << c.lr << " " << c.momentum;
  }
  EXPECT_TRUE(std::isnan(measured_factor(std::vector<double>{0.0})));
}

// Rates at their best for each k: gradient descent 2 / (2 + 2k); momentum as Polak's,
// (2 / (sqrt(2) + sqrt(2 k)))^2 and ((sqrt(k) - 1) / (sqrt(k) + 1))^2.
TEST(Difficulty, grows_like_k_for_gradient_descent_and_like_its_root_for_momentum) {
  std::vector<double> gd, momentum;
  for (double k : {10.0, 100.0, 1000.0}) {
    gd.push_back(static_cast<double>(steps_until(valley(k), "sgd", sgd(best_rate(2, 2 * k)))));
    const double root = std::sqrt(k), share = (root - 1) / (root + 1);
    momentum.push_back(static_cast<double>(steps_until(
        valley(k), "sgd", sgd(std::pow(2 / (std::sqrt(2.0) * (1 + root)), 2), share * share))));
    EXPECT_EQ(steps_until(valley(k), "newton", {}), 1);
    OptimiserConfig adam = defaults_for("adam");
    adam.lr = 0.1;
    EXPECT_GT(steps_until(valley(k), "adam", adam), 1);
  }
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(gd[i + 1] / gd[i], 10, 2);
    EXPECT_NEAR(momentum[i + 1] / momentum[i], std::sqrt(10.0), 1);
  }
  EXPECT_EQ(steps_until(valley(1), "sgd", sgd(best_rate(2, 2))), 1);
}

TEST(Starts, all_reach_one_minimum_where_f_is_convex_and_several_where_it_is_not) {
  const auto convex = [](const Tensor& x) { return sum(square(x) + exp(x)); };
  const auto wells = [](const Tensor& x) { return sum(square(square(x) - 1)); };
  double far_convex = 0, far_wells = 0, first_convex = 0, first_wells = 0;
  for (int i = 0; i < 20; ++i) {
    const Tensor start({-2.0 + 0.21 * i});
    const double a = numbers(minimise(convex, start).x)[0],
                 b = numbers(minimise(wells, start).x)[0];
    if (i == 0) first_convex = a, first_wells = b;
    far_convex = std::max(far_convex, std::fabs(a - first_convex));
    far_wells = std::max(far_wells, std::fabs(b - first_wells));
    EXPECT_NEAR(std::fabs(b), 1, 1e-6);
  }
  EXPECT_LT(far_convex, 1e-6);
  EXPECT_NEAR(far_wells, 2, 1e-6);
}

// x^2 - y^2 from (1, 1e-6): the slope falls below 1e-3 before y has grown; then y escapes.
TEST(Saddle, stalls_gradient_descent_first_and_momentum_escapes_sooner) {
  const auto f = [](const Tensor& x) { return sum(square(x) * Tensor({1, -1})); };
  const auto escape = [&](const OptimiserConfig& c) {
    int64_t stalled = -1, escaped = -1;
    trajectory(f, Tensor({1, 1e-6}), c, 1000, [&](const Iterate& i) {
      const auto x = numbers(i.x);
      if (stalled < 0 && number(norm(i.grad)) < 1e-3) stalled = i.step;
      if (escaped < 0 && std::fabs(x[1]) > 1) escaped = i.step;
      return escaped < 0;
    });
    return std::pair{stalled, escaped};
  };
  const auto [stalled, escaped] = escape(sgd(0.2));
  // At t = 15 x is 0.6^15 = 4.7e-4 and y 1e-6 1.4^15 = 1.6e-4; 1.4^t passes 1e6 at t = 42.
  EXPECT_EQ(stalled, 15);
  EXPECT_EQ(escaped, 42);
  EXPECT_LT(escape(sgd(0.2, 0.9)).second, 30);
}

TEST(Saddle, positive_definite_matrices_become_rare_as_they_grow) {
  double before = 1;
  for (const int64_t n : {1, 2, 3, 4}) {
    int count = 0;
    constexpr int all = 2000;
    for (int i = 0; i < all; ++i) {
      std::vector<double> z(static_cast<size_t>(n * n));
      fill_normal(key_from_seed(static_cast<uint64_t>(n * all + i)), 0, std::span<double>(z));
      const Tensor m = from_vector(z, {n, n});
      count += numbers(eigvalsh(m + transpose(m))).front() > 0;
    }
    const double share = static_cast<double>(count) / all;
    EXPECT_LT(share, before) << n;
    before = share;
  }
  EXPECT_LT(before, 0.01);
}

TEST(Standing, names_what_is_in_the_way) {
  const auto of = [](const Objective& f, const Tensor& x, double rate) {
    return standing(f, x, rate).stand;
  };
  EXPECT_EQ(of(valley(4), Tensor({0, 0}), 0.1), Stand::minimum);
  EXPECT_EQ(of(valley(4), Tensor({3, 3}), 0.26), Stand::too_fast);
  EXPECT_EQ(of(valley(4), Tensor({3, 3}), 0.001), Stand::too_slow);
  EXPECT_EQ(of(valley(4), Tensor({3, 3}), 0.2), Stand::underway);
  EXPECT_EQ(of(valley(1000), Tensor({3, 3}), 0.0009), Stand::narrow);
  EXPECT_EQ(of(valley(0), Tensor({0, 3}), 0.1), Stand::flat);
  EXPECT_EQ(of([](const Tensor& x) { return sum(x); }, Tensor({-1e35}), 0.1), Stand::flat);
  EXPECT_EQ(standing(valley(4), Tensor({0, 0}), 0.1).reason,
            "the slope is 0 and all curvatures are positive, the smallest 2: a minimum");
  const auto saddle = [](const Tensor& x) { return sum(square(x) * Tensor({1, -1})); };
  EXPECT_EQ(of(saddle, Tensor({0, 0}), 0.1), Stand::saddle);
  EXPECT_EQ(of(saddle, Tensor({1e-4, 1e-5}), 0.1), Stand::saddle);
  // Minima that rounding hides: the slope at the nearest number to 1/3 is 1e20 roundings.
  const auto steep = [](const Tensor& x) { return 1e20 * sum(square(3.0 * x - 1.0)); };
  EXPECT_EQ(of(steep, Tensor({1.0 / 3}), 0.1), Stand::minimum);
  EXPECT_EQ(of(steep, Tensor({1.0 / 3 + 1e-9}), 0.1), Stand::minimum);
  const auto wave = [](const Tensor& x) { return sum(sin(x)); };
  EXPECT_EQ(standing(wave, Tensor({1e20}), 0.1).reason,
            "the slope is 0.764, but a step that ends it is shorter than the gap between numbers "
            "near x, 1.64e+04: shift or scale x");
  const auto cusp = [](const Tensor& x) { return sum(sqrt(abs(x))); };
  EXPECT_EQ(standing(cusp, Tensor({-3e-42}), 0.1).reason,
            "the slope is 2.89e+20, and where the curvature -4.81e+61 lets it end it is 1.67e+20: "
            "f has a corner, a jump or a pole here");
  EXPECT_EQ(of([](const Tensor& x) { return sum(sigmoid(x)); }, Tensor({-30.0}), 0.1), Stand::flat);
  EXPECT_EQ(of([](const Tensor& x) { return sum(log(x)); }, Tensor({-1.0}), 0.1),
            Stand::not_finite);
  EXPECT_EQ(standing(valley(4), Tensor({3, 3}), 0.26).reason,
            "the rate 0.26 is above 2 / 8 = 0.25: steps along the steepest direction overshoot and "
            "grow");
}

TEST(RangeTest, suggests_a_rate_below_the_bound_and_says_how_sure_it_is) {
  const std::vector<double> rates = range_rates(1e-4, 10, 200);
  EXPECT_DOUBLE_EQ(rates.back(), 10);
  const RangeTest r = range_test([](int64_t) { return valley(4); }, Tensor({3, 3}), sgd(1), rates);
  EXPECT_GT(r.suggested, 1e-3);
  EXPECT_LT(r.suggested, 0.25);
  EXPECT_LE(r.low, r.suggested);
  EXPECT_GE(r.high, r.suggested);
  EXPECT_GT(r.diverges, 0.25);
  EXPECT_NE(r.reason.find("the loss falls fastest at a rate of "), std::string::npos) << r.reason;
  const std::vector<double> flat(200, 1.0);
  EXPECT_EQ(read_range(rates, flat).reason,
            "the loss falls at no rate from 0.0001 to 10: try another range, or look for a mistake "
            "in the model");
}

}  // namespace
}  // namespace gradus
