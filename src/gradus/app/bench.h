// The parts of gradus bench, one function a kind. Each prints its table or one JSON value, and
// returns the exit status.
#pragma once

#include <gradus/app/command.h>
#include <gradus/train/progress.h>

namespace gradus::app {

struct BenchWords {
  std::string kind;
  std::vector<std::string> rest;
  std::string transpose = "none", type = "f32";
  bool quick = false;
};

int bench_digits(const BenchWords& words, const Settings& settings);
int bench_growth(const BenchWords& words, const Settings& settings);

// Bytes that this process held at most, its program and libraries included.
int64_t most_resident();
// A row of numbers in the unit that reads best: "1.25 us", "3.4 ms".
std::string time_text(double us);

}  // namespace gradus::app
