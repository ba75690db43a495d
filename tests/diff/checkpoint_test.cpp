// A checkpoint changes when numbers are computed and never which: values and derivatives keep their
// bits.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/diff/custom.h>
#include <gradus/diff/trace.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(z));
  return from_vector(z, shape);
}

using Activation = Tensor (*)(const Tensor&);
const std::vector<std::pair<const char*, Activation>> activations = {
    {"tanh", [](const Tensor& x) { return tanh(x); }},
    {"relu", [](const Tensor& x) { return relu(x); }},
    {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
    {"x times sigmoid", [](const Tensor& x) { return x * sigmoid(x); }},
    {"residual", [](const Tensor& x) { return x + 0.5 * sin(x); }}};

// A perceptron whose hidden layers are run in blocks, each passed through `around`.
template <class Around>
Tensor perceptron(std::span<const Tensor> weights, const Tensor& x, Activation f, size_t block,
                  const Around& around) {
  Tensor h = x;
  for (size_t from = 0; from < weights.size(); from += block) {
    const auto part = weights.subspan(from, std::min(block, weights.size() - from));
    std::vector<Tensor> args{h};
    args.insert(args.end(), part.begin(), part.end());
    h = around(
        [f](std::span<const Tensor> a) {
          Tensor y = a[0];
          for (const Tensor& w : a.subspan(1)) y = f(matmul(y, w));
          return y;
        },
        args);
  }
  return mean(square(h));
}

const auto plainly = [](const Function& f, std::span<const Tensor> args) { return f(args); };
const auto checkpointed = [](const Function& f, std::span<const Tensor> args) {
  return checkpoint(f, args);
};

std::vector<Tensor> drawn_weights(uint64_t seed, size_t layers, int64_t width) {
  std::vector<Tensor> weights;
  for (size_t i = 0; i < layers; ++i)
    weights.push_back(drawn(seed * 100 + i, {width, width}) * (1.2 / std::sqrt(double(width))));
  return weights;
}

std::vector<int> all_of(size_t n) {
  std::vector<int> wrt;
  for (size_t i = 0; i < n; ++i) wrt.push_back(static_cast<int>(i));
  return wrt;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bits(a[i], b[i])) << "result " << i;
}

TEST(Checkpoint, has_the_value_and_the_gradient_of_its_function) {
  const auto f = checkpoint([](const Tensor& x) { return x * x * x; });
  EXPECT_EQ(number(f(2.0)), 8);
  EXPECT_EQ(number(grad(f)(2.0)), 12);
  EXPECT_EQ(number(grad(grad(f))(2.0)), 12);
  EXPECT_EQ(number(grad(grad(grad(f)))(2.0)), 6);
  EXPECT_EQ(number(jvp(f)(Tensor(2.0), Tensor(0.5)).derivative), 6);
  EXPECT_EQ(number(hvp(f)(Tensor(2.0), Tensor(1.0))), 12);
}

TEST(Checkpoint, of_random_perceptrons_gives_the_same_bits) {
  uint64_t seed = 1;
  for (const auto& [name, f] : activations)
    for (size_t block : {1u, 2u, 3u, 7u}) {
      SCOPED_TRACE(std::string(name) + ", blocks of " + std::to_string(block));
      std::vector<Tensor> args = drawn_weights(++seed, 7, 5);
      args.push_back(drawn(seed, {4, 5}));
      const auto loss = [&, act = f](const auto& around) {
        return [&, act](std::span<const Tensor> a) {
          return perceptron(a.first(7), a[7], act, block, around);
        };
      };
      const auto wrt = all_of(args.size());
      const ValueAndGrads plain = value_and_grads(loss(plainly), args, wrt),
                          ours = value_and_grads(loss(checkpointed), args, wrt);
      EXPECT_TRUE(same_bits(plain.value, ours.value));
      expect_same(plain.grads, ours.grads);

      std::vector<Tensor> v;
      for (const Tensor& x : args) v.push_back(drawn(seed + 7, x.shape()));
      const Primal p = jvp(loss(plainly), args, v), q = jvp(loss(checkpointed), args, v);
      EXPECT_TRUE(same_bits(p.derivative, q.derivative));
      expect_same(hvp(loss(plainly), args, v), hvp(loss(checkpointed), args, v));
    }
}

