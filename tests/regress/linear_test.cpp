// Least squares: numbers worked by hand, rows of the requirements, and properties.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>
#include <gradus/regress/linear.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "message.h"
#include "sample.h"

namespace gradus {
namespace {

const Tensor line_x = from_vector<double>({1, 2, 3, 4, 5}, {5, 1});
const Tensor line_y{2, 4, 5, 4, 5};

TEST(LinearFit, of_five_points_is_worked_by_hand) {
  const LinearFit fit = fit_linear(line_x, line_y);
  EXPECT_EQ(fit.names, (std::vector<std::string>{"1", "x0"}));
  EXPECT_NEAR(fit.coef[0], 2.2, 1e-15);
  EXPECT_NEAR(fit.coef[1], 0.6, 1e-15);
  // Residuals -0.8, 0.6, 1, -0.6, -0.2; sums 2.4 and 6 around the mean 4.
  EXPECT_NEAR(fit.rss, 2.4, 1e-15);
  EXPECT_NEAR(fit.residuals[0], -0.8, 1e-15);
  EXPECT_NEAR(fit.r2, 0.6, 1e-15);
  EXPECT_NEAR(fit.adjusted_r2, 1 - 0.8 / 1.5, 1e-15);
  EXPECT_NEAR(fit.f, 3.6 / 0.8, 1e-14);
  EXPECT_NEAR(fit.resid_sd, std::sqrt(0.8), 1e-15);
  EXPECT_NEAR(fit.se[1], std::sqrt(0.8 / 10), 1e-15);
  EXPECT_NEAR(fit.se[0], std::sqrt(0.8 * (1.0 / 5 + 9.0 / 10)), 1e-15);
  const double leverage[] = {0.6, 0.3, 0.2, 0.3, 0.6};
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(fit.leverage[i], leverage[i], 1e-15);
  EXPECT_NEAR(fit.vif[1], 1, 1e-14);
  EXPECT_TRUE(std::isnan(fit.vif[0]));
  EXPECT_EQ(fit.freedom(), 3);
  // t = 2.1213 with 3 degrees of freedom: p = 0.1240 in R's summary; F's p is that of t.
  EXPECT_NEAR(fit.t[1], 2.1213203435596424, 1e-14);
  EXPECT_NEAR(fit.p_value[1], 0.12402706265755456, 1e-12);
  EXPECT_NEAR(fit.f_p_value, fit.p_value[1], 1e-12);
  // t quantile 3.182446305284263.
  EXPECT_NEAR(fit.high[1], 0.6 + 3.182446305284263 * std::sqrt(0.08), 1e-12);
  EXPECT_NEAR(fit.low[1], 0.6 - 3.182446305284263 * std::sqrt(0.08), 1e-12);
}

TEST(LinearFit, predicts_and_scores) {
  const LinearFit fit = fit_linear(line_x, line_y);
  EXPECT_NEAR(numbers(fit.predict(from_vector<double>({6}, {1, 1})))[0], 5.8, 1e-14);
  EXPECT_NEAR(fit.score(line_x, line_y), 0.6, 1e-14);
}

TEST(LinearFit, of_the_sample_is_the_printed_row) {
  const Sample s = sample42();
  const LinearFit fit = fit_linear(s.x, s.y, {.intercept = false});
  const double want[] = {.9555, -2.0265, 2.9838, .0224, -.0607,
                         .0316, .3988,   -.4982, .0236, -.0284};
  for (size_t j = 0; j < 10; ++j) EXPECT_NEAR(fit.coef[j], want[j], 5e-5);
}

TEST(LinearFit, leaves_residuals_that_are_orthogonal_to_every_column) {
  const Sample s = sample42();
  const LinearFit fit = fit_linear(s.x, s.y);
  const std::vector<double> g = numbers(matmul(from_vector(fit.residuals), s.x));
  for (double v : g) EXPECT_LE(std::fabs(v), 1e-13);
  EXPECT_NEAR(std::accumulate(fit.leverage.begin(), fit.leverage.end(), 0.0), 11, 1e-12);
}

TEST(LinearFit, of_a_duplicated_column_shares_the_coefficient_and_warns) {
  const Tensor x = from_vector<double>({1, 1, 2, 2, 3, 3, 4, 4, 5, 5}, {5, 2});
  const LinearFit fit = fit_linear(x, line_y);
  EXPECT_NEAR(fit.coef[0], 2.2, 1e-14);
  EXPECT_NEAR(fit.coef[1], 0.3, 1e-14);
  EXPECT_NEAR(fit.coef[2], 0.3, 1e-14);
  EXPECT_EQ(fit.rank, 2);
  EXPECT_TRUE(std::isinf(fit.vif[1]));
  EXPECT_TRUE(std::isinf(fit.condition));
  EXPECT_EQ(fit.warning,
            "the 3 columns span only 2 dimensions: some is a sum of multiples of others. Of the "
            "many solutions this is the one of least length; drop a column to make it unique");
  EXPECT_NEAR(fit.rss, 2.4, 1e-13);
}

TEST(LinearFit, sees_a_sum_of_columns_that_was_rounded) {
  const Sample s = sample42();
  std::vector<double> x = numbers(s.x), wide;
  for (size_t i = 0; i < 100; ++i) {
    wide.insert(wide.end(), x.begin() + static_cast<long>(10 * i),
                x.begin() + static_cast<long>(10 * i + 10));
    wide.push_back(0.1 * x[10 * i] + 0.7 * x[10 * i + 1]);
  }
  const LinearFit fit = fit_linear(from_vector(wide, {100, 11}), s.y);
  EXPECT_EQ(fit.rank, 11);
  EXPECT_NE(fit.warning, "");
  // The fitted values are those without the column; the solution is the shortest.
  const LinearFit plain = fit_linear(s.x, s.y);
  EXPECT_NEAR(fit.rss, plain.rss, 1e-12);
  const double along = fit.coef[1] * 0.1 + fit.coef[2] * 0.7 - fit.coef[11];
  EXPECT_NEAR(along, 0, 1e-12);
}

TEST(LinearFit, with_fewer_rows_than_columns_is_the_shortest_that_passes_through_them) {
  const LinearFit fit =
      fit_linear(from_vector<double>({3, 4}, {1, 2}), Tensor{10}, {.intercept = false});
  EXPECT_NEAR(fit.coef[0], 1.2, 1e-15);
  EXPECT_NEAR(fit.coef[1], 1.6, 1e-15);
  EXPECT_EQ(fit.rss, 0);
}

TEST(LinearFit, through_the_origin_measures_r2_from_zero) {
  const LinearFit fit = fit_linear(line_x, line_y, {.intercept = false});
  // b = 66 / 55; sum y^2 = 86.
  EXPECT_NEAR(fit.coef[0], 1.2, 1e-15);
  EXPECT_NEAR(fit.r2, 66.0 * 66 / 55 / 86, 1e-15);
  EXPECT_NEAR(fit.f, (66.0 * 66 / 55) / ((86 - 66.0 * 66 / 55) / 4), 1e-12);
}

// A polynomial of degree ten on a narrow range, as NIST's Filip: exact coefficients come back.
TEST(LinearFit, of_degree_ten_keeps_twelve_digits) {
  NamedColumns c{{"x", "y"}, {{}, {}}};
  const std::string terms = "1,x,x^2,x^3,x^4,x^5,x^6,x^7,x^8,x^9,x^10";
  // Sums of powers that f64 holds exactly: x in eighths, coefficients 1.
  for (int i = 0; i < 82; ++i) {
    const double x = -9 + i / 16.0 * 1.0;
    __int128 sum = 0;
    const __int128 scaled = -144 + i;
    for (int k = 0; k <= 10; ++k) {
      __int128 term = 1;
      for (int q = 0; q < k; ++q) term *= scaled;
      for (int q = k; q < 10; ++q) term *= 16;
      sum += term;
    }
    const double y = std::ldexp(static_cast<double>(sum), -40);
    // Only rows whose sum has no more than 53 bits.
    if (static_cast<__int128>(static_cast<double>(sum)) != sum) continue;
    c.values[0].push_back(x);
    c.values[1].push_back(y);
  }
  if (c.rows() < 12) GTEST_SKIP() << c.rows() << " exact rows";
  const LinearFit fit = fit_linear(parse_terms(terms), c, "y");
  for (double b : fit.coef) EXPECT_NEAR(b, 1, 1e-12);
}

TEST(LinearFit, of_many_rows_agrees_with_the_precise_one) {
  const int64_t n = 20'000, d = 20;
  std::vector<double> x(static_cast<size_t>(n * d)), noise(static_cast<size_t>(n));
  fill_normal(key_from_seed(1), 0, std::span<double>(x));
  fill_normal(key_from_seed(2), 0, std::span<double>(noise));
  std::vector<double> y;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    y.push_back(3 + noise[i]);
    for (size_t j = 0; j < 20; ++j) y[i] += x[i * 20 + j] * static_cast<double>(j);
  }
  const Tensor X = from_vector(x, {n, d}), Y = from_vector(y);
  const LinearFit quick = fit_linear(X, Y);  // over the limit: by the Gram matrix
  const LinearFit half = fit_linear(slice_axis(X, 0, {0, 4000}), slice_axis(Y, 0, {0, 4000}));
  EXPECT_EQ(quick.rank, 21);
  for (size_t j = 0; j < 21; ++j) EXPECT_NEAR(quick.coef[j], half.coef[j], 5 * half.se[j]);
  // Normal equations hold to rounding.
  const std::vector<double> g = numbers(matmul(from_vector(quick.residuals), X));
  for (double v : g) EXPECT_LE(std::fabs(v), 1e-9);
  EXPECT_NEAR(std::accumulate(quick.leverage.begin(), quick.leverage.end(), 0.0), 21, 1e-9);
  EXPECT_NEAR(quick.vif[1], 1, 0.01);
}

TEST(LinearFit, of_many_dependent_rows_falls_back_to_reflections) {
  const int64_t n = 60'000, d = 9;
  std::vector<double> x(static_cast<size_t>(n * d)), y(static_cast<size_t>(n));
  fill_normal(key_from_seed(3), 0, std::span<double>(x));
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    x[i * 9 + 8] = x[i * 9] + x[i * 9 + 1];
    y[i] = x[i * 9] - x[i * 9 + 2];
  }
  const LinearFit fit = fit_linear(from_vector(x, {n, d}), from_vector(y));
  EXPECT_EQ(fit.rank, 9);
  EXPECT_NE(fit.warning, "");
  EXPECT_LE(fit.rss, 1e-18 * static_cast<double>(n));
}

