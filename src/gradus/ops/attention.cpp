// Attention in tiles: a few queries at a time meet the keys in stretches, and softmax is kept up as
// they come (Milakov and Gimelshein 2018; Dao et al. 2022), so that no matrix of all scores is
// made. The way back computes the weights again from the logsumexp of each query. Sums over keys
// and over queries each have a pass of their own: nothing is added up across threads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/attention.cpp"
#include <gradus/core/op.h>

#include <hwy/foreach_target.h>

#include <gradus/ops/gemm.h>
#include <gradus/ops/reduce-inl.h>
#include <gradus/ops/room.h>

#include <cmath>
#include <limits>

#ifndef GRADUS_ATTENTION_TABLE
#define GRADUS_ATTENTION_TABLE
namespace gradus {
struct AttentionTable {
  Call::Run forward[2], backward[2];  // f32, f64
};
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t tile_queries = 32;
constexpr int64_t stretch = 512;  // keys whose scores stay near

// The score of a key that is hidden, and the bias that hides one, whatever its score.
template <class T>
constexpr T never = -std::numeric_limits<T>::infinity();

// A matrix of one head, elements any strides apart.
template <class T>
struct Head {
  T* at;
  int64_t row, col;
  T* from(int64_t i) const { return at + i * row; }
};

// The last two axes of a view at place h of those before.
template <class T>
Head<T> head_of(const View& v, int64_t h) {
  int64_t offset = 0;
  for (int axis = v.shape.size() - 3; axis >= 0; --axis) {
    offset += h % v.shape[axis] * v.strides[axis];
    h /= v.shape[axis];
  }
  const int n = v.shape.size();
  return {v.as<T>() + offset, v.strides[n - 2], v.strides[n - 1]};
}

// One number a query; the last axis counts queries.
template <class T>
Head<T> numbers_of(const View& v, int64_t h) {
  int64_t offset = 0;
  for (int axis = v.shape.size() - 2; axis >= 0; --axis) {
    offset += h % v.shape[axis] * v.strides[axis];
    h /= v.shape[axis];
  }
  return {v.as<T>() + offset, v.strides[v.shape.size() - 1], 0};
}

struct Sizes {
  int64_t heads = 1, queries, keys, d, e;
  bool causal;
  double scale;
  // Keys [0, seen(i)) are seen by query i.
  int64_t seen(int64_t i) const {
    return causal ? std::clamp<int64_t>(i + 1 + keys - queries, 0, keys) : keys;
  }
  // Queries from here on see key j.
  int64_t first(int64_t j) const {
    return causal ? std::clamp<int64_t>(j - (keys - queries), 0, queries) : 0;
  }
};

Sizes sizes_of(const Call& c) {
  const View &q = c.in[0], &k = c.in[1], &v = c.in[2];
  const int n = q.shape.size();
  Sizes s{.queries = q.shape[n - 2],
          .keys = k.shape[n - 2],
          .d = q.shape[n - 1],
          .e = v.shape[n - 1],
          .causal = c.attrs->a[0] != 0,
          .scale = c.attrs->number};
  for (int i = 0; i < n - 2; ++i) s.heads *= q.shape[i];
  return s;
}

struct AttentionRooms {
  Room scores, slopes, part, seen;
};
AttentionRooms& attention_rooms() {
  thread_local AttentionRooms mine;
  return mine;
}

// y = exp(x - top); returns the sum.
template <class T>
T exp_row(T* x, int64_t n, T top) {
  using D = hn::CappedTag<T, virtual_lanes>;
  const ExpBelow f{static_cast<double>(top)};
  const auto written = [&](int64_t first, int64_t count) HWY_ATTR {
    T* at = x + first;
    struct Written {
      T* at;
      ExpBelow f;
      HWY_INLINE Lanes<D> operator()(int64_t i) const {
        const Lanes<D> v = f(Lanes<D>(hn::LoadU(D(), at + i)));
        hn::StoreU(v.v, D(), at + i);
        return v;
      }
      HWY_INLINE Lanes<D> operator()(int64_t i, int64_t some) const {
        const auto few = static_cast<size_t>(some);
        const Lanes<D> v = f(Lanes<D>(load_some(D(), at + i, few)));
        store_some(D(), v.v, at + i, few);
        return v;
      }
    };
    return reduce_lanes<T, Sum<T>>(count, Written{at, f});
  };
  return reduce_segments<T, Sum<T>>(n, written);
}

// y = f(y, a), element by element.
template <class T, class F>
HWY_INLINE void map_row(T* y, const T* a, int64_t n, const F& f) {
  using D = hn::CappedTag<T, virtual_lanes>;
  constexpr auto width = static_cast<int64_t>(hn::MaxLanes(D()));
  int64_t i = 0;
  for (; i + width <= n; i += width)
    hn::StoreU(f(Lanes<D>(hn::LoadU(D(), y + i)), Lanes<D>(hn::LoadU(D(), a + i))).v, D(), y + i);
  if (i == n) return;
  const auto some = static_cast<size_t>(n - i);
  store_some(D(), f(Lanes<D>(load_some(D(), y + i, some)), Lanes<D>(load_some(D(), a + i, some))).v,
             y + i, some);
}

// scale x + bias of a row of scores; never where the bias hides x, be it NaN.
template <class T>
void scaled(T* x, int64_t n, double scale, const T* bias, int64_t step) {
  if (bias == nullptr) {
    map_row(x, x, n, [scale](auto v, auto) HWY_ATTR { return v * decltype(v)(scale); });
  } else if (step == 1) {
    map_row(x, bias, n, [scale](auto v, auto b) HWY_ATTR {
      return if_then_else(b == decltype(b)(static_cast<double>(never<T>)), b,
                          v * decltype(v)(scale) + b);
    });
  } else {
    for (int64_t j = 0; j < n; ++j) {
      const T b = bias[j * step];
      x[j] = b == never<T> ? b : x[j] * static_cast<T>(scale) + b;
    }
  }
}

// Whether rows [from, to) hold finite numbers alone.
template <class T>
bool finite(const Head<const T>& a, int64_t e, int64_t from, int64_t to) {
  using D = hn::CappedTag<T, virtual_lanes>;
  constexpr auto width = static_cast<int64_t>(hn::MaxLanes(D()));
  auto off = hn::Zero(D());  // v - v is 0 of what is finite alone
  T rest = 0;
  for (int64_t j = from; j < to; ++j) {
    const T* row = a.from(j);
    int64_t t = 0;
    if (a.col == 1)
      for (; t + width <= e; t += width) {
        const auto v = hn::LoadU(D(), row + t);
        off = hn::Add(off, hn::Sub(v, v));
      }
    for (; t < e; ++t) rest += row[t * a.col] - row[t * a.col];
  }
  return rest == 0 && hn::AllTrue(D(), hn::Eq(off, hn::Zero(D())));
}

// y (m, e) = x a, where row r of x (m, n) sees only rows [first(r), first(r) + count(r)) of a, and
// of these none that the bias (m, n) hides, where there is one; x is 0 beside them. A row of a that
// is not finite goes only to rows that see it, since 0 inf is NaN.
template <class T, class First, class Count>
void product_of_seen(int64_t m, int64_t n, int64_t e, const Head<const T>& x,
                     const Head<const T>& a, T* y, const First& first, const Count& count,
                     const Head<const T>& bias) {
  const bool biased = bias.at != nullptr;
  gemm(m, e, n, x.at, x.row, x.col, a.at, a.row, a.col, y, e);
  // What is not finite makes all it meets so, and y is smaller than a.
  if (finite<T>({y, e, 1}, e, 0, m)) return;
  for (int64_t r = 0; r < m; ++r) {
    const int64_t from = first(r), own = count(r);
    std::fill(y + r * e, y + (r + 1) * e, T(0));
    if (own <= 0) continue;
    Head<const T> rows{a.from(from), a.row, a.col};
    if (biased) {
      T* seen = attention_rooms().seen.at_least<T>(own * e);
      for (int64_t j = 0; j < own; ++j) {
        const bool hidden = bias.from(r)[(from + j) * bias.col] == never<T>;
        for (int64_t t = 0; t < e; ++t) seen[j * e + t] = hidden ? T(0) : rows.from(j)[t * a.col];
      }
      rows = {seen, e, 1};
    }
    gemm(1, e, own, x.from(r) + from * x.col, x.row, x.col, rows.at, rows.row, rows.col, y + r * e,
         e);
  }
}

template <class T>
void run_forward(const Call& c) {
  const Sizes s = sizes_of(c);
  const int64_t tiles = (s.queries + tile_queries - 1) / tile_queries;
  parallel_for(s.heads * tiles, [&](int64_t unit) {
    const int64_t h = unit / tiles, i0 = unit % tiles * tile_queries;
    const int64_t m = std::min(tile_queries, s.queries - i0);
    const auto q = head_of<const T>(c.in[0], h), k = head_of<const T>(c.in[1], h),
               v = head_of<const T>(c.in[2], h);
    const bool biased = c.in.size() > 3;
    const auto bias = biased ? head_of<const T>(c.in[3], h) : Head<const T>{};
    T* y = c.out[0].as<T>() + (h * s.queries + i0) * s.e;
    T* lse = c.out[1].as<T>() + 2 * h * s.queries + i0;
    T top[tile_queries], total[tile_queries];
    std::fill(top, top + m, never<T>);
    std::fill(total, total + m, T(0));
    std::fill(y, y + m * s.e, T(0));
    const int64_t end = s.seen(i0 + m - 1);
    for (int64_t j0 = 0; j0 < end; j0 += stretch) {
      const int64_t n = std::min(stretch, end - j0);
      T* x = attention_rooms().scores.at_least<T>(m * n);
      gemm(m, n, s.d, q.from(i0), q.row, q.col, k.from(j0), k.col, k.row, x, n);
      const auto seen = [&](int64_t r) { return std::clamp<int64_t>(s.seen(i0 + r) - j0, 0, n); };
      for (int64_t r = 0; r < m; ++r) {
        T* row = x + r * n;
        const int64_t own = seen(r);
        scaled(row, own, s.scale, biased ? bias.from(i0 + r) + j0 * bias.col : nullptr, bias.col);
        const T above =
            own == 0 ? top[r] : Max<T>::join(top[r], static_cast<T>(top_of(row, 1, own)));
        std::fill(row + own, row + n, T(0));
        if (own == 0 || above == never<T>) {
          std::fill(row, row + own, T(0));
          continue;
        }
        const T kept = top[r] == never<T> ? T(0) : std::exp(top[r] - above);
        total[r] = total[r] * kept + exp_row(row, own, above);
        top[r] = above;
        if (j0 > 0) scaled<T>(y + r * s.e, s.e, static_cast<double>(kept), nullptr, 0);
      }
      const Head<const T> values{v.from(j0), v.row, v.col};
      const auto none = [](int64_t) { return int64_t{0}; };
      const Head<const T> hides{biased ? bias.from(i0) + j0 * bias.col : nullptr, bias.row,
                                bias.col};
      if (j0 == 0) {
        product_of_seen<T>(m, n, s.e, {x, n, 1}, values, y, none, seen, hides);
      } else {
        T* more = attention_rooms().part.at_least<T>(m * s.e);
        product_of_seen<T>(m, n, s.e, {x, n, 1}, values, more, none, seen, hides);
        map_row(y, more, m * s.e, [](auto a, auto b) HWY_ATTR { return a + b; });
      }
    }
    for (int64_t r = 0; r < m; ++r) {
      // A query that sees nothing gives zeros.
      const T share = total[r] == 0 ? T(0) : T(1) / total[r];
      scaled<T>(y + r * s.e, s.e, static_cast<double>(share), nullptr, 0);
      const T more = total[r] == 0 ? T(0) : std::log(total[r]);
      const T both = top[r] + more;
      lse[r] = both;
      lse[s.queries + r] = total[r] == 0 ? T(0) : top[r] - both + more;
    }
  });
}

// The weight of a query that sees nothing is exp(-inf - inf) = 0.
template <class T>
T finite_lse(T lse) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  return lse == -infinity ? infinity : lse;
}

