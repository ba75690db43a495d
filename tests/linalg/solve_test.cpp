// Hand-worked numbers, properties on drawn matrices, derivatives against closed forms, and every
// refusal word for word.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

const double inf = std::numeric_limits<double>::infinity();
const double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor drawn(const Shape& shape, uint64_t stream = 0, DType dtype = DType::f64) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(20261125 + stream), 0, std::span<double>(x));
  return cast(from_vector(x, shape), dtype);
}

Tensor positive_definite(int64_t n, uint64_t stream = 0) {
  const Tensor a = drawn({n, n}, stream);
  return matmul(a, transpose(a)) + eye(n);
}

// 1 / (i + j + 1): hopeless in f64 from n = 13 on.
Tensor hilbert(int64_t n) {
  return 1.0 / (reshape(iota(n, DType::f64), {n, 1}) + iota(n, DType::f64) + 1.0);
}

// A row-major copy.
Tensor contiguous_twin(const Tensor& x) {
  return from_bytes(x.type(), bytes_of(x));
}

double largest(const Tensor& x) {
  return x.size() == 0 ? 0 : number(max(abs(x)));
}

void expect_near(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(to_string(got.shape()), to_string(want.shape()));
  EXPECT_LE(largest(got - want), tolerance) << to_string(got) << " instead of " << to_string(want);
}

std::string complaint(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.kind), static_cast<int>(kind)) << e.what();
    return e.what();
  }
  return "no error";
}

const Tensor a2{{3, 1}, {2, 4}};
const Tensor nine{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};

TEST(Solve, the_worked_numbers_of_a_two_by_two_matrix) {
  EXPECT_EQ(number(det(a2)), 10);
  expect_near(inv(a2), Tensor{{0.4, -0.1}, {-0.2, 0.3}}, 1e-16);
  expect_near(matmul(inv(a2), a2), eye(2), 1e-15);
  expect_near(solve(a2, Tensor{5, 10}), Tensor{1, 2}, 1e-15);
  expect_near(solve(a2, Tensor{{5, 4}, {10, 6}}), Tensor{{1, 1}, {2, 1}}, 1e-15);
  EXPECT_NEAR(number(logdet(a2)), std::log(10.0), 1e-15);
}

TEST(Solve, three_by_three_determinants_of_small_integers_are_exact) {
  EXPECT_EQ(number(det(nine)), 0);
  EXPECT_EQ(number(det(Tensor{{2, 0, 1}, {1, 3, 2}, {1, 1, 1}})), 0);
  EXPECT_EQ(number(det(Tensor{{2, 0, 1}, {1, 3, 2}, {1, 1, 4}})), 18);
  EXPECT_EQ(number(det(Tensor{{0, 1}, {1, 0}})), -1);
  EXPECT_EQ(number(det(zeros({0, 0}))), 1);
}

TEST(Solve, lu_of_a_worked_matrix) {
  // The largest of 1, 4 is taken first: rows change places.
  const LU f = lu(Tensor{{1, 2}, {4, 2}});
  EXPECT_EQ(to_string(f.p), "[[0. 1.]\n [1. 0.]]");
  EXPECT_EQ(to_string(f.l), "[[1.   0.  ]\n [0.25 1.  ]]");
  EXPECT_EQ(to_string(f.u), "[[4.  2. ]\n [0.  1.5]]");
}

TEST(Solve, cholesky_of_a_worked_matrix) {
  EXPECT_EQ(to_string(cholesky(Tensor{{4, 2}, {2, 10}})), "[[2. 0.]\n [1. 3.]]");
}

TEST(Solve, qr_of_a_worked_matrix_has_a_positive_diagonal) {
  const QR f = qr(Tensor{{3, 5}, {4, 0}});
  expect_near(f.q, Tensor{{0.6, 0.8}, {0.8, -0.6}}, 1e-15);
  expect_near(f.r, Tensor{{5, 3}, {0, 4}}, 1e-15);
}

