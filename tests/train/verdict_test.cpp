// Runs really trained, and what the reading says of them: it differs, and it is true.
#include <gmock/gmock.h>
#include <gradus/train/reading.h>
#include <gtest/gtest.h>
#include <train/runs.h>

#include <algorithm>

namespace gradus {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Told {
  RunRecord run;
  Reading reading;
  std::string text;
};

Told told(const TrainConfig& config) {
  const Scratch folder;
  Told t;
  t.run = train(config, folder.path("run"), false);
  t.reading = read_run(t.run);
  t.text = t.reading.verdict + "\n";
  for (const std::string& p : t.reading.paragraphs) t.text += p + "\n";
  for (const std::string& n : t.reading.next) t.text += "next: " + n + "\n";
  EXPECT_THAT(folder.read("run/report.html"), HasSubstr("</html>"));
  return t;
}

TrainConfig digits() {
  TrainConfig c;
  c.data = "digits";
  c.examples = 6000;
  c.epochs = 15;
  return c;
}

TEST(Verdict, of_a_healthy_run_is_praise_with_its_number) {
  const Told t = told(digits());
  EXPECT_GT(t.run.val_accuracy, 0.9);
  EXPECT_NE(t.reading.level, Level::bad);
  EXPECT_THAT(t.reading.verdict, HasSubstr(percent(t.run.val_accuracy)));
  EXPECT_THAT(t.text, HasSubstr("fell from " + brief(t.run.start_loss) + " before the first step"));
  EXPECT_THAT(t.text, HasSubstr("the error reaches the first layer"));
  for (const char* blame : {"too high", "no better than guessing", "by heart", "blew"})
    EXPECT_THAT(t.text, Not(HasSubstr(blame)));
}

TEST(Verdict, of_a_rate_a_hundred_times_too_high_blames_the_rate) {
  TrainConfig c = digits();
  c.lr = 0.1;  // adam's own is 0.001
  const Told t = told(c);
  EXPECT_EQ(t.reading.level, Level::bad);
  EXPECT_THAT(t.reading.verdict, HasSubstr("The learning rate is too high"));
  EXPECT_THAT(t.text, HasSubstr("Try `--lr 0.001`, a hundredth of the present rate."));
  EXPECT_THAT(t.text, HasSubstr("times the start (usual: below 10)"));
  EXPECT_THAT(t.text, Not(HasSubstr("by heart")));
  double highest = 0;
  for (double v : t.run.step_loss) highest = std::max(highest, v);
  EXPECT_GT(highest, 2 * t.run.start_loss);  // what the text says of the way
  EXPECT_THAT(t.text, HasSubstr("went up to " + brief(highest)));
}

TEST(Verdict, of_shuffled_labels_calls_it_learned_by_heart) {
  TrainConfig c = digits();
  c.examples = 2000;
  c.shuffle_labels = true;
  const Told t = told(c);
  EXPECT_EQ(t.reading.level, Level::bad);
  EXPECT_LT(t.run.val_accuracy, 0.2);
  EXPECT_GT(t.run.train_accuracy, t.run.val_accuracy + 0.1);
  EXPECT_THAT(t.reading.verdict, HasSubstr("memorised"));
  EXPECT_THAT(t.reading.verdict, HasSubstr(percent(t.run.val_accuracy)));
  EXPECT_THAT(t.text, HasSubstr("learns single examples by heart"));
  EXPECT_THAT(t.text, HasSubstr("Check that every label belongs to its row"));
  EXPECT_THAT(t.text, Not(HasSubstr("learning rate is too high")));
}

}  // namespace
}  // namespace gradus
