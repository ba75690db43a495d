#include <gradus/base/error.h>
#include <gradus/core/memory.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gradus {
namespace {

constexpr size_t smallest = 256, large = size_t{1} << 16;
[[maybe_unused]] constexpr size_t huge_page = size_t{1} << 21;

// Sizes come in eighths of a power of two, so that a block fits the next result of about its size.
size_t rounded(size_t n) {  // at most PTRDIFF_MAX
  if (n <= smallest) return smallest;
  const size_t step = std::max(alignment, std::bit_floor(n) / 8);
  return (n + step - 1) / step * step;
}

// Blocks of whole huge pages are asked for as such: a fault for 2 MB, not for 4 KB.
std::byte* from_system(size_t size) {
#ifdef __linux__
  if (size >= huge_page) {
    void* all =
        mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    auto* begin = static_cast<std::byte*>(all);
    const size_t before = (huge_page - reinterpret_cast<uintptr_t>(all) % huge_page) % huge_page;
    if (before > 0) munmap(begin, before);
    if (before < huge_page) munmap(begin + before + size, huge_page - before);
    madvise(begin + before, size, MADV_HUGEPAGE);  // no matter if refused
    return begin + before;
  }
#endif
  return static_cast<std::byte*>(std::aligned_alloc(alignment, size));
}

void to_system(std::byte* data, [[maybe_unused]] size_t size) {
#ifdef __linux__
  if (size >= huge_page) {
    munmap(data, size);
    return;
  }
#endif
  std::free(data);
}

std::atomic<int64_t> live = 0, peak = 0;

void count(int64_t bytes) {
  const int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t most = peak.load(std::memory_order_relaxed);
  while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

// Blocks below 64 KB wait in the thread that gave them back, in one list for each size.
struct Waiting {
  static constexpr int sizes = 64;  // from 256 bytes, eight a doubling
  struct Link {
    Link* next;
  };
  Link* first[sizes] = {};
  int64_t bytes = 0;
  int64_t most = 0;       // 0 before the thread's first block and after its end
  int64_t uncounted = 0;  // live bytes that `live` does not know yet
  bool ended = false;

  static int place(size_t size) {
    const int doubling = static_cast<int>(std::bit_width(size)) - 1;
    return (doubling - 8) * 8 + static_cast<int>(size >> (doubling - 3) & 7);
  }
  void note(int64_t change) {
    uncounted += change;
    if (ended || uncounted > static_cast<int64_t>(large) ||
        uncounted < -static_cast<int64_t>(large)) {
      count(uncounted);
      uncounted = 0;
    }
  }
};
// Without a destructor, so that a tensor that outlives the thread's other objects may still use it.
constinit thread_local Waiting waiting;

struct AtEndOfThread {
  ~AtEndOfThread() {
    waiting.most = 0;
    waiting.ended = true;
    waiting.note(0);
    for (Waiting::Link*& first : waiting.first)
      while (first != nullptr) std::free(std::exchange(first, first->next));
    waiting.bytes = 0;
  }
};

void begin_thread() {
  if (waiting.ended) return;
  static thread_local AtEndOfThread at_end;
  (void)at_end;
  waiting.most = most_waiting_of_thread;
}

// Large blocks wait for all threads. A thread that finds another one here goes to the system
// instead: it never waits. Nothing is freed when the process ends, and nothing needs to be.
struct LargeWaiting {
  struct Kept {
    std::byte* data;
    size_t size;
  };
  static constexpr size_t places = 64;
  Kept kept[places] = {};  // the oldest first
  size_t count = 0;
  std::atomic<int64_t> bytes = 0;
  std::atomic_flag taken;

  struct Turn {
    explicit Turn(std::atomic_flag& f)
        : flag(f), mine(!f.test_and_set(std::memory_order_acquire)) {}
    ~Turn() {
      if (mine) flag.clear(std::memory_order_release);
    }
    std::atomic_flag& flag;
    bool mine;
  };

  Kept remove(size_t i) {
    const Kept k = kept[i];
    std::move(kept + i + 1, kept + count, kept + i);
    --count;
    bytes.fetch_sub(static_cast<int64_t>(k.size), std::memory_order_relaxed);
    return k;
  }
  std::byte* take(size_t size) {
    const Turn turn(taken);
    for (size_t i = turn.mine ? count : 0; i-- > 0;)
      if (kept[i].size == size) return remove(i).data;
    return nullptr;
  }
  bool keep(std::byte* data, size_t size) {
    const Turn turn(taken);
    if (!turn.mine || static_cast<int64_t>(size) > most_waiting) return false;
    while (count == places || bytes + static_cast<int64_t>(size) > most_waiting) {
      const Kept oldest = remove(0);
      to_system(oldest.data, oldest.size);
    }
    kept[count++] = {data, size};
    bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
    return true;
  }
  void release() {
    const Turn turn(taken);
    while (turn.mine && count > 0) {
      const Kept newest = remove(count - 1);
      to_system(newest.data, newest.size);
    }
  }
};
constinit LargeWaiting large_waiting;

}  // namespace

std::byte* take_memory(size_t bytes) {
  if (waiting.most == 0) begin_thread();
  const size_t size = rounded(bytes);
  std::byte* data = nullptr;
  if (size < large) {
    Waiting::Link*& first = waiting.first[Waiting::place(size)];
    if (first != nullptr) {
      data = reinterpret_cast<std::byte*>(std::exchange(first, first->next));
      waiting.bytes -= static_cast<int64_t>(size);
    }
  } else {
    data = large_waiting.take(size);
  }
  if (data == nullptr) data = from_system(size);
  if (data == nullptr && waiting_bytes() > 0) {
    release_waiting();
    data = from_system(size);
  }
  if (data == nullptr)
    raise(ErrorKind::domain, "allocate: " + std::to_string(bytes) +
                                 " bytes are not to be had. Use fewer or smaller tensors.");
  waiting.note(static_cast<int64_t>(size));
  return data;
}

void give_memory_back(std::byte* data, size_t bytes) noexcept {
  if (waiting.most == 0) begin_thread();
  const size_t size = rounded(bytes);
  waiting.note(-static_cast<int64_t>(size));
  if (size >= large) {
    if (!large_waiting.keep(data, size)) to_system(data, size);
  } else if (waiting.bytes + static_cast<int64_t>(size) <= waiting.most) {
    Waiting::Link*& first = waiting.first[Waiting::place(size)];
    first = new (data) Waiting::Link{first};
    waiting.bytes += static_cast<int64_t>(size);
  } else {
    std::free(data);
  }
}

int64_t live_bytes() noexcept {
  return live.load(std::memory_order_relaxed) + waiting.uncounted;
}

int64_t peak_bytes() noexcept {
  return std::max(peak.load(std::memory_order_relaxed), live_bytes());
}

void reset_peak_bytes() noexcept {
  count(std::exchange(waiting.uncounted, 0));
  peak.store(live.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

int64_t waiting_bytes() noexcept {
  return large_waiting.bytes.load(std::memory_order_relaxed);
}

void release_waiting() noexcept {
  large_waiting.release();
}

}  // namespace gradus
