// The generated checks of every op that is not elementwise, from the samples below. An op without
// samples fails, and so does an op declared in a header but missing from the lists of ops.
#include <gradus/base/pool.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/random.h>
#include <gradus/ops/recurrent.h>
#include <gradus/ops/slopes.h>
#include <gradus/ops/table.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "table/check.h"

namespace gradus {
namespace {

using namespace test;

// One call that goes through the op. Derivatives are checked up to `order`.
struct Sample {
  std::vector<Tensor> args;
  Function f;
  int order = 0;
};
struct Answer {
  std::function<Tensor()> call;
  std::string want;  // type and numbers
};
struct Refusal {
  std::function<void()> call;
  std::string message;
};
struct Samples {
  std::vector<Sample> samples;
  std::vector<Answer> answers;    // an empty and, where it can be, a scalar input among them
  std::vector<Refusal> refusals;  // none only where no input is wrong
};

Draw draw;

Tensor places(const std::vector<int64_t>& p, const Shape& shape) {
  return from_vector(p, shape);
}
Tensor mask(const std::vector<bool>& m) {
  std::vector<std::byte> bytes;
  for (bool b : m) bytes.push_back(std::byte{b});
  return from_bytes({DType::boolean, {static_cast<int64_t>(m.size())}}, bytes);
}

using Args = std::span<const Tensor>;
const double nan_ = std::nan("");
const double inf_ = std::numeric_limits<double>::infinity();

template <class Op2>
Samples comparison(Op2 f, const char* name, const std::vector<bool>& less_equal_greater_nan) {
  const Tensor a{1, 2, 3, nan_, -0.0}, b{2, 2, 2, 1, 0.0};
  std::string want = "bool[5] [";
  for (size_t i = 0; i < 5; ++i) {
    const bool v = less_equal_greater_nan[i];
    want += (i ? " " : "") + std::string(v ? " true" : "false");
  }
  Samples s;
  s.samples = {{{draw.tensor({3, 4}), draw.tensor({3, 4})}, [f](Args x) { return f(x[0], x[1]); }}};
  s.answers = {
      {[=] { return f(a, b); }, want + "]"},
      {[=] { return f(cast(a, DType::f32), cast(b, DType::f32)); }, want + "]"},
      {[=] {
         return f(from_vector<int64_t>({1, 2, 3, 0, 5}), from_vector<int64_t>({2, 2, 2, 1, 5}));
       },
       "bool[5] " + to_string(f(Tensor({1, 2, 3, 0, 5}), Tensor({2, 2, 2, 1, 5})))},
      {[=] { return f(from_vector<int32_t>({1}), from_vector<int32_t>({1})); },
       "bool[1] [" + std::string(less_equal_greater_nan[1] ? "true]" : "false]")},
      {[=] { return f(mask({true}), mask({true})); },
       "bool[1] [" + std::string(less_equal_greater_nan[1] ? "true]" : "false]")},
      {[=] { return f(Tensor(2.0), Tensor(2.0)); },
       "bool[] " + std::string(less_equal_greater_nan[1] ? "true" : "false")},
      {[=] { return f(zeros({0}), 1.0); }, "bool[0] [] bool[0]"}};
  const std::map<std::string, std::string> signs = {{"equal", "=="},  {"not_equal", "!="},
                                                    {"less", "<"},    {"less_equal", "<="},
                                                    {"greater", ">"}, {"greater_equal", ">="}};
  const std::string sign = " " + signs.at(name) + " ", op = name;
  s.refusals = {
      {[=] { f(ones({2}), ones({3})); },
       op + ": f64[2]" + sign +
           "f64[3]: cannot broadcast, because axes line up from the right and 2 is not 3."},
      {[=] { f(ones({2}), iota(2)); }, op + ": f64[2]" + sign +
                                           "i64[2]: the kinds of number differ. Types of one kind "
                                           "mix, others need a word. Write cast(x, DType::f64)."},
      {[=] { f(cast(ones({2}), DType::f16), cast(ones({2}), DType::f16)); },
       op + ": f16[2]" + sign +
           "f16[2]: f16, bf16, i8 and u8 only store. Compute in f32 or f64. Cast first."}};
  return s;
}

template <class Op2>
Samples logic(Op2 f, const char* name, const char* want) {
  Samples s;
  const Tensor a = mask({false, false, true, true}), b = mask({false, true, false, true});
  s.samples = {{{a, b}, [f](Args x) { return f(x[0], x[1]); }}};
  s.answers = {{[=] { return f(a, b); }, want},
               {[=] { return f(mask({}), mask({})); }, "bool[0] [] bool[0]"}};
  s.refusals = {{[=] { f(ones({2}), ones({2})); },
                 std::string(name) +
                     ": f64[2] is not bool. Logic works on masks. Compare first, as in x > 0."},
                {[=] {
                   f(a, mask({true, false, true}));
                 },
                 std::string(name) + ": bool[4] and bool[3]: cannot broadcast, because axes line "
                                     "up from the right and 4 is not 3."}};
  return s;
}

template <class Op1>
Samples predicate(Op1 f, const char* name, const char* want) {
  Samples s;
  s.samples = {{{Tensor{nan_, inf_, -inf_, 1, 0}}, [f](Args x) { return f(x[0]); }}};
  s.answers = {{[=] {
                  return f(Tensor{nan_, inf_, -inf_, 1, 0});
                },
                want},
               {[=] {
                  return f(cast(Tensor{nan_, inf_, -inf_, 1, 0}, DType::f32));
                },
                want},
               {[=] {
                  return f(zeros({0, 2}));
                },
                "bool[0,2] [] bool[0,2]"}};
  s.refusals = {{[=] { f(iota(2)); }, std::string(name) +
                                          ": i64[2] is not a floating-point tensor. It "
                                          "computes in f32 or f64. Cast to f64 first."}};
  return s;
}

template <class Reduction>
Samples reduction(Reduction f, const char* name, int order, std::vector<Answer> answers,
                  bool needs_elements = false, bool integers = true) {
  Samples s;
  const auto over = [f](Reduce r) { return [f, r](Args x) { return f(x[0], r); }; };
  s.samples = {{{draw.tensor({3, 4})}, over({}), order},
               {{draw.tensor({3, 4})}, over({.axis = 1}), order},
               {{draw.tensor({3, 4})}, over({.axis = 0, .keepdims = true}), order},
               {{draw.tensor({2, 3, 4})}, over({.axis = {0, -1}}), order},
               {{draw.tensor({5, 2500})}, over({.axis = 1}), 0},
               {{draw.tensor({2500, 70})}, over({.axis = 0}), 0}};
  s.answers = std::move(answers);
  const std::string op = name;
  s.refusals = {
      {[=] {
         f(ones({2, 3}), {.axis = 2});
       },
       op + ": axis 2 of a tensor of rank 2 does not exist. Axes run from 0 to 1, or from -1 back "
            "to -2."},
      {[=] {
         f(ones({2, 3}), {.axis = {0, -2}});
       },
       op + ": axis 0 of f64[2,3] is given twice. Each axis may appear once."},
      {[=] { f(mask({true}), {}); },
       integers ? op + ": bool[1] is not a tensor of numbers. bool is a mask. Cast to i64 to count."
                : op + ": bool[1] is not a floating-point tensor. It computes in f32 or f64. Cast "
                       "to f64 first."}};
  if (needs_elements)
    s.refusals.push_back(
        {[=] {
           f(zeros({0, 3}), {.axis = 0});
         },
         op + ": f64[0,3] has no elements along the reduced axes. At least one is needed."});
  return s;
}

template <class Reduction>
Samples place_reduction(Reduction f, const char* name, std::vector<Answer> answers) {
  Samples s;
  const std::string op = name;
  s.samples = {{{draw.tensor({3, 4})}, [f](Args x) { return f(x[0], 1, false); }},
               {{draw.tensor({3, 4})}, [f](Args x) { return f(x[0], {}, false); }}};
  s.answers = std::move(answers);
  s.refusals = {
      {[=] { f(zeros({0}), {}, false); },
       op + ": f64[0] has no elements along the reduced axes. At least one is needed."},
      {[=] { f(mask({true}), {}, false); },
       op + ": bool[1] is not a tensor of numbers. bool is a mask. Cast to i64 to count."}};
  return s;
}

template <class Reduction>
Samples mask_reduction(Reduction f, const char* name, std::vector<Answer> answers) {
  Samples s;
  s.samples = {{{reshape(mask({true, false, false, false, true, true}), {2, 3})},
                [f](Args x) { return f(x[0], {.axis = 1}); }},
               {{reshape(mask({true, false, false, false, true, true}), {2, 3})},
                [f](Args x) { return f(x[0], {.axis = 0}); }}};
  s.answers = std::move(answers);
  s.refusals = {{[=] { f(mask({true}), {.axis = 1}); },
                 std::string(name) + ": axis 1 of a tensor of rank 1 does not exist. Axes run from "
                                     "0 to 0, or from -1 back to -1."}};
  return s;
}

std::string not_float(const std::string& op, const std::string& type);

// A function of the rows along an axis that keeps their shape.
template <class F>
Samples normal_form(F f, const char* name, std::vector<Answer> answers) {
  Samples s;
  const std::string op = name;
  const auto along = [f](int64_t axis) { return [f, axis](Args x) { return f(x[0], axis); }; };
  s.samples = {{{draw.tensor({3, 4})}, along(-1), 3},
               {{draw.tensor({3, 4})}, along(0), 3},
               {{draw.tensor({2, 3, 4})}, along(1), 2},
               {{draw.tensor({5, 2500})}, along(1), 0},
               {{draw.tensor({2500, 70})}, along(0), 0}};
  s.answers = std::move(answers);
  s.answers.push_back({[f] { return f(zeros({2, 0}), 1); }, "f64[2,0] [] f64[2,0]"});
  s.answers.push_back({[f] { return f(zeros({0, 2}), 1); }, "f64[0,2] [] f64[0,2]"});
  s.refusals = {
      {[f] { f(iota(3), 0); }, not_float(op, "i64[3]")},
      {[f] { f(ones({2}), 1); },
       op + ": axis 1 of a tensor of rank 1 does not exist. Axes run from 0 to 0, or from -1 back "
            "to -1."}};
  return s;
}

std::string not_float(const std::string& op, const std::string& type) {
  return op + ": " + type +
         " is not a floating-point tensor. It computes in f32 or f64. Cast to f64 first.";
}

template <class F>
std::vector<Refusal> square_only(F f, const std::string& op) {
  const auto call = [f](const Tensor& x) { f(std::vector<Tensor>{x}); };
  return {
      {[=] {
         call(ones({2, 3}));
       },
       op + ": f64[2,3] is not square. The last two axes must be equal."},
      {[=] { call(iota(3)); }, not_float(op, "i64[3]")},
      {[=] { call(ones({3})); },
       op + ": f64[3] is not a matrix. It needs at least two axes. Use reshape to make a row or a "
            "column."}};
}

// A function of one square matrix; batches, so that a repeated first row is a repeated matrix.
template <class F>
Samples matrices(F f, const char* name, int order, bool square = true) {
  Samples s;
  const std::string op = name;
  s.samples = {{{draw.tensor({2, 1, 1}) + 4.0}, f, order},
               {{draw.tensor({2, 2, 2}) + 4.0 * eye(2)}, f, order},
               {{draw.tensor({1, 3, 3}) + 4.0 * eye(3)}, f, order},
               {{draw.tensor({1, 7, 7}, -0.3, 0.3) + eye(7)}, f, 2},
               {{draw.tensor({1, 20, 20}, -0.1, 0.1) + eye(20)}, f, 0}};
  if (square) s.refusals = square_only(f, op);
  return s;
}

// A draw in its usual type; with seed 42 its first three numbers are `three`.
template <class Random>
Samples draws(Random f, const char* name, const char* three) {
  Samples s;
  const std::string op = name;
  s.samples = {{{key_tensor(Key{7})},
                [=](Args x) {
                  return f(x[0], {3, 5});
                }},
               {{key_tensor(Key{8})}, [=](Args x) { return f(x[0], {50000}); }},
               {{stack({key_tensor(Key{9}), key_tensor(Key{10})})},
                [=](Args x) { return f(x[0], {20000}); }}};
  s.answers = {{[=] { return f(key_tensor(Key{42}), {3}); }, three},
               {[=] {
                  return f(key_tensor(Key{42}), {0, 2});
                },
                show(zeros({0, 2}, f(key_tensor(Key{42}), {}).dtype()))}};
  s.refusals = {{[=] { f(ones({2}), {3}); },
                 op + ": f64[2] is not a key. A key is i64[2]. Make one with key_tensor."},
                {[=] {
                   f(key_tensor(Key{}), {3, -1});
                 },
                 op + ": shape [3,-1] has a size below 0. A shape counts elements."}};
  return s;
}

std::map<std::string, std::function<Samples()>> samples() {
  const Tensor x23{{1, 2, 3}, {4, 5, 6}};
  return {
      {"equal",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return equal(a, b); }, "equal",
                           {0, 1, 0, 0, 1});
       }},
      {"not_equal",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return not_equal(a, b); },
                           "not_equal", {1, 0, 1, 1, 0});
       }},
      {"less",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return less(a, b); }, "less",
                           {1, 0, 0, 0, 0});
       }},
      {"less_equal",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return less_equal(a, b); },
                           "less_equal", {1, 1, 0, 0, 1});
       }},
      {"greater",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return greater(a, b); },
                           "greater", {0, 0, 1, 0, 0});
       }},
      {"greater_equal",
       [] {
         return comparison([](const Tensor& a, const Tensor& b) { return greater_equal(a, b); },
                           "greater_equal", {0, 1, 1, 0, 1});
       }},
      {"logical_and",
       [] {
         return logic([](const Tensor& a, const Tensor& b) { return logical_and(a, b); },
                      "logical_and", "bool[4] [false false false  true]");
       }},
      {"logical_or",
       [] {
         return logic([](const Tensor& a, const Tensor& b) { return logical_or(a, b); },
                      "logical_or", "bool[4] [false  true  true  true]");
       }},
      {"logical_xor",
       [] {
         return logic([](const Tensor& a, const Tensor& b) { return logical_xor(a, b); },
                      "logical_xor", "bool[4] [false  true  true false]");
       }},
      {"logical_not",
       [] {
         Samples s;
         s.samples = {{{mask({true, false, true})}, [](Args x) { return logical_not(x[0]); }}};
         s.answers = {{[] {
                         return logical_not(mask({true, false}));
                       },
                       "bool[2] [false  true]"},
                      {[] { return logical_not(mask({})); }, "bool[0] [] bool[0]"}};
         s.refusals = {{[] { logical_not(ones({2})); },
                        "logical_not: f64[2] is not bool. Logic works on masks. Compare first, as "
                        "in x > 0."}};
         return s;
       }},
      {"isnan",
       [] {
         return predicate([](const Tensor& x) { return isnan(x); }, "isnan",
                          "bool[5] [ true false false false false]");
       }},
      {"isinf",
       [] {
         return predicate([](const Tensor& x) { return isinf(x); }, "isinf",
                          "bool[5] [false  true  true false false]");
       }},
      {"isfinite",
       [] {
         return predicate([](const Tensor& x) { return isfinite(x); }, "isfinite",
                          "bool[5] [false false false  true  true]");
       }},
      {"where",
       [] {
         Samples s;
         const Tensor c = reshape(mask({true, false, false, true, true, false}), {2, 3});
         s.samples = {{{c, draw.tensor({2, 3}), draw.tensor({2, 3})},
                       [](Args x) { return where(x[0], x[1], x[2]); },
                       3},
                      {{c, draw.tensor({3}), draw.tensor({2, 1})},
                       [](Args x) { return where(x[0], x[1], x[2]) * where(x[0], 2.0, x[1]); },
                       3}};
         s.answers = {
             {[] {
                return where(mask({true, false, true}), Tensor{1, 2, nan_}, Tensor{4, 5, 6});
              },
              "f64[3] [ 1.  5. nan]"},
             {[] {
                return where(mask({true, false}), 7, from_vector<int32_t>({1, 2}));
              },
              "i32[2] [7 2]"},
             {[] {
                return where(mask({true, false}), mask({false, false}), mask({true, true}));
              },
              "bool[2] [false  true]"},
             {[] {
                return where(Tensor(true), 1.0, Tensor{2, 3});
              },
              "f64[2] [1. 1.]"},
             {[] { return where(mask({}), zeros({0}), 1.0); }, "f64[0] [] f64[0]"}};
         s.refusals = {
             {[] { where(ones({2}), 1.0, 2.0); },
              "where: f64[2] is not bool. Logic works on masks. Compare first, as in x > 0."},
             {[] {
                where(mask({true, false}), ones({3}), 0.0);
              },
              "where: bool[2] and f64[3]: cannot broadcast, because axes line up from the right "
              "and 2 is not 3."},
             {[] { where(mask({true}), cast(ones({1}), DType::f16), cast(ones({1}), DType::f16)); },
              "where: f16[1] and f16[1]: f16, bf16, i8 and u8 only store. Compute in f32 or f64. "
              "Cast first."}};
         return s;
       }},
      {"cast",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({3, 4})},
                       [](Args x) { return cast(cast(x[0], DType::f32), DType::i32); }},
                      {{draw.tensor({3, 4})}, [](Args x) { return cast(x[0], DType::bf16); }},
                      {{cast(draw.tensor({3, 4}), DType::f32)},
                       [](Args x) { return cast(x[0], DType::f64); }}};
         s.answers = {{[] {
                         return cast(Tensor{-1.9, 1.9, nan_, 1e300, -inf_}, DType::i32);
                       },
                       "i32[5] [         -1           1           0  2147483647 -2147483648]"},
                      {[] {
                         return cast(Tensor{0, 0.5, nan_}, DType::boolean);
                       },
                       "bool[3] [false  true  true]"},
                      {[] {
                         return cast(mask({true, false}), DType::f32);
                       },
                       "f32[2] [1. 0.]"},
                      {[] { return cast(zeros({0}), DType::f32); }, "f32[0] [] f32[0]"}};
         return s;
       }},
      {"reshape",
       [x23] {
         Samples s;
         s.samples = {{{draw.tensor({2, 3})},
                       [](Args x) {
                         return square(reshape(x[0], {3, 2}));
                       },
                       3},
                      {{draw.tensor({2, 3, 4})}, [](Args x) { return reshape(x[0], {-1}); }, 1}};
         s.answers = {{[=] {
                         return reshape(x23, {3, -1});
                       },
                       "f64[3,2] [[1. 2.]\n [3. 4.]\n [5. 6.]]"},
                      {[] {
                         return reshape(Tensor(3.0), {1, 1});
                       },
                       "f64[1,1] [[3.]]"},
                      {[] {
                         return reshape(zeros({0, 3}), {3, 0});
                       },
                       "f64[3,0] [] f64[3,0]"},
                      {[] {
                         return reshape(zeros({0, 3}), {-1, 3});
                       },
                       "f64[0,3] [] f64[0,3]"}};
         s.refusals = {{[=] {
                          reshape(x23, {4, 2});
                        },
                        "reshape: f64[2,3] to [4,2]: 6 elements do not fit. The product of the "
                        "sizes must stay; one size may be -1."},
                       {[=] {
                          reshape(x23, {-1, 4});
                        },
                        "reshape: f64[2,3] to [-1,4]: 6 elements do not fit. The product of the "
                        "sizes must stay; one size may be -1."},
                       {[=] {
                          reshape(x23, {-1, -1});
                        },
                        "reshape: f64[2,3] to [-1,-1]: 6 elements do not fit. The product of the "
                        "sizes must stay; one size may be -1."},
                       {[=] {
                          reshape(x23, {-2, -3});
                        },
                        "reshape: f64[2,3] to [-2,-3]: 6 elements do not fit. The product of the "
                        "sizes must stay; one size may be -1."}};
         return s;
       }},
      {"permute",
       [x23] {
         Samples s;
         s.samples = {{{draw.tensor({2, 3, 4})},
                       [](Args x) {
                         return square(permute(x[0], {2, 0, 1}));
                       },
                       3}};
         s.answers = {{[=] {
                         return permute(x23, {1, 0});
                       },
                       "f64[3,2] [[1. 4.]\n [2. 5.]\n [3. 6.]]"},
                      {[] {
                         return permute(zeros({2, 0, 3}), {-1, 0, 1});
                       },
                       "f64[3,2,0] [] f64[3,2,0]"},
                      {[] { return permute(Tensor(1.0), {}); }, "f64[] 1.0"}};
         s.refusals = {{[=] {
                          permute(x23, {0, 0});
                        },
                        "permute: f64[2,3] by axes [0,0]: every axis must appear once. Give 2 "
                        "different axes."},
                       {[=] {
                          permute(x23, {0, 2});
                        },
                        "permute: axis 2 of a tensor of rank 2 does not exist. Axes run from 0 to "
                        "1, or from -1 back to -2."}};
         return s;
       }},
      {"broadcast_to",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({3, 1})},
                       [](Args x) {
                         return square(broadcast_to(x[0], {2, 3, 4}));
                       },
                       3},
                      {{draw.tensor({})}, [](Args x) { return broadcast_to(x[0], {2}); }, 1}};
         s.answers = {{[] {
                         return broadcast_to(Tensor{1, 2}, {2, 2});
                       },
                       "f64[2,2] [[1. 2.]\n [1. 2.]]"},
                      {[] { return broadcast_to(zeros({1}), {0}); }, "f64[0] [] f64[0]"}};
         s.refusals = {{[] { broadcast_to(ones({2}), {3}); },
                        "broadcast_to: f64[2] to [3]: the sizes do not line up. Axes line up from "
                        "the right, and only size 1 repeats."},
                       {[] {
                          broadcast_to(ones({2, 1}), {2});
                        },
                        "broadcast_to: f64[2,1] to [2]: the sizes do not line up. Axes line up "
                        "from the right, and only size 1 repeats."}};
         return s;
       }},
      {"slice",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({5, 7})},
                       [](Args x) {
                         return square(slice(x[0], {{1, 4}, {0, slice_end, 3}}));
                       },
                       3},
                      {{draw.tensor({8})},
                       [](Args x) {
                         return slice(x[0], {{-5, -1, 2}});
                       },
                       1}};
         s.answers = {{[] { return slice(iota(10), {{-3}}); }, "i64[3] [7 8 9]"},
                      {[] {
                         return slice(iota(10), {{1, 9, 3}});
                       },
                       "i64[3] [1 4 7]"},
                      {[] {
                         return slice(iota(10), {{5, 2}});
                       },
                       "i64[0] [] i64[0]"},
                      {[] {
                         return slice(iota(3), {{-100, 100}});
                       },
                       "i64[3] [0 1 2]"}};
         s.refusals = {
             {[] {
                slice(ones({3}), {{0, 3, 0}});
              },
              "slice: step 0 on f64[3]. A step is at least 1. Use flip to walk backwards."},
             {[] {
                slice(ones({3}), {{}, {}});
              },
              "slice: 2 ranges for f64[3]. There is one range an axis."}};
         return s;
       }},
      {"flip",
       [x23] {
         Samples s;
         s.samples = {{{draw.tensor({2, 3, 4})},
                       [](Args x) {
                         return square(flip(x[0], {0, -1}));
                       },
                       3}};
         s.answers = {{[=] { return flip(x23, {1}); }, "f64[2,3] [[3. 2. 1.]\n [6. 5. 4.]]"},
                      {[] { return flip(zeros({0}), {0}); }, "f64[0] [] f64[0]"}};
         s.refusals = {{[=] {
                          flip(x23, {1, -1});
                        },
                        "flip: axis 1 of f64[2,3] is given twice. Each axis may appear once."},
                       {[=] { flip(x23, {2}); },
                        "flip: axis 2 of a tensor of rank 2 does not exist. Axes run from 0 to 1, "
                        "or from -1 back to -2."}};
         return s;
       }},
      {"pad",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({2, 3})},
                       [](Args x) {
                         return square(pad(x[0], {1, 0}, {0, 2}));
                       },
                       3}};
         s.answers = {{[] {
                         return pad(Tensor{1, 2}, {1}, {2});
                       },
                       "f64[5] [0. 1. 2. 0. 0.]"},
                      {[] { return pad(mask({true}), {1}, {0}); }, "bool[2] [false  true]"},
                      {[] { return pad(zeros({0}), {1}, {0}); }, "f64[1] [0.]"},
                      {[] { return pad(Tensor(2.0), {}, {}); }, "f64[] 2.0"}};
         s.refusals = {{[] { pad(ones({2}), {-1}, {0}); },
                        "pad: f64[2] by [-1] and [0]: one count an axis, none negative, is needed. "
                        "Use slice to cut."}};
         return s;
       }},
      {"concatenate",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({2, 3}), draw.tensor({2, 1}), draw.tensor({2, 2})},
                       [](Args x) { return square(concatenate(x, 1)); },
                       3}};
         s.answers = {{[] {
                         return concatenate({Tensor{1, 2}, Tensor{3}});
                       },
                       "f64[3] [1. 2. 3.]"},
                      {[] {
                         return concatenate({zeros({0, 2}), ones({1, 2})}, 0);
                       },
                       "f64[1,2] [[1. 1.]]"},
                      {[] { return concatenate(std::vector<Tensor>(10, iota(1))); },
                       "i64[10] [0 0 0 0 0 0 0 0 0 0]"}};
         s.refusals = {{[] {
                          concatenate({ones({2, 3}), ones({3, 2})}, 0);
                        },
                        "concatenate: f64[2,3] and f64[3,2] along axis 0 do not join. Types and "
                        "all other sizes must be equal."},
                       {[] {
                          concatenate({ones({2}), iota(2)});
                        },
                        "concatenate: f64[2] and i64[2] along axis 0 do not join. Types and all "
                        "other sizes must be equal."},
                       {[] { concatenate(std::vector<Tensor>()); },
                        "concatenate: no parts. At least one is needed."}};
         return s;
       }},
      {"gather",
       [x23] {
         Samples s;
         s.samples = {{{draw.tensor({4, 3}), places({3, 0, 0, 2}, {2, 2})},
                       [](Args x) { return square(gather(x[0], x[1])); },
                       3}};
         s.answers = {{[=] {
                         return gather(x23, places({1, 0, 1}, {3}));
                       },
                       "f64[3,3] [[4. 5. 6.]\n [1. 2. 3.]\n [4. 5. 6.]]"},
                      {[] {
                         return gather(Tensor{5, 6}, from_vector<int32_t>({1}));
                       },
                       "f64[1] [6.]"},
                      {[] {
                         return gather(Tensor{5, 6}, places({1}, {}));
                       },
                       "f64[] 6.0"},
                      {[=] { return gather(x23, places({}, {0})); }, "f64[0,3] [] f64[0,3]"}};
         s.refusals = {
             {[=] { gather(x23, places({2}, {1})); },
              "gather: place 2 in a table of 2 rows does not exist. Places run from 0 to 1."},
             {[=] { gather(x23, places({-1}, {1})); },
              "gather: place -1 in a table of 2 rows does not exist. Places run from 0 to 1."},
             {[=] { gather(x23, ones({2})); },
              "gather: places f64[2] are not integers. Places are i32 or i64. Cast them first."},
             {[] { gather(Tensor(1.0), places({0}, {1})); },
              "gather: f64[] has no rows. A table has at least one axis."}};
         return s;
       }},
      {"scatter_add",
       [] {
         Samples s;
         s.samples = {{{places({2, 0, 2}, {3}), draw.tensor({3, 2})},
                       [](Args x) { return square(scatter_add(x[0], x[1], 4)); },
                       3},
                      {{places({1, 0, 1, 1}, {2, 2}), draw.tensor({2, 2, 3})},
                       [](Args x) { return scatter_add(x[0], x[1], 2); },
                       1}};
         s.answers = {
             {[] {
                return scatter_add(places({0, 2, 0}, {3}), Tensor{1, 2, 3}, 3);
              },
              "f64[3] [4. 0. 2.]"},
             {[] {
                return scatter_add(places({0, 0}, {2}), from_vector<int32_t>({2147483647, 1}), 1);
              },
              "i32[1] [-2147483648]"},
             {[] {
                return scatter_add(places({}, {0}), zeros({0, 2}), 1);
              },
              "f64[1,2] [[0. 0.]]"},
             {[] { return scatter_add(places({1}, {}), Tensor(3.0), 2); }, "f64[2] [0. 3.]"}};
         s.refusals = {
             {[] { scatter_add(places({3}, {1}), ones({1}), 3); },
              "scatter_add: place 3 in a table of 3 rows does not exist. Places run from 0 to 2."},
             {[] {
                scatter_add(places({0, 1}, {2}), ones({3}), 3);
              },
              "scatter_add: places i64[2] and rows f64[3] do not match. The first axes of rows "
              "must be the axes of places."},
             {[] { scatter_add(places({0}, {1}), mask({true}), 3); },
              "scatter_add: rows bool[1] cannot be added. Cast to f32 first."}};
         return s;
       }},
      {"iota",
       [] {
         Samples s;
         s.samples = {{{}, [](Args) { return iota(5, DType::f64); }}};
         s.answers = {{[] { return iota(4); }, "i64[4] [0 1 2 3]"},
                      {[] { return iota(3, DType::f32); }, "f32[3] [0. 1. 2.]"},
                      {[] { return iota(0); }, "i64[0] [] i64[0]"}};
         s.refusals = {{[] { iota(-1); }, "iota: -1 numbers. The count must not be negative."}};
         return s;
       }},
      {"split",
       [] {
         Samples s;
         const Tensor keys = stack({key_tensor(Key{5}), key_tensor(Key{6})});
         s.samples = {{{keys, iota(2)}, [](Args x) { return split(x[0], x[1]); }},
                      {{keys, cast(iota(3), DType::i32)},
                       [](Args x) { return split(expand_dims(x[0], 1), x[1]); }}};
         s.answers = {
             {[] { return split(key_tensor(Key{0}), 0); }, "i64[2] [1713891541 3781805453]"},
             {[] { return split(key_tensor(Key{0}), iota(0)); }, "i64[0,2] [] i64[0,2]"}};
         s.refusals = {
             {[] { split(iota(3), 0); },
              "split: i64[3] is not a key. A key is i64[2]. Make one with key_tensor."},
             {[] { split(iota(2), ones({2})); },
              "split: f64[2] does not number a child. It takes i32 or i64. Cast it first."},
             {[] {
                split(zeros({3, 2}, DType::i64), iota(4));
              },
              "split: i64[3] and i64[4]: cannot broadcast, because axes line up from the right and "
              "3 is not 4."}};
         return s;
       }},
      {"random_uniform",
       [] {
         return draws(
             [](const Tensor& key, const Shape& shape) { return random_uniform(key, shape); },
             "random_uniform", "f64[3] [0.59387017 0.78507007 0.35381222]");
       }},
      {"random_normal",
       [] {
         return draws(
             [](const Tensor& key, const Shape& shape) { return random_normal(key, shape); },
             "random_normal", "f64[3] [1.63909707 0.8142389  0.55051804]");
       }},
      {"random_integers",
       [] {
         Samples s = draws([](const Tensor& key,
                              const Shape& shape) { return random_integers(key, 1000, shape); },
                           "random_integers", "i64[3] [505 140 417]");
         s.refusals.push_back({[] { random_integers(key_tensor(Key{}), 0, {2}); },
                               "random_integers: bound 0 leaves no integer. They run from 0 to "
                               "bound - 1."});
         return s;
       }},
      {"stop_gradient",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({3})}, [](Args x) { return stop_gradient(x[0]); }}};
         s.answers = {{[] {
                         return stop_gradient(Tensor{1, 2});
                       },
                       "f64[2] [1. 2.]"},
                      {[] { return stop_gradient(zeros({0})); }, "f64[0] [] f64[0]"}};
         return s;
       }},
      {"alias",
       [] {
         Samples s;
         s.samples = {
             {{draw.tensor({3})}, [](Args x) { return square(apply(op::alias, {x[0]})); }, 3}};
         s.answers = {{[] { return apply(op::alias, {Tensor{1, 2}}); }, "f64[2] [1. 2.]"}};
         return s;
       }},
      {"sum",
       [x23] {
         return reduction([](const Tensor& x, Reduce r) { return sum(x, r); }, "sum", 2,
                          {{[=] { return sum(x23); }, "f64[] 21.0"},
                           {[=] { return sum(x23, {.axis = 0}); }, "f64[3] [5. 7. 9.]"},
                           {[=] { return sum(x23, {.axis = -1, .keepdims = true}); },
                            "f64[2,1] [[ 6.]\n [15.]]"},
                           {[] {
                              return sum(zeros({0, 2}), {.axis = 0});
                            },
                            "f64[2] [0. 0.]"},
                           {[] { return sum(Tensor(3.0)); }, "f64[] 3.0"},
                           {[] {
                              return sum(from_vector<int32_t>({2147483647, 1}));
                            },
                            "i32[] -2147483648"},
                           {[] {
                              return sum(Tensor{1, nan_});
                            },
                            "f64[] nan"}});
       }},
      {"prod",
       [x23] {
         Samples s = reduction([](const Tensor& x, Reduce r) { return prod(x, r); }, "prod", 3,
                               {{[=] { return prod(x23, {.axis = 1}); }, "f64[2] [  6. 120.]"},
                                {[] { return prod(zeros({0})); }, "f64[] 1.0"},
                                {[] { return prod(Tensor(3.0)); }, "f64[] 3.0"},
                                {[] { return prod(iota(3) + 1); }, "i64[] 6"}});
         s.samples.push_back({{Tensor{2, 0, 3, 4}}, [](Args x) { return prod(x[0]); }, 3});
         s.samples.push_back({{Tensor{2, 0, 0, 4}}, [](Args x) { return prod(x[0]); }, 3});
         return s;
       }},
      {"max",
       [x23] {
         return reduction([](const Tensor& x, Reduce r) { return max(x, r); }, "max", 2,
                          {{[=] { return max(x23, {.axis = 0}); }, "f64[3] [4. 5. 6.]"},
                           {[] {
                              return max(Tensor{1, nan_, 2});
                            },
                            "f64[] nan"},
                           {[] { return max(-iota(3)); }, "i64[] 0"},
                           {[] {
                              return max(zeros({2, 0}), {.axis = 0});
                            },
                            "f64[0] [] f64[0]"},
                           {[] {
                              return max(Tensor{-inf_, -inf_});
                            },
                            "f64[] -inf"}},
                          true);
       }},
      {"min",
       [x23] {
         return reduction([](const Tensor& x, Reduce r) { return min(x, r); }, "min", 2,
                          {{[=] { return min(x23, {.axis = 1}); }, "f64[2] [1. 4.]"},
                           {[] {
                              return min(Tensor{1, nan_, 2});
                            },
                            "f64[] nan"},
                           {[] { return min(-iota(3)); }, "i64[] -2"},
                           {[] {
                              return min(zeros({2, 0}), {.axis = 0});
                            },
                            "f64[0] [] f64[0]"}},
                          true);
       }},
      {"logsumexp",
       [] {
         return reduction([](const Tensor& x, Reduce r) { return logsumexp(x, r); }, "logsumexp", 3,
                          {{[] {
                              return logsumexp(Tensor{1000, 1000});
                            },
                            "f64[] 1000.6931471805599"},
                           {[] { return logsumexp(zeros({0})); }, "f64[] -inf"},
                           {[] {
                              return logsumexp(Tensor{-inf_, 0});
                            },
                            "f64[] 0.0"},
                           {[] {
                              return logsumexp(Tensor{-inf_, -inf_});
                            },
                            "f64[] -inf"},
                           {[] {
                              return logsumexp(Tensor{inf_, 0});
                            },
                            "f64[] inf"},
                           {[] { return logsumexp(Tensor(2.5)); }, "f64[] 2.5"},
                           {[] {
                              return logsumexp(Tensor{nan_, 0});
                            },
                            "f64[] nan"}},
                          false, false);
       }},
      {"softmax",
       [] {
         return normal_form([](const Tensor& x, int64_t axis) { return softmax(x, axis); },
                            "softmax",
                            {{[] {
                                return softmax(Tensor{1000, 1000, -inf_});
                              },
                              "f64[3] [0.5 0.5 0. ]"},
                             {[] {
                                return softmax(Tensor{-inf_, -inf_});
                              },
                              "f64[2] [nan nan]"},
                             {[] {
                                return softmax(Tensor{inf_, 0});
                              },
                              "f64[2] [nan nan]"},
                             {[] {
                                return softmax(Tensor{0, nan_});
                              },
                              "f64[2] [nan nan]"}});
       }},
      {"log_softmax",
       [] {
         return normal_form([](const Tensor& x, int64_t axis) { return log_softmax(x, axis); },
                            "log_softmax",
                            {{[] {
                                return log_softmax(Tensor{-inf_, 0});
                              },
                              "f64[2] [-inf   0.]"},
                             {[] {
                                return log_softmax(Tensor{-1000, 0});
                              },
                              "f64[2] [-1000.     0.]"},
                             {[] {
                                return log_softmax(Tensor{-inf_, -inf_});
                              },
                              "f64[2] [nan nan]"},
                             {[] {
                                return log_softmax(Tensor{inf_, 0});
                              },
                              "f64[2] [ nan -inf]"},
                             {[] {
                                return log_softmax(Tensor{0, nan_});
                              },
                              "f64[2] [nan nan]"}});
       }},
      {"layer_norm",
       [] {
         return normal_form([](const Tensor& x, int64_t axis) { return layer_norm(x, axis); },
                            "layer_norm",
                            {{[] {
                                return layer_norm(Tensor{1, 3}, 0, 0);
                              },
                              "f64[2] [-1.  1.]"},
                             {[] {
                                return layer_norm(Tensor{1, 3}, 0, 3);
                              },
                              "f64[2] [-0.5  0.5]"},
                             {[] {
                                return layer_norm(Tensor{7, 7, 7});
                              },
                              "f64[3] [0. 0. 0.]"},
                             {[] {
                                return layer_norm(Tensor{0, inf_});
                              },
                              "f64[2] [nan nan]"}});
       }},
      {"lstm_gates",
       [] {
         Samples s;
         const auto f = [](Args x) {
           const LstmGates y = lstm_gates(x[0], x[1]);
           return concatenate({y.gates, y.c, y.h}, -1);
         };
         s.samples = {{{draw.tensor({2, 8}), draw.tensor({2, 2})}, f, 3},
                      {{draw.tensor({2, 8}), draw.tensor({2, 2})},
                       [](Args x) { return lstm_gates(x[0], x[1]).h; },
                       2},
                      {{draw.tensor({3, 2, 4 * 19}), draw.tensor({3, 2, 19})}, f},
                      {{draw.tensor({40, 4 * 130}), draw.tensor({40, 130})}, f}};
         s.answers = {{[] {
                         return lstm_gates(zeros({1, 4}), Tensor{{2.0}}).c;
                       },
                       "f64[1,1] [[1.]]"},
                      {[] {
                         return lstm_gates(zeros({1, 4}), Tensor{{2.0}}).gates;
                       },
                       "f64[1,4] [[0.5 0.5 0.  0.5]]"},
                      {[] {
                         return lstm_gates(zeros({0, 4}), zeros({0, 1})).h;
                       },
                       "f64[0,1] [] f64[0,1]"}};
         s.refusals = {
             {[] {
                lstm_gates(zeros({2, 7}), zeros({2, 2}));
              },
              "lstm_gates: gates f64[2,7] and c f64[2,2] do not fit. There are four "
              "gates, side by side on the last axis, for each number of c, and all have "
              "one type."},
             {[] { lstm_gates(iota(4), zeros({1})); }, not_float("lstm_gates", "i64[4]")}};
         return s;
       }},
      {"lstm_gates_grad",
       [] {
         Samples s;
         const auto f = [](Args x) {
           const LstmGatesGrad g = lstm_gates_grad(x[0], x[1], x[2], x[3], x[4]);
           return concatenate({g.z, g.c}, -1);
         };
         const auto in = [](const Shape& shape) {
           Shape four = shape;
           four[four.size() - 1] *= 4;
           std::vector<Tensor> all = {draw.tensor(four, -1, 1)};
           for (int i = 0; i < 4; ++i) all.push_back(draw.tensor(shape));
           return all;
         };
         s.samples = {{in({2, 2}), f, 2}, {in({3, 2, 19}), f}, {in({40, 130}), f}};
         // i = f = o = 1/2, g = 0, c = 2, c' = 0: b = 1/2, and only f and g move c'.
         s.answers = {{[f] {
                         const Tensor x[] = {Tensor{{0.5, 0.5, 0, 0.5}}, Tensor{{2.0}},
                                             Tensor{{0.0}}, Tensor{{1.0}}, Tensor{{0.0}}};
                         return f(x);
                       },
                       "f64[1,5] [[0.   0.25 0.25 0.   0.25]]"},
                      {[f] {
                         const Tensor none = zeros({0, 1});
                         const Tensor x[] = {zeros({0, 4}), none, none, none, none};
                         return f(x);
                       },
                       "f64[0,5] [] f64[0,5]"}};
         return s;
       }},
      {"layer_norm_grad",
       [] {
         Samples s;
         const auto f = [](Args x) { return layer_norm_grad(x[0], x[1], 0.1); };
         s.samples = {{{draw.tensor({3, 4}), draw.tensor({3, 4})}, f, 3},
                      {{draw.tensor({2, 2, 5}), draw.tensor({2, 2, 5})}, f, 2},
                      {{draw.tensor({5, 2500}), draw.tensor({5, 2500})}, f},
                      {{draw.tensor({2500, 70}), draw.tensor({2500, 70})}, f}};
         s.answers = {
             // y = (-1, 1): of (1, 5) nothing is left beside its mean and y.
             {[] {
                return layer_norm_grad(Tensor{1, 3}, Tensor{1, 5}, 0);
              },
              "f64[2] [0. 0.]"},
             // y = (-0.5, 0.5), 1 / sqrt(var + 3) = 0.5: d - mean(d) = (-2, 2), mean(d y) y =
             // (-0.5, 0.5).
             {[] {
                return layer_norm_grad(Tensor{1, 3}, Tensor{1, 5}, 3);
              },
              "f64[2] [-0.75  0.75]"},
             // A zero cotangent passes nothing where the slope is infinite.
             {[] {
                return layer_norm_grad(Tensor{7, 7}, Tensor{0, 0}, 0);
              },
              "f64[2] [0. 0.]"},
             {[] {
                return layer_norm_grad(zeros({2, 0}), zeros({2, 0}), 1);
              },
              "f64[2,0] [] f64[2,0]"}};
         s.refusals = {
             {[] { layer_norm_grad(iota(3), iota(3), 1); }, not_float("layer_norm_grad", "i64[3]")},
             {[] {
                layer_norm_grad(ones({2, 3}), ones({3}), 1);
              },
              "layer_norm_grad: x f64[2,3] and d f64[3] differ. Both have one type."}};
         return s;
       }},
      {"norm",
       [] {
         return reduction([](const Tensor& x, Reduce r) { return norm(x, r); }, "norm", 3,
                          {{[] {
                              return norm(Tensor{3, 4});
                            },
                            "f64[] 5.0"},
                           {[] {
                              return norm(Tensor{3, 4} * 0x1p700) * 0x1p-700;
                            },
                            "f64[] 5.0"},
                           {[] {
                              return norm(Tensor{3, 4} * 0x1p-700) * 0x1p700;
                            },
                            "f64[] 5.0"},
                           {[] { return norm(zeros({0})); }, "f64[] 0.0"},
                           {[] {
                              return norm(Tensor{1, -inf_});
                            },
                            "f64[] inf"},
                           {[] {
                              return norm(Tensor{1, nan_});
                            },
                            "f64[] nan"},
                           {[] { return norm(Tensor(-2.0)); }, "f64[] 2.0"}},
                          false, false);
       }},
      {"argmax",
       [] {
         return place_reduction(
             [](const Tensor& x, std::optional<int64_t> a, bool k) { return argmax(x, a, k); },
             "argmax",
             {{[] {
                 return argmax(Tensor{1, 3, 3, 2});
               },
               "i64[] 1"},
              {[] {
                 return argmax(Tensor{1, nan_, 3});
               },
               "i64[] 1"},
              {[] {
                 return argmax(Tensor{{1, 5}, {7, 2}}, 1, true);
               },
               "i64[2,1] [[1]\n [0]]"},
              {[] { return argmax(iota(3)); }, "i64[] 2"}});
       }},
      {"argmin",
       [] {
         return place_reduction(
             [](const Tensor& x, std::optional<int64_t> a, bool k) { return argmin(x, a, k); },
             "argmin",
             {{[] {
                 return argmin(Tensor{2, 1, 1, 3});
               },
               "i64[] 1"},
              {[] {
                 return argmin(Tensor{1, nan_, 0});
               },
               "i64[] 1"},
              {[] {
                 return argmin(Tensor{{1, 5}, {7, 2}}, 0);
               },
               "i64[2] [0 1]"}});
       }},
      {"any",
       [] {
         return mask_reduction([](const Tensor& x, Reduce r) { return any(x, r); }, "any",
                               {{[] {
                                   return any(mask({false, true}));
                                 },
                                 "bool[] true"},
                                {[] { return any(mask({})); }, "bool[] false"},
                                {[] {
                                   return any(Tensor{0, 0});
                                 },
                                 "bool[] false"},
                                {[] { return any(Tensor(true)); }, "bool[] true"}});
       }},
      {"all",
       [] {
         return mask_reduction([](const Tensor& x, Reduce r) { return all(x, r); }, "all",
                               {{[] {
                                   return all(mask({false, true}));
                                 },
                                 "bool[] false"},
                                {[] { return all(mask({})); }, "bool[] true"},
                                {[] {
                                   return all(Tensor{1, 2});
                                 },
                                 "bool[] true"}});
       }},
      {"cumsum",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({3, 4})}, [](Args x) { return square(cumsum(x[0], 1)); }, 3},
                      {{draw.tensor({3, 4})}, [](Args x) { return cumsum(x[0], 0); }, 1}};
         s.answers = {{[] {
                         return cumsum(Tensor{1, 2, 3});
                       },
                       "f64[3] [1. 3. 6.]"},
                      {[] { return cumsum(iota(4)); }, "i64[4] [0 1 3 6]"},
                      {[] { return cumsum(zeros({0})); }, "f64[0] [] f64[0]"}};
         s.refusals = {
             {[] { cumsum(mask({true})); },
              "cumsum: bool[1] is not a tensor of numbers. bool is a mask. Cast to i64 to count."}};
         return s;
       }},
      {"scan",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({2, 4}), draw.tensor({2, 4})},
                       [](Args x) { return scan(x[0], x[1], 1); },
                       3},
                      {{Tensor{2, 0, 0, 3}}, [](Args x) { return cumprod(x[0]); }, 3}};
         s.answers = {{[] {
                         return scan(Tensor{9, 2, 3}, Tensor{1, 1, 1});
                       },
                       "f64[3] [ 1.  3. 10.]"},
                      {[] {
                         return cumprod(Tensor{2, 3, 4});
                       },
                       "f64[3] [ 2.  6. 24.]"},
                      {[] { return scan(zeros({0}), zeros({0})); }, "f64[0] [] f64[0]"}};
         s.refusals = {{[] { scan(ones({2}), ones({3})); },
                        "scan: f64[2] and f64[3]: cannot broadcast, because axes line up from the "
                        "right and 2 is not 3."}};
         return s;
       }},
      {"argsort",
       [] {
         Samples s;
         s.samples = {{{draw.tensor({3, 5})}, [](Args x) { return argsort(x[0], 1); }},
                      {{draw.tensor({3, 5})}, [](Args x) { return argsort(x[0], 0); }}};
         s.answers = {{[] {
                         return argsort(Tensor{3, nan_, 1, 2, 1});
                       },
                       "i64[5] [2 4 3 0 1]"},
                      {[] { return argsort(zeros({0})); }, "i64[0] [] i64[0]"}};
         s.refusals = {{[] { argsort(mask({true})); },
                        "argsort: bool[1] is not a tensor of numbers. bool is a mask. Cast to i64 "
                        "to count."}};
         return s;
       }},
      {"matmul",
       [x23] {
         Samples s;
         const auto f = [](Args x) { return matmul(x[0], x[1]); };
         s.samples = {{{draw.tensor({2, 3}), draw.tensor({3, 4})}, f, 3},
                      {{draw.tensor({5, 2, 3}), draw.tensor({3, 4})}, f, 2},
                      {{draw.tensor({2, 1, 2, 3}), draw.tensor({3, 3, 2})}, f, 2},
                      {{draw.tensor({3}), draw.tensor({2, 3, 2})}, f, 2},
                      {{draw.tensor({2, 2, 3}), draw.tensor({3})}, f, 2},
                      {{draw.tensor({3}), draw.tensor({3})}, f, 2},
                      {{draw.tensor({150, 170}), draw.tensor({170, 130})}, f, 0}};
         s.answers = {
             {[=] { return matmul(x23, transpose(x23)); }, "f64[2,2] [[14. 32.]\n [32. 77.]]"},
             {[] {
                return matmul(Tensor{1, 2}, Tensor{3, 4});
              },
              "f64[] 11.0"},
             {[] {
                return matmul(zeros({2, 0}), zeros({0, 3}));
              },
              "f64[2,3] [[0. 0. 0.]\n [0. 0. 0.]]"},
             {[] {
                return matmul(zeros({0, 2}), zeros({2, 3}));
              },
              "f64[0,3] [] f64[0,3]"},
             {[] {
                return matmul(cast(Tensor{1, 2}, DType::f32), Tensor{3, 4});
              },
              "f64[] 11.0"}};
         s.refusals = {{[] {
                          matmul(zeros({32, 784}, DType::f32), zeros({512, 10}, DType::f32));
                        },
                        "matmul: f32[32,784] x f32[512,10]: inner sizes 784 and 512 differ. The "
                        "last axis of the left must equal the first axis of the right."},
                       {[] {
                          matmul(zeros({2, 3, 4}), zeros({5, 4, 6}));
                        },
                        "matmul: f64[2,3,4] x f64[5,4,6]: leading axes [2] and [5] do not "
                        "broadcast. They line up from the right, and only size 1 repeats."},
                       {[] { matmul(Tensor(2.0), ones({2})); },
                        "matmul: f64[] x f64[2]: a scalar has no rows. Both sides need an axis. "
                        "Use * for scaling."},
                       {[] { matmul(iota(2), ones({2})); },
                        "matmul: i64[2] x f64[2]: the kinds of number differ. Both sides must be "
                        "f32 or f64. Cast one of them."},
                       {[] { matmul(iota(2), iota(2)); },
                        "matmul: i64[2] is not a floating-point tensor. It computes in f32 or f64. "
                        "Cast to f64 first."}};
         return s;
       }},
      {"conv",
       [] {
         Samples s;
         const auto f = [](const ConvOptions& o) {
           return [o](Args x) { return conv2d(x[0], x[1], o); };
         };
         s.samples = {
             {{draw.tensor({2, 2, 4, 5}), draw.tensor({4, 1, 2, 3})},
              f({.stride = {2, 1}, .padding = {1, 2}, .dilation = {2, 1}, .groups = 2}),
              2},
             {{draw.tensor({2, 2, 7}), draw.tensor({3, 2, 3})},
              [](Args x) { return conv1d(x[0], x[1], {.stride = {2}, .padding = {1}}); },
              2},
             {{draw.tensor({5, 6, 21, 19}), draw.tensor({20, 6, 3, 3})}, f({.padding = {1}})},
             {{draw.tensor({3, 40, 8, 8}), draw.tensor({70, 40, 3, 3})}, f({.stride = {2}})}};
         s.answers = {{[] {
                         return conv2d(reshape(iota(16, DType::f64) + 1.0, {1, 1, 4, 4}),
                                       reshape(Tensor{1, 0, 0, -1}, {1, 1, 2, 2}));
                       },
                       "f64[1,1,3,3] [[[[-5. -5. -5.]\n   [-5. -5. -5.]\n   [-5. -5. -5.]]]]"},
                      {[] {
                         return conv1d(reshape(Tensor{1, 2, 3, 4}, {1, 1, 4}),
                                       reshape(Tensor{1, 10}, {1, 1, 2}));
                       },
                       "f64[1,1,3] [[[21. 32. 43.]]]"},
                      {[] {
                         return conv2d(zeros({0, 1, 3, 3}), ones({2, 1, 2, 2}));
                       },
                       "f64[0,2,2,2] [] f64[0,2,2,2]"},
                      {[] {
                         return conv2d(zeros({1, 0, 2, 2}), ones({1, 0, 2, 2}));
                       },
                       "f64[1,1,1,1] [[[[0.]]]]"}};
         s.refusals = {{[] {
                          conv2d(zeros({1, 3, 8, 8}, DType::f32), zeros({4, 2, 3, 3}, DType::f32));
                        },
                        "conv2d: f32[1,3,8,8] with w f32[4,2,3,3]: w is made for 2 channels, and x "
                        "has 3. The second size of w must be C / groups, here with 1 group."}};
         return s;
       }},
      {"conv_input",
       [] {
         Samples s;
         const auto f = [](const ConvOptions& o) {
           return [o](Args x) { return conv_transpose2d(x[0], x[1], o); };
         };
         s.samples = {
             {{draw.tensor({2, 4, 3, 2}), draw.tensor({4, 1, 2, 3})},
              f({.stride = {2, 1},
                 .padding = {1, 0},
                 .dilation = {2, 1},
                 .groups = 2,
                 .output_padding = {1, 0}}),
              2},
             {{draw.tensor({2, 2, 4}), draw.tensor({2, 3, 3})},
              [](Args x) { return conv_transpose1d(x[0], x[1], {.stride = {2}, .padding = {1}}); },
              2},
             {{draw.tensor({5, 20, 21, 19}), draw.tensor({20, 6, 3, 3})},
              f({.stride = {2}, .padding = {1}})},
             {{draw.tensor({3, 40, 8, 8}), draw.tensor({40, 70, 3, 3})}, f({})}};
         s.answers = {{[] {
                         return conv_transpose1d(reshape(Tensor{1, 2}, {1, 1, 2}),
                                                 reshape(Tensor{1, 10}, {1, 1, 2}),
                                                 {.stride = {2}});
                       },
                       "f64[1,1,4] [[[ 1. 10.  2. 20.]]]"},
                      {[] {
                         return conv_transpose2d(zeros({0, 1, 2, 2}), ones({1, 2, 2, 2}));
                       },
                       "f64[0,2,3,3] [] f64[0,2,3,3]"}};
         s.refusals = {{[] {
                          conv_transpose2d(zeros({1, 3, 8, 8}), zeros({4, 2, 3, 3}));
                        },
                        "conv_transpose2d: f64[1,3,8,8] with w f64[4,2,3,3]: w is made for 4 "
                        "channels, and x has 3. The first size of w must be C."}};
         return s;
       }},
      {"conv_weight",
       [] {
         Samples s;
         const auto f = [](const Dims& how, const Dims& size) {
           return [=](Args x) {
             Attrs attrs;
             attrs.a = how, attrs.b = size;
             return apply(op::conv_weight, {x[0], x[1]}, attrs);
           };
         };
         s.samples = {{{draw.tensor({2, 2, 4, 5}), draw.tensor({2, 4, 2, 7})},
                       f({2, 1, 1, 2, 2, 1, 2}, {2, 3}),
                       2},
                      {{draw.tensor({9, 6, 21, 19}), draw.tensor({9, 20, 21, 19})},
                       f({1, 1, 1, 1, 1, 1, 1}, {3, 3})},
                      {{draw.tensor({3, 40, 8, 8}), draw.tensor({3, 70, 3, 3})},
                       f({2, 2, 0, 0, 1, 1, 1}, {3, 3})}};
         s.answers = {{[f] {
                         const Tensor x[] = {reshape(Tensor{1, 2, 3, 4}, {1, 1, 1, 4}),
                                             reshape(Tensor{1, 10, 100}, {1, 1, 1, 3})};
                         return f({1, 1, 0, 0, 1, 1, 1}, {1, 2})(x);
                       },
                       "f64[1,1,1,2] [[[[321. 432.]]]]"},
                      {[f] {
                         const Tensor x[] = {zeros({0, 1, 2, 2}), zeros({0, 1, 1, 1})};
                         return f({1, 1, 0, 0, 1, 1, 1}, {2, 2})(x);
                       },
                       "f64[1,1,2,2] [[[[0. 0.]\n   [0. 0.]]]]"}};
         return s;
       }},
      {"attention",
       [] {
         Samples s;
         const auto f = [](bool causal) {
           return [causal](Args x) {
             return attention(x[0], x[1], x[2],
                              {.causal = causal, .mask = x.size() > 3 ? x[3] : Tensor()});
           };
         };
         const auto logs = [](Args x) {
           Attrs attrs;
           attrs.a = {1};
           attrs.number = 0.5;
           return apply_many(op::attention, x, attrs)[1];
         };
         const Shape of_q = {2, 3, 2}, of_k = {2, 4, 2}, of_v = {2, 4, 3};
         s.samples = {
             {{draw.tensor(of_q), draw.tensor(of_k), draw.tensor(of_v)}, f(true), 3},
             {{draw.tensor(of_q), draw.tensor(of_k), draw.tensor(of_v), draw.tensor({3, 4})},
              f(false),
              2},
             {{draw.tensor(of_q), draw.tensor(of_k), draw.tensor(of_v)}, logs, 2},
             {{draw.tensor({3, 70, 8}), draw.tensor({3, 600, 8}), draw.tensor({3, 600, 4})},
              f(false)},
             {{draw.tensor({3, 600, 8}), draw.tensor({3, 600, 8}), draw.tensor({3, 600, 4})},
              f(true)}};
         s.answers = {
             {[] {
                return attention(Tensor{{0, 0}}, Tensor{{1, 2}, {3, 4}}, Tensor{{2, 10}, {4, 20}});
              },
              "f64[1,2] [[ 3. 15.]]"},
             {[] {
                return attention(Tensor{{0.0}, {0.0}}, Tensor{{1.0}, {3.0}}, Tensor{{2.0}, {4.0}},
                                 {.causal = true});
              },
              "f64[2,1] [[2.]\n [3.]]"},
             {[] {
                return attention(zeros({0, 2}), zeros({3, 2}), zeros({3, 1}));
              },
              "f64[0,1] [] f64[0,1]"},
             {[] {
                return attention(zeros({1, 2}), zeros({0, 2}), zeros({0, 1}));
              },
              "f64[1,1] [[0.]]"}};
         s.refusals = {{[] {
                          attention(zeros({2, 3}), zeros({2, 4}), zeros({2, 4}));
                        },
                        "attention: queries f64[2,3], keys f64[2,4], values f64[2,4]. Queries and "
                        "keys have the same last axis: it is summed over."},
                       {[] {
                          const Tensor i = zeros({2, 2}, DType::i64);
                          attention(i, i, i);
                        },
                        not_float("attention", "i64[2,2]")}};
         return s;
       }},
      {"attention_grad",
       [] {
         Samples s;
         const auto f = [](int output, bool causal) {
           return [=](Args x) {
             Attrs attrs;
             attrs.a = {causal ? 1 : 0};
             attrs.number = 0.5;
             return apply_many(op::attention_grad, x, attrs)[static_cast<size_t>(output)];
           };
         };
         const auto in = [](int64_t queries, int64_t keys) {
           // A logsumexp, the sum of two numbers, is at least the largest score.
           return std::vector<Tensor>{
               draw.tensor({2, queries, 2}), draw.tensor({2, keys, 2}),
               draw.tensor({2, keys, 3}),    draw.tensor({2, 2 * queries}) + 4.0,
               draw.tensor({2, queries, 3}), draw.tensor({2, queries})};
         };
         std::vector<Tensor> biased = in(3, 4);
         biased.push_back(draw.tensor({2, 3, 4}));
         for (int output = 0; output < 3; ++output) {
           s.samples.push_back({in(3, 4), f(output, true), 2});
           s.samples.push_back({biased, f(output, false), 2});
           s.samples.push_back({in(70, 90), f(output, true)});
         }
         // One query and one key: w = 1, v_bar = y_bar.
         s.answers = {{[f] {
                         const Tensor x[] = {zeros({1, 1}), zeros({1, 1}), zeros({1, 1}),
                                             zeros({2}),    Tensor{{5.0}}, zeros({1})};
                         return f(2, false)(x);
                       },
                       "f64[1,1] [[5.]]"},
                      {[f] {
                         const Tensor x[] = {zeros({0, 1}), zeros({2, 1}), zeros({2, 1}),
                                             zeros({0}),    zeros({0, 1}), zeros({0})};
                         return f(1, false)(x);
                       },
                       "f64[2,1] [[0.]\n [0.]]"}};
         return s;
       }},
      {"max_pool",
       [] {
         Samples s;
         const auto f = [](const PoolOptions& o) {
           return [o](Args x) { return max_pool2d(x[0], o); };
         };
         s.samples = {
             {{draw.tensor({2, 2, 5, 6})}, f({.size = {2}}), 3},
             {{draw.tensor({1, 2, 5, 6})},
              f({.size = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .ceil_mode = true}),
              2},
             {{draw.tensor({2, 7})},
              [](Args x) { return max_pool1d(x[0], {.size = {3}, .stride = {2}}); },
              2},
             {{draw.tensor({5, 7, 3})},
              [](Args x) {
                return adaptive_max_pool2d(x[0], {3, 2});
              },
              2},
             {{draw.tensor({9, 6, 30, 34})}, f({.size = {2}})},
             {{draw.tensor({9, 6, 30, 34})}, f({.size = {3}, .stride = {2}, .padding = {1}})}};
         const auto x44 = reshape(iota(16, DType::f64) + 1.0, {1, 1, 4, 4});
         s.answers = {{[=] { return max_pool2d(x44, {.size = {2}}); },
                       "f64[1,1,2,2] [[[[ 6.  8.]\n   [14. 16.]]]]"},
                      {[] {
                         return max_pool1d(Tensor{1, nan_, 3, -inf_, -inf_, -inf_}, {.size = {2}});
                       },
                       "f64[3] [ nan   3. -inf]"},
                      {[=] { return global_max_pool2d(x44); }, "f64[1,1,1,1] [[[[16.]]]]"},
                      {[] {
                         return max_pool2d(zeros({0, 3, 4, 4}), {.size = {2}});
                       },
                       "f64[0,3,2,2] [] f64[0,3,2,2]"}};
         s.refusals = {{[] { max_pool2d(ones({3}), {.size = {2}}); },
                        "max_pool2d: f64[3] has no planes. x must be (..., H, W)."},
                       {[] {
                          max_pool2d(reshape(iota(4), {2, 2}), {.size = {2}});
                        },
                        not_float("max_pool2d", "i64[2,2]")}};
         return s;
       }},
      {"take_places",
       [] {
         Samples s;
         const auto f = [](Args x) {
           Attrs attrs;
           attrs.a = {0, 0, 0, 0, 0, 0, 0};
           attrs.b = {x[1].shape()[x[1].rank() - 2], x[1].shape().back()};
           return apply(op::take_places, {x[0], x[1]}, attrs);
         };
         const Tensor at = cast(places({3, 0, 3, 5, 1, 2}, {2, 1, 3}), DType::i32);
         s.samples = {{{draw.tensor({2, 2, 3}), at}, f, 2}};
         s.answers = {{[=] {
                         const Tensor x[] = {
                             reshape(Tensor{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 2, 3}), at};
                         return f(x);
                       },
                       "f64[2,1,3] [[[ 4.  1.  4.]]\n\n [[12.  8.  9.]]]"},
                      {[=] {
                         const Tensor x[] = {zeros({0, 2, 3}), zeros({0, 1, 1}, DType::i32)};
                         return f(x);
                       },
                       "f64[0,1,1] [] f64[0,1,1]"}};
         return s;
       }},
      {"put_places",
       [] {
         Samples s;
         const auto f = [](Args x) {
           Attrs attrs;
           attrs.a = {0, 0, 0, 0, 0, 0, 0};
           attrs.b = {2, 3};
           return apply(op::put_places, {x[0], x[1]}, attrs);
         };
         const Tensor at = cast(places({3, 0, 3, 5, 1, 2}, {2, 1, 3}), DType::i32);
         s.samples = {{{draw.tensor({2, 1, 3}), at}, f, 2}};
         s.answers = {{[=] {
                         const Tensor x[] = {reshape(Tensor{1, 2, 3, 4, 5, 6}, {2, 1, 3}), at};
                         return f(x);
                       },
                       "f64[2,2,3] [[[2. 0. 0.]\n  [4. 0. 0.]]\n\n [[0. 5. 6.]\n  [0. 0. 4.]]]"},
                      {[=] {
                         const Tensor x[] = {zeros({0, 1, 1}), zeros({0, 1, 1}, DType::i32)};
                         return f(x);
                       },
                       "f64[0,2,3] [] f64[0,2,3]"}};
         return s;
       }},
      {"avg_pool",
       [] {
         Samples s;
         const auto f = [](const PoolOptions& o) {
           return [o](Args x) { return avg_pool2d(x[0], o); };
         };
         s.samples = {
             {{draw.tensor({2, 2, 5, 6})}, f({.size = {2}}), 2},
             {{draw.tensor({1, 2, 5, 6})},
              f({.size = {3, 2},
                 .stride = {2, 1},
                 .padding = {1, 1},
                 .ceil_mode = true,
                 .count_include_pad = false}),
              2},
             {{draw.tensor({2, 7})},
              [](Args x) { return avg_pool1d(x[0], {.size = {3}, .stride = {2}, .padding = {1}}); },
              2},
             {{draw.tensor({5, 7, 3})},
              [](Args x) {
                return adaptive_avg_pool2d(x[0], {3, 2});
              },
              2},
             {{draw.tensor({9, 6, 30, 34})}, f({.size = {2}})}};
         s.answers = {
             {[] {
                return avg_pool2d(reshape(iota(16, DType::f64) + 1.0, {1, 1, 4, 4}), {.size = {2}});
              },
              "f64[1,1,2,2] [[[[ 3.5  5.5]\n   [11.5 13.5]]]]"},
             {[] {
                return avg_pool2d(zeros({0, 3, 4, 4}), {.size = {2}});
              },
              "f64[0,3,2,2] [] f64[0,3,2,2]"}};
         s.refusals = {{[] { avg_pool1d(Tensor(1.0), {.size = {2}}); },
                        "avg_pool1d: f64[] has no axis. x must be (..., L)."}};
         return s;
       }},
      {"avg_unpool",
       [] {
         Samples s;
         const auto f = [](const Dims& how, const Dims& size) {
           return [=](Args x) {
             Attrs attrs;
             attrs.a = how, attrs.b = size;
             return apply(op::avg_unpool, {x[0]}, attrs);
           };
         };
         s.samples = {{{draw.tensor({2, 2, 3})}, f({2, 2, 2, 2, 0, 0, 1}, {5, 6}), 2},
                      {{draw.tensor({1, 3, 5})}, f({3, 3, 2, 1, 1, 1, 0}, {5, 5}), 2},
                      {{draw.tensor({9, 6, 15, 17})}, f({2, 2, 2, 2, 0, 0, 1}, {30, 34})}};
         s.answers = {{[f] {
                         const Tensor y[] = {Tensor{{4, 8}}};
                         return f({2, 2, 2, 2, 0, 0, 1}, {2, 4})(y);
                       },
                       "f64[2,4] [[1. 1. 2. 2.]\n [1. 1. 2. 2.]]"},
                      {[f] {
                         const Tensor y[] = {zeros({0, 1, 2})};
                         return f({2, 2, 2, 2, 0, 0, 1}, {2, 4})(y);
                       },
                       "f64[0,2,4] [] f64[0,2,4]"}};
         return s;
       }},
      {"lu",
       [] {
         const auto both = [](Args x) {
           const LU f = lu(x[0]);
           return concatenate({f.l, f.u}, -1);
         };
         Samples s = matrices(both, "lu", 3);
         s.refusals.erase(s.refusals.begin());  // other shapes have factors too
         s.answers = {{[] {
                         return lu(Tensor{{1, 2}, {4, 2}}).l;
                       },
                       "f64[2,2] [[1.   0.  ]\n [0.25 1.  ]]"},
                      {[] {
                         return lu(Tensor{{1, 2}, {4, 2}}).u;
                       },
                       "f64[2,2] [[4.  2. ]\n [0.  1.5]]"},
                      {[] {
                         return lu(zeros({0, 0})).p;
                       },
                       "f64[0,0] [] f64[0,0]"}};
         return s;
       }},
      {"cholesky",
       [] {
         // Differences leave the symmetric matrices, so the function makes them symmetric first.
         const auto f = [](Args x) {
           return cholesky(matmul(x[0], transpose(x[0])) + eye(x[0].shape().back(), x[0].dtype()));
         };
         Samples s = matrices(f, "cholesky", 3, false);
         const Tensor a = draw.tensor({2, 4, 4});
         s.samples.push_back(
             {{matmul(a, transpose(a)) + eye(4)}, [](Args x) { return cholesky(x[0]); }});
         s.answers = {{[] {
                         return cholesky(Tensor{{4, 2}, {2, 10}});
                       },
                       "f64[2,2] [[2. 0.]\n [1. 3.]]"},
                      {[] {
                         return cholesky(zeros({0, 2, 2}));
                       },
                       "f64[0,2,2] [] f64[0,2,2]"}};
         s.refusals.push_back({[] { cholesky(iota(3)); }, not_float("cholesky", "i64[3]")});
         return s;
       }},
      {"qr",
       [] {
         const auto both = [](Args x) {
           const QR f = qr(x[0]);
           return concatenate({f.q, f.r}, -2);
         };
         Samples s = matrices(both, "qr", 3, false);
         s.samples.push_back({{draw.tensor({2, 5, 3})}, both, 3});
         s.samples.push_back({{draw.tensor({2, 2, 4})}, [](Args x) { return qr(x[0]).r; }, 2});
         s.answers = {{[] {
                         return qr(diag(Tensor{-2, 3})).r;
                       },
                       "f64[2,2] [[2. 0.]\n [0. 3.]]"},
                      {[] {
                         return qr(zeros({0, 2})).q;
                       },
                       "f64[0,0] [] f64[0,0]"}};
         s.refusals.push_back({[] { qr(iota(3)); }, not_float("qr", "i64[3]")});
         return s;
       }},
      {"triangular_solve",
       [] {
         Samples s;
         for (const Triangle how :
              {Triangle{}, Triangle{.lower = false}, Triangle{.transposed = true},
               Triangle{.lower = false, .transposed = true, .unit = true}})
           s.samples.push_back({{draw.tensor({2, 3, 3}) + 4.0 * eye(3), draw.tensor({2, 3, 2})},
                                [how](Args x) { return triangular_solve(x[0], x[1], how); },
                                3});
         s.answers = {{[] {
                         return triangular_solve(Tensor{{2, 9}, {1, 4}}, Tensor{2, 9});
                       },
                       "f64[2] [1. 2.]"},
                      {[] {
                         return triangular_solve(zeros({0, 0}), zeros({0}));
                       },
                       "f64[0] [] f64[0]"}};
         s.refusals = {{[] {
                          triangular_solve(ones({2, 2}), iota(2));
                        },
                        not_float("triangular_solve", "i64[2]")}};
         return s;
       }},
      {"solve",
       [] {
         Samples s;
         const auto f = [](Args x) { return solve(x[0], x[1]); };
         s.samples = {{{draw.tensor({2, 3, 3}) + 4.0 * eye(3), draw.tensor({2, 3, 2})}, f, 3},
                      {{draw.tensor({2, 4, 4}) + 5.0 * eye(4), draw.tensor({4})}, f, 2},
                      {{draw.tensor({2, 90, 90}) + 200.0 * eye(90), draw.tensor({90, 70})}, f}};
         s.answers = {{[] {
                         return solve(Tensor{{3, 1}, {2, 4}}, Tensor{5, 10});
                       },
                       "f64[2] [1. 2.]"},
                      {[] {
                         return solve(zeros({0, 0}), zeros({0, 3}));
                       },
                       "f64[0,3] [] f64[0,3]"}};
         s.refusals = {{[] { solve(ones({2, 2}), iota(2)); }, not_float("solve", "i64[2]")}};
         return s;
       }},
      {"inv",
       [] {
         Samples s = matrices([](Args x) { return inv(x[0]); }, "inv", 3);
         s.answers = {{[] {
                         return inv(diag(Tensor{2, 4}));
                       },
                       "f64[2,2] [[0.5  0.  ]\n [0.   0.25]]"},
                      {[] {
                         return inv(zeros({0, 0}));
                       },
                       "f64[0,0] [] f64[0,0]"}};
         return s;
       }},
      {"det",
       [] {
         Samples s = matrices([](Args x) { return det(x[0]); }, "det", 3);
         s.samples.push_back(
             {{Tensor{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}}, [](Args x) { return det(x[0]); }, 3});
         s.answers = {{[] {
                         return det(Tensor{{3, 1}, {2, 4}});
                       },
                       "f64[] 10.0"},
                      {[] {
                         return det(zeros({2, 0, 0}));
                       },
                       "f64[2] [1. 1.]"}};
         return s;
       }},
      {"cofactors",
       [] {
         Samples s = matrices([](Args x) { return cofactors(x[0]); }, "cofactors", 3);
         s.answers = {{[] {
                         return cofactors(Tensor{{3, 1}, {2, 4}});
                       },
                       "f64[2,2] [[ 4. -2.]\n [-1.  3.]]"},
                      {[] {
                         return cofactors(Tensor{{0, 0, 0}, {0, 0, 0}, {0, 0, 5}});
                       },
                       "f64[3,3] [[0. 0. 0.]\n [0. 0. 0.]\n [0. 0. 0.]]"},
                      {[] {
                         return cofactors(zeros({0, 0}));
                       },
                       "f64[0,0] [] f64[0,0]"}};
         return s;
       }},
      {"slogdet",
       [] {
         Samples s = matrices([](Args x) { return slogdet(x[0]).log; }, "slogdet", 3);
         s.answers = {{[] {
                         return slogdet(Tensor{{0, 1}, {1, 0}}).sign;
                       },
                       "f64[] -1.0"},
                      {[] { return slogdet(eye(3)).log; }, "f64[] 0.0"},
                      {[] {
                         return slogdet(zeros({0, 0})).sign;
                       },
                       "f64[] 1.0"}};
         return s;
       }},
      {"eigh",
       [] {
         // The matrix function sin: it needs values and vectors, and the signs of neither.
         Samples s = matrices(
             [](Args x) {
               const Eigh e = eigh(0.5 * (x[0] + transpose(x[0])));
               return matmul(e.vectors * sin(expand_dims(e.values, -2)), transpose(e.vectors));
             },
             "eigh", 3, false);
         s.answers = {{[] {
                         return eigh(diag(Tensor{3, 1})).values;
                       },
                       "f64[2] [1. 3.]"},
                      {[] {
                         return eigh(zeros({0, 0})).vectors;
                       },
                       "f64[0,0] [] f64[0,0]"}};
         s.refusals = square_only([](Args x) { eigh(x[0]); }, "eigh");
         return s;
       }},
      {"eigvalsh",
       [] {
         const auto f = [](Args x) { return eigvalsh(0.5 * (x[0] + transpose(x[0]))); };
         Samples s;
         // Values far apart: near a crossing differences see the other one.
         for (const int64_t n : {1, 2, 3, 7})
           s.samples.push_back({{draw.tensor({2, n, n}) + 8.0 * diag(iota(n, DType::f64))}, f, 3});
         s.answers = {{[] {
                         return eigvalsh(diag(Tensor{3, 1}));
                       },
                       "f64[2] [1. 3.]"},
                      {[] {
                         return eigvalsh(zeros({2, 0, 0}));
                       },
                       "f64[2,0] [] f64[2,0]"}};
         s.refusals = square_only([](Args x) { eigvalsh(x[0]); }, "eigvalsh");
         return s;
       }},
      {"svd",
       [] {
         const auto f = [](Args x) {
           const Svd d = svd(x[0]);
           return matmul(d.u * sin(expand_dims(d.s, -2)), d.vt);
         };
         Samples s = matrices(f, "svd", 3, false);
         s.samples.push_back(
             {{draw.tensor({2, 4, 2}) + slice_axis(4.0 * eye(4), 1, {0, 2})}, f, 2});
         s.samples.push_back(
             {{draw.tensor({2, 2, 5}) + slice_axis(4.0 * eye(5), 0, {0, 2})}, f, 2});
         s.answers = {{[] {
                         return svd(Tensor{{3, 0}, {0, -4}}).s;
                       },
                       "f64[2] [4. 3.]"},
                      {[] {
                         return svd(zeros({0, 3})).u;
                       },
                       "f64[0,0] [] f64[0,0]"}};
         s.refusals = {{[] { svd(iota(3)); }, not_float("svd", "i64[3]")}};
         return s;
       }},
      {"svdvals",
       [] {
         const auto f = [](Args x) { return svdvals(x[0]); };
         Samples s = matrices(f, "svdvals", 3, false);
         s.samples.push_back(
             {{draw.tensor({2, 4, 2}) + slice_axis(4.0 * eye(4), 1, {0, 2})}, f, 2});
         s.answers = {{[] {
                         return svdvals(Tensor{{3, 0}, {0, -4}});
                       },
                       "f64[2] [4. 3.]"},
                      {[] {
                         return svdvals(zeros({0, 3}));
                       },
                       "f64[0] [] f64[0]"}};
         s.refusals = {{[] { svdvals(iota(3)); }, not_float("svdvals", "i64[3]")}};
         return s;
       }},
      {"eig",
       [] {
         // Re(V w^2 V^H): the same whatever the order of the values and the phases of the vectors.
         const auto f = [](Args x) {
           const Eig e = eig(x[0]);
           const Tensor re = expand_dims(square(e.re) - square(e.im), -2);
           const Tensor im = expand_dims(2.0 * e.re * e.im, -2);
           const Tensor &v = e.vectors_re, &w = e.vectors_im;
           return matmul(v * re - w * im, transpose(v)) + matmul(w * re + v * im, transpose(w));
         };
         Samples s;
         // Values far apart, a complex pair among them.
         for (const int64_t n : {1, 2, 3, 6}) {
           Tensor base = diag(3.0 * iota(n, DType::f64));
           if (n > 1) base = base + pad(Tensor{{0, -2}, {2, 0}}, {0, 0}, {n - 2, n - 2});
           s.samples.push_back({{draw.tensor({2, n, n}, -0.3, 0.3) + base}, f, n < 6 ? 3 : 2});
         }
         s.answers = {{[] {
                         return eig(Tensor{{0, -1}, {1, 0}}).im;
                       },
                       "f64[2] [ 1. -1.]"},
                      {[] {
                         return eig(zeros({0, 0})).vectors_im;
                       },
                       "f64[0,0] [] f64[0,0]"}};
         s.refusals = square_only([](Args x) { eig(x[0]); }, "eig");
         return s;
       }},
      {"eigvals",
       [] {
         // The sum of the cubes: the same whatever their order.
         Samples s = matrices(
             [](Args x) {
               const Eigvals w = eigvals(x[0]);
               return sum(w.re * (square(w.re) - 3.0 * square(w.im)), {.axis = -1});
             },
             "eigvals", 2, false);
         s.answers = {{[] {
                         return eigvals(Tensor{{0, -1}, {1, 0}}).im;
                       },
                       "f64[2] [ 1. -1.]"},
                      {[] {
                         return eigvals(zeros({2, 0, 0})).re;
                       },
                       "f64[2,0] [] f64[2,0]"}};
         s.refusals = square_only([](Args x) { eigvals(x[0]); }, "eigvals");
         return s;
       }},
      {"pinv",
       [] {
         const auto f = [](Args x) { return pinv(x[0]); };
         Samples s = matrices(f, "pinv", 3, false);
         s.samples.push_back(
             {{draw.tensor({2, 4, 2}) + slice_axis(4.0 * eye(4), 1, {0, 2})}, f, 2});
         s.samples.push_back(
             {{draw.tensor({2, 2, 5}) + slice_axis(4.0 * eye(5), 0, {0, 2})}, f, 2});
         s.answers = {{[] {
                         return pinv(diag(Tensor{2, 0}));
                       },
                       "f64[2,2] [[0.5 0. ]\n [0.  0. ]]"},
                      {[] {
                         return pinv(zeros({0, 3}));
                       },
                       "f64[3,0] [] f64[3,0]"}};
         return s;
       }},
  };
}

