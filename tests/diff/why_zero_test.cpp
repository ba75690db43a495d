// Which operation cut a gradient, case by case.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/why_zero.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

template <class F>
WhyZero of(F f, const Tensor& x, const Tensor& w = Tensor({0, 0})) {
  const Tensor args[] = {x, w};
  const std::string names[] = {"x", "w"};
  return why_zero([&](std::span<const Tensor> a) { return f(a[0], a[1]); }, args, names, 0);
}

// The op, the step and the reason of the first cut.
template <class F>
std::string first(F f, const Tensor& x, const Tensor& w = Tensor({0, 0})) {
  const WhyZero why = of(f, x, w);
  EXPECT_EQ(why.zeros, why.elements);
  return why.cuts.empty() ? "no cut: " + why.reason : why.cuts[0].step + ": " + why.cuts[0].reason;
}

using T = const Tensor&;
const Tensor pair({0.5, 2});

TEST(WhyZero, names_the_step_that_stops_derivatives) {
  EXPECT_EQ(first([](T x, T) { return sum(exp(stop_gradient(x))); }, pair),
            "v2 = stop_gradient(x): it stops derivatives on purpose");
  EXPECT_EQ(first([](T x, T) { return sum(cast(argmax(sin(x)), DType::f64) * 2.0); }, pair),
            "v3 = argmax(v2): its result is a place, not an amount");
  EXPECT_EQ(first([](T x, T) { return sum(cast(x > 1.0, DType::f64)); }, pair),
            "v2 = x > 1: its result is true or false");
  EXPECT_EQ(first([](T x, T) { return sum(cast(cast(x, DType::i64), DType::f64)); }, pair),
            "v2 = cast(x): its result is i64[2], and whole numbers have no derivative");
  EXPECT_EQ(first([](T x, T) { return sum(floor(x * 3.0)); }, pair),
            "v3 = floor(v2): its slope is 0 everywhere: it is made of flat steps");
}

TEST(WhyZero, names_the_places_of_a_table) {
  EXPECT_EQ(first([](T x, T w) { return sum(gather(w, cast(x, DType::i64))); }, Tensor({0, 1}),
                  Tensor({7, 8})),
            "v2 = cast(x): its result is i64[2], and whole numbers have no derivative");
}

TEST(WhyZero, names_a_dead_relu_with_its_numbers) {
  EXPECT_EQ(first([](T x, T) { return sum(relu(named(x * -2.0, "h"))); }, pair),
            "v3 = relu(h): its slope is 0 for all 2 elements: h lies in [-4, -1] there, and its "
            "kink is at 0");
  EXPECT_EQ(first([](T x, T) { return sum(maximum(x, 5.0)); }, pair),
            "v2 = maximum(x, 5): its slope is 0 for all 2 elements: x lies in [0.5, 2] there and 5 "
            "is 5");
  EXPECT_EQ(first([](T x, T w) { return sum(where(w > 0.0, x, 1.0)); }, pair),
            "v3 = where(v2, x, 1): it takes the other branch for all 2 elements: the condition v2 "
            "is false there");
}

TEST(WhyZero, tells_saturated_from_level) {
  EXPECT_EQ(first([](T x, T) { return sum(tanh(x * 100.0)); }, pair),
            "v3 = tanh(v2): its slope is 0 for all 2 elements: v2 lies in [50, 200] there, so far "
            "out that it is saturated");
  EXPECT_EQ(first([](T x, T) { return sum(square(x)); }, Tensor({0, 0})),
            "v2 = x^2: its slope is 0 for all 2 elements: x is 0 there, where it is level");
}

TEST(WhyZero, names_the_zeros_that_it_was_multiplied_by) {
  EXPECT_EQ(first([](T x, T w) { return sum(exp(x) * w); }, pair),
            "v3 = v2 * w: it multiplies by w, which is 0 for all 2 elements");
  const WhyZero why =
      of([](T x, T w) { return sum(matmul(x, w)); }, Tensor({{1, 2}}), Tensor({{0, 0}, {0, 0}}));
  ASSERT_EQ(why.cuts.size(), 1u);
  EXPECT_EQ(why.cuts[0].reason, "it multiplies all 2 elements by zeros of w");
}

