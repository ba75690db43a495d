// gradcheck, differences, why-zero, shapes, critical and convex as a user meets them.
#include <gtest/gtest.h>

#include <string>

#include "app/run.h"

namespace gradus {
namespace {

using namespace test;

TEST(Shapes, prints_every_step_and_the_last) {
  expect("shapes 'X[32,784] @ W[784,128] + b[128]'", 0,
         "  X[32,784]                         [32,784]\n"
         "  W[784,128]                        [784,128]\n"
         "  X[32,784] @ W[784,128]            [32,128]\n"
         "  b[128]                            [128]\n"
         "  X[32,784] @ W[784,128] + b[128]   [32,128]\n"
         "[32,128]\n");
  expect("shapes --quiet 'X[32,784] @ W[784,128] + b[128]'", 0, "[32,128]\n");
  expect("shapes --quiet 'sum(X[4,5], 1) > a[]'", 0, "[4] bool\n");
}

TEST(Shapes, marks_the_step_that_does_not_fit) {
  expect("shapes 'relu(X[32,784] @ W[512,128]) + b[128]'", 1,
         "  X[32,784]    [32,784]\n"
         "  W[512,128]   [512,128]\n"
         "\n"
         "  relu(X[32,784] @ W[512,128]) + b[128]\n"
         "       ~~~~~~~~~~^~~~~~~~~~~~\n"
         "matmul: f64[32,784] x f64[512,128]: inner sizes 784 and 512 differ. The last axis of the "
         "left must equal the first axis of the right.\n");
  expect("shapes --json 'a[3,2] @ b[3,2]'", 1,
         "{\"fits\":false,\"error\":\"matmul: f64[3,2] x f64[3,2]: inner sizes 2 and 3 differ. The "
         "last axis of the left must equal the first axis of the right.\",\"column\":8,\"step\":"
         "\"a[3,2] @ b[3,2]\",\"steps\":[{\"step\":\"a[3,2]\",\"shape\":[3,2],\"dtype\":\"f64\"},{"
         "\"step\":\"b[3,2]\",\"shape\":[3,2],\"dtype\":\"f64\"}]}\n");
}

TEST(Shapes, of_what_no_memory_could_hold_cost_nothing) {
  expect("shapes --quiet 'X[1000000000,1000000000] @ transpose(Y[5,1000000000])'", 0,
         "[1000000000,5]\n");
  expect_parts("shapes 'outer(a[10000000000], a)'", 1, {"^", "more elements than 63 bits count"});
  expect("shapes --quiet 'X[0,3] * 2'", 0, "[0,3]\n");
}

TEST(Shapes, say_what_is_wrong_with_the_text) {
  expect("shapes 'X[2,3] + y' 2>&1", 2,
         "gradus shapes: 'y' has no sizes. Write y[3,4], or y[] for one number.\n");
  expect("shapes 'X[2,3] + X[3,2]' 2>&1", 2,
         "gradus shapes: expression: column 11: X is [2,3] before, but [3,2] here\n");
}

TEST(Gradcheck, shows_three_columns_and_names_kinks) {
  expect("gradcheck 'x^3' --at x=2 --formula '3*x^2' --quiet", 0,
         "      by hand   reverse mode   differences   error\n"
         "  x   12        12             12            0       agrees\n"
         "\n"
         "checked      1 of 1 element\n"
         "passed       the largest error is 0\n");
  expect_parts("gradcheck 'x^3' --at x=2 --formula '2*x' -q", 1, {"differs", "FAILED"});
  expect_parts("gradcheck 'sum(relu(x))' --at x=[0,1] -q", 0,
               {"kink", "1 of 2 inputs on its kink at 0", "apart from 1 kink"});
  expect_parts("gradcheck 'x*stop_gradient(x)' --at x=2 -q", 1,
               {"FAILED", "it stops derivatives on purpose"});
  expect_parts("gradcheck 'sum(sin(x))' --at x=[1,2] --json", 0,
               {"{\"passed\":true", "\"name\":\"x[1]\"", "\"verdict\":\"agrees\""});
}

TEST(Differences, fall_and_rise) {
  expect_parts("differences 'exp(x)' --at x=1 --plain", 0,
               {"1e-03   2.719641422533", "4.53e-07", "1.36e-05", "1.04e-05",
                "sqrt(2 eps |f/f''|) = 2.1e-08", "cbrt(3/2 eps |f/f'''|) = 6.9e-06"});
  expect_parts("differences 'exp(x)' --at x=1 --json", 0, {"\"best_forward_h\":1e-08"});
}

TEST(WhyZero, names_the_operation) {
  expect("why-zero 'sum(relu(w*x))' --at w=-1,x=[1,2] --wrt w", 0,
         "gradient   of 'w' f64[]: 1 of 1 element is 0\n"
         "because    v4 = relu(v3)\n"
         "             its slope is 0 for all 2 elements: v3 lies in [-2, -1] there, and its kink "
         "is at 0\n");
  expect("why-zero 'x' --at x=1,y=2 --wrt y", 0,
         "gradient   of 'y' f64[]: 1 of 1 element is 0\n"
         "because    nothing reads 'y'\n");
}

TEST(Critical, names_the_points_of_the_book) {
  expect_parts("critical 'x^2 + y^2' --at x=0,y=0", 0, {"minimum", "eigenvalues   2, 2"});
  expect_parts("critical '-x^2 - y^2' --at x=0,y=0", 0, {"maximum"});
  expect_parts("critical 'x^2 - y^2' --at x=0,y=0", 0, {"saddle of index 1"});
  expect_parts("critical 'x^3 - 3*x*y^2' --at x=0,y=0", 0, {"inconclusive", "like a saddle"});
  expect_parts("critical 'x^2 + y^4' --at x=0,y=0", 0, {"inconclusive", "like a minimum"});
  expect_parts("critical 'x + y^2' --at x=0,y=0", 1, {"not a critical point"});
  expect_parts("critical 'x^2 + y^4' --at x=0,y=0 --json", 0,
               {"\"verdict\":\"inconclusive\"", "\"nullity\":1", "\"lower\":0"});
}

TEST(Convex, prints_a_counterexample_or_says_what_it_tried) {
  expect_parts("convex 'log(exp(x) + exp(y))'", 0,
               {"no counterexample in 2000 chords", "not a proof", "+ curved upwards"});
  expect_parts("convex 'sin(x) + y^2' --box -3,3", 1,
               {"not convex", "f(t a + (1-t) b) = ", "is above", "up and down"});
  expect_parts("convex 'a*x^2' --at a=2 --json", 0, {"{\"convex\":true", "\"points\":400"});
}

TEST(Grad, shows_the_slope_all_around) {
  expect_parts("grad 'x^2/2 + y^2/2' --at x=3,y=4 --directions --plain", 0,
               {"  53.13    0.600  0.800       5.000000", "the gradient: steepest ascent",
                "5 along it, -5 against it"});
  expect_parts("grad 'x' --at x=3 --directions 2>&1", 2, {"needs two numbers"});
}

}  // namespace
}  // namespace gradus
