// gradus predict and eval: rows without a number, and labels that belong to no file.
#include <app/run.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gradus {
namespace {

using test::expect;
using test::run;

class Predict : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_predict_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    std::string rows = "x,z,c\n";
    for (int i = 0; i < 40; ++i)
      rows += (i == 7 ? "" : std::to_string(i % 2 * 4 + i % 3)) + "," + std::to_string(i % 5) +
              (i % 2 == 0 ? ",even\n" : ",odd\n");
    train_ = write("train.csv", rows);
    const auto o = run("train " + train_ + " --missing drop --epochs 2 --model mlp:2-4-2 --quiet " +
                       "--out " + folder_ + "/run 2>&1");
    ASSERT_EQ(o.status, 0) << o.out;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  std::string folder_, train_;
};

TEST_F(Predict, answers_every_row_in_its_place_where_training_left_rows_with_gaps_out) {
  const std::string whole = write("whole.csv", "x,z\n1,2\n5,4\n6,0\n"),
                    holed = write("holed.csv", "x,z\n1,2\n,3\n5,4\n6,\n6,0\n");
  const std::string words = "predict " + folder_ + "/run ";
  const auto lines = [](const std::string& text) {
    std::vector<std::string> all(1);
    for (const char c : text)
      if (c == '\n')
        all.emplace_back();
      else
        all.back() += c;
    return all;
  };
  for (const std::string flags : {"", " --every-class"}) {
    const auto want = lines(run(words + whole + flags).out),
               got = lines(run(words + holed + flags + " 2>/dev/null").out);
    ASSERT_EQ(got.size(), 7u);
    const std::string empty = flags.empty() ? "," : ",,,,";
    EXPECT_EQ(got,
              (std::vector<std::string>{want[0], want[1], empty, want[2], empty, want[3], ""}));
  }
  expect(words + holed + " 2>&1 >/dev/null", 0,
         holed +
             ": 2 of 5 rows lack a number, the first is row 2. Their answers are left empty, as "
             "training left such rows out.\n");
  EXPECT_NE(run(words + holed + " --json 2>/dev/null").out.find("},{\"prediction\":null},{"),
            std::string::npos);
}

TEST_F(Predict, refuses_labels_of_data_that_hold_their_own) {
  expect("eval " + folder_ + "/run " + train_ + " --labels nothere 2>&1", 2,
         "gradus eval: --labels names the labels of an IDX or npy file, but " + train_ +
             " holds its own. Leave it out.\n");
  expect(
      "eval " + folder_ + "/run moons --labels nothere 2>&1", 2,
      "gradus eval: --labels names the labels of an IDX or npy file, but moons is none. Leave it "
      "out.\n");
}

}  // namespace
}  // namespace gradus
