// The made-up lesson of tests/lessons/sample, read from its files.
#pragma once

#include <gradus/lessons/guide.h>

#include <fstream>
#include <sstream>
#include <string>

namespace gradus::lessons {

void sample_lesson(Page& page);

inline std::string text_of(const std::string& name) {
  std::stringstream s;
  s << std::ifstream(std::string(GRADUS_SOURCE_DIR "/tests/lessons/sample/") + name).rdbuf();
  return s.str();
}

// The text outlives every lesson that looks at it.
inline const std::string& sample_code() {
  static const std::string code = text_of("lesson.cpp");
  return code;
}

inline Guide sample_guide(const std::string& markdown = text_of("lesson.md"),
                          std::string_view glossary = "", std::string_view goals = "") {
  const std::string before =
      "---\ntitle: Counting\npart: 0 Start\nminutes: 3\nsummary: One after another.\n---\n\n## Why "
      "this matters\n\nTo "
      "know how many.\n";
  const LessonSource sources[] = {{"02-doubling", markdown, sample_code(), sample_lesson},
                                  {"0.1-counting", before, "", nullptr}};
  return make_guide({sources, glossary, goals});
}

}  // namespace gradus::lessons
