// How kernels see a batch of matrices: the last two axes of a view, one after the other.
#pragma once

#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/core/op.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/refuse.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace gradus::matrices {

inline int64_t rows_of(const View& v) {
  return v.shape[v.shape.size() - 2];
}
inline int64_t columns_of(const View& v) {
  return v.shape.back();
}

// How many matrices: `own` is the number of axes of one.
inline int64_t batch_of(const View& v, int own = 2) {
  int64_t count = 1;
  for (int i = 0; i + own < v.shape.size(); ++i) count *= v.shape[i];
  return count;
}

inline int64_t offset_of(const View& v, int64_t batch, int own) {
  int64_t offset = 0;
  for (int i = v.shape.size() - own - 1; i >= 0; --i) {
    offset += batch % v.shape[i] * v.strides[i];
    batch /= v.shape[i];
  }
  return offset;
}

template <class T>
dense::Window<T> matrix_of(const View& v, int64_t batch) {
  const int r = v.shape.size();
  return {v.as<T>() + offset_of(v, batch, 2), v.strides[r - 2], v.strides[r - 1]};
}
template <class T>
dense::Window<const T> constant_of(const View& v, int64_t batch) {
  const dense::Window<T> a = matrix_of<T>(v, batch);
  return {a.data, a.row, a.col};
}

// Calls f(i) for each of `count` matrices, on all threads where one is too small to be shared.
template <class F>
void each_matrix(int64_t count, const View& v, const F& f) {
  constexpr int64_t large = 1 << 16, chunk = 1 << 12;  // elements
  const int64_t size = rows_of(v) * columns_of(v);
  const int64_t together =
      count < 4 || size > large ? count : std::max<int64_t>(1, chunk / (size + 1));
  if (together >= count) {
    for (int64_t i = 0; i < count; ++i) f(i);
    return;
  }
  parallel_for((count + together - 1) / together, [&](int64_t c) {
    for (int64_t i = c * together; i < std::min(count, (c + 1) * together); ++i) f(i);
  });
}

// "matrix 3 of 8", or the type of a single one.
inline std::string subject(const View& v, int64_t batch) {
  if (v.shape.size() == 2) return to_string(Type{v.dtype, v.shape});
  return "matrix " + std::to_string(batch) + " of " + std::to_string(batch_of(v));
}

template <class T>
void require_finite(const char* op, const View& v, int64_t batch) {
  const int64_t m = rows_of(v), n = columns_of(v);
  const dense::Window<const T> a = constant_of<T>(v, batch);
  if (dense::finite(m, n, a)) return;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      if (!std::isfinite(a(i, j)))
        refuse_element(op, place_text((batch * m + i) * n + j, v.shape),
                       static_cast<double>(a(i, j)));
}
template <class T>
void require_finite(const char* op, const View& v) {
  for (int64_t b = 0; b < batch_of(v); ++b) require_finite<T>(op, v, b);
}

// Row-major copy.
template <class T>
void load(const View& v, int64_t batch, T* to) {
  dense::copy(rows_of(v), columns_of(v), constant_of<T>(v, batch), to);
}

// The e of load_in_range: 0, unless elimination and lengths of columns would leave the range. They
// make numbers a few bits larger; 32 are more than any matrix that fits in memory takes.
template <class T>
int excess_of(int64_t m, int64_t n, const dense::Window<const T>& a) {
  const T largest = dense::largest(m, n, a);
  constexpr int room = 32, top = std::numeric_limits<T>::max_exponent - room;
  return largest >= std::ldexp(T(1), top) && std::isfinite(largest) ? 2 * room : 0;
}

// Row-major copy times 2^-e, and e.
template <class T>
int load_in_range(const View& v, int64_t batch, T* to) {
  load(v, batch, to);
  const int64_t m = rows_of(v), n = columns_of(v);
  const int excess = excess_of(m, n, dense::Window<const T>{to, n, 1});
  if (excess != 0)
    for (T* x = to; x < to + m * n; ++x) *x = std::ldexp(*x, -excess);
  return excess;
}

template <class T>
void require_symmetric(const char* op, const View& v, int64_t b) {
  const int64_t n = columns_of(v);
  const dense::Window<const T> a = constant_of<T>(v, b);
  // Halves computed in another order differ by rounding: by less than the root of eps.
  const T tolerance = std::sqrt(std::numeric_limits<T>::epsilon()) * dense::largest(n, n, a);
  const int64_t place = dense::first_asymmetry(n, a, tolerance), i = place / n, j = place % n;
  if (place < n * n)
    raise(ErrorKind::domain,
          std::string(op) + ": " + subject(v, b) + " is not symmetric: element " +
              place_text((b * n + i) * n + j, v.shape) + " is " +
              text::significant(static_cast<double>(a(i, j)), 9) + ", but element " +
              place_text((b * n + j) * n + i, v.shape) + " is " +
              text::significant(static_cast<double>(a(j, i)), 9) +
              ". Both halves must be equal. Take (a + transpose(a)) / 2 if they should be.");
}

template <Call::Run f32, Call::Run f64>
Kernel by_type(const Op&, std::span<const Type> in, const Type&) {
  return {in[0].dtype == DType::f32 ? f32 : f64};
}
}  // namespace gradus::matrices
