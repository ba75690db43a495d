#include <gradus/lessons/highlight.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace gradus::lessons {
namespace {

using Kind = CodePiece::Kind;

constexpr std::string_view keywords[] = {
    "auto",   "const", "constexpr", "for",    "while",  "if",     "else",  "return",   "struct",
    "class",  "using", "namespace", "static", "switch", "case",   "break", "template", "typename",
    "public", "true",  "false",     "this",   "new",    "delete", "do",    "continue", "operator"};
constexpr std::string_view types[] = {"double",   "float",  "int",    "bool", "void",
                                      "char",     "size_t", "Tensor", "std",  "int64_t",
                                      "unsigned", "string", "vector", "span", "function"};

template <size_t N>
bool holds(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

std::vector<CodePiece> code_pieces(std::string_view code, std::string_view language) {
  std::vector<CodePiece> out;
  const auto take = [&](Kind kind, size_t n) {
    out.push_back({kind, code.substr(0, n)});
    code.remove_prefix(n);
  };
  const bool shell = language == "sh" || language == "console" || language == "text";
  bool line_start = true;
  while (!code.empty()) {
    const char c = code[0];
    if (c == '\n') {
      take(Kind::plain, 1);
      line_start = true;
      continue;
    }
    const size_t line_end = std::min(code.find('\n'), code.size());
    if (shell) {
      if (line_start && (code.starts_with("$ ") || code.starts_with("gradus ")))
        take(Kind::prompt, line_end);
      else if (line_start && code.starts_with("#"))
        take(Kind::comment, line_end);
      else
        take(Kind::plain, line_end);
    } else if (code.starts_with("//") || (line_start && c == '#')) {
      take(c == '#' ? Kind::keyword : Kind::comment, line_end);
    } else if (c == '"' || c == '\'') {
      size_t end = 1;
      while (end < line_end && code[end] != c) end += code[end] == '\\' ? 2 : 1;
      take(Kind::string, std::min(end + 1, line_end));
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      size_t end = 1;
      while (end < line_end && (is_word(code[end]) || code[end] == '.' || code[end] == '\'' ||
                                ((code[end] == '-' || code[end] == '+') && code[end - 1] == 'e')))
        ++end;
      take(Kind::number, end);
    } else if (is_word(c)) {
      size_t end = 1;
      while (end < line_end && is_word(code[end])) ++end;
      const std::string_view word = code.substr(0, end);
      take(holds(keywords, word) ? Kind::keyword
           : holds(types, word)  ? Kind::type
                                 : Kind::plain,
           end);
    } else {
      size_t end = 1;
      while (end < line_end && !is_word(code[end]) && code[end] != '"' && code[end] != '\'' &&
             !code.substr(end).starts_with("//"))
        ++end;
      take(Kind::plain, end);
    }
    line_start = false;
  }
  return out;
}

}  // namespace gradus::lessons
