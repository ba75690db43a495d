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
  // Boolean, true where a query may look, or a number added to the score; broadcasts to
  // (..., queries, keys).
  Tensor mask = {};
};

// softmax(scale q k^T + mask) v. q (..., queries, d), k (..., keys, d), v (..., keys, e): (...,
// queries, e). Leading axes are equal; where q has h heads on the axis before queries and k and v
// fewer that divide h, neighbouring heads of q share one (grouped queries). A query that may look
// at nothing gives zeros.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options = {});
// The weights alone, (..., queries, keys): rows sum to 1, or to 0 where there is nothing to see.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options = {});
// Whether each query may look at nothing, bool (..., queries).
Tensor blind_queries(const Tensor& q, const Tensor& k, const AttentionOptions& options);

}  // namespace gradus
