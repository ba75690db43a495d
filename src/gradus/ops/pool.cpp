#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/pool.cpp"
#include <gradus/base/pool.h>
#include <gradus/core/op.h>
#include <gradus/ops/room.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/lanes-inl.h>

#include <algorithm>

#ifndef GRADUS_POOL_TABLE
#define GRADUS_POOL_TABLE
namespace gradus {
namespace {

// Attrs: a, size, stride and padding of both axes, then whether averages count the padding; sizes
// of 0 stand for adaptive windows. b, the last two sizes of the result.

// The windows along one axis of n elements.
struct Windows {
  int64_t size, stride, padding, n, count;
  bool counts_padding;

  struct Window {
    int64_t first, end;  // inside
    int64_t counted;     // elements of an average
  };
  Window operator[](int64_t i) const {
    if (size == 0) {
      const int64_t first = i * n / count, end = ((i + 1) * n + count - 1) / count;
      return {first, end, end - first};
    }
    const int64_t from = i * stride - padding, to = std::min(from + size, n + padding);
    const int64_t first = std::max<int64_t>(from, 0), end = std::min(to, n);
    return {first, end, counts_padding ? to - from : end - first};
  }
};

// Both axes of planes x (H, W) and y (H', W').
struct Grid {
  Windows rows, cols;
  int64_t planes, plane, places;  // how many; elements of one of x and of y

  Grid(const Attrs& attrs, const Shape& x, const Shape& y) {
    const auto axis = [&](int i) {
      const Dims& a = attrs.a;
      const int at = x.size() - 2 + i;
      return Windows{a[i], a[2 + i], a[4 + i], x[at], y[at], a[6] != 0};
    };
    rows = axis(0), cols = axis(1);
    plane = rows.n * cols.n;
    places = rows.count * cols.count;
    planes = places == 0 ? 0 : element_count(y) / places;
  }
};

constexpr int64_t least_chunk = 1 << 14;  // elements

// f(plane) for each, in chunks that threads share.
void each_plane(const Grid& g, const auto& f) {
  const int64_t each = std::max<int64_t>(1, least_chunk / std::max<int64_t>(g.plane, 1));
  const auto chunk = [&](int64_t i) {
    for (int64_t p = i * each; p < std::min(g.planes, (i + 1) * each); ++p) f(p);
  };
  if (g.planes <= each) {
    if (g.planes > 0) chunk(0);
    return;
  }
  parallel_for((g.planes + each - 1) / each, chunk);
}

// For inputs that do not lie side by side.
struct Rooms {
  Room numbers, places;
};
Rooms& rooms() {
  thread_local Rooms mine;
  return mine;
}

}  // namespace

struct PoolTable {
  Call::Run max_pool[2], avg_pool[2];  // f32, f64
};

}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using PoolTag = hn::ScalableTag<T>;

// Windows whose columns are all inside: the first and the end.
struct Inside {
  int64_t first, end;
  explicit Inside(const Windows& w) {
    first = end = 0;
    if (w.size == 0 || w.stride > 2 || w.n + w.padding < w.size) return;
    first = std::min((w.padding + w.stride - 1) / w.stride, w.count);
    end = std::clamp((w.n + w.padding - w.size) / w.stride + 1, first, w.count);
  }
};

// f(numbers, place) for the taps of so many windows beside each other, row by row; all are inside.
template <class T, class F>
HWY_INLINE void each_tap(const T* x, const Grid& g, const Windows::Window& rows, int64_t window,
                         int64_t lanes, const F& f) {
  const PoolTag<T> d;
  const Windows& w = g.cols;
  const int64_t first = window * w.stride - w.padding;
  for (int64_t r = rows.first; r < rows.end; ++r) {
    for (int64_t k = 0; k < w.size; ++k) {
      const int64_t at = r * w.n + first + k;
      if (w.stride == 1) {
        f(load_some(d, x + at, static_cast<size_t>(lanes)), at);
        continue;
      }
#if HWY_TARGET != HWY_SCALAR
      // One in two; the neighbours between them are the next tap, where there is one.
      constexpr auto L = static_cast<int64_t>(hn::MaxLanes(PoolTag<T>()));
      const bool pair = k + 1 < w.size;
      const int64_t span = 2 * lanes - (pair ? 0 : 1), low = std::min(span, L);
      const auto a = load_some(d, x + at, static_cast<size_t>(low));
      const auto b = load_some(d, x + at + L, static_cast<size_t>(span - low));
      f(hn::ConcatEven(d, b, a), at);
      if (pair) f(hn::ConcatOdd(d, b, a), at + 1), ++k;
#else
      f(hn::LoadU(d, x + at), at);
#endif
    }
  }
}

