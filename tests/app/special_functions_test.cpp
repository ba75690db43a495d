// The functions of gradus eval --jsonl that are no distributions against the project's reference
// values, and their derivatives through gradus grad --jsonl.
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
TEST(SpecialFunctions, answer_every_reference_value) {
  std::ifstream file(GRADUS_SHARED_DIR "/vectors/special.jsonl");
  if (!file) GTEST_SKIP() << "no reference data";
  int answered = 0;
  for (std::string line; std::getline(file, line);) {
    const Json want = Json::parse(line);
    if (want["f"].get<std::string>().find('.') != std::string::npos) continue;
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
  EXPECT_EQ(answered, 266);
}

// The numbers are mpmath's, 30 digits.
TEST(SpecialFunctions, have_derivatives_in_every_argument) {
  const Json g = Json::parse(grad_answer(
      R"q({"expr":"betainc(a,b,x)","vars":{"a":2.5,"b":1.5,"x":0.3},"wrt":["a","b","x"]})q"));
  EXPECT_NEAR(g["grad"]["a"][0].get<double>(), -0.0948427191535115944, 1e-16);
  EXPECT_NEAR(g["grad"]["b"][0].get<double>(), 0.0870273186224221607, 1e-16);
  EXPECT_NEAR(g["grad"]["x"][0].get<double>(), 0.700165990987199425, 1e-15);
}

TEST(SpecialFunctions, have_second_derivatives_in_their_shapes) {
  const Json p = Json::parse(
      grad_answer(R"q({"expr":"gammainc_p(a,0.7)","vars":{"a":2.5},"wrt":["a"],"order":2})q"));
  EXPECT_NEAR(p["hess"]["a"][0][0].get<double>(), 0.152823320003961560, 1e-15);
  const Json i = Json::parse(
      grad_answer(R"q({"expr":"betainc(a,a,0.3)","vars":{"a":2.5},"wrt":["a"],"order":2})q"));
  EXPECT_NEAR(i["hess"]["a"][0][0].get<double>(), 0.0203245991509143469, 1e-15);
}

TEST(SpecialFunctions, broadcast_three_arguments) {
  const Json y =
      Json::parse(eval_answer(R"({"f":"betainc","args":[1,[1,2],[[0.25],[0.5]]]})"))["y"];
  const double want[2][2] = {{0.25, 0.4375}, {0.5, 0.75}};  // 1 - (1 - x)^b
  for (size_t i = 0; i < 2; ++i)
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(y[i][k].get<double>(), want[i][k], 2e-16);
}

}  // namespace
}  // namespace gradus::app
