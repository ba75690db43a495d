// Matrix products: GFLOP/s, share of the multiply-add peak (twice that of f32 for bf16), and the
// ratio to the better of oneDNN and OpenBLAS where they are installed, for bf16 to our f32. All
// take turns in one process and the best of the rounds counts, so that a busy neighbour spoils
// single rounds, not the comparison. Options: --threads N, --rounds N, --quick, --json,
// --random N (shapes, beside oneDNN alone), or one product: M K N [At] [Bt].
#include <gradus/base/half.h>
#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>
#include <gradus/ops/gemm_bf16.h>
#include <gradus/ops/limits.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <dlfcn.h>

#include "rows.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

template <class F>
double seconds(const F& f) {
  const auto start = Clock::now();
  f();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Case {
  int64_t m, k, n;
  bool a_transposed = false, b_transposed = false;

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  }
  std::string name() const {
    return std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n) +
           (a_transposed ? " At" : "") + (b_transposed ? " Bt" : "");
  }
};

// The peers' entry points, null where a library is missing.
struct Peers {
  template <class T>
  using Blas = void (*)(int, int, int, int, int, int, T, const T*, int, const T*, int, T, T*, int);
  int (*dnnl)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*,
              int64_t, float, float*, int64_t) = nullptr;
  Blas<float> blas_f32 = nullptr;
  Blas<double> blas_f64 = nullptr;

  Peers() = default;
  explicit Peers(int threads) {
    const auto set_threads = [&](void* from, const char* name) {
      if (const auto set = reinterpret_cast<void (*)(int)>(dlsym(from, name))) set(threads);
    };
    if (void* lib = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL)) {
      dnnl = reinterpret_cast<decltype(dnnl)>(dlsym(lib, "dnnl_sgemm"));
      set_threads(lib, "omp_set_num_threads");
    }
    if (void* lib = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL)) {
      blas_f32 = reinterpret_cast<Blas<float>>(dlsym(lib, "cblas_sgemm"));
      blas_f64 = reinterpret_cast<Blas<double>>(dlsym(lib, "cblas_dgemm"));
      set_threads(lib, "openblas_set_num_threads");
    }
  }

  bool has_dnnl(float) const { return dnnl; }
  bool has_dnnl(double) const { return false; }
  bool has_blas(float) const { return blas_f32; }
  bool has_blas(double) const { return blas_f64; }

  void run_dnnl(const Case& s, const float* a, const float* b, float* c) const {
    dnnl(s.a_transposed ? 'T' : 'N', s.b_transposed ? 'T' : 'N', s.m, s.n, s.k, 1, a,
         s.a_transposed ? s.m : s.k, b, s.b_transposed ? s.k : s.n, 0, c, s.n);
  }
  void run_dnnl(const Case&, const double*, const double*, double*) const {}

  template <class T>
  void run_blas(const Case& s, const T* a, const T* b, T* c) const {
    constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;
    const int m = static_cast<int>(s.m), n = static_cast<int>(s.n), k = static_cast<int>(s.k);
    Blas<T> blas = nullptr;
    if constexpr (sizeof(T) == 4) {
      blas = blas_f32;
    } else {
      blas = blas_f64;
    }
    blas(kRowMajor, s.a_transposed ? kTransposed : kPlain, s.b_transposed ? kTransposed : kPlain, m,
         n, k, 1, a, s.a_transposed ? m : k, b, s.b_transposed ? k : n, 0, c, n);
  }
};

// The best of a few tries, a busy neighbour being no part of the machine.
template <class T>
double peak_flops() {
  double best = 0;
  for (int i = 0; i < 9; ++i) {
    const Limits limits = measure_flops();
    best = std::max(best, sizeof(T) == 4 ? limits.flops_f32 : limits.flops_f64);
  }
  return best;
}

struct Options {
  int threads = 0, rounds = 9, random = 0;  // 0 threads: 1, then 2
  bool json = false, quick = false;         // quick: one round, no peers
  std::vector<std::string> words;
};

// Seconds of one product, the best of the rounds; 0: not measured.
struct Times {
  double ours = 0, dnnl = 0, blas = 0, f32 = 0;

  // Times the best peer, for bf16 our f32: above 1 we are faster.
  double ratio() const {
    if (f32 > 0) return f32 / ours;
    const double best = dnnl > 0 && blas > 0 ? std::min(dnnl, blas) : std::max(dnnl, blas);
    return best / ours;
  }
};

