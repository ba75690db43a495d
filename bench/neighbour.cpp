// With one process beside us that spins, the normal state of a shared machine: our steps and a
// product on all threads against our own quiet single thread, and how much longer the slowest
// hundredth takes than the median.
#include <gradus/app/bench_step.h>
#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

namespace {

using namespace gradus;

class Neighbour {
 public:
  Neighbour() : process_(fork()) {
    if (process_ == 0) {
      for (volatile unsigned turns = 0;;) turns = turns + 1;
    }
  }
  ~Neighbour() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  pid_t process_;
};

struct Times {
  double median, p99;
};

Times of_product(int64_t n, double seconds) {
  using Clock = std::chrono::steady_clock;
  const std::vector<float> a(static_cast<size_t>(n * n), 1.5f), b = a;
  std::vector<float> c(a.size());
  std::vector<double> us;
  for (const auto end = Clock::now() + std::chrono::duration<double>(seconds);
       Clock::now() < end || us.size() < 9;) {
    const auto start = Clock::now();
    gemm(n, n, n, a.data(), n, 1, b.data(), n, 1, c.data(), n);
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::sort(us.begin(), us.end());
  return {us[us.size() / 2], us[std::min(us.size() - 1, us.size() * 99 / 100)]};
}

struct Case {
  std::string name;
  std::function<Times()> time;
};

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  const double seconds = options.quick ? 0.01 : 0.5;
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  std::vector<app::TrainingStep> steps;
  steps.reserve(app::step_models().size());
  std::vector<Case> cases;
  for (const app::StepModel& m : app::step_models()) {
    steps.push_back(m.make());
    cases.push_back({"step (" + std::string(m.name) + ")", [&plan = steps.back().plan, seconds] {
                       const app::StepTimes t = app::time_steps(plan, seconds);
                       return Times{t.median, t.p99};
                     }});
  }
  for (const int64_t n : {128, 512, 1024})
    cases.push_back({"product of " + std::to_string(n) + " x " + std::to_string(n),
                     [n, seconds] { return of_product(n, seconds); }});
  for (const Case& c : cases) {
    std::vector<double> quiet, beside, tail;
    for (int round = 0; round < (options.quick ? 1 : 3); ++round) {
      set_thread_count(1);
      quiet.push_back(c.time().median);
      set_thread_count(threads);
      const Neighbour busy;
      const Times t = c.time();
      beside.push_back(t.median);
      tail.push_back(t.p99);
    }
    const auto median = [](std::vector<double>& v) {
      std::sort(v.begin(), v.end());
      return v[v.size() / 2];
    };
    Row row{"neighbour",  c.name, threads, "us", median(beside), "our quiet one thread",
            median(quiet)};
    row.floor = 0.9, row.aim = 1;
    print(row, options);
    print({"neighbour", c.name + ", slowest hundredth", threads, "us", median(tail),
           "twice our median", 2 * median(beside), not_there, 1, 1},
          options);
  }
}
