// gradus ngram FILE: what counting makes of a text, and how well it foretells the rest.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/train/ngram.h>
#include <gradus/train/text.h>

#include <cmath>

namespace gradus::app {
namespace {

struct NgramWords {
  std::string file = "lessons";
  int64_t order = 5, tokens = 0;
  double val = 0.1;
};

int run(const NgramWords& w, const Settings& settings) {
  if (!(w.val > 0 && w.val < 1))
    raise(ErrorKind::usage, "ngram: --val is " + text::number(w.val) +
                                ". It is the share at the end that is scored, between 0 and 1.");
  if (w.tokens < 0 || w.tokens > 1'000'000)
    raise(ErrorKind::usage,
          "ngram: --tokens is " + std::to_string(w.tokens) + ". It must be from 0 to 1000000.");
  if (w.order < 1 || w.order > NGram::most_order)
    raise(ErrorKind::usage, "ngram: --order is " + std::to_string(w.order) +
                                ". It counts the token and those before it, from 1 to " +
                                std::to_string(NGram::most_order) + ".");
  const std::string text = load_text(w.file);
  const Characters characters(text);
  const std::vector<int64_t> tokens = characters.encode(text);
  const auto held = static_cast<size_t>(w.val * static_cast<double>(tokens.size()));
  const std::span<const int64_t> all(tokens);
  const auto learnt = all.first(tokens.size() - held), rest = all.last(held);
  const auto order = static_cast<int>(w.order);
  std::string json = "{\"characters\":" + std::to_string(tokens.size()) +
                     ",\"vocabulary\":" + std::to_string(characters.count()) +
                     ",\"held_out\":" + std::to_string(held) + ",\"orders\":[";
  std::string table = w.file + ": " + text::grouped(static_cast<int64_t>(tokens.size())) +
                      " characters, " + std::to_string(characters.count()) +
                      " different; the last " + text::grouped(static_cast<int64_t>(held)) +
                      " are scored\n\n"
                      "order    loss    bits  perplexity\n";
  if (held == 0)
    raise(ErrorKind::usage, "ngram: the text of " + std::to_string(tokens.size()) +
                                " characters leaves none to score. Give a longer text, or a larger "
                                "--val.");
  std::string sample;
  for (int n = 1; n <= order; ++n) {
    const NGram model(learnt, characters.count(), n);
    const double loss = model.loss(rest);
    json += std::string(n > 1 ? "," : "") + "{\"order\":" + std::to_string(n) +
            ",\"loss\":" + text::number17(loss) +
            ",\"bits\":" + text::number17(loss / std::log(2.0)) +
            ",\"perplexity\":" + text::number17(std::exp(loss)) + "}";
    table += text::pad_left(std::to_string(n), 5) + text::pad_left(text::fixed(loss, 4), 8) +
             text::pad_left(text::fixed(loss / std::log(2.0), 4), 8) +
             text::pad_left(text::fixed(std::exp(loss), 3), 12) + "\n";
    if (n == order && w.tokens > 0) {
      std::vector<double> u(static_cast<size_t>(w.tokens));
      fill_uniform(key_from_seed(settings.seed), 0, std::span<double>(u));
      sample = characters.decode(model.sample({}, u));
    }
  }
  if (settings.json)
    print(json + "]" + (w.tokens > 0 ? ",\"text\":" + text::quote_json(sample) : "") + "}\n");
  else
    print(table + (w.tokens > 0 ? "\n" + sample + "\n" : ""));
  return done;
}

}  // namespace

void add_ngram(Command& command, const Settings& settings) {
  const auto w = std::make_shared<NgramWords>();
  command.word("FILE", w->file, "a text in UTF-8; without it the guide's lessons", false);
  command.option("--order", w->order, "the token and those before it: all orders up to this one");
  command.option("--val", w->val, "the share at the end that is scored");
  command.option("--tokens", w->tokens, "characters to write with the last order");
  command.example("gradus ngram --order 5");
  command.example("gradus ngram book.txt --order 6 --tokens 300");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
