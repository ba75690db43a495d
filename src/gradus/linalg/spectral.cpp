#include <gradus/linalg/lapack.h>
#include <gradus/linalg/matrices.h>
#include <gradus/linalg/repeated.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/textbook.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <vector>

namespace gradus {
namespace {

using namespace matrices;

// Kernels. LAPACK counts columns first: what it sees of a row-major A is A^T.

// Up to this size the rotations of textbook.h are as fast, and more accurate.
constexpr int64_t most_by_textbook = 4;

template <class T>
const dense::Lapack<T>* library_for(int64_t size) {
  return size <= most_by_textbook ? nullptr : dense::lapack<T>();
}

// Asks routine(room, work, lwork) how much it wants, then runs it.
template <class T, class F>
int with_room(const F& routine) {
  T wanted{};
  int info = routine(&wanted, -1);
  if (info != 0) return info;
  // A length beyond 2^24 may have been rounded down on its way through f32.
  const int room = static_cast<int>(static_cast<double>(wanted) * (1 + 0x1p-23)) + 1;
  dense::Scratch<T> work(room);
  return routine(work.data(), room);
}

template <class T>
std::vector<double> wide(int64_t m, int64_t n, const T* a) {
  return {a, a + m * n};
}
template <class T>
void narrow(const std::vector<double>& from, T* to) {
  std::transform(from.begin(), from.end(), to, [](double x) { return static_cast<T>(x); });
}
std::vector<double> room(int64_t count) {
  return std::vector<double>(static_cast<size_t>(count));
}

// a (n,n), row-major, symmetric. Here and below: without vectors where their place is null.
template <class T>
bool eigh_of(int64_t n, const T* a, T* w, T* v) {
  if (const auto* lapack = library_for<T>(n)) {
    dense::Scratch<T> q(n * n);
    std::copy(a, a + n * n, q.data());
    const int order = static_cast<int>(n), integers = 5 * order + 3;
    std::vector<int> iwork(static_cast<size_t>(integers));
    const int failed = with_room<T>([&](T* work, int length) {
      int info = 0;
      const int ask = length < 0 ? -1 : integers;
      lapack->syevd(v ? "V" : "N", "L", &order, q.data(), &order, w, work, &length, iwork.data(),
                    &ask, &info);
      return info;
    });
    if (failed == 0) {
      if (v) dense::copy(n, n, dense::Window<const T>{q.data(), 1, n}, v);
      return true;
    }
  }
  std::vector<double> x = wide(n, n, a), values = room(n), vectors = room(v ? n * n : 0);
  if (!textbook::eigh(n, x.data(), values.data(), v ? vectors.data() : nullptr)) return false;
  narrow(values, w);
  narrow(vectors, v);
  return true;
}

template <class T>
bool svd_of(int64_t m, int64_t n, const T* a, T* u, T* s, T* vt) {
  const int64_t k = std::min(m, n);
  if (const auto* lapack = library_for<T>(k)) {
    dense::Scratch<T> x(m * n);
    std::copy(a, a + m * n, x.data());
    // Some of its kernels round otherwise where rows begin beside a vector: in a batch, every
    // matrix gets the places that it would have alone.
    dense::Scratch<T> left(u ? m * k : 1), right(vt ? k * n : 1);
    std::vector<int> iwork(static_cast<size_t>(8 * k));
    // A^T = V diag(s) U^T: the left vectors of A^T by columns are vt by rows.
    const int rows = static_cast<int>(n), columns = static_cast<int>(m),
              count = static_cast<int>(k);
    const int failed = with_room<T>([&](T* work, int length) {
      int info = 0;
      lapack->gesdd(u ? "S" : "N", &rows, &columns, x.data(), &rows, s, right.data(), &rows,
                    left.data(), &count, work, &length, iwork.data(), &info);
      return info;
    });
    if (failed == 0) {
      if (u) std::copy(left.data(), left.data() + m * k, u);
      if (vt) std::copy(right.data(), right.data() + k * n, vt);
      return true;
    }
  }
  const std::vector<double> x = wide(m, n, a);
  std::vector<double> left = room(u ? m * k : 0), values = room(k), right = room(u ? k * n : 0);
  if (!textbook::svd(m, n, x.data(), u ? left.data() : nullptr, values.data(), right.data()))
    return false;
  narrow(left, u);
  narrow(values, s);
  narrow(right, vt);
  return true;
}

template <class T>
bool eig_of(int64_t n, const T* a, T* re, T* im, T* v_re, T* v_im) {
  if (const auto* lapack = library_for<T>(n)) {
    std::vector<T> x(static_cast<size_t>(n * n)), v(static_cast<size_t>(v_re ? n * n : 1));
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) x[static_cast<size_t>(j * n + i)] = a[i * n + j];
    const int order = static_cast<int>(n), one = 1;
    T none{};
    const int failed = with_room<T>([&](T* work, int length) {
      int info = 0;
      lapack->geev("N", v_re ? "V" : "N", &order, x.data(), &order, re, im, &none, &one, v.data(),
                   &order, work, &length, &info);
      return info;
    });
    if (failed == 0) {
      // Of a pair, one column has the real and the next the imaginary parts.
      for (int64_t j = 0; v_re && j < n; ++j) {
        const bool pair = im[j] != 0 && j + 1 < n;
        for (int64_t i = 0; i < n; ++i) {
          const T x_re = v[static_cast<size_t>(j * n + i)];
          const T x_im = pair ? v[static_cast<size_t>((j + 1) * n + i)] : T(0);
          v_re[i * n + j] = x_re;
          v_im[i * n + j] = x_im;
          if (pair) v_re[i * n + j + 1] = x_re, v_im[i * n + j + 1] = -x_im;
        }
        if (pair) ++j;
      }
      return true;
    }
  }
  const int64_t vectors = v_re ? n * n : 0;
  std::vector<double> x = wide(n, n, a), w_re = room(n), w_im = room(n), re_of = room(vectors),
                      im_of = room(vectors);
  if (!textbook::eig(n, x.data(), w_re.data(), w_im.data(), v_re ? re_of.data() : nullptr,
                     im_of.data()))
    return false;
  narrow(w_re, re);
  narrow(w_im, im);
  narrow(re_of, v_re);
  narrow(im_of, v_im);
  return true;
}

// Values that overflow would make ranks, conditions and inverses wrong in silence.
template <class T>
void require_range(const char* op, const View& v, std::span<const T> values) {
  const auto beyond = std::ranges::find_if(values, [](T x) { return !std::isfinite(x); });
  if (beyond == values.end()) return;
  const auto each = static_cast<int64_t>(values.size()) / std::max<int64_t>(1, batch_of(v));
  raise(ErrorKind::numeric,
        std::string(op) + ": " + subject(v, (beyond - values.begin()) / each) +
            " has a value beyond the largest number, " +
            text::significant(static_cast<double>(std::numeric_limits<T>::max()), 2) +
            ". Values reach n times the largest element. Divide the matrix by a power of two.");
}
template <class T>
std::span<const T> values_in(const Call& c, size_t output) {
  const int64_t count = batch_of(c.in[0]) * std::min(rows_of(c.in[0]), columns_of(c.in[0]));
  return {c.out[output].as<T>(), static_cast<size_t>(count)};
}

// Calls f(row-major numbers, batch) for every matrix; raises in the name of op where it is false.
template <class T, class F>
void each_decomposed(const char* op, const View& v, const F& f) {
  const int64_t m = rows_of(v), n = columns_of(v), count = batch_of(v);
  if (m == 0 || n == 0 || count == 0) return;
  std::vector<char> settled(static_cast<size_t>(count));
  const auto one = [&](int64_t b) {
    dense::Scratch<T> a(m * n);
    load(v, b, a.data());
    settled[static_cast<size_t>(b)] = f(a.data(), b);
  };
  if (library_for<T>(std::min(m, n)) == nullptr) {
    each_matrix(count, v, one);
  } else {
    parallel_for(count, one);
  }
  for (int64_t b = 0; b < count; ++b)
    if (!settled[static_cast<size_t>(b)])
      raise(ErrorKind::numeric, std::string(op) + ": " + subject(v, b) +
                                    " did not settle. Its iteration ends when nothing changes any "
                                    "more. Scale rows and columns to one size.");
}

template <class T, bool with_vectors>
void run_eigh(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  const char* name = with_vectors ? "eigh" : "eigvalsh";
  if (n == 0) return;
  for (int64_t b = 0; b < batch_of(a); ++b) {
    require_finite<T>(name, a, b);
    require_symmetric<T>(name, a, b);
  }
  each_decomposed<T>(name, a, [&](T* x, int64_t b) {
    // LAPACK reads one half.
    if (library_for<T>(n) == nullptr)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) {
          T &low = x[i * n + j], &high = x[j * n + i];
          low = high = low + (high - low) / 2;
        }
    return eigh_of(n, x, c.out[0].as<T>() + b * n,
                   with_vectors ? c.out[1].as<T>() + b * n * n : nullptr);
  });
  require_range(name, a, values_in<T>(c, 0));
}

