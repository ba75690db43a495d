// Counts calls of malloc and its relatives, those of operator new and of the C library among them,
// by standing before the C library's own. Include in one file of a program. Sanitizers bring their
// own malloc, other C libraries other names: nothing is counted there.
#pragma once

#include <atomic>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GRADUS_OWN_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GRADUS_OWN_MALLOC
#endif
#endif

namespace gradus {

inline std::atomic<long> all_allocations = 0;        // of every thread
inline thread_local long allocations_of_thread = 0;  // of this one

inline void count_allocation() {
  all_allocations.fetch_add(1, std::memory_order_relaxed);
  ++allocations_of_thread;
}

}  // namespace gradus

#if defined(__GLIBC__) && !defined(GRADUS_OWN_MALLOC)
#define GRADUS_COUNTS_ALLOCATIONS
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): glibc's names.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t n) noexcept {
  gradus::count_allocation();
  return __libc_malloc(n);
}
void* calloc(std::size_t count, std::size_t n) noexcept {
  gradus::count_allocation();
  return __libc_calloc(count, n);
}
void* realloc(void* p, std::size_t n) noexcept {
  gradus::count_allocation();
  return __libc_realloc(p, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) noexcept {
  gradus::count_allocation();
  return __libc_memalign(alignment, n);
}
}
#endif
