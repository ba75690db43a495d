// What a plan says of itself, and that big plans give the interpreter's bits.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/limits.h>
#include <gtest/gtest.h>
#include <plan/passes.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

using namespace test;

const PlanFunction dense = [](Args a) {
  return std::vector<Tensor>{tanh(matmul(a[0], a[1]) + a[2])};
};

TEST(Notes, of_a_dense_layer_count_what_a_hand_counts) {
  const Plan plan = compile(dense, arguments({f32({32, 64}), f32({64, 10}), f32({10})}));
  ASSERT_EQ(plan.notes().size(), 3u);
  const InstructionNote &product = plan.notes()[0], &bias = plan.notes()[1],
                        &bend = plan.notes()[2];
  EXPECT_EQ(product.ops, "matmul");
  EXPECT_EQ(product.where, "f32[32,64], f32[64,10] -> f32[32,10]");
  EXPECT_EQ(product.flops, 2 * 32 * 64 * 10);
  EXPECT_EQ(product.bytes, 4 * (32 * 64 + 64 * 10 + 32 * 10));
  EXPECT_EQ(bias.where, "f32[32,10], f32[10] -> f32[32,10]");
  EXPECT_EQ(bias.flops, 32 * 10);
  EXPECT_EQ(bias.bytes, 4 * (32 * 10 + 10 + 32 * 10));
  EXPECT_EQ(bend.flops, 32 * 10);
  EXPECT_EQ(bend.bytes, 4 * (32 * 10 + 32 * 10));
  EXPECT_FALSE(product.doubles);
}

TEST(Notes, count_a_bias_out_of_a_larger_buffer_once) {
  const Plan plan = compile(
      [](Args a) {
        return std::vector<Tensor>{a[0] + slice(a[1], {{20, 30}})};
      },
      arguments({f32({32, 10}), f32({1000})}));
  ASSERT_EQ(plan.notes().size(), 1u);
  EXPECT_EQ(plan.notes()[0].where, "f32[32,10], f32[1,10] -> f32[32,10]");
  EXPECT_EQ(plan.notes()[0].bytes, 4 * (32 * 10 + 10 + 32 * 10));
}

TEST(Notes, of_a_fused_layer_are_one_line) {
  const Plan plan = compile(dense, arguments({f32({128, 256}), f32({256, 64}), f32({64})}));
  ASSERT_EQ(plan.notes().size(), 1u);
  const InstructionNote& n = plan.notes()[0];
  EXPECT_EQ(n.ops, "matmul add tanh");
  EXPECT_EQ(n.why, "runs on each finished block of the product, while it is in cache");
  EXPECT_EQ(n.flops, 2 * 128 * 256 * 64 + 2 * 128 * 64);
}

TEST(Notes, do_not_count_what_stays_in_the_scratch) {
  const Plan plan = compile([](Args a) { return std::vector<Tensor>{tanh(sin(exp(a[0])))}; },
                            arguments({f32({8192})}));
  ASSERT_EQ(plan.notes().size(), 1u);
  EXPECT_EQ(plan.notes()[0].flops, 3 * 8192);
  EXPECT_EQ(plan.notes()[0].bytes, 2 * 4 * 8192);
  EXPECT_EQ(plan.notes()[0].where, "f32[8192] -> f32[8192]");
}

TEST(Notes, say_why_something_is_copied_and_carried) {
  const Plan plan = compile(
      [](Args a) {
        return std::vector<Tensor>{sin(a[0]), a[0]};
      },
      arguments({f32({5})}), std::array{Carry{0, 0}});
  ASSERT_EQ(plan.notes().size(), 3u);
  EXPECT_EQ(plan.notes()[1].ops, "copy");
  EXPECT_EQ(plan.notes()[1].why, "a result that is a view, an argument or a constant");
  EXPECT_EQ(plan.notes()[1].bytes, 2 * 20);
  EXPECT_EQ(plan.notes()[2].ops, "carry");
  EXPECT_EQ(plan.notes()[2].why, "the old value is still read when the new one is made");
  EXPECT_EQ(plan.notes()[2].bytes, 2 * 20);
  const Plan in_place = compile([](Args a) { return std::vector<Tensor>{sin(a[0])}; },
                                arguments({f32({5})}), std::array{Carry{0, 0}});
  EXPECT_EQ(in_place.notes().size(), 1u);
}

