// A page as its author wrote it: the head and the sections of lesson.md, the regions of
// lesson.cpp, and the function that computes its numbers. The format: docs/lessons.md.
#pragma once

#include <gradus/lessons/page.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::lessons {

// What the build embeds of a folder of guide/.
struct LessonSource {
  std::string_view folder;  // "09-chain-rule"
  std::string_view markdown, code;
  void (*compute)(Page&);
};

struct Section {
  std::string heading;
  std::string text;
  int line = 0;  // of the first line of text in lesson.md
};

struct Question {
  std::string question;
  std::string short_answer, strong_answer, follow_up;  // Markdown
  std::vector<std::string> key_phrases;
};

struct Exercise {
  std::string name, title;
  std::string task;  // Markdown, without the directive and the hints
  std::vector<std::string> hints;
};

struct Lesson {
  std::string folder, number, slug;
  std::string kind = "lesson";  // or "reference", a page to look things up in
  std::string title, part, summary;
  int minutes = 0;
  std::vector<std::string> needs, uses, rows, see, references;
  std::vector<Section> sections;
  std::string_view code;
  void (*compute)(Page&) = nullptr;

  bool is_reference() const { return kind == "reference"; }
  // "Lesson 9", "Reference A"
  std::string label() const { return (is_reference() ? "Reference " : "Lesson ") + number; }
  const Section* section(std::string_view heading) const;
  std::vector<Question> questions() const;
  std::vector<Exercise> exercises() const;
};

// The headings of a page of this kind, in order.
std::span<const std::string_view> headings(std::string_view kind);
// Whether a first reading hides the section.
bool is_second_reading(std::string_view heading);

// Never fails: what is missing stays empty, and lint says so.
Lesson parse_lesson(const LessonSource& source);

// Runs the lesson's function with what the reader changes. Raises when a name of `changes` is not
// one of the page's, and whatever the lesson raises.
Page computed(const Lesson& lesson,
              const std::vector<std::pair<std::string, std::string>>& changes = {});

// The lines between `// [NAME]` and `// [end]`, without the least indentation; nothing when there
// is no such region. Markers inside are left out.
std::string code_region(std::string_view code, std::string_view name);
// The learner's file: the region `[solution NAME]` with its holes open.
std::string exercise_stub(const Lesson& lesson, const Exercise& exercise);
// The same with the holes filled: the official solution.
std::string exercise_solution(const Lesson& lesson, const Exercise& exercise);

}  // namespace gradus::lessons
