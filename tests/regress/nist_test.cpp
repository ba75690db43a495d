// Fits against NIST's certified values: digits of the worst coefficient.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/nonlinear.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "nist.h"

namespace gradus {
namespace {

struct LinearCase {
  const char *name, *terms;
  double goal;
};
constexpr const char* fifth = "1,x,x^2,x^3,x^4,x^5";
class NistLinear : public testing::TestWithParam<LinearCase> {};

TEST_P(NistLinear, coefficients_and_errors_reach_the_digits_of_the_data) {
  const Reference want = read_nist(GetParam().name);
  ASSERT_FALSE(want.coef.empty());
  const LinearFit fit = fit_linear(parse_terms(GetParam().terms), want.columns, "y");
  EXPECT_GE(digits(fit.coef, want.coef, 15), GetParam().goal);
  EXPECT_GE(digits(fit.se, want.se, 15), GetParam().goal);
  EXPECT_GE(digits(fit.rss, want.rss, 15), GetParam().goal - 0.7);
  EXPECT_GE(digits(fit.r2, want.r2, 15), 12);
  EXPECT_TRUE(fit.warning.empty());
  std::printf("%-10s %5.1f digits, se %5.1f, rss %5.1f\n", GetParam().name,
              digits(fit.coef, want.coef, 15), digits(fit.se, want.se, 15),
              digits(fit.rss, want.rss, 15));
}
INSTANTIATE_TEST_SUITE_P(Nist, NistLinear,
                         testing::Values(LinearCase{"Wampler1", fifth, 14},
                                         LinearCase{"Wampler2", fifth, 12.2},
                                         LinearCase{"Wampler3", fifth, 14},
                                         LinearCase{"Pontius", "1,x,x^2", 13.0},
                                         LinearCase{"NoInt1", "x", 14.2}));

// Longley's economy, 1947 to 1962: six columns that say much the same.
TEST(NistLinear, of_seven_collinear_columns_keeps_thirteen_digits) {
  const NamedColumns c{{"y", "x1", "x2", "x3", "x4", "x5", "x6"},
                       {{60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761, 66019, 67857,
                         68169, 66513, 68655, 69564, 69331, 70551},
                        {83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4,
                         110.8, 112.6, 114.2, 115.7, 116.9},
                        {234289, 259426, 258054, 284599, 328975, 346999, 365385, 363112, 397469,
                         419180, 442769, 444546, 482704, 502601, 518173, 554894},
                        {2356, 2325, 3682, 3351, 2099, 1932, 1870, 3578, 2904, 2822, 2936, 4681,
                         3813, 3931, 4806, 4007},
                        {1590, 1456, 1616, 1650, 3099, 3594, 3547, 3350, 3048, 2857, 2798, 2637,
                         2552, 2514, 2572, 2827},
                        {107608, 108632, 109773, 110929, 112075, 113270, 115094, 116219, 117388,
                         118734, 120445, 121950, 123366, 125368, 127852, 130081},
                        {1947, 1948, 1949, 1950, 1951, 1952, 1953, 1954, 1955, 1956, 1957, 1958,
                         1959, 1960, 1961, 1962}}};
  const LinearFit fit = fit_linear(parse_terms("1,x1,x2,x3,x4,x5,x6"), c, "y");
  EXPECT_GE(digits(fit.coef,
                   {-3482258.63459582, 15.0618722713733, -0.358191792925910e-1, -2.02022980381683,
                    -1.03322686717359, -0.511041056535807e-1, 1829.15146461355},
                   15),
            13);
  EXPECT_GE(digits(fit.se,
                   {890420.383607373, 84.9149257747669, 0.334910077722432e-1, 0.488399681651699,
                    0.214274163161675, 0.226073200069370, 455.478499142212},
                   15),
            13);
  EXPECT_GE(digits(fit.rss, 836424.055505915, 15), 13);
  EXPECT_GE(digits(fit.f, 330.285339234588, 15), 13);
  EXPECT_GT(fit.vif[6], 700);
}

struct NonlinearCase {
  const char *name, *model;
};
constexpr NonlinearCase curves[] = {
    {"Misra1c", "b1*(1-(1+2*b2*x)^(-0.5))"},
    {"Misra1d", "b1*b2*x*((1+b2*x)^(-1))"},
    {"Lanczos3", "b1*exp(-b2*x)+b3*exp(-b4*x)+b5*exp(-b6*x)"},
    {"DanWood", "b1*x^b2"},
    {"Gauss1", "b1*exp(-b2*x)+b3*exp(-(x-b4)^2/b5^2)+b6*exp(-(x-b7)^2/b8^2)"},
    {"Gauss2", "b1*exp(-b2*x)+b3*exp(-(x-b4)^2/b5^2)+b6*exp(-(x-b7)^2/b8^2)"},
    {"Kirby2", "(b1+b2*x+b3*x^2)/(1+b4*x+b5*x^2)"},
    {"Nelson", "b1-b2*x1*exp(-b3*x2)"},
    {"MGH09", "b1*(x^2+x*b2)/(x^2+x*b3+b4)"},
    {"MGH10", "b1*exp(b2/(x+b3))"},
    {"ENSO",
     "b1+b2*cos(2*pi*x/12)+b3*sin(2*pi*x/12)+b5*cos(2*pi*x/b4)+b6*sin(2*pi*x/b4)+"
     "b8*cos(2*pi*x/b7)+b9*sin(2*pi*x/b7)"},
    {"Rat43", "b1/((1+exp(b2-b3*x))^(1/b4))"},
    {"BoxBOD", "b1*(1-exp(-b2*x))"}};

TEST(NistNonlinear, both_starts_of_every_curve_reach_nine_digits_and_ten_on_average) {
  double sum = 0;
  for (const NonlinearCase& c : curves) {
    Reference want = read_nist(c.name);
    ASSERT_FALSE(want.coef.empty()) << c.name;
    if (std::string(c.name) == "Nelson")
      for (double& y : want.columns.values[0]) y = std::log(y);
    for (const std::vector<double>& start : want.start) {
      Bindings from;
      for (size_t k = 0; k < start.size(); ++k) {
        from.names.push_back("b" + std::to_string(k + 1));
        from.values.push_back(Tensor(start[k]));
      }
      const NonlinearFit fit = fit_nonlinear(parse_expression(c.model), want.columns, "y", from);
      const double reached = digits(fit.coef, want.coef, 11);
      EXPECT_GE(reached, 9) << c.name;
      EXPECT_GE(digits(fit.se, want.se, 11), 8) << c.name;
      EXPECT_GE(digits(fit.rss, want.rss, 11), 9) << c.name;
      EXPECT_TRUE(fit.converged) << c.name;
      EXPECT_TRUE(fit.sharpened) << c.name;
      sum += reached;
      std::printf("%-10s %5.1f digits, se %5.1f, rss %5.1f, %4lld iterations, cosine %.1e\n",
                  c.name, reached, digits(fit.se, want.se, 11), digits(fit.rss, want.rss, 11),
                  static_cast<long long>(fit.iterations), fit.cosine);
    }
  }
  std::printf("mean %.2f\n", sum / (2 * std::size(curves)));
  EXPECT_GE(sum / (2 * std::size(curves)), 10);
}

}  // namespace
}  // namespace gradus
