// The blocked kernels at the edges of their blocks. References are plain loops; the bounds are the
// elementwise ones of Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., ch. 8-10
// and 19, which hold whatever the scaling.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/linalg/dense.h>
#include <gtest/gtest.h>
#include <plan/allocations.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace gradus {
namespace {

using dense::Window;

const int64_t edges[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   10,  15,  16,  17,
                         31, 32, 33, 63, 64, 65, 66, 95, 127, 128, 129, 200, 257};

// A matrix of the test: (m,n), row-major, with loops for what the kernels do in blocks.
template <class T>
struct Plain {
  int64_t m, n;
  std::vector<T> x;

  Plain(int64_t rows, int64_t columns, T value = 0)
      : m(rows), n(columns), x(static_cast<size_t>(rows * columns), value) {}
  T& operator()(int64_t i, int64_t j) { return x[static_cast<size_t>(i * n + j)]; }
  T operator()(int64_t i, int64_t j) const { return x[static_cast<size_t>(i * n + j)]; }
  Window<const T> window() const { return {x.data(), n, 1}; }
  template <class F>
  Plain made(F f) const {
    Plain y(m, n);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) y(i, j) = f(i, j);
    return y;
  }
  Plain lower(bool unit) const {
    return made([&](int64_t i, int64_t j) {
      return j < i ? (*this)(i, j) : j > i ? T(0) : unit ? T(1) : (*this)(i, j);
    });
  }
  Plain upper() const {
    return made([&](int64_t i, int64_t j) { return j < i ? T(0) : (*this)(i, j); });
  }
  Plain transposed() const {
    Plain y(n, m);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) y(j, i) = (*this)(i, j);
    return y;
  }
  Plain sizes() const {
    return made([&](int64_t i, int64_t j) { return std::fabs((*this)(i, j)); });
  }
};

template <class T>
Plain<T> product(const Plain<T>& a, const Plain<T>& b) {
  Plain<T> c(a.m, b.n);
  for (int64_t i = 0; i < a.m; ++i)
    for (int64_t p = 0; p < a.n; ++p)
      if (a(i, p) != 0)
        for (int64_t j = 0; j < b.n; ++j) c(i, j) += a(i, p) * b(p, j);
  return c;
}

template <class T>
Plain<T> drawn(int64_t m, int64_t n, uint64_t stream = 0) {
  std::vector<double> x(static_cast<size_t>(m * n));
  fill_normal(key_from_seed(20261125 + stream), 0, std::span<double>(x));
  Plain<T> a(m, n);
  for (size_t i = 0; i < x.size(); ++i) a.x[i] = static_cast<T>(x[i]);
  return a;
}

template <class T>
Plain<T> positive_definite(int64_t n, uint64_t stream = 0) {
  const Plain<T> a = drawn<T>(n, n, stream);
  Plain<T> s = product(a, a.transposed());
  for (int64_t i = 0; i < n; ++i) s(i, i) += 1;
  return s;
}

// The largest |got - want| / bound, in units of n eps; 0 / 0 is none.
template <class T>
double excess(const Plain<T>& got, const Plain<T>& want, const Plain<T>& bound) {
  double most = 0;
  for (size_t i = 0; i < got.x.size(); ++i) {
    const double off = std::fabs(static_cast<double>(got.x[i]) - static_cast<double>(want.x[i]));
    if (!(off <= 0)) most = std::max(most, off / static_cast<double>(bound.x[i]));
    if (std::isnan(off)) return off;
  }
  return most / (static_cast<double>(got.n + 2) * std::numeric_limits<T>::epsilon());
}

template <class T>
struct Factored {
  Plain<T> lu;
  std::vector<int64_t> rows;
  int sign;

  explicit Factored(const Plain<T>& a)
      : lu(a), rows(static_cast<size_t>(a.n)), sign(dense::lu(a.n, lu.x.data(), rows.data())) {}
  int64_t row(int64_t i) const { return rows[static_cast<size_t>(i)]; }
};