// Runs by vectors over the windows inside, and one(i, j) for the others.
template <class T, class Many, class One>
HWY_INLINE void each_window(const Grid& g, const Inside& inside, const Many& many, const One& one) {
  constexpr auto L = static_cast<int64_t>(hn::MaxLanes(PoolTag<T>()));
  for (int64_t i = 0; i < g.rows.count; ++i) {
    const auto rows = g.rows[i];
    for (int64_t j = 0; j < inside.first; ++j) one(i, j);
    for (int64_t j = inside.first; j < inside.end; j += L)
      many(rows, i * g.cols.count + j, j, std::min(L, inside.end - j));
    for (int64_t j = inside.end; j < g.cols.count; ++j) one(i, j);
  }
}

template <class T>
void run_max_pool(const Call& c) {
  const Grid g(*c.attrs, c.in[0].shape, c.out[0].shape);
  const T* const all = side_by_side<T>(c.in[0], rooms().numbers);
  const Inside inside(g.cols);
  each_plane(g, [&](int64_t plane) HWY_ATTR {
    const PoolTag<T> d;
    const hn::RebindToSigned<PoolTag<T>> whole;
    using I = hn::TFromD<decltype(whole)>;
    const T* const x = all + plane * g.plane;
    T* const y = c.out[0].as<T>() + plane * g.places;
    int32_t* const places = c.out[1].as<int32_t>() + plane * g.places;
    const auto apart = hn::Mul(hn::Iota(whole, 0), hn::Set(whole, static_cast<I>(g.cols.stride)));
    each_window<T>(
        g, inside,
        [&](const Windows::Window& rows, int64_t k, int64_t j, int64_t lanes) HWY_ATTR {
          // Nothing is not larger than the first, whatever that is.
          auto best = hn::Zero(d);
          auto place = hn::Zero(whole);
          bool any = false;
          each_tap(x, g, rows, j, lanes, [&](auto v, int64_t at) HWY_ATTR {
            const auto here = hn::Add(apart, hn::Set(whole, static_cast<I>(at)));
            if (!any) {
              best = v, place = here, any = true;
              return;
            }
            const auto take = hn::AndNot(hn::Le(v, best), hn::Eq(best, best));
            best = hn::IfThenElse(take, v, best);
            place = hn::IfThenElse(hn::RebindMask(whole, take), here, place);
          });
          const auto n = static_cast<size_t>(lanes);
          store_some(d, best, y + k, n);
          if constexpr (sizeof(I) == sizeof(int32_t)) {
            store_some(whole, place, places + k, n);
          } else {
            HWY_ALIGN I at[hn::MaxLanes(PoolTag<T>())];
            hn::Store(place, whole, at);
            for (size_t l = 0; l < n; ++l)
              places[k + static_cast<int64_t>(l)] = static_cast<int32_t>(at[l]);
          }
        },
        [&](int64_t i, int64_t j) {
          const auto rows = g.rows[i], cols = g.cols[j];
          int64_t best = rows.first * g.cols.n + cols.first;
          for (int64_t r = rows.first; r < rows.end; ++r)
            for (int64_t k = r * g.cols.n + cols.first; k < r * g.cols.n + cols.end; ++k)
              if (x[best] == x[best] && !(x[k] <= x[best])) best = k;
          y[i * g.cols.count + j] = x[best];
          places[i * g.cols.count + j] = static_cast<int32_t>(best);
        });
  });
}

template <class T>
void run_avg_pool(const Call& c) {
  const Grid g(*c.attrs, c.in[0].shape, c.out[0].shape);
  const T* const all = side_by_side<T>(c.in[0], rooms().numbers);
  const Inside inside(g.cols);
  each_plane(g, [&](int64_t plane) HWY_ATTR {
    const PoolTag<T> d;
    const T* const x = all + plane * g.plane;
    T* const y = c.out[0].as<T>() + plane * g.places;
    each_window<T>(
        g, inside,
        [&](const Windows::Window& rows, int64_t k, int64_t j, int64_t lanes) HWY_ATTR {
          auto sum = hn::Zero(d);
          each_tap(x, g, rows, j, lanes, [&](auto v, int64_t) HWY_ATTR { sum = hn::Add(sum, v); });
          const auto count = static_cast<T>(rows.counted * g.cols.size);
          store_some(d, hn::Div(sum, hn::Set(d, count)), y + k, static_cast<size_t>(lanes));
        },
        [&](int64_t i, int64_t j) {
          const auto rows = g.rows[i], cols = g.cols[j];
          T sum = 0;
          for (int64_t r = rows.first; r < rows.end; ++r)
            for (int64_t k = cols.first; k < cols.end; ++k) sum += x[r * g.cols.n + k];
          y[i * g.cols.count + j] = sum / static_cast<T>(rows.counted * cols.counted);
        });
  });
}

