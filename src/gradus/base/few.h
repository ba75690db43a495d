#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace gradus {

// n values that are made in place while n <= few, on the heap above. A call of an operation makes
// several such lists; on the heap they cost more than a small operation.
template <class T, size_t few>
class Few {
 public:
  explicit Few(size_t n) : size_(n) {
    if (size_ > few) {
      many_.resize(size_);
    } else {
      std::uninitialized_default_construct_n(place_, size_);
    }
  }
  ~Few() {
    if (size_ <= few) std::destroy_n(place_, size_);
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;

  T& operator[](size_t i) { return data()[i]; }
  size_t size() const { return size_; }
  std::span<T> all() { return {data(), size_}; }

 private:
  T* data() { return size_ > few ? many_.data() : place_; }

  size_t size_;
  union {
    T place_[few];
  };
  std::vector<T> many_;
};

}  // namespace gradus
