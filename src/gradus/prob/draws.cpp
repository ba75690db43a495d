#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/special.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

namespace gradus {
namespace {

// Child keys: of the power for gamma shapes below 1, and of the second numbers of counts.
constexpr uint64_t boost = uint64_t{1} << 32, second = boost + 1;
constexpr size_t block = 512;  // draws at a time

// A gamma number of shape a >= 1 is d v where v = (1 + c x)^3 is accepted; one of a smaller shape
// is one of a + 1 times u^power. All NaN where a is no shape.
struct Squeeze {
  double d, c, power;
  explicit Squeeze(double a)
      : d(a > 0 ? (a < 1 ? a + 1 : a) - 1.0 / 3 : std::nan("")),
        c(1 / std::sqrt(9 * d)),
        power(a < 1 ? 1 / a : 0) {}
  double cube(double x) const {
    const double w = 1 + c * x;
    return w * w * w;
  }
  // Without a logarithm: 92 % and more of all.
  static bool surely(double x, double u, double v) {
    return (u < 1 - 0.0331 * (x * x) * (x * x)) & (v > 0);
  }
  bool accepts(double x, double u, double v) const {
    return v > 0 && (surely(x, u, v) || std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v)));
  }
};

// Words of a stream of its own for the few places whose first pair of numbers was refused.
PhiloxCounter words_again(Key key, uint64_t place, uint32_t attempt, uint32_t kind) {
  const uint32_t stream = static_cast<uint32_t>(Stream::integer) + kind;
  const auto half = [](uint64_t w) { return static_cast<uint32_t>(w); };
  return philox({half(place), half(place >> 32), attempt, stream},
                {half(key.value), half(key.value >> 32)});
}

struct Candidate {
  double x, u;  // normal and uniform
};
Candidate candidate(Key key, uint64_t place, uint32_t attempt) {
  const PhiloxCounter w = words_again(key, place, attempt, 1);
  const auto unit = [](uint32_t word) { return (word + 0.5) * 0x1p-32; };
  const double radius = std::sqrt(-2 * std::log((w[0] + unit(w[1])) * 0x1p-32));
  return {radius * std::cos(2 * std::numbers::pi * unit(w[2])), unit(w[3])};
}

// Elements first, first + 1, ... of the key's gamma numbers of rate 1.
template <class T, class Squeezes>
void fill_gamma(Key key, uint64_t first, const Squeezes& squeeze_of, std::span<T> out) {
  std::array<double, block> x, u, v;
  for (size_t begin = 0; begin < out.size(); begin += block) {
    const size_t n = std::min(block, out.size() - begin);
    fill_normal(key, first + begin, std::span<double>(x.data(), n));
    fill_uniform(key, first + begin, std::span<double>(u.data(), n));
    std::array<uint16_t, block> doubtful;
    size_t doubts = 0;
    for (size_t i = 0; i < n; ++i) {
      const Squeeze squeeze = squeeze_of(begin + i);
      v[i] = squeeze.cube(x[i]);
      doubtful[doubts] = static_cast<uint16_t>(i);
      doubts += !Squeeze::surely(x[i], u[i], v[i]);
    }
    for (size_t j = 0; j < doubts; ++j) {
      const size_t i = doubtful[j];
      const Squeeze squeeze = squeeze_of(begin + i);
      if (std::isnan(squeeze.d)) continue;
      for (uint32_t attempt = 0; !squeeze.accepts(x[i], u[i], v[i]); ++attempt) {
        const Candidate again = candidate(key, first + begin + i, attempt);
        x[i] = again.x;
        u[i] = again.u;
        v[i] = squeeze.cube(x[i]);
      }
    }
    bool has_powers = false;
    for (size_t i = 0; i < n; ++i) {
      const Squeeze squeeze = squeeze_of(begin + i);
      double g = squeeze.d * v[i];
      if (squeeze.power > 0) {
        if (!has_powers)
          fill_uniform(split(key, boost), first + begin, std::span<double>(u.data(), n));
        has_powers = true;
        g *= std::pow(u[i] + 0x1p-54, squeeze.power);
      }
      out[begin + i] = static_cast<T>(g);
    }
  }
}

