#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/nn/dropout.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/shaping.h>

namespace gradus {

Tensor dropout(const Tensor& x, double p, Pass& pass, std::string_view who) {
  if (!(p >= 0 && p <= 1))
    raise(ErrorKind::usage, std::string(who) + ": p = " + text::number(p) +
                                ". It is the share of elements left out, from 0 to 1.");
  if (!pass.is_training() || p == 0) return x;
  if (p == 1) return zeros_like(x);
  const Tensor stays = bernoulli(pass.next_key(who), 1 - p, x.shape());
  return where(stays, x / (1 - p), 0);
}

}  // namespace gradus