TEST(Solve, factors_multiply_to_the_matrix_at_every_size) {
  for (int64_t n : {0, 1, 2, 3, 5, 16, 31, 32, 33, 63, 64, 65, 130, 200}) {
    const Tensor a = drawn({n, n}, 1);
    const double size = static_cast<double>(n) * (1 + largest(a));
    const LU f = lu(a);
    expect_near(matmul(f.l, f.u), matmul(f.p, a), 1e-14 * size);
    EXPECT_LE(largest(f.l), 1) << "partial pivoting";
    const Tensor s = positive_definite(n, 2);
    const Tensor l = cholesky(s);
    expect_near(matmul(l, transpose(l)), s, 1e-14 * size * size);
    const QR g = qr(a);
    expect_near(matmul(g.q, g.r), a, 1e-14 * size);
    expect_near(matmul(transpose(g.q), g.q), eye(n), 1e-14 * (1 + static_cast<double>(n)));
  }
}

TEST(Solve, qr_takes_tall_and_wide_matrices) {
  for (const Shape& shape : {Shape{7, 3}, Shape{100, 40}, Shape{3, 7}, Shape{40, 100}, Shape{5, 0},
                             Shape{0, 5}, Shape{2, 9, 4}}) {
    const Tensor a = drawn(shape);
    const QR f = qr(a);
    const int64_t k = std::min(shape[shape.size() - 2], shape.back());
    EXPECT_EQ(f.q.shape().back(), k);
    EXPECT_EQ(f.r.shape()[f.r.rank() - 2], k);
    expect_near(matmul(f.q, f.r), a, 1e-13);
    if (shape.size() == 2) {
      expect_near(matmul(transpose(f.q), f.q), eye(k), 1e-13);
    }
  }
  // The factor of the normal equations is the same triangle.
  const Tensor a = drawn({9, 4});
  expect_near(qr(a).r, transpose(cholesky(matmul(transpose(a), a))), 1e-13);
}

TEST(Solve, qr_of_dependent_columns_has_orthonormal_columns_still) {
  const QR f = qr(Tensor{{1, 2}, {1, 2}, {0, 0}});
  expect_near(matmul(f.q, f.r), Tensor{{1, 2}, {1, 2}, {0, 0}}, 1e-15);
  expect_near(matmul(transpose(f.q), f.q), eye(2), 1e-15);
  expect_near(qr(zeros({3, 2})).r, zeros({2, 2}), 0);
}

TEST(Solve, triangular_systems_in_every_form) {
  for (int64_t n : {1, 2, 7, 65, 140}) {
    // A strong diagonal keeps drawn triangles from being nearly singular.
    const Tensor a = drawn({n, n}, 3) / static_cast<double>(n) + 2.0 * eye(n);
    const Tensor i = reshape(iota(n), {n, 1}), j = iota(n);
    for (int form = 0; form < 8; ++form) {
      const Triangle how{
          .lower = (form & 1) != 0, .transposed = (form & 2) != 0, .unit = (form & 4) != 0};
      Tensor t = where(how.lower ? j <= i : j >= i, a, 0.0);
      if (how.unit) t = where(i == j, 1.0, t);
      if (how.transposed) t = transpose(t);
      const Tensor b = drawn({n, 3}, 4), v = drawn({n}, 5);
      expect_near(matmul(t, triangular_solve(a, b, how)), b, 1e-13);
      expect_near(matmul(t, triangular_solve(a, v, how)), v, 1e-13);
    }
  }
}

