// What is given back is used again, costs no page faults, is bounded and counted.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/resource.h>
#endif

namespace gradus {
namespace {

constexpr size_t kilo = 1024, mega = 1024 * kilo;

TEST(Memory, is_aligned_for_every_size) {
  for (size_t n : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{257}, size_t{1000},
                   61440 * size_t{1}, 61441 * size_t{1}, 64 * kilo, 100 * kilo, 2 * mega - 1,
                   2 * mega, 5 * mega + 3}) {
    std::byte* p = take_memory(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % alignment, 0u) << n;
    std::memset(p, 1, n);
    give_memory_back(p, n);
  }
}

TEST(Memory, blocks_of_about_one_size_are_used_again_and_never_shared) {
  std::vector<std::pair<std::byte*, size_t>> taken;
  for (size_t n = 1; n < 200000; n = n * 9 / 8 + 1) {
    taken.push_back({take_memory(n), n});
    std::memset(taken.back().first, static_cast<int>(taken.size()), n);
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    const auto [p, n] = taken[i];
    const auto mark = static_cast<std::byte>(i + 1);
    EXPECT_EQ(p[0], mark);
    EXPECT_EQ(p[n - 1], mark);
    give_memory_back(p, n);
  }
  for (size_t n : {size_t{1}, size_t{300}, 5000 * size_t{1}, 60 * kilo, 70 * kilo, 3 * mega}) {
    std::byte* p = take_memory(n);
    give_memory_back(p, n);
    std::byte* again = take_memory(n);
    EXPECT_EQ(again, p) << n;
    give_memory_back(again, n);
  }
}

TEST(Memory, a_block_may_be_given_back_by_another_thread) {
  for (size_t n : {size_t{100}, 4 * kilo, 3 * mega}) {
    std::byte* p = take_memory(n);
    std::thread([&] {
      give_memory_back(p, n);
      std::byte* again = take_memory(n);
      EXPECT_EQ(again, p);
      give_memory_back(again, n);
    }).join();
  }
}

TEST(Memory, what_waits_is_bounded_and_can_be_given_to_the_system) {
  release_waiting();
  EXPECT_EQ(waiting_bytes(), 0);
  std::vector<std::byte*> many;
  for (int i = 0; i < 40; ++i) many.push_back(take_memory(16 * mega));
  for (std::byte* p : many) give_memory_back(p, 16 * mega);
  EXPECT_EQ(waiting_bytes(), most_waiting);
  many.clear();
  for (int i = 0; i < 100; ++i) many.push_back(take_memory(64 * kilo));
  for (std::byte* p : many) give_memory_back(p, 64 * kilo);
  EXPECT_LE(waiting_bytes(), most_waiting);
  std::byte* larger = take_memory(static_cast<size_t>(most_waiting) + 1);
  const int64_t before = waiting_bytes();
  give_memory_back(larger, static_cast<size_t>(most_waiting) + 1);
  EXPECT_EQ(waiting_bytes(), before);
  release_waiting();
  EXPECT_EQ(waiting_bytes(), 0);
}

TEST(Memory, live_and_peak_follow_what_is_held) {
  const int64_t before = live_bytes();
  reset_peak_bytes();
  EXPECT_EQ(peak_bytes(), before);
  {
    const Tensor x = empty({DType::f32, {1 << 20}});
    EXPECT_EQ(live_bytes() - before, int64_t{4} << 20);
    { const Tensor y = empty({DType::f64, {1 << 20}}); }
    EXPECT_EQ(live_bytes() - before, int64_t{4} << 20);
  }
  EXPECT_EQ(live_bytes(), before);
  EXPECT_EQ(peak_bytes() - before, int64_t{12} << 20);
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 10000; ++i) many.push_back(empty({DType::f32, {64}}));
    EXPECT_EQ(live_bytes() - before, 10000 * 256);
  }
  reset_peak_bytes();
  EXPECT_EQ(peak_bytes(), before);
}

TEST(Memory, is_counted_across_threads_and_after_they_end) {
  const int64_t before = live_bytes();
  std::vector<Tensor> held(4);
  std::vector<std::thread> threads;
  for (Tensor& x : held) threads.emplace_back([&x] { x = empty({DType::f32, {300}}); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(live_bytes() - before, 4 * 1280);
  held.clear();
  EXPECT_EQ(live_bytes(), before);
}

TEST(Memory, more_than_there_is_is_refused_and_what_waits_is_no_reason) {
  give_memory_back(take_memory(5 * mega), 5 * mega);
  try {
    take_memory(size_t{1} << 62);
    FAIL();
  } catch (const DomainError& e) {
    EXPECT_STREQ(e.what(),
                 "allocate: 4611686018427387904 bytes are not to be had. Use fewer or smaller "
                 "tensors.");
  }
  EXPECT_EQ(waiting_bytes(), 0);
}

// Outlives every other object of its thread: the thread's lists are gone when it ends.
struct Late {
  ~Late() { held.reset(); }
  std::unique_ptr<Tensor> held;
};

TEST(Memory, a_tensor_may_outlive_the_other_objects_of_its_thread) {
  const int64_t before = live_bytes();
  std::thread([] {
    static thread_local Late late;  // made before the thread's first block
    late.held = std::make_unique<Tensor>(empty({DType::f32, {8}}));
  }).join();
  EXPECT_EQ(live_bytes(), before);
}

// The same at the end of the process, after main's thread-local objects.
struct LateStatic {
  Tensor small, large;
} late_static;

TEST(Memory, a_static_tensor_may_outlive_main) {
  late_static.small = empty({DType::f32, {8}});
  late_static.large = empty({DType::f32, {1 << 20}});
}

#ifdef __linux__
TEST(Memory, fresh_large_results_cost_no_page_faults) {
  const auto faults = [] {
    rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt + usage.ru_majflt;
  };
  const auto results = [] {  // two of 40 MB, two of 4 MB, one of 100 KB, held together
    for (int64_t n : {10'000'000, 10'000'000, 1'000'000, 1'000'000, 25'000}) {
      const Tensor x = empty({DType::f32, {n}}), y = empty({DType::f32, {n}});
      std::memset(x.buffer()->block->data, 1, static_cast<size_t>(4 * n));
      std::memset(y.buffer()->block->data, 2, static_cast<size_t>(4 * n));
    }
  };
  results();
  const auto before = faults();
  for (int i = 0; i < 5; ++i) results();
  // Without reuse 440 for huge pages, 220,000 for small ones; a sanitizer has a few of its own.
  EXPECT_LT(faults() - before, 100);
}
#endif

}  // namespace
}  // namespace gradus
