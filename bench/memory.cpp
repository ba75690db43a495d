// What fresh results cost outside plans: time and page faults of an addition whose result is new
// each time, beside a library that asks the system for each (malloc without reuse), and what a
// small block costs.
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "rows.h"

namespace {

using namespace gradus;

long faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

// The median of many calls, in us.
template <class F>
double time_of(double seconds, const F& f) {
  using Clock = std::chrono::steady_clock;
  f();
  std::vector<double> us;
  for (const auto end = Clock::now() + std::chrono::duration<double>(seconds);
       Clock::now() < end || us.size() < 5;) {
    const auto start = Clock::now();
    f();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::nth_element(us.begin(), us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2), us.end());
  return us[us.size() / 2];
}

// a + b as a library without a cache has it: every result is malloc's, and goes back.
void plain_sum(const float* a, const float* b, size_t n) {
  auto* y = static_cast<float*>(std::malloc(n * sizeof(float)));
  for (size_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
  [[maybe_unused]] volatile float keep = y[n / 2];
  std::free(y);
}

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  const double seconds = options.quick ? 0.01 : 0.4;
  set_thread_count(1);
  for (const int64_t n : {1000, 20'000, 1'000'000, 10'000'000}) {
    const Tensor a = full({n}, 1.5, DType::f32) * 1.0, b = full({n}, 2.5, DType::f32) * 1.0;
    const std::vector<float> c(static_cast<size_t>(n), 1.5f), d = c;
    std::vector<double> ours, plain;
    for (int round = 0; round < (options.quick ? 1 : 3); ++round) {
      ours.push_back(time_of(seconds / 3, [&] { return a + b; }));
      plain.push_back(
          time_of(seconds / 3, [&] { plain_sum(c.data(), d.data(), static_cast<size_t>(n)); }));
    }
    std::sort(ours.begin(), ours.end()), std::sort(plain.begin(), plain.end());
    const std::string name = "fresh sum of " + std::to_string(n) + " f32";
    print({"memory", name, 1, "us", ours[ours.size() / 2], "a loop over malloc's",
           plain[plain.size() / 2]},
          options);
    const long before = faults();
    constexpr int calls = 100;
    for (int i = 0; i < calls; ++i) (void)(a + b);
    print({"memory", name + ", page faults", 1, "faults",
           static_cast<double>(faults() - before) / calls},
          options);
  }
  for (const size_t bytes : {size_t{64}, size_t{4096}, size_t{1} << 20}) {
    constexpr int calls = 1000;
    const double ours = time_of(seconds / 4, [&] {
      for (int i = 0; i < calls; ++i) give_memory_back(take_memory(bytes), bytes);
    });
    const double system = time_of(seconds / 4, [&] {
      for (int i = 0; i < calls; ++i) {
        void* volatile p = std::aligned_alloc(alignment, bytes);
        std::free(p);
      }
    });
    print({"memory", "a block of " + std::to_string(bytes) + " bytes", 1, "ns", ours,
           "aligned_alloc", system},
          options);
  }
  print({"memory", "most held by tensors", 1, "MB", static_cast<double>(peak_bytes()) * 1e-6},
        options);
}
