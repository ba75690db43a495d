#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/file.h>
#include <gradus/io/json_private.h>
#include <gradus/train/tokens.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace gradus {
namespace {

enum class Sign { space, letter, digit, other };

Sign sign_of(char c) {
  const auto b = static_cast<unsigned char>(c);
  if (b >= 0x80 || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z')) return Sign::letter;
  if (b >= '0' && b <= '9') return Sign::digit;
  return b == ' ' || (b >= '\t' && b <= '\r') ? Sign::space : Sign::other;
}

// Bytes of the contraction that begins here, or 0.
size_t contraction(std::string_view rest) {
  for (const std::string_view c : {"'s", "'t", "'m", "'d", "'re", "'ve", "'ll"})
    if (rest.starts_with(c)) return c.size();
  return 0;
}

// GPT-2 writes bytes as characters that show: those that print as themselves, the rest from 256 on.
std::array<std::string, 256> shown_bytes() {
  std::array<std::string, 256> shown;
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; ++b) {
    const bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    const uint32_t point = prints ? b : next++;
    shown[b] = point < 0x80 ? std::string(1, static_cast<char>(point))
                            : std::string{static_cast<char>(0xc0 | point >> 6),
                                          static_cast<char>(0x80 | (point & 0x3f))};
  }
  return shown;
}

std::string shown(std::string_view bytes) {
  static const std::array<std::string, 256> table = shown_bytes();
  std::string text;
  for (char c : bytes) text += table[static_cast<unsigned char>(c)];
  return text;
}

// Back to bytes; raises a file error for a character that stands for none.
std::string hidden(std::string_view text, const std::string& file) {
  static const std::map<std::string, char, std::less<>> bytes = [] {
    std::map<std::string, char, std::less<>> all;
    const auto table = shown_bytes();
    for (size_t b = 0; b < 256; ++b) all.emplace(table[b], static_cast<char>(b));
    return all;
  }();
  std::string result;
  for (const std::string_view c : characters_of(text)) {
    const auto found = bytes.find(c);
    if (found == bytes.end())
      raise(ErrorKind::file, file + ": '" + std::string(c) + "' in '" + std::string(text) +
                                 "' stands for no byte. Symbols are written as GPT-2 writes them.");
    result += found->second;
  }
  return result;
}

using Pair = std::pair<int64_t, int64_t>;

void join(std::vector<int64_t>& word, const Pair& pair, int64_t joined) {
  size_t to = 0;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool both = i + 1 < word.size() && word[i] == pair.first && word[i + 1] == pair.second;
    word[to++] = both ? joined : word[i];
    if (both) ++i;
  }
  word.resize(to);
}

}  // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    parts.push_back(text.substr(i, end - i));
    i = end;
  }
  return parts;
}

std::vector<std::string_view> pre_tokens(std::string_view text) {
  std::vector<std::string_view> parts;
  const size_t n = text.size();
  for (size_t i = 0; i < n;) {
    size_t end = i + contraction(text.substr(i));
    if (end == i) {
      const size_t first = i + (text[i] == ' ' && i + 1 < n ? 1 : 0);
      const Sign kind = sign_of(text[first]);
      end = first;
      if (kind != Sign::space) {
        while (end < n && sign_of(text[end]) == kind) ++end;
      } else {
        // White space leaves its last sign to the word behind it, if there is one.
        end = i;
        while (end < n && sign_of(text[end]) == Sign::space) ++end;
        if (end < n && end - i > 1) --end;
      }
    }
    parts.push_back(text.substr(i, end - i));
    i = end;
  }
  return parts;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && sign_of(text[end]) == Sign::space) ++end;
    while (end < text.size() && sign_of(text[end]) != Sign::space) ++end;
    parts.push_back(text.substr(i, end - i));
    i = end;
  }
  return parts;
}

BytePairs BytePairs::trained(std::string_view text, int64_t merges) {
  if (merges < 0)
    raise(ErrorKind::usage, "byte pairs: " + std::to_string(merges) +
                                " merges. It is the count of pairs to join, 0 or more.");
  BytePairs pairs;
  for (int b = 0; b < 256; ++b) pairs.symbols_.emplace_back(1, static_cast<char>(b));
  // Every different part of the text once, with how often it stands there.
  std::map<std::string_view, int64_t> counts;
  for (const std::string_view part : pre_tokens(text)) ++counts[part];
  std::vector<std::vector<int64_t>> words;
  std::vector<int64_t> often;
  std::map<Pair, int64_t> total;
  std::map<Pair, std::set<size_t>> where;
  const auto add = [&](size_t w, int64_t sign) {
    for (size_t i = 0; i + 1 < words[w].size(); ++i) {
      const Pair pair{words[w][i], words[w][i + 1]};
      if ((total[pair] += sign * often[w]) == 0) total.erase(pair);
      if (sign > 0) where[pair].insert(w);
    }
  };
  for (const auto& [part, count] : counts) {
    std::vector<int64_t> word;
    for (char c : part) word.push_back(static_cast<unsigned char>(c));
    words.push_back(std::move(word));
    often.push_back(count);
    add(words.size() - 1, 1);
  }
  while (std::ssize(pairs.merges_) < merges) {
    const auto best = std::ranges::max_element(total, {}, [](const auto& p) { return p.second; });
    if (best == total.end() || best->second < 2) break;
    const Pair pair = best->first;
    const int64_t joined = pairs.count();
    const std::string left = pairs.symbol(pair.first), right = pairs.symbol(pair.second);
    pairs.merges_.emplace_back(left, right);
    pairs.symbols_.push_back(left + right);
    const std::set<size_t> touched = std::move(where[pair]);
    where.erase(pair);
    for (size_t w : touched) {
      add(w, -1);
      join(words[w], pair, joined);
      add(w, 1);
    }
  }
  pairs.index();
  return pairs;
}

