#include <gradus/numerics/twins.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

// The f64 numbers nearest to the exact values, computed with 50 digits.
constexpr Twin twins[] = {
    {"logarithm near 1", "log(1 + x)", "log1p(x)", 1e-16, [](double x) { return std::log(1 + x); },
     [](double x) { return std::log1p(x); }, 9.9999999999999995e-17,
     "1 + x rounds x away before the logarithm sees it"},
    {"exponential near 0", "exp(x) - 1", "expm1(x)", 1e-12,
     [](double x) { return std::exp(x) - 1; }, [](double x) { return std::expm1(x); },
     1.0000000000005e-12, "exp(x) keeps x only in the last digits of a number near 1"},
    {"cosine near 0", "1 - cos(x)", "2 sin(x/2)^2", 1e-8, [](double x) { return 1 - std::cos(x); },
     [](double x) { return 2 * std::sin(x / 2) * std::sin(x / 2); }, 5e-17, "cos(x) rounds to 1"},
    {"difference of roots", "sqrt(x + 1) - sqrt(x)", "1 / (sqrt(x + 1) + sqrt(x))", 1e15,
     [](double x) { return std::sqrt(x + 1) - std::sqrt(x); },
     [](double x) { return 1 / (std::sqrt(x + 1) + std::sqrt(x)); }, 1.5811388300841893e-08,
     "two roots that agree in 15 digits leave one"},
    {"small root of z^2 + x z + 1", "(-x + sqrt(x^2 - 4)) / 2", "-2 / (x + sqrt(x^2 - 4))", 1e8,
     [](double x) { return (-x + std::sqrt(x * x - 4)) / 2; },
     [](double x) { return -2 / (x + std::sqrt(x * x - 4)); }, -1.0000000000000001e-08,
     "-x and the root cancel; their sum does not"},
    {"variance of x, x+1, x+2", "mean(x^2) - mean(x)^2", "mean((x - mean(x))^2)", 1e9,
     [](double x) {
       const double y = x + 1, z = x + 2, mean = (x + y + z) / 3;
       return (x * x + y * y + z * z) / 3 - mean * mean;
     },
     [](double x) {
       const double y = x + 1, z = x + 2, mean = (x + y + z) / 3;
       return ((x - mean) * (x - mean) + (y - mean) * (y - mean) + (z - mean) * (z - mean)) / 3;
     },
     0.66666666666666663, "squares near 1e18 are whole hundreds"},
    {"softmax of x, 2x, the second", "exp(2x) / (exp(x) + exp(2x))", "1 / (exp(x - 2x) + 1)", 1000,
     [](double x) { return std::exp(2 * x) / (std::exp(x) + std::exp(2 * x)); },
     [](double x) { return 1 / (std::exp(x - 2 * x) + 1); }, 1,
     "inf / inf; with the largest subtracted every exp is 1 or less"},
    {"logsumexp of x, x", "log(exp(x) + exp(x))", "x + log(exp(x - x) + exp(x - x))", 1000,
     [](double x) { return std::log(std::exp(x) + std::exp(x)); },
     [](double x) { return x + std::log(std::exp(x - x) + std::exp(x - x)); }, 1000.6931471805599,
     "exp(1000) is infinite, the answer is not"},
    {"log of a sigmoid", "log(1 / (1 + exp(-x)))", "x - log1p(exp(x)), x < 0", -800,
     [](double x) { return std::log(1 / (1 + std::exp(-x))); },
     [](double x) { return x - std::log1p(std::exp(x)); }, -800,
     "the sigmoid underflows to 0, and log(0) is -inf"},
    {"cross-entropy of a logit, y = 0", "-log(1 - sigmoid(x))", "x + log1p(exp(-x)), x > 0", 40,
     [](double x) { return -std::log(1 - 1 / (1 + std::exp(-x))); },
     [](double x) { return x + std::log1p(std::exp(-x)); }, 40,
     "the sigmoid rounds to 1: a loss of inf, and no gradient"},
    {"length of (3x, 4x)", "sqrt((3x)^2 + (4x)^2)", "hypot(3x, 4x)", 1e200,
     [](double x) { return std::sqrt(9 * x * x + 16 * x * x); },
     [](double x) { return std::hypot(3 * x, 4 * x); }, 5e200,
     "the squares leave the range, the length does not"},
    {"tail of the normal law", "1 - erf(x)", "erfc(x)", 10,
     [](double x) { return 1 - std::erf(x); }, [](double x) { return std::erfc(x); },
     2.0884875837625446e-45, "erf rounds to 1 from 6 on, the tail goes on to 1e-323"}};

}  // namespace

std::span<const Twin> unstable_twins() {
  return twins;
}

double correct_digits(double got, double exact) {
  const double all = std::numeric_limits<double>::digits * std::log10(2.0);
  if (got == exact) return all;
  const double error = std::fabs((got - exact) / exact);
  // NaN and infinities have no digit right.
  return error < 1 ? std::min(all, -std::log10(error)) : 0;
}

}  // namespace gradus