// What one head needs on the way back: q, k, v, logsumexp, the cotangent of y, delta and perhaps a
// bias, in this order. Cotangents of q, k and v follow from weights w = exp(scale q k^T + bias -
// logsumexp), at most 1, and slopes scale w (y_bar v^T - delta). Behind the
// logsumexps of all queries stands what their rounding lost: beside scores of -1e9 an f32 keeps
// nothing of the log of a sum.
template <class T>
struct WayBack {
  const Sizes& s;
  Head<const T> q, k, v, lse, bar, delta, bias;
  T *q_bar, *k_bar, *v_bar;

  WayBack(const Sizes& sizes, const Call& c, int64_t h)
      : s(sizes),
        q(head_of<const T>(c.in[0], h)),
        k(head_of<const T>(c.in[1], h)),
        v(head_of<const T>(c.in[2], h)),
        lse(numbers_of<const T>(c.in[3], h)),
        bar(head_of<const T>(c.in[4], h)),
        delta(numbers_of<const T>(c.in[5], h)),
        bias(c.in.size() > 6 ? head_of<const T>(c.in[6], h) : Head<const T>{}),
        q_bar(c.out[0].as<T>() + h * s.queries * s.d),
        k_bar(c.out[1].as<T>() + h * s.keys * s.d),
        v_bar(c.out[2].as<T>() + h * s.keys * s.e) {}