void BytePairs::index() {
  for (int64_t t = 0; t < count(); ++t) tokens_.emplace(symbol(t), t);
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    const auto& [left, right] = merges_[rank];
    ranks_.emplace(Pair{tokens_.at(left), tokens_.at(right)},
                   Pair{static_cast<int64_t>(rank), tokens_.at(left + right)});
  }
}

BytePairs BytePairs::read(const std::string& vocab_file, const std::string& merges_file) {
  BytePairs pairs;
  const FileBytes vocab(vocab_file);
  const nlohmann::json all = parse_json(as_text(vocab.bytes()), vocab_file);
  if (!all.is_object() || all.empty())
    raise(ErrorKind::file, vocab_file + ": it is no JSON object of symbols and their numbers");
  pairs.symbols_.resize(all.size());
  std::vector<bool> given(all.size());
  for (const auto& [name, number] : all.items()) {
    const bool fits = number.is_number_integer() && number.get<int64_t>() >= 0 &&
                      number.get<int64_t>() < static_cast<int64_t>(all.size()) &&
                      !given[number.get<size_t>()];
    if (!fits)
      raise(ErrorKind::file, vocab_file + ": '" + name + "' has the number " + number.dump() +
                                 ". Symbols are numbered from 0, each once.");
    given[number.get<size_t>()] = true;
    // <|endoftext|> and the like stand for themselves.
    pairs.symbols_[number.get<size_t>()] = name.starts_with("<|") ? name : hidden(name, vocab_file);
  }
  const FileBytes merges(merges_file);
  std::set<std::string_view> known(pairs.symbols_.begin(), pairs.symbols_.end());
  std::string_view rest = as_text(merges.bytes());
  for (int64_t line_number = 1; !rest.empty(); ++line_number) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    std::string left, right;
    if (space != std::string_view::npos) {
      left = hidden(line.substr(0, space), merges_file);
      right = hidden(line.substr(space + 1), merges_file);
    }
    if (space == std::string_view::npos || !known.contains(left) || !known.contains(right) ||
        !known.contains(left + right))
      raise(ErrorKind::file, merges_file + ": line " + std::to_string(line_number) + ", '" +
                                 std::string(line) +
                                 "'. It names two symbols of the vocabulary that join to a third.");
    pairs.merges_.emplace_back(left, right);
  }
  for (int b = 0; b < 256; ++b)
    if (!known.contains(std::string_view(std::string(1, static_cast<char>(b)))))
      raise(ErrorKind::file,
            vocab_file + ": byte " + std::to_string(b) +
                " has no symbol. Every byte has one, so that any text has tokens.");
  pairs.index();
  return pairs;
}

void BytePairs::write(const std::string& vocab_file, const std::string& merges_file) const {
  nlohmann::ordered_json vocab = nlohmann::ordered_json::object();
  for (int64_t t = 0; t < count(); ++t)
    vocab[symbol(t).starts_with("<|") ? symbol(t) : shown(symbol(t))] = t;
  write_file_atomically(vocab_file, as_bytes(vocab.dump() + "\n"));
  std::string lines = "#version: 0.2\n";
  for (const auto& [left, right] : merges_) lines += shown(left) + " " + shown(right) + "\n";
  write_file_atomically(merges_file, as_bytes(lines));
}

std::vector<int64_t> BytePairs::encode(std::string_view text) const {
  std::vector<int64_t> tokens;
  std::map<std::string_view, std::vector<int64_t>> done;  // parts come again and again
  for (const std::string_view part : pre_tokens(text)) {
    std::vector<int64_t>& word = done[part];
    if (word.empty()) {
      for (char c : part) word.push_back(tokens_.at(std::string(1, c)));
      while (true) {
        int64_t least = std::numeric_limits<int64_t>::max(), joined = 0;
        Pair best;
        for (size_t i = 0; i + 1 < word.size(); ++i)
          if (const auto found = ranks_.find({word[i], word[i + 1]});
              found != ranks_.end() && found->second.first < least) {
            best = found->first;
            std::tie(least, joined) = found->second;
          }
        if (least == std::numeric_limits<int64_t>::max()) break;
        join(word, best, joined);
      }
    }
    tokens.insert(tokens.end(), word.begin(), word.end());
  }
  return tokens;
}

std::string BytePairs::decode(std::span<const int64_t> tokens) const {
  std::string text;
  for (int64_t t : tokens) {
    if (t < 0 || t >= count())
      raise(ErrorKind::domain, "decode: token " + std::to_string(t) + " of " +
                                   std::to_string(count()) + ". Tokens run from 0.");
    text += symbol(t);
  }
  return text;
}

}  // namespace gradus
