// Attention by hand and by its definition.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape, DType dtype = DType::f64) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, shape), dtype);
}

void expect_near(const Tensor& got, const std::vector<double>& want, double tolerance) {
  const std::vector<double> x = numbers(got);
  ASSERT_EQ(x.size(), want.size()) << to_string(got.type());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], want[i], tolerance) << i;
}

// Three tokens of four numbers, as numpy.random.RandomState(42) draws them.
struct Tokens {
  Tensor q, k, v;
  Tokens() {
    RandomState state(42);
    for (Tensor* t : {&q, &k, &v}) *t = from_vector(state.randn(12), {3, 4});
  }
};

TEST(Attention, weights_of_three_tokens_are_the_known_ones) {
  const Tokens t;
  const Tensor w = attention_weights(t.q, t.k);
  expect_near(w, {.3929, .1682, .4390, .2309, .2834, .4857, .2255, .5587, .2158}, 5e-5);
  expect_near(sum(w, {.axis = -1}), {1, 1, 1}, 1e-15);
  expect_near(row(attention(t.q, t.k, t.v), 0), {-.3208, -.4698, -.1923, -.0768}, 5e-5);
}

TEST(Attention, a_causal_query_sees_nothing_behind_itself) {
  const Tokens t;
  expect_near(attention_weights(t.q, t.k, {.causal = true}),
              {1, 0, 0, .4489, .5511, 0, .2255, .5587, .2158}, 5e-5);
  // One query with three keys is the last one: it sees all of them.
  const Tensor last = slice_axis(t.q, 0, {2, 3});
  expect_near(attention(last, t.k, t.v, {.causal = true}), numbers(attention(last, t.k, t.v)),
              1e-15);
}

TEST(Attention, boolean_and_additive_masks_say_the_same) {
  const Tokens t;
  const double never = -std::numeric_limits<double>::infinity();
  const Tensor looks = from_vector(std::vector<double>{1, 1, 0}, {3}) > 0;
  const Tensor added = from_vector(std::vector<double>{0, 0, never}, {3});
  const Tensor a = attention(t.q, t.k, t.v, {.mask = looks});
  expect_near(attention(t.q, t.k, t.v, {.mask = added}), numbers(a), 1e-15);
  const auto two = [](const Tensor& x) { return slice_axis(x, 0, {0, 2}); };
  expect_near(attention(t.q, two(t.k), two(t.v)), numbers(a), 1e-15);
}

TEST(Attention, a_query_that_sees_nothing_gives_zeros_and_is_named) {
  const Tokens t;
  const Tensor looks = from_vector(std::vector<double>{1, 0, 1}, {3, 1}) > 0;
  const AttentionOptions options{.mask = looks};
  expect_near(row(attention(t.q, t.k, t.v, options), 1), {0, 0, 0, 0}, 0);
  EXPECT_EQ(numbers(blind_queries(t.q, t.k, options)), (std::vector<double>{0, 1, 0}));
}

TEST(Attention, every_type_has_a_finite_number_that_hides) {
  const std::vector<double> largest = {65504, 0x1.FEp127, std::numeric_limits<float>::max(),
                                       std::numeric_limits<double>::max()};
  const std::vector<DType> types = {DType::f16, DType::bf16, DType::f32, DType::f64};
  const Tokens t;
  const Tensor two = slice_axis(t.k, 0, {0, 2});
  for (size_t i = 0; i < types.size(); ++i) {
    SCOPED_TRACE(name_of(types[i]));
    const double value = masking_value(types[i]);
    EXPECT_EQ(value, -largest[i] / 2);
    const Tensor mask = cast(from_vector(std::vector<double>{0, 0, value}, {3}), types[i]);
    EXPECT_EQ(numbers(mask)[2], value);  // the type holds it
    const DType wide = types[i] == DType::f64 ? DType::f64 : DType::f32;
    const Tensor q = cast(t.q, wide), k = cast(t.k, wide);
    const Tensor w = attention_weights(q, k, {.mask = mask});
    EXPECT_EQ(numbers(slice_axis(w, 1, {0, 2})), numbers(attention_weights(q, cast(two, wide))));
    EXPECT_EQ(numbers(slice_axis(w, 1, {2, 3})), (std::vector<double>{0, 0, 0}));
    // Where nothing else is seen, it is not a score like others.
    EXPECT_EQ(numbers(blind_queries(q, k, {.mask = cast(full({3}, value), types[i])})),
              (std::vector<double>{1, 1, 1}));
  }
  EXPECT_EQ(message_of([] { masking_value(DType::i64); }),
            "masking_value: i64 has no number that hides a score. Scores are f16, bf16, f32 or "
            "f64; a mask of true and false is boolean.");
}

