#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/lessons/guide.h>
#include <gradus/lessons/words_private.h>

#include <algorithm>

namespace gradus::lessons {
namespace {

// 0.2 before 1, 9 before 10.
double order_of(const Lesson& lesson) {
  return text::parse_double(lesson.number).value_or(1e9);
}

void visit(const Guide& guide, std::string_view slug, std::vector<std::string>& open,
           std::vector<std::string>& out) {
  const auto holds = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), slug) != list.end();
  };
  const Lesson* lesson = guide.find(slug);
  if (lesson == nullptr || holds(out) || holds(open)) return;
  open.emplace_back(slug);
  for (const std::string& need : lesson->needs) visit(guide, need, open, out);
  open.pop_back();
  out.emplace_back(slug);
}

}  // namespace

const Lesson* Guide::find(std::string_view slug_or_number) const {
  for (const Lesson& l : lessons)
    if (l.slug == slug_or_number || l.number == slug_or_number || l.folder == slug_or_number)
      return &l;
  return nullptr;
}

const Lesson* Guide::of_exercise(std::string_view name) const {
  for (const Lesson& l : lessons)
    for (const Exercise& e : l.exercises())
      if (e.name == name) return &l;
  return nullptr;
}

Guide make_guide(const GuideSource& source) {
  Guide guide;
  for (const LessonSource& s : source.lessons) guide.lessons.push_back(parse_lesson(s));
  std::stable_sort(guide.lessons.begin(), guide.lessons.end(),
                   [](const Lesson& a, const Lesson& b) { return order_of(a) < order_of(b); });
  int number = 0;
  for (const std::string_view line : lines_of(source.glossary)) {
    ++number;
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    // A formula may hold a bar: \| is one.
    std::vector<std::string> parts(1);
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|')
        parts.back() += line[++i];
      else if (line[i] == '|')
        parts.emplace_back();
      else
        parts.back() += line[i];
    }
    parts.resize(4);
    for (std::string& p : parts) p = std::string(trimmed(p));
    guide.glossary.push_back({parts[0], parts[1], parts[2], parts[3], number});
  }
  number = 0;
  for (const std::string_view line : lines_of(source.goals)) {
    ++number;
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    const size_t bar = std::min(line.find('|'), line.size());
    std::string checks(line.substr(std::min(bar + 1, line.size())));
    std::replace(checks.begin(), checks.end(), ',', ' ');
    guide.goals.push_back(
        {std::string(trimmed(line.substr(0, bar))), split_list(checks, ' '), number});
  }
  return guide;
}

std::vector<std::string> route(const Guide& guide, std::string_view slug) {
  std::vector<std::string> open, out;
  visit(guide, slug, open, out);
  return out;
}

const Lesson& lesson_named(const Guide& guide, std::string_view word) {
  if (const Lesson* found = guide.find(word)) return *found;
  std::vector<std::string_view> slugs;
  for (const Lesson& l : guide.lessons) slugs.push_back(l.slug);
  const auto near = text::nearest(word, slugs);
  raise(ErrorKind::usage,
        "there is no lesson '" + std::string(word) + "'" +
            (near ? "; did you mean " + std::string(*near) + "?" : ". gradus learn lists them."));
}

std::vector<Found> search(const Guide& guide, std::string_view words) {
  const std::vector<std::string> wanted = split_list(lower_case(words), ' ');
  std::vector<Found> out;
  if (wanted.empty()) return out;
  const auto count = [](const std::string& text, const std::string& word) {
    int n = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  };
  for (const Lesson& l : guide.lessons) {
    const std::string head = lower_case(l.title + " " + l.summary + " " + l.slug);
    std::string all = head;
    for (const Section& s : l.sections) all += "\n" + lower_case(s.text);
    Found found{&l};
    bool every = true;
    for (const std::string& w : wanted) {
      const int n = count(all, w);
      every = every && n > 0;
      found.count += n + 20 * count(head, w);
    }
    if (!every) continue;
    for (const Section& s : l.sections) {
      for (const std::string_view line : lines_of(s.text))
        if (found.line.empty() && lower_case(line).find(wanted[0]) != std::string::npos)
          found.line = trimmed(line);
    }
    out.push_back(std::move(found));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Found& a, const Found& b) { return a.count > b.count; });
  return out;
}

}  // namespace gradus::lessons
