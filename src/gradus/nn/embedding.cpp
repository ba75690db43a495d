#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/init.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

namespace gradus {

Tensor Embedding::operator()(const Tensor& tokens) const {
  if (tokens.dtype() != DType::i64 && tokens.dtype() != DType::i32)
    raise(ErrorKind::dtype, path + ": tokens are " + to_string(tokens.type()) + " for weight " +
                                to_string(weight.type()) +
                                ". A token is the number of a row, i32 or i64.");
  const Scope scope(path);
  const Tensor rows = gather(weight, tokens);
  if (!padding) return rows;
  return where(expand_dims(equal(tokens, *padding), -1), stop_gradient(rows), rows);
}

Embedding make_embedding(Key key, int64_t count, int64_t features, std::optional<int64_t> padding,
                         DType dtype) {
  if (padding && (*padding < 0 || *padding >= count))
    raise(ErrorKind::usage, "make_embedding: padding " + std::to_string(*padding) + " of " +
                                std::to_string(count) + " tokens. It is one of the tokens.");
  Tensor weight = normal_weight(key, {count, features}, 1, dtype);
  if (padding) weight = where(expand_dims(equal(iota(count), *padding), -1), 0, weight);
  return {weight, padding};
}

}  // namespace gradus