  // Of queries [i0, i1) and keys [j0, j1), rows `step` apart; 0 where a query does not see a key,
  // up to `zeros` keys beyond j1.
  void weigh(int64_t i0, int64_t i1, int64_t j0, int64_t j1, T* w, T* slope, int64_t step,
             int64_t zeros) const {
    using D = hn::CappedTag<T, virtual_lanes>;
    constexpr auto width = static_cast<int64_t>(hn::MaxLanes(D()));
    const int64_t n = j1 - j0;
    gemm(i1 - i0, n, s.d, q.from(i0), q.row, q.col, k.from(j0), k.col, k.row, w, step);
    gemm(i1 - i0, n, s.e, bar.from(i0), bar.row, bar.col, v.from(j0), v.col, v.row, slope, step);
    for (int64_t i = i0; i < i1; ++i, w += step, slope += step) {
      const int64_t own = std::clamp<int64_t>(s.seen(i) - j0, 0, n);
      const Lanes<D> scale(s.scale), top(static_cast<double>(finite_lse(*lse.from(i)))),
          rest(static_cast<double>(*lse.from(s.queries + i))),
          less(static_cast<double>(*delta.from(i)));
      const bool biased = bias.at != nullptr;
      if (biased) scaled(w, own, s.scale, bias.from(i) + j0 * bias.col, bias.col);
      const auto slopes = [&](Lanes<D>& x, Lanes<D> g) HWY_ATTR {
        if (!biased) x = x * scale;
        const auto hidden = x == Lanes<D>(static_cast<double>(never<T>));
        x = LaneMath<D>::exp_below_0(min(x - top - rest, Lanes<D>(0.0)));
        return if_then_else(hidden, Lanes<D>(0.0), x * (g - less) * scale);
      };
      int64_t j = 0;
      for (; j + width <= own; j += width) {
        Lanes<D> x(hn::LoadU(D(), w + j));
        hn::StoreU(slopes(x, Lanes<D>(hn::LoadU(D(), slope + j))).v, D(), slope + j);
        hn::StoreU(x.v, D(), w + j);
      }
      if (j < own) {
        const auto some = static_cast<size_t>(own - j);
        Lanes<D> x(load_some(D(), w + j, some));
        store_some(D(), slopes(x, Lanes<D>(load_some(D(), slope + j, some))).v, slope + j, some);
        store_some(D(), x.v, w + j, some);
      }
      std::fill(w + own, w + n + zeros, T(0));
      std::fill(slope + own, slope + n + zeros, T(0));
    }
  }

