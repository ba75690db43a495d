#include <gradus/train/experiments.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

BottleneckCurve curve(int64_t code, bool attends, std::vector<double> right) {
  return {code, attends, right, right};
}

TEST(Bottleneck, a_length_is_carried_while_nine_in_ten_are_right) {
  EXPECT_EQ(carried_length(curve(8, false, {1, 0.9, 0.89, 1})), 2);
  EXPECT_EQ(carried_length(curve(8, false, {0.5, 1})), 0);
  EXPECT_EQ(carried_length(curve(8, false, {1, 1})), 2);
}

TEST(Bottleneck, the_sentence_follows_the_curves) {
  const BottleneckCurve found[] = {curve(8, false, {1, 0.2}), curve(8, true, {1, 1}),
                                   curve(16, false, {1, 0.6}), curve(16, true, {1, 1})};
  const Verdict as_expected = bottleneck_verdict(found);
  EXPECT_TRUE(as_expected.as_expected);
  EXPECT_EQ(as_expected.says,
            "Of up to 2 digits, codes of 8 and 16 numbers carry 1 and 1 (at least 90 % of the "
            "sequences right up to there), and with attention 2 and 2: a larger code carries more, "
            "and attention goes around the bottleneck, 30 points more on average.");
  const BottleneckCurve absent[] = {curve(8, false, {1, 0.5}), curve(8, true, {1, 0.3}),
                                    curve(16, false, {1, 0.5}), curve(16, true, {1, 0.5})};
  const Verdict other = bottleneck_verdict(absent);
  EXPECT_FALSE(other.as_expected);
  EXPECT_EQ(
      other.says,
      "Of up to 2 digits, codes of 8 and 16 numbers carry 1 and 1 (at least 90 % of the "
      "sequences right up to there), and with attention 1 and 1: a larger code does not carry "
      "more, and attention does not help at every size; its mean gain is -5 points.");
}

TEST(Distance, the_factor_a_step_is_held_against_the_radius) {
  DistanceCurve c{.radius = 0.5, .small = {1, 0.5, 0.25}, .driven = {1, 0.4, 0.16}};
  c.small_growth = 0.5, c.driven_growth = 0.4;
  const Verdict follows = distance_verdict({&c, 1});
  EXPECT_TRUE(follows.as_expected);
  EXPECT_EQ(follows.says,
            "With spectral radii of 0.5 the gradient changes by factors of 0.500 a step, to 0.25 "
            "over 2 steps: the radius at every step. With inputs of size 1, which bend tanh, the "
            "factors are 0.400: it vanishes at every radius.");
  c.small_growth = 0.6;
  EXPECT_FALSE(distance_verdict({&c, 1}).as_expected);
}

TEST(Distance, of_the_experiment_follows_the_radius_and_repeats_its_bits) {
  const Experiment a = run_distance({.quick = true}), b = run_distance({.quick = true});
  EXPECT_TRUE(a.verdict.as_expected) << a.verdict.says;
  EXPECT_EQ(a.verdict.says, b.verdict.says);
  ASSERT_EQ(a.figures[0].plot.lines.size(), b.figures[0].plot.lines.size());
  for (size_t i = 0; i < a.figures[0].plot.lines.size(); ++i)
    EXPECT_EQ(a.figures[0].plot.lines[i].y, b.figures[0].plot.lines[i].y);
}

TEST(Copy, a_delay_is_bridged_while_nine_in_ten_come_back) {
  const CopyCurve plain{"plain", {5, 10}, {0.95, 0.125}}, lstm{"LSTM", {5, 10}, {1, 1}};
  EXPECT_EQ(bridged_delay(plain), 5);
  EXPECT_EQ(bridged_delay({"plain", {5}, {0.2}}), -1);
  const Verdict v = copy_verdict(plain, lstm, 0.125);
  EXPECT_TRUE(v.as_expected);
  EXPECT_EQ(
      v.says,
      "The plain layer bridges delays up to 5 (at least 90 % right), the LSTM delays up to "
      "10; after 10 steps 12.5 % and 100.0 % are right, where guessing gives 12.5 %: the LSTM "
      "remembers longer, 46 points more on average.");
  EXPECT_FALSE(copy_verdict(lstm, plain, 0.125).as_expected);
}

TEST(Order, only_what_reads_one_after_the_other_can_tell) {
  EXPECT_TRUE(order_verdict({0, 0.5, 0.5, 1}).as_expected);
  EXPECT_FALSE(order_verdict({0.1, 0.5, 0.5, 1}).as_expected);  // a bag that moves
  EXPECT_FALSE(order_verdict({0, 0.5, 0.7, 1}).as_expected);    // a bag that knows
  EXPECT_FALSE(order_verdict({0, 0.5, 0.5, 0.6}).as_expected);  // a layer that learned nothing
  EXPECT_TRUE(run_order({.quick = true}).verdict.as_expected);
}

TEST(Experiments, are_known_by_name) {
  EXPECT_EQ(experiment("copy").name, "copy");
  try {
    experiment("coyp");
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(),
                 "experiment: there is no experiment 'coyp'. There are bottleneck, distance, copy, "
                 "order. Did you mean 'copy'?");
  }
}

TEST(Experiments, words_are_listed_as_english_does) {
  const std::string words[] = {"a", "b", "c"};
  EXPECT_EQ(listed({}), "");
  EXPECT_EQ(listed(std::span(words).first(1)), "a");
  EXPECT_EQ(listed(std::span(words).first(2)), "a and b");
  EXPECT_EQ(listed(words), "a, b and c");
}

}  // namespace
}  // namespace gradus
