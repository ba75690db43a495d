#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/landscape.h>

#include <cmath>

namespace gradus {
namespace {

void same_types(const char* name, std::span<const Tensor> a, std::span<const Tensor> b) {
  bool same = a.size() == b.size() && !a.empty();
  for (size_t i = 0; same && i < a.size(); ++i) same = a[i].type() == b[i].type();
  if (!same)
    raise(ErrorKind::shape, std::string(name) + ": " + std::to_string(a.size()) + " weights and " +
                                std::to_string(b.size()) +
                                " in the direction, or types that differ. Both are one network's.");
}

std::vector<double> evenly(const char* name, double low, double high, int64_t count) {
  if (count < 2 || !(low < high) || !std::isfinite(low) || !std::isfinite(high))
    raise(ErrorKind::usage, std::string(name) + ": " + std::to_string(count) +
                                " points. A slice has two at least, from low up to high.");
  std::vector<double> t;
  for (int64_t i = 0; i < count; ++i)
    t.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(count - 1));
  return t;
}

std::vector<Tensor> moved(std::span<const Tensor> from, std::span<const Tensor> by, double t) {
  std::vector<Tensor> to;
  for (size_t i = 0; i < from.size(); ++i) to.push_back(from[i] + t * by[i]);
  return to;
}

}  // namespace

std::vector<Tensor> filter_normalised(Key key, std::span<const Tensor> params) {
  std::vector<Tensor> direction;
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& p = params[i];
    if (p.rank() < 2 || p.size() == 0) {
      direction.push_back(zeros_like(p));
      continue;
    }
    std::vector<double> z(static_cast<size_t>(p.size()));
    fill_normal(split(key, i), 0, std::span<double>(z));
    const Tensor drawn = cast(from_vector(z, p.shape()), p.dtype());
    Dims within;
    for (int64_t axis = 1; axis < p.rank(); ++axis) within.push_back(axis);
    const Reduce filters{.axis = within, .keepdims = true};
    direction.push_back(drawn * (norm(p, filters) / norm(drawn, filters)));
  }
  return direction;
}

LossLine loss_along(const Function& loss, std::span<const Tensor> params,
                    std::span<const Tensor> direction, double low, double high, int64_t count) {
  same_types("loss_along", params, direction);
  LossLine line{evenly("loss_along", low, high, count), {}};
  for (double t : line.t) line.loss.push_back(number(loss(moved(params, direction, t))));
  return line;
}

LossPlane loss_around(const Function& loss, std::span<const Tensor> params,
                      std::span<const Tensor> first, std::span<const Tensor> second, double reach,
                      int64_t count) {
  same_types("loss_around", params, second);
  const std::vector<double> places = evenly("loss_around", -reach, reach, count);
  LossPlane plane{places, places, {}};
  for (double t : places)
    plane.loss.push_back(
        loss_along(loss, moved(params, second, t), first, -reach, reach, count).loss);
  return plane;
}

Barrier barrier_between(const Function& loss, std::span<const Tensor> a, std::span<const Tensor> b,
                        int64_t count) {
  same_types("barrier_between", a, b);
  Barrier barrier{{evenly("barrier_between", 0, 1, count), {}}};
  for (double t : barrier.path.t) {
    std::vector<Tensor> between;
    for (size_t i = 0; i < a.size(); ++i) between.push_back((1 - t) * a[i] + t * b[i]);
    barrier.path.loss.push_back(number(loss(between)));
  }
  const std::vector<double>& l = barrier.path.loss;
  for (size_t i = 0; i < l.size(); ++i) {
    const double t = barrier.path.t[i], above = l[i] - ((1 - t) * l.front() + t * l.back());
    if (above > barrier.height) barrier.height = above, barrier.at = t;
  }
  return barrier;
}

}  // namespace gradus
