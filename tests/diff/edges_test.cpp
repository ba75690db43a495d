// Derivatives at their edges: kinks and branches in one batch, empty tensors, repeated places,
// rules that give nothing or too much or outlive their makers, and values and threads that meet a
// recording that is not theirs.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

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

TEST(VmapEdges, an_exception_in_a_body_leaves_the_derivative_around_it_usable) {
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

TEST(JacobianEdges, both_modes_give_the_same_four_axes_for_a_square_of_a_matrix) {
  const auto f = [](const Tensor& x) { return matmul(x, x); };
  const Tensor x{{0.5, -1}, {2, 0.3}};
  const Tensor forward = jacobian(f, {.mode = Mode::forward})(x);
  EXPECT_TRUE(same_bits(forward, jacobian(f, {.mode = Mode::reverse})(x)));
  EXPECT_EQ(numbers(row(row(forward, 0), 0)), (std::vector<double>{1, 2, -1, 0}));
}

TEST(JacobianEdges, of_nothing_is_empty) {
  const auto both = [](const Tensor& x) { return sum(x) * Tensor({1, 2}); };
  EXPECT_EQ(to_string(jacobian(both)(zeros(Shape{0})).type()), "f64[2,0]");
  EXPECT_EQ(to_string(hessian([](const Tensor& x) { return sum(x * x); })(zeros(Shape{0})).type()),
            "f64[0,0]");
}

TEST(GatherEdges, a_place_read_twice_gets_both_contributions) {
  const Tensor places = cast(Tensor({0, 0, 2}), DType::i64), x({1, 2, 3});
  EXPECT_EQ(numbers(hessian([&](const Tensor& t) { return sum(square(gather(t, places))); })(x)),
            (std::vector<double>{4, 0, 0, 0, 0, 0, 0, 0, 2}));
  EXPECT_EQ(
      numbers(hessian([&](const Tensor& t) { return sum(square(scatter_add(places, t, 3))); })(x)),
      (std::vector<double>{2, 2, 0, 2, 2, 0, 0, 0, 2}));
}

template <class Pull>
auto squared(Pull pull) {
  return custom_vjp([](const Tensor& x) { return x * x; }, pull, {.name = "mine", .exact = false});
}

TEST(CustomEdges, an_absent_cotangent_is_zero_in_every_transform) {
  const auto f = squared([](const Tensor&, const Tensor&, const Tensor&) { return Tensor(); });
  const Tensor x({1, 2});
  EXPECT_EQ(numbers(vmap(grad(f))(x)), (std::vector<double>{0, 0}));
  EXPECT_EQ(numbers(jacobian(f)(x)), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(numbers(jvp(f)(x, x).derivative), (std::vector<double>{0, 0}));
}

TEST(CustomEdges, too_many_cotangents_are_refused_word_for_word) {
  const auto f = squared([](const Tensor&, const Tensor&, const Tensor& y_bar) {
    return std::vector<Tensor>{y_bar, y_bar};
  });
  try {
    grad(f)(2.0);
    FAIL() << "two cotangents for one argument";
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(), "mine: the rule gave 2 cotangents for 1 arguments. Give one for each.");
  }
}

TEST(CustomEdges, an_exception_in_a_rule_leaves_no_recording_open) {
  const auto f =
      squared([](const Tensor& x, const Tensor&, const Tensor&) -> Tensor { throw x.rank(); });
  EXPECT_THROW(grad(f)(2.0), int);
  EXPECT_EQ(Tape::open(), nullptr);
}

TEST(Threads, each_have_recordings_of_their_own) {
  const auto f = [](const Tensor& x) { return sum(matmul(x, x) * x); };
  const Tensor x = reshape(arange(0, 32), Shape{4, 8});
  Tensor results[4];
  std::vector<std::thread> threads;
  for (Tensor& r : results)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) r = vmap(hessian(f))(x);
    });
  for (std::thread& t : threads) t.join();
  for (const Tensor& r : results) EXPECT_TRUE(same_bits(r, results[0]));
}

TEST(Escapes, a_value_of_a_closed_recording_is_refused_by_the_next_one) {
  Tensor kept;
  grad([&](const Tensor& x) { return kept = x * x; })(2.0);
  EXPECT_THROW(grad([&](const Tensor& x) { return x * kept; })(2.0), TraceError);
  EXPECT_THROW(grad([&](const Tensor&) { return kept; })(2.0), TraceError);
  EXPECT_THROW(grad([&](const Tensor& x) { return x; })(kept), TraceError);
}

TEST(Edges, the_slope_of_erfcx_keeps_its_digits_where_its_parts_cancel) {
  // mpmath, 60 digits.
  EXPECT_NEAR(number(grad(erfcx)(26.0)) / -0.00083275486624142985516, 1, 1e-15);
}

}  // namespace
}  // namespace gradus
