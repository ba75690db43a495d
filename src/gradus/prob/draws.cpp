#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

constexpr uint64_t boost = uint64_t{1} << 32;  // the child key of the power for shapes below 1

double one(void (*fill)(Key, std::uint64_t, std::span<double>), Key key, uint64_t index) {
  double x;
  fill(key, index, std::span<double>(&x, 1));
  return x;
}

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

// A normal and a uniform number from one block of a stream of its own, for the few places whose
// first pair was refused.
struct Candidate {
  double x, u;
};
Candidate candidate(Key key, uint64_t place, uint32_t attempt) {
  constexpr uint32_t stream = static_cast<uint32_t>(Stream::integer) + 1;
  const auto half = [](uint64_t w) { return static_cast<uint32_t>(w); };
  const PhiloxCounter w = philox({half(place), half(place >> 32), attempt, stream},
                                 {half(key.value), half(key.value >> 32)});
  const auto unit = [](uint32_t word) { return (word + 0.5) * 0x1p-32; };
  const double radius = std::sqrt(-2 * std::log((w[0] + unit(w[1])) * 0x1p-32));
  return {radius * std::cos(2 * std::numbers::pi * unit(w[2])), unit(w[3])};
}

// Elements first, first + 1, ... of the key's gamma numbers of rate 1.
template <class T, class Squeezes>
void fill_gamma(Key key, uint64_t first, const Squeezes& squeeze_of, std::span<T> out) {
  constexpr size_t most = 512;
  std::array<double, most> x, u, v;
  for (size_t begin = 0; begin < out.size(); begin += most) {
    const size_t n = std::min(most, out.size() - begin);
    fill_normal(key, first + begin, std::span<double>(x.data(), n));
    fill_uniform(key, first + begin, std::span<double>(u.data(), n));
    std::array<uint16_t, most> doubtful;
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
    for (size_t i = 0; i < n; ++i) {
      const Squeeze squeeze = squeeze_of(begin + i);
      double g = squeeze.d * v[i];
      if (squeeze.power > 0)
        g *= std::pow(one(fill_uniform, split(key, boost), first + begin + i) + 0x1p-54,
                      squeeze.power);
      out[begin + i] = static_cast<T>(g);
    }
  }
}

// In: keys (..., 2) and shapes (..., size); the numbers of all keys are shared out in chunks.
template <class T>
void run_gamma(const Call& c) {
  const View &keys = c.in[0], &shapes = c.in[1];
  constexpr int64_t chunk = 4096;
  const int64_t all = element_count(c.out[0].shape), count = element_count(keys.shape) / 2;
  const int64_t each = count == 0 ? 0 : all / count;
  const auto place = [](const View& v, int64_t index, int axes) {
    int64_t offset = 0;
    for (int i = axes - 1; i >= 0; --i) {
      offset += index % v.shape[i] * v.strides[i];
      index /= v.shape[i];
    }
    return offset;
  };
  bool single = true;
  for (int i = 0; i < shapes.shape.size(); ++i)
    single = single && (shapes.strides[i] == 0 || shapes.shape[i] == 1);
  const auto part = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % each, n = std::min(each - first, end - begin);
      const int64_t* w = keys.as<int64_t>() + place(keys, begin / each, keys.shape.size() - 1);
      const auto word = [](int64_t x) { return uint64_t{static_cast<uint32_t>(x)}; };
      const Key key{word(w[keys.strides.back()]) << 32 | word(w[0])};
      const std::span<T> out(c.out[0].as<T>() + begin, static_cast<size_t>(n));
      const T* a = shapes.as<T>();
      if (single)
        fill_gamma(
            key, static_cast<uint64_t>(first),
            [x = Squeeze(static_cast<double>(*a))](size_t) { return x; }, out);
      else
        fill_gamma(
            key, static_cast<uint64_t>(first),
            [&](size_t i) {
              return Squeeze(static_cast<double>(
                  a[place(shapes, begin + static_cast<int64_t>(i), shapes.shape.size())]));
            },
            out);
      begin += n;
    }
  };
  parallel_for((all + chunk - 1) / chunk,
               [&](int64_t i) { part(i * chunk, std::min(all, (i + 1) * chunk)); });
}

