#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/dense.h>
#include <gradus/linalg/spectral.h>
#include <gradus/optim/householder.h>
#include <gradus/regress/gram.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/student.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// Rows times columns squared up to which double-double is quick: some 0.1 s.
constexpr int64_t precise_work = 4'000'000;

// What the solvers agree on.
template <class T>
struct Solution {
  std::vector<T> coef;
  std::vector<T> residuals;
  std::vector<T> inverse;  // (p, rank), column-major
  std::vector<double> leverage;
  T rss = T(0.0);
  int64_t rank = 0;
  double condition = 1;
};

// The 2-norm condition of the leading triangle (k,k) of r with columns of length 1.
template <class T>
double scaled_condition(int64_t k, const T* r, int64_t apart) {
  if (k == 0) return 1;
  std::vector<double> scaled(at(k * k), 0);
  for (int64_t j = 0; j < k; ++j) {
    const auto length = static_cast<double>(householder::length(j + 1, r + j * apart));
    for (int64_t i = 0; i <= j; ++i)
      scaled[at(i * k + j)] = static_cast<double>(r[j * apart + i]) / length;
  }
  const std::vector<double> s = numbers(svdvals(from_vector(scaled, {k, k})));
  return s.back() > 0 ? s.front() / s.back() : std::numeric_limits<double>::infinity();
}

// a (n,p) and y (n) by reflections, the longest column first.
template <class T>
Solution<T> by_reflections(int64_t n, int64_t p, const std::vector<T>& a, const std::vector<T>& y,
                           double tolerance, bool influence) {
  Solution<T> s;
  // Powers of two bring the columns to about one length, exactly.
  std::vector<T> scaled = a, right = y;
  std::vector<double> scale(at(p), 1);
  for (int64_t j = 0; j < p; ++j) {
    const auto length = static_cast<double>(householder::length(n, a.data() + j * n));
    if (length > 0) scale[at(j)] = std::ldexp(1.0, std::clamp(-std::ilogb(length), -1000, 1000));
    for (int64_t i = 0; i < n; ++i) scaled[at(j * n + i)] = a[at(j * n + i)] * T(scale[at(j)]);
  }
  std::vector<int64_t> order;
  householder::triangularise(n, p, scaled.data(), right.data(), &order);
  const int64_t most = std::min(n, p);
  const T* r = scaled.data();
  const double first = most > 0 ? std::fabs(static_cast<double>(r[0])) : 0;
  while (s.rank < most &&
         std::fabs(static_cast<double>(r[s.rank * n + s.rank])) > tolerance * first)
    ++s.rank;
  const int64_t k = s.rank;
  s.condition = k < p ? std::numeric_limits<double>::infinity() : scaled_condition(k, r, n);

  // The pseudo-inverse of the triangle, its rows in the order of the columns.
  s.inverse.assign(at(p * k), T(0.0));
  if (k == p) {
    for (int64_t c = 0; c < k; ++c) {
      std::vector<T> e(at(c + 1), T(0.0));
      e[at(c)] = T(1.0);
      householder::solve_upper(c + 1, r, n, e.data());
      for (int64_t i = 0; i <= c; ++i) {
        const int64_t j = order[at(i)];
        s.inverse[at(c * p + j)] = e[at(i)] * T(scale[at(j)]);
      }
    }
  } else if (k > 0) {
    // With dependent columns R (k,p) is broad: R^T = Z S, and the pseudo-inverse is Z S^-T.
    std::vector<T> broad(at(p * k), T(0.0));  // R^T, rows in the order of the columns
    for (int64_t c = 0; c < p; ++c)
      for (int64_t i = 0; i < std::min(c + 1, k); ++i) {
        const int64_t j = order[at(c)];
        broad[at(i * p + j)] = r[c * n + i] / T(scale[at(j)]);
      }
    std::vector<T> triangle = broad;
    householder::triangularise<T>(p, k, triangle.data(), nullptr);
    // Z S^-T = R^T (S^T S)^-1.
    for (int64_t c = 0; c < k; ++c) {
      std::vector<T> e(at(k), T(0.0));
      e[at(c)] = T(1.0);
      householder::solve_upper_transposed(k, triangle.data(), p, e.data());
      householder::solve_upper(k, triangle.data(), p, e.data());
      for (int64_t j = 0; j < p; ++j)
        for (int64_t i = 0; i < k; ++i)
          s.inverse[at(c * p + j)] = s.inverse[at(c * p + j)] + broad[at(i * p + j)] * e[at(i)];
    }
  }
  s.coef.assign(at(p), T(0.0));
  if (k == p) {
    std::vector<T> x(right.data(), right.data() + p);
    householder::solve_upper(p, r, n, x.data());
    for (int64_t i = 0; i < p; ++i)
      s.coef[at(order[at(i)])] = x[at(i)] * T(scale[at(order[at(i)])]);
  } else {
    for (int64_t c = 0; c < k; ++c)
      for (int64_t j = 0; j < p; ++j)
        s.coef[at(j)] = s.coef[at(j)] + s.inverse[at(c * p + j)] * right[at(c)];
  }
  s.residuals = y;
  for (int64_t j = 0; j < p; ++j)
    for (int64_t i = 0; i < n; ++i)
      s.residuals[at(i)] = s.residuals[at(i)] - a[at(j * n + i)] * s.coef[at(j)];
  s.rss = householder::dot(n, s.residuals.data(), s.residuals.data());
  if (influence) {
    s.leverage.resize(at(n));
    std::vector<T> row(at(k));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t c = 0; c < k; ++c)
        row[at(c)] = a[at(order[at(c)] * n + i)] * T(scale[at(order[at(c)])]);
      householder::solve_upper_transposed(k, r, n, row.data());
      s.leverage[at(i)] = static_cast<double>(householder::dot(k, row.data(), row.data()));
    }
  }
  return s;
}