TEST(Solve, a_batch_is_the_loop_over_its_matrices_bit_for_bit) {
  const Tensor a = drawn({2, 3, 4, 4}), b = drawn({3, 4, 2}, 1), v = drawn({4}, 2);
  const Tensor s = matmul(a, transpose(a)) + eye(4);
  const auto at = [](const Tensor& x, int64_t p, int64_t q) { return row(row(x, p), q); };
  const Tensor x = solve(a, b), y = solve(a, v), z = inv(a), d = det(a), c = cholesky(s);
  const LU f = lu(a);
  const QR g = qr(a);
  EXPECT_EQ(to_string(y.type()), "f64[2,3,4]");
  for (int64_t p : {0, 1}) {
    for (int64_t q : {0, 1, 2}) {
      const Tensor m = contiguous_twin(at(a, p, q));
      EXPECT_TRUE(same_bits(at(x, p, q), solve(m, row(b, q))));
      EXPECT_TRUE(same_bits(at(y, p, q), solve(m, v)));
      EXPECT_TRUE(same_bits(at(z, p, q), inv(m)));
      EXPECT_TRUE(same_bits(at(d, p, q), det(m)));
      EXPECT_TRUE(same_bits(at(c, p, q), cholesky(at(s, p, q))));
      EXPECT_TRUE(same_bits(at(f.u, p, q), lu(m).u));
      EXPECT_TRUE(same_bits(at(g.r, p, q), qr(m).r));
    }
  }
}

TEST(Solve, a_large_batch_is_shared_by_threads_bit_for_bit) {
  const int before = thread_count();
  for (const Shape& shape : {Shape{300, 6, 6}, Shape{5, 70, 70}}) {
    const int64_t count = shape[0], n = shape[1];
    const Tensor a = drawn(shape), b = drawn({count, n, 2}, 1);
    const Tensor s = matmul(a, transpose(a)) + eye(n);
    for (const int threads : {1, 2}) {
      set_thread_count(threads);
      const Tensor x = solve(a, b), y = inv(a), d = det(a), c = cholesky(s), q = qr(a).q;
      for (int64_t i = 0; i < count; i += count / 5) {
        const Tensor m = row(a, i);
        EXPECT_TRUE(same_bits(row(x, i), solve(m, row(b, i))));
        EXPECT_TRUE(same_bits(row(y, i), inv(m)));
        EXPECT_TRUE(same_bits(row(d, i), det(m)));
        EXPECT_TRUE(same_bits(row(c, i), cholesky(row(s, i))));
        EXPECT_TRUE(same_bits(row(q, i), qr(m).q));
      }
    }
  }
  set_thread_count(before);
}

TEST(Solve, a_recording_does_not_change_a_bit) {
  for (const int64_t n : {1, 4, 40}) {
    const Tensor a = drawn({n, n}), b = drawn({n}, 1), c = drawn({n, 3}, 2), args[] = {a, b, c};
    const auto all = [](std::span<const Tensor> x) {
      return std::vector<Tensor>{solve(x[0], x[1]), solve(x[0], x[2]), inv(x[0]), det(x[0])};
    };
    const std::vector<Tensor> want = all(args);
    const std::vector<Tensor> got = compile(all, {a, b, c})(args);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(same_bits(got[i], want[i])) << n;
  }
}

TEST(Solve, strides_do_not_change_a_bit) {
  const Tensor a = drawn({5, 5}), b = drawn({5, 2}, 1);
  const Tensor turned = transpose(contiguous_twin(transpose(a)));
  EXPECT_TRUE(same_bits(solve(a, b), solve(turned, b)));
  EXPECT_TRUE(same_bits(inv(a), inv(turned)));
  EXPECT_TRUE(same_bits(det(a), det(turned)));
  EXPECT_TRUE(same_bits(qr(a).q, qr(turned).q));
}

TEST(Solve, f32_agrees_with_f64) {
  const Tensor a = drawn({6, 6}) + 4.0 * eye(6), b = drawn({6}, 1);
  const Tensor a32 = cast(a, DType::f32), b32 = cast(b, DType::f32);
  EXPECT_EQ(to_string(solve(a32, b32).type()), "f32[6]");
  EXPECT_EQ(to_string(solve(a32, b).type()), "f64[6]");
  expect_near(cast(solve(a32, b32), DType::f64), solve(a, b), 1e-5);
  expect_near(cast(inv(a32), DType::f64), inv(a), 1e-5);
  EXPECT_NEAR(number(logdet(a32)), number(logdet(a)), 1e-5);
}

