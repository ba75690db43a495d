// Which steps run together, tile by tile, and which do not.
#include <gradus/core/interpret.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/conv.h>
#include <gradus/plan/fused.h>
#include <gtest/gtest.h>
#include <plan/passes.h>

#include <set>

namespace gradus {
namespace {

using namespace test;
using ::testing::PrintToString;

// Units by name, fused ones in brackets.
Names units_of(const PlanFunction& f, const std::vector<Type>& types) {
  const Graph g = record(f, arguments(types));
  const Survey survey(g);
  Names out;
  for (const Unit& u : schedule(survey, fuse(survey))) out.push_back(name_of_unit(g, u));
  return out;
}

const Type big = f32({64, 128});

TEST(Fuse, joins_an_elementwise_chain) {
  EXPECT_EQ(
      units_of([](Args a) { return std::vector<Tensor>{tanh(a[0] * a[1]) + 2.0}; }, {big, big}),
      Names{"[multiply tanh add]"});
}

TEST(Fuse, joins_a_chain_over_a_row_a_column_and_a_number) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{relu(a[0] * a[1] + a[2]) / a[3]}; },
                     {big, f32({64, 1}), f32({128}), f32({})}),
            Names{"[multiply add relu divide]"});
}

TEST(Fuse, joins_a_chain_over_one_number_a_channel) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{relu((a[0] - a[1]) * a[2] + a[1])}; },
                     {f32({8, 6, 14, 14}), f32({1, 6, 1, 1}), f32({6, 1, 1})}),
            Names{"[subtract multiply add relu]"});
}

TEST(Fuse, a_convolution_leads_what_follows_it_over_whole_channels) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{relu(conv2d(a[0], a[1]) + a[2])}; },
                     {f32({8, 3, 16, 16}), f32({6, 3, 3, 3}), f32({6, 1, 1})}),
            Names{"[conv add relu]"});
  EXPECT_EQ(
      units_of(
          [](Args a) {
            return std::vector<Tensor>{conv_transpose2d(a[0], a[1], {.stride = {2}}) * a[2] - a[2]};
          },
          {f32({8, 3, 16, 16}), f32({3, 6, 3, 3}), f32({6, 1, 1})}),
      Names{"[conv_input multiply subtract]"});
}

TEST(Fuse, joins_two_chains_that_meet) {
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor left = exp(a[0]), right = sin(a[1]);
                  return std::vector<Tensor>{left + right};
                },
                {big, big}),
            Names{"[exp sin add]"});
}

TEST(Fuse, joins_what_has_several_results) {
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor y = exp(a[0]);
                  return std::vector<Tensor>{y, y + 1.0, sin(y)};
                },
                {big}),
            (Names{"[exp add sin]"}));
}

TEST(Fuse, joins_rows_and_what_is_reduced_from_them) {
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor e = exp(a[0] - max(a[0], {.axis = -1, .keepdims = true}));
                  return std::vector<Tensor>{e / sum(e, {.axis = -1, .keepdims = true})};
                },
                {big}),
            Names{"[max subtract exp sum divide]"});
}

TEST(Fuse, runs_an_epilogue_on_the_product) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{relu(matmul(a[0], a[1]) + a[2])}; },
                     {f32({64, 32}), f32({32, 128}), f32({128})}),
            Names{"[matmul add relu]"});
}

TEST(Fuse, lets_a_product_lead_also_where_its_operand_of_the_epilogue_is_made_before) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{exp(a[2]) + matmul(a[0], a[1])}; },
                     {f32({64, 32}), f32({32, 128}), big}),
            Names{"[matmul exp add]"});
}

TEST(Fuse, never_puts_two_products_in_one_unit) {
  EXPECT_EQ(
      units_of([](Args a) { return std::vector<Tensor>{matmul(a[0], a[1]) + matmul(a[1], a[0])}; },
               {f32({128, 128}), f32({128, 128})}),
      (Names{"matmul", "[matmul add]"}));
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{matmul(matmul(a[0], a[1]), a[1])}; },
                     {f32({128, 128}), f32({128, 128})}),
            (Names{"matmul", "matmul"}));
}

TEST(Fuse, leaves_a_product_without_the_maker_of_its_operand) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{matmul(exp(a[0]), a[1])}; },
                     {f32({128, 128}), f32({128, 128})}),
            (Names{"exp", "matmul"}));
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor e = exp(a[0]);
                  return std::vector<Tensor>{matmul(e, a[1]) + e};
                },
                {f32({128, 128}), f32({128, 128})}),
            (Names{"exp", "[matmul add]"}));
}

