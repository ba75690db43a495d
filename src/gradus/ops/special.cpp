// One entry per special function: its words, its slopes in ops, its known answers and bound; the
// numbers come from base/special.h, in f64, one at a time.
#include <gradus/base/special.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>

#include <cmath>

namespace gradus {
namespace {

constexpr double two_over_sqrt_pi = 1.12837916709551257390;
constexpr double sqrt_half = 0.707106781186547524401;
constexpr double sqrt_two_pi = 2.50662827463100050242;
constexpr double log_sqrt_two_pi = 0.91893853320467274178;

template <auto f>
struct Scalar;
template <double (*f)(double)>
struct Scalar<f> {
  static constexpr int inputs = 1;
  static double at(const double* x) { return f(x[0]); }
};
template <double (*f)(double, double)>
struct Scalar<f> {
  static constexpr int inputs = 2;
  static double at(const double* x) { return f(x[0], x[1]); }
};
template <double (*f)(double, double, double)>
struct Scalar<f> {
  static constexpr int inputs = 3;
  static double at(const double* x) { return f(x[0], x[1], x[2]); }
};

template <auto f, class T>
void row(const void* const in[], const bool single[], void* out, size_t n) {
  constexpr int inputs = Scalar<f>::inputs;
  T* y = static_cast<T*>(out);
  for (size_t i = 0; i < n; ++i) {
    double x[inputs];
    for (int k = 0; k < inputs; ++k)
      x[k] = static_cast<double>(static_cast<const T*>(in[k])[single[k] ? 0 : i]);
    y[i] = static_cast<T>(Scalar<f>::at(x));
  }
}

template <auto f>
Kernel kernel_of(const Op&, std::span<const Type> in, const Type&) {
  return {run_rows, in[0].dtype == DType::f32 ? row<f, float> : row<f, double>};
}

Type type_of_first(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

constexpr Slope towards(Slope::Unary f) {
  return {.unary = f};
}
constexpr Slope towards(Slope::Binary f) {
  return {.binary = f};
}
constexpr Slope towards(Slope::Ternary f) {
  return {.ternary = f};
}

template <auto f, class... Slopes>
constexpr Op entry(const char* name, const char* says, const char* math, Checks checks,
                   Slopes... slopes) {
  return {.name = name,
          .says = says,
          .math = math,
          .kind = Kind::elementwise,
          .inputs = Scalar<f>::inputs,
          .pointwise = true,
          .type = type_of_first,
          .kernel = kernel_of<f>,
          .rule = {.slope = {towards(slopes)...}},
          .batch = batch_leading,
          .checks = checks};
}

Tensor unknown(const Tensor& x) {
  return x * std::nan("");
}

using Two = Slope::Binary;
using Three = Slope::Ternary;
using One = Slope::Unary;

// The slopes of a logarithm of a tail: of the tail over the tail, which may lie below f64. Inside
// the tail both are their integrand at x times integrals near 1.
Tensor over(const Tensor& slope, const Tensor& log_tail) {
  return slope * exp(-log_tail);
}

// clang-format off
#define ENTRY(n) constexpr Op n##_entry = entry<special::n>

constexpr Known gamma_known[] = {{{5}, 24}, {{0.5}, 1.77245385090551602730}, {{-1.5}, 2.36327180120735470306}};
ENTRY(gamma)("gamma", "the gamma function: (n-1)! at n", "gamma(x) = integral_0^inf t^(x-1) e^-t dt",
    {.ulp = 8, .low = 0.3, .high = 4, .known = gamma_known},
    One{[](Tensor x, Tensor y) { return y * digamma(x); }});

constexpr Known erfcx_known[] = {{{0}, 1}, {{1}, 0.427583576155807004411}};
ENTRY(erfcx)("erfcx", "erfc(x) times exp(x^2), which does not vanish", "erfcx(x) = e^(x^2) erfc(x)",
    {.ulp = 4, .low = -1, .high = 3, .known = erfcx_known},
    One{[](Tensor x, Tensor y) {
      const Tensor z = 0.5 / square(where(x > 25.0, x, 25.0));
      const Tensor series =
          1.0 -
          z * (3.0 - z * (15.0 - z * (105.0 - z * (945.0 - z * (10395.0 - z * 135135.0)))));
      const Tensor far = -0.5 * two_over_sqrt_pi * 2.0 * z * series;
      return where(x > 25.0, far, 2.0 * x * y - two_over_sqrt_pi);
    }});

constexpr Known erfinv_known[] = {{{0}, 0}, {{0.5}, 0.476936276204469873381}, {{-0.5}, -0.476936276204469873381}};
ENTRY(erfinv)("erfinv", "the y whose error function is x", "erf(erfinv(x)) = x",
    {.ulp = 4, .low = -0.9, .high = 0.9, .known = erfinv_known},
    One{[](Tensor, Tensor y) { return exp(square(y)) / two_over_sqrt_pi; }});

constexpr Known erfcinv_known[] = {{{1}, 0}, {{0.5}, 0.476936276204469873381}};
ENTRY(erfcinv)("erfcinv", "the y whose erfc is x, exact for tiny x", "erfc(erfcinv(x)) = x",
    {.ulp = 4, .low = 0.1, .high = 1.9, .known = erfcinv_known},
    One{[](Tensor, Tensor y) { return -exp(square(y)) / two_over_sqrt_pi; }});

constexpr Known ndtr_known[] = {{{0}, 0.5}, {{1}, 0.841344746068542948585}};
ENTRY(ndtr)("ndtr", "the chance that a standard normal number is below x", "ndtr(x) = integral_-inf^x e^(-t^2/2) dt / sqrt(2 pi)",
    {.ulp = 4, .known = ndtr_known},
    One{[](Tensor x, Tensor) { return exp((-0.5 * x) * x) / sqrt_two_pi; }});

constexpr Known ndtri_known[] = {{{0.5}, 0}, {{0.975}, 1.95996398454005423552}};
ENTRY(ndtri)("ndtri", "the quantile of the standard normal distribution", "ndtr(ndtri(p)) = p",
    {.ulp = 4, .low = 0.1, .high = 0.9, .known = ndtri_known},
    One{[](Tensor, Tensor y) { return exp((0.5 * y) * y) * sqrt_two_pi; }});

constexpr Known log_ndtr_known[] = {{{0}, -0.693147180559945309417}, {{-10}, -53.2312851505124705999}};
ENTRY(log_ndtr)("log_ndtr", "ln of the chance that a standard normal number is below x", "log_ndtr(x) = ln ndtr(x)",
    {.ulp = 4, .known = log_ndtr_known},
    One{[](Tensor x, Tensor y) {
      const Tensor left = two_over_sqrt_pi * sqrt_half / erfcx(-sqrt_half * where(x < 0.0, x, -1.0));
      return where(x < 0.0, left, exp((-0.5 * x) * x - y - log_sqrt_two_pi));
    }});

constexpr Known logit_known[] = {{{0.5}, 0}, {{0.75}, 1.09861228866810969140}};
ENTRY(logit)("logit", "the inverse of sigmoid: log odds", "logit(p) = ln(p / (1 - p))",
    {.ulp = 4, .low = 0.1, .high = 0.9, .known = logit_known},
    One{[](Tensor x, Tensor) { return 1.0 / (x * (1.0 - x)); }});

constexpr Known log1mexp_known[] = {{{-1}, -0.458675145387081891022}};
ENTRY(log1mexp)("log1mexp", "ln(1 - e^x) for x <= 0, exact at both ends", "log1mexp(x) = ln(1 - e^x)",
    {.ulp = 3, .low = -4, .high = -0.1, .known = log1mexp_known},
    One{[](Tensor x, Tensor) { return -1.0 / expm1(-x); }});

constexpr Known mish_known[] = {{{0}, 0}, {{1}, 0.865098388267310346116}};
ENTRY(mish)("mish", "x times the tanh of its softplus", "mish(x) = x tanh(ln(1 + e^x))",
    {.ulp = 5, .known = mish_known},
    One{[](Tensor x, Tensor) {
      const Tensor t = tanh(softplus(x));
      return t + x * (1.0 - square(t)) * sigmoid(x);
    }});

constexpr Known stirling_known[] = {{{1}, 0.0810614667953272582196}, {{100}, 0.000833330555634914727}};
ENTRY(stirling_error)("stirling_error", "what Stirling's formula leaves of lgamma", "stirling_error(x) = lgamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2",
    {.ulp = 8, .low = 0.3, .high = 4, .known = stirling_known},
    One{[](Tensor x, Tensor) { return stirling_slope(x); }});
ENTRY(stirling_slope)("stirling_slope", "the slope of stirling_error", "stirling_slope(x) = digamma(x) - ln x + 1/(2x)",
    {.ulp = 8, .low = 0.3, .high = 4},
    One{[](Tensor x, Tensor) { return polygamma(1.0, x) - 1.0 / x - 0.5 / square(x); }});

constexpr Known beta_known[] = {{{2, 3}, 1.0 / 12}, {{0.5, 0.5}, 3.14159265358979323846}};
ENTRY(beta)("beta", "the beta function", "beta(a, b) = integral_0^1 t^(a-1) (1-t)^(b-1) dt",
    {.ulp = 16, .low = 0.3, .high = 4, .known = beta_known},
    Two{[](Tensor a, Tensor b, Tensor y) { return y * (digamma(a) - digamma(a + b)); }},
    Two{[](Tensor a, Tensor b, Tensor y) { return y * (digamma(b) - digamma(a + b)); }});

constexpr Known lbeta_known[] = {{{2, 3}, -2.48490664978800031023}};
ENTRY(lbeta)("lbeta", "ln of the beta function", "lbeta(a, b) = ln beta(a, b)",
    {.ulp = 16, .low = 0.3, .high = 4, .known = lbeta_known},
    Two{[](Tensor a, Tensor b, Tensor) { return digamma(a) - digamma(a + b); }},
    Two{[](Tensor a, Tensor b, Tensor) { return digamma(b) - digamma(a + b); }});

constexpr Known deviance_known[] = {{{2, 1}, 0.386294361119890618835}, {{1, 1}, 0}};
ENTRY(deviance)("deviance", "how far x lies from m, as a Poisson count; 0 only at m", "deviance(x, m) = x ln(x / m) - x + m",
    {.ulp = 8, .low = 0.3, .high = 4, .known = deviance_known},
    Two{[](Tensor x, Tensor m, Tensor) {
      const Tensor t = (x - m) / m;
      return where(abs(t) < 0.5, log1p(t), log(x) - log(m));
    }},
    Two{[](Tensor x, Tensor m, Tensor) { return (m - x) / m; }});

constexpr Known p_known[] = {{{1, 1}, 0.632120558828557678404}, {{0.5, 0.5}, 0.682689492137085897170}};
ENTRY(gammainc_p)("gammainc_p", "the regularised lower incomplete gamma function", "gammainc_p(a, x) = integral_0^x t^(a-1) e^-t dt / gamma(a)",
    {.ulp = 64, .low = 0.3, .high = 4, .known = p_known},
    Two{[](Tensor a, Tensor x, Tensor) { return gammainc_by_a(a, x); }},
    Two{[](Tensor a, Tensor x, Tensor) { return gammainc_by_x(a, x); }});
constexpr Known q_known[] = {{{1, 1}, 0.367879441171442321596}, {{0.5, 0.5}, 0.317310507862914102830}};
ENTRY(gammainc_q)("gammainc_q", "the regularised upper incomplete gamma function", "gammainc_q(a, x) = 1 - gammainc_p(a, x)",
    {.ulp = 64, .low = 0.3, .high = 4, .known = q_known},
    Two{[](Tensor a, Tensor x, Tensor) { return -gammainc_by_a(a, x); }},
    Two{[](Tensor a, Tensor x, Tensor) { return -gammainc_by_x(a, x); }});
constexpr Known log_p_known[] = {{{1, 1}, -0.458675145387081891022}};
ENTRY(log_gammainc_p)("log_gammainc_p", "ln of gammainc_p, also where that is below f64", "log_gammainc_p(a, x) = ln gammainc_p(a, x)",
    {.ulp = 64, .low = 0.3, .high = 4, .known = log_p_known},
    Two{[](Tensor a, Tensor x, Tensor y) { return over(gammainc_by_a(a, x), y); }},
    Two{[](Tensor a, Tensor x, Tensor y) { return over(gammainc_by_x(a, x), y); }});
constexpr Known log_q_known[] = {{{1, 1}, -1}};
ENTRY(log_gammainc_q)("log_gammainc_q", "ln of gammainc_q, also where that is below f64", "log_gammainc_q(a, x) = ln gammainc_q(a, x)",
    {.ulp = 64, .low = 0.3, .high = 4, .known = log_q_known},
    Two{[](Tensor a, Tensor x, Tensor y) { return over(-gammainc_by_a(a, x), y); }},
    Two{[](Tensor a, Tensor x, Tensor y) { return over(-gammainc_by_x(a, x), y); }});
constexpr Known p_inv_known[] = {{{1, 0.5}, 0.693147180559945309417}};
ENTRY(gammainc_p_inv)("gammainc_p_inv", "the x with gammainc_p(a, x) = p", "gammainc_p(a, gammainc_p_inv(a, p)) = p",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = p_inv_known},
    Two{[](Tensor a, Tensor, Tensor y) { return -gammainc_by_a(a, y) / gammainc_by_x(a, y); }},
    Two{[](Tensor a, Tensor, Tensor y) { return 1.0 / gammainc_by_x(a, y); }});
constexpr Known q_inv_known[] = {{{1, 0.5}, 0.693147180559945309417}};
ENTRY(gammainc_q_inv)("gammainc_q_inv", "the x with gammainc_q(a, x) = q", "gammainc_q(a, gammainc_q_inv(a, q)) = q",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = q_inv_known},
    Two{[](Tensor a, Tensor, Tensor y) { return -gammainc_by_a(a, y) / gammainc_by_x(a, y); }},
    Two{[](Tensor a, Tensor, Tensor y) { return -1.0 / gammainc_by_x(a, y); }});
ENTRY(gammainc_by_x)("gammainc_by_x", "the slope of gammainc_p towards x: the gamma density", "x^(a-1) e^-x / gamma(a)",
    {.ulp = 64, .low = 0.3, .high = 4},
    Two{[](Tensor a, Tensor x, Tensor y) { return y * (log(x) - digamma(a)); }},
    Two{[](Tensor a, Tensor x, Tensor y) { return y * ((a - 1.0) / x - 1.0); }});
ENTRY(gammainc_by_a)("gammainc_by_a", "the slope of gammainc_p towards a", "d/da gammainc_p(a, x)",
    {.ulp = 64, .low = 0.3, .high = 4},
    Two{[](Tensor a, Tensor x, Tensor) { return gammainc_by_aa(a, x); }},
    Two{[](Tensor a, Tensor x, Tensor) { return gammainc_by_x(a, x) * (log(x) - digamma(a)); }});
ENTRY(gammainc_by_aa)("gammainc_by_aa", "the second derivative of gammainc_p towards a; the third is not known", "d2/da2 gammainc_p(a, x)",
    {.ulp = 64, .low = 0.3, .high = 4},
    Two{[](Tensor a, Tensor, Tensor) { return unknown(a); }},
    Two{[](Tensor a, Tensor x, Tensor) {
      return gammainc_by_x(a, x) * (square(log(x) - digamma(a)) - polygamma(1.0, a));
    }});

constexpr Known i_known[] = {{{1, 1, 0.25}, 0.25}, {{2, 3, 0.5}, 0.6875}};
ENTRY(betainc)("betainc", "the regularised incomplete beta function", "betainc(a, b, x) = integral_0^x t^(a-1) (1-t)^(b-1) dt / beta(a, b)",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = i_known},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_a(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_b(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_x(a, b, x); }});
constexpr Known ic_known[] = {{{1, 1, 0.25}, 0.75}, {{2, 3, 0.5}, 0.3125}};
ENTRY(betainc_c)("betainc_c", "1 - betainc, without cancellation", "betainc_c(a, b, x) = 1 - betainc(a, b, x)",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = ic_known},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return -betainc_by_a(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return -betainc_by_b(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return -betainc_by_x(a, b, x); }});
constexpr Known log_i_known[] = {{{1, 1, 0.25}, -1.38629436111989061883}};
ENTRY(log_betainc)("log_betainc", "ln of betainc, also where that is below f64", "log_betainc(a, b, x) = ln betainc(a, b, x)",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = log_i_known},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(betainc_by_a(a, b, x), y); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(betainc_by_b(a, b, x), y); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(betainc_by_x(a, b, x), y); }});
constexpr Known log_ic_known[] = {{{1, 1, 0.25}, -0.287682072451780927439}};
ENTRY(log_betainc_c)("log_betainc_c", "ln of betainc_c, also where that is below f64", "log_betainc_c(a, b, x) = ln betainc_c(a, b, x)",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = log_ic_known},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(-betainc_by_a(a, b, x), y); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(-betainc_by_b(a, b, x), y); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return over(-betainc_by_x(a, b, x), y); }});
constexpr Known i_inv_known[] = {{{1, 1, 0.25}, 0.25}, {{2, 3, 0.6875}, 0.5}};
ENTRY(betainc_inv)("betainc_inv", "the x with betainc(a, b, x) = p", "betainc(a, b, betainc_inv(a, b, p)) = p",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = i_inv_known},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return -betainc_by_a(a, b, y) / betainc_by_x(a, b, y); }},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return -betainc_by_b(a, b, y) / betainc_by_x(a, b, y); }},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return 1.0 / betainc_by_x(a, b, y); }});
constexpr Known ic_inv_known[] = {{{1, 1, 0.25}, 0.75}, {{2, 3, 0.3125}, 0.5}};
ENTRY(betainc_c_inv)("betainc_c_inv", "the x with betainc_c(a, b, x) = q", "betainc_c(a, b, betainc_c_inv(a, b, q)) = q",
    {.ulp = 64, .low = 0.2, .high = 0.8, .known = ic_inv_known},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return -betainc_by_a(a, b, y) / betainc_by_x(a, b, y); }},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return -betainc_by_b(a, b, y) / betainc_by_x(a, b, y); }},
    Three{[](Tensor a, Tensor b, Tensor, Tensor y) { return -1.0 / betainc_by_x(a, b, y); }});
