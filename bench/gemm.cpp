// Matrix products: GFLOP/s, share of the fma peak, and OpenBLAS beside ours
// (-DGRADUS_BENCH_OPENBLAS). The three take turns, so that a busy machine slows all of them;
// medians. Arguments: threads (1), rounds (15).
#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#ifdef GRADUS_BENCH_OPENBLAS
#include <cblas.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "../bench/gemm.cpp"  // from src/
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent chains, more than latency times ports of any processor we know.
template <class T>
double fma_chains(int64_t rounds) {
  const hn::ScalableTag<T> d;
  const auto x = hn::Set(d, T(0.5));
  // Different starts, or the compiler makes one chain of them.
  auto a0 = hn::Set(d, T(0)), a1 = hn::Set(d, T(1)), a2 = hn::Set(d, T(2)), a3 = hn::Set(d, T(3)),
       a4 = hn::Set(d, T(4)), a5 = hn::Set(d, T(5)), a6 = hn::Set(d, T(6)), a7 = hn::Set(d, T(7)),
       a8 = hn::Set(d, T(8)), a9 = hn::Set(d, T(9)), a10 = hn::Set(d, T(10)),
       a11 = hn::Set(d, T(11));
  for (int64_t i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, x, x), a1 = hn::MulAdd(a1, x, x), a2 = hn::MulAdd(a2, x, x);
    a3 = hn::MulAdd(a3, x, x), a4 = hn::MulAdd(a4, x, x), a5 = hn::MulAdd(a5, x, x);
    a6 = hn::MulAdd(a6, x, x), a7 = hn::MulAdd(a7, x, x), a8 = hn::MulAdd(a8, x, x);
    a9 = hn::MulAdd(a9, x, x), a10 = hn::MulAdd(a10, x, x), a11 = hn::MulAdd(a11, x, x);
  }
  for (auto v : {a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11}) a0 = hn::Add(a0, v);
  volatile T keep = hn::GetLane(a0);
  (void)keep;
  return static_cast<double>(hn::Lanes(d)) * 24;
}

double flops_f32(int64_t rounds) {
  return fma_chains<float>(rounds);
}
double flops_f64(int64_t rounds) {
  return fma_chains<double>(rounds);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

HWY_EXPORT(flops_f32);
HWY_EXPORT(flops_f64);

using Clock = std::chrono::steady_clock;

template <class F>
double seconds(const F& f) {
  const auto start = Clock::now();
  f();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double>& x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

// GFLOP/s of one thread, over about 0.2 ms.
template <class T>
double peak() {
  constexpr int64_t kRounds = 1 << 16;
  double flops = 0;
  const double s = seconds([&] {
    flops = sizeof(T) == 4 ? HWY_DYNAMIC_DISPATCH(flops_f32)(kRounds)
                           : HWY_DYNAMIC_DISPATCH(flops_f64)(kRounds);
  });
  return flops * static_cast<double>(kRounds) / s * 1e-9;
}

struct Case {
  int64_t m, k, n;
  bool a_transposed = false, b_transposed = false;
};

#ifdef GRADUS_BENCH_OPENBLAS
void blas(const Case& s, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, s.a_transposed ? CblasTrans : CblasNoTrans,
              s.b_transposed ? CblasTrans : CblasNoTrans, static_cast<int>(s.m),
              static_cast<int>(s.n), static_cast<int>(s.k), 1, a,
              static_cast<int>(s.a_transposed ? s.m : s.k), b,
              static_cast<int>(s.b_transposed ? s.k : s.n), 0, c, static_cast<int>(s.n));
}
void blas(const Case& s, const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, s.a_transposed ? CblasTrans : CblasNoTrans,
              s.b_transposed ? CblasTrans : CblasNoTrans, static_cast<int>(s.m),
              static_cast<int>(s.n), static_cast<int>(s.k), 1, a,
              static_cast<int>(s.a_transposed ? s.m : s.k), b,
              static_cast<int>(s.b_transposed ? s.k : s.n), 0, c, static_cast<int>(s.n));
}
#endif