// x -> f -> outside -> g, and g reads f too: in one unit with f, g would wait for itself.
TEST(Fuse, never_closes_a_circle_through_a_step_outside) {
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor f = exp(a[0]);
                  return std::vector<Tensor>{f + cumsum(f, 1)};
                },
                {big}),
            (Names{"exp", "cumsum", "add"}));
  EXPECT_EQ(units_of(
                [](Args a) {
                  const Tensor f = exp(a[0]);
                  return std::vector<Tensor>{f + sin(cumsum(cos(f), 1))};
                },
                {big}),
            (Names{"[exp cos]", "cumsum", "[sin add]"}));
}

// Two circles that only close together: a chain through a join that has already happened.
TEST(Fuse, never_closes_a_circle_through_another_unit) {
  const Names units = units_of(
      [](Args a) {
        const Tensor p = exp(a[0]), q = sin(a[1]);
        const Tensor up = cumsum(p, 1), down = cumsum(q, 1);
        return std::vector<Tensor>{p + down, q + up};
      },
      {big, big});
  EXPECT_EQ(std::ranges::count(units, "cumsum"), 2);
  EXPECT_EQ(std::ranges::count(units, "[exp sin add add]"), 0) << PrintToString(units);
}

TEST(Fuse, does_not_take_a_row_for_a_column_in_a_square) {
  const Type square_one = f32({128, 128}), line = f32({128});
  EXPECT_EQ(
      units_of([](Args a) { return std::vector<Tensor>{a[0] + exp(a[1])}; }, {square_one, line}),
      (Names{"exp", "add"}));
  EXPECT_EQ(units_of(
                [](Args a) {
                  return std::vector<Tensor>{a[0] + exp(reshape(a[1], {128, 1}))};
                },
                {square_one, line}),
            Names{"[exp add]"});
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{a[0] - max(a[0], {.axis = -1})}; },
                     {square_one}),
            (Names{"max", "subtract"}));
}

TEST(Fuse, leaves_steps_that_read_other_places_apart) {
  const Type square_one = f32({128, 128});
  const auto with = [&](const std::function<Tensor(const Tensor&)>& view) {
    return units_of([&](Args a) { return std::vector<Tensor>{a[1] + view(exp(a[0]))}; },
                    {square_one, square_one});
  };
  const Names apart{"exp", "add"};
  EXPECT_EQ(with([](const Tensor& x) { return transpose(x); }), apart);
  EXPECT_EQ(with([](const Tensor& x) { return flip(x, {1}); }), apart);
  EXPECT_EQ(with([](const Tensor& x) { return flip(x, {0}); }), apart);
  EXPECT_EQ(with([](const Tensor& x) { return slice_axis(x, 0, {5, 6}); }), apart);
  EXPECT_EQ(with([](const Tensor& x) { return slice_axis(x, 1, {0, 1}); }), apart);
}

TEST(Fuse, joins_through_a_change_of_shape_that_keeps_the_order) {
  EXPECT_EQ(units_of(
                [](Args a) {
                  return std::vector<Tensor>{sin(reshape(exp(a[0]), {128, 64}))};
                },
                {big}),
            Names{"[exp sin]"});
}

TEST(Fuse, leaves_small_values_alone) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{sin(exp(a[0]))}; }, {f32({4095})}),
            (Names{"exp", "sin"}));
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{sin(exp(a[0]))}; }, {f32({4096})}),
            Names{"[exp sin]"});
}

TEST(Fuse, leaves_rows_apart_that_a_tile_cannot_hold) {
  const PlanFunction f = [](Args a) {
    return std::vector<Tensor>{a[0] - sum(a[0], {.axis = -1, .keepdims = true})};
  };
  EXPECT_EQ(units_of(f, {f32({4, 4096})}), Names{"[sum subtract]"});
  EXPECT_EQ(units_of(f, {f32({4, 4097})}), (Names{"sum", "subtract"}));
}

TEST(Fuse, cuts_a_chain_of_long_rows_anywhere) {
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{sin(exp(a[0]) + a[1])}; },
                     {f32({2, 100000}), f32({100000})}),
            Names{"[exp add sin]"});
}

TEST(Fuse, leaves_reductions_over_other_axes_and_over_all_apart) {
  EXPECT_EQ(
      units_of([](Args a) { return std::vector<Tensor>{sum(exp(a[0]), {.axis = 0})}; }, {big}),
      (Names{"exp", "sum"}));
  EXPECT_EQ(units_of([](Args a) { return std::vector<Tensor>{sum(exp(a[0]))}; }, {big}),
            (Names{"exp", "sum"}));
}

