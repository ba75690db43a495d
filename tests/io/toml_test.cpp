#include "io/scratch.h"

#include <gradus/io/toml.h>

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

TomlEntries read(std::string_view text) {
  return read_toml(text, "x.toml");
}
std::string problem(std::string_view text) {
  return error_of([&] { read(text); });
}

TEST(Toml, entries_come_flat_and_in_the_order_of_the_file) {
  const TomlEntries e = read(
      "seed = 7\n[model]\nlr = 1e-3\nlayers = [64, 128.5]\nname = \"m\xC3\xA9\"\n"
      "words = ['a', 'b']\n[a.\"b.c\"]\nbias = true\n");
  ASSERT_EQ(e.size(), 6U);
  EXPECT_EQ(e[0].key, "seed");
  EXPECT_EQ(std::get<std::int64_t>(e[0].value), 7);
  EXPECT_EQ(e[0].line, 1U);
  EXPECT_EQ(e[0].column, 8U);
  EXPECT_EQ(e[1].key, "model.lr");
  EXPECT_EQ(std::get<double>(e[1].value), 1e-3);
  EXPECT_EQ(std::get<std::vector<double>>(e[2].value), (std::vector<double>{64, 128.5}));
  EXPECT_EQ(std::get<std::string>(e[3].value), "m\xC3\xA9");
  EXPECT_EQ(std::get<std::vector<std::string>>(e[4].value), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(e[5].key, "a.\"b.c\".bias");
  EXPECT_TRUE(std::get<bool>(e[5].value));
  EXPECT_EQ(e[5].line, 8U);
}

TEST(Toml, is_written_tidily_and_reads_back) {
  const Scratch scratch;
  const TomlEntries entries = {{"model.layers", std::vector<double>{64, 0.5}},
                               {"seed", std::int64_t{7}},
                               {"lr", 1.0},
                               {"big", 1e300},
                               {"model.\"a.b\"", std::vector<std::string>{"x", "\"\n\x7F"}},
                               {"name", std::string("tab\t\xE2\x82\xAC")},
                               {"none", std::vector<double>{}},
                               {"limit", HUGE_VAL},
                               {"on", true}};
  write_toml(scratch.path("x.toml"), entries);
  EXPECT_EQ(scratch.read("x.toml"),
            "seed = 7\nlr = 1.0\nbig = 1e+300\nname = \"tab\\t\xE2\x82\xAC\"\nnone = []\n"
            "limit = inf\non = true\n\n[model]\nlayers = [64.0, 0.5]\n"
            "\"a.b\" = [\"x\", \"\\\"\\n\\u007F\"]\n");
  const TomlEntries back = read_toml(scratch.path("x.toml"));
  ASSERT_EQ(back.size(), entries.size());
  for (const TomlEntry& entry : entries) {
    const auto same = [&](const TomlEntry& b) {
      return b.key == entry.key && b.value == entry.value;
    };
    EXPECT_TRUE(std::any_of(back.begin(), back.end(), same)) << entry.key;
  }
}

TEST(Toml, errors_name_line_and_column) {
  EXPECT_EQ(problem("a = 1\nb = \n").rfind("file: x.toml:2:5: ", 0), 0U)
      << problem("a = 1\nb = \n");
  EXPECT_EQ(problem("a = 1\na = 2\n"),
            "file: x.toml:2:5: Error while parsing key-value pair: cannot redefine existing "
            "integer 'a'.");
  EXPECT_EQ(problem("a = \"x\n").rfind("file: x.toml:1:", 0), 0U) << problem("a = \"x\n");
  EXPECT_EQ(problem("a = 1979-05-27\n"),
            "unsupported: x.toml:1:5: 'a' is a date or time. A value is true, false, a number, a "
            "string, or a list of numbers or strings.");
  EXPECT_EQ(problem("a = [1, 'x']\n"),
            "unsupported: x.toml:1:9: 'a' is a list of other than numbers or strings. A value is "
            "true, false, a number, a string, or a list of numbers or strings.");
  EXPECT_EQ(problem("[[a]]\nx = 1\n").rfind("unsupported: x.toml:1:", 0), 0U);
}

TEST(Toml, deep_nesting_and_long_files_are_refused) {
  EXPECT_EQ(problem("a = " + std::string(100'000, '[')),
            "file: x.toml:1:69: nested deeper than 64.");
  EXPECT_EQ(problem("a = " + std::string(64, '[') + std::string(64, ']')).rfind("unsupported: ", 0),
            0U);
  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  EXPECT_EQ(problem(dotted + " = 1\n"), "file: x.toml:1:130: nested deeper than 64.");
  EXPECT_EQ(problem("a = \"" + std::string(100, '[') + "\" # " + std::string(100, '[')),
            "no error");
  EXPECT_EQ(problem("a = \"\"\"" + std::string(100, '[') + "\n\"\"\"\"\"\nb = 'x'\n"), "no error");
  EXPECT_EQ(problem(std::string((1 << 20) + 1, '\n')),
            "unsupported: x.toml: is 1048577 bytes long. A TOML file has at most 1 MiB here.");
}

TEST(Toml, characters_beyond_ascii_stand_in_quotes_only) {
  EXPECT_EQ(problem("lr = \xCF\x9A\n").rfind("file: x.toml:1:6: ", 0), 0U);
  EXPECT_EQ(problem("\xCF\x9A = 1\n").rfind("file: x.toml:1:1: ", 0), 0U);
  EXPECT_EQ(problem("[\x07]\n").rfind("file: x.toml:1:2: ", 0), 0U);
  EXPECT_EQ(problem("# \xCF\x9A\n\"\xCF\x9A\" = '''\xCF\x9A'''\n"), "no error");
  EXPECT_EQ(problem("a = \"\"\"x\\\n  \xCF\x9A\"\"\"\n"), "no error");
}

}  // namespace
}  // namespace gradus
