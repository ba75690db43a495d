// One job at a time. `unclaimed` hands out its chunks; a claim needs no other state, so a worker
// that wakes late finds either nothing or the next job, and both are right.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>

#include <string>

#ifndef __wasm__
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>
#ifdef __linux__
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#endif

namespace gradus {

#ifdef __wasm__

int thread_count() noexcept {
  return 1;
}

void set_thread_count(int n) {
  if (n != 1) {
    raise(ErrorKind::unsupported, "set_thread_count: " + std::to_string(n) +
                                      " threads asked for, 1 offered. This build runs on one "
                                      "thread. Leave the count alone.");
  }
}

void parallel_for(int64_t chunks, void (*run)(const void*, int64_t), const void* body) {
  for (int64_t i = 0; i < chunks; ++i) run(body, i);
}

#else

namespace {

using Clock = std::chrono::steady_clock;

// A spin longer than a hand-over takes time from whoever else wants the processor.
constexpr auto spin_time = std::chrono::microseconds(20);

// True when `done` came true within the spin.
template <class Done>
bool spin_until(const Done& done) {
  const auto end = Clock::now() + spin_time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
  } while (Clock::now() < end);
  return done();
}

int allowed_processors() {
  int n = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    n = n > 0 ? std::min(n, CPU_COUNT(&allowed)) : CPU_COUNT(&allowed);
  }
#endif
  return std::max(n, 1);
}

// Set in workers always, in the caller while it runs a job.
thread_local bool inside = false;

class Pool {
 public:
  Pool() : threads(allowed_processors()) {}
  ~Pool() { stop_workers(); }

  void resize(int n) {
    const std::lock_guard lock(busy);
    stop_workers();
    threads.store(n, std::memory_order_relaxed);
  }

  // False when another thread's job has the pool.
  bool run(int64_t chunks, void (*f)(const void*, int64_t), const void* b) {
    const std::unique_lock lock(busy, std::try_to_lock);
    if (!lock) return false;
    start_workers();
    run_chunk = f;
    body = b;
    total = chunks;
    unfinished.store(chunks, std::memory_order_relaxed);
    unclaimed.store(chunks, std::memory_order_release);
    jobs.fetch_add(1, std::memory_order_seq_cst);
    wake(chunks - 1);

    inside = true;
    work();
    inside = false;
    const auto all_done = [&] { return unfinished.load(std::memory_order_acquire) == 0; };
    if (!spin_until(all_done)) {
      for (int64_t left; (left = unfinished.load(std::memory_order_acquire)) != 0;) {
        unfinished.wait(left, std::memory_order_acquire);
      }
    }
    return true;
  }

  std::atomic<int> threads;

 private:
  void wake(int64_t helpers) {
    const int asleep = sleeping.load(std::memory_order_seq_cst);
    if (asleep > 0 && helpers >= asleep) {
      jobs.notify_all();
    } else if (asleep > 0) {
      for (int64_t i = 0; i < helpers; ++i) jobs.notify_one();
    }
  }

  void work() {
    int64_t left;
    while ((left = unclaimed.fetch_sub(1, std::memory_order_acq_rel)) > 0) {
      run_chunk(body, total - left);
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_all();
    }
  }

  void serve(uint32_t seen) {
    inside = true;
    for (;;) {
      const auto news = [&] { return jobs.load(std::memory_order_acquire) != seen; };
      if (!spin_until(news)) {
        sleeping.fetch_add(1, std::memory_order_seq_cst);
        jobs.wait(seen, std::memory_order_seq_cst);
        sleeping.fetch_sub(1, std::memory_order_relaxed);
      }
      seen = jobs.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      work();
    }
  }

  void start_workers() {
    const auto wanted = static_cast<size_t>(threads.load(std::memory_order_relaxed) - 1);
    workers.reserve(wanted);
    while (workers.size() < wanted) {
      workers.emplace_back(&Pool::serve, this, jobs.load(std::memory_order_relaxed));
    }
  }

  void stop_workers() {
    stopping.store(true, std::memory_order_release);
    jobs.fetch_add(1, std::memory_order_seq_cst);
    jobs.notify_all();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
    stopping.store(false, std::memory_order_relaxed);
  }

  std::mutex busy;
  std::vector<std::thread> workers;
  std::atomic<bool> stopping = false;
  std::atomic<uint32_t> jobs = 0;  // counts them; what workers sleep on
  std::atomic<int> sleeping = 0;

  // Written between jobs only. A worker reads them after a successful claim.
  void (*run_chunk)(const void*, int64_t) = nullptr;
  const void* body = nullptr;
  int64_t total = 0;
  // Apart: each is hammered by every thread.
  alignas(64) std::atomic<int64_t> unclaimed = 0;  // below zero after late tries
  alignas(64) std::atomic<int64_t> unfinished = 0;
};

Pool& pool() {
  static Pool the_pool;
  return the_pool;
}

}  // namespace

int thread_count() noexcept {
  return pool().threads.load(std::memory_order_relaxed);
}

void set_thread_count(int n) {
  if (n < 1) {
    raise(ErrorKind::usage, "set_thread_count: " + std::to_string(n) +
                                " threads asked for, 1 is the least. The caller is one of them. "
                                "Ask for 1 to switch the workers off.");
  }
  if (inside) {
    raise(ErrorKind::usage,
          "set_thread_count: " + std::to_string(n) +
              " threads asked for inside a parallel loop. The count is fixed while one runs. "
              "Set it before the loop.");
  }
  pool().resize(n);
}

void parallel_for(int64_t chunks, void (*run)(const void*, int64_t), const void* body) {
  if (chunks > 1 && !inside && thread_count() > 1 && pool().run(chunks, run, body)) return;
  for (int64_t i = 0; i < chunks; ++i) run(body, i);
}

#endif

}  // namespace gradus
