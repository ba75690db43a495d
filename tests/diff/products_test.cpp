// Per-example gradients, Hessian-vector, Gauss-Newton and Fisher products against dense matrices,
// and what derivatives cost in floating-point operations.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

Tensor waves(double first, const Shape& shape) {
  std::vector<double> x;
  for (int64_t i = 0; i < element_count(shape); ++i)
    x.push_back(0.8 * std::sin(2.3 * static_cast<double>(i) + first));
  return from_vector(x, shape);
}

void expect_close(const Tensor& got, const Tensor& want, double tolerance = 1e-13) {
  ASSERT_EQ(to_string(got.type()), to_string(want.type()));
  const double size = 1 + number(max(abs(want)));
  EXPECT_LE(number(max(abs(got - want))), tolerance * size) << to_string(got) << "\nagainst\n"
                                                            << to_string(want);
}

// The softmax regression of 4 examples with 3 features in 2 classes.
const Tensor X = waves(0.2, {4, 3}), W = waves(1.4, {3, 2}), B = waves(0.5, {2});
const Tensor classes = from_vector<int64_t>({0, 1, 1, 0});

Tensor log_probs_of(const Tensor& w, const Tensor& b) {
  const Tensor all = log_softmax(matmul(X, w) + b, -1);
  return sum(all * one_hot(classes, 2, DType::f64), {.axis = -1});
}

TEST(PerExample, gradients_by_vmap_are_those_of_a_loop_bit_for_bit) {
  const auto loss = [](const Tensor& w, const Tensor& x, const Tensor& y) {
    return sum(square(tanh(matmul(x, w)) - y));
  };
  const Tensor y = waves(0.9, {4, 2});
  const Tensor all = vmap(grad(loss), {.in = {unmapped, 0, 0}})(W, X, y);
  ASSERT_EQ(to_string(all.type()), "f64[4,3,2]");
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(same_bits(row(all, i), grad(loss)(W, row(X, i), row(y, i))));
  const auto total = [&](const Tensor& w) {
    return sum(vmap(loss, {.in = {unmapped, 0, 0}})(w, X, y));
  };
  expect_close(sum(all, {.axis = 0}), grad(total)(W));
}

TEST(BatchedHvp, is_every_product_with_one_sweep) {
  const auto f = [](const Tensor& x) { return sum(exp(x) * cumsum(x)); };
  const Tensor x = waves(0.3, {5}), directions = waves(0.7, {6, 5});
  const auto product = hvp(f);
  const Tensor all = vmap(product, {.in = {unmapped, 0}})(x, directions);
  expect_close(all, matmul(directions, hessian(f)(x)));
}

TEST(Hessian, of_vmap_and_vmap_of_hessian_agree) {
  const auto f = [](const Tensor& x) { return prod(sin(x)); };
  const Tensor x = waves(1.3, {4, 3});
  const Tensor each = vmap(hessian(f))(x);
  ASSERT_EQ(to_string(each.type()), "f64[4,3,3]");
  for (int64_t i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(row(each, i), hessian(f)(row(x, i))));
  const auto whole = [&](const Tensor& t) { return sum(vmap(f)(t)); };
  const Tensor dense = hessian(whole)(x);  // (4,3,4,3), zero between examples
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 4; ++j) {
      const Tensor block = row(move_axis(row(dense, i), 1, 0), j);
      expect_close(block, i == j ? row(each, i) : zeros({3, 3}));
    }
}

TEST(Jacobian, takes_the_same_number_of_kernels_for_any_size) {
  const auto f = [](const Tensor& x) { return tanh(x) * sum(x); };
  const auto kernels = [&](int64_t n, Mode mode) {
    const Tensor x = full({n}, 0.3);
    WorkCounter counter;
    jacobian(f, {.mode = mode})(x);
    return counter.kernels();
  };
  for (Mode mode : {Mode::forward, Mode::reverse}) EXPECT_EQ(kernels(2, mode), kernels(300, mode));
}

TEST(Hvp, by_all_arguments_is_the_row_of_all_blocks) {
  const Function f = [](Args a) { return sum(square(matmul(X, a[0])) * a[1]) + sum(exp(a[1])); };
  const Tensor args[] = {W, B}, v[] = {waves(0.1, {3, 2}), waves(0.6, {2})};
  const std::vector<Tensor> got = hvp(f, args, v);
  // The same by differences of the gradient.
  const double h = 1e-5;
  const auto gradient = [&](double t) {
    const Tensor moved[] = {W + t * v[0], B + t * v[1]};
    const int wrt[] = {0, 1};
    return value_and_grads(f, moved, wrt).grads;
  };
  const auto up = gradient(h), down = gradient(-h);
  for (size_t i = 0; i < 2; ++i) expect_close(got[i], (up[i] - down[i]) / (2 * h), 1e-8);
}

TEST(GaussNewton, of_a_linear_model_is_the_hessian) {
  const Function model = [](Args a) { return matmul(X, a[0]) + a[1]; };
  const Function loss = [](Args y) { return sum(exp(y[0])); };
  const Function both = [&](Args a) {
    const Tensor y[] = {model(a)};
    return loss(y);
  };
  const Tensor args[] = {W, B}, v[] = {waves(0.1, {3, 2}), waves(0.6, {2})};
  const auto g = gauss_newton_product(model, loss, args, v), h = hvp(both, args, v);
  for (size_t i = 0; i < 2; ++i) expect_close(g[i], h[i]);
}

