#include "io/scratch.h"

#include <gradus/core/buffer.h>
#include <gradus/io/idx.h>
#include <gradus/io/inspect.h>
#include <gradus/io/npy.h>
#include <gradus/io/safetensors.h>

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

TEST(Inspect, tensors_are_listed_with_type_and_range) {
  const Scratch scratch;
  const std::string path = scratch.path("x.safetensors");
  write_safetensors(path, {{{"w", Tensor({{1, 2}, {3, HUGE_VAL}})}, {"b", scalar(-1, DType::f16)}},
                           {{"format", "gradus"}}});
  const std::string size = std::to_string(scratch.read("x.safetensors").size());
  EXPECT_EQ(describe(path), path + ": safetensors, " + size +
                                " bytes, 2 tensors, 5 elements\n"
                                "  name      type  min  max  mean  non-finite\n"
                                "  w     f64[2,2]    1    3     2           1\n"
                                "  b        f16[]   -1   -1    -1           0\n"
                                "  format = gradus\n");
  EXPECT_EQ(
      describe_json(path),
      "{\"file\":\"" + path + "\",\"kind\":\"safetensors\",\"bytes\":" + size +
          ",\"tensors\":[{\"name\":\"w\",\"dtype\":\"f64\",\"shape\":[2,2],\"elements\":4,"
          "\"min\":1,\"max\":3,\"mean\":2,\"non_finite\":1},{\"name\":\"b\",\"dtype\":\"f16\","
          "\"shape\":[],\"elements\":1,\"min\":-1,\"max\":-1,\"mean\":-1,\"non_finite\":0}],"
          "\"metadata\":{\"format\":\"gradus\"}}");
}

TEST(Inspect, columns_are_listed_with_missing_values_and_labels) {
  const Scratch scratch;
  const std::string path = scratch.write("x.csv", "x,label\n1.5,a\n,b\n2.5,a\n3.5,b\n");
  EXPECT_EQ(describe(path), path +
                                ": csv, 29 bytes, 4 rows, 2 columns, comma, with a header, 1 value "
                                "missing\n"
                                "  column    holds  min  max  mean  missing  levels\n"
                                "  x       numbers  1.5  3.5   2.5        1       -\n"
                                "  label      text    -    -     -        0       2\n"
                                "  could be a label: 'label'\n");
  EXPECT_EQ(describe_json(path),
            "{\"file\":\"" + path +
                "\",\"kind\":\"csv\",\"bytes\":29,\"rows\":4,\"delimiter\":\",\",\"header\":true,"
                "\"columns\":[{\"name\":\"x\",\"kind\":\"number\",\"missing\":1,\"min\":1.5,"
                "\"max\":3.5,\"mean\":2.5,\"non_finite\":0,\"label_like\":false,\"levels\":[]},"
                "{\"name\":\"label\",\"kind\":\"text\",\"missing\":0,\"label_like\":true,"
                "\"levels\":[\"a\",\"b\"]}],\"missing\":1}");
}

TEST(Inspect, content_decides_before_the_name) {
  const Scratch scratch;
  const auto starts = [](const std::string& path, const std::string& kind) {
    return describe(path).rfind(path + ": " + kind + ", ", 0) == 0;
  };
  const Tensor x({1, 2});
  write_npy(scratch.path("a.csv"), x);
  EXPECT_TRUE(starts(scratch.path("a.csv"), "npy"));
  write_npz(scratch.path("b"), {{"x", x}});
  EXPECT_TRUE(starts(scratch.path("b"), "npz"));
  write_idx(scratch.path("c"), x);
  EXPECT_TRUE(starts(scratch.path("c"), "idx"));
  write_safetensors(scratch.path("d"), {});
  EXPECT_TRUE(starts(scratch.path("d"), "safetensors"));
  EXPECT_TRUE(starts(scratch.write("e.json", "[1]"), "json"));
  EXPECT_TRUE(starts(scratch.write("f", " {\"a\": 1}"), "json"));
  EXPECT_TRUE(starts(scratch.write("g.toml", "[a]\nb = 1\n"), "toml"));
  EXPECT_EQ(describe(scratch.write("h.txt", "1 2\n3 4\n"), "csv").substr(0, 5),
            scratch.path("h.txt").substr(0, 5));
}

TEST(Inspect, what_is_wrong_is_one_line_with_the_name) {
  const Scratch scratch;
  const std::string unknown = scratch.write("x", "hello");
  EXPECT_EQ(error_of([&] { describe(unknown); }),
            "file: " + unknown +
                ": neither its first bytes nor its name say what it holds. Say it with --as, one "
                "of json, csv, idx, npy, npz, toml, safetensors.");
  EXPECT_EQ(error_of([&] { describe(unknown, "jsno"); }),
            "usage: inspect: the kind 'jsno' is unknown. Did you mean 'json'?");
  const std::string json = scratch.write("x.json", "{\"a\":\n 01}");
  EXPECT_EQ(error_of([&] { describe(json); }).rfind("file: " + json + ": line 2, column 3: ", 0),
            0U)
      << error_of([&] { describe(json); });
  const std::string empty = scratch.write("x.npy", "");
  EXPECT_EQ(error_of([&] { describe(empty); }),
            "file: " + empty + ": is no npy file: it does not begin with \\x93NUMPY.");
  EXPECT_EQ(error_of([] { describe("/dev/zero"); }),
            "file: /dev/zero: is a device. Give a regular file.");
}

}  // namespace
}  // namespace gradus