// Laws of counts. Few, an expected number below 30: the cumulative sum is inverted. Many: Hörmann
// (1993), "The transformed rejection method for generating Poisson random variables" and "The
// generation of binomial random variates": a pair of uniform numbers gives a count under a hat of
// two constants, and six pairs of seven need no logarithm.
struct Hat {
  double a = 0, b = 0, center = 0, quick = 0;
};

struct PoissonLaw {
  double rate;
  bool few;
  Hat hat;
  explicit PoissonLaw(double r)
      : rate(r >= 0 && std::isfinite(r) ? r : std::nan("")), few(!(rate >= 30)) {
    if (few) return;
    hat.b = 0.931 + 2.53 * std::sqrt(rate);
    hat.a = -0.059 + 0.02483 * hat.b;
    hat.center = rate + 0.43;
    hat.quick = 0.9277 - 3.6224 / (hat.b - 2);
  }
  double most() const { return infinity; }
  double of_none() const { return std::exp(-rate); }
  double ratio(double k) const { return rate / (k + 1); }  // P(k + 1) / P(k)
  double log_scale() const { return std::log(1.1239 + 1.1328 / (hat.b - 3.4)); }
  // Loader's form, which holds at any rate (special.h, deviance).
  double log_prob(double k) const {
    if (k == 0) return -rate;
    return -special::stirling_error(k) - special::deviance(k, rate) - 0.5 * std::log(k) -
           log_root_two_pi;
  }
  double result(double k) const { return k + 0 * rate; }
};

// Of the rarer outcome.
struct BinomialLaw {
  double n, p, odds;
  bool turned, few;
  Hat hat;
  BinomialLaw(double trials, double chance)
      : n(trials >= 0 && std::isfinite(trials) ? std::floor(trials) : std::nan("")),
        p(chance >= 0 && chance <= 1 ? std::min(chance, 1 - chance) : std::nan("")),
        odds(p / (1 - p)),
        turned(chance > 0.5),
        few(!(n * p >= 30)) {
    if (few) return;
    hat.b = 1.15 + 2.53 * deviation();
    hat.a = -0.0873 + 0.0248 * hat.b + 0.01 * p;
    hat.center = n * p + 0.5;
    hat.quick = 0.92 - 4.2 / hat.b;
  }
  double deviation() const { return std::sqrt(n * p * (1 - p)); }
  double most() const { return n; }
  double of_none() const { return std::exp(n * std::log1p(-p)); }
  double ratio(double k) const { return (n - k) / (k + 1) * odds; }
  double log_scale() const {
    return std::log((2.83 + 5.1 / hat.b) * deviation()) + log_prob(std::floor((n + 1) * p));
  }
  double log_prob(double k) const {
    if (k == 0) return n * std::log1p(-p);
    if (k == n) return n * std::log(p);
    const double rest = n - k;
    return special::stirling_error(n) - special::stirling_error(k) - special::stirling_error(rest) -
           special::deviance(k, n * p) - special::deviance(rest, n * (1 - p)) -
           0.5 * (std::log(k) + std::log(rest / n)) - log_root_two_pi;
  }
  double result(double k) const { return (turned ? n - k : k) + 0 * (n + p); }
};

// A uniform number has 53 bits: what is rarer than this does not come.
constexpr double too_rare = 0x1p-60;

template <class Law>
double inverted(const Law& law, double u) {
  double k = 0, f = law.of_none(), sum = f;
  while (u >= sum) {
    f *= law.ratio(k);
    if (!(f > too_rare)) break;
    k += 1;
    sum += f;
  }
  return k;
}

// The same of one law many times: the sums in a table, and where the search begins.
class InvertedTable {
 public:
  template <class Law>
  explicit InvertedTable(const Law& law) {
    size_t k = 0;
    double f = law.of_none();
    sums_[0] = f;
    while ((f *= law.ratio(static_cast<double>(k))) > too_rare && k + 2 < sums_.size()) {
      sums_[k + 1] = sums_[k] + f;
      ++k;
    }
    sums_[k] = infinity;
    for (size_t i = 0, from = 0; i < starts_.size(); ++i) {
      while (static_cast<double>(i) >= sums_[from] * static_cast<double>(starts_.size())) ++from;
      starts_[i] = static_cast<uint8_t>(from);
    }
  }
  double operator()(double u) const {
    size_t k = starts_[static_cast<size_t>(u * static_cast<double>(starts_.size()))];
    while (u >= sums_[k]) ++k;
    return static_cast<double>(k);
  }

