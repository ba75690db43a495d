// The numbers themselves. Nothing in ops/ may include this file, so a derivative rule cannot
// drop below the tensor level.
#pragma once

#include <gradus/core/memory.h>
#include <gradus/core/op.h>

namespace gradus {

struct Block {
  explicit Block(size_t bytes);
  ~Block() { give_memory_back(data, bytes); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::byte* data;
  size_t bytes;
  uint64_t born;  // how many tapes the process had opened before
};
// Counts one more tape of the process and returns its number, from 1.
uint64_t count_tape();

// What numbers of this type occupy. Raises a ShapeError when no address space holds it.
int64_t byte_count(const Type& type);
// A fresh row-major buffer. Contents are not set.
Buffer allocate(const Type& type);
// A tensor over a fresh buffer.
Tensor empty(const Type& type);

// The storage of a tensor that has numbers, on or off the tape. Raises a TraceError when it has
// only a shape, or when its tape is closed.
const Buffer& buffer_of(const Tensor& x);
// The window on that storage.
View view_of(const Tensor& x);
View view_of(const Type& type, const Buffer& buffer);

// Computes one op on views: collapses, chooses the kernel, runs it.
void run_op(const Op& op, std::span<const Type> in_types, std::span<const Buffer> in,
            const Attrs& attrs, std::span<const Type> out_types, std::span<Buffer> out);

// Row-major numbers as a tensor.
template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape);
template <class T>
Tensor from_vector(const std::vector<T>& values) {
  return from_span<T>(values, {static_cast<int64_t>(values.size())});
}
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape) {
  return from_span<T>(values, shape);
}
// Raw bytes of any type, row-major.
Tensor from_bytes(const Type& type, std::span<const std::byte> bytes);
// One number of this type; raises when an integer type cannot hold it.
Tensor scalar(double value, DType dtype);

// Numbers from tensors. Any dtype is converted to double.
double number(const Tensor& x);                // x has one element
std::vector<double> numbers(const Tensor& x);  // row-major
template <class T>
std::vector<T> values(const Tensor& x);  // T is exactly x's type
// Row-major bytes.
std::vector<std::byte> bytes_of(const Tensor& x);
std::vector<std::byte> bytes_of_view(const View& v);
// The element `offset` elements after the first, whatever its type.
double element_as_double(const View& v, int64_t offset);
// Whether type and all bits are equal: -0 differs from 0. NaN is one value here, as in mathematics:
// processors choose its sign and payload by the order of operands, which compilers may turn.
bool same_bits(const Tensor& x, const Tensor& y);

}  // namespace gradus
