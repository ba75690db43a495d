// Markdown as a tree, with `$...$` and `{{...}}` read by us: md4c never sees inside a formula, so
// bars, stars and underscores there mean what they mean in LaTeX.
#pragma once

#include <gradus/lessons/page.h>

#include <string>
#include <string_view>
#include <vector>

namespace gradus::lessons {

struct Node {
  enum class Kind {
    document,
    paragraph,
    heading,  // level
    bullets,
    numbers,
    item,
    quote,
    code_block,  // text, and its language in target
    table,
    row,
    head_cell,
    cell,
    rule,
    directive,  // {{target:text}} alone in a paragraph
    text,
    bound,  // a number or word of the page; its name in target
    emphasis,
    strong,
    code,
    link,  // to target
    math,  // LaTeX, bound numbers filled in
    display,
    line_break
  };
  Kind kind = Kind::document;
  std::string text, target;
  int level = 0;
  std::vector<Node> children;
};

// {{name}} becomes what the page bound; a name that it did not bind stays as it is.
Node parse_markdown(std::string_view text, const Page& page);

// The Markdown with every {{name}} filled in; what stands for a block stays.
std::string filled(std::string_view text, const Page& page);

// All text of a tree as one line without marks, for summaries and search.
std::string words_of(const Node& node);

}  // namespace gradus::lessons
