// Look-ups in a run's record, and the one way in which its numbers are written.
#include <gradus/base/text.h>
#include <gradus/train/run.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace gradus {

std::string_view setting(const RunRecord& run, std::string_view key) {
  for (const auto& [name, value] : run.config) {
    if (name == key) return value;
  }
  return {};
}

std::string class_name(const RunRecord& run, int64_t label) {
  const auto i = static_cast<std::size_t>(label);
  if (label >= 0 && i < run.class_names.size() && !run.class_names[i].empty()) {
    return run.class_names[i];
  }
  return std::to_string(label);
}

std::string layer_name(const RunRecord& run, std::size_t i) {
  if (i >= run.layer_names.size() || run.layer_names[i].empty())
    return "layer " + std::to_string(i);
  const std::string& name = run.layer_names[i];
  return text::parse_int64(name) ? "layer " + name : name;
}

std::string brief(double x) {
  const double size = std::abs(x);
  if (!std::isfinite(x) || size < 1e-3 || size >= 1e6) return text::significant(x, 2);
  if (size >= 1000) return text::grouped(std::llround(x));
  if (size >= 100) return text::fixed(x, 0);
  return text::significant(x, size < 0.1 ? 2 : 3);
}

std::string percent(double share) {
  const double x = 100 * share;
  if (std::abs(x) >= 1000 && std::abs(x) < 1e9) return text::grouped(std::llround(x)) + " %";
  if (!std::isfinite(x) || x == 0 || (std::abs(x) >= 0.1 && std::abs(x) < 1000)) {
    return text::fixed(x, 1) + " %";
  }
  return text::significant(x, 2) + " %";
}

std::string counted(int64_t n, std::string_view noun) {
  std::string out = text::grouped(n) + " ";
  out += noun;
  if (n != 1) out += noun.ends_with("s") ? "es" : "s";
  return out;
}

std::string clock_time(double seconds) {
  if (!std::isfinite(seconds)) return "-:--";
  // 100 days: nobody reads a longer clock.
  const int64_t s = std::llround(std::clamp(seconds, 0.0, 8.64e6));
  const auto two = [](int64_t n) {
    const std::string digits = std::to_string(n);
    return n < 10 ? "0" + digits : digits;
  };
  if (s < 3600) return std::to_string(s / 60) + ":" + two(s % 60);
  return std::to_string(s / 3600) + ":" + two(s / 60 % 60) + ":" + two(s % 60);
}

}  // namespace gradus
