#include <gradus/base/error.h>
#include <gradus/base/gamma.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/information.h>
#include <gradus/prob/parts.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

namespace gradus {
namespace {

using Numbers = std::span<const double>;

double nats_of(LogBase base) {
  switch (base) {
    case LogBase::two:
      return std::numbers::ln2;
    case LogBase::e:
      return 1;
    case LogBase::ten:
      return std::numbers::ln10;
  }
  return 1;
}

Tensor in_base(const Tensor& nats, LogBase base) {
  return base == LogBase::e ? nats : nats / nats_of(base);
}

// Probabilities along these axes, checked where they have numbers.
Tensor probabilities(const char* name, const Tensor& given, const Dims& axes) {
  const Tensor p = as_float(given);
  for (const int64_t axis : axes) normal_axis(name, axis, p.rank());
  if (!has_numbers(p)) return p;
  const std::vector<double> all = numbers(p);
  for (size_t i = 0; i < all.size(); ++i)
    if (!(all[i] >= 0))
      raise(ErrorKind::domain, std::string(name) + ": element " + std::to_string(i) + " of " +
                                   to_string(p.type()) + " is " + text::number(all[i]) +
                                   ". Probabilities are 0 or more.");
  // Half the digits of the type: more than rounding, less than a forgotten division.
  const double slack = p.dtype() == DType::f32 ? 0x1p-11 : 0x1p-26;
  for (const double total : numbers(sum(p, {.axis = axes})))
    if (!(std::fabs(total - 1) <= slack))
      raise(ErrorKind::domain, std::string(name) + ": the probabilities along axis " +
                                   (axes.size() == 1 ? std::to_string(axes[0]) : to_string(axes)) +
                                   " sum to " + text::significant(total, 6) +
                                   ", not 1. Divide them by their sum; scores become "
                                   "probabilities by softmax.");
  return p;
}

// p log p, 0 at 0.
Tensor p_log_p(const Tensor& p) {
  return x_log_y(p, p);
}

// The first terms that matter of sum_n c(n) x^n, by Horner's rule; n from 0.
Tensor series(const Tensor& x, int terms, double (*coefficient)(int)) {
  Tensor y = full({}, coefficient(terms - 1), x.dtype());
  for (int n = terms - 2; n >= 0; --n) y = y * x + coefficient(n);
  return y;
}

// t - log(1 + t) >= 0. With s = t / (2 + t), log(1 + t) = 2 artanh(s), and the first terms cancel
// by hand: t s - 2 s^3 (1/3 + s^2/5 + ...). s^2 <= 0.0312 where it is used: 11 terms.
Tensor small_gap(const Tensor& t) {
  const Tensor s = t / (t + 2.0), square_of_s = square(s);
  return s *
         (t - 2.0 * square_of_s * series(square_of_s, 11, [](int n) { return 1.0 / (2 * n + 3); }));
}

// p log(p / q) - p + q >= 0 where the difference d = q - p is known; its sum is that of
// p log(p / q), and so is its derivative.
Tensor divergence(const Tensor& p, const Tensor& q, const Tensor& d) {
  const Tensor inside = p > 0.0;
  const Tensor safe = where(inside, p, 1.0), t = where(inside, d, 0.0) / safe;
  const Tensor near = logical_and(t > -0.3, t < 0.4);
  // The ratio leaves the range of its type long after it stops being the better way.
  const Tensor ratio = safe / where(inside, q, 1.0);
  const Tensor moderate = logical_and(ratio > 1e-30, ratio < 1e30);
  const Tensor logs = where(moderate, log(where(moderate, ratio, 1.0)),
                            log(safe) - log(where(moderate, 1.0, where(inside, q, 1.0))));
  const Tensor far = safe * where(near, 0.0, logs) + d;
  const Tensor gap = where(inside, where(near, safe * small_gap(where(near, t, 0.0)), far), q);
  return gap + ((p - stop_gradient(p)) - (q - stop_gradient(q)));
}

// a b - its rounded product, exactly: Dekker 1971, with Veltkamp's split.
Tensor product_error(const Tensor& a, const Tensor& b, const Tensor& product) {
  const double splitter = a.dtype() == DType::f32 ? 0x1p12 + 1 : 0x1p27 + 1;
  const auto high = [splitter](const Tensor& x) {
    const Tensor c = x * splitter;
    return c - (c - x);
  };
  const Tensor ah = high(a), bh = high(b), al = a - ah, bl = b - bh;
  return ((ah * bh - product) + ah * bl + al * bh) + al * bl;
}

// (1 - t) log(1 - t) + (1 + t) log(1 + t), |t| <= 1, even: sum t^2n / (n (2n - 1)).
Tensor two_sided_gap(const Tensor& t) {
  const Tensor small = abs(t) < 0.25;
  const Tensor s = square(where(small, t, 0.0));
  const Tensor near = s * series(s, 14, [](int n) { return 1.0 / ((n + 1) * (2.0 * n + 1)); });
  const Tensor u = where(small, 0.0, t);
  return where(small, near, x_log_y(1.0 - u, 1.0 - u) + x_log_y(1.0 + u, 1.0 + u));
}

void require_pairs(const char* name, Numbers x, Numbers y) {
  if (x.size() != y.size())
    raise(ErrorKind::shape, std::string(name) + ": " + std::to_string(x.size()) + " x and " +
                                std::to_string(y.size()) +
                                " y. There must be one of each for every observation.");
  for (const Numbers side : {x, y})
    for (const double v : side)
      if (!std::isfinite(v))
        raise(ErrorKind::domain, std::string(name) + ": " + text::number(v) +
                                     " is among the numbers. They must be finite.");
}

// Which of `bins` shares of equal count each number falls into.
std::vector<int64_t> ranked_bins(Numbers x, int64_t bins) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [x](size_t a, size_t b) { return x[a] < x[b]; });
  std::vector<int64_t> bin(x.size());
  size_t first = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (x[order[i]] != x[order[first]]) first = i;
    bin[order[i]] = static_cast<int64_t>(first) * bins / static_cast<int64_t>(x.size());
  }
  return bin;
}

