#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/symbolic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

const std::string names[] = {"x", "y", "z"};
const Tensor at[] = {0.7, 1.3, 1.9};

// By x, in mathematics.
std::string math(const Function& f) {
  const int wrt[] = {0};
  const DerivativeText t = derivative_text(f, at, names, wrt)[0];
  return t.math + t.why_not + (t.unless.empty() ? "" : " unless " + t.unless);
}
std::string program(const Function& f) {
  const int wrt[] = {0};
  return derivative_text(f, at, names, wrt)[0].program;
}

TEST(Symbolic, of_the_mock_up) {
  const int wrt[] = {0, 1, 2};
  const auto t = derivative_text([](Args a) { return a[0] * a[1] + sin(a[0]); }, at, names, wrt);
  EXPECT_EQ(t[0].math, "y + cos x");
  EXPECT_EQ(t[0].program, "y + cos(x)");
  EXPECT_EQ(t[1].math, "x");
  EXPECT_EQ(t[2].math, "0");
}

TEST(Symbolic, of_powers_and_roots) {
  EXPECT_EQ(math([](Args a) { return pow(a[0], 3.0); }), "3x²");
  EXPECT_EQ(math([](Args a) { return pow(a[0], 100001.0); }), "100001x¹⁰⁰⁰⁰⁰");
  EXPECT_EQ(program([](Args a) { return pow(a[0], 3.0); }), "3*x^2");
  EXPECT_EQ(math([](Args a) { return a[0] * a[0] * a[0]; }), "3x²");
  EXPECT_EQ(math([](Args a) { return 1.0 / a[0]; }), "-1/x²");
  EXPECT_EQ(math([](Args a) { return sqrt(a[0]); }), "1/(2√x)");
  EXPECT_EQ(program([](Args a) { return sqrt(a[0]); }), "1/(2*sqrt(x))");
  EXPECT_EQ(math([](Args a) { return pow(2.0 * a[0] - 3.0, 5.0); }), "10(2x - 3)⁴");
  EXPECT_EQ(math([](Args a) { return pow(pow(a[0], 2.0), 3.0); }), "6x⁵");
  EXPECT_EQ(math([](Args a) { return pow(a[0], a[0]); }), "x^x + x^x·ln x unless x == 0");
  EXPECT_EQ(math([](Args a) { return pow(a[0], a[1]); }), "x^(y - 1)·y unless y == 0");
  EXPECT_EQ(math([](Args a) { return square(a[0]) / a[0]; }), "1");
}

TEST(Symbolic, of_functions_inside_functions) {
  EXPECT_EQ(math([](Args a) { return exp(sin(a[0])); }), "e^(sin x)·cos x");
  EXPECT_EQ(program([](Args a) { return exp(sin(a[0])); }), "exp(sin(x))*cos(x)");
  EXPECT_EQ(math([](Args a) { return sin(square(a[0])); }), "2x·cos(x²)");
  EXPECT_EQ(program([](Args a) { return sin(square(a[0])); }), "2*x*cos(x^2)");
  EXPECT_EQ(math([](Args a) { return log(a[0]); }), "1/x");
  EXPECT_EQ(math([](Args a) { return log(square(a[0]) + 1.0); }), "2x / (x² + 1)");
  EXPECT_EQ(math([](Args a) { return cos(2.0 * a[0]); }), "-2sin(2x)");
}

TEST(Symbolic, of_activations) {
  EXPECT_EQ(math([](Args a) { return tanh(a[0]); }), "1 - tanh(x)²");
  EXPECT_EQ(math([](Args a) { return sigmoid(a[0]); }), "sigmoid(x)·(1 - sigmoid x)");
  EXPECT_EQ(math([](Args a) { return relu(a[0]); }), "[x > 0]");
  EXPECT_EQ(program([](Args a) { return relu(a[0]); }), "(x > 0)");
  EXPECT_EQ(math([](Args a) { return where(sin(a[0]) > 0.0, a[0], a[1]); }), "[sin(x) > 0]");
  EXPECT_EQ(math([](Args a) { return where(a[0] > 0.0, 3.0 * a[0], a[1]); }), "3[x > 0]");
  EXPECT_EQ(math([](Args a) { return maximum(a[0], a[1]); }), "[x > y] unless x == y");
}

TEST(Symbolic, of_a_quotient) {
  EXPECT_EQ(math([](Args a) { return (a[0] + 1.0) / (a[0] - 2.0); }),
            "1 / (x - 2) - (x + 1) / (x - 2)²");
  EXPECT_EQ(math([](Args a) { return a[1] / a[0]; }), "-y/x²");
}

