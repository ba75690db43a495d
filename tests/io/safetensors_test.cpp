#include "io/scratch.h"

#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>

#include <gtest/gtest.h>

#include <random>

namespace gradus {
namespace {

std::string file(const std::string& header, const std::string& numbers) {
  std::string out(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  return out + header + numbers;
}
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}
std::string problem(const std::string& text) {
  return error_of([&] { read_safetensors(as_bytes(text), "x.st"); });
}
std::string problem(const std::string& header, const std::string& numbers) {
  return problem(file(header, numbers));
}

// safetensors.numpy.save({'a': array([[1, 2]], float32), 'b': array([True])}, {'format': 'np'}):
// the layout of the reference implementation, header padded to a multiple of 8.
TEST(Safetensors, layout_of_the_reference_implementation_is_read_and_written_to_the_byte) {
  const std::string header =
      "{\"__metadata__\":{\"format\":\"np\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],"
      "\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[8,9]}}   ";
  ASSERT_EQ(header.size() % 8, 0U);
  const std::string text = file(header, raw("\0\0\x80\x3F\0\0\0\x40\1"));
  const SafeTensors s = read_safetensors(as_bytes(text), "x.st");
  ASSERT_EQ(s.tensors.size(), 2U);
  EXPECT_EQ(s.tensors[0].first, "a");
  EXPECT_EQ(to_string(s.tensors[0].second.type()), "f32[1,2]");
  EXPECT_EQ(numbers(s.tensors[0].second), (std::vector<double>{1, 2}));
  EXPECT_EQ(to_string(s.tensors[1].second.type()), "bool[1]");
  EXPECT_EQ(s.metadata, (std::vector<std::pair<std::string, std::string>>{{"format", "np"}}));
  EXPECT_EQ(as_text(safetensors_bytes(s)), text);
}

TEST(Safetensors, an_index_brings_the_files_of_one_model_together) {
  const Scratch scratch;
  const auto one = [&](const std::string& name, double value) {
    return std::pair(name, from_vector(std::vector<double>{value}));
  };
  write_safetensors(scratch.path("m-2.safetensors"), {{one("b", 2), one("spare", 9)}, {}});
  write_safetensors(scratch.path("m-1.safetensors"), {{one("c", 3), one("a", 1)}, {{"k", "v"}}});
  const auto index = [&](const std::string& map) {
    return scratch.write("m.safetensors.index.json",
                         "{\"metadata\":{\"total_size\":24},\"weight_map\":" + map + "}");
  };
  const std::string path =
      index(R"({"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-1.safetensors"})");
  const SafeTensors s = read_safetensors(path);
  ASSERT_EQ(s.tensors.size(), 3U);
  EXPECT_EQ(s.tensors[0].first, "c");
  EXPECT_EQ(numbers(s.tensors[1].second), std::vector<double>{1});
  EXPECT_EQ(numbers(s.tensors[2].second), std::vector<double>{2});
  EXPECT_EQ(s.metadata, (std::vector<std::pair<std::string, std::string>>{{"k", "v"}}));

  const auto refused = [&](const std::string& map) {
    return error_of([&] { read_safetensors(index(map)); });
  };
  EXPECT_EQ(refused("3"), "file: " + path + ": has no 'weight_map' of tensors to files.");
  EXPECT_EQ(refused(R"({"z":"m-1.safetensors"})"),
            "file: " + path + ": puts tensor 'z' into 'm-1.safetensors', which does not have it.");
  for (const char* elsewhere : {R"("../m-1.safetensors")", R"("m-1.bin")", "3"})
    EXPECT_EQ(refused(std::string(R"({"z":)") + elsewhere + "}"),
              "file: " + path +
                  ": puts tensor 'z' elsewhere than into a safetensors file beside the index.");
}

TEST(Safetensors, every_type_and_any_name_survive_to_the_byte) {
  const Scratch scratch;
  SafeTensors s;
  s.metadata = {{"config", "{\"lr\": 0.1}\n"}, {"\xC3\xA9\"\\", ""}};
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32,
                            DType::i8, DType::u8, DType::boolean}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{0, 2}, Shape{1, 1, 1, 1, 1, 1, 2, 2}}) {
      const auto size = static_cast<std::size_t>(element_count(shape) * size_of(dtype));
      s.tensors.emplace_back("layer \xE2\x82\xAC \"" + to_string(Type{dtype, shape}),
                             from_bytes({dtype, shape}, as_bytes(std::string(size, '\1'))));
    }
  }
  const std::string path = scratch.path("x.safetensors");
  write_safetensors(path, s);
  const SafeTensors back = read_safetensors(path);
  EXPECT_EQ(back.metadata, s.metadata);
  ASSERT_EQ(back.tensors.size(), s.tensors.size());
  for (std::size_t i = 0; i < s.tensors.size(); ++i) {
    EXPECT_EQ(back.tensors[i].first, s.tensors[i].first);
    EXPECT_TRUE(same_bits(back.tensors[i].second, s.tensors[i].second));
  }
  EXPECT_EQ(as_text(safetensors_bytes(back)), scratch.read("x.safetensors"));
}

