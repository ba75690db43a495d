#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/run_files.h>
#include <gradus/train/sequences.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace gradus {
namespace {

enum Stream : uint64_t { init_stream = 2, pairs_stream = 8 };  // of the seed
constexpr int64_t usual_examples = 20000;
constexpr std::string_view digits = "0123456789";

int64_t number_below(Key key, int64_t bound) {
  int64_t n = 0;
  fill_integers(key, 0, bound, {&n, 1});
  return n;
}

// Three to ten digits.
std::string drawn_digits(Key key) {
  constexpr int64_t fewest = 3, most = 10;
  std::string text;
  const int64_t length = fewest + number_below(split(key, 0), most - fewest + 1);
  for (int64_t i = 0; i < length; ++i)
    text += digits[static_cast<size_t>(number_below(split(key, static_cast<uint64_t>(i) + 1), 10))];
  return text;
}

std::pair<std::string, std::string> copied(Key key) {
  const std::string text = drawn_digits(key);
  return {text, text};
}
std::pair<std::string, std::string> reversed(Key key) {
  const std::string text = drawn_digits(key);
  return {text, {text.rbegin(), text.rend()}};
}
std::pair<std::string, std::string> sorted(Key key) {
  const std::string text = drawn_digits(key);
  std::string in_order = text;
  std::ranges::sort(in_order);
  return {text, in_order};
}
std::pair<std::string, std::string> added(Key key) {
  const int64_t a = number_below(split(key, 0), 1000), b = number_below(split(key, 1), 1000);
  return {std::to_string(a) + "+" + std::to_string(b), std::to_string(a + b)};
}

constexpr SequenceTask tasks[] = {{"reverse", digits, 10, 10, reversed},
                                  {"sort", digits, 10, 10, sorted},
                                  {"copy", digits, 10, 10, copied},
                                  {"add", "0123456789+", 7, 4, added}};

struct Sides {
  Tensor source, target;
};
Sides sides(const Tensor& x, int64_t source) {
  return {slice_axis(x, 1, {0, source}), slice_axis(x, 1, {source, slice_end})};
}

Tensor with_positions(const Tensor& x) {
  return x + constant(sinusoidal_positions(x.shape()[1], x.shape()[2], x.dtype()));
}

class PairsAssignment : public Assignment {
 public:
  explicit PairsAssignment(TrainConfig& config) : task_(sequence_task(config.data)) {
    const int64_t all = config.examples == 0 ? usual_examples : config.examples;
    const auto held = static_cast<int64_t>(config.val * static_cast<double>(all));
    const Key key = key_from_seed(config.seed);
    training =
        std::make_shared<SequencePairs>(task_, all - held, split(split(key, pairs_stream), 0));
    if (held > 0)
      validation = std::make_shared<SequencePairs>(task_, held, split(split(key, pairs_stream), 1));
    if (config.lr == 0) config.lr = defaults_for(config.optimiser).lr;
    config.loss = "cross-entropy";
    model = make_pairs_model(split(key, init_stream), task_, config.model);
    loss = [](const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
      return cross_entropy(m(x, pass), target, Reduction::mean, {.ignore_index = no_token});
    };
  }

  Measured measure(const Model& now, const Examples& rows, int64_t most) const override {
    return mean_over(rows, most, 64, [&](const Rows& batch) -> Measured {
      const Tensor& target = batch.target;
      const Tensor logits = now(batch.x);
      // Where every token is the likeliest after the right ones, decoding token by token gives
      // them.
      const Tensor hits = logical_or(equal(argmax(logits, -1), target), equal(target, no_token));
      return {number(cross_entropy(logits, target, Reduction::mean, {.ignore_index = no_token})),
              number(mean(cast(gradus::all(hits, {.axis = 1}), DType::f64))),
              {}};
    });
  }

  void describe(RunRecord& run) const override {
    run.task = "classification";
    run.loss_name = "cross-entropy";
    run.classes = vocabulary_of(task_);
    run.chance_loss = std::log(static_cast<double>(task_.symbols.size()));
  }

 private:
  const SequenceTask& task_;
};

}  // namespace

std::span<const SequenceTask> sequence_tasks() {
  return tasks;
}

