// Derivatives as ops of their own: the slope of gelu_tanh and what layer_norm passes back.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/slopes.cpp"
#include <gradus/core/op.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/lanes_math-inl.h>
#include <gradus/ops/reduce-inl.h>
#include <gradus/ops/room.h>
#include <gradus/ops/rows-inl.h>

#include <cmath>

#ifndef GRADUS_SLOPES_TABLE
#define GRADUS_SLOPES_TABLE
namespace gradus {
struct SlopesTable {
  Call::Row gelu_tanh_slope[2];  // f32, f64
  Call::Run layer_norm_grad[2];
};
// gelu_tanh(x) = x sigmoid(gelu_1 x + gelu_3 x^3).
constexpr double gelu_1 = 1.59576912160573071176, gelu_3 = 0.044715 * gelu_1;
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

struct GeluTanhSlope {
  // Max error 3 ulp for f32 and f64 of the largest of |y| and 1, all x.
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    using L = Lanes<D>;
    using M = LaneMath<D>;
    using Table = typename M::Table;
    constexpr double log2e = 1.44269504088896340736;
    const L a = cap(floor_at(x, -Table::gelu_tanh_limit), Table::gelu_tanh_limit), z = a * a;
    // e = 2^y = exp(-|v|), so that nothing overflows: s and 1 - s are 1 / (1 + e) and e times it.
    const L y = -abs(a) * fma(z, gelu_3 * log2e, gelu_1 * log2e);
    const L k = (y + M::magic) - M::magic, r = y - k;
    const L e = M::scale(fma(r, M::poly(r, Table::exp2_e), 1.0), k);
    const L large = 1.0 / (e + 1.0), small = e * large;
    const auto right = x > 0.0;
    const L s = if_then_else(right, large, small), rest = if_then_else(right, small, large);
    return s * fma(a * fma(z, 3 * gelu_3, gelu_1), rest, 1.0);
  }
};

// Sums of f and of g over a row, in the order of every reduction. f(i) gives the vector of their
// numbers from i on, f(i, count) the last one.
template <class T, class F, class G>
HWY_INLINE void two_sums(int64_t n, const F& f, const G& g, T* of_f, T* of_g) {
  using S = Strip<T, Sum<T>>;
  Joiner<T, Sum<T>> fs, gs;
  for (int64_t first = 0; first < n; first += block) {
    const int64_t end = std::min(n, first + block);
    S a, b;
    int64_t k = first;
    for (; k + virtual_lanes <= end; k += virtual_lanes) a.take(k, f), b.take(k, g);
    for (int64_t v = 0; k < end; k += S::width, ++v) {
      const int64_t some = std::min(S::width, end - k);
      a.take_some(v, f(k, some), some);
      b.take_some(v, g(k, some), some);
    }
    fs.add(a.total());
    gs.add(b.total());
  }
  *of_f = fs.result();
  *of_g = gs.result();
}

// f(x, d) of two rows, vector by vector.
template <class T, class F>
struct Paired {
  const T *x, *d;
  F f;
  using D = hn::CappedTag<T, virtual_lanes>;
  HWY_INLINE Lanes<D> operator()(int64_t i) const {
    return f(Lanes<D>(hn::LoadU(D(), x + i)), Lanes<D>(hn::LoadU(D(), d + i)));
  }
  HWY_INLINE Lanes<D> operator()(int64_t i, int64_t n) const {
    const auto some = static_cast<size_t>(n);
    return f(Lanes<D>(load_some(D(), x + i, some)), Lanes<D>(load_some(D(), d + i, some)));
  }
};
template <class T, class F>
HWY_INLINE Paired<T, F> paired(const T* x, const T* d, F f) {
  return {x, d, f};
}

