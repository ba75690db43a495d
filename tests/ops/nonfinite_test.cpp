#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const NumericError& e) {
    return e.what();
  }
  return "no error";
}

TEST(NonFinite, names_the_first_operation_that_made_it_and_its_inputs) {
  const NonFiniteGuard guard(NonFinite::raise);
  EXPECT_EQ(message_of([] {
              sum(sqrt(log(Tensor({2, -1, 4}))));
            }),
            "log: element [1] of f64[3] is nan, made from f64[3] in [-1, 4]. All inputs are "
            "finite, so the first value "
            "that is not starts here. Keep the input inside the operation's domain, or use its "
            "stable form.");
}

TEST(NonFinite, what_was_passed_in_is_not_reported_again) {
  const NonFiniteGuard guard(NonFinite::raise);
  EXPECT_EQ(message_of([] { exp(Tensor({NAN, 1})); }), "no error");
}

TEST(NonFinite, infinities_can_be_let_through) {
  EXPECT_EQ(message_of([] { exp(Tensor({1000})); }), "no error");
  const NonFiniteGuard strict(NonFinite::raise);
  EXPECT_NE(message_of([] { exp(Tensor({1000})); }), "no error");
  const NonFiniteGuard lenient(NonFinite::raise, false);
  EXPECT_EQ(message_of([] { exp(Tensor({1000})); }), "no error");
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
