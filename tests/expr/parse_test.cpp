#include <gmock/gmock.h>
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/expr/functions.h>
#include <gradus/expr/parse.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

using testing::ElementsAre;

Tensor value(std::string_view text, const std::string& at = {}) {
  Bindings b;
  if (!at.empty()) parse_bindings(at, b);
  return parse_expression(text)(b.names, b.values);
}

double calc(std::string_view text, const std::string& at = {}) {
  return number(value(text, at));
}

std::string complaint(std::string_view text) {
  try {
    value(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Expression, operators_bind_as_in_mathematics) {
  EXPECT_EQ(calc("2 + 3*4"), 14);
  EXPECT_EQ(calc("2 - 3 - 4"), -5);
  EXPECT_EQ(calc("2^3^2"), 512);
  EXPECT_EQ(calc("-2^2"), -4);
  EXPECT_EQ(calc("(-2)^2"), 4);
  EXPECT_EQ(calc("2^-1"), 0.5);
  EXPECT_EQ(calc("-x^2*3", "x=2"), -12);
  EXPECT_EQ(calc("2*-x", "x=3"), -6);
  EXPECT_EQ(calc("--x", "x=3"), 3);
  EXPECT_EQ(calc("8/2/2"), 2);
  EXPECT_EQ(calc("where(1 + 1 >= 2, 5, 6)"), 5);
  EXPECT_EQ(calc("(2 > 1) + (1 == 1)"), 2);
  EXPECT_EQ(calc("1e-3*1000"), 1);
  EXPECT_EQ(calc(".5"), 0.5);
  EXPECT_DOUBLE_EQ(calc("cos(pi)"), -1);
  EXPECT_EQ(calc("e", "e=3"), 3);
}

TEST(Expression, lists_are_tensors_that_broadcast) {
  EXPECT_EQ(to_string(value("[[1, 2], [3, 4]] + [10, 20]").type()), "f64[2,2]");
  EXPECT_THAT(numbers(value("[[1, 2], [3, 4]] @ [1, 1]")), ElementsAre(3, 7));
  EXPECT_THAT(numbers(value("[x, 2*x]", "x=3")), ElementsAre(3, 6));
  EXPECT_THAT(numbers(value("sum([[1, 2], [3, 4]], 0)")), ElementsAre(4, 6));
  EXPECT_THAT(numbers(value("sum([[1, 2], [3, 4]], -1)")), ElementsAre(3, 7));
  EXPECT_EQ(to_string(value("[]").type()), "f64[0]");
  EXPECT_EQ(calc("element([[1, 2], [3, 4]], 1, 0)"), 3);
  EXPECT_THAT(numbers(value("conv1d([1, 2, 3, 4], [1, 10])")), ElementsAre(21, 32, 43));
  EXPECT_THAT(numbers(value("conv2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]])")),
              ElementsAre(-4, -4, -4, -4));
  EXPECT_THAT(numbers(value("conv2d([[1, 2], [3, 4]], [[1]], 2, 1)")), ElementsAre(0, 0, 0, 4));
  EXPECT_THAT(numbers(value("max_pool2d([[1, 2, 3, 4], [5, 6, 7, 8]], 2)")), ElementsAre(6, 8));
  EXPECT_THAT(numbers(value("avg_pool2d([[1, 2, 3, 4], [5, 6, 7, 8]], 2, 1)")),
              ElementsAre(3.5, 4.5, 5.5));
}

TEST(Expression, the_result_may_have_a_name) {
  const Expression x = parse_expression("y = w*x + w");
  EXPECT_EQ(x.result(), "y");
  EXPECT_THAT(x.names(), ElementsAre("w", "x"));
  EXPECT_EQ(parse_expression("x == 1").result(), "");
}

TEST(Expression, bindings_may_use_those_before_them) {
  Bindings b;
  parse_bindings("x = 2, y=[x, 1+x], z = sum(y)", b);
  EXPECT_THAT(b.names, ElementsAre("x", "y", "z"));
  EXPECT_EQ(number(b.values[2]), 5);
}

TEST(Expression, errors_name_the_column) {
  EXPECT_EQ(complaint(""), "expression: column 1: there is nothing here");
  EXPECT_EQ(complaint("1 + "),
            "expression: column 5: the expression ends where a value is expected");
  EXPECT_EQ(complaint("(1 + 2"), "expression: column 1: this ( is never closed");
  EXPECT_EQ(complaint("1)"), "expression: column 2: this ) closes nothing");
  EXPECT_EQ(complaint("[1, 2)"), "expression: column 6: this ) closes nothing");
  EXPECT_EQ(complaint("2x"),
            "expression: column 2: a number and a name need a sign between them, as in 2*x");
  EXPECT_EQ(complaint("x (1)"), "expression: column 1: there is no function 'x'");
  EXPECT_EQ(complaint("1 $ 2"), "expression: column 3: '$' has no meaning here");
  EXPECT_EQ(complaint("1 + \xC3\xA9"),
            "expression: column 5: a value is expected before '\xC3\xA9'");
  EXPECT_EQ(complaint("2**3"), "expression: column 2: a power is written with ^");
  EXPECT_EQ(complaint("1 < 2 < 3"),
            "expression: column 7: comparisons do not chain; join two with logical_and");
  EXPECT_EQ(complaint("sigmoit(1)"),
            "expression: column 1: there is no function 'sigmoit'; did you mean sigmoid?");
  EXPECT_EQ(complaint("tanh(1, 2)"), "expression: column 1: tanh takes 1 argument, not 2");
  EXPECT_EQ(complaint("where(1)"), "expression: column 1: where takes 3 arguments, not 1");
  EXPECT_EQ(complaint("1, 2"),
            "expression: column 2: a comma stands between arguments or in a list");
  EXPECT_EQ(complaint("1 = 2"),
            "expression: column 3: = names the result, in front; equality is ==");
  EXPECT_EQ(complaint("x"), "expression: 'x' has no value. Give it one, as in --at x=1.");
  EXPECT_EQ(complaint("[[1, 2], [3]]"),
            "expression: a list holds f64[2] and f64[1]. All its parts must have one shape.");
  EXPECT_EQ(complaint("sum([1, 2], 0.5)"),
            "sum: the last arguments are axes or places, but 0.5 is not a whole number. Give "
            "integers there.");
}

TEST(Expression, no_input_is_too_deep) {
  constexpr size_t deep = 200000;
  EXPECT_EQ(calc(std::string(deep, '(') + "1" + std::string(deep, ')')), 1);
  EXPECT_EQ(calc(std::string(deep, '-') + "1"), 1);
  std::string tower = "1";
  for (size_t i = 0; i < deep; ++i) tower += "^1";
  EXPECT_EQ(calc(tower), 1);
  EXPECT_EQ(complaint(std::string(deep, '(')).substr(0, 11), "expression:");
  EXPECT_NE(complaint(std::string(20, '[') + "1" + std::string(20, ']')), "no error");
}

TEST(Expression, random_text_raises_an_error_or_has_a_value) {
  const std::string_view alphabet[] = {"1", "x",  "+", "-",   "*",     "/", "^",    "(",    ")",
                                       "[", "]",  ",", "sum", "tanh(", "=", "<",    "==",   " ",
                                       "@", ".5", "e", "2e3", "max(",  "y", "\xFF", "norm("};
  uint64_t state = 1;
  int values = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int k = 0; k < 8; ++k) {
      state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX
      text += alphabet[(state >> 33) % std::size(alphabet)];
    }
    try {
      value(text, "x=2");
      ++values;
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << text;
    }
  }
  EXPECT_GT(values, 0);
}

