// The guard of NaN and infinity inside compiled plans.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

Plan of_log_of_sine(const Tensor& x) {
  return compile(
      [](std::span<const Tensor> args) {
        return std::vector<Tensor>{sum(log(sin(args[0]) * 2.0))};
      },
      {x});
}

std::string message_of(Plan& plan) {
  try {
    plan.run();
  } catch (const NumericError& e) {
    return e.what();
  }
  return "no error";
}

TEST(GuardedPlan, names_the_operation_inside) {
  Plan plan = of_log_of_sine({1, 4, 2});
  EXPECT_EQ(message_of(plan), "no error");  // without a guard nobody looks
  const NonFiniteGuard guard(NonFinite::raise);
  const std::string message = message_of(plan);
  EXPECT_EQ(message.substr(0, message.find(" under")),
            "log: element [1] of f64[3] is nan, made from f64[3] in [-1.5136, 1.81859] (3 of 3 "
            "finite) in operation 3");
  plan.set(0, Tensor({1, 2, 3}));
  EXPECT_EQ(message_of(plan), "no error");
}

TEST(GuardedPlan, computes_the_bits_of_one_that_is_not) {
  Plan plan = of_log_of_sine({1, 2, 3}), guarded = of_log_of_sine({1, 2, 3});
  plan.run();
  const NonFiniteGuard guard(NonFinite::raise);
  guarded.run();
  EXPECT_TRUE(same_bits(plan.output_tensor(0), guarded.output_tensor(0)));
}

TEST(GuardedPlan, that_stops_has_carried_nothing) {
  Plan plan =
      compile([](std::span<const Tensor> args) { return std::vector<Tensor>{log(args[0]) - 1.0}; },
              {Tensor(2.0)}, {{0, 0}});
  std::vector<std::string> told;
  {
    const NonFiniteGuard guard(NonFinite::warn, true,
                               [&](const std::string& line) { told.push_back(line); });
    plan.run();  // log(2) - 1 < 0
    plan.run();
  }
  EXPECT_EQ(told.size(), 1u);
  plan.set(0, Tensor(-0.5));
  const NonFiniteGuard guard(NonFinite::raise);
  EXPECT_EQ(message_of(plan).substr(0, 4), "log:");
  EXPECT_EQ(number(plan.input_tensor(0)), -0.5);
}

}  // namespace
}  // namespace gradus