template <class T>
void measure(const Case& s, int threads, int rounds) {
  std::vector<T> a(static_cast<size_t>(s.m * s.k)), b(static_cast<size_t>(s.k * s.n)),
      c(static_cast<size_t>(s.m * s.n));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(static_cast<int>(i % 17) - 8);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(static_cast<int>(i % 13) - 6);
  const double flops = 2.0 * static_cast<double>(s.m * s.k * s.n);
  // About 4 ms a round: long against the clock, short against a scheduler slice.
  const int calls = static_cast<int>(std::max(1.0, 4e-3 * 1e11 / flops));
  std::vector<double> ours, theirs, limits;
  for (int r = 0; r < rounds; ++r) {
    limits.push_back(peak<T>() * threads);
    ours.push_back(seconds([&] {
      for (int i = 0; i < calls; ++i) {
        gemm(s.m, s.n, s.k, a.data(), s.a_transposed ? 1 : s.k, s.a_transposed ? s.m : 1, b.data(),
             s.b_transposed ? 1 : s.n, s.b_transposed ? s.k : 1, c.data(), s.n);
      }
    }));
#ifdef GRADUS_BENCH_OPENBLAS
    theirs.push_back(seconds([&] {
      for (int i = 0; i < calls; ++i) blas(s, a.data(), b.data(), c.data());
    }));
#endif
  }
  const std::string name = std::to_string(s.m) + "x" + std::to_string(s.k) + "x" +
                           std::to_string(s.n) + (s.a_transposed ? " At" : "") +
                           (s.b_transposed ? " Bt" : "");
  const double own = median(ours) / calls, limit = median(limits);
  std::printf("%s %-18s %11.1f ns %7.1f GF %4.0f %% of %4.0f", sizeof(T) == 4 ? "f32" : "f64",
              name.c_str(), own * 1e9, flops / own * 1e-9, 100 * flops / own * 1e-9 / limit, limit);
  if (!theirs.empty()) {
    const double other = median(theirs) / calls;
    std::printf("   OpenBLAS %8.1f GF   %.2fx", flops / other * 1e-9, other / own);
  }
  std::printf("\n");
}

int run(int threads, int rounds) {
  set_thread_count(threads);
#ifdef GRADUS_BENCH_OPENBLAS
  openblas_set_num_threads(threads);
#endif
  const Case cases[] = {{2, 2, 2},
                        {32, 2, 16},
                        {32, 16, 16},
                        {16, 32, 16, true},
                        {32, 16, 1},
                        {16, 32, 1, true},
                        {32, 16, 16, false, true},
                        {8, 8, 8},
                        {16, 16, 16},
                        {32, 32, 32},
                        {64, 64, 64},
                        {128, 128, 128},
                        {256, 256, 256},
                        {512, 512, 512},
                        {1024, 1024, 1024},
                        {64, 784, 256, false, true},
                        {128, 784, 256, false, true},
                        {128, 784, 256},
                        {784, 128, 256, true},
                        {1, 784, 256, false, true},
                        {1, 784, 256},
                        {784, 256, 1},
                        {128, 256, 128},
                        {128, 256, 128, false, true},
                        {32, 64, 32, false, true},
                        {32, 64, 32},
                        {2048, 128, 512, false, true},
                        {2048, 512, 128, false, true},
                        {2048, 128, 512},
                        {32, 128, 512},
                        {32, 128, 512, false, true},
                        {128, 32, 128},
                        {128, 32, 128, false, true},
                        {128, 128, 10},
                        {128, 10, 128, false, true},
                        {128, 128, 10, true}};
  for (const Case& s : cases) measure<float>(s, threads, rounds);
  for (int64_t n : {16, 32, 64, 128, 256, 512, 1024}) measure<double>({n, n, n}, threads, rounds);
  measure<double>({64, 784, 256, false, true}, threads, rounds);
  measure<double>({784, 128, 256, true}, threads, rounds);
  measure<double>({1, 784, 256, false, true}, threads, rounds);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int count, char** words) {
  return gradus::run(count > 1 ? std::atoi(words[1]) : 1, count > 2 ? std::atoi(words[2]) : 15);
}
#endif