// A library's threads spin for a while after its last product; the next one waits for that.
void let_threads_sleep(int threads, int ms) {
  if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// One turn: a product to wake the threads, then slices of about 1 ms, long against the clock and
// short against what a scheduler hands out. The best is kept.
template <class F>
void turn(const Case& s, double& least, const F& product) {
  constexpr int kSlices = 5;
  const int calls = static_cast<int>(std::max(1.0, 1e-3 * 1e11 / s.flops()));
  product();
  for (int slice = 0; slice < kSlices; ++slice) {
    const double each = seconds([&] {
                          for (int i = 0; i < calls; ++i) product();
                        }) /
                        calls;
    if (least == 0 || each < least) least = each;
  }
}

template <class T>
std::vector<T> numbers(int64_t n, int period) {
  std::vector<T> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<T>(static_cast<float>(static_cast<int>(i) % period - period / 2));
  }
  return x;
}

template <class T>
void run_ours(const Case& s, const T* a, const T* b, auto* c) {
  const auto product = [](auto... args) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      gemm_bf16(args...);
    } else {
      gemm(args...);
    }
  };
  product(s.m, s.n, s.k, a, s.a_transposed ? 1 : s.k, s.a_transposed ? s.m : 1, b,
          s.b_transposed ? 1 : s.n, s.b_transposed ? s.k : 1, c, s.n);
}

template <class T>
Times measure(const Case& s, const Peers& peers, const Options& options, bool with_blas) {
  const std::vector<T> a = numbers<T>(s.m * s.k, 17), b = numbers<T>(s.k * s.n, 13);
  std::vector<T> c(static_cast<size_t>(s.m * s.n));
  Times best;
  for (int r = 0; r < options.rounds; ++r) {
    turn(s, best.ours, [&] { run_ours(s, a.data(), b.data(), c.data()); });
    if (peers.has_dnnl(T())) {
      turn(s, best.dnnl, [&] { peers.run_dnnl(s, a.data(), b.data(), c.data()); });
      let_threads_sleep(options.threads, 10);
    }
    if (with_blas && peers.has_blas(T())) {
      turn(s, best.blas, [&] { peers.run_blas(s, a.data(), b.data(), c.data()); });
      let_threads_sleep(options.threads, 40);
    }
  }
  return best;
}

// bf16 beside our f32, which it is compared with.
Times measure_bf16(const Case& s, const Options& options) {
  const auto a = numbers<float>(s.m * s.k, 17), b = numbers<float>(s.k * s.n, 13);
  const auto a16 = numbers<BFloat16>(s.m * s.k, 17), b16 = numbers<BFloat16>(s.k * s.n, 13);
  std::vector<float> c(static_cast<size_t>(s.m * s.n));
  Times best;
  for (int r = 0; r < options.rounds; ++r) {
    turn(s, best.ours, [&] { run_ours(s, a16.data(), b16.data(), c.data()); });
    turn(s, best.f32, [&] { run_ours(s, a.data(), b.data(), c.data()); });
  }
  return best;
}

class Table {
 public:
  explicit Table(const Options& options) : threads_(options.threads), json_(options.json) {
    if (!json_)
      std::printf(
          "type shape                      us    GFLOP/s  of peak   oneDNN OpenBLAS  ratio\n");
  }

  void row(const char* type, const Case& s, const Times& t, double peak) {
    const double flops = s.flops(), rate = flops / t.ours;
    if (json_) {
      Row row{"gemm", std::string(type) + " " + s.name(), threads_, "GFLOP/s", rate * 1e-9};
      row.peer_name = t.f32 > 0                                        ? "our f32"
                      : t.dnnl > 0 && !(t.blas > 0 && t.blas < t.dnnl) ? "oneDNN"
                                                                       : "OpenBLAS";
      if (t.ratio() > 0) row.peer = row.ours / t.ratio();
      row.limit_share = rate / peak;
      row.floor = t.f32 > 0 ? 1.6 : 1, row.aim = t.f32 > 0 ? 1.6 : 1.15;
      print(row, {.json = true});
      return;
    }
    const auto cell = [](double value, const char* form) {
      char text[32];
      std::snprintf(text, sizeof text, form, value);
      return std::string(value > 0 ? text : "-");
    };
    std::printf("%-4s %-18s %11.2f %10.1f %6.0f %% %8s %8s %6s\n", type, s.name().c_str(),
                t.ours * 1e6, rate * 1e-9, 100 * rate / peak,
                cell(t.dnnl > 0 ? flops / t.dnnl * 1e-9 : 0, "%.1f").c_str(),
                cell(t.blas > 0 ? flops / t.blas * 1e-9 : 0, "%.1f").c_str(),
                cell(t.ratio(), "%.2f").c_str());
    std::fflush(stdout);
  }

 private:
  int threads_;
  bool json_;
};

