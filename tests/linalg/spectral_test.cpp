#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/repeated.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

void expect_close(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(to_string(got.type()), to_string(want.type()));
  if (got.size() == 0) return;
  EXPECT_LE(number(max(abs(got - want))), tolerance) << to_string(got);
}

template <class F>
std::string message(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Eigh, of_two_by_two_is_worked_by_hand) {
  const Eigh e = eigh(Tensor{{2, 1}, {1, 2}});
  expect_close(e.values, Tensor{1, 3}, 1e-15);
  const double r = std::sqrt(0.5);
  expect_close(abs(e.vectors), Tensor{{r, r}, {r, r}}, 1e-15);
  expect_close(matmul(transpose(e.vectors), e.vectors), eye(2), 1e-15);
}

TEST(Svd, of_the_guide_has_its_two_singular_values) {
  const Svd d = svd(Tensor{{1, 2, 3}, {4, 5, 6}});
  expect_close(d.s, Tensor{9.508032000695724, 0.772869635673485}, 1e-14);
  EXPECT_EQ(to_string(d.u.type()), "f64[2,2]");
  EXPECT_EQ(to_string(d.vt.type()), "f64[2,3]");
  const Svd full = svd(Tensor{{1, 2, 3}, {4, 5, 6}}, SvdShape::full);
  EXPECT_EQ(to_string(full.vt.type()), "f64[3,3]");
  expect_close(matmul(full.vt, transpose(full.vt)), eye(3), 1e-15);
  expect_close(slice_axis(full.vt, 0, {0, 2}), d.vt, 0);
}

TEST(Svd, batches_and_empty_matrices_keep_their_shapes) {
  const Svd d = svd(drawn(1, {2, 3, 5, 4}));
  EXPECT_EQ(to_string(d.u.type()), "f64[2,3,5,4]");
  EXPECT_EQ(to_string(d.s.type()), "f64[2,3,4]");
  EXPECT_EQ(to_string(d.vt.type()), "f64[2,3,4,4]");
  EXPECT_EQ(to_string(svd(zeros({0, 3})).vt.type()), "f64[0,3]");
  EXPECT_EQ(to_string(eigh(zeros({0, 0})).vectors.type()), "f64[0,0]");
  EXPECT_EQ(to_string(eig(zeros({4, 0, 0})).re.type()), "f64[4,0]");
}

TEST(Eig, of_a_matrix_and_of_a_quarter_turn) {
  const Eig e = eig(Tensor{{4, 2}, {1, 3}});
  expect_close(sort(e.re), Tensor{2, 5}, 1e-14);
  expect_close(e.im, Tensor{0, 0}, 0);
  const Eig turn = eig(Tensor{{0, -1}, {1, 0}});
  expect_close(turn.re, Tensor{0, 0}, 1e-15);
  expect_close(turn.im, Tensor{1, -1}, 1e-15);
}

TEST(Spectral, what_is_refused_is_named) {
  EXPECT_EQ(message([] {
              eigh(ones({2, 3}));
            }),
            "eigh: f64[2,3] is not square. The last two axes must be equal.");
  EXPECT_EQ(message([] {
              svd(Tensor{{1, 2}, {NAN, 4}});
            }),
            "svd: element [1,0] is nan. Linear algebra needs finite numbers. Find where it came "
            "from, or replace it with where(isfinite(x), x, 0).");
  EXPECT_EQ(message([] {
              eigh(Tensor{{1, 2}, {3, 4}});
            }),
            "eigh: f64[2,2] is not symmetric: element [1,0] is 3, but element [0,1] is 2. Both "
            "halves must be equal. Take (a + transpose(a)) / 2 if they should be.");
}

