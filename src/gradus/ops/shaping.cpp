#include <gradus/base/error.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradus {
namespace {

void run_copy(const Call& c) {
  View target = c.out[0];
  target.shape = c.in[0].shape;
  target.strides = row_major(target.shape);
  copy(c.in[0], target);
}

Kernel copy_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_copy};
}

// The list with one more place in front.
Dims led(int64_t first, const Dims& rest) {
  Dims all = rest;
  all.insert(0, first);
  return all;
}

// Every axis one place further: the batch axis stands in front.
Dims moved_on(const Dims& axes) {
  Dims moved = axes;
  for (int i = 0; i < moved.size(); ++i) ++moved[i];
  return moved;
}

Type shape_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {in[0].dtype, attrs.a};
}

// Groups of neighbouring axes keep their product; a group is a view when its axes are one long
// axis.
bool reshape_view(const Type& in, const Layout& layout, const Attrs&, const Type& out,
                  Layout* result) {
  if (View{nullptr, in.dtype, in.shape, layout.strides}.is_row_major()) {
    *result = {layout.offset, row_major(out.shape)};
    return true;
  }
  Dims sizes, strides;
  for (int i = 0; i < in.shape.size(); ++i) {
    if (in.shape[i] == 1) continue;
    const int last = sizes.size() - 1;
    if (last >= 0 && strides[last] == in.shape[i] * layout.strides[i]) {
      sizes[last] *= in.shape[i], strides[last] = layout.strides[i];
    } else {
      sizes.push_back(in.shape[i]), strides.push_back(layout.strides[i]);
    }
  }
  // From the right: an axis of the result is part of the long axis it lies in.
  *result = {layout.offset, out.shape};
  int at = sizes.size() - 1;
  int64_t covered = 1;
  for (int i = out.shape.size() - 1; i >= 0; --i) {
    const int64_t n = out.shape[i];
    if (n == 1) {
      result->strides[i] = 0;
      continue;
    }
    if (at >= 0 && covered == sizes[at]) --at, covered = 1;
    if (at < 0 || n == 0 || sizes[at] % (covered * n) != 0) return false;
    result->strides[i] = covered * strides[at];
    covered *= n;
  }
  return true;
}

Tensor reshape_pull(const Context& c, std::span<const Tensor> bar, int) {
  return reshape(bar[0], c.in[0].shape());
}

std::vector<Tensor> reshape_batch(const Op&, const Batching& b) {
  return {reshape(b.in[0], led(b.size, b.attrs.a))};
}

Type permute_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  Type out{in[0].dtype, {}};
  for (int64_t axis : attrs.a) out.shape.push_back(in[0].shape[static_cast<int>(axis)]);
  return out;
}

bool permute_view(const Type&, const Layout& in, const Attrs& attrs, const Type&, Layout* out) {
  *out = {in.offset, {}};
  for (int64_t axis : attrs.a) out->strides.push_back(in.strides[static_cast<int>(axis)]);
  return true;
}

Tensor permute_pull(const Context& c, std::span<const Tensor> bar, int) {
  Dims inverse = c.attrs.a;
  for (int i = 0; i < inverse.size(); ++i) inverse[static_cast<int>(c.attrs.a[i])] = i;
  return permute(bar[0], inverse);
}

std::vector<Tensor> permute_batch(const Op&, const Batching& b) {
  return {permute(b.in[0], led(0, moved_on(b.attrs.a)))};
}

bool broadcast_view(const Type& in, const Layout& layout, const Attrs&, const Type& out,
                    Layout* result) {
  result->offset = layout.offset;
  result->strides = out.shape;
  const int added = out.shape.size() - in.shape.size();
  for (int i = 0; i < out.shape.size(); ++i)
    result->strides[i] = i < added || in.shape[i - added] == 1 ? 0 : layout.strides[i - added];
  return true;
}

Tensor broadcast_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Shape& small = c.in[0].shape();
  const Shape& large = bar[0].shape();
  const int added = large.size() - small.size();
  Dims repeated;
  for (int i = 0; i < large.size(); ++i)
    if (i < added || (small[i - added] == 1 && large[i] != 1)) repeated.push_back(i);
  const Tensor total = repeated.empty() ? bar[0] : sum(bar[0], {.axis = repeated});
  return reshape(total, small);
}

// Axes line up from the right, so single axes are inserted behind the batch axis first.
std::vector<Tensor> broadcast_batch(const Op&, const Batching& b) {
  Shape from = b.in[0].shape();
  while (from.size() < b.attrs.a.size() + 1) from.insert(1, 1);
  return {broadcast_to(reshape(b.in[0], from), led(b.size, b.attrs.a))};
}