TEST(LinearFit, says_what_it_cannot_take) {
  EXPECT_EQ(message_of([] { fit_linear(line_y, line_y); }),
            "fit_linear: X is f64[5]. It must be a matrix of rows and columns, f64[n,d].");
  EXPECT_EQ(message_of([] {
              fit_linear(line_x, Tensor{1, 2});
            }),
            "fit_linear: X is f64[5,1] and y f64[2]. There must be one number of y for each row of "
            "X.");
  EXPECT_EQ(message_of([] {
              fit_linear(from_vector<double>({1, NAN}, {2, 1}), Tensor{1, 2});
            }),
            "fit_linear: element [1,0] is nan. Linear algebra needs finite numbers. Find where it "
            "came from, or replace it with where(isfinite(x), x, 0).");
  EXPECT_EQ(message_of([] {
              fit_linear(line_x, line_y).predict(zeros({2, 3}));
            }),
            "predict: X is f64[2,3], but the fit has 1 columns. Their numbers must be equal.");
  EXPECT_EQ(message_of([] {
              fit_linear(zeros({0, 2}), zeros({0}));
            }),
            "fit_linear: there are 0 rows and 3 columns. A fit needs one of each at least.");
}

TEST(Terms, are_products_of_whole_powers) {
  const auto terms = parse_terms("1, x,x^2, x*z^3*x ,z^-1");
  ASSERT_EQ(terms.size(), 5u);
  EXPECT_TRUE(terms[0].factors.empty());
  EXPECT_EQ(terms[3].factors[0].power, 2);
  EXPECT_EQ(terms[3].factors[1].column, "z");
  EXPECT_EQ(terms[3].factors[1].power, 3);
  EXPECT_EQ(terms[4].factors[0].power, -1);
  NamedColumns c{{"x", "z"}, {{2, 3}, {5, 2}}};
  const auto a = design(terms, c);
  EXPECT_EQ(static_cast<double>(a[2 * 3]), 4 * 125);
  EXPECT_EQ(static_cast<double>(a[2 * 4 + 1]), 0.5);
}

