// What several distributions are made of: checks of parameters, and functions whose obvious forms
// cancel. Private to this room.
#pragma once

#include <gradus/core/op.h>

#include <span>
#include <string>

namespace gradus {

inline constexpr double infinity = __builtin_huge_val();
inline constexpr double log_root_two_pi = 0.91893853320467274178;  // ln(2 pi) / 2
inline constexpr double euler = 0.57721566490153286061;  // Euler and Mascheroni's constant

enum class Must { be_finite, be_positive, be_a_probability, be_a_weight, be_a_count };
// Raises a DomainError that names the first element of x that breaks the rule. Where x has only a
// shape, as in compile and vmap, nothing is checked. Gives x, as floating point.
Tensor parameter(const char* family, const char* name, const Tensor& x, Must must);
// Integers become f64.
Tensor as_float(const Tensor& x);
bool has_numbers(const Tensor& x);

// c log(x), and c log(1 + x), 0 where c is 0.
Tensor x_log_y(const Tensor& c, const Tensor& x);
Tensor x_log1p_y(const Tensor& c, const Tensor& x);
// Two ways to write one sum: its value from the parts whose sizes sum to less, for rounding costs
// units of the parts. The other where one has infinite parts.
Tensor smaller_parts(std::span<const Tensor> one, std::span<const Tensor> other);
// log p of one tail: from the other, q = 1 - p, where that is the smaller.
Tensor log_of_tail(const Tensor& p, const Tensor& q);

// log(x) - digamma(x), x > 0: 1/(2x) + 1/(12 x^2) - ... Max error 4 ulp above 10; 1e-15 below.
Tensor digamma_gap(const Tensor& x);
// Bregman's divergence f(a) - f(b) - (a - b) f'(b), a, b > 0, of f = lgamma; and of what lgamma is
// beside x log x - x, so that lgamma_divergence = deviance + stirling_divergence. The KL
// divergences of gamma, beta and Dirichlet distributions come down to these. Both >= 0; their
// relative error stays at some units when a is close to b.
Tensor lgamma_divergence(const Tensor& a, const Tensor& b);
Tensor stirling_divergence(const Tensor& a, const Tensor& b);
// u - 1 + e^-u >= 0.
Tensor exp_gap(const Tensor& u);

}  // namespace gradus
