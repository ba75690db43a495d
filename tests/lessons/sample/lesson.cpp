// A small lesson for the tests of the engine.
#include <gradus/base/error.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution twice]
// [include <string>]
double twice(double x) {
  // [hole return 0;]
  return x + x;
  // [end hole]
}
// [end]

double once(double x) {
  return x;
}
double square_of(double x) {
  return x * x;
}
double minus(double x) {
  return x - x;
}
double half(double x) {
  return x / 2;
}
double thrice(double x) {
  return 3 * x;
}
}  // namespace

LESSON(page) {
  const double x = page.set("x", 3.0);
  const Tensor some = page.set("some", Tensor{1, 2});
  if (x > 1000) raise(ErrorKind::domain, "double: 1000 is enough.");
  // [double]
  const auto doubled = [](const Tensor& v) { return v + v; };
  const double y = number(doubled(Tensor(x)));
  // [end]
  page.bind("x", x);
  page.bind("twice", y);
  page.table("some", {{"x", "twice"}, {"1", shown(number(sum(some)))}});
  page.picture("line",
               Plot{.title = "Twice over once", .lines = {{"twice", {0, 1, 2}, {0, 2, 4}}}});
  page.exercise(Fill<double(double)>{
      .name = "twice",
      .solution = twice,
      .check = [](auto* f) -> Verdict {
        const double got = f(3);
        if (got == 6) return Verdict::passed();
        const std::pair<double, const char*> known[] = {
            {3, "once only"}, {9, "squared"}, {0, "subtracted"}, {1.5, "halved"}, {9.5, "thrice"}};
        Verdict v{.where = "x = 3", .yours = shown(got), .expected = "6"};
        for (const auto& [value, name] : known) {
          if (value != got) continue;
          v.misconception = name;
          v.says = "This is " + std::string(name) + ".";
        }
        return v;
      },
      .wrong = {{"once only", once},
                {"squared", square_of},
                {"subtracted", minus},
                {"halved", half},
                {"thrice", thrice}}});
  page.exercise(Predict{.name = "four",
                        .answer = 4,
                        .wrong = {{2, "once", "That is once."},
                                  {0, "minus", "That is the difference."},
                                  {6, "thrice", "That is once too much."},
                                  {1, "half", "That is half of it."},
                                  {22, "beside", "Add them, do not write them side by side."}}});
  page.exercise(
      Choose{.name = "sign",
             .answer = "smaller",
             .choices = {{"smaller", "smaller than it", "", ""},
                         {"larger", "larger than it", "true above zero", "Try minus one."},
                         {"equal", "the same", "zero only", "Only zero is twice itself."},
                         {"zero", "nothing", "difference", "Twice is a sum."},
                         {"one", "$1$", "ratio", "Twice is a sum, no ratio."},
                         {"none", "not defined", "undefined", "Every number can be doubled."}}});
}
