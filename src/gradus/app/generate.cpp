// gradus generate RUN: a trained language model writes on.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/run_files.h>
#include <gradus/train/sequences.h>
#include <gradus/train/text.h>

#include <cstdio>

namespace gradus::app {
namespace {

struct GenerateWords {
  std::string run, prompt;
  int64_t tokens = 400;
  int64_t beam = 1;
  SamplingOptions sampling = {.temperature = 0.8};
};

int transform_prompt(const GenerateWords& w, const Settings& settings) {
  constexpr int64_t widest = 1024;
  if (w.prompt.empty())
    raise(ErrorKind::usage, "generate: " + w.run +
                                " transforms what it is given, but nothing is. Give --prompt TEXT, "
                                "the source.");
  if (w.beam > widest)
    raise(ErrorKind::usage, "generate: --beam is " + std::to_string(w.beam) +
                                ". It must be from 1 to " + std::to_string(widest) + ".");
  const auto found = transform(w.run, w.prompt, w.beam);
  std::string json = "{\"source\":" + text::quote_json(w.prompt) + ",\"results\":[";
  std::string lines = w.beam == 1 || settings.quiet ? "" : "target  log-probability\n";
  for (size_t i = 0; i < found.size(); ++i) {
    const auto& [text, log_prob] = found[i];
    json += std::string(i ? "," : "") + "{\"text\":" + text::quote_json(text) +
            ",\"log_prob\":" + text::number17(log_prob) + "}";
    lines += w.beam == 1 ? text + "\n" : text + "  " + text::fixed(log_prob, 4) + "\n";
  }
  print(settings.json ? json + "]}\n" : lines);
  return done;
}

int run(const GenerateWords& w, const Command& command, const Settings& settings) {
  constexpr int64_t most = 10'000'000;
  if (w.tokens < 0 || w.tokens > most)
    raise(ErrorKind::usage, "generate: --tokens is " + std::to_string(w.tokens) +
                                ". It must be from 0 to " + std::to_string(most) + ".");
  if (read_run(w.run).config.recipe.starts_with("seq2seq")) {
    for (const char* option : {"--tokens", "--temperature", "--top-k", "--top-p"})
      if (command.given(option))
        raise(ErrorKind::usage, "generate: " + std::string(option) +
                                    " belongs to a run that writes letter by letter, but " + w.run +
                                    " transforms what it is given. Leave it out.");
    return transform_prompt(w, settings);
  }
  if (command.given("--beam"))
    raise(ErrorKind::usage, "generate: --beam belongs to a run of seq2seq, but " + w.run +
                                " writes letter by letter. Leave it out.");
  const Writer writer(w.run);
  const Key key = key_from_seed(settings.seed);
  if (settings.json) {
    const std::string text = writer.write(w.prompt, w.tokens, w.sampling, key);
    print("{\"prompt\":" + text::quote_json(w.prompt) + ",\"text\":" + text::quote_json(text) +
          ",\"tokens\":" + std::to_string(w.tokens) + ",\"seed\":" + std::to_string(settings.seed) +
          "}\n");
    return done;
  }
  std::string before = w.prompt;  // told with the first character: what is refused prints nothing
  writer.write(w.prompt, w.tokens, w.sampling, key, [&](const std::string& c) {
    print(before + c);
    before.clear();
    std::fflush(stdout);
  });
  print(before + "\n");
  return done;
}

}  // namespace

void add_generate(Command& command, const Settings& settings) {
  const auto w = std::make_shared<GenerateWords>();
  command.word("RUN", w->run, "a run of train: char-rnn, char-lstm, gpt, or a task of seq2seq");
  command.option("--prompt", w->prompt,
                 "what it goes on from, or the source of a task; empty: the start of a line",
                 "TEXT");
  command.option("--tokens", w->tokens, "characters to write");
  command.option("--temperature", w->sampling.temperature,
                 "below 1 surer, above 1 bolder, 0 always the likeliest");
  command.option("--top-k", w->sampling.top_k, "among so many of the likeliest; 0: all");
  command.option("--top-p", w->sampling.top_p,
                 "among the fewest likeliest whose probabilities reach this");
  command.option("--beam", w->beam, "of seq2seq: so many beginnings go on, the likeliest first");
  command.example("gradus generate runs/0002-seq2seq-sort --prompt 31415 --beam 4");
  command.example("gradus generate runs/0001-gpt --prompt \"The gradient\" --tokens 200");
  command.runs([w, &command, &settings] { return run(*w, command, settings); });
}

}  // namespace gradus::app