TEST(Functions, names_are_unique) {
  for (const ExprFunction& f : expr_functions()) EXPECT_EQ(find_function(f.name), &f) << f.name;
}

TEST(Expression, calls_distributions_by_their_dotted_names) {
  EXPECT_DOUBLE_EQ(number(value("normal.cdf(1.5, 1.5, 2)")), 0.5);
  EXPECT_DOUBLE_EQ(number(value("exponential.logpdf(2, 0.5) + gamma.mean(3, 2)")),
                   std::log(0.5) - 1 + 1.5);
  EXPECT_DOUBLE_EQ(number(value("sum(binomial.pmf([0, 1, 2], 2, 0.25))")), 1);
  EXPECT_DOUBLE_EQ(number(value("kl([0.5, 0.5], [0.25, 0.75])")),
                   0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3));
  // d/dm of the log-density of a normal number is (x - m) / s^2.
  const Expression f = parse_expression("normal.logpdf(x, m, 2)");
  EXPECT_THAT(f.names(), ElementsAre("x", "m"));
  const std::string names[] = {"x", "m"};
  EXPECT_DOUBLE_EQ(number(grad([&](const Tensor& m) {
                     const Tensor values[] = {Tensor(3.0), m};
                     return f(names, values);
                   })(Tensor(1.0))),
                   0.5);
  EXPECT_EQ(complaint("normal.logpfd(x, 0, 1)"),
            "expression: column 1: there is no function 'normal.logpfd'; did you mean "
            "normal.logpdf?");
  EXPECT_EQ(complaint("normal.cdf"),
            "expression: column 7: a sign such as * is missing before '.'");
  EXPECT_EQ(complaint("2 * normal.cdf(1)"), "normal.cdf: 1 arguments do not fit. It takes 3.");
}

