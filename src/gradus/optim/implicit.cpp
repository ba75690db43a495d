#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/implicit.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

using Tensors = std::span<const Tensor>;

// One residual, or one function to minimise, for every example of a batch at once. Arguments are x
// (batch, ...) and theta, of which batched[i] says whether it has the batch axis.
struct Batch {
  Function f;
  std::vector<bool> batched;
  std::vector<Tensor> theta;

  VmapAxes axes() const {
    VmapAxes a{.in = {0}};
    for (bool b : batched) a.in.push_back(b ? Axis(0) : unmapped);
    return a;
  }
  Tensor each(const Function& g, const Tensor& x) const {
    std::vector<Tensor> in{x};
    in.insert(in.end(), theta.begin(), theta.end());
    return vmap([&](Tensors one) { return std::vector<Tensor>{g(one)}; }, in, axes())[0];
  }
};

Function gradient_of(const Function& f) {
  return [f](Tensors a) {
    const int first[] = {0};
    return value_and_grads(f, a, first, "argmin").grads[0];
  };
}

Function jacobian_of(const Function& f) {
  return [f](Tensors a) { return jacobian(f, a); };
}

Tensor flat_rows(const Tensor& x) {
  const int64_t rows = x.shape()[0];
  return reshape(x, {rows, rows == 0 ? 0 : x.size() / rows});
}

// The largest of each row; infinite where one is not a number.
std::vector<double> sizes(const Tensor& rows) {
  const auto [batch, n] = std::pair{rows.shape()[0], rows.shape()[1]};
  const std::vector<double> all = numbers(rows);
  std::vector<double> result(static_cast<size_t>(batch));
  for (size_t i = 0; i < all.size(); ++i) {
    double& top = result[i / static_cast<size_t>(n)];
    top = std::isnan(all[i]) ? std::numeric_limits<double>::infinity()
                             : std::max(top, std::fabs(all[i]));
  }
  return result;
}

Tensor column_of(const std::vector<double>& values, int rank) {
  Shape shape{static_cast<int64_t>(values.size())};
  while (shape.size() < rank) shape.push_back(1);
  return from_vector(values, shape);
}

[[noreturn]] void not_reached(const char* name, size_t example, double left, int steps) {
  raise(ErrorKind::numeric, std::string(name) + ": example " + std::to_string(example) +
                                " is not solved after " + std::to_string(steps) +
                                " steps: " + text::significant(left, 3) +
                                " is left. Start nearer, or check that there is a solution.");
}

// Moves every example along -direction, halving its step until `merit` falls; returns the new x and
// says whether anything moved.
Tensor moved(const Tensor& x, const Tensor& direction, std::vector<double>& merit,
             const std::function<std::vector<double>(const Tensor&)>& merit_of,
             const std::vector<bool>& settled, bool& any) {
  const size_t batch = merit.size();
  std::vector<double> step(batch, 1.0);
  for (size_t b = 0; b < batch; ++b)
    if (settled[b]) step[b] = 0;
  any = false;
  constexpr int halvings = 40;
  for (int i = 0; i < halvings; ++i) {
    const Tensor next = x - column_of(step, x.rank()) * direction;
    const std::vector<double> now = merit_of(next);
    bool all = true;
    for (size_t b = 0; b < batch; ++b)
      if (step[b] != 0 && !(now[b] < merit[b])) {
        step[b] = i + 2 == halvings ? 0 : step[b] / 2;
        all = false;
      }
    if (!all) continue;
    for (size_t b = 0; b < batch; ++b) {
      any |= step[b] != 0;
      merit[b] = now[b];
    }
    return next;
  }
  return x;
}

std::vector<double> part(const std::vector<double>& v, size_t at, size_t count) {
  return {v.begin() + static_cast<long>(at), v.begin() + static_cast<long>(at + count)};
}

// One direction after the other, in the shape of x: of(example, numbers in it).
Tensor each_direction(const Tensor& x,
                      const std::function<std::vector<double>(size_t, size_t)>& of) {
  const auto examples = static_cast<size_t>(x.shape()[0]);
  const size_t n = static_cast<size_t>(x.size()) / std::max<size_t>(examples, 1);
  std::vector<double> all;
  for (size_t b = 0; b < examples; ++b) {
    const std::vector<double> d = of(b, n);
    all.insert(all.end(), d.begin(), d.end());
  }
  return from_vector(all, x.shape());
}

