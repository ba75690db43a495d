// Reductions take the last axis; the functions at the end bring the wanted axes there.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/reduce.cpp"
#include <gradus/core/op.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/reduce-inl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#ifndef GRADUS_REDUCE_TABLE
#define GRADUS_REDUCE_TABLE
namespace gradus {
struct ReduceTable {
  Call::Run sum[2], prod[2], max[2], min[2], logsumexp[2], norm[2];  // f32, f64
};
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

// out[c] = the reduction of column c, with the same tree as reduce_row; rows lie `stride` apart.
// The width is known at compile time, or at most `most` at run time.
template <class T, class R, int64_t most, bool whole>
void reduce_tile(const T* x, int64_t stride, int64_t n, int64_t columns, T* out) {
  const int64_t width = whole ? most : columns;
  Joiner<T, R> joiners[most];
  for (int64_t from = 0; from < n; from += block) {
    HWY_ALIGN T lanes[virtual_lanes][most];
    for (auto& lane : lanes)
      for (int64_t c = 0; c < width; ++c) lane[c] = R::start;
    const int64_t count = std::min(block, n - from);
    for (int64_t i = 0; i < count; ++i) {
      const T* row = x + (from + i) * stride;
      T* lane = lanes[i % virtual_lanes];
      for (int64_t c = 0; c < width; ++c) lane[c] = R::join(lane[c], row[c]);
    }
    for (int64_t w = virtual_lanes / 2; w > 0; w /= 2)
      for (int64_t j = 0; j < w; ++j)
        for (int64_t c = 0; c < width; ++c) lanes[j][c] = R::join(lanes[j][c], lanes[j + w][c]);
    if (n <= block)
      std::memcpy(out, lanes[0], static_cast<size_t>(width) * sizeof(T));
    else
      for (int64_t c = 0; c < width; ++c) joiners[c].add(lanes[0][c]);
  }
  if (n > block)
    for (int64_t c = 0; c < width; ++c) out[c] = joiners[c].result();
}

template <class T, class R>
void reduce_columns(const T* x, int64_t stride, int64_t n, int64_t columns, T* out) {
  const auto tile = [&](int64_t t) {
    int64_t c = 64 * t;
    if (c + 64 <= columns) return reduce_tile<T, R, 64, true>(x + c, stride, n, 64, out + c);
    for (; c + 16 <= columns; c += 16) reduce_tile<T, R, 16, true>(x + c, stride, n, 16, out + c);
    if (c < columns) reduce_tile<T, R, 16, false>(x + c, stride, n, columns - c, out + c);
  };
  const int64_t tiles = (columns + 63) / 64;
  if (n * columns < worth_threads)
    for (int64_t t = 0; t < tiles; ++t) tile(t);
  else
    parallel_for(tiles, tile);
}

// Sums go down columns side by side; the other reductions are rarer and gather their rows.
template <class T, class R, bool columns_together = false>
void run_reduce(const Call& c) {
  const View& x = c.in[0];
  T* y = c.out[0].as<T>();
  const int last = x.shape.size() - 1;
  const int64_t n = x.shape[last], stride = x.strides[last];
  if constexpr (columns_together) {
    if (last >= 1 && x.strides[last - 1] == 1 && stride != 1 && n > 0) {
      View outer = x;  // the columns are one row of `outer`
      outer.shape.erase(last);
      outer.strides.erase(last);
      const int64_t columns = outer.shape.back();
      int64_t rows = 1;
      for (int i = 0; i + 1 < outer.shape.size(); ++i) rows *= outer.shape[i];
      rows_between<T>(outer, 0, rows, [&](const T* from, int64_t r) {
        reduce_columns<T, R>(from, stride, n, columns, y + r * columns);
      });
      return;
    }
  }
  each_row<T>(x, [&](const T* from, int64_t r) { y[r] = reduce_row<T, R>(from, stride, n); });
}

template <class T>
void run_logsumexp(const Call& c) {
  const View& x = c.in[0];
  T* y = c.out[0].as<T>();
  const int last = x.shape.size() - 1;
  const int64_t n = x.shape[last], stride = x.strides[last];
  each_row<T>(x, [&](const T* from, int64_t r) {
    const double top = top_of(from, stride, n);
    const double rest =
        std::isfinite(top)
            ? std::log(static_cast<double>(reduce_row<T, Sum<T>>(from, stride, n, ExpBelow{top})))
            : 0;
    y[r] = static_cast<T>(top + rest);
  });
}

// Squares are summed in f64; f64 rows far from 1 are scaled by a power of two first.
template <class T>
void run_norm(const Call& c) {
  const View& x = c.in[0];
  T* y = c.out[0].as<T>();
  const int last = x.shape.size() - 1;
  const int64_t n = x.shape[last], stride = x.strides[last];
  each_row<T>(x, [&](const T* from, int64_t r) HWY_ATTR {
    double top = 0;
    bool nan = false;
    for (int64_t i = 0; i < n; ++i) {
      const double v = std::fabs(static_cast<double>(from[i * stride]));
      nan |= v != v;
      top = v > top ? v : top;
    }
    if (top == 0 || std::isinf(top) || nan) {
      y[r] = std::isinf(top) ? std::numeric_limits<T>::infinity()
             : nan           ? std::numeric_limits<T>::quiet_NaN()
                             : T(0);
      return;
    }
    // Outside 1e+-140 a sum of squares could overflow or lose digits.
    const int exponent = top > 1e140 || top < 1e-140 ? std::ilogb(top) : 0;
    // Two factors: 2^1074 alone overflows.
    const double half_down = std::ldexp(1.0, -exponent / 2),
                 rest_down = std::ldexp(1.0, -exponent - (-exponent / 2));
    Joiner<double, Sum<double>> joiner;
    for (int64_t i = 0; i < n; i += block) {
      double squares[block];
      const int64_t count = std::min(block, n - i);
      for (int64_t k = 0; k < count; ++k) {
        const double v = static_cast<double>(from[(i + k) * stride]) * half_down * rest_down;
        squares[k] = v * v;
      }
      joiner.add(reduce_block<double, Sum<double>>(squares, count));
    }
    y[r] = static_cast<T>(std::ldexp(std::sqrt(joiner.result()), exponent));
  });
}

const ReduceTable* reduce_table() {
  static constexpr ReduceTable t = {
    {run_reduce<float, Sum<float>, true>, run_reduce<double, Sum<double>, true>},
    {run_reduce<float, Product<float>>, run_reduce<double, Product<double>>},
    {run_reduce<float, Max<float>>, run_reduce<double, Max<double>>},
    {run_reduce<float, Min<float>>, run_reduce<double, Min<double>>},
#if HWY_HAVE_FLOAT64
    {run_logsumexp<float>, run_logsumexp<double>},
#else
    {run_logsumexp<float>, nullptr},
#endif
    {run_norm<float>, run_norm<double>}
  };
  return &t;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gradus/base/error.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

HWY_EXPORT(reduce_table);

const ReduceTable& reductions() {
  static const ReduceTable* const t = HWY_DYNAMIC_DISPATCH(reduce_table)();
  return *t;
}

Type drop_last(const Op&, std::span<const Type> in, const Attrs&, int) {
  Type out = in[0];
  out.shape.erase(out.shape.size() - 1);
  return out;
}

Type drop_last_i64(const Op& op, std::span<const Type> in, const Attrs& attrs, int o) {
  return {DType::i64, drop_last(op, in, attrs, o).shape};
}

Type same_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}
Type same_shape_i64(const Op&, std::span<const Type> in, const Attrs&, int) {
  return {DType::i64, in[0].shape};
}

template <auto member>
Kernel by_float(std::span<const Type> in) {
  return {(reductions().*member)[static_cast<size_t>(in[0].dtype)]};
}

// Integers reduce with the baseline target's code: their bits are the same everywhere.
template <auto member, template <class> class R>
Kernel by_type(const Op&, std::span<const Type> in, const Type&) {
  switch (in[0].dtype) {
    case DType::i32:
      return {HWY_NAMESPACE::run_reduce<int32_t, R<int32_t>>};
    case DType::i64:
      return {HWY_NAMESPACE::run_reduce<int64_t, R<int64_t>>};
    default:
      return by_float<member>(in);
  }
}

template <auto member>
Kernel floats_only(const Op&, std::span<const Type> in, const Type&) {
  return by_float<member>(in);
}

template <class R>
Kernel on_masks(const Op&, std::span<const Type>, const Type&) {
  return {HWY_NAMESPACE::run_reduce<bool, R>};
}

template <template <class> class K>
Kernel plain(const Op&, std::span<const Type> in, const Type&) {
  switch (in[0].dtype) {
    case DType::f32:
      return {K<float>::run};
    case DType::f64:
      return {K<double>::run};
    case DType::i32:
      return {K<int32_t>::run};
    default:
      return {K<int64_t>::run};
  }
}

// Walks rows along the last axis of all operands together: f(pointers offset by row).
template <class F>
void rows_of(const View& shape_of, F f) {
  const int kept = shape_of.shape.size() - 1;
  int64_t rows = 1;
  for (int i = 0; i < kept; ++i) rows *= shape_of.shape[i];
  Dims at = shape_of.shape;
  for (int i = 0; i < at.size(); ++i) at[i] = 0;
  for (int64_t r = 0; r < rows; ++r) {
    f(at, r);
    for (int i = kept - 1; i >= 0; --i) {
      if (++at[i] < shape_of.shape[i]) break;
      at[i] = 0;
    }
  }
}

template <class T>
const T* row_start(const View& v, const Dims& at) {
  const T* p = v.as<T>();
  for (int i = 0; i + 1 < v.shape.size(); ++i) p += at[i] * v.strides[i];
  return p;
}

template <class T>
bool before(T a, T b) {  // ascending, NaN last
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return a < b;
}

template <class T, bool largest>
void run_arg(const Call& c) {
  const View& x = c.in[0];
  const int last = x.shape.size() - 1;
  rows_of(x, [&](const Dims& at, int64_t r) {
    const T* p = row_start<T>(x, at);
    int64_t best = 0;
    for (int64_t i = 1; i < x.shape[last]; ++i) {
      const T now = p[i * x.strides[last]], held = p[best * x.strides[last]];
      if (held != held) break;  // the first NaN is the answer, as in NumPy
      if (now != now || (largest ? now > held : now < held)) best = i;
    }
    c.out[0].as<int64_t>()[r] = best;
  });
}
template <class T>
struct ArgMax {
  static constexpr Call::Run run = run_arg<T, true>;
};
template <class T>
struct ArgMin {
  static constexpr Call::Run run = run_arg<T, false>;
};

template <class T>
struct CumSum {
  static void run(const Call& c) {
    const View& x = c.in[0];
    const int last = x.shape.size() - 1;
    rows_of(x, [&](const Dims& at, int64_t r) {
      const T* p = row_start<T>(x, at);
      T* y = c.out[0].as<T>() + r * x.shape[last];
      T total = 0;
      for (int64_t i = 0; i < x.shape[last]; ++i)
        y[i] = total = HWY_NAMESPACE::Sum<T>::join(total, p[i * x.strides[last]]);
    });
  }
};

template <class T>
struct Scan {
  static void run(const Call& c) {
    const View &a = c.in[0], &b = c.in[1];
    const int last = a.shape.size() - 1;
    rows_of(a, [&](const Dims& at, int64_t r) {
      const T *pa = row_start<T>(a, at), *pb = row_start<T>(b, at);
      T* h = c.out[0].as<T>() + r * a.shape[last];
      for (int64_t i = 0; i < a.shape[last]; ++i) {
        const T carried =
            i == 0 ? T(0) : HWY_NAMESPACE::Product<T>::join(pa[i * a.strides[last]], h[i - 1]);
        h[i] = HWY_NAMESPACE::Sum<T>::join(carried, pb[i * b.strides[last]]);
      }
    });
  }
};

template <class T>
struct ArgSort {
  static void run(const Call& c) {
    const View& x = c.in[0];
    const int last = x.shape.size() - 1;
    const int64_t n = x.shape[last], stride = x.strides[last];
    rows_of(x, [&](const Dims& at, int64_t r) {
      const T* p = row_start<T>(x, at);
      int64_t* y = c.out[0].as<int64_t>() + r * n;
      for (int64_t i = 0; i < n; ++i) y[i] = i;
      // Ties by place: stable, and unlike stable_sort it needs no memory.
      std::sort(y, y + n, [&](int64_t i, int64_t j) {
        const T a = p[i * stride], b = p[j * stride];
        return before(a, b) || (!before(b, a) && i < j);
      });
    });
  }
};

Tensor spread_last(const Tensor& x, const Shape& shape) {
  return broadcast_to(expand_dims(x, -1), shape);
}

Tensor sum_pull(const Context& c, std::span<const Tensor> bar, int) {
  return spread_last(bar[0], c.in[0].shape());
}

// The product of all others on the last axis, without division: zeros are exact.
Tensor product_of_others(const Tensor& x) {
  const auto exclusive = [](const Tensor& v) {
    const int last = v.rank() - 1;
    const Tensor one = ones_like(slice_axis(v, last, {0, 1}));
    return cumprod(concatenate({one, slice_axis(v, last, {0, -1})}, last), last);
  };
  const Dims last{x.rank() - 1};
  return exclusive(x) * flip(exclusive(flip(x, last)), last);
}

Tensor prod_pull(const Context& c, std::span<const Tensor> bar, int) {
  return strong_product(spread_last(bar[0], c.in[0].shape()), product_of_others(c.in[0]));
}

Tensor prod_push(const Context& c, std::span<const Tensor> dot, int) {
  return sum(strong_product(dot[0], product_of_others(c.in[0])), {.axis = -1});
}

// The elements equal to the extreme share the slope.
Tensor shares(const Context& c) {
  const Tensor hit = cast(c.in[0] == spread_last(c.out[0], c.in[0].shape()), c.in[0].dtype());
  return hit / spread_last(sum(hit, {.axis = -1}), hit.shape());
}

Tensor extreme_pull(const Context& c, std::span<const Tensor> bar, int) {
  return strong_product(spread_last(bar[0], c.in[0].shape()), shares(c));
}

Tensor extreme_push(const Context& c, std::span<const Tensor> dot, int) {
  return sum(strong_product(dot[0], shares(c)), {.axis = -1});
}

// The softmax; 0 where y is -inf. Dividing by the sum takes away the rounding of a large y.
Tensor weights(const Context& c) {
  const Tensor y = stop_gradient(spread_last(c.out[0], c.in[0].shape()));
  const Tensor finite = where(isfinite(y), y, 0.0);
  const Tensor e = exp(c.in[0] - finite);
  const Tensor total = spread_last(sum(e, {.axis = -1}), e.shape());
  return where(isfinite(y), e / total, cast(logical_and(c.in[0] == y, y > 0.0), y.dtype()));
}

Tensor logsumexp_pull(const Context& c, std::span<const Tensor> bar, int) {
  return strong_product(spread_last(bar[0], c.in[0].shape()), weights(c));
}

Tensor logsumexp_push(const Context& c, std::span<const Tensor> dot, int) {
  return sum(strong_product(dot[0], weights(c)), {.axis = -1});
}

Tensor direction(const Context& c) {
  return c.in[0] / spread_last(where(c.out[0] == 0.0, 1.0, c.out[0]), c.in[0].shape());
}

Tensor norm_pull(const Context& c, std::span<const Tensor> bar, int) {
  return strong_product(spread_last(bar[0], c.in[0].shape()), direction(c));
}

Tensor norm_push(const Context& c, std::span<const Tensor> dot, int) {
  return sum(strong_product(dot[0], direction(c)), {.axis = -1});
}

Tensor cumsum_pull(const Context&, std::span<const Tensor> bar, int) {
  const Dims last{bar[0].rank() - 1};
  return flip(cumsum(flip(bar[0], last), -1), last);
}

// Neighbours on the last axis: by = +1 gives x[k-1], by = -1 gives x[k+1], zero at the edge.
Tensor shifted(const Tensor& x, int by) {
  Dims low = x.shape();
  for (int i = 0; i < low.size(); ++i) low[i] = 0;
  Dims high = low;
  const int last = x.rank() - 1;
  if (by > 0) {
    low[last] = 1;
    return pad(slice_axis(x, last, {0, -1}), low, high);
  }
  high[last] = 1;
  return pad(slice_axis(x, last, {1, slice_end}), low, high);
}

// g[k] = bar[k] + a[k+1] g[k+1] runs backwards; b_bar = g and a_bar[k] = g[k] h[k-1].
Tensor scan_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Dims last{bar[0].rank() - 1};
  const Tensor g = flip(scan(flip(shifted(c.in[0], -1), last), flip(bar[0], last), -1), last);
  return i == 1 ? g : strong_product(g, shifted(c.out[0], 1));
}

