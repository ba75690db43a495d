// Characters, counting, sampling, and language models that train and write.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/train/ngram.h>
#include <gradus/train/text.h>
#include <gradus/train/trainer.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Words of a text as numbers, in the order of their first use.
std::vector<int64_t> words(const std::vector<std::string>& text) {
  std::vector<std::string> seen;
  std::vector<int64_t> tokens;
  for (const std::string& w : text) {
    auto at = std::ranges::find(seen, w);
    if (at == seen.end()) at = seen.insert(at, w);
    tokens.push_back(at - seen.begin());
  }
  return tokens;
}

const std::vector<int64_t> cat =
    words({"the", "cat", "sat", "on", "the", "mat", "the", "cat", "ran"});

TEST(NGram, after_the_comes_cat_two_times_out_of_three) {
  // the 0, cat 1, sat 2, on 3, mat 4, ran 5.
  const NGram model(cat, 6, 2, Smoothing::none);
  const std::vector<int64_t> the = {0};
  EXPECT_DOUBLE_EQ(model.probability(the, 1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(model.probability(the, 4), 1.0 / 3);
  EXPECT_DOUBLE_EQ(model.probability(the, 5), 0);
  const NGram smooth(cat, 6, 2, Smoothing::add_one);
  EXPECT_DOUBLE_EQ(smooth.probability(the, 1), 3.0 / 9);
  EXPECT_DOUBLE_EQ(smooth.probability(the, 5), 1.0 / 9);
}

TEST(NGram, probabilities_sum_to_1_after_any_history) {
  for (const Smoothing s : {Smoothing::none, Smoothing::add_one, Smoothing::interpolated}) {
    const NGram model(cat, 6, 3, s);
    for (const std::vector<int64_t>& history :
         {std::vector<int64_t>{}, {0}, {0, 1}, {3, 0}, {5, 5}}) {
      double total = 0;
      for (int64_t t = 0; t < 6; ++t) total += model.probability(history, t);
      EXPECT_NEAR(total, 1, 1e-12);
    }
  }
}

TEST(NGram, a_uniform_text_over_v_tokens_has_perplexity_v) {
  std::vector<int64_t> each(8);
  std::iota(each.begin(), each.end(), 0);
  const NGram model(each, 8, 1, Smoothing::none);
  EXPECT_NEAR(std::exp(model.loss(each)), 8, 1e-12);
}

TEST(NGram, fitted_weights_sum_to_1_and_beat_the_longest_history_alone) {
  const Characters letters(frozen_text());
  const std::vector<int64_t> all = letters.encode(frozen_text().substr(0, 40000));
  const std::span<const int64_t> text(all);
  const auto learnt = text.first(text.size() * 9 / 10), rest = text.last(text.size() / 10);
  const NGram mixed(learnt, letters.count(), 4), one(learnt, letters.count(), 1);
  EXPECT_NEAR(std::accumulate(mixed.weights().begin(), mixed.weights().end(), 0.0), 1, 1e-12);
  EXPECT_LT(mixed.loss(rest), one.loss(rest) - 0.5);
  EXPECT_LT(mixed.loss(rest), NGram(learnt, letters.count(), 4, Smoothing::add_one).loss(rest));
}

// 90 times 0 are counted; of the ten that fit the weights seven are 0, three are 1. With weight w
// on 1 / 4, 7 ln(1 - 3 w / 4) + 3 ln(w / 4) is greatest where 3 (1 - 3 w / 4) = 21 w / 4: w = 0.4.
TEST(NGram, fitted_weights_are_the_optimum) {
  std::vector<int64_t> tokens(100, 0);
  tokens[97] = tokens[98] = tokens[99] = 1;
  const NGram model(tokens, 4, 1);
  EXPECT_NEAR(model.weights()[0], 0.4, 1e-9);
  EXPECT_NEAR(model.weights()[1], 0.6, 1e-9);
}

TEST(NGram, what_it_draws_follows_its_history_and_the_numbers) {
  const NGram model(cat, 6, 2, Smoothing::none);
  const std::vector<double> u = {0.1, 0.5, 0.5};
  // After "mat" comes "the" alone; then cat below 2/3; then sat below 1/2, else ran.
  EXPECT_EQ(model.sample({4}, u), (std::vector<int64_t>{0, 1, 5}));
}

TEST(NGram, messages_name_what_is_wrong) {
  EXPECT_EQ(message_of([] { NGram(cat, 6, 0); }),
            "n-gram: order 0. It counts the token and those before it, from 1 to 32.");
  EXPECT_EQ(message_of([] { NGram(cat, 5, 2); }),
            "n-gram: token 5 of a vocabulary of 5. Tokens run from 0.");
  EXPECT_EQ(message_of([] { NGram({}, 5, 2); }), "n-gram: the text is empty. Give one to count.");
}

TEST(Sampling, probabilities_by_hand) {
  const std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(5.0f)};
  const auto near = [](const std::vector<double>& got, const std::vector<double>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6) << i;
  };
  near(token_probabilities(logits, {}), {1.0 / 8, 2.0 / 8, 5.0 / 8});
  near(token_probabilities(logits, {.temperature = 0}), {0, 0, 1});
  near(token_probabilities(logits, {.temperature = 0.5}), {1.0 / 30, 4.0 / 30, 25.0 / 30});
  near(token_probabilities(logits, {.top_k = 2}), {0, 2.0 / 7, 5.0 / 7});
  near(token_probabilities(logits, {.top_p = 0.7}), {0, 2.0 / 7, 5.0 / 7});
  near(token_probabilities(logits, {.top_p = 0.6}), {0, 0, 1});
}