// a: first places, b: sizes, c: steps, one an axis.
Type slice_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {in[0].dtype, attrs.b};
}

bool slice_view(const Type&, const Layout& in, const Attrs& attrs, const Type&, Layout* out) {
  *out = in;
  for (int i = 0; i < in.strides.size(); ++i) {
    out->offset += attrs.a[i] * in.strides[i];
    out->strides[i] = attrs.c[i] * in.strides[i];
  }
  return true;
}

Tensor pad_with_gaps(const Tensor& x, const Dims& low, const Dims& high, const Dims& gaps) {
  Attrs attrs;
  attrs.a = low, attrs.b = high, attrs.c = gaps;
  return apply(op::pad, {x}, attrs);
}

Tensor slice_steps(const Tensor& x, const Dims& start, const Dims& sizes, const Dims& steps) {
  Attrs attrs;
  attrs.a = start, attrs.b = sizes, attrs.c = steps;
  return apply(op::slice, {x}, attrs);
}

Tensor slice_pull(const Context& c, std::span<const Tensor> bar, int) {
  Dims high = c.attrs.a, gaps = c.attrs.c;
  for (int i = 0; i < high.size(); ++i) {
    gaps[i] -= 1;
    const int64_t n = c.attrs.b[i];
    const int64_t covered = n == 0 ? 0 : n + (n - 1) * gaps[i];
    high[i] = c.in[0].shape()[i] - c.attrs.a[i] - covered;
  }
  return pad_with_gaps(bar[0], c.attrs.a, high, gaps);
}

std::vector<Tensor> slice_batch(const Op&, const Batching& b) {
  return {slice_steps(b.in[0], led(0, b.attrs.a), led(b.size, b.attrs.b), led(1, b.attrs.c))};
}

bool flip_view(const Type& in, const Layout& layout, const Attrs& attrs, const Type&, Layout* out) {
  *out = layout;
  for (int64_t a : attrs.a) {
    const int axis = static_cast<int>(a);
    out->offset += std::max<int64_t>(in.shape[axis] - 1, 0) * layout.strides[axis];
    out->strides[axis] = -layout.strides[axis];
  }
  return true;
}

Type same_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

bool same_layout(const Type&, const Layout& in, const Attrs&, const Type&, Layout* out) {
  *out = in;
  return true;
}

Tensor flip_pull(const Context& c, std::span<const Tensor> bar, int) {
  return flip(bar[0], c.attrs.a);
}

std::vector<Tensor> flip_batch(const Op&, const Batching& b) {
  return {flip(b.in[0], moved_on(b.attrs.a))};
}

// a: zeros before, b: zeros after, c: zeros between neighbours, one an axis.
Type pad_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  Type out = in[0];
  for (int i = 0; i < out.shape.size(); ++i) {
    const int64_t n = in[0].shape[i];
    out.shape[i] = attrs.a[i] + attrs.b[i] + (n == 0 ? 0 : n + (n - 1) * attrs.c[i]);
  }
  return out;
}

void run_pad(const Call& c) {
  const View& out = c.out[0];
  std::memset(out.data, 0, static_cast<size_t>(element_count(out.shape) * size_of(out.dtype)));
  View inside = out;
  inside.shape = c.in[0].shape;
  int64_t offset = 0;
  for (int i = 0; i < out.shape.size(); ++i) {
    offset += c.attrs->a[i] * out.strides[i];
    inside.strides[i] = out.strides[i] * (c.attrs->c[i] + 1);
  }
  inside.data += offset * size_of(out.dtype);
  copy(c.in[0], inside);
}

Kernel pad_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_pad};
}

Tensor pad_pull(const Context& c, std::span<const Tensor> bar, int) {
  Dims steps = c.attrs.c;
  for (int i = 0; i < steps.size(); ++i) steps[i] += 1;
  return slice_steps(bar[0], c.attrs.a, c.in[0].shape(), steps);
}

std::vector<Tensor> pad_batch(const Op&, const Batching& b) {
  return {pad_with_gaps(b.in[0], led(0, b.attrs.a), led(0, b.attrs.b), led(0, b.attrs.c))};
}

Type concatenate_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  Type out = in[0];
  const int axis = static_cast<int>(attrs.a[0]);
  for (const Type& t : in.subspan(1)) out.shape[axis] += t.shape[axis];
  return out;
}