TEST(Notes, say_where_the_parts_of_a_concatenation_are_made) {
  const Plan made = compile(
      [](Args a) {
        const Tensor e = exp(a[0]), s = sin(a[0]);
        return std::vector<Tensor>{concatenate({e, s})};
      },
      arguments({f32({5})}));
  ASSERT_EQ(made.notes().size(), 2u);
  EXPECT_EQ(made.notes()[1].why, "the parts of the next concatenate are made where they belong");
  const Plan copied = compile(
      [](Args a) {
        return std::vector<Tensor>{concatenate({exp(a[0]), a[0]})};
      },
      arguments({f32({5})}));
  ASSERT_EQ(copied.notes().size(), 2u);
  EXPECT_EQ(copied.notes()[1].ops, "concatenate");
  EXPECT_EQ(copied.notes()[1].why, "one part is copied into its place");
}

TEST(Notes, are_one_for_each_instruction) {
  const Plan plan = compile(
      [](Args a) {
        const Tensor e = exp(a[0]);
        return std::vector<Tensor>{concatenate({a[0], e, a[0]}), transpose(e), sum(e), e * a[0]};
      },
      arguments({f32({70, 70})}), std::array{Carry{3, 0}});
  EXPECT_EQ(plan.notes().size(), plan.instruction_count());
}

Limits round_limits() {
  Limits l;
  l.threads = 1;
  l.flops_f32 = 1e9, l.flops_f64 = 5e8;
  for (MemoryLimit* m : {&l.l1, &l.l2, &l.l3, &l.memory}) *m = {int64_t{1} << 40, 1e9, 1e9, 1e9};
  return l;
}

TEST(Notes, take_as_long_as_the_slower_of_operations_and_bytes) {
  const Limits limits = round_limits();
  InstructionNote n{.flops = 3000, .bytes = 2000};
  EXPECT_DOUBLE_EQ(n.seconds_at(limits), 3e-6);
  n.doubles = true;
  EXPECT_DOUBLE_EQ(n.seconds_at(limits), 6e-6);
  n.bytes = 7000;
  EXPECT_DOUBLE_EQ(n.seconds_at(limits), 7e-6);
}

TEST(Explain, is_a_page_with_totals_and_a_line_for_each_instruction) {
  const Plan plan = compile(dense, arguments({f32({32, 64}), f32({64, 10}), f32({32, 10})}));
  const Limits limits = round_limits();
  EXPECT_EQ(
      plan.explain(&limits, std::array{1e-4, 1e-6, 3e-6}),
      "3 instructions for 3 operations\n"
      "memory    13 kB in one arena; the values of all steps side by side are 16 kB\n"
      "work      42 kFLOP and 18 kB moved in a run\n"
      "limit     47.4 us on this machine (1 thread, 1 GFLOP/s f32)\n"
      "measured  104 us, the sum over instructions: 45.5 % of the limit's speed\n"
      "\n"
      "            work     moved  limit us  took us of all  operations\n"
      "   0    41 kFLOP     12 kB        41      100 96.2 %  matmul   f32[32,64], f32[64,10] -> "
      "f32[32,10]\n"
      "   1    320 FLOP    3.8 kB      3.84        1  1.0 %  add   f32[32,10], f32[32,10] -> "
      "f32[32,10]\n"
      "   2    320 FLOP    2.6 kB      2.56        3  2.9 %  tanh   f32[32,10] -> f32[32,10]\n");
}

