// The distributions of gradus eval --jsonl against the project's reference values.
#include <gradus/app/machine.h>
#include <gradus/base/text.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace gradus::app {
namespace {

using Json = nlohmann::json;

// Each value has its own bound, in units of 2^-52: a slack and twice the condition of the point.
TEST(Eval, answers_every_reference_value_of_a_distribution) {
  std::ifstream file(GRADUS_SHARED_DIR "/vectors/special.jsonl");
  if (!file) GTEST_SKIP() << "no reference data";
  int answered = 0;
  for (std::string line; std::getline(file, line);) {
    const Json want = Json::parse(line);
    if (want["f"].get<std::string>().find('.') == std::string::npos) continue;
    const Json got = Json::parse(eval_answer(line));
    ASSERT_TRUE(got.contains("y")) << line << got.dump();
    const double w = text::parse_double(want["want"].get<std::string>()).value();
    const double y = got["y"].is_string() ? text::parse_double(got["y"].get<std::string>()).value()
                                          : got["y"].get<double>();
    const double bound = want["slack"].get<double>() + 2 * want["cond"].get<double>();
    EXPECT_LE(y == w ? 0 : std::fabs(y - w) / (std::fabs(w) * 0x1p-52), bound)
        << want["f"] << want["args"] << " is " << want["want"] << ", got " << got.dump();
    ++answered;
  }
  EXPECT_EQ(answered, 145);
}

TEST(Eval, says_what_it_does_not_offer_and_which_parameter_is_wrong) {
  EXPECT_EQ(eval_answer(R"({"f":"normal.mode","args":[0,1]})"),
            R"({"unsupported":"the function normal.mode is not offered"})");
  EXPECT_EQ(eval_answer(R"({"f":"normal.cdf","args":[0,0,-1]})"),
            R"({"error":"Normal: scale must be positive, but it is -1."})");
}

}  // namespace
}  // namespace gradus::app