Layout concatenate_part(std::span<const Type> in, const Attrs& attrs, const Type& out, int i) {
  const int axis = static_cast<int>(attrs.a[0]);
  Layout at{0, row_major(out.shape)};
  for (const Type& before : in.first(static_cast<size_t>(i)))
    at.offset += before.shape[axis] * at.strides[axis];
  return at;
}

void run_concatenate(const Call& c) {
  View part = c.out[0];
  const int axis = static_cast<int>(c.attrs->a[0]);
  for (const View& in : c.in) {
    part.shape = in.shape;
    copy(in, part);
    part.data += in.shape[axis] * part.strides[axis] * size_of(part.dtype);
  }
}

Kernel concatenate_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_concatenate};
}

Tensor concatenate_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const int64_t axis = c.attrs.a[0];
  int64_t start = 0;
  for (int k = 0; k < i; ++k) start += c.in[static_cast<size_t>(k)].shape()[static_cast<int>(axis)];
  const int64_t n = c.in[static_cast<size_t>(i)].shape()[static_cast<int>(axis)];
  return slice_axis(bar[0], axis, {start, start + n});
}

std::vector<Tensor> concatenate_batch(const Op&, const Batching& b) {
  std::vector<Tensor> parts;
  for (size_t i = 0; i < b.in.size(); ++i) parts.push_back(with_batch_axis(b, i));
  return {concatenate(parts, b.attrs.a[0] + 1)};
}

Type gather_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  Type out{in[0].dtype, in[1].shape};
  for (int i = 1; i < in[0].shape.size(); ++i) out.shape.push_back(in[0].shape[i]);
  return out;
}

int64_t place_at(const View& places, const Dims& at) {
  int64_t offset = 0;
  for (int i = 0; i < at.size(); ++i) offset += at[i] * places.strides[i];
  return places.dtype == DType::i64 ? places.as<int64_t>()[offset] : places.as<int32_t>()[offset];
}

// Calls f(k, place) for the k-th place in row-major order, checked against n.
template <class F>
void each_place(const char* op, const View& places, int64_t n, F f) {
  Dims at = places.shape;
  for (int i = 0; i < at.size(); ++i) at[i] = 0;
  const int64_t count = element_count(places.shape);
  for (int64_t k = 0; k < count; ++k) {
    const int64_t place = place_at(places, at);
    if (place < 0 || place >= n)
      raise(ErrorKind::domain, std::string(op) + ": place " + std::to_string(place) +
                                   " in a table of " + std::to_string(n) +
                                   " rows does not exist. Places run from 0 to " +
                                   std::to_string(n - 1) + ".");
    f(k, place);
    for (int i = at.size() - 1; i >= 0; --i) {
      if (++at[i] < places.shape[i]) break;
      at[i] = 0;
    }
  }
}

void run_gather(const Call& c) {
  const View& table = c.in[0];
  View from = table;
  from.shape.erase(0);
  from.strides.erase(0);
  View to = from;
  to.strides = row_major(to.shape);
  const int64_t row = element_count(to.shape);
  each_place("gather", c.in[1], table.shape[0], [&](int64_t k, int64_t place) {
    from.data = table.data + place * table.strides[0] * size_of(table.dtype);
    to.data = c.out[0].data + k * row * size_of(table.dtype);
    copy(from, to);
  });
}

Kernel gather_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_gather};
}

Tensor gather_pull(const Context& c, std::span<const Tensor> bar, int) {
  return scatter_add(c.in[1], bar[0], c.in[0].shape()[0]);
}

// Places in the table of all batches laid one after the other, n rows each: place + batch n. A
// place outside its own rows becomes negative, which is refused, not an element of the next batch.
Tensor places_of_all(const Tensor& places, int64_t size, int64_t n) {
  const Tensor at = cast(places, DType::i64);
  Shape column{size};
  while (column.size() < at.rank()) column.push_back(1);
  const Tensor first = reshape(iota(size) * n, column);
  return where(logical_and(at >= 0, at < n), at + first, -1);
}

std::vector<Tensor> gather_batch(const Op&, const Batching& b) {
  const Tensor &table = b.in[0], &places = b.in[1];
  if (!b.batched[0]) return {gather(table, places)};
  if (!b.batched[1]) return {take(table, places, 1)};
  const int64_t n = table.shape()[1];
  Shape rows = table.shape();
  rows.erase(0);
  rows[0] = b.size * n;
  return {gather(reshape(table, rows), places_of_all(places, b.size, n))};
}

