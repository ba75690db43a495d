// What an LSTM does between two products, as one op, and its way back (Hochreiter and Schmidhuber
// 1997, with the forget gate of Gers et al. 2000).
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op lstm_gates, lstm_gates_grad;
}

struct LstmGates {
  Tensor h, c;   // (..., H)
  Tensor gates;  // (..., 4 H): i, f, g, o behind their functions
};
// i, f, o = sigmoid and g = tanh of their quarters of z (..., 4 H): c' = f c + i g, h = o tanh(c').
LstmGates lstm_gates(const Tensor& z, const Tensor& c);

struct LstmGatesGrad {
  Tensor z, c;
};
// The cotangents of z and c from those of h and c', with the gates, c and c' of lstm_gates. The
// gates' own cotangent is none.
LstmGatesGrad lstm_gates_grad(const Tensor& gates, const Tensor& c, const Tensor& next,
                              const Tensor& h_bar, const Tensor& c_bar);

}  // namespace gradus
