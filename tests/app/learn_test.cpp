// The guide as a reader meets it: learn, exercise and quiz, with a state folder of the test's own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "app/run.h"

namespace gradus {
namespace {

using namespace test;

class Reader : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = "/tmp/gradus-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Outcome run(const std::string& words) const {
    const std::string command = "cd " + folder_ + " && XDG_STATE_HOME=" + folder_ +
                                "/state COLUMNS=80 " GRADUS_PROGRAM " " + words +
                                " 2>&1 </dev/null";
    return run_shell(command);
  }

  void says(const std::string& words, int status, const std::string& out) const {
    expect_all(run(words), words, status, out);
  }

  void holds(const std::string& words, int status, std::initializer_list<const char*> parts) const {
    expect_parts_of(run(words), words, status, parts);
  }

  std::string folder_;
};

TEST_F(Reader, finds_the_lessons_and_the_next_one) {
  holds("learn", 0,
        {"0 Start\n", "A gradient is an arrow that points uphill", "25 min",
         "next  gradus learn why-mathematics\n"});
  holds("learn --json", 0, {"\"slug\":\"gradients\"", "\"state\":\"new\""});
  holds("learn --path gradients", 0,
        {"A derivative is a slope", "A gradient is an arrow", "minutes to go\n"});
  holds("learn --search 'learning rate'", 0,
        {"8 · A gradient is an arrow that points uphill  gradus learn gradients"});
  says("learn --search zyzzyva", 1, "No lesson holds all of: zyzzyva\n");
  holds("learn --next", 0, {"Lesson 0.1"});
}

TEST_F(Reader, sees_a_short_page_first_and_a_whole_one_then) {
  const std::string first = run("learn gradients").out;
  EXPECT_EQ(first.find("\n  Deep dive\n"), std::string::npos);
  EXPECT_NE(first.find("A first reading: Code and Deep dive wait for the second."),
            std::string::npos);
  EXPECT_NE(run("learn 8").out.find("\n  Deep dive\n"), std::string::npos);
  EXPECT_EQ(run("learn 8 --first").out.find("\n  Deep dive\n"), std::string::npos);
  holds("learn", 0, {"read\n"});
  says("learn 8 --first --all", 2,
       "gradus learn: --all and --first say the opposite of each other\n");
}

TEST_F(Reader, changes_the_numbers_of_a_page) {
  holds("learn gradients --set rate=0.2", 0, {"the learning rate 0.2"});
  holds("learn gradients --set rate=x", 2,
        {"gradus learn: --set rate: 'x' is not a finite number. Write --set rate=0.1.\n"});
  holds("learn gradients --set pace=1", 2,
        {"gradus learn: --set pace: the lesson gradients has no number of that name. It has "});
  says("learn gradients --set rate", 2,
       "gradus learn: --set takes NAME=VALUE, not 'rate'. gradus learn LESSON names what can be "
       "set.\n");
  says("learn gradiants", 2,
       "gradus learn: there is no lesson 'gradiants'; did you mean gradients?\n");
}

TEST_F(Reader, decodes_formulas_and_looks_at_goals) {
  holds("learn --decode '\\nabla f(x) + \\zeta'", 0, {"∇", "nabla", "Not in the glossary: "});
  holds("learn --decode '\\nabla' --json", 0,
        {"{\"formula\":\"\\\\nabla\",\"symbols\":[{\"symbol\":\"∇\""});
  holds(
      "learn --goals", 0,
      {"Derive the chain rule on a graph", "gradus quiz 'chain-rule#1'", "0 of 8 goals reached."});
}

TEST_F(Reader, writes_the_guide_as_pages) {
  holds("learn --html site", 0, {"files; open site/index.html\n"});
  for (const char* name : {"index.html", "gradients.html", "search.json", "llms.txt"})
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/site/" + name)) << name;
  holds("learn --html /dev/null/site", 2,
        {"gradus learn: /dev/null/site: the folder cannot be made"});
}

