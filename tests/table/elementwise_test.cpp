// The generated checks of every elementwise op: values against libm in long double, MPFR or an
// integral, never against the kernel's own formula. An op without a reference here fails.
#include <gradus/base/pool.h>
#include <gradus/ops/slopes.h>
#include <gradus/ops/table.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include <mpfr.h>

#include "table/check.h"

namespace gradus {
namespace {

using namespace test;

using Truth = Wide (*)(Wide, Wide);

Wide remainder_truth(Wide a, Wide b) {
  const Wide r = std::fmod(a, b);
  if (r == 0) return std::copysign(r, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

Wide floor_divide_truth(Wide a, Wide b) {
  if (b == 0 || std::isnan(a) || std::isnan(b)) return a / b;
  if (std::isinf(a)) return std::numeric_limits<Wide>::quiet_NaN();
  const Wide zero = std::copysign(0.0L, a) * std::copysign(1.0L, b);
  if (std::isinf(b)) return a == 0 || (a < 0) == (b < 0) ? zero : -1.0L;
  const Wide q = std::floor((a - remainder_truth(a, b)) / b + 0.5L);
  return q == 0 ? zero : q;
}

Wide logaddexp_truth(Wide a, Wide b) {
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if (a == b) return a + std::log(2.0L);
  return std::fmax(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
}

Wide digamma_truth(Wide x, Wide) {
  mpfr_t y;
  mpfr_init2(y, 64);
  mpfr_set_ld(y, x, MPFR_RNDN);
  mpfr_digamma(y, y, MPFR_RNDN);
  const Wide result = mpfr_get_ld(y, MPFR_RNDN);
  mpfr_clear(y);
  return result;
}

// The distance to the nearest integer, with its sign.
Wide off_integer(Wide x) {
  return x - std::round(x);
}

// The n-th derivative of pi cot(pi x) as a polynomial in c = cot(pi x): c' = -pi (1 + c^2).
Wide cotangent_derivative(int n, Wide x) {
  const Wide pi = std::acos(-1.0L), c = 1 / std::tan(pi * off_integer(x));
  std::vector<Wide> p{0, pi};
  for (int k = 0; k < n; ++k) {
    std::vector<Wide> next(p.size() + 1);
    for (size_t i = 1; i < p.size(); ++i) {
      const Wide moved = -pi * static_cast<Wide>(i) * p[i];
      next[i - 1] += moved, next[i + 1] += moved;
    }
    p = next;
  }
  Wide sum = 0;
  for (size_t i = p.size(); i-- > 0;) sum = sum * c + p[i];
  return sum;
}

// For x > 0 the integral of (-1)^(n+1) t^n e^(-xt) / (1 - e^-t), t = exp(v - e^-v) / x, by the
// trapezoidal rule, which converges exponentially there (Takahasi and Mori); else by reflection.
Wide polygamma_truth(Wide n, Wide x) {
  if (!(n >= 0 && n < 100) || n != std::floor(n) || std::isnan(x))
    return std::numeric_limits<Wide>::quiet_NaN();
  if (n == 0) return digamma_truth(x, 0);
  const bool odd = std::fmod(n, 2.0L) != 0;
  const Wide sign = odd ? 1 : -1;
  if (std::isinf(x)) return x > 0 ? sign * 0 : std::numeric_limits<Wide>::quiet_NaN();
  if (x <= 0) {
    if (off_integer(x) == 0)
      return odd ? std::numeric_limits<Wide>::infinity() : std::numeric_limits<Wide>::quiet_NaN();
    return -sign * polygamma_truth(n, 1 - x) - cotangent_derivative(static_cast<int>(n), x);
  }
  constexpr Wide h = 0.0625;
  Wide sum = 0;
  for (Wide v = -5; v < 6; v += h) {
    const Wide t = std::exp(v - std::exp(-v));
    sum += std::pow(t, n + 1) * (1 + std::exp(-v)) * std::exp(-t) / -std::expm1(-t / x);
  }
  return sign * h * sum * std::pow(x, -(n + 1));
}

// What the bound is measured against where that is more than the result: the parts of which the
// result is the difference, as stated beside the function.
Wide least_size(const std::string& op, Wide a, Wide b) {
  if (!std::isfinite(a) || !std::isfinite(b)) return 0;
  if (op == "gelu_tanh_slope") return 1;
  if (op == "logaddexp") return std::max(std::fabs(a), std::fabs(b));
  if (op == "lgamma" && a < 0) return std::max(1.0L, std::lgamma(1 - a));
  if (op == "digamma" && a < 0) return std::max(1.0L, std::log(1 - a));
  if (op == "polygamma" && b < 0) {
    if (a == 0) return std::max(1.0L, std::log(1 - b));
    return std::tgamma(a + 1) / std::pow(std::fabs(off_integer(b)), a + 1);
  }
  return 0;
}

const std::map<std::string, Truth> truths = {
    {"negative", [](Wide x, Wide) { return -x; }},
    {"exp", [](Wide x, Wide) { return std::exp(x); }},
    {"exp2", [](Wide x, Wide) { return std::exp2(x); }},
    {"expm1", [](Wide x, Wide) { return std::expm1(x); }},
    {"log", [](Wide x, Wide) { return std::log(x); }},
    {"log2", [](Wide x, Wide) { return std::log2(x); }},
    {"log10", [](Wide x, Wide) { return std::log10(x); }},
    {"log1p", [](Wide x, Wide) { return std::log1p(x); }},
    {"sqrt", [](Wide x, Wide) { return std::sqrt(x); }},
    {"rsqrt", [](Wide x, Wide) { return 1 / std::sqrt(x); }},
    {"square", [](Wide x, Wide) { return x * x; }},
    {"reciprocal", [](Wide x, Wide) { return 1 / x; }},
    {"abs", [](Wide x, Wide) { return std::fabs(x); }},
    {"sign", [](Wide x, Wide) { return x == 0 || std::isnan(x) ? x : std::copysign(1.0L, x); }},
    {"floor", [](Wide x, Wide) { return std::floor(x); }},
    {"ceil", [](Wide x, Wide) { return std::ceil(x); }},
    {"round", [](Wide x, Wide) { return std::nearbyint(x); }},
    {"trunc", [](Wide x, Wide) { return std::trunc(x); }},
    {"sin", [](Wide x, Wide) { return std::sin(x); }},
    {"cos", [](Wide x, Wide) { return std::cos(x); }},
    {"tan", [](Wide x, Wide) { return std::tan(x); }},
    {"asin", [](Wide x, Wide) { return std::asin(x); }},
    {"acos", [](Wide x, Wide) { return std::acos(x); }},
    {"atan", [](Wide x, Wide) { return std::atan(x); }},
    {"sinh", [](Wide x, Wide) { return std::sinh(x); }},
    {"cosh", [](Wide x, Wide) { return std::cosh(x); }},
    {"tanh", [](Wide x, Wide) { return std::tanh(x); }},
    {"asinh", [](Wide x, Wide) { return std::asinh(x); }},
    {"acosh", [](Wide x, Wide) { return std::acosh(x); }},
    {"atanh", [](Wide x, Wide) { return std::atanh(x); }},
    {"sigmoid", [](Wide x, Wide) { return 1 / (1 + std::exp(-x)); }},
    {"log_sigmoid",
     [](Wide x, Wide) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }},
    {"softplus",
     [](Wide x, Wide) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }},
    {"relu", [](Wide x, Wide) { return x <= 0 ? 0 : x; }},
    // The limit at -inf is -0; erfc underflows long before -1e4.
    {"gelu",
     [](Wide x, Wide) { return x < -1e4L ? -0.0L : x * std::erfc(-x * std::sqrt(0.5L)) / 2; }},
    {"gelu_tanh",
     [](Wide x, Wide) {
       if (x < -1e4L) return -0.0L;
       return x / (1 + std::exp(-std::sqrt(8 / std::acos(-1.0L)) * x * (1 + 0.044715L * x * x)));
     }},
    {"gelu_tanh_slope",
     [](Wide x, Wide) {
       if (std::fabs(x) > 1e4L) return x < 0 ? -0.0L : 1.0L;
       const Wide c = std::sqrt(8 / std::acos(-1.0L)),
                  below = 1 / (1 + std::exp(-c * x * (1 + 0.044715L * x * x))),
                  above = 1 / (1 + std::exp(c * x * (1 + 0.044715L * x * x)));
       return below * (1 + c * x * (1 + 3 * 0.044715L * x * x) * above);
     }},
    {"silu", [](Wide x, Wide) { return x < -1e5L ? -0.0L : x / (1 + std::exp(-x)); }},
    {"erf", [](Wide x, Wide) { return std::erf(x); }},
    {"erfc", [](Wide x, Wide) { return std::erfc(x); }},
    {"lgamma", [](Wide x, Wide) { return std::lgamma(x); }},
    {"digamma", digamma_truth},
    {"polygamma", polygamma_truth},
    {"add", [](Wide a, Wide b) { return a + b; }},
    {"subtract", [](Wide a, Wide b) { return a - b; }},
    {"multiply", [](Wide a, Wide b) { return a * b; }},
    {"divide", [](Wide a, Wide b) { return a / b; }},
    {"pow", [](Wide a, Wide b) { return std::pow(a, b); }},
    {"maximum",
     [](Wide a, Wide b) { return std::isnan(a) || std::isnan(b) ? a + b : std::fmax(a, b); }},
    {"minimum",
     [](Wide a, Wide b) { return std::isnan(a) || std::isnan(b) ? a + b : std::fmin(a, b); }},
    {"atan2", [](Wide a, Wide b) { return std::atan2(a, b); }},
    {"hypot", [](Wide a, Wide b) { return std::hypot(a, b); }},
    {"logaddexp", logaddexp_truth},
    {"remainder", remainder_truth},
    {"floor_divide", floor_divide_truth},
    {"strong_product", [](Wide a, Wide b) { return a == 0 ? a : a * b; }},
    {"zero_product", [](Wide a, Wide b) { return a == 0   ? a
                                                 : b == 0 ? b
                                                          : a * b; }},
};

// Wrapped to the type afterwards: arithmetic modulo 2^32 and 2^64; division floors, by 0 gives 0.
using Int = __int128;
const std::map<std::string, Int (*)(Int, Int)> integer_truths = {
    {"negative", [](Int x, Int) { return -x; }},
    {"square",
     [](Int x, Int) {
       return static_cast<Int>(static_cast<unsigned __int128>(x) *
                               static_cast<unsigned __int128>(x));
     }},
    {"abs", [](Int x, Int) { return x < 0 ? -x : x; }},
    {"sign", [](Int x, Int) { return static_cast<Int>((x > 0) - (x < 0)); }},
    {"add", [](Int a, Int b) { return a + b; }},
    {"subtract", [](Int a, Int b) { return a - b; }},
    {"multiply", [](Int a, Int b) { return a * b; }},
    {"maximum", [](Int a, Int b) { return a > b ? a : b; }},
    {"minimum", [](Int a, Int b) { return a < b ? a : b; }},
    {"remainder", [](Int a, Int b) { return b == 0 ? Int{0} : ((a % b) + b) % b; }},
    {"floor_divide",
     [](Int a, Int b) {
       return b == 0 ? Int{0} : a / b - ((a % b != 0) && ((a < 0) != (b < 0)) ? 1 : 0);
     }},
};

// Where the op is smooth within 0.01; not named: everywhere between its bounds.
bool smooth_at(const std::string& op, double a, double b) {
  const auto off = [](double x) { return std::fabs(x - std::round(x)) > 0.01; };
  if (op == "abs" || op == "sign" || op == "relu") return std::fabs(a) > 0.01;
  if (op == "floor" || op == "ceil" || op == "trunc") return off(a);
  if (op == "round") return off(a + 0.5);
  if (op == "maximum" || op == "minimum") return std::fabs(a - b) > 0.01;
  if (op == "remainder" || op == "floor_divide")
    return std::fabs(b) > 0.3 && off(a / b * (1 + 0.02 * std::fabs(b))) && off(a / b) &&
           std::fabs(a / b - std::round(a / b)) > 0.05;
  return true;
}

// The orders of derivatives: whole numbers, which do not move.
bool first_is_whole(const std::string& op) {
  return op == "polygamma";
}

// The sign of a zero is a matter of order here.
bool zero_has_sign(const std::string& op) {
  return op != "maximum" && op != "minimum";
}

// Points drawn in all, and those drawn again because they lie near a kink.
int drawn = 0, redrawn = 0;

struct Word {
  const Op* op;
  Tensor (*unary)(const Tensor&) = nullptr;
  Tensor (*binary)(const Tensor&, const Tensor&) = nullptr;

  Tensor operator()(const Tensor& a, const Tensor& b) const {
    return unary ? unary(a) : binary(a, b);
  }
  std::string name() const { return op->name; }
  Function function() const {
    return [w = *this](std::span<const Tensor> a) { return w(a[0], a.back()); };
  }
  std::vector<Tensor> given(const Tensor& a, const Tensor& b) const {
    return unary ? std::vector<Tensor>{a} : std::vector<Tensor>{a, b};
  }
  // Smooth points between the entry's bounds.
  std::vector<Tensor> points(const Shape& shape) const {
    Draw draw;
    std::vector<double> a, b;
    while (static_cast<int64_t>(a.size()) < element_count(shape)) {
      const double x = draw(op->checks.low, op->checks.high),
                   y = draw(op->checks.low, op->checks.high);
      ++drawn;
      if (smooth_at(name(), x, y))
        a.push_back(first_is_whole(name()) ? std::floor(x) : x), b.push_back(y);
      else
        ++redrawn;
    }
    return given(from_vector(a, shape), from_vector(b, shape));
  }
};

void PrintTo(const Word& w, std::ostream* out) {
  *out << w.op->name;
}

std::vector<Word> words() {
  return {
#define OP(n) Word{&op::n, static_cast<Tensor (*)(const Tensor&)>(n), nullptr},
      GRADUS_UNARY_WORDS(OP) OP(gelu_tanh_slope)
#undef OP
#define OP(n) Word{&op::n, nullptr, static_cast<Tensor (*)(const Tensor&, const Tensor&)>(n)},
          GRADUS_BINARY_WORDS(OP)
#undef OP
  };
}

class Elementwise : public testing::TestWithParam<Word> {
 protected:
  const Word& w() { return GetParam(); }
  const Checks& checks() { return w().op->checks; }
};
INSTANTIATE_TEST_SUITE_P(Op, Elementwise, testing::ValuesIn(words()),
                         [](const auto& one) { return std::string(one.param.op->name); });

TEST_P(Elementwise, known_answers_come_out) {
  ASSERT_FALSE(checks().known.empty());
  for (const Known& k : checks().known) {
    const auto close = [&](double got, double eps, double smallest) {
      EXPECT_LE(std::fabs(got - k.y), 2 * (1 + checks().ulp) * eps * std::fabs(k.y) + smallest)
          << "at " << k.x[0] << ", " << k.x[1];
    };
    close(number(w()(Tensor({k.x[0]}), Tensor({k.x[1]}))), 2.3e-16, 0);
    // f32 rounds the input too, so numbers that are not small fractions are left to the sweep.
    if (static_cast<double>(static_cast<float>(k.x[0])) == k.x[0] && std::fabs(k.x[0]) < 100)
      close(number(w()(cast(Tensor({k.x[0]}), DType::f32), cast(Tensor({k.x[1]}), DType::f32))),
            1.2e-7, 1e-44);
  }
}

template <class T>
void sweep(const Word& w, const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  const auto truth = truths.find(w.name());
  ASSERT_NE(truth, truths.end()) << w.name() << " has no reference in this file";
  const std::vector<T> y = values<T>(w(from_vector(a), from_vector(b)));
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double e = error_in_ulp(y[i], truth->second(a[i], b[i]), zero_has_sign(w.name()),
                                  least_size(w.name(), a[i], b[i]));
    if (e > worst) worst = e, at = i;
  }
  if (std::getenv("GRADUS_PRINT"))
    std::printf("%-15s f%zu %-5s %7.3f of %g\n", w.op->name, 8 * sizeof(T), what, worst,
                w.op->checks.ulp);
  // Truth is itself rounded, to 64 bits.
  EXPECT_LE(worst, w.op->checks.ulp * 1.001 + 1e-3)
      << w.op->name << "(" << std::hexfloat << a[at] << ", " << b[at] << ") = " << y[at] << ", not "
      << truth->second(a[at], b[at]);
}

template <class T>
void sweep_hard(const Word& w) {
  std::vector<T> a, b;
  for (T x : hard_numbers<T>()) {
    if (w.unary)
      a.push_back(x), b.push_back(x);
    else
      for (T y : hard_numbers<T>()) a.push_back(x), b.push_back(y);
  }
  sweep(w, a, b, "hard");
}

template <class T>
void sweep_domain(const Word& w) {
  Draw draw;
  std::vector<T> a, b;
  const double low = w.op->checks.low, high = w.op->checks.high;
  const auto pair = [&](double l, double h) {
    a.push_back(static_cast<T>(draw(l, h))), b.push_back(static_cast<T>(draw(l, h)));
  };
  const int many = first_is_whole(w.name()) ? 2'000 : 20'000;  // each truth may be an integral
  for (int i = 0; i < many; ++i) pair(low, high);
  for (double width : {1.0, 10.0, 100.0, 1000.0})
    for (int i = 0; i < many / 4; ++i) pair(-width, width);
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  for (int i = 0; i < many; ++i)
    a.push_back(std::bit_cast<T>(static_cast<Bits>(draw.bits()))),
        b.push_back(std::bit_cast<T>(static_cast<Bits>(draw.bits())));
  if (first_is_whole(w.name()))
    for (T& n : a) n = std::floor(std::fmod(std::fabs(n), T(13)));
  sweep(w, a, b, "sweep");
}

TEST_P(Elementwise, infinities_zeros_subnormals_huge_numbers_and_nan_give_the_true_value) {
  sweep_hard<float>(w());
  sweep_hard<double>(w());
}

TEST_P(Elementwise, the_error_stays_within_the_stated_bound_over_the_domain) {
  sweep_domain<float>(w());
  sweep_domain<double>(w());
}

TEST_P(Elementwise, f32_and_f64_agree) {
  const auto x = w().points({50});
  std::vector<Tensor> rounded, wide;
  for (const Tensor& t : x)
    rounded.push_back(cast(t, DType::f32)), wide.push_back(cast(rounded.back(), DType::f64));
  const auto y32 = numbers(w().function()(rounded)), y64 = numbers(w().function()(wide));
  for (size_t i = 0; i < y32.size(); ++i)
    EXPECT_LE(error_in_ulp(static_cast<float>(y32[i]), y64[i], true,
                           w().name() == "gelu_tanh_slope" ? 1 : 0),
              checks().ulp * 1.001 + 1e-3 + (w().name() == "logaddexp" ? 50 : 0));
}

template <class T>
void sweep_integers(const Word& w) {
  const auto truth = integer_truths.find(w.name());
  ASSERT_NE(truth, integer_truths.end()) << w.name() << " has no integer reference in this file";
  std::vector<T> hard{0,
                      1,
                      -1,
                      2,
                      3,
                      -3,
                      7,
                      -7,
                      1000,
                      46341,
                      std::numeric_limits<T>::max(),
                      std::numeric_limits<T>::min(),
                      std::numeric_limits<T>::min() + 1};
  std::vector<T> a, b;
  for (T x : hard)
    for (T y : hard) a.push_back(x), b.push_back(y);
  const auto got = values<T>(w(from_vector(a), from_vector(b)));
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i], static_cast<T>(truth->second(a[i], b[i])))
        << w.name() << "(" << a[i] << ", " << b[i] << ")";
}

