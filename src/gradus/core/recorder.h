// What the transforms share: functions of tensors as values, and the tape that a transform writes
// to.
#pragma once

#include <gradus/core/tape.h>

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace gradus {

// A function of a list of tensors: to one tensor, or to several.
using Function = std::function<Tensor(std::span<const Tensor>)>;
using ManyFunction = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

// The open tape, or a new one that closes with the transform.
class Recorder {
 public:
  explicit Recorder(const char* name) {
    if (Tape::open() == nullptr) own_.emplace(name);
  }
  Tape& tape() { return *Tape::open(); }
  // Whether the tape closes with this transform, so that nobody else reads what is on it.
  bool owns() const { return own_.has_value(); }
  // x as the caller may keep it: numbers where the tape closes now.
  Tensor give_back(const Tensor& x) const { return own_ ? own_->detached(x) : x; }

  // The ids of the arguments, placed on the tape.
  std::vector<ValueId> sources(std::span<const Tensor> args) {
    std::vector<ValueId> ids;
    for (const Tensor& x : args) {
      const Tensor solid = x.is_literal() ? literal_as(x, x.dtype()) : x;
      ids.push_back(own_ && solid.buffer() ? tape().input(solid) : tape().place(solid));
    }
    return ids;
  }
  // One fresh alias of each, one after the other: the boundary of a derivative.
  std::vector<ValueId> aliases(std::span<const Tensor> args) {
    std::vector<ValueId> ids = sources(args);
    for (ValueId& id : ids) id = tape().alias(id);
    return ids;
  }
  std::vector<Tensor> handles(std::span<const ValueId> ids) {
    std::vector<Tensor> result;
    for (ValueId id : ids) result.push_back(tape().tensor(id));
    return result;
  }

 private:
  std::optional<Tape> own_;
};

// How a function's result becomes a list of tensors and back: a Tensor, an array or a vector of
// them, or a struct of tensors that names itself here.
template <class R>
struct Results;
template <>
struct Results<Tensor> {
  static std::vector<Tensor> list(const Tensor& x) { return {x}; }
  static Tensor from(std::span<const Tensor> x) { return x[0]; }
};
template <>
struct Results<std::vector<Tensor>> {
  static std::vector<Tensor> list(const std::vector<Tensor>& x) { return x; }
  static std::vector<Tensor> from(std::span<const Tensor> x) { return {x.begin(), x.end()}; }
};
template <size_t n>
struct Results<std::array<Tensor, n>> {
  static std::vector<Tensor> list(const std::array<Tensor, n>& x) { return {x.begin(), x.end()}; }
  static std::array<Tensor, n> from(std::span<const Tensor> x) {
    std::array<Tensor, n> result;
    for (size_t i = 0; i < n; ++i) result[i] = x[i];
    return result;
  }
};

// What a transformed function takes: a tensor, or a number that becomes one.
template <class T>
concept TensorLike = std::is_convertible_v<const T&, Tensor>;

// f(x, y, ...) of `count` tensors as a function of one list.
template <size_t count, class F>
auto spread(F f) {
  return [f](std::span<const Tensor> a) {
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return f(a[i]...);
    }
    (std::make_index_sequence<count>());
  };
}

}  // namespace gradus
