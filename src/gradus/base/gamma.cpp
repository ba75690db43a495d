#include <gradus/base/gamma.h>

#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>

namespace gradus::gamma_function {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.141592653589793238463;

// c[0] + c[1] x + c[2] x^2 + ...
template <size_t n>
double poly(double x, const double (&c)[n]) {
  double y = c[n - 1];
  for (size_t i = n - 1; i-- > 0;) y = y * x + c[i];
  return y;
}

// lgamma(2 + t) = t (1 + t) p(t) for |t| <= 1: both zeros are factors, so their digits stay.
// Coefficients here and below: Chebyshev interpolation in 300-bit arithmetic, error < 0.3 ulp.
constexpr double lgamma_p[] = {
    0.42278433509846713,     -0.10031730167435392,    0.03296500062115691,
    -0.012384192193371805,   0.004998641164627129,    -0.0021081308339216706,
    0.0009153769240386907,   -0.0004057073983775151,  0.0001825526153982638,
    -8.309511477709561e-05,  3.816907658276081e-05,   -1.7661767658452517e-05,
    8.221234475942905e-06,   -3.846858091533014e-06,  1.8113906873056685e-06,
    -8.54560908975883e-07,   3.958940459367468e-07,   -1.878442644643758e-07,
    1.042041826608264e-07,   -4.9827532071170234e-08, 5.910565853507869e-09,
    -2.7296358592514825e-09, 1.6194359237484174e-08,  -7.842557720538356e-09,
    -4.312495770350818e-09,  2.0986002157033107e-09,  1.5746606982777302e-09,
    -7.639292345836201e-10};
double lgamma_near_2(double t) {
  return t * ((1 + t) * poly(t, lgamma_p)) + 0.0;  // +0 at both zeros
}

// digamma(2 + t) = (2 + t - zero) p(t) for |t| <= 1.
constexpr double digamma_zero = 1.4616321449683622, digamma_zero_rest = 9.549995429965697e-17;
constexpr double digamma_p[] = {
    0.7853075386041053,      -0.2607389546830014,     0.10899991701762626,
    -0.04955103291767291,    0.023447309597724546,    -0.011338432553333682,
    0.005552254171350814,    -0.0027395728831692795,  0.0013581421903714414,
    -0.000675313369799565,   0.00033643237613001386,  -0.00016781518722379935,
    8.377966540530644e-05,   -4.184622931937881e-05,  2.0891708911121205e-05,
    -1.044106631983514e-05,  5.26871942897218e-06,    -2.6338311326151924e-06,
    1.2119815782595426e-06,  -6.059322795045256e-07,  4.6173797029851077e-07,
    -2.3086248081342955e-07, -5.6422994902202784e-08, 2.821220170829738e-08,
    1.1540536834062045e-07,  -5.77025926771739e-08,   -3.5705337308985145e-08,
    1.7852672191376552e-08,  1.0201545142033868e-08,  -5.100770214989469e-09};
double digamma_near_2(double t) {
  return ((t + (2 - digamma_zero)) - digamma_zero_rest) * poly(t, digamma_p);
}

// The distance of x from the nearest integer, with its sign.
double from_integer(double x) {
  return x - std::round(x);
}

// The sum over k >= 0 of (unit / (q + k))^s: term by term up to 6 + s, then by Euler and Maclaurin
// (DLMF 25.11.5). All parts are positive. Error of the tail below 1 ulp of the sum for s <= 50.
double zeta_sum(double s, double q, double unit) {
  // B_2j / (2j)!
  constexpr double c[] = {0.08333333333333333,    -0.001388888888888889,   3.306878306878307e-05,
                          -8.267195767195768e-07, 2.08767569878681e-08,    -5.284190138687493e-10,
                          1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
                          -2.174868698558062e-16};
  double sum = 0, z = q;
  for (; z < 6 + s; z += 1) {
    const double term = std::pow(unit / z, s);
    sum += term;
    if (term <= 0x1p-60 * sum) return sum;
  }
  double tail = z / (s - 1) + 0.5, factor = s / z;
  for (size_t j = 0; j < std::size(c); ++j) {
    tail += c[j] * factor;
    const double k = 2 * static_cast<double>(j) + s;
    factor *= (k + 1) / z * ((k + 2) / z);
  }
  return sum + std::pow(unit / z, s) * tail;
}

}  // namespace

