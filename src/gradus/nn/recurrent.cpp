#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/diff/custom.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/init.h>
#include <gradus/nn/recurrent.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/recurrent.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace gradus {
namespace {

int64_t gates_of(RecurrentKind kind) {
  return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
}

// Gate g of the last axis.
Tensor gate(const Tensor& z, int64_t g, int64_t hidden) {
  return slice_axis(z, -1, {g * hidden, (g + 1) * hidden});
}

// What a step computes on its way, and its slopes are made of: gates behind their functions.
struct Cell {
  RecurrentState next;
  std::vector<Tensor> kept;
};

Cell lstm_cell(const Tensor& z, const Tensor& c) {
  const LstmGates y = lstm_gates(z, c);
  return {{y.h, y.c}, {y.gates}};
}

// from_h has no bias but that of a GRU.
Cell step(RecurrentKind kind, const Tensor& from_x, const Tensor& from_h, const RecurrentState& s) {
  const int64_t hidden = s.h.shape()[1];
  switch (kind) {
    case RecurrentKind::tanh:
      return {{tanh(from_x + from_h), {}}, {}};
    case RecurrentKind::relu:
      return {{relu(from_x + from_h), {}}, {}};
    case RecurrentKind::lstm:
      return lstm_cell(from_x + from_h, s.c);
    case RecurrentKind::gru:
      break;
  }
  const Tensor r = sigmoid(gate(from_x, 0, hidden) + gate(from_h, 0, hidden)),
               z = sigmoid(gate(from_x, 1, hidden) + gate(from_h, 1, hidden)),
               n_h = gate(from_h, 2, hidden), n = tanh(gate(from_x, 2, hidden) + r * n_h);
  return {{n + z * (s.h - n), {}}, {r, z, n, n_h}};
}

// One layer in one direction as one function with its rule, backpropagation through time by hand:
// whatever waits for no other step is done for all steps at once, which a sweep from step to step
// cannot find.
class Unrolled {
 public:
  Unrolled(RecurrentKind kind, int64_t steps, bool bias, bool lengths, bool reverse)
      : kind_(kind), steps_(steps), bias_(bias), lengths_(lengths), reverse_(reverse) {}

  // x: the input's part of the gates (T, N, gates H), W_hh, the first h; then the first c of an
  // LSTM, the other bias of a GRU, lengths i64[N], those that are there. The states, (T + 1) h and
  // as many c of an LSTM, each (N, H), lie in order of time, the first state before them all, or
  // behind in reverse. What the steps keep is (T, N, H) each, or (T, N, 4 H) of an LSTM.
  std::pair<Tensor, std::vector<Tensor>> forward(std::span<const Tensor> x) const {
    // Turned once where many products read it.
    const Tensor w = steps_ > 2 ? reshape(reshape(transpose(x[1]), {x[1].size()}),
                                          {x[1].shape()[1], x[1].shape()[0]})
                                : transpose(x[1]);
    std::vector<Tensor> h(places()), c(places());
    std::vector<std::vector<Tensor>> kept;
    RecurrentState s = {x[2], is_lstm() ? x[3] : Tensor()};
    h[start()] = s.h, c[start()] = s.c;
    for (int64_t i = 0; i < steps_; ++i) {
      const int64_t t = time(i);
      Tensor from_h = matmul(s.h, w);
      if (bias_) from_h = from_h + x[3];
      const Cell cell = step(kind_, row(x[0], t), from_h, s);
      const Tensor within = within_at(x, t);
      s = {either(within, cell.next.h, s.h),
           is_lstm() ? either(within, cell.next.c, s.c) : Tensor()};
      h[after(t)] = s.h, c[after(t)] = s.c;
      kept.resize(cell.kept.size(), std::vector<Tensor>(static_cast<size_t>(steps_)));
      for (size_t k = 0; k < kept.size(); ++k) kept[k][static_cast<size_t>(t)] = cell.kept[k];
    }
    if (is_lstm()) h.insert(h.end(), c.begin(), c.end());
    std::vector<Tensor> all;
    for (const std::vector<Tensor>& k : kept) all.push_back(stack(k));
    return {stack(h), all};
  }

