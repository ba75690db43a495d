// Layer-sequential unit variance (Mishkin and Matas 2016, All you need is a good init): starting
// weights scaled by what they do to a batch, for any model.
#pragma once

#include <gradus/nn/model.h>

namespace gradus {

// The tensors of parameters(model), where each layer's "weight" with two axes or more is divided by
// the standard deviation of what the layer gives for x, first to last as the model computes, until
// that is 1 within 1e-3 or ten divisions are made (a bias that is not 0 needs more than one). The
// model evaluates. A layer whose output is constant keeps its weight. Raises a usage error where
// a weight's layer computes nothing under its name.
std::vector<Tensor> lsuv_parameters(const Model& model, const Tensor& x);

template <class Module>
Module lsuv(const Module& module, const Tensor& x) {
  const Module named = with_paths(module);
  return with_parameters(named, lsuv_parameters(Model("", named), x));
}

}  // namespace gradus