double lgamma(double x) {
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return infinity;
  if (std::fabs(x) < 0x1p-60) return -std::log(std::fabs(x));
  if (x < 0) {
    const double s = std::fabs(std::sin(pi * from_integer(x)));
    return s == 0 ? infinity : std::log(pi / s) - lgamma(1 - x);
  }
  if (x < 1) return lgamma_near_2(x - 1) - std::log(x);
  if (x <= 3) return lgamma_near_2(x - 2);
  if (x < 10) {
    double product = 1;
    while (x > 3) product *= x -= 1;
    return lgamma_near_2(x - 2) + std::log(product);
  }
  // Stirling: (x - 1/2) ln x - x + ln(2 pi) / 2 + sum B_2k / (2k (2k - 1) x^(2k-1)), DLMF 5.11.1.
  constexpr double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                          1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  constexpr double rest = 0.41893853320467274178;  // (ln(2 pi) - 1) / 2
  return (x - 0.5) * (std::log(x) - 1) + (poly(1 / (x * x), c) / x + rest);
}

double lgamma1p(double x) {
  return lgamma_near_2(x) - std::log1p(x);
}

double digamma(double x) {
  if (x == 0) return std::copysign(infinity, -x);
  if (x == -infinity) return not_a_number;
  if (x < 0) {
    const double r = from_integer(x);
    if (r == 0) return not_a_number;
    return digamma(1 - x) - pi / std::tan(pi * r);
  }
  if (x < 1) return digamma_near_2(x - 1) - 1 / x;
  double sum = 0;
  if (x < 10)
    while (x > 3) x -= 1, sum += 1 / x;
  if (x <= 3) return digamma_near_2(x - 2) + sum;
  // ln x - 1 / 2x - sum B_2k / (2k x^2k), DLMF 5.11.2.
  constexpr double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                          1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
  const double z = 1 / x;
  return std::log(x) - z * (0.5 + z * poly(z * z, c));
}

double polygamma(double n, double x) {
  if (!(n >= 0 && n < 0x1p52) || n != std::floor(n) || std::isnan(x)) return not_a_number;
  if (n == 0) return digamma(x);
  const bool odd = std::fmod(n, 2) != 0;
  if (x == infinity) return odd ? 0.0 : -0.0;
  if (x == -infinity) return not_a_number;
  // (-1)^s n! times the sum over k >= 0 of (x + k)^-s, in units of the term nearest to the pole.
  const double s = n + 1;
  double unit = x, sum;
  if (x > 0) {
    sum = zeta_sum(s, x, unit);
  } else {
    const double r = from_integer(x);
    if (r == 0) return odd ? infinity : not_a_number;
    unit = std::fabs(r);
    // On the right x + k is r, r + 1, ... or from 1 + r; on the left it ends at x.
    const double right = zeta_sum(s, r > 0 ? r : 1 + r, unit);
    const double left = zeta_sum(s, r > 0 ? 1 - r : -r, unit) - zeta_sum(s, 1 - x, unit);
    sum = odd ? right + left : right - left;
  }
  double size;
  if (n > 170) {
    size = std::exp(lgamma(s) - s * std::log(unit)) * sum;
  } else {
    double factorial = 1;
    for (double k = 2; k <= n; k += 1) factorial *= k;
    // In halves: unit^-s may leave f64 where the product does not.
    const double half = std::pow(unit, -s / 2);
    size = factorial * half * sum * half;
  }
  return odd ? size : -size;
}

}  // namespace gradus::gamma_function
