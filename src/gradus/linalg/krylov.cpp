#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/krylov.h>
#include <gradus/linalg/spectral.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace gradus {
namespace {

using Vector = std::vector<double>;

double dot_of(const Vector& x, const Vector& y) {
  double s = 0;
  for (size_t i = 0; i < x.size(); ++i) s += x[i] * y[i];
  return s;
}
double length_of(const Vector& x) {
  double top = 0;
  for (const double v : x) top = std::max(top, std::fabs(v));
  if (top == 0 || !std::isfinite(top)) return top;
  double s = 0;
  for (const double v : x) s += v / top * (v / top);
  return top * std::sqrt(s);
}
// y += f x
void add(Vector& y, double f, const Vector& x) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += f * x[i];
}
void scale(Vector& x, double f) {
  for (double& v : x) v *= f;
}

// A x, which must be n finite numbers.
Vector product(const char* op, const LinearMap& a, const Vector& x) {
  const Tensor y = a(from_vector(x));
  const std::string name = op;
  if (y.rank() != 1 || y.size() != static_cast<int64_t>(x.size()))
    raise(ErrorKind::shape, name + ": the map gave " + to_string(y.type()) + " for f64[" +
                                std::to_string(x.size()) +
                                "]. It must give as many numbers as it takes.");
  Vector out = numbers(y);
  for (const double v : out)
    if (!std::isfinite(v))
      raise(ErrorKind::numeric,
            name + ": the map gave " + text::number(v) + ". Linear algebra needs finite numbers.");
  return out;
}

void require_size(const char* op, int64_t n, int64_t k = 1) {
  if (n < 1 || k < 1 || k > n)
    raise(ErrorKind::shape, std::string(op) + ": " + std::to_string(k) + " of " +
                                std::to_string(n) +
                                " eigenvalues were asked for. There is at least 1, and no more "
                                "than the map has rows.");
}

Vector first_vector(int64_t n, const Key& key) {
  Vector x(static_cast<size_t>(n));
  fill_normal(key, 0, std::span<double>(x));
  scale(x, 1 / length_of(x));
  return x;
}

}  // namespace

PowerIteration power_iteration(const LinearMap& a, int64_t n, const IterationOptions& options) {
  require_size("power_iteration", n);
  PowerIteration r;
  Vector x = first_vector(n, options.key);
  double before = 0;
  while (r.steps < options.most && !r.converged) {
    Vector y = product("power_iteration", a, x);
    ++r.steps;
    r.value = dot_of(x, y);
    Vector left = y;
    add(left, -r.value, x);
    const double off = length_of(left), size = length_of(y);
    if (before > 0 && off > 0) r.rate = off / before;
    before = off;
    r.residual = r.value == 0 ? off : off / std::fabs(r.value);
    r.converged = off <= options.tolerance * std::fabs(r.value);
    if (r.converged || size == 0) {
      r.converged = true;
      break;
    }
    scale(y, 1 / size);
    x = std::move(y);
  }
  r.vector = from_vector(x);
  return r;
}

