#include <gradus/app/columns.h>
#include <gradus/base/text.h>

#include <algorithm>

namespace gradus::app {

std::string visible(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are controls as well: C2 80 to C2 9F.
    const bool wide =
        c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) - 0x80U < 0x20U;
    if (c >= 0x20 && c != 0x7F && !wide) {
      out += text[i];
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const unsigned code = wide ? static_cast<unsigned char>(text[++i]) : c;
    out += std::string("\\x") + digits[code / 16] + digits[code % 16];
  }
  return out;
}

std::string columns(const std::vector<std::vector<std::string>>& cells, size_t indent) {
  std::vector<std::vector<std::string>> rows = cells;
  std::vector<size_t> widths;
  for (auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = visible(row[i]);
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], text::width(row[i]));
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i)
      line += (i > 0 ? "   " : "") + text::pad_right(row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace gradus::app
