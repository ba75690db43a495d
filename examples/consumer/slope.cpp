#include <cstdio>
#include <gradus/gradus.hpp>

int main() {
  auto f = [](gradus::Tensor x) { return x * x + sin(x); };
  std::printf("%.12f\n", gradus::number(gradus::grad(f)(2.0)));
}