// Divided by the standard deviation: one distance then serves both sides.
std::vector<double> scaled(Numbers x) {
  double mean = 0, squares = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
  std::vector<double> y(x.begin(), x.end());
  if (squares > 0 && std::isfinite(squares))
    for (double& v : y) v = (v - mean) / std::sqrt(squares);
  return y;
}

// How many of the sorted numbers lie closer to x than the distance, or, of 0, at x; x itself too.
int64_t count_near(const std::vector<double>& sorted, double x, double distance) {
  const auto out_below = [=](double v) { return distance > 0 ? x - v >= distance : v < x; };
  const auto not_above = [=](double v) { return distance > 0 ? v - x < distance : v <= x; };
  const auto low = std::partition_point(sorted.begin(), sorted.end(), out_below);
  return std::partition_point(low, sorted.end(), not_above) - low;
}

}  // namespace

const char* unit_of(LogBase base) {
  return base == LogBase::two ? "bits" : base == LogBase::e ? "nats" : "bans";
}

Tensor entropy(const Tensor& p, LogBase base, int64_t axis) {
  return in_base(0.0 - sum(p_log_p(probabilities("entropy", p, {axis})), {.axis = axis}), base);
}

Tensor entropy_from_logits(const Tensor& logits, LogBase base, int64_t axis) {
  const Tensor z = as_float(logits), log_p = log_softmax(z, axis);
  return in_base(0.0 - sum(zero_product(softmax(z, axis), log_p), {.axis = axis}), base);
}

Tensor cross_entropy(const Tensor& p, const Tensor& q, LogBase base, int64_t axis) {
  const Tensor a = probabilities("cross_entropy", p, {axis});
  const Tensor b = probabilities("cross_entropy", q, {axis});
  return in_base(0.0 - sum(x_log_y(a, b), {.axis = axis}), base);
}

Tensor kl_divergence(const Tensor& p, const Tensor& q, LogBase base, int64_t axis) {
  const Tensor a = probabilities("kl_divergence", p, {axis});
  const Tensor b = probabilities("kl_divergence", q, {axis});
  return in_base(sum(divergence(a, b, b - a), {.axis = axis}), base);
}

Tensor kl_divergence_from_logits(const Tensor& p_logits, const Tensor& q_logits, LogBase base,
                                 int64_t axis) {
  const Tensor log_p = log_softmax(as_float(p_logits), axis);
  const Tensor log_q = log_softmax(as_float(q_logits), axis);
  // A class that p leaves out costs nothing, whatever q says.
  const Tensor gap = where(log_p == -infinity, 0.0, log_p - log_q);
  return in_base(sum(zero_product(exp(log_p), gap), {.axis = axis}), base);
}