std::string complaint_with_sizes(std::string_view text) {
  try {
    parse_expression(text, {.sizes = true});
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Expression, sizes_stand_behind_names_where_they_are_asked_for) {
  const Expression x = parse_expression("X[32, 784] @ transpose(X) + b[] * e", {.sizes = true});
  EXPECT_THAT(x.names(), ElementsAre("X", "b", "e"));
  EXPECT_EQ(x.shapes()[0], (Shape{32, 784}));
  EXPECT_EQ(x.shapes()[1], Shape{});
  EXPECT_EQ(x.shapes()[2], std::nullopt);
  EXPECT_EQ(complaint("X[3]"), "expression: column 2: a sign such as * is missing before '['");
  EXPECT_EQ(complaint_with_sizes("X[3"), "expression: column 4: the [ of column 2 is never closed");
  EXPECT_EQ(complaint_with_sizes("X[3,"),
            "expression: column 5: a size is expected, a whole number, as in X[3,4]");
  EXPECT_EQ(complaint_with_sizes("X[3,]"),
            "expression: column 5: a size is expected after the comma");
  EXPECT_EQ(complaint_with_sizes("X[-1]"),
            "expression: column 3: a size is expected, a whole number, as in X[3,4]");
  EXPECT_EQ(complaint_with_sizes("X[3 4]"), "expression: column 5: sizes are separated by commas");
  EXPECT_EQ(complaint_with_sizes("X[9223372036854775808]"),
            "expression: column 3: the size 9223372036854775808 does not fit 63 bits");
  EXPECT_EQ(complaint_with_sizes("X[1,1,1,1,1,1,1,1,1]"),
            "expression: column 19: a tensor has at most 8 axes");
  EXPECT_EQ(complaint_with_sizes("X[3] + X[4]"),
            "expression: column 9: X is [3] before, but [4] here");
}

TEST(Expression, parts_know_where_they_stand) {
  const std::string text = "-(x + 2)^3 * sum([x, -4])";
  std::vector<std::string> seen;
  const Expression f = parse_expression(text);
  const std::string names[] = {"x"};
  const Tensor values[] = {scalar(1, DType::f64)};
  f(names, values, [&](const ExpressionPart& p, const Tensor* value) {
    if (value) seen.push_back(text.substr(p.from, p.to - p.from) + " at " + text[p.at]);
  });
  EXPECT_THAT(seen, ElementsAre("x at x", "2 at 2", "x + 2 at +", "3 at 3", "(x + 2)^3 at ^",
                                "-(x + 2)^3 at -", "x at x", "-4 at 4", "[x, -4] at [",
                                "sum([x, -4]) at s", "-(x + 2)^3 * sum([x, -4]) at *"));
}

}  // namespace
}  // namespace gradus
