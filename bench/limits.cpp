// What this machine can do at best: the numbers that shares of a limit are shares of.
#include <gradus/base/pool.h>
#include <gradus/ops/limits.h>

#include "rows.h"

int main(int argc, char** argv) {
  using namespace gradus;
  const BenchOptions options = bench_options(argc, argv);
  for (const int threads : {1, 2}) {
    if (options.threads > 0 && options.threads != threads) continue;
    set_thread_count(threads);
    const Limits l = measure_limits(options.quick ? Effort::quick : Effort::thorough);
    const auto row = [&](const std::string& name, const char* unit, double rate) {
      print({"limits", name, threads, unit, rate * 1e-9}, options);
    };
    row("multiply-adds f32", "GFLOP/s", l.flops_f32);
    row("multiply-adds f64", "GFLOP/s", l.flops_f64);
    struct Level {
      const char* name;
      const MemoryLimit& at;
    };
    for (const Level& level :
         {Level{"L1", l.l1}, Level{"L2", l.l2}, Level{"L3", l.l3}, Level{"memory", l.memory}}) {
      row(std::string(level.name) + " read", "GB/s", level.at.read);
      row(std::string(level.name) + " copy", "GB/s", level.at.copy);
      row(std::string(level.name) + " a = b + s c", "GB/s", level.at.triad);
    }
  }
}