template <class T>
void run_svd(const Call& c) {
  const View& a = c.in[0];
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  require_finite<T>("svd", a);
  each_decomposed<T>("svd", a, [&](const T* x, int64_t b) {
    return svd_of(m, n, x, c.out[0].as<T>() + b * m * k, c.out[1].as<T>() + b * k,
                  c.out[2].as<T>() + b * k * n);
  });
  require_range("svd", a, values_in<T>(c, 1));
}

template <class T>
void run_svdvals(const Call& c) {
  const View& a = c.in[0];
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  require_finite<T>("svdvals", a);
  T* none = nullptr;
  each_decomposed<T>("svdvals", a, [&](const T* x, int64_t b) {
    return svd_of(m, n, x, none, c.out[0].as<T>() + b * k, none);
  });
  require_range("svdvals", a, values_in<T>(c, 0));
}

template <class T, bool with_vectors>
void run_eig(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  const char* name = with_vectors ? "eig" : "eigvals";
  require_finite<T>(name, a);
  each_decomposed<T>(name, a, [&](const T* x, int64_t b) {
    T *re = c.out[0].as<T>() + b * n, *im = c.out[1].as<T>() + b * n, *none = nullptr;
    if constexpr (with_vectors)
      return eig_of(n, x, re, im, c.out[2].as<T>() + b * n * n, c.out[3].as<T>() + b * n * n);
    else
      return eig_of(n, x, re, im, none, none);
  });
  require_range(name, a, values_in<T>(c, 0));
  require_range(name, a, values_in<T>(c, 1));
}

