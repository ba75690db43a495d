#include <gmock/gmock.h>
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

Trace traced(const Function& f, std::vector<std::string> names, std::vector<double> values,
             std::vector<int> wrt, std::string_view result = {}) {
  std::vector<Tensor> args;
  for (double v : values) args.push_back(scalar(v, DType::f64));
  return trace(f, args, names, wrt, result);
}

TEST(Trace, the_first_golden_page) {
  const Trace t = traced([](Args a) { return tanh(a[0] * a[1] + a[2]); }, {"w", "x", "b"},
                         {2, 0.5, -0.5}, {0, 2}, "y");
  EXPECT_EQ(to_text(t),
            "  id  step              value     bar      because\n"
            "  v0  w                 2.0000    0.3932   v3: bar * x\n"
            "  v1  x                 0.5000    .\n"
            "  v2  b                -0.5000    0.7864   v4: bar\n"
            "  v3  w * x             1.0000    0.7864   v4: bar\n"
            "  v4  v3 + b            0.5000    0.7864   v5: bar * (1 - y^2)\n"
            "  v5  tanh(v4) = y      0.4621    1.0000   seed\n");
}

TEST(Trace, the_chain_rule_through_a_sigmoid_and_a_squared_error) {
  const Trace t =
      traced([](Args a) { return square(named(sigmoid(named(a[0] * a[1], "z")), "a") - a[2]); },
             {"w", "x", "target"}, {0.5, 2, 1}, {0}, "L");
  EXPECT_NEAR(number(t.value), 0.072329, 5e-7);
  EXPECT_NEAR(number(t.grads[0]), -0.211508, 5e-7);
  EXPECT_EQ(to_text(t, {.numbers = true}),
            "  id  step              value     bar      because\n"
            "  v0  w                 0.5000   -0.2115   v3: bar * x = -0.1058 * 2.0000 = -0.2115\n"
            "  v1  x                 2.0000    .\n"
            "  v2  target            1.0000    .\n"
            "  v3  w * x = z         1.0000   -0.1058   v4: bar * (y * sigmoid(-z)) = -0.5379 * "
            "0.1966 = -0.1058\n"
            "  v4  sigmoid(z) = a    0.7311   -0.5379   v5: bar = -0.5379\n"
            "  v5  a - target       -0.2689   -0.5379   v6: bar * (2 * v5) = 1.0000 * -0.5379 = "
            "-0.5379\n"
            "  v6  v5^2 = L          0.0723    1.0000   seed\n");
}

TEST(Trace, the_parts_of_an_adjoint_add_up_to_the_gradient_of_grad_bit_for_bit) {
  // A 2-2-1 network with every product on its own.
  const std::vector<std::string> names = {"x1", "x2", "w11", "w12", "w21", "w22",
                                          "b1", "b2", "v1",  "v2",  "c"};
  const std::vector<double> at = {0.5, -1, 0.3, -0.2, 0.8, 0.1, 0.05, -0.3, 1.2, -0.7, 0.4};
  const Function net = [](Args a) {
    const Tensor h1 = tanh(a[2] * a[0] + a[3] * a[1] + a[6]);
    const Tensor h2 = tanh(a[4] * a[0] + a[5] * a[1] + a[7]);
    return square(sigmoid(a[8] * h1 + a[9] * h2 + a[10]) - 1);
  };
  std::vector<int> wrt;
  for (int i = 0; i < 11; ++i) wrt.push_back(i);
  const Trace t = traced(net, names, at, wrt);
  std::vector<Tensor> args;
  for (double v : at) args.push_back(scalar(v, DType::f64));
  const ValueAndGrads direct = value_and_grads(net, args, wrt);
  EXPECT_TRUE(same_bits(t.value, direct.value));
  int products = 0;
  for (size_t i = 0; i < 11; ++i) {
    EXPECT_TRUE(same_bits(t.grads[i], direct.grads[i])) << names[i];
    Tensor total;
    for (const Reason& r : t.rows[i].because) total = total.is_absent() ? r.part : total + r.part;
    EXPECT_TRUE(same_bits(total, direct.grads[i])) << names[i];
  }
  for (const TraceRow& row : t.rows) products += row.step.find(" * ") != std::string::npos;
  EXPECT_EQ(products, 6);
}

