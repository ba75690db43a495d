// Derivatives against differences: known quotients, planted mistakes, kinks, big inputs.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/check.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/ops/table.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

Tensor num(double x) {
  return scalar(x, DType::f64);
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

const CheckedSlope& row(const GradReport& r, const std::string& name) {
  for (const CheckedSlope& s : r.rows)
    if (s.name == name) return s;
  static const CheckedSlope none{.name = "no such row"};
  return none;
}

TEST(NumericalGradient, of_x2_plus_2y2_at_3_4_has_the_printed_digits) {
  const Function f = [](std::span<const Tensor> a) {
    return square(element(a[0], {0})) + 2.0 * square(element(a[0], {1}));
  };
  const Tensor args[] = {Tensor({3, 4})};
  const std::vector<double> g = numbers(numerical_gradient(f, args));
  EXPECT_NEAR(g[0], 6.000000000128, 5e-13);
  EXPECT_NEAR(g[1], 15.99999999975, 5e-12);
  const std::vector<double> relative =
      numbers(numerical_gradient(f, args, 0, {.h = 1e-6, .relative = true}));
  EXPECT_NEAR(relative[0], 6, 1e-8);
  EXPECT_NEAR(relative[1], 16, 1e-8);
}

TEST(NumericalGradient, says_what_is_wrong) {
  const Function f = [](std::span<const Tensor> a) { return sum(a[0]); };
  const Tensor args[] = {Tensor({3, 4})}, places[] = {cast(Tensor({3, 4}), DType::i64)};
  EXPECT_EQ(message([&] { numerical_gradient(f, args, 1); }),
            "numerical_gradient: argument 1 of 1 does not exist. Arguments are counted from 0.");
  EXPECT_EQ(
      message([&] { numerical_gradient(f, args, 0, {.h = 0}); }),
      "numerical_gradient: h is 0. A step is positive and finite. 1e-5 suits most functions.");
  EXPECT_EQ(message([&] { numerical_gradient(f, places); }),
            "numerical_gradient: argument 0 is i64[2]. Only f32 and f64 have derivatives. Cast it "
            "to f64 first.");
}

TEST(Quotients, of_exp_at_1_fall_and_rise_again) {
  const Function f = [](std::span<const Tensor> a) { return exp(a[0]); };
  const Quotients q = difference_quotients(f, num(1));
  EXPECT_NEAR(q.exact, std::exp(1.0), 1e-15);
  ASSERT_EQ(q.rows.size(), 15u);
  EXPECT_NEAR(q.rows[2].central_error, 4.5e-7, 0.05e-7);  // h = 1e-3
  // h = 1e-5. Our exp may be one unit in the last place off, 4.4e-16, which 2 h makes 2.2e-11.
  EXPECT_NEAR(q.rows[4].central_error, 5.9e-11, 2.3e-11);
  EXPECT_NEAR(q.rows[10].central_error, 1.0e-5, 0.05e-5);  // h = 1e-11
  EXPECT_NEAR(q.rows[4].forward_error, 1.36e-5, 0.005e-5);
  EXPECT_EQ(q.rows[q.best_forward].h, 1e-8);
  EXPECT_NEAR(q.rows[q.best_central].h, 1e-5, 1e-5);
  // sqrt(2 eps) and cbrt(3/2 eps): f, f'' and f''' are all e.
  EXPECT_NEAR(q.advised_forward, 2.1073e-8, 1e-12);
  EXPECT_NEAR(q.advised_central, 6.9318e-6, 1e-10);
}

TEST(Quotients, of_a_line_fall_back_on_the_usual_steps) {
  const Function f = [](std::span<const Tensor> a) { return 3.0 * a[0]; };
  const Quotients q = difference_quotients(f, num(4));
  EXPECT_DOUBLE_EQ(q.advised_forward, 4 * std::sqrt(0x1p-52));
  EXPECT_DOUBLE_EQ(q.advised_central, 4 * std::cbrt(0x1p-52));
  EXPECT_EQ(message([&] {
              difference_quotients(f, Tensor({1, 2}));
            }),
            "difference_quotients: f64[2] is not one number. The quotients are of a function of "
            "one number. Fix the others first.");
}

TEST(NumericalSlope, knows_its_error) {
  struct Case {
    double (*f)(double);
    double slope;
  };
  for (const Case& c :
       {Case{[](double t) { return std::sin(1 + t); }, std::cos(1.0)},
        Case{[](double t) { return std::exp(100 * t); }, 100.0},
        Case{[](double t) { return std::sin(1e5 * (t + 1e-6)); }, 1e5 * std::cos(0.1)},
        Case{[](double t) { return std::log(0.001 + t); }, 1000.0},
        Case{[](double t) { return 1e9 + t; }, 1.0}, Case{[](double t) { return t * t; }, 0.0},
        Case{[](double) { return 7.0; }, 0.0}}) {
    const NumericalSlope s = numerical_slope(c.f);
    EXPECT_TRUE(s.finite);
    EXPECT_FALSE(s.kink) << c.slope;
    EXPECT_LE(std::fabs(s.slope - c.slope), s.bound) << c.slope;
    EXPECT_LE(s.bound, 1e-5 * (1 + std::fabs(c.slope))) << c.slope;
  }
}

TEST(NumericalSlope, sees_kinks_jumps_and_the_edge_of_a_domain) {
  EXPECT_TRUE(numerical_slope([](double t) { return std::fabs(t); }).kink);
  EXPECT_TRUE(numerical_slope([](double t) { return t > 0 ? 1.0 : 0.0; }).kink);
  EXPECT_TRUE(numerical_slope([](double t) { return std::sqrt(std::fabs(t)); }).kink);
  EXPECT_TRUE(numerical_slope([](double t) { return 5 + 3 * t + std::max(0.0, t); }).kink);
  EXPECT_FALSE(numerical_slope([](double t) { return t * std::fabs(t); }).kink);
  EXPECT_FALSE(numerical_slope([](double t) { return std::fabs(t - 1e-4); }).kink);
  EXPECT_FALSE(numerical_slope([](double t) { return std::sqrt(t); }).finite);
  const NumericalSlope beside =
      numerical_slope([](double t) { return std::fabs(1e-9 + t); }, 1, 1e-9);
  EXPECT_FALSE(beside.kink);
  EXPECT_NEAR(beside.slope, 1, 1e-9);
  const NumericalSlope pole = numerical_slope([](double t) { return 1 / (1e-9 + t); }, 1, 1e-9);
  EXPECT_FALSE(pole.kink);
  EXPECT_NEAR(pole.slope, -1e18, 1e10);
}

TEST(Gradcheck, of_right_rules_passes_with_ten_digits) {
  const Function f = [](std::span<const Tensor> a) {
    return sum(tanh(matmul(a[0], a[1]))) + mean(exp(a[1])) + sum(logsumexp(a[0], {.axis = 1}));
  };
  const Tensor args[] = {Tensor({{1, -2}, {0.5, 3}}), Tensor({{0.1, 0.2}, {-0.3, 0.4}})};
  const GradReport r = gradcheck(f, args, {.names = {"a", "b"}, .steps = true});
  EXPECT_TRUE(r.passed) << to_text(r);
  EXPECT_EQ(r.elements, 8);
  EXPECT_EQ(r.compared, 8);
  EXPECT_LT(r.worst, 1e-10);
  EXPECT_LT(r.forward_gap, 1e-14);
  EXPECT_GT(r.steps, 5);
  EXPECT_TRUE(r.wrong.empty());
  EXPECT_EQ(row(r, "b[1,0]").verdict, Verdict::agrees);
}

TEST(Gradcheck, compares_three_ways) {
  const Function f = [](std::span<const Tensor> a) { return sum(square(a[0])); };
  const Tensor args[] = {Tensor({3, -1.5})};
  GradReport r = gradcheck(f, args, {.names = {"x"}, .manual = {Tensor({6, -3})}});
  EXPECT_TRUE(r.passed);
  EXPECT_EQ(row(r, "x[1]").manual, -3);
  EXPECT_LT(r.worst, 1e-7);
  r = gradcheck(f, args, {.names = {"x"}, .manual = {Tensor({6, 3})}});
  EXPECT_FALSE(r.passed);
  EXPECT_EQ(r.rows[0].name, "x[1]");
  EXPECT_EQ(r.rows[0].error, 2);
  EXPECT_EQ(message([&] {
              gradcheck(f, args, {.manual = {Tensor({1, 2, 3})}});
            }),
            "gradcheck: the gradient by hand of 'x0' is f64[3], but 'x0' is f64[2]. A gradient has "
            "the shape of what it differentiates by.");
}

Op planted() {
  Op op = op::tanh;
  op.name = "planted";
  op.form = nullptr;
  op.rule.slope[0].unary = [](Tensor, Tensor y) { return 1.0 - y; };
  return op;
}

TEST(Gradcheck, finds_a_planted_wrong_slope_and_names_its_step) {
  const Op wrong = planted();
  const Function f = [&](std::span<const Tensor> a) {
    return sum(square(named(apply(wrong, {sin(a[0]) * 0.5}), "h")));
  };
  const Tensor args[] = {Tensor({0.3, 0.9, -2})};
  const GradReport r = gradcheck(f, args, {.names = {"x"}});
  EXPECT_FALSE(r.passed);
  EXPECT_EQ(r.differing, 3);
  ASSERT_EQ(r.wrong.size(), 1u) << to_text(r);
  EXPECT_EQ(r.wrong[0].op, "planted");
  EXPECT_EQ(r.wrong[0].step, "v3 = planted(v2) 'h'");
  // The worst is where y is most negative: x = sin(-2) / 2.
  const double x = std::sin(-2.0) / 2, y = std::tanh(x);
  EXPECT_EQ(r.wrong[0].where, "at element [2], where v2 is -0.4546487");
  EXPECT_NEAR(r.wrong[0].rule, 1 - y, 1e-14);
  EXPECT_NEAR(r.wrong[0].difference, 1 - y * y, 1e-11);
}

// Points where the entries of the table say that differences may be taken.
std::vector<double> points_of(const Op& op, size_t count) {
  std::vector<double> x(count);
  for (size_t i = 0; i < count; ++i) {
    const double share = (static_cast<double>(i) + 0.37) / static_cast<double>(count);
    x[i] = op.checks.low + (op.checks.high - op.checks.low) * share;
  }
  return x;
}

TEST(Gradcheck, passes_for_every_elementwise_operation) {
  for (const Op* op : all_ops()) {
    if (op->kind != Kind::elementwise) continue;
    const Function f = [&](std::span<const Tensor> a) {
      const Tensor in[] = {a[0], flip(a[0], {0}), a[0]};
      return sum(sin(apply(*op, std::span(in).first(static_cast<size_t>(op->inputs)))));
    };
    const Tensor args[] = {from_vector(points_of(*op, 8))};
    const GradReport r = gradcheck(f, args, {.steps = true});
    EXPECT_EQ(r.differing, 0) << op->name << "\n" << to_text(r);
    EXPECT_TRUE(r.wrong.empty()) << op->name << "\n" << to_text(r);
  }
}

const Op* tampered = nullptr;

TEST(Gradcheck, finds_a_slope_wrong_by_a_thousandth_in_every_unary_operation) {
  int count = 0;
  for (const Op* op : all_ops()) {
    if (op->kind != Kind::elementwise || op->inputs != 1 || !op->rule.slope[0].unary) continue;
    tampered = op;
    Op wrong = *op;
    wrong.rule.slope[0].unary = [](Tensor x, Tensor y) {
      return 1.001 * tampered->rule.slope[0].unary(x, y);
    };
    const Function f = [&](std::span<const Tensor> a) {
      return sum(exp(0.1 * apply(wrong, {a[0]})));
    };
    const Tensor args[] = {from_vector(points_of(*op, 8))};
    const GradReport r = gradcheck(f, args);
    EXPECT_FALSE(r.passed) << op->name;
    ASSERT_EQ(r.wrong.size(), 1u) << op->name << "\n" << to_text(r);
    EXPECT_EQ(r.wrong[0].op, op->name);
    ++count;
  }
  EXPECT_GT(count, 30);
}

TEST(Gradcheck, finds_a_pull_that_does_not_belong_to_its_push) {
  Op wrong = op::matmul;
  wrong.rule.pull = [](const Context& c, std::span<const Tensor> bar, int i) {
    return i == 0 ? matmul(bar[0], transpose(c.in[1])) : matmul(c.in[0], bar[0]);
  };
  const Function f = [&](std::span<const Tensor> a) {
    return sum(square(apply(wrong, {a[0], a[1]})));
  };
  const Tensor args[] = {Tensor({{1, 2}, {3, 4}}), Tensor({{5, 6}, {7, 9}})};
  const GradReport r = gradcheck(f, args, {.names = {"a", "b"}});
  EXPECT_FALSE(r.passed);
  EXPECT_GT(r.forward_gap, 1e-3);
  ASSERT_EQ(r.wrong.size(), 1u);
  EXPECT_EQ(r.wrong[0].mode, "its pull");
  EXPECT_EQ(r.wrong[0].where, "towards b, along a random direction");
  EXPECT_EQ(row(r, "a[0,0]").verdict, Verdict::agrees);
}

TEST(Gradcheck, calls_a_kink_a_kink) {
  const Function f = [](std::span<const Tensor> a) { return sum(relu(a[0])); };
  const Tensor args[] = {Tensor({0, -1, 2})};
  const GradReport r = gradcheck(f, args, {.names = {"x"}});
  EXPECT_TRUE(r.passed);
  EXPECT_EQ(r.kinks, 1);
  EXPECT_EQ(row(r, "x[0]").verdict, Verdict::kink);
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_EQ(r.notes[0], "v1 = relu(x): 1 of 3 inputs on its kink at 0");
}

TEST(Gradcheck, does_not_pass_where_no_difference_is_known) {
  const Function f = [](std::span<const Tensor> a) { return sqrt(a[0]); };
  const Tensor args[] = {num(0)};
  const GradReport r = gradcheck(f, args);
  EXPECT_FALSE(r.passed);
  EXPECT_EQ(r.unsure, 1);
}

TEST(Gradcheck, says_that_a_step_stops_derivatives_on_purpose) {
  const Function f = [](std::span<const Tensor> a) { return a[0] * stop_gradient(a[0]); };
  const Tensor args[] = {num(3)};
  const GradReport r = gradcheck(f, args, {.names = {"x"}});
  EXPECT_FALSE(r.passed);
  EXPECT_TRUE(r.wrong.empty());
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_EQ(r.notes[0],
            "v1 = stop_gradient(x): it stops derivatives on purpose; differences do not know that");
}

TEST(Gradcheck, of_many_elements_takes_directions_and_narrows_a_mistake_down) {
  Op wrong = op::square;
  wrong.rule.slope[0].unary = [](Tensor x, Tensor) { return where(x == 7.5, 0.0, 2.0 * x); };
  std::vector<double> x(5000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<double>(i));
  const Tensor b({1, 2});
  const Function right = [](std::span<const Tensor> a) {
    return mean(square(a[0])) * 100.0 + sum(exp(a[1]));
  };
  const Tensor args[] = {from_vector(x, {50, 100}), b};
  const GradReport good = gradcheck(right, args, {.names = {"w", "b"}});
  EXPECT_TRUE(good.passed) << to_text(good);
  EXPECT_EQ(good.elements, 5002);
  EXPECT_EQ(good.directions, 10);
  EXPECT_LE(good.compared, 10);

  x[1234] = 7.5;
  const Function f = [&](std::span<const Tensor> a) {
    return mean(apply(wrong, {a[0]})) * 100.0 + sum(exp(a[1]));
  };
  const Tensor bad[] = {from_vector(x, {50, 100}), b};
  const GradReport r = gradcheck(f, bad, {.names = {"w", "b"}});
  EXPECT_FALSE(r.passed);
  EXPECT_EQ(row(r, "w[12,34]").verdict, Verdict::differs);
  EXPECT_EQ(row(r, "direction of b").verdict, Verdict::agrees);
  ASSERT_EQ(r.wrong.size(), 1u);
  EXPECT_EQ(r.wrong[0].where, "at element [12,34], where w is 7.5");
}

TEST(Gradcheck, shadows_f32_in_f64) {
  const Function f = [](std::span<const Tensor> a) { return sum(exp(a[0])); };
  const Tensor args[] = {cast(Tensor({0.1, 2}), DType::f32)};
  const GradReport r = gradcheck(f, args);
  EXPECT_TRUE(r.passed);
  EXPECT_GT(r.single_gap, 0);
  EXPECT_LT(r.single_gap, 1e-6);
  EXPECT_LT(r.worst, 1e-10);
}

TEST(Gradcheck, of_nothing_passes) {
  const Function f = [](std::span<const Tensor> a) { return sum(a[0]); };
  const Tensor args[] = {zeros({0, 3})};
  const GradReport r = gradcheck(f, args);
  EXPECT_TRUE(r.passed);
  EXPECT_EQ(r.elements, 0);
  EXPECT_EQ(message([&] { gradcheck(f, args, {.tolerance = 0}); }),
            "gradcheck: the tolerance is 0. It must be positive. 1e-7 suits derivatives in f64.");
}

}  // namespace
}  // namespace gradus
