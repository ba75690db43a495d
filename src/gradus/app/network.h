// The loss of a network as a function of its parameters: what gradcheck and why-zero ask about a
// trained run or a file of weights.
#pragma once

#include <gradus/app/command.h>
#include <gradus/diff/diff.h>

namespace gradus::app {

struct Network {
  std::string says;  // "MLP 2-16-2 relu, cross-entropy on 32 examples of moons"
  std::vector<std::string> names;
  std::vector<Tensor> parameters;
  Function loss;
};

struct NetworkOptions {
  std::string data;        // of a run: other data than it was trained on
  std::string activation;  // of a file of weights that does not name it; empty: relu
  int64_t examples = 32;
};

// Whether `word` is a run folder or a file of weights, there or meant to be.
bool names_network(const std::string& word);
// A run brings its own data; weights alone get rows and targets drawn from the seed.
Network load_network(const std::string& path, const NetworkOptions& options, uint64_t seed);

}  // namespace gradus::app