template <class T>
void expect_factors(const Plain<T>& a) {
  const Factored<T> f(a);
  const Plain<T> l = f.lu.lower(true), u = f.lu.upper();
  const Plain<T> moved = a.made([&](int64_t i, int64_t j) { return a(f.row(i), j); });
  EXPECT_LE(excess(product(l, u), moved, product(l.sizes(), u.sizes())), 1) << a.n;
  for (int64_t i = 0; i < a.n; ++i)
    for (int64_t j = 0; j < i; ++j) ASSERT_LE(std::fabs(l(i, j)), 1) << "partial pivoting " << a.n;
  std::vector<int64_t> sorted = f.rows;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < a.n; ++i) ASSERT_EQ(sorted[static_cast<size_t>(i)], i);
}

template <class T>
void expect_root(const Plain<T>& a) {
  Plain<T> l = a.lower(false);  // the upper half is not read
  ASSERT_EQ(dense::cholesky(a.n, l.x.data()), a.n);
  for (int64_t i = 0; i < a.n; ++i)
    for (int64_t j = i + 1; j < a.n; ++j) ASSERT_EQ(l(i, j), 0);
  const Plain<T> size = l.sizes();
  EXPECT_LE(excess(product(l, l.transposed()), a, product(size, size.transposed())), 1) << a.n;
}

// Column by column: || A - Q R || <= m n eps || A ||, and Q^T Q = I.
template <class T>
void expect_orthonormal(const Plain<T>& a) {
  Plain<T> q = a, r(a.n, a.n);
  dense::qr(a.m, a.n, q.x.data(), r.x.data());
  Plain<T> bound(a.m, a.n), one(a.n, a.n), unit(a.n, a.n);
  for (int64_t j = 0; j < a.n; ++j) {
    T size = 0;
    for (int64_t i = 0; i < a.m; ++i) size = std::hypot(size, a(i, j));
    for (int64_t i = 0; i < a.m; ++i) bound(i, j) = 2 * size;
    one(j, j) = 1;
    for (int64_t i = 0; i < a.n; ++i) unit(i, j) = 2;
    ASSERT_GE(r(j, j), 0);
    for (int64_t i = j + 1; i < a.n; ++i) ASSERT_EQ(r(i, j), 0);
  }
  EXPECT_LE(excess(product(q, r), a, bound), 1) << a.m << " x " << a.n;
  EXPECT_LE(excess(product(q.transposed(), q), one, unit), 1) << a.m << " x " << a.n;
}

TEST(Dense, factors_multiply_to_the_matrix_at_the_edges_of_blocks) {
  for (const int64_t n : edges) {
    expect_factors(drawn<double>(n, n));
    expect_factors(drawn<float>(n, n));
    expect_root(positive_definite<double>(n));
    expect_root(positive_definite<float>(n));
    expect_orthonormal(drawn<double>(n, n));
    expect_orthonormal(drawn<float>(n, n));
    expect_orthonormal(drawn<double>(n + 7, n));
    expect_orthonormal(drawn<double>(3 * n, n));
  }
  expect_orthonormal(drawn<double>(1000, 3));
}

TEST(Dense, triangles_of_either_side_are_solved_at_the_edges_of_blocks) {
  for (const int64_t n : edges) {
    for (const int64_t k : {int64_t{1}, int64_t{2}, int64_t{7}, int64_t{64}, int64_t{150}}) {
      Plain<double> t = drawn<double>(n, n, 1);
      for (double& x : t.x) x /= static_cast<double>(n);
      for (int64_t i = 0; i < n; ++i) t(i, i) = 2;
      const Plain<double> b = drawn<double>(n, k, 2);
      for (int form = 0; form < 8; ++form) {
        const bool lower = form & 1, unit = form & 2, turned = form & 4;
        Plain<double> x = b, read = lower ? t.lower(unit) : t.upper();
        if (unit)
          for (int64_t i = 0; i < n; ++i) read(i, i) = 1;
        // Turned: the same numbers, columns apart from each other.
        const Plain<double> other = t.transposed();
        const Window<const double> w = turned ? other.window().transposed() : t.window();
        dense::solve_triangle(lower, unit, n, k, w, x.x.data(), k);
        EXPECT_LE(excess(product(read, x), b, product(read.sizes(), x.sizes())),
                  static_cast<double>(n + 2) / static_cast<double>(k + 2))
            << n << " " << k << " " << form;
      }
    }
  }
}