TEST(Terms, that_are_no_products_are_refused) {
  EXPECT_EQ(message_of([] { parse_terms("1,,x"); }),
            "terms: '' is empty. A term is a product of whole powers of columns, as in "
            "1,x,x^2,x*z.");
  EXPECT_EQ(message_of([] { parse_terms("x^0.5"); }),
            "terms: 'x^0.5' has a power that is no whole number from -64 to 64. A term is a "
            "product of whole powers of columns, as in 1,x,x^2,x*z.");
  EXPECT_EQ(message_of([] { parse_terms("x,x"); }),
            "terms: 'x' is given twice. A term is a product of whole powers of columns, as in "
            "1,x,x^2,x*z.");
  EXPECT_EQ(message_of([] { parse_terms("x*"); }),
            "terms: 'x*' lacks the name of a column. A term is a product of whole powers of "
            "columns, as in 1,x,x^2,x*z.");
  EXPECT_EQ(message_of([] {
              fit_linear(parse_terms("1,weigth"), {{"weight", "y"}, {{1, 2}, {1, 2}}}, "y");
            }),
            "fit linear: there is no column 'weigth' among weight, y. Did you mean 'weight'?");
  EXPECT_EQ(message_of([] {
              fit_linear(parse_terms("1,x^-1"), {{"x", "y"}, {{1, 0}, {1, 2}}}, "y");
            }),
            "fit linear: 'x^-1' in row 2 is nan. A fit needs finite numbers.");
}