Tensor scan_push(const Context& c, std::span<const Tensor> dot, int) {
  Tensor b = dot[1].is_absent() ? zeros_like(c.in[1]) : dot[1];
  if (!dot[0].is_absent()) b = b + strong_product(dot[0], shifted(c.out[0], 1));
  return scan(c.in[0], b, -1);
}

double one_an_element(std::span<const Type> in, const Attrs&, const Type&) {
  return static_cast<double>(element_count(in[0].shape));
}

constexpr Op reduction(const char* name, const char* says, const char* math,
                       Kernel (*kernel)(const Op&, std::span<const Type>, const Type&), Rule rule,
                       Kind kind = Kind::custom) {
  return {.name = name,
          .says = says,
          .math = math,
          .kind = kind,
          .type = drop_last,
          .kernel = kernel,
          .rule = rule,
          .batch = batch_leading,
          .work = kind == Kind::fixed ? nullptr : one_an_element,
          .by_rows = true};
}

constexpr const char* by_place = "its result is a place, not an amount";

}  // namespace

namespace op {
constinit const Op sum =
    reduction("sum", "the total of the last axis", "sum(x) = x_0 + x_1 + ...",
              by_type<&ReduceTable::sum, HWY_NAMESPACE::Sum>, {.pull = sum_pull}, Kind::linear);
constinit const Op prod = reduction("prod", "the product of the last axis", "prod(x) = x_0 x_1 ...",
                                    by_type<&ReduceTable::prod, HWY_NAMESPACE::Product>,
                                    {.pull = prod_pull, .push = prod_push});
constinit const Op max = reduction("max", "the largest of the last axis", "max(x)",
                                   by_type<&ReduceTable::max, HWY_NAMESPACE::Max>,
                                   {.pull = extreme_pull, .push = extreme_push});
constinit const Op min = reduction("min", "the smallest of the last axis", "min(x)",
                                   by_type<&ReduceTable::min, HWY_NAMESPACE::Min>,
                                   {.pull = extreme_pull, .push = extreme_push});
constinit const Op logsumexp = reduction(
    "logsumexp", "log of the sum of exponentials of the last axis", "logsumexp(x) = ln sum e^x_i",
    floats_only<&ReduceTable::logsumexp>, {.pull = logsumexp_pull, .push = logsumexp_push});
constinit const Op norm =
    reduction("norm", "Euclidean length of the last axis", "norm(x) = sqrt(sum x_i^2)",
              floats_only<&ReduceTable::norm>, {.pull = norm_pull, .push = norm_push});
constinit const Op any =
    reduction("any", "whether one element of the last axis holds", "any(x)",
              on_masks<HWY_NAMESPACE::Any>, {.why = "its result is true or false"}, Kind::fixed);
constinit const Op all =
    reduction("all", "whether all elements of the last axis hold", "all(x)",
              on_masks<HWY_NAMESPACE::All>, {.why = "its result is true or false"}, Kind::fixed);
constinit const Op argmax{.name = "argmax",
                          .says = "the first place of the largest of the last axis",
                          .math = "argmax(x)",
                          .type = drop_last_i64,
                          .kernel = plain<ArgMax>,
                          .rule = {.why = by_place},
                          .batch = batch_leading};
constinit const Op argmin{.name = "argmin",
                          .says = "the first place of the smallest of the last axis",
                          .math = "argmin(x)",
                          .type = drop_last_i64,
                          .kernel = plain<ArgMin>,
                          .rule = {.why = by_place},
                          .batch = batch_leading};
constinit const Op argsort{.name = "argsort",
                           .says = "the order that sorts the last axis",
                           .math = "argsort(x)",
                           .type = same_shape_i64,
                           .kernel = plain<ArgSort>,
                           .rule = {.why = by_place},
                           .batch = batch_leading};
constinit const Op cumsum{.name = "cumsum",
                          .says = "running totals of the last axis",
                          .math = "y_k = x_0 + ... + x_k",
                          .kind = Kind::linear,
                          .type = same_type,
                          .kernel = plain<CumSum>,
                          .rule = {.pull = cumsum_pull},
                          .batch = batch_leading,
                          .work = one_an_element};
constinit const Op scan{.name = "scan",
                        .says = "a first-order linear recurrence along the last axis",
                        .math = "h_k = a_k h_(k-1) + b_k",
                        .kind = Kind::custom,
                        .inputs = 2,
                        .type = same_type,
                        .kernel = plain<Scan>,
                        .rule = {.pull = scan_pull, .push = scan_push},
                        .batch = batch_leading,
                        .work = one_an_element};
}  // namespace op

