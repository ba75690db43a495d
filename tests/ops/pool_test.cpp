// Pooling by hand-worked numbers and against plain loops.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <message.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

const double nan_ = std::nan("");

Tensor sixteen() {
  return reshape(iota(16, DType::f64) + 1.0, {1, 1, 4, 4});
}

TEST(Pool, two_by_two_of_one_to_sixteen) {
  EXPECT_EQ(numbers(max_pool2d(sixteen(), {.size = {2, 2}})), (std::vector<double>{6, 8, 14, 16}));
  EXPECT_EQ(numbers(avg_pool2d(sixteen(), {.size = {2, 2}})),
            (std::vector<double>{3.5, 5.5, 11.5, 13.5}));
  EXPECT_EQ(numbers(global_avg_pool2d(sixteen())), std::vector<double>{8.5});
  EXPECT_EQ(numbers(global_max_pool2d(sixteen())), std::vector<double>{16});
  EXPECT_EQ(to_string(global_avg_pool2d(sixteen()).type()), "f64[1,1,1,1]");
}

TEST(Pool, padding_is_never_the_largest_and_counts_in_an_average_if_asked) {
  const Tensor x = reshape(Tensor{-1, -2, -3, -4}, {2, 2});
  EXPECT_EQ(numbers(max_pool2d(x, {.size = {2}, .padding = {1}})),
            (std::vector<double>{-1, -2, -3, -4}));
  EXPECT_EQ(numbers(avg_pool2d(x, {.size = {2}, .padding = {1}})),
            (std::vector<double>{-0.25, -0.5, -0.75, -1}));
  EXPECT_EQ(numbers(avg_pool2d(x, {.size = {2}, .padding = {1}, .count_include_pad = false})),
            (std::vector<double>{-1, -2, -3, -4}));
}

TEST(Pool, ceil_mode_keeps_the_last_window_unless_it_begins_in_the_padding) {
  const Tensor x = iota(7, DType::f64);
  EXPECT_EQ(numbers(max_pool1d(x, {.size = {2}})), (std::vector<double>{1, 3, 5}));
  EXPECT_EQ(numbers(max_pool1d(x, {.size = {2}, .ceil_mode = true})),
            (std::vector<double>{1, 3, 5, 6}));
  // A window beyond x counts only what is inside x and its padding.
  EXPECT_EQ(
      numbers(avg_pool1d(iota(6, DType::f64), {.size = {3}, .padding = {1}, .ceil_mode = true})),
      (std::vector<double>{1.0 / 3, 3, 2.5}));
  EXPECT_EQ(
      max_pool1d(iota(3, DType::f64), {.size = {2}, .padding = {1}, .ceil_mode = true}).shape(),
      (Shape{2}));
}

TEST(Pool, adaptive_windows_cover_every_element) {
  const Tensor x = reshape(iota(10, DType::f64), {2, 5});
  EXPECT_EQ(numbers(adaptive_avg_pool2d(x, {1, 3})), (std::vector<double>{3, 4.5, 6}));
  EXPECT_EQ(numbers(adaptive_max_pool2d(x, {2, 3})), (std::vector<double>{1, 3, 4, 6, 8, 9}));
  EXPECT_TRUE(same_bits(adaptive_avg_pool2d(sixteen(), {2}), avg_pool2d(sixteen(), {.size = {2}})));
}

TEST(Pool, the_first_of_equal_numbers_and_the_first_nan_are_taken) {
  const auto places = [](const Tensor& x) {
    Attrs attrs;
    attrs.a = {1, x.shape().back(), 1, 1, 0, 0, 1};
    attrs.b = {1, 1};
    const Tensor in[] = {x};
    return numbers(apply_many(op::max_pool, in, attrs)[1]);
  };
  EXPECT_EQ(places(Tensor{{3, 7, 7, 2}}), std::vector<double>{1});
  EXPECT_EQ(places(Tensor{{3, nan_, 9, nan_}}), std::vector<double>{1});
  const double low = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(places(Tensor{{low, low}}), std::vector<double>{0});
  EXPECT_TRUE(std::isnan(number(max_pool2d(Tensor{{3, nan_}}, {.size = {1, 2}}))));
}

// The largest of each window, looked for one by one.
std::vector<float> looked_for(const std::vector<float>& x, int64_t planes, int64_t h, int64_t w,
                              int64_t size, int64_t stride, int64_t padding, int64_t out_h,
                              int64_t out_w) {
  std::vector<float> y;
  for (int64_t p = 0; p < planes; ++p)
    for (int64_t i = 0; i < out_h; ++i)
      for (int64_t j = 0; j < out_w; ++j) {
        float best = -std::numeric_limits<float>::infinity();
        for (int64_t r = std::max<int64_t>(0, i * stride - padding);
             r < std::min(h, i * stride - padding + size); ++r)
          for (int64_t c = std::max<int64_t>(0, j * stride - padding);
               c < std::min(w, j * stride - padding + size); ++c) {
            const float v = x[static_cast<size_t>((p * h + r) * w + c)];
            if (!std::isnan(best) && !(v <= best)) best = v;
          }
        y.push_back(best);
      }
  return y;
}

class PoolOnTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

std::vector<int64_t> targets_here() {
  std::vector<int64_t> list;
  for (int64_t all = hwy::SupportedTargets() & HWY_TARGETS; all != 0; all &= all - 1)
    list.push_back(all & -all);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Targets, PoolOnTarget, testing::ValuesIn(targets_here()),
                         [](const auto& test) { return hwy::TargetName(test.param); });

TEST_P(PoolOnTarget, the_largest_and_its_place_are_what_a_plain_loop_finds) {
  uint64_t s = 5;
  for (const int64_t w : {2, 3, 7, 8, 16, 17, 28, 32, 33, 70})
    for (const int64_t size : {1, 2, 3, 5})
      for (const int64_t stride : {1, 2, 3})
        for (const int64_t padding : {int64_t{0}, size / 2}) {
          const int64_t h = 6, planes = 3;
          if (w + 2 * padding < size) continue;
          std::vector<float> x(static_cast<size_t>(planes * h * w));
          for (float& v : x) {
            s = s * 6364136223846793005u + 1442695040888963407u;
            const auto drawn = static_cast<int>(s >> 60);  // ties are common
            v = drawn == 0 ? static_cast<float>(nan_) : static_cast<float>(drawn - 8);
          }
          const Tensor tx = from_vector(x, {planes, h, w});
          Attrs attrs;
          attrs.a = {size, size, stride, stride, padding, padding, 1};
          attrs.b = {(h + 2 * padding - size) / stride + 1, (w + 2 * padding - size) / stride + 1};
          const auto both = apply_many(op::max_pool, {&tx, 1}, attrs);
          const Tensor want = from_vector(
              looked_for(x, planes, h, w, size, stride, padding, attrs.b[0], attrs.b[1]),
              {planes, attrs.b[0], attrs.b[1]});
          ASSERT_TRUE(same_bits(both[0], want)) << w << " " << size << " " << stride;
          // The place holds the number, and nothing before it in its window is as large.
          const auto at = values<int32_t>(both[1]);
          const auto y = values<float>(both[0]);
          for (size_t k = 0; k < at.size(); ++k) {
            const auto count = static_cast<size_t>(attrs.b[0] * attrs.b[1]);
            const size_t plane = k / count;
            const auto i = static_cast<int64_t>(k % count) / attrs.b[1],
                       j = static_cast<int64_t>(k % count) % attrs.b[1];
            const float* base = x.data() + plane * static_cast<size_t>(h * w);
            const float found = base[at[k]];
            ASSERT_TRUE(found == y[k] || (std::isnan(found) && std::isnan(y[k])));
            for (int64_t r = std::max<int64_t>(0, i * stride - padding); r <= at[k] / w; ++r)
              for (int64_t c = std::max<int64_t>(0, j * stride - padding);
                   c < std::min(w, j * stride - padding + size) && r * w + c < at[k]; ++c)
                ASSERT_TRUE(base[r * w + c] < found ||
                            (std::isnan(found) && !std::isnan(base[r * w + c])))
                    << w << " " << size << " " << stride << " at " << k;
          }
        }
}

TEST(Pool, what_does_not_fit_is_refused_word_for_word) {
  EXPECT_EQ(message_of([] {
              max_pool2d(ones({1, 2, 2}), {.size = {3}});
            }),
            "max_pool2d: f64[1,2,2] with windows of [3,3] and padding [0,0]: axis 1 is shorter "
            "than a window. Use smaller windows, or pad.");
  EXPECT_EQ(message_of([] {
              avg_pool1d(ones({1, 9}), {.size = {3}, .padding = {2}});
            }),
            "avg_pool1d: padding [2] for windows of [3]: it may be half of a window at most, or a "
            "window would hold nothing.");
  EXPECT_EQ(message_of([] {
              max_pool2d(ones({4, 4}), {.size = {}});
            }),
            "max_pool2d: size [] over two axes: one number for each, or one for all, of at least 1 "
            "is needed.");
  EXPECT_EQ(message_of([] {
              max_pool2d(ones({4, 4}), {.size = {2}, .stride = {0}});
            }),
            "max_pool2d: stride [0] over two axes: one number for each, or one for all, of at "
            "least 1 is needed.");
  EXPECT_EQ(message_of([] {
              adaptive_avg_pool2d(ones({4, 4}), {0, 2});
            }),
            "adaptive_avg_pool2d: f64[4,4] to [0,2]: two sizes, or one for both, of at least 1, "
            "and planes that are not empty, are needed.");
  EXPECT_EQ(message_of([] { global_avg_pool2d(ones({4})); }),
            "global_avg_pool2d: f64[4] has no planes. x must be (..., H, W).");
  EXPECT_EQ(message_of([] { avg_pool2d(iota(4), {.size = {1}}); }),
            "avg_pool2d: i64[4] is not a floating-point tensor. It computes in f32 or f64. Cast to "
            "f64 first.");
}

}  // namespace
}  // namespace gradus