// The sum in which cotangents arrive is that of the plain sweep: outside and inside, one by one.
TEST(Checkpoint, adds_cotangents_in_the_order_of_the_plain_sweep) {
  const auto inside = [](const Tensor& h, const Tensor& w) {
    Tensor y = h;
    for (int t = 0; t < 5; ++t) y = tanh(matmul(y, w) + h * w);
    return y;
  };
  const auto recurrent = [&](const auto& cell) {
    return [&](const Tensor& h, const Tensor& w) {
      Tensor y = h;
      for (int t = 0; t < 4; ++t) y = cell(y, w) * h + cell(h - y, w);
      return sum(y * sum(w));
    };
  };
  const Tensor h = drawn(1, {3, 3}), w = drawn(2, {3, 3});
  const auto plain = grad<0, 1>(recurrent(inside))(h, w),
             ours = grad<0, 1>(recurrent(checkpoint(inside)))(h, w);
  EXPECT_TRUE(same_bits(plain[0], ours[0]));
  EXPECT_TRUE(same_bits(plain[1], ours[1]));
}

TEST(Checkpoint, may_be_called_again_and_may_repeat_what_is_outside) {
  const auto f = [](const Tensor& x, const Tensor& w) { return tanh(exp(w) * x) * exp(w); };
  const auto loss = [](auto g) {
    return [g](const Tensor& x, const Tensor& w) {
      return sum(g(x, w) + g(g(x, w), w) * exp(w) + tanh(exp(w) * x));
    };
  };
  const Tensor x = drawn(18, {4}), w = drawn(19, {4});
  const auto plain = grad<0, 1>(loss(f))(x, w), ours = grad<0, 1>(loss(checkpoint(f)))(x, w);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_LT(number(max(abs(plain[i] - ours[i]))), 1e-14 * number(max(abs(plain[i]))));
}

TEST(Checkpoint, differentiates_by_captured_values_too) {
  const Tensor x = drawn(3, {4, 3});
  const auto loss = [&](const auto& around) {
    return [&](const Tensor& w, const Tensor& b) {
      const auto layer = [&](const Tensor& h) { return tanh(matmul(h, w) + b); };
      return sum(square(around(layer)(x) + b));
    };
  };
  const Tensor w = drawn(4, {3, 3}), b = drawn(5, {3});
  const auto plain = grad<0, 1>(loss([](auto f) { return f; }))(w, b),
             ours = grad<0, 1>(loss([](auto f) { return checkpoint(f); }))(w, b);
  EXPECT_TRUE(same_bits(plain[0], ours[0]));
  EXPECT_TRUE(same_bits(plain[1], ours[1]));
}

TEST(Checkpoint, nests) {
  const auto f = [](const Tensor& x, const Tensor& w) { return tanh(x * w + sin(x)); };
  const auto deep = [](const auto& g, const auto& around) {
    return around([=](const Tensor& x, const Tensor& w) {
      const auto twice =
          around([=](const Tensor& a, const Tensor& b) { return g(g(a, b), b) * w; });
      return twice(twice(x, w), x + w);
    });
  };
  const auto plain = deep(f, [](auto g) { return g; });
  const auto ours = deep(checkpoint(f), [](auto g) { return checkpoint(g); });
  const Tensor x = drawn(6, {5}), w = drawn(7, {5});
  const auto total = [](auto g) {
    return [g](const Tensor& a, const Tensor& b) { return sum(g(a, b)); };
  };
  const auto p = grad<0, 1>(total(plain))(x, w), q = grad<0, 1>(total(ours))(x, w);
  EXPECT_TRUE(same_bits(p[0], q[0]));
  EXPECT_TRUE(same_bits(p[1], q[1]));
  const Tensor args[] = {x, w}, v[] = {drawn(8, {5}), drawn(9, {5})};
  expect_same(hvp(spread<2>(total(plain)), args, v), hvp(spread<2>(total(ours)), args, v));
}

