// The programs on pages are those in examples/, and that of the README prints what is said there.
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

// docs/pytorch.md: C++ beside Python, which tests/oracle/torch_names.py runs.
TEST(PyTorchPage, shows_code_that_is_compiled_and_a_pair_for_each_architecture) {
  const std::string page = text_of("docs/pytorch.md"), program = text_of("examples/pytorch.cpp");
  const auto count = [&](const std::string& what) {
    int n = 0;
    for (size_t at = page.find(what); at != std::string::npos; at = page.find(what, at + 1)) ++n;
    return n;
  };
  for (size_t at = page.find("```cpp\n"); at != std::string::npos;
       at = page.find("```cpp\n", at + 1))
    EXPECT_NE(program.find(block(page, "```cpp", at)), std::string::npos) << page.substr(at, 200);
  const int pairs = count("\n## ");
  EXPECT_GT(pairs, 10);
  EXPECT_EQ(count("```cpp\n"), pairs + 1);
  EXPECT_EQ(count("```python\n"), pairs + 1);
}

}  // namespace
