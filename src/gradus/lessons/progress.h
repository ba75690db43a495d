// What a learner has read and solved: one small JSON file of the user, never sent anywhere.
#pragma once

#include <map>
#include <string>

namespace gradus::lessons {

struct ExerciseState {
  int attempts = 0;
  int hints = 0;  // shown so far
  bool right = false;
};

struct Progress {
  std::map<std::string, int> opened;  // by slug
  std::map<std::string, ExerciseState> exercises;
  std::map<std::string, int> grades;  // by question, "chain-rule#2": 1 to 4

  std::string note;  // one line for the reader, when the file was broken
};

// $XDG_STATE_HOME/gradus/progress.json, or ~/.local/state/gradus/progress.json; empty when the
// environment names neither place.
std::string progress_path();
// A file that cannot be understood is moved aside, to progress.json.broken-1 and so on.
Progress read_progress(const std::string& path);
// Makes the folder when it is missing.
void write_progress(const std::string& path, const Progress& progress);

}  // namespace gradus::lessons
