// Averages of weights, by hand, and the words that name them.
#include <gradus/core/buffer.h>
#include <gradus/optim/average.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

std::vector<double> averages(const WeightAverage& rule, const std::vector<double>& points) {
  std::vector<double> all;
  Tensor average(0.0);
  for (size_t n = 0; n < points.size(); ++n) {
    average = averaged(rule, average, scalar(points[n], DType::f64),
                       scalar(static_cast<double>(n), DType::f64));
    all.push_back(number(average));
  }
  return all;
}

TEST(WeightAverage, exponential_begins_with_the_first_point_and_forgets_more_slowly_later) {
  const std::vector<double> got = averages({.kind = WeightAverage::ema, .decay = 0.2}, {1, 3, 5});
  EXPECT_EQ(got[0], 1);
  EXPECT_NEAR(got[1], (2 * 1 + 9 * 3) / 11.0, 1e-15);  // decay 2/11, below 0.2
  EXPECT_NEAR(got[2], 0.2 * got[1] + 0.8 * 5, 1e-15);
}

TEST(WeightAverage, of_equal_weights_begins_where_it_is_told) {
  const std::vector<double> want = {1, 2, 3, 4, 5};
  const std::vector<double> got =
      averages({.kind = WeightAverage::swa, .from = 2}, {1, 2, 3, 5, 7});
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-15) << i;
}

TEST(WeightAverage, is_named_by_a_word_and_a_number) {
  EXPECT_EQ(parse_average("ema").decay, 0.999);
  EXPECT_EQ(parse_average("ema(0.5)").decay, 0.5);
  EXPECT_EQ(parse_average("swa", 100).from, 75);
  EXPECT_EQ(parse_average("swa(0.1)", 100).from, 10);
  EXPECT_EQ(parse_average("swa(0)", 100).from, 0);
}

}  // namespace
}  // namespace gradus