// Sums in double-double: a large mean does not eat the digits of the spread.
double spread(const std::vector<double>& y, bool around_mean) {
  DoubleDouble sum = DoubleDouble(0.0), squares = DoubleDouble(0.0);
  if (around_mean)
    for (double v : y) sum = sum + DoubleDouble(v);
  const DoubleDouble mean = sum / DoubleDouble(static_cast<double>(std::max<size_t>(y.size(), 1)));
  for (double v : y) {
    const DoubleDouble d = DoubleDouble(v) - mean;
    squares = squares + d * d;
  }
  return static_cast<double>(squares);
}

// What follows from coefficients, rss, rank and inverse; `around` has the squares of y and then of
// the columns around their means, or around 0 without an intercept.
void conclude(LinearFit& fit, const std::vector<double>& around, const LinearFitOptions& options) {
  const size_t p = fit.coef.size();
  const auto n = static_cast<double>(fit.rows), k = static_cast<double>(fit.rank);
  const auto freedom = static_cast<double>(fit.freedom());
  const double variance = freedom > 0 ? fit.rss / freedom : nan;
  fit.resid_sd = std::sqrt(variance);
  const double quantile =
      freedom > 0 ? student::quantile(0.5 + options.confidence / 2, freedom) : nan;
  for (size_t j = 0; j < p; ++j) {
    double diagonal = 0;
    for (int64_t c = 0; c < fit.rank; ++c) {
      const double v = fit.inverse[at(c) * p + j];
      diagonal += v * v;
    }
    const double se = std::sqrt(variance * diagonal), t = fit.coef[j] / se;
    fit.se.push_back(se);
    fit.t.push_back(t);
    fit.p_value.push_back(freedom > 0 ? student::two_sided(t, freedom) : nan);
    fit.low.push_back(fit.coef[j] - quantile * se);
    fit.high.push_back(fit.coef[j] + quantile * se);
    const bool is_one = fit.names[j] == "1";
    fit.vif.push_back(is_one                               ? nan
                      : fit.rank < static_cast<int64_t>(p) ? std::numeric_limits<double>::infinity()
                                                           : diagonal * around[j + 1]);
  }
  const double tss = around[0];
  const double others = k - (fit.intercept ? 1 : 0);
  fit.r2 = tss > 0 ? 1 - fit.rss / tss : nan;
  fit.adjusted_r2 = freedom > 0 ? 1 - variance / (tss / (n - (fit.intercept ? 1 : 0))) : nan;
  fit.f = others > 0 ? (tss - fit.rss) / others / variance : nan;
  fit.f_p_value = others > 0 && freedom > 0 ? student::f_tail(fit.f, others, freedom) : nan;
  if (fit.rank < static_cast<int64_t>(p))
    fit.warning = "the " + std::to_string(p) + " columns span only " + std::to_string(fit.rank) +
                  (fit.rank == 1 ? " dimension" : " dimensions") +
                  ": some is a sum of multiples of others. Of the many solutions this is the one "
                  "of least length; drop a column to make it unique";
}

