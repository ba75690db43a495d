// Ops that move numbers without changing them. permute, broadcast_to, slice and flip copy nothing.
#pragma once

#include <gradus/core/op.h>

#include <limits>

namespace gradus {

namespace op {
extern const Op reshape, permute, broadcast_to, slice, flip, pad, concatenate, gather, scatter_add,
    iota, stop_gradient;
}

// The same numbers in row-major order under another shape; one size may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
// Axis i of the result is axis axes[i] of x.
Tensor permute(const Tensor& x, const Dims& axes);
// The last two axes swapped.
Tensor transpose(const Tensor& x);
Tensor swap_axes(const Tensor& x, int64_t a, int64_t b);
Tensor move_axis(const Tensor& x, int64_t from, int64_t to);
// NumPy's rule: axes line up from the right, size 1 repeats.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// The shape both broadcast to; raises a ShapeError in the name of op.
Shape broadcast_shape(const Op& op, const Type& a, const Type& b);
Tensor expand_dims(const Tensor& x, int64_t axis);
Tensor squeeze(const Tensor& x, int64_t axis);

inline constexpr int64_t slice_end = std::numeric_limits<int64_t>::max();
struct Range {
  int64_t start = 0, stop = slice_end, step = 1;  // negative places count from the end; step > 0
};
// One range an axis, from the left; axes left out are whole.
Tensor slice(const Tensor& x, std::initializer_list<Range> ranges);
Tensor slice_axis(const Tensor& x, int64_t axis, Range range);
// Row i along the first axis, which disappears.
Tensor row(const Tensor& x, int64_t i);
// The element at these places, of rank 0.
Tensor element(const Tensor& x, const Dims& at);
Tensor flip(const Tensor& x, const Dims& axes);
// Zeros around: low[i] before and high[i] after axis i.
Tensor pad(const Tensor& x, const Dims& low, const Dims& high);
Tensor concatenate(std::span<const Tensor> parts, int64_t axis = 0);
Tensor concatenate(std::initializer_list<Tensor> parts, int64_t axis = 0);
Tensor stack(std::span<const Tensor> parts, int64_t axis = 0);
Tensor stack(std::initializer_list<Tensor> parts, int64_t axis = 0);

// table (n, ...) and integer places (...) give the rows table[place]. A place outside [0, n) is an
// error.
Tensor gather(const Tensor& table, const Tensor& places);
// Adds rows into n rows of zeros: out[places[i]] += rows[i]. The transpose of gather.
Tensor scatter_add(const Tensor& places, const Tensor& rows, int64_t n);
Tensor take(const Tensor& x, const Tensor& places, int64_t axis);
Tensor take_along_axis(const Tensor& x, const Tensor& places, int64_t axis);
Tensor one_hot(const Tensor& classes, int64_t count, DType dtype = DType::f32);

Tensor full(const Shape& shape, double value, DType dtype = DType::f64);
Tensor zeros(const Shape& shape, DType dtype = DType::f64);
Tensor ones(const Shape& shape, DType dtype = DType::f64);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
// 0, 1, ..., n - 1.
Tensor iota(int64_t n, DType dtype = DType::i64);
Tensor arange(double start, double stop, double step = 1, DType dtype = DType::f64);
// count numbers from start to stop, both included.
Tensor linspace(double start, double stop, int64_t count, DType dtype = DType::f64);
Tensor eye(int64_t n, DType dtype = DType::f64);

}  // namespace gradus