template <class T>
void layer_norm_grad_row(const T* x, const T* d, int64_t n, double epsilon, T* out) {
  const auto count = static_cast<T>(n);
  T sum_x, sum_d, squares, products;
  two_sums<T>(n, paired(x, d, [](auto v, auto) HWY_ATTR { return v; }),
              paired(x, d, [](auto, auto w) HWY_ATTR { return w; }), &sum_x, &sum_d);
  const auto mean = static_cast<double>(sum_x / count), mean_d = static_cast<double>(sum_d / count);
  two_sums<T>(
      n,
      paired(x, d,
             [mean](auto v, auto) HWY_ATTR {
               const auto away = v - decltype(v)(mean);
               return away * away;
             }),
      paired(x, d,
             [mean](auto v, auto w) HWY_ATTR { return strong_product(w, v - decltype(v)(mean)); }),
      &squares, &products);
  const double scale = 1 / std::sqrt(static_cast<double>(squares / count) + epsilon);
  const T along =
      products == 0 ? T(0) : static_cast<T>(static_cast<double>(products) * scale) / count;
  const auto part = static_cast<double>(along);
  const auto row = paired(x, d, [=](auto v, auto w) HWY_ATTR {
    using L = decltype(v);
    const L y = (v - L(mean)) * L(scale);
    return strong_product((w - L(mean_d)) - strong_product(L(part), y), L(scale));
  });
  using D = hn::CappedTag<T, virtual_lanes>;
  constexpr auto width = static_cast<int64_t>(hn::MaxLanes(D()));
  int64_t i = 0;
  for (; i + width <= n; i += width) hn::StoreU(row(i).v, D(), out + i);
  if (i < n) store_some(D(), row(i, n - i).v, out + i, static_cast<size_t>(n - i));
}

template <class T>
void run_layer_norm_grad(const Call& c) {
  const int last = c.in[0].shape.size() - 1;
  const int64_t n = c.in[0].shape[last], rows = n == 0 ? 0 : element_count(c.in[0].shape) / n;
  thread_local Room room_x, room_d;
  const T *x = side_by_side<T>(c.in[0], room_x), *d = side_by_side<T>(c.in[1], room_d);
  T* out = c.out[0].as<T>();
  const double epsilon = c.attrs->number;
  const auto between = [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r)
      layer_norm_grad_row(x + r * n, d + r * n, n, epsilon, out + r * n);
  };
  if (rows * n < worth_threads) return between(0, rows);
  const int64_t each = std::max<int64_t>(segment / n, 1);
  parallel_for((rows + each - 1) / each,
               [&](int64_t i) { between(i * each, std::min(rows, (i + 1) * each)); });
}

const SlopesTable* slopes_table() {
  static constexpr SlopesTable t = {
#if HWY_HAVE_FLOAT64
    {row_1<float, GeluTanhSlope>, row_1<double, GeluTanhSlope>},
    {run_layer_norm_grad<float>, run_layer_norm_grad<double>}
#else
    {row_1<float, GeluTanhSlope>},
    {run_layer_norm_grad<float>}
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

HWY_EXPORT(slopes_table);

const SlopesTable& slopes() {
  static const SlopesTable* const t = HWY_DYNAMIC_DISPATCH(slopes_table)();
  return *t;
}

Type first_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

Kernel gelu_tanh_slope_kernel(const Op&, std::span<const Type> in, const Type&) {
  return {run_rows, slopes().gelu_tanh_slope[static_cast<size_t>(in[0].dtype)]};
}
Kernel layer_norm_grad_kernel(const Op&, std::span<const Type> in, const Type&) {
  return {slopes().layer_norm_grad[static_cast<size_t>(in[0].dtype)]};
}

// s s' (2 v' + x v'' + x v'^2 (s' - s)), s' = 1 - s = sigmoid(-v).
Tensor gelu_tanh_bend(Tensor x, Tensor) {
  const Tensor z = square(x), v = x * (gelu_3 * z + gelu_1);
  const Tensor rise = 3 * gelu_3 * z + gelu_1, s = sigmoid(v), rest = sigmoid(-v);
  return s * rest * (2.0 * rise + 6 * gelu_3 * z + x * square(rise) * (rest - s));
}

Tensor row_mean(const Tensor& x) {
  return broadcast_to(mean(x, {.axis = -1, .keepdims = true}), x.shape());
}

// layer_norm is the gradient of n sqrt(var + epsilon), so its second derivative T(b, d), one more
// row, is symmetric in all three: one function serves towards x in both modes.
Tensor layer_norm_bend(const Tensor& x, const Tensor& b, const Tensor& d, double epsilon) {
  const Tensor away = x - row_mean(x);
  const Tensor inverse = rsqrt(row_mean(square(away)) + epsilon), y = away * inverse;
  const Tensor along_b = row_mean(b * y), along_d = row_mean(d * y);
  const Tensor seen = row_mean(b * d) - row_mean(b) * row_mean(d) - along_b * along_d;
  return -inverse * layer_norm_grad(x, along_d * b + along_b * d, epsilon) -
         square(inverse) * seen * y;
}

Tensor layer_norm_grad_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i == 1) return layer_norm_grad(c.in[0], bar[0], c.attrs.number);
  return layer_norm_bend(c.in[0], bar[0], c.in[1], c.attrs.number);
}