TEST_P(Elementwise, integers_wrap_where_the_entry_admits_them_and_are_refused_elsewhere) {
  if (w().op->integers) {
    sweep_integers<int32_t>(w());
    sweep_integers<int64_t>(w());
    return;
  }
  const Tensor i = from_vector<int64_t>({1, 2});
  EXPECT_EQ(
      message_of<DTypeError>([&] { w()(i, i); }),
      w().name() +
          ": i64[2] is not a floating-point tensor. It computes in f32 or f64. Cast to f64 first.");
}

TEST_P(Elementwise, masks_and_storage_types_are_refused) {
  const Tensor mask = Tensor{1, 0} > 0.5, half = cast(Tensor({1, 2}), DType::f16);
  EXPECT_EQ(message_of<DTypeError>([&] { w()(mask, mask); }),
            w().op->integers
                ? w().name() +
                      ": bool[2] is not a tensor of numbers. bool is a mask. Cast to i64 to count."
                : w().name() +
                      ": bool[2] is not a floating-point tensor. It computes in f32 or f64. Cast "
                      "to f64 first.");
  const std::string stored = message_of<DTypeError>([&] { w()(half, half); });
  if (w().binary) {
    const std::string rule = "f16, bf16, i8 and u8 only store. Compute in f32 or f64. Cast first.";
    EXPECT_EQ(stored.substr(0, w().name().size() + 8), w().name() + ": f16[2]");
    EXPECT_EQ(stored.substr(stored.size() - std::min(stored.size(), rule.size())), rule);
  } else {
    EXPECT_EQ(stored, w().name() + ": f16[2] is not a " +
                          (w().op->integers ? "tensor of numbers" : "floating-point tensor") +
                          ". f16, bf16, i8 and u8 only store. Cast to f32 first.");
  }
}

