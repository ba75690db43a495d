// Rewrites that keep every bit, and those that would not and must not happen.
#include <gradus/core/interpret.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/diff/diff.h>
#include <gtest/gtest.h>
#include <plan/passes.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

using namespace test;

Names simplified(const PlanFunction& f, const std::vector<Type>& types) {
  return steps_of(simplify(written(f, types)));
}

const std::vector<Type> one_row = {f32({4})};

TEST(Simplify, folds_what_depends_on_constants_alone) {
  const Tensor c{1, 2, 3, 4};
  const PlanFunction f = [&](Args a) {
    return std::vector<Tensor>{a[0] + cast(exp(constant(c)) * 2.0, DType::f32)};
  };
  EXPECT_EQ(simplified(f, one_row), Names{"add"});
  const Graph g = simplify(written(f, one_row));
  const Tensor x = cast(Tensor({1, 1, 1, 1}), DType::f32);
  EXPECT_TRUE(same_bits(interpret(g, std::vector{x})[0], x + cast(exp(c) * 2.0, DType::f32)));
}

TEST(Simplify, makes_equal_steps_once_also_those_that_a_rewrite_made_equal) {
  EXPECT_EQ(simplified(
                [](Args a) {
                  return std::vector<Tensor>{exp(a[0]), exp(a[0] * 1.0), exp(a[0] - 0.0)};
                },
                one_row),
            Names{"exp"});
}

TEST(Simplify, drops_what_no_result_needs) {
  EXPECT_EQ(simplified(
                [](Args a) {
                  tanh(a[0]);
                  return std::vector<Tensor>{sin(a[0])};
                },
                one_row),
            Names{"sin"});
}

TEST(Simplify, keeps_arguments_that_nothing_reads) {
  const Graph g = simplify(
      written([](Args a) { return std::vector<Tensor>{a[1]}; }, {f32({2}), f32({3}), f32({4})}));
  EXPECT_EQ(g.input_ids().size(), 3u);
  EXPECT_EQ(steps_of(g), Names{});
}

TEST(Simplify, removes_operations_with_their_neutral_number) {
  const auto of = [](const std::function<Tensor(const Tensor&)>& f) {
    return simplified([&](Args a) { return std::vector<Tensor>{f(a[0])}; }, one_row);
  };
  EXPECT_EQ(of([](const Tensor& x) { return x * 1.0; }), Names{});
  EXPECT_EQ(of([](const Tensor& x) { return 1.0 * x; }), Names{});
  EXPECT_EQ(of([](const Tensor& x) { return x / 1.0; }), Names{});
  EXPECT_EQ(of([](const Tensor& x) { return x - 0.0; }), Names{});
  EXPECT_EQ(of([](const Tensor& x) { return pow(x, 1.0); }), Names{});
}

// -0 + 0 is +0; 0 - x is +0 where x is +0, and -x is not; infinity times 0 is NaN; a / a may be
// too.
TEST(Simplify, leaves_what_would_change_a_bit_somewhere) {
  const auto of = [](const std::function<Tensor(const Tensor&)>& f) {
    return simplified([&](Args a) { return std::vector<Tensor>{f(a[0])}; }, one_row);
  };
  EXPECT_EQ(of([](const Tensor& x) { return x + 0.0; }), Names{"add"});
  EXPECT_EQ(of([](const Tensor& x) { return 0.0 + x; }), Names{"add"});
  EXPECT_EQ(of([](const Tensor& x) { return x - Tensor(-0.0); }), Names{"subtract"});
  EXPECT_EQ(of([](const Tensor& x) { return 0.0 - x; }), Names{"subtract"});
  EXPECT_EQ(of([](const Tensor& x) { return x * 0.0; }), Names{"multiply"});
  EXPECT_EQ(of([](const Tensor& x) { return 1.0 / x; }), Names{"divide"});
  EXPECT_EQ(of([](const Tensor& x) { return x - x; }), Names{"subtract"});
  EXPECT_EQ(of([](const Tensor& x) { return x / x; }), Names{"divide"});
  EXPECT_EQ(of([](const Tensor& x) { return pow(1.0, x); }), Names{"pow"});
  EXPECT_EQ(of([](const Tensor& x) { return exp(log(x)); }), (Names{"log", "exp"}));
}

TEST(Simplify, of_every_neutral_operation_keeps_the_bits_of_every_kind_of_number) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x{0.0, -0.0, 1.5, -2, inf, -inf, std::nan(""), 5e-324};
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{a[0] * 1.0, a[0] / 1.0, a[0] - 0.0, a[0] + 0.0, 0.0 - a[0]};
  };
  const std::vector<Tensor> args{x};
  const Graph plain = written(f, {x.type()});
  const auto want = interpret(plain, args), got = interpret(simplify(plain), args);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(same_bits(got[i], want[i])) << i;
}

