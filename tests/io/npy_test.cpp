#include "io/scratch.h"

#include <gradus/core/buffer.h>
#include <gradus/io/npy.h>

#include <gtest/gtest.h>

#include <random>

namespace gradus {
namespace {

std::string npy(const std::string& dict, const std::string& numbers) {
  return raw("\x93NUMPY\x01\x00") + static_cast<char>(dict.size() & 255) +
         static_cast<char>(dict.size() >> 8) + dict + numbers;
}
std::string dict(const std::string& descr, const std::string& shape,
                 const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}
Tensor read(const std::string& file) {
  return read_npy(as_bytes(file), "x.npy");
}
std::string problem(const std::string& file) {
  return error_of([&] { read(file); });
}

// numpy.save of array([[1, 2, 3], [4, 5, 6]], dtype=float32), NumPy 1.24.
TEST(Npy, file_by_numpy_is_read_and_written_to_the_byte) {
  const std::string file =
      raw("\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }") +
      std::string(58, ' ') + "\n" +
      raw("\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@\x00\x00\xc0@");
  const Tensor x = read(file);
  EXPECT_EQ(to_string(x.type()), "f32[2,3]");
  EXPECT_EQ(numbers(x), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(as_text(npy_bytes(x)), file);
}

TEST(Npy, shapes_of_rank_0_and_1_are_written_as_numpy_does) {
  const auto head = [](const Tensor& x) {
    return std::string(as_text(npy_bytes(x)).substr(10, 60));
  };
  EXPECT_EQ(head(scalar(1, DType::f64)),
            "{'descr': '<f8', 'fortran_order': False, 'shape': (), }     ");
  EXPECT_EQ(head(from_bytes({DType::u8, {3}}, as_bytes("abc"))),
            "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }   ");
}

TEST(Npy, fortran_order_and_big_endian_numbers_are_read) {
  // asfortranarray([[1, 2], [3, 4], [5, 6]], dtype='>i4'): columns lie together.
  const std::string numbers_text = raw("\0\0\0\1\0\0\0\3\0\0\0\5\0\0\0\2\0\0\0\4\0\0\0\6");
  const Tensor x = read(npy(dict(">i4", "(3, 2)", "True"), numbers_text));
  EXPECT_EQ(to_string(x.type()), "i32[3,2]");
  EXPECT_EQ(numbers(x), (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, versions_2_and_3_and_any_spelling_of_the_header_are_read) {
  const std::string header = "{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<i8\"}";
  for (const char version : {'\2', '\3'}) {
    const std::string file = std::string("\x93NUMPY") + version + '\0' +
                             static_cast<char>(header.size()) + std::string(3, '\0') + header +
                             raw("\7\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    EXPECT_EQ(numbers(read(file)), (std::vector<double>{7, -1}));
  }
}

TEST(Npy, every_type_survives_a_round_trip) {
  const Scratch scratch;
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean,
                            DType::f16, DType::i8, DType::u8}) {
    for (const Shape& shape :
         {Shape{}, Shape{0, 3}, Shape{2, 1, 3}, Shape{1, 1, 1, 1, 1, 1, 1, 2}}) {
      const std::string bytes(
          static_cast<std::size_t>(*byte_count(dtype, std::span(shape.begin(), shape.end()))),
          '\1');
      const Tensor x = from_bytes({dtype, shape}, as_bytes(bytes));
      write_npy(scratch.path("x.npy"), x);
      EXPECT_TRUE(same_bits(x, read_npy(scratch.path("x.npy")))) << to_string(x.type());
    }
  }
}

TEST(Npy, broken_headers_are_named) {
  const std::string start = "file: x.npy: the npy header ";
  EXPECT_EQ(problem(""), "file: x.npy: is no npy file: it does not begin with \\x93NUMPY.");
  EXPECT_EQ(problem(raw("\x93NUMPY\x01\x00")), start + "is cut off.");
  EXPECT_EQ(problem(raw("\x93NUMPY\x01\x00\xFF\xFF{")),
            start + "claims 65535 bytes, but only 1 follow.");
  EXPECT_EQ(problem(raw("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{")),
            start + "claims 4294967295 bytes, but only 1 follow.");
  EXPECT_EQ(problem(raw("\x93NUMPY\x09\x00\x01\x00{")),
            "unsupported: x.npy: npy version 9 is unknown. Known: 1, 2, 3.");
  EXPECT_EQ(problem(npy("(1, 2)", "")), start + "has '(' where '{' should stand.");
  EXPECT_EQ(problem(npy("{'descr': '<f4', ", "")), start + "ends where ''' should stand.");
  EXPECT_EQ(problem(npy("{'descr': '<f4", "")), start + "has a quote that is never closed.");
  EXPECT_EQ(problem(npy("{'descr': '<f4'}", "")), start + "lacks 'fortran_order'.");
  EXPECT_EQ(problem(npy("{'x': 1}", "")), start + "has an unknown entry 'x'.");
  EXPECT_EQ(problem(npy("{'descr': '<f4', 'descr': '<f4'}", "")), start + "has 'descr' twice.");
  EXPECT_EQ(problem(npy(dict("<f4", "(1,)", "Yes"), "")),
            start + "has a 'fortran_order' that is neither True nor False.");
  EXPECT_EQ(problem(npy(dict("<f4", "(-1,)"), "")),
            start + "has a shape that is no list of sizes.");
  EXPECT_EQ(problem(npy(dict("<f4", "(99999999999999999999,)"), "")),
            start + "has a size beyond 63 bits, 99999999999999999999.");
  EXPECT_EQ(problem(npy(dict("<f4", "(1,)") + "exec()", "")),
            start + "goes on after its closing brace.");
}

TEST(Npy, sizes_that_lie_are_refused_before_memory_is_taken) {
  EXPECT_EQ(problem(npy(dict("<f4", "(4000000000, 4000000000)"), "abcd")),
            "file: x.npy: f32[4000000000,4000000000] has more bytes than 63 bits count.");
  EXPECT_EQ(problem(npy(dict("<f4", "(0, 4000000000, 4000000000)"), "")),
            "file: x.npy: f32[0,4000000000,4000000000] has more bytes than 63 bits count.");
  EXPECT_EQ(problem(npy(dict("<f8", "(1000000000000,)"), "abcd")),
            "file: x.npy: f64[1000000000000] needs 8000000000000 bytes of numbers, but the file "
            "has 4.");
  EXPECT_EQ(problem(npy(dict("<f4", "(1,)"), "abcdefgh")),
            "file: x.npy: f32[1] needs 4 bytes of numbers, but the file has 8.");
  EXPECT_EQ(problem(npy(dict("|b1", "(2,)"), raw("\1\2"))),
            "file: x.npy: element 1 of a bool array is neither 0 nor 1.");
}

TEST(Npy, other_types_pickles_records_and_rank_9_are_unsupported) {
  EXPECT_EQ(problem(npy(dict("<c16", "(1,)"), "")),
            "unsupported: x.npy: the dtype '<c16' is not supported. "
            "Use f2, f4, f8, i1, u1, i4, i8 or b1.");
  EXPECT_EQ(problem(npy(dict("|O", "(1,)"), "")),
            "unsupported: x.npy: holds Python objects, which only unpickling could read. "
            "Save numbers.");
  EXPECT_EQ(problem(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "")),
            "unsupported: x.npy: holds records of several fields. Save one array per field.");
  EXPECT_EQ(problem(npy(dict("<f4", "(1,1,1,1,1,1,1,1,1)"), "")),
            "unsupported: x.npy: has more than 8 axes. Merge some with reshape before saving.");
}

TEST(Npy, bf16_has_no_place_in_numpy) {
  EXPECT_EQ(error_of([] { npy_bytes(scalar(1, DType::bf16)); }),
            "dtype: write_npy: NumPy has no bf16. An npy array is f2, f4, f8, i1, u1, i4, i8 or "
            "b1. Cast it to f32 first.");
}

TEST(Npz, stored_and_deflated_archives_come_back_in_order) {
  const Scratch scratch;
  const NamedTensors tensors = {{"w", Tensor({{1, 2}, {3, 4}})},
                                {"b", from_vector(std::vector<float>(1000, 0.5F))},
                                {"../up", scalar(7, DType::i64)}};
  for (const Packing packing : {Packing::stored, Packing::deflated}) {
    const std::string path = scratch.path("x.npz");
    write_npz(path, tensors, packing);
    const std::string first = scratch.read("x.npz");
    write_npz(path, tensors, packing);
    EXPECT_EQ(scratch.read("x.npz"), first);
    const NamedTensors back = read_npz(path);
    ASSERT_EQ(back.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(back[i].first, tensors[i].first);
      EXPECT_TRUE(same_bits(back[i].second, tensors[i].second));
    }
  }
}

// numpy.savez(f, a=arange(3, dtype='i1')) and numpy.savez_compressed(f, a=zeros(50),
// b=ones(2, 'f2')), NumPy 1.24: local headers with zip64 fields.
TEST(Npz, archives_by_numpy_are_read) {
  const std::string corpus = std::string(GRADUS_SOURCE_DIR) + "/fuzz/corpus/npz/";
  const NamedTensors stored = read_npz(corpus + "stored");
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].first, "a");
  EXPECT_EQ(to_string(stored[0].second.type()), "i8[3]");
  EXPECT_EQ(numbers(stored[0].second), (std::vector<double>{0, 1, 2}));
  const NamedTensors deflated = read_npz(corpus + "deflated");
  ASSERT_EQ(deflated.size(), 2U);
  EXPECT_EQ(to_string(deflated[0].second.type()), "f64[50]");
  EXPECT_EQ(deflated[1].first, "b");
  EXPECT_EQ(to_string(deflated[1].second.type()), "f16[2]");
  EXPECT_EQ(numbers(deflated[1].second), (std::vector<double>{1, 1}));
}

TEST(Npz, broken_archives_are_named) {
  const Scratch scratch;
  const auto read_text = [](const std::string& file) {
    return error_of([&] { read_npz(as_bytes(file), "x.npz"); });
  };
  EXPECT_EQ(read_text("hello"), "file: x.npz: is no npz file: it does not begin as a zip archive.");
  EXPECT_EQ(read_text("PK\x03\x04 and no more"),
            "file: x.npz: the zip archive is broken: Not a zip archive.");

  write_npz(scratch.path("x.npz"), {{"w", Tensor({1, 2, 3})}});
  std::string file = scratch.read("x.npz");
  const std::size_t number_at = file.find("\n", file.find("descr")) + 3;
  file[number_at] = static_cast<char>(file[number_at] ^ 1);
  EXPECT_EQ(read_text(file), "file: x.npz(w): cannot be unpacked: CRC error.");
}

TEST(Npz, methods_that_numpy_never_uses_are_unsupported) {
  const Scratch scratch;
  write_npz(scratch.path("x.npz"), {{"w", Tensor({1, 2, 3})}});
  std::string file = scratch.read("x.npz");
  file[8] = file[file.find("PK\x01\x02") + 10] = 14;  // LZMA
  EXPECT_EQ(error_of([&] { read_npz(as_bytes(file), "x.npz"); }),
            "unsupported: x.npz(w): is packed by method 14. Stored and deflated entries are read.");
}

TEST(Npz, bomb_is_refused_by_what_it_claims) {
  const Scratch scratch;
  write_npz(scratch.path("x.npz"), {{"zeros", empty({DType::u8, {0}})}}, Packing::stored);
  std::string file = scratch.read("x.npz");
  // The unpacked size in the central directory.
  const std::size_t entry = file.find("PK\x01\x02");
  for (std::size_t i = 0; i < 4; ++i) file[entry + 24 + i] = '\x7F';
  EXPECT_EQ(error_of([&] { read_npz(as_bytes(file), "x.npz"); }),
            "file: x.npz: unpacks to more than 134217728 bytes, far beyond its " +
                std::to_string(file.size()) + ".");
}

TEST(Npy, survives_any_change_of_a_byte) {
  const Scratch scratch;
  const Tensor x({{1, 2}, {3, 4}});
  write_npz(scratch.path("x.npz"), {{"w", x}}, Packing::deflated);
  const std::string archive = scratch.read("x.npz");
  const std::string array(as_text(npy_bytes(x)));
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    for (std::string file : {array, archive}) {
      file[random() % file.size()] = static_cast<char>(random());
      if (round % 4 == 0) file.resize(random() % file.size());
      const std::string message = error_of([&] {
        if (file.size() < archive.size() && is_zip(as_bytes(file)))
          read_npz(as_bytes(file), "x");
        else
          read(file);
      });
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace gradus
