// Exercises whose answers are numbers: the same cases for the learner's function, the solution and
// every known mistake, so that a verdict names the mistake that gives the very same numbers.
#pragma once

#include <gradus/lessons/page.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace gradus::lessons {

template <class F>
struct Numeric {
  struct Mistake {
    std::string misconception, says;
    F* function;
  };
  std::string name;
  F* solution = nullptr;
  int cases = 1;
  std::function<std::vector<double>(F*, int)> call;  // what a function gives in case i
  std::function<std::string(int)> where;             // that case in words
  std::vector<Mistake> mistakes;                     // at least five
  double tolerance = 1e-9;                           // relative to max(1, |wanted|)
};

// "1.5", or "2, -0.25, ..." of at most eight numbers.
inline std::string listed(const std::vector<double>& x) {
  std::string out = x.empty() ? "nothing" : "";
  for (size_t i = 0; i < x.size() && i < 8; ++i) out += (i ? ", " : "") + shown(x[i], 6);
  return x.size() > 8 ? out + ", ..." : out;
}

template <class F>
Fill<F> fill(Numeric<F> e) {
  Fill<F> out;
  out.name = e.name;
  out.solution = e.solution;
  for (const auto& m : e.mistakes) out.wrong.push_back({m.misconception, m.function});
  out.check = [e = std::move(e)](F* answer) {
    const auto same = [&](const std::vector<double>& a, const std::vector<double>& b) {
      if (a.size() != b.size()) return false;
      for (size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        const double apart = std::abs(a[i] - b[i]);
        if (a[i] != b[i] && !(apart <= e.tolerance * std::max(1.0, std::abs(b[i])))) return false;
      }
      return true;
    };
    for (int i = 0; i < e.cases; ++i) {
      const std::vector<double> want = e.call(e.solution, i), got = e.call(answer, i);
      if (same(got, want)) continue;
      Verdict v{.where = e.where(i), .yours = listed(got), .expected = listed(want)};
      if (got.size() != want.size()) {
        v.yours = std::to_string(got.size()) + " numbers: " + v.yours;
        v.expected = std::to_string(want.size()) + " numbers: " + v.expected;
      }
      // The mistake that gives the same everywhere, else one that does here.
      for (const bool everywhere : {true, false})
        for (const auto& m : e.mistakes) {
          bool fits = v.misconception.empty();
          for (int k = everywhere ? 0 : i; fits && k < (everywhere ? e.cases : i + 1); ++k)
            fits = same(e.call(answer, k), e.call(m.function, k));
          if (!fits) continue;
          v.misconception = m.misconception;
          v.says = m.says;
        }
      return v;
    }
    return Verdict::passed();
  };
  return out;
}

}  // namespace gradus::lessons
