#include <gradus/app/machine.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>

namespace gradus::app {
namespace {

struct RngWords {
  std::string kind = "uniform";
  int64_t count = 4;
  bool jsonl = false;
};

}  // namespace

void add_rng(Command& command, const Settings& settings) {
  const auto r = std::make_shared<RngWords>();
  command.choice("--kind", r->kind, "what to draw", {"uniform", "normal"});
  command.option("--count", r->count, "how many numbers");
  command.flag("--jsonl", r->jsonl, "answer JSON lines from standard input");
  command.example("gradus rng --kind normal --count 3 --seed 42");
  command.runs([r, &settings] {
    if (r->jsonl) {
      answer_lines(rng_answer);
      return done;
    }
    constexpr int64_t most = 10'000'000;
    if (r->count < 0 || r->count > most)
      raise(ErrorKind::usage, "--count runs from 0 to " + std::to_string(most));
    std::vector<double> x(static_cast<size_t>(r->count));
    const Key key = key_from_seed(settings.seed);
    if (r->kind == "normal")
      fill_normal(key, 0, std::span<double>(x));
    else
      fill_uniform(key, 0, std::span<double>(x));
    if (settings.json) print("[");
    for (size_t i = 0; i < x.size(); ++i)
      print(settings.json ? (i > 0 ? "," : "") + text::number17(x[i]) : text::number(x[i]) + "\n");
    if (settings.json) print("]\n");
    note(settings, "seed " + std::to_string(settings.seed) + "\n");
    return done;
  });
}

}  // namespace gradus::app
