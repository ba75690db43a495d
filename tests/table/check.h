// What the generated checks share: errors in units in the last place, hard numbers, the same
// numbers under other strides, and derivatives against differences.
#pragma once

#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace gradus::test {

using Wide = long double;

struct Draw {
  Key key = key_from_seed(20261121);
  uint64_t used = 0;
  double operator()(double low, double high) {
    double u;
    fill_uniform(key, used++, std::span<double>(&u, 1));
    return low + (high - low) * u;
  }
  uint64_t bits() {
    const auto high = static_cast<uint64_t>((*this)(0, 0x1p32));
    return high << 32 | static_cast<uint64_t>((*this)(0, 0x1p32));
  }
  Tensor tensor(const Shape& shape, double low = -2, double high = 2) {
    std::vector<double> x(static_cast<size_t>(element_count(shape)));
    for (double& v : x) v = (*this)(low, high);
    return from_vector(x, shape);
  }
};

template <class T>
std::vector<T> hard_numbers() {
  using limits = std::numeric_limits<T>;
  std::vector<T> v{limits::quiet_NaN()};
  for (T x : {T(0), limits::denorm_min(), limits::min() / 2, limits::min(), limits::epsilon(),
              T(1e-8), T(0.5), T(1), T(2), T(2.5), T(3), T(7), T(88.5), T(709.5), T(1e30),
              limits::max(), limits::infinity()})
    v.insert(v.end(), {x, -x});
  return v;
}

// In units in the last place of T at max(|truth|, at_least); infinite for a wrong infinity, NaN or
// sign of zero. Past the largest number one more step counts as one unit.
template <class T>
double error_in_ulp(T got, Wide truth, bool zero_has_sign = true, Wide at_least = 0) {
  using limits = std::numeric_limits<T>;
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(truth) || std::isnan(got)) return std::isnan(truth) && std::isnan(got) ? 0 : wrong;
  if (std::isinf(truth)) return static_cast<Wide>(got) == truth ? 0 : wrong;
  if (got == 0 && static_cast<T>(truth) == 0 && zero_has_sign &&
      std::signbit(got) != std::signbit(truth))
    return wrong;
  if (std::isinf(got) && static_cast<T>(truth) == got) return 0;
  const Wide value =
      std::isinf(got) ? std::copysign(std::ldexp(1.0L, limits::max_exponent), got) : got;
  const Wide size = std::max(std::fabs(truth), at_least);
  const int exponent =
      std::max(size == 0 ? limits::min_exponent - 1 : std::ilogb(size), limits::min_exponent - 1);
  return static_cast<double>(std::fabs(value - truth) /
                             std::ldexp(1.0L, exponent + 1 - limits::digits));
}

// A fresh row-major copy.
inline Tensor contiguous(const Tensor& x) {
  return from_bytes(x.type(), bytes_of(x));
}

inline Dims all_axes(const Tensor& x) {
  Dims axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

struct Twin {
  const char* layout;
  Tensor strided, plain;
};

// The numbers of x reversed in memory, transposed, every second of a larger block, and one row
// repeated with stride 0; each with a row-major twin.
inline std::vector<Twin> twins_of(const Tensor& x) {
  Dims backwards;
  for (int i = x.rank() - 1; i >= 0; --i) backwards.push_back(i);
  const Dims axes = all_axes(x);
  std::vector<Twin> twins{{"flipped", flip(contiguous(flip(x, axes)), axes), x},
                          {"transposed", permute(contiguous(permute(x, backwards)), backwards), x}};
  Tensor wide = x;
  for (int i = 0; i < x.rank(); ++i) {
    Tensor doubled = stack({wide, wide}, i + 1);
    Shape shape = wide.shape();
    shape[i] *= 2;
    wide = reshape(doubled, shape);
  }
  wide = contiguous(wide);
  for (int i = 0; i < x.rank(); ++i) wide = slice_axis(wide, i, {1, slice_end, 2});
  twins.push_back({"sliced", wide, x});
  if (x.rank() > 0 && x.shape()[0] > 0) {
    const Tensor repeated = broadcast_to(slice_axis(x, 0, {0, 1}), x.shape());
    twins.push_back({"stride 0", repeated, contiguous(repeated)});
  }
  return twins;
}

inline std::string show(const Tensor& x) {
  return to_string(x.type()) + " " + to_string(x);
}

// The message of the Error that call raises; what it is not if it raises none.
template <class E = Error>
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another kind of error: ") + e.what();
  }
  return "no error";
}

inline Tensor dot_all(std::span<const Tensor> a, std::span<const Tensor> b) {
  Tensor total(0.0);
  for (size_t i = 0; i < a.size(); ++i)
    if (!b[i].is_absent()) total = total + sum(a[i] * b[i]);
  return total;
}

