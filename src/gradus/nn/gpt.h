// GPT-2 (Radford et al. 2019), under the names and in the layout of its published weights: a
// decoder alone, normalised first, the head tied to the embedding.
#pragma once

#include <gradus/nn/attention.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/module.h>
#include <gradus/nn/norm.h>

#include <string>
#include <vector>

namespace gradus {

struct GptSpec {
  int64_t vocabulary = 50257, context = 1024, width = 768, heads = 12, layers = 12;
  double dropout = 0;
};

// y = x W + b with W stored (in, out), as GPT-2's published weights are.
struct ColumnLinear {
  Tensor weight;  // (in, out)
  Tensor bias;    // (out)
  std::string path = "linear";

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
    visit("bias", self.bias);
  }
};

struct GptBlock {
  LayerNorm ln_1, ln_2;
  ColumnLinear c_attn;     // E -> 3 E: queries, keys, values
  ColumnLinear attn_proj;  // attn.c_proj
  ColumnLinear c_fc, mlp_proj;
  int64_t heads = 1;
  double dropout = 0;

  // With a cache x continues what the cache holds.
  Tensor operator()(const Tensor& x, Pass& pass, KeyValueCache* cache = nullptr) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("ln_1", self.ln_1);
    visit("attn.c_attn", self.c_attn);
    visit("attn.c_proj", self.attn_proj);
    visit("ln_2", self.ln_2);
    visit("mlp.c_fc", self.c_fc);
    visit("mlp.c_proj", self.mlp_proj);
  }
};

// What was read so far, block by block.
struct GptCache {
  std::vector<KeyValueCache> blocks;
  int64_t tokens = 0;
};

struct Gpt {
  Embedding wte, wpe;  // of tokens and of places
  std::vector<GptBlock> blocks;
  LayerNorm ln_f;
  double dropout = 0;

  // tokens i64 (N, T), T at most the context -> logits (N, T, vocabulary): of what follows each.
  Tensor operator()(const Tensor& tokens, Pass& pass) const;
  // Reads on from what the cache holds: logits of what follows these tokens.
  Tensor operator()(const Tensor& tokens, GptCache& cache) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("wte", self.wte);
    visit("wpe", self.wpe);
    for (size_t i = 0; i < self.blocks.size(); ++i) visit("h." + std::to_string(i), self.blocks[i]);
    visit("ln_f", self.ln_f);
  }
};

// Weights normal with std 0.02, those that write into the stream by sqrt(2 layers) smaller; biases
// 0. The default spec is the smallest published model: 124,439,808 parameters.
Gpt make_gpt(Key key, const GptSpec& spec, DType dtype = DType::f32);
// Of make_gpt, without making it.
int64_t parameter_count(const GptSpec& spec);
// Published files carry the causal masks (h.0.attn.bias), sometimes the tied head (lm_head.weight),
// and sometimes a prefix "transformer.": the names that load_state expects.
StateDict gpt_names(const StateDict& published);
bool names_causal_mask(std::string_view published);

}  // namespace gradus
