// Peers measured beside us, in the same run: programs in the folder that GRADUS_PEERS names. A peer
// prints lines `group,peer,threads,case,number,...`; without the folder or the program it is not
// installed, and its column says so.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

namespace gradus {

struct PeerLine {
  std::string peer, what;
  int threads;
  double number;
};

// What $GRADUS_PEERS/NAME prints; empty when it is not installed.
inline std::vector<PeerLine> peer_lines(const std::string& name) {
  std::vector<PeerLine> lines;
  const char* folder = std::getenv("GRADUS_PEERS");
  if (!folder || access((std::string(folder) + "/" + name).c_str(), X_OK) != 0) return lines;
  FILE* out = popen(("\"$GRADUS_PEERS/" + name + "\" 2>/dev/null").c_str(), "r");
  if (!out) return lines;
  char line[512], peer[64], what[256];
  int threads;
  double number;
  while (std::fgets(line, sizeof line, out))
    if (std::sscanf(line, "%*[^,],%63[^,],%d,%255[^,],%lf", peer, &threads, what, &number) == 4)
      lines.push_back({peer, what, threads, number});
  pclose(out);
  return lines;
}

// The number of each case that $GRADUS_PEERS/NAME prints, whatever its threads; loops by hand are
// no peer.
inline std::map<std::string, double> run_peer(const std::string& name) {
  std::map<std::string, double> numbers;
  for (const PeerLine& l : peer_lines(name))
    if (l.peer != "hand") numbers[l.what] = l.number;
  return numbers;
}

// The least number of a case with exactly so many threads; not finite where there is none.
inline double least(const std::vector<PeerLine>& lines, const std::string& what, int threads) {
  double best = std::numeric_limits<double>::quiet_NaN();
  for (const PeerLine& l : lines)
    if (l.what == what && l.threads == threads) best = std::fmin(best, l.number);
  return best;
}

}  // namespace gradus
