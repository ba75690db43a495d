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

// Microseconds a call, over about 20 ms.
double time(const std::function<void()>& f) {
  using clock = std::chrono::steady_clock;
  const auto us = [](clock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
  };
  long calls = 1;
  for (;;) {
    const auto start = clock::now();
    for (long i = 0; i < calls; ++i) f();
    const double t = us(clock::now() - start);
    if (t > 20'000) return t / static_cast<double>(calls);
    calls = t < 1000 ? calls * 20 : static_cast<long>(static_cast<double>(calls) * 25'000 / t);
  }
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct Row {
  std::string name;
  std::function<void()> ours, by_hand;
  std::map<std::string, std::vector<double>> times;
};

}  // namespace

int main() {
  std::mt19937 engine(0);
  std::normal_distribution<double> normal;
  std::vector<double> small(10), large(1000);
  for (double& v : small) v = normal(engine);
  for (double& v : large) v = normal(engine);
  std::vector<double> g_small(10), g_large(1000), h(100);
  const auto keep = [](const std::vector<double>& v) {
    asm volatile("" ::"r"(v.data()) : "memory");
  };
  std::vector<Row> rows{
      {"rosenbrock grad n=10", [&] { scalars::value_and_gradient(rosenbrock, small, g_small); },
       [&] { gradient_by_hand(small, g_small), keep(g_small); }},
      {"rosenbrock grad n=1000", [&] { scalars::value_and_gradient(rosenbrock, large, g_large); },
       [&] { gradient_by_hand(large, g_large), keep(g_large); }},
      {"rosenbrock hessian n=10", [&] { h = scalars::hessian(rosenbrock, small); },
       [&] { hessian_by_hand(small, h), keep(h); }}};
  const std::vector<std::string> peers{"ad_stan", "ad_adolc"};
  for (int round = 0; round < 7; ++round) {
    for (Row& row : rows) {
      row.times["gradus"].push_back(time(row.ours));
      row.times["by hand"].push_back(time(row.by_hand));
    }
    for (const std::string& peer : peers) {
      const auto numbers = run_peer(peer);
      for (Row& row : rows)
        if (const auto it = numbers.find(row.name); it != numbers.end())
          row.times[peer].push_back(it->second);
    }
  }
  std::printf("%-26s %9s %9s %21s %21s\n", "us, medians of 7", "gradus", "by hand", "Stan Math",
              "ADOL-C");
  for (Row& row : rows) {
    const double ours = median(row.times["gradus"]);
    std::printf("%-26s %9.3f %9.4f", row.name.c_str(), ours, median(row.times["by hand"]));
    for (const std::string& peer : peers)
      if (row.times[peer].empty())
        std::printf(" %21s", run_peer(peer).empty() ? "not installed" : "-");
      else
        std::printf(" %12.3f (%5.1fx)", median(row.times[peer]), median(row.times[peer]) / ours);
    std::puts("");
  }
}
