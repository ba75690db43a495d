// gradus linalg: every operation in its machine form and for people, with and without LAPACK, and
// what is refused.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/io/npy.h>
#include <gradus/io/safetensors.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "app/run.h"

namespace gradus::app {
namespace {

using namespace test;
using Json = nlohmann::json;

class Linalg : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_linalg_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string file(const std::string& name, const Tensor& x) const {
    write_npy(at(name), x);
    return at(name);
  }
  // `words` hold the operation and what comes behind the matrix.
  static Json json(const std::string& op, const std::string& rest) {
    const Outcome o = run("linalg " + op + " " + rest + " --json");
    EXPECT_EQ(o.status, 0) << op << " " << o.out;
    return o.status == 0 ? Json::parse(o.out) : Json();
  }
  static Tensor matrix(const Json& x) {
    std::vector<double> all;
    int64_t rows = 0;
    for (const Json& row : x) {
      ++rows;
      for (const Json& value : row) all.push_back(value);
    }
    return from_vector(all, {rows, static_cast<int64_t>(all.size()) / rows});
  }
  static Tensor list(const Json& x) { return from_vector(x.get<std::vector<double>>()); }
  static void expect_close(const Tensor& got, const Tensor& want, double tolerance = 1e-13) {
    ASSERT_EQ(to_string(got.type()), to_string(want.type()));
    EXPECT_LE(number(max(abs(got - want))), tolerance) << to_string(got);
  }

