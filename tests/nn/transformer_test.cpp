// Attention layers, transformers, GPT and ViT by their properties; PyTorch's numbers are in
// tests/torch.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/init.h>
#include <gradus/nn/model.h>
#include <gradus/nn/transformer.h>
#include <gradus/nn/vit.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>
#include <limits>

#include "nn/support.h"

namespace gradus {
namespace {

const Key key = key_from_seed(1);

Tensor drawn(uint64_t n, const Shape& shape) {
  return normal_weight(split(key, 100 + n), shape, 1, DType::f64);
}

// All scores at once.
Tensor plain_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                       const AttentionOptions& options) {
  return matmul(attention_weights(q, k, options), v);
}

TEST(Attention, in_tiles_is_attention_with_all_scores_and_so_are_its_gradients) {
  const std::pair<int64_t, int64_t> sizes[] = {{5, 5}, {33, 70},  {70, 33},
                                               {1, 9}, {40, 600}, {260, 270}};
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [queries, keys] : sizes)
      for (const bool causal : {false, true})
        for (const bool masked : {false, true}) {
          SCOPED_TRACE(to_string(Type{dtype, {queries, keys}}) + (causal ? ", causal" : "") +
                       (masked ? ", masked" : ""));
          std::vector<Tensor> at = {drawn(1, {2, 3, queries, 8}), drawn(2, {2, 3, keys, 8}),
                                    drawn(3, {2, 3, keys, 5})};
          if (masked) at.push_back(drawn(4, {queries, keys}));
          for (Tensor& x : at) x = cast(x, dtype);
          std::vector<int> all;
          for (size_t i = 0; i < at.size(); ++i) all.push_back(static_cast<int>(i));
          const Tensor seed = cast(drawn(5, {2, 3, queries, 5}), dtype);
          const auto run = [&](auto f) {
            return value_and_grads(
                [&](std::span<const Tensor> a) {
                  const AttentionOptions looks{.causal = causal, .mask = masked ? a[3] : Tensor()};
                  return sum(f(a[0], a[1], a[2], looks) * constant(seed));
                },
                at, all);
          };
          const ValueAndGrads tiled = run(attention), plain = run(plain_attention);
          const double tolerance = dtype == DType::f32 ? 2e-5 : 1e-12;
          EXPECT_NEAR(number(tiled.value), number(plain.value),
                      tolerance * static_cast<double>(queries));
          for (size_t i = 0; i < at.size(); ++i)
            expect_near(tiled.grads[i], numbers(plain.grads[i]), tolerance);
        }
}

TEST(Attention, has_the_same_bits_with_any_number_of_threads_and_as_a_plan) {
  const Shape shape = {2, 4, 200, 16};
  std::vector<Tensor> at;
  for (uint64_t i = 0; i < 3; ++i) at.push_back(cast(drawn(i, shape), DType::f32));
  const PlanFunction f = [](std::span<const Tensor> a) {
    const std::vector<int> all = {0, 1, 2};
    const ValueAndGrads r = value_and_grads(
        [](std::span<const Tensor> x) {
          return sum(square(attention(x[0], x[1], x[2], {.causal = true})));
        },
        a, all);
    return std::vector<Tensor>{r.value, r.grads[0], r.grads[1], r.grads[2]};
  };
  const int threads = thread_count();
  set_thread_count(1);
  const std::vector<Tensor> one = f(at);
  set_thread_count(2);
  const std::vector<Tensor> two = f(at);
  // More threads than heads: tiles of queries and of keys go apart.
  set_thread_count(16);
  const std::vector<Tensor> many = f(at);
  set_thread_count(2);
  Plan plan = compile(f, {at[0], at[1], at[2]});
  plan.run();
  set_thread_count(threads);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(numbers(one[i]), numbers(two[i])) << i;
    EXPECT_EQ(numbers(one[i]), numbers(many[i])) << i;
    EXPECT_EQ(numbers(one[i]), numbers(plan.output_tensor(static_cast<int>(i)))) << i;
  }
}

