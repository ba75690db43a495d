#include <gradus/base/error.h>
#include <gradus/base/gamma.h>
#include <gradus/base/special.h>
#include <gradus/base/special_parts.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/diff/custom.h>
#include <gradus/linalg/refuse.h>
#include <gradus/ops/elementwise.h>
#include <gradus/prob/parts.h>

#include <cmath>

namespace gradus {
namespace {

using special::log1p_gap;

bool keeps(Must must, double x) {
  switch (must) {
    case Must::be_finite:
      return std::isfinite(x);
    case Must::be_positive:
      return x > 0 && std::isfinite(x);
    case Must::be_a_probability:
      return x >= 0 && x <= 1;
    case Must::be_a_weight:
      return x >= 0 && std::isfinite(x);
    case Must::be_a_count:
      return x >= 0 && x == std::floor(x) && std::isfinite(x);
  }
  return false;
}

const char* words_of(Must must) {
  switch (must) {
    case Must::be_finite:
      return "be finite";
    case Must::be_positive:
      return "be positive";
    case Must::be_a_probability:
      return "lie in [0, 1]";
    case Must::be_a_weight:
      return "be finite and not negative";
    case Must::be_a_count:
      return "be a whole number, 0 or more";
  }
  return "";
}

// An elementwise op of two operands of one shape from double(double, double).
template <double (*f)(double, double)>
struct BinaryKernels {
  template <class T>
  static void row(const void* const in[], const bool single[], void* out, size_t n) {
    const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
    T* y = static_cast<T*>(out);
    for (size_t i = 0; i < n; ++i)
      y[i] = static_cast<T>(
          f(static_cast<double>(a[single[0] ? 0 : i]), static_cast<double>(b[single[1] ? 0 : i])));
  }
  static Kernel of(const Op&, std::span<const Type> in, const Type&) {
    return {run_rows, in[0].dtype == DType::f32 ? row<float> : row<double>};
  }
  static Type type(const Op&, std::span<const Type> in, const Attrs&, int) { return in[0]; }
};

template <double (*f)(double, double)>
constexpr Op binary_op(const char* name, const char* says, const char* math, Slope a, Slope b) {
  return {.name = name,
          .says = says,
          .math = math,
          .kind = Kind::elementwise,
          .inputs = 2,
          .pointwise = true,
          .type = BinaryKernels<f>::type,
          .kernel = BinaryKernels<f>::of,
          .rule = {.slope = {a, b}},
          .batch = batch_leading};
}

Tensor apply_aligned(const Op& op, Tensor a, Tensor b) {
  a = as_float(a);
  b = as_float(b);
  align(op, a, b);
  return apply(op, {a, b});
}

double log_minus_digamma(double x) {
  if (!(x >= 10)) return std::log(x) - gamma_function::digamma(x);
  // 1 / 2x + sum B_2k / (2k x^2k), DLMF 5.11.2.
  constexpr double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                          1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
  const double z = 1 / x;
  double sum = 0;
  for (int i = 7; i >= 0; --i) sum = sum * (z * z) + c[i];
  return z * (0.5 + z * sum);
}

// The remainder of Stirling's series, sum B_2k / (2k (2k - 1) x^(2k - 1)): of x^-n the divergence
// is h^2 sum_j j b^-(j+1) a^-(n+1-j), h = a - b, without cancellation.
double remainder_divergence(double a, double b) {
  constexpr double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                          1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  double total = 0;
  for (int i = 6; i >= 0; --i) {
    const int n = 2 * i + 1;
    double sum = 0;
    for (int j = 1; j <= n; ++j) sum += j * std::pow(b, -(j + 1)) * std::pow(a, -(n + 1 - j));
    total += c[i] * sum;
  }
  return total * (a - b) * (a - b);
}

double stirling_bregman(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if (!(a > 0) || !(b > 0)) return std::nan("");
  const double h = a - b;
  // Far apart nothing cancels: f(x) = ln(2 pi) / 2 - ln(x) / 2 + stirling_error(x).
  if (std::fabs(h) > 0.5 * b)
    return -0.5 * std::log(a / b) + (special::stirling_error(a) - special::stirling_error(b)) +
           h * log_minus_digamma(b);
  const auto main = [h](double from) {  // of x log x - x
    const double t = h / from;
    return from * (t * t - (1 + t) * log1p_gap(t));
  };
  const bool small = std::fmin(a, b) < 16;
  double sum = small ? -main(b) : 0;
  for (; std::fmin(a, b) < 16; a += 1, b += 1) sum += log1p_gap(h / b);  // lgamma(x) + log(x)
  if (small) sum += main(b);
  return sum + 0.5 * log1p_gap(h / b) + remainder_divergence(a, b);
}

constinit const Op stirling_divergence_op = binary_op<stirling_bregman>(
    "stirling_divergence", "how far lgamma(x) - x log(x) + x lies above its tangent",
    "f(a) - f(b) - (a - b) f'(b), f(x) = lgamma(x) - x log(x) + x",
    {.binary = [](Tensor a, Tensor b, Tensor) { return digamma_gap(b) - digamma_gap(a); }},
    {.binary = [](Tensor a, Tensor b, Tensor) { return (a - b) * (1.0 / b - polygamma(1.0, b)); }});
}  // namespace

bool has_numbers(const Tensor& x) {
  if (x.buffer() != nullptr) return true;
  const Tape* tape = Tape::open();
  const TapeValue* v = x.tape_value();
  return tape != nullptr && v != nullptr && v->tape == tape->serial() &&
         tape->value(v->id).has_numbers();
}

Tensor as_float(const Tensor& x) {
  return is_float(x.dtype()) ? x : cast(x, DType::f64);
}

Tensor parameter(const char* family, const char* name, const Tensor& x, Must must) {
  if (has_numbers(x)) {
    const std::vector<double> all = numbers(x);
    for (size_t i = 0; i < all.size(); ++i)
      if (!keeps(must, all[i]))
        raise(ErrorKind::domain,
              std::string(family) + ": " + name + " must " + words_of(must) + ", but " +
                  (x.rank() == 0 ? "it"
                                 : "element " + place_text(static_cast<int64_t>(i), x.shape())) +
                  " is " + text::number(all[i]) + ".");
  }
  return as_float(x);
}

Tensor x_log_y(const Tensor& c, const Tensor& x) {
  return where(c == 0.0, 0.0, c * log(x));
}

Tensor x_log1p_y(const Tensor& c, const Tensor& x) {
  return where(c == 0.0, 0.0, c * log1p(x));
}

Tensor smaller_parts(std::span<const Tensor> one, std::span<const Tensor> other) {
  const auto total = [](std::span<const Tensor> parts) {
    Tensor sum = parts[0], size = abs(parts[0]);
    for (const Tensor& part : parts.subspan(1)) sum = sum + part, size = size + abs(part);
    return std::pair(sum, size);
  };
  const auto [a, size_of_a] = total(one);
  const auto [b, size_of_b] = total(other);
  return where(size_of_a < size_of_b, a, b);
}

Tensor log_of_tail(const Tensor& p, const Tensor& q) {
  return where(q < 0.5, log1p(-q), log(p));
}

Tensor digamma_gap(const Tensor& x) {
  static const auto op = elementwise_op(
      "digamma_gap", [](double v) { return log_minus_digamma(v); },
      [](Tensor v, Tensor) { return 1.0 / v - polygamma(1.0, v); });
  return op(x);
}

Tensor exp_gap(const Tensor& u) {
  static const auto op = elementwise_op(
      "exp_gap", [](double v) { return special::exp_gap(v); },
      [](Tensor v, Tensor) { return -expm1(-v); });
  return op(u);
}

Tensor lgamma_divergence(const Tensor& a, const Tensor& b) {
  return deviance(a, b) + stirling_divergence(a, b);
}

Tensor stirling_divergence(const Tensor& a, const Tensor& b) {
  return apply_aligned(stirling_divergence_op, a, b);
}

}  // namespace gradus
