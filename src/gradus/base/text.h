// Numbers and words as text, and back. No locale, no iostreams: the same characters everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gradus::text {

// Not-a-number prints as nan, infinities as inf and -inf, in every form below.

// The shortest text that reads back as the same number: 0.1, 1e+20, -0.
std::string number(double x);
// The same for f32: 0.1f prints as 0.1, not as 0.10000000149011612.
std::string number_f32(float x);
// 17 significant digits, as %.17g: enough for any f64. A finite x gives valid JSON.
std::string number17(double x);
// As %.<decimals>f.
std::string fixed(double x, int decimals);
// As %.<digits>g.
std::string significant(double x, int digits);
// Groups of three: 1 251, -12 000 000.
std::string grouped(std::int64_t n);

template <class Strings>
std::string join(const Strings& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) out += separator;
    first = false;
    out += part;
  }
  return out;
}

// Columns in a terminal: combining marks take none, East Asian characters and emoji take two.
std::size_t width(std::string_view utf8);
// Spaces before (or after) the text until it fills `columns`; longer text stays whole.
std::string pad_left(std::string_view utf8, std::size_t columns);
std::string pad_right(std::string_view utf8, std::size_t columns);

// The whole text must be a decimal number, inf, infinity or nan (any case, optional sign).
// Correctly rounded; beyond the range of f64 it is an infinity or zero, as IEEE 754 rounds.
std::optional<double> parse_double(std::string_view s);
// The whole text must be a decimal integer within 64 bits, optional sign.
std::optional<std::int64_t> parse_int64(std::string_view s);

// The candidate fewest edits away (insert, delete, replace, swap neighbours), the first among
// equals; none where the edits exceed a third of the longer word.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// Where the first byte sits that is not valid UTF-8 (Unicode 15, table 3-7).
std::optional<std::size_t> first_invalid_utf8(std::string_view s);
inline bool valid_utf8(std::string_view s) {
  return !first_invalid_utf8(s).has_value();
}

// A JSON string with its quotes; a byte that is not valid UTF-8 becomes U+FFFD.
std::string quote_json(std::string_view s);

}  // namespace gradus::text