TEST(Explain, adds_up_what_the_notes_say) {
  const Plan plan = compile(
      [](Args a) {
        return std::vector<Tensor>{
            grad([](const Tensor& x) { return sum(square(matmul(x, x))); })(a[0])};
      },
      arguments({f32({10, 10})}));
  double flops = 0;
  for (const InstructionNote& n : plan.notes()) flops += n.flops;
  EXPECT_EQ(flops, 3 * 2000 + 2 * 100);  // three products; twice y, and the sum of two
  EXPECT_NE(plan.explain().find("\nwork      6.2 kFLOP and "), std::string::npos) << plan.explain();
}

TEST(Explain, of_a_plan_that_does_nothing_is_short) {
  const Plan plan = compile([](Args) { return std::vector<Tensor>{}; }, arguments({f32({3})}));
  EXPECT_EQ(plan.explain(),
            "0 instructions for 0 operations\n"
            "memory    64 B in one arena; the values of all steps side by side are 12 B\n"
            "work      0 FLOP and 0 B moved in a run\n"
            "\n"
            "            work     moved  operations\n");
}

TEST(TimeEach, gives_one_time_for_each_instruction_and_really_runs) {
  Plan plan = compile(
      [](Args a) {
        return std::vector<Tensor>{a[0] + 1.0, cumsum(a[0], 0)};
      },
      {Tensor{0, 0, 0}}, {{0, 0}});
  const std::vector<double> seconds = plan.time_each(5);
  EXPECT_EQ(seconds.size(), plan.instruction_count());
  for (double s : seconds) EXPECT_GE(s, 0);
  EXPECT_TRUE(same_bits(plan.input_tensor(0), Tensor{5, 5, 5}));
  EXPECT_EQ(plan.time_each(0), std::vector<double>(plan.instruction_count(), 0));
  EXPECT_TRUE(same_bits(plan.input_tensor(0), Tensor{5, 5, 5}));
}

// The plan's bits are the interpreter's with one thread and with two, and again on a second run.
void expect_bits(const PlanFunction& f, const std::vector<Tensor>& args, size_t instructions) {
  std::vector<Argument> types;
  for (const Tensor& x : args) types.push_back({"", x.type()});
  Plan plan = compile(f, types);
  EXPECT_EQ(plan.instruction_count(), instructions) << plan.describe();
  const std::vector<Tensor> want = interpret(plan.graph(), args);
  const int before = thread_count();
  for (int threads : {1, 2, 2}) {
    set_thread_count(threads);
    const std::vector<Tensor> got = plan(args);
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_TRUE(same_bits(got[i], want[i])) << "result " << i << ", " << threads << " threads\n"
                                              << plan.describe();
  }
  set_thread_count(before);
}

const PlanFunction chain = [](Args a) {
  const Tensor y = tanh(a[0] * a[1] + a[2]);
  return std::vector<Tensor>{where(y > 0.0, y, 0.1 * y) - square(a[0])};
};

const PlanFunction soft = [](Args a) {
  const Tensor e = exp(a[0] - max(a[0], {.axis = -1, .keepdims = true}));
  const Tensor total = sum(e, {.axis = -1, .keepdims = true});
  return std::vector<Tensor>{e / total, log(total) * 2.0};
};

TEST(BigPlans, run_chains_over_rows_and_columns) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape :
         std::vector<Shape>{{4099, 3}, {700, 63}, {301, 64}, {123, 1025}, {3, 70001}}) {
      SCOPED_TRACE(to_string(Type{dtype, shape}));
      expect_bits(
          chain,
          {drawn(1, shape, dtype), drawn(2, {shape[1]}, dtype), drawn(3, {shape[0], 1}, dtype)}, 1);
    }
}

TEST(BigPlans, run_chains_without_rows) {
  for (int64_t n : {4096, 4097, 65537, 300001})
    expect_bits(
        [](Args a) {
          const Tensor y = sin(a[0]) + a[1];
          return std::vector<Tensor>{y, exp(y) * 0.5, y > a[0]};
        },
        {drawn(1, {n}), drawn(2, {n})}, 1);
}

