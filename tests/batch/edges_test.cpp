// vmap at its edges: kinks and branches not taken in one batch, empty batches, the most axes, and
// exceptions and values that leave a body.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

TEST(VmapEdges, a_branch_not_taken_is_silent_beside_one_that_is_up_to_the_third_order) {
  const auto f = [](const Tensor& x) { return where(x > 0.0, sqrt(x) * log(x), x * x); };
  const Tensor x({-1, 0, 4});
  const double l = std::log(4.0);
  const auto first = numbers(vmap(grad(f))(x));
  EXPECT_EQ(first[0], -2);
  EXPECT_EQ(first[1], 0);
  EXPECT_NEAR(first[2], (l / 2 + 1) / 2, 1e-15);
  const auto second = numbers(vmap(grad(grad(f)))(x));
  EXPECT_EQ(second[0], 2);
  EXPECT_EQ(second[1], 2);
  EXPECT_NEAR(second[2], -l / 32, 1e-15);
  const auto third = numbers(vmap(grad(grad(grad(f))))(x));
  EXPECT_EQ(third[0], 0);
  EXPECT_EQ(third[1], 0);
  EXPECT_NEAR(third[2], (3 * l - 2) / 256, 1e-15);
}

TEST(VmapEdges, ties_kinks_and_zeros_keep_their_conventions_beside_ordinary_examples) {
  EXPECT_TRUE(same_bits(vmap(grad([](const Tensor& x) { return max(x); }))(Tensor{{1, 1}, {2, 1}}),
                        Tensor{{0.5, 0.5}, {1, 0}}));
  EXPECT_EQ(numbers(vmap(grad([](const Tensor& x) { return norm(x); }))(Tensor{{0, 0}, {3, 4}})),
            (std::vector<double>{0, 0, 0.6, 0.8}));
  EXPECT_EQ(
      numbers(vmap(hessian([](const Tensor& x) { return prod(x); }))(Tensor{{0, 2, 3}, {0, 0, 3}})),
      (std::vector<double>{0, 3, 2, 3, 0, 0, 2, 0, 0, 0, 3, 0, 3, 0, 0, 0, 0, 0}));
}

TEST(VmapEdges, grad_of_vmap_of_hessian_under_vmap_is_a_loop) {
  const auto f = [](const Tensor& w) {
    return sum(vmap([](const Tensor& r) {
      return sum(hessian([](const Tensor& z) { return sum(tanh(z) * z); })(r));
    })(w));
  };
  const Tensor w{{0.5, -1}, {2, 0.3}};
  const Tensor batch = stack({w, w * 2.0, -w});
  const Tensor together = vmap(grad(f))(batch);
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(row(together, i), grad(f)(row(batch, i))));
}

TEST(VmapEdges, an_empty_batch_has_empty_jacobians) {
  const auto f = [](const Tensor& x) { return square(x); };
  EXPECT_EQ(to_string(vmap(jacobian(f))(zeros(Shape{0, 3})).type()), "f64[0,3,3]");
}

TEST(VmapEdges, more_than_eight_axes_are_refused_word_for_word) {
  const Tensor x = zeros(Shape{2, 2, 2, 2, 2, 2, 2, 2});
  const auto add_all = [](const Tensor& a, const Tensor& b) { return a + b; };
  try {
    vmap(add_all, {.in = {7, unmapped}})(x, x);
    FAIL() << "a tensor of nine axes";
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(),
                 "shape: [2,2,2,2,2,2,2,2] with one more axis: rank 9 is too many. A tensor has at "
                 "most 8 axes. Merge some with reshape.");
  }
}

TEST(VmapEdges, an_exception_in_a_body_closes_every_recording_it_leaves) {
  const auto inner = [](const Tensor& x) {
    return sum(hessian([](const Tensor& y) -> Tensor {
      if (y.rank() == 1) throw std::logic_error("mine");
      return y;
    })(x));
  };
  EXPECT_THROW(vmap(grad(inner))(Tensor{{1, 2}}), std::logic_error);
  EXPECT_EQ(Tape::open(), nullptr);
  EXPECT_EQ(numbers(grad([](const Tensor& x) {
              try {
                vmap([](const Tensor& r) -> Tensor { throw r.rank(); })(x);
              } catch (int) {
              }
              return sum(x * x);
            })(Tensor({1, 2}))),
            (std::vector<double>{2, 4}));
}

}  // namespace
}  // namespace gradus
