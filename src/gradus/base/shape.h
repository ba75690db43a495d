// Sizes, number types and their pair, Type: what a value is before it has numbers.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace gradus {

inline constexpr int max_rank = 8;

// An ordered list of at most 8 integers: sizes, strides or axes. Lives inline, so copying never
// allocates.
class Dims {
 public:
  constexpr Dims() = default;
  Dims(std::initializer_list<int64_t> values);
  explicit Dims(std::span<const int64_t> values);

  constexpr int size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr int64_t operator[](int i) const { return at_[static_cast<size_t>(i)]; }
  constexpr int64_t& operator[](int i) { return at_[static_cast<size_t>(i)]; }
  constexpr const int64_t* begin() const { return at_.data(); }
  constexpr const int64_t* end() const { return at_.data() + size_; }
  constexpr int64_t back() const { return at_[static_cast<size_t>(size_ - 1)]; }
  void push_back(int64_t value);
  void insert(int position, int64_t value);
  void erase(int position);
  bool contains(int64_t value) const;
  // Unused places stay 0, so comparing whole arrays is comparing lists.
  friend constexpr bool operator==(const Dims&, const Dims&) = default;

 private:
  std::array<int64_t, max_rank> at_{};
  int size_ = 0;
};

using Shape = Dims;

// Number of elements; 1 for rank 0. Raises when the product does not fit 63 bits.
int64_t element_count(const Shape& shape);
// "[32,784]"
std::string to_string(const Dims& dims);
// Turns -1 into rank - 1. Raises a ShapeError that names `op`, the axis and the rank.
int normal_axis(const char* op, int64_t axis, int rank);
// Row-major strides in elements.
Dims row_major(const Shape& shape);

enum class DType : uint8_t { f32, f64, i32, i64, boolean, f16, bf16, i8, u8 };
inline constexpr int dtype_count = 9;

constexpr int64_t size_of(DType t) {
  constexpr int64_t sizes[] = {4, 8, 4, 8, 1, 2, 2, 1, 1};
  return sizes[static_cast<int>(t)];
}
constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f64;
}
constexpr bool is_integer(DType t) {
  return t == DType::i32 || t == DType::i64;
}
// Types that only store: convert with cast before computing.
constexpr bool is_storage(DType t) {
  return t >= DType::f16;
}
const char* name_of(DType t);

struct Type {
  DType dtype = DType::f32;
  Shape shape;
  friend constexpr bool operator==(const Type&, const Type&) = default;
};
// "f32[32,784]"; scalars are "f32[]".
std::string to_string(const Type& type);

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<bool> {
  static constexpr DType value = DType::boolean;
};

}  // namespace gradus
