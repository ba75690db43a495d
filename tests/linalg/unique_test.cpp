#include <gradus/core/buffer.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/unique.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

TEST(Unique, sorts_the_values_and_counts_them) {
  const Unique u = unique(Tensor({{3, 1, 3}, {2, 3, 1}}));
  EXPECT_EQ(numbers(u.values), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(numbers(u.counts), (std::vector<double>{2, 1, 3}));
}

TEST(Unique, nan_comes_last_and_once) {
  const Unique u = unique(Tensor({NAN, 1, NAN}));
  ASSERT_EQ(u.values.size(), 2);
  EXPECT_TRUE(std::isnan(numbers(u.values)[1]));
  EXPECT_EQ(numbers(u.counts), (std::vector<double>{1, 2}));
}

TEST(Norms, of_a_diagonal_matrix_are_its_largest_entry_and_their_sum) {
  const Tensor d{{3, 0}, {0, -4}};
  EXPECT_NEAR(number(spectral_norm(d)), 4, 1e-15);
  EXPECT_NEAR(number(nuclear_norm(d)), 7, 1e-15);
}

}  // namespace
}  // namespace gradus
