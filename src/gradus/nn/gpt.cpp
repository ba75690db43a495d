#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/init.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>

#include <cmath>

namespace gradus {
namespace {

// Logits of what follows tokens that stand at places first, first + 1, ...
Tensor run(const Gpt& m, const Tensor& tokens, int64_t first, Pass& pass, GptCache* cache) {
  const int64_t context = m.wpe.weight.shape()[0];
  if (tokens.rank() != 2 || first + tokens.shape()[1] > context)
    raise(ErrorKind::shape, "gpt: tokens " + to_string(tokens.type()) +
                                (first > 0 ? " after " + std::to_string(first) : "") +
                                " for a context of " + std::to_string(context) +
                                ". They are (N, T), and all of them fit the context.");
  const Tensor places = slice_axis(m.wpe.weight, 0, {first, first + tokens.shape()[1]});
  Tensor h = dropout(m.wte(tokens) + places, m.dropout, pass, m.wte.path);
  for (size_t i = 0; i < m.blocks.size(); ++i)
    h = m.blocks[i](h, pass, cache ? &cache->blocks[i] : nullptr);
  h = m.ln_f(h);
  const Scope scope("head");
  return matmul(h, transpose(m.wte.weight));
}

}  // namespace

Tensor ColumnLinear::operator()(const Tensor& x) const {
  if (x.rank() == 0 || x.shape().back() != weight.shape()[0])
    raise(ErrorKind::shape, path + ": expected in=" + std::to_string(weight.shape()[0]) + ", got " +
                                to_string(x.type()) + " for weight " + to_string(weight.type()) +
                                ". The last axis of the input holds the features.");
  const Scope scope(path);
  return matmul(x, weight) + bias;
}

Tensor GptBlock::operator()(const Tensor& x, Pass& pass, KeyValueCache* cache) const {
  const Tensor qkv = c_attn(ln_1(x));
  const Tensor joined = [&] {
    // "h.0.attn" of "h.0.attn.c_attn": attention is no part of the projection.
    const Scope scope(c_attn.path.substr(0, c_attn.path.rfind('.')));
    if (cache == nullptr) return self_attention(qkv, heads, {.causal = true});
    const int64_t width = x.shape().back();
    const auto part = [&](int64_t i) {
      return split_heads(slice_axis(qkv, -1, {i * width, (i + 1) * width}), heads);
    };
    Tensor k = part(1), v = part(2);
    if (!cache->keys.is_absent()) {
      k = concatenate({cache->keys, k}, 2);
      v = concatenate({cache->values, v}, 2);
    }
    *cache = {k, v};
    return join_heads(attention(part(0), k, v, {.causal = true}));
  }();
  const Tensor h = x + gradus::dropout(attn_proj(joined), dropout, pass, attn_proj.path);
  return h + gradus::dropout(mlp_proj(gelu_tanh(c_fc(ln_2(h)))), dropout, pass, mlp_proj.path);
}

Tensor Gpt::operator()(const Tensor& tokens, Pass& pass) const {
  return run(*this, tokens, 0, pass, nullptr);
}

Tensor Gpt::operator()(const Tensor& tokens, GptCache& cache) const {
  Pass pass;
  cache.blocks.resize(blocks.size());
  const Tensor logits = run(*this, tokens, cache.tokens, pass, &cache);
  cache.tokens += tokens.shape()[1];
  return logits;
}

Gpt make_gpt(Key key, const GptSpec& spec, DType dtype) {
  if (spec.vocabulary < 1 || spec.context < 1 || spec.layers < 1 || spec.heads < 1 ||
      spec.width % spec.heads != 0)
    raise(ErrorKind::usage, "make_gpt: width " + std::to_string(spec.width) + ", " +
                                std::to_string(spec.heads) + " heads, " +
                                std::to_string(spec.layers) +
                                " layers. The heads divide the width, and all are 1 at least.");
  constexpr double spread = 0.02;
  const double writes = spread / std::sqrt(2 * static_cast<double>(spec.layers));
  uint64_t made = 0;
  const auto drawn = [&](const Shape& shape, double std_dev) {
    return normal_weight(split(key, made++), shape, std_dev, dtype);
  };
  const auto linear = [&](int64_t in, int64_t out, double std_dev) {
    return ColumnLinear{drawn({in, out}, std_dev), zeros({out}, dtype)};
  };
  Gpt m;
  m.dropout = spec.dropout;
  m.wte = {drawn({spec.vocabulary, spec.width}, spread)};
  m.wpe = {drawn({spec.context, spec.width}, spread)};
  for (int64_t i = 0; i < spec.layers; ++i) {
    GptBlock b;
    b.heads = spec.heads;
    b.dropout = spec.dropout;
    b.ln_1 = b.ln_2 = make_layer_norm(spec.width, 1e-5, dtype);
    b.c_attn = linear(spec.width, 3 * spec.width, spread);
    b.attn_proj = linear(spec.width, spec.width, writes);
    b.c_fc = linear(spec.width, 4 * spec.width, spread);
    b.mlp_proj = linear(4 * spec.width, spec.width, writes);
    m.blocks.push_back(std::move(b));
  }
  m.ln_f = make_layer_norm(spec.width, 1e-5, dtype);
  return with_paths(std::move(m));
}

int64_t parameter_count(const GptSpec& spec) {
  const int64_t e = spec.width;
  return (spec.vocabulary + spec.context) * e + spec.layers * (12 * e * e + 13 * e) + 2 * e;
}

bool names_causal_mask(std::string_view published) {
  return published.ends_with(".attn.bias") || published.ends_with(".attn.masked_bias");
}

StateDict gpt_names(const StateDict& published) {
  constexpr std::string_view prefix = "transformer.";
  StateDict names;
  for (const auto& [path, x] : published) {
    const std::string name = path.starts_with(prefix) ? path.substr(prefix.size()) : path;
    if (!names_causal_mask(name) && name != "lm_head.weight") names.emplace_back(name, x);
  }
  return names;
}

}  // namespace gradus
