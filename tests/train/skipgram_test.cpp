// Words as vectors: what skip-gram learns from, its loss by hand, the files, and the questions.
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/skipgram.h>
#include <gradus/train/text.h>
#include <gtest/gtest.h>
#include <message.h>
#include <train/runs.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace gradus {
namespace {

// The mean of a chi-square of n degrees is n and its variance 2 n; six standard deviations above.
void expect_drawn_from(const std::vector<double>& probabilities,
                       const std::vector<double>& counts) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  double chi_square = 0, cells = -1;
  ASSERT_EQ(probabilities.size(), counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = all * probabilities[i];
    if (probabilities[i] == 0) {
      EXPECT_EQ(counts[i], 0) << i;
      continue;
    }
    ASSERT_GT(expected, 5) << i;
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++cells;
  }
  EXPECT_LT(chi_square, cells + 6 * std::sqrt(2 * cells));
}

TEST(WordText, words_are_small_letters_without_signs_and_the_commonest_comes_first) {
  const WordText t =
      word_text("The cat's on the mat \u2014 the f32 cat's 32 3x 'na\u00efve' \u2192", 1);
  EXPECT_EQ(t.words, (std::vector<std::string>{"the", "cat's", "f32", "mat", "na\u00efve", "on"}));
  EXPECT_EQ(t.counts, (std::vector<int64_t>{3, 2, 1, 1, 1, 1}));
  EXPECT_EQ(t.tokens, (std::vector<int64_t>{0, 1, 5, 0, 3, 0, 2, 1, 4}));
}

