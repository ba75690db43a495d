// The test ratios of LAPACK's testing guide (Blackford and Dongarra, LAPACK Working Note 41): what
// a decomposition leaves, in units of rounding. Matrices near the ends of the range are scaled by a
// power of two before the residual is taken.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/lapack.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/textbook.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus {
namespace {

constexpr double library_bound = 10, textbook_bound = 30;
constexpr int64_t sizes[] = {0, 1, 2, 3, 5, 10, 50, 200};

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

Tensor rotation(uint64_t seed, int64_t n) {
  return qr(drawn(seed, {n, n})).q;
}

Tensor from_formula(int64_t m, int64_t n, const std::function<double(int64_t, int64_t)>& f) {
  std::vector<double> x;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) x.push_back(f(i, j));
  return from_vector(x, {m, n});
}

// Spectra whose largest value is 1 and whose condition is `cond`, as LATMS makes them.
Tensor spectrum(const std::string& mode, int64_t n, double cond) {
  std::vector<double> d;
  for (int64_t i = 0; i < n; ++i) {
    const double at = n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0;
    d.push_back(mode == "even"        ? 1 - at * (1 - 1 / cond)
                : mode == "geometric" ? std::pow(cond, -at)
                : mode == "one large" ? (i == 0 ? 1 : 1 / cond)
                : mode == "one small" ? (i + 1 == n && n > 1 ? 1 / cond : 1)
                : mode == "repeated"  ? std::floor(1 + 3 * at) / 4
                                      : 1 + 1e-14 * at);  // clustered
  }
  return from_vector(d);
}

struct Kind {
  std::string name;
  Tensor a;
};

// Signs alternate where `symmetric` asks for eigenvalues of both signs.
std::vector<Kind> kinds(int64_t m, int64_t n, bool symmetric) {
  const int64_t k = std::min(m, n);
  const Tensor left = rotation(1, m), right = symmetric ? transpose(left) : rotation(2, n);
  const auto turned = [&](const Tensor& d) {
    return matmul(slice_axis(left, 1, {0, k}) * d, slice_axis(right, 0, {0, k}));
  };
  const Tensor signs = symmetric ? cast(1 - 2 * remainder(iota(k), 2), DType::f64) : ones({k});
  const Tensor square = eye(std::max(m, n));
  const auto placed = [&](const Tensor& d) {
    return matmul(slice(square, {{0, m}, {0, k}}) * d, slice(square, {{0, k}, {0, n}}));
  };
  const double top = 0x1p1000, bottom = 0x1p-1000, root_top = 0x1p500, root_bottom = 0x1p-500;
  std::vector<Kind> all{{"zero", zeros({m, n})},
                        {"identity", slice(square, {{0, m}, {0, n}})},
                        {"ones", ones({m, n})}};
  for (const char* mode :
       {"even", "geometric", "one large", "one small", "repeated", "clustered"}) {
    const Tensor d = signs * spectrum(mode, k, 0x1p52);
    const Tensor mild = signs * spectrum(mode, k, 2);
    all.push_back({std::string("diagonal, ") + mode, placed(d)});
    all.push_back({std::string("turned, ") + mode, turned(d)});
    all.push_back({std::string("turned and mild, ") + mode, turned(mild)});
  }
  const Tensor even = turned(signs * spectrum("even", k, 1e4));
  all.push_back({"near overflow", top * even});
  all.push_back({"near underflow", bottom * even});
  all.push_back({"near the root of overflow", root_top * even});
  all.push_back({"near the root of underflow", root_bottom * even});
  const Tensor g = drawn(3, {m, n});
  const Tensor random = symmetric ? g + transpose(g) : g;
  all.push_back({"random", random});
  all.push_back({"random near the root of overflow", root_top * random});
  all.push_back({"random near the root of underflow", root_bottom * random});
  const auto scale = [](int64_t i) { return std::pow(0.5, static_cast<double>(i % 100)); };
  all.push_back({"graded down", from_formula(m, n, [&](int64_t i, int64_t j) {
                                  return scale(i) * scale(j);
                                }) * random});
  all.push_back({"graded up", from_formula(m, n, [&](int64_t i, int64_t j) {
                                return scale(m - 1 - i) * scale(n - 1 - j);
                              }) * random});
  all.push_back({"hilbert", from_formula(m, n, [](int64_t i, int64_t j) {
                   return 1 / static_cast<double>(i + j + 1);
                 })});
  all.push_back({"rank one", matmul(expand_dims(ones({m}), 1), expand_dims(ones({n}) * 0.3, 0))});
  if (!symmetric) {
    all.push_back({"triangular", from_formula(m, n, [&](int64_t i, int64_t j) {
                     return i <= j ? 1.0 + static_cast<double>((i + 2 * j) % 3) : 0.0;
                   })});
    all.push_back({"growth", from_formula(m, n, [&](int64_t i, int64_t j) {
                     return i == j || j == n - 1 ? 1.0 : i > j ? -1.0 : 0.0;
                   })});
    all.push_back({"one block of Jordan", from_formula(m, n, [](int64_t i, int64_t j) {
                     return i == j || j == i + 1 ? 1.0 : 0.0;
                   })});
    all.push_back({"cyclic", from_formula(m, n, [&](int64_t i, int64_t j) {
                     return j == (i + 1) % std::max<int64_t>(n, 1) ? 1.0 : 0.0;
                   })});
    all.push_back({"skew", from_formula(m, n, [](int64_t i, int64_t j) {
                     return i < j ? 1.0 : i > j ? -1.0 : 0.0;
                   })});
  }
  return all;
}