Kernel gamma_kernel(const Op&, std::span<const Type>, const Type& out) {
  return {out.dtype == DType::f32 ? run_gamma<float> : run_gamma<double>};
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
    .kernel = gamma_kernel,
    .rule = {
        .pull = [](const Context& c, std::span<const Tensor> bar,
                   int i) { return i == 0 ? Tensor() : bar[0] * gamma_slope(c.in[1], c.out[0]); },
        .push =
            [](const Context& c, std::span<const Tensor> dot, int) {
              return dot[1].is_absent() ? Tensor() : dot[1] * gamma_slope(c.in[1], c.out[0]);
            }},
    .batch = batch_leading};

constexpr double forgiven = 64 * 0x1p-52;

// One count from its guess: F, S and f are cdf, sf and probability there, `ratio` f(k + 1) / f(k).
// Returns how far it went.
template <class Ratio>
double walk(double& k, double most, double F, double S, double f, double tail, bool lower,
            const Ratio& ratio) {
  constexpr double far = 1e6;
  const double start = k;
  if (lower) {
    const double t = tail * (1 - forgiven);
    if (F >= t)
      for (; k > 0 && F - f >= t && start - k < far; f /= ratio(k)) F -= f, k -= 1;
    else
      for (; F < t && k < most && k - start < far;) f *= ratio(k), F += f, k += 1;
  } else {
    const double t = tail * (1 + forgiven);
    if (S <= t)
      for (; k > 0 && S + f <= t && start - k < far; f /= ratio(k)) S += f, k -= 1;
    else
      for (; S > t && k < most && k - start < far;) f *= ratio(k), S -= f, k += 1;
  }
  return std::fabs(k - start);
}

// What is equal for all draws of a tensor, as a table of F and S from the first count on.
class CountTable {
 public:
  CountTable(const Distribution& d, double low, double high)
      : first_(low),
        F_(numbers(d.cdf(arange(low, high + 1)))),
        S_(numbers(d.sf(arange(low, high + 1)))) {}

  // NaN where the answer is not in the table.
  double find(double tail, bool lower) const {
    const auto at =
        lower ? std::lower_bound(F_.begin(), F_.end(), tail * (1 - forgiven)) - F_.begin()
              : std::lower_bound(S_.begin(), S_.end(), tail * (1 + forgiven), std::greater<>()) -
                    S_.begin();
    const bool inside = at > 0 && at < static_cast<std::ptrdiff_t>(F_.size());
    return inside ? first_ + static_cast<double>(at) : std::nan("");
  }

 private:
  double first_;
  std::vector<double> F_, S_;
};

// The counts for probabilities p, all tensors of one shape.
template <class Ratio>
Tensor counts(const Distribution& d, const Tensor& p, const Tensor& most, bool upper,
              const Ratio& ratio) {
  const std::vector<double> ps = numbers(p), ends = numbers(most);
  const Tensor z = (upper ? -1.0 : 1.0) * ndtri(clip(p, 1e-300, 1 - 0x1p-53));
  Tensor guess =
      floor(d.mean() + d.standard_deviation() * (z + d.skewness() * (square(z) - 1.0) / 6.0) + 0.5);
  guess = where(isnan(guess), d.mean(), guess);
  std::vector<double> k = numbers(clip(guess, 0.0, most));
  for (int round = 0; round < 64; ++round) {
    const Tensor at = from_vector(k, p.shape());
    const std::vector<double> F = numbers(d.cdf(at)), S = numbers(d.sf(at)),
                              f = numbers(d.prob(at));
    double moved = 0;
    for (size_t i = 0; i < k.size(); ++i) {
      const double q = upper ? 1 - ps[i] : ps[i], other = upper ? ps[i] : 1 - ps[i];
      if (!(q >= 0 && q <= 1)) {
        k[i] = std::nan("");
      } else if (other <= 0) {
        k[i] = ends[i];
      } else if (q <= 0) {
        k[i] = 0;
      } else {
        const bool lower = q <= other;
        moved = std::max(moved, walk(k[i], ends[i], F[i], S[i], f[i], lower ? q : other, lower,
                                     [&](double at_k) { return ratio(i, at_k); }));
      }
    }
    if (moved <= 2) break;
  }
  return from_vector(k, p.shape());
}

