// Stacked linear maps are one linear map; with relu between them they are not.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

double apart(const Tensor& a, const Tensor& b) {
  return number(max(abs(a - b)));
}

TEST(LinearMaps, collapse_into_one_as_worked_by_hand) {
  // W' = W2 W1 = [[3,8],[1,2]], b' = W2 b1 + b2 = [5,0].
  const Tensor w1{{1, 2}, {1, 3}}, b1{1, -1}, w2{{1, 2}, {1, 0}}, b2{6, -1}, x{2, -1};
  EXPECT_EQ(apart(matmul(w2, w1), Tensor{{3, 8}, {1, 2}}), 0);
  EXPECT_EQ(apart(matmul(w2, matmul(w1, x) + b1) + b2, Tensor{3, 0}), 0);
  EXPECT_EQ(apart(matmul(Tensor{{3, 8}, {1, 2}}, x) + Tensor{5, 0}, Tensor{3, 0}), 0);
}

TEST(LinearMaps, of_any_depth_collapse_to_rounding_but_not_with_relu_between) {
  Tensor w = eye(6), b = zeros({6}), deep = drawn(1, {6}), bent = deep;
  const Tensor x = deep;
  for (uint64_t layer = 0; layer < 5; ++layer) {
    const Tensor wl = drawn(10 + layer, {6, 6}) / 3.0, bl = drawn(20 + layer, {6});
    deep = matmul(wl, deep) + bl;
    bent = relu(matmul(wl, bent) + bl);
    w = matmul(wl, w);
    b = matmul(wl, b) + bl;
  }
  EXPECT_LE(apart(deep, matmul(w, x) + b), 1e-12);
  // A map that is not affine: the middle of two points is not where the middle of its values is.
  const auto network = [](Tensor z) {
    for (uint64_t layer = 0; layer < 5; ++layer)
      z = relu(matmul(drawn(10 + layer, {6, 6}) / 3.0, z) + drawn(20 + layer, {6}));
    return z;
  };
  EXPECT_GT(apart(network(zeros({6})), 0.5 * (network(x) + network(-x))), 1e-3);
  EXPECT_EQ(apart(network(x), bent), 0);
}

}  // namespace
}  // namespace gradus
