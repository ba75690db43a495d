// Exercises on the command line: show, start, check, hint, solution.
#include <gradus/app/lesson.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/io/file.h>
#include <gradus/lessons/judge.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

namespace gradus::app {
namespace {

using namespace lessons;

struct Words {
  std::string action, name, answer;
  bool watch = false;
};

struct Place {
  const Lesson* lesson = nullptr;
  Exercise words;
};

Place find(const std::string& name) {
  std::vector<std::string> names;
  for (const Lesson& l : guide().lessons)
    for (Exercise& e : l.exercises()) {
      if (e.name == name) return {&l, std::move(e)};
      names.push_back(e.name);
    }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = text::nearest(name, views);
  raise(ErrorKind::usage, "there is no exercise '" + name + "'" +
                              (near ? "; did you mean " + std::string(*near) + "?"
                                    : ". gradus exercise lists them."));
}

using AnyExercise = std::variant<Predict, Choose, AnyFill>;

const AnyExercise& find_in(const Page& page, const std::string& name) {
  for (const AnyExercise& e : page.exercises)
    if (std::visit([&](const auto& x) { return x.name == name; }, e)) return e;
  raise(ErrorKind::unsupported, "the exercise '" + name + "' has no checker");
}
const AnyExercise& find_in(Page&&, const std::string&) = delete;  // what it finds lives in the page

std::string kind_of(const AnyExercise& e) {
  return std::holds_alternative<Predict>(e)  ? "number"
         : std::holds_alternative<Choose>(e) ? "word"
                                             : "C++";
}

std::string file_of(const std::string& name, const Settings& settings) {
  return (settings.out.empty() ? "exercises" : settings.out) + "/" + name + ".cpp";
}

std::string json_of(const Verdict& v, const std::string& name) {
  return "{\"exercise\":" + text::quote_json(name) + ",\"right\":" + (v.right ? "true" : "false") +
         ",\"where\":" + text::quote_json(v.where) + ",\"yours\":" + text::quote_json(v.yours) +
         ",\"expected\":" + text::quote_json(v.expected) +
         ",\"misconception\":" + text::quote_json(v.misconception) +
         ",\"says\":" + text::quote_json(v.says) + "}\n";
}

std::string shown_verdict(const Verdict& v, const Place& place, const ExerciseState& state,
                          bool file, const Look& look) {
  const Page none;
  if (v.right) {
    std::string out =
        tinted("✓ right", Tint::good, look) + "  " + for_look(place.words.title, look) + "\n";
    if (!v.says.empty()) out += render_markdown(v.says, none, look, 2);
    return out;
  }
  std::string out = tinted(v.where.empty() ? "✗ not yet" : "✗ not yet: the first check that fails",
                           Tint::bad, look);
  if (!v.misconception.empty()) out += "  (" + for_look(v.misconception, look) + ")";
  out += "\n";
  if (!v.where.empty()) out += "  " + for_look(v.where, look) + "\n";
  if (!v.yours.empty()) out += "      yours     " + for_look(v.yours, look) + "\n";
  if (!v.expected.empty()) out += "      expected  " + tinted(v.expected, Tint::bold, look) + "\n";
  if (!v.says.empty()) out += render_markdown(v.says, none, look, 2);
  const size_t n = place.words.hints.size();
  const size_t next = std::min<size_t>(static_cast<size_t>(state.hints) + 1, n);
  if (n > 0)
    out += tinted("hint " + std::to_string(next) + " of " + std::to_string(n) + ": ", Tint::dim,
                  look) +
           "gradus exercise hint " + place.words.name +
           (file ? tinted("      edit and run again; --watch re-checks on save", Tint::dim, look)
                 : "") +
           "\n";
  return out;
}

int list(const Settings& settings) {
  const Progress progress = progress_of(settings);
  const Look look = look_of(settings);
  std::string out;
  for (const Lesson& l : guide().lessons) {
    const std::vector<Exercise> exercises = l.exercises();
    if (exercises.empty()) continue;
    if (!settings.json)
      out +=
          (out.empty() ? "" : "\n") + tinted(l.number + " · " + l.title, Tint::bold, look) + "\n";
    for (const Exercise& e : exercises) {
      const auto it = progress.exercises.find(e.name);
      const ExerciseState state = it == progress.exercises.end() ? ExerciseState{} : it->second;
      const char* word = state.right ? "done" : state.attempts > 0 ? "tried" : "";
      if (settings.json)
        out += std::string(out.empty() ? "[" : ",") + "{\"name\":" + text::quote_json(e.name) +
               ",\"title\":" + text::quote_json(e.title) +
               ",\"lesson\":" + text::quote_json(l.slug) +
               ",\"hints\":" + std::to_string(e.hints.size()) +
               ",\"attempts\":" + std::to_string(state.attempts) +
               ",\"right\":" + (state.right ? "true" : "false") + "}";
      else
        out += for_look(state.right          ? "  ✓ "
                        : state.attempts > 0 ? "  ○ "
                                             : "    ",
                        look) +
               text::pad_right(e.name, 26) +
               (*word == '\0' ? for_look(e.title, look)
                              : text::pad_right(for_look(e.title, look), 42) + " " + word) +
               "\n";
    }
  }
  if (settings.json)
    print((out.empty() ? "[" : out) + "]\n");
  else
    print(out + "\nnext  gradus exercise show NAME\n");
  return done;
}

int show(const Words& w, const Settings& settings) {
  const Place place = find(w.name);
  const Page page = page_of(*place.lesson);
  if (settings.json) {
    print("{\"name\":" + text::quote_json(w.name) +
          ",\"title\":" + text::quote_json(place.words.title) + ",\"lesson\":" +
          text::quote_json(place.lesson->slug) + ",\"task\":" + text::quote_json(place.words.task) +
          ",\"answer\":" + text::quote_json(kind_of(find_in(page, w.name))) +
          ",\"hints\":" + std::to_string(place.words.hints.size()) + "}\n");
    return done;
  }
  print(render_exercise(place.words, page, look_of(settings)));
  return done;
}

int start(const Words& w, const Settings& settings) {
  const Place place = find(w.name);
  const Page page = page_of(*place.lesson);
  const AnyExercise& e = find_in(page, w.name);
  if (!std::holds_alternative<AnyFill>(e))
    raise(ErrorKind::usage, "'" + w.name + "' asks for a " + kind_of(e) +
                                ", not for code. Answer with gradus exercise check " + w.name +
                                " ANSWER.");
  const std::string file = file_of(w.name, settings);
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, error)))
    raise(ErrorKind::usage,
          file + " is there already and stays as it is. Edit it, then gradus exercise check " +
              w.name + ".");
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  write_file_atomically(file, as_bytes(exercise_stub(*place.lesson, place.words)));
  if (settings.json)
    print("{\"file\":" + text::quote_json(file) + "}\n");
  else
    print("wrote " + file + "\nnext  edit it, then gradus exercise check " + w.name + "\n");
  return done;
}