// Gradients of sum(attention * seed) towards queries, keys and values.
std::vector<Tensor> attention_grads(const std::vector<Tensor>& at, const AttentionOptions& looks) {
  const std::vector<int> all = {0, 1, 2};
  return value_and_grads(
             [&](std::span<const Tensor> a) {
               const Tensor y = attention(a[0], a[1], a[2], looks);
               return sum(y * constant(cast(drawn(9, y.shape()), y.dtype())));
             },
             at, all)
      .grads;
}

std::vector<double> part_of(const Tensor& x, int64_t from, int64_t to) {
  return numbers(slice_axis(x, -2, {from, to}));
}

TEST(Masks, a_hidden_nan_changes_no_gradient_and_what_is_hidden_gets_none) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int64_t n = 70, hidden = 50;  // keys from here on are hidden from every query
  const Tensor there = iota(n) < hidden;
  // A mask of padding, and one that says the same for each query.
  const Tensor masks[] = {reshape(there, {1, n}), broadcast_to(there, {n, n})};
  for (const DType type : {DType::f32, DType::f64})
    for (const Tensor& mask : masks) {
      std::vector<Tensor> clean, spoilt;
      for (uint64_t i = 0; i < 3; ++i) {
        clean.push_back(cast(drawn(i, {2, n, 8}), type));
        spoilt.push_back(i == 0 ? clean[0] : where(reshape(there, {n, 1}), clean.back(), nan));
      }
      const std::vector<Tensor> want = attention_grads(clean, {.mask = mask}),
                                got = attention_grads(spoilt, {.mask = mask});
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(numbers(got[i]), numbers(want[i])) << i;
      for (size_t i = 1; i < 3; ++i)
        EXPECT_EQ(part_of(got[i], hidden, n),
                  std::vector<double>(static_cast<size_t>(2 * (n - hidden) * 8), 0));
    }
}

TEST(Masks, a_nan_that_one_query_sees_reaches_no_gradient_of_another) {
  const int64_t n = 40, at = 7;
  // Key 7 is seen by the last query alone.
  const Tensor mask =
      logical_or(not_equal(reshape(iota(n), {1, n}), at), equal(reshape(iota(n), {n, 1}), n - 1));
  std::vector<Tensor> clean;
  for (uint64_t i = 0; i < 3; ++i) clean.push_back(drawn(i, {n, 8}));
  for (const size_t which : {size_t{1}, size_t{2}}) {
    std::vector<Tensor> spoilt = clean;
    spoilt[which] = where(equal(reshape(iota(n), {n, 1}), at),
                          std::numeric_limits<double>::quiet_NaN(), clean[which]);
    const Tensor want = attention_grads(clean, {.mask = mask})[0],
                 got = attention_grads(spoilt, {.mask = mask})[0];
    EXPECT_EQ(part_of(got, 0, n - 1), part_of(want, 0, n - 1));
    EXPECT_TRUE(std::isnan(part_of(got, n - 1, n)[0]));
  }
}

TEST(Masks, behind_padding_a_nan_changes_no_derivative_of_any_order) {
  const Tensor there = reshape(iota(6) < 4, {1, 6}), of_rows = reshape(there, {6, 1});
  std::vector<Tensor> whole, cut, along, along_cut;
  for (uint64_t i = 0; i < 3; ++i) {
    const Tensor x = drawn(i, {6, 3}), dot = drawn(10 + i, {6, 3});
    const auto seen = [&](const Tensor& z) { return i == 0 ? z : slice_axis(z, 0, {0, 4}); };
    whole.push_back(i == 0 ? x : where(of_rows, x, std::numeric_limits<double>::quiet_NaN()));
    along.push_back(dot);
    cut.push_back(seen(x));
    along_cut.push_back(seen(dot));
  }
  const auto of = [](const AttentionOptions& looks, auto attend) -> Function {
    return [looks, attend](std::span<const Tensor> a) {
      return sum(sin(attend(a[0], a[1], a[2], looks)));
    };
  };
  const auto all_scores = [](const Tensor& q, const Tensor& k, const Tensor& v,
                             const AttentionOptions& looks) {
    return matmul(attention_weights(q, k, looks), without_hidden(v, looks.mask));
  };
  const Function want = of({}, attention);
  for (const Function& f : {of({.mask = there}, attention), of({.mask = there}, all_scores)}) {
    EXPECT_NEAR(number(jvp(f, whole, along).derivative),
                number(jvp(want, cut, along_cut).derivative), 1e-12);
    const std::vector<Tensor> curved = hvp(f, whole, along),
                              curved_want = hvp(want, cut, along_cut);
    for (size_t i = 0; i < 3; ++i)
      expect_near(slice_axis(curved[i], 0, {0, i == 0 ? 6 : 4}), numbers(curved_want[i]), 1e-12);
  }
}