TEST(Fuse, keeps_a_value_behind_an_alias_from_its_maker) {
  Graph g;
  {
    Tape tape("compile", true);
    const ValueId x = tape.input(big);
    const Tensor once = exp(tape.tensor(x));
    const Tensor again = sin(tape.tensor(tape.alias(tape.place(once))));
    g = tape.freeze(std::array{x}, std::array{tape.place(again)});
  }
  const Survey survey(g);
  Names units;
  for (const Unit& u : fuse(survey)) units.push_back(name_of_unit(g, u));
  EXPECT_EQ(units, (Names{"exp", "sin"}));
}

TEST(Fuse, says_why) {
  const auto why = [](const PlanFunction& f, const std::vector<Type>& types) {
    const Graph g = record(f, arguments(types));
    const Survey survey(g);
    return fuse(survey)[0].why;
  };
  EXPECT_EQ(why([](Args a) { return std::vector<Tensor>{sin(exp(a[0]))}; }, {big}),
            "one pass over tiles");
  EXPECT_EQ(why([](Args a) { return std::vector<Tensor>{sum(exp(a[0]), {.axis = -1})}; }, {big}),
            "one pass over tiles of whole rows");
  EXPECT_EQ(why([](Args a) { return std::vector<Tensor>{exp(matmul(a[0], a[1]))}; },
                {f32({64, 32}), f32({32, 128})}),
            "runs on each finished block of the product, while it is in cache");
  EXPECT_EQ(why([](Args a) { return std::vector<Tensor>{exp(a[0])}; }, {big}), "");
}

// One random step on two values of one shape.
Tensor random_step(RandomState& random, const std::vector<Tensor>& pool) {
  const auto any = [&]() -> const Tensor& {
    return pool[static_cast<size_t>(random.randint(0, std::ssize(pool)))];
  };
  const Tensor &x = any(), &y = any();
  switch (random.randint(0, 11)) {
    case 0:
      return x + y;
    case 1:
      return sin(x);
    case 2:
      return x * flip(y, {0});
    case 3:
      return x - max(y, {.axis = -1, .keepdims = true});
    case 4:
      return x + sum(y, {.axis = 0});
    case 5:
      return matmul(x, matmul(transpose(y), x)) * 0.01;
    case 6:
      return cumsum(x, 1) + y;
    case 7:
      return concatenate({slice_axis(x, 0, {0, 10}), exp(slice_axis(y, 0, {10, slice_end}))});
    case 8:
      return softmax(x, -1);
    case 9:
      return x + exp(slice_axis(y, 1, {3, 4}));
    default:
      return tanh(x) * y;
  }
}

TEST(Fuse, and_schedule_put_every_computed_step_in_one_unit_after_what_it_reads) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph g = record(
        [&](Args a) {
          RandomState random(seed);
          std::vector<Tensor> pool(a.begin(), a.end());
          for (int i = 0; i < 20; ++i) pool.push_back(random_step(random, pool));
          return std::vector<Tensor>{pool.back(), pool[pool.size() - 4]};
        },
        arguments({f32({80, 80}), f32({80, 80})}));
    const Survey survey(g);
    const std::vector<Unit> units = schedule(survey, fuse(survey));
    std::vector<size_t> steps;
    std::set<size_t> done;
    for (const Unit& u : units) {
      ASSERT_FALSE(u.steps.empty());
      int leaders = 0;
      for (size_t i : u.steps) {
        leaders += g.step(i).op->takes_after ? 1 : 0;
        for (ValueId id : g.inputs(g.step(i))) {
          const ValueId root = survey.homes[id].root;
          const size_t maker = g.value(root).step;
          const bool computed = std::ranges::count(survey.computed, maker) > 0;
          EXPECT_TRUE(!computed || done.contains(maker)) << name_of_unit(g, u);
        }
        done.insert(i);
        steps.push_back(i);
      }
      EXPECT_TRUE(!u.fused || leaders == (u.led ? 1 : 0)) << name_of_unit(g, u);
      EXPECT_TRUE(!u.led || g.step(u.steps[0]).op->takes_after) << name_of_unit(g, u);
    }
    std::ranges::sort(steps);
    EXPECT_EQ(steps, survey.computed);
  }
}

TEST(Spread, repeats_an_element_for_each_place_of_its_row) {
  const float from[] = {1, -1, 2, -2, 3, -3};  // every second one
  float to[3 * 5 + spread_slack / sizeof(float)];
  spread(reinterpret_cast<const std::byte*>(from), 2 * sizeof(float), sizeof(float), 3, 5,
         reinterpret_cast<std::byte*>(to));
  EXPECT_EQ(std::vector<float>(to, to + 15),
            (std::vector<float>{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3}));
}

}  // namespace
}  // namespace gradus
