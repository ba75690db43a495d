// gradus words RUN|FILE: neighbours and analogies of words as vectors, and their text file.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/skipgram.h>

#include <algorithm>
#include <filesystem>

namespace gradus::app {
namespace {

struct WordsWords {
  std::string source, question;
  std::vector<std::string> rest;
  int64_t top = 10;
};

// The words behind the question, and how many it takes.
void require_words(const WordsWords& w, size_t wanted, const char* form) {
  if (w.rest.size() == wanted) return;
  raise(ErrorKind::usage, "words: " + w.question + " with " + std::to_string(w.rest.size()) +
                              " words. It takes " + std::to_string(wanted) +
                              ": gradus words SOURCE " + form + ".");
}

int answer(const std::vector<Words::Near>& near, const std::string& json,
           const Settings& settings) {
  std::vector<std::vector<std::string>> rows;
  std::string list;
  for (const Words::Near& n : near) {
    rows.push_back({n.word, text::fixed(n.cosine, 4)});
    list += std::string(list.empty() ? "" : ",") + "{\"word\":" + text::quote_json(n.word) +
            ",\"cosine\":" + text::number17(n.cosine) + "}";
  }
  if (near.empty()) note(settings, "gradus words: no word is left beside those asked about.\n");
  if (!near.empty() && std::ranges::all_of(near, [](const auto& n) { return n.cosine == 0; }))
    note(settings,
         "gradus words: every cosine is 0. The vector asked about is zero, or at right angles to "
         "all others.\n");
  print(settings.json ? "{" + json + ",\"near\":[" + list + "]}\n" : columns(rows));
  return done;
}

int run(const WordsWords& w, const Command& command, const Settings& settings) {
  if (command.given("--top") && w.question != "near" && w.question != "analogy")
    raise(ErrorKind::usage, "words: --top belongs to near and analogy. Leave it out.");
  if (w.top < 1)
    raise(ErrorKind::usage,
          "words: --top is " + std::to_string(w.top) + ". It counts the words shown, from 1.");
  const Words words =
      std::filesystem::is_directory(w.source) ? words_of_run(w.source) : Words::read(w.source);
  if (w.question == "near") {
    require_words(w, 1, "near WORD");
    return answer(words.near(w.rest[0], w.top), "\"word\":" + text::quote_json(w.rest[0]),
                  settings);
  }
  if (w.question == "analogy") {
    require_words(w, 3, "analogy A B C");
    std::vector<std::string> quoted;
    for (const std::string& word : w.rest) quoted.push_back(text::quote_json(word));
    return answer(words.analogy(w.rest[0], w.rest[1], w.rest[2], w.top),
                  "\"analogy\":[" + text::join(quoted, ",") + "]", settings);
  }
  if (w.question == "export") {
    require_words(w, 1, "export FILE");
    words.write(w.rest[0]);
  } else if (!w.question.empty()) {
    raise(ErrorKind::usage,
          "words: the question '" + w.question + "' is unknown. Ask near, analogy or export.");
  }
  if (settings.json)
    print("{\"words\":" + std::to_string(words.count()) +
          ",\"width\":" + std::to_string(words.width()) +
          (w.question.empty() ? "" : ",\"file\":" + text::quote_json(w.rest[0])) + "}\n");
  else
    print((w.question.empty() ? w.source + ": " : "wrote " + w.rest[0] + ": ") +
          text::grouped(words.count()) + " words, " + std::to_string(words.width()) +
          " numbers each\n");
  return done;
}

}  // namespace

void add_words(Command& command, const Settings& settings) {
  const auto w = std::make_shared<WordsWords>();
  command.word("SOURCE", w->source,
               "a run of train skipgram, or a file of vectors as word2vec and GloVe write them");
  command.word("QUESTION", w->question,
               "near WORD; analogy A B C: A is to B as C is to what; export FILE, in word2vec's "
               "form; without one, what there is",
               false);
  command.words("WORDS", w->rest, "what the question is about", false);
  command.option("--top", w->top, "of near and analogy: so many words");
  command.example("gradus words runs/0001-skipgram near gradient");
  command.example("gradus words glove.6B.100d.txt analogy man king woman --top 3");
  command.example("gradus words runs/0001-skipgram export vectors.txt");
  command.runs([w, &command, &settings] { return run(*w, command, settings); });
}

}  // namespace gradus::app
