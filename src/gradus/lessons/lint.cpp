#include <gradus/base/text.h>
#include <gradus/expr/functions.h>
#include <gradus/lessons/lint.h>
#include <gradus/lessons/markdown.h>
#include <gradus/lessons/math.h>
#include <gradus/lessons/words_private.h>
#include <gradus/ops/table.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace gradus::lessons {
namespace {

using Kind = Node::Kind;

constexpr int fewest_words = 800, most_words = 2500;
constexpr double least_ease = 45;
constexpr size_t fewest_cases = 2, fewest_exercises = 3, fewest_hints = 2, fewest_wrong = 5;

// A section's text with its place in the file; what the rules look through.
struct Scan {
  const Lesson& lesson;
  std::vector<Finding>& found;

  void say(int line, std::string rule) const {
    found.push_back({lesson.folder + "/lesson.md", line, std::move(rule)});
  }
};

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

// Removes from `open` to `close`, both included, wherever they stand on one line.
std::string without(std::string_view line, std::string_view open, std::string_view close) {
  std::string out;
  while (!line.empty()) {
    const size_t begin = line.find(open);
    if (begin == std::string_view::npos) break;
    const size_t end = line.find(close, begin + open.size());
    if (end == std::string_view::npos) break;
    out += line.substr(0, begin);
    line.remove_prefix(end + close.size());
  }
  return out + std::string(line);
}

// Each number of a formula, "0.5" or "12".
std::vector<std::string> numbers_in(std::string_view s) {
  std::vector<std::string> out;
  for (size_t i = 0; i < s.size();) {
    if (!is_digit(s[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < s.size() &&
           (is_digit(s[end]) || (s[end] == '.' && end + 1 < s.size() && is_digit(s[end + 1]))))
      ++end;
    out.emplace_back(s.substr(i, end - i));
    i = end;
  }
  return out;
}

bool may_be_typed(std::string_view n) {
  return n == "0" || n == "1" || n == "2";
}

// Calls look(line number, line) for the lines that are no code.
template <class Look>
void prose_lines(const Section& section, const Look& look) {
  bool fenced = false;
  int number = section.line - 1;
  for (const std::string_view line : lines_of(section.text)) {
    ++number;
    if (line.starts_with("```"))
      fenced = !fenced;
    else if (!fenced)
      look(number, line);
  }
}

void lint_head(const Scan& scan) {
  const Lesson& l = scan.lesson;
  if (l.kind != "lesson" && l.kind != "reference")
    scan.say(1, "the head's kind is lesson or reference, not '" + l.kind + "'");
  if (l.title.empty()) scan.say(1, "the head has no title");
  if (l.part.find(' ') == std::string::npos)
    scan.say(1, "the head's part is a number and a name, as 2 Calculus");
  if (l.minutes < 1 || l.minutes > 90) scan.say(1, "the head's minutes are a number from 1 to 90");
  if (l.summary.empty()) scan.say(1, "the head has no summary");
  if (l.references.empty()) scan.say(1, "the head has no references");
  if (l.see.empty()) scan.say(1, "the head has no see: a page links to its neighbours");
}

void lint_headings(const Scan& scan) {
  const auto wanted = headings(scan.lesson.kind);
  size_t next = 0;
  for (const Section& s : scan.lesson.sections) {
    const auto it = std::find(wanted.begin(), wanted.end(), s.heading);
    if (it == wanted.end()) {
      scan.say(s.line - 1, "no " +
                               std::string(scan.lesson.is_reference() ? "reference" : "lesson") +
                               " has a heading '" + s.heading + "'");
      continue;
    }
    const size_t at = static_cast<size_t>(it - wanted.begin());
    if (at < next)
      scan.say(s.line - 1,
               "'" + s.heading + "' stands after '" + std::string(wanted[next - 1]) + "'");
    for (; next < at; ++next)
      scan.say(s.line - 1, "'" + std::string(wanted[next]) + "' is missing before this");
    next = std::max(next, at + 1);
    if (trimmed(s.text).empty()) scan.say(s.line, "'" + s.heading + "' is empty");
  }
  for (; next < wanted.size(); ++next)
    scan.say(1, "'" + std::string(wanted[next]) + "' is missing");
}

void lint_links(const Scan& scan, const Guide& guide) {
  const Lesson& l = scan.lesson;
  for (const auto* list : {&l.needs, &l.see})
    for (const std::string& slug : *list)
      if (guide.find(slug) == nullptr) scan.say(1, "there is no lesson '" + slug + "'");
  for (const std::string& name : l.uses) {
    const auto ops = all_ops();
    const bool is_op =
        std::any_of(ops.begin(), ops.end(), [&](const Op* op) { return name == op->name; });
    const ExprFunction* f = find_function(name);
    if (!is_op && f == nullptr) scan.say(1, "uses: there is no operation '" + name + "'");
  }
  for (const Section& s : l.sections)
    prose_lines(s, [&](int number, std::string_view line) {
      for (size_t at = line.find("]("); at != std::string_view::npos;
           at = line.find("](", at + 1)) {
        const size_t end = std::min(line.find(')', at), line.size());
        const std::string_view target = line.substr(at + 2, end - at - 2);
        if (guide.find(target) == nullptr)
          scan.say(number, "a link leads to a lesson, and there is none named '" +
                               std::string(target) + "'");
      }
    });
}

// In The math: every formula in words, every letter in the table, and no command we cannot show.
void lint_math(const Scan& scan) {
  std::vector<std::string> unknown;
  for (const Section& s : scan.lesson.sections)
    prose_lines(s, [&](int number, std::string_view line) {
      std::vector<std::string> here;
      const Page none;
      const Node tree = parse_markdown(line, none);
      std::vector<const Node*> open = {&tree};
      while (!open.empty()) {
        const Node* n = open.back();
        open.pop_back();
        if (n->kind == Kind::math) parse_math(n->text, &here);
        for (const Node& c : n->children) open.push_back(&c);
      }
      for (const std::string& u : here) scan.say(number, "LaTeX that a page cannot show: " + u);
    });
  const Section* math = scan.lesson.section("The math");
  if (math == nullptr) return;
  const Page none;
  const Node tree = parse_markdown(math->text, none);
  std::set<std::string> explained, used;
  bool has_table = false;
  const auto gather = [](const Node& node, std::set<std::string>& to,
                         std::vector<std::string>* bad) {
    std::vector<const Node*> open = {&node};
    while (!open.empty()) {
      const Node* n = open.back();
      open.pop_back();
      if (n->kind == Kind::math || n->kind == Kind::display)
        for (const std::string& symbol : symbols_of(parse_math(n->text, bad))) to.insert(symbol);
      for (const Node& c : n->children) open.push_back(&c);
    }
  };
  for (size_t i = 0; i < tree.children.size(); ++i) {
    const Node& block = tree.children[i];
    const bool table = block.kind == Kind::table && !block.children.empty() &&
                       block.children[0].children.size() == 2 &&
                       words_of(block.children[0].children[0]) == "symbol" &&
                       words_of(block.children[0].children[1]) == "meaning";
    if (table) {
      has_table = true;
      for (size_t r = 1; r < block.children.size(); ++r)
        if (!block.children[r].children.empty())
          gather(block.children[r].children[0], explained, nullptr);
    } else {
      gather(block, used, block.kind == Kind::display ? &unknown : nullptr);
    }
    if (block.kind == Kind::display) {
      // Formulas in a row share the words that follow them.
      size_t next = i + 1;
      while (next < tree.children.size() && tree.children[next].kind == Kind::display) ++next;
      if (next == tree.children.size() || tree.children[next].kind != Kind::paragraph)
        scan.say(math->line, "the formula " + block.text + " is not followed by words that say it");
    }
  }
  for (const std::string& u : unknown) scan.say(math->line, "LaTeX that a page cannot show: " + u);
  if (!has_table) scan.say(math->line, "The math has no table | symbol | meaning |");
  for (const std::string& symbol : used) {
    // Words such as lim and max say what they do.
    static const std::set<std::string> words = {"lim",    "max", "min", "argmax",
                                                "argmin", "sup", "inf", "∞"};
    if (!explained.count(symbol) && !words.count(symbol))
      scan.say(math->line, "the symbol " + symbol + " of The math has no row in the symbol table");
  }
}

void lint_typed_numbers(const Scan& scan, std::string_view heading) {
  const Section* section = scan.lesson.section(heading);
  if (section == nullptr) return;
  prose_lines(*section, [&](int number, std::string_view line) {
    if (line.starts_with("### ")) return;
    const std::string bare = without(without(line, "{{", "}}"), "`", "`");
    const std::string outside = without(without(bare, "$$", "$$"), "$", "$");
    for (const std::string& n : numbers_in(outside))
      if (!may_be_typed(n))
        scan.say(number, "the number " + n + " is typed; bind it in lesson.cpp");
    std::string_view rest = bare;
    bool inside = false;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('$'), rest.size());
      if (inside)
        for (const std::string& n : numbers_in(rest.substr(0, end)))
          if (!may_be_typed(n))
            scan.say(number, "the number " + n + " is typed in a formula; bind it in lesson.cpp");
      inside = !inside;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  });
}

void lint_names(const Scan& scan, const Page& page) {
  std::set<std::string> used;
  for (const Section& s : scan.lesson.sections) {
    int number = s.line - 1;
    for (const std::string_view line : lines_of(s.text)) {
      ++number;
      for (size_t at = line.find("{{"); at != std::string_view::npos;
           at = line.find("{{", at + 2)) {
        const size_t end = line.find("}}", at);
        if (end == std::string_view::npos) break;
        // {{{x}}}: the braces of a script around a name.
        size_t begin = at + 2;
        while (begin < end && line[begin] == '{') ++begin;
        const std::string name(line.substr(begin, end - begin));
        used.insert(name);
        const size_t colon = name.find(':');
        const std::string what = name.substr(0, colon == std::string::npos ? 0 : colon);
        const std::string rest = name.substr(colon == std::string::npos ? 0 : colon + 1);
        const bool bound = what.empty()        ? page.texts.count(rest) > 0 || name == "glossary"
                           : what == "table"   ? page.tables.count(rest) > 0
                           : what == "output"  ? page.outputs.count(rest) > 0
                           : what == "picture" ? page.pictures.count(rest) > 0
                           : what == "code"    ? !code_region(scan.lesson.code, rest).empty()
                                               : what == "exercise";
        if (!bound) scan.say(number, "{{" + name + "}} is not bound by lesson.cpp");
        if (!what.empty() && trimmed(line) != "{{" + name + "}}")
          scan.say(number, "{{" + name + "}} does not stand alone");
      }
    }
  }
  const auto unused = [&](const auto& map, const std::string& before) {
    for (const auto& [name, value] : map)
      if (!used.count(before + name))
        scan.found.push_back(
            {scan.lesson.folder + "/lesson.cpp", 1,
             "'" + name + "' is bound, and lesson.md does not use {{" + before + name + "}}"});
  };
  unused(page.texts, "");
  unused(page.tables, "table:");
  unused(page.outputs, "output:");
  unused(page.pictures, "picture:");
}

void lint_amounts(const Scan& scan, const Page& page) {
  int words = 0;
  for (const Section& s : scan.lesson.sections) words += word_count(s.text);
  if (words < fewest_words || words > most_words)
    scan.say(1, "the page has " + std::to_string(words) + " words, not " +
                    std::to_string(fewest_words) + " to " + std::to_string(most_words));
  if (page.pictures.empty()) scan.say(1, "the page has no picture");
  for (const auto& [name, picture] : page.pictures) {
    const Plot* plot = std::get_if<Plot>(&picture);
    const bool described = plot ? !plot->title.empty() : !std::get<Drawing>(picture).alt.empty();
    if (!described) scan.say(1, "the picture " + name + " has no text alternative (title or alt)");
  }
  if (const Section* worked = scan.lesson.section("Worked example")) {
    size_t cases = 0;
    prose_lines(*worked, [&](int, std::string_view line) { cases += line.starts_with("### "); });
    if (cases < fewest_cases)
      scan.say(worked->line, "the worked example has " + std::to_string(cases) +
                                 " cases (### headings), not 2 or more");
  }
  if (const Section* plain = scan.lesson.section("In plain English")) {
    const double ease = reading_ease(plain->text);
    if (ease < least_ease)
      scan.say(plain->line, "reading ease " + text::fixed(ease, 1) + " is below " +
                                text::fixed(least_ease, 0) + ": shorter sentences, shorter words");
  }
}

void lint_questions(const Scan& scan) {
  const Section* section = scan.lesson.section("Interview questions");
  if (section == nullptr) return;
  const std::vector<Question> questions = scan.lesson.questions();
  if (questions.size() < 2) scan.say(section->line, "there are fewer than two interview questions");
  for (const Question& q : questions) {
    const auto need = [&](bool there, const char* what) {
      if (!there) scan.say(section->line, "the question '" + q.question + "' has no " + what);
    };
    need(q.question.ends_with('?') || q.question.ends_with('.'), "question mark");
    need(!q.short_answer.empty(), "short answer");
    need(!q.strong_answer.empty(), "strong answer");
    need(!q.follow_up.empty(), "follow-up");
    need(q.key_phrases.size() >= 2, "key phrases");
  }
}

void lint_exercises(const Scan& scan, const Guide& guide, const Page& page) {
  const Section* section = scan.lesson.section("Exercises");
  if (section == nullptr) return;
  const std::vector<Exercise> written = scan.lesson.exercises();
  if (written.size() < fewest_exercises)
    scan.say(section->line,
             "there are " + std::to_string(written.size()) + " exercises, not 3 or more");
  std::set<std::string> names;
  for (const Exercise& e : written) {
    names.insert(e.name);
    if (e.title.empty()) scan.say(section->line, "the exercise " + e.name + " has no title");
    if (e.task.empty()) scan.say(section->line, "the exercise " + e.name + " has no task");
    if (e.hints.size() < fewest_hints)
      scan.say(section->line, "the exercise " + e.name + " has fewer than two hints");
    if (section->text.find("{{exercise:" + e.name + "}}") == std::string::npos)
      scan.say(section->line, "the exercise " + e.name + " has no {{exercise:" + e.name + "}}");
    int lessons = 0;
    for (const Lesson& l : guide.lessons)
      for (const Exercise& other : l.exercises()) lessons += other.name == e.name;
    if (lessons > 1) scan.say(section->line, "two exercises are named " + e.name);
  }
  std::set<std::string> computed_names;
  for (const auto& any : page.exercises) {
    std::visit(
        [&](const auto& e) {
          computed_names.insert(e.name);
          size_t wrong = 0;
          if constexpr (requires { e.choices; })
            wrong = e.choices.empty() ? 0 : e.choices.size() - 1;
          else
            wrong = e.wrong.size();
          if (wrong < fewest_wrong)
            scan.say(section->line, "the exercise " + e.name + " knows " + std::to_string(wrong) +
                                        " wrong answers, not 5 or more");
          if constexpr (requires { e.solution; }) {
            for (const Exercise& w : written)
              if (w.name == e.name && exercise_stub(scan.lesson, w).empty())
                scan.say(section->line, "lesson.cpp has no region [solution " + e.name + "]");
          }
        },
        any);
  }
  for (const std::string& n : names)
    if (!computed_names.count(n)) scan.say(section->line, "lesson.cpp has no exercise " + n);
  for (const std::string& n : computed_names)
    if (!names.count(n)) scan.say(section->line, "lesson.md has no exercise " + n);
}

// Each entry of a reference says a number that the page computed, and a command to go on with.
void lint_entries(const Scan& scan) {
  const Section* section = scan.lesson.section("Entries");
  if (section == nullptr) return;
  struct Entry {
    std::string heading;
    int line = 0;
    bool number = false, command = false;
  };
  std::vector<Entry> entries;
  int number = section->line - 1;
  bool fenced = false;
  for (const std::string_view line : lines_of(section->text)) {
    ++number;
    if (line.starts_with("```")) fenced = !fenced;
    if (line.starts_with("### ") && !fenced)
      entries.push_back({std::string(trimmed(line.substr(4))), number});
    if (entries.empty()) continue;
    entries.back().number |= !fenced && line.find("{{") != std::string_view::npos;
    entries.back().command |= fenced && line.starts_with("gradus ");
  }
  if (entries.empty()) scan.say(section->line, "there is no entry (### heading)");
  for (const Entry& e : entries) {
    if (!e.number) scan.say(e.line, "the entry '" + e.heading + "' has no number that is computed");
    if (!e.command)
      scan.say(e.line, "the entry '" + e.heading + "' has no command (a line of code, gradus ...)");
  }
}

int syllables(std::string_view word) {
  const auto vowel = [](char c) {
    return std::string_view("aeiouy").find(c) != std::string_view::npos;
  };
  int n = 0;
  for (size_t i = 0; i < word.size(); ++i) n += vowel(word[i]) && (i == 0 || !vowel(word[i - 1]));
  const bool silent = word.size() > 2 && word.ends_with('e') && !word.ends_with("le") &&
                      !vowel(word[word.size() - 2]);
  const bool silent_ed =
      word.size() > 3 && word.ends_with("ed") && !word.ends_with("ted") && !word.ends_with("ded");
  return std::max(1, n - (silent || silent_ed ? 1 : 0));
}

}  // namespace

int word_count(std::string_view text) {
  int n = 0;
  bool fenced = false;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("```")) fenced = !fenced;
    if (fenced || line.starts_with("```") || line.starts_with("- hint:")) continue;
    const std::string bare =
        line.starts_with("{{") && line.ends_with("}}") ? "" : std::string(line);
    bool inside = false;
    for (const char c : bare) {
      const bool letter =
          std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
      if (letter && !inside) ++n;
      if (letter || c == '\'' || c == '-' || c == '_')
        inside = inside || letter;
      else
        inside = false;
    }
  }
  return n;
}