TEST_P(Elementwise, shapes_that_do_not_broadcast_are_refused_word_for_word) {
  if (!w().binary) return;
  const std::map<std::string, std::string> signs = {
      {"add", " + "}, {"subtract", " - "},       {"multiply", " * "},    {"divide", " / "},
      {"pow", " ^ "}, {"strong_product", " * "}, {"zero_product", " * "}};
  const auto sign = signs.find(w().name());
  EXPECT_EQ(message_of<ShapeError>([&] { w()(ones({2}), ones({3})); }),
            w().name() + ": f64[2]" + (sign == signs.end() ? " and " : sign->second) +
                "f64[3]: cannot broadcast, because axes line up from the right and 2 is not 3.");
}

TEST_P(Elementwise, recorded_steps_refuse_unequal_types_and_wrong_counts) {
  const Tensor x = ones({2});
  if (w().binary) {
    EXPECT_EQ(
        message_of<ShapeError>([&] {
          apply(*w().op, {x, ones({3})});
        }),
        w().name() +
            ": f64[2] and f64[3] differ. A recorded step needs equal types; use the function " +
            w().name() + "().");
  }
  EXPECT_EQ(message_of<ShapeError>([&] {
              apply(*w().op, {x, x, x});
            }),
            w().name() + ": got 3 inputs. It takes " + (w().binary ? "2." : "1."));
}

