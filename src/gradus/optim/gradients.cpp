#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/gradients.h>

#include <algorithm>

namespace gradus {
namespace {

Tensor norm_of_all(std::span<const Tensor> grads) {
  if (grads.size() == 1) return norm(grads[0]);
  std::vector<Tensor> norms;
  for (const Tensor& g : grads) norms.push_back(norm(g));
  return norm(stack(norms));
}

void check(const char* name, std::span<const Tensor> grads, double limit) {
  if (grads.empty())
    raise(ErrorKind::usage, std::string(name) + ": there are no gradients to clip.");
  if (!(limit > 0))
    raise(ErrorKind::usage,
          std::string(name) + ": the limit is " + text::number(limit) + ". It must be above 0.");
}

void check(const Grouping& g, size_t params, size_t others, const char* what) {
  const bool known = std::ranges::all_of(g.group_of, [&](size_t i) { return i < g.groups.size(); });
  if (g.group_of.size() != params || others != params || !known)
    raise(ErrorKind::usage, "groups: " + std::to_string(params) + " parameters, " +
                                std::to_string(g.group_of.size()) + " places in " +
                                std::to_string(g.groups.size()) + " groups, " +
                                std::to_string(others) + " " + what +
                                ". Every parameter has one of each.");
}

}  // namespace

Clipped clip_by_norm(std::span<const Tensor> grads, double limit) {
  check("clip_by_norm", grads, limit);
  const Tensor length = norm_of_all(grads);
  const Tensor scale = minimum(limit / length, 1.0);
  Clipped result{{}, length, cast(length > limit, length.dtype())};
  for (const Tensor& g : grads) result.grads.push_back(g * scale);
  return result;
}

Clipped clip_by_value(std::span<const Tensor> grads, double limit) {
  check("clip_by_value", grads, limit);
  Clipped result{{}, norm_of_all(grads), {}};
  std::vector<Tensor> largest;
  for (const Tensor& g : grads) {
    result.grads.push_back(clip(g, -limit, limit));
    largest.push_back(max(abs(g)));
  }
  result.acted = cast(max(stack(largest)) > limit, result.norm.dtype());
  return result;
}

Clipped clip_adaptive(std::span<const Tensor> params, std::span<const Tensor> grads, double ratio,
                      double floor) {
  check("clip_adaptive", grads, ratio);
  if (params.size() != grads.size())
    raise(ErrorKind::usage, "clip_adaptive: " + std::to_string(params.size()) + " parameters and " +
                                std::to_string(grads.size()) +
                                " gradients. Every parameter has one gradient.");
  Clipped result{{}, norm_of_all(grads), {}};
  std::vector<Tensor> acted;
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor &p = params[i], &g = grads[i];
    Reduce over{.axis = {}, .keepdims = true};
    if (p.rank() > 1) {
      Dims within;
      for (int64_t axis = 1; axis < p.rank(); ++axis) within.push_back(axis);
      over.axis = within;
    }
    const Tensor limit = ratio * maximum(norm(p, over), floor), length = norm(g, over);
    result.grads.push_back(g * minimum(limit / length, 1.0));
    acted.push_back(cast(any(length > limit), result.norm.dtype()));
  }
  result.acted = max(stack(acted));
  return result;
}

Accumulated accumulate(Accumulated so_far, std::span<const Tensor> grads, double examples) {
  if (!so_far.sums.empty() && so_far.sums.size() != grads.size())
    raise(ErrorKind::usage, "accumulate: " + std::to_string(grads.size()) + " gradients after " +
                                std::to_string(so_far.sums.size()) +
                                ". Every part has one for each parameter.");
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor part = examples * grads[i];
    if (i < so_far.sums.size())
      so_far.sums[i] = so_far.sums[i] + part;
    else
      so_far.sums.push_back(part);
  }
  so_far.examples += examples;
  return so_far;
}

std::vector<Tensor> mean_gradients(const Accumulated& all) {
  if (!(all.examples > 0))
    raise(ErrorKind::usage, "mean_gradients: " + text::number(all.examples) +
                                " examples. A mean needs one at least.");
  std::vector<Tensor> means;
  for (const Tensor& s : all.sums) means.push_back(s / all.examples);
  return means;
}

GroupState initial_state(const Grouping& grouping, std::span<const Tensor> params) {
  check(grouping, params.size(), params.size(), "parameters");
  GroupState state;
  for (size_t i = 0; i < params.size(); ++i) {
    const ParameterGroup& g = grouping.groups[grouping.group_of[i]];
    state.push_back(g.frozen ? std::vector<Tensor>{} : initial_state(g.rule, params[i]));
  }
  return state;
}

GroupUpdate update(const Grouping& grouping, std::span<const Tensor> params,
                   std::span<const Tensor> grads, const GroupState& state,
                   std::span<const Tensor> rates) {
  check(grouping, params.size(), grads.size(), "gradients");
  check(grouping, params.size(), state.size(), "states");
  if (!rates.empty() && rates.size() != grouping.groups.size())
    raise(ErrorKind::usage, "groups: " + std::to_string(rates.size()) + " rates for " +
                                std::to_string(grouping.groups.size()) +
                                " groups. Give one for each, or none.");
  GroupUpdate result;
  for (size_t i = 0; i < params.size(); ++i) {
    const size_t at = grouping.group_of[i];
    const ParameterGroup& g = grouping.groups[at];
    Update next = g.frozen ? Update{params[i], {}}
                           : update(g.rule, params[i], grads[i], state[i],
                                    rates.empty() ? Tensor() : rates[at]);
    result.params.push_back(std::move(next.params));
    result.state.push_back(std::move(next.state));
  }
  return result;
}

std::vector<size_t> unused_parameters(const Grouping& grouping, std::span<const Tensor> grads) {
  check(grouping, grads.size(), grads.size(), "gradients");
  std::vector<size_t> unused;
  for (size_t i = 0; i < grads.size(); ++i) {
    if (grouping.groups[grouping.group_of[i]].frozen) continue;
    const std::vector<double> g = numbers(grads[i]);
    if (std::ranges::all_of(g, [](double v) { return v == 0; })) unused.push_back(i);
  }
  return unused;
}

}  // namespace gradus
