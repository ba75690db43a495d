// Gathers the rows that the programs of bench/ print with --json, and prints one table of them:
//   bench_table [--json] [--floors] [--baseline FILE] [--save] < rows
// --floors shows only the rows that have a floor and a peer that was measured.
// The baseline holds what this machine reached before, by machine; a row that lost more than a
// tenth is warned of. --save writes today's numbers into it.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "rows.h"

namespace {

using namespace gradus;
using Json = nlohmann::ordered_json;

// "AMD EPYC, family 25, model 17, 2 processors": other machines have other numbers.
std::string machine_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line, name = "unknown", family, model;
  while (std::getline(in, line) && !line.empty()) {
    const auto value = [&](std::string_view key, std::string& to) {
      const size_t at = line.find(": ");
      if (at != std::string::npos && line.substr(0, line.find('\t')) == key)
        to = line.substr(at + 2);
    };
    value("model name", name), value("cpu family", family), value("model", model);
  }
  if (!family.empty()) name += ", family " + family + ", model " + model;
  return name + ", " + std::to_string(std::thread::hardware_concurrency()) + " processors";
}

std::string key_of(const Row& r) {
  return r.group + ": " + r.name + ", T" + std::to_string(r.threads) + ", " + r.unit;
}

bool read_row(const std::string& line, Row& row) {
  const Json j = Json::parse(line, nullptr, false);
  if (!j.is_object() || !j.contains("group") || !j.contains("ours")) return false;
  const auto number = [&](const char* key) {
    return j.contains(key) && j[key].is_number() ? j[key].get<double>() : not_there;
  };
  row.group = j["group"].get<std::string>();
  row.name = j["name"].get<std::string>();
  row.threads = j["threads"].get<int>();
  row.unit = j["unit"].get<std::string>();
  row.peer_name = j["peer_name"].get<std::string>();
  row.ours = number("ours"), row.peer = number("peer"), row.limit_share = number("limit_share");
  row.floor = number("floor"), row.aim = number("aim");
  return true;
}

int run(int argc, char** argv) {
  bool json = false, save = false, floors = false;
  std::string file;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json") json = true;
    if (word == "--save") save = true;
    if (word == "--floors") floors = true;
    if (word == "--baseline" && i + 1 < argc) file = argv[++i];
  }
  const std::string machine = machine_name();
  Json baseline = Json::object();
  if (std::ifstream in(file); in) baseline = Json::parse(in, nullptr, false);
  if (!baseline.is_object()) {
    std::cerr << file << ": no JSON object. A baseline is what --save writes.\n";
    return 2;
  }
  const Json before = baseline.value(machine, Json::object());

  std::string line, warnings;
  bool first = true, read = false;
  while (std::getline(std::cin, line)) {
    Row row;
    if (!read_row(line, row)) {
      std::cerr << "no row: " << line << "\n";
      return 1;
    }
    const bool shown = !floors || (std::isfinite(row.floor) && std::isfinite(row.ratio()));
    if (shown && json)
      std::cout << (first ? "[" : ",\n ") << line;
    else if (shown)
      std::cout << (first ? table_head() : std::string()) << table_line(row);
    std::cout.flush();
    first = first && !shown;
    read = true;
    const std::string key = key_of(row);
    if (before.contains(key) && before[key].is_number() && std::isfinite(row.ours)) {
      const double stored = before[key].get<double>();
      const double lost = row.is_rate() ? stored / row.ours : row.ours / stored;
      if (lost > 1.1)
        warnings += "warning: " + key + ": " + text::significant(row.ours, 4) + " now, " +
                    text::significant(stored, 4) + " stored: " + text::significant(lost, 3) +
                    " times slower\n";
    }
    if (std::isfinite(row.ours)) baseline[machine][key] = row.ours;
  }
  if (!read) {
    std::cerr << "no rows\n";
    return 1;
  }
  if (json) std::cout << (first ? "[]\n" : "]\n");
  std::cerr << warnings;
  if (!json && before.empty() && !file.empty())
    std::cerr << "no baseline for this machine (" << machine << "); --save stores one\n";
  if (save) {
    std::ofstream out(file);
    out << baseline.dump(1) << "\n";
    if (!out.flush()) {
      std::cerr << file << ": cannot be written\n";
      return 2;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv);
}