// The same where all parameters are one number each: a table of the middle, a walk beyond it.
template <class Ratio>
Tensor many_counts(const Distribution& one, const Tensor& p, double most, bool upper,
                   const Ratio& ratio) {
  constexpr double edge = 1e-12, widest = 1e5;
  const Tensor ends{edge, 1 - edge};
  const std::vector<double> range = numbers(counts(one, ends, full({2}, most), false, ratio));
  if (!(range[1] - range[0] < widest)) return counts(one, p, full(p.shape(), most), upper, ratio);
  const CountTable table(one, std::max(range[0] - 2, 0.0), std::min(range[1] + 2, most));
  std::vector<double> all = numbers(p), missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < all.size(); ++i) {
    const double q = upper ? 1 - all[i] : all[i], other = upper ? all[i] : 1 - all[i];
    const double k = q <= other ? table.find(q, true) : table.find(other, false);
    if (std::isnan(k)) missing.push_back(all[i]), places.push_back(i);
    all[i] = k;
  }
  if (!places.empty()) {
    const auto n = static_cast<int64_t>(places.size());
    const std::vector<double> rest =
        numbers(counts(one, from_vector(missing), full({n}, most), upper, ratio));
    for (size_t i = 0; i < places.size(); ++i) all[places[i]] = rest[i];
  }
  return from_vector(all, p.shape());
}

// The number that all are, or NaN.
double common(const std::vector<double>& x) {
  return !x.empty() && std::ranges::all_of(x, [&](double v) { return v == x[0]; }) ? x[0]
                                                                                   : std::nan("");
}

constexpr int64_t worth_a_table = 64;

// A function of numbers, unrecorded, that broadcasts its arguments in f64.
Tensor apply_counts(const char* name, const std::vector<Tensor>& x,
                    std::function<Tensor(std::span<const Tensor>)> value) {
  auto rule = std::make_shared<CustomRule>();
  rule->name = name;
  rule->value = [value](std::span<const Tensor> args) {
    Tensor all = args[0];
    for (const Tensor& a : args) all = all + 0.0 * a;
    std::vector<Tensor> same;
    for (const Tensor& a : args) same.push_back(broadcast_to(a, all.shape()));
    return value(same);
  };
  rule->pull = [](std::span<const Tensor> args, const Tensor&, const Tensor&) {
    return std::vector<Tensor>(args.size());
  };
  rule->type = [](std::span<const Type> in) {
    Type out{DType::f64, {}};
    for (const Type& t : in) out.shape = broadcast_shape(op::add, out, {DType::f64, t.shape});
    return out;
  };
  rule->batched_value = [f = rule->value](const std::vector<bool>&) { return Function(f); };
  std::vector<Tensor> f64;
  for (const Tensor& a : x) f64.push_back(stop_gradient(cast(a, DType::f64)));
  return apply_custom(rule, f64);
}

}  // namespace

Tensor random_gamma(const Tensor& key, const Tensor& shape, const Shape& size) {
  return apply(random_gamma_op, {key, broadcast_to(as_float(shape), size)});
}

Tensor poisson_quantile(const Tensor& p, const Tensor& rate, bool upper) {
  return apply_counts("poisson_quantile", {p, rate}, [upper](std::span<const Tensor> a) {
    const std::vector<double> rates = numbers(a[1]);
    const double rate_of_all = common(rates);
    if (a[0].size() > worth_a_table && rate_of_all > 0)
      return many_counts(Poisson(rate_of_all), a[0], infinity, upper,
                         [&](size_t, double k) { return rate_of_all / (k + 1); });
    return counts(Poisson(a[1]), a[0], full(a[0].shape(), infinity), upper,
                  [&](size_t i, double k) { return rates[i] / (k + 1); });
  });
}

Tensor binomial_quantile(const Tensor& p, const Tensor& n, const Tensor& chance, bool upper) {
  return apply_counts("binomial_quantile", {p, n, chance}, [upper](std::span<const Tensor> a) {
    const std::vector<double> ns = numbers(a[1]), ps = numbers(a[2]);
    const double n_of_all = common(ns), p_of_all = common(ps);
    if (a[0].size() > worth_a_table && n_of_all > 0 && p_of_all > 0 && p_of_all < 1)
      return many_counts(
          Binomial(n_of_all, p_of_all), a[0], n_of_all, upper,
          [&](size_t, double k) { return (n_of_all - k) / (k + 1) * (p_of_all / (1 - p_of_all)); });
    return counts(Binomial(a[1], a[2]), a[0], a[1], upper, [&](size_t i, double k) {
      return (ns[i] - k) / (k + 1) * (ps[i] / (1 - ps[i]));
    });
  });
}

}  // namespace gradus
