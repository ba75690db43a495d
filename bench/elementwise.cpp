// Elementwise ops, chains, reductions and row functions, f32, every result fresh but where a plan
// runs: us, the share of the bandwidth of the memory that holds the numbers, torch and the best of
// the other peers.
// Peers are the programs elementwise_torch, elementwise_numpy and elementwise_eigen of
// GRADUS_PEERS, which print lines `ew,peer,threads,op,n,us,...`; each is run once a round, between
// ours.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/limits.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <unistd.h>

#include "rows.h"

namespace gradus {
namespace {

double time(const std::function<void()>& f, bool quick) {
  return time_call(f, quick, 5, 10'000);
}

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

// What `arrays` of n numbers take at least, moved through the memory that holds them.
double least_us(const Limits& limits, int arrays, int64_t n) {
  const int64_t bytes = 4 * arrays * n;
  const MemoryLimit& level = limits.level(bytes / limits.threads);
  const double rate = arrays == 1 ? level.read : arrays == 2 ? level.copy : level.triad;
  return 1e6 * static_cast<double>(bytes) / rate;
}

struct Case {
  const char* name;
  const char* peers;  // their name of it
  int arrays;         // read and written, for the bandwidth
  std::function<void()> run;
  double floor = not_there, aim = floor;  // times the peer's speed
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

// The same chain fused: nothing but its arguments and its result touches memory.
std::function<void()> planned_chain(const Tensor& a, const Tensor& b, const Tensor& c) {
  auto plan = std::make_shared<Plan>(compile(
      [](std::span<const Tensor> x) { return std::vector<Tensor>{gelu_tanh(x[0] * x[1] + x[2])}; },
      {a, b, c}));
  return [plan] { plan->run(); };
}

int run(const BenchOptions& options) {
  std::vector<Size> sizes;
  for (const int64_t n : {1'000, 100'000, 10'000'000}) {
    if (options.quick && n > 100'000) continue;
    const Tensor a = drawn(1, {n}), b = drawn(2, {n}), c = drawn(3, {n}), positive = square(a);
    // Floors and aims: performance.md, section 3.
    const double one = n == 1000 ? 5 : n == 100'000 ? not_there : 4;
    const double curved = n == 10'000'000 ? 4 : 5;
    Size s{n, {}};
    s.cases = {{"add", "add", 3, [=] { a + b; }, one},
               {"exp", "exp", 2, [=] { exp(a); }, n == 100'000 ? 1.4 : one},
               {"log", "log", 2, [=] { log(positive); }, one},
               {"tanh", "tanh", 2, [=] { tanh(a); }, curved},
               {"erf", "erf", 2, [=] { erf(a); }, one},
               {"sigmoid", "sigmoid", 2, [=] { sigmoid(a); }, one},
               {"gelu", "gelu_erf", 2, [=] { gelu(a); }, one},
               {"gelu_tanh", "gelu_tanh", 2, [=] { gelu_tanh(a); }, curved},
               {"sin", "sin", 2, [=] { sin(a); }, one},
               {"gelu_tanh(a b + c)", "gelu(a*b+c)", 4, [=] { gelu_tanh(a * b + c); }},
               {"gelu_tanh(a b + c), plan", "gelu(a*b+c)", 4, planned_chain(a, b, c), 5, 7}};
    if (n > 1000) {
      s.cases.push_back({"sum", "sum", 1, [=] { sum(a); }});
      s.cases.push_back({"logsumexp", "logsumexp", 1, [=] { logsumexp(a); }});
    }
    sizes.push_back(std::move(s));
  }
  const Tensor rows = drawn(4, {1024, 1024});
  sizes.push_back(
      {rows.size(),
       {{"softmax 1024 x 1024", "softmax_rows", 2, [=] { softmax(rows, 1); }, 1.7},
        {"log_softmax 1024 x 1024", "", 2, [=] { log_softmax(rows, 1); }},
        {"layer_norm 1024 x 1024", "layernorm_rows", 2, [=] { layer_norm(rows); }, 1.7}}});

  const std::vector<int> counts =
      options.threads > 0 ? std::vector<int>{options.threads} : std::vector<int>{1, 2};
  std::map<Place, std::vector<double>> ours, share;
  std::map<Place, std::vector<Peer>> peers;
  for (int round = 0; round < (options.quick ? 1 : 3); ++round) {
    for (const int threads : counts) {
      set_thread_count(threads);
      const Limits limits = measure_limits(Effort::quick);
      for (const Size& s : sizes) {
        for (const Case& c : s.cases) {
          const Place at{c.name, s.n, threads};
          ours[at].push_back(time(c.run, options.quick));
          share[at].push_back(least_us(limits, c.arrays, s.n) / ours[at].back());
        }
      }
    }
    if (!options.quick) run_peers(peers);
  }

  for (const Size& s : sizes)
    for (const Case& c : s.cases)
      for (const int threads : counts) {
        const Place at{c.name, s.n, threads};
        Row row{"elementwise", std::string(c.name) + ", n = " + text::grouped(s.n), threads};
        row.ours = median(ours[at]);
        row.limit_share = median(share[at]);
        // Eigen and NumPy run on one thread: beside two of ours they stand as they are.
        std::map<std::string, std::vector<double>> by_peer;
        for (const int t : {1, threads})
          for (const Peer& p : peers[{c.peers, s.n, t}])
            if (p.name.find("hand") == std::string::npos &&
                (t == threads || p.name.find("torch") == std::string::npos))
              by_peer[p.name].push_back(p.us);
        // Floors and aims are against torch at equal threads; the best of the others is beside it.
        Row torch = row;
        torch.peer_name = "torch", torch.floor = c.floor, torch.aim = c.aim;
        row.peer_name = "numpy, Eigen";
        for (const auto& [name, all] : by_peer) {
          Row& to = name.find("torch") == std::string::npos ? row : torch;
          if (!(to.peer <= median(all))) to.peer = median(all), to.peer_name = name;
        }
        print(torch, options);
        if (std::isfinite(row.peer)) print(row, options);
      }
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  return gradus::run(gradus::bench_options(argc, argv));
}
