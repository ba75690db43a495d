// Parameter trees. A module is a struct whose tensors are its fields, listed in one place:
//   template <class Self, class Visit>
//   static void fields(Self& self, Visit visit) { visit("weight", self.weight); ... }
// A field is a Tensor, a Statistic or a module; names join with dots. Everything below follows from
// that list.
#pragma once

#include <gradus/core/tape.h>
#include <gradus/diff/diff.h>
#include <gradus/nn/pass.h>
#include <gradus/plan/plan.h>

#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gradus {

// Calls f(path, field) for every Tensor and Statistic that is there, in the order of the lists.
template <class Module, class F>
void each_field(Module& module, const F& f, const std::string& prefix = {}) {
  std::remove_const_t<Module>::fields(module, [&](const std::string& name, auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if constexpr (std::is_same_v<Field, Tensor>) {
      if (!field.is_absent()) f(path, field);
    } else if constexpr (std::is_same_v<Field, Statistic>) {
      if (!field.value.is_absent()) f(path, field);
    } else {
      each_field(field, f, path);
    }
  });
}

// Calls f(path, tensor) for every parameter: what gradients change.
template <class Module, class F>
void each_parameter(Module& module, const F& f) {
  each_field(module, [&](const std::string& path, auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, Tensor>) f(path, field);
  });
}

// Calls f(path, statistic) for every running statistic.
template <class Module, class F>
void each_statistic(Module& module, const F& f) {
  each_field(module, [&](const std::string& path, auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, Statistic>) f(path, field);
  });
}

// Calls f(path, tensor) for everything that is saved: parameters and running statistics.
template <class Module, class F>
void each_tensor(Module& module, const F& f) {
  each_field(module, [&](const std::string& path, auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, Tensor>)
      f(path, field);
    else
      f(path, field.value);
  });
}

// Tells every layer where it stands, for messages and traces: a module with a field `path` gets its
// dotted name. Call it once, when the model is whole.
template <class Module>
Module with_paths(Module module, const std::string& prefix = {}) {
  const auto name = [](auto& self, const std::string& at, const auto& again) -> void {
    using Self = std::remove_cvref_t<decltype(self)>;
    if constexpr (requires { self.path = at; })
      if (!at.empty()) self.path = at;
    Self::fields(self, [&](const std::string& word, auto& field) {
      using Field = std::remove_cvref_t<decltype(field)>;
      if constexpr (!std::is_same_v<Field, Tensor> && !std::is_same_v<Field, Statistic>)
        again(field, at.empty() ? word : at + "." + word, again);
    });
  };
  name(module, prefix, name);
  return module;
}

// Names and tensors, as in PyTorch.
using StateDict = std::vector<std::pair<std::string, Tensor>>;

// Parameters and running statistics.
template <class Module>
StateDict state_dict(const Module& module) {
  StateDict dict;
  each_tensor(module,
              [&](const std::string& path, const Tensor& x) { dict.emplace_back(path, x); });
  return dict;
}

template <class Module>
StateDict named_parameters(const Module& module) {
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
std::vector<Tensor> statistics(const Module& module) {
  std::vector<Tensor> all;
  each_statistic(module, [&](const std::string&, const Statistic& x) { all.push_back(x.value); });
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

// The same for running statistics, in the order of statistics().
template <class Module>
Module with_statistics(Module module, std::span<const Tensor> tensors) {
  size_t i = 0;
  each_statistic(module, [&](const std::string&, Statistic& x) { x.value = tensors[i++]; });
  return module;
}

// The same for everything, in the order of state_dict().
template <class Module>
Module with_state(Module module, std::span<const Tensor> tensors) {
  size_t i = 0;
  each_tensor(module, [&](const std::string&, Tensor& x) { x = tensors[i++]; });
  return module;
}

// One vector of all elements, and back: views of that vector, shaped like `like`.
Tensor flatten(std::span<const Tensor> tensors);
std::vector<Tensor> unflatten(const Tensor& flat, std::span<const Tensor> like);

// The value of loss(module), one number, and its gradient towards each parameter.
template <class Module, class Loss>
ValueAndGrads gradients(const Module& module, const Loss& loss) {
  const StateDict dict = named_parameters(module);
  std::vector<int> all(dict.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  const Function of_parameters = [&](std::span<const Tensor> tensors) {
    for (size_t i = 0; i < dict.size(); ++i) named(tensors[i], dict[i].first);
    return loss(with_parameters(module, tensors));
  };
  return value_and_grads(of_parameters, parameters(module), all);
}

// The plan of f(module, args). Its first arguments are the module's state_dict, by its names and
// with its numbers, then args.
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
        return f(with_state(module, a.first(own)), a.subspan(own));
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
  return with_state(module, matched_state(state_dict(module), given, options));
}

}  // namespace gradus
