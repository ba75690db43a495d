// Reverse mode for any templated C++ code. A Var is a value and its slope towards one node of the
// thread's tape, so functions of one number, products with constants and x * x add no node: only
// what joins two nodes does. A node is two ids and two slopes in an arena that is kept for the next
// gradient. Var<Dual<double>> gives Hessians, Var<Var<double>> gradients inside gradients.
#pragma once

#include <gradus/base/error.h>
#include <gradus/scalar/dual.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

namespace gradus::scalars {

using NodeId = uint32_t;  // 0: a constant

namespace detail {

template <class T>
struct Node {
  NodeId parent[2];
  T slope[2];
};

inline constexpr NodeId block_size = 1 << 13;

// Where the next node goes. Its own object without a destructor: reached without a guard. Counts
// are size_t, which the ids in a node cannot alias: they stay in registers from node to node.
template <class T>
struct Cursor {
  Node<T>* top = nullptr;
  size_t next = 1;
  size_t limit = 1;  // the block ends here, or must be looked up
};

template <class T>
inline constinit thread_local Cursor<T> cursor{};

template <class T>
struct Tape;
template <class T>
Tape<T>& tape();

}  // namespace detail

template <class T>
struct Var {
  static_assert(std::is_floating_point_v<base_t<T>>,
                "derivatives are of float or double: 3.0, not 3");
  using Number = T;

  T value{};
  T slope{};
  NodeId node = 0;

  Var() = default;
  template <class P>
  requires(std::is_convertible_v<P, T> && !std::is_same_v<P, Var>) Var(const P& constant)
      : value(lowered<Var>(constant)) {}
  Var(const T& v, const T& s, NodeId id) : value(v), slope(s), node(id) {}

  template <class S>
  Var through(const T& y, const S& s) const {
    return {y, strong(slope, s), node};
  }
  template <class A, class B>
  static Var join(const Var& a, const Var& b, const T& y, const A& slope_a, const B& slope_b);
};

template <class T>
inline constexpr int depth_of<Var<T>> = depth_of<T> + 1;

template <class T>
bool has_nan(const Var<T>& x) {
  return has_nan(x.value);
}

namespace detail {

// What a thread keeps: blocks of nodes, cotangents by id, and the variables of each open gradient.
template <class T>
struct Tape {
  std::vector<std::unique_ptr<Node<T>[]>> blocks;
  std::vector<T> bar;
  std::vector<std::vector<Var<T>>> variables;
  size_t open = 0;

  ~Tape() { cursor<T> = {}; }