// What does not depend on the signs of vectors.
Tensor of_eigh(const Tensor& a) {
  const Eigh e = eigh(a + transpose(a));
  const Tensor weights = from_vector(std::vector<double>{1, -2, 0.5, 3});
  return sum(sin(e.values)) + sum(square(e.vectors) * e.values * expand_dims(weights, -1));
}
Tensor of_svd(const Tensor& a) {
  const Svd d = svd(a);
  const Tensor left = iota(d.u.shape()[0], DType::f64), right = iota(d.vt.shape()[1], DType::f64);
  return sum(log(d.s)) + sum(square(d.u) * expand_dims(left, -1) * d.s) +
         sum(square(d.vt) * square(right)) +
         sum(expand_dims(left, -1) * matmul(d.u * exp(-d.s), d.vt) * right);
}

TEST(Spectral, derivatives_agree_with_differences_in_both_modes_to_second_order) {
  const auto checked = [](Tensor (*f)(const Tensor&), const Tensor& a) {
    const Tensor args[] = {a};
    const GradCheck c = check_grads([f](std::span<const Tensor> x) { return f(x[0]); }, args, 2);
    EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
  };
  checked(of_eigh, drawn(2, {4, 4}));
  checked(of_svd, drawn(3, {4, 3}));
  checked(of_svd, drawn(4, {3, 5}));
  checked(of_svd, drawn(5, {3, 3}));
}

TEST(Spectral, the_gradient_of_a_norm_through_repeated_values_is_finite_and_right) {
  const Tensor a = diag(Tensor{1, 1, 2, 3});
  const auto frobenius = [](const Tensor& x) { return norm(svd(x).s); };
  const auto nuclear = [](const Tensor& x) { return sum(svd(x).s); };
  expect_close(grad(frobenius)(a), a / std::sqrt(15.0), 1e-15);
  expect_close(grad(nuclear)(a), eye(4), 1e-15);
  expect_close(grad([](const Tensor& x) { return sum(square(eigh(x).values)); })(a), 2.0 * a,
               1e-14);
}

TEST(Repeated, a_derivative_through_vectors_that_may_turn_is_told_of_word_for_word) {
  const Tensor a = diag(Tensor{2, 1, 1});
  // V e^w V^T does not change when the vectors of 1 turn, but its derivative holds their turn.
  const auto f = [](const Tensor& x) {
    const Eigh e = eigh(x);
    return sum(matmul(e.vectors * exp(e.values), transpose(e.vectors)) * ones({3, 3}));
  };
  std::vector<std::string> told;
  const RepeatedGuard guard(Repeated::warn, [&](const std::string& line) { told.push_back(line); });
  grad(f)(a);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0],
            "repeated values: values 0 and 1 are equal up to rounding, and a derivative runs "
            "through their vectors. Vectors that may turn among themselves are taken not to turn: "
            "what depends on the turn has no derivative, or another one. Take the derivative of "
            "what the values alone determine, or keep the values apart.");
  told.clear();
  grad([](const Tensor& x) { return sum(square(eigh(x).values)); })(a);
  grad([](const Tensor& x) { return norm(svd(x).s); })(a);
  grad(f)(diag(Tensor{3, 2, 1}));
  EXPECT_TRUE(told.empty());
  // The second derivative of what values determine runs through vectors.
  hvp([](const Tensor& x) { return sum(square(eigvalsh(x))); })(a, ones({3, 3}));
  EXPECT_EQ(told.size(), 1u);
}

TEST(Repeated, a_singular_value_of_zero_has_a_left_vector_of_many) {
  const Tensor a{{1, 0}, {0, 0}, {0, 0}};
  std::string told;
  const RepeatedGuard guard(Repeated::warn, [&](const std::string& line) { told = line; });
  grad([](const Tensor& x) { return sum(svd(x).u * Tensor{{1, 2}, {3, 4}, {5, 6}}); })(a);
  EXPECT_EQ(told.substr(0, 87),
            "repeated values: value 1 is 0 up to rounding, and a derivative runs through its "
            "vector.");
}

