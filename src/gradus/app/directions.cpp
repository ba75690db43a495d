#include <gradus/app/columns.h>
#include <gradus/app/directions.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus::app {
namespace {

struct Along {
  double degrees, slope;
};

// The slope along (cos a, sin a), by forward mode.
std::vector<Along> slopes_around(const Problem& p, int count) {
  const Tensor point[] = {p.flat_point()};
  if (point[0].size() != 2)
    raise(ErrorKind::usage, "--directions needs two numbers to look around from, but there are " +
                                std::to_string(point[0].size()) +
                                ". Name two, as in --at x=3,y=4.");
  std::vector<Along> all;
  for (int k = 0; k < count; ++k) {
    const double degrees = 360.0 * k / count, a = degrees * std::numbers::pi / 180;
    const Tensor dots[] = {from_vector(std::vector<double>{std::cos(a), std::sin(a)})};
    all.push_back({degrees, number(jvp([&](std::span<const Tensor> z) { return p.at_flat(z[0]); },
                                       point, dots)
                                       .derivative)});
  }
  return all;
}

}  // namespace

std::string directions_text(const Problem& problem, const Settings& settings, int count) {
  const std::vector<Along> all = slopes_around(problem, count);
  const std::vector<double> g = problem.flat_grad();
  const double steepest = std::hypot(g[0], g[1]);
  double angle = std::atan2(g[1], g[0]) * 180 / std::numbers::pi;
  if (angle < 0) angle += 360;
  constexpr double half = 16;  // columns of a full bar
  const auto bar = [&](double slope) {
    const double share = steepest > 0 && std::isfinite(slope) ? slope / steepest : 0;
    const auto n = static_cast<size_t>(std::min(half, std::round(std::fabs(share) * half)));
    std::string cells;
    for (size_t i = 0; i < n; ++i) cells += settings.plain ? (share > 0 ? "+" : "-") : "█";
    const std::string gap(static_cast<size_t>(half) - n, ' ');
    const std::string left = share < 0 ? gap + cells : std::string(static_cast<size_t>(half), ' ');
    return left + (settings.plain ? "|" : "│") + (share > 0 ? cells : "");
  };
  const auto row = [&](double degrees, double slope, const std::string& word) {
    const double a = degrees * std::numbers::pi / 180;
    const auto part = [](double x) {  // without the sign of a rounded zero
      return text::pad_left(text::fixed(std::fabs(x) < 5e-4 ? 0 : x, 3), 6);
    };
    return std::vector<std::string>{text::pad_left(text::significant(degrees, 4), 6),
                                    part(std::cos(a)) + " " + part(std::sin(a)),
                                    text::pad_left(text::fixed(slope, 6), 12), bar(slope), word};
  };
  std::vector<std::vector<std::string>> rows{{"degree", "direction", "       slope", "", ""}};
  bool written = steepest == 0;
  const auto write_gradient = [&] {
    rows.push_back(row(angle, steepest, "the gradient: steepest ascent"));
    written = true;
  };
  for (const Along& a : all) {
    if (!written && angle < a.degrees) write_gradient();
    rows.push_back(row(a.degrees, a.slope, ""));
  }
  if (!written) write_gradient();
  std::string out = columns(rows, 2);
  if (steepest == 0)
    out += "The gradient is 0: to first order no direction rises or falls.\n";
  else
    out +=
        "The slope along a direction is the gradient's length times the cosine of the angle "
        "between\nthem: " +
        text::significant(steepest, 7) + " along it, " + text::significant(-steepest, 7) +
        " against it, 0 across.\n";
  return out;
}

std::string directions_json(const Problem& problem, int count) {
  std::string out = "[";
  for (const Along& a : slopes_around(problem, count))
    out += (out.size() > 1 ? ",{" : "{") + std::string("\"degrees\":") + text::number17(a.degrees) +
           ",\"slope\":" + to_json(scalar(a.slope, DType::f64)) + "}";
  return out + "]";
}

}  // namespace gradus::app