TEST(Checkpoint, works_under_vmap_and_around_it) {
  const auto f = [](const Tensor& x, const Tensor& w) { return tanh(matmul(w, sin(x))) * x; };
  const auto loss = [](auto g) {
    return [g](const Tensor& x, const Tensor& w) { return sum(square(g(g(x, w), w))); };
  };
  const Tensor x = drawn(10, {6, 3}), w = drawn(11, {3, 3});
  const VmapAxes axes{.in = {0, unmapped}};
  const auto inner = [&](auto g) { return vmap(grad<0, 1>(loss(g)), axes)(x, w); };
  const auto p = inner(f), q = inner(checkpoint(f));
  EXPECT_TRUE(same_bits(p[0], q[0]));
  EXPECT_TRUE(same_bits(p[1], q[1]));
  const auto outer = [&](auto g) {
    return grad<0, 1>(
        [&](const Tensor& a, const Tensor& b) { return sum(vmap(loss(g), axes)(a, b)); })(x, w);
  };
  const auto r = outer(f), s = outer(checkpoint(f));
  EXPECT_TRUE(same_bits(r[0], s[0]));
  EXPECT_TRUE(same_bits(r[1], s[1]));
}

TEST(Checkpoint, holds_transforms_inside) {
  const auto f = [](const Tensor& x, const Tensor& w) {
    const auto one = [&](const Tensor& row) { return sum(tanh(row * w) * sin(row)); };
    return vmap(one)(x) + vmap(one)(x * x) + sum(jacobian(one)(w)) + hvp(one)(w, w);
  };
  const auto loss = [](auto g) {
    return [g](const Tensor& x, const Tensor& w) { return sum(square(g(x, w))); };
  };
  const Tensor x = drawn(20, {3, 3}), w = drawn(21, {3});
  const auto p = grad<0, 1>(loss(f))(x, w), q = grad<0, 1>(loss(checkpoint(f)))(x, w);
  EXPECT_TRUE(same_bits(p[0], q[0]));
  EXPECT_TRUE(same_bits(p[1], q[1]));
}

TEST(Checkpoint, has_the_jacobian_and_hessian_of_its_function) {
  const auto f = [](const Tensor& x) { return tanh(x * sum(square(x))) + exp(-x); };
  const Tensor x = drawn(12, {4});
  EXPECT_TRUE(same_bits(jacobian(f)(x), jacobian(checkpoint(f))(x)));
  for (Mode mode : {Mode::forward, Mode::reverse})
    EXPECT_TRUE(
        same_bits(jacobian(f, {.mode = mode})(x), jacobian(checkpoint(f), {.mode = mode})(x)));
  const auto loss = [](auto g) { return [g](const Tensor& a) { return sum(g(g(a))); }; };
  EXPECT_TRUE(same_bits(hessian(loss(f))(x), hessian(loss(checkpoint(f)))(x)));
}

TEST(Checkpoint, passes_the_derivative_checks_to_order_three) {
  const Function f = [](std::span<const Tensor> a) {
    return checkpoint(
        [](std::span<const Tensor> b) {
          return sin(b[0] * b[1]) + grad([&](const Tensor& z) { return sum(z * z * b[1]); })(b[0]);
        },
        a);
  };
  const Tensor args[] = {drawn(13, {3}), drawn(14, {3})};
  const GradCheck check = check_grads(f, args, 3);
  EXPECT_TRUE(check.passed) << check.where;
}

