// Gradients for less memory: what a function computes inside is not kept for the backward sweep but
// computed again when the sweep comes back (Griewank and Walther 2000, Algorithm 799: Revolve; Chen
// et al. 2016, Training Deep Nets with Sublinear Memory Cost).
#pragma once

#include <gradus/diff/diff.h>

namespace gradus {

// f(args), one tensor, with the derivatives of f. Reverse mode replays the steps of f behind fresh
// aliases of what they read from outside, arguments and captured values alike; so f costs twice,
// and of the first pass only those and f(args) are kept. Forward mode replays nothing. Memory is
// saved in plans: a recording with numbers keeps them all until it closes.
//
// First derivatives have the bits of the plain sweep, in which cotangents are added one by one in
// the same order; only where a step outside f repeats one inside is the order another.
//
// n layers in blocks of sqrt(n), each a checkpoint, need memory for about 2 sqrt(n) layers.
Tensor checkpoint(const Function& f, std::span<const Tensor> args);

// checkpoint(f)(x, ...); checkpoints nest.
template <class F>
auto checkpoint(F f) {
  return [f](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    return checkpoint(Function(spread<sizeof...(x)>(f)), args);
  };
}

namespace op {
extern const Op checkpoint;
}

}  // namespace gradus
