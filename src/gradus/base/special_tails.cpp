// The incomplete gamma and beta functions with their derivatives in every argument, from one
// integral each. The tail on the side of x away from the mode is its integrand at x times
//   J = integral over w >= 0 of exp(-h(w)) dw,  h(0) = 0, h increasing:
// all terms are positive, so nothing cancels, whatever the parameters; the derivatives towards a
// and b are the same integral with logarithms as weights, which do not change their sign there.
// J is a sum over the nodes of a double exponential rule (Takahasi and Mori 1974) on the scale of
// h. Shapes below 1 are stepped up by one first, by a recurrence of positive terms.
#include <gradus/base/double_double.h>
#include <gradus/base/gamma.h>
#include <gradus/base/special.h>
#include <gradus/base/special_parts.h>

#include <cmath>
#include <limits>

namespace gradus::special {
namespace {

using gamma_function::digamma;
using gamma_function::lgamma;
using gamma_function::lgamma1p;
using gamma_function::polygamma;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double root_two_pi = 2.50662827463100050242;
constexpr double log_root_two_pi = 0.91893853320467274178;  // ln(2 pi) / 2

// The integral over w >= 0 of f(w, exp(-h(w))): trapezoids in v, w = scale exp(v - e^-v). Where
// the integrand has a second, shorter scale, w = scale e^v from below that one on.
template <class H, class F>
double over_half_line(const H& h, const F& f, double shorter = infinity) {
  double scale = 1;
  while (h(scale) > 1 && scale > 1e-300) scale *= 0.25;
  while (h(scale) < 0.25 && scale < 1e300) scale *= 2;
  const bool two_scales = shorter < infinity;
  const double step = two_scales ? 1.0 / 6 : 1.0 / 16;
  const double first = two_scales ? std::log(std::fmin(shorter / scale, 1.0)) - 38 : -3.75;
  double sum = 0, peak = 0;
  for (int i = 0; i < 2000; ++i) {
    const double v = first + i * step, e = two_scales ? 0 : std::exp(-v);
    const double w = scale * std::exp(v - e), power = h(w), decay = std::exp(-power);
    const double share = decay * (w * (1 + e));
    if (v > 0 && !(share > 0x1p-62 * peak)) break;
    peak = std::fmax(peak, share);
    sum += f(w, decay) * (w * (1 + e));
  }
  return sum * step;
}

// What a weight is computed from: order 0 is the value itself, 1 and 2 its derivatives towards a;
// for beta, `towards` says how many of them are towards b.
struct Order {
  int all = 0, towards_b = 0;
};

// (m / a)^(a/2) and the part of a ln(m / a) that it lacks, for a deviance far from 0: a power keeps
// digits that the logarithm of a tiny number has not.
struct Ratio {
  double half_power, rest;
  Ratio(double m, double m_rest, double a) {
    const double r = m / a;
    half_power = std::pow(r, 0.5 * a);
    rest = a * ((std::fma(-r, a, m) + m_rest) / m);
    far_ = std::fabs(r - 1) > 0.05;
  }
  bool is_finite() const { return half_power > 1e-300 && half_power < 1e300; }
  bool is_far() const { return far_ && is_finite(); }