// For each of the values w_re + i w_im the place of the nearest of e_re + i e_im that is not taken.
template <class T>
void run_match(const Call& c) {
  const int64_t n = c.in[0].shape.back();
  const auto at = [&](size_t i, int64_t b, int64_t j) {
    const View& v = c.in[i];
    return v.as<T>()[offset_of(v, b, 1) + j * v.strides[v.shape.size() - 1]];
  };
  for (int64_t b = 0; b < batch_of(c.in[0], 1); ++b) {
    std::vector<char> taken(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      int64_t nearest = -1;
      T least = 0;
      for (int64_t j = 0; j < n; ++j) {
        if (taken[static_cast<size_t>(j)]) continue;
        const T away = std::hypot(at(0, b, i) - at(2, b, j), at(1, b, i) - at(3, b, j));
        if (nearest < 0 || away < least) nearest = j, least = away;
      }
      taken[static_cast<size_t>(nearest)] = 1;
      c.out[0].as<int64_t>()[b * n + i] = nearest;
    }
  }
}

#define KERNEL(run) by_type<run<float>, run<double>>
#define KERNEL_OF(run, vectors) by_type<run<float, vectors>, run<double, vectors>>

// Types.

Type with_last(Type type, int64_t rows, int64_t columns) {
  type.shape[type.shape.size() - 2] = rows;
  type.shape[type.shape.size() - 1] = columns;
  return type;
}
Type row_of(Type type, int64_t size) {
  type.shape.erase(type.shape.size() - 1);
  type.shape[type.shape.size() - 1] = size;
  return type;
}
Type eigh_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  return output == 0 ? row_of(in[0], in[0].shape.back()) : in[0];
}
Type svd_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  const int64_t m = in[0].shape[in[0].shape.size() - 2], n = in[0].shape.back();
  const int64_t k = std::min(m, n);
  return output == 1   ? row_of(in[0], k)
         : output == 0 ? with_last(in[0], m, k)
                       : with_last(in[0], k, n);
}
Type eig_type(const Op&, std::span<const Type> in, const Attrs&, int output) {
  return output < 2 ? row_of(in[0], in[0].shape.back()) : in[0];
}
Type values_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return row_of(in[0], std::min(in[0].shape[in[0].shape.size() - 2], in[0].shape.back()));
}
Type places_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return {DType::i64, in[0].shape};
}

