#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/train/recipes.h>
#include <gradus/train/sequences.h>
#include <gradus/train/skipgram.h>
#include <gradus/train/table.h>
#include <gradus/train/text.h>

#include <algorithm>
#include <numeric>

namespace gradus {
namespace {

void text_defaults(TrainConfig& c, const char* model) {
  c.data = "lessons", c.model = model, c.optimiser = "adam", c.lr = 2e-3;
  c.schedule = "cosine", c.clip_norm = 1, c.batch = 32, c.epochs = 6;
}

void sequence_defaults(TrainConfig& c, const char* task) {
  c.data = task, c.model = "transformer:2-4-64", c.optimiser = "adam", c.lr = 1e-3;
  c.schedule = "cosine", c.clip_norm = 1, c.batch = 64, c.epochs = 10, c.val = 0.05;
}

// To add a recipe: a line here.
constexpr Recipe all_recipes[] = {
    {"perceptron-and", "Rosenblatt's rule learns AND", Material::truth_table,
     [](TrainConfig& c) { c.data = "and", c.epochs = 1000; }, nullptr},
    {"perceptron-xor", "Rosenblatt's rule on XOR, which no line separates", Material::truth_table,
     [](TrainConfig& c) { c.data = "xor", c.epochs = 1000; }, nullptr},
    {"mlp-digits", "a perceptron with one hidden layer on drawn 8x8 digits", Material::examples,
     [](TrainConfig& c) { c.data = "digits"; }, assign_table},
    {"lenet5", "LeNet-5 on drawn 28x28 digits, or a file in MNIST's format", Material::examples,
     [](TrainConfig& c) {
       c.data = "digits28", c.model = "lenet5", c.optimiser = "adam", c.lr = 2e-3;
       c.schedule = "cosine", c.epochs = 12;
     },
     assign_table},
    {"resnet20", "ResNet-20 on drawn 32x32 shapes, or a file in CIFAR's binary format",
     Material::examples,
     [](TrainConfig& c) {
       c.data = "shapes", c.model = "resnet20", c.optimiser = "nesterov", c.lr = 0.05;
       c.weight_decay = 1e-4, c.schedule = "cosine", c.augment = "shift(4)+flip";
       c.epochs = 8;
     },
     assign_table},
    {"vit-digits", "a small vision transformer on drawn 28x28 digits", Material::examples,
     [](TrainConfig& c) {
       c.data = "digits28", c.model = "vit", c.optimiser = "adamw", c.lr = 2e-3;
       c.schedule = "cosine", c.epochs = 12;
     },
     assign_table},
    {"char-rnn", "a plain recurrent network learns a text letter by letter", Material::text,
     [](TrainConfig& c) { text_defaults(c, "rnn:1-128-64"); }, assign_text},
    {"char-lstm", "an LSTM learns a text letter by letter", Material::text,
     [](TrainConfig& c) { text_defaults(c, "lstm:1-128-64"); }, assign_text},
    {"gpt", "a small GPT learns a text letter by letter, the guide's own without a file",
     Material::text,
     [](TrainConfig& c) {
       text_defaults(c, "gpt:4-4-128-128");
       c.optimiser = "adamw", c.weight_decay = 0.1, c.dropout = 0.1, c.batch = 16, c.epochs = 24;
     },
     assign_text},
    {"skipgram", "words become vectors by the words around them, with negative sampling",
     Material::words,
     [](TrainConfig& c) {
       c.data = "lessons", c.model = "skipgram:64-10-5-5", c.optimiser = "adam", c.lr = 5e-3;
       c.schedule = "linear", c.batch = 512, c.epochs = 10;
     },
     assign_skipgram},
    {"seq2seq-reverse", "a small transformer writes digits backwards", Material::pairs,
     [](TrainConfig& c) { sequence_defaults(c, "reverse"); }, assign_sequences},
    {"seq2seq-sort", "a small transformer sorts digits", Material::pairs,
     [](TrainConfig& c) { sequence_defaults(c, "sort"); }, assign_sequences},
    {"seq2seq-copy", "a small transformer writes digits down again", Material::pairs,
     [](TrainConfig& c) { sequence_defaults(c, "copy"); }, assign_sequences},
    {"seq2seq-add", "a small transformer adds numbers of up to three digits", Material::pairs,
     [](TrainConfig& c) { sequence_defaults(c, "add"), c.epochs = 30; }, assign_sequences},
};

}  // namespace

std::span<const Recipe> recipes() {
  return all_recipes;
}

const Recipe* find_recipe(std::string_view name) {
  const auto found = std::ranges::find(all_recipes, name, &Recipe::name);
  return found == std::end(all_recipes) ? nullptr : &*found;
}

Rows tensors_of(const Examples& examples, std::span<const int64_t> rows) {
  const auto count = static_cast<int64_t>(rows.size());
  const Type x = examples.x(count), target = examples.target(count);
  std::vector<std::byte> x_bytes(static_cast<size_t>(byte_count(x))),
      target_bytes(static_cast<size_t>(byte_count(target)));
  examples.fill(rows, x_bytes, target_bytes, {});
  return {from_bytes(x, x_bytes), from_bytes(target, target_bytes)};
}

Measured mean_over(const Examples& rows, int64_t most, int64_t at_once,
                   const std::function<Measured(const Rows& batch)>& of) {
  const int64_t count = std::min(most, rows.count());
  double loss = 0, accuracy = 0;
  for (int64_t from = 0; from < count; from += at_once) {
    std::vector<int64_t> some(static_cast<size_t>(std::min(at_once, count - from)));
    std::iota(some.begin(), some.end(), from);
    const Measured m = of(tensors_of(rows, some));
    loss += m.loss * static_cast<double>(some.size());
    accuracy += m.accuracy * static_cast<double>(some.size());
  }
  return {loss / static_cast<double>(count), accuracy / static_cast<double>(count), {}};
}

ModelWord parse_model_word(std::string_view text, int64_t most) {
  const size_t colon = text.find(':');
  const std::string kind(text.substr(0, colon));
  std::vector<int64_t> sizes;
  for (size_t at = colon; at != std::string_view::npos; at = text.find('-', at + 1)) {
    const auto size = text::parse_int64(text.substr(at + 1, text.find('-', at + 1) - at - 1));
    if (!size || *size < 1 || *size > most) return {kind, {}};
    sizes.push_back(*size);
  }
  return {kind, sizes};
}

Measured Assignment::measure(const Model& now, const Examples& rows, int64_t most) const {
  return mean_over(rows, most, 32, [&](const Rows& batch) {
    Pass pass;
    return Measured{.loss = number(loss(now, batch.x, batch.target, pass))};
  });
}

}  // namespace gradus
