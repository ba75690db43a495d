#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gtest/gtest.h>
#include <message.h>

#include <cmath>

namespace gradus {
namespace {

TEST(NonFinite, names_the_first_operation_that_made_it_and_its_inputs) {
  const NonFiniteGuard guard(NonFinite::raise);
  EXPECT_EQ(message_of([] {
              sum(sqrt(log(Tensor({2, -1, 4}))));
            }),
            "log: element [1] of f64[3] is nan, made from f64[3] in [-1, 4] (3 of 3 finite) in "
            "operation 1 under this guard. No input holds such a value, so the first starts here. "
            "Keep the input inside the operation's domain, or use its stable form.");
}

TEST(NonFinite, counts_operations_and_what_of_their_inputs_is_finite) {
  const NonFiniteGuard guard(NonFinite::raise, false);
  const std::string message = message_of([] {
    const Tensor x = exp(Tensor({1000, 1}));
    subtract(x, x);
  });
  EXPECT_EQ(message.substr(0, message.find(" under")),
            "subtract: element [0] of f64[2] is nan, made from f64[2] in [2.71828, 2.71828] (1 of "
            "2 finite) and f64[2] in [2.71828, 2.71828] (1 of 2 finite) in operation 2");
}

TEST(NonFinite, of_a_guard_that_is_off_is_nothing) {
  const NonFiniteGuard strict(NonFinite::raise);
  const NonFiniteGuard off(NonFinite::ignore);
  EXPECT_EQ(message_of([] { log(Tensor({-1})); }), "nothing was raised");
}

TEST(NonFinite, without_a_listener_is_told_on_standard_error) {
  testing::internal::CaptureStderr();
  {
    const NonFiniteGuard guard(NonFinite::warn);
    log(Tensor({0}));
  }
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(told.substr(0, told.find(',')), "log: element [0] of f64[1] is -inf");
}

TEST(NonFinite, what_was_passed_in_is_not_reported_again) {
  const NonFiniteGuard guard(NonFinite::raise);
  EXPECT_EQ(message_of([] { exp(Tensor({NAN, 1})); }), "nothing was raised");
}

TEST(NonFinite, infinities_can_be_let_through) {
  EXPECT_EQ(message_of([] { exp(Tensor({1000})); }), "nothing was raised");
  const NonFiniteGuard strict(NonFinite::raise);
  EXPECT_NE(message_of([] { exp(Tensor({1000})); }), "nothing was raised");
  const NonFiniteGuard lenient(NonFinite::raise, false);
  EXPECT_EQ(message_of([] { exp(Tensor({1000})); }), "nothing was raised");
}

TEST(NonFinite, a_warning_tells_and_goes_on_and_the_guard_ends_with_its_scope) {
  std::vector<std::string> told;
  {
    const NonFiniteGuard guard(NonFinite::warn, true,
                               [&](const std::string& line) { told.push_back(line); });
    EXPECT_TRUE(std::isnan(number(sum(log(Tensor({-1, 2}))))));
  }
  log(Tensor({-1}));
  EXPECT_EQ(told.size(), 1u);
}

TEST(CosineSimilarity, of_the_pair_of_the_guide_and_of_a_zero_vector) {
  EXPECT_NEAR(number(cosine_similarity(Tensor({3, 4}), Tensor({1, 2}))), 0.98386991, 5e-9);
  EXPECT_EQ(number(cosine_similarity(Tensor({0, 0}), Tensor({1, 2}))), 0);
  EXPECT_EQ(number(cosine_similarity(Tensor({3e200, 4e200}), Tensor({3e200, 4e200}))), 1);
  const Tensor all = cosine_similarities(Tensor({{3, 4}, {0, 1}}), Tensor({{1, 2}, {0, -2}}));
  EXPECT_NEAR(numbers(all)[0], 0.98386991, 5e-9);
  EXPECT_EQ(numbers(all)[3], -1);
}

}  // namespace
}  // namespace gradus