// Floating-point operations, to leading order.
template <int times>
double by_size(std::span<const Type> in, const Attrs&, const Type&) {
  const auto& s = in[0].shape;
  return times * static_cast<double>(element_count(s)) *
         static_cast<double>(std::min(s[s.size() - 2], s.back()));
}

// Derivatives. Divisions by gaps between values are those of repeated.h.

Tensor as_diagonal(const Tensor& w) {
  return expand_dims(w, -1) * eye(w.shape().back(), w.dtype());
}
Tensor symmetric_part(const Tensor& a) {
  return 0.5 * (a + transpose(a));
}
Tensor as_row(const Tensor& x) {
  return expand_dims(x, -2);
}
Tensor largest_of(const Tensor& w) {
  if (w.shape().back() == 0) return sum(w, {.axis = -1});
  return stop_gradient(max(abs(w), {.axis = -1}));
}
// Element (i, j) of m over w_j - w_i, and over w_j + w_i.
Tensor over_gaps(const Tensor& w, const Tensor& m) {
  return quotient(m, as_row(w) - expand_dims(w, -1), largest_of(w), true);
}
Tensor over_sums(const Tensor& w, const Tensor& m) {
  return quotient(m, as_row(w) + expand_dims(w, -1), largest_of(w), true);
}
// Column j of m over w_j.
Tensor over_values(const Tensor& w, const Tensor& m) {
  return quotient(m, broadcast_to(as_row(w), m.shape()), largest_of(w), false);
}

Tensor eigh_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor &w = c.out[0], &v = c.out[1];
  Tensor inner;
  if (!bar[0].is_absent()) inner = as_diagonal(bar[0]);
  if (!bar[1].is_absent()) {
    const Tensor turned = over_gaps(w, matmul(transpose(v), bar[1]));
    inner = inner.is_absent() ? turned : inner + turned;
  }
  return symmetric_part(matmul(matmul(v, inner), transpose(v)));
}

Tensor eigh_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Tensor &w = c.out[0], &v = c.out[1];
  const Tensor moved = matmul(matmul(transpose(v), symmetric_part(dot[0])), v);
  return output == 0 ? diagonal(moved) : matmul(v, over_gaps(w, moved));
}

Tensor eigvalsh_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor v = eigh(c.in[0]).vectors;
  return symmetric_part(matmul(v * as_row(bar[0]), transpose(v)));
}
Tensor eigvalsh_push(const Context& c, std::span<const Tensor> dot, int) {
  const Tensor v = eigh(c.in[0]).vectors;
  return sum(v * matmul(symmetric_part(dot[0]), v), {.axis = -2});
}

// With P = U^T dA V: dU = U Y + (I - U U^T) dA V / s and dV = V Z + ..., Y and Z skew, and
// Y + Z = (P + P^T) / (s_j - s_i), Y - Z = (P - P^T) / (s_j + s_i). The second keeps its meaning
// where values repeat.
Tensor svd_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor &u = c.out[0], &s = c.out[1], &vt = c.out[2];
  const int64_t m = u.shape()[u.rank() - 2], n = vt.shape().back(), k = s.shape().back();
  const auto skew = [](const Tensor& x) { return x - transpose(x); };
  Tensor inner, outside, left, right;
  const auto add = [](Tensor& to, const Tensor& x) { to = to.is_absent() ? x : to + x; };
  if (!bar[1].is_absent()) inner = as_diagonal(bar[1]);
  if (!bar[0].is_absent()) {
    left = matmul(transpose(u), bar[0]);
    if (m > k) add(outside, matmul(over_values(s, bar[0] - matmul(u, left)), vt));
  }
  if (!bar[2].is_absent()) {
    right = matmul(vt, transpose(bar[2]));
    if (n > k) {
      const Tensor beyond = transpose(bar[2]) - matmul(transpose(vt), right);
      add(outside, matmul(u, transpose(over_values(s, beyond))));
    }
  }
  if (!left.is_absent() || !right.is_absent()) {
    const Tensor together = left.is_absent() ? right : right.is_absent() ? left : left + right;
    const Tensor apart = left.is_absent() ? -right : right.is_absent() ? left : left - right;
    const Tensor gaps = over_gaps(s, together);
    // Of the quotient by gaps, which are skew themselves, the symmetric part is left.
    add(inner, 0.5 * (gaps + transpose(gaps) + over_sums(s, skew(apart))));
  }
  if (!inner.is_absent()) add(outside, matmul(matmul(u, inner), vt));
  return outside;
}

