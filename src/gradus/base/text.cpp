// std::to_chars prints; std::strtod reads, on text made free of the decimal point.
#include <gradus/base/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace gradus::text {
namespace {

// 1e308 has 309 digits before the point; sign, point and exponent fit in the rest.
constexpr std::size_t longest_whole_part = 330;

template <class T, class... Form>
std::string printed(T x, int digits, Form... form) {
  if (std::isnan(x)) return "nan";
  std::string out(longest_whole_part + static_cast<std::size_t>(digits), '\0');
  const std::to_chars_result end = std::to_chars(out.data(), out.data() + out.size(), x, form...);
  out.resize(static_cast<std::size_t>(end.ptr - out.data()));
  return out;
}

// The length of the valid UTF-8 sequence at s[at], or 0.
std::size_t sequence_length(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0;
  };
  const auto between = [](unsigned x, unsigned low, unsigned high) {
    return low <= x && x <= high;
  };
  const unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  if (!between(lead, 0xC2, 0xF4)) return 0;
  // The second byte's range excludes overlong forms, surrogates and code points past U+10FFFF.
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (!between(byte(at + 1), low, high)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!between(byte(at + i), 0x80, 0xBF)) return 0;
  }
  return length;
}

std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  std::uint32_t code = byte(0) & (0x7Fu >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) code = code << 6 | (byte(i) & 0x3Fu);
  return code;
}

struct Range {
  std::uint32_t first, last;
};

// Combining marks, joiners and variation selectors.
constexpr std::array<Range, 7> no_columns = {{{0x0300, 0x036F},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x200B, 0x200F},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F},
                                              {0xFE20, 0xFE2F}}};

