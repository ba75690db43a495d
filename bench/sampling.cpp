// Ten million random numbers into memory that is there, on one thread and on all: uniform, normal,
// gamma, classes of ten, counts of one law and of a law an element. Beside the C++ library's
// Mersenne twister, measured here, and the programs sampling_numpy and sampling_torch of
// GRADUS_PEERS, which print lines `rng,peer,threads,uniform f32,us` with the names of the rows
// here.
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/multivariate.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "peers.h"
#include "rows.h"

namespace {

using namespace gradus;

double median_us(int rounds, const auto& f) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> us;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    f();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::sort(us.begin(), us.end());
  return us[us.size() / 2];
}

template <class T, class Distribution>
double of_standard_library(int64_t n, int rounds, Distribution distribution = {}) {
  std::mt19937_64 twister(1);
  std::vector<T> x(static_cast<size_t>(n));
  return median_us(rounds, [&] {
    for (T& v : x) v = static_cast<T>(distribution(twister));
  });
}

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  const int64_t n = options.quick ? 100'000 : 10'000'000;
  const int rounds = options.quick ? 1 : 5;
  struct Case {
    const char* name;
    std::function<Tensor(const Tensor& key, const Shape& shape)> draw;
    double standard, floor;
  };
  const auto draw = [](auto f, DType dtype) {
    return [f, dtype](const Tensor& key, const Shape& shape) { return f(key, shape, dtype); };
  };
  const std::vector<double> weights{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const AliasTable classes(from_vector(weights));
  // Laws of their own for the elements: rates of 0 to 40, chances of 0 to 1.
  const Tensor ps = random_uniform(key_tensor(Key{3}), {n}), rates = 40.0 * ps + 0x1p-20;
  const Poisson of_rates(rates);
  const Binomial of_chances(60, ps);
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  const Case cases[] = {
      {"uniform f32", draw(random_uniform, DType::f32),
       of_standard_library<float, std::uniform_real_distribution<float>>(n, rounds), 5},
      {"uniform f64", draw(random_uniform, DType::f64),
       of_standard_library<double, std::uniform_real_distribution<double>>(n, rounds), 4},
      {"normal f32", draw(random_normal, DType::f32),
       of_standard_library<float, std::normal_distribution<float>>(n, rounds), 3},
      {"normal f64", draw(random_normal, DType::f64),
       of_standard_library<double, std::normal_distribution<double>>(n, rounds), 4},
      {"gamma(2.5) f64",
       [](const Tensor& key, const Shape& shape) { return Gamma(2.5).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::gamma_distribution<double>(2.5)), 2},
      {"gamma(0.5) f64",
       [](const Tensor& key, const Shape& shape) { return Gamma(0.5).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::gamma_distribution<double>(0.5)), 2},
      {"categorical(10)",
       [&](const Tensor& key, const Shape& shape) { return classes.sample(key, shape); },
       of_standard_library<int64_t>(
           n, rounds, std::discrete_distribution<int64_t>(weights.begin(), weights.end())),
       4},
      {"poisson 4",
       [](const Tensor& key, const Shape& shape) { return Poisson(4.0).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::poisson_distribution<int64_t>(4)), 2},
      {"poisson 100",
       [](const Tensor& key, const Shape& shape) { return Poisson(100.0).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::poisson_distribution<int64_t>(100)), 2},
      {"poisson of many rates",
       [&](const Tensor& key, const Shape& shape) { return of_rates.sample(key, shape); }, nothing,
       1},
      {"binomial 30 0.35",
       [](const Tensor& key, const Shape& shape) { return Binomial(30, 0.35).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::binomial_distribution<int64_t>(30, 0.35)), 2},
      {"binomial 1000 0.3",
       [](const Tensor& key, const Shape& shape) { return Binomial(1000, 0.3).sample(key, shape); },
       of_standard_library<double>(n, rounds, std::binomial_distribution<int64_t>(1000, 0.3)), 2},
      {"binomial 60 of many p",
       [&](const Tensor& key, const Shape& shape) { return of_chances.sample(key, shape); },
       nothing, 1}};
  std::vector<PeerLine> peers;
  if (!options.quick)
    for (const char* name : {"sampling_numpy", "sampling_torch"})
      for (const PeerLine& line : peer_lines(name)) peers.push_back(line);
  const Tensor key = key_tensor(Key{1});
  const int all = static_cast<int>(std::thread::hardware_concurrency());
  for (const Case& c : cases) {
    for (int threads = 1; threads <= std::max(all, 1); threads += std::max(all - 1, 1)) {
      if (options.threads > 0 && options.threads != threads) continue;
      set_thread_count(threads);
      (void)c.draw(key, {n});
      Row row{"sampling", std::string(c.name) + ", " + std::to_string(n),     threads,
              "us",       median_us(rounds, [&] { (void)c.draw(key, {n}); }), "mt19937_64 of C++",
              c.standard};
      for (const PeerLine& line : peers)
        if (line.what == c.name && !(line.number >= row.peer))
          row.peer_name = line.peer, row.peer = line.number;
      row.floor = row.aim = c.floor;
      print(row, options);
    }
  }
}
