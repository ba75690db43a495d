// All lessons in the order of their numbers, with the glossary and the goals.
#pragma once

#include <gradus/lessons/lesson.h>

namespace gradus::lessons {

// What the build embeds of guide/.
struct GuideSource {
  std::span<const LessonSource> lessons;
  std::string_view glossary, goals;
};

// `symbol | said | meaning | lesson`
struct GlossaryEntry {
  std::string symbol;  // in LaTeX or Unicode
  std::string said, meaning, lesson;
  int line = 0;
};

// `goal | exercise or question, ...`
struct Goal {
  std::string text;
  std::vector<std::string> checks;  // names of exercises, or LESSON#N for its question N
  int line = 0;
};

struct Guide {
  std::vector<Lesson> lessons;
  std::vector<GlossaryEntry> glossary;
  std::vector<Goal> goals;

  const Lesson* find(std::string_view slug_or_number) const;  // null when there is none
  // The lesson of an exercise, or null.
  const Lesson* of_exercise(std::string_view name) const;
};

Guide make_guide(const GuideSource& source);

// The slugs to read before `slug` and itself, prerequisites first. A cycle is cut.
std::vector<std::string> route(const Guide& guide, std::string_view slug);

// The lesson that a word or number names. Raises with the nearest slug when there is none.
const Lesson& lesson_named(const Guide& guide, std::string_view word);

// Lessons that hold every word (any case), best first, with a line where the first stands.
struct Found {
  const Lesson* lesson;
  int count = 0;
  std::string line;
};
std::vector<Found> search(const Guide& guide, std::string_view words);

// The guide of this program; defined by the library gradus_guide, which the build makes of guide/.
GuideSource embedded_guide();

}  // namespace gradus::lessons
