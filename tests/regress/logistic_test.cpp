// Logistic and softmax regression: scikit-learn 1.9's numbers on the sample, slopes, separation.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/shaping.h>
#include <gradus/regress/logistic.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sample.h"

namespace gradus {
namespace {

Tensor labels_of(const Tensor& y, std::initializer_list<double> edges) {
  std::vector<double> labels;
  for (double v : numbers(y)) {
    double label = 0;
    for (double e : edges) label += v >= e ? 1 : 0;
    labels.push_back(label);
  }
  return from_vector(labels);
}

TEST(Logistic, of_two_classes_is_that_of_scikit_learn_by_both_methods) {
  const Sample s = sample42();
  const double want[] = {1.2920181,   -1.46821221, 2.982413,    -0.13931065, -0.56861489,
                         -0.09368061, 0.41671016,  -0.42622018, 0.17893001,  0.18951603};
  for (const char* method : {"newton", "lbfgs"}) {
    const LogisticFit fit = fit_logistic(s.x, labels_of(s.y, {0}), {.method = method});
    EXPECT_TRUE(fit.converged) << method << " slope " << fit.slope;
    for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(fit.coef[j], want[j], 2e-7) << method;
    EXPECT_NEAR(fit.intercept[0], -0.22503422, 1e-7);
    EXPECT_EQ(fit.classes, (std::vector<double>{0, 1}));
    EXPECT_EQ(fit.method, method);
    EXPECT_NEAR(fit.score(s.x, labels_of(s.y, {0})), fit.accuracy, 1e-15);
  }
}

TEST(Logistic, of_three_classes_is_softmax) {
  const Sample s = sample42();
  const LogisticFit fit = fit_logistic(s.x, labels_of(s.y, {-2, 2}));
  const double first[] = {-0.65541223, 2.08491241, -2.56405232, -0.07810516, -0.36118351,
                          0.07835742,  -0.3981552, 0.49644049,  0.155326,    -0.02675972};
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(fit.coef[j], first[j], 1e-6);
  EXPECT_NEAR(fit.intercept[1] - fit.intercept[0], 1.31443263 + 0.84855548, 1e-5);
  EXPECT_TRUE(fit.converged);
  const std::vector<double> p = numbers(fit.probabilities(s.x));
  for (size_t i = 0; i < 100; ++i) EXPECT_NEAR(p[3 * i] + p[3 * i + 1] + p[3 * i + 2], 1, 1e-15);
  EXPECT_EQ(fit.coef.size(), 30u);
}

// One column, worked by hand: labels 0 0 1 at x = 0 and 0 1 1 at x = 1 give the odds 1/2 and 2.
TEST(Logistic, without_penalty_gives_the_odds_of_a_table) {
  const Tensor x = from_vector<double>({0, 0, 0, 1, 1, 1}, {6, 1});
  const LogisticFit fit = fit_logistic(x, {0, 0, 1, 0, 1, 1}, {.l2 = 0});
  EXPECT_NEAR(fit.intercept[0], -std::log(2.0), 1e-12);
  EXPECT_NEAR(fit.coef[0], 2 * std::log(2.0), 1e-12);
  // Variance of a log odds ratio: the sum of 1 / count.
  EXPECT_NEAR(fit.se[0], std::sqrt(1 / 2.0 + 1 + 1 + 1 / 2.0), 1e-10);
  EXPECT_NEAR(fit.se[1], std::sqrt(1 / 2.0 + 1), 1e-10);
  EXPECT_NEAR(fit.z[0], fit.coef[0] / fit.se[0], 1e-14);
  EXPECT_FALSE(fit.separable);
  EXPECT_NEAR(fit.accuracy, 4 / 6.0, 1e-15);
}

TEST(Logistic, of_classes_that_a_point_divides_warns) {
  const Tensor x = from_vector<double>({1, 2, 3, 4}, {4, 1});
  for (const char* method : {"newton", "lbfgs"}) {
    const LogisticFit fit = fit_logistic(x, {0, 0, 1, 1}, {.l2 = 0, .method = method});
    EXPECT_TRUE(fit.separable) << method;
    EXPECT_EQ(fit.warning,
              "the classes can be divided without error, so larger coefficients are always more "
              "likely and there is no maximum. A penalty makes the answer finite and unique");
    EXPECT_EQ(fit.accuracy, 1);
    EXPECT_TRUE(fit.se.empty());
  }
  const LogisticFit held = fit_logistic(x, {0, 0, 1, 1}, {.l2 = 1});
  EXPECT_FALSE(held.separable);
  EXPECT_TRUE(held.converged);
}

TEST(Logistic, of_classes_that_touch_in_one_point_warns_too) {
  const Tensor x = from_vector<double>({1, 2, 2, 3}, {4, 1});
  const LogisticFit fit = fit_logistic(x, {0, 0, 1, 1}, {.l2 = 0, .iterations = 200});
  EXPECT_TRUE(fit.separable) << fit.coef[0] << " " << fit.slope << " " << fit.iterations;
}

TEST(Logistic, takes_any_two_labels) {
  const Tensor x = from_vector<double>({0, 1, 2, 3}, {4, 1});
  const LogisticFit fit = fit_logistic(x, {-5, 7, -5, 7});
  EXPECT_EQ(fit.classes, (std::vector<double>{-5, 7}));
  EXPECT_EQ(numbers(fit.predict(from_vector<double>({-9, 9}, {2, 1}))),
            (std::vector<double>{-5, 7}));
}

TEST(Logistic, says_what_it_cannot_take) {
  const auto message = [](const Tensor& labels, const LogisticOptions& o) -> std::string {
    try {
      fit_logistic(eye(3), labels, o);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(
      message({1, 1, 1}, {}),
      "fit_logistic: all labels are 1. There is nothing to tell apart: it takes two classes.");
  EXPECT_EQ(message({0, 1, 2}, {.method = "newton"}),
            "fit_logistic: newton is for two classes, and there are 3. Use lbfgs.");
  EXPECT_EQ(message({0, 1, 1}, {.method = "sgd"}),
            "fit_logistic: there is no method 'sgd'. It is auto, newton or lbfgs.");
  EXPECT_EQ(message({0, 1, 1}, {.l2 = -1}),
            "fit_logistic: l2 is -1. A penalty is a finite number, 0 or more.");
}

}  // namespace
}  // namespace gradus
