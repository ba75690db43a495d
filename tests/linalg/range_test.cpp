// Matrices near the largest number: inverses and solutions keep the bits that a power of two
// leaves.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/rank.h>
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

// The largest element has size 1.
Tensor drawn(uint64_t seed, int64_t n) {
  std::vector<double> x(static_cast<size_t>(n * n));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  const Tensor a = from_vector(x, {n, n});
  return a / max(abs(a));
}

double apart(const Tensor& a, const Tensor& b) {
  return number(max(abs(a - b)));
}

bool same(const Tensor& a, const Tensor& b) {
  return numbers(a) == numbers(b);
}

TEST(Range, inverses_solutions_and_factors_keep_their_digits_up_to_the_largest_number) {
  for (const DType type : {DType::f64, DType::f32}) {
    // Inverses of these are still normal numbers.
    const int top = type == DType::f64 ? 1003 : 107;
    const double eps = type == DType::f64 ? 0x1p-52 : 0x1p-23;
    const Tensor half_scale = Tensor(std::ldexp(1.0, top / 2)),
                 rest = Tensor(std::ldexp(1.0, top - top / 2));
    for (const int64_t n : {int64_t{2}, int64_t{5}, int64_t{40}}) {
      const Tensor a = cast(drawn(static_cast<uint64_t>(n), n), type), b = cast(ones({n}), type);
      const Tensor up = cast(half_scale, type), more = cast(rest, type), large = a * up * more;
      EXPECT_TRUE(same(inv(large) * up * more, cast(inv(a), type))) << n;
      EXPECT_TRUE(same(solve(large, b * up) * more, solve(a, b))) << n;
      const SignLogDet whole = slogdet(a), far = slogdet(large);
      EXPECT_TRUE(same(whole.sign, far.sign));
      EXPECT_NEAR(
          number(far.log) / (number(whole.log) + top * std::log(2.0) * static_cast<double>(n)), 1,
          type == DType::f64 ? 1e-14 : 1e-6);
      const QR f = qr(a), g = qr(large * cast(Tensor(0x1p12), type));
      EXPECT_LE(number(max(abs(f.q - g.q))), 64 * eps) << n;
      EXPECT_LE(number(max(abs(f.r - g.r / up / more / cast(Tensor(0x1p12), type)))), 64 * eps)
          << n;
      EXPECT_NEAR(trust_in(large, 0).condition / trust_in(a, 0).condition, 1, 1e-4) << n;
    }
  }
}

TEST(Range, a_determinant_whose_products_leave_the_range_but_whose_sum_does_not_is_right) {
  EXPECT_EQ(number(det(Tensor{{1e200, 1e200}, {1e200, 1e200}})), 0);
  const double a = 0x1p600, b = 0x1p424;
  EXPECT_EQ(number(det(Tensor{{a, a}, {a, a + 0x1p548}})), INFINITY);
  EXPECT_EQ(number(det(Tensor{{a, a, 0}, {b, b, 0}, {0, 0, a}})), 0);
}

TEST(Range, rank_and_pinv_and_lstsq_answer_where_singular_values_leave_the_range) {
  const Tensor a{{1.5, -1.5}, {1.5, 1.5}}, b{3, 1};
  const Tensor huge = a * 1e308, batch = stack({huge, a});
  EXPECT_EQ(number(matrix_rank(huge)), 2);
  EXPECT_EQ(number(matrix_rank(cast(a, DType::f32) * 1e38)), 2);
  EXPECT_EQ(numbers(matrix_rank(batch)), (std::vector<double>{2, 2}));
  EXPECT_LT(apart(pinv(huge) * 1e308, pinv(a)), 1e-14);
  EXPECT_LT(apart(slice_axis(pinv(batch), 0, {1, 2}), pinv(a)), 1e-15);
  EXPECT_LT(apart(lstsq(huge, b) * 1e308, lstsq(a, b)), 1e-14);
  const Solution s = pinv_with_report(huge);
  EXPECT_EQ(s.trust.rank.rank, 2);
  EXPECT_NEAR(s.trust.condition, 1, 1e-14);
  EXPECT_LT(lstsq_with_report(huge, b).trust.roundings, 10);
}

TEST(Range, recorded_systems_near_the_largest_number_are_those_of_their_scaled_selves) {
  // Elimination of the second row doubles 1.5e308.
  const Tensor a{{1.5, -1.5}, {1.5, 1.5}}, b{3, 1}, huge = a * 1e308;
  const auto solved = [&](const Tensor& m) { return solve(m, b); };
  const auto inverted = [](const Tensor& m) { return inv(m); };
  EXPECT_LT(apart(jvp(solved)(huge, huge).value * 1e308, solve(a, b)), 1e-14);
  EXPECT_LT(apart(jvp(inverted)(huge, huge).value * 1e308, inv(a)), 1e-14);
  // In the direction of the matrix itself an inverse shrinks by itself.
  EXPECT_LT(apart(jvp(inverted)(huge, huge).derivative * 1e308, Tensor(0.0) - inv(a)), 1e-14);
  EXPECT_LT(apart(vjp(solved)(huge, b).value * 1e308, solve(a, b)), 1e-14);
}

TEST(Range, values_beyond_the_largest_number_are_told_of) {
  const Tensor a = Tensor{{1.5, -1.5}, {1.5, 1.5}} * 1e308;
  try {
    svdvals(a);
    ADD_FAILURE();
  } catch (const NumericError& e) {
    EXPECT_STREQ(
        e.what(),
        "svdvals: f64[2,2] has a value beyond the largest number, 1.8e+308. Values reach n "
        "times the largest element. Divide the matrix by a power of two.");
  }
  // e^-x is 0 there.
  EXPECT_EQ(numbers(expm(Tensor{{-1e308, 0}, {0, -1e308}})), (std::vector<double>{0, 0, 0, 0}));
}

}  // namespace
}  // namespace gradus