const PoolTable* pool_table() {
  static constexpr PoolTable t = {
#if HWY_HAVE_FLOAT64
    {run_max_pool<float>, run_max_pool<double>},
    {run_avg_pool<float>, run_avg_pool<double>}
#else
    {run_max_pool<float>},
    {run_avg_pool<float>}
#endif
  };
  return &t;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gradus/base/error.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

HWY_EXPORT(pool_table);

template <auto member>
Kernel of_target(const Op&, std::span<const Type> in, const Type&) {
  return {(HWY_DYNAMIC_DISPATCH(pool_table)()->*member)[static_cast<size_t>(in[0].dtype)]};
}

template <class T>
void run_take(const Call& c) {
  const Grid g(*c.attrs, c.in[0].shape, c.out[0].shape);
  const T* const all = side_by_side<T>(c.in[0], rooms().numbers);
  const int32_t* const places = side_by_side<int32_t>(c.in[1], rooms().places);
  each_plane(g, [&](int64_t plane) {
    const T* x = all + plane * g.plane;
    for (int64_t k = plane * g.places; k < (plane + 1) * g.places; ++k)
      c.out[0].as<T>()[k] = x[places[k]];
  });
}

template <class T>
void run_put(const Call& c) {
  const Grid g(*c.attrs, c.out[0].shape, c.in[0].shape);
  const T* const y = side_by_side<T>(c.in[0], rooms().numbers);
  const int32_t* const places = side_by_side<int32_t>(c.in[1], rooms().places);
  each_plane(g, [&](int64_t plane) {
    T* x = c.out[0].as<T>() + plane * g.plane;
    std::fill_n(x, g.plane, T(0));
    for (int64_t k = plane * g.places; k < (plane + 1) * g.places; ++k) x[places[k]] += y[k];
  });
}

template <class T>
void run_avg_unpool(const Call& c) {
  const Grid g(*c.attrs, c.out[0].shape, c.in[0].shape);
  const T* const all = side_by_side<T>(c.in[0], rooms().numbers);
  each_plane(g, [&](int64_t plane) {
    const T* y = all + plane * g.places;
    T* x = c.out[0].as<T>() + plane * g.plane;
    std::fill_n(x, g.plane, T(0));
    for (int64_t i = 0; i < g.rows.count; ++i) {
      const auto rows = g.rows[i];
      for (int64_t j = 0; j < g.cols.count; ++j) {
        const auto cols = g.cols[j];
        const T share = *y++ / static_cast<T>(rows.counted * cols.counted);
        for (int64_t r = rows.first; r < rows.end; ++r)
          for (int64_t k = cols.first; k < cols.end; ++k) x[r * g.cols.n + k] += share;
      }
    }
  });
}

#define BY_FLOAT(run)                                              \
  [](const Op&, std::span<const Type> in, const Type&) -> Kernel { \
    return {in[0].dtype == DType::f32 ? run<float> : run<double>}; \
  }

Type pooled(const Op&, std::span<const Type> in, const Attrs& attrs, int output) {
  Type out{output == 1 ? DType::i32 : in[0].dtype, in[0].shape};
  for (int i = 0; i < 2; ++i) out.shape[out.shape.size() - 2 + i] = attrs.b[i];
  return out;
}

Tensor sized(const Op& op, std::initializer_list<Tensor> in, const Attrs& like,
             const Tensor& sizes) {
  Attrs attrs = like;
  attrs.b = {sizes.shape()[sizes.rank() - 2], sizes.shape().back()};
  return apply(op, in, attrs);
}

Tensor max_pull(const Context& c, std::span<const Tensor> bar, int) {
  return sized(op::put_places, {bar[0], c.out[1]}, c.attrs, c.in[0]);
}
Tensor max_push(const Context& c, std::span<const Tensor> dot, int output) {
  if (output == 1) return {};
  return sized(op::take_places, {dot[0], c.out[1]}, c.attrs, c.out[0]);
}
Tensor take_pull(const Context& c, std::span<const Tensor> bar, int) {
  return sized(op::put_places, {bar[0], c.in[1]}, c.attrs, c.in[0]);
}
Tensor put_pull(const Context& c, std::span<const Tensor> bar, int) {
  return sized(op::take_places, {bar[0], c.in[1]}, c.attrs, c.in[0]);
}
Tensor avg_pull(const Context& c, std::span<const Tensor> bar, int) {
  return sized(op::avg_unpool, {bar[0]}, c.attrs, c.in[0]);
}
Tensor unpool_pull(const Context& c, std::span<const Tensor> bar, int) {
  return sized(op::avg_pool, {bar[0]}, c.attrs, c.in[0]);
}

// One for each element of a window.
double of_windows(const Attrs& attrs, const Shape& x, const Shape& y) {
  const Grid g(attrs, x, y);
  const auto elements = [](const Windows& w) {
    return w.size == 0 ? static_cast<double>(w.n) : static_cast<double>(w.size * w.count);
  };
  return static_cast<double>(g.planes) * elements(g.rows) * elements(g.cols);
}
double pool_work(std::span<const Type> in, const Attrs& attrs, const Type& out) {
  return out.dtype == DType::i32 ? 0 : of_windows(attrs, in[0].shape, out.shape);
}
double unpool_work(std::span<const Type> in, const Attrs& attrs, const Type& out) {
  return of_windows(attrs, out.shape, in[0].shape);
}
double one_a_place(std::span<const Type> in, const Attrs&, const Type&) {
  return static_cast<double>(element_count(in[1].shape));
}

}  // namespace

