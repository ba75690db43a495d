// Derivatives as mathematics. The steps that the derivative rules appended are read back as sums,
// products and powers, put in order and printed: what is shown is what was computed.
#pragma once

#include <gradus/diff/diff.h>

#include <string>

namespace gradus {

struct DerivativeText {
  std::string math;     // "2x·cos(x²)"
  std::string program;  // "2*x*cos(x^2)": an expression of `gradus calc`
  std::string unless;   // exceptions that were left out, "x == 0", or empty
  std::string why_not;  // why there is no text, or empty
};
// The derivative of f, one number, by each argument in wrt, in terms of the names.
std::vector<DerivativeText> derivative_text(const Function& f, std::span<const Tensor> args,
                                            std::span<const std::string> names,
                                            std::span<const int> wrt);

// One line of a derivation: a rule turns `of` into `becomes`.
struct DerivationStep {
  std::string rule;     // "product rule"
  std::string law;      // "(u·v)' = v·u' + u·v'"
  std::string of;       // "(x·sin x)'"
  std::string becomes;  // "sin x + x·cos x"
};
// The rules that lead to the derivative by args[wrt], one number, of f, one number; from the inside
// out. What does not depend on args[wrt] is constant.
std::vector<DerivationStep> derivation(const Function& f, std::span<const Tensor> args,
                                       std::span<const std::string> names, int wrt, bool plain);

// The gradient as the program it is: "t1 = cos(x)", one step a line; the last lines name the
// derivatives "d_x".
std::string derivative_program(const Function& f, std::span<const Tensor> args,
                               std::span<const std::string> names, std::span<const int> wrt);

}  // namespace gradus