TEST(Solve, an_ill_conditioned_system_leaves_a_small_residual) {
  // Hilbert's matrix of order 12 has condition 1.7e16. Elimination with row exchanges solves a
  // system within rounding of the one given: the residual is small, the solution need not be.
  for (int64_t n : {4, 8, 12}) {
    const Tensor h = hilbert(n), b = sum(h, {.axis = 1});
    const Tensor x = solve(h, b);
    EXPECT_LE(largest(matmul(h, x) - b), 4e-16 * static_cast<double>(n) * (1 + largest(x)));
  }
  expect_near(solve(hilbert(8), sum(hilbert(8), {.axis = 1})), ones({8}), 1e-5);
}

Function packed(int which) {
  return [which](std::span<const Tensor> x) -> Tensor {
    const Tensor &a = x[0], s = matmul(a, transpose(a)) + eye(3);
    switch (which) {
      case 0:
        return lu(a).u;
      case 1:
        return cholesky(s);
      case 2:
        return qr(a).q;
      case 3:
        return triangular_solve(a, x[1]);
      case 4:
        return solve(a, x[1]);
      case 5:
        return inv(a);
      case 6:
        return det(a);
      case 7:
        return cofactors(a);
      default:
        return logdet(s);
    }
  };
}
constexpr int kinds = 9;

TEST(Solve, vmap_over_either_side_is_the_loop_over_it) {
  const Tensor a = drawn({4, 3, 3}) + 3.0 * eye(3), b = drawn({4, 3, 2}, 1);
  for (int which = 0; which < kinds; ++which) {
    const Function f = packed(which);
    const ManyFunction many = [f](std::span<const Tensor> x) { return std::vector{f(x)}; };
    for (const VmapAxes& axes : {VmapAxes{}, VmapAxes{.in = {0, unmapped}}}) {
      const bool right = axes.in.empty();
      const Tensor args[] = {a, right ? b : row(b, 0)};
      const Tensor got = vmap(many, args, axes)[0];
      for (int64_t i = 0; i < 4; ++i) {
        const Tensor one[] = {row(a, i), row(b, right ? i : 0)};
        EXPECT_LE(largest(row(got, i) - f(one)), 1e-14) << which;
      }
    }
  }
  const Tensor one[] = {row(a, 0), b};
  const Tensor got = vmap([&](const Tensor& y) { return solve(one[0], y); })(b);
  EXPECT_LE(largest(got - solve(one[0], b)), 1e-14);
}

TEST(Solve, a_plan_gives_the_bits_of_the_interpreter_gradients_included) {
  const Tensor a = drawn({3, 3}) + 3.0 * eye(3), b = drawn({3, 2}, 1);
  for (int which = 0; which < kinds; ++which) {
    const auto f = [which](std::span<const Tensor> x) {
      const int wrt[] = {0};
      const auto g = value_and_grads(
          [&](std::span<const Tensor> y) { return sum(square(packed(which)(y))); }, x, wrt);
      return std::vector<Tensor>{g.value, g.grads[0]};
    };
    const Tensor args[] = {a, b};
    const std::vector<Tensor> want = f(args);
    const std::vector<Tensor> got = compile(f, {a, b})(args);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(same_bits(got[i], want[i])) << which;
  }
}

TEST(Solve, determinants_that_leave_the_range_of_f64_have_a_logarithm) {
  const Tensor a = 1e100 * eye(5);
  EXPECT_EQ(number(det(a)), inf);
  EXPECT_NEAR(number(logdet(a)), 500 * std::log(10.0), 1e-12);
  EXPECT_EQ(number(det(diag(Tensor{1e200, 1e200, 1e-200, 1e-200}))), 1);
  const SignLogDet d = slogdet(Tensor{{0, 2}, {3, 0}});
  EXPECT_EQ(number(d.sign), -1);
  EXPECT_NEAR(number(d.log), std::log(6.0), 1e-15);
  EXPECT_TRUE(std::isnan(number(logdet(Tensor{{0, 2}, {3, 0}}))));
  EXPECT_EQ(number(logdet(zeros({2, 2}))), -inf);
  EXPECT_EQ(number(slogdet(zeros({2, 2})).sign), 0);
}

