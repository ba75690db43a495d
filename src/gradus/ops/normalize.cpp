// Rows brought to a normal form in one kernel: softmax, its logarithm, and layer_norm. They take
// the last axis; the functions at the end bring the wanted axis there.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/normalize.cpp"
#include <gradus/core/op.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/reduce-inl.h>

#include <cmath>

#ifndef GRADUS_NORMALIZE_TABLE
#define GRADUS_NORMALIZE_TABLE
namespace gradus {
struct NormalizeTable {
  Call::Run softmax[2], log_softmax[2], layer_norm[2];  // f32, f64
};
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

// Vectors of y = f(x).
template <class T, class F>
struct Written {
  const T* x;
  T* y;
  F f;
  using D = hn::CappedTag<T, virtual_lanes>;
  HWY_INLINE Lanes<D> operator()(int64_t i) const {
    const Lanes<D> v = f(Lanes<D>(hn::LoadU(D(), x + i)));
    hn::StoreU(v.v, D(), y + i);
    return v;
  }
  HWY_INLINE Lanes<D> operator()(int64_t i, int64_t n) const {
    const auto some = static_cast<size_t>(n);
    const Lanes<D> v = f(Lanes<D>(load_some(D(), x + i, some)));
    store_some(D(), v.v, y + i, some);
    return v;
  }
};

// y = f(x); returns its sum.
template <class T, class F>
T write_and_sum(const T* x, T* y, int64_t n, F f) {
  return reduce_segments<T, Sum<T>>(n, [&](int64_t first, int64_t count) HWY_ATTR {
    return reduce_lanes<T, Sum<T>>(count, Written<T, F>{x + first, y + first, f});
  });
}

// y = f(x).
template <class T, class F>
void write(const T* x, T* y, int64_t n, F f) {
  const auto part = [&](int64_t s) HWY_ATTR {
    const int64_t first = s * segment, end = std::min(n, first + segment);
    const Written<T, F> w{x, y, f};
    constexpr int64_t width = hn::MaxLanes(hn::CappedTag<T, virtual_lanes>());
    int64_t i = first;
    for (; i + 2 * width <= end; i += 2 * width) w(i), w(i + width);
    for (; i < end; i += width) w(i, std::min(width, end - i));
  };
  if (n < worth_threads)
    for (int64_t s = 0; s * segment < n; ++s) part(s);
  else
    parallel_for((n + segment - 1) / segment, part);
}

// Calls f(x, y) for every row: n numbers side by side, brought to y first where they are not.
template <class T, class F>
void each_row_to(const Call& c, const F& f) {
  const View& x = c.in[0];
  const int last = x.shape.size() - 1;
  const int64_t n = x.shape[last], stride = x.strides[last];
  each_row<T>(x, [&](const T* from, int64_t r) {
    T* y = c.out[0].as<T>() + r * n;
    f(gathered(from, stride, n, y), y, n);
  });
}

template <class T>
void run_softmax(const Call& c) {
  each_row_to<T>(c, [](const T* x, T* y, int64_t n) {
    const double top = top_of(x, 1, n);
    const T total = write_and_sum(x, y, n, ExpBelow{top});
    const auto share = static_cast<double>(T(1) / total);
    write(y, y, n, [share](auto v) HWY_ATTR { return v * decltype(v)(share); });
  });
}

template <class T>
void run_log_softmax(const Call& c) {
  each_row_to<T>(c, [](const T* x, T* y, int64_t n) {
    const double top = top_of(x, 1, n);
    // An infinite or NaN top alone decides.
    const double rest =
        std::isfinite(top)
            ? std::log(static_cast<double>(reduce_row<T, Sum<T>>(x, 1, n, ExpBelow{top})))
            : 0;
    write(x, y, n,
          [top, rest](auto v) HWY_ATTR { return (v - decltype(v)(top)) - decltype(v)(rest); });
  });
}

template <class T>
void run_layer_norm(const Call& c) {
  const double epsilon = c.attrs->number;
  each_row_to<T>(c, [epsilon](const T* x, T* y, int64_t n) {
    const auto count = static_cast<T>(n);
    const auto mean = static_cast<double>(reduce_row<T, Sum<T>>(x, 1, n) / count);
    const T squares = reduce_row<T, Sum<T>>(x, 1, n, [mean](auto v) HWY_ATTR {
      const auto away = v - decltype(v)(mean);
      return away * away;
    });
    const double scale = 1 / std::sqrt(static_cast<double>(squares / count) + epsilon);
    write(x, y, n,
          [mean, scale](auto v) HWY_ATTR { return (v - decltype(v)(mean)) * decltype(v)(scale); });
  });
}

const NormalizeTable* normalize_table() {
  static constexpr NormalizeTable t = {
#if HWY_HAVE_FLOAT64
    {run_softmax<float>, run_softmax<double>},
    {run_log_softmax<float>, run_log_softmax<double>},
    {run_layer_norm<float>, run_layer_norm<double>}
#else
    {run_softmax<float>},
    {run_log_softmax<float>},
    {run_layer_norm<float>}
#endif
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
#include <gradus/ops/slopes.h>

namespace gradus {
namespace {

HWY_EXPORT(normalize_table);

template <auto member>
Kernel by_float(const Op&, std::span<const Type> in, const Type&) {
  static const NormalizeTable* const t = HWY_DYNAMIC_DISPATCH(normalize_table)();
  return {(t->*member)[static_cast<size_t>(in[0].dtype)]};
}

Type same_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

// The total of each row, beside each of its elements.
Tensor row_sum(const Tensor& x) {
  return broadcast_to(sum(x, {.axis = -1, .keepdims = true}), x.shape());
}

// The Jacobian diag(y) - y y^T is symmetric: cotangents and tangents pass alike.
Tensor through_softmax(const Tensor& y, const Tensor& d) {
  return strong_product(d - row_sum(strong_product(d, y)), y);
}
Tensor softmax_pull(const Context& c, std::span<const Tensor> bar, int) {
  return through_softmax(c.out[0], bar[0]);
}
Tensor softmax_push(const Context& c, std::span<const Tensor> dot, int) {
  return through_softmax(c.out[0], dot[0]);
}

Tensor log_softmax_pull(const Context& c, std::span<const Tensor> bar, int) {
  return bar[0] - strong_product(row_sum(bar[0]), exp(c.out[0]));
}
Tensor log_softmax_push(const Context& c, std::span<const Tensor> dot, int) {
  return dot[0] - row_sum(strong_product(dot[0], exp(c.out[0])));
}

Tensor layer_norm_pull(const Context& c, std::span<const Tensor> bar, int) {
  return layer_norm_grad(c.in[0], bar[0], c.attrs.number);
}
Tensor layer_norm_push(const Context& c, std::span<const Tensor> dot, int) {
  return layer_norm_grad(c.in[0], dot[0], c.attrs.number);
}

template <int operations>
double each_element(std::span<const Type> in, const Attrs&, const Type&) {
  return operations * static_cast<double>(element_count(in[0].shape));
}

}  // namespace

namespace op {
constinit const Op softmax{.name = "softmax",
                           .says = "exponentials over their sum, along the last axis",
                           .math = "softmax(x)_i = e^x_i / sum_j e^x_j",
                           .kind = Kind::custom,
                           .type = same_type,
                           .kernel = by_float<&NormalizeTable::softmax>,
                           .rule = {.pull = softmax_pull, .push = softmax_push},
                           .batch = batch_leading,
                           .work = each_element<5>,
                           .by_rows = true};
constinit const Op log_softmax{.name = "log_softmax",
                               .says = "the logarithm of softmax, without overflow",
                               .math = "log_softmax(x)_i = x_i - ln sum_j e^x_j",
                               .kind = Kind::custom,
                               .type = same_type,
                               .kernel = by_float<&NormalizeTable::log_softmax>,
                               .rule = {.pull = log_softmax_pull, .push = log_softmax_push},
                               .batch = batch_leading,
                               .work = each_element<6>,
                               .by_rows = true};
constinit const Op layer_norm{.name = "layer_norm",
                              .says = "the last axis moved to mean 0 and scaled to variance 1",
                              .math = "layer_norm(x) = (x - mean(x)) / sqrt(var(x) + epsilon)",
                              .kind = Kind::custom,
                              .type = same_type,
                              .kernel = by_float<&NormalizeTable::layer_norm>,
                              .rule = {.pull = layer_norm_pull, .push = layer_norm_push},
                              .batch = batch_leading,
                              .work = each_element<6>,
                              .by_rows = true};
}  // namespace op

namespace {

Tensor along(const Op& op, const Tensor& x, int64_t axis, const Attrs& attrs = {}) {
  require_float(op, x.type());
  const int a = normal_axis(op.name, axis, x.rank());
  return move_axis(apply(op, {move_axis(x, a, -1)}, attrs), -1, a);
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) {
  return along(op::softmax, x, axis);
}

Tensor log_softmax(const Tensor& x, int64_t axis) {
  return along(op::log_softmax, x, axis);
}

Tensor layer_norm(const Tensor& x, int64_t axis, double epsilon) {
  Attrs attrs;
  attrs.number = epsilon;
  return along(op::layer_norm, x, axis, attrs);
}

}  // namespace gradus
#endif
