// Runs of our own program from outside: wall time from before it exists until it has ended.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace gradus {

struct ProcessRun {
  double us = std::numeric_limits<double>::infinity();
  int status = -1;
  std::string out;
};

// Standard output is kept, standard error thrown away.
inline ProcessRun run_process(const std::vector<std::string>& words) {
  ProcessRun run;
  int ends[2];
  if (pipe(ends) != 0) return run;
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  const auto start = std::chrono::steady_clock::now();
  pid_t process = 0;
  const bool started =
      posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environ) == 0;
  close(ends[1]);
  if (started) {
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
      run.out.append(buffer, static_cast<size_t>(n));
    int status = 0;
    waitpid(process, &status, 0);
    run.us =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  return run;
}

inline std::string our_program() {
  const char* named = std::getenv("GRADUS_PROGRAM");
  return named != nullptr ? named : "build/release/gradus";
}

}  // namespace gradus
