// Rosenblatt's perceptron (1958): one neuron that answers +1 where w x + b > 0 and -1 elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace gradus {

struct Perceptron {
  std::vector<double> weights;
  double bias = 0;
  int answer(std::span<const double> x) const;  // +1 or -1
};

struct PerceptronEpoch {
  int64_t epoch = 0, mistakes = 0;  // mistakes as the examples passed by
  Perceptron after;
};

struct PerceptronRun {
  Perceptron learned;
  int64_t epochs = 0;
  bool separates = false;  // the last epoch passed without a mistake
  // Above 0: after the last epoch the weights are those after this earlier one, so that the rule
  // goes round for ever. It ends on data that a line separates (Novikoff 1962): none does.
  int64_t same_as = 0;
};

// From zero, the rule w += t x, b += t at each example that is answered wrongly, t its label, +1 or
// -1; the examples, rows of x, pass in their order until an epoch makes no mistake, the weights
// repeat or `most_epochs` are over. On whole numbers one of the first two happens (Block and Levin
// 1970). Raises a usage error where rows and labels do not fit.
PerceptronRun learn_perceptron(std::span<const double> x, std::span<const int> labels,
                               int64_t most_epochs = 1000,
                               const std::function<void(const PerceptronEpoch&)>& watch = {});

}  // namespace gradus
