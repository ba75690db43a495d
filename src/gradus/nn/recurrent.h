// Recurrent layers: the plain one, LSTM and GRU, with PyTorch's names, gate order and defaults.
// Sequences are batch first, (N, T, features).
#pragma once

#include <gradus/base/random.h>
#include <gradus/nn/pass.h>

#include <string>
#include <vector>

namespace gradus {

enum class RecurrentKind {
  tanh,  // h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
  relu,  // h' = relu(the same)
  // Hochreiter and Schmidhuber 1997, with forget gates (Gers 2000). Gates i, f, g, o:
  //   c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c')
  lstm,
  // Cho 2014. Gates r, z, n:
  //   n = tanh(W_in x + b_in + sigmoid(r) (W_hn h + b_hn)), h' = (1 - sigmoid(z)) n + sigmoid(z) h
  gru
};

// What goes from one step to the next: (layers * directions, N, hidden), forward before reverse.
// Absent: zeros. c is there for an LSTM alone.
struct RecurrentState {
  Tensor h, c;
};

struct RecurrentResult {
  Tensor output;        // (N, T, hidden * directions): h of the last layer at every step
  RecurrentState last;  // after the last step of each sequence
};

struct Recurrent {
  struct Weights {
    Tensor ih, hh;            // (gates * hidden, in), (gates * hidden, hidden)
    Tensor bias_ih, bias_hh;  // (gates * hidden); absent: 0
  };

  RecurrentKind kind = RecurrentKind::tanh;
  std::vector<Weights> weights;  // layer by layer, in each forward before reverse
  bool bidirectional = false;
  double dropout = 0;  // between layers, in training
  std::string path = "recurrent";

  int64_t hidden() const { return weights.front().hh.shape()[1]; }
  int64_t layers() const { return static_cast<int64_t>(weights.size()) / (bidirectional ? 2 : 1); }
  // x (N, T, in). lengths, i64[N] in [0, T]: a shorter sequence keeps its state and gives zeros
  // behind its end, and is read backwards from its own last step.
  RecurrentResult operator()(const Tensor& x, Pass& pass, const RecurrentState& start = {},
                             const Tensor& lengths = {}) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.weights.size(); ++i) {
      auto& w = self.weights[i];
      const std::string place = "_l" + std::to_string(self.bidirectional ? i / 2 : i) +
                                (self.bidirectional && i % 2 == 1 ? "_reverse" : "");
      visit("weight_ih" + place, w.ih);
      visit("weight_hh" + place, w.hh);
      visit("bias_ih" + place, w.bias_ih);
      visit("bias_hh" + place, w.bias_hh);
    }
  }
};

enum class RecurrentBias {
  none,
  one,  // bias_ih alone: an LSTM 10 -> 20 has 2,480 parameters
  two   // PyTorch's: 2,560
};

struct RecurrentOptions {
  int64_t layers = 1;
  bool bidirectional = false;
  double dropout = 0;
  RecurrentBias bias = RecurrentBias::two;
  DType dtype = DType::f32;
};

// All weights uniform in +-1 / sqrt(hidden).
Recurrent make_recurrent(RecurrentKind kind, Key key, int64_t in, int64_t hidden,
                         const RecurrentOptions& options = {});

// One step of an LSTM from its gates before their functions, z (N, 4 hidden) in the order i, f, g,
// o, and c (N, hidden).
RecurrentState lstm_step(const Tensor& z, const Tensor& c);

// A state without its past: gradients stop here, as between the parts of a long text (truncated
// backpropagation through time).
RecurrentState detached(const RecurrentState& state);

}  // namespace gradus