Type scatter_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  Type out{in[1].dtype, attrs.a};
  for (int i = in[0].shape.size(); i < in[1].shape.size(); ++i) out.shape.push_back(in[1].shape[i]);
  return out;
}

// Wraps around in integers, as add does.
template <class T>
T added(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    return a + b;
  }
}

// to += from, numbers `step` apart added to n in a row; a fixed few at a time fill vectors.
template <class T>
void add_run(const T* __restrict from, int64_t step, int64_t n, T* __restrict to) {
  constexpr int64_t few = 16;
  int64_t e = 0;
  if (step == 1)
    for (; e + few <= n; e += few)
      for (int64_t j = 0; j < few; ++j) to[e + j] = added(to[e + j], from[e + j]);
  for (; e < n; ++e) to[e] = added(to[e], from[e * step]);
}

template <class T>
void run_scatter(const Call& c) {
  const View& out = c.out[0];
  const View& rows = c.in[1];
  const int lead = c.in[0].shape.size();
  std::memset(out.data, 0, static_cast<size_t>(element_count(out.shape) * size_of(out.dtype)));
  Shape row_shape;
  Dims row_strides;
  for (int i = lead; i < rows.shape.size(); ++i) {
    row_shape.push_back(rows.shape[i]);
    row_strides.push_back(rows.strides[i]);
  }
  const int64_t n = element_count(row_shape);
  // Along the last axis of a row; a row may be one number.
  const int last = row_shape.size() - 1;
  const int64_t run = last < 0 ? 1 : row_shape[last], step = last < 0 ? 1 : row_strides[last];
  each_place("scatter_add", c.in[0], out.shape[0], [&](int64_t k, int64_t place) {
    // k counts places in row-major order; the row starts where its leading indices say.
    int64_t offset = 0, rest = k;
    for (int i = lead - 1; i >= 0; --i) {
      offset += rest % rows.shape[i] * rows.strides[i];
      rest /= rows.shape[i];
    }
    T* to = out.as<T>() + place * n;
    for (int64_t first = 0; first < n; first += run) {
      int64_t at = offset, left = first / run;
      for (int i = last - 1; i >= 0; --i) {
        at += left % row_shape[i] * row_strides[i];
        left /= row_shape[i];
      }
      add_run(rows.as<T>() + at, step, run, to);
      to += run;
    }
  });
}

Kernel scatter_kernel(const Op&, std::span<const Type> in, const Type&) {
  switch (in[1].dtype) {
    case DType::f32:
      return {run_scatter<float>};
    case DType::f64:
      return {run_scatter<double>};
    case DType::i32:
      return {run_scatter<int32_t>};
    default:
      return {run_scatter<int64_t>};
  }
}

Tensor scatter_pull(const Context& c, std::span<const Tensor> bar, int) {
  return gather(bar[0], c.in[0]);
}

std::vector<Tensor> scatter_batch(const Op&, const Batching& b) {
  const int64_t n = b.attrs.a[0];
  if (!b.batched[0]) {
    // The batch axis goes behind the axes of the places, and comes back to the front.
    const Tensor rows = move_axis(b.in[1], 0, b.in[0].rank());
    return {move_axis(scatter_add(b.in[0], rows, n), 1, 0)};
  }
  const Tensor all =
      scatter_add(places_of_all(b.in[0], b.size, n), with_batch_axis(b, 1), b.size * n);
  Shape shape = all.shape();
  shape[0] = n;
  return {reshape(all, led(b.size, shape))};
}

Type iota_type(const Op&, std::span<const Type>, const Attrs& attrs, int) {
  return {attrs.dtype, attrs.a};
}

template <class T>
void run_iota(const Call& c) {
  const View& out = c.out[0];
  for (int64_t i = 0; i < out.shape[0]; ++i) out.as<T>()[i] = static_cast<T>(i);
}

Kernel iota_kernel(const Op&, std::span<const Type>, const Type& out) {
  switch (out.dtype) {
    case DType::f32:
      return {run_iota<float>};
    case DType::f64:
      return {run_iota<double>};
    case DType::i32:
      return {run_iota<int32_t>};
    default:
      return {run_iota<int64_t>};
  }
}

double one_a_row_element(std::span<const Type> in, const Attrs&, const Type&) {
  return static_cast<double>(element_count(in[1].shape));
}