namespace {

Dims axes_of(const char* name, const Tensor& x, const Reduce& over) {
  Dims axes;
  if (!over.axis.list) {
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
    return axes;
  }
  for (int64_t a : *over.axis.list) {
    const int axis = normal_axis(name, a, x.rank());
    if (axes.contains(axis))
      raise(ErrorKind::shape, std::string(name) + ": axis " + std::to_string(axis) + " of " +
                                  to_string(x.type()) +
                                  " is given twice. Each axis may appear once.");
    axes.push_back(axis);
  }
  return axes;
}

// The axes to reduce moved to the end and merged into one.
Tensor gathered_last(const Tensor& x, const Dims& axes) {
  Dims order;
  Shape shape, gone;
  for (int i = 0; i < x.rank(); ++i)
    if (!axes.contains(i)) order.push_back(i), shape.push_back(x.shape()[i]);
  for (int i = 0; i < x.rank(); ++i)
    if (axes.contains(i)) order.push_back(i), gone.push_back(x.shape()[i]);
  shape.push_back(element_count(gone));
  return reshape(permute(x, order), shape);
}

Tensor keep(const Tensor& y, const Tensor& x, const Dims& axes, bool keepdims) {
  if (!keepdims) return y;
  Shape shape = x.shape();
  for (int64_t a : axes) shape[static_cast<int>(a)] = 1;
  return reshape(y, shape);
}

Tensor reduce(const Op& op, const Tensor& x, const Reduce& over) {
  const Dims axes = axes_of(op.name, x, over);
  return keep(apply(op, {gathered_last(x, axes)}), x, axes, over.keepdims);
}

int64_t reduced_count(const Tensor& x, const Dims& axes) {
  Shape gone;
  for (int64_t a : axes) gone.push_back(x.shape()[static_cast<int>(a)]);
  return element_count(gone);
}

void require_elements(const Op& op, const Tensor& x, const Reduce& over) {
  if (reduced_count(x, axes_of(op.name, x, over)) == 0)
    raise(ErrorKind::shape, std::string(op.name) + ": " + to_string(x.type()) +
                                " has no elements along the reduced axes. "
                                "At least one is needed.");
}

Tensor arg(const Op& op, const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  require_number(op, x.type());
  Reduce over;
  over.keepdims = keepdims;
  if (axis) over.axis = *axis;
  require_elements(op, x, over);
  return reduce(op, x, over);
}

}  // namespace