std::vector<double> rounded(const std::vector<DoubleDouble>& x) {
  std::vector<double> y;
  y.reserve(x.size());
  for (const DoubleDouble& v : x) y.push_back(static_cast<double>(v));
  return y;
}

void need_rows(int64_t rows, int64_t columns, const char* op) {
  if (rows < 1 || columns < 1)
    raise(ErrorKind::shape, std::string(op) + ": there are " + std::to_string(rows) + " rows and " +
                                std::to_string(columns) +
                                " columns. A fit needs one of each at least.");
}

// A residual this far below the response is the rounding of the sums: the fit is exact.
constexpr double exact_fit = 1e-24;

void fit_precisely(LinearFit& fit, const std::vector<DoubleDouble>& a, const std::vector<double>& y,
                   const LinearFitOptions& options) {
  const int64_t n = fit.rows;
  const auto p = static_cast<int64_t>(fit.names.size());
  const std::vector<DoubleDouble> right(y.begin(), y.end());
  // Columns that differ by less than the rounding of f64 are one.
  Solution<DoubleDouble> s =
      by_reflections<DoubleDouble>(n, p, a, right, 8 * eps, options.influence);
  fit.coef = rounded(s.coef);
  fit.rank = s.rank;
  fit.inverse = rounded(s.inverse);
  fit.condition = s.condition;
  fit.leverage = std::move(s.leverage);
  fit.rss = static_cast<double>(s.rss);
  if (fit.rss <= exact_fit * exact_fit * spread(y, false)) {
    fit.rss = 0;
    std::ranges::fill(s.residuals, DoubleDouble(0.0));
  }
  fit.residuals = rounded(s.residuals);
  std::vector<double> around{spread(y, fit.intercept)};
  for (int64_t j = 0; j < p; ++j)
    around.push_back(spread(rounded({a.data() + j * n, a.data() + (j + 1) * n}), fit.intercept));
  conclude(fit, around, options);
}

std::vector<double> column_of(const double* x, int64_t n, int64_t d, bool intercept, size_t j) {
  if (intercept && j == 0) return std::vector<double>(at(n), 1);
  std::vector<double> column(at(n));
  const auto place = static_cast<int64_t>(j) - (intercept ? 1 : 0);
  for (int64_t i = 0; i < n; ++i) column[at(i)] = x[i * d + place];
  return column;
}

}  // namespace

double LinearFit::digits_lost() const {
  return std::clamp(std::log10(condition), 0.0, 16.0);
}

Tensor LinearFit::predict(const Tensor& x) const {
  const auto d = static_cast<int64_t>(coef.size()) - (intercept ? 1 : 0);
  const gram::Table table = gram::table_of("predict", x);
  if (table.columns != d)
    raise(ErrorKind::shape, "predict: X is " + to_string(x.type()) + ", but the fit has " +
                                std::to_string(d) + " columns. Their numbers must be equal.");
  std::vector<double> y(at(table.rows), intercept ? coef[0] : 0);
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < d; ++j)
      y[at(i)] += table.x[i * d + j] * coef[at(j + (intercept ? 1 : 0))];
  return from_vector(y);
}

double LinearFit::score(const Tensor& x, const Tensor& y) const {
  return gram::r2_score(numbers(predict(x)), gram::response_of("score", y, x));
}