Tensor svd_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Tensor &u = c.out[0], &s = c.out[1], &vt = c.out[2];
  const int64_t m = u.shape()[u.rank() - 2], n = vt.shape().back(), k = s.shape().back();
  const Tensor p = matmul(matmul(transpose(u), dot[0]), transpose(vt));
  if (output == 1) return diagonal(p);
  const Tensor together = over_gaps(s, p + transpose(p));
  const Tensor apart = over_sums(s, p - transpose(p));
  if (output == 0) {
    Tensor u_dot = matmul(u, 0.5 * (together + apart));
    if (m > k) {
      const Tensor moved = matmul(dot[0], transpose(vt));
      u_dot = u_dot + over_values(s, moved - matmul(u, p));
    }
    return u_dot;
  }
  Tensor vt_dot = matmul(0.5 * (apart - together), vt);
  if (n > k) {
    const Tensor moved = matmul(transpose(dot[0]), u);
    vt_dot = vt_dot + transpose(over_values(s, moved - matmul(transpose(vt), transpose(p))));
  }
  return vt_dot;
}

Tensor svdvals_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Svd d = svd(c.in[0]);
  return matmul(d.u * as_row(bar[0]), d.vt);
}
Tensor svdvals_push(const Context& c, std::span<const Tensor> dot, int) {
  const Svd d = svd(c.in[0]);
  return sum(d.u * matmul(dot[0], transpose(d.vt)), {.axis = -2});
}

// Complex numbers as pairs of real tensors.
struct Pair {
  Tensor re, im;
};
Pair product(const Pair& a, const Pair& b) {
  return {matmul(a.re, b.re) - matmul(a.im, b.im), matmul(a.re, b.im) + matmul(a.im, b.re)};
}
Pair adjoint(const Pair& a) {
  return {transpose(a.re), -transpose(a.im)};
}
// The x with V x = b, or V^H x = b, as a real system of twice the size.
Pair solve_pair(const Pair& v, const Pair& b, bool adjoined) {
  const int64_t n = v.re.shape().back();
  const Tensor whole =
      concatenate({concatenate({v.re, -v.im}, -1), concatenate({v.im, v.re}, -1)}, -2);
  const Tensor x = solve(adjoined ? transpose(whole) : whole, concatenate({b.re, b.im}, -2));
  return {slice_axis(x, -2, {0, n}), slice_axis(x, -2, {n, 2 * n})};
}
// Element (i, j) of m over w_j - w_i, or over its conjugate.
Pair over_gaps(const Pair& w, const Pair& m, bool conjugated) {
  const Tensor re = as_row(w.re) - expand_dims(w.re, -1);
  const Tensor im = as_row(w.im) - expand_dims(w.im, -1);
  // One on the diagonal, where there is no gap: a length has no derivative at 0.
  const Tensor size = hypot(re + eye(w.re.shape().back(), w.re.dtype()), im);
  const Tensor largest = largest_of(hypot(w.re, w.im));
  const Tensor m_re = quotient(m.re, size, largest, true);
  const Tensor m_im = quotient(m.im, size, largest, true);
  const Tensor length = where(size == 0.0, 1.0, size);
  const Tensor u_re = re / length, u_im = (conjugated ? im : -im) / length;
  return {m_re * u_re - m_im * u_im, m_re * u_im + m_im * u_re};
}

// The real component that a vector is turned by, as places (..., 1, n) in each column.
Tensor anchor_of(const Pair& v) {
  return argmax(where(v.im == 0.0, abs(v.re), -1.0), -2, true);
}

// With M = V^-1 dA V: dw = diag(M), and dV = V (M / gaps) + V diag(c), where c keeps the length of
// each vector and its real component real.
Tensor eig_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Pair w{c.out[0], c.out[1]}, v{c.out[2], c.out[3]};
  const Pair m = solve_pair(v, {matmul(dot[0], v.re), matmul(dot[0], v.im)}, false);
  if (output < 2) return diagonal(output == 0 ? m.re : m.im);
  if (v.re.size() == 0) return {};
  const Pair u = product(v, over_gaps(w, m, false));
  const Tensor places = anchor_of(v);
  const Tensor longer = -sum(v.re * u.re + v.im * u.im, {.axis = -2, .keepdims = true});
  const Tensor turn = -take_along_axis(u.im, places, -2) / take_along_axis(v.re, places, -2);
  return output == 2 ? u.re + v.re * longer - v.im * turn : u.im + v.re * turn + v.im * longer;
}

