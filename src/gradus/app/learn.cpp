// The guide: its list, its pages, its search, its site.
#include <gradus/app/lesson.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/lessons/decode.h>
#include <gradus/lessons/markdown.h>
#include <gradus/lessons/site.h>
#include <gradus/lessons/words_private.h>

#include <algorithm>

namespace gradus::app {
namespace {

using namespace lessons;

struct Words {
  std::string lesson, search, path, html, decode;
  std::vector<std::string> set;
  bool all = false, first = false, next = false, goals = false;
};

const char* word_of(Mark mark) {
  return mark == Mark::finished ? "done" : mark == Mark::opened ? "read" : "new";
}

std::string strings(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& s : list) out += (out.empty() ? "" : ",") + text::quote_json(s);
  return "[" + out + "]";
}

std::string head_json(const Lesson& l, const Progress& progress) {
  std::vector<std::string> exercises;
  for (const Exercise& e : l.exercises()) exercises.push_back(e.name);
  return "\"number\":" + text::quote_json(l.number) + ",\"slug\":" + text::quote_json(l.slug) +
         ",\"title\":" + text::quote_json(l.title) + ",\"part\":" + text::quote_json(l.part) +
         ",\"minutes\":" + std::to_string(l.minutes) +
         ",\"summary\":" + text::quote_json(l.summary) + ",\"needs\":" + strings(l.needs) +
         ",\"uses\":" + strings(l.uses) + ",\"see\":" + strings(l.see) +
         ",\"rows\":" + strings(l.rows) + ",\"references\":" + strings(l.references) +
         ",\"exercises\":" + strings(exercises) + ",\"state\":\"" + word_of(mark_of(l, progress)) +
         "\"";
}

std::string line_of(const Lesson& l, const Progress& progress, const Look& look) {
  const Mark mark = mark_of(l, progress);
  const size_t room = static_cast<size_t>(std::clamp(look.columns, 40, 88));
  const std::string minutes = std::to_string(l.minutes) + " min";
  std::string title = l.title;
  const size_t most = room - 25;
  if (text::width(title) > most) {
    std::string cut;
    for (size_t i = 0; i < title.size(); ++i) {
      const bool starts = (static_cast<unsigned char>(title[i]) & 0xC0) != 0x80;
      if (starts && text::width(cut) + 1 >= most) break;
      cut += title[i];
    }
    title = cut + "…";
  }
  const std::string sign = mark == Mark::finished ? "✓" : mark == Mark::opened ? "○" : " ";
  return "  " + tinted(sign, Tint::good, look) + " " + text::pad_left(l.number, 3) + "  " +
         text::pad_right(for_look(title, look), most) + text::pad_left(minutes, 7) +
         (mark == Mark::fresh ? "" : std::string("  ") + word_of(mark)) + "\n";
}

int list(const Settings& settings) {
  const Progress progress = progress_of(settings);
  if (settings.json) {
    std::string out;
    for (const Lesson& l : guide().lessons)
      out += (out.empty() ? "[{" : ",\n {") + head_json(l, progress) + "}";
    print((out.empty() ? "[" : out) + "]\n");
    return done;
  }
  const Look look = look_of(settings);
  std::string out, part;
  int finished = 0;
  for (const Lesson& l : guide().lessons) {
    if (l.part != part) out += (part.empty() ? "" : "\n") + tinted(l.part, Tint::bold, look) + "\n";
    part = l.part;
    out += line_of(l, progress, look);
    finished += mark_of(l, progress) == Mark::finished;
  }
  out += "\n" + std::to_string(finished) + " of " + std::to_string(guide().lessons.size()) +
         " done. Read a lesson by number or name; solve its exercises to be done with it.\n";
  if (const Lesson* next = suggested(progress))
    out += "next  " + tinted("gradus learn " + next->slug, Tint::accent, look) + "\n";
  print(out);
  return done;
}

// NAME=VALUE words; several in one, as a=1,b=2, where the commas stand outside brackets.
std::vector<std::pair<std::string, std::string>> changes_of(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& word : words) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (const char c : word) {
      depth += c == '[' || c == '(' ? 1 : c == ']' || c == ')' ? -1 : 0;
      if (c == ',' && depth == 0)
        parts.emplace_back();
      else
        parts.back() += c;
    }
    for (const std::string& p : parts) {
      const size_t equals = p.find('=');
      if (equals == std::string::npos || trimmed(p.substr(0, equals)).empty())
        raise(ErrorKind::usage, "--set takes NAME=VALUE, not '" + p +
                                    "'. gradus learn LESSON names what can be set.");
      out.emplace_back(trimmed(p.substr(0, equals)), trimmed(p.substr(equals + 1)));
    }
  }
  return out;
}