  void reserve(size_t end) {
    while (blocks.size() * block_size < end)
      blocks.push_back(std::make_unique_for_overwrite<Node<T>[]>(block_size));
  }
};

template <class T>
Tape<T>& tape() {
  thread_local Tape<T> mine;
  return mine;
}

template <class T>
[[gnu::cold, gnu::noinline]] void next_block() {
  Cursor<T>& c = cursor<T>;
  if (c.next > ~NodeId{0} - block_size)
    raise(ErrorKind::unsupported,
          "gradient: " + std::to_string(c.next) +
              " nodes are on the tape. Their ids have 32 bits. Differentiate in parts.");
  Tape<T>& t = tape<T>();
  t.reserve(c.next + 1);
  const size_t index = c.next / block_size;
  c.top = t.blocks[index].get() + c.next % block_size;
  c.limit = (index + 1) * block_size;
}

// `next` is the cursor's, read before the caller branches.
template <class T>
inline NodeId push(size_t next, NodeId a, const T& slope_a, NodeId b, const T& slope_b) {
  Cursor<T>& c = cursor<T>;
  if (next == c.limit) [[unlikely]]
    next_block<T>();
  *c.top++ = {{a, b}, {slope_a, slope_b}};
  c.next = next + 1;
  return static_cast<NodeId>(next);
}

// f in a frame of its own: what surrounds the call then takes no registers from its loops.
template <class F, class T>
[[gnu::noinline]] Var<T> call(const F& f, std::span<const Var<T>> x) {
  return f(x);
}

// The part of the tape that belongs to one call of a gradient: first the variables, which need no
// node, then what f joins.
template <class T>
class Window {
 public:
  explicit Window(std::span<const T> x)
      : tape_(tape<T>()),
        first_(static_cast<NodeId>(cursor<T>.next)),
        n_(static_cast<NodeId>(x.size())) {
    if (x.size() > ~NodeId{0} - first_ - block_size)
      raise(ErrorKind::unsupported, "gradient: " + std::to_string(x.size()) +
                                        " variables. Ids have 32 bits. Differentiate in parts.");
    if (tape_.open == tape_.variables.size()) tape_.variables.emplace_back();
    std::vector<Var<T>>& v = tape_.variables[tape_.open];
    if (v.size() < n_) v.resize(n_);
    for (NodeId i = 0; i < n_; ++i) v[i] = {x[i], T(1), first_ + i};
    variables_ = std::span(v).first(n_);
    ++tape_.open;
    move_to(first_ + n_);
  }
  ~Window() {
    --tape_.open;
    move_to(first_);
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  std::span<const Var<T>> variables() const { return variables_; }

  // into[i] = dy/dx[i].
  void pull_back(const Var<T>& y, std::span<T> into) {
    const size_t end = cursor<T>.next;
    if (y.node >= end)
      raise(ErrorKind::trace,
            "gradient: the function returned a variable of a gradient that has ended. A Var lives "
            "as long as the call that made it. Return what is computed from this call's x.");
    if (first_ > 1) refuse_outer_variables(y);
    tape_.reserve(end);
    const size_t ids = tape_.blocks.size() * block_size;
    if (tape_.bar.size() < ids) tape_.bar.resize(ids);
    sweep(y, [](const T& bar, const T& slope) { return bar * slope; });
    const auto result = std::span(tape_.bar).subspan(first_, n_);
    // 0 * inf somewhere: once more, with the zeros winning.
    bool nan = false;
    for (const T& g : result) nan |= has_nan(g);
    if (nan) sweep(y, [](const T& bar, const T& slope) { return strong(bar, slope); });
    std::copy(result.begin(), result.end(), into.begin());
  }

 private:
  static void move_to(NodeId id) {
    cursor<T>.next = id;
    cursor<T>.limit = id;  // push looks up the block
  }

  template <class Product>
  void sweep(const Var<T>& y, Product product) {
    T* const bar = tape_.bar.data();
    std::fill(bar + first_, bar + std::max(first_ + n_, y.node + 1), T());
    if (y.node == 0) return;
    bar[y.node] = y.slope;
    NodeId id = y.node;
    while (id >= first_ + n_) {
      const Node<T>* const block = tape_.blocks[id / block_size].get();
      const NodeId start = id / block_size * block_size;
      const NodeId stop = std::max(first_ + n_, start);
      T share = bar[id];
      for (; id >= stop; --id) {
        const Node<T>& node = block[id - start];
        bar[node.parent[0]] += product(share, node.slope[0]);
        // What was computed just before is often the second parent: that share need not go by
        // memory.
        T before = bar[id - 1];
        const T part = product(share, node.slope[1]);
        if (node.parent[1] == id - 1)
          before += part;
        else
          bar[node.parent[1]] += part;
        share = before;
      }
      bar[id] = share;
    }
  }

  void refuse_outer_variables(const Var<T>& y) const {
    bool outer = y.node != 0 && y.node < first_;
    for (NodeId id = first_ + n_; id < cursor<T>.next; ++id) {
      const Node<T>& node = tape_.blocks[id / block_size][id % block_size];
      outer |= node.parent[0] < first_ || node.parent[1] < first_;
    }
    if (outer)
      raise(ErrorKind::trace,
            "gradient: the function reads a variable of the gradient around it, which is lost when "
            "the inner x is plain numbers. A gradient inside a gradient takes the outer variables "
            "as its x. Pass x as numbers of the outer type, such as Var<double>.");
  }

  Tape<T>& tape_;
  NodeId first_, n_;
  std::span<const Var<T>> variables_;
};

}  // namespace detail

template <class T>
template <class A, class B>
inline Var<T> Var<T>::join(const Var& a, const Var& b, const T& y, const A& slope_a,
                           const B& slope_b) {
  const size_t next = detail::cursor<T>.next;
  const T to_a = strong(a.slope, slope_a), to_b = strong(b.slope, slope_b);
  if (a.node == b.node) return {y, to_a + to_b, a.node};
  if (a.node == 0 || b.node == 0) [[unlikely]]
    return {y, to_a + to_b, a.node | b.node};
  return {y, T(1), detail::push<T>(next, a.node, to_a, b.node, to_b)};
}

template <class T>
struct ValueAndGradient {
  T value;
  std::vector<T> gradient;
};

// f(x), and the gradient into a place of the same size; allocates nothing the second time.
// f is called with a span of Vars, which live as long as the call.
template <class F, class X, class G>
auto value_and_gradient(const F& f, const X& x, G&& into) {
  const std::span at(x);
  const std::span to(into);
  using T = typename decltype(at)::value_type;
  if (at.size() != to.size())
    raise(ErrorKind::shape, "gradient: x has " + std::to_string(at.size()) +
                                " numbers, but the place for the gradient has " +
                                std::to_string(to.size()) + ". They have the same size.");
  detail::Window<T> window(at);
  const Var<T> y = detail::call(f, window.variables());
  window.pull_back(y, to);
  return y.value;
}

template <class F, class X>
auto value_and_gradient(const F& f, const X& x) {
  const std::span at(x);
  using T = typename decltype(at)::value_type;
  ValueAndGradient<T> r{T(), std::vector<T>(at.size())};
  r.value = value_and_gradient(f, x, r.gradient);
  return r;
}

template <class F, class X>
auto gradient(const F& f, const X& x) {
  return value_and_gradient(f, x).gradient;
}

// H v without H, forward over reverse: the cost of about three gradients.
template <class F, class X, class V>
auto hvp(const F& f, const X& x, const V& v) {
  const std::span at(x), along(v);
  using T = typename decltype(at)::value_type;
  if (at.size() != along.size())
    raise(ErrorKind::shape, "hvp: x has " + std::to_string(at.size()) + " numbers, but v has " +
                                std::to_string(along.size()) +
                                ". A direction has one number for each variable.");
  std::vector<Dual<T>> duals;
  for (size_t i = 0; i < at.size(); ++i) duals.push_back({at[i], {along[i]}});
  value_and_gradient(f, duals, duals);
  std::vector<T> r;
  for (const Dual<T>& g : duals) r.push_back(g.dot[0]);
  return r;
}

// H[i n + j] of f, row after row; a column is one forward over reverse.
template <class F, class X>
auto hessian(const F& f, const X& x) {
  const std::span at(x);
  using T = typename decltype(at)::value_type;
  const size_t n = at.size();
  std::vector<T> r(n * n);
  std::vector<Dual<T>> duals(at.begin(), at.end()), column(n);
  for (size_t j = 0; j < n; ++j) {
    duals[j].dot[0] = T(1);
    value_and_gradient(f, duals, column);
    duals[j].dot[0] = T();
    for (size_t i = 0; i < n; ++i) r[i * n + j] = column[i].dot[0];
  }
  return r;
}

}  // namespace gradus::scalars

template <class T>
struct std::numeric_limits<gradus::scalars::Var<T>> : std::numeric_limits<T> {};