const std::map<std::string, std::function<Samples()>> table = samples();

class Sampled : public testing::TestWithParam<const Op*> {
 protected:
  const Op& op() { return *GetParam(); }
  Samples of_op() {
    const auto found = table.find(op().name);
    if (found == table.end()) {
      ADD_FAILURE() << op().name << " has no samples in this file";
      return {};
    }
    draw = {};
    return found->second();
  }
};

std::vector<const Op*> sampled_ops() {
  std::vector<const Op*> ops;
  for (const auto list : {all_ops(), linalg_ops()})
    for (const Op* op : list)
      if (op->kind != Kind::elementwise && op->kind != Kind::source) ops.push_back(op);
  return ops;
}
INSTANTIATE_TEST_SUITE_P(Op, Sampled, testing::ValuesIn(sampled_ops()),
                         [](const auto& one) { return std::string(one.param->name); });

TEST_P(Sampled, every_sample_goes_through_the_op) {
  for (const Sample& s : of_op().samples) {
    Tape tape("table");
    std::vector<Tensor> in;
    for (const Tensor& x : s.args) in.push_back(tape.tensor(tape.input(x)));
    if (in.empty()) in.push_back(tape.tensor(tape.input(Tensor(0.0))));
    const Tensor y = s.f(in);
    bool found = op().inputs == 0;  // a step without inputs is recorded only while compiling
    for (size_t i = 0; i < tape.step_count(); ++i) found |= tape.step(i).op == &op();
    EXPECT_TRUE(found);
  }
}