TEST(WordText, paragraphs_end_and_rare_words_leave_no_gap) {
  const WordText t = word_text("a b\nc a b\n\nrare\n---\n\na b\n", 2);
  EXPECT_EQ(t.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(t.counts, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(t.tokens, (std::vector<int64_t>{0, 1, 0, 1, WordText::paragraph, 0, 1}));
  EXPECT_TRUE(word_text("12 .\n\n--", 1).tokens.empty());
}

TEST(WordText, common_words_are_kept_by_the_root_of_what_they_are_too_common) {
  EXPECT_DOUBLE_EQ(kept_share(0.1), 0.1);  // sqrt(0.001 / 0.1)
  EXPECT_DOUBLE_EQ(kept_share(0.004), 0.5);
  EXPECT_DOUBLE_EQ(kept_share(0.001), 1);
  EXPECT_DOUBLE_EQ(kept_share(1e-9), 1);
}

// 100^0.75, 50^0.75, 20^0.75, 5^0.75, 1, over their sum 64.2269091.
const std::vector<int64_t> noise_counts = {100, 50, 20, 5, 1};
const std::vector<double> noise_probabilities = {0.4923602, 0.2927591, 0.1472500, 0.0520608,
                                                 0.0155698};

TEST(NoiseWords, come_as_often_as_the_count_to_the_three_quarters) {
  const NoiseWords noise(noise_counts);
  for (size_t i = 0; i < noise_counts.size(); ++i)
    EXPECT_NEAR(noise.probability(static_cast<int64_t>(i)), noise_probabilities[i], 1e-7);
  std::vector<double> u(200000), counts(noise_counts.size());
  fill_uniform(key_from_seed(11), 0, std::span<double>(u));
  for (const double at : u) counts[static_cast<size_t>(noise.at(at))] += 1;
  expect_drawn_from(noise_probabilities, counts);
  EXPECT_EQ(noise.at(0), 0);
  EXPECT_EQ(noise.at(std::nextafter(1.0, 0.0)), 4);
}

// A text of four words in three paragraphs, and how often word2vec's procedure makes a pair of two
// of them: every place is kept by its share; a kept centre has a window of 1 to w, uniformly; the
// words of it are the kept ones nearest to it.
const std::vector<int64_t> pair_text = {0, 1, 2,  0, 3, 0, 1, -1, 2, 0,
                                        1, 0, -1, 3, 0, 2, 0, 0,  1, 3};
const std::vector<int64_t> pair_counts = {8, 4, 3, 3};

std::vector<double> pair_probabilities(int64_t window) {
  std::vector<double> all(16);
  const auto kept = [](int64_t word) {
    return kept_share(static_cast<double>(pair_counts[static_cast<size_t>(word)]) / 18);
  };
  const int64_t n = std::ssize(pair_text);
  const auto at = [](int64_t i) { return pair_text[static_cast<size_t>(i)]; };
  for (int64_t i = 0; i < n; ++i)
    for (int64_t side : {-1, 1}) {
      if (at(i) < 0) continue;
      // between[m]: the probability that m words between centre and place are kept.
      std::vector<double> between = {1};
      for (int64_t j = i + side; j >= 0 && j < n && at(j) >= 0; j += side) {
        double reached = 0;
        for (int64_t m = 0; m < std::ssize(between); ++m)
          reached += between[static_cast<size_t>(m)] *
                     static_cast<double>(std::max<int64_t>(0, window - m));
        all[static_cast<size_t>(4 * at(i) + at(j))] += kept(at(i)) * kept(at(j)) * reached;
        std::vector<double> next(between.size() + 1);
        for (size_t m = 0; m < between.size(); ++m) {
          next[m] += between[m] * (1 - kept(at(j)));
          next[m + 1] += between[m] * kept(at(j));
        }
        between = next;
      }
    }
  const double sum = std::accumulate(all.begin(), all.end(), 0.0);
  for (double& p : all) p /= sum;
  return all;
}

TEST(WordPairs, come_as_often_as_from_all_windows_of_all_centres) {
  for (const int64_t window : {1, 3}) {
    const WordPairs pairs(pair_text, pair_counts, {.window = window, .noise = 2}, {});
    constexpr size_t rows = 20000;
    std::vector<int64_t> all(rows), x(rows * 4);
    std::vector<float> target(rows * 3);
    std::iota(all.begin(), all.end(), 0);
    pairs.fill(all, std::as_writable_bytes(std::span(x)), std::as_writable_bytes(std::span(target)),
               key_from_seed(5));
    std::vector<double> counts(16), noise(4);
    for (size_t r = 0; r < rows; ++r) {
      counts[static_cast<size_t>(4 * x[4 * r] + x[4 * r + 1])] += 1;
      for (size_t k : {2u, 3u}) {
        ASSERT_NE(x[4 * r + k], x[4 * r + 1]) << "noise is another word than the pair's";
        if (x[4 * r + 1] == 0) noise[static_cast<size_t>(x[4 * r + k])] += 1;
      }
      EXPECT_EQ(target[3 * r], 1);
      EXPECT_EQ(target[3 * r + 1] + target[3 * r + 2], 0);
    }
    expect_drawn_from(pair_probabilities(window), counts);
    // Beside word 0 noise is drawn among 4, 3 and 3: 4^0.75 = 2.8284271, 3^0.75 = 2.2795071.
    expect_drawn_from({0, 0.3828697, 0.3085652, 0.3085652}, noise);
  }
}

TEST(WordPairs, depend_on_the_key_and_the_row_alone) {
  const WordPairs pairs(pair_text, pair_counts, {.window = 3, .noise = 4}, key_from_seed(1));
  const std::vector<int64_t> rows = {7, 2, 9, 4}, one = {9};
  const auto filled = [&](const std::vector<int64_t>& some, std::optional<Key> key) {
    std::vector<int64_t> x(some.size() * 6);
    std::vector<float> y(some.size() * 5);
    pairs.fill(some, std::as_writable_bytes(std::span(x)), std::as_writable_bytes(std::span(y)),
               key);
    return x;
  };
  for (const std::optional<Key> key : {std::optional<Key>(), std::optional(key_from_seed(3))}) {
    const auto all = filled(rows, key);
    EXPECT_EQ(filled(one, key), std::vector<int64_t>(all.begin() + 12, all.begin() + 18));
    EXPECT_EQ(filled(rows, key), all);
  }
  EXPECT_NE(filled(rows, {}), filled(rows, key_from_seed(3)));
  EXPECT_EQ(filled(rows, {}), filled(rows, key_from_seed(1)));
}

TEST(WordPairs, an_epoch_has_the_pairs_of_all_windows) {
  // sqrt(0.001 / (1/2)) of six places, times the 4 pairs that windows of 1 to 3 words have.
  const std::vector<int64_t> tokens = {0, 1, 0, 1, 0, 1}, counts = {3, 3};
  EXPECT_EQ(WordPairs(tokens, counts, {.window = 3}, {}).count(), 1);
  std::vector<int64_t> many;
  for (int i = 0; i < 1000; ++i) many.insert(many.end(), {0, 1});
  const std::vector<int64_t> often = {1000, 1000};
  // 2000 sqrt(0.002) 4 = 357.8.
  EXPECT_EQ(WordPairs(many, often, {.window = 3}, {}).count(), 358);
}

TEST(WordPairs, messages_say_what_is_missing) {
  EXPECT_EQ(message_of([] {
              WordPairs({0, 0, 0}, std::vector<int64_t>{3}, {}, {});
            }),
            "skipgram: of 1 different word, 3 places with a neighbour. It learns from words that "
            "stand side by side, of two kinds at least. Give a longer text, or a smaller LEAST in "
            "skipgram:WIDTH-WINDOW-NOISE-LEAST.");
  EXPECT_EQ(message_of([] {
              WordPairs({0, -1, 1}, std::vector<int64_t>{1, 1}, {}, {});
            }),
            "skipgram: of 2 different words, 0 places with a neighbour. It learns from words that "
            "stand side by side, of two kinds at least. Give a longer text, or a smaller LEAST in "
            "skipgram:WIDTH-WINDOW-NOISE-LEAST.");
}

// Three words of two numbers. Word 0 is the centre, 1 stands beside it, 2 is noise: logits ln 3 and
// 0, so that sigmoid gives 3/4 and 1/2.
const double ln3 = std::log(3.0);
const SkipGram three{{Tensor({{1, 0}, {2, 3}, {4, 5}})}, {Tensor({{9, 9}, {ln3, 5}, {0, 7}})}};

TEST(SkipGram, loss_and_gradient_of_three_words_by_hand) {
  const Tensor x = from_vector<int64_t>({0, 1, 2}, {1, 3}), y{{1, 0}};
  const ValueAndGrads r =
      gradients(three, [&](const SkipGram& m) { return skipgram_loss(m(x), y); });
  // -ln(3/4) - ln(1 - 1/2).
  EXPECT_NEAR(number(r.value), std::log(8.0 / 3), 1e-15);
  // dz = (-1/4, 1/2): towards the centre sum dz u, towards each context dz v.
  const std::vector<double> centre = {-ln3 / 4, -5.0 / 4 + 7.0 / 2, 0, 0, 0, 0},
                            context = {0, 0, -0.25, 0, 0.5, 0};
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(numbers(r.grads[0])[i], centre[i], 1e-15) << i;
    EXPECT_NEAR(numbers(r.grads[1])[i], context[i], 1e-15) << i;
  }
}

TEST(SkipGram, loss_is_a_sum_over_words_and_a_mean_over_rows) {
  // The second row takes word 2 as the centre: logits 4 ln 3 + 25 of word 1, 4 9 + 5 9 = 81 of
  // word 0, both far out.
  const Tensor x = from_vector<int64_t>({0, 1, 2, 2, 1, 0}, {2, 3}), y{{1, 0}, {1, 0}};
  const double far = std::log1p(std::exp(-(4 * ln3 + 25))) + 81 + std::log1p(std::exp(-81.0));
  EXPECT_NEAR(number(skipgram_loss(three(x), y)), (std::log(8.0 / 3) + far) / 2, 1e-13);
}

TEST(SkipGram, begins_with_all_logits_0) {
  const SkipGram m = make_skipgram(key_from_seed(0), 50, 8);
  EXPECT_EQ(parameter_count(m), 2 * 50 * 8);
  double largest = 0;
  for (const double v : numbers(m.centre.weight)) largest = std::max(largest, std::abs(v));
  EXPECT_LE(largest, 1.0 / 16);
  EXPECT_GT(largest, 0.9 / 16);
  const Tensor x = from_vector<int64_t>({3, 4, 5, 6}, {1, 4});
  EXPECT_EQ(numbers(m(x)), (std::vector<double>{0, 0, 0}));
  EXPECT_NEAR(number(skipgram_loss(m(x), Tensor({{1, 0, 0}}))), 3 * std::log(2.0), 1e-6);
}

TEST(SkipGram, is_written_in_one_word) {
  const SkipGramSpec s = parse_skipgram("skipgram:100-5-15-3");
  EXPECT_EQ(s.width, 100);
  EXPECT_EQ(s.window, 5);
  EXPECT_EQ(s.noise, 15);
  EXPECT_EQ(s.least, 3);
  for (const char* wrong : {"skipgram", "skipgram:64-5-5", "skipgram:64-0-5-5", "gpt:1-1-1-1",
                            "skipgram:64-5-5-5-5", "skipgram:5000-1-1-1", ""})
    EXPECT_EQ(
        message_of([&] { parse_skipgram(wrong); }),
        std::string("model: '") + wrong +
            "' is no skip-gram. Write skipgram:WIDTH-WINDOW-NOISE-LEAST: numbers of a vector, "
            "words on either side, noise words for each pair, and how often a word must stand, "
            "from 1 to 4096 each.");
}

// Sentences of two forms. Words that fill the same gap have the same words around them.
const std::vector<std::vector<std::string>> gaps = {{"cat", "dog", "cow", "fox"},
                                                    {"water", "milk", "juice", "tea"},
                                                    {"pear", "plum", "fig", "grape"},
                                                    {"knife", "saw", "blade", "razor"}};
std::string sentences(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    int64_t pick[2];
    fill_integers(split(key_from_seed(4), static_cast<uint64_t>(i)), 0, 4, pick);
    const size_t form = i % 2 == 0 ? 0 : 2;
    text += form == 0 ? "my " + gaps[0][static_cast<size_t>(pick[0])] + " drinks cold " +
                            gaps[1][static_cast<size_t>(pick[1])] + " quickly\n\n"
                      : "we slice " + gaps[2][static_cast<size_t>(pick[0])] + " by sharp " +
                            gaps[3][static_cast<size_t>(pick[1])] + "\n\n";
  }
  return text;
}