TEST_P(Elementwise, strided_inputs_give_the_bits_of_contiguous_ones) {
  for (DType dtype : {DType::f32, DType::f64}) {
    std::vector<Tensor> x = w().points({5, 7, 3});
    for (Tensor& t : x) t = cast(t, dtype);
    for (size_t i = 0; i < x.size(); ++i) {
      for (const Twin& twin : twins_of(x[i])) {
        std::vector<Tensor> strided = x, plain = x;
        strided[i] = twin.strided, plain[i] = twin.plain;
        EXPECT_TRUE(same_bits(w().function()(strided), w().function()(plain)))
            << "input " << i << " " << twin.layout;
      }
    }
  }
}

TEST_P(Elementwise, broadcast_inputs_give_the_bits_of_repeated_ones) {
  if (!w().binary) return;
  const auto x = w().points({4, 1, 3});
  const auto y = w().points({5, 1});
  const Tensor a = contiguous(broadcast_to(x[0], {4, 5, 3})),
               b = contiguous(broadcast_to(y[1], {4, 5, 3}));
  EXPECT_TRUE(same_bits(w()(x[0], y[1]), w()(a, b)));
  EXPECT_TRUE(same_bits(w()(x[0], 2.0), w()(x[0], full({4, 1, 3}, 2.0))));
}