TEST(Safetensors, tensors_come_in_the_order_of_their_numbers) {
  const SafeTensors s =
      read_safetensors(as_bytes(file("{" + entry("b", "U8", "[1]", "[1,2]") + "," +
                                         entry("a", "U8", "[1]", "[0,1]") + "}",
                                     "xy")),
                       "x.st");
  EXPECT_EQ(s.tensors[0].first, "a");
  EXPECT_EQ(s.tensors[1].first, "b");
}

TEST(Safetensors, nothing_at_all_is_a_valid_file) {
  EXPECT_EQ(problem("{}", ""), "no error");
  EXPECT_EQ(as_text(safetensors_bytes({})), file("{}      ", ""));
}

TEST(Safetensors, hostile_lengths_are_refused) {
  EXPECT_EQ(problem(""), "file: x.st: is no safetensors file: it is shorter than 8 bytes.");
  EXPECT_EQ(problem(raw("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}")),
            "file: x.st: the header claims 18446744073709551615 bytes. At most 100000000 are "
            "allowed.");
  EXPECT_EQ(problem(raw("\x10\0\0\0\0\0\0\0{}")),
            "file: x.st: the header claims 16 bytes, but only 2 follow.");
  EXPECT_EQ(problem("", ""), "file: x.st: the header does not begin with '{'.");
  EXPECT_EQ(problem(" {}", ""), "file: x.st: the header does not begin with '{'.");
}

TEST(Safetensors, broken_headers_are_named) {
  const std::string start = "file: x.st: the header ";
  EXPECT_EQ(problem("{\"a\":", "").rfind(start + "is not valid JSON: line 1, column 6: ", 0), 0U);
  EXPECT_EQ(problem("{\"a\":1}", ""), start + "has a number as 'a'.");
  EXPECT_EQ(problem("{\"a\":{}}", ""), start + "gives tensor 'a' no 'dtype'.");
  EXPECT_EQ(problem("{\"a\":{\"dtype\":\"F32\"}}", ""), start + "gives tensor 'a' no 'shape'.");
  EXPECT_EQ(problem("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", ""),
            start + "gives tensor 'a' no 'data_offsets'.");
  EXPECT_EQ(problem("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", ""),
            start + "gives tensor 'a' 'dtype' twice.");
  EXPECT_EQ(problem("{\"a\":{\"x\":\"F32\"}}", ""), start + "has a string as 'x' of tensor 'a'.");
  EXPECT_EQ(problem("{" + entry("a", "F32", "[-1]", "[0,4]") + "}", "abcd"),
            start + "has a negative number as 'shape' of tensor 'a'.");
  EXPECT_EQ(problem("{" + entry("a", "F32", "[1.5]", "[0,4]") + "}", "abcd"),
            start + "has a fraction as 'shape' of tensor 'a'.");
  EXPECT_EQ(problem("{" + entry("a", "F32", "[18446744073709551615]", "[0,4]") + "}", "abcd"),
            start + "gives tensor 'a' the size 18446744073709551615, beyond 63 bits.");
  EXPECT_EQ(problem("{" + entry("a", "F32", "[1]", "[0,4,8]") + "}", "abcd"),
            start + "gives tensor 'a' other than two 'data_offsets'.");
  EXPECT_EQ(problem("{\"__metadata__\":{\"a\":1}}", ""),
            start + "has a number in '__metadata__' as 'a'. Metadata are strings only.");
  EXPECT_EQ(problem("{\"__metadata__\":{},\"__metadata__\":{}}", ""),
            start + "has '__metadata__' twice.");
  EXPECT_EQ(
      problem("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("a", "U8", "[1]", "[1,2]") + "}",
              "xy"),
      start + "has the tensor 'a' twice.");
}

