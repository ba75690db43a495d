// Shapes of the answers and the errors; no test asks for a speed.
#include <gradus/base/random.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "run.h"

namespace gradus::test {
namespace {

nlohmann::json answer(const std::string& words) {
  const Outcome o = run(words + " --json 2>/dev/null");
  EXPECT_EQ(o.status, 0) << words << "\n" << o.out;
  return nlohmann::json::parse(o.out);
}

void expect_error(const std::string& words, const std::string& line) {
  expect(words + " 2>&1", 2, line + "\n");
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("bench" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// As scikit-learn writes its digits: 64 pixels from 0 to 16 and a label. A class is a pattern, and
// of each picture about one pixel in eight is turned over.
std::string digits_csv(uint64_t rows) {
  std::vector<int64_t> noise(64 * rows);
  fill_integers(key_from_seed(1), 0, 8, noise);
  std::string text;
  for (uint64_t i = 0; i < rows; ++i) {
    const uint64_t label = i % 10;
    for (uint64_t p = 0; p < 64; ++p) {
      const bool ink = p * (2 * label + 3) % 17 < 8;
      text += ink == (noise[64 * i + p] != 0) ? "16," : "0,";
    }
    text += std::to_string(label) + "\n";
  }
  return text;
}

TEST(BenchStep, counts_and_times_a_plan_that_allocates_nothing) {
  for (const char* name : {"a", "b"}) {
    const auto j = answer(std::string("bench step ") + name + " --threads 1");
    EXPECT_EQ(j["name"], name);
    EXPECT_EQ(j["threads"], 1);
    EXPECT_EQ(j["allocations"], 0);
    EXPECT_GT(j["instructions"], 0);
    EXPECT_GT(j["arena_bytes"], 0);
    EXPECT_GT(j["peak_bytes"], j["arena_bytes"]);
    EXPECT_GT(j["steps"], 0);
    EXPECT_LE(j["best"], j["us_per_step"]);
    EXPECT_LE(j["us_per_step"], j["p99"]);
    EXPECT_GT(j["gflops"], 0);
    EXPECT_GT(j["share_of_peak"], 0);
  }
}

// 4 x 32 x 2 x 16 for the first layer, whose input needs no derivative, then 6 x 32 x (16 x 16 +
// 16).
TEST(BenchStep, counts_the_multiply_adds_of_forward_and_backward) {
  EXPECT_EQ(answer("bench step a")["flops"], 56320);
  EXPECT_EQ(answer("bench step c")["flops"], 4 * 128 * 784 * 256 + 6 * 128 * (256 * 128 + 1280));
  const int conv1 = 6 * 25 * 28 * 28, conv2 = 16 * 6 * 25 * 10 * 10;
  EXPECT_EQ(answer("bench step d")["flops"],
            64 * (4 * conv1 + 6 * (conv2 + 400 * 120 + 120 * 84 + 840)));
}

TEST(BenchStep, as_text_names_model_time_arithmetic_and_plan) {
  expect_parts(
      "bench step b --threads 1", 0,
      {"(b) MLP 64-32-10 relu, batch 32: forward, backward and Adam as one plan, 1 thread\n",
       "time a step", "median", "323 584 operations", "GFLOP/s", "instructions",
       "0 allocations in"});
}

TEST(BenchStep, of_another_name_lists_the_names_there_are) {
  const std::string names =
      ". There are a (MLP 2-16-16-1 tanh, batch 32), b (MLP 64-32-10 relu, batch 32), c (MLP "
      "784-256-128-10 relu, batch 128), d (LeNet-5, batch 64), e (ResNet-8 of 32x32 images, batch "
      "32), f (LSTM 128 on 64 characters, batch 32), g (GPT of 4 layers, 4 heads, width 128, "
      "context "
      "128, batch 16).";
  expect_error("bench step z", "gradus bench: step: there is no step 'z'" + names);
  expect_error("bench step", "gradus bench: step: no step is named" + names);
  expect_error("bench step a b", "gradus bench: step: 'b' is one word too many");
}

TEST(BenchGemm, compares_naive_blocked_and_threaded) {
  const auto j = answer("bench gemm 48 32 64 --threads 2 --transpose b");
  EXPECT_EQ(j["m"], 48);
  EXPECT_EQ(j["k"], 32);
  EXPECT_EQ(j["n"], 64);
  EXPECT_EQ(j["type"], "f32");
  EXPECT_EQ(j["transpose"], "b");
  EXPECT_EQ(j["naive"]["threads"], 1);
  EXPECT_EQ(j["blocked"]["threads"], 1);
  EXPECT_EQ(j["threaded"]["threads"], 2);
  for (const char* way : {"naive", "blocked", "threaded"}) {
    EXPECT_GT(j[way]["us"], 0);
    EXPECT_GT(j[way]["gflops"], 0);
    EXPECT_GT(j[way]["share_of_peak"], 0);
  }
}

TEST(BenchGemm, of_bf16_compares_with_the_peak_of_f32) {
  EXPECT_EQ(answer("bench gemm 16 16 16 --type bf16")["type"], "bf16");
  expect_parts("bench gemm 16 16 16 --type bf16", 0,
               {"product of 16 x 16 x 16, bf16\n", "peak: fused multiply-adds of f32 measured"});
}

TEST(BenchGemm, with_one_thread_has_no_threaded_row) {
  EXPECT_FALSE(answer("bench gemm 8 8 8 --threads 1").contains("threaded"));
  expect_parts(
      "bench gemm 8 8 8 --type f64 --threads 1 --transpose a", 0,
      {"product of 8 x 8 x 8, f64, a transposed\n", "naive", "blocked", "GFLOP/s", "of peak"});
}

TEST(BenchGemm, refuses_sizes_that_are_none) {
  expect_error("bench gemm 0 2 3",
               "gradus bench: gemm: M is '0'. Sizes are whole numbers from 1 to 8192.");
  expect_error("bench gemm 2 x 3",
               "gradus bench: gemm: K is 'x'. Sizes are whole numbers from 1 to 8192.");
  expect_error("bench gemm 2 2 8193",
               "gradus bench: gemm: N is '8193'. Sizes are whole numbers from 1 to 8192.");
  expect_error("bench gemm 2 2 1e9",
               "gradus bench: gemm: N is '1e9'. Sizes are whole numbers from 1 to 8192.");
  expect_error("bench gemm 1 2",
               "gradus bench: gemm: 2 sizes given, 3 wanted. M K N multiply M x K by K x N.");
  expect_error("bench gemm 1 2 3 4", "gradus bench: gemm: '4' is one word too many");
  EXPECT_EQ(run("bench gemm 1 2 3 --type i8 2>/dev/null").status, 2);
  EXPECT_EQ(run("bench gemm 1 2 3 --transpose c 2>/dev/null").status, 2);
}

TEST(BenchBatch, equals_the_loop_over_its_rows) {
  const auto j = answer("bench batch 16 32 8");
  EXPECT_EQ(j["rows"], 16);
  EXPECT_EQ(j["features"], 32);
  EXPECT_EQ(j["outputs"], 8);
  EXPECT_LE(j["difference"], 1e-6);
  EXPECT_GT(j["ratio"], 0);
  expect_parts(
      "bench batch 4 4 4", 0,
      {"a linear layer 4 -> 4 on 4 rows, f32", "row by row", "as one batch", "times faster"});
  expect_error(
      "bench batch 4",
      "gradus bench: batch: 1 size given, 3 or none wanted. ROWS FEATURES OUTPUTS; without "
      "them 128 784 256.");
}

TEST(BenchLimits, names_every_level_for_one_thread_and_for_all) {
  const auto j = answer("bench limits --quick --threads 2");
  ASSERT_EQ(j.size(), 2u);
  EXPECT_EQ(j[0]["threads"], 1);
  EXPECT_EQ(j[1]["threads"], 2);
  for (const auto& l : j) {
    EXPECT_GT(l["gflops_f32"], 0);
    EXPECT_GT(l["gflops_f64"], 0);
    for (const char* level : {"L1", "L2", "L3", "memory"})
      for (const char* rate : {"read_gbs", "copy_gbs", "triad_gbs"}) EXPECT_GT(l[level][rate], 0);
  }
  expect_error("bench limits 3", "gradus bench: limits: '3' is one word too many");
}

TEST(BenchDigits, trains_until_97_of_100_are_right_and_writes_nothing) {
  const Folder folder;
  const std::string file = folder.file("digits.csv", digits_csv(1797));
  const auto j = answer("bench digits " + file);
  EXPECT_GE(j["accuracy"], 0.97);
  EXPECT_EQ(j["examples"], 1437);
  EXPECT_EQ(j["held_out"], 360);
  EXPECT_GE(j["epochs"], 1);
  EXPECT_EQ(j["steps"].get<int>(), j["epochs"].get<int>() * (1437 / 32));
  EXPECT_GT(j["peak_bytes"], 1 << 20);
  EXPECT_GE(j["ms"].get<double>(), j["ms_before"].get<double>());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1);
  expect_parts("bench digits " + file, 0,
               {"digits: MLP 64-64-10 on 1437 rows, 360 held out\n", "accuracy", " epochs, ",
                "since the process began", "memory"});
}

TEST(BenchDigits, with_a_header_are_the_same) {
  const Folder folder;
  std::string header;
  for (int p = 0; p < 64; ++p) header += "pixel" + std::to_string(p) + ",";
  const std::string plain = folder.file("a.csv", digits_csv(400)),
                    named = folder.file("b.csv", header + "label\n" + digits_csv(400));
  EXPECT_EQ(answer("bench digits " + plain)["steps"], answer("bench digits " + named)["steps"]);
}

TEST(BenchDigits, of_labels_without_sense_end_with_no) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 60; ++i) {
    for (int p = 0; p < 64; ++p) text += "0,";
    text += std::to_string(i % 10) + "\n";
  }
  const Outcome o = run("bench digits " + folder.file("same.csv", text));
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.out.find("after 100 epochs"), std::string::npos) << o.out;
}

