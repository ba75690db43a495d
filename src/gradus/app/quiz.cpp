// Interview questions: think, compare, grade yourself.
#include <gradus/app/lesson.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <unistd.h>

#include <algorithm>

namespace gradus::app {
namespace {

using namespace lessons;

struct Asked {
  const Lesson* lesson;
  Question question;
  std::string name;  // "chain-rule#2"
  int grade = 0;     // 0: not graded yet
};

constexpr std::string_view rubric =
    "1 no idea   2 parts of it   3 the short answer   4 the strong answer, in my own words";

std::string answer_text(const Asked& a, const Page& page, const Look& look) {
  const Question& q = a.question;
  const auto part = [&](const char* name, const std::string& text) {
    return render_markdown("**" + std::string(name) + "** " + text, page, look, 2) + "\n";
  };
  return part("Short answer.", q.short_answer) + part("Strong answer.", q.strong_answer) +
         part("Key phrases.", text::join(q.key_phrases, "; ")) +
         part("They may ask next.", q.follow_up);
}

std::string question_text(const Asked& a, const Look& look) {
  const Page none;
  return tinted("Lesson " + a.lesson->number + " · " + a.name +
                    (a.grade > 0 ? " · last grade " + std::to_string(a.grade) : ""),
                Tint::dim, look) +
         "\n" + render_markdown("**" + a.question.question + "**", none, look, 0);
}

std::string json_of(const Asked& a) {
  std::string phrases;
  for (const std::string& p : a.question.key_phrases)
    phrases += (phrases.empty() ? "" : ",") + text::quote_json(p);
  return "{\"name\":" + text::quote_json(a.name) +
         ",\"lesson\":" + text::quote_json(a.lesson->slug) +
         ",\"question\":" + text::quote_json(a.question.question) +
         ",\"short\":" + text::quote_json(a.question.short_answer) +
         ",\"strong\":" + text::quote_json(a.question.strong_answer) + ",\"key_phrases\":[" +
         phrases + "],\"follow_up\":" + text::quote_json(a.question.follow_up) +
         ",\"grade\":" + std::to_string(a.grade) + "}";
}

int run(const std::string& word, bool all, const Settings& settings) {
  Progress progress = progress_of(settings);
  const size_t sharp = word.find('#');
  const Lesson* only = word.empty() ? nullptr : &lesson_named(guide(), word.substr(0, sharp));
  std::vector<Asked> asked;
  for (const Lesson& l : guide().lessons) {
    if (only != nullptr && only != &l) continue;
    int n = 0;
    for (Question& q : l.questions()) {
      const std::string name = l.slug + "#" + std::to_string(++n);
      if (sharp != std::string::npos && word != name) continue;
      const auto it = progress.grades.find(name);
      asked.push_back({&l, std::move(q), name, it == progress.grades.end() ? 0 : it->second});
    }
  }
  if (asked.empty()) raise(ErrorKind::usage, "there is no question '" + word + "'");
  if (settings.json) {
    std::string out;
    for (const Asked& a : asked) out += (out.empty() ? "[" : ",\n ") + json_of(a);
    print(out + "]\n");
    return done;
  }
  const Look look = look_of(settings);
  if (all || isatty(STDIN_FILENO) == 0) {
    for (const Asked& a : asked)
      print(question_text(a, look) + "\n" + answer_text(a, page_of(*a.lesson), look));
    return done;
  }
  // What was never graded first, then what went worst.
  std::stable_sort(asked.begin(), asked.end(),
                   [](const Asked& a, const Asked& b) { return a.grade < b.grade; });
  for (size_t i = 0; i < asked.size(); ++i) {
    Asked& a = asked[i];
    print("\n" + question_text(a, look));
    std::string typed;
    if (!ask(tinted("Say your answer aloud, then Enter (q ends) ", Tint::dim, look), typed) ||
        typed == "q")
      return done;
    print("\n" + answer_text(a, page_of(*a.lesson), look));
    print(tinted(rubric, Tint::dim, look) + "\n");
    while (ask("your grade, 1 to 4> ", typed)) {
      if (typed == "q") return done;
      if (typed.size() == 1 && typed[0] >= '1' && typed[0] <= '4') {
        progress.grades[a.name] = typed[0] - '0';
        save(progress, settings);
        break;
      }
    }
  }
  print("\nThat was the last question.\n");
  return done;
}

}  // namespace

void add_quiz(Command& command, const Settings& settings) {
  const auto word = std::make_shared<std::string>();
  const auto all = std::make_shared<bool>(false);
  command.word("LESSON", *word, "its name or number, or one question as chain-rule#2", false);
  command.flag("--all", *all, "print questions and answers without waiting");
  command.example("gradus quiz chain-rule");
  command.runs([word, all, &settings] { return run(*word, *all, settings); });
}

}  // namespace gradus::app
