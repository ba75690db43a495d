#include <gradus/base/pool.h>
#include <gradus/core/view.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace gradus {

namespace {
constexpr size_t most_operands = 8;  // of a pointwise op, inputs and outputs together
}  // namespace

bool View::is_row_major() const {
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool operator==(const Attrs& x, const Attrs& y) {
  return x.a == y.a && x.b == y.b && x.c == y.c && x.dtype == y.dtype &&
         std::bit_cast<uint64_t>(x.number) == std::bit_cast<uint64_t>(y.number);
}

void collapse(std::span<View> operands) {
  const Shape shape = operands[0].shape;
  if (element_count(shape) == 0) {
    for (View& v : operands) v.shape = {0}, v.strides = {1};
    return;
  }
  if (shape.size() == 1 && shape[0] != 1) return;
  // `last` is the axis of the collapsed shape that grows to the left of what is done.
  Shape merged;
  std::array<Dims, most_operands> strides;
  for (int axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    bool joins = !merged.empty();
    for (size_t o = 0; joins && o < operands.size(); ++o)
      joins = strides[o].back() == operands[o].strides[axis] * shape[axis];
    if (joins) {
      merged[merged.size() - 1] *= shape[axis];
    } else {
      merged.push_back(shape[axis]);
    }
    for (size_t o = 0; o < operands.size(); ++o) {
      if (joins)
        strides[o][strides[o].size() - 1] = operands[o].strides[axis];
      else
        strides[o].push_back(operands[o].strides[axis]);
    }
  }
  if (merged.empty()) {
    merged = {1};
    for (size_t o = 0; o < operands.size(); ++o) strides[o] = {1};
  }
  for (size_t o = 0; o < operands.size(); ++o) {
    operands[o].shape = merged;
    operands[o].strides = strides[o];
  }
}

namespace {

constexpr int64_t tile = 256;     // strided operands are gathered this many at a time
constexpr int64_t chunk = 16384;  // elements a thread takes at once
constexpr int64_t worth_threads = 4 * chunk;

// One row of the innermost axis, `n` elements from element `first` of that axis.
void run_row(const Call& call, const std::byte* const in[], std::byte* out, int64_t n) {
  const int axis = call.out[0].shape.size() - 1;
  const size_t count = call.in.size();
  const void* at[most_operands];
  bool single[most_operands];
  bool direct = true;
  for (size_t i = 0; i < count; ++i) {
    const int64_t stride = call.in[i].strides[axis];
    at[i] = in[i];
    single[i] = stride == 0;
    direct &= stride <= 1 && stride >= 0;
  }
  if (direct) {
    call.row(at, single, out, static_cast<size_t>(n));
    return;
  }
  alignas(64) std::byte gathered[most_operands][tile * 8];
  for (int64_t done = 0; done < n; done += tile) {
    const int64_t part = std::min(tile, n - done);
    for (size_t i = 0; i < count; ++i) {
      const View& v = call.in[i];
      const int64_t stride = v.strides[axis];
      const auto size = static_cast<size_t>(size_of(v.dtype));
      if (stride == 0) continue;
      const std::byte* from = in[i] + done * stride * static_cast<int64_t>(size);
      at[i] = from;
      if (stride == 1) continue;
      at[i] = gathered[i];
      for (int64_t k = 0; k < part; ++k)
        std::memcpy(gathered[i] + static_cast<size_t>(k) * size,
                    from + k * stride * static_cast<int64_t>(size), size);
    }
    call.row(at, single, out + done * size_of(call.out[0].dtype), static_cast<size_t>(part));
  }
}

// Short rows where some operands repeat one row, as a bias does, and the others are whole: the row
// is laid out several times, so that one call covers several rows. From row `first` to before
// `last`.
bool run_repeated(const Call& call, int64_t first, int64_t last) {
  const View& out = call.out[0];
  const int64_t n = out.shape[1];
  const int64_t rows = std::min(last - first, tile / n);
  const void* at[most_operands];
  bool single[most_operands];
  alignas(64) std::byte repeated[most_operands][tile * 8];
  for (size_t i = 0; i < call.in.size(); ++i) {
    const View& v = call.in[i];
    const auto bytes = static_cast<size_t>(n * size_of(v.dtype));
    at[i] = v.data + first * v.strides[0] * size_of(v.dtype);
    single[i] = v.strides[0] == 0 && v.strides[1] == 0;
    if (single[i] || (v.strides[1] == 1 && v.strides[0] == n)) continue;
    if (v.strides[1] != 1 || v.strides[0] != 0) return false;
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(repeated[i] + static_cast<size_t>(r) * bytes, v.data, bytes);
    at[i] = repeated[i];
  }
  const int64_t out_step = n * size_of(out.dtype);
  for (int64_t r = first; r < last; r += rows) {
    const int64_t part = std::min(rows, last - r);
    call.row(at, single, out.data + r * out_step, static_cast<size_t>(part * n));
    for (size_t i = 0; i < call.in.size(); ++i)
      if (!single[i] && call.in[i].strides[0] != 0)
        at[i] = static_cast<const std::byte*>(at[i]) + rows * n * size_of(call.in[i].dtype);
  }
  return true;
}

// Rows of the innermost axis from number `first` to before `last`, counted row-major.
void run_outer(const Call& call, int64_t first, int64_t last) {
  const View& out = call.out[0];
  const int inner = out.shape.size() - 1;
  const int64_t n = out.shape[inner];
  const std::byte* in[most_operands];
  for (size_t i = 0; i < call.in.size(); ++i) in[i] = call.in[i].data;
  Dims at = out.shape;
  int64_t rest = first;
  for (int axis = inner - 1; axis >= 0; --axis) {
    at[axis] = rest % out.shape[axis];
    rest /= out.shape[axis];
    for (size_t i = 0; i < call.in.size(); ++i)
      in[i] += at[axis] * call.in[i].strides[axis] * size_of(call.in[i].dtype);
  }
  std::byte* to = out.data + first * n * size_of(out.dtype);
  for (int64_t r = first; r < last; ++r) {
    run_row(call, in, to, n);
    to += n * size_of(out.dtype);
    for (int axis = inner - 1; axis >= 0; --axis) {
      const bool more = ++at[axis] < out.shape[axis];
      for (size_t i = 0; i < call.in.size(); ++i) {
        const int64_t step = call.in[i].strides[axis] * size_of(call.in[i].dtype);
        in[i] += more ? step : -step * (out.shape[axis] - 1);
      }
      if (more) break;
      at[axis] = 0;
    }
  }
}

}  // namespace

void run_rows(const Call& call) {
  const View& out = call.out[0];
  const int inner = out.shape.size() - 1;
  const int64_t n = out.shape[inner];
  if (inner == 0) {
    const int64_t chunks = n >= worth_threads ? (n + chunk - 1) / chunk : 1;
    const int64_t step = chunks == 1 ? n : chunk;
    const auto part = [&call, &out, n, step](int64_t c) {
      const int64_t first = c * step;
      const std::byte* at[most_operands];
      for (size_t i = 0; i < call.in.size(); ++i)
        at[i] = call.in[i].data + first * call.in[i].strides[0] * size_of(call.in[i].dtype);
      run_row(call, at, out.data + first * size_of(out.dtype), std::min(step, n - first));
    };
    if (chunks == 1)
      part(0);
    else
      parallel_for(chunks, part);
    return;
  }
  int64_t rows = 1;
  for (int i = 0; i < inner; ++i) rows *= out.shape[i];
  const auto part = [&call, n, inner](int64_t first, int64_t last) {
    if (!(inner == 1 && n <= tile / 2 && run_repeated(call, first, last)))
      run_outer(call, first, last);
  };
  if (rows * n < worth_threads) return part(0, rows);
  const int64_t each = std::max<int64_t>(chunk / n, 1);
  parallel_for((rows + each - 1) / each,
               [&](int64_t c) { part(c * each, std::min((c + 1) * each, rows)); });
}

namespace {

template <class T>
using Raw [[gnu::may_alias]] = T;  // the bits of any number of this size

template <class Word>
void copy_words(const View& from, const View& to) {
  View both[] = {from, to};
  collapse(both);
  const Shape& shape = both[0].shape;
  const int inner = shape.size() - 1;
  const int64_t n = shape[inner];
  const int64_t step_from = both[0].strides[inner], step_to = both[1].strides[inner];
  const Word* f = reinterpret_cast<const Word*>(from.data);
  Word* t = reinterpret_cast<Word*>(to.data);
  Dims at = shape;
  for (int i = 0; i < at.size(); ++i) at[i] = 0;
  for (;;) {
    if (step_from == 1 && step_to == 1)
      std::memcpy(t, f, static_cast<size_t>(n) * sizeof(Word));
    else
      for (int64_t k = 0; k < n; ++k) t[k * step_to] = f[k * step_from];
    int axis = inner - 1;
    for (; axis >= 0; --axis) {
      const bool more = ++at[axis] < shape[axis];
      const int64_t steps = more ? 1 : 1 - shape[axis];
      f += steps * both[0].strides[axis];
      t += steps * both[1].strides[axis];
      if (more) break;
      at[axis] = 0;
    }
    if (axis < 0) return;
  }
}

void copy_any(const View& from, const View& to) {
  switch (size_of(from.dtype)) {
    case 1:
      return copy_words<Raw<uint8_t>>(from, to);
    case 2:
      return copy_words<Raw<uint16_t>>(from, to);
    case 4:
      return copy_words<Raw<uint32_t>>(from, to);
    default:
      return copy_words<Raw<uint64_t>>(from, to);
  }
}

}  // namespace

void copy(const View& from, const View& to) {
  const int64_t count = element_count(from.shape);
  if (count == 0) return;
  if (from.is_row_major() && to.is_row_major()) {
    std::memcpy(to.data, from.data, static_cast<size_t>(count * size_of(from.dtype)));
    return;
  }
  if (count < worth_threads) return copy_any(from, to);
  View both[] = {from, to};
  collapse(both);
  const int64_t rows = both[0].shape[0], each = std::max<int64_t>(chunk * rows / count, 1);
  parallel_for((rows + each - 1) / each, [&](int64_t c) {
    View part[] = {both[0], both[1]};
    for (View& v : part) {
      v.shape[0] = std::min(each, rows - c * each);
      v.data += c * each * v.strides[0] * size_of(v.dtype);
    }
    copy_any(part[0], part[1]);
  });
}

}  // namespace gradus