 private:
  bool far_;
};

// ---- gamma ----

// ln of x^a e^-x / Gamma(a + 1), and that number.
double log_gamma_term(double a, double x) {
  if (a < 10) return a * std::log(x) - x - lgamma(a + 1);
  return -stirling_error(a) - deviance(a, x) - log_root_two_pi - 0.5 * std::log(a);
}
double gamma_term(double a, double x) {
  if (a < 10) {
    const double power = x < 500 ? std::pow(x, a) : 0;
    return power > 1e-290 ? power * std::exp(-x) / gamma(a + 1) : std::exp(log_gamma_term(a, x));
  }
  const double front = std::exp(-stirling_error(a)) / (root_two_pi * std::sqrt(a));
  const Ratio r(x, 0, a);
  if (r.is_far() && std::fabs(a - x) < 1200) {
    // (x / a)^a e^(a-x) with the parts that do not fit, in halves: each may leave f64 alone.
    const DoubleDouble gap = exact_sum(a, -x);
    const double half = r.half_power * std::exp(0.5 * gap.high);
    return half * (front * std::exp(gap.low + r.rest)) * half;
  }
  return front * std::exp(-deviance(a, x));
}

// The weight of a derivative where the logarithm of the integrand's variable lies `l` above
// digamma, and that of the one variable or the other.
double weighted(int order, double l, double curvature) {
  return order == 0 ? 1 : order == 1 ? l : l * l - curvature;
}

// P over x^a e^-x / Gamma(a + 1): t = x e^-w, h = (a - x) w + x (w - 1 + e^-w). a >= 1, x <= a.
double lower_gamma(double a, double x, int order) {
  const double l = order == 0 ? 0 : std::log(x) - digamma(a);
  const double curvature = order == 2 ? polygamma(1, a) : 0;
  return a * over_half_line([=](double w) { return (a - x) * w + x * exp_gap(w); },
                            [=](double w, double e) {
                              return order == 0 ? e : e * weighted(order, l - w, curvature);
                            });
}

// Q over x^a e^-x / Gamma(a + 1): t = x (1 + u), h = (x - a + 1) u + (a - 1) (u - ln(1 + u)).
// x >= a, x not small.
double upper_gamma(double a, double x, int order) {
  const double l = order == 0 ? 0 : std::log(x) - digamma(a);
  const double curvature = order == 2 ? polygamma(1, a) : 0;
  return a * over_half_line([=](double u) { return (x - a + 1) * u + (a - 1) * log1p_gap(u); },
                            [=](double u, double e) {
                              return order == 0 ? e
                                                : e * weighted(order, l + std::log1p(u), curvature);
                            });
}

// P in units of x^a e^-x / Gamma(a + 1), or its derivative; below a = 1 by P(a) = term + P(a + 1).
double lower_part(double a, double x, int order) {
  if (a >= 1) return lower_gamma(a, x, order);
  const double l = order == 0 ? 0 : std::log(x) - digamma(a + 1);
  const double curvature = order == 2 ? polygamma(1, a + 1) : 0;
  return weighted(order, l, curvature) + lower_gamma(a + 1, x, order) * x / (a + 1);
}

bool gamma_in_domain(double a, double x) {
  return a > 0 && x >= 0 && a < infinity;
}

// Q for a < 1 and small x: 1 - x^a / Gamma(1 + a) (1 - a x / (a + 1) + a x^2 / 2 (a + 2) - ...).
double upper_gamma_near_0(double a, double x) {
  double sum = 0, power = 1;
  for (int n = 1; n < 30; ++n) {
    power *= -x / n;
    sum += power / (a + n);
  }
  const double main = a * std::log(x) - (a < 0.5 ? lgamma1p(a) : lgamma(1 + a));
  return -std::expm1(main) - std::exp(main) * a * sum;
}

// Which tail is computed as its own integral: the lower one, or the upper one.
bool lower_first(double a, double x) {
  return a < 1 ? x < 0.3 : x < a;
}

// ---- beta ----

// Below this x, whose reciprocal is near the end of f64, I is x^a / (a B(a, b)).
constexpr double least = 1e-290;

// x and y = 1 - x, each with its own digits.
struct Place {
  double x, y;
};
Place swapped(Place p) {
  return {p.y, p.x};
}

double log_of(double x, double y) {
  return x < 0.5 ? std::log(x) : std::log1p(-y);
}

// x^a y^b / B(a, b) as factor exp(power).
struct Scaled {
  double factor, power;
};
Scaled beta_term(double a, double b, Place p) {
  if (a > b) {
    std::swap(a, b);
    p = swapped(p);
  }
  const double n = a + b;
  if (a >= 10) {
    // What n, the larger of x and y, and the two products lost moves the deviances by its slope.
    const double n_rest = exact_sum(a, b).low;
    const double rest = p.x < p.y ? (1 - p.y) - p.x : (1 - p.x) - p.y;
    const DoubleDouble m = exact_product(n, p.x), k = exact_product(n, p.y);
    if (!(m.high > least && k.high > least)) return {0, 0};
    const double m_rest = m.low + n_rest * p.x + (p.x < p.y ? 0 : n * rest),
                 k_rest = k.low + n_rest * p.y + (p.x < p.y ? n * rest : 0);
    const double front = std::sqrt(a * (b / n)) / root_two_pi;
    const double errors = stirling_error(n) - stirling_error(a) - stirling_error(b);
    const Ratio first(m.high, m_rest, a), second(k.high, k_rest, b);
    if ((first.is_far() || second.is_far()) && first.is_finite() && second.is_finite()) {
      const double half = first.half_power * second.half_power;
      if (half > 1e-150) return {half * front * half, first.rest + second.rest + errors};
    }
    const double moved = m_rest * ((m.high - a) / m.high) + k_rest * ((k.high - b) / k.high);
    return {front, errors - (deviance(a, m.high) + deviance(b, k.high) + moved)};
  }
  if (b < 10) {
    const double both = std::pow(p.x, a) * std::pow(p.y, b);
    if (both > 1e-290 && p.x > 0.5) return {std::pow(p.y, b) / beta(a, b), a * std::log1p(-p.y)};
    if (both > 1e-290) return {std::pow(p.x, a) / beta(a, b), b * log_of(p.y, p.x)};
    return {1, a * log_of(p.x, p.y) + b * log_of(p.y, p.x) - lbeta(a, b)};
  }
  // (n x)^a / Gamma(a) y^b exp(-...)
  const double power = b * log_of(p.y, p.x) - log_gamma_ratio(a, b);
  const double front = std::pow(n * p.x, a);
  if (front > 1e-290 && front < 1e290 && a > 1e-290) return {front / gamma(a), power};
  return {1, power + a * (std::log(n) + log_of(p.x, p.y)) - lgamma(a)};
}

// What ln t and ln(1 - t) are measured from in a derivative, and the curvatures there, where
// c Gamma(n) / (Gamma(s) Gamma(t)) stands in front.
struct Centre {
  double a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  Centre(double s, double t, double n, Order order) {
    if (order.all == 0) return;
    a = digamma(s) - digamma(n);
    b = digamma(t) - digamma(n);
    if (order.all == 1) return;
    ab = -polygamma(1, n);
    aa = polygamma(1, s) + ab;
    bb = polygamma(1, t) + ab;
  }
  double weight(Order order, double log_t, double log_rest) const {
    const double u = log_t - a, v = log_rest - b;
    if (order.all == 0) return 1;
    if (order.all == 1) return order.towards_b == 1 ? v : u;
    return order.towards_b == 0 ? u * u - aa : order.towards_b == 1 ? u * v - ab : v * v - bb;
  }
};

// I over x^a y^b / B(a, b), a >= 1, x at most about the mean: t = x e^-w and
// h = a w - (b - 1) ln(1 + z), z = (x / y) (1 - e^-w), with the parts that cancel taken together.
double lower_beta(double a, double b, Place p, Order order) {
  const double ratio = p.x / p.y, c = (b - 1) * ratio;
  const double tilt = static_cast<double>(exact_product(a, p.y) - exact_product(b - 1, p.x)) / p.y;
  const Centre centre(a, b, a + b, order);
  const double log_x = order.all > 0 ? log_of(p.x, p.y) : 0,
               log_y = order.all > 0 ? log_of(p.y, p.x) : 0;
  const double j = over_half_line(
      [=](double w) {
        const double z = -ratio * std::expm1(-w);
        if (b < 10) return a * w - (b - 1) * std::log1p(z);
        return tilt * w + (c * exp_gap(w) + (b - 1) * log1p_gap(z));
      },
      [&](double w, double e) {
        if (order.all == 0) return e;
        return e * centre.weight(order, log_x - w, log_y + std::log1p(-ratio * std::expm1(-w)));
      },
      b < 1 ? std::fmin(1 / ratio, 0.5) : infinity);
  return j / p.y;
}

// The same for any a > 0: I(a, b) = x^a y^b / (a B(a, b)) + I(a + 1, b).
double lower_beta_part(double a, double b, Place p, Order order) {
  if (a >= 1) return lower_beta(a, b, p, order);
  // Of I(a + 1, b) the term is x (a + b) / a times that of I(a, b).
  const double up = p.x * ((a + b) / a);
  const double first =
      Centre(a + 1, b, a + b, order).weight(order, log_of(p.x, p.y), log_of(p.y, p.x));
  return first / a + up * lower_beta(a + 1, b, p, order);
}

double of_term(Scaled term, double part) {
  return term.factor * part * std::exp(term.power);
}
double log_of_term(Scaled term, double part) {
  return std::log(term.factor * part) + term.power;
}

bool beta_in_domain(double a, double b, double x) {
  return a > 0 && b > 0 && x >= 0 && x <= 1 && a < infinity && b < infinity;
}

// Whether the tail below x is the one away from the mode. Below b = 1 that tail's integral falls
// from every x on.
bool lower_first(double a, double b, Place p) {
  return a * p.y > b * p.x;
}

double beta_lower(double a, double b, Place p);
double beta_upper(double a, double b, Place p) {
  return beta_lower(b, a, swapped(p));
}
double beta_lower(double a, double b, Place p) {
  if (p.x <= 0) return 0;
  if (p.y <= 0) return 1;
  if (p.x < least) return a >= 10 ? 0 : std::fmin(of_term(beta_term(a, b, p), 1 / a), 1.0);
  if (p.y < least) return 1 - beta_upper(a, b, p);
  if (b < 1 || lower_first(a, b, p))
    return of_term(beta_term(a, b, p), lower_beta_part(a, b, p, {}));
  return 1 - of_term(beta_term(a, b, p), lower_beta_part(b, a, swapped(p), {}));
}

double beta_log_lower(double a, double b, Place p) {
  if (p.x <= 0) return -infinity;
  if (p.y <= 0) return 0;
  if (p.x < least) return std::fmin(a * std::log(p.x) - std::log(a) - lbeta(a, b), 0.0);
  if (p.y < least) return std::log1p(-beta_upper(a, b, p));
  if (lower_first(a, b, p) || (b < 1 && beta_lower(a, b, p) < 0.5))
    return log_of_term(beta_term(a, b, p), lower_beta_part(a, b, p, {}));
  return std::log1p(-of_term(beta_term(a, b, p), lower_beta_part(b, a, swapped(p), {})));
}

double beta_derivative(double a, double b, double x, Order order) {
  if (!beta_in_domain(a, b, x)) return not_a_number;
  const Place p{x, 1 - x};
  if (p.x <= 0 || p.y <= 0) return 0;
  if (lower_first(a, b, p)) return of_term(beta_term(a, b, p), lower_beta_part(a, b, p, order));
  const Order mirrored{order.all, order.all - order.towards_b};
  return -of_term(beta_term(a, b, p), lower_beta_part(b, a, swapped(p), mirrored));
}

// The place where I is p, p <= 1/2, by Newton's steps on ln I in logit x: a concave function, so
// that from the first step on they come from one side.
Place beta_place(double a, double b, double p) {
  const double target = std::log(p);
  // I < x^a / (a B(a, b)) for b >= 1; x is kept where f64 has numbers.
  const double n = a + b;
  Place at{a / n, b / n};
  for (int i = 0; i < 200; ++i) {
    const double value = beta_log_lower(a, b, at);
    const Scaled term = beta_term(a, b, at);
    // d ln I / d logit x = x^a y^b / B / I.
    const double slope = term.factor * std::exp(term.power - value);
    double step = (target - value) / slope;
    if (std::isnan(step)) break;
    const bool last = std::fabs(step) < 1e-9;
    step = std::fmin(std::fmax(step, -600), 600);
    const double grown = at.x * std::exp(step), sum = grown + at.y;
    at = {grown / sum, at.y / sum};
    if (last || at.x == 0 || at.y == 0) break;
  }
  // The tail itself has digits that its logarithm lacks.
  const double tail = beta_lower(a, b, at), away = (tail - p) / of_term(beta_term(a, b, at), 1);
  if (tail > 1e-290 && std::fabs(away) < 1e-6)
    at = {at.x - at.x * (at.y * away), at.y + at.y * (at.x * away)};
  return at;
}

}  // namespace

double gammainc_p(double a, double x) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0) return 0;
  if (x == infinity) return 1;
  if (x < a || x < 1) return gamma_term(a, x) * lower_part(a, x, 0);
  return 1 - gamma_term(a, x) * upper_gamma(a, x, 0);
}