void require_places(const char* op, const Tensor& places) {
  if (!is_integer(places.dtype()))
    raise(ErrorKind::dtype, std::string(op) + ": places " + to_string(places.type()) +
                                " are not integers. Places are i32 or i64. Cast them first.");
}

}  // namespace

namespace op {
constinit const Op reshape{.name = "reshape",
                           .says = "the same numbers under another shape",
                           .math = "reshape(x)",
                           .kind = Kind::linear,
                           .type = shape_type,
                           .kernel = copy_kernel,
                           .view = reshape_view,
                           .rule = {.pull = reshape_pull},
                           .batch = reshape_batch};
constinit const Op permute{.name = "permute",
                           .says = "axes in another order",
                           .math = "permute(x)[i,j] = x[j,i]",
                           .kind = Kind::linear,
                           .type = permute_type,
                           .view = permute_view,
                           .rule = {.pull = permute_pull},
                           .batch = permute_batch};
constinit const Op broadcast_to{.name = "broadcast_to",
                                .says = "repeats along new or single axes",
                                .math = "broadcast(x)",
                                .kind = Kind::linear,
                                .type = shape_type,
                                .view = broadcast_view,
                                .rule = {.pull = broadcast_pull},
                                .batch = broadcast_batch};
constinit const Op slice{.name = "slice",
                         .says = "a part, every step-th element",
                         .math = "x[start:stop:step]",
                         .kind = Kind::linear,
                         .type = slice_type,
                         .view = slice_view,
                         .rule = {.pull = slice_pull},
                         .batch = slice_batch};
constinit const Op flip{.name = "flip",
                        .says = "the order along axes reversed",
                        .math = "x[::-1]",
                        .kind = Kind::linear,
                        .type = same_type,
                        .view = flip_view,
                        .rule = {.pull = flip_pull},
                        .batch = flip_batch};
constinit const Op pad{.name = "pad",
                       .says = "zeros around, and between, the elements",
                       .math = "pad(x)",
                       .kind = Kind::linear,
                       .type = pad_type,
                       .kernel = pad_kernel,
                       .rule = {.pull = pad_pull},
                       .batch = pad_batch};
constinit const Op concatenate{.name = "concatenate",
                               .says = "parts laid one after the other",
                               .math = "[a; b]",
                               .kind = Kind::linear,
                               .inputs = -1,
                               .type = concatenate_type,
                               .kernel = concatenate_kernel,
                               .part = concatenate_part,
                               .rule = {.pull = concatenate_pull},
                               .batch = concatenate_batch};
constinit const Op gather{.name = "gather",
                          .says = "rows of a table by number",
                          .math = "table[places]",
                          .kind = Kind::linear,
                          .inputs = 2,
                          .type = gather_type,
                          .kernel = gather_kernel,
                          .rule = {.pull = gather_pull},
                          .batch = gather_batch};
constinit const Op scatter_add{.name = "scatter_add",
                               .says = "adds rows into numbered rows of zeros",
                               .math = "out[places] += rows",
                               .kind = Kind::linear,
                               .inputs = 2,
                               .type = scatter_type,
                               .kernel = scatter_kernel,
                               .rule = {.pull = scatter_pull},
                               .batch = scatter_batch,
                               .work = one_a_row_element};
constinit const Op iota{.name = "iota",
                        .says = "0, 1, 2, ...",
                        .math = "iota(n)[i] = i",
                        .kind = Kind::fixed,
                        .inputs = 0,
                        .type = iota_type,
                        .kernel = iota_kernel,
                        .rule = {.why = "it has no inputs"}};
constinit const Op stop_gradient{.name = "stop_gradient",
                                 .says = "the same value, through which no derivative passes",
                                 .math = "stop_gradient(x) = x",
                                 .kind = Kind::fixed,
                                 .type = same_type,
                                 .view = same_layout,
                                 .rule = {.why = "it stops derivatives on purpose"},
                                 .batch = batch_leading};
}  // namespace op

Tensor reshape(const Tensor& x, const Shape& shape) {
  Shape target = shape;
  int open = -1;
  for (int i = 0; i < shape.size(); ++i)
    if (shape[i] == -1 && open < 0) open = i;
  if (open >= 0) target[open] = 1;
  bool fits = true;
  for (int64_t d : target) fits &= d >= 0;
  if (fits && open >= 0) {
    const int64_t known = element_count(target);
    target[open] = known > 0 && x.size() % known == 0 ? x.size() / known : -1;
    fits = target[open] >= 0;
  }
  if (!fits || element_count(target) != x.size())
    raise(ErrorKind::shape, "reshape: " + to_string(x.type()) + " to " + to_string(shape) + ": " +
                                std::to_string(x.size()) +
                                " elements do not fit. The product of the sizes must stay; "
                                "one size may be -1.");
  if (target == x.shape()) return x;
  Attrs attrs;
  attrs.a = target;
  return apply(op::reshape, {x}, attrs);
}