TrainConfig small_skipgram(const std::string& file) {
  TrainConfig c;
  c.recipe = "skipgram";
  find_recipe(c.recipe)->defaults(c);
  c.data = file;
  c.model = "skipgram:8-2-3-2";
  c.batch = 64;
  c.epochs = 30;
  c.lr = 0.02;
  return c;
}

TEST(SkipGramRuns, words_that_fill_the_same_gap_become_neighbours) {
  const Scratch folder;
  const RunRecord r =
      train(small_skipgram(folder.write("text.txt", sentences(1200))), folder.path("run"), false);
  EXPECT_EQ(r.unit, "pairs");
  EXPECT_EQ(r.classes, 4);
  EXPECT_NEAR(r.chance_loss, 4 * std::log(2.0), 1e-12);
  EXPECT_NEAR(r.start_loss, r.chance_loss, 1e-5);
  EXPECT_LT(r.val_loss, 0.8 * r.chance_loss);
  const Words words = words_of_run(folder.path("run"));
  EXPECT_EQ(words.count(), 24);
  for (const auto& gap : gaps)
    for (const std::string& word : gap) {
      std::set<std::string> others(gap.begin(), gap.end()), found;
      others.erase(word);
      for (const Words::Near& n : words.near(word, 3)) found.insert(n.word);
      EXPECT_EQ(found, others) << word;
    }
}

