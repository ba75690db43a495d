// Each limit is the best of several rounds: whatever else the machine does can only slow one down.
#include <gradus/base/pool.h>
#include <gradus/ops/limits.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/limits.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef GRADUS_OPS_LIMITS_ONCE
#define GRADUS_OPS_LIMITS_ONCE
namespace gradus {
namespace {

enum class Pass { read, copy, triad, streaming_copy, streaming_triad };

struct Arrays {
  float *a, *b, *c;
  int64_t n;  // a multiple of 256
};

struct LimitKernels {
  double (*f32)(int64_t rounds);  // operations done
  double (*f64)(int64_t rounds);
  void (*pass)(Pass, const Arrays&, int64_t rounds);
};

}  // namespace
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent chains: more than latency times ports of any processor we know. They start
// differently, or the compiler makes one chain of them.
template <class T>
double fma_chains(int64_t rounds) {
  const hn::ScalableTag<T> d;
  const auto x = hn::Set(d, T(0.5));
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
  return static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d)) * 24;
}

// Another round may not be skipped because it stores what the last one stored.
inline void forget() {
  asm volatile("" ::: "memory");
}

inline void read(const Arrays& s) {
  const hn::ScalableTag<float> d;
  const int64_t w = static_cast<int64_t>(hn::Lanes(d));
  auto x0 = hn::Zero(d), x1 = x0, x2 = x0, x3 = x0, x4 = x0, x5 = x0, x6 = x0, x7 = x0;
  for (const float* p : {s.a, s.b, s.c}) {
    for (const float* end = p + s.n; p < end; p += 8 * w) {
      x0 = hn::Add(x0, hn::Load(d, p)), x1 = hn::Add(x1, hn::Load(d, p + w));
      x2 = hn::Add(x2, hn::Load(d, p + 2 * w)), x3 = hn::Add(x3, hn::Load(d, p + 3 * w));
      x4 = hn::Add(x4, hn::Load(d, p + 4 * w)), x5 = hn::Add(x5, hn::Load(d, p + 5 * w));
      x6 = hn::Add(x6, hn::Load(d, p + 6 * w)), x7 = hn::Add(x7, hn::Load(d, p + 7 * w));
    }
  }
  for (auto v : {x1, x2, x3, x4, x5, x6, x7}) x0 = hn::Add(x0, v);
  volatile float keep = hn::GetLane(x0);
  (void)keep;
}

template <bool kTriad, bool kStream>
void write(const Arrays& s) {
  const hn::ScalableTag<float> d;
  const int64_t w = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, 1.0001f);
  for (int64_t i = 0; i < s.n; i += 4 * w) {
    for (int64_t j = i; j < i + 4 * w; j += w) {
      auto v = hn::Load(d, s.b + j);
      if constexpr (kTriad) v = hn::MulAdd(scale, hn::Load(d, s.c + j), v);
      if constexpr (kStream)
        hn::Stream(v, d, s.a + j);
      else
        hn::Store(v, d, s.a + j);
    }
  }
  if constexpr (kStream) hwy::FlushStream();
}

void pass(Pass which, const Arrays& s, int64_t rounds) {
  for (int64_t r = 0; r < rounds; ++r) {
    switch (which) {
      case Pass::read:
        read(s);
        break;
      case Pass::copy:
        write<false, false>(s);
        break;
      case Pass::triad:
        write<true, false>(s);
        break;
      case Pass::streaming_copy:
        write<false, true>(s);
        break;
      case Pass::streaming_triad:
        write<true, true>(s);
        break;
    }
    forget();
  }
}

