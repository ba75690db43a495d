#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/trust.h>
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
Tensor hilbert(int64_t n) {
  const Tensor i = iota(n, DType::f64);
  return 1.0 / (expand_dims(i, 1) + i + 1.0);
}

TEST(Trust, of_a_system_says_how_many_digits_may_be_lost_and_how_few_are) {
  const Tensor a = hilbert(8), x = ones({8});
  const Solution s = solve_with_report(a, matmul(a, x));
  EXPECT_NEAR(s.trust.condition / 1.526e10, 1, 1e-3);
  EXPECT_NEAR(s.trust.digits_lost, 10.18, 0.01);
  EXPECT_NEAR(s.trust.digits, 15.95, 0.01);
  EXPECT_LT(s.trust.roundings, 10);
  // What was lost stays within what was said.
  EXPECT_LT(number(max(abs(s.x - x))), std::pow(10, s.trust.digits_lost - s.trust.digits) * 10);
  EXPECT_EQ(s.trust.rank.rank, 8);
  EXPECT_NEAR(solve_with_report(cast(a, DType::f32), cast(x, DType::f32)).trust.digits, 7.22, 0.01);
}

TEST(Trust, a_wrong_answer_shows_in_the_residual_and_a_right_one_does_not) {
  const Tensor a = drawn(1, {20, 20}), b = drawn(2, {20}), x = solve(a, b);
  EXPECT_LT(backward_error(a, x, b), 1e-15);
  EXPECT_GT(backward_error(a, x + 1e-6, b), 1e-8);
  EXPECT_DOUBLE_EQ(misfit(Tensor{{1, 2}, {3, 5}}, Tensor{{1, 2}, {3, 4}}, Tensor{{0, 3}, {4, 0}}),
                   0.2);
  EXPECT_EQ(misfit(zeros({2, 2}), zeros({2, 2}), zeros({2, 2})), 0);
}

TEST(Trust, of_matrices_near_the_ends_of_the_range_is_that_of_their_scaled_selves) {
  const Tensor a = drawn(3, {6, 6}), b = drawn(4, {6});
  const Trust near = solve_with_report(a, b).trust;
  for (const double scale : {0x1p900, 0x1p-900}) {
    const Trust far = solve_with_report(a * scale, b * scale).trust;
    EXPECT_NEAR(far.residual / near.residual, 1, 1e-12);
    EXPECT_NEAR(far.condition / near.condition, 1, 1e-12);
  }
  EXPECT_NEAR(frobenius_norm(Tensor{{3e200, 0}, {0, 4e200}}) / 5e200, 1, 1e-15);
}

TEST(Trust, the_rank_decision_shows_both_sides_of_its_threshold) {
  const Tensor a = diag(Tensor{4, 2, 1e-17});
  const RankDecision r = rank_decision(a);
  EXPECT_EQ(r.rank, 2);
  EXPECT_EQ(r.full, 3);
  EXPECT_DOUBLE_EQ(r.threshold, 4 * 3 * 0x1p-52);
  EXPECT_EQ(r.least_kept, 2);
  EXPECT_EQ(r.largest_dropped, 1e-17);
  EXPECT_EQ(rank_decision(a, 0.6).rank, 1);
  EXPECT_EQ(rank_decision(zeros({2, 3})).rank, 0);
  EXPECT_EQ(rank_decision(zeros({0, 3})).full, 0);
}

TEST(Trust, of_least_squares_counts_what_no_x_explains_as_no_error) {
  const Tensor a{{1, 0}, {0, 1}, {0, 0}};
  const Solution s = lstsq_with_report(a, Tensor{1, 2, 3});
  EXPECT_NEAR(number(max(abs(s.x - Tensor{1, 2}))), 0, 1e-15);
  EXPECT_LT(s.trust.roundings, 1);
  EXPECT_LT(lstsq_with_report(drawn(5, {30, 4}), drawn(6, {30})).trust.roundings, 10);
  const Tensor flat = matmul(drawn(7, {5, 2}), drawn(8, {2, 5}));
  const Solution p = pinv_with_report(flat);
  EXPECT_EQ(p.trust.rank.rank, 2);
  EXPECT_LT(p.trust.roundings, 10);
  EXPECT_LT(inv_with_report(drawn(9, {9, 9})).trust.roundings, 10);
}