struct Killed {};

TEST(SkipGramRuns, give_the_same_bits_after_a_kill_and_with_any_number_of_threads) {
  const Scratch folder;
  TrainConfig c = small_skipgram(folder.write("text.txt", sentences(200)));
  c.epochs = 3;
  const int before = thread_count();
  set_thread_count(1);
  const RunRecord whole = train(c, folder.path("whole"), false);
  EXPECT_GT(whole.steps, 9);
  c.checkpoint_every = 1;
  for (const int64_t at : {int64_t{1}, whole.steps / 2, whole.steps - 1}) {
    const std::string name = "killed" + std::to_string(at);
    TrainHooks hooks;
    hooks.step = [&](int64_t step, double) {
      if (step == at + 1) throw Killed();
    };
    EXPECT_THROW(train(c, folder.path(name), true, hooks), Killed);
    set_thread_count(2);
    EXPECT_EQ(numbers_of(train(c, folder.path(name), true)), numbers_of(whole)) << at;
    EXPECT_EQ(folder.read(name + "/model.safetensors"), folder.read("whole/model.safetensors"))
        << at;
  }
  set_thread_count(before);
}

TEST(SkipGramRuns, refuse_a_run_without_words_and_a_text_without_pairs) {
  const Scratch folder;
  TrainConfig moons = small_config();
  moons.epochs = 0;
  train(moons, folder.path("moons"), false);
  EXPECT_EQ(message_of([&] { words_of_run(folder.path("moons")); }),
            folder.path("moons") +
                ": the run has no vectors of words. gradus train skipgram makes one that has.");
  const TrainConfig short_text = small_skipgram(folder.write("text.txt", "one two three"));
  EXPECT_EQ(message_of([&] { train(short_text, folder.path("run"), false); }),
            "skipgram: of 0 different words, 0 places with a neighbour. It learns from words that "
            "stand side by side, of two kinds at least. Give a longer text, or a smaller LEAST in "
            "skipgram:WIDTH-WINDOW-NOISE-LEAST.");
}