  // Sums over keys: queries from i0, whose slopes are (m, n), rows `step` apart.
  void to_queries(int64_t i0, int64_t m, int64_t n, const T* slope, int64_t step) const {
    product_of_seen<T>(
        m, n, s.d, {slope, step, 1}, k, q_bar + i0 * s.d, [](int64_t) { return int64_t{0}; },
        [&](int64_t r) { return s.seen(i0 + r); }, {hides(i0, 0), bias.row, bias.col});
  }

  // Sums over queries [from, queries): keys from j0, a column of w and of slope for each.
  void to_keys(int64_t j0, int64_t m, int64_t from, const T* w, const T* slope,
               int64_t step) const {
    const int64_t n = s.queries - from;
    const auto hidden = [&](int64_t r) { return s.first(j0 + r) - from; };
    const auto rest = [&](int64_t r) { return n - hidden(r); };
    const Head<const T> turned{hides(from, j0), bias.col, bias.row};
    product_of_seen<T>(m, n, s.d, {slope, 1, step}, {q.from(from), q.row, q.col}, k_bar + j0 * s.d,
                       hidden, rest, turned);
    product_of_seen<T>(m, n, s.e, {w, 1, step}, {bar.from(from), bar.row, bar.col},
                       v_bar + j0 * s.e, hidden, rest, turned);
  }

  // The bias from this query and key on; null where there is none.
  const T* hides(int64_t i, int64_t j) const {
    return bias.at == nullptr ? nullptr : bias.from(i) + j * bias.col;
  }
};

constexpr int64_t near_pairs = 1 << 16;  // weights and slopes of a head that stay in L2