TEST_F(Reader, answers_exercises_in_a_word_or_number) {
  holds("exercise", 0, {"gd-from-scratch", "partial-by-hand"});
  holds("exercise show which-way", 0,
        {"The steepest way down", "▸ gradus exercise check which-way"});
  says("exercise solution which-way", 2,
       "gradus exercise: try 'which-way' once before the solution: gradus exercise check "
       "which-way\n");
  says("exercise check which-way up", 1,
       "✗ not yet  (uphill taken for downhill)\n"
       "      yours     up\n"
       "  This is the gradient itself: the direction in which f grows fastest.\n"
       "hint 1 of 2: gradus exercise hint which-way\n");
  holds("exercise hint which-way", 0, {"hint 1 of 2\n"});
  holds("exercise hint which-way", 0, {"hint 1 of 2\n", "hint 2 of 2\n", "That was the last one."});
  holds("exercise solution which-way", 0, {"down"});
  holds("exercise check which-way down", 0, {"✓ right", "next  gradus exercise show "});
  holds("exercise check partial-by-hand -5", 1, {"yours     -5"});
  holds("exercise check partial-by-hand 13 --json", 0,
        {"{\"exercise\":\"partial-by-hand\",\"right\":true,"});
  holds("exercise", 0, {"✓ which-way", "done\n"});
}

TEST_F(Reader, is_told_what_does_not_fit) {
  says("exercise chek which-way", 2,
       "gradus exercise: 'chek' is none of show, start, check, hint and solution, and no "
       "exercise\n");
  says("exercise check", 2, "gradus exercise: check which exercise? gradus exercise lists them.\n");
  says("exercise check which-why up", 2,
       "gradus exercise: there is no exercise 'which-why'; did you mean which-way?\n");
  says("exercise check which-way", 2,
       "gradus exercise: 'which-way' asks for a word. Write gradus exercise check "
       "which-way ANSWER.\n");
  says("exercise check partial-by-hand much", 2,
       "gradus exercise: the answer is a number, but 'much' is none. Write it as 0.25, -3 or "
       "1/3.\n");
  says("exercise start which-way", 2,
       "gradus exercise: 'which-way' asks for a word, not for code. Answer with gradus exercise "
       "check which-way ANSWER.\n");
  says("exercise check gd-from-scratch", 2,
       "gradus exercise: there is no exercises/gd-from-scratch.cpp. gradus exercise start "
       "gd-from-scratch writes it.\n");
  holds("quiz nothing", 2, {"there is no lesson 'nothing'"});
}

TEST_F(Reader, keeps_a_file_that_is_there_already) {
  says("exercise start gd-from-scratch", 0,
       "wrote exercises/gd-from-scratch.cpp\nnext  edit it, then gradus exercise check "
       "gd-from-scratch\n");
  holds("exercise start gd-from-scratch", 2,
        {"exercises/gd-from-scratch.cpp is there already and stays as it is."});
}

TEST_F(Reader, is_asked_interview_questions) {
  holds("quiz gradients --all", 0,
        {"Lesson 8 · gradients#1\n", "What is a gradient?", "Strong answer.", "Key phrases.",
         "They may ask next."});
  holds("quiz gradients#2 --json", 0, {"[{\"name\":\"gradients#2\"", "\"grade\":0}]"});
}

TEST_F(Reader, does_not_need_a_place_to_keep_progress) {
  const std::string command = "cd " + folder_ +
                              " && env -u HOME -u XDG_STATE_HOME " GRADUS_PROGRAM
                              " learn 8 >/dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string closed =
      "cd " + folder_ + " && XDG_STATE_HOME=/dev/null " GRADUS_PROGRAM " learn 8 2>&1 >/dev/null";
  FILE* pipe = popen(closed.c_str(), "r");
  char line[512] = "";
  EXPECT_NE(std::fgets(line, sizeof line, pipe), nullptr);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 0);
  EXPECT_EQ(std::string(line).find("gradus: progress is not kept: "), 0u);
}

}  // namespace
}  // namespace gradus
