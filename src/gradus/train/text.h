// Language models of characters: windows of a text to train on, recurrent networks and small GPTs,
// and how they write.
#pragma once

#include <gradus/nn/gpt.h>
#include <gradus/nn/recurrent.h>
#include <gradus/train/recipes.h>
#include <gradus/train/sampling.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// The guide's lessons, as they were when the text was frozen: what recipes of text learn by
// default.
std::string_view frozen_text();
// "lessons", or the file's text. Raises a file error unless it is UTF-8 of two characters at least.
std::string load_text(const std::string& source);

// Characters of UTF-8 by number, in the order of their code points.
class Characters {
 public:
  // Of the characters of a text.
  explicit Characters(std::string_view text);
  explicit Characters(std::vector<std::string> symbols) : symbols_(std::move(symbols)) {}
  int64_t count() const { return static_cast<int64_t>(symbols_.size()); }
  const std::vector<std::string>& symbols() const { return symbols_; }
  // Raises a domain error that names a character it does not know.
  std::vector<int64_t> encode(std::string_view text) const;
  std::string decode(std::span<const int64_t> tokens) const;

 private:
  std::vector<std::string> symbols_;
};

// Windows of `length` tokens, and the same one place on as targets: i64 (rows, length) both. In
// training every window begins at a place drawn within its own stretch.
class TextWindows : public Examples {
 public:
  TextWindows(std::vector<int64_t> tokens, int64_t length);
  int64_t count() const override;
  Type x(int64_t rows) const override { return {DType::i64, {rows, length_}}; }
  Type target(int64_t rows) const override { return {DType::i64, {rows, length_}}; }
  void fill(std::span<const int64_t> rows, std::span<std::byte> x, std::span<std::byte> target,
            std::optional<Key> key) const override;
  std::string_view unit() const override { return "tokens"; }
  int64_t units_in_a_row() const override { return length_; }
  const std::vector<int64_t>& tokens() const { return tokens_; }

 private:
  std::vector<int64_t> tokens_;
  int64_t length_;
};

// Embedding, recurrent layers, a linear map to logits: tokens (N, T) -> (N, T, vocabulary).
struct RecurrentLanguageModel {
  Embedding embedding;
  Recurrent rnn;
  Linear head;

  Tensor operator()(const Tensor& tokens, Pass& pass) const;
  // Reads on from a state, and leaves the new one there.
  Tensor operator()(const Tensor& tokens, RecurrentState& state) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("rnn", self.rnn);
    visit("head", self.head);
  }
};

// What --model says of a language model: gpt:LAYERS-HEADS-WIDTH-CONTEXT, or rnn, lstm or
// gru:LAYERS-HIDDEN-CONTEXT.
struct LanguageSpec {
  std::string kind;
  int64_t layers = 1, heads = 1, width = 1, context = 1;
};
LanguageSpec parse_language(std::string_view text);

// Trains config.model on the characters of config.data; the last share `val` is held out.
std::unique_ptr<Assignment> assign_text(TrainConfig& config);

// A trained language model that writes.
class Writer {
 public:
  // Reads DIR/run.toml and DIR/model.safetensors.
  explicit Writer(const std::string& folder);
  const Characters& characters() const { return characters_; }
  // `count` characters that follow the prompt, which is the start of a line where it is empty.
  // `told` gets each one as it is drawn.
  std::string write(std::string_view prompt, int64_t count, const SamplingOptions& options, Key key,
                    const std::function<void(const std::string&)>& told = {}) const;

 private:
  Characters characters_{std::vector<std::string>{}};
  LanguageSpec spec_;
  RecurrentLanguageModel recurrent_;
  Gpt gpt_;
};

}  // namespace gradus