// Trailing axes first, where they lie, and then the others: nothing is moved but sums.
Tensor sum(const Tensor& x, const Reduce& over) {
  require_number(op::sum, x.type());
  const Dims axes = axes_of(op::sum.name, x, over);
  Dims trailing, others;
  for (int i = x.rank() - 1; i >= 0; --i)
    if (axes.contains(i)) (trailing.size() == x.rank() - 1 - i ? trailing : others).push_back(i);
  if (trailing.empty() || others.empty()) return reduce(op::sum, x, over);
  return keep(reduce(op::sum, reduce(op::sum, x, {.axis = trailing}), {.axis = others}), x, axes,
              over.keepdims);
}

Tensor prod(const Tensor& x, const Reduce& over) {
  require_number(op::prod, x.type());
  return reduce(op::prod, x, over);
}

Tensor mean(const Tensor& x, const Reduce& over) {
  require_float(op::sum, x.type());
  const int64_t n = reduced_count(x, axes_of("mean", x, over));
  return sum(x, over) / static_cast<double>(n);
}

Tensor max(const Tensor& x, const Reduce& over) {
  require_number(op::max, x.type());
  require_elements(op::max, x, over);
  return reduce(op::max, x, over);
}

Tensor min(const Tensor& x, const Reduce& over) {
  require_number(op::min, x.type());
  require_elements(op::min, x, over);
  return reduce(op::min, x, over);
}

