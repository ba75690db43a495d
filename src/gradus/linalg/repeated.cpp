#include <gradus/base/error.h>
#include <gradus/core/op.h>
#include <gradus/linalg/matrices.h>
#include <gradus/linalg/repeated.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace gradus {
namespace {

using namespace matrices;

thread_local const RepeatedGuard* innermost = nullptr;

std::string report_of(bool pairs, int64_t i, int64_t j) {
  const std::string who =
      pairs
          ? "values " + std::to_string(std::min(i, j)) + " and " + std::to_string(std::max(i, j)) +
                " are equal up to rounding, and a derivative runs through their vectors"
          : "value " + std::to_string(j) +
                " is 0 up to rounding, and a derivative runs through its vector";
  return "repeated values: " + who +
         ". Vectors that may turn among themselves are taken not to turn: what depends on the turn "
         "has no derivative, or another one. Take the derivative of what the values alone "
         "determine, or keep the values apart.";
}

template <class T>
void run_quotient(const Call& c) {
  const View &m = c.in[0], &d = c.in[1], &scale = c.in[2];
  const bool pairs = c.attrs->a[0];
  const int64_t rows = rows_of(m), columns = columns_of(m);
  const T eps = std::numeric_limits<T>::epsilon() * 4 * static_cast<T>(columns);
  for (int64_t b = 0; b < batch_of(m); ++b) {
    const dense::Window<const T> from = constant_of<T>(m, b), by = constant_of<T>(d, b);
    const T bound = eps * scale.as<T>()[offset_of(scale, b, 0)];
    const T noise = eps * dense::largest(rows, columns, from);
    T* to = c.out[0].as<T>() + b * rows * columns;
    bool told = false;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j, ++to) {
        if (std::fabs(by(i, j)) > bound) {
          *to = from(i, j) / by(i, j);
          continue;
        }
        *to = 0;
        if (told || (pairs && i == j) || !(std::fabs(from(i, j)) > noise)) continue;
        told = true;
        RepeatedGuard::report(report_of(pairs, i, j));
      }
  }
}

Type quotient_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

Tensor again(const Context& c, const Tensor& m) {
  return apply(c.op, {m, c.in[1], c.in[2]}, c.attrs);
}
Tensor quotient_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i == 2) return {};
  return i == 0 ? again(c, bar[0]) : -again(c, bar[0] * c.out[0]);
}
Tensor quotient_push(const Context& c, std::span<const Tensor> dot, int) {
  Tensor m;
  if (!dot[0].is_absent()) m = dot[0];
  if (!dot[1].is_absent()) m = m.is_absent() ? -c.out[0] * dot[1] : m - c.out[0] * dot[1];
  return m.is_absent() ? m : again(c, m);
}

// In no list of ops: only derivatives of spectral.cpp record it, and their checks are its own.
constinit const Op quotient_op{.name = "quotient",
                               .says = "division by the gaps between values, 0 where there is none",
                               .math = "m / d",
                               .kind = Kind::custom,
                               .inputs = 3,
                               .type = quotient_type,
                               .kernel = by_type<run_quotient<float>, run_quotient<double>>,
                               .rule = {.pull = quotient_pull, .push = quotient_push},
                               .batch = batch_leading};

}  // namespace

RepeatedGuard::RepeatedGuard(Repeated policy, std::function<void(const std::string&)> tell)
    : policy_(policy), tell_(std::move(tell)), outer_(innermost) {
  innermost = this;
}

RepeatedGuard::~RepeatedGuard() {
  innermost = outer_;
}

void RepeatedGuard::report(const std::string& line) {
  const Repeated policy = innermost == nullptr ? Repeated::warn : innermost->policy_;
  if (policy == Repeated::raise) raise(ErrorKind::numeric, line);
  if (policy == Repeated::ignore) return;
  if (innermost != nullptr && innermost->tell_)
    innermost->tell_(line);
  else
    std::fputs((line + "\n").c_str(), stderr);
}

Tensor quotient(const Tensor& m, const Tensor& d, const Tensor& scale, bool pairs) {
  Attrs attrs;
  attrs.a = {pairs};
  return apply(quotient_op, {m, d, scale}, attrs);
}

}  // namespace gradus
