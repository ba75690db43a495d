#include <gradus/linalg/textbook.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace gradus::textbook {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr int most_sweeps = 60;  // 6 to 10 are usual

// A row-major matrix of its own.
class Matrix {
 public:
  Matrix(int64_t rows, int64_t columns)
      : columns_(columns), x_(static_cast<size_t>(rows * columns)) {}
  static Matrix identity(int64_t n) {
    Matrix m(n, n);
    for (int64_t i = 0; i < n; ++i) m(i, i) = 1;
    return m;
  }
  double& operator()(int64_t i, int64_t j) { return x_[static_cast<size_t>(i * columns_ + j)]; }

 private:
  int64_t columns_;
  std::vector<double> x_;
};

// The exponent that brings the largest of n numbers to 2^to; 0 for zeros alone.
int exponent_to(int64_t n, const double* x, int to) {
  double top = 0;
  for (int64_t i = 0; i < n; ++i) top = std::max(top, std::fabs(x[i]));
  return top == 0 ? 0 : to - std::ilogb(top);
}

// c = cos, s = sin of the angle that makes [[alpha, gamma], [gamma, beta]] diagonal; t = s / c.
struct Rotation {
  double c, s, t;
};
Rotation rotation(double alpha, double beta, double gamma) {
  const double zeta = (beta - alpha) / (2 * gamma);
  // An overflowing zeta gives t = 0, its limit.
  const double t = std::copysign(1.0, zeta) / (std::fabs(zeta) + std::hypot(1.0, zeta));
  const double c = 1 / std::sqrt(1 + t * t);
  return {c, c * t, t};
}

double dot(int64_t n, const double* x, const double* y) {
  double s[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int64_t k = 0; k < 4; ++k) s[k] += x[i + k] * y[i + k];
  for (; i < n; ++i) s[0] += x[i] * y[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

void rotate(int64_t n, double* x, double* y, const Rotation& r) {
  for (int64_t i = 0; i < n; ++i) {
    const double u = x[i], v = y[i];
    x[i] = r.c * u - r.s * v;
    y[i] = r.s * u + r.c * v;
  }
}

// Rotates `count` rows of `length` numbers in pairs until all are orthogonal; v (count,count)
// gathers the rotations unless it is null.
bool orthogonalise(int64_t count, int64_t length, double* w, double* v) {
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (int64_t p = 0; p + 1 < count; ++p) {
      for (int64_t q = p + 1; q < count; ++q) {
        double *x = w + p * length, *y = w + q * length;
        const double alpha = dot(length, x, x), beta = dot(length, y, y);
        const double gamma = dot(length, x, y);
        // The longer row first: then the small ones keep their digits.
        if (alpha < beta) {
          std::swap_ranges(x, x + length, y);
          if (v) std::swap_ranges(v + p * count, v + (p + 1) * count, v + q * count);
        }
        const double bound = eps * std::sqrt(alpha) * std::sqrt(beta);
        if (!(std::fabs(gamma) > bound * std::sqrt(static_cast<double>(length)))) continue;
        const Rotation r = rotation(std::max(alpha, beta), std::min(alpha, beta), gamma);
        if (r.t == 0) continue;
        rotated = true;
        rotate(length, x, y, r);
        if (v) rotate(count, v + p * count, v + q * count, r);
      }
    }
    if (!rotated) return true;
  }
  return false;
}

// Makes row k of w (rows of `length`, the first k orthonormal) a unit vector across them.
void complete(int64_t k, int64_t length, double* w) {
  double* row = w + k * length;
  for (int64_t axis = 0; axis < length; ++axis) {
    std::fill(row, row + length, 0.0);
    row[axis] = 1;
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t i = 0; i < k; ++i) {
        const double along = dot(length, w + i * length, row);
        for (int64_t j = 0; j < length; ++j) row[j] -= along * w[i * length + j];
      }
    }
    const double left = std::sqrt(dot(length, row, row));
    // Some axis keeps at least this much of itself.
    if (left * left * 2 < 1 - static_cast<double>(k) / static_cast<double>(length)) continue;
    for (int64_t j = 0; j < length; ++j) row[j] /= left;
    return;
  }
}

// x (rows, columns) becomes to (columns, rows).
void transpose(int64_t rows, int64_t columns, const double* x, double* to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = x[i * columns + j];
}