Tensor argmax(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return arg(op::argmax, x, axis, keepdims);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return arg(op::argmin, x, axis, keepdims);
}

Tensor any(const Tensor& x, const Reduce& over) {
  return reduce(op::any, cast(x, DType::boolean), over);
}
Tensor all(const Tensor& x, const Reduce& over) {
  return reduce(op::all, cast(x, DType::boolean), over);
}

Tensor var(const Tensor& x, const Reduce& over, int64_t ddof) {
  require_float(op::sum, x.type());
  const int64_t n = reduced_count(x, axes_of("var", x, over));
  const Tensor away = x - mean(x, {.axis = over.axis, .keepdims = true});
  return sum(square(away), over) / static_cast<double>(std::max<int64_t>(n - ddof, 0));
}

Tensor std_dev(const Tensor& x, const Reduce& over, int64_t ddof) {
  return sqrt(var(x, over, ddof));
}

Tensor logsumexp(const Tensor& x, const Reduce& over) {
  require_float(op::logsumexp, x.type());
  return reduce(op::logsumexp, x, over);
}

Tensor norm(const Tensor& x, const Reduce& over) {
  require_float(op::norm, x.type());
  return reduce(op::norm, x, over);
}

Tensor norm_p(const Tensor& x, double p, const Reduce& over) {
  require_float(op::norm, x.type());
  if (p == 1) return sum(abs(x), over);
  if (p == 2) return norm(x, over);
  if (std::isinf(p) && p > 0) return max(abs(x), over);
  if (!(p > 0))
    raise(ErrorKind::domain, "norm_p: p = " + std::to_string(p) +
                                 " is not positive. p runs from above 0 to infinity.");
  // Scaled by the largest element, so that no power overflows.
  const Tensor top = stop_gradient(max(abs(x), {.axis = over.axis, .keepdims = true}));
  const Tensor scale = where(top == 0.0, 1.0, top);
  const Tensor flat = over.keepdims ? scale : reshape(scale, sum(x, over).shape());
  const Tensor total = sum(pow(abs(x) / scale, p), over);
  // At 0 the root has an infinite slope, the norm by convention 0.
  return where(total == 0.0, 0.0, flat * pow(total, 1 / p));
}

