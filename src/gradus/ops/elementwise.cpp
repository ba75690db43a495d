// One entry per elementwise op, compiled once per SIMD target. To add an op: one word in words.h,
// one entry here; kernels, both derivative modes, docs and checks follow (CONTRIBUTING.md).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise.cpp"
#include <gradus/ops/entry.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/ops/slopes.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/lanes-inl.h>
#include <gradus/ops/rows-inl.h>

#define ENTRY(n) \
  template <>    \
  constexpr auto entry<Word::n>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
using namespace entries;

template <Word w>
struct no_entry;
template <Word w>
constexpr no_entry<w> entry{};

constexpr double ln_2 = 0.693147180559945309417;
constexpr double ln_10 = 2.30258509299404568402;
constexpr double two_over_sqrt_pi = 1.12837916709551257390;
constexpr double sqrt_half = 0.707106781186547524401;
constexpr double sqrt_one_over_two_pi = 0.398942280401432677940;

// clang-format off
ENTRY(negative) = define(
    says{"the number with its sign changed"}, math_is{"negative(x) = -x"},
    value{[](auto x) { return -x; }},
    slope{minus_one},
    checks{at{2, -2}}, prints{"-{0}", 4}, integers{});

ENTRY(exp) = define(
    says{"e to the power x"}, math_is{"exp(x) = e^x"},
    value{[](auto x) { return exp(x); }},
    slope{[](Tensor, Tensor y) { return y; }},
    checks{ulp{1.1}, at{0, 1}, at{1, 2.71828182845904523536}});

ENTRY(exp2) = define(
    says{"2 to the power x"}, math_is{"exp2(x) = 2^x"},
    value{[](auto x) { return exp2(x); }},
    slope{[](Tensor, Tensor y) { return y * ln_2; }},
    checks{ulp{1.2}, at{0, 1}, at{3, 8}});

ENTRY(expm1) = define(
    says{"e^x - 1, exact near 0"}, math_is{"expm1(x) = e^x - 1"},
    value{[](auto x) { return expm1(x); }},
    slope{[](Tensor x, Tensor) { return exp(x); }},
    checks{ulp{1.3}, at{0, 0}, at{1e-20, 1e-20}});

