#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/critical.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gradus {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
using Numbers = std::vector<double>;

struct Eigen {
  Numbers values;                // smallest first
  std::vector<Numbers> vectors;  // of length 1
};

// Cyclic Jacobi (Golub and Van Loan 8.5) with the rotations gathered. `a` is symmetric, n x n.
Eigen eigen_of(Numbers a, size_t n) {
  Numbers v(n * n);
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  double largest = 0;
  for (double x : a) largest = std::max(largest, std::fabs(x));
  constexpr int most_sweeps = 60;  // 6 to 10 are usual
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (size_t p = 0; p + 1 < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        const double off = a[p * n + q];
        if (!(std::fabs(off) > eps * eps * largest)) continue;
        rotated = true;
        const double zeta = (a[q * n + q] - a[p * n + p]) / (2 * off);
        const double t = std::copysign(1.0, zeta) / (std::fabs(zeta) + std::hypot(1.0, zeta));
        const double c = 1 / std::sqrt(1 + t * t), s = c * t;
        for (size_t i = 0; i < n; ++i) {
          const double x = a[i * n + p], y = a[i * n + q];
          a[i * n + p] = c * x - s * y;
          a[i * n + q] = s * x + c * y;
          const double u = v[i * n + p], w = v[i * n + q];
          v[i * n + p] = c * u - s * w;
          v[i * n + q] = s * u + c * w;
        }
        for (size_t i = 0; i < n; ++i) {
          const double x = a[p * n + i], y = a[q * n + i];
          a[p * n + i] = c * x - s * y;
          a[q * n + i] = s * x + c * y;
        }
        a[p * n + q] = a[q * n + p] = 0;
      }
    if (!rotated) break;
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return a[i * n + i]; });
  Eigen e;
  for (size_t k : order) {
    e.values.push_back(a[k * n + k]);
    Numbers column;
    for (size_t i = 0; i < n; ++i) column.push_back(v[i * n + k]);
    e.vectors.push_back(std::move(column));
  }
  return e;
}

class Landscape {
 public:
  explicit Landscape(const VectorFunction& f)
      : f_(f), list_([this](std::span<const Tensor> z) { return f_(z[0]); }) {}

  double at(const Numbers& x) const { return number(f_(from_vector(x))); }
  double along(const Numbers& x, double t, const Numbers& v) const {
    Numbers moved = x;
    for (size_t i = 0; i < x.size(); ++i) moved[i] += t * v[i];
    return at(moved);
  }
  Numbers gradient(const Numbers& x) const {
    const Tensor args[] = {from_vector(x)};
    const int first[] = {0};
    return numbers(value_and_grads(list_, args, first, "critical").grads[0]);
  }
  // Symmetric; not finite where f is not smooth.
  Numbers hessian_at(const Numbers& x) const {
    const Tensor args[] = {from_vector(x)};
    Numbers h = numbers(hessian(list_, args));
    const size_t n = x.size();
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j)
        h[i * n + j] = h[j * n + i] = 0.5 * (h[i * n + j] + h[j * n + i]);
    return h;
  }

 private:
  const VectorFunction& f_;
  const Function list_;
};

bool all_finite(const Numbers& x) {
  return std::ranges::all_of(x, [](double v) { return std::isfinite(v); });
}

double length(const Numbers& x) {
  double largest = 0, sum = 0;
  for (double v : x) largest = std::max(largest, std::fabs(v));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  for (double v : x) sum += (v / largest) * (v / largest);
  return largest * std::sqrt(sum);
}

