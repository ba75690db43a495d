#include <gradus/base/error.h>
#include <gradus/numerics/sums.h>

#include <cmath>
#include <string>

namespace gradus {
namespace {

template <class T>
T naive(std::span<const T> x) {
  T sum = 0;
  for (const T v : x) sum += v;
  return sum;
}

template <class T>
T pairwise(std::span<const T> x) {
  constexpr size_t short_enough = 8;
  if (x.size() <= short_enough) return naive(x);
  const size_t half = x.size() / 2;
  return pairwise(x.first(half)) + pairwise(x.subspan(half));
}

// What the rounded sum a + b lost, exactly: Knuth's TwoSum.
template <class T>
T lost(T a, T b, T sum) {
  const T t = sum - a;
  return (a - (sum - t)) + (b - t);
}

template <class T>
T kahan(std::span<const T> x) {
  T sum = 0, carried = 0;
  for (const T v : x) {
    const T next = sum + v;
    carried += lost(sum, v, next);
    sum = next;
  }
  // Beyond an infinity or a NaN what was lost means nothing.
  return std::isfinite(sum) ? sum + carried : sum;
}

template <class T>
T dot(std::span<const T> x, std::span<const T> y) {
  if (x.size() != y.size())
    raise(ErrorKind::shape, "compensated_dot: " + std::to_string(x.size()) + " and " +
                                std::to_string(y.size()) +
                                " numbers. Both sides must have the same length.");
  T sum = 0, carried = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const T product = x[i] * y[i], next = sum + product;
    carried += std::fma(x[i], y[i], -product) + lost(sum, product, next);
    sum = next;
  }
  return std::isfinite(sum) ? sum + carried : sum;
}

}  // namespace

float naive_sum(std::span<const float> x) {
  return naive(x);
}
double naive_sum(std::span<const double> x) {
  return naive(x);
}
float pairwise_sum(std::span<const float> x) {
  return pairwise(x);
}
double pairwise_sum(std::span<const double> x) {
  return pairwise(x);
}
float kahan_sum(std::span<const float> x) {
  return kahan(x);
}
double kahan_sum(std::span<const double> x) {
  return kahan(x);
}
float compensated_dot(std::span<const float> x, std::span<const float> y) {
  return dot(x, y);
}
double compensated_dot(std::span<const double> x, std::span<const double> y) {
  return dot(x, y);
}

}  // namespace gradus
