#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/least_squares.h>
#include <gradus/optim/levenberg.h>

namespace gradus {
namespace {

bool all_finite(const std::vector<double>& x) {
  return std::ranges::all_of(x, [](double v) { return std::isfinite(v); });
}

const char* reason_of(levenberg::End end) {
  switch (end) {
    case levenberg::End::value:
      return "no step lowers the sum of squares by more than the tolerance";
    case levenberg::End::x:
      return "no step moves x by more than the tolerance";
    case levenberg::End::orthogonal:
      return "the residuals are orthogonal to every column of the Jacobian";
    case levenberg::End::iterations:
      return "no more steps were allowed";
    case levenberg::End::not_finite:
      break;
  }
  return "the residuals are not finite";
}

}  // namespace

LeastSquares levenberg_marquardt(const Objective& r, const Tensor& x0,
                                 const LeastSquaresOptions& options) {
  const Shape shape = x0.shape();
  const std::vector<double> start = numbers(x0);
  const Tensor first = r(cast(x0, DType::f64));
  if (first.rank() != 1)
    raise(ErrorKind::shape, "levenberg_marquardt: the residuals are " + to_string(first.type()) +
                                ", but their sum of squares is of a vector, f64[n]. Flatten them "
                                "with reshape(r, {-1}).");
  levenberg::Problem<double> problem;
  problem.residuals = first.size();
  problem.parameters = static_cast<int64_t>(start.size());
  const Function of_list = [&r](std::span<const Tensor> args) { return r(args[0]); };
  problem.evaluate = [&](const double* x, double* out, double* columns) {
    const Tensor at = from_span(std::span(x, start.size()), shape);
    const std::vector<double> values = numbers(r(at));
    std::ranges::copy(values, out);
    if (!all_finite(values)) return false;
    if (columns) {
      const Tensor args[] = {at};
      const std::vector<double> rows = numbers(jacobian(of_list, std::span<const Tensor>(args)));
      if (!all_finite(rows)) return false;
      const size_t p = start.size(), n = values.size();
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < p; ++j) columns[j * n + i] = rows[i * p + j];
    }
    return true;
  };
  const auto best = levenberg::lowest(problem, start,
                                      {.value_tolerance = options.tolerance,
                                       .x_tolerance = options.tolerance,
                                       .iterations = options.iterations});
  if (best.end == levenberg::End::not_finite)
    raise(ErrorKind::numeric,
          "levenberg_marquardt: the residuals or their Jacobian are not finite at the start. Begin "
          "where the model can be computed.");
  return {from_span(std::span<const double>(best.x), shape),
          best.value,
          best.cosine,
          best.iterations,
          best.evaluations,
          best.end != levenberg::End::iterations,
          reason_of(best.end)};
}

}  // namespace gradus