TEST(Safetensors, tensors_that_do_not_cover_the_numbers_are_refused) {
  const std::string start = "file: x.st: tensor 'a' ";
  const auto one = [](const std::string& shape, const std::string& offsets,
                      const std::string& dtype = "F32") {
    return problem("{" + entry("a", dtype, shape, offsets) + "}", "abcdefgh");
  };
  EXPECT_EQ(one("[2]", "[0,16]"),
            start + "f32[2] lies at [0,16], but the file has 8 bytes of numbers.");
  EXPECT_EQ(one("[2]", "[8,0]"),
            start + "f32[2] lies at [8,0], but the file has 8 bytes of numbers.");
  EXPECT_EQ(
      one("[2]", "[0,18446744073709551615]"),
      start + "f32[2] lies at [0,18446744073709551615], but the file has 8 bytes of numbers.");
  EXPECT_EQ(one("[3]", "[0,8]"), start + "f32[3] needs 12 bytes, but lies at [0,8].");
  EXPECT_EQ(one("[4611686018427387904,4]", "[0,8]"),
            start + "f32[4611686018427387904,4] has more bytes than 63 bits count.");
  EXPECT_EQ(one("[1]", "[4,8]"), start +
                                     "f32[1] lies at [4,8], but the one before ends at 0. Holes "
                                     "and overlaps are not allowed.");
  EXPECT_EQ(one("[1]", "[0,4]"),
            "file: x.st: the tensors end at byte 4, but the file has 8 bytes of numbers.");
  EXPECT_EQ(one("[8]", "[0,8]", "BOOL"), start + "bool[8]: element 0 is neither 0 nor 1.");
  EXPECT_EQ(
      problem("{" + entry("b", "U8", "[6]", "[0,6]") + "," + entry("a", "U8", "[4]", "[4,8]") + "}",
              "abcdefgh"),
      start +
          "u8[4] lies at [4,8], but the one before ends at 6. Holes and overlaps are not allowed.");
}

TEST(Safetensors, other_types_and_rank_9_are_unsupported) {
  EXPECT_EQ(problem("{" + entry("a", "F8_E4M3", "[1]", "[0,1]") + "}", "x"),
            "unsupported: x.st: tensor 'a' has the dtype 'F8_E4M3', which is not supported. "
            "Use F64, F32, F16, BF16, I64, I32, I8, U8 or BOOL.");
  EXPECT_EQ(problem("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", "x"),
            "unsupported: x.st: tensor 'a' has more than 8 axes.");
  EXPECT_EQ(problem("{\"" + std::string(9 << 20, 'a') + "\":1}", ""),
            "unsupported: x.st: the header has a name, string or number longer than 8 MiB.");
}

TEST(Safetensors, names_must_differ_when_written) {
  const Tensor x = scalar(1, DType::f32);
  EXPECT_EQ(error_of([&] {
              safetensors_bytes({{{"a", x}, {"a", x}}, {}});
            }),
            "usage: write_safetensors: the tensor 'a' occurs twice. Names must differ.");
  EXPECT_EQ(error_of([&] {
              safetensors_bytes({{{"__metadata__", x}}, {}});
            }),
            "usage: write_safetensors: the tensor '__metadata__' has a reserved name. Rename it.");
}

TEST(Safetensors, survives_any_change_of_a_byte) {
  const std::string good(as_text(
      safetensors_bytes({{{"a", Tensor({1, 2})}, {"b", scalar(1, DType::f16)}}, {{"k", "v"}}})));
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    std::string changed = good;
    changed[random() % changed.size()] = static_cast<char>(random());
    if (round % 4 == 0) changed.resize(random() % changed.size());
    EXPECT_EQ(problem(changed).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace gradus
