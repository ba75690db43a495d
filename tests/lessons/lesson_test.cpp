#include <gradus/lessons/decode.h>
#include <gradus/lessons/lint.h>
#include <gradus/lessons/markdown.h>
#include <gradus/lessons/site.h>
#include <gradus/lessons/terminal.h>
#include <gradus/lessons/words_private.h>
#include <gtest/gtest.h>

#include "sample.h"

namespace gradus::lessons {
namespace {

std::string replaced(std::string s, const std::string& from, const std::string& to) {
  const size_t at = s.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? s : s.replace(at, from.size(), to);
}

std::string said(const std::string& markdown) {
  const Guide guide = sample_guide(markdown);
  const Lesson& l = *guide.find("doubling");
  std::string out;
  for (const Finding& f : lint(guide, l, computed(l)))
    out += f.file + ":" + std::to_string(f.line) + ": " + f.rule + "\n";
  return out;
}

// Fewer words than a real page has: the one rule that the sample breaks.
const std::string too_short = "02-doubling/lesson.md:1: the page has 158 words, not 800 to 2500\n";

TEST(Lesson, is_read_with_head_sections_questions_and_exercises) {
  const Guide guide = sample_guide();
  ASSERT_EQ(guide.lessons.size(), 2u);
  EXPECT_EQ(guide.lessons[0].slug, "counting");  // 0.1 before 2
  const Lesson& l = *guide.find("2");
  EXPECT_EQ(l.slug, "doubling");
  EXPECT_EQ(l.title, "Doubling");
  EXPECT_EQ(l.minutes, 5);
  EXPECT_EQ(l.sections.size(), 10u);
  EXPECT_EQ(l.questions()[0].strong_answer, "Three and three,\nwhich is six.");
  EXPECT_EQ(l.questions()[1].key_phrases, (std::vector<std::string>{"sign", "zero"}));
  EXPECT_EQ(l.exercises()[0].hints, (std::vector<std::string>{"Add.", "Add it to itself."}));
  EXPECT_EQ(l.exercises()[0].task, "Return twice `x`.");
  EXPECT_EQ(guide.of_exercise("sign"), &l);
}

TEST(Lesson, quotes_its_code_without_markers_and_indentation) {
  EXPECT_EQ(code_region(sample_code(), "double"),
            "const auto doubled = [](const Tensor& v) { return v + v; };\n"
            "const double y = number(doubled(Tensor(x)));\n");
  EXPECT_EQ(code_region(sample_code(), "nothing"), "");
}

TEST(Lesson, gives_the_learner_a_file_with_holes) {
  const Guide guide = sample_guide();
  const Lesson& l = *guide.find("doubling");
  const std::string head =
      "// Write it (lesson 2, doubling)\n"
      "// The task: gradus exercise show twice\n"
      "// When done: gradus exercise check twice\n"
      "#include <cmath>\n#include <functional>\n#include <span>\n#include <string>\n#include "
      "<vector>\n"
      "#include <gradus/lessons/answer.h>\n\ndouble twice(double x) {\n";
  const std::string tail = "}\n\nGRADUS_ANSWER(twice)\n";
  EXPECT_EQ(exercise_stub(l, l.exercises()[0]),
            head + "  // Your code goes here.\n  return 0;\n" + tail);
  EXPECT_EQ(exercise_solution(l, l.exercises()[0]), head + "  return x + x;\n" + tail);
}

TEST(Lesson, prints_on_a_terminal) {
  const Guide guide = sample_guide();
  const Lesson& l = *guide.find("doubling");
  const std::string page = render_lesson(guide, l, computed(l), {.columns = 60}, {.all = false});
  EXPECT_NE(page.find("  Lesson 2 · Calculus · about 5 minutes\n\n  Doubling\n  ━━━━━━━━\n"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("  Twice 3 is 6, and 2·3 = 6.\n"), std::string::npos) << page;
  EXPECT_NE(
      page.find("    symbol │ meaning\n    ───────┼───────────────\n    x      │ what goes in\n"),
      std::string::npos)
      << page;
  EXPECT_NE(page.find("gradus learn doubling --all"), std::string::npos);
  EXPECT_EQ(page.find("nothing deeper"), std::string::npos);
  EXPECT_EQ(page.find("hint"), std::string::npos);
  EXPECT_NE(
      render_lesson(guide, l, computed(l), {.columns = 60}, {.all = true}).find("nothing deeper"),
      std::string::npos);
}

TEST(Lesson, wraps_words_at_the_width_and_not_inside_short_formulas) {
  const Page page;
  EXPECT_EQ(render_markdown("aaaa bbbb cccc dddd eeee ffff gggg hhhh $a = b$ and so on", page,
                            {.columns = 40}),
            "aaaa bbbb cccc dddd eeee ffff gggg hhhh\na = b and so on\n");
  EXPECT_EQ(render_markdown("- one\n- two\n  words\n\n1. first\n2. second", page, {.columns = 40}),
            "• one\n• two words\n\n1. first\n2. second\n");
}

TEST(Lesson, goes_on_below_where_a_line_of_code_is_too_long) {
  const Page page;
  EXPECT_EQ(render_markdown("```cpp\n  const double total = first(one) + second(two);\n```", page,
                            {.columns = 40}),
            "      const double total =\n          first(one) + second(two);\n");
}

TEST(Lesson, prints_tables_that_fit) {
  const Page page;
  EXPECT_EQ(render_markdown("| n | words |\n|---|---|\n| 1 | some words that are long enough to be "
                            "wrapped |\n| 20 | $x^2$ |",
                            page, {.columns = 40}),
            "   n │ words\n"
            "  ───┼────────────────────────────────\n"
            "   1 │ some words that are long enough\n"
            "     │ to be wrapped\n"
            "  20 │ x²\n");
}

TEST(Lesson, in_plain_form_is_ASCII) {
  const Page page;
  EXPECT_EQ(render_markdown("$\\theta^{12} \\le \\frac{\\partial L}{\\partial w}$ – “so”", page,
                            {.columns = 80, .ascii = true}),
            "theta^12 <= dL/dw - \"so\"\n");
}

TEST(Markdown, leaves_formulas_and_names_to_us) {
  Page page;
  page.bind("w", 2.5);
  page.bind("tiny", 1e-7);
  page.bind("A", Tensor{{1, 2}, {3, 4}});
  const Look look{.columns = 80};
  EXPECT_EQ(render_markdown("$a_1 * b_2 * c$ and {{w}}, {{unbound}}, $5 and $6", page, look),
            "a₁ * b₂ * c and 2.5, {{unbound}}, $5 and $6\n");
  EXPECT_EQ(render_markdown("$h = {{tiny}}$ `{{w}} $x$`", page, look), "h = 1·10⁻⁷ `2.5 $x$`\n");
  EXPECT_EQ(render_markdown("| a |\n|---|\n| $|x|$ |", page, look), "  a\n  ───\n  |x|\n");
  EXPECT_EQ(render_markdown("$$A = {{A}}$$", page, look), "    A = ⎡ 1  2 ⎤\n        ⎣ 3  4 ⎦\n");
  EXPECT_EQ(filled("{{w}} {{table:w}}", page), "2.5 {{table:w}}");
}

TEST(Markdown, of_any_bytes_is_shown) {
  const std::string parts[] = {"$",         "$$",
                               "{{",        "}}",
                               "{{w}}",     "{{table:x}}",
                               "|",         "\n",
                               "\n\n",      "# ",
                               "- ",        "1. ",
                               "> ",        "```",
                               "`",         "*",
                               "**",        "[a](",
                               ")",         "\\",
                               "---\n",     "| a | b |\n|---|---|\n",
                               "word ",     "\xF3\xB0\x80\x80",
                               "\xFF",      "## Code\n",
                               "### x: y\n"};
  const Guide guide = sample_guide();
  Page page;
  page.bind("w", 2.0);
  unsigned state = 11;
  for (int round = 0; round < 3000; ++round) {
    std::string s = round % 2 == 0 ? "---\ntitle: x\n---\n## Exercises\n" : "";
    for (int i = 0; i < 30; ++i) {
      state = state * 1664525u + 1013904223u;
      s += parts[(state >> 16) % std::size(parts)];
    }
    render_markdown(s, page, {.columns = 40});
    const Lesson lesson = parse_lesson({"1-x", s, "", nullptr});
    render_lesson(guide, lesson, page, {.columns = 60, .color = true}, {});
    lesson_html(guide, lesson, page);
    lint(guide, lesson, page);
    decode(guide, s);
  }
}

TEST(Lint, is_content_with_the_sample_but_for_its_length) {
  EXPECT_EQ(said(text_of("lesson.md")), too_short);
}

TEST(Lint, knows_operations_and_functions_of_expressions_by_name) {
  EXPECT_EQ(said(replaced(text_of("lesson.md"), "uses: add", "uses: add, normal.cdf")), too_short);
}

TEST(Lint, says_what_is_wrong_and_where) {
  const std::string good = text_of("lesson.md");
  const auto finds = [&](const std::string& markdown, const std::string& rule) {
    const std::string all = said(markdown);
    EXPECT_NE(all.find("02-doubling/" + rule + "\n"), std::string::npos) << rule << "\nin\n" << all;
  };
  finds(replaced(good, "title: Doubling\n", ""), "lesson.md:1: the head has no title");
  finds(replaced(good, "needs: counting", "needs: county"),
        "lesson.md:1: there is no lesson 'county'");
  finds(replaced(good, "uses: add", "uses: ad"), "lesson.md:1: uses: there is no operation 'ad'");
  finds(replaced(good, "## Key takeaway", "## Takeaway"),
        "lesson.md:56: no lesson has a heading 'Takeaway'");
  finds(replaced(good, "## Key takeaway", "## Takeaway"),
        "lesson.md:60: 'Key takeaway' is missing before this");
  finds(replaced(good, "| $y$ | what comes out |\n", ""),
        "lesson.md:26: the symbol y of The math has no row in the symbol table");
  finds(replaced(good, "In words: what comes out is two times what goes in.\n", ""),
        "lesson.md:26: the formula y = 2 x is not followed by words that say it");
  finds(replaced(good, "$$y = 2 x$$", "$$y = 2 \\mystery x$$"),
        "lesson.md:26: LaTeX that a page cannot show: \\mystery");
  finds(replaced(good, "Twice {{x}} is", "Twice 3 is"),
        "lesson.md:40: the number 3 is typed; bind it in lesson.cpp");
  finds(replaced(good, "$2 \\cdot {{x}} =", "$2 \\cdot 3.5 ="),
        "lesson.md:40: the number 3.5 is typed in a formula; bind it in lesson.cpp");
  finds(replaced(good, "Twice {{x}} is", "Twice {{z}} is"),
        "lesson.md:40: {{z}} is not bound by lesson.cpp");
  finds(replaced(good, "{{picture:line}}\n", ""),
        "lesson.cpp:1: 'line' is bound, and lesson.md does not use {{picture:line}}");
  finds(replaced(good, "### A list\n", ""),
        "lesson.md:37: the worked example has 1 cases (### headings), not 2 or more");
  finds(replaced(good, "- hint: Count on.\n", ""),
        "lesson.md:84: the exercise four has fewer than two hints");
  finds(replaced(good, "{{exercise:four}}\n", ""),
        "lesson.md:84: the exercise four has no {{exercise:four}}");
  finds(replaced(good, "### four: What", "### five: What"),
        "lesson.md:84: lesson.cpp has no exercise five");
  finds(replaced(good, "**Follow-up.** And twice that? Twelve.\n", ""),
        "lesson.md:61: the question 'What is twice three?' has no follow-up");
  finds(replaced(good, "Take a number.",
                 "Notwithstanding multiplicative characterisations, mathematicians conceptualise "
                 "reduplication "
                 "axiomatically, individually, comprehensively, and institutionally"),
        "lesson.md:22: reading ease -74.0 is below 45: shorter sentences, shorter words");
}

const std::string reference =
    "---\nkind: reference\ntitle: Sums\npart: A Lists\nminutes: 2\nsummary: All sums.\nsee: "
    "counting\nreferences: Nobody\n---\n\n## What it is for\n\nTo look up sums.\n\n## Entries\n\n"
    "### Two and one\n\nIt is {{three}}.\n\n```\ngradus calc \"2 + 1\"\n```\n\n## Key takeaway\n\n"
    "Add.\n";

Guide reference_guide(const std::string& markdown) {
  const LessonSource sources[] = {
      {"A-sums", markdown, "", [](Page& page) { page.bind("three", 3); }},
      {"0.1-counting", "", "", nullptr}};
  return make_guide({sources, "", ""});
}

TEST(Lint, asks_of_each_entry_of_a_reference_a_number_and_a_command) {
  const auto finds = [](const std::string& markdown) {
    const Guide guide = reference_guide(markdown);
    const Lesson& l = *guide.find("sums");
    std::string out;
    for (const Finding& f : lint(guide, l, computed(l)))
      out += f.file + ":" + std::to_string(f.line) + ": " + f.rule + "\n";
    return out;
  };
  EXPECT_EQ(finds(reference), "");
  EXPECT_EQ(finds(replaced(reference, "gradus calc", "calc")),
            "A-sums/lesson.md:17: the entry 'Two and one' has no command (a line of code, gradus "
            "...)\n");
  EXPECT_EQ(finds(replaced(reference, "### Two and one", "### One\n\nOne.\n\n### Two and one")),
            "A-sums/lesson.md:17: the entry 'One' has no number that is computed\n"
            "A-sums/lesson.md:17: the entry 'One' has no command (a line of code, gradus ...)\n");
  EXPECT_EQ(finds(replaced(reference, "It is {{three}}", "It is {{three}}, not 4")),
            "A-sums/lesson.md:19: the number 4 is typed; bind it in lesson.cpp\n");
  EXPECT_EQ(finds(replaced(reference, "## Key takeaway", "## Exercises")),
            "A-sums/lesson.md:25: no reference has a heading 'Exercises'\n"
            "A-sums/lesson.md:1: 'Key takeaway' is missing\n");
  EXPECT_EQ(finds(replaced(reference, "### Two and one", "Two and one")),
            "A-sums/lesson.md:16: there is no entry (### heading)\n");
  EXPECT_EQ(finds(replaced(reference, "kind: reference", "kind: list")).substr(0, 71),
            "A-sums/lesson.md:1: the head's kind is lesson or reference, not 'list'\n");
}

TEST(Lesson, of_kind_reference_stands_last_and_hides_nothing) {
  const Guide guide = reference_guide(reference);
  ASSERT_EQ(guide.lessons.size(), 2u);
  const Lesson& l = guide.lessons[1];
  EXPECT_EQ(l.slug, "sums");
  const std::string page = render_lesson(guide, l, computed(l), {.columns = 60}, {.all = false});
  EXPECT_NE(page.find("  Reference A · Lists · about 2 minutes\n\n  Sums\n  ━━━━\n"),
            std::string::npos)
      << page;
  EXPECT_EQ(page.find("A first reading"), std::string::npos);
  EXPECT_NE(lesson_html(guide, l, computed(l)).find("Reference A · Lists"), std::string::npos);
}

TEST(Lint, finds_circles_and_dead_ends) {
  const std::string circle = replaced(text_of("lesson.md"), "needs: counting", "needs: doubling");
  const Guide guide = sample_guide(circle, "x | x | a number\n| y\nz | z | a number | nowhere\n",
                                   "Double | twice, doubling#2\nTriple | thrice, doubling#3\n");
  std::string out;
  for (const Finding& f : lint(guide))
    out += f.file + ":" + std::to_string(f.line) + ": " + f.rule + "\n";
  EXPECT_EQ(out,
            "02-doubling/lesson.md:1: needs doubling, which needs this lesson\n"
            "glossary.txt:2: an entry is symbol | said | meaning | lesson\n"
            "glossary.txt:3: there is no lesson 'nowhere'\n"
            "goals.txt:2: there is no exercise 'thrice'\n"
            "goals.txt:2: there is no question 'doubling#3'\n");
}

TEST(Guide, knows_the_way_to_a_lesson) {
  EXPECT_EQ(route(sample_guide(), "doubling"), (std::vector<std::string>{"counting", "doubling"}));
}

TEST(Guide, is_searched_word_by_word) {
  const Guide guide = sample_guide();
  ASSERT_EQ(search(guide, "mirror STANDS").size(), 1u);
  EXPECT_EQ(search(guide, "mirror STANDS")[0].line,
            "A mirror: what stands before it stands there again.");
  EXPECT_EQ(search(guide, "mirror window").size(), 0u);
}

TEST(Guide, decodes_a_formula_symbol_by_symbol) {
  const Guide guide = sample_guide(
      text_of("lesson.md"),
      "x | x | the input | doubling\n\\hat{y} | y hat | a guess | doubling\n"
      "\\sum | sum | add up | counting\n\\partial | del | only one moves | doubling\n"
      "A^T | transposed | rows become columns | doubling\nf(x) | f of x | its value | doubling\n"
      "\\|x\\| | size of x | x without its sign | doubling\n");
  const auto said_of = [&](std::string_view formula) {
    std::string out;
    for (const Decoded& d : decode(guide, formula))
      out += d.symbol + "=" + (d.entry ? d.entry->said : "?") + " ";
    return out;
  };
  EXPECT_EQ(said_of("\\hat{y} = \\sum_i W^T x + f(x)"),
            "y\u0302=y hat Σ=sum i=? Wᵀ=transposed W=? x=x f(x)=f of x ");
  EXPECT_EQ(said_of("∂q/∂x"), "∂=del q=? x=x ");
  EXPECT_EQ(said_of("|q|²"), "|x|=size of x q=? ");
  EXPECT_EQ(said_of("17"), "");
}

TEST(Site, has_a_page_that_needs_no_script) {
  const Guide guide = sample_guide();
  const Lesson& l = *guide.find("doubling");
  const std::string page = lesson_html(guide, l, computed(l));
  for (const char* part :
       {"<h1>Doubling</h1>", "<a href=\"counting.html\">Counting</a>",
        "<details class=\"second\" id=\"code\">", "<math display=\"block\">",
        "<span title=\"what goes in\"><math><mi>x</mi></math></span>",
        "Twice <b class=\"num\">3</b> is", "<svg", "<details><summary>Hint 1</summary>",
        "gradus exercise check four ANSWER", "<th class=\"r\" scope=\"col\">"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos);
}

}  // namespace
}  // namespace gradus::lessons
