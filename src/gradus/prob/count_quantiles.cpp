#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/draws.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

constexpr double forgiven = 64 * 0x1p-52;

// One count on its way: `low` is too small, `high` is not.
struct Way {
  double k, low, high;
};

// F, S and f are cdf, sf and probability at k, `ratio` is f(k + 1) / f(k). A long way goes by
// Newton's method for the logarithm of the tail, which is concave, or half of what is left; the
// last counts step by step. Returns how far it stepped, or infinity.
template <class Ratio>
double walk(Way& w, double F, double S, double f, double tail, bool lower, const Ratio& ratio) {
  constexpr double near = 4, far = 1000;
  const double t = tail * (lower ? 1 - forgiven : 1 + forgiven), sum = lower ? F : S;
  const double way = std::log(lower ? tail / sum : sum / tail) * (sum / f);
  const bool enough = lower ? F >= t : S <= t;
  if (sum > 0 && f > 0 && std::fabs(way) <= near) {
    const double start = w.k;
    double& k = w.k;
    if (enough)
      for (; k > 0 && (lower ? F - f >= t : S + f <= t) && start - k < far; f /= ratio(k))
        F -= f, S += f, k -= 1;
    else
      for (; (lower ? F < t : S > t) && k < w.high && k - start < far;)
        f *= ratio(k), F += f, S -= f, k += 1;
    return std::fabs(k - start);
  }
  (enough ? w.high : w.low) = w.k;
  const double next = std::floor(w.k + way);
  if (next > w.low && next < w.high)
    w.k = next;
  else
    w.k = std::isinf(w.high) ? 2 * w.k + 1 : std::ceil(w.low + (w.high - w.low) / 2);
  return w.high - w.low <= 1 ? 0 : infinity;
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
  const std::vector<double> start = numbers(clip(guess, 0.0, most));
  std::vector<Way> ways(start.size());
  for (size_t i = 0; i < ways.size(); ++i) ways[i] = {start[i], -1, ends[i]};
  const auto all = [&] {
    std::vector<double> k;
    for (const Way& w : ways) k.push_back(w.k);
    return from_vector(k, p.shape());
  };
  for (int round = 0; round < 200; ++round) {
    const Tensor at = all();
    const std::vector<double> F = numbers(d.cdf(at)), S = numbers(d.sf(at)),
                              f = numbers(d.prob(at));
    double moved = 0;
    for (size_t i = 0; i < ways.size(); ++i) {
      const double q = upper ? 1 - ps[i] : ps[i], other = upper ? ps[i] : 1 - ps[i];
      if (!(q >= 0 && q <= 1)) {
        ways[i].k = std::nan("");
      } else if (other <= 0) {
        ways[i].k = ends[i];
      } else if (q <= 0) {
        ways[i].k = 0;
      } else {
        const bool lower = q <= other;
        moved = std::max(moved, walk(ways[i], F[i], S[i], f[i], lower ? q : other, lower,
                                     [&](double at_k) { return ratio(i, at_k); }));
      }
    }
    if (moved <= 2) break;
  }
  return all();
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