TEST(WordVectors, neighbours_leave_the_word_out) {
  const Words words({"north", "south", "east", "up", "northeast"},
                    cast(Tensor({{0, 2}, {0, -1}, {3, 0}, {0, 5}, {1, 1}}), DType::f32));
  const auto near = words.near("north", 3);
  ASSERT_EQ(near.size(), 3u);
  EXPECT_EQ(near[0].word, "up");
  EXPECT_EQ(near[1].word, "northeast");
  EXPECT_EQ(near[2].word, "east");
  EXPECT_NEAR(near[0].cosine, 1, 1e-7);
  EXPECT_NEAR(near[1].cosine, std::sqrt(0.5), 1e-7);
  EXPECT_NEAR(near[2].cosine, 0, 1e-7);
  EXPECT_EQ(words.near("north", 100).size(), 4u);
  EXPECT_EQ(words.near("north", 0).size(), 0u);
}

TEST(WordVectors, man_is_to_king_as_woman_is_to_queen_by_hand) {
  // Lengths must not matter: king is ten times as long. Without leaving the words of the question
  // out, woman itself would be nearest but one.
  const Words words(
      {"man", "woman", "king", "queen", "apple"},
      cast(Tensor({{1, 0, 0}, {0, 1, 0}, {10, 0, 10}, {0, 1, 1}, {-1, 1, 0}}), DType::f32));
  const auto near = words.analogy("man", "king", "woman", 5);
  ASSERT_EQ(near.size(), 2u) << "three of five words are in the question";
  EXPECT_EQ(near[0].word, "queen");
  // With s = sqrt(1/2): (s - 1, 1, s) . (0, s, s) / sqrt(3 - 2 s) = (s + 1/2) / sqrt(3 - 2 s).
  const double s = std::sqrt(0.5);
  EXPECT_NEAR(near[0].cosine, (s + 0.5) / std::sqrt(3 - 2 * s), 1e-6);
  EXPECT_EQ(near[1].word, "apple");
  EXPECT_NEAR(near[1].cosine, (2 - s) * s / std::sqrt(3 - 2 * s), 1e-6);
}

