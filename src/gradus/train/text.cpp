#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/run_files.h>
#include <gradus/train/text.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace gradus {
namespace lessons {
extern const std::string_view frozen_lessons;
}  // namespace lessons

namespace {

enum Stream : uint64_t { init_stream = 2 };  // of the seed, as for tables of rows

constexpr std::string_view frozen_name = "lessons";
constexpr std::string_view vocabulary_key = "resolved.vocabulary";

// Bytes of the character that begins with this one.
size_t length_of(char c) {
  const auto b = static_cast<unsigned char>(c);
  return b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
}

RecurrentKind recurrent_kind(const std::string& kind) {
  return kind == "lstm"  ? RecurrentKind::lstm
         : kind == "gru" ? RecurrentKind::gru
                         : RecurrentKind::tanh;
}

RecurrentLanguageModel make_recurrent_model(Key key, const LanguageSpec& spec, int64_t vocabulary,
                                            double dropout) {
  return with_paths(RecurrentLanguageModel{
      make_embedding(split(key, 0), vocabulary, spec.width),
      make_recurrent(recurrent_kind(spec.kind), split(key, 1), spec.width, spec.width,
                     {.layers = spec.layers, .dropout = dropout}),
      make_linear(split(key, 2), spec.width, vocabulary)});
}

GptSpec gpt_spec(const LanguageSpec& spec, int64_t vocabulary, double dropout) {
  return {.vocabulary = vocabulary,
          .context = spec.context,
          .width = spec.width,
          .heads = spec.heads,
          .layers = spec.layers,
          .dropout = dropout};
}

Model make_language_model(Key key, const LanguageSpec& spec, int64_t vocabulary, double dropout) {
  const std::string says = spec.kind + ", " + counted(spec.layers, "layer") + " of " +
                           std::to_string(spec.width) + ", context " + std::to_string(spec.context);
  if (spec.kind == "gpt") return Model(says, make_gpt(key, gpt_spec(spec, vocabulary, dropout)));
  return Model(says, make_recurrent_model(key, spec, vocabulary, dropout));
}

// -sum f ln f of the tokens' frequencies: what a model gets that knows nothing of what came before.
double entropy_of(const std::vector<int64_t>& tokens, int64_t vocabulary) {
  std::vector<double> counts(static_cast<size_t>(vocabulary));
  for (int64_t t : tokens) counts[static_cast<size_t>(t)] += 1;
  return chance_loss("classification", counts);
}

class TextAssignment : public Assignment {
 public:
  explicit TextAssignment(TrainConfig& config) : characters_(std::vector<std::string>{}) {
    const std::string text = load_text(config.data);
    characters_ = Characters(text);
    const LanguageSpec spec = parse_language(config.model);
    const std::vector<int64_t> tokens = characters_.encode(text);
    const auto held = static_cast<int64_t>(config.val * static_cast<double>(tokens.size()));
    const auto cut = tokens.end() - held;
    if (cut - tokens.begin() <= spec.context)
      raise(ErrorKind::usage, "train: " + config.data + " has " + std::to_string(tokens.size()) +
                                  " characters for windows of " + std::to_string(spec.context) +
                                  ". Give a longer text, or a model with a smaller context.");
    if (config.lr == 0) config.lr = defaults_for(config.optimiser).lr;
    config.loss = "cross-entropy";
    source_ = config.data;
    training =
        std::make_shared<TextWindows>(std::vector<int64_t>(tokens.begin(), cut), spec.context);
    if (held > spec.context)
      validation =
          std::make_shared<TextWindows>(std::vector<int64_t>(cut, tokens.end()), spec.context);
    model = make_language_model(split(key_from_seed(config.seed), init_stream), spec,
                                characters_.count(), config.dropout);
    draws = config.dropout > 0;
    loss = [](const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
      return cross_entropy(m(x, pass), target, Reduction::mean);
    };
    metrics = {"perplexity"};
  }

