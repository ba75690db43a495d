#include <gradus/nn/activations.h>
#include <gradus/nn/transformer.h>
#include <gradus/ops/elementwise.h>

namespace gradus {
namespace {

// x + part(x), normalised before the part or after the sum.
template <class Part>
Tensor beside(const Tensor& x, const LayerNorm& norm, bool norm_first, const Part& part) {
  return norm_first ? x + part(norm(x)) : norm(x + part(x));
}

template <class Layer>
Tensor feed_forward(const Layer& layer, const Tensor& x, Pass& pass) {
  const TransformerOptions& o = layer.options;
  const Tensor h = activation(o.activation)(layer.linear1(x));
  return dropout(layer.linear2(dropout(h, o.dropout, pass, layer.linear1.path)), o.dropout, pass,
                 layer.linear2.path);
}

template <class Layer>
void make_parts(Layer& layer, Key key, int64_t width, int64_t heads, int64_t hidden,
                const TransformerOptions& options) {
  layer.options = options;
  layer.self_attn = make_attention(split(key, 0), width, heads,
                                   {.dropout = options.dropout, .dtype = options.dtype});
  layer.linear1 = make_linear(split(key, 1), width, hidden, {.dtype = options.dtype});
  layer.linear2 = make_linear(split(key, 2), hidden, width, {.dtype = options.dtype});
  layer.norm1 = layer.norm2 = make_layer_norm(width, options.epsilon, options.dtype);
}

}  // namespace

Tensor TransformerEncoderLayer::operator()(const Tensor& x, Pass& pass,
                                           const AttentionOptions& looks) const {
  const Tensor h = beside(x, norm1, options.norm_first, [&](const Tensor& z) {
    return dropout(self_attn(z, pass, looks), options.dropout, pass, self_attn.path);
  });
  return beside(h, norm2, options.norm_first,
                [&](const Tensor& z) { return feed_forward(*this, z, pass); });
}

Tensor TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory, Pass& pass,
                                           const AttentionOptions& looks,
                                           const AttentionOptions& memory_looks) const {
  Tensor h = beside(x, norm1, options.norm_first, [&](const Tensor& z) {
    return dropout(self_attn(z, pass, looks), options.dropout, pass, self_attn.path);
  });
  h = beside(h, norm2, options.norm_first, [&](const Tensor& z) {
    return dropout(multihead_attn(z, memory, memory, pass, memory_looks), options.dropout, pass,
                   multihead_attn.path);
  });
  return beside(h, norm3, options.norm_first,
                [&](const Tensor& z) { return feed_forward(*this, z, pass); });
}

TransformerEncoderLayer make_encoder_layer(Key key, int64_t width, int64_t heads, int64_t hidden,
                                           const TransformerOptions& options) {
  TransformerEncoderLayer layer;
  make_parts(layer, key, width, heads, hidden, options);
  return layer;
}

TransformerDecoderLayer make_decoder_layer(Key key, int64_t width, int64_t heads, int64_t hidden,
                                           const TransformerOptions& options) {
  TransformerDecoderLayer layer;
  make_parts(layer, key, width, heads, hidden, options);
  layer.multihead_attn = make_attention(split(key, 3), width, heads,
                                        {.dropout = options.dropout, .dtype = options.dtype});
  layer.norm3 = layer.norm1;
  return layer;
}

Tensor Transformer::encode(const Tensor& source, Pass& pass, const AttentionOptions& looks) const {
  Tensor h = source;
  for (const TransformerEncoderLayer& layer : encoder) h = layer(h, pass, looks);
  return encoder_norm(h);
}

Tensor Transformer::decode(const Tensor& target, const Tensor& memory, Pass& pass,
                           const AttentionOptions& memory_looks) const {
  Tensor h = target;
  for (const TransformerDecoderLayer& layer : decoder)
    h = layer(h, memory, pass, {.causal = true}, memory_looks);
  return decoder_norm(h);
}

Transformer make_transformer(Key key, int64_t width, int64_t heads, int64_t encoder_layers,
                             int64_t decoder_layers, int64_t hidden,
                             const TransformerOptions& options) {
  Transformer t;
  uint64_t made = 0;
  for (int64_t i = 0; i < encoder_layers; ++i)
    t.encoder.push_back(make_encoder_layer(split(key, made++), width, heads, hidden, options));
  for (int64_t i = 0; i < decoder_layers; ++i)
    t.decoder.push_back(make_decoder_layer(split(key, made++), width, heads, hidden, options));
  t.encoder_norm = t.decoder_norm = make_layer_norm(width, options.epsilon, options.dtype);
  return t;
}

}  // namespace gradus