ENTRY(betainc_by_x)("betainc_by_x", "the slope of betainc towards x: the beta density", "x^(a-1) (1-x)^(b-1) / beta(a, b)",
    {.ulp = 64, .low = 0.2, .high = 0.8},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return y * (log(x) - digamma(a) + digamma(a + b)); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return y * (log1p(-x) - digamma(b) + digamma(a + b)); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor y) { return y * ((a - 1.0) / x - (b - 1.0) / (1.0 - x)); }});
ENTRY(betainc_by_a)("betainc_by_a", "the slope of betainc towards a", "d/da betainc(a, b, x)",
    {.ulp = 64, .low = 0.2, .high = 0.8},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_aa(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_ab(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) {
      return betainc_by_x(a, b, x) * (log(x) - digamma(a) + digamma(a + b));
    }});
ENTRY(betainc_by_b)("betainc_by_b", "the slope of betainc towards b", "d/db betainc(a, b, x)",
    {.ulp = 64, .low = 0.2, .high = 0.8},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_ab(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) { return betainc_by_bb(a, b, x); }},
    Three{[](Tensor a, Tensor b, Tensor x, Tensor) {
      return betainc_by_x(a, b, x) * (log1p(-x) - digamma(b) + digamma(a + b));
    }});

// The slopes of second derivatives: only the one towards x is known.
#define SECOND(n, says, formula)                                                       \
  ENTRY(n)(#n, says, "the second derivative of betainc(a, b, x)", {.ulp = 64, .low = 0.2, .high = 0.8}, \
      Three{[](Tensor a, Tensor, Tensor, Tensor) { return unknown(a); }},              \
      Three{[](Tensor a, Tensor, Tensor, Tensor) { return unknown(a); }},              \
      Three{[](Tensor a, Tensor b, Tensor x, Tensor) {                                 \
        const Tensor u = log(x) - digamma(a) + digamma(a + b),                         \
                     v = log1p(-x) - digamma(b) + digamma(a + b), all = polygamma(1.0, a + b); \
        return betainc_by_x(a, b, x) * (formula);                                      \
      }});
