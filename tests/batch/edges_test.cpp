// vmap at its edges: the most axes, and exceptions that leave a body.
#include <gradus/base/error.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

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
    return vmap([](const Tensor& y) -> Tensor { throw y.rank(); })(x);
  };
  EXPECT_THROW(vmap(inner)(Tensor{{1, 2}}), int);
  EXPECT_EQ(Tape::open(), nullptr);
  EXPECT_EQ(numbers(vmap([](const Tensor& x) { return x * 2.0; })(Tensor({1, 2}))),
            (std::vector<double>{2, 4}));
}

}  // namespace
}  // namespace gradus