// Powers of 2 that bring row and column i to about one length: D^-1 A D (Parlett and Reinsch 1969).
std::vector<double> balance(int64_t n, double* a) {
  std::vector<double> d(static_cast<size_t>(n), 1.0);
  for (bool moved = true; moved;) {
    moved = false;
    for (int64_t i = 0; i < n; ++i) {
      double row = 0, column = 0;
      for (int64_t j = 0; j < n; ++j) {
        if (j == i) continue;
        row += std::fabs(a[i * n + j]);
        column += std::fabs(a[j * n + i]);
      }
      if (row == 0 || column == 0) continue;
      const double before = row + column;
      double f = 1;
      while (column < row / 2 && f < 0x1p500) column *= 4, f *= 2;
      while (column > row * 2 && f > 0x1p-500) column /= 4, f /= 2;
      if ((row + column) / f >= 0.95 * before) continue;
      moved = true;
      d[static_cast<size_t>(i)] *= f;
      for (int64_t j = 0; j < n; ++j) a[i * n + j] /= f;
      for (int64_t j = 0; j < n; ++j) a[j * n + i] *= f;
    }
  }
  return d;
}

// I - beta v v^T with (I - beta v v^T) x = (alpha, 0, ...); x becomes v. beta is 0 where x is done.
double reflector(int64_t n, double* x) {
  double scale = 0;
  for (int64_t i = 1; i < n; ++i) scale = std::max(scale, std::fabs(x[i]));
  if (scale == 0) return 0;
  scale = std::max(scale, std::fabs(x[0]));
  for (int64_t i = 0; i < n; ++i) x[i] /= scale;
  const double length = std::sqrt(dot(n, x, x));
  x[0] += std::copysign(length, x[0]);
  return 2 / dot(n, x, x);
}

// The reflection of rows (or columns) first ... first + n - 1 of h, in the other axis from..to-1.
void reflect_rows(Matrix& h, int64_t first, int64_t n, const double* v, double beta, int64_t from,
                  int64_t to) {
  for (int64_t j = from; j < to; ++j) {
    double s = 0;
    for (int64_t i = 0; i < n; ++i) s += v[i] * h(first + i, j);
    for (int64_t i = 0; i < n; ++i) h(first + i, j) -= beta * s * v[i];
  }
}
void reflect_columns(Matrix& h, int64_t first, int64_t n, const double* v, double beta,
                     int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) {
    double s = 0;
    for (int64_t j = 0; j < n; ++j) s += v[j] * h(i, first + j);
    for (int64_t j = 0; j < n; ++j) h(i, first + j) -= beta * s * v[j];
  }
}

// Q^T A Q = H, zero below the first subdiagonal.
void to_hessenberg(int64_t n, Matrix& h, Matrix& q) {
  std::vector<double> v(static_cast<size_t>(n));
  for (int64_t k = 0; k + 2 < n; ++k) {
    const int64_t left = n - k - 1;
    for (int64_t i = 0; i < left; ++i) v[static_cast<size_t>(i)] = h(k + 1 + i, k);
    const double beta = reflector(left, v.data());
    if (beta == 0) continue;
    reflect_rows(h, k + 1, left, v.data(), beta, k, n);
    reflect_columns(h, k + 1, left, v.data(), beta, 0, n);
    reflect_columns(q, k + 1, left, v.data(), beta, 0, n);
    for (int64_t i = k + 2; i < n; ++i) h(i, k) = 0;
  }
}

// Turns the 2 x 2 block at (p, p) so that it is triangular, where its eigenvalues are real.
void split_pair(int64_t n, int64_t p, Matrix& h, Matrix& q) {
  const double a = h(p, p), b = h(p, p + 1), c = h(p + 1, p), d = h(p + 1, p + 1);
  const double half = (a - d) / 2, inside = half * half + b * c;
  if (c == 0 || inside < 0) return;
  const double z = half + std::copysign(std::sqrt(inside), half);  // (z, c) is an eigenvector
  const double length = std::hypot(z, c);
  const double cosine = z / length, sine = c / length;
  for (int64_t j = 0; j < n; ++j) {
    const double u = h(p, j), v = h(p + 1, j);
    h(p, j) = cosine * u + sine * v, h(p + 1, j) = cosine * v - sine * u;
  }
  for (int64_t i = 0; i < n; ++i) {
    const double u = h(i, p), v = h(i, p + 1), x = q(i, p), y = q(i, p + 1);
    h(i, p) = cosine * u + sine * v, h(i, p + 1) = cosine * v - sine * u;
    q(i, p) = cosine * x + sine * y, q(i, p + 1) = cosine * y - sine * x;
  }
  h(p + 1, p) = 0;
}