std::string page_json(const Lesson& l, const Page& page, const Progress& progress) {
  std::string sections, bound, settable, questions, tasks;
  for (const Section& s : l.sections)
    sections += (sections.empty() ? "" : ",") + ("{\"heading\":" + text::quote_json(s.heading)) +
                ",\"markdown\":" + text::quote_json(filled(s.text, page)) + "}";
  for (const auto& [name, value] : page.texts)
    bound += (bound.empty() ? "" : ",") + text::quote_json(name) + ":" + text::quote_json(value);
  for (const auto& [name, value] : page.settable)
    settable +=
        (settable.empty() ? "" : ",") + text::quote_json(name) + ":" + text::quote_json(value);
  for (const Question& q : l.questions())
    questions += (questions.empty() ? "" : ",") +
                 ("{\"question\":" + text::quote_json(q.question)) +
                 ",\"short\":" + text::quote_json(q.short_answer) +
                 ",\"strong\":" + text::quote_json(q.strong_answer) +
                 ",\"follow_up\":" + text::quote_json(q.follow_up) +
                 ",\"key_phrases\":" + strings(q.key_phrases) + "}";
  for (const Exercise& e : l.exercises())
    tasks += (tasks.empty() ? "" : ",") + ("{\"name\":" + text::quote_json(e.name)) +
             ",\"title\":" + text::quote_json(e.title) + ",\"task\":" + text::quote_json(e.task) +
             "}";
  return "{" + head_json(l, progress) + ",\"tasks\":[" + tasks + "],\"sections\":[" + sections +
         "],\"bound\":{" + bound + "},\"settable\":{" + settable + "},\"questions\":[" + questions +
         "]}\n";
}

int show(const Words& w, const Settings& settings) {
  const Lesson& lesson = lesson_named(guide(), w.lesson);
  const Page page = page_of(lesson, changes_of(w.set));
  Progress progress = progress_of(settings);
  if (settings.json) {
    print(page_json(lesson, page, progress));
    return done;
  }
  int& opened = progress.opened[lesson.slug];
  const bool all = w.all || (opened > 0 && !w.first);
  if (opened < 1'000'000) ++opened;
  save(progress, settings);
  show_page(render_lesson(guide(), lesson, page, look_of(settings), {.all = all}), settings);
  return done;
}

int show_search(const std::string& words, const Settings& settings) {
  const std::vector<Found> found = search(guide(), words);
  const Look look = look_of(settings);
  if (settings.json) {
    std::string out;
    for (const Found& f : found)
      out += (out.empty() ? "" : ",") + ("{\"slug\":" + text::quote_json(f.lesson->slug)) +
             ",\"title\":" + text::quote_json(f.lesson->title) +
             ",\"line\":" + text::quote_json(f.line) + "}";
    print("[" + out + "]\n");
    return found.empty() ? answer_is_no : done;
  }
  if (found.empty()) print("No lesson holds all of: " + for_look(words, look) + "\n");
  const Page none;
  for (const Found& f : found)
    print(tinted(f.lesson->number + " · " + f.lesson->title, Tint::bold, look) + "  gradus learn " +
          f.lesson->slug + "\n" + (f.line.empty() ? "" : render_markdown(f.line, none, look, 4)));
  return found.empty() ? answer_is_no : done;
}

int show_path(const std::string& word, const Settings& settings) {
  const Lesson& lesson = lesson_named(guide(), word);
  const std::vector<std::string> slugs = route(guide(), lesson.slug);
  if (settings.json) {
    print(strings(slugs) + "\n");
    return done;
  }
  const Progress progress = progress_of(settings);
  const Look look = look_of(settings);
  std::string out;
  int minutes = 0;
  for (const std::string& slug : slugs) {
    const Lesson& l = *guide().find(slug);
    out += line_of(l, progress, look);
    if (mark_of(l, progress) != Mark::finished) minutes += l.minutes;
  }
  print(out + "about " + std::to_string(minutes) + " minutes to go\n");
  return done;
}

int show_decoded(const std::string& formula, const Settings& settings) {
  const std::vector<Decoded> found = decode(guide(), formula);
  const Look look = look_of(settings);
  const std::string line = math_line(parse_math(formula));
  if (settings.json) {
    std::string out;
    for (const Decoded& d : found)
      out += (out.empty() ? "" : ",") + ("{\"symbol\":" + text::quote_json(d.symbol)) +
             (d.entry ? ",\"said\":" + text::quote_json(d.entry->said) +
                            ",\"meaning\":" + text::quote_json(d.entry->meaning) +
                            ",\"lesson\":" + text::quote_json(d.entry->lesson)
                      : ",\"said\":null,\"meaning\":null,\"lesson\":null") +
             "}";
    print("{\"formula\":" + text::quote_json(formula) + ",\"symbols\":[" + out + "]}\n");
    return done;
  }
  const Page none;
  std::string out = render_markdown("$$" + formula + "$$", none, look, 0) + "\n", table, unknown;
  bool any = false;
  table = "| symbol | said | meaning | lesson |\n|---|---|---|---|\n";
  for (const Decoded& d : found) {
    if (d.entry == nullptr) {
      unknown += (unknown.empty() ? "" : ", ") + d.symbol;
      continue;
    }
    any = true;
    std::string symbol;
    for (const char c : d.symbol) symbol += c == '|' ? "\\|" : std::string(1, c);
    table += "| " + symbol + " | " + d.entry->said + " | " + d.entry->meaning + " | " +
             d.entry->lesson + " |\n";
  }
  if (any) out += render_markdown(table, none, look, 0);
  if (!unknown.empty())
    out +=
        (any ? "\n" : "") + for_look("Not in the glossary: " + unknown + "\n", look) +
        "Such a letter means what its text says; look for \"where\" or \"let\" near the formula.\n";
  if (found.empty()) out += "There is no symbol in it.\n";
  print(out);
  return done;
}