  // x: that of forward, and what it kept. Cotangents of what was kept are none: the states that it
  // leads to have their rule here.
  std::vector<Tensor> pull(std::span<const Tensor> x, const Tensor& y, const Tensor& y_bar) const {
    const int64_t hidden = x[1].shape()[1], batch = y.shape()[1];
    const Tensor before = rows(y, 0, false);
    const Slopes k = slopes(y, x.subspan(own()));
    std::vector<Tensor> h_bars(static_cast<size_t>(steps_)), gates = h_bars;
    Tensor h_bar = last(y_bar, 0), c_bar = is_lstm() ? last(y_bar, 1) : Tensor();
    for (int64_t i = steps_; i-- > 0;) {
      const int64_t t = time(i);
      const auto place = static_cast<size_t>(t);
      const Tensor within = within_at(x, t), kept_h = h_bar, kept_c = c_bar;
      h_bar = either(within, h_bar, 0);
      h_bars[place] = h_bar;
      Tensor before_c;
      if (is_lstm()) {
        const LstmGatesGrad g =
            lstm_gates_grad(row(x[own()], t), row(y, index(places() + before_step(t))),
                            row(y, index(places() + after(t))), h_bar, either(within, c_bar, 0));
        gates[place] = g.z;
        before_c = g.c;
      } else {
        std::vector<Tensor> parts;
        for (const Tensor& slope : k.gates) parts.push_back(h_bar * row(slope, t));
        gates[place] = concatenate(parts, -1);
      }
      Tensor next = matmul(gates[place], x[1]);
      if (kind_ == RecurrentKind::gru) next = next + h_bar * row(k.keep, t);
      h_bar = either(within, next, kept_h) + row(y_bar, index(before_step(t)));
      if (is_lstm())
        c_bar = either(within, before_c, kept_c) + row(y_bar, index(places() + before_step(t)));
    }
    std::vector<Tensor> bars(x.size());
    bars[0] = stack(gates);
    const Tensor flat = reshape(bars[0], {steps_ * batch, x[1].shape()[0]});
    bars[1] = matmul(transpose(flat), reshape(before, {steps_ * batch, hidden}));
    bars[2] = h_bar;
    if (is_lstm()) bars[3] = c_bar;
    if (bias_) bars[3] = sum(flat, {.axis = 0});
    if (kind_ == RecurrentKind::gru) {
      const Tensor all = stack(h_bars);
      bars[0] = concatenate({all * k.gates[0], all * k.gates[1], all * k.input}, -1);
    }
    return bars;
  }

  // Every state after its step, or before it, of h (part 0) or c (part 1): (T, N, H).
  Tensor rows(const Tensor& y, int64_t part, bool after_step) const {
    const int64_t first = part * (steps_ + 1) + (after_step != reverse_ ? 1 : 0);
    return slice_axis(y, 0, {first, first + steps_});
  }
  Tensor last(const Tensor& y, int64_t part) const {
    return row(y, part * (steps_ + 1) + index(after(time(steps_ - 1))));
  }

 private:
  // What the sweep multiplies by, (T, N, H) each: d gates / d h, of a GRU also d h / d h before and
  // the gate of n towards the input. An LSTM has none.
  struct Slopes {
    std::vector<Tensor> gates;
    Tensor keep, input;
  };
  Slopes slopes(const Tensor& y, std::span<const Tensor> kept) const {
    const auto of_sigmoid = [](const Tensor& s) { return s * (1 - s); };
    const auto of_tanh = [](const Tensor& s) { return 1 - square(s); };
    switch (kind_) {
      case RecurrentKind::tanh:
        return {{of_tanh(rows(y, 0, true))}, {}, {}};
      case RecurrentKind::relu:
        return {{cast(greater(rows(y, 0, true), 0), y.dtype())}, {}, {}};
      case RecurrentKind::lstm:
        return {};
      case RecurrentKind::gru:
        break;
    }
    const Tensor &r = kept[0], &z = kept[1], &n = kept[2], &n_h = kept[3];
    const Tensor to_n = (1 - z) * of_tanh(n);
    return {
        {to_n * n_h * of_sigmoid(r), (rows(y, 0, false) - n) * of_sigmoid(z), to_n * r}, z, to_n};
  }

