#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/curvature.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

namespace gradus {
namespace {

using Numbers = std::vector<double>;

std::string small(double x) {
  return text::significant(x, 3);
}

// Power iteration on H + shift I; the eigenvalue is of H.
CurvatureEstimate power(const Function& f, const Tensor& x, double shift,
                        const CurvatureOptions& options) {
  Numbers z(static_cast<size_t>(x.size()));
  fill_normal(key_from_seed(options.seed), 0, std::span<double>(z));
  Tensor v = from_vector(z, x.shape());
  v = v / norm(v);
  CurvatureEstimate c;
  const Tensor args[] = {x};
  while (c.products < options.products) {
    const Tensor hv = hvp(f, args, v);
    ++c.products;
    c.direction = v;
    c.largest = number(sum(v * hv));
    c.residual = number(norm(hv - c.largest * v));
    if (!std::isfinite(c.residual)) break;
    c.settled = c.residual <= options.tolerance * std::max(std::fabs(c.largest), shift);
    const Tensor next = hv + shift * v;
    const double size = number(norm(next));
    if (c.settled || size == 0) break;
    v = next / size;
  }
  return c;
}

double largest_root(double b, double c) {  // of z^2 + b z + c, in size
  const std::complex<double> root = std::sqrt(std::complex<double>(b * b - 4 * c));
  return std::max(std::abs(-b + root), std::abs(-b - root)) / 2;
}

}  // namespace

CurvatureEstimate largest_curvature(const Objective& f, const Tensor& x,
                                    const CurvatureOptions& options) {
  if (x.dtype() != DType::f64 || x.size() == 0)
    raise(ErrorKind::dtype, "largest_curvature: the point is " + to_string(x.type()) +
                                ". Curvature is measured in f64, at one number or more.");
  const Function of_list = [&f](std::span<const Tensor> a) { return f(a[0]); };
  const CurvatureEstimate c = power(of_list, x, 0, options);
  if (!(c.largest < 0)) return c;
  // The largest in size is negative: above it, all eigenvalues of H + |c| I are positive.
  CurvatureEstimate up = power(of_list, x, -c.largest, options);
  up.products += c.products;
  return up;
}

double stable_rate(double largest) {
  return 2 / largest;
}

double best_rate(double smallest, double largest) {
  return 2 / (smallest + largest);
}

double contraction_factor(const OptimiserConfig& sgd, std::span<const double> curvatures) {
  if (sgd.method != "sgd")
    raise(ErrorKind::usage, "contraction_factor: the method is " + sgd.method +
                                ". Only sgd multiplies the error by a matrix that is always the "
                                "same.");
  double worst = 0;
  for (double h : curvatures) {
    const double beta = sgd.momentum, lr = sgd.lr * (beta == 0 ? 1 : 1 - sgd.dampening),
                 decayed = h + sgd.weight_decay, gd = 1 - lr * decayed;
    const double factor = beta == 0      ? std::fabs(gd)
                          : sgd.nesterov ? largest_root(-(1 + beta) * gd, beta * gd)
                                         : largest_root(-(beta + gd), beta);
    worst = std::max(worst, factor);
  }
  return worst;
}

double measured_factor(std::span<const double> errors) {
  size_t n = 0;
  while (n < errors.size() && errors[n] > 0 && std::isfinite(errors[n])) ++n;
  const size_t from = n / 2;
  if (n < from + 2) return std::numeric_limits<double>::quiet_NaN();
  double mean_t = 0, mean_y = 0;
  const auto count = static_cast<double>(n - from);
  for (size_t i = from; i < n; ++i) {
    mean_t += static_cast<double>(i) / count;
    mean_y += std::log(errors[i]) / count;
  }
  double up = 0, down = 0;
  for (size_t i = from; i < n; ++i) {
    const double t = static_cast<double>(i) - mean_t;
    up += t * (std::log(errors[i]) - mean_y);
    down += t * t;
  }
  return std::exp(up / down);
}

Standing standing(const Objective& f, const Tensor& x, double rate) {
  if (x.dtype() != DType::f64 || x.size() == 0)
    raise(ErrorKind::dtype, "standing: the point is " + to_string(x.type()) +
                                ". It is looked at in f64, at one number or more.");
  const Function of_list = [&f](std::span<const Tensor> a) { return f(a[0]); };
  const Tensor args[] = {x};
  const int first[] = {0};
  const ValueAndGrads at = value_and_grads(of_list, args, first, "standing");
  Standing s;
  s.value = number(at.value);
  s.slope = number(norm(at.grads[0]));
  const auto say = [&](Stand stand, const std::string& reason) {
    s.stand = stand;
    s.reason = reason;
    return s;
  };
  if (!std::isfinite(s.value) || !std::isfinite(s.slope))
    return say(Stand::not_finite,
               "f is " + small(s.value) + " and its slope " + small(s.slope) +
                   ": the steps were too long, or f is not defined here; lower the rate");
  const int64_t n = x.size();
  const Tensor h = reshape(hessian(of_list, args), {n, n});
  const Numbers all = numbers(h);
  if (!std::ranges::all_of(all, [](double v) { return std::isfinite(v); }))
    return say(Stand::not_finite, "the curvature is not finite here: f has a corner or an edge");
  const Numbers eigenvalues = numbers(eigvalsh(0.5 * (h + transpose(h))));
  s.smallest = eigenvalues.front();
  s.largest = eigenvalues.back();
  const double size = std::max(std::fabs(s.smallest), std::fabs(s.largest));
  const double far = number(max(abs(x))), apart = std::nextafter(far, INFINITY) - far;
  const double reach = 1 + far;
  // A slope that moving x by 1e-8 of its size explains.
  const double zero = 1e-8 * size * reach + 1e-16 * (1 + std::fabs(s.value)) / reach;
  const bool down = s.smallest < -1e-8 * size, resting = s.slope <= zero;
  if (size <= 1e-8 * (1 + std::fabs(s.value)) / (reach * reach) && !resting)
    return say(Stand::flat, "slope " + small(s.slope) + " and curvature " + small(size) +
                                " are both small: a plateau; a larger rate or momentum crosses it");
  // Unless it is rounding, the curvature must explain it: where it says the slope is 0, it is less.
  const bool rounding =
      s.slope <= 1e-8 * (1 + std::fabs(s.value)) ||
      (s.slope <= 4 * size * apart && size * apart * apart <= 1e-8 * (1 + std::fabs(s.value)));
  if (resting && !rounding) {
    const Tensor there = x - reshape(lstsq(h, reshape(at.grads[0], {n})), x.shape());
    const Tensor moved[] = {there};
    const double left = number(norm(value_and_grads(of_list, moved, first, "standing").grads[0]));
    if (number(max(abs(there - x))) == 0)
      return say(Stand::stuck, "the slope is " + small(s.slope) +
                                   ", but a step that ends it is shorter than the gap between "
                                   "numbers near x, " +
                                   small(apart) + ": shift or scale x");
    if (!(left <= 0.5 * s.slope))
      return say(Stand::stuck, "the slope is " + small(s.slope) + ", and where the curvature " +
                                   small(s.smallest) + " lets it end it is " + small(left) +
                                   ": f has a corner, a jump or a pole here");
  }
  if (resting && down)
    return say(Stand::saddle, "the slope is 0, but along one direction the curvature is " +
                                  small(s.smallest) +
                                  ": a saddle or a maximum; a small push leaves it");
  if (resting && s.smallest > 1e-8 * size)
    return say(Stand::minimum, "the slope is 0 and all curvatures are positive, the smallest " +
                                   small(s.smallest) + ": a minimum");
  if (resting)
    return say(Stand::flat,
               "the slope is 0 and so is the smallest curvature: flat along a direction, and "
               "curvature does not say whether f is least there");
  if (rate * s.largest > 2)
    return say(Stand::too_fast, "the rate " + small(rate) + " is above 2 / " + small(s.largest) +
                                    " = " + small(stable_rate(s.largest)) +
                                    ": steps along the steepest direction overshoot and grow");
  if (down && s.slope < 1e-2 * size * reach)
    return say(Stand::saddle, "the slope has shrunk to " + small(s.slope) +
                                  " near a saddle: the way out has curvature " + small(s.smallest) +
                                  ", so the distance from it grows by only " +
                                  small(1 - rate * s.smallest) + " a step");
  if (rate * s.largest < 0.1)
    return say(Stand::too_slow, "the rate " + small(rate) + " could be " +
                                    small(1 / (rate * s.largest)) +
                                    " times as large: steps up to 1 / " + small(s.largest) + " = " +
                                    small(1 / s.largest) + " do not overshoot");
  if (s.smallest > 0 && s.largest > 30 * s.smallest)
    return say(Stand::narrow, "a narrow valley: curvatures from " + small(s.smallest) + " to " +
                                  small(s.largest) +
                                  ", so even the best rate gains only a factor " +
                                  small((s.largest - s.smallest) / (s.largest + s.smallest)) +
                                  " a step; momentum or a method with curvature does better");
  return say(Stand::underway, "it still goes down; more steps");
}

std::vector<double> range_rates(double low, double high, int64_t count) {
  if (!(low > 0 && low < high) || !std::isfinite(high) || count < 8)
    raise(ErrorKind::usage, "range test: " + std::to_string(count) + " rates from " +
                                text::number(low) + " to " + text::number(high) +
                                ". It takes at least 8, from above 0 upwards.");
  std::vector<double> rates;
  const double whole = std::log(high / low), last = static_cast<double>(count - 1);
  for (int64_t i = 0; i < count; ++i)
    rates.push_back(low * std::exp(whole * static_cast<double>(i) / last));
  return rates;
}

namespace {

// Straight lines through the losses around each step, against the logarithm of the rate.
struct Lines {
  Numbers values, slopes;
};
Lines lines_through(std::span<const double> rates, std::span<const double> losses, size_t half) {
  Lines lines;
  for (size_t i = 0; i < losses.size(); ++i) {
    const size_t from = i < half ? 0 : i - half, to = std::min(i + half + 1, losses.size());
    const auto count = static_cast<double>(to - from);
    double t = 0, y = 0, up = 0, down = 0;
    for (size_t k = from; k < to; ++k) t += std::log(rates[k]) / count, y += losses[k] / count;
    for (size_t k = from; k < to; ++k) {
      const double off = std::log(rates[k]) - t;
      up += off * (losses[k] - y);
      down += off * off;
    }
    lines.slopes.push_back(up / down);
    lines.values.push_back(y + up / down * (std::log(rates[i]) - t));
  }
  return lines;
}

}  // namespace

RangeTest read_range(std::span<const double> rates, std::span<const double> losses) {
  if (rates.size() != losses.size() || rates.size() < 8)
    raise(ErrorKind::usage, "read_range: " + std::to_string(rates.size()) + " rates and " +
                                std::to_string(losses.size()) +
                                " losses. There are as many of both, at least 8.");
  RangeTest r{{rates.begin(), rates.end()}, {losses.begin(), losses.end()}};
  size_t finite = 0;
  while (finite < losses.size() && std::isfinite(losses[finite])) ++finite;
  losses = losses.first(finite);
  if (finite < rates.size()) r.diverges = rates[finite];
  const auto falls_nowhere = [&] {
    r.reason = "the loss falls at no rate from " + small(rates.front()) + " to " +
               small(r.diverges > 0 ? r.diverges : rates.back()) +
               ": try another range, or look for a mistake in the model";
    return r;
  };
  if (finite < 3) return falls_nowhere();
  // A 20th, a 10th and a 5th of the steps to each side.
  const size_t parts[] = {20, 10, 5};
  constexpr size_t middle = 1;
  r.low = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < 3; ++k) {
    const Lines lines = lines_through(rates, losses, std::max<size_t>(rates.size() / parts[k], 1));
    const auto lowest = static_cast<size_t>(
        std::min_element(lines.values.begin(), lines.values.end()) - lines.values.begin());
    const auto steepest =
        static_cast<size_t>(std::min_element(lines.slopes.begin(),
                                             lines.slopes.begin() + static_cast<long>(lowest) + 1) -
                            lines.slopes.begin());
    // What rounding of the losses moves is no fall.
    const bool falls =
        lines.values.front() - lines.values[lowest] > 1e-9 * std::fabs(lines.values.front());
    if (falls && lines.slopes[steepest] < 0) {
      r.low = std::min(r.low, rates[steepest]);
      r.high = std::max(r.high, rates[steepest]);
    }
    if (k != middle) continue;
    r.smoothed = lines.values;
    if (!falls) break;
    r.suggested = rates[steepest];
    // Half of what was gained is lost again.
    const double lost = 0.5 * (lines.values.front() + lines.values[lowest]);
    for (size_t i = lowest; i < finite; ++i)
      if (lines.values[i] > lost) {
        r.diverges = rates[i];
        break;
      }
  }
  if (r.suggested == 0) {
    r.low = r.high = 0;
    return falls_nowhere();
  }
  r.reason = "the loss falls fastest at a rate of " + small(r.suggested) + " (" + small(r.low) +
             " to " + small(r.high) + ", depending on the smoothing)" +
             (r.diverges > 0 ? ", and has risen again at " + small(r.diverges)
                             : ", and does not rise again up to " + small(rates.back()));
  return r;
}

RangeTest range_test(const std::function<Objective(int64_t step)>& f, const Tensor& x0,
                     const OptimiserConfig& rule, std::span<const double> rates) {
  std::vector<double> losses;
  Tensor x = x0;
  std::vector<Tensor> state = initial_state(rule, x0);
  const int first[] = {0};
  for (double rate : rates) {
    const Objective loss = f(static_cast<int64_t>(losses.size()));
    const Tensor args[] = {x};
    const ValueAndGrads at = value_and_grads(
        [&loss](std::span<const Tensor> a) { return loss(a[0]); }, args, first, "range_test");
    losses.push_back(number(at.value));
    Update next = update(rule, x, at.grads[0], state, scalar(rate, x.dtype()));
    x = next.params;
    state = std::move(next.state);
  }
  return read_range(rates, losses);
}

}  // namespace gradus