TEST_P(Sampled, known_answers_come_out_empty_and_scalar_inputs_among_them) {
  const Samples s = of_op();
  ASSERT_FALSE(s.answers.empty());
  for (const Answer& a : s.answers) {
    Tensor got;
    ASSERT_NO_THROW(got = a.call()) << "instead of " << a.want;
    EXPECT_EQ(show(got), a.want);
  }
}

TEST_P(Sampled, bad_shapes_and_types_are_refused_word_for_word) {
  for (const Refusal& r : of_op().refusals) EXPECT_EQ(message_of(r.call), r.message);
}

TEST_P(Sampled, strided_inputs_give_the_bits_of_contiguous_ones) {
  for (const Sample& s : of_op().samples) {
    for (size_t i = 0; i < s.args.size(); ++i) {
      for (const Twin& twin : twins_of(s.args[i])) {
        std::vector<Tensor> strided = s.args, plain = s.args;
        strided[i] = twin.strided, plain[i] = twin.plain;
        EXPECT_TRUE(same_bits(s.f(strided), s.f(plain))) << "input " << i << " " << twin.layout;
      }
    }
  }
}

TEST_P(Sampled, one_and_two_threads_give_the_same_bits) {
  const int before = thread_count();
  for (const Sample& s : of_op().samples) {
    set_thread_count(1);
    const Tensor one = s.f(s.args);
    set_thread_count(2);
    EXPECT_TRUE(same_bits(one, s.f(s.args)));
  }
  set_thread_count(before);
}

