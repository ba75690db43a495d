// A model's tensors as PyTorch's module of the same architecture holds them.
#pragma once

#include <gradus/nn/module.h>

#include <string>
#include <vector>

namespace gradus {

struct TorchState {
  StateDict tensors;                        // what load_state_dict(strict=True) takes
  std::vector<std::string> added, dropped;  // names beside those that were given
};

// Names, layouts and types of a state_dict are PyTorch's already. What PyTorch holds beside them is
// added: the count of a batch norm (num_batches_tracked, 0 where it is not known), the second bias
// of a recurrent layer (0), the head that a GPT shares with its embedding (lm_head.weight). The
// causal masks of published GPT-2 files are dropped. Raises an unsupported error where PyTorch has
// no such module: attention whose queries share heads of keys.
TorchState torch_state(const StateDict& state);

}  // namespace gradus
