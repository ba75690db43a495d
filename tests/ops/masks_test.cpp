// Comparisons of rows of every length: whole vectors and what is left of them say the same.
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

template <class T>
void compare_rows() {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T left[] = {1, 2, nan, nan, 0}, right[] = {1, 3, nan, 1, T(-0.0)};
  for (size_t n : {1u, 4u, 7u, 16u, 33u, 70u}) {
    std::vector<T> a(n), b(n);
    std::vector<double> equals(n), differs(n), smaller(n);
    for (size_t i = 0; i < n; ++i) {
      a[i] = left[i % 5], b[i] = right[i % 5];
      equals[i] = a[i] == b[i], differs[i] = a[i] != b[i], smaller[i] = a[i] < b[i];
    }
    const Tensor x = from_vector(a), y = from_vector(b);
    EXPECT_EQ(numbers(equal(x, y)), equals) << n;
    EXPECT_EQ(numbers(not_equal(x, y)), differs) << n;
    EXPECT_EQ(numbers(less(x, y)), smaller) << n;
  }
}

TEST(Masks, nan_differs_from_every_number_in_rows_of_any_length) {
  compare_rows<float>();
  compare_rows<double>();
}

}  // namespace
}  // namespace gradus