TEST(Checkpoint, takes_integers_conditions_and_reductions) {
  const auto f = [](const Tensor& a, const Tensor& b) {
    const Tensor places = cast(Tensor{2, 0, 1}, DType::i64);
    const Tensor m = matmul(a, transpose(a)) - max(a, {.axis = 0, .keepdims = true});
    return take(where(a > 0.0, softmax(m, -1), a * logsumexp(m)), places, 0) * b;
  };
  const auto loss = [](auto g) {
    return [g](const Tensor& a, const Tensor& b) { return sum(square(g(a, b))); };
  };
  const Tensor a = drawn(15, {3, 3}), b = drawn(16, {3, 3});
  const auto p = grad<0, 1>(loss(f))(a, b), q = grad<0, 1>(loss(checkpoint(f)))(a, b);
  EXPECT_TRUE(same_bits(p[0], q[0]));
  EXPECT_TRUE(same_bits(p[1], q[1]));
}

TEST(Checkpoint, of_what_computes_nothing_is_that) {
  const auto same = checkpoint([](const Tensor& x) { return x; });
  const auto seven = checkpoint([](const Tensor&) { return Tensor(7.0); });
  EXPECT_EQ(number(grad(same)(2.0)), 1);
  EXPECT_EQ(number(grad(seven)(2.0)), 0);
  EXPECT_EQ(number(grad([](const Tensor& x) {
              return checkpoint([&](const Tensor&) { return exp(x); })(Tensor(1.0));
            })(0.0)),
            1);
  EXPECT_EQ(number(seven(2.0)), 7);
}

TEST(Checkpoint, refuses_what_reads_too_much_from_outside) {
  const auto repeated = [](int times) {
    return checkpoint([times](const Tensor& x) {
      Tensor y = x;
      for (int i = 1; i < times; ++i) y = y + x;
      return y;
    });
  };
  EXPECT_EQ(number(grad(repeated(65534))(1.0)), 65534);
  try {
    grad(repeated(65535))(1.0);
    FAIL() << "no error";
  } catch (const UnsupportedError& e) {
    EXPECT_STREQ(e.what(),
                 "checkpoint: the function reads values from outside 65535 times. One checkpoint "
                 "takes 65534 reads. Split it into several, one after the other.");
  }
}

TEST(Checkpoint, is_traced_with_its_steps) {
  const Function f = [](std::span<const Tensor> a) {
    return checkpoint([](const Tensor& x, const Tensor& w) { return tanh(x * w); })(a[0], a[1]) *
           a[0];
  };
  const Tensor args[] = {Tensor(0.5), Tensor(2.0)};
  const std::string names[] = {"x", "w"};
  const int wrt[] = {0, 1};
  const std::vector<Tensor> grads = trace(f, args, names, wrt).grads,
                            expected = value_and_grads(f, args, wrt).grads;
  expect_same(grads, expected);
  EXPECT_NEAR(number(grads[1]), 0.25 / std::pow(std::cosh(1.0), 2), 1e-16);
}

TEST(Checkpoint, costs_one_more_forward_pass) {
  std::vector<Tensor> args = drawn_weights(17, 16, 8);
  args.push_back(drawn(17, {8, 8}));
  const auto loss = [&](const auto& around) {
    return [&](std::span<const Tensor> a) {
      return perceptron(a.first(16), a[16], activations[0].second, 4, around);
    };
  };
  const auto operations = [&](const Function& f, bool derivative) {
    const WorkCounter counter;
    if (derivative)
      value_and_grads(f, args, all_of(args.size()));
    else
      f(args);
    return counter.operations();
  };
  const double value = operations(loss(plainly), false), plain = operations(loss(plainly), true);
  EXPECT_LE(operations(loss(checkpointed), true), plain + value);
  EXPECT_EQ(operations(loss(checkpointed), false), value);
}

}  // namespace
}  // namespace gradus
