// From a learner's answer to a verdict. A C++ answer is compiled alone and runs in a process of its
// own, with limits on time and memory, so nothing it does can harm the program.
#pragma once

#include <gradus/lessons/exercise.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::lessons {

// Raises a usage error when the text is no number, or none of the words.
Verdict judge(const Predict& exercise, std::string_view typed);
Verdict judge(const Choose& exercise, std::string_view typed);

// g++ -shared on one file. The headers it needs are in the program.
struct Compiled {
  std::string shared_object;  // its path; empty when there were errors
  std::string errors;         // as the compiler says them
  double seconds = 0;
};
// Takes at most two minutes; CXX names another compiler. Raises an UnsupportedError when it cannot
// be started, and a FileError when the folder cannot be written. `folder` must exist; the shared
// object and our one header are written there.
Compiled compile_answer(const std::string& source, const std::string& folder);

// Loads and checks in a child process. A crash, an endless loop, an exception and too much memory
// each give a verdict with their own misconception.
Verdict judge(const AnyFill& exercise, const std::string& shared_object, double seconds = 10);

// Bytes that this process has mapped: what a limit on memory starts from.
uint64_t mapped_memory();

// A fresh folder that is removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace gradus::lessons
