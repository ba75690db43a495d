// A program that asks for the count gets these operators, and with them one counter. Sanitizers
// bring operators of their own; with them nothing is counted.
#include <gradus/app/allocations.h>

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GRADUS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define GRADUS_SANITIZED
#endif
#endif

namespace gradus::app {
namespace {

std::atomic<int64_t> made = 0;

#ifndef GRADUS_SANITIZED
// Not inlined: g++ 12 otherwise sees free() meet operator new and warns.
[[gnu::noinline]] void* take(std::size_t bytes, std::size_t alignment) {
  made.fetch_add(1, std::memory_order_relaxed);
  void* p = alignment == 0
                ? std::malloc(bytes)
                : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
#endif

}  // namespace

int64_t allocations_made() {
  return made.load(std::memory_order_relaxed);
}

}  // namespace gradus::app

#ifndef GRADUS_SANITIZED
void* operator new(std::size_t n) {
  return gradus::app::take(n, 0);
}
void* operator new(std::size_t n, std::align_val_t alignment) {
  return gradus::app::take(n, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}
#endif
