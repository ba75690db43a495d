// gradus train by recipe, and what eval and predict say of its answers.
#include <gradus/train/generate.h>
#include <gtest/gtest.h>
#include <io/scratch.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "app/run.h"

namespace gradus {
namespace {

using namespace test;

TEST(TrainVerb, runs_the_perceptrons_rule) {
  expect(
      "train perceptron-and", 0,
      "perceptron on AND: y = sign(w x + b); a wrong example adds t x to w and t to b, t = -1 or "
      "1\n\n"
      "  epoch  wrong    w1    w2     b\n"
      "      1      1     1     1     1\n"
      "      2      3     2     1     0\n"
      "      3      3     2     1    -1\n"
      "      4      2     2     2    -1\n"
      "      5      1     2     1    -2\n"
      "      6      0     2     1    -2\n\n"
      "learned in 6 epochs\n");
  expect("train perceptron-xor --quiet", 1,
         "not linearly separable (3 epochs): the weights are those after epoch 2, so that the rule "
         "goes round for ever\n");
  expect("train perceptron-xor --epochs 2 --quiet", 1, "not learned in 2 epochs\n");
  expect("train perceptron-and --json", 0,
         "{\"separates\":true,\"epochs\":6,\"same_as\":0,\"weights\":[2,1],\"bias\":-2}\n");
}

TEST(TrainVerb, lists_its_recipes) {
  expect_parts(
      "train --list", 0,
      {"perceptron-xor", "mlp-digits", "LeNet-5 on drawn 28x28 digits", "resnet20", "vit-digits"});
  expect_parts("train --list --json", 0, {"[{\"name\":\"perceptron-and\",\"says\":\""});
}

TEST(TrainVerb, says_what_words_it_cannot_use) {
  expect("train digits other.csv 2>&1", 2,
         "gradus train: 'digits' is no recipe, so that 'other.csv' is one word too many. gradus "
         "train --list names the recipes.\n");
  expect("train gtp text.txt 2>&1", 2,
         "gradus train: 'gtp' is no recipe, so that 'text.txt' is one word too many. Did you mean "
         "'gpt'? gradus train --list names the recipes.\n");
  expect(
      "train gtp 2>&1", 2,
      "gradus train: 'gtp' is no recipe, no generator (digits, digits28, shapes, spirals, moons, "
      "circles, blobs, xor) and no file. Did you mean 'gpt'? gradus train --list names the "
      "recipes.\n");
  expect_parts("train 2>&1", 2,
               {"train: nothing to train on. Name a generator (digits, ",
                "), a file, or a recipe of gradus train --list."});
  expect("train lenet5 digits 2>&1", 2,
         "gradus train: the model lenet5 takes grey pictures of 28x28, but digits has 1 planes of "
         "8x8. Choose another --model.\n");
}

TEST(TrainVerb, refuses_options_that_a_recipe_would_not_read) {
  expect("train gpt --augment flip 2>&1", 2,
         "gradus train: --augment belongs to mlp-digits, lenet5, resnet20, vit-digits, not to gpt. "
         "Leave it out.\n");
  expect("train skipgram --dropout 0.1 2>&1", 2,
         "gradus train: --dropout belongs to mlp-digits, lenet5, resnet20, vit-digits, char-rnn, "
         "char-lstm, gpt, not to skipgram. Leave it out.\n");
  expect("lr-find seq2seq-sort --mixup 0.2 2>&1", 2,
         "gradus lr-find: --mixup belongs to mlp-digits, lenet5, resnet20, vit-digits, not to "
         "seq2seq-sort. Leave it out.\n");
  expect_parts("train perceptron-and --lr 1 2>&1", 2,
               {"gradus train: --lr belongs to mlp-digits, ", ", not to perceptron-and."});
}

TEST(TrainVerb, of_no_epochs_leaves_the_model_as_it_begins) {
  const Scratch folder;
  const std::string text = folder.write("text.txt", "one two three four five six seven eight");
  EXPECT_EQ(run("train gpt " + text + " --model gpt:1-1-8-8 --epochs 0 --val 0 --quiet --out " +
                folder.path("run"))
                .status,
            0);
}

TEST(TrainVerb, takes_a_flag_over_a_recipe_though_it_is_the_usual_value) {
  const Scratch folder;
  const std::string out = folder.path("run"), text = folder.write("text.txt", "one two three four");
  ASSERT_EQ(run("train skipgram " + text + " --model skipgram:4-2-2-1 --epochs 20 --batch 64 " +
                "--optimiser adam --val 0 --seed 0 --quiet --out " + out)
                .status,
            0);
  const std::string toml = folder.read("run/run.toml");
  EXPECT_NE(toml.find("epochs = 20\n"), std::string::npos) << toml;
  EXPECT_NE(toml.find("batch = 64\n"), std::string::npos) << toml;
}

// MNIST's format: big-endian sizes, then bytes.
void write_idx(const Scratch& folder, const Generated& g) {
  const auto big = [](int64_t n) {
    std::string s;
    for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(n >> shift & 255);
    return s;
  };
  std::string pictures = std::string("\0\0\x08\x03", 4) + big(g.examples) + big(28) + big(28),
              labels = std::string("\0\0\x08\x01", 4) + big(g.examples);
  for (float v : g.x) pictures += static_cast<char>(std::lround(255 * v));
  for (int64_t y : g.y) labels += static_cast<char>(y);
  folder.write("pictures.idx", pictures);
  folder.write("labels.idx", labels);
}

TEST(TrainVerb, trains_a_recipe_on_files_in_mnists_format_and_says_how_sure_it_is) {
  const Scratch folder;
  write_idx(folder, generate("digits28", 1500, 4));
  const std::string run_folder = folder.path("run"),
                    files = folder.path("pictures.idx") + " --labels " + folder.path("labels.idx");
  const Outcome o = run("train lenet5 " + files + " --epochs 4 --out " + run_folder +
                        " --json --progress none 2>/dev/null");
  EXPECT_EQ(o.status, 0);
  for (const char* part : {"\"parameters\":61706", "\"examples_per_second\":", "\"peak_share\":"})
    EXPECT_NE(o.out.find(part), std::string::npos) << o.out;
  expect_parts("eval " + run_folder + " " + files, 0,
               {"accuracy     9", " %, between 9", " in 95 % of resamples\nloss         ",
                "calibration  off by ", "\nexamples     1500\n"});
  expect_parts("eval --json " + run_folder + " " + files, 0,
               {"\"accuracy_low\":0.9", "\"accuracy_high\":", "\"calibration_error\":0.0"});

  std::istringstream lines(
      run("predict --every-class " + run_folder + " " + folder.path("pictures.idx")).out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line,
            "prediction,probability,p(0),p(1),p(2),p(3),p(4),p(5),p(6),p(7),p(8),p(9),entropy");
  int rows = 0;
  while (std::getline(lines, line)) {
    std::vector<double> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(std::stod(cell));
    ASSERT_EQ(cells.size(), 13u);
    const auto of = [&](double k) { return cells[2 + static_cast<size_t>(k)]; };
    double total = 0, entropy = 0;
    for (double k = 0; k < 10; ++k) {
      total += of(k);
      if (of(k) > 0) entropy -= of(k) * std::log(of(k));
      EXPECT_LE(of(k), cells[1]);
    }
    EXPECT_EQ(of(cells[0]), cells[1]);
    EXPECT_NEAR(total, 1, 1e-5);
    EXPECT_NEAR(cells[12], entropy, 1e-4);
    ++rows;
  }
  EXPECT_EQ(rows, 1500);
}

TEST(TrainVerb, reports_a_run_that_a_mad_rate_blew_up) {
  for (const char* how : {"--lr 1e20", "--lr 1e300", "--optimiser sgd --lr 1e20"}) {
    const Scratch folder;
    const std::string out = folder.path("run");
    const bool sgd = std::string(how).starts_with("--optimiser");
    const Outcome o = run("train digits --examples 500 --epochs 1 --progress none " +
                          std::string(how) + " --out " + out);
    EXPECT_EQ(o.status, 4) << how << "\n" << o.out;
    EXPECT_NE(o.out.find("bad     Diverged: the loss stopped being a number at step "),
              std::string::npos)
        << o.out;
    EXPECT_NE(o.out.find(sgd ? "next    Try `--lr 0.001`, the usual rate of sgd.\n"
                             : "next    Try `--lr 0.001`, the usual rate of adam.\n"),
              std::string::npos)
        << o.out;
    EXPECT_NE(folder.read("run/report.html").find("Diverged: the loss stopped being a number"),
              std::string::npos);
  }
}

TEST(EvalVerb, names_wilsons_interval_where_all_is_right_and_the_rows_left_out) {
  const Scratch folder;
  std::string rows = "a,b,side\n";
  for (int i = 0; i < 100; ++i) rows += "5,1,right\n-5,1,left\n";
  const std::string data = folder.write("sides.csv", rows),
                    gaps = folder.write("gaps.csv", rows + ",1,left\n5,1,\n"),
                    out = folder.path("run");
  ASSERT_EQ(run("train " + data +
                " --model mlp:2-4-2 --epochs 10 --lr 0.1 --missing drop "
                "--quiet --out " +
                out)
                .status,
            0);
  for (const std::string& file : {data, gaps})
    expect_parts("eval " + out + " " + file + " 2>/dev/null", 0,
                 {"accuracy     100.0 %, between 98.1 % and 100.0 % by Wilson's 95 % interval, as "
                  "all are right\n",
                  "\nexamples     200\n"});
  expect_all(run("eval " + out + " " + gaps + " 2>&1 >/dev/null"), "eval", 0,
             gaps + ": 2 of 202 rows lack a value; left out, as in training.\n");
}

TEST(TrainVerb, says_where_a_cifar_batch_is_broken) {
  const Scratch folder;
  const std::string batch(3073, '\0');
  const std::string cut = folder.write("cut.bin", (batch + batch).substr(0, 6000)),
                    odd = folder.write("odd.bin", batch + "M" + batch.substr(1));
  expect("train " + cut + " 2>&1", 2,
         "gradus train: " + cut +
             ": its 6000 bytes are no whole records: 1 of 3073 and 2927 left over (CIFAR-10), 1 of "
             "3074 and 2926 left over (CIFAR-100). Copy the file anew, or give one of another kind "
             "its own ending.\n");
  expect("train " + odd + " 2>&1", 2,
         "gradus train: " + odd +
             ": record 1 has the label 77. Labels of CIFAR-10 run from 0 to 9. The file is damaged "
             "or of another kind.\n");
}

}  // namespace
}  // namespace gradus
