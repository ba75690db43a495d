#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/krylov.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
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

LinearMap map_of(const Tensor& a) {
  return [a](const Tensor& x) { return matmul(a, x); };
}

template <class F>
std::string message(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(PowerIteration, finds_the_largest_value_and_tells_its_rate) {
  const PowerIteration p = power_iteration(map_of(Tensor{{4, 2}, {1, 3}}), 2);
  EXPECT_TRUE(p.converged);
  EXPECT_NEAR(p.value, 5, 1e-9);
  EXPECT_NEAR(p.rate, 0.4, 1e-3);  // 2 / 5
  EXPECT_NEAR(std::fabs(numbers(p.vector)[0]), 2 / std::sqrt(5), 1e-9);
}

TEST(PowerIteration, of_a_quarter_turn_does_not_settle) {
  EXPECT_FALSE(power_iteration(map_of(Tensor{{0, -1}, {1, 0}}), 2, {.most = 50}).converged);
}

TEST(Lanczos, finds_both_ends_of_a_spectrum) {
  const int64_t n = 120;
  const Tensor q = qr(drawn(1, {n, n})).q;
  const Tensor w = iota(n, DType::f64) + 1.0;
  const Tensor a = matmul(q * w, transpose(q));
  for (const SpectrumEnd end : {SpectrumEnd::largest, SpectrumEnd::smallest}) {
    const Lanczos r = lanczos(map_of(a), n, 3, end);
    EXPECT_TRUE(r.converged);
    for (int64_t j = 0; j < 3; ++j) {
      const auto at = static_cast<size_t>(j);
      const double want = static_cast<double>(end == SpectrumEnd::largest ? n - j : j + 1);
      EXPECT_NEAR(r.values[at], want, 1e-9);
      EXPECT_LE(r.residuals[at], 1e-7);
    }
    EXPECT_LE(number(max(abs(matmul(transpose(r.vectors), r.vectors) - eye(3)))), 1e-12);
  }
}

TEST(Lanczos, of_a_small_map_finds_every_value) {
  const Lanczos r = lanczos(map_of(diag(Tensor{1, 2, 3})), 3, 3);
  ASSERT_EQ(r.values.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(r.values[i], 3.0 - static_cast<double>(i), 1e-12);
  EXPECT_EQ(message([] { lanczos(map_of(eye(2)), 2, 3); }),
            "lanczos: 3 of 2 eigenvalues were asked for. There is at least 1, and no more than the "
            "map has rows.");
}

TEST(ConjugateGradient, agrees_with_solve_and_refuses_an_indefinite_map) {
  const Tensor g = drawn(2, {30, 30}), a = matmul(g, transpose(g)) + 5.0 * eye(30);
  const Tensor b = drawn(3, {30});
  const ConjugateGradient r = conjugate_gradient(map_of(a), b, {.tolerance = 1e-13});
  EXPECT_TRUE(r.converged);
  EXPECT_LE(number(max(abs(r.x - solve(a, b)))), 1e-11);
  EXPECT_EQ(message([] {
              conjugate_gradient(map_of(Tensor{{-1, 0}, {0, 1}}), Tensor{1, 0});
            }),
            "conjugate_gradient: p^T A p is -1 in step 1. A must be symmetric and positive "
            "definite. Take solve, or A^T A with A^T b.");
  EXPECT_EQ(conjugate_gradient(map_of(eye(2)), zeros({2})).steps, 0);
}

TEST(LowRank, of_rank_one_is_that_of_the_guide) {
  const Tensor a{{1, 2, 3}, {4, 5, 6}};
  const LowRank r = low_rank(a, 1);
  const Tensor want{{1.57, 2.08, 2.59}, {3.76, 4.97, 6.17}};
  EXPECT_LE(number(max(abs(r.matrix() - want))), 0.005);
  EXPECT_NEAR(r.error, 0.772869635673485, 1e-14);
  EXPECT_NEAR(number(norm(a - r.matrix())), r.error, 1e-14);
  EXPECT_EQ(low_rank_by_energy(a, 0.99).rank, 1);
  EXPECT_EQ(low_rank_by_energy(a, 1).rank, 2);
  EXPECT_EQ(low_rank_by_error(a, 0.8).rank, 1);
  EXPECT_EQ(low_rank_by_error(a, 0.7).rank, 2);
  EXPECT_EQ(low_rank_by_error(a, 100).rank, 0);
}

TEST(RandomizedSvd, finds_the_largest_values_and_bounds_what_is_left) {
  const Tensor u = qr(drawn(4, {80, 80})).q, v = qr(drawn(5, {60, 60})).q;
  const Tensor s = exp(-0.5 * iota(60, DType::f64));
  const Tensor a = matmul(slice_axis(u, 1, {0, 60}) * s, v);
  const RandomizedSvd r = randomized_svd(a, 5);
  EXPECT_LE(number(max(abs(r.s - slice_axis(s, 0, {0, 5})))), 1e-12);
  EXPECT_GE(r.error_bound, std::exp(-7.5));
  EXPECT_LE(r.error_bound, 100 * std::exp(-7.5));
}

TEST(Pca, goes_there_and_back_and_whitens) {
  const Tensor x = matmul(drawn(6, {50, 3}), Tensor{{3, 1, 0}, {0, 1, 0.5}, {0, 0, 0.1}}) + 7.0;
  const Pca p = pca(x);
  EXPECT_LE(number(max(abs(p.inverse(p.transform(x)) - x))), 1e-12);
  EXPECT_LE(number(max(abs(p.inverse(p.transform(x, true), true) - x))), 1e-12);
  const Tensor z = p.transform(x, true);
  EXPECT_LE(number(max(abs(matmul(transpose(z), z) / 49.0 - eye(3)))), 1e-12);
  EXPECT_NEAR(number(sum(p.ratios)), 1, 1e-14);
  const Tensor centred = x - p.mean;
  const Tensor w = flip(eigh(matmul(transpose(centred), centred) / 49.0).values, {0});
  EXPECT_LE(number(max(abs(w - p.variances))), 1e-12);
}

}  // namespace
}  // namespace gradus
