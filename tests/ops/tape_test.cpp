// The tape: ids, sharing, numbers, and what may not happen while recording.
#include <gradus/core/tape.h>

#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace gradus {
namespace {

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Tensor num(double x) {
  return scalar(x, DType::f64);
}

TEST(Tape, nothing_is_recorded_without_one) {
  EXPECT_EQ(Tape::open(), nullptr);
  EXPECT_NE((Tensor{1, 2} + 1.0).buffer(), nullptr);
}

TEST(Tape, ids_grow_and_point_backwards) {
  Tape tape("test");
  const Tensor x = tape.tensor(tape.input(num(2)));
  const Tensor y = exp(x) * x + 1.0;
  EXPECT_EQ(number(y), std::exp(2.0) * 2 + 1);
  for (size_t i = 0; i < tape.step_count(); ++i)
    for (ValueId id : tape.inputs(tape.step(i))) EXPECT_LT(id, tape.step(i).first_out);
}

TEST(Tape, an_equal_step_is_shared_but_an_alias_and_an_input_never) {
  Tape tape("test");
  const Tensor x = tape.tensor(tape.input(num(2)));
  EXPECT_EQ(exp(x).tape_value()->id, exp(x).tape_value()->id);
  EXPECT_EQ((x + 1.0).tape_value()->id, (x + 1.0).tape_value()->id);
  EXPECT_NE((x + 1.0).tape_value()->id, (1.0 + x).tape_value()->id);
  EXPECT_NE(tape.alias(x.tape_value()->id), tape.alias(x.tape_value()->id));
  EXPECT_NE(tape.input(num(2)), tape.input(num(2)));
}

TEST(Tape, constants_are_shared_by_their_bits) {
  Tape tape("test");
  EXPECT_EQ(tape.place(num(0)), tape.place(num(0)));
  EXPECT_NE(tape.place(num(0)), tape.place(num(-0.0)));
  EXPECT_NE(tape.place(num(1)), tape.place(scalar(1, DType::f32)));
  EXPECT_NE(tape.place(num(1)), tape.place(scalar(1, DType::i64)));
  const Tensor a{1, 2}, b{1, 2};
  EXPECT_EQ(tape.place(a), tape.place(a));
  EXPECT_NE(tape.place(a), tape.place(b));
  EXPECT_NE(tape.place(a), tape.place(flip(a, {0})));
}

TEST(Tape, sharing_survives_many_steps) {
  Tape tape("test");
  const Tensor x = tape.tensor(tape.input(num(1)));
  std::vector<ValueId> ids;
  for (int i = 0; i < 5000; ++i) ids.push_back((x + static_cast<double>(i)).tape_value()->id);
  for (int i = 0; i < 5000; ++i)
    EXPECT_EQ((x + static_cast<double>(i)).tape_value()->id, ids[static_cast<size_t>(i)]);
}

TEST(Tape, a_step_has_numbers_exactly_when_all_its_inputs_have) {
  Tape tape("compile", true);
  const Tensor x = tape.tensor(tape.input(num(2)));
  const Tensor s = tape.tensor(tape.input(Type{DType::f64, {}}));
  EXPECT_TRUE(tape.value((x * 3.0).tape_value()->id).has_numbers());
  const Tensor y = named(x * s, "h1");
  EXPECT_FALSE(tape.value(y.tape_value()->id).has_numbers());
  EXPECT_EQ(message([&] { number(tanh(y)); }),
            "compile: 'if' needs a number, but tanh f64[] has only a shape while compiling. Use "
            "where(condition, a, b), or call grad without compile.");
  EXPECT_EQ(message([&] { number(y); }),
            "compile: 'if' needs a number, but multiply 'h1' f64[] has only a shape while "
            "compiling. Use where(condition, a, b), or call grad without compile.");
}

TEST(Tape, one_is_open_per_thread) {
  Tape tape("grad");
  EXPECT_EQ(message([] { Tape second("compile"); }),
            "compile: a recording opened by grad is already open on this thread. Call it outside "
            "that function.");
  EXPECT_EQ(Tape::open(), &tape);
}

TEST(Tape, that_records_everything_refuses_a_captured_tensor_but_not_a_constant) {
  const Tensor w{1, 2, 3}, small = num(4);
  Tape tape("compile", true);
  EXPECT_EQ(
      message([&] { w + 1.0; }),
      "compile: the function reads f64[3], which is not one of its arguments. The plan would keep "
      "today's value for ever. Pass it in, or write constant(x) if that is what you mean.");
  EXPECT_NE((constant(w) + 1.0).tape_value(), nullptr);
  EXPECT_NE((small + 1.0).tape_value(), nullptr);
  EXPECT_NE(zeros({3}).tape_value(), nullptr);
}

TEST(Tape, an_error_in_a_step_records_nothing) {
  Tape tape("test");
  const Tensor x = tape.tensor(tape.input(Tensor{1, 2}));
  const size_t before = tape.step_count();
  message([&] { apply(op::add, {x, x, x}); });
  EXPECT_EQ(tape.step_count(), before);
}

TEST(Graph, keeps_only_what_its_outputs_need) {
  Tape tape("test");
  const ValueId x = tape.input(num(2), "x");
  const Tensor h = tape.tensor(x);
  const Tensor unused = exp(h), y = named(h * h, "y");
  (void)unused;
  const ValueId in[] = {x}, out[] = {y.tape_value()->id};
  const Graph g = tape.freeze(in, out);
  EXPECT_EQ(g.step_count(), 2u);
  EXPECT_EQ(g.label(g.input_ids()[0]), "x");
  EXPECT_EQ(g.label(g.output_ids()[0]), "y");
  EXPECT_EQ(g.origin()[g.output_ids()[0]], out[0]);
  EXPECT_EQ(*reinterpret_cast<const double*>(g.value(g.output_ids()[0]).buffer.block->data), 4);
}

TEST(Tape, an_absent_tensor_cannot_be_recorded) {
  Tape tape("grad");
  const char* expected = "tensor: an absent tensor has no numbers. It stands for a zero cotangent.";
  EXPECT_EQ(message([&] { tape.place(Tensor()); }), expected);
  EXPECT_EQ(message([&] { tape.input(Tensor()); }), expected);
}

TEST(Tape, two_threads_never_give_their_tapes_one_number) {
  Tape here("grad");
  uint64_t there = 0;
  std::thread([&there] { there = Tape("grad").serial(); }).join();
  EXPECT_NE(there, here.serial());
}

}  // namespace
}  // namespace gradus
