// Layers and losses against PyTorch's, forward and backward: layers.safetensors was written by
// tests/oracle/torch_layers.py. Parameters come in by PyTorch's own names.
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/module.h>
#include <gradus/nn/norm.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/transformer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace gradus {
namespace {

const StateDict& stored() {
  static const StateDict every =
      read_safetensors(GRADUS_SOURCE_DIR "/tests/torch/layers.safetensors").tensors;
  return every;
}

const Tensor* find(const std::string& name) {
  for (const auto& [key, x] : stored())
    if (key == name) return &x;
  return nullptr;
}

Tensor in(DType dtype, const Tensor& x) {
  return is_float(x.dtype()) ? cast(x, dtype) : x;
}

// What begins with NAME/KIND, without that beginning.
StateDict part(const std::string& name, const std::string& kind, DType dtype) {
  StateDict found;
  for (const auto& [key, x] : stored())
    if (key.starts_with(name + "/" + kind))
      found.emplace_back(key.substr(name.size() + 1 + kind.size()), in(dtype, x));
  return found;
}

// 1e-10 in f64 and 1e-5 in f32, of the largest number of the tensor or of 1.
void expect_equal(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_EQ(got.shape(), want.shape()) << what;
  const std::vector<double> a = numbers(got), b = numbers(want);
  double size = 1;
  for (double x : b) size = std::max(size, std::abs(x));
  const double tolerance = (got.dtype() == DType::f32 ? 1e-5 : 1e-10) * size;
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << what << " at " << i;
}

// The cotangent of every case: cos(1), cos(2), ...
Tensor seed(const Tensor& y) {
  std::vector<double> v(static_cast<size_t>(y.size()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = std::cos(static_cast<double>(i + 1));
  return cast(from_vector(v, y.shape()), y.dtype());
}

using Results = std::vector<Tensor>;

template <class Module>
using Call = std::function<Results(const Module&, std::span<const Tensor>, Pass&)>;

// Values, gradients towards inputs and parameters, and running statistics after `steps` calls.
template <class Module>
void compare(const std::string& name, const Module& like, const Call<Module>& call,
             bool training = false, int steps = 1) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    SCOPED_TRACE(name + (dtype == DType::f32 ? ", f32" : ", f64"));
    Module module = like;
    each_tensor(module, [&](const std::string&, Tensor& x) { x = in(dtype, x); });
    module = load_state(module, part(name, "param.", dtype));
    std::vector<Tensor> all, floats;
    for (int i = 0; find(name + "/x" + std::to_string(i)) != nullptr; ++i)
      all.push_back(in(dtype, *find(name + "/x" + std::to_string(i))));
    const size_t own = parameters(module).size();
    std::vector<Tensor> args = parameters(module);
    for (const Tensor& x : all)
      if (is_float(x.dtype())) args.push_back(x);
    const auto results = [&](std::span<const Tensor> a, Pass& pass) {
      const Module now = with_parameters(module, a.first(own));
      std::vector<Tensor> xs;
      size_t next = own;
      for (const Tensor& x : all) xs.push_back(is_float(x.dtype()) ? a[next++] : x);
      return call(now, xs, pass);
    };
    for (int s = 0; s < steps; ++s) {
      Pass pass = training ? Pass::training() : Pass();
      const Results ys = call(module, all, pass);
      for (size_t i = 0; i < ys.size(); ++i) {
        const Tensor* want = find(name + "/y" + std::to_string(i));
        ASSERT_NE(want, nullptr);
        expect_equal(ys[i], in(dtype, *want), "y" + std::to_string(i));
      }
      std::vector<Tensor> next;
      each_statistic(
          module, [&](const std::string&, const Statistic& x) { next.push_back(pass.after(x)); });
      module = with_statistics(module, next);
    }
    for (const auto& [key, want] : part(name, "after.", dtype))
      for (const auto& [path, got] : state_dict(module))
        if (path == key) expect_equal(got, want, "after " + key);
    std::vector<int> every(args.size());
    for (size_t i = 0; i < every.size(); ++i) every[i] = static_cast<int>(i);
    const ValueAndGrads r = value_and_grads(
        [&](std::span<const Tensor> a) {
          Pass pass = training ? Pass::training() : Pass();
          Tensor total;
          for (const Tensor& y : results(a, pass)) {
            const Tensor t = sum(y * constant(seed(y)));
            total = total.is_absent() ? t : total + t;
          }
          return total;
        },
        args, every);
    size_t at = 0;
    for (const auto& [path, x] : named_parameters(module)) {
      const Tensor* want = find(name + "/grad." + path);
      ASSERT_NE(want, nullptr) << path;
      expect_equal(r.grads[at++], in(dtype, *want), "gradient of " + path);
    }
    for (size_t i = 0; i < all.size(); ++i)
      if (is_float(all[i].dtype()))
        expect_equal(r.grads[at++], in(dtype, *find(name + "/grad.x" + std::to_string(i))),
                     "gradient of x" + std::to_string(i));
  }
}

// A layer of one input.
template <class Module>
void compare_layer(const std::string& name, const Module& like, bool training = false,
                   int steps = 1) {
  compare<Module>(
      name, like,
      [](const Module& m, std::span<const Tensor> x, Pass& pass) -> Results {
        if constexpr (requires { m(x[0], pass); })
          return {m(x[0], pass)};
        else
          return {m(x[0])};
      },
      training, steps);
}

struct Nothing {
  template <class Self, class Visit>
  static void fields(Self&, Visit) {}
};

// A function of tensors.
void compare_function(const std::string& name,
                      const std::function<Tensor(std::span<const Tensor>)>& f) {
  compare<Nothing>(name, {},
                   [&](const Nothing&, std::span<const Tensor> x, Pass&) { return Results{f(x)}; });
}

const Key key = key_from_seed(1);

TEST(Torch, linear_is_pytorchs) {
  compare_layer("linear", make_linear(key, 5, 3));
}

TEST(Torch, convolutions_are_pytorchs) {
  compare_layer("conv1d", make_conv(key, 4, 6, {3},
                                    {.stride = {2}, .padding = {1}, .dilation = {2}, .groups = 2}));
  compare_layer("conv2d", make_conv(key, 2, 4, {3, 2}));
  compare_layer("conv2d_strided",
                make_conv(key, 4, 6, {3, 3}, {.stride = {2, 1}, .padding = {1, 2}, .groups = 2}));
  compare_layer("conv2d_dilated",
                make_conv(key, 3, 3, {3, 3}, {.padding = {2}, .dilation = {2}, .groups = 3},
                          {.bias = false}));
  compare_layer(
      "conv_transpose1d",
      make_conv_transpose(key, 4, 6, {3},
                          {.stride = {2}, .padding = {1}, .groups = 2, .output_padding = {1}}));
  compare_layer("conv_transpose2d",
                make_conv_transpose(key, 3, 2, {3, 3},
                                    {.stride = {2}, .padding = {1}, .output_padding = {1}}));
}

TEST(Torch, pooling_is_pytorchs) {
  compare_function("max_pool2d", [](auto x) {
    return max_pool2d(x[0], {.size = {3}, .stride = {2}, .padding = {1}});
  });
  compare_function("max_pool2d_ceil", [](auto x) {
    return max_pool2d(x[0], {.size = {2}, .stride = {2}, .ceil_mode = true});
  });
  compare_function("avg_pool2d", [](auto x) {
    return avg_pool2d(x[0], {.size = {3}, .stride = {2}, .padding = {1}});
  });
  compare_function("avg_pool2d_inside", [](auto x) {
    return avg_pool2d(x[0],
                      {.size = {3}, .stride = {2}, .padding = {1}, .count_include_pad = false});
  });
  compare_function("adaptive_avg_pool2d", [](auto x) { return adaptive_avg_pool2d(x[0], {3, 2}); });
  compare_function("adaptive_max_pool2d", [](auto x) { return adaptive_max_pool2d(x[0], {3, 2}); });
}

TEST(Torch, normalisation_and_its_running_statistics_are_pytorchs) {
  compare_layer("batch_norm1d", make_batch_norm(4), true, 2);
  compare_layer("batch_norm2d", make_batch_norm(3), true);
  compare_layer("batch_norm2d_eval", make_batch_norm(3));
  compare_layer("layer_norm", make_layer_norm(6));
  compare_layer("group_norm", make_group_norm(2, 6));
  compare_layer("instance_norm", make_group_norm(4, 4));
}

TEST(Torch, embedding_is_pytorchs_with_a_padding_token) {
  compare_layer("embedding", make_embedding(key, 7, 3, 2));
}

TEST(Torch, recurrent_layers_are_pytorchs_deep_both_ways_and_with_lengths) {
  const std::pair<std::string, RecurrentKind> kinds[] = {{"rnn", RecurrentKind::tanh},
                                                         {"rnn_relu", RecurrentKind::relu},
                                                         {"lstm", RecurrentKind::lstm},
                                                         {"gru", RecurrentKind::gru}};
  for (const auto& [name, kind] : kinds) {
    compare<Recurrent>(name, make_recurrent(kind, key, 3, 4),
                       [](const Recurrent& m, std::span<const Tensor> x, Pass& pass) {
                         return Results{m(x[0], pass).output};
                       });
    if (kind == RecurrentKind::relu) continue;
    compare<Recurrent>(
        name + "_deep_packed",
        make_recurrent(kind, key, 3, 4, {.layers = 2, .bidirectional = true}),
        [](const Recurrent& m, std::span<const Tensor> x, Pass& pass) {
          const RecurrentResult r = m(x[0], pass, {}, from_vector(std::vector<int64_t>{5, 3, 1}));
          Results all = {r.output, r.last.h};
          if (!r.last.c.is_absent()) all.push_back(r.last.c);
          return all;
        });
  }
}

TEST(Torch, attention_is_pytorchs) {
  using Layer = MultiheadAttention;
  const Layer layer = make_attention(key, 8, 2);
  const auto self = [&](const std::string& name, const AttentionOptions& looks) {
    compare<Layer>(name, layer, [&](const Layer& m, std::span<const Tensor> x, Pass& pass) {
      return Results{m(x[0], pass, looks)};
    });
  };
  self("attention_self", {});
  self("attention_causal", {.causal = true});
  // The second sequence has three tokens.
  const Tensor lengths = from_vector(std::vector<int64_t>{5, 3}, {2, 1, 1, 1});
  self("attention_padded", {.mask = constant(less(iota(5), lengths))});
  compare<Layer>("attention_cross", layer,
                 [](const Layer& m, std::span<const Tensor> x, Pass& pass) {
                   return Results{m(x[0], x[1], x[1], pass)};
                 });
  compare<Layer>("attention_kv", make_attention(key, 8, 2, {.key_in = 6, .value_in = 3}),
                 [](const Layer& m, std::span<const Tensor> x, Pass& pass) {
                   return Results{m(x[0], x[1], x[2], pass)};
                 });
}

TEST(Torch, transformer_layers_are_pytorchs_before_and_after_normalisation) {
  for (const bool first : {false, true}) {
    const std::string word = first ? "pre" : "post";
    compare_layer("encoder_layer_" + word,
                  make_encoder_layer(
                      key, 8, 2, 12,
                      {.dropout = 0, .norm_first = first, .activation = first ? "gelu" : "relu"}),
                  true);
    compare<TransformerDecoderLayer>(
        "decoder_layer_" + word,
        make_decoder_layer(key, 8, 2, 12, {.dropout = 0, .norm_first = first}),
        [](const TransformerDecoderLayer& m, std::span<const Tensor> x, Pass& pass) {
          return Results{m(x[0], x[1], pass)};
        },
        true);
  }
  compare<Transformer>(
      "transformer", make_transformer(key, 8, 2, 1, 1, 12, {.dropout = 0}),
      [](const Transformer& m, std::span<const Tensor> x, Pass& pass) {
        return Results{m(x[0], x[1], pass)};
      },
      true);
}

TEST(Torch, losses_are_pytorchs_in_every_reduction) {
  const Tensor classes = *find("loss/classes");
  const std::pair<std::string, Reduction> ways[] = {
      {"_mean", Reduction::mean}, {"_sum", Reduction::sum}, {"_none", Reduction::none}};
  for (const auto& [way, how] : ways) {
    const Reduction reduction = how;
    const auto like = [](const Tensor& x, const char* name) {
      return constant(in(x.dtype(), *find(std::string("loss/") + name)));
    };
    compare_function("mse" + way, [=](auto x) { return mse(x[0], x[1], reduction); });
    compare_function("mae" + way, [=](auto x) { return mae(x[0], x[1], reduction); });
    compare_function("huber" + way, [=](auto x) { return huber(x[0], x[1], reduction, 0.7); });
    compare_function("cross_entropy" + way,
                     [=](auto x) { return cross_entropy(x[0], classes, reduction); });
    compare_function("cross_entropy_full" + way, [=](auto x) {
      return cross_entropy(
          x[0], classes, reduction,
          {.label_smoothing = 0.1, .weights = like(x[0], "weights"), .ignore_index = 3});
    });
    compare_function("cross_entropy_soft" + way,
                     [=](auto x) { return cross_entropy(x[0], like(x[0], "probs"), reduction); });
    compare_function("nll" + way,
                     [=](auto x) { return nll(log_softmax(x[0]), classes, reduction); });
    compare_function("bce" + way, [=](auto x) {
      return binary_cross_entropy_with_logits(x[0], like(x[0], "probs"), reduction);
    });
    compare_function("kl" + way, [=](auto x) {
      return kl_div(log_softmax(x[0]), like(x[0], "probs"), reduction);
    });
    compare_function("hinge" + way, [=](auto x) { return multi_margin(x[0], classes, reduction); });
    compare_function("cosine" + way, [=](auto x) {
      return cosine_embedding(x[0], x[1], like(x[0], "signs"), reduction, 0.2);
    });
    compare_function("triplet" + way,
                     [=](auto x) { return triplet_margin(x[0], x[1], x[2], reduction, 2); });
  }
  compare_function("info_nce", [](auto x) { return info_nce(x[0], x[1], 0.5); });
}

}  // namespace
}  // namespace gradus