TEST(Dense, an_inverse_leaves_the_residual_of_its_factors) {
  for (const int64_t n : edges) {
    const Plain<double> a = drawn<double>(n, n);
    const Factored<double> f(a);
    Plain<double> x(n, n), one(n, n);
    dense::invert(n, f.lu.window(), f.rows.data(), x.x.data());
    for (int64_t i = 0; i < n; ++i) one(i, i) = 1;
    // Rows in the order of the factors: |A X - I| <= 3 n eps P^T |L| |U| |X|.
    const Plain<double> moved = a.made([&](int64_t i, int64_t j) { return a(f.row(i), j); });
    const Plain<double> want = one.made([&](int64_t i, int64_t j) { return one(f.row(i), j); });
    const Plain<double> bound =
        product(product(f.lu.lower(true).sizes(), f.lu.upper().sizes()), x.sizes());
    EXPECT_LE(excess(product(moved, x), want, bound), 3) << n;
  }
}

TEST(Dense, rows_and_columns_of_any_scale_keep_their_bounds) {
  const auto scale = [](int64_t i) {
    return std::ldexp(1.0, static_cast<int>(i * 37 % 401 - 200));
  };
  for (const int64_t n : {4, 33, 66, 129}) {
    const Plain<double> a = drawn<double>(n, n), s = positive_definite<double>(n);
    expect_factors(a.made([&](int64_t i, int64_t j) { return a(i, j) * scale(i); }));
    expect_factors(a.made([&](int64_t i, int64_t j) { return a(i, j) * scale(j); }));
    expect_root(s.made([&](int64_t i, int64_t j) { return s(i, j) * scale(i) * scale(j); }));
    expect_orthonormal(a.made([&](int64_t i, int64_t j) { return a(i, j) * scale(j); }));
    // Squares of these leave the range of f64.
    expect_orthonormal(a.made([&](int64_t i, int64_t j) { return a(i, j) * 1e-200; }));
    expect_orthonormal(a.made([&](int64_t i, int64_t j) { return a(i, j) * 1e200; }));
  }
}

TEST(Dense, singular_matrices_have_factors) {
  for (const int64_t n : edges) {
    expect_factors(Plain<double>(n, n));
    expect_factors(Plain<double>(n, n, 1.0));
    expect_orthonormal(Plain<double>(n, n));
    expect_orthonormal(Plain<double>(n, n, 1.0));
    Plain<double> a = drawn<double>(n, n);
    for (int64_t i = 0; i < n; ++i) a(i, n / 2) = 0, a(n - 1, i) = a(0, i);
    expect_factors(a);
    expect_orthonormal(a);
  }
}

TEST(Dense, of_equal_pivots_the_first_is_taken) {
  for (const int64_t n : {2, 5, 17, 70}) {
    // All of column 0 is 1 or -1: row 0 stays.
    Plain<double> a = drawn<double>(n, n);
    for (int64_t i = 0; i < n; ++i) a(i, 0) = i % 2 == 0 ? 1 : -1;
    EXPECT_EQ(Factored<double>(a).row(0), 0);
  }
  // Worked by hand: rows 1, 0 after the first exchange; then 1 and -1 tie, and the upper one stays.
  Plain<double> a(3, 3);
  a.x = {1, 2, 0, 2, 2, 0, 2, 1, 1};
  const Factored<double> f(a);
  EXPECT_EQ(f.rows, (std::vector<int64_t>{1, 0, 2}));
  EXPECT_EQ(f.lu.x, (std::vector<double>{2, 2, 0, 0.5, 1, 0, 1, -1, 1}));
  EXPECT_EQ(f.sign, -1);
}