double gammainc_q(double a, double x) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0) return 1;
  if (x == infinity) return 0;
  if (!lower_first(a, x)) return gamma_term(a, x) * upper_gamma(a, x, 0);
  if (a < 1) return upper_gamma_near_0(a, x);
  return 1 - gamma_term(a, x) * lower_part(a, x, 0);
}

double log_gammainc_p(double a, double x) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0) return -infinity;
  if (x == infinity) return 0;
  if (a < 1 || x >= a)
    return gammainc_p(a, x) > 0.5 ? std::log1p(-gammainc_q(a, x))
                                  : log_gamma_term(a, x) + std::log(lower_part(a, x, 0));
  return log_gamma_term(a, x) + std::log(lower_part(a, x, 0));
}

double log_gammainc_q(double a, double x) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0) return 0;
  if (x == infinity) return -infinity;
  if (!lower_first(a, x)) return log_gamma_term(a, x) + std::log(upper_gamma(a, x, 0));
  if (a < 1 && gammainc_p(a, x) > 0.5) return std::log(upper_gamma_near_0(a, x));
  return std::log1p(-gammainc_p(a, x));
}

double gammainc_by_x(double a, double x) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0) return a < 1 ? infinity : a == 1 ? 1 : 0;
  if (x == infinity) return 0;
  return gamma_term(a, x) * (a / x);
}

