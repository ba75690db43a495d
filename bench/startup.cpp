// What it takes to start: the program that only says its version beside one that does nothing.
#include <vector>

#include "process.h"
#include "rows.h"

int main(int argc, char** argv) {
  using namespace gradus;
  const BenchOptions options = bench_options(argc, argv);
  std::vector<double> ours, nothing;
  for (int round = 0; round < (options.quick ? 3 : 101); ++round) {
    const ProcessRun run = run_process({our_program(), "--version"});
    if (run.status != 0) {
      std::fprintf(stderr, "%s --version ends with %d\n", our_program().c_str(), run.status);
      return 1;
    }
    ours.push_back(run.us);
    nothing.push_back(run_process({"true"}).us);
  }
  const auto median = [](std::vector<double>& v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  };
  print({"startup", "gradus --version", 1, "us", median(ours), "a program that does nothing",
         median(nothing)},
        options);
}
