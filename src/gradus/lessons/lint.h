// What a page of the guide must hold, checked: `file:line: rule`. The rules: docs/lessons.md.
#pragma once

#include <gradus/lessons/guide.h>

#include <string>
#include <vector>

namespace gradus::lessons {

struct Finding {
  std::string file;  // below guide/
  int line = 1;
  std::string rule;
};

// `page` is the lesson computed with its own numbers.
std::vector<Finding> lint(const Guide& guide, const Lesson& lesson, const Page& page);
// The glossary, the goals, and what lessons say of each other.
std::vector<Finding> lint(const Guide& guide);

// Flesch reading ease: 206.835 - 1.015 words per sentence - 84.6 syllables per word. Plain English
// is above 60, an academic paper below 30.
double reading_ease(std::string_view text);
// Words outside code and directives.
int word_count(std::string_view text);

}  // namespace gradus::lessons
