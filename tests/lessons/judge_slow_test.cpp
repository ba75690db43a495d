// Learners' files, compiled and run: right ones, wrong ones, and ones that misbehave.
#define GRADUS_LESSON sample_lesson
#include "sample/lesson.cpp"

#include <gradus/lessons/judge.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sample.h"

namespace gradus::lessons {
namespace {

AnyFill twice() {
  const Guide guide = sample_guide();
  for (const auto& any : computed(*guide.find("doubling")).exercises)
    if (const AnyFill* e = std::get_if<AnyFill>(&any)) return *e;
  std::abort();
}

Compiled compiled(const std::string& text, const TemporaryFolder& folder) {
  const std::string file = folder.path() + "/answer.cpp";
  std::ofstream(file) << text;
  return compile_answer(file, folder.path());
}

Verdict verdict(const std::string& body) {
  const TemporaryFolder folder;
  const Compiled c = compiled(
      "#include <gradus/lessons/answer.h>\n#include <cstdlib>\n#include <stdexcept>\n"
      "#include <vector>\ndouble twice(double x) {\n" +
          body + "\n}\nGRADUS_ANSWER(twice)\n",
      folder);
  EXPECT_EQ(c.errors, "") << body;
  return judge(twice(), c.shared_object, 2);
}

TEST(Judge, accepts_the_solution_and_refuses_the_stub) {
  const Guide guide = sample_guide();
  const Lesson& l = *guide.find("doubling");
  const TemporaryFolder folder, other;
  EXPECT_TRUE(
      judge(twice(), compiled(exercise_solution(l, l.exercises()[0]), folder).shared_object).right);
  const Verdict stub =
      judge(twice(), compiled(exercise_stub(l, l.exercises()[0]), other).shared_object);
  EXPECT_FALSE(stub.right);
  EXPECT_EQ(stub.misconception, "subtracted");
  EXPECT_EQ(stub.where, "x = 3");
  EXPECT_EQ(stub.yours, "0");
  EXPECT_EQ(stub.expected, "6");
}

TEST(Judge, survives_whatever_a_function_does) {
  EXPECT_EQ(verdict("return x + 0.5 * x;").misconception, "");
  EXPECT_EQ(verdict("volatile int* p = nullptr; *p = 1; return x;").misconception, "crashed");
  EXPECT_EQ(verdict("volatile bool on = true; while (on) {} return x;").misconception,
            "does not end");
  EXPECT_EQ(verdict("throw std::out_of_range(\"too far\");").says,
            "Your function threw an exception: too far.");
  EXPECT_EQ(verdict("throw 3;").misconception, "threw an exception");
  EXPECT_EQ(verdict("std::abort();").misconception, "aborted");
  EXPECT_EQ(verdict("std::exit(0);").misconception, "ended the program");
  EXPECT_EQ(verdict("volatile int n = 7, z = 0; return n / z;").misconception,
            "divided an integer by zero");
  EXPECT_EQ(verdict("std::vector<double> v; while (true) v.resize(2 * v.size() + 1000); return x;")
                .misconception,
            "too much memory");
  EXPECT_EQ(verdict("volatile double y = twice(x) + 1; return y;").misconception, "crashed");
}

// Without its comment, blanks and line ends.
std::string bare(const std::string& file) {
  std::ifstream in(file);
  std::string out, text;
  while (std::getline(in, text))
    if (!text.starts_with("//"))
      for (const char c : text)
        if (c != ' ' && c != '\\') out += c;
  return out;
}

TEST(Judge, writes_the_header_that_the_library_has) {
  const TemporaryFolder folder;
  compiled("", folder);
  const std::string ours = bare(GRADUS_SOURCE_DIR "/src/gradus/lessons/answer.h");
  EXPECT_NE(ours.find("gradus_answer_type"), std::string::npos);
  EXPECT_EQ(bare(folder.path() + "/gradus/lessons/answer.h"), ours);
}

TEST(Judge, says_what_the_compiler_says) {
  const TemporaryFolder folder;
  const Compiled c = compiled("double twice(double x) { return y; }\n", folder);
  EXPECT_EQ(c.shared_object, "");
  EXPECT_NE(c.errors.find("answer.cpp:1:33: error: "), std::string::npos) << c.errors;
}

TEST(Judge, wants_the_last_line_and_the_types_as_they_were) {
  const TemporaryFolder folder, other;
  EXPECT_EQ(judge(twice(), compiled("double twice(double x) { return x; }\n", folder).shared_object)
                .misconception,
            "last line is missing");
  EXPECT_EQ(judge(twice(), compiled("#include <gradus/lessons/answer.h>\nint twice(int x) { return "
                                    "x; }\nGRADUS_ANSWER(twice)\n",
                                    other)
                               .shared_object)
                .misconception,
            "other parameters");
}

}  // namespace
}  // namespace gradus::lessons
