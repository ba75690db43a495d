// gradus ngram, tokenise and generate: what they print, and what they refuse.
#include <app/run.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gradus {
namespace {

using test::expect;
using test::expect_parts;
using test::run;

class LanguageVerbs : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_language_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    cat_ = write("cat.txt", "the cat sat on the mat the cat ran\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
    return folder_ + "/" + name;
  }
  void refused(const std::string& verb, const std::string& words,
               const std::string& message) const {
    expect(verb + " " + words + " 2>&1", 2, "gradus " + verb + ": " + message + "\n");
  }
  std::string trained(const std::string& recipe) const {
    const std::string run_folder = folder_ + "/run";
    EXPECT_EQ(
        run("train " + recipe + " --epochs 1 --quiet --out " + run_folder + " >/dev/null 2>&1")
            .status,
        0);
    return run_folder;
  }
  std::string folder_, cat_;
};

// Files that hold no text are refused in the same words by all who read one.
TEST_F(LanguageVerbs, refuse_what_is_no_text) {
  for (const char* verb : {"ngram", "tokenise"}) {
    refused(verb, folder_ + "/none.txt",
            folder_ + "/none.txt: cannot be opened: No such file or directory.");
    refused(verb, write("empty.txt", ""),
            folder_ + "/empty.txt: it holds 0 bytes. A text has two characters at least.");
    refused(verb, write("latin.txt", "caf\xe9 noir"),
            folder_ + "/latin.txt: byte 3 is no UTF-8. A text is UTF-8; convert the file first.");
  }
}

TEST_F(LanguageVerbs, ngram_refuses_what_it_cannot_count) {
  for (const char* order : {"99", "0", "-1"})
    refused("ngram", cat_ + " --order " + order,
            std::string("--order is ") + order +
                ". It counts the token and those before it, from 1 to 32.");
  for (const char* share : {"0", "1", "-0.5", "nan"})
    refused("ngram", cat_ + " --val " + share,
            std::string("--val is ") + share +
                ". It is the share at the end that is scored, between 0 and 1.");
  refused("ngram", cat_ + " --tokens -1", "--tokens is -1. It must be from 0 to 1000000.");
  refused("ngram", cat_ + " --val 0.01",
          "the text of 35 characters leaves none to score. Give a longer text, or a larger "
          "--val.");
}

// 1,000 letters a and b in turn, the last 100 scored: without a history each costs one bit. With
// one only the first of them does, which has none: 1 bit in 100.
TEST_F(LanguageVerbs, ngram_scores_a_text_of_turns) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "ab";
  const auto o = run("ngram " + write("turns.txt", text) + " --order 2 --json");
  EXPECT_EQ(o.status, 0);
  double bits[2] = {};
  size_t at = 0;
  for (double& b : bits) {
    at = o.out.find("\"bits\":", at) + 7;
    b = std::stod(o.out.substr(at));
  }
  EXPECT_NEAR(bits[0], 1, 1e-12);
  EXPECT_NEAR(bits[1], 0.01, 1e-7);
}

TEST_F(LanguageVerbs, tokenise_cuts_a_text) {
  expect("tokenise " + cat_ + " --kind word", 0,
         cat_ +
             ": 35 bytes, 10 tokens of 8 different, 3.50 bytes each\n"
             "the|␣cat|␣sat|␣on|␣the|␣mat|␣the|␣cat|␣ran|\\n|\n");
  expect("tokenise " + cat_ + " --kind char --json --show 3", 0,
         "{\"kind\":\"char\",\"bytes\":35,\"tokens\":35,\"vocabulary\":12,\"bytes_per_token\":1,"
         "\"first\":[\"t\",\"h\",\"e\"]}\n");
  const std::string cut = cat_ +
                          ": 35 bytes, 21 tokens of 261 different, 1.67 bytes each\n"
                          "the|␣c|at|␣|s|at|␣|o|n|␣the|␣|m|at|␣the|␣c|at|␣|r|a|n|\\n|\n";
  expect("tokenise " + cat_ + " --merges 5 --save " + folder_ + "/pairs", 0, cut);
  expect("tokenise " + cat_ + " --vocab " + folder_ + "/pairs", 0, cut);
}

