// The gates of an LSTM as one op: one pass over memory where a chain of ops would be a dozen, of
// too few numbers each to be shared out to threads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/recurrent.cpp"
#include <gradus/core/op.h>

#include <hwy/foreach_target.h>

#include <gradus/base/pool.h>
#include <gradus/ops/lanes_math-inl.h>
#include <gradus/ops/room.h>

#ifndef GRADUS_RECURRENT_TABLE
#define GRADUS_RECURRENT_TABLE
namespace gradus {
struct RecurrentTable {
  Call::Run gates[2], gates_grad[2];  // f32, f64
};
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {

// Calls f(row, first, count) for stretches of at most a vector that cover all rows of c.
template <class T, class F>
void each_cell(const View& c, const F& f) {
  constexpr auto width = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  constexpr int64_t least = 1024;  // numbers of c that are worth a thread
  const int64_t hidden = c.shape.back();
  const int64_t rows = hidden == 0 ? 0 : element_count(c.shape) / hidden;
  const auto between = [&](int64_t from, int64_t to) HWY_ATTR {
    for (int64_t r = from; r < to; ++r)
      for (int64_t j = 0; j < hidden; j += width) f(r, j, std::min(width, hidden - j));
  };
  if (rows * hidden < 2 * least) return between(0, rows);
  const int64_t each = (least + hidden - 1) / hidden;
  parallel_for((rows + each - 1) / each,
               [&](int64_t i) { between(i * each, std::min(rows, (i + 1) * each)); });
}

template <class T>
HWY_INLINE Lanes<hn::ScalableTag<T>> lanes_at(const T* p, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto some = static_cast<size_t>(n);
  return some == hn::Lanes(d) ? hn::LoadU(d, p) : load_some(d, p, some);
}
template <class T>
HWY_INLINE void put(Lanes<hn::ScalableTag<T>> x, T* p, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto some = static_cast<size_t>(n);
  if (some == hn::Lanes(d))
    hn::StoreU(x.v, d, p);
  else
    store_some(d, x.v, p, some);
}

// The quarters of a row of gates, from number j on.
template <class T>
struct Quarters {
  T *i, *f, *g, *o;
  Quarters(T* all, int64_t row, int64_t hidden, int64_t j)
      : i(all + 4 * row * hidden + j), f(i + hidden), g(f + hidden), o(g + hidden) {}
};

template <class T>
void run_gates(const Call& c) {
  thread_local Room room_z, room_c;
  const T *z = side_by_side<T>(c.in[0], room_z), *old = side_by_side<T>(c.in[1], room_c);
  T *h = c.out[0].as<T>(), *next = c.out[1].as<T>(), *gates = c.out[2].as<T>();
  const int64_t hidden = c.in[1].shape.back();
  each_cell<T>(c.in[1], [=](int64_t r, int64_t j, int64_t n) HWY_ATTR {
    const Quarters<const T> from(z, r, hidden, j);
    const Quarters<T> to(gates, r, hidden, j);
    const auto i = sigmoid(lanes_at(from.i, n)), f = sigmoid(lanes_at(from.f, n)),
               g = tanh(lanes_at(from.g, n)), o = sigmoid(lanes_at(from.o, n));
    const auto sum = f * lanes_at(old + r * hidden + j, n) + i * g;
    put(i, to.i, n), put(f, to.f, n), put(g, to.g, n), put(o, to.o, n);
    put(sum, next + r * hidden + j, n);
    put(o * tanh(sum), h + r * hidden + j, n);
  });
}

template <class T>
void run_gates_grad(const Call& c) {
  thread_local Room rooms[5];
  const T* in[5];
  for (size_t k = 0; k < 5; ++k) in[k] = side_by_side<T>(c.in[k], rooms[k]);
  T *z_bar = c.out[0].as<T>(), *before = c.out[1].as<T>();
  const int64_t hidden = c.in[1].shape.back();
  each_cell<T>(c.in[1], [=](int64_t r, int64_t j, int64_t n) HWY_ATTR {
    const Quarters<const T> from(in[0], r, hidden, j);
    const Quarters<T> to(z_bar, r, hidden, j);
    const int64_t at = r * hidden + j;
    const auto i = lanes_at(from.i, n), f = lanes_at(from.f, n), g = lanes_at(from.g, n),
               o = lanes_at(from.o, n), t = tanh(lanes_at(in[2] + at, n)),
               h_bar = lanes_at(in[3] + at, n);
    const auto bar = lanes_at(in[4] + at, n) + h_bar * (o * (1.0 - t * t));
    put(bar * (g * (i * (1.0 - i))), to.i, n);
    put(bar * (lanes_at(in[1] + at, n) * (f * (1.0 - f))), to.f, n);
    put(bar * (i * (1.0 - g * g)), to.g, n);
    put(h_bar * (t * (o * (1.0 - o))), to.o, n);
    put(bar * f, before + at, n);
  });
}

const RecurrentTable* recurrent_table() {
  static constexpr RecurrentTable t = {
#if HWY_HAVE_FLOAT64
    {run_gates<float>, run_gates<double>},
    {run_gates_grad<float>, run_gates_grad<double>}
#else
    {run_gates<float>},
    {run_gates_grad<float>}
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
#include <gradus/ops/recurrent.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

HWY_EXPORT(recurrent_table);

template <auto member>
Kernel recurrent_kernel(const Op&, std::span<const Type> in, const Type&) {
  static const RecurrentTable* const t = HWY_DYNAMIC_DISPATCH(recurrent_table)();
  return {(t->*member)[static_cast<size_t>(in[0].dtype)]};
}

// h and c' are like c, the gates like z; cotangents are like what they are of.
Type gates_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  return in[output == 2 ? 0 : 1];
}
Type gates_grad_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  return in[static_cast<size_t>(output)];
}

// Quarters of the last axis, and one of four tensors.
struct Four {
  Tensor i, f, g, o;
  Four(const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d)
      : i(a), f(b), g(c), o(d) {}
  explicit Four(const Tensor& z) : i(at(z, 0)), f(at(z, 1)), g(at(z, 2)), o(at(z, 3)) {}
  Tensor joined() const { return concatenate({i, f, g, o}, -1); }

 private:
  static Tensor at(const Tensor& z, int64_t k) {
    const int64_t hidden = z.shape().back() / 4;
    return slice_axis(z, -1, {k * hidden, (k + 1) * hidden});
  }
};

Tensor rise(const Tensor& s) {
  return s * (1 - s);
}
Tensor or_zeros(const Tensor& x, const Tensor& like) {
  return x.is_absent() ? zeros_like(like) : x;
}

// d gates / d z, element by element.
Tensor slopes_of(const Four& a) {
  return Four(rise(a.i), rise(a.f), 1 - square(a.g), rise(a.o)).joined();
}

Tensor gates_pull(const Context& c, std::span<const Tensor> bar, int input) {
  const LstmGatesGrad g = lstm_gates_grad(c.out[2], c.in[1], c.out[1], or_zeros(bar[0], c.out[0]),
                                          or_zeros(bar[1], c.out[1]));
  if (input == 1) return g.c;
  return bar[2].is_absent() ? g.z : g.z + strong_product(bar[2], slopes_of(Four(c.out[2])));
}

Tensor gates_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Four a(c.out[2]);
  const Tensor gates_dot = strong_product(or_zeros(dot[0], c.in[0]), slopes_of(a));
  if (output == 2) return gates_dot;
  const Four d(gates_dot);
  const Tensor next_dot = a.f * or_zeros(dot[1], c.in[1]) + c.in[1] * d.f + a.i * d.g + a.g * d.i;
  if (output == 1) return next_dot;
  const Tensor t = tanh(c.out[1]);
  return d.o * t + a.o * (1 - square(t)) * next_dot;
}

// What both rules of the way back start from: the gates, t = tanh(c'), the cotangent of c' and its
// slope by that of h.
struct WayBack {
  Four a;
  Tensor c, t, h_bar, by_h, bar;
  explicit WayBack(const Context& x)
      : a(x.in[0]),
        c(x.in[1]),
        t(tanh(x.in[2])),
        h_bar(x.in[3]),
        by_h(a.o * (1 - square(t))),
        bar(x.in[4] + h_bar * by_h) {}
};

Tensor gates_grad_pull(const Context& x, std::span<const Tensor> bars, int input) {
  const WayBack w(x);
  const Four &a = w.a, to(or_zeros(bars[0], x.in[0]));
  const Tensor to_c = or_zeros(bars[1], x.in[1]);
  // The cotangent of w.bar.
  const Tensor to_bar = to.i * (a.g * rise(a.i)) + to.f * (w.c * rise(a.f)) +
                        to.g * (a.i * (1 - square(a.g))) + to_c * a.f;
  switch (input) {
    case 0:
      return Four(w.bar * (to.i * a.g * (1 - 2 * a.i) + to.g * (1 - square(a.g))),
                  w.bar * (to.f * w.c * (1 - 2 * a.f) + to_c),
                  w.bar * (to.i * rise(a.i) - 2 * to.g * a.i * a.g),
                  w.h_bar * (to_bar * (1 - square(w.t)) + to.o * w.t * (1 - 2 * a.o)))
          .joined();
    case 1:
      return w.bar * to.f * rise(a.f);
    case 2:
      return w.h_bar * (to.o * rise(a.o) - 2 * to_bar * a.o * w.t) * (1 - square(w.t));
    case 3:
      return to_bar * w.by_h + to.o * w.t * rise(a.o);
    default:
      return to_bar;
  }
}

Tensor gates_grad_push(const Context& x, std::span<const Tensor> dots, int output) {
  const WayBack w(x);
  const Four &a = w.a, d(or_zeros(dots[0], x.in[0]));
  const auto dot = [&](size_t k) { return or_zeros(dots[k], x.in[k]); };
  const Tensor flat = 1 - square(w.t), t_dot = flat * dot(2);
  const Tensor bar_dot = dot(4) + dot(3) * w.by_h + w.h_bar * (d.o * flat - 2 * a.o * w.t * t_dot);
  if (output == 1) return bar_dot * a.f + w.bar * d.f;
  return Four(
             bar_dot * (a.g * rise(a.i)) + w.bar * (d.g * rise(a.i) + a.g * (1 - 2 * a.i) * d.i),
             bar_dot * (w.c * rise(a.f)) + w.bar * (dot(1) * rise(a.f) + w.c * (1 - 2 * a.f) * d.f),
             bar_dot * (a.i * (1 - square(a.g))) +
                 w.bar * (d.i * (1 - square(a.g)) - 2 * a.i * a.g * d.g),
             dot(3) * (w.t * rise(a.o)) + w.h_bar * (t_dot * rise(a.o) + w.t * (1 - 2 * a.o) * d.o))
      .joined();
}

// Of all outputs together.
template <int operations>
double each_cell_work(std::span<const Type> in, const Attrs&, const Type&) {
  return operations * static_cast<double>(element_count(in[1].shape));
}

void check(const Op& op, const Tensor& z, const Tensor& c) {
  for (const Tensor* x : {&z, &c}) require_float(op, x->type());
  Shape wanted = c.shape();
  if (!wanted.empty()) wanted[wanted.size() - 1] *= 4;
  if (wanted.empty() || z.dtype() != c.dtype() || !(z.shape() == wanted))
    raise(ErrorKind::shape, std::string(op.name) + ": gates " + to_string(z.type()) + " and c " +
                                to_string(c.type()) +
                                " do not fit. There are four gates, side by side on the last "
                                "axis, for each number of c, and all have one type.");
}

}  // namespace

