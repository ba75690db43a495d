// The JSON-lines forms against the project's reference vectors.
#include <gradus/app/machine.h>
#include <gradus/base/text.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace gradus::app {
namespace {

using Json = nlohmann::json;

void flatten(const Json& j, std::vector<double>& out) {
  if (j.is_array())
    for (const Json& part : j) flatten(part, out);
  else
    out.push_back(j.is_string() ? text::parse_double(j.get<std::string>()).value()
                                : j.get<double>());
}

std::vector<double> flat(const Json& j) {
  std::vector<double> out;
  flatten(j, out);
  return out;
}

// Relative to the number wanted; entries that should vanish, to the largest of their array.
void expect_close(const Json& want, const Json& got, double rtol, const std::string& what) {
  const std::vector<double> w = flat(want), g = flat(got);
  ASSERT_EQ(w.size(), g.size()) << what;
  double largest = 0;
  for (double v : w)
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < w.size(); ++i) {
    if (w[i] == g[i]) continue;
    EXPECT_LE(std::fabs(w[i] - g[i]), rtol * std::max(std::fabs(w[i]), largest))
        << what << " [" << i << "]";
  }
}

TEST(Grad, answers_every_reference_case) {
  std::ifstream file(GRADUS_SHARED_DIR "/vectors/autodiff.jsonl");
  if (!file) GTEST_SKIP() << "no reference data";
  int answered = 0;
  for (std::string line; std::getline(file, line);) {
    const Json want = Json::parse(line);
    const Json got = Json::parse(grad_answer(line));
    const std::string what = want["expr"].get<std::string>() + ", order " + want["order"].dump();
    ASSERT_TRUE(got.contains("value")) << what << ": " << got.dump();
    ++answered;
    const double rtol = want["rtol"].get<double>();
    expect_close(want["value"], got["value"], rtol, what);
    for (const char* kind : {"grad", "hess"})
      if (want.contains(kind))
        for (const auto& [name, values] : want[kind].items())
          expect_close(values, got[kind][name], rtol, what + " by " + name);
    if (want.contains("deriv")) expect_close(want["deriv"], got["deriv"], rtol, what);
  }
  EXPECT_EQ(answered, 98);
}

TEST(Rng, gives_the_known_answers_of_random123) {
  std::ifstream file(GRADUS_SHARED_DIR "/data/random123/kat_vectors.txt");
  if (!file) GTEST_SKIP() << "no reference data";
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, rounds, w[10];
    words >> name >> rounds;
    if (name != "philox4x32") continue;
    for (std::string& word : w) words >> word;
    const Json question = {
        {"kind", "philox4x32-" + rounds}, {"ctr", {w[0], w[1], w[2], w[3]}}, {"key", {w[4], w[5]}}};
    const Json want = {{"y", {w[6], w[7], w[8], w[9]}}};
    EXPECT_EQ(Json::parse(rng_answer(question.dump())), want) << line;
    ++cases;
  }
  EXPECT_EQ(cases, 6);
}

TEST(Grad, answers_in_the_words_of_the_form) {
  EXPECT_EQ(grad_answer(R"j({"expr":"sum(x^2)","vars":{"x":[0.0,1.0]},"wrt":["x"],"order":1})j"),
            R"j({"value":1,"grad":{"x":[0,2]}})j");
  EXPECT_EQ(grad_answer(R"j({"expr":"x^2","vars":{"x":3},"wrt":["x"],"order":2})j"),
            R"j({"value":9,"hess":{"x":[[2]]}})j");
  EXPECT_EQ(grad_answer(R"j({"expr":"x^4","vars":{"x":2},"wrt":["x"],"order":3})j"),
            R"j({"value":16,"deriv":48})j");
  EXPECT_EQ(grad_answer(R"j({"expr":"sqrt(x)","vars":{"x":0},"wrt":["x"],"order":1})j"),
            R"j({"value":0,"grad":{"x":["inf"]}})j");
}

TEST(Grad, a_bad_line_is_answered_with_an_error) {
  for (const char* line :
       {"", "{", "[]", "{}", R"j({"expr":1})j",
        R"j({"expr":"x","vars":{"x":[[1],2]},"wrt":["x"]})j",
        R"j({"expr":"x","vars":{"x":1},"wrt":["z"]})j", R"j({"expr":"x","vars":[1],"wrt":["x"]})j",
        R"j({"expr":"x+","vars":{"x":1},"wrt":["x"]})j",
        R"j({"expr":"x","vars":{"x":1},"wrt":["x"],"order":"a"})j",
        R"j({"expr":"[x,x]","vars":{"x":1},"wrt":["x"],"order":1})j"})
    EXPECT_TRUE(Json::parse(grad_answer(line)).contains("error")) << line;
}

TEST(Eval, computes_functions_and_says_which_it_lacks) {
  EXPECT_EQ(eval_answer(R"j({"f":"exp","args":[0]})j"), R"j({"y":1})j");
  EXPECT_EQ(eval_answer(R"j({"f":"logsumexp","args":[["-inf",0.0]]})j"), R"j({"y":0})j");
  EXPECT_EQ(eval_answer(R"j({"f":"normal.logpdf","args":[1,0,1]})j"),
            R"j({"y":-1.4189385332046727})j");
  EXPECT_EQ(eval_answer(R"j({"f":"normal.logpf","args":[1,0,1]})j"),
            R"j({"unsupported":"the function normal.logpf is not offered"})j");
  EXPECT_EQ(eval_answer(R"j({"f":"kl","args":[[0.5,0.5],[1,0]]})j"), R"j({"y":"inf"})j");
  EXPECT_EQ(eval_answer(R"j({"f":"perplexity","args":[[0.25,0.25,0.25,0.25]]})j"), R"j({"y":4})j");
  EXPECT_EQ(eval_answer(R"j({"f":"kl","args":[[1]]})j"),
            R"j({"error":"kl: 1 arguments do not fit"})j");
  EXPECT_TRUE(
      Json::parse(eval_answer(R"j({"f":"entropy","args":[[0.5,0.4]]})j")).contains("error"));
  EXPECT_TRUE(Json::parse(eval_answer(R"j({"f":"exp","args":[]})j")).contains("error"));
}

}  // namespace
}  // namespace gradus::app
