// One job at a time. Each thread begins with a share of its chunks of its own, so that one job
// after another finds its data in that thread's cache, and then takes what is left of the others'.
// A claim needs no other state, so a worker that wakes late finds either nothing or the next job,
// and both are right.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>

#include <string>

#ifndef __wasm__
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include <pthread.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
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

// True when `done` came true within the time.
template <class Done>
bool spin_until(const Done& done, Clock::duration time) {
  if (done()) return true;
  const auto end = Clock::now() + time;
  do {
    for (int i = 0; i < 32; ++i) {
#if defined(__x86_64__)
      _mm_pause();
#endif
      if (done()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

// std::atomic's own wait yields the processor a few times first, which beside a busy process costs
// a whole slice of the scheduler.
void sleep_while(std::atomic<uint32_t>& word, uint32_t value) {
#ifdef __linux__
  while (word.load(std::memory_order_acquire) == value)
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value, std::memory_order_acquire);
#endif
}

void wake(std::atomic<uint32_t>& word, [[maybe_unused]] int64_t sleepers) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, static_cast<int>(sleepers), nullptr, nullptr, 0);
#else
  word.notify_all();
#endif
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

// Where this thread runs; below 0 where the system does not say.
int processor_here() {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

class Pool;

// Beside a busy process the scheduler likes to wake a worker on the processor of its caller, where
// it only takes its place, or stops it with a chunk in its hands for a slice of some milliseconds.
// So a worker keeps off that one processor, and a stopped one is fetched to it when the caller has
// nothing left but to sleep. Which of the others it runs on is the scheduler's business.
class Worker {
 public:
  Worker(Pool& pool, size_t number, uint32_t seen) : pool_(pool), number_(number), seen_(seen) {}
  // False when the system gives no more threads.
  bool start() { return pthread_create(&thread_, nullptr, enter, this) == 0; }
  void join() { pthread_join(thread_, nullptr); }

  // Set by itself while it may hold a chunk.
  std::atomic<bool> at_work = false;

  // Of itself.
  void keep_off(int processor) {
    if (processor < 0 || processor != processor_here()) return;
#ifdef __linux__
    cpu_set_t others;
    if (sched_getaffinity(getpid(), sizeof others, &others) != 0) return;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0) sched_setaffinity(0, sizeof others, &others);
#endif
  }

  // Of the caller: two looks some microseconds apart tell whether it is at work and does not run.
  void look() {
    before_ = at_work.load(std::memory_order_acquire) ? run_time() : -1;
  }
  void fetch_if_stopped(Clock::duration between) {
    if (before_ < 0 || !at_work.load(std::memory_order_acquire)) return;
    const int64_t ran = run_time() - before_;
    if (ran < std::chrono::nanoseconds(between).count() / 4) fetch();
  }

 private:
  static void* enter(void* self);

#ifdef __linux__
  // Nanoseconds; below 0 where the system does not say.
  int64_t run_time() {
    clockid_t clock;
    timespec t;
    if (pthread_getcpuclockid(thread_, &clock) != 0 || clock_gettime(clock, &t) != 0) return -1;
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
  void fetch() {
    const pid_t id = id_.load(std::memory_order_relaxed);
    const int here = processor_here();
    if (id == 0 || here < 0) return;
    cpu_set_t only_here;
    CPU_ZERO(&only_here);
    CPU_SET(here, &only_here);
    sched_setaffinity(id, sizeof only_here, &only_here);
  }
  std::atomic<pid_t> id_ = 0;
#else
  int64_t run_time() {
    return -1;
  }
  void fetch() {}
#endif

  Pool& pool_;
  size_t number_;
  uint32_t seen_;  // how many jobs there were when it was made
  int64_t before_ = -1;
  pthread_t thread_ = {};
};

class Pool {
 public:
  Pool() : threads(allowed_processors()), shares(static_cast<size_t>(threads.load())) {
    pthread_atfork(nullptr, nullptr, [] { the().forget_workers(); });
  }

  // Never destroyed: what other statics do in their destructors finds it without workers.
  static Pool& the() {
    static Pool& pool = *new Pool;
    static const struct AtExit {
      ~AtExit() {
        if (!inside) pool.resize(1);
      }
    } at_exit;
    return pool;
  }

  void resize(int n) {
    while (busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    stop_workers();
    threads.store(n, std::memory_order_relaxed);
    shares = std::vector<Share>(static_cast<size_t>(n));
    busy.clear(std::memory_order_release);
  }

  // False when another thread's job has the pool.
  bool run(int64_t chunks, void (*f)(const void*, int64_t), const void* b) {
    if (busy.test_and_set(std::memory_order_acquire)) return false;
    start_workers();
    run_chunk = f;
    body = b;
    total = chunks;
    sharers = static_cast<int64_t>(shares.size());
    caller_processor.store(processor_here(), std::memory_order_relaxed);
    unfinished.store(chunks, std::memory_order_relaxed);
    for (int64_t i = 0; i < sharers; ++i)
      shares[static_cast<size_t>(i)].unclaimed.store(end_of(i) - end_of(i - 1),
                                                     std::memory_order_release);
    jobs.fetch_add(1, std::memory_order_seq_cst);
    if (const int asleep = sleeping.load(std::memory_order_seq_cst); asleep > 0)
      wake(jobs, std::min<int64_t>(asleep, chunks - 1));

    inside = true;
    work(0);
    inside = false;
    wait_for_started();
    busy.clear(std::memory_order_release);
    return true;
  }

  void serve(Worker& self, size_t number, uint32_t seen) {
    inside = true;
    for (;;) {
      const auto news = [&] { return jobs.load(std::memory_order_acquire) != seen; };
      if (!spin_until(news, spin_time)) {
        sleeping.fetch_add(1, std::memory_order_seq_cst);
        sleep_while(jobs, seen);
        sleeping.fetch_sub(1, std::memory_order_relaxed);
      }
      seen = jobs.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      self.keep_off(caller_processor.load(std::memory_order_relaxed));
      self.at_work.store(true, std::memory_order_release);
      work(number);
      self.at_work.store(false, std::memory_order_release);
      self.keep_off(caller_processor.load(std::memory_order_relaxed));
    }
  }

  std::atomic<int> threads;

 private:
  // Where share i ends.
  int64_t end_of(int64_t i) const {
    return total / sharers * (i + 1) + std::min(total % sharers, i + 1);
  }

  // Of the caller, 0, or of worker 1, 2, ...
  void work(size_t own) {
    for (size_t i = 0; i < shares.size(); ++i) {
      const size_t at = (own + i) % shares.size();
      if (shares[at].unclaimed.load(std::memory_order_relaxed) <= 0) continue;
      int64_t left;
      while ((left = shares[at].unclaimed.fetch_sub(1, std::memory_order_acq_rel)) > 0) {
        run_chunk(body, end_of(static_cast<int64_t>(at)) - left);
        if (unfinished.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
        finished.fetch_add(1, std::memory_order_seq_cst);
        if (caller_sleeps.load(std::memory_order_seq_cst)) wake(finished, 1);
      }
    }
  }

  // Chunks that workers have claimed and not finished.
  void wait_for_started() {
    const auto all_done = [&] { return unfinished.load(std::memory_order_acquire) == 0; };
    if (spin_until(all_done, spin_time / 2)) return;
    for (Worker& w : workers) w.look();
    if (spin_until(all_done, spin_time / 2)) return;
    caller_sleeps.store(true, std::memory_order_seq_cst);
    for (;;) {
      const uint32_t before = finished.load(std::memory_order_seq_cst);
      if (all_done()) break;
      for (Worker& w : workers) w.fetch_if_stopped(spin_time / 2);
      sleep_while(finished, before);
    }
    caller_sleeps.store(false, std::memory_order_relaxed);
  }

  void start_workers() {
    const auto wanted = static_cast<size_t>(threads.load(std::memory_order_relaxed) - 1);
    while (workers.size() < wanted) {
      if (workers.emplace_back(*this, workers.size() + 1, jobs.load(std::memory_order_relaxed))
              .start())
        continue;
      workers.pop_back();
      threads.store(static_cast<int>(workers.size()) + 1, std::memory_order_relaxed);
      return;
    }
  }

  void stop_workers() {
    stopping.store(true, std::memory_order_release);
    jobs.fetch_add(1, std::memory_order_seq_cst);
    wake(jobs, std::numeric_limits<int>::max());
    for (Worker& worker : workers) worker.join();
    workers.clear();
    stopping.store(false, std::memory_order_relaxed);
  }

  // A child process has this thread alone: it starts workers of its own. The handles of its
  // parent's are left behind, since nothing can be joined.
  void forget_workers() {
    new (&workers) std::deque<Worker>;
    sleeping.store(0, std::memory_order_relaxed);
    caller_sleeps.store(false, std::memory_order_relaxed);
    if (!inside) busy.clear(std::memory_order_relaxed);
  }

  std::atomic_flag busy;
  std::deque<Worker> workers;  // which stay in place
  std::atomic<bool> stopping = false;
  std::atomic<uint32_t> jobs = 0;  // counts them; what workers sleep on
  std::atomic<int> sleeping = 0;
  std::atomic<uint32_t> finished = 0;  // counts them; what the caller sleeps on
  std::atomic<bool> caller_sleeps = false;
  std::atomic<int> caller_processor = -1;

  // Written between jobs only. A worker reads them after a successful claim.
  int64_t sharers = 1;
  void (*run_chunk)(const void*, int64_t) = nullptr;
  const void* body = nullptr;
  int64_t total = 0;
  // Apart: each is hammered by every thread.
  struct alignas(64) Share {
    std::atomic<int64_t> unclaimed = 0;  // below zero after late tries
  };
  std::vector<Share> shares;  // the caller's and each worker's; changes without workers only
  alignas(64) std::atomic<int64_t> unfinished = 0;
};

void* Worker::enter(void* self) {
  auto& worker = *static_cast<Worker*>(self);
#ifdef __linux__
  worker.id_.store(static_cast<pid_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
#endif
  worker.pool_.serve(worker, worker.number_, worker.seen_);
  return nullptr;
}

Pool& pool() {
  return Pool::the();
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
