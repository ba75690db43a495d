// Random programs of 5 to 50 ops under random nestings of grad, jvp, vjp, hvp and vmap, three deep:
// forward mode, reverse mode and differences agree, and a batch is its examples. 300 programs a
// run; RC_PARAMS="max_success=100000" runs more.
#ifdef GRADUS_HAS_RAPIDCHECK
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/custom.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdlib>

namespace gradus {
namespace {

constexpr int64_t n = 3;  // vectors are f64[3], matrices f64[3,3]

using Map = std::function<Tensor(const Tensor&)>;  // f64[3] to one number

Tensor half_tanh(const Tensor& x) {
  return 0.5 * tanh(x);
}

// Its diagonal outweighs the rest of each row.
Tensor regular(const Tensor& a) {
  return half_tanh(a) + 3.0 * eye(n);
}

// The programs' instructions, by the ranks they take and give. What could grow is held by tanh.
struct Instruction {
  const char* name;
  int takes[2];  // ranks; -1: no second operand
  Tensor (*run)(const Tensor& a, const Tensor& b);
};

#define ONE(name, rank, expression)                                                       \
  {                                                                                       \
    name, {rank, -1}, [](const Tensor& a, const Tensor&) -> Tensor { return expression; } \
  }
#define TWO(name, rank_a, rank_b, expression)                                                     \
  {                                                                                               \
    name, {rank_a, rank_b}, [](const Tensor& a, const Tensor& b) -> Tensor { return expression; } \
  }

const Instruction instructions[] = {
    ONE("sin", 1, sin(a)),
    ONE("tanh", 2, tanh(a)),
    ONE("sigmoid", 1, sigmoid(a)),
    ONE("softplus", 2, softplus(a)),
    ONE("exp", 1, exp(half_tanh(a))),
    ONE("log", 1, log(1.5 + half_tanh(a))),
    ONE("sqrt", 2, sqrt(1.0 + square(a))),
    ONE("erf", 1, erf(a)),
    ONE("gelu", 2, gelu(a)),
    ONE("atan", 0, atan(a)),
    ONE("asinh", 1, asinh(a)),
    ONE("relu", 1, relu(a)),
    ONE("abs", 2, abs(a)),
    ONE("square", 0, half_tanh(square(a))),
    ONE("reciprocal", 1, reciprocal(2.0 + square(a))),
    TWO("add", 1, 1, a + b),
    TWO("add rows", 2, 1, a + b),
    TWO("subtract", 2, 2, a - b),
    TWO("multiply", 1, 1, half_tanh(a* b)),
    TWO("multiply matrices", 2, 2, half_tanh(a* b)),
    TWO("scale", 0, 1, half_tanh(a* b)),
    TWO("divide", 1, 1, a / (2.0 + tanh(b))),
    TWO("power", 1, 1, pow(1.5 + half_tanh(a), tanh(b))),
    TWO("maximum", 1, 1, maximum(a, b)),
    TWO("hypot", 1, 1, hypot(1.5 + half_tanh(a), b)),
    TWO("logaddexp", 1, 1, logaddexp(a, b)),
    TWO("atan2", 1, 1, atan2(a, 2.0 + tanh(b))),
    TWO("where", 1, 1, where(a > 0.1, a, b)),
    TWO("matrix vector", 2, 1, half_tanh(matmul(a, b))),
    TWO("vector matrix", 1, 2, half_tanh(matmul(a, b))),
    TWO("matrix matrix", 2, 2, half_tanh(matmul(a, b))),
    TWO("outer", 1, 1, half_tanh(outer(a, b))),
    TWO("dot", 1, 1, tanh(dot(a, b))),
    ONE("transpose", 2, transpose(a)),
    ONE("flip", 1, flip(a, {0})),
    ONE("shift", 1, pad(slice(a, {{1, 3}}), {0}, {1})),
    ONE("every second", 1, concatenate({slice(a, {{0, 3, 2}}), slice(a, {{1, 2}})})),
    ONE("gather", 1, gather(a, from_vector<int64_t>({2, 0, 2}))),
    ONE("gather rows", 2, gather(a, from_vector<int64_t>({1, 1, 0}))),
    ONE("scatter", 1, scatter_add(from_vector<int64_t>({0, 2, 0}), a, 3)),
    ONE("sum", 1, sum(a)),
    ONE("sum rows", 2, half_tanh(sum(a, {.axis = 0}))),
    ONE("mean columns", 2, mean(a, {.axis = 1})),
    ONE("prod", 1, tanh(prod(a))),
    ONE("prod rows", 2, half_tanh(prod(a, {.axis = 0}))),
    ONE("norm", 1, norm(a + 2.0)),
    ONE("max", 1, max(a)),
    ONE("logsumexp", 2, logsumexp(a, {.axis = 1})),
    ONE("softmax", 1, softmax(a)),
    ONE("log_softmax", 2, half_tanh(log_softmax(a, 0))),
    ONE("cumsum", 1, half_tanh(cumsum(a))),
    ONE("cumprod", 2, half_tanh(cumprod(a, 1))),
    ONE("sort", 1, sort(a)),
    ONE("var", 2, var(a, {.axis = 1})),
    ONE("broadcast", 1, broadcast_to(a, {n, n})),
    ONE("diagonal", 2, diagonal(a)),
    ONE("diag", 1, diag(a)),
    TWO("solve", 2, 1, half_tanh(solve(regular(a), b))),
    TWO("solve matrix", 2, 2, half_tanh(solve(regular(a), b))),
    ONE("inv", 2, half_tanh(inv(regular(a)))),
    ONE("det", 2, tanh(det(half_tanh(a)))),
    ONE("slogdet", 2, tanh(slogdet(regular(a)).log)),
    ONE("cholesky", 2, half_tanh(cholesky(regular(matmul(half_tanh(a), transpose(half_tanh(a))))))),
    ONE("qr", 2, half_tanh(qr(regular(a)).r)),
    ONE("lgamma", 1, tanh(lgamma(1.5 + half_tanh(a)))),
    ONE("digamma", 1, half_tanh(digamma(1.5 + half_tanh(a)))),
    ONE("flatten", 2, half_tanh(sum(reshape(a, {9}) * 0.3) + slice(reshape(a, {9}), {{2, 5}}))),
};
#undef ONE
#undef TWO
constexpr uint32_t instruction_count = std::size(instructions);

// Each word chooses an instruction and its operands among the values so far.
Tensor run(const std::vector<uint32_t>& program, const Tensor& x) {
  std::vector<Tensor> values[3];
  values[0] = {sum(x)};
  values[1] = {x};
  values[2] = {outer(x, sin(x))};
  Tensor last = x;
  for (uint32_t word : program) {
    const Instruction& i = instructions[word % instruction_count];
    const auto operand = [&](int rank, uint32_t choice) -> Tensor {
      if (rank < 0) return {};
      const auto& all = values[rank];
      // Recent values are taken more often, so that programs grow deep.
      const size_t back = choice % 3 == 0 ? choice / 3 % all.size() : choice / 3 % 2 % all.size();
      return all[all.size() - 1 - back];
    };
    last = i.run(operand(i.takes[0], word / instruction_count),
                 operand(i.takes[1], word / instruction_count / 61));
    values[last.rank()].push_back(last);
  }
  Tensor total = sum(last);
  for (const auto& all : values) total = total + 0.3 * sum(all.back());
  return total;
}

// Functions from f64[3] to one number made of another; `order` counts derivatives.
struct Nesting {
  const char* name;
  int order;
  Map (*wrap)(const Map& f);
};

const Tensor c{0.7, -0.4, 0.9};

const Nesting nestings[] = {
    {"grad", 1,
     [](const Map& f) -> Map { return [f](const Tensor& x) { return sum(grad(f)(x) * c); }; }},
    {"jvp", 1,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) { return jvp(f)(x, sin(x)).derivative; };
     }},
    {"vjp of a vector", 1,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) {
         const auto vector = [f](const Tensor& z) { return f(z) * cos(z); };
         return sum(vjp(vector)(x, c + x).derivative * c);
       };
     }},
    {"hvp", 2,
     [](const Map& f) -> Map { return [f](const Tensor& x) { return sum(hvp(f)(x, c)); }; }},
    {"jacobian", 1,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) {
         const auto vector = [f](const Tensor& z) { return f(z) * z; };
         return sum(jacobian(vector, {.mode = Mode::forward})(x) * outer(c, c));
       };
     }},
    {"vmap", 0,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) { return sum(vmap(f)(stack({x, flip(x, {0}), 0.5 * x})) * c); };
     }},
    {"vmap of a second argument", 0,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) {
         const auto two = [f](const Tensor& a, const Tensor& b) { return f(a * b); };
         return sum(vmap(two, {.in = {unmapped, 1}})(x, outer(x, c)) * x);
       };
     }},
    {"vmap of grad", 1,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) { return sum(vmap(grad(f))(stack({x, 0.5 * x})) * c); };
     }},
    {"grad with a captured value", 1,
     [](const Map& f) -> Map {
       return [f](const Tensor& x) {
         return sum(grad([&](const Tensor& z) { return f(z * x) + sum(z + x); })(sin(x)) * x);
       };
     }},
};

