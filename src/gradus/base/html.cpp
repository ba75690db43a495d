#include <gradus/base/html.h>
#include <gradus/base/text.h>

namespace gradus {

std::string escape_html(std::string_view s) {
  std::string out;
  while (!s.empty()) {
    const auto bad = text::first_invalid_utf8(s);
    for (const char c : s.substr(0, bad.value_or(s.size()))) {
      switch (c) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        case '\'':
          out += "&#39;";
          break;
        case '\n':
        case '\t':
          out += c;
          break;
        default:
          if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            out += "\xEF\xBF\xBD";
          } else {
            out += c;
          }
      }
    }
    if (!bad) break;
    out += "\xEF\xBF\xBD";
    s.remove_prefix(*bad + 1);
  }
  return out;
}

}  // namespace gradus