TEST(BenchDigits, refuses_other_files) {
  const Folder folder;
  expect_error("bench digits",
               "gradus bench: digits: no file. Name a CSV file with 64 pixels and a label a row.");
  const std::string two = folder.file("two.csv", "1,2\n3,4\n");
  expect_error("bench digits " + two,
               "gradus bench: " + two + ": 2 columns, 65 wanted: 64 pixels and a label");
  std::string row;
  for (int p = 0; p < 64; ++p) row += "1,";
  const std::string few = folder.file("few.csv", row + "3\n" + row + "4\n");
  expect_error("bench digits " + few, "gradus bench: " + few +
                                          ": 2 rows, 40 at least wanted: a fifth is held out, and "
                                          "a step takes 32");
  const std::string label = folder.file("label.csv", row + "3\n" + row + "10\n");
  expect_error(
      "bench digits " + label,
      "gradus bench: " + label + ": row 2, column 65: 10. Labels are whole numbers from 0 to 9");
  const std::string ink = folder.file("ink.csv", "17," + row.substr(2) + "3\n");
  expect_error("bench digits " + ink,
               "gradus bench: " + ink + ": row 1, column 1: 17. Pixels are numbers from 0 to 16");
  const std::string text = folder.file("text.csv", "x," + row.substr(2) + "3\n");
  expect_error("bench digits " + text,
               "gradus bench: " + text + ": row 1, column 1: 'x'. Pixels are numbers from 0 to 16");
  EXPECT_EQ(run("bench digits /nowhere/digits.csv 2>/dev/null").status, 2);
  const std::string hole = folder.file("hole.csv", "," + row.substr(2) + "3\n");
  EXPECT_EQ(run("bench digits " + hole + " 2>/dev/null").status, 2);
}

