// Householder reflections in any number type with + - * / and sqrt, such as f64 and double-double.
// Matrices are column-major here: every loop runs along a column. Golub and Van Loan, "Matrix
// Computations", 4th ed., 5.2 and 5.4.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace gradus::householder {

template <class T>
T dot(int64_t n, const T* x, const T* y) {
  T sum = T(0.0);
  for (int64_t i = 0; i < n; ++i) sum = sum + x[i] * y[i];
  return sum;
}

// The Euclidean length; a power of two keeps the squares in range.
template <class T>
T length(int64_t n, const T* x) {
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(static_cast<double>(x[i])));
  if (largest == 0 || !std::isfinite(largest)) return T(largest);
  const int exponent = std::ilogb(largest);
  const T down = T(std::ldexp(1.0, std::clamp(-exponent, -1022, 1023)));
  T sum = T(0.0);
  for (int64_t i = 0; i < n; ++i) {
    const T scaled = x[i] * down;
    sum = sum + scaled * scaled;
  }
  using std::sqrt;
  return sqrt(sum) / down;
}

// Q^T a = R for a (m,n): R on and above the diagonal of a, zeros below; b (m), where given, becomes
// Q^T b. With `order` the longest remaining column comes next, and order[k] is the place that
// column k had.
template <class T>
void triangularise(int64_t m, int64_t n, T* a, T* b, std::vector<int64_t>* order = nullptr) {
  if (order) {
    order->resize(static_cast<size_t>(n));
    for (int64_t k = 0; k < n; ++k) (*order)[static_cast<size_t>(k)] = k;
  }
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    if (order) {
      int64_t longest = k;
      double most = -1;
      for (int64_t j = k; j < n; ++j) {
        const auto l = static_cast<double>(length(m - k, a + j * m + k));
        if (l > most) most = l, longest = j;
      }
      if (longest != k) {
        std::swap_ranges(a + k * m, a + k * m + m, a + longest * m);
        std::swap((*order)[static_cast<size_t>(k)], (*order)[static_cast<size_t>(longest)]);
      }
    }
    T* v = a + k * m + k;
    const int64_t rows = m - k;
    const T norm = length(rows, v);
    if (static_cast<double>(norm) == 0) continue;
    const T head = static_cast<double>(v[0]) > 0 ? T(0.0) - norm : norm;
    // v, scaled so that its first element is 1, and tau = 2 / v.v.
    const T first = v[0] - head;
    for (int64_t i = 1; i < rows; ++i) v[i] = v[i] / first;
    v[0] = T(1.0);
    const T tau = T(2.0) / dot(rows, v, v);
    const auto reflect = [&](T* x) {
      const T f = tau * dot(rows, v, x);
      for (int64_t i = 0; i < rows; ++i) x[i] = x[i] - f * v[i];
    };
    for (int64_t j = k + 1; j < n; ++j) reflect(a + j * m + k);
    if (b) reflect(b + k);
    v[0] = head;
    for (int64_t i = 1; i < rows; ++i) v[i] = T(0.0);
  }
}

// R x = b in place, R (n,n) the upper half of r whose columns are `apart` apart.
template <class T>
void solve_upper(int64_t n, const T* r, int64_t apart, T* x) {
  for (int64_t k = n - 1; k >= 0; --k) {
    x[k] = x[k] / r[k * apart + k];
    for (int64_t i = 0; i < k; ++i) x[i] = x[i] - x[k] * r[k * apart + i];
  }
}
// R^T x = b in place.
template <class T>
void solve_upper_transposed(int64_t n, const T* r, int64_t apart, T* x) {
  for (int64_t k = 0; k < n; ++k) x[k] = (x[k] - dot(k, r + k * apart, x)) / r[k * apart + k];
}

}  // namespace gradus::householder
