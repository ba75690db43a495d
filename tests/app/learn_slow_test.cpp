// One exercise in C++ through the real program: the stub is refused, the solution is accepted.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

TEST(Exercise, in_code_goes_from_the_stub_to_the_solution) {
  std::string folder = "/tmp/gradus-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::string out;
  const auto run = [&](const std::string& words) {
    const std::string command = "cd " + folder + " && XDG_STATE_HOME=" + folder +
                                "/state " GRADUS_PROGRAM " exercise " + words +
                                " 2>/dev/null </dev/null";
    FILE* pipe = popen(command.c_str(), "r");
    out.clear();
    char buffer[4096];
    size_t n;
    while ((n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) out.append(buffer, n);
    return WEXITSTATUS(pclose(pipe));
  };
  const std::string file = folder + "/exercises/gd-from-scratch.cpp";
  EXPECT_EQ(run("start gd-from-scratch"), 0);
  EXPECT_EQ(run("check gd-from-scratch"), 1);
  EXPECT_NE(out.find("✗ not yet: the first check that fails\n"), std::string::npos) << out;
  EXPECT_NE(out.find("expected"), std::string::npos) << out;
  EXPECT_EQ(run("solution gd-from-scratch"), 0);
  std::ofstream(file) << out;
  EXPECT_EQ(run("check gd-from-scratch"), 0);
  EXPECT_NE(out.find("✓ right"), std::string::npos) << out;
  std::ofstream(file) << "double f( {\n";
  EXPECT_EQ(run("check gd-from-scratch"), 1);
  EXPECT_NE(out.find("✗ not yet: it does not compile\nexercises/gd-from-scratch.cpp:1:"),
            std::string::npos)
      << out;
  std::filesystem::remove_all(folder);
}

}  // namespace
