// Elementwise ops, reductions and row functions outside plans, f32, every result fresh: us, the
// share of the bandwidth measured beside them, and the best peer. Peers are the programs
// elementwise_torch, elementwise_numpy and elementwise_eigen of GRADUS_PEERS, which print lines
// `ew,peer,threads,op,n,us,...`; each is run once a round, between ours. Arguments: rounds (3).
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <unistd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "../bench/elementwise.cpp"  // from src/
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// What memory can do, each over n numbers from a, and from b, to y.
void read(const float* a, const float*, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, hn::LoadU(d, a + i));
    s1 = hn::Add(s1, hn::LoadU(d, a + i + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, a + i + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, a + i + 3 * lanes));
  }
  *y = hn::GetLane(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}
template <bool streaming>
void triad(const float* a, const float* b, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const auto c = hn::Set(d, 0.5f);
  for (size_t i = 0; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto v = hn::MulAdd(c, hn::LoadU(d, b + i), hn::LoadU(d, a + i));
    if constexpr (streaming)
      hn::Stream(v, d, y + i);
    else
      hn::StoreU(v, d, y + i);
  }
}
template <bool streaming>
void copy(const float* a, const float*, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    if constexpr (streaming)
      hn::Stream(hn::LoadU(d, a + i), d, y + i);
    else
      hn::StoreU(hn::LoadU(d, a + i), d, y + i);
  }
}
// HWY_EXPORT takes no template arguments.
void copy_cached(const float* a, const float* b, float* y, size_t n) {
  copy<false>(a, b, y, n);
}
void copy_streaming(const float* a, const float* b, float* y, size_t n) {
  copy<true>(a, b, y, n);
}
void triad_cached(const float* a, const float* b, float* y, size_t n) {
  triad<false>(a, b, y, n);
}
void triad_streaming(const float* a, const float* b, float* y, size_t n) {
  triad<true>(a, b, y, n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

HWY_EXPORT(read);
HWY_EXPORT(copy_cached);
HWY_EXPORT(copy_streaming);
HWY_EXPORT(triad_cached);
HWY_EXPORT(triad_streaming);
using Pass = void (*)(const float* a, const float* b, float* y, size_t n);

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Microseconds a call: the median of 5 stretches of about 10 ms.
double time(const std::function<void()>& f) {
  using clock = std::chrono::steady_clock;
  f();
  std::vector<double> all;
  long calls = 1;
  while (all.size() < 5) {
    const auto start = clock::now();
    for (long i = 0; i < calls; ++i) f();
    const double us = std::chrono::duration<double, std::micro>(clock::now() - start).count();
    if (us > 7'000)
      all.push_back(us / static_cast<double>(calls));
    else
      calls = std::max(calls + 1, static_cast<long>(static_cast<double>(calls) * 10'000 / us));
  }
  return median(all);
}

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

// GB/s of a pass over n numbers in pieces as our own kernels take them; `arrays` are moved.
double bandwidth(Pass pass, int arrays, size_t n) {
  const Tensor a = drawn(1, {static_cast<int64_t>(n)}), b = a * 2.0, y = a * 3.0;
  const float *pa = view_of(a).as<float>(), *pb = view_of(b).as<float>();
  float* py = view_of(y).as<float>();
  const size_t piece = n < 65536 ? n : 16384;
  const auto pieces = static_cast<int64_t>((n + piece - 1) / piece);
  const double us = time([&] {
    parallel_for(pieces, [&](int64_t i) {
      const size_t from = static_cast<size_t>(i) * piece;
      pass(pa + from, pb + from, py + from, std::min(piece, n - from));
    });
  });
  return 4e-3 * arrays * static_cast<double>(n) / us;
}

struct Case {
  const char* name;
  const char* peers;  // their name of it
  int arrays;         // read and written, for the bandwidth
  std::function<void()> run;
};

struct Size {
  int64_t n;
  std::vector<Case> cases;
};

using Place = std::tuple<std::string, int64_t, int>;  // op, n, threads
struct Peer {
  std::string name;
  double us;
};

void run_peers(std::map<Place, std::vector<Peer>>& found) {
  const char* folder = std::getenv("GRADUS_PEERS");
  if (!folder) return;
  for (const char* name : {"elementwise_torch", "elementwise_numpy", "elementwise_eigen"}) {
    const std::string path = std::string(folder) + "/" + name;
    if (access(path.c_str(), X_OK) != 0) continue;
    FILE* out = popen(("\"" + path + "\" 2>/dev/null").c_str(), "r");
    if (!out) continue;
    char line[512], peer[64], what[256];
    int threads;
    long n;
    double us;
    while (std::fgets(line, sizeof line, out))
      if (std::sscanf(line, "ew,%63[^,],%d,%255[^,],%ld,%lf", peer, &threads, what, &n, &us) == 5)
        found[{what, n, threads}].push_back({peer, us});
    pclose(out);
  }
}

int run(int rounds) {
  std::vector<Size> sizes;
  for (const int64_t n : {1'000, 100'000, 10'000'000}) {
    const Tensor a = drawn(1, {n}), b = drawn(2, {n}), c = drawn(3, {n}), positive = square(a);
    Size s{n, {}};
    s.cases = {{"add", "add", 3, [=] { a + b; }},
               {"exp", "exp", 2, [=] { exp(a); }},
               {"log", "log", 2, [=] { log(positive); }},
               {"tanh", "tanh", 2, [=] { tanh(a); }},
               {"erf", "erf", 2, [=] { erf(a); }},
               {"sigmoid", "sigmoid", 2, [=] { sigmoid(a); }},
               {"gelu", "gelu_erf", 2, [=] { gelu(a); }},
               {"gelu_tanh", "gelu_tanh", 2, [=] { gelu_tanh(a); }},
               {"sin", "sin", 2, [=] { sin(a); }},
               {"gelu_tanh(a b + c)", "gelu(a*b+c)", 4, [=] { gelu_tanh(a * b + c); }}};
    if (n > 1000) {
      s.cases.push_back({"sum", "sum", 1, [=] { sum(a); }});
      s.cases.push_back({"logsumexp", "logsumexp", 1, [=] { logsumexp(a); }});
    }
    sizes.push_back(std::move(s));
  }
  const Tensor rows = drawn(4, {1024, 1024});
  sizes.push_back({rows.size(),
                   {{"softmax 1024 x 1024", "softmax_rows", 2, [=] { softmax(rows, 1); }},
                    {"log_softmax 1024 x 1024", "", 2, [=] { log_softmax(rows, 1); }},
                    {"layer_norm 1024 x 1024", "layernorm_rows", 2, [=] { layer_norm(rows); }}}});

  std::map<Place, std::vector<double>> ours, limit;
  std::map<Place, std::vector<Peer>> peers;
  for (int round = 0; round < rounds; ++round) {
    for (const int threads : {1, 2}) {
      set_thread_count(threads);
      for (const Size& s : sizes) {
        const auto n = static_cast<size_t>(s.n);
        const double of_1 = bandwidth(HWY_DYNAMIC_DISPATCH(read), 1, n);
        const double of_2 = std::max(bandwidth(HWY_DYNAMIC_DISPATCH(copy_cached), 2, n),
                                     bandwidth(HWY_DYNAMIC_DISPATCH(copy_streaming), 2, n));
        const double of_3 = std::max(bandwidth(HWY_DYNAMIC_DISPATCH(triad_cached), 3, n),
                                     bandwidth(HWY_DYNAMIC_DISPATCH(triad_streaming), 3, n));
        for (const Case& c : s.cases) {
          const Place at{c.name, s.n, threads};
          ours[at].push_back(time(c.run));
          const double gbs = c.arrays == 1 ? of_1 : c.arrays == 2 ? of_2 : of_3;
          limit[at].push_back(4e-3 * c.arrays * static_cast<double>(s.n) / gbs);
        }
      }
    }
    run_peers(peers);
  }

  std::printf("%-24s %9s %2s %10s %8s %8s  %s\n", "f32, us", "n", "T", "gradus", "GB/s", "of limit",
              "best peer, its us over ours");
  for (const Size& s : sizes)
    for (const Case& c : s.cases)
      for (const int threads : {1, 2}) {
        const Place at{c.name, s.n, threads};
        const double us = median(ours[at]);
        std::printf("%-24s %9lld %2d %10.3f %8.1f %7.0f%%", c.name, static_cast<long long>(s.n),
                    threads, us, 4e-3 * c.arrays * static_cast<double>(s.n) / us,
                    100 * median(limit[at]) / us);
        // Eigen and NumPy run on one thread: beside two of ours they stand as they are.
        std::map<std::string, std::vector<double>> by_peer;
        for (const int t : {1, threads})
          for (const Peer& p : peers[{c.peers, s.n, t}])
            if (p.name.find("hand") == std::string::npos &&
                (t == threads || p.name.find("torch") == std::string::npos))
              by_peer[p.name].push_back(p.us);
        std::string best;
        for (const auto& [name, all] : by_peer)
          if (best.empty() || median(all) < median(by_peer[best])) best = name;
        if (best.empty())
          std::printf("  not installed\n");
        else
          std::printf("  %s %.3f (%.2fx)\n", best.c_str(), median(by_peer[best]),
                      median(by_peer[best]) / us);
      }
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  return gradus::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 3);
}
#endif
