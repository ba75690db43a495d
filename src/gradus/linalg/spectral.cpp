#include <gradus/linalg/lapack.h>
#include <gradus/linalg/matrices.h>
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

// a (n,n), row-major, symmetric.
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
      lapack->syevd("V", "L", &order, q.data(), &order, w, work, &length, iwork.data(), &ask,
                    &info);
      return info;
    });
    if (failed == 0) {
      dense::copy(n, n, dense::Window<const T>{q.data(), 1, n}, v);
      return true;
    }
  }
  std::vector<double> x = wide(n, n, a), values = room(n), vectors = room(n * n);
  if (!textbook::eigh(n, x.data(), values.data(), vectors.data())) return false;
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
    std::vector<int> iwork(static_cast<size_t>(8 * k));
    // A^T = V diag(s) U^T: the left vectors of A^T by columns are vt by rows.
    const int rows = static_cast<int>(n), columns = static_cast<int>(m),
              count = static_cast<int>(k);
    const int failed = with_room<T>([&](T* work, int length) {
      int info = 0;
      lapack->gesdd("S", &rows, &columns, x.data(), &rows, s, vt, &rows, u, &count, work, &length,
                    iwork.data(), &info);
      return info;
    });
    if (failed == 0) return true;
  }
  const std::vector<double> x = wide(m, n, a);
  std::vector<double> left = room(m * k), values = room(k), right = room(k * n);
  if (!textbook::svd(m, n, x.data(), left.data(), values.data(), right.data())) return false;
  narrow(left, u);
  narrow(values, s);
  narrow(right, vt);
  return true;
}

template <class T>
bool eig_of(int64_t n, const T* a, T* re, T* im, T* v_re, T* v_im) {
  if (const auto* lapack = library_for<T>(n)) {
    std::vector<T> x(static_cast<size_t>(n * n)), v(static_cast<size_t>(n * n));
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) x[static_cast<size_t>(j * n + i)] = a[i * n + j];
    const int order = static_cast<int>(n), one = 1;
    T none{};
    const int failed = with_room<T>([&](T* work, int length) {
      int info = 0;
      lapack->geev("N", "V", &order, x.data(), &order, re, im, &none, &one, v.data(), &order, work,
                   &length, &info);
      return info;
    });
    if (failed == 0) {
      // Of a pair, one column has the real and the next the imaginary parts.
      for (int64_t j = 0; j < n; ++j) {
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
  std::vector<double> x = wide(n, n, a), w_re = room(n), w_im = room(n), re_of = room(n * n),
                      im_of = room(n * n);
  if (!textbook::eig(n, x.data(), w_re.data(), w_im.data(), re_of.data(), im_of.data()))
    return false;
  narrow(w_re, re);
  narrow(w_im, im);
  narrow(re_of, v_re);
  narrow(im_of, v_im);
  return true;
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
    // Its threads and ours would nest badly: here only its own run.
    dense::set_lapack_threads(thread_count());
    for (int64_t b = 0; b < count; ++b) one(b);
  }
  for (int64_t b = 0; b < count; ++b)
    if (!settled[static_cast<size_t>(b)])
      raise(ErrorKind::numeric, std::string(op) + ": " + subject(v, b) +
                                    " did not settle. Its iteration ends when nothing changes any "
                                    "more. Scale rows and columns to one size.");
}

template <class T>
void run_eigh(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  if (n == 0) return;
  for (int64_t b = 0; b < batch_of(a); ++b) {
    require_finite<T>("eigh", a, b);
    require_symmetric<T>("eigh", a, b);
  }
  each_decomposed<T>("eigh", a, [&](T* x, int64_t b) {
    // LAPACK reads one half.
    if (library_for<T>(n) == nullptr)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) {
          T &low = x[i * n + j], &high = x[j * n + i];
          low = high = low + (high - low) / 2;
        }
    return eigh_of(n, x, c.out[0].as<T>() + b * n, c.out[1].as<T>() + b * n * n);
  });
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
}

template <class T>
void run_eig(const Call& c) {
  const View& a = c.in[0];
  const int64_t n = columns_of(a);
  require_finite<T>("eig", a);
  each_decomposed<T>("eig", a, [&](const T* x, int64_t b) {
    return eig_of(n, x, c.out[0].as<T>() + b * n, c.out[1].as<T>() + b * n,
                  c.out[2].as<T>() + b * n * n, c.out[3].as<T>() + b * n * n);
  });
}

