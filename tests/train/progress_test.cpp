// The terminal's lines: exact forms, widths, colour rules, and no control characters where a
// stream is no terminal.
#include <gmock/gmock.h>
#include <gradus/base/text.h>
#include <gradus/train/progress.h>
#include <gtest/gtest.h>
#include <train/records.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Progress half_way() {
  Progress p;
  p.epoch = 10;
  p.epochs = 20;
  p.step = 100;
  p.steps = 200;
  p.loss = 0.0412;
  p.val_loss = 0.058;
  p.val_accuracy = 0.987;
  p.grad_norm = 0.09;
  p.units_per_second = 4123;
  p.seconds = 2;
  p.seconds_left = 2;
  return p;
}

TEST(ProgressLine, shows_everything_where_there_is_room) {
  EXPECT_EQ(progress_line(half_way(), {.redraws = true, .colour = false, .width = 120}),
            "epoch 10/20 ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ loss 0.041 · val 0.058 · acc 98.7 % · |g| 0.09 · "
            "4 100 ex/s · 0:02 left");
}

TEST(ProgressLine, counts_tokens_and_says_how_much_of_the_machine_is_used) {
  Progress p = half_way();
  p.unit = "tokens";
  p.peak_share = 0.1234;
  EXPECT_THAT(progress_line(p, {.redraws = true, .colour = false, .width = 140}),
              HasSubstr(" · 4 100 tok/s · 12.3 % of peak · 0:02 left"));
}

TEST(ProgressLine, shows_the_time_taken_when_nothing_is_left) {
  Progress p = half_way();
  p.step = p.steps;
  p.seconds_left = 0;
  EXPECT_THAT(progress_line(p, {.redraws = true, .colour = false, .width = 120}),
              EndsWith("· 0:02"));
}

TEST(ProgressLine, never_fills_the_last_column) {
  for (std::size_t width = 1; width <= 200; ++width) {
    Progress p = half_way();
    p.loss = 1.2e-15;
    const std::string line = progress_line(p, {.redraws = true, .colour = false, .width = width});
    EXPECT_LT(text::width(line), std::max<std::size_t>(width, 2)) << line;
  }
}

TEST(ProgressLine, gives_up_speed_first_and_the_loss_last) {
  const auto at = [](std::size_t width) {
    return progress_line(half_way(), {.redraws = true, .colour = false, .width = width});
  };
  EXPECT_THAT(at(80), Not(HasSubstr("ex/s")));
  EXPECT_THAT(at(80), HasSubstr("acc"));
  EXPECT_THAT(at(50), HasSubstr("left"));
  EXPECT_EQ(at(30), "epoch 10/20 ━━━╌╌╌ loss 0.041");
}

TEST(ProgressLine, counts_speed_in_the_units_of_the_data) {
  const std::pair<const char*, const char*> units[] = {
      {"examples", " 4 100 ex/s "}, {"tokens", " 4 100 tok/s "}, {"pairs", " 4 100 pairs/s "}};
  for (const auto& [unit, shown] : units) {
    Progress p = half_way();
    p.unit = unit;
    EXPECT_THAT(progress_line(p, {.redraws = true, .colour = false, .width = 200}),
                HasSubstr(shown));
  }
}

TEST(ProgressLine, leaves_out_what_was_not_measured) {
  Progress p;
  p.epoch = 1;
  p.epochs = 3;
  p.loss = 2;
  p.seconds_left = not_measured;
  EXPECT_EQ(progress_line(p, {.redraws = true, .colour = false, .width = 40}),
            "epoch 1/3 ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ loss 2 · 0:00");
}

TEST(ProgressLine, colours_only_when_asked) {
  const Terminal plain{.redraws = true, .colour = false, .width = 100};
  EXPECT_THAT(progress_line(half_way(), plain), Not(HasSubstr("\x1b")));
  const Terminal colour{.redraws = true, .colour = true, .width = 100};
  EXPECT_THAT(progress_line(half_way(), colour), HasSubstr("\x1b[34m"));
}

TEST(ProgressWriter, without_a_terminal_writes_whole_lines_and_no_carriage_return) {
  ProgressWriter writer({.redraws = false, .colour = false, .width = 80});
  Progress p = half_way();
  p.seconds = 1;
  EXPECT_EQ(writer.update(p, false), "");
  EXPECT_EQ(
      writer.update(p, true),
      "epoch 10/20  loss 0.041 · val 0.058 · acc 98.7 % · |g| 0.09 · 4 100 ex/s · 0:02 left\n");
  p.seconds = 10.9;
  EXPECT_EQ(writer.update(p, false), "");
  p.seconds = 11.1;
  EXPECT_THAT(writer.update(p, false), EndsWith("\n"));
  EXPECT_EQ(writer.finish(), "");
}

TEST(ProgressWriter, tells_at_most_100_of_many_epochs_and_always_the_last) {
  ProgressWriter writer({.redraws = false, .colour = false, .width = 80});
  Progress p = half_way();
  p.epochs = p.steps = 1234;
  std::vector<std::string> lines;
  for (p.epoch = 1; p.epoch <= p.epochs; ++p.epoch) {
    p.step = p.epoch;
    p.seconds = 0.001 * static_cast<double>(p.epoch);
    const std::string line = writer.update(p, true);
    if (!line.empty()) lines.push_back(line);
  }
  EXPECT_LE(lines.size(), 100U);
  EXPECT_THAT(lines.back(), StartsWith("epoch 1234/1234"));
}