 private:
  std::array<double, 128> sums_;  // 100 are the most that a mean below 30 needs
  std::array<uint8_t, 256> starts_;
};

template <class Law>
double rejected(const Law& law, Key key, uint64_t place, double u, double v) {
  for (uint32_t attempt = 0;; ++attempt) {
    const double off = u - 0.5, edge = 0.5 - std::fabs(off);
    const double k = std::floor((2 * law.hat.a / edge + law.hat.b) * off + law.hat.center);
    if (edge >= 0.07 && v <= law.hat.quick) return k;
    if (k >= 0 && k <= law.most() &&
        std::log(v / (law.hat.a / (edge * edge) + law.hat.b)) + law.log_scale() <= law.log_prob(k))
      return k;
    const PhiloxCounter w = words_again(key, place, attempt, 2);
    const auto unit = [](uint32_t high, uint32_t low) {
      return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
    };
    u = unit(w[0], w[1]);
    v = unit(w[2], w[3]);
  }
}

template <class T, class Laws>
void fill_counts(Key key, uint64_t first, const Laws& law_of, std::span<T> out) {
  std::array<double, block> u, v;
  for (size_t begin = 0; begin < out.size(); begin += block) {
    const size_t n = std::min(block, out.size() - begin);
    fill_uniform(key, first + begin, std::span<double>(u.data(), n));
    fill_uniform(split(key, second), first + begin, std::span<double>(v.data(), n));
    for (size_t i = 0; i < n; ++i) {
      const auto& law = law_of(begin + i);
      const double k =
          law.few ? inverted(law, u[i]) : rejected(law, key, first + begin + i, u[i], v[i]);
      out[begin + i] = static_cast<T>(law.result(k));
    }
  }
}

template <class T, class Law>
void fill_counts_alike(Key key, uint64_t first, const Law& law, std::span<T> out) {
  if (!law.few)
    return fill_counts(
        key, first, [&](size_t) -> const Law& { return law; }, out);
  const InvertedTable table(law);
  std::array<double, block> u;
  for (size_t begin = 0; begin < out.size(); begin += block) {
    const size_t n = std::min(block, out.size() - begin);
    fill_uniform(key, first + begin, std::span<double>(u.data(), n));
    for (size_t i = 0; i < n; ++i) out[begin + i] = static_cast<T>(law.result(table(u[i])));
  }
}

// In: keys (..., 2) and parameters (..., size); the numbers of all keys are shared out in chunks.
// A Law is made of one number a parameter.
template <class T, class Law, size_t... i>
void run_draws(const Call& c, std::index_sequence<i...>) {
  const View& keys = c.in[0];
  constexpr int64_t chunk = 4096;
  const int64_t all = element_count(c.out[0].shape), count = element_count(keys.shape) / 2;
  const int64_t each = count == 0 ? 0 : all / count;
  const auto place = [](const View& v, int64_t index, int axes) {
    int64_t offset = 0;
    for (int axis = axes - 1; axis >= 0; --axis) {
      offset += index % v.shape[axis] * v.strides[axis];
      index /= v.shape[axis];
    }
    return offset;
  };
  const auto is_single = [](const View& v) {
    bool single = true;
    for (int axis = 0; axis < v.shape.size(); ++axis)
      single = single && (v.strides[axis] == 0 || v.shape[axis] == 1);
    return single;
  };
  const bool solid = (c.in[i + 1].is_row_major() && ...);
  const auto law_at = [&](int64_t index) {
    const auto parameter = [&](const View& v) {
      return static_cast<double>(v.as<T>()[solid ? index : place(v, index, v.shape.size())]);
    };
    return Law(parameter(c.in[i + 1])...);
  };
  const bool single = (is_single(c.in[i + 1]) && ...);
  const auto part = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % each, n = std::min(each - first, end - begin);
      const int64_t* w = keys.as<int64_t>() + place(keys, begin / each, keys.shape.size() - 1);
      const auto word = [](int64_t x) { return uint64_t{static_cast<uint32_t>(x)}; };
      const Key key{word(w[keys.strides.back()]) << 32 | word(w[0])};
      const std::span<T> out(c.out[0].as<T>() + begin, static_cast<size_t>(n));
      const auto laws = [&](size_t k) { return law_at(begin + static_cast<int64_t>(k)); };
      const auto start = static_cast<uint64_t>(first);
      if constexpr (std::is_same_v<Law, Squeeze>) {
        if (single)
          fill_gamma(
              key, start, [law = law_at(begin)](size_t) { return law; }, out);
        else
          fill_gamma(key, start, laws, out);
      } else if (single) {
        fill_counts_alike(key, start, law_at(begin), out);
      } else {
        fill_counts(key, start, laws, out);
      }
      begin += n;
    }
  };
  parallel_for((all + chunk - 1) / chunk,
               [&](int64_t k) { part(k * chunk, std::min(all, (k + 1) * chunk)); });
}

