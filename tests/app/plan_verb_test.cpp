// gradus plan: the page and the JSON of an expression and of a model, and what it refuses.
#include <app/run.h>

#include <regex>

namespace gradus {
namespace {

using test::expect;
using test::expect_parts;
using test::run;

// The keys of an instruction, in order, with numbers put to one side.
std::string without_numbers(const std::string& json) {
  return std::regex_replace(json, std::regex(R"((limit_us|"us)([^:]*):[-+.e0-9]+)"), "$1$2:N");
}

TEST(PlanVerb, explains_an_expression_with_its_gradient) {
  expect_parts("plan 'sum(tanh(w*x + b))' --at w=2,x=[1,2],b=0", 0,
               {" instructions for ", "memory    ", " in one arena; ", "work      ", "limit     ",
                "limit us  operations", "tanh   f64[2] -> f64[2]"});
}

TEST(PlanVerb, times_each_instruction) {
  expect_parts("plan 'sum(tanh(w*x))' --at w=2,x=[1,2] --time", 0,
               {"measured  ", "the sum over instructions", "took us", "of all"});
}

TEST(PlanVerb, explains_the_training_step_of_a_model) {
  expect_parts("plan mlp:64-32-10", 0,
               {"matmul", "f32[32,64], f32[64,32] -> f32[32,32]", "relu", "f32[2410]"});
  expect_parts("plan mlp:64-128-10 --batch 128 --activation tanh", 0,
               {"matmul add tanh", "runs on each finished block of the product"});
}

TEST(PlanVerb, prints_json_of_an_expression) {
  const auto o = run("plan 'x*y' --at x=1,y=2 --wrt y --json");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(without_numbers(o.out),
            "{\"arena_bytes\":256,\"instructions\":["
            "{\"ops\":\"multiply\",\"types\":\"f64[], f64[] -> f64[]\",\"why\":\"\",\"flops\":1,"
            "\"bytes\":24,\"limit_us\":N},"
            "{\"ops\":\"copy\",\"types\":\"f64[]\",\"why\":\"a result that is a view, an argument "
            "or a constant\",\"flops\":0,\"bytes\":16,\"limit_us\":N}]}\n");
}

TEST(PlanVerb, prints_times_in_json) {
  const auto o = run("plan 'x*y' --at x=1,y=2 --wrt y --json --time");
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(without_numbers(o.out).find("\"bytes\":24,\"limit_us\":N,\"us\":N}"), std::string::npos)
      << o.out;
}

TEST(PlanVerb, prints_json_of_a_model) {
  const auto o = run("plan mlp:4-3-2 --batch 8 --json");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.out.find("{\"arena_bytes\":"), 0u);
  EXPECT_NE(o.out.find("{\"ops\":\"matmul\",\"types\":\"f32[8,4], f32[4,3] -> f32[8,3]\",\"why\":"
                       "\"\",\"flops\":192,\"bytes\":272,\"limit_us\":"),
            std::string::npos)
      << o.out;
  EXPECT_TRUE(o.out.ends_with("}]}\n"));
}

TEST(PlanVerb, shows_its_options) {
  expect_parts(
      "plan --help", 0,
      {"what a computation becomes before it runs", "gradus plan [OPTIONS] WHAT", "--at", "--wrt",
       "--batch", "--activation", "--time", "gradus plan mlp:784-256-128-10 --batch 128 --time"});
}

TEST(PlanVerb, refuses_what_is_no_model) {
  expect("plan mlp: 2>&1", 2,
         "gradus plan: model: 'mlp:' has the size ''. Sizes are whole numbers from 1 on, joined by "
         "'-'.\n");
  expect("plan mlp:4-x 2>&1", 2,
         "gradus plan: model: 'mlp:4-x' has the size 'x'. Sizes are whole numbers from 1 on, "
         "joined by '-'.\n");
  expect("plan mlp:0-3 2>&1", 2,
         "gradus plan: model: 'mlp:0-3' has the size '0'. Sizes are whole numbers from 1 on, "
         "joined by '-'.\n");
  expect("plan mlp:4 2>&1", 2,
         "gradus plan: model: 'mlp:4' has one size. Give the inputs and the outputs at least, as "
         "mlp:64-10.\n");
  expect("plan mlp:1000000-1000000-1 2>&1", 2,
         "gradus plan: model: 'mlp:1000000-1000000-1' has more than 2^30 parameters. Choose "
         "smaller layers.\n");
  expect("plan mlp:4-3-2 --activation bogus 2>&1", 2,
         "gradus plan: activation: there is no 'bogus'. The activations are relu, tanh, sigmoid, "
         "gelu, gelu_tanh, silu, leaky_relu, elu, softplus, identity.\n");
}

TEST(PlanVerb, refuses_options_that_do_not_belong_to_a_model) {
  for (const char* option : {"--at w=2", "--wrt w"})
    expect("plan mlp:4-3-2 " + std::string(option) + " 2>&1", 2,
           "gradus plan: --at and --wrt belong to an expression, but mlp:4-3-2 is a model. Its "
           "numbers are drawn from the seed.\n");
}

TEST(PlanVerb, refuses_a_batch_out_of_range) {
  for (const char* batch : {"0", "-1", "1048577", "99999999999"})
    expect("plan mlp:4-3-2 --batch=" + std::string(batch) + " 2>&1", 2,
           "gradus plan: --batch is " + std::string(batch) + ". It must be from 1 to 1048576.\n");
  expect("plan mlp:4-3-2 --batch x 2>&1", 2,
         "gradus plan: Could not convert: --batch = x. See gradus help plan.\n");
}

TEST(PlanVerb, refuses_expressions_that_it_cannot_read) {
  expect("plan 'tanh(' 2>&1", 2,
         "gradus plan: expression: column 6: the expression ends where a value is expected\n");
  expect("plan 'a b' 2>&1", 2,
         "gradus plan: expression: column 3: a sign such as * is missing before 'b'\n");
  expect("plan x 2>&1", 2,
         "gradus plan: expression: 'x' has no value. Give it one, as in --at x=1.\n");
  expect("plan 'x' --at x=[1,2] 2>&1", 2,
         "gradus plan: grad: the function returned f64[2], but grad differentiates one number, "
         "f64[]. Take mean(...) or sum(...) first, or ask for jacobian(...).\n");
  expect("plan 'x*y' --at x=1,y=2 --wrt z 2>&1", 2,
         "gradus plan: 'z' has no value. Give it one, as in --at z=1.\n");
  expect("plan 2>&1", 2, "gradus plan: WHAT is required. See gradus help plan.\n");
}

}  // namespace
}  // namespace gradus
