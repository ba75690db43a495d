// What the verbs learn, exercise and quiz share: the guide, how wide the terminal is, and what the
// learner has done.
#pragma once

#include <gradus/app/command.h>
#include <gradus/lessons/guide.h>
#include <gradus/lessons/progress.h>
#include <gradus/lessons/terminal.h>

namespace gradus::app {

const lessons::Guide& guide();

// COLUMNS, or the terminal's own width, or 80.
lessons::Look look_of(const Settings& settings);

// The page with its own numbers, or with the reader's. What a lesson raises names the lesson.
lessons::Page page_of(const lessons::Lesson& lesson,
                      const std::vector<std::pair<std::string, std::string>>& changes = {});

// Progress as it is; a broken file is mentioned once.
lessons::Progress progress_of(const Settings& settings);
// A place that cannot be written costs a note, not the answer.
void save(const lessons::Progress& progress, const Settings& settings);

enum class Mark { fresh, opened, finished };
Mark mark_of(const lessons::Lesson& lesson, const lessons::Progress& progress);
// The first lesson that is not finished, after those it needs; null when all are.
const lessons::Lesson* suggested(const lessons::Progress& progress);

// On a terminal through $PAGER, or less; else as it is.
void show_page(const std::string& text, const Settings& settings);

// One line typed at a terminal, after the question; nothing at the end of input or elsewhere.
bool ask(const std::string& question, std::string& answer);

}  // namespace gradus::app
