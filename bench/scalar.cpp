// Derivatives of templated C++ code: Rosenbrock's gradient and Hessian by Var, by hand, and by the
// peers ad_stan (Stan Math) and ad_adolc (ADOL-C, replaying a tape). All take turns; medians in us.
#include <gradus/scalar/var.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "peers.h"
#include "rows.h"

namespace {

using namespace gradus;

const auto rosenbrock = [](auto x) {
  auto s = x[0] * 0.0;
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const auto a = x[i + 1] - x[i] * x[i];
    const auto b = 1.0 - x[i];
    s += 100.0 * a * a + b * b;
  }
  return s;
};

void gradient_by_hand(const std::vector<double>& x, std::vector<double>& g) {
  std::fill(g.begin(), g.end(), 0.0);
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i];
    g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
    g[i + 1] += 200 * a;
  }
}

void hessian_by_hand(const std::vector<double>& x, std::vector<double>& h) {
  const size_t n = x.size();
  std::fill(h.begin(), h.end(), 0.0);
  for (size_t i = 0; i + 1 < n; ++i) {
    h[i * n + i] += 1200 * x[i] * x[i] - 400 * x[i + 1] + 2;
    h[(i + 1) * n + i + 1] += 200;
    h[i * n + i + 1] = h[(i + 1) * n + i] = -400 * x[i];
  }
}

// Microseconds a call, over about 20 ms; quick, over 20 us.
double time(const std::function<void()>& f, bool quick) {
  using clock = std::chrono::steady_clock;
  const auto us = [](clock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
  };
  long calls = 1;
  for (;;) {
    const auto start = clock::now();
    for (long i = 0; i < calls; ++i) f();
    const double t = us(clock::now() - start);
    if (t > (quick ? 20 : 20'000)) return t / static_cast<double>(calls);
    calls = t < 1000 ? calls * 20 : static_cast<long>(static_cast<double>(calls) * 25'000 / t);
  }
}

struct Case {
  std::string name;
  std::function<void()> ours, by_hand;
  std::string judged;  // the peer whose speed is to be reached so many times
  double wanted;
  std::map<std::string, std::vector<double>> times;
};

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  std::mt19937 engine(0);
  std::normal_distribution<double> normal;
  std::vector<double> small(10), large(1000);
  for (double& v : small) v = normal(engine);
  for (double& v : large) v = normal(engine);
  std::vector<double> g_small(10), g_large(1000), h(100);
  const auto keep = [](const std::vector<double>& v) {
    asm volatile("" ::"r"(v.data()) : "memory");
  };
  std::vector<Case> cases{{"rosenbrock grad n=10",
                           [&] { scalars::value_and_gradient(rosenbrock, small, g_small); },
                           [&] { gradient_by_hand(small, g_small), keep(g_small); },
                           "Stan Math",
                           0.32 / 0.3,
                           {}},
                          {"rosenbrock grad n=1000",
                           [&] { scalars::value_and_gradient(rosenbrock, large, g_large); },
                           [&] { gradient_by_hand(large, g_large), keep(g_large); },
                           "Stan Math",
                           4.5,
                           {}},
                          {"rosenbrock hessian n=10",
                           [&] { h = scalars::hessian(rosenbrock, small); },
                           [&] { hessian_by_hand(small, h), keep(h); },
                           "ADOL-C",
                           2,
                           {}}};
  const std::map<std::string, std::string> peers{{"Stan Math", "ad_stan"}, {"ADOL-C", "ad_adolc"}};
  for (int round = 0; round < (options.quick ? 1 : 7); ++round) {
    for (Case& c : cases) {
      c.times["gradus"].push_back(time(c.ours, options.quick));
      c.times["by hand"].push_back(time(c.by_hand, options.quick));
    }
    if (options.quick) continue;
    for (const auto& [name, program] : peers) {
      const auto numbers = run_peer(program);
      for (Case& c : cases)
        if (const auto it = numbers.find(c.name); it != numbers.end())
          c.times[name].push_back(it->second);
    }
  }
  for (Case& c : cases) {
    for (const std::string name : {"Stan Math", "ADOL-C", "by hand"}) {
      Row row{"scalar", c.name, 1, "us", median(c.times["gradus"]), name};
      if (!c.times[name].empty()) row.peer = median(c.times[name]);
      if (name == c.judged) row.floor = row.aim = c.wanted;
      print(row, options);
    }
  }
}