// What the answer is worth. The file is compiled afresh each time.
Verdict verdict_of(const AnyExercise& e, const Words& w, const Settings& settings) {
  if (const AnyFill* fill = std::get_if<AnyFill>(&e)) {
    if (!w.answer.empty())
      raise(ErrorKind::usage, "'" + w.name + "' asks for code, not for '" + w.answer +
                                  "'. gradus exercise start " + w.name +
                                  " writes a file to fill in.");
    const std::string file = file_of(w.name, settings);
    if (!std::filesystem::exists(file))
      raise(ErrorKind::usage,
            "there is no " + file + ". gradus exercise start " + w.name + " writes it.");
    const TemporaryFolder folder;
    const Compiled compiled = compile_answer(file, folder.path());
    note(settings, "compiling " + file + (settings.plain ? " ... " : " … ") +
                       text::fixed(compiled.seconds, 1) + " s\n");
    if (compiled.shared_object.empty())
      return {.misconception = "does not compile", .says = compiled.errors};
    return judge(*fill, compiled.shared_object);
  }
  std::string answer = w.answer;
  if (answer.empty() && !ask("your answer> ", answer))
    raise(ErrorKind::usage, "'" + w.name + "' asks for a " + kind_of(e) +
                                ". Write gradus exercise check " + w.name + " ANSWER.");
  return std::holds_alternative<Predict>(e) ? judge(std::get<Predict>(e), answer)
                                            : judge(std::get<Choose>(e), answer);
}

int check_once(const Place& place, const AnyExercise& e, const Words& w, const Settings& settings) {
  const Verdict v = verdict_of(e, w, settings);
  Progress progress = progress_of(settings);
  ExerciseState& state = progress.exercises[w.name];
  ++state.attempts;
  state.right = state.right || v.right;
  save(progress, settings);
  const Look look = look_of(settings);
  if (settings.json) {
    print(json_of(v, w.name));
  } else if (v.misconception == "does not compile") {
    print(tinted("✗ not yet: it does not compile", Tint::bad, look) + "\n" +
          for_look(v.says, look));
  } else {
    print(shown_verdict(v, place, state, std::holds_alternative<AnyFill>(e), look));
    if (v.right) {
      if (mark_of(*place.lesson, progress) == Mark::finished)
        print(for_look("All exercises of lesson " + place.lesson->number + " are done.\n", look));
      for (const Exercise& other : place.lesson->exercises()) {
        const auto it = progress.exercises.find(other.name);
        if (it != progress.exercises.end() && it->second.right) continue;
        print("next  gradus exercise show " + other.name + "\n");
        return done;
      }
      if (const Lesson* next = suggested(progress))
        print("next  gradus learn " + next->slug + "\n");
    }
  }
  return v.right ? done : answer_is_no;
}

std::optional<int64_t> change_time(const std::string& file) {
  struct stat s = {};
  if (stat(file.c_str(), &s) != 0) return std::nullopt;
  return int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
}

