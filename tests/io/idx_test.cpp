#include "io/scratch.h"

#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/io/idx.h>

#include <gtest/gtest.h>

#include <random>

namespace gradus {
namespace {

Tensor read(const std::string& file) {
  return read_idx(as_bytes(file), "x.idx");
}
std::string problem(const std::string& file) {
  return error_of([&] { read(file); });
}

TEST(Idx, every_element_code_is_read) {
  const auto of = [](const std::string& code_and_numbers, std::size_t element) {
    return read(raw("\0\0") + code_and_numbers.substr(0, 1) + raw("\1\0\0\0") +
                static_cast<char>((code_and_numbers.size() - 1) / element) +
                code_and_numbers.substr(1));
  };
  const Tensor bytes = of("\x08\x01\xFF", 1);
  EXPECT_EQ(to_string(bytes.type()), "u8[2]");
  EXPECT_EQ(numbers(bytes), (std::vector<double>{1, 255}));
  EXPECT_EQ(numbers(of("\x09\x01\xFF", 1)), (std::vector<double>{1, -1}));
  const Tensor shorts = of(raw("\x0B\x01\x00\xFF\xFE"), 2);
  EXPECT_EQ(to_string(shorts.type()), "i32[2]");
  EXPECT_EQ(numbers(shorts), (std::vector<double>{256, -2}));
  EXPECT_EQ(numbers(of(raw("\x0C\x00\x01\x00\x00\xFF\xFF\xFF\xFE"), 4)),
            (std::vector<double>{65536, -2}));
  EXPECT_EQ(numbers(of(raw("\x0D\x3F\x80\x00\x00\xC0\x00\x00\x00"), 4)),
            (std::vector<double>{1, -2}));
  EXPECT_EQ(numbers(of(raw("\x0E\x3F\xF8\x00\x00\x00\x00\x00\x00"), 8)),
            (std::vector<double>{1.5}));
}

TEST(Idx, images_of_mnist_have_three_axes) {
  const Tensor x = read(raw("\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\3") + "abcdefghijkl");
  EXPECT_EQ(to_string(x.type()), "u8[2,2,3]");
  EXPECT_EQ(number(from_bytes({DType::u8, {}}, Bytes(bytes_of(x)).subspan(11))), 'l');
}

// gzip of the bytes 0 0 8 1 0 0 0 4 a b c d, by Python's gzip.
TEST(Idx, gzip_is_told_by_its_content) {
  EXPECT_EQ(numbers(read_idx(std::string(GRADUS_SOURCE_DIR) + "/fuzz/corpus/idx/gzip")),
            (std::vector<double>{'a', 'b', 'c', 'd'}));
}

TEST(Idx, round_trips_keep_the_bits) {
  const Scratch scratch;
  for (const DType dtype : {DType::u8, DType::i8, DType::i32, DType::f32, DType::f64}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{2, 3}, Shape{1, 1, 1, 1, 1, 1, 1, 2}}) {
      const auto size = static_cast<std::size_t>(element_count(shape) * size_of(dtype));
      const Tensor x = from_bytes({dtype, shape}, as_bytes(std::string(size, '\7')));
      write_idx(scratch.path("x"), x);
      EXPECT_TRUE(same_bits(x, read_idx(scratch.path("x")))) << to_string(x.type());
    }
  }
  EXPECT_EQ(error_of([] { idx_bytes(scalar(1, DType::i64)); }),
            "dtype: write_idx: IDX has no i64. Its elements are u8, i8, i32, f32 or f64. "
            "Cast first.");
}

TEST(Idx, broken_files_are_named) {
  const std::string none =
      "file: x.idx: is no IDX file: it does not begin with 0, 0, a known element code and a rank.";
  EXPECT_EQ(problem(""), none);
  EXPECT_EQ(problem("0123456789"), none);
  EXPECT_EQ(problem(raw("\0\0\x0A\1\0\0\0\0")), none);
  EXPECT_EQ(problem(raw("\0\0\x08\2\0\0\0\1")), "file: x.idx: the IDX header is cut off.");
  EXPECT_EQ(problem(raw("\0\0\x08\x09")),
            "unsupported: x.idx: has 9 axes. A tensor has at most 8.");
  EXPECT_EQ(problem(raw("\0\0\x08\1\0\0\0\5") + "abc"),
            "file: x.idx: u8[5] needs 5 bytes of numbers, but the file has 3.");
  EXPECT_EQ(problem(raw("\0\0\x0E\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF") + "abc"),
            "file: x.idx: f64[4294967295,4294967295] has more bytes than 63 bits count.");
  EXPECT_EQ(problem(raw("\0\0\x08\1\xFF\xFF\xFF\xFF") + "abc"),
            "file: x.idx: u8[4294967295] needs 4294967295 bytes of numbers, but the file has 3.");
  EXPECT_EQ(problem("\x1F\x8B nonsense"),
            "file: x.idx: is no IDX file: it does not begin with 0, 0, a known element code and a "
            "rank.");
}

TEST(Idx, survives_any_change_of_a_byte) {
  const Tensor x({{1, 2}, {3, 4}});
  const std::string file(as_text(idx_bytes(x)));
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    std::string changed = file;
    changed[random() % (round % 2 == 0 ? 12 : file.size())] = static_cast<char>(random());
    if (round % 4 == 0) changed.resize(random() % file.size());
    EXPECT_EQ(problem(changed).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace gradus