TEST(GaussNewton, is_the_product_of_the_three_dense_matrices) {
  const Function model = [](Args a) { return tanh(matmul(X, a[0])); };
  const Function loss = [](Args y) { return logsumexp(y[0]); };
  const Tensor args[] = {W}, v[] = {waves(0.4, {3, 2})};
  const Tensor y = model(args), outputs[] = {y};
  const Tensor J = reshape(jacobian(model, args), {8, 6}),
               H = reshape(hessian(loss, outputs), {8, 8});
  const Tensor dense = matmul(matmul(matmul(transpose(J), H), J), reshape(v[0], {6}));
  expect_close(gauss_newton_product(model, loss, args, v)[0], reshape(dense, {3, 2}));
}

TEST(Fisher, product_is_the_mean_of_outer_products_of_scores) {
  const Function log_probs = [](Args a) { return log_probs_of(a[0], a[1]); };
  const Tensor args[] = {W, B}, v[] = {waves(0.1, {3, 2}), waves(0.6, {2})};
  const Tensor score_w = reshape(jacobian(log_probs, args, 0), {4, 6});
  const Tensor score_b = jacobian(log_probs, args, 1);
  const Tensor along = matmul(score_w, reshape(v[0], {6})) + matmul(score_b, v[1]);
  const auto got = fisher_product(log_probs, args, v);
  expect_close(got[0], reshape(matmul(along, score_w) / 4.0, {3, 2}));
  expect_close(got[1], matmul(along, score_b) / 4.0);
}

TEST(Products, ask_for_a_tangent_for_each_argument) {
  const Function f = [](Args a) { return sum(a[0]) + sum(a[1]); };
  const Tensor args[] = {W, B}, v[] = {W};
  try {
    hvp(f, args, v);
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(), "hvp: 1 tangents for 2 arguments. Give one for each.");
  }
}

// A tanh network with these widths on a batch: its loss as a function of all weights.
struct Network {
  std::vector<Tensor> weights;
  Function loss;
  int64_t parameters = 0;
};

Network network(const std::vector<int64_t>& widths, int64_t batch) {
  Network n;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    n.weights.push_back(waves(static_cast<double>(i), {widths[i], widths[i + 1]}));
    n.weights.push_back(waves(static_cast<double>(i) + 0.5, {widths[i + 1]}));
    n.parameters += widths[i] * widths[i + 1] + widths[i + 1];
  }
  const Tensor x = waves(0.3, {batch, widths.front()}), y = waves(0.8, {batch, widths.back()});
  n.loss = [x, y](Args w) {
    Tensor h = x;
    for (size_t i = 0; i < w.size(); i += 2) {
      h = matmul(h, w[i]) + w[i + 1];
      if (i + 2 < w.size()) h = tanh(h);
    }
    return mean(square(h - y));
  };
  return n;
}

double operations(const std::function<void()>& work) {
  WorkCounter counter;
  work();
  return counter.operations();
}

TEST(Cost, of_a_gradient_is_at_most_5_values_and_of_a_hessian_product_5_gradients_at_any_size) {
  for (const auto& widths : std::vector<std::vector<int64_t>>{
           {2, 2, 1}, {8, 8, 2}, {16, 32, 16, 4}, {64, 128, 10}, {512, 1024, 512, 10}}) {
    const Network n = network(widths, 16);
    std::vector<int> wrt;
    std::vector<Tensor> v;
    for (size_t i = 0; i < n.weights.size(); ++i) {
      wrt.push_back(static_cast<int>(i));
      v.push_back(waves(0.2, n.weights[i].shape()));
    }
    const double value = operations([&] { n.loss(n.weights); });
    const double gradient = operations([&] { value_and_grads(n.loss, n.weights, wrt); });
    const double product = operations([&] { hvp(n.loss, n.weights, v); });
    const std::string name = std::to_string(n.parameters) + " parameters";
    RecordProperty(name,
                   std::to_string(gradient / value) + " " + std::to_string(product / gradient));
    EXPECT_LE(gradient, 5 * value) << name;
    EXPECT_LE(product, 5 * gradient) << name;
    std::printf("%9lld parameters: gradient %.2f values, Hessian product %.2f gradients\n",
                static_cast<long long>(n.parameters), gradient / value, product / gradient);
  }
}

TEST(Cost, of_naive_path_counting_doubles_with_every_layer_while_the_sweep_adds_a_constant) {
  // x_(k+1) = sin(x_k) + x_k^2: two paths a layer.
  const auto chain = [](int layers) {
    return [layers](const Tensor& x) {
      Tensor y = x;
      for (int i = 0; i < layers; ++i) y = sin(y) + square(y);
      return y;
    };
  };
  std::vector<double> sweeps;
  for (int layers : {4, 5, 6}) sweeps.push_back(operations([&] { grad(chain(layers))(0.1); }));
  EXPECT_EQ(sweeps[2] - sweeps[1], sweeps[1] - sweeps[0]);
}

}  // namespace
}  // namespace gradus