  // (N, 1): which sequences have a step t; absent where all have. Steps behind the end change
  // nothing.
  Tensor within_at(std::span<const Tensor> x, int64_t t) const {
    return lengths_ ? expand_dims(greater(x[own() - 1], t), -1) : Tensor();
  }
  static Tensor either(const Tensor& within, const Tensor& x, const Tensor& otherwise) {
    return within.is_absent() ? x : where(within, x, otherwise);
  }

  bool is_lstm() const { return kind_ == RecurrentKind::lstm; }
  // Arguments without what forward kept.
  size_t own() const {
    return size_t{3} + (is_lstm() ? 1 : 0) + (bias_ ? 1 : 0) + (lengths_ ? 1 : 0);
  }
  size_t places() const { return static_cast<size_t>(steps_ + 1); }
  static int64_t index(size_t place) { return static_cast<int64_t>(place); }
  int64_t time(int64_t i) const { return reverse_ ? steps_ - 1 - i : i; }
  size_t after(int64_t t) const { return static_cast<size_t>(reverse_ ? t : t + 1); }
  size_t before_step(int64_t t) const { return static_cast<size_t>(reverse_ ? t + 1 : t); }
  size_t start() const { return reverse_ ? places() - 1 : 0; }

  RecurrentKind kind_;
  int64_t steps_;
  bool bias_, lengths_, reverse_;  // bias: that of a GRU
};

// One layer in one direction: outputs (T, N, hidden) and the last state.
std::pair<Tensor, RecurrentState> run(RecurrentKind kind, const Recurrent::Weights& w,
                                      const Tensor& x, const RecurrentState& s,
                                      const Tensor& lengths, bool reverse) {
  const int64_t steps = x.shape()[0], batch = x.shape()[1];
  const bool is_lstm = kind == RecurrentKind::lstm;
  // The input's part of all steps is one product.
  Tensor from_x = matmul(reshape(x, {steps * batch, x.shape()[2]}), transpose(w.ih));
  if (!w.bias_ih.is_absent()) from_x = from_x + w.bias_ih;
  // A GRU multiplies its other bias by a gate; elsewhere both add up.
  const bool apart = kind == RecurrentKind::gru && !w.bias_hh.is_absent();
  if (!w.bias_hh.is_absent() && !apart) from_x = from_x + w.bias_hh;
  std::vector<Tensor> args = {reshape(from_x, {steps, batch, w.hh.shape()[0]}), w.hh, s.h};
  for (const Tensor& more : {is_lstm ? s.c : Tensor(), apart ? w.bias_hh : Tensor(), lengths})
    if (!more.is_absent()) args.push_back(more);
  const Unrolled layer(kind, steps, apart, !lengths.is_absent(), reverse);
  const auto [states, kept] = layer.forward(args);
  args.insert(args.end(), kept.begin(), kept.end());
  CustomRule rule{.name = "recurrent",
                  .value = [y = states](std::span<const Tensor>) { return y; }};
  rule.pull = [layer](std::span<const Tensor> a, const Tensor& y, const Tensor& bar) {
    return layer.pull(a, y, bar);
  };
  const Tensor y = apply_custom(std::make_shared<const CustomRule>(std::move(rule)), args);
  Tensor outputs = layer.rows(y, 0, true);
  if (!lengths.is_absent())
    outputs = where(reshape(less(reshape(iota(steps), {steps, 1}), lengths), {steps, batch, 1}),
                    outputs, 0);
  return {outputs, {layer.last(y, 0), is_lstm ? layer.last(y, 1) : Tensor()}};
}

}  // namespace

RecurrentState lstm_step(const Tensor& z, const Tensor& c) {
  return lstm_cell(z, c).next;
}

RecurrentState detached(const RecurrentState& state) {
  return {stop_gradient(state.h), state.c.is_absent() ? Tensor() : stop_gradient(state.c)};
}