 private:
  std::string folder_;
};

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

TEST_F(Linalg, factorisations_multiply_back_to_the_matrix) {
  const Tensor a = drawn(1, {6, 4}), square = drawn(2, {6, 6});
  const Tensor spd = matmul(square, transpose(square)) + eye(6);
  const std::string tall = file("tall.npy", a), positive = file("spd.npy", spd);
  const Json lu = json("lu", tall), qr = json("qr", tall), svd = json("svd", tall);
  expect_close(matmul(matrix(lu["P"]), a), matmul(matrix(lu["L"]), matrix(lu["U"])));
  expect_close(matmul(matrix(qr["Q"]), matrix(qr["R"])), a);
  expect_close(matmul(matrix(svd["U"]) * list(svd["S"]), matrix(svd["Vt"])), a);
  const Tensor l = matrix(json("cholesky", positive)["L"]);
  expect_close(matmul(l, transpose(l)), spd, 1e-12);
  const Json eigh = json("eigh", positive);
  const Tensor v = matrix(eigh["V"]);
  expect_close(matmul(v * list(eigh["w"]), transpose(v)), spd, 1e-12);
}

TEST_F(Linalg, eig_gives_complex_numbers_as_two_parts) {
  const Json got = json("eig", file("turn.npy", Tensor{{0, -1}, {1, 0}}));
  expect_close(list(got["w"]["re"]), Tensor{0, 0});
  expect_close(list(got["w"]["im"]), Tensor{1, -1});
  ASSERT_EQ(got["V"]["re"].size(), 2u);
  expect_parts("linalg eig " + at("turn.npy"), 0,
               {"imaginary part", "spectral radius", "condition of V"});
  expect_parts("linalg eig " + file("jordan.npy", Tensor{{1, 1}, {0, 1}}), 0,
               {"defective or nearly so"});
}

TEST_F(Linalg, systems_are_solved_and_inverted) {
  const Tensor a{{3, 1}, {2, 4}};
  const std::string m = file("a.npy", a), b = file("b.npy", Tensor{5, 10});
  expect_close(list(json("solve", m + " " + b)["X"]), Tensor{1, 2});
  expect_close(matrix(json("inv", m)["X"]), Tensor{{0.4, -0.1}, {-0.2, 0.3}});
  expect_close(matrix(json("pinv", file("c.npy", Tensor{{1, 1}, {1, 1}}))["X"]),
               Tensor{{0.25, 0.25}, {0.25, 0.25}});
  expect_close(list(json("lstsq", file("d.npy", Tensor{{1, 0}, {0, 1}, {0, 0}}) + " " +
                                      file("e.npy", Tensor{1, 2, 3}))["X"]),
               Tensor{1, 2});
  expect_close(matrix(json("expm", file("f.npy", Tensor{{0, 1}, {0, 0}}))["X"]),
               Tensor{{1, 1}, {0, 1}});
}

TEST_F(Linalg, numbers_of_a_matrix) {
  const std::string a = file("a.npy", Tensor{{3, 1}, {2, 4}});
  EXPECT_NEAR(json("det", a)["d"], 10, 1e-14);
  EXPECT_EQ(json("slogdet", a)["sign"], 1);
  EXPECT_NEAR(json("slogdet", a)["log"], std::log(10), 1e-15);
  EXPECT_EQ(json("trace", a)["t"], 7);
  EXPECT_EQ(json("rank", a)["r"], 2);
  const std::string d = file("d.npy", Tensor{{3, 0}, {0, -4}});
  EXPECT_NEAR(json("cond", d)["c"], 4.0 / 3, 1e-15);
  const Json norms = json("norm", d);
  EXPECT_NEAR(norms["frobenius"], 5, 1e-15);
  EXPECT_NEAR(norms["spectral"], 4, 1e-15);
  EXPECT_NEAR(norms["nuclear"], 7, 1e-15);
  const Json s = json("spectrum", d);
  expect_close(list(s["S"]), Tensor{4, 3});
  EXPECT_NEAR(s["stable_rank"], 25.0 / 16, 1e-15);
  const Json p = json("pca", file("p.npy", Tensor{{-1, -1}, {1, 1}, {0, 0}}));
  expect_close(list(p["explained"]), Tensor{1, 0});
}

TEST_F(Linalg, people_are_told_how_far_to_trust_an_answer) {
  const Tensor i = iota(8, DType::f64), hilbert = 1.0 / (expand_dims(i, 1) + i + 1.0);
  const std::string h = file("h.npy", hilbert), b = file("b.npy", ones({8}));
  const std::string flat = file("flat.npy", ones({3, 2}));
  const auto shows = [](const std::string& words, std::initializer_list<const char*> parts) {
    expect_parts("linalg " + words, 0, parts);
  };
  shows("solve " + h + " " + b, {"|A X - B| / (|A| |X| + |B|)", "n eps", "condition",
                                 "about 10 of 16 digits are lost in solving"});
  shows("inv " + h, {"|A X - I|", "digits are lost"});
  shows("det " + h, {"the factor by which volumes grow", "digits are lost"});
  shows("cond " + h, {"1.53e+10"});
  shows("svd " + h, {"|A - U S Vt|", "|U'U - I|", "8 of 8 singular values exceed", "█"});
  shows("eigh " + h, {"|A V - V w|", "|V'V - I|"});
  shows("lu " + h, {"|P A - L U|"});
  shows("qr " + h, {"|A - Q R|", "|Q'Q - I|"});
  shows("cholesky " + h, {"|A - L L'|"});
  shows("lstsq " + flat + " " + file("y.npy", Tensor{1, 2, 3}),
        {"what no X can explain", "1 of 2 singular values exceed", "the next is"});
  shows("pinv " + flat, {"|A X A - A|", "1 of 2"});
  shows("rank " + flat, {"1 of 2"});
  shows("spectrum " + h, {"stable rank", "effective rank", "e to the entropy"});
  shows("pca " + h, {"of the variance lies along the first component"});
  for (const char* op : {"slogdet", "expm", "trace", "norm"}) shows(op + (" " + h), {"f64["});
}

TEST_F(Linalg, spectrum_of_a_model_has_a_line_a_layer) {
  SafeTensors model;
  model.tensors = {{"0.weight", cast(diag(Tensor{2, 1, 1}), DType::f32)},
                   {"0.bias", ones({3}, DType::f32)},
                   {"1.weight", cast(eye(4), DType::f32)}};
  write_safetensors(at("model.safetensors"), model);
  const Json got = json("spectrum", at("model.safetensors"));
  ASSERT_EQ(got["layers"].size(), 2u);
  EXPECT_EQ(got["layers"][0]["name"], "0.weight");
  EXPECT_NEAR(got["layers"][0]["stable_rank"], 1.5, 1e-6);
  EXPECT_NEAR(got["layers"][1]["effective_rank"], 4, 1e-5);
  expect_parts("linalg spectrum " + at("model.safetensors"), 0,
               {"layer", "0.weight", "f32[3,3]", "3 of 3", "1.5"});
}

TEST_F(Linalg, spectrum_of_a_model_reads_two_byte_layers_and_names_a_broken_one) {
  SafeTensors model;
  model.tensors = {{"0.weight", cast(diag(Tensor{2, 1, 1}), DType::bf16)},
                   {"1.weight", cast(eye(4), DType::f16)}};
  const std::string path = at("half.safetensors");
  write_safetensors(path, model);
  const Json got = json("spectrum", path);
  ASSERT_EQ(got["layers"].size(), 2u);
  EXPECT_NEAR(got["layers"][0]["stable_rank"], 1.5, 1e-6);
  const Outcome kept = run("linalg spectrum " + path + " --output-dir " + at("out") + " 2>&1");
  EXPECT_EQ(kept.status, 2);
  EXPECT_NE(kept.out.find("writes no files"), std::string::npos) << kept.out;
  model.tensors[1].second = cast(Tensor{{1, NAN}}, DType::f32);
  write_safetensors(path, model);
  const Outcome broken = run("linalg spectrum " + path + " 2>&1");
  EXPECT_EQ(broken.status, 2);
  EXPECT_NE(broken.out.find("1.weight: element [0,1] is nan"), std::string::npos) << broken.out;
}

TEST_F(Linalg, answers_are_written_as_npy_files) {
  const std::string a = file("a.npy", Tensor{{2, 1}, {1, 2}});
  const Outcome o = run("linalg eigh " + a + " --output-dir " + at("out"));
  EXPECT_NE(o.out.find("wrote w.npy, V.npy into"), std::string::npos) << o.out;
  expect_close(read_npy(at("out") + "/w.npy"), Tensor{1, 3});
  EXPECT_EQ(run("linalg eig " + a + " --output-dir " + at("out") + " --quiet").out, "");
  std::ifstream header(at("out") + "/w.npy");
  std::string bytes(128, ' ');
  header.read(bytes.data(), 128);
  EXPECT_NE(bytes.find("<c16"), std::string::npos);
}

TEST_F(Linalg, a_batch_is_computed_and_an_empty_matrix_too) {
  const std::string a = file("a.npy", drawn(3, {2, 3, 3}));
  for (const char* op : {"lu", "qr", "svd", "eig", "inv", "pinv", "det", "cond", "rank", "norm"})
    EXPECT_EQ(run("linalg " + std::string(op) + " " + a).status, 0) << op;
  const std::string none = file("none.npy", zeros({0, 0}));
  for (const char* op : {"lu", "qr", "svd", "eig", "eigh", "inv", "det", "rank", "trace"})
    EXPECT_EQ(run("linalg " + std::string(op) + " " + none).status, 0) << op;
}

TEST_F(Linalg, bad_input_is_one_line_and_status_2) {
  const std::string a = file("a.npy", Tensor{{1, 2}, {3, 4}}), wide = file("w.npy", ones({2, 3}));
  const auto refused = [](const std::string& words, int status, const char* part) {
    const Outcome o = run("linalg " + words + " 2>&1");
    EXPECT_EQ(o.status, status) << words << "\n" << o.out;
    EXPECT_NE(o.out.find(part), std::string::npos) << words << "\n" << o.out;
    EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1) << o.out;
  };
  refused("svdx " + a, 2, "there is no operation 'svdx'. There are lu, qr,");
  refused("svdx " + at("nothing.npy"), 2, "norm, pca. Did you mean svd?");
  refused("solve " + a, 2, "solve: a right side is needed.");
  refused("inv " + wide, 2, "inv: f64[2,3] is not square");
  refused("eigh " + a, 2, "eigh: f64[2,2] is not symmetric: element [1,0] is 3");
  refused("lu " + at("nothing.npy"), 2, "nothing.npy");
  refused("det " + file("v.npy", ones({3})), 2, "is not a matrix");
  refused("svd " + file("n.npy", Tensor{{1, NAN}, {0, 1}}), 2, "element [0,1] is nan");
  refused("spectrum " + file("b3.npy", ones({2, 2, 2})), 2, "is a batch");
  refused("solve " + a + " " + file("b.npy", ones({3})), 2, "2 unknowns, but 3 rows");
}

