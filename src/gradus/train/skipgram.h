// Word embeddings: skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado and Dean
// 2013, "Distributed Representations of Words and Phrases and their Compositionality").
#pragma once

#include <gradus/nn/embedding.h>
#include <gradus/train/recipes.h>
#include <gradus/train/words.h>

#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// A text as numbers of words, the commonest word first, of equals by their bytes. A word is a run
// of letters and digits that begins with a letter, apostrophes within; A to Z become small. Words
// that stand less than `least` times are left out, as if the text had none of them.
struct WordText {
  static constexpr int64_t paragraph = -1;  // between paragraphs: a line without words or numbers
  std::vector<std::string> words;
  std::vector<int64_t> counts;  // of each word
  std::vector<int64_t> tokens;  // words, and `paragraph`
};
WordText word_text(std::string_view text, int64_t least);

// Words drawn in proportion to count^(3/4).
class NoiseWords {
 public:
  explicit NoiseWords(std::span<const int64_t> counts);
  double probability(int64_t word) const;
  // The word at the place u in [0, 1) of the cumulative probabilities.
  int64_t at(double u) const;

 private:
  std::vector<double> reached_;  // sums of count^(3/4)
};

// The share of a word's places that training takes: min(1, sqrt(t / f)) for its share f of the
// text, t = 10^-3.
double kept_share(double frequency);

// What --model says: skipgram:WIDTH-WINDOW-NOISE-LEAST. Vectors of so many numbers, the words on
// either side that belong to a centre, noise words for each pair, and how often a word must stand.
struct SkipGramSpec {
  int64_t width = 64, window = 5, noise = 5, least = 5;
};
// Raises a usage error that shows the form.
SkipGramSpec parse_skipgram(std::string_view word);

// Pairs of words near each other, and noise: x i64 (rows, 2 + noise) is a centre, a word of its
// window, then noise words other than that one; target f32 (rows, 1 + noise) is 1 for the word and
// 0 for noise. Every pair is drawn: a centre anywhere in the text and, as kept_share says, again
// where it is too common; a window from 1 to `window`, drawn for each centre; a place within it. So
// pairs come as often as among all pairs of all centres. What is left out for being too common does
// not count in a window, which ends with its paragraph. Without a key a row is always the same
// pair. An epoch has as many rows as the windows of the text have pairs, ends aside.
class WordPairs : public Examples {
 public:
  // Frequencies and noise are by `counts`, of each word in all of the text. Raises a usage error
  // where no two words stand side by side, or all words are the same.
  WordPairs(std::vector<int64_t> tokens, std::vector<int64_t> counts, const SkipGramSpec& spec,
            Key unchanging);
  int64_t count() const override { return count_; }
  Type x(int64_t rows) const override { return {DType::i64, {rows, 2 + spec_.noise}}; }
  Type target(int64_t rows) const override { return {DType::f32, {rows, 1 + spec_.noise}}; }
  void fill(std::span<const int64_t> rows, std::span<std::byte> x, std::span<std::byte> target,
            std::optional<Key> key) const override;
  std::string_view unit() const override { return "pairs"; }

 private:
  void draw(Key key, std::span<int64_t> x) const;

  std::vector<int64_t> tokens_;
  std::vector<int64_t> places_;  // of words beside which one stands
  std::vector<double> kept_;     // of each word
  NoiseWords noise_;
  SkipGramSpec spec_;
  Key unchanging_;
  int64_t count_ = 0;
};

// Two vectors for every word: one as a centre, which is kept, one as a word of a window.
struct SkipGram {
  Embedding centre, context;

  // x as WordPairs writes it -> centre . context of the pair and of the noise, (rows, 1 + noise):
  // the logit of "it stands there".
  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("centre", self.centre);
    visit("context", self.context);
  }
};
// As word2vec begins: centres uniform in +-1 / (2 width), contexts 0, so that every logit is 0.
SkipGram make_skipgram(Key key, int64_t words, int64_t width);
// The mean over rows of -log sigmoid(z_0) - sum over noise of log sigmoid(-z_i).
Tensor skipgram_loss(const Tensor& logits, const Tensor& target);

// Trains config.model on the words of config.data, a text; the last share `val` is held out. The
// accuracy is the share of pairs whose word has a larger logit than all noise.
std::unique_ptr<Assignment> assign_skipgram(TrainConfig& config);
// The vectors of the centres that a run left. Raises a usage error where it is no run of skipgram.
Words words_of_run(const std::string& folder);

}  // namespace gradus
