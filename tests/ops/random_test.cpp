// Draws from keys that are tensors: the numbers of base/random.h, for any threads and any keys.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <message.h>
#include <plan/allocations.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace gradus {
namespace {

const Key seed{0xFEDCBA9876543210};

template <class T>
std::vector<T> filled(void (*fill)(Key, uint64_t, std::span<T>), Key key, size_t n) {
  std::vector<T> x(n);
  fill(key, 0, x);
  return x;
}

TEST(Random, a_key_is_its_low_and_its_high_half) {
  EXPECT_EQ(values<int64_t>(key_tensor(seed)), (std::vector<int64_t>{0x76543210, 0xFEDCBA98}));
  EXPECT_EQ(values<int64_t>(key_tensor(Key{~uint64_t{0}})),
            (std::vector<int64_t>{0xFFFFFFFF, 0xFFFFFFFF}));
}

TEST(Random, draws_are_the_fills_bit_for_bit) {
  const Tensor key = key_tensor(seed);
  const int before = thread_count();
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    for (int64_t n : {1, 7, 1000, 32767, 32768, 100003}) {
      const auto size = static_cast<size_t>(n);
      EXPECT_EQ(values<float>(random_uniform(key, {n}, DType::f32)),
                filled<float>(fill_uniform, seed, size));
      EXPECT_EQ(values<double>(random_uniform(key, {n})), filled<double>(fill_uniform, seed, size));
      EXPECT_EQ(values<float>(random_normal(key, {n}, DType::f32)),
                filled<float>(fill_normal, seed, size));
      EXPECT_EQ(values<double>(random_normal(key, {n})), filled<double>(fill_normal, seed, size));
      std::vector<int64_t> integers(size);
      fill_integers(seed, 0, 10, integers);
      EXPECT_EQ(values<int64_t>(random_integers(key, 10, {n})), integers);
    }
  }
  set_thread_count(before);
}

TEST(Random, children_are_those_of_split) {
  const Tensor key = key_tensor(seed);
  for (int64_t i : {int64_t{0}, int64_t{3}, int64_t{1} << 40, int64_t{-1}})
    EXPECT_TRUE(same_bits(split(key, i), key_tensor(split(seed, static_cast<uint64_t>(i)))));
  const Tensor three = split(key, iota(3));
  ASSERT_EQ(to_string(three.type()), "i64[3,2]");
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(same_bits(row(three, i), key_tensor(split(seed, static_cast<uint64_t>(i)))));
}

TEST(Random, several_keys_draw_one_after_the_other) {
  const Tensor keys = split(key_tensor(seed), iota(6)), grid = reshape(keys, {2, 3, 2});
  const Tensor x = random_normal(grid, {5, 1001});
  ASSERT_EQ(to_string(x.type()), "f64[2,3,5,1001]");
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_TRUE(
        same_bits(row(reshape(x, {6, 5, 1001}), i), random_normal(row(keys, i), {5, 1001})));
  // Keys that lie in memory in another order.
  const Tensor turned = random_uniform(permute(grid, {1, 0, 2}), {4});
  EXPECT_TRUE(same_bits(row(row(turned, 2), 1), random_uniform(row(keys, 5), {4})));
}

TEST(Random, a_shape_does_not_change_the_numbers) {
  const Tensor key = key_tensor(seed);
  EXPECT_TRUE(same_bits(reshape(random_uniform(key, {2, 3, 4}), {24}), random_uniform(key, {24})));
  EXPECT_EQ(to_string(random_uniform(key, {}).type()), "f64[]");
}

TEST(Random, words_of_a_key_count_their_low_32_bits) {
  const Tensor odd = from_vector<int64_t>(
      {int64_t{0x76543210} | int64_t{1} << 40, int64_t{0xFEDCBA98} - (int64_t{1} << 32)});
  EXPECT_TRUE(same_bits(random_uniform(odd, {9}), random_uniform(key_tensor(seed), {9})));
}

TEST(Random, drawing_allocates_nothing) {
  const int64_t n = 100000;
  Tensor key = key_tensor(seed), out = random_normal(key, {n});
  Attrs attrs;
  attrs.a = {n};
  const std::array types{key.type()};
  const std::array in{view_of(key)}, to{view_of(out)};
  const Kernel kernel = op::random_normal.kernel(op::random_normal, types, out.type());
  const Call call{kernel.run, kernel.row, in, to, &attrs};
  const int before = thread_count();
  for (int threads : {1, 2}) {
    set_thread_count(threads);
    call.run(call);  // starts the workers
    const long allocations = all_allocations;
    call.run(call);
    EXPECT_EQ(all_allocations, allocations);
  }
  set_thread_count(before);
}

// Mean and variance of n numbers against their standard errors times 5.
void expect_moments(const Tensor& x, double average, double variance, double fourth) {
  const double n = static_cast<double>(x.size());
  const Tensor centred = cast(x, DType::f64) - average;
  EXPECT_NEAR(number(mean(centred)), 0, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(number(mean(square(centred))), variance,
              5 * std::sqrt((fourth - variance * variance) / n));
}

TEST(Random, moments_are_those_of_the_distributions) {
  const int64_t n = 1000000;
  for (DType dtype : {DType::f32, DType::f64}) {
    expect_moments(random_uniform(key_tensor(Key{1}), {n}, dtype), 0.5, 1.0 / 12, 1.0 / 80);
    expect_moments(random_normal(key_tensor(Key{2}), {n}, dtype), 0, 1, 3);
  }
  // 0 ... 9: mean 4.5, variance 99 / 12, fourth moment 120.8625.
  expect_moments(random_integers(key_tensor(Key{3}), 10, {n}), 4.5, 8.25, 120.8625);
  // True with probability p: variance p q, fourth moment p q (p^3 + q^3).
  expect_moments(bernoulli(key_tensor(Key{4}), 0.1, {n}), 0.1, 0.09, 0.09 * 0.73);
}

TEST(Random, a_mask_is_true_as_often_as_its_own_probability_says) {
  const Tensor key = key_tensor(seed), p{0, 0.25, 1};
  const Tensor m = cast(bernoulli(key, p, {100000, 3}), DType::f64);
  const std::vector<double> share = numbers(mean(m, {.axis = 0}));
  EXPECT_EQ(share[0], 0);
  EXPECT_NEAR(share[1], 0.25, 5 * std::sqrt(0.25 * 0.75 / 100000));
  EXPECT_EQ(share[2], 1);
  EXPECT_TRUE(same_bits(bernoulli(key, 0.5, {50}), random_uniform(key, {50}, DType::f32) < 0.5));
}

TEST(Random, only_f32_and_f64_are_drawn) {
  const Tensor key = key_tensor(seed);
  EXPECT_EQ(message_of([&] { random_uniform(key, {2}, DType::i64); }),
            "random_uniform: i64 numbers were asked for. It draws f32 or f64. Cast them.");
  EXPECT_EQ(message_of([&] { random_normal(key, {2}, DType::bf16); }),
            "random_normal: bf16 numbers were asked for. It draws f32 or f64. Cast them.");
}

}  // namespace
}  // namespace gradus
