#include <gradus/base/error.h>
#include <gradus/base/shape.h>

#include <algorithm>

namespace gradus {

Dims::Dims(std::initializer_list<int64_t> values)
    : Dims(std::span<const int64_t>(values.begin(), values.size())) {}

Dims::Dims(std::span<const int64_t> values) {
  for (int64_t v : values) push_back(v);
}

void Dims::push_back(int64_t value) {
  if (size_ == max_rank)
    raise(ErrorKind::shape, "shape: " + to_string(*this) +
                                " with one more axis: rank 9 is too many. "
                                "A tensor has at most 8 axes. Merge some with reshape.");
  at_[static_cast<size_t>(size_++)] = value;
}

void Dims::insert(int position, int64_t value) {
  push_back(value);
  std::rotate(at_.begin() + position, at_.begin() + size_ - 1, at_.begin() + size_);
}

void Dims::erase(int position) {
  std::copy(at_.begin() + position + 1, at_.begin() + size_, at_.begin() + position);
  at_[static_cast<size_t>(--size_)] = 0;
}

bool Dims::contains(int64_t value) const {
  return std::find(begin(), end(), value) != end();
}

int64_t element_count(const Shape& shape) {
  int64_t n = 1;
  bool overflow = false;
  for (int64_t d : shape) {
    if (d == 0) return 0;
    overflow |= __builtin_mul_overflow(n, d, &n);
  }
  if (overflow)
    raise(ErrorKind::shape, "shape: " + to_string(shape) +
                                " has more elements than 63 bits count. "
                                "The product of the sizes must stay below 2^63.");
  return n;
}

std::string to_string(const Dims& dims) {
  std::string s = "[";
  for (int i = 0; i < dims.size(); ++i) {
    if (i > 0) s += ',';
    s += std::to_string(dims[i]);
  }
  return s + "]";
}

int normal_axis(const char* op, int64_t axis, int rank) {
  const int64_t a = axis < 0 ? axis + rank : axis;
  if (a < 0 || a >= rank)
    raise(ErrorKind::shape,
          std::string(op) + ": axis " + std::to_string(axis) + " of a tensor of rank " +
              std::to_string(rank) + " does not exist. " +
              (rank == 0 ? "A scalar has no axes."
                         : "Axes run from 0 to " + std::to_string(rank - 1) +
                               ", or from -1 back to " + std::to_string(-rank) + "."));
  return static_cast<int>(a);
}

Dims row_major(const Shape& shape) {
  Dims strides = shape;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

const char* name_of(DType t) {
  constexpr const char* names[] = {"f32", "f64", "i32", "i64", "bool", "f16", "bf16", "i8", "u8"};
  return names[static_cast<int>(t)];
}

std::string to_string(const Type& type) {
  return name_of(type.dtype) + to_string(type.shape);
}

}  // namespace gradus