namespace op {
constinit const Op max_pool{.name = "max_pool",
                            .says = "the largest number of each window, and its place",
                            .math = "y_i = max over window i of x",
                            .kind = Kind::custom,
                            .outputs = 2,
                            .type = pooled,
                            .kernel = of_target<&PoolTable::max_pool>,
                            .rule = {.pull = max_pull, .push = max_push},
                            .batch = batch_leading,
                            .work = pool_work};
constinit const Op take_places{.name = "take_places",
                               .says = "the numbers at given places of each plane",
                               .math = "y_i = x[places_i]",
                               .kind = Kind::linear,
                               .inputs = 2,
                               .type = pooled,
                               .kernel = BY_FLOAT(run_take),
                               .rule = {.pull = take_pull},
                               .batch = batch_leading};
constinit const Op put_places{.name = "put_places",
                              .says = "adds numbers into given places of planes of zeros",
                              .math = "x[places_i] += y_i",
                              .kind = Kind::linear,
                              .inputs = 2,
                              .type = pooled,
                              .kernel = BY_FLOAT(run_put),
                              .rule = {.pull = put_pull},
                              .batch = batch_leading,
                              .work = one_a_place};
constinit const Op avg_pool{.name = "avg_pool",
                            .says = "the mean of each window",
                            .math = "y_i = mean over window i of x",
                            .kind = Kind::linear,
                            .type = pooled,
                            .kernel = of_target<&PoolTable::avg_pool>,
                            .rule = {.pull = avg_pull},
                            .batch = batch_leading,
                            .work = pool_work};
constinit const Op avg_unpool{.name = "avg_unpool",
                              .says = "shares each number out over its window",
                              .math = "x_k = sum over windows i of k of y_i / count_i",
                              .kind = Kind::linear,
                              .type = pooled,
                              .kernel = BY_FLOAT(run_avg_unpool),
                              .rule = {.pull = unpool_pull},
                              .batch = batch_leading,
                              .work = unpool_work};
}  // namespace op