TEST(BenchGrowth, has_points_and_exponents_and_draws_a_page) {
  const Folder folder;
  const std::string out = folder / "growth.html";
  const auto j = answer("bench growth --quick --out " + out);
  for (const char* axis : {"width", "depth", "batch"}) {
    const auto& points = j[axis]["points"];
    ASSERT_EQ(points.size(), 4u) << axis;
    EXPECT_EQ(points[3]["at"], 16);
    for (const auto& p : points) {
      EXPECT_GT(p["us_per_step"], 0);
      EXPECT_GT(p["arena_bytes"], 0);
    }
  }
  // Of a step on n rows the multiply-adds grow exactly like n; of n layers a little less, because
  // the first one has no input derivative.
  EXPECT_DOUBLE_EQ(j["batch"]["slopes"]["flops"], 1);
  EXPECT_DOUBLE_EQ(j["width"]["slopes"]["flops"], 2);
  EXPECT_NEAR(j["depth"]["slopes"]["flops"].get<double>(), 1.0, 0.15);
  std::ifstream in(out);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const char* part : {"<svg", "Microseconds a step against width",
                           "Megabytes of the plan against batch", "</html>"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  expect_parts("bench growth --quick -q", 0, {"exponent", "measured", "counted"});
  expect_error("bench growth x", "gradus bench: growth: 'x' is one word too many");
}

TEST(Bench, of_another_kind_names_the_nearest) {
  expect_error("bench lmits",
               "gradus bench: there is no kind 'lmits'. There are step, gemm, batch, limits, "
               "digits, growth. Did you mean limits?");
  EXPECT_EQ(run("bench 2>/dev/null").status, 2);
  expect_parts("bench --help", 0, {"step NAME, gemm M K N", "--transpose", "gradus bench limits"});
}

}  // namespace
}  // namespace gradus::test