TEST(Masks, a_query_that_sees_nothing_gives_and_gets_no_gradient) {
  for (const DType type : {DType::f32, DType::f64}) {
    std::vector<Tensor> at;
    for (uint64_t i = 0; i < 3; ++i) at.push_back(cast(drawn(i, {3, 4}), type));
    const auto row_hidden_by = [&](double low) {
      return cast(reshape(from_vector(std::vector<double>{0, low, 0}), {3, 1}), type);
    };
    std::vector<Tensor> without = attention_grads(at, {.mask = row_hidden_by(0) >= 0});
    for (const Tensor& mask :
         {row_hidden_by(-1) >= 0, row_hidden_by(-std::numeric_limits<double>::infinity()),
          row_hidden_by(masking_value(type))}) {
      const std::vector<Tensor> got = attention_grads(at, {.mask = mask});
      EXPECT_EQ(part_of(got[0], 1, 2), std::vector<double>(4, 0));
      EXPECT_EQ(part_of(got[0], 0, 1), part_of(without[0], 0, 1));
      for (const Tensor& g : got)
        for (const double x : numbers(g)) EXPECT_TRUE(std::isfinite(x));
    }
  }
}

// -1e9 leaves no digit of a score in f32: the query looks at all keys alike and moves all values,
// hidden ones among them.
TEST(Masks, a_row_of_minus_1e9_in_f32_has_gradients_where_a_hidden_one_has_none) {
  std::vector<Tensor> at;
  for (uint64_t i = 0; i < 3; ++i) at.push_back(cast(drawn(i, {3, 4}), DType::f32));
  const Tensor low = cast(full({3, 3}, -1e9), DType::f32);
  const Tensor seed = cast(drawn(9, {3, 4}), DType::f32);
  const std::vector<Tensor> got = attention_grads(at, {.mask = low});
  const std::vector<double> third = numbers(sum(seed, {.axis = 0}) / 3);
  for (int64_t i = 0; i < 3; ++i) expect_near(slice_axis(got[2], 0, {i, i + 1}), third, 1e-6);
  EXPECT_GT(number(max(abs(got[0]))), 0.01);
  for (const Tensor& g : attention_grads(at, {.mask = low > 0}))
    EXPECT_EQ(numbers(g), std::vector<double>(12, 0));
  // Beside one key that is seen, what is masked so gets nothing at all.
  const Tensor one = cast(from_vector(std::vector<double>{0, -1e9, -1e9}), DType::f32);
  const std::vector<Tensor> seen = attention_grads(at, {.mask = one});
  EXPECT_EQ(part_of(seen[2], 1, 3), std::vector<double>(8, 0));
  EXPECT_EQ(part_of(seen[1], 1, 3), std::vector<double>(8, 0));
}