template <class T, class Law, size_t parameters>
void run(const Call& c) {
  run_draws<T, Law>(c, std::make_index_sequence<parameters>());
}
template <class Law, size_t parameters>
Kernel draw_kernel(const Op&, std::span<const Type>, const Type& out) {
  return {out.dtype == DType::f32 ? run<float, Law, parameters> : run<double, Law, parameters>};
}

// dx / da at a fixed place of the distribution: -(dP(a, x) / da) / density.
Tensor gamma_slope(const Tensor& a, const Tensor& x) {
  return -gammainc_by_a(a, x) / gammainc_by_x(a, x);
}

constinit const Op random_gamma_op{
    .name = "random_gamma",
    .says = "random numbers of a gamma distribution of rate 1",
    .math = "x ~ Gamma(a, 1)",
    .kind = Kind::custom,
    .inputs = 2,
    .type = [](const Op&, std::span<const Type> in, const Attrs&, int) { return in[1]; },
    .kernel = draw_kernel<Squeeze, 1>,
    .rule = {
        .pull = [](const Context& c, std::span<const Tensor> bar,
                   int i) { return i == 0 ? Tensor() : bar[0] * gamma_slope(c.in[1], c.out[0]); },
        .push =
            [](const Context& c, std::span<const Tensor> dot, int) {
              return dot[1].is_absent() ? Tensor() : dot[1] * gamma_slope(c.in[1], c.out[0]);
            }},
    .batch = batch_leading};

// Counts jump: nothing passes to the parameters.
template <class Law, int parameters>
constexpr Op count_op(const char* name, const char* says, const char* math) {
  return {.name = name,
          .says = says,
          .math = math,
          .kind = Kind::custom,
          .inputs = 1 + parameters,
          .type = [](const Op&, std::span<const Type> in, const Attrs&, int) { return in[1]; },
          .kernel = draw_kernel<Law, parameters>,
          .rule = {.pull = [](const Context&, std::span<const Tensor>, int) { return Tensor(); },
                   .push = [](const Context&, std::span<const Tensor>, int) { return Tensor(); }},
          .batch = batch_leading};
}
constinit const Op random_poisson_op = count_op<PoissonLaw, 1>(
    "random_poisson", "random numbers of a Poisson distribution", "k ~ Poisson(rate)");
constinit const Op random_binomial_op = count_op<BinomialLaw, 2>(
    "random_binomial", "random numbers of a binomial distribution", "k ~ Binomial(n, p)");

}  // namespace

Tensor random_gamma(const Tensor& key, const Tensor& shape, const Shape& size) {
  return apply(random_gamma_op, {key, broadcast_to(as_float(shape), size)});
}

Tensor random_poisson(const Tensor& key, const Tensor& rate, const Shape& size) {
  return apply(random_poisson_op, {key, broadcast_to(as_float(rate), size)});
}

Tensor random_binomial(const Tensor& key, const Tensor& n, const Tensor& p, const Shape& size) {
  const Tensor trials = as_float(n) + 0.0 * as_float(p), chance = as_float(p) + 0.0 * trials;
  return apply(random_binomial_op, {key, broadcast_to(trials, size), broadcast_to(chance, size)});
}

}  // namespace gradus
