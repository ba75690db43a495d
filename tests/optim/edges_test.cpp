// Implicit solutions at their edges: starts under vmap, roots of roots, matrices, and exceptions.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/implicit.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

Tensor square_is(const Tensor& x, const Tensor& a) {
  return x * x - a;
}

TEST(RootEdges, each_example_goes_to_the_root_on_its_side_of_zero) {
  const auto slope =
      vmap(grad([](const Tensor& a, const Tensor& start) { return root(square_is, start, a); }));
  const auto d = numbers(slope(Tensor({1, 4, 9}), Tensor({1, -1, 30})));
  EXPECT_NEAR(d[0], 1.0 / 2, 1e-10);  // 1 / (2 x)
  EXPECT_NEAR(d[1], -1.0 / 4, 1e-10);
  EXPECT_NEAR(d[2], 1.0 / 6, 1e-10);
}

TEST(RootEdges, a_root_of_a_root_has_the_slope_of_a_cube) {
  const auto cube = [](const Tensor& a) {
    return root(
        [](const Tensor& y, const Tensor& goal) {
          return root([](const Tensor& x, const Tensor& c) { return x * x * x - c; }, Tensor(1.0),
                      y) -
                 goal;
        },
        Tensor(1.0), a);
  };
  EXPECT_NEAR(number(grad(cube)(2.0)), 12, 1e-9);
}

TEST(RootEdges, the_square_root_of_a_matrix_solves_its_lyapunov_equation) {
  const auto f = [](const Tensor& a) {
    return sum(root([](const Tensor& x, const Tensor& y) { return matmul(x, x) - y; }, eye(2), a));
  };
  const auto d = numbers(grad(f)(Tensor{{4, 0}, {0, 9}}));  // 1 / (s_i + s_j), s = (2, 3)
  const double expected[] = {1.0 / 4, 1.0 / 5, 1.0 / 5, 1.0 / 6};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(d[i], expected[i], 1e-10);
}

TEST(RootEdges, an_exception_on_the_way_leaves_no_recording_open) {
  int calls = 0;
  const auto f = [&](const Tensor& x, const Tensor& a) {
    if (++calls > 2) throw calls;
    return x * x - a;
  };
  EXPECT_THROW(grad([&](const Tensor& a) { return root(f, Tensor(1.0), a); })(4.0), int);
  EXPECT_EQ(Tape::open(), nullptr);
}

TEST(RootEdges, that_cannot_be_left_is_a_numeric_error) {
  EXPECT_THROW(root(square_is, Tensor(0.0), Tensor(4.0)), NumericError);
  EXPECT_THROW(root([](const Tensor&, const Tensor& a) { return a; }, Tensor(1.0), Tensor(4.0)),
               NumericError);
}

}  // namespace
}  // namespace gradus
