#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/linalg/nearest.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/words.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace gradus {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// What blanks part.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t i = 0; i < line.size();) {
    size_t end = i;
    while (end < line.size() && !is_blank(line[end])) ++end;
    if (end > i) fields.push_back(line.substr(i, end - i));
    i = end + 1;
  }
  return fields;
}

// The f32 nearest to a decimal number, not to the nearest f64.
std::optional<float> parse_f32(std::string_view s) {
  const std::string_view digits = s.starts_with('+') ? s.substr(1) : s;
  float x = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), x);
  if (error == std::errc() && end == digits.data() + digits.size()) return x;
  // Beyond the range of f32, an infinity or 0; or no number.
  const auto wide = text::parse_double(s);
  return wide ? std::optional(static_cast<float>(*wide)) : std::nullopt;
}

// What a message shows of a word or a line.
std::string shown(std::string_view s) {
  constexpr size_t most = 40;
  if (s.size() <= most) return "'" + std::string(s) + "'";
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(s[end]) & 0xc0) == 0x80) --end;
  return "'" + std::string(s.substr(0, end)) + "...'";
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Words read(std::string_view rest) {
    for (line_ = 1; !rest.empty(); ++line_) {
      const size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!(line_ == 1 && header(line))) one(line);
    }
    if (words_.empty())
      raise(ErrorKind::file, file_ +
                                 ": it holds no vectors. A line is a word and its numbers, such "
                                 "as: the 0.25 -1.5.");
    if (announced_ && *announced_ != std::ssize(words_))
      raise(ErrorKind::file, file_ + ": line 1 says " + std::to_string(*announced_) +
                                 " words, but " + std::to_string(words_.size()) +
                                 " follow. The file was cut off, or its first line is wrong: '" +
                                 std::to_string(words_.size()) + " " + std::to_string(*width_) +
                                 "' would be right.");
    Tensor vectors = from_vector(numbers_, {std::ssize(words_), *width_});
    return {std::move(words_), std::move(vectors)};
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    raise(ErrorKind::file, file_ + ": line " + std::to_string(line_) + ", " + what);
  }
  std::string form() const {
    return " A line is a word and " + (width_ ? std::to_string(*width_) : std::string("its")) +
           " numbers, with blanks between.";
  }

  // Whether the first line is "count width".
  bool header(std::string_view line) {
    const auto fields = fields_of(line);
    if (fields.size() != 2) return false;
    const auto count = text::parse_int64(fields[0]), width = text::parse_int64(fields[1]);
    if (!count || !width) return false;
    if (*count < 1 || *width < 1)
      refuse(shown(line) +
             ": the first line of word2vec's form is the count of words and of numbers "
             "in each, both above 0. Correct it, or leave it out.");
    announced_ = *count;
    width_ = *width;
    return true;
  }

  void one(std::string_view line) {
    const auto fields = fields_of(line);
    if (fields.empty()) return;
    if (const auto bad = text::first_invalid_utf8(line))
      refuse("byte " + std::to_string(*bad) +
             " is no UTF-8. Words are UTF-8; convert the file first.");
    const size_t numbers = fields.size() - 1;
    if (numbers == 0) refuse(shown(fields[0]) + ": no numbers follow." + form());
    if (!width_) {
      width_ = static_cast<int64_t>(numbers);
      set_by_ = line_;
    }
    const auto width = static_cast<size_t>(*width_);
    if (numbers < width) other_width(fields[0], numbers);
    // A word may hold blanks, but not end in a number.
    const size_t from = fields.size() - width;
    if (from > 1 && parse_f32(fields[from - 1])) other_width(fields[0], numbers);
    const auto begin = fields[0].data();
    const std::string_view word(
        begin, static_cast<size_t>(fields[from - 1].data() - begin) + fields[from - 1].size());
    for (size_t i = from; i < fields.size(); ++i) {
      const auto x = parse_f32(fields[i]);
      if (!x)
        refuse(shown(fields[i]) + " in the vector of " + shown(word) + " is no number." + form());
      if (!std::isfinite(*x))
        refuse(shown(fields[i]) + " in the vector of " + shown(word) +
               " is not finite in f32. Vectors are compared by their numbers: leave the line out, "
               "or train again.");
      numbers_.push_back(*x);
    }
    const auto [seen, is_new] = lines_.try_emplace(std::string(word), line_);
    if (!is_new)
      refuse(shown(word) + ": line " + std::to_string(seen->second) +
             " has this word already. A word has one vector: leave one of the lines out.");
    words_.emplace_back(word);
  }

  [[noreturn]] void other_width(std::string_view word, size_t numbers) const {
    refuse(shown(word) + ": " + std::to_string(numbers) + " numbers, but line " +
           std::to_string(set_by_) + (announced_ ? " says " : " has ") + std::to_string(*width_) +
           ". All vectors of a file have one width. Correct the line, or leave it out.");
  }

  std::string file_;
  int64_t line_ = 1, set_by_ = 1;             // set_by_: the line that settled the width
  std::optional<int64_t> announced_, width_;  // words, by the first line; numbers of a vector
  std::vector<std::string> words_;
  std::vector<float> numbers_;
  std::map<std::string, int64_t> lines_;  // of each word
};

}  // namespace

