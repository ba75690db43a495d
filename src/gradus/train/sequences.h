// From one sequence to another: drawn tasks, encoder-decoder models, and decoding with a beam.
#pragma once

#include <gradus/nn/embedding.h>
#include <gradus/nn/encoder_decoder.h>
#include <gradus/nn/transformer.h>
#include <gradus/train/recipes.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

// Tokens: nothing, start, end, then the symbols of a task in the order of `symbols`.
struct SequenceTask {
  std::string_view name;                 // reverse, sort, copy or add
  std::string_view symbols;              // one byte each
  int64_t source_length, target_length;  // at most, without start and end
  // An example from a key.
  std::pair<std::string, std::string> (*draw)(Key key);
};
inline constexpr int64_t no_token = 0, start_token = 1, end_token = 2, first_symbol = 3;

std::span<const SequenceTask> sequence_tasks();
// Raises a usage error that lists the tasks.
const SequenceTask& sequence_task(std::string_view name);
int64_t vocabulary_of(const SequenceTask& task);
// Raises a domain error that names a symbol the task does not know, or a text that is too long.
std::vector<int64_t> encode(const SequenceTask& task, std::string_view text);
std::string decode(const SequenceTask& task, std::span<const int64_t> tokens);

// Drawn examples. x i64 (rows, S + T + 1): the source, filled up with no_token, then start and the
// target; target i64 (rows, T + 1): the target, end, and no_token.
class SequencePairs : public Examples {
 public:
  SequencePairs(const SequenceTask& task, int64_t count, Key key);
  int64_t count() const override { return static_cast<int64_t>(pairs_.size()); }
  Type x(int64_t rows) const override;
  Type target(int64_t rows) const override;
  void fill(std::span<const int64_t> rows, std::span<std::byte> x, std::span<std::byte> target,
            std::optional<Key> key) const override;
  const std::pair<std::string, std::string>& pair(int64_t i) const {
    return pairs_[static_cast<size_t>(i)];
  }

 private:
  const SequenceTask& task_;
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// An encoder reads the source, a decoder writes the target: x as SequencePairs writes it -> logits
// (N, T + 1, vocabulary).
struct TransformerPairs {
  Embedding embedding;  // of both sides
  Transformer transformer;
  Linear head;
  int64_t source = 0;  // S

  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("transformer", self.transformer);
    visit("head", self.head);
  }
};

// The same by a recurrent encoder and decoder.
struct RecurrentPairs : EncoderDecoder {
  int64_t source = 0;

  Tensor operator()(const Tensor& x, Pass& pass) const;
};

// "transformer:LAYERS-HEADS-WIDTH", or "gru:CODE" and "gru-attention:CODE", CODE being the numbers
// that go from the encoder to the decoder.
Model make_pairs_model(Key key, const SequenceTask& task, const std::string& word);

// Trains config.model on config.data, a task. The accuracy is the share of sequences that are right
// from end to end.
std::unique_ptr<Assignment> assign_sequences(TrainConfig& config);

struct Decoded {
  std::vector<int64_t> tokens;  // without start and end
  double log_prob = 0;          // of all of them, and of the end
};
// The sequences that a beam of this width finds, the likeliest first: after every prefix the `beam`
// likeliest continuations of all go on. log_probs gives log P of every token after a prefix. A beam
// of 1 takes the likeliest token every time. Sequences end at `end`, or after `most` tokens.
std::vector<Decoded> beam_search(
    const std::function<std::vector<double>(std::span<const int64_t> prefix)>& log_probs,
    int64_t end, int64_t beam, int64_t most);

// What a trained run makes of a source, the likeliest first.
std::vector<std::pair<std::string, double>> transform(const std::string& folder,
                                                      std::string_view source, int64_t beam);

}  // namespace gradus
