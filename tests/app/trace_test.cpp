// gradus trace in all its forms, and the formulas of gradus grad.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "app/run.h"

namespace gradus {
namespace {

using test::expect_all;
using test::Outcome;

namespace fs = std::filesystem;

Outcome run(const std::string& words) {
  return test::run(words + " 2>&1 </dev/null");
}

void expect(const std::string& words, int status, const std::string& out) {
  expect_all(run(words), words, status, out);
}

bool has(const std::string& all, const std::string& part) {
  return all.find(part) != std::string::npos;
}

class Folder : public testing::Test {
 protected:
  Folder() { fs::create_directories(path_); }
  ~Folder() override { fs::remove_all(path_); }
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_ = fs::temp_directory_path() / ("gradus-trace-" + std::to_string(getpid()));
};
using TraceOfARun = Folder;

TEST(TraceVerb, prints_the_whole_walk_when_nobody_sits_there) {
  expect("trace 'x^2' --at x=3 --step --quiet", 0,
         "  v0  x = 3.0000\n"
         "  v1  x^2 = 9.0000\n"
         "  v1  bar = 1.0000   seed\n"
         "  v0  bar = 6.0000   v1: bar * (2 * x) = 1.0000 * 6.0000 = 6.0000\n");
}

TEST(TraceVerb, says_what_is_held_constant) {
  EXPECT_TRUE(has(run("trace 'x^2+2*y^2' --at x=3,y=4 --wrt x").out, "held constant   y\n"));
}

TEST(TraceVerb, prints_a_graph_for_graphviz) {
  const Outcome o = run("trace 'x^2' --at x=3 --dot --quiet");
  EXPECT_EQ(o.status, 0);
  EXPECT_TRUE(has(o.out, "v0 -> v1 [label=\"2 * x = 6.0000\"];\n}\n")) << o.out;
}

TEST(GradVerb, prints_the_derivative_as_mathematics) {
  EXPECT_TRUE(has(run("grad 'x*y + sin(x)' --at x=2,y=3").out,
                  "gradient  [ 2.583853, 2 ]      symbolic  [ y + cos x, x ]\n"));
  EXPECT_TRUE(
      has(run("grad 'x*y + sin(x)' --at x=2,y=3 --plain").out, "symbolic  [ y + cos(x), x ]\n"));
  EXPECT_TRUE(has(run("grad 'sum(x^2)' --at x=[1,2]").out, "symbolic  ∂f/∂x = 2x\n"));
  EXPECT_TRUE(has(run("grad 'x*y^2' --at x=2,y=3 --json").out,
                  "\"symbolic\":{\"x\":\"y^2\",\"y\":\"2*x*y\"}"));
}

TEST(GradVerb, derives_step_by_step) {
  EXPECT_TRUE(has(run("grad 'x*y + sin(x)' --at x=2,y=3 --wrt x --derive --plain").out,
                  "by x, holding y constant\n"
                  "  (x*y)'            = y            constant factor     (c*u)' = c*u'\n"
                  "  (sin(x))'         = cos(x)       derivative of sin   (sin(u))' = u'*cos(u)\n"
                  "  (x*y + sin(x))'   = y + cos(x)   sum rule            (u + v)' = u' + v'\n"));
}

TEST(GradVerb, prints_the_derivative_as_a_program) {
  expect("grad 'exp(x)*x' --at x=2 --program", 0,
         "t1 = exp(x)\nt2 = x * t1\nt3 = t1 + t2\nd_x = t3\n");
}

TEST_F(TraceOfARun, shows_every_layer_with_the_numbers_of_one_example) {
  const std::string folder = path("run"), page = path("trace.html");
  ASSERT_EQ(run("train digits --examples 200 --epochs 1 --quiet --out " + folder).status, 0);
  const Outcome o = run("trace " + folder + " --sample 3 --quiet");
  EXPECT_EQ(o.status, 0);
  for (const char* part : {"\n  0  ", "\n  2  ", "\n  loss  ", "weight f32[128,64]: ", "lines 0"})
    EXPECT_TRUE(has(o.out, part)) << part << "\n" << o.out;
  EXPECT_TRUE(has(run("trace " + folder + " --open 0").out,
                  "have slope 0 for this input, so nothing passes back"));
  expect("trace " + folder + " --open nought --quiet", 2,
         "gradus trace: there is no part 'nought'. The first column of the table names the "
         "parts.\n");
  expect("trace " + folder + " --sample 200000", 2,
         "gradus trace: --sample 200000: digits has 200 examples, and they are counted from 0.\n");
  EXPECT_EQ(run("trace " + folder + " --batch --html " + page).status, 0);
  std::ifstream file(page);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(has(text, "<details"));
  EXPECT_LT(text.size(), 1'000'000u);
}

}  // namespace
}  // namespace gradus