Words::Words(std::vector<std::string> words, Tensor vectors)
    : words_(std::move(words)), vectors_(std::move(vectors)) {
  if (vectors_.dtype() != DType::f32 || vectors_.rank() != 2 ||
      vectors_.shape()[0] != std::ssize(words_))
    raise(ErrorKind::usage, "Words: " + std::to_string(words_.size()) + " words, vectors " +
                                to_string(vectors_.type()) +
                                ". A row of f32 numbers belongs to each word.");
  for (size_t i = 0; i < words_.size(); ++i)
    if (!places_.try_emplace(words_[i], static_cast<int64_t>(i)).second)
      raise(ErrorKind::domain, "Words: '" + words_[i] + "' is word " +
                                   std::to_string(places_.at(words_[i])) + " and word " +
                                   std::to_string(i) + ". A word has one vector.");
}

Words Words::parse(std::string_view text, const std::string& name) {
  return Reader(name).read(text);
}

Words Words::read(const std::string& file) {
  return parse(as_text(FileBytes(file).bytes()), file);
}

std::string Words::text() const {
  std::string lines = std::to_string(count()) + " " + std::to_string(width()) + "\n";
  const std::vector<float> all = values<float>(vectors_);
  auto at = all.begin();
  for (const std::string& word : words_) {
    const auto ends = [](char c) { return is_blank(c) || c == '\n' || c == '\r'; };
    if (word.empty() || std::ranges::any_of(word, ends))
      raise(ErrorKind::domain,
            "words: the word " + shown(word) + (word.empty() ? " is empty" : " holds white space") +
                ". A blank ends a word in word2vec's form. Give it another name.");
    lines += word;
    for (int64_t i = 0; i < width(); ++i, ++at) {
      if (!std::isfinite(*at))
        raise(ErrorKind::domain, "words: the vector of " + shown(word) + " holds " +
                                     text::number_f32(*at) +
                                     ". A file of vectors holds finite numbers. Train again, or "
                                     "leave the word out.");
      lines += ' ' + text::number_f32(*at);
    }
    lines += '\n';
  }
  return lines;
}

void Words::write(const std::string& file) const {
  write_file_atomically(file, as_bytes(text()));
}

int64_t Words::place(std::string_view word) const {
  if (const auto found = places_.find(word); found != places_.end()) return found->second;
  const std::vector<std::string_view> all(words_.begin(), words_.end());
  const auto near = text::nearest(word, all);
  raise(ErrorKind::domain, "words: " + shown(word) + " is not among the " +
                               std::to_string(words_.size()) + " words." +
                               (near ? " Did you mean " + shown(*near) + "?" : ""));
}

std::vector<Words::Near> Words::nearest(const Tensor& direction, std::span<const int64_t> without,
                                        int64_t k) const {
  if (k < 0)
    raise(ErrorKind::usage,
          "words: " + std::to_string(k) + " neighbours. It is a count, 0 or more.");
  const Nearest found =
      cosine_top_k(direction, vectors_, std::min(k, count()) + std::ssize(without));
  const std::vector<int64_t> rows = values<int64_t>(found.rows);
  const std::vector<double> cosines = numbers(found.cosines);
  std::vector<Near> near;
  for (size_t i = 0; i < rows.size() && std::ssize(near) < k; ++i)
    if (std::ranges::find(without, rows[i]) == without.end())
      near.push_back({words_[static_cast<size_t>(rows[i])], cosines[i]});
  return near;
}

std::vector<Words::Near> Words::near(std::string_view word, int64_t k) const {
  const int64_t without[] = {place(word)};
  return nearest(row(vectors_, without[0]), without, k);
}

std::vector<Words::Near> Words::analogy(std::string_view a, std::string_view b, std::string_view c,
                                        int64_t k) const {
  const int64_t without[] = {place(a), place(b), place(c)};
  const auto unit = [&](int64_t i) {
    const Tensor v = row(vectors_, without[i]), length = norm(v);
    return v / where(length == 0.0, 1.0, length);
  };
  return nearest(unit(1) - unit(0) + unit(2), without, k);
}

}  // namespace gradus