double norm_1(const Tensor& a) {
  return a.size() == 0 ? 0 : number(max(sum(abs(a), {.axis = 0})));
}
// The power of two that brings a near 1.
double scale_of(const Tensor& a) {
  const double top = a.size() == 0 ? 0 : number(max(abs(a)));
  return top == 0 ? 1 : std::ldexp(1.0, -std::ilogb(top));
}
// `residual` in units of rounding of something of size `norm`; 0 of 0 is 0.
double in_units(const Tensor& residual, double norm, int64_t n, double eps) {
  const double r = norm_1(residual);
  if (r == 0) return 0;
  return r / (std::max(norm, 1e-300) * static_cast<double>(std::max<int64_t>(n, 1)) * eps);
}
double orthogonality(const Tensor& q, double eps) {  // columns
  const int64_t k = q.shape().back();
  return in_units(matmul(transpose(q), q) - eye(k), 1, q.shape()[0], eps);
}
Tensor wide(const Tensor& x) {
  return cast(x, DType::f64);
}

// The largest ratio of each decomposition, for the message.
struct Worst {
  double ratio = 0;
  std::string where;
  void take(double r, const std::string& name, int64_t m, int64_t n) {
    if (!(r <= ratio)) {
      ratio = r;
      where = name + " " + std::to_string(m) + " x " + std::to_string(n);
    }
  }
};

double svd_ratio(const Tensor& a, const Svd& f, double eps) {
  const double scale = scale_of(a);
  const int64_t n = std::max(a.shape()[0], a.shape()[1]);
  const Tensor back = matmul(f.u * (f.s * scale), f.vt), scaled = a * scale;
  return std::max({in_units(back - scaled, norm_1(scaled), n, eps), orthogonality(f.u, eps),
                   orthogonality(transpose(f.vt), eps)});
}

double eigh_ratio(const Tensor& a, const Eigh& f, double eps) {
  const double scale = scale_of(a);
  const Tensor back = matmul(f.vectors * (f.values * scale), transpose(f.vectors));
  return std::max(in_units(back - a * scale, norm_1(a * scale), a.shape()[0], eps),
                  orthogonality(f.vectors, eps));
}

double eig_ratio(const Tensor& a, const Eig& f, double eps) {
  const double scale = scale_of(a);
  const Tensor &x = f.vectors_re, &y = f.vectors_im, re = f.re * scale, im = f.im * scale;
  const Tensor scaled = a * scale;
  const Tensor r =
      abs(matmul(scaled, x) - (x * re - y * im)) + abs(matmul(scaled, y) - (x * im + y * re));
  const double size = std::max(norm_1(scaled) * norm_1(abs(x) + abs(y)), 1e-300);
  const Tensor lengths = sqrt(sum(square(x) + square(y), {.axis = 0}));
  const double off = a.size() == 0 ? 0 : number(max(abs(lengths - 1.0))) / eps;
  return std::max(in_units(r, size, a.shape()[0], eps),
                  off / std::max(1.0, static_cast<double>(a.shape()[0])));
}