// Fourth-order central differences; h balances the truncation h^4 against rounding eps / h.
inline double difference(const Function& f, std::span<const Tensor> args,
                         std::span<const Tensor> dots) {
  constexpr double h = 5e-4;
  const auto at = [&](double t) {
    std::vector<Tensor> moved;
    for (size_t i = 0; i < args.size(); ++i)
      moved.push_back(dots[i].is_absent() ? args[i] : args[i] + t * dots[i]);
    return number(f(moved));
  };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

// The largest number of any adjoint in the reverse sweep of f, one number, and of its value.
inline double largest_adjoint(const Function& f, std::span<const Tensor> args) {
  Recorder recorder("largest_adjoint");
  Tape& tape = recorder.tape();
  const std::vector<ValueId> ids = recorder.aliases(args);
  const Tensor y = f(recorder.handles(ids));
  Sweep sweep;
  pull_back(tape, ids, tape.place(y), ones_like(y), &sweep);
  double largest = std::fabs(number(y));
  for (ValueId bar : sweep.bar)
    if (bar != no_value)
      for (double v : numbers(tape.tensor(bar))) largest = std::max(largest, std::fabs(v));
  return largest;
}

// The gradients of f, one number, for a batch of points near args at once against one after the
// other, bit for bit; each float argument in turn is the same for the whole batch.
inline void check_batched(const Function& f, std::span<const Tensor> args,
                          std::span<const int> wrt) {
  constexpr int64_t size = 3;
  const ManyFunction gradients = [&](std::span<const Tensor> a) {
    ValueAndGrads r = value_and_grads(f, a, wrt);
    r.grads.push_back(r.value);
    return r.grads;
  };
  const size_t rounds = args.size() > 1 ? args.size() + 1 : 1;
  for (size_t fixed = 0; fixed < rounds; ++fixed) {
    std::vector<Tensor> batch(args.begin(), args.end());
    VmapAxes axes;
    for (size_t i = 0; i < args.size(); ++i) {
      axes.in.push_back(i + 1 == fixed ? unmapped : Axis(0));
      if (i + 1 == fixed) continue;
      std::vector<Tensor> copies;
      for (int64_t b = 0; b < size; ++b)
        copies.push_back(args[i].dtype() == DType::f64 ? args[i] + 1e-3 * static_cast<double>(b)
                                                       : args[i]);
      batch[i] = stack(copies);
    }
    std::vector<Tensor> together;
    const auto kernels = [&](std::span<const Tensor> in) {
      WorkCounter counter;
      together = vmap(gradients, in, axes);
      return counter.kernels();
    };
    std::vector<Tensor> larger = batch;
    for (size_t i = 0; i < args.size(); ++i)
      if (axes.in[i]) larger[i] = concatenate({batch[i], batch[i], batch[i]});
    const uint64_t of_larger = kernels(larger), of_batch = kernels(batch);
    EXPECT_EQ(of_larger, of_batch) << "a batch of nine takes other kernel calls than one of three";
    for (int64_t b = 0; b < size; ++b) {
      std::vector<Tensor> one;
      for (size_t i = 0; i < args.size(); ++i)
        one.push_back(axes.in[i] ? row(batch[i], b) : batch[i]);
      const std::vector<Tensor> alone = gradients(one);
      for (size_t k = 0; k < alone.size(); ++k)
        EXPECT_TRUE(same_bits(row(together[k], b), alone[k]))
            << "example " << b << ", result " << k << ": " << show(row(together[k], b))
            << " in a batch, " << show(alone[k]) << " alone";
    }
  }
}

// Forward and reverse mode of f, of its derivative, and so on up to `order`, along drawn
// directions, against differences and against each other. f64 arguments are differentiated.
inline void check_derivatives(const Function& f, std::span<const Tensor> args, int order) {
  Draw draw;
  std::vector<int> wrt;
  for (size_t i = 0; i < args.size(); ++i)
    if (args[i].dtype() == DType::f64) wrt.push_back(static_cast<int>(i));
  for (const bool reverse_first : {false, true}) {
    const Tensor weight = draw.tensor(f(args).shape(), 0.5, 1.5);
    Function now = [f, weight](std::span<const Tensor> a) { return sum(weight * f(a)); };
    for (int k = 1; k <= order; ++k) {
      std::vector<Tensor> dots(args.size());
      for (int w : wrt) {
        const auto i = static_cast<size_t>(w);
        dots[i] = draw.tensor(args[i].shape(), -1, 1);
      }
      const double expected = difference(now, args, dots);
      const double forward = number(jvp(now, args, dots).derivative);
      const double reverse = number(dot_all(vjp(now, args, Tensor(1.0)).grads, dots));
      const double size = 1 + std::fabs(expected);
      EXPECT_LE(std::fabs(forward - expected), 1e-6 * size)
          << "forward mode, order " << k << ": " << forward << ", differences " << expected;
      EXPECT_LE(std::fabs(reverse - forward), 1e-13 * largest_adjoint(now, args))
          << "reverse mode, order " << k << ": " << reverse << ", forward mode " << forward;
      check_batched(now, args, wrt);
      if (reverse_first == (k % 2 == 1)) {
        now = [now, dots, wrt](std::span<const Tensor> a) {
          const auto grads = value_and_grads(now, a, wrt).grads;
          Tensor total(0.0);
          for (size_t i = 0; i < wrt.size(); ++i)
            total = total + sum(grads[i] * dots[static_cast<size_t>(wrt[i])]);
          return total;
        };
      } else {
        now = [now, dots](std::span<const Tensor> a) { return jvp(now, a, dots).derivative; };
      }
    }
  }
}

}  // namespace gradus::test
