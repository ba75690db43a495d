// Printing and reading numbers, widths, suggestions and JSON strings.
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace gradus::text {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string with_printf(const char* form, int digits, double x) {
  std::array<char, 1000> out{};
  std::snprintf(out.data(), out.size(), form, digits, x);
  return out.data();
}

// Any bit pattern but the NaNs: every exponent, both signs, subnormals and infinities.
std::vector<double> any_doubles(std::size_t count) {
  std::vector<std::int64_t> high(count);
  std::vector<std::int64_t> low(count);
  fill_integers(key_from_seed(1), 0, std::int64_t{1} << 32, high);
  fill_integers(key_from_seed(2), 0, std::int64_t{1} << 32, low);
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = std::bit_cast<double>(high[i] << 32 | low[i]);
    if (!std::isnan(x)) out.push_back(x);
  }
  return out;
}

TEST(Text, a_number_prints_shortest) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(1), "1");
  EXPECT_EQ(number(-0.0), "-0");
  EXPECT_EQ(number(1e20), "1e+20");
  EXPECT_EQ(number(100), "100");
  EXPECT_EQ(number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(number(5e-324), "5e-324");
  EXPECT_EQ(number(inf), "inf");
  EXPECT_EQ(number(-inf), "-inf");
  EXPECT_EQ(number(-nan), "nan");
  EXPECT_EQ(number_f32(0.1f), "0.1");
  EXPECT_EQ(number_f32(16777216), "16777216");
}

TEST(Text, what_is_printed_reads_back_bit_for_bit) {
  for (const double x : any_doubles(100'000)) {
    for (const std::string& printed : {number(x), number17(x)}) {
      const auto back = parse_double(printed);
      ASSERT_TRUE(back) << printed;
      ASSERT_EQ(std::bit_cast<std::uint64_t>(*back), std::bit_cast<std::uint64_t>(x)) << printed;
    }
  }
}

TEST(Text, digits_are_those_of_printf) {
  for (const double x : {0.0, -0.0, 1.0, 2.5, 0.1, 1234.5678, 1e-7, -1e15, 1e22, 1e300, 5e-324}) {
    for (const int digits : {1, 3, 17, 40}) {
      EXPECT_EQ(fixed(x, digits), with_printf("%.*f", digits, x));
      EXPECT_EQ(significant(x, digits), with_printf("%.*g", digits, x));
    }
    EXPECT_EQ(fixed(x, 0), with_printf("%.*f", 0, x));
  }
  EXPECT_EQ(number17(0.1), "0.10000000000000001");
  EXPECT_EQ(fixed(-inf, 2), "-inf");
  EXPECT_EQ(significant(nan, 4), "nan");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 2).size(), 312u);
}

TEST(Text, groups_have_three_digits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(-999), "-999");
  EXPECT_EQ(grouped(1251), "1 251");
  EXPECT_EQ(grouped(-1234567), "-1 234 567");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9 223 372 036 854 775 808");
}

TEST(Text, join_puts_separators_between) {
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(join(std::vector<std::string>{"a", "", "c"}, ", "), "a, , c");
  EXPECT_EQ(join(std::array<std::string_view, 1>{"a"}, ", "), "a");
}

TEST(Text, padding_counts_columns_not_bytes) {
  EXPECT_EQ(width("\u00e9\u03b1"), 2u);
  EXPECT_EQ(width("e\u0301"), 1u);
  EXPECT_EQ(width("\u6570\u5b66"), 4u);
  EXPECT_EQ(width("\U0001F600"), 2u);
  EXPECT_EQ(width("\u27e8v\u27e9"), 3u);
  EXPECT_EQ(width("\xff"), 1u);
  EXPECT_EQ(pad_left("\u03b1", 3), "  \u03b1");
  EXPECT_EQ(pad_right("\u6570", 3), "\u6570 ");
  EXPECT_EQ(pad_right("long", 3), "long");
}