TEST_F(Linalg, what_fails_in_the_numbers_is_status_4) {
  const std::string singular = file("s.npy", Tensor{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  const std::string b = file("b.npy", ones({3}));
  for (const std::string& words : {"inv " + singular, "solve " + singular + " " + b,
                                   "cholesky " + file("c.npy", Tensor{{1, 2}, {2, 1}})}) {
    const Outcome o = run("linalg " + words + " 2>&1");
    EXPECT_EQ(o.status, 4) << words << "\n" << o.out;
    EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1) << o.out;
  }
}

TEST_F(Linalg, numbers_near_the_largest_are_scaled_or_refused_but_never_nan) {
  const double h = 1.5e308;
  const std::string a = file("large.npy", Tensor{{h, -h}, {h, h}});
  expect_close(matrix(json("inv", a)["X"]), Tensor{{0.5 / h, 0.5 / h}, {-0.5 / h, 0.5 / h}},
               1e-320);
  // det = 2 h^2.
  EXPECT_NEAR(json("slogdet", a)["log"].get<double>(), std::log(2.0) + 2 * std::log(h), 1e-12);
  // Both singular values are sqrt(2) h; rank is counted on a scaled matrix.
  expect("linalg rank " + a, 0,
         "r  i64[]\n2\n\nrank   2   2 of 2 singular values exceed 9.42e+292\n");
  for (const auto& [words, says] : std::initializer_list<std::pair<std::string, std::string>>{
           {"det " + a,
            "det: d is beyond the largest number of f64. Divide A by a power of two, or "
            "take slogdet."},
           {"qr " + a, "qr: R is beyond the largest number of f64. Divide A by a power of two."},
           {"expm " + a,
            "expm: X is beyond the largest number of f64. Divide A by a power of two."},
           {"lu " + a, "lu: U is beyond the largest number of f64. Divide A by a power of two."},
           {"norm " + a,
            "svdvals: f64[2,2] has a value beyond the largest number, 1.8e+308. Values reach n "
            "times the largest element. Divide the matrix by a power of two."}})
    expect("linalg " + words + " 2>&1", 4, "gradus linalg: " + says + "\n");
}

TEST_F(Linalg, without_lapack_the_answers_are_the_same_to_rounding) {
  const Tensor g = drawn(4, {12, 12});
  const std::string a = file("a.npy", g), s = file("s.npy", g + transpose(g));
  const auto without = [](const std::string& words) {
    const Outcome o = run_shell("GRADUS_LAPACK=none " + std::string(GRADUS_PROGRAM) + " linalg " +
                                words + " --json");
    EXPECT_EQ(o.status, 0) << words;
    return Json::parse(o.out);
  };
  expect_close(list(without("svd " + a)["S"]), list(json("svd", a)["S"]), 1e-13);
  expect_close(list(without("eigh " + s)["w"]), list(json("eigh", s)["w"]), 1e-13);
  expect_close(sort(list(without("eig " + a)["w"]["re"])), sort(list(json("eig", a)["w"]["re"])),
               1e-12);
  expect_close(list(without("spectrum " + a)["S"]), list(json("spectrum", a)["S"]), 1e-13);
  expect_close(matrix(without("pinv " + a)["X"]), matrix(json("pinv", a)["X"]), 1e-11);
  const auto with = [&](const std::string& library, const std::string& words) {
    return run_shell("GRADUS_LAPACK=" + library + " " + std::string(GRADUS_PROGRAM) + " linalg " +
                     words + " 2>&1");
  };
  expect_all(with("/no/such/library", "rank " + a), "a library that is not there", 2,
             "gradus linalg: GRADUS_LAPACK: /no/such/library: cannot open shared object file: No "
             "such file or directory. It names a LAPACK library. Give one, such as "
             "libopenblas.so.0, or none to do without.\n");
  expect_all(
      with("libm.so.6", "rank " + a), "a library of other things", 2,
      "gradus linalg: GRADUS_LAPACK: libm.so.6 lacks syevd, gesdd or geev in f32 or f64. It "
      "names a LAPACK library. Give one, such as libopenblas.so.0, or none to do without.\n");
  EXPECT_EQ(with("", "rank " + a).status, 0);
}

TEST_F(Linalg, the_bits_of_a_decomposition_do_not_depend_on_the_number_of_threads) {
  const Tensor g = drawn(5, {150, 150});
  const std::string a = file("a.npy", g), s = file("s.npy", g + transpose(g));
  for (const std::string& words : {"svd " + a, "eigh " + s, "eig " + a})
    EXPECT_EQ(run("linalg " + words + " --json --threads 1").out,
              run("linalg " + words + " --json --threads 2").out)
        << words;
}

}  // namespace
}  // namespace gradus::app
