// The perceptron's rule, by hand and on what no line separates.
#include <gradus/base/error.h>
#include <gradus/nn/perceptron.h>
#include <gtest/gtest.h>

#include <random>

namespace gradus {
namespace {

const std::vector<double> corners{0, 0, 0, 1, 1, 0, 1, 1};

TEST(Perceptron, follows_the_rule_step_by_step) {
  // AND by hand, (w1, w2, b) after each epoch, examples 00, 01, 10, 11.
  const double by_hand[][4] = {{1, 1, 1, 1},  {3, 2, 1, 0},  {3, 2, 1, -1},
                               {2, 2, 2, -1}, {1, 2, 1, -2}, {0, 2, 1, -2}};
  size_t at = 0;
  const PerceptronRun r =
      learn_perceptron(corners, std::vector{-1, -1, -1, 1}, 1000, [&](const PerceptronEpoch& e) {
        SCOPED_TRACE(e.epoch);
        ASSERT_LT(at, std::size(by_hand));
        EXPECT_EQ(e.mistakes, by_hand[at][0]);
        EXPECT_EQ(e.after.weights, (std::vector<double>{by_hand[at][1], by_hand[at][2]}));
        EXPECT_EQ(e.after.bias, by_hand[at][3]);
        ++at;
      });
  EXPECT_TRUE(r.separates);
  EXPECT_EQ(r.epochs, 6);
  EXPECT_EQ(r.learned.answer(std::vector<double>{1, 1}), 1);
}

TEST(Perceptron, learns_every_function_of_two_bits_but_xor_and_its_opposite) {
  for (int table = 0; table < 16; ++table) {
    std::vector<int> labels;
    for (int i = 0; i < 4; ++i) labels.push_back(table >> i & 1 ? 1 : -1);
    const PerceptronRun r = learn_perceptron(corners, labels);
    const bool is_xor = table == 0b0110 || table == 0b1001;
    EXPECT_EQ(r.separates, !is_xor) << table;
    EXPECT_EQ(r.same_as > 0, is_xor) << table;
    EXPECT_LT(r.epochs, 30) << table;
    if (!is_xor) {
      for (size_t i = 0; i < 4; ++i)
        EXPECT_EQ(r.learned.answer(std::span(corners).subspan(2 * i, 2)), labels[i]) << table;
    }
  }
}

TEST(Perceptron, makes_no_more_mistakes_than_novikoff_allows) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> side(-1, 1);
  for (int round = 0; round < 20; ++round) {
    // Points at a distance of 0.1 at least from a line through 0; the bias is one more input of 1.
    const double a = side(random), b = side(random), length = std::hypot(a, b);
    std::vector<double> x;
    std::vector<int> labels;
    double radius = 0;
    while (labels.size() < 50) {
      const double u = side(random), v = side(random), away = (a * u + b * v) / length;
      if (std::abs(away) < 0.1) continue;
      x.insert(x.end(), {u, v});
      labels.push_back(away > 0 ? 1 : -1);
      radius = std::max(radius, std::hypot(u, v, 1.0));
    }
    int64_t mistakes = 0;
    const PerceptronRun r = learn_perceptron(
        x, labels, 10000, [&](const PerceptronEpoch& e) { mistakes += e.mistakes; });
    EXPECT_TRUE(r.separates);
    EXPECT_LE(static_cast<double>(mistakes), radius * radius / (0.1 * 0.1));
  }
}

TEST(Perceptron, gives_up_after_the_epochs_it_has) {
  const PerceptronRun r = learn_perceptron(corners, std::vector{-1, 1, 1, -1}, 2);
  EXPECT_FALSE(r.separates);
  EXPECT_EQ(r.same_as, 0);
  EXPECT_EQ(r.epochs, 2);
}

TEST(Perceptron, names_rows_and_labels_that_do_not_fit) {
  const auto message = [](std::vector<double> x, std::vector<int> labels) {
    try {
      learn_perceptron(x, labels);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(message({1, 2, 3}, {1, -1}),
            "perceptron: 3 numbers are no rows for 2 labels. Give as many numbers for each label.");
  EXPECT_EQ(message({1, 2}, {1, 0}), "perceptron: a label is 0. Labels are 1 and -1.");
}

}  // namespace
}  // namespace gradus