Tensor layer_norm_grad_push(const Context& c, std::span<const Tensor> dot, int) {
  Tensor y_dot;
  if (!dot[1].is_absent()) y_dot = layer_norm_grad(c.in[0], dot[1], c.attrs.number);
  if (dot[0].is_absent()) return y_dot;
  const Tensor bend = layer_norm_bend(c.in[0], dot[0], c.in[1], c.attrs.number);
  return y_dot.is_absent() ? bend : y_dot + bend;
}

double layer_norm_grad_work(std::span<const Type> in, const Attrs&, const Type&) {
  return 13 * static_cast<double>(element_count(in[0].shape));
}

constexpr Known slope_known[] = {{{0}, 0.5}, {{1}, 1.08296408384578255514}};

}  // namespace

namespace op {
constinit const Op gelu_tanh_slope{
    .name = "gelu_tanh_slope",
    .says = "the slope of gelu_tanh",
    .math =
        "gelu_tanh_slope(x) = s (1 + v' x (1 - s)), s = 1 / (1 + e^-v), v = sqrt(8/pi) (x + "
        "0.044715 x^3)",
    .kind = Kind::elementwise,
    .pointwise = true,
    .type = first_type,
    .kernel = gelu_tanh_slope_kernel,
    .rule = {.slope = {{.unary = gelu_tanh_bend}}},
    .batch = batch_leading,
    .checks = {.ulp = 3, .low = -3, .high = 3, .known = slope_known}};
constinit const Op layer_norm_grad{
    .name = "layer_norm_grad",
    .says = "what layer_norm passes back or on: its Jacobian at the first times the second",
    .math = "layer_norm_grad(x, d) = (d - mean(d) - y mean(d y)) / sqrt(var(x) + epsilon)",
    .kind = Kind::custom,
    .inputs = 2,
    .type = first_type,
    .kernel = layer_norm_grad_kernel,
    .rule = {.pull = layer_norm_grad_pull, .push = layer_norm_grad_push},
    .batch = batch_leading,
    .work = layer_norm_grad_work,
    .by_rows = true};
}  // namespace op

Tensor gelu_tanh_slope(const Tensor& x) {
  require_float(op::gelu_tanh_slope, x.type());
  return apply(op::gelu_tanh_slope, {x});
}

Tensor layer_norm_grad(const Tensor& x, const Tensor& d, double epsilon) {
  for (const Tensor* t : {&x, &d}) require_float(op::layer_norm_grad, t->type());
  if (!(x.type() == d.type()))
    raise(ErrorKind::shape, "layer_norm_grad: x " + to_string(x.type()) + " and d " +
                                to_string(d.type()) + " differ. Both have one type.");
  normal_axis(op::layer_norm_grad.name, -1, x.rank());
  Attrs attrs;
  attrs.number = epsilon;
  return apply(op::layer_norm_grad, {x, d}, attrs);
}

}  // namespace gradus
#endif
