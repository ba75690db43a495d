// Tensors by hand: numbers in and out, types, views, broadcasting.
#include <gradus/core/tensor.h>

#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

namespace gradus {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string show(const Tensor& x) {
  return to_string(x.type()) + " " + to_string(x);
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Tensor, of_braced_numbers_is_a_column_and_number_types_mix) {
  const int64_t three = 3;
  EXPECT_EQ(show(Tensor{{1}, {2}}), "f64[2,1] [[1.]\n [2.]]");
  EXPECT_EQ(show(Tensor{{1}}), "f64[1,1] [[1.]]");
  EXPECT_EQ(show(Tensor{1, 2.5, three}), "f64[3] [1.  2.5 3. ]");
}

TEST(Tensor, sizes_and_bytes_that_cannot_be_are_refused) {
  EXPECT_EQ(message([] { zeros({-1}); }),
            "broadcast_to: f64[] to [-1]: the sizes do not line up. Axes line up from the right, "
            "and only size 1 repeats.");
  EXPECT_EQ(message([] {
              from_bytes({DType::f32, {2}}, {});
            }),
            "tensor: 0 bytes for f32[2]. It takes exactly 8 bytes.");
}

TEST(Reduce, integers_wrap_around_as_addition_does) {
  const Tensor top = from_vector(std::vector<int32_t>{std::numeric_limits<int32_t>::max(), 1});
  EXPECT_EQ(to_string(sum(top)), "-2147483648");
  EXPECT_EQ(to_string(cumsum(top)), "[ 2147483647 -2147483648]");
  EXPECT_EQ(to_string(scatter_add(zeros({2}, DType::i64), top, 1)), "[-2147483648]");
  // An empty tensor may have axes whose product does not fit; a huge step takes the first only.
  EXPECT_THROW(sum(zeros({0, int64_t{1} << 40, int64_t{1} << 40}), {.axis = {1, 2}}), ShapeError);
  EXPECT_EQ(to_string(slice_axis(top, 0, {1, slice_end, slice_end})), "[1]");
}

TEST(Tensor, of_three_and_four_is_a_vector_of_two) {
  const Tensor x({3, 4});
  EXPECT_EQ(to_string(x.type()), "f64[2]");
  EXPECT_EQ(x.rank(), 1);
  EXPECT_EQ(x.size(), 2);
  EXPECT_EQ(to_string(x), "[3. 4.]");
  EXPECT_EQ(numbers(x), (std::vector<double>{3, 4}));
}

TEST(Tensor, of_rows_is_a_matrix_and_rows_have_one_length) {
  EXPECT_EQ(show(Tensor{{1, 2}, {3, 4}, {5, 6}}), "f64[3,2] [[1. 2.]\n [3. 4.]\n [5. 6.]]");
  EXPECT_EQ(message([] {
              Tensor{{1, 2, 3}, {4, 5}};
            }),
            "tensor: a row of 2 numbers beside rows of 3. All rows must have one length.");
}

TEST(Tensor, knows_its_type_at_every_rank_from_0_to_8_and_no_further) {
  Shape shape;
  for (int rank = 0; rank <= 8; ++rank) {
    const Tensor x = ones(shape);
    EXPECT_EQ(x.rank(), rank);
    EXPECT_EQ(number(sum(x)), std::pow(2, rank));
    EXPECT_EQ(number(sum(x + x)), std::pow(2, rank + 1));
    if (rank < 8) shape.push_back(2);
  }
  EXPECT_EQ(message([&] { expand_dims(ones(shape), 0); }),
            "shape: [2,2,2,2,2,2,2,2] with one more axis: rank 9 is too many. A tensor has at most "
            "8 axes. Merge some with reshape.");
}

TEST(Tensor, of_every_rank_slices_flips_and_scans_along_its_last_axis) {
  Shape shape{3};
  for (int rank = 1; rank <= 8; ++rank) {
    const Tensor x = broadcast_to(Tensor{1, 2, 3}, shape);
    EXPECT_EQ(number(sum(slice_axis(x, -1, {1, 3}))) / number(sum(x)), 5.0 / 6) << rank;
    EXPECT_EQ(number(max(cumprod(x, -1))), 6) << rank;
    EXPECT_EQ(number(max(cumsum(flip(x, {-1}), rank - 1))), 6) << rank;
    if (rank < 8) shape.insert(0, 1);
  }
}

TEST(Tensor, may_have_no_elements) {
  for (const Shape& shape : {Shape{0}, Shape{3, 0}, Shape{0, 3}, Shape{2, 0, 5}}) {
    const Tensor x = zeros(shape);
    EXPECT_EQ(x.size(), 0);
    EXPECT_EQ(numbers(exp(x + 1.0)).size(), 0u);
    EXPECT_EQ(number(sum(x)), 0);
    EXPECT_EQ(to_string(x), "[] f64" + to_string(shape));
  }
  EXPECT_EQ(show(sum(zeros({0, 3}), {.axis = 0})), "f64[3] [0. 0. 0.]");
  EXPECT_EQ(show(concatenate({zeros({0}), Tensor{1}})), "f64[1] [1.]");
}

TEST(Tensor, refuses_numbers_that_do_not_fill_its_shape) {
  EXPECT_EQ(
      message([] {
        from_vector<double>({1, 2, 3}, {2, 2});
      }),
      "tensor: 3 numbers for f64[2,2]. The product of the sizes must equal the count of numbers.");
}

TEST(Tensor, refuses_shapes_that_memory_cannot_count) {
  EXPECT_EQ(message([] {
              empty({DType::f64, {1LL << 40, 1LL << 40}});
            }),
            "shape: [1099511627776,1099511627776] has more elements than 63 bits count. The "
            "product of the sizes must stay below 2^63.");
  EXPECT_EQ(
      message([] {
        empty({DType::f64, {1LL << 62}});
      }),
      "allocate: f64[4611686018427387904] does not fit the address space. Use a smaller shape.");
}

TEST(Tensor, gives_its_numbers_back_in_its_own_type_only) {
  const Tensor x = from_vector<int32_t>({1, -2});
  EXPECT_EQ(values<int32_t>(x), (std::vector<int32_t>{1, -2}));
  EXPECT_EQ(
      message([&] { values<float>(x); }),
      "values: asked for f32 from i32[2]. The type must be exactly the tensor's. Cast it first.");
  EXPECT_EQ(message([&] { number(x); }),
            "number: i32[2] has 2 elements, not one. Use numbers(x), or reduce it first.");
  EXPECT_EQ(message([] { numbers(Tensor()); }),
            "tensor: an absent tensor has no numbers. It stands for a zero cotangent.");
}

TEST(Views, permute_slice_broadcast_flip_and_reshape_copy_nothing) {
  const Tensor x = Tensor{{1, 2, 3}, {4, 5, 6}};
  const Block* block = x.buffer()->block.get();
  for (const Tensor& v :
       {transpose(x), slice(x, {{}, {0, 3, 2}}), flip(x, {0, 1}), broadcast_to(x, {4, 2, 3}),
        reshape(x, {3, 2}), expand_dims(x, 1), row(x, 1), element(x, {1, 2}),
        permute(broadcast_to(x, {2, 2, 3}), {2, 0, 1})})
    EXPECT_EQ(v.buffer()->block.get(), block) << to_string(v.type());
  EXPECT_EQ(to_string(flip(x, {0, 1})), "[[6. 5. 4.]\n [3. 2. 1.]]");
  EXPECT_EQ(number(element(x, {1, -1})), 6);
  EXPECT_NE(reshape(transpose(x), {6}).buffer()->block.get(),
            block);  // order changes: it must copy
  EXPECT_EQ(to_string(reshape(transpose(x), {6})), "[1. 4. 2. 5. 3. 6.]");
}

TEST(Views, of_views_read_the_right_numbers) {
  const Tensor x = reshape(iota(24), {2, 3, 4});
  EXPECT_EQ(to_string(slice(flip(transpose(x), {0}), {{0, 1}, {1, 4, 2}})),
            "[[[13 17 21]\n  [15 19 23]]]");
  EXPECT_EQ(to_string(row(move_axis(x, -1, 0), 3)), "[[ 3  7 11]\n [15 19 23]]");
}

TEST(Views, of_many_numbers_are_copied_in_shares_that_leave_out_none) {
  // Numbers of 1 and 8 bytes; rows of the first axis in shares of several, one, and less than one.
  for (const Shape& shape : {Shape{700, 3, 50}, Shape{5, 131, 199}, Shape{2, 70'000, 1}}) {
    const Tensor x = reshape(iota(element_count(shape)), shape);
    const int64_t n = shape[0], rows = shape[1], columns = shape[2];
    const Tensor turned = reshape(permute(x, {1, 2, 0}), {x.size()});
    const Tensor late = reshape(permute(greater(x, 40'000), {1, 2, 0}), {x.size()});
    const auto numbers = values<int64_t>(turned);
    const auto bits = values<bool>(late);
    for (int64_t i = 0, at = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        for (int64_t k = 0; k < n; ++k, ++at) {
          const int64_t wanted = (k * rows + i) * columns + j;
          ASSERT_EQ(numbers[static_cast<size_t>(at)], wanted) << to_string(shape);
          ASSERT_EQ(bits[static_cast<size_t>(at)], wanted > 40'000) << to_string(shape);
        }
  }
}

TEST(Views, keep_their_memory_alive) {
  Tensor last;
  {
    const Tensor big = iota(1000, DType::f64) + 1.0;
    last = row(big, -1);
  }
  EXPECT_EQ(number(last), 1000);
}

TEST(Types, of_one_kind_mix_to_the_wider_and_kinds_do_not_mix) {
  const DType types[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean};
  const char* want[5][5] = {{"f32", "f64", "-", "-", "-"},
                            {"f64", "f64", "-", "-", "-"},
                            {"-", "-", "i32", "i64", "-"},
                            {"-", "-", "i64", "i64", "-"},
                            {"-", "-", "-", "-", "-"}};
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      std::string got = "-";
      try {
        got = name_of(add(ones({2}, types[i]), ones({2}, types[j])).dtype());
      } catch (const DTypeError&) {
      }
      EXPECT_EQ(got, want[i][j]) << name_of(types[i]) << " + " << name_of(types[j]);
    }
  }
  EXPECT_EQ(message([] { ones({2}) + iota(2); }),
            "add: f64[2] + i64[2]: the kinds of number differ. Types of one kind mix, others need "
            "a word. Write cast(x, DType::f64).");
  EXPECT_EQ(message([] { ones({2}) * (ones({2}) > 0.0); }),
            "multiply: f64[2] * bool[2]: the kinds of number differ. Types of one kind mix, others "
            "need a word. Write cast(x, DType::f64).");
}

TEST(Types, a_literal_takes_the_type_of_the_tensor_it_meets) {
  EXPECT_EQ(show(ones({2}, DType::f32) * 0.5), "f32[2] [0.5 0.5]");
  EXPECT_EQ(show(ones({2}, DType::f32) + 1), "f32[2] [2. 2.]");
  EXPECT_EQ(show(iota(2, DType::i32) + 1), "i32[2] [1 2]");
  EXPECT_EQ(show(2.0 - iota(2, DType::f32)), "f32[2] [2. 1.]");
  EXPECT_EQ(show(iota(2) + 3.0), "i64[2] [3 4]");
  EXPECT_EQ(show(Tensor(1) + 0.5), "f64[] 1.5");
  EXPECT_EQ(message([] { iota(2) * 0.5; }),
            "literal: a C++ number with a fraction, or out of range, met i64[]. A C++ number takes "
            "the type of the tensor it meets. Cast the tensor to f64 first.");
  EXPECT_EQ(message([] { iota(2, DType::i32) + 3'000'000'000; }),
            "literal: a C++ number with a fraction, or out of range, met i32[]. A C++ number takes "
            "the type of the tensor it meets. Cast the tensor to f64 first.");
  EXPECT_EQ(message([] { (ones({1}) > 0.0) + 1; }),
            "add: bool[1] + i64[]: a mask and a number do not mix. Cast the mask first.");
}

TEST(Types, storage_types_store_and_convert_but_do_not_compute) {
  const Tensor h = cast(Tensor{1, 65504, 65520, 1e-8, 6e-8, nan}, DType::f16);
  EXPECT_EQ(to_string(h.type()), "f16[6]");
  const auto back = numbers(h);
  EXPECT_EQ(back[1], 65504);
  EXPECT_EQ(back[2], inf);
  EXPECT_EQ(back[3], 0);
  EXPECT_EQ(back[4], 0x1p-24);
  EXPECT_TRUE(std::isnan(back[5]));
  EXPECT_EQ(numbers(cast(Tensor{1.00390625, 1.01171875}, DType::bf16)),
            (std::vector<double>{1, 1.015625}));  // ties to even
  EXPECT_EQ(show(cast(Tensor{300, -1, 2.7}, DType::u8)), "u8[3] [255   0   2]");
  EXPECT_EQ(show(cast(Tensor{-300, 127.9}, DType::i8)), "i8[2] [-128  127]");
  EXPECT_EQ(
      message([&] { h + 1.0; }),
      "add: f16[6] + f64[]: f16, bf16, i8 and u8 only store. Compute in f32 or f64. Cast first.");
  EXPECT_EQ(message([&] { exp(h); }),
            "exp: f16[6] is not a floating-point tensor. f16, bf16, i8 and u8 only store. Cast to "
            "f32 first.");
  EXPECT_EQ(show(concatenate({slice(h, {{0, 1}}), slice(h, {{1, 2}})})),
            "f16[2] [1.00e+00 6.55e+04]");
}

TEST(Types, every_type_converts_to_every_other) {
  const DType types[] = {DType::f32, DType::f64,  DType::i32, DType::i64, DType::boolean,
                         DType::f16, DType::bf16, DType::i8,  DType::u8};
  for (DType from : types) {
    for (DType to : types) {
      const Tensor x = cast(cast(Tensor{0, 1}, from), to);
      EXPECT_EQ(x.dtype(), to);
      EXPECT_EQ(numbers(x), (std::vector<double>{0, 1})) << name_of(from) << " to " << name_of(to);
    }
  }
}

TEST(Types, a_cast_to_an_integer_truncates_and_stops_at_the_ends) {
  EXPECT_EQ(to_string(cast(Tensor{-1.9, 1.9, 3e9, -3e9, nan}, DType::i32)),
            "[         -1           1  2147483647 -2147483648           0]");
  EXPECT_EQ(to_string(cast(Tensor{9.3e18, -inf}, DType::i64)),
            "[ 9223372036854775807 -9223372036854775808]");
}

TEST(Broadcasting, follows_numpy) {
  EXPECT_EQ(to_string(Tensor{3, 4} + Tensor{1, 2}), "[4. 6.]");
  EXPECT_EQ(to_string(2.0 * Tensor{3, 4}), "[6. 8.]");
  EXPECT_EQ(to_string(reshape(Tensor{1, 2}, {2, 1}) * Tensor{1, 10, 100}),
            "[[  1.  10. 100.]\n [  2.  20. 200.]]");
  EXPECT_EQ(to_string((ones({1, 3, 1}) + ones({2, 1, 4})).type()), "f64[2,3,4]");
  EXPECT_EQ(to_string((zeros({0, 1}) + ones({3})).type()), "f64[0,3]");
}

TEST(Broadcasting, refuses_word_for_word) {
  EXPECT_EQ(message([] {
              zeros({32, 10}, DType::f32) + zeros({32}, DType::f32);
            }),
            "add: f32[32,10] + f32[32]: cannot broadcast, because axes line up from the right and "
            "10 is not 32. If 32 is the batch, reshape the second to [32,1].");
  EXPECT_EQ(message([] {
              zeros({32}) - zeros({32, 10});
            }),
            "subtract: f64[32] - f64[32,10]: cannot broadcast, because axes line up from the right "
            "and 32 is not 10. If 32 is the batch, reshape the first to [32,1].");
  EXPECT_EQ(message([] {
              Tensor{1, 2} + Tensor{1, 2, 3};
            }),
            "add: f64[2] + f64[3]: cannot broadcast, because axes line up from the right and 2 is "
            "not 3.");
  EXPECT_EQ(message([] {
              maximum(zeros({2, 3}), zeros({2, 4}));
            }),
            "maximum: f64[2,3] and f64[2,4]: cannot broadcast, because axes line up from the right "
            "and 3 is not 4.");
}

TEST(Blocks, of_other_threads_are_never_taken_for_ours) {
  Tensor theirs;
  std::thread([&] { theirs = Tensor{10, 20}; }).join();
  const Tensor ours = Tensor{1, 2};
  Tape tape("grad");
  EXPECT_NE(tape.place(theirs), tape.place(ours));
  EXPECT_EQ(tape.place(ours), tape.place(ours));
}

TEST(Views, reshape_copies_only_where_an_axis_would_need_two_steps) {
  const auto shares = [](const Tensor& x, const Shape& shape) {
    const Tensor y = reshape(x, shape);
    EXPECT_EQ(numbers(y), numbers(x));
    return buffer_of(y).block == buffer_of(x).block;
  };
  const Tensor x = reshape(iota(24, DType::f64), {2, 3, 4});
  EXPECT_TRUE(shares(broadcast_to(reshape(iota(3, DType::f64), {3, 1}), {2, 3, 20}), {2, 3, 4, 5}));
  EXPECT_TRUE(shares(slice_axis(x, 0, {1, 2}), {3, 2, 2}));
  EXPECT_TRUE(shares(slice_axis(x, 2, {0, 4, 2}), {6, 2, 1}));
  EXPECT_TRUE(shares(permute(x, {1, 0, 2}), {3, 1, 2, 2, 2}));
  EXPECT_TRUE(shares(flip(x, {0, 1, 2}), {4, 6}));
  EXPECT_FALSE(shares(permute(x, {1, 0, 2}), {6, 4}));
  EXPECT_FALSE(shares(slice_axis(x, 2, {0, 3}), {18}));
}

}  // namespace
}  // namespace gradus
