#include <gradus/lessons/progress.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace gradus::lessons {
namespace {

class ProgressFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = "/tmp/gradus-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/deep/progress.json";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) {
    std::filesystem::create_directories(folder_ + "/deep");
    std::ofstream(path_) << text;
  }
  std::string folder_, path_;
};

TEST_F(ProgressFile, comes_back_as_it_was_written) {
  Progress p;
  p.opened["chain-rule"] = 2;
  p.exercises["twice"] = {3, 1, true};
  p.grades["chain-rule#2"] = 4;
  write_progress(path_, p);
  const Progress q = read_progress(path_);
  EXPECT_EQ(q.opened, p.opened);
  EXPECT_EQ(q.exercises.at("twice").attempts, 3);
  EXPECT_EQ(q.exercises.at("twice").hints, 1);
  EXPECT_TRUE(q.exercises.at("twice").right);
  EXPECT_EQ(q.grades, p.grades);
  EXPECT_EQ(q.note, "");
}

TEST_F(ProgressFile, that_is_missing_is_an_empty_one) {
  EXPECT_TRUE(read_progress(path_).opened.empty());
  EXPECT_TRUE(read_progress("").opened.empty());
}

TEST_F(ProgressFile, that_is_broken_is_moved_aside_and_not_lost) {
  for (const char* text :
       {"", "{", "[1]", "{\"lessons\":3}",
        "{\"lessons\":{\"a\":\"b\"},\"exercises\":{},\"questions\":{}}", "\xFF\xFE",
        "{\"lessons\":{},\"exercises\":{\"a\":{}},\"questions\":{}}"}) {
    write(text);
    const Progress p = read_progress(path_);
    EXPECT_NE(p.note.find("progress starts anew."), std::string::npos) << text;
    EXPECT_EQ(p.note.find('\n'), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  EXPECT_TRUE(std::filesystem::exists(path_ + ".broken-7"));
  std::stringstream kept;
  kept << std::ifstream(path_ + ".broken-2").rdbuf();
  EXPECT_EQ(kept.str(), "{");
}

}  // namespace
}  // namespace gradus::lessons
