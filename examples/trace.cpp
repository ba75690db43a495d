// Draws a computation: prints one page with the graph of a neuron and every number behind its
// gradient.
#include <gradus/diff/draw.h>
#include <gradus/gradus.hpp>

#include <cstdio>

int main() {
  using namespace gradus;
  const auto neuron = [](std::span<const Tensor> a) { return tanh(a[0] * a[1] + a[2]); };
  const Tensor at[] = {2.0, 0.5, -0.5};
  const std::string names[] = {"w", "x", "b"};
  const int wrt[] = {0, 2};
  std::puts(to_html(trace(neuron, at, names, wrt, "y"), {.title = "One neuron"}).c_str());
}