namespace op {
constinit const Op lstm_gates{
    .name = "lstm_gates",
    .says = "a step of an LSTM behind its products: h, the next c, and the gates",
    .math = "c' = sigmoid(z_f) c + sigmoid(z_i) tanh(z_g), h = sigmoid(z_o) tanh(c')",
    .kind = Kind::custom,
    .inputs = 2,
    .outputs = 3,
    .type = gates_type,
    .kernel = recurrent_kernel<&RecurrentTable::gates>,
    .rule = {.pull = gates_pull, .push = gates_push},
    .batch = batch_leading,
    .work = each_cell_work<9>};
constinit const Op lstm_gates_grad{
    .name = "lstm_gates_grad",
    .says = "what the cotangents of h and the next c ask of z and c in lstm_gates",
    .math =
        "b = c_bar + h_bar o (1 - tanh(c')^2): z_bar = (b g i', b c f', b i g', h_bar tanh(c') "
        "o'), c_bar = b f",
    .kind = Kind::custom,
    .inputs = 5,
    .outputs = 2,
    .type = gates_grad_type,
    .kernel = recurrent_kernel<&RecurrentTable::gates_grad>,
    .rule = {.pull = gates_grad_pull, .push = gates_grad_push},
    .batch = batch_leading,
    .work = each_cell_work<22>};
}  // namespace op

LstmGates lstm_gates(const Tensor& z, const Tensor& c) {
  check(op::lstm_gates, z, c);
  const std::vector<Tensor> y = apply_many(op::lstm_gates, std::vector<Tensor>{z, c});
  return {y[0], y[1], y[2]};
}

LstmGatesGrad lstm_gates_grad(const Tensor& gates, const Tensor& c, const Tensor& next,
                              const Tensor& h_bar, const Tensor& c_bar) {
  check(op::lstm_gates_grad, gates, c);
  const std::vector<Tensor> bars =
      apply_many(op::lstm_gates_grad, std::vector<Tensor>{gates, c, next, h_bar, c_bar});
  return {bars[0], bars[1]};
}

}  // namespace gradus
#endif
