// The program in the README is the one in examples/, and it prints what the README says.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(GRADUS_SOURCE_DIR) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The first fenced block that opens with `fence` at or after `from`.
std::string block(const std::string& page, const std::string& fence, size_t from) {
  const size_t begin = page.find(fence + "\n", from);
  if (begin == std::string::npos) return "no block";
  const size_t first = begin + fence.size() + 1;
  return page.substr(first, page.find("\n```\n", first) + 1 - first);
}

std::string output_of(const char* program) {
  FILE* pipe = popen(program, "r");
  std::string out;
  char buffer[4096];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) out.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0);
  return out;
}

TEST(Readme, shows_the_program_that_is_compiled) {
  EXPECT_EQ(block(text_of("README.md"), "```cpp", 0), text_of("examples/readme.cpp"));
}

TEST(Readme, shows_what_the_program_prints) {
  const std::string page = text_of("README.md");
  const size_t promise = page.find("\nIt prints\n");
  ASSERT_NE(promise, std::string::npos);
  EXPECT_EQ(block(page, "\n```", promise), output_of(GRADUS_README_EXAMPLE));
}

}  // namespace