const LimitKernels* limit_kernels() {
#if HWY_HAVE_FLOAT64
  static constexpr LimitKernels k{fma_chains<float>, fma_chains<double>, pass};
#else
  static constexpr LimitKernels k{fma_chains<float>, nullptr, pass};
#endif
  return &k;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
HWY_EXPORT(limit_kernels);
namespace {

using Clock = std::chrono::steady_clock;

template <class Body>
double seconds(const Body& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Rounds that take about this long, found by doubling; `body(rounds)` is warm afterwards.
template <class Body>
int64_t rounds_for(double wanted, const Body& body) {
  int64_t rounds = 1;
  for (double s; (s = seconds([&] { body(rounds); })) < wanted; rounds *= 2)
    if (s > wanted / 2) break;
  return rounds;
}

// Operations a second of all threads, each with a chunk of its own.
double flops(double (*chains)(int64_t), double round_seconds, int tries) {
  if (chains == nullptr) return 0;
  const int64_t rounds = rounds_for(round_seconds, [&](int64_t n) { chains(n); });
  const double work = chains(rounds);
  const int threads = thread_count();
  double best = 0;
  for (int t = 0; t < tries; ++t) {
    const double s = seconds([&] { parallel_for(threads, [&](int64_t) { chains(rounds); }); });
    best = std::max(best, work * threads / s);
  }
  return best;
}

// A dependent addition takes one cycle. The addend is a register that the compiler knows nothing
// about: constants are added while renaming on some processors.
double clock_rate(int tries) {
#if defined(__GNUC__) && !defined(__wasm__)
  constexpr int64_t turns = 20'000;
  double best = 0;
  for (int t = 0; t < tries; ++t) {
    uint64_t x = 0, one = 1;
    const double s = seconds([&] {
      for (int64_t i = 0; i < turns; ++i) {
        for (int j = 0; j < 50; ++j) {
          x += one;
          asm volatile("" : "+r"(x), "+r"(one));
        }
      }
    });
    best = std::max(best, 50 * static_cast<double>(turns) / s);
  }
  return best;
#else
  (void)tries;
  return 0;
#endif
}

constexpr std::size_t huge_page = std::size_t{2} << 20;

struct Free {
  void operator()(float* p) const { ::operator delete (p, std::align_val_t{huge_page}); }
};
using Block = std::unique_ptr<float, Free>;

Block block(int64_t floats) {
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float);
  Block b(static_cast<float*>(::operator new (bytes, std::align_val_t{huge_page})));
#ifdef __linux__
  madvise(b.get(), bytes, MADV_HUGEPAGE);
#endif
  return b;
}

int64_t cache_bytes(int level, int64_t least, int64_t most) {
  int64_t bytes = 0;
#ifdef _SC_LEVEL1_DCACHE_SIZE
  bytes = sysconf(level == 1   ? _SC_LEVEL1_DCACHE_SIZE
                  : level == 2 ? _SC_LEVEL2_CACHE_SIZE
                               : _SC_LEVEL3_CACHE_SIZE);
#else
  (void)level;
#endif
  // What a virtual machine is told of the largest cache can be the sum over sockets.
  return std::clamp(bytes, least, most);
}

// `floats` in each of three arrays of one thread.
MemoryLimit measure_memory(int64_t holds, int64_t floats, bool streams, double round_seconds,
                           int tries) {
  const int threads = thread_count();
  const Block all = block(3 * floats * threads);
  std::fill_n(all.get(), 3 * floats * threads, 1.0f);
  const auto part = [&](int64_t i) {
    float* p = all.get() + 3 * floats * i;
    return Arrays{p, p + floats, p + 2 * floats, floats};
  };
  const LimitKernels& k = *HWY_DYNAMIC_DISPATCH(limit_kernels)();
  const auto rate = [&](Pass which, int arrays) {
    const int64_t rounds = rounds_for(round_seconds, [&](int64_t n) { k.pass(which, part(0), n); });
    const double bytes =
        4.0 * static_cast<double>(arrays * floats) * threads * static_cast<double>(rounds);
    double best = 0;
    for (int t = 0; t < tries; ++t) {
      const double s = seconds(
          [&] { parallel_for(threads, [&](int64_t i) { k.pass(which, part(i), rounds); }); });
      best = std::max(best, bytes / s);
    }
    return best;
  };
  MemoryLimit m{holds, rate(Pass::read, 3), rate(Pass::copy, 2), rate(Pass::triad, 3)};
  if (streams) {
    m.copy = std::max(m.copy, rate(Pass::streaming_copy, 2));
    m.triad = std::max(m.triad, rate(Pass::streaming_triad, 3));
  }
  return m;
}

Limits flops_of(Effort effort) {
  const LimitKernels& k = *HWY_DYNAMIC_DISPATCH(limit_kernels)();
  const double round = effort == Effort::quick ? 5e-4 : 1e-2;
  const int tries = effort == Effort::quick ? 9 : 15;
  Limits l;
  l.threads = thread_count();
  l.flops_f32 = flops(k.f32, round, tries);
  l.flops_f64 = flops(k.f64, round, tries);
  return l;
}

}  // namespace

const MemoryLimit& Limits::level(int64_t working_set) const {
  for (const MemoryLimit* m : {&l1, &l2, &l3})
    if (working_set <= m->bytes) return *m;
  return memory;
}

Limits measure_flops() {
  return flops_of(Effort::quick);
}

Limits measure_limits(Effort effort) {
  const bool quick = effort == Effort::quick;
  constexpr int64_t kilo = 1024 / sizeof(float), mega = 1024 * kilo;
  const double round = quick ? 2e-4 : 5e-3;
  const int tries = quick ? 5 : 15;
  Limits l = flops_of(effort);
  l.clock = clock_rate(quick ? 3 : 15);
  const int64_t holds1 = cache_bytes(1, 16 << 10, 1 << 18),
                holds2 = cache_bytes(2, 1 << 18, 1 << 24),
                holds3 = cache_bytes(3, 1 << 22, 1 << 25);
  // Three arrays that fill much of a level and are well beyond the one below.
  const auto arrays = [&](int64_t holds, int64_t floats, bool streams, double a_round, int most) {
    return measure_memory(holds, floats / kilo * kilo, streams, a_round, most);
  };
  l.l1 = arrays(holds1, holds1 / 4 / 4, false, round, tries);
  l.l2 = arrays(holds2, holds2 / 4 / 5, false, round, tries);
  l.l3 =
      arrays(holds3, std::max(6 * mega / l.threads, holds2 / 4), false, round, quick ? 3 : tries);
  l.memory = arrays(0, (quick ? 24 : 128) * mega / l.threads, true, 0, quick ? 2 : 7);
  return l;
}

const Limits& machine_limits() {
  static const Limits measured = measure_limits(Effort::quick);
  return measured;
}

}  // namespace gradus
#endif