Tensor gradient_of(Tensor (*f)(const Tensor&), const Tensor& a) {
  const int wrt[] = {0};
  return value_and_grads([f](std::span<const Tensor> x) { return f(x[0]); }, std::span(&a, 1), wrt)
      .grads[0];
}

TEST(SolveDerivatives, of_det_is_det_times_the_inverse_transposed) {
  for (int64_t n : {1, 2, 3, 5, 6, 7, 12}) {
    const Tensor a = drawn({n, n}, 6) + eye(n);
    const Tensor want = number(det(a)) * transpose(inv(a));
    expect_near(gradient_of(det, a), want, 1e-11 * (1 + largest(want)));
  }
}

TEST(SolveDerivatives, of_det_at_singular_matrices_are_the_cofactors) {
  expect_near(gradient_of(det, zeros({2, 2})), zeros({2, 2}), 0);
  expect_near(gradient_of(det, zeros({3, 3})), zeros({3, 3}), 0);
  // Of rank 2: worked by hand, (-1)^(i+j) times the minors.
  expect_near(gradient_of(det, nine), Tensor{{-3, 6, -3}, {6, -12, 6}, {-3, 6, -3}}, 1e-13);
  // Of rank n - 1, by eight: only the last cofactor is not 0.
  const Tensor a = diag(Tensor{1, 2, 3, 4, 5, 6, 7, 0});
  Tensor want = zeros({8, 8});
  want = diag(Tensor{0, 0, 0, 0, 0, 0, 0, 5040});
  expect_near(gradient_of(det, a), want, 0);
}

TEST(SolveDerivatives, the_second_of_det_at_zero_is_the_alternating_form) {
  // det = ad - bc: the Hessian is constant, whatever the matrix.
  const Tensor want{{0, 0, 0, 1}, {0, 0, -1, 0}, {0, -1, 0, 0}, {1, 0, 0, 0}};
  const Tensor zero = zeros({2, 2});
  const auto f = [](std::span<const Tensor> x) { return det(x[0]); };
  expect_near(reshape(hessian(f, std::span(&zero, 1)), {4, 4}), want, 0);
  expect_near(reshape(hessian(f, std::span(&a2, 1)), {4, 4}), want, 0);
  // Order 3 at 0: the third derivative along A, A, A of a cubic form is 6 det(A).
  const Tensor z3 = zeros({3, 3}), along{{2, 0, 1}, {1, 3, 2}, {1, 1, 4}};
  Function now = f;
  for (int order = 0; order < 3; ++order)
    now = [now, along](std::span<const Tensor> x) {
      return jvp(now, x, std::span(&along, 1)).derivative;
    };
  EXPECT_NEAR(number(now(std::span(&z3, 1))), 6 * 18, 1e-12);
}

TEST(SolveDerivatives, the_second_of_logdet_is_minus_a_product_of_inverses) {
  // d^2 logdet(A)[E, F] = -tr(A^-1 E A^-1 F).
  const Tensor a = positive_definite(4), e = drawn({4, 4}, 7), f = drawn({4, 4}, 8);
  const auto along = [](const Function& g, const Tensor& direction) -> Function {
    return [g, direction](std::span<const Tensor> x) {
      return jvp(g, x, std::span(&direction, 1)).derivative;
    };
  };
  const Function logdet_of = [](std::span<const Tensor> x) { return logdet(x[0]); };
  const double got = number(along(along(logdet_of, e), f)(std::span(&a, 1)));
  const Tensor y = inv(a);
  EXPECT_NEAR(got, -number(trace(matmul(matmul(y, e), matmul(y, f)))), 1e-12);
  expect_near(gradient_of(logdet, a), transpose(inv(a)), 1e-13);
}

