#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/check.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

double largest(const Tensor& x) {
  return x.size() == 0 ? 0 : number(max(abs(x)));
}

Tensor hilbert(int64_t n) {
  const Tensor i = iota(n, DType::f64);
  return 1.0 / (expand_dims(i, 1) + i + 1.0);
}

TEST(Lstsq, gives_the_shortest_of_the_best_answers) {
  // x + y = 2 and 2x + 2y = 4: the shortest solution is (1, 1).
  EXPECT_LT(largest(lstsq(Tensor{{1, 1}, {2, 2}}, Tensor{2, 4}) - 1.0), 1e-15);
  const Tensor a = drawn(14, {9, 4}), b = drawn(15, {9});
  const Tensor x = lstsq(a, b);
  EXPECT_LT(largest(matmul(transpose(a), matmul(a, x) - b)), 1e-13);
  EXPECT_LT(largest(x - matmul(pinv(a), b)), 1e-14);
}

TEST(Pinv, keeps_the_four_conditions_of_penrose) {
  const Tensor thin = drawn(16, {7, 3}), wide = drawn(17, {3, 5});
  for (const Tensor& a : {thin, wide, matmul(thin, wide)}) {  // the last has rank 3 of 5
    const Tensor x = pinv(a), ax = matmul(a, x), xa = matmul(x, a);
    EXPECT_LT(largest(matmul(ax, a) - a), 1e-13);
    EXPECT_LT(largest(matmul(xa, x) - x), 1e-13);
    EXPECT_LT(largest(ax - transpose(ax)), 1e-13);
    EXPECT_LT(largest(xa - transpose(xa)), 1e-13);
  }
}

TEST(Cond, is_the_stretch_and_infinite_where_something_is_lost) {
  EXPECT_DOUBLE_EQ(number(cond(eye(2) * Tensor{1000, 1})), 1000);
  EXPECT_NEAR(number(cond(hilbert(8))) / 1.525757e10, 1, 1e-5);
  EXPECT_EQ(number(cond(zeros({2, 2}))), INFINITY);
  // |A|_1 = 6 and |A^-1|_1 = 3.5; in the maximum norm 7 and 3.
  EXPECT_NEAR(number(cond(Tensor{{1, 2}, {3, 4}}, CondNorm::one)), 21, 1e-13);
  EXPECT_NEAR(number(cond(Tensor{{1, 2}, {3, 4}}, CondNorm::inf)), 21, 1e-13);
  EXPECT_NEAR(number(cond(Tensor{{1, 2}, {3, 4}}, CondNorm::frobenius)), 15, 1e-13);
}

TEST(MatrixRank, counts_what_is_not_rounding) {
  EXPECT_EQ(number(matrix_rank(Tensor{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}})), 2);
  EXPECT_EQ(number(matrix_rank(zeros({3, 2}))), 0);
  EXPECT_EQ(number(matrix_rank(Tensor{{1, 0}, {0, 1e-3}}, 1e-2)), 1);
}

TEST(IsSingular, takes_the_numbers_as_exact) {
  EXPECT_TRUE(is_singular(Tensor{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}));
  EXPECT_FALSE(is_singular(hilbert(13)));
  EXPECT_TRUE(is_singular(zeros({2, 2})));
  // Size says nothing: graded matrices have inverses.
  EXPECT_FALSE(is_singular(Tensor{{1, 0}, {0, 1e-40}}));
  EXPECT_FALSE(
      is_singular(Tensor{{1e200, 2, 1e-100}, {3, 1e-200, 1e-200}, {1e-100, 1e-200, 1e-300}}));
  EXPECT_TRUE(is_singular(Tensor{{1, 0, 0}, {0, 0x1p-90, 0x1p-89}, {0, 0x1p-91, 0x1p-90}}));
  EXPECT_FALSE(is_singular(zeros({0, 0})));
}

TEST(Expm, knows_rotations_nilpotents_and_large_matrices) {
  const Tensor turn = expm(Tensor{{0, -1}, {1, 0}});
  EXPECT_LT(largest(turn - Tensor{{std::cos(1), -std::sin(1)}, {std::sin(1), std::cos(1)}}), 1e-15);
  EXPECT_LT(largest(expm(Tensor{{0, 1, 2}, {0, 0, 3}, {0, 0, 0}}) -
                    Tensor{{1, 1, 3.5}, {0, 1, 3}, {0, 0, 1}}),
            2e-15);
  const Tensor e = expm(Tensor{{20, 0}, {0, -20}});
  EXPECT_NEAR(numbers(e)[0] / std::exp(20.0), 1, 20 * 8 * 0x1p-52);
  EXPECT_NEAR(numbers(e)[3] / std::exp(-20.0), 1, 20 * 8 * 0x1p-52);
  const Tensor x = drawn(18, {3, 3});
  const GradCheck c =
      check_grads([](std::span<const Tensor> a) { return sum(expm(a[0])); }, std::span(&x, 1), 2);
  EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
}

TEST(MatrixPower, counts_fibonacci_and_undoes_itself) {
  EXPECT_EQ(numbers(matrix_power(Tensor{{1, 1}, {1, 0}}, 50))[1], 12586269025);
  EXPECT_LT(largest(matrix_power(Tensor{{2, 1}, {1, 1}}, -3) -
                    inv(matrix_power(Tensor{{2, 1}, {1, 1}}, 3))),
            1e-12);
  EXPECT_EQ(numbers(matrix_power(Tensor{{3, 1}, {7, 2}}, 0)), (std::vector<double>{1, 0, 0, 1}));
}

TEST(Rank, bad_inputs_are_refused_word_for_word) {
  EXPECT_EQ(message([] {
              lstsq(zeros({3, 2}), zeros({2}));
            }),
            "lstsq: f64[3,2] and f64[2]: the right side needs one number a row. It is a vector (m) "
            "or has columns (..., m, k).");
  EXPECT_EQ(message([] {
              cond(zeros({0, 0}));
            }),
            "cond: f64[0,0] has no element. A condition number needs at least one row and one "
            "column.");
  EXPECT_EQ(message([] {
              expm(zeros({2, 3}));
            }),
            "expm: f64[2,3] is not square. The last two axes must be equal.");
}

TEST(Pinv, derivatives_are_right_where_singular_values_repeat_to_second_order) {
  const auto by_pinv = [](std::span<const Tensor> x) {
    const Tensor p = pinv(x[0]);
    return sum(sin(p) * iota(p.shape().back(), DType::f64));
  };
  const auto by_lstsq = [](std::span<const Tensor> x) { return sum(sin(lstsq(x[0], x[1]))); };
  const Tensor wide{{1, 2, 0, 1}, {0, 1, -1, 2}, {3, 0, 1, 1}};
  for (const Tensor& a : {eye(3), wide, transpose(wide)}) {
    const Tensor args[] = {a, slice_axis(Tensor{0.3, -1, 2, 0.7}, 0, {0, a.shape()[0]})};
    const GradCheck p = check_grads(by_pinv, std::span(args, 1), 2);
    EXPECT_TRUE(p.passed) << p.where << " " << p.worst << " " << to_string(a.type());
    const GradCheck l = check_grads(by_lstsq, args, 2);
    EXPECT_TRUE(l.passed) << l.where << " " << l.worst << " " << to_string(a.type());
  }
}

}  // namespace
}  // namespace gradus
