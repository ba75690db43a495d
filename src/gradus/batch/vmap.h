// vmap: a function of one example becomes a function of a whole batch. The body is recorded once
// for one example; its steps are then replayed for the batch by each op's batch rule, as ordinary
// steps on the same tape. So vmap nests with every derivative, and the number of kernel calls does
// not grow with the batch.
#pragma once

#include <gradus/core/recorder.h>

#include <optional>
#include <vector>

namespace gradus {

// The axis that is mapped; `unmapped` where an argument is the same for the whole batch.
using Axis = std::optional<int64_t>;
inline constexpr std::nullopt_t unmapped = std::nullopt;

struct VmapAxes {
  std::vector<Axis> in = {};       // one for each argument; left out: axis 0 of all of them
  std::vector<int64_t> out = {0};  // of each result; one stands for all
};

// f for every place along the mapped axes at once; each result has the batch axis at `out`.
// Raises a ShapeError where an argument has no such axis or the sizes differ, and a TraceError
// where f reads a number that depends on the batch, as `if` does. `last` says that nobody reads the
// tape after this: numbers are then dropped with their last use.
std::vector<Tensor> vmap(const ManyFunction& f, std::span<const Tensor> args,
                         const VmapAxes& axes = {}, bool last = false);

// vmap(f)(x, y, ...); vmap(f, {.in = {0, unmapped}})(x, y) keeps y as it is.
template <class F>
auto vmap(F f, VmapAxes axes = {}) {
  return [f, axes](const TensorLike auto&... x) {
    const Tensor args[] = {Tensor(x)...};
    using R = decltype(f(Tensor(x)...));
    const auto one = spread<sizeof...(x)>(f);
    return Results<R>::from(
        vmap(ManyFunction([&](std::span<const Tensor> a) { return Results<R>::list(one(a)); }),
             args, axes));
  };
}

}  // namespace gradus
