#include <gradus/base/error.h>
#include <gradus/lessons/judge.h>
#include <gtest/gtest.h>

#include "sample.h"

namespace gradus::lessons {
namespace {

template <class F>
std::string message(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was raised";
}

template <class E>
E exercise(std::string_view name) {
  const Guide guide = sample_guide();
  for (const auto& any : computed(*guide.find("doubling")).exercises)
    if (const E* e = std::get_if<E>(&any); e != nullptr && e->name == name) return *e;
  ADD_FAILURE() << "there is no " << name;
  std::abort();
}

TEST(Judge, takes_a_number_however_it_is_written) {
  const auto four = exercise<Predict>("four");
  for (const char* typed : {"4", "4.0", " 4 ", "+4", "8/2", "2^2", "4.0005"})
    EXPECT_TRUE(judge(four, typed).right) << typed;
  EXPECT_EQ(judge(four, "22").misconception, "beside");
  EXPECT_EQ(judge(four, "5").misconception, "");
  EXPECT_FALSE(judge(four, "nan").right);
  EXPECT_EQ(message([&] { judge(four, "x"); }),
            "the answer is a number, but 'x' is none. Write it as 0.25, -3 or 1/3.");
}

TEST(Judge, takes_a_word_in_any_case) {
  const auto sign = exercise<Choose>("sign");
  EXPECT_TRUE(judge(sign, "Smaller").right);
  EXPECT_EQ(judge(sign, "equal").misconception, "zero only");
  EXPECT_EQ(message([&] { judge(sign, "maybe"); }),
            "'maybe' is none of the answers. They are smaller, larger, equal, zero, one, none.");
}

}  // namespace
}  // namespace gradus::lessons
