// The JSON reader against the conformance cases, and its messages word for word.
#include <gradus/base/error.h>
#include <gradus/io/json.h>
#include <gradus/io/json_private.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace gradus {
namespace {

bool accepts(std::string_view text) {
  return !check_json(text).has_value();
}

std::string nested(int depth) {
  const auto n = static_cast<std::size_t>(depth);
  return std::string(n, '[') + std::string(n, ']');
}

TEST(Json, the_conformance_cases_are_accepted_and_refused_as_they_should_be) {
  const std::filesystem::path folder = std::string(GRADUS_SHARED_DIR) + "/conformance/json";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "the conformance cases are not here: conformance/json";
  }
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string name = entry.path().filename().string();
    const auto problem = check_json(text);
    if (name[0] != 'i') {
      EXPECT_EQ(problem.has_value(), name[0] == 'n') << name;
    }
    if (problem) {
      EXPECT_EQ(problem->what.find('\n'), std::string::npos) << name;
      EXPECT_THROW(parse_json(text, name), FileError) << name;
    } else {
      EXPECT_NO_THROW(parse_json(text, name)) << name;
    }
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST(Json, nesting_ends_at_64) {
  EXPECT_TRUE(accepts(nested(64)));
  EXPECT_FALSE(accepts(nested(65)));
  EXPECT_FALSE(accepts(std::string(1'000'000, '[')));
  EXPECT_TRUE(accepts("\"" + nested(65) + "\""));
  EXPECT_TRUE(accepts("[\"\\\"" + nested(65) + "\"]"));
  std::string wide = "[";
  for (int i = 0; i < 100; ++i) wide += "[],";
  EXPECT_TRUE(accepts(wide + "{}]"));
}

TEST(Json, what_is_not_json_is_refused) {
  for (const char* bad :
       {"", " ", "NaN", "[Infinity]", "[-inf]", "1 2", "{} x", "[1,]", "{\"a\":1,}", "'a'", "[01]",
        "[1.]", "[.5]", "[+1]", "// note\n1", "\"\\ud800\"", "\"\xff\"", "\"\t\"", "1e999"}) {
    EXPECT_FALSE(accepts(bad)) << bad;
  }
  EXPECT_FALSE(accepts(std::string_view("1\0", 2)));
  EXPECT_FALSE(accepts(std::string_view("1\0 x", 4)));
}

TEST(Json, the_last_of_a_repeated_name_counts) {
  EXPECT_EQ(parse_json("{\"a\":1,\"a\":2}", "x.json")["a"], 2);
}

std::string message(std::string_view text) {
  try {
    parse_json(text, "run.json");
  } catch (const FileError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Json, a_problem_names_file_line_and_column) {
  EXPECT_EQ(message("{\n  \"\u00e9\": nul\n}"),
            "run.json: line 2, column 11: syntax error while parsing value - invalid literal; last "
            "read: '\"\u00e9\": nul<U+000A>'");
  EXPECT_EQ(message("[1, 2"),
            "run.json: line 1, column 6: syntax error while parsing array - unexpected end of "
            "input; expected ']'");
  EXPECT_EQ(message("[\"\xff\"]"), "run.json: line 1, column 3: a byte that is not valid UTF-8");
  EXPECT_EQ(message("[\n" + nested(64) + "]"),
            "run.json: line 2, column 64: nested deeper than 64");
  EXPECT_EQ(message(std::string_view("1\0", 2)), "run.json: line 1, column 2: a zero byte");
  EXPECT_EQ(message("[1e999]"), "run.json: line 1, column 6: number overflow parsing '1e999'");
}

TEST(Json, a_reason_stays_short) {
  const auto problem = check_json("[\"" + std::string(100'000, 'a'));
  ASSERT_TRUE(problem);
  EXPECT_LT(problem->what.size(), 200u);
}

}  // namespace
}  // namespace gradus