TEST(Sampling, a_token_is_where_the_number_falls) {
  const std::vector<double> p = {0.25, 0, 0.5, 0.25};
  EXPECT_EQ(sample_token(p, 0), 0);
  EXPECT_EQ(sample_token(p, 0.25), 2);
  EXPECT_EQ(sample_token(p, 0.75), 3);
  EXPECT_EQ(sample_token(p, 0.999999), 3);
}

TEST(Sampling, messages_say_the_range) {
  const std::vector<float> logits = {0, 1};
  EXPECT_EQ(message_of([&] { token_probabilities(logits, {.temperature = -1}); }),
            "generate: temperature -1. It divides the logits: 0 takes the likeliest, 1 is the "
            "model's own.");
  EXPECT_EQ(message_of([&] { token_probabilities(logits, {.top_k = -1}); }),
            "generate: top-k -1. It is a count of tokens, or 0 for all.");
  EXPECT_EQ(message_of([&] { token_probabilities(logits, {.top_p = 0}); }),
            "generate: top-p 0. It is a probability above 0, up to 1.");
}

TEST(Characters, come_back_as_they_were) {
  const std::string text = "naïve Größe: α→β\n";
  const Characters c(text);
  EXPECT_EQ(c.decode(c.encode(text)), text);
  EXPECT_EQ(c.encode("\n"), std::vector<int64_t>{0});
  EXPECT_EQ(message_of([&] { c.encode("α?"); }),
            "the character '?' at byte 2 is not among the 15 of the text. Use characters "
            "that stand there.");
}

TEST(TextWindows, targets_are_one_place_on_and_keys_move_windows_within_their_stretch) {
  std::vector<int64_t> tokens(23);
  std::iota(tokens.begin(), tokens.end(), 100);
  const TextWindows windows(tokens, 5);
  ASSERT_EQ(windows.count(), 4);
  const std::vector<int64_t> rows = {3, 1};
  const Rows plain = tensors_of(windows, rows);
  EXPECT_EQ(numbers(plain.x),
            (std::vector<double>{115, 116, 117, 118, 119, 105, 106, 107, 108, 109}));
  EXPECT_EQ(numbers(plain.target)[9], 110);
  for (uint64_t k = 0; k < 50; ++k) {
    int64_t x[5], y[5];
    windows.fill(std::vector<int64_t>{1}, std::as_writable_bytes(std::span(x)),
                 std::as_writable_bytes(std::span(y)), key_from_seed(k));
    EXPECT_GE(x[0], 105);
    EXPECT_LT(x[0], 110);
    EXPECT_EQ(y[0], x[0] + 1);
  }
}

TEST(Language, models_are_written_in_one_word) {
  const LanguageSpec gpt = parse_language("gpt:4-2-128-64");
  EXPECT_EQ(gpt.layers, 4);
  EXPECT_EQ(gpt.heads, 2);
  EXPECT_EQ(gpt.width, 128);
  EXPECT_EQ(gpt.context, 64);
  EXPECT_EQ(parse_language("lstm:2-32-16").width, 32);
  for (const char* wrong : {"gpt", "gpt:1-3-8-4", "lstm:1-2", "mlp:1-2-3", "rnn:0-1-1", ""})
    EXPECT_EQ(message_of([&] { parse_language(wrong); }),
              std::string("model: '") + wrong +
                  "' is no language model. Write gpt:LAYERS-HEADS-WIDTH-CONTEXT, heads dividing "
                  "the width, or rnn, lstm or gru:LAYERS-HIDDEN-CONTEXT.");
}

class TextRuns : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("gradus-text-" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream file(folder_ / "abc.txt");
    for (int i = 0; i < 300; ++i) file << "abcdefgh\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  TrainConfig config(const std::string& model) const {
    TrainConfig c;
    find_recipe("gpt")->defaults(c);
    c.recipe = "gpt";
    c.data = (folder_ / "abc.txt").string();
    c.model = model;
    c.epochs = 12;
    c.lr = 1e-2;
    return c;
  }
  fs::path folder_;
};

TEST_F(TextRuns, each_kind_learns_an_alphabet_and_writes_it) {
  for (const std::string model : {"gpt:1-2-16-12", "lstm:1-16-12", "gru:1-16-12", "rnn:1-16-12"}) {
    const std::string out = (folder_ / model.substr(0, 3)).string();
    const RunRecord run = train(config(model), out, false);
    EXPECT_LT(run.val_loss, 0.4) << model;
    EXPECT_NEAR(run.chance_loss, std::log(9), 1e-3);
    const Writer writer(out);
    EXPECT_EQ(writer.write("abc", 15, {.temperature = 0}, key_from_seed(1)), "defgh\nabcdefgh\n")
        << model;
    // The same seed writes the same, beyond the context too.
    EXPECT_EQ(writer.write("", 40, {}, key_from_seed(1)),
              writer.write("", 40, {}, key_from_seed(1)));
  }
}

TEST_F(TextRuns, refuse_what_is_too_short_or_no_text_or_no_run_of_a_text) {
  TrainConfig c = config("gpt:1-1-8-5000");
  EXPECT_EQ(message_of([&] { train(c, (folder_ / "a").string(), false); }),
            "train: " + c.data +
                " has 2700 characters for windows of 5000. Give a longer text, or a model with a "
                "smaller context.");
  std::ofstream(folder_ / "bad.txt") << "ab\xff";
  EXPECT_EQ(message_of([&] { load_text((folder_ / "bad.txt").string()); }),
            (folder_ / "bad.txt").string() +
                ": byte 2 is no UTF-8. A text is UTF-8; convert the file first.");
  EXPECT_EQ(message_of([&] { Writer((folder_ / "nope").string()); }),
            (folder_ / "nope").string() + ": it is not a run folder: run.toml is missing");
}

}  // namespace
}  // namespace gradus