Tensor permute(const Tensor& x, const Dims& axes) {
  Dims order = axes;
  Dims seen;
  bool same = true;
  for (int i = 0; i < axes.size(); ++i) {
    order[i] = normal_axis("permute", axes[i], x.rank());
    if (seen.contains(order[i])) break;
    seen.push_back(order[i]);
    same &= order[i] == i;
  }
  if (seen.size() != x.rank() || axes.size() != x.rank())
    raise(ErrorKind::shape, "permute: " + to_string(x.type()) + " by axes " + to_string(axes) +
                                ": every axis must appear once. Give " + std::to_string(x.rank()) +
                                " different axes.");
  if (same) return x;
  Attrs attrs;
  attrs.a = order;
  return apply(op::permute, {x}, attrs);
}

Tensor transpose(const Tensor& x) {
  if (x.rank() < 2)
    raise(ErrorKind::shape, "transpose: " + to_string(x.type()) +
                                " has fewer than two axes. It swaps the last two. "
                                "Use reshape to make a column.");
  return swap_axes(x, -1, -2);
}

Tensor swap_axes(const Tensor& x, int64_t a, int64_t b) {
  Dims order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[normal_axis("swap_axes", a, x.rank())],
            order[normal_axis("swap_axes", b, x.rank())]);
  return permute(x, order);
}

Tensor move_axis(const Tensor& x, int64_t from, int64_t to) {
  const int f = normal_axis("move_axis", from, x.rank()),
            t = normal_axis("move_axis", to, x.rank());
  Dims order;
  for (int i = 0; i < x.rank(); ++i)
    if (i != f) order.push_back(i);
  order.insert(t, f);
  return permute(x, order);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int added = shape.size() - x.rank();
  bool fits = added >= 0;
  for (int64_t d : shape) fits &= d >= 0;
  for (int i = 0; fits && i < x.rank(); ++i)
    fits = x.shape()[i] == 1 || x.shape()[i] == shape[i + added];
  if (!fits)
    raise(ErrorKind::shape,
          "broadcast_to: " + to_string(x.type()) + " to " + to_string(shape) +
              ": the sizes do not line up. Axes line up from the right, and only size 1 repeats.");
  Attrs attrs;
  attrs.a = shape;
  return apply(op::broadcast_to, {x}, attrs);
}

Tensor expand_dims(const Tensor& x, int64_t axis) {
  Shape shape = x.shape();
  shape.insert(normal_axis("expand_dims", axis, x.rank() + 1), 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, int64_t axis) {
  const int a = normal_axis("squeeze", axis, x.rank());
  if (x.shape()[a] != 1)
    raise(ErrorKind::shape, "squeeze: axis " + std::to_string(axis) + " of " + to_string(x.type()) +
                                " has size " + std::to_string(x.shape()[a]) +
                                ". Only an axis of size 1 can go.");
  Shape shape = x.shape();
  shape.erase(a);
  return reshape(x, shape);
}

namespace {

Tensor slice_ranges(const Tensor& x, std::span<const Range> ranges) {
  if (static_cast<int>(ranges.size()) > x.rank())
    raise(ErrorKind::shape, "slice: " + std::to_string(ranges.size()) + " ranges for " +
                                to_string(x.type()) + ". There is one range an axis.");
  Dims start = x.shape(), sizes = x.shape(), steps = x.shape();
  bool whole = true;
  for (int i = 0; i < x.rank(); ++i) {
    const auto place = static_cast<size_t>(i);
    const Range r = place < ranges.size() ? ranges[place] : Range{};
    const int64_t n = x.shape()[i];
    if (r.step < 1)
      raise(ErrorKind::shape, "slice: step " + std::to_string(r.step) + " on " +
                                  to_string(x.type()) +
                                  ". A step is at least 1. Use flip to walk backwards.");
    const auto clamp = [n](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + n : v, 0, n); };
    start[i] = clamp(r.start);
    const int64_t stop = clamp(r.stop);
    sizes[i] = stop > start[i] ? (stop - start[i] - 1) / r.step + 1 : 0;
    steps[i] = sizes[i] > 1 ? r.step : 1;  // a huge step of no use would overflow a stride
    whole &= sizes[i] == n;
  }
  return whole ? x : slice_steps(x, start, sizes, steps);
}

}  // namespace

