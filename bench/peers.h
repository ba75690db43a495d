// Peers measured beside us, in the same run: programs in the folder that GRADUS_PEERS names. A peer
// prints lines `group,peer,threads,case,number,...`; without the folder or the program it is not
// installed, and its column says so.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include <unistd.h>

namespace gradus {

// The number of each case that $GRADUS_PEERS/NAME prints; empty when it is not installed.
inline std::map<std::string, double> run_peer(const std::string& name) {
  std::map<std::string, double> numbers;
  const char* folder = std::getenv("GRADUS_PEERS");
  if (!folder || access((std::string(folder) + "/" + name).c_str(), X_OK) != 0) return numbers;
  FILE* out = popen(("\"$GRADUS_PEERS/" + name + "\" 2>/dev/null").c_str(), "r");
  if (!out) return numbers;
  char line[512], peer[64], what[256];
  double number;
  while (std::fgets(line, sizeof line, out))
    if (std::sscanf(line, "%*[^,],%63[^,],%*[^,],%255[^,],%lf", peer, what, &number) == 3 &&
        std::string(peer) != "hand")
      numbers[what] = number;
  pclose(out);
  return numbers;
}

}  // namespace gradus
