// Batches filled ahead on a second thread, a few at a time: while a step computes, the next batch
// is read, drawn and moved. Order and bits are those of filling each batch when it is wanted.
#pragma once

#include <gradus/train/examples.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gradus {

// The rows of a batch, and the key of what is drawn for them.
struct Wanted {
  std::vector<int64_t> rows;
  std::optional<Key> key;
};

struct Batch {
  std::vector<std::byte> x, target;
};

class Loader {
 public:
  // Batches first, first + 1, ..., before `end`. `wanted` is called once for each, in this order,
  // on the thread that fills. No more than `ahead` batches wait; 0 fills on the thread that asks.
  Loader(const Examples& examples, std::function<Wanted(int64_t)> wanted, int64_t first,
         int64_t end, int ahead = 2);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next one, which lasts until the next call. Raises what filling it raised.
  const Batch& next();

 private:
  void fill(Batch& batch, int64_t number);
  void work();

  const Examples& examples_;
  std::function<Wanted(int64_t)> wanted_;
  int64_t end_;
  std::vector<Batch> ring_;  // batch n lies in ring_[n mod size]
  std::mutex mutex_;         // guards what follows
  std::condition_variable moved_;
  int64_t filled_, held_;  // before filled_ all are ready; before held_ all are given back
  bool stops_ = false;
  std::exception_ptr failed_;
  int64_t asked_;
  std::thread thread_;
};

}  // namespace gradus
