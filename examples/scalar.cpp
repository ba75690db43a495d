#include <gradus/scalar/var.h>

#include <cstdio>

template <class T>
T newton_sqrt(T a) {
  T x = a;
  for (int i = 0; i < 20; ++i) x = (x + a / x) / 2;
  return x;
}

int main() {
  using namespace gradus::scalars;
  const auto f = [](auto x) { return newton_sqrt(x[0] * x[0] + x[1] * x[1]); };
  const auto [value, slopes] = value_and_gradient(f, std::vector{3.0, 4.0});
  std::printf("%g (%g, %g)\n", value, slopes[0], slopes[1]);
  std::printf("%g\n", nth_derivative<2>([](auto x) { return newton_sqrt(x); }, 4.0));
}
