#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/goodness.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

// By hand: of 0.1, 0.4, 0.7 in [0, 1] the shares 1/3, 2/3, 1 are 0.3 from the cdf at most.
TEST(KolmogorovSmirnov, distance_is_the_largest_gap) {
  EXPECT_NEAR(kolmogorov_smirnov({0.7, 0.1, 0.4}, Uniform()).statistic, 0.3, 1e-15);
  EXPECT_EQ(message_of([] {
              kolmogorov_smirnov({{1, 2}}, Uniform());
            }),
            "kolmogorov_smirnov: f64[1,2] is not a list of at least one number.");
}

// Smirnov's table (1948): the distribution of sqrt(n) D at 1.36 is 0.9505, at 0.83 it is 0.5045.
TEST(KolmogorovSmirnov, p_values_are_kolmogorovs_and_uniform_over_keys) {
  const auto p_at = [](double t) {
    const Tensor x = (arange(0, 1e6) + 0.5) / 1e6;
    return kolmogorov_smirnov(x + (t / 1e3 - 0.5e-6), Uniform()).p_value;
  };
  EXPECT_NEAR(p_at(1.36), 1 - 0.950515, 2e-4);
  EXPECT_NEAR(p_at(0.83), 1 - 0.504, 2e-3);
  int small = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed)
    small +=
        kolmogorov_smirnov(Normal(2, 3).sample(key_tensor(Key{seed}), {40}), Normal(2, 3)).p_value <
        0.1;
  EXPECT_NEAR(small, 100, 38);
}

// Means of n exponential numbers, less 1 and times sqrt(n), come near the normal distribution like
// 1/sqrt(n): half the distance from four times as many.
TEST(KolmogorovSmirnov, distance_of_means_from_the_normal_law_falls_as_they_grow_longer) {
  std::vector<double> distances;
  for (int64_t n : {1, 4, 16, 64}) {
    const Tensor x = Exponential(1.0).sample(key_tensor(Key{5}), {40'000, n});
    const Tensor z = (mean(x, {.axis = 1}) - 1.0) * std::sqrt(static_cast<double>(n));
    distances.push_back(kolmogorov_smirnov(z, Normal()).statistic);
  }
  // At z = -1 the exponential law begins: the normal one has 0.1587 there.
  EXPECT_NEAR(distances[0], 0.1587, 0.01);
  for (size_t i = 1; i < distances.size(); ++i)
    EXPECT_NEAR(distances[i] / distances[i - 1], 0.5, 0.12) << i;
}

// By hand: (8 - 10)^2 / 10 + (12 - 10)^2 / 10 = 0.8 with one degree of freedom.
TEST(ChiSquareTest, is_the_squared_surprise_of_every_cell) {
  const GoodnessOfFit g = chi_square_test({8, 12}, {10, 10});
  EXPECT_NEAR(g.statistic, 0.8, 1e-15);
  EXPECT_NEAR(g.p_value, std::erfc(std::sqrt(0.4)), 1e-14);
  EXPECT_EQ(message_of([] {
              chi_square_test({8, 12}, {10, 0});
            }),
            "chi_square_test: expected must be positive, but element [1] is 0.");
  EXPECT_EQ(message_of([] {
              chi_square_test({8, 12}, {10, 10}, 2);
            }),
            "chi_square_test: seen f64[2], expected f64[2] and 2 removed. The cells are the same, "
            "and a degree of freedom is left.");
}

}  // namespace
}  // namespace gradus
