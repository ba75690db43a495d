#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/textbook.h>
#include <gradus/nn/init.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

namespace gradus {
namespace {

thread_local bool undrawn = false;

template <class T>
Tensor drawn(void (*fill)(Key, uint64_t, std::span<T>), Key key, const Shape& shape) {
  std::vector<T> values(static_cast<size_t>(element_count(shape)));
  fill(key, 0, values);
  return from_vector(values, shape);
}

Tensor standard_normal(Key key, const Shape& shape, DType dtype) {
  return dtype == DType::f64 ? drawn<double>(fill_normal, key, shape)
                             : drawn<float>(fill_normal, key, shape);
}

// The rows made orthonormal, first to last: Gram-Schmidt, each row swept twice, since one sweep
// leaves what cancellation left (Kahan: twice is enough).
void orthonormalise(std::vector<double>& q, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i) {
    double* row = q.data() + i * columns;
    for (int sweep = 0; sweep < 2; ++sweep) {
      for (size_t j = 0; j < i; ++j) {
        const double* other = q.data() + j * columns;
        double along = 0;
        for (size_t k = 0; k < columns; ++k) along += row[k] * other[k];
        for (size_t k = 0; k < columns; ++k) row[k] -= along * other[k];
      }
    }
    double square = 0;
    for (size_t k = 0; k < columns; ++k) square += row[k] * row[k];
    const double scale = 1 / std::sqrt(square);
    for (size_t k = 0; k < columns; ++k) row[k] *= scale;
  }
}

Tensor orthogonal(Key key, int64_t fan_out, int64_t fan_in, DType dtype) {
  const bool tall = fan_out > fan_in;  // then the columns are orthonormal
  const Shape shape = tall ? Shape{fan_in, fan_out} : Shape{fan_out, fan_in};
  std::vector<double> q(static_cast<size_t>(fan_out * fan_in));
  fill_normal(key, 0, std::span<double>(q));
  orthonormalise(q, static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1]));
  const Tensor x = from_vector(q, shape);
  return cast(tall ? transpose(x) : x, dtype);
}

constexpr std::string_view names[] = {"he",        "he_uniform", "xavier",   "xavier_normal",
                                      "pytorch",   "orthogonal", "spectral", "zeros",
                                      "normal:STD"};
constexpr std::string_view normal_prefix = "normal:";

// The number behind "normal:", or none.
std::optional<double> normal_std(std::string_view init) {
  if (!init.starts_with(normal_prefix)) return {};
  const auto std_dev = text::parse_double(init.substr(normal_prefix.size()));
  return std_dev && *std_dev >= 0 && std::isfinite(*std_dev) ? std_dev : std::nullopt;
}

}  // namespace

Undrawn::Undrawn() : outer_(undrawn) {
  undrawn = true;
}

Undrawn::~Undrawn() {
  undrawn = outer_;
}

Tensor uniform_weight(Key key, const Shape& shape, double bound, DType dtype) {
  if (undrawn) return zeros(shape, dtype);
  const Tensor u = dtype == DType::f64 ? drawn<double>(fill_uniform, key, shape)
                                       : drawn<float>(fill_uniform, key, shape);
  return (2 * u - 1) * bound;
}

Tensor normal_weight(Key key, const Shape& shape, double std_dev, DType dtype) {
  if (undrawn) return zeros(shape, dtype);
  return standard_normal(key, shape, dtype) * std_dev;
}

void check_init(std::string_view init) {
  if (normal_std(init)) return;
  for (std::string_view n : names)
    if (n == init && n != names[std::size(names) - 1]) return;
  const auto close = text::nearest(init, names);
  raise(ErrorKind::usage, "init: there is no '" + std::string(init) + "'. The initialisers are " +
                              text::join(names, ", ") + ", with a number for STD." +
                              (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

Tensor initial_weight(std::string_view init, Key key, int64_t fan_out, int64_t fan_in, DType dtype,
                      double gain) {
  check_init(init);
  const Shape shape = {fan_out, fan_in};
  const auto in = static_cast<double>(fan_in), out = static_cast<double>(fan_out);
  if (element_count(shape) == 0 || init == "zeros" || undrawn) return zeros(shape, dtype);
  const auto normal = [&](double std_dev) {
    return normal_weight(key, shape, gain * std_dev, dtype);
  };
  const auto uniform = [&](double bound) {
    return uniform_weight(key, shape, gain * bound, dtype);
  };
  if (init == "he") return normal(std::sqrt(2 / in));
  if (init == "he_uniform") return uniform(std::sqrt(6 / in));
  if (init == "xavier") return uniform(std::sqrt(6 / (in + out)));
  if (init == "xavier_normal") return normal(std::sqrt(2 / (in + out)));
  if (init == "pytorch") return uniform(1 / std::sqrt(in));
  if (init == "orthogonal") return gain * orthogonal(key, fan_out, fan_in, dtype);
  if (init == "spectral") {
    const Tensor w = standard_normal(key, shape, DType::f64);
    std::vector<double> values(static_cast<size_t>(std::min(fan_out, fan_in)));
    textbook::svd(fan_out, fan_in, view_of(w).as<double>(), nullptr, values.data(), nullptr);
    return cast(w * (gain / values[0]), dtype);
  }
  return normal(*normal_std(init));
}

Tensor initial_bias(std::string_view init, Key key, int64_t fan_out, int64_t fan_in, DType dtype) {
  check_init(init);
  if (init != "pytorch" || fan_in == 0) return zeros({fan_out}, dtype);
  return uniform_weight(key, {fan_out}, 1 / std::sqrt(static_cast<double>(fan_in)), dtype);
}

}  // namespace gradus
