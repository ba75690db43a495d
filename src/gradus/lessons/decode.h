// A pasted formula, symbol by symbol, with the glossary of the guide.
#pragma once

#include <gradus/lessons/guide.h>
#include <gradus/lessons/math.h>

#include <string>
#include <string_view>
#include <vector>

namespace gradus::lessons {

struct Decoded {
  std::string symbol;                    // as Unicode
  const GlossaryEntry* entry = nullptr;  // null: the glossary does not know it
};

// What stands in the formula, left to right, each once: the largest pieces that the glossary knows,
// and the letters that it does not. LaTeX or Unicode.
std::vector<Decoded> decode(const Guide& guide, std::string_view formula);

}  // namespace gradus::lessons