namespace {

double gamma_derivative(double a, double x, int order) {
  if (!gamma_in_domain(a, x)) return not_a_number;
  if (x == 0 || x == infinity) return 0;
  const bool lower = a < 1 ? x < 0.5 : x < a;
  const double term = gamma_term(a, x);
  if (term == 0) return 0;
  return term * (lower ? lower_part(a, x, order) : -upper_gamma(a, x, order));
}

// The x where the tail is `part`, at most 1/2, by Newton's steps on its logarithm in ln x: a
// concave function, so that they come from the side of the bound they start at.
double gamma_place(double a, double part, bool lower) {
  const double target = std::log(part), spread = std::sqrt(-2 * a * target);
  double x;
  if (lower) {
    // P(a, a - spread) <= part, and P < x^a / Gamma(a + 1).
    const double log_least = (target + lgamma(a + 1)) / a;
    if (log_least < -745) return 0;
    x = std::fmax(std::exp(log_least), a - spread);
  } else {
    x = a + spread - target;
  }
  for (int i = 0; i < 200; ++i) {
    const double value = lower ? log_gammainc_p(a, x) : log_gammainc_q(a, x);
    const double slope = a * std::exp(log_gamma_term(a, x) - value);
    double step = (target - value) / (lower ? slope : -slope);
    if (std::isnan(step)) break;
    const bool last = std::fabs(step) < 1e-9;
    step = std::fmin(std::fmax(step, -600), 600);
    x *= std::exp(step);
    if (last || x == 0 || x == infinity) break;
  }
  // The tail itself has digits that its logarithm lacks.
  const double tail = lower ? gammainc_p(a, x) : gammainc_q(a, x);
  const double away = (tail - part) / (gammainc_by_x(a, x) * x);
  if (tail > 1e-290 && std::fabs(away) < 1e-6) x = lower ? x - x * away : x + x * away;
  return x;
}

}  // namespace

