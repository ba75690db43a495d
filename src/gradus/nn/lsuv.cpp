#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/lsuv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// What one call computes of a layer, by the names that layers give to their steps.
struct Computed {
  std::string path;
  Tensor output;  // of its first call
};

// Layers in the order of their first steps.
std::vector<Computed> computed(const Model& model, const Tensor& x) {
  Tape tape("lsuv");
  const Tensor in = tape.tensor(tape.input(x));
  const auto first = static_cast<ValueId>(tape.value_count());
  Pass pass;
  const ValueId last = tape.place(model(in, pass));
  std::vector<Computed> all;
  const std::string* at = nullptr;  // every Scope has a text of its own, however often it is opened
  bool first_call = false;
  for (ValueId id = first; id <= last; ++id) {
    if (tape.step_of(id).op->kind == Kind::source) continue;
    const std::string& path = tape.scope(id);
    if (at != &path) {
      at = &path;
      first_call = std::ranges::find(all, path, &Computed::path) == all.end();
      if (first_call) all.push_back({path, {}});
    }
    if (first_call) all.back().output = tape.tensor(id);
  }
  for (Computed& c : all) c.output = tape.detached(c.output);
  return all;
}

}  // namespace

std::vector<Tensor> lsuv_parameters(const Model& model, const Tensor& x) {
  constexpr int most = 10;
  constexpr double near = 1e-3;
  const StateDict names = named_parameters(model);
  std::vector<Tensor> weights = parameters(model);
  const auto layers = computed(model, x);
  const auto layer_of = [](const std::string& name) {
    return name == "weight"            ? ""
           : name.ends_with(".weight") ? name.substr(0, name.size() - 7)
                                       : name;
  };
  const auto place = [&](const std::string& path) {
    return std::ranges::find(layers, path, &Computed::path) - layers.begin();
  };
  std::vector<size_t> order;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& [name, w] = names[i];
    if (w.rank() < 2 || !(name == "weight" || name.ends_with(".weight"))) continue;
    if (static_cast<size_t>(place(layer_of(name))) == layers.size())
      raise(ErrorKind::usage, "lsuv: nothing is computed by layer '" + layer_of(name) + "' of " +
                                  name + " " + to_string(w.type()) +
                                  ". Each layer opens a Scope of its path when it is called.");
    order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](size_t i) { return place(layer_of(names[i].first)); });
  for (const size_t i : order) {
    for (int k = 0; k < most; ++k) {
      const auto now = computed(with_parameters(model, weights), x);
      const auto layer = std::ranges::find(now, layer_of(names[i].first), &Computed::path);
      const double spread = number(std_dev(layer->output));
      if (!(spread > 0) || !std::isfinite(spread) || std::abs(spread - 1) < near * (k > 0)) break;
      weights[i] = weights[i] / spread;
    }
  }
  return weights;
}

}  // namespace gradus
