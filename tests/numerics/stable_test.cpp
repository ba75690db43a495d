// Functions whose textbook formulas leave the range of f64, at the places where these would.
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace gradus {
namespace {

constexpr double infinity = __builtin_huge_val();
using Numbers = std::vector<double>;

TEST(Softmax, of_huge_scores_is_finite_where_the_formula_is_not) {
  const Tensor z({1000, 2000, 3000});
  EXPECT_EQ(numbers(softmax(z)), (Numbers{0, 0, 1}));
  const Tensor e = exp(z);
  EXPECT_TRUE(std::isnan(number(row(e / sum(e), 0))));
  EXPECT_EQ(numbers(softmax(Tensor({{1e308, -1e308}, {-1e308, -1e308}}))),
            (Numbers{1, 0, 0.5, 0.5}));
  EXPECT_EQ(numbers(softmax(Tensor({0, -infinity}))), (Numbers{1, 0}));
  EXPECT_EQ(numbers(softmax(Tensor({{1000, 0}, {1000, 0}}), 0)), (Numbers{0.5, 0.5, 0.5, 0.5}));
}

TEST(LogSoftmax, keeps_what_softmax_underflows) {
  EXPECT_EQ(numbers(log_softmax(Tensor({0, -1000}))), (Numbers{0, -1000}));
  EXPECT_EQ(numbers(log_softmax(Tensor({0, -infinity}))), (Numbers{0, -infinity}));
}

TEST(LogSumExp, takes_infinities_and_nothing) {
  EXPECT_NEAR(number(logsumexp(Tensor({1000, 1000}))), 1000 + std::numbers::ln2, 1e-13);
  EXPECT_EQ(number(logsumexp(Tensor({-infinity, 3}))), 3);
  EXPECT_EQ(number(logsumexp(Tensor({-infinity, -infinity}))), -infinity);
  EXPECT_EQ(number(logsumexp(Tensor({infinity, 3}))), infinity);
  EXPECT_EQ(number(logsumexp(zeros({0}))), -infinity);
  EXPECT_EQ(numbers(logsumexp(zeros({2, 0}), {.axis = 1})), (Numbers{-infinity, -infinity}));
}

TEST(Sigmoid, and_its_kin_hold_at_both_ends) {
  EXPECT_EQ(numbers(sigmoid(Tensor({-1000, 1000}))), (Numbers{0, 1}));
  EXPECT_DOUBLE_EQ(number(sigmoid(Tensor(-700.0))), std::exp(-700.0));
  EXPECT_EQ(numbers(log_sigmoid(Tensor({-1000, 1000}))), (Numbers{-1000, 0}));
  EXPECT_EQ(numbers(softplus(Tensor({1000, -1000}))), (Numbers{1000, 0}));
  EXPECT_DOUBLE_EQ(number(softplus(Tensor(-40.0))), std::exp(-40.0));
  EXPECT_DOUBLE_EQ(number(hypot(Tensor(3e200), Tensor(4e200))), 5e200);
  EXPECT_DOUBLE_EQ(number(hypot(Tensor(3e-200), Tensor(4e-200))), 5e-200);
}

}  // namespace
}  // namespace gradus