TEST(Trust, takes_one_matrix_at_a_time) {
  try {
    solve_with_report(ones({2, 3, 3}), ones({3}));
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "solve_with_report: f64[2,3,3] is a batch. It takes one matrix at a time.");
  }
}

TEST(Spectrum, of_a_diagonal_is_worked_by_hand) {
  const Spectrum s = spectrum(diag(Tensor{2, -1, 1}));
  EXPECT_NEAR(s.spectral, 2, 1e-15);
  EXPECT_NEAR(s.frobenius, std::sqrt(6.0), 1e-15);
  EXPECT_NEAR(s.nuclear, 4, 1e-15);
  EXPECT_NEAR(s.condition, 2, 1e-15);
  EXPECT_NEAR(s.stable_rank, 1.5, 1e-15);
  // Shares 1/2, 1/4, 1/4 have an entropy of 1.5 bits.
  EXPECT_NEAR(s.effective_rank, std::pow(2, 1.5), 1e-14);
  EXPECT_NEAR(spectrum(eye(7)).effective_rank, 7, 1e-13);
  EXPECT_EQ(spectrum(zeros({2, 3})).stable_rank, 0);
  EXPECT_TRUE(std::isinf(spectrum(ones({2, 2}) * 0.0).condition));
  EXPECT_NEAR(spectrum(0x1p900 * eye(3)).stable_rank, 3, 1e-14);
}

TEST(Pca, of_a_constant_column_has_a_gradient) {
  // A tall matrix, so that outside a recording the triangle of QR would be decomposed instead.
  const Tensor x(
      {{1, 2, 0.5}, {3, 2, -1}, {-2, 2, 4}, {0, 2, 1}, {2, 2, 2}, {5, 2, -3}, {1, 2, 3}});
  const Tensor args[] = {x};
  const GradCheck c = check_grads(
      [](std::span<const Tensor> a) { return sum(sin(pca(a[0], 2).variances)); }, args, 1);
  EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
}

TEST(Pca, of_the_guides_cloud_has_its_printed_numbers_by_both_paths) {
  RandomState state(42);
  const Tensor cloud = matmul(from_vector(state.randn(200), {100, 2}), Tensor{{1, 0.8}, {0, 0.2}});
  const Pca p = pca(cloud);
  EXPECT_NEAR(number(element(p.components, {0, 0})), 0.767725, 5e-7);
  EXPECT_NEAR(number(element(p.components, {0, 1})), 0.640780, 5e-7);
  EXPECT_NEAR(number(row(p.ratios, 0)), 0.980968, 5e-7);
  const Tensor centred = cloud - mean(cloud, {.axis = 0});
  const Tensor covariance = matmul(transpose(centred), centred) / 99.0;
  const Tensor printed{{0.7333, 0.5921}, {0.5921, 0.5180}};
  EXPECT_LT(number(max(abs(covariance - printed))), 5e-5);
  EXPECT_LT(number(max(abs(flip(eigvalsh(covariance), {0}) - p.variances))), 1e-15);
  EXPECT_LT(number(max(abs(p.inverse(p.transform(cloud, true), true) - cloud))), 1e-14);
}

TEST(LowRank, the_widest_gap_finds_the_signal_and_truncating_there_lowers_the_error) {
  const Tensor signal = matmul(drawn(10, {60, 2}), drawn(11, {2, 40}));
  const Tensor seen = signal + 0.1 * drawn(12, {60, 40});
  const LowRank r = low_rank_by_gap(seen);
  EXPECT_EQ(r.rank, 2);
  EXPECT_LT(number(norm(r.matrix() - signal)), 0.35 * number(norm(seen - signal)));
  EXPECT_EQ(low_rank_by_gap(signal).rank, 2);
  EXPECT_EQ(low_rank_by_gap(Tensor{{3, 4}}).rank, 1);
  EXPECT_EQ(low_rank_by_gap(zeros({2, 2})).rank, 0);
}

}  // namespace
}  // namespace gradus