// J^-1 f of one example.
std::vector<double> across(std::vector<double> J, const std::vector<double>& f, size_t example) {
  const auto n = static_cast<int64_t>(f.size());
  std::vector<int64_t> rows(f.size());
  dense::lu(n, J.data(), rows.data());
  std::vector<double> x;
  for (size_t i = 0; i < f.size(); ++i) {
    x.push_back(f[static_cast<size_t>(rows[i])]);
    if (J[i * f.size() + i] == 0)
      raise(ErrorKind::numeric, "root: df/dx of example " + std::to_string(example) +
                                    " is singular where Newton's method stands. Start elsewhere.");
  }
  const dense::Window<const double> factors{J.data(), n, 1};
  dense::solve_triangle(true, true, n, int64_t{1}, factors, x.data(), int64_t{1});
  dense::solve_triangle(false, false, n, int64_t{1}, factors, x.data(), int64_t{1});
  return x;
}

Tensor newton(const Batch& batch, Tensor x, const SolveOptions& options) {
  if (const Type f = batch.each(batch.f, x).type(); !(f == x.type()))
    raise(ErrorKind::shape, "root: for x " + to_string(x.type()) + " f gives " + to_string(f) +
                                ", the batch axis in front. Both must be f64 of one shape.");
  const Function J = jacobian_of(batch.f);
  const auto residual = [&](const Tensor& at) { return sizes(flat_rows(batch.each(batch.f, at))); };
  std::vector<double> merit = residual(x);
  for (int k = 0; k <= options.steps; ++k) {
    // A last step below the tolerance is still taken: Newton's steps double the digits.
    const Tensor F = flat_rows(batch.each(batch.f, x));
    const std::vector<double> reach = sizes(flat_rows(x));
    std::vector<bool> settled(merit.size());
    bool close = true;
    for (size_t b = 0; b < merit.size(); ++b) {
      settled[b] = merit[b] == 0;
      if (!std::isfinite(merit[b]) || !std::isfinite(reach[b])) not_reached("root", b, merit[b], k);
      close &= merit[b] <= options.tolerance * (1 + reach[b]);
    }
    if (std::ranges::all_of(settled, [](bool s) { return s; })) return x;
    const std::vector<double> slopes = numbers(batch.each(J, x)), left = numbers(F);
    const Tensor direction = each_direction(x, [&](size_t b, size_t n) {
      return settled[b] ? std::vector<double>(n)
                        : across(part(slopes, b * n * n, n * n), part(left, b * n, n), b);
    });
    bool any = false;
    x = moved(x, direction, merit, residual, settled, any);
    if (!any || k == options.steps) {
      if (close) return x;
      for (size_t b = 0; b < merit.size(); ++b)
        if (!(merit[b] <= options.tolerance * (1 + reach[b]))) not_reached("root", b, merit[b], k);
    }
  }
  return x;
}

// (H + shift I)^-1 g with the smallest tried shift that makes the matrix positive definite.
std::vector<double> downhill(const std::vector<double>& H, const std::vector<double>& g) {
  const auto n = static_cast<int64_t>(g.size());
  double size = 0;
  for (double h : H) {
    if (!std::isfinite(h))
      raise(ErrorKind::numeric,
            "argmin: the Hessian on the way is not finite. Start nearer, or scale x.");
    size = std::max(size, std::fabs(h));
  }
  for (double shift = 0;; shift = shift == 0 ? 1e-3 * (size + 1e-3) : 4 * shift) {
    std::vector<double> L = H, x = g;
    for (int64_t i = 0; i < n; ++i) L[static_cast<size_t>(i * n + i)] += shift;
    if (dense::cholesky(n, L.data()) < n) continue;
    const dense::Window<const double> lower{L.data(), n, 1};
    dense::solve_triangle(true, false, n, int64_t{1}, lower, x.data(), int64_t{1});
    dense::solve_triangle(false, false, n, int64_t{1}, lower.transposed(), x.data(), int64_t{1});
    return x;
  }
}

// Where the gradient is 0, a Hessian with a direction down is no minimum.
void require_minima(const std::vector<double>& H, size_t examples) {
  const size_t all = H.size() / examples;
  const auto n = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(all))));
  for (size_t b = 0; b < examples; ++b) {
    std::vector<double> L = part(H, b * all, all);
    double size = 0;
    for (double h : L) size = std::max(size, std::fabs(h));
    // A shift that only rounding would need.
    for (size_t i = 0; i < n; ++i) L[i * n + i] += 1e-8 * size + 1e-300;
    if (dense::cholesky(static_cast<int64_t>(n), L.data()) < static_cast<int64_t>(n))
      raise(ErrorKind::numeric, "argmin: example " + std::to_string(b) +
                                    " stands where the gradient is 0 but the Hessian has a "
                                    "direction down: a saddle or a maximum. Start elsewhere.");
  }
}