TEST(BigPlans, reduce_their_rows) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape :
         std::vector<Shape>{{2049, 2}, {901, 10}, {333, 63}, {257, 64}, {300, 513}, {40, 1024}}) {
      SCOPED_TRACE(to_string(Type{dtype, shape}));
      expect_bits(soft, {drawn(1, shape, dtype)}, 1);
    }
}

TEST(BigPlans, multiply_rows_by_a_column_of_another_kind) {
  const PlanFunction functions[] = {
      [](Args a) {
        return std::vector<Tensor>{(a[0] - sum(a[0], {.axis = -1, .keepdims = true})) *
                                   slice_axis(a[0], 1, {0, 1})};
      },
      [](Args a) {
        return std::vector<Tensor>{(a[0] - mean(a[0], {.axis = -1, .keepdims = true})) *
                                   sum(a[0], {.axis = -1, .keepdims = true})};
      }};
  for (const PlanFunction& f : functions)
    for (const Shape& shape : std::vector<Shape>{{2100, 2}, {901, 10}, {257, 64}, {300, 513}})
      expect_bits(f, {drawn(1, shape)}, 1);
}

TEST(BigPlans, run_epilogues_of_products) {
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {128, 784, 256}, {1000, 3, 7}, {65, 300, 1001}, {2, 64, 3000}, {513, 17, 20}}) {
    SCOPED_TRACE(std::to_string(m) + " " + std::to_string(k) + " " + std::to_string(n));
    expect_bits(
        [](Args a) {
          const Tensor h = matmul(a[0], a[1]) + a[2];
          return std::vector<Tensor>{relu(h) + 0.5 * a[3], h};
        },
        {drawn(1, {m, k}), drawn(2, {k, n}), drawn(3, {n}), drawn(4, {m, n})}, 1);
  }
}

TEST(BigPlans, run_rows_of_products) {
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {600, 32, 10}, {300, 200, 100}, {64, 64, 1030}, {20, 7, 2000}}) {
    SCOPED_TRACE(std::to_string(m) + " " + std::to_string(k) + " " + std::to_string(n));
    expect_bits(
        [](Args a) {
          const Tensor h = matmul(a[0], a[1]);
          const Tensor e = exp(h - max(h, {.axis = -1, .keepdims = true}));
          return std::vector<Tensor>{e / sum(e, {.axis = -1, .keepdims = true})};
        },
        {drawn(1, {m, k}), drawn(2, {k, n})}, 1);
  }
}

TEST(BigPlans, keep_nan_infinities_and_signed_zeros) {
  const double inf = std::numeric_limits<double>::infinity();
  const double odd[] = {0.0, -0.0, inf, -inf, std::nan(""), -std::nan(""), 5e-324, -1e-40, 1e308};
  for (DType dtype : {DType::f32, DType::f64}) {
    const auto strange = [&](const Shape& shape, size_t seed) {
      std::vector<double> x(static_cast<size_t>(element_count(shape)));
      for (size_t i = 0; i < x.size(); ++i) x[i] = odd[(i * (seed + 7) + i / 11) % std::size(odd)];
      return cast(from_vector(x, shape), dtype);
    };
    expect_bits(chain, {strange({97, 65}, 1), strange({65}, 3), strange({97, 1}, 5)}, 1);
    expect_bits(chain, {strange({701, 9}, 1), strange({9}, 3), strange({701, 1}, 5)}, 1);
    expect_bits(soft, {strange({701, 9}, 2)}, 1);
    expect_bits(
        [](Args a) {
          return std::vector<Tensor>{maximum(-a[0], a[1]) * 0.0, minimum(abs(a[0]), sign(a[1]))};
        },
        {strange({5000}, 1), strange({5000}, 4)}, 2);
  }
}

}  // namespace
}  // namespace gradus