double reading_ease(std::string_view text) {
  const Page none;
  const std::string all =
      words_of(parse_markdown(without(without(text, "$$", "$$"), "$", "$"), none));
  int sentences = 0, words = 0, parts = 0;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) {
      ++words;
      parts += syllables(word);
    }
    word.clear();
  };
  for (size_t i = 0; i < all.size(); ++i) {
    const char c = all[i];
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (c != '\'') end_word();
    const bool ends = c == '.' || c == '?' || c == '!' || c == ':' || c == ';';
    if (ends && (i + 1 == all.size() || !is_digit(all[i + 1]))) ++sentences;
  }
  end_word();
  if (words == 0) return 100;
  return 206.835 - 1.015 * words / std::max(1, sentences) - 84.6 * parts / words;
}

std::vector<Finding> lint(const Guide& guide, const Lesson& lesson, const Page& page) {
  std::vector<Finding> found;
  const Scan scan{lesson, found};
  lint_head(scan);
  lint_headings(scan);
  lint_links(scan, guide);
  lint_math(scan);
  lint_names(scan, page);
  if (lesson.is_reference()) {
    lint_typed_numbers(scan, "Entries");
    lint_entries(scan);
    return found;
  }
  lint_typed_numbers(scan, "Worked example");
  lint_amounts(scan, page);
  lint_questions(scan);
  lint_exercises(scan, guide, page);
  return found;
}