int check(const Words& w, const Settings& settings) {
  set_thread_count(1);  // the answer runs in a forked process, which has no pool
  const Place place = find(w.name);
  const Page page = page_of(*place.lesson);
  const AnyExercise& e = find_in(page, w.name);
  if (!w.watch) return check_once(place, e, w, settings);
  if (!std::holds_alternative<AnyFill>(e))
    raise(ErrorKind::usage, "--watch is for exercises in C++");
  const std::string file = file_of(w.name, settings);
  while (true) {
    const auto seen = change_time(file);
    if (check_once(place, e, w, settings) == done) return done;
    note(settings, "\nwatching " + file + " (Ctrl-C ends)\n");
    // An editor may remove the file for a moment while it saves.
    for (auto now = change_time(file); !now || now == seen; now = change_time(file))
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

int hint(const Words& w, const Settings& settings) {
  const Place place = find(w.name);
  const std::vector<std::string>& hints = place.words.hints;
  if (hints.empty()) raise(ErrorKind::unsupported, "the exercise '" + w.name + "' has no hints");
  Progress progress = progress_of(settings);
  ExerciseState& state = progress.exercises[w.name];
  state.hints = std::clamp(state.hints + 1, 1, static_cast<int>(hints.size()));
  save(progress, settings);
  const Look look = look_of(settings);
  const size_t n = static_cast<size_t>(state.hints);
  if (settings.json) {
    print("{\"hint\":" + std::to_string(n) + ",\"of\":" + std::to_string(hints.size()) +
          ",\"says\":" + text::quote_json(hints[n - 1]) + "}\n");
    return done;
  }
  const Page page = page_of(*place.lesson);
  for (size_t i = 0; i < n; ++i)
    print(tinted("hint " + std::to_string(i + 1) + " of " + std::to_string(hints.size()),
                 i + 1 == n ? Tint::bold : Tint::dim, look) +
          "\n" + render_markdown(hints[i], page, look, 2));
  if (n == hints.size())
    print(tinted("That was the last one. After an attempt: ", Tint::dim, look) +
          "gradus exercise solution " + w.name + "\n");
  return done;
}

int solution(const Words& w, const Settings& settings) {
  const Place place = find(w.name);
  const Page page = page_of(*place.lesson);
  const AnyExercise& e = find_in(page, w.name);
  const Progress progress = progress_of(settings);
  const auto it = progress.exercises.find(w.name);
  if (it == progress.exercises.end() || it->second.attempts == 0)
    raise(ErrorKind::usage,
          "try '" + w.name + "' once before the solution: gradus exercise check " + w.name);
  std::string text;
  if (const Predict* p = std::get_if<Predict>(&e)) text = shown(p->answer, 6) + "\n";
  if (const Choose* c = std::get_if<Choose>(&e)) {
    for (const Choose::Choice& choice : c->choices)
      if (choice.word == c->answer) text = choice.word + ": " + choice.text + "\n";
  }
  if (std::holds_alternative<AnyFill>(e)) text = exercise_solution(*place.lesson, place.words);
  if (settings.json)
    print("{\"exercise\":" + text::quote_json(w.name) + ",\"solution\":" + text::quote_json(text) +
          "}\n");
  else if (std::holds_alternative<AnyFill>(e))
    print(for_look(text, look_of(settings)));
  else
    print(render_markdown(text, page, look_of(settings), 0));
  return done;
}

}  // namespace

void add_exercise(Command& command, const Settings& settings) {
  const auto w = std::make_shared<Words>();
  command.word("ACTION", w->action, "show, start, check, hint or solution; nothing lists all",
               false);
  command.word("NAME", w->name, "the exercise", false);
  command.expression("ANSWER", w->answer, "for check: a number or a word", false);
  command.flag("--watch", w->watch, "check again whenever the file is saved");
  command.example("gradus exercise start gd-from-scratch");
  command.example("gradus exercise check gd-from-scratch --watch");
  command.runs([w, &settings] {
    if (w->action.empty()) return list(settings);
    using Action = int (*)(const Words&, const Settings&);
    const std::pair<std::string_view, Action> actions[] = {
        {"show", show}, {"start", start}, {"check", check}, {"hint", hint}, {"solution", solution}};
    for (const auto& [name, action] : actions) {
      if (name != w->action) continue;
      if (w->name.empty())
        raise(ErrorKind::usage, w->action + " which exercise? gradus exercise lists them.");
      if (!w->answer.empty() && name != "check")
        raise(ErrorKind::usage, "'" + w->answer + "' is one word too many");
      return action(*w, settings);
    }
    // gradus exercise NAME: the task.
    if (w->name.empty() && guide().of_exercise(w->action) != nullptr) {
      w->name = w->action;
      return show(*w, settings);
    }
    raise(ErrorKind::usage,
          "'" + w->action + "' is none of show, start, check, hint and solution, and no exercise");
  });
}

}  // namespace gradus::app