TEST_P(Sampled, f32_and_f64_agree) {
  for (const Sample& s : of_op().samples) {
    std::vector<Tensor> rounded, wide;
    for (const Tensor& x : s.args) {
      const bool real = is_float(x.dtype());
      rounded.push_back(real ? cast(x, DType::f32) : x);
      wide.push_back(real ? cast(rounded.back(), DType::f64) : x);
    }
    const auto y32 = numbers(s.f(rounded)), y64 = numbers(s.f(wide));
    ASSERT_EQ(y32.size(), y64.size());
    double size = 0;
    for (double y : y64) size = std::isfinite(y) ? std::max(size, std::fabs(y)) : size;
    // A sum of n terms may be off by n roundings of its largest part.
    for (size_t i = 0; i < y32.size(); ++i) {
      if (std::isfinite(y64[i]) && size < 1e30) {
        EXPECT_NEAR(y32[i], y64[i], 1e-5 * (1 + size));
      }
    }
  }
}

TEST_P(Sampled, forward_and_reverse_mode_match_differences_to_the_stated_order) {
  const Samples all = of_op();
  int order = 0;
  for (const Sample& s : all.samples) {
    if (s.order > 0) check_derivatives(s.f, s.args, s.order);
    order = std::max(order, s.order);
  }
  // cast has a derivative between f32 and f64 only, where differences see rounding: checked below.
  const bool has_rule = op().kind != Kind::fixed && std::string(op().name) != "cast";
  EXPECT_EQ(order > 0, has_rule);
}