  Measured measure(const Model& now, const Examples& rows, int64_t most) const override {
    Measured m = mean_over(rows, most, 16, [&](const Rows& batch) -> Measured {
      const Tensor logits = now(batch.x);
      const Tensor hits = equal(argmax(logits, -1), batch.target);
      return {number(cross_entropy(logits, batch.target, Reduction::mean)),
              number(mean(cast(hits, DType::f64))),
              {}};
    });
    m.more = {std::exp(m.loss)};
    return m;
  }

  void describe(RunRecord& run) const override {
    run.task = "classification";
    run.loss_name = "cross-entropy";
    run.classes = characters_.count();
    run.chance_loss =
        entropy_of(static_cast<const TextWindows&>(*training).tokens(), characters_.count());
  }

  TomlEntries resolved() const override {
    return {{std::string(vocabulary_key), characters_.symbols()}};
  }

 private:
  Characters characters_;
  std::string source_;
};

}  // namespace

std::string_view frozen_text() {
  return lessons::frozen_lessons;
}

std::string load_text(const std::string& source) {
  const std::string text = source == frozen_name ? std::string(frozen_text())
                                                 : std::string(as_text(FileBytes(source).bytes()));
  if (const auto bad = text::first_invalid_utf8(text))
    raise(ErrorKind::file, source + ": byte " + std::to_string(*bad) +
                               " is no UTF-8. A text is UTF-8; convert the file first.");
  if (text.size() < 2)
    raise(ErrorKind::file, source + ": it holds " + std::to_string(text.size()) +
                               " bytes. A text has two characters at least.");
  return text;
}

Characters::Characters(std::string_view text) {
  std::set<std::string> seen;  // UTF-8 sorts by code point
  for (size_t i = 0; i < text.size(); i += length_of(text[i]))
    seen.emplace(text.substr(i, length_of(text[i])));
  symbols_.assign(seen.begin(), seen.end());
}

std::vector<int64_t> Characters::encode(std::string_view text) const {
  std::vector<int64_t> tokens;
  for (size_t i = 0; i < text.size(); i += length_of(text[i])) {
    const std::string_view c = text.substr(i, length_of(text[i]));
    const auto found = std::ranges::lower_bound(symbols_, c);
    if (found == symbols_.end() || *found != c)
      raise(ErrorKind::domain, "the character '" + std::string(c) + "' at byte " +
                                   std::to_string(i) + " is not among the " +
                                   std::to_string(symbols_.size()) +
                                   " of the text. Use characters that stand there.");
    tokens.push_back(found - symbols_.begin());
  }
  return tokens;
}

std::string Characters::decode(std::span<const int64_t> tokens) const {
  std::string text;
  for (int64_t t : tokens) text += symbols_[static_cast<size_t>(t)];
  return text;
}

TextWindows::TextWindows(std::vector<int64_t> tokens, int64_t length)
    : tokens_(std::move(tokens)), length_(length) {}

int64_t TextWindows::count() const {
  return (std::ssize(tokens_) - 1) / length_;
}

void TextWindows::fill(std::span<const int64_t> rows, std::span<std::byte> x,
                       std::span<std::byte> target, std::optional<Key> key) const {
  const auto bytes = static_cast<size_t>(length_) * sizeof(int64_t);
  for (size_t r = 0; r < rows.size(); ++r) {
    int64_t from = rows[r] * length_;
    if (key) {
      int64_t moved = 0;
      fill_integers(split(*key, static_cast<uint64_t>(rows[r])), 0, length_, {&moved, 1});
      from = std::min(from + moved, std::ssize(tokens_) - 1 - length_);
    }
    std::memcpy(x.data() + r * bytes, tokens_.data() + from, bytes);
    std::memcpy(target.data() + r * bytes, tokens_.data() + from + 1, bytes);
  }
}

Tensor RecurrentLanguageModel::operator()(const Tensor& tokens, Pass& pass) const {
  return head(rnn(embedding(tokens), pass).output);
}

