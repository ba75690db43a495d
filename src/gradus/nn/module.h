// Parameter trees. A module is a struct whose tensors are its fields, listed in one place:
//   template <class Self, class Visit>
//   static void fields(Self& self, Visit visit) { visit("weight", self.weight); ... }
// A field is a Tensor or a module; names join with dots. Everything below follows from that list.
#pragma once

#include <gradus/core/tape.h>
#include <gradus/diff/diff.h>
#include <gradus/plan/plan.h>

#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gradus {

// Calls f(path, tensor) for every parameter that is there, in the order of the lists.
template <class Module, class F>
void each_parameter(Module& module, const F& f, const std::string& prefix = {}) {
  std::remove_const_t<Module>::fields(module, [&](const std::string& name, auto& field) {
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, Tensor>) {
      if (!field.is_absent()) f(path, field);
    } else {
      each_parameter(field, f, path);
    }
  });
}

// Names and tensors, as in PyTorch.
using StateDict = std::vector<std::pair<std::string, Tensor>>;

template <class Module>
StateDict state_dict(const Module& module) {
  StateDict dict;
  each_parameter(module,
                 [&](const std::string& path, const Tensor& x) { dict.emplace_back(path, x); });
  return dict;
}

template <class Module>
std::vector<Tensor> parameters(const Module& module) {
  std::vector<Tensor> all;
  each_parameter(module, [&](const std::string&, const Tensor& x) { all.push_back(x); });
  return all;
}

template <class Module>
int64_t parameter_count(const Module& module) {
  int64_t count = 0;
  each_parameter(module, [&](const std::string&, const Tensor& x) { count += x.size(); });
  return count;
}

// The module with these tensors in place of its own; `tensors` is in the order of parameters().
template <class Module>
Module with_parameters(Module module, std::span<const Tensor> tensors) {
  size_t i = 0;
  each_parameter(module, [&](const std::string&, Tensor& x) { x = tensors[i++]; });
  return module;
}

// One vector of all elements, and back: views of that vector, shaped like `like`.
Tensor flatten(std::span<const Tensor> tensors);
std::vector<Tensor> unflatten(const Tensor& flat, std::span<const Tensor> like);

// The value of loss(module), one number, and its gradient towards each parameter.
template <class Module, class Loss>
ValueAndGrads gradients(const Module& module, const Loss& loss) {
  const StateDict dict = state_dict(module);
  std::vector<int> all(dict.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  const Function of_parameters = [&](std::span<const Tensor> tensors) {
    for (size_t i = 0; i < dict.size(); ++i) named(tensors[i], dict[i].first);
    return loss(with_parameters(module, tensors));
  };
  return value_and_grads(of_parameters, parameters(module), all);
}

// The plan of f(module, args). Its first arguments are the module's parameters, by their names and
// with their numbers, then args.
template <class Module>
Plan compile(const Module& module,
             const std::function<std::vector<Tensor>(const Module&, std::span<const Tensor>)>& f,
             std::initializer_list<Tensor> args, std::span<const Carry> carries = {}) {
  std::vector<Argument> arguments;
  std::vector<Tensor> values;
  for (const auto& [name, x] : state_dict(module)) {
    arguments.push_back({name, x.type()});
    values.push_back(x);
  }
  const size_t own = values.size();
  for (const Tensor& x : args) {
    arguments.push_back({"", x.type()});
    values.push_back(x);
  }
  Plan plan = compile(
      [&](std::span<const Tensor> a) {
        return f(with_parameters(module, a.first(own)), a.subspan(own));
      },
      arguments, carries);
  for (size_t i = 0; i < values.size(); ++i) plan.set(static_cast<int>(i), values[i]);
  return plan;
}

struct LoadOptions {
  bool strict = true;      // every name must be there, and no other
  bool transpose = false;  // matrices are stored (in, out), as for Z = X W + b
  std::string strip_prefix = {};
};

// The tensors of `given` in the order of `own`, cast to its types: f16, bf16, f32 and f64 convert.
// Raises a FileError that lists missing, unexpected and misshapen names, and the rename that helps.
// Not strict, missing names keep their own tensors and unexpected ones are left out.
std::vector<Tensor> matched_state(const StateDict& own, const StateDict& given,
                                  const LoadOptions& options = {});

template <class Module>
Module load_state(const Module& module, const StateDict& given, const LoadOptions& options = {}) {
  return with_parameters(module, matched_state(state_dict(module), given, options));
}

}  // namespace gradus