TEST(Symbolic, of_sums_over_an_array_is_its_element) {
  const Tensor xs[] = {Tensor{1, 2, 3}};
  const int wrt[] = {0};
  EXPECT_EQ(derivative_text([](Args a) { return sum(a[0] * a[0]); }, xs, names, wrt)[0].math, "2x");
  EXPECT_EQ(derivative_text([](Args a) { return log(sum(exp(a[0]))); }, xs, names, wrt)[0].program,
            "exp(x)/sum(exp(x))");
}

TEST(Symbolic, a_variable_may_be_called_e) {
  const std::string own[] = {"e"};
  const Tensor values[] = {2.0};
  const int wrt[] = {0};
  const Function f = [](Args a) { return square(a[0]) + exp(a[0]); };
  EXPECT_EQ(derivative_text(f, values, own, wrt)[0].program, "2*e + exp(e)");
}

TEST(Symbolic, says_why_there_is_no_formula) {
  const Tensor xs[] = {Tensor{{1, 2}, {3, 4}}};
  const int wrt[] = {0};
  EXPECT_EQ(derivative_text([](Args a) { return sum(exp(reshape(a[0], {4}))); }, xs, names, wrt)[0]
                .why_not,
            "the step reshape has no sign in a formula");
  const auto grown = derivative_text(
      [](Args a) {
        Tensor x = a[0];
        for (int i = 0; i < 60; ++i) x = sin(x + a[1]) * x;
        return x;
      },
      at, names, wrt)[0];
  EXPECT_EQ(grown.why_not, "it is longer than 4000 characters");
  EXPECT_EQ(grown.math, "");
}

TEST(Derivation, names_the_rule_and_its_law) {
  const auto steps = derivation(
      [](Args a) {
        const Tensor inner = square(a[0]);
        const Tensor product = a[0] * sin(inner);
        return product + a[1] / a[0];
      },
      at, names, 0, false);
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[0].rule, "power rule");
  EXPECT_EQ(steps[0].of, "(x²)'");
  EXPECT_EQ(steps[0].becomes, "2x");
  EXPECT_EQ(steps[0].law, "(u²)' = 2u·u'");
  EXPECT_EQ(steps[1].rule, "derivative of sin, chain rule");
  EXPECT_EQ(steps[1].law, "(sin u)' = u'·cos u");
  EXPECT_EQ(steps[1].becomes, "2x·cos(x²)");
  EXPECT_EQ(steps[2].rule, "product rule");
  EXPECT_EQ(steps[2].law, "(u·v)' = u'·v + u·v'");
  EXPECT_EQ(steps[2].becomes, "2x²·cos(x²) + sin(x²)");
  EXPECT_EQ(steps[3].rule, "reciprocal rule");
  EXPECT_EQ(steps[3].becomes, "-y/x²");
  EXPECT_EQ(steps[4].rule, "sum rule");
  EXPECT_EQ(steps[4].law, "(u + v)' = u' + v'");
}

TEST(Derivation, has_the_quotient_rule) {
  const auto steps = derivation([](Args a) { return a[0] / exp(a[0]); }, at, names, 0, true);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].rule, "exponential rule");
  EXPECT_EQ(steps[1].rule, "quotient rule");
  EXPECT_EQ(steps[1].law, "(u/v)' = u'/v - u*v'/v^2");
}

TEST(Derivation, is_for_one_number) {
  const Tensor xs[] = {Tensor{1, 2, 3}};
  try {
    derivation([](Args a) { return sum(a[0]); }, xs, names, 0, false);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "derivation: 'x' is f64[3]. Rules are shown for one number at a time.");
  }
}

TEST(Program, of_a_derivative_is_its_steps) {
  const int wrt[] = {0, 1};
  const Function f = [](Args a) {
    const Tensor product = a[0] * a[1];
    return product + sin(a[0]);
  };
  EXPECT_EQ(derivative_program(f, at, names, wrt),
            "t1 = cos(x)\n"
            "t2 = t1 + y\n"
            "d_x = t2\n"
            "d_y = x\n");
}

TEST(Program, keeps_clear_of_the_names_that_are_there) {
  const std::string taken[] = {"t1", "d_t1"};
  const Tensor values[] = {2.0, 3.0};
  const int wrt[] = {0};
  EXPECT_EQ(derivative_program([](Args a) { return exp(a[0]) * a[1]; }, values, taken, wrt),
            "t_1 = exp(t1)\n"
            "t_2 = d_t1 * t_1\n"
            "d_t1_ = t_2\n");
}

}  // namespace
}  // namespace gradus
