// Words as vectors: the nearest by cosine, analogies, and the text files of word2vec and GloVe.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

class Words {
 public:
  // Row i of `vectors` (n, d), f32, is that of word i. Raises a usage error where the counts
  // differ, and a domain error for a word that stands twice.
  Words(std::vector<std::string> words, Tensor vectors);
  // A line a word, then its numbers, with blanks between. word2vec's form begins with a line
  // "count width", GloVe's has none. A word may hold blanks, as some of GloVe's do. Raises a file
  // error with the name, the line and what stands there.
  static Words parse(std::string_view text, const std::string& name);
  static Words read(const std::string& file);
  // word2vec's form, each number as short as it reads back to the same bits. Raises a domain error
  // for a word that is empty or holds white space, which would end it, and for a number that is not
  // finite.
  std::string text() const;
  void write(const std::string& file) const;

  int64_t count() const { return static_cast<int64_t>(words_.size()); }
  int64_t width() const { return vectors_.shape()[1]; }
  const std::vector<std::string>& words() const { return words_; }
  const Tensor& vectors() const { return vectors_; }
  // The row of a word. Raises a domain error that proposes the word most like it.
  int64_t place(std::string_view word) const;

  struct Near {
    std::string word;
    double cosine = 0;
  };
  // The k words whose vectors point most nearly the same way, without the word itself.
  std::vector<Near> near(std::string_view word, int64_t k) const;
  // a is to b as c is to what? The k words nearest to b - a + c, of vectors scaled to length 1,
  // without these three: 3CosAdd (Mikolov, Yih and Zweig 2013, "Linguistic Regularities in
  // Continuous Space Word Representations"; the name is Levy and Goldberg's, 2014).
  std::vector<Near> analogy(std::string_view a, std::string_view b, std::string_view c,
                            int64_t k) const;

 private:
  std::vector<Near> nearest(const Tensor& direction, std::span<const int64_t> without,
                            int64_t k) const;

  std::vector<std::string> words_;
  Tensor vectors_;
  std::map<std::string, int64_t, std::less<>> places_;
};

}  // namespace gradus