TEST(ProgressWriter, on_a_terminal_redraws_ten_times_a_second_at_most) {
  ProgressWriter writer({.redraws = true, .colour = false, .width = 80});
  Progress p = half_way();
  p.seconds = 1;
  const std::string first = writer.update(p, false);
  EXPECT_THAT(first, StartsWith("\repoch"));
  EXPECT_THAT(first, EndsWith("\x1b[K"));
  p.seconds = 1.05;
  EXPECT_EQ(writer.update(p, true), "");
  p.step = p.steps;
  EXPECT_THAT(writer.update(p, true), StartsWith("\r"));
  EXPECT_EQ(writer.finish(), "\n");
  EXPECT_EQ(writer.finish(), "");
}

TEST(Colour, follows_the_flag_then_the_variables_then_the_stream) {
  const auto env = [](std::string_view no, std::string_view force, std::string_view term) {
    return Environment{no, force, "", term, ""};
  };
  EXPECT_TRUE(wants_colour(When::always, false, env("1", "", "dumb")));
  EXPECT_FALSE(wants_colour(When::never, true, env("", "1", "xterm")));
  EXPECT_TRUE(wants_colour(When::automatic, true, env("", "", "xterm")));
  EXPECT_FALSE(wants_colour(When::automatic, false, env("", "", "xterm")));
  EXPECT_FALSE(wants_colour(When::automatic, true, env("", "", "dumb")));
  EXPECT_FALSE(wants_colour(When::automatic, true, env("0", "1", "xterm")));
  EXPECT_TRUE(wants_colour(When::automatic, false, env("", "1", "dumb")));
  EXPECT_FALSE(wants_colour(When::automatic, false, env("", "0", "xterm")));
  EXPECT_TRUE(wants_colour(When::automatic, false, Environment{"", "", "1", "", ""}));
}

TEST(Sparkline, spans_the_range_in_eight_steps) {
  const std::vector<double> up = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(sparkline(up, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(up, 4), "▁▃▆█");
  EXPECT_EQ(sparkline(std::vector<double>{2, 2, 2}, 8), "▁▁▁");
  EXPECT_EQ(sparkline(std::vector<double>{1, not_measured, 3}, 8), "▁×█");
  EXPECT_EQ(sparkline({}, 8), "");
}

TEST(BrailleCurve, fills_dots_from_the_bottom) {
  EXPECT_THAT(braille_curve(std::vector<double>{4, 3, 2, 1}, 2, 1), ElementsAre("⣷⣄"));
  EXPECT_THAT(braille_curve(std::vector<double>{8, 8, 1, 1}, 2, 2), ElementsAre("⣿⠀", "⣿⣀"));
  const double huge = std::numeric_limits<double>::max();
  EXPECT_THAT(braille_curve(std::vector<double>{huge, -huge}, 1, 1), ElementsAre("⣇"));
  EXPECT_THAT(braille_curve(std::vector<double>{not_measured, 1}, 1, 1), ElementsAre("⢀"));
  EXPECT_THAT(braille_curve({}, 3, 1), ElementsAre(""));
}

TEST(ConfigurationTable, says_model_data_optimiser_and_the_first_loss) {
  EXPECT_EQ(configuration_table(records::healthy(), {.width = 100}),
            "gradus 0.1.0 · 2 threads · AVX2 · seed 0\n"
            "model   MLP 64-128-64-10 relu         17 226 parameters, 68.9 kB\n"
            "data    digits 8x8, made here, 10 classes  1 400 train / 400 validation\n"
            "optim   Adam lr 0.003, batch 64       20 epochs = 440 steps\n"
            "before  loss 2.34; chance is ln 10 = 2.303, so the start is sane\n");
}

TEST(ConfigurationTable, of_word_pairs_counts_the_noise_words_instead_of_classes) {
  RunRecord run = records::healthy();
  run.loss_name = "negative sampling";
  run.data_source = "lessons";
  run.classes = 6;
  EXPECT_THAT(configuration_table(run, {}),
              testing::HasSubstr("lessons, 1 right word against 5 of noise"));
}

TEST(ConfigurationTable, wraps_in_a_narrow_terminal) {
  EXPECT_THAT(configuration_table(records::healthy(), {.width = 50}),
              HasSubstr("model   MLP 64-128-64-10 relu\n        17 226 parameters"));
}

TEST(FinalSummary, shows_the_curve_the_worst_class_and_the_verdict) {
  const std::string text = final_summary(records::healthy(), {.width = 100});
  EXPECT_THAT(text, HasSubstr("acc 96.8 %"));
  EXPECT_THAT(text, HasSubstr("worst class: 8 (87.5 %)"));
  EXPECT_THAT(text, HasSubstr("ok      Healthy: 96.8 % right"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(FinalSummary, says_the_speed_the_loss_scale_and_where_an_early_stop_went_back_to) {
  RunRecord run = records::healthy();
  run.units_per_second = 12345.6;
  run.peak_share = 0.25;
  run.loss_scale = 32768;
  run.skipped_steps = 1;
  run.best_epoch = 7;
  EXPECT_THAT(
      final_summary(run, {.redraws = false, .colour = false, .width = 100}),
      HasSubstr("12 346 examples/s, 25.0 % of the multiply-adds this machine can do in f32, "));
  EXPECT_THAT(final_summary(run, {.redraws = false, .colour = false, .width = 100}),
              HasSubstr("loss scale 32 768, 1 step skipped, weights of epoch 7\n"));
}

TEST(FinalSummary, is_made_for_any_record) {
  EXPECT_THAT(final_summary(RunRecord{}, {.width = 20}), HasSubstr("no finite value"));
  EXPECT_THAT(final_summary(records::diverged(), {.width = 80}), HasSubstr("bad     Diverged"));
  EXPECT_THAT(final_summary(records::rate_too_high(), {.width = 80}), HasSubstr("next    Try"));
  EXPECT_THAT(final_summary(records::regression(), {.width = 80}),
              HasSubstr("94.0 % of the variance"));
}

}  // namespace
}  // namespace gradus
