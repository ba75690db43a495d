#include <gradus/ops/conv.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/window.h>

#include <algorithm>
#include <iterator>

namespace gradus {
namespace {

WindowShape of_conv(std::span<const Type> in, const Dims& a) {
  const Shape& w = in[1].shape;
  return {{a[4] * (w[2] - 1) + 1, a[5] * (w[3] - 1) + 1}, {a[0], a[1]}};
}
WindowShape of_pool(std::span<const Type>, const Dims& a) {
  return {{a[0], a[1]}, {a[2], a[3]}};
}

// An op with windows: a line here.
const struct {
  const Op* op;
  WindowShape (*window)(std::span<const Type> in, const Dims& a);
} windowed[] = {{&op::conv, of_conv}, {&op::max_pool, of_pool}, {&op::avg_pool, of_pool}};

}  // namespace

std::optional<WindowShape> window_of(const Op& op, std::span<const Type> in, const Attrs& attrs) {
  const auto found =
      std::ranges::find_if(windowed, [&](const auto& entry) { return entry.op == &op; });
  if (found == std::end(windowed)) return {};
  const WindowShape w = found->window(in, attrs.a);
  if (w.size[0] == 0) return {};  // adaptive: as many sizes as places
  return w;
}

}  // namespace gradus
