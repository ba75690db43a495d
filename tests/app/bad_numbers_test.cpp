// Broken files and senseless options to stats, fit, float, rng and eval: a status of bad input or
// of numbers that cannot be, one line that says so, and nothing on the way to a machine.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "app/run.h"

namespace gradus::app {
namespace {

using namespace test;
namespace fs = std::filesystem;

class BadNumbers : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("gradus_bad_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

// Every way to ask about a file F whose columns are x, y and g.
const std::vector<std::string> questions = {
    "stats F",
    "stats F --column y",
    "stats F --column y --bootstrap 50",
    "stats corr F",
    "stats anova F --response y --group g",
    "stats quantiles F --column y",
    "stats auc F --score y --truth g",
    "stats auc F --score y --truth g --bootstrap 50",
    "stats information F --response y",
    "stats information F --response y --forward",
    "fit linear F --response y",
    "fit linear F --response y --solvers",
    "fit ridge F --response y",
    "fit lasso F --response y",
    "fit logistic F --response g",
    "fit nonlinear F --response y --model 'a*x' --start a=1"};

Outcome ask(std::string words, const std::string& file) {
  const size_t place = words.find(" F");
  words.replace(place, 2, " '" + file + "'");
  return run_shell("timeout 20 " GRADUS_PROGRAM " 2>&1 >/dev/null " + words);
}

// Bad input, what is not offered, or no number: in one line.
void expect_refused(const std::string& words, const std::string& file) {
  const Outcome o = ask(words, file);
  EXPECT_TRUE(o.status == 2 || o.status == 4) << words << " " << file << ": " << o.status << o.out;
  EXPECT_EQ(std::ranges::count(o.out, '\n'), 1) << words << " " << file << ": " << o.out;
  EXPECT_EQ(o.out.substr(0, 7), "gradus ") << o.out;
}

TEST_F(BadNumbers, files_that_are_none_are_named_in_one_line) {
  std::vector<std::string> broken = {
      (folder_ / "nowhere.csv").string(),
      folder_.string(),
      file("empty.csv", ""),
      file("header.csv", "x,y,g\n"),
      file("ragged.csv", "x,y,g\n1,2,0\n3\n"),
      file("quote.csv", "x,y,g\n1,2,0\n\"3,4,1\n"),
      file("zeros.csv", std::string(100, '\0')),
  };
  for (const std::string& f : broken)
    for (const std::string& q : questions) expect_refused(q, f);
}

TEST_F(BadNumbers, columns_that_hold_none_are_refused) {
  const std::string text = file("text.csv", "x,y,g\n1,two,0\n2,three,1\n3,four,0\n"),
                    infinite = file("inf.csv", "x,y,g\n1,inf,0\n2,3,1\n3,4,0\n"),
                    huge = file("huge.csv", "x,y,g\n1,1e400,0\n2,3,1\n3,4,0\n"),
                    gaps = file("gaps.csv", "x,y,g\n1,,0\n2,NA,1\n3,,0\n");
  for (const std::string& f : {text, infinite, huge, gaps})
    for (const std::string& q : questions)
      if (q != "stats F" && q != "stats corr F" && q != "fit logistic F --response g")
        expect_refused(q, f);
}

// Few rows, constants, repeats and far numbers: an answer or a refusal, never more than a line of
// complaint, never a signal.
TEST_F(BadNumbers, degenerate_tables_are_answered_or_refused) {
  const std::vector<std::string> odd = {
      file("one.csv", "x,y,g\n1,2,0\n"),
      file("two.csv", "x,y,g\n1,2,0\n2,3,1\n"),
      file("constant.csv", "x,y,g\n1,5,0\n2,5,1\n3,5,0\n4,5,1\n5,5,0\n6,5,1\n"),
      file("same.csv", "x,y,g\n1,1,1\n1,1,1\n1,1,1\n1,1,1\n1,1,1\n1,1,1\n"),
      file("far.csv", "x,y,g\n1e308,-1e308,0\n-1e308,1e308,1\n1e308,1e308,0\n5e-324,0,1\n"),
      file("only.csv", "y\n1\n2\n3\n4\n"),
      file("text_left.csv", "x,y,g\na,1,0\nb,2,1\nc,3,0\nd,4,1\n"),
      file("twice.csv", "y,y,g\n1,1,0\n2,2,1\n3,4,0\n"),
      file("bom.csv", "\xEF\xBB\xBFx,y,g\r\n1,2,0\r\n2,3,1\r\n3,5,0\r\n4,4,1\r\n"),
  };
  for (const std::string& f : odd)
    for (const std::string& q : questions) {
      const Outcome o = ask(q, f);
      EXPECT_TRUE(o.status == 0 || o.status == 2 || o.status == 4) << q << " " << f << o.status;
      if (o.status != 0) {
        EXPECT_LE(std::ranges::count(o.out, '\n'), 1) << q << " " << f << ": " << o.out;
      }
    }
}

TEST_F(BadNumbers, senseless_options_are_refused) {
  const std::string f =
      file("good.csv", "x,y,g\n1,2,0\n2,3,1\n3,5,0\n4,4,1\n5,7,0\n6,6,1\n7,9,0\n8,8,1\n");
  for (const char* words : {"stats F --colum y",
                            "stats F --column z",
                            "stats F --level 1.5",
                            "stats F --level nan",
                            "stats F --bins -1",
                            "stats F --bins many",
                            "stats F --column y --bootstrap -1",
                            "stats F --column y --bootstrap 1e3x",
                            "stats quantiles F --column y --at 2",
                            "stats quantiles F --column y --at a,b",
                            "stats quantiles F --column y --method best",
                            "stats auc F --score y --truth g --threshold high",
                            "stats auc F --score y --truth g --threshold nan",
                            "stats auc F --score y --truth y",
                            "stats information F --response y --neighbours 0",
                            "stats information F --response y --neighbours 100",
                            "stats information F --response z",
                            "fit linear F",
                            "fit cubic F --response y",
                            "fit linear F --response y --terms 'x^^2'",
                            "fit linear F --response y --confidence 2",
                            "fit ridge F --response y --lambda inf",
                            "fit ridge F --response y --folds 1",
                            "fit lasso F --response y --l1-ratio 2",
                            "fit logistic F --response g --l2 -1",
                            "fit logistic F --response g --method best",
                            "fit nonlinear F --response y",
                            "fit nonlinear F --response y --model 'a*' --start a=1",
                            "fit nonlinear F --response y --model 'a*w' --start a=1",
                            "fit nonlinear F --response y --model 'a*x' --start a=many",
                            "fit nonlinear F --response y --model 'log(a-x)' --start a=1"})
    expect_refused(words, f);
  const auto refused = [](const std::string& words) {
    const Outcome o = run(words + " 2>&1 </dev/null");
    EXPECT_EQ(o.status, 2) << words << ": " << o.out;
    EXPECT_EQ(std::ranges::count(o.out, '\n'), 1) << words << ": " << o.out;
  };
  for (const char* words :
       {"float 1e", "float '[1, 2]'", "float x", "float 1 --type f8", "float 1 2",
        "rng --kind poisson", "rng --count -1", "rng --count 99999999999", "rng --count x", "eval",
        "eval /nowhere moons", "stats", "fit", "fit linear"})
    refused(words);
}

// A machine that writes nonsense gets an object for each line, and the status of work that is done.
TEST_F(BadNumbers, lines_of_a_machine_are_each_answered) {
  const std::vector<std::string> lines = {
      "",
      "{",
      "[]",
      "null",
      "{\"f\":1}",
      "{\"f\":\"normal.cdf\"}",
      "{\"f\":\"normal.cdf\",\"args\":7}",
      "{\"f\":\"normal.cdf\",\"args\":[]}",
      "{\"f\":\"normal.cdf\",\"args\":[1]}",
      "{\"f\":\"normal.cdf\",\"args\":[1,0,-1]}",
      "{\"f\":\"normal.cdf\",\"args\":[1,0,\"x\"]}",
      "{\"f\":\"normal.cdf\",\"args\":[[1,2],[1,2,3],1]}",
      "{\"f\":\"normal.nothing\",\"args\":[1,0,1]}",
      "{\"f\":\".\",\"args\":[1]}",
      "{\"f\":\"mvn.logpdf\",\"args\":[[1,2],[0,0],[[1,2],[2,1]]]}",
      "{\"f\":\"dirichlet.logpdf\",\"args\":[1,2]}",
      "{\"f\":\"categorical.logpmf\",\"args\":[9,[0.5,0.5]]}",
      "{\"f\":\"kl\",\"args\":[[0.5,0.6],[0.5,0.5]]}",
      "{\"f\":\"poisson.quantile\",\"args\":[0.5,1e300]}",
      "{\"f\":\"binomial.quantile\",\"args\":[0.5,1e18,0.5]}",
      "{\"f\":\"sum\",\"args\":[[[1],[2,3]]]}",
  };
  std::string text;
  for (const std::string& l : lines) text += l + "\n";
  for (const char* verb : {"eval", "grad", "optimise", "rng"}) {
    const Outcome o = run(std::string(verb) + " --jsonl <'" + file("lines.jsonl", text) + "' 2>&1");
    EXPECT_EQ(o.status, 0) << verb;
    const auto answers = std::ranges::count(o.out, '\n');
    EXPECT_GE(answers, static_cast<std::ptrdiff_t>(lines.size()) - 1) << verb << o.out;
    EXPECT_EQ(o.out.find("terminate"), std::string::npos) << o.out;
  }
}

}  // namespace
}  // namespace gradus::app