Tensor slice(const Tensor& x, std::initializer_list<Range> ranges) {
  return slice_ranges(x, {ranges.begin(), ranges.size()});
}

Tensor slice_axis(const Tensor& x, int64_t axis, Range range) {
  Range all[max_rank];
  all[normal_axis("slice_axis", axis, x.rank())] = range;
  return slice_ranges(x, {all, static_cast<size_t>(x.rank())});
}

Tensor row(const Tensor& x, int64_t i) {
  const int64_t n = x.rank() == 0 ? 0 : x.shape()[0];
  const int64_t place = i < 0 ? i + n : i;
  if (place < 0 || place >= n)
    raise(ErrorKind::shape,
          "row: row " + std::to_string(i) + " of " + to_string(x.type()) + " does not exist.");
  return squeeze(slice_axis(x, 0, {place, place + 1}), 0);
}

Tensor element(const Tensor& x, const Dims& at) {
  if (at.size() != x.rank())
    raise(ErrorKind::shape, "element: " + to_string(at) + " in " + to_string(x.type()) +
                                ": one place an axis is needed. Give " + std::to_string(x.rank()) +
                                " numbers.");
  Tensor y = x;
  for (int64_t i : at) y = row(y, i);
  return y;
}

Tensor flip(const Tensor& x, const Dims& axes) {
  Attrs attrs;
  for (int64_t axis : axes) {
    const int a = normal_axis("flip", axis, x.rank());
    if (attrs.a.contains(a))
      raise(ErrorKind::shape, "flip: axis " + std::to_string(a) + " of " + to_string(x.type()) +
                                  " is given twice. Each axis may appear once.");
    attrs.a.push_back(a);
  }
  return apply(op::flip, {x}, attrs);
}

Tensor pad(const Tensor& x, const Dims& low, const Dims& high) {
  bool fits = low.size() == x.rank() && high.size() == x.rank();
  for (int64_t v : low) fits &= v >= 0;
  for (int64_t v : high) fits &= v >= 0;
  if (!fits)
    raise(ErrorKind::shape, "pad: " + to_string(x.type()) + " by " + to_string(low) + " and " +
                                to_string(high) +
                                ": one count an axis, none negative, is needed. Use slice to cut.");
  Dims gaps = low;
  for (int i = 0; i < gaps.size(); ++i) gaps[i] = 0;
  return pad_with_gaps(x, low, high, gaps);
}

Tensor concatenate(std::span<const Tensor> parts, int64_t axis) {
  if (parts.empty()) raise(ErrorKind::shape, "concatenate: no parts. At least one is needed.");
  if (parts.size() == 1) return parts[0];
  Attrs attrs;
  attrs.a = {normal_axis("concatenate", axis, parts[0].rank())};
  for (const Tensor& p : parts) {
    Shape expected = parts[0].shape();
    bool fits = p.rank() == expected.size() && p.dtype() == parts[0].dtype();
    for (int i = 0; fits && i < expected.size(); ++i)
      fits = i == attrs.a[0] || expected[i] == p.shape()[i];
    if (!fits)
      raise(ErrorKind::shape, "concatenate: " + to_string(parts[0].type()) + " and " +
                                  to_string(p.type()) + " along axis " +
                                  std::to_string(attrs.a[0]) +
                                  " do not join. Types and all other sizes must be equal.");
  }
  return apply(op::concatenate, parts, attrs);
}

