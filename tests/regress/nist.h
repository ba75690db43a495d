// The data files of NIST's Statistical Reference Datasets: certified values, starts and data.
#pragma once

#include <gradus/regress/terms.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gradus {

struct Reference {
  NamedColumns columns;  // y first
  std::vector<double> coef, se;
  std::vector<double> start[2];
  double rss = 0, r2 = 0, f = 0;
};

// The numbers at the end of a line, from the first that reads as one.
inline std::vector<double> numbers_in(const std::string& line) {
  std::istringstream in(line);
  std::vector<double> found;
  for (std::string word; in >> word;) {
    char* end = nullptr;
    const double x = std::strtod(word.c_str(), &end);
    if (*end == 0 && end != word.c_str()) found.push_back(x);
  }
  return found;
}

inline Reference read_nist(const std::string& name) {
  std::ifstream in(std::string(GRADUS_SHARED_DIR) + "/data/nist/" + name + ".dat");
  Reference r;
  bool data = false;
  int blocks = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    const std::vector<double> all = numbers_in(line);
    if (first == "Data:" && ++blocks == 2) {
      data = true;
      for (std::string word; words >> word;) r.columns.names.push_back(word);
      r.columns.values.resize(r.columns.names.size());
    } else if (data && all.size() == r.columns.names.size()) {
      for (size_t j = 0; j < all.size(); ++j) r.columns.values[j].push_back(all[j]);
    } else if (!data && first.size() >= 2 && (first[0] == 'B' || first[0] == 'b') &&
               std::isdigit(first[1]) && all.size() >= 2) {
      if (first[0] == 'b') {
        r.start[0].push_back(all[0]);
        r.start[1].push_back(all[1]);
      }
      r.coef.push_back(all[all.size() - 2]);
      r.se.push_back(all.back());
    } else if (line.find("Residual Sum of Squares:") != std::string::npos) {
      r.rss = all.back();
    } else if (first == "R-Squared" && !all.empty()) {
      r.r2 = all.back();
    } else if (first == "Residual" && all.size() == 3) {
      r.rss = all[1];
    } else if (first == "Regression" && all.size() == 4) {
      r.f = all[3];
    }
  }
  return r;
}

// Correct digits, at most `most`.
inline double digits(double got, double want, double most) {
  if (!std::isfinite(got)) return 0;
  const double error = want == 0 ? std::fabs(got) : std::fabs((got - want) / want);
  return error == 0 ? most : std::clamp(-std::log10(error), 0.0, most);
}
inline double digits(const std::vector<double>& got, const std::vector<double>& want, double most) {
  double worst = got.size() == want.size() ? most : 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i)
    worst = std::min(worst, digits(got[i], want[i], most));
  return worst;
}

}  // namespace gradus