TEST_F(LanguageVerbs, tokenise_says_what_is_wrong) {
  refused("tokenise", cat_ + " --kind foo", "--kind 'foo' is unknown. Choose char, word or bpe.");
  refused("tokenise", cat_ + " --kind word --save " + folder_,
          "--vocab and --save go with --kind bpe, but it is word. Leave them out.");
  refused("tokenise", cat_ + " --kind char --merges 5",
          "--merges counts the pairs that --kind bpe learns from the text, but the kind is char. "
          "Leave it out.");
  refused("tokenise", cat_ + " --vocab " + folder_ + " --merges 5",
          "--merges counts the pairs that --kind bpe learns from the text, but --vocab brings its "
          "own. Leave it out.");
  refused("tokenise", cat_ + " --merges -1",
          "byte pairs: -1 merges. It is the count of pairs to join, 0 or more.");
  refused("tokenise", cat_ + " --merges 9999999999",
          "--merges is 9999999999. It must be from 0 to 10000000.");
  refused("tokenise", cat_ + " --merges 99999999999999999999",
          "--merges: 99999999999999999999 is beyond the whole numbers of 64 bits, which end at "
          "9223372036854775807. See gradus help tokenise.");
  refused("tokenise", cat_ + " --show -99999999999999999999",
          "--show: -99999999999999999999 is beyond the whole numbers of 64 bits, which begin at "
          "-9223372036854775808. See gradus help tokenise.");
  refused("tokenise", cat_ + " --seed 99999999999999999999",
          "--seed: 99999999999999999999 is beyond the whole numbers of 64 bits, which end at "
          "18446744073709551615. See gradus help tokenise.");
  refused("tokenise", cat_ + " --show -3", "--show is -3. It counts the tokens shown, from 0.");
  refused("tokenise", cat_ + " --vocab " + folder_ + "/none",
          folder_ + "/none/vocab.json: cannot be opened: No such file or directory.");
}

// A refusal leaves standard output empty: no prompt stands before it.
TEST_F(LanguageVerbs, generate_refuses_before_it_writes) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "the cat sat on the mat the cat ran\n";
  const std::string folder = trained("char-rnn " + write("text.txt", text) + " --model gru:1-8-16");
  const auto wrong = [&](const std::string& words, const std::string& message) {
    refused("generate", folder + " --prompt the " + words, message);
  };
  for (const char* temperature : {"-1", "nan"})
    wrong(std::string("--temperature ") + temperature,
          std::string("temperature ") + temperature +
              ". It divides the logits: 0 takes the likeliest, 1 is the model's own.");
  for (const char* p : {"0", "1.5", "nan"})
    wrong(std::string("--tokens 0 --top-p ") + p,
          std::string("top-p ") + p + ". It is a probability above 0, up to 1.");
  wrong("--top-k -1", "top-k -1. It is a count of tokens, or 0 for all.");
  wrong("--tokens -1", "--tokens is -1. It must be from 0 to 10000000.");
  wrong("--prompt Zebra",
        "the character 'Z' at byte 0 is not among the 12 of the text. Use characters that "
        "stand there.");
  wrong("--beam 2", "--beam belongs to a run of seq2seq, but " + folder +
                        " writes letter by letter. Leave it out.");
  refused("generate", folder_ + "/none",
          folder_ + "/none: it is not a run folder: run.toml is missing");

  const std::string greedy = " --temperature 0 --tokens 12";
  const auto once = run("generate " + folder + " --prompt the" + greedy);
  EXPECT_EQ(once.status, 0);
  EXPECT_EQ(once.out.size(), 3 + 12 + 1u) << once.out;
  EXPECT_EQ(once.out.substr(0, 3), "the");
  expect("generate " + folder + " --prompt the --top-k 1 --tokens 12 --seed 7", 0, once.out);
  expect("generate " + folder + " --prompt the --tokens 0", 0, "the\n");
}

TEST_F(LanguageVerbs, generate_transforms_with_a_task) {
  const std::string folder = trained("seq2seq-reverse --examples 40");
  for (const char* option : {"--tokens", "--temperature", "--top-k", "--top-p"})
    refused("generate", folder + " --prompt 123 " + option + " 1",
            std::string(option) + " belongs to a run that writes letter by letter, but " + folder +
                " transforms what it is given. Leave it out.");
  refused("generate", folder + " --prompt 12a",
          "reverse: 'a' is no symbol of the task. It takes 0123456789.");
  refused("generate", folder + " --prompt 12345678901",
          "reverse: '12345678901' has 11 symbols. The task takes 10 at most.");
  refused("generate", folder,
          folder + " transforms what it is given, but nothing is. Give --prompt TEXT, the source.");
  refused("generate", folder + " --prompt 123 --beam 1000000000",
          "--beam is 1000000000. It must be from 1 to 1024.");
  EXPECT_EQ(run("generate " + folder + " --prompt 12 --beam 2").out.substr(0, 24),
            "target  log-probability\n");
  refused("generate", folder + " --prompt 123 --beam 0",
          "beam_search: a beam of 0. It is the count of prefixes that go on, 1 at least.");
  expect_parts("generate " + folder + " --prompt 12 --beam 2 --json", 0,
               {"{\"source\":\"12\",\"results\":[{\"text\":\"", "\"log_prob\":-"});
}

}  // namespace
}  // namespace gradus
