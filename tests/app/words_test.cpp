// gradus words: what it prints, and what it refuses.
#include <app/run.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gradus {
namespace {

using test::expect;
using test::run;

class WordsVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_words_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    file_ = write("v.txt", "man 1 0 0\nwoman 0 1 0\nking 10 0 10\nqueen 0 1 1\napple -1 1 0\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  std::string folder_, file_;
};

TEST_F(WordsVerb, answers_from_a_file) {
  expect("words " + file_, 0, file_ + ": 5 words, 3 numbers each\n");
  expect("words " + file_ + " --json", 0, "{\"words\":5,\"width\":3}\n");
  expect("words " + file_ + " near woman --top 2", 0, "queen   0.7071\napple   0.7071\n");
  expect("words " + file_ + " analogy man king woman", 0, "queen   0.9586\napple   0.7260\n");
  test::expect_parts("words " + file_ + " analogy man king woman --top 1 --json", 0,
                     {"{\"analogy\":[\"man\",\"king\",\"woman\"],\"near\":[{\"word\":\"queen\","
                      "\"cosine\":0.95856"});
}

TEST_F(WordsVerb, notes_an_answer_that_says_nothing) {
  expect("words " + write("zero.txt", "a 0 0\nb 1 2\nc 2 1\n") + " near a --top 1 2>&1", 0,
         "gradus words: every cosine is 0. The vector asked about is zero, or at right angles to "
         "all others.\nb   0.0000\n");
  expect("words " + write("three.txt", "a 1 0\nb 1 2\nc 2 1\n") + " analogy a b c 2>&1", 0,
         "gradus words: no word is left beside those asked about.\n");
}

TEST_F(WordsVerb, exports_what_it_reads) {
  const std::string out = folder_ + "/out.txt";
  expect("words " + file_ + " export " + out, 0, "wrote " + out + ": 5 words, 3 numbers each\n");
  expect("words " + out + " near woman --top 1", 0, "queen   0.7071\n");
  std::ifstream file(out);
  std::string first;
  std::getline(file, first);
  EXPECT_EQ(first, "5 3");
}

TEST_F(WordsVerb, answers_from_a_run) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "one two three four five\n\n";
  const std::string words = "train skipgram " + write("text.txt", text) +
                            " --epochs 1 --batch 16 --model skipgram:4-2-2-1 --quiet --out " +
                            folder_ + "/run";
  ASSERT_EQ(run(words + " >/dev/null 2>&1").status, 0);
  expect("words " + folder_ + "/run", 0, folder_ + "/run: 5 words, 4 numbers each\n");
  EXPECT_EQ(run("words " + folder_ + "/run near two --top 4").status, 0);
  expect("generate " + folder_ + "/run 2>&1", 2,
         "gradus generate: " + folder_ +
             "/run: the run did not train on a text. gradus generate goes on with runs such as "
             "those of gradus train gpt.\n");
}

TEST_F(WordsVerb, says_what_is_wrong) {
  const auto refused = [&](const std::string& words, const std::string& message) {
    expect("words " + file_ + words + " 2>&1", 2, "gradus words: " + message + "\n");
  };
  refused(" near quene", "'quene' is not among the 5 words. Did you mean 'queen'?");
  refused(" near", "near with 0 words. It takes 1: gradus words SOURCE near WORD.");
  refused(" analogy man king",
          "analogy with 2 words. It takes 3: gradus words SOURCE analogy A B C.");
  refused(" export", "export with 0 words. It takes 1: gradus words SOURCE export FILE.");
  refused(" far man", "the question 'far' is unknown. Ask near, analogy or export.");
  refused(" near man --top 0", "--top is 0. It counts the words shown, from 1.");
  refused(" --top 3", "--top belongs to near and analogy. Leave it out.");
  expect("words " + write("bad.txt", "a 1 2\nb 1 oops\n") + " 2>&1", 2,
         "gradus words: " + folder_ +
             "/bad.txt: line 2, 'oops' in the vector of 'b' is no number. A line is a word and 2 "
             "numbers, with blanks between.\n");
}

}  // namespace
}  // namespace gradus
