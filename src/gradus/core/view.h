// Plain windows on memory: all that a kernel sees. No ownership, no tape, no tensor.
#pragma once

#include <gradus/base/shape.h>

#include <cstddef>
#include <span>

namespace gradus {

// Where an element lies: offset and strides count elements, not bytes.
struct Layout {
  int64_t offset = 0;
  Dims strides;
};

struct View {
  std::byte* data = nullptr;  // the first element, offset included
  DType dtype = DType::f32;
  Shape shape;
  Dims strides;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  bool is_row_major() const;
};

// What an op needs beyond its inputs. Each op says which fields it reads.
struct Attrs {
  Dims a, b, c;
  double number = 0;
  DType dtype = DType::f32;
  friend bool operator==(const Attrs&, const Attrs&);  // numbers compare by bits
};

// What runs on each finished block of a kernel's output, by the thread that made it, while it is in
// cache: rows are counted over all leading axes, columns along the last.
struct After {
  using Run = void (*)(const void* self, int64_t row, int64_t rows, int64_t column,
                       int64_t columns);
  Run run = nullptr;
  const void* self = nullptr;
  bool whole_rows = false;  // every block has all columns
};

// One kernel with everything decided: running it decides nothing.
struct Call {
  using Run = void (*)(const Call&);
  // A pointwise kernel of n elements in a row; an operand marked single is one number for all.
  using Row = void (*)(const void* const in[], const bool single[], void* out, size_t n);
  Run run = nullptr;
  Row row = nullptr;  // for run_rows
  std::span<const View> in, out;
  const Attrs* attrs = nullptr;
  const After* after = nullptr;  // for ops that take one
};

struct Kernel {
  Call::Run run = nullptr;
  Call::Row row = nullptr;
};

// Runs call.row over collapsed pointwise operands of any strides, in chunks that threads share.
void run_rows(const Call& call);

// Copies numbers between windows of one shape and type, any strides.
void copy(const View& from, const View& to);

// Merges neighbouring axes of operands that all have one shape: the fewest axes that still
// describe every operand. Contiguous and scalar operands end with rank 1.
void collapse(std::span<View> operands);

}  // namespace gradus
