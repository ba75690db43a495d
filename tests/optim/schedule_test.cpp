#include <gradus/base/error.h>
#include <gradus/optim/schedule.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

namespace gradus {
namespace {

std::string message_of(const char* words, int64_t total = 0) {
  try {
    parse_schedule(words, total);
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was raised";
}

TEST(Schedule, warms_up_and_falls_along_a_cosine_as_worked_by_hand) {
  const Schedule s = parse_schedule("warmup(100)+cosine(900)");
  EXPECT_EQ(1e-3 * s.factor(0), 0);
  EXPECT_DOUBLE_EQ(1e-3 * s.factor(50), 5e-4);
  EXPECT_DOUBLE_EQ(1e-3 * s.factor(100), 1e-3);
  EXPECT_DOUBLE_EQ(1e-3 * s.factor(550), 5e-4);
  EXPECT_NEAR(1e-3 * s.factor(1000), 0, 1e-18);
  EXPECT_EQ(s.factor(5000), s.factor(1000));
  EXPECT_EQ(s.steps(), 1000);
}

TEST(Schedule, a_piece_takes_what_is_left_of_the_run) {
  EXPECT_EQ(parse_schedule("warmup(100)+cosine", 1000).text(), "warmup(100,0)+cosine(900,0)");
  EXPECT_EQ(parse_schedule("linear", 10).text(), "linear(10,0)");
}

TEST(Schedule, its_text_reads_back) {
  for (const char* words :
       {"constant", "constant(5)+step(30)", "warmup(10, 0.5) + linear(20,0.1)+exponential(0.99)",
        "onecycle(100)", "onecycle(100,0.4,10,1e+3)", "warmup(3)+plateau(0.5,2)"}) {
    const Schedule s = parse_schedule(words), again = parse_schedule(s.text());
    EXPECT_EQ(s.text(), again.text());
    for (int64_t step = 0; step < 120; ++step) EXPECT_EQ(s.factor(step), again.factor(step));
  }
}

TEST(Schedule, a_piece_starts_from_the_level_of_the_one_before_it) {
  const Schedule s = parse_schedule("linear(10,0.5)+exponential(0.9)");
  EXPECT_DOUBLE_EQ(s.factor(10), 0.5);
  EXPECT_DOUBLE_EQ(s.factor(12), 0.5 * 0.81);
}

TEST(Schedule, steps_down_every_thirty) {
  const Schedule s = parse_schedule("step(30)");
  EXPECT_EQ(s.factor(29), 1);
  EXPECT_DOUBLE_EQ(s.factor(30), 0.1);
  EXPECT_DOUBLE_EQ(s.factor(89), 0.01);
}

// torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=100): phases of 29 and 70 steps.
TEST(Schedule, one_cycle_rises_from_a_25th_and_ends_at_a_250000th) {
  const Schedule s = parse_schedule("onecycle(100)");
  EXPECT_NEAR(s.factor(0), 0.04, 1e-15);
  EXPECT_DOUBLE_EQ(s.factor(29), 1);
  EXPECT_NEAR(s.factor(99), 4e-6, 1e-15);
  EXPECT_NEAR(s.factor(64), (1 + 4e-6) / 2, 1e-12);
  EXPECT_NEAR(s.factor(10), 0.04 + 0.96 * (1 - std::cos(std::numbers::pi * 10 / 29)) / 2, 1e-12);
}

TEST(Schedule, a_plateau_lowers_the_rate_after_its_patience) {
  const Schedule s = parse_schedule("plateau(0.5,2)");
  EXPECT_TRUE(s.watches_loss());
  EXPECT_FALSE(parse_schedule("step(2)").watches_loss());
  PlateauState seen;
  for (double loss : {1.0, 0.5, 0.49999, 0.6}) seen = s.observe(seen, loss);
  EXPECT_EQ(s.factor(7, seen), 1);
  seen = s.observe(seen, 0.55);  // the third without progress
  EXPECT_EQ(s.factor(7, seen), 0.5);
  seen = s.observe(seen, 0.1);
  EXPECT_EQ(s.factor(7, seen), 0.5);
  EXPECT_EQ(seen.best, 0.1);
}

TEST(Schedule, wrong_words_are_named) {
  EXPECT_EQ(message_of("cosin(3)"),
            "schedule: 'cosin(3)': there is no such piece. There are constant, warmup, linear, "
            "cosine, onecycle, step, exponential, plateau. Did you mean 'cosine'?");
  EXPECT_EQ(message_of("cosine"),
            "schedule: 'cosine': how many steps? It is written cosine(n, to = 0).");
  EXPECT_EQ(message_of("constant(10)+cosine", 10),
            "schedule: 'cosine': no step is left for it. It is written cosine(n, to = 0).");
  EXPECT_EQ(message_of("step(2)+cosine(3)"),
            "schedule: 'cosine(3)': it would never begin, because the piece before it has no end.");
  EXPECT_EQ(message_of("warmup(2.5)"),
            "schedule: 'warmup(2.5)': 2.5 is no number of steps. It is written warmup(n, from = "
            "0).");
  EXPECT_EQ(message_of("warmup(x)"),
            "schedule: 'warmup(x)': 'x' is not a number. It is written warmup(n, from = 0).");
  EXPECT_EQ(message_of("warmup(1,2"),
            "schedule: 'warmup(1,2': the bracket is not closed. It is written warmup(n, from = "
            "0).");
  EXPECT_EQ(message_of("warmup(1,2)"), "schedule: 'warmup(1,2)': 2 does not lie in 0 to 1");
  EXPECT_EQ(message_of("step(2,0.1,3)"),
            "schedule: 'step(2,0.1,3)': too many numbers. It is written step(every, gamma = 0.1).");
  EXPECT_EQ(message_of("exponential"),
            "schedule: 'exponential': a number is missing. It is written exponential(gamma).");
  for (const char* words : {"", "+", "warmup(3)+", "(", ")", "cosine(1e300)", "step(0)"})
    EXPECT_NE(message_of(words), "nothing was raised") << words;
}

}  // namespace
}  // namespace gradus
