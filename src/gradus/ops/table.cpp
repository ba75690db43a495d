#include <gradus/ops/attention.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/random.h>
#include <gradus/ops/recurrent.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/ops/slopes.h>
#include <gradus/ops/table.h>

namespace gradus {

std::span<const Op* const> all_ops() {
#define OP(n) &op::n,
  static constexpr const Op* ops[] = {
      // clang-format off
      GRADUS_UNARY_WORDS(OP)
      GRADUS_BINARY_WORDS(OP)
      GRADUS_SPECIAL_UNARY_WORDS(OP)
      GRADUS_SPECIAL_BINARY_WORDS(OP)
      GRADUS_SPECIAL_TERNARY_WORDS(OP)
      GRADUS_COMPARE_WORDS(OP)
      GRADUS_LOGIC_WORDS(OP)
      GRADUS_PREDICATE_WORDS(OP)
      OP(logical_not) OP(where) OP(cast)
      OP(reshape) OP(permute) OP(broadcast_to) OP(slice) OP(flip) OP(pad) OP(concatenate)
      OP(gather) OP(scatter_add) OP(iota) OP(stop_gradient)
      OP(sum) OP(prod) OP(max) OP(min) OP(argmax) OP(argmin) OP(logsumexp) OP(norm) OP(any) OP(all)
      OP(cumsum) OP(scan) OP(argsort) OP(softmax) OP(log_softmax) OP(layer_norm)
      OP(gelu_tanh_slope) OP(layer_norm_grad) OP(lstm_gates) OP(lstm_gates_grad)
      OP(matmul) OP(conv) OP(conv_input) OP(conv_weight)
      OP(max_pool) OP(take_places) OP(put_places) OP(avg_pool) OP(avg_unpool)
      OP(attention) OP(attention_grad)
      OP(split) OP(random_uniform) OP(random_normal) OP(random_integers)
      OP(input) OP(constant) OP(alias)
      // clang-format on
  };
#undef OP
  return ops;
}

}  // namespace gradus
