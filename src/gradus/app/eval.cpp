#include <gradus/app/machine.h>
#include <gradus/app/verbs.h>

namespace gradus::app {

void add_eval(Command& command, const Settings& settings) {
  const auto jsonl = std::make_shared<bool>(false);
  command.flag("--jsonl", *jsonl, "answer {\"f\":..,\"args\":[..]} lines from standard input");
  command.runs([jsonl, of_run = add_eval_run(command, settings)]() -> int {
    if (!*jsonl) return of_run();
    answer_lines(eval_answer);
    return done;
  });
}

}  // namespace gradus::app
