// gradus verify: the reference numbers of the requirements, each with what was expected, what came
// out, and whether it passed. A delivered row with a number that has no line here is a failure.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/half_arithmetic.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/diff/diff.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/numerics/sums.h>
#include <gradus/numerics/twins.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/average.h>
#include <gradus/optim/critical.h>
#include <gradus/optim/curvature.h>
#include <gradus/optim/gradients.h>
#include <gradus/optim/minimise.h>
#include <gradus/optim/optimiser.h>
#include <gradus/prob/bayes.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/fit.h>
#include <gradus/prob/information.h>
#include <gradus/prob/multivariate.h>
#include <gradus/prob/statistics.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/penalised.h>
#include <gradus/scalar/var.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

namespace gradus::app {
namespace {

// Rows that are delivered and carry a number.
constexpr std::string_view delivered[] = {
    "LA-01", "LA-02", "LA-03", "LA-04", "LA-05", "LA-08", "LA-10", "LA-11", "LA-12", "LA-29",
    "LA-13", "LA-14", "LA-15", "LA-17", "LA-18", "LA-19", "LA-20", "LA-27", "LA-30", "LA-31",
    "E4",    "E5",    "E16",   "CA-01", "CA-02", "CA-03", "CA-04", "CA-05", "CA-06", "CA-08",
    "CA-09", "CA-10", "CA-11", "CA-14", "CA-15", "CA-16", "CA-17", "CA-18", "CA-20", "CA-23",
    "CA-24", "CA-25", "CA-26", "CA-28", "PR-16", "PR-24", "NU-01", "NU-02", "NU-03", "NU-04",
    "NU-05", "NU-06", "NU-07", "NU-10", "NU-14", "NU-16", "NU-17", "NU-18", "OP-01", "OP-03",
    "OP-04", "OP-05", "OP-06", "OP-02", "OP-07", "OP-08", "OP-09", "OP-10", "OP-13", "OP-15",
    "OP-16", "OP-17", "OP-18", "OP-23", "PR-22", "NN-01", "NN-03", "NN-04", "NN-05", "NN-07",
    "NN-11", "NN-16", "IT-03", "IT-04", "RE-01", "RE-02", "RE-03", "RE-04", "RE-05", "RE-06",
    "RE-07", "RE-08", "RE-10", "NU-12", "E9",    "E10",   "E1",    "E2",    "E3",    "E12",
    "E14",   "E15",   "PR-17", "IT-01", "IT-02", "IT-05", "IT-08", "IT-09", "IT-13", "IT-16",
    "NU-11", "NU-15", "E8",    "E13",   "E17",   "PR-01", "PR-02", "PR-03", "PR-04", "PR-07",
    "PR-08", "PR-09", "PR-10", "PR-11", "PR-13", "PR-15", "PR-20", "PR-21", "PR-23", "PR-19",
    "IT-10", "LA-22", "CA-07", "AT-01", "AT-03", "LA-23", "LA-24", "E7"};

constexpr uint64_t seed = 42;

struct Line {
  std::string row, what;
  double expected, got, tolerance;
  bool passed() const {
    if (std::isnan(expected)) return std::isnan(got);
    if (std::isinf(expected)) return got == expected;
    return std::fabs(got - expected) <= tolerance;
  }
};

class Book {
 public:
  // |got - expected| <= tolerance; 0 means equal.
  void check(std::string row, std::string what, double expected, double got, double tolerance = 0) {
    lines.push_back({std::move(row), std::move(what), expected, got, tolerance});
  }
  void check(const std::string& row, const std::string& what,
             std::initializer_list<double> expected, const Tensor& got, double tolerance = 0) {
    const std::vector<double> all = numbers(got);
    size_t i = 0;
    for (double e : expected) {
      check(row, what + "[" + std::to_string(i) + "]", e, i < all.size() ? all[i] : std::nan(""),
            tolerance);
      ++i;
    }
  }
  std::vector<Line> lines;
};

Tensor randn(RandomState& state, const Shape& shape) {
  return from_vector(state.randn(element_count(shape)), shape);
}

void linear_algebra(Book& b) {
  const Tensor v{3, 4}, w{1, 2};
  b.check("LA-01", "elements of [3, 4]", 2, static_cast<double>(v.size()));
  b.check("LA-02", "[3,4] + [1,2]", {4, 6}, v + w);
  b.check("LA-02", "2 [3,4]", {6, 8}, 2.0 * v);
  b.check("LA-03", "[3,4] . [1,2]", 11, number(dot(v, w)));
  const double cosine = number(cosine_similarity(v, w));
  b.check("LA-03", "angle in degrees", 10.3048, std::acos(cosine) * 180 / std::numbers::pi, 5e-5);
  b.check("LA-03", "[1,0] . [0,1]", 0, number(dot({1, 0}, {0, 1})));
  b.check("LA-03", "[1,0] . [-1,0]", -1, number(dot({1, 0}, {-1, 0})));
  b.check("LA-04", "cosine similarity", 0.98386991, cosine, 5e-9);
  const Tensor n{3, -4, 1};
  b.check("LA-05", "L1 norm of [3,-4,1]", 8, number(norm_p(n, 1)));
  b.check("LA-05", "L2 norm", 5.0990, number(norm(n)), 5e-5);
  b.check("LA-05", "Linf norm", 4, number(norm_p(n, std::numeric_limits<double>::infinity())));
  b.check("LA-05", "norm([3,4])", 5, number(norm(v)));
  b.check("LA-05", "norm([1e200, 1e200])", 1.4142135623730951e200, number(norm({1e200, 1e200})),
          1e185);
  const Tensor a = reshape(arange(1, 10), {3, 3}), c = reshape(flip(arange(1, 10), {0}), {3, 3});
  b.check("LA-08", "A B", {30, 24, 18, 84, 69, 54, 138, 114, 90}, matmul(a, c));
  b.check("LA-08", "B A", {90, 114, 138, 54, 69, 84, 18, 24, 30}, matmul(c, a));
  b.check("LA-10", "A^T", {1, 4, 7, 2, 5, 8, 3, 6, 9}, transpose(a));
  b.check("LA-10", "(A B)^T - B^T A^T", 0,
          number(max(abs(transpose(matmul(a, c)) - matmul(transpose(c), transpose(a))))));
  const Tensor m{{3, 1}, {2, 4}};
  b.check("LA-11", "inv([[3,1],[2,4]])", {0.4, -0.1, -0.2, 0.3}, inv(m), 1e-15);
  b.check("LA-11", "its product with the matrix minus I", 0,
          number(max(abs(matmul(m, inv(m)) - eye(2)))), 1e-15);
  b.check("LA-12", "det([[3,1],[2,4]])", 10, number(det(m)), 1e-14);
  b.check("LA-12", "det of 1..9", 0, number(det(a)), 1e-12);
  const auto [P, L, U] = lu(m);
  b.check("LA-29", "P A - L U", 0, number(max(abs(matmul(P, m) - matmul(L, U)))), 1e-15);
  const auto [Q, R] = qr(m);
  b.check("LA-29", "A - Q R", 0, number(max(abs(m - matmul(Q, R)))), 1e-15);
  const Tensor spd = matmul(m, transpose(m)), chol = cholesky(spd);
  b.check("LA-29", "A - L L^T", 0, number(max(abs(spd - matmul(chol, transpose(chol))))), 1e-14);
  b.check("LA-29", "A solve(A, b) - b", 0, number(max(abs(matmul(m, solve(m, w)) - w))), 1e-15);
  b.check("LA-27", "batched product minus row by row", 0,
          number(max(abs(row(matmul(a, c), 1) - matmul(row(a, 1), c)))));
  b.check("LA-13", "rank of 1..9", 2, number(matrix_rank(a)));
  const Eig general = eig(Tensor{{4, 2}, {1, 3}}), turn = eig(Tensor{{0, -1}, {1, 0}});
  b.check("LA-14", "eigenvalues of [[4,2],[1,3]]", {2, 5}, sort(general.re), 1e-14);
  b.check("LA-14", "components of its vectors", {0.4472, 0.7071, 0.7071, 0.8944},
          sort(reshape(abs(general.vectors_re), {4})), 5e-5);
  b.check("LA-14", "imaginary parts of a quarter turn's", {1, -1}, turn.im, 1e-15);
  const Eigh symmetric = eigh(Tensor{{2, 1}, {1, 2}});
  b.check("LA-15", "eigenvalues of [[2,1],[1,2]]", {1, 3}, symmetric.values, 1e-14);
  b.check("LA-15", "Q^T Q - I", 0,
          number(max(abs(matmul(transpose(symmetric.vectors), symmetric.vectors) - eye(2)))),
          1e-12);
  b.check("LA-17", "0.9^50", 0.005154, number(matrix_power(Tensor{{0.9}}, 50)), 5e-7);
  b.check("LA-17", "1.1^50", 117.39, number(matrix_power(Tensor{{1.1}}, 50)), 5e-3);
  b.check("LA-18", "condition of diag(1000, 1)", 1000, number(cond(diag(Tensor{1000, 1}))), 1e-10);
  const Tensor steps = iota(8, DType::f64);
  b.check("LA-18", "condition of Hilbert(8) / 1e10", 1.526,
          number(cond(1.0 / (expand_dims(steps, 1) + steps + 1.0))) / 1e10, 5e-4);
  const Tensor six{{1, 2, 3}, {4, 5, 6}};
  b.check("LA-19", "singular values of [[1,2,3],[4,5,6]]", {9.508032, 0.772870}, svd(six).s, 5e-7);
  const LowRank one = low_rank(six, 1);
  b.check("LA-20", "its nearest matrix of rank 1", {1.57, 2.08, 2.59, 3.76, 4.97, 6.17},
          one.matrix(), 5e-3);
  b.check("LA-20", "the Frobenius error", 0.772870, number(norm(six - one.matrix())), 5e-7);
  b.check("LA-31", "gradient of the norm of diag(1,1,2,3) by its singular values, times sqrt(15)",
          {1, 1, 2, 3},
          diagonal(grad([](const Tensor& x) { return norm(svd(x).s); })(diag(Tensor{1, 1, 2, 3}))) *
              std::sqrt(15.0),
          1e-14);
  // Both eigenvalues are 1: ((t + sqrt(t^2 + 4)) / 2)^2 with t = 1000.
  b.check("E4", "condition of [[1,1000],[0,1]]", 1000001.999999,
          number(cond(Tensor{{1, 1000}, {0, 1}})), 1e-3);
  const Tensor shear{{0.9, 5}, {0, 0.9}};
  const auto power_norm = [&](int64_t k) { return number(norm(matrix_power(shear, k))); };
  double peak = 0;
  int64_t peak_at = 0;
  for (int64_t k = 1; k <= 100; ++k)
    if (power_norm(k) > peak) peak = power_norm(k), peak_at = k;
  b.check("E5", "spectral radius of [[0.9,5],[0,0.9]]", 0.9, number(max(eig(shear).re)), 1e-7);
  b.check("E5", "its largest singular value", 5.157, number(spectral_norm(shear)), 5e-4);
  b.check("E5", "the largest norm of its powers", 19.38, peak, 5e-3);
  b.check("E5", "the power that has it", 9, static_cast<double>(peak_at));
  b.check("E5", "norm of its 100th power", 0.0148, power_norm(100), 5e-5);
  b.check("E16", "rank of the eigenvectors of [[1,1],[0,1]]", 1,
          number(matrix_rank(eig(Tensor{{1, 1}, {0, 1}}).vectors_re, 1e-8)));
  b.check("LA-30", "trace by einsum", 15, number(einsum("ii->", {a})));
  b.check("LA-30", "outer([3,4],[1,2])", {3, 6, 4, 8}, outer(v, w));
  RandomState state(seed);
  const Tensor cloud = matmul(randn(state, {100, 2}), Tensor{{1, 0.8}, {0, 0.2}});
  const Pca axes = pca(cloud);
  b.check("LA-22", "first principal direction of RandomState(42)'s cloud", {0.767725, 0.640780},
          abs(row(axes.components, 0)), 5e-7);
  b.check("LA-22", "its share of the variance", 0.980968, number(row(axes.ratios, 0)), 5e-7);
  b.check("LA-22", "the covariance", {0.7333, 0.5921, 0.5921, 0.5180}, covariance_matrix(cloud),
          5e-5);
  const Tensor signal = matmul(randn(state, {60, 2}), randn(state, {2, 40}));
  const Tensor noisy = signal + 0.1 * randn(state, {60, 40});
  const LowRank kept = low_rank_by_gap(noisy);
  b.check("LA-23", "rank of two directions in noise, by the widest gap", 2,
          static_cast<double>(kept.rank));
  b.check("LA-23", "truncating there lowers the error", 1,
          number(norm(kept.matrix() - signal)) < number(norm(noisy - signal)));
  const Spectrum of_three = spectrum(diag(Tensor{2, 1, 1}));
  b.check("LA-24", "stable rank of diag(2, 1, 1)", 1.5, of_three.stable_rank, 1e-15);
  b.check("LA-24", "its effective rank, 2^1.5", 2.828427, of_three.effective_rank, 5e-7);
}

void calculus(Book& b) {
  const auto quotient = [](double h) { return (std::exp(1 + h) - std::exp(1 - h)) / (2 * h); };
  b.check("CA-01", "central difference of e^x at 1, h 1e-3: error", 4.5e-7,
          quotient(1e-3) - std::numbers::e, 5e-9);
  b.check("CA-01", "the same, h 1e-5", 5.9e-11, std::fabs(quotient(1e-5) - std::numbers::e), 5e-12);
  b.check("CA-01", "the same, h 1e-11", 1.0e-5, std::fabs(quotient(1e-11) - std::numbers::e), 5e-7);
  b.check("CA-01", "forward difference, h 1e-5", 1.36e-5,
          (std::exp(1 + 1e-5) - std::numbers::e) / 1e-5 - std::numbers::e, 5e-8);
  const auto rule = [](const Tensor& x) { return sin(square(x)) * exp(x) / (x + 3.0); };
  double worst = 0;
  for (int i = 0; i < 100; ++i) {
    const double x = -2 + 0.04 * i;
    const double exact = std::exp(x) *
                         ((2 * x * std::cos(x * x) + std::sin(x * x)) * (x + 3) - std::sin(x * x)) /
                         ((x + 3) * (x + 3));
    worst =
        std::max(worst, std::fabs(number(grad(rule)(Tensor(x))) - exact) / (1 + std::fabs(exact)));
  }
  b.check("CA-02", "sum, product, quotient and chain rule, 100 points", 0, worst, 1e-14);
  b.check("CA-03", "sigmoid(2)", 0.880797, number(sigmoid(Tensor(2.0))), 5e-7);
  b.check("CA-03", "sigmoid'(2)", 0.104994,
          number(grad([](const Tensor& x) { return sigmoid(x); })(Tensor(2.0))), 5e-7);
  b.check("CA-03", "tanh'(1)", 0.419974,
          number(grad([](const Tensor& x) { return tanh(x); })(Tensor(1.0))), 5e-7);
  b.check("CA-03", "relu'(0)", 0,
          number(grad([](const Tensor& x) { return relu(x); })(Tensor(0.0))));
  const auto bowl = [](const Tensor& x) { return sum(square(x) * Tensor({1, 2})); };
  const Tensor p{3, 4};
  b.check("CA-04", "partial derivatives of x^2 + 2 y^2 at (3, 4)", {6, 16}, grad(bowl)(p));
  double best = -1e9, angle = 0;
  for (int degree = 0; degree < 360; ++degree) {
    const double t = degree * std::numbers::pi / 180;
    const double slope = number(jvp(bowl)(p, Tensor({std::cos(t), std::sin(t)})).derivative);
    if (slope > best) best = slope, angle = degree;
  }
  b.check("CA-05", "steepest of 360 directions, in degrees",
          std::atan2(16, 6) * 180 / std::numbers::pi, angle, 0.5);
  std::vector<double> differences;
  for (int i = 0; i < 2; ++i) {
    constexpr double h = 1e-5;
    const Tensor unit = one_hot(from_vector(std::vector<int64_t>{i}), 2, DType::f64);
    const Tensor e = reshape(unit, {2}) * h;
    differences.push_back((number(bowl(p + e)) - number(bowl(p - e))) / (2 * h));
  }
  b.check("CA-06", "numerical gradient, h 1e-5", {6, 16}, from_vector(differences), 1e-8);
  const auto inner = [](const Tensor& x) { return stack({row(x, 0) * row(x, 1), sin(row(x, 0))}); };
  const auto outside = [](const Tensor& y) {
    return stack({exp(row(y, 1)), row(y, 0) * row(y, 1)});
  };
  const Tensor chained = jacobian([&](const Tensor& x) { return outside(inner(x)); })(p);
  b.check("CA-08", "J(f o g) - J_f J_g", 0,
          number(max(abs(chained - matmul(jacobian(outside)(inner(p)), jacobian(inner)(p))))),
          1e-12);
  const auto neuron = [](const Tensor& weight) { return square(sigmoid(weight * 2.0) - 1.0); };
  b.check("CA-09", "dL/dw of one sigmoid neuron", -0.211508, number(grad(neuron)(Tensor(0.5))),
          5e-7);
  b.check("CA-09", "its loss", 0.072329, number(neuron(Tensor(0.5))), 5e-7);

  RandomState state(seed);
  const Tensor w1 = randn(state, {4, 3}), w2 = randn(state, {2, 4});
  const Tensor x{1, 2, 3}, bar{1, -1};
  const auto simple = [&](const Tensor& first) {
    return sum(bar * matmul(w2, relu(matmul(first, x))));
  };
  const Tensor g = grad(simple)(w1);
  const Tensor by_hand =
      outer(matmul(transpose(w2), bar) * cast(matmul(w1, x) > 0.0, DType::f64), x);
  b.check("CA-11", "manual backward minus automatic", 0, number(max(abs(g - by_hand))), 1e-12);
  b.check("CA-10", "second column over first of dW1", 2,
          number(element(g, {0, 1}) / element(g, {0, 0})), 1e-12);
  const Tensor s1 = 0.1 * w1, s2 = 0.1 * w2;
  b.check("CA-10", "outputs of the 3-4-2 net of RandomState(42)", {-0.030928, -0.036291},
          matmul(s2, relu(matmul(s1, x))), 5e-7);
  const Tensor gs =
      grad([&](const Tensor& first) { return sum(bar * matmul(s2, relu(matmul(first, x)))); })(s1);
  b.check("CA-10", "gradient of its first unit", {0.125479, 0.250959, 0.376438}, row(gs, 0), 5e-7);
  b.check("CA-10", "of its dead unit", {0, 0, 0}, row(gs, 3));
  b.check("CA-07", "reverse mode: gradient of x^2 + 2 y^2 at (3, 4)", {6, 16}, grad(bowl)(p));
  b.check("CA-20", "|gradient| of x^2 + 2 y^2 at its minimum", 0,
          number(norm(grad(bowl)(Tensor({0, 0})))));
  b.check("CA-23", "third derivative of x^4 at 2", 48,
          number(nth_derivative([](std::span<const Tensor> a) { return pow(a[0], 4.0); },
                                Tensor(2.0), 3)),
          1e-12);
  const auto from_polar = [](const Tensor& t) {
    return row(t, 0) * stack({cos(row(t, 1)), sin(row(t, 1))});
  };
  const Tensor polar{2, std::numbers::pi / 3};
  b.check("CA-14", "Jacobian of polar to Cartesian at (2, pi/3)", {0.5, -1.7321, 0.8660, 1},
          jacobian(from_polar)(polar), 5e-5);
  b.check("CA-14", "forward minus reverse mode", 0,
          number(max(abs(jacobian(from_polar, {.mode = Mode::forward})(polar) -
                         jacobian(from_polar, {.mode = Mode::reverse})(polar)))),
          1e-12);
  b.check("CA-16", "Hessian of x^2 + 2 y^2", {2, 0, 0, 4}, hessian(bowl)(p));
  const auto rosenbrock = [](const Tensor& t) {
    return 100.0 * square(row(t, 1) - square(row(t, 0))) + square(1.0 - row(t, 0));
  };
  const Tensor H = hessian(rosenbrock)(Tensor{1, 1}), curvatures = eigvalsh(H);
  b.check("CA-16", "Hessian of Rosenbrock at (1, 1)", {802, -400, -400, 200}, H);
  b.check("CA-16", "its eigenvalues", {0.399361, 1001.6006}, curvatures, 5e-5);
  b.check("CA-16", "its condition", 2508.01, number(row(curvatures, 1) / row(curvatures, 0)), 5e-3);
  const Tensor v{0.3, -0.7};
  b.check("CA-15", "u . (J v) - (J^T u) . v", 0,
          number(dot(Tensor{0.4, 0.9}, jvp(from_polar)(polar, v).derivative) -
                 dot(vjp(from_polar)(polar, Tensor{0.4, 0.9}).derivative, v)),
          1e-15);
  b.check("CA-17", "H v - hvp", 0,
          number(max(abs(matmul(H, v) - hvp(rosenbrock)(Tensor{1, 1}, v)))), 1e-12);
  const auto kind = [](const VectorFunction& f) {
    return static_cast<double>(classify_critical(f, Tensor{0, 0}).kind);
  };
  const auto x0 = [](const Tensor& t) { return row(t, 0); };
  const auto y0 = [](const Tensor& t) { return row(t, 1); };
  const auto code = [](CriticalKind k) { return static_cast<double>(k); };
  b.check("CA-18", "x^2 + y^2: minimum", code(CriticalKind::minimum),
          kind([](const Tensor& t) { return sum(square(t)); }));
  b.check("CA-18", "-x^2 - y^2: maximum", code(CriticalKind::maximum),
          kind([](const Tensor& t) { return -sum(square(t)); }));
  b.check("CA-18", "x^2 - y^2: saddle", code(CriticalKind::saddle),
          kind([&](const Tensor& t) { return square(x0(t)) - square(y0(t)); }));
  b.check(
      "CA-18", "x^3 - 3 x y^2: inconclusive", code(CriticalKind::inconclusive),
      kind([&](const Tensor& t) { return x0(t) * square(x0(t)) - 3.0 * x0(t) * square(y0(t)); }));
  b.check("CA-18", "x^2 + y^4: inconclusive", code(CriticalKind::inconclusive),
          kind([&](const Tensor& t) { return square(x0(t)) + square(square(y0(t))); }));
  b.check(
      "CA-24", "per-example gradients minus a loop", 0,
      number(max(abs(vmap(grad(rosenbrock))(Tensor{{1, 2}, {3, 4}}) -
                     stack({grad(rosenbrock)(Tensor{1, 2}), grad(rosenbrock)(Tensor{3, 4})})))));
  const auto doubled = custom_vjp(
      [](const Tensor& t) { return square(t); },
      [](const Tensor& t, const Tensor&, const Tensor& t_bar) { return 4.0 * t * t_bar; },
      {.exact = false});
  b.check("CA-25", "gradient of x^2 at 3 by a rule of the user's that doubles it", 12,
          number(grad(doubled)(3.0)));
  b.check("CA-26", "third derivative of x^4 at 2 by Dual", 48,
          scalars::nth_derivative<3>([](auto t) { return t * t * t * t; }, 2.0));
  b.check("CA-26", "gradient of hypot at (3, 4) by Var", {0.6, 0.8},
          from_vector(scalars::gradient([](auto t) { return hypot(t[0], t[1]); },
                                        std::vector<double>{3, 4})),
          1e-15);
  b.check("CA-28", "gradient of prod([2,0,3,4])", {0, 24, 0, 0},
          grad([](const Tensor& t) { return prod(t); })(Tensor({2, 0, 3, 4})));
}

void numbers_in_machines(Book& b) {
  b.check("NU-01", "bits of 0.1f", 0x3DCCCCCD, std::bit_cast<uint32_t>(0.1f));
  b.check("NU-01", "f32 epsilon", 1.1920928955078125e-7,
          static_cast<double>(std::numeric_limits<float>::epsilon()));
  const auto through = [](double x, DType t) {
    return number(cast(cast(Tensor({x}), t), DType::f64));
  };
  b.check("NU-02", "65000 in f16", 64992, through(65000, DType::f16));
  b.check("NU-02", "70000 in f16", std::numeric_limits<double>::infinity(),
          through(70000, DType::f16));
  b.check("NU-02", "largest f16", 65504, static_cast<double>(f32_from_f16(0x7BFF)));
  b.check("NU-02", "smallest normal f16", 6.103515625e-05,
          static_cast<double>(f32_from_f16(0x0400)));
  b.check("NU-03", "pi in bf16", 3.140625, through(std::numbers::pi, DType::bf16));
  b.check("NU-03", "largest bf16", 3.3895e38, static_cast<double>(f32_from_bf16(0x7F7F)), 5e33);
  b.check("NU-04", "0.1 + 0.2 in f64", 0.30000000000000004, number(Tensor({0.1}) + 0.2));
  b.check("NU-04", "0.1 + 0.2 in f32", 0.30000001192092896,
          number(cast(cast(Tensor({0.1}), DType::f32) + 0.2, DType::f64)));
  b.check("E2", "f32(0.1) + f32(0.2) - f32(0.3)", 0,
          number(cast(Tensor({0.1}), DType::f32) + 0.2 - cast(Tensor({0.3}), DType::f32)));
  b.check("E3", "spacing of f16 near 65000", 32,
          static_cast<double>(f32_from_f16(0x7BF0) - f32_from_f16(0x7BEF)));
  b.check("NU-05", "largest f32", 3.4028e38, static_cast<double>(std::numeric_limits<float>::max()),
          5e33);
  b.check("NU-05", "smallest normal f64", 2.225e-308, std::numeric_limits<double>::min(), 5e-312);
  b.check("NU-05", "largest f64, over 1e308", 1.798, std::numeric_limits<double>::max() / 1e308,
          5e-4);
  b.check("NU-05", "smallest normal f32", 1.175e-38,
          static_cast<double>(std::numeric_limits<float>::min()), 5e-42);
  b.check("E14", "smallest f16 subnormal", 5.9604644775390625e-08,
          static_cast<double>(f32_from_f16(1)));
  b.check("NU-06", "softmax([1,2,3])", {0.09003057, 0.24472847, 0.66524096},
          softmax(Tensor({1, 2, 3})), 5e-9);
  b.check("NU-06", "softmax([1000,2000,3000])", {0, 0, 1}, softmax(Tensor({1000, 2000, 3000})));
  const Tensor huge = exp(Tensor({1000, 2000, 3000}));
  b.check("NU-06", "the naive softmax of the same", std::nan(""), number(row(huge / sum(huge), 0)));
  b.check("NU-07", "log_softmax([2,1,0.1])", {-0.4170, -1.4170, -2.3170},
          log_softmax(Tensor({2, 1, 0.1})), 5e-5);
  b.check("NU-07", "logsumexp([1000,1000])", 1000.6931471805599,
          number(logsumexp(Tensor({1000, 1000}))), 1e-12);
  const Tensor many = ones({int64_t{1} << 25}, DType::f32);
  b.check("NU-10", "sum of 2^25 ones in f32", 33554432, number(sum(many)));
  float naive = 0;
  for (int i = 0; i < (1 << 25); ++i) naive += 1.0f;
  b.check("NU-10", "one accumulator instead", 16777216, static_cast<double>(naive));
  b.check("NU-16", "sigmoid(-1000)", 0, number(sigmoid(Tensor(-1000.0))));
  b.check("NU-16", "softplus(1000)", 1000, number(softplus(Tensor(1000.0))));
  b.check("NU-16", "log_sigmoid(-1000)", -1000, number(log_sigmoid(Tensor(-1000.0))));
  b.check("NU-16", "hypot(3e200, 4e200)", 5e200, number(hypot(Tensor({3e200}), Tensor({4e200}))),
          1e185);
  b.check("NU-18", "f32 with f64 gives f64 (bytes)", 8,
          static_cast<double>(size_of((Tensor({1}) + cast(Tensor({1}), DType::f32)).dtype())));
  b.check("NU-18", "f32 meeting a C++ number stays f32 (bytes)", 4,
          static_cast<double>(size_of((cast(Tensor({1}), DType::f32) + 0.1).dtype())));
  b.check("E15", "Adam's sqrt(v) + eps at v = 0", 1e-8, number(sqrt(Tensor(0.0)) + 1e-8));
  b.check("E15", "batch norm's sqrt(v + eps) at v = 0", 1e-4, number(sqrt(Tensor(0.0) + 1e-8)),
          1e-20);
}

void sums_and_twins(Book& b) {
  const std::vector<float> ones(size_t{1} << 25, 1.0f);
  b.check("NU-10", "Kahan's sum of 2^25 ones in f32", 33554432,
          static_cast<double>(kahan_sum(ones)));
  b.check("NU-10", "the pairwise one", 33554432, static_cast<double>(pairwise_sum(ones)));
  b.check("LA-03", "compensated [1e10,1,-1e10] . [1e10,1,1e10]", 1,
          compensated_dot(std::vector{1e10, 1.0, -1e10}, std::vector{1e10, 1.0, 1e10}));
  for (const Twin& t : unstable_twins()) {
    const bool of_cosine = std::string_view(t.what) == "cosine near 0";
    if (!of_cosine && std::string_view(t.what) != "logarithm near 1") continue;
    b.check("NU-11", t.unstable, 0, t.naive(t.x));
    b.check("NU-11", t.stable, of_cosine ? 5e-17 : 1e-16, t.careful(t.x), 1e-31);
  }
  double held = 0;
  for (const Twin& t : unstable_twins())
    held +=
        correct_digits(t.naive(t.x), t.exact) < 8 && correct_digits(t.careful(t.x), t.exact) > 15;
  b.check("NU-15", "unstable formulas that fail beside a twin that holds", 12, held);
  const BFloat16 least_bf16(0x1p-133);
  b.check("NU-05", "smallest bf16 subnormal", 9.183549615799121e-41, to_f64(least_bf16));
  const Float16 mask(-1e9);
  b.check("E13", "-1e9 in f16", -std::numeric_limits<double>::infinity(), to_f64(mask));
  b.check("E13", "softmax of a row of nothing but -inf", std::nan(""), to_f64(mask - mask));
}

void information(Book& b) {
  constexpr LogBase bits = LogBase::two, nats = LogBase::e;
  b.check("IT-01", "entropy of four equal chances, bits", 2,
          number(entropy({0.25, 0.25, 0.25, 0.25}, bits)));
  b.check("IT-01", "of [.97,.01,.01,.01]", 0.2419, number(entropy({0.97, 0.01, 0.01, 0.01}, bits)),
          5e-5);
  b.check("IT-01", "of certainty", 0, number(entropy({1, 0, 0, 0}, bits)));
  const Tensor p{0.4, 0.3, 0.2, 0.1}, q{0.35, 0.35, 0.15, 0.15};
  b.check("IT-02", "H(p, q), nats", 1.304011, number(cross_entropy(p, q, nats)), 5e-7);
  b.check("IT-02", "H(p)", 1.279854, number(entropy(p, nats)), 5e-7);
  b.check("IT-02", "H(p, q) - H(p) - D(p || q)", 0,
          number(cross_entropy(p, q, nats) - entropy(p, nats) - kl_divergence(p, q, nats)), 1e-15);
  b.check("IT-05", "D(p || q), nats", 0.024157, number(kl_divergence(p, q, nats)), 5e-7);
  b.check("IT-05", "the same in bits", 0.034852, number(kl_divergence(p, q, bits)), 5e-7);
  b.check("IT-05", "D(q || p), nats", 0.024884, number(kl_divergence(q, p, nats)), 5e-7);
  b.check("IT-05", "of allowed and forbidden", std::numeric_limits<double>::infinity(),
          number(kl_divergence({0.5, 0.5}, {1, 0}, nats)));
  b.check("E8", "D(p || q), bits", 0.034852, number(kl_divergence(p, q, bits)), 5e-7);
  b.check("E17", "D(q || p), nats", 0.024884, number(kl_divergence(q, p, nats)), 5e-7);
  b.check("IT-08", "Jensen-Shannon, nats", 0.006105, number(js_divergence(p, q, nats)), 5e-7);
  b.check("IT-09", "mutual information of [[.4,.1],[.1,.4]], bits", 0.2781,
          number(mutual_information({{0.4, 0.1}, {0.1, 0.4}}, bits)), 5e-5);
  b.check("IT-09", "of independence", 0,
          number(mutual_information({{0.25, 0.25}, {0.25, 0.25}}, bits)));
  const Tensor vocabulary = full({8}, 0.125);
  b.check("IT-13", "perplexity of 8 equal words", 8,
          number(perplexity(cross_entropy(vocabulary, vocabulary, nats), nats)), 1e-14);
  const auto slope = [](const auto& loss) { return number(grad(loss)(Tensor(-5.0))); };
  b.check("IT-16", "slope of the cross-entropy at z = -5, y = 1", -0.9933,
          slope([](const Tensor& z) {
            return binary_cross_entropy_with_logits(z, 1.0, Reduction::mean);
          }),
          5e-5);
  b.check("IT-16", "of the squared error behind a sigmoid", -0.0132,
          slope([](const Tensor& z) { return square(sigmoid(z) - 1.0); }), 5e-5);
}

void probability(Book& b) {
  const std::vector<double> one_to_five{1, 2, 3, 4, 5}, five{2, 4, 5, 4, 5};
  b.check("PR-17", "covariance of 1..5 and [2,4,5,4,5]", 1.5, covariance(one_to_five, five, 1));
  b.check("PR-17", "correlation", 0.774597, correlation(one_to_five, five), 5e-7);
  b.check("PR-17", "of a constant", std::nan(""),
          correlation(one_to_five, std::vector<double>(5, 2.0)));
  b.check("PR-16", "variance of [1..5], ddof 0", 2, number(var(Tensor({1, 2, 3, 4, 5}))));
  b.check("PR-16", "variance of [1..5], ddof 1", 2.5, number(var(Tensor({1, 2, 3, 4, 5}), {}, 1)));
  RandomState state(42);
  b.check("PR-24", "RandomState(42).randn(4)", {0.49671415, -0.1382643, 0.64768854, 1.52302986},
          from_vector(state.randn(4)), 5e-9);
  const Tensor y{1, 0, 1, 1, 0}, p{0.9, 0.1, 0.8, 0.7, 0.2};
  b.check("IT-03", "binary cross-entropy of five predictions", 0.202737,
          number(binary_cross_entropy(p, y, Reduction::mean)), 5e-7);
  b.check("IT-03", "with logits, z = 1000, y = 0", 1000,
          number(binary_cross_entropy_with_logits(Tensor({1000}), Tensor({0}), Reduction::mean)));
  const Tensor logits{{2, 1, 0.1}}, truth{{1, 0, 0}};
  b.check("IT-04", "cross-entropy of [2, 1, 0.1], class 0", 0.417030,
          number(cross_entropy(logits, truth, Reduction::mean)), 5e-7);
  b.check("IT-04", "its gradient p - y", {-0.340999, 0.242433, 0.098566},
          grad([&](const Tensor& z) { return cross_entropy(z, truth, Reduction::mean); })(logits),
          1e-6);
  const Tensor seen{3, -0.5, 2, 7}, said{2.5, 0, 2, 8};
  b.check("RE-01", "MSE", 0.375, number(mse(said, seen, Reduction::mean)));
  b.check("E12", "the same summed", 1.5, number(mse(said, seen, Reduction::sum)));
}

void distributions(Book& b) {
  const Uniform uniform(2, 5);
  b.check("PR-01", "Uniform[2,5] over its support", 1,
          number(mean(uniform.prob(linspace(2, 5, 1001)))) * 3, 1e-8);
  b.check("PR-01", "binomial(10, 0.5) over 0..10", 1, number(sum(Binomial(10, 0.5).prob(iota(11)))),
          1e-14);
  using Outcome = SampleSpace::Outcome;
  const SampleSpace die = SampleSpace::dice(1), two = SampleSpace::dice(2);
  b.check("PR-02", "P(even or 5) of a die", 4.0 / 6,
          die.probability([](const Outcome& o) { return o[0] % 2 == 0 || o[0] == 5; }), 1e-15);
  b.check("PR-03", "P(sum is 8 | first is 3)", 1.0 / 6,
          two.conditional([](const Outcome& o) { return o[0] + o[1] == 8; },
                          [](const Outcome& o) { return o[0] == 3; }),
          1e-15);
  const Tensor once = positive_predictive_value(0.01, 0.99, 0.95);
  b.check("PR-04", "1 in 100 ill, sensitivity 0.99, specificity 0.95", 0.1667, number(once), 5e-5);
  b.check("PR-04", "after a second positive test", 0.7984,
          number(positive_predictive_value(once, 0.99, 0.95)), 5e-5);
  const Bernoulli coin(0.7);
  b.check("PR-07", "Bernoulli(0.7) at 1 and 0", {0.7, 0.3}, coin.prob({1, 0}), 1e-15);
  b.check("PR-07", "its variance", 0.21, number(coin.variance()), 1e-15);
  const Binomial ten(10, 0.5);
  b.check("PR-08", "binomial(10, 0.5) at 5", 0.2461, number(ten.prob(5)), 5e-5);
  b.check("PR-08", "its mean", 5, number(ten.mean()));
  b.check("PR-08", "its variance", 2.5, number(ten.variance()));
  b.check("PR-09", "Poisson(4) at 2", 0.1465, number(Poisson(4.0).prob(2)), 5e-5);
  b.check("PR-10", "density of Uniform[2,5]", 1.0 / 3, number(uniform.prob(3.0)), 1e-15);
  b.check("PR-10", "its mean", 3.5, number(uniform.mean()));
  b.check("PR-10", "its variance", 0.75, number(uniform.variance()));
  const Normal z;
  const Tensor sigmas{1, 2, 3};
  b.check("PR-11", "P within 1, 2, 3 standard deviations", {0.6827, 0.9545, 0.9973},
          z.cdf(sigmas) - z.cdf(-sigmas), 5e-5);
  b.check("PR-11", "quantile of 0.975", 1.959964, number(z.quantile(0.975)), 5e-7);
  b.check("PR-11", "P beyond 10", 7.62e-24, number(z.sf(10.0)), 5e-27);
  const MultivariateNormal pair({0, 0}, {{1, 0.7}, {0.7, 1}});
  b.check("PR-13", "log-density at 0, covariance [[1,.7],[.7,1]]", -1.501205,
          number(pair.log_prob({0, 0})), 5e-7);
  b.check("PR-13", "its Cholesky factor", {1, 0, 0.7, 0.714143}, pair.cholesky, 5e-7);
  const Tensor draws = pair.sample(key_tensor(Key{seed}), {1000});
  const Tensor off = draws - mean(draws, {.axis = 0});
  b.check("PR-13", "mean of 1000 draws", {0, 0}, mean(draws, {.axis = 0}), 0.1);
  b.check("PR-13", "their covariance", {1, 0.7, 0.7, 1}, matmul(transpose(off), off) / 999.0, 0.15);
  const auto face = [](const Outcome& o) { return static_cast<double>(o[0]); };
  b.check("PR-15", "mean of a die", 3.5, die.expectation(face), 1e-15);
  b.check("PR-15", "its variance", 2.9167, die.variance(face), 5e-5);
  const Likeliest normal = fit_normal({1, 2, 3, 4, 5});
  b.check("PR-20", "likeliest mean and sd of [1..5]", {3, std::sqrt(2.0)}, normal.estimate, 1e-15);
  b.check("PR-20", "its variance and the unbiased one", {2, 2.5},
          stack({square(row(normal.estimate, 1)), var(Tensor({1, 2, 3, 4, 5}), {}, 1)}), 1e-15);
  const Tensor sample = z.sample(key_tensor(Key{seed}), {1000});
  b.check("PR-19", "likelihood of 1000 normal numbers", 0, number(prod(z.prob(sample))));
  b.check("PR-19", "whether its logarithm is finite", 1,
          std::isfinite(number(sum(z.log_prob(sample)))));
  const Tensor ten_values{1, 1, 0, 1, 1, 1, 0, 1, 0, 1};
  const Likeliest share = fit_bernoulli(ten_values);
  b.check("PR-21", "likeliest share of 7 in 10", 0.70, number(share.estimate), 1e-15);
  b.check("PR-21", "by Newton's method", 0.7000,
          number(maximise_likelihood(
                     [&](const Tensor& p) { return sum(Bernoulli(p).log_prob(ten_values)); },
                     Tensor(0.5))
                     .estimate),
          1e-10);
  b.check("PR-21", "its negative log-likelihood", 6.1086, -share.log_likelihood, 5e-5);
  const Tensor logits{{2, 1, 0.1}};
  b.check("PR-23", "cross-entropy minus the categorical -log P", 0,
          number(cross_entropy(logits, Tensor{{1, 0, 0}}, Reduction::mean)) +
              number(mean(Categorical(logits).log_prob(iota(1)))),
          1e-12);
}

void optimisation(Book& b) {
  const auto bowl = [](const Tensor& x) { return sum(square(x) * Tensor({1, 4})); };
  OptimiserConfig gd = defaults_for("sgd");
  gd.lr = 0.1;
  const Tensor path = descend(bowl, Tensor({3, 3}), gd, 50);
  b.check("OP-01", "gradient descent on x^2 + 4 y^2, 50 steps: x", 4.2817e-5,
          number(element(path, {50, 0})), 5e-10);
  b.check("OP-01", "y, times 1e35", 3.4, number(element(path, {50, 1})) * 1e35, 0.05);
  b.check("OP-01", "points in its history", 51, static_cast<double>(path.shape()[0]));
  const auto slope = [](const Tensor& x) { return sum(x); };
  OptimiserConfig momentum = gd;
  momentum.momentum = 0.9;
  const Tensor rolling = descend(slope, Tensor({0}), momentum, 3);
  b.check("OP-04", "momentum: lengths of three steps", {0.1, 0.19, 0.271},
          reshape(slice_axis(rolling, 0, {0, 3}) - slice_axis(rolling, 0, {1, 4}), {3}), 1e-15);
  OptimiserConfig rms = defaults_for("rmsprop");
  rms.lr = 0.01;
  b.check("OP-05", "RMSProp's first step", 0.1,
          -number(row(descend(slope, Tensor({0}), rms, 1), 1)), 1e-7);
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = 0.01;
  b.check("OP-05", "Adam's first step", 0.01, -number(row(descend(slope, Tensor({0}), adam, 1), 1)),
          1e-9);
  const Tensor a = descend(bowl, Tensor({3, 3}), adam, 1000);
  b.check("OP-06", "Adam's first point from [3, 3]", {2.99, 2.99}, row(a, 1), 1e-8);
  b.check("E1", "Adam after 100 steps of 0.01", 2.062446, number(element(a, {100, 0})), 5e-7);
  b.check("E1", "after 500", 0.19298, number(element(a, {500, 0})), 5e-6);
  b.check("E1", "after 1000", 8.916e-4, number(element(a, {1000, 0})), 5e-8);
  // The mean of the gradients of single examples is the gradient of the mean.
  RandomState state(seed);
  const Tensor x = randn(state, {8}), y = randn(state, {8});
  const auto one = [&](const Tensor& w, int64_t i) { return square(w * row(x, i) - row(y, i)); };
  double total = 0;
  for (int64_t i = 0; i < 8; ++i)
    total += number(grad([&](const Tensor& w) { return one(w, i); })(Tensor(0.5)));
  const double whole =
      number(grad([&](const Tensor& w) { return mean(square(w * x - y)); })(Tensor(0.5)));
  b.check("OP-03", "mean of eight gradients minus the gradient of the mean", 0, total / 8 - whole,
          1e-14);
  adam.lr = 0.1;
  b.check("E1", "Adam after 100 steps of 0.1", 0.019345,
          number(element(descend(bowl, Tensor({3, 3}), adam, 100), {100, 0})), 5e-7);
}

// x^2 + k y^2 and its descent.
void convergence(Book& b) {
  const auto valley = [](double k) {
    return [k](const Tensor& v) { return sum(square(v) * Tensor({1.0, k})); };
  };
  const auto sgd = [](double lr, double momentum = 0) {
    OptimiserConfig c = defaults_for("sgd");
    c.lr = lr, c.momentum = momentum;
    return c;
  };
  const auto steps_until = [&](double k, const char* method, const OptimiserConfig& rule) {
    const Minimum m = minimise(
        valley(k), Tensor({1, 1}),
        {.method = method, .tolerance = 0, .iterations = 20000, .rule = rule, .keep_path = true});
    const auto there = std::ranges::find_if(m.values, [](double v) { return v <= 1e-6; });
    return static_cast<double>(there - m.values.begin());
  };
  const double largest = largest_curvature(valley(4), Tensor({3, 3})).largest;
  b.check("OP-02", "rate below which gradient descent is stable", 0.25, stable_rate(largest), 1e-9);
  const auto end_y = [&](double lr) {
    return std::fabs(number(element(descend(valley(4), Tensor({3, 3}), sgd(lr), 300), {300, 1})));
  };
  b.check("OP-02", "|y| after 300 steps of 0.25: it oscillates", 3, end_y(0.25), 1e-9);
  b.check("OP-02", "whether it has grown after 300 steps of 0.26", 1, end_y(0.26) > 1e6);
  b.check("OP-02", "best fixed rate", 0.2, best_rate(2, largest), 1e-9);
  const double curvatures[] = {2, 8};
  b.check("OP-02", "its factor a step", 0.6, contraction_factor(sgd(0.2), curvatures), 1e-15);
  const Minimum run = minimise(valley(4), Tensor({3, 3}),
                               {.method = "sgd",
                                .tolerance = 0,
                                .iterations = 200,
                                .rule = sgd(0.1, 0.9),
                                .keep_path = true});
  b.check("OP-23", "momentum: factor foretold minus measured", 0,
          contraction_factor(sgd(0.1, 0.9), curvatures) - std::sqrt(measured_factor(run.values)),
          0.01);
  const auto rosenbrock = [](const Tensor& p) {
    const Tensor x = element(p, {0}), y = element(p, {1});
    return 100 * square(y - square(x)) + square(1 - x);
  };
  for (const std::string_view method : minimiser_names()) {
    if (method == "steepest") continue;
    const Minimum m = minimise(rosenbrock, Tensor({-1.2, 1}), {.method = std::string(method)});
    b.check("OP-07", "Rosenbrock's minimum by " + std::string(method), {1, 1}, m.x, 1e-6);
  }
  const Schedule schedule = parse_schedule("warmup(100)+cosine(900)");
  constexpr struct {
    int64_t step;
    double rate;
  } rates[] = {{50, 5e-4}, {100, 1e-3}, {550, 5e-4}, {1000, 0}};
  for (const auto& r : rates)
    b.check("OP-08", "warm-up and cosine: rate at step " + std::to_string(r.step), r.rate,
            1e-3 * schedule.factor(r.step), 1e-15);
  const auto spread = [](const Objective& f) {
    double low = 1e9, high = -1e9;
    for (int i = 0; i < 20; ++i) {
      const double x = number(minimise(f, Tensor(-2.0 + 0.21 * i)).x);
      low = std::min(low, x), high = std::max(high, x);
    }
    return high - low;
  };
  b.check("OP-09", "x^2 + e^x from 20 starts: distance of the ends", 0,
          spread([](const Tensor& x) { return square(x) + exp(x); }), 1e-6);
  b.check("OP-09", "(x^2 - 1)^2 from 20 starts", 2,
          spread([](const Tensor& x) { return square(square(x) - 1); }), 1e-6);
  int64_t stalled = -1, escaped = -1;
  trajectory(
      [](const Tensor& x) {
        return sum(square(x) * Tensor({1, -1}));
      },
      Tensor({1, 1e-6}), sgd(0.2), 1000,
      [&](const Iterate& i) {
        if (stalled < 0 && number(norm(i.grad)) < 1e-3) stalled = i.step;
        escaped = i.step;
        return std::fabs(number(element(i.x, {1}))) <= 1;
      });
  b.check("OP-10", "saddle, rate 0.2: slope below 1e-3 at step", 15, static_cast<double>(stalled));
  b.check("OP-10", "escaped at step", 42, static_cast<double>(escaped));
  b.check("OP-13", "steps of Newton on x^2 + 1000 y^2", 1, steps_until(1000, "newton", {}));
  b.check("OP-13", "gradient descent, k 1000 over k 100: steps", 10,
          steps_until(1000, "sgd", sgd(best_rate(2, 2000))) /
              steps_until(100, "sgd", sgd(best_rate(2, 200))),
          2);
  const auto polyak = [&](double k) {
    const double root = std::sqrt(k), share = (root - 1) / (root + 1);
    return steps_until(k, "sgd", sgd(2 / ((1 + root) * (1 + root)), share * share));
  };
  b.check("OP-13", "momentum, the same", std::sqrt(10.0), polyak(1000) / polyak(100), 1);
  const std::vector<Tensor> grads = {Tensor({3.0}), Tensor({0.0, 4.0})};
  b.check("OP-15", "norm of gradients [3] and [0, 4], clipped to 1", 1,
          number(norm(stack(
              {norm(clip_by_norm(grads, 1).grads[0]), norm(clip_by_norm(grads, 1).grads[1])}))),
          1e-15);
  const auto decayed = [](const char* method, bool decoupled) {
    OptimiserConfig c = defaults_for(method);
    c.lr = 0.1, c.weight_decay = 0.05, c.decoupled_weight_decay = decoupled;
    const Tensor p({2.0});
    return number(update(c, p, Tensor({0.3}), initial_state(c, p)).params);
  };
  b.check("OP-16", "SGD: 2 after a step of 0.1 with decay 0.05", 1.96, decayed("sgd", false),
          1e-15);
  b.check("OP-16", "Adam: decoupled minus L2 after one step", -0.01,
          decayed("adam", true) - decayed("adam", false), 1e-8);
  Accumulated sums;
  for (const auto& [slope, examples] : {std::pair{1.0, 7.0}, {2.0, 1.0}, {4.0, 12.0}})
    sums = accumulate(sums, std::vector{Tensor(slope) + 0.0}, examples);
  b.check("OP-17", "gradient of 20 examples from parts of 7, 1 and 12", 57.0 / 20,
          number(mean_gradients(sums)[0]), 1e-15);
  Tensor average(1.0);
  const WeightAverage halving{.kind = WeightAverage::ema, .decay = 0.5};
  for (int n = 100; n < 103; ++n)
    average = averaged(halving, average, Tensor(0.0), scalar(n, DType::f64));
  b.check("OP-18", "moving average after three halvings", 0.125, number(average));
  const ScalarMinimum heads =
      minimise_scalar([](double p) { return -7 * std::log(p) - 3 * std::log1p(-p); }, 0, 1);
  b.check("PR-22", "Brent: likeliest share of 7 in 10", 0.7, heads.x, 1e-7);
  b.check("PR-22", "its negative log-likelihood", 6.1086, heads.value, 5e-5);
}

void networks(Book& b) {
  const Tensor w{0.5, -0.3, 0.8}, x{1, 2, 3};
  const Tensor z = dot(w, x) + 0.1;
  b.check("NN-01", "z of one neuron", 2.4, number(z), 1e-15);
  b.check("NN-01", "its sigmoid", 0.916827, number(sigmoid(z)), 5e-7);
  const Linear layer{Tensor({{1, 2}, {3, 4}, {5, 6}}), Tensor({0.5, 0, -0.5})};
  b.check("NN-03", "Linear: x W^T + b", {3.5, 7, 10.5}, layer(Tensor({1, 1})));
  b.check("NN-04", "parameters of 784-128-10", 101770,
          static_cast<double>(parameter_count(parse_mlp("mlp:784-128-10"))));
  const auto net = [](const Tensor& v) {
    return sigmoid(dot(tanh(matmul(Tensor({{0.1, 0.2}, {0.3, 0.4}}), v)), Tensor({0.5, -0.5})));
  };
  const Tensor at{1, 2};
  const Tensor forward =
      stack({jvp(net)(at, Tensor({1, 0})).derivative, jvp(net)(at, Tensor({0, 1})).derivative});
  b.check("NN-05", "2-2-1 network: forward minus reverse mode", 0,
          number(max(abs(grad(net)(at) - forward))), 1e-16);
  b.check("NN-07", "gelu(1)", 0.841345, number(gelu(Tensor(1.0))), 5e-7);
  b.check("NN-07", "gelu(-1)", -0.158655, number(gelu(Tensor(-1.0))), 5e-7);
  b.check("NN-07", "gelu_tanh(1)", 0.841192, number(gelu_tanh(Tensor(1.0))), 5e-7);
  b.check("NN-07", "silu(-1)", -0.268941, number(silu(Tensor(-1.0))), 5e-7);
  b.check("NN-07", "row of the softmax Jacobian", {0.224719, -0.159764, -0.064955},
          row(jacobian([](const Tensor& t) { return softmax(t); })(Tensor({2, 1, 0.1})), 0), 1e-6);
  b.check("NN-11", "sum of a softmax head", 1, number(sum(softmax(Tensor({2, 1, 0.1})))), 1e-15);
  // Scaled dot products of three tokens, d = 4: Q, K and V in turn.
  RandomState tokens(seed);
  const Tensor q = randn(tokens, {3, 4}), k = randn(tokens, {3, 4}), v = randn(tokens, {3, 4});
  const Tensor scores = matmul(q, transpose(k)) / 2.0, weights = softmax(scores);
  b.check("AT-01", "attention weights of RandomState(42)",
          {.3929, .1682, .4390, .2309, .2834, .4857, .2255, .5587, .2158}, weights, 5e-5);
  b.check("AT-01", "the first output", {-.3208, -.4698, -.1923, -.0768}, row(matmul(weights, v), 0),
          5e-5);
  const Tensor before = greater_equal(reshape(iota(3), {3, 1}), iota(3));
  b.check("AT-03", "causal weights", {1, 0, 0, .4489, .5511, 0, .2255, .5587, .2158},
          softmax(where(before, scores, -std::numeric_limits<double>::infinity())), 5e-5);
  b.check("NU-17", "what hides a score in f16", -32752, masking_value(DType::f16));
  b.check("NU-17", "in bf16", -1.6947656946257677e38, masking_value(DType::bf16));
  b.check("NU-17", "in f32", -1.7014117331926443e38, masking_value(DType::f32));
  b.check("NU-17", "in f64", -8.9884656743115785e307, masking_value(DType::f64));
  for (const double low : {-std::numeric_limits<double>::infinity(), masking_value(DType::f64)}) {
    const AttentionOptions looks{.mask = from_vector(std::vector<double>{0, low, 0}, {3, 1})};
    b.check("NU-17", "a query that may look at nothing gives zeros", {0, 0, 0, 0},
            row(attention(q, k, v, looks), 1));
    b.check("NU-17", "and is named", {0, 1, 0}, cast(blind_queries(q, k, looks), DType::f64));
  }
  const Tensor swallowed = attention_weights(cast(q, DType::f32), cast(k, DType::f32),
                                             {.mask = full({1, 3}, -1e9, DType::f32)});
  b.check("NU-17", "-1e9 added to every score in f32: all keys alike", {1 / 3., 1 / 3., 1 / 3.},
          cast(row(swallowed, 0), DType::f64), 1e-7);
  const Tensor he = initial_weight("he", key_from_seed(seed), 512, 512);
  b.check("NN-16", "He: standard deviation at fan-in 512", 0.0625, number(std_dev(he)), 5e-4);
  const Tensor xavier = initial_weight("xavier", key_from_seed(seed), 128, 256);
  b.check("NN-16", "Xavier: bound at 256 + 128", 0.125, number(max(abs(xavier))), 1e-3);
  const Tensor orthogonal = initial_weight("orthogonal", key_from_seed(seed), 32, 32, DType::f64);
  b.check("NN-16", "orthogonal: smallest singular value", 1, number(min(svdvals(orthogonal))),
          1e-12);
  b.check("E7", "orthogonal initialisation: largest singular value", 1,
          number(spectral_norm(orthogonal)), 1e-12);
  const Tensor scaled = initial_weight("spectral", key_from_seed(seed), 32, 32, DType::f64);
  const Eigvals of_scaled = eigvals(scaled);
  b.check("E7", "spectral initialisation: largest singular value", 1, number(spectral_norm(scaled)),
          1e-12);
  b.check("E7", "its largest eigenvalue is smaller", 1,
          number(max(hypot(of_scaled.re, of_scaled.im))) < 0.9);
  RandomState fresh(seed);
  const Tensor long_sum = randn(fresh, {1000});
  b.check("NU-14", "sum of a reversed view of a reversed copy minus the sum", 0,
          number(sum(flip(flip(long_sum, {0}), {0})) - sum(long_sum)));
}

void regression(Book& b) {
  const Tensor line_x = from_vector<double>({1, 2, 3, 4, 5}, {5, 1}), line_y{2, 4, 5, 4, 5};
  const LinearFit line = fit_linear(line_x, line_y);
  b.check("RE-02", "intercept of x = 1..5, y = [2,4,5,4,5]", 2.2, line.coef[0], 1e-15);
  b.check("RE-02", "its slope", 0.6, line.coef[1], 1e-15);

  // RandomState(42): 100 rows of 10 columns, y = X w + 0.5 noise.
  RandomState state(seed);
  const Tensor x = randn(state, {100, 10});
  const Tensor y =
      matmul(x, Tensor{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0}) + 0.5 * randn(state, {100});
  const LinearFit ols = fit_linear(x, y, {.intercept = false});
  b.check("RE-03", "least squares of the sample",
          {.9555, -2.0265, 2.9838, .0224, -.0607, .0316, .3988, -.4982, .0236, -.0284},
          from_vector(ols.coef), 5e-5);
  const LinearFit twice =
      fit_linear(concatenate({line_x, line_x}, 1), line_y, {.intercept = false});
  b.check("RE-04", "rank with a duplicated column", 1, static_cast<double>(twice.rank));
  b.check("RE-04", "its solution of least length", {0.6, 0.6}, from_vector(twice.coef), 1e-15);
  const PenalisedFit free = fit_ridge(x, y, 1);
  b.check("RE-05", "ridge, lambda 1, intercept free",
          {.9464, -2.0032, 2.9583, .0133, -.0648, .0377, .4041, -.4977, .0270, -.0221},
          from_vector(free.coef), 5e-5);
  b.check("RE-05", "its intercept", 0.0790, free.intercept, 5e-5);
  const PenalisedFit normal = fit_ridge(x, y, 1, {.intercept = false});
  b.check("RE-06", "ridge by the normal equation",
          {.9477, -2.0034, 2.9529, .0226, -.0589, .0345, .3987, -.4940, .0266, -.0194},
          from_vector(normal.coef), 5e-5);
  b.check("E9", "third weight with a free intercept, and by the normal equation", {2.9583, 2.9529},
          Tensor({free.coef[2], normal.coef[2]}), 5e-5);
  const PenalisedFit lasso = fit_lasso(x, y, 0.1);
  b.check("RE-07", "lasso, lambda 0.1", {.8421, -1.9613, 2.8752, 0, 0, 0, .3087, -.3776, 0, 0},
          from_vector(lasso.coef), 5e-5);
  b.check("RE-07", "its intercept", 0.0607, lasso.intercept, 5e-5);
  b.check("RE-08", "coefficients of the lasso that are exactly 0", 5,
          static_cast<double>(lasso.zeros()));
  const std::vector<RankedFeature> ranked = select_features(x, numbers(y), 3, LogBase::two);
  std::set<int64_t> first_five;
  for (size_t i = 0; i < 5; ++i) first_five.insert(ranked[i].column);
  b.check("IT-10", "features of the same sample that count, of the first five by information", 5,
          static_cast<double>(std::ranges::count_if(
              first_five, [](int64_t j) { return j < 3 || j == 6 || j == 7; })));

  const Tensor gram = matmul(transpose(x), x) * (2.0 / 100);
  const std::vector<double> e = numbers(eigvalsh(gram));
  const auto path =
      trajectory([&](const Tensor& w) { return mean(square(matmul(x, w) - y)); }, zeros({10}),
                 {.method = "sgd", .lr = 2 / (e.front() + e.back())}, 60);
  b.check("RE-10", "gradient descent, 60 steps at the best rate, minus the closed form", 0,
          number(max(abs(path.back() - from_vector(ols.coef)))), 1e-6);

  // A Hilbert matrix of 8 columns: X^T X squares a condition of 1.5e10.
  std::vector<double> h;
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) h.push_back(1.0 / (i + j + 1));
  const Tensor hilbert = from_vector(h, {8, 8});
  const Conditioning c = compare_solvers(hilbert, matmul(hilbert, ones({8})));
  b.check("NU-12", "condition of the 8 x 8 Hilbert matrix", 1.526e10, c.condition, 5e6);
  b.check("NU-12", "Householder QR on it: relative error", 0, c.reflections, 1e-5);
  b.check("NU-12", "SVD on it", 0, c.singular, 1e-5);
  b.check("E10", "the normal equations keep fewer digits than QR", 1,
          c.normal > 100 * c.reflections ? 1 : 0);
}

}  // namespace

