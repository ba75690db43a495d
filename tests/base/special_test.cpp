// Special functions against Boost.Math in long double where it is there, each other, and numbers
// worked by hand. An error may be 64 eps and what a change of every argument by one eps would do.
#include <gradus/base/special.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#if __has_include(<boost/math/special_functions/beta.hpp>)
#define GRADUS_TEST_BOOST
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#endif

namespace gradus {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double eps = 0x1p-52;

struct Draw {
  std::mt19937_64 random{20261125};
  double uniform() { return static_cast<double>(random() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  double log_between(double low, double high) {
    return std::exp(between(std::log(low), std::log(high)));
  }
  bool coin() { return random() % 2 == 0; }
};

TEST(Special, hand_worked_numbers) {
  EXPECT_EQ(special::gamma(5), 24);
  EXPECT_NEAR(special::gamma(171) / 7.257415615307998967396728e306, 1, 8 * eps);
  EXPECT_NEAR(special::gamma(-171.5) / 1.9316265431711996e-310, 1, 1e-13);
  EXPECT_NEAR(special::gammainc_p(1, 2), 1 - std::exp(-2.0), 2e-16);
  EXPECT_NEAR(special::gammainc_q(3, 2), 5 * std::exp(-2.0), 4e-16);
  EXPECT_NEAR(special::betainc(2, 3, 0.5), 11.0 / 16, 4e-16);
  EXPECT_NEAR(special::deviance(2, 1), 2 * std::log(2.0) - 1, 2e-16);
  EXPECT_EQ(special::deviance(0, 3), 3);
  EXPECT_NEAR(special::logit(0.75), std::log(3.0), 3e-16);
  EXPECT_NEAR(special::ndtri(0.975), 1.95996398454005423552, 5e-16);
}

TEST(Special, erfcx_keeps_its_digits_where_its_series_takes_over_and_beyond) {
  // mpmath, 60 digits.
  const double known[][2] = {{24.9, 0.022639987776049506286},
                             {25, 0.022549572432641358945},
                             {30, 0.018795888861416751497},
                             {38, 0.014841958674366460511},
                             {1e10, 5.6418958354775628695e-11}};
  for (const auto& [x, y] : known) EXPECT_NEAR(special::erfcx(x) / y, 1, 2 * eps) << x;
  EXPECT_NEAR(special::erfcx(1.7e308) / 3.3187622561632723956e-309, 1, 1e-14);
}

TEST(Special, ends_of_domains_have_their_limits_and_beyond_is_nan) {
  EXPECT_EQ(special::gammainc_p(2, 0), 0);
  EXPECT_EQ(special::gammainc_p(2, inf), 1);
  EXPECT_EQ(special::gammainc_p_inv(2, 1), inf);
  EXPECT_EQ(special::betainc(2, 3, 1), 1);
  EXPECT_EQ(special::betainc_c_inv(2, 3, 0), 1);
  EXPECT_EQ(special::erfcinv(0), inf);
  EXPECT_EQ(special::erfinv(-1), -inf);
  EXPECT_EQ(special::log1mexp(-0.0), -inf);
  EXPECT_EQ(special::lbeta(0, 1), inf);
  for (const double y :
       {special::gamma(-3), special::gammainc_p(-1, 2), special::gammainc_q(0, 1),
        special::betainc(1, 1, 1.5), special::betainc_inv(1, 0, 0.5), special::erfinv(1.1),
        special::erfcinv(-1), special::logit(2), special::deviance(-1, 1),
        special::gammainc_p(std::nan(""), 1), special::betainc(1, 1, std::nan(""))})
    EXPECT_TRUE(std::isnan(y)) << y;
}

TEST(Special, two_sides_of_one_function_add_up_to_1) {
  Draw draw;
  for (int i = 0; i < 2000; ++i) {
    const double a = draw.log_between(1e-8, 1e8), b = draw.log_between(1e-8, 1e8);
    const double x = draw.coin() ? a * draw.between(0.5, 2) : draw.log_between(1e-10, 1e4);
    EXPECT_NEAR(special::gammainc_p(a, x) + special::gammainc_q(a, x), 1, 4 * eps) << a << " " << x;
    const double y = draw.coin() ? draw.uniform() : a / (a + b);
    EXPECT_NEAR(special::betainc(a, b, y) + special::betainc_c(a, b, y), 1, 1e-13)
        << a << " " << b << " " << y;
  }
}

TEST(Special, recurrences_hold_far_from_the_centre) {
  // Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1), here as Gamma's density at a + 1.
  Draw draw;
  for (int i = 0; i < 500; ++i) {
    const double a = draw.log_between(0.1, 1e5), x = a * draw.between(1, 2);
    const double want = special::gammainc_q(a, x) + special::gammainc_by_x(a + 1, x);
    EXPECT_NEAR(special::gammainc_q(a + 1, x), want, (64 + x) * eps * want) << a << " " << x;
  }
}

TEST(Special, inverses_undo_them) {
  Draw draw;
  for (int i = 0; i < 1000; ++i) {
    const double a = draw.log_between(0.01, 1e6), b = draw.log_between(0.01, 1e6);
    const double p = draw.coin() ? draw.between(0.01, 0.99) : draw.log_between(1e-250, 0.5);
    const double x = special::gammainc_p_inv(a, p), y = special::gammainc_q_inv(a, p);
    // The shapes alone move a tail by about its logarithm.
    const auto slack = [p](double slope) {
      return (64 + slope / p + 2 * std::fabs(std::log(p))) * eps * p;
    };
    if (x > 1e-290) {
      EXPECT_NEAR(special::gammainc_p(a, x), p, slack(x * special::gammainc_by_x(a, x))) << a;
    }
    if (y > 1e-290) {
      EXPECT_NEAR(special::gammainc_q(a, y), p, slack(y * special::gammainc_by_x(a, y))) << a;
    }
    const double z = special::betainc_inv(a, b, p);
    if (z > 1e-290 && z < 0.9) {
      EXPECT_NEAR(special::betainc(a, b, z), p, slack(z * special::betainc_by_x(a, b, z)))
          << a << " " << b;
    }
    const double e = special::erfcinv(p);
    EXPECT_NEAR(std::erfc(e), p, (8 + 4 * e * e) * eps * p);
    EXPECT_NEAR(special::ndtr(special::ndtri(p)), p, (8 + 8 * e * e) * eps * p);
  }
}

TEST(Special, logarithms_of_tails_go_on_where_f64_ends) {
  // ln Q(a, x) = (a - 1) ln x - x - lgamma(a) + ln(1 + (a - 1) / x + ...), DLMF 8.11.2.
  EXPECT_NEAR(special::log_gammainc_q(2, 1e4), std::log1p(1e4) - 1e4, 1e-11);
  EXPECT_NEAR(special::log_gammainc_p(100, 1e-20), 100 * std::log(1e-20) - std::lgamma(101.0),
              2e-11);
  EXPECT_NEAR(special::log_betainc(200, 1, 1e-10), 200 * std::log(1e-10), 1e-11);
  EXPECT_NEAR(special::log_ndtr(-1e10), -5e19, 1e4);
}

TEST(Special, stirling_error_is_what_the_formula_leaves) {
  for (double x : {0.01, 0.3, 0.7, 1.0, 3.5, 15.9, 16.1, 200.0}) {
    const long double w = x;
    const long double want =
        std::lgamma(w) - (w - 0.5L) * std::log(w) + w - 0.5L * std::log(2 * std::acos(-1.0L));
    EXPECT_NEAR(special::stirling_error(x), static_cast<double>(want),
                4e-15 * static_cast<double>(want) + 1e-18 * x)
        << x;
  }
}

TEST(Special, slopes_match_differences) {
  const auto near = [](double slope, double above, double below, double h) {
    const double difference = (above - below) / (2 * h);
    EXPECT_NEAR(slope, difference, 1e-8 * (1 + std::fabs(slope)));
  };
  const double h = 1e-5;
  Draw draw;
  for (int i = 0; i < 500; ++i) {
    const double a = draw.log_between(0.05, 50), b = draw.log_between(0.05, 50);
    const double x = draw.log_between(0.01, 100), y = draw.between(0.01, 0.99);
    const double s = h * a, t = h * b;
    using namespace special;
    near(a * gammainc_by_a(a, x), gammainc_p(a + s, x), gammainc_p(a - s, x), h);
    near(a * gammainc_by_aa(a, x), gammainc_by_a(a + s, x), gammainc_by_a(a - s, x), h);
    near(a * betainc_by_a(a, b, y), betainc(a + s, b, y), betainc(a - s, b, y), h);
    near(b * betainc_by_b(a, b, y), betainc(a, b + t, y), betainc(a, b - t, y), h);
    near(a * betainc_by_aa(a, b, y), betainc_by_a(a + s, b, y), betainc_by_a(a - s, b, y), h);
    near(b * betainc_by_ab(a, b, y), betainc_by_a(a, b + t, y), betainc_by_a(a, b - t, y), h);
    near(b * betainc_by_bb(a, b, y), betainc_by_b(a, b + t, y), betainc_by_b(a, b - t, y), h);
  }
}

#ifdef GRADUS_TEST_BOOST

using Wide = long double;
namespace policies = boost::math::policies;
// Long double without a word about range: what leaves it is left out below.
using Quiet = policies::policy<policies::promote_double<false>,
                               policies::overflow_error<policies::ignore_error>,
                               policies::underflow_error<policies::ignore_error>,
                               policies::denorm_error<policies::ignore_error>,
                               policies::evaluation_error<policies::ignore_error>>;

// The condition is the largest relative change of f by a relative change of one argument.
template <class F, size_t n>
void expect_close(double got, const F& f, const std::array<double, n>& at) {
  std::array<Wide, n> x;
  std::copy(at.begin(), at.end(), x.begin());
  const Wide want = std::apply(f, x);
  if (!(std::fabs(want) > 1e-290L)) return;
  constexpr Wide h = 1e-7L;
  Wide condition = 0;
  for (size_t i = 0; i < n; ++i) {
    std::array<Wide, n> up = x, down = x;
    up[i] *= 1 + h, down[i] *= 1 - h;
    const Wide change = (std::apply(f, up) - std::apply(f, down)) / (2 * h * want);
    condition = std::fmax(condition, std::fabs(change));
  }
  EXPECT_LE(std::fabs((got - want) / (want * eps)), 64 + condition)
      << testing::PrintToString(at) << " got " << got;
}

TEST(Special, incomplete_gamma_matches_boost_at_all_sizes) {
  const auto p = [](Wide a, Wide x) { return boost::math::gamma_p(a, x, Quiet()); };
  const auto q = [](Wide a, Wide x) { return boost::math::gamma_q(a, x, Quiet()); };
  Draw draw;
  for (int i = 0; i < 6000; ++i) {
    const double a = draw.log_between(1e-10, i % 10 == 0 ? 1e9 : 1e5);
    const double x = i % 3 == 0   ? draw.log_between(1e-20, 1000)
                     : i % 3 == 1 ? a * draw.log_between(0.1, 10)
                                  : std::fabs(a + std::sqrt(a) * draw.between(-10, 10));
    expect_close(special::gammainc_p(a, x), p, std::array{a, x});
    expect_close(special::gammainc_q(a, x), q, std::array{a, x});
  }
}

TEST(Special, incomplete_beta_matches_boost_at_all_sizes) {
  const auto i_of = [](Wide a, Wide b, Wide x) { return boost::math::ibeta(a, b, x, Quiet()); };
  const auto c_of = [](Wide a, Wide b, Wide x) { return boost::math::ibetac(a, b, x, Quiet()); };
  Draw draw;
  for (int i = 0; i < 6000; ++i) {
    const double a = draw.log_between(1e-8, 1e5), b = draw.log_between(1e-8, 1e5);
    const double mean = a / (a + b), spread = std::sqrt(mean * (1 - mean) / (a + b + 1));
    const double x = i % 3 == 0   ? draw.log_between(1e-12, 0.5)
                     : i % 3 == 1 ? draw.uniform()
                                  : mean + spread * draw.between(-10, 10);
    if (!(x > 0 && x < 0.999)) continue;
    expect_close(special::betainc(a, b, x), i_of, std::array{a, b, x});
    expect_close(special::betainc_c(a, b, x), c_of, std::array{a, b, x});
  }
}

#endif

}  // namespace
}  // namespace gradus
