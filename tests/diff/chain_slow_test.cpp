// A chain of a million steps: an array of ids, so nothing recurses however deep the graph is.
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>

namespace gradus {
namespace {

TEST(Chain, of_a_million_steps_differentiates_without_recursion) {
  constexpr int links = 500'000;
  const double a = 0.999999;
  const auto chain = [&](const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < links; ++i) y = y * a + 1e-7;
    return y;
  };
  const auto start = std::chrono::steady_clock::now();
  const double slope = number(grad(chain)(scalar(2, DType::f64)));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("1,000,000 steps: %.2f s, peak %.0f MiB\n", seconds.count(),
              static_cast<double>(usage.ru_maxrss) / 1024);
  EXPECT_NEAR(slope / std::pow(a, links), 1, 1e-10);
  EXPECT_EQ(Tape::open(), nullptr);
}

}  // namespace
}  // namespace gradus