TEST(LapackRatios, singular_values_of_the_library_and_of_the_textbook) {
  Worst library, single, textbook;
  for (const int64_t n : sizes) {
    for (const int64_t m : {n, n + n / 2 + 1, n / 2}) {
      for (const auto& [name, a] : kinds(m, n, false)) {
        library.take(svd_ratio(a, svd(a), 0x1p-52), name, m, n);
        if (name.find("flow") == std::string::npos) {
          const Tensor b = cast(a, DType::f32);
          const Svd f = svd(b);
          single.take(svd_ratio(wide(b), {wide(f.u), wide(f.s), wide(f.vt)}, 0x1p-23), name, m, n);
        }
        if (n > 50) continue;
        const int64_t k = std::min(m, n);
        const std::vector<double> x = numbers(a);
        std::vector<double> u(static_cast<size_t>(m * k)), s(static_cast<size_t>(k)),
            vt(static_cast<size_t>(k * n));
        ASSERT_TRUE(textbook::svd(m, n, x.data(), u.data(), s.data(), vt.data())) << name;
        EXPECT_TRUE(std::is_sorted(s.rbegin(), s.rend())) << name;
        textbook.take(
            svd_ratio(a, {from_vector(u, {m, k}), from_vector(s), from_vector(vt, {k, n})},
                      0x1p-52),
            name, m, n);
      }
    }
  }
  EXPECT_LT(library.ratio, library_bound) << library.where;
  EXPECT_LT(single.ratio, library_bound) << single.where;
  EXPECT_LT(textbook.ratio, textbook_bound) << textbook.where;
}

TEST(LapackRatios, symmetric_eigenvalues_of_the_library_and_of_the_textbook) {
  Worst library, single, textbook;
  for (const int64_t n : sizes) {
    for (const auto& [name, given] : kinds(n, n, true)) {
      const Tensor a = 0.5 * given + 0.5 * transpose(given);
      library.take(eigh_ratio(a, eigh(a), 0x1p-52), name, n, n);
      if (name.find("flow") == std::string::npos) {
        const Tensor b = cast(a, DType::f32);
        const Eigh f = eigh(b);
        single.take(eigh_ratio(wide(b), {wide(f.values), wide(f.vectors)}, 0x1p-23), name, n, n);
      }
      if (n > 50) continue;
      std::vector<double> x = numbers(a), w(static_cast<size_t>(n)), v(x.size());
      ASSERT_TRUE(textbook::eigh(n, x.data(), w.data(), v.data())) << name;
      EXPECT_TRUE(std::is_sorted(w.begin(), w.end())) << name;
      textbook.take(eigh_ratio(a, {from_vector(w), from_vector(v, {n, n})}, 0x1p-52), name, n, n);
    }
  }
  EXPECT_LT(library.ratio, library_bound) << library.where;
  EXPECT_LT(single.ratio, library_bound) << single.where;
  EXPECT_LT(textbook.ratio, textbook_bound) << textbook.where;
}

TEST(LapackRatios, eigenvalues_of_the_library_and_of_the_textbook) {
  Worst library, textbook;
  for (const int64_t n : sizes) {
    for (const auto& [name, a] : kinds(n, n, false)) {
      library.take(eig_ratio(a, eig(a), 0x1p-52), name, n, n);
      if (n > 50) continue;
      std::vector<double> x = numbers(a), re(static_cast<size_t>(n)), im(re), v(x.size()), y(v);
      ASSERT_TRUE(textbook::eig(n, x.data(), re.data(), im.data(), v.data(), y.data())) << name;
      textbook.take(
          eig_ratio(
              a, {from_vector(re), from_vector(im), from_vector(v, {n, n}), from_vector(y, {n, n})},
              0x1p-52),
          name, n, n);
    }
  }
  EXPECT_LT(library.ratio, library_bound) << library.where;
  EXPECT_LT(textbook.ratio, textbook_bound) << textbook.where;
}

// Of two lists of values, one of which came without vectors.
double value_ratio(const Tensor& alone, const Tensor& values, const Tensor& a, double eps) {
  if (values.size() == 0) return 0;
  const double scale = scale_of(values);
  const double size = std::max(number(max(abs(values))) * scale, 1e-300);
  const double off = number(max(abs(wide(alone) * scale - wide(values) * scale)));
  return off / (size * eps * static_cast<double>(std::max(a.shape()[0], a.shape()[1])));
}

