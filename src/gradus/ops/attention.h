// Scaled dot-product attention: every query takes a mean of the values, weighted by how well its
// key fits. Vaswani et al. 2017, section 3.2.1.
#pragma once

#include <gradus/core/op.h>

#include <optional>

namespace gradus {

namespace op {
extern const Op attention, attention_grad;
}

struct AttentionOptions {
  // Query i sees keys up to i + (keys - queries): the last query sees all, as when a cache of keys
  // grows.
  bool causal = false;
  std::optional<double> scale = {};  // 1 / sqrt(d) unless given
  // Boolean, true where a query may look, or a number of any floating-point type, added to the
  // score; broadcasts to (..., queries, keys). What hides a key: false, -inf, and any number as low
  // as masking_value of the mask's type. A number that is merely large does not (-1e9 in f32): it
  // swallows the score, and a query all of whose keys have it looks at all of them alike.
  Tensor mask = {};
};

// What hides a score wherever it is added: half of the lowest number, so that the sum is finite and
// its share is 0. f16 -32752, where -1e9 would be -inf; bf16 and f32 about -1.7e38; f64 -9e307.
// Raises a dtype error for any other type.
double masking_value(DType dtype);

// softmax(scale q k^T + mask) v. q (..., queries, d), k (..., keys, d), v (..., keys, e): (...,
// queries, e). Leading axes are equal; where q has h heads on the axis before queries and k and v
// fewer that divide h, neighbouring heads of q share one (grouped queries). A query that may look
// at nothing gives zeros, and blind_queries names it. A NaN or infinity among keys and values that
// a query may not see changes neither its result nor any first derivative; of derivatives of higher
// order, and forward mode, that holds for keys hidden from all queries, as padding is.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options = {});
// The weights alone, (..., queries, keys): rows sum to 1, or to 0 where there is nothing to see.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options = {});
// x (..., keys, features) with zeros in place of what the mask hides from all queries alike: the
// mask's axis of queries is 1.
Tensor without_hidden(const Tensor& x, const Tensor& mask);
// Whether each query may look at nothing, bool (..., queries).
Tensor blind_queries(const Tensor& q, const Tensor& k, const AttentionOptions& options);

}  // namespace gradus
