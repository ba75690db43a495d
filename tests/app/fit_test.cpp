// gradus fit: the machine forms, what it tells people, and what it refuses.
#include <app/run.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace gradus {
namespace {

using test::expect;
using test::expect_parts;
using test::run;

// A file of the test that is gone afterwards.
class Table {
 public:
  explicit Table(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / ("gradus-fit-" + std::to_string(getpid()) +
                                                        "-" + std::to_string(count_++) + ".csv")) {
    std::ofstream(path_) << text;
  }
  ~Table() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

const char* const line = "x,y\n1,2\n2,4\n3,5\n4,4\n5,5\n";

TEST(FitVerb, prints_a_linear_fit_as_the_machine_form) {
  const Table t(line);
  const auto o = run("fit linear " + t.path() + " --response y --terms 1,x --json");
  EXPECT_EQ(o.status, 0);
  const auto j = nlohmann::ordered_json::parse(o.out);
  std::vector<std::string> keys;
  for (const auto& [key, value] : j.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"coef", "se", "rss", "resid_sd", "r2", "f"}));
  EXPECT_NEAR(j["coef"][0].get<double>(), 2.2, 1e-15);
  EXPECT_NEAR(j["coef"][1].get<double>(), 0.6, 1e-15);
  EXPECT_NEAR(j["se"][1].get<double>(), 0.28284271247461901, 1e-15);
  EXPECT_NEAR(j["rss"].get<double>(), 2.4, 1e-15);
  EXPECT_NEAR(j["f"].get<double>(), 4.5, 1e-14);
}

TEST(FitVerb, leaves_the_intercept_out_without_the_term_1) {
  const Table t(line);
  const auto j =
      nlohmann::json::parse(run("fit linear " + t.path() + " --response y --terms x --json").out);
  EXPECT_EQ(j["coef"].size(), 1u);
  EXPECT_NEAR(j["r2"].get<double>(), 66.0 * 66 / 55 / 86, 1e-15);
}

TEST(FitVerb, explains_a_linear_fit) {
  const Table t(line);
  expect_parts(
      "fit linear " + t.path() + " --response y --plain", 0,
      {"fit           y by least squares: 5 rows, 2 coefficients, 3 degrees of freedom left",
       "term   estimate   standard error   t", "95 % interval", "R2            0.6", "condition ",
       "leverage      at most 0.6, in row 1", "residual", "*"});
  expect_parts("fit linear " + t.path() + " --response y --terms 1,x,x^2,x^3 --solvers", 0,
               {"normal equations, Cholesky", "Householder QR", "SVD, Jacobi", "digits right"});
}

TEST(FitVerb, warns_of_a_duplicated_column) {
  const Table t("a,b,y\n1,1,2\n2,2,4\n3,3,5\n4,4,4\n5,5,5\n");
  expect_parts("fit linear " + t.path() + " --response y", 0,
               {"warning       the 3 columns span only 2 dimensions"});
  const auto j = nlohmann::json::parse(run("fit linear " + t.path() + " --response y --json").out);
  EXPECT_EQ(j["rank"], 2);
  EXPECT_NEAR(j["coef"][1].get<double>(), 0.3, 1e-14);
}

TEST(FitVerb, prints_a_nonlinear_fit_as_the_machine_form) {
  const Table t("y,x\n109,1\n149,2\n149,3\n191,5\n213,7\n224,10\n");
  const std::string words =
      "fit nonlinear " + t.path() + " --response y --model 'b1*(1-exp(-b2*x))' --start b1=1,b2=1";
  const auto o = run(words + " --json");
  EXPECT_EQ(o.status, 0);
  const auto j = nlohmann::ordered_json::parse(o.out);
  std::vector<std::string> keys;
  for (const auto& [key, value] : j.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"coef", "se", "rss"}));
  EXPECT_NEAR(j["coef"][0].get<double>(), 213.80940889, 5e-9);
  EXPECT_NEAR(j["se"][1].get<double>(), 0.1045, 1e-4);
  EXPECT_NEAR(j["rss"].get<double>(), 1168.0088766, 5e-8);
  expect_parts(words, 0, {"parameter", "b1", "Levenberg and Marquardt", "double-double"});
}

TEST(FitVerb, shrinks_and_selects) {
  std::string text = "a,b,c,y\n";
  unsigned state = 1;
  const auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<double>(state >> 8) / (1 << 24) - 0.5;
  };
  for (int i = 0; i < 60; ++i) {
    const double a = next(), b = next(), c = next();
    char row[128];
    std::snprintf(row, sizeof row, "%.17g,%.17g,%.17g,%.17g\n", a, b, c, 3 * a + 0.1 * next());
    text += row;
  }
  const Table t(text);
  const auto lasso = nlohmann::json::parse(
      run("fit lasso " + t.path() + " --response y --lambda 0.05 --json").out);
  EXPECT_EQ(lasso["zeros"], 2);
  EXPECT_EQ(lasso["coef"][1], 0);
  const auto ridge =
      nlohmann::json::parse(run("fit ridge " + t.path() + " --response y --lambda 1 --json").out);
  EXPECT_LT(ridge["coef"][0].get<double>(), 3);
  EXPECT_GT(ridge["coef"][0].get<double>(), 2);
  EXPECT_LT(ridge["freedom"].get<double>(), 4);
  expect_parts("fit lasso " + t.path() + " --response y", 0,
               {"by cross-validation (seed 0)", "not penalised", "duality gap",
                "coefficients along the path"});
  expect_parts("fit ridge " + t.path() + " --response y --lambda 1", 0,
               {"shrunk by", "effective coefficients of 4"});
}

