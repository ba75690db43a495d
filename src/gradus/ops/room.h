// Scratch memory of a thread, and numbers side by side in it where a kernel needs them so.
#pragma once

#include <gradus/core/view.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace gradus {

// Memory that grows to the largest request and stays.
class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() { ::operator delete(bytes_, kAlign); }
  template <class T>
  T* at_least(int64_t n) {
    const size_t size = static_cast<size_t>(n) * sizeof(T);
    if (size > size_) grow(size);
    return static_cast<T*>(bytes_);
  }

 private:
  static constexpr std::align_val_t kAlign{64};
  void grow(size_t size) {
    ::operator delete(bytes_, kAlign);
    bytes_ = nullptr;
    size_ = 0;
    bytes_ = ::operator new(size, kAlign);
    size_ = size;
  }
  void* bytes_ = nullptr;
  size_t size_ = 0;
};

// The numbers of v in row-major order: where they lie, or a copy in the room.
template <class T>
const T* side_by_side(const View& v, Room& room) {
  if (v.is_row_major()) return v.as<T>();
  T* to = room.at_least<T>(element_count(v.shape));
  copy(v, {reinterpret_cast<std::byte*>(to), v.dtype, v.shape, row_major(v.shape)});
  return to;
}

}  // namespace gradus
