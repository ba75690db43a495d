// A whole small job: `gradus bench digits` from outside, beside scikit-learn (digits_sklearn of
// GRADUS_PEERS). The digits are those of GRADUS_DIGITS or of digits.csv beside the peers; without
// them built-in ones, which no peer has learned.
#include <gradus/train/generate.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "peers.h"
#include "process.h"
#include "rows.h"

namespace {

using namespace gradus;

std::string given_digits() {
  if (const char* file = std::getenv("GRADUS_DIGITS")) return file;
  const char* folder = std::getenv("GRADUS_PEERS");
  const std::string beside = (folder ? folder : "") + std::string("/digits.csv");
  return folder && access(beside.c_str(), R_OK) == 0 ? beside : "";
}

bool write_own_digits(const std::string& path) {
  const Generated d = generate("digits", 16000, 0);
  FILE* out = std::fopen(path.c_str(), "w");
  if (!out) return false;
  for (int64_t i = 0; i < d.examples; ++i) {
    for (int64_t p = 0; p < 64; ++p)
      std::fprintf(out, "%.0f,",
                   std::round(16 * static_cast<double>(std::clamp(
                                       d.x[static_cast<size_t>(64 * i + p)], 0.0f, 1.0f))));
    std::fprintf(out, "%d\n", static_cast<int>(d.y[static_cast<size_t>(i)]));
  }
  return std::fclose(out) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  std::string file = given_digits();
  const bool own = file.empty();
  if (own) {
    file = "/tmp/gradus-digits-" + std::to_string(getpid()) + ".csv";
    if (!write_own_digits(file)) {
      std::fprintf(stderr, "%s cannot be written\n", file.c_str());
      return 1;
    }
  }
  std::vector<double> ours, memory, epochs, their_seconds, their_memory;
  bool right = true;
  for (int round = 0; round < (options.quick ? 1 : 3); ++round) {
    for (int i = 0; i < (options.quick ? 1 : 15) && right; ++i) {
      const ProcessRun run = run_process({our_program(), "bench", "digits", file, "--json"});
      const auto answer = nlohmann::json::parse(run.out, nullptr, false);
      right = run.status == 0 && answer.is_object();
      if (!right) break;
      ours.push_back(run.us * 1e-3);
      memory.push_back(answer["peak_bytes"].get<double>() / 1048576);
    }
    if (own || options.quick) continue;
    for (const PeerLine& l : peer_lines("digits_sklearn"))
      (l.what == "seconds" ? their_seconds : their_memory).push_back(l.number);
  }
  if (own) std::remove(file.c_str());
  if (!right) {
    std::fprintf(stderr, "gradus bench digits %s failed\n", file.c_str());
    return 1;
  }
  const std::string name = own ? "built-in digits to 97 %" : "digits to 97 %";
  Row time{"digits",       name + ", whole process",   1, "ms", median(ours),
           "scikit-learn", 1e3 * median(their_seconds)};
  time.floor = 600 / 20.0, time.aim = 600 / 10.0;
  print(time, options);
  Row most{"digits",       name + ", peak memory",     1, "MB", median(memory),
           "scikit-learn", median(their_memory) / 1024};
  most.floor = 124 / 20.0, most.aim = 124 / 12.0;
  print(most, options);
}
