#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/init.h>
#include <gradus/nn/recurrent.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

int64_t gates_of(RecurrentKind kind) {
  return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
}

// Gate g of the last axis.
Tensor gate(const Tensor& z, int64_t g, int64_t hidden) {
  return slice_axis(z, -1, {g * hidden, (g + 1) * hidden});
}

// One step from the input's part of the gates.
RecurrentState step(RecurrentKind kind, const Recurrent::Weights& w, const Tensor& from_x,
                    const RecurrentState& s) {
  const int64_t hidden = w.hh.shape()[1];
  Tensor from_h = matmul(s.h, transpose(w.hh));
  switch (kind) {
    case RecurrentKind::tanh:
      return {tanh(from_x + from_h), {}};
    case RecurrentKind::relu:
      return {relu(from_x + from_h), {}};
    case RecurrentKind::lstm:
      return lstm_step(from_x + from_h, s.c);
    case RecurrentKind::gru:
      break;
  }
  if (!w.bias_hh.is_absent()) from_h = from_h + w.bias_hh;
  const Tensor r = sigmoid(gate(from_x, 0, hidden) + gate(from_h, 0, hidden));
  const Tensor z = sigmoid(gate(from_x, 1, hidden) + gate(from_h, 1, hidden));
  const Tensor n = tanh(gate(from_x, 2, hidden) + r * gate(from_h, 2, hidden));
  return {n + z * (s.h - n), {}};
}

// One layer in one direction: outputs (T, N, hidden) and the last state.
std::pair<Tensor, RecurrentState> run(RecurrentKind kind, const Recurrent::Weights& w,
                                      const Tensor& x, RecurrentState s, const Tensor& lengths,
                                      bool reverse) {
  // The input's part of all steps is one product.
  Tensor from_x = matmul(x, transpose(w.ih));
  if (!w.bias_ih.is_absent()) from_x = from_x + w.bias_ih;
  // A GRU multiplies its other bias by a gate; elsewhere both add up.
  if (!w.bias_hh.is_absent() && kind != RecurrentKind::gru) from_x = from_x + w.bias_hh;
  const int64_t steps = x.shape()[0];
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reverse ? steps - 1 - i : i;
    RecurrentState next = step(kind, w, row(from_x, t), s);
    Tensor output = next.h;
    if (!lengths.is_absent()) {
      const Tensor within = expand_dims(greater(lengths, t), -1);
      output = where(within, next.h, 0);
      next.h = where(within, next.h, s.h);
      if (!next.c.is_absent()) next.c = where(within, next.c, s.c);
    }
    outputs[static_cast<size_t>(t)] = output;
    s = next;
  }
  return {stack(outputs), s};
}

}  // namespace

RecurrentState lstm_step(const Tensor& z, const Tensor& c) {
  const int64_t hidden = c.shape().back();
  const Tensor next =
      sigmoid(gate(z, 1, hidden)) * c + sigmoid(gate(z, 0, hidden)) * tanh(gate(z, 2, hidden));
  return {sigmoid(gate(z, 3, hidden)) * tanh(next), next};
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
