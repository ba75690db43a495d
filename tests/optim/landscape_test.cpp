#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/landscape.h>
#include <gradus/optim/minimise.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return from_vector(z, shape);
}

TEST(Landscape, a_direction_is_as_long_as_each_filter_and_leaves_biases) {
  const std::vector<Tensor> params = {Tensor({{3, 4}, {0, 0}, {1, 0}}), Tensor({5.0, 6.0})};
  const std::vector<Tensor> d = filter_normalised(key_from_seed(1), params);
  const auto rows = numbers(norm(d[0], {.axis = 1}));
  EXPECT_NEAR(rows[0], 5, 1e-14);
  EXPECT_EQ(rows[1], 0);
  EXPECT_NEAR(rows[2], 1, 1e-15);
  EXPECT_EQ(numbers(d[1]), (std::vector<double>{0, 0}));
  // Weights twice as long have slices of the same shape: relu networks are scale-free.
  const std::vector<Tensor> twice = {2 * params[0], params[1]};
  EXPECT_EQ(numbers(filter_normalised(key_from_seed(1), twice)[0]), numbers(2 * d[0]));
}

TEST(Landscape, slices_are_the_loss_where_they_say) {
  const Function loss = [](std::span<const Tensor> p) { return sum(square(p[0])) + 1; };
  const std::vector<Tensor> at = {Tensor({1, 0})}, x = {Tensor({1, 0})}, y = {Tensor({0, 2})};
  const LossLine line = loss_along(loss, at, x, -1, 1, 3);
  EXPECT_EQ(line.t, (std::vector<double>{-1, 0, 1}));
  EXPECT_EQ(line.loss, (std::vector<double>{1, 2, 5}));
  const LossPlane plane = loss_around(loss, at, x, y, 1, 3);
  EXPECT_EQ(plane.loss[0], (std::vector<double>{5, 6, 9}));
  EXPECT_EQ(plane.loss[1], line.loss);
}

TEST(Landscape, the_barrier_between_two_wells_is_their_ridge) {
  const Function wells = [](std::span<const Tensor> p) {
    return sum(square(square(p[0]) - 1)) + 0.5 * sum(p[0]);
  };
  const std::vector<Tensor> a = {Tensor({-1.0})}, b = {Tensor({1.0})};
  const Barrier barrier = barrier_between(wells, a, b, 21);
  EXPECT_NEAR(barrier.height, 1, 1e-12);  // the linear part is taken away
  EXPECT_EQ(barrier.at, 0.5);
  EXPECT_EQ(
      barrier_between([](std::span<const Tensor> p) { return sum(square(p[0])); }, a, b, 21).height,
      0);
}

// XOR on 8 points by 2-w-1 networks from 50 seeds, in f64 and by L-BFGS. Narrow ones stop at many
// heights; wide ones all come down.
TEST(Landscape, most_minima_of_a_wide_network_are_good_and_those_of_a_narrow_one_are_not) {
  const Tensor x({{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0.1, 0.9}, {0.9, 0.1}, {0.1, 0.1}, {0.9, 0.9}});
  const Tensor y({0, 1, 1, 0, 1, 1, 0, 0});
  const auto ends = [&](int64_t width) {
    std::vector<double> losses;
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const int64_t n = width * 4 + 1;
      const auto loss = [&](const Tensor& p) {
        const auto part = [&](int64_t from, int64_t to) { return slice_axis(p, 0, {from, to}); };
        const Tensor w = reshape(part(0, 2 * width), {2, width}), b = part(2 * width, 3 * width);
        const Tensor h = tanh(matmul(x, w) + b);
        return mean(square(matmul(h, part(3 * width, 4 * width)) + part(4 * width, n) - y));
      };
      losses.push_back(
          minimise(loss, 2 * drawn(seed, {n}), {.tolerance = 1e-7, .iterations = 400}).value);
    }
    std::ranges::sort(losses);
    return losses;
  };
  const std::vector<double> narrow = ends(2), wide = ends(12);
  const auto stuck = [](const std::vector<double>& losses) {
    return std::ranges::count_if(losses, [](double l) { return l > 0.02; });
  };
  EXPECT_GT(stuck(narrow), 5);
  EXPECT_EQ(stuck(wide), 0);
  EXPECT_LT(wide.back(), 1e-3);
}

TEST(Landscape, says_what_does_not_fit) {
  const Function loss = [](std::span<const Tensor> p) { return sum(p[0]); };
  const std::vector<Tensor> a = {Tensor({1.0})}, b = {Tensor({1.0, 2.0})};
  try {
    barrier_between(loss, a, b, 5);
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(),
                 "barrier_between: 1 weights and 1 in the direction, or types that differ. Both "
                 "are one network's.");
  }
  EXPECT_THROW(loss_along(loss, a, a, 0, 1, 1), UsageError);
}

}  // namespace
}  // namespace gradus