LinearFit fit_linear(const Tensor& x, const Tensor& y, const LinearFitOptions& options) {
  const gram::Table table = gram::table_of("fit_linear", x);
  const std::vector<double> right = gram::response_of("fit_linear", y, x);
  const int64_t n = table.rows, d = table.columns;
  LinearFit fit;
  fit.rows = n;
  fit.intercept = options.intercept;
  if (fit.intercept) fit.names.emplace_back("1");
  for (int64_t j = 0; j < d; ++j) fit.names.push_back("x" + std::to_string(j));
  const auto p = static_cast<int64_t>(fit.names.size());
  need_rows(n, p, "fit_linear");
  const auto column = [&](size_t j) { return column_of(table.x, n, d, fit.intercept, j); };
  if (n * p * p <= precise_work) {
    std::vector<DoubleDouble> a;
    a.reserve(at(n * p));
    for (size_t j = 0; j < at(p); ++j)
      for (double v : column(j)) a.emplace_back(v);
    fit_precisely(fit, a, right, options);
    return fit;
  }
  gram::Solution quick;
  if (n > p)
    quick = gram::solve(n, d, table.x, right.data(), fit.intercept, std::vector<double>(at(p), 0));
  if (quick.done) {
    fit.coef = std::move(quick.coef);
    fit.rank = p;
    fit.inverse = std::move(quick.inverse);
    fit.condition = quick.condition;
    fit.residuals = std::move(quick.residuals);
    fit.rss = quick.rss;
    if (options.influence)
      fit.leverage = gram::leverage(n, d, table.x, fit.intercept, fit.rank, fit.inverse);
  } else {
    std::vector<double> a;
    a.reserve(at(n * p));
    for (size_t j = 0; j < at(p); ++j) {
      const std::vector<double> c = column(j);
      a.insert(a.end(), c.begin(), c.end());
    }
    Solution<double> s = by_reflections<double>(
        n, p, a, right, static_cast<double>(std::max(n, p)) * eps, options.influence);
    fit.coef = s.coef;
    fit.rank = s.rank;
    fit.inverse = s.inverse;
    fit.condition = s.condition;
    fit.leverage = std::move(s.leverage);
    fit.residuals = s.residuals;
    fit.rss = s.rss;
  }
  conclude(fit, gram::squares_around_mean(n, d, table.x, right, fit.intercept), options);
  return fit;
}