// H becomes its real Schur form: blocks of 1 x 1 and 2 x 2 on the diagonal, the latter complex.
bool to_schur(int64_t n, Matrix& h, Matrix& q) {
  double norm = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) norm = std::max(norm, std::fabs(h(i, j)));
  int64_t end = n - 1;
  for (int step = 0; end > 0;) {
    int64_t start = end;
    for (; start > 0; --start) {
      double around = std::fabs(h(start, start)) + std::fabs(h(start - 1, start - 1));
      if (around == 0) around = norm;
      if (std::fabs(h(start, start - 1)) <= eps * around) {
        h(start, start - 1) = 0;
        break;
      }
    }
    if (end - start < 2) {
      if (end - start == 1) split_pair(n, start, h, q);
      end = start - 1;
      step = 0;
      continue;
    }
    if (++step > 30 * 4) return false;
    // Both eigenvalues of the last 2 x 2 block are the shifts; now and then others, against cycles.
    double sum = h(end - 1, end - 1) + h(end, end);
    double product = h(end - 1, end - 1) * h(end, end) - h(end - 1, end) * h(end, end - 1);
    if (step % 10 == 0) {
      const double s = std::fabs(h(end, end - 1)) + std::fabs(h(end - 1, end - 2));
      sum = 1.5 * s, product = s * s;
    }
    double v[3] = {h(start, start) * h(start, start) + h(start, start + 1) * h(start + 1, start) -
                       sum * h(start, start) + product,
                   h(start + 1, start) * (h(start, start) + h(start + 1, start + 1) - sum),
                   h(start + 1, start) * h(start + 2, start + 1)};
    for (int64_t k = start; k < end; ++k) {
      const int64_t size = std::min<int64_t>(3, end - k + 1);
      if (k > start)
        for (int64_t i = 0; i < size; ++i) v[i] = h(k + i, k - 1);
      const double beta = reflector(size, v);
      if (beta != 0) {
        reflect_rows(h, k, size, v, beta, std::max(start, k - 1), n);
        reflect_columns(h, k, size, v, beta, 0, std::min(end, k + 3) + 1);
        reflect_columns(q, k, size, v, beta, 0, n);
      }
      if (k > start)
        for (int64_t i = 1; i < size; ++i) h(k + i, k - 1) = 0;
    }
  }
  return true;
}

using Complex = std::complex<double>;

// The vector y with (T - w) y = 0 and y(k) = 1 of the triangle t (n,n), row by row upwards.
std::vector<Complex> triangle_vector(int64_t n, const std::vector<Complex>& t, int64_t k,
                                     double norm) {
  const auto at = [&](int64_t i, int64_t j) { return t[static_cast<size_t>(i * n + j)]; };
  std::vector<Complex> y(static_cast<size_t>(k + 1));
  y[static_cast<size_t>(k)] = 1;
  const double least = std::max(eps * norm, std::numeric_limits<double>::min());
  for (int64_t i = k - 1; i >= 0; --i) {
    Complex right = 0;
    for (int64_t j = i + 1; j <= k; ++j) right -= at(i, j) * y[static_cast<size_t>(j)];
    Complex pivot = at(i, i) - at(k, k);
    if (std::abs(pivot) < least) pivot = least;
    y[static_cast<size_t>(i)] = right / pivot;
    const double size = std::abs(y[static_cast<size_t>(i)]);
    if (size > 0x1p300)
      for (int64_t j = i; j <= k; ++j) y[static_cast<size_t>(j)] /= size;
  }
  return y;
}

}  // namespace

