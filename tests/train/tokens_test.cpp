// Texts cut into tokens, and byte pairs.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/train/text.h>
#include <gradus/train/tokens.h>
#include <gtest/gtest.h>
#include <message.h>

#include <filesystem>
#include <fstream>

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Parts = std::vector<std::string_view>;

TEST(PreTokens, are_cut_where_gpt2_cuts) {
  EXPECT_EQ(pre_tokens("I've 42 cats, don't you?"),
            (Parts{"I", "'ve", " 42", " cats", ",", " don", "'t", " you", "?"}));
  EXPECT_EQ(pre_tokens("a  b\n\nc  "), (Parts{"a", " ", " b", "\n", "\n", "c", "  "}));
  EXPECT_EQ(pre_tokens(" naïve"), (Parts{" naïve"}));
  EXPECT_TRUE(pre_tokens("").empty());
}

TEST(Words, keep_the_space_before_them) {
  EXPECT_EQ(words_of("to be  or\n"), (Parts{"to", " be", "  or", "\n"}));
  EXPECT_EQ(characters_of("aé→"), (Parts{"a", "é", "→"}));
}

TEST(BytePairs, the_classical_example_joins_es_then_est_then_low) {
  // Sennrich et al.: low 5, lower 2, newest 6, widest 3. "es" and "st" stand 9 times each.
  std::string text;
  for (const auto& [word, times] :
       {std::pair{" low", 5}, {" lower", 2}, {" newest", 6}, {" widest", 3}})
    for (int i = 0; i < times; ++i) text += word;
  const BytePairs pairs = BytePairs::trained(text, 4);
  using Merge = std::pair<std::string, std::string>;
  EXPECT_EQ(pairs.merges()[0], (Merge{"e", "s"}));
  EXPECT_EQ(pairs.merges()[1], (Merge{"es", "t"}));
  EXPECT_EQ(pairs.merges()[2], (Merge{" ", "l"}));  // 7 times, as "lo" and "ow": the smaller bytes
  EXPECT_EQ(pairs.merges()[3], (Merge{"o", "w"}));
  EXPECT_EQ(pairs.count(), 260);
  const std::vector<int64_t> tokens = pairs.encode(" lowest");
  EXPECT_EQ(tokens.size(), 3u);  // " l", "ow", "est"
  EXPECT_EQ(pairs.symbol(tokens[2]), "est");
}

TEST(BytePairs, any_bytes_come_back) {
  const BytePairs pairs = BytePairs::trained(frozen_text().substr(0, 20000), 200);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<int64_t> bytes(200);
    fill_integers(key_from_seed(seed), 0, 256, bytes);
    std::string text;
    for (int64_t b : bytes) text += static_cast<char>(b);
    EXPECT_EQ(pairs.decode(pairs.encode(text)), text);
  }
  const std::string_view lesson = frozen_text().substr(20000, 20000);
  const std::vector<int64_t> tokens = pairs.encode(lesson);
  EXPECT_EQ(pairs.decode(tokens), lesson);
  EXPECT_LT(tokens.size(), lesson.size() * 6 / 10);
}

TEST(BytePairs, stop_when_no_pair_stands_twice) {
  EXPECT_EQ(BytePairs::trained("abc", 10).merges().size(), 0u);
  EXPECT_EQ(BytePairs::trained("abab", 10).merges().size(), 1u);  // then "ab ab" stands once
  EXPECT_EQ(message_of([] { BytePairs::trained("ab", -1); }),
            "byte pairs: -1 merges. It is the count of pairs to join, 0 or more.");
}

TEST(BytePairs, files_in_gpt2s_form_come_back_and_broken_ones_are_named) {
  const fs::path folder = fs::temp_directory_path() / "gradus-byte-pairs";
  fs::create_directories(folder);
  const std::string vocab = (folder / "vocab.json").string(),
                    merges = (folder / "merges.txt").string();
  const BytePairs pairs = BytePairs::trained(" the the then\n", 3);
  pairs.write(vocab, merges);
  std::ifstream file(merges);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "#version: 0.2");
  std::getline(file, line);
  EXPECT_EQ(line, "Ġ t");  // as often as "th" and "he", and of the smaller bytes
  const BytePairs read = BytePairs::read(vocab, merges);
  EXPECT_EQ(read.encode(" the then"), pairs.encode(" the then"));
  std::ofstream(merges, std::ios::app) << "x\n";
  EXPECT_EQ(message_of([&] { BytePairs::read(vocab, merges); }),
            merges + ": line 5, 'x'. It names two symbols of the vocabulary that join to a third.");
  std::ofstream(vocab) << "[1]";
  EXPECT_EQ(message_of([&] { BytePairs::read(vocab, merges); }),
            vocab + ": it is no JSON object of symbols and their numbers");
  std::ofstream(vocab) << R"({"a":0,"b":0})";
  EXPECT_EQ(message_of([&] { BytePairs::read(vocab, merges); }),
            vocab + ": 'b' has the number 0. Symbols are numbered from 0, each once.");
  EXPECT_EQ(message_of([&] { pairs.decode(std::vector<int64_t>{9999}); }),
            "decode: token 9999 of 259. Tokens run from 0.");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace gradus