std::string counted(int64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

// What f does near a point where the eigenvalues decide nothing.
void look_around(const Landscape& f, const Numbers& x, const Eigen& e,
                 const CriticalOptions& options, CriticalPoint& p) {
  const double scale = std::max(1.0, length(x));
  const double margin = 8 * eps * (1 + std::fabs(p.value));
  bool rises = false, falls = false, level = false;
  for (size_t k = 0; k < e.values.size(); ++k) {
    if (!(std::fabs(e.values[k]) <= p.eigenvalue_tolerance)) continue;
    NullProbe probe{e.vectors[k], {}};
    bool moves = false;
    for (const double t : {0.1, 0.01, 0.001}) {
      const double down = f.along(x, -t * scale, probe.direction) - p.value;
      const double up = f.along(x, t * scale, probe.direction) - p.value;
      probe.changes.push_back({t * scale, down, up});
      for (double change : {down, up}) {
        rises |= change > margin;
        falls |= change < -margin;
        moves |= std::fabs(change) > margin;
      }
    }
    level |= !moves;
    p.probes.push_back(std::move(probe));
  }
  // Lines can deceive: a narrow curved valley shows only between them.
  constexpr int64_t count = 256;
  const size_t n = x.size();
  const Key key = key_from_seed(options.seed);
  uint64_t ring = 0;
  for (const double radius : {0.3, 0.1, 0.03}) {
    Numbers z(n * count);
    fill_normal(split(key, ring++), 0, std::span<double>(z));
    for (size_t i = 0; i < count; ++i) {
      Numbers v(z.begin() + static_cast<std::ptrdiff_t>(i * n),
                z.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
      const double size = length(v);
      if (size == 0) continue;
      const double change = f.along(x, radius * scale / size, v) - p.value;
      if (!std::isfinite(change)) continue;
      ++p.sampled;
      p.higher += change > margin;
      p.lower += change < -margin;
    }
  }
  rises |= p.higher > 0 || p.index < std::ssize(p.eigenvalues) - p.nullity;
  falls |= p.lower > 0 || p.index > 0;
  if (rises && falls)
    p.evidence = "nearby it is higher in some places and lower in others: it looks like a saddle";
  else if (rises)
    p.evidence = "nothing lower was found nearby: it looks like a minimum";
  else if (falls)
    p.evidence = "nothing higher was found nearby: it looks like a maximum";
  else
    p.evidence = "nothing higher or lower was found nearby: it looks flat";
  if (level && rises != falls) p.evidence += " that is level along a direction";
  p.evidence += ". This is evidence, not a proof";
}

}  // namespace

const char* word_of(CriticalKind kind) {
  constexpr const char* words[] = {"not a critical point", "minimum", "maximum", "saddle",
                                   "inconclusive"};
  return words[static_cast<size_t>(kind)];
}

CriticalPoint classify_critical(const VectorFunction& f, const Tensor& x,
                                const CriticalOptions& options) {
  constexpr int64_t most = 512;  // the Hessian is dense, and Jacobi takes n^3
  if (x.rank() != 1)
    raise(ErrorKind::shape, "critical: " + to_string(x.type()) +
                                " is not a vector. A point is one vector. Use reshape(x, {-1}).");
  if (x.size() > most)
    raise(ErrorKind::unsupported, "critical: " + std::to_string(x.size()) +
                                      " numbers are more than 512. The whole Hessian is looked at. "
                                      "Fix some of them.");
  const Landscape land(f);
  const Numbers at = numbers(x);
  CriticalPoint p;
  p.value = land.at(at) + 0.0;  // not -0
  p.gradient = land.gradient(at);
  p.gradient_norm = length(p.gradient);
  const Numbers h = land.hessian_at(at);
  if (!std::isfinite(p.value) || !all_finite(p.gradient) || !all_finite(h)) {
    p.kind = CriticalKind::inconclusive;
    p.reason = "the value, the gradient or the Hessian is not finite here";
    return p;
  }
  const Eigen e = eigen_of(h, at.size());
  p.eigenvalues = e.values;
  double largest = 0;
  for (double v : e.values) largest = std::max(largest, std::fabs(v));
  p.gradient_tolerance = options.gradient_tolerance >= 0
                             ? options.gradient_tolerance
                             : 1e-8 * (1 + std::fabs(p.value) + largest * (1 + length(at)));
  p.eigenvalue_tolerance =
      options.eigenvalue_tolerance >= 0 ? options.eigenvalue_tolerance : std::sqrt(eps) * largest;
  for (double v : e.values) {
    p.index += v < -p.eigenvalue_tolerance;
    p.nullity += std::fabs(v) <= p.eigenvalue_tolerance;
  }
  const int64_t n = std::ssize(e.values), rising = n - p.index - p.nullity;
  if (p.gradient_norm > p.gradient_tolerance) {
    p.kind = CriticalKind::not_critical;
    p.reason = "the gradient is not 0: the first-order condition fails";
  } else if (p.index > 0 && rising > 0) {
    p.kind = CriticalKind::saddle;
    p.reason = "it goes down along " + counted(p.index, "direction", "directions") +
               " and up along " + std::to_string(rising);
  } else if (p.nullity > 0) {
    p.kind = CriticalKind::inconclusive;
    p.reason = counted(p.nullity, "eigenvalue", "eigenvalues") + " of " + std::to_string(n) +
               (p.nullity == 1 ? " is" : " are") +
               " 0 within the tolerance: higher derivatives decide";
    look_around(land, at, e, options, p);
  } else {
    p.kind = p.index == 0 ? CriticalKind::minimum : CriticalKind::maximum;
    p.reason = n == 0         ? "there is no direction to go in"
               : p.index == 0 ? "every eigenvalue is positive: it goes up in every direction"
                              : "every eigenvalue is negative: it goes down in every direction";
  }
  return p;
}

namespace {

Curvature curvature_of(const Landscape& f, const Numbers& x, Numbers* eigenvalues = nullptr,
                       Numbers* lowest = nullptr) {
  const Numbers h = f.hessian_at(x);
  if (!all_finite(h)) return Curvature::unknown;
  const Eigen e = eigen_of(h, x.size());
  if (eigenvalues) *eigenvalues = e.values;
  if (lowest) *lowest = e.vectors.front();
  const double top = std::max(std::fabs(e.values.front()), std::fabs(e.values.back()));
  const double zero = 1e-12 * top;  // below, rounding decides the sign
  if (top == 0) return Curvature::flat;
  if (e.values.front() >= -zero) return Curvature::up;
  return e.values.back() <= zero ? Curvature::down : Curvature::mixed;
}

}  // namespace

ConvexReport check_convexity(const VectorFunction& f, int64_t dimensions,
                             const ConvexityOptions& options) {
  constexpr int64_t most = 64;
  if (dimensions < 1 || dimensions > most)
    raise(ErrorKind::unsupported, "convex: " + std::to_string(dimensions) +
                                      " numbers. A box of 1 to 64 numbers can be sampled.");
  if (!(options.low < options.high) || !std::isfinite(options.high - options.low))
    raise(ErrorKind::usage, "convex: the box goes from " + text::number(options.low) + " to " +
                                text::number(options.high) +
                                ". Its low end must be below its high end, both finite.");
  const Landscape land(f);
  const auto n = static_cast<size_t>(dimensions);
  const Key key = key_from_seed(options.seed);
  const double width = options.high - options.low;
  const auto point = [&](std::span<const double> u) {
    Numbers x;
    for (double v : u) x.push_back(options.low + width * v);
    return x;
  };
  ConvexReport r;
  double worst_up = 0, worst_down = 0;
  const auto try_chord = [&](const Numbers& a, const Numbers& b, double t) {
    Numbers middle(n);
    for (size_t i = 0; i < n; ++i) middle[i] = t * a[i] + (1 - t) * b[i];
    const double fa = land.at(a), fb = land.at(b), fm = land.at(middle);
    if (!std::isfinite(fa) || !std::isfinite(fb) || !std::isfinite(fm)) {
      ++r.skipped;
      return;
    }
    ++r.chords;
    const double chord = t * fa + (1 - t) * fb;
    const double margin = 1e-12 * (std::fabs(fa) + std::fabs(fb) + std::fabs(fm));
    const double above = fm - chord;
    if (above > margin && above > worst_up) {
      r.convex = false;
      worst_up = above;
      r.against_convex = {a, b, t, fm, chord};
    }
    if (-above > margin && -above > worst_down) {
      r.concave = false;
      worst_down = -above;
      r.against_concave = {a, b, t, fm, chord};
    }
  };
  Numbers u(2 * n + 1);
  for (int64_t k = 0; k < options.chords; ++k) {
    fill_uniform(split(split(key, 0), static_cast<uint64_t>(k)), 0, std::span<double>(u));
    // Every other one with t = 1/2, where a bend shows most.
    try_chord(point(std::span(u).first(n)), point(std::span(u).subspan(n, n)),
              k % 2 == 0 ? 0.5 : u[2 * n]);
  }
  r.least = std::numeric_limits<double>::infinity();
  r.largest = -r.least;
  const auto look = [&](const Numbers& x) {
    if (!std::isfinite(land.at(x))) return Curvature::unknown;
    Numbers eigenvalues, lowest;
    const Curvature c = curvature_of(land, x, &eigenvalues, &lowest);
    if (c == Curvature::unknown) return c;
    ++r.points;
    r.curved_up += c == Curvature::up || c == Curvature::flat;
    r.largest = std::max(r.largest, eigenvalues.back());
    if (eigenvalues.front() < r.least) {
      r.least = eigenvalues.front();
      r.least_at = x;
      // A chord across the strongest downward bend refutes convexity by the definition itself.
      if (c != Curvature::up && c != Curvature::flat && r.convex) {
        for (const double reach : {0.01, 0.001, 0.0001}) {
          Numbers a = x, b = x;
          for (size_t i = 0; i < n; ++i) {
            a[i] = std::clamp(x[i] - reach * width * lowest[i], options.low, options.high);
            b[i] = std::clamp(x[i] + reach * width * lowest[i], options.low, options.high);
          }
          try_chord(a, b, 0.5);
        }
      }
    }
    return c;
  };
  for (int64_t k = 0; k < options.points; ++k) {
    fill_uniform(split(split(key, 1), static_cast<uint64_t>(k)), 0, std::span(u).first(n));
    look(point(std::span(u).first(n)));
  }
  if (n == 2)
    for (int64_t i = 0; i < options.map_rows; ++i) {
      r.map.emplace_back();
      for (int64_t j = 0; j < options.map_columns; ++j) {
        const auto share = [](int64_t k, int64_t all) {
          return all > 1 ? static_cast<double>(k) / static_cast<double>(all - 1) : 0.5;
        };
        r.map.back().push_back(look({options.low + width * share(j, options.map_columns),
                                     options.high - width * share(i, options.map_rows)}));
      }
    }
  const bool bends_down = r.curved_up < r.points;
  const std::string chords = counted(r.chords, "chord", "chords");
  const std::string hessians = counted(r.points, "Hessian", "Hessians");
  if (r.chords == 0)
    r.verdict = "unknown: no chord had finite values";
  else if (r.convex && r.concave)
    r.verdict = "straight, as far as " + chords + " show: neither bends up nor down";
  else if (!r.convex && r.concave)
    r.verdict = "not convex: a counterexample is below. No counterexample to concave in " + chords;
  else if (!r.convex)
    r.verdict = "not convex: a counterexample is below. Not concave either";
  else if (bends_down)
    r.verdict = "no counterexample in " + chords + ", but " +
                std::to_string(r.points - r.curved_up) + " of " + hessians +
                " have a negative eigenvalue: not convex";
  else
    r.verdict = "no counterexample in " + chords +
                (r.points > 0 ? ", and no negative eigenvalue in " + hessians : "") +
                ": convex as far as samples show, which is not a proof";
  return r;
}

}  // namespace gradus