TEST(Repeated, the_policy_raises_or_is_silent_and_what_is_left_is_right) {
  const Tensor a = eye(3);
  const auto f = [](const Tensor& x) { return sum(eigh(x).vectors); };
  {
    const RepeatedGuard guard(Repeated::raise);
    EXPECT_EQ(message([&] { grad(f)(a); }).substr(0, 51),
              "repeated values: values 0 and 1 are equal up to rou");
    const RepeatedGuard inner(Repeated::ignore);
    EXPECT_NO_THROW(grad(f)(a));
  }
  // The polar factor U V^T does not change when pairs of vectors turn together: A itself where A is
  // orthogonal, and its derivative the skew part.
  const RepeatedGuard guard(Repeated::ignore);
  const auto polar = [](const Tensor& x) {
    const Svd d = svd(x);
    return matmul(d.u, d.vt);
  };
  const Tensor d = drawn(6, {3, 3});
  expect_close(jvp(polar)(a, d).derivative, 0.5 * (d - transpose(d)), 1e-15);
  expect_close(vjp(polar)(a, d).derivative, 0.5 * (d - transpose(d)), 1e-15);
}

// What does not depend on the length or the turn of vectors: A^3 from its parts, and their sizes.
Tensor of_eig(const Tensor& a) {
  const Eig e = eig(a);
  const Tensor power = e.re * (square(e.re) - 3.0 * square(e.im));
  const Tensor sizes = square(e.vectors_re) + square(e.vectors_im);
  const Tensor weights = expand_dims(iota(a.shape().back(), DType::f64), -1);
  return sum(power) + sum(sizes * weights * (e.re + square(e.im)));
}

TEST(Eig, derivatives_agree_with_differences_in_both_modes_to_second_order) {
  // A pair of complex values and a real one; then five, so that LAPACK finds them.
  const Tensor turned{{1, -2, 0.3}, {1.5, 0.5, -0.2}, {0.1, 0.4, 3}};
  const auto checked = [](Tensor (*f)(const Tensor&), const Tensor& a) {
    const Tensor args[] = {a};
    const GradCheck c = check_grads([f](std::span<const Tensor> x) { return f(x[0]); }, args, 2);
    EXPECT_TRUE(c.passed) << c.where << " " << c.worst;
  };
  checked(of_eig, turned);
  checked(of_eig, drawn(9, {5, 5}));
  const auto of_parts = [](const Tensor& a) {
    const Eig e = eig(a);
    return sum(e.vectors_re * iota(a.shape().back(), DType::f64)) + sum(sin(e.vectors_im)) +
           sum(e.im * e.im);
  };
  checked(of_parts, turned);
  checked(of_parts, drawn(10, {5, 5}));
  const auto of_values = [](const Tensor& a) {
    const Eigvals w = eigvals(a);
    return sum(sin(w.re)) + sum(square(w.im) * w.re);
  };
  checked(of_values, turned);
  checked(of_values, drawn(11, {6, 6}));
}

TEST(Eig, the_gradient_of_the_sum_of_cubes_is_three_times_the_square_transposed) {
  const Tensor a = drawn(12, {5, 5});
  const auto cubes = [](const Tensor& x) {
    const Eigvals w = eigvals(x);
    return sum(w.re * (square(w.re) - 3.0 * square(w.im)));
  };
  expect_close(grad(cubes)(a), 3.0 * transpose(matmul(a, a)), 1e-12);
}

TEST(Eig, values_alone_are_those_that_come_with_vectors) {
  for (const int64_t n : {2, 4, 5, 20}) {
    const Tensor a = drawn(13, {n, n});
    const Eigvals w = eigvals(a);
    const Eig e = eig(a);
    expect_close(sort(w.re), sort(e.re), 1e-12);
    expect_close(sort(w.im), sort(e.im), 1e-12);
  }
  EXPECT_EQ(to_string(eigvals(zeros({4, 0, 0})).re.type()), "f64[4,0]");
}

}  // namespace
}  // namespace gradus
