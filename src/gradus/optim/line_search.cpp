#include <gradus/optim/line_search.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

bool usable(const OnLine& p) {
  return std::isfinite(p.value) && std::isfinite(p.slope);
}

// Where the cubic through values and slopes at a and b is least, inside both by a tenth of their
// distance; the middle where there is no such place.
double between(const OnLine& a, const OnLine& b) {
  const double middle = 0.5 * (a.t + b.t), room = 0.1 * std::fabs(b.t - a.t);
  if (!usable(a) || !usable(b)) return middle;
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return middle;
  const double d2 = std::copysign(std::sqrt(square), b.t - a.t);
  const double t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  if (!std::isfinite(t)) return middle;
  return std::clamp(t, std::min(a.t, b.t) + room, std::max(a.t, b.t) - room);
}

class Search {
 public:
  Search(const LineFunction& phi, const OnLine& start, const LineOptions& options)
      : phi_(phi), start_(start), options_(options), lowest_(start) {}

  OnLine look(double t) {
    ++evaluations_;
    OnLine p = phi_(t);
    p.t = t;
    if (usable(p) && (p.value < lowest_.value || lowest_.t == 0)) lowest_ = p;
    return p;
  }
  bool spent() const { return evaluations_ >= options_.evaluations; }
  bool falls_enough(const OnLine& p) const {
    return p.value <= start_.value + options_.decrease * p.t * start_.slope;
  }
  bool accepts(const OnLine& p) const {
    if (!usable(p)) return false;
    if (falls_enough(p) && std::fabs(p.slope) <= -options_.curvature * start_.slope) return true;
    // Values equal to rounding: phi'(t) <= (2 c1 - 1) phi'(0) is the same decrease for a parabola.
    return std::fabs(p.value - start_.value) <= 1e-12 * std::fabs(start_.value) &&
           p.slope >= options_.curvature * start_.slope &&
           p.slope <= (2 * options_.decrease - 1) * start_.slope;
  }
  LineResult accept(const OnLine& p) const { return {p, true, evaluations_}; }
  LineResult give_up() const {
    return {lowest_, lowest_.t > 0 && falls_enough(lowest_), evaluations_};
  }

  // `low` falls enough and goes down towards `high`; between them the conditions hold somewhere.
  LineResult zoom(OnLine low, OnLine high) {
    while (!spent() && low.t != high.t) {
      const double t = between(low, high);
      if (t == low.t || t == high.t) break;
      const OnLine p = look(t);
      if (accepts(p)) return accept(p);
      if (!usable(p) || !falls_enough(p) || p.value >= low.value) {
        high = p;
      } else {
        if (p.slope * (high.t - low.t) >= 0) high = low;
        low = p;
      }
    }
    return give_up();
  }

 private:
  const LineFunction& phi_;
  OnLine start_;
  LineOptions options_;
  OnLine lowest_;
  int evaluations_ = 0;
};

}  // namespace

LineResult armijo(const LineFunction& phi, const OnLine& start, double first,
                  const LineOptions& options) {
  Search search(phi, start, options);
  double t = first;
  while (!search.spent()) {
    const OnLine p = search.look(t);
    if (std::isfinite(p.value) && search.falls_enough(p)) return search.accept(p);
    // The parabola through phi(0), phi'(0) and phi(t).
    double shorter = -start.slope * t * t / (2 * (p.value - start.value - start.slope * t));
    if (!std::isfinite(shorter)) shorter = 0.1 * t;
    t = std::clamp(shorter, 0.1 * t, 0.5 * t);
    if (t == 0) break;
  }
  return search.give_up();
}

LineResult strong_wolfe(const LineFunction& phi, const OnLine& start, double first,
                        const LineOptions& options) {
  Search search(phi, start, options);
  OnLine before = start;
  double t = first;
  while (!search.spent() && std::isfinite(t)) {
    const OnLine p = search.look(t);
    if (search.accepts(p)) return search.accept(p);
    if (!usable(p) || !search.falls_enough(p) || (before.t > 0 && p.value >= before.value))
      return search.zoom(before, p);
    if (p.slope >= 0) return search.zoom(p, before);
    // Still falling: as far as the cubic says, at least twice and at most ten times as far.
    const double jump = p.t + (p.t - before.t) * p.slope / (before.slope - p.slope);
    before = p;
    t = std::isfinite(jump) && jump > 0 ? std::clamp(jump, 2 * p.t, 10 * p.t) : 4 * p.t;
  }
  return search.give_up();
}

}  // namespace gradus