bool eigh(int64_t n, double* a, double* w, double* v) {
  const int up = exponent_to(n * n, a, 0);
  for (int64_t i = 0; i < n * n; ++i) a[i] = std::ldexp(a[i], up);
  Matrix rows = Matrix::identity(v ? n : 0);  // row j is vector j
  bool settled = n < 2;
  for (int sweep = 0; sweep < most_sweeps && !settled; ++sweep) {
    settled = true;
    for (int64_t p = 0; p + 1 < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        const double gamma = a[p * n + q], alpha = a[p * n + p], beta = a[q * n + q];
        // Relative to both diagonal elements: small eigenvalues keep their digits.
        if (!(std::fabs(gamma) > eps * std::sqrt(std::fabs(alpha)) * std::sqrt(std::fabs(beta))))
          continue;
        const Rotation r = rotation(alpha, beta, gamma);
        if (r.t == 0) continue;
        settled = false;
        rotate(n, a + p * n, a + q * n, r);
        for (int64_t i = 0; i < n; ++i) a[i * n + p] = a[p * n + i], a[i * n + q] = a[q * n + i];
        a[p * n + p] = alpha - r.t * gamma;
        a[q * n + q] = beta + r.t * gamma;
        a[p * n + q] = a[q * n + p] = 0;
        if (v) rotate(n, &rows(p, 0), &rows(q, 0), r);
      }
    }
  }
  if (!settled) return false;
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return a[i * n + i] < a[j * n + j]; });
  for (int64_t j = 0; j < n; ++j) {
    const int64_t from = order[static_cast<size_t>(j)];
    w[j] = std::ldexp(a[from * n + from], -up);
    for (int64_t i = 0; v && i < n; ++i) v[i * n + j] = rows(from, i);
  }
  return true;
}

bool svd(int64_t m, int64_t n, const double* a, double* u, double* s, double* vt) {
  const int64_t count = std::min(m, n), length = std::max(m, n);
  if (count == 0) return true;
  // Row j of w is column j of the tall one of A and A^T: w = (V^T A^T) or (U^T A).
  Matrix w(count, length), turns = Matrix::identity(u ? count : 0);
  if (m >= n)
    transpose(m, n, a, &w(0, 0));
  else
    std::copy(a, a + m * n, &w(0, 0));
  // Squares up to 2^960 add without overflow, and rows 2^-980 times the longest still count.
  const int up = exponent_to(m * n, a, 480);
  for (int64_t i = 0; i < count * length; ++i) (&w(0, 0))[i] = std::ldexp((&w(0, 0))[i], up);
  if (!orthogonalise(count, length, &w(0, 0), u ? &turns(0, 0) : nullptr)) return false;
  std::vector<double> lengths(static_cast<size_t>(count));
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (int64_t j = 0; j < count; ++j)
    lengths[static_cast<size_t>(j)] = std::sqrt(dot(length, &w(j, 0), &w(j, 0)));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    return lengths[static_cast<size_t>(i)] > lengths[static_cast<size_t>(j)];
  });
  for (int64_t j = 0; j < count; ++j)
    s[j] = std::ldexp(lengths[static_cast<size_t>(order[static_cast<size_t>(j)])], -up);
  if (!u) return true;
  Matrix longs(count, length), shorts(count, count);
  for (int64_t j = 0; j < count; ++j) {
    const int64_t from = order[static_cast<size_t>(j)];
    const double size = lengths[static_cast<size_t>(from)];
    std::copy(&turns(from, 0), &turns(from, 0) + count, &shorts(j, 0));
    // Below this a row is rounding: its direction says nothing.
    if (size > eps * lengths[static_cast<size_t>(order[0])] * 0x1p-900) {
      for (int64_t i = 0; i < length; ++i) longs(j, i) = w(from, i) / size;
    } else {
      complete(j, length, &longs(0, 0));
    }
  }
  // A row that is rounding of longer ones is not orthogonal to them: made so again.
  for (int64_t j = 1; j < count; ++j) {
    double* row = &longs(j, 0);
    for (int64_t i = 0; i < j; ++i) {
      const double along = dot(length, &longs(i, 0), row);
      if (std::fabs(along) <= eps * static_cast<double>(length)) continue;
      for (int64_t k = 0; k < length; ++k) row[k] -= along * longs(i, k);
    }
    const double left = std::sqrt(dot(length, row, row));
    if (left < 0.5) {
      complete(j, length, &longs(0, 0));
    } else {
      for (int64_t k = 0; k < length; ++k) row[k] /= left;
    }
  }
  if (m >= n) {
    transpose(count, length, &longs(0, 0), u);
    std::copy(&shorts(0, 0), &shorts(0, 0) + count * count, vt);
  } else {
    transpose(count, count, &shorts(0, 0), u);
    std::copy(&longs(0, 0), &longs(0, 0) + count * length, vt);
  }
  return true;
}