TEST(WordVectors, a_file_comes_back_to_the_bit) {
  const Scratch folder;
  const Words words({"the", "na\u00efve", "f32"},
                    from_vector<float>({0.1f, -0.0f, 1e-45f, 3.4028235e38f, 1.0f / 3, -2}, {3, 2}));
  words.write(folder.path("v.txt"));
  EXPECT_EQ(folder.read("v.txt"),
            "3 2\nthe 0.1 -0\nna\u00efve 1e-45 3.4028235e+38\nf32 0.33333334 -2\n");
  const Words back = Words::read(folder.path("v.txt"));
  EXPECT_EQ(back.words(), words.words());
  EXPECT_TRUE(same_bits(back.vectors(), words.vectors()));
}

TEST(WordVectors, files_of_word2vec_and_of_glove_are_read) {
  // word2vec leaves a blank at the end of each line; GloVe has no first line, and words with
  // blanks.
  const Words a = Words::parse("2 3\r\nthe 1 2 3 \r\nof -1 +.5 1e-3 \r\n", "a"),
              b = Words::parse("the 1 2 3\n. . . 4 5 6\nat 5.0 x@y.z 7 8 9\n\n", "b"),
              one = Words::parse("a 1\nb 2\n", "one");
  EXPECT_EQ(a.words(), (std::vector<std::string>{"the", "of"}));
  EXPECT_EQ(values<float>(a.vectors()), (std::vector<float>{1, 2, 3, -1, 0.5f, 1e-3f}));
  EXPECT_EQ(b.words(), (std::vector<std::string>{"the", ". . .", "at 5.0 x@y.z"}));
  EXPECT_EQ(values<float>(b.vectors())[8], 9);
  EXPECT_EQ(one.width(), 1);
}

TEST(WordVectors, numbers_are_rounded_once) {
  // Just above the middle of 1 and the next f32: by way of f64 it would round to the middle, then
  // to 1.
  EXPECT_EQ(values<float>(Words::parse("a 1.00000005960464477540\n", "a").vectors())[0],
            std::nextafter(1.0f, 2.0f));
  EXPECT_EQ(values<float>(Words::parse("a 1e-60 1\n", "a").vectors())[0], 0);
}