TEST(Trace, the_simple_net_of_the_course_has_its_numbers) {
  RandomState random(42);
  const auto weights = [&](Shape shape) {
    return from_vector(random.randn(element_count(shape)), shape) * 0.1;
  };
  const Tensor w1 = weights({4, 3}), w2 = weights({2, 4}), x{1, 2, 3}, bar{1, -1};
  const std::vector<Tensor> args = {w1, Tensor{0, 0, 0, 0}, w2, Tensor{0, 0}};
  const std::vector<std::string> names = {"W1", "b1", "W2", "b2"};
  const int wrt[] = {0, 1, 2, 3};
  const Trace t = trace(
      [&](Args a) {
        const Tensor z2 = matmul(a[2], relu(matmul(a[0], x) + a[1])) + a[3];
        return sum(named(z2, "z2") * bar);
      },
      args, names, wrt, "L");
  const auto z2 = std::ranges::find(t.rows, "z2", &TraceRow::label);
  ASSERT_NE(z2, t.rows.end());
  EXPECT_NEAR(numbers(z2->value)[0], -0.030928, 5e-7);
  EXPECT_NEAR(numbers(z2->value)[1], -0.036291, 5e-7);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(t.grads[i].shape(), args[i].shape()) << names[i];
  const std::vector<double> dw1 = numbers(t.grads[0]);
  EXPECT_NEAR(dw1[0], 0.125479, 5e-7);
  EXPECT_NEAR(dw1[1], 0.250959, 5e-7);
  EXPECT_NEAR(dw1[2], 0.376438, 5e-7);
  for (size_t i = 9; i < 12; ++i) EXPECT_EQ(dw1[i], 0);  // the dead unit
}

TEST(Trace, an_input_that_is_not_used_has_adjoint_zero) {
  const Trace t = traced([](Args a) { return exp(a[0]); }, {"x", "u"}, {0, 3}, {0, 1});
  EXPECT_EQ(to_text(t),
            "  id  step              value     bar      because\n"
            "  v0  x                 0.0000    1.0000   v2: bar * y\n"
            "  v1  u                 3.0000    0.0000   no step leads to the result\n"
            "  v2  exp(x)            1.0000    1.0000   seed\n");
}

TEST(Trace, a_value_used_twice_has_two_reasons) {
  const Trace t = traced([](Args a) { return a[0] * sin(a[0]); }, {"x"}, {2}, {0});
  ASSERT_EQ(t.rows[0].because.size(), 2u);
  EXPECT_EQ(t.rows[0].because[0].formula, "bar * v1");
  EXPECT_EQ(t.rows[0].because[1].formula, "bar * cos(x)");
  EXPECT_EQ(t.rows[0].because[1].slope, "cos(x)");
}

TEST(Trace, an_input_called_y_takes_the_word_from_the_rules) {
  const Trace t = traced([](Args a) { return tanh(a[0]); }, {"y"}, {1}, {0});
  EXPECT_EQ(t.rows[0].because[0].formula, "bar * (1 - v1^2)");
}

TEST(Trace, a_power_prints_without_the_branch_it_did_not_take) {
  const Trace t = traced([](Args a) { return pow(a[0], 3.0); }, {"x"}, {2}, {0});
  EXPECT_EQ(t.rows[1].step, "x^3");
  EXPECT_EQ(t.rows[0].because[0].formula, "bar * (3 * x^2)");
}

TEST(Trace, brackets_follow_precedence) {
  const auto step = [](const Function& f) {
    const Trace t = traced(f, {"x"}, {2}, {0});
    return t.rows.back().step;
  };
  EXPECT_EQ(step([](Args a) { return a[0] / -2.0; }), "x / -2");
  EXPECT_EQ(step([](Args a) { return pow(a[0], -2.0); }), "x^(-2)");
  EXPECT_EQ(step([](Args a) { return abs(a[0]); }), "|x|");
  EXPECT_EQ(step([](Args a) { return reciprocal(a[0]); }), "1 / x");
}

TEST(Trace, a_long_chain_takes_no_stack) {
  const Trace t = traced(
      [](Args a) {
        Tensor x = a[0];
        for (int i = 0; i < 100000; ++i) x = sin(x);
        return x;
      },
      {"x"}, {1}, {0});
  EXPECT_EQ(t.rows.size(), 100001u);
}

TEST(Trace, json_has_the_same_rows) {
  const Trace t = traced([](Args a) { return a[0] * 2.0; }, {"x"}, {3}, {0});
  EXPECT_EQ(
      to_json(t),
      "{\"value\":6,\"rows\":[{\"id\":\"v0\",\"step\":\"x\",\"label\":\"x\",\"type\":\"f64[]\","
      "\"value\":3,\"bar\":2,\"because\":[{\"from\":\"v1\",\"formula\":\"bar * 2\",\"part\":2,"
      "\"slope\":\"2\",\"slope_value\":2}]},{\"id\":\"v1\",\"step\":\"x * 2\",\"type\":"
      "\"f64[]\",\"value\":6,\"bar\":1,\"seed\":true,\"from\":[\"v0\"],\"because\":[]}]}");
}

TEST(Trace, asks_for_one_number) {
  const std::vector<Tensor> args = {Tensor{1, 2}};
  const std::vector<std::string> names = {"x"};
  const int wrt[] = {0};
  try {
    trace([](Args a) { return exp(a[0]); }, args, names, wrt);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "trace: the function returned f64[2], but trace differentiates one number, f64[]. "
                 "Take mean(...) or sum(...) first.");
  }
  EXPECT_EQ(trace([](Args a) { return exp(a[0]); }, args, names, {}).rows.size(), 2u);
}

}  // namespace
}  // namespace gradus