std::vector<Finding> lint(const Guide& guide) {
  std::vector<Finding> found;
  for (const Lesson& l : guide.lessons) {
    for (const std::string& need : l.needs) {
      const std::vector<std::string> before = route(guide, need);
      if (std::find(before.begin(), before.end(), l.slug) != before.end())
        found.push_back(
            {l.folder + "/lesson.md", 1, "needs " + need + ", which needs this lesson"});
    }
  }
  for (const GlossaryEntry& e : guide.glossary) {
    const auto say = [&](std::string rule) {
      found.push_back({"glossary.txt", e.line, std::move(rule)});
    };
    std::vector<std::string> unknown;
    parse_math(e.symbol, &unknown);
    for (const std::string& u : unknown) say("LaTeX that a page cannot show: " + u);
    if (e.symbol.empty() || e.said.empty() || e.meaning.empty())
      say("an entry is symbol | said | meaning | lesson");
    if (!e.lesson.empty() && guide.find(e.lesson) == nullptr)
      say("there is no lesson '" + e.lesson + "'");
  }
  for (const Goal& g : guide.goals) {
    const auto say = [&](std::string rule) {
      found.push_back({"goals.txt", g.line, std::move(rule)});
    };
    for (const std::string& c : g.checks) {
      const size_t sharp = c.find('#');
      if (sharp == std::string::npos) {
        if (guide.of_exercise(c) == nullptr) say("there is no exercise '" + c + "'");
        continue;
      }
      const Lesson* l = guide.find(c.substr(0, sharp));
      const auto n = text::parse_int64(c.substr(sharp + 1));
      if (l == nullptr || !n || *n < 1 || static_cast<size_t>(*n) > l->questions().size())
        say("there is no question '" + c + "'");
    }
  }
  return found;
}

}  // namespace gradus::lessons
