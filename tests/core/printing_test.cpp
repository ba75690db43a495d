// The printed forms are NumPy's, character by character.
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gtest/gtest.h>

#include <limits>

namespace gradus {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Tensor f32(const std::vector<float>& x) {
  return from_vector(x);
}

Tensor i64(int64_t n, const Shape& shape, int64_t step = 1) {
  std::vector<int64_t> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(i * step);
  return from_vector(x, shape);
}

Tensor masks(std::initializer_list<bool> x) {
  return from_span<bool>({x.begin(), x.size()}, {static_cast<int64_t>(x.size())});
}

// Two numbers of a type that only stores.
Tensor stored(double a, double b, DType dtype) {
  std::vector<std::byte> bytes = bytes_of(scalar(a, dtype));
  for (std::byte x : bytes_of(scalar(b, dtype))) bytes.push_back(x);
  return from_bytes({dtype, {2}}, bytes);
}

TEST(Printing, floats_show_their_point_and_line_up) {
  EXPECT_EQ(to_string(Tensor{1, 2.5, -3.125}), "[ 1.     2.5   -3.125]");
  EXPECT_EQ(to_string(Tensor{0.1, 100}), "[  0.1 100. ]");
  EXPECT_EQ(to_string(Tensor{1.0 / 3, 2}), "[0.33333333 2.        ]");
  EXPECT_EQ(to_string(Tensor{nan, inf, -inf, 1}), "[ nan  inf -inf   1.]");
  EXPECT_EQ(to_string(Tensor{-0.0, 0}), "[-0.  0.]");
  EXPECT_EQ(to_string(Tensor{0.999999999, 1}), "[1. 1.]");
  EXPECT_EQ(to_string(Tensor{9.999999999, 1}), "[10.  1.]");
}

TEST(Printing, an_exponent_appears_when_sizes_differ_by_more_than_1000) {
  EXPECT_EQ(to_string(Tensor{1e-5, 1}), "[1.e-05 1.e+00]");
  EXPECT_EQ(to_string(Tensor{1e8, 1.5}), "[1.0e+08 1.5e+00]");
  EXPECT_EQ(to_string(Tensor{1234.5, 1}), "[1.2345e+03 1.0000e+00]");
  EXPECT_EQ(to_string(Tensor{1e-100, -2e200}), "[ 1.e-100 -2.e+200]");
  EXPECT_EQ(to_string(Tensor{1e-5, nan}), "[1.e-05    nan]");
  EXPECT_EQ(to_string(Tensor{5e-324, 1.7976931348623157e308}), "[4.94065646e-324 1.79769313e+308]");
}

TEST(Printing, f32_shows_the_digits_it_has) {
  EXPECT_EQ(to_string(f32({0.1f, 16777.1f})), "[1.00000e-01 1.67771e+04]");
  EXPECT_EQ(to_string(f32({0.1f, 0.7f})), "[0.1 0.7]");
  EXPECT_EQ(to_string(stored(0.1, 2, DType::f16)), "[0.1 2. ]");
  EXPECT_EQ(to_string(stored(0.1, 3.14159, DType::bf16)), "[0.1  3.14]");
}

TEST(Printing, scalars_show_every_digit) {
  EXPECT_EQ(to_string(Tensor(0.1 + 0.2)), "0.30000000000000004");
  EXPECT_EQ(to_string(Tensor(5.0)), "5.0");
  EXPECT_EQ(to_string(Tensor(1e20)), "1e+20");
  EXPECT_EQ(to_string(Tensor(-inf)), "-inf");
  EXPECT_EQ(to_string(scalar(0.1, DType::f32)), "0.1");
  EXPECT_EQ(to_string(Tensor(7)), "7");
  EXPECT_EQ(to_string(Tensor(true)), "true");
}

TEST(Printing, integers_have_no_point_and_masks_are_words) {
  EXPECT_EQ(to_string(i64(3, {3}, 50)), "[  0  50 100]");
  EXPECT_EQ(to_string(from_vector<int64_t>({9223372036854775807, -1})),
            "[9223372036854775807                  -1]");
  EXPECT_EQ(to_string(masks({false, true})), "[false  true]");
}

TEST(Printing, matrices_go_down_and_deeper_axes_leave_a_line) {
  EXPECT_EQ(to_string(i64(8, {2, 2, 2})), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
  EXPECT_EQ(to_string(i64(2, {1, 1, 1, 2})), "[[[[0 1]]]]");
}

TEST(Printing, long_rows_go_on_in_the_next_line) {
  EXPECT_EQ(to_string(i64(30, {30})),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 "
            "27 28 29]");
}

TEST(Printing, more_than_1000_numbers_show_their_ends) {
  std::vector<double> count;
  for (int i = 0; i < 1001; ++i) count.push_back(i);
  EXPECT_EQ(to_string(from_vector(count)), "[   0.    1.    2. ...  998.  999. 1000.]");
  EXPECT_EQ(to_string(i64(1200, {2, 600})),
            "[[   0    1    2 ...  597  598  599]\n [ 600  601  602 ... 1197 1198 1199]]");
  EXPECT_EQ(to_string(from_vector(std::vector<double>(2000), {1000, 2})),
            "[[0. 0.]\n [0. 0.]\n [0. 0.]\n ...\n [0. 0.]\n [0. 0.]\n [0. 0.]]");
}

TEST(Printing, an_empty_tensor_adds_its_type) {
  EXPECT_EQ(to_string(from_vector<double>({}, {0, 3})), "[] f64[0,3]");
}

TEST(Printing, a_value_without_numbers_prints_its_type) {
  EXPECT_EQ(to_string(Tensor()), "absent");
  Tape tape("compile");
  EXPECT_EQ(to_string(tape.tensor(tape.input(Type{DType::f32, {32, 784}}))), "f32[32,784]");
  EXPECT_EQ(to_string(tape.tensor(tape.input(Tensor{1, 2}))), "[1. 2.]");
}

}  // namespace
}  // namespace gradus
