#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/dense.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/line_search.h>
#include <gradus/optim/minimise.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace gradus {
namespace {

using Vec = std::vector<double>;

constexpr std::string_view own_names[] = {"steepest", "cg",        "hager-zhang", "lbfgs",
                                          "newton",   "newton-cg", "trust"};
constexpr double far_away = 1e30;  // |x| beyond it: f falls without end

double dot(const Vec& a, const Vec& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
double length(const Vec& a) {
  double largest = 0;
  for (double v : a) largest = std::max(largest, std::fabs(v));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  double s = 0;
  for (double v : a) s += v / largest * (v / largest);
  return largest * std::sqrt(s);
}
double largest_of(const Vec& a) {
  double largest = 0;
  for (double v : a)
    largest =
        std::isnan(v) ? std::numeric_limits<double>::infinity() : std::max(largest, std::fabs(v));
  return largest;
}
// a + t b.
Vec along(const Vec& a, double t, const Vec& b) {
  Vec r(a.size());
  for (size_t i = 0; i < a.size(); ++i) r[i] = a[i] + t * b[i];
  return r;
}
Vec times(double t, Vec a) {
  for (double& v : a) v *= t;
  return a;
}

struct Point {
  Vec x;
  double f = 0;
  Vec g;
};

// The function in the numbers of x, and what its evaluations cost.
class Landscape {
 public:
  Landscape(const Objective& f, const Tensor& x0) : shape_(x0.shape()) {
    f_ = [f](std::span<const Tensor> a) { return f(a[0]); };
  }

  Tensor tensor(const Vec& x) const { return from_vector(x, shape_); }
  Point at(Vec x) {
    ++evaluations;
    const Tensor args[] = {tensor(x)};
    const int first[] = {0};
    const ValueAndGrads r = value_and_grads(f_, args, first, "minimise");
    return {std::move(x), number(r.value), numbers(r.grads[0])};
  }
  // H v.
  Vec product(const Vec& x, const Vec& v) {
    ++products;
    const Tensor args[] = {tensor(x)};
    return numbers(hvp(f_, args, tensor(v)));
  }
  Vec hessian_at(const Vec& x) {
    products += static_cast<int64_t>(x.size());
    const Tensor args[] = {tensor(x)};
    return numbers(hessian(f_, args));
  }

  int64_t evaluations = 0, products = 0;

 private:
  Function f_;
  Shape shape_;
};

// Directions that a line search follows.
class Direction {
 public:
  virtual ~Direction() = default;
  virtual Vec at(const Point& p) = 0;
  virtual void moved(const Point&, const Point&) {}
  // Forgets what was learnt; false where nothing was.
  virtual bool forget() { return false; }
  // The first step tried, after one that changed f by `change`.
  virtual double first(const Point& p, const Vec& d, double change) const {
    // The first step of all changes x by a third of its size; later ones gain what the last did.
    const double slope = dot(p.g, d);
    if (change == 0) return std::min(1.0, 0.3 * std::max(1.0, largest_of(p.x)) / largest_of(d));
    return std::min(1e10, 1.01 * 2 * change / slope);
  }
  bool wolfe = true;
  double curvature = 0.9;
};

class Steepest : public Direction {
 public:
  Steepest() { wolfe = false; }
  Vec at(const Point& p) override { return times(-1, p.g); }
};

// d = -g + beta d.
class Conjugate : public Direction {
 public:
  explicit Conjugate(bool hager_zhang) : hager_zhang_(hager_zhang) { curvature = 0.1; }
  Vec at(const Point& p) override {
    if (d_.empty() || count_ >= 10 * static_cast<int64_t>(p.x.size()) + 10) {
      count_ = 0;
      return d_ = times(-1, p.g);
    }
    ++count_;
    return d_ = along(times(-1, p.g), beta_, d_);
  }
  void moved(const Point& from, const Point& to) override {
    const Vec y = along(to.g, -1, from.g);
    if (hager_zhang_) {
      const double dy = dot(d_, y), yy = dot(y, y);
      beta_ = dy == 0 ? 0 : (dot(y, to.g) - 2 * yy * dot(d_, to.g) / dy) / dy;
      const double least = -1 / (length(d_) * std::min(0.01, length(from.g)));
      beta_ = std::max(beta_, least);
    } else {
      beta_ = std::max(0.0, dot(to.g, y) / dot(from.g, from.g));
    }
    if (!std::isfinite(beta_)) beta_ = 0;
  }
  bool forget() override {
    const bool knew = count_ > 0;
    d_.clear();
    count_ = 0;
    return knew;
  }

 private:
  bool hager_zhang_;
  Vec d_;
  double beta_ = 0;
  int64_t count_ = 0;
};

// -H g with H from the last pairs of steps and changes of the gradient.
class Lbfgs : public Direction {
 public:
  explicit Lbfgs(int64_t memory) : memory_(static_cast<size_t>(std::max<int64_t>(memory, 1))) {}
  Vec at(const Point& p) override {
    Vec q = times(-1, p.g);
    Vec a(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      a[i] = dot(pairs_[i].s, q) / pairs_[i].sy;
      q = along(q, -a[i], pairs_[i].y);
    }
    if (!pairs_.empty()) {
      const Pair& last = pairs_.back();
      q = times(last.sy / dot(last.y, last.y), q);
    }
    for (size_t i = 0; i < pairs_.size(); ++i)
      q = along(q, a[i] - dot(pairs_[i].y, q) / pairs_[i].sy, pairs_[i].s);
    return q;
  }
  void moved(const Point& from, const Point& to) override {
    Pair pair{along(to.x, -1, from.x), along(to.g, -1, from.g), 0};
    pair.sy = dot(pair.s, pair.y);
    // Without curvature along the step the matrix would not stay positive definite.
    if (!(pair.sy > 2.2e-16 * length(pair.s) * length(pair.y))) return;
    pairs_.push_back(std::move(pair));
    if (pairs_.size() > memory_) pairs_.pop_front();
  }
  bool forget() override {
    const bool knew = !pairs_.empty();
    pairs_.clear();
    return knew;
  }
  double first(const Point& p, const Vec& d, double change) const override {
    return pairs_.empty() ? Direction::first(p, d, change) : 1;
  }

 private:
  struct Pair {
    Vec s, y;
    double sy;
  };
  size_t memory_;
  std::deque<Pair> pairs_;
};

class Newton : public Direction {
 public:
  explicit Newton(Landscape& f) : f_(f) { wolfe = false; }
  // -(H + shift I)^-1 g with the smallest tried shift that makes the matrix positive definite.
  Vec at(const Point& p) override {
    const Vec h = f_.hessian_at(p.x);
    const auto n = static_cast<int64_t>(p.x.size());
    const double size = largest_of(h);
    shifted = false;
    if (!std::isfinite(size)) return times(-1, p.g);
    for (double shift = 0;; shift = shift == 0 ? 1e-6 * size + 1e-12 : 10 * shift) {
      Vec l = h, x = p.g;
      for (int64_t i = 0; i < n; ++i) l[static_cast<size_t>(i * n + i)] += shift;
      shifted = shift > 0;
      if (dense::cholesky(n, l.data()) < n) continue;
      const dense::Window<const double> lower{l.data(), n, 1};
      dense::solve_triangle(true, false, n, int64_t{1}, lower, x.data(), int64_t{1});
      dense::solve_triangle(false, false, n, int64_t{1}, lower.transposed(), x.data(), int64_t{1});
      return times(-1, x);
    }
  }
  double first(const Point&, const Vec&, double) const override { return 1; }
  bool shifted = false;

 private:
  Landscape& f_;
};

struct Model {
  Vec step;
  double change = 0;  // of g.z + z.Hz / 2
  bool down = false;  // a direction of negative curvature was met
  bool at_edge = false;
};

// Conjugate gradients on H z = -g, truncated: at the edge of the region, where the curvature is
// negative, or where the residual is small enough for this |g|.
Model truncated_cg(Landscape& f, const Point& p, double radius) {
  const double size = length(p.g), wanted = std::min(0.5, std::sqrt(size)) * size;
  Model m{Vec(p.x.size()), 0, false, false};
  Vec r = p.g, d = times(-1, p.g), hz(p.x.size());
  const auto finish = [&](double t, const Vec& hd) {
    m.step = along(m.step, t, d);
    hz = along(hz, t, hd);
  };
  const auto edge = [&] {  // t > 0 with |z + t d| = radius
    const double a = dot(d, d), b = dot(m.step, d), c = dot(m.step, m.step) - radius * radius;
    return (-b + std::sqrt(std::max(0.0, b * b - a * c))) / a;
  };
  const size_t most = 2 * p.x.size() + 10;
  for (size_t k = 0; k < most; ++k) {
    const Vec hd = f.product(p.x, d);
    const double curvature = dot(d, hd), rr = dot(r, r);
    if (!(curvature > 0)) {
      m.down = true;
      m.at_edge = std::isfinite(radius);
      if (m.at_edge)
        finish(edge(), hd);
      else if (k == 0)
        finish(1, hd);  // no region: downhill, and the line search decides how far
      break;
    }
    const double t = rr / curvature;
    if (std::isfinite(radius) && length(along(m.step, t, d)) >= radius) {
      m.at_edge = true;
      finish(edge(), hd);
      break;
    }
    finish(t, hd);
    r = along(r, t, hd);
    if (length(r) <= wanted) break;
    d = along(times(-1, r), dot(r, r) / rr, d);
  }
  m.change = dot(p.g, m.step) + 0.5 * dot(m.step, hz);
  return m;
}

class NewtonCg : public Direction {
 public:
  explicit NewtonCg(Landscape& f) : f_(f) { wolfe = false; }
  Vec at(const Point& p) override {
    return truncated_cg(f_, p, std::numeric_limits<double>::infinity()).step;
  }
  double first(const Point&, const Vec&, double) const override { return 1; }

 private:
  Landscape& f_;
};

std::string small(double x) {
  return text::significant(x, 3);
}

// What every method shares: the record, and when to stop.
class Walk {
 public:
  Walk(const MinimiseOptions& options, Landscape& f) : options_(options), f_(f) {}

  // Whether p is where the walk ends.
  bool ends_at(const Point& p) {
    result.value = p.f;
    if (result.iterations == 0) first_slope_ = largest_of(p.g), start_value_ = p.f;
    result.gradient_norm = largest_of(p.g);
    result.gradient_norms.push_back(result.gradient_norm);
    if (options_.keep_path) {
      result.path.push_back(p.x);
      result.values.push_back(p.f);
    }
    const double reach = largest_of(p.x);
    if (p.f < -1e100 || (reach > far_away && std::isfinite(reach) && p.f < start_value_))
      return stop(Stop::unbounded,
                  "f falls without end: it is " + small(p.f) + " at |x| = " + small(reach));
    if (!std::isfinite(p.f) || !std::isfinite(result.gradient_norm))
      return stop(Stop::not_finite, "f is " + small(p.f) + " and its largest slope " +
                                        small(result.gradient_norm) + ": no direction to go");
    const double wanted = options_.tolerance * (1 + std::min(first_slope_, std::fabs(p.f)));
    if (result.gradient_norm <= wanted)
      return stop(Stop::converged, "the largest slope is " + small(result.gradient_norm) +
                                       ", at most the tolerance " + small(wanted));
    if (result.iterations >= options_.iterations) return stop(Stop::iterations, too_few(wanted));
    return false;
  }
  // No step was found, though the direction promised `gain`.
  void stuck(const Point& p, double gain) {
    const double rounding = 1e-12 * std::fabs(p.f);
    if (gain <= rounding)
      stop(Stop::precision, "the next step would gain " + small(gain) +
                                ", which rounding of f = " + small(p.f) +
                                " hides; the largest slope left is " + small(result.gradient_norm));
    else
      stop(Stop::no_descent, "no step along the direction lowers f, though its slope is " +
                                 small(result.gradient_norm) + ": " + why_none(p));
  }
  std::string why_none(const Point& p) const {
    const double far = largest_of(p.x), apart = std::nextafter(far, INFINITY) - far;
    if (apart * result.gradient_norm > 1e-8 * (1 + std::fabs(p.f)))
      return "numbers near x lie " + small(apart) + " apart, too far for a step. Shift or scale x";
    return "f has a kink or a jump there, or its derivative is wrong";
  }
  void finish(const Point& p) {
    result.x = f_.tensor(p.x);
    result.evaluations = f_.evaluations;
    result.products = f_.products;
    if (!options_.keep_path) result.gradient_norms.clear();
  }

  Minimum result;

 private:
  bool stop(Stop why, const std::string& reason) {
    result.stop = why;
    result.reason = reason;
    return true;
  }
  // How fast the slope was falling, and how long the rest would take at that pace.
  std::string too_few(double wanted) const {
    const Vec& norms = result.gradient_norms;
    const std::string begin = std::to_string(result.iterations) +
                              " iterations were not enough: the largest slope is " +
                              small(norms.back());
    const size_t back = std::min<size_t>(norms.size() - 1, 20);
    if (back == 0) return begin;
    const double factor =
        std::pow(norms.back() / norms[norms.size() - 1 - back], 1 / static_cast<double>(back));
    if (!(factor < 1)) return begin + " and no longer falls";
    const double more = std::log(wanted / norms.back()) / std::log(factor);
    return begin + ", falling by a factor of " + small(factor) + " each; about " +
           text::significant(std::ceil(more), 3) + " more at that pace";
  }

  const MinimiseOptions& options_;
  Landscape& f_;
  double first_slope_ = 0, start_value_ = 0;
};

Minimum along_lines(Landscape& f, Direction& direction, Vec x0, const MinimiseOptions& options) {
  Walk walk(options, f);
  Point p = f.at(std::move(x0));
  double change = 0, restarted = std::numeric_limits<double>::infinity();
  // Long searches in a row that together gained next to nothing: f is noise by now.
  constexpr int longest = 10, most_weary = 5;
  int weary = 0;
  double before_weary = 0;
  while (!walk.ends_at(p)) {
    Vec d = direction.at(p);
    double slope = dot(p.g, d);
    if (!(slope < 0) || !std::isfinite(slope)) {
      direction.forget();
      d = times(-1, p.g);
      slope = -dot(p.g, p.g);
    }
    Point next;
    const LineFunction phi = [&](double t) {
      next = f.at(along(p.x, t, d));
      return OnLine{t, next.f, dot(next.g, d)};
    };
    const OnLine start{0, p.f, slope};
    LineOptions line;
    line.curvature = direction.curvature;
    const double first = direction.first(p, d, change);
    const LineResult found =
        direction.wolfe ? strong_wolfe(phi, start, first, line) : armijo(phi, start, first, line);
    if (!found.found) {
      // Once more, straight down; but not where the last such start gained next to nothing.
      if (direction.forget() && p.f < restarted - 1e-10 * std::fabs(p.f)) {
        restarted = p.f;
        walk.result.gradient_norms.pop_back();
        if (options.keep_path) walk.result.path.pop_back(), walk.result.values.pop_back();
        change = 0;
        continue;
      }
      walk.stuck(p, -slope * first);
      break;
    }
    if (next.x != along(p.x, found.at.t, d)) next = f.at(along(p.x, found.at.t, d));
    direction.moved(p, next);
    change = next.f - p.f;
    if (found.evaluations <= longest)
      weary = 0;
    else if (weary++ == 0)
      before_weary = p.f;
    p = std::move(next);
    ++walk.result.iterations;
    if (weary < most_weary) continue;
    if (before_weary - p.f <= 1e-10 * std::fabs(p.f)) {
      if (!walk.ends_at(p)) walk.stuck(p, 0);
      break;
    }
    weary = 0;
  }
  walk.finish(p);
  return walk.result;
}

Minimum in_regions(Landscape& f, Vec x0, const MinimiseOptions& options) {
  Walk walk(options, f);
  Point p = f.at(std::move(x0));
  double radius = options.radius;
  while (!walk.ends_at(p)) {
    const Model m = truncated_cg(f, p, radius);
    Point next = f.at(along(p.x, 1, m.step));
    const double rounding = 1e-14 * std::fabs(p.f);
    // Both below rounding: the model is believed, and the gradient has the last word.
    const bool blind = -m.change <= rounding;
    const double ratio =
        blind ? (largest_of(next.g) < largest_of(p.g) ? 1 : 0) : (p.f - next.f) / -m.change;
    const double went = length(m.step);
    if (!(ratio >= 0.25))
      radius = 0.25 * went;
    else if (ratio > 0.75 && m.at_edge)
      radius = std::min(2 * radius, far_away);
    ++walk.result.iterations;
    if (ratio > 1e-4) {
      p = std::move(next);
      continue;
    }
    if (blind || radius <= 1e-16 * (1 + largest_of(p.x))) {
      walk.stuck(p, -m.change);
      break;
    }
    walk.result.gradient_norms.pop_back();
    if (options.keep_path) walk.result.path.pop_back(), walk.result.values.pop_back();
  }
  walk.finish(p);
  return walk.result;
}

Minimum by_rule(Landscape& f, Vec x0, const MinimiseOptions& options) {
  Walk walk(options, f);
  Tensor x = f.tensor(x0);
  std::vector<Tensor> state = initial_state(options.rule, x);
  Point p = f.at(std::move(x0));
  PlateauState seen;
  while (!walk.ends_at(p)) {
    Tensor rate;
    if (!options.schedule.empty()) {
      rate = scalar(options.rule.lr * options.schedule.factor(walk.result.iterations, seen),
                    DType::f64);
      seen = options.schedule.observe(seen, p.f);
    }
    Update next = update(options.rule, x, f.tensor(p.g), state, rate);
    x = next.params;
    state = std::move(next.state);
    p = f.at(numbers(x));
    ++walk.result.iterations;
  }
  walk.finish(p);
  return walk.result;
}

// The start in f64, one number or more.
Tensor start_of(const char* name, const Tensor& x0) {
  const Tensor x = x0.is_literal() ? cast(x0, DType::f64) : x0;
  if (x.dtype() != DType::f64 || x.size() == 0)
    raise(ErrorKind::dtype, std::string(name) + ": the start is " + to_string(x.type()) +
                                ". A minimum is sought in f64, from one number or more.");
  return x;
}

}  // namespace

std::vector<std::string_view> minimiser_names() {
  return {std::begin(own_names), std::end(own_names)};
}

Minimum minimise(const Objective& f, const Tensor& x0, const MinimiseOptions& options) {
  const Tensor start = start_of("minimise", x0);
  Landscape landscape(f, start);
  Vec x = numbers(start);
  const std::string& m = options.method;
  const auto follow = [&](Direction&& direction) {
    return along_lines(landscape, direction, std::move(x), options);
  };
  if (m == "steepest") return follow(Steepest());
  if (m == "cg") return follow(Conjugate(false));
  if (m == "hager-zhang") return follow(Conjugate(true));
  if (m == "lbfgs") return follow(Lbfgs(options.memory));
  if (m == "newton") return follow(Newton(landscape));
  if (m == "newton-cg") return follow(NewtonCg(landscape));
  if (m == "trust") return in_regions(landscape, std::move(x), options);
  std::vector<std::string_view> names = minimiser_names();
  const std::vector<std::string_view> rules = method_names();
  if (std::ranges::find(rules, m) != rules.end()) return by_rule(landscape, std::move(x), options);
  names.insert(names.end(), rules.begin(), rules.end());
  const auto close = text::nearest(m, names);
  raise(ErrorKind::usage, "minimise: there is no method '" + m + "'. The methods are " +
                              text::join(names, ", ") + "." +
                              (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

Minimum gauss_newton(const Objective& r, const Tensor& x0, const MinimiseOptions& options) {
  const Tensor start = start_of("gauss_newton", x0);
  const Function residuals = [&r](std::span<const Tensor> a) { return r(a[0]); };
  Landscape f([&r](const Tensor& x) { return sum(square(r(x))); }, start);
  class GaussNewton : public Direction {
   public:
    GaussNewton(const Function& residuals, Landscape& f) : r_(residuals), f_(f) { wolfe = false; }
    Vec at(const Point& p) override {
      const Tensor args[] = {f_.tensor(p.x)};
      const Vec j = numbers(jacobian(r_, args)), left = numbers(r_(args));
      const size_t m = left.size(), n = p.x.size();
      f_.products += static_cast<int64_t>(std::min(m, n));
      if (!std::isfinite(largest_of(j))) return times(-1, p.g);
      // Rows of a tiny multiple of the unit matrix keep columns apart that are equal to rounding.
      const double floor = 1e-14 * largest_of(j) + std::numeric_limits<double>::min();
      Vec q((m + n) * n), upper(n * n), d(n);
      std::ranges::copy(j, q.begin());
      for (size_t i = 0; i < n; ++i) q[(m + i) * n + i] = floor;
      dense::qr(static_cast<int64_t>(m + n), static_cast<int64_t>(n), q.data(), upper.data());
      for (size_t i = 0; i < m; ++i)
        for (size_t k = 0; k < n; ++k) d[k] -= q[i * n + k] * left[i];
      const dense::Window<const double> window{upper.data(), static_cast<int64_t>(n), 1};
      for (size_t k = 0; k < n; ++k)
        if (upper[k * n + k] == 0) return times(-1, p.g);
      dense::solve_triangle(false, false, static_cast<int64_t>(n), int64_t{1}, window, d.data(),
                            int64_t{1});
      return d;
    }
    double first(const Point&, const Vec&, double) const override { return 1; }

   private:
    const Function& r_;
    Landscape& f_;
  };
  GaussNewton direction(residuals, f);
  return along_lines(f, direction, numbers(start), options);
}

ScalarMinimum minimise_scalar(const std::function<double(double)>& f, double low, double high,
                              double tolerance, int64_t iterations) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high))
    raise(ErrorKind::usage, "minimise_scalar: the interval is from " + text::number(low) + " to " +
                                text::number(high) + ". It must be finite, the lower end first.");
  ScalarMinimum r;
  const auto look = [&](double x) {
    ++r.evaluations;
    const double v = f(x);
    return std::isnan(v) ? std::numeric_limits<double>::infinity() : v;
  };
  const double golden = (3 - std::sqrt(5.0)) / 2;
  // x the lowest so far, w the second, v the one before; d the last step, e the one before it.
  double a = low, b = high, x = a + golden * (b - a), w = x, v = x, d = 0, e = 0;
  double fx = look(x), fw = fx, fv = fx;
  for (int64_t k = 0; k < iterations; ++k) {
    const double middle = 0.5 * (a + b), close = tolerance * (1e-12 + std::fabs(x)) + 1e-300;
    if (std::fabs(x - middle) <= 2 * close - 0.5 * (b - a)) {
      r.converged = true;
      break;
    }
    bool parabola = false;
    if (std::fabs(e) > close) {
      double p = (x - v) * (x - v) * (fx - fw) - (x - w) * (x - w) * (fx - fv);
      double q = 2 * ((x - v) * (fx - fw) - (x - w) * (fx - fv));
      if (q > 0) p = -p;
      q = std::fabs(q);
      if (std::isfinite(p) && std::fabs(p) < std::fabs(0.5 * q * e) && p > q * (a - x) &&
          p < q * (b - x)) {
        e = d;
        d = p / q;
        const double u = x + d;
        if (u - a < 2 * close || b - u < 2 * close) d = std::copysign(close, middle - x);
        parabola = true;
      }
    }
    if (!parabola) {
      e = x < middle ? b - x : a - x;
      d = golden * e;
    }
    const double u = std::fabs(d) >= close ? x + d : x + std::copysign(close, d);
    const double fu = look(u);
    if (fu <= fx) {
      (u < x ? b : a) = x;
      v = w, fv = fw, w = x, fw = fx, x = u, fx = fu;
    } else {
      (u < x ? a : b) = u;
      if (fu <= fw || w == x) {
        v = w, fv = fw, w = u, fw = fu;
      } else if (fu <= fv || v == x || v == w) {
        v = u, fv = fu;
      }
    }
  }
  // The search never looks at the ends themselves.
  for (const double end : {low, high}) {
    const double value = look(end);
    if (value < fx) x = end, fx = value;
  }
  r.x = x;
  r.value = fx;
  const bool at_end = x == low || x == high;
  r.reason = !std::isfinite(fx) ? "f is not finite on the interval"
             : !r.converged
                 ? std::to_string(iterations) + " steps were not enough to close the bracket"
             : at_end ? "f is least at an end of the interval: the minimum may lie beyond it"
                      : "the bracket is shorter than the tolerance";
  if (!std::isfinite(fx)) r.converged = false;
  return r;
}

}  // namespace gradus
