// Multi-head attention (Vaswani et al. 2017, section 3.2.2) with PyTorch's names and layout, and
// the encodings that tell it about places.
#pragma once

#include <gradus/nn/layers.h>
#include <gradus/nn/pass.h>
#include <gradus/ops/attention.h>

#include <string>

namespace gradus {

// Keys and values of what was seen before, (N, heads, T, width of a head). Absent: nothing yet.
struct KeyValueCache {
  Tensor keys, values;
};

// Heads of width E / heads attend side by side; their results are joined and mixed by out_proj.
// Sequences are batch first, (N, T, E).
struct MultiheadAttention {
  Tensor in_proj_weight;  // (E + 2 key_heads E / heads, E): rows of queries, keys, values
  // In its place where keys or values have another width than queries.
  Tensor q_proj_weight, k_proj_weight, v_proj_weight;
  Tensor in_proj_bias;  // or absent
  Linear out_proj;
  int64_t heads = 1, key_heads = 1;  // fewer key heads: grouped queries (Ainslie 2023)
  double dropout = 0;                // of the weights, in training
  std::string path = "attention";

  // q (N, Tq, E), k (N, Tk, ...), v (N, Tk, ...) -> (N, Tq, E). A mask broadcasts to (N, heads, Tq,
  // Tk): keys of padding are hidden by one of shape (N, 1, 1, Tk).
  Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v, Pass& pass,
                    const AttentionOptions& options = {}) const;
  // Of x to itself. With a cache x continues what the cache holds, and is added to it; every place
  // then sees what is before it.
  Tensor operator()(const Tensor& x, Pass& pass, const AttentionOptions& options = {}) const {
    return (*this)(x, x, x, pass, options);
  }
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;
  // (N, heads, Tq, Tk): PyTorch gives their mean over heads.
  Tensor weights(const Tensor& q, const Tensor& k, const AttentionOptions& options = {}) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("in_proj_weight", self.in_proj_weight);
    visit("q_proj_weight", self.q_proj_weight);
    visit("k_proj_weight", self.k_proj_weight);
    visit("v_proj_weight", self.v_proj_weight);
    visit("in_proj_bias", self.in_proj_bias);
    visit("out_proj", self.out_proj);
  }
};

struct AttentionInit {
  int64_t key_heads = 0;             // 0: as many as heads
  int64_t key_in = 0, value_in = 0;  // widths of keys and values; 0: E
  double dropout = 0;
  bool bias = true;
  DType dtype = DType::f32;
};
// Xavier's uniform for the projections in, PyTorch's linear for out_proj, biases 0.
MultiheadAttention make_attention(Key key, int64_t width, int64_t heads,
                                  const AttentionInit& options = {});

// (..., T, heads * d) -> (..., heads, T, d), and back.
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor join_heads(const Tensor& x);
// Attention of sequences to themselves: qkv (N, T, 3 E) holds queries, keys and values side by
// side, each of so many heads -> (N, T, E), heads joined. A mask but a causal one is refused.
Tensor self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options = {});

// (places, width): sin(p / 10000^(2 i / width)) at 2 i and the cosine at 2 i + 1 (Vaswani et al.
// 2017, section 3.5).
Tensor sinusoidal_positions(int64_t places, int64_t width, DType dtype = DType::f32);
// Rotary encoding (Su et al. 2021): neighbours (2 i, 2 i + 1) of x (..., T, d) turned by the angle
// p / base^(2 i / d) at place p = first, first + 1, ... Products of queries and keys then depend on
// the distance of their places alone.
Tensor rotary(const Tensor& x, int64_t first = 0, double base = 10000);

}  // namespace gradus
