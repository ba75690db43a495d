// The program run by a shell: what it printed, and its exit status.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <initializer_list>
#include <string>

namespace gradus::test {

struct Outcome {
  std::string out;
  int status;
};

inline Outcome run_shell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  Outcome o;
  char buffer[4096];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) o.out.append(buffer, n);
  o.status = WEXITSTATUS(pclose(pipe));
  return o;
}

inline Outcome run(const std::string& words) {
  return run_shell(std::string(GRADUS_PROGRAM) + " " + words);
}

inline void expect_all(const Outcome& o, const std::string& words, int status,
                       const std::string& out) {
  EXPECT_EQ(o.out, out) << words;
  EXPECT_EQ(o.status, status) << words;
}

inline void expect_parts_of(const Outcome& o, const std::string& words, int status,
                            std::initializer_list<const char*> parts) {
  EXPECT_EQ(o.status, status) << words << "\n" << o.out;
  for (const char* part : parts)
    EXPECT_NE(o.out.find(part), std::string::npos) << words << ": " << part << "\n" << o.out;
}

// What the program prints is exactly this.
inline void expect(const std::string& words, int status, const std::string& out) {
  expect_all(run(words), words, status, out);
}

// What the program prints holds these.
inline void expect_parts(const std::string& words, int status,
                         std::initializer_list<const char*> parts) {
  expect_parts_of(run(words), words, status, parts);
}

}  // namespace gradus::test
