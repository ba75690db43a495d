// lesson.md line by line; lesson.cpp by its `// [...]` markers.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/lessons/lesson.h>
#include <gradus/lessons/words_private.h>

#include <algorithm>
#include <array>

namespace gradus::lessons {
namespace {

constexpr std::array<std::string_view, 10> ten_headings = {
    "Why this matters", "Think of it like...", "In plain English",
    "The math",         "Worked example",      "Code",
    "Deep dive",        "Key takeaway",        "Interview questions",
    "Exercises"};
constexpr std::array<std::string_view, 3> reference_headings = {"What it is for", "Entries",
                                                                "Key takeaway"};

void read_head_line(Lesson& lesson, std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view key = trimmed(line.substr(0, colon));
  const std::string value(trimmed(line.substr(colon + 1)));
  if (key == "kind") lesson.kind = value;
  if (key == "title") lesson.title = value;
  if (key == "part") lesson.part = value;
  if (key == "summary") lesson.summary = value;
  if (key == "minutes") lesson.minutes = static_cast<int>(text::parse_int64(value).value_or(0));
  if (key == "needs") lesson.needs = split_list(value, ',');
  if (key == "uses") lesson.uses = split_list(value, ',');
  if (key == "rows") lesson.rows = split_list(value, ',');
  if (key == "see") lesson.see = split_list(value, ',');
  if (key == "references") lesson.references = split_list(value, ';');
}

// "// [word rest]" as "word rest"; nothing where the line is no marker.
std::string_view marker(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("// [") || !line.ends_with("]")) return {};
  return line.substr(4, line.size() - 5);
}

size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The raw lines of a region, markers inside included.
std::vector<std::string_view> region_lines(std::string_view code, std::string_view name) {
  std::vector<std::string_view> out;
  bool inside = false;
  for (const std::string_view line : lines_of(code)) {
    const std::string_view m = marker(line);
    if (inside && m == "end") return out;
    if (inside) out.push_back(line);
    if (m == name) inside = true;
  }
  return out;
}

std::string without_indent(const std::vector<std::string_view>& lines) {
  size_t least = std::string_view::npos;
  for (const std::string_view line : lines)
    if (!trimmed(line).empty()) least = std::min(least, indent_of(line));
  std::string out;
  for (const std::string_view line : lines)
    out += std::string(line.substr(std::min(least, line.size()))) + "\n";
  return out;
}

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The function that a learner writes: named as the exercise, or else the last one of the region.
std::string function_name(std::string_view region, std::string_view exercise) {
  std::string wanted(exercise);
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  if (region.find(wanted + "(") != std::string_view::npos) return wanted;
  std::string last;
  for (const std::string_view line : lines_of(region)) {
    if (line.empty() || !is_word_character(line[0])) continue;
    const size_t open = line.find('(');
    if (open == std::string_view::npos || line.substr(0, open).find('=') != std::string_view::npos)
      continue;
    size_t begin = open;
    while (begin > 0 && is_word_character(line[begin - 1])) --begin;
    if (begin < open && begin > 0) last = line.substr(begin, open - begin);
  }
  return last;
}

std::string learner_file(const Lesson& lesson, const Exercise& exercise, bool solved) {
  std::vector<std::string> includes = {"<cmath>", "<functional>", "<span>", "<vector>"};
  std::vector<std::string_view> body;
  std::vector<std::string> holes;  // owns what body looks at
  holes.reserve(64);
  bool in_hole = false;
  for (const std::string_view line : region_lines(lesson.code, "solution " + exercise.name)) {
    const std::string_view m = marker(line);
    if (m.starts_with("include ")) {
      includes.emplace_back(trimmed(m.substr(8)));
    } else if (m.starts_with("hole") && !solved && holes.size() + 2 < holes.capacity()) {
      const std::string indent(indent_of(line), ' ');
      holes.push_back(indent + "// Your code goes here.");
      body.push_back(holes.back());
      if (const std::string_view statement = trimmed(m.substr(4)); !statement.empty()) {
        holes.push_back(indent + std::string(statement));
        body.push_back(holes.back());
      }
      in_hole = true;
    } else if (m == "end hole") {
      in_hole = false;
    } else if (m.empty() && !in_hole) {
      body.push_back(line);
    }
  }
  if (body.empty()) return "";
  std::sort(includes.begin(), includes.end());
  includes.erase(std::unique(includes.begin(), includes.end()), includes.end());
  const std::string code = without_indent(body);
  std::string out = "// " + exercise.title + " (lesson " + lesson.number + ", " + lesson.slug +
                    ")\n// The task: gradus exercise show " + exercise.name +
                    "\n// When done: gradus exercise check " + exercise.name + "\n";
  for (const std::string& i : includes) out += "#include " + i + "\n";
  return out + "#include <gradus/lessons/answer.h>\n\n" + code + "\nGRADUS_ANSWER(" +
         function_name(code, exercise.name) + ")\n";
}

// The parts of a section that begin with `### `.
std::vector<std::pair<std::string, std::string>> parts_of(const Section* section) {
  std::vector<std::pair<std::string, std::string>> out;
  if (section == nullptr) return out;
  for (const std::string_view line : lines_of(section->text)) {
    if (line.starts_with("### "))
      out.emplace_back(trimmed(line.substr(4)), "");
    else if (!out.empty())
      out.back().second += std::string(line) + "\n";
  }
  return out;
}

}  // namespace

