// Memory for the numbers of tensors. What is given back waits for the next result of about its
// size, so that fresh results cost neither system calls nor page faults. What waits is bounded.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

inline constexpr size_t alignment = 64;  // one AVX-512 vector, one cache line

// Room for `bytes` bytes, at most PTRDIFF_MAX; contents are not set. Raises a DomainError when
// there is none.
std::byte* take_memory(size_t bytes);
// `bytes` as it was taken with; any thread, and until the process ends.
void give_memory_back(std::byte* data, size_t bytes) noexcept;

// Of the whole process: what tensors and plans hold now, and the most they held since the start or
// the last reset; right to 64 KB for each thread that is at work.
int64_t live_bytes() noexcept;
int64_t peak_bytes() noexcept;
void reset_peak_bytes() noexcept;

// At most so much waits for reuse: in each thread, in blocks below 64 KB; and for all threads, in
// larger ones. The oldest of these goes first.
inline constexpr int64_t most_waiting_of_thread = int64_t{1} << 20;
inline constexpr int64_t most_waiting = int64_t{1} << 28;
// What waits now in large blocks; and gives it back to the system.
int64_t waiting_bytes() noexcept;
void release_waiting() noexcept;

}  // namespace gradus