Tensor RecurrentLanguageModel::operator()(const Tensor& tokens, RecurrentState& state) const {
  Pass pass;
  const RecurrentResult r = rnn(embedding(tokens), pass, state);
  state = r.last;
  return head(r.output);
}

LanguageSpec parse_language(std::string_view text) {
  const auto [kind, sizes] = parse_model_word(text, 1 << 20);
  const bool gpt = kind == "gpt";
  const bool known = gpt || kind == "rnn" || kind == "lstm" || kind == "gru";
  if (!known || sizes.size() != (gpt ? 4u : 3u) || (gpt && sizes[2] % sizes[1] != 0))
    raise(ErrorKind::usage, "model: '" + std::string(text) +
                                "' is no language model. Write gpt:LAYERS-HEADS-WIDTH-CONTEXT, "
                                "heads dividing the width, or rnn, lstm or "
                                "gru:LAYERS-HIDDEN-CONTEXT.");
  return {.kind = kind,
          .layers = sizes[0],
          .heads = gpt ? sizes[1] : 1,
          .width = sizes[sizes.size() - 2],
          .context = sizes.back()};
}

std::unique_ptr<Assignment> assign_text(TrainConfig& config) {
  return std::make_unique<TextAssignment>(config);
}

Writer::Writer(const std::string& folder) {
  const RunFiles run = read_run(folder);
  for (const TomlEntry& e : run.entries)
    if (const auto* list = std::get_if<std::vector<std::string>>(&e.value);
        list && e.key == vocabulary_key)
      characters_ = Characters(*list);
  if (characters_.count() == 0)
    raise(ErrorKind::usage, folder +
                                ": the run did not train on a text. gradus generate goes on "
                                "with runs such as those of gradus train gpt.");
  spec_ = parse_language(run.config.model);
  if (spec_.kind == "gpt")
    gpt_ = load_state(make_gpt({}, gpt_spec(spec_, characters_.count(), 0)), run.weights);
  else
    recurrent_ = load_state(make_recurrent_model({}, spec_, characters_.count(), 0), run.weights);
}

std::string Writer::write(std::string_view prompt, int64_t count, const SamplingOptions& options,
                          Key key, const std::function<void(const std::string&)>& told) const {
  check_sampling(options);
  std::vector<int64_t> all = characters_.encode(prompt);
  // Nothing was read yet: a line begins, where the text has lines.
  if (all.empty()) {
    const auto line = std::ranges::find(characters_.symbols(), "\n");
    all.push_back(line == characters_.symbols().end() ? 0 : line - characters_.symbols().begin());
  }
  const size_t given = all.size();
  const bool is_gpt = spec_.kind == "gpt";
  RecurrentState state;
  GptCache cache;
  size_t read = 0;
  const auto logits_after = [&]() -> std::vector<float> {
    // A full context is read anew from its later half.
    if (is_gpt && cache.tokens + static_cast<int64_t>(all.size() - read) > spec_.context) {
      cache = {};
      read = all.size() - static_cast<size_t>(std::min<int64_t>(
                              std::ssize(all), std::max<int64_t>(1, spec_.context / 2)));
    }
    const Tensor tokens =
        from_vector(std::vector<int64_t>(all.begin() + static_cast<int64_t>(read), all.end()),
                    {1, static_cast<int64_t>(all.size() - read)});
    read = all.size();
    const Tensor logits = is_gpt ? gpt_(tokens, cache) : recurrent_(tokens, state);
    const std::vector<float> every = values<float>(logits);
    return {every.end() - characters_.count(), every.end()};
  };
  std::vector<double> u(static_cast<size_t>(std::max<int64_t>(count, 0)));
  fill_uniform(key, 0, std::span<double>(u));
  for (const double at : u) {
    all.push_back(sample_token(token_probabilities(logits_after(), options), at));
    if (told) told(characters_.symbols()[static_cast<size_t>(all.back())]);
  }
  return characters_.decode(std::span(all).subspan(given));
}

}  // namespace gradus