const SequenceTask& sequence_task(std::string_view name) {
  const auto found = std::ranges::find(tasks, name, &SequenceTask::name);
  if (found != std::end(tasks)) return *found;
  std::vector<std::string_view> names;
  for (const SequenceTask& t : tasks) names.push_back(t.name);
  raise(ErrorKind::usage, "sequences: there is no task '" + std::string(name) + "'. There are " +
                              text::join(names, ", ") + ".");
}

int64_t vocabulary_of(const SequenceTask& task) {
  return first_symbol + static_cast<int64_t>(task.symbols.size());
}

std::vector<int64_t> encode(const SequenceTask& task, std::string_view text) {
  if (std::ssize(text) > task.source_length)
    raise(ErrorKind::domain, std::string(task.name) + ": '" + std::string(text) + "' has " +
                                 std::to_string(text.size()) + " symbols. The task takes " +
                                 std::to_string(task.source_length) + " at most.");
  std::vector<int64_t> tokens;
  for (char c : text) {
    const size_t at = task.symbols.find(c);
    if (at == std::string_view::npos)
      raise(ErrorKind::domain, std::string(task.name) + ": '" + std::string(1, c) +
                                   "' is no symbol of the task. It takes " +
                                   std::string(task.symbols) + ".");
    tokens.push_back(first_symbol + static_cast<int64_t>(at));
  }
  return tokens;
}

std::string decode(const SequenceTask& task, std::span<const int64_t> tokens) {
  std::string text;
  for (int64_t t : tokens)
    if (t >= first_symbol) text += task.symbols[static_cast<size_t>(t - first_symbol)];
  return text;
}

SequencePairs::SequencePairs(const SequenceTask& task, int64_t count, Key key) : task_(task) {
  for (int64_t i = 0; i < count; ++i)
    pairs_.push_back(task.draw(split(key, static_cast<uint64_t>(i))));
}

Type SequencePairs::x(int64_t rows) const {
  return {DType::i64, {rows, task_.source_length + task_.target_length + 1}};
}

Type SequencePairs::target(int64_t rows) const {
  return {DType::i64, {rows, task_.target_length + 1}};
}

void SequencePairs::fill(std::span<const int64_t> rows, std::span<std::byte> x,
                         std::span<std::byte> target, std::optional<Key>) const {
  const auto source = static_cast<size_t>(task_.source_length),
             length = static_cast<size_t>(task_.target_length) + 1;
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto& [from, to] = pair(rows[r]);
    std::vector<int64_t> in(source + length, no_token), out(length, no_token);
    std::ranges::copy(encode(task_, from), in.begin());
    const std::vector<int64_t> wanted = encode(task_, to);
    in[source] = start_token;
    std::ranges::copy(wanted, in.begin() + static_cast<int64_t>(source) + 1);
    std::ranges::copy(wanted, out.begin());
    out[wanted.size()] = end_token;
    std::memcpy(x.data() + r * in.size() * sizeof(int64_t), in.data(), in.size() * sizeof(int64_t));
    std::memcpy(target.data() + r * length * sizeof(int64_t), out.data(), length * sizeof(int64_t));
  }
}

Tensor TransformerPairs::operator()(const Tensor& x, Pass& pass) const {
  const Sides s = sides(x, source);
  // (N, 1, 1, S): nobody looks at what fills the source up.
  const AttentionOptions looks{.mask =
                                   expand_dims(expand_dims(not_equal(s.source, no_token), 1), 1)};
  const Tensor memory = transformer.encode(with_positions(embedding(s.source)), pass, looks);
  return head(transformer.decode(with_positions(embedding(s.target)), memory, pass, looks));
}

Tensor RecurrentPairs::operator()(const Tensor& x, Pass& pass) const {
  const Sides s = sides(x, source);
  const Tensor there = cast(not_equal(s.source, no_token), DType::i64);
  return EncoderDecoder::operator()(s.source, s.target, pass, sum(there, {.axis = 1}));
}