// f under the nestings that three derivatives leave room for.
Map nested(Map f, const std::vector<uint32_t>& wraps) {
  int order = 0;
  for (uint32_t w : wraps) {
    const Nesting& nesting = nestings[w % std::size(nestings)];
    if (order + nesting.order > 3) continue;
    order += nesting.order;
    f = nesting.wrap(f);
  }
  return f;
}

double along(const Map& f, const Tensor& x, const Tensor& d, double h) {
  const auto at = [&](double t) { return number(f(x + t * d)); };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

int unclear = 0;  // points that differences cannot judge

// What is wrong with the derivatives of f at x, or nothing.
std::string fault(const Map& f, const Tensor& x) {
  const Tensor d{0.6, -0.8, 0.5};
  const double forward = number(jvp(f)(x, d).derivative);
  const Tensor gradient = grad(f)(x);
  const double reverse = number(sum(gradient * d));
  const double size = 1 + std::fabs(number(f(x))) + number(sum(abs(gradient)));
  const auto against = [&](const char* what, double other) {
    return "forward " + std::to_string(forward) + ", " + what + " " + std::to_string(other);
  };
  if (!(std::fabs(forward - reverse) <= 1e-11 * size)) return against("reverse", reverse);
  const Tensor two = stack({x, 0.9 * x}), together = vmap(f)(two);
  for (int64_t i = 0; i < 2; ++i) {
    const double in_batch = number(row(together, i)), alone = number(f(row(two, i)));
    if (!(std::fabs(in_batch - alone) <= 1e-11 * size))
      return "in a batch " + std::to_string(in_batch) + ", alone " + std::to_string(alone);
  }
  // Where two steps disagree, a kink lies between, or f is too steep for differences.
  const double fine = along(f, x, d, 2e-4), coarse = along(f, x, d, 4e-4);
  if (!(std::fabs(fine - coarse) <= 1e-6 * size))
    ++unclear;
  else if (!(std::fabs(forward - fine) <= 2e-6 * size))
    return against("differences", fine);
  return {};
}

TEST(Compose, random_programs_under_random_nestings_agree_with_differences_and_each_other) {
  setenv("RC_PARAMS", "max_success=300 seed=20261125", 0);
  const auto words = [](int least, int most) {
    return rc::gen::resize(100, rc::gen::mapcat(rc::gen::inRange(least, most + 1), [](int count) {
                             return rc::gen::container<std::vector<uint32_t>>(
                                 static_cast<size_t>(count),
                                 rc::gen::inRange<uint32_t>(0, 1u << 30));
                           }));
  };
  int checked = 0;
  unclear = 0;
  const bool passed = rc::check("random programs", [&] {
    const auto program = *words(5, 50);
    const auto wraps = *words(0, 3);
    const auto seed = *rc::gen::resize(100, rc::gen::inRange<uint32_t>(0, 1u << 30));
    std::vector<double> x(static_cast<size_t>(n));
    fill_normal(key_from_seed(seed), 0, std::span<double>(x));
    ++checked;
    const Map f = nested([&](const Tensor& z) { return run(program, z); }, wraps);
    const std::string found = fault(f, from_vector(x));
    RC_ASSERT(found == "");
  });
  EXPECT_TRUE(passed);
  std::printf("%d programs, %d at points that differences cannot judge\n", checked, unclear);
  EXPECT_LT(unclear, checked / 20);
}

TEST(Compose, finds_a_rule_that_is_one_percent_off) {
  const auto off = custom_vjp(
      [](const Tensor& x) { return sin(x); },
      [](const Tensor& x, const Tensor&, const Tensor& y_bar) { return 1.01 * cos(x) * y_bar; },
      {.exact = false});
  const Map f = [&](const Tensor& x) { return sum(square(off(x) + x)); };
  const Tensor x{0.3, 1.1, -0.6};
  EXPECT_NE(fault(f, x), "");
  EXPECT_NE(fault(nested(f, {0, 5}), x), "");
}

}  // namespace
}  // namespace gradus
#endif
