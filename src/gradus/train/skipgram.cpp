#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/run_files.h>
#include <gradus/train/skipgram.h>
#include <gradus/train/text.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

namespace gradus {
namespace {

enum Stream : uint64_t { init_stream = 2, pairs_stream = 8 };  // of the seed
constexpr std::string_view words_key = "resolved.words";

struct Letter {
  size_t bytes;
  bool is_letter, is_digit;
};

// What begins here. Beyond ASCII all are letters but signs: Latin-1's, and U+2000 to U+303F with
// punctuation, arrows and mathematics.
Letter letter_at(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto more = [&](size_t i) { return byte(i) & 0x3f; };
  const int b = byte(0);
  if (b < 0x80) return {1, (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z'), b >= '0' && b <= '9'};
  if (b >= 0xf0) return {4, true, false};
  const bool two = b < 0xe0;
  const int point = two ? (b & 0x1f) << 6 | more(1) : (b & 0x0f) << 12 | more(1) << 6 | more(2);
  const bool sign =
      point < 0xc0 || point == 0xd7 || point == 0xf7 || (point >= 0x2000 && point < 0x3040);
  return {two ? 2u : 3u, !sign, false};
}

// Uniform numbers of one key, one after the other.
class Draws {
 public:
  explicit Draws(Key key) : key_(key) {}
  double next() {
    const size_t i = used_ % ready_.size();
    if (i == 0) fill_uniform(key_, used_, std::span<double>(ready_));
    ++used_;
    return ready_[i];
  }
  // In [0, bound).
  int64_t below(int64_t bound) { return static_cast<int64_t>(next() * static_cast<double>(bound)); }

 private:
  Key key_;
  std::array<double, 16> ready_{};
  uint64_t used_ = 0;
};

class SkipGramAssignment : public Assignment {
 public:
  explicit SkipGramAssignment(TrainConfig& config) : spec_(parse_skipgram(config.model)) {
    WordText text = word_text(load_text(config.data), spec_.least);
    const auto all = std::ssize(text.tokens);
    const auto cut =
        text.tokens.end() - static_cast<int64_t>(config.val * static_cast<double>(all));
    const Key key = key_from_seed(config.seed);
    const auto pairs = [&](auto begin, auto end, uint64_t part) {
      return std::make_shared<WordPairs>(std::vector<int64_t>(begin, end), text.counts, spec_,
                                         split(split(key, pairs_stream), part));
    };
    training = pairs(text.tokens.begin(), cut, 0);
    if (cut != text.tokens.end()) validation = pairs(cut, text.tokens.end(), 1);
    if (config.lr == 0) config.lr = defaults_for(config.optimiser).lr;
    config.loss = "negative-sampling";
    words_ = std::move(text.words);
    model = Model("skip-gram, " + text::grouped(std::ssize(words_)) + " words of " +
                      std::to_string(spec_.width) + " numbers",
                  make_skipgram(split(key, init_stream), std::ssize(words_), spec_.width));
    loss = [](const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
      return skipgram_loss(m(x, pass), target);
    };
  }

  Measured measure(const Model& now, const Examples& rows, int64_t most) const override {
    return mean_over(rows, most, 512, [&](const Rows& batch) -> Measured {
      const Tensor logits = now(batch.x);
      const Tensor noise = max(slice_axis(logits, 1, {1, slice_end}), {.axis = 1});
      const Tensor hits = greater(take(logits, Tensor(int64_t{0}), 1), noise);
      return {
          number(skipgram_loss(logits, batch.target)), number(mean(cast(hits, DType::f64))), {}};
    });
  }

  void describe(RunRecord& run) const override {
    run.task = "classification";
    run.loss_name = "negative sampling";
    run.classes = 1 + spec_.noise;
    run.chance_loss = static_cast<double>(1 + spec_.noise) * std::log(2.0);
  }

  TomlEntries resolved() const override { return {{std::string(words_key), words_}}; }

 private:
  SkipGramSpec spec_;
  std::vector<std::string> words_;
};

}  // namespace

WordText word_text(std::string_view text, int64_t least) {
  // First use by word, with paragraphs between; then the common words in their order.
  std::vector<std::string> seen;
  std::map<std::string, int64_t, std::less<>> numbers;
  std::vector<int64_t> counts, tokens;
  int newlines = 0;
  for (size_t i = 0; i < text.size();) {
    const Letter first = letter_at(text.substr(i));
    if (!first.is_letter && !first.is_digit) {
      if (text[i] == '\n') ++newlines;
      i += first.bytes;
      continue;
    }
    std::string word;
    for (size_t from = i; i < text.size();) {
      const Letter next = letter_at(text.substr(i));
      const bool apostrophe = text[i] == '\'' && i > from && i + 1 < text.size() &&
                              letter_at(text.substr(i + 1)).is_letter;
      if (!next.is_letter && !next.is_digit && !apostrophe) break;
      for (size_t k = 0; k < next.bytes && i < text.size(); ++k, ++i)
        word += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    }
    if (newlines > 1 && !tokens.empty()) tokens.push_back(WordText::paragraph);
    newlines = 0;
    if (first.is_digit) continue;
    const auto [at, is_new] = numbers.try_emplace(word, std::ssize(seen));
    if (is_new) seen.push_back(word), counts.push_back(0);
    ++counts[static_cast<size_t>(at->second)];
    tokens.push_back(at->second);
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < seen.size(); ++i)
    if (counts[i] >= least) order.push_back(i);
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : seen[a] < seen[b];
  });
  WordText result;
  std::vector<int64_t> number_of(seen.size(), WordText::paragraph);
  for (size_t i = 0; i < order.size(); ++i) {
    number_of[order[i]] = static_cast<int64_t>(i);
    result.words.push_back(seen[order[i]]);
    result.counts.push_back(counts[order[i]]);
  }
  for (const int64_t t : tokens) {
    const bool ends = t == WordText::paragraph;
    const int64_t word = ends ? t : number_of[static_cast<size_t>(t)];
    if (ends ? !result.tokens.empty() && result.tokens.back() != t : word >= 0)
      result.tokens.push_back(word);
  }
  return result;
}

NoiseWords::NoiseWords(std::span<const int64_t> counts) {
  double sum = 0;
  for (const int64_t n : counts) reached_.push_back(sum += std::pow(static_cast<double>(n), 0.75));
}

double NoiseWords::probability(int64_t word) const {
  const auto i = static_cast<size_t>(word);
  return (reached_[i] - (i == 0 ? 0 : reached_[i - 1])) / reached_.back();
}

int64_t NoiseWords::at(double u) const {
  const auto found = std::ranges::upper_bound(reached_, u * reached_.back());
  // Rounding may bring u to the end.
  return std::min<int64_t>(found - reached_.begin(), std::ssize(reached_) - 1);
}

double kept_share(double frequency) {
  constexpr double threshold = 1e-3;  // word2vec's
  return std::min(1.0, std::sqrt(threshold / frequency));
}

SkipGramSpec parse_skipgram(std::string_view word) {
  constexpr int64_t most = 1 << 12;
  const auto [kind, sizes] = parse_model_word(word, most);
  if (kind != "skipgram" || sizes.size() != 4)
    raise(ErrorKind::usage,
          "model: '" + std::string(word) +
              "' is no skip-gram. Write skipgram:WIDTH-WINDOW-NOISE-LEAST: numbers "
              "of a vector, words on either side, noise words for each pair, and "
              "how often a word must stand, from 1 to " +
              std::to_string(most) + " each.");
  return {sizes[0], sizes[1], sizes[2], sizes[3]};
}

WordPairs::WordPairs(std::vector<int64_t> tokens, std::vector<int64_t> counts,
                     const SkipGramSpec& spec, Key unchanging)
    : tokens_(std::move(tokens)), noise_(counts), spec_(spec), unchanging_(unchanging) {
  const auto is_word = [&](int64_t i) {
    return i >= 0 && i < std::ssize(tokens_) && tokens_[static_cast<size_t>(i)] >= 0;
  };
  for (int64_t i = 0; i < std::ssize(tokens_); ++i)
    if (is_word(i) && (is_word(i - 1) || is_word(i + 1))) places_.push_back(i);
  if (counts.size() < 2 || places_.empty())
    raise(ErrorKind::usage,
          "skipgram: of " + counted(std::ssize(counts), "different word") + ", " +
              counted(std::ssize(places_), "place") +
              " with a neighbour. It learns from words that stand side by side, of "
              "two kinds at least. Give a longer text, or a smaller LEAST in "
              "skipgram:WIDTH-WINDOW-NOISE-LEAST.");
  const double all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  for (const int64_t n : counts) kept_.push_back(kept_share(static_cast<double>(n) / all));
  // A window of 1 to w words has w + 1 pairs in the mean, both sides together.
  double pairs = 0;
  for (const int64_t i : places_)
    pairs += kept_[static_cast<size_t>(tokens_[static_cast<size_t>(i)])] *
             static_cast<double>(spec.window + 1);
  count_ = std::max<int64_t>(1, std::llround(pairs));
}

void WordPairs::draw(Key key, std::span<int64_t> x) const {
  Draws draws(key);
  const auto kept = [&](int64_t word) { return draws.next() < kept_[static_cast<size_t>(word)]; };
  while (true) {
    int64_t at = places_[static_cast<size_t>(draws.below(std::ssize(places_)))];
    x[0] = tokens_[static_cast<size_t>(at)];
    if (!kept(x[0])) continue;
    const int64_t window = 1 + draws.below(spec_.window), place = draws.below(2 * spec_.window);
    const int64_t distance = place / 2 + 1, side = place % 2 == 0 ? -1 : 1;
    if (distance > window) continue;
    int64_t word = WordText::paragraph;
    for (int64_t n = 0; n < distance;) {
      at += side;
      word = at < 0 || at >= std::ssize(tokens_) ? WordText::paragraph
                                                 : tokens_[static_cast<size_t>(at)];
      if (word == WordText::paragraph) break;
      if (kept(word)) ++n;
    }
    if (word == WordText::paragraph) continue;
    x[1] = word;
    break;
  }
  for (int64_t& noise : x.subspan(2)) do
      noise = noise_.at(draws.next());
    while (noise == x[1]);
}

void WordPairs::fill(std::span<const int64_t> rows, std::span<std::byte> x,
                     std::span<std::byte> target, std::optional<Key> key) const {
  const auto width = static_cast<size_t>(2 + spec_.noise);
  std::vector<int64_t> words(width);
  std::vector<float> is_there(width - 1, 0.0f);
  is_there[0] = 1;
  for (size_t r = 0; r < rows.size(); ++r) {
    draw(split(key.value_or(unchanging_), static_cast<uint64_t>(rows[r])), words);
    std::memcpy(x.data() + r * width * sizeof(int64_t), words.data(), width * sizeof(int64_t));
    std::memcpy(target.data() + r * (width - 1) * sizeof(float), is_there.data(),
                (width - 1) * sizeof(float));
  }
}

Tensor SkipGram::operator()(const Tensor& x) const {
  const Tensor v = centre(slice_axis(x, 1, {0, 1})), u = context(slice_axis(x, 1, {1, slice_end}));
  return vecdot(u, v);
}

SkipGram make_skipgram(Key key, int64_t words, int64_t width) {
  return with_paths(
      SkipGram{{uniform_weight(key, {words, width}, 0.5 / static_cast<double>(width))},
               {zeros({words, width}, DType::f32)}});
}

Tensor skipgram_loss(const Tensor& logits, const Tensor& target) {
  return mean(sum(binary_cross_entropy_with_logits(logits, target, Reduction::none), {.axis = 1}));
}

std::unique_ptr<Assignment> assign_skipgram(TrainConfig& config) {
  return std::make_unique<SkipGramAssignment>(config);
}

Words words_of_run(const std::string& folder) {
  const RunFiles run = read_run(folder);
  std::vector<std::string> words;
  for (const TomlEntry& e : run.entries)
    if (const auto* list = std::get_if<std::vector<std::string>>(&e.value);
        list && e.key == words_key)
      words = *list;
  const auto centre =
      std::ranges::find(run.weights, std::string("centre.weight"), &StateDict::value_type::first);
  if (words.empty() || centre == run.weights.end())
    raise(ErrorKind::usage, folder +
                                ": the run has no vectors of words. gradus train skipgram "
                                "makes one that has.");
  return {std::move(words), centre->second};
}

}  // namespace gradus