LinearFit fit_linear(const std::vector<Term>& terms, const NamedColumns& columns,
                     std::string_view response, const LinearFitOptions& options) {
  LinearFit fit;
  const std::vector<double>& y = columns.column(response, "fit linear");
  fit.rows = static_cast<int64_t>(y.size());
  for (const Term& term : terms) {
    fit.names.push_back(term.text);
    fit.intercept = fit.intercept || term.factors.empty();
  }
  const auto p = static_cast<int64_t>(terms.size());
  need_rows(fit.rows, p, "fit linear");
  const auto check = [&](const std::string& name, const std::vector<double>& values) {
    for (size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        raise(ErrorKind::domain, "fit linear: '" + name + "' in row " + std::to_string(i + 1) +
                                     " is " + text::number(values[i]) +
                                     ". A fit needs finite numbers.");
  };
  check(std::string(response), y);
  for (const Term& term : terms)
    for (const Term::Factor& f : term.factors)
      check(f.column, columns.column(f.column, "fit linear"));
  const std::vector<DoubleDouble> a = design(terms, columns);
  for (int64_t j = 0; j < p; ++j)
    check(terms[at(j)].text, rounded({a.data() + j * fit.rows, a.data() + (j + 1) * fit.rows}));
  if (fit.rows * p * p <= precise_work) {
    fit_precisely(fit, a, y, options);
    return fit;
  }
  // Large: row-major f64, the terms as columns.
  std::vector<double> x(at(fit.rows * p));
  for (int64_t j = 0; j < p; ++j)
    for (int64_t i = 0; i < fit.rows; ++i)
      x[at(i * p + j)] = static_cast<double>(a[at(j * fit.rows + i)]);
  LinearFitOptions plain = options;
  plain.intercept = false;
  LinearFit large = fit_linear(from_vector(x, {fit.rows, p}), from_vector(y), plain);
  large.names = fit.names;
  if (fit.intercept) {
    large.intercept = true;
    for (auto* v : {&large.se, &large.t, &large.p_value, &large.low, &large.high, &large.vif})
      v->clear();
    conclude(large, gram::squares_around_mean(fit.rows, p, x.data(), y, true, true), options);
  }
  return large;
}

Conditioning compare_solvers(const Tensor& x, const Tensor& y) {
  const gram::Table table = gram::table_of("compare_solvers", x);
  const std::vector<double> right = gram::response_of("compare_solvers", y, x);
  const int64_t n = table.rows, p = table.columns;
  need_rows(n, p, "compare_solvers");
  if (n < p)
    raise(ErrorKind::shape,
          "compare_solvers: X is " + to_string(x.type()) + ". It needs as many rows as columns.");
  std::vector<double> a(at(n * p));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < p; ++j) a[at(j * n + i)] = table.x[i * p + j];
  const std::vector<DoubleDouble> precise(a.begin(), a.end()), b(right.begin(), right.end());
  const std::vector<double> want =
      rounded(by_reflections<DoubleDouble>(n, p, precise, b, 0, false).coef);
  const auto error = [&](const std::vector<double>& got) {
    std::vector<double> gap(want);
    for (size_t j = 0; j < gap.size(); ++j) {
      gap[j] = got[j] - want[j];
      if (!std::isfinite(gap[j])) return std::numeric_limits<double>::infinity();
    }
    return householder::length(p, gap.data()) / householder::length(p, want.data());
  };
  Conditioning c;
  const std::vector<double> s = numbers(svdvals(x));
  c.condition = s.back() > 0 ? s.front() / s.back() : std::numeric_limits<double>::infinity();

  std::vector<double> square(at(p * p), 0), low(at(p), 0);
  for (int64_t i = 0; i < p; ++i) {
    for (int64_t j = 0; j < p; ++j)
      square[at(i * p + j)] = householder::dot(n, a.data() + i * n, a.data() + j * n);
    low[at(i)] = householder::dot(n, a.data() + i * n, right.data());
  }
  if (dense::cholesky<double>(p, square.data()) < p) {
    c.normal = std::numeric_limits<double>::infinity();
  } else {
    dense::solve_triangle<double>(true, false, p, 1, {square.data(), p, 1}, low.data(), 1);
    dense::solve_triangle<double>(false, false, p, 1, {square.data(), 1, p}, low.data(), 1);
    c.normal = error(low);
  }
  c.reflections = error(by_reflections<double>(n, p, a, right, 0, false).coef);

  // One-sided Jacobi: columns are rotated until they are orthogonal, V gathers the rotations.
  std::vector<double> u = a, v(at(p * p), 0);
  for (int64_t j = 0; j < p; ++j) v[at(j * p + j)] = 1;
  bool turned = true;
  for (int sweep = 0; sweep < 60 && turned; ++sweep) {
    turned = false;
    for (int64_t i = 0; i < p; ++i)
      for (int64_t j = i + 1; j < p; ++j) {
        double *ui = u.data() + i * n, *uj = u.data() + j * n;
        const double alpha = householder::dot(n, ui, ui), beta = householder::dot(n, uj, uj),
                     gamma = householder::dot(n, ui, uj);
        if (std::fabs(gamma) <= eps * std::sqrt(alpha * beta)) continue;
        turned = true;
        const double zeta = (beta - alpha) / (2 * gamma);
        const double tangent = std::copysign(1, zeta) / (std::fabs(zeta) + std::hypot(1, zeta));
        const double cosine = 1 / std::hypot(1, tangent), sine = cosine * tangent;
        const auto rotate = [&](int64_t count, double* f, double* g) {
          for (int64_t k = 0; k < count; ++k) {
            const double old = f[k];
            f[k] = cosine * old - sine * g[k];
            g[k] = sine * old + cosine * g[k];
          }
        };
        rotate(n, ui, uj);
        rotate(p, v.data() + i * p, v.data() + j * p);
      }
  }
  std::vector<double> by_svd(at(p), 0);
  for (int64_t k = 0; k < p; ++k) {
    const double* column = u.data() + k * n;
    const double weight =
        householder::dot(n, column, right.data()) / householder::dot(n, column, column);
    for (int64_t j = 0; j < p; ++j) by_svd[at(j)] += weight * v[at(k * p + j)];
  }
  c.singular = error(by_svd);
  return c;
}

}  // namespace gradus
