#include <gradus/base/text.h>
#include <gradus/lessons/math.h>
#include <gtest/gtest.h>

namespace gradus::lessons {
namespace {

// With plain blanks.
std::string line(std::string_view latex) {
  std::string s = math_line(parse_math(latex));
  for (size_t at = s.find("\u00A0"); at != std::string::npos; at = s.find("\u00A0"))
    s.replace(at, 2, " ");
  return s;
}

std::string stacked(std::string_view latex) {
  std::string out;
  for (std::string row : math_lines(parse_math(latex)).rows) {
    for (size_t at = row.find("\u00A0"); at != std::string::npos; at = row.find("\u00A0"))
      row.replace(at, 2, " ");
    out += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

TEST(Math, in_a_line_is_unicode) {
  EXPECT_EQ(line("x^2 + y_{i+1}"), "x² + yᵢ₊₁");
  EXPECT_EQ(line("\\frac{\\partial L}{\\partial w}"), "∂L/∂w");
  EXPECT_EQ(line("\\frac{a + b}{2 c}"), "(a + b)/(2c)");
  EXPECT_EQ(line("\\frac{1}{2}x"), "1/2x");
  EXPECT_EQ(line("e^{-x^2}"), "e^(-x²)");
  EXPECT_EQ(line("e^{-x}"), "e⁻ˣ");
  EXPECT_EQ(line("W^T x"), "Wᵀx");
  EXPECT_EQ(line("\\hat y = \\sigma(w \\cdot x)"), "y\u0302 = σ(w·x)");
  EXPECT_EQ(line("\\sum_{i=1}^n x_i"), "Σᵢ₌₁ⁿ xᵢ");
  EXPECT_EQ(line("\\lim_{h \\to 0} f"), "lim_(h→0) f");
  EXPECT_EQ(line("|a - b| \\le |a| + |b|"), "|a - b| ≤ |a| + |b|");
  EXPECT_EQ(line("P(A | B)"), "P(A | B)");
  EXPECT_EQ(line("-x \\cdot -1"), "-x·-1");
  EXPECT_EQ(line("\\sqrt{2} \\sqrt{x + 1}"), "√2√(x + 1)");
  EXPECT_EQ(line("\\text{rate} \\in \\mathbb{R}^{n}"), "rate ∈ ℝⁿ");
  EXPECT_EQ(line("f'(x)"), "f′(x)");
  EXPECT_EQ(line("f''(x)"), "f″(x)");
  EXPECT_EQ(line("\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}"), "[1 2; 3 4]");
  EXPECT_EQ(line("\\left( \\frac{a}{b} \\right)^2"), "(a/b)²");
  EXPECT_EQ(line("x_{\\text{new}}"), "x_(new)");
}

TEST(Math, reads_pasted_unicode_too) {
  EXPECT_EQ(mathml(parse_math("x² ≤ θᵢ"), false), mathml(parse_math("x^2 \\le \\theta_i"), false));
  EXPECT_EQ(line("𝔼[x²]"), "𝔼[x²]");
}

TEST(Math, of_a_long_chain_of_commands_takes_no_stack) {
  for (const char* command : {"\\hat", "\\frac", "\\sqrt", "\\mathbf", "x^"}) {
    std::string chain;
    for (int i = 0; i < 30'000; ++i) chain += command;
    EXPECT_FALSE(math_line(parse_math(chain)).empty() && chain.empty());
  }
}

TEST(Math, on_lines_of_its_own_is_stacked) {
  EXPECT_EQ(stacked("\\frac{a + b}{c} = 1"),
            "a + b\n"
            "───── = 1\n"
            "  c\n");
  EXPECT_EQ(stacked("\\begin{bmatrix} 1 & -2 \\\\ 30 & 4 \\end{bmatrix} x"),
            "⎡ 1   -2 ⎤x\n"
            "⎣ 30  4  ⎦\n");
  EXPECT_EQ(stacked("\\sum_{i=1}^{n} x_i"),
            " n\n"
            " Σ  xᵢ\n"
            "i=1\n");
  EXPECT_EQ(stacked("|x| = \\begin{cases} x & x \\ge 0 \\\\ -x & x < 0 \\end{cases}"),
            "|x| = ⎰ x    x ≥ 0\n"
            "      ⎱ -x   x < 0\n");
}

TEST(Math, as_MathML_names_its_parts) {
  EXPECT_EQ(mathml(parse_math("x^2"), false), "<math><msup><mi>x</mi><mn>2</mn></msup></math>");
  EXPECT_EQ(mathml(parse_math("\\frac{1}{n}"), true),
            "<math display=\"block\"><mfrac><mn>1</mn><mi>n</mi></mfrac></math>");
  EXPECT_EQ(mathml(parse_math("a < b"), false),
            "<math><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></math>");
}

TEST(Math, says_which_commands_it_does_not_know) {
  std::vector<std::string> unknown;
  parse_math("\\foo{x} + \\begin{picture}\\end{picture}", &unknown);
  EXPECT_EQ(text::join(unknown, ", "), "\\foo, \\begin{picture}");
}

TEST(Math, lists_the_symbols_that_need_words) {
  EXPECT_EQ(text::join(symbols_of(parse_math("\\hat y_i = \\sum_j W_{ij} x_j + \\sin 2")), " "),
            "y i Σ j W x");
}

TEST(Math, of_any_bytes_ends) {
  const std::string parts[] = {
      "{",    "}",        "\\",      "^",       "_", "\\frac", "\\begin{bmatrix}", "\\end{bmatrix}",
      "&",    "\\\\",     "\\left(", "\\right", "'", "[",      "\\sqrt[",          "x",
      "\xC3", "\xF3\xB0", "|",       "\\text{", "$"};
  unsigned state = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string s;
    for (int i = 0; i < 24; ++i) {
      state = state * 1664525u + 1013904223u;
      s += parts[(state >> 16) % std::size(parts)];
    }
    const Math m = parse_math(s);
    math_line(m);
    math_lines(m);
    mathml(m, true);
    symbols_of(m);
  }
  std::string deep(20000, '{');
  math_line(parse_math(deep));
  std::string bars;
  for (int i = 0; i < 5000; ++i) bars += "\\frac{";
  math_line(parse_math(bars));
  for (int i = 0; i < 5000; ++i) bars += "\\hat";
  math_line(parse_math(bars));
}

}  // namespace
}  // namespace gradus::lessons
