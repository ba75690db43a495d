// What a lesson bound, under the names its text uses.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/parse.h>
#include <gradus/lessons/page.h>

#include <cmath>

namespace gradus::lessons {
namespace {

constexpr int64_t most_shown = 64;  // elements of a tensor inside a sentence

template <class Map, class Value>
void keep(Map& map, std::string_view name, Value&& value) {
  if (!map.emplace(name, std::forward<Value>(value)).second)
    raise(ErrorKind::usage, "lesson: '" + std::string(name) +
                                "' is bound twice. A name on a page stands for one thing.");
}

// (1, 2) and [[1, 2], [3, 4]]: one list an axis, round where there is only one.
std::string listed(const std::vector<double>& x, const Shape& shape, int axis, size_t& at,
                   int decimals) {
  if (axis == shape.size()) return shown(x[at++], decimals);
  std::string out = shape.size() == 1 ? "(" : "[";
  for (int64_t i = 0; i < shape[axis]; ++i)
    out += (i == 0 ? "" : ", ") + listed(x, shape, axis + 1, at, decimals);
  return out + (shape.size() == 1 ? ")" : "]");
}

}  // namespace

std::string shown(double value, int decimals) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (!std::isfinite(value)) return text::number(value);
  if (size >= 1e7 || size < 10 * std::pow(10.0, -decimals)) {
    std::string s = text::significant(value, std::max(decimals, 1));
    // e-05 as e-5, e+07 as e7.
    if (const size_t e = s.find('e'); e != std::string::npos) {
      const bool minus = s[e + 1] == '-';
      size_t digit = s.find_first_not_of("+-0", e + 1);
      if (digit == std::string::npos) digit = s.size() - 1;
      s = s.substr(0, e + 1) + (minus ? "-" : "") + s.substr(digit);
    }
    return s;
  }
  std::string s = text::fixed(value, decimals);
  if (s.find('.') != std::string::npos) {
    s.erase(s.find_last_not_of('0') + 1);
    if (s.back() == '.') s.pop_back();
  }
  return s == "-0" ? "0" : s;
}

double Page::set(std::string_view name, double standard) {
  const auto change = changes.find(name);
  double value = standard;
  if (change != changes.end()) {
    const auto typed = text::parse_double(change->second);
    if (!typed || !std::isfinite(*typed))
      raise(ErrorKind::usage, "--set " + std::string(name) + ": '" + change->second +
                                  "' is not a finite number. Write --set " + std::string(name) +
                                  "=" + text::number(standard) + ".");
    value = *typed;
  }
  settable.emplace_back(name, text::number(value));
  return value;
}

Tensor Page::set(std::string_view name, const Tensor& standard) {
  const auto change = changes.find(name);
  Tensor value = standard;
  if (change != changes.end()) {
    const Expression typed = parse_expression(change->second);
    const Tensor got = typed.names().empty() ? typed({}, {}) : Tensor();
    if (got.is_absent() || got.shape() != standard.shape()) {
      size_t at = 0;
      std::string list = listed(numbers(standard), standard.shape(), 0, at, 6);
      if (standard.rank() == 1) list = "[" + list.substr(1, list.size() - 2) + "]";
      raise(ErrorKind::usage, "--set " + std::string(name) + ": '" + change->second +
                                  "' is not a list of numbers of the shape " +
                                  to_string(standard.type()) + ". Write --set " +
                                  std::string(name) + "=" + list + ".");
    }
    for (const double x : numbers(got))
      if (!std::isfinite(x))
        raise(ErrorKind::usage, "--set " + std::string(name) +
                                    ": every number must be finite, not " + text::number(x) + ".");
    value = from_vector(numbers(got), standard.shape());
  }
  size_t at = 0;
  settable.emplace_back(name, listed(numbers(value), value.shape(), 0, at, 6));
  return value;
}

void Page::bind(std::string_view name, double value, int decimals) {
  keep(texts, name, shown(value, decimals));
}

void Page::bind(std::string_view name, int64_t value) {
  keep(texts, name,
       value >= 10000 || value <= -10000 ? text::grouped(value) : std::to_string(value));
}

void Page::bind(std::string_view name, const Tensor& value, int decimals) {
  size_t at = 0;
  keep(texts, name,
       value.size() > most_shown ? to_string(value)
                                 : listed(numbers(value), value.shape(), 0, at, decimals));
}

void Page::bind(std::string_view name, std::string_view text) {
  keep(texts, name, text);
}

void Page::output(std::string_view name, std::string text) {
  keep(outputs, name, std::move(text));
}

void Page::table(std::string_view name, Table rows) {
  keep(tables, name, std::move(rows));
}

void Page::picture(std::string_view name, Plot plot) {
  keep(pictures, name, std::move(plot));
}

void Page::picture(std::string_view name, Drawing drawing) {
  keep(pictures, name, std::move(drawing));
}

void Page::exercise(Predict exercise) {
  exercises.emplace_back(std::move(exercise));
}

void Page::exercise(Choose exercise) {
  exercises.emplace_back(std::move(exercise));
}

void Page::exercise(AnyFill exercise) {
  exercises.emplace_back(std::move(exercise));
}

}  // namespace gradus::lessons
