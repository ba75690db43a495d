#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/diff/custom.h>
#include <gradus/nn/attention.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/init.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>
#include <memory>

namespace gradus {
namespace {

Tensor project(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = matmul(x, transpose(weight));
  return bias.is_absent() ? y : y + bias;
}

struct Heads {
  Tensor q, k, v;
};

// Rows of the projections: those of queries, then of keys, then of values.
struct Rows {
  int64_t queries, keys;
  explicit Rows(const MultiheadAttention& m)
      : queries(m.out_proj.inputs()), keys(queries / m.heads * m.key_heads) {}
};

Tensor part(const Tensor& x, int64_t from, int64_t count) {
  return x.is_absent() ? x : slice_axis(x, 0, {from, from + count});
}

void check(const MultiheadAttention& m, const Tensor& x, const char* what, int64_t width) {
  if (x.rank() != 3 || x.shape()[2] != width)
    raise(ErrorKind::shape, m.path + ": expected " + what + "=" + std::to_string(width) + ", got " +
                                to_string(x.type()) + ". Sequences are (N, T, features).");
}

Heads projected(const MultiheadAttention& m, const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool whole = !m.in_proj_weight.is_absent();
  const int64_t width = m.out_proj.inputs();
  check(m, q, "in", width);
  check(m, k, "key features", whole ? width : m.k_proj_weight.shape()[1]);
  check(m, v, "value features", whole ? width : m.v_proj_weight.shape()[1]);
  const Rows rows(m);
  const Tensor& w = m.in_proj_weight;
  const Tensor& b = m.in_proj_bias;
  const int64_t at_k = rows.queries, at_v = at_k + rows.keys;
  return {split_heads(project(q, whole ? part(w, 0, at_k) : m.q_proj_weight, part(b, 0, at_k)),
                      m.heads),
          split_heads(project(k, whole ? part(w, at_k, rows.keys) : m.k_proj_weight,
                              part(b, at_k, rows.keys)),
                      m.key_heads),
          split_heads(project(v, whole ? part(w, at_v, rows.keys) : m.v_proj_weight,
                              part(b, at_v, rows.keys)),
                      m.key_heads)};
}

// Queries, keys and values of x itself, in one product where they have one weight.
Heads projected(const MultiheadAttention& m, const Tensor& x) {
  if (m.in_proj_weight.is_absent()) return projected(m, x, x, x);
  check(m, x, "in", m.out_proj.inputs());
  const Rows rows(m);
  const Tensor all = project(x, m.in_proj_weight, m.in_proj_bias);
  const auto of = [&](int64_t from, int64_t count, int64_t heads) {
    return split_heads(slice_axis(all, -1, {from, from + count}), heads);
  };
  return {of(0, rows.queries, m.heads), of(rows.queries, rows.keys, m.key_heads),
          of(rows.queries + rows.keys, rows.keys, m.key_heads)};
}

}  // namespace

Tensor split_heads(const Tensor& x, int64_t heads) {
  Shape shape = x.shape();
  shape[shape.size() - 1] /= heads;
  shape.insert(shape.size() - 1, heads);
  return swap_axes(reshape(x, shape), -3, -2);
}

Tensor join_heads(const Tensor& x) {
  const Tensor y = swap_axes(x, -3, -2);
  Shape shape = y.shape();
  const int64_t width = shape[shape.size() - 2] * shape.back();
  shape.erase(shape.size() - 1);
  shape[shape.size() - 1] = width;
  return reshape(y, shape);
}

// The cotangents of queries, keys and values are put side by side once: the rules of three slices
// would pad each of them and add the three.
Tensor self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options) {
  if (qkv.rank() != 3 || heads < 1 || qkv.shape()[2] % (3 * heads) != 0 || qkv.shape()[2] == 0)
    raise(ErrorKind::shape, "self_attention: qkv " + to_string(qkv.type()) + ", " +
                                std::to_string(heads) +
                                " heads. qkv is (N, T, 3 E), and the heads, 1 or more, divide E.");
  if (!options.mask.is_absent())
    raise(ErrorKind::shape, "self_attention: a mask " + to_string(options.mask.type()) +
                                ". It takes none but causal. Use split_heads and attention.");
  const int64_t width = qkv.shape().back() / 3;
  Attrs attrs;
  attrs.a = {options.causal ? 1 : 0};
  attrs.number = options.scale.value_or(1 / std::sqrt(static_cast<double>(width / heads)));
  const auto parts = [heads, width](const Tensor& x) {
    std::vector<Tensor> all;
    for (int64_t i = 0; i < 3; ++i)
      all.push_back(split_heads(slice_axis(x, -1, {i * width, (i + 1) * width}), heads));
    return all;
  };
  const std::vector<Tensor> y = apply_many(op::attention, parts(qkv), attrs);
  CustomRule rule{.name = "self_attention",
                  .value = [joined = join_heads(y[0])](std::span<const Tensor>) { return joined; }};
  // Of the logsumexp there is no cotangent: that of qkv says all.
  rule.pull = [parts, attrs, heads](std::span<const Tensor> x, const Tensor& out,
                                    const Tensor& bar) {
    std::vector<Tensor> in = parts(x[0]);
    in.insert(in.end(),
              {x[1], split_heads(bar, heads), sum(split_heads(bar * out, heads), {.axis = -1})});
    std::vector<Tensor> bars = apply_many(op::attention_grad, in, attrs);
    for (Tensor& b : bars) b = swap_axes(b, 1, 2);
    return std::vector<Tensor>{reshape(concatenate(bars, 2), x[0].shape()), Tensor()};
  };
  return apply_custom(std::make_shared<const CustomRule>(std::move(rule)), {{qkv, y[1]}});
}