TEST(LapackRatios, values_alone_are_those_that_come_with_vectors) {
  Worst singular, symmetric, single;
  for (const int64_t n : sizes) {
    for (const auto& [name, a] : kinds(n, n + n / 2, false))
      singular.take(value_ratio(svdvals(a), svd(a).s, a, 0x1p-52), name, n, n + n / 2);
    for (const auto& [name, given] : kinds(n, n, true)) {
      const Tensor a = 0.5 * given + 0.5 * transpose(given);
      symmetric.take(value_ratio(eigvalsh(a), eigh(a).values, a, 0x1p-52), name, n, n);
      if (name.find("flow") != std::string::npos) continue;
      const Tensor b = cast(a, DType::f32);
      single.take(value_ratio(eigvalsh(b), eigh(b).values, b, 0x1p-23), name, n, n);
      single.take(value_ratio(svdvals(b), svd(b).s, b, 0x1p-23), name, n, n);
    }
  }
  EXPECT_LT(singular.ratio, library_bound) << singular.where;
  EXPECT_LT(symmetric.ratio, library_bound) << symmetric.where;
  EXPECT_LT(single.ratio, library_bound) << single.where;
}

TEST(LapackRatios, triangular_factors_reflections_and_systems) {
  Worst of_lu, of_qr, of_solve, of_cholesky;
  constexpr double eps = 0x1p-52;
  for (const int64_t n : sizes) {
    for (const auto& [name, a] : kinds(n, n, false)) {
      const double scale = scale_of(a);
      const LU f = lu(a);
      const Tensor scaled = a * scale;
      // Where the numbers of elimination must grow, it is held to those.
      const double met = norm_1(name == "growth" ? f.u * scale : scaled);
      of_lu.take(in_units(matmul(f.l, f.u * scale) - matmul(f.p, scaled), met, n, eps), name, n, n);
      const QR g = qr(a);
      of_qr.take(std::max(in_units(matmul(g.q, g.r * scale) - scaled, norm_1(scaled), n, eps),
                          orthogonality(g.q, eps)),
                 name, n, n);
      bool regular = true;
      for (double pivot : numbers(diagonal(f.u))) regular = regular && pivot != 0;
      if (!regular) continue;
      const Tensor b = matmul(scaled, drawn(4, {n, 2}));
      const Tensor x = solve(scaled, b);
      if (n == 0 || !std::isfinite(number(max(abs(x))))) continue;
      of_solve.take(in_units(matmul(scaled, x) - b, norm_1(scaled) * norm_1(x), 1, eps), name, n,
                    n);
    }
    const Tensor q = rotation(5, n);
    for (const char* mode : {"even", "geometric", "one large", "one small", "repeated"}) {
      for (const double size : {1.0, 0x1p500, 0x1p-500}) {
        const Tensor half = q * spectrum(mode, n, 1e12);
        const Tensor product = matmul(half, transpose(q));
        const Tensor a = (0.5 * size) * (product + transpose(product));
        const Tensor l = cholesky(a), r = l * (1 / std::sqrt(size)), scaled = a * (1 / size);
        of_cholesky.take(in_units(matmul(r, transpose(r)) - scaled, norm_1(scaled), n, eps), mode,
                         n, n);
      }
    }
  }
  EXPECT_LT(of_lu.ratio, library_bound) << of_lu.where;
  EXPECT_LT(of_qr.ratio, library_bound) << of_qr.where;
  EXPECT_LT(of_solve.ratio, library_bound) << of_solve.where;
  EXPECT_LT(of_cholesky.ratio, library_bound) << of_cholesky.where;
}

TEST(LapackRatios, triangular_factors_of_oblong_matrices) {
  Worst worst;
  for (const int64_t n : sizes)
    for (const int64_t m : {n / 2, n + n / 2 + 1})
      for (const auto& [name, a] : kinds(m, n, false)) {
        if (name == "growth") continue;
        const Tensor scaled = a * scale_of(a);
        const LU f = lu(scaled);
        ASSERT_EQ(f.l.shape().back(), std::min(m, n));
        worst.take(in_units(matmul(f.l, f.u) - matmul(f.p, scaled), norm_1(scaled), std::max(m, n),
                            0x1p-52),
                   name, m, n);
      }
  EXPECT_LT(worst.ratio, library_bound) << worst.where;
}

}  // namespace
}  // namespace gradus
