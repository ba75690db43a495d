// Dropout (Srivastava 2014), in its inverted form: what stays is divided by its share, so that the
// mean stays too and evaluation does nothing.
#pragma once

#include <gradus/nn/pass.h>

#include <string>
#include <string_view>

namespace gradus {

// Each element is 0 with probability p, else x / (1 - p), in a training pass; x itself in
// evaluation. p = 1 gives zeros. Raises a usage error outside [0, 1], in the name of `who`. Several
// training passes of a trained model are a sample of its predictions (Gal and Ghahramani 2016).
Tensor dropout(const Tensor& x, double p, Pass& pass, std::string_view who = "dropout");

struct Dropout {
  double p = 0.5;
  std::string path = "dropout";
  Tensor operator()(const Tensor& x, Pass& pass) const { return dropout(x, p, pass, path); }

  template <class Self, class Visit>
  static void fields(Self&, Visit) {}
};

}  // namespace gradus