Tensor js_divergence(const Tensor& p, const Tensor& q, LogBase base, int64_t axis) {
  const Tensor a = probabilities("js_divergence", p, {axis});
  const Tensor b = probabilities("js_divergence", q, {axis});
  const Tensor both = a + b, some = both > 0.0;
  const Tensor t = where(some, b - a, 0.0) / where(some, both, 1.0);
  return in_base(sum(both * two_sided_gap(t), {.axis = axis}) * 0.25, base);
}

Tensor mutual_information(const Tensor& joint, LogBase base) {
  const Tensor p = probabilities("mutual_information", joint, {-2, -1});
  const Tensor px = sum(p, {.axis = -1, .keepdims = true});
  const Tensor py = sum(p, {.axis = -2, .keepdims = true});
  const Tensor q = px * py;
  return in_base(sum(divergence(p, q, (q - p) + product_error(px, py, q)), {.axis = {-2, -1}}),
                 base);
}

Tensor conditional_entropy(const Tensor& joint, LogBase base) {
  const Tensor p = probabilities("conditional_entropy", joint, {-2, -1});
  const Tensor px = sum(p, {.axis = -1, .keepdims = true});
  const Tensor given_x = p / where(px > 0.0, px, 1.0);
  return in_base(0.0 - sum(x_log_y(p, given_x), {.axis = {-2, -1}}), base);
}

Tensor perplexity(const Tensor& cross_entropy, LogBase base) {
  const Tensor h = as_float(cross_entropy);
  return base == LogBase::two ? exp2(h) : exp(base == LogBase::e ? h : h * nats_of(base));
}

double mutual_information_binned(Numbers x, Numbers y, int64_t bins, LogBase base) {
  require_pairs("mutual_information_binned", x, y);
  constexpr int64_t most = 1 << 20;
  if (bins < 1 || bins > most)
    raise(ErrorKind::domain, "mutual_information_binned: " + std::to_string(bins) +
                                 " bins. There are 1 to " + std::to_string(most) +
                                 "; the cube root of the count is a fair number.");
  if (x.empty()) return std::nan("");
  const std::vector<int64_t> in_x = ranked_bins(x, bins), in_y = ranked_bins(y, bins);
  std::map<int64_t, double> of_x, of_y;
  std::map<std::pair<int64_t, int64_t>, double> of_both;
  for (size_t i = 0; i < x.size(); ++i) {
    ++of_x[in_x[i]];
    ++of_y[in_y[i]];
    ++of_both[{in_x[i], in_y[i]}];
  }
  const auto n = static_cast<double>(x.size());
  double nats = 0;
  for (const auto& [cell, count] : of_both)
    nats += count / n * std::log(count * n / (of_x[cell.first] * of_y[cell.second]));
  const auto cells = [](const auto& table) { return static_cast<double>(table.size()); };
  nats -= (cells(of_both) - cells(of_x) - cells(of_y) + 1) / (2 * n);
  return nats / nats_of(base);
}

double mutual_information_nearest(Numbers x, Numbers y, int64_t k, LogBase base) {
  require_pairs("mutual_information_nearest", x, y);
  const auto n = static_cast<int64_t>(x.size());
  if (k < 1 || k >= n)
    raise(ErrorKind::domain, "mutual_information_nearest: k is " + std::to_string(k) + " of " +
                                 std::to_string(n) +
                                 " pairs. There must be more pairs than neighbours; 3 are usual.");
  const std::vector<double> a = scaled(x), b = scaled(y);
  std::vector<size_t> order(a.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t i, size_t j) { return a[i] < a[j]; });
  std::vector<double> sorted_a = a, sorted_b = b;
  std::ranges::sort(sorted_a);
  std::ranges::sort(sorted_b);
  const auto neighbours = static_cast<size_t>(k);
  double total = 0;
  std::vector<double> nearest;
  for (size_t place = 0; place < order.size(); ++place) {
    const size_t i = order[place];
    // Outwards along x, until x alone is farther than the k-th nearest pair.
    nearest.clear();
    const auto visit = [&](size_t other) {
      const size_t j = order[other];
      const double along = std::fabs(a[j] - a[i]);
      if (nearest.size() == neighbours && along >= nearest.back()) return false;
      const double distance = std::max(along, std::fabs(b[j] - b[i]));
      if (nearest.size() == neighbours && distance >= nearest.back()) return true;
      if (nearest.size() == neighbours) nearest.pop_back();
      nearest.insert(std::ranges::upper_bound(nearest, distance), distance);
      return true;
    };
    bool left = true, right = true;
    for (size_t step = 1; left || right; ++step) {
      left = left && step <= place && visit(place - step);
      right = right && place + step < order.size() && visit(place + step);
    }
    const double distance = nearest.back();
    const auto near_a = static_cast<double>(count_near(sorted_a, a[i], distance));
    const auto near_b = static_cast<double>(count_near(sorted_b, b[i], distance));
    using gamma_function::digamma;
    total -= digamma(near_a) + digamma(near_b);
    if (distance > 0) {
      total += digamma(static_cast<double>(k));
      continue;
    }
    int64_t same = 1;
    for (const int direction : {-1, 1})
      for (auto other = static_cast<int64_t>(place) + direction; other >= 0 && other < n;
           other += direction) {
        const size_t j = order[static_cast<size_t>(other)];
        if (a[j] != a[i]) break;
        same += b[j] == b[i];
      }
    total += digamma(static_cast<double>(same));
  }
  const auto count = static_cast<double>(n);
  return (gamma_function::digamma(count) + total / count) / nats_of(base);
}

