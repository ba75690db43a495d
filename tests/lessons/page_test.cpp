#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/lessons/lesson.h>
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

TEST(Page, shows_numbers_as_a_person_writes_them) {
  EXPECT_EQ(shown(0.5), "0.5");
  EXPECT_EQ(shown(2.0), "2");
  EXPECT_EQ(shown(0.39322386), "0.3932");
  EXPECT_EQ(shown(-0.0), "0");
  EXPECT_EQ(shown(3.072e-7), "3.072e-7");
  EXPECT_EQ(shown(1.5e12), "1.5e12");
  EXPECT_EQ(shown(1234.5678, 1), "1234.6");
}

TEST(Page, shows_lists_and_matrices) {
  Page page;
  page.bind("v", Tensor{1, 2.5});
  page.bind("m", Tensor{{1, 2}, {3, 4}});
  page.bind("n", 12345);
  EXPECT_EQ(page.texts["v"], "(1, 2.5)");
  EXPECT_EQ(page.texts["m"], "[[1, 2], [3, 4]]");
  EXPECT_EQ(page.texts["n"], "12 345");
}

TEST(Page, binds_a_name_once) {
  Page page;
  page.bind("x", 1.0);
  EXPECT_EQ(message([&] { page.bind("x", 2.0); }),
            "lesson: 'x' is bound twice. A name on a page stands for one thing.");
}

TEST(Page, takes_the_numbers_of_the_reader) {
  const Guide guide = sample_guide();
  const Lesson& l = *guide.find("doubling");
  EXPECT_EQ(computed(l).texts["twice"], "6");
  EXPECT_EQ(computed(l, {{"x", "1.5"}}).texts["twice"], "3");
  EXPECT_EQ(computed(l, {{"some", "[3, 4]"}}).tables["some"][1][1], "7");
  EXPECT_EQ(message([&] {
              computed(l, {{"y", "1"}});
            }),
            "--set y: the lesson doubling has no number of that name. It has x, some.");
  EXPECT_EQ(message([&] {
              computed(l, {{"x", "two"}});
            }),
            "--set x: 'two' is not a finite number. Write --set x=3.");
  EXPECT_EQ(message([&] {
              computed(l, {{"x", "inf"}});
            }),
            "--set x: 'inf' is not a finite number. Write --set x=3.");
  EXPECT_EQ(message([&] {
              computed(l, {{"some", "[1]"}});
            }),
            "--set some: '[1]' is not a list of numbers of the shape f64[2]. Write --set "
            "some=[1, 2].");
  EXPECT_EQ(message([&] { computed(l, {{"x", "2000"}}); }), "double: 1000 is enough.");
}

}  // namespace
}  // namespace gradus::lessons