double gammainc_by_a(double a, double x) {
  return gamma_derivative(a, x, 1);
}
double gammainc_by_aa(double a, double x) {
  return gamma_derivative(a, x, 2);
}

double gammainc_p_inv(double a, double p) {
  if (!(a > 0 && a < infinity && p >= 0 && p <= 1)) return not_a_number;
  if (p == 0) return 0;
  if (p == 1) return infinity;
  return p <= 0.5 ? gamma_place(a, p, true) : gamma_place(a, 1 - p, false);
}

double gammainc_q_inv(double a, double q) {
  if (!(a > 0 && a < infinity && q >= 0 && q <= 1)) return not_a_number;
  if (q == 0) return infinity;
  if (q == 1) return 0;
  return q <= 0.5 ? gamma_place(a, q, false) : gamma_place(a, 1 - q, true);
}

double betainc(double a, double b, double x) {
  return beta_in_domain(a, b, x) ? beta_lower(a, b, {x, 1 - x}) : not_a_number;
}
double betainc_c(double a, double b, double x) {
  return beta_in_domain(a, b, x) ? beta_upper(a, b, {x, 1 - x}) : not_a_number;
}
double log_betainc(double a, double b, double x) {
  return beta_in_domain(a, b, x) ? beta_log_lower(a, b, {x, 1 - x}) : not_a_number;
}
double log_betainc_c(double a, double b, double x) {
  return beta_in_domain(a, b, x) ? beta_log_lower(b, a, {1 - x, x}) : not_a_number;
}

double betainc_inv(double a, double b, double p) {
  if (!beta_in_domain(a, b, p)) return not_a_number;
  if (p == 0 || p == 1) return p;
  return p <= 0.5 ? beta_place(a, b, p).x : beta_place(b, a, 1 - p).y;
}
double betainc_c_inv(double a, double b, double q) {
  if (!beta_in_domain(a, b, q)) return not_a_number;
  if (q == 0 || q == 1) return 1 - q;
  return q <= 0.5 ? beta_place(b, a, q).y : beta_place(a, b, 1 - q).x;
}

double betainc_by_x(double a, double b, double x) {
  if (!beta_in_domain(a, b, x)) return not_a_number;
  if (x == 0) return a < 1 ? infinity : a == 1 ? b : 0;
  if (x == 1) return b < 1 ? infinity : b == 1 ? a : 0;
  return of_term(beta_term(a, b, {x, 1 - x}), 1) / x / (1 - x);
}
double betainc_by_a(double a, double b, double x) {
  return beta_derivative(a, b, x, {1, 0});
}
double betainc_by_b(double a, double b, double x) {
  return beta_derivative(a, b, x, {1, 1});
}
double betainc_by_aa(double a, double b, double x) {
  return beta_derivative(a, b, x, {2, 0});
}
double betainc_by_ab(double a, double b, double x) {
  return beta_derivative(a, b, x, {2, 1});
}
double betainc_by_bb(double a, double b, double x) {
  return beta_derivative(a, b, x, {2, 2});
}

}  // namespace gradus::special