Tensor MultiheadAttention::operator()(const Tensor& q, const Tensor& k, const Tensor& v, Pass& pass,
                                      const AttentionOptions& options) const {
  const Tensor joined = [&] {
    const Scope scope(path);
    // The same tensor thrice is self-attention.
    const auto same = [](const Tensor& a, const Tensor& b) { return &a == &b; };
    const bool itself = same(q, k) && same(k, v), drops = dropout > 0 && pass.is_training();
    if (itself && !drops && heads == key_heads && options.mask.is_absent() &&
        !in_proj_weight.is_absent()) {
      check(*this, q, "in", out_proj.inputs());
      return self_attention(project(q, in_proj_weight, in_proj_bias), heads, options);
    }
    const Heads h = itself ? projected(*this, q) : projected(*this, q, k, v);
    if (!drops) return join_heads(attention(h.q, h.k, h.v, options));
    const Tensor w = gradus::dropout(attention_weights(h.q, h.k, options), dropout, pass, path);
    Shape shape = w.shape();
    if (heads == key_heads) return join_heads(matmul(w, without_hidden(h.v, options.mask)));
    // One more axis: the heads that share keys.
    shape.insert(2, heads / key_heads);
    shape[1] = key_heads;
    const Tensor y = matmul(reshape(w, shape), expand_dims(h.v, 2));
    return join_heads(reshape(y, {y.shape()[0], heads, y.shape()[3], y.shape()[4]}));
  }();
  return out_proj(joined);
}

Tensor MultiheadAttention::operator()(const Tensor& x, KeyValueCache& cache) const {
  const Tensor joined = [&] {
    const Scope scope(path);
    Heads h = projected(*this, x);
    if (!cache.keys.is_absent()) {
      h.k = concatenate({cache.keys, h.k}, 2);
      h.v = concatenate({cache.values, h.v}, 2);
    }
    cache = {h.k, h.v};
    return join_heads(attention(h.q, h.k, h.v, {.causal = true}));
  }();
  return out_proj(joined);
}

Tensor MultiheadAttention::weights(const Tensor& q, const Tensor& k,
                                   const AttentionOptions& options) const {
  const Heads h = projected(*this, q, k, k);
  return attention_weights(h.q, h.k, options);
}

MultiheadAttention make_attention(Key key, int64_t width, int64_t heads,
                                  const AttentionInit& options) {
  const int64_t key_heads = options.key_heads == 0 ? heads : options.key_heads;
  if (heads < 1 || width % heads != 0 || key_heads < 1 || heads % key_heads != 0)
    raise(ErrorKind::usage, "make_attention: width " + std::to_string(width) + ", " +
                                std::to_string(heads) + " heads, " + std::to_string(key_heads) +
                                " of keys. The heads divide the width, and those of keys the "
                                "heads.");
  MultiheadAttention m;
  m.heads = heads;
  m.key_heads = key_heads;
  m.dropout = options.dropout;
  const int64_t keys = width / heads * key_heads, rows = width + 2 * keys;
  const auto xavier = [&](uint64_t n, int64_t out, int64_t in) {
    const double bound = std::sqrt(6 / static_cast<double>(in + out));
    return uniform_weight(split(key, n), {out, in}, bound, options.dtype);
  };
  const int64_t key_in = options.key_in == 0 ? width : options.key_in;
  const int64_t value_in = options.value_in == 0 ? width : options.value_in;
  if (key_in == width && value_in == width) {
    m.in_proj_weight = xavier(0, rows, width);
  } else {
    m.q_proj_weight = xavier(0, width, width);
    m.k_proj_weight = xavier(1, keys, key_in);
    m.v_proj_weight = xavier(2, keys, value_in);
  }
  m.out_proj =
      make_linear(split(key, 3), width, width, {.bias = options.bias, .dtype = options.dtype});
  if (options.bias) {
    m.in_proj_bias = zeros({rows}, options.dtype);
    m.out_proj.bias = zeros({width}, options.dtype);
  }
  return m;
}

Tensor sinusoidal_positions(int64_t places, int64_t width, DType dtype) {
  std::vector<double> table(static_cast<size_t>(places * width));
  for (int64_t p = 0; p < places; ++p)
    for (int64_t i = 0; i < width; ++i) {
      const double angle =
          static_cast<double>(p) /
          std::pow(10000.0, static_cast<double>(i / 2 * 2) / static_cast<double>(width));
      table[static_cast<size_t>(p * width + i)] = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  return cast(from_vector(table, {places, width}), dtype);
}

Tensor rotary(const Tensor& x, int64_t first, double base) {
  const int n = x.rank();
  if (n < 2 || x.shape().back() % 2 != 0)
    raise(ErrorKind::shape, "rotary: " + to_string(x.type()) +
                                ". The last axis holds pairs, so its size is even, and places lie "
                                "on the one before.");
  const int64_t places = x.shape()[n - 2], pairs = x.shape().back() / 2;
  std::vector<double> cosines, sines;
  for (int64_t p = first; p < first + places; ++p)
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(p) /
                           std::pow(base, static_cast<double>(i) / static_cast<double>(pairs));
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  const Tensor c = constant(cast(from_vector(cosines, {places, pairs}), x.dtype()));
  const Tensor s = constant(cast(from_vector(sines, {places, pairs}), x.dtype()));
  Shape shape = x.shape();
  shape[n - 1] = pairs;
  shape.push_back(2);
  const Tensor by_pair = reshape(x, shape);
  const Tensor a = squeeze(slice_axis(by_pair, -1, {0, 1}), -1);
  const Tensor b = squeeze(slice_axis(by_pair, -1, {1, 2}), -1);
  return reshape(stack({a * c - b * s, a * s + b * c}, -1), x.shape());
}

}  // namespace gradus
