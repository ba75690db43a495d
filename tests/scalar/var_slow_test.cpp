// Ten million nodes: no recursion, nothing left behind.
#include <gradus/scalar/var.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus::scalars {
namespace {

TEST(Tape, ten_million_nodes_in_a_row_have_the_slopes_of_the_closed_form) {
  // s <- a s + x: with |a| < 1 the limit is x / (1 - a).
  const auto f = [](auto x) {
    auto s = 0 * x[1];
    for (int i = 0; i < 5'000'000; ++i) s = x[0] * s + x[1];
    return s;
  };
  const double a = 0.75, x = 2;
  for (int round = 0; round < 3; ++round) {
    const auto [value, g] = value_and_gradient(f, std::vector{a, x});
    EXPECT_DOUBLE_EQ(value, x / (1 - a));
    EXPECT_DOUBLE_EQ(g[0], x / ((1 - a) * (1 - a)));
    EXPECT_DOUBLE_EQ(g[1], 1 / (1 - a));
    EXPECT_GT(detail::tape<double>().blocks.size() * detail::block_size, 9'990'000U);
    EXPECT_LT(detail::tape<double>().blocks.size() * detail::block_size, 10'010'000U);
  }
}

TEST(Tape, a_million_nodes_of_the_second_order_have_the_curvature_of_the_closed_form) {
  const auto f = [](auto x) {
    auto s = 0 * x[1];
    for (int i = 0; i < 500'000; ++i) s = x[0] * s + x[1];
    return s;
  };
  const std::vector<double> h = hessian(f, std::vector{0.75, 2.0});
  EXPECT_NEAR(h[0], 2 * 2 / std::pow(0.25, 3), 1e-11);
  EXPECT_NEAR(h[1], 16, 1e-12);
  EXPECT_NEAR(h[2], 16, 1e-12);
  EXPECT_NEAR(h[3], 0, 1e-12);
}

}  // namespace
}  // namespace gradus::scalars
