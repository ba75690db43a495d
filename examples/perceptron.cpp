// Rosenblatt's rule (1958) learns AND, and goes round for ever on XOR, which no line separates.
#include <gradus/nn/perceptron.h>

#include <cstdio>

using namespace gradus;

void learn(const char* name, const std::vector<int>& labels) {
  const std::vector<double> corners{0, 0, 0, 1, 1, 0, 1, 1};
  const PerceptronRun run = learn_perceptron(corners, labels, 1000, [](const PerceptronEpoch& e) {
    std::printf("epoch %lld: %lld wrong, w = (%g, %g), b = %g\n", static_cast<long long>(e.epoch),
                static_cast<long long>(e.mistakes), e.after.weights[0], e.after.weights[1],
                e.after.bias);
  });
  std::printf("%s: %s (%lld epochs)\n", name, run.separates ? "learned" : "not linearly separable",
              static_cast<long long>(run.epochs));
}

int main() {
  learn("AND", {-1, -1, -1, 1});
  learn("XOR", {-1, 1, 1, -1});
}
