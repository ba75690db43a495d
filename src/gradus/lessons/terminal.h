// A lesson on a terminal: words wrapped, formulas in Unicode, tables with lines, pictures in
// braille. The same text without colour is the golden page.
#pragma once

#include <gradus/lessons/guide.h>
#include <gradus/lessons/markdown.h>

#include <string>

namespace gradus::lessons {

struct Look {
  int columns = 80;    // 40 to 88
  bool color = false;  // escape sequences
  bool ascii = false;  // no character beyond ASCII
};

struct Reading {
  bool all = true;  // false: a first reading, without Code and Deep dive
};

std::string render_lesson(const Guide& guide, const Lesson& lesson, const Page& page,
                          const Look& look, const Reading& reading);
// Any Markdown, such as a task or an answer; indented by `indent` columns.
std::string render_markdown(std::string_view text, const Page& page, const Look& look,
                            int indent = 0);
std::string render_exercise(const Exercise& exercise, const Page& page, const Look& look);

// Words in bold, in the colour of success, and so on; plain where there is no colour.
enum class Tint { bold, dim, accent, good, bad };
std::string tinted(std::string_view text, Tint tint, const Look& look);
// Every character beyond ASCII replaced, where the look asks for it.
std::string for_look(std::string text, const Look& look);

}  // namespace gradus::lessons