TEST(WordVectors, messages_name_the_line_and_what_stands_there) {
  const auto says = [](const char* text) {
    return message_of([&] { Words::parse(text, "v.txt"); });
  };
  EXPECT_EQ(
      says(""),
      "v.txt: it holds no vectors. A line is a word and its numbers, such as: the 0.25 -1.5.");
  EXPECT_EQ(says("3 2\nthe 1 2\nof 1 2\n"),
            "v.txt: line 1 says 3 words, but 2 follow. The file was cut off, or its first line is "
            "wrong: '2 2' would be right.");
  EXPECT_EQ(says("0 2\n"),
            "v.txt: line 1, '0 2': the first line of word2vec's form is the count of words and of "
            "numbers in each, both above 0. Correct it, or leave it out.");
  EXPECT_EQ(says("the 1 2\nof\n"),
            "v.txt: line 2, 'of': no numbers follow. A line is a word and 2 numbers, with blanks "
            "between.");
  EXPECT_EQ(says("hello\n"),
            "v.txt: line 1, 'hello': no numbers follow. A line is a word and its numbers, with "
            "blanks between.");
  EXPECT_EQ(
      says("the 1 2\nof 1 x7\n"),
      "v.txt: line 2, 'x7' in the vector of 'of' is no number. A line is a word and 2 numbers, "
      "with blanks between.");
  EXPECT_EQ(
      says("2 2\nthe 1 2\nof 1 nan\n"),
      "v.txt: line 3, 'nan' in the vector of 'of' is not finite in f32. Vectors are compared by "
      "their numbers: leave the line out, or train again.");
  EXPECT_EQ(
      says("the 1 1e39\n"),
      "v.txt: line 1, '1e39' in the vector of 'the' is not finite in f32. Vectors are compared "
      "by their numbers: leave the line out, or train again.");
  EXPECT_EQ(
      says("the 1 2\nof 1\n"),
      "v.txt: line 2, 'of': 1 numbers, but line 1 has 2. All vectors of a file have one width. "
      "Correct the line, or leave it out.");
  EXPECT_EQ(says("2 2\nthe 1 2\nof 1 2 3\n"),
            "v.txt: line 3, 'of': 3 numbers, but line 1 says 2. All vectors of a file have one "
            "width. Correct the line, or leave it out.");
  EXPECT_EQ(
      says("the 1 2\nof 1 2\nthe 3 4\n"),
      "v.txt: line 3, 'the': line 1 has this word already. A word has one vector: leave one of "
      "the lines out.");
  EXPECT_EQ(says("the 1 2\n\xff 1 2\n"),
            "v.txt: line 2, byte 0 is no UTF-8. Words are UTF-8; convert the file first.");
  EXPECT_EQ(
      says("abcdefghijklmnopqrstuvwxyzabcdefghijklm\u00e4no\n"),
      "v.txt: line 1, 'abcdefghijklmnopqrstuvwxyzabcdefghijklm...': no numbers follow. A line "
      "is a word and its numbers, with blanks between.");
}

TEST(WordVectors, messages_of_questions_propose_the_next_move) {
  const Words words({"gradient", "descent"}, cast(Tensor({{1, 2}, {3, 4}}), DType::f32));
  EXPECT_EQ(message_of([&] { words.near("gradeint", 3); }),
            "words: 'gradeint' is not among the 2 words. Did you mean 'gradient'?");
  EXPECT_EQ(message_of([&] { words.analogy("gradient", "descent", "x", 3); }),
            "words: 'x' is not among the 2 words.");
  EXPECT_EQ(message_of([&] { words.near("descent", -1); }),
            "words: -1 neighbours. It is a count, 0 or more.");
  EXPECT_EQ(message_of([&] {
              Words({"a", "b"}, Tensor({{1, 2}}));
            }),
            "Words: 2 words, vectors f64[1,2]. A row of f32 numbers belongs to each word.");
  EXPECT_EQ(message_of([&] {
              Words({"a", "b", "a"}, zeros({3, 1}, DType::f32));
            }),
            "Words: 'a' is word 0 and word 2. A word has one vector.");
  EXPECT_EQ(message_of([&] {
              Words({"a b"}, zeros({1, 1}, DType::f32)).text();
            }),
            "words: the word 'a b' holds white space. A blank ends a word in word2vec's form. Give "
            "it another name.");
  EXPECT_EQ(message_of([&] {
              Words({""}, zeros({1, 1}, DType::f32)).text();
            }),
            "words: the word '' is empty. A blank ends a word in word2vec's form. Give it another "
            "name.");
  EXPECT_EQ(message_of([&] {
              Words({"a"}, full({1, 1}, HUGE_VAL, DType::f32)).text();
            }),
            "words: the vector of 'a' holds inf. A file of vectors holds finite numbers. Train "
            "again, or leave the word out.");
}

}  // namespace
}  // namespace gradus
