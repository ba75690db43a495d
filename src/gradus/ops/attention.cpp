#include <gradus/base/error.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

constexpr double never = -std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(const Tensor& q, const Tensor& k, const Tensor& v, const char* rule) {
  raise(ErrorKind::shape,
        "attention: queries " + to_string(q.type()) + ", keys " + to_string(k.type()) +
            (v.is_absent() ? "" : ", values " + to_string(v.type())) + ". " + rule);
}

// One head of k and v for each of q's.
Tensor for_each_head(const Tensor& x, int64_t heads) {
  const int axis = x.rank() - 3;
  const int64_t own = x.shape()[axis];
  if (own == heads) return x;
  Shape shared = x.shape(), whole = x.shape();
  shared.insert(axis + 1, heads / own);
  whole[axis] = heads;
  return reshape(broadcast_to(expand_dims(x, axis + 1), shared), whole);
}

void check(const Tensor& q, const Tensor& k, const Tensor& v) {
  if (q.rank() < 2 || q.rank() != k.rank() || (!v.is_absent() && v.rank() != k.rank()))
    refuse(q, k, v, "They have the same number of axes, two at least.");
  const int n = q.rank();
  if (q.shape()[n - 1] != k.shape()[n - 1])
    refuse(q, k, v, "Queries and keys have the same last axis: it is summed over.");
  if (!v.is_absent() && v.shape()[n - 2] != k.shape()[n - 2])
    refuse(q, k, v, "Every key has one value.");
  for (int i = 0; i < n - 2; ++i) {
    const int64_t a = q.shape()[i], b = k.shape()[i];
    const bool grouped = i == n - 3 && b > 0 && a % b == 0;
    if ((a != b && !grouped) || (!v.is_absent() && v.shape()[i] != b))
      refuse(q, k, v,
             "Leading axes are equal, but that the heads of keys and values may divide those of "
             "queries.");
  }
}

// Scores with -inf where a query may not look.
Tensor scores(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  const int n = q.rank();
  const int64_t queries = q.shape()[n - 2], keys = k.shape()[n - 2];
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.shape()[n - 1])));
  const Tensor each = n > 2 ? for_each_head(k, q.shape()[n - 3]) : k;
  Tensor s = matmul(q * scale, transpose(each));
  if (!options.mask.is_absent())
    s = options.mask.dtype() == DType::boolean ? where(options.mask, s, never) : s + options.mask;
  if (options.causal) {
    const Tensor sees = expand_dims(iota(queries), 1) + (keys - queries);
    s = where(less_equal(expand_dims(iota(keys), 0), sees), s, never);
  }
  return s;
}

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check(q, k, {});
  const Tensor s = scores(q, k, options);
  // A row of -inf alone has no softmax: its weights are 0.
  const Tensor blind = equal(max(s, {.axis = -1, .keepdims = true}), never);
  return where(blind, 0, softmax(where(blind, 0, s)));
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  check(q, k, v);
  const int n = q.rank();
  return matmul(attention_weights(q, k, options), n > 2 ? for_each_head(v, q.shape()[n - 3]) : v);
}

Tensor blind_queries(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check(q, k, {});
  return equal(max(scores(q, k, options), {.axis = -1}), never);
}

}  // namespace gradus