TEST(SelfAttention, and_all_its_derivatives_are_those_of_attention_on_three_slices) {
  const int64_t heads = 2, width = 6;
  const Tensor qkv = drawn(1, {2, 5, 3 * width}), direction = drawn(2, {2, 5, 3 * width});
  for (const bool causal : {false, true}) {
    const auto loss = [](const Tensor& y) { return sum(y * y * y); };
    const auto whole = [&](const Tensor& x) {
      return loss(self_attention(x, heads, {.causal = causal}));
    };
    const auto sliced = [&](const Tensor& x) {
      const auto part = [&](int64_t i) {
        return split_heads(slice_axis(x, -1, {i * width, (i + 1) * width}), heads);
      };
      return loss(join_heads(attention(part(0), part(1), part(2), {.causal = causal})));
    };
    EXPECT_EQ(number(whole(qkv)), number(sliced(qkv)));
    EXPECT_EQ(numbers(grad(whole)(qkv)), numbers(grad(sliced)(qkv)));
    expect_near(jvp(whole)(qkv, direction).derivative,
                {number(jvp(sliced)(qkv, direction).derivative)}, 1e-11);
    expect_near(hvp(whole)(qkv, direction), numbers(hvp(sliced)(qkv, direction)), 1e-11);
  }
}

TEST(Attention, of_sequences_to_themselves_refuses_what_it_cannot_cut) {
  const Tensor qkv = zeros({2, 4, 12}, DType::f32);
  EXPECT_EQ(message_of([&] { self_attention(qkv, 3); }),
            "self_attention: qkv f32[2,4,12], 3 heads. qkv is (N, T, 3 E), and the heads, 1 or "
            "more, divide E.");
  EXPECT_EQ(message_of([&] { self_attention(qkv, 0); }),
            "self_attention: qkv f32[2,4,12], 0 heads. qkv is (N, T, 3 E), and the heads, 1 or "
            "more, divide E.");
  EXPECT_EQ(message_of([&] {
              self_attention(qkv, 2, {.mask = ones({4, 4}, DType::boolean)});
            }),
            "self_attention: a mask bool[4,4]. It takes none but causal. Use split_heads and "
            "attention.");
}

TEST(MultiheadAttention, equals_a_loop_over_its_heads) {
  const MultiheadAttention m = make_attention(key, 6, 3, {.bias = false, .dtype = DType::f64});
  const Tensor x = drawn(1, {2, 4, 6});
  Pass pass;
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < 3; ++h) {
    const auto of = [&](int64_t part) {
      const int64_t from = part * 6 + h * 2;
      return matmul(x, transpose(slice_axis(m.in_proj_weight, 0, {from, from + 2})));
    };
    const Tensor scores = matmul(of(0), transpose(of(1))) / std::sqrt(2.0);
    heads.push_back(matmul(softmax(scores), of(2)));
  }
  expect_near(m(x, pass), numbers(m.out_proj(concatenate(heads, -1))), 1e-14);
}

TEST(MultiheadAttention, a_cache_gives_what_the_whole_sequence_gives) {
  for (const int64_t key_heads : {4, 2, 1}) {
    const MultiheadAttention m =
        make_attention(key, 8, 4, {.key_heads = key_heads, .dtype = DType::f64});
    const Tensor x = drawn(1, {2, 5, 8});
    Pass pass;
    const Tensor whole = m(x, pass, {.causal = true});
    KeyValueCache cache;
    const Tensor first = m(slice_axis(x, 1, {0, 3}), cache);
    const Tensor rest = m(slice_axis(x, 1, {3, 5}), cache);
    expect_near(concatenate({first, rest}, 1), numbers(whole), 1e-14);
    EXPECT_EQ(cache.keys.shape(), (Shape{2, key_heads, 5, 2}));
  }
}

TEST(MultiheadAttention, permuting_tokens_permutes_the_result) {
  const MultiheadAttention m = make_attention(key, 6, 2, {.dtype = DType::f64});
  const Tensor x = drawn(1, {1, 4, 6});
  Pass pass;
  expect_near(m(flip(x, {1}), pass), numbers(flip(m(x, pass), {1})), 1e-14);
}

TEST(MultiheadAttention, dropout_leaves_out_weights_also_where_heads_share_keys) {
  const MultiheadAttention m =
      make_attention(key, 8, 4, {.key_heads = 2, .dropout = 0.5, .dtype = DType::f64});
  const Tensor x = drawn(1, {2, 5, 8});
  Pass evaluating, training = Pass::training(key_tensor(key));
  const Tensor y = m(x, training);
  EXPECT_EQ(y.shape(), x.shape());
  EXPECT_NE(numbers(y), numbers(m(x, evaluating)));
}