SECOND(betainc_by_aa, "towards a twice", square(u) + 0.0 * v - polygamma(1.0, a) + all)
SECOND(betainc_by_ab, "towards a and b", u * v + all)
SECOND(betainc_by_bb, "towards b twice", square(v) + 0.0 * u - polygamma(1.0, b) + all)
#undef SECOND
#undef ENTRY
// clang-format on

}  // namespace

namespace op {
#define OP(n) constinit const Op n = n##_entry;
GRADUS_SPECIAL_UNARY_WORDS(OP)
GRADUS_SLOPE_UNARY_WORDS(OP)
GRADUS_SPECIAL_BINARY_WORDS(OP)
GRADUS_SLOPE_BINARY_WORDS(OP)
GRADUS_SPECIAL_TERNARY_WORDS(OP)
GRADUS_SLOPE_TERNARY_WORDS(OP)
#undef OP
}  // namespace op

#define OP(n)                       \
  Tensor n(const Tensor& x) {       \
    require_float(op::n, x.type()); \
    return apply(op::n, {x});       \
  }
GRADUS_SPECIAL_UNARY_WORDS(OP)
GRADUS_SLOPE_UNARY_WORDS(OP)
#undef OP

#define OP(n)                                  \
  Tensor n(const Tensor& a, const Tensor& b) { \
    Tensor x = a, y = b;                       \
    align(op::n, x, y);                        \
    require_float(op::n, x.type());            \
    return apply(op::n, {x, y});               \
  }
GRADUS_SPECIAL_BINARY_WORDS(OP)
GRADUS_SLOPE_BINARY_WORDS(OP)
#undef OP

namespace {

// All three to one type and shape: the first pair, then each with the third.
Tensor of_three(const Op& op, const Tensor& a, const Tensor& b, const Tensor& x) {
  Tensor p = a, q = b, r = x;
  align(op, p, q);
  align(op, p, r);
  align(op, q, r);
  require_float(op, p.type());
  return apply(op, {p, q, r});
}

}  // namespace

#define OP(n)                                                   \
  Tensor n(const Tensor& a, const Tensor& b, const Tensor& x) { \
    return of_three(op::n, a, b, x);                            \
  }
GRADUS_SPECIAL_TERNARY_WORDS(OP)
GRADUS_SLOPE_TERNARY_WORDS(OP)
#undef OP

Tensor trigamma(const Tensor& x) {
  return polygamma(1.0, x);
}

}  // namespace gradus
