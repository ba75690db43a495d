// What a lesson computes: the numbers, tables, pictures and exercises that its text refers to.
// A lesson is guide/NUMBER-SLUG/lesson.md (the words) and lesson.cpp (everything else); the format
// of both is described in docs/lessons.md.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/lessons/exercise.h>
#include <gradus/train/plot.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus::lessons {

// A table: the first row is its head.
using Table = std::vector<std::vector<std::string>>;

// A picture that no Plot draws, such as a graph: text for a terminal, SVG for a page.
struct Drawing {
  std::string terminal, svg;
  std::string alt;  // the text alternative, one sentence
};

// Filled by the lesson's function; a name is bound once.
class Page {
 public:
  // What a reader may change with `--set NAME=VALUE`: the default, or the reader's value.
  double set(std::string_view name, double standard);
  Tensor set(std::string_view name, const Tensor& standard);

  // {{name}}: fixed decimals with trailing zeros cut; far from 1, significant digits.
  void bind(std::string_view name, double value, int decimals = 4);
  void bind(std::string_view name, int value) { bind(name, static_cast<int64_t>(value)); }
  void bind(std::string_view name, int64_t value);
  void bind(std::string_view name, const Tensor& value, int decimals = 4);
  void bind(std::string_view name, std::string_view text);
  void bind(std::string_view name, const char* text) { bind(name, std::string_view(text)); }
  // {{output:name}}: a block of text as the program printed it.
  void output(std::string_view name, std::string text);
  // {{table:name}}
  void table(std::string_view name, Table rows);
  // {{picture:name}}
  void picture(std::string_view name, Plot plot);
  void picture(std::string_view name, Drawing drawing);

  // {{exercise:name}} in the section Exercises.
  void exercise(Predict exercise);
  void exercise(Choose exercise);
  void exercise(AnyFill exercise);

  // Read by the engine.
  std::map<std::string, std::string, std::less<>> texts;
  std::map<std::string, std::string, std::less<>> outputs;
  std::map<std::string, Table, std::less<>> tables;
  std::map<std::string, std::variant<Plot, Drawing>, std::less<>> pictures;
  std::vector<std::variant<Predict, Choose, AnyFill>> exercises;
  // What the reader changes, and, after the lesson ran, every name that may be changed with the
  // value that was used.
  std::map<std::string, std::string, std::less<>> changes;
  std::vector<std::pair<std::string, std::string>> settable;
};

// Formats as bind does.
std::string shown(double value, int decimals = 4);

}  // namespace gradus::lessons

// LESSON(page) { ... } defines the function of one lesson; the build gives each file its name.
#ifndef GRADUS_LESSON
#define GRADUS_LESSON unnamed_lesson
#endif
#define LESSON(page)              \
  namespace gradus::lessons {     \
  void GRADUS_LESSON(Page& page); \
  }                               \
  void gradus::lessons::GRADUS_LESSON([[maybe_unused]] ::gradus::lessons::Page& page)