RecurrentResult Recurrent::operator()(const Tensor& x, Pass& pass, const RecurrentState& start,
                                      const Tensor& lengths) const {
  const Tensor& first = weights.front().ih;
  if (x.rank() != 3 || x.shape()[2] != first.shape()[1] || x.shape()[1] == 0)
    raise(ErrorKind::shape, path + ": expected in=" + std::to_string(first.shape()[1]) + ", got " +
                                to_string(x.type()) + " for weight " + to_string(first.type()) +
                                ". The input is (N, T, in) with a step at least.");
  const int64_t batch = x.shape()[0];
  const auto count = static_cast<int64_t>(weights.size());
  const Shape states = {count, batch, hidden()};
  const bool cells = kind == RecurrentKind::lstm;
  for (const Tensor* s : {&start.h, &start.c})
    if (!s->is_absent() && !(s->shape() == states))
      raise(ErrorKind::shape, path + ": a first state " + to_string(s->type()) + " for input " +
                                  to_string(x.type()) +
                                  ". It is (layers * directions, N, hidden), " +
                                  to_string(Type{x.dtype(), states}) + " here.");
  if (!lengths.is_absent() && !(lengths.type() == Type{DType::i64, {batch}}))
    raise(ErrorKind::shape, path + ": lengths " + to_string(lengths.type()) + " for input " +
                                to_string(x.type()) + ". There is one for each sequence, " +
                                to_string(Type{DType::i64, {batch}}) + ".");
  const Scope scope(path);
  const Tensor nothing = zeros({batch, hidden()}, x.dtype());
  Tensor h = swap_axes(x, 0, 1);
  std::vector<Tensor> last_h, last_c;
  const size_t directions = bidirectional ? 2 : 1;
  for (size_t i = 0; i < weights.size(); i += directions) {
    if (i > 0 && dropout > 0) h = gradus::dropout(h, dropout, pass, path);
    std::vector<Tensor> outputs;
    for (size_t d = 0; d < directions; ++d) {
      const auto at = static_cast<int64_t>(i + d);
      const RecurrentState s = {start.h.is_absent() ? nothing : row(start.h, at),
                                !cells                ? Tensor()
                                : start.c.is_absent() ? nothing
                                                      : row(start.c, at)};
      const auto [output, last] = run(kind, weights[i + d], h, s, lengths, d == 1);
      outputs.push_back(output);
      last_h.push_back(last.h);
      if (cells) last_c.push_back(last.c);
    }
    h = bidirectional ? concatenate(outputs, -1) : outputs[0];
  }
  return {swap_axes(h, 0, 1), {stack(last_h), cells ? stack(last_c) : Tensor()}};
}

Recurrent make_recurrent(RecurrentKind kind, Key key, int64_t in, int64_t hidden,
                         const RecurrentOptions& options) {
  if (in < 1 || hidden < 1 || options.layers < 1)
    raise(ErrorKind::usage,
          "make_recurrent: " + std::to_string(in) + " in, " + std::to_string(hidden) + " hidden, " +
              std::to_string(options.layers) + " layers. Each of them is 1 at least.");
  Recurrent layer{.kind = kind,
                  .weights = {},
                  .bidirectional = options.bidirectional,
                  .dropout = options.dropout};
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const int64_t directions = options.bidirectional ? 2 : 1, rows = gates_of(kind) * hidden;
  for (int64_t i = 0; i < options.layers * directions; ++i) {
    const Key own = split(key, static_cast<uint64_t>(i));
    const auto drawn = [&](uint64_t n, const Shape& shape) {
      return uniform_weight(split(own, n), shape, bound, options.dtype);
    };
    Recurrent::Weights w;
    w.ih = drawn(0, {rows, i < directions ? in : hidden * directions});
    w.hh = drawn(1, {rows, hidden});
    if (options.bias != RecurrentBias::none) w.bias_ih = drawn(2, {rows});
    if (options.bias == RecurrentBias::two) w.bias_hh = drawn(3, {rows});
    layer.weights.push_back(w);
  }
  return layer;
}

}  // namespace gradus