// A_bar = Re(V^-H M_bar V^H).
Tensor from_inside(const Pair& v, const Pair& m_bar) {
  const Pair left = solve_pair(v, m_bar, true);
  return matmul(left.re, transpose(v.re)) + matmul(left.im, transpose(v.im));
}
Tensor or_zeros(const Tensor& x, const Tensor& like) {
  return x.is_absent() ? zeros_like(like) : x;
}

Tensor eig_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Pair w{c.out[0], c.out[1]}, v{c.out[2], c.out[3]};
  Pair m_bar{as_diagonal(or_zeros(bar[0], w.re)), as_diagonal(or_zeros(bar[1], w.im))};
  if (v.re.size() > 0 && !(bar[2].is_absent() && bar[3].is_absent())) {
    const Tensor re = or_zeros(bar[2], v.re), im = or_zeros(bar[3], v.im);
    const auto along = [](const Tensor& x) { return sum(x, {.axis = -2, .keepdims = true}); };
    const Tensor longer = along(v.re * re + v.im * im), turn = along(v.re * im - v.im * re);
    const Tensor places = anchor_of(v);
    const Tensor rows = expand_dims(iota(v.re.shape().back()), -1);
    const Tensor at_anchor = where(rows == places, turn / take_along_axis(v.re, places, -2), 0.0);
    const Pair u_bar{re - longer * v.re, im - longer * v.im - at_anchor};
    const Pair moved = over_gaps(w, product(adjoint(v), u_bar), true);
    m_bar = {m_bar.re + moved.re, m_bar.im + moved.im};
  }
  return from_inside(v, m_bar);
}

// In no list of ops: only derivatives of eigvals record it, and their checks are its own.
constinit const Op match_op{.name = "match",
                            .says = "which complex number of one list is which of another",
                            .math = "|w_i - e_j| least",
                            .kind = Kind::fixed,
                            .inputs = 4,
                            .type = places_type,
                            .kernel = KERNEL(run_match),
                            .rule = {.why = "places are whole numbers"},
                            .batch = batch_leading};

// The vectors of a in the order of the values w.
Pair vectors_for(const Tensor& a, const Pair& w) {
  const Eig e = eig(a);
  const Tensor places = apply(match_op, {w.re, w.im, e.re, e.im});
  const Tensor columns = broadcast_to(as_row(places), e.vectors_re.shape());
  return {take_along_axis(e.vectors_re, columns, -1), take_along_axis(e.vectors_im, columns, -1)};
}
Tensor eigvals_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Pair w{c.out[0], c.out[1]};
  return from_inside(vectors_for(c.in[0], w),
                     {as_diagonal(or_zeros(bar[0], w.re)), as_diagonal(or_zeros(bar[1], w.im))});
}
Tensor eigvals_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Pair v = vectors_for(c.in[0], {c.out[0], c.out[1]});
  const Pair m = solve_pair(v, {matmul(dot[0], v.re), matmul(dot[0], v.im)}, false);
  return diagonal(output == 0 ? m.re : m.im);
}

void require_matrix(const Op& op, const Tensor& a, bool square) {
  require_float(op, a.type());
  refuse_unless_matrix(op.name, a.type());
  if (square && a.shape()[a.rank() - 2] != a.shape().back())
    raise(ErrorKind::shape, std::string(op.name) + ": " + to_string(a.type()) +
                                " is not square. The last two axes must be equal.");
}

// x (..., m, k) with orthonormal columns and m - k more: reflections make them whatever x is.
Tensor completed(const Tensor& x) {
  const int64_t m = x.shape()[x.rank() - 2], k = x.shape().back();
  if (m == k) return x;
  Shape shape = x.shape();
  shape[shape.size() - 1] = m - k;
  const Tensor axes = broadcast_to(slice_axis(eye(m, x.dtype()), 1, {0, m - k}), shape);
  const Tensor q = qr(concatenate({stop_gradient(x), axes}, -1)).q;
  return concatenate({x, stop_gradient(slice_axis(q, -1, {k, m}))}, -1);
}

}  // namespace