// East Asian wide and fullwidth blocks, and emoji.
constexpr std::array<Range, 11> two_columns = {{{0x1100, 0x115F},
                                                {0x2E80, 0x303E},
                                                {0x3041, 0x4DBF},
                                                {0x4E00, 0xA4CF},
                                                {0xAC00, 0xD7A3},
                                                {0xF900, 0xFAFF},
                                                {0xFE30, 0xFE6F},
                                                {0xFF00, 0xFF60},
                                                {0xFFE0, 0xFFE6},
                                                {0x1F300, 0x1FAFF},
                                                {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool inside(const std::array<Range, N>& ranges, std::uint32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [code](Range r) { return r.first <= code && code <= r.last; });
}

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

bool equal_ignoring_case(std::string_view s, std::string_view lower) {
  return std::equal(s.begin(), s.end(), lower.begin(), lower.end(), [](char a, char b) {
    return ('A' <= a && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// digits * 10^exponent, correctly rounded.
double decimal(const std::string& digits, std::int64_t exponent) {
  // Both factors are exact below 2^53 (15 digits) and up to 10^22, so one rounding is left.
  static constexpr std::array<double, 23> powers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (digits.size() <= 15 && -22 <= exponent && exponent <= 22) {
    std::int64_t whole = 0;
    for (const char c : digits) whole = 10 * whole + (c - '0');
    const double x = static_cast<double>(whole);
    const double power = powers[static_cast<std::size_t>(exponent < 0 ? -exponent : exponent)];
    return exponent < 0 ? x / power : x * power;
  }
  // No decimal point is left in this text, and the point is all that a locale can change.
  return std::strtod((digits + "e" + std::to_string(exponent)).c_str(), nullptr);
}

// Optimal string alignment: Levenshtein's distance with a swap of neighbours as one edit.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string number(double x) {
  return printed(x, 0);
}

std::string number_f32(float x) {
  return printed(x, 0);
}

std::string number17(double x) {
  return significant(x, 17);
}

std::string fixed(double x, int decimals) {
  decimals = std::max(decimals, 0);
  return printed(x, decimals, std::chars_format::fixed, decimals);
}

std::string significant(double x, int digits) {
  digits = std::max(digits, 1);
  return printed(x, digits, std::chars_format::general, digits);
}

std::string grouped(std::int64_t n) {
  std::string out = std::to_string(n);
  const std::size_t first_digit = n < 0 ? 1 : 0;
  for (std::size_t at = out.size(); at > first_digit + 3;) {
    at -= 3;
    out.insert(at, 1, ' ');
  }
  return out;
}

std::size_t width(std::string_view utf8) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t length = std::max<std::size_t>(sequence_length(utf8, at), 1);
    const std::uint32_t code = code_point(utf8.substr(at, length));
    columns += inside(no_columns, code) ? 0 : inside(two_columns, code) ? 2 : 1;
    at += length;
  }
  return columns;
}

std::string pad_left(std::string_view utf8, std::size_t columns) {
  const std::size_t filled = width(utf8);
  return std::string(columns > filled ? columns - filled : 0, ' ') + std::string(utf8);
}

std::string pad_right(std::string_view utf8, std::size_t columns) {
  const std::size_t filled = width(utf8);
  return std::string(utf8) + std::string(columns > filled ? columns - filled : 0, ' ');
}

std::optional<double> parse_double(std::string_view s) {
  const bool negative = !s.empty() && s[0] == '-';
  if (negative || (!s.empty() && s[0] == '+')) s.remove_prefix(1);
  const auto with_sign = [negative](double x) { return negative ? -x : x; };
  if (equal_ignoring_case(s, "inf") || equal_ignoring_case(s, "infinity")) {
    return with_sign(HUGE_VAL);
  }
  if (equal_ignoring_case(s, "nan")) return with_sign(std::nan(""));

  std::string digits;
  std::size_t seen = 0;
  std::int64_t exponent = 0;
  std::size_t at = 0;
  const auto take_digits = [&](int exponent_of_each) {
    for (; at < s.size() && is_digit(s[at]); ++at, ++seen) {
      exponent -= exponent_of_each;
      if (s[at] != '0' || !digits.empty()) digits += s[at];
    }
  };
  take_digits(0);
  if (at < s.size() && s[at] == '.') {
    ++at;
    take_digits(1);
  }
  if (seen == 0) return std::nullopt;
  if (at < s.size() && (s[at] == 'e' || s[at] == 'E')) {
    ++at;
    const bool minus = at < s.size() && s[at] == '-';
    if (minus || (at < s.size() && s[at] == '+')) ++at;
    if (at == s.size()) return std::nullopt;
    std::int64_t written = 0;
    for (; at < s.size() && is_digit(s[at]); ++at) {
      // 10^17 outweighs any number of digits that fits in memory.
      written = std::min<std::int64_t>(10 * written + (s[at] - '0'), 100'000'000'000'000'000);
    }
    exponent += minus ? -written : written;
  }
  if (at != s.size()) return std::nullopt;
  return with_sign(digits.empty() ? 0.0 : decimal(digits, exponent));
}

std::optional<std::int64_t> parse_int64(std::string_view s) {
  if (s.size() > 1 && s[0] == '+' && is_digit(s[1])) s.remove_prefix(1);
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return n;
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  std::size_t fewest = 0;
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    const std::size_t shorter = std::min(word.size(), candidate.size());
    if (3 * (longer - shorter) > longer) continue;
    const std::size_t count = edits(word, candidate);
    if (3 * count > longer || (best && count >= fewest)) continue;
    best = candidate;
    fewest = count;
  }
  return best;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view s) {
  for (std::size_t at = 0; at < s.size();) {
    const std::size_t length = sequence_length(s, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

std::string quote_json(std::string_view s) {
  static constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t at = 0; at < s.size();) {
    const std::size_t length = sequence_length(s, at);
    const auto c = static_cast<unsigned char>(s[at]);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += {'\\', s[at]};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20) {
      out += "\\u00";
      out += {hex[c >> 4], hex[c & 15]};
    } else {
      out += s.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out + "\"";
}

}  // namespace gradus::text
