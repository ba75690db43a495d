#include <gradus/gradus.hpp>

#include <cstdio>

int main() {
  using namespace gradus;
  auto rosenbrock = [](const Tensor& x) {
    return 100.0 * square(row(x, 1) - square(row(x, 0))) + square(1.0 - row(x, 0));
  };
  const Tensor x{1.5, 2};
  std::puts(to_string(grad(rosenbrock)(x)).c_str());
  std::puts(to_string(hessian(rosenbrock)(x)).c_str());
}