Tensor cumsum(const Tensor& x, int64_t axis) {
  require_number(op::cumsum, x.type());
  return move_axis(apply(op::cumsum, {move_axis(x, axis, -1)}), -1, axis);
}

Tensor cumprod(const Tensor& x, int64_t axis) {
  const Tensor last = move_axis(x, axis, -1);
  // h[0] = b[0] = x[0], then h[k] = x[k] h[k-1].
  Dims low = last.shape(), high = last.shape();
  for (int i = 0; i < low.size(); ++i) low[i] = high[i] = 0;
  const int64_t n = last.shape().back();
  if (n == 0) return x;
  high[high.size() - 1] = n - 1;
  const Tensor start = pad(slice_axis(last, -1, {0, 1}), low, high);
  return move_axis(scan(last, start, -1), -1, axis);
}

Tensor scan(const Tensor& a, const Tensor& b, int64_t axis) {
  Tensor x = a, y = b;
  align(op::scan, x, y);
  require_number(op::scan, x.type());
  return move_axis(apply(op::scan, {move_axis(x, axis, -1), move_axis(y, axis, -1)}), -1, axis);
}

Tensor argsort(const Tensor& x, int64_t axis) {
  require_number(op::argsort, x.type());
  return move_axis(apply(op::argsort, {move_axis(x, axis, -1)}), -1, axis);
}

Tensor sort(const Tensor& x, int64_t axis) {
  return take_along_axis(x, argsort(x, axis), axis);
}

TopK top_k(const Tensor& x, int64_t k, int64_t axis) {
  const int a = normal_axis("top_k", axis, x.rank());
  if (k < 0 || k > x.shape()[a])
    raise(ErrorKind::shape, "top_k: " + std::to_string(k) + " of axis " + std::to_string(a) +
                                " of " + to_string(x.type()) +
                                " are asked for. k runs from 0 to the size of the axis.");
  // Ascending order of -x keeps the first of equal elements first; -x - 1 exists for every integer.
  const Tensor places = slice_axis(argsort(is_integer(x.dtype()) ? -x - 1 : -x, a), a, {0, k});
  return {take_along_axis(x, places, a), places};
}

}  // namespace gradus
#endif