#define KERNEL(run) by_type<run<float>, run<double>>

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

// Floating-point operations, to leading order.
template <int times>
double by_size(std::span<const Type> in, const Attrs&, const Type&) {
  const auto& s = in[0].shape;
  return times * static_cast<double>(element_count(s)) *
         static_cast<double>(std::min(s[s.size() - 2], s.back()));
}

// Derivatives.

// One over x where that is more than rounding of the largest value, else 0.
Tensor inverse_beyond_rounding(const Tensor& x, const Tensor& values) {
  const int64_t n = values.shape().back();
  if (n == 0) return x;
  const double eps = x.dtype() == DType::f32 ? 0x1p-23 : 0x1p-52;
  const Tensor largest = max(abs(stop_gradient(values)), {.axis = -1, .keepdims = true});
  Tensor bound = static_cast<double>(4 * n) * eps * largest;
  if (x.rank() > values.rank()) bound = expand_dims(bound, -1);
  const Tensor small = abs(x) <= bound;
  return where(small, 0.0, 1.0 / where(small, 1.0, x));
}
// Element (i, j) is 1 / (w_j - w_i), or 1 / (w_j + w_i).
Tensor inverse_gaps(const Tensor& w) {
  return inverse_beyond_rounding(expand_dims(w, -2) - expand_dims(w, -1), w);
}
Tensor inverse_sums(const Tensor& w) {
  return inverse_beyond_rounding(expand_dims(w, -2) + expand_dims(w, -1), w);
}
Tensor as_diagonal(const Tensor& w) {
  return expand_dims(w, -1) * eye(w.shape().back(), w.dtype());
}

Tensor eigh_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor &w = c.out[0], &v = c.out[1];
  Tensor inner = zeros_like(v);
  if (!bar[0].is_absent()) inner = as_diagonal(bar[0]);
  if (!bar[1].is_absent()) inner = inner + inverse_gaps(w) * matmul(transpose(v), bar[1]);
  const Tensor a_bar = matmul(matmul(v, inner), transpose(v));
  return 0.5 * (a_bar + transpose(a_bar));
}

Tensor eigh_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Tensor &w = c.out[0], &v = c.out[1];
  const Tensor symmetric = 0.5 * (dot[0] + transpose(dot[0]));
  const Tensor moved = matmul(matmul(transpose(v), symmetric), v);
  return output == 0 ? diagonal(moved) : matmul(v, inverse_gaps(w) * moved);
}

// With P = U^T dA V: dU = U Y + (I - U U^T) dA V / s and dV = V Z + ..., Y and Z skew, and
// Y + Z = (P + P^T) / (s_j - s_i), Y - Z = (P - P^T) / (s_j + s_i). The second keeps its meaning
// where values repeat.
Tensor svd_pull(const Context& c, std::span<const Tensor> bar, int) {
  const Tensor &u = c.out[0], &s = c.out[1], &vt = c.out[2];
  const int64_t m = u.shape()[u.rank() - 2], n = vt.shape().back(), k = s.shape().back();
  const auto skew = [](const Tensor& x) { return x - transpose(x); };
  Tensor inner = bar[1].is_absent() ? zeros_like(matmul(vt, transpose(vt))) : as_diagonal(bar[1]);
  const Tensor inverse = inverse_beyond_rounding(s, s);
  Tensor outside;
  const auto add_outside = [&](const Tensor& x) {
    outside = outside.is_absent() ? x : outside + x;
  };
  Tensor left, right;
  if (!bar[0].is_absent()) {
    left = matmul(transpose(u), bar[0]);
    if (m > k) add_outside(matmul((bar[0] - matmul(u, left)) * expand_dims(inverse, -2), vt));
  }
  if (!bar[2].is_absent()) {
    right = matmul(vt, transpose(bar[2]));
    if (n > k)
      add_outside(matmul(u, expand_dims(inverse, -1) * (bar[2] - matmul(transpose(right), vt))));
  }
  if (!left.is_absent() || !right.is_absent()) {
    const Tensor together = left.is_absent() ? right : right.is_absent() ? left : left + right;
    const Tensor apart = left.is_absent() ? -right : right.is_absent() ? left : left - right;
    inner = inner + 0.5 * (inverse_gaps(s) * skew(together) + inverse_sums(s) * skew(apart));
  }
  const Tensor inside = matmul(matmul(u, inner), vt);
  return outside.is_absent() ? inside : inside + outside;
}