namespace {

std::vector<std::vector<double>> columns_of(const char* op, const Tensor& x) {
  if (x.rank() != 2)
    raise(ErrorKind::shape, std::string(op) + ": " + to_string(x.type()) +
                                " is no table. Give (n, d): n observations of d features.");
  std::vector<std::vector<double>> all;
  for (int64_t j = 0; j < x.shape()[1]; ++j) all.push_back(numbers(slice(x, {{}, {j, j + 1}})));
  return all;
}

// What is left of numbers beside their mean and some columns: an orthonormal basis of these.
class Remainder {
 public:
  std::vector<double> operator()(Numbers x) const {
    std::vector<double> r(x.begin(), x.end());
    double mean = 0, before = 0, after = 0;
    for (const double v : r) mean += v / static_cast<double>(r.size());
    for (double& v : r) v -= mean, before += v * v;
    for (int pass = 0; pass < 2; ++pass)  // twice is enough (Kahan and Parlett)
      for (const std::vector<double>& q : basis_) {
        const double along = std::inner_product(r.begin(), r.end(), q.begin(), 0.0);
        for (size_t i = 0; i < r.size(); ++i) r[i] -= along * q[i];
      }
    for (const double v : r) after += v * v;
    if (!(after > 0x1p-40 * before)) std::ranges::fill(r, 0);  // a combination of them
    return r;
  }
  void add(Numbers x) {
    std::vector<double> q = (*this)(x);
    const double length = std::sqrt(std::inner_product(q.begin(), q.end(), q.begin(), 0.0));
    if (!(length > 0)) return;
    for (double& v : q) v /= length;
    basis_.push_back(std::move(q));
  }

 private:
  std::vector<std::vector<double>> basis_;
};

bool is_constant(Numbers x) {
  return std::ranges::all_of(x, [&](double v) { return v == x[0]; });
}

}  // namespace

std::vector<RankedFeature> rank_features(const Tensor& x, Numbers y, int64_t k, LogBase base) {
  const std::vector<std::vector<double>> columns = columns_of("rank_features", x);
  std::vector<RankedFeature> ranked;
  for (size_t j = 0; j < columns.size(); ++j)
    ranked.push_back({static_cast<int64_t>(j), mutual_information_nearest(columns[j], y, k, base)});
  std::ranges::stable_sort(ranked, [](const RankedFeature& a, const RankedFeature& b) {
    return a.information > b.information;
  });
  return ranked;
}

std::vector<RankedFeature> select_features(const Tensor& x, Numbers y, int64_t k, LogBase base) {
  const std::vector<std::vector<double>> columns = columns_of("select_features", x);
  for (const std::vector<double>& c : columns) require_pairs("select_features", c, y);
  Remainder beside;
  std::vector<RankedFeature> selected;
  std::vector<int64_t> left(columns.size());
  std::iota(left.begin(), left.end(), int64_t{0});
  while (!left.empty()) {
    const std::vector<double> open = beside(y);
    RankedFeature best{-1, 0};
    for (const int64_t j : left) {
      const std::vector<double> own = beside(columns[static_cast<size_t>(j)]);
      const double information = is_constant(own) || is_constant(open)
                                     ? 0
                                     : mutual_information_nearest(own, open, k, base);
      if (best.column < 0 || information > best.information) best = {j, information};
    }
    selected.push_back(best);
    beside.add(columns[static_cast<size_t>(best.column)]);
    std::erase(left, best.column);
  }
  return selected;
}

}  // namespace gradus
