#include <gradus/core/buffer.h>
#include <gradus/train/loader.h>

#include <utility>

namespace gradus {

Loader::Loader(const Examples& examples, std::function<Wanted(int64_t)> wanted, int64_t first,
               int64_t end, int ahead)
    : examples_(examples),
      wanted_(std::move(wanted)),
      end_(end),
      ring_(static_cast<size_t>(ahead) + 1),
      filled_(first),
      held_(first),
      asked_(first) {
  if (ahead > 0) thread_ = std::thread([this] { work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  moved_.notify_all();
  if (thread_.joinable()) thread_.join();
}

const Batch& Loader::next() {
  Batch& batch = ring_[static_cast<size_t>(asked_) % ring_.size()];
  if (!thread_.joinable()) {
    fill(batch, asked_++);
    return batch;
  }
  std::unique_lock lock(mutex_);
  held_ = asked_;
  moved_.notify_all();
  moved_.wait(lock, [this] { return filled_ > asked_ || failed_; });
  if (filled_ <= asked_) std::rethrow_exception(failed_);
  ++asked_;
  return batch;
}

void Loader::fill(Batch& batch, int64_t number) {
  const Wanted w = wanted_(number);
  const auto rows = static_cast<int64_t>(w.rows.size());
  batch.x.resize(static_cast<size_t>(byte_count(examples_.x(rows))));
  batch.target.resize(static_cast<size_t>(byte_count(examples_.target(rows))));
  examples_.fill(w.rows, batch.x, batch.target, w.key);
}

void Loader::work() {
  for (int64_t number = filled_; number < end_; ++number) {
    {
      std::unique_lock lock(mutex_);
      moved_.wait(lock,
                  [&] { return stops_ || number - held_ < static_cast<int64_t>(ring_.size()); });
      if (stops_) return;
    }
    std::exception_ptr failed;
    try {
      fill(ring_[static_cast<size_t>(number) % ring_.size()], number);
    } catch (...) {
      failed = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      if (failed)
        failed_ = failed;
      else
        ++filled_;
    }
    moved_.notify_all();
    if (failed) return;
  }
}

}  // namespace gradus