TEST(WhyZero, names_what_leaves_elements_out) {
  const WhyZero why = of([](T x, T) { return square(element(x, {1})); }, Tensor({1, 2, 3}));
  EXPECT_EQ(why.zeros, 2);
  ASSERT_FALSE(why.cuts.empty());
  EXPECT_EQ(why.cuts[0].op, "slice");
  EXPECT_EQ(why.cuts[0].cut, 2);
  EXPECT_EQ(why.cuts[0].reason, "it leaves out 2 of 3 elements of x f64[3]: its result is f64[1]");
}

TEST(WhyZero, sees_contributions_that_cancel) {
  const WhyZero why = of([](T x, T) { return sum(sin(x) - sin(x)) + sum(x) - sum(x); }, pair);
  EXPECT_EQ(why.zeros, 2);
  EXPECT_TRUE(why.cuts.empty() || why.reason.find("cancel") != std::string::npos) << why.reason;
  const WhyZero two = of(
      [](T x, T) {
        const Tensor up = x * 3.0, down = 3.0 * x;
        return sum(up - down);
      },
      pair);
  EXPECT_EQ(two.reason, "what arrives cancels: v2 adds 3, v3 adds -3");
}

TEST(WhyZero, says_that_nothing_reads_it) {
  EXPECT_EQ(of([](T, T w) { return sum(w); }, pair).reason, "nothing reads 'x'");
  EXPECT_EQ(of(
                [](T x, T w) {
                  exp(x);
                  return sum(w);
                },
                pair)
                .reason,
            "the result does not need 'x': only exp reads it, and what that gives is not used");
  EXPECT_EQ(of([](T x, T) { return sum(cast(x, DType::f64)); }, cast(pair, DType::i64)).reason,
            "'x' is i64[2], and whole numbers have no derivative");
  EXPECT_EQ(of([](T x, T) { return sum(x); }, zeros({0})).reason, "it has no elements");
}

TEST(WhyZero, says_that_it_is_not_zero) {
  const WhyZero why = of([](T x, T) { return sum(exp(x)); }, pair);
  EXPECT_EQ(why.zeros, 0);
  EXPECT_EQ(why.reason, "it is not zero: every element is different from 0");
  EXPECT_TRUE(why.cuts.empty());
}

TEST(WhyZero, finds_dead_units_by_rows_of_their_weights) {
  // Unit 1 is off for both examples, unit 0 for the second.
  const Tensor weight({{1, 1}, {-1, -1}, {1, 2}}), examples({{1, 2}, {-3, 1}});
  const WhyZero why =
      of([&](T w, T) { return sum(square(relu(named(matmul(examples, transpose(w)), "h")))); },
         weight - Tensor({{0, 0}, {3, 3}, {0, 0}}) * 2.0);
  EXPECT_EQ(why.zero_rows, (std::vector<int64_t>{}));
  const WhyZero dead = of(
      [&](T w, T) {
        return sum(square(relu(named(matmul(examples, transpose(w)) - Tensor({0, 100, 0}), "h"))));
      },
      weight);
  EXPECT_EQ(dead.zero_rows, (std::vector<int64_t>{1}));
  bool found = false;
  for (const Cut& c : dead.cuts)
    found |= c.op == "relu" && c.reason.find("column 1 of 3 wholly") != std::string::npos;
  EXPECT_TRUE(found) << to_text(dead, "w");
}

TEST(WhyZero, says_what_is_wrong) {
  const Tensor args[] = {pair};
  const std::string names[] = {"x"};
  const auto message = [&](const Function& f, int wrt) -> std::string {
    try {
      why_zero(f, args, names, wrt);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const Function same = [](std::span<const Tensor> a) { return a[0]; };
  EXPECT_EQ(message(same, 0),
            "why_zero: the function returned f64[2], but a gradient is of one number, f64[]. Take "
            "mean(...) or sum(...) first.");
  EXPECT_EQ(message(same, 1),
            "why_zero: argument 1 of 1 does not exist. Arguments are counted from 0.");
}

}  // namespace
}  // namespace gradus
