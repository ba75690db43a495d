// Transformer blocks and stacks (Vaswani et al. 2017) with PyTorch's names. Sequences are batch
// first, (N, T, E).
#pragma once

#include <gradus/nn/attention.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/norm.h>

#include <string>
#include <vector>

namespace gradus {

struct TransformerOptions {
  double dropout = 0.1;
  bool norm_first =
      false;  // normalise what goes into a part, rather than its sum with what comes out
  std::string activation = "relu";
  double epsilon = 1e-5;
  DType dtype = DType::f32;
};

// x + attention(x), then x + linear2(f(linear1(x))), each with a normalisation.
struct TransformerEncoderLayer {
  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  TransformerOptions options;

  Tensor operator()(const Tensor& x, Pass& pass, const AttentionOptions& looks = {}) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("self_attn", self.self_attn);
    visit("linear1", self.linear1);
    visit("linear2", self.linear2);
    visit("norm1", self.norm1);
    visit("norm2", self.norm2);
  }
};

// Between the two parts of an encoder layer attends to what an encoder made of another sequence.
struct TransformerDecoderLayer {
  MultiheadAttention self_attn, multihead_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2, norm3;
  TransformerOptions options;

  // x (N, T, E), memory (N, S, E). x looks back alone; `memory_looks` hides padding of the memory.
  Tensor operator()(const Tensor& x, const Tensor& memory, Pass& pass,
                    const AttentionOptions& looks = {.causal = true},
                    const AttentionOptions& memory_looks = {}) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("self_attn", self.self_attn);
    visit("multihead_attn", self.multihead_attn);
    visit("linear1", self.linear1);
    visit("linear2", self.linear2);
    visit("norm1", self.norm1);
    visit("norm2", self.norm2);
    visit("norm3", self.norm3);
  }
};

TransformerEncoderLayer make_encoder_layer(Key key, int64_t width, int64_t heads, int64_t hidden,
                                           const TransformerOptions& options = {});
TransformerDecoderLayer make_decoder_layer(Key key, int64_t width, int64_t heads, int64_t hidden,
                                           const TransformerOptions& options = {});

// An encoder reads the source, a decoder writes the target, looking at what the encoder made of it;
// a normalisation follows each stack, as in torch.nn.Transformer.
struct Transformer {
  std::vector<TransformerEncoderLayer> encoder;
  std::vector<TransformerDecoderLayer> decoder;
  LayerNorm encoder_norm, decoder_norm;

  // source (N, S, E) -> memory (N, S, E).
  Tensor encode(const Tensor& source, Pass& pass, const AttentionOptions& looks = {}) const;
  // target (N, T, E), memory (N, S, E) -> (N, T, E).
  Tensor decode(const Tensor& target, const Tensor& memory, Pass& pass,
                const AttentionOptions& memory_looks = {}) const;
  Tensor operator()(const Tensor& source, const Tensor& target, Pass& pass) const {
    return decode(target, encode(source, pass), pass);
  }

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.encoder.size(); ++i)
      visit("encoder.layers." + std::to_string(i), self.encoder[i]);
    visit("encoder.norm", self.encoder_norm);
    for (size_t i = 0; i < self.decoder.size(); ++i)
      visit("decoder.layers." + std::to_string(i), self.decoder[i]);
    visit("decoder.norm", self.decoder_norm);
  }
};
Transformer make_transformer(Key key, int64_t width, int64_t heads, int64_t encoder_layers,
                             int64_t decoder_layers, int64_t hidden,
                             const TransformerOptions& options = {});

}  // namespace gradus
