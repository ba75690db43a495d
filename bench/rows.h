// The rows of ./dev bench. A program of bench/ makes rows and prints each: a line of the table, or
// with --json one JSON object a line, which bench_table gathers from all programs.
#pragma once

#include <gradus/base/text.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

inline constexpr double not_there = std::numeric_limits<double>::quiet_NaN();

struct Row {
  std::string group, name;
  int threads = 1;
  std::string unit = "us";  // a rate ends in /s, and more is better; of all else less is better
  double ours = not_there;
  std::string peer_name;           // empty: there is none to compare with
  double peer = not_there;         // not finite: not installed
  double limit_share = not_there;  // of what the machine can do, measured in the same run
  double floor = not_there, aim = not_there;  // how many times the peer's speed is wanted

  bool is_rate() const { return unit.ends_with("/s"); }
  // How many times better than the peer.
  double ratio() const { return is_rate() ? ours / peer : peer / ours; }
};

// What every program of bench/ may be told.
struct BenchOptions {
  bool json = false, quick = false;  // quick: a few rounds, to see that it works
  int threads = 0;                   // 0: each count that the program measures
  std::vector<std::string> words;    // the rest
};

inline BenchOptions bench_options(int argc, char** argv) {
  BenchOptions o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json")
      o.json = true;
    else if (word == "--quick")
      o.quick = true;
    else if (word == "--threads" && i + 1 < argc)
      o.threads = std::atoi(argv[++i]);
    else
      o.words.emplace_back(word);
  }
  return o;
}

// not_there where nothing was measured.
inline double median(std::vector<double> v) {
  if (v.empty()) return not_there;
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Microseconds a call: the median of stretches of about `stretch` us; quick, of one call each.
inline double time_call(const std::function<void()>& f, bool quick, size_t stretches,
                        double stretch) {
  using clock = std::chrono::steady_clock;
  f();
  std::vector<double> all;
  long calls = 1;
  while (all.size() < stretches) {
    const auto start = clock::now();
    for (long i = 0; i < calls; ++i) f();
    const double us = std::chrono::duration<double, std::micro>(clock::now() - start).count();
    if (quick || us > 0.7 * stretch)
      all.push_back(us / static_cast<double>(calls));
    else
      calls = std::max(calls + 1, static_cast<long>(static_cast<double>(calls) * stretch / us));
  }
  return median(all);
}

inline std::string json_of(const Row& r) {
  const auto number = [](double x) {
    return std::isfinite(x) ? text::significant(x, 6) : std::string("null");
  };
  return "{\"group\":" + text::quote_json(r.group) + ",\"name\":" + text::quote_json(r.name) +
         ",\"threads\":" + std::to_string(r.threads) + ",\"unit\":" + text::quote_json(r.unit) +
         ",\"ours\":" + number(r.ours) + ",\"peer_name\":" + text::quote_json(r.peer_name) +
         ",\"peer\":" + number(r.peer) + ",\"ratio\":" + number(r.ratio()) +
         ",\"limit_share\":" + number(r.limit_share) + ",\"floor\":" + number(r.floor) +
         ",\"aim\":" + number(r.aim) + "}\n";
}

inline std::string cells(const std::vector<std::string>& words) {
  constexpr int widths[] = {-14, -43, 2, 9, -8, -31, 8, 7, 8, 7, -6};  // below 0: from the left
  std::string line;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto width = static_cast<size_t>(std::abs(widths[i]));
    line += (i > 0 ? " " : "") +
            (widths[i] < 0 ? text::pad_right(words[i], width) : text::pad_left(words[i], width));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

inline std::string table_head() {
  return cells({"group", "row", "T", "ours", "unit", "beside", "ratio", "limit", "floor", "aim"});
}

inline std::string table_line(const Row& r) {
  const auto number = [](double x) {
    return x >= 1e4 ? text::fixed(x, 0) : text::significant(x, 4);
  };
  const auto times = [](double x) {
    return std::isfinite(x) ? text::significant(x, 3) + "x" : std::string();
  };
  const bool compared = std::isfinite(r.ratio());
  const bool judged = compared && std::isfinite(r.floor);
  return cells({r.group, r.name, std::to_string(r.threads),
                std::isfinite(r.ours) ? number(r.ours) : "", r.unit,
                compared              ? number(r.peer) + " " + r.peer_name
                : r.peer_name.empty() ? ""
                                      : r.peer_name + ": not measured",
                times(r.ratio()),
                std::isfinite(r.limit_share) ? text::fixed(100 * r.limit_share, 0) + " %" : "",
                times(r.floor), times(r.aim),
                !judged                ? ""
                : r.ratio() >= r.aim   ? "aim"
                : r.ratio() >= r.floor ? "floor"
                                       : "BELOW"});
}

inline void print(const Row& row, const BenchOptions& options) {
  static bool first = true;
  if (first && !options.json) std::fputs(table_head().c_str(), stdout);
  first = false;
  std::fputs((options.json ? json_of(row) : table_line(row)).c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace gradus
