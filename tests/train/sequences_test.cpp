// Sequence tasks, the models that learn them, and the beam.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/train/sequences.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

TEST(Sequences, each_task_draws_what_it_says) {
  for (uint64_t i = 0; i < 50; ++i) {
    const Key key = key_from_seed(i);
    const auto [a, backwards] = sequence_task("reverse").draw(key);
    EXPECT_EQ(std::string(a.rbegin(), a.rend()), backwards);
    EXPECT_GE(a.size(), 3u);
    EXPECT_LE(a.size(), 10u);
    const auto [b, in_order] = sequence_task("sort").draw(key);
    EXPECT_TRUE(std::ranges::is_sorted(in_order));
    EXPECT_TRUE(std::ranges::is_permutation(b, in_order));
    const auto [sum, total] = sequence_task("add").draw(key);
    const size_t plus = sum.find('+');
    EXPECT_EQ(std::stoi(sum.substr(0, plus)) + std::stoi(sum.substr(plus + 1)), std::stoi(total));
  }
  EXPECT_EQ(message_of([] { sequence_task("sorts"); }),
            "sequences: there is no task 'sorts'. There are reverse, sort, copy, add.");
}

TEST(Sequences, a_row_holds_the_source_the_start_the_target_and_its_end) {
  const SequenceTask& task = sequence_task("reverse");
  const SequencePairs pairs(task, 5, key_from_seed(1));
  const std::vector<int64_t> rows = {2};
  const Rows r = tensors_of(pairs, rows);
  const auto [from, to] = pairs.pair(2);
  const std::vector<int64_t> x = values<int64_t>(r.x), y = values<int64_t>(r.target);
  ASSERT_EQ(x.size(), 21u);
  ASSERT_EQ(y.size(), 11u);
  EXPECT_EQ(decode(task, std::span(x).first(10)), from);
  EXPECT_EQ(x[10], start_token);
  EXPECT_EQ(decode(task, std::span(x).subspan(11)), to);
  EXPECT_EQ(decode(task, std::span(y).first(to.size())), to);
  EXPECT_EQ(y[to.size()], end_token);
  EXPECT_EQ(message_of([&] { encode(task, "12x"); }),
            "reverse: 'x' is no symbol of the task. It takes 0123456789.");
  EXPECT_EQ(message_of([&] { encode(task, "12345678901"); }),
            "reverse: '12345678901' has 11 symbols. The task takes 10 at most.");
}

// After 0 or 1 as first token: 0 is likelier, but what follows it is spread out.
std::vector<double> trap(std::span<const int64_t> prefix) {
  const auto logs = [](std::vector<double> p) {
    for (double& x : p) x = std::log(x);
    return p;
  };
  // Tokens 0, 1 and 2, the end.
  if (prefix.empty()) return logs({0.6, 0.4, 1e-9});
  if (prefix.size() == 1) return prefix[0] == 0 ? logs({0.5, 0.5, 1e-9}) : logs({0.05, 0.95, 1e-9});
  return logs({1e-9, 1e-9, 1});
}

TEST(Beam, of_one_takes_the_likeliest_token_and_a_wider_one_finds_the_likelier_sequence) {
  const std::vector<Decoded> greedy = beam_search(trap, 2, 1, 5), wide = beam_search(trap, 2, 2, 5);
  EXPECT_EQ(greedy[0].tokens, (std::vector<int64_t>{0, 0}));
  EXPECT_NEAR(greedy[0].log_prob, std::log(0.3), 1e-6);
  EXPECT_EQ(wide[0].tokens, (std::vector<int64_t>{1, 1}));
  EXPECT_NEAR(wide[0].log_prob, std::log(0.38), 1e-6);
  ASSERT_EQ(wide.size(), 2u);
  EXPECT_GE(wide[0].log_prob, wide[1].log_prob);
}

TEST(Beam, stops_after_the_most_tokens_and_refuses_none) {
  const auto endless = [](std::span<const int64_t>) { return std::vector<double>{0, -50, -50}; };
  EXPECT_EQ(beam_search(endless, 2, 1, 4)[0].tokens, (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(message_of([&] { beam_search(endless, 2, 0, 4); }),
            "beam_search: a beam of 0. It is the count of prefixes that go on, 1 at least.");
}

TEST(Pairs, models_are_written_in_one_word) {
  const SequenceTask& task = sequence_task("copy");
  EXPECT_GT(parameter_count(make_pairs_model({}, task, "transformer:1-2-8")), 0);
  EXPECT_GT(parameter_count(make_pairs_model({}, task, "gru-attention:8")),
            parameter_count(make_pairs_model({}, task, "gru:8")));
  EXPECT_EQ(message_of([&] { make_pairs_model({}, task, "gru:8-8"); }),
            "model: 'gru:8-8' is no model from sequences to sequences. Write "
            "transformer:LAYERS-HEADS-WIDTH, heads dividing the width, gru:CODE or "
            "gru-attention:CODE.");
}

TEST(Pairs, what_fills_a_source_up_changes_nothing_that_is_written) {
  // The second half of the source is nothing: its embedding may be anything.
  const SequenceTask& task = sequence_task("copy");
  const SequencePairs pairs(task, 4, key_from_seed(3));
  const std::vector<int64_t> rows = {0, 1, 2, 3};
  const Tensor x = tensors_of(pairs, rows).x;
  for (const char* word : {"transformer:1-2-8", "gru:8", "gru-attention:8"}) {
    Model model = make_pairs_model(key_from_seed(1), task, word);
    const std::vector<double> before = numbers(model(x));
    StateDict dict = state_dict(model);
    for (auto& [name, table] : dict)
      if (name == "embedding.weight") {
        std::vector<float> w = values<float>(table);
        std::fill(w.begin(), w.begin() + 8, 3.0f);
        table = from_vector(w, table.shape());
      }
    EXPECT_EQ(numbers(load_state(model, dict)(x)).size(), before.size());
    // Of the target alone places behind its end see the new embedding.
    const std::vector<double> after = numbers(load_state(model, dict)(x));
    for (size_t i = 0; i < static_cast<size_t>(vocabulary_of(task)); ++i)
      EXPECT_EQ(before[i], after[i]) << word;
  }
}

TEST(EncoderDecoder, says_where_its_sides_do_not_fit) {
  EncoderDecoder m = make_encoder_decoder(RecurrentKind::gru, key_from_seed(0), 5, 4);
  Pass pass;
  const Tensor two = zeros({2, 3}, DType::i64), three = zeros({3, 3}, DType::i64);
  EXPECT_EQ(m(two, two, pass).shape(), (Shape{2, 3, 5}));
  EXPECT_EQ(message_of([&] { m(two, three, pass); }),
            "encoder_decoder: source i64[2,3], target i64[3,3]. They are (N, S) and (N, T), a row "
            "for each pair.");
  m.decoder = make_recurrent(RecurrentKind::gru, key_from_seed(1), 4, 6);
  EXPECT_EQ(message_of([&] { m(two, two, pass); }),
            "encoder_decoder: the encoder has states of 1 x 4, the decoder of 1 x 6. The decoder "
            "begins in the state in which the encoder ends: both need one kind, one direction, as "
            "many layers and as many numbers.");
}

}  // namespace
}  // namespace gradus