void add_verify(Command& command, const Settings& settings) {
  command.runs([&settings] {
    Book book;
    linear_algebra(book);
    calculus(book);
    numbers_in_machines(book);
    sums_and_twins(book);
    information(book);
    probability(book);
    distributions(book);
    optimisation(book);
    convergence(book);
    networks(book);
    regression(book);

    std::set<std::string> seen;
    int64_t failed = 0;
    std::string out = settings.json ? "{\"seed\":" + std::to_string(seed) + ",\"lines\":["
                                    : "seed " + std::to_string(seed) + "\n";
    bool first = true;
    for (const Line& l : book.lines) {
      seen.insert(l.row);
      failed += !l.passed();
      const auto json = [](double x) {
        return std::isfinite(x) ? text::number(x) : "\"" + text::number(x) + "\"";
      };
      if (settings.json) {
        out += std::string(first ? "" : ",") + "{\"row\":\"" + l.row +
               "\",\"what\":" + text::quote_json(l.what) + ",\"expected\":" + json(l.expected) +
               ",\"got\":" + json(l.got) + ",\"pass\":" + (l.passed() ? "true" : "false") + "}";
      } else {
        out += text::pad_right(l.row, 6) + text::pad_right(l.what, 58) + "  expected " +
               text::pad_right(text::significant(l.expected, 9), 16) + "  got " +
               text::pad_right(text::significant(l.got, 9), 16) +
               (l.passed() ? "  pass" : "  FAIL") + "\n";
      }
      first = false;
    }
    for (std::string_view row : delivered)
      if (!seen.contains(std::string(row))) {
        ++failed;
        if (!settings.json) out += std::string(row) + "  has no line: FAIL\n";
      }
    const int64_t passed = std::ranges::count_if(book.lines, &Line::passed);
    if (settings.json)
      out += "],\"passed\":" + std::to_string(passed) + ",\"failed\":" + std::to_string(failed) +
             "}\n";
    else
      out += std::to_string(passed) + " passed, " + std::to_string(failed) + " failed\n";
    print(out);
    return static_cast<int>(failed == 0 ? done : answer_is_no);
  });
}

}  // namespace gradus::app