TEST(SolveDerivatives, of_a_solution_are_those_of_the_inverse_times_the_right_side) {
  const Tensor a = drawn({3, 3}) + 3.0 * eye(3), b = drawn({3}, 1), w = drawn({3}, 2);
  const Tensor args[] = {a, b};
  const int both[] = {0, 1};
  const auto by_solve = value_and_grads(
      [&](std::span<const Tensor> x) { return dot(w, solve(x[0], x[1])); }, args, both);
  const auto by_inverse = value_and_grads(
      [&](std::span<const Tensor> x) { return dot(w, matmul(inv(x[0]), x[1])); }, args, both);
  // b_bar = A^-T w, A_bar = -b_bar x^T.
  const Tensor b_bar = solve(transpose(a), w);
  expect_near(by_solve.grads[1], b_bar, 1e-14);
  expect_near(by_solve.grads[0], -outer(b_bar, solve(a, b)), 1e-14);
  for (const size_t i : {size_t{0}, size_t{1}})
    expect_near(by_solve.grads[i], by_inverse.grads[i], 1e-13);
}

TEST(SolveDerivatives, of_cholesky_is_symmetric_and_of_its_logdet_the_inverse) {
  // logdet(A) = 2 sum log L_ii.
  const Tensor a = positive_definite(5);
  const Tensor got =
      gradient_of([](const Tensor& x) { return 2.0 * sum(log(diagonal(cholesky(x)))); }, a);
  expect_near(got, inv(a), 1e-13);
  expect_near(got, transpose(got), 0);
}

TEST(SolveDerivatives, of_the_product_of_the_factors_is_that_of_the_matrix) {
  const Tensor weights = drawn({4, 4}, 9);
  const auto check = [&](const Function& product, const Tensor& a, const Tensor& want) {
    const int wrt[] = {0};
    const auto g =
        value_and_grads([&](std::span<const Tensor> x) { return sum(weights * product(x)); },
                        std::span(&a, 1), wrt);
    expect_near(g.grads[0], want, 1e-12);
    const Tensor along = drawn({4, 4}, 10);
    expect_near(jvp(product, std::span(&a, 1), std::span(&along, 1)).derivative, along, 1e-12);
  };
  const Tensor a = drawn({4, 4}) + 3.0 * eye(4);
  check(
      [](std::span<const Tensor> x) {
        const LU f = lu(x[0]);
        return matmul(transpose(f.p), matmul(f.l, f.u));
      },
      a, weights);
  check(
      [](std::span<const Tensor> x) {
        const QR f = qr(x[0]);
        return matmul(f.q, f.r);
      },
      a, weights);
}

TEST(SolveRefuses, shapes_and_types_word_for_word) {
  const Tensor wide{{1, 2, 3}, {4, 5, 6}};
  EXPECT_EQ(complaint([&] { inv(wide); }, ErrorKind::shape),
            "inv: f64[2,3] is not square. The last two axes must be equal.");
  EXPECT_EQ(complaint(
                [&] {
                  det(Tensor{1, 2});
                },
                ErrorKind::shape),
            "det: f64[2] is not a matrix. It needs at least two axes. Use reshape to make a row or "
            "a column.");
  EXPECT_EQ(complaint(
                [&] {
                  solve(a2, Tensor{1, 2, 3});
                },
                ErrorKind::shape),
            "solve: f64[2,2] and f64[3]: 2 unknowns, but 3 rows on the right. The right side is a "
            "vector (n) or has columns (..., n, k).");
  EXPECT_EQ(
      complaint([&] { solve(a2, Tensor(1.0)); }, ErrorKind::shape),
      "solve: f64[2,2] and f64[]: the right side has no axis. It is a vector or has columns.");
  EXPECT_EQ(
      complaint(
          [&] {
            solve(ones({3, 2, 2}), ones({4, 2, 1}));
          },
          ErrorKind::shape),
      "solve: f64[3,2,2] and f64[4,2,1]: leading axes [3] and [4] do not broadcast. They line "
      "up from the right, and only size 1 repeats.");
  EXPECT_EQ(complaint([&] { inv(iota(4)); }, ErrorKind::dtype),
            "inv: i64[4] is not a floating-point tensor. It computes in f32 or f64. Cast to f64 "
            "first.");
}

