// What the tests of the passes share: recordings without numbers, and steps and units by name.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/passes.h>
#include <gradus/plan/plan.h>

#include <string>
#include <vector>

namespace gradus::test {

using Args = std::span<const Tensor>;
using Names = std::vector<std::string>;

inline Type f32(const Shape& shape) {
  return {DType::f32, shape};
}

inline Tensor drawn(uint64_t seed, const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return cast(from_vector(z, shape), dtype);
}

inline std::vector<Argument> arguments(const std::vector<Type>& types) {
  std::vector<Argument> out;
  for (const Type& t : types) out.push_back({"", t});
  return out;
}

// f on arguments of these types, as it was written: not simplified.
inline Graph written(const PlanFunction& f, const std::vector<Type>& types) {
  Tape tape("compile", true);
  std::vector<ValueId> in, out;
  std::vector<Tensor> handles;
  for (const Type& t : types) {
    in.push_back(tape.input(t));
    handles.push_back(tape.tensor(in.back()));
  }
  for (const Tensor& y : f(handles)) out.push_back(tape.place_constant(y));
  return tape.freeze(in, out);
}

inline std::string name_of_step(const Graph& g, size_t i) {
  return g.step(i).op->name;
}

// The steps of a graph that its arguments and constants are not.
inline Names steps_of(const Graph& g) {
  Names out;
  for (size_t i = 0; i < g.step_count(); ++i)
    if (g.step(i).op->kind != Kind::source || g.step(i).op == &op::alias)
      out.push_back(name_of_step(g, i));
  return out;
}

inline std::string name_of_unit(const Graph& g, const Unit& u) {
  std::string out;
  for (size_t i : u.steps) out += (out.empty() ? "" : " ") + name_of_step(g, i);
  return u.fused ? "[" + out + "]" : out;
}

}  // namespace gradus::test
