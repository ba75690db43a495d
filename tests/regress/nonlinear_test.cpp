// Nonlinear fits: curves of the kinds that are hard, from starts that are far away, with data made
// here; what a fit says of itself; what it refuses.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/nonlinear.h>
#include <gtest/gtest.h>

#include <cmath>

#include "message.h"
#include "nist.h"

namespace gradus {
namespace {

Bindings starts(const std::vector<double>& b) {
  Bindings from;
  for (size_t k = 0; k < b.size(); ++k) {
    from.names.push_back("b" + std::to_string(k + 1));
    from.values.push_back(Tensor(b[k]));
  }
  return from;
}

// A curve with small noise: both starts must end at one minimum, no higher than the truth.
struct Curve {
  const char *name, *model;
  std::vector<double> truth;
  double low, high;
  int rows;
  double noise;  // of the values' size
  std::vector<double> start[2];
};
const Curve curves[] = {
    {"saturation",
     "b1*(1-exp(-b2*x))",
     {239, 5.5e-4},
     77,
     761,
     14,
     3e-3,
     {{500, 1e-4}, {250, 5e-4}}},
    {"saturation of second order",
     "b1*(1-(1+b2*x/2)^(-2))",
     {338, 3.9e-4},
     77,
     761,
     14,
     3e-3,
     {{500, 1e-4}, {300, 2e-4}}},
    {"decay over a line",
     "exp(-b1*x)/(b2+b3*x)",
     {0.19, 6.1e-3, 1.05e-2},
     0.5,
     6,
     200,
     3e-2,
     {{0.1, 0.01, 0.02}, {0.15, 0.008, 0.010}}},
    {"cubic over cubic",
     "(b1+b2*x+b3*x^2+b4*x^3)/(1+b5*x+b6*x^2+b7*x^3)",
     {1288, 1491, 583, 75.4, 0.966, 0.398, 0.0497},
     -3.07,
     2.2,
     37,
     1e-2,
     {{1000, 1000, 400, 40, 0.7, 0.3, 0.03}, {1300, 1500, 500, 75, 1, 0.4, 0.05}}},
    {"cubic over cubic, badly scaled",
     "(b1+b2*x+b3*x^2+b4*x^3)/(1+b5*x+b6*x^2+b7*x^3)",
     {1.0776, -0.12269, 4.0864e-3, -1.4263e-6, -5.7610e-3, 2.4054e-4, -1.2314e-7},
     14,
     851,
     236,
     5e-3,
     {{10, -1, 0.05, -0.00001, -0.05, 0.001, -0.000001},
      {1, -0.1, 0.005, -0.000001, -0.005, 0.0001, -0.0000001}}},
    {"two exponentials and a constant",
     "b1+b2*exp(-x*b4)+b3*exp(-x*b5)",
     {0.3754, 1.9358, -1.4647, 0.012868, 0.022123},
     0,
     320,
     33,
     2e-3,
     {{50, 150, -100, 1, 2}, {0.5, 1.5, -1, 0.01, 0.02}}},
    {"logistic growth",
     "b1/(1+exp(b2-b3*x))",
     {72.46, 2.618, 0.06736},
     9,
     79,
     9,
     2e-2,
     {{100, 1, 0.1}, {75, 2.5, 0.07}}},
    {"a narrow peak",
     "b1/b2*exp(-0.5*((x-b3)/b2)^2)",
     {1.5544, 4.0888, 451.54},
     400,
     500,
     35,
     5e-3,
     {{1, 10, 500}, {1.5, 5, 450}}},
    {"a power of a shifted x",
     "b1*(b2+x)^(-1/b3)",
     {-2523.5, 46.737, 0.93218},
     7.45,
     12.5,
     154,
     1e-5,
     {{-2000, 50, 0.8}, {-1500, 45, 0.85}}},
    {"an arc tangent",
     "b1-b2*x-atan(b3/(x-b4))/pi",
     {0.20197, -6.1953e-6, 1204.5, -181.34},
     -4868.68,
     -1000,
     25,
     2e-2,
     {{0.1, -0.00001, 1000, -100}, {0.2, -0.000005, 1200, -150}}},
    {"two peaks on a decay",
     "b1*exp(-b2*x)+b3*exp(-(x-b4)^2/b5^2)+b6*exp(-(x-b7)^2/b8^2)",
     {98.94, 0.010946, 100.7, 111.64, 23.3, 73.7, 147.76, 19.67},
     1,
     250,
     250,
     3e-2,
     {{94.9, 0.009, 90.1, 113, 20, 73.8, 140, 20}, {96, 0.0096, 80, 110, 25, 74, 139, 25}}},
    {"three exponentials",
     "b1*exp(-b2*x)+b3*exp(-b4*x)+b5*exp(-b6*x)",
     {0.0951, 1, 0.8607, 3, 1.5576, 5},
     0,
     1.15,
     24,
     0,
     {{1.2, 0.3, 5.6, 5.5, 6.5, 7.6}, {0.5, 0.7, 3.6, 4.2, 4, 6.3}}}};

TEST(NonlinearFit, of_hard_curves_ends_in_one_minimum_from_near_and_far) {
  for (const Curve& c : curves) {
    NamedColumns columns{{"x", "y"}, {{}, {}}};
    const Expression model = parse_expression(c.model);
    const Bindings truth = starts(c.truth);
    std::vector<double> noise(static_cast<size_t>(c.rows));
    fill_normal(key_from_seed(5), 0, std::span<double>(noise));
    double below = 0;
    for (int i = 0; i < c.rows; ++i) {
      const double x = c.low + (c.high - c.low) * i / (c.rows - 1);
      Bindings at = truth;
      at.names.emplace_back("x");
      at.values.emplace_back(x);
      const double y = number(model(at.names, at.values));
      const double e = c.noise * y * noise[static_cast<size_t>(i)];
      columns.values[0].push_back(x);
      columns.values[1].push_back(y + e);
      below += e * e;
    }
    NonlinearFit fits[2];
    for (int k = 0; k < 2; ++k) {
      fits[k] = fit_nonlinear(model, columns, "y", starts(c.start[k]));
      EXPECT_TRUE(fits[k].converged) << c.name;
      EXPECT_TRUE(fits[k].sharpened) << c.name;
      EXPECT_LE(fits[k].rss, below * (1 + 1e-9) + 1e-25) << c.name << " from start " << k + 1;
    }
    EXPECT_GE(digits(fits[0].coef, fits[1].coef, 15), c.noise > 0 ? 11 : 7) << c.name;
  }
}

TEST(NonlinearFit, of_a_line_is_the_linear_fit) {
  const NamedColumns c{{"x", "y"}, {{1, 2, 3, 4, 5}, {2, 4, 5, 4, 5}}};
  const NonlinearFit fit =
      fit_nonlinear(parse_expression("a + b*x"), c, "y", {{"a", "b"}, {Tensor(0.0), Tensor(0.0)}});
  const LinearFit want = fit_linear(parse_terms("1,x"), c, "y");
  for (size_t j = 0; j < 2; ++j) {
    EXPECT_NEAR(fit.coef[j], want.coef[j], 1e-15);
    EXPECT_NEAR(fit.se[j], want.se[j], 1e-15);
    EXPECT_NEAR(fit.p_value[j], want.p_value[j], 1e-14);
    EXPECT_NEAR(fit.low[j], want.low[j], 1e-14);
  }
  EXPECT_NEAR(fit.rss, 2.4, 1e-15);
  EXPECT_NEAR(fit.r2, 0.6, 1e-15);
}

TEST(NonlinearFit, takes_functions_that_have_no_precise_form) {
  NamedColumns c{{"x", "y"}, {{}, {}}};
  for (int i = 0; i < 20; ++i) {
    c.values[0].push_back(i / 10.0 - 1);
    c.values[1].push_back(2 * std::erf(1.5 * c.values[0].back()));
  }
  const NonlinearFit fit = fit_nonlinear(parse_expression("b1*erf(b2*x)"), c, "y", starts({1, 1}));
  EXPECT_FALSE(fit.sharpened);
  EXPECT_NEAR(fit.coef[0], 2, 1e-10);
  EXPECT_NEAR(fit.coef[1], 1.5, 1e-10);
}

TEST(NonlinearFit, refuses_what_the_data_cannot_determine) {
  const NamedColumns c{{"x", "y"}, {{1, 2, 3}, {1, 2, 4}}};
  const auto fit = [&](const char* model, const Bindings& b) {
    return message_of([&] { fit_nonlinear(parse_expression(model), c, "y", b); });
  };
  EXPECT_EQ(fit("(b1+b2)*x", starts({1, 1})),
            "fit nonlinear: the data do not determine 'b2': near the end of the descent other "
            "values fit as well. Fix one of the parameters, or try another start.");
  EXPECT_EQ(fit("b1*x", starts({1, 1})),
            "fit nonlinear: the model does not read 'b2', so the data cannot determine it.");
  EXPECT_EQ(fit("x", {}),
            "fit nonlinear: there is no parameter. Give each a start, as in --start "
            "b1=500,b2=0.01.");
  EXPECT_EQ(fit("b1*log(-x)", starts({1})),
            "fit nonlinear: the model or its derivatives are not finite at the start. Begin where "
            "the model can be computed in every row.");
  EXPECT_EQ(fit("b1*z", starts({1})), "fit nonlinear: there is no column 'z' among x, y.");
  EXPECT_EQ(fit("b1*x", {{"b1", "x"}, {Tensor(1.0), Tensor(1.0)}}),
            "fit nonlinear: 'x' is a column and a parameter. Give the parameter another name.");
  EXPECT_EQ(fit("b1*x+b2*x^2+b3*x^3+b4", starts({1, 1, 1, 1})),
            "fit nonlinear: 3 rows cannot determine 4 parameters. There must be a row for each at "
            "least.");
  EXPECT_EQ(fit("[b1,b1]", starts({1})),
            "fit nonlinear: the model gives f64[2] for 3 rows. It must give one number for each "
            "row.");
}

}  // namespace
}  // namespace gradus