TEST(SolveRefuses, elements_that_are_not_finite_by_their_place) {
  const Tensor bad{{1, 2}, {inf, 4}};
  const std::string rest =
      ". Linear algebra needs finite numbers. Find where it came from, or replace it with "
      "where(isfinite(x), x, 0).";
  const std::string at = ": element [1,0] is inf" + rest;
  EXPECT_EQ(complaint([&] { solve(bad, Tensor{1, 2}); }, ErrorKind::domain), "solve" + at);
  EXPECT_EQ(complaint([&] { inv(bad); }, ErrorKind::domain), "inv" + at);
  EXPECT_EQ(complaint([&] { lu(bad); }, ErrorKind::domain), "lu" + at);
  EXPECT_EQ(complaint([&] { qr(bad); }, ErrorKind::domain), "qr" + at);
  EXPECT_EQ(complaint([&] { det(bad); }, ErrorKind::domain), "det" + at);
  EXPECT_EQ(complaint([&] { slogdet(bad); }, ErrorKind::domain), "slogdet" + at);
  EXPECT_EQ(complaint([&] { cholesky(bad); }, ErrorKind::domain), "cholesky" + at);
  EXPECT_EQ(complaint(
                [&] {
                  triangular_solve(bad, Tensor{1, 2});
                },
                ErrorKind::domain),
            "triangular_solve" + at);
  EXPECT_EQ(complaint(
                [&] {
                  solve(a2, Tensor{1, not_a_number});
                },
                ErrorKind::domain),
            "solve: element [1,0] is nan" + rest);
  EXPECT_EQ(complaint(
                [&] {
                  det(stack({a2, bad}));
                },
                ErrorKind::domain),
            "det: element [1,1,0] is inf" + rest);
}

TEST(SolveRefuses, singular_matrices_with_the_pivot) {
  const Tensor singular{{1, 2}, {2, 4}};
  const std::string fix =
      ". Its columns depend on each other. Add a small diagonal, such as 1e-6 * eye(2).";
  EXPECT_EQ(complaint(
                [&] {
                  solve(singular, Tensor{1, 2});
                },
                ErrorKind::numeric),
            "solve: f64[2,2] is singular, rcond 0: pivot 1 is 0" + fix);
  EXPECT_EQ(complaint(
                [&] {
                  inv(stack({a2, a2, singular}));
                },
                ErrorKind::numeric),
            "inv: matrix 2 of 3 is singular, rcond 0: pivot 1 is 0" + fix);
  EXPECT_EQ(complaint(
                [&] {
                  triangular_solve(Tensor{{0, 1}, {1, 1}}, Tensor{1, 1});
                },
                ErrorKind::numeric),
            "triangular_solve: f64[2,2] is singular, rcond 0: diagonal element 0 is 0" + fix);
  try {
    inv(singular);
    FAIL();
  } catch (const SingularMatrixError& e) {
    EXPECT_EQ(e.rcond, 0);
  }
  // The factors and the determinant of a singular matrix exist.
  EXPECT_EQ(number(det(singular)), 0);
  expect_near(lu(singular).u, Tensor{{2, 4}, {0, 0}}, 0);
}

TEST(SolveRefuses, matrices_without_a_cholesky_factor) {
  EXPECT_EQ(
      complaint(
          [&] {
            cholesky(Tensor{{1, 2}, {2, 1}});
          },
          ErrorKind::numeric),
      "cholesky: f64[2,2] is not positive definite: pivot 1 is -3. Add a small diagonal, such "
      "as 1e-6 * eye(2).");
  EXPECT_EQ(complaint(
                [&] {
                  cholesky(stack({eye(2), zeros({2, 2})}));
                },
                ErrorKind::numeric),
            "cholesky: matrix 1 of 2 is not positive definite: pivot 0 is 0. Add a small diagonal, "
            "such as 1e-6 * eye(2).");
  EXPECT_EQ(complaint([&] { cholesky(a2); }, ErrorKind::domain),
            "cholesky: f64[2,2] is not symmetric: element [1,0] is 2, but element [0,1] is 1. Both "
            "halves must be equal. Take (a + transpose(a)) / 2 if they should be.");
}

}  // namespace
}  // namespace gradus