TEST(Simplify, turns_the_operands_in_place_of_their_product) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{tanh(transpose(matmul(a[0], a[1])))};
  };
  const std::vector<Type> types{f32({3, 5}), f32({5, 2})};
  const Graph g = simplify(written(f, types));
  EXPECT_EQ(steps_of(g), (Names{"permute", "permute", "matmul", "tanh"}));
  const std::vector<Tensor> args{drawn(1, {3, 5}), drawn(2, {5, 2})};
  EXPECT_TRUE(same_bits(interpret(g, args)[0], tanh(transpose(matmul(args[0], args[1])))));
}

TEST(Simplify, turns_products_of_batches_too) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{permute(matmul(a[0], a[1]), {0, 2, 1})};
  };
  for (const auto& [left, right] : std::vector<std::pair<Shape, Shape>>{
           {{4, 3, 5}, {4, 5, 2}}, {{3, 5}, {4, 5, 2}}, {{1, 3, 5}, {4, 5, 2}}}) {
    const std::vector<Tensor> args{drawn(1, left), drawn(2, right)};
    const Graph g = simplify(written(f, {args[0].type(), args[1].type()}));
    EXPECT_EQ(steps_of(g).back(), "matmul");
    EXPECT_TRUE(same_bits(interpret(g, args)[0], f(args)[0]));
  }
}

TEST(Simplify, leaves_a_product_alone_that_somebody_else_reads) {
  const std::vector<Type> types{f32({3, 5}), f32({5, 2})};
  EXPECT_EQ(simplified(
                [](Args a) {
                  const Tensor p = matmul(a[0], a[1]);
                  return std::vector<Tensor>{transpose(p), exp(p)};
                },
                types),
            (Names{"matmul", "permute", "exp"}));
  EXPECT_EQ(simplified(
                [](Args a) {
                  const Tensor p = matmul(a[0], a[1]);
                  return std::vector<Tensor>{transpose(p), p};
                },
                types),
            (Names{"matmul", "permute"}));
}

TEST(Simplify, leaves_a_product_alone_under_any_other_permutation) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{permute(matmul(a[0], a[1]), {1, 0, 2})};
  };
  EXPECT_EQ(simplified(f, {f32({1, 1, 5}), f32({1, 5, 1})}), (Names{"matmul", "permute"}));
}

TEST(Simplify, never_joins_aliases_nor_what_is_computed_behind_them) {
  Graph g;
  {
    Tape tape("compile", true);
    const ValueId x = tape.input(f32({4}));
    const Tensor once = exp(tape.tensor(tape.alias(x))), again = exp(tape.tensor(tape.alias(x)));
    g = tape.freeze(std::array{x}, std::array{tape.place(once), tape.place(again)});
  }
  g = simplify(g);
  EXPECT_EQ(steps_of(g), (Names{"alias", "exp", "alias", "exp"}));
  EXPECT_NE(g.output_ids()[0], g.output_ids()[1]);
}

TEST(Simplify, keeps_what_a_checkpoint_computes_again) {
  const auto block = [](const Tensor& x) { return exp(sin(x)); };
  const auto steps = [](const std::function<Tensor(const Tensor&)>& f) {
    return simplified(
        [&](Args a) {
          const int wrt[] = {0};
          const ValueAndGrads r = value_and_grads([&](Args b) { return sum(f(b[0])); }, a, wrt);
          return std::vector<Tensor>{r.value, r.grads[0]};
        },
        one_row);
  };
  EXPECT_EQ(std::ranges::count(steps(block), "exp"), 1);
  EXPECT_EQ(std::ranges::count(steps(checkpoint(block)), "exp"), 2);
}

TEST(Simplify, keeps_the_names_of_values_and_of_arguments) {
  Graph g;
  {
    Tape tape("compile", true);
    const ValueId a = tape.input(f32({3, 5}), "a"), b = tape.input(f32({5, 2}), "b");
    const Tensor product = matmul(tape.tensor(a), tape.tensor(b));
    const Tensor h = named(tanh(named(transpose(product), "scores")), "h");
    g = tape.freeze(std::array{a, b}, std::array{tape.place(h)});
  }
  g = simplify(g);
  EXPECT_EQ(g.label(g.input_ids()[0]), "a");
  EXPECT_EQ(g.label(g.input_ids()[1]), "b");
  EXPECT_EQ(g.label(g.output_ids()[0]), "h");
  EXPECT_EQ(g.label(g.inputs(g.step_of(g.output_ids()[0]))[0]), "scores");
}

TEST(Simplify, changes_nothing_the_second_time) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{grad(
        [](const Tensor& x) { return sum(square(matmul(x * 1.0, transpose(x)) - 0.0)); })(a[0])};
  };
  const Graph once = simplify(written(f, {f32({3, 4})}));
  EXPECT_EQ(steps_of(simplify(once)), steps_of(once));
}

}  // namespace
}  // namespace gradus
