// Byte-pair encoding (Sennrich et al. 2016) on bytes, as GPT-2 does it: any text comes back
// exactly.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

// A text cut where GPT-2 cuts it before pairs are looked for: contractions, a space with the
// letters, digits or other signs behind it, and runs of white space. The parts make up the text.
// Letters and digits beyond ASCII count as letters.
std::vector<std::string_view> pre_tokens(std::string_view text);

// Characters of UTF-8, and words with the space before them: the two simpler ways to cut a text.
std::vector<std::string_view> characters_of(std::string_view text);
std::vector<std::string_view> words_of(std::string_view text);

class BytePairs {
 public:
  // The 256 bytes, and so many pairs joined: each time the pair that stands most often in the text,
  // of equals the one whose symbols come first; none once no pair stands twice.
  static BytePairs trained(std::string_view text, int64_t merges);
  // Files of GPT-2: vocab.json gives every symbol its number, merges.txt the pairs in their order.
  static BytePairs read(const std::string& vocab_file, const std::string& merges_file);
  // The same files.
  void write(const std::string& vocab_file, const std::string& merges_file) const;

  int64_t count() const { return static_cast<int64_t>(symbols_.size()); }
  // The bytes that a token stands for.
  const std::string& symbol(int64_t token) const { return symbols_[static_cast<size_t>(token)]; }
  const std::vector<std::pair<std::string, std::string>>& merges() const { return merges_; }
  std::vector<int64_t> encode(std::string_view text) const;
  // Raises a domain error for a number that is no token.
  std::string decode(std::span<const int64_t> tokens) const;

 private:
  BytePairs() = default;
  void index();

  std::vector<std::string> symbols_;  // by token
  std::vector<std::pair<std::string, std::string>> merges_;
  std::map<std::string, int64_t> tokens_;                                     // by symbol
  std::map<std::pair<int64_t, int64_t>, std::pair<int64_t, int64_t>> ranks_;  // pair: rank, joined
};

}  // namespace gradus
