// Long rows, threads and layouts: what the samples of the table do not reach.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace {

using namespace gradus;

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

const std::vector<std::function<Tensor(const Tensor&)>> along_rows{
    [](const Tensor& x) { return sum(x, {.axis = -1}); },
    [](const Tensor& x) { return max(x, {.axis = -1}); },
    [](const Tensor& x) { return logsumexp(x, {.axis = -1}); },
    [](const Tensor& x) { return softmax(x); },
    [](const Tensor& x) { return log_softmax(x); },
    [](const Tensor& x) { return layer_norm(x); }};

TEST(Rows, have_the_same_bits_with_any_number_of_threads) {
  const int before = thread_count();
  for (const Shape& shape : {Shape{1, 200'003}, Shape{2, 70'001}, Shape{700, 301}, Shape{9000, 10}})
    for (size_t f = 0; f < along_rows.size(); ++f) {
      const Tensor x = drawn(1, shape);
      set_thread_count(1);
      const Tensor one = along_rows[f](x);
      for (const int threads : {2, 3}) {
        set_thread_count(threads);
        EXPECT_TRUE(same_bits(one, along_rows[f](x))) << f << ", " << to_string(x.type());
      }
    }
  set_thread_count(before);
}

TEST(Rows, have_the_same_bits_in_any_layout) {
  for (const int64_t n : {1, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025, 5000, 40'000})
    for (size_t f = 0; f < along_rows.size(); ++f) {
      const Tensor x = drawn(2, {n, 3}), turned = transpose(x);
      const Tensor laid_out = from_bytes(turned.type(), bytes_of(turned));
      EXPECT_TRUE(same_bits(along_rows[f](turned), along_rows[f](laid_out))) << f << ", " << n;
    }
}

TEST(Rows, lose_no_digits_when_they_are_long) {
  const double each = static_cast<double>(0.1f);
  EXPECT_NEAR(number(sum(full({1'000'000}, 0.1, DType::f32))) / (1e6 * each), 1, 3e-7);
  EXPECT_NEAR(number(logsumexp(zeros({1'000'000}, DType::f32))), std::log(1e6), 1e-6);
  EXPECT_EQ(number(slice(softmax(zeros({1 << 20}, DType::f32)), {{77, 78}})), 0x1p-20);
}

TEST(Rows, of_one_number_repeated_are_zero_after_layer_norm) {
  EXPECT_EQ(to_string(layer_norm(full({2, 3}, 5, DType::f64))), "[[0. 0. 0.]\n [0. 0. 0.]]");
}

TEST(LayerNorm, gives_mean_0_and_variance_1) {
  const Tensor y = cast(layer_norm(drawn(3, {4, 1000}) * 7.0 + 30.0), DType::f64);
  for (double m : numbers(mean(y, {.axis = 1}))) EXPECT_NEAR(m, 0, 1e-6);
  for (double v : numbers(var(y, {.axis = 1}))) EXPECT_NEAR(v, 1, 1e-5);
}

}  // namespace
