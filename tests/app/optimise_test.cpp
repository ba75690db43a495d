// gradus optimise: the machine form against the project's reference vectors, and what people see.
#include <gradus/app/machine.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "app/run.h"

namespace gradus::app {
namespace {

using namespace test;
using Json = nlohmann::json;

TEST(Optimise, answers_every_reference_case) {
  std::ifstream file(GRADUS_SHARED_DIR "/vectors/optim.jsonl");
  if (!file) GTEST_SKIP() << "no reference data";
  int trajectories = 0, problems = 0;
  for (std::string line; std::getline(file, line);) {
    const Json want = Json::parse(line);
    if (want["kind"] == "trajectory") {
      const Json got = Json::parse(optimise_answer(line));
      const std::string what = want["f"].get<std::string>() + " " +
                               want["method"].get<std::string>() + " " + want["hyper"].dump();
      ASSERT_TRUE(got.contains("x")) << what << ": " << got.dump();
      ASSERT_EQ(got["x"].size(), want["x"].size()) << what;
      double worst = 0;
      for (size_t i = 0; i < want["x"].size(); ++i)
        for (size_t k = 0; k < want["x"][i].size(); ++k) {
          const double w = want["x"][i][k], g = got["x"][i][k];
          worst = std::max(worst, std::fabs(g - w) / std::fabs(w));
        }
      EXPECT_LE(worst, 1e-11) << what;
      ++trajectories;
      continue;
    }
    Json question = {
        {"residuals", want["residuals"]}, {"x0", want["x0"]}, {"method", "lm"}, {"tol", 1e-14}};
    const Json got = Json::parse(optimise_answer(question.dump()));
    ASSERT_TRUE(got.contains("f")) << want["f"] << ": " << got.dump();
    const double f = got["f"];
    bool reached = false;
    for (const double minimum : want["minima"])
      reached |= minimum == 0 ? f < 1e-12 : std::fabs(f - minimum) <= 1e-5 * minimum;
    EXPECT_TRUE(reached) << want["f"] << ": " << got["f"];
    ++problems;
  }
  EXPECT_EQ(trajectories, 23);
  EXPECT_EQ(problems, 9);
}

TEST(Optimise, takes_pytorchs_words_for_hyperparameters) {
  const auto x = [](const std::string& method, const std::string& hyper) {
    return optimise_answer("{\"expr\":\"sum(x^2)\",\"x0\":[3],\"method\":\"" + method +
                           "\",\"hyper\":" + hyper + ",\"steps\":2}");
  };
  EXPECT_EQ(x("sgd", R"({"lr":0.25,"maximize":true,"foreach":null,"differentiable":false})"),
            "{\"x\":[[4.5],[6.75]]}");
  EXPECT_EQ(x("rprop", R"({"lr":0.5,"etas":[0.5,2],"step_sizes":[0.1,1]})"),
            "{\"x\":[[2.5],[1.5]]}");
  EXPECT_EQ(x("adam", R"({"betas":[0.9]})"),
            "{\"error\":\"input: \\\"betas\\\" is not a list of two numbers\"}");
  EXPECT_EQ(x("adam", R"({"betas":0.9})"),
            "{\"error\":\"input: \\\"betas\\\" is not a list of two numbers\"}");
  EXPECT_EQ(x("newtons", "{}"), "{\"unsupported\":\"the method newtons is not offered\"}");
}

TEST(Optimise, answers_with_minimisers_too) {
  const auto f_of = [](const std::string& line) {
    return Json::parse(optimise_answer(line)).value("f", 1e9);
  };
  EXPECT_LT(f_of(R"_({"expr":"sum((x-1)^4)","x0":[3,-2],"method":"trust","tol":1e-10})_"), 1e-10);
  EXPECT_LT(f_of(R"_({"residuals":["10*(element(x,1)-element(x,0)^2)","1-element(x,0)"],)_"
                 R"_("x0":[-1.2,1],"method":"gauss-newton"})_"),
            1e-20);
  for (const char* bad :
       {"{}", "[]", R"_({"expr":"x","x0":[1],"method":"sgd"})_", R"_({"residuals":[],"x0":[1]})_",
        R"_({"expr":"x^2","x0":[1],"method":"sgd","steps":-1})_",
        R"_({"expr":"y","x0":[1],"method":"sgd","steps":1})_",
        R"_({"expr":"x","x0":[1,2],"method":"sgd","steps":1})_",
        R"_({"expr":"sum(x)","x0":[1],"method":"lbfgs","tol":"x"})_"})
    EXPECT_NE(optimise_answer(bad).find("\"error\""), std::string::npos) << bad;
}

TEST(Optimise, shows_the_way_and_says_why) {
  expect_parts("optimise 'x^2+4*y^2' --at x=3,y=3 --method gd --lr 0.1 --steps 50", 0,
               {"method        sgd: lr 0.1\n", "o start,  * steps,  x end",
                "end           x = 4.28174e-05, y = 3.3777e-35, where f = ",
                "stopped       after 50 steps (51 gradients): 50 steps were asked for\n",
                "curvature     2 to 8, the same everywhere\n",
                "stable for rates below 2 / 8 = 0.25; the best is 0.2, a factor of 0.6 a step\n",
                "factor        the error shrinks by 0.8 a step in the long run; measured 0.8\n"});
  expect_parts("optimise '100*(y-x^2)^2+(1-x)^2' --at x=-1.2,y=1", 0,
               {"end           x = 1, y = 1, where f = ", "a minimum\n"});
  expect_parts("optimise 'x^2+4*y^2' --at x=3,y=3 --lr 0.26 --steps 200", 0,
               {"the rate 0.26 is above 2 / 8 = 0.25", "it does not shrink at all"});
  expect_parts(
      "optimise 'x^2+4*y^2' --at x=3,y=3 --lr 0.1 --set momentum=0.9 "
      "--schedule 'warmup(5)+cosine' --json",
      0, {"\"method\":\"sgd\"", "\"factor_foretold\":", "\"path\":[[3,3],"});
  expect_parts("optimise 'sum(log(x))' --at 'x=[-1,2]' --lr 1", 4, {"no direction to go"});
  expect_parts(
      "optimise 'sin(x)' --at x=1e20", 4,
      {"though its slope is 0.764: numbers near x lie 1.64e+04 apart, too far for a step. "
       "Shift or scale x\n",
       "where it is   the slope is 0.764, but a step that ends it is shorter than the gap"});
  expect_parts("optimise 'sqrt(abs(x))' --at x=3", 4,
               {"f has a kink or a jump there, or its derivative is wrong\n",
                ": f has a corner, a jump or a pole here\n"});
}

TEST(Optimise, finds_one_number_on_an_interval) {
  expect_parts("optimise '-7*log(p)-3*log(1-p)' --between 0,1", 0,
               {"end           p = 0.699999", ", where f = 6.10864302\n", "(Brent's method): "});
  expect_parts("optimise 'a*x' --at a=2 --between 1,3 --json", 0,
               {"\"x\":1,\"f\":2,", "an end of the interval"});
  expect("optimise 'x*y' --between 0,1 2>&1", 2,
         "gradus optimise: --between is for one name without a value, but the expression has x, y. "
         "Give the others values with --at.\n");
  expect_parts("optimise 'x' --between 3 2>&1", 2, {"--between is two numbers"});
  expect_parts("optimise 'x' --between 3,1 2>&1", 2, {"the interval is from 3 to 1"});
}

TEST(Optimise, races_all_methods) {
  expect_parts("optimise '100*(y-x^2)^2+(1-x)^2' --at x=-1.2,y=1 --race --plain", 0,
               {"steps to goal", "\n  newton ", "\n  adam ", "\n  lbfgs "});
  expect_parts("optimise 'x^2' --at x=3 --race --json", 0, {"\"race\":[{\"method\":"});
}

TEST(Optimise, says_what_is_wrong) {
  expect("optimise 2>&1", 2, "gradus optimise: EXPR is required. See gradus help optimise.\n");
  expect("optimise 'x^2' 2>&1", 2,
         "gradus optimise: there is no start. Give one, as in --at x=3,y=3.\n");
  expect("optimise 'x*[1,2]' --at x=3 2>&1", 2,
         "gradus optimise: the expression is f64[2], but one number is made small. Take "
         "sum(...) or mean(...).\n");
  expect("optimise 'x^2' --at x=3 --method newton --lr 1 2>&1", 2,
         "gradus optimise: newton finds its own steps. --lr, --set and --schedule belong "
         "to update rules, such as sgd.\n");
  expect("optimise 'x^2' --at x=3 --set momentum 2>&1", 2,
         "gradus optimise: --set is NAME=NUMBER, such as --set momentum=0.9, not 'momentum'\n");
  expect_parts("optimise 'x^2' --at x=3 --method adan 2>&1", 2, {"Did you mean 'adam'?"});
  expect_parts("optimise 'x^2' --at x=3 --lr 0.1 --schedule 'cosine(' 2>&1", 2, {"schedule: "});
}

TEST(Landscape, of_a_run_and_between_two) {
  const std::string folder = testing::TempDir() + "landscape_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const char* seed : {"1", "2"})
    run("train moons --examples 200 --epochs 5 --model mlp:2-8-2 --quiet --seed " +
        std::string(seed) + " --out " + folder + "/" + seed);
  const std::string one = folder + "/1", two = folder + "/2", page = folder + "/page.html";
  expect_parts("landscape " + one + " --points 9 --plain --out " + page, 0,
               {"on the plane of two such directions", "x the weights", "verdict  "});
  std::ifstream file(page);
  const std::string html{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_TRUE(html.ends_with("</html>\n"));
  expect_parts("landscape " + one + " " + two + " --points 9 --json", 0,
               {"{\"barrier\":", "\"t\":[0,0.125,"});
  expect_parts("landscape " + one + " " + two, 0, {"barrier  the loss rises by "});
  expect_parts("landscape " + one + " --points 1 2>&1", 2, {"--points lies in 3 to 201"});
  expect("landscape runs/nope 2>&1", 2,
         "gradus landscape: runs/nope: there is no such run or file. Runs are made by gradus train "
         "DATA --out FOLDER.\n");
  run("train moons --examples 50 --epochs 1 --model mlp:2-4-2 --quiet --out " + folder + "/other");
  expect("landscape " + one + " " + folder + "/other 2>&1", 2,
         "gradus landscape: " + one + " and " + folder +
             "/other: their weights differ in number or shape. A straight way needs two of one "
             "model. Train both with the same --model.\n");
  expect_parts(
      "landscape " + one + " --points 5 --reach 1e300", 4,
      {"24 of 25 losses on the plane are not finite: too far away. Take a smaller --reach"});
  std::filesystem::remove_all(folder);
}

TEST(LrFind, suggests_a_rate_and_says_why) {
  expect_parts("lr-find moons --examples 300 --plain", 0,
               {"suggested  --lr ", "because    the loss falls fastest at a rate of ",
                "depending on the smoothing", "curvature  "});
  expect_parts("lr-find moons --examples 300 --optimiser sgd --json", 0,
               {"{\"suggested\":", "\"stable_below\":", "\"losses\":["});
  expect_parts("lr-find moons --quiet --examples 300", 0, {"suggested  --lr "});
  expect("lr-find moons --steps 5 2>&1", 2,
         "gradus lr-find: range test: 5 rates from 1e-06 to 10. It takes at least 8, from above 0 "
         "upwards.\n");
  expect_parts("lr-find 2>&1", 2, {"gradus lr-find: there is nothing to train on."});
}

TEST(OptimiseVerb, takes_an_interval_that_begins_below_0) {
  EXPECT_EQ(test::run("optimise 'x^2' --between -1,1").status, 0);
}

}  // namespace
}  // namespace gradus::app
