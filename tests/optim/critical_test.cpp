// Minimum, maximum, saddle or none of them; convex or refuted.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/critical.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace gradus {
namespace {

using Two = Tensor (*)(const Tensor& x, const Tensor& y);

VectorFunction of(Two f) {
  return [f](const Tensor& z) { return f(element(z, {0}), element(z, {1})); };
}

CriticalPoint at_zero(Two f) {
  return classify_critical(of(f), Tensor({0, 0}));
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

using T = const Tensor&;

TEST(CriticalPoint, of_a_bowl_is_a_minimum_and_of_a_hill_a_maximum) {
  const CriticalPoint up = at_zero([](T x, T y) { return square(x) + square(y); });
  EXPECT_EQ(up.kind, CriticalKind::minimum);
  EXPECT_EQ(up.eigenvalues, (std::vector<double>{2, 2}));
  EXPECT_EQ(up.gradient_norm, 0);
  EXPECT_EQ(up.index, 0);
  const CriticalPoint down = at_zero([](T x, T y) { return -square(x) - square(y); });
  EXPECT_EQ(down.kind, CriticalKind::maximum);
  EXPECT_EQ(down.index, 2);
}

TEST(CriticalPoint, of_x2_minus_y2_is_a_saddle_of_index_1) {
  const CriticalPoint p = at_zero([](T x, T y) { return square(x) - square(y); });
  EXPECT_EQ(p.kind, CriticalKind::saddle);
  EXPECT_EQ(p.index, 1);
  EXPECT_EQ(p.eigenvalues, (std::vector<double>{-2, 2}));
  EXPECT_EQ(p.reason, "it goes down along 1 direction and up along 1");
}

TEST(CriticalPoint, of_a_monkey_saddle_is_inconclusive_with_evidence_for_a_saddle) {
  const CriticalPoint p = at_zero([](T x, T y) { return pow(x, 3.0) - 3.0 * x * square(y); });
  EXPECT_EQ(p.kind, CriticalKind::inconclusive);
  EXPECT_EQ(p.nullity, 2);
  EXPECT_EQ(p.reason, "2 eigenvalues of 2 are 0 within the tolerance: higher derivatives decide");
  EXPECT_GT(p.higher, 100);
  EXPECT_GT(p.lower, 100);
  EXPECT_NE(p.evidence.find("looks like a saddle"), std::string::npos);
}

TEST(CriticalPoint, of_x2_plus_y4_is_inconclusive_with_evidence_for_a_minimum) {
  const CriticalPoint p = at_zero([](T x, T y) { return square(x) + pow(y, 4.0); });
  EXPECT_EQ(p.kind, CriticalKind::inconclusive);
  EXPECT_EQ(p.nullity, 1);
  ASSERT_EQ(p.probes.size(), 1u);
  EXPECT_EQ(std::fabs(p.probes[0].direction[1]), 1);
  EXPECT_NEAR(p.probes[0].changes[0].forward, 1e-4, 1e-12);
  EXPECT_NEAR(p.probes[0].changes[0].backward, 1e-4, 1e-12);
  EXPECT_EQ(p.lower, 0);
  EXPECT_NE(p.evidence.find("looks like a minimum"), std::string::npos);
  EXPECT_NE(p.evidence.find("not a proof"), std::string::npos);
}

TEST(CriticalPoint, of_peano_is_not_taken_for_a_minimum_though_every_line_rises) {
  const CriticalPoint p = at_zero([](T x, T y) { return (y - square(x)) * (y - 3.0 * square(x)); });
  EXPECT_EQ(p.kind, CriticalKind::inconclusive);
  EXPECT_GT(p.lower, 0);
  EXPECT_NE(p.evidence.find("looks like a saddle"), std::string::npos);
}

TEST(CriticalPoint, is_none_where_the_gradient_is_not_zero) {
  const CriticalPoint p = at_zero([](T x, T y) { return 3.0 * x + 4.0 * y + square(x); });
  EXPECT_EQ(p.kind, CriticalKind::not_critical);
  EXPECT_EQ(p.gradient_norm, 5);
  EXPECT_EQ(p.reason, "the gradient is not 0: the first-order condition fails");
}

TEST(CriticalPoint, is_found_where_it_is_known_to_some_digits_only) {
  const VectorFunction f = [](const Tensor& z) { return sum(pow(z, 4.0) - 2.0 * square(z)); };
  EXPECT_EQ(classify_critical(f, Tensor({1 + 1e-10, -1})).kind, CriticalKind::minimum);
  EXPECT_EQ(classify_critical(f, Tensor({1 + 1e-3, -1})).kind, CriticalKind::not_critical);
  EXPECT_EQ(classify_critical(f, Tensor({1 + 1e-3, -1}), {.gradient_tolerance = 0.1}).kind,
            CriticalKind::minimum);
  EXPECT_EQ(classify_critical(f, Tensor({0, 1})).kind, CriticalKind::saddle);
}

TEST(CriticalPoint, does_not_change_when_space_is_turned) {
  // f(R z) has the eigenvalues of f whatever the rotation R.
  for (double angle = 0.1; angle < 6; angle += 0.7) {
    const double c = std::cos(angle), s = std::sin(angle);
    const VectorFunction f = [=](const Tensor& z) {
      const Tensor x = element(z, {0}), y = element(z, {1});
      return 3.0 * square(c * x - s * y) - 5.0 * square(s * x + c * y);
    };
    const CriticalPoint p = classify_critical(f, Tensor({0, 0}));
    EXPECT_EQ(p.kind, CriticalKind::saddle);
    EXPECT_NEAR(p.eigenvalues[0], -10, 1e-12);
    EXPECT_NEAR(p.eigenvalues[1], 6, 1e-12);
  }
}

TEST(CriticalPoint, is_inconclusive_where_nothing_is_finite) {
  const CriticalPoint p = at_zero([](T x, T y) { return sqrt(x) + y; });
  EXPECT_EQ(p.kind, CriticalKind::inconclusive);
  EXPECT_EQ(p.reason, "the value, the gradient or the Hessian is not finite here");
  EXPECT_EQ(message([] {
              classify_critical([](const Tensor& z) { return sum(z); }, Tensor({{1, 2}}));
            }),
            "critical: f64[1,2] is not a vector. A point is one vector. Use reshape(x, {-1}).");
}

// The slope along (cos a, sin a) is |grad f| cos(angle between): largest along the gradient.
TEST(SteepestAscent, is_along_the_gradient_over_360_directions) {
  const VectorFunction f = of([](T x, T y) { return exp(0.3 * x) * sin(y) + square(x - y); });
  const Tensor args[] = {Tensor({0.7, -1.2})};
  const Function list = [&](std::span<const Tensor> a) { return f(a[0]); };
  const int first[] = {0};
  const std::vector<double> g = numbers(value_and_grads(list, args, first).grads[0]);
  const double steepest = std::hypot(g[0], g[1]);
  double best = -1e300, best_angle = 0;
  for (int degrees = 0; degrees < 360; ++degrees) {
    const double a = degrees * std::numbers::pi / 180;
    const Tensor dots[] = {Tensor({std::cos(a), std::sin(a)})};
    const double slope = number(jvp(list, args, dots).derivative);
    EXPECT_LE(slope, steepest * (1 + 1e-15));
    EXPECT_NEAR(slope, steepest * std::cos(a - std::atan2(g[1], g[0])), 1e-13);
    if (slope > best) {
      best = slope;
      best_angle = a;
    }
  }
  EXPECT_LE(std::fabs(std::remainder(best_angle - std::atan2(g[1], g[0]), 2 * std::numbers::pi)),
            0.5 * std::numbers::pi / 180 + 1e-12);
  const Tensor unit = Tensor({g[0], g[1]}) / steepest;
  const double step = 1e-6, here = number(f(args[0]));
  EXPECT_GT(number(f(args[0] + step * unit)), here);
  EXPECT_LT(number(f(args[0] - step * unit)), here);
}

TEST(Convexity, of_convex_functions_finds_no_counterexample) {
  const ConvexReport r =
      check_convexity([](const Tensor& z) { return logsumexp(z); }, 2, {.chords = 500});
  EXPECT_TRUE(r.convex);
  EXPECT_FALSE(r.concave);
  EXPECT_EQ(r.curved_up, r.points);
  EXPECT_EQ(r.points, 400 + 41 * 17);
  EXPECT_EQ(r.verdict,
            "no counterexample in 500 chords, and no negative eigenvalue in 1097 Hessians: convex "
            "as far as samples show, which is not a proof");
  EXPECT_EQ(r.map[8][20], Curvature::up);
}

TEST(Convexity, of_others_is_refuted_by_a_chord_that_checks_out) {
  const VectorFunction f = of([](T x, T y) { return sin(x) + square(y); });
  const ConvexReport r = check_convexity(f, 2);
  ASSERT_FALSE(r.convex);
  const Chord& c = r.against_convex;
  std::vector<double> middle;
  for (size_t i = 0; i < 2; ++i) middle.push_back(c.t * c.a[i] + (1 - c.t) * c.b[i]);
  EXPECT_EQ(number(f(from_vector(middle))), c.on_curve);
  EXPECT_DOUBLE_EQ(c.t * number(f(from_vector(c.a))) + (1 - c.t) * number(f(from_vector(c.b))),
                   c.on_chord);
  EXPECT_GT(c.on_curve, c.on_chord);
  // -sin(x) is negative for x > 0.
  EXPECT_EQ(r.map[0][0], Curvature::up);
  EXPECT_EQ(r.map[0][40], Curvature::mixed);
  EXPECT_LT(r.least, -0.99);
}

TEST(Convexity, finds_a_small_dent_by_the_hessian) {
  // Chords miss a bump of width 0.05; a Hessian that meets it gives the chord.
  const VectorFunction f = [](const Tensor& z) {
    const Tensor x = element(z, {0});
    return square(x) + 0.003 * exp(-square(x / 0.05));
  };
  const ConvexReport r = check_convexity(f, 1, {.low = -2, .high = 2, .chords = 3});
  ASSERT_FALSE(r.convex);
  EXPECT_LT(std::fabs(r.against_convex.a[0]), 0.2);
}

TEST(Convexity, of_a_line_is_straight_and_of_log_skips_what_is_not_finite) {
  EXPECT_EQ(check_convexity([](const Tensor& z) { return sum(z) * 3.0; }, 1).verdict,
            "straight, as far as 2000 chords show: neither bends up nor down");
  const ConvexReport r = check_convexity([](const Tensor& z) { return sum(log(z)); }, 1);
  EXPECT_GT(r.skipped, 1000);
  EXPECT_FALSE(r.convex);
  EXPECT_TRUE(r.concave);
  EXPECT_EQ(check_convexity([](const Tensor& z) { return sum(log(z - 10.0)); }, 1).verdict,
            "unknown: no chord had finite values");
}

TEST(Convexity, says_what_is_wrong) {
  const VectorFunction f = [](const Tensor& z) { return sum(z); };
  EXPECT_EQ(message([&] { check_convexity(f, 0); }),
            "convex: 0 numbers. A box of 1 to 64 numbers can be sampled.");
  EXPECT_EQ(message([&] { check_convexity(f, 1, {.low = 2, .high = 2}); }),
            "convex: the box goes from 2 to 2. Its low end must be below its high end, both "
            "finite.");
}

}  // namespace
}  // namespace gradus
