// Whole training steps as plans, beside torch and loops by hand on Eigen. Ours and the peers take
// turns; medians. Before any timing the plan's bits are compared with the interpreter's.
#include <gradus/app/bench_step.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/ops/limits.h>

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "peers.h"
#include "process.h"
#include "rows.h"

namespace {

using namespace gradus;

bool same_as_interpreted(app::TrainingStep& step) {
  std::vector<Tensor> args = step.arguments;
  for (int i = 0; i < 10; ++i) {
    const std::vector<Tensor> expected = interpret(step.plan.graph(), args);
    step.plan.run();
    for (size_t o = 0; o < expected.size(); ++o)
      if (!same_bits(expected[o], step.plan.output_tensor(static_cast<int>(o)))) return false;
    std::copy_n(expected.begin(), step.carried, args.begin());
  }
  return true;
}

// Megabytes that a process of ours holds at most that trains this step for a moment; infinite where
// it fails.
double megabytes(const std::string& name, int threads) {
  const ProcessRun run = run_process(
      {our_program(), "bench", "step", name, "--threads", std::to_string(threads), "--json"});
  const auto answer = nlohmann::json::parse(run.out, nullptr, false);
  if (run.status != 0 || !answer.is_object()) return std::numeric_limits<double>::infinity();
  return answer["peak_bytes"].get<double>() / 1048576;
}

struct Wanted {
  double floor = 0, aim = 0;  // times the peer's speed; 0: there is no such peer
};
struct Case {
  const char* peers;  // their name of it
  Wanted torch, eigen;
};
const std::map<std::string, Case, std::less<>> cases{
    {"a", {"a_mlp_2_16_16_1_b32", {94 / 3.0, 94 / 1.2}, {1.25 / 3, 1.25 / 1.2}}},
    {"b", {"b_mlp_64_32_10_b32", {72 / 8.0, 72 / 4.0}, {5.7 / 8, 5.7 / 4}}},
    {"c", {"c_mlp_784_256_128_10_b128", {536 / 360.0, 536 / 310.0}, {483 / 360.0, 483 / 310.0}}},
    {"d", {"d_lenet5_b64", {3, 3 / 0.7}, {}}},
    {"e", {"e_resnet8_b32", {10.8 / 7.7, 10.8 / 6.5}, {}}},
    {"f", {"f_lstm128_s64_b32", {5.33 / 4.4, 5.33 / 4.0}, {}}},
    {"g", {"g_gpt_4l4h128_t128_b16", {53.6 / 31, 53.6 / 27.0}, {}}}};

}  // namespace

int main(int argc, char** argv) {
  const BenchOptions options = bench_options(argc, argv);
  const std::vector<int> counts =
      options.threads > 0 ? std::vector<int>{options.threads} : std::vector<int>{1, 2};
  using Place = std::pair<std::string, int>;  // name, threads
  std::map<Place, std::vector<double>> ours;
  std::map<Place, double> flops;
  std::map<int, double> peak;
  bool right = true;
  const auto measure = [&] {
    for (const int threads : counts) {
      set_thread_count(threads);
      peak[threads] = std::max(peak[threads], measure_flops().flops_f32);
      for (const app::StepModel& m : app::step_models()) {
        app::TrainingStep s = m.make();
        const Place at{m.name, threads};
        if (ours[at].empty() && !same_as_interpreted(s)) {
          std::fprintf(stderr, "step %s: the plan's bits are not the interpreter's\n",
                       at.first.c_str());
          right = false;
        }
        const app::StepTimes t = app::time_steps(s.plan, options.quick ? 0.01 : 0.3);
        if (t.allocations > 0) {
          std::fprintf(stderr, "step %s: %lld allocations\n", at.first.c_str(),
                       static_cast<long long>(t.allocations));
          right = false;
        }
        ours[at].push_back(t.median);
        flops[at] = s.flops;
      }
    }
  };
  measure();
  std::vector<PeerLine> torch, eigen, memory;
  if (!options.quick) {
    memory = peer_lines("train_torch_memory");
    for (const char* name : {"train_torch", "libtorch_mlp"}) {
      for (PeerLine& l : peer_lines(name)) torch.push_back(std::move(l));
      measure();
    }
    eigen = peer_lines("mlp_eigen");
    measure();
  }
  for (const app::StepModel& m : app::step_models()) {
    for (const int threads : counts) {
      const Place at{m.name, threads};
      Row row{"step", "(" + at.first + ") " + std::string(m.says), threads};
      row.ours = median(ours[at]);
      row.limit_share = flops[at] / (row.ours * 1e-6) / peak[threads];
      const auto c = cases.find(m.name);
      if (c == cases.end()) {
        print(row, options);
        continue;
      }
      const auto beside = [&](const char* name, const std::vector<PeerLine>& lines, Wanted wanted) {
        row.peer_name = name;
        row.peer = least(lines, c->second.peers, threads);
        row.floor = wanted.floor, row.aim = wanted.aim;
        print(row, options);
      };
      beside("torch, its best", torch, c->second.torch);
      if (c->second.eigen.aim > 0) beside("by hand, Eigen", eigen, c->second.eigen);
      if (options.quick) continue;
      Row held{"step",
               "(" + at.first + ") the whole process holds",
               threads,
               "MB",
               megabytes(at.first, threads),
               "torch, its least"};
      held.peer = least(memory, c->second.peers, threads);
      print(held, options);
    }
  }
  return right ? 0 : 1;
}