std::span<const std::string_view> headings(std::string_view kind) {
  if (kind == "reference") return reference_headings;
  return ten_headings;
}

bool is_second_reading(std::string_view heading) {
  return heading == "Code" || heading == "Deep dive";
}

const Section* Lesson::section(std::string_view heading) const {
  for (const Section& s : sections)
    if (s.heading == heading) return &s;
  return nullptr;
}

std::vector<Question> Lesson::questions() const {
  std::vector<Question> out;
  for (auto& [heading, text] : parts_of(section("Interview questions"))) {
    Question q{.question = heading};
    std::string phrases;
    std::string* current = nullptr;
    for (std::string_view line : lines_of(text)) {
      const std::array<std::pair<std::string_view, std::string*>, 4> starts = {
          {{"**Short answer.**", &q.short_answer},
           {"**Strong answer.**", &q.strong_answer},
           {"**Follow-up.**", &q.follow_up},
           {"**Key phrases.**", &phrases}}};
      for (const auto& [start, to] : starts) {
        if (!line.starts_with(start)) continue;
        current = to;
        line.remove_prefix(start.size());
        break;
      }
      if (current != nullptr) *current += std::string(trimmed(line)) + "\n";
    }
    for (std::string* s : {&q.short_answer, &q.strong_answer, &q.follow_up, &phrases})
      *s = std::string(trimmed(*s));
    std::replace(phrases.begin(), phrases.end(), '\n', ' ');
    q.key_phrases = split_list(phrases, ';');
    out.push_back(std::move(q));
  }
  return out;
}

std::vector<Exercise> Lesson::exercises() const {
  std::vector<Exercise> out;
  for (auto& [heading, text] : parts_of(section("Exercises"))) {
    const size_t colon = heading.find(':');
    Exercise e{
        .name = std::string(trimmed(heading.substr(0, colon))),
        .title = std::string(colon == std::string::npos ? "" : trimmed(heading.substr(colon + 1)))};
    bool in_hint = false;
    for (const std::string_view line : lines_of(text)) {
      if (line.starts_with("- hint:")) {
        e.hints.emplace_back(trimmed(line.substr(7)));
        in_hint = true;
      } else if (in_hint && line.starts_with("  ")) {
        e.hints.back() += " " + std::string(trimmed(line));
      } else if (!line.starts_with("{{exercise:")) {
        in_hint = false;
        e.task += std::string(line) + "\n";
      }
    }
    e.task = std::string(trimmed(e.task));
    out.push_back(std::move(e));
  }
  return out;
}

Lesson parse_lesson(const LessonSource& source) {
  Lesson lesson;
  lesson.folder = source.folder;
  const size_t dash = source.folder.find('-');
  lesson.number = source.folder.substr(0, dash);
  if (lesson.number.size() > 1 && lesson.number[0] == '0' && lesson.number[1] != '.')
    lesson.number.erase(0, 1);
  lesson.slug = dash == std::string_view::npos ? source.folder : source.folder.substr(dash + 1);
  lesson.code = source.code;
  lesson.compute = source.compute;
  int number = 0;
  bool in_head = false, fenced = false;
  for (const std::string_view line : lines_of(source.markdown)) {
    ++number;
    if (line == "---" && (number == 1 || in_head)) {
      in_head = number == 1;
    } else if (in_head) {
      read_head_line(lesson, line);
    } else {
      if (line.starts_with("```")) fenced = !fenced;
      if (line.starts_with("## ") && !fenced)
        lesson.sections.push_back({std::string(trimmed(line.substr(3))), "", number + 1});
      else if (!lesson.sections.empty())
        lesson.sections.back().text += std::string(line) + "\n";
    }
  }
  return lesson;
}

Page computed(const Lesson& lesson,
              const std::vector<std::pair<std::string, std::string>>& changes) {
  Page page;
  for (const auto& [name, value] : changes) page.changes.insert_or_assign(name, value);
  if (lesson.compute) lesson.compute(page);
  for (const auto& [name, value] : page.changes) {
    const auto is_it = [&](const auto& s) { return s.first == name; };
    if (std::any_of(page.settable.begin(), page.settable.end(), is_it)) continue;
    std::vector<std::string> names;
    for (const auto& s : page.settable) names.push_back(s.first);
    raise(ErrorKind::usage, "--set " + name + ": the lesson " + lesson.slug +
                                " has no number of that name. " +
                                (names.empty() ? "It has none that can be set."
                                               : "It has " + text::join(names, ", ") + "."));
  }
  return page;
}

std::string code_region(std::string_view code, std::string_view name) {
  std::vector<std::string_view> kept;
  for (const std::string_view line : region_lines(code, name))
    if (marker(line).empty()) kept.push_back(line);
  return without_indent(kept);
}

std::string exercise_stub(const Lesson& lesson, const Exercise& exercise) {
  return learner_file(lesson, exercise, false);
}

std::string exercise_solution(const Lesson& lesson, const Exercise& exercise) {
  return learner_file(lesson, exercise, true);
}

}  // namespace gradus::lessons
