// gradus tokenise FILE: a text cut into tokens, and what a vocabulary costs.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/text.h>
#include <gradus/train/tokens.h>

#include <filesystem>
#include <optional>
#include <set>

namespace gradus::app {
namespace {

namespace fs = std::filesystem;

struct TokeniseWords {
  std::string file = "lessons", kind = "bpe", from, save;
  int64_t merges = 500, show = 40;
};

// Signs that would not show as they are.
std::string visible(std::string_view token) {
  std::string out;
  for (char c : token)
    out += c == ' ' ? "\u2423" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return text::valid_utf8(out) ? out : "<" + std::to_string(token.size()) + " bytes>";
}

int run(const TokeniseWords& w, const Command& command, const Settings& settings) {
  if (w.kind != "bpe" && w.kind != "char" && w.kind != "word")
    raise(ErrorKind::usage,
          "tokenise: --kind '" + w.kind + "' is unknown. Choose char, word or bpe.");
  if (w.kind != "bpe" && (!w.from.empty() || !w.save.empty()))
    raise(ErrorKind::usage, "tokenise: --vocab and --save go with --kind bpe, but it is " + w.kind +
                                ". Leave them out.");
  if (command.given("--merges") && (w.kind != "bpe" || !w.from.empty()))
    raise(ErrorKind::usage,
          "tokenise: --merges counts the pairs that --kind bpe learns from the text, but " +
              (w.kind == "bpe" ? "--vocab brings its own" : "the kind is " + w.kind) +
              ". Leave it out.");
  if (constexpr int64_t most = 10'000'000; w.merges > most)
    raise(ErrorKind::usage, "tokenise: --merges is " + std::to_string(w.merges) +
                                ". It must be from 0 to " + std::to_string(most) + ".");
  if (w.show < 0)
    raise(ErrorKind::usage, "tokenise: --show is " + std::to_string(w.show) +
                                ". It counts the tokens shown, from 0.");
  const std::string text = load_text(w.file);
  std::vector<std::string_view> parts;
  std::optional<BytePairs> pairs;
  int64_t vocabulary = 0;
  if (w.kind == "bpe") {
    const auto file = [](const std::string& folder, const char* name) {
      return (fs::path(folder) / name).string();
    };
    pairs = w.from.empty()
                ? BytePairs::trained(text, w.merges)
                : BytePairs::read(file(w.from, "vocab.json"), file(w.from, "merges.txt"));
    if (!w.save.empty()) {
      std::error_code made;
      fs::create_directories(w.save, made);
      pairs->write(file(w.save, "vocab.json"), file(w.save, "merges.txt"));
    }
    size_t at = 0;
    for (int64_t t : pairs->encode(text)) {
      parts.push_back(std::string_view(text).substr(at, pairs->symbol(t).size()));
      at += parts.back().size();
    }
    vocabulary = pairs->count();
  } else {
    parts = w.kind == "char" ? characters_of(text) : words_of(text);
    vocabulary = std::ssize(std::set<std::string_view>(parts.begin(), parts.end()));
  }
  const double each = static_cast<double>(text.size()) / static_cast<double>(parts.size());
  const auto first = std::span(parts).first(std::min(parts.size(), static_cast<size_t>(w.show)));
  if (settings.json) {
    std::string list;
    for (const std::string_view p : first)
      list += (list.empty() ? "" : ",") +
              text::quote_json(text::valid_utf8(p) ? std::string(p) : visible(p));
    print("{\"kind\":" + text::quote_json(w.kind) + ",\"bytes\":" + std::to_string(text.size()) +
          ",\"tokens\":" + std::to_string(parts.size()) +
          ",\"vocabulary\":" + std::to_string(vocabulary) +
          ",\"bytes_per_token\":" + text::number17(each) + ",\"first\":[" + list + "]}\n");
    return done;
  }
  std::string line;
  for (const std::string_view p : first) line += visible(p) + "|";
  print(w.file + ": " + text::grouped(std::ssize(text)) + " bytes, " +
        text::grouped(std::ssize(parts)) + " tokens of " + text::grouped(vocabulary) +
        " different, " + text::fixed(each, 2) + " bytes each\n" + line + "\n");
  return done;
}

}  // namespace

void add_tokenise(Command& command, const Settings& settings) {
  const auto w = std::make_shared<TokeniseWords>();
  command.word("FILE", w->file, "a text in UTF-8; without it the guide's lessons", false);
  command.option("--kind", w->kind, "char, word or bpe (pairs of bytes)");
  command.option("--merges", w->merges, "of bpe: pairs to join, learnt from the text");
  command.option("--vocab", w->from, "of bpe: apply vocab.json and merges.txt of this folder",
                 "DIR");
  command.option("--save", w->save, "of bpe: write vocab.json and merges.txt here", "DIR");
  command.option("--show", w->show, "so many of the first tokens");
  command.example("gradus tokenise book.txt --merges 1000 --save pairs");
  command.example("gradus tokenise other.txt --vocab pairs");
  command.runs([w, &command, &settings] { return run(*w, command, settings); });
}

}  // namespace gradus::app
