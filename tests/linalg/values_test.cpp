#include <gradus/linalg/spectral.h>

#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

Tensor hilbert(int64_t n) {
  const Tensor i = iota(n, DType::f64);
  return 1.0 / (expand_dims(i, 1) + i + 1.0);
}

void expect_close(const Tensor& got, const std::vector<double>& want, double relative) {
  const auto x = numbers(got);
  ASSERT_EQ(x.size(), want.size());
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_LE(std::fabs(x[i] - want[i]), relative * std::fabs(want[i]))
        << i << ": " << x[i] << ", not " << want[i];
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

// Eigenvalues of the exact Hilbert matrix of order 8, from 60-digit arithmetic.
const std::vector<double> hilbert_8 = {1.6959389969219494521,    0.29812521131693070618,
                                       0.026212843578119047797,  0.0014676881177418673116,
                                       5.4369433697499423624e-5, 1.2943320918728114803e-6,
                                       1.7988737458175766773e-8, 1.1115389663724424271e-10};

TEST(Svdvals, numbers_worked_by_hand_come_out) {
  const auto s = numbers(svdvals(Tensor{{1, 2, 3}, {4, 5, 6}}));
  EXPECT_NEAR(s[0], 9.508032000695724, 1e-14);
  EXPECT_NEAR(s[1], 0.7728696356734838, 1e-14);
  expect_close(svdvals(Tensor{{3, 0}, {0, -4}}), {4, 3}, 0);
  expect_close(svdvals(Tensor{{1, 1}, {1, 1}}), {2, 0}, 1e-15);
}

TEST(Svdvals, rows_columns_zeros_and_nothing_are_matrices_too) {
  expect_close(svdvals(Tensor{{3, 4}}), {5}, 1e-16);
  expect_close(svdvals(transpose(Tensor{{3, 4}})), {5}, 1e-16);
  expect_close(svdvals(full({1, 1}, -7)), {7}, 0);
  expect_close(svdvals(zeros({3, 2})), {0, 0}, 0);
  EXPECT_EQ(to_string(svdvals(zeros({0, 3})).type()), "f64[0]");
  EXPECT_EQ(to_string(svdvals(zeros({4, 0})).type()), "f64[0]");
  EXPECT_EQ(to_string(svdvals(zeros({0, 4, 3})).type()), "f64[0,3]");
}

TEST(Svdvals, a_batch_is_one_matrix_after_the_other) {
  const Tensor a = drawn(1, {3, 2, 5, 4});
  const Tensor s = svdvals(a);
  EXPECT_EQ(to_string(s.type()), "f64[3,2,4]");
  EXPECT_TRUE(same_bits(row(row(s, 2), 1), svdvals(row(row(a, 2), 1))));
}

TEST(Svdvals, the_layout_in_memory_does_not_matter_and_a_transpose_has_the_same_values) {
  const Tensor a = drawn(2, {6, 4});
  const Tensor copy = from_bytes(transpose(a).type(), bytes_of(transpose(a)));
  EXPECT_TRUE(same_bits(svdvals(transpose(a)), svdvals(copy)));
  expect_close(svdvals(transpose(a)), numbers(svdvals(a)), 1e-14);
}

TEST(Svdvals, squares_add_up_to_the_frobenius_norm_and_products_to_the_determinant) {
  for (uint64_t seed = 1; seed < 6; ++seed) {
    const Tensor a = drawn(seed, {17, 9});
    const Tensor s = svdvals(a);
    EXPECT_NEAR(number(sum(square(s))) / number(sum(square(a))), 1, 1e-14);
    for (size_t i = 1; i < 9; ++i) EXPECT_GE(numbers(s)[i - 1], numbers(s)[i]);
  }
  const Tensor b{{2, 1, 0}, {1, 3, 1}, {0, 1, 4}};  // determinant 18
  EXPECT_NEAR(number(prod(svdvals(b))), 18, 1e-13);
}

TEST(Svdvals, hilbert_keeps_its_smallest_values) {
  const Tensor s = svdvals(hilbert(8));
  // Rounding the entries to f64 alone moves the smallest by up to 1e-6 of itself.
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(numbers(s)[i] / hilbert_8[i], 1, i < 5 ? 1e-11 : 1e-6) << i;
}

TEST(Svdvals, columns_of_very_different_scale_keep_full_relative_accuracy) {
  // (3,4) 1e140 and (1,7) 1e-140: the product of the values is the determinant 17, the first is
  // 5e140.
  expect_close(svdvals(Tensor{{3e140, 1e-140}, {4e140, 7e-140}}), {5e140, 3.4e-140}, 2e-15);
  const Tensor scale{1e-30, 1e20, 1, 1e-10};
  const Tensor q =
      Tensor{{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};  // orthogonal, length 2
  expect_close(svdvals(q * scale), {2e20, 2, 2e-10, 2e-30}, 1e-15);
}

TEST(Svdvals, huge_and_tiny_matrices_neither_overflow_nor_vanish) {
  const auto want = numbers(svdvals(Tensor{{1, 2, 3}, {4, 5, 6}}));
  for (double scale : {0x1p1000, 0x1p-1000})
    expect_close(svdvals(Tensor{{1, 2, 3}, {4, 5, 6}} * scale), {want[0] * scale, want[1] * scale},
                 0);
  expect_close(svdvals(Tensor{{5e-324, 0}, {0, 5e-324}}), {5e-324, 5e-324}, 0);
}

TEST(Svdvals, lost_rank_and_repeated_values_show) {
  const Tensor thin = drawn(3, {8, 2});
  const auto s = numbers(svdvals(matmul(thin, transpose(thin))));
  for (size_t i = 2; i < 8; ++i) EXPECT_LT(s[i], 1e-14 * s[0]);
  expect_close(svdvals(eye(6) * 3.0), {3, 3, 3, 3, 3, 3}, 0);
  expect_close(svdvals(Tensor{{1, 1}, {1, -1}}), {std::sqrt(2), std::sqrt(2)}, 1e-15);
}

TEST(Svdvals, f32_agrees_with_f64_to_its_rounding) {
  const Tensor a = cast(drawn(4, {9, 6}), DType::f32);
  expect_close(cast(svdvals(a), DType::f64), numbers(svdvals(cast(a, DType::f64))), 2e-6);
}

TEST(Svdvals, a_layer_of_784_by_128_settles) {
  const Tensor a = drawn(5, {784, 128});
  const Tensor s = svdvals(a);
  EXPECT_NEAR(number(sum(square(s))) / number(sum(square(a))), 1, 1e-13);
  const auto top = numbers(eigvalsh(matmul(transpose(a), a)));
  EXPECT_NEAR(numbers(s)[0] * numbers(s)[0] / top.back(), 1, 1e-12);
  EXPECT_NEAR(numbers(s)[127] * numbers(s)[127] / top.front(), 1, 1e-11);
}

TEST(Svdvals, what_is_no_finite_matrix_is_refused_word_for_word) {
  EXPECT_EQ(message([] {
              svdvals(Tensor{{1, 2}, {std::nan(""), INFINITY}});
            }),
            "svdvals: element [1,0] is nan. Linear algebra needs finite numbers. Find where it "
            "came from, or replace it with where(isfinite(x), x, 0).");
  EXPECT_EQ(message([] {
              eigvalsh(Tensor{{1, -INFINITY}, {2, 1}});
            }),
            "eigvalsh: element [0,1] is -inf. Linear algebra needs finite numbers. Find where it "
            "came from, or replace it with where(isfinite(x), x, 0).");
  EXPECT_EQ(message([] { svdvals(ones({3})); }),
            "svdvals: f64[3] is not a matrix. It needs at least two axes. Use reshape to make a "
            "row or a column.");
}

TEST(Svdvals, agree_with_those_that_come_with_vectors) {
  for (const Shape& shape : {Shape{3, 3}, Shape{4, 9}, Shape{30, 12}, Shape{40, 40}}) {
    const Tensor a = drawn(7, shape), s = svd(a).s;
    expect_close(svdvals(a), numbers(s), 1e-13);
  }
}

TEST(Eigvalsh, numbers_worked_by_hand_come_out) {
  expect_close(eigvalsh(Tensor{{2, 1}, {1, 2}}), {1, 3}, 1e-15);
  expect_close(eigvalsh(Tensor{{0, 1}, {1, 0}}), {-1, 1}, 1e-15);
  expect_close(eigvalsh(Tensor{{2, -1, 0}, {-1, 2, -1}, {0, -1, 2}}),
               {2 - std::sqrt(2), 2, 2 + std::sqrt(2)}, 1e-15);
  expect_close(eigvalsh(full({1, 1}, -5)), {-5}, 0);
  EXPECT_EQ(to_string(eigvalsh(zeros({0, 0})).type()), "f64[0]");
  EXPECT_EQ(to_string(eigvalsh(zeros({3, 2, 2})).type()), "f64[3,2]");
}

TEST(Eigvalsh, the_second_difference_matrix_has_its_cosines) {
  const int64_t n = 40;
  const Tensor i = iota(n, DType::f64), away = abs(expand_dims(i, 1) - i);
  std::vector<double> want;
  for (int64_t k = 1; k <= n; ++k)
    want.push_back(
        2 - 2 * std::cos(static_cast<double>(k) * std::acos(-1.0) / static_cast<double>(n + 1)));
  expect_close(eigvalsh(where(away == 0.0, 2.0, where(away == 1.0, -1.0, 0.0))), want, 1e-12);
}

TEST(Eigvalsh, trace_and_squares_agree_with_the_matrix) {
  const Tensor g = drawn(6, {12, 12});
  const Tensor a = g + transpose(g);
  const Tensor w = eigvalsh(a);
  EXPECT_NEAR(number(sum(w)), number(trace(a)), 1e-12);
  EXPECT_NEAR(number(sum(square(w))) / number(sum(square(a))), 1, 1e-14);
  std::vector<double> sizes = numbers(abs(w));
  std::sort(sizes.rbegin(), sizes.rend());
  expect_close(svdvals(a), sizes, 1e-12);
}

TEST(Eigvalsh, hilbert_and_graded_matrices_keep_their_smallest_values) {
  const auto w = numbers(eigvalsh(hilbert(8)));
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(w[7 - i] / hilbert_8[i], 1, i < 5 ? 1e-11 : 1e-6) << i;
  // Diagonal 1, 1e-10, 1e-20 scaled from [[4,1,1],[1,4,1],[1,1,4]]: the smallest is det / 15 of the
  // rest.
  const Tensor d{1, 1e-10, 1e-20};
  const Tensor a = Tensor{{4, 1, 1}, {1, 4, 1}, {1, 1, 4}} * expand_dims(d, 1) * d;
  expect_close(eigvalsh(a), {54.0 / 15 * 1e-40, 15.0 / 4 * 1e-20, 4}, 1e-15);
}

TEST(Eigvalsh, halves_that_differ_by_more_than_rounding_are_refused_word_for_word) {
  EXPECT_EQ(message([] {
              eigvalsh(Tensor{{1, 2}, {3, 4}});
            }),
            "eigvalsh: f64[2,2] is not symmetric: element [1,0] is 3, but element [0,1] is 2. Both "
            "halves must be equal. Take (a + transpose(a)) / 2 if they should be.");
  EXPECT_EQ(message([] {
              eigvalsh(ones({2, 3}));
            }),
            "eigvalsh: f64[2,3] is not square. The last two axes must be equal.");
  expect_close(eigvalsh(Tensor{{2, 1 + 1e-15}, {1, 2}}), {1, 3}, 1e-14);
}

TEST(Eigvalsh, agree_with_those_that_come_with_vectors) {
  for (const int64_t n : {2, 4, 5, 33}) {
    const Tensor g = drawn(8, {n, n}), a = g + transpose(g), w = eigh(a).values;
    EXPECT_LE(number(max(abs(eigvalsh(a) - w))),
              1e-14 * number(max(abs(w))) * static_cast<double>(n))
        << n;
  }
}

void expect_checked(const std::function<Tensor(const Tensor&)>& f, const Tensor& a, int order) {
  const Tensor args[] = {a};
  const GradCheck c = check_grads([f](std::span<const Tensor> x) { return f(x[0]); }, args, order);
  EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
}

TEST(Values, have_derivatives_in_both_modes_to_third_order) {
  expect_checked([](const Tensor& a) { return sum(sin(svdvals(a))); }, drawn(9, {3, 4}), 3);
  expect_checked([](const Tensor& a) { return sum(sin(eigvalsh(a + transpose(a)))); },
                 drawn(10, {4, 4}), 3);
  expect_checked([](const Tensor& a) { return spectral_norm(a) * nuclear_norm(a); },
                 drawn(11, {6, 5}), 2);
}

TEST(Values, where_they_repeat_what_is_the_same_for_all_of_them_has_its_gradient) {
  const Tensor a = diag(Tensor{1, 1, 2, 3});
  expect_close(grad([](const Tensor& x) { return norm(svdvals(x)); })(a),
               numbers(a / std::sqrt(15.0)), 1e-15);
  expect_close(grad([](const Tensor& x) { return nuclear_norm(x); })(a), numbers(eye(4)), 1e-15);
  // 2 A, and in forward mode along D: 2 sum A D.
  const auto squares = [](const Tensor& x) { return sum(square(eigvalsh(x))); };
  expect_close(grad(squares)(a), numbers(2.0 * a), 1e-15);
  EXPECT_NEAR(number(jvp(squares)(a, ones({4, 4})).derivative), 14, 1e-14);
}

TEST(Values, the_derivative_is_computed_from_the_values_alone_until_it_is_asked_for) {
  const Tensor a = drawn(12, {8, 5});
  uint64_t kernels = 0;
  const auto w = vjp([&](const Tensor& x) {
    const WorkCounter counter;
    const Tensor s = svdvals(x);
    kernels = counter.kernels();
    return s;
  })(a, ones({5}));
  EXPECT_EQ(kernels, 1u);
  const Svd d = svd(a);
  EXPECT_LE(number(max(abs(w.derivative - matmul(d.u, d.vt)))), 1e-13);
  EXPECT_TRUE(same_bits(w.value, svdvals(a)));
}

}  // namespace
}  // namespace gradus