// The program as a user meets it: streams, words and exit statuses.
#include <gtest/gtest.h>

#include <string>

#include "app/run.h"

namespace gradus {
namespace {

using namespace test;

TEST(Program, computes) {
  expect("calc '0.1 + 0.2'", 0, "0.30000000000000004\n");
  expect("calc 'y = x^2' --at x=3", 0, "y = 9\n");
  expect("calc -x^2 --at x=3", 0, "-9\n");
  expect("calc --json '[1, 2] > 1'", 0, "{\"type\":\"bool[2]\",\"value\":[false,true]}\n");
}

TEST(Program, traces_the_page_of_the_house) {
  expect("trace 'y = tanh(w*x + b)' --at w=2,x=0.5,b=-0.5 --wrt w,b --quiet 2>&1", 0,
         "  id  step              value     bar      because\n"
         "  v0  w                 2.0000    0.3932   v3: bar * x\n"
         "  v1  x                 0.5000    .\n"
         "  v2  b                -0.5000    0.7864   v4: bar\n"
         "  v3  w * x             1.0000    0.7864   v4: bar\n"
         "  v4  v3 + b            0.5000    0.7864   v5: bar * (1 - y^2)\n"
         "  v5  tanh(v4) = y      0.4621    1.0000   seed\n");
}

TEST(Program, differentiates) {
  const Outcome o = run("grad 'x*y + sin(x)' --at x=2,y=3 --order 2 --steps --plain");
  EXPECT_EQ(o.status, 0);
  for (const char* part :
       {"f(x, y) = x*y + sin(x)                                  f = 6.909297",
        "gradient  [ 2.583853, 2 ]", "eigenvalues 0.643853, -1.553150  -> saddle",
        "2.583853  = 3*1 + -0.416147*1", "forward mode = reverse mode, exactly"})
    EXPECT_NE(o.out.find(part), std::string::npos) << part << "\n" << o.out;
  EXPECT_EQ(run("grad 'x^4' --at x=2 --order 3").out.find("order 3   48") == std::string::npos,
            false);
  // A kink: differences see one half, the convention says 0.
  EXPECT_EQ(run("grad 'relu(x)' --at x=0").status, 1);
}

TEST(Program, says_what_is_wrong_in_one_line_and_exits_with_2_or_3) {
  expect("calk 2>&1", 2, "gradus: there is no verb 'calk'; did you mean calc? See gradus help.\n");
  expect("calc 1 --jsn 2>&1", 2,
         "gradus calc: there is no flag --jsn; did you mean --json? See gradus help calc.\n");
  expect("fit --lamda 3 2>&1", 2,
         "gradus fit: there is no flag --lamda; did you mean --lambda? See gradus help fit.\n");
  expect("calc 1 --qqqqqqqq 2>&1", 2,
         "gradus calc: there is no flag --qqqqqqqq. See gradus help calc.\n");
  expect("calc 1 2 2>&1", 2, "gradus calc: '2' is one word too many. See gradus help calc.\n");
  expect("'' 2>&1", 2, "gradus: the verb is empty. See gradus help.\n");
  expect("help clac 2>&1", 2,
         "gradus help: there is no verb 'clac'; did you mean calc? See gradus help.\n");
  expect("calc 1 --seed -1 2>&1", 2,
         "gradus calc: --seed: -1 is below 0. A seed or a count starts at 0. See gradus help "
         "calc.\n");
  expect("calc 1 --out x.txt 2>&1", 2,
         "gradus calc: it writes no file, so --out says nothing. Print into one instead, as in "
         "gradus calc ... > x.txt.\n");
  expect("calc '1+' 2>&1", 2,
         "gradus calc: expression: column 3: the expression ends where a value is expected\n");
  expect("calc '[1,2] + [1,2,3]' 2>&1", 2,
         "gradus calc: add: f64[2] + f64[3]: cannot broadcast, because axes line up from the right "
         "and 2 is not 3.\n");
  expect("calc 'fourier(1)' 2>&1", 3,
         "gradus calc: expression: column 1: there is no function 'fourier'\n");
  // e^(t J) turns by t.
  expect("calc 'expm([[0, -pi/2], [pi/2, 0]]) - [[0, -1], [1, 0]] < 1e-15'", 0,
         "[[true true]\n [true true]]\n");
  EXPECT_EQ(run("calc --seed a 1 2>&1").status, 2);
  EXPECT_EQ(run("calc 2>&1").status, 2);
  EXPECT_EQ(run("calc 1 >/dev/full 2>/dev/null").status, 2);
}

TEST(Program, answers_json_lines_and_goes_on_after_a_bad_one) {
  expect(
      "rng --jsonl <<'E'\nnonsense\n{\"kind\":\"philox4x32-10\",\"ctr\":[\"0\",\"0\",\"0\","
      "\"0\"],\"key\":[\"0\",\"0\"]}\nE\n",
      0,
      "{\"error\":\"input: line 1, column 2: syntax error while parsing value - "
      "invalid literal; last read: 'no'\"}\n"
      "{\"y\":[\"6627e8d5\",\"e169c58d\",\"bc57ac4c\",\"9b00dbd8\"]}\n");
}

TEST(Program, shows_how_numbers_are_stored) {
  const std::string tenth = run("float 0.1").out;
  for (const char* part :
       {"0x3DCCCCCD", "0 01111011 10011001100110011001101", "0x3FB999999999999A"})
    EXPECT_NE(tenth.find(part), std::string::npos) << part;
  EXPECT_NE(run("float 65000").out.find("= 64992"), std::string::npos);
  EXPECT_NE(run("float 70000").out.find("= inf"), std::string::npos);
  EXPECT_NE(run("float pi").out.find("= 3.140625"), std::string::npos);
  EXPECT_NE(run("float '0.1+0.2'").out.find("= 0.30000001192092895508"), std::string::npos);
  const std::string limits = run("float").out;
  for (const char* part : {"65504", "6.1035e-05", "3.4028e+38", "1.1755e-38", "1.7977e+308",
                           "2.2251e-308", "3.3895e+38", "1.1921e-07", "5.9605e-08"})
    EXPECT_NE(limits.find(part), std::string::npos) << part;
}

TEST(Program, describes_itself) {
  EXPECT_EQ(run("--version").out.substr(0, 7), "gradus ");
  EXPECT_NE(run("help calc").out.find("Usage: gradus calc"), std::string::npos);
  EXPECT_EQ(run("help").out, run("").out);
  EXPECT_EQ(run("help").status, 0);
  EXPECT_NE(run("man").out.find(".SS trace"), std::string::npos);
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_NE(run(std::string("completion ") + shell).out.find("jsonl"), std::string::npos)
        << shell;
  EXPECT_EQ(run("completion bash | bash -n").status, 0);
  EXPECT_NE(run("ops tanh").out.find("squeezes the line"), std::string::npos);
}

}  // namespace
}  // namespace gradus
