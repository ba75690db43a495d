#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define GRADUS_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GRADUS_TSAN
#endif
#endif

namespace gradus {
namespace {

struct Threads {
  explicit Threads(int n) : before(thread_count()) { set_thread_count(n); }
  ~Threads() { set_thread_count(before); }
  int before;
};

TEST(Pool, every_chunk_runs_once_with_any_thread_count) {
  for (int threads : {1, 2, 3, 5}) {
    const Threads set(threads);
    for (int64_t chunks : {0, 1, 2, 3, 7, 100, 1000}) {
      std::vector<int> runs(static_cast<size_t>(chunks), 0);
      parallel_for(chunks, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
      for (int r : runs) ASSERT_EQ(r, 1) << threads << " threads, " << chunks << " chunks";
    }
  }
}

TEST(Pool, sums_are_equal_for_one_two_and_three_threads) {
  std::vector<double> x(1 << 16);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 1.0 / static_cast<double>(i + 1);
  std::vector<double> sums;
  for (int threads : {1, 2, 3}) {
    const Threads set(threads);
    std::vector<double> part(64, 0.0);
    parallel_for(64, [&](int64_t c) {
      for (size_t i = 0; i < 1024; ++i) {
        part[static_cast<size_t>(c)] += x[static_cast<size_t>(c) * 1024 + i];
      }
    });
    double sum = 0;
    for (double p : part) sum += p;
    sums.push_back(sum);
  }
  EXPECT_EQ(sums[0], sums[1]);
  EXPECT_EQ(sums[0], sums[2]);
}

TEST(Pool, a_nested_loop_runs_on_the_thread_it_is_in) {
  const Threads set(3);
  std::atomic<int> total = 0;
  parallel_for(8, [&](int64_t) {
    const auto here = std::this_thread::get_id();
    parallel_for(16, [&](int64_t) {
      if (std::this_thread::get_id() == here) total.fetch_add(1);
    });
  });
  EXPECT_EQ(total.load(), 8 * 16);
}

TEST(Pool, many_tiny_loops_lose_no_chunk) {
  const Threads set(2);
  int64_t cells[3] = {0, 0, 0};
  for (int call = 0; call < 20000; ++call) {
    parallel_for(3, [&](int64_t i) { ++cells[i]; });
  }
  for (int64_t c : cells) EXPECT_EQ(c, 20000);
}

TEST(Pool, loops_of_several_callers_at_once_are_all_done) {
  const Threads set(3);
  std::atomic<int64_t> total = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int call = 0; call < 2000; ++call) {
        int64_t mine[4] = {0, 0, 0, 0};
        parallel_for(4, [&](int64_t i) { mine[i] = i + 1; });
        total.fetch_add(mine[0] + mine[1] + mine[2] + mine[3]);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total.load(), 4 * 2000 * 10);
}

TEST(Pool, workers_wake_again_after_sleeping) {
  const Threads set(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::vector<int64_t> cells(10, 0);
    parallel_for(10, [&](int64_t i) { cells[static_cast<size_t>(i)] = i; });
    for (int64_t i = 0; i < 10; ++i) ASSERT_EQ(cells[static_cast<size_t>(i)], i);
  }
}

TEST(Pool, chunks_that_workers_hold_are_waited_for_even_when_they_sleep) {
  const Threads set(3);
  for (int round = 0; round < 10; ++round) {
    std::vector<int64_t> cells(6, 0);
    parallel_for(6, [&](int64_t i) {
      if (i % 2 == round % 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      cells[static_cast<size_t>(i)] = i + 1;
    });
    for (int64_t i = 0; i < 6; ++i) ASSERT_EQ(cells[static_cast<size_t>(i)], i + 1);
  }
}

TEST(Pool, loops_with_pauses_of_every_length_lose_no_chunk) {
  const Threads set(2);
  for (int pause = 0; pause < 60; ++pause) {  // about 20 us, the workers fall asleep
    for (int round = 0; round < 20; ++round) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(pause);
      while (std::chrono::steady_clock::now() < end) {
      }
      int64_t cells[4] = {0, 0, 0, 0};
      parallel_for(4, [&](int64_t i) { cells[i] = i + 1; });
      ASSERT_EQ(cells[0] + cells[1] + cells[2] + cells[3], 10);
    }
  }
}

TEST(Pool, the_count_may_change_while_other_threads_run_loops) {
  const Threads set(2);
  std::atomic<bool> stop = false;
  std::atomic<int64_t> wrong = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 2; ++t) {
    callers.emplace_back([&] {
      while (!stop.load()) {
        int64_t mine[5] = {0, 0, 0, 0, 0};
        parallel_for(5, [&](int64_t i) { mine[i] = 1; });
        if (mine[0] + mine[1] + mine[2] + mine[3] + mine[4] != 5) ++wrong;
      }
    });
  }
  for (int round = 0; round < 50; ++round) set_thread_count(1 + round % 4);
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

#ifdef __linux__
TEST(Pool, two_threads_share_the_only_processor_they_may_run_on) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  {
    const Threads set(2);
    std::atomic<int> total = 0;
    for (int round = 0; round < 200; ++round) {
      parallel_for(8, [&](int64_t) { total.fetch_add(1); });
    }
    EXPECT_EQ(total.load(), 1600);
  }
  sched_setaffinity(0, sizeof before, &before);
}

#ifndef GRADUS_TSAN  // which has no threads after a fork
TEST(Pool, a_child_process_starts_workers_of_its_own_and_ends) {
  const Threads set(2);
  const auto loops_are_right = [] {
    for (int round = 0; round < 100; ++round) {
      int64_t cells[4] = {0, 0, 0, 0};
      parallel_for(4, [&](int64_t i) { cells[i] = i + 1; });
      if (cells[0] + cells[1] + cells[2] + cells[3] != 10) return false;
    }
    return true;
  };
  ASSERT_TRUE(loops_are_right());
  const pid_t child = fork();
  if (child == 0) {
    bool right = loops_are_right();
    set_thread_count(3);
    right &= loops_are_right();
    set_thread_count(1);
    _exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(loops_are_right());
}
#endif
#endif

// Made before the pool and so destroyed after its workers have ended.
struct Late {
  ~Late() {
    int64_t cells[4] = {0, 0, 0, 0};
    parallel_for(4, [&](int64_t i) { cells[i] = i + 1; });
    if (cells[0] + cells[1] + cells[2] + cells[3] != 10) std::abort();
  }
} late;

TEST(Pool, a_count_below_one_is_refused) {
  try {
    set_thread_count(0);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(),
                 "set_thread_count: 0 threads asked for, 1 is the least. The caller is one of "
                 "them. Ask for 1 to switch the workers off.");
  }
}

}  // namespace
}  // namespace gradus