TEST(Text, numbers_are_read_whole_or_not_at_all) {
  EXPECT_EQ(parse_double("1.5"), 1.5);
  EXPECT_EQ(parse_double("+.5"), 0.5);
  EXPECT_EQ(parse_double("5."), 5);
  EXPECT_EQ(parse_double("-1e-3"), -1e-3);
  EXPECT_EQ(parse_double("1E+2"), 100);
  EXPECT_EQ(parse_double("inf"), inf);
  EXPECT_EQ(parse_double("-Infinity"), -inf);
  EXPECT_TRUE(std::isnan(parse_double("NaN").value()));
  EXPECT_EQ(parse_double("1e400"), inf);
  EXPECT_EQ(parse_double("1e-400"), 0);
  EXPECT_EQ(parse_double("0e999999999999999999999"), 0);
  EXPECT_EQ(parse_double("1e-999999999999999999999"), 0);
  EXPECT_TRUE(std::signbit(parse_double("-0").value()));
  for (const char* bad : {"", " 1", "1 ", "1x", ".", "+", "-", "e5", "1e", "1e+", "--1", "+-1",
                          "1,5", "0x10", "infin", "nan(1)", "1.2.3", "1e5.0"}) {
    EXPECT_FALSE(parse_double(bad)) << bad;
  }
  EXPECT_FALSE(parse_double(std::string_view("1\0", 2)));
}

TEST(Text, reading_rounds_correctly) {
  // Halfway between 1 and its neighbour, then a whisker above it.
  const std::string half = "1.00000000000000011102230246251565404236316680908203125";
  EXPECT_EQ(parse_double(half), 1.0);
  EXPECT_EQ(parse_double(half + std::string(1000, '0') + "1"), 1 + 0x1p-52);
  EXPECT_EQ(parse_double("2.2250738585072011e-308"), 0x0.fffffffffffffp-1022);
  EXPECT_EQ(parse_double("1" + std::string(400, '0') + "e-400"), 1.0);
  EXPECT_EQ(parse_double("0." + std::string(400, '0') + "1e401"), 1.0);
  for (const double x : any_doubles(20'000)) {
    for (const int digits : {3, 8, 15, 16, 30}) {
      const std::string printed = significant(x, digits);
      ASSERT_EQ(parse_double(printed), std::strtod(printed.c_str(), nullptr)) << printed;
    }
  }
}

TEST(Text, a_locale_with_a_decimal_comma_changes_nothing) {
  const char* set = nullptr;
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8"}) {
    if (set == nullptr) set = std::setlocale(LC_ALL, name);
  }
  if (set == nullptr) GTEST_SKIP() << "no locale with a decimal comma is installed";
  EXPECT_EQ(number(0.5), "0.5");
  EXPECT_EQ(fixed(0.5, 2), "0.50");
  EXPECT_EQ(parse_double("0.1234567890123456789"), 0.1234567890123456789);
  std::setlocale(LC_ALL, "C");
}

TEST(Text, integers_are_read_whole_or_not_at_all) {
  EXPECT_EQ(parse_int64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_int64("+7"), 7);
  EXPECT_EQ(parse_int64("007"), 7);
  for (const char* bad : {"", "+", "-", "+-7", "7.0", " 7", "7 ", "9223372036854775808", "0x7"}) {
    EXPECT_FALSE(parse_int64(bad)) << bad;
  }
}

TEST(Text, nearest_finds_the_word_that_was_meant) {
  const std::array<std::string_view, 6> words = {"tan", "tanh", "sigmoid", "softmax", "exp", "log"};
  EXPECT_EQ(nearest("tnh", words), "tanh");
  EXPECT_EQ(nearest("sigmod", words), "sigmoid");
  EXPECT_EQ(nearest("sofmaxx", words), "softmax");
  EXPECT_EQ(nearest("epx", words), "exp");
  EXPECT_EQ(nearest("log", words), "log");
  EXPECT_EQ(nearest("cosine", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
  EXPECT_EQ(nearest("exp", {}), std::nullopt);
}

TEST(Text, utf8_is_checked_as_unicode_defines_it) {
  EXPECT_TRUE(valid_utf8("plain, \u00e9, \u6570, \U0001F600, \U0010FFFF"));
  EXPECT_TRUE(valid_utf8(std::string_view("\0", 1)));
  EXPECT_EQ(first_invalid_utf8("ab\x80"), 2u);
  for (const char* bad :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_EQ(first_invalid_utf8(bad), 0u);
  }
}

TEST(Text, json_strings_are_always_valid) {
  EXPECT_EQ(quote_json("a\"b\\c/\u00e9"), "\"a\\\"b\\\\c/\u00e9\"");
  EXPECT_EQ(quote_json("\n\t\r\x01\x1f\x7f"), "\"\\n\\t\\r\\u0001\\u001f\x7f\"");
  EXPECT_EQ(quote_json("a\xff"), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(quote_json(std::string_view("\0", 1)), "\"\\u0000\"");
}

}  // namespace
}  // namespace gradus::text
