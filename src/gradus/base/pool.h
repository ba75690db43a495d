// The one thread pool. The caller claims chunks too and finishes what no worker has claimed, so a
// worker that does not run costs nothing but its help. In WebAssembly it is a plain loop.
#pragma once

#include <cstdint>
#include <memory>

namespace gradus {

// How many threads a parallel loop may use, the caller among them. At first: the processors this
// process is allowed to run on.
int thread_count() noexcept;
// Not from inside a parallel loop.
void set_thread_count(int n);

// Runs run(body, i) for i in [0, chunks).
void parallel_for(int64_t chunks, void (*run)(const void* body, int64_t i), const void* body);

// Runs body(i) for i in [0, chunks) and returns when all are done. The chunks are the caller's and
// must not depend on the thread count; a body does not throw. Nested calls run serially. With two
// threads chunks 0, 1, ... start on one and n / 2, n / 2 + 1, ... on the other: loops whose equal
// parts touch equal data find it in cache.
template <class Body>
void parallel_for(int64_t chunks, const Body& body) {
  parallel_for(
      chunks, [](const void* b, int64_t i) { (*static_cast<const Body*>(b))(i); },
      std::addressof(body));
}

}  // namespace gradus
