// Every lesson of guide/: what its page says, that it keeps the rules, and that its exercises tell
// right from wrong.
#include <gradus/base/text.h>
#include <gradus/lessons/guide.h>
#include <gradus/lessons/judge.h>
#include <gradus/lessons/lint.h>
#include <gradus/lessons/terminal.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace gradus::lessons {
namespace {

const Guide& guide() {
  static const Guide g = make_guide(embedded_guide());
  return g;
}

std::vector<std::string> folders() {
  std::vector<std::string> out;
  for (const Lesson& l : guide().lessons) out.push_back(l.folder);
  return out;
}

std::string listed(const std::vector<Finding>& found) {
  std::string out;
  for (const Finding& f : found)
    out += "guide/" + f.file + ":" + std::to_string(f.line) + ": " + f.rule + "\n";
  return out;
}

// "line 12: reviewed A, now B", or nothing.
std::string first_difference(const std::string& reviewed, const std::string& now) {
  std::istringstream a(reviewed), b(now);
  std::string left, right;
  for (int line = 1;; ++line) {
    const bool more_left = !std::getline(a, left).fail(),
               more_right = !std::getline(b, right).fail();
    if (!more_left && !more_right) return "";
    if (more_left != more_right || left != right)
      return "line " + std::to_string(line) + ":\n  reviewed " + (more_left ? left : "(ends)") +
             "\n  now      " + (more_right ? right : "(ends)");
  }
}

class Lessons : public testing::TestWithParam<std::string> {
 protected:
  const Lesson& lesson() const { return *guide().find(GetParam()); }
};

TEST_P(Lessons, print_the_page_that_was_reviewed) {
  const std::string path = GRADUS_SOURCE_DIR "/guide/" + GetParam() + "/expected.txt";
  const std::string page =
      render_lesson(guide(), lesson(), computed(lesson()), {.columns = 80}, {});
  if (std::getenv("GRADUS_BLESS")) {
    std::ofstream(path) << page;
    return;
  }
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(first_difference(expected.str(), page), "")
      << "If the page is right, ./dev bless and read the difference.";
}

TEST_P(Lessons, keep_the_rules_of_the_guide) {
  const std::string said = listed(lint(guide(), lesson(), computed(lesson())));
  EXPECT_TRUE(said.empty()) << said;
}

TEST_P(Lessons, compute_the_same_page_twice) {
  EXPECT_EQ(render_lesson(guide(), lesson(), computed(lesson()), {}, {}),
            render_lesson(guide(), lesson(), computed(lesson()), {}, {}));
}

TEST_P(Lessons, fit_narrow_and_wide_terminals_and_plain_ascii) {
  const Page page = computed(lesson());
  for (const int columns : {40, 60, 120}) {
    const std::string shown =
        render_lesson(guide(), lesson(), page, {.columns = columns, .ascii = true}, {});
    for (const char c : shown) ASSERT_LT(static_cast<unsigned char>(c), 0x7F);
    EXPECT_EQ(shown.find('?') == std::string::npos, false);  // interview questions
  }
}

void expect_solved(const Predict& e) {
  EXPECT_TRUE(judge(e, std::to_string(e.answer)).right || std::abs(e.answer) < 1e-5) << e.name;
  std::set<std::string> names, texts;
  for (const Predict::Mistake& m : e.wrong) {
    const Verdict v = judge(e, text::number17(m.value));
    EXPECT_FALSE(v.right) << e.name << ": " << m.misconception;
    EXPECT_EQ(v.misconception, m.misconception) << e.name;
    EXPECT_FALSE(v.says.empty()) << e.name << ": " << m.misconception;
    EXPECT_TRUE(names.insert(v.misconception).second) << e.name << ": " << m.misconception;
    EXPECT_TRUE(texts.insert(v.says).second) << e.name << ": " << m.misconception;
  }
  EXPECT_FALSE(judge(e, text::number17(e.answer * 1.7 + 12.345)).right) << e.name;
}

void expect_solved(const Choose& e) {
  EXPECT_TRUE(judge(e, e.answer).right) << e.name;
  std::set<std::string> names, texts;
  for (const Choose::Choice& c : e.choices) {
    if (c.word == e.answer) continue;
    const Verdict v = judge(e, c.word);
    EXPECT_FALSE(v.right) << e.name << ": " << c.word;
    EXPECT_FALSE(v.misconception.empty()) << e.name << ": " << c.word;
    EXPECT_FALSE(v.says.empty()) << e.name << ": " << c.word;
    EXPECT_TRUE(names.insert(v.misconception).second) << e.name << ": " << v.misconception;
    EXPECT_TRUE(texts.insert(v.says).second) << e.name << ": " << v.misconception;
  }
}

void expect_solved(const AnyFill& e) {
  const Verdict right = e.check(e.solution);
  EXPECT_TRUE(right.right) << e.name << ": " << right.where << ": " << right.yours << " beside "
                           << right.expected;
  std::set<std::string> names, texts;
  for (const AnyFill::Mistake& m : e.wrong) {
    const Verdict v = e.check(m.function);
    EXPECT_FALSE(v.right) << e.name << ": " << m.misconception;
    EXPECT_EQ(v.misconception, m.misconception) << e.name;
    EXPECT_FALSE(v.says.empty()) << e.name << ": " << m.misconception;
    EXPECT_FALSE(v.where.empty()) << e.name << ": " << m.misconception;
    EXPECT_TRUE(names.insert(v.misconception).second) << e.name << ": " << m.misconception;
    EXPECT_TRUE(texts.insert(v.says).second) << e.name << ": " << m.misconception;
  }
}

TEST_P(Lessons, accept_the_solution_and_name_every_known_mistake) {
  const Page page = computed(lesson());
  for (const auto& any : page.exercises) std::visit([](const auto& e) { expect_solved(e); }, any);
}

INSTANTIATE_TEST_SUITE_P(Guide, Lessons, testing::ValuesIn(folders()), [](const auto& l) {
  std::string name;
  for (const char c : l.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Lessons);

TEST(Guide, has_a_glossary_and_goals_whose_links_lead_somewhere) {
  const std::string said = listed(lint(guide()));
  EXPECT_TRUE(said.empty()) << said;
}

}  // namespace
}  // namespace gradus::lessons
