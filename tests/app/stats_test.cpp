// gradus stats and gradus float: the machine forms, what people see, and what is refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "app/run.h"

namespace gradus::app {
namespace {

using namespace test;
using Json = nlohmann::json;

class Stats : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "gradus_stats_" + std::to_string(getpid()) + ".csv";
  }
  void TearDown() override { std::remove(path_.c_str()); }
  // The path of a file with this text.
  const std::string& file(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  std::string path_;
};

TEST_F(Stats, of_a_column_as_json_are_mean_sd_and_lag1) {
  expect("stats " + file("x,y\n1,10000000.2\n2,10000000.1\n3,10000000.3\n") + " --column x --json",
         0, "{\"mean\":2,\"sd\":1,\"lag1\":0}\n");
  const Json got = Json::parse(run("stats " + path_ + " --column y --json").out);
  EXPECT_DOUBLE_EQ(got["mean"], 10000000.2);
}

TEST_F(Stats, explain_a_column) {
  expect_parts(
      "stats " + file("y\n1000001\n1000002\n\n1000003\n1000003\n1000009\n"), 0,
      {"y: 5 numbers", "mean", "1000003.6", "by Student's t", "over n - 1",
       "The numbers share about 6 leading digits", "would lose 11 of its 16", "[1000001, ", "#"});
  expect_parts("stats " + file("y,z\n1,2\nNA,3\n2,5\n") + " --column y", 0,
               {"y: 2 numbers, 1 gap left out"});
}

TEST_F(Stats, of_a_file_are_a_line_a_column) {
  const std::string& path = file("a,b,c\n1,x,2\n3,y,NA\n");
  expect_parts("stats " + path, 0, {"column", "a ", "text", "--column NAME says more of one."});
  const Json got = Json::parse(run("stats " + path + " --json").out);
  EXPECT_EQ(got["a"]["mean"], 2);
  EXPECT_EQ(got["c"]["missing"], 1);
  EXPECT_FALSE(got.contains("b"));
}

TEST_F(Stats, compare_the_means_of_groups) {
  const std::string& path = file("g,y\na,1\na,3\nb,5\nb,7\n,9\n");
  expect("stats anova " + path + " --response y --group g --json", 0,
         "{\"df\":[1,2],\"ss\":[16,4],\"ms\":[16,2],\"f\":8,\"r2\":0.80000000000000004,"
         "\"resid_sd\":1.4142135623730951}\n");
  // With t^2 = F, 2 degrees of freedom: 1 - sqrt(8 / 10) = 0.10557.
  expect_parts("stats anova " + path + " --response y --group g", 0,
               {"y by g: 4 numbers in 2 groups, 1 gap left out", "between groups   1 ",
                "had a chance of 0.106", "80 % of the squares"});
}

TEST_F(Stats, correlate_rank_and_measure_classifiers) {
  const std::string& path = file("x,y,k\n1,2,7\n2,4,7\n3,5,7\n4,4,7\n5,5,7\n");
  const Outcome both = run("stats corr " + path + " 2>&1");
  expect_parts_of(both, "corr", 0, {"constant, so without correlation: k", "0.7746", "nan"});
  expect_parts("stats quantiles " + path + " --column y --at 0.5,0.9", 0, {"0.5", "4"});
  expect("stats quantiles " + path + " --column y --at 0,0.5,1 --json", 0,
         "{\"p\":[0,0.5,1],\"quantiles\":[2,4,5]}\n");
  const std::string& scores = file("p,t\n.1,0\n.4,0\n.35,1\n.8,1\n.4,1\n.9,1\n.2,0\n");
  expect_parts("stats auc " + scores + " --score p --truth t", 0,
               {"ROC-AUC 0.875", "precision   1 ", "recall      0.5", "said chance"});
  const Json got = Json::parse(run("stats auc " + scores + " --score p --truth t --json").out);
  EXPECT_EQ(got["auc"], 0.875);
  EXPECT_TRUE(got.contains("ece"));
}

TEST_F(Stats, say_which_columns_tell_of_another) {
  std::string text = "x,noise,y\n";
  for (int i = 0; i < 200; ++i)
    text += std::to_string(i % 19 - 9) + "." + std::to_string(i) + "," +
            std::to_string(i * 7919 % 1009) + "," + std::to_string((i % 19 - 9) * (i % 19 - 9)) +
            "." + std::to_string(i) + "\n";
  const Json got = Json::parse(run("stats information " + file(text) + " --response y --json").out);
  EXPECT_EQ(got[0]["column"], "x");
  EXPECT_GT(got[0]["bits"], 1.0);
}

TEST_F(Stats, make_control_characters_of_a_header_visible) {
  const std::string text = "a,\033[31mred,c\xC2\x9B\n1,2,3\n2,3,4\n4,1,5\n";
  expect_parts("stats " + file(text), 0, {"\\x1b[31mred ", "c\\x9b "});
  for (const char* words :
       {"stats ", "stats corr ", "fit linear --response 1 ", "stats --column 1 ",
        "stats information --neighbours 1 --response 1 "}) {
    const Outcome o = run(words + path_);
    EXPECT_EQ(o.status, 0) << words;
    EXPECT_EQ(o.out.find('\033'), std::string::npos) << words << o.out;
  }
}

TEST_F(Stats, refuse_in_one_line) {
  const std::string path = file("a,b\n1,x\ninf,y\n");
  const auto line = [](const std::string& words, const std::string& message) {
    const Outcome o = run(words + " 2>&1");
    EXPECT_EQ(o.out, "gradus stats: " + message + "\n");
    EXPECT_EQ(o.status, 2) << words;
  };
  line("stats " + path + " --column b", path + ":2: 'b' holds text. Statistics are of numbers.");
  line("stats " + path + " --column a", path + ": 'a' is infinite in row 2. Leave that row out.");
  line("stats anova " + path + " --response a",
       "which column? --group NAME says which group each belongs to");
  line("stats anova " + path, "which column? --response NAME holds the numbers");
  line("stats variance " + path,
       "there is no question 'variance'. Ask anova, corr, quantiles, auc, information, or only "
       "name the file.");
  line("stats anova", "anova of which file? gradus stats anova FILE");
  line("stats " + path + " --group a",
       "--group belongs to anova, not to a plain description. Leave it out.");
  line("stats corr " + path + " --bins 3",
       "--bins belongs to a plain description, not to corr. Leave it out.");
  line("stats information " + file("a,b\n1,x\n2,y\n") + " --response a",
       path + ": 'a' is the only column of numbers. Information is of one about another.");
  line("stats information " + file("a,b\n1,3\n2,1\n") + " --response a",
       "--neighbours lies from 1 to below the 2 rows without a gap, but is 3");
  line("stats corr " + file("a,b\n1,x\n"),
       path + ": 1 column of numbers. A correlation is of two.");
  line("stats auc " + file("p,t\n1,1\n2,1\n") + " --score p --truth t",
       path + ": all rows are of one class. Scores are ranked against the other one.");
  line("stats anova " + file("g,y\n1,1\n2,1\n") + " --response y --group g",
       "anova: 2 numbers in 2 groups. Spread within groups needs a group of two or more. Is the "
       "column of groups the right one?");
  line("stats " + file("a,b\n1,2\n") + " --level 95", "--level lies between 0 and 1");
  EXPECT_EQ(run("stats /nowhere.csv 2>/dev/null").status, 2);
  EXPECT_EQ(run("stats 2>/dev/null").status, 2);
}

TEST(Float, shows_neighbours_and_one_format) {
  expect("float 1 --type f16 --json", 0,
         "[{\"format\":\"f16\",\"bits\":\"0x3C00\",\"value\":1,\"error\":0,\"kind\":\"normal\","
         "\"previous\":0.99951171875,\"next\":1.0009765625,\"ulp\":0.0009765625}]\n");
  const auto one = [](const std::string& words) {
    return Json::parse(run("float " + words + " --json").out)[0];
  };
  EXPECT_EQ(one("0 --type f64")["previous"], -4.9406564584124654e-324);
  EXPECT_EQ(one("65504 --type f16")["next"], "inf");
  EXPECT_EQ(one("65504 --type f16")["ulp"], 32);
  EXPECT_EQ(one("-1 --type bf16")["next"], -0.99609375);
  EXPECT_EQ(Json::parse(run("float --type bf16 --json").out)[0]["min_subnormal"],
            9.1835496157991212e-41);
}

TEST(Float, lists_twins_and_what_conditioning_costs) {
  const Json twins = Json::parse(run("float twins --json").out);
  ASSERT_EQ(twins.size(), 12u);
  for (const Json& t : twins) {
    EXPECT_LT(t["unstable_digits"], 8) << t["what"];
    EXPECT_GT(t["stable_digits"], 15) << t["what"];
  }
  expect_parts("float twins", 0, {"1 - cos(x)", "2 sin(x/2)^2", "0.0 digits"});
  const Json rows = Json::parse(run("float conditioning --json").out);
  ASSERT_EQ(rows.size(), 11u);
  EXPECT_LT(rows[5]["qr_error"], 1e-6);
  EXPECT_GT(rows[5]["normal_equations_error"], rows[5]["qr_error"]);
  expect_parts("float conditioning", 0, {"lost by the problem", "normal equations"});
}

}  // namespace
}  // namespace gradus::app