Lanczos lanczos(const LinearMap& a, int64_t n, int64_t k, SpectrumEnd end,
                const IterationOptions& options) {
  require_size("lanczos", n, k);
  std::vector<Vector> basis{first_vector(n, options.key)};
  Vector alpha, beta;
  Lanczos r;
  const int64_t most = std::min(n, std::max(options.most, k));
  uint64_t restarts = 0;
  while (true) {
    Vector w = product("lanczos", a, basis.back());
    ++r.steps;
    alpha.push_back(dot_of(w, basis.back()));
    const double before = length_of(w);
    for (int pass = 0; pass < 2; ++pass)
      for (const Vector& q : basis) add(w, -dot_of(w, q), q);
    double next = length_of(w);
    const auto m = static_cast<int64_t>(alpha.size());
    const bool closed = next <= 0x1p-46 * before || before == 0;
    if (m >= k && (closed || m == most || m % 5 == 0)) {
      Vector t(static_cast<size_t>(m * m));
      for (int64_t i = 0; i < m; ++i) {
        t[static_cast<size_t>(i * m + i)] = alpha[static_cast<size_t>(i)];
        if (i + 1 < m)
          t[static_cast<size_t>(i * m + i + 1)] = t[static_cast<size_t>((i + 1) * m + i)] =
              beta[static_cast<size_t>(i)];
      }
      const Eigh e = eigh(from_vector(t, {m, m}));
      const Vector values = numbers(e.values), s = numbers(e.vectors);
      const double size = std::max(std::fabs(values.front()), std::fabs(values.back()));
      bool all = true;
      for (int64_t j = 0; j < k; ++j) {
        const int64_t at = end == SpectrumEnd::largest ? m - 1 - j : j;
        const double off = next * std::fabs(s[static_cast<size_t>((m - 1) * m + at)]);
        all = all && off <= options.tolerance * size;
      }
      r.converged = all || m == n;
      if (r.converged || m == most) {
        Vector columns(static_cast<size_t>(n * k));
        for (int64_t j = 0; j < k; ++j) {
          const int64_t at = end == SpectrumEnd::largest ? m - 1 - j : j;
          Vector v(static_cast<size_t>(n));
          for (int64_t i = 0; i < m; ++i)
            add(v, s[static_cast<size_t>(i * m + at)], basis[static_cast<size_t>(i)]);
          scale(v, 1 / length_of(v));
          Vector left = product("lanczos", a, v);
          add(left, -values[static_cast<size_t>(at)], v);
          r.values.push_back(values[static_cast<size_t>(at)]);
          r.residuals.push_back(length_of(left));
          for (int64_t i = 0; i < n; ++i)
            columns[static_cast<size_t>(i * k + j)] = v[static_cast<size_t>(i)];
        }
        r.vectors = from_vector(columns, {n, k});
        return r;
      }
    }
    if (closed) {
      // The space is closed under A: what is left of it begins anew, apart from the rest.
      w = first_vector(n, split(options.key, ++restarts));
      for (int pass = 0; pass < 2; ++pass)
        for (const Vector& q : basis) add(w, -dot_of(w, q), q);
      beta.push_back(0);
      next = length_of(w);
    } else {
      beta.push_back(next);
    }
    scale(w, 1 / next);
    basis.push_back(std::move(w));
  }
}

ConjugateGradient conjugate_gradient(const LinearMap& a, const Tensor& b,
                                     const IterationOptions& options) {
  if (b.rank() != 1)
    raise(ErrorKind::shape,
          "conjugate_gradient: the right side is " + to_string(b.type()) + ". It is a vector.");
  Vector left = numbers(b), x(left.size()), p = left;
  const double size = length_of(left);
  if (!std::isfinite(size))
    raise(ErrorKind::domain,
          "conjugate_gradient: the right side has an element that is not finite. Linear algebra "
          "needs finite numbers.");
  ConjugateGradient r;
  double rho = dot_of(left, left);
  r.residual = size == 0 ? 0 : 1;
  r.converged = size == 0;
  while (!r.converged && r.steps < options.most) {
    const Vector q = product("conjugate_gradient", a, p);
    ++r.steps;
    const double curvature = dot_of(p, q);
    if (!(curvature > 0))
      raise(ErrorKind::numeric, "conjugate_gradient: p^T A p is " +
                                    text::significant(curvature, 3) + " in step " +
                                    std::to_string(r.steps) +
                                    ". A must be symmetric and positive definite. Take solve, or "
                                    "A^T A with A^T b.");
    const double step = rho / curvature;
    add(x, step, p);
    add(left, -step, q);
    r.residual = length_of(left) / size;
    r.converged = r.residual <= options.tolerance;
    const double next = dot_of(left, left), keep = next / rho;
    rho = next;
    for (size_t i = 0; i < p.size(); ++i) p[i] = left[i] + keep * p[i];
  }
  // The residual itself, not the one that was carried along.
  if (size > 0) {
    Vector rest = numbers(b);
    add(rest, -1, product("conjugate_gradient", a, x));
    r.residual = length_of(rest) / size;
  }
  r.x = from_vector(x);
  return r;
}

}  // namespace gradus