TEST(MultiheadAttention, messages_begin_with_the_place_in_the_model) {
  MultiheadAttention m = make_attention(key, 6, 2);
  m.path = "encoder.layers.2.self_attn";
  Pass pass;
  EXPECT_EQ(message_of([&] {
              m(zeros({2, 3, 5}, DType::f32), pass);
            }),
            "encoder.layers.2.self_attn: expected in=6, got f32[2,3,5]. Sequences are (N, T, "
            "features).");
  EXPECT_EQ(message_of([] { make_attention(key, 6, 4); }),
            "make_attention: width 6, 4 heads, 4 of keys. The heads divide the width, and those of "
            "keys the heads.");
}

TEST(Positions, sinusoids_by_hand) {
  // Width 4: angles p and p / 100.
  expect_near(sinusoidal_positions(2, 4, DType::f64),
              {0, 1, 0, 1, std::sin(1.0), std::cos(1.0), std::sin(0.01), std::cos(0.01)}, 1e-15);
}

TEST(Positions, rotation_keeps_lengths_and_makes_products_depend_on_the_distance_alone) {
  const Tensor q = drawn(1, {1, 6}), k = drawn(2, {1, 6});
  const auto product = [&](int64_t at_q, int64_t at_k) {
    return number(sum(rotary(q, at_q) * rotary(k, at_k)));
  };
  EXPECT_NEAR(number(norm(rotary(q, 17))), number(norm(q)), 1e-14);
  EXPECT_NEAR(product(5, 3), product(105, 103), 1e-12);
  EXPECT_GT(std::abs(product(5, 3) - product(5, 4)), 1e-3);
  EXPECT_EQ(message_of([] {
              rotary(zeros({2, 3}));
            }),
            "rotary: f64[2,3]. The last axis holds pairs, so its size is even, and places lie on "
            "the one before.");
}

TEST(Transformer, normalising_first_lets_the_gradient_through_a_deep_stack) {
  // What reaches the input of a gradient of norm 1 behind 24 layers with PyTorch's
  // weights: each sum with a part is scaled down by the normalisation behind it, unless there is
  // none.
  const auto reaches = [](bool first) {
    Tensor x = drawn(1, {2, 6, 16});
    const Tensor seed = drawn(2, {2, 6, 16});
    const Tensor g = grad([&](const Tensor& in) {
      Pass pass;
      Tensor h = in;
      for (uint64_t i = 0; i < 24; ++i)
        h = make_encoder_layer(split(key, i), 16, 2, 32,
                               {.dropout = 0, .norm_first = first, .dtype = DType::f64})(h, pass);
      return sum(h * constant(seed / norm(seed)));
    })(x);
    return number(norm(g));
  };
  EXPECT_GT(reaches(true), 2 * reaches(false)) << reaches(true);
  EXPECT_LT(reaches(false), 1);
}

TEST(Gpt, the_smallest_published_model_has_its_parameters_names_and_shapes) {
  EXPECT_EQ(parameter_count(GptSpec{}), 124439808);
  const GptSpec spec{.vocabulary = 11, .context = 8, .width = 6, .heads = 2, .layers = 2};
  const Gpt m = make_gpt(key, spec);
  EXPECT_EQ(parameter_count(m), parameter_count(spec));
  const StateDict dict = state_dict(m);
  EXPECT_EQ(dict[0].first, "wte.weight");
  EXPECT_EQ(dict[2].first, "h.0.ln_1.weight");
  EXPECT_EQ(dict[4].first, "h.0.attn.c_attn.weight");
  EXPECT_EQ(dict[4].second.shape(), (Shape{6, 18}));
  EXPECT_EQ(dict.back().first, "ln_f.bias");
}