namespace {

// x with one axis more in front of the last.
Tensor as_rows(const char* name, const Tensor& x) {
  if (x.rank() < 1)
    raise(ErrorKind::shape,
          std::string(name) + ": " + to_string(x.type()) + " has no axis. x must be (..., L).");
  return expand_dims(x, x.rank() - 1);
}

void require_planes(const char* name, const Tensor& x) {
  if (!is_float(x.dtype()))
    raise(ErrorKind::dtype, std::string(name) + ": " + to_string(x.type()) +
                                " is not a floating-point tensor. It computes in f32 or f64. Cast "
                                "to f64 first.");
  if (x.rank() < 2)
    raise(ErrorKind::shape, std::string(name) + ": " + to_string(x.type()) +
                                " has no planes. x must be (..., H, W).");
}

// Over the last `axes` axes of x, which has a row axis in any case.
Tensor pool(const Op& op, const char* name, int axes, const Tensor& x, const Tensor& shown,
            const PoolOptions& options) {
  require_planes(name, x);
  const auto each = [&](const char* what, const Dims& given, int64_t least) {
    Dims all;
    for (int i = 0; i < axes && !given.empty(); ++i)
      all.push_back(given[std::min(i, given.size() - 1)]);
    const bool fits = given.size() == 1 || given.size() == axes;
    if (!fits || std::ranges::any_of(all, [&](int64_t v) { return v < least; }))
      raise(ErrorKind::shape, std::string(name) + ": " + what + " " + to_string(given) + " over " +
                                  (axes == 1 ? "one axis" : "two axes") +
                                  ": one number for each, or one for all, of at least " +
                                  std::to_string(least) + " is needed.");
    return all;
  };
  const Dims size = each("size", options.size, 1),
             stride = options.stride.empty() ? size : each("stride", options.stride, 1),
             padding = options.padding.empty() ? each("padding", {0}, 0)
                                               : each("padding", options.padding, 0);
  Attrs attrs;
  for (int i = 0; i < axes; ++i) {
    const int64_t n = x.shape()[x.rank() - axes + i], room = n + 2 * padding[i] - size[i];
    if (2 * padding[i] > size[i])
      raise(ErrorKind::shape, std::string(name) + ": padding " + to_string(padding) +
                                  " for windows of " + to_string(size) +
                                  ": it may be half of a window at most, or a window would hold "
                                  "nothing.");
    if (room < 0)
      raise(ErrorKind::shape, std::string(name) + ": " + to_string(shown.type()) +
                                  " with windows of " + to_string(size) + " and padding " +
                                  to_string(padding) + ": axis " +
                                  std::to_string(shown.rank() - axes + i) +
                                  " is shorter than a window. Use smaller windows, or pad.");
    int64_t count = room / stride[i] + 1;
    if (options.ceil_mode && room % stride[i] != 0 && count * stride[i] < n + padding[i]) ++count;
    attrs.b.push_back(count);
  }
  const auto put = [&](const Dims& d, int64_t usual) {
    if (axes == 1) attrs.a.push_back(usual);
    for (int64_t v : d) attrs.a.push_back(v);
  };
  put(size, 1), put(stride, 1), put(padding, 0);
  attrs.a.push_back(options.count_include_pad ? 1 : 0);
  if (axes == 1) attrs.b.insert(0, 1);
  return apply_many(op, {&x, 1}, attrs)[0];
}

Tensor adaptive(const Op& op, const char* name, const Tensor& x, const Dims& out) {
  require_planes(name, x);
  Dims sizes = out;
  if (sizes.size() == 1) sizes.push_back(sizes[0]);
  bool fits = sizes.size() == 2;
  for (int i = 0; fits && i < 2; ++i) fits = sizes[i] >= 1 && x.shape()[x.rank() - 2 + i] >= 1;
  if (!fits)
    raise(ErrorKind::shape, std::string(name) + ": " + to_string(x.type()) + " to " +
                                to_string(out) +
                                ": two sizes, or one for both, of at least 1, and planes that are "
                                "not empty, are needed.");
  Attrs attrs;
  attrs.a = {0, 0, 0, 0, 0, 0, 0};
  attrs.b = sizes;
  return apply_many(op, {&x, 1}, attrs)[0];
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& options) {
  return pool(op::max_pool, "max_pool2d", 2, x, x, options);
}
Tensor max_pool1d(const Tensor& x, const PoolOptions& options) {
  return squeeze(pool(op::max_pool, "max_pool1d", 1, as_rows("max_pool1d", x), x, options), -2);
}
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  return pool(op::avg_pool, "avg_pool2d", 2, x, x, options);
}
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options) {
  return squeeze(pool(op::avg_pool, "avg_pool1d", 1, as_rows("avg_pool1d", x), x, options), -2);
}

Tensor adaptive_avg_pool2d(const Tensor& x, const Dims& out) {
  return adaptive(op::avg_pool, "adaptive_avg_pool2d", x, out);
}
Tensor adaptive_max_pool2d(const Tensor& x, const Dims& out) {
  return adaptive(op::max_pool, "adaptive_max_pool2d", x, out);
}
Tensor global_avg_pool2d(const Tensor& x) {
  require_planes("global_avg_pool2d", x);
  return mean(x, {.axis = {-2, -1}, .keepdims = true});
}
Tensor global_max_pool2d(const Tensor& x) {
  return adaptive(op::max_pool, "global_max_pool2d", x, {1, 1});
}

}  // namespace gradus
#endif
