// Exercises: a learner's answer in, a verdict out that names the misconception behind it.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace gradus::lessons {

// What a check found: right, or the first thing that is not.
struct Verdict {
  bool right = false;
  std::string where;            // the case that failed: "start (3, 3), rate 0.1, 50 steps"
  std::string yours, expected;  // both as text, so a learner can compare
  std::string misconception;    // its name, such as "wrong sign"; empty when it is not known
  std::string says;             // one or two sentences that help without giving the answer away

  static Verdict passed() { return {.right = true}; }
};

// A typed number. `wrong` are the numbers that known mistakes give; each has its own message.
struct Predict {
  struct Mistake {
    double value;
    std::string misconception, says;
  };
  std::string name;  // unique in the guide, kebab-case
  double answer = 0;
  double tolerance = 1e-3;     // relative to max(1, |answer|)
  std::vector<Mistake> wrong;  // at least five
};

// One word of several. Every choice but the answer is a misconception with its own message.
struct Choose {
  struct Choice {
    std::string word;                 // what the learner types
    std::string text;                 // what it stands for
    std::string misconception, says;  // empty for the answer
  };
  std::string name;
  std::string answer;           // the word of one choice
  std::vector<Choice> choices;  // at least six
};

// A C++ function with a hole. The official solution and the wrong answers are functions of the
// lesson; `check` tells them apart.
template <class F>
struct Fill {
  struct Mistake {
    std::string misconception;  // the name that the verdict must give
    F* function;
  };
  std::string name;
  F* solution = nullptr;
  std::function<Verdict(F*)> check;
  std::vector<Mistake> wrong;  // at least five
};

// A Fill of any signature, as the engine keeps it. The pointers are functions of that signature.
struct AnyFill {
  struct Mistake {
    std::string misconception;
    void (*function)();
  };
  std::string name;
  const char* type = nullptr;  // of a pointer to the function, as typeid names it
  void (*solution)() = nullptr;
  std::function<Verdict(void (*)())> check;
  std::vector<Mistake> wrong;

  template <class F>
  AnyFill(Fill<F> fill)  // NOLINT: page.exercise(Fill<Signature>{...})
      : name(std::move(fill.name)),
        type(typeid(F*).name()),
        solution(reinterpret_cast<void (*)()>(fill.solution)) {
    static_assert(std::is_function_v<F>, "Fill<F>: F is a function type, such as double(double)");
    check = [check = std::move(fill.check)](void (*f)()) { return check(reinterpret_cast<F*>(f)); };
    for (auto& w : fill.wrong)
      wrong.push_back({std::move(w.misconception), reinterpret_cast<void (*)()>(w.function)});
  }
};

}  // namespace gradus::lessons