ENTRY(log) = define(
    says{"natural logarithm: the y with e^y = x"}, math_is{"log(x) = ln x"},
    value{[](auto x) { return log(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / x; }},
    checks{ulp{1}, between{0.1, 4}, at{1, 0}, at{10, 2.30258509299404568402}});

ENTRY(log2) = define(
    says{"logarithm to base 2"}, math_is{"log2(x) = ln x / ln 2"},
    value{[](auto x) { return log2(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / (x * ln_2); }},
    checks{ulp{1}, between{0.1, 4}, at{8, 3}});

ENTRY(log10) = define(
    says{"logarithm to base 10"}, math_is{"log10(x) = ln x / ln 10"},
    value{[](auto x) { return log10(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / (x * ln_10); }},
    checks{ulp{1}, between{0.1, 4}, at{1000, 3}});

ENTRY(log1p) = define(
    says{"log(1 + x), exact near 0"}, math_is{"log1p(x) = ln(1 + x)"},
    value{[](auto x) { return log1p(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / (x + 1.0); }},
    checks{ulp{1.1}, between{-0.8, 4}, at{0, 0}, at{1e-20, 1e-20}});

ENTRY(sqrt) = define(
    says{"square root; its slope at 0 is infinite"}, math_is{"sqrt(x) = x^(1/2)"},
    value{[](auto x) { return sqrt(x); }},
    slope{[](Tensor, Tensor y) { return 0.5 / y; }},
    checks{between{0.1, 4}, at{4, 2}});

ENTRY(rsqrt) = define(
    says{"one over the square root"}, math_is{"rsqrt(x) = 1 / sqrt(x)"},
    value{[](auto x) { return rsqrt(x); }},
    slope{[](Tensor x, Tensor y) { return -0.5 * y / x; }},
    checks{ulp{1.5}, between{0.1, 4}, at{4, 0.5}});

ENTRY(square) = define(
    says{"x times x"}, math_is{"square(x) = x^2"},
    value{[](auto x) { return x * x; }},
    slope{[](Tensor x, Tensor) { return 2.0 * x; }},
    checks{at{3, 9}}, prints{"{0}^2", 5}, integers{});

ENTRY(reciprocal) = define(
    says{"one over x"}, math_is{"reciprocal(x) = 1 / x"},
    value{[](auto x) { return decltype(x)(1.0) / x; }},
    slope{[](Tensor, Tensor y) { return -square(y); }},
    checks{between{0.1, 4}, at{4, 0.25}}, prints{"1 / {0}", 3});

ENTRY(abs) = define(
    says{"distance from 0; its slope at 0 is 0"}, math_is{"abs(x) = |x|"},
    value{[](auto x) { return abs(x); }},
    slope{[](Tensor x, Tensor) { return sign(x); }},
    checks{kink{0}, at{-3, 3}}, prints{"|{0}|", 9}, integers{});

ENTRY(sign) = define(
    says{"-1, 0 or 1 by the sign of x"}, math_is{"sign(x) = x / |x|, sign(0) = 0"},
    value{[](auto x) { return sign(x); }},
    slope{none},
    checks{kink{0}, at{-3, -1}, at{0, 0}}, prints{}, integers{});

ENTRY(floor) = define(
    says{"the largest integer not above x"}, math_is{"floor(x) = max {n : n <= x}"},
    value{[](auto x) { return floor(x); }},
    slope{none},
    checks{at{-1.5, -2}});

ENTRY(ceil) = define(
    says{"the smallest integer not below x"}, math_is{"ceil(x) = min {n : n >= x}"},
    value{[](auto x) { return ceil(x); }},
    slope{none},
    checks{at{-1.5, -1}});

ENTRY(round) = define(
    says{"the nearest integer, halves to even"}, math_is{"round(x)"},
    value{[](auto x) { return round_even(x); }},
    slope{none},
    checks{at{2.5, 2}, at{-1.5, -2}});

ENTRY(trunc) = define(
    says{"x without its fraction"}, math_is{"trunc(x) = sign(x) floor(|x|)"},
    value{[](auto x) { return trunc(x); }},
    slope{none},
    checks{at{-1.5, -1}});

ENTRY(sin) = define(
    says{"sine, x in radians"}, math_is{"sin(x)"},
    value{[](auto x) { return sin(x); }},
    slope{[](Tensor x, Tensor) { return cos(x); }},
    checks{ulp{1}, at{0, 0}, at{1, 0.841470984807896506653}});

ENTRY(cos) = define(
    says{"cosine, x in radians"}, math_is{"cos(x)"},
    value{[](auto x) { return cos(x); }},
    slope{[](Tensor x, Tensor) { return -sin(x); }},
    checks{ulp{1}, at{0, 1}, at{1, 0.540302305868139717401}});

ENTRY(tan) = define(
    says{"tangent, sin over cos"}, math_is{"tan(x) = sin(x) / cos(x)"},
    value{[](auto x) { return tan(x); }},
    slope{[](Tensor, Tensor y) { return square(y) + 1.0; }},
    checks{ulp{1}, between{-1.2, 1.2}, at{0, 0}, at{1, 1.55740772465490223051}});

ENTRY(asin) = define(
    says{"the angle in [-pi/2, pi/2] whose sine is x"}, math_is{"asin(x)"},
    value{[](auto x) { return asin(x); }},
    slope{[](Tensor x, Tensor) { return rsqrt((1.0 - x) * (x + 1.0)); }},
    checks{ulp{1}, between{-0.8, 0.8}, at{0, 0}, at{1, 1.57079632679489661923}});

ENTRY(acos) = define(
    says{"the angle in [0, pi] whose cosine is x"}, math_is{"acos(x)"},
    value{[](auto x) { return acos(x); }},
    slope{[](Tensor x, Tensor) { return -rsqrt((1.0 - x) * (x + 1.0)); }},
    checks{ulp{1}, between{-0.8, 0.8}, at{1, 0}, at{0, 1.57079632679489661923}});

ENTRY(atan) = define(
    says{"the angle in (-pi/2, pi/2) whose tangent is x"}, math_is{"atan(x)"},
    value{[](auto x) { return atan(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / (square(x) + 1.0); }},
    checks{ulp{1}, at{0, 0}, at{1, 0.785398163397448309616}});

ENTRY(sinh) = define(
    says{"hyperbolic sine"}, math_is{"sinh(x) = (e^x - e^-x) / 2"},
    value{[](auto x) { return sinh(x); }},
    slope{[](Tensor x, Tensor) { return cosh(x); }},
    checks{ulp{2}, at{0, 0}, at{1, 1.17520119364380145688}});

ENTRY(cosh) = define(
    says{"hyperbolic cosine"}, math_is{"cosh(x) = (e^x + e^-x) / 2"},
    value{[](auto x) { return cosh(x); }},
    slope{[](Tensor x, Tensor) { return sinh(x); }},
    checks{ulp{2}, at{0, 1}, at{1, 1.54308063481524377848}});

ENTRY(tanh) = define(
    says{"hyperbolic tangent: squeezes the line into (-1, 1)"}, math_is{"tanh(x) = (e^x - e^-x) / (e^x + e^-x)"},
    value{[](auto x) { return tanh(x); }},
    slope{[](Tensor, Tensor y) { return 1.0 - square(y); }},
    checks{ulp{2.2}, at{0, 0}, at{1, 0.761594155955764888119}});

ENTRY(asinh) = define(
    says{"inverse hyperbolic sine: the y whose sinh is x"}, math_is{"asinh(x) = ln(x + sqrt(x^2 + 1))"},
    value{[](auto x) { return asinh(x); }},
    slope{[](Tensor x, Tensor) { return rsqrt(square(x) + 1.0); }},
    checks{ulp{2}, at{0, 0}, at{1, 0.881373587019543025233}, at{-300, -6.39693243298235}});

ENTRY(acosh) = define(
    says{"inverse hyperbolic cosine: the y >= 0 whose cosh is x"}, math_is{"acosh(x) = ln(x + sqrt(x^2 - 1))"},
    value{[](auto x) { return acosh(x); }},
    slope{[](Tensor x, Tensor) { return rsqrt((x - 1.0) * (x + 1.0)); }},
    checks{ulp{2}, between{1.2, 5}, at{1, 0}, at{2, 1.31695789692481670863}});

ENTRY(atanh) = define(
    says{"inverse hyperbolic tangent: the y whose tanh is x"}, math_is{"atanh(x) = ln((1 + x) / (1 - x)) / 2"},
    value{[](auto x) { return atanh(x); }},
    slope{[](Tensor x, Tensor) { return 1.0 / ((1.0 - x) * (x + 1.0)); }},
    checks{ulp{2}, between{-0.8, 0.8}, at{0, 0}, at{0.5, 0.549306144334054845698}});

// The slope is written with sigmoid(-x), not 1 - y: 1 - y loses every digit for x > 37.
ENTRY(sigmoid) = define(
    says{"squeezes the line into (0, 1): a probability from a logit"}, math_is{"sigmoid(x) = 1 / (1 + e^-x)"},
    value{[](auto x) { return sigmoid(x); }},
    slope{[](Tensor x, Tensor y) { return y * sigmoid(-x); }},
    checks{ulp{2.5}, at{0, 0.5}, at{2, 0.880797077977882444060}});

ENTRY(log_sigmoid) = define(
    says{"log of the sigmoid, without overflow"}, math_is{"log_sigmoid(x) = -ln(1 + e^-x)"},
    value{[](auto x) { return log_sigmoid(x); }},
    slope{[](Tensor x, Tensor) { return sigmoid(-x); }},
    checks{ulp{2}, at{0, -0.693147180559945309417}});

ENTRY(softplus) = define(
    says{"a smooth relu"}, math_is{"softplus(x) = ln(1 + e^x)"},
    value{[](auto x) { return softplus(x); }},
    slope{[](Tensor x, Tensor) { return sigmoid(x); }},
    checks{ulp{2}, at{0, 0.693147180559945309417}, at{1000, 1000}});

ENTRY(relu) = define(
    says{"x where positive, else 0; its slope at 0 is 0"}, math_is{"relu(x) = max(x, 0)"},
    value{[](auto x) { return relu(x); }},
    slope{[](Tensor, Tensor y) { return cast(y > 0.0, y.dtype()); }},
    checks{kink{0}, at{-1, 0}, at{0, 0}, at{2, 2}});

ENTRY(gelu) = define(
    says{"x times the chance that a standard normal lies below x"}, math_is{"gelu(x) = x Phi(x) = x erfc(-x / sqrt 2) / 2"},
    value{[](auto x) { return gelu(x); }},
    slope{[](Tensor x, Tensor) {
      return 0.5 * erfc(-sqrt_half * x) + x * (sqrt_one_over_two_pi * exp(-0.5 * square(x)));
    }},
    checks{ulp{6}, at{0, 0}, at{1, 0.841344746068542948585}, at{-1, -0.158655253931457051415}});

ENTRY(gelu_tanh) = define(
    says{"gelu by its tanh approximation"},
    math_is{"gelu_tanh(x) = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2"},
    value{[](auto x) { return gelu_tanh(x); }},
    slope{[](Tensor x, Tensor) { return gelu_tanh_slope(x); }},
    checks{ulp{3}, at{0, 0}, at{1, 0.841191990608276}});

ENTRY(silu) = define(
    says{"x times its sigmoid"}, math_is{"silu(x) = x / (1 + e^-x)"},
    value{[](auto x) { return silu(x); }},
    slope{[](Tensor x, Tensor) { return sigmoid(x) * (x * sigmoid(-x) + 1.0); }},
    checks{ulp{2.75}, at{0, 0}, at{-1, -0.268941421369995120749}});

ENTRY(erf) = define(
    says{"error function: the chance that |N(0, 1/2)| < x"}, math_is{"erf(x) = 2/sqrt(pi) integral_0^x e^(-t^2) dt"},
    value{[](auto x) { return erf(x); }},
    slope{[](Tensor x, Tensor) { return two_over_sqrt_pi * exp(-square(x)); }},
    checks{ulp{1.5}, at{0, 0}, at{1, 0.842700792949714869341}});

ENTRY(erfc) = define(
    says{"1 - erf(x), exact in the tail"}, math_is{"erfc(x) = 1 - erf(x)"},
    value{[](auto x) { return erfc(x); }},
    slope{[](Tensor x, Tensor) { return -two_over_sqrt_pi * exp(-square(x)); }},
    checks{ulp{5.5}, at{0, 1}, at{1, 0.157299207050285130659}});

ENTRY(lgamma) = define(
    says{"log of the gamma function, of |Gamma(x)| below 0: ln (n-1)! at n"},
    math_is{"lgamma(x) = ln |integral_0^inf t^(x-1) e^-t dt|"},
    value{[](auto x) { return lgamma(x); }},
    slope{[](Tensor x, Tensor) { return digamma(x); }},
    checks{ulp{4.5}, between{0.1, 4}, at{1, 0}, at{0.5, 0.572364942924700087072}, at{-0.5, 1.26551212348464539649}});

ENTRY(digamma) = define(
    says{"the slope of lgamma"}, math_is{"digamma(x) = Gamma'(x) / Gamma(x)"},
    value{[](auto x) { return digamma(x); }},
    slope{[](Tensor x, Tensor) { return polygamma(1.0, x); }},
    checks{ulp{4}, between{0.3, 4}, at{1, -0.577215664901532860607}, at{-1.5, 0.703156640645243187226}});

// The order is a whole number, so the slope towards it is none.
ENTRY(polygamma) = define(
    says{"the a-th derivative of digamma at b, a = 0, 1, 2, ..."},
    math_is{"polygamma(a, b) = (-1)^(a+1) a! sum_{k>=0} 1 / (b + k)^(a+1)"},
    value{[](auto a, auto b) { return polygamma(a, b); }},
    slope{none, [](Tensor a, Tensor b, Tensor) { return polygamma(a + 1.0, b); }},
    checks{ulp{8}, between{0.6, 4}, at2{1, 1, 1.64493406684822643647}, at2{2, 1, -2.40411380631918857080}});

ENTRY(add) = define(
    says{"the sum of two numbers"}, math_is{"add(a, b) = a + b"},
    value{[](auto a, auto b) { return a + b; }},
    slope{plus_one, plus_one},
    checks{at2{2, 3, 5}}, prints{"{0} + {1}", 2}, integers{});

ENTRY(subtract) = define(
    says{"the difference of two numbers"}, math_is{"subtract(a, b) = a - b"},
    value{[](auto a, auto b) { return a - b; }},
    slope{plus_one, minus_one},
    checks{at2{2, 3, -1}}, prints{"{0} - {1}", 2}, integers{}, neutral{.right = 0});

ENTRY(multiply) = define(
    says{"the product of two numbers"}, math_is{"multiply(a, b) = a b"},
    value{[](auto a, auto b) { return a * b; }},
    slope{[](Tensor, Tensor b, Tensor) { return b; }, [](Tensor a, Tensor, Tensor) { return a; }},
    checks{at2{2, 3, 6}}, prints{"{0} * {1}", 3}, integers{}, neutral{1, 1});

ENTRY(divide) = define(
    says{"the quotient of two numbers"}, math_is{"divide(a, b) = a / b"},
    value{[](auto a, auto b) { return a / b; }},
    slope{[](Tensor, Tensor b, Tensor) { return 1.0 / b; }, [](Tensor, Tensor b, Tensor y) { return -y / b; }},
    checks{between{0.3, 3}, at2{3, 2, 1.5}}, prints{"{0} / {1}", 3}, integers{false}, neutral{.right = 1});

// x^0 is 1 for every x, so its slope is 0 at 0 too; 0^y is 0 for y > 0, so its slope in y is 0.
ENTRY(pow) = define(
    says{"a to the power b"}, math_is{"pow(a, b) = a^b"},
    value{[](auto a, auto b) { return pow(a, b); }},
    slope{[](Tensor a, Tensor b, Tensor) { return where(b == 0.0, 0.0, b * pow(a, b - 1.0)); },
          [](Tensor a, Tensor b, Tensor y) {
            return where(logical_and(a == 0.0, b >= 0.0), 0.0, y * log(a));
          }},
    checks{ulp{1}, between{0.3, 3}, at2{2, 10, 1024}, at2{0, 0, 1}, at2{-2, 3, -8}}, prints{"{0}^{1}", 5}, integers{false}, neutral{.right = 1});

ENTRY(maximum) = define(
    says{"the larger of two; a tie shares the slope"}, math_is{"maximum(a, b)"},
    value{[](auto a, auto b) { return maximum(a, b); }},
    slope{[](Tensor a, Tensor b, Tensor) { return where(a == b, 0.5, cast(a > b, a.dtype())); },
          [](Tensor a, Tensor b, Tensor) { return where(a == b, 0.5, cast(b > a, a.dtype())); }},
    checks{at2{2, 3, 3}, at2{-1, -2, -1}}, prints{}, integers{});

ENTRY(minimum) = define(
    says{"the smaller of two; a tie shares the slope"}, math_is{"minimum(a, b)"},
    value{[](auto a, auto b) { return minimum(a, b); }},
    slope{[](Tensor a, Tensor b, Tensor) { return where(a == b, 0.5, cast(a < b, a.dtype())); },
          [](Tensor a, Tensor b, Tensor) { return where(a == b, 0.5, cast(b < a, a.dtype())); }},
    checks{at2{2, 3, 2}, at2{-1, -2, -2}}, prints{}, integers{});

ENTRY(atan2) = define(
    says{"the angle of the point (b, a), in (-pi, pi]"}, math_is{"atan2(a, b) = arg(b + i a)"},
    value{[](auto a, auto b) { return atan2(a, b); }},
    slope{[](Tensor a, Tensor b, Tensor) { const Tensor h = hypot(a, b); return b / h / h; },
          [](Tensor a, Tensor b, Tensor) { const Tensor h = hypot(a, b); return -a / h / h; }},
    checks{ulp{1}, between{0.3, 3}, at2{1, 1, 0.785398163397448309616}});

ENTRY(hypot) = define(
    says{"length of (a, b) without overflow; its slope at 0 is 0"}, math_is{"hypot(a, b) = sqrt(a^2 + b^2)"},
    value{[](auto a, auto b) { return hypot(a, b); }},
    slope{[](Tensor a, Tensor, Tensor y) { return a / where(y == 0.0, 1.0, y); },
          [](Tensor, Tensor b, Tensor y) { return b / where(y == 0.0, 1.0, y); }},
    checks{ulp{1}, between{0.3, 3}, at2{3, 4, 5}});

ENTRY(logaddexp) = define(
    says{"log of a sum given as logs, without overflow"}, math_is{"logaddexp(a, b) = ln(e^a + e^b)"},
    value{[](auto a, auto b) { return logaddexp(a, b); }},
    slope{[](Tensor a, Tensor b, Tensor y) { return where(isinf(y), cast(a > b, a.dtype()), sigmoid(a - b)); },
          [](Tensor a, Tensor b, Tensor y) { return where(isinf(y), cast(b > a, a.dtype()), sigmoid(b - a)); }},
    checks{ulp{3}, at2{0, 0, 0.693147180559945309417}, at2{1000, 1000, 1000.69314718055994531}});

ENTRY(remainder) = define(
    says{"what is left of a after whole steps of b; it has the sign of b"},
    math_is{"remainder(a, b) = a - b floor(a / b)"},
    value{[](auto a, auto b) { return remainder(a, b); }},
    slope{plus_one, [](Tensor a, Tensor b, Tensor) { return -floor_divide(a, b); }},
    checks{at2{5.5, 2, 1.5}, at2{-1, 3, 2}, at2{1, -3, -2}}, prints{}, integers{});

// Where the quotient exceeds what the type counts exactly, it may be one off.
ENTRY(floor_divide) = define(
    says{"how many whole steps of b fit into a"}, math_is{"floor_divide(a, b) = floor(a / b)"},
    value{[](auto a, auto b) { return floor_divide(a, b); }},
    slope{none, none},
    checks{ulp{2}, at2{5.5, 2, 2}, at2{-1, 3, -1}}, prints{}, integers{});

// The product in derivative rules: a zero cotangent or tangent (a) contributes nothing, whatever
// the slope (b) is. So a branch that where did not take cannot spoil a gradient with 0 * inf.
ENTRY(strong_product) = define(
    says{"a b, but exactly 0 where a is 0, even if b is infinite or NaN"},
    math_is{"strong_product(a, b) = 0 if a = 0, else a b"},
    value{[](auto a, auto b) { return strong_product(a, b); }},
    slope{[](Tensor, Tensor b, Tensor) { return b; }, winning{[](Tensor a, Tensor, Tensor) { return a; }}},
    checks{at2{2, 3, 6}}, prints{"{0} * {1}", 3}, integers{false}, neutral{1, 1});

// The product of a cotangent or tangent with one that is its slope: either being exactly 0 decides.
ENTRY(zero_product) = define(
    says{"a b, but exactly 0 where one of them is 0, even if the other is infinite or NaN"},
    math_is{"zero_product(a, b) = 0 if a = 0 or b = 0, else a b"},
    value{[](auto a, auto b) { return zero_product(a, b); }},
    slope{winning{[](Tensor, Tensor b, Tensor) { return b; }}, winning{[](Tensor a, Tensor, Tensor) { return a; }}},
    checks{at2{2, 3, 6}}, prints{"{0} * {1}", 3}, integers{false}, neutral{1, 1});
// clang-format on

// The type of the entry's function: it has no state, so kernels make their own.
template <Word w>
using function_of = std::remove_cvref_t<decltype(entry<w>.v)>;

template <Word w>
constexpr RowKernels unary_rows() {
  RowKernels r{.f32 = row_1<float, function_of<w>>};
#if HWY_HAVE_FLOAT64
  r.f64 = row_1<double, function_of<w>>;
#endif
  if constexpr (entry<w>.integers) {
    r.i32 = integer_row_1<int32_t, function_of<w>>;
    r.i64 = integer_row_1<int64_t, function_of<w>>;
  }
  return r;
}

template <Word w>
constexpr RowKernels binary_rows() {
  RowKernels r{.f32 = row_2<float, function_of<w>>};
#if HWY_HAVE_FLOAT64
  r.f64 = row_2<double, function_of<w>>;
#endif
  if constexpr (entry<w>.integers) {
    r.i32 = integer_row_2<int32_t, function_of<w>>;
    r.i64 = integer_row_2<int64_t, function_of<w>>;
  }
  return r;
}

const RowKernels* row_table() {
  static constexpr RowKernels kernels[] = {
#define OP(n) unary_rows<Word::n>(),
      GRADUS_UNARY_WORDS(OP)
#undef OP
#define OP(n) binary_rows<Word::n>(),
          GRADUS_BINARY_WORDS(OP)
#undef OP
  };
  return kernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gradus/base/error.h>
#include <gradus/ops/batching.h>

namespace gradus {
namespace {

HWY_EXPORT(row_table);

const RowKernels& row_kernels(int word) {
  static const RowKernels* const kernels = HWY_DYNAMIC_DISPATCH(row_table)();
  return kernels[word];
}

Type pointwise_type(const Op& op, std::span<const Type> in, const Attrs&, int) {
  for (const Type& t : in.subspan(1))
    if (!(t == in[0]))
      raise(ErrorKind::shape,
            std::string(op.name) + ": " + to_string(in[0]) + " and " + to_string(t) +
                " differ. A recorded step needs equal types; use the function " + op.name + "().");
  return in[0];
}

Kernel pointwise_kernel(const Op& op, std::span<const Type> in, const Type&) {
  const RowKernels& r = row_kernels(op.word);
  const Call::Row rows[] = {r.f32, r.f64, r.i32, r.i64};
  return {run_rows, rows[static_cast<size_t>(in[0].dtype)]};
}

// The entries of the baseline target: words and slopes come from one place.
template <Word w>
constexpr auto& the_entry = HWY_NAMESPACE::entry<w>;

template <class E>
constexpr Op make_op(const char* name, const E& e, int inputs, Word w, Slope a, Slope b) {
  return {.name = name,
          .says = e.s.text,
          .math = e.m.text,
          .form = e.p.form,
          .binds = e.p.binds,
          .kind = Kind::elementwise,
          .inputs = inputs,
          .pointwise = true,
          .type = pointwise_type,
          .kernel = pointwise_kernel,
          .rule = {.slope = {a, b}},
          .batch = batch_leading,
          .checks = {.ulp = e.c.ulp_bound,
                     .low = e.c.low,
                     .high = e.c.high,
                     .known = {e.c.known, e.c.known_count},
                     .kinks = {e.c.kinks, e.c.kink_count}},
          .neutral = {e.n.left, e.n.right},
          .word = static_cast<int>(w),
          .integers = e.integers};
}

}  // namespace

namespace op {
#define OP(n)                                                        \
  constinit const Op n = make_op(#n, the_entry<Word::n>, 1, Word::n, \
                                 entries::unary_slope(the_entry<Word::n>.d.a), {});
GRADUS_UNARY_WORDS(OP)
#undef OP
#define OP(n)                                                                                    \
  constinit const Op n =                                                                         \
      make_op(#n, the_entry<Word::n>, 2, Word::n, entries::binary_slope(the_entry<Word::n>.d.a), \
              entries::binary_slope(the_entry<Word::n>.d.b));
GRADUS_BINARY_WORDS(OP)
#undef OP
}  // namespace op

#define OP(n)                          \
  Tensor n(const Tensor& x) {          \
    if (!op::n.integers)               \
      require_float(op::n, x.type());  \
    else                               \
      require_number(op::n, x.type()); \
    return apply(op::n, {x});          \
  }
GRADUS_UNARY_WORDS(OP)
#undef OP

#define OP(n)                                  \
  Tensor n(const Tensor& a, const Tensor& b) { \
    Tensor x = a, y = b;                       \
    align(op::n, x, y);                        \
    if (!op::n.integers)                       \
      require_float(op::n, x.type());          \
    else                                       \
      require_number(op::n, x.type());         \
    return apply(op::n, {x, y});               \
  }
GRADUS_BINARY_WORDS(OP)
#undef OP

}  // namespace gradus
#endif