TEST_P(Elementwise, a_number_has_the_same_bits_alone_and_in_a_row_of_any_length) {
  for (DType dtype : {DType::f32, DType::f64}) {
    std::vector<Tensor> x = w().points({37});
    for (Tensor& t : x) t = cast(t, dtype);
    const auto all = numbers(w().function()(x));
    for (int64_t n : {1, 2, 3, 5, 17}) {
      std::vector<Tensor> part;
      for (const Tensor& t : x) part.push_back(slice(t, {{37 - n}}));
      const auto some = numbers(w().function()(part));
      for (size_t i = 0; i < some.size(); ++i)
        EXPECT_EQ(some[i], all[all.size() - some.size() + i]);
    }
  }
}

TEST_P(Elementwise, empty_and_scalar_inputs_work) {
  const Tensor none = zeros({2, 0, 3});
  EXPECT_EQ(show(w()(none, none)), "f64[2,0,3] [] f64[2,0,3]");
  const auto x = w().points({});
  EXPECT_EQ(to_string(w().function()(x).type()), "f64[]");
  EXPECT_EQ(number(w().function()(x)), number(w()(reshape(x[0], {1}), reshape(x.back(), {1}))));
}

TEST_P(Elementwise, one_and_two_threads_give_the_same_bits) {
  const int before = thread_count();
  const auto x = w().points({70'001});
  set_thread_count(1);
  const Tensor one = w().function()(x);
  set_thread_count(2);
  const Tensor two = w().function()(x);
  set_thread_count(before);
  EXPECT_TRUE(same_bits(one, two));
}

// Derivatives towards what may move.
void check_word(const Word& w, const std::vector<Tensor>& x, int order) {
  if (first_is_whole(w.name()))
    check_derivatives([&](std::span<const Tensor> b) { return w(x[0], b[0]); },
                      std::vector<Tensor>{x[1]}, order);
  else
    check_derivatives(w.function(), x, order);
}

TEST_P(Elementwise, forward_and_reverse_mode_match_differences_to_order_3) {
  check_word(w(), w().points({2, 3}), 3);
}

TEST(Table, few_points_are_redrawn_for_lying_near_a_kink) {
  drawn = redrawn = 0;
  for (const Word& w : words()) w.points({1000});
  RecordProperty("redrawn", redrawn);
  EXPECT_LT(redrawn, drawn / 20) << redrawn << " of " << drawn;
}

TEST_P(Elementwise, gradients_of_broadcast_inputs_are_summed_back) {
  if (!w().binary) return;
  const std::vector<Tensor> x{w().points({2, 3})[0], w().points({2, 3})[1]};
  const Tensor b = slice(x[1], {{}, {0, 1}});
  bool smooth = true;
  for (double u : numbers(x[0]))
    for (double v : numbers(b)) smooth &= smooth_at(w().name(), u, v);
  if (!smooth) return;
  check_word(w(), {x[0], b}, 2);
}

// What is stated where there is no derivative: {op, a, b, d/da, d/db}.
struct Stated {
  const char* op;
  double a, b, da, db;
};
constexpr double inf = std::numeric_limits<double>::infinity();
const Stated stated[] = {
    {"abs", 0, 0, 0, 0},
    {"sign", 0, 0, 0, 0},
    {"relu", 0, 0, 0, 0},
    {"sqrt", 0, 0, inf, 0},
    {"maximum", 1, 1, 0.5, 0.5},
    {"minimum", 1, 1, 0.5, 0.5},
    {"pow", 0, 0, 0, 0},
    {"pow", 0, 1, 1, 0},
    {"pow", 0, 2, 0, 0},
    {"pow", -2, 3, 12, std::nan("")},
    {"hypot", 0, 0, 0, 0},
    {"floor", 1, 0, 0, 0},
    {"ceil", 1, 0, 0, 0},
    {"round", 0.5, 0, 0, 0},
    {"trunc", 1, 0, 0, 0},
    {"logaddexp", -inf, 0, 0, 1},
    {"logaddexp", -inf, -inf, 0, 0},
    {"strong_product", 0, 3, 3, 0},
    {"zero_product", 0, 3, 3, 0},
    {"softplus", 1000, 0, 1, 0},
    {"silu", -1000, 0, 0, 0},
    {"log1p", 1e-20, 0, 1, 0},
    {"expm1", 1e-20, 0, 1, 0},
};

TEST_P(Elementwise, the_derivative_at_a_kink_is_the_stated_one) {
  size_t found = 0;
  for (const Stated& s : stated) {
    if (w().name() != s.op) continue;
    ++found;
    const std::vector<Tensor> x = w().given(scalar(s.a, DType::f64), scalar(s.b, DType::f64));
    const auto grads = vjp(w().function(), x, Tensor(1.0)).grads;
    const double want[] = {s.da, s.db};
    for (size_t i = 0; i < x.size(); ++i) {
      std::vector<Tensor> dots(x.size());
      dots[i] = scalar(1, DType::f64);
      for (double got : {number(grads[i]), number(jvp(w().function(), x, dots).derivative)})
        EXPECT_TRUE(got == want[i] || (std::isnan(got) && std::isnan(want[i])))
            << s.op << " at " << s.a << ", " << s.b << " by input " << i << ": " << got;
    }
  }
  EXPECT_GE(found, checks().kinks.size())
      << "the entry names a kink whose derivative is not stated here";
}

TEST_P(Elementwise, it_says_what_it_is) {
  EXPECT_GT(std::strlen(w().op->says), 5u);
  EXPECT_NE(std::string(w().op->math).find(w().op->name), std::string::npos) << w().op->math;
  EXPECT_EQ(w().op->kind, Kind::elementwise);
}

}  // namespace
}  // namespace gradus