TEST_P(Sampled, an_op_without_derivative_says_why_and_passes_none) {
  if (op().kind != Kind::fixed) {
    EXPECT_TRUE(op().rule.pull != nullptr);
    EXPECT_EQ(op().rule.push != nullptr, op().kind == Kind::custom);
    return;
  }
  ASSERT_NE(op().rule.why, nullptr);
  for (const Sample& s : of_op().samples) {
    for (size_t i = 0; i < s.args.size(); ++i) {
      if (s.args[i].dtype() != DType::f64) continue;
      const int wrt[] = {static_cast<int>(i)};
      const auto g =
          value_and_grads([&](Args a) { return sum(cast(s.f(a), DType::f64)); }, s.args, wrt)
              .grads[0];
      for (double v : numbers(g)) EXPECT_EQ(v, 0);
    }
  }
}

TEST_P(Sampled, it_says_what_it_is) {
  EXPECT_GT(std::strlen(op().says), 5u);
  EXPECT_GT(std::strlen(op().math), 1u);
}

TEST(Table, cast_passes_the_cotangent_in_the_type_of_its_input) {
  const Tensor x = cast(Tensor{1, 2}, DType::f32);
  const auto r = vjp([](const Tensor& v) { return square(cast(v, DType::f64)); })(x, Tensor{1, 10});
  EXPECT_EQ(show(r.derivative), "f32[2] [ 2. 40.]");
  const auto f = jvp([](const Tensor& v) { return square(cast(v, DType::f64)); })(
      x, cast(Tensor{1, 10}, DType::f32));
  EXPECT_EQ(show(f.derivative), "f64[2] [ 2. 40.]");
}

