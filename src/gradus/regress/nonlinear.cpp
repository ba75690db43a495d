#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/levenberg.h>
#include <gradus/regress/model.h>
#include <gradus/regress/nonlinear.h>
#include <gradus/regress/student.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// The model in f64 with automatic derivatives.
levenberg::Problem<double> problem_of(const Expression& model, const NamedColumns& columns,
                                      const std::vector<double>& y,
                                      const std::vector<std::string>& parameters) {
  std::vector<std::string> names = parameters;
  std::vector<Tensor> values(parameters.size());
  for (size_t j = 0; j < columns.names.size(); ++j)
    if (std::ranges::find(model.names(), columns.names[j]) != model.names().end()) {
      names.push_back(columns.names[j]);
      values.push_back(from_vector(columns.values[j]));
    }
  const auto n = static_cast<int64_t>(y.size());
  const auto p = static_cast<int64_t>(parameters.size());
  const Function curve = [names, values, model, n, p](std::span<const Tensor> args) {
    std::vector<Tensor> all = values;
    for (int64_t k = 0; k < p; ++k) all[at(k)] = row(args[0], k);
    const Tensor f = cast(model(names, all), DType::f64);
    if (f.rank() > 1 || (f.rank() == 1 && f.shape()[0] != n && f.shape()[0] != 1))
      raise(ErrorKind::shape, "fit nonlinear: the model gives " + to_string(f.type()) + " for " +
                                  std::to_string(n) +
                                  " rows. It must give one number for each row.");
    return broadcast_to(f, {n});
  };
  levenberg::Problem<double> problem;
  problem.residuals = n;
  problem.parameters = p;
  problem.evaluate = [curve, y, n, p](const double* x, double* r, double* jacobian_at) {
    const Tensor args[] = {from_span(std::span(x, at(p)), {p})};
    const std::vector<double> f = numbers(curve(args));
    for (size_t i = 0; i < f.size(); ++i) {
      r[i] = f[i] - y[i];
      if (!std::isfinite(r[i])) return false;
    }
    if (jacobian_at) {
      const std::vector<double> rows =
          numbers(jacobian(curve, std::span<const Tensor>(args), 0, {.mode = Mode::forward}));
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < p; ++j) {
          const double v = rows[at(i * p + j)];
          if (!std::isfinite(v)) return false;
          jacobian_at[j * n + i] = v;
        }
    }
    return true;
  };
  return problem;
}

// What is said of the minimum, from residuals and Jacobian there.
template <class T>
void conclude(NonlinearFit& fit, const levenberg::Problem<T>& problem,
              const levenberg::Result<T>& best, const std::vector<double>& y,
              const NonlinearOptions& options) {
  const int64_t n = problem.residuals, p = problem.parameters;
  std::vector<T> r(at(n)), jacobian(at(n * p));
  if (!problem.evaluate(best.x.data(), r.data(), jacobian.data()))
    raise(ErrorKind::numeric,
          "fit nonlinear: the derivatives are not finite at the minimum. Try another start.");
  for (int64_t j = 0; j < p; ++j) fit.coef.push_back(static_cast<double>(best.x[at(j)]));
  fit.rss = static_cast<double>(householder::dot(n, r.data(), r.data()));
  fit.cosine = best.cosine;
  fit.residuals.clear();
  for (int64_t i = 0; i < n; ++i) {
    fit.residuals.push_back(-static_cast<double>(r[at(i)]));
    fit.fitted.push_back(y[at(i)] - fit.residuals.back());
  }
  double mean = 0, squares = 0;
  for (double v : y) mean += v / static_cast<double>(n);
  for (double v : y) squares += (v - mean) * (v - mean);
  fit.r2 = 1 - fit.rss / squares;

  std::vector<double> scale(at(p), 1);
  for (int64_t j = 0; j < p; ++j) {
    T* column = jacobian.data() + j * n;
    const auto length = static_cast<double>(householder::length(n, column));
    if (length > 0) scale[at(j)] = length;
    for (int64_t i = 0; i < n; ++i) column[i] = column[i] / T(scale[at(j)]);
  }
  householder::triangularise<T>(n, p, jacobian.data(), nullptr);
  std::vector<double> triangle(at(p * p), 0);
  bool regular = n >= p;
  for (int64_t j = 0; j < p && regular; ++j) {
    for (int64_t i = 0; i <= j; ++i)
      triangle[at(i * p + j)] = static_cast<double>(jacobian[at(j * n + i)]);
    regular = std::fabs(triangle[at(j * p + j)]) > 0;
  }
  if (regular) {
    const std::vector<double> s = numbers(svdvals(from_vector(triangle, {p, p})));
    fit.condition = s.front() / s.back();
  }
  if (!regular || !(fit.condition < 1e15)) {
    std::string named;
    for (int64_t j = 0; j < p; ++j)
      if (n < p || std::fabs(triangle[at(j * p + j)]) < 1e-14) named = fit.names[at(j)];
    raise(ErrorKind::numeric,
          "fit nonlinear: the data do not determine " +
              (named.empty() ? std::string("every parameter") : "'" + named + "'") +
              ": near the end of the descent other values fit as well. Fix one of the parameters, "
              "or try another start.");
  }
  const auto freedom = static_cast<double>(fit.freedom());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  fit.resid_sd = freedom > 0 ? std::sqrt(fit.rss / freedom) : nan;
  const double quantile =
      freedom > 0 ? student::quantile(0.5 + options.confidence / 2, freedom) : nan;
  // Row j of R^-1: solve R z = e_c for every column.
  std::vector<double> diagonal(at(p), 0);
  for (int64_t c = 0; c < p; ++c) {
    std::vector<T> e(at(c + 1), T(0.0));
    e[at(c)] = T(1.0);
    householder::solve_upper(c + 1, jacobian.data(), n, e.data());
    for (int64_t j = 0; j <= c; ++j) {
      const auto v = static_cast<double>(e[at(j)]);
      diagonal[at(j)] += v * v;
    }
  }
  for (size_t j = 0; j < at(p); ++j) {
    const double se = fit.resid_sd * std::sqrt(diagonal[j]) / scale[j], t = fit.coef[j] / se;
    fit.se.push_back(se);
    fit.t.push_back(t);
    fit.p_value.push_back(freedom > 0 ? student::two_sided(t, freedom) : nan);
    fit.low.push_back(fit.coef[j] - quantile * se);
    fit.high.push_back(fit.coef[j] + quantile * se);
  }
}

}  // namespace

