#include "io/scratch.h"

#include <gradus/io/csv.h>

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

CsvTable read(std::string_view text, const CsvOptions& options = {}) {
  return read_csv(as_bytes(text), "x.csv", options);
}
std::string problem(std::string_view text, const CsvOptions& options = {}) {
  return error_of([&] { read(text, options); });
}
using Numbers = std::vector<double>;
using Texts = std::vector<std::string>;

TEST(Csv, columns_are_numbers_or_text) {
  const CsvTable t = read("age,name,pay\n30,Ann,1.5\n41,Bob,-2e3\n");
  EXPECT_EQ(t.names(), (Texts{"age", "name", "pay"}));
  EXPECT_EQ(t.rows, 2);
  EXPECT_TRUE(t.has_header);
  EXPECT_EQ(t.columns[0].numbers, (Numbers{30, 41}));
  EXPECT_TRUE(t.columns[1].is_text);
  EXPECT_EQ(t.columns[1].texts, (Texts{"Ann", "Bob"}));
  EXPECT_EQ(t.columns[1].first_text_line, 2U);
  EXPECT_EQ(t.columns[2].numbers, (Numbers{1.5, -2000}));
}

TEST(Csv, quotes_hold_delimiters_newlines_and_doubled_quotes) {
  const CsvTable t = read("a,b\n\"x, y\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",\"\" \n");
  EXPECT_EQ(t.columns[0].texts, (Texts{"x, y", "two\nlines"}));
  EXPECT_EQ(t.columns[1].texts, (Texts{"say \"hi\"", ""}));
  EXPECT_EQ(t.columns[1].missing, 1);
  EXPECT_EQ(t.columns[1].first_missing_line, 3U);
}

TEST(Csv, byte_order_mark_crlf_cr_and_blank_lines_do_not_matter) {
  for (const std::string_view text : {"\xEF\xBB\xBF"
                                      "a,b\r\n\r\n1,2\r\n3,4\r\n  \r\n",
                                      "a,b\r1,2\r\r3,4", "\n\na,b\n1,2\n3,4\n\n"}) {
    const CsvTable t = read(text);
    EXPECT_EQ(t.names(), (Texts{"a", "b"}));
    EXPECT_EQ(t.columns[1].numbers, (Numbers{2, 4}));
  }
}

TEST(Csv, delimiter_is_found_among_comma_semicolon_and_tab) {
  EXPECT_EQ(read("a;b\n1,5;2\n").delimiter, ';');
  EXPECT_EQ(read("a\tb\n1,5\t2\n").delimiter, '\t');
  EXPECT_EQ(read("a,b\n\"x;y;z\",2\n").delimiter, ',');
  EXPECT_EQ(read("a\n1\n").columns.size(), 1U);
  EXPECT_EQ(read("1|2\n", {.delimiter = '|'}).columns[1].numbers, (Numbers{2}));
}

TEST(Csv, header_is_text_whose_numbers_only_count) {
  EXPECT_FALSE(read("1,2,x\n3,4,y\n").has_header);
  EXPECT_FALSE(read("0,1,2\n3,4,5\n").has_header);
  EXPECT_TRUE(read("0,1,2,label\n3,4,5,6\n").has_header);
  EXPECT_TRUE(read(",0,1,2,label\n3,4,5,6,7\n").has_header);
  EXPECT_TRUE(read("a,b\nc,d\n").has_header);
  EXPECT_EQ(read("1,2\n3,4\n").names(), (Texts{"column 0", "column 1"}));
  EXPECT_EQ(read("1,2\n3,4\n", {.header = CsvOptions::Header::yes}).names(), (Texts{"1", "2"}));
  EXPECT_EQ(read("a,b\n3,4\n", {.header = CsvOptions::Header::no}).columns[0].texts,
            (Texts{"a", "3"}));
}

TEST(Csv, missing_values_are_nan_counted_and_named) {
  const CsvTable t = read("a,b,c\n1,NA,x\n?,nan,\n3,4,null\n NaN ,5,w\n");
  EXPECT_EQ(t.columns[0].missing, 2);
  EXPECT_TRUE(std::isnan(t.columns[0].numbers[1]));
  EXPECT_EQ(t.columns[2].texts, (Texts{"x", "", "", "w"}));
  EXPECT_EQ(missing_values(t),
            "6 values are missing: 2 in 'a' (first in line 3), 2 in 'b' (first in line 2), "
            "2 in 'c' (first in line 3)");
  EXPECT_EQ(missing_values(read("a\n1\n")), "");
  EXPECT_EQ(missing_values(read("a,b\n1,\n2,3\n")), "1 value is missing: 1 in 'b' (line 2)");
}

TEST(Csv, numbers_of_any_spelling_are_read) {
  const CsvTable t = read("x\n+1\n.5\n1e400\n-inf\n 7 \n\"8\"\n1.\n");
  EXPECT_EQ(t.columns[0].numbers, (Numbers{1, 0.5, HUGE_VAL, -HUGE_VAL, 7, 8, 1}));
  EXPECT_TRUE(read("x\n1,5\n", {.delimiter = ';'}).columns[0].is_text);
  EXPECT_TRUE(read("x\n0x10\n").columns[0].is_text);
  EXPECT_TRUE(read("x\n1 2\n").columns[0].is_text);
}