// All pairs of a head at once where they stay near, else each side by itself with the weights made
// twice. The bits are the same: every sum is one chain.
template <class T>
void run_backward(const Call& c) {
  const Sizes s = sizes_of(c);
  const auto tiles_of = [](int64_t rows) { return (rows + tile_queries - 1) / tile_queries; };
  const int64_t query_tiles = tiles_of(s.queries), key_tiles = tiles_of(s.keys);
  const auto least = [](int64_t rows, int64_t at) { return std::min(tile_queries, rows - at); };
  if (s.queries * s.keys <= near_pairs && s.heads >= thread_count()) {
    parallel_for(s.heads, [&](int64_t h) {
      const WayBack<T> way(s, c, h);
      T* w = attention_rooms().scores.at_least<T>(s.queries * s.keys);
      T* slope = attention_rooms().slopes.at_least<T>(s.queries * s.keys);
      for (int64_t i0 = 0; i0 < s.queries; i0 += tile_queries) {
        const int64_t m = least(s.queries, i0), n = s.seen(i0 + m - 1);
        T *own_w = w + i0 * s.keys, *own_slope = slope + i0 * s.keys;
        // A tile of keys that its first query sees holds up to so many more.
        way.weigh(i0, i0 + m, 0, n, own_w, own_slope, s.keys, least(s.keys, n));
        way.to_queries(i0, m, n, own_slope, s.keys);
      }
      for (int64_t j0 = 0; j0 < s.keys; j0 += tile_queries) {
        const int64_t from = s.first(j0);
        way.to_keys(j0, least(s.keys, j0), from, w + from * s.keys + j0, slope + from * s.keys + j0,
                    s.keys);
      }
    });
    return;
  }
  parallel_for(s.heads * (query_tiles + key_tiles), [&](int64_t unit) {
    const WayBack<T> way(s, c, unit / (query_tiles + key_tiles));
    const int64_t tile = unit % (query_tiles + key_tiles);
    if (tile < query_tiles) {
      const int64_t i0 = tile * tile_queries, m = least(s.queries, i0), n = s.seen(i0 + m - 1);
      T* w = attention_rooms().scores.at_least<T>(m * n);
      T* slope = attention_rooms().slopes.at_least<T>(m * n);
      way.weigh(i0, i0 + m, 0, n, w, slope, n, 0);
      way.to_queries(i0, m, n, slope, n);
    } else {
      const int64_t j0 = (tile - query_tiles) * tile_queries, m = least(s.keys, j0);
      const int64_t from = s.first(j0), n = s.queries - from;
      T* w = attention_rooms().scores.at_least<T>(m * n);
      T* slope = attention_rooms().slopes.at_least<T>(m * n);
      way.weigh(from, s.queries, j0, j0 + m, w, slope, m, 0);
      way.to_keys(j0, m, from, w, slope, m);
    }
  });
}

}  // namespace

const AttentionTable* attention_table() {
  static constexpr AttentionTable t = {
#if HWY_HAVE_FLOAT64
    {run_forward<float>, run_forward<double>},
    {run_backward<float>, run_backward<double>}
#else
    {run_forward<float>},
    {run_backward<float>}
#endif
  };
  return &t;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gradus/base/error.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

HWY_EXPORT(attention_table);

constexpr double hidden = -std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(const Tensor& q, const Tensor& k, const Tensor& v, const char* rule) {
  raise(ErrorKind::shape,
        "attention: queries " + to_string(q.type()) + ", keys " + to_string(k.type()) +
            (v.is_absent() ? "" : ", values " + to_string(v.type())) + ". " + rule);
}

// One head of k and v for each of q's.
Tensor for_each_head(const Tensor& x, int64_t heads) {
  const int axis = x.rank() - 3;
  const int64_t own = x.shape()[axis];
  if (own == heads) return x;
  Shape shared = x.shape(), whole = x.shape();
  shared.insert(axis + 1, heads / own);
  whole[axis] = heads;
  return reshape(broadcast_to(expand_dims(x, axis + 1), shared), whole);
}

bool is_floating(DType t) {
  return is_float(t) || t == DType::f16 || t == DType::bf16;
}

// f32 beside f64 is f64, as everywhere.
DType type_of(std::initializer_list<const Tensor*> all) {
  for (const Tensor* x : all)
    if (!x->is_absent() && x->dtype() == DType::f64) return DType::f64;
  return DType::f32;
}

void check(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
  for (const Tensor* x : {&q, &k, &v})
    if (!x->is_absent()) require_float(op::attention, x->type());
  if (!mask.is_absent() && mask.dtype() != DType::boolean && !is_floating(mask.dtype()))
    raise(ErrorKind::dtype, "attention: mask " + to_string(mask.type()) +
                                ". It is boolean, true where a query may look, or of a "
                                "floating-point type and added to the scores. Compare it with 0, "
                                "or cast it.");
  if (q.rank() < 2 || q.rank() != k.rank() || (!v.is_absent() && v.rank() != k.rank()))
    refuse(q, k, v, "They have the same number of axes, two at least.");
  const int n = q.rank();
  if (q.shape()[n - 1] != k.shape()[n - 1])
    refuse(q, k, v, "Queries and keys have the same last axis: it is summed over.");
  if (!v.is_absent() && v.shape()[n - 2] != k.shape()[n - 2])
    refuse(q, k, v, "Every key has one value.");
  for (int i = 0; i < n - 2; ++i) {
    const int64_t a = q.shape()[i], b = k.shape()[i];
    const bool grouped = i == n - 3 && b > 0 && a % b == 0;
    if ((a != b && !grouped) || (!v.is_absent() && v.shape()[i] != b))
      refuse(q, k, v,
             "Leading axes are equal, but that the heads of keys and values may divide those of "
             "queries.");
  }
}

// A mask as what is added to scores of type `wide`: -inf where it hides a key.
Tensor bias_of(const Tensor& mask, DType wide) {
  if (mask.dtype() == DType::boolean) return where(mask, zeros({}, wide), hidden);
  const Tensor bias = cast(mask, wide);
  return where(less_equal(bias, masking_value(mask.dtype())), hidden, bias);
}

// Scores with -inf where a causal query may not look.
Tensor attention_scores(const Tensor& q, const Tensor& k, const Tensor& bias, double scale,
                        bool causal) {
  const int64_t queries = q.shape()[q.rank() - 2], keys = k.shape()[k.rank() - 2];
  Tensor s = matmul(q, transpose(k)) * scale;
  if (!bias.is_absent()) s = where(equal(bias, hidden), hidden, s + bias);
  if (!causal) return s;
  const Tensor sees = expand_dims(iota(queries), 1) + (keys - queries);
  return where(less_equal(expand_dims(iota(keys), 0), sees), s, hidden);
}

double scale_of(const Tensor& q, const AttentionOptions& options) {
  const int64_t d = q.shape().back();  // none: all scores are 0, whatever the scale
  return options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(d, 1))));
}