NonlinearFit fit_nonlinear(const Expression& model, const NamedColumns& columns,
                           std::string_view response, const Bindings& start,
                           const NonlinearOptions& options) {
  const std::vector<double>& y = columns.column(response, "fit nonlinear");
  NonlinearFit fit;
  fit.names = start.names;
  fit.rows = static_cast<int64_t>(y.size());
  std::vector<double> x;
  for (size_t k = 0; k < start.names.size(); ++k) {
    if (std::ranges::find(columns.names, start.names[k]) != columns.names.end())
      raise(ErrorKind::usage,
            "fit nonlinear: '" + start.names[k] +
                "' is a column and a parameter. Give the parameter another name.");
    if (start.values[k].size() != 1 || !std::isfinite(gradus::number(reshape(start.values[k], {}))))
      raise(ErrorKind::usage, "fit nonlinear: the start of '" + start.names[k] +
                                  "' is no finite number. Give one, as in --start b1=500,b2=0.01.");
    if (std::ranges::find(model.names(), start.names[k]) == model.names().end())
      raise(ErrorKind::usage, "fit nonlinear: the model does not read '" + start.names[k] +
                                  "', so the data cannot determine it.");
    x.push_back(gradus::number(reshape(start.values[k], {})));
  }
  if (x.empty())
    raise(ErrorKind::usage,
          "fit nonlinear: there is no parameter. Give each a start, as in --start b1=500,b2=0.01.");
  if (fit.rows < static_cast<int64_t>(x.size()))
    raise(ErrorKind::usage, "fit nonlinear: " + std::to_string(fit.rows) +
                                " rows cannot determine " + std::to_string(x.size()) +
                                " parameters. There must be a row for each at least.");
  for (const std::string& name : model.names()) {
    if (std::ranges::find(start.names, name) != start.names.end() ||
        (is_known_constant(name) && std::ranges::find(columns.names, name) == columns.names.end()))
      continue;
    const std::vector<double>& column = columns.column(name, "fit nonlinear");
    for (size_t i = 0; i < column.size(); ++i)
      if (!std::isfinite(column[i]))
        raise(ErrorKind::domain, "fit nonlinear: '" + name + "' in row " + std::to_string(i + 1) +
                                     " is " + text::number(column[i]) +
                                     ". A fit needs finite numbers.");
  }
  for (size_t i = 0; i < y.size(); ++i)
    if (!std::isfinite(y[i]))
      raise(ErrorKind::domain, "fit nonlinear: '" + std::string(response) + "' in row " +
                                   std::to_string(i + 1) + " is " + text::number(y[i]) +
                                   ". A fit needs finite numbers.");

  const levenberg::Problem<double> problem = problem_of(model, columns, y, start.names);
  const levenberg::Result<double> best =
      levenberg::lowest(problem, x, {.iterations = options.iterations});
  if (best.end == levenberg::End::not_finite)
    raise(
        ErrorKind::numeric,
        "fit nonlinear: the model or its derivatives are not finite at the start. Begin where the "
        "model can be computed in every row.");
  fit.iterations = best.iterations;
  fit.evaluations = best.evaluations;
  fit.converged = best.end != levenberg::End::iterations || best.cosine < 1e-6;

  // What takes longer than some seconds in double-double stays in f64.
  constexpr int64_t largest = 20'000'000;
  const PreciseModel exact(model, start.names, columns);
  if (exact.possible() && fit.rows * static_cast<int64_t>(x.size() * (x.size() + 8)) < largest) {
    levenberg::Problem<DoubleDouble> precise;
    precise.residuals = fit.rows;
    precise.parameters = static_cast<int64_t>(x.size());
    precise.evaluate = [&](const DoubleDouble* b, DoubleDouble* r, DoubleDouble* jacobian_at) {
      if (!exact(b, r, jacobian_at)) return false;
      for (size_t i = 0; i < y.size(); ++i) r[i] = r[i] - DoubleDouble(y[i]);
      return true;
    };
    const levenberg::Result<DoubleDouble> sharp = levenberg::descend(
        precise, std::vector<DoubleDouble>(best.x.begin(), best.x.end()),
        {.value_tolerance = 1e-31, .x_tolerance = 1e-22, .iterations = 500, .factor = 1});
    // It starts where f64 ended and only goes down.
    if (sharp.end != levenberg::End::not_finite) {
      fit.sharpened = true;
      fit.iterations += sharp.iterations;
      fit.evaluations += sharp.evaluations;
      fit.converged = sharp.end != levenberg::End::iterations || sharp.cosine < 1e-9;
      conclude(fit, precise, sharp, y, options);
    }
  }
  if (!fit.sharpened) conclude(fit, problem, best, y, options);
  fit.reason = fit.converged ? "the residuals are orthogonal to every direction the model can move "
                               "in, to a cosine of " +
                                   text::significant(fit.cosine, 2)
                             : "no more steps were allowed";
  return fit;
}

}  // namespace gradus