TEST(Gpt, reading_token_by_token_gives_what_reading_at_once_gives) {
  const Gpt m = make_gpt(key, {.vocabulary = 11, .context = 8, .width = 6, .heads = 2, .layers = 2},
                         DType::f64);
  const Tensor tokens = from_vector(std::vector<int64_t>{3, 1, 4, 1, 5, 9}, {1, 6});
  Pass pass;
  const Tensor whole = m(tokens, pass);
  GptCache cache;
  std::vector<Tensor> parts = {m(slice_axis(tokens, 1, {0, 4}), cache)};
  for (int64_t t = 4; t < 6; ++t) parts.push_back(m(slice_axis(tokens, 1, {t, t + 1}), cache));
  expect_near(concatenate(parts, 1), numbers(whole), 1e-14);
  EXPECT_EQ(message_of([&] {
              m(zeros({1, 3}, DType::i64), cache);
            }),
            "gpt: tokens i64[1,3] after 6 for a context of 8. They are (N, T), and all of them fit "
            "the context.");
}

TEST(Gpt, a_token_changes_nothing_before_it) {
  const Gpt m = make_gpt(key, {.vocabulary = 5, .context = 4, .width = 4, .heads = 1, .layers = 1});
  const auto first = [&](int64_t last) {
    Pass pass;
    return numbers(
        slice_axis(m(from_vector(std::vector<int64_t>{1, 2, last}, {1, 3}), pass), 1, {0, 2}));
  };
  EXPECT_EQ(first(0), first(4));
}

TEST(Gpt, published_files_load_with_their_masks_tied_head_and_prefix) {
  const Gpt m = make_gpt(key, {.vocabulary = 5, .context = 4, .width = 4, .heads = 1, .layers = 1});
  StateDict published;
  for (const auto& [name, x] : state_dict(m)) published.emplace_back("transformer." + name, x + 1);
  published.emplace_back("transformer.h.0.attn.bias", ones({1, 1, 4, 4}, DType::f32));
  published.emplace_back("lm_head.weight", m.wte.weight + 1);
  const Gpt loaded = load_state(m, gpt_names(published));
  EXPECT_EQ(numbers(loaded.ln_f.bias), (std::vector<double>{1, 1, 1, 1}));
}

TEST(Vit, the_base_model_has_torchvisions_parameters_and_names) {
  const VitSpec base;
  const int64_t e = base.width, side = base.image / base.patch;
  // Counted by hand: patches, class token, places; attention, two linear layers, two norms; head.
  const int64_t layer = 4 * e * e + 4 * e + 2 * e * base.hidden + base.hidden + e + 4 * e;
  EXPECT_EQ(e * 3 * 256 + e + e + (side * side + 1) * e + 12 * layer + 2 * e + 1000 * e + 1000,
            86567656);
  const VitSpec small{.image = 8,
                      .patch = 4,
                      .channels = 1,
                      .width = 8,
                      .heads = 2,
                      .layers = 1,
                      .hidden = 16,
                      .classes = 10};
  const Vit m = make_vit(key, small);
  EXPECT_EQ(parameter_count(m),
            8 * 16 + 8 + 8 + 5 * 8 + (4 * 64 + 32 + 2 * 128 + 16 + 8 + 32) + 16 + 80 + 10);
  const StateDict dict = state_dict(m);
  EXPECT_EQ(dict[1].first, "conv_proj.weight");
  EXPECT_EQ(dict[4].first, "encoder.layers.encoder_layer_0.ln_1.weight");
  EXPECT_EQ(dict[6].first, "encoder.layers.encoder_layer_0.self_attention.in_proj_weight");
  Pass pass;
  EXPECT_EQ(m(zeros({3, 1, 8, 8}, DType::f32), pass).shape(), (Shape{3, 10}));
  EXPECT_EQ(message_of([&] {
              m(zeros({1, 1, 12, 12}, DType::f32), pass);
            }),
            "conv_proj: f32[1,1,12,12] gives 9 patches, but there are positions for 4. Scale the "
            "image to the size the model was made for.");
}

}  // namespace
}  // namespace gradus