Tensor scores(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  const int n = q.rank();
  const Tensor& mask = options.mask;
  return attention_scores(q, without_hidden(n > 2 ? for_each_head(k, q.shape()[n - 3]) : k, mask),
                          mask.is_absent() ? mask : bias_of(mask, type_of({&q, &k, &mask})),
                          scale_of(q, options), options.causal);
}

// ---- derivatives, with all scores at once ----

Tensor column(const Tensor& per_query) {
  return expand_dims(per_query, -1);
}
Tensor over_keys(const Tensor& x) {
  return sum(x, {.axis = -1});
}

// Of the last axis: logsumexps, and what their rounding lost.
struct Halves {
  Tensor first, second;
  explicit Halves(const Tensor& x)
      : first(slice_axis(x, -1, {0, x.shape().back() / 2})),
        second(slice_axis(x, -1, {x.shape().back() / 2, x.shape().back()})) {}
};

struct Looks {
  Tensor q, k, v, bias;  // bias: perhaps absent
  double scale;
  bool causal;

  Tensor scores() const { return attention_scores(q, k, bias, scale, causal); }
  // exp(scores - lse), 0 for queries that see nothing.
  Tensor weights(const Tensor& lse) const {
    const Halves log(lse);
    const Tensor top = column(log.first), blind = equal(top, hidden);
    return where(blind, 0, exp(scores() - where(blind, 0, top) - column(log.second)));
  }
};

// Keys and values that the bias hides from all queries are 0: no derivative meets a NaN there.
Looks looks_of(const Context& c, size_t bias_at) {
  Looks l{c.in[0], c.in[1], c.in[2], {}, c.attrs.number, c.attrs.a[0] != 0};
  if (c.in.size() <= bias_at) return l;
  l.bias = c.in[bias_at];
  if (l.bias.size() == 0) return l;
  const Tensor unseen = column(equal(max(l.bias, {.axis = -2}), hidden));
  l.k = where(unseen, 0, l.k);
  l.v = where(unseen, 0, l.v);
  return l;
}

Tensor or_zeros(const Tensor& x, const Tensor& like) {
  return x.is_absent() ? zeros_like(like) : x;
}
void add(Tensor& total, const Tensor& part) {
  total = total.is_absent() ? part : total + part;
}

Tensor attention_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor y_bar = or_zeros(bar[0], c.out[0]);
  Tensor delta = over_keys(y_bar * c.out[0]);
  if (!bar[1].is_absent()) delta = delta - Halves(bar[1]).first;
  if (i == 3) {
    const Tensor w = looks_of(c, 3).weights(c.out[1]);
    return strong_product(w, matmul(y_bar, transpose(c.in[2])) - column(delta));
  }
  std::vector<Tensor> in = {c.in[0], c.in[1], c.in[2], c.out[1], y_bar, delta};
  if (c.in.size() > 3) in.push_back(c.in[3]);
  return apply_many(op::attention_grad, in, c.attrs)[static_cast<size_t>(i)];
}

Tensor attention_push(const Context& c, std::span<const Tensor> dot, int o) {
  const Looks l = looks_of(c, 3);
  const Tensor w = l.weights(c.out[1]);
  Tensor s_dot;
  if (!dot[0].is_absent()) add(s_dot, l.scale * matmul(dot[0], transpose(l.k)));
  if (!dot[1].is_absent()) add(s_dot, l.scale * matmul(l.q, transpose(dot[1])));
  if (dot.size() > 3 && !dot[3].is_absent()) add(s_dot, dot[3]);
  Tensor result;
  if (!s_dot.is_absent()) {
    const Tensor lse_dot = over_keys(strong_product(w, s_dot));
    if (o == 1) return concatenate({lse_dot, zeros_like(lse_dot)}, -1);
    add(result, matmul(strong_product(w, s_dot - column(lse_dot)), l.v));
  }
  if (o == 0 && !dot[2].is_absent()) add(result, matmul(w, dot[2]));
  return result;
}