TEST(Csv, broken_rows_are_named_with_line_and_column) {
  EXPECT_EQ(problem("a,b\n1,2\n3\n"),
            "file: x.csv:3:2: the row ends after 1 cell: 2 cells are expected, as in line 1.");
  EXPECT_EQ(problem("a,b\n1,2,3\n"),
            "file: x.csv:2:5: one cell too many: 2 cells are expected, as in line 1.");
  EXPECT_EQ(problem("a,b\n\"x\ny\",\xC3\xA9,3\n"),
            "file: x.csv:3:6: one cell too many: 2 cells are expected, as in line 1.");
  EXPECT_EQ(problem("a,b\n1,\"x\n"), "file: x.csv:2:3: the quote that opens here is never closed.");
  EXPECT_EQ(problem("a,b\n\"x\"y,1\n"),
            "file: x.csv:2:4: text after a closing quote. Quote the whole cell and double the "
            "quotes in it.");
  EXPECT_EQ(problem(raw("a,b\n1,\0\n")), "file: x.csv:2:3: a zero byte. A CSV file is text.");
  EXPECT_EQ(problem(raw("a,b\n1,\"\0\"\n")), "file: x.csv:2:4: a zero byte. A CSV file is text.");
  EXPECT_EQ(problem("a,b\n1,\xFF\n"),
            "file: x.csv:2:3: a byte that is not valid UTF-8. Save the file as UTF-8.");
  EXPECT_EQ(problem("\xFF\xFE"
                    "a"),
            "file: x.csv: is UTF-16. Save it as UTF-8.");
  EXPECT_EQ(problem(""), "file: x.csv: is empty: it has no rows.");
  EXPECT_EQ(problem("a,b\n"), "file: x.csv: has a header, but no rows.");
}

TEST(Csv, limits_keep_memory_small) {
  EXPECT_EQ(problem(std::string(200'000, ',')), "file: x.csv:1:131073: more than 131072 columns.");
  EXPECT_EQ(problem("a\n" + std::string(2 << 20, 'x')),
            "file: x.csv:2:1: a cell longer than 1 MiB.");
  EXPECT_EQ(problem("a\n\"" + std::string(2 << 20, 'x')),
            "file: x.csv:2:1: the quote that opens here is not closed within 1 MiB.");
  std::string text = "a\n";
  for (int i = 0; i < 5'000'000; ++i) text += "x\n";
  EXPECT_EQ(problem(text),
            "unsupported: x.csv: its cells would need 153 MiB of memory, more than 128 MiB and "
            "than 4 times the file.");
}

TEST(Csv, delimiter_is_no_quote_or_line_end) {
  EXPECT_EQ(problem("a\n1\n", {.delimiter = '"'}),
            "usage: csv: a delimiter cannot be a quote or a line end. Give one character, such as "
            ", or ;.");
}

TEST(Csv, long_files_are_read_in_parts) {
  const Scratch scratch;
  std::string text = "a,b\n";
  std::vector<double> expected;
  for (int i = 0; i < 3'000'000; ++i) {
    text += std::to_string(i % 1000) + ",12345678\n";
    expected.push_back(i % 1000);
  }
  ASSERT_GT(text.size(), std::size_t{32} << 20);
  EXPECT_EQ(read_csv(scratch.write("x.csv", text)).columns[0].numbers, expected);
}

TEST(SelectColumn, takes_names_before_indices_and_suggests_the_nearest) {
  const Texts names = {"age", "label", "0"};
  EXPECT_EQ(select_column(names, "label"), 1U);
  EXPECT_EQ(select_column(names, "0"), 2U);
  EXPECT_EQ(select_column(names, "1"), 1U);
  EXPECT_EQ(select_column(names, "-1"), 2U);
  EXPECT_EQ(select_column(names, "-3"), 0U);
  EXPECT_EQ(error_of([&] { select_column(names, "labl"); }),
            "usage: column 'labl' does not exist. Did you mean 'label'?");
  EXPECT_EQ(error_of([&] { select_column(names, "colour"); }),
            "usage: column 'colour' does not exist. The columns are 'age', 'label', '0'.");
  EXPECT_EQ(error_of([&] { select_column(names, "3"); }),
            "usage: column 3 does not exist. There are 3: 0 to 2, or -1 back to -3.");
  EXPECT_EQ(error_of([] {
              select_column(Texts{"a", "a"}, "a");
            }),
            "usage: column 'a' exists twice. Give its index instead, from 0.");
}

TEST(SummariseCsv, tells_numbers_text_and_what_could_be_a_label) {
  const CsvSummary s =
      summarise_csv(as_bytes("x,y,c\n1.5,1,a\n2.5,0,b\n-inf,1,a\n,0,a\n"), "x.csv");
  ASSERT_EQ(s.columns.size(), 3U);
  EXPECT_EQ(s.columns[0].mean, 2);
  EXPECT_EQ(s.columns[0].min, 1.5);
  EXPECT_EQ(s.columns[0].max, 2.5);
  EXPECT_EQ(s.columns[0].non_finite, 1);
  EXPECT_EQ(s.columns[0].missing, 1);
  EXPECT_FALSE(s.columns[0].label_like);
  EXPECT_TRUE(s.columns[1].label_like);
  EXPECT_EQ(s.columns[2].levels, (Texts{"a", "b"}));
}

TEST(WriteCsv, comes_back_the_same) {
  const Scratch scratch;
  CsvTable t = read("a,\"b,\"\"c\",d\n0.1,x,1\n1e300,\" y\",\n-0,\"two\nlines\",3\n");
  write_csv(scratch.path("x.csv"), t);
  EXPECT_EQ(scratch.read("x.csv"),
            "a,\"b,\"\"c\",d\n0.1,x,1\n1e+300,\" y\",\n-0,\"two\nlines\",3\n");
  const CsvTable back = read_csv(scratch.path("x.csv"));
  EXPECT_EQ(back.names(), t.names());
  EXPECT_EQ(back.columns[0].numbers, t.columns[0].numbers);
  EXPECT_EQ(back.columns[1].texts, t.columns[1].texts);
  EXPECT_EQ(back.columns[2].missing, 1);
}

}  // namespace
}  // namespace gradus