TEST(Table, every_op_is_listed_once_and_none_that_a_header_declares_is_missing) {
  std::set<std::string> listed;
  std::set<const Op*> seen;
  for (const auto list : {all_ops(), linalg_ops()}) {
    for (const Op* op : list) {
      EXPECT_TRUE(listed.insert(op->name).second) << op->name;
      EXPECT_TRUE(seen.insert(op).second) << op->name;
    }
  }
  size_t declared = 0;
  const std::regex statement("extern const Op ([^;]+);"), word("\\w+");
  for (const char* floor : {"core", "ops", "linalg"}) {
    for (const auto& file : std::filesystem::directory_iterator(std::string(GRADUS_SOURCE_DIR) +
                                                                "/src/gradus/" + floor)) {
      if (file.path().extension() != ".h") continue;
      std::ifstream in(file.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (std::sregex_iterator s(text.begin(), text.end(), statement), end; s != end; ++s) {
        const std::string names = (*s)[1];
        if (names == "n") continue;  // the word lists
        for (std::sregex_iterator w(names.begin(), names.end(), word); w != end; ++w) {
          ++declared;
          EXPECT_TRUE(listed.count(w->str())) << w->str() << " is in no list";
        }
      }
    }
  }
  EXPECT_GT(declared, 25u);
}

TEST(Table, sources_have_neither_kernel_nor_rule) {
  for (const Op* op : all_ops()) {
    if (op->kind != Kind::source) continue;
    EXPECT_EQ(op->kernel, nullptr);
    EXPECT_EQ(op->rule.pull, nullptr);
  }
}

}  // namespace
}  // namespace gradus
