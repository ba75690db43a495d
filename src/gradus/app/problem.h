// An expression with numbers for its names, and its derivatives with respect to some of them: what
// the verbs calc, trace and grad share.
#pragma once

#include <gradus/diff/diff.h>
#include <gradus/expr/parse.h>

namespace gradus::app {

struct Problem {
  std::string text;
  Expression expression;
  Bindings at;
  std::vector<int> wrt;  // places in `at`

  Tensor operator()(std::span<const Tensor> values) const { return expression(at.names, values); }
  Tensor value() const { return (*this)(at.values); }
  // Gradients, one for each place in wrt.
  ValueAndGrads grads() const;
  // All of wrt as one flat vector, and the function of it.
  Tensor flat_point() const;
  Tensor at_flat(const Tensor& point) const;
  std::vector<double> flat_grad() const;
  Tensor flat_hessian() const;
  // d^n f / dx^n of the first of wrt, which must be one number.
  Tensor derivative(int64_t n) const;
};

// at: words such as "x=1,y=[1,2]"; wrt: "w,b", or empty for every name that the expression reads.
Problem make_problem(const std::string& text, const std::vector<std::string>& at,
                     const std::string& wrt);

// How far reverse mode is from central differences with step h, relative to 1 + |difference|, and
// the widest gap to forward mode.
struct Check {
  double h = 0, difference = 0, forward = 0;
  int64_t compared = 0;  // entries, of those there are at most 1024
  bool passed = false;
};
Check check_gradient(const Problem& problem, std::span<const double> gradient);
// "central differences (h = 1e-05) agree to 6.5e-11;  forward mode = reverse mode, exactly"
std::string to_text(const Check& check);

}  // namespace gradus::app
