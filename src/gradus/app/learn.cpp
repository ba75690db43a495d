// The guide on a terminal.
#include <gradus/app/verbs.h>
#include <gradus/lessons/terminal.h>

namespace gradus::app {

void add_learn(Command& command, const Settings& settings) {
  const auto name = std::make_shared<std::string>();
  command.word("LESSON", *name, "its name or number", false);
  command.runs([name, &settings] {
    const lessons::Guide guide = lessons::make_guide(lessons::embedded_guide());
    if (name->empty()) {
      for (const lessons::Lesson& l : guide.lessons)
        print(l.number + "  " + l.slug + "  " + l.title + "\n");
      return done;
    }
    const lessons::Lesson& lesson = lessons::lesson_named(guide, *name);
    const char* columns = std::getenv("COLUMNS");
    lessons::Look look{.columns = columns ? std::atoi(columns) : 80,
                       .color = use_color(settings, 1),
                       .ascii = settings.plain};
    print(lessons::render_lesson(guide, lesson, lessons::computed(lesson), look, {}));
    return done;
  });
}

}  // namespace gradus::app