// What the rules of attention_grad share: weights w, slopes g = w (y_bar v^T - delta).
struct GradParts {
  Looks l;
  Tensor y_bar, w, raw, slope;
  explicit GradParts(const Context& c)
      : l(looks_of(c, 6)),
        y_bar(c.in[4]),
        w(l.weights(c.in[3])),
        raw(matmul(c.in[4], transpose(l.v)) - column(c.in[5])),
        slope(w * raw) {}
};

// With s = scale: q_bar = s g k, k_bar = s g^T q, v_bar = w^T y_bar.
Tensor attention_grad_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const GradParts p(c);
  const double s = p.l.scale;
  const Tensor on_q = or_zeros(bar[0], p.l.q), on_k = or_zeros(bar[1], p.l.k),
               on_v = or_zeros(bar[2], p.l.v);
  // Cotangents of g, of y_bar v^T, and of the scores.
  const Tensor of_slope = s * (matmul(on_q, transpose(p.l.k)) + matmul(p.l.q, transpose(on_k)));
  const Tensor of_raw = of_slope * p.w;
  const Tensor of_scores = p.w * (of_slope * p.raw + matmul(p.y_bar, transpose(on_v)));
  switch (i) {
    case 0:
      return s * (matmul(of_scores, p.l.k) + matmul(p.slope, on_k));
    case 1:
      return s * (matmul(transpose(of_scores), p.l.q) + matmul(transpose(p.slope), on_q));
    case 2:
      return matmul(transpose(of_raw), p.y_bar);
    case 3: {
      const Tensor of_log = -over_keys(of_scores);
      return concatenate({of_log, of_log}, -1);
    }
    case 4:
      return matmul(of_raw, p.l.v) + matmul(p.w, on_v);
    case 5:
      return -over_keys(of_raw);
    default:
      return of_scores;
  }
}

Tensor attention_grad_push(const Context& c, std::span<const Tensor> dot, int o) {
  const GradParts p(c);
  const double s = p.l.scale;
  Tensor scores, raw;
  if (!dot[0].is_absent()) add(scores, s * matmul(dot[0], transpose(p.l.k)));
  if (!dot[1].is_absent()) add(scores, s * matmul(p.l.q, transpose(dot[1])));
  if (!dot[3].is_absent()) {
    const Halves log(dot[3]);
    add(scores, broadcast_to(-column(log.first + log.second), p.w.shape()));
  }
  if (dot.size() > 6 && !dot[6].is_absent()) add(scores, dot[6]);
  if (!dot[2].is_absent()) add(raw, matmul(p.y_bar, transpose(dot[2])));
  if (!dot[4].is_absent()) add(raw, matmul(dot[4], transpose(p.l.v)));
  if (!dot[5].is_absent()) add(raw, broadcast_to(-column(dot[5]), p.w.shape()));
  Tensor w_dot, slope;
  if (!scores.is_absent()) w_dot = strong_product(p.w, scores);
  if (!scores.is_absent()) add(slope, w_dot * p.raw);
  if (!raw.is_absent()) add(slope, p.w * raw);
  Tensor result;
  if (o == 2) {
    if (!w_dot.is_absent()) add(result, matmul(transpose(w_dot), p.y_bar));
    if (!dot[4].is_absent()) add(result, matmul(transpose(p.w), dot[4]));
    return result;
  }
  const size_t other = o == 0 ? 1 : 0;  // q_bar multiplies k, k_bar multiplies q
  const Tensor& factor = o == 0 ? p.l.k : p.l.q;
  const auto side = [&](const Tensor& g) { return o == 0 ? g : transpose(g); };
  if (!slope.is_absent()) add(result, s * matmul(side(slope), factor));
  if (!dot[other].is_absent()) add(result, s * matmul(side(p.slope), dot[other]));
  return result;
}

Type attention_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  Shape shape = in[0].shape;
  if (output == 0) {
    shape[shape.size() - 1] = in[2].shape.back();
  } else {
    shape.erase(shape.size() - 1);
    shape[shape.size() - 1] *= 2;
  }
  return {in[0].dtype, shape};
}
Type attention_grad_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  return in[static_cast<size_t>(output)];
}

