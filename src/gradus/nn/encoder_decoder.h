// A recurrent encoder and decoder: from one sequence of tokens to another.
#pragma once

#include <gradus/nn/embedding.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/recurrent.h>

#include <string>

namespace gradus {

// The state in which the encoder ends is all that the decoder learns of the source (Cho et al.
// 2014; Sutskever et al. 2014), unless it attends to the encoder's states (Luong et al. 2015,
// section 3.1, the score dot): h~ = tanh(join [h; sum_s softmax_s(h . e_s) e_s]).
struct EncoderDecoder {
  Embedding embedding;  // of both sides
  Recurrent encoder, decoder;
  Linear join;  // 2 hidden -> hidden; absent without attention
  Linear head;  // hidden -> tokens
  bool attends = false;
  std::string path = "encoder_decoder";

  // source i64 (N, S); target i64 (N, T), what the decoder reads; lengths i64[N] of the sources,
  // whole where absent. Gives logits (N, T, tokens).
  Tensor operator()(const Tensor& source, const Tensor& target, Pass& pass,
                    const Tensor& lengths = {}) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("encoder", self.encoder);
    visit("decoder", self.decoder);
    if (self.attends) visit("join", self.join);
    visit("head", self.head);
  }
};

struct EncoderDecoderOptions {
  bool attends = false;
  int64_t layers = 1;
  DType dtype = DType::f32;
};
// The embedding has as many features as the states have numbers.
EncoderDecoder make_encoder_decoder(RecurrentKind kind, Key key, int64_t tokens, int64_t hidden,
                                    const EncoderDecoderOptions& options = {});

}  // namespace gradus