TEST(Dense, the_first_pivot_that_is_not_positive_is_found_in_every_block) {
  for (const int64_t n : {3, 64, 65, 200}) {
    for (const int64_t at : {int64_t{0}, n / 2, n - 1}) {
      // L L^T of a drawn L, with the pivot made -1: exact up to rounding.
      Plain<double> s = positive_definite<double>(n), l = s.lower(false);
      ASSERT_EQ(dense::cholesky(n, l.x.data()), n);
      s(at, at) -= l(at, at) * l(at, at) + 1;
      EXPECT_EQ(dense::cholesky(n, s.x.data()), at);
      EXPECT_NEAR(s(at, at), -1, 1e-9);
    }
  }
}

TEST(Dense, finite_numbers_their_largest_and_their_symmetry_in_any_layout) {
  for (const int64_t n : edges) {
    Plain<double> a = positive_definite<double>(n);
    const auto check = [&](bool finite) {
      EXPECT_EQ(dense::finite(n, n, a.window()), finite);
      EXPECT_EQ(dense::finite(n, n, a.window().transposed()), finite);
      EXPECT_EQ(dense::finite(1, n, Window<const double>{&a(n - 1, 0), 1, 1}), finite);
    };
    check(true);
    for (const double bad : {HUGE_VAL, -HUGE_VAL, std::nan("")}) {
      Plain<double> was = a;
      a(n - 1, n - 1) = bad;
      check(false);
      a = was;
    }
    EXPECT_EQ(dense::first_asymmetry(n, a.window(), 0.0), n * n);
    if (n < 2) continue;
    a(n - 1, n - 2) += 1;
    a(n - 1, 0) = -1e9;
    EXPECT_EQ(dense::first_asymmetry(n, a.window(), 0.5), (n - 1) * n);
    EXPECT_EQ(dense::largest(n, n, a.window()), 1e9);
    EXPECT_EQ(dense::largest(n, n, a.window().transposed()), 1e9);
  }
}

TEST(Dense, one_and_two_threads_give_the_same_bits) {
  const int before = thread_count();
  for (const int64_t n : {64, 200, 257, 300}) {
    const auto run = [&](int threads) {
      set_thread_count(threads);
      std::vector<double> all;
      const auto keep = [&](const Plain<double>& x) {
        all.insert(all.end(), x.x.begin(), x.x.end());
      };
      const Plain<double> a = drawn<double>(n, n);
      const Factored<double> f(a);
      keep(f.lu);
      Plain<double> s = positive_definite<double>(n), x(n, n), b = drawn<double>(n, n, 1), q = a;
      dense::cholesky(n, s.x.data());
      keep(s);
      dense::invert(n, f.lu.window(), f.rows.data(), x.x.data());
      keep(x);
      dense::solve_triangle(false, false, n, n, f.lu.window(), b.x.data(), n);
      keep(b);
      dense::qr(n, n, q.x.data(), x.x.data());
      keep(q);
      keep(x);
      return all;
    };
    const std::vector<double> one = run(1), two = run(2);
    EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(double)), 0) << n;
  }
  set_thread_count(before);
}

TEST(Dense, a_second_call_allocates_nothing) {
  for (const int64_t n : {1, 4, 16, 64, 100}) {
    Plain<double> a = drawn<double>(n, n), s = positive_definite<double>(n), q = a, r = a, x = a;
    std::vector<int64_t> rows(static_cast<size_t>(n));
    const auto all = [&] {
      dense::lu(n, a.x.data(), rows.data());
      dense::solve_triangle(true, true, n, int64_t{1}, a.window(), x.x.data(), int64_t{1});
      dense::invert(n, a.window(), rows.data(), x.x.data());
      dense::cholesky(n, s.x.data());
      dense::qr(n, n, q.x.data(), r.x.data());
    };
    all();
    s = positive_definite<double>(n);
    const long before = allocations_of_thread;
    all();
    EXPECT_EQ(allocations_of_thread, before) << n;
  }
}

}  // namespace
}  // namespace gradus