TEST(Solvers, normal_equations_lose_twice_the_digits) {
  // Vandermonde columns on [0, 1]: condition 1e6 and a bit.
  std::vector<double> x, y;
  for (int i = 0; i < 30; ++i) {
    double power = 1, sum = 0;
    for (int j = 0; j < 8; ++j) {
      x.push_back(power);
      sum += power;
      power *= i / 29.0;
    }
    y.push_back(sum);
  }
  const Conditioning c = compare_solvers(from_vector(x, {30, 8}), from_vector(y));
  EXPECT_GT(c.condition, 1e5);
  EXPECT_LT(c.reflections, 1e-9);
  EXPECT_LT(c.singular, 1e-9);
  EXPECT_GT(c.normal, 30 * c.reflections);
  EXPECT_LT(c.normal, 1e-2);
}

TEST(Solvers, of_a_hilbert_matrix_leave_the_normal_equations_behind) {
  std::vector<double> h;
  for (int i = 0; i < 10; ++i)
    for (int j = 0; j < 10; ++j) h.push_back(1.0 / (i + j + 1));
  const Tensor H = from_vector(h, {10, 10});
  const Conditioning c = compare_solvers(H, matmul(H, ones({10})));
  EXPECT_NEAR(std::log10(c.condition), 13.2, 0.1);
  EXPECT_LT(c.reflections, 1e-2);
  EXPECT_GT(c.normal, 1e-1);
}

}  // namespace
}  // namespace gradus