TEST(FitVerb, tells_classes_apart_by_text_labels) {
  const Table t("x,c\n0,no\n0,no\n0,yes\n1,no\n1,yes\n1,yes\n");
  expect_parts("fit logistic " + t.path() + " --response c --l2 0", 0,
               {"the log odds of yes against no", "1.38629", "odds times", "standard error",
                "Newton's method"});
  const auto j =
      nlohmann::json::parse(run("fit logistic " + t.path() + " --response c --l2 0 --json").out);
  EXPECT_EQ(j["classes"][1], "yes");
  EXPECT_NEAR(j["coef"][0].get<double>(), 1.3862943611198906, 1e-12);
  const Table divided("x,c\n1,0\n2,0\n3,1\n4,1\n");
  expect_parts("fit logistic " + divided.path() + " --response c --l2 0", 0,
               {": the coefficients are where the search stopped, and grow without end\n",
                "warning       the classes can be divided without error"});
  const Table border("x,c\n1,0\n2,0\n3,0\n3,1\n5,1\n6,1\n");
  expect_parts("fit logistic " + border.path() + " --response c --l2 0", 0,
               {"warning       the classes can be divided but for rows on the border, so larger "
                "coefficients are always more likely and there is no maximum. "});
}

TEST(FitVerb, says_in_one_line_what_it_cannot_take) {
  const Table t("x,y,s\n1,2,a\n2,,b\n");
  const auto refused = [&](const std::string& words, int status, const std::string& line_of_error) {
    expect("fit " + words + " 2>&1", status, "gradus fit: " + line_of_error + "\n");
  };
  const Table good(line);
  refused("linaer " + good.path() + " --response y", 2,
          "there is no kind 'linaer'. It is linear, nonlinear, ridge, lasso or logistic. Did "
          "you mean linear?");
  refused("linear " + good.path(), 2, "which column is the response? Name it, as in --response y.");
  refused("linear " + t.path() + " --response y", 2,
          t.path() + ":3: 'y' lacks a value. Fill it in, or leave the row out.");
  refused("linear " + t.path() + " --response x --terms 1,s", 2,
          t.path() + ":2: 's' holds text. A fit reads numbers.");
  refused("nonlinear " + good.path() + " --response y", 2,
          "fit nonlinear: there is no model. Give one, as in --model 'b1*(1-exp(-b2*x))'.");
  refused("nonlinear " + good.path() + " --response y --model '(a+b)*x' --start a=1,b=1", 4,
          "fit nonlinear: the data do not determine 'b': near the end of the descent other values "
          "fit as well. Fix one of the parameters, or try another start.");
  refused("ridge " + good.path() + " --response y --lambda nan", 2,
          "--lambda is nan. A penalty is a finite number, 0 or more.");
  refused("linear " + good.path() + " --response y --lambda 3", 2,
          "--lambda belongs to ridge, lasso, not to linear. Leave it out.");
  refused("linear " + good.path() + " --response y --terms ''", 2,
          "--terms is empty. Name some, as in --terms 1,x,x^2, or leave it out for all columns.");
  refused("lasso " + good.path() + " --response y --terms 1", 2,
          "fit lasso: there is no term but the intercept");
}

TEST(FitVerb, refuses_numbers_whose_squares_are_beyond_all_numbers) {
  const Table huge("x,y\n1,1e308\n2,2\n3,-1e308\n5,4\n"), infinite("x,y\n1,1\n2,2\ninf,3\n5,4\n");
  const std::string rest =
      ": the squares of the numbers are beyond the largest one, 1.8e308. Numbers up to about 1e150 "
      "can be fitted. Divide the columns by a power of ten.\n";
  expect("fit linear " + huge.path() + " --response y 2>&1", 4, "gradus fit: fit linear" + rest);
  expect("fit nonlinear " + huge.path() + " --response y --model a+b*x --start a=1,b=1 2>&1", 4,
         "gradus fit: fit nonlinear" + rest);
  expect("fit linear " + infinite.path() + " --response y 2>&1", 2,
         "gradus fit: fit linear: 'x' in row 3 is inf. A fit needs finite numbers.\n");
}

TEST(FitVerb, names_the_columns_that_it_leaves_out) {
  const Table t("x,z,t,y\n1,,a,2\n2,3,b,4\n3,4,c,5\n4,4,d,4\n5,1,e,5\n");
  for (const char* kind : {"linear", "ridge", "lasso"})
    expect_parts(std::string("fit ") + kind + " " + t.path() + " --response y", 0,
                 {"left out      'z' (a number is missing in line 2); 't' (text in line 2)\n"});
}

TEST(FitVerb, proves_an_elastic_net_without_l1) {
  const Table t("x,z,y\n1,2,3\n2,1,5\n3,7,4\n4,4,9\n5,2,8\n6,6,10\n7,1,13\n");
  const auto o = run("fit lasso " + t.path() + " --response y --l1-ratio 0 --lambda 0.1 --json");
  EXPECT_EQ(o.status, 0);
  EXPECT_LE(nlohmann::json::parse(o.out)["gap"].get<double>(), 1e-10);
}

}  // namespace
}  // namespace gradus