TEST(Attention, a_row_of_large_numbers_looks_at_all_alike_unless_they_hide) {
  const Tokens t;
  const auto even = [&](double large, DType type) {
    const AttentionOptions looks{.mask = cast(full({3, 3}, large), type)};
    const Tensor q = cast(t.q, DType::f32), k = cast(t.k, DType::f32), v = cast(t.v, DType::f32);
    const std::vector<double> blind = numbers(blind_queries(q, k, looks)),
                              w = numbers(attention_weights(q, k, looks)),
                              y = numbers(attention(q, k, v, looks)),
                              means = numbers(mean(v, {.axis = 0}));
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 4; ++j) {
        EXPECT_NEAR(y[4 * i + j], blind[i] != 0 ? 0 : means[j], 1e-6);
        EXPECT_EQ(w[3 * i + j % 3], blind[i] != 0 ? 0 : static_cast<double>(1 / 3.f));
      }
    return blind[0] == 0 && blind[1] == 0 && blind[2] == 0;
  };
  EXPECT_TRUE(even(-1e9, DType::f32));
  EXPECT_FALSE(even(-1e9, DType::f16));  // it is -inf there
}

TEST(Attention, what_a_mask_hides_cannot_reach_a_query_even_if_it_is_not_finite) {
  // Beyond one stretch of keys; a mask with rows of its own, and its transpose as a view.
  const int64_t queries = 40, keys = 600, at = 530;
  std::vector<double> sees(static_cast<size_t>(queries * keys), 1);
  for (int64_t i = 0; i < queries; i += 2) sees[static_cast<size_t>(i * keys + at)] = 0;
  const Tensor mask = from_vector(sees, {queries, keys}) > 0,
               turned =
                   transpose(from_vector(numbers(transpose(from_vector(sees, {queries, keys}))),
                                         {keys, queries})) > 0;
  const Tensor q = drawn(1, {queries, 4}), k = drawn(2, {keys, 4}), v = drawn(3, {keys, 3});
  const auto spoilt = [&](const Tensor& x, double bad) {
    std::vector<double> z = numbers(x);
    const int64_t width = x.shape()[1];
    for (int64_t j = 0; j < width; ++j) z[static_cast<size_t>(at * width + j)] = bad;
    return from_vector(z, x.shape());
  };
  for (const DType type : {DType::f64, DType::f32})
    for (const Tensor& m : {mask, turned})
      for (const double bad :
           {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        const auto attend = [&](const Tensor& keys_now, const Tensor& values_now) {
          return numbers(
              attention(cast(q, type), cast(keys_now, type), cast(values_now, type), {.mask = m}));
        };
        const std::vector<double> clean = attend(k, v), bad_key = attend(spoilt(k, bad), v),
                                  bad_value = attend(k, spoilt(v, bad));
        for (size_t i = 0; i < static_cast<size_t>(queries); ++i)
          for (size_t j = 3 * i; j < 3 * i + 3; ++j) {
            EXPECT_EQ(std::isfinite(bad_value[j]), i % 2 == 0) << i;
            if (i % 2 == 0) {
              EXPECT_EQ(bad_key[j], clean[j]) << i;
              EXPECT_EQ(bad_value[j], clean[j]) << i;
            } else if (std::isnan(bad)) {
              EXPECT_TRUE(std::isnan(bad_key[j])) << i;
            }
          }
      }
}

TEST(Attention, without_the_root_of_d_scores_spread_like_the_root_of_d) {
  const Tensor q = drawn(1, {2000, 64}), k = drawn(2, {2000, 64});
  const Tensor products = sum(q * k, {.axis = -1});
  EXPECT_NEAR(number(std_dev(products)), 8, 0.3);
  EXPECT_NEAR(number(std_dev(products / 8)), 1, 0.04);
  const auto entropy = [&](double scale) {
    const Tensor w =
        attention_weights(slice_axis(q, 0, {0, 200}), slice_axis(k, 0, {0, 200}), {.scale = scale});
    return number(mean(-sum(strong_product(w, log(w)), {.axis = -1})));
  };
  EXPECT_GT(entropy(1.0 / 8), 4.5);  // of at most ln 200 = 5.3
  EXPECT_LT(entropy(1), 1.5);
}

TEST(Attention, heads_of_queries_share_heads_of_keys) {
  const Tensor q = drawn(1, {2, 4, 3, 5}), k = drawn(2, {2, 2, 6, 5}), v = drawn(3, {2, 2, 6, 7});
  const Tensor y = attention(q, k, v);
  ASSERT_EQ(y.shape(), (Shape{2, 4, 3, 7}));
  for (int64_t h = 0; h < 4; ++h) {
    const auto head = [](const Tensor& x, int64_t i) { return slice_axis(x, 1, {i, i + 1}); };
    expect_near(head(y, h), numbers(attention(head(q, h), head(k, h / 2), head(v, h / 2))), 1e-15);
  }
}

TEST(Attention, of_long_sequences_takes_memory_for_what_goes_in_and_out_alone) {
  // All scores would be 4096^2 floats, 64 MiB; a tile of them is 64 KiB a thread.
  const Tensor x = drawn(1, {4096, 16}, DType::f32);
  reset_peak_bytes();
  const int64_t before = peak_bytes();
  const Tensor y = attention(x, x, x, {.causal = true});
  EXPECT_LT(peak_bytes() - before, 2 << 20);
  // The last query of all keys by itself.
  expect_near(row(y, 4095),
              numbers(row(matmul(attention_weights(slice_axis(x, 0, {4095, 4096}), x), x), 0)),
              1e-5);
}

TEST(Attention, what_a_causal_query_does_not_see_cannot_reach_it_even_if_it_is_not_finite) {
  const Shape shape = {70, 4};
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (const int64_t at : {1, 31, 40, 69}) {
      SCOPED_TRACE(std::to_string(bad) + " at " + std::to_string(at));
      std::vector<Tensor> in;
      for (uint64_t i = 0; i < 3; ++i) in.push_back(drawn(i, shape));
      const Tensor clean = attention(in[0], in[1], in[2], {.causal = true});
      const auto spoilt = [&](const Tensor& x) {
        std::vector<double> z = numbers(x);
        z[static_cast<size_t>(at * 4)] = bad;
        return from_vector(z, shape);
      };
      const auto before = [&](const Tensor& x) { return numbers(slice_axis(x, 0, {0, at})); };
      for (const size_t i : {size_t{1}, size_t{2}}) {
        std::vector<Tensor> x = in;
        x[i] = spoilt(x[i]);
        const Tensor y = attention(x[0], x[1], x[2], {.causal = true});
        EXPECT_EQ(before(y), before(clean));
        // A key of inf may fit so badly that its weight is 0.
        if (i == 2 || std::isnan(bad)) {
          EXPECT_FALSE(std::isfinite(number(row(row(y, at), 0))));
        }
      }
      // Backwards: q_bar of queries before a key that is spoilt, k_bar and v_bar of keys behind a
      // query that is.
      const auto grads = [&](std::vector<Tensor> x, const Tensor& y_bar) {
        Attrs attrs;
        attrs.a = {1};
        attrs.number = 0.5;
        x.insert(x.end(), {full({140}, 4.0), y_bar, zeros({70})});
        return apply_many(op::attention_grad, x, attrs);
      };
      const std::vector<Tensor> want = grads(in, clean);
      EXPECT_EQ(before(grads({in[0], spoilt(in[1]), in[2]}, clean)[0]), before(want[0]));
      const auto behind = [&](const Tensor& x) { return numbers(slice_axis(x, 0, {at + 1, 70})); };
      EXPECT_EQ(behind(grads({spoilt(in[0]), in[1], in[2]}, clean)[1]), behind(want[1]));
      EXPECT_EQ(behind(grads(in, spoilt(clean))[2]), behind(want[2]));
    }
}

TEST(Attention, of_both_types_is_f64_whichever_is_wide) {
  const auto narrow = [](const Tensor& x) { return cast(x, DType::f32); };
  const Tensor q = narrow(drawn(1, {3, 4})), k = narrow(drawn(2, {5, 4})),
               v = narrow(drawn(3, {5, 2})), mask = narrow(drawn(4, {3, 5}));
  const auto wide = [](const Tensor& x) { return cast(x, DType::f64); };
  const Tensor want = attention(wide(q), wide(k), wide(v), {.mask = wide(mask)});
  for (int i = 0; i < 4; ++i) {
    const auto is = [i](int j, const Tensor& x) { return i == j ? cast(x, DType::f64) : x; };
    const Tensor y = attention(is(0, q), is(1, k), is(2, v), {.mask = is(3, mask)});
    EXPECT_EQ(y.dtype(), DType::f64);
    EXPECT_EQ(numbers(y), numbers(want)) << i;
  }
  EXPECT_EQ(attention(q, k, v, {.mask = mask}).dtype(), DType::f32);
}

TEST(Attention, of_no_features_looks_everywhere_alike) {
  expect_near(attention(zeros({1, 0}), zeros({2, 0}), Tensor{{1.0}, {3.0}}), {2}, 0);
}

TEST(Attention, messages_show_all_sides) {
  const Tensor a = zeros({2, 3, 4}), b = zeros({2, 5, 6}), c = zeros({3, 3, 4});
  EXPECT_EQ(message_of([&] { attention(a, b, b); }),
            "attention: queries f64[2,3,4], keys f64[2,5,6], values f64[2,5,6]. Queries and keys "
            "have the same last axis: it is summed over.");
  EXPECT_EQ(message_of([&] { attention(a, a, b); }),
            "attention: queries f64[2,3,4], keys f64[2,3,4], values f64[2,5,6]. Every key has one "
            "value.");
  EXPECT_EQ(message_of([&] { attention_weights(a, c); }),
            "attention: queries f64[2,3,4], keys f64[3,3,4]. Leading axes are equal, but that the "
            "heads of keys and values may divide those of queries.");
  EXPECT_EQ(message_of([&] { attention_weights(a, zeros({4})); }),
            "attention: queries f64[2,3,4], keys f64[4]. They have the same number of axes, two at "
            "least.");
  EXPECT_EQ(message_of([&] { attention(a, a, a, {.mask = zeros({3}, DType::i64)}); }),
            "attention: mask i64[3]. It is boolean, true where a query may look, or of a "
            "floating-point type and added to the scores. Compare it with 0, or cast it.");
  EXPECT_EQ(message_of([&] {
              attention(a, zeros({2, 3, 4}, DType::i64), a);
            }),
            "attention: i64[2,3,4] is not a floating-point tensor. It computes in f32 or f64. Cast "
            "to f64 first.");
}

}  // namespace
}  // namespace gradus
