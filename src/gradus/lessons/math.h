// Formulas in the part of LaTeX that lessons use: read once, shown as Unicode in a line, as stacked
// lines in a terminal, and as MathML on a page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::lessons {

struct Math {
  enum class Kind {
    row,
    symbol,    // a letter or another mark that stands for itself
    number,    // digits
    binary,    // + and the like: a blank on both sides
    tight,     // a middle dot, a slash: no blanks
    relation,  // = and the like
    comma,
    open,
    close,
    function,  // sin, log, upright
    big,       // a sum: takes limits
    words,     // \text{...}
    space,
    fraction,  // above, below
    root,      // body, index or nothing
    script,    // base, below, above; absent ones are empty rows
    accent,    // text is hat, bar, dot, vec, tilde
    bold,
    fenced,  // text is the opening mark, mark the closing one
    matrix   // rows of rows, fenced by text and mark
  };
  Kind kind = Kind::row;
  std::string text, mark;
  std::vector<Math> children;
};

// What is not understood is kept as words; `unknown`, where given, receives it.
Math parse_math(std::string_view latex, std::vector<std::string>* unknown = nullptr);

// Lines of equal width; `base` is the one that runs through the middle of a fraction bar.
struct Lines {
  std::vector<std::string> rows;
  size_t base = 0;
};

// One line: x² / (1 + x). Blanks where a line may break, U+00A0 where it may not.
std::string math_line(const Math& math);
// Fractions, sums and matrices stacked.
Lines math_lines(const Math& math);
std::string mathml(const Math& math, bool display);

// The letters and marks that a reader needs explained: x, θ, ∂, Σ. Scripts are letters too.
std::vector<std::string> symbols_of(const Math& math);

}  // namespace gradus::lessons
