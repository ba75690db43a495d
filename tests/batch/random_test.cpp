// Draws under vmap: a mapped key draws for each example, an unmapped one once for all.
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

const Tensor keys = split(key_tensor(Key{7}), iota(4));

TEST(RandomInBatches, a_mapped_key_draws_for_each_example) {
  for (const auto& draw :
       {+[](const Tensor& k) {
          return random_uniform(k, {3, 2});
        },
        +[](const Tensor& k) {
          return random_normal(k, {3, 2}, DType::f32);
        },
        +[](const Tensor& k) {
          return random_integers(k, 6, {3, 2});
        },
        +[](const Tensor& k) {
          return bernoulli(k, 0.5, {3, 2});
        },
        +[](const Tensor& k) { return random_normal(split(k, 1), {5}); },
        +[](const Tensor& k) { return random_normal(split(k, iota(2)), {5}); }}) {
    const Tensor together = vmap(draw)(keys);
    for (int64_t i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(row(together, i), draw(row(keys, i))));
  }
}

TEST(RandomInBatches, an_unmapped_key_draws_once_for_all) {
  const Tensor key = key_tensor(Key{8}), x{10, 20, 30, 40};
  const auto f = [](const Tensor& v, const Tensor& k) { return v + random_uniform(k, {3}); };
  const Tensor together = vmap(f, {.in = {0, unmapped}})(x, key);
  for (int64_t i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(row(together, i), f(row(x, i), key)));
}

TEST(RandomInBatches, one_key_gives_each_example_its_own_numbers_by_its_place) {
  const Tensor key = key_tensor(Key{9});
  const auto f = [&](const Tensor& i) { return random_uniform(split(key, i), {3}); };
  const Tensor together = vmap(f)(iota(5));
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_TRUE(same_bits(row(together, i), random_uniform(split(key, i), {3})));
  const Tensor other_way = vmap(f)(cast(iota(5), DType::i32));
  EXPECT_TRUE(same_bits(together, other_way));
}

TEST(RandomInBatches, two_maps_nest) {
  const Tensor grid = reshape(split(key_tensor(Key{10}), iota(6)), {2, 3, 2});
  const auto draw = [](const Tensor& k) { return random_normal(k, {4}); };
  const Tensor together = vmap([&](const Tensor& k) { return vmap(draw)(k); })(grid);
  EXPECT_TRUE(same_bits(together, random_normal(grid, {4})));
}

}  // namespace
}  // namespace gradus