bool eig(int64_t n, double* a, double* re, double* im, double* v_re, double* v_im) {
  if (n == 0) return true;
  const int up = exponent_to(n * n, a, 0);
  for (int64_t i = 0; i < n * n; ++i) a[i] = std::ldexp(a[i], up);
  const std::vector<double> d = balance(n, a);
  Matrix h(n, n), q = Matrix::identity(n);
  std::copy(a, a + n * n, &h(0, 0));
  to_hessenberg(n, h, q);
  if (!to_schur(n, h, q)) return false;

  // The 2 x 2 blocks become triangles of complex numbers by one rotation each: T = G^H H G.
  std::vector<Complex> t(static_cast<size_t>(n * n)), g(static_cast<size_t>(n * n));
  double norm = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      t[static_cast<size_t>(i * n + j)] = h(i, j);
      g[static_cast<size_t>(i * n + j)] = q(i, j);
      norm = std::max(norm, std::fabs(h(i, j)));
    }
  const auto at = [&](std::vector<Complex>& x, int64_t i, int64_t j) -> Complex& {
    return x[static_cast<size_t>(i * n + j)];
  };
  for (int64_t p = 0; p + 1 < n; ++p) {
    if (h(p + 1, p) == 0) continue;
    const double half = (h(p, p) - h(p + 1, p + 1)) / 2, b = h(p, p + 1), c = h(p + 1, p);
    const double inside = half * half + b * c;
    const double middle = (h(p, p) + h(p + 1, p + 1)) / 2, away = std::sqrt(std::max(0.0, -inside));
    // (w - h22, c) is the vector of w = middle + i away.
    Complex z(half, away);
    const double length = std::hypot(std::abs(z), c);
    z /= length;
    const double sine = c / length;
    for (int64_t j = 0; j < n; ++j) {
      const Complex x = at(t, p, j), y = at(t, p + 1, j);
      at(t, p, j) = std::conj(z) * x + sine * y;
      at(t, p + 1, j) = z * y - sine * x;
    }
    for (int64_t i = 0; i < n; ++i) {
      for (std::vector<Complex>* m : {&t, &g}) {
        const Complex x = at(*m, i, p), y = at(*m, i, p + 1);
        at(*m, i, p) = z * x + sine * y;
        at(*m, i, p + 1) = std::conj(z) * y - sine * x;
      }
    }
    at(t, p, p) = {middle, away};
    at(t, p + 1, p + 1) = {middle, -away};
    at(t, p + 1, p) = 0;
    ++p;
  }
  for (int64_t k = 0; k < n; ++k) {
    re[k] = std::ldexp(at(t, k, k).real(), -up);
    im[k] = std::ldexp(at(t, k, k).imag(), -up);
    if (!v_re) continue;
    const std::vector<Complex> y = triangle_vector(n, t, k, norm);
    std::vector<Complex> x(static_cast<size_t>(n));
    double largest = 0;
    for (int64_t i = 0; i < n; ++i) {
      Complex sum = 0;
      for (int64_t j = 0; j <= k; ++j) sum += at(g, i, j) * y[static_cast<size_t>(j)];
      x[static_cast<size_t>(i)] = sum * d[static_cast<size_t>(i)];
      largest = std::max(largest, std::abs(x[static_cast<size_t>(i)]));
    }
    // Length 1, the largest component real and positive; a real value has a real vector.
    size_t anchor = 0;
    while (anchor + 1 < x.size() && std::abs(x[anchor]) < 0.999 * largest) ++anchor;
    const Complex turn = std::conj(x[anchor]) / std::abs(x[anchor]);
    double squares = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      Complex& value = x[i];
      value = value / largest * turn;
      if (im[k] == 0 || i == anchor) value = value.real();
      squares += std::norm(value);
    }
    for (int64_t i = 0; i < n; ++i) {
      const Complex value = x[static_cast<size_t>(i)] / std::sqrt(squares);
      v_re[i * n + k] = value.real();
      v_im[i * n + k] = value.imag();
    }
  }
  return true;
}

}  // namespace gradus::textbook