Model make_pairs_model(Key key, const SequenceTask& task, const std::string& word) {
  const auto [kind, sizes] = parse_model_word(word, 1 << 16);
  const bool transformer = kind == "transformer", attends = kind == "gru-attention";
  if ((!transformer && !attends && kind != "gru") || sizes.size() != (transformer ? 3u : 1u) ||
      (transformer && sizes[2] % sizes[1] != 0))
    raise(ErrorKind::usage, "model: '" + word +
                                "' is no model from sequences to sequences. Write "
                                "transformer:LAYERS-HEADS-WIDTH, heads dividing the width, "
                                "gru:CODE or gru-attention:CODE.");
  const int64_t vocabulary = vocabulary_of(task);
  const auto part = [&](uint64_t n) { return split(key, n); };
  if (transformer) {
    const int64_t width = sizes[2];
    return Model(word, with_paths(TransformerPairs{
                           make_embedding(part(0), vocabulary, width),
                           make_transformer(part(1), width, sizes[1], sizes[0], sizes[0], 4 * width,
                                            {.dropout = 0, .norm_first = true}),
                           make_linear(part(2), width, vocabulary), task.source_length}));
  }
  return Model(word, RecurrentPairs{make_encoder_decoder(RecurrentKind::gru, key, vocabulary,
                                                         sizes[0], {.attends = attends}),
                                    task.source_length});
}

std::unique_ptr<Assignment> assign_sequences(TrainConfig& config) {
  return std::make_unique<PairsAssignment>(config);
}

std::vector<Decoded> beam_search(
    const std::function<std::vector<double>(std::span<const int64_t> prefix)>& log_probs,
    int64_t end, int64_t beam, int64_t most) {
  if (beam < 1)
    raise(ErrorKind::usage, "beam_search: a beam of " + std::to_string(beam) +
                                ". It is the count of prefixes that go on, 1 at least.");
  const auto likelier = [](const Decoded& a, const Decoded& b) { return a.log_prob > b.log_prob; };
  const auto width = static_cast<size_t>(beam);
  std::vector<Decoded> open(1), ended;
  for (int64_t n = 0; n < most && !open.empty(); ++n) {
    std::vector<Decoded> next;
    for (const Decoded& prefix : open) {
      const std::vector<double> p = log_probs(prefix.tokens);
      for (size_t t = 0; t < p.size(); ++t) {
        Decoded longer = prefix;
        longer.tokens.push_back(static_cast<int64_t>(t));
        longer.log_prob += p[t];
        next.push_back(std::move(longer));
      }
    }
    std::ranges::stable_sort(next, likelier);
    if (next.size() > width) next.resize(width);
    open.clear();
    for (Decoded& d : next) {
      if (d.tokens.back() != end) {
        open.push_back(std::move(d));
      } else {
        d.tokens.pop_back();
        ended.push_back(std::move(d));
      }
    }
    std::ranges::stable_sort(ended, likelier);
    // What is open can only become less likely.
    if (ended.size() >= width && (open.empty() || !likelier(open[0], ended[width - 1]))) break;
  }
  if (ended.size() < width) ended.insert(ended.end(), open.begin(), open.end());
  std::ranges::stable_sort(ended, likelier);
  if (ended.size() > width) ended.resize(width);
  return ended;
}

std::vector<std::pair<std::string, double>> transform(const std::string& folder,
                                                      std::string_view source, int64_t beam) {
  const RunFiles run = read_run(folder);
  const SequenceTask& task = sequence_task(run.config.data);
  const Model model = load_state(make_pairs_model({}, task, run.config.model), run.weights);
  const std::vector<int64_t> from = encode(task, source);
  const auto log_probs = [&](std::span<const int64_t> prefix) {
    std::vector<int64_t> x(static_cast<size_t>(task.source_length + task.target_length) + 1,
                           no_token);
    std::ranges::copy(from, x.begin());
    const auto begin = x.begin() + task.source_length;
    *begin = start_token;
    std::ranges::copy(prefix, begin + 1);
    const Tensor logits = model(from_vector(x, {1, std::ssize(x)}));
    std::vector<double> p = numbers(log_softmax(row(row(logits, 0), std::ssize(prefix))));
    // What is written nowhere: two sequences would read alike.
    for (const int64_t unseen : {no_token, start_token})
      p[static_cast<size_t>(unseen)] = -std::numeric_limits<double>::infinity();
    return p;
  };
  std::vector<std::pair<std::string, double>> found;
  for (const Decoded& d : beam_search(log_probs, end_token, beam, task.target_length + 1))
    found.emplace_back(decode(task, d.tokens), d.log_prob);
  return found;
}

}  // namespace gradus