const Case kNetworks[] = {{32, 2, 16},
                          {32, 16, 16},
                          {16, 32, 16, true},
                          {32, 16, 1},
                          {32, 16, 16, false, true},
                          {64, 784, 256, false, true},
                          {128, 784, 256, false, true},
                          {128, 784, 256},
                          {784, 128, 256, true},
                          {128, 256, 128, false, true},
                          {128, 256, 128},
                          {32, 64, 32, false, true},
                          {32, 64, 32},
                          {2048, 128, 512, false, true},
                          {2048, 512, 128, false, true},
                          {2048, 128, 512},
                          {32, 128, 512, false, true},
                          {32, 128, 512},
                          {128, 32, 128, false, true},
                          {128, 32, 128},
                          {128, 128, 10},
                          {128, 10, 128, false, true},
                          {128, 128, 10, true},
                          {1, 784, 256, false, true},
                          {1, 784, 256},
                          {784, 256, 1},
                          {784, 256, 1, true}};

const Case kBf16[] = {{64, 64, 64},
                      {256, 256, 256},
                      {512, 512, 512},
                      {1024, 1024, 1024},
                      {128, 784, 256, false, true},
                      {128, 784, 256},
                      {784, 128, 256, true},
                      {128, 256, 128, false, true},
                      {2048, 128, 512, false, true}};

template <class T>
void group(const char* type, const Options& options, const Peers& peers, Table& table) {
  const double peak = peak_flops<T>();
  const auto row = [&](const Case& s) {
    table.row(type, s, measure<T>(s, peers, options, true), peak);
  };
  for (int64_t n : {8, 16, 32, 64, 128, 256, 512, 1024}) row({n, n, n});
  for (const Case& s : kNetworks) row(s);
}

int random_shapes(const Options& options, const Peers& peers) {
  std::mt19937 bits(1);
  const auto below = [&](uint32_t n) { return bits() % n; };
  struct Result {
    Case shape;
    Times times;
  };
  std::vector<Result> results;
  for (int i = 0; i < options.random; ++i) {
    const int64_t m = 1 + below(2000), k = 1 + below(2000), n = 1 + below(2000);
    const bool at = below(2) != 0, bt = below(2) != 0;
    const Case s{m, k, n, at, bt};
    results.push_back({s, measure<float>(s, peers, options, false)});
  }
  std::sort(results.begin(), results.end(),
            [](const Result& x, const Result& y) { return x.times.ratio() < y.times.ratio(); });
  const auto slow = std::count_if(results.begin(), results.end(),
                                  [](const Result& r) { return r.times.ratio() < 0.8; });
  const double peak = peak_flops<float>();
  {
    Table table(options);
    const size_t shown = options.json ? results.size() : std::min<size_t>(5, results.size());
    for (size_t i = 0; i < shown; ++i) table.row("f32", results[i].shape, results[i].times, peak);
  }
  if (!options.json) {
    std::printf("the worst of %d random shapes; %d below 0.8 times oneDNN, median %.2f\n",
                options.random, static_cast<int>(slow), results[results.size() / 2].times.ratio());
  }
  return 0;
}

int run(const Options& options) {
  if (options.threads == 0) {
    for (const int threads : {1, 2}) {
      Options some = options;
      some.threads = threads;
      run(some);
    }
    return 0;
  }
  set_thread_count(options.threads);
  const Peers peers = options.quick ? Peers() : Peers(options.threads);
  if (options.random > 0) return random_shapes(options, peers);
  Table table(options);
  if (options.words.size() >= 3) {
    Case s{std::atoll(options.words[0].c_str()), std::atoll(options.words[1].c_str()),
           std::atoll(options.words[2].c_str())};
    for (const std::string& word : options.words) {
      s.a_transposed |= word == "At";
      s.b_transposed |= word == "Bt";
    }
    table.row("f32", s, measure<float>(s, peers, options, true), peak_flops<float>());
    table.row("f64", s, measure<double>(s, peers, options, true), peak_flops<double>());
    table.row("bf16", s, measure_bf16(s, options), 2 * peak_flops<float>());
    return 0;
  }
  group<float>("f32", options, peers, table);
  group<double>("f64", options, peers, table);
  if (multiplies_bf16()) {
    const double peak = 2 * peak_flops<float>();
    for (const Case& s : kBf16) table.row("bf16", s, measure_bf16(s, options), peak);
  }
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int count, char** words) {
  gradus::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto number = [&] { return i + 1 < count ? std::max(1, std::atoi(words[++i])) : 1; };
    if (word == "--threads") {
      options.threads = number();
    } else if (word == "--rounds") {
      options.rounds = number();
    } else if (word == "--random") {
      options.random = number();
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--quick") {
      options.quick = true;
      options.rounds = 1;
    } else {
      options.words.push_back(word);
    }
  }
  return gradus::run(options);
}