Tensor concatenate(std::initializer_list<Tensor> parts, int64_t axis) {
  return concatenate(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

Tensor stack(std::span<const Tensor> parts, int64_t axis) {
  std::vector<Tensor> expanded;
  for (const Tensor& p : parts) expanded.push_back(expand_dims(p, axis));
  return concatenate(expanded, axis);
}

Tensor stack(std::initializer_list<Tensor> parts, int64_t axis) {
  return stack(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

Tensor gather(const Tensor& table, const Tensor& places) {
  require_places("gather", places);
  if (table.rank() == 0)
    raise(ErrorKind::shape,
          "gather: " + to_string(table.type()) + " has no rows. A table has at least one axis.");
  return apply(op::gather, {table, places});
}

Tensor scatter_add(const Tensor& places, const Tensor& rows, int64_t n) {
  require_places("scatter_add", places);
  bool fits = rows.rank() >= places.rank() && n >= 0;
  for (int i = 0; fits && i < places.rank(); ++i) fits = rows.shape()[i] == places.shape()[i];
  if (!fits)
    raise(ErrorKind::shape,
          "scatter_add: places " + to_string(places.type()) + " and rows " +
              to_string(rows.type()) +
              " do not match. The first axes of rows must be the axes of places.");
  if (!is_float(rows.dtype()) && !is_integer(rows.dtype()))
    raise(ErrorKind::dtype,
          "scatter_add: rows " + to_string(rows.type()) + " cannot be added. Cast to f32 first.");
  Attrs attrs;
  attrs.a = {n};
  return apply(op::scatter_add, {places, rows}, attrs);
}

Tensor take(const Tensor& x, const Tensor& places, int64_t axis) {
  const int a = normal_axis("take", axis, x.rank());
  Tensor y = gather(move_axis(x, a, 0), places);
  Dims order;
  for (int i = 0; i < a; ++i) order.push_back(places.rank() + i);
  for (int i = 0; i < places.rank(); ++i) order.push_back(i);
  for (int i = places.rank() + a; i < y.rank(); ++i) order.push_back(i);
  return permute(y, order);
}

Tensor take_along_axis(const Tensor& x, const Tensor& places, int64_t axis) {
  require_places("take_along_axis", places);
  const int a = normal_axis("take_along_axis", axis, x.rank());
  Shape lead = x.shape(), other = places.shape();
  if (places.rank() == x.rank()) lead.erase(a), other.erase(a);
  if (places.rank() != x.rank() || !(lead == other))
    raise(ErrorKind::shape, "take_along_axis: " + to_string(x.type()) + " at places " +
                                to_string(places.type()) + " along axis " + std::to_string(a) +
                                ": the other sizes differ. All axes but this one must be equal.");
  const Tensor moved = move_axis(x, a, -1);
  const Tensor at = cast(move_axis(places, a, -1), DType::i64);
  const int64_t n = x.shape()[a], rows = element_count(lead);
  // Row r of the flattened table starts at place r n.
  const Tensor start = reshape(iota(rows) * n, {rows, 1});
  // A place outside its row becomes negative, which gather refuses, not an element of the next row.
  const Tensor within = where(logical_and(at >= 0, at < n), at, -(n * rows + 1));
  const Tensor flat = start + reshape(within, {rows, places.shape()[a]});
  return move_axis(reshape(gather(reshape(moved, {rows * n}), flat), at.shape()), -1, a);
}

Tensor one_hot(const Tensor& classes, int64_t count, DType dtype) {
  require_places("one_hot", classes);
  return cast(expand_dims(cast(classes, DType::i64), -1) == iota(count), dtype);
}

Tensor full(const Shape& shape, double value, DType dtype) {
  return broadcast_to(literal_as(Tensor(value), dtype), shape);
}
Tensor zeros(const Shape& shape, DType dtype) {
  return full(shape, 0, dtype);
}
Tensor ones(const Shape& shape, DType dtype) {
  return full(shape, 1, dtype);
}
Tensor zeros_like(const Tensor& x) {
  return full(x.shape(), 0, x.dtype());
}
Tensor ones_like(const Tensor& x) {
  return full(x.shape(), 1, x.dtype());
}

Tensor iota(int64_t n, DType dtype) {
  if (n < 0)
    raise(ErrorKind::shape,
          "iota: " + std::to_string(n) + " numbers. The count must not be negative.");
  Attrs attrs;
  attrs.a = {n};
  attrs.dtype = is_integer(dtype) || is_float(dtype) ? dtype : DType::i64;
  return cast(apply(op::iota, {}, attrs), dtype);
}

Tensor arange(double start, double stop, double step, DType dtype) {
  const double count = std::ceil((stop - start) / step);
  if (!(count < 9e15))
    raise(ErrorKind::domain, "arange: the count of numbers is not finite. The step must not be 0.");
  return cast(iota(static_cast<int64_t>(std::max(count, 0.0)), DType::f64) * step + start, dtype);
}

Tensor linspace(double start, double stop, int64_t count, DType dtype) {
  const Tensor i = iota(count, DType::f64);
  if (count < 2) return cast(i + start, dtype);
  const Tensor x = i * ((stop - start) / static_cast<double>(count - 1)) + start;
  return cast(where(i == static_cast<double>(count - 1), stop, x), dtype);
}

Tensor eye(int64_t n, DType dtype) {
  return one_hot(iota(n), n, dtype);
}

}  // namespace gradus