Tensor svd_push(const Context& c, std::span<const Tensor> dot, int output) {
  const Tensor &u = c.out[0], &s = c.out[1], &vt = c.out[2];
  const int64_t m = u.shape()[u.rank() - 2], n = vt.shape().back(), k = s.shape().back();
  const Tensor p = matmul(matmul(transpose(u), dot[0]), transpose(vt));
  if (output == 1) return diagonal(p);
  const Tensor together = inverse_gaps(s) * (p + transpose(p));
  const Tensor apart = inverse_sums(s) * (p - transpose(p));
  const Tensor inverse = inverse_beyond_rounding(s, s);
  if (output == 0) {
    Tensor u_dot = matmul(u, 0.5 * (together + apart));
    if (m > k) {
      const Tensor moved = matmul(dot[0], transpose(vt));
      u_dot = u_dot + (moved - matmul(u, p)) * expand_dims(inverse, -2);
    }
    return u_dot;
  }
  Tensor vt_dot = matmul(0.5 * (apart - together), vt);
  if (n > k) {
    const Tensor moved = matmul(transpose(u), dot[0]);
    vt_dot = vt_dot + expand_dims(inverse, -1) * (moved - matmul(p, vt));
  }
  return vt_dot;
}

void require_matrix(const Op& op, const Tensor& a, bool square) {
  require_float(op, a.type());
  refuse_unless_matrix(op.name, a.type());
  if (square && a.shape()[a.rank() - 2] != a.shape().back())
    raise(ErrorKind::shape, std::string(op.name) + ": " + to_string(a.type()) +
                                " is not square. The last two axes must be equal.");
}

constinit const Op eigh_op{.name = "eigh",
                           .says = "eigenvalues and eigenvectors of a symmetric matrix",
                           .math = "A = V diag(w) V^T",
                           .kind = Kind::custom,
                           .outputs = 2,
                           .type = eigh_type,
                           .kernel = KERNEL(run_eigh),
                           .rule = {.pull = eigh_pull, .push = eigh_push},
                           .batch = batch_leading,
                           .work = by_size<9>};
constinit const Op svd_op{.name = "svd",
                          .says = "singular values and their vectors",
                          .math = "A = U diag(s) V^T",
                          .kind = Kind::custom,
                          .outputs = 3,
                          .type = svd_type,
                          .kernel = KERNEL(run_svd),
                          .rule = {.pull = svd_pull, .push = svd_push},
                          .batch = batch_leading,
                          .work = by_size<14>};
constinit const Op eig_op{
    .name = "eig",
    .says = "eigenvalues and eigenvectors of a square matrix, complex as pairs of numbers",
    .math = "A v = w v",
    .kind = Kind::fixed,
    .outputs = 4,
    .type = eig_type,
    .kernel = KERNEL(run_eig),
    .rule = {.why = "its values may be complex: take eigh of a symmetric matrix"},
    .batch = batch_leading,
    .work = by_size<25>};

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

Eigh eigh(const Tensor& a) {
  require_matrix(eigh_op, a, true);
  const std::vector<Tensor> r = apply_many(eigh_op, std::span(&a, 1));
  return {r[0], r[1]};
}

Svd svd(const Tensor& a, SvdShape shape) {
  require_matrix(svd_op, a, false);
  const std::vector<Tensor> r = apply_many(svd_op, std::span(&a, 1));
  if (shape == SvdShape::thin) return {r[0], r[1], r[2]};
  return {completed(r[0]), r[1], transpose(completed(transpose(r[2])))};
}

Eig eig(const Tensor& a) {
  require_matrix(eig_op, a, true);
  const std::vector<Tensor> r = apply_many(eig_op, std::span(&a, 1));
  return {r[0], r[1], r[2], r[3]};
}

}  // namespace gradus
