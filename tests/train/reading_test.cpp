// The reading: each story told by the numbers is recognised, and what it says is true.
#include <gmock/gmock.h>
#include <gradus/train/reading.h>
#include <gtest/gtest.h>
#include <train/records.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

namespace gradus {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string all_of(const Reading& r) {
  std::string out = r.verdict + "\n";
  for (const auto& p : r.paragraphs) out += p + "\n";
  for (const auto& n : r.next) out += "next: " + n + "\n";
  return out;
}

const Check* find(const Reading& r, const std::string& what) {
  for (const Check& c : r.checks) {
    if (c.what.find(what) != std::string::npos) return &c;
  }
  return nullptr;
}

TEST(Reading, a_healthy_run_is_called_healthy_with_its_numbers) {
  const Reading r = read_run(records::healthy());
  EXPECT_EQ(r.level, Level::fine);
  EXPECT_EQ(r.verdict, "Healthy: 96.8 % right on data it has not seen.");
  const std::string text = all_of(r);
  EXPECT_THAT(text, HasSubstr("fell from 2.34 before the first step (chance is ln 10 = 2.303) to "
                              "0.031 after 20 epochs"));
  EXPECT_THAT(text, HasSubstr("no sign of overfitting"));
  EXPECT_THAT(text, HasSubstr("(usual: 0.01 to 100): the error reaches the first layer"));
  EXPECT_THAT(text, HasSubstr("The hardest class is '8': 35 of 40 right (87.5 %"));
  EXPECT_THAT(text, HasSubstr("most often taken for '3' (3 times)"));
  EXPECT_THAT(text, HasSubstr("1.82 times the start (usual: below 10)"));
  EXPECT_THAT(text, HasSubstr("Nothing wrong was found in 13 checks"));
  EXPECT_TRUE(r.next.empty());
  for (const Check& c : r.checks) EXPECT_EQ(c.level, Level::fine) << c.what;
}

TEST(Reading, a_rate_far_too_high_is_blamed_on_the_rate) {
  const Reading r = read_run(records::rate_too_high());
  EXPECT_EQ(r.level, Level::bad);
  EXPECT_THAT(r.verdict, HasSubstr("learning rate is too high"));
  const std::string text = all_of(r);
  EXPECT_THAT(text, HasSubstr("went up to 117 at step 10, 50 times"));
  EXPECT_THAT(text, HasSubstr("62 times the start (usual: below 10)"));
  EXPECT_THAT(text, HasSubstr("ended above where it began"));
  EXPECT_THAT(text, HasSubstr("Try `--lr 0.003`, a hundredth of the present rate."));
  EXPECT_THAT(text, HasSubstr("It answers '3' for 100.0 %"));
}

TEST(Reading, a_rate_too_high_with_right_answers_says_both) {
  RunRecord run = records::rate_too_high();
  records::set_confusion(run, 10, 40, 1);
  run.val_accuracy = 0.975;
  EXPECT_EQ(read_run(run).verdict,
            "The learning rate is too high: the loss jumped instead of falling, though 97.5 % are "
            "right.");
}

TEST(Reading, shuffled_labels_learned_by_heart_are_called_memorised) {
  const Reading r = read_run(records::shuffled());
  EXPECT_EQ(r.level, Level::bad);
  EXPECT_EQ(r.verdict, "It memorised: 10.5 % on new data is no better than guessing.");
  const std::string text = all_of(r);
  EXPECT_THAT(text, HasSubstr("guessing with the same frequencies, which gives 10.0 %"));
  EXPECT_THAT(text, HasSubstr("Labels that do not belong to their rows"));
  EXPECT_THAT(text, Not(HasSubstr("learning rate is too high")));
}

TEST(Reading, shuffled_labels_without_time_are_called_nothing_learned) {
  const Reading r = read_run(records::learned_nothing());
  EXPECT_EQ(r.level, Level::bad);
  EXPECT_EQ(r.verdict, "Nothing was learned: the loss stayed at that of guessing.");
  EXPECT_THAT(all_of(r), HasSubstr("99.5 % of chance; below 90 % would count as learning"));
}

TEST(Reading, a_loss_that_is_no_number_names_its_step) {
  const Reading r = read_run(records::diverged());
  EXPECT_EQ(r.verdict, "Diverged: the loss stopped being a number at step 31.");
  EXPECT_THAT(all_of(r), HasSubstr("highest finite value was 4.1e+09 at step 29"));
  EXPECT_THAT(all_of(r), HasSubstr("`--lr 0.0003`"));
}

TEST(Reading, a_loss_that_is_no_number_at_the_start_is_not_blamed_on_the_rate) {
  RunRecord run = records::diverged();
  run.start_loss = std::numeric_limits<double>::infinity();
  run.diverged_step = 1;
  const Reading r = read_run(run);
  EXPECT_THAT(r.verdict, StartsWith("Broken before the first step"));
  EXPECT_THAT(all_of(r), HasSubstr("the learning rate is not the cause"));
  EXPECT_THAT(all_of(r), Not(HasSubstr("--lr")));
}

TEST(Reading, a_rising_validation_loss_is_overfitting) {
  const Reading r = read_run(records::overfitted());
  EXPECT_EQ(r.level, Level::note);
  EXPECT_THAT(r.verdict, StartsWith("Overfitting since epoch 1"));
  EXPECT_THAT(all_of(r), HasSubstr("while the training loss fell on"));
  EXPECT_THAT(all_of(r), HasSubstr("Try `--epochs 1"));
}

TEST(Reading, a_loss_still_falling_asks_for_more_epochs) {
  const Reading r = read_run(records::unfinished());
  EXPECT_THAT(r.verdict, HasSubstr("still falling"));
  EXPECT_THAT(all_of(r), HasSubstr("Try `--epochs 10`"));
}

TEST(Reading, a_high_plateau_is_underfitting) {
  const Reading r = read_run(records::underfitted());
  EXPECT_EQ(r.verdict, "Underfitting: the loss levelled off at 66.0 % of chance.");
}

TEST(Reading, vanishing_gradients_are_measured_from_first_to_last_layer) {
  const Reading r = read_run(records::vanishing());
  EXPECT_EQ(r.verdict, "Vanishing gradients: the first layers do not learn.");
  EXPECT_THAT(all_of(r), HasSubstr("2e-09 in layers.0 and 0.4 in layers.4, a ratio of 5e-09"));
}

TEST(Reading, dead_layers_are_counted) {
  const Reading r = read_run(records::dead());
  EXPECT_EQ(r.verdict, "Dead layers: 2 of 3 get no gradient at all.");
}

TEST(Reading, one_answer_for_uneven_classes_is_no_success_at_95_percent) {
  const Reading r = read_run(records::uneven(0));
  EXPECT_EQ(r.level, Level::bad);
  const std::string text = all_of(r);
  EXPECT_THAT(text, HasSubstr("always answering 'healthy' would score 95.0 %"));
  EXPECT_THAT(text, HasSubstr("95.0 %, is the same"));
}

TEST(Reading, uneven_classes_told_apart_are_a_success) {
  const Reading r = read_run(records::uneven(15));
  EXPECT_NE(r.level, Level::bad);
  EXPECT_THAT(all_of(r), HasSubstr("3.8 points above that"));
  EXPECT_THAT(all_of(r), HasSubstr("The hardest class is 'ill': 15 of 20 right"));
}

TEST(Reading, regression_speaks_of_variance_and_never_of_accuracy) {
  const Reading r = read_run(records::regression());
  EXPECT_EQ(r.level, Level::fine);
  EXPECT_EQ(r.verdict, "Healthy: it explains 94.0 % of the variance of new data.");
  const std::string text = all_of(r);
  EXPECT_THAT(text, HasSubstr("always answering the mean gives 1.02"));
  EXPECT_THAT(text, Not(HasSubstr("class")));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(Reading, regression_no_better_than_the_mean_says_so) {
  RunRecord run = records::regression();
  run.val_loss = 1.1;
  for (EpochRecord& e : run.epochs) e.val_loss = 1.1;
  EXPECT_THAT(read_run(run).verdict, HasSubstr("no better than the mean"));
}

TEST(Reading, a_costly_start_is_not_blamed_on_the_rate_alone) {
  RunRecord run = records::healthy();
  run.start_loss = 60;
  const Reading r = read_run(run);
  EXPECT_THAT(all_of(r), HasSubstr("26.1 times the loss of chance (usual: up to 2)"));
  const Check* check = find(r, "Loss before step 1");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->level, Level::bad);
}

TEST(Reading, the_stories_all_read_differently) {
  std::set<std::string> texts;
  const std::vector<RunRecord> runs = {
      records::healthy(),    records::rate_too_high(), records::shuffled(),
      records::diverged(),   records::overfitted(),    records::learned_nothing(),
      records::unfinished(), records::underfitted(),   records::vanishing(),
      records::dead(),       records::uneven(0),       records::uneven(15),
      records::regression()};
  std::set<std::string> verdicts;
  for (const RunRecord& run : runs) {
    texts.insert(all_of(read_run(run)));
    verdicts.insert(read_run(run).verdict);
  }
  EXPECT_EQ(texts.size(), runs.size());
  EXPECT_EQ(verdicts.size(), runs.size());
}

TEST(Reading, the_settings_play_no_part_in_the_verdict) {
  RunRecord run = records::healthy();
  for (auto& [key, value] : run.config) value = key == "lr" ? "1000" : value;
  EXPECT_EQ(read_run(run).verdict, read_run(records::healthy()).verdict);
}

TEST(Reading, without_validation_it_says_that_it_cannot_know) {
  RunRecord run = records::healthy();
  run.val_count = 0;
  run.val_loss = run.val_accuracy = not_measured;
  run.confusion.clear();
  for (EpochRecord& e : run.epochs) e.val_loss = e.val_accuracy = not_measured;
  const Reading r = read_run(run);
  EXPECT_THAT(all_of(r), HasSubstr("No validation set was held out"));
  EXPECT_THAT(r.verdict, HasSubstr("on its training data"));
  EXPECT_THAT(all_of(r), Not(HasSubstr("nan")));
}

TEST(Reading, a_run_stopped_by_hand_says_so) {
  RunRecord run = records::unfinished();
  run.interrupted = true;
  EXPECT_THAT(read_run(run).verdict, StartsWith("Stopped by hand. "));
}

TEST(Reading, nothing_trained_is_no_crash) {
  EXPECT_EQ(read_run(RunRecord{}).verdict, "Nothing was trained: no epoch finished.");
  RunRecord run = records::healthy();
  run.epochs.clear();
  run.step_loss.clear();
  EXPECT_THAT(all_of(read_run(run)), HasSubstr("the start is sane"));
}

TEST(Reading, one_epoch_is_enough_for_a_verdict) {
  RunRecord run = records::healthy();
  records::set_curves(run, {0.5}, {0.52}, {0.9}, {0.89});
  const Reading r = read_run(run);
  EXPECT_EQ(r.level, Level::fine);
  EXPECT_THAT(all_of(r), HasSubstr("after 1 epoch,"));
}

TEST(Reading, not_a_number_everywhere_is_no_crash_and_no_praise) {
  RunRecord run = records::healthy();
  const double nan = not_measured;
  run.start_loss = run.chance_loss = run.train_loss = run.val_loss = nan;
  run.train_accuracy = run.val_accuracy = nan;
  for (double& v : run.step_loss) v = nan;
  for (EpochRecord& e : run.epochs) {
    e.train_loss = e.val_loss = e.train_accuracy = e.val_accuracy = e.update_ratio = nan;
    for (double& g : e.grad_norm) g = nan;
  }
  for (LayerSpectrum& s : run.spectra) {
    for (double& v : s.after) v = nan;
  }
  EXPECT_EQ(read_run(run).level, Level::bad);
}

TEST(Reading, every_size_of_confusion_matrix_is_read) {
  for (const std::size_t k : {1u, 2u, 20u, 21u, 100u}) {
    RunRecord run = records::healthy();
    records::set_confusion(run, k, 30, k == 1 ? 0 : 2);
    run.start_loss = run.chance_loss * 1.02;
    const Reading r = read_run(run);
    EXPECT_THAT(all_of(r), Not(HasSubstr("nan"))) << k;
    if (k > 1) {
      EXPECT_EQ(r.level, Level::fine) << k << all_of(r);
    }
  }
}

TEST(Reading, a_ragged_confusion_matrix_is_left_alone) {
  RunRecord run = records::healthy();
  run.confusion[4].resize(3);
  EXPECT_EQ(read_run(run).level, Level::fine);
}

TEST(StartSentence, names_chance_by_its_logarithm) {
  EXPECT_EQ(start_sentence(records::healthy()),
            "loss 2.34; chance is ln 10 = 2.303, so the start is sane");
  RunRecord run = records::healthy();
  run.start_loss = 9;
  EXPECT_THAT(start_sentence(run), HasSubstr("3.91 times that (sane: up to 2)"));
  run.start_loss = 0.2;
  EXPECT_THAT(start_sentence(run), HasSubstr("already know something"));
  run.start_loss = not_measured;
  EXPECT_THAT(start_sentence(run), StartsWith("loss nan: look at the data"));
  EXPECT_EQ(start_sentence(records::regression()),
            "loss 1.31; always answering the mean gives 1.02, so the start is sane");
  EXPECT_EQ(start_sentence(records::uneven(0)),
            "loss 0.71; chance is ln 2 = 0.693, so the start is sane");
}

TEST(StartSentence, holds_an_even_start_against_even_answers_where_frequencies_are_uneven) {
  RunRecord run = records::healthy();
  run.classes = 94;
  run.chance_loss = 3.309;
  run.start_loss = 4.5;
  EXPECT_EQ(
      start_sentence(run),
      "loss 4.5; chance is 3.309 by the frequencies, and ln 94 = 4.543 if all are alike, so the "
      "start is sane");
  run.chance_loss = 1.5;
  EXPECT_THAT(start_sentence(run), HasSubstr("so the start is sane"));
  const Check* start = nullptr;
  const Reading r = read_run(run);
  start = find(r, "Loss before step 1");
  ASSERT_NE(start, nullptr);
  EXPECT_EQ(start->level, Level::fine);
}

// A text's windows: no labels, no rows, no confusion matrix.
RunRecord of_text(std::vector<double> train, std::vector<double> val) {
  RunRecord run = records::healthy();
  run.unit = "tokens";
  run.classes = 94;
  run.class_names.clear();
  run.confusion.clear();
  run.mistakes.clear();
  run.chance_loss = 3.309;
  run.start_loss = 4.54;
  records::set_curves(run, train, val, std::vector<double>(train.size(), 0.2),
                      std::vector<double>(train.size(), 0.2));
  return run;
}

TEST(Reading, after_few_steps_a_text_is_not_judged_and_has_no_labels) {
  const Reading r = read_run(of_text({3.4}, {3.12}));
  EXPECT_EQ(r.level, Level::note);
  EXPECT_EQ(r.verdict, "Too few steps to tell: after 22 steps the loss went from 4.54 to 3.4.");
  EXPECT_EQ(r.next, std::vector<std::string>{"Try `--epochs 10`, for some hundred steps."});
  EXPECT_THAT(all_of(r), Not(HasSubstr("label")));
  const Reading later =
      read_run(of_text(std::vector<double>(20, 3.3), std::vector<double>(20, 3.3)));
  EXPECT_EQ(later.verdict, "Nothing was learned: the loss stayed at that of guessing.");
  EXPECT_THAT(all_of(later), Not(HasSubstr("label")));
}

TEST(Reading, a_small_text_learned_by_heart_is_overfitting) {
  RunRecord run = of_text({3.13, 2.65}, {3.01, 3.06});
  run.unit = "pairs";
  run.classes = 6;
  run.chance_loss = 6 * std::log(2.0);
  run.start_loss = run.chance_loss;
  for (EpochRecord& e : run.epochs) e.update_ratio = 0.3;
  run.spectra[0].after[0] = 20 * run.spectra[0].before[0];
  const Reading r = read_run(run);
  EXPECT_EQ(r.level, Level::note);
  EXPECT_EQ(r.verdict, "Overfitting since epoch 1; the loss is 3.06 on what was held out.");
  EXPECT_THAT(all_of(r), Not(HasSubstr("label")));
  EXPECT_THAT(all_of(r), Not(HasSubstr("rate is too high")));
}

TEST(Reading, two_epochs_are_too_few_to_speak_of_a_plateau) {
  RunRecord run = of_text({3.1, 2.9}, {3.0, 2.95});
  run.steps = 200;
  const Reading r = read_run(run);
  EXPECT_EQ(
      r.verdict,
      "Learned, but 2 epochs cannot show whether it is done: the loss is 2.95 on what was held "
      "out.");
  EXPECT_EQ(r.next, std::vector<std::string>{"Try `--epochs 4`."});
}

TEST(Reading, a_rate_out_of_all_proportion_is_answered_with_the_methods_usual_one) {
  RunRecord run = records::diverged();
  run.optimiser = "adam";
  for (auto& [key, value] : run.config)
    if (key == "lr") value = "1e+20";
  EXPECT_EQ(read_run(run).next,
            std::vector<std::string>{"Try `--lr 0.001`, the usual rate of adam."});
}

TEST(Reading, a_class_never_found_is_not_called_healthy) {
  RunRecord run = records::healthy();
  run.confusion[4].assign(10, 0);
  run.confusion[4][9] = 40;
  const Reading r = read_run(run);
  EXPECT_EQ(r.level, Level::note);
  EXPECT_EQ(
      r.verdict,
      "It learned, but not class '4', of which 0 of 40 are right; 96.8 % right on data it has "
      "not seen.");
  EXPECT_EQ(find(r, "Weakest class")->value, "0.0 %");
}

TEST(IntervalName, is_wilsons_where_every_resample_would_be_the_same) {
  EXPECT_EQ(interval_name(1), "by Wilson's 95 % interval, as all are right");
  EXPECT_EQ(interval_name(0), "by Wilson's 95 % interval, as none is right");
  EXPECT_EQ(interval_name(0.5), "in 95 % of resamples");
}

TEST(TopConfusions, come_most_frequent_first) {
  const auto top = top_confusions(records::healthy(), 2);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].label, 8);
  EXPECT_EQ(top[0].predicted, 3);
  EXPECT_EQ(top[0].count, 3);
  EXPECT_EQ(top[0].of, 40);
}

TEST(RunRecord, numbers_are_written_for_people) {
  EXPECT_EQ(brief(2.3026), "2.3");
  EXPECT_EQ(brief(0.04123), "0.041");
  EXPECT_EQ(brief(123.4), "123");
  EXPECT_EQ(brief(45678), "45 678");
  EXPECT_EQ(brief(1.234e-7), "1.2e-07");
  EXPECT_EQ(percent(0.987), "98.7 %");
  EXPECT_EQ(percent(0.00012), "0.012 %");
  EXPECT_EQ(percent(not_measured), "nan %");
  EXPECT_EQ(counted(1, "epoch"), "1 epoch");
  EXPECT_EQ(counted(1200, "step"), "1 200 steps");
  EXPECT_EQ(counted(2, "class"), "2 classes");
  EXPECT_EQ(clock_time(2.4), "0:02");
  EXPECT_EQ(clock_time(3723), "1:02:03");
  EXPECT_EQ(clock_time(not_measured), "-:--");
}

}  // namespace
}  // namespace gradus