template <auto member>
Kernel attention_kernel(const Op&, std::span<const Type> in, const Type&) {
  static const AttentionTable* const t = HWY_DYNAMIC_DISPATCH(attention_table)();
  return {(t->*member)[static_cast<size_t>(in[0].dtype)]};
}

// Of one output: so many products of all pairs, of which a causal mask leaves about half, shared
// out among the outputs.
double pairs_work(std::span<const Type> in, const Attrs& attrs, double products) {
  const Shape &q = in[0].shape, &k = in[1].shape;
  const double pairs =
      static_cast<double>(element_count(q) / std::max<int64_t>(q.back(), 1) * k[k.size() - 2]);
  const auto width = static_cast<double>(q.back() + in[2].shape.back()) / 2;
  return pairs * (2 * width * products + 3) * (attrs.a[0] != 0 ? 0.5 : 1);
}
double attention_work(std::span<const Type> in, const Attrs& attrs, const Type& out) {
  return out.shape.size() == in[0].shape.size() ? pairs_work(in, attrs, 2) : 0;
}
double attention_grad_work(std::span<const Type> in, const Attrs& attrs, const Type&) {
  return pairs_work(in, attrs, 7.0 / 3);
}

}  // namespace

namespace op {
constinit const Op attention{
    .name = "attention",
    .says =
        "means of the values, weighted by how well each query fits the keys; and the logsumexp "
        "of its scores, behind them what their rounding lost",
    .math = "attention(q, k, v) = softmax(scale q k^T + bias) v",
    .kind = Kind::custom,
    .inputs = -1,
    .outputs = 2,
    .type = attention_type,
    .kernel = attention_kernel<&AttentionTable::forward>,
    .rule = {.pull = attention_pull, .push = attention_push},
    .batch = batch_leading,
    .work = attention_work};
constinit const Op attention_grad{
    .name = "attention_grad",
    .says = "what the cotangent of attention asks of queries, keys and values",
    .math = "g = w (y_bar v^T - delta): q_bar = scale g k, k_bar = scale g^T q, v_bar = w^T y_bar",
    .kind = Kind::custom,
    .inputs = -1,
    .outputs = 3,
    .type = attention_grad_type,
    .kernel = attention_kernel<&AttentionTable::backward>,
    .rule = {.pull = attention_grad_pull, .push = attention_grad_push},
    .batch = batch_leading,
    .work = attention_grad_work};
}  // namespace op

double masking_value(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return std::numeric_limits<double>::lowest() / 2;
    case DType::f32:
      return std::numeric_limits<float>::lowest() / 2;
    case DType::f16:
      return -65504.0 / 2;
    case DType::bf16:
      return -0x1.FEp127 / 2;
    default:
      raise(ErrorKind::dtype, "masking_value: " + std::string(name_of(dtype)) +
                                  " has no number that hides a score. Scores are f16, bf16, f32 or "
                                  "f64; a mask of true and false is boolean.");
  }
}

Tensor without_hidden(const Tensor& x, const Tensor& mask) {
  const int n = mask.is_absent() ? 0 : mask.rank();
  if (mask.is_absent() || (n > 1 && mask.shape()[n - 2] != 1)) return x;
  const Tensor bias = bias_of(n == 0   ? reshape(mask, {1, 1})
                              : n == 1 ? expand_dims(mask, 0)
                                       : mask,
                              x.dtype());
  return where(equal(transpose(bias), hidden), 0, x);
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check(q, k, {}, options.mask);
  const Tensor s = scores(q, k, options);
  // A row of -inf alone has no softmax: its weights are 0.
  const Tensor blind = equal(max(s, {.axis = -1, .keepdims = true}), hidden);
  return where(blind, 0, softmax(where(blind, 0, s)));
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  check(q, k, v, options.mask);
  const int n = q.rank();
  const int64_t heads = n > 2 ? q.shape()[n - 3] : 0;
  const DType wide = type_of({&q, &k, &v, &options.mask});
  Tensor bias;
  if (!options.mask.is_absent()) {
    Shape scores = q.shape();
    scores[n - 1] = k.shape()[n - 2];
    bias = broadcast_to(bias_of(options.mask, wide), scores);
  }
  const auto of_heads = [&](const Tensor& x) { return n > 2 ? for_each_head(x, heads) : x; };
  std::vector<Tensor> in = {q, of_heads(k), of_heads(v)};
  if (!bias.is_absent()) in.push_back(bias);
  for (Tensor& x : in) x = cast(x, wide);
  Attrs attrs;
  attrs.a = {options.causal ? 1 : 0};
  attrs.number = scale_of(q, options);
  return apply_many(op::attention, in, attrs)[0];
}

Tensor blind_queries(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check(q, k, {}, options.mask);
  return equal(max(scores(q, k, options), {.axis = -1}), hidden);
}

}  // namespace gradus
#endif
