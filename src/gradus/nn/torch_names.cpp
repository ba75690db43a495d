#include <gradus/base/error.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/torch_names.h>
#include <gradus/ops/shaping.h>

#include <set>

namespace gradus {
namespace {

using Names = std::set<std::string, std::less<>>;

Names names_of(const StateDict& state) {
  Names names;
  for (const auto& [name, x] : state) names.insert(name);
  return names;
}

// `name` with `to` in place of its last `from`; empty where there is none.
std::string beside(const std::string& name, std::string_view from, std::string_view to) {
  const size_t at = name.rfind(from);
  return at == std::string::npos ? "" : std::string(name).replace(at, from.size(), to);
}

void require_equal_heads(const std::string& name, const Tensor& x) {
  if (!name.ends_with("in_proj_weight") || x.rank() != 2 || x.shape()[0] == 3 * x.shape()[1])
    return;
  raise(ErrorKind::unsupported,
        "torch_state: '" + name + "' is " + to_string(x.type()) +
            ", and PyTorch's MultiheadAttention has a head of keys for every head of queries, so " +
            std::to_string(3 * x.shape()[1]) +
            " rows. Train with as many heads of keys, or load the file into a module of your own.");
}

bool is_gpt(const StateDict& state) {
  const Names names = names_of(gpt_names(state));
  return names.contains("wte.weight") && names.contains("wpe.weight") &&
         names.contains("ln_f.weight");
}

}  // namespace

TorchState torch_state(const StateDict& state) {
  const bool gpt = is_gpt(state);
  const Names names = names_of(state);
  TorchState result;
  const auto add = [&](const std::string& name, const Tensor& x) {
    if (name.empty() || names.contains(name)) return;
    result.tensors.emplace_back(name, x);
    result.added.push_back(name);
  };
  Tensor embedding;
  for (const auto& [name, x] : state) {
    require_equal_heads(name, x);
    if (gpt && names_causal_mask(name)) {
      result.dropped.push_back(name);
      continue;
    }
    result.tensors.emplace_back(name, x);
    if (name.ends_with("wte.weight")) embedding = x;
    if (name.ends_with("running_var"))
      add(beside(name, "running_var", "num_batches_tracked"), zeros({}, DType::i64));
    add(beside(name, "bias_ih_l", "bias_hh_l"), zeros_like(x));
  }
  if (gpt) add("lm_head.weight", embedding);
  return result;
}

}  // namespace gradus