Tensor descend(const Batch& batch, Tensor x, const SolveOptions& options) {
  if (x.size() == 0) return x;
  const Function g = gradient_of(batch.f), H = jacobian_of(g);
  const auto value = [&](const Tensor& at) {
    std::vector<double> v = numbers(batch.each(batch.f, at));
    for (double& one : v)
      if (std::isnan(one)) one = std::numeric_limits<double>::infinity();
    return v;
  };
  for (int k = 0; k <= options.steps; ++k) {
    const Tensor slopes = flat_rows(batch.each(g, x));
    const std::vector<double> left = sizes(slopes), reach = sizes(flat_rows(x));
    std::vector<bool> settled(left.size());
    bool close = true;
    for (size_t b = 0; b < left.size(); ++b) {
      settled[b] = left[b] == 0;
      if (!std::isfinite(left[b]) || !std::isfinite(reach[b])) not_reached("argmin", b, left[b], k);
      close &= left[b] <= options.tolerance * (1 + reach[b]);
    }
    const std::vector<double> G = numbers(slopes), curvature = numbers(batch.each(H, x));
    if (close) require_minima(curvature, left.size());
    if (std::ranges::all_of(settled, [](bool s) { return s; })) return x;
    const Tensor direction = each_direction(x, [&](size_t b, size_t n) {
      return downhill(part(curvature, b * n * n, n * n), part(G, b * n, n));
    });
    std::vector<double> merit = value(x);
    if (close) {  // values no longer tell which is smaller; the gradient does
      const Tensor next = x - direction;
      const std::vector<double> after = sizes(flat_rows(batch.each(g, next)));
      std::vector<double> take(after.size());
      for (size_t b = 0; b < after.size(); ++b) take[b] = after[b] < left[b] ? 1 : 0;
      return x - column_of(take, x.rank()) * direction;
    }
    bool any = false;
    x = moved(x, direction, merit, value, settled, any);
    if (!any || k == options.steps)
      for (size_t b = 0; b < left.size(); ++b)
        if (!(left[b] <= options.tolerance * (1 + reach[b]))) not_reached("argmin", b, left[b], k);
  }
  return x;
}

using Solver = Tensor (*)(const Batch&, Tensor, const SolveOptions&);

// The arguments of the step are the start, then theta.
Tensor implicit(const char* name, Solver solver, const Function& f, const Function& condition,
                const Tensor& start, Tensors theta, const SolveOptions& options) {
  const Tensor from = start.is_literal() ? cast(start, DType::f64) : start;
  if (from.dtype() != DType::f64 || from.size() == 0)
    raise(ErrorKind::dtype, std::string(name) + ": the start is " + to_string(from.type()) +
                                ". A solution is sought in f64, from one number or more.");
  const auto solve_batch = [f, options, solver](const std::vector<bool>& batched, Tensors in) {
    const Batch batch{f, {batched.begin() + 1, batched.end()}, {in.begin() + 1, in.end()}};
    return solver(batch, in[0], options);
  };
  CustomRule rule{.name = name};
  rule.type = [](std::span<const Type> in) { return in[0]; };
  rule.value = [solve_batch](Tensors in) {
    std::vector<Tensor> all(in.begin(), in.end());
    all[0] = expand_dims(in[0], 0);
    std::vector<bool> batched(in.size());
    batched[0] = true;
    return row(solve_batch(batched, all), 0);
  };
  rule.batched_value = [solve_batch](const std::vector<bool>& batched) -> Function {
    return [solve_batch, batched](Tensors in) {
      std::vector<Tensor> all(in.begin(), in.end());
      if (!batched[0]) {  // some theta is batched: its first axis is the batch
        const size_t which =
            static_cast<size_t>(std::ranges::find(batched, true) - batched.begin());
        Shape shape = in[0].shape();
        shape.insert(0, in[which].shape()[0]);
        all[0] = broadcast_to(in[0], shape);
      }
      std::vector<bool> flags = batched;
      flags[0] = true;
      return solve_batch(flags, all);
    };
  };
  rule.push = [condition](Tensors in, const Tensor& x, Tensors dots) {
    const int64_t n = x.size();
    std::vector<Tensor> args(in.begin(), in.end()), directions(dots.begin(), dots.end());
    args[0] = x;
    directions[0] = zeros_like(x);
    const Tensor moved_by = jvp(condition, args, directions).derivative;
    const Tensor matrix = reshape(jacobian(condition, args), {n, n});
    return -reshape(solve(matrix, reshape(moved_by, {n})), x.shape());
  };
  std::vector<Tensor> x{from};
  for (const Tensor& t : theta) x.push_back(t.is_literal() ? cast(t, DType::f64) : t);
  return apply_custom(std::make_shared<const CustomRule>(std::move(rule)), x);
}

}  // namespace

Tensor root(const Function& f, const Tensor& start, std::span<const Tensor> theta,
            SolveOptions options) {
  return implicit("root", newton, f, f, start, theta, options);
}

Tensor argmin(const Function& f, const Tensor& start, std::span<const Tensor> theta,
              SolveOptions options) {
  return implicit("argmin", descend, f, gradient_of(f), start, theta, options);
}

}  // namespace gradus