namespace op {
constinit const Op eigh{.name = "eigh",
                        .says = "eigenvalues and eigenvectors of a symmetric matrix",
                        .math = "A = V diag(w) V^T",
                        .kind = Kind::custom,
                        .outputs = 2,
                        .type = eigh_type,
                        .kernel = KERNEL_OF(run_eigh, true),
                        .rule = {.pull = eigh_pull, .push = eigh_push},
                        .batch = batch_leading,
                        .work = by_size<9>};
constinit const Op eigvalsh{.name = "eigvalsh",
                            .says = "eigenvalues of a symmetric matrix",
                            .math = "A v = w v",
                            .kind = Kind::custom,
                            .type = values_type,
                            .kernel = KERNEL_OF(run_eigh, false),
                            .rule = {.pull = eigvalsh_pull, .push = eigvalsh_push},
                            .batch = batch_leading,
                            .work = by_size<2>};
constinit const Op svd{.name = "svd",
                       .says = "singular values and their vectors",
                       .math = "A = U diag(s) V^T",
                       .kind = Kind::custom,
                       .outputs = 3,
                       .type = svd_type,
                       .kernel = KERNEL(run_svd),
                       .rule = {.pull = svd_pull, .push = svd_push},
                       .batch = batch_leading,
                       .work = by_size<14>};
constinit const Op svdvals{.name = "svdvals",
                           .says = "singular values: how far a matrix stretches",
                           .math = "A v = s u",
                           .kind = Kind::custom,
                           .type = values_type,
                           .kernel = KERNEL(run_svdvals),
                           .rule = {.pull = svdvals_pull, .push = svdvals_push},
                           .batch = batch_leading,
                           .work = by_size<4>};
constinit const Op eig{
    .name = "eig",
    .says = "eigenvalues and eigenvectors of a square matrix, complex as pairs of numbers",
    .math = "A v = w v",
    .kind = Kind::custom,
    .outputs = 4,
    .type = eig_type,
    .kernel = KERNEL_OF(run_eig, true),
    .rule = {.pull = eig_pull, .push = eig_push},
    .batch = batch_leading,
    .work = by_size<25>};
constinit const Op eigvals{.name = "eigvals",
                           .says = "eigenvalues of a square matrix, complex as pairs of numbers",
                           .math = "A v = w v",
                           .kind = Kind::custom,
                           .outputs = 2,
                           .type = values_type,
                           .kernel = KERNEL_OF(run_eig, false),
                           .rule = {.pull = eigvals_pull, .push = eigvals_push},
                           .batch = batch_leading,
                           .work = by_size<10>};
}  // namespace op

Eigh eigh(const Tensor& a) {
  require_matrix(op::eigh, a, true);
  const std::vector<Tensor> r = apply_many(op::eigh, std::span(&a, 1));
  return {r[0], r[1]};
}

Tensor eigvalsh(const Tensor& a) {
  require_matrix(op::eigvalsh, a, true);
  return apply(op::eigvalsh, {a});
}

Svd svd(const Tensor& a, SvdShape shape) {
  require_matrix(op::svd, a, false);
  const std::vector<Tensor> r = apply_many(op::svd, std::span(&a, 1));
  if (shape == SvdShape::thin) return {r[0], r[1], r[2]};
  return {completed(r[0]), r[1], transpose(completed(transpose(r[2])))};
}

Tensor svdvals(const Tensor& a) {
  require_matrix(op::svdvals, a, false);
  return apply(op::svdvals, {a});
}

Tensor spectral_norm(const Tensor& a) {
  return max(svdvals(a), {.axis = -1});
}

Tensor nuclear_norm(const Tensor& a) {
  return sum(svdvals(a), {.axis = -1});
}

Eig eig(const Tensor& a) {
  require_matrix(op::eig, a, true);
  const std::vector<Tensor> r = apply_many(op::eig, std::span(&a, 1));
  return {r[0], r[1], r[2], r[3]};
}

Eigvals eigvals(const Tensor& a) {
  require_matrix(op::eigvals, a, true);
  const std::vector<Tensor> r = apply_many(op::eigvals, std::span(&a, 1));
  return {r[0], r[1]};
}

}  // namespace gradus