int show_goals(const Settings& settings) {
  const Progress progress = progress_of(settings);
  const Look look = look_of(settings);
  const auto passed = [&](const std::string& check) {
    if (check.find('#') != std::string::npos) {
      const auto it = progress.grades.find(check);
      return it != progress.grades.end() && it->second >= 3;
    }
    const auto it = progress.exercises.find(check);
    return it != progress.exercises.end() && it->second.right;
  };
  std::string out, json;
  int reached = 0;
  for (const Goal& g : guide().goals) {
    const bool all = !g.checks.empty() && std::all_of(g.checks.begin(), g.checks.end(), passed);
    reached += all;
    json += (json.empty() ? "" : ",\n ") + ("{\"goal\":" + text::quote_json(g.text)) +
            ",\"checks\":" + strings(g.checks) + ",\"reached\":" + (all ? "true" : "false") + "}";
    out += tinted(all ? "✓ " : "  ", Tint::good, look) + for_look(g.text, look) +
           (all ? "  (reached)" : "") + "\n";
    for (const std::string& c : g.checks) {
      const bool question = c.find('#') != std::string::npos;
      out += std::string("      ") + (passed(c) ? "done  " : "open  ") +
             (question ? "gradus quiz '" + c + "'" : "gradus exercise show " + c) + "\n";
    }
    if (g.checks.empty()) out += "      its lessons are not in the guide yet\n";
  }
  if (settings.json)
    print("[" + json + "]\n");
  else
    print(out + "\n" + std::to_string(reached) + " of " + std::to_string(guide().goals.size()) +
          " goals reached. A question counts from grade 3.\n");
  return done;
}

int write_html(const std::string& folder, const Settings& settings) {
  const std::vector<std::string> files = write_site(guide(), folder);
  if (settings.json)
    print(strings(files) + "\n");
  else
    print("wrote " + std::to_string(files.size()) + " files; open " + folder + "/index.html\n");
  return done;
}

int run(const Words& w, const Settings& settings) {
  if (!w.html.empty()) return write_html(w.html, settings);
  if (!w.search.empty()) return show_search(w.search, settings);
  if (!w.path.empty()) return show_path(w.path, settings);
  if (!w.decode.empty()) return show_decoded(w.decode, settings);
  if (w.goals) return show_goals(settings);
  if (w.all && w.first) raise(ErrorKind::usage, "--all and --first say the opposite of each other");
  if (w.next) {
    if (!w.lesson.empty()) raise(ErrorKind::usage, "--next chooses the lesson itself");
    const Lesson* next = suggested(progress_of(settings));
    if (next == nullptr) {
      print("All lessons are done.\n");
      return done;
    }
    Words chosen = w;
    chosen.lesson = next->slug;
    return show(chosen, settings);
  }
  if (w.lesson.empty()) {
    if (!w.set.empty())
      raise(ErrorKind::usage, "--set changes the numbers of a lesson. Which one?");
    return list(settings);
  }
  return show(w, settings);
}

}  // namespace

void add_learn(Command& command, const Settings& settings) {
  const auto w = std::make_shared<Words>();
  command.word("LESSON", w->lesson, "its name or number; none lists all", false);
  command.option("--set", w->set, "the same page with other numbers", "NAME=VALUE");
  command.flag("--all", w->all, "with Code and Deep dive, as a second reading");
  command.flag("--first", w->first, "without them, as a first reading");
  command.flag("--next", w->next, "the lesson to read next");
  command.option("--path", w->path, "the lessons to read before this one", "LESSON");
  command.option("--search", w->search, "lessons that hold these words", "WORDS");
  command.option("--decode", w->decode, "a formula, symbol by symbol", "FORMULA");
  command.flag("--goals", w->goals, "what the guide is for, and what is reached");
  command.option("--html", w->html, "write the whole guide as web pages", "FOLDER");
  command.example("gradus learn chain-rule");
  command.example("gradus learn chain-rule --set w=1.5");
  command.example("gradus learn --decode '\\frac{\\partial L}{\\partial w} = \\delta x^T'");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
