// What a point is to a function: a minimum, a maximum, a saddle or none of them; and whether the
// function is convex on a box. Evidence is called evidence: samples prove only what they refute.
#pragma once

#include <gradus/diff/diff.h>

#include <string>
#include <vector>

namespace gradus {

// One vector of numbers to one number.
using VectorFunction = std::function<Tensor(const Tensor&)>;

struct CriticalOptions {
  // |gradient| up to this counts as 0; below 0: 1e-8 (1 + |f| + largest |eigenvalue| (1 + |x|)),
  // what a point known to eight digits leaves.
  double gradient_tolerance = -1;
  // |eigenvalue| up to this counts as 0; below 0: sqrt(eps) times the largest.
  double eigenvalue_tolerance = -1;
  uint64_t seed = 0;
};

enum class CriticalKind { not_critical, minimum, maximum, saddle, inconclusive };

// f along an eigenvector whose eigenvalue counts as 0.
struct NullProbe {
  std::vector<double> direction;
  struct Change {
    double distance, backward, forward;  // f(x - t v) - f(x) and f(x + t v) - f(x)
  };
  std::vector<Change> changes;  // t = 0.1, 0.01, 0.001, each times max(1, |x|)
};

struct CriticalPoint {
  CriticalKind kind = CriticalKind::not_critical;
  double value = 0;
  std::vector<double> gradient;
  double gradient_norm = 0, gradient_tolerance = 0;
  std::vector<double> eigenvalues;  // of the Hessian, smallest first
  double eigenvalue_tolerance = 0;
  int64_t index = 0;    // eigenvalues below 0: directions that go down
  int64_t nullity = 0;  // eigenvalues that count as 0
  std::string reason;   // one sentence
  // Where the eigenvalues decide nothing: what f does nearby. Not a proof.
  std::vector<NullProbe> probes;
  int64_t sampled = 0, higher = 0, lower = 0;  // random points around: f above and below f(x)
  std::string evidence;                        // one sentence
};

CriticalPoint classify_critical(const VectorFunction& f, const Tensor& x,
                                const CriticalOptions& options = {});
const char* word_of(CriticalKind kind);

struct ConvexityOptions {
  double low = -2, high = 2;  // of every number
  int64_t chords = 2000, points = 400;
  int64_t map_columns = 41, map_rows = 17;  // of two numbers: the curvature on a grid
  uint64_t seed = 0;
};

// f(t a + (1-t) b) above t f(a) + (1-t) f(b).
struct Chord {
  std::vector<double> a, b;
  double t = 0, on_curve = 0, on_chord = 0;
};

enum class Curvature : uint8_t { up, down, mixed, flat, unknown };

struct ConvexReport {
  int64_t chords = 0, skipped = 0;  // skipped: a number there is not finite
  bool convex = true;               // no counterexample
  bool concave = true;              // no counterexample to -f
  Chord against_convex, against_concave;
  int64_t points = 0, curved_up = 0;  // Hessians, and those without a negative eigenvalue
  double least = 0, largest = 0;      // eigenvalue seen
  std::vector<double> least_at;
  std::vector<std::vector<Curvature>> map;  // of two numbers: rows from high to low y
  std::string verdict;                      // one sentence, honest about what was sampled
};

// f of `dimensions` numbers on the box [low, high]^dimensions.
ConvexReport check_convexity(const VectorFunction& f, int64_t dimensions,
                             const ConvexityOptions& options = {});

}  // namespace gradus
