// Code in pieces that share a colour.
#pragma once

#include <string_view>
#include <vector>

namespace gradus::lessons {

struct CodePiece {
  enum class Kind { plain, keyword, type, number, string, comment, prompt };
  Kind kind = Kind::plain;
  std::string_view text;  // no piece holds a newline together with anything else
};

// language: "" or "cpp" for C++, "sh" or "text" for a terminal.
std::vector<CodePiece> code_pieces(std::string_view code, std::string_view language);

}  // namespace gradus::lessons
